"""Names and values where the length of each stands before it: MessagePack, CBOR, BSON, pickles, Protocol Buffers."""

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

_NAME = re.compile(r"[A-Za-z0-9_.$-]*")
_LONGEST = 96  # characters of a name
_GAP = re.compile(r"[^ -~]{0,4}")
_STRUCT = re.compile(r"\x12.\x1a", re.DOTALL)  # of google.protobuf.Struct: a value, and in it a text
_OPCODES = ("x", "X")  # of CBOR and of pickles: a text whose length follows
_SHORTEST = 4
_MSGPACK = range(0xA0, 0xC0)
_PUT = "q"  # an opcode behind a text
_CBOR = range(0x60, 0x78)


class Framed(NamedTuple):
    """A name, and where its value may stand."""

    name: str
    start: int
    end: int


def read_framed(text: str, word: int) -> Iterator[Framed]:
    """The value of the name that has a word at a place in bytes read as latin-1, if there is one.

    The first letter of the name may tell its length, and the last one be an opcode of pickles.
    """
    back = _NAME.match(text[max(0, word - _LONGEST) : word][::-1])
    ahead = _NAME.match(text, word, word + _LONGEST)
    begin, end = word - (back.end() if back else 0), ahead.end() if ahead else word
    names = [(begin, end, end)]
    if text[end - 1 : end] == _PUT:
        names.append((begin, end - 1, end))
    if begin < end and ord(text[begin]) in _CBOR and begin + 1 + (size := ord(text[begin]) - _CBOR.start) <= end:
        last = begin + 1 + size
        names.append((begin + 1, last, last))
    for first, last, until in names:
        sizes = (one for at in _find_heads(text, until) for one in _read_lengths(text, at, is_near=at == until))
        whole = [(size, start) for start, size in sizes if _is_text(text[start : start + size], size)]
        if whole:  # what tells a length by chance tells a shorter one
            size, start = max(whole)
            yield Framed(text[first:last], start, start + size)


def _find_heads(text: str, at: int) -> Iterator[int]:
    """Where behind a name that what tells the length of its value may stand."""
    gap = _GAP.match(text, at)
    last = gap.end() if gap else at
    yield from range(at, last + 1)
    if text[last : last + 1] in _OPCODES:
        yield last + 1
    if struct_of := _STRUCT.match(text, at):
        yield struct_of.end()


def _is_text(value: str, size: int) -> bool:
    return len(value) == size >= _SHORTEST and value.isascii() and value.isprintable()


def _read_lengths(text: str, at: int, *, is_near: bool) -> Iterator[tuple[int, int]]:
    """Where a text begins and how long it is, by each way in which that may be told at a place."""
    head = text[at : at + 4].encode("latin-1")
    if not head:
        return
    if head[0] in _MSGPACK:
        yield at + 1, head[0] - _MSGPACK.start
    if head[0] in _CBOR and is_near:
        yield at + 1, head[0] - _CBOR.start
    yield at + 1, head[0]
    if len(head) == 4:
        yield at + 2, struct.unpack(">H", head[:2])[0]
        (size,) = struct.unpack("<I", head)
        yield at + 4, size
        yield at + 4, size - 1  # of BSON, where a zero ends the text
