"""What a text holds under its escapes, its base64, its hex and its compression, one layer after another.

Escapes of JSON, of URLs and of HTML come off in one go, whichever they are; what one of them hid, the next go finds.
"""

import binascii
import html
import re
import zlib
from collections.abc import Iterator

import brotli  # type: ignore[import-untyped]
import zstandard

_ESCAPE = re.compile(
    rb"""\\u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2} | \\u[0-9A-Fa-f]{4} | \\["\\/'bfnrt]
    | %[0-9A-Fa-f]{2} | &(?:\#[0-9]{1,7}|\#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,8});""",
    re.VERBOSE,
)
_SIMPLE = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}
# Runs of base64, wrapped or not, and of hex digits; a shorter one hides nothing that counts.
_RUN = re.compile(rb"[A-Za-z0-9+/_-]{16,}+(?:\r?\n[A-Za-z0-9+/_-]{4,}+)*+")
_HEX = re.compile(rb"(?:[0-9A-Fa-f]{2}){12,}+")
_STANDARD = bytes.maketrans(b"-_", b"+/")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
# Letters of UTF-16, the low byte first or last: what is beyond Latin-1 hides no more than itself.
_WIDE = re.compile(rb"(?:[\t\n\r -~\xa0-\xff]\x00){8,}+|(?:\x00[\t\n\r -~\xa0-\xff]){8,}+")
_LOOK = 256  # bytes that tell whether data may be compressed
_GUESSED = 32  # bytes; shorter ones are more often chance than compressed
_STEP = 64 * 1024
_MEMBERS = 1000  # of a gzip body
_WINDOW = 128 * 1024 * 1024  # bytes that a zstd body may ask for


def peel(text: bytes, limit: int) -> Iterator[bytes | None]:
    """What a text holds one layer down, or None for compressed data of which more than `limit` bytes come out."""
    if _ESCAPE.search(text) and (plain := _ESCAPE.sub(_unescape, text)) != text:
        yield plain
    found = []
    for data in _decode_runs(text):
        if is_text(data):
            found.append(data)
        else:
            yield from unpack(data, limit)
            found += _narrow(data)
    found += _narrow(text)
    if found:
        yield b"\n".join(found)
    yield from unpack(text, limit)


def unpack(data: bytes, limit: int) -> Iterator[bytes | None]:
    """What data holds under a compression, even one that they do not announce; None if that is above the limit."""
    if data.startswith(b"\x1f\x8b"):
        yield from _bounded(_inflate(data, zlib.MAX_WBITS | 16, limit), limit)
    elif data.startswith(b"\x28\xb5\x2f\xfd"):
        yield from _bounded(_unzstd(data, limit), limit)
    elif not is_text(data[:_LOOK]):
        if data[0] & 15 == 8 and int.from_bytes(data[:2]) % 31 == 0:  # RFC 1950 section 2.2
            yield from _bounded(_inflate(data, zlib.MAX_WBITS, limit), limit)
        if len(data) >= _GUESSED:
            yield from _bounded(_inflate(data, -zlib.MAX_WBITS, limit), limit)
            yield from _bounded(_unbrotli(data, limit), limit)


def is_text(data: bytes) -> bool:
    """Whether bytes are UTF-8 without control characters."""
    if _CONTROL.search(data):
        return False
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _unescape(found: re.Match[bytes]) -> bytes:
    escape = found[0]
    match escape[:1]:
        case b"%":
            return binascii.unhexlify(escape[1:])
        case b"&":
            return html.unescape(escape.decode()).encode(errors="surrogatepass")
        case _ if escape[1:2] == b"u":
            units = bytes.fromhex(escape.decode().replace("\\u", ""))
            return units.decode("utf-16-be", "surrogatepass").encode(errors="surrogatepass")
        case _:
            return _SIMPLE.get(escape[1:], escape[1:])


def _narrow(data: bytes) -> Iterator[bytes]:
    """The texts in UTF-16 that data hold, in UTF-8."""
    if b"\x00" in data:
        for found in _WIDE.finditer(data):
            yield found[0].replace(b"\x00", b"").decode("latin-1").encode()


def _decode_runs(text: bytes) -> Iterator[bytes]:
    for found in _RUN.finditer(text):
        run = found[0].translate(_STANDARD, b"\r\n")
        if len(run) % 4 == 1:
            run = run[:-1]  # no base64 has such a length
        yield binascii.a2b_base64(run + b"=" * (-len(run) % 4))
    for found in _HEX.finditer(text):
        yield bytes.fromhex(found[0].decode())


def _bounded(data: bytes, limit: int) -> Iterator[bytes | None]:
    if len(data) > limit:
        yield None
    elif data:
        yield data


def _inflate(data: bytes, wbits: int, limit: int) -> bytes:
    """What deflated data held, as far as it goes; without an announcement, only what goes to its end."""
    out = bytearray()
    for _ in range(_MEMBERS):
        member = zlib.decompressobj(wbits)
        try:
            out += member.decompress(data, limit - len(out) + 1)
        except zlib.error:
            return bytes(out) if wbits > 0 else b""
        data = member.unused_data
        if not member.eof and wbits < 0 and len(out) <= limit:
            return b""
        if not (member.eof and data.startswith(b"\x1f\x8b")) or len(out) > limit:
            break
    return bytes(out)


def _unzstd(data: bytes, limit: int) -> bytes:
    out = bytearray()
    reader = zstandard.ZstdDecompressor(max_window_size=_WINDOW).stream_reader(data, read_across_frames=True)
    try:
        while len(out) <= limit and (piece := reader.read(_STEP)):
            out += piece
    except zstandard.ZstdError:
        pass  # what came before it went wrong is looked at all the same
    return bytes(out)


def _unbrotli(data: bytes, limit: int) -> bytes:
    """What data held that brotli takes for its own to their end; they announce nothing (RFC 7932)."""
    decoder = brotli.Decompressor()
    try:
        out = bytearray(decoder.process(data, output_buffer_limit=_STEP))
        while not decoder.is_finished() and len(out) <= limit:
            piece = decoder.process(b"", output_buffer_limit=_STEP)
            if not piece and decoder.can_accept_more_data():
                return b""
            out += piece
    except brotli.error:
        return b""
    return bytes(out)
