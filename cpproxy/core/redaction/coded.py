"""Texts that stand in a text as base64 or as hex digits, and what they say.

What is decoded counts as a text if it can be printed: UTF-8, or UTF-16 as consoles of Windows and Java write it, and
what is compressed there, as the start script of a machine may be.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from cpproxy.core.packed import unpack
from cpproxy.core.redaction.encodings import PACKED, PACKED_HEX, decode_base64, is_shown

SHORTEST = 16
"""Characters of the shortest run that is decoded."""


class Coded(NamedTuple):
    """A place in a text that is the base64 or the hex of another, and what that says."""

    start: int
    end: int
    inside: str


_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}|[A-Za-z0-9_-]+={0,2}")
_HEX = re.compile(r"(?:[0-9a-f]{2}){8,}|(?:[0-9A-F]{2}){8,}")
_PIECE = re.compile(r"[^=]+(?:={1,2}\Z)?")
_SEGMENT = re.compile(r"[^/]+")
_CACHED = 256
# Lines of one width but for the last, as MIME (RFC 2045), PEM (RFC 7468) and `base64` write them.
_WRAPPED = re.compile(r"(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/_-]{40,100}(?:\r?\n[A-Za-z0-9+/_-]{1,100}+={0,2})++")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\ufffd]+")
_LONGEST_UNPACKED = 1 << 20  # bytes
_HIGH = bytes(range(6))  # of scripts below U+0600


def find_coded(run: str) -> tuple[Coded, ...]:
    """The texts in a run of letters, digits and what base64 knows: in all of it, or in parts of a form or a path."""
    return _find_coded(run) if len(run) <= _CACHED else _find_coded.__wrapped__(run)


@lru_cache(maxsize=8192)
def _find_coded(run: str) -> tuple[Coded, ...]:
    found: list[Coded] = []
    for piece in _PIECE.finditer(run):
        if inside := decode(piece[0]):
            found.append(Coded(*piece.span(), inside))
        elif "/" in piece[0]:
            start = piece.start()
            parts = ((one.start(), one.end(), decode(one[0])) for one in _SEGMENT.finditer(piece[0]))
            found += (Coded(start + first, start + last, inside) for first, last, inside in parts if inside)
    return tuple(found)


def find_wrapped(text: str) -> Iterator[Coded]:
    """The texts that stand as several lines of base64 of one width."""
    for found in _WRAPPED.finditer(text):
        lines = found[0].split("\n")
        widths = {len(line.rstrip("\r")) for line in lines[:-1]}
        if len(widths) == 1 and len(lines[-1]) <= widths.pop() and (inside := decode("".join(found[0].split()))):
            yield Coded(*found.span(), inside)


def decode(run: str) -> str:
    """The text of which a run is the hex or the base64, or nothing."""
    if len(run) < SHORTEST:
        return ""
    if _HEX.fullmatch(run):
        data = bytes.fromhex(run)
        if text := _read_packed(data) if PACKED_HEX.match(run) else _read(data):
            return text
    elif PACKED.match(run) and (text := _read_packed(decode_base64(run))):
        return text
    return read_base64(run, least=SHORTEST)


def read_base64(run: str, least: int = 20) -> str:
    """The text of which a run of letters is the base64, in either alphabet, or nothing."""
    if len(run) < least or not _BASE64.fullmatch(run):
        return ""
    return "" if len(run.rstrip("=")) % 4 == 1 else _read(decode_base64(run))


def _read_packed(data: bytes) -> str:
    """What is compressed in some bytes, as far as it is text; of an archive all its files."""
    texts = (text.decode(errors="replace") for text in unpack(data, _LONGEST_UNPACKED).texts)
    return _UNPRINTABLE.sub("\n", "\n".join(texts))


def _read(data: bytes) -> str:
    try:
        text = data.decode(_guess_encoding(data))
    except UnicodeDecodeError:
        return ""
    return text if is_shown(text) else ""


def _guess_encoding(data: bytes) -> str:
    """UTF-8, unless the high bytes of scripts in use tell that each character is two bytes, and which comes first."""
    # What is left without the high bytes of Latin, Greek, Cyrillic and Hebrew: of what was drawn by chance nearly all.
    if len(data[1::2].translate(None, _HIGH)) * 8 < len(data):
        return "utf-16" if data.startswith(b"\xff\xfe") else "utf-16-le"
    if len(data[::2].translate(None, _HIGH)) * 8 < len(data):
        return "utf-16" if data.startswith(b"\xfe\xff") else "utf-16-be"
    return "utf-8"
