"""The front's server: accepts calls, sets the admin's apart, and hands the others to the mode that is on.

It is aiohttp's low-level server: no application, no router, no access log. Rows of one turn of the event loop go to the
journal in one write, and the answers of that turn follow it.
"""

import asyncio
import contextlib
import functools
import logging
import time
from collections.abc import Callable
from typing import Any, Protocol, cast

from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_exceptions import (
    BadHttpMessage,
    BadHttpMethod,
    BadStatusLine,
    InvalidURLError,
    LineTooLong,
    PayloadEncodingError,
)
from aiohttp.http_parser import RawRequestMessage
from aiohttp.web_protocol import RequestHandler, RequestPayloadError

from cpproxy.core.calls import Call, Outcome
from cpproxy.core.hosts import bracket
from cpproxy.core.redaction.redacted import Clean, RedactedCall
from cpproxy.core.redaction.redactor import Redactor
from cpproxy.core.runs import DEFAULT_SESSION
from cpproxy.errors import CpproxyError, GoneError, UsageError
from cpproxy.front.exchange import Exchange
from cpproxy.front.heads import Asked, Heads, Refused
from cpproxy.front.parser import RequestParser
from cpproxy.front.peers import Peers

_LOG = logging.getLogger("cpproxy.front")
_MAX_FIELD = 256 * 1024
_MAX_HEADERS = 1000
_BUFFER = 256 * 1024  # bytes of a body that wait for who reads it
_MALFORMED = {  # the special before the general
    LineTooLong: f"the request line or a header is longer than {_MAX_FIELD} bytes",
    BadHttpMethod: "it does not begin with a method, as HTTP without TLS does",
    BadStatusLine: "its first line is not that of an HTTP/1.1 request",
    InvalidURLError: "its target is neither a path nor a URL",
    PayloadEncodingError: "its body is not framed as its headers say",
    BadHttpMessage: "its headers cannot be read, lack Host, contradict each other, or are too many",
}
_REST = 20  # times as long as it took is waited before the ledger is cleansed again
_AT_ONCE = 0.001  # seconds; aiohttp takes 0 for no limit


class Mode(Protocol):
    """What answers calls: record or replay."""

    async def answer(self, exchange: Exchange) -> None:
        """Ends the exchange."""


class Journal(Protocol):
    """Where rows go before answers leave."""

    def add(self, call: RedactedCall) -> None:
        """Buffers a row."""

    def cleanse(self, clean: Clean) -> None:
        """Takes out of all that was buffered or written what `clean` takes out; raises LedgerError when it cannot."""

    def flush(self) -> None:
        """Writes what is buffered; raises LedgerError when it cannot."""


class Tally(Protocol):
    """What is known of the run in memory."""

    def add(self, call: RedactedCall) -> None:
        """Counts a call."""

    def enter(self, session: str, visitor: Exchange) -> None:
        """A call of this session begins. GoneError for one that has ended, UsageError for one too many."""

    def leave(self, session: str, visitor: Exchange) -> None:
        """A call is over."""

    def scenario(self, session: str) -> str:
        """The name of the session's scenario under way, or nothing."""


class Admin(Protocol):
    """What answers the admin paths, which are never counted as calls."""

    async def answer(self, exchange: Exchange, path: str) -> web.StreamResponse:
        """The answer for `path`, which is what follows the admin prefix; for the config's state path it is `STATE`.

        The exchange's session is empty where the asker chose none.
        """


class _Done(web.StreamResponse):
    """Tells aiohttp that the exchange has been answered already."""

    def __init__(self, *, keep_alive: bool) -> None:
        # The parent's constructor is left out: it builds headers that nobody sends.
        self._stays = keep_alive

    @property
    def keep_alive(self) -> bool:
        return self._stays

    async def prepare(self, request: web.BaseRequest) -> None:
        """Nothing is left to prepare."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is left to write."""


_STAYS = _Done(keep_alive=True)
_CLOSES = _Done(keep_alive=False)


class _Connection(RequestHandler):
    """A connection whose malformed requests get a row and an answer that does not repeat what the client sent."""

    __slots__ = ("client", "front")

    client: str
    front: "Front"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the peer's address, for the rows of calls that outlive their connection."""
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self.client = str(peer[0]) if peer else ""

    def use_any(self, limits: dict[str, Any]) -> None:
        """Lets any method and any target pass."""
        self._parser = cast("Any", RequestParser(self, self._parser, limits))

    @property
    def final(self) -> StreamReader | None:
        """The body after which the connection takes no other request."""
        parser: Any = self._parser
        found: StreamReader | None = None if parser is None else parser.final
        return found

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002 (as aiohttp has it)
        """Goes on where reading was paused; where it was not, as with nearly each body, nothing is parsed again."""
        if self._reading_paused or self._buffer_paused:
            super().resume_reading(resume_parser)

    def data_received(self, data: bytes) -> None:
        """Takes what came; a body whose framing broke ends with RequestPayloadError, and not never."""
        super().data_received(data)
        exchange = self._current_request
        if exchange is not None and self._messages and not exchange.content.is_eof():
            # Another message cannot be there before the body's end, but for aiohttp's own word that the parser failed.
            exchange._cancel(RequestPayloadError("broken framing"))  # noqa: SLF001
        if (final := self.final) is not None:
            if exchange is not None and exchange.content is final:
                exchange.keep_alive = False
            elif not any(content is final for _, content in self._messages):
                self.close()  # it was answered before it had come whole

    def handle_error(
        self, request: object, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """A 400 for what the parser refused (RFC 9112 section 2.2), and its row on the ledger."""
        del message  # it quotes the request
        self.front.reject(cast("Exchange", request), status, exc)
        return _CLOSES


class _Server(web.Server):
    def __init__(self, front: "Front") -> None:
        # aiohttp hands to the handler what its request factory made, and asks no more of it than `Exchange` has.
        super().__init__(
            cast("Any", front.handle), request_factory=cast("Any", front.accept), handler_cancellation=True
        )
        self._front = front
        self._limits = {"max_line_size": _MAX_FIELD, "max_field_size": _MAX_FIELD, "max_headers": _MAX_HEADERS}
        self._settings: dict[str, Any] = {
            "access_log": None,
            "logger": _LOG,
            "auto_decompress": False,
            "read_bufsize": _BUFFER,
            **self._limits,
        }

    def __call__(self) -> RequestHandler:
        connection = _Connection(self, loop=self._loop, **self._settings)
        connection.front = self._front
        connection.use_any({"limit": _BUFFER, **self._limits})
        return connection


class Front:
    """The reverse proxy that sits where the control plane would be.

    First `bind` finds the address, then `open` takes the journal, which names it, and accepts calls. `failed` is a
    future that ends with the error after which nothing can be answered any more: a ledger that cannot be written.
    `state_path` is the config's path for the counters. `token` is that of the admin paths: a call of another kind that
    carries it is refused. `peers` knows the names of those who call. `cleanse_files` takes from the disk, but for the
    journal, what was learnt to be secret since a version; CpproxyError when it cannot.
    """

    def __init__(
        self,
        mode: Mode,
        tally: Tally,
        admin: Admin,
        redactor: Redactor,
        *,
        state_path: str = "",
        token: str = "",
        peers: Peers | None = None,
        cleanse_files: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.redactor = redactor
        self._mode = mode
        self._journal: Journal | None = None
        self._tally = tally
        self._admin = admin
        self._heads = Heads(redactor, token, state_path)
        self._peers = peers or Peers({})
        self._seq = 0
        self._cleansed = redactor.known.version
        self._cleanse_files = cleanse_files
        self._next_cleansing = 0.0
        self._cleansing: asyncio.TimerHandle | None = None
        self._outbox: list[tuple[asyncio.Transport, bytes, Callable[[bool], None] | None]] = []
        self._server: _Server | None = None
        self._listening: asyncio.Server | None = None

    async def bind(self, host: str, port: int) -> str:
        """Takes the address and returns the base URL. Port 0 picks a free one.

        Raises UsageError when the address cannot be listened on.
        """
        self._server = _Server(self)
        loop = asyncio.get_running_loop()
        try:
            self._listening = await loop.create_server(self._server, host, port, backlog=1024, start_serving=False)
        except (OSError, OverflowError) as error:
            raise _unusable(f"{bracket(host)}:{port}", error) from error
        own, number, *_ = self._listening.sockets[0].getsockname()
        return f"http://{bracket(own)}:{number}"

    async def open(self, journal: Journal) -> None:
        """Begins to accept calls, whose rows go to `journal`."""
        self._journal = journal
        if self._listening is None:
            raise RuntimeError("the front is not bound to an address")
        try:
            await self._listening.start_serving()
        except OSError as error:  # another process took the address since it was bound
            address = self._listening.sockets[0].getsockname()
            raise _unusable(f"{bracket(address[0])}:{address[1]}", error) from error

    async def stop(self, grace: float) -> None:
        """Finishes the answers under way within `grace` seconds, with 0 at once, and closes every connection."""
        if self._listening is not None:
            self._listening.close()
        if self._server is not None:
            self._server.pre_shutdown()
            await self._server.shutdown(max(grace, _AT_ONCE))
        if self._cleansing is not None:
            self._cleansing.cancel()
        self._next_cleansing = 0.0
        self.flush()

    def accept(
        self,
        message: RawRequestMessage,
        content: StreamReader,
        connection: _Connection,
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
    ) -> Exchange:
        """The exchange for a request whose head has been read."""
        exchange = Exchange(self, message, content, connection, writer, task, connection.client)
        if message.chunked and connection.final is content:
            exchange.keep_alive = False
        return exchange

    async def handle(self, exchange: Exchange) -> web.StreamResponse:
        """Answers one request."""
        match self._heads.read(exchange):
            case Refused(problem):
                return await self._turn_away(exchange, 400, problem)
            case Asked(path):
                return await self._administer(exchange, path)
            case None:
                pass
        session = exchange.session = exchange.session or DEFAULT_SESSION
        try:
            self._tally.enter(session, exchange)
        except UsageError as error:
            return await self._turn_away(exchange, 410 if isinstance(error, GoneError) else 400, str(error))
        try:
            return await self._answer(exchange)
        finally:
            self._tally.leave(session, exchange)

    async def _turn_away(self, exchange: Exchange, status: int, problem: str) -> web.StreamResponse:
        """Refuses a call that no session takes; it stands on the ledger as one of the default session."""
        exchange.seq = self.number()
        exchange.session, exchange.keep_alive = DEFAULT_SESSION, False
        await exchange.refuse(status, Outcome.ERROR, problem)
        return _CLOSES

    async def _answer(self, exchange: Exchange) -> web.StreamResponse:
        exchange.handler = asyncio.current_task()
        if not self._peers.is_met(exchange.client):
            await self._peers.meet(exchange.client)
        if exchange.message.upgrade:  # which is declined; what follows it on the connection is nobody's to read
            exchange.keep_alive = False
        exchange.seq = self.number()
        exchange.scenario = self._tally.scenario(exchange.session)
        try:
            await self._mode.answer(exchange)
        except RequestPayloadError:
            exchange.keep_alive = False
            await exchange.refuse(400, Outcome.ERROR, "malformed body: it is not framed as its headers say")
        except (ConnectionError, asyncio.CancelledError):
            if exchange.dismissed and not exchange.logged:
                await self._send_off(exchange)
                return _CLOSES
            if not exchange.logged:
                exchange.abort(outcome=Outcome.ERROR, status=0, reason="the client went away")
            raise
        except CpproxyError as error:
            self.fail(error)
        except Exception as error:  # noqa: BLE001 (the last resort: a row and a 500 instead of a silent reset)
            _LOG.exception("internal error")
            await self._apologise(exchange, error)
        return _STAYS if exchange.keep_alive else _CLOSES

    async def _administer(self, exchange: Exchange, path: str) -> web.StreamResponse:
        self.flush()
        response = await self._admin.answer(exchange, path)
        await response.prepare(exchange.http)
        await response.write_eof()
        return _STAYS if response.keep_alive and exchange.keep_alive else _CLOSES

    async def _send_off(self, exchange: Exchange) -> None:
        """Ends a call whose session is being closed, and which was to be cancelled for that."""
        if exchange.handler is not None:
            exchange.handler.uncancel()
        reason = f"session {exchange.session} was closed before the call was answered"
        if exchange.started:
            exchange.abort(outcome=Outcome.ERROR, status=0, reason=reason)
        else:
            exchange.keep_alive = False
            await exchange.refuse(410, Outcome.ERROR, reason)

    async def _apologise(self, exchange: Exchange, error: Exception) -> None:
        reason = f"internal error ({type(error).__name__}); run with -vv to see it whole, and report it"
        if exchange.logged:
            transport = exchange.protocol.transport
            if transport is not None:
                transport.abort()
        elif exchange.started:
            exchange.abort(outcome=Outcome.ERROR, status=0, reason=reason)
        else:
            exchange.keep_alive = False
            await exchange.refuse(500, Outcome.ERROR, reason)

    def reject(self, exchange: Exchange, status: int, error: BaseException | None) -> None:
        """Answers what could not be read as a request, at once; nothing that the client sent is repeated."""
        exchange.seq = self.number()
        exchange.session = exchange.session or DEFAULT_SESSION
        exchange.method = exchange.target = exchange.host = ""
        exchange.keep_alive = False
        reason = f"malformed request: {_describe_malformed(error)}"
        head, payload = exchange.refusal(status, Outcome.ERROR, reason, headers=exchange.connection_headers())
        exchange.log(Outcome.ERROR, status, reason=reason, response_size=len(payload))
        self.flush()
        exchange.transport().write(head + payload)

    def name(self, client: str) -> str:
        """A client's address as it stands on rows, with its name where that is known."""
        return self._peers.show(client)

    def number(self) -> int:
        """The next call's number within the run."""
        self._seq += 1
        return self._seq

    def log(self, call: Call) -> None:
        """Buffers the call's row and counts it."""
        redacted = self.redactor.call(call)
        if self._journal is not None:
            self._journal.add(redacted)
        self._tally.add(redacted)

    def flush(self) -> None:
        """Appends what is buffered to the journal, then writes the answers that waited for it.

        Raises LedgerError when it cannot; those answers are then never written.
        """
        outbox, self._outbox = self._outbox, []
        try:
            if self._journal is not None:
                if self.redactor.known.version != self._cleansed:
                    self._cleanse(self._journal)
                self._journal.flush()
        except CpproxyError:
            for transport, _, settle in outbox:
                transport.abort()
                if settle is not None:
                    settle(False)  # noqa: FBT003
            raise
        for transport, wire, settle in outbox:
            left = not transport.is_closing()
            if left:
                transport.write(wire)
            if settle is not None:
                settle(left)

    def _cleanse(self, journal: Journal) -> None:
        """Cleanses rows of what was learnt after they were written, before an answer tells that it was learnt.

        Where each call shows another secret that would take all the time there is: then it is done now and then.
        """
        began = time.monotonic()
        if began < self._next_cleansing:
            if self._cleansing is None:
                loop = asyncio.get_running_loop()
                self._cleansing = loop.call_later(self._next_cleansing - began, self._deliver)
            return
        self._cleansing = None
        version = self.redactor.known.version
        self._cleanse_files(self._cleansed)
        journal.cleanse(functools.partial(self.redactor.clean, since=self._cleansed))
        self._cleansed = version
        ended = time.monotonic()
        self._next_cleansing = ended + _REST * (ended - began)

    def post(self, transport: asyncio.Transport, wire: bytes, settle: Callable[[bool], None] | None) -> None:
        """Writes `wire` at the end of this turn of the loop, after the journal."""
        if not self._outbox:
            asyncio.get_running_loop().call_soon(self._deliver)
        self._outbox.append((transport, wire, settle))

    def _deliver(self) -> None:
        try:
            self.flush()
        except CpproxyError as error:
            self.fail(error)

    def fail(self, error: CpproxyError) -> None:
        """Stops answering: what cannot be accounted for is not served."""
        if self._server is not None:
            for connection in self._server.connections:
                if connection.transport is not None:
                    connection.transport.abort()
        with contextlib.suppress(asyncio.InvalidStateError):
            self.failed.set_exception(error)


def _unusable(address: str, error: OSError | OverflowError) -> UsageError:
    why = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return UsageError(
        f"cannot listen on {address}: {why}; choose another with --listen HOST:PORT (port 0 picks a free one)",
    )


def _describe_malformed(error: BaseException | None) -> str:
    """What the parser refused, in words of ours: its own quote the request."""
    return next((words for kind, words in _MALFORMED.items() if isinstance(error, kind)), "it is not HTTP/1.1")
