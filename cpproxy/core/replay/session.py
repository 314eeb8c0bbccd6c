"""One isolated state of replay: what is bound, what was played, and how far each caller has come.

Rules 8, 11, 15 and 16 of replay.
"""

from dataclasses import dataclass, field
from typing import Any

from cpproxy.core.replay.bindings import Bindings, Secrets
from cpproxy.core.replay.identities import Identity
from cpproxy.core.replay.index import Row
from cpproxy.core.replay.timelines import Found, Seen, State, Step, Timeline
from cpproxy.core.replay.worlds import Entry, Thing, World

type Caller = tuple[object, ...]
"""Who asks: credential values and address."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a timeline tells a caller now, and what is to be remembered once it is told."""

    seen: Seen
    progress: tuple[Caller, Timeline, State]
    step: int
    moment: float
    last: bool
    """Whether nothing comes after it in this state."""


@dataclass(slots=True, eq=False)
class Session:
    """`played` holds the numbers of the writes, each with its place among those that were played.

    `worlds` are the cassettes that it plays, None for all.
    """

    worlds: frozenset[str] | None = None
    bindings: Bindings = field(default_factory=Bindings)
    secrets: Secrets = field(default_factory=Secrets)
    taken: set[Entry] = field(default_factory=set)
    played: dict[int, int] = field(default_factory=dict)
    order: int = 0
    progress: dict[tuple[Caller, Timeline, State], int] = field(default_factory=dict)
    moments: dict[tuple[Caller, World, Thing], float] = field(default_factory=dict)
    cursors: dict[Row, int] = field(default_factory=dict)
    guessed: dict[Identity, str] = field(default_factory=dict)
    """What was bound by arrival alone, each with why."""
    doubted: set[tuple[str, str]] = field(default_factory=set)
    """Placeholders whose caller was told from others by arrival alone."""
    settled: dict[object, Any] = field(default_factory=dict)
    """Answers by call, for calls that get the same answer again until something changes."""
    _states: dict[Timeline, tuple[int, State]] = field(default_factory=dict)

    def plays(self, cassette: str) -> bool:
        """Whether a cassette is among those of the session."""
        return self.worlds is None or cassette in self.worlds

    def state(self, timeline: Timeline) -> State:
        """The writes that concern a timeline and have been played (rule 11)."""
        if not timeline.numbers:
            return timeline.numbers
        known = self._states.get(timeline)
        if known is None or known[0] != self.order:
            known = self._states[timeline] = (self.order, frozenset(self.played.keys() & timeline.numbers))
        return known[1]

    def play(self, entry: Entry) -> None:
        """Reserves a write, or notes that a read was asked (rule 8)."""
        self.taken.add(entry)
        self.settled.clear()
        if entry.changes:
            self.order += 1
            self.played[entry.number] = self.order

    def release(self, entry: Entry) -> None:
        """Undoes `play`: the answer did not reach the client whole."""
        self.taken.discard(entry)
        self.cursors.clear()
        self.settled.clear()
        if self.played.pop(entry.number, None) is not None:
            self.order += 1

    def is_played(self, entry: Entry) -> bool:
        """Whether a write has been played."""
        return entry.number in self.played

    def latest(self, timeline: Timeline) -> int:
        """When a write that concerns a timeline was last played, counted in writes; 0 for never."""
        return max((self.played[number] for number in self.state(timeline)), default=0)

    def tell(self, caller: Caller, timeline: Timeline, found: Found, world: World, things: frozenset[Thing]) -> Told:
        """The next step for a caller (rule 15), none that lies before what it was told already (rule 16)."""
        steps = found.steps.steps
        key = (caller, timeline, found.steps.state)
        last = len(steps) - 1
        if last == 0:
            return Told(steps[0].seen, key, 0, steps[0].first, last=True)
        step = last if found.at_end else min(self.progress.get(key, -1) + 1, last)
        moment = max((self.moments.get((caller, world, thing), 0.0) for thing in things), default=0.0)
        while step < last and _is_past(steps[step], moment):
            step += 1
        return Told(steps[step].seen, key, step, steps[step].first, last=step == last)

    def remember(self, told: Told, caller: Caller, world: World, things: frozenset[Thing]) -> None:
        """Notes what was told."""
        if told.step or not told.last:  # where there is but one step, nothing goes on
            self.progress[told.progress] = told.step
        for thing in things:
            key = (caller, world, thing)
            if self.moments.get(key, 0.0) < told.moment:
                self.moments[key] = told.moment


def _is_past(step: Step, moment: float) -> bool:
    return step.last < moment
