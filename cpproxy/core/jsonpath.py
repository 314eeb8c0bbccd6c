"""Paths into JSON values, as the config and requirements write them: `$.env.BUILD`, `$.items[0].id`, `$.items[*]`.

The part of RFC 9535 that names places: member names after a dot or as `['…']`, indices, and `*` for all of either.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

type Step = str | int | None
"""A member's name, an element's index, or None for all of them."""

_STEP = re.compile(
    r"""\.(?P<name>[^.\[\]'"\s*]+) | \.(?P<all>\*) | \[(?P<index>\d+)\] | \[(?P<each>\*)\]
    | \['(?P<single>[^']*)'\] | \["(?P<double>[^"]*)"\]""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A parsed path; `str()` gives it back as it was written."""

    text: str
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return self.text


def parse(text: str) -> JsonPath:
    """The path that `text` writes; raises ValueError saying what is wrong with it."""
    if not text.startswith("$"):
        raise ValueError(f"a JSON path starts with $, as in $.env.BUILD, not {text!r}")
    steps: list[Step] = []
    position = 1
    while position < len(text):
        found = _STEP.match(text, position)
        if found is None:
            raise ValueError(f"the JSON path {text!r} cannot be read from {text[position:]!r} on")
        position = found.end()
        if found["index"] is not None:
            steps.append(int(found["index"]))
        elif found["all"] or found["each"]:
            steps.append(None)
        else:
            steps.append(next(name for name in (found["name"], found["single"], found["double"]) if name is not None))
    return JsonPath(text, tuple(steps))


def find(value: Any, path: JsonPath) -> Iterator[Any]:  # noqa: ANN401 (JSON)
    """Every value that stands at the path."""
    return _find(value, path.steps)


def _find(value: Any, steps: tuple[Step, ...]) -> Iterator[Any]:  # noqa: ANN401 (JSON)
    if not steps:
        yield value
        return
    for key in _keys(value, steps[0]):
        yield from _find(value[key], steps[1:])


def without(value: Any, path: JsonPath) -> Any:  # noqa: ANN401 (JSON)
    """The value less what stands at the path; what it was given stays as it is."""
    return _without(value, path.steps)


def _without(value: Any, steps: tuple[Step, ...]) -> Any:  # noqa: ANN401 (JSON)
    if not steps:
        return value
    keys = set(_keys(value, steps[0]))
    if not keys:
        return value
    last = len(steps) == 1
    if isinstance(value, dict):
        return {
            name: _without(member, steps[1:]) if name in keys else member
            for name, member in value.items()
            if not (last and name in keys)
        }
    return [
        _without(element, steps[1:]) if index in keys else element
        for index, element in enumerate(value)
        if not (last and index in keys)
    ]


def _keys(value: Any, step: Step) -> list[Any]:  # noqa: ANN401 (JSON)
    match value, step:
        case dict(), None:
            return list(value)
        case dict(), str():
            return [step] if step in value else []
        case list(), None:
            return list(range(len(value)))
        case list(), int():
            return [step] if step < len(value) else []
        case _:
            return []


def child(path: str, key: str | int) -> str:
    """The path of a member or an element of what stands at `path`."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if re.fullmatch(r"[^.\[\]'\"\s*]+", key) else f"{path}[{key!r}]"
