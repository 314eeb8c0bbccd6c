"""The one place that turns a body's raw bytes into what a cassette holds, and back.

Nothing is lost on the way: a form that would not restore the very same bytes is not used, which is tried on each body
as it is stored. A JSON body keeps its tokens (escapes, digits, order, repeated members), and its white space by name; a
body that was compressed is kept decoded, and `recode` compresses it again: equal after decoding, not byte for byte.
"""

import binascii
import zlib
from collections.abc import Callable
from itertools import accumulate

import brotli  # type: ignore[import-untyped]
import msgspec
import zstandard
from msgspec import UNSET, Raw, UnsetType

from cpproxy.core.cassette import COMPACT, Body, Layout, RecordedResponse

CODINGS = frozenset({"gzip", "deflate", "br", "zstd"})
"""The content codings that are taken off and put on again (RFC 9110 section 8.4.1, RFC 7932, RFC 9659)."""

DEPTH = 200
"""How deep a JSON body may nest and still stand as JSON; a deeper one stands as text."""

INDENT = 16
"""By how many spaces a JSON body may be indented and still stand as JSON."""

WHITE = " \t\n\r"
"""What JSON takes for white space (RFC 8259 section 2)."""

_ALIASES = {"x-gzip": "gzip"}
_MEMBERS = 64  # members of a gzip body, frames of a zstd body: more are not worth the time
_WINDOW = 8 * 1024 * 1024  # bytes; what RFC 9659 allows a zstd body to ask for
_STEP = 64 * 1024  # bytes of brotli output at a time
_SWELL = 16  # a JSON body may take this many times its size when it stands indented
_BRACKETS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NOT_BRACKETS = bytes(set(range(256)) - _BRACKETS.keys())
_BINARY = frozenset(range(0x20)) - frozenset(b"\t\n\v\f\r\x1b") | {0x7F}
_NOT_BINARY = bytes(set(range(256)) - _BINARY)


def store(raw: bytes, content_encoding: str = "", *, content_type: str = "", limit: int) -> Body | UnsetType:
    """A body as it stands in a cassette, or UNSET for one of no bytes.

    `content_encoding` and `content_type` are the values of those headers. A body that is not compressed as its header
    says, or that would be larger than `limit` bytes once decoded, stands as it came and without a coding.
    """
    if not raw:
        return UNSET
    coding = codings(content_encoding)
    decoded = uncode(raw, coding, limit)
    if decoded is None:
        return _stored(raw, "", ())
    return _stored(decoded, content_type, coding)


def store_understood(raw: bytes, content_encoding: str = "", *, content_type: str = "", limit: int) -> Body | UnsetType:
    """As `store`, but a body that nobody could look into, since its coding stayed on, is left out."""
    body = store(raw, content_encoding, content_type=content_type, limit=limit)
    if isinstance(body, Body) and not body.coding and isinstance(body.base64, str) and codings(content_encoding):
        return omitted(len(raw), "")
    return body


def omitted(size: int, sha256: str) -> Body:
    """What stands for a body of `size` bytes that is not in the cassette; `sha256` is its digest in hex."""
    return Body(omitted=size, sha256=sha256)


def why_omitted(response: RecordedResponse) -> str:
    """Why the body of a recorded answer is not in the cassette, and how it comes in: what follows `its body`."""
    if isinstance(response.body, Body) and response.body.sha256:
        return "was over the limit; raise body_limit of [record] and record it again"
    held = "held a secret and is no text, in which a placeholder could stand"
    coding = next((value for name, value in response.headers if name.lower() == "content-encoding"), "")
    if codings(coding):
        return (
            f"{held}, or nobody could look into it: it is not coded as its Content-Encoding says, or is over "
            "body_limit once it is decoded; record it without that"
        )
    return f"{held}; record it without that, or take what is none out by not_secrets or not_patterns of [redact]"


def restore(body: Body | UnsetType) -> bytes:
    """The bytes that `store` was given, decoded from their content coding.

    Raises ValueError where the body does not hold them: it was omitted, or is no valid body.
    """
    if body is UNSET:
        return b""
    if body.json is not UNSET:
        layout = body.layout
        value = msgspec.json.format(bytes(body.json), indent=layout.indent)
        return layout.before.encode() + value + layout.after.encode()
    if body.text is not UNSET:
        return body.text.encode()
    if body.base64 is not UNSET:
        return binascii.a2b_base64(body.base64, strict_mode=True)
    raise ValueError("the body was omitted")


def codings(content_encoding: str) -> tuple[str, ...]:
    """The codings that a `Content-Encoding` lists, in lower case and in its order; `identity` is none."""
    names = (name.strip().lower() for name in content_encoding.split(","))
    return tuple(_ALIASES.get(name, name) for name in names if name not in {"", "identity"})


def uncode(raw: bytes, coding: tuple[str, ...], limit: int) -> bytes | None:
    """The bytes without their codings, which were put on in the order of `coding`.

    None if that cannot be done whole: an unknown coding, a body that is cut off or goes on after its end, or one that
    grows beyond `limit` bytes.
    """
    data: bytes | None = raw
    for name in reversed(coding):
        if data is None:
            break
        data = _take_off(data, name, limit)
    return data


def recode(data: bytes, coding: tuple[str, ...]) -> bytes:
    """The bytes with the codings put on in their order, the same bytes each time; KeyError for an unknown coding."""
    for name in coding:
        data = _PUT_ON[name](data)
    return data


def is_binary(data: bytes) -> bool:
    """Whether bytes hold control characters that no text holds."""
    return bool(data.translate(None, _NOT_BINARY))


def is_too_deep(raw: bytes) -> bool:
    """Whether a JSON value nests deeper than `DEPTH`."""
    if raw.count(b"[") + raw.count(b"{") <= DEPTH:
        return False
    unescaped = raw.replace(rb"\\", b"").replace(rb"\"", b"") if b"\\" in raw else raw
    brackets = b"".join(unescaped.split(b'"')[::2]).translate(None, _NOT_BRACKETS)  # what is between the strings
    return max(accumulate(map(_BRACKETS.__getitem__, brackets)), default=0) > DEPTH


def _stored(data: bytes, content_type: str, coding: tuple[str, ...]) -> Body:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return Body(base64=_base64(data), coding=coding)
    if _looks_like_json(data, content_type) and (body := _as_json(data, text, coding)) is not None:
        return body
    if is_binary(data):
        return Body(base64=_base64(data), coding=coding)
    return Body(text=text, coding=coding)


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()


def _looks_like_json(data: bytes, content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type.endswith(("/json", "+json")) or data.lstrip()[:1] in {b"{", b"["}


def _as_json(data: bytes, text: str, coding: tuple[str, ...]) -> Body | None:
    """The body as JSON, or None where that would not restore its bytes, or where a JSON reader might refuse it."""
    value = text.strip(WHITE)
    start = text.find(value)
    try:
        compact = msgspec.json.format(value.encode(), indent=-1)
        if is_too_deep(compact) or len(msgspec.json.format(compact, indent=2)) > _SWELL * (len(data) + DEPTH):
            return None
        msgspec.json.decode(compact)
    except (msgspec.MsgspecError, RecursionError):
        return None
    for indent in (-1, 0, _indent(value)):
        layout = Layout(indent=indent, before=text[:start], after=text[start + len(value) :])
        body = Body(json=Raw(compact), layout=COMPACT if layout == COMPACT else layout, coding=coding)
        if restore(body) == data:
            return body
    return None


def _indent(value: str) -> int:
    """The number of spaces that the second line begins with: what indents every line, if the value is indented."""
    line = value.partition("\n")[2]
    return min(len(line) - len(line.lstrip(" ")), INDENT)


def _take_off(raw: bytes, name: str, limit: int) -> bytes | None:
    match name:
        case "gzip":
            return _members(raw, zlib.MAX_WBITS | 16, limit, _MEMBERS)
        case "deflate":
            # Some servers send deflate without its zlib wrapper; `recode` puts one on, as RFC 9110 has it.
            data = _members(raw, zlib.MAX_WBITS, limit, 1)
            return _members(raw, -zlib.MAX_WBITS, limit, 1) if data is None else data
        case "br":
            return _unbrotli(raw, limit)
        case "zstd":
            return _unzstd(raw, limit)
        case _:
            return None


def _members(raw: bytes, wbits: int, limit: int, most: int) -> bytes | None:
    data = b""
    for _ in range(most):
        member = zlib.decompressobj(wbits)
        try:
            data += member.decompress(raw, limit - len(data) + 1)
        except zlib.error:
            return None
        if len(data) > limit or not member.eof:
            return None
        raw = member.unused_data
        if not raw:
            return data
    return None


def _unbrotli(raw: bytes, limit: int) -> bytes | None:
    decoder = brotli.Decompressor()
    try:
        data = bytearray(decoder.process(raw, output_buffer_limit=_STEP))
        while not decoder.is_finished() and len(data) <= limit:
            piece = decoder.process(b"", output_buffer_limit=_STEP)
            if not piece and decoder.can_accept_more_data():
                return None  # it waits for what was cut off
            data += piece
    except brotli.error:
        return None
    return bytes(data) if len(data) <= limit else None


def _unzstd(raw: bytes, limit: int) -> bytes | None:
    decoder = zstandard.ZstdDecompressor(max_window_size=max(_WINDOW, limit))
    data = b""
    try:
        # The reader bounds what comes out, and the frames one by one tell whether each came whole.
        if len(decoder.stream_reader(raw, read_across_frames=True).read(limit + 1)) > limit:
            return None
        for _ in range(_MEMBERS):
            frame = decoder.decompressobj()
            data += frame.decompress(raw)
            raw = frame.unused_data
            if not frame.eof or not raw:
                return data if frame.eof else None
    except zstandard.ZstdError:
        return None
    return None


def _gzip(data: bytes) -> bytes:
    coder = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)  # zlib writes no name and a time of 0
    return coder.compress(data) + coder.flush()


def _deflate(data: bytes) -> bytes:
    return zlib.compress(data)


def _brotli(data: bytes) -> bytes:
    coded: bytes = brotli.compress(data, quality=5)
    return coded


def _zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


_PUT_ON: dict[str, Callable[[bytes], bytes]] = {"gzip": _gzip, "deflate": _deflate, "br": _brotli, "zstd": _zstd}
