"""What the trap has seen, as it tells the front's process, and what that comes to: a row, and an answer.

The trap knows nothing of routes, secrets and the ledger. It tells all that it sees, waits until the row is written, and
passes the answer on. The words between the two processes are those of this module, one JSON object a line.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from msgspec import Raw, Struct, UnsetType

from cpproxy.core.blame import route_to_front
from cpproxy.core.calls import Call, Outcome, Seen, Way
from cpproxy.core.config import ADMIN_PREFIX, Config
from cpproxy.core.hosts import (
    ALL_ADDRESSES,
    fold,
    is_alike,
    is_among,
    is_loopback,
    parse_address,
    parse_base,
    port_of,
    spell_origin,
)
from cpproxy.core.messages import Headers, Request, printable
from cpproxy.core.routes import Route, RouteTable, fold_slashes

CANARY_PATH = f"{ADMIN_PREFIX}/canary"
"""The reserved path: a call to it is a canary under whatever host it was meant for."""


class Listener(Struct, frozen=True):
    """A socket that the trap inherits: its file descriptor, and the way in that it is. DNS has two of them."""

    fd: int
    way: Way


class Start(Struct, frozen=True):
    """What the trap's process is told by its command line: the channel's file descriptor, and its listeners.

    `last` is that of a pipe for its last words, should it die.
    """

    channel: int
    last: int
    listeners: tuple[Listener, ...]


class Ready(Struct, frozen=True, tag="ready"):
    """The trap answers. `certificate` is that of its authority, as PEM; `isolated` that its process has no network."""

    certificate: str
    isolated: bool


class Sighting(Struct, frozen=True, omit_defaults=True, tag="sighting"):
    """One thing that arrived. `id` is that of its answer, `at` Unix time, `client` the peer's address.

    `host` and `port` are what it was meant for as far as that shows, else where it arrived; `local` is the address
    at which it arrived. `note` says in a few words why no more was seen. A body is cut off, and `size` tells how
    many bytes of it came.
    """

    id: int
    at: float
    way: Way
    seen: Seen
    client: str
    host: str
    port: int
    scheme: str = ""
    method: str = ""
    target: str = ""
    headers: Headers = ()
    body: bytes = b""
    size: int = 0
    note: str = ""
    local: str = ""


class Said(Struct, frozen=True, tag="said"):
    """What the trap has to say of itself: a line for the log, at a level of `logging`."""

    level: int
    text: str


class Told(Struct, frozen=True, omit_defaults=True, tag="told"):
    """The row is written: the answer to a sighting. To a name that was asked for it is whether it exists."""

    id: int
    status: int
    outcome: str
    body: bytes = b""
    exists: bool = True


class Stop(Struct, frozen=True, tag="stop"):
    """The trap is to tell of all that is still open, and to end."""


class Ping(Struct, frozen=True, tag="ping"):
    """The trap is to show that it lives."""


class Pong(Struct, frozen=True, tag="pong"):
    """It does, and has told all that it saw before."""


type Report = Ready | Sighting | Said | Pong
type Order = Told | Stop | Ping


@dataclass(frozen=True, slots=True)
class Front:
    """Where the front is: `url` as it listens, `names` what else clients know it by, as URLs."""

    url: str
    names: tuple[str, ...] = ()

    def has(self, host: str, port: int, local: str = "") -> bool:
        """Whether a call to this host and port was meant for the front. A port of 0 is any.

        `local` is an address of this machine: where the front listens on all of them, it is there, too.
        """
        own = urlsplit(self.url)
        name = own.hostname or ""
        here = (host == local and name in ALL_ADDRESSES) or (_is_here(host) and _is_here(name))
        return (here and port == own.port) or any(_is_at(url, host, port) for url in (self.url, *self.names))

    def is_called(self, host: str) -> bool:
        """Whether a host is a name by which clients know the front, at whatever port."""
        known = (url.hostname or "" for url in map(parse_base, self.names) if url)
        return not _is_here(host) and any(is_alike(host, name) for name in known)


def _is_at(url: str, host: str, port: int) -> bool:
    base = parse_base(url)
    return base is not None and is_alike(host, base.hostname or "") and port in {port_of(base), 0}


def _is_here(host: str) -> bool:
    """Whether a host is this machine by a name that all machines have, or all of its addresses."""
    address = parse_address(host)
    return is_loopback(host) or (address is not None and address.is_unspecified)


@dataclass(frozen=True, slots=True)
class Caught:
    """What a sighting comes to: its outcome, its route, and why in words for the row and the client."""

    outcome: Outcome
    route: Route | None
    reason: str


def find_caught(
    sighting: Sighting, front: Front, config: Config, routes: RouteTable, hosts: Iterable[str]
) -> Caught | None:
    """What a sighting is; None for one that is no call, as a name without a dot that is asked for is none.

    `hosts` are the control plane's, as `plane_hosts` has them. A canary shows that its client is watched. What was
    meant for the control plane, by its host or by one of its routes, is a misroute, and so is what was meant for the
    front and came by the trap, as by a URL that lacks its port. All else is foreign.
    """
    host, port = sighting.host, sighting.port
    request = Request(sighting.method, sighting.target, sighting.headers, sighting.body, sighting.client)
    if is_alike(host, config.trap.canary) or (sighting.seen is Seen.WHOLE and request.path == CANARY_PATH):
        return Caught(Outcome.CANARY, None, "")
    path = fold_slashes(request.path)
    route = routes.find(sighting.method, path, request) if sighting.seen.shows_request else None
    if front.has(host, port, sighting.local):
        return None if sighting.seen is Seen.QUERY else Caught(Outcome.MISROUTE, route, _send_to_front(sighting))
    if reason := _find_misrouted(sighting, front, config, route, hosts):
        return Caught(Outcome.MISROUTE, route, _join(reason, sighting.note))
    if sighting.seen is Seen.QUERY and "." not in fold(host):
        return None
    return Caught(Outcome.FOREIGN, None, sighting.note)


def _find_misrouted(sighting: Sighting, front: Front, config: Config, route: Route | None, hosts: Iterable[str]) -> str:
    """What shows that a sighting was meant for the control plane, or nothing."""
    host, port = sighting.host, sighting.port
    if is_among(host, port, hosts):
        return "its host is one of the control plane's"
    if sighting.way is Way.SINK and front.is_called(host):
        return f"its host is the front's, which does not listen at port {port}"
    if route is not None and not is_among(host, port, config.trap.expected_hosts):
        return f"it is the control plane's route {route.name}"
    return ""


def _send_to_front(sighting: Sighting) -> str:
    if sighting.way is Way.FORWARD:
        return f"it is meant for the front, and came through the trap: add {sighting.host} to NO_PROXY in the client"
    return f"it is meant for the front, and {sighting.host} leads the client to the trap: let it resolve to the front"


def _join(*reasons: str) -> str:
    return "; ".join(one for one in reasons if one)


def make_call(
    sighting: Sighting,
    caught: Caught,
    *,
    seq: int,
    client: str,
    scenario: str,
    status: int,
    body: Raw | UnsetType,
) -> Call:
    """The row of a sighting. `client` is who sent it, `body` its JSON, redacted; the rest is not redacted yet."""
    return Call(
        seq=seq,
        at=sighting.at,
        outcome=caught.outcome,
        method=sighting.method,
        target=printable(sighting.target),
        status=status,
        way=sighting.way,
        scenario=scenario,
        client=client,
        host=sighting.host,
        route=caught.route.name if caught.route else "",
        request_size=sighting.size,
        reason=caught.reason,
        body=body,
        scheme=sighting.scheme,
        port=sighting.port,
        seen=sighting.seen,
    )


def explain(sighting: Sighting, caught: Caught, config: Config) -> dict[str, Any]:
    """What the client of a call that was seen whole is told, shaped as a miss is, not redacted yet."""
    where = spell_origin(sighting.scheme, sighting.host, sighting.port)
    what = f"{sighting.method} {where}{sighting.target.partition('?')[0]}"
    match caught.outcome:
        case Outcome.CANARY:
            return {"cpproxy": {"outcome": caught.outcome, "client": sighting.client}}
        case Outcome.MISROUTE:
            message = f"{what} went past the proxy: {caught.reason}. {route_to_front(caught.route, config)}"
        case _:
            message = f"{what} is none of the control plane's, and nothing else can be reached from here"
    return {"error": f"cpproxy: {message}", "cpproxy": {"outcome": caught.outcome, "client": sighting.client}}
