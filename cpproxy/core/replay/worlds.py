"""One cassette as a world of its own: its interactions, and which of its writes concern which things.

Rules 1, 3 and 4 of replay. A write introduces the identities that it shows first. Those that it introduces are one
thing, under whatever name: a slug that the client chose and the id that the answer gave it. The parents of a thing are
what else the write's request names; an identity that writes of one kind hand on to several things is a parent of each
and introduced by none.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

import msgspec

from cpproxy.core.cassette import Credential, Interaction
from cpproxy.core.replay.identities import Identity
from cpproxy.core.replay.relations import Relations, find_target, relate

if TYPE_CHECKING:
    from cpproxy.core.replay.index import Bucket, Line

_INTERACTION = msgspec.json.Decoder(Interaction)
ACCEPTED = 202
MISSING = frozenset({404, 410})
_DENIED = frozenset({401, 403})

type Placeholders = tuple[tuple[str, str], ...]
"""Headers and the placeholders of the credentials in them: who asked, when it was recorded.

A cookie's header is `cookie:NAME`.
"""

type Thing = Identity | int
"""What identities name: those that one write introduced are one thing, known by the write's number."""


class Once(Enum):
    """What a recorded interaction does after it was played."""

    STAYS = "stays"
    USED_UP = "used up"


@dataclass(slots=True, eq=False)
class Entry:
    """One recorded interaction, in little memory: it is decoded anew when its answer is asked for.

    `number` is its place among all that were loaded, `asked` and `told` are the identities of its request and answer,
    `secrets` the headers and placeholders of its credentials, `slotted` the placeholders in its line's slots.
    """

    number: int
    cassette: str
    id: str
    json: bytes
    start: float
    end: float
    status: int
    method: str
    path: str
    write: bool
    once: Once
    route: str
    credentials: frozenset[Credential]
    secrets: Placeholders
    slotted: tuple[tuple[int, str], ...] = ()
    omitted: int = 0
    """The size in bytes of an answer that was too large to be recorded, and so cannot be given."""
    asked: frozenset[Identity] = frozenset()
    told: frozenset[Identity] = frozenset()
    line: "Line | None" = None

    @property
    def asker(self) -> Placeholders:
        """The placeholders by which a caller can be told: those of its credentials, and those in the call itself."""
        if not self.slotted:
            return self.secrets
        return self.secrets + tuple((f"slot:{at}", marker) for at, marker in self.slotted)

    @property
    def denied(self) -> bool:
        """Whether it was answered with a 401 or 403."""
        return self.status in _DENIED

    @property
    def changes(self) -> bool:
        """Whether it may have changed the control plane."""
        return self.write and self.once is Once.USED_UP and not self.denied

    def interaction(self) -> Interaction:
        """The interaction, decoded."""
        return _INTERACTION.decode(self.json)


@dataclass(slots=True, eq=False)
class World:
    """One cassette's writes and things. `window` is when it was recorded, as Unix times in seconds."""

    name: str
    upstream: str = ""
    window: tuple[float, float] = (0.0, 0.0)
    entries: list[Entry] = field(default_factory=list)
    creators: dict[Identity, Entry] = field(default_factory=dict)
    parents: dict[Thing, frozenset[Thing]] = field(default_factory=dict)
    introducing: set[int] = field(default_factory=set)
    handed_out: frozenset[Identity] = frozenset()
    """Those that the control plane made: an answer showed them before any request did."""
    secrets_handed_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Likewise, the placeholders of secrets, each with those that are told with it."""
    lone: frozenset[Identity] = frozenset()
    """Identities that stand in one interaction alone."""
    relations: Relations = field(default_factory=Relations)
    accepts: bool = False
    """Whether a write was answered before it was done (RFC 9110 section 15.3.3)."""
    first_uses: dict[str, "Bucket"] = field(default_factory=dict)
    """The kind of call in which each secret was used first, by its placeholder."""
    _named: dict[Thing, list[Entry]] = field(default_factory=dict)
    _paths: dict[str, list[Entry]] = field(default_factory=dict)
    _beside: dict[tuple[str, bool], tuple[Entry, ...]] = field(default_factory=dict)
    _generations: dict[Identity, tuple[Thing, ...]] = field(default_factory=dict)
    """Under a name that was given again, the things that had it later."""
    _first_telling: dict[Identity, Entry] = field(default_factory=dict)

    def interactions(self) -> Iterator[tuple[msgspec.Raw, Interaction]]:
        """The interactions in recorded order, as the file had them but for its white space."""
        return ((msgspec.Raw(entry.json), entry.interaction()) for entry in self.entries)

    def learn(self) -> None:
        """Finds out who introduced what; to be called once all entries are there, with their lines."""
        self._find_creators()
        self._drop_shared()
        for entry in self.entries:
            if entry.line is not None:
                for _, marker in entry.asker:
                    self.first_uses.setdefault(marker, entry.line.bucket)
        changes = [entry for entry in self.entries if entry.changes]
        own: dict[int, set[Identity]] = {}
        for identity, creator in self.creators.items():
            if identity not in self.lone:
                own.setdefault(creator.number, set()).add(identity)
        self.introducing = set(own)
        self.accepts = any(entry.status == ACCEPTED for entry in changes)
        for entry in changes:
            for thing in {self.thing(identity) for identity in entry.asked}:
                self._named.setdefault(thing, []).append(entry)
            if entry.number in own:
                self.parents[entry.number] = frozenset(self.thing(one) for one in entry.asked) - {entry.number}
            self._paths.setdefault(entry.path, []).append(entry)
        self._find_generations(own)
        self.relations = relate(changes, self)

    def _find_generations(self, own: dict[int, set[Identity]]) -> None:
        """What equal writes made under one name, one after another: what concerns any of them concerns the name."""
        for entry in self.entries:
            line = entry.line
            if line is None or len(line.entries) == 1 or line.entries[0] is not entry:
                continue
            again = tuple(one.number for one in line.entries[1:] if one.number in own)
            if again:
                self._generations.update(dict.fromkeys(entry.asked & own.get(entry.number, set()), again))

    def _find_creators(self) -> None:
        """The first write that shows what nobody knew when it began; what a 404 asked for was not known."""
        known, count = self._find_known()
        for entry in self.entries:
            if not entry.changes:
                continue
            for identity in entry.asked | entry.told:
                first = self.creators.get(identity)
                if (first is None or entry.start < first.start) and known.get(identity, entry.start) >= entry.start:
                    self.creators[identity] = entry
        self.lone = frozenset(identity for identity, number in count.items() if number == 1)
        self.handed_out = self._find_handed_out()

    def _find_handed_out(self) -> frozenset[Identity]:
        told: dict[Identity, float] = {}
        asked: dict[Identity, float] = {}
        for entry in self.entries:
            for moments, moment, identities in ((asked, entry.start, entry.asked), (told, entry.end, entry.told)):
                for identity in identities:
                    moments[identity] = min(moments.get(identity, moment), moment)
        return frozenset(one for one, moment in told.items() if moment <= asked.get(one, moment))

    def _find_known(self) -> tuple[dict[Identity, float], dict[Identity, int]]:
        """When a read first showed each identity, and in how many interactions each stands."""
        known: dict[Identity, float] = {}
        count: dict[Identity, int] = {}
        for entry in self.entries:
            for identity in entry.asked | entry.told:
                count[identity] = count.get(identity, 0) + 1
            if entry.write:
                continue
            asked = frozenset() if entry.status in MISSING else entry.asked
            for moment, identities in ((entry.start, asked), (entry.end, entry.told - entry.asked)):
                for identity in identities:
                    known[identity] = min(known.get(identity, moment), moment)
        return known, count

    def _drop_shared(self) -> None:
        """What writes of one kind hand on to several things was there before them (an org, a cluster).

        But what a write's path ends in, and no other of its kind names, is what it made, though they all show it.
        """
        kinds: dict[object, dict[Identity, set[Line]]] = {}
        for entry in self.entries:
            if entry.changes and entry.line is not None:
                for identity in entry.asked | entry.told:
                    kinds.setdefault(entry.line.bucket, {}).setdefault(identity, set()).add(entry.line)
        for kind in kinds.values():
            for identity, lines in kind.items():
                if len(lines) > 1 and (creator := self.creators.get(identity)) is not None:
                    named = sum(identity in line.entries[0].asked for line in lines)
                    if named != 1 or find_target(creator, {}) != identity:
                        del self.creators[identity]

    def thing(self, identity: Identity) -> Thing:
        """What an identity names."""
        creator = self.creators.get(identity)
        return identity if creator is None or identity in self.lone else creator.number

    def ancestors(self, things: Iterable[Thing]) -> set[Thing]:
        """The parents of things, and theirs in turn."""
        found: set[Thing] = set()
        pending = list(things)
        while pending:
            for parent in self.parents.get(pending.pop(), ()):
                if parent not in found:
                    found.add(parent)
                    pending.append(parent)
        return found

    def concerning(self, subject: Iterable[Identity]) -> tuple[Entry, ...]:
        """The writes that concern a subject, in recorded order (rule 4)."""
        things = {self.thing(identity) for identity in subject}
        if self._generations:
            things.update(*(self._generations.get(identity, ()) for identity in subject))
        found: dict[int, Entry] = {}
        for thing in things:
            found.update((entry.number, entry) for entry in self._named.get(thing, ()))
        for identity in subject:
            if (creator := self.creators.get(identity)) is not None:
                found[creator.number] = creator
        for thing in self.ancestors(things) - things:
            for entry in self._named.get(thing, ()):
                if entry.number not in self.introducing or entry.method == "DELETE":
                    found[entry.number] = entry
        for thing in things if self.relations.since else ():
            found.update((entry.number, entry) for entry in self.relations.following(thing, self))
        return tuple(found[number] for number in sorted(found))

    def naming(self, thing: Thing) -> Iterable[Entry]:
        """The writes whose requests name a thing, in recorded order."""
        return self._named.get(thing, ())

    def first_telling(self, identity: Identity) -> Entry | None:
        """The interaction whose answer was the first to show an identity."""
        if not self._first_telling:
            for entry in sorted(self.entries, key=lambda entry: entry.end):
                for one in entry.told:
                    self._first_telling.setdefault(one, entry)
        return self._first_telling.get(identity)

    def concerning_path(self, path: str, *, siblings: bool = False) -> tuple[Entry, ...]:
        """The writes to a path, below it, or above it: of those POST makes what is beside it, unless `siblings`."""
        known = self._beside.get((path, siblings))
        if known is None:
            found: list[Entry] = []
            for other, entries in self._paths.items():
                if other == path or other.startswith(f"{path.rstrip('/')}/"):
                    found += entries
                elif path.startswith(f"{other.rstrip('/')}/"):
                    found += (entry for entry in entries if siblings or entry.method != "POST")
            known = self._beside[path, siblings] = tuple(sorted(found, key=lambda entry: entry.number))
        return known

    def may_take_turns(self, one: Placeholders, other: Placeholders) -> bool:
        """Whether two callers used a secret first in calls of one kind, so that either may be the one who comes."""
        mine, theirs = (
            {self.first_uses[marker] for _, marker in own} for own in (set(one) - set(other), set(other) - set(one))
        )
        return not mine.isdisjoint(theirs)

    def specific(self, subject: Iterable[Identity]) -> frozenset[Thing]:
        """The things of a subject that are not parents of others in it."""
        things = {self.thing(identity) for identity in subject}
        return frozenset(things - self.ancestors(things)) or frozenset(things)
