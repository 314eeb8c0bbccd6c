"""cpproxy as a server under measurement: its cassette, its config, its commands, and proof that it did its work."""

import contextlib
import shutil
import sqlite3
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec import Raw

from cpproxy.core import cassette
from cpproxy.core.redaction.markers import MARKER
from cpproxy.files import cassettes
from cpproxy.ledger.database import Ledger
from tests import vouch
from tests.bench.servers import BenchError, Launch, find_free_port
from tests.bench.workload import HOST, JSON_TYPE, Exchange

NAME = "cpproxy, ledger on"
CASSETTE = "bench"

# A write answers once by rule; under load each must answer again and again.
CONFIG = """\
[[routes]]
match = "POST /bench/groups/{group}/items"
repeat = "last"
"""


_BARE = """
import sys
import msgspec
from cpproxy.cli import main, record
from cpproxy.core import recording
from cpproxy.core.redaction.redactor import Redactor
recording.mark = lambda interaction, redactor: interaction
recording.settle = lambda interaction, redactor, **late: interaction
Redactor.learn_headers = lambda self, headers: None
Redactor.call = lambda self, call: call
Redactor.document = lambda self, body: msgspec.UNSET
Redactor.target = Redactor.text = lambda self, text: text
record._Session._look_through = lambda self, cassette: None
sys.exit(main.run(sys.argv[1:]))
"""
"""The recorder without what redacts: to measure what that costs, and for nothing else."""


@dataclass(frozen=True, slots=True)
class Replay:
    """A replaying cpproxy: how to start it, what it answers, and where its ledger is."""

    launch: Launch
    exchanges: tuple[Exchange, ...]
    ledger: Path


@dataclass(frozen=True, slots=True)
class Record:
    """A recording cpproxy: how to start it and where its cassettes will be."""

    launch: Launch
    cassettes: Path

    def remove(self) -> None:
        """Remove all that it wrote: recordings of large answers are large."""
        shutil.rmtree(self.launch.folder)


def find_command() -> Path:
    """The installed command beside this Python. BenchError if it is not there."""
    command = Path(sys.executable).with_name("cpproxy")
    if not command.is_file():
        raise BenchError(f"no cpproxy beside {sys.executable}: run pip install -e .")
    return command


def prepare_replay(exchanges: tuple[Exchange, ...], folder: Path) -> Replay:
    """A folder with cassette and config, and the command that replays it."""
    write_cassette(folder / "cassettes", exchanges)
    (folder / "cpproxy.toml").write_text(CONFIG, "utf-8")
    port = find_free_port()
    ledger = folder / "ledger.db"
    return Replay(Launch(NAME, _build_command("replay", port, folder, ledger), port, folder), exchanges, ledger)


def prepare_record(upstream: str, folder: Path, *, bare: bool = False) -> Record:
    """The command that records an upstream into a new cassette; `bare` without any redaction."""
    port = find_free_port()
    command = (*_build_command("record", port, folder, folder / "ledger.db"), "--upstream", upstream, "--allow-ci")
    if bare:
        command = (sys.executable, "-c", _BARE, *command[1:])
    return Record(Launch("cpproxy record", command, port, folder), folder / "cassettes")


def _build_command(name: str, port: int, folder: Path, ledger: Path) -> tuple[str, ...]:
    return (
        *(str(find_command()), name, "--cassettes", str(folder / "cassettes"), "--cassette", CASSETTE),
        *("--ledger", str(ledger), "--listen", f"{HOST}:{port}"),
    )


def write_cassette(folder: Path, exchanges: tuple[Exchange, ...]) -> None:
    """A cassette as a recording of these exchanges would be, by the product's own definition."""
    recorded = cassette.Recorded("2026-01-01T00:00:00Z", "http://127.0.0.1:1")
    interactions = tuple(_build_interaction(number, exchange) for number, exchange in enumerate(exchanges))
    document = cassette.CassetteOf(cassette.VERSION, recorded, interactions)
    folder.mkdir()
    cassettes.write(folder, CASSETTE, vouch.cassette(document))


def _build_interaction(number: int, exchange: Exchange) -> cassette.Interaction:
    request = cassette.RecordedRequest(exchange.method, exchange.target)
    if exchange.body is not None:
        headers = (("Content-Type", JSON_TYPE), ("Content-Length", str(len(exchange.body))))
        body = cassette.Body(json=Raw(exchange.body))
        request = cassette.RecordedRequest(exchange.method, exchange.target, headers, body)
    answer_headers = (("Content-Type", JSON_TYPE), ("Content-Length", str(len(exchange.answer))))
    response = cassette.RecordedResponse(200, "OK", answer_headers, cassette.Body(json=Raw(exchange.answer)))
    return cassette.Interaction(f"i{number:05}", number * 0.01, number * 0.01 + 0.005, request, response)


def check_ledger(replay: Replay, answered: int) -> None:
    """BenchError unless the ledger holds at least as many replayed calls as were answered, and no others."""
    with Ledger.open(replay.ledger) as ledger:
        ledger.ingest()
    with contextlib.closing(sqlite3.connect(replay.ledger)) as database:
        held = dict(database.execute("SELECT outcome, count(*) FROM calls GROUP BY outcome"))
    if held.keys() != {"replayed"} or held["replayed"] < answered:
        raise BenchError(f"{NAME}: {answered} calls were answered, on the ledger are {held}")


def check_cassette(record: Record, answered: int, *, secrets: int = 0) -> None:
    """BenchError unless the cassette holds all calls that were answered, each but the first with so many secrets."""
    interactions = cassettes.load(record.cassettes, CASSETTE).head.interactions
    if len(interactions) < answered:
        raise BenchError(f"cpproxy record: {answered} calls were answered, {len(interactions)} are in the cassette")
    bare = sum(msgspec.json.encode(one).count(MARKER.encode()) < secrets for one in interactions[1:])
    if bare:
        raise BenchError(f"cpproxy record: {bare} of {answered} interactions have less than {secrets} placeholders")
