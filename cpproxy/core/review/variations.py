"""What a value that varies between two recordings is: judged by all the values that its place was seen with."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec
from msgspec import Struct

from cpproxy.core.redaction.names import names_secret
from cpproxy.core.redaction.redactor import MASK
from cpproxy.core.replay import tokens
from cpproxy.core.replay.identities import Identity
from cpproxy.core.replay.places import Scalar, Spot, find_identities
from cpproxy.core.replay.places import Side as Half
from cpproxy.core.replay.worlds import Entry
from cpproxy.core.review.orders import lay_beside
from cpproxy.core.review.pairing import Pair, Pairing, Side, without_secrets

_ANY_TIME = (946_684_800.0, 4_102_444_800.0)
"""The years 2000 to 2100."""

type Judgement = tuple[Kind, str, tuple[str, str] | None]
"""What it is, why, and which key of the config with which value makes replay bear it."""


class Kind(StrEnum):
    """What a value that varies is."""

    IDENTITY = "identity"
    TIME = "time"
    NEW = "new in each call"
    SECRET = "secret"  # noqa: S105 (a word)
    POLL = "poll"
    BEAT = "heartbeat"
    SELECTOR = "what answers go by"
    ORDER = "order"
    MEASURE = "measure"
    UNEXPLAINED = "unexplained"


class Variation(Struct, frozen=True):
    """One place whose value varies: in how many pairs, what it is, and which line makes replay bear it, if it does not.

    `one` and `other` are an example. `remedy` is a key of the config and its value, such as `ignore` and a path.
    """

    route: str
    place: str
    kind: Kind
    why: str
    count: int
    one: str = ""
    other: str = ""
    remedy: tuple[str, str] | None = None

    @property
    def covered(self) -> bool:
        """Whether replay bears it as it is."""
        return self.remedy is None and self.kind is not Kind.UNEXPLAINED


@dataclass(slots=True)
class Place:
    """One place of one route, with the values of all pairs in which they differ."""

    label: str
    entry: Entry
    spot: Spot
    values: list[tuple[Pair, Scalar, Scalar]] = field(default_factory=list)


@dataclass(slots=True)
class Study:
    """Both recordings, and what stands for what between them."""

    one: Side
    other: Side
    images: dict[Identity, set[Identity]] = field(default_factory=dict)
    seen: dict[tuple[Scalar, Scalar], set[int]] = field(default_factory=dict)
    """Pairs of texts that differ, and the interactions of the first recording in which they stand."""
    moved: dict[tuple[str, str], list[Pair]] = field(default_factory=dict)
    """Lists whose elements stand in another order, by the label of their route and their path."""


def compare(pairing: Pairing, study: Study) -> list[Place]:
    """Every place whose value varies."""
    places: dict[tuple[str, str, str, bool], Place] = {}
    for found in pairing.pairs:
        label = study.one.label(found.one)
        mine = study.one.leaves(found.one)
        theirs, moved = lay_beside(mine, study.other.leaves(found.other), pairing.known)
        for path in moved:
            study.moved.setdefault((label, path), []).append(found)
        for spot in dict.fromkeys((*mine, *theirs)):
            value, other = mine.get(spot, _Absent), theirs.get(spot, _Absent)
            if value == other and type(value) is type(other):
                continue
            key = (label, spot.side, spot.wide, spot.key)
            place = places.setdefault(key, Place(label, found.one, spot))
            place.values.append((found, _spell(value), _spell(other)))
            study.seen.setdefault((_spell(value), _spell(other)), set()).add(found.one.number)
            for ours, their in zip(*(_cut(spot, value, other, study)[1]), strict=False):
                study.images.setdefault(ours, set()).add(their)
    return list(places.values())


class _Absent:
    """Stands where one recording has nothing."""


def _spell(value: Scalar | type[_Absent]) -> Scalar:
    return None if value is _Absent else value  # type: ignore[return-value]


def _cut(
    spot: Spot, value: object, other: object, study: Study
) -> tuple[bool, tuple[tuple[Identity, ...], tuple[Identity, ...]]]:
    """Whether two values are alike but for their identities and secrets, and the identities of both."""
    texts: list[str] = []
    found: list[tuple[Identity, ...]] = []
    for text, side in ((value, study.one), (other, study.other)):
        if not isinstance(text, str | int) or isinstance(text, bool):
            return False, ((), ())
        identities = find_identities(spot, text, side.library.catalogue)
        rest = without_secrets(str(text))
        for _, form in identities:
            rest = rest.replace(form, "\0", 1)
        texts.append(rest)
        found.append(tuple(identity for identity, _ in identities))
    alike = texts[0] == texts[1] and len(found[0]) == len(found[1])
    return alike, (found[0], found[1]) if alike else ((), ())


def classify(place: Place, study: Study) -> Variation:
    """What a place holds, by all the values that it was seen with."""
    kind, why, remedy = _judge(place, study)
    _, one, other = place.values[0]
    shown, other_shown = (_show(value, place.spot) for value in (one, other))
    return Variation(place.label, str(place.spot), kind, why, len(place.values), shown, other_shown, remedy)


def _show(value: Scalar, spot: Spot) -> str:
    if isinstance(value, str) and names_secret(spot.name):
        return MASK
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= 60 else f"{text[:57]}..."


def _judge(place: Place, study: Study) -> Judgement:
    spot = place.spot
    left_out = study.one.library.left_out.get(spot.wide if spot.path.startswith("$") else spot.path)
    if spot.side is Half.REQUEST and left_out:
        return (Kind.TIME if left_out == "a time" else Kind.NEW), "left out of the match", None
    if spot.side is Half.REQUEST and spot.wide in _ignored(place.entry, study):
        return Kind.NEW, "left out of the match by the config", None
    cuts = [_cut(spot, value, other, study) for _, value, other in place.values]
    if all(alike for alike, _ in cuts):
        return _judge_identities(cuts, study)
    windows = study.one.world.window, study.other.world.window
    times = [_are_times(value, other, windows) for _, value, other in place.values]
    if None not in times:
        return _judge_times(place, inside=all(times))
    if _named_once(place, study):
        return _judge_unseen(place)
    return _judge_others(place, study)


def _ignored(entry: Entry, study: Study) -> set[str]:
    """What the config leaves out of the match of a call's route."""
    routes = study.one.library.routes.routes
    return {
        text.removeprefix("json:") for route in routes if route.name == entry.route for text in route.settings.ignore
    }


def _judge_identities(
    cuts: Iterable[tuple[bool, tuple[tuple[Identity, ...], tuple[Identity, ...]]]], study: Study
) -> Judgement:
    identities = {identity for _, (ours, _) in cuts for identity in ours}
    if not identities:
        return Kind.SECRET, "a placeholder: any live value fits", None
    why = ", ".join(sorted({study.one.library.catalogue.why[identity] for identity in identities}))
    torn = sorted(identity for identity in identities if len(study.images.get(identity, ())) > 1)
    lone = study.one.world.lone
    if torn and not all(identity in lone for identity in torn):
        return Kind.UNEXPLAINED, f"{torn[0]} stands for several values of the other recording", None
    return Kind.IDENTITY, why, None


def _are_times(value: Scalar, other: Scalar, windows: tuple[tuple[float, float], tuple[float, float]]) -> bool | None:
    """Whether both are times, within their recordings or not; None where they are none."""
    inside = [tokens.is_time(one, window) for one, window in zip((value, other), windows, strict=True)]
    if all(inside):
        return True
    strings = isinstance(value, str) and isinstance(other, str)
    return False if strings and all(tokens.is_time(one, _ANY_TIME) for one in (value, other)) else None


def _judge_times(place: Place, *, inside: bool) -> Judgement:
    spot = place.spot
    if spot.side is Half.REQUEST:
        bare = spot.path.startswith(("path:", "header:")) or spot.path == "body"
        if inside and not bare:
            return Kind.TIME, "left out of the match", None
        if bare:
            return Kind.UNEXPLAINED, f"a time in {spot.wide}, which cannot be left out of the match", None
        return Kind.TIME, "outside the time of the recording", ("ignore", spot.wide)
    if inside:
        return Kind.TIME, "within the time of the recording: no step of a poll", None
    if place.entry.write:
        return Kind.TIME, "in the answer of a write: told once, compared with nothing", None
    return Kind.TIME, "outside the time of the recording", ("volatile", spot.wide)


def _named_once(place: Place, study: Study) -> bool:
    """Whether the values stand in several interactions, each with one and the same in the other recording."""
    images: dict[Scalar, set[Scalar]] = {}
    for _, value, other in place.values:
        if not isinstance(value, str | int) or not isinstance(other, str | int) or isinstance(value, bool):
            return False
        images.setdefault(value, set()).add(other)
    if any(len(found) > 1 for found in images.values()):
        return False
    wanted = {(value, other) for _, value, other in place.values}
    return all(len(study.seen[both]) > 1 and _is_asked(both, study) for both in wanted)


def _is_asked(both: tuple[Scalar, Scalar], study: Study) -> bool:
    """Whether a client names the value: what it never does is nothing that has to be known."""
    return any(
        str(value) == str(both[0]) and spot.side is Half.REQUEST
        for entry in study.one.entries
        for spot, value in study.one.leaves(entry).items()
    )


def _judge_unseen(place: Place) -> Judgement:
    """An identity that does not look like one; the config names it by a JSON path, a cassette by its value."""
    spot = place.spot
    if all(isinstance(value, int) for _, value, _ in place.values):
        return Kind.UNEXPLAINED, "a number that names something: it is an identity only in a path and under an id", None
    path = spot.wide if spot.path.startswith("$") and not spot.key else ""
    return Kind.IDENTITY, "in several interactions, asked for by a client, and not seen for one", ("identities", path)


def _judge_others(place: Place, study: Study) -> Judgement:
    spot = place.spot
    if spot.side is Half.REQUEST:
        return _judge_asked(place)
    if place.entry.write:
        return Kind.NEW, "in the answer of a write: told once, compared with nothing", None
    return _judge_told(place, study)


def _judge_asked(place: Place) -> Judgement:
    """What a request has that nothing else has."""
    spot = place.spot
    if spot.path.startswith(("query:", "form:", "$")) and not spot.key and _is_new(place):
        return Kind.NEW, "asked for nowhere else", ("ignore", spot.wide)
    return Kind.UNEXPLAINED, f"varies in {spot.wide}, and nothing else does as it does", None


def _judge_told(place: Place, study: Study) -> Judgement:
    """What the answer of a read has that nothing else has."""
    spot = place.spot
    if not spot.path.startswith("$") or spot.key:
        return Kind.UNEXPLAINED, "varies in the answer of a read, where replay tells steps by it", None
    if any(value is None or other is None for _, value, other in place.values):
        return Kind.UNEXPLAINED, "one recording has it and the other has not", None
    lone = study.one.world.lone
    if all(str(value) in lone for _, value, _ in place.values):
        return Kind.NEW, "stands nowhere else: no step of a poll", None
    if not _is_moving(place, study):
        return Kind.NEW, "the same within each recording: told as it was recorded", None
    numbers = all(isinstance(value, int | float) for _, value, _ in place.values)
    kind = Kind.MEASURE if numbers else Kind.NEW
    return kind, "every value would be another step of a poll", ("volatile", spot.wide)


def _is_moving(place: Place, study: Study) -> bool:
    """Whether the answers to one request, within one recording, differ there."""
    told: dict[object, set[Scalar]] = {}
    for both, _, _ in place.values:
        for entry, side in ((both.one, study.one), (both.other, study.other)):
            if entry.line is not None:
                values = [value for spot, value in side.leaves(entry).items() if spot == place.spot]
                told.setdefault(entry.line, set()).update(values)
    return any(len(values) > 1 for values in told.values())


def _is_new(place: Place) -> bool:
    """Whether a text of the request looks made, or is another in each pair."""
    values = [value for _, value, _ in place.values]
    return all(isinstance(value, str | int) and any(map(str.isdigit, str(value))) for value in values)
