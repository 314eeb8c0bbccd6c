"""The lines to add, as a compose file that is laid over the others."""

import json
import re
from collections.abc import Iterator
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_./][A-Za-z0-9_./:@-]*(?<!:)")
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


class Override:
    """Collects what is to be added to services, each thing once."""

    def __init__(self) -> None:
        self._services: dict[str, dict[str, Any]] = {}

    def set(self, service: str, *path: str, value: Any) -> None:  # noqa: ANN401 - what YAML holds
        """Sets a value of a service; in a list, adds what is not there."""
        table = self._services.setdefault(service, {})
        for name in path[:-1]:
            table = table.setdefault(name, {})
        if isinstance(value, list) and isinstance(there := table.get(path[-1]), list):
            table[path[-1]] = [*there, *(one for one in value if one not in there)]
        else:
            table[path[-1]] = value

    def replace(self, service: str, *path: str, value: Any) -> None:  # noqa: ANN401 - what YAML holds
        """Sets a value of a service, and a list as a whole."""
        if isinstance(self.get(service, *path), list):
            self.set(service, *path, value=None)
        self.set(service, *path, value=value)

    def get(self, service: str, *path: str) -> Any:  # noqa: ANN401 - as above
        """A value of a service as it was set, or None."""
        table: Any = self._services.get(service)
        for name in path:
            table = table.get(name) if isinstance(table, dict) else None
        return table

    def render(self) -> str:
        """The file's text, empty where nothing is to be added."""
        if not self._services:
            return ""
        return "\n".join(_lines({"services": self._services}, 0)) + "\n"


def _lines(table: dict[str, Any], depth: int) -> Iterator[str]:
    indent = "  " * depth
    for name, value in table.items():
        match value:
            case dict():
                yield f"{indent}{_scalar(name)}:"
                yield from _lines(value, depth + 1)
            case list():
                yield f"{indent}{_scalar(name)}: [{', '.join(map(_scalar, value))}]"
            case _:
                yield f"{indent}{_scalar(name)}: {_scalar(value)}"


def _scalar(value: Any) -> str:  # noqa: ANN401 - as above
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    if isinstance(value, int) or (_PLAIN.fullmatch(text) and text.lower() not in _WORDS):
        return text
    return json.dumps(text.replace("$", "$$"), ensure_ascii=False)
