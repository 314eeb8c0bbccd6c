"""Texts of which parts are replaced."""

from collections.abc import Iterable
from typing import NamedTuple


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
