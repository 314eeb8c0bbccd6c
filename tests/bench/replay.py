"""How many calls a second replay answers at 10, 1,000 and 10,000 interactions, beside a plain application and peers."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from tests.bench import peers, product
from tests.bench.load import Rounds, Turn, median_rate, median_ratio, run_alone, run_rounds
from tests.bench.peers import Peer
from tests.bench.plan import SIZES, Goal, Plan, Section
from tests.bench.servers import BenchError, Launch, Server, launched
from tests.bench.workload import Exchange, build_exchanges, write_wrk_script

type Key = tuple[str, int]
"""A server's name and how many interactions it is asked for."""

RATIO_SIZE = 1_000


class Field:
    """All servers of one measurement, started, checked, warmed up and halted; `opened` makes it and ends it."""

    def __init__(self, plan: Plan, stack: contextlib.ExitStack) -> None:
        self._plan = plan
        self._stack = stack
        self._products: list[tuple[Server, product.Replay]] = []
        self._constants: dict[str, Server] = {}
        self.turns: dict[Key, Turn] = {}
        self.failures: dict[Key, str] = {}

    def add_product(self, exchanges: tuple[Exchange, ...], script: Path) -> None:
        """cpproxy with these interactions. BenchError if it fails or answers anything else."""
        key = (product.NAME, len(exchanges))
        replay = product.prepare_replay(exchanges, self._plan.make_folder(*key))
        server = self._start(replay.launch, exchanges, script, self._plan.warming, check=True)
        self._products.append((server, replay))
        self._add_turn(key, server, script, optional=False)

    def add_peer(self, peer: Peer, exchanges: tuple[Exchange, ...], script: Path) -> None:
        """A server beside it; one that fails is noted as failed, unless it is the base of the ratios.

        One that answers a constant is started once and asked for each set, so that every ratio has a base of its own.
        """
        key = (peer.name, len(exchanges))
        if (constant := self._constants.get(peer.name)) is not None:
            self._add_turn(key, constant, script, optional=False)
            return
        launch = peer.prepare(exchanges, self._plan.make_folder(*key))
        warming = self._plan.java_warming if peer.needs_warming else self._plan.warming
        try:
            server = self._start(launch, exchanges, script, warming, check=not peer.constant)
        except BenchError as error:
            if peer.name == peers.PLAIN:
                raise
            self.failures[key] = str(error)
        else:
            self._add_turn(key, server, script, optional=not peer.constant)
            if peer.constant:
                self._constants[peer.name] = server

    def measure(self) -> Rounds[Key]:
        """All rounds; then every call that cpproxy answered must be on its ledger, else BenchError."""
        # cpproxy and its base stand side by side, so that as little time as can be lies between them.
        order = sorted(self.turns, key=lambda key: (key[0] not in (product.NAME, peers.PLAIN), key[1]))
        measured = run_rounds({key: self.turns[key] for key in order}, self._plan.rounds)
        for server, replay in self._products:
            server.resume()
            answered = sum(load.answers for load in measured.loads[product.NAME, len(replay.exchanges)])
            server.end()
            product.check_ledger(replay, answered)
        return Rounds(measured.loads, self.failures | measured.failures)

    def _start(
        self, launch: Launch, exchanges: tuple[Exchange, ...], script: Path, warming: float, *, check: bool
    ) -> Server:
        server = self._stack.enter_context(launched(launch, self._plan.cpus.server))
        server.await_answer(exchanges[0])
        if check:
            server.check_answers(exchanges)
        run_alone(server, script, warming, self._plan.cpus)
        return server

    def _add_turn(self, key: Key, server: Server, script: Path, *, optional: bool) -> None:
        self.turns[key] = Turn(lambda: run_alone(server, script, self._plan.seconds, self._plan.cpus), optional)


@contextlib.contextmanager
def opened(plan: Plan) -> Iterator[Field]:
    """A field without servers yet; those that it gets are ended with the block."""
    with contextlib.ExitStack() as stack:
        yield Field(plan, stack)


def measure_replay(plan: Plan) -> Section:
    """All servers at all sizes, in the same rounds."""
    able = [peer for peer in peers.list_peers(plan.tools) if not peer.missing]
    with opened(plan) as field:
        for size in SIZES:
            exchanges, script = _prepare(plan, size)
            field.add_product(exchanges, script)
            for peer in able:
                field.add_peer(peer, exchanges, script)
        measured = field.measure()
    return _build_section(plan, able, measured)


def measure_ratio(plan: Plan) -> float:
    """The median of the rounds' ratios of cpproxy, its ledger on, to the plain application."""
    exchanges, script = _prepare(plan, RATIO_SIZE)
    plain = next(peer for peer in peers.list_peers(plan.tools) if peer.name == peers.PLAIN)
    with opened(plan) as field:
        field.add_peer(plain, exchanges, script)
        field.add_product(exchanges, script)
        loads = field.measure().loads
    return median_ratio(loads[product.NAME, RATIO_SIZE], loads[peers.PLAIN, RATIO_SIZE])


def _prepare(plan: Plan, size: int) -> tuple[tuple[Exchange, ...], Path]:
    exchanges = build_exchanges(size)
    script = plan.folder / f"replay-{size}.lua"
    write_wrk_script(script, exchanges)
    return exchanges, script


def _build_section(plan: Plan, able: Sequence[Peer], measured: Rounds[Key]) -> Section:
    names = [product.NAME, *(peer.name for peer in able)]
    rows = tuple((name, *(_build_cell((name, size), measured) for size in SIZES)) for name in names)
    return Section(
        f"Replay: answers a second (median of {plan.rounds} rounds of {plan.seconds:g} s; in brackets the median ratio "
        "to the plain aiohttp application)",
        ("server", *(f"{size:,} interactions" for size in SIZES)),
        rows,
        _build_goals(able, measured),
        tuple(f"{name} at {size:,}: failed: {why}" for (name, size), why in measured.failures.items()),
        {
            "rounds": [
                {"server": n, "size": s, "loads": [asdict(x) for x in ls]} for (n, s), ls in measured.loads.items()
            ]
        },
    )


def _build_cell(key: Key, measured: Rounds[Key]) -> str:
    loads = measured.loads.get(key)
    if loads is None:
        return "failed"
    return f"{median_rate(loads):,.0f} ({median_ratio(loads, measured.loads[peers.PLAIN, key[1]]):.2f})"


def _build_goals(able: Sequence[Peer], measured: Rounds[Key]) -> tuple[Goal, ...]:
    own = {size: measured.loads[product.NAME, size] for size in SIZES}
    goals = []
    for size in SIZES:
        ratio = median_ratio(own[size], measured.loads[peers.PLAIN, size])
        goals.append(Goal(f"replay at {size:,}, to the plain application", "≥ 1.20", f"{ratio:.2f}", ratio >= 1.2))
    for peer in able:
        if peer.constant:
            continue
        for size in SIZES:
            loads = measured.loads.get((peer.name, size))
            ratio = float("inf") if loads is None else median_ratio(own[size], loads)
            shown = f"it failed at {size:,}" if loads is None else f"{ratio:.2f}"
            goals.append(Goal(f"replay at {size:,}, to {peer.name}", "> 1.00", shown, ratio > 1))
    for size in SIZES[1:]:
        flat = median_ratio(own[size], own[SIZES[0]])
        goals.append(Goal(f"replay at {size:,}, to itself at {SIZES[0]}", "≥ 0.85", f"{flat:.2f}", flat >= 0.85))
    return tuple(goals)
