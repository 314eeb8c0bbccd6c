"""The ways into the trap: where each listens by flags and config, and the sockets, which its process inherits.

They are bound by the front's process, so that an address that is taken is told at the start, and so that calls wait in
them while the other process gets ready.
"""

import functools
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from cpproxy.cli.listening import Address, parse_address
from cpproxy.cli.options import Settings
from cpproxy.core.calls import Way
from cpproxy.core.config import addresses
from cpproxy.errors import UsageError

_BACKLOG = 1024
_ATTEMPTS = 20
_ANY = "127.0.0.1:0"


@dataclass(frozen=True, slots=True)
class Flags:
    """What the command line says of the trap; None and empty where it says nothing."""

    enabled: bool | None
    forward: tuple[str, ...]
    sinks: tuple[str, ...]
    dns: tuple[str, ...]


def trap_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--trap`, `--trap-forward`, `--trap-sink` and `--trap-dns`, as `trap: Flags`, for `find_ways`."""

    @functools.wraps(function)
    def call(
        *args: object,
        trap: bool | None,
        trap_forward: tuple[str, ...],
        trap_sink: tuple[str, ...],
        trap_dns: tuple[str, ...],
        **more: object,
    ) -> object:
        return function(*args, trap=Flags(trap, trap_forward, trap_sink, trap_dns), **more)

    for decorate in (
        *(
            click.option(
                f"--trap-{way}",
                multiple=True,
                metavar="HOST:PORT",
                envvar=f"CPPROXY_TRAP_{way.upper()}",
                help=f"Where {what}; repeat it for more.",
            )
            for way, what in (
                ("dns", "its DNS listens"),
                ("sink", "it takes HTTP and TLS that is sent to it"),
                ("forward", "its forward proxy listens"),
            )
        ),
        click.option(
            "--trap/--no-trap",
            default=None,
            envvar="CPPROXY_TRAP",
            help="Catch calls that go past the front; on free loopback ports unless the three below name others.",
        ),
    ):
        decorate(call)
    return call


@dataclass(frozen=True, slots=True)
class Ways:
    """Where the trap listens: by each way at one address or more."""

    forward: tuple[Address, ...]
    sinks: tuple[Address, ...]
    dns: tuple[Address, ...]


def find_ways(flags: Flags, settings: Settings) -> Ways | None:
    """Where the trap is to listen by the flags, else by the config; None for no trap. UsageError for no address."""
    config = settings.config.trap
    named = flags.forward or config.forward or flags.sinks or config.sinks or flags.dns or config.dns
    enabled = bool(named) or config.enabled if flags.enabled is None else flags.enabled
    if not enabled:
        return None

    def parse(flag: str, key: str, given: tuple[str, ...], configured: str | tuple[str, ...]) -> tuple[Address, ...]:
        source = f"--trap-{flag}" if given else f"{settings.config_path}: trap.{key}"
        return tuple(parse_address(one, source) for one in given or addresses(configured) or (_ANY,))

    return Ways(
        parse("forward", "forward", flags.forward, config.forward),
        parse("sink", "sinks", flags.sinks, config.sinks),
        parse("dns", "dns", flags.dns, config.dns),
    )


@dataclass(frozen=True, slots=True)
class Bound:
    """One socket, and how it is told to people; empty for the second of the two that DNS has."""

    way: Way
    socket: socket.socket
    shown: str


def bind(ways: Ways) -> list[Bound]:
    """The sockets, which accept already. UsageError for an address that cannot be listened on."""
    bound: list[Bound] = []
    try:
        for address in ways.forward:
            forward = _bind(address, socket.SOCK_STREAM, "--trap-forward")
            bound.append(Bound(Way.FORWARD, forward, f"forward http://{_spell(forward)}"))
        for address in ways.sinks:
            sink = _bind(address, socket.SOCK_STREAM, "--trap-sink")
            bound.append(Bound(Way.SINK, sink, f"sink {_spell(sink)}"))
        for address in ways.dns:
            bound += _bind_names(address)
    except UsageError:
        for one in bound:
            one.socket.close()
        raise
    return bound


def _bind_names(address: Address) -> list[Bound]:
    """DNS is asked on one port by UDP and by TCP; a free one may be free for one of them alone."""
    for attempt in range(_ATTEMPTS):
        datagrams = _bind(address, socket.SOCK_DGRAM, "--trap-dns")
        try:
            same = Address(address.host, datagrams.getsockname()[1])
            stream = _bind(same, socket.SOCK_STREAM, "--trap-dns")
        except UsageError:
            datagrams.close()
            if address.port or attempt == _ATTEMPTS - 1:
                raise
            continue
        return [Bound(Way.DNS, datagrams, f"dns {_spell(datagrams)}"), Bound(Way.DNS, stream, "")]
    raise AssertionError(_ATTEMPTS)


def _bind(address: Address, kind: socket.SocketKind, flag: str) -> socket.socket:
    """A socket at an address; a stream's accepts already. UsageError that names its flag."""
    try:
        family, *_, place = socket.getaddrinfo(address.host, address.port, type=kind, flags=socket.AI_PASSIVE)[0]
        bound = socket.socket(family, kind)
        try:
            if family == socket.AF_INET6:
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if kind is socket.SOCK_STREAM:
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(place)
            if kind is socket.SOCK_STREAM:
                bound.listen(_BACKLOG)
        except OSError:
            bound.close()
            raise
    except OSError as error:
        low = isinstance(error, PermissionError) and "ports below 1024 need root or CAP_NET_BIND_SERVICE"
        raise UsageError(
            f"the trap cannot listen on {address}: {error.strerror}; {low or 'choose another'} with {flag} HOST:PORT"
        ) from error
    return bound


def _spell(bound: socket.socket) -> str:
    host, port, *_ = bound.getsockname()
    return str(Address(host, port))
