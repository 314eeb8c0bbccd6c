"""The only object that can reach an upstream; replay never builds one.

Heads are written here byte for byte, since every client library normalises a target or adds headers of its own. What
comes back is read by aiohttp's client protocol. No proxy of the environment, no netrc, no cookies, no redirects.

A call that may be sent twice (a safe method without a body) reuses a connection, and is sent anew, once, when the
upstream had closed that connection meanwhile. Any other call reuses one only within a second of its last use, when no
server closes it for idleness: a write that met a closed one could neither be told from one that was carried out, nor be
repeated, and is never sent twice.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, override
from urllib.parse import urlsplit

from aiohttp import ClientPayloadError, ServerDisconnectedError
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import ContentLengthError, HttpProcessingError, TransferEncodingError

from cpproxy.core.hosts import ALL_ADDRESSES, PORTS, bracket
from cpproxy.core.messages import Headers, end_to_end, transfer_codings
from cpproxy.errors import UsageError

if TYPE_CHECKING:
    from aiohttp import StreamReader
    from aiohttp.http import RawResponseMessage

CONNECT_SECONDS = 10.0
_IDLE_SECONDS = 15.0
_FRESH_SECONDS = 1.0  # within which a connection is reused for what must not be sent twice
_IDLE_LINKS = 64
_MAX_FIELD = 256 * 1024
_MAX_HEADERS = 1000
_RESENDABLE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "SEARCH"})


class UpstreamFailure(Exception):  # noqa: N818 (an event of one call; errors end commands)
    """The upstream did not answer a call whole. `status` is what the client is told: 502, or 504 for a stall."""

    def __init__(self, reason: str, *, status: int = 502) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


@dataclass(frozen=True, slots=True)
class Origin:
    """An upstream's base URL, taken apart: `host` is for the Host header, `base` has no slash at its end."""

    url: str
    name: str
    port: int
    secure: bool
    host: str
    base: str

    @classmethod
    def parse(cls, url: str) -> "Origin":
        """The origin of `url`; raises UsageError, which repeats no user name or password."""
        try:
            parts = urlsplit(url)
            name = (parts.hostname or "").encode("idna").decode("ascii")
            port = parts.port or PORTS[parts.scheme]
        except (ValueError, KeyError):
            name = ""
        if not name or not url.isprintable() or " " in url:
            raise UsageError("--upstream is no URL of a server: expected http://HOST[:PORT][/BASE] or https://…")
        if parts.username is not None or parts.password is not None:
            raise UsageError("--upstream holds a user name or a password: leave out what stands before the @")
        if parts.query or parts.fragment:
            raise UsageError(
                f"--upstream {parts.scheme}://{parts.netloc}…: a base URL has no query and no fragment; leave them out"
            )
        host = bracket(name) if parts.port is None else f"{bracket(name)}:{parts.port}"
        return cls(url, name, port, parts.scheme == "https", host, parts.path.rstrip("/"))


class _Link(ResponseHandler):
    """One connection. Unlike its parent it tells a body's reader when the connection is reset or framing breaks."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.reused = False
        self.idle_since = 0.0

    @override
    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:
        if exc_cause is None:
            super().set_exception(exc)
        else:
            super().set_exception(exc, exc_cause)
        self._break_body(exc)

    @override
    def connection_lost(self, exc: BaseException | None) -> None:
        if exc is not None:  # else a body that ends with its connection would look whole
            self._break_body(exc)
        super().connection_lost(exc)

    def _break_body(self, exc: BaseException) -> None:
        if self._payload is not None and not self._payload.is_eof():
            self._payload.set_exception(exc)

    async def drain(self) -> None:
        """Returns once what was written has mostly left."""
        await self._drain_helper()


@dataclass(frozen=True, slots=True)
class Head:
    """The head of an answer, interim ones (1xx) too. `reason` is latin-1; `length` is None where none was given."""

    status: int
    reason: str
    headers: Headers
    length: int | None
    chunked: bool


class Transfer:
    """One call under way. Ended by `close`, which keeps the connection for others when all of it was read."""

    def __init__(self, upstream: "Upstream", head: bytes, link: _Link, *, bodiless: bool, resendable: bool) -> None:
        self._upstream = upstream
        self._head = head
        self._link = link
        self._bodiless = bodiless
        self._resendable = resendable
        self._content: StreamReader | None = None
        self.sent = False
        self._begin()

    def _begin(self) -> None:
        self._link.set_response_params(
            skip_payload=self._bodiless,
            read_until_eof=True,
            auto_decompress=False,
            max_line_size=_MAX_FIELD,
            max_field_size=_MAX_FIELD,
            max_headers=_MAX_HEADERS,
        )

    async def send(self, data: bytes) -> None:
        """Sends a part of the request as it stands; UpstreamFailure when the upstream does not take it."""
        with self._explain("while the request was being sent"):
            transport = self._link.transport
            if transport is None or transport.is_closing():
                raise ServerDisconnectedError
            transport.write(data)
            async with asyncio.timeout(self._upstream.stall):
                await self._link.drain()

    def end(self) -> None:
        """Says that the request has been sent whole: from here on the upstream is not to stall."""
        self.sent = True
        self._link.read_timeout = self._upstream.stall
        self._link.start_timeout()

    async def receive(self) -> Head:
        """The next head; a final one (status 200 and above) is the last. UpstreamFailure when none comes."""
        with self._explain("before it answered"):
            try:
                message, self._content = await self._link.read()
            except TimeoutError:
                raise
            except (ServerDisconnectedError, OSError):
                if not (self._link.reused and self._resendable):
                    raise
                await self._resend()
                message, self._content = await self._link.read()
        if message.code == 101:
            raise UpstreamFailure("the upstream switched protocols, which nobody had asked for")
        if transfer_codings(message.raw_headers):
            raise UpstreamFailure("the upstream coded its answer for the transfer, which nobody had asked for")
        if message.code < 200 and self.sent:
            self._link.start_timeout()
        return _describe(message)

    async def _resend(self) -> None:
        self._link.close()
        self._link = await self._upstream.dial()
        self._begin()
        await self.send(self._head)
        self.end()

    def is_whole(self) -> bool:
        """Whether the answer came to its end and nothing of it is left to be read."""
        return self._content is not None and self._content.at_eof() and self._content.exception() is None

    def has_arrived(self) -> bool:
        """Whether the answer came to its end, so that `read` need not wait."""
        return self._content is not None and self._content.is_eof()

    async def read(self) -> tuple[bytes, bool]:
        """What has come of the body, and whether an HTTP chunk ends with it; (b"", False) once, at the end."""
        content = self._content
        if content is None:
            raise RuntimeError("a body is read after its head")
        with self._explain("in the middle of its answer"):
            return await content.readchunk()

    def close(self) -> None:
        """Ends the call, at whatever point it is."""
        if not (self.sent and self.is_whole()):
            self._link.abort()
        elif self._link.should_close:
            self._link.close()
        else:
            self._upstream.keep(self._link)

    def give_up(self) -> None:
        """Ends the waiting of `receive` and `read`, which raise UpstreamFailure."""
        self._link.set_exception(ConnectionAbortedError())

    @contextmanager
    def _explain(self, when: str) -> Iterator[None]:
        """Turns what aiohttp and the system raise into one reason that quotes nothing of the traffic."""
        try:
            yield
        except TimeoutError as error:  # aiohttp's SocketTimeoutError among them
            stall = f"{self._upstream.stall:g}"
            raise UpstreamFailure(f"the upstream stalled for {stall} s {when}", status=504) from error
        except ServerDisconnectedError as error:
            raise UpstreamFailure(f"the upstream closed the connection {when}") from error
        except OSError as error:
            raise UpstreamFailure(f"the upstream reset the connection {when}") from error
        except ClientPayloadError as error:
            raise UpstreamFailure(_name_framing(error.__cause__)) from error
        except HttpProcessingError as error:
            raise UpstreamFailure(f"the upstream broke HTTP's framing {when} ({_kind(error)})") from error


def _kind(error: BaseException) -> str:
    return type(error.__cause__ or error).__name__


def _name_framing(cause: BaseException | None) -> str:
    match cause:
        case ContentLengthError():
            return "the upstream closed the connection before its Content-Length was reached"
        case TransferEncodingError():
            return "the upstream closed the connection before its last chunk"
        case _:
            return f"the upstream broke the framing of its answer ({type(cause).__name__})"


def _describe(message: "RawResponseMessage") -> Head:
    length = None if message.chunked else message.headers.get("Content-Length")
    headers = end_to_end(message.raw_headers)
    if message.chunked:  # RFC 9112 section 6.3: it overrides a Content-Length, which is then removed
        headers = tuple(pair for pair in headers if pair[0].lower() != b"content-length")
    reason = message.reason.encode("utf-8", "surrogateescape").decode("latin-1")
    return Head(message.code, reason, headers, None if length is None else int(length), message.chunked)


class Upstream:
    """The upstream, its idle connections, and its timeouts in seconds.

    `avoid` is the front's own address, once it listens: an upstream that turns out to be it is refused.
    """

    def __init__(self, origin: Origin, *, stall: float) -> None:
        self.origin = origin
        self.stall = stall
        self.avoid: tuple[str, int] | None = None
        self._connect = CONNECT_SECONDS
        self._tls = ssl.create_default_context() if origin.secure else None
        self._idle: list[_Link] = []

    async def request(self, method: str, target: str, headers: Headers, *, body: bytes | None) -> Transfer:
        """Sends the head of a call, and `body` with it where the whole of it is there; None is one that follows.

        `headers` are sent as they are, framing included, after the upstream's own Host. UpstreamFailure when the
        upstream cannot be reached.
        """
        path = target if target == "*" else self.origin.base + target
        lines = [f"{method} {path} HTTP/1.1".encode("utf-8", "surrogateescape"), b"Host: " + self.origin.host.encode()]
        lines += [b"%s: %s" % pair for pair in headers]
        head = b"\r\n".join([*lines, b"", body or b""])
        resendable = method in _RESENDABLE and body == b""
        link = self._take(_IDLE_SECONDS if resendable else _FRESH_SECONDS)
        if link is None:
            link = await self.dial()
        transfer = Transfer(self, head, link, bodiless=method == "HEAD", resendable=resendable)
        try:
            if link.transport is not None and not link.transport.is_closing():
                # What fails on a reused connection is seen by `receive`, and repaired if it may be.
                await transfer.send(head)
            if body is not None:
                transfer.end()
        except BaseException:
            transfer.close()
            raise
        return transfer

    async def dial(self) -> _Link:
        """A new connection; UpstreamFailure naming why there is none."""
        loop = asyncio.get_running_loop()
        origin = self.origin
        try:
            async with asyncio.timeout(self._connect):
                transport, link = await loop.create_connection(
                    lambda: _Link(loop), origin.name, origin.port, ssl=self._tls, happy_eyeballs_delay=0.25
                )
        except TimeoutError as error:
            reason = f"no connection to the upstream within {self._connect:g} s"
            raise UpstreamFailure(reason, status=504) from error
        except socket.gaierror as error:
            raise UpstreamFailure(f"the upstream's name {origin.name} does not resolve ({error.strerror})") from error
        except ssl.SSLCertVerificationError as error:
            reason = f"the upstream's TLS certificate is not trusted ({error.verify_message})"
            raise UpstreamFailure(reason) from error
        except ssl.SSLError as error:
            raise UpstreamFailure(f"TLS with the upstream failed ({error.reason})") from error
        except OSError as error:
            raise UpstreamFailure(f"the upstream {origin.host} cannot be reached ({_cause(error)})") from error
        peer, own = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        if self.avoid is not None and peer is not None and _is_front(self.avoid, peer, own):
            link.abort()
            raise UpstreamFailure("the upstream is this recorder itself; name another with --upstream")
        return link

    def _take(self, idle: float) -> _Link | None:
        """A connection that was used within `idle` seconds, the latest first."""
        now = asyncio.get_running_loop().time()
        while self._idle:
            link = self._idle.pop()
            if link.is_connected() and not link.should_close and now - link.idle_since < idle:
                link.reused = True
                return link
            link.abort()
        return None

    def keep(self, link: _Link) -> None:
        """Takes back a connection on which nothing is under way."""
        link.read_timeout = None
        link.idle_since = asyncio.get_running_loop().time()
        self._idle.append(link)
        if len(self._idle) > _IDLE_LINKS:
            self._idle.pop(0).abort()

    async def close(self) -> None:
        """Closes the idle connections."""
        while self._idle:
            self._idle.pop().abort()


def _cause(error: OSError) -> str:
    """What the system said, without the addresses that asyncio puts around it."""
    return str(error.strerror or error) if error.errno is None else os.strerror(error.errno).lower()


def _is_front(avoid: tuple[str, int], peer: tuple[str, int], own: tuple[str, int]) -> bool:
    if peer[1] != avoid[1]:
        return False
    return peer[0] == avoid[0] or (avoid[0] in ALL_ADDRESSES and peer[0] == own[0])
