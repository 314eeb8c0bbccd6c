"""HTTP messages as values: what the shells hand to core and get back from it.

Names and values of headers are bytes as they stood on the wire, in order and repeatable; text is decoded where it is
needed, as latin-1 (RFC 9110 section 5.5), which loses nothing.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from msgspec import Struct

_UNDECODABLE = re.compile("[\udc80-\udcff]")

type Headers = tuple[tuple[bytes, bytes], ...]

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    },
)
"""Lower-case names that concern one connection alone (RFC 9110 section 7.6.1). `Proxy-Authorization` is forwarded:
the front is no forward proxy, so whoever sends it means the upstream."""


class Omitted(Struct, frozen=True):
    """What is known of a body that was too large to keep: its size in bytes and its SHA-256 in hex."""

    size: int
    sha256: str


class Request(Struct, frozen=True):
    """One call as it arrived: `target` is path and query byte for byte, `client` the peer's address.

    A body over the cap is `omitted`, and `body` is then empty.
    """

    method: str
    target: str
    headers: Headers
    body: bytes
    client: str = ""
    omitted: Omitted | None = None

    @property
    def path(self) -> str:
        """The target up to its first question mark, still percent-encoded; so are bytes that are none of UTF-8."""
        return printable(self.target.partition("?")[0])

    @property
    def query(self) -> str:
        """What follows the target's first question mark, or nothing."""
        return self.target.partition("?")[2]


@dataclass(frozen=True, slots=True)
class Chunk:
    """One piece of a streamed body: `at` seconds after the head, `size` bytes."""

    at: float
    size: int


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """One response, ready for the wire but for its framing.

    `headers` hold end-to-end headers alone, `Content-Length` among them where it is to be sent. `chunks` is empty for a
    body that goes out in one piece; else its sizes add up to the body's, and no `Content-Length` is among the headers.
    """

    status: int
    reason: str
    headers: Headers
    body: bytes
    chunks: tuple[Chunk, ...] = ()


def resize(sizes: tuple[int, ...], changed: Sequence[tuple[int, int, int]]) -> tuple[int, ...]:
    """The sizes of pieces once what stands from one place to another has a length of its own (all in bytes).

    `changed` holds start, end and new length; what two pieces share falls to the later.
    """
    ends = []
    for end in accumulate(sizes):
        whole = sum(length - (stop - start) for start, stop, length in changed if stop <= end)
        ends.append(next((start for start, stop, _ in changed if start < end < stop), end) + whole)
    return tuple(end - start for start, end in zip((0, *ends), ends, strict=False))


def find_header(headers: Headers, name: bytes) -> bytes | None:
    """The first value of a header whose lower-case name is `name`, or None."""
    for key, value in headers:
        if key.lower() == name:
            return value
    return None


def end_to_end(headers: Headers) -> Headers:
    """The headers without hop-by-hop ones and without those that `Connection` names."""
    dropped = HOP_BY_HOP
    for name, value in headers:
        if name.lower() == b"connection":
            dropped = dropped | {token.strip().lower() for token in value.split(b",")}
    return tuple((name, value) for name, value in headers if name.lower() not in dropped)


def transfer_codings(headers: Headers) -> tuple[str, ...]:
    """The codings of `Transfer-Encoding` but `chunked` (RFC 9112 section 7): a body passed on would lose them."""
    values = b",".join(value for name, value in headers if name.lower() == b"transfer-encoding")
    codings = (coding.strip().lower() for coding in values.decode("latin-1").split(","))
    return tuple(coding for coding in codings if coding not in {"", "chunked"})


def as_text(headers: Headers) -> tuple[tuple[str, str], ...]:
    """The headers as text, for files and reports."""
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)


def as_wire(headers: tuple[tuple[str, str], ...]) -> Headers:
    """The headers as bytes; the inverse of `as_text`."""
    return tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in headers)


def printable(target: str) -> str:
    """The target with its undecodable bytes percent-encoded, which means the same and can be written as text."""
    return target if target.isascii() else _UNDECODABLE.sub(lambda match: f"%{ord(match.group()) - 0xDC00:02X}", target)


def as_latin1(value: str) -> str:
    """A header's value that was decoded as UTF-8, decoded as all others are."""
    return value if value.isascii() else value.encode("utf-8", "surrogateescape").decode("latin-1")
