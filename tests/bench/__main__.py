"""Benchmarks of cpproxy, by hand: `python -m tests.bench`. Prints markdown for the README.

    python -m tests.bench                         everything; about ten minutes
    python -m tests.bench --quick                 a few short rounds: to see that it works, not to quote
    python -m tests.bench --only replay,start     some of replay, bindings, matching, start, memory, record, redaction
    python -m tests.bench --json FILE             the same numbers, every round of them, as JSON too
    python -m tests.bench --ratio [--least 1.2] [--most 1.3]
                                                  for a pipeline: replay to the plain application, and calls whose ids
                                                  are bound to calls without, about 30 s

It needs Linux and `wrk`, and for the servers beside cpproxy nginx, Node.js with npm and a JRE; what is missing is named
in a line and left out. talkback, mountebank and WireMock come from npm, into the user's cache folder.

How it measures: servers take turns in short rounds (A B C A B C), all others halted meanwhile; a ratio is the median of
the rounds' ratios. Servers run on one CPU, the load on another, where there are two. All answer from the same set: half
GETs, half POSTs with JSON bodies, about 300 bytes each, asked for in a shuffled order over 32 connections. Before a
round counts, each server's answers are compared with the set byte for byte; one error under load ends the run, or for a
peer prints `failed`. After the last round, every call that cpproxy answered must be on its ledger, and every call that
it recorded in its cassette. The peers run at their best on that one CPU: no access log, no journal of calls, WireMock
warmed up for 15 s (with a second CPU it would gain, since it has many threads).

Quote numbers from a quiet machine alone: whatever else runs takes from the servers' one CPU.

Exit code: 0 measured (a missed goal is printed, and is no failure), 1 a ratio below `--least` or above `--most`, or a
measurement that must not be believed, 2 usage, or no `wrk`.
"""

# ruff: noqa: T201 (what this program prints is its output)

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from tests.bench.bindings import measure_bindings
from tests.bench.load import CONNECTIONS, find_wrk
from tests.bench.matching import MOST, measure_matching
from tests.bench.matching import measure_ratio as measure_matching_ratio
from tests.bench.memory import measure_memory
from tests.bench.peers import list_peers
from tests.bench.plan import Plan, Section
from tests.bench.record import measure_record
from tests.bench.redaction import measure_redaction
from tests.bench.replay import RATIO_SIZE, measure_ratio, measure_replay
from tests.bench.report import build_json, render_markdown
from tests.bench.servers import BenchError, Cpus, choose_cpus
from tests.bench.start import measure_start
from tests.bench.tools import NO_TOOLS, find_tools

MEASUREMENTS: dict[str, Callable[[Plan], Section]] = {
    "replay": measure_replay,
    "bindings": measure_bindings,
    "matching": measure_matching,
    "start": measure_start,
    "memory": measure_memory,
    "record": measure_record,
    "redaction": measure_redaction,
}


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    options = _parse(arguments)
    signal.signal(signal.SIGTERM, _leave)
    if find_wrk() is None and (options.ratio or options.only != ["start"]):
        print("bench: no wrk: install it (Debian: apt install wrk)", file=sys.stderr)
        return 2
    try:
        with tempfile.TemporaryDirectory(prefix="cpproxy-bench-") as folder:
            return _measure_ratio(options, Path(folder)) if options.ratio else _measure_all(options, Path(folder))
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.bench", description="Benchmarks of cpproxy; see the module.")
    parser.add_argument("--quick", action="store_true", help="a few short rounds")
    parser.add_argument("--only", type=_split, default=list(MEASUREMENTS), help=f"some of {','.join(MEASUREMENTS)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every measurement there too")
    parser.add_argument("--ratio", action="store_true", help="replay to the plain application alone")
    parser.add_argument("--least", type=float, default=1.2, help="the ratio below which --ratio fails (1.2)")
    parser.add_argument("--most", type=float, default=MOST, help=f"above it, --ratio fails for calls with ids ({MOST})")
    return parser.parse_args(arguments)


def _split(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in MEASUREMENTS:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(MEASUREMENTS)}")
    return names


def _leave(number: int, _frame: object) -> NoReturn:
    # So that SIGTERM ends the servers as leaving the blocks does.
    sys.exit(128 + number)


def _measure_ratio(options: argparse.Namespace, folder: Path) -> int:
    plan = Plan(folder, choose_cpus(), NO_TOOLS, 5, 2.0, 1.0, 0.0, 0, 0)
    ratio = measure_ratio(plan)
    reached = ratio >= options.least
    print(
        f"replay at {RATIO_SIZE:,} interactions, ledger on: {ratio:.2f} times the plain aiohttp application, "
        f"at least {options.least:g} wanted: {'pass' if reached else 'miss'} ({plan.cpus.describe()})"
    )
    without, bound = measure_matching_ratio(plan, RATIO_SIZE)
    cheap = bound <= options.most * without
    print(
        f"matching at {RATIO_SIZE:,} interactions: a call whose ids are bound takes {bound / without:.2f} times one "
        f"without, at most {options.most:g} wanted: {'pass' if cheap else 'miss'}"
    )
    return 0 if reached and cheap else 1


def _measure_all(options: argparse.Namespace, folder: Path) -> int:
    busy = os.getloadavg()[0]
    notices: list[str] = []
    tools = find_tools(notices)
    cpus = choose_cpus()
    if options.quick:
        plan = Plan(folder, cpus, tools, 3, 1.0, 1.0, 5.0, 3, 1)
    else:
        plan = Plan(folder, cpus, tools, 7, 2.0, 3.0, 15.0, 9, 3)
    for notice in [*notices, *(f"{peer.name}: {peer.missing}" for peer in list_peers(tools) if peer.missing)]:
        print(f"bench: {notice}", file=sys.stderr)
    sections = []
    for name in options.only:
        print(f"bench: measuring {name}", file=sys.stderr)
        sections.append(MEASUREMENTS[name](plan))
    conditions = _describe_conditions(cpus, busy)
    print(render_markdown(sections, conditions), end="")
    if options.json:
        options.json.write_text(json.dumps(build_json(sections, conditions), indent=2) + "\n", "utf-8")
    return 0


def _describe_conditions(cpus: Cpus, busy: float) -> list[str]:
    machine = f"Python {platform.python_version()}, Linux {platform.release()}, {os.cpu_count()} CPUs"
    return [
        f"{machine}; {cpus.describe()}; {CONNECTIONS} connections.",
        f"Load average of the minute before: {busy:.2f}; quote it only where this is near 0.",
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
