"""What matching costs in core alone: inference at the start, calls with ids beside calls without, and a large world.

In one process, in processor time: no socket, no ledger, and nothing remembered of a call that came before. So it shows
what the first of equal calls costs, and every call after a write, when what was remembered is forgotten.
"""

import gc
import json
import statistics
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

from cpproxy.core.matching import normalise
from cpproxy.core.messages import Request
from cpproxy.core.replay.decisions import Replay, Serve
from cpproxy.core.replay.loading import as_request
from cpproxy.core.routes import RouteTable
from cpproxy.files import cassettes
from cpproxy.files.config import read as read_config
from tests.bench import product
from tests.bench.plan import SIZES, Goal, Plan, Section
from tests.bench.servers import BenchError
from tests.bench.workload import JSON_TYPE, Exchange, build_exchanges, name_items

MOST = 1.3
INFERENCE_SECONDS = 1.0
FIRST_SECONDS = 1.0
RECORDED = uuid.UUID("6f1c9d52-0000-4000-8000-000000000001")
LIVE = uuid.UUID("6f1c9d52-0000-4000-8000-000000000002")
_POLLS = 3
_THINGS = SIZES[-1] // (_POLLS + 2)


def measure_matching(plan: Plan) -> Section:
    """All of it."""
    sizes = {size: measure_ratio(plan, size) for size in SIZES[1:]}
    inference = _measure_inference(plan)
    first = _measure_large_world(plan)
    goals = [
        Goal(
            f"calls with bound ids at {size:,}, to calls without",
            f"≤ {MOST:g}",
            f"{bound / without:.2f}",
            bound <= MOST * without,
        )
        for size, (without, bound) in sizes.items()
    ]
    goals.append(_judge(f"inference for {SIZES[-1]:,} interactions", inference, INFERENCE_SECONDS))
    goals += [_judge(f"the first {what} of {_THINGS:,} things", taken, FIRST_SECONDS) for what, taken in first.items()]
    return Section(
        "Matching, in core alone and with nothing remembered: microseconds a call",
        ("interactions", "calls without ids", "ids of its own, bound"),
        tuple((f"{size:,}", f"{without:.0f}", f"{bound:.0f}") for size, (without, bound) in sizes.items()),
        tuple(goals),
        data={
            "microseconds": {str(size): times for size, times in sizes.items()},
            "inference": inference,
            "first": first,
        },
    )


def _judge(name: str, taken: float, most: float) -> Goal:
    return Goal(name, f"≤ {most:g} s", f"{taken:.2f} s", taken <= most)


def measure_ratio(plan: Plan, size: int) -> tuple[float, float]:
    """Microseconds of a call without ids, and of one whose ids are bound to others; medians of turns."""
    plain = build_exchanges(size)
    without = _load(plain, plan.make_folder("matching", "without", size))
    bound = _load(name_items(plain, RECORDED), plan.make_folder("matching", "bound", size))
    turns = (_prepare(without, plain), _prepare(bound, name_items(plain, LIVE)))
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(plan.rounds):
        for times, turn in zip(taken, turns, strict=True):
            times.append(turn())
    return statistics.median(taken[0]), statistics.median(taken[1])


def _prepare(replay: Replay, exchanges: Sequence[Exchange]) -> Callable[[], float]:
    """What asks for all anew and says how many microseconds a call took; all is bound and played by then."""
    requests = [_as_call(exchange) for exchange in exchanges]

    def ask_all() -> float:
        settled = replay.session("default").settled
        began = time.process_time()
        for request in requests:
            settled.clear()
            _ask(replay, request)
        return (time.process_time() - began) * 1e6 / len(requests)

    ask_all()
    ask_all()
    return ask_all


def _ask(replay: Replay, request: Request) -> None:
    decision = replay.decide(request, "default", "")
    if not isinstance(decision, Serve):
        raise BenchError(f"{request.method} {request.target}: {decision.reason}")
    decision.settle(delivered=True)


def _as_call(exchange: Exchange) -> Request:
    headers = ((b"Content-Type", JSON_TYPE.encode()),) if exchange.body is not None else ()
    return Request(exchange.method, exchange.target, headers, exchange.body or b"", "127.0.0.1")


def _load(exchanges: tuple[Exchange, ...], folder: Path) -> Replay:
    product.prepare_replay(exchanges, folder)
    config, _ = read_config(folder / "cpproxy.toml")
    gc.disable()  # as the command does while it loads
    replay = Replay([cassettes.load(folder / "cassettes", product.CASSETTE)], RouteTable(config.routes), config.replay)
    gc.enable()
    return replay


def _measure_inference(plan: Plan) -> float:
    """Seconds of loading beyond what an exact match needs, for the largest cassette with an id in every interaction."""
    folder = plan.make_folder("matching", "inference")
    product.prepare_replay(name_items(build_exchanges(SIZES[-1]), RECORDED), folder)
    config, _ = read_config(folder / "cpproxy.toml")
    routes = RouteTable(config.routes)
    taken = []
    gc.disable()
    for _ in range(plan.rounds):
        loaded = cassettes.load(folder / "cassettes", product.CASSETTE)
        began = time.process_time()
        for _, interaction in loaded.interactions():
            request = as_request(interaction)
            normalise(request, routes.find(request.method, request.path, request)).key()
        exact = time.process_time()
        Replay([loaded], routes, config.replay)
        taken.append(time.process_time() - exact - (exact - began))
    gc.enable()
    return statistics.median(taken)


def _measure_large_world(plan: Plan) -> dict[str, float]:
    """Seconds that the first write and the first list take in a cassette that moves: made, listed, polled, deleted."""
    exchanges = _build_world()
    replay = _load(exchanges, plan.make_folder("matching", "world"))
    taken = {}
    listed = next(one for one in exchanges if (one.method, one.target) == ("GET", "/things"))
    for what, exchange in (("write", exchanges[0]), ("list", listed)):
        began = time.process_time()
        _ask(replay, _as_call(exchange))
        taken[what] = time.process_time() - began
    return taken


def _build_world() -> tuple[Exchange, ...]:
    """Things that are made, polled and deleted, with a list of those that are there after every fifth call."""
    exchanges: list[Exchange] = []
    there: list[str] = []
    for number in range(_THINGS):
        thing = str(uuid.uuid5(RECORDED, str(number)))
        there.append(thing)
        exchanges.append(
            Exchange("POST", "/things", _encode({"id": thing}), _encode({"id": thing, "state": "pending"}))
        )
        for poll in range(_POLLS):
            state = "running" if poll else "pending"
            exchanges.append(Exchange("GET", f"/things/{thing}", None, _encode({"id": thing, "state": state})))
        listed = [{"id": one, "state": "running"} for one in there]
        exchanges.append(Exchange("GET", "/things", None, _encode({"things": listed})))
        if len(there) == 20:
            exchanges.append(Exchange("DELETE", f"/things/{there.pop(0)}", None, _encode({})))
    return tuple(exchanges)


def _encode(value: object) -> bytes:
    return json.dumps(value).encode()
