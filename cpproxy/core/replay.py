"""The meaning of replay: which recorded answer a call gets. Nothing else decides it.

Interactions are kept in lines: those of one line have equal requests, in recorded order. A call finds its line by key,
drops the interactions whose credentials it lacks, and takes the first that was not played yet. A read's last answer
stays; a write answers once, reserved at the match, and released when its answer did not reach the client whole. The
cassette of the session's scenario goes first, the others stay behind it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import msgspec
from msgspec import Struct, structs

from cpproxy.core import bodies, redaction
from cpproxy.core.calls import Outcome
from cpproxy.core.cassette import Body, Credential, Interaction
from cpproxy.core.matching import ANY_BODY, Form, Key, conditions, digest, normalise
from cpproxy.core.messages import Answer, Chunk, Headers, Omitted, Request, as_wire, find_header
from cpproxy.core.misses import Miss, explain
from cpproxy.core.routes import Route, RouteTable, is_write, repeats

_INTERACTION = msgspec.json.Decoder(Interaction)
_DENIED = frozenset({401, 403})
_REMEMBERED = 16_384
_LONGEST_REMEMBERED = 64 * 1024  # bytes of a body
_BODILESS = frozenset({204, 304})


class Source(Protocol):
    """A cassette as it was read: `interactions` yields each as it stands in the file, and decoded."""

    @property
    def name(self) -> str:
        """The cassette's name."""

    def interactions(self) -> Iterable[tuple[msgspec.Raw, Interaction]]:
        """The interactions in recorded order; raises CassetteError at the first that is not valid."""


class Once(Enum):
    """What a recorded interaction does after it was played."""

    STAYS = "stays"
    USED_UP = "used up"


class Entry(Struct, frozen=True, eq=False):
    """One recorded interaction, in little memory: it is decoded anew when its answer is asked for."""

    cassette: str
    id: str
    json: bytes
    credentials: frozenset[Credential]
    denied: bool
    once: Once
    route: str
    omitted: int = 0
    """The size in bytes of an answer that was too large to be recorded, and so cannot be given."""

    def interaction(self) -> Interaction:
        """The interaction, decoded."""
        return _INTERACTION.decode(self.json)

    def fits(self, credentials: frozenset[Credential]) -> bool:
        """Whether a call with these credentials may get it."""
        if self.denied and not self.credentials:
            return not credentials
        return self.credentials <= credentials


@dataclass(frozen=True, slots=True, eq=False)
class Eligible:
    """Those of a line that a call may get, the first `own` of them from its scenario's cassette."""

    entries: tuple[Entry, ...]
    own: int


type Line = tuple[Entry, ...]
"""The interactions of equal requests, in recorded order."""


class Shortage(Enum):
    """Why a line has no answer for a call."""

    CREDENTIALS = "no interaction fits the call's credentials"
    USED_UP = "those that fit were played, and none stays"


@dataclass(slots=True, eq=False)
class Session:
    """One isolated state of replay: what was played, and how far each choice of entries has come."""

    taken: set[Entry] = field(default_factory=set)
    choices: dict[tuple[Entry, frozenset[Credential], str], Eligible] = field(default_factory=dict)
    next: dict[Eligible, int] = field(default_factory=dict)

    def take(self, line: Line, credentials: frozenset[Credential], scenario: str) -> Entry | Shortage:
        """The first entry that fits and is not taken; else the last that stays, the scenario's own before others."""
        if len(line) == 1:  # nearly every line: what follows, without a memory of its own
            entry = line[0]
            if not entry.fits(credentials):
                return Shortage.CREDENTIALS
            if entry.once is Once.USED_UP and entry in self.taken:
                return Shortage.USED_UP
        else:
            eligible = self._choose(line, credentials, scenario)
            if not eligible.entries:
                return Shortage.CREDENTIALS
            found = self._step(eligible)
            if found is None:
                return Shortage.USED_UP
            entry = found
        self.taken.add(entry)
        return entry

    def _choose(self, line: Line, credentials: frozenset[Credential], scenario: str) -> Eligible:
        key = (line[0], credentials, scenario)
        found = self.choices.get(key)
        if found is None:
            fitting = [entry for entry in line if entry.fits(credentials)]
            fitting.sort(key=lambda entry: entry.cassette != scenario)
            own = sum(entry.cassette == scenario for entry in fitting)
            found = self.choices[key] = Eligible(tuple(fitting), own)
        return found

    def _step(self, eligible: Eligible) -> Entry | None:
        entries, own = eligible.entries, eligible.own
        position = self.next.get(eligible, 0)
        while position < len(entries) and entries[position] in self.taken:
            position += 1
        self.next[eligible] = position
        if position >= own > 0 and entries[own - 1].once is Once.STAYS:
            return entries[own - 1]
        if position < len(entries):
            return entries[position]
        return entries[-1] if entries[-1].once is Once.STAYS else None

    def release(self, entry: Entry) -> None:
        """Undoes a `take`."""
        self.taken.discard(entry)
        self.next.clear()


class Serve(Struct, frozen=True, eq=False):
    """An answer for the call. `settle` must be called once, with whether the answer reached the client whole."""

    entry: Entry
    session: Session
    request: Request
    route: Route | None

    def form(self) -> Form:
        """What of the call counted."""
        return normalise(self.request, self.route)

    def settle(self, delivered: bool) -> None:  # noqa: FBT001 (there is nothing else to say)
        """Releases the interaction when its answer was cut off, so that the client's next try gets it."""
        if not delivered:
            self.session.release(self.entry)


@dataclass(frozen=True, slots=True)
class Refuse:
    """No answer for the call: what became of it, the status to answer with, and why, in one sentence."""

    outcome: Outcome
    status: int
    reason: str
    form: Form
    route: str = ""
    used_up: bool = False
    miss: Miss | None = None


type Decision = Serve | Refuse


class Found(NamedTuple):
    """The line that a call belongs to, its route and its credentials."""

    line: Line
    route: Route | None
    credentials: frozenset[Credential]


@dataclass(frozen=True, slots=True)
class Tape:
    """A cassette as replay holds it; a `Source` like the file that it was read from."""

    name: str
    entries: list[Entry]

    def interactions(self) -> Iterator[tuple[msgspec.Raw, Interaction]]:
        """The interactions in recorded order."""
        return ((msgspec.Raw(entry.json), entry.interaction()) for entry in self.entries)


class Replay:
    """All chosen cassettes, and the sessions that play them."""

    def __init__(self, sources: Iterable[Source], routes: RouteTable) -> None:
        """Reads every interaction once, and keeps nothing of the sources; raises what they raise."""
        self.routes = routes
        self._places: dict[tuple[str, str], list[Line]] = {}
        self._sessions: dict[str, Session] = {}
        self._known: dict[object, Found] = {}
        lines: dict[Key, list[Entry]] = {}
        self.tapes = tuple(self._wind(source, lines) for source in sources)
        self._lines: dict[Key, Line] = {key: tuple(entries) for key, entries in lines.items()}

    def _wind(self, source: Source, lines: dict[Key, list[Entry]]) -> Tape:
        tape = Tape(source.name, [])
        for raw, interaction in source.interactions():
            request = as_request(interaction)
            route = self.routes.find(request.method, request.path, request)
            once = Once.USED_UP if is_write(request.method, route) and not repeats(route) else Once.STAYS
            entry = Entry(
                cassette=source.name,
                id=interaction.id,
                # Without the file's white space, and without the file: half of its size.
                json=msgspec.json.format(raw, indent=-1),
                credentials=_shared(frozenset(interaction.credentials)),
                denied=interaction.response.status in _DENIED,
                once=once,
                route=_name(route),
                omitted=_omitted(interaction),
            )
            tape.entries.append(entry)
            lines.setdefault(normalise(request, route).key(), []).append(entry)
        return tape

    def __len__(self) -> int:
        return sum(len(tape.entries) for tape in self.tapes)

    def session(self, name: str) -> Session:
        """The session of that name, begun now if there was none."""
        found = self._sessions.get(name)
        if found is None:
            found = self._sessions[name] = Session()
        return found

    def reset(self, name: str) -> None:
        """Forgets what the session has played."""
        self._sessions.pop(name, None)

    def decide(self, request: Request, session: str, scenario: str) -> Decision:
        """What the call gets. `scenario` is the name of the cassette that goes first, or nothing."""
        found = self._find(request)
        if not isinstance(found, Found):
            return found
        line, route, credentials = found
        state = self.session(session)
        entry = state.take(line, credentials, scenario)
        if entry is Shortage.CREDENTIALS:
            return _unauthorized(line, credentials, normalise(request, route), _name(route))
        if entry is Shortage.USED_UP:
            return _used_up(line, credentials, normalise(request, route), _name(route))
        if entry.omitted:
            if len(line) == 1:  # so that the reason is told as often as it is asked for
                state.release(entry)
            reason = (
                f"{entry.id} of cassette {entry.cassette} was recorded without its body of {entry.omitted} bytes, "
                "which is over the limit; raise body_limit of [record] and record it again"
            )
            return Refuse(Outcome.MISS, 421, reason, normalise(request, route), _name(route))
        return Serve(entry, state, request, route)

    def _find(self, request: Request) -> "Found | Refuse":
        """The line of a call. What a short one comes to is remembered: pollers ask for the same again."""
        traits = _examine(request.headers)
        known = (request.method, request.target, traits, digest(request.body))
        found = self._known.get(known) if request.omitted is None else None
        if found is None:
            route = self.routes.find(request.method, request.path, request)
            form = normalise(request, route, traits.conditions)
            line = self._lines.get(form.key()) or self._lines.get(structs.replace(form, body=ANY_BODY).key())
            if line is None:
                return self._miss(form, route)
            found = Found(line, route, traits.credentials)
            if self._may_remember(request, form):
                if len(self._known) >= _REMEMBERED:
                    self._known.clear()
                self._known[known] = found
        return found

    def _may_remember(self, request: Request, form: Form) -> bool:
        """Whether what was found is the same for all calls of these traits."""
        if request.omitted is not None or len(request.body) > _LONGEST_REMEMBERED:
            return False
        return not form.headers and not self.routes.asks_headers

    def _miss(self, form: Form, route: Route | None) -> Refuse:
        compared = () if route is None else route.compare
        miss = explain(form, compared, self._neighbours(form))
        return Refuse(Outcome.MISS, 421, miss.sentence(), form, _name(route), miss=miss)

    def _neighbours(self, form: Form) -> Iterator[tuple[str, str, Form]]:
        """Recorded requests worth comparing with, as cassette, interaction and form; the likeliest first."""
        if not self._places:
            for key, line in self._lines.items():
                self._places.setdefault((key[0], key[1]), []).append(line)
        ranked = sorted(
            self._places,
            key=lambda place: (place[1] != form.path, place[0] != form.method, _unlike(place[1], form.path)),
        )
        for place in ranked:
            for line in self._places[place]:
                entry = line[0]
                request = as_request(entry.interaction())
                yield (
                    entry.cassette,
                    entry.id,
                    normalise(request, self.routes.find(request.method, request.path, request)),
                )


def _name(route: Route | None) -> str:
    return "" if route is None else route.name


def _omitted(interaction: Interaction) -> int:
    body = interaction.response.body
    return body.omitted if isinstance(body, Body) and isinstance(body.omitted, int) else 0


def _unlike(left: str, right: str) -> int:
    """How many segments of two paths differ."""
    ours, theirs = left.split("/"), right.split("/")
    return abs(len(ours) - len(theirs)) + sum(a != b for a, b in zip(ours, theirs, strict=False))


def _unauthorized(line: Line, credentials: frozenset[Credential], form: Form, route: str) -> Refuse:
    """A 401 with an empty body, as the recorded service gives; the reason names what is missing."""
    wanted = min((entry.credentials - credentials for entry in line), key=len)
    entry = line[0]
    if wanted:
        missing = ", ".join(_spell(credential) for credential in sorted(wanted, key=lambda one: one.header))
        reason = f"{form.method} {form.path} lacks {missing}, with which cassette {entry.cassette} recorded it"
    else:
        reason = (
            f"{form.method} {form.path} was recorded as {entry.id} in cassette {entry.cassette} without credentials "
            "and denied; nothing was recorded for a call that has them"
        )
    return Refuse(Outcome.UNAUTHORIZED, 401, reason, form, route)


def _used_up(line: Line, credentials: frozenset[Credential], form: Form, route: str) -> Refuse:
    fitting = [entry for entry in line if entry.fits(credentials)]
    reason = (
        f"{form.method} {form.path} is used up: it was recorded {len(fitting)} time(s), last as {fitting[-1].id} of "
        f"cassette {fitting[-1].cassette}, and a write answers once"
    )
    return Refuse(Outcome.MISS, 421, reason, form, route, used_up=True)


def _spell(credential: Credential) -> str:
    name = "-".join(word.capitalize() for word in credential.header.split("-"))
    return f"{name} ({credential.scheme})" if credential.scheme else name


_SHARED: dict[frozenset[Credential], frozenset[Credential]] = {}


def _shared(credentials: frozenset[Credential]) -> frozenset[Credential]:
    """One object for equal sets: thousands of interactions hold a handful of different ones."""
    return _SHARED.setdefault(credentials, credentials)


class Traits(NamedTuple):
    """What the headers of a call say of it, but for those that its route compares."""

    credentials: frozenset[Credential]
    conditions: tuple[bytes, ...]
    content_type: bytes | None
    content_encoding: bytes | None


@lru_cache(maxsize=1024)
def _examine(headers: Headers) -> Traits:
    """The traits of a live call; clients send the same headers again and again."""
    return Traits(
        _shared(frozenset(redaction.credentials(headers))),
        conditions(headers),
        find_header(headers, b"content-type"),
        find_header(headers, b"content-encoding"),
    )


def as_request(interaction: Interaction) -> Request:
    """The recorded request as it came, but for its credentials."""
    recorded = interaction.request
    headers = as_wire(recorded.headers)
    body = recorded.body
    if not isinstance(body, Body):
        return Request(recorded.method, recorded.target, headers, b"")
    if isinstance(body.omitted, int):
        return Request(recorded.method, recorded.target, headers, b"", omitted=Omitted(body.omitted, body.sha256))
    if body.coding:  # what is stored has been decoded already
        headers = tuple(pair for pair in headers if pair[0].lower() != b"content-encoding")
    return Request(recorded.method, recorded.target, headers, bodies.restore(body))


def as_answer(interaction: Interaction, accept_encoding: bytes | None) -> Answer:
    """The recorded answer for a call that accepts these content codings (None where it did not say).

    A body that was coded is coded again for a client that asks as the recorded one did, or accepts the coding; for any
    other it goes out plain (RFC 9110 section 12.5.3). `Content-Length` is made anew where there was one.
    """
    recorded = interaction.response
    headers = as_wire(recorded.headers)
    if interaction.request.method == "HEAD" or recorded.status in _BODILESS or not isinstance(recorded.body, Body):
        return Answer(recorded.status, recorded.reason, headers, b"")
    body = bodies.restore(recorded.body)
    coding = recorded.body.coding
    if coding:
        asked = find_header(as_wire(interaction.request.headers), b"accept-encoding")
        if asked == accept_encoding or _accepts(accept_encoding, coding):
            body = bodies.recode(body, coding)
        else:
            headers = tuple(pair for pair in headers if pair[0].lower() != b"content-encoding")
    headers = tuple(
        (name, b"%d" % len(body)) if name.lower() == b"content-length" else (name, value) for name, value in headers
    )
    return Answer(
        recorded.status,
        recorded.reason,
        headers,
        body,
        tuple(Chunk(at / 1000, size) for at, size in recorded.chunks),
    )


def _accepts(accept_encoding: bytes | None, coding: tuple[str, ...]) -> bool:
    """Whether a client takes all of these codings (RFC 9110 section 12.5.3); one that did not say takes none."""
    accepted: dict[str, bool] = {}
    for item in (accept_encoding or b"").decode("latin-1").lower().split(","):
        name, _, weight = item.partition(";")
        quality = weight.replace(" ", "").removeprefix("q=")
        accepted[name.strip().removeprefix("x-")] = quality.strip("0.") != "" or not quality
    return all(accepted.get(name, accepted.get("*", False)) for name in coding)


def document(form: Form) -> Any:  # noqa: ANN401 (JSON)
    """The JSON of a call's body, masked for the ledger; None where the body is none or not JSON."""
    return redaction.mask(form.body.value) if form.body.kind == "json" else None
