"""Hosts, ports and base URLs: how they are spelled, whether two are the same, whether one is among several."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

PORTS = {"http": 80, "https": 443}
"""The port of a URL that names none, by its scheme."""

ALL_ADDRESSES = frozenset({"0.0.0.0", "::"})
"""What listens on one of these listens on every address of its machine."""

_NOT_PUBLIC = ("localhost", "internal", "home.arpa", "cluster.local")
"""Domains that no public name server knows (RFC 6761, 8375), and Kubernetes' own. Others of `local` a neighbour has."""


def fold(host: str) -> str:
    """A host's name in one spelling: in lower case, without the root's dot and without brackets."""
    return host.lower().rstrip(".").strip("[]")


def bracket(host: str) -> str:
    """A host as it stands in a URL, and before a port: an address of IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def spell_origin(scheme: str, host: str, port: int) -> str:
    """`SCHEME://HOST:PORT`, without the scheme where it is empty, and without a port that is the scheme's own, or 0."""
    shown = f":{port}" if port and port != PORTS.get(scheme) else ""
    return f"{scheme}{scheme and '://'}{bracket(host)}{shown}"


def parse_address(host: str) -> IPv4Address | IPv6Address | None:
    """The address that a host is, in brackets or not; None for a name."""
    try:
        return ip_address(host.strip("[]"))
    except ValueError:
        return None


def canonical(host: str) -> str:
    """An address in the one spelling that each has, without brackets; a name as it is."""
    return str(parse_address(host) or host)


def parse_base(value: str) -> SplitResult | None:
    """The parts of a base URL; None for what is none, as for one with a blank: this parser drops it, others do not."""
    if any(one.isspace() or not one.isprintable() for one in value):
        return None
    try:
        url = urlsplit(value)
        port = url.port
    except ValueError:  # a port that is no number, a bracket that is not closed
        return None
    return url if url.scheme in PORTS and url.hostname and port != 0 else None


def port_of(url: SplitResult) -> int:
    """The port of a base URL: the one that it names, else its scheme's."""
    return url.port or PORTS[url.scheme]


def split_port(host: str) -> tuple[str, int]:
    """A host and its port, 0 where it names none. An address of IPv6 has brackets where a port follows."""
    name, colon, number = host.rpartition(":")
    if colon and number.isdecimal() and (":" not in name or name.endswith("]")):
        return name, int(number)
    return host, 0


def is_alike(host: str, other: str) -> bool:
    """Whether two names are of one host."""
    return fold(host) == fold(other)


def is_among(host: str, port: int, hosts: Iterable[str]) -> bool:
    """Whether a host is one of those that the config names, each with a port or for any. A port of 0 is any."""
    return any(is_alike(host, name) and (not own or port in {own, 0}) for name, own in map(split_port, hosts))


def is_loopback(host: str) -> bool:
    """Whether a host is the machine, or the container, that asks."""
    host = fold(host)
    address = parse_address(host)
    return address.is_loopback if address else host == "localhost" or host.endswith(".localhost")


def is_public(host: str) -> bool:
    """Whether a host may be a name that somebody owns, and lets lead where he likes; `host` as `fold` spells it."""
    last = host.rpartition(".")[2]
    # A domain's last part is no number, and has no underscore, as a network of Docker (RFC 1123, 3696).
    if "." not in host or ":" in host or not last.replace("-", "").isalnum() or last[0].isdigit():
        return False
    return not any(host.endswith(f".{domain}") for domain in _NOT_PUBLIC)


def no_proxy_covers(listed: str, host: str) -> bool:
    """Whether a client that reads this `NO_PROXY` calls `host` directly: by name, by domain, by address or network."""
    host = fold(host)
    return any(_exempts(part.strip().lower(), host) for part in listed.split(",") if part.strip())


def _exempts(part: str, host: str) -> bool:
    if "/" in part:
        address = parse_address(host)
        try:
            return address is not None and address in ip_network(part, strict=False)
        except ValueError:
            return False
    suffix = split_port(part)[0].strip("[]").lstrip("*.")
    return not suffix or host == suffix or host.endswith(f".{suffix}")
