"""One cassette as replay has it, with what the checks of `ambiguity` and `advice` look up in it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from cpproxy.core.cassette import Interaction
from cpproxy.core.leaves import map_leaves
from cpproxy.core.replay import tokens
from cpproxy.core.replay.index import Line
from cpproxy.core.replay.loading import Library
from cpproxy.core.replay.places import Leaf, walk_answer
from cpproxy.core.replay.timelines import Timeline
from cpproxy.core.replay.views import View, view_of
from cpproxy.core.replay.worlds import Entry, World

_ADDRESS = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])")
"""What a control plane gives a new thing as its address: it says where the thing is, not how it fares."""


@dataclass(slots=True)
class Ground:
    """One cassette as replay has it, and what several checks look up in it."""

    library: Library
    world: World
    lines: list[Line]
    _views: dict[Line, View] = field(default_factory=dict)
    _leaves: dict[int, list[Leaf]] = field(default_factory=dict)
    _blank: dict[int, bytes] = field(default_factory=dict)
    _interactions: dict[int, Interaction] = field(default_factory=dict)

    @property
    def views(self) -> dict[Line, View]:
        """The views of all reads."""
        if not self._views:
            self._views = {line: self.view(line) for line in self.lines if not line.entries[0].write}
        return self._views

    def view(self, line: Line) -> View:
        """All that was answered to a read, whoever asked."""
        return view_of(line, tuple(line.entries), self.library.catalogue, self.library.volatile)

    def interaction(self, entry: Entry) -> Interaction:
        """An interaction, decoded once."""
        return self._interactions.setdefault(entry.number, entry.interaction())

    def leaves(self, entry: Entry) -> list[Leaf]:
        """The values of its answer."""
        if entry.number not in self._leaves:
            self._leaves[entry.number] = list(walk_answer(self.interaction(entry), self.library.catalogue))
        return self._leaves[entry.number]

    def blank(self, entry: Entry) -> bytes:
        """Equal for answers that differ in nothing but which things they speak of, and when."""
        if entry.number not in self._blank:
            said = [(spot.path, self._rub_out(value)) for spot, value in self.leaves(entry) if not spot.key]
            self._blank[entry.number] = msgspec.json.encode([entry.status, *said])
        return self._blank[entry.number]

    def _rub_out(self, value: Any) -> Any:  # noqa: ANN401 (JSON)
        if tokens.is_time(value, self.world.window):
            return "\0time"
        if not isinstance(value, str):
            return value
        for one in reversed(self.library.catalogue.find(value)):
            value = f"{value[: one.start]}\0{value[one.end :]}"
        return _ADDRESS.sub("\0address", value)

    def rub_out_all(self, value: Any) -> Any:  # noqa: ANN401 (JSON)
        """A document without what names its things."""
        return map_leaves(value, self._rub_out, self._rub_out)

    def forget(self) -> None:
        """Lets go of what was decoded, which may be as large as the cassette."""
        self._leaves.clear()
        self._blank.clear()
        self._interactions.clear()

    def entry(self, number: int) -> Entry:
        """The interaction of a number."""
        return self.world.entries[number - self.world.entries[0].number]

    def where(self, entry: Entry) -> str:
        """Its place in the file."""
        return f"$.interactions[{entry.number - self.world.entries[0].number}]"

    def name(self, entries: Iterable[Entry]) -> str:
        """Interactions by their ids."""
        return ", ".join(entry.id for entry in entries)


def survey(library: Library, cassette: str) -> Ground:
    """What is to be known of one cassette of a library."""
    world = library.worlds[cassette]
    lines = [line for bucket in library.index.buckets() for line in bucket.lines if line.world is world]
    return Ground(library, world, lines)


def may_swap(one: Entry, other: Entry) -> bool:
    """Whether another run could make these two the other way round: at the same time, or by different callers."""
    return one.secrets != other.secrets or (one.start < other.end and other.start < one.end)


def may_turn(one: Entry, other: Entry) -> bool:
    """`may_swap`, and for calls without credentials, of which nobody can tell whose they are."""
    return may_swap(one, other) or not one.secrets


def timelines(view: View) -> Iterator[Timeline]:
    """Those of the document and of its parts."""
    yield view.rest
    for part in view.parts:
        yield part.timeline


def count_steps(view: View) -> int:
    """The most steps of one state."""
    return max(
        (len(found.steps.steps) for line in timelines(view) for state in line.states() if (found := line.find(state))),
        default=0,
    )
