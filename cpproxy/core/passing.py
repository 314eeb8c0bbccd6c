"""Messages that pass between a client and an upstream: the address of the one side made that of the other.

Both get what they would get without a proxy in between, and neither learns of the other's address.
"""

from dataclasses import dataclass

from cpproxy.core import bodies
from cpproxy.core.addresses import Addresses, Public, Stream, render, render_headers
from cpproxy.core.messages import Headers, as_text, as_wire
from cpproxy.core.streams import Rewriter, rewrite

_TEXTS = frozenset(
    {
        "application/ecmascript",
        "application/graphql",
        "application/javascript",
        "application/json",
        "application/json-seq",
        "application/jsonl",
        "application/x-javascript",
        "application/x-ndjson",
        "application/x-www-form-urlencoded",
        "application/xhtml+xml",
        "application/xml",
        "application/yaml",
    }
)
_EVENTS = frozenset(
    {
        "application/json-seq",
        "application/jsonl",
        "application/stream+json",
        "application/x-ndjson",
        "text/event-stream",
    }
)


def is_text(content_type: str) -> bool:
    """Whether bodies of this `Content-Type` are text, in which an address may stand as text."""
    media_type = _media_type(content_type)
    return media_type in _TEXTS or media_type.startswith("text/") or media_type.endswith(("+json", "+xml", "+yaml"))


def is_events(content_type: str) -> bool:
    """Whether bodies of this `Content-Type` come bit by bit, so that nobody may wait for their end."""
    return _media_type(content_type) in _EVENTS


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Passage:
    """One way through the proxy: what names the address that is `known` names the `public` one behind it."""

    known: Addresses
    public: Public

    def text(self, text: str) -> str:
        """A text as the other side is to see it."""
        return render(self.known.tokenise(text), self.public)

    def headers(self, headers: Headers) -> Headers:
        """Headers as the other side is to see them."""
        return render_headers(as_wire(self.known.tokenise_headers(as_text(headers))), self.public)

    def body(self, raw: bytes, content_encoding: str, limit: int) -> bytes:
        """A whole body as the other side is to see it: the very same bytes where no address stands in it.

        One whose content coding cannot be taken off, or that would be larger than `limit` bytes without it, stays.
        """
        coding = bodies.codings(content_encoding)
        data = bodies.uncode(raw, coding, limit)
        if data is None:
            return raw
        changed = self.text(data.decode("latin-1")).encode("latin-1")
        return raw if changed == data else bodies.recode(changed, coding)

    def stream(self, content_encoding: str) -> Rewriter | None:
        """What does the same to a body that comes in pieces; None where its content coding cannot be taken off."""
        return rewrite(Stream(self.known, self.public), content_encoding)
