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
    """Whether a text is one JSON document, or one a line; a plain word or number is none."""
    if text.lstrip()[:1] not in {"{", "[", '"'}:
        return False
    for decode in (msgspec.json.decode, _LINES.decode_lines):
        try:
            decode(text)
        except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
            continue
        return True
    return False


_LINES = msgspec.json.Decoder()


class _Open:
    """An object or array whose end has not been met."""

    __slots__ = ("index", "is_array", "name", "path", "under")

    def __init__(self, path: str, under: str, *, is_array: bool) -> None:
        self.path = path
        self.under = under
        self.is_array = is_array
        self.index = 0
        self.name = ""

    def open(self, sign: str, *, paths: bool) -> "_Open":
        """The object or array that begins within this one."""
        return _Open(self.place(paths=paths), self.name or self.under, is_array=sign == "[")

    def describe(self, *, paths: bool) -> tuple[str, str, str]:
        """What a string within this one is called: its name, the name of its array, its path."""
        return self.name, self.under if self.is_array else "", self.place(paths=paths)

    def place(self, *, paths: bool) -> str:
        """The path of what comes next, empty where nobody asks for paths, and where nobody would write one."""
        if not paths or not self.path or len(self.path) > _LONGEST_PATH:
            return ""
        return jsonpath.child(self.path, self.index if self.is_array else self.name)


def walk(text: str, at: int = 0, *, paths: bool = False) -> Iterator[Leaf]:
    """The strings of a JSON text, or of the object or array that begins at a place; keys are left out.

    What is no JSON is read as far as it looks like it.
    """
    opened: list[_Open] = []
    for token in _TOKEN.finditer(text, at):
        sign = text[token.start()]
        top = opened[-1] if opened else None
        if sign == '"':
            if top and token[2] and not top.is_array:
                top.name = unescape(token[1])
                continue
            yield Leaf(*token.span(1), *(top.describe(paths=paths) if top else ("", "", "$")))
        elif sign in "{[":
            opened.append(top.open(sign, paths=paths) if top else _Open("$", "", is_array=sign == "["))
        elif sign == ",":
            if top:
                top.index += 1
        elif opened:
            opened.pop()
        if not opened and at:
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
