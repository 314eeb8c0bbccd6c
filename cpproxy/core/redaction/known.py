"""Secrets that were met: each found again wherever it stands, in whatever encoding.

What was learnt stays in memory. A value of 8 characters or more that has a name or a shape and is no common word is
looked for everywhere: as it is, under escapes, in hex, and within base64 wherever in it that begins. A shorter one is a
secret where it was found and nowhere else; so is a token that looks made and has no name, since it looks so anywhere.
"""

import base64
import contextlib
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import ahocorasick

from cpproxy.core.redaction.finding import Reason
from cpproxy.core.redaction.markers import make_role
from cpproxy.core.redaction.words import is_common
from cpproxy.core.spellings import LEVELS, Plain, read, read_once
from cpproxy.errors import UsageError

SHORTEST = 8
"""Characters of the shortest value that is looked for everywhere."""

MOST = 100_000
"""How many secrets are known at once: memory is bounded."""

_HEX = re.compile(r"[0-9a-f]+|[0-9A-F]+")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")
_BASE64_BEFORE = re.compile(r"[A-Za-z0-9+/_-]*\Z")
_SEGMENT = re.compile(r"[A-Za-z0-9+_-]*={0,2}")
_NESTED = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}")
_INNER = re.compile(rb"[A-Za-z0-9+/_-]{12}")  # what may be base64 once more
_STANDARD = str.maketrans("-_", "+/")
_DEEPEST = 3  # encodings one within another
_NOT_WORD = re.compile(r"[^a-z0-9_]+")
PIECE = 1024
"""Characters of what is looked for at once: a machine for words of a million ends the process."""

_MOST_PIECES = 64
_LONGEST_RUN = 1 << 20  # characters of a base64 run around a known value, each way


@dataclass(slots=True)
class Secret:
    """A value, the role it has, and how it was found.

    `since` is the version from which on it is looked for everywhere, 0 for one that is not.
    """

    value: str
    role: str
    reason: Reason
    since: int = 0


class Standing(NamedTuple):
    """Where in a text a secret stands, by its index, and in what role if it was found there by a name or a shape.

    `run` is its encoded form where that is another text than the secret.
    """

    start: int
    end: int
    secret: int
    role: str = ""
    run: str = ""


class Known:
    """All secrets that were met. `version` changes whenever there is more to look for."""

    def __init__(self) -> None:
        self.secrets: list[Secret] = []
        self.version = 0
        self._index: dict[str, int] = {}
        self._machines = _Machines()

    def values(self) -> Iterator[str]:
        """Those that are looked for everywhere."""
        return (one.value for one in self.secrets if one.since)

    def learn(self, value: str, role: str, reason: Reason) -> int:
        """The index of a secret, known from now on. What is found again under surer circumstances gets their role."""
        index = self._index.get(value)
        if index is None:
            index = self._index[value] = len(self.secrets)
            if index >= MOST:
                raise UsageError(f"more than {MOST} secrets were met in one run, and no more can be kept apart")
            self.secrets.append(Secret(value, make_role(role), reason))
        secret = self.secrets[index]
        if reason < secret.reason:
            secret.role, secret.reason = make_role(role), reason
        if not secret.since and secret.reason is not Reason.RANDOM and len(value) >= SHORTEST and not is_common(value):
            self._machines.add(
                index,
                {piece for form in _spell(value) for piece in _cut(form)},
                coded={code for piece in _cut(value) for code in _encode(piece)},
            )
            secret.since = self.version + 1
            self.version += 1  # last: a thread that has seen it finds the value, too
        return index

    def find(self, text: str, *, since: int = 0) -> list[Standing]:
        """Where known secrets stand in a text, in order and without overlap, the longest at each place.

        With `since` only those that are looked for since a later version.
        """
        if not self.version:
            return []
        found = list(self._look(text, since))
        plain = Plain(text)
        for _ in range(LEVELS):  # on each level, since what ends one escape may begin another
            step = read_once(plain.text)
            if step is None:
                break
            plain = Plain(step.text, plain.steps + step.steps)
            found += [
                one._replace(start=plain.origin(one.start), end=plain.origin(one.end))
                for one in self._look(plain.text, since)
            ]
        return choose(found)

    def _look(self, text: str, since: int, deepest: int = _DEEPEST) -> Iterator[Standing]:
        for first, last, index, coded in self._machines.find(text):
            if self.secrets[index].since <= since:
                continue
            if not coded:
                yield Standing(first, last, index)
                continue
            is_hex = _HEX.fullmatch(text, first, last) is not None
            start, end = (first, last) if is_hex else _around(text, first, last)
            yield Standing(start, end, index, run=text[start:end])
        if deepest:
            yield from self._look_within(text, since, deepest - 1)

    def _look_within(self, text: str, since: int, deepest: int) -> Iterator[Standing]:
        """What stands in base64 that holds another encoding: gzip, or base64 once more."""
        for found in _NESTED.finditer(text):
            inner = _unpack(found[0])
            if inner and (within := next(self._look(inner, since, deepest), None)):
                yield Standing(found.start(), found.end(), within.secret, run=found[0])


def _unpack(coded: str) -> str:
    """The text within base64 that is itself encoded, or nothing."""
    try:
        data = base64.b64decode(coded.translate(_STANDARD).rstrip("=") + "=" * (-len(coded.rstrip("=")) % 4))
    except ValueError:
        return ""
    if data.startswith(b"\x1f\x8b"):
        with contextlib.suppress(zlib.error):
            return zlib.decompressobj(wbits=31).decompress(data, _LONGEST_RUN).decode("latin-1")
        return ""
    return data.decode() if data.isascii() and _INNER.search(data) else ""


def _around(text: str, start: int, end: int) -> tuple[int, int]:
    """All of the base64 around a part of it: without that part nobody could read the rest.

    A slash is a letter of it, but where it ends the segment of a path.
    """
    before = _BASE64_BEFORE.search(text, max(0, start - _LONGEST_RUN), start)
    first = before.start() if before else start
    slash = text.rfind("/", first, start)
    if slash >= 0 and (text[first] == "/" or text[first - 1 : first] in {".", ":"}):
        found = _SEGMENT.match(text, end, end + _LONGEST_RUN)
        return slash + 1, found.end() if found else end
    found = _BASE64.match(text, end, end + _LONGEST_RUN)
    return first, found.end() if found else end


def choose(found: list[Standing]) -> list[Standing]:
    """Those that do not overlap: what begins first and reaches farthest; of two that share characters both go."""
    if len(found) < 2:
        return found
    chosen: list[Standing] = []
    for one in sorted(found, key=lambda standing: (standing.start, -standing.end, standing.secret)):
        if not chosen or one.start > chosen[-1].end or not _goes_on(chosen[-1], one):
            chosen.append(one)
        elif one.end > chosen[-1].end:
            chosen[-1] = chosen[-1]._replace(end=one.end)
    return chosen


def _goes_on(last: Standing, one: Standing) -> bool:
    """Whether what stands there is of one piece with what ends there or later."""
    return one.start < last.end or (one.secret == last.secret and last.end - last.start >= PIECE)


def _spell(value: str) -> set[str]:
    """A value as it stands in a text, and as it stands there once all escapes are read, what looked like one in it too.

    In URLs each byte is escaped for itself, and read as a character; in forms a space is a plus.
    """
    forms = {value, read(value).text}
    for one in tuple(forms) if not value.isascii() else ():
        forms.add(one.encode("utf-8", "surrogatepass").decode("latin-1"))
        with contextlib.suppress(UnicodeError):  # headers are read as latin-1, whatever they are
            forms.add(one.encode("latin-1").decode())
    forms |= {one.replace(" ", "+") for one in forms if " " in one}
    forms.add(_NOT_WORD.sub("-", value.lower()).strip("-"))  # as it stands in the id of an interaction
    return {value, *(one for one in forms if len(one) >= SHORTEST and not is_common(one))}


def _cut(value: str) -> list[str]:
    """The pieces of a value that are looked for: what is long, as a key is, is found piece by piece."""
    if len(value) <= PIECE:
        return [value]
    value = value[: PIECE * _MOST_PIECES]
    return [*(value[at : at + PIECE] for at in range(0, len(value) - PIECE, PIECE)), value[-PIECE:]]


def _encode(value: str) -> set[str]:
    """The encodings of a value in which another text may hold it: hex, and base64 at each offset (RFC 4648)."""
    data = value.encode("utf-8", "surrogateescape")
    forms = {data.hex(), data.hex().upper()}
    for offset in range(3):
        # The first and last characters depend on what stands around the value, too.
        coded = base64.b64encode(b"\0" * offset + data).decode().rstrip("=")
        kept = coded[(0, 2, 3)[offset] : len(coded) - bool((offset + len(data)) % 3)]
        forms |= {kept, kept.replace("+", "-").replace("/", "_")}
    return forms


class Words:
    """Finds which of many words stand in a text."""

    def __init__(self, words: Iterable[tuple[str, int]]) -> None:
        self._machine = ahocorasick.Automaton()
        for word, index in words:
            self._machine.add_word(word, index)
        self._machine.make_automaton()

    def find(self, text: str) -> set[int]:
        """The numbers of those that do."""
        return {index for _, index in self._machine.iter(text)}


class _Machines:
    """Finds many words in one pass. New words cost little: machines of equal size are merged, as digits are carried."""

    def __init__(self) -> None:
        self._words: list[dict[str, tuple[int, bool]]] = []
        self._machines: tuple[ahocorasick.Automaton, ...] = ()

    def add(self, index: int, words: Iterable[str], *, coded: Iterable[str]) -> None:
        """Looks for these words, and for the `coded` ones, too."""
        fresh = dict.fromkeys(coded, (index, True)) | dict.fromkeys(words, (index, False))
        while self._words and len(self._words[-1]) <= 2 * len(fresh):
            fresh = self._words.pop() | fresh
        machine = ahocorasick.Automaton()
        for word, (known, is_coded) in fresh.items():
            machine.add_word(word, (len(word), known, is_coded))
        machine.make_automaton()
        self._words.append(fresh)
        self._machines = (*self._machines[: len(self._words) - 1], machine)  # at once: another thread may be looking

    def find(self, text: str) -> Iterator[tuple[int, int, int, bool]]:
        """Start, end and index of each word that stands in a text, and whether it is a coded one."""
        for machine in self._machines:
            for last, (length, index, coded) in machine.iter(text):
                yield last + 1 - length, last + 1, index, coded
