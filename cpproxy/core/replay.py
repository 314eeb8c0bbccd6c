"""The meaning of replay: which recorded answer a call gets. Nothing else decides it.

Interactions are kept in lines: those of one line have equal requests, in recorded order. A call finds its line by key,
drops the interactions whose credentials it lacks, and takes the first that was not played yet. A read's last answer
stays; a write answers once, reserved at the match, and released when its answer did not reach the client whole. The
cassette of the session's scenario goes first, the others stay behind it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Protocol

import msgspec
from msgspec import Struct, structs

from cpproxy.core import redaction
from cpproxy.core.calls import Outcome
from cpproxy.core.cassette import Body, Credential, Interaction
from cpproxy.core.matching import ANY_BODY, Form, Key, conditions, digest, normalise
from cpproxy.core.messages import Headers, Request, find_header
from cpproxy.core.misses import Miss, explain
from cpproxy.core.routes import Route, RouteTable, is_write, repeats
from cpproxy.core.serving import as_request
from cpproxy.core.session import Entry, Line, Once, Session, Shortage

_DENIED = frozenset({401, 403})
_REMEMBERED = 16_384
_LONGEST_REMEMBERED = 64 * 1024  # bytes of a body


class Source(Protocol):
    """A cassette as it was read: `interactions` yields each as it stands in the file, and decoded."""

    @property
    def name(self) -> str:
        """The cassette's name."""

    def interactions(self) -> Iterable[tuple[msgspec.Raw, Interaction]]:
        """The interactions in recorded order; raises CassetteError at the first that is not valid."""


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
