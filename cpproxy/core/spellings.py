"""How a character may be spelled within a text: as it is, or escaped for JSON, a URL or HTML, one within another.

One decoder for all of them, since real systems nest them: a URL in a URL, JSON in JSON, HTML in JSON. What is found in
the decoded text has a place in the text itself, and what takes its place can be spelled as it was.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache

LEVELS = 6
"""How many escapes within one another are understood."""

LONGEST_OPEN = 24
"""Characters of the longest escape that has begun and not ended."""

_NAMED = {
    "amp": "&",
    "bsol": "\\",
    "colon": ":",
    "commat": "@",
    "gt": ">",
    "lbrack": "[",
    "lsqb": "[",
    "lt": "<",
    "num": "#",
    "period": ".",
    "quest": "?",
    "quot": '"',
    "rbrack": "]",
    "rsqb": "]",
    "sol": "/",
}
# A character beyond the basic plane, of which JSON escapes each half (RFC 8259 section 7).
_PAIR = r"u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}"
_FORMS = {
    "\x1b": r"\x1b\[[0-9;]{0,16}[A-Za-z]",  # a colour of a terminal
    "\\": rf"\\(?:{_PAIR}|u[0-9A-Fa-f]{{4}}|x[0-9A-Fa-f]{{2}}|[nrtbfve0]|[^\w\s])",  # JSON and its kin
    "%": r"%[0-9A-Fa-f]{2}",  # a URL
    "&": rf"&(?:\#[0-9]{{1,7}}|\#[xX][0-9A-Fa-f]{{1,6}}|{'|'.join(_NAMED)});",  # HTML
}
SIGNS = frozenset(_FORMS)
"""The signs with which escapes begin, one for each kind of escape."""

_SPELLED = re.compile("|".join(_FORMS.values()), re.ASCII)
_SPELLED_BY = {sign: re.compile(form, re.ASCII) for sign, form in _FORMS.items()}
_OPEN = re.compile(
    r"(?:\x1b(?:\[[0-9;]{0,16})?|\\(?:u[dD][89abAB][0-9A-Fa-f]{2}(?:\\(?:u[0-9A-Fa-f]{0,3})?)?|u[0-9A-Fa-f]{0,3}|x[0-9A-Fa-f]?)?|%[0-9A-Fa-f]?"
    r"|&(?:\#(?:[0-9]{0,7}|[xX][0-9A-Fa-f]{0,6})|[a-z]{0,6}))\Z"
)
_LONGEST_UNIT = 5  # characters: `u` and four digits
_LAST_CODE = 0x10FFFF
_BEGINNINGS = "\\%&\x1b"
_WRITTEN = {
    "j": {"\\": "\\\\", "/": "\\/"},
    "u": {"\\": "\\\\"} | {one: f"\\u{ord(one):04x}" for one in ":/&"},
    "x": {"\\": "\\\\"} | {one: f"\\x{ord(one):02x}" for one in ":/&"},
    "p": {one: f"%{ord(one):02X}" for one in ":/\\%&#;@[]"},
    "h": {one: f"&#x{ord(one):X};" for one in ":/&"},
    "d": {one: f"&#{ord(one)};" for one in ":/&"},
    "n": {"&": "&amp;", ":": "&colon;", "/": "&sol;"},
}
KINDS = frozenset(_WRITTEN)
"""The letters that stand for a way to escape."""


_NOT_SLUG = re.compile(r"[^a-z0-9_]+")

ESCAPING = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#;[" + _BEGINNINGS)
"""The characters of which escapes are made: where one of them is escaped itself, reading it may make another escape."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A text with its escapes read; `steps` lead back to it, each as places behind escapes, here and one step back."""

    text: str
    steps: tuple[tuple[list[int], list[int]], ...] = ()

    def origin(self, place: int) -> int:
        """Where in the text as it came the character of a place begins."""
        for here, back in reversed(self.steps):
            at = bisect_right(here, place) - 1
            if at >= 0:
                place += back[at] - here[at]
        return place


def read(text: str) -> Plain:
    """The text with all escapes read, `LEVELS` deep."""
    steps: list[tuple[list[int], list[int]]] = []
    for _ in range(LEVELS):
        plain = read_once(text)
        if plain is None:
            break
        text = plain.text
        steps += plain.steps
    return Plain(text, tuple(steps))


def read_once(text: str, kind: str = "") -> Plain | None:
    """The text with its outermost escapes read, or None if it has none.

    `kind` is the sign with which the escapes begin that are read, one of those in `SIGNS`; all of them without.
    """
    if not any(one in text for one in kind or _BEGINNINGS):
        return None
    made: list[str] = []
    here, back = [], []
    length = at = 0
    for found in (_SPELLED_BY[kind] if kind else _SPELLED).finditer(text):
        start, end = found.span()
        made += (text[at:start], _read(found[0])[0])
        length += start - at + 1
        here.append(length)
        back.append(end)
        at = end
    if not here:
        return None
    made.append(text[at:])
    return Plain("".join(made), ((here, back),))


def find_escaped(text: str) -> set[str]:
    """The characters for which the outermost escapes of a text stand."""
    if not any(one in text for one in _BEGINNINGS):
        return set()
    return {_read(one)[0] for one in set(_SPELLED.findall(text))}


def as_slug(text: str) -> str:
    """A text as it stands in the id of an interaction: small letters, digits and `_`, a hyphen for all else."""
    return _NOT_SLUG.sub("-", text.lower()).strip("-")


def find_open(text: str) -> int:
    """Where at the end of a read text an escape begins that has not ended, or the text's length."""
    found = _OPEN.search(text, max(0, len(text) - LONGEST_OPEN))
    return found.start() if found else len(text)


def _read(spelled: str) -> tuple[str, str]:
    """The character that is spelled, and the kind of its spelling: a key of what is written, or nothing."""
    inner = spelled[1:]
    match spelled[0]:
        case "%":
            return chr(int(inner, 16)), "p"
        case "&":
            return _read_html(inner[:-1])
        case "\\" if len(inner) > _LONGEST_UNIT:
            high, low = int(inner[1:5], 16), int(inner[7:], 16)
            return chr(0x10000 + (high - 0xD800) * 0x400 + low - 0xDC00), "u"
        case "\\" if len(inner) > 1:
            return chr(int(inner[1:], 16)), inner[0]
        case "\\":
            return ("\n" if inner in "nrtbfve0" else inner), "j"
        case _:
            return "\x1b", ""


def _read_html(name: str) -> tuple[str, str]:
    if name in _NAMED:
        return _NAMED[name], "n"
    code, kind = (int(f"0{name[1:]}", 0), "h") if name[1] in "xX" else (int(name[1:]), "d")
    return chr(code) if code <= _LAST_CODE else "\ufffd", kind


@lru_cache(maxsize=1024)
def kinds(spelled: str) -> str:
    """How a character is spelled: a letter for each escape around it, the outermost first; nothing for as it is."""
    found = ""
    while len(spelled) > 1:
        one = _SPELLED.search(spelled)
        if one is None:
            return ""
        found += _read(one[0])[1]
        spelled = _SPELLED.sub(lambda part: _read(part[0])[0], spelled)
    return found


def spell(text: str, spelling: str) -> str:
    """A text whose separators are spelled in that way."""
    for kind in reversed(spelling):
        table = _WRITTEN[kind]
        text = "".join(table.get(one, one) for one in text)
    return text
