"""What bytes hold under compression that announces itself, wherever it begins in them, and within one another."""

import bz2
import lzma
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

import zstandard

_SIGNS = {
    b"\x1f\x8b\x08": "gzip",  # RFC 1952
    b"\x28\xb5\x2f\xfd": "zstd",  # RFC 8878
    b"PK\x03\x04": "zip",
    b"1AY&SY": "bzip2",
    b"\xfd7zXZ\0": "xz",
}
"""How formats begin, or with four bytes before it the first block of bzip2."""

_ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
"""How zlib (RFC 1950) begins: too short to be looked for anywhere."""

_CLOSED = (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\x04\x22\x4d\x18", b"\x1f\x9d", b"LZIP\x01")
"""How what nobody here can look into begins: 7z, RAR, LZ4, compress and lzip."""

_ENTRY = struct.Struct("<4xHHH16xHH")
"""A file's header in a ZIP archive: version, flags, method, then the lengths of its name and of what is added to it."""

_STORED, _DEFLATED = 0, 8
_SIGNED = frozenset({12, 93, 95})  # methods of ZIP that announce themselves: bzip2, zstd, xz
_ENCRYPTED = 1
_STEP = 64 * 1024  # bytes that are read at once
_DEEPEST = 4  # one within another
_MOST = 10_000  # streams
_WORK = 64 << 20  # bytes that are read in all
_MEMORY = 64 << 20  # bytes that a decoder may take
_WINDOW = 8 << 20  # bytes; what RFC 9659 allows


class Unpacked(NamedTuple):
    """What was found; `whole` if all of it could be looked into."""

    texts: list[bytes]
    whole: bool


class _Decoder(Protocol):
    @property
    def eof(self) -> bool: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _TooMuchError(Exception):
    """There is more than can be looked into, or what nobody can."""


def unpack(data: bytes, limit: int) -> Unpacked:
    """All that bytes hold under compression, at most `limit` bytes; of a stream that is cut off what came."""
    reader = _Reader(limit)
    level = [data]
    try:
        while level:
            level = [text for packed in level for text in reader.open_all(packed)]
            reader.depth += 1
    except _TooMuchError:
        return Unpacked(reader.texts, whole=False)
    return Unpacked(reader.texts, whole=True)


def _find_signs(data: bytes) -> Iterator[tuple[str, int]]:
    """Which format may begin where."""
    if data.startswith(_ZLIB):
        yield "zlib", 0
    for sign, kind in _SIGNS.items():
        at = data.find(sign)
        while at >= 0:
            if kind != "bzip2":
                yield kind, at
            elif data[max(0, at - 4) : at - 1] == b"BZh":
                yield kind, at - 4
            at = data.find(sign, at + 1)


_DECODERS: dict[str, Callable[[], _Decoder]] = {
    "gzip": lambda: zlib.decompressobj(zlib.MAX_WBITS | 16),
    "zlib": zlib.decompressobj,
    "bzip2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _MEMORY),
}


def _decode(decoder: _Decoder, piece: bytes) -> Iterator[bytes]:
    """What a decoder makes of a piece, a little at a time."""
    while piece or not getattr(decoder, "needs_input", True):
        yield decoder.decompress(piece, _STEP)
        if decoder.eof:
            return
        piece = getattr(decoder, "unconsumed_tail", b"")  # of zlib; the others keep it themselves


class _Reader:
    """Reads streams, and raises _TooMuchError where `limit` bytes do not hold what is in them, or it takes too long."""

    def __init__(self, limit: int) -> None:
        self.texts: list[bytes] = []
        self.depth = 0
        self._room = limit
        self._work = _WORK
        self._streams = _MOST

    def open_all(self, data: bytes) -> Iterator[bytes]:
        """What the streams in some bytes hold."""
        if data.startswith(_CLOSED):
            raise _TooMuchError
        for kind, at in _find_signs(data):
            self._streams -= 1
            if not self._streams or self.depth == _DEEPEST:
                raise _TooMuchError
            if text := self._open(kind, data, at):
                self.texts.append(text)
                yield text

    def _open(self, kind: str, data: bytes, at: int) -> bytes:
        """What a stream holds, nothing if its sign stands there by chance."""
        if kind == "zip":
            return self._open_entry(data, at)
        if kind == "zstd":
            return self._read_zstd(data, at)
        return self._read(_DECODERS[kind](), data, at)

    def _open_entry(self, data: bytes, at: int) -> bytes:
        if len(data) - at < _ENTRY.size:
            return b""
        _, flags, method, name, extra = _ENTRY.unpack_from(data, at)
        if flags & _ENCRYPTED:
            raise _TooMuchError
        if method == _DEFLATED:
            return self._read(zlib.decompressobj(-zlib.MAX_WBITS), data, at + _ENTRY.size + name + extra)
        if method == _STORED or method in _SIGNED:
            return b""
        raise _TooMuchError

    def _read(self, decoder: _Decoder, data: bytes, at: int) -> bytes:
        text = bytearray()
        try:
            for start in range(at, len(data), _STEP):
                piece = data[start : start + _STEP]
                self._spend(len(piece))
                for got in _decode(decoder, piece):
                    text += got
                    self._take(len(got))
                if decoder.eof:
                    break
        except (zlib.error, OSError, lzma.LZMAError) as error:
            if at == 0 and not data.startswith(_ZLIB):  # elsewhere a sign may stand by chance
                raise _TooMuchError from error
        return bytes(text)

    def _read_zstd(self, data: bytes, at: int) -> bytes:
        text = bytearray()
        self._spend(len(data) - at)
        try:
            stream = zstandard.ZstdDecompressor(max_window_size=_WINDOW).stream_reader(memoryview(data)[at:])
            while piece := stream.read(_STEP):
                text += piece
                self._take(len(piece))
        except zstandard.ZstdError as error:
            if (at == 0 and not text) or "memory" in str(error):  # of a window that is too large
                raise _TooMuchError from error
        return bytes(text)

    def _spend(self, size: int) -> None:
        self._work -= size
        if self._work < 0:
            raise _TooMuchError

    def _take(self, size: int) -> None:
        self._room -= size
        if self._room < 0:
            raise _TooMuchError
