"""The journal: every row that `flush` acknowledged can be read, whatever became of the writer."""

import os
import random
import resource
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import Raw

from cpproxy.core.calls import Call, Outcome
from cpproxy.core.runs import Mode, Run, RunEnded, ScenarioBegun
from cpproxy.errors import LedgerError
from cpproxy.ledger import journal
from cpproxy.ledger.journal import Journal
from tests import vouch

RUN = Run(id="20261123T042054-1f3a", mode=Mode.REPLAY, started=1.0, url="http://127.0.0.1:9090")
END = RunEnded(at=9.0, reason="SIGTERM")


def call(seq: int, **more: Any) -> Call:
    return Call(seq=seq, at=2.0, outcome=Outcome.REPLAYED, method="GET", target="/a", **more)


def read_calls(path: Path) -> list[Call]:
    return [one for batch in journal.read(path) for _, one in batch.calls]


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ledger.db"


@pytest.fixture
def written(ledger: Path) -> Iterator[Journal]:
    one = Journal.create(ledger, vouch.run(RUN))
    yield one
    one.close(vouch.event(END))


def test_gives_back_what_was_written(written: Journal) -> None:
    rows = [call(1), call(2, body=Raw(b'{"a":1}'), reason="é\n\x00")]
    for row in rows:
        written.add(vouch.row(row))
    written.note(vouch.event(ScenarioBegun(at=3.0, name="boot", xfail="#1")))
    written.flush()
    assert read_calls(written.path) == rows
    assert journal.read_header(written.path) == RUN
    events = [one for batch in journal.read(written.path) for _, one in batch.events]
    assert events == [RUN, ScenarioBegun(at=3.0, name="boot", xfail="#1")]


def test_nothing_is_written_before_the_flush(written: Journal) -> None:
    written.add(vouch.row(call(1)))
    assert read_calls(written.path) == []


def test_a_body_over_several_lines_stays_one_row(written: Journal) -> None:
    written.add(vouch.row(call(1, body=Raw(b'{\n  "a": 1\r\n}\n'))))
    written.add(vouch.row(call(2)))
    written.flush()
    assert [row.seq for row in read_calls(written.path)] == [1, 2]


def test_is_for_its_owner_alone(written: Journal) -> None:
    assert written.path.stat().st_mode & 0o777 == 0o600
    assert written.path.parent.stat().st_mode & 0o777 == 0o700


def test_positions_lead_back_to_the_same_rows(written: Journal) -> None:
    for seq in range(1, 20):
        written.add(vouch.row(call(seq)))
    written.flush()
    positions = [position for batch in journal.read(written.path) for position, _ in batch.calls]
    again = [batch.calls[0] for position in positions for batch in journal.read(written.path, position)]
    assert [(position, row.seq) for position, row in again] == list(zip(positions, range(1, 20), strict=True))


def test_a_row_longer_than_a_block_is_read_whole(written: Journal) -> None:
    body = b'"' + b"x" * (3 << 20) + b'"'
    written.add(vouch.row(call(1)))
    written.add(vouch.row(call(2, body=Raw(body))))
    written.add(vouch.row(call(3)))
    written.flush()
    rows = read_calls(written.path)
    assert [row.seq for row in rows] == [1, 2, 3]
    assert bytes(rows[1].body) == body  # type: ignore[arg-type]


@pytest.mark.parametrize("cut", [1, 2, 40], ids=lambda cut: f"{cut} bytes short")
def test_a_torn_last_line_is_left_out_alone(written: Journal, cut: int) -> None:
    for seq in (1, 2, 3):
        written.add(vouch.row(call(seq)))
    written.flush()
    os.truncate(written.path, written.path.stat().st_size - cut)
    assert [row.seq for row in read_calls(written.path)] == [1, 2]


def test_a_whole_line_that_cannot_be_understood_is_an_error(written: Journal) -> None:
    with written.path.open("ab") as file:
        file.write(b'{"seq":"one"}\n')
    with pytest.raises(LedgerError, match=r"byte \d+: not a row of a journal"):
        read_calls(written.path)


def test_a_run_is_live_until_it_is_closed(ledger: Path) -> None:
    one = Journal.create(ledger, vouch.run(RUN))
    assert journal.live_runs(ledger) == [RUN]
    one.close(vouch.event(END))
    assert journal.live_runs(ledger) == []


def test_two_runs_of_one_id_do_not_share_a_journal(written: Journal, ledger: Path) -> None:
    with pytest.raises(LedgerError, match="cannot be written: File exists"):
        Journal.create(ledger, vouch.run(RUN))


def test_a_journal_that_was_removed_stops_the_run(ledger: Path) -> None:
    one = Journal.create(ledger, vouch.run(RUN))
    one.path.unlink()
    one.add(vouch.row(call(1)))
    with pytest.raises(LedgerError, match="was removed while the run goes on"):
        one.flush()
    with pytest.raises(LedgerError, match="was removed while the run goes on"):
        one.close(vouch.event(END))


@pytest.mark.parametrize(
    ("ledger", "expected"),
    [
        ("a/ledger.db", "a/ledger.db.runs"),
        ("sqlite:///a/ledger.db", "a/ledger.db.runs"),
        ("sqlite:////a/ledger.db", "/a/ledger.db.runs"),
    ],
)
def test_lies_beside_the_ledger(ledger: str, expected: str) -> None:
    assert journal.folder(ledger) == Path(expected)


def test_one_postgresql_ledger_has_one_folder_whoever_signs_in() -> None:
    one = journal.folder("postgresql://me:secret@db/cpproxy")
    assert one == journal.folder("postgresql://db/cpproxy")
    assert one != journal.folder("postgresql://db/other")
    assert one.parent == Path(".cpproxy")


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        pytest.param(lambda path: path.mkdir(parents=True), "is a folder; name a file in it", id="folder"),
        pytest.param(
            lambda path: (path.parent.mkdir(), path.write_text("notes of mine, and no database")),
            "is not an SQLite database; choose another with --ledger",
            id="another file",
        ),
        pytest.param(
            lambda path: path.parent.write_text(""), "cannot be read: Not a directory", id="file for a folder"
        ),
        pytest.param(
            lambda path: (path.parent.mkdir(), path.with_name("ledger.db.runs").write_text("")),
            "cannot be written: File exists",
            id="file for the journals' folder",
        ),
    ],
)
def test_a_ledger_that_cannot_be_one_is_refused_at_the_start(ledger: Path, make: Any, complaint: str) -> None:
    make(ledger)
    with pytest.raises(LedgerError) as caught:
        Journal.create(ledger, vouch.run(RUN))
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_another_kind_of_database_is_refused_without_its_password() -> None:
    with pytest.raises(LedgerError, match=r"expected the path of an SQLite file, or") as caught:
        Journal.create("mysql://me:secret@db/x", vouch.run(RUN))
    assert "secret" not in str(caught.value)


WRITER = textwrap.dedent(
    """
    import os, sys
    from cpproxy.core.calls import Call, Outcome
    from cpproxy.core.runs import Mode, Run
    from cpproxy.ledger.journal import Journal

    journal = Journal.create(sys.argv[1], Run(id=sys.argv[2], mode=Mode.REPLAY, started=1.0))
    seq = 0
    while True:
        for _ in range(seq % 7 + 1):
            seq += 1
            row = Call(seq=seq, at=1.0, outcome=Outcome.REPLAYED, method="GET", target="/" + "x" * (seq % 99))
            journal.add(row)
        journal.flush()
        os.write(1, b"%d\\n" % seq)
    """
)


@pytest.mark.parametrize("seed", range(6))
def test_every_acknowledged_row_outlives_a_kill(ledger: Path, seed: int) -> None:
    enough = random.Random(seed).randrange(1, 20_000)
    with subprocess.Popen([sys.executable, "-c", WRITER, ledger, f"run-{seed}"], stdout=subprocess.PIPE) as writer:
        assert writer.stdout
        acknowledged = b""
        while len(acknowledged) < enough:
            acknowledged += os.read(writer.stdout.fileno(), 4096)
        writer.send_signal(signal.SIGKILL)
        acknowledged += writer.stdout.read()
    last = int(acknowledged[: acknowledged.rindex(b"\n")].rpartition(b"\n")[2])
    (path,) = journal.journals(ledger)
    assert not journal.is_live(path)
    sequence = [row.seq for row in read_calls(path)]
    assert sequence == list(range(1, len(sequence) + 1))
    assert len(sequence) >= last


def test_a_full_disk_is_an_error_and_what_was_acknowledged_stays(tmp_path: Path) -> None:
    # A limit on the file's size stops a write in the middle, as a full disk does; it holds for a whole process.
    program = textwrap.dedent(
        """
        import resource, signal, sys
        from cpproxy.core.calls import Call, Outcome
        from cpproxy.core.runs import Mode, Run
        from cpproxy.errors import LedgerError
        from cpproxy.ledger.journal import Journal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
        journal = Journal.create(sys.argv[1], Run(id="run", mode=Mode.REPLAY, started=1.0))
        seq = 0
        try:
            while True:
                seq += 1
                row = Call(seq=seq, at=1.0, outcome=Outcome.REPLAYED, method="GET", target="/" + "x" * 50)
                journal.add(row)
                journal.flush()
        except LedgerError as error:
            print(seq - 1, error)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        if sys.argv[2] == "room":
            journal.flush()
        """
    )
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    for disk in ("full", "room"):
        ledger = tmp_path / disk / "ledger.db"
        done = subprocess.run(
            [sys.executable, "-c", program, ledger, disk], capture_output=True, text=True, check=True, timeout=60
        )
        acknowledged, _, complaint = done.stdout.partition(" ")
        assert complaint.endswith("cannot be written: File too large\n")
        (path,) = journal.journals(ledger)
        expected = int(acknowledged) + (disk == "room")
        assert [row.seq for row in read_calls(path)] == list(range(1, expected + 1))
