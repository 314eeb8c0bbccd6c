"""A second pair of eyes: whether the bytes of a cassette hold a secret, found without any of the redactor's code.

Before a cassette takes its name, and by `cassette lint` ever after, its bytes are looked at three times: for the values
that are known to be secret, in every spelling (`known`); by a maintained set of rules for the shapes of tokens
(`rulebook`); and for what stands under a name that says it is a secret (`named`). What is read is the file (`reading`)
and whatever it holds under escapes, base64 and compression (`peeling`). None of it imports or repeats what
`cpproxy.core.redaction` holds, and a contract in `pyproject.toml` keeps it so: a mistake there is not made here again.

    with Scanner() as scanner:                      # starts the rules; they are ready a moment later
        hits = scanner.scan(data, known_values)     # for each cassette; or once: scan(data, known_values)

Who scans at the end of a long run opens the scanner at its beginning, and does not wait for the rules then. A hit names
the place and what it was taken for, never the value nor a piece of it. ScanError is for a scan that could not be made,
or not to its end: nothing may then be taken for clean.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from itertools import chain
from typing import NamedTuple, Self

from cpproxy.files.scanning import peeling, reading
from cpproxy.files.scanning.known import SHORTEST, Known
from cpproxy.files.scanning.named import Found, find_named
from cpproxy.files.scanning.reading import Kind, Piece, Steps, find_place, show
from cpproxy.files.scanning.rulebook import Rulebook

DEPTH = 6
"""How many layers of escapes, base64 and compression come off."""

SWELL, SPARE = 16, 64 * 1024 * 1024
"""What comes off may be so many times the file's size, and so many bytes more."""

_KNOWN = "a value that is known to be secret"
_TOO_MUCH = "more compressed data than can be looked into"
_BATCH = 1024 * 1024  # bytes that are looked at at once
_SLICE, _OVERLAP = 2 * 1024 * 1024, 64 * 1024  # bytes of a larger piece; base64 has the same places in each
# Of our own making, by its form: what stands for the upstream's address, and for a secret. A role is made of names: one
# with capitals or many digits in it could be a secret itself, and is looked at.
_NUMBER = re.compile(rb"-?[0-9]")
_PLACEHOLDER = re.compile(
    rb"\{\{cpproxy:(?:upstream:[a-z0-9-]{1,60}|(?!(?:[^:0-9]*+[0-9]){5})[a-z0-9_.-]{1,64}:[0-9]{1,9}(?::(?:[a-z]{1,9}-)?(?:[a-z]{1,9}|base64))?)\}\}"
)


class Eye(StrEnum):
    """Which of the three saw it."""

    KNOWN = "known"
    RULES = "rules"
    NAMES = "names"


class Hit(NamedTuple):
    """A secret in a cassette: `where` in its file (a JSON path), what it was taken for, in words, and by whom."""

    where: str
    rule: str
    eye: Eye


class Spot(NamedTuple):
    """What was taken for a secret and where it stands; this holds the value and must not leave memory.

    `names` are those of its member, header or parameter, `places` such as `header:X-Pin`, `cookie:pin`, `query:pin` or
    `form:pin`, and `path` the steps below `$` in a body of JSON, None elsewhere.
    """

    value: str
    names: tuple[str, ...]
    places: tuple[str, ...]
    path: Steps | None


type Allowed = Callable[[Spot], bool]


def _allow_nothing(_: Spot) -> bool:
    return False


class Scanner:
    """The eyes, opened once for any number of cassettes. ScanError if that cannot be done."""

    def __init__(self) -> None:
        self._rulebook = Rulebook()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends what was started for it."""
        self._rulebook.close()

    def scan(self, data: bytes, known: Iterable[str] = (), allowed: Allowed = _allow_nothing) -> tuple[Hit, ...]:
        """Every place in a cassette's bytes where a secret stands, in order, each rule once a place.

        `known` are values that must not stand there, in whatever spelling; one of fewer than 8 characters is not looked
        for, since it stands in texts by chance. `allowed` says of what the rules saw, and of what a name gave away,
        whether that is no secret; a known value always is one. ScanError if the scan could not be made.
        """
        values = Known(known)
        found = _Hits()
        for batch in _batch(_layers(data, found)):
            for _, end in values.find(batch.text):
                if line := batch.line_at(end):
                    found.add(line.piece, _KNOWN, Eye.KNOWN)
            for start, end, rule in self._rulebook.find(batch.text):
                _judge(batch, Found(start, end, f"{rule}, by its shape"), Eye.RULES, allowed, found)
            for one in find_named(batch.text):
                _judge(batch, one, Eye.NAMES, allowed, found)
        _look_at_bytes(data, values, found)
        return found.hits()


def scan(data: bytes, known: Iterable[str] = (), allowed: Allowed = _allow_nothing) -> tuple[Hit, ...]:
    """As `Scanner.scan`, for one cassette."""
    with Scanner() as scanner:
        return scanner.scan(data, known, allowed)


class _Layer(NamedTuple):
    """A text that a piece is, or that stands in it so many layers down."""

    piece: Piece
    text: bytes
    depth: int


class _Line(NamedTuple):
    """A layer in a batch: its line begins at `start`, and its text, behind a name, at `begin`."""

    start: int
    begin: int
    piece: Piece
    text: bytes


class _Batch:
    """Layers in one text, one below the other, each behind the name that its piece has."""

    def __init__(self) -> None:
        self.text = b""
        self.size = 0
        self._lines: list[_Line] = []
        self._parts: list[bytes] = []

    def add(self, layer: _Layer) -> None:
        name = layer.piece.name
        before, after = b"", b"\n"
        if layer.piece.kind is Kind.HEADER:
            before = name + b": "
        elif name:
            before, after = name + b'="', b'"\n'
        self._lines.append(_Line(self.size, self.size + len(before), layer.piece, layer.text))
        self._parts += (before, layer.text, after)
        self.size += len(before) + len(layer.text) + len(after)

    def close(self) -> Self:
        self.text = b"".join(self._parts)
        self._parts.clear()
        return self

    def line_at(self, end: int) -> _Line | None:
        """The line in which ends what ends at an offset of the text; None if that is in the name before it."""
        line = self._lines[bisect_right(self._lines, end - 1, key=lambda one: one.start) - 1]
        return line if end > line.begin else None


class _Hits:
    """What was found, each once."""

    def __init__(self) -> None:
        self._found: dict[tuple[int, Eye, str], Piece] = {}
        self._secret_names: set[str] = set()

    def add(self, piece: Piece, rule: str, eye: Eye) -> None:
        if piece.kind is Kind.KEY:
            self._secret_names.add(piece.text.decode(errors="replace"))
        self._found.setdefault((piece.start, eye, rule), piece._replace(text=b""))

    def hits(self) -> tuple[Hit, ...]:
        """In the order of the file."""
        return tuple(
            Hit(show(piece.steps, self._secret_names) + ("[*]" if piece.kind is Kind.KEY else ""), rule, eye)
            for (_, eye, rule), piece in sorted(self._found.items(), key=lambda item: item[0])
        )


def _layers(data: bytes, found: _Hits) -> Iterator[_Layer]:
    """Every piece of the file that could hold a secret, and what it holds; each may be looked at by itself."""
    spare = SWELL * len(data) + SPARE
    for piece in reading.read(data):
        if len(piece.text) < SHORTEST:
            continue
        pending = [*_slices(piece, piece.text, 0)]
        # What is compressed has to be whole to come out; all else comes out of each slice.
        inner = peeling.unpack(piece.text, spare) if len(pending) > 1 else iter(())
        while pending:
            layer = pending.pop()
            yield layer._replace(text=_blank(layer.text))
            for text in chain(inner, peeling.peel(layer.text, spare) if layer.depth < DEPTH else ()):
                spare -= len(text or b"")
                if text is None or spare < 0:
                    found.add(piece, _TOO_MUCH, Eye.RULES)
                    spare = max(spare, 0)
                else:
                    pending += _slices(piece, text, layer.depth + 1)


def _slices(piece: Piece, text: bytes, depth: int) -> Iterator[_Layer]:
    """A text in slices that overlap, so that no step takes memory for more than one."""
    for start in range(0, max(1, len(text) - _OVERLAP), _SLICE - _OVERLAP):
        yield _Layer(piece, text[start : start + _SLICE], depth)


def _batch(layers: Iterator[_Layer]) -> Iterator[_Batch]:
    batch = _Batch()
    for layer in layers:
        batch.add(layer)
        if batch.size >= _BATCH:
            yield batch.close()
            batch = _Batch()
    yield batch.close()


def _blank(text: bytes) -> bytes:
    """A text with nothing where placeholders stood, at the same offsets."""
    if b"{{cpproxy:" not in text:
        return text
    return _PLACEHOLDER.sub(lambda found: b" " * len(found[0]), text)


def _judge(batch: _Batch, one: Found, eye: Eye, allowed: Allowed, found: _Hits) -> None:
    line = batch.line_at(one.end)
    if line is None or line.piece.kind is Kind.ID:
        return
    place = find_place(line.piece, line.text, max(0, one.start - line.begin))
    names = tuple(name for name in dict.fromkeys((one.name.decode(errors="replace"), *place.names)) if name)
    value = batch.text[max(one.start, line.begin) : one.end].decode(errors="replace")
    if not allowed(Spot(value, names, place.places, place.path)):
        found.add(line.piece, one.rule, eye)


def _look_at_bytes(data: bytes, values: Known, found: _Hits) -> None:
    """Looks for known values in the file as it stands: as whole numbers, and wherever else no string of it is."""
    spans = sorted(set(values.find(_blank(data))), reverse=True)
    for token in reading.tokens(data) if spans else ():
        while spans and spans[-1][0] < token.start:
            spans.pop()
        if not spans:
            return
        if _NUMBER.match(data, token.start, token.end) and (token.start, token.end) not in spans:
            continue  # in a part of a number digits stand by chance
        if spans[-1][1] <= token.end and not reading.is_own(token) and not reading.is_header_name(token):
            text = data[token.start : token.end].strip(b'"')
            kind = Kind.KEY if token.is_key else Kind.OTHER
            found.add(Piece(token.start, token.steps, kind, b"", text), _KNOWN, Eye.KNOWN)
