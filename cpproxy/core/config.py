"""The config as a typed value: `cpproxy.toml`, or `[tool.cpproxy]` in `pyproject.toml`, each section a struct.

A key that is not named here is an error: a typing mistake must not switch a check off.
"""

import datetime
from enum import StrEnum

import msgspec
from msgspec import Struct

ADMIN_PREFIX = "/__cpproxy"
"""What lies below this path the proxy answers itself: nothing that the config names may be there."""


class Section(Struct, frozen=True, forbid_unknown_fields=True, rename=None):
    """What all sections share."""


class ControlPlane(Section, frozen=True):
    """`[cp]`: where the control plane is, and where clients should find the front instead."""

    upstream: str = ""
    front_url: str = ""
    hosts: tuple[str, ...] = ()


class Kind(StrEnum):
    """Whether a call may change the control plane."""

    READ = "read"
    WRITE = "write"


class Repeat(StrEnum):
    """What a write answers after its last recorded answer: a miss, or that answer again."""

    ONCE = "once"
    LAST = "last"


NO_CALL = "none"
"""The `default` of a route that is not called at all where none of its variables is set."""


class RouteSettings(Section, frozen=True):
    """`[[routes]]`: one route of the control plane; see `cpproxy.core.routes` for what `match` may hold.

    `env` are the variables that route a client here, in the order in which it reads them, and `default` is where it
    calls if none is set: a base URL, or `none`; empty where that is not known. `credentials` are the variables that
    hold what the call has to show.
    """

    match: str
    name: str = ""
    env: tuple[str, ...] = ()
    default: str = ""
    credentials: tuple[str, ...] = ()
    required: bool | tuple[str, ...] = False
    counter: str = ""
    ignore: tuple[str, ...] = ()
    compare: tuple[str, ...] = ()
    kind: Kind | None = None
    repeat: Repeat = Repeat.ONCE
    when: str = ""


class Suite(Section, frozen=True):
    """`[suite]`: the scenarios that each run must touch."""

    scenarios: tuple[str, ...] = ()


class Expectation(Section, frozen=True):
    """`[[expect]]`: an exemption from a scenario's findings, up to and including the day `until`."""

    scenario: str
    issue: str
    until: datetime.date


CANARY = "canary.cpproxy.invalid"
"""The reserved name that a canary calls; RFC 6761 section 6.4 has it resolve nowhere else."""


class Trap(Section, frozen=True):
    """`[trap]`: whether there is one, and where it listens, each as HOST:PORT; one that is named is enough to have it.

    `forward`, `sinks` and `dns` are one address or a list of them, which `addresses` makes of either.
    Calls to `expected_hosts` are not worth a word. `canary` is the name by which a client shows that it is watched.
    """

    enabled: bool = False
    forward: str | tuple[str, ...] = ()
    sinks: str | tuple[str, ...] = ()
    dns: str | tuple[str, ...] = ()
    expected_hosts: tuple[str, ...] = ()
    canary: str = CANARY


def addresses(key: str | tuple[str, ...]) -> tuple[str, ...]:
    """The addresses of a key of `[trap]`; none for an empty text."""
    return tuple(filter(None, (key,))) if isinstance(key, str) else key


class State(Section, frozen=True):
    """`[state]`: the path at which the counters are served to scripts that ask a hand-written stub."""

    path: str = ""


class Record(Section, frozen=True):
    """`[record]`: `body_limit` is the size in bytes above which a body passes but is not recorded."""

    body_limit: int = 4 * 1024 * 1024


class ReplaySettings(Section, frozen=True):
    """`[replay]`: JSON paths that are left out of comparisons, that hold identities, and that hold none.

    With `strict_credentials` a caller that changes a secret is refused, not only reported.
    """

    volatile: tuple[str, ...] = ()
    identities: tuple[str, ...] = ()
    not_identities: tuple[str, ...] = ()
    strict_credentials: bool = False


class Redact(Section, frozen=True):
    """`[redact]`: what is a secret beside what is known for one, and what is none whatever it looks like.

    `secrets` and `not_secrets` hold names (`pin`, compared word by word) and places (`header:X-Pin`, `query:pin`,
    `form:pin`, `$.user.pin`); `patterns` and `not_patterns` expressions of RE2, which fit a secret, or its only group;
    `environment` the variables whose values are secrets.
    """

    secrets: tuple[str, ...] = ()
    not_secrets: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    not_patterns: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()


class Config(Section, frozen=True):
    """The whole config. `cassettes`, `ledger` and `listen` stand in for the flags of those names."""

    cassettes: str = ""
    ledger: str = ""
    listen: str = ""
    cp: ControlPlane = ControlPlane()
    routes: tuple[RouteSettings, ...] = ()
    suite: Suite = Suite()
    expect: tuple[Expectation, ...] = ()
    trap: Trap = Trap()
    state: State = State()
    record: Record = Record()
    redact: Redact = Redact()
    replay: ReplaySettings = ReplaySettings()


DEFAULT = msgspec.convert({}, Config)
