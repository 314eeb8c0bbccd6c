"""What was answered about one thing over time: its states, and the steps within a state.

Rules 11 to 13. A state is the set of writes that concern the thing and had ended before it was asked; an answer that
overlaps one of them could belong to several states. Equal neighbours are one step.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

type State = frozenset[int]
"""The numbers of the writes that have been played."""


class Write(Protocol):
    """A recorded write."""

    @property
    def number(self) -> int:
        """Its place among all interactions."""

    @property
    def start(self) -> float:
        """When it began, in seconds on its cassette's clock."""

    @property
    def end(self) -> float:
        """When it ended."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer about a thing: when it was asked and told, what it came to, and where it stands."""

    start: float
    end: float
    value: object
    """Equal for answers that are one step."""
    source: Any


@dataclass(slots=True, eq=False)
class Step:
    """Neighbours that are equal: the first of them, and when it was seen first and last."""

    seen: Seen
    first: float
    last: float


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps of one state; `doubtful` where a write that concerns the thing was under way."""

    state: State
    steps: tuple[Step, ...]
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """The steps that answer in a state, and why that is not determined by the recording, or nothing."""

    steps: Steps
    doubt: str = ""
    at_end: bool = False
    """Whether only the last step can be meant."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A write by its number, and whether what was told just before it and just after it is equal."""

    number: int
    equal: bool


@dataclass(slots=True, eq=False)
class Timeline:
    """All answers about one thing, and the writes that concern it."""

    writes: tuple[Write, ...]
    seen: tuple[Seen, ...]
    _clear: dict[State, Steps] = field(default_factory=dict)
    _doubtful: list[tuple[State, State, Seen]] = field(default_factory=list)
    _found: dict[State, Found | None] = field(default_factory=dict)
    _continued: dict[tuple["Timeline", State], Found] = field(default_factory=dict)
    constant: bool = False
    """Whether all answers are equal."""
    numbers: State = frozenset()

    def __post_init__(self) -> None:
        states: dict[State, list[Seen]] = {}
        for one in sorted(self.seen, key=lambda one: one.start):
            before = find_state(self.writes, one.start)
            until = find_reach(self.writes, one.end)
            if before == until:
                states.setdefault(before, []).append(one)
            else:
                self._doubtful.append((before, until, one))
        self._clear = {state: Steps(state, collapse(seen)) for state, seen in states.items()}
        self.constant = len({one.value for one in self.seen}) == 1
        self.numbers = frozenset(write.number for write in self.writes)

    def find(self, state: State) -> Found | None:
        """What answers in a state (rule 11); None where nothing was recorded so early."""
        if state not in self._found:
            self._found[state] = self._search(state)
        return self._found[state]

    def go_on(self, found: Found, wide: "Timeline") -> Found:
        """What answers in a state, and after it what others alone were told later in the same state."""
        key = (wide, found.steps.state)
        if key not in self._continued:
            steps = found.steps.steps
            later = wide.find(found.steps.state)
            every = later.steps.steps if later is not None and not later.doubt and not later.at_end else ()
            last = max(
                (at for at, one in enumerate(every) if one.seen.value == steps[-1].seen.value), default=len(every)
            )
            more = every[last + 1 :]
            self._continued[key] = Found(Steps(found.steps.state, (*steps, *more)), found.doubt) if more else found
        return self._continued[key]

    def states(self) -> tuple[State, ...]:
        """The states in which answers were recorded; of those that overlap a write, the state before it."""
        return (*self._clear, *(before for before, _, _ in self._doubtful))

    def find_bounds(self) -> Iterator[Bound]:
        """The writes on both sides of which it was asked for, and for certain."""
        for state, after in self._clear.items():
            for number in state:
                before = self._clear.get(state - {number})
                if before is not None:
                    yield Bound(number, before.steps[-1].seen.value == after.steps[0].seen.value)

    def _search(self, state: State) -> Found | None:
        if state in self._clear:
            return Found(self._clear[state])
        doubtful = [one for before, until, one in self._doubtful if before <= state <= until]
        if doubtful:
            steps = Steps(state, collapse(doubtful), doubtful=True)
            return Found(steps, "" if len(steps.steps) == 1 and self.constant else "it was asked during a write")
        earlier = [known for known in self._clear if known < state]
        if not earlier:
            return None
        nearest = self._clear[max(earlier, key=lambda known: (len(known), self._clear[known].steps[-1].last))]
        later = [self._clear[known].steps[0].seen.value for known in self._clear if known > state]
        if later and all(value == nearest.steps[-1].seen.value for value in later):
            return Found(nearest, at_end=True)  # the same before and after
        return Found(nearest, "it was never asked after these writes")


def find_state(writes: Iterable[Write], moment: float) -> State:
    """The writes that had ended when something was asked (rule 12)."""
    return frozenset(write.number for write in writes if write.end <= moment)


def find_reach(writes: Iterable[Write], moment: float) -> State:
    """The writes that had begun when something was told: any of them may show in it (rule 1)."""
    return frozenset(write.number for write in writes if write.start < moment)


def collapse(seen: Iterable[Seen]) -> tuple[Step, ...]:
    """Equal neighbours as one step (rule 13)."""
    steps: list[Step] = []
    for one in seen:
        if steps and steps[-1].seen.value == one.value:
            steps[-1].last = one.end
        else:
            steps.append(Step(one, one.start, one.end))
    return tuple(steps)
