"""The head of an HTTP/1.1 answer as bytes (RFC 9112), so that a whole answer is one write."""

import http

from cpproxy.core.messages import Headers

BODILESS = frozenset({204, 304})
"""Statuses whose answers have no body and no framing of one (RFC 9110 sections 15.3.5 and 15.4.5)."""

_PHRASES = {status.value: status.phrase.encode("ascii") for status in http.HTTPStatus}


def has_body(method: str, status: int) -> bool:
    """Whether an answer of `status` to `method` carries a body (RFC 9112 section 6.3)."""
    return method != "HEAD" and status not in BODILESS and status >= 200


def encode_head(status: int, reason: str | None, headers: Headers, *, extra: Headers = ()) -> bytes:
    """The status line and header section, the empty line included; `reason` None stands for the usual phrase."""
    phrase = _PHRASES.get(status, b"") if reason is None else reason.encode("latin-1")
    lines = [b"HTTP/1.1 %d %s" % (status, phrase)]
    lines += [b"%s: %s" % pair for pair in headers]
    lines += [b"%s: %s" % pair for pair in extra]
    lines.append(b"\r\n")
    return b"\r\n".join(lines)


def encode_chunks(body: bytes, sizes: tuple[int, ...]) -> bytes:
    """A body in the chunked coding (RFC 9112 section 7.1); `sizes` add up to it, or are none for one chunk."""
    pieces = []
    start = 0
    for size in sizes or (len(body),):
        if size:
            pieces.append(b"%x\r\n%s\r\n" % (size, body[start : start + size]))
        start += size
    pieces.append(b"0\r\n\r\n")
    return b"".join(pieces)
