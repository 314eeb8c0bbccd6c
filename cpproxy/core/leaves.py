"""JSON values leaf by leaf: the same tree, with other texts, numbers, booleans or nulls in it."""

from collections.abc import Callable
from typing import Any


def map_leaves(value: Any, change: Callable[[Any], Any], rename: Callable[[str], str] | None = None) -> Any:  # noqa: ANN401 (JSON)
    """The value with each leaf as `change` makes it, and its members' names as `rename` does, if it is given."""
    match value:
        case dict():
            return {rename(name) if rename else name: map_leaves(one, change, rename) for name, one in value.items()}
        case list():
            return [map_leaves(element, change, rename) for element in value]
        case _:
            return change(value)


def map_texts(value: Any, change: Callable[[str], str], *, names: bool) -> Any:  # noqa: ANN401 (JSON)
    """The value with each text as `change` makes it, and with `names` its members' names likewise."""
    return map_leaves(value, lambda leaf: change(leaf) if isinstance(leaf, str) else leaf, change if names else None)
