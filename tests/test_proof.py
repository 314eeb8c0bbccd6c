"""The proof that each rule of replay is held by tests: without the rule, those about it fall."""

import inspect
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests import test_cases, test_echoes, test_guesses, test_moves, test_reading, test_rules, test_serving, test_worlds
from tests.rules import RULES

HERE = Path(__file__).parent
MODULES = (test_cases, test_rules, test_reading, test_serving, test_guesses, test_moves, test_worlds, test_echoes)


@dataclass
class Fallen:
    """The tests that fell by an assertion of their own, and those that broke otherwise, which prove nothing."""

    asserted: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)


def every_test() -> Iterator[tuple[str, Callable[[], None]]]:
    """The tests of replay, each with each of its parameters."""
    for module in MODULES:
        for name, test in inspect.getmembers(module, inspect.isfunction):
            if name.startswith("test_"):
                yield from ((name, lambda test=test, more=more: test(**more)) for more in parameters(test))


def parameters(test: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [{}]
    for mark in getattr(test, "pytestmark", []):
        assert mark.name == "parametrize", mark
        names = (mark.args[0],) if isinstance(mark.args[0], str) else tuple(mark.args[0])
        rows = [unpack(row, len(names)) for row in mark.args[1]]
        found = [one | dict(zip(names, row, strict=True)) for one in found for row in rows]
    return found


def unpack(row: Any, size: int) -> tuple[Any, ...]:
    if isinstance(row, type(pytest.param())):
        return tuple(row.values)
    return (row,) if size == 1 else tuple(row)


def run() -> Fallen:
    """Runs every test."""
    fallen = Fallen()
    for name, test in every_test():
        try:
            test()
        except Exception as error:  # noqa: BLE001 (what is not an assertion of the test is told apart from it)
            where = Path(traceback.extract_tb(error.__traceback__)[-1].filename)
            own = isinstance(error, AssertionError) and where.parent == HERE
            (fallen.asserted if own else fallen.broken).add(name)
    return fallen


def counting(instead: Any, name: str, applied: set[str]) -> Any:
    """What stands in for a rule, noting that it was asked; what is no function is seen by what falls alone."""
    if not inspect.isfunction(instead):
        applied.add(name)
        return instead

    def asked(*arguments: Any, **more: Any) -> Any:
        applied.add(name)
        return instead(*arguments, **more)

    return asked


def test_no_test_falls_while_every_rule_is_on() -> None:
    assert run() == Fallen()


def test_every_test_that_holds_a_rule_is_one() -> None:
    known = {name for name, _ in every_test()}
    assert {name for row in RULES.values() for name in row.held} <= known


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES)
def test_the_tests_about_a_rule_fall_without_it(
    rule: str, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    row = RULES[rule]
    applied: set[str] = set()
    for owner, name, instead in row.switches:
        assert getattr(owner, name) is not instead
        monkeypatch.setattr(owner, name, counting(instead, name, applied))
    fallen = run()
    monkeypatch.undo()
    others = len(fallen.asserted - set(row.held))
    record_property("rule", f"{rule}: {', '.join(row.held)}" + (f", and {others} more" if others else ""))
    assert applied == {name for _, name, _ in row.switches}, "a switch that nothing asked"
    assert set(row.held) <= fallen.asserted, f"others fell: {fallen}"
    assert run() == Fallen(), "what was switched off stays off"
