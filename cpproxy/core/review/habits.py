"""What recordings show of whole routes: that one is a poll or a heartbeat, or that its answers go by a header.

The rest of what `learn` concludes is about single values; this has to be known before.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cpproxy.core.replay.ground import survey
from cpproxy.core.replay.remedies import Remedy, name_section
from cpproxy.core.replay.repeats import Repeated, find_repeats, judge
from cpproxy.core.review.ambiguity import find_telling_header
from cpproxy.core.review.pairing import Pairing, Side
from cpproxy.core.review.variations import Kind, Study, Variation

if TYPE_CHECKING:
    from cpproxy.core.replay.index import Line

type Habit = tuple[Variation, tuple[Remedy, ...]]
"""What is to be said of a route, and the lines that say it to replay."""


def find_habits(pairing: Pairing, study: Study) -> list[Habit]:
    """All that was found, each line of config once."""
    found: dict[object, Habit] = {}
    for side in (study.one, study.other):
        for habit in (*_find_repeats(side), *_find_headers(side)):
            found.setdefault(habit[1] or habit[0].route, habit)
    for habit in _find_counts(pairing, study):
        found.setdefault(habit[1], habit)
    return list(found.values())


def _find_repeats(side: Side) -> Iterator[Habit]:
    ground = survey(side.library, side.cassette)
    for line in ground.lines:
        repeated = find_repeats(line, side.library)
        if repeated is not None:
            how = "its answers moved" if repeated.poll else "it was answered alike"
            why = f"asked {len(line.entries)} times with equal bodies in {side.cassette}, {how}"
            yield _describe(repeated, side, why)


def _find_headers(side: Side) -> Iterator[Habit]:
    ground = survey(side.library, side.cassette)
    for line in ground.lines:
        header = "" if line.entries[0].write else find_telling_header(line.entries, ground)
        if header:
            remedy = Remedy("compare", (header,), *name_section(line.entries[0], side.library))
            why = f"each of its values had an answer of its own in {side.cassette}"
            label, count = side.label(line.entries[0]), len(line.entries)
            place = f"request header:{header}"
            yield Variation(label, place, Kind.SELECTOR, why, count, remedy=("compare", header)), (remedy,)


def _find_counts(pairing: Pairing, study: Study) -> Iterator[Habit]:
    """Equal writes, answered alike, that one recording has more of than the other."""
    for entries, side, lacking in (
        (pairing.only_one, study.one, study.other),
        (pairing.only_other, study.other, study.one),
    ):
        seen: set[Line] = set()
        for entry in entries:
            line = entry.line
            if line is None or line in seen or len(line.entries) < 2:
                continue
            seen.add(line)
            repeated = judge(line, side.library)
            if repeated is not None and not repeated.poll:
                why = f"asked {len(line.entries)} times alike in {side.cassette}, and less often in {lacking.cassette}"
                yield _describe(repeated, side, why)


def _describe(repeated: Repeated, side: Side, why: str) -> Habit:
    label, count = side.label(repeated.entries[0]), len(repeated.entries)
    if not repeated.remedies:
        why = f"{why}: {repeated.spell()}"
        return Variation(label, "request", Kind.UNEXPLAINED, why, count), ()
    remedy = repeated.remedies[0]
    kind = Kind.POLL if repeated.poll else Kind.BEAT
    return Variation(label, "request", kind, why, count, remedy=(remedy.key, remedy.values[0])), repeated.remedies
