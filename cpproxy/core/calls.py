"""The ledger's row: one call that arrived, and what became of it."""

from enum import StrEnum

from msgspec import UNSET, Raw, Struct, UnsetType

from cpproxy.core.runs import DEFAULT_SESSION


class Outcome(StrEnum):
    """What became of a call."""

    RECORDED = "recorded"
    REPLAYED = "replayed"
    MISS = "miss"
    UNAUTHORIZED = "unauthorized"
    MISROUTE = "misroute"
    FOREIGN = "foreign"
    CANARY = "canary"
    FAULTED = "faulted"
    ERROR = "error"


class Way(StrEnum):
    """The way in by which a call arrived."""

    FRONT = "front"
    FORWARD = "forward"
    SINK = "sink"
    DNS = "dns"


class Seen(StrEnum):
    """How much of a call the trap could see, the least first."""

    UNREAD = "unread"  # a connection that was refused before anything of it was read
    CONNECTION = "connection"  # somebody connected, and said nothing
    BYTES = "bytes"  # what was sent is neither TLS nor HTTP
    QUERY = "query"  # a name was asked for
    TUNNEL = "tunnel"  # a CONNECT, and nothing through it
    NAME = "name"  # the name in the first message of TLS
    BROKEN = "broken"  # TLS or HTTP/2 began, and no request could be read of it
    HEAD = "head"  # a request's line, and what came of its headers
    WHOLE = "whole"  # the request

    @property
    def shows_request(self) -> bool:
        """Whether method and target are among what was seen."""
        return self in {Seen.HEAD, Seen.WHOLE}


class Call(Struct, frozen=True, omit_defaults=True):
    """One call. `seq` counts from 1 within the run; `at` is Unix time, `duration` seconds, sizes are bytes.

    `cassette` and `interaction` name what answered it or what it was recorded as; `reason` says why it was refused or
    failed; `undetermined` and `used_up` mark rows that `verify` reports. `body` is the redacted JSON of the request,
    for requirements that look into it; `details` the JSON of what the client was told of a miss. What arrived in the
    trap was meant for `host` and `port` (0 where no port is known) by `scheme`, and `seen` says how much of it showed.
    """

    seq: int
    at: float
    outcome: Outcome
    method: str
    target: str
    status: int = 0
    way: Way = Way.FRONT
    session: str = DEFAULT_SESSION
    scenario: str = ""
    client: str = ""
    host: str = ""
    route: str = ""
    duration: float = 0.0
    request_size: int = 0
    response_size: int = 0
    cassette: str = ""
    interaction: str = ""
    reason: str = ""
    undetermined: bool = False
    used_up: bool = False
    body: Raw | UnsetType = UNSET
    details: Raw | UnsetType = UNSET
    scheme: str = ""
    port: int = 0
    seen: Seen | None = None
