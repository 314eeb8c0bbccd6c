"""The forms in which a value stands in a text: as it is, as it is read, in hex and in base64; and base64 read again."""

import base64
import contextlib
import re
from binascii import b2a_base64
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from cpproxy.core.packed import unpack
from cpproxy.core.redaction.words import is_sought
from cpproxy.core.spellings import as_slug, read

PIECE = 1024
"""Characters of what is looked for at once; a longer value is found piece by piece."""

_MOST_PIECES = 64
_LONGEST_INNER = 1 << 20  # bytes
_STANDARD = str.maketrans("-_", "+/")
_NUL = "\0"
_HEX = re.compile(r"[0-9A-Fa-f-]+")
SHORTEST_READ = 14
"""Characters of the shortest value that is found in base64 or hex by reading that; a shorter one has forms for it."""

# How base64 and hex of what is compressed begin: gzip, zlib, zstd, ZIP, bzip2, xz.
_PACKED_BASE64 = "H4sI|e(?:A[E-H]|F[4-7]|J[w-z]|N[o-r])|KLUv[/_][Q-Za-f]|UEsDB[A-P]|QlpoO[T-Z]|[/_]Td6WFoA"
_PACKED_DIGITS = "1f8b08|78(?:01|5e|9c|da)|28b52ffd|504b0304|425a68|fd377a585a00"
PACKED = re.compile(_PACKED_BASE64)
PACKED_HEX = re.compile(rf"(?:{_PACKED_DIGITS})(?:[0-9a-f]{{2}}){{14,}}", re.IGNORECASE)
# What has so many ASCII characters in it as base64, wherever they begin in it: four times four letters, in which the
# bit that these characters do not have is one of a letter's six; and as hex.
_QUAD = "[A-Za-f][A-HQ-Xg-nw-z0-3][ABEFIJMNQRUVYZcdghklopstwx014589][A-Za-z0-9+/_-]"
_SPELT = _QUAD * 4
# How a run is that `read_inside` reads: four such quads or so much hex somewhere, or packed from its beginning.
_SHORTEST_RUN = 16
_BETWEEN_RUNS = bytes(
    one if chr(one).isascii() and (chr(one).isalnum() or one in b"+/_-") else 32 for one in range(256)
)
_ANY_SPELT = re.compile(_SPELT.encode())
_BEGINS_PACKED = re.compile(rf"{_PACKED_BASE64}|(?i:{_PACKED_DIGITS})[0-9A-Fa-f]{{28}}".encode())
_ANY_HEX = re.compile(rb"[0-7][0-9A-Fa-f]" * SHORTEST_READ)
_WHOLE_SPELT = re.compile(f"(?:{_QUAD})++")
_SPELT_HERE = re.compile(_SPELT)
_NO_CHANCE = 64  # letters
_HEX_RUN = re.compile(r"[0-9A-Fa-f]{28,}")
_EACH_HEX = re.compile(r"((?:[0-7][0-9a-f]){14,}|(?:[0-7][0-9A-F]){14,})|[0-9A-Fa-f]{2}")
"""Bytes that are ASCII for some while; what is none goes by byte for byte."""
_RUN = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_LINE_END = re.compile(r"\r?\n[ \t]*+")
_LAST_LINE = rf"{_LINE_END.pattern}[A-Za-z0-9+/]{{2,3}}={{1,2}}"  # one that is shorter than all but its padding
_LINES = re.compile(
    rf"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{{32,}}+"
    rf"(?:(?:{_LINE_END.pattern}[A-Za-z0-9+/]{{4,}}+)++(?:{_LAST_LINE}|={{0,2}})|{_LAST_LINE})"
)
"""Base64 that is broken into lines, as mail and keys are (RFC 2045 section 6.8, RFC 7468)."""


class Form(NamedTuple):
    """One way in which a value stands in a text, and the same in UTF-8; another text may hold one that is `coded`."""

    text: str
    data: bytes
    coded: bool


def list_forms(value: str) -> list[Form]:
    """The forms by which a value is found, or the pieces of a long one."""
    spelt = spell(value)
    plain = {piece: False for form in spelt for piece in _cut(form)}
    coded = {}
    if not value.isascii():  # nobody knows in which of its spellings it was encoded
        wide = _widen(spelt)
        plain |= {data.decode("latin-1"): False for data in wide}
        coded = {code: True for data in [*_list_bytes(spelt), *wide] for code in _encode(data)}
    elif len(value) < SHORTEST_READ:
        coded = dict.fromkeys(_encode(value.encode()), True)
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
    return {value, *(one for one in forms if is_sought(one))}


def _cut(value: str) -> list[str]:
    """The pieces of a value that are looked for: what is long, as a key is, is found piece by piece."""
    if len(value) <= PIECE:
        return [value]
    value = value[: PIECE * _MOST_PIECES]
    return [*(value[at : at + PIECE] for at in range(0, len(value) - PIECE, PIECE)), value[-PIECE:]]


def _list_bytes(spelt: Iterable[str]) -> list[bytes]:
    """What is encoded of a value: each piece of its spellings in UTF-8."""
    return [piece.encode("utf-8", "surrogateescape") for form in spelt for piece in _cut(form)]


def _widen(spelt: Iterable[str]) -> list[bytes]:
    """The pieces of a value in UTF-16; of one that is ASCII every other byte is zero, and it is read without those."""
    pieces = [piece for form in spelt for piece in _cut(form)]
    return [piece.encode(coding, "surrogatepass") for piece in pieces for coding in ("utf-16-le", "utf-16-be")]


def _encode(data: bytes) -> set[str]:
    """The encodings of a value in which another text may hold it: hex, and base64 at each offset (RFC 4648)."""
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


def is_shown(text: str) -> bool:
    """Whether what was decoded is a text that people read: characters that can be printed, tabs and line ends."""
    return text.isprintable() or all(one.isprintable() or one in "\r\n\t" for one in text)


def _cut_lines(run: str) -> str:
    """The lines that are one base64: all as long as the first, but for a last one that fills up its four letters."""
    lines = _LINE_END.split(run)
    full = next((at for at, line in enumerate(lines) if len(line) != len(lines[0])), len(lines))
    if full < len(lines) and len(lines[full]) < len(lines[0]) and (full * len(lines[0]) + len(lines[full])) % 4 == 0:
        full += 1
    ends = [found.start() for found in _LINE_END.finditer(run)]
    return run[: ends[full - 1]] if full <= len(ends) else run


class Inside(NamedTuple):
    """A text that stands in another one in base64 or hex, from `start` on; `step` characters say `size` of its own.

    Where a part of it stands nobody can tell if `size` is 0: then all `step` characters are where.
    """

    text: str
    start: int
    step: int
    size: int

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Where in the other text a part of this one stands."""
        if not self.size:
            return self.start, self.start + self.step
        return self.start + start * self.step // self.size, self.start - (-end * self.step // self.size)


def may_hold(data: bytes) -> bool:
    """Whether in a text, given in UTF-8, there may be what `read_inside` reads."""
    return any(
        _ANY_SPELT.search(run) or _ANY_HEX.search(run) or _BEGINS_PACKED.match(run)
        for run in set(data.translate(_BETWEEN_RUNS).split())
        if len(run) >= _SHORTEST_RUN
    )


def _find_spelt(run: str) -> Iterator[tuple[int, int]]:
    """The parts of a run that are base64 of ASCII wherever it begins, with the four letters before and behind each."""
    until = [0] * 4  # for each of the four places where it may begin
    at = 0
    while found := _SPELT_HERE.search(run, at):
        start = found.start()
        at = start + 1
        if start < until[start % 4]:
            continue
        whole = _WHOLE_SPELT.match(run, start)
        end = until[start % 4] = whole.end() if whole else start
        if end - start >= _NO_CHANCE:  # what is read so for so long is read otherwise by no chance
            at = max(at, end - _NO_CHANCE)
        last = min(end + 4, len(run))
        first = start - 4 if start >= 4 else start
        yield first, last - ((last - first) % 4 == 1)  # six bits are no byte


def read_inside(text: str) -> Iterator[Inside]:
    """What stands in a text in base64 or hex, and is ASCII for some while, and what is compressed there."""
    for lines in _LINES.finditer(text):
        run = _cut_lines(lines[0])
        data = decode_base64(_LINE_END.sub("", run))
        yield from _narrow(Inside(data.decode("latin-1"), lines.start(), len(run), 0))
        if PACKED.match(run):
            yield from _unpack(data, lines.start(), len(run))
    for found in _RUN.finditer(text):
        run, at = found[0], found.start()
        bare = run.rstrip("=")
        if PACKED.match(run):
            yield from _unpack(decode_base64(run), at, len(run))
        elif PACKED_HEX.fullmatch(bare):
            yield from _unpack(bytes.fromhex(bare), at, len(run))
        for start, end in _find_spelt(bare):
            yield from _narrow(Inside(decode_base64(bare[start:end]).decode("latin-1"), at + start, 4, 3))
        yield from _read_hex(bare, at)


def _read_hex(run: str, at: int) -> Iterator[Inside]:
    """What stands in hex somewhere in a run that begins at a place."""
    for digits in _HEX_RUN.finditer(run):
        for first in (digits.start(), digits.start() + 1):  # nobody says which digit is the first of a byte
            for written in _EACH_HEX.finditer(run, first, digits.end()):
                if written[1]:
                    said = bytes.fromhex(written[1]).decode("latin-1")
                    yield from _narrow(Inside(said, at + written.start(), 2, 1))


def _unpack(data: bytes, start: int, step: int) -> Iterator[Inside]:
    for inner in unpack(data, _LONGEST_INNER).texts:
        yield Inside(inner.decode("latin-1"), start, step, 0)


def _narrow(inside: Inside) -> Iterator[Inside]:
    """What stands in another text, and the same as UTF-16 is read: without the zeros."""
    yield inside
    if _NUL in inside.text:
        start, end = inside.place(0, len(inside.text))
        yield Inside(inside.text.replace(_NUL, ""), start, end - start, 0)
