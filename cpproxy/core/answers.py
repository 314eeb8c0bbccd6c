"""What the admin paths take and answer, as typed values that the proxy writes and the command line reads."""

from msgspec import Struct

from cpproxy.core.calls import Call
from cpproxy.core.runs import Mode, Served
from cpproxy.core.wiring.wired import Wiring


class Version(Struct, frozen=True):
    """`version`: which build serves what. `digest` is what `cassette digest` prints for the cassettes as served."""

    version: str
    run: str
    mode: Mode
    digest: str
    cassettes: tuple[Served, ...]


class Trapping(Struct, frozen=True):
    """A trap: where it listens, each as `forward http://127.0.0.1:41235`, and why it does not catch, or nothing."""

    addresses: tuple[str, ...]
    problem: str


class State(Struct, frozen=True):
    """`state`: what the session has seen since it began or was reset; `calls` by outcome, `trap` None without one."""

    run: str
    mode: Mode
    url: str
    session: str
    scenario: str
    counters: dict[str, int]
    calls: dict[str, int]
    trap: Trapping | None = None


class NamedCall(Struct, frozen=True):
    """A call with the id under which `cpproxy call` finds it, `RUN:SEQ`."""

    id: str
    call: Call


class Calls(Struct, frozen=True):
    """`calls` and `misses`: calls of a run in order."""

    run: str
    calls: tuple[NamedCall, ...]


class Begin(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST scenarios`; `xfail` is why the scenario is known to fail."""

    name: str
    xfail: str = ""


class End(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST scenarios/end`, and of `DELETE scenarios`: the script's exit code."""

    exit: int | None = None


class Scenarios(Struct, frozen=True):
    """`scenarios`: the one that each session is in."""

    sessions: dict[str, str]


class Open(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST sessions`: its name, or one that is made up; its cassettes, or all."""

    name: str = ""
    cassettes: tuple[str, ...] = ()


class Opened(Struct, frozen=True):
    """A session: where its clients find the front, and the cassettes that it plays."""

    name: str
    url: str
    cassettes: tuple[str, ...]


class Sessions(Struct, frozen=True):
    """`sessions`: those that were opened and not closed, or that a call has named."""

    sessions: tuple[Opened, ...]


class Ask(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST verdict`: what else must hold. `checkout` is the SHA-256 of each cassette at the asker's.

    `wiring` is what the asker's compose file says of the services, in place of what the proxy was told.
    """

    require: tuple[str, ...] = ()
    fail_on: str = ""
    checkout: dict[str, str] | None = None
    session: str = ""
    wiring: Wiring = {}


class Wait(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST wait`: calls to wait for, and for how many seconds at most."""

    calls: tuple[str, ...]
    timeout: float = 30.0


class Waited(Struct, frozen=True):
    """What became of a `wait`: `counts` by what was waited for, and why it is over where it was in vain.

    `late` says that nothing but the time was the reason, and `astray` how many calls had gone past the front till then:
    those of before the scenario, which are no fault of it, and may well be those that were waited for.
    """

    met: bool
    counts: dict[str, int]
    reason: str = ""
    late: bool = False
    astray: int = 0
