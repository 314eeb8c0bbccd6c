"""What identities cost a client: calls whose ids are bound to others beside calls without ids."""

import contextlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from tests.bench import product
from tests.bench.load import Load, Turn, median_rate, median_ratio, run_alone, run_rounds
from tests.bench.matching import LIVE, RECORDED
from tests.bench.plan import SIZES, Goal, Plan, Section
from tests.bench.servers import Server, ask, launched
from tests.bench.workload import Exchange, build_exchanges, name_items, write_wrk_script

WITHOUT = "calls without ids"
SAME = "the recorded ids again"
BOUND = "ids of its own, bound and written in"
LEAST = 1 / 1.3

type Key = tuple[str, int]
"""What is asked, and how many interactions there are."""


def measure_bindings(plan: Plan) -> Section:
    """All three kinds of calls at all sizes, in the same rounds, and the time of inference."""
    turns: dict[Key, Turn] = {}
    with contextlib.ExitStack() as stack:
        for size in SIZES:
            plain = build_exchanges(size)
            recorded = name_items(plain, RECORDED)
            for name, held, asked in (
                (WITHOUT, plain, plain),
                (SAME, recorded, recorded),
                (BOUND, recorded, name_items(plain, LIVE)),
            ):
                made = product.prepare_replay(held, plan.make_folder("bindings", name, size))
                script = plan.folder / f"bindings-{name.replace(' ', '-')}-{size}.lua"
                write_wrk_script(script, asked)
                server = stack.enter_context(launched(made.launch, plan.cpus.server))
                server.await_answer(asked[0])
                _bind(server, asked)
                server.check_answers(asked)
                turns[name, size] = Turn(_make_round(plan, server, script, plan.seconds), optional=False)
                run_alone(server, script, plan.warming, plan.cpus)
        loads = run_rounds(turns, plan.rounds).loads
    return _build_section(plan, loads)


def _bind(server: Server, asked: tuple[Exchange, ...]) -> None:
    """Asks for all in recorded order: nothing but that tells which id of its own stands for which."""
    with server.connect() as connection:
        for exchange in asked:
            ask(connection, exchange)


def _make_round(plan: Plan, server: Server, script: Path, seconds: float) -> Callable[[], Load]:
    return lambda: run_alone(server, script, seconds, plan.cpus)


def _build_section(plan: Plan, loads: dict[Key, list[Load]]) -> Section:
    names = (WITHOUT, SAME, BOUND)
    rows = [(name, *(_build_cell(loads[name, size], loads[WITHOUT, size]) for size in SIZES)) for name in names]
    ratios = {size: median_ratio(loads[BOUND, size], loads[WITHOUT, size]) for size in SIZES}
    goals = [
        Goal(f"bound calls at {size:,}, to calls without ids", f"≥ {LEAST:.2f}", f"{ratio:.2f}", ratio >= LEAST)
        for size, ratio in ratios.items()
    ]
    for size in SIZES[1:]:
        flat = median_ratio(loads[BOUND, size], loads[BOUND, SIZES[0]])
        goals.append(
            Goal(f"bound calls at {size:,}, to themselves at {SIZES[0]}", "≥ 0.85", f"{flat:.2f}", flat >= 0.85)
        )
    return Section(
        f"Identities: answers a second (median of {plan.rounds} rounds of {plan.seconds:g} s; in brackets the median "
        "ratio to calls without ids)",
        ("asked with", *(f"{size:,} interactions" for size in SIZES)),
        tuple(rows),
        tuple(goals),
        data={
            "rounds": [
                {"asked": name, "size": size, "loads": [asdict(x) for x in xs]} for (name, size), xs in loads.items()
            ],
        },
    )


def _build_cell(loads: list[Load], base: list[Load]) -> str:
    return f"{median_rate(loads):,.0f} ({median_ratio(loads, base):.2f})"
