"""The meaning of replay: which recorded answer a call gets. Nothing else decides it.

The rules, and where each lives:

    1   start and end on one clock                      `timelines.Timeline`, `worlds.World`
    2   identities are found inside strings             `tokens`, `identities`
    3   what a write introduces, and parents            `worlds.World.learn`
    4   subjects, and the writes that concern them      `worlds.World.concerning`, `views.make_view`
    5   matching by position, bindings a bijection      `templates`, `index`, `bindings.Bindings.unify`
    6   credentials                                     `credentials`
    7   a read conjures nothing                         `find_conjured`
    8   a write answers once                            `session.Session.play`, `Serve.settle`
    9   ties                                            `rank`
    10  headers that count, values that are left out    `matching`, `loading`
    11  the state of a read                             `timelines.Timeline.find`
    12  before and during a write                       `timelines.find_state`
    13  equal neighbours are one step                   `timelines.collapse`, `documents.Stable`
    14  lists are composed                              `documents`, `views`, `reading`
    15  progress by caller and timeline                 `session.Session.tell`
    16  one thing, one time                             `session.Session.tell`
    17  serving                                         `serving`, `addresses`

A cassette is a world of its own. Among worlds that could answer, the scenario's goes first, then the one in which the
latest write about the thing was played, then the first by name.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Struct

from cpproxy.core import redaction
from cpproxy.core.addresses import Public, addresses
from cpproxy.core.bindings import Contradiction
from cpproxy.core.calls import Outcome
from cpproxy.core.config import ReplaySettings
from cpproxy.core.credentials import Sent, judge, read_credentials, spell_missing
from cpproxy.core.identities import Identity
from cpproxy.core.index import Bucket, Hit, Line
from cpproxy.core.loading import Library, Source, as_request, load, name_of
from cpproxy.core.matching import Form, normalise
from cpproxy.core.messages import Answer, Request
from cpproxy.core.misses import Miss, explain
from cpproxy.core.reading import Reading, read
from cpproxy.core.routes import Route, RouteTable
from cpproxy.core.serving import Scripts, Text, write
from cpproxy.core.session import Session
from cpproxy.core.worlds import MISSING, Entry, Once

_REMEMBERED = 16_384
_DEFAULTS = ReplaySettings()


class Serve(Struct, frozen=True, eq=False):
    """An answer for the call. `settle` must be called once, with whether the answer reached the client whole.

    `variant` is equal for answers that are the same, None for one of its own; `doubt` says why the recording does not
    determine it; `note` is a finding about the call.
    """

    entry: Entry
    session: Session
    form: Form
    reading: Reading | None = None
    variant: object = ()
    public: Public | None = None
    body: Text | None = None
    doubt: str = ""
    note: str = ""
    scripts: Scripts | None = None
    upstream: str = ""
    final: bool = False
    """Of a write that repeats: whether this is the answer that it repeats."""

    def is_settled(self) -> bool:
        """Whether the same call gets the same answer until something changes in the session."""
        if self.reading is not None:
            return self.reading.final and self.variant is not None
        return self.entry.once is Once.STAYS and self.final

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
        return write(script, self.session.bindings, self.public, accept_encoding, self.body)


@dataclass(frozen=True, slots=True)
class Refuse:
    """No answer for the call: what became of it, the status to answer with, and why, in one sentence.

    `denial` is the recorded denial of that route, which goes out instead of an empty one.
    """

    outcome: Outcome
    status: int
    reason: str
    form: Form
    route: str = ""
    used_up: bool = False
    miss: Miss | None = None
    denial: Serve | None = None


type Decision = Serve | Refuse


@dataclass(frozen=True, slots=True)
class Candidate:
    """A line that a call fits, what it would bind, and those of its entries that it may get."""

    line: Line
    added: dict[Identity, str]
    entries: tuple[Entry, ...]
    free: int
    contradicting: int


@dataclass(slots=True)
class Search:
    """What a call fits, and why it does not fit the rest."""

    candidates: list[Candidate]
    contradictions: list[tuple[Line, Contradiction]]
    conjured: list[tuple[Entry, Identity]]
    lacking: list[Line]
    spent: list[Line]
    refused: list[str]


@dataclass(frozen=True, slots=True)
class Asking:
    """A live call as it is judged: what of it counts, in which session, by whom, and where it reached the front."""

    form: Form
    session: Session
    sent: Sent
    public: Public | None
    route: Route | None


class Replay:
    """All chosen cassettes, and the sessions that play them."""

    def __init__(self, sources: Iterable[Source], routes: RouteTable, settings: ReplaySettings = _DEFAULTS) -> None:
        """Reads every interaction; raises what the sources raise."""
        self.routes = routes
        self.library: Library = load(sources, routes, settings)
        self.cassettes = {name: len(world.entries) for name, world in self.library.worlds.items()}
        self._scripts = Scripts(self.library.catalogue)
        self._sessions: dict[str, Session] = {}
        self._denials: dict[tuple[str, str], Entry] = {}
        for world in self.library.worlds.values():
            for entry in world.entries:
                if entry.status == 401:
                    self._denials.setdefault(_denial_key(entry), entry)

    def __len__(self) -> int:
        return sum(self.cassettes.values())

    def session(self, name: str) -> Session:
        """The session of that name, begun now if there was none."""
        found = self._sessions.get(name)
        if found is None:
            found = self._sessions[name] = Session()
        return found

    def reset(self, name: str) -> None:
        """Forgets what the session has played."""
        self._sessions.pop(name, None)

    def decide(self, request: Request, session: str, scenario: str, public: Public | None = None) -> Decision:
        """What the call gets. `scenario` is the name of the cassette that goes first, or nothing.

        `public` is where this client reached the front.
        """
        state = self._sessions.get(session) or self.session(session)
        key = (request.method, request.target, request.headers, request.body, request.client, scenario)
        settled = state.settled.get(key)
        if settled is not None and (settled.public is None or settled.public == public):
            return settled
        decision = self._decide(request, state, scenario, public)
        if isinstance(decision, Serve) and not request.omitted and decision.is_settled():
            if len(state.settled) >= _REMEMBERED:
                state.settled.clear()
            state.settled[key] = decision
        return decision

    def _decide(self, request: Request, state: Session, scenario: str, public: Public | None) -> Decision:
        sent = read_credentials(request.headers, request.client)
        if public is not None and (public.name in request.target or public.name.encode() in request.body):
            request = _with_token(request, public)
        route = self.routes.find(request.method, request.path, request)
        form = normalise(request, route)
        if sent.duplicate:
            reason = (
                f"{form.method} {form.path} has more than one {sent.duplicate}: which of them counts is anybody's guess"
            )
            return Refuse(Outcome.UNAUTHORIZED, 401, reason, form, name_of(route))
        search = self._search(form, state, sent, scenario, request)
        if not search.candidates:
            return self._refuse(form, route, search, state, sent, public)
        best = search.candidates[0].entries[0]
        if best.once is Once.USED_UP or best.write:
            return self._write(search.candidates[0], form, state, sent, public)
        return self._read(search.candidates, form, state, sent, public)

    def _search(self, form: Form, session: Session, sent: Sent, scenario: str, request: Request) -> Search:
        """The lines that a call fits, the best first (rules 5 to 9)."""
        search = Search([], [], [], [], [], [])
        for hit in self.library.index.find(form):
            for line in self._lines(hit, session):
                if line.accept is not None and line.accept != _accept(request):
                    continue
                candidate = self._try(line, hit, session, sent, search)
                if candidate is None:
                    continue
                search.candidates.append(candidate)
                if self._is_best(candidate, hit.bucket, scenario):
                    break
        search.candidates.sort(key=lambda one: rank(one, session, scenario))
        return search

    def _lines(self, hit: Hit, session: Session) -> Iterator[Line]:
        """The lines that the values may mean; of writes, without those at the front that are used up."""
        lines = hit.bucket.candidates(hit.values, session.bindings, self.library.catalogue)
        if lines is not hit.bucket.order or len(lines) < 4:
            yield from lines
            return
        start = session.cursors.get(hit.bucket, 0)
        while start < len(lines) - 1 and _is_spent(lines[start], session):
            start += 1
        session.cursors[hit.bucket] = start
        for at in range(start, len(lines)):
            yield lines[at]

    def _is_best(self, candidate: Candidate, bucket: Bucket, scenario: str) -> bool:
        """Whether no later line of a bucket can be better."""
        return (
            len(bucket.order) > 4
            and candidate.entries[0].write
            and not candidate.contradicting
            and (not scenario or candidate.line.world.name == scenario)
        )

    def _try(self, line: Line, hit: Hit, session: Session, sent: Sent, search: Search) -> Candidate | None:
        first = line.entries[0]
        entries = line.choose(sent.present)
        if not entries:
            search.lacking.append(line)
            return None
        if first.once is Once.USED_UP:
            entries = tuple([entry for entry in entries if entry not in session.taken])
            if not entries:
                search.spent.append(line)
                return None
        added = session.bindings.unify(line.slots, hit.values, self.library.catalogue, firm=first.write)
        if isinstance(added, Contradiction):
            search.contradictions.append((line, added))
            return None
        conjured = find_conjured(line, entries, added, session)
        if conjured is not None:
            search.conjured.append(conjured)
            return None
        judged = judge(entries, sent, session.secrets, strict=self.library.settings.strict_credentials)
        if isinstance(judged, str):
            search.refused.append(judged)
            return None
        free = sum(identity != value for identity, value in added.items())
        return Candidate(line, added, judged.entries, free, judged.contradicting)

    def _write(self, candidate: Candidate, form: Form, session: Session, sent: Sent, public: Public | None) -> Decision:
        """The next answer of a write, which is then reserved (rule 8)."""
        entries = candidate.entries
        entry = next((one for one in entries if one not in session.taken), entries[-1])
        if entry.omitted:
            return _too_large(entry, form)
        final = entry in session.taken
        if session.bindings.bind(candidate.added) or not final:
            session.play(entry)
        return self._serve(entry, form, session, sent, public, final=final)

    def _read(
        self,
        candidates: list[Candidate],
        form: Form,
        session: Session,
        sent: Sent,
        public: Public | None,
    ) -> Decision:
        """What the first of the candidates tells that tells something for certain, else the first that does at all."""
        doubtful: tuple[Candidate, Reading] | None = None
        library = self.library
        for candidate in candidates:
            reading = read(candidate.line, candidate.entries, session, sent, library)
            if reading is None:
                continue
            if not reading.doubt:
                return self._tell(candidate, reading, form, session, sent, public)
            doubtful = doubtful or (candidate, reading)
        if doubtful is not None:
            return self._tell(*doubtful, form, session, sent, public)
        entry = candidates[0].entries[0]
        reason = (
            f"{form.method} {form.path} was not recorded before the write: the first answer of cassette "
            f"{entry.cassette} is {entry.id}, and came after writes that nobody has played"
        )
        return Refuse(Outcome.MISS, 421, reason, form, entry.route, miss=self._explain(form, None, session))

    def _tell(  # noqa: PLR0917 (as above)
        self,
        candidate: Candidate,
        reading: Reading,
        form: Form,
        session: Session,
        sent: Sent,
        public: Public | None,
    ) -> Decision:
        entry = reading.entry
        if entry.omitted:
            return _too_large(entry, form)
        if candidate.added:
            if session.bindings.bind(candidate.added, loose=_loose(candidate, entry)):
                session.settled.clear()
        reading.commit(session)
        session.taken.add(entry)
        return self._serve(entry, form, session, sent, public, reading)

    def _serve(  # noqa: PLR0917 (as above)
        self,
        entry: Entry,
        form: Form,
        session: Session,
        sent: Sent,
        public: Public | None,
        reading: Reading | None = None,
        *,
        final: bool = False,
    ) -> Serve:
        """The answer with what this session writes into it (rule 17)."""
        upstream = self.library.worlds[entry.cassette].upstream
        script = self._scripts.of(entry, upstream)
        secrets, addressed = script.secrets, script.addressed
        body = None
        variant: object = script.variant(session.bindings) if session.bindings.renamed else ()
        if reading is not None and reading.document is not None:
            body, secrets, addressed = self._scripts.document(reading.document, entry.interaction(), upstream)
            variant = None
        elif addressed and public is not None:
            variant = (variant, public)
        note = sent.use(entry, session)
        sent.receive(entry, secrets, session)
        return Serve(
            entry=entry,
            session=session,
            form=form,
            reading=reading,
            variant=variant,
            public=public if addressed else None,
            body=body,
            doubt="" if reading is None else reading.doubt,
            note=note,
            scripts=self._scripts,
            upstream=upstream,
            final=final,
        )

    def _refuse(
        self, form: Form, route: Route | None, search: Search, session: Session, sent: Sent, public: Public | None
    ) -> Refuse:
        """Why nothing that was recorded answers a call."""
        name = name_of(route)
        if search.spent and not search.lacking:
            entry = search.spent[-1].entries[-1]
            count = sum(len(line.entries) for line in search.spent)
            reason = (
                f"{form.method} {form.path} is used up: it was recorded {count} time(s), last as "
                f"{entry.id} of cassette {entry.cassette}, and a write answers once"
            )
            return Refuse(Outcome.MISS, 421, reason, form, name, used_up=True)
        if search.refused or (search.lacking and not search.contradictions):
            reason = search.refused[0] if search.refused else spell_missing(search.lacking, sent, form)
            return self._deny(form, name, reason, session, sent, public)
        if search.conjured:
            entry, identity = search.conjured[0]
            reason = (
                f"no recorded interaction answers {form.method} {form.path}: it names what {entry.id} of cassette "
                f"{entry.cassette} makes ({identity} there), and nobody has played that write"
            )
            return Refuse(Outcome.MISS, 421, reason, form, name, miss=self._explain(form, route, session))
        miss = self._explain(form, route, session, search)
        return Refuse(Outcome.MISS, 421, miss.sentence(), form, name, miss=miss)

    def _deny(  # noqa: PLR0917 (as above)
        self, form: Form, route: str, reason: str, session: Session, sent: Sent, public: Public | None
    ) -> Refuse:
        """The 401 that was recorded for the route, else an empty one."""
        entry = self._denials.get((form.method, route or form.path))
        denial = None if entry is None else self._serve(entry, form, session, sent, public)
        return Refuse(Outcome.UNAUTHORIZED, 401, reason, form, route, denial=denial)

    def _explain(self, form: Form, route: Route | None, session: Session, search: Search | None = None) -> Miss:
        compared = () if route is None else route.compare
        contradictions = [] if search is None else search.contradictions
        return explain(form, compared, self._neighbours(form), session.bindings, self.library, contradictions)

    def _neighbours(self, form: Form) -> Iterator[tuple[Entry, Form]]:
        """Recorded requests worth comparing with; the likeliest first."""
        lines = [line for bucket in self.library.index.buckets() for line in bucket.order]
        lines.sort(key=lambda line: (_unlike(line.entries[0].path, form.path), line.entries[0].method != form.method))
        for line in lines:
            entry = line.entries[0]
            request = as_request(entry.interaction(), line.world.upstream)
            yield entry, normalise(request, self.routes.find(request.method, request.path, request))


def rank(candidate: Candidate, session: Session, scenario: str) -> tuple[Any, ...]:
    """How candidates are ordered (rule 9): never by chance, and never by a distance."""
    entry = candidate.entries[0]
    world = candidate.line.world
    played = 0 if entry.write else -max((session.played.get(one.number, 0) for one in _about(candidate)), default=0)
    return (world.name != scenario, candidate.free, candidate.contradicting, played, entry.number)


def _about(candidate: Candidate) -> tuple[Entry, ...]:
    return candidate.line.world.concerning(slot.identity for slot in candidate.line.slots if not slot.secret)


def find_conjured(
    line: Line, entries: tuple[Entry, ...], added: dict[Identity, str], session: Session
) -> tuple[Entry, Identity] | None:
    """The write that makes what a call would bind, and that nobody has played (rule 7); None where all is well.

    What was recorded before that write began (a 404) may be asked before it, too.
    """
    for identity, value in added.items():
        creator = line.world.creators.get(identity)
        if creator is None or value == identity or creator in entries or session.is_played(creator):
            continue
        if min(entry.start for entry in entries) >= creator.start:
            return creator, identity
    return None


def _loose(candidate: Candidate, entry: Entry) -> frozenset[Identity]:
    """What a read binds of things that are not there, or not yet: a write may bind it anew."""
    creators = candidate.line.world.creators
    return frozenset(one for one in candidate.added if one in creators or entry.status in MISSING)


def _is_spent(line: Line, session: Session) -> bool:
    return all(entry in session.taken and entry.once is Once.USED_UP for entry in line.entries)


def _accept(request: Request) -> str:
    return next((value.decode("latin-1") for name, value in request.headers if name.lower() == b"accept"), "")


def _with_token(request: Request, public: Public) -> Request:
    """The call with a token for the front's address, as the cassette has one for the upstream's."""
    known = addresses(f"{public.scheme}://{public.authority}{public.prefix}")
    if known is None:
        return request
    body = known.tokenise(request.body.decode("latin-1")).encode("latin-1") if request.body else b""
    target = known.tokenise(request.target)
    return Request(request.method, target, request.headers, body, request.client, request.omitted)


def _denial_key(entry: Entry) -> tuple[str, str]:
    return (entry.method, entry.route or entry.path)


def _too_large(entry: Entry, form: Form) -> Refuse:
    reason = (
        f"{entry.id} of cassette {entry.cassette} was recorded without its body of {entry.omitted} bytes, "
        "which is over the limit; raise body_limit of [record] and record it again"
    )
    return Refuse(Outcome.MISS, 421, reason, form, entry.route)


def _unlike(recorded: str, live: str) -> int:
    """How many segments of two paths differ."""
    ours, theirs = recorded.split("/"), live.split("/")
    return 2 * abs(len(ours) - len(theirs)) + sum(a != b for a, b in zip(ours, theirs, strict=False))


def document(form: Form) -> Any:  # noqa: ANN401 (JSON)
    """The JSON of a call's body, masked for the ledger; None where the body is none or not JSON."""
    value = form.body.value if form.body.kind == "json" else None
    return None if value is None else redaction.mask(msgspec.json.decode(msgspec.json.encode(value)))
