"""Bodies that pass in pieces with one address put in place of another, under whatever content coding they have.

Each piece goes on as it comes: its coding is taken off and put on again, flushed at the end of each piece, so that the
other side can read what has come so far (RFC 9110 section 8.4).
"""

import zlib
from collections.abc import Callable
from typing import Protocol

import brotli  # type: ignore[import-untyped]
import zstandard

from cpproxy.core import bodies
from cpproxy.core.addresses import Stream

type _Coder = tuple[Callable[[bytes], bytes], Callable[[bool], bytes]]
"""Takes a piece, and flushes; at the end of all pieces for good."""

_QUALITY = 5  # of brotli
_FAILURES = (zlib.error, brotli.error, zstandard.ZstdError)


class Rewriter(Protocol):
    """Rewrites a body that comes in pieces."""

    def take(self, data: bytes, *, last: bool = False) -> bytes:
        """What can go on now that this piece has come, all of it with the last one."""


class _Taker(Protocol):
    """Takes a content coding off, piece by piece."""

    @property
    def whole(self) -> bool:
        """Whether what has come so far could be all."""

    def take(self, data: bytes) -> bytes:
        """What a piece holds."""


class _Member(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /) -> bytes: ...


class _Members:
    """Takes off a coding that is a row of members: gzip, deflate (of one), zstd."""

    def __init__(self, make: Callable[[], _Member]) -> None:
        self._make = make
        self._member = make()

    @property
    def whole(self) -> bool:
        return self._member.eof

    def take(self, data: bytes) -> bytes:
        taken = b""
        while data:
            if self._member.eof:
                self._member = self._make()
            taken += self._member.decompress(data)
            data = self._member.unused_data
        return taken


class _Deflate:
    """Takes off deflate, with its zlib wrapper or, as some servers send it, without."""

    def __init__(self) -> None:
        self._begun = b""
        self._members: _Members | None = None

    @property
    def whole(self) -> bool:
        return self._members is not None and self._members.whole

    def take(self, data: bytes) -> bytes:
        if self._members is None:
            self._begun += data
            if len(self._begun) < 2:
                return b""
            wrapped = self._begun[0] & 0x0F == 8 and int.from_bytes(self._begun[:2]) % 31 == 0  # RFC 1950
            wbits = zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS
            self._members, data = _Members(lambda: zlib.decompressobj(wbits)), self._begun
        return self._members.take(data)


class _Brotli:
    """Takes off brotli."""

    def __init__(self) -> None:
        self._decoder = brotli.Decompressor()

    @property
    def whole(self) -> bool:
        finished: bool = self._decoder.is_finished()
        return finished

    def take(self, data: bytes) -> bytes:
        taken: bytes = self._decoder.process(data) if data else b""
        return taken


def _take_off(coding: str) -> _Taker:
    match coding:
        case "gzip":
            return _Members(lambda: zlib.decompressobj(zlib.MAX_WBITS | 16))
        case "deflate":
            return _Deflate()
        case "br":
            return _Brotli()
        case _:
            return _Members(lambda: zstandard.ZstdDecompressor().decompressobj())


def _put_on(coding: str) -> _Coder:
    match coding:
        case "gzip" | "deflate":
            packer = zlib.compressobj(wbits=zlib.MAX_WBITS | (16 if coding == "gzip" else 0))
            return packer.compress, lambda last: packer.flush(zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH)
        case "br":
            squeezer = brotli.Compressor(quality=_QUALITY)
            return squeezer.process, lambda last: squeezer.finish() if last else squeezer.flush()
        case _:
            presser = zstandard.ZstdCompressor().compressobj()
            end, block = zstandard.COMPRESSOBJ_FLUSH_FINISH, zstandard.COMPRESSOBJ_FLUSH_BLOCK
            return presser.compress, lambda last: presser.flush(end if last else block)


class SniffedStream:
    """Rewrites a body of which nobody said that it is text: as long as what comes is no other."""

    def __init__(self, plain: Stream) -> None:
        self._plain = plain
        self._binary = False

    def take(self, data: bytes, *, last: bool = False) -> bytes:
        """What can go on now that this piece has come, all of it with the last one."""
        if self._binary:
            return data
        if bodies.is_binary(data):
            self._binary = True
            return self._plain.take(b"", last=True) + data
        return self._plain.take(data, last=last)


class CodedStream:
    """Rewrites a body within its `coding`, one of `bodies.CODINGS`.

    What is not coded as it says goes on as it comes, from the piece on that shows it, or is taken for a text where
    that is the first; what is cut off stays cut off.
    """

    def __init__(self, plain: Rewriter, coding: str, uncoded: Rewriter) -> None:
        self._plain = plain
        self._uncoded = uncoded
        self._taker = _take_off(coding)
        self._put, self._flush = _put_on(coding)
        self._swallowed: bytes | None = b""
        self._broken = False

    def take(self, data: bytes, *, last: bool = False) -> bytes:
        """What can go on now that this piece has come, all of it with the last one."""
        if self._broken:
            return data if self._swallowed is None else self._uncoded.take(data, last=last)
        if self._swallowed is not None:
            self._swallowed += data
        try:
            taken = self._taker.take(data)
        except _FAILURES:
            self._broken = True
            return data if self._swallowed is None else self._uncoded.take(self._swallowed, last=last)
        if taken:
            self._swallowed = None
        shown = self._plain.take(taken, last=last)
        whole = last and self._taker.whole
        return self._put(shown) + self._flush(whole) if shown or whole else b""


def rewrite(plain: Stream, content_encoding: str, *, text: bool) -> Rewriter:
    """What rewrites a body of that `Content-Encoding`, which is `text` or may be one.

    Under a coding that nobody knows how to take off it is rewritten only where it is text as it comes.
    """
    coding = bodies.codings(content_encoding)
    uncoded = SniffedStream(plain)
    if not bodies.CODINGS.issuperset(coding):
        return uncoded
    made: Rewriter = plain if text else uncoded
    for name in coding:
        made = CodedStream(made, name, uncoded)
    return made
