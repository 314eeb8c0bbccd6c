"""Where the strings of a JSON text stand in it, each with its name and its path: decoded JSON no longer knows that."""

import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from cpproxy.core import jsonpath

# The end of the text ends a string as well, so that what was cut off is read once and not from each quote on.
_TOKEN = re.compile(r'"((?:[^"\\]++|\\.)*+)(?:"|\Z)(\s*+:)?|[{}\[\],]', re.DOTALL)
_LONGEST_PATH = 1000
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|.)", re.DOTALL)
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "0": "\0"}


class Leaf(NamedTuple):
    """A string of a JSON text without its quotes, still escaped, the name of its member and its path.

    `name` is empty for an element of an array, and then `among` is the name under which the array stands.
    """

    start: int
    end: int
    name: str
    among: str
    path: str


def is_json(text: str) -> bool:
    """Whether a text is one JSON document, and no plain word or number."""
    if text.lstrip()[:1] not in {"{", "[", '"'}:
        return False
    try:
        msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        return False
    return True


class _Open:
    """An object or array whose end has not been met."""

    __slots__ = ("index", "is_array", "name", "path", "under")

    def __init__(self, path: str, under: str, *, is_array: bool) -> None:
        self.path = path
        self.under = under
        self.is_array = is_array
        self.index = 0
        self.name = ""

    def place(self, *, paths: bool) -> str:
        """The path of what comes next, empty where nobody asks for paths, and where nobody would write one."""
        if not paths or not self.path or len(self.path) > _LONGEST_PATH:
            return ""
        return jsonpath.child(self.path, self.index if self.is_array else self.name)


def walk(text: str, at: int = 0, *, paths: bool = False) -> Iterator[Leaf]:
    """The strings from a place on, up to the end of the object or array that begins there; keys are left out.

    What is no JSON is read as far as it looks like it.
    """
    opened: list[_Open] = []
    for token in _TOKEN.finditer(text, at):
        sign = text[token.start()]
        if sign == '"':
            start, end = token.span(1)
            if not opened:
                yield Leaf(start, end, "", "", "$")
                return
            top = opened[-1]
            if token[2] and not top.is_array:
                top.name = unescape(token[1])
            else:
                yield Leaf(start, end, top.name, top.under if top.is_array else "", top.place(paths=paths))
        elif sign in "{[":
            if opened:
                top = opened[-1]
                opened.append(_Open(top.place(paths=paths), top.name or top.under, is_array=sign == "["))
            else:
                opened.append(_Open("$", "", is_array=sign == "["))
        elif sign == ",":
            if opened and opened[-1].is_array:
                opened[-1].index += 1
        else:
            if opened:
                opened.pop()
            if not opened:
                return


def end_of(text: str, at: int) -> int:
    """Where the object or array that begins at a place ends, or the text's length."""
    depth = 0
    for token in _TOKEN.finditer(text, at):
        sign = text[token.start()]
        if sign in "{[":
            depth += 1
        elif sign in "}]":
            depth -= 1
            if depth <= 0:
                return token.end()
    return len(text)


def unescape(literal: str) -> str:
    """A string's text, from what stands between its quotes."""
    if "\\" not in literal:
        return literal
    text = _ESCAPE.sub(_unescape, literal)
    if text.isascii():
        return text
    # Two escapes make one character beyond the first 65,536; one alone has no meaning.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _unescape(found: re.Match[str]) -> str:
    one = found[1]
    return chr(int(one[1:], 16)) if len(one) > 1 else _CONTROLS.get(one, one)
