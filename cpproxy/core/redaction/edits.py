"""Texts of which parts are replaced."""

import re
from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple

import msgspec


class Edit(NamedTuple):
    """What takes the place of a text from `start` up to `end`."""

    start: int
    end: int
    text: str


def apply(text: str, edits: Iterable[Edit]) -> str:
    """The text with all edits made; they are in order and do not overlap."""
    made: list[str] = []
    end = 0
    for one in edits:
        made += (text[end : one.start], one.text)
        end = one.end
    made.append(text[end:])
    return "".join(made)


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        return False
    return True


_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"|-?[0-9][0-9.eE+-]*+', re.DOTALL)


def fit_json(text: str, edits: Iterable[Edit]) -> list[Edit]:
    """The edits after which JSON stays JSON: within its strings, or of a whole number, which becomes a string.

    Where a value stands in a part of a number, or over a string's end, it stands by chance.
    """
    made = list(edits)
    if not made:
        return made
    if not any('"' in text[one.start : one.end] for one in made) and _is_json(apply(text, made)):
        return made  # else one of them stands outside of the strings: nothing that is put in makes sense there
    tokens = [found.span() for found in _TOKEN.finditer(text)]
    fitting: list[Edit] = []
    for one in made:
        at = bisect_right(tokens, (one.start, len(text))) - 1
        start, end = tokens[at] if at >= 0 else (0, 0)
        if start < one.start and one.end < end and text[start] == '"':
            fitting.append(one)
        elif (start, end) == (one.start, one.end) and text[start] != '"':
            fitting.append(one._replace(text=f'"{one.text}"'))
    return fitting
