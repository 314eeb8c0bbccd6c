"""What aiohttp's fast parser of requests cannot do: methods of their own, raw bytes in a path, and trailers.

The fast parser knows a fixed list of methods and no byte above 0x7F in a target; aiohttp's other parser, which it keeps
for where the fast one cannot be built, takes any token and any target, and is as strict about framing.

The fast parser also keeps the last trailer (RFC 9110 section 6.5) of a body in chunks, and makes a header of it for the
request that comes next. So none comes next: what follows such a body goes to a new parser.
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from aiohttp.http_exceptions import BadHttpMethod, InvalidURLError
from aiohttp.http_parser import HttpRequestParser, HttpRequestParserPy, RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import MAX_MSG_QUEUE_SIZE, RequestPayloadError

if TYPE_CHECKING:
    from aiohttp import StreamReader
    from aiohttp.web_protocol import RequestHandler

type _Fed = tuple[Sequence[tuple[RawRequestMessage, StreamReader]], bool, bytes]

_END = b"\r\n\r\n"  # of a head, and of a body in chunks without trailers
_REQUEST_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ [^\x00-\x20\x7f]+ HTTP/1\.[01]\r\n")


class _Tolerant(HttpRequestParserPy):
    def parse_message(self, lines: list[bytes]) -> RawRequestMessage:
        """The head, its method in the case in which it was sent (RFC 9110 section 9.1)."""
        message = super().parse_message(lines)
        method = lines[0].partition(b" ")[0].decode("ascii")
        return message if method == message.method else message._replace(method=method)


class RequestParser:
    """A connection's parser: `fast` until a request comes that it refuses, from there on the tolerant one.

    `final` is the body after which no request is taken any more: in one breath with a body in chunks came what follows,
    and nobody can tell where that begins, nor whether a trailer went into it. The members are else those that aiohttp
    asks of its own parsers.
    """

    __slots__ = (
        "_body",
        "_chunked",
        "_end",
        "_feed",
        "_left",
        "_limits",
        "_protocol",
        "_tolerant",
        "feed_eof",
        "final",
        "message_consumed",
        "pause_reading",
        "set_upgraded",
    )

    def __init__(self, protocol: "RequestHandler", fast: Any, limits: dict[str, Any]) -> None:  # noqa: ANN401
        self.final: StreamReader | None = None
        self._protocol = protocol
        self._limits = limits
        self._tolerant = False
        self._body: StreamReader | None = None
        self._chunked: StreamReader | None = None
        self._end = b""
        self._left: int | None = 0  # bytes up to the next request's first, None where nobody can tell
        self._use(fast)

    def _use(self, parser: Any) -> None:  # noqa: ANN401 (aiohttp's parsers have no type in common)
        self._feed: Callable[[bytes], _Fed] = parser.feed_data
        self.feed_eof: Callable[[], Any] = parser.feed_eof
        self.message_consumed: Callable[[], None] = parser.message_consumed
        self.pause_reading: Callable[[], None] = parser.pause_reading
        self.set_upgraded: Callable[[bool], None] = parser.set_upgraded

    def _make(self, kind: Any) -> Any:  # noqa: ANN401
        return kind(
            self._protocol,
            asyncio.get_running_loop(),
            payload_exception=RequestPayloadError,
            auto_decompress=False,
            max_msg_queue_size=MAX_MSG_QUEUE_SIZE,
            **self._limits,
        )

    def feed_data(self, data: bytes) -> "_Fed":
        """The messages that have come whole; raises what aiohttp does."""
        if self.final is not None:
            return (), False, b""
        if self._chunked is not None and self._chunked.is_eof():
            self._use(self._make(HttpRequestParser))
            self._chunked, self._left = None, 0
        try:
            fed = self._feed(data)
        except (BadHttpMethod, InvalidURLError):
            # Only what begins a request is tried again: a body may hold what looks like one.
            begins = self._left == 0 and (self._body is None or self._body.is_eof())
            if self._tolerant or not begins or not _REQUEST_LINE.match(data):
                raise
            self._tolerant = True
            self._use(self._make(_Tolerant))
            return self._feed(data)
        if self._tolerant or (self._left == 0 and _is_one_whole(fed[0], data)):
            return fed
        if data:
            self._left = self._count(fed[0], data)
        return self._end_after_chunks(fed, data)

    def _count(self, messages: "Sequence[tuple[RawRequestMessage, StreamReader]]", data: bytes) -> int | None:
        """How many bytes there are up to the next request's first, after these, which gave those messages."""
        left = self._left
        if left:
            return left - len(data) if left >= len(data) and not messages else None
        if left is None or not messages:
            return None
        message, self._body = messages[-1]
        end = data.find(_END) + len(_END)
        length = 0 if self._body is EMPTY_PAYLOAD else message.headers.get("Content-Length")
        if len(messages) > 1 or message.chunked or length is None or int(length) < len(data) - end:
            return None
        return end + int(length) - len(data)

    def _end_after_chunks(self, fed: "_Fed", data: bytes) -> "_Fed":
        """What the fast parser gave, up to a body in chunks; it is `final` unless nothing had come behind it."""
        messages, upgraded, rest = fed
        self._end = data[-4:] if len(data) >= 4 else (self._end + data)[-4:]
        taken = 0
        for message, content in messages:
            if self._chunked is not None:
                break
            taken += 1
            if message.chunked:
                self._chunked = content
        if self._chunked is None or not self._chunked.is_eof():
            return fed
        # The beginning of a request does not end with an empty line, and a parser that has no room stops behind a body.
        waiting = len(self._protocol._messages) + len(messages)  # noqa: SLF001
        if taken < len(messages) or self._end != _END or waiting >= MAX_MSG_QUEUE_SIZE:
            self.final = self._chunked
        return messages[:taken], upgraded, rest


def _is_one_whole(messages: "Sequence[tuple[RawRequestMessage, StreamReader]]", data: bytes) -> bool:
    """Whether these bytes, which began with a request, were that request and no more, as nearly always."""
    if len(messages) != 1:
        return False
    message, body = messages[0]
    if body is EMPTY_PAYLOAD:
        return data.endswith(_END)
    return body.is_eof() and not message.chunked and data.find(_END) + len(_END) + body.total_bytes == len(data)
