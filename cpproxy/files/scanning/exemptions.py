"""What the config says is no secret, whatever it looks like: `not_secrets` and `not_patterns` of `[redact]`.

Read here once more, apart from the redactor: a slip in how one of them reads the config must not blind both.
"""

import re
from typing import TYPE_CHECKING

from cpproxy.core import jsonpath
from cpproxy.core.config import Redact
from cpproxy.core.patterns import compile_patterns, fits
from cpproxy.errors import UsageError

if TYPE_CHECKING:
    from cpproxy.core.jsonpath import Step
    from cpproxy.files.scanning import Allowed, Spot

_PLACE = re.compile(r"(header|cookie|query|form):(.+)", re.DOTALL)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W_a-zA-Z0-9]+")


def read_exemptions(redact: Redact) -> "Allowed":
    """Whether the config exempts what was found at a spot; UsageError for a pattern or a path that is none."""
    names: set[tuple[str, ...]] = set()
    places: set[tuple[str, str]] = set()
    paths: list[tuple[Step, ...]] = []
    for entry in redact.not_secrets:
        if entry.startswith("$"):
            paths.append(_parse_path(entry))
        elif place := _PLACE.fullmatch(entry):
            places.add(_fold(place[1], place[2]))
        else:
            names.add(_words(entry))
    patterns = compile_patterns("[redact] not_patterns", redact.not_patterns)

    def allowed(spot: "Spot") -> bool:
        return (
            any(_words(name) in names for name in spot.names)
            or any(_fold(*place.split(":", 1)) in places for place in spot.places)
            or (spot.path is not None and any(_leads(path, spot.path) for path in paths))
            or any(fits(pattern, spot.value) for pattern in patterns)
        )

    return allowed


def _parse_path(text: str) -> "tuple[Step, ...]":
    try:
        return jsonpath.parse(text).steps
    except ValueError as error:
        raise UsageError(f"[redact] not_secrets: {error}") from None


def _leads(path: "tuple[Step, ...]", steps: tuple[str | int, ...]) -> bool:
    return len(path) == len(steps) and all(one is None or one == step for one, step in zip(path, steps, strict=True))


def _words(name: str) -> tuple[str, ...]:
    """`X-Admin-Token`, `admin_token` and `adminToken` end in the same words."""
    return tuple(word.casefold() for word in _WORD.findall(name))


def _fold(kind: str, name: str) -> tuple[str, str]:
    """A place in one spelling: header names are the same in any case (RFC 9110 section 5.1)."""
    return kind, name.strip().lower() if kind == "header" else name.strip()
