"""One call while it passes the recorder: both bodies as they come by, and what each side is shown of the other."""

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp.web import RequestPayloadError
from msgspec import UNSET, UnsetType

from cpproxy.core import bodies
from cpproxy.core.addresses import Addresses, Public, addresses
from cpproxy.core.calls import Outcome
from cpproxy.core.messages import Chunk, Headers, end_to_end, find_header
from cpproxy.core.passing import Passage, is_text, may_be_text
from cpproxy.core.recording import Answered, Arrival, Asked, Recording
from cpproxy.core.streams import Rewriter
from cpproxy.front.exchange import Exchange
from cpproxy.front.upstream import Head
from cpproxy.front.wire import encode_chunks

if TYPE_CHECKING:
    from cpproxy.core.cassette import Body

_OWN_HEADERS = b"x-cpproxy-"


class BadRequest(Exception):  # noqa: N818 (an event of one call)
    """The client broke the framing of its request."""


@dataclass(slots=True)
class Catch:
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
        return bodies.store_understood(
            bytes(self.kept),
            value_of(headers, b"content-encoding"),
            content_type=value_of(headers, b"content-type"),
            limit=self.limit,
        )


def value_of(headers: Headers, name: bytes) -> str:
    """The first value of a header as text, or nothing."""
    return (find_header(headers, name) or b"").decode("latin-1")


@dataclass(slots=True)
class Passing:
    """What is known of one call while it is under way."""

    recording: Recording
    arrival: Arrival
    exchange: Exchange
    request: Catch
    response: Catch
    cassette: str
    chunks: list[Chunk] = field(default_factory=list)
    request_headers: Headers = ()
    sent_headers: Headers = ()
    target: str = ""
    front: Addresses | None = None
    out: Passage | None = None
    back: Passage | None = None
    stream: Rewriter | None = None
    """What rewrites the answer's body as it comes."""
    status: int = 0
    recorded: bool = False
    _gathered: bytes | None = None

    def __post_init__(self) -> None:
        headers = without_own(end_to_end(self.exchange.headers))
        self.request_headers = tuple(pair for pair in headers if pair[0].lower() != b"host")

    def meet(self, front: Public | None, upstream: Public | None) -> None:
        """Takes the two addresses, each of which stands for the other one on the other side."""
        self.target, self.sent_headers = self.exchange.target, self.request_headers
        self.front = addresses(front.url) if front else None
        known = addresses(upstream.url) if upstream else None
        if front and upstream and self.front and known:
            self.out, self.back = Passage(self.front, upstream), Passage(known, front)
            self.target = self.out.text(self.target)
            self.sent_headers = self.out.headers(self.request_headers)

    def must_gather(self) -> bool:
        """Whether the request is to be there whole before it goes on, since an address in it changes its length."""
        exchange = self.exchange
        if self.out is None or not exchange.has_body or exchange.content.is_eof() or exchange.expects_continue:
            return False
        length = find_header(self.request_headers, b"content-length")
        text = is_text(value_of(self.request_headers, b"content-type"))
        return text and length is not None and int(length) <= self.request.limit

    async def gather(self) -> None:
        """Reads the request whole."""
        pieces = []
        try:
            while data := await self.exchange.content.readany():
                pieces.append(data)
                self.request.add(data)
        except RequestPayloadError as error:
            raise BadRequest("the client broke the framing of its request's body") from error
        self.request.whole = True
        self._gathered = b"".join(pieces)

    def take_body(self) -> bytes | None:
        """The request's body, framed, if all of it is there; else None, and it is to be passed on as it comes."""
        exchange = self.exchange
        if not exchange.has_body:
            self.request.whole = True
            return b""
        body = self._gathered
        if body is None:
            if exchange.expects_continue or not exchange.content.is_eof():
                return None
            body = exchange.content.read_nowait()
            self.request.add(body)
            self.request.whole = True
        content_type = value_of(self.request_headers, b"content-type")
        if self.out and len(body) <= self.request.limit and may_be_text(content_type):
            coding = value_of(self.request_headers, b"content-encoding")
            body = self.out.body(body, content_type, coding, self.request.limit)
            self.sent_headers = with_length(self.sent_headers, len(body))
        return encode_chunks(body, ()) if exchange.message.chunked else body

    def upload_stream(self) -> Rewriter | None:
        """What rewrites a request's body that is passed on as it comes: a text in chunks, whose length is not told."""
        content_type = value_of(self.request_headers, b"content-type")
        if self.out is None or not self.exchange.message.chunked or not may_be_text(content_type):
            return None
        return self.out.stream(content_type, value_of(self.request_headers, b"content-encoding"))

    def download_stream(self, head: Head) -> Rewriter | None:
        """What rewrites an answer's body that is passed on as it comes, with no regard to the length it announced."""
        content_type = value_of(head.headers, b"content-type")
        # What may be no text keeps the length that was announced, as a client may want to see how far a download is.
        text = is_text(content_type) or (head.length is None and may_be_text(content_type))
        if self.back is None or not text or head.length == 0:
            return None
        return self.back.stream(content_type, value_of(head.headers, b"content-encoding"))

    def shown_body(self, headers: Headers) -> bytes:
        """The answer's body, as far as it has come, for the client; `headers` are the upstream's."""
        kept = bytes(self.response.kept)
        if self.back is None:
            return kept
        content_type, coding = value_of(headers, b"content-type"), value_of(headers, b"content-encoding")
        return self.back.body(kept, content_type, coding, self.response.limit)

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
        asked = Asked(self.request_headers, self.request.body(self.request_headers), self.front)
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
            "body": self.exchange.redactor.document(bytes(self.request.kept)) if self.request.whole else UNSET,
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


def without_own(headers: Headers) -> Headers:
    """The headers without those that a proxy of this kind adds or is told by."""
    return tuple(pair for pair in headers if not pair[0].lower().startswith(_OWN_HEADERS))


def without_length(headers: Headers) -> Headers:
    """The headers without `Content-Length`."""
    return tuple(pair for pair in headers if pair[0].lower() != b"content-length")


def with_length(headers: Headers, length: int) -> Headers:
    """The headers with this `Content-Length` where there is one."""
    return tuple(
        (name, b"%d" % length) if name.lower() == b"content-length" else (name, value) for name, value in headers
    )
