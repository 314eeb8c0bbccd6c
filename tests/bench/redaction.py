"""What redaction costs a recording: the recorder with and without it, in turn in the same rounds.

With calls that come again and again, and with calls none of which comes twice: each has a bearer token, a cookie and a
token in its answer that nothing had before, as if each were another tenant's. And with answers of settings, five of
which are secrets that no answer before had, either.
"""

import contextlib
import statistics
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.bench import granting, product
from tests.bench.load import Load, Turn, median_rate, median_ratio, run_rounds
from tests.bench.plan import Goal, Plan, Section
from tests.bench.record import SIZE, prepare_upstream, run_recorder
from tests.bench.servers import Launch, find_free_port, launched
from tests.bench.workload import HOST, Exchange, build_exchanges, write_fresh_wrk_script, write_wrk_script

KEPT = 0.7
REPEATED = "calls that come again"
CREDENTIALS = 2
"""How many secrets a fresh call has."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of calls: the upstream and the script that makes them, and how many secrets each shows at least."""

    upstream: Launch
    script: Path
    first: Exchange
    secrets: int


def measure_redaction(plan: Plan) -> Section:
    """All kinds of calls, with redaction and without, a recorder for each."""
    with contextlib.ExitStack() as stack:
        kinds = _prepare(plan)
        for upstream in dict.fromkeys(kind.upstream for kind in kinds.values()):
            stack.enter_context(launched(upstream, plan.cpus.load)).await_answer(kinds[REPEATED].first)
        turns = {
            (name, bare): Turn(_build_turn(plan, name, kind, bare=bare), optional=False)
            for name, kind in kinds.items()
            for bare in (False, True)
        }
        loads = run_rounds(turns, plan.rounds).loads
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
    told = {
        "new calls, new credentials": ("/grant", 1),
        "new calls, settings of 4 kB": ("/config/4000", len(granting.SECRETS)),
        "new calls, settings of 64 kB": ("/config/64000", len(granting.SECRETS)),
    }
    for number, (name, (path, secrets)) in enumerate(told.items()):
        script = plan.folder / f"fresh-{number}.lua"
        write_fresh_wrk_script(script, path)
        kinds[name] = Kind(upstream, script, Exchange("GET", path, None, b""), secrets + CREDENTIALS)
    return kinds


def _build_turn(plan: Plan, name: str, kind: Kind, *, bare: bool) -> Callable[[], Load]:
    rounds = iter(range(plan.rounds))

    def run() -> Load:
        folder = plan.make_folder("redaction", name, "bare" if bare else "own", next(rounds))
        record = product.prepare_record(f"http://{HOST}:{kind.upstream.port}", folder, bare=bare)
        load, answers = run_recorder(plan, record, kind.script, kind.first)
        product.check_cassette(record, answers, secrets=0 if bare else kind.secrets)
        record.remove()
        return load

    return run


def _build_section(plan: Plan, loads: dict[tuple[str, bool], list[Load]]) -> Section:
    rows = []
    goals = []
    for name in dict.fromkeys(name for name, _ in loads):
        own, bare = loads[name, False], loads[name, True]
        kept = median_ratio(own, bare)
        tail = statistics.median(load.p99 for load in own)
        rows.append((name, f"{median_rate(own):,.0f}", f"{median_rate(bare):,.0f}", f"{kept:.2f}", f"{tail:.1f}"))
        goals.append(Goal(f"recording {name}, to the same without redaction", f"> {KEPT}", f"{kept:.2f}", kept > KEPT))
    return Section(
        f"Redaction: answers a second while recording (median of {plan.rounds} rounds of {plan.seconds:g} s)",
        ("calls", "with redaction", "without", "ratio", "99th percentile with it, ms"),
        tuple(rows),
        tuple(goals),
        data={
            "rounds": [
                {"calls": name, "redacted": not bare, "loads": [asdict(one) for one in found]}
                for (name, bare), found in loads.items()
            ]
        },
    )
