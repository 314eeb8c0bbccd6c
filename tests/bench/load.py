"""The load: wrk for a few seconds against one server at a time, turn by turn, so that a slow minute slows them all."""

import json
import shutil
import statistics
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.servers import BenchError, Cpus, Server, pin
from tests.bench.workload import HOST

CONNECTIONS = 32
# A server that needs longer than this for one answer has collapsed.
ANSWER_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw: answers, answers a second, and the 99th percentile of the time to one in milliseconds."""

    answers: int
    rate: float
    p99: float


def find_wrk() -> str | None:
    """Where wrk is, or None."""
    return shutil.which("wrk")


def run_wrk(server: Server, script: Path, seconds: float, cpus: Cpus) -> Load:
    """One round. BenchError if any answer was an error or missing."""
    command = (
        *("wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{max(1, round(seconds))}s"),
        *("--timeout", f"{ANSWER_SECONDS}s", "--script", str(script), f"http://{HOST}:{server.launch.port}"),
    )
    done = subprocess.run(pin(command, cpus.load), capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        raise BenchError(f"wrk against {server.launch.name} failed: {(done.stdout + done.stderr).strip()[-300:]}")
    seen = json.loads(lines[-1])
    bad = {name: seen[name] for name in ("refused", "broken", "timeouts") if seen[name]}
    if bad:
        raise BenchError(f"{server.launch.name}: under load, of {seen['requests']} calls failed: {bad}")
    if not seen["requests"]:
        raise BenchError(f"{server.launch.name}: not one answer in {seconds:g} s, asked over {CONNECTIONS} connections")
    return Load(seen["requests"], seen["requests"] / seen["microseconds"] * 1e6, seen["p99"] / 1000)


def run_alone(server: Server, script: Path, seconds: float, cpus: Cpus) -> Load:
    """One round for a server that is halted before and after it."""
    server.resume()
    try:
        return run_wrk(server, script, seconds, cpus)
    finally:
        server.halt()


@dataclass(frozen=True, slots=True)
class Turn:
    """One server's part in every round. The failure of an `optional` one is shown, any other ends the run."""

    run: Callable[[], Load]
    optional: bool


@dataclass(frozen=True, slots=True)
class Rounds[K]:
    """What all rounds measured; whoever failed is in `failures` alone."""

    loads: dict[K, list[Load]]
    failures: dict[K, str]


def run_rounds[K](turns: Mapping[K, Turn], rounds: int) -> Rounds[K]:
    """All turns in order, `rounds` times: A B C A B C. BenchError where one fails that must not."""
    loads: dict[K, list[Load]] = {key: [] for key in turns}
    failures: dict[K, str] = {}
    for _ in range(rounds):
        for key, turn in turns.items():
            if key in failures:
                continue
            try:
                loads[key].append(turn.run())
            except BenchError as error:
                if not turn.optional:
                    raise
                failures[key] = str(error)
                del loads[key]
    return Rounds(loads, failures)


def median_rate(loads: Sequence[Load]) -> float:
    """The median of the rates of all rounds."""
    return statistics.median(load.rate for load in loads)


def median_ratio(loads: Sequence[Load], base: Sequence[Load]) -> float:
    """The median of the rounds' ratios: what a slow round does to both cancels out."""
    return statistics.median(load.rate / other.rate for load, other in zip(loads, base, strict=True))
