"""Requests that aiohttp's fast parser refuses and clients send all the same: methods of their own, raw bytes in a path.

The fast parser knows a fixed list of methods and no byte above 0x7F in a target; aiohttp's other parser, which it keeps
for where the fast one cannot be built, takes any token and any target, and is as strict about framing.
"""

import asyncio
import re
from typing import TYPE_CHECKING, Any

from aiohttp.http_exceptions import BadHttpMethod, InvalidURLError
from aiohttp.http_parser import HttpRequestParserPy, RawRequestMessage
from aiohttp.web_protocol import MAX_MSG_QUEUE_SIZE, RequestPayloadError

if TYPE_CHECKING:
    from aiohttp.web_protocol import RequestHandler

_REQUEST_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ [^\x00-\x20\x7f]+ HTTP/1\.[01]\r\n")


class _Tolerant(HttpRequestParserPy):
    def parse_message(self, lines: list[bytes]) -> RawRequestMessage:
        """The head, its method in the case in which it was sent (RFC 9110 section 9.1)."""
        message = super().parse_message(lines)
        method = lines[0].partition(b" ")[0].decode("ascii")
        return message if method == message.method else message._replace(method=method)


class RequestParser:
    """A connection's parser: `fast` until a request comes that it refuses, from there on the tolerant one.

    The members are those that aiohttp asks of its own parsers.
    """

    __slots__ = ("_limits", "_parser", "_protocol", "_tolerant")

    def __init__(self, protocol: "RequestHandler", fast: Any, limits: dict[str, Any]) -> None:  # noqa: ANN401
        self._protocol = protocol
        self._parser = fast
        self._limits = limits
        self._tolerant = False

    def feed_data(self, data: bytes) -> Any:  # noqa: ANN401 (aiohttp's own tuple)
        """The messages that have come whole; raises what aiohttp does."""
        try:
            return self._parser.feed_data(data)
        except (BadHttpMethod, InvalidURLError):
            # Only what begins with a whole request line is tried again: then the fast parser was at a request's start.
            if self._tolerant or not _REQUEST_LINE.match(data):
                raise
        self._tolerant = True
        self._parser = _Tolerant(
            self._protocol,
            asyncio.get_running_loop(),
            payload_exception=RequestPayloadError,
            auto_decompress=False,
            max_msg_queue_size=MAX_MSG_QUEUE_SIZE,
            **self._limits,
        )
        return self._parser.feed_data(data)

    def feed_eof(self) -> Any:  # noqa: ANN401 (aiohttp's own message)
        """The connection has ended."""
        return self._parser.feed_eof()

    def pause_reading(self) -> None:
        """No more of a body is to be taken for now."""
        self._parser.pause_reading()

    def message_consumed(self) -> None:
        """A request was taken out of the queue."""
        self._parser.message_consumed()

    def set_upgraded(self, value: bool) -> None:  # noqa: FBT001 (aiohttp calls it)
        """Whether what follows is another protocol's."""
        self._parser.set_upgraded(value)
