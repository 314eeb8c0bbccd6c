"""Writes that were asked again and again alike: polls in disguise, and heartbeats; with the lines that say so.

What the recording shows of them is the same for `lint`, for `learn` and for the report on a miss.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cpproxy.core.replay import documents
from cpproxy.core.replay.documents import Stable
from cpproxy.core.replay.ground import may_swap
from cpproxy.core.replay.index import Line
from cpproxy.core.replay.loading import Library
from cpproxy.core.replay.places import walk_request
from cpproxy.core.replay.remedies import Remedy, name_section, shape
from cpproxy.core.replay.worlds import Entry

_EXAMINED = 64
_FEW = 3
_OTHERS = 512
_PATTERN = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Repeated:
    """What a line of equal writes is: `poll`, since its answers moved, or else it may be a heartbeat."""

    entries: tuple[Entry, ...]
    poll: bool
    remedies: tuple[Remedy, ...]
    """Empty where nothing tells the polls from the other writes to their path."""

    def spell(self) -> str:
        """What a person is to decide."""
        lines = " and ".join(one.spell() for one in self.remedies)
        if not lines:
            return 'kind = "read", if it changes nothing (a poll), and a condition (when) that other writes do not meet'
        why = "it changes nothing (a poll)" if self.poll else "it may come any number of times (a heartbeat)"
        return f"{lines}, if {why}"


def judge(line: Line, library: Library) -> Repeated | None:
    """What equal writes are; None for those that make or end something, and so are what they seem."""
    entries = tuple(line.entries)
    first = entries[0]
    if not first.changes or first.method == "DELETE" or any(_makes(one, line) for one in entries):
        return None
    stable = Stable(line.world.window, line.world.lone, library.volatile)
    told = {_come_to(entry, stable) for entry in entries[:_EXAMINED]}
    match, when = name_section(first, library)
    if first.method == "POST" and len(told) > 1 and all(entry.status == 200 for entry in entries):
        conditions = (when,) if when else _find_conditions(line, library)
        return Repeated(entries, True, tuple(Remedy("kind", ("read",), match, one) for one in conditions))  # noqa: FBT003
    if len(told) > 1:
        return None
    return Repeated(entries, False, (Remedy("repeat", ("last",), match, when),))  # noqa: FBT003


def _makes(entry: Entry, line: Line) -> bool:
    """Whether a write made something: that is what its status says, or it shows first what other calls speak of."""
    if entry.status == 201:
        return True
    world = line.world
    shown = frozenset(one for one in entry.asked | entry.told if world.creators.get(one) is entry) - world.lone
    return bool(shown) and any(
        other.line is not line and not shown.isdisjoint(other.asked | other.told) for other in world.entries
    )


def find_repeats(line: Line, library: Library) -> Repeated | None:
    """What equal writes of one caller are that came one after another; None where there are too few of them to tell."""
    entries = line.entries
    if len(entries) < 2 or len({entry.secrets for entry in entries}) > 1:
        return None
    if any(may_swap(one, other) for one, other in itertools.pairwise(entries)):
        return None
    found = judge(line, library)
    return None if found is None or (len(entries) < _FEW and not found.poll) else found


def _come_to(entry: Entry, stable: Stable) -> object:
    interaction = entry.interaction()
    value = documents.read_json(interaction, stable.volatile)
    return documents.frame(interaction, stable, None if value is None else stable.digest(value))


def _find_conditions(line: Line, library: Library) -> tuple[str, ...]:
    """What holds for these calls and for no other write to their path; empty text where there is no other."""
    catalogue, first = library.catalogue, line.entries[0]
    path = shape(first.path, catalogue)
    others = [
        one
        for one in _writes(line)
        if one.path == first.path or (one.path.count("/") == path.count("/") and shape(one.path, catalogue) == path)
    ]
    if not others:
        return ("",)
    polled = _values(line.entries[:1], library)
    known = _values(others[:_OTHERS], library)
    # A place that the others have too, and fill otherwise, is the one that says what is asked.
    for place, values in sorted(polled.items(), key=lambda one: one[0] not in known):
        if values.isdisjoint(known.get(place, set())):
            return tuple(f"{place}={one}" for one in values)
    return ()


def _writes(line: Line) -> Iterator[Entry]:
    return (
        one
        for one in line.world.entries
        if one.line is not line and one.method == line.entries[0].method and one.changes
    )


def _values(entries: Sequence[Entry], library: Library) -> dict[str, set[str]]:
    """The texts of requests by place: those that name nothing, and that a condition can hold as they are."""
    found: dict[str, set[str]] = {}
    for entry in entries:
        for spot, value in walk_request(entry.interaction(), library.catalogue):
            if spot.key or spot.nth or not spot.path.startswith(("query:", "form:", "$.")):
                continue
            if isinstance(value, str) and value and _PATTERN.isdisjoint(value) and not library.catalogue.find(value):
                found.setdefault(spot.path, set()).add(value)
    return found
