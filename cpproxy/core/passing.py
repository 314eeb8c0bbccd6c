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
_BINARIES = frozenset(
    {
        "application/gzip",
        "application/java-archive",
        "application/pdf",
        "application/protobuf",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.oci.image.layer.v1.tar+gzip",
        "application/wasm",
        "application/x-7z-compressed",
        "application/x-bzip2",
        "application/x-gzip",
        "application/x-protobuf",
        "application/x-tar",
        "application/x-xz",
        "application/zip",
        "application/zstd",
    }
)
_BINARY_KINDS = ("audio/", "font/", "image/", "video/")
_STEP = 16 * 1024  # bytes of a body that may be many times that once its coding is off
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


def may_be_text(content_type: str) -> bool:
    """Whether bodies of this `Content-Type` are text, or are to be looked at since nothing says what they are."""
    media_type = _media_type(content_type)
    return is_text(content_type) or not (media_type in _BINARIES or media_type.startswith(_BINARY_KINDS))


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

    def body(self, raw: bytes, content_type: str, content_encoding: str, limit: int) -> bytes:
        """A whole body as the other side is to see it: the very same bytes where no address stands in it.

        One that is cut off, is not coded as it says, or would be larger than `limit` bytes without its coding, is
        rewritten as one that comes in pieces. What is no text stays.
        """
        coding = bodies.codings(content_encoding)
        data = bodies.uncode(raw, coding, limit)
        if data is None:
            return self._body_in_pieces(raw, content_type, content_encoding)
        if not is_text(content_type) and bodies.is_binary(data):
            return raw
        changed = self.text(data.decode("latin-1")).encode("latin-1")
        return raw if changed == data else bodies.recode(changed, coding)

    def _body_in_pieces(self, raw: bytes, content_type: str, content_encoding: str) -> bytes:
        plain = Stream(self.known, self.public)
        made = rewrite(plain, content_encoding, text=is_text(content_type))
        pieces = [made.take(raw[start : start + _STEP]) for start in range(0, len(raw), _STEP)]
        pieces.append(made.take(b"", last=True))
        return b"".join(pieces) if plain.changed else raw

    def stream(self, content_type: str, content_encoding: str) -> Rewriter:
        """What does the same to a body that comes in pieces."""
        return rewrite(Stream(self.known, self.public), content_encoding, text=is_text(content_type))
