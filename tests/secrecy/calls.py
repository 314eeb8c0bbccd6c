"""Calls with a secret in them: what a client sends, and what the upstream answers."""

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote

FORM = "application/x-www-form-urlencoded"


@dataclass
class Call:
    """One call with its answer. `target` follows the call's number; `before` stands before the path, as a host does.

    A body in several `parts` or `pieces` goes in chunks, as does one that trailers follow. `raw` is a whole request
    that no client would write; `{path}` stands in it for the call's path. `reaches` says whether the upstream is asked,
    and so whether the call is recorded; `kept` whether all of it can be, so that it is replayed.
    """

    method: str = "GET"
    target: str = "/"
    before: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    parts: list[bytes] = field(default_factory=list)
    trailers: list[tuple[str, str]] = field(default_factory=list)
    raw: str = ""
    status: int = 200
    reason: str = "OK"
    told: list[tuple[str, str]] = field(default_factory=list)
    pieces: list[bytes] = field(default_factory=list)
    told_last: list[tuple[str, str]] = field(default_factory=list)
    reaches: bool = True
    kept: bool = True

    def write_request(self, path: str) -> bytes:
        """What a client sends, on a connection of its own."""
        if self.raw:
            return self.raw.replace("{path}", path).encode("latin-1")
        lines = [f"{self.method} {self.before}{path}{self.target} HTTP/1.1", "Host: front"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if not any(name == "Connection" for name, _ in self.headers):
            lines.append("Connection: close")
        return _write(lines, self.parts, self.trailers)

    def write_answer(self) -> bytes:
        """What the upstream answers, on a connection that stays."""
        lines = [f"HTTP/1.1 {self.status} {self.reason}"]
        lines += [f"{name}: {value}" for name, value in self.told]
        return _write(lines, self.pieces, self.told_last, bodied=True)

    @property
    def asks_alone(self) -> bool:
        """Whether the secret is in the request, and not in the answer."""
        return not self.told and not self.pieces and not self.told_last and self.reason == "OK"


def _write(lines: list[str], parts: list[bytes], trailers: list[tuple[str, str]], *, bodied: bool = False) -> bytes:
    body = b"".join(parts)
    if len(parts) > 1 or trailers:
        lines.append("Transfer-Encoding: chunked")
        body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
        body += b"0\r\n" + "".join(f"{name}: {value}\r\n" for name, value in trailers).encode("latin-1") + b"\r\n"
    elif body or bodied:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


@dataclass(frozen=True)
class Place:
    """Makes a call of a secret. `fits` is what the secret has to look like to be written there at all."""

    make: Callable[[str], Call]
    fits: Callable[[str], object] = bool

    def __call__(self, value: str) -> Call:
        return self.make(value)


def is_line(value: str) -> bool:
    """Whether a value can stand where a line ends it."""
    return "\n" not in value


def is_bare(value: str) -> bool:
    """Whether a value can stand without quotes, in a header or on a console."""
    return bool(re.fullmatch(r"[A-Za-z0-9._~+/=!$-]+", value))


def is_quotable(value: str) -> bool:
    """Whether a value can stand between double quotes as it is."""
    return is_line(value) and '"' not in value and "\\" not in value


def is_name(value: str) -> bool:
    """Whether a value could be a header's name, or a method."""
    return bool(re.fullmatch(r"[A-Za-z0-9_.-]+", value))


def latin(value: str) -> str:
    """A value as a header's text holds it: UTF-8, read as latin-1."""
    return value.encode().decode("latin-1")


def dump(value: object) -> bytes:
    """A value as JSON."""
    return json.dumps(value).encode()


def post(body: bytes, kind: str = "application/json", *headers: tuple[str, str]) -> Call:
    """A call with a body."""
    return Call("POST", headers=[("Content-Type", kind), *headers], parts=[body])


def answer(body: bytes, kind: str = "application/json", *told: tuple[str, str], status: int = 200) -> Call:
    """A call with a body in its answer."""
    return Call(told=[("Content-Type", kind), *told], pieces=[body], status=status)


def text(body: str, kind: str = "text/plain") -> Call:
    """A call with a text in its answer."""
    return answer(body.encode(), kind)


def coded(body: bytes, coding: str, kind: str = "application/json") -> Call:
    """A call with a body in its answer that is compressed already."""
    return answer(body, kind, ("Content-Encoding", coding))


def events(*datas: str) -> Call:
    """A stream of events, each in a chunk of its own."""
    pieces = [f"data: {data}\n\n".encode() for data in datas]
    return Call(told=[("Content-Type", "text/event-stream")], pieces=pieces)


def multipart(*fields: tuple[str, str, str]) -> Call:
    """A form of several parts, each with what its disposition and its other headers say, and its text."""
    body = "".join(
        f"--b1\r\nContent-Disposition: form-data; {said}\r\n{more}\r\n{value}\r\n" for said, more, value in fields
    )
    return post(f"{body}--b1--\r\n".encode(), "multipart/form-data; boundary=b1")


def cut_everywhere(body: bytes) -> list[bytes]:
    """Each byte in a chunk of its own."""
    return [body[at : at + 1] for at in range(len(body))]


def coded64(value: str) -> str:
    """A value as base64."""
    return base64.b64encode(value.encode()).decode()


def urlcoded(value: str) -> str:
    """A value as a URL holds it, slashes escaped as well."""
    return quote(value, safe="")
