"""How long it takes from the start of a process to its first whole answer, beside merely importing aiohttp."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from tests.bench import peers, product
from tests.bench.plan import SIZES, Goal, Plan, Section
from tests.bench.servers import BenchError, Launch, launched, pin
from tests.bench.workload import Exchange, build_exchanges

type Key = tuple[str, int]
"""A server's or program's name and how many interactions it holds; 0 where it holds none."""

IMPORT = "python -c 'import aiohttp.web'"
HELP = "cpproxy --help"
WANTED = {1_000: 0.4, 10_000: 0.7}
WANTED_HELP = 0.15


def measure_start(plan: Plan) -> Section:
    """Every server at every size, and the programs without one, in turn; medians in seconds."""
    tried = _prepare(plan)
    times: dict[Key, list[float]] = {key: [] for key, *_ in tried}
    failures: dict[Key, str] = {}
    for turn in range(plan.starts + 1):
        for key, measure, is_peer in tried:
            if key in failures or (is_peer and turn > plan.peer_starts):
                continue
            try:
                seconds = measure()
            except BenchError as error:
                if not is_peer:
                    raise
                failures[key] = str(error)
            else:
                if turn:  # the first one fills the caches of bytecode and disk
                    times[key].append(seconds)
    return _build_section(plan, times, failures)


def _prepare(plan: Plan) -> list[tuple[Key, Callable[[], float], bool]]:
    tried: list[tuple[Key, Callable[[], float], bool]] = [
        ((IMPORT, 0), _for_program(plan, (sys.executable, "-c", "import aiohttp.web")), False),
        ((HELP, 0), _for_program(plan, (str(product.find_command()), "--help")), False),
    ]
    for size in SIZES:
        exchanges = build_exchanges(size)
        folder = plan.make_folder("start", product.NAME, size)
        replay = product.prepare_replay(exchanges, folder)
        tried.append(((product.NAME, size), _for_server(plan, replay.launch, exchanges[-1]), False))
        for peer in peers.list_peers(plan.tools):
            if not peer.missing and (not peer.constant or size == SIZES[0]):
                launch = peer.prepare(exchanges, plan.make_folder("start", peer.name, size))
                key = (peer.name, 0 if peer.constant else size)
                tried.append((key, _for_server(plan, launch, exchanges[-1]), True))
    return tried


def _for_server(plan: Plan, launch: Launch, exchange: Exchange) -> Callable[[], float]:
    def measure() -> float:
        with launched(launch, plan.cpus.server) as server:
            return server.await_answer(exchange)

    return measure


def _for_program(plan: Plan, command: tuple[str, ...]) -> Callable[[], float]:
    def measure() -> float:
        began = time.perf_counter()
        pinned = pin(command, plan.cpus.server)
        subprocess.run(pinned, stdout=subprocess.DEVNULL, check=True, cwd=plan.folder)
        return time.perf_counter() - began

    return measure


def _build_section(plan: Plan, times: dict[Key, list[float]], failures: dict[Key, str]) -> Section:
    medians = {key: statistics.median(found) for key, found in times.items() if found}
    base = medians[IMPORT, 0]
    rows = []
    for name in dict.fromkeys(name for name, _ in times):
        if (name, 0) in times:
            rows.append((name, _build_cell(medians.get((name, 0)), base), *("" for _ in SIZES[1:])))
        else:
            rows.append((name, *(_build_cell(medians.get((name, size)), base) for size in SIZES)))
    return Section(
        f"Start to first answer: milliseconds (median of {plan.starts} starts, of the peers {plan.peer_starts}; in "
        f"brackets the ratio to `{IMPORT}`)",
        ("server", *(f"{size:,} interactions" for size in SIZES)),
        tuple(rows),
        _build_goals(medians),
        tuple(f"{name} at {size:,}: failed: {why}" for (name, size), why in failures.items()),
        {"starts": [{"server": name, "size": size, "seconds": found} for (name, size), found in times.items()]},
    )


def _build_cell(seconds: float | None, base: float) -> str:
    return "failed" if seconds is None else f"{seconds * 1000:,.0f} ({seconds / base:.2f})"


def _build_goals(medians: dict[Key, float]) -> tuple[Goal, ...]:
    goals = [
        Goal(f"first answer at {size:,}", f"≤ {limit} s", f"{medians[product.NAME, size]:.3f} s", reached)
        for size, limit in WANTED.items()
        for reached in [medians[product.NAME, size] <= limit]
    ]
    took = medians[HELP, 0]
    return (*goals, Goal(f"`{HELP}`", f"< {WANTED_HELP} s", f"{took:.3f} s", took < WANTED_HELP))
