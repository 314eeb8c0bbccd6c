"""What a request was answered over time: the timeline of its document's rest, and one for each part.

A view belongs to one line and to the entries that a caller may get; it is made when it is first asked for.
"""

import bisect
import itertools
import math
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from cpproxy.core import jsonpath
from cpproxy.core.replay import documents
from cpproxy.core.replay.documents import Layout, Stable, Steps
from cpproxy.core.replay.freshness import find_fresh
from cpproxy.core.replay.identities import Catalogue, Identity
from cpproxy.core.replay.index import Bucket, Line
from cpproxy.core.replay.timelines import Seen, State, Timeline, find_state
from cpproxy.core.replay.worlds import ACCEPTED, MISSING, Entry, Placeholders, Thing, World

CREATED = 201
ABSENT = None
"""The source of an answer in which a part is not there."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A part of a document: its place, its timeline, the write that made it, and the things it tells of.

    `telling` is the read of an operation that was the first to tell of it, where that is what made it.
    """

    steps: Steps
    timeline: Timeline
    creator: Entry | None
    things: frozenset[Thing]
    telling: Entry | None = None


@dataclass(slots=True, eq=False)
class View:
    """All that was answered to one request. `unseen` are writes whose things no answer was there to show."""

    world: World
    rest: Timeline
    things: frozenset[Thing]
    by_path: bool
    layout: Layout
    parts: tuple[Part, ...] = ()
    unseen: tuple[Entry, ...] = ()
    keys: dict[Entry, dict[Steps, object]] = field(default_factory=dict)
    _unlike: tuple[tuple[Placeholders, Placeholders], ...] | None = None
    _harmless: frozenset[Bucket] | None = None

    def is_settled(self, missing: Iterable[int]) -> bool:
        """Whether writes after which nobody asked for a part are all of kinds that were seen to change no part."""
        if self._harmless is None:
            self._harmless = frozenset(self._find_harmless())
        first = self.world.entries[0].number
        lines = [self.world.entries[number - first].line for number in missing]
        return bool(lines) and all(line is not None and line.bucket in self._harmless for line in lines)

    def _find_harmless(self) -> set[Bucket]:
        """The kinds of writes before and after which a part was equal, wherever one was asked for on both sides."""
        harmless: set[Bucket] = set()
        harmful: set[Bucket] = set()
        first = self.world.entries[0].number
        for part in self.parts:
            for bound in part.timeline.find_bounds():
                line = self.world.entries[bound.number - first].line
                if line is not None:
                    (harmless if bound.equal else harmful).add(line.bucket)
        return harmless - harmful

    def unlike_callers(self) -> tuple[tuple[Placeholders, Placeholders], ...]:
        """Callers who were told nothing alike in one state, leaving out what was made while it was recorded."""
        if self._unlike is None:
            self._unlike = tuple(dict.fromkeys(self._find_unlike_callers()))
        return self._unlike

    def _find_unlike_callers(self) -> Iterator[tuple[Placeholders, Placeholders]]:
        if len({seen.source.asker for seen in self.rest.seen}) < 2:
            return
        made = {part.steps for part in self.parts if part.creator is not None}
        told: dict[State, dict[Placeholders, set[object]]] = {}
        for seen in self.rest.seen:
            keys = self.keys.get(seen.source, {})
            parts = frozenset((steps, value) for steps, value in keys.items() if steps not in made)
            callers = told.setdefault(find_state(self.rest.writes, seen.start), {})
            callers.setdefault(seen.source.asker, set()).add((seen.value, parts))
        for callers in told.values():
            for one, other in itertools.combinations(callers, 2):
                if callers[one].isdisjoint(callers[other]):
                    yield one, other


def view_of(
    line: Line, entries: tuple[Entry, ...], catalogue: Catalogue, volatile: tuple[jsonpath.JsonPath, ...]
) -> View:
    """The view of these entries of a line, made once."""
    view = line.views.get(entries)
    if view is None:
        view = line.views[entries] = make_view(line, entries, catalogue, volatile)
    return view


def make_view(
    line: Line, entries: tuple[Entry, ...], catalogue: Catalogue, volatile: tuple[jsonpath.JsonPath, ...]
) -> View:
    """The view of these entries of a line."""
    world = line.world
    subject = frozenset().union(*(entry.asked for entry in entries[:1]))
    decoded = [(entry, entry.interaction()) for entry in entries]
    stable = Stable(world.window, find_fresh(line, decoded, catalogue), volatile)
    read = [(entry, interaction, documents.read_json(interaction, volatile)) for entry, interaction in decoded]
    layout = documents.find_layout((value for _, _, value in read if value is not None), catalogue, subject)
    taken: dict[Entry, documents.Parts] = {}
    rest: list[Seen] = []
    for entry, interaction, value in read:
        content = None
        if value is not None:
            taken[entry] = documents.take_apart(value, layout, catalogue, stable)
            content = taken[entry].rest
        rest.append(Seen(entry.start, entry.end, documents.frame(interaction, stable, content), entry))
    parts = tuple(_make_parts(taken, world))
    told = subject or _rest_identities(entries, taken)
    by_path = not told
    writes = world.concerning(told)
    if not subject:  # what merely stands in an answer may not be all that it is about
        writes = _join(writes, world.concerning_path(entries[0].path))
    timeline = Timeline(_join(writes, _find_makers(entries, writes, world)), tuple(rest))
    return View(
        world=world,
        rest=timeline,
        things=world.specific(told),
        by_path=by_path,
        layout=layout,
        parts=parts,
        unseen=tuple(_find_unseen(entries, parts, world, subject)) if layout.keys else (),
        keys={entry: {steps: value for steps, (value, _) in one.parts.items()} for entry, one in taken.items()},
    )


def _rest_identities(entries: tuple[Entry, ...], taken: dict[Entry, documents.Parts]) -> frozenset[Identity]:
    """The identities of answers that are in no part of them; those that merely happen to stand there."""
    found: set[Identity] = set()
    for entry in entries:
        if entry not in taken or not taken[entry].parts:
            found |= entry.told
    held = {str(step)[1:] for one in taken.values() for steps in one.parts for step in steps if _is_part(step)}
    return frozenset(found - held) if not any(one.containers for one in taken.values()) else frozenset()


def _is_part(step: str | int) -> bool:
    return isinstance(step, str) and step.startswith("#")


def _join(writes: Iterable[Entry], more: Iterable[Entry]) -> tuple[Entry, ...]:
    return tuple(sorted({*writes, *more}, key=lambda entry: entry.number))


def _find_makers(entries: tuple[Entry, ...], writes: Iterable[Entry], world: World) -> tuple[Entry, ...]:
    """The writes that made what was missing before them and there after them, where none that concern it did."""
    missing = [entry for entry in entries if entry.status in MISSING]
    if not missing or len(missing) == len(entries):
        return ()
    first = min((entry for entry in entries if entry.status not in MISSING), key=lambda entry: entry.start)
    if any(write.start < first.end and write.end > missing[0].start for write in writes):
        return ()
    return _find_causes(first, _Answers(missing), world.concerning_path(first.path, siblings=True))


def _find_causes(first: Entry, without: "_Answers", writes: Iterable[Entry]) -> tuple[Entry, ...]:
    """Of these writes those between the first answer that shows a thing and the last before them that does not.

    Where some of them came from who was told of the thing, it is those: tenants share paths.
    """
    before = [write for write in writes if write.start < first.end]
    last = without.find_last(first.start, max((write.end for write in before), default=-math.inf))
    found = [write for write in before if last is not None and write.end > last.start]
    return tuple([write for write in found if write.secrets == first.secrets] or found)


type _Cause = tuple[tuple[Entry, ...], Entry | None]

_NOTHING: _Cause = ((), None)


def _explain(identity: Identity, first: Entry, without: "_Answers", world: World) -> _Cause:
    """The writes that a thing came of which none shows, and the read of an operation that told of it before its list.

    `first` is the first answer of the list that shows it.
    """
    missing = without.find_last(first.start, math.inf) is not None
    operation = _find_operation(identity, first, world) if missing or world.accepts else None
    if operation is not None:
        telling, maker = operation
        if maker.status == ACCEPTED:
            return (maker,), telling
        if missing:
            return (maker,), None
    return (_find_causes(first, without, world.concerning_path(first.path)), None) if missing else _NOTHING


def _find_operation(identity: Identity, first: Entry, world: World) -> tuple[Entry, Entry] | None:
    """The other read that was the first to tell of a thing, and the write that had made what that read was about."""
    telling = world.first_telling(identity)
    if telling is None or telling.write or telling.line is first.line or telling.end > first.end:
        return None
    makers = {world.creators[one] for one in telling.asked if one in world.creators}
    return (telling, makers.pop()) if len(makers) == 1 else None


def _make_parts(taken: dict[Entry, documents.Parts], world: World) -> Iterable[Part]:
    """Each part's timeline, absence included, in the order in which parts were first seen."""
    shown: dict[Steps, dict[Entry, tuple[object, Any]]] = {}
    containers: dict[Steps, list[Entry]] = {}
    for entry, one in taken.items():
        for steps, found in one.parts.items():
            shown.setdefault(steps, {})[entry] = found
        for container in one.containers:
            containers.setdefault(container, []).append(entry)
    answers = {container: _Answers(entries) for container, entries in containers.items()}
    for steps, places in shown.items():
        identity = str(steps[-1])[1:]
        writes = world.concerning([identity])
        without = answers.get(_container(steps))
        causes, telling = _NOTHING
        if without is not None and identity not in world.creators:
            causes, telling = _explain(identity, min(places, key=lambda entry: entry.start), without, world)
            writes = _join(writes, causes) if causes else writes
        seen = [Seen(entry.start, entry.end, value, (entry, place)) for entry, (value, place) in places.items()]
        if without is not None:
            seen += [Seen(entry.start, entry.end, ABSENT, ABSENT) for entry in without.find(places, writes)]
        creator = causes[0] if len(causes) == 1 else _find_creator(steps, seen, world)
        things = world.specific([identity]) | ({causes[0].number} if len(causes) == 1 else set())
        yield Part(steps, Timeline(writes, tuple(seen)), creator, things, telling)


class _Answers:
    """The answers that hold a list, by time: thousands of parts are absent from most of thousands of answers."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = sorted(entries, key=lambda entry: entry.start)
        self._places = {entry: at for at, entry in enumerate(self._entries)}
        self._starts = [entry.start for entry in self._entries]
        self._ends = list(itertools.accumulate((entry.end for entry in self._entries), max))

    def find(self, shown: Collection[Entry], writes: Iterable[Entry]) -> list[Entry]:
        """Of those without a part the first and the last between any two changes: the others are equal to them."""
        marks = {0, len(self._entries) - 1}
        for at in [self._places[entry] for entry in shown if entry in self._places]:
            marks.update((at - 1, at + 1))
        for write in writes:
            first = bisect.bisect_right(self._ends, write.start)
            last = bisect.bisect_left(self._starts, write.end)
            marks.update(range(first - 1, last + 1))
        found = (self._entries[at] for at in sorted(marks) if 0 <= at < len(self._entries))
        return [entry for entry in found if entry not in shown]

    def find_last(self, shown: float, end: float) -> Entry | None:
        """The last that was told before a moment, when something was shown first, and asked before another."""
        at = bisect.bisect_left(self._starts, min(shown, end))
        return next((entry for entry in reversed(self._entries[:at]) if entry.end <= shown), None)


def _find_creator(steps: Steps, seen: Iterable[Seen], world: World) -> Entry | None:
    """The write that made a part; none where an answer showed the part before that write began.

    What the write that made a part names stands in it from then on, whoever made that.
    """
    *outer, identity = (str(step)[1:] for step in steps if _is_part(step))
    makers = (world.creators.get(one) for one in reversed(outer))
    creator = next((one for one in makers if one is not None and identity in one.asked), world.creators.get(identity))
    if creator is None or any(one.source is not ABSENT and one.end <= creator.start for one in seen):
        return None
    return creator


def _container(steps: Steps) -> Steps:
    return steps[:-1]


def _find_unseen(
    entries: tuple[Entry, ...], parts: tuple[Part, ...], world: World, subject: frozenset[Identity]
) -> Iterable[Entry]:
    """Writes of the kinds that made the parts, after which nobody asked while what they made was there.

    What they made may be in a list of what they name, or of nothing.
    """
    about = {world.thing(identity) for identity in subject}
    creators = {part.creator for part in parts if part.creator is not None}
    kinds: set[Any] = {creator.line.bucket for creator in creators if creator.line is not None}
    path = entries[0].path
    for write, until in _find_lifetimes(world):
        if write in creators or write.line is None:
            continue
        alike = write.line.bucket in kinds or (write.status == CREATED and write.path == path)
        if (
            alike
            and _is_about(write, about, world)
            and not any(write.end <= entry.start and entry.end <= until for entry in entries)
        ):
            yield write


def _is_about(write: Entry, things: set[Thing], world: World) -> bool:
    """Whether a write names one of these things, or what is in one; anything is about none."""
    named = {world.thing(identity) for identity in write.asked} if things else set()
    return not things or not things.isdisjoint(named | world.ancestors(named))


def _find_lifetimes(world: World) -> Iterable[tuple[Entry, float]]:
    """Each write that made something, and when the deletion of what it made began."""
    made: dict[Entry, list[Identity]] = {}
    for identity, creator in world.creators.items():
        made.setdefault(creator, []).append(identity)
    for creator, identities in made.items():
        deleted = (entry.start for entry in world.concerning(identities) if entry.method == "DELETE")
        yield creator, min(deleted, default=math.inf)
