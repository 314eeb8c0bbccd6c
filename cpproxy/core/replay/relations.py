"""What was put to what by later writes: an item moved into a folder, a disk attached to a machine.

Rule 4 of replay. A write that makes nothing, whose path ends in one thing and whose body names another, relates them
from then on, both ways: who deletes the folder deletes the item, and who deletes the machine frees the disk. Only what
is done to a related thing itself counts, a write whose path ends in it: an org or a cluster that every body names links
nothing, and what several callers put something to concerns them only when it is deleted.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cpproxy.core.replay.identities import Identity
    from cpproxy.core.replay.index import Bucket
    from cpproxy.core.replay.worlds import Entry, Placeholders, Thing, World

type Kinds = tuple[str, ...]
"""Of each slot of a request the kind of its place: path, query, header or other."""


@dataclass(frozen=True, slots=True)
class Relations:
    """For each thing those it was related to, with the moment; and those to which several callers put something."""

    since: "dict[Thing, dict[Thing, float]]" = field(default_factory=dict)
    crowded: "set[Thing]" = field(default_factory=set)
    _done: "dict[Thing, tuple[Entry, ...]]" = field(default_factory=dict)
    _known: "dict[Bucket, Kinds]" = field(default_factory=dict)

    def following(self, thing: "Thing", world: "World") -> "Iterator[Entry]":
        """The writes that were done to what a thing was related to before them."""
        for other, moment in self.since.get(thing, {}).items():
            if other not in self._done:
                self._done[other] = tuple(self._find_done(other, world))
            yield from (entry for entry in self._done[other] if entry.start >= moment)

    def _find_done(self, thing: "Thing", world: "World") -> "Iterator[Entry]":
        """The writes that were done to a thing, and made nothing; of one that is crowded, only those that end it."""
        crowded = thing in self.crowded
        for entry in world.naming(thing):
            if entry.method == "DELETE" or not (crowded or entry.number in world.introducing):
                target = find_target(entry, self._known)
                if target is not None and world.thing(target) == thing:
                    yield entry


def relate(changes: "Iterable[Entry]", world: "World") -> Relations:
    """What the writes of a world relate, but for parents."""
    known: dict[Bucket, Kinds] = {}
    callers: dict[Thing, Placeholders] = {}
    held: dict[Thing, dict[Thing, float]] = {}
    found = Relations()
    for entry in changes:
        if len(entry.asked) > 1 and entry.number not in world.introducing and entry.method != "DELETE":
            for pair in _pairs(entry, world, known):
                holder, other = pair
                held.setdefault(other, {}).setdefault(holder, entry.end)
                found.crowded.update(one for one in pair if callers.setdefault(one, entry.secrets) != entry.secrets)
    for other, holders in held.items():
        above = world.ancestors([other])
        for holder, moment in holders.items():
            if holder not in above and other not in world.parents.get(holder, ()):
                found.since.setdefault(holder, {})[other] = moment
        if len(holders) == 1 and other not in world.ancestors(holders):
            for holder, moment in holders.items():
                found.since.setdefault(other, {})[holder] = moment
    return found


def _pairs(entry: "Entry", world: "World", known: "dict[Bucket, Kinds]") -> "Iterator[tuple[Thing, Thing]]":
    """What a write's path ends in, with each thing that its query or body names besides."""
    target = find_target(entry, known)
    if entry.line is None or target is None:
        return
    holder = world.thing(target)
    for slot, kind in zip(entry.line.slots, known[entry.line.bucket], strict=True):
        if kind not in {"path", "header"} and not slot.secret and (other := world.thing(slot.identity)) != holder:
            yield holder, other


def find_target(entry: "Entry", known: "dict[Bucket, Kinds]") -> "Identity | None":
    """The last identity in a request's path; `known` are the kinds of places in requests that were looked at."""
    if entry.line is None:
        return None
    kinds = known.get(entry.line.bucket)
    if kinds is None:
        gaps = entry.line.bucket.shape.gaps
        kinds = known[entry.line.bucket] = tuple(place[0] for place, pattern in gaps for _ in pattern.pieces[1:])
    for at in range(len(kinds) - 1, -1, -1):
        if kinds[at] == "path" and not entry.line.slots[at].secret:
            return entry.line.slots[at].identity
    return None
