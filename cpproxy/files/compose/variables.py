"""Variables in compose files: those that are put into values, and those that env files set."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from cpproxy.core.wiring.project import Place, Setting
from cpproxy.errors import UsageError

_NAME = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")
_OPERATOR = re.compile(r":?[-?+]")
_DEEPEST = 16
_ASSIGNMENT = re.compile(r"(?:export[ \t]+)?(?P<name>[\w.]+)[ \t]*(?P<sign>[=:])?[ \t]*", re.ASCII)
_COMMENT = re.compile(r"(?:^|\s)#.*")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$$"}

type Lookup = Callable[[str], str | None]
"""The value of a variable, None for one that is not set."""


@dataclass(slots=True)
class _Text:
    """A text that is being read."""

    text: str
    lookup: Lookup
    at: int = 0
    unset: list[str] = field(default_factory=list)

    def take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        if found is None:
            return ""
        self.at = found.end()
        return found.group()


def substitute(text: str, lookup: Lookup) -> tuple[str, tuple[str, ...]]:
    """The text with its variables put in, and those of them that are not set and have no default.

    Knows `$A`, `${A}`, `${A:-b}`, `${A-b}`, `${A:?why}`, `${A?why}`, `${A:+b}`, `${A+b}` and `$$`. Raises ValueError
    for another dollar sign, and for a variable that has to be set and is not.
    """
    if "$" not in text:
        return text, ()
    reading = _Text(text, lookup)
    return _read(reading, 0), tuple(dict.fromkeys(reading.unset))


def _read(reading: _Text, depth: int) -> str:
    """The text up to its end, or within braces up to the brace that closes them."""
    if depth > _DEEPEST:
        raise ValueError("its variables are nested too deep")
    parts: list[str] = []
    while reading.at < len(reading.text):
        char = reading.text[reading.at]
        if char == "}" and depth:
            break
        reading.at += 1
        parts.append(_read_variable(reading, depth) if char == "$" else char)
    return "".join(parts)


def _read_variable(reading: _Text, depth: int) -> str:
    if reading.text.startswith("$", reading.at):
        reading.at += 1
        return "$"
    braced = reading.text.startswith("{", reading.at)
    reading.at += braced
    name = reading.take(_NAME)
    if not name:
        raise ValueError("a dollar sign is followed by no variable: write $$ for the sign itself")
    operator = reading.take(_OPERATOR) if braced else ""
    unset = len(reading.unset)
    word = _read(reading, depth + 1) if operator else ""
    if braced:
        if not reading.text.startswith("}", reading.at):
            raise ValueError(f"the braces of ${{{name} are not closed, or hold what compose does not know")
        reading.at += 1
    value = reading.lookup(name)
    there = value is not None and (bool(value) or not operator.startswith(":"))
    if not operator:
        reading.unset += [] if there else [name]
        return value or ""
    if operator[-1] == "?" and not there:
        raise ValueError(f"the variable {name} has to be set{f': {word}' if word else ''}")
    if there is (operator[-1] == "+"):
        return word
    del reading.unset[unset:]  # what the word would have needed is not missed
    return "" if operator[-1] == "+" else value or ""


def chain(*lookups: Lookup) -> Lookup:
    """Looks a variable up in several places, the first of them first."""

    def look(name: str) -> str | None:
        return next((value for lookup in lookups if (value := lookup(name)) is not None), None)

    return look


def read_env_file(data: bytes, file: str, lookup: Lookup, *, raw: bool = False) -> dict[str, Setting]:
    """What an env file sets, each with its line. UsageError for a line that sets nothing.

    Values that are not quoted, or in double quotes, may hold variables, of `lookup` first and of the lines before; not
    where the file is `raw`. A name alone is taken from `lookup`.
    """
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise UsageError(f"{file}: expected UTF-8, but byte {error.start} is not") from error
    found: dict[str, Setting] = {}
    known: dict[str, str] = {}
    for name, value, plain, line in (_raw_assignments if raw else _assignments)(text, file):
        place = Place(file, line)
        if value is None:
            found[name] = Setting(lookup(name), place, passed=True)
        else:
            put, unset = _put_in(value, chain(lookup, known.get)) if plain else (value, ())
            found[name] = Setting(put, place, unset)
        known[name] = found[name].value or ""
    return found


def _put_in(value: str, lookup: Lookup) -> tuple[str, tuple[str, ...]]:
    try:
        return substitute(value, lookup)
    except ValueError:  # in an env file, what is no variable is itself
        return value, ()


type Assignments = Iterator[tuple[str, str | None, bool, int]]
"""Each name with its value (None where it has no sign), whether that may hold variables, and its line."""


def _raw_assignments(text: str, file: str) -> Assignments:
    """Those of a file in which quotes and dollar signs are themselves."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            name, sign, value = line.partition("=")
            if not name.strip():
                raise UsageError(f"{file}:{number}: expected NAME=VALUE")
            yield name.strip(), value if sign else None, False, number


def _assignments(text: str, file: str) -> Assignments:
    at = 0
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        line = text.count("\n", 0, at) + 1
        start = at + len(text[at:end]) - len(text[at:end].lstrip())
        at = end + 1
        if start == end or text[start] == "#":
            continue
        found = _ASSIGNMENT.match(text, start, end)
        if found is None or (not found["sign"] and _COMMENT.sub("", text[found.end() : end]).strip()):
            raise UsageError(f"{file}:{line}: expected NAME=VALUE")
        if not found["sign"]:
            yield found["name"], None, False, line
            continue
        quote = text[found.end() : found.end() + 1]
        if quote and quote in "'\"":
            closing = _find_closing(text, found.end() + 1, quote)
            if closing < 0:
                raise UsageError(f"{file}:{line}: the quotes of {found['name']} are not closed")
            value = text[found.end() + 1 : closing]
            end = text.find("\n", closing)
            at = len(text) if end < 0 else end + 1
            yield found["name"], _unescape(value) if quote == '"' else value, quote == '"', line
        else:
            yield found["name"], _COMMENT.sub("", text[found.end() : end]).strip(), True, line


def _find_closing(text: str, at: int, quote: str) -> int:
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == quote:
            return at
        at += 1
    return -1


def _unescape(value: str) -> str:
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[0]), value, flags=re.DOTALL)
