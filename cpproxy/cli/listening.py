"""Addresses to listen on, as flags and the config write them, and whether one takes what is sent somewhere."""

import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from cpproxy.cli.options import Settings
from cpproxy.core.hosts import ALL_ADDRESSES, bracket
from cpproxy.core.repeating import repeatable
from cpproxy.errors import UsageError

DEFAULT_LISTEN = "127.0.0.1:9090"
_ADDRESS = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+(?:%\w+)?)\]|(?P<host>[\w.-]+)):(?P<port>[0-9]{1,5})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; port 0 picks a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{bracket(self.host)}:{self.port}"


def find_address(listen: str | None, settings: Settings, command: Sequence[str]) -> Address:
    """Where to listen: the flag or its variable, else the config's `listen`, else port 9090; with a command a free one.

    Raises UsageError for what is no address.
    """
    text = listen or settings.config.listen or ("127.0.0.1:0" if command else DEFAULT_LISTEN)
    return parse_address(text, "--listen" if listen else f"{settings.config_path}: listen")


def parse_address(text: str, source: str) -> Address:
    """The address that `text` writes; UsageError naming its `source` for what is none."""
    found = _ADDRESS.fullmatch(text)
    if found is None or int(found["port"]) > 65535:
        raise UsageError(f"{source}: expected HOST:PORT, as in 127.0.0.1:9090 or [::1]:0, not {repeatable(text)!r}")
    return Address(found["v6"] or found["host"], int(found["port"]))


def look_up(host: str) -> set[str]:
    """The addresses of a host; none where its name does not resolve, which is told by who needs it to."""
    try:
        return {str(info[4][0]) for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        return set()


def takes(listening: Address, address: str, port: int) -> bool:
    """Whether what is to listen at one address takes what is sent to another, which was resolved."""
    if not listening.port or listening.port != port:
        return False
    own = look_up(listening.host)
    return address in own or (bool(own & ALL_ADDRESSES) and _is_own(address))


def _is_own(address: str) -> bool:
    """Whether it is one of this machine's addresses: only those can be bound."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True
