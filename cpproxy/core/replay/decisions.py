"""Which recorded answer a call gets, or why it gets none: the rules of replay put together, for each session."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from operator import itemgetter

from msgspec import Struct, structs

from cpproxy.core import bodies
from cpproxy.core.addresses import Public, addresses, unify
from cpproxy.core.calls import Outcome
from cpproxy.core.cassette import Credential
from cpproxy.core.config import ReplaySettings
from cpproxy.core.matching import CONDITIONAL, digest, normalise
from cpproxy.core.messages import Answer, Headers, Request, as_text, as_wire
from cpproxy.core.redaction.names import is_credential_header
from cpproxy.core.redaction.redactor import Redactor
from cpproxy.core.replay.credentials import read_credentials, spell, spell_missing
from cpproxy.core.replay.echoes import read_echoes
from cpproxy.core.replay.guesses import Guesses, spell_guesses
from cpproxy.core.replay.loading import Library, Source, load, name_of
from cpproxy.core.replay.misses import Miss, explain
from cpproxy.core.replay.reading import Reading, find_unmade, read
from cpproxy.core.replay.search import Asking, Candidate, Search, find_loose, search
from cpproxy.core.replay.serving import Scripts, Text, write
from cpproxy.core.replay.session import Session
from cpproxy.core.replay.worlds import MISSING, Entry, Once
from cpproxy.core.routes import RouteTable

_REMEMBERED = 16_384
_COUNTED = frozenset({b"accept", b"content-encoding", b"content-type", *CONDITIONAL})
_DEFAULTS = ReplaySettings()


class Serve(Struct, frozen=True, eq=False):
    """An answer for the call. `settle` must be called once, with whether the answer reached the client whole.

    `variant` is equal for answers that are the same, None for one of its own; `doubt` says why the recording does not
    determine it; `note` is a finding about the call.
    """

    entry: Entry
    session: Session
    reading: Reading | None = None
    variant: object = ()
    public: Public | None = None
    body: Text | None = None
    doubt: str = ""
    note: str = ""
    scripts: Scripts | None = None
    upstream: str = ""
    final: bool = False
    """Whether the same is answered again, so that nothing is lost when it does not arrive."""
    echoes: dict[str, str] = {}
    """What this call alone is told back, by what stands for it in the recorded answer."""

    def is_settled(self) -> bool:
        """Whether the same call gets the same answer until something changes in the session."""
        if self.reading is not None:
            said = bool(self.note) or self.doubt != self.reading.doubt  # of this call alone
            return self.reading.final and self.variant is not None and not said
        return self.entry.once is Once.STAYS and self.final and not self.echoes

    def settle(self, delivered: bool) -> None:  # noqa: FBT001 (there is nothing else to say)
        """Releases the interaction when its answer was cut off, so that the client's next try gets it."""
        if not delivered:
            if self.reading is not None:
                self.reading.undo(self.session)
            elif not self.final:
                self.session.release(self.entry)

    def answer(self, accept_encoding: bytes | None) -> Answer:
        """The answer for a client that accepts these content codings (None where it did not say)."""
        if self.scripts is None:
            raise RuntimeError("an answer without its scripts")
        script = self.scripts.of(self.entry, self.upstream)
        return write(script, self.session.bindings, self.public, accept_encoding, self.body, self.echoes)


@dataclass(frozen=True, slots=True)
class Refuse:
    """No answer for the call: what became of it, the status to answer with, and why, in one sentence.

    `denial` is the recorded denial of that route, which goes out instead of an empty one.
    """

    outcome: Outcome
    status: int
    reason: str
    route: str = ""
    used_up: bool = False
    miss: Miss | None = None
    denial: Serve | None = None


type Decision = Serve | Refuse


class Replay:
    """All chosen cassettes, and the sessions that play them. `redactor` is for what is told of a call's values."""

    def __init__(
        self,
        sources: Iterable[Source],
        routes: RouteTable,
        settings: ReplaySettings = _DEFAULTS,
        redactor: Redactor | None = None,
    ) -> None:
        """Reads every interaction; raises what the sources raise."""
        self.routes = routes
        self._redactor = redactor or Redactor()
        self.library: Library = load(sources, routes, settings)
        self.tapes = tuple(self.library.worlds.values())
        self._guesses = Guesses(self.library)
        self._scripts = Scripts(self.library.catalogue)
        self._counted = _COUNTED.union(routes.headers)
        self._examine = lru_cache(maxsize=1024)(self._read_traits)  # clients send the same headers again and again
        self._sessions: dict[str, Session] = {}
        self._denials: dict[tuple[str, str], list[Entry]] = {}
        for world in self.library.worlds.values():
            for entry in world.entries:
                if entry.status == 401:
                    self._denials.setdefault((entry.method, entry.route or entry.path), []).append(entry)

    def __len__(self) -> int:
        return sum(len(world.entries) for world in self.tapes)

    def session(self, name: str) -> Session:
        """The session of that name, begun now if there was none."""
        found = self._sessions.get(name)
        if found is None:
            found = self._sessions[name] = Session()
        return found

    def open(self, name: str, cassettes: Iterable[str] = ()) -> None:
        """Begins a session anew that plays these cassettes, or all where none is named."""
        self._sessions[name] = Session(frozenset(cassettes) or None)

    def reset(self, name: str) -> None:
        """Forgets what the session has played."""
        session = self._sessions.pop(name, None)
        if session is not None and session.worlds is not None:
            self.open(name, session.worlds)

    def close(self, name: str) -> None:
        """Forgets the session."""
        self._sessions.pop(name, None)

    def decide(self, request: Request, session: str, scenario: str, public: Public | None = None) -> Decision:
        """What the call gets. `scenario` is the name of the cassette that goes first, or nothing.

        `public` is where this client reached the front.
        """
        state = self.session(session)
        traits = self._examine(request.headers)
        key = (request.method, request.target, digest(request.body), traits, request.client, scenario, public)
        settled: Serve | None = state.settled.get(key)
        if settled is not None:
            return settled
        decision = self._decide(request, state, scenario, public)
        if isinstance(decision, Serve) and not request.omitted and decision.is_settled():
            if len(state.settled) >= _REMEMBERED:
                state.settled.clear()
            state.settled[key] = structs.replace(decision, reading=None, final=True)
        return decision

    def _read_traits(self, headers: Headers) -> tuple[tuple[bytes, bytes], ...]:
        """Those of a call's headers that anything depends on; equal however the client orders them."""
        lowered = ((name.lower(), value) for name, value in headers)
        return tuple(
            sorted(
                ((name, value) for name, value in lowered if name in self._counted or is_credential_header(name)),
                key=itemgetter(0),
            )
        )

    def _decide(self, request: Request, session: Session, scenario: str, public: Public | None) -> Decision:
        if public is not None and (public.name in request.target or public.name.encode() in request.body):
            request = _with_token(request, public)
        route = self.routes.find(request.method, request.path, request)
        asked = (
            request if public is None or route is None or not route.compare else _with_token_in_headers(request, public)
        )
        form = normalise(asked, route)
        sent = read_credentials(request.headers, request.client)
        asking = Asking(form, _accept(request), route, sent, session, scenario, public, asked)
        found = search(asking, self.library)
        if sent.duplicate is not None:
            found.candidates = _recorded_with(sent.duplicate, found.candidates)
            if not found.candidates:
                name = spell(Credential(sent.duplicate.header))
                reason = f"{form.method} {form.path} has more than one {name}: which of them counts is anybody's guess"
                return self._deny(asking, reason)
        if not found.candidates:
            return self._refuse(asking, found)
        write = found.candidates[0].entries[0].write
        return self._write(asking, found.candidates) if write else self._read(asking, found.candidates)

    def _write(self, asking: Asking, candidates: list[Candidate]) -> Decision:
        """The next answer of a write, which is then reserved (rule 8)."""
        candidate = candidates[0]
        session, entries = asking.session, candidate.entries
        entry = next((one for one in entries if one not in session.taken), entries[-1])
        if entry.omitted:
            return _lacks_body(entry)
        final = entry in session.taken
        guess = "" if final else self._guesses.judge_write(entry, candidate, asking)
        note = "" if final else self._guesses.note_world(candidate, candidates, asking)
        if session.bindings.bind(candidate.added) or not final:
            session.play(entry)
        guess = guess or find_unmade(entry, candidate.line.world, session)
        asking.sent.use_slots(entry, candidate.values, session)
        return self._serve(asking, entry, final=final, guess=guess, note=note)

    def _read(self, asking: Asking, candidates: list[Candidate]) -> Decision:
        """What the first of the candidates tells that tells something for certain, else the first that does at all."""
        doubtful: tuple[Candidate, Reading] | None = None
        for candidate in candidates:
            reading = read(candidate.line, candidate.entries, asking.session, asking.sent, self.library)
            if reading is not None and not reading.doubt:
                return self._tell(asking, candidate, reading, candidates)
            if reading is not None and doubtful is None:
                doubtful = (candidate, reading)
        if doubtful is not None:
            return self._tell(asking, *doubtful, candidates)
        entry = candidates[0].entries[0]
        late = "it came after writes that nobody has played"
        reason = (
            f"{asking.form.method} {asking.form.path} was not recorded before the write: the first answer of cassette "
            f"{entry.cassette} is {entry.id}, and came after writes that nobody has played"
        )
        miss = explain(asking, Search(), self.library, self._redactor, late)
        return Refuse(Outcome.MISS, 421, reason, entry.route, miss=miss)

    def _tell(self, asking: Asking, candidate: Candidate, reading: Reading, candidates: list[Candidate]) -> Decision:
        session, entry = asking.session, reading.entry
        if entry.omitted:
            return _lacks_body(entry)
        guess = self._guesses.judge_read(entry, candidate, candidates, asking)
        loose = find_loose(candidate, missing=entry.status in MISSING)
        if session.bindings.bind(candidate.added, loose=loose):
            session.settled.clear()
        reading.commit(session)
        asking.sent.use_slots(entry, candidate.values, session)
        session.taken.add(entry)
        note = self._guesses.note_credential(candidate, asking)
        return self._serve(asking, entry, reading, guess=guess, note=note)

    def _serve(
        self,
        asking: Asking,
        entry: Entry,
        reading: Reading | None = None,
        *,
        final: bool = False,
        guess: str = "",
        note: str = "",
    ) -> Serve:
        """The answer with what this session writes into it (rule 17)."""
        session = asking.session
        upstream = self.library.worlds[entry.cassette].upstream
        marks = self._scripts.marks(entry, upstream)
        composed = reading is not None and reading.document is not None
        echoes = read_echoes(entry, asking.form, self.library.catalogue, composed=composed)
        secrets, addressed = marks.secrets, marks.addressed
        body = None
        variant: object = marks.variant(session.bindings) if session.bindings.renamed else ()
        if reading is not None and reading.document is not None:
            body, secrets, addressed = self._scripts.document(reading.document, entry.interaction(), upstream, echoes)
            variant = None
        elif addressed and asking.public is not None:
            variant = (variant, asking.public)
        if echoes:
            variant = None
        note = asking.sent.use(entry, session) or note
        asking.sent.receive(entry, secrets, session)
        handed_out = self.library.worlds[entry.cassette].handed_out
        for identity in marks.identities if body is None else (identity for identity, _ in body.gaps):
            if identity in handed_out:
                session.bindings.serve(identity)
        return Serve(
            entry=entry,
            session=session,
            reading=reading,
            variant=variant,
            public=asking.public if addressed else None,
            body=body,
            doubt=guess if reading is None or not reading.doubt else reading.doubt,
            note=note,
            scripts=self._scripts,
            upstream=upstream,
            final=final,
            echoes=echoes,
        )

    def _refuse(self, asking: Asking, found: Search) -> Refuse:
        """Why nothing that was recorded answers a call."""
        form, name = asking.form, name_of(asking.route)
        call = f"{form.method} {form.path}"
        if found.spent and not found.lacking:
            entry = found.spent[-1].entries[-1]
            count = sum(len(line.entries) for line in found.spent)
            reason = (
                f"{call} is used up: it was recorded {count} time(s), last as "
                f"{entry.id} of cassette {entry.cassette}, and a write answers once"
            )
            miss = explain(asking, found, self.library, self._redactor)
            return Refuse(Outcome.MISS, 421, reason + miss.advise(), name, used_up=True, miss=miss)
        if found.refused or (found.lacking and not found.contradictions):
            reason = found.refused[0] if found.refused else spell_missing(found.lacking, asking.sent, form)
            return self._deny(asking, reason)
        why = ""
        if found.conjured:
            entry, identity = found.conjured[0]
            why = f"it names what {entry.id} makes, and nobody has played that write"
        miss = explain(asking, found, self.library, self._redactor, why)
        reason = miss.sentence()
        if found.conjured:
            reason = (
                f"no recorded interaction answers {call}: it names what {entry.id} of cassette "
                f"{entry.cassette} makes ({identity} there), and nobody has played that write"
            )
        reason += spell_guesses(form, asking.session, self.library)
        return Refuse(Outcome.MISS, 421, reason, name, miss=miss)

    def _deny(self, asking: Asking, reason: str) -> Refuse:
        """A call whose credentials will not do gets the recorded 401 of its route, where there is one."""
        name = name_of(asking.route)
        denied = self._denials.get((asking.form.method, name or asking.form.path), ())
        own = next((one for one in denied if asking.session.plays(one.cassette)), None)
        denial = None if own is None else self._serve(asking, own)
        return Refuse(Outcome.UNAUTHORIZED, 401, reason, name, denial=denial)


def _recorded_with(credential: Credential, candidates: list[Candidate]) -> list[Candidate]:
    """What of the candidates was recorded with a credential."""
    pairs = ((one, tuple(entry for entry in one.entries if credential in entry.credentials)) for one in candidates)
    return [replace(one, entries=entries) for one, entries in pairs if entries]


def _accept(request: Request) -> str:
    return next((value.decode("latin-1") for name, value in request.headers if name.lower() == b"accept"), "")


def _with_token(request: Request, public: Public) -> Request:
    """The call with a token for the front's address, as the cassette has one for the upstream's."""
    known = addresses(public.url)
    if known is None:
        return request
    body = unify(known.tokenise(request.body.decode("latin-1"))).encode("latin-1") if request.body else b""
    target = unify(known.tokenise(request.target))
    return Request(request.method, target, request.headers, body, request.client, request.omitted)


def _with_token_in_headers(request: Request, public: Public) -> Request:
    """The call with the same token in its headers, for routes that compare some."""
    known = addresses(public.url)
    if known is None:
        return request
    headers = as_wire(known.tokenise_headers(as_text(request.headers)))
    return Request(request.method, request.target, headers, request.body, request.client, request.omitted)


def _lacks_body(entry: Entry) -> Refuse:
    why = bodies.why_omitted(entry.interaction().response)
    reason = f"{entry.id} of cassette {entry.cassette} was recorded without its body of {entry.omitted} bytes: it {why}"
    return Refuse(Outcome.MISS, 421, reason, entry.route)
