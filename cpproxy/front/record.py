"""Record mode: passes each call on to the upstream as it came, and what comes back to the client as it comes."""

import asyncio
import contextlib
from typing import TYPE_CHECKING

from aiohttp.web import RequestPayloadError

from cpproxy.core.addresses import Public
from cpproxy.core.calls import Outcome
from cpproxy.core.messages import Chunk, Headers, transfer_codings
from cpproxy.core.passing import is_events, may_be_text
from cpproxy.core.recording import Recording
from cpproxy.core.streams import Rewriter
from cpproxy.front.exchange import OUTCOME_HEADER, Exchange
from cpproxy.front.passing import BadRequest, Catch, Passing, value_of, with_length, without_length, without_own
from cpproxy.front.reach import find_public
from cpproxy.front.upstream import Head, Transfer, Upstream, UpstreamFailure
from cpproxy.front.wire import encode_head, has_body

if TYPE_CHECKING:
    from cpproxy.core.redaction.redacted import RedactedText

CONTINUE_SECONDS = 1.0
"""How long the upstream gets for its 100 Continue before the client is told to go on (RFC 9110 section 10.1.1)."""

_CHUNKED: Headers = ((b"Transfer-Encoding", b"chunked"),)
_LAST_CHUNK = b"0\r\n\r\n"


def _frame(data: bytes) -> bytes:
    """A chunk; nothing of no bytes, which would end the body."""
    return b"%x\r\n%s\r\n" % (len(data), data) if data else b""


class _Upload:
    """Sends a request's body on, piece by piece, while the answer is waited for already."""

    def __init__(self, exchange: Exchange, transfer: Transfer, catch: Catch, stream: Rewriter | None) -> None:
        self.failure: Exception | None = None
        self._stream = stream
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
            self.failure = BadRequest("the client broke the framing of its request's body")
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
            if self._stream is not None:
                data = self._stream.take(data)
            await self._transfer.send(_frame(data) if chunked else data)
        if self._stream is not None:
            await self._transfer.send(_frame(self._stream.take(b"", last=True)))
        self._catch.whole = True
        if chunked:
            await self._transfer.send(_LAST_CHUNK)
        self._transfer.end()


class Recorder:
    """The mode that records. `limit` is the largest body in bytes that a cassette holds, `cassette` its name.

    `public` is where all clients reach the front, where their `Host` does not say so.
    `failure` is the first reason for which the recording must not be trusted whole, or None.
    """

    def __init__(
        self, upstream: Upstream, recording: Recording, *, limit: int, cassette: str, public: Public | None = None
    ) -> None:
        self.failure: RedactedText | None = None
        self._upstream = upstream
        self._origin = Public.parse(upstream.origin.url)
        self._public = public
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
        call = Passing(self._recording, arrival, exchange, Catch(self._limit), Catch(self._limit), self._cassette)
        call.meet(find_public(exchange, self._public), self._origin)
        try:
            await self._relay(call)
        except UpstreamFailure as failure:
            target = exchange.redactor.target(exchange.target)
            self.failure = self.failure or exchange.redactor.text(f"{exchange.method} {target}: {failure.reason}")
            await call.fail(failure.status, failure.reason)
        except BadRequest as failure:
            await call.fail(400, str(failure))

    def _now(self) -> float:
        return self._loop.time() - self._began

    async def _relay(self, call: Passing) -> None:
        exchange = call.exchange
        if call.must_gather():
            await call.gather()
        body = call.take_body()
        framing = _CHUNKED if exchange.message.chunked else ()
        transfer = await self._upstream.request(exchange.method, call.target, call.sent_headers + framing, body=body)
        upload = _Upload(exchange, transfer, call.request, call.upload_stream()) if body is None else None
        try:
            try:
                head = await self._receive(call, transfer, upload)
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

    async def _receive(self, call: Passing, transfer: Transfer, upload: _Upload | None) -> Head:
        """The final head; interim ones are passed on (RFC 9110 section 15.2)."""
        while (head := await transfer.receive()).status < 200:
            if head.status != 100:
                call.exchange.inform(head.status, call.back.headers(head.headers) if call.back else head.headers)
            elif upload is not None:
                upload.go_on()
        return head

    async def _deliver(self, call: Passing, head: Head, transfer: Transfer, upload: _Upload | None) -> None:
        exchange = call.exchange
        if not call.has_arrived():  # nobody can know where the connection's next request would begin
            exchange.keep_alive = False
        headers = without_own(head.headers)
        shown = call.back.headers(headers) if call.back else headers
        marked = (*shown, (OUTCOME_HEADER, Outcome.RECORDED.encode()))
        bodied = has_body(exchange.method, head.status)
        gathers = bodied and call.back is not None and self._waits(head)
        length = head.length
        if gathers:
            await self._gather(call, head, marked, transfer)
        elif bodied and (stream := call.download_stream(head)) is not None:
            call.stream, length, marked = stream, None, without_length(marked)
        whole = gathers and not exchange.started
        prompt = not bodied or (length is not None and (gathers or transfer.has_arrived()))
        if not prompt and not exchange.started:
            call.status = head.status
            await exchange.start(head.status, head.reason, marked, length=length)
        if not transfer.is_whole():
            last = await self._read(call, transfer)
        else:
            last = b"" if call.stream is None else call.stream.take(b"", last=True)
        if upload is not None:
            await upload.stop()
        call.record(head, headers, self._now())
        if whole:
            last = call.shown_body(headers)
            marked = with_length(marked, len(last))
        if prompt:
            await exchange.send(encode_head(head.status, head.reason, marked), last, status=head.status, **call.row())
        else:
            await exchange.finish(last, status=head.status, **call.row())

    def _waits(self, head: Head) -> bool:
        """Whether an answer is to be there whole before it goes on, since an address in it changes its length."""
        content_type = value_of(head.headers, b"content-type")
        if not may_be_text(content_type):
            return False
        if head.length is not None:
            return 0 < head.length <= self._limit
        return bool(value_of(head.headers, b"content-encoding")) and not is_events(content_type)

    async def _gather(self, call: Passing, head: Head, headers: Headers, transfer: Transfer) -> None:
        """Reads an answer whole; one that becomes too large for that goes on as it comes."""
        exchange, caught = call.exchange, call.response
        try:
            while not transfer.is_whole():
                data, _ = await transfer.read()
                if caught.size + len(data) > self._limit:
                    call.stream = call.download_stream(head)
                    call.status = head.status
                    await exchange.start(head.status, head.reason, headers, length=head.length)
                    held = bytes(caught.kept) + data
                    await exchange.write(held if call.stream is None else call.stream.take(held))
                    caught.add(data)
                    return
                caught.add(data)
        except UpstreamFailure:
            # The client sees what it would see without a proxy: an answer that is cut off.
            call.status = head.status
            await exchange.start(head.status, head.reason, headers, length=head.length)
            await exchange.write(call.shown_body(head.headers)[: caught.size])
            raise

    async def _read(self, call: Passing, transfer: Transfer) -> bytes:
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
            last = transfer.is_whole()
            if call.stream is not None:
                data = call.stream.take(data, last=last)
            if last:
                return data
            await call.exchange.write(data)
