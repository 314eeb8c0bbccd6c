"""What stands in plain sight at the beginning of an HTTP/1 request that is not, or not yet, one that can be parsed."""

import re
from dataclasses import dataclass

from cpproxy.core.messages import Headers

_LINE = re.compile(rb"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([^\s]+)(?=\s|\Z)([^\n]*)\n?")
_ABSOLUTE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)(.*)", re.DOTALL)
_AUTHORITY = re.compile(r"([^@:\[\]]*|\[[^\]]*\])(:\d*)?")
_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_HIGHEST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Head:
    """As much of a request's head as came. `target` is path and query, and empty for a CONNECT.

    `scheme`, `host` and `port` are those of the target, else of the header Host: empty, or 0, where neither has them.
    No user and no password are in them.
    """

    method: str
    target: str
    scheme: str
    host: str
    port: int
    headers: Headers


def read_head(data: bytes) -> Head | None:
    """The head that these bytes begin with, or None where they do not look like one."""
    line = _LINE.match(data)
    if line is None:
        return None
    method, target = line[1].decode("ascii"), line[2].decode("utf-8", "surrogateescape")
    scheme, authority = "", ""
    if method == "CONNECT":
        authority, target = target, ""
    elif not target.startswith("/") and target != "*":
        absolute = _ABSOLUTE.fullmatch(target) or _ABSOLUTE.fullmatch(f"none://{target}")
        scheme, authority, target = absolute.groups() if absolute else ("", "", "")
        scheme = _SCHEMES.get(scheme.lower(), "")
        if not scheme and b"HTTP/" not in line[3]:
            return None
        authority, target = _split_user(authority, target)
        target = target.partition("#")[0]
        target = target if target.startswith("/") else f"/{target}"
    headers = _read_headers(data[line.end() :])
    authority = authority or next((value for name, value in headers if name.lower() == b"host"), b"").decode("latin-1")
    return Head(method, target, scheme, *split_authority(authority), headers)


def _split_user(authority: str, target: str) -> tuple[str, str]:
    """Both without a user and a password, in which there may be a slash that should have been encoded."""
    host = authority.rpartition("@")[2]
    if "@" not in target or _AUTHORITY.fullmatch(host):
        return host, target
    host, slash, path = target.rpartition("@")[2].partition("/")
    return host, slash + path


def split_authority(text: str) -> tuple[str, int]:
    """Host, in lower case, and port of what stands in a target or in the header Host; empty, or 0, where it has none.

    What stands before an @ is left out.
    """
    text = text.strip().rpartition("@")[2].lower()
    if text.startswith("["):
        host, _, number = text[1:].partition("]")
    elif text.count(":") > 1:  # an address of IPv6 without its brackets
        host, number = text, ""
    else:
        host, _, number = text.partition(":")
    number = number.lstrip(":")
    port = int(number) if re.fullmatch("[0-9]{1,5}", number) else 0
    return host, port if port <= _HIGHEST_PORT else 0


def _read_headers(data: bytes) -> Headers:
    """The lines up to an empty one, each a header; the last may be cut off."""
    headers = []
    for line in data.split(b"\n"):
        if not line.strip():
            break
        name, _, value = line.partition(b":")
        headers.append((name.strip(), value.strip()))
    return tuple(headers)
