"""What varies between two recordings of one scenario, and the lines of config that replay needs to bear it.

The proof of what is said is a rehearsal: with those lines, one recording answers the calls of the other.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec
from msgspec import Struct

from cpproxy.core.calls import Outcome
from cpproxy.core.cassette import CassetteOf, Interaction
from cpproxy.core.config import ReplaySettings, RouteSettings
from cpproxy.core.messages import Request
from cpproxy.core.replay.decisions import Refuse, Replay, Serve
from cpproxy.core.replay.identities import NUMBER, Catalogue
from cpproxy.core.replay.loading import Source, as_request, load
from cpproxy.core.replay.places import find_identities, walk_answer
from cpproxy.core.replay.remedies import Remedy, apply, name_section, write
from cpproxy.core.replay.worlds import Entry
from cpproxy.core.review.habits import find_habits
from cpproxy.core.review.pairing import Pairing, Side, pair
from cpproxy.core.review.variations import Kind, Place, Study, Variation, classify, compare
from cpproxy.core.routes import RouteTable
from cpproxy.errors import UsageError


class Lesson(Struct, frozen=True):
    """All that was learnt: `toml` is what the config lacks, `values` the identities that each cassette should name."""

    pairs: int
    variations: tuple[Variation, ...]
    toml: str
    values: tuple[tuple[str, ...], tuple[str, ...]]

    @property
    def unexplained(self) -> tuple[Variation, ...]:
        """What nothing was found for."""
        return tuple(one for one in self.variations if one.kind is Kind.UNEXPLAINED)


def learn(one: Source, other: Source, routes: tuple[RouteSettings, ...], settings: ReplaySettings) -> Lesson:
    """Compares two recordings. Raises what the sources raise, and UsageError where they have no call in common."""
    study = _study(one, other, routes, settings)
    pairing = pair(study.one, study.other)
    if not pairing.pairs:
        names = f"{one.name} and {other.name}"
        raise UsageError(f"{names} have no call in common: learn compares two recordings of one scenario")
    habits = find_habits(pairing, study)
    remedies = [remedy for _, found in habits for remedy in found]
    if remedies:
        study = _study(one, other, *apply(remedies, routes, settings))
        pairing = pair(study.one, study.other)
    places = compare(pairing, study)
    judged = [classify(place, study) for place in places]
    remedies += _collect(judged, places, study)
    values = _name_values(judged, places)
    variations = [variation for variation, _ in habits] + judged
    variations += _list_moved(study)
    variations += _count_polls(pairing, study)
    variations += _find_unpaired(pairing, study)
    better, best = apply([one for one in remedies if one.key != "identities"], routes, settings)
    named = _study(_Named(one, values[0]), _Named(other, values[1]), better, best) if any(values) else study
    variations += _rehearse(_Named(one, values[0]), named.other, better, best)
    return Lesson(len(pairing.pairs), tuple(variations), write(remedies, routes, settings), values)


def _study(one: Source, other: Source, routes: tuple[RouteSettings, ...], settings: ReplaySettings) -> Study:
    table = RouteTable(routes)
    return Study(Side(load([one], table, settings), one.name), Side(load([other], table, settings), other.name))


def _collect(judged: Iterable[Variation], places: Iterable[Place], study: Study) -> Iterator[Remedy]:
    """The lines that the places need which vary, those of one section and key as one."""
    found: dict[tuple[str, str, str], dict[str, None]] = {}
    for variation, place in zip(judged, places, strict=True):
        if variation.remedy is not None and variation.remedy[1]:
            key, path = variation.remedy
            section = name_section(place.entry, study.one.library) if key == "ignore" else ("", "")
            found.setdefault((key, *section), {})[path] = None
    return (Remedy(key, tuple(paths), match, when) for (key, match, when), paths in found.items())


def _list_moved(study: Study) -> Iterator[Variation]:
    for (label, path), pairs in study.moved.items():
        why = "its elements stand in another order: a list is told in the order in which it was recorded"
        yield Variation(label, f"answer {path}", Kind.ORDER, why, len(pairs))


def _count_polls(pairing: Pairing, study: Study) -> Iterator[Variation]:
    found: dict[tuple[str, bool], list[str]] = {}
    for entry, is_one in pairing.polled:
        found.setdefault(((study.one if is_one else study.other).label(entry), is_one), []).append(entry.id)
    for (label, is_one), ids in found.items():
        which = study.one.cassette if is_one else study.other.cassette
        why = f"answers that only {which} saw ({', '.join(ids)}): a poll came at another time"
        yield Variation(label, "answer", Kind.POLL, why, len(ids))


def _find_unpaired(pairing: Pairing, study: Study) -> Iterator[Variation]:
    for entries, side, lacking in (
        (pairing.only_one, study.one, study.other),
        (pairing.only_other, study.other, study.one),
    ):
        for entry in entries:
            why = f"{entry.id} of {side.cassette}: {lacking.cassette} has no such call"
            yield Variation(side.label(entry), "request", Kind.UNEXPLAINED, why, 1)


def _name_values(variations: Iterable[Variation], places: Iterable[Place]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What each cassette should name as an identity."""
    found: tuple[dict[str, None], dict[str, None]] = ({}, {})
    for variation, place in zip(variations, places, strict=False):
        if variation.remedy is not None and variation.remedy[0] == "identities":
            for _, value, other in place.values:
                found[0][str(value)] = None
                found[1][str(other)] = None
    return tuple(found[0]), tuple(found[1])


@dataclass(frozen=True, slots=True)
class _Named:
    """A source whose head names more identities."""

    source: Source
    values: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def head(self) -> CassetteOf[msgspec.Raw]:
        head = self.source.head
        return msgspec.structs.replace(head, identities=(*head.identities, *self.values))

    def interactions(self) -> Iterable[tuple[msgspec.Raw, Interaction]]:
        return self.source.interactions()


def _rehearse(
    source: Source, other: Side, routes: tuple[RouteSettings, ...], settings: ReplaySettings
) -> Iterator[Variation]:
    """Asks one recording what the other was asked; what it has no answer for is not explained.

    What the control plane made is asked for as it is told now, not as it was when the other was recorded.
    """
    replay = Replay([source], RouteTable(routes), settings)
    told: set[str] = set()
    heard: dict[str, str] = {}
    for entry in other.entries:
        request = _rename(as_request(entry.interaction(), other.world.upstream), heard)
        decision = replay.decide(request, "rehearsal", "")
        match decision:
            case Refuse(outcome=Outcome.MISS) if decision.reason not in told:
                told.add(decision.reason)
                why = f"{entry.id} of {other.cassette} would be a miss: {decision.reason}"
                yield Variation(other.label(entry), "request", Kind.UNEXPLAINED, why, 1)
            case Refuse():
                pass
            case _:
                _hear(entry, other, decision, replay.library.catalogue, heard)
                decision.settle(delivered=True)


def _hear(entry: Entry, other: Side, served: Serve, catalogue: Catalogue, heard: dict[str, str]) -> None:
    """Notes what is told now in the place of what the control plane made and told then."""
    now = {spot.path: (spot, value) for spot, value in walk_answer(served.entry.interaction(), catalogue)}
    for spot, value in walk_answer(entry.interaction(), other.library.catalogue):
        if spot.path not in now:
            continue
        then = find_identities(spot, value, other.library.catalogue)
        for (identity, text), (known, _) in zip(then, find_identities(*now[spot.path], catalogue), strict=False):
            if identity in other.world.handed_out:
                heard.setdefault(text, served.session.bindings.live.get(known, known).removeprefix(NUMBER))


def _rename(request: Request, heard: dict[str, str]) -> Request:
    """The request with what was heard in the place of what was recorded; mere numbers in the path alone."""
    if not heard:
        return request
    known = "|".join(re.escape(text) for text in sorted(heard, key=len, reverse=True))
    words = re.compile(rf"(?<![A-Za-z0-9])(?:{known})(?![A-Za-z0-9])")
    target = words.sub(lambda found: heard[found.group()], request.target)
    body = words.sub(
        lambda found: found.group() if found.group().isdigit() else heard[found.group()],
        request.body.decode("latin-1"),
    )
    return msgspec.structs.replace(request, target=target, body=body.encode("latin-1"))
