"""Record mode: passes each call on to the upstream as it came, and what comes back to the client as it comes."""

import asyncio
import contextlib
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp.web import RequestPayloadError
from msgspec import UNSET, Raw, UnsetType

from cpproxy.core import bodies, redaction
from cpproxy.core.calls import Outcome
from cpproxy.core.messages import Chunk, Headers, end_to_end, find_header, transfer_codings
from cpproxy.core.recording import Answered, Arrival, Asked, Recording
from cpproxy.front.exchange import OUTCOME_HEADER, Exchange
from cpproxy.front.upstream import Head, Transfer, Upstream, UpstreamFailure
from cpproxy.front.wire import encode_chunks, encode_head, has_body

if TYPE_CHECKING:
    from cpproxy.core.cassette import Body

CONTINUE_SECONDS = 1.0
"""How long the upstream gets for its 100 Continue before the client is told to go on (RFC 9110 section 10.1.1)."""

_OWN_HEADERS = b"x-cpproxy-"
_CHUNKED: Headers = ((b"Transfer-Encoding", b"chunked"),)
_LAST_CHUNK = b"0\r\n\r\n"


class _BadRequest(Exception):  # noqa: N818 (an event of one call)
    """The client broke the framing of its request."""


@dataclass(slots=True)
class _Catch:
    """Keeps a body that passes by, up to `limit` bytes, and above that its size and digest alone."""

    limit: int
    size: int = 0
    kept: bytearray = field(default_factory=bytearray)
    digest: "hashlib._Hash | None" = None
    whole: bool = False

    def add(self, data: bytes) -> None:
        """Takes the next piece."""
        self.size += len(data)
        if self.digest is not None:
            self.digest.update(data)
        else:
            self.kept += data
            if self.size > self.limit:
                self.digest = hashlib.sha256(self.kept)
                self.kept.clear()

    def body(self, headers: Headers) -> "Body | UnsetType":
        """What a cassette holds of it; of a body that did not come whole, the size that its headers gave, or 0."""
        if not self.whole:
            length = find_header(headers, b"content-length")
            return bodies.omitted(0 if length is None else int(length), "")
        if self.digest is not None:
            return bodies.omitted(self.size, self.digest.hexdigest())
        return bodies.store(
            bytes(self.kept),
            _value(headers, b"content-encoding"),
            content_type=_value(headers, b"content-type"),
            limit=self.limit,
        )


def _value(headers: Headers, name: bytes) -> str:
    return (find_header(headers, name) or b"").decode("latin-1")


class _Upload:
    """Sends a request's body on, piece by piece, while the answer is waited for already."""

    def __init__(self, exchange: Exchange, transfer: Transfer, catch: _Catch) -> None:
        self.failure: Exception | None = None
        self._exchange = exchange
        self._transfer = transfer
        self._catch = catch
        self.begun = not exchange.expects_continue
        self._continued = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    def go_on(self) -> None:
        """The upstream asks for the body."""
        self._continued.set()

    async def stop(self) -> None:
        """Ends it, whether or not the whole body was sent."""
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _run(self) -> None:
        try:
            await self._send()
        except UpstreamFailure as failure:
            self.failure = failure
            if failure.status == 504:  # else the answer may have come before the upstream closed
                self._transfer.give_up()
        except RequestPayloadError:
            self.failure = _BadRequest("the client broke the framing of its request's body")
            self._transfer.give_up()
        except ConnectionError as error:
            self.failure = error
            self._transfer.give_up()

    async def _send(self) -> None:
        exchange = self._exchange
        if not self.begun:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CONTINUE_SECONDS):
                    await self._continued.wait()
            self.begun = True
            exchange.inform(100, ())
        content = exchange.content
        chunked = exchange.message.chunked
        while data := await content.readany():
            self._catch.add(data)
            await self._transfer.send(b"%x\r\n%s\r\n" % (len(data), data) if chunked else data)
        self._catch.whole = True
        if chunked:
            await self._transfer.send(_LAST_CHUNK)
        self._transfer.end()


class Recorder:
    """The mode that records. `limit` is the largest body in bytes that a cassette holds, `cassette` its name.

    `failure` is the first reason for which the recording must not be trusted whole, or empty.
    """

    def __init__(self, upstream: Upstream, recording: Recording, *, limit: int, cassette: str) -> None:
        self.failure = ""
        self._upstream = upstream
        self._recording = recording
        self._limit = limit
        self._cassette = cassette
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()

    async def answer(self, exchange: Exchange) -> None:
        """Ends the exchange with the upstream's answer, or with the reason why there is none."""
        if exchange.method == "CONNECT":
            exchange.keep_alive = False
            await exchange.refuse(405, Outcome.ERROR, "CONNECT asks for a tunnel, and this is a reverse proxy")
            return
        if transfer_codings(exchange.headers):
            exchange.keep_alive = False
            await exchange.refuse(501, Outcome.ERROR, "no Transfer-Encoding but chunked can be passed on")
            return
        arrival = self._recording.arrive(exchange.method, exchange.target, self._now())
        call = _Call(self._recording, arrival, exchange, _Catch(self._limit), _Catch(self._limit), self._cassette)
        try:
            await self._relay(call)
        except UpstreamFailure as failure:
            self.failure = self.failure or f"{exchange.method} {exchange.target}: {failure.reason}"
            await call.fail(failure.status, failure.reason)
        except _BadRequest as failure:
            await call.fail(400, str(failure))

    def _now(self) -> float:
        return self._loop.time() - self._began

    async def _relay(self, call: "_Call") -> None:
        exchange = call.exchange
        body = call.take_body()
        framing = _CHUNKED if exchange.message.chunked else ()
        transfer = await self._upstream.request(
            exchange.method, exchange.target, call.request_headers + framing, body=body
        )
        upload = _Upload(exchange, transfer, call.request) if body is None else None
        try:
            try:
                head = await self._receive(exchange, transfer, upload)
                if upload is not None and not upload.begun:  # refused unread: the client is not to send it
                    await upload.stop()
                await self._deliver(call, head, transfer, upload)
            except UpstreamFailure:
                if upload is not None and upload.failure is not None:
                    raise upload.failure from None
                raise
        finally:
            if upload is not None:
                await upload.stop()
            transfer.close()

    async def _receive(self, exchange: Exchange, transfer: Transfer, upload: _Upload | None) -> Head:
        """The final head; interim ones are passed on (RFC 9110 section 15.2)."""
        while (head := await transfer.receive()).status < 200:
            if head.status != 100:
                exchange.inform(head.status, head.headers)
            elif upload is not None:
                upload.go_on()
        return head

    async def _deliver(self, call: "_Call", head: Head, transfer: Transfer, upload: _Upload | None) -> None:
        exchange = call.exchange
        if not call.has_arrived():  # nobody can know where the connection's next request would begin
            exchange.keep_alive = False
        headers = _without_own(head.headers)
        marked = (*headers, (OUTCOME_HEADER, Outcome.RECORDED.encode()))
        prompt = not has_body(exchange.method, head.status) or (head.length is not None and transfer.has_arrived())
        if not prompt:
            call.status = head.status
            await exchange.start(head.status, head.reason, marked, length=head.length)
        last = b"" if transfer.is_whole() else await self._read(call, transfer)
        if upload is not None:
            await upload.stop()
        call.record(head, headers, self._now())
        if prompt:
            await exchange.send(encode_head(head.status, head.reason, marked), last, status=head.status, **call.row())
        else:
            await exchange.finish(last, status=head.status, **call.row())

    async def _read(self, call: "_Call", transfer: Transfer) -> bytes:
        """Passes on all of the answer's body but its last piece, which comes back."""
        began = self._loop.time()
        pending = 0
        while True:
            data, ends_chunk = await transfer.read()
            call.response.add(data)
            pending += len(data)
            if ends_chunk and pending:  # the last chunk ends an empty one
                call.chunks.append(Chunk(self._loop.time() - began, pending))
                pending = 0
            if transfer.is_whole():
                return data
            await call.exchange.write(data)


@dataclass(slots=True)
class _Call:
    """What is known of one call while it is under way."""

    recording: Recording
    arrival: Arrival
    exchange: Exchange
    request: _Catch
    response: _Catch
    cassette: str
    chunks: list[Chunk] = field(default_factory=list)
    request_headers: Headers = ()
    status: int = 0
    recorded: bool = False

    def __post_init__(self) -> None:
        headers = _without_own(end_to_end(self.exchange.headers))
        self.request_headers = tuple(pair for pair in headers if pair[0].lower() != b"host")

    def take_body(self) -> bytes | None:
        """The request's body, framed, if all of it is there; else None, and it is to be passed on as it comes."""
        exchange = self.exchange
        if not exchange.has_body:
            self.request.whole = True
            return b""
        if exchange.expects_continue or not exchange.content.is_eof():
            return None
        body = exchange.content.read_nowait()
        self.request.add(body)
        self.request.whole = True
        return encode_chunks(body, ()) if exchange.message.chunked else body

    def has_arrived(self) -> bool:
        """Whether the client has sent its request whole."""
        content = self.exchange.content
        return self.request.whole or (content.is_eof() and content.exception() is None)

    def record(self, head: Head, headers: Headers, now: float) -> None:
        """Makes an interaction of it, the answer having come whole; UpstreamError if that must not be."""
        if not self.request.whole and self.has_arrived():  # what the upstream did not wait for
            self.request.add(self.exchange.content.read_nowait())
            self.request.whole = True
        self.response.whole = True
        asked = Asked(self.request_headers, self.request.body(self.request_headers))
        body = self.response.body(headers)
        chunks = tuple(self.chunks)
        self.recording.add(self.arrival, asked, Answered(head.status, head.reason, headers, body, chunks, now))
        self.recorded = True

    def row(self) -> dict[str, Any]:
        """The fields of its row on the ledger."""
        return {
            "outcome": Outcome.RECORDED if self.recorded else Outcome.ERROR,
            "route": self.arrival.route.name if self.arrival.route else "",
            "cassette": self.cassette if self.recorded else "",
            "interaction": self.arrival.id if self.recorded else "",
            "reason": ""
            if self.request.whole
            else "answered before the whole request body had come: it is not recorded",
            "request_size": self.request.size,
            "body": _document(self.request),
        }

    async def fail(self, status: int, reason: str) -> None:
        """Tells the client, by an aborted body if the answer has begun."""
        row = self.row() | {"reason": reason}
        if self.exchange.started:
            self.exchange.abort(status=self.status, **row)
            return
        if not self.request.whole:
            self.exchange.keep_alive = False
        outcome = row.pop("outcome")
        await self.exchange.refuse(status, outcome, reason, **row)


def _without_own(headers: Headers) -> Headers:
    """The headers without those that a proxy of this kind adds or is told by."""
    return tuple(pair for pair in headers if not pair[0].lower().startswith(_OWN_HEADERS))


def _document(catch: _Catch) -> Raw | UnsetType:
    """The request's JSON, masked, where it has some that is no larger than a requirement would look into."""
    if not catch.whole or catch.size > redaction.LARGEST_DOCUMENT or not catch.kept.startswith((b"{", b"[")):
        return UNSET
    try:
        return redaction.mask_document(msgspec.json.decode(bytes(catch.kept)))
    except (msgspec.MsgspecError, RecursionError):
        return UNSET  # no JSON after all
