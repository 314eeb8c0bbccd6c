"""What redaction costs a recording: the recorder with and without it, in turn in the same rounds.

With calls that come again and again, and with calls none of which comes twice: each has a bearer token, a cookie and a
token in its answer that nothing had before, as if each were another tenant's. And with answers of settings, five of
which are secrets: those of a tenant, which asks again and again, or others in each answer.
"""

import contextlib
import statistics
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tests.bench import granting, product
from tests.bench.load import median_rate
from tests.bench.plan import Goal, Plan, Section
from tests.bench.record import SIZE, Recorded, prepare_upstream, run_recorder
from tests.bench.servers import Launch, find_free_port, launched
from tests.bench.workload import HOST, Exchange, build_exchanges, write_fresh_wrk_script, write_wrk_script

KEPT = 0.7
REPEATED = "calls that come again"
CREDENTIALS = 2
"""How many secrets a fresh call has."""


TEN = "math.random(0, 9)"
LASTING = "math.floor(at / 18)"
"""A tenant for 18 calls, seven secrets in all: in the harness's own recordings a secret comes to every fourth call."""
LEAST_SECONDS = 3.0
_NOTE = (
    "The share kept is that of the processor time a call: it is what bounds the throughput, and much the same whatever "
    "else the machine does."
)

type Loads = dict[tuple[str, bool], list[Recorded]]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of calls: the upstream and the script that makes them, and how many secrets each shows at least."""

    upstream: Launch
    script: Path
    first: Exchange
    secrets: int


def measure_redaction(plan: Plan) -> Section:
    """All kinds of calls, with redaction and without, a recorder for each; in shorter rounds few large answers come."""
    plan = replace(plan, seconds=max(plan.seconds, LEAST_SECONDS))
    with contextlib.ExitStack() as stack:
        kinds = _prepare(plan)
        for upstream in dict.fromkeys(kind.upstream for kind in kinds.values()):
            stack.enter_context(launched(upstream, plan.cpus.load)).await_answer(kinds[REPEATED].first)
        turns = {
            (name, bare): _build_turn(plan, name, kind, bare=bare)
            for name, kind in kinds.items()
            for bare in (False, True)
        }
        loads: Loads = {key: [] for key in turns}
        for _ in range(plan.rounds):
            for key, run in turns.items():
                loads[key].append(run())
    return _build_section(plan, loads)


def _prepare(plan: Plan) -> dict[str, Kind]:
    exchanges = build_exchanges(SIZE)
    script = plan.folder / "repeated.lua"
    write_wrk_script(script, exchanges)
    kinds = {REPEATED: Kind(prepare_upstream(plan, "redaction"), script, exchanges[0], 0)}
    port = find_free_port()
    program = Path(granting.__file__)
    command = (sys.executable, str(program), str(port))
    upstream = Launch("the upstream with secrets", command, port, plan.make_folder("redaction", "granting"))
    known = len(granting.SECRETS)
    told = {
        "settings of 4 kB, of one of ten tenants": ("/config/4000", known, TEN),
        "settings of 64 kB, of one of ten tenants": ("/config/64000", known, TEN),
        "settings of 4 kB, of a tenant that asks 18 times": ("/config/4000", known, LASTING),
        "new calls, each with new credentials": ("/grant", 1, ""),
        "settings of 4 kB, each with new secrets": ("/config/4000", known, ""),
        "settings of 64 kB, each with new secrets": ("/config/64000", known, ""),
    }
    for number, (name, (path, secrets, tenant)) in enumerate(told.items()):
        script = plan.folder / f"fresh-{number}.lua"
        write_fresh_wrk_script(script, path, tenant)
        kinds[name] = Kind(upstream, script, Exchange("GET", path, None, b""), secrets + CREDENTIALS)
    return kinds


def _build_turn(plan: Plan, name: str, kind: Kind, *, bare: bool) -> Callable[[], Recorded]:
    rounds = iter(range(plan.rounds))

    def run() -> Recorded:
        folder = plan.make_folder("redaction", name, "bare" if bare else "own", next(rounds))
        record = product.prepare_record(f"http://{HOST}:{kind.upstream.port}", folder, bare=bare)
        load = run_recorder(plan, record, kind.script, kind.first)
        product.check_cassette(record, load.answered, secrets=0 if bare else kind.secrets)
        record.remove()
        return load

    return run


def _build_section(plan: Plan, loads: Loads) -> Section:
    rows = []
    goals = []
    for name in dict.fromkeys(name for name, _ in loads):
        own, bare = loads[name, False], loads[name, True]
        kept = statistics.median(_cost(one) / _cost(other) for one, other in zip(bare, own, strict=True))
        rates = (f"{median_rate(one):,.0f}" for one in (own, bare))
        costs = (f"{statistics.median(map(_cost, one)) * 1e6:,.0f}" for one in (own, bare))
        rows.append((name, *rates, *costs, f"{kept:.2f}"))
        goals.append(Goal(f"recording {name}, to the same without redaction", f"> {KEPT}", f"{kept:.2f}", kept > KEPT))
    return Section(
        f"Redaction: recording with it and without (median of {plan.rounds} rounds of {plan.seconds:g} s)",
        (
            "calls",
            "answers a second",
            "without",
            "processor time a call, µs",
            "without",
            "share of the throughput kept",
        ),
        tuple(rows),
        tuple(goals),
        notes=(_NOTE,),
        data={
            "rounds": [
                {"calls": name, "redacted": not bare, "loads": [asdict(one) for one in found]}
                for (name, bare), found in loads.items()
            ]
        },
    )


def _cost(load: Recorded) -> float:
    """Seconds of processor time for one answer."""
    return load.processor / load.answers
