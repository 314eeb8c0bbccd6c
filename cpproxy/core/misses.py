"""Why no interaction answers a call: the nearest ones, and every part in which they differ from it.

The distance orders this report. It never chooses an answer.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from cpproxy.core.matching import Difference, Form, compare
from cpproxy.core.messages import printable

_EXAMINED = 64
_SHOWN = 3
_LONGEST = 120
_WEIGHTS = {"method": 8, "path": 6, "body": 3}
_OTHER_WEIGHT = 1


@dataclass(frozen=True, slots=True)
class Near:
    """A recorded interaction and the parts in which a call differs from it; `distance` is the sum of their weights."""

    cassette: str
    interaction: str
    method: str
    path: str
    differences: tuple[Difference, ...]
    distance: int


@dataclass(frozen=True, slots=True)
class Miss:
    """A call that no interaction answers, and those that come nearest to it, nearest first."""

    method: str
    path: str
    nearest: tuple[Near, ...]

    def sentence(self) -> str:
        """The miss in one sentence, for a client's own log line."""
        call = f"{self.method} {self.path}"
        if not self.nearest:
            return f"no recorded interaction answers {call}: nothing is recorded"
        near = self.nearest[0]
        parts = "; ".join(_spell(difference) for difference in near.differences)
        nearest = f"{near.interaction} of cassette {near.cassette}"
        return f"no recorded interaction answers {call}; nearest is {nearest}: {parts}"

    def details(self) -> dict[str, Any]:
        """The miss as JSON: the nearest interactions with each difference as place, expected and found."""
        return {
            "nearest": [
                {
                    "cassette": near.cassette,
                    "interaction": near.interaction,
                    "method": near.method,
                    "path": near.path,
                    "distance": near.distance,
                    "differences": [
                        {
                            "where": printable(difference.where),
                            "expected": _shorten(difference.expected),
                            "found": _shorten(difference.found),
                        }
                        for difference in near.differences
                    ],
                }
                for near in self.nearest
            ],
        }


def explain(form: Form, compared: tuple[bytes, ...], neighbours: Iterable[tuple[str, str, Form]]) -> Miss:
    """The report on a call that missed; `neighbours` are cassette, interaction and form, the likeliest first."""
    near = []
    for cassette, interaction, candidate in islice(neighbours, _EXAMINED):
        differences = compare(candidate, form, compared)
        distance = sum(_WEIGHTS.get(difference.where, _OTHER_WEIGHT) for difference in differences)
        near.append(Near(cassette, interaction, candidate.method, candidate.path, differences, distance))
    near.sort(key=lambda one: one.distance)
    return Miss(form.method, form.path, tuple(near[:_SHOWN]))


def _spell(difference: Difference) -> str:
    where, expected, found = printable(difference.where), _shorten(difference.expected), _shorten(difference.found)
    match expected, found:
        case None, _:
            return f"{where} is {found}, recorded without it"
        case _, None:
            return f"{where} is missing, recorded as {expected}"
        case _:
            return f"{where} is {found}, recorded as {expected}"


def _shorten(text: str | None) -> str | None:
    """The text short enough for a line, its undecodable bytes percent-encoded."""
    if text is None:
        return None
    return printable(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…")
