"""Answers that go with writes to which replay does not tie them: by whom, when and how often they are asked decides.

A read that changes across a write which does not concern it, a write that was refused until another had been made, a
write whose answer shows what others made.
"""

import bisect
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from cpproxy.core.replay.ground import Ground, may_turn
from cpproxy.core.replay.identities import Identity
from cpproxy.core.replay.index import Bucket, Line
from cpproxy.core.replay.places import find_identities
from cpproxy.core.replay.timelines import Seen, Timeline, find_reach, find_state
from cpproxy.core.replay.views import View, view_of
from cpproxy.core.replay.worlds import Entry, Placeholders
from cpproxy.core.review.lint import Remark
from cpproxy.core.review.lists import find_pages

_BY_TIME = frozenset({408, 425, 429})
_GOOD = range(200, 400)
_REFUSED = range(400, 500)


def find_changes(ground: Ground) -> Iterator[Remark]:
    """All answers of a cassette that go with writes of which replay does not know that."""
    writes = _Writes.of(ground)
    yield from _find_moved_reads(ground, writes)
    yield from _find_turned_writes(ground, writes)
    yield from _find_shown_by_writes(ground, writes)


@dataclass(frozen=True, slots=True)
class _Writes:
    """The writes that were not refused, in the order in which they began; `longest` is in seconds."""

    every: list[Entry]
    starts: list[float]
    longest: float

    @classmethod
    def of(cls, ground: Ground) -> "_Writes":
        """Those of a cassette."""
        every = sorted(
            (one for one in ground.world.entries if one.changes and one.status in _GOOD), key=lambda one: one.start
        )
        longest = max((one.end - one.start for one in every), default=0.0)
        return cls(every, [one.start for one in every], longest)

    def between(self, one: Seen | Entry, other: Seen | Entry) -> tuple[Entry, ...]:
        """Those that may have come to pass after one call and before another."""
        first = bisect.bisect_left(self.starts, one.start - self.longest)
        last = bisect.bisect_left(self.starts, other.end)
        return tuple(write for write in self.every[first:last] if write.end > one.start)


@dataclass(frozen=True, slots=True)
class _Gap:
    """Two answers in turn, between which no write came that concerns them: those that came, and who asked."""

    changed: bool
    writes: tuple[Entry, ...]
    caller: Placeholders


def _find_moved_reads(ground: Ground, writes: _Writes) -> Iterator[Remark]:
    """Reads whose answer changes where a write was made that does not concern them, and nowhere else."""
    kinds: dict[tuple[Bucket, object], dict[Line, list[_Gap]]] = {}
    paged = {line for _, lines in find_pages(ground) for line in lines}  # what moves there is said of the pages
    for line in (line for line in ground.views if line not in paged):
        for kind, gap in _find_gaps(line, ground, writes):
            kinds.setdefault((line.bucket, kind), {}).setdefault(line, []).append(gap)
    blamed: dict[Line, dict[int, Entry]] = {}
    for lines in kinds.values():
        if all(gap.writes for gaps in lines.values() for gap in gaps if gap.changed):  # else it moves by time
            for line, gaps in lines.items():
                blamed.setdefault(line, {}).update((one.number, one) for one in _blame(gaps, ground))
    for line, found in blamed.items():
        if found:
            names = ground.name(found[number] for number in sorted(found))
            yield Remark(
                f"{ground.where(line.entries[0])}.response",
                f"its answers ({ground.name(line.entries)}) change where {names} came between, which replay does not "
                "tie to it: it steps through them poll by poll, whatever was played; a client that polls as often as "
                "this one did is told right",
            )


def _blame(gaps: list[_Gap], ground: Ground) -> list[Entry]:
    """The writes that answers went with; none where it may as well have been chance.

    Those of another caller count only where there is more than one change, and where their kind never came without one.
    """
    changed = [gap for gap in gaps if gap.changed]
    idle = {write.line for gap in gaps if not gap.changed for write in gap.writes}
    kinds = {line.bucket for line in idle if line is not None}
    blamed: list[Entry] = []
    for gap in changed:
        found = [
            write
            for write in gap.writes
            if write.secrets == gap.caller
            or (len(changed) > 1 and write.line is not None and write.line.bucket not in kinds)
        ]
        if not found:
            return []
        blamed += found
    alone = len(changed) == 1 and all(write.number in ground.world.introducing for write in blamed)
    return [] if alone else blamed


def _find_gaps(line: Line, ground: Ground, writes: _Writes) -> Iterator[tuple[object, _Gap]]:
    for view in _views(line, ground):
        asked = {(entry.start, entry.end): entry for entry in view.keys}
        asked.update(((one.start, one.end), one.source) for one in view.rest.seen)
        yield from (("rest", gap) for gap in _gaps(view.rest, asked, writes))
        for part in view.parts:
            kind = tuple("#" if str(step).startswith("#") else step for step in part.steps)
            yield from ((kind, gap) for gap in _gaps(part.timeline, asked, writes))


def _views(line: Line, ground: Ground) -> Iterator[View]:
    """What was answered to a read; to each caller, where callers are told otherwise."""
    view = ground.view(line)
    if not view.unlike_callers():
        yield view
        return
    callers: dict[Placeholders, list[Entry]] = {}
    for entry in line.entries:
        callers.setdefault(entry.secrets, []).append(entry)
    for entries in callers.values():
        yield view_of(line, tuple(entries), ground.library.catalogue, ground.library.volatile)


def _gaps(timeline: Timeline, asked: dict[tuple[float, float], Entry], writes: _Writes) -> Iterator[_Gap]:
    if timeline.constant:
        return
    seen = sorted(timeline.seen, key=lambda one: one.start)
    states = [(find_state(timeline.writes, one.start), find_reach(timeline.writes, one.end)) for one in seen]
    for (one, state), (other, later) in itertools.pairwise(zip(seen, states, strict=True)):
        if state[0] == later[0] == later[1]:
            yield _Gap(one.value != other.value, writes.between(one, other), asked[other.start, other.end].secrets)


def _find_turned_writes(ground: Ground, writes: _Writes) -> Iterator[Remark]:
    """Writes that were refused until another was made, or that were refused from then on."""
    for line in ground.lines:
        entries = sorted((one for one in line.entries if one.changes), key=lambda one: one.start)
        for one, other in itertools.pairwise(entries):
            if not _is_turned(one, other):
                continue
            concerning = line.world.concerning(other.asked)
            between = [
                write
                for write in writes.between(one, other)
                if write.line is not line and (write.secrets == other.secrets or write in concerning)
            ]
            if between:
                yield Remark(
                    ground.where(one),
                    f"was answered {one.status}, and {other.status} ({other.id}) after {ground.name(between)}: replay "
                    "gives these answers in the order in which they were recorded, whatever was played; a client that "
                    "asks for the first time after that, or more often before it, is told otherwise",
                )
                break


def _is_turned(one: Entry, other: Entry) -> bool:
    """Whether equal writes were answered otherwise for a reason that is not in themselves.

    What was made cannot be made again, nor what was deleted be deleted: only PUT and PATCH are the same each time.
    """
    if one.status in _REFUSED:
        return one.status not in _BY_TIME and other.status in _GOOD
    return (
        one.status in _GOOD
        and other.status in _REFUSED
        and other.status not in _BY_TIME
        and one.method in {"PUT", "PATCH"}
    )


def _find_shown_by_writes(ground: Ground, writes: _Writes) -> Iterator[Remark]:
    """Writes whose answer lists what other writes made: replay gives those out whether they were made or not."""
    makers: dict[Identity, Entry] = {}
    for entry in sorted(ground.world.entries, key=lambda one: one.start):
        for identity in entry.asked | entry.told:
            makers.setdefault(identity, entry)
    asked = frozenset().union(*(entry.asked for entry in ground.world.entries))
    told: set[Bucket] = set()
    for entry in writes.every:
        if entry.line is None or entry.line.bucket in told:
            continue
        # What it is about was made by somebody, who may have named more: labels, and what it is in.
        near = {makers[identity] for identity in entry.asked} | {entry}
        known = entry.asked.union(*(maker.asked for maker in near))
        shown = {
            maker.number: maker
            for identity in _listed(entry, ground) & asked - known
            if (maker := makers[identity]).changes and maker not in near and may_turn(maker, entry)
        }
        if shown:
            told.add(entry.line.bucket)
            yield Remark(
                f"{ground.where(entry)}.response",
                f"lists what {ground.name(shown[number] for number in sorted(shown))} made: a write is answered as it "
                "was recorded, so that where these are made the other way round it shows what nobody has made yet",
            )


def _listed(entry: Entry, ground: Ground) -> frozenset[Identity]:
    """The identities in lists of an answer, and those that name members."""
    if entry.told <= entry.asked:
        return frozenset()
    return frozenset(
        identity
        for spot, value in ground.leaves(entry)
        if spot.key or "[*]" in spot.wide or ".*" in spot.wide
        for identity, _ in find_identities(spot, value, ground.library.catalogue)
    )
