"""A secret that is learnt late: what is on the ledger already loses it, in the file, in the database and in its log."""

import contextlib
import fcntl
import functools
import sqlite3
from pathlib import Path

import msgspec
import pytest
from msgspec import Raw

from cpproxy.core.calls import Call, Outcome
from cpproxy.core.redaction.finding import Reason
from cpproxy.core.redaction.redactor import Redactor
from cpproxy.core.runs import Mode, Run, RunEnded
from cpproxy.errors import LedgerError
from cpproxy.ledger import journal
from cpproxy.ledger.database import Ledger
from cpproxy.ledger.journal import Journal
from tests import vouch
from tests.postgresql import find_binaries, running_postgresql

SECRET = 'Maple-"42"-\u00e4x'
RUN = Run("run-1", Mode.RECORD, 1.0)
END = RunEnded(9.0, "SIGTERM")


def call(seq: int, note: str = "") -> Call:
    target, body = f"/x?note={note}&n={seq}", Raw(msgspec.json.encode({"n": note} if note else {}))
    return Call(seq, 2.0 + seq, Outcome.RECORDED, "POST", target, reason=f"because {note}", body=body)


def knowing() -> Redactor:
    redactor = Redactor()
    redactor.known.learn(SECRET, "password", Reason.NAMED)
    return redactor


def traces(folder: Path) -> list[str]:
    """The files below a folder in which the secret stands, as it is or as JSON has it."""
    forms = (SECRET.encode(), SECRET.replace('"', '\\"').encode(), b"Maple")
    files = (path for path in folder.rglob("*") if path.is_file())
    return [str(path) for path in files if any(one in path.read_bytes() for one in forms)]


@pytest.fixture
def written(tmp_path: Path) -> Journal:
    one = Journal.create(tmp_path / "ledger.db", vouch.run(RUN))
    for seq in range(1, 40):
        one.add(vouch.row(call(seq, SECRET if seq % 3 == 1 else "")))
    one.flush()
    return one


def read_calls(path: Path) -> list[Call]:
    return [one for batch in journal.read(path) for _, one in batch.calls]


def cleanse(one: Journal, redactor: Redactor | None = None) -> None:
    one.cleanse(functools.partial((redactor or knowing()).clean, since=0))


def test_rows_lose_it_and_nothing_else(written: Journal, tmp_path: Path) -> None:
    before = read_calls(written.path)
    size = written.path.stat().st_size
    assert traces(tmp_path)
    cleanse(written)
    after = read_calls(written.path)
    assert traces(tmp_path) == []
    assert written.path.stat().st_size == size
    assert after[1:3] == before[1:3]
    assert after[0].target == "/x?note=***&n=1"
    assert (after[0].reason, after[0].body) == ("because ***", Raw(b'{"n":"***"}'))
    written.add(vouch.row(call(99)))
    written.close(vouch.event(END))
    assert [one.seq for one in read_calls(written.path)][-2:] == [39, 99]


def test_rows_that_are_not_written_yet_lose_it_too(written: Journal, tmp_path: Path) -> None:
    written.add(vouch.row(call(50, SECRET)))
    cleanse(written)
    written.flush()
    assert read_calls(written.path)[-1].target == "/x?note=***&n=50"
    assert traces(tmp_path) == []


def test_what_the_database_has_taken_over_loses_it_with_its_log(written: Journal, tmp_path: Path) -> None:
    where = str(tmp_path / "ledger.db")
    with Ledger.open(where) as ledger:
        ledger.ingest()
        assert traces(tmp_path)
        cleanse(written)
        assert traces(tmp_path) == []
        ledger.ingest()
        assert [row.seq for row in ledger.calls("run-1")] == list(range(1, 40))
        assert next(ledger.calls("run-1")).reason == "because ***"
    with contextlib.closing(sqlite3.connect(where)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_runs_before_lose_it_when_a_ledger_is_cleansed_whole(written: Journal, tmp_path: Path) -> None:
    where = str(tmp_path / "ledger.db")
    written.close(vouch.event(END))
    with Ledger.open(where) as ledger:
        ledger.ingest()
        ledger.cleanse(functools.partial(knowing().clean, since=0))
        assert {row.target for row in ledger.calls("run-1") if row.seq % 3 == 1 and row.seq < 4} == {"/x?note=***&n=1"}
        assert len(list(ledger.calls("run-1"))) == 39
    assert traces(tmp_path) == []


def test_a_postgresql_ledger_loses_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server is installed")
    with running_postgresql(binaries) as url:
        one = Journal.create(url, vouch.run(RUN))
        one.add(vouch.row(call(1, SECRET)))
        one.flush()
        with Ledger.open(url) as ledger:
            ledger.ingest()
            cleanse(one)
            assert next(ledger.calls("run-1")).target == "/x?note=***&n=1"
        one.close(vouch.event(END))


def test_nothing_is_written_where_there_is_nothing_to_lose(written: Journal) -> None:
    before = written.path.stat().st_mtime_ns
    redactor = Redactor()
    redactor.known.learn("another-secret-1", "x", Reason.NAMED)
    cleanse(written, redactor)
    assert written.path.stat().st_mtime_ns == before


def test_a_ledger_that_somebody_holds_is_waited_for_and_not_for_ever(
    written: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "_LOCK_SECONDS", 0.2)
    with journal.open_lock(written.path.parent) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(LedgerError, match=r"another process has held it for 0\.2 s"):
            cleanse(written)
    cleanse(written)


@pytest.mark.parametrize(
    "secret", ["17329123", "reason-because", "duration", "request_size", "replayed-calls", "20260105"]
)
def test_a_row_stays_one_whatever_the_secret_is(tmp_path: Path, secret: str) -> None:
    one = Journal.create(tmp_path / "ledger.db", vouch.run(RUN))
    row = Call(
        seq=1,
        at=1732912345.25,
        outcome=Outcome.REPLAYED,
        method="GET",
        target="/x",
        duration=0.5,
        request_size=20260105,
        reason=f"because {secret}",
        body=Raw(b'{"at":17329123,"n":[173291234,"a 17329123"],"duration":"duration"}'),
    )
    one.add(vouch.row(row))
    one.flush()
    redactor = Redactor()
    redactor.keep(secret, "password")
    size = one.path.stat().st_size
    cleanse(one, redactor)
    (after,) = read_calls(one.path)
    assert one.path.stat().st_size == size
    assert (after.seq, after.at, after.outcome, after.request_size) == (1, row.at, row.outcome, row.request_size)
    if secret == "17329123":
        assert after.reason == "because ***"
        assert after.body == Raw(b'{"at":"***","n":[173291234,"a ***"],"duration":"duration"}')
