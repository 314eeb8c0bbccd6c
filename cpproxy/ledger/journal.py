"""The journal: a file of JSON lines a run, appended before each answer leaves, from which the database is filled.

It is what keeps the promise that no answered call is missing after `kill -9`, at the cost of one `write` for each turn
of the event loop; nothing here imports SQLAlchemy, so the path to the first answer stays free of it.

The first line is the run's header, the others are calls and events. The writer holds a lock on the file for as long as
it lives, which tells a run that goes on from one that was killed.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from io import FileIO
from pathlib import Path
from typing import IO, Self

import msgspec

from cpproxy.core.calls import Call
from cpproxy.core.redaction.redacted import Clean, RedactedCall, RedactedEvent, RedactedRun
from cpproxy.core.repeating import repeatable
from cpproxy.core.runs import Event, Run
from cpproxy.errors import LedgerError
from cpproxy.ledger.cleansing import EVENT, clean_line
from cpproxy.ledger.sqlite import refuse_other_files

_ENCODE = msgspec.json.Encoder().encode
_DECODE_CALL = msgspec.json.Decoder(Call).decode
_DECODE_EVENT = msgspec.json.Decoder(Run | Event).decode
_POSTGRESQL = re.compile(r"(?:postgresql(?:\+psycopg)?|postgres)://")
_SQLITE = "sqlite:///"
_NEARLY_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:[/\\\\]|.*://")
_BLOCK = 1 << 20
_LOCK_SECONDS = 5
_LOCK = ".lock"


def is_postgresql(ledger: str | Path) -> bool:
    """Whether the ledger is a PostgreSQL database rather than an SQLite file."""
    return _POSTGRESQL.match(str(ledger)) is not None


def require_psycopg() -> None:
    """LedgerError when what a PostgreSQL ledger needs is not installed; it is looked for, and not imported."""
    if find_spec("psycopg") is None:
        raise LedgerError("ledger postgresql://…: needs psycopg; install it with `pip install 'cpproxy[postgresql]'`")


def database_file(ledger: str | Path) -> Path:
    """The file of an SQLite ledger. LedgerError for a URL of any other database and for a folder."""
    text = str(ledger)
    if not text.startswith(_SQLITE) and (_NEARLY_URL.match(text) or repeatable(text) != text):
        raise LedgerError(
            f"ledger {repeatable(text)}: expected the path of an SQLite file, or a postgresql:// or sqlite:/// URL"
        )
    path = Path(text.removeprefix(_SQLITE))
    if path.is_dir():
        raise LedgerError(f"ledger {path}: is a folder; name a file in it, such as {path / 'ledger.db'}")
    return path


def folder(ledger: str | Path) -> Path:
    """Where the journals of this ledger lie: beside an SQLite file, below `.cpproxy` for PostgreSQL."""
    if is_postgresql(ledger):
        nameless = re.sub(r"//[^/@]*@", "//", str(ledger))
        return Path(".cpproxy") / f"postgresql-{hashlib.sha256(nameless.encode()).hexdigest()[:12]}.runs"
    path = database_file(ledger)
    return path.with_name(path.name + ".runs")


def holds_runs(ledger: str | Path) -> bool:
    """Whether there is a database beside the journals, which may hold earlier runs."""
    return is_postgresql(ledger) or database_file(ledger).exists()


class Journal:
    """The writing end of one run's journal.

    `add` and `note` only collect; nothing is safe before `flush` has returned, so answers wait for it.
    """

    def __init__(self, ledger: str | Path, path: Path, fd: int) -> None:
        self.path = path
        self._ledger = ledger
        self._fd = fd
        self._lines: list[bytes] = []
        self._rest = b""

    @classmethod
    def create(cls, ledger: str | Path, run: RedactedRun) -> Self:
        """A new journal that holds the run's header. LedgerError if this ledger cannot be written."""
        path = folder(ledger) / f"{run.id}.jsonl"
        if is_postgresql(ledger):
            require_psycopg()
        else:
            refuse_other_files(database_file(ledger))
        try:
            _make_private(path.parent)
            fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise LedgerError(f"ledger {path}: cannot be written: {error.strerror}") from error
        fcntl.flock(fd, fcntl.LOCK_EX)
        journal = cls(ledger, path, fd)
        try:
            journal._lines.append(_ENCODE(run))
            journal.flush()
        except LedgerError:
            os.close(fd)
            raise
        return journal

    def add(self, call: RedactedCall) -> None:
        """Collect one call for the next `flush`."""
        line = _ENCODE(call)
        # A body stands as it came: a raw line break in JSON can only be white space between tokens.
        self._lines.append(line.replace(b"\n", b" ") if b"\n" in line else line)

    def note(self, event: RedactedEvent) -> None:
        """Collect one event for the next `flush`."""
        self._lines.append(_ENCODE(event))

    def flush(self) -> None:
        """Write what was collected, in one `write`. LedgerError if it cannot be: then no answer may leave.

        What was not written stays, and the next `flush` goes on exactly there.
        """
        if self._lines:
            self._lines.append(b"")
            self._rest += b"\n".join(self._lines)
            self._lines.clear()
        if not self._rest:
            return
        try:
            if os.fstat(self._fd).st_nlink == 0:
                raise LedgerError(f"ledger {self.path}: was removed while the run goes on")
            while self._rest:
                self._rest = self._rest[os.write(self._fd, self._rest) :]
        except OSError as error:
            raise LedgerError(f"ledger {self.path}: cannot be written: {error.strerror}") from error

    def cleanse(self, clean: Clean) -> None:
        """Take out of all that was collected or written what `clean` takes out: of the database, too.

        A row keeps its length, so that who reads the file at the same time stays in step. LedgerError if it cannot be.
        """
        self._lines = [clean_line(line, clean) for line in self._lines]
        if self._rest:
            raise LedgerError(f"ledger {self.path}: cannot be cleansed of a secret while it cannot be written")
        try:
            with _locked(self.path.parent):
                changed = _cleanse(self.path, clean)
                if changed and holds_runs(self._ledger):
                    from cpproxy.ledger.database import Ledger  # noqa: PLC0415 (it is rare that there is need of it)

                    with Ledger.open(self._ledger) as ledger:
                        ledger.rewrite(self.path.stem, changed)
        except OSError as error:
            raise LedgerError(f"ledger {self.path}: cannot be cleansed of a secret: {error.strerror}") from error

    def close(self, end: RedactedEvent) -> None:
        """Write the run's end and leave the file to the database. LedgerError as `flush`."""
        self.note(end)
        try:
            self.flush()
            os.fsync(self._fd)
        except OSError as error:
            raise LedgerError(f"ledger {self.path}: cannot be written: {error.strerror}") from error
        finally:
            os.close(self._fd)


def _cleanse(path: Path, clean: Clean) -> list[Call]:
    """Rewrite the rows of a journal in which `clean` finds something, and give them."""
    changed: list[Call] = []
    with path.open("r+b", buffering=0) as file:
        for offset, block in _blocks(file, 0):
            text = block.decode()
            if clean(text) == text:  # as nearly always: one look at all rows
                continue
            at = offset
            for line in block.split(b"\n"):
                cleaned = clean_line(line, clean)
                if cleaned != line:
                    os.pwrite(file.fileno(), cleaned.ljust(len(line)), at)  # JSON takes white space at its end
                    if not line.startswith(EVENT):
                        changed.append(_DECODE_CALL(cleaned))
                at += len(line) + 1
    return changed


def _make_private(path: Path) -> None:
    """Makes a folder and those above it that are missing, each for its owner alone; `parents` would not."""
    for above in (*reversed(path.parents), path):
        above.mkdir(mode=0o700, exist_ok=True)


def open_lock(folder_: Path) -> IO[bytes]:
    """The file that is locked by whoever takes over what is in a folder of journals."""
    return os.fdopen(
        os.open(folder_ / _LOCK, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600), "ab"
    )


@contextlib.contextmanager
def _locked(folder_: Path) -> Iterator[None]:
    """Keep away who takes journals over; LedgerError where somebody does so for too long."""
    deadline = time.monotonic() + _LOCK_SECONDS
    with open_lock(folder_) as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise LedgerError(f"ledger {folder_}: another process has held it for {_LOCK_SECONDS} s") from None
                time.sleep(0.01)
                continue
            yield
            return


@dataclass(frozen=True, slots=True)
class Batch:
    """Some lines of a journal, each with its position in bytes; `end` is where the next batch begins."""

    calls: tuple[tuple[int, Call], ...]
    events: tuple[tuple[int, Run | Event], ...]
    end: int


def journals(ledger: str | Path) -> list[Path]:
    """The journals that lie beside this ledger, oldest first."""
    return sorted(folder(ledger).glob("*.jsonl"))


def read(path: Path, offset: int = 0) -> Iterator[Batch]:
    """The journal from a position on, about 1 MiB at a time; an incomplete last line is left out.

    LedgerError for a line that is whole and cannot be understood.
    """
    with path.open("rb", buffering=0) as file:
        for start, block in _blocks(file, offset):
            yield _parse(path, block, start)


def _blocks(file: FileIO, offset: int) -> Iterator[tuple[int, bytes]]:
    """Whole lines, about 1 MiB at a time and without the last line break, each block with its position."""
    file.seek(offset)
    rest = b""
    while block := file.read(_BLOCK):
        position = file.tell()
        whole, newline, tail = block.rpartition(b"\n")
        if not newline:
            rest += block
            continue
        yield offset, rest + whole
        file.seek(position)
        offset += len(rest) + len(whole) + 1
        rest = tail


def _parse(path: Path, text: bytes, offset: int) -> Batch:
    calls: list[tuple[int, Call]] = []
    events: list[tuple[int, Run | Event]] = []
    for line in text.split(b"\n"):
        try:
            if line.startswith(EVENT):
                events.append((offset, _DECODE_EVENT(line)))
            else:
                calls.append((offset, _DECODE_CALL(line)))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise LedgerError(f"ledger {path}: byte {offset}: not a row of a journal: {error}") from error
        offset += len(line) + 1
    return Batch(tuple(calls), tuple(events), offset)


def read_header(path: Path) -> Run | None:
    """The run's header; None while it is not written yet."""
    with path.open("rb") as file:
        line = file.readline()
    if not line.endswith(b"\n"):
        return None
    header = _parse(path, line[:-1], 0).events
    if header and isinstance(run := header[0][1], Run):
        return run
    raise LedgerError(f"ledger {path}: does not begin with the header of a run")


def is_live(path: Path) -> bool:
    """Whether the process that writes this journal is alive on this machine."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def live_runs(ledger: str | Path) -> list[Run]:
    """The runs whose proxy is alive on this machine, oldest first."""
    found: list[Run] = []
    for path in journals(ledger):
        with contextlib.suppress(FileNotFoundError):  # its run ended, and another process cleared it away just now
            if is_live(path) and (run := read_header(path)):
                found.append(run)
    return sorted(found, key=lambda run: run.started)
