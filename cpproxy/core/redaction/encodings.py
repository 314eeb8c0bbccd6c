"""The forms in which a value stands in a text: as it is, as it is read, in hex and in base64; and base64 read again."""

import base64
import contextlib
import re
import zlib
from binascii import b2a_base64
from typing import NamedTuple

from cpproxy.core.redaction.words import SHORTEST_KNOWN, is_common
from cpproxy.core.spellings import as_slug, read

PIECE = 1024
"""Characters of what is looked for at once; a longer value is found piece by piece."""

_MOST_PIECES = 64
_LONGEST_INNER = 1 << 20  # bytes
_STANDARD = str.maketrans("-_", "+/")
_HEX = re.compile(r"[0-9A-Fa-f-]+")
_INNER = re.compile(rb"[A-Za-z0-9+/_-]{12}")  # what may be base64 once more
_GZIP = b"H4sI"  # how base64 of it begins
# Base64 of 18 bytes that are all ASCII: the bit that they do not have is one of a letter's six.
_QUAD = rb"[A-Za-f][A-HQ-Xg-nw-z0-3][ABEFIJMNQRUVYZcdghklopstwx014589][A-Za-z0-9+/_-]"
_ASCII = re.compile(_QUAD * 6)


class Form(NamedTuple):
    """One way in which a value stands in a text, and the same in UTF-8; another text may hold one that is `coded`."""

    text: str
    data: bytes
    coded: bool


def list_forms(value: str) -> list[Form]:
    """All forms of a value, or of the pieces of a long one."""
    plain = {piece: False for form in spell(value) for piece in _cut(form)}
    coded = {code: True for piece in _cut(value) for code in _encode(piece)}
    return [Form(text, text.encode("utf-8", "surrogatepass"), is_coded) for text, is_coded in (coded | plain).items()]


def spell(value: str) -> set[str]:
    """A value as it stands in a text, and as it stands there once all escapes are read, what looked like one in it too.

    In URLs each byte is escaped for itself, and read as a character; in forms a space is a plus. Digits of hex are the
    same in either case.
    """
    forms = {value, read(value).text}
    if not value.isascii():
        for one in tuple(forms):
            forms.add(one.encode("utf-8", "surrogatepass").decode("latin-1"))
            with contextlib.suppress(UnicodeError):  # headers are read as latin-1, whatever they are
                forms.add(one.encode("latin-1").decode())
    if " " in value:
        forms |= {one.replace(" ", "+") for one in forms}
    if _HEX.fullmatch(value):
        forms |= {value.lower(), value.upper()}
    forms.add(as_slug(value))
    forms.discard(value)
    return {value, *(one for one in forms if len(one) >= SHORTEST_KNOWN and not is_common(one))}


def _cut(value: str) -> list[str]:
    """The pieces of a value that are looked for: what is long, as a key is, is found piece by piece."""
    if len(value) <= PIECE:
        return [value]
    value = value[: PIECE * _MOST_PIECES]
    return [*(value[at : at + PIECE] for at in range(0, len(value) - PIECE, PIECE)), value[-PIECE:]]


def _encode(value: str) -> set[str]:
    """The encodings of a value in which another text may hold it: hex, and base64 at each offset (RFC 4648)."""
    data = value.encode("utf-8", "surrogateescape")
    found = data.hex()
    forms = {found, found.upper()}
    for offset in range(3):
        # The first and last characters depend on what stands around the value, too.
        coded = b2a_base64(b"\0" * offset + data, newline=False).decode().rstrip("=")
        kept = coded[(0, 2, 3)[offset] : len(coded) - bool((offset + len(data)) % 3)]
        forms.add(kept)
        if "+" in kept or "/" in kept:
            forms.add(kept.replace("+", "-").replace("/", "_"))
    return forms


def decode_base64(run: str) -> bytes:
    """The bytes of which a run is the base64 (RFC 4648), in either alphabet, padded or not; none if it is no base64."""
    bare = run.rstrip("=").translate(_STANDARD)
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4))
    except ValueError:
        return b""


def may_nest(data: bytes) -> bool:
    """Whether base64 of another encoding may begin anywhere in a text: if not, `unpack` finds nothing there."""
    return _GZIP in data or _ASCII.search(data) is not None


def unpack(run: str) -> str:
    """The text within base64 that is itself encoded, in gzip or in base64 once more, or nothing."""
    data = decode_base64(run)
    if data.startswith(b"\x1f\x8b"):
        with contextlib.suppress(zlib.error):
            return zlib.decompressobj(wbits=31).decompress(data, _LONGEST_INNER).decode("latin-1")
        return ""
    return data.decode() if data.isascii() and _INNER.search(data) else ""
