"""The ledger's database: it holds what the journals held, whoever takes it over, however often, and killed wherever."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from msgspec import Raw

from cpproxy.core.calls import Call, Outcome, Seen, Way
from cpproxy.core.runs import CassetteSaved, Event, Mode, Run, RunEnded, ScenarioBegun, ScenarioEnded, Served
from cpproxy.errors import LedgerError, UsageError
from cpproxy.ledger import journal
from cpproxy.ledger.database import Filter, Ledger
from cpproxy.ledger.journal import Journal
from tests import tapes, vouch
from tests.postgresql import find_binaries, running_postgresql
from tests.processes import finish

END = RunEnded(at=9.0, reason="SIGTERM")
BINARIES = find_binaries()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    if BINARIES is None:
        pytest.skip("POSTGRESQL IS NOT TESTED HERE: no server is installed (apt-get install postgresql)")
    with running_postgresql(BINARIES) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A ledger that nothing is in yet."""
    monkeypatch.chdir(tmp_path)
    if request.param == "sqlite":
        return str(tmp_path / "ledger.db")
    url: str = request.getfixturevalue("server")
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type, unused-ignore]
    return url.replace("/postgres?", f"/{name}?")


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    return str(tmp_path / "ledger.db")


def make_run(name: str = "run-1", started: float = 1.0, **more: Any) -> Run:
    return Run(id=name, mode=Mode.REPLAY, started=started, **more)


def call(seq: int, **more: Any) -> Call:
    values = {"outcome": Outcome.REPLAYED, "method": "GET", "target": f"/{seq}"} | more
    return Call(seq=seq, at=2.0 + seq, **values)


def write(where: str, rows: list[Call], *events: Event, run: Run | None = None, end: bool = True) -> Journal:
    one = Journal.create(where, vouch.run(run or make_run()))
    for row in rows:
        one.add(vouch.row(row))
    for event in events:
        one.note(vouch.event(event))
    one.flush()
    if end:
        one.close(vouch.event(END))
    return one


def sequence(where: str, run: str = "run-1") -> list[int]:
    with Ledger.open(where) as ledger:
        ledger.ingest()
        return [row.seq for row in ledger.calls(run)]


def test_a_name_that_sqlite_takes_for_something_else_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(":memory:", [call(1)])
    with Ledger.open(":memory:") as ledger:
        ledger.ingest()
        assert ledger.count("run-1") == 1
    assert (tmp_path / ":memory:").stat().st_size > 0


def test_gives_back_every_field_of_a_call(where: str) -> None:
    full = Call(
        seq=7,
        at=1795409179.25,
        outcome=Outcome.MISS,
        method="POST",
        target="/cp/ü?a=%00&b",
        status=421,
        way=Way.SINK,
        session="s",
        scenario="harness/boot",
        client="172.18.0.5",
        host="cp:9090",
        route="provision",
        duration=0.125,
        request_size=1 << 40,
        response_size=3,
        cassette="harness/boot",
        interaction="0001",
        reason="say 'no'\n\x1b[1m",
        undetermined=True,
        used_up=True,
        body=Raw(b'{"a":"\\u0000"}'),
    )
    assert set(msgspec.structs.asdict(full)) == set(Call.__struct_fields__)
    write(where, [full, call(8)])
    with Ledger.open(where) as ledger:
        ledger.ingest()
        assert list(ledger.calls("run-1")) == [full, call(8)]


def test_a_null_character_does_not_stop_the_ledger(where: str) -> None:
    write(where, [call(1, reason="a\0b")])
    with Ledger.open(where) as ledger:
        ledger.ingest()
        assert [row.reason for row in ledger.calls("run-1")] == ["a\N{REPLACEMENT CHARACTER}b"]


def test_gives_back_runs_and_events_in_order(where: str) -> None:
    later = make_run("run-2", 2.0, cassettes=(Served("harness/boot", "ab", 3, chosen=True),))
    events: list[Event] = [
        ScenarioBegun(at=1.0, name="boot", xfail="#1"),
        ScenarioEnded(at=2.0, name="boot", exit=3),
        CassetteSaved(at=3.0, name="boot", interactions=2, incomplete="cut off"),
    ]
    write(where, [], *events, run=later)
    write(where, [call(1)], run=make_run("run-9", 1.0))
    with Ledger.open(where) as ledger:
        ledger.ingest()
        assert [known.run.id for known in ledger.runs()] == ["run-9", "run-2"]
        latest = ledger.run()
        assert (latest.run, latest.ended, latest.end_reason, latest.killed) == (later, 9.0, "SIGTERM", False)
        assert ledger.run("run-9").run.id == "run-9"
        assert ledger.events("run-2") == [*events, END]


def test_taking_over_again_adds_nothing_and_goes_on_where_it_stopped(where: str) -> None:
    one = write(where, [call(1), call(2)], end=False)
    assert sequence(where) == [1, 2]
    assert sequence(where) == [1, 2]
    one.add(vouch.row(call(3)))
    one.flush()
    assert sequence(where) == [1, 2, 3]
    assert one.path.exists()
    one.close(vouch.event(END))
    assert sequence(where) == [1, 2, 3]
    assert not one.path.exists()
    assert sequence(where) == [1, 2, 3]


def test_a_torn_last_line_of_a_killed_run_is_dropped_alone(where: str) -> None:
    one = write(where, [call(1), call(2), call(3)], end=False)
    os.truncate(one.path, one.path.stat().st_size - 5)
    assert sequence(where) == [1, 2]
    os.close(one._fd)  # the writer is gone without a word
    assert sequence(where) == [1, 2]
    assert not one.path.exists()
    with Ledger.open(where) as ledger:
        assert (known := ledger.run()).killed
        assert known.ended is None


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param(Filter(), [1, 2, 3, 4], id="all"),
        pytest.param(Filter(outcome="miss"), [2, 4], id="outcome"),
        pytest.param(Filter(client="alpha"), [1, 2], id="client in part"),
        pytest.param(Filter(client="%"), [], id="client is no pattern"),
        pytest.param(Filter(route="provision"), [3], id="route"),
        pytest.param(Filter(scenario="boot"), [1], id="scenario"),
        pytest.param(Filter(session="two"), [4], id="session"),
        pytest.param(Filter(after=2), [3, 4], id="after"),
        pytest.param(Filter(last=2), [3, 4], id="last"),
        pytest.param(Filter(outcome="miss", last=1), [4], id="last of some"),
    ],
)
def test_filters_calls(where: str, wanted: Filter, expected: list[int]) -> None:
    rows = [
        call(1, client="172.18.0.5 tenant-alpha", scenario="boot"),
        call(2, client="172.18.0.5 tenant-alpha", outcome=Outcome.MISS),
        call(3, route="provision"),
        call(4, session="two", outcome=Outcome.MISS),
    ]
    write(where, rows)
    with Ledger.open(where) as ledger:
        ledger.ingest()
        assert [row.seq for row in ledger.calls("run-1", wanted)] == expected


def test_finds_a_call_by_its_id_and_by_its_number_alone(where: str) -> None:
    write(where, [call(1, target="/old")], run=make_run("run-1", 1.0))
    write(where, [call(1, target="/new")], run=make_run("run-2", 2.0))
    with Ledger.open(where) as ledger:
        ledger.ingest()
        assert ledger.call("run-1:1")[1].target == "/old"
        assert ledger.call("1") == ("run-2", call(1, target="/new"))
        assert ledger.call("latest:1")[0] == "run-2"


@pytest.mark.parametrize(
    ("ask", "complaint"),
    [
        pytest.param(lambda ledger: ledger.call("run-1:2"), "no call run-1:2; `cpproxy calls` lists", id="call"),
        pytest.param(lambda ledger: ledger.call("x"), "expected RUN:SEQ", id="no id"),
        pytest.param(lambda ledger: ledger.call("9" * 30), "expected RUN:SEQ", id="huge id"),
        pytest.param(lambda ledger: ledger.run("run-7"), "no run run-7; the latest is run-1", id="run"),
        pytest.param(
            lambda ledger: list(ledger.calls("run-1", Filter(outcome="mist"))), "expected one of", id="outcome"
        ),
    ],
)
def test_says_what_is_not_there(sqlite: str, ask: Any, complaint: str) -> None:
    write(sqlite, [call(1)])
    with Ledger.open(sqlite) as ledger:
        ledger.ingest()
        with pytest.raises(UsageError, match=complaint):
            ask(ledger)


def test_calls_are_read_as_they_are_asked_for(where: str) -> None:
    write(where, [call(seq) for seq in range(1, 5001)])
    with Ledger.open(where) as ledger:
        ledger.ingest()
        rows = ledger.calls("run-1")
        assert [next(rows).seq for _ in range(3)] == [1, 2, 3]
        rows.close()  # type: ignore[attr-defined]
        assert len(list(ledger.calls("run-1"))) == 5000


TAKER = textwrap.dedent(
    """
    import sys
    from cpproxy.ledger.database import Ledger

    sys.stdin.readline()
    with Ledger.open(sys.argv[1]) as ledger:
        for _ in range(20):
            ledger.ingest()
    """
)


def start_taker(where: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", TAKER, where], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_several_processes_may_take_over_at_once(where: str) -> None:
    journals = [write(where, [], run=make_run(f"run-{number}", number), end=False) for number in range(2)]
    takers = [start_taker(where) for _ in range(3)]
    for taker in takers:
        assert taker.stdin
        taker.stdin.write("go\n")
        taker.stdin.flush()
    for seq in range(1, 3001):
        for one in journals:
            one.add(vouch.row(call(seq)))
            if seq % 50 == 0:
                one.flush()
    for taker in takers:
        assert taker.communicate(timeout=60)[1] == ""
        assert taker.returncode == 0
    for one in journals:
        one.close(vouch.event(END))
    for number in range(2):
        assert sequence(where, f"run-{number}") == list(range(1, 3001))
    assert journal.journals(where) == []


@pytest.mark.parametrize("seed", range(4))
def test_taking_over_may_be_killed_anywhere(where: str, seed: int) -> None:
    write(where, [call(seq, reason="x" * 300) for seq in range(1, 12_001)])
    delay = random.Random(seed).random()
    with start_taker(where) as taker:
        assert taker.stdin
        taker.stdin.write("go\n")
        taker.stdin.flush()
        time.sleep(delay)
        taker.send_signal(signal.SIGKILL)
        taker.communicate()
    assert sequence(where) == list(range(1, 12_001))
    assert journal.journals(where) == []


def test_an_sqlite_ledger_is_for_its_owner_alone_and_whole(sqlite: str) -> None:
    write(sqlite, [call(1)])
    sequence(sqlite)
    assert Path(sqlite).stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(sqlite) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def make_text(path: Path) -> None:
    path.write_text("notes of mine, and no database at all")


def make_broken(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\x00" + b"x" * 4096)


def make_strange(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE accounts (id INTEGER)")
    connection.close()


def make_newer(path: Path) -> None:
    make_ledger(path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE cpproxy_schema SET version = 7")
        connection.execute("PRAGMA user_version=7")
    connection.close()


ADDED = {3: ("scheme", "port", "seen"), 2: ("details",)}


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    "begin", [Ledger.open, lambda path: Journal.create(path, vouch.run(make_run("2")))], ids=["asked", "run"]
)
def test_a_ledger_of_an_older_version_is_brought_up_to_date(sqlite: str, begin: Any, version: int) -> None:
    make_ledger(Path(sqlite))
    with sqlite3.connect(sqlite) as connection:
        for column in (one for newer, columns in ADDED.items() if newer > version for one in columns):
            connection.execute(f"ALTER TABLE calls DROP COLUMN {column}")
        connection.execute(f"UPDATE cpproxy_schema SET version = {version}")
        connection.execute(f"PRAGMA user_version={version}")
    connection.close()
    begun = begin(sqlite)
    begun.close() if isinstance(begun, Ledger) else begun.close(vouch.event(END))
    with Ledger.open(sqlite) as ledger:
        ledger.ingest()
        assert [one.seq for one in ledger.calls("run-1")] == [1]
    caught = call(1, details=Raw(b'{"nearest":[]}'), scheme="https", port=443, seen=Seen.NAME)
    write(sqlite, [caught], run=make_run("3", 3.0))
    with Ledger.open(sqlite) as ledger:
        ledger.ingest()
        assert ledger.call("3:1")[1] == caught


def make_cut_off(path: Path) -> None:
    make_ledger(path)
    os.truncate(path, path.stat().st_size - 4096)


def make_cut_short(path: Path) -> None:
    make_ledger(path)
    os.truncate(path, 50)


def make_ledger(path: Path) -> None:
    write(str(path), [call(1)])
    sequence(str(path))


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        pytest.param(Path.mkdir, "is a folder; name a file in it", id="folder"),
        pytest.param(make_text, "is not an SQLite database; choose another with --ledger", id="text"),
        pytest.param(make_broken, "is not an SQLite database; choose another with --ledger", id="broken"),
        pytest.param(make_strange, "is a database of something else; choose", id="another database"),
        pytest.param(make_newer, "has version 7, and this cpproxy knows version 3; upgrade cpproxy", id="newer"),
        pytest.param(make_cut_off, "is cut off, and cannot be read; choose another with --ledger", id="cut off"),
        pytest.param(make_cut_short, "is cut off, and cannot be read; choose another with --ledger", id="cut short"),
    ],
)
@pytest.mark.parametrize(
    "begin", [Ledger.open, lambda path: Journal.create(path, vouch.run(make_run("2")))], ids=["asked", "run"]
)
def test_what_is_no_ledger_is_refused_in_one_line(sqlite: str, make: Any, complaint: str, begin: Any) -> None:
    make(Path(sqlite))
    with pytest.raises(LedgerError) as caught:
        begin(sqlite)
    assert complaint in str(caught.value)
    assert str(caught.value).startswith(f"ledger {sqlite}: ")
    assert "\n" not in str(caught.value)


def test_a_ledger_that_nobody_began_is_not_there(sqlite: str) -> None:
    with pytest.raises(LedgerError, match="is not there yet; `cpproxy replay` or `cpproxy record` begins it"):
        Ledger.open(sqlite)


def test_a_ledger_whose_pages_stand_in_its_log_is_whole(sqlite: str) -> None:
    make_ledger(Path(sqlite))
    other = sqlite3.connect(sqlite)  # which keeps the log beside the file
    other.execute("INSERT INTO events SELECT run, position + 1, event FROM events")
    other.commit()
    write(sqlite, [call(1)], run=make_run("run-2"))
    assert sequence(sqlite, "run-2") == [1]
    other.close()


def test_an_empty_database_becomes_a_ledger(sqlite: str) -> None:
    connection = sqlite3.connect(sqlite)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    assert Path(sqlite).stat().st_size > 0
    make_ledger(Path(sqlite))


@pytest.mark.parametrize(
    "begin", [Ledger.open, lambda url: Journal.create(url, vouch.run(make_run()))], ids=["asked", "run"]
)
def test_postgresql_without_its_driver_is_refused_at_once(
    begin: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(LedgerError) as caught:
        begin("postgresql://me:secret@127.0.0.1:1/x")
    expected = "ledger postgresql://…: needs psycopg; install it with `pip install 'cpproxy[postgresql]'`"
    assert str(caught.value) == expected


def test_a_proxy_refuses_another_ledger_before_it_serves(tmp_path: Path) -> None:
    make_strange(tmp_path / "other.db")
    tapes.write(tmp_path / "cassettes", "one", tapes.interaction("GET /a"))
    done = finish(["replay", "--ledger", "other.db", "--listen", "127.0.0.1:0"], cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr
        == "cpproxy: error: ledger other.db: is a database of something else; choose another with --ledger\n"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not read")
def test_a_ledger_of_somebody_else_is_refused_in_one_line() -> None:
    program = textwrap.dedent(
        """
        import os, sys
        from cpproxy.ledger.database import Ledger

        os.seteuid(65534)
        Ledger.open(sys.argv[1])
        """
    )
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders let nobody else in
        Path(folder).chmod(0o755)
        where = f"{folder}/ledger.db"
        write(where, [call(1)])
        sequence(where)
        done = subprocess.run([sys.executable, "-c", program, where], capture_output=True, text=True, check=False)
    assert f"LedgerError: ledger {where}: cannot be read: Permission denied" in done.stderr


def test_a_server_that_is_not_there_is_named_without_the_password() -> None:
    with pytest.raises(LedgerError) as caught:
        Ledger.open("postgresql://me:secret@127.0.0.1:1/x")
    assert "127.0.0.1:1/x" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_tables_of_something_else_on_a_server_are_left_alone(server: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE TABLE calls (mine INTEGER)")
        with pytest.raises(LedgerError, match=r"holds tables of something else \(calls\)"):
            Ledger.open(server)
        connection.execute("DROP TABLE calls")
