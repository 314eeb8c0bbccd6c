"""How recorded things fared, beyond their names: which of them nothing but arrival tells apart, though they differ.

What is new in each run is bound as the calls arrive (rule 9 of replay). That is a guess where another recorded thing
could have been meant that fares otherwise: `ambiguity` says so of a recording, `guesses` of an answer.
"""

import bisect
import hashlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from cpproxy.core.replay import documents
from cpproxy.core.replay.ground import Ground, may_swap, may_turn
from cpproxy.core.replay.identities import Identity
from cpproxy.core.replay.index import Bucket, Line
from cpproxy.core.replay.views import View
from cpproxy.core.replay.worlds import Entry

_NEAR = 4  # calls of another caller, to either side of the like turn; more would cost what nobody reads
_MOST = 256  # answers about one thing; what comes after them is not compared

OWN_ANSWERS = "their own answers"

type Rivals = tuple[tuple[Entry, str], ...]
"""Other calls that could be meant, each with where the things differ, in words."""


@dataclass(slots=True, eq=False)
class Fate:
    """What was told of some things: by kind of read and by list the answers in turn, by kind of write those and theirs.

    Nothing in it is a name: it is alike for things that fared alike.
    """

    told: dict[Bucket, list[bytes]] = field(default_factory=dict)
    done: dict[Bucket, list[tuple[bytes, "Fate"]]] = field(default_factory=dict)
    shown: dict[Line, list[bytes]] = field(default_factory=dict)


def find_difference(one: Fate, other: Fate) -> str:
    """Where two fates differ, in words; nothing where they do not, or where one was but asked for more often."""
    return next(
        itertools.chain(_compare_told(one, other), _compare_shown(one, other), _compare_done(one, other)),
        "",
    )


def _compare_told(one: Fate, other: Fate) -> Iterator[str]:
    for bucket in one.told | other.told:
        if bucket not in one.told or bucket not in other.told:
            yield f"{_spell(bucket)} and its like were asked for one of them alone"
        elif not _is_alike(one.told[bucket], other.told[bucket]):
            yield f"the answers to {_spell(bucket)} and its like"


def _compare_shown(one: Fate, other: Fate) -> Iterator[str]:
    for line, shown in one.shown.items():
        if line in other.shown and not _is_alike(shown, other.shown[line]):
            yield f"the answers to {line.entries[0].id}"


def _compare_done(one: Fate, other: Fate) -> Iterator[str]:
    for bucket in one.done | other.done:
        first, second = one.done.get(bucket, []), other.done.get(bucket, [])
        if len(first) != len(second):
            yield f"{_spell(bucket)} and its like were not called as often for both"
            continue
        for (said, below), (also, beside) in zip(first, second, strict=True):
            where = f"the answers to {_spell(bucket)} and its like" if said != also else find_difference(below, beside)
            if where:
                yield where


def _spell(bucket: Bucket) -> str:
    return bucket.lines[0].entries[0].id


def _is_alike(one: Sequence[bytes], other: Sequence[bytes]) -> bool:
    """Whether both came to the same, and one of them merely was not asked for at each step."""
    short, long = sorted((one, other), key=len)
    left = iter(long)
    return one[-1:] == other[-1:] and all(step in left for step in short)


@dataclass(slots=True, eq=False)
class Fates:
    """The fates of one cassette's things, each found out when it is first asked for."""

    ground: Ground
    _first: dict[Identity, Entry] = field(default_factory=dict)
    _naming: dict[Identity, list[Line]] = field(default_factory=dict)
    _showing: dict[Identity, list[Line]] = field(default_factory=dict)
    _made: dict[Entry, frozenset[Identity]] = field(default_factory=dict)
    _mixed: dict[Bucket, bool] = field(default_factory=dict)
    _groups: dict[Bucket, dict[object, dict[object, list[Entry]]]] = field(default_factory=dict)
    _fates: dict[frozenset[Identity], Fate] = field(default_factory=dict)
    _rivals: dict[Entry, Rivals] = field(default_factory=dict)

    def rivals(self, entry: Entry) -> Rivals:
        """The writes that could be meant as well by a call that gets this one, and whose things fare otherwise."""
        if entry not in self._rivals:
            self._rivals[entry] = tuple(self._find_rivals(entry))
        return self._rivals[entry]

    def _find_rivals(self, entry: Entry) -> Iterator[tuple[Entry, str]]:
        if entry.line is None or not entry.changes or not self._is_mixed(entry.line.bucket):
            return
        callers = self._group(entry.line.bucket)[self._fixed(entry)]
        turn = bisect.bisect(callers[entry.secrets], entry.number, key=lambda one: one.number)
        for entries in callers.values():
            for other in entries[max(0, turn - 1 - _NEAR) : turn + _NEAR]:
                if other is not entry and may_swap(entry, other) and (where := self.compare(entry, other)):
                    yield other, where

    def is_like(self, one: Entry, other: Entry) -> bool:
        """Whether two writes are of one kind, and name nothing besides that tells them apart."""
        if one.line is None or other.line is None or one.line.bucket is not other.line.bucket:
            return False
        return self._fixed(one) == self._fixed(other)

    def _is_mixed(self, bucket: Bucket) -> bool:
        """Whether any two writes of a kind could come the other way round."""
        if bucket not in self._mixed:
            world = self.ground.world
            writes = [one for line in bucket.lines if line.world is world for one in line.entries if one.changes]
            writes.sort(key=lambda one: one.start)
            self._mixed[bucket] = any(may_swap(one, other) for one, other in itertools.pairwise(writes))
        return self._mixed[bucket]

    def _group(self, bucket: Bucket) -> dict[object, dict[object, list[Entry]]]:
        """The writes of a kind by what else they name, and by caller; each in recorded order."""
        if bucket not in self._groups:
            groups: dict[object, dict[object, list[Entry]]] = {}
            for line in bucket.lines:
                for entry in line.entries if line.world is self.ground.world else ():
                    if entry.changes:
                        groups.setdefault(self._fixed(entry), {}).setdefault(entry.secrets, []).append(entry)
            for entries in [entries for callers in groups.values() for entries in callers.values()]:
                entries.sort(key=lambda one: one.number)
            self._groups[bucket] = groups
        return self._groups[bucket]

    def compare(self, one: Entry, other: Entry) -> str:
        """Where the things of two writes differ, in words; nothing where they do not."""
        if self.ground.blank(one) != self.ground.blank(other):
            return OWN_ANSWERS
        return find_difference(self.fate(self.own(one)), self.fate(self.own(other)))

    def own(self, entry: Entry) -> frozenset[Identity]:
        """The identities that a write introduces, and those of its request that nothing showed before."""
        self._look()
        first = {one for one in entry.asked if self._first.get(one) is entry and not self._is_shared(one, entry)}
        return self._made.get(entry, frozenset()) | first

    def _is_shared(self, identity: Identity, entry: Entry) -> bool:
        """Whether writes of one kind hand it on to several things (an org, a cluster): it is none of theirs."""
        lines = self._naming.get(identity, ())
        return entry.line is not None and sum(line.bucket is entry.line.bucket for line in lines) > 1

    def new(self, line: Line) -> frozenset[Identity]:
        """The identities of a read that nothing showed before it, and that no write introduces."""
        self._look()
        named = (slot.identity for slot in line.slots if not slot.secret)
        creators = line.world.creators
        return frozenset(one for one in named if one not in creators and self._first[one].line is line)

    def _fixed(self, entry: Entry) -> tuple[tuple[int, Identity], ...]:
        """What a write names that was known before it."""
        own = self.own(entry)
        slots = enumerate(() if entry.line is None else entry.line.slots)
        return tuple((at, slot.identity) for at, slot in slots if not slot.secret and slot.identity not in own)

    def fate(self, own: frozenset[Identity]) -> Fate:
        """What was told of these identities."""
        if own not in self._fates:
            self._look()
            self._fates[own] = self._make(own, set())
        return self._fates[own]

    def _make(self, own: frozenset[Identity], seen: set[Entry]) -> Fate:
        fate = Fate()
        for line in {line: None for one in sorted(own) for line in self._naming.get(one, ())}:
            for entry in itertools.islice(line.entries, _MOST):
                if entry in seen or len(seen) > _MOST:
                    continue
                seen.add(entry)
                said = _digest(self.ground.blank(entry))
                if not entry.write:
                    _add(fate.told.setdefault(line.bucket, []), said)
                elif not own <= self.own(entry):  # it was done to them, rather than that it made them
                    children = self.own(entry) - own
                    below = self._make(children, seen) if children else Fate()
                    fate.done.setdefault(line.bucket, []).append((said, below))
        for line in {line: None for one in sorted(own) for line in self._showing.get(one, ())}:
            shown = self._show(self.ground.view(line), own)
            if shown:
                fate.shown[line] = shown
        return fate

    def _show(self, view: View, own: frozenset[Identity]) -> list[bytes]:
        """What a list told of some things, one after another."""
        shown: list[bytes] = []
        for part in view.parts:
            if str(part.steps[-1])[1:] not in own:
                continue
            for seen in part.timeline.seen:
                if seen.source is not None:
                    entry, place = seen.source
                    value = documents.Choice(documents.read_json(self.ground.interaction(entry)), place).value()
                    _add(shown, _digest(msgspec.json.encode(self.ground.rub_out_all(value))))
        return shown

    def _look(self) -> None:
        """Finds out what was named where, once."""
        if self._first:
            return
        world = self.ground.world
        for entry in sorted(world.entries, key=lambda one: one.start):
            for one in entry.asked | entry.told:
                self._first.setdefault(one, entry)
        made: dict[Entry, set[Identity]] = {}
        for identity, creator in world.creators.items():
            made.setdefault(creator, set()).add(identity)
        self._made = {entry: frozenset(identities) for entry, identities in made.items()}
        for line in self.ground.lines:
            named = {slot.identity for slot in line.slots if not slot.secret}
            for one in named:
                self._naming.setdefault(one, []).append(line)
            if not line.entries[0].write:
                for one in frozenset().union(*(entry.told for entry in line.entries)) - named:
                    self._showing.setdefault(one, []).append(line)


def _digest(said: bytes) -> bytes:
    return hashlib.blake2b(said, digest_size=16).digest()


def _add(steps: list[bytes], said: bytes) -> None:
    """Adds what was told, unless it is what was told before."""
    if not steps or steps[-1] != said:
        steps.append(said)


def find_unlike(lines: Iterable[Line], fates: Fates) -> Iterator[tuple[Line, Line, str]]:
    """Reads of one kind that nothing tells apart but what they are the first to name; where that differs."""
    groups: dict[object, list[Line]] = {}
    for line in lines:
        new = fates.new(line)
        if new:
            fixed = tuple((at, slot.identity) for at, slot in enumerate(line.slots) if slot.identity not in new)
            groups.setdefault(fixed, []).append(line)
    for alike in groups.values():
        told: set[Line] = set()
        for at, one in enumerate(alike):
            for other in alike[at + 1 : at + 1 + _NEAR]:
                if other not in told and may_come_first(one, other):
                    where = find_difference(fates.fate(fates.new(one)), fates.fate(fates.new(other)))
                    if where:
                        told.add(other)
                        yield one, other, where


def may_come_first(one: Line, other: Line) -> bool:
    """Whether another run could ask these the other way round; of callers without credentials, nobody can tell."""
    return may_turn(one.entries[0], other.entries[0])
