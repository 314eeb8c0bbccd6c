"""What a run must have called: `METHOD PATH [JSONPATH=VALUE …] [>=N]`, as `verify --require` and `wait --for` take it.

    POST /cp/workspaces/provision $.org_id=org-alpha >=2
    GET /cp/workspaces/{id}/status

A value is a JSON literal, else the bare string; strings with spaces stand in quotes. Without `>=N` one call will do.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import msgspec

from cpproxy.core import jsonpath
from cpproxy.core.calls import Call, Way
from cpproxy.core.routes import Template
from cpproxy.errors import UsageError

_WORD = re.compile(r'(?:"(?:\\.|[^"\\])*"|\S)+')
_COUNT = re.compile(r">=\s*(\d+)\s*\Z")
_SHAPE = "METHOD PATH [JSONPATH=VALUE …] [>=N], as in 'POST /cp/workspaces/provision $.org_id=org-alpha >=2'"


@dataclass(frozen=True, slots=True)
class Condition:
    """A value that must stand somewhere in the request's JSON body."""

    path: jsonpath.JsonPath
    value: Any

    @classmethod
    def parse(cls, text: str) -> Self:
        """The condition that `$.a.b=VALUE` writes; ValueError says what is wrong with it."""
        # A name in brackets may hold an equals sign; elsewhere the first one ends the path.
        found = re.match(r"""((?:\['[^']*'\]|\["[^"]*"\]|[^=])*)=(.*)\Z""", text, re.DOTALL)
        if found is None:
            raise ValueError(f"{text!r} is no JSONPATH=VALUE")
        path, value = found.groups()
        try:
            return cls(jsonpath.parse(path), msgspec.json.decode(value))
        except msgspec.DecodeError:
            return cls(jsonpath.parse(path), value)

    def holds(self, body: Any) -> bool:  # noqa: ANN401 (JSON)
        """Whether the value stands in a body."""
        return any(_equal(found, self.value) for found in jsonpath.find(body, self.path))


def _equal(one: Any, other: Any) -> bool:  # noqa: ANN401 (JSON)
    """JSON's equality: `true` is not 1, which Python's says."""
    match one, other:
        case dict(), dict():
            return one.keys() == other.keys() and all(_equal(value, other[name]) for name, value in one.items())
        case list(), list():
            return len(one) == len(other) and all(map(_equal, one, other))
        case _:
            return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


@dataclass(frozen=True, slots=True)
class Requirement:
    """At least `count` calls at the front that fit the template and all conditions, whatever became of them."""

    text: str
    template: Template
    conditions: tuple[Condition, ...]
    count: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """The requirement that `text` writes. UsageError says what is wrong with it."""
        rest, count = text.strip(), 1
        if found := _COUNT.search(rest):
            rest, count = rest[: found.start()], int(found[1])
        words = _WORD.findall(rest)
        try:
            if count < 1:
                raise ValueError("the count is at least 1")  # noqa: TRY301 - one place words all complaints
            template = Template.parse(" ".join(words[:2]))
            conditions = tuple(Condition.parse(word) for word in words[2:])
        except ValueError as error:
            raise UsageError(f"requirement {text!r}: {error}; expected {_SHAPE}") from error
        return cls(text.strip(), template, conditions, count)

    def fits(self, call: Call) -> bool:
        """Whether a call is one of those that are asked for."""
        if call.way is not Way.FRONT or not self.template.matches(call.method, call.target.partition("?")[0]):
            return False
        if not self.conditions:
            return True
        if not isinstance(call.body, msgspec.Raw):
            return False
        try:
            body = msgspec.json.decode(call.body)
        except (msgspec.DecodeError, RecursionError):  # too deep, or no JSON: then nothing stands anywhere in it
            return False
        return all(condition.holds(body) for condition in self.conditions)


def parse_waits(texts: Sequence[str]) -> tuple[Requirement, ...]:
    """What `wait` is to wait for. UsageError for what is none, and for a condition on the body."""
    requirements = tuple(map(Requirement.parse, texts))
    for one in requirements:
        if one.conditions:
            raise UsageError(f"wait {one.text!r}: looks at method and path alone; `cpproxy verify --require` at bodies")
    return requirements
