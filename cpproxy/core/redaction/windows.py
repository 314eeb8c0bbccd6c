"""Finds which of very many values may stand in a text: by eight bytes of each of their forms, its window.

A form costs one entry of a dictionary, whatever its length, so that a value can be learnt in some microseconds while
calls go on, and a hundred thousand take little memory. A text is cut into words, in which windows are looked for byte
by byte; most words come again and again, and those that have no window in them are remembered.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import ahocorasick

from cpproxy.core.redaction.encodings import Form, may_hold

SIZE = 8
"""Bytes of a window."""

_BETWEEN = b" \t\n\r\v\f\"'\\,:;&=?|<>(){}[]`"
"""What stands between words, beside control characters: a window holds none of it."""

_BLANKS = bytes(32 if one < 32 or one == 127 or one in _BETWEEN else one for one in range(256))
_WINDOW = re.compile(rb"[^\x00- \x7f%b]{%d}" % (re.escape(_BETWEEN), SIZE), re.DOTALL)
_LONGEST = 4096  # bytes of a word that is remembered
_MOST = 100_000  # windows of the words that are remembered, and such words
_MOST_ONCE = 4096
SHORTEST_CODED = 16
"""Characters of the shortest word that may be base64 or hex of what is looked for."""


class Met(NamedTuple):
    """What was met in a text: windows of known forms, and whether there may be base64 or hex to be read."""

    windows: set[bytes]
    coded: bool


def split_words(data: bytes) -> set[bytes]:
    """The words of a text, given in UTF-8: a window stands in one of them, and so does a run of base64 or hex."""
    return set(data.translate(_BLANKS).split())


@dataclass(slots=True)
class _Memory:
    """Words that were looked through: `clean` those that have no window, `within` all of eight bytes in them.

    `once` are those that were met once, most of which never come again.
    """

    clean: set[bytes] = field(default_factory=set)
    within: set[bytes] = field(default_factory=set)
    once: set[bytes] = field(default_factory=set)


_NOTHING = Met(set(), coded=False)


class Windows:
    """The windows of all known forms, and the values that have each, by their index."""

    def __init__(self) -> None:
        self._owners: dict[bytes, int | list[int]] = {}
        self._log: list[bytes] = []
        self._memory = _Memory()

    def __len__(self) -> int:
        """How many were added; those from a number on are what came later."""
        return len(self._log)

    def add(self, index: int, forms: Iterable[Form]) -> list[Form]:
        """Adds the forms of a value; comes back with those that have no window, so that they are not found here."""
        without = []
        for form in forms:
            window = self._choose(form.data, index)
            if window is None:
                without.append(form)
                continue
            owner = self._owners.get(window)
            if owner is None:
                self._owners[window] = index
            elif isinstance(owner, list):
                if owner[-1] == index:
                    continue
                owner.append(index)
            elif owner == index:
                continue
            else:
                self._owners[window] = [owner, index]
            self._log.append(window)
            if window in self._memory.within:
                self._memory = _Memory()
        return without

    def _choose(self, data: bytes, index: int) -> bytes | None:
        """The window by which a form is found: one that nothing else has, if there is one at its end, middle or start.

        Values of one kind begin alike.
        """
        chosen = None
        last = len(data) - SIZE
        for at in (last, last // 2, 0):
            found = _WINDOW.match(data, at) if at >= 0 else None
            if found is None:
                continue
            window = found[0]
            if self._owners.get(window, index) == index and window not in self._memory.within:
                return window
            chosen = chosen or window
        if chosen is None and (found := _WINDOW.search(data)):
            chosen = found[0]
        return chosen

    def owners(self, window: bytes) -> Iterable[int]:
        """The values that have this window in one of their forms."""
        owner = self._owners.get(window, ())
        return (owner,) if isinstance(owner, int) else tuple(owner)

    def find(self, data: bytes) -> Met:
        """The windows that stand in a text, given in UTF-8."""
        memory = self._memory
        fresh = split_words(data) - memory.clean
        if not fresh:
            return _NOTHING
        added = len(self._log)
        owners = self._owners
        met: set[bytes] = set()
        coded = False
        clean: list[bytes] = []
        within: list[bytes] = []
        for word in fresh:
            count = len(word) - SIZE + 1
            if count <= 0:
                clean.append(word)
                continue
            if count > _LONGEST:
                coded |= may_hold(word)
                met.update(one for at in range(count) if (one := word[at : at + SIZE]) in owners)
                continue
            windows = [word[at : at + SIZE] for at in range(count)]
            if not owners.keys().isdisjoint(windows):
                met.update(one for one in windows if one in owners)
            elif len(word) >= SHORTEST_CODED and may_hold(word):
                coded = True
            elif word in memory.once:
                clean.append(word)
                within += windows
            else:
                memory.once.add(word)
        if len(memory.once) > _MOST_ONCE:
            memory.once = set()
        if clean:
            self._remember(memory, clean, within, added)
        return Met(met, coded or (bool(met) and any(map(may_hold, fresh))))

    def _remember(self, memory: "_Memory", clean: list[bytes], within: list[bytes], added: int) -> None:
        """Remembers words, unless something was added since they were looked at: by another thread, which saves.

        Who adds a window looks for it in `within` afterwards, and has all forgotten where it stands there: so either
        the one sees that or the other sees this.
        """
        memory.within.update(within)
        if added == len(self._log):
            memory.clean.update(clean)
        if max(len(memory.within), len(memory.clean)) > _MOST:
            self._memory = _Memory()

    def since(self, first: int, last: int) -> "Later":
        """Those that were added after the first so many, up to the last."""
        return Later(self._log[first:last])


class Later:
    """Finds windows that were added late, in many texts or a long one."""

    def __init__(self, windows: list[bytes]) -> None:
        self._machine = ahocorasick.Automaton()
        for window in windows:
            self._machine.add_word(window.decode("latin-1"), window)
        if windows:
            self._machine.make_automaton()

    def find(self, data: bytes) -> Met:
        """The windows that stand in a text, given in UTF-8."""
        if not len(self._machine):
            return _NOTHING
        met = {window for _, window in self._machine.iter(data.decode("latin-1"))}
        return Met(met, coded=may_hold(data))
