"""One call at the front: what a mode reads of it, and the one way to answer it, which is by way of the ledger.

The promise that every answered call is on the ledger is kept here: no method lets the last byte of an answer leave
before the call's row was appended to the journal.
"""

import asyncio
import hashlib
import socket
import struct
import time
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import RequestHandler
from msgspec import UNSET, UnsetType

from cpproxy.core.calls import Call, Outcome, Way
from cpproxy.core.messages import Headers, Omitted, Request, printable
from cpproxy.core.redaction.redacted import RedactedJson
from cpproxy.core.redaction.redactor import Redactor
from cpproxy.front.wire import encode_head, has_body

if TYPE_CHECKING:
    from collections.abc import Callable

SESSION_HEADER = b"x-cpproxy-session"
OUTCOME_HEADER = b"X-Cpproxy-Outcome"
INTERACTION_HEADER = b"X-Cpproxy-Interaction"

_RESET = struct.pack("ii", 1, 0)
_PROMPT = 64 * 1024
"""Answers above this size in bytes are written at once and waited for, so that a slow client cannot pile them up."""


class Desk(Protocol):
    """What an exchange needs of the server that it arrived at."""

    @property
    def redactor(self) -> Redactor:
        """What all that leaves memory goes through."""

    def name(self, client: str) -> str:
        """A client's address as it stands on rows, with its name where that is known."""

    def log(self, call: Call) -> None:
        """Buffers the call's row, redacted."""

    def flush(self) -> None:
        """Appends what is buffered to the journal, then writes what was posted; raises LedgerError when it cannot."""

    def post(self, transport: asyncio.Transport, wire: bytes, settle: "Callable[[bool], None] | None") -> None:
        """Writes `wire` at the end of this turn of the loop, after the journal; then settles with whether it left."""


def write_document(document: RedactedJson) -> bytes:
    """A body of cpproxy's own."""
    return bytes(document) + b"\n"


class Exchange:
    """One call that arrived at the front. Exactly one of `send`, `refuse`, `finish` and `abort` ends it.

    It stands in for aiohttp's request object, which is built only for those who ask for `http`; the members that begin
    with an underscore and take part in that are `_task`, `_cancel` and `_finish`.
    """

    __slots__ = (
        "_at",
        "_desk",
        "_http",
        "_sent",
        "_task",
        "began",
        "client",
        "content",
        "dismissed",
        "handler",
        "headers",
        "host",
        "keep_alive",
        "logged",
        "message",
        "method",
        "modern",
        "prefix",
        "protocol",
        "scenario",
        "seq",
        "session",
        "started",
        "target",
        "writer",
    )

    def __init__(  # noqa: PLR0917 (aiohttp calls it, by way of the server)
        self,
        desk: Desk,
        message: RawRequestMessage,
        content: StreamReader,
        protocol: RequestHandler,
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
        client: str,
    ) -> None:
        self._at = time.time()
        self._desk = desk
        self._http: web.BaseRequest | None = None
        self._sent = 0
        self._task = task
        self.began = time.perf_counter()
        self.content = content
        self.dismissed = False
        """Whether its session is being closed, so that it is not to be answered."""
        self.handler: asyncio.Task[Any] | None = None
        """The task that answers it."""
        self.headers: Headers = message.raw_headers
        self.host = ""
        self.keep_alive = not message.should_close
        self.logged = False
        self.message = message
        self.method = message.method
        self.modern = message.version.minor >= 1
        """Whether the client speaks HTTP/1.1, and so understands chunks and interim answers."""
        self.client = client
        """The peer's address."""
        self.prefix = ""
        """What was taken off the path because it chose the session."""
        self.protocol = protocol
        self.scenario = ""
        self.seq = 0
        self.session = ""
        self.started = False
        self.target = message.path
        self.writer = writer

    @property
    def redactor(self) -> Redactor:
        """What all that is written of the call goes through."""
        return self._desk.redactor

    @property
    def http(self) -> web.BaseRequest:
        """The call as aiohttp's own request object."""
        if self._http is None:
            loop = asyncio.get_running_loop()
            self._http = web.BaseRequest(self.message, self.content, self.protocol, self.writer, self._task, loop)
        return self._http

    @property
    def remote(self) -> str:
        """The peer's address, by the name that aiohttp asks for."""
        return self.client

    def _cancel(self, error: BaseException) -> None:
        """Tells whoever reads the body that the connection is lost."""
        self.content.set_exception(error)

    def _finish(self) -> None:
        """Nothing is held that the end of the call would free."""

    def dismiss(self) -> None:
        """Ends the call where it is, unless its row is there: its session closes."""
        if self.handler is not None and not self.logged and not self.dismissed:
            self.dismissed = True
            self.handler.cancel()

    @property
    def has_body(self) -> bool:
        """Whether the call came with a body, be it an empty one."""
        return self.content is not EMPTY_PAYLOAD

    @property
    def expects_continue(self) -> bool:
        """Whether the client waits for `100 Continue` before it sends its body (RFC 9110 section 10.1.1)."""
        return self.modern and self.message.headers.get("Expect", "").lower() == "100-continue"

    def transport(self) -> asyncio.Transport:
        """The connection; raises ConnectionResetError when the client has gone."""
        transport = self.protocol.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client went away")
        return transport

    async def read(self, limit: int) -> Request:
        """The call with its body; of a body above `limit` bytes, its size and digest alone."""
        body, omitted = b"", None
        if self.has_body:
            if self.expects_continue:
                self.inform(100, ())
            if self.content.is_eof():  # it came with the head
                body = self.content.read_nowait()
                if len(body) > limit:
                    body, omitted = b"", Omitted(len(body), hashlib.sha256(body).hexdigest())
            else:
                body, omitted = await self._gather(limit)
        return Request(self.method, self.target, self.headers, body, self.client, omitted)

    async def _gather(self, limit: int) -> tuple[bytes, Omitted | None]:
        digest = None
        buffer = bytearray()
        size = 0
        while piece := await self.content.readany():
            size += len(piece)
            if digest is not None:
                digest.update(piece)
                continue
            buffer += piece
            if size > limit:
                digest = hashlib.sha256(buffer)
                buffer.clear()
        return bytes(buffer), None if digest is None else Omitted(size, digest.hexdigest())

    def inform(self, status: int, headers: Headers) -> None:
        """Sends an interim answer (1xx), which HTTP/1.0 clients do not understand and are spared."""
        if self.modern:
            self._desk.flush()
            self.transport().write(encode_head(status, None, headers))

    def log(
        self,
        outcome: Outcome,
        status: int,
        *,
        route: str = "",
        cassette: str = "",
        interaction: str = "",
        reason: str = "",
        request_size: int = 0,
        response_size: int = 0,
        undetermined: bool = False,
        used_up: bool = False,
        body: RedactedJson | UnsetType = UNSET,
        details: RedactedJson | UnsetType = UNSET,
    ) -> None:
        """Buffers the call's row; see `Call` for what its fields mean."""
        self.logged = True
        self._desk.log(
            Call(  # by position, which is five times as fast
                self.seq,
                self._at,
                outcome,
                self.method,
                printable(self.target),
                status,
                Way.FRONT,
                self.session,
                self.scenario,
                self._desk.name(self.client),
                self.host,
                route,
                int((time.perf_counter() - self.began) * 1e6) / 1e6,
                request_size,
                response_size,
                cassette,
                interaction,
                reason,
                undetermined,
                used_up,
                body,
                details,
            ),
        )

    def connection_headers(self) -> Headers:
        """The header that tells the client whether this connection stays, where its version does not say so."""
        if not self.keep_alive:
            return ((b"Connection", b"close"),)
        return () if self.modern else ((b"Connection", b"keep-alive"),)

    async def send(
        self,
        head: bytes,
        payload: bytes,
        /,
        *,
        outcome: Outcome,
        status: int,
        size: int | None = None,
        settle: "Callable[[bool], None] | None" = None,
        route: str = "",
        cassette: str = "",
        interaction: str = "",
        reason: str = "",
        request_size: int = 0,
        undetermined: bool = False,
        used_up: bool = False,
        body: RedactedJson | UnsetType = UNSET,
        details: RedactedJson | UnsetType = UNSET,
    ) -> None:
        """Sends a whole answer once its row is in the journal.

        `head` is as `encode_head` makes it, without `Connection`; `payload` is the framed body, and `size` the body's
        without its framing, in bytes. `settle` is told whether the answer left whole.
        """
        self.log(
            outcome,
            status,
            route=route,
            cassette=cassette,
            interaction=interaction,
            reason=reason,
            request_size=request_size,
            response_size=len(payload) if size is None else size,
            undetermined=undetermined,
            used_up=used_up,
            body=body,
            details=details,
        )
        self.started = True
        if not (self.keep_alive and self.modern):
            head = head[:-2] + b"%s: %s\r\n\r\n" % self.connection_headers()[0]
        wire = head + payload
        if self.keep_alive and len(wire) <= _PROMPT:
            self._desk.post(self.transport(), wire, settle)
            return
        left = False
        try:
            self._desk.flush()
            self.transport().write(wire)
            await self.writer.drain()
            left = True
        finally:
            if settle is not None:
                settle(left)

    async def refuse(
        self,
        status: int,
        outcome: Outcome,
        message: str,
        *,
        details: dict[str, Any] | None = None,
        headers: Headers = (),
        **row: Any,  # noqa: ANN401 (the fields of Call)
    ) -> None:
        """Answers with `{"error": "cpproxy: …", "cpproxy": {…}}`, so that a client's own log line carries the cause."""
        head, payload = self.refusal(status, outcome, message, details, headers)
        if not has_body(self.method, status):
            payload = b""
        told = self.redactor.json(msgspec.json.encode(details)) if details else UNSET
        await self.send(head, payload, outcome=outcome, status=status, details=told, **{"reason": message, **row})

    def refusal(
        self,
        status: int,
        outcome: Outcome,
        message: str,
        details: dict[str, Any] | None = None,
        headers: Headers = (),
    ) -> tuple[bytes, bytes]:
        """Head and body of an error of cpproxy's own."""
        document = {"error": f"cpproxy: {message}", "cpproxy": {"outcome": outcome, **(details or {})}}
        body = write_document(self.redactor.json(msgspec.json.encode(document)))
        head = encode_head(
            status,
            None,
            (
                (b"Content-Type", b"application/json"),
                (b"Content-Length", b"%d" % len(body)),
                (OUTCOME_HEADER, outcome.encode()),
                *headers,
            ),
        )
        return head, body

    async def start(self, status: int, reason: str | None, headers: Headers, *, length: int | None) -> None:
        """Sends the head of a streamed answer; `length` None is a body whose size is not known before its end.

        `headers` hold no framing but a `Content-Length` that equals `length`.
        """
        framing: Headers = ()
        if length is None and has_body(self.method, status):
            if self.modern:
                self.writer.enable_chunking()
                framing = ((b"Transfer-Encoding", b"chunked"),)
            else:
                self.keep_alive = False
        head = encode_head(status, reason, headers, extra=framing + self.connection_headers())
        self._desk.flush()  # answers to earlier calls of this connection go first
        self.started = True
        self.transport().write(head)

    async def write(self, data: bytes) -> None:
        """Sends a piece of a streamed answer, waiting while the client is slow."""
        if data:
            self._sent += len(data)
            await self.writer.write(data)

    async def finish(self, last: bytes = b"", *, outcome: Outcome, status: int, **row: Any) -> None:  # noqa: ANN401
        """Ends a streamed answer with its last piece, after its row is in the journal."""
        self.log(outcome, status, response_size=self._sent + len(last), **row)
        self._desk.flush()
        await self.writer.write_eof(last)

    def abort(self, *, outcome: Outcome, status: int, **row: Any) -> None:  # noqa: ANN401 (the fields of Call)
        """Ends the call by resetting its connection, so that no half answer looks whole."""
        self.keep_alive = False
        self.log(outcome, status, response_size=self._sent, **row)
        self._desk.flush()
        transport = self.protocol.transport
        if transport is not None:
            # Without it the connection would end by FIN, which to a client of HTTP/1.0 is the end of a whole answer.
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            transport.abort()
