"""What a recorder has seen so far, and the cassette that it makes.

A call gets its place, and the id that its interaction will have, when it arrives; it becomes an interaction when its
answer has come whole. Ids are made of the route or of method and path, less what is new in every run, and an ordinal:
recording an unchanged upstream again yields the same ids.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET, Raw, UnsetType

from cpproxy.core import bodies
from cpproxy.core import cassette as format_
from cpproxy.core.addresses import Addresses, addresses
from cpproxy.core.cassette import (
    Body,
    Cassette,
    CassetteOf,
    Interaction,
    Recorded,
    RecordedRequest,
    RecordedResponse,
)
from cpproxy.core.messages import Chunk, Headers, as_text, printable
from cpproxy.core.redaction.credentials import credentials
from cpproxy.core.redaction.exchanges import (
    AT_ONCE,
    Numbering,
    Written,
    holds_late,
    is_settled,
    list_texts,
    mark,
    settle,
)
from cpproxy.core.redaction.known import Late, Surface
from cpproxy.core.redaction.markers import MARKER
from cpproxy.core.redaction.redacted import RedactedInteraction
from cpproxy.core.redaction.redactor import MASK, Redactor
from cpproxy.core.spellings import as_slug, read
from cpproxy.errors import UpstreamError

if TYPE_CHECKING:
    from cpproxy.core.routes import Route, RouteTable

MOST_CHUNKS = 65536
"""A stream of more chunks is kept without its timeline."""

_LONGEST_SLUG = 80  # characters
_ORDINAL = re.compile(r"(.*)-(\d+)", re.DOTALL)
_NEW_EACH_RUN = re.compile(
    r"""
    [0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}     # UUID
    | (?=[^-]*[0-9])[0-9a-f]{16,}                   # long hex
    | [a-z]{1,4}-(?=[a-z]*[0-9])[0-9a-f]{6,}        # i-0123abcd
    | (?:[a-z0-9]+-)+(?=[a-f]*[0-9])[0-9a-f]{6,}    # a slug that ends in hex
    | [0-9]{8,}                                     # a long number
    | (?=.*[0-9])(?=.*[a-z])[a-z0-9_-]{20,}         # a long mixed token, ULIDs among them
    """,
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A call's place among all that arrived, its `start` in seconds, its route, and its interaction's id."""

    number: int
    id: str
    route: "Route | None"
    method: str
    target: str
    start: float


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be recorded of a request: end-to-end headers without `Host`, and the body as a cassette holds it.

    `front` is the address by which the client reached the front.
    """

    headers: Headers
    body: Body | UnsetType
    front: Addresses | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """What is to be recorded of an answer; `reason` as latin-1, `end` in seconds, `chunks` those of the upstream."""

    status: int
    reason: str
    headers: Headers
    body: Body | UnsetType
    chunks: tuple[Chunk, ...]
    end: float


@dataclass(slots=True)
class _Marked:
    """An interaction with provisional placeholders, for all that was known at that version.

    It is `plain` if its words are on the recording's surface, and tell all that it holds; None as long as that is open.
    """

    interaction: Interaction
    version: int
    plain: bool | None = None


class Recording:
    """Collects whole exchanges; times are seconds on the recorder's own clock, 0 when it started.

    To a `previous` cassette the new interactions are added: it stays as it is, but for secrets that are learnt now, and
    they follow it in time. Nothing that it holds has a secret in it, be it on its way to a file or not.
    """

    def __init__(
        self, recorded: Recorded, routes: "RouteTable", redactor: Redactor, previous: Cassette | None = None
    ) -> None:
        self._redactor = redactor
        self._recorded = previous.recorded if previous else recorded
        self._previous = previous
        self._upstream = addresses(self._recorded.upstream)
        self._routes = routes
        self._earlier = previous.interactions if previous else ()
        self._offset = max((interaction.end for interaction in self._earlier), default=0.0)
        self._ordinals: Counter[str] = Counter()
        for interaction in self._earlier:
            if match := _ORDINAL.fullmatch(interaction.id):
                slug, ordinal = match.groups()
                self._ordinals[slug] = max(self._ordinals[slug], int(ordinal))
        self._arrived = 0
        self._marked = {
            number - len(self._earlier): _Marked(interaction, 0) for number, interaction in enumerate(self._earlier)
        }
        self._written: dict[str, Written] = {}
        self._surface = Surface(redactor.known)
        self._special: tuple[tuple[RedactedInteraction, ...], ...] = ((), ())
        """Those of the last cassette, and of the one before, whose words do not tell all that they hold."""
        self._previous_incomplete = previous.incomplete if previous else ""

    def __len__(self) -> int:
        """How many interactions are new."""
        return sum(number > 0 for number in self._marked)

    def arrive(self, method: str, target: str, start: float) -> Arrival:
        """Gives a call its place; to be asked in the order of arrival."""
        route = self._routes.find(method, target.partition("?")[0])
        shown = self._redactor.target(target).partition("?")[0]
        slug = _slug(method, shown) if route is None or not route.settings.name else as_slug(route.name)
        self._ordinals[slug] += 1
        self._arrived += 1
        return Arrival(self._arrived, f"{slug}-{self._ordinals[slug]}", route, method, target, start)

    def add(self, arrival: Arrival, asked: Asked, answered: Answered) -> None:
        """Makes an interaction of a call whose answer has come whole.

        Raises UpstreamError where the traffic holds what this tool marks secrets with, since nobody could tell the two
        apart any more.
        """
        for place in _places_of_marker(arrival, asked, answered):
            shown = self._redactor.target(arrival.target)
            raise UpstreamError(
                f"{place} of {arrival.method} {shown} ({arrival.id}) holds {MARKER!r}, which marks secrets in "
                "cassettes: this cannot be recorded"
            )
        own = [known for known in (asked.front, self._upstream) if known]
        target, headers, body = printable(arrival.target), as_text(asked.headers), asked.body
        for known in own:
            target, headers, body = known.tokenise(target), known.tokenise_headers(headers), _tokenise(body, known)
        interaction = Interaction(
            id=arrival.id,
            start=self._moment(arrival.start),
            end=self._moment(answered.end),
            request=RecordedRequest(arrival.method, target, headers, body),
            response=self._answer(answered),
            credentials=credentials(asked.headers),
        )
        version = self._redactor.known.version
        self._marked[arrival.number] = _Marked(mark(interaction, self._redactor), version)

    def _answer(self, answered: Answered) -> RecordedResponse:
        """The answer with tokens for the upstream's address."""
        headers, body = as_text(answered.headers), answered.body
        timeline = _timeline(answered.chunks, body)
        known = self._upstream
        if known:
            headers = known.tokenise_headers(headers)
            if timeline:
                sizes = known.shift(bodies.restore(body), tuple(size for _, size in timeline))
                timeline = tuple((at, size) for (at, _), size in zip(timeline, sizes, strict=True) if size)
            body = _tokenise(body, known)
        return RecordedResponse(answered.status, answered.reason, headers, body, timeline)

    def cassette(self, incomplete: str = "") -> CassetteOf[RedactedInteraction]:
        """All that was recorded so far, in the order of arrival; `incomplete` says why it must not be trusted whole."""
        # A copy first: while this runs in one thread, calls may be added in another.
        held = [one for _, one in sorted(self._marked.copy().items())]
        known = self._redactor.known
        late = known.prepare(min((one.version for one in held), default=known.version))
        self._settle(held, late)
        marked = [one.interaction for one in held]
        taken = self._previous.placeholders if self._previous else ()
        numbering = Numbering(known, taken, self._written)
        numbered = tuple(numbering.number(marked))
        special = tuple(one for one, its in zip(numbered, held, strict=True) if not its.plain)
        self._special = special, self._special[0]
        return CassetteOf(
            cpproxy=format_.VERSION,
            recorded=self._recorded,
            interactions=numbered,
            incomplete=self._redactor.text(incomplete) or self._previous_incomplete,
            identities=self._previous.identities if self._previous else (),
            not_identities=self._previous.not_identities if self._previous else (),
            placeholders=numbering.placeholders,
        )

    def holds_late(self, saved: Sequence[RedactedInteraction], *, since: int) -> bool:
        """Whether any of the interactions that `cassette` gave the last time holds what was learnt since a version."""
        known = self._redactor.known
        if not saved or since >= known.version:
            return False
        late = known.prepare(since)
        looked = chain.from_iterable(self._special) if self._surface.is_free(late) else saved
        return holds_late(tuple(looked), self._redactor, late)

    def _settle(self, held: list[_Marked], late: Late) -> None:
        """Takes out of interactions what was learnt after they were marked."""
        for one in held:
            if one.plain is None:
                texts = list_texts(one.interaction)
                one.plain = texts is not None and all(map(self._surface.add, texts))
        free = self._surface.is_free(late)
        waiting = [one for one in held if one.version < late.version and not (free and one.plain)]
        for at in range(0, len(waiting), AT_ONCE):
            self._settle_some(waiting[at : at + AT_ONCE], late)
        for one in held:
            one.version = max(one.version, late.version)

    def _settle_some(self, held: list[_Marked], late: Late) -> None:
        since = min(one.version for one in held)
        if is_settled([one.interaction for one in held], self._redactor, since=since, late=late):
            return
        for one in held:
            cleaned = settle(one.interaction, self._redactor, since=one.version, late=late)
            if cleaned is one.interaction:
                continue
            moved = cleaned.request.target != one.interaction.request.target
            one.interaction, one.plain = self._name_again(cleaned) if moved else cleaned, None

    def _name_again(self, interaction: Interaction) -> Interaction:
        """The interaction with an id of its own, which tells nothing of a secret that its path held."""
        request = interaction.request
        path = request.target.partition("?")[0]
        found = _ORDINAL.fullmatch(interaction.id)
        route = self._routes.find(request.method, path)
        if found is None or (route is not None and route.settings.name):
            return interaction
        slug = _slug(request.method, path)
        if slug == found[1]:
            return interaction
        self._ordinals[slug] += 1
        return msgspec.structs.replace(interaction, id=f"{slug}-{self._ordinals[slug]}")

    def _moment(self, seconds: float) -> float:
        return round(self._offset + seconds, 3)


def _timeline(chunks: tuple[Chunk, ...], body: Body | UnsetType) -> tuple[tuple[int, int], ...]:
    """The chunks of a body that was streamed and is stored as it came: milliseconds after the head, and bytes."""
    if not 2 <= len(chunks) <= MOST_CHUNKS or body is UNSET or body.coding or body.omitted is not UNSET:
        return ()
    return tuple((round(chunk.at * 1000), chunk.size) for chunk in chunks)


def _tokenise(body: Body | UnsetType, known: Addresses) -> Body | UnsetType:
    """The body with tokens for an address, where it stands as text."""
    if body is UNSET:
        return body
    if body.json is not UNSET:
        return msgspec.structs.replace(body, json=Raw(known.tokenise(bytes(body.json).decode()).encode()))
    return body if body.text is UNSET else msgspec.structs.replace(body, text=known.tokenise(body.text))


def _slug(method: str, path: str) -> str:
    """Method and path as an id has them, escapes read, as what is learnt later is looked for."""
    segments = (
        "_" if MASK in segment or MARKER in segment or _NEW_EACH_RUN.fullmatch(segment) else as_slug(read(segment).text)
        for segment in path.split("/")
        if segment
    )
    slug = ""
    for word in filter(None, (as_slug(method), *segments)):
        longer = f"{slug}-{word}" if slug else word
        if len(longer) > _LONGEST_SLUG:  # no part of a segment: a secret that is learnt later would not be found in it
            break
        slug = longer
    return slug or "_"


def _places_of_marker(arrival: Arrival, asked: Asked, answered: Answered) -> Iterator[str]:
    marker = MARKER.encode()
    if MARKER in arrival.target:
        yield "the target"
    if any(marker in value for _, value in asked.headers):
        yield "a request header"
    if _holds_marker(asked.body):
        yield "the request's body"
    if MARKER in answered.reason:
        yield "the reason of the answer"
    if any(marker in value for _, value in answered.headers):
        yield "a header of the answer"
    if _holds_marker(answered.body):
        yield "the body of the answer"


def _holds_marker(body: Body | UnsetType) -> bool:
    if body is UNSET:
        return False
    if body.json is not UNSET:
        return MARKER.encode() in bytes(body.json)
    return body.text is not UNSET and MARKER in body.text
