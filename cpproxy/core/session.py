"""One isolated state of replay: what was played, and which recorded interaction comes next."""

from dataclasses import dataclass, field
from enum import Enum

import msgspec
from msgspec import Struct

from cpproxy.core.cassette import Credential, Interaction

_INTERACTION = msgspec.json.Decoder(Interaction)


class Once(Enum):
    """What a recorded interaction does after it was played."""

    STAYS = "stays"
    USED_UP = "used up"


class Entry(Struct, frozen=True, eq=False):
    """One recorded interaction, in little memory: it is decoded anew when its answer is asked for."""

    cassette: str
    id: str
    json: bytes
    credentials: frozenset[Credential]
    denied: bool
    once: Once
    route: str
    omitted: int = 0
    """The size in bytes of an answer that was too large to be recorded, and so cannot be given."""

    def interaction(self) -> Interaction:
        """The interaction, decoded."""
        return _INTERACTION.decode(self.json)

    def fits(self, credentials: frozenset[Credential]) -> bool:
        """Whether a call with these credentials may get it."""
        if self.denied and not self.credentials:
            return not credentials
        return self.credentials <= credentials


@dataclass(frozen=True, slots=True, eq=False)
class Eligible:
    """Those of a line that a call may get, the first `own` of them from its scenario's cassette."""

    entries: tuple[Entry, ...]
    own: int


type Line = tuple[Entry, ...]
"""The interactions of equal requests, in recorded order."""


class Shortage(Enum):
    """Why a line has no answer for a call."""

    CREDENTIALS = "no interaction fits the call's credentials"
    USED_UP = "those that fit were played, and none stays"


@dataclass(slots=True, eq=False)
class Session:
    """One isolated state of replay: what was played, and how far each choice of entries has come."""

    taken: set[Entry] = field(default_factory=set)
    choices: dict[tuple[Entry, frozenset[Credential], str], Eligible] = field(default_factory=dict)
    next: dict[Eligible, int] = field(default_factory=dict)

    def take(self, line: Line, credentials: frozenset[Credential], scenario: str) -> Entry | Shortage:
        """The first entry that fits and is not taken; else the last that stays, the scenario's own before others."""
        if len(line) == 1:  # nearly every line: what follows, without a memory of its own
            entry = line[0]
            if not entry.fits(credentials):
                return Shortage.CREDENTIALS
            if entry.once is Once.USED_UP and entry in self.taken:
                return Shortage.USED_UP
        else:
            eligible = self._choose(line, credentials, scenario)
            if not eligible.entries:
                return Shortage.CREDENTIALS
            found = self._step(eligible)
            if found is None:
                return Shortage.USED_UP
            entry = found
        self.taken.add(entry)
        return entry

    def _choose(self, line: Line, credentials: frozenset[Credential], scenario: str) -> Eligible:
        key = (line[0], credentials, scenario)
        found = self.choices.get(key)
        if found is None:
            fitting = [entry for entry in line if entry.fits(credentials)]
            fitting.sort(key=lambda entry: entry.cassette != scenario)
            own = sum(entry.cassette == scenario for entry in fitting)
            found = self.choices[key] = Eligible(tuple(fitting), own)
        return found

    def _step(self, eligible: Eligible) -> Entry | None:
        entries, own = eligible.entries, eligible.own
        position = self.next.get(eligible, 0)
        while position < len(entries) and entries[position] in self.taken:
            position += 1
        self.next[eligible] = position
        if position >= own > 0 and entries[own - 1].once is Once.STAYS:
            return entries[own - 1]
        if position < len(entries):
            return entries[position]
        return entries[-1] if entries[-1].once is Once.STAYS else None

    def release(self, entry: Entry) -> None:
        """Undoes a `take`."""
        self.taken.discard(entry)
        self.next.clear()
