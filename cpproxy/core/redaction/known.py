"""Secrets that were met: each found again wherever it stands, in whatever encoding.

What was learnt stays in memory. A value of 8 characters or more that has a name or a shape and is no common word is
looked for everywhere: as it is, under escapes, in hex, and within base64 wherever in it that begins. A shorter one is a
secret where it was found and nowhere else; so is a token that looks made and has no name, since it looks so anywhere.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

import ahocorasick

from cpproxy.core.redaction.encodings import PIECE, Form, list_forms, may_hold, read_inside
from cpproxy.core.redaction.finding import Reason
from cpproxy.core.redaction.markers import find_shape, make_role, split_code
from cpproxy.core.redaction.windows import Later, Windows, split_words
from cpproxy.core.redaction.words import is_sought
from cpproxy.core.spellings import ESCAPING, LEVELS, Plain, find_escaped, read_once
from cpproxy.errors import UsageError

BETWEEN = "\n"
"""Stands between texts that are looked through at once: no escape and no encoding goes on behind it."""

MOST = 100_000
"""How many secrets are known at once: memory is bounded."""

_HEX = re.compile(r"[0-9a-f]+|[0-9A-F]+")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")
_BASE64_BEFORE = re.compile(r"[A-Za-z0-9+/_-]*\Z")
_SEGMENT = re.compile(r"[A-Za-z0-9+_-]*={0,2}")
_CODED = "+/-_="  # the characters of base64 beside letters and digits
_DEEPEST = 3  # encodings one within another
_LONGEST_RUN = 1 << 20  # characters of a base64 run around a known value, each way
_REMEMBERED = 8 << 20  # characters of the texts of which it is remembered what is in them
_LEAST_SIZE = 256  # what a text takes besides its characters
_MOST_ADDED = 4096
_MOST_LATE = 50_000
"""Of how many forms a machine is made for those that were learnt late; with more of them, all are looked for."""


@dataclass(slots=True)
class Secret:
    """A value, the role it has, and how it was found.

    `since` is the version from which on it is looked for everywhere, 0 for one that is not.
    """

    value: str
    role: str
    reason: Reason
    since: int = 0
    _shape: str | None = None
    _code: tuple[str, str] | None = None

    @property
    def shape(self) -> str:
        """What `find_shape` says of it, read once: each save asks."""
        if self._shape is None:
            self._shape = find_shape(self.value)
        return self._shape

    @property
    def code(self) -> tuple[str, str]:
        """What `split_code` says of it, read once."""
        if self._code is None:
            self._code = split_code(self.value)
        return self._code


class Standing(NamedTuple):
    """Where in a text a secret stands, by its index, and in what role if it was found there by a name or a shape.

    `run` is its encoded form where that is another text than the secret.
    """

    start: int
    end: int
    secret: int
    role: str = ""
    run: str = ""


@dataclass(frozen=True, slots=True)
class Late:
    """What finds the secrets that are looked for since one version, of those that were known at another, `version`."""

    since: int
    version: int
    windows: Windows | Later


@dataclass(slots=True)
class _Memory:
    """What was found in texts at a version; they have so many characters in all."""

    version: int
    found: dict[str, list[Standing]] = field(default_factory=dict)
    size: int = 0


class Known:
    """All secrets that were met. `version` changes whenever there is more to look for."""

    def __init__(self) -> None:
        self.secrets: list[Secret] = []
        self.version = 0
        self._index: dict[str, int] = {}
        self._windows = Windows()
        self._counts = [0]  # how many windows there were at each version
        self._machines = _Machines()
        self._characters = set(ESCAPING).union(_CODED)
        """Those that may be a part of a known value, of its encodings or of an escape."""
        self._late: Late | None = None
        self._memory = _Memory(0)
        self._list_forms = lru_cache(maxsize=256)(list_forms)

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
        if not secret.since and secret.reason is not Reason.RANDOM and is_sought(value):
            forms = self._forms(value)
            self._characters.update(*(form.text for form in forms if not form.coded))
            self._machines.add(index, [form.text for form in self._windows.add(index, forms)])
            self._counts.append(len(self._windows))
            secret.since = self.version + 1
            self.version += 1  # last: a thread that has seen it finds the value, too
        return index

    def index_of(self, value: str) -> int | None:
        """The index of a value, if it is a secret that was met."""
        return self._index.get(value)

    def may_hide(self, escaped: set[str]) -> bool:
        """Whether a part of what is looked for, or of another escape, may stand under escapes for these characters."""
        return not self._characters.isdisjoint(escaped)

    @property
    def has_loose(self) -> bool:
        """Whether there are secrets of which no eight bytes stand together."""
        return bool(self._machines)

    def find(self, text: str, *, since: int = 0, late: Late | None = None) -> list[Standing]:
        """Where known secrets stand in a text, in order and without overlap, the longest at each place.

        With `since` only those that are looked for since a later version; with `late`, which was made ready for that
        version or an earlier one, only those that were known then.
        """
        if since >= (late or self).version:
            return []
        if since and late is None:
            late = self._late
            if late is None or late.version != self.version or late.since > since:
                late = self._late = self.prepare(since)
        return self._find(text, since, late.windows if late else self._windows)

    def find_each(self, texts: Sequence[str], *, since: int = 0, late: Late | None = None) -> list[list[Standing]]:
        """As `find`, in each of several texts: all that came not just before are looked through at once."""
        if since or late:
            return self._find_joined(texts, since, late)
        memory = self._memory
        if memory.version != self.version or memory.size > _REMEMBERED:
            memory = self._memory = _Memory(self.version)
        fresh = [text for text in texts if text not in memory.found]
        if fresh:
            memory.found.update(zip(fresh, self._find_joined(fresh, 0, None), strict=True))
            memory.size += sum(map(len, fresh)) + _LEAST_SIZE * len(fresh)
        return [memory.found[text] for text in texts]

    def _find_joined(self, texts: Sequence[str], since: int, late: Late | None) -> list[list[Standing]]:
        found: list[list[Standing]] = [[] for _ in texts]
        standings = self.find(BETWEEN.join(texts), since=since, late=late)
        if standings:
            starts = [0, *accumulate(len(text) + len(BETWEEN) for text in texts)]
            for one in standings:
                at = bisect_right(starts, one.start) - 1
                found[at].append(one._replace(start=one.start - starts[at], end=one.end - starts[at]))
        return found

    def prepare(self, since: int) -> Late:
        """Makes ready to find, in many texts, what is looked for since that version."""
        version = self.version
        first, last = self._counts[since], self._counts[version]
        windows = self._windows.since(first, last) if last - first <= _MOST_LATE else self._windows
        return Late(since, version, windows)

    def _find(self, text: str, since: int, windows: Windows | Later, deepest: int = _DEEPEST) -> list[Standing]:
        found = list(self._look(text, since, windows, deepest))
        if not self.may_hide(find_escaped(text)):
            return choose(found)
        plain = Plain(text)
        for _ in range(LEVELS):  # on each level, since what ends one escape may begin another
            step = read_once(plain.text)
            if step is None:
                break
            plain = Plain(step.text, plain.steps + step.steps)
            found += [
                one._replace(start=plain.origin(one.start), end=plain.origin(one.end))
                for one in self._look(plain.text, since, windows, deepest)
            ]
        return choose(found)

    def _look(self, text: str, since: int, windows: Windows | Later, deepest: int) -> Iterator[Standing]:
        met = windows.find(text.encode("utf-8", "surrogatepass"))
        for window in met.windows:
            for index in self._windows.owners(window):
                if self.secrets[index].since > since:
                    yield from self._locate(text, index, window)
        for first, last, index in self._machines.find(text):
            if self.secrets[index].since > since:
                yield Standing(first, last, index)
        if deepest and met.coded:
            yield from self._look_within(text, since, windows, deepest - 1)

    def _locate(self, text: str, index: int, window: bytes) -> Iterator[Standing]:
        """Where a value stands in a text, in its forms that have a window."""
        for form in self._forms(self.secrets[index].value):
            if window not in form.data:
                continue
            first = text.find(form.text)
            while first >= 0:
                last = first + len(form.text)
                if form.coded:
                    is_hex = _HEX.fullmatch(text, first, last) is not None
                    start, end = (first, last) if is_hex else _around(text, first, last)
                    yield Standing(start, end, index, run=text[start:end])
                else:
                    yield Standing(first, last, index)
                first = text.find(form.text, first + 1)

    def _forms(self, value: str) -> list[Form]:
        """The forms of a value; those of values that came up just now are remembered."""
        return self._list_forms(value) if len(value) <= PIECE else list_forms(value)

    def _look_within(self, text: str, since: int, windows: Windows | Later, deepest: int) -> Iterator[Standing]:
        """What stands in base64 or hex, within one another or not, and in gzip in base64."""
        for inside in read_inside(text):
            for one in self._find(inside.text, since, windows, deepest):
                start, end = inside.place(one.start, one.end)
                if inside.step != inside.size * 2:  # of base64 nobody could read the rest without a part of it
                    start, end = _around(text, start, end)
                yield Standing(start, end, one.secret, run=text[start:end])


class Surface:
    """The words of many texts: what is learnt later is looked for in each word once, however many texts have it."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._words: set[bytes] = set()
        self._escaped: set[str] = set()
        self._added: set[str] = set()

    def add(self, text: str) -> bool:
        """Adds a text; false if that cannot be, since there may be more in it than its words as they are."""
        if text in self._added:  # answers come again and again
            return True
        words = split_words(text.encode("utf-8", "surrogatepass")) - self._words
        escaped = find_escaped(text)
        if self._known.may_hide(escaped) or may_hold(b" ".join(words)):
            return False
        self._words |= words
        self._escaped |= escaped
        if len(self._added) >= _MOST_ADDED:
            self._added.clear()
        self._added.add(text)
        return True

    def is_free(self, late: Late) -> bool:
        """Whether none of the texts holds a secret that was learnt late."""
        if self._known.may_hide(self._escaped) or self._known.has_loose:
            return False
        return late.version <= late.since or not late.windows.find(b" ".join(self._words)).windows


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
    """Finds the few forms that have no window, all of them in one pass.

    New words cost little: machines of equal size are merged, as digits are carried.
    """

    def __init__(self) -> None:
        self._words: list[dict[str, int]] = []
        self._machines: tuple[ahocorasick.Automaton, ...] = ()

    def __bool__(self) -> bool:
        return bool(self._machines)

    def add(self, index: int, words: Iterable[str]) -> None:
        """Looks for these words."""
        fresh = dict.fromkeys(words, index)
        if not fresh:
            return
        while self._words and len(self._words[-1]) <= 2 * len(fresh):
            fresh = self._words.pop() | fresh
        machine = ahocorasick.Automaton()
        for word, known in fresh.items():
            machine.add_word(word, (len(word), known))
        machine.make_automaton()
        self._words.append(fresh)
        self._machines = (*self._machines[: len(self._words) - 1], machine)  # at once: another thread may be looking

    def find(self, text: str) -> Iterator[tuple[int, int, int]]:
        """Start, end and index of each word that stands in a text."""
        for machine in self._machines:
            for last, (length, index) in machine.iter(text):
                yield last + 1 - length, last + 1, index
