"""How many calls a second pass through the recorder, beside going direct and beside WireMock's recorder and proxy.

The upstream is nginx with a constant answer, on the CPU of the load: the recorder has its own, as it would
beside a real upstream.
"""

import contextlib
import http.client
import json
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.bench import peers, product
from tests.bench.load import Load, Rounds, Turn, median_rate, median_ratio, run_rounds, run_wrk
from tests.bench.plan import Goal, Plan, Section
from tests.bench.servers import BenchError, Launch, Server, launched
from tests.bench.workload import HOST, Exchange, build_exchanges, write_wrk_script

SIZE = 1_000
DIRECT = "direct"
OWN = "cpproxy record"
RECORDER = "WireMock, recording"
PROXY = "WireMock, proxying alone"
WANTED = 3.0
WARMING = 1.0


@dataclass(frozen=True, slots=True)
class Road:
    """What all turns share: the upstream, the calls, and the script that makes them."""

    plan: Plan
    upstream: str
    exchanges: tuple[Exchange, ...]
    script: Path

    def drive(self, server: Server, seconds: float) -> Load:
        """One round through one server."""
        return run_wrk(server, self.script, seconds, self.plan.cpus)


def measure_record(plan: Plan) -> Section:
    """All in the same rounds; cpproxy is started anew for each, WireMock forgets what it recorded."""
    exchanges = build_exchanges(SIZE)
    script = plan.folder / "record.lua"
    write_wrk_script(script, exchanges)
    failures: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(launched(prepare_upstream(plan, "record"), plan.cpus.load))
        upstream.await_answer(exchanges[0])
        road = Road(plan, f"http://{HOST}:{upstream.launch.port}", exchanges, script)
        turns = {
            DIRECT: Turn(lambda: road.drive(upstream, plan.seconds), optional=False),
            OWN: Turn(_build_own(road), optional=False),
        }
        if not next(peer for peer in peers.list_peers(plan.tools) if peer.name == "WireMock").missing:
            for name, build in ((RECORDER, _build_recorder), (PROXY, _build_proxy)):
                try:
                    turns[name] = Turn(build(road, stack), optional=True)
                except BenchError as error:
                    failures[name] = str(error)
        measured = run_rounds(turns, plan.rounds)
    return _build_section(plan, Rounds(measured.loads, failures | measured.failures))


def prepare_upstream(plan: Plan, section: str) -> Launch:
    """The upstream that answers a constant: nginx, or the plain application where there is none."""
    folder = plan.make_folder(section, "upstream")
    if plan.tools.nginx is not None:
        return peers.prepare_nginx(plan.tools, folder)
    return peers.prepare_plain(folder)


def _build_own(road: Road) -> Callable[[], Load]:
    rounds = iter(range(road.plan.rounds))

    def run() -> Load:
        folder = road.plan.make_folder("record", "own", next(rounds))
        record = product.prepare_record(road.upstream, folder)
        load = run_recorder(road.plan, record, road.script, road.exchanges[0])
        product.check_cassette(record, load.answered)
        return load

    return run


@dataclass(frozen=True, slots=True)
class Recorded(Load):
    """A round through a recorder of its own: how often it `answered` in all, and its processor time in seconds."""

    answered: int
    processor: float


def run_recorder(plan: Plan, record: product.Record, script: Path, first: Exchange) -> Recorded:
    """One round through a recorder of its own, after `WARMING` seconds."""
    with launched(record.launch, plan.cpus.server) as server:
        server.await_answer(first)
        warming = run_wrk(server, script, WARMING, plan.cpus)
        began = server.read_processor()
        load = run_wrk(server, script, plan.seconds, plan.cpus)
        processor = server.read_processor() - began
        code = server.end()
    if code:
        raise BenchError(f"{record.launch.name} ended with {code}")
    return Recorded(load.answers, load.rate, load.p99, warming.answers + load.answers, processor)


def _build_recorder(road: Road, stack: contextlib.ExitStack) -> Callable[[], Load]:
    folder = road.plan.make_folder("record", RECORDER)
    launch = peers.prepare_wiremock(road.plan.tools, (), folder, options=())
    server = stack.enter_context(launched(launch, road.plan.cpus.server))
    await_admin(server)

    def record(seconds: float) -> Load:
        server.resume()
        call_admin(server, "POST", "/recordings/start", {"targetBaseUrl": road.upstream})
        load = road.drive(server, seconds)
        call_admin(server, "POST", "/recordings/stop", {})
        call_admin(server, "DELETE", "/mappings")
        call_admin(server, "DELETE", "/requests")
        server.halt()
        return load

    warmed = 0.0
    while warmed < road.plan.java_warming:
        record(road.plan.seconds)
        warmed += road.plan.seconds
    return lambda: record(road.plan.seconds)


def _build_proxy(road: Road, stack: contextlib.ExitStack) -> Callable[[], Load]:
    folder = road.plan.make_folder("record", PROXY)
    options = ("--proxy-all", road.upstream, "--no-request-journal")
    launch = peers.prepare_wiremock(road.plan.tools, (), folder, options=options)
    server = stack.enter_context(launched(launch, road.plan.cpus.server))
    server.await_answer(road.exchanges[0])

    def proxy(seconds: float) -> Load:
        server.resume()
        load = road.drive(server, seconds)
        server.halt()
        return load

    proxy(road.plan.java_warming)
    return lambda: proxy(road.plan.seconds)


def await_admin(server: Server) -> None:
    """Wait until WireMock answers; it holds no mappings yet, so its own path is asked."""
    server.await_answer(Exchange("GET", "/__admin/mappings", None, b""))


def call_admin(server: Server, method: str, path: str, document: object = None) -> None:
    """One call of WireMock's admin interface. BenchError unless it succeeds."""
    body = None if document is None else json.dumps(document)
    connection = http.client.HTTPConnection(HOST, server.launch.port, timeout=120)
    with contextlib.closing(connection):
        connection.request(method, f"/__admin{path}", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        if response.status != 200:
            raise BenchError(f"WireMock: {method} {path} got {response.status} {response.read(200)!r}")


def _build_section(plan: Plan, measured: Rounds[str]) -> Section:
    direct = measured.loads[DIRECT]
    rows = [
        (name, f"{median_rate(loads):,.0f}", f"{median_ratio(loads, direct):.3f}", f"{_median_tail(loads):.1f}")
        for name, loads in measured.loads.items()
    ]
    rows += [(name, "failed", "", "") for name in measured.failures]
    goals = []
    if RECORDER in measured.loads:
        ratio = median_ratio(measured.loads[OWN], measured.loads[RECORDER])
        goals.append(Goal("recording, to WireMock recording", f"≥ {WANTED:.2f}", f"{ratio:.2f}", ratio >= WANTED))
    return Section(
        f"Recording: answers a second (median of {plan.rounds} rounds of {plan.seconds:g} s)",
        ("way", "rate", "ratio to going direct", "99th percentile, ms"),
        tuple(rows),
        tuple(goals),
        tuple(f"{name}: failed: {why}" for name, why in measured.failures.items()),
        {"rounds": [{"server": name, "loads": [asdict(x) for x in loads]} for name, loads in measured.loads.items()]},
    )


def _median_tail(loads: list[Load]) -> float:
    return statistics.median(load.p99 for load in loads)
