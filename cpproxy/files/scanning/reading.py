"""A cassette's file read as pieces of text: each string of it as it was meant, with the place where it stands.

It is read by the grammar of JSON alone (RFC 8259) and by where members stand, not by the definition of the format: so
whatever a file holds is looked at, and a mistake in how cassettes are written is none here.
"""

import binascii
import json
import re
from collections.abc import Container, Iterator
from enum import Enum
from typing import NamedTuple

type Steps = tuple[str | int, ...]
"""Where something stands: names of members and indices of elements, from the outermost on."""


class Kind(Enum):
    """What a piece is. An ID is cpproxy's own name for an interaction."""

    KEY = "a member's name in a body"
    HEADER = "a header's value"
    TARGET = "a request's target"
    LEAF = "a string in a body of JSON"
    TEXT = "a body of text"
    BINARY = "a body that stands as base64"
    ID = "an interaction's id"
    OTHER = "any other string"


class Piece(NamedTuple):
    """One string, which begins at `start`.

    `text` is what it means, without its escapes, `name` the member or header that it is the value of, both in UTF-8.
    """

    start: int
    steps: Steps
    kind: Kind
    name: bytes
    text: bytes


class Token(NamedTuple):
    """A string or another scalar as it stands in the file, with its place; a key has the place of its object."""

    start: int
    end: int
    steps: Steps
    is_key: bool


class Place(NamedTuple):
    """Where a value stands, as the config speaks of it.

    `names` it stands under, `places` such as `header:X-Pin`, `cookie:pin`, `query:pin` and `form:pin`, and `path`, the
    steps below `$` in a body of JSON, None elsewhere.
    """

    names: tuple[str, ...]
    places: tuple[str, ...] = ()
    path: Steps | None = None


# Possessive: what has matched is never tried again, so that a file takes time in proportion to its size.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[{}\[\],:]|[^\s{}\[\],:"]++', re.DOTALL)
_FORM = re.compile(rb"[^\s=&\"{<]{1,200}=[^\s&\"{<]*+(?:&[^\s=&]{1,200}=[^\s&]*+)*+")
_SHOWN = re.compile(r"[A-Za-z_$@][A-Za-z0-9_$@-]{0,47}")
_BODIES = {"json": Kind.LEAF, "text": Kind.TEXT, "base64": Kind.BINARY}
_DIGITS = 3  # in a member's name that is shown; one with more of them may be an id, or a secret


def tokens(data: bytes) -> Iterator[Token]:
    """Every scalar of a JSON text and every key, in order; what is no JSON is read as far as it goes."""
    stack: list[str | int] = []  # for each open object the member, for each open array the index, that we are at
    awaits_key = False
    for found in _TOKEN.finditer(data):
        start, end = found.span()
        match data[start : start + 1]:
            case b":":
                awaits_key = False
            case b",":
                if stack and isinstance(index := stack[-1], int):
                    stack[-1] = index + 1
                else:
                    awaits_key = bool(stack)
            case b"{":
                stack.append("")
                awaits_key = True
            case b"[":
                stack.append(0)
                awaits_key = False
            case b"}" | b"]":
                del stack[-1:]
                awaits_key = False
            case _ if awaits_key:
                yield Token(start, end, tuple(stack[:-1]), is_key=True)
                stack[-1] = _decode(data[start:end]).decode(errors="replace")
            case _:
                yield Token(start, end, tuple(stack), is_key=False)


def read(data: bytes) -> Iterator[Piece]:
    """The pieces of a cassette's file, in order, but for names and roles that cpproxy wrote (`is_own`)."""
    header = b""
    for token in tokens(data):
        if data[token.start] != ord('"') or is_own(token):
            continue
        if is_header_name(token):
            header = _decode(data[token.start : token.end])
        elif not token.is_key or _is_in_json(token.steps):
            yield _make_piece(data, token, header)


def _make_piece(data: bytes, token: Token, header: bytes) -> Piece:
    kind = Kind.KEY if token.is_key else _kind_of(token.steps)
    name = {Kind.HEADER: header, Kind.LEAF: _name_of(token.steps)}.get(kind, b"")
    if kind is Kind.BINARY:
        return Piece(token.start, token.steps, kind, name, _decode_base64(data[token.start + 1 : token.end - 1]))
    return Piece(token.start, token.steps, kind, name, _decode(data[token.start : token.end]))


def is_own(token: Token) -> bool:
    """Whether names and roles alone stand there, which cpproxy wrote itself and which are no values."""
    match token.steps:
        case ("placeholders", *_) | ("interactions", _, "credentials", *_):
            return True
        case _:
            return False


def is_header_name(token: Token) -> bool:
    """Whether a header's name stands there."""
    return _kind_of(token.steps) is Kind.HEADER and token.steps[-1] == 0


def find_place(piece: Piece, text: bytes, offset: int) -> Place:
    """The place of what stands at an offset of a piece's text, or of a text that was found in it."""
    name = piece.name.decode(errors="replace")
    match piece.kind:
        case Kind.HEADER if name.lower() in {"cookie", "set-cookie"}:
            cookie = _name_before(text, offset, b";")
            return Place((name, cookie), (f"header:{name}", f"cookie:{cookie}"))
        case Kind.HEADER:
            return Place((name,), (f"header:{name}",))
        case Kind.TARGET if 0 <= text.find(b"?") < offset:
            parameter = _name_before(text, offset, b"?&")
            return Place((parameter,), (f"query:{parameter}",))
        case Kind.TEXT if _FORM.fullmatch(text):
            field = _name_before(text, offset, b"&")
            return Place((field,), (f"form:{field}",))
        case Kind.LEAF:
            return Place((name,) if name else (), (), piece.steps[5:])
        case _:
            return Place(())


def show(steps: Steps, secret_names: Container[str] = ()) -> str:
    """The JSON path of a place.

    `[*]` stands for each member whose name is no plain one, since it could be a secret itself, or is known for one.
    """
    return "$" + "".join(
        f"[{step}]" if isinstance(step, int) else f".{step}" if _is_plain(step) and step not in secret_names else "[*]"
        for step in steps
    )


def _is_plain(name: str) -> bool:
    return bool(_SHOWN.fullmatch(name)) and sum(map(str.isdigit, name)) <= _DIGITS


def _is_in_json(steps: Steps) -> bool:
    return len(steps) > 4 and steps[3:5] == ("body", "json")


def _kind_of(steps: Steps) -> Kind:
    match steps:
        case ("interactions", _, "id"):
            return Kind.ID
        case ("interactions", _, "request", "target"):
            return Kind.TARGET
        case ("interactions", _, "request" | "response", "headers", _, int()):
            return Kind.HEADER
        case ("interactions", _, "request" | "response", "body", str(form), *_):
            return _BODIES.get(form, Kind.OTHER)
        case _:
            return Kind.OTHER


def _name_of(steps: Steps) -> bytes:
    """The name of the member that a value belongs to, if need be as an element of its array; none outside of any."""
    return next((step.encode(errors="replace") for step in reversed(steps[5:]) if isinstance(step, str)), b"")


def _name_before(text: bytes, offset: int, signs: bytes) -> str:
    """The name before the `=` in the part of a list of pairs that an offset lies in."""
    start = max(text.rfind(sign.to_bytes(), 0, offset) for sign in signs) + 1
    return text[start : start + 200].partition(b"=")[0].strip().decode(errors="replace")


def _decode(token: bytes) -> bytes:
    """A string of JSON as what it means; one that is malformed as it stands."""
    inner = token[1:-1] if token.startswith(b'"') else token
    if b"\\" not in inner:
        return inner
    try:
        text: str = json.loads(token, strict=False)
    except ValueError:
        return inner
    return text.encode(errors="surrogatepass")


def _decode_base64(text: bytes) -> bytes:
    try:
        return binascii.a2b_base64(text.replace(b"\\/", b"/"))
    except binascii.Error:
        return text
