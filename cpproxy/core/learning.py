"""What varies between two recordings of one scenario, and the lines of config that replay needs to bear it.

The proof of what is said is a rehearsal: with those lines, one recording answers the calls of the other.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec
from msgspec import Struct

from cpproxy.core.calls import Outcome
from cpproxy.core.cassette import CassetteOf, Interaction
from cpproxy.core.config import ReplaySettings, RouteSettings
from cpproxy.core.loading import Source, as_request, load
from cpproxy.core.pairing import Pairing, Side, pair
from cpproxy.core.replay import Refuse, Replay
from cpproxy.core.routes import RouteTable
from cpproxy.core.variations import Kind, Place, Study, Variation, classify, compare


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
    """Compares two recordings. Raises what the sources raise."""
    table = RouteTable(routes)
    study = Study(Side(load([one], table, settings), one.name), Side(load([other], table, settings), other.name))
    pairing = pair(study.one, study.other)
    places = compare(pairing, study)
    variations = [classify(place, study) for place in places]
    variations += _count_polls(pairing, study)
    variations += _find_unpaired(pairing, study)
    lines, more = _write_config(variations, places, study, routes)
    values = _name_values(variations, places)
    better = _extend(settings, variations)
    variations += _rehearse(_Named(one, values[0]), study.other, (*routes, *more), better)
    return Lesson(len(pairing.pairs), tuple(variations), lines, values)


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


def _extend(settings: ReplaySettings, variations: Iterable[Variation]) -> ReplaySettings:
    volatile = [one.remedy[1] for one in variations if one.remedy is not None and one.remedy[0] == "volatile"]
    return msgspec.structs.replace(settings, volatile=tuple(dict.fromkeys((*settings.volatile, *volatile))))


def _write_config(
    variations: list[Variation], places: list[Place], study: Study, routes: tuple[RouteSettings, ...]
) -> tuple[str, tuple[RouteSettings, ...]]:
    """The lines that the config lacks, and the routes with them."""
    keys: dict[str, dict[str, None]] = {"identities": {}, "volatile": {}}
    ignored: dict[tuple[str, str], tuple[str, dict[str, None]]] = {}
    for variation, place in zip(variations, places, strict=False):
        match variation.remedy:
            case ("ignore", path):
                match = f"{place.entry.method} {study.one.shape(place.entry)}"
                named = [one for one in routes if place.entry.route and place.entry.route in (one.name, one.match)]
                section = named[0] if named else RouteSettings(match=match)
                ignored.setdefault((section.match, section.when), (place.entry.route, {}))[1][path] = None
            case (key, path) if path:
                keys[key][path] = None
            case _:
                pass
    lines = [f"{key} = {_as_list(paths)}" for key, paths in keys.items() if paths]
    text = "".join(f"{line}\n" for line in (["[replay]", *lines] if lines else []))
    more: list[RouteSettings] = []
    for (match, when), (name, paths) in ignored.items():
        text += f"\n[[routes]]{f'  # the section of {name} that is there' if name else ''}\nmatch = {_quote(match)}\n"
        text += f"when = {_quote(when)}\n" if when else ""
        text += f"ignore = {_as_list(paths)}\n"
        more.append(RouteSettings(match=match, when=when, ignore=tuple(paths)))
    return text.lstrip("\n"), tuple(more)


def _as_list(paths: Iterable[str]) -> str:
    return f"[{', '.join(map(_quote, paths))}]"


def _quote(text: str) -> str:
    return msgspec.json.encode(text).decode()


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
    """Asks one recording what the other was asked; what it has no answer for is not explained."""
    replay = Replay([source], RouteTable(_merge(routes)), settings)
    upstream = other.world.upstream
    told: set[str] = set()
    for entry in other.entries:
        decision = replay.decide(as_request(entry.interaction(), upstream), "rehearsal", "")
        match decision:
            case Refuse(outcome=Outcome.MISS) if decision.reason not in told:
                told.add(decision.reason)
                why = f"{entry.id} of {other.cassette} would be a miss: {decision.reason}"
                yield Variation(other.label(entry), "request", Kind.UNEXPLAINED, why, 1)
            case Refuse():
                pass
            case _:
                decision.settle(delivered=True)


def _merge(routes: tuple[RouteSettings, ...]) -> tuple[RouteSettings, ...]:
    """Sections of one route as one."""
    merged: dict[tuple[str, str], RouteSettings] = {}
    for route in routes:
        known = merged.get((route.match, route.when))
        merged[route.match, route.when] = (
            route if known is None else msgspec.structs.replace(known, ignore=(*known.ignore, *route.ignore))
        )
    return tuple(merged.values())
