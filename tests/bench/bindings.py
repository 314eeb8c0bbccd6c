"""What identities cost: inference at the start, and calls whose ids are bound to others beside calls without ids."""

import contextlib
import gc
import statistics
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from cpproxy.core.matching import normalise
from cpproxy.core.replay.decisions import Replay
from cpproxy.core.replay.loading import as_request
from cpproxy.core.routes import RouteTable
from cpproxy.files import cassettes
from cpproxy.files.config import read as read_config
from tests.bench import product
from tests.bench.load import Load, Turn, median_rate, median_ratio, run_alone, run_rounds
from tests.bench.plan import SIZES, Goal, Plan, Section
from tests.bench.servers import Server, ask, launched
from tests.bench.workload import Exchange, build_exchanges, write_wrk_script

WITHOUT = "calls without ids"
RECORDED = "the recorded ids again"
BOUND = "ids of its own, bound and written in"
LEAST = 1 / 1.3
INFERENCE_SECONDS = 1.0
_RECORDED = uuid.UUID("6f1c9d52-0000-4000-8000-000000000001")
_LIVE = uuid.UUID("6f1c9d52-0000-4000-8000-000000000002")

type Key = tuple[str, int]
"""What is asked, and how many interactions there are."""


def name_items(exchanges: tuple[Exchange, ...], space: uuid.UUID) -> tuple[Exchange, ...]:
    """The exchanges with a UUID in the place of each item's name, other ones for each `space`."""
    named = []
    for number, exchange in enumerate(exchanges):
        old, new = f"item-{number:05}", str(uuid.uuid5(space, str(number)))
        body = None if exchange.body is None else exchange.body.replace(old.encode(), new.encode())
        answer = exchange.answer.replace(old.encode(), new.encode())
        named.append(replace(exchange, target=exchange.target.replace(old, new), body=body, answer=answer))
    return tuple(named)


def measure_bindings(plan: Plan) -> Section:
    """All three kinds of calls at all sizes, in the same rounds, and the time of inference."""
    turns: dict[Key, Turn] = {}
    with contextlib.ExitStack() as stack:
        for size in SIZES:
            plain = build_exchanges(size)
            recorded = name_items(plain, _RECORDED)
            for name, held, asked in (
                (WITHOUT, plain, plain),
                (RECORDED, recorded, recorded),
                (BOUND, recorded, name_items(plain, _LIVE)),
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
    return _build_section(plan, loads, _measure_inference(plan))


def _bind(server: Server, asked: tuple[Exchange, ...]) -> None:
    """Asks for all in recorded order: nothing but that tells which id of its own stands for which."""
    with server.connect() as connection:
        for exchange in asked:
            ask(connection, exchange)


def _make_round(plan: Plan, server: Server, script: Path, seconds: float) -> Callable[[], Load]:
    return lambda: run_alone(server, script, seconds, plan.cpus)


def _measure_inference(plan: Plan) -> float:
    """Seconds of loading beyond what an exact match needs, for the largest cassette with an id in every interaction."""
    folder = plan.make_folder("bindings", "inference")
    product.prepare_replay(name_items(build_exchanges(SIZES[-1]), _RECORDED), folder)
    config, _ = read_config(folder / "cpproxy.toml")
    routes = RouteTable(config.routes)
    taken = []
    gc.disable()  # as the command does while it loads
    for _ in range(plan.rounds):
        loaded = cassettes.load(folder / "cassettes", product.CASSETTE)
        began = time.perf_counter()
        for _, interaction in loaded.interactions():
            request = as_request(interaction)
            normalise(request, routes.find(request.method, request.path, request)).key()
        exact = time.perf_counter()
        Replay([loaded], routes, config.replay)
        taken.append(time.perf_counter() - exact - (exact - began))
    gc.enable()
    return statistics.median(taken)


def _build_section(plan: Plan, loads: dict[Key, list[Load]], inference: float) -> Section:
    names = (WITHOUT, RECORDED, BOUND)
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
    goals.append(
        Goal(
            f"inference for {SIZES[-1]:,} interactions",
            f"≤ {INFERENCE_SECONDS:g} s",
            f"{inference:.2f} s",
            inference <= INFERENCE_SECONDS,
        )
    )
    return Section(
        f"Identities: answers a second (median of {plan.rounds} rounds of {plan.seconds:g} s; in brackets the median "
        "ratio to calls without ids)",
        ("asked with", *(f"{size:,} interactions" for size in SIZES)),
        tuple(rows),
        tuple(goals),
        data={
            "inference": inference,
            "rounds": [
                {"asked": name, "size": size, "loads": [asdict(x) for x in xs]} for (name, size), xs in loads.items()
            ],
        },
    )


def _build_cell(loads: list[Load], base: list[Load]) -> str:
    return f"{median_rate(loads):,.0f} ({median_ratio(loads, base):.2f})"
