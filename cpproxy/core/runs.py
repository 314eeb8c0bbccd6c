"""A run's header and its events: what the ledger knows beside the calls themselves."""

import re
from enum import StrEnum

from msgspec import Struct

DEFAULT_SESSION = "default"
"""The session of calls that choose none."""

SESSION_NAME = "expected 1 to 64 letters, digits, dots, dashes and underscores"
"""What a session's name is, for those who gave none."""

_SESSION = re.compile(r"[A-Za-z0-9._-]{1,64}")


def is_session(name: str) -> bool:
    """Whether a session may have this name. Clients resolve `.` and `..` before they ask."""
    return _SESSION.fullmatch(name) is not None and name not in {".", ".."}


class Mode(StrEnum):
    """What the proxy of a run does."""

    RECORD = "record"
    REPLAY = "replay"


class Served(Struct, frozen=True, omit_defaults=True):
    """A cassette of a run: its name, digest and size; `chosen` when `--cassette` named it."""

    name: str
    sha256: str = ""
    interactions: int = 0
    chosen: bool = False


class Run(Struct, frozen=True, omit_defaults=True, tag_field="event", tag="run"):
    """A run's header. `started` is Unix time, `url` the front's address, `digest` what `cassette digest` prints.

    In replay `cassettes` are those that are served, in record those that are written.
    """

    id: str
    mode: Mode
    started: float
    version: str = ""
    pid: int = 0
    url: str = ""
    upstream: str = ""
    digest: str = ""
    cassettes: tuple[Served, ...] = ()
    trap: bool = False


class ScenarioBegun(Struct, frozen=True, omit_defaults=True, tag_field="event", tag="scenario_begun"):
    """A script said where it is; `xfail` is why it is known to fail, or empty."""

    at: float
    name: str
    session: str = DEFAULT_SESSION
    xfail: str = ""


class ScenarioEnded(Struct, frozen=True, omit_defaults=True, tag_field="event", tag="scenario_ended"):
    """A script is done; `exit` is its exit code where it said so."""

    at: float
    name: str
    session: str = DEFAULT_SESSION
    exit: int | None = None


class Reset(Struct, frozen=True, omit_defaults=True, tag_field="event", tag="reset"):
    """A session began anew: its counters are zero again, its calls stay on the ledger."""

    at: float
    session: str = DEFAULT_SESSION


class SessionOpened(Struct, frozen=True, omit_defaults=True, tag_field="event", tag="session_opened"):
    """A session was opened on purpose, which plays these cassettes, or all where none is named."""

    at: float
    session: str
    cassettes: tuple[str, ...] = ()


class SessionClosed(Struct, frozen=True, omit_defaults=True, tag_field="event", tag="session_closed"):
    """A session ended: calls of that name that follow are another one's."""

    at: float
    session: str


class CassetteSaved(Struct, frozen=True, omit_defaults=True, tag_field="event", tag="cassette_saved"):
    """The recorder saved a cassette; `incomplete` is why it must not be trusted whole, or empty."""

    at: float
    name: str
    interactions: int
    sha256: str = ""
    incomplete: str = ""


class CassetteLost(Struct, frozen=True, omit_defaults=True, tag_field="event", tag="cassette_lost"):
    """What was recorded became no cassette; `reason` is why, and where it was left if it was."""

    at: float
    name: str
    reason: str


class TrapDied(Struct, frozen=True, omit_defaults=True, tag_field="event", tag="trap_died"):
    """The trap ended before the run did: what it would have caught is unknown."""

    at: float
    reason: str


class RunEnded(Struct, frozen=True, omit_defaults=True, tag_field="event", tag="run_ended"):
    """The proxy stopped in order; `reason` says on whose word."""

    at: float
    reason: str


type Event = (
    ScenarioBegun
    | ScenarioEnded
    | Reset
    | SessionOpened
    | SessionClosed
    | CassetteSaved
    | CassetteLost
    | TrapDied
    | RunEnded
)
