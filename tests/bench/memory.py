"""How much memory a server with 10,000 interactions takes once it has been under load."""

from dataclasses import asdict
from pathlib import Path

from tests.bench import peers, product
from tests.bench.load import run_wrk
from tests.bench.plan import Goal, Plan, Section
from tests.bench.servers import BenchError, Launch, Memory, launched
from tests.bench.workload import Exchange, build_exchanges, write_wrk_script

SIZE = 10_000
WANTED = 80


def measure_memory(plan: Plan) -> Section:
    """cpproxy, the plain application and the peers, each after the same seconds of load."""
    exchanges = build_exchanges(SIZE)
    script = plan.folder / "memory.lua"
    write_wrk_script(script, exchanges)
    own = product.prepare_replay(exchanges, plan.make_folder("memory", product.NAME))
    able = [peer for peer in peers.list_peers(plan.tools) if not peer.missing]
    others = [peer.prepare(exchanges, plan.make_folder("memory", peer.name)) for peer in able]
    found: dict[str, Memory | str] = {}
    for launch in (own.launch, *others):
        try:
            found[launch.name] = _measure(plan, launch, exchanges, script)
        except BenchError as error:
            if launch is own.launch:
                raise
            found[launch.name] = str(error)
    return _build_section(found)


def _measure(plan: Plan, launch: Launch, exchanges: tuple[Exchange, ...], script: Path) -> Memory:
    with launched(launch, plan.cpus.server) as server:
        server.await_answer(exchanges[0])
        run_wrk(server, script, plan.seconds * 3, plan.cpus)
        return server.read_memory()


def _build_section(found: dict[str, Memory | str]) -> Section:
    rows = []
    notes = []
    for name, memory in found.items():
        if isinstance(memory, Memory):
            rows.append((name, f"{memory.resident:.0f}", f"{memory.peak:.0f}"))
        else:
            rows.append((name, "failed", "failed"))
            notes.append(f"{name}: failed: {memory}")
    own = found[product.NAME]
    assert isinstance(own, Memory)
    return Section(
        f"Memory at {SIZE:,} interactions after load: MiB, summed over a server's processes",
        ("server", "resident", "at its highest"),
        tuple(rows),
        tuple(
            Goal(f"memory at {SIZE:,}, {what}", f"< {WANTED} MB", f"{size:.0f} MB", size < WANTED)
            for what, size in (("resident", _as_megabytes(own.resident)), ("at its highest", _as_megabytes(own.peak)))
        ),
        tuple(notes),
        {"memory": {name: asdict(m) if isinstance(m, Memory) else m for name, m in found.items()}},
    )


def _as_megabytes(mebibytes: float) -> float:
    return mebibytes * 1.048576
