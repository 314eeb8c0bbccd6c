"""Replay mode: answers calls with what core decides. Nothing here or below it can reach an upstream."""

import asyncio
from typing import Any, assert_never

from msgspec import Struct, UnsetType, structs

from cpproxy.core import bodies
from cpproxy.core.addresses import Public
from cpproxy.core.calls import Outcome
from cpproxy.core.messages import Answer, Headers, Request, find_header
from cpproxy.core.redaction.redacted import RedactedJson
from cpproxy.core.replay.decisions import Refuse, Replay, Serve
from cpproxy.core.replay.worlds import Entry
from cpproxy.front.exchange import INTERACTION_HEADER, OUTCOME_HEADER, Exchange
from cpproxy.front.reach import find_public
from cpproxy.front.wire import encode_chunks, encode_head, has_body

_CACHE_SIZE = 10 * 1024 * 1024
_LARGEST_CACHED = 256 * 1024


class Replayer:
    """Answers from `replay`. `latency` gives streams the pauses that were recorded; `limit` bounds bodies in bytes.

    `public` is where all clients reach the front, where their `Host` does not say so.
    """

    def __init__(self, replay: Replay, *, latency: bool, limit: int, public: Public | None = None) -> None:
        self._replay = replay
        self._public = public
        self._latency = latency
        self._limit = limit
        self._cache = _Cache()

    async def answer(self, exchange: Exchange) -> None:
        """Ends the exchange with a recorded answer, or refuses it."""
        if exchange.has_body:
            request = await exchange.read(self._limit)
            size = request.omitted.size if request.omitted else len(request.body)
            request = self._uncode(request)
        else:
            request = Request(exchange.method, exchange.target, exchange.headers, b"", exchange.client)
            size = 0
        document = exchange.redactor.document(request.body)  # first: what the body shows is kept in mind
        decision = self._replay.decide(
            request, exchange.session, exchange.scenario, find_public(exchange, self._public)
        )
        match decision:
            case Serve():
                await self._serve(exchange, decision, size, document)
            case Refuse():
                await _refuse(exchange, decision, size, document)
            case _:
                assert_never(decision)

    def _uncode(self, request: Request) -> Request:
        """The call with its body as it was before it was coded, as far as that can be told: so it was recorded."""
        coding = find_header(request.headers, b"content-encoding") if request.body else None
        if coding is None:
            return request
        plain = bodies.uncode(request.body, bodies.codings(coding.decode("latin-1")), self._limit)
        return request if plain is None else structs.replace(request, body=plain)

    async def _serve(self, exchange: Exchange, serve: Serve, size: int, document: RedactedJson | UnsetType) -> None:
        entry = serve.entry
        accept = exchange.message.headers.get("Accept-Encoding")
        key = None if serve.variant is None else (entry, serve.variant, accept, exchange.modern)
        prepared = None if key is None else self._cache.get(key)
        if prepared is None:
            answer = serve.answer(None if accept is None else accept.encode(errors="surrogateescape"))
            if self._latency and answer.chunks:
                await _stream(exchange, serve, answer, size, document)
                return
            prepared = _prepare(exchange, answer, entry)
            if key is not None:
                self._cache.put(key, prepared)
        if prepared.closes:
            exchange.keep_alive = False
        await exchange.send(
            prepared.head,
            prepared.payload,
            outcome=Outcome.REPLAYED,
            status=prepared.status,
            size=prepared.size,
            settle=serve.settle,
            route=entry.route,
            cassette=entry.cassette,
            interaction=entry.id,
            request_size=size,
            reason=serve.doubt or serve.note,
            undetermined=bool(serve.doubt),
            body=document,
        )


async def _refuse(exchange: Exchange, refuse: Refuse, size: int, document: RedactedJson | UnsetType) -> None:
    row: dict[str, Any] = {
        "reason": refuse.reason,
        "route": refuse.route,
        "used_up": refuse.used_up,
        "request_size": size,
        "body": document,
    }
    if refuse.denial is not None:
        answer = refuse.denial.answer(find_header(exchange.headers, b"accept-encoding"))
        body = answer.body if has_body(exchange.method, answer.status) else b""
        headers = tuple(pair for pair in answer.headers if pair[0].lower() != b"content-length")
        headers += ((b"Content-Length", b"%d" % len(body)), (OUTCOME_HEADER, refuse.outcome.encode()))
        head = encode_head(answer.status, answer.reason, headers)
        await exchange.send(head, body, outcome=refuse.outcome, status=answer.status, **row)
        return
    if refuse.outcome is Outcome.UNAUTHORIZED:
        # The control plane answers so: 401, and nothing in it that a client could read.
        head = encode_head(refuse.status, None, ((b"Content-Length", b"0"), (OUTCOME_HEADER, refuse.outcome.encode())))
        await exchange.send(head, b"", outcome=refuse.outcome, status=refuse.status, **row)
        return
    details = refuse.miss.details() if refuse.miss else {}
    await exchange.refuse(refuse.status, refuse.outcome, refuse.reason, details=details, **row)


async def _stream(
    exchange: Exchange, serve: Serve, answer: Answer, size: int, document: RedactedJson | UnsetType
) -> None:
    """Sends each chunk when it came in the recording."""
    loop = asyncio.get_running_loop()
    delivered = False
    try:
        headers = (*answer.headers, *_marks(serve.entry))
        await exchange.start(answer.status, answer.reason, headers, length=None)
        began = loop.time()
        start = 0
        for chunk in answer.chunks:
            await asyncio.sleep(began + chunk.at - loop.time())
            await exchange.write(answer.body[start : start + chunk.size])
            start += chunk.size
        await exchange.finish(
            outcome=Outcome.REPLAYED,
            status=answer.status,
            route=serve.entry.route,
            cassette=serve.entry.cassette,
            interaction=serve.entry.id,
            request_size=size,
            reason=serve.doubt or serve.note,
            undetermined=bool(serve.doubt),
            body=document,
        )
        delivered = True
    finally:
        serve.settle(delivered)


class _Prepared(Struct, frozen=True):
    """An answer as it goes out: head and framed body, the body's size in bytes, and whether closing ends it.

    It holds nothing of the call that it was made for: others get it, too.
    """

    head: bytes
    payload: bytes
    status: int
    size: int
    closes: bool


def _marks(entry: Entry) -> Headers:
    return (
        (OUTCOME_HEADER, Outcome.REPLAYED.encode()),
        (INTERACTION_HEADER, f"{entry.cassette}#{entry.id}".encode("latin-1", "replace")),
    )


def _prepare(exchange: Exchange, answer: Answer, entry: Entry) -> _Prepared:
    """Frames an answer as it was framed when it was recorded, as far as the client's version allows it."""
    bodied = has_body(exchange.method, answer.status)
    open_ended = bodied and find_header(answer.headers, b"content-length") is None
    chunked = open_ended and exchange.modern
    headers = (*answer.headers, *_marks(entry), *(((b"Transfer-Encoding", b"chunked"),) if chunked else ()))
    body = answer.body if bodied else b""
    framed = encode_chunks(body, tuple(chunk.size for chunk in answer.chunks)) if chunked else body
    return _Prepared(
        head=encode_head(answer.status, answer.reason, headers),
        payload=framed,
        status=answer.status,
        size=len(body),
        closes=open_ended and not chunked,
    )


type _CacheKey = tuple[Entry, object, str | None, bool]


class _Cache:
    """Prepared answers within a bound on their bytes; the oldest go first."""

    def __init__(self) -> None:
        self._held: dict[_CacheKey, _Prepared] = {}
        self._size = 0

    def get(self, key: _CacheKey) -> _Prepared | None:
        return self._held.get(key)

    def put(self, key: _CacheKey, prepared: _Prepared) -> None:
        weight = _weigh(prepared)
        if weight > _LARGEST_CACHED:
            return
        self._held[key] = prepared
        self._size += weight
        while self._size > _CACHE_SIZE:
            self._size -= _weigh(self._held.pop(next(iter(self._held))))


def _weigh(prepared: _Prepared) -> int:
    return len(prepared.head) + len(prepared.payload) + 200
