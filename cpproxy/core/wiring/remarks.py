"""What is to be known about a project's wiring: what is right, what is open, and what is wrong."""

from enum import StrEnum

from msgspec import Struct

from cpproxy.core.wiring.project import Place


class Level(StrEnum):
    """What a remark says: that something is wrong and fails, is left open, or is right."""

    FINDING = "finding"
    NOTE = "note"
    RIGHT = "right"


class About(StrEnum):
    """What a remark is about."""

    FRONT = "front"
    CLIENTS = "clients"
    VARIABLE = "variable"
    CREDENTIAL = "credential"
    NETWORK = "network"
    NAMES = "names"
    ORDER = "order"
    HEALTH = "health"


class Remark(Struct, frozen=True, omit_defaults=True):
    """One remark, a sentence or more. `service` is empty for the project; `file` and `line` say where to look."""

    level: Level
    about: About
    text: str
    service: str = ""
    file: str = ""
    line: int = 0


class Diagnosis(Struct, frozen=True):
    """All remarks on a project, by service; `lines` is an override file that mends what lines can mend, or empty.

    `clients` are the services that call the control plane, each with what shows it.
    """

    files: tuple[str, ...]
    fronts: tuple[str, ...]
    clients: dict[str, str]
    remarks: tuple[Remark, ...]
    lines: str

    @property
    def findings(self) -> tuple[Remark, ...]:
        """What is wrong."""
        return tuple(one for one in self.remarks if one.level is Level.FINDING)


def remark(level: Level, about: About, text: str, service: str = "", place: Place | None = None) -> Remark:
    """A remark on what stands at a place."""
    return Remark(level, about, text, service, place.file if place else "", place.line if place else 0)
