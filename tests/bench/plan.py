"""How much is measured and with what: what every measurement is given, and what it hands back."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.servers import Cpus
from tests.bench.tools import Tools

SIZES = (10, 1_000, 10_000)


@dataclass(frozen=True, slots=True)
class Plan:
    """One run of the benchmarks; times are seconds. `folder` takes the servers' files and is removed at the end."""

    folder: Path
    cpus: Cpus
    tools: Tools
    rounds: int
    seconds: float
    warming: float
    java_warming: float
    starts: int
    peer_starts: int

    def make_folder(self, *names: str | int) -> Path:
        """A new folder for one server."""
        folder = self.folder / "-".join(str(name).replace(" ", "_").replace(",", "") for name in names)
        folder.mkdir(parents=True)
        return folder


@dataclass(frozen=True, slots=True)
class Goal:
    """Something to reach, what was measured, and whether that is enough."""

    name: str
    wanted: str
    measured: str
    reached: bool


@dataclass(frozen=True, slots=True)
class Section:
    """One table of the report, its goals, the lines below it, and all it was made from for the JSON file."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    goals: tuple[Goal, ...] = ()
    notes: tuple[str, ...] = ()
    data: dict[str, Any] = field(default_factory=dict)
