"""What the terminal shows after the tests: the rules of replay and the tests that fell without each, and figures."""

from collections.abc import Iterator

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    rows = list(_find_rows(terminalreporter, "rule"))
    if rows:
        terminalreporter.section("rules that were switched off, and what fell")
    for row in sorted(rows, key=lambda one: (int(one.split()[0]) if one[0].isdigit() else 99, one)):
        terminalreporter.write_line(row)
    figures = list(_find_rows(terminalreporter, "measured"))
    if figures:
        terminalreporter.section("measured")
    for figure in figures:
        terminalreporter.write_line(figure)


def _find_rows(terminalreporter: pytest.TerminalReporter, wanted: str) -> Iterator[str]:
    for report in (*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")):
        if report.when == "call":
            yield from (str(value) for name, value in report.user_properties if name == wanted)
