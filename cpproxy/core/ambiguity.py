"""What a recording does not determine, found before anybody replays it.

Each row of what cannot be made right has its warning here; where it happens at run time, the answer says so itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from cpproxy.core.documents import read_json
from cpproxy.core.index import Line
from cpproxy.core.loading import Library
from cpproxy.core.views import View, make_view
from cpproxy.core.worlds import Entry

MOST_STEPS = 20
_TOTALS = frozenset({"total", "count", "total_count", "totalcount", "size", "next", "next_page", "cursor", "has_more"})


@dataclass(frozen=True, slots=True)
class Doubt:
    """What is not determined: in which cassette, at which interactions, and what to do about it."""

    cassette: str
    interactions: tuple[str, ...]
    text: str


def find_doubts(library: Library) -> Iterator[Doubt]:
    """The doubts about all cassettes of a library, in the order of its lines."""
    for bucket in library.index.buckets():
        lines = bucket.row.lines
        if len(lines) > 1 and lines[0].entries[0].changes:
            yield from _compare_writes(lines)
        for line in lines:
            entries = tuple(line.entries)
            if entries[0].write:
                yield from _read_repeated(line)
                continue
            view = make_view(line, entries, library.catalogue, library.volatile)
            yield from _count_steps(line, view)
            yield from _compare_callers(line, view)
            if view.layout.keys:
                yield from _find_totals(line)


def _doubt(entries: list[Entry], text: str) -> Doubt:
    return Doubt(entries[0].cassette, tuple(entry.id for entry in entries), text)


def _compare_writes(lines: list[Line]) -> Iterator[Doubt]:
    """Writes that nothing tells apart but the ids of what they make."""
    by_world: dict[str, list[Entry]] = {}
    for line in lines:
        creators = line.world.creators
        free = all(slot.secret or creators.get(slot.identity) in line.entries for slot in line.slots)
        if free and line.slots:
            by_world.setdefault(line.world.name, []).append(line.entries[0])
    for entries in by_world.values():
        if len(entries) > 1:
            yield _doubt(
                entries,
                f"nothing tells these {entries[0].method} {entries[0].path} apart: they are bound as they arrive; "
                "where what they make differs later, give each caller a session",
            )


def _read_repeated(line: Line) -> Iterator[Doubt]:
    """A POST that is sent again and again with the same body, and told something else."""
    entries = [entry for entry in line.entries if entry.status < 400]
    if entries and entries[0].method == "POST" and len(entries) > 1 and entries[0].changes:
        told = {str(read_json(entry.interaction())) for entry in entries}
        if len(told) > 1:
            yield _doubt(
                entries,
                f"this POST {entries[0].path} was sent {len(entries)} times with the same body and told "
                f'{len(told)} things: if it is a poll, give its route kind = "read"',
            )


def _count_steps(line: Line, view: View) -> Iterator[Doubt]:
    for timeline in (view.rest, *(part.timeline for part in view.parts)):
        for state in timeline.states():
            found = timeline.find(state)
            if found is not None and len(found.steps.steps) > MOST_STEPS:
                yield _doubt(
                    line.entries,
                    f"{line.entries[0].method} {line.entries[0].path} has {len(found.steps.steps)} steps in one state: "
                    "name what moves in it under volatile in [replay]",
                )
                return


def _compare_callers(line: Line, view: View) -> Iterator[Doubt]:
    """Answers in one state that differ with the credentials alone."""
    seen: dict[object, dict[object, set[object]]] = {}
    for one in view.rest.seen:
        before = frozenset(write.number for write in view.rest.writes if write.end <= one.start)
        seen.setdefault(before, {}).setdefault(one.source.secrets, set()).add(one.value)
    for callers in seen.values():
        values = list(callers.values())
        if len(values) > 1 and any(values[0].isdisjoint(other) for other in values[1:]):
            yield _doubt(
                line.entries,
                f"what {line.entries[0].method} {line.entries[0].path} tells differs by credential alone, and "
                "an unknown one is told what was recorded first: compare a header, or give each caller a session",
            )
            return


def _find_totals(line: Line) -> Iterator[Doubt]:
    """Members beside a composed list that speak of the whole of it, and headers that do."""
    for entry in line.entries[:1]:
        interaction = entry.interaction()
        document = read_json(interaction)
        names = document if isinstance(document, dict) else ()
        found = [f"$.{name}" for name in names if name.lower() in _TOTALS]
        found += [name for name, _ in interaction.response.headers if name.lower() in {"etag", "x-total-count", "link"}]
        if found:
            yield _doubt(line.entries, f"{', '.join(found)} beside a list that is composed stays as it was recorded")
