"""The ledger's database: filled from the journals off the hot path, and asked by everything that reports.

SQLite by default, PostgreSQL by URL. Whoever asks takes over first what the journals hold beyond it (`ingest`), which
may be done by any number of processes, at any time, and be killed at any point.
"""

import contextlib
import fcntl
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import msgspec
from sqlalchemy import (
    URL,
    Connection,
    Engine,
    RowMapping,
    Select,
    create_engine,
    event,
    func,
    inspect,
    make_url,
    select,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from cpproxy.core.calls import Call, Outcome
from cpproxy.core.redaction.redacted import Clean
from cpproxy.core.runs import Event, Run, RunEnded
from cpproxy.errors import LedgerError, UsageError
from cpproxy.ledger import journal, schema
from cpproxy.ledger.cleansing import DOCUMENTS, TEXTS, clean_call
from cpproxy.ledger.sqlite import APPLICATION_ID, VERSION, describe_version, refuse_other_files

LATEST = "latest"

_BUSY_MILLISECONDS = 5000
_CONNECT_SECONDS = 10
_ADVISORY_LOCK = 0x6370_7072_6F78_79  # "cpproxy"
_ROWS = 1000
_POSTGRESQL = re.compile(r"[a-z+]+://(?:[^\s/?#@]*@)?[^\s/?#@]*(?:/[^?#@]*)?(?:\?[^#]*)?")
_ENCODE = msgspec.json.encode
_DECODE_RUN = msgspec.json.Decoder(Run).decode
_DECODE_EVENT: Callable[[str], Event] = msgspec.json.Decoder(Event).decode
_CALL_FIELDS = tuple(Call.__struct_fields__)


@dataclass(frozen=True, slots=True)
class KnownRun:
    """A run on the ledger. `ended` is Unix time, or None for one that goes on or was `killed`."""

    run: Run
    ended: float | None
    end_reason: str
    killed: bool


@dataclass(frozen=True, slots=True)
class Filter:
    """Which calls of a run are wanted: empty is any. `client` is looked for anywhere in the client's name.

    `after` is the number of the last call that is known already; `last` keeps that many of the newest.
    """

    outcome: str = ""
    client: str = ""
    route: str = ""
    scenario: str = ""
    session: str = ""
    after: int = 0
    last: int = 0


class Ledger:
    """The database, open. Every method raises LedgerError when it cannot be read or written."""

    def __init__(self, where: str, engine: Engine, shown: str) -> None:
        self._where = where
        self._engine = engine
        self._shown = shown

    @classmethod
    def open(cls, where: str | Path) -> Self:
        """The ledger at a path or URL, made if a run has begun one. LedgerError in one line for what is none."""
        where = str(where)
        engine, shown = _connect(where)
        ledger = cls(where, engine, shown)
        with ledger._read() as connection:
            ready = _is_ready(connection, shown)
        if not ready:
            with ledger._write() as connection:
                _prepare(connection, shown)
        return ledger

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def ingest(self) -> None:
        """Take over all whole rows of all journals; those of runs that are over are removed once they are in here."""
        folder = journal.folder(self._where)
        if not folder.is_dir():
            return
        try:
            with journal.open_lock(folder) as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                for path in journal.journals(self._where):
                    self._take(path)
        except OSError as error:
            raise LedgerError(f"ledger {folder}: cannot be taken over: {error.strerror}") from error

    def _take(self, path: Path) -> None:
        live = journal.is_live(path)  # asked first: what a dead writer left is all there will ever be
        run = journal.read_header(path)
        if run is None:
            return
        with self._write() as connection:
            taken = connection.scalar(select(schema.runs.c.taken).where(schema.runs.c.id == run.id))
            if taken is None:
                connection.execute(schema.runs.insert(), [_run_row(run)])
        for batch in journal.read(path, taken or 0):
            with self._write() as connection:
                _insert(connection, run.id, batch)
        if not live:
            with self._write() as connection:
                connection.execute(
                    schema.runs.update()
                    .where(schema.runs.c.id == run.id, schema.runs.c.ended.is_(None))
                    .values(killed=True),
                )
            path.unlink()

    def rewrite(self, run: str, calls: Iterable[Call]) -> None:
        """Put these rows in the place of those that are here of the same numbers, and leave no trace of those."""
        with self._write() as connection:
            for call in calls:
                values = _call_row(run, call)
                key = (schema.calls.c.run == values.pop("run"), schema.calls.c.seq == values.pop("seq"))
                connection.execute(schema.calls.update().where(*key).values(**values))
        self._forget()

    def cleanse(self, clean: Clean) -> None:
        """Take out of all rows of all runs what `clean` takes out."""
        for known in self.runs():
            both = ((call, clean_call(call, clean)) for call in self.calls(known.run.id))
            if changed := [cleaned for call, cleaned in both if cleaned is not call]:
                self.rewrite(known.run.id, changed)

    def _forget(self) -> None:
        """Let nothing of what was overwritten stay in SQLite's log."""
        if self._engine.dialect.name == "sqlite":
            with self._explained(), self._engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def runs(self) -> list[KnownRun]:
        """All runs, oldest first."""
        with self._read() as connection:
            rows = connection.execute(select(schema.runs).order_by(schema.runs.c.started, schema.runs.c.id)).mappings()
            return [_known_run(row) for row in rows]

    def run(self, name: str = LATEST) -> KnownRun:
        """One run by its id, or the latest. UsageError if there is none."""
        query = select(schema.runs)
        if name == LATEST:
            query = query.order_by(schema.runs.c.started.desc(), schema.runs.c.id.desc()).limit(1)
        else:
            query = query.where(schema.runs.c.id == name)
        with self._read() as connection:
            row = connection.execute(query).mappings().first()
        if row is None and name == LATEST:
            raise UsageError(f"ledger {self._shown}: holds no run yet; `cpproxy replay` or `cpproxy record` begins one")
        if row is None:
            raise UsageError(f"ledger {self._shown}: no run {name}; the latest is {self.run().run.id}")
        return _known_run(row)

    def calls(self, run: str, wanted: Filter | None = None) -> Iterator[Call]:
        """The calls of a run in the order of their numbers, read as they are asked for."""
        with self._read() as connection:
            query = _select_calls(run, wanted or Filter())
            with connection.execution_options(yield_per=_ROWS).execute(query) as result:
                for row in result.mappings():
                    yield _call(row)

    def count(self, run: str) -> int:
        """How many calls a run has."""
        with self._read() as connection:
            return connection.scalar(select(func.count()).where(schema.calls.c.run == run)) or 0

    def call(self, name: str) -> tuple[str, Call]:
        """One call and its run, by `RUN:SEQ`, or by `SEQ` for one of the latest run. UsageError if there is none."""
        run, colon, number = name.rpartition(":")
        if not number.isdecimal() or not number.isascii() or len(number) > 18:
            raise UsageError(f"call {name!r}: expected RUN:SEQ, or SEQ for a call of the latest run")
        run_id = run if colon and run != LATEST else self.run().run.id
        query = select(schema.calls).where(schema.calls.c.run == run_id, schema.calls.c.seq == int(number))
        with self._read() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            raise UsageError(f"ledger {self._shown}: no call {run_id}:{number}; `cpproxy calls` lists those there are")
        return run_id, _call(row)

    def events(self, run: str) -> list[Event]:
        """What happened in a run beside its calls, in order."""
        query = select(schema.events.c.event).where(schema.events.c.run == run).order_by(schema.events.c.position)
        with self._read() as connection:
            return [_DECODE_EVENT(text) for text in connection.scalars(query)]

    @contextlib.contextmanager
    def _read(self) -> Iterator[Connection]:
        with self._explained(), self._engine.connect() as connection:
            yield connection

    @contextlib.contextmanager
    def _write(self) -> Iterator[Connection]:
        with self._explained(), self._engine.connect() as plain:
            connection = plain.execution_options(writes=True)
            with connection.begin():
                yield connection

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            reason = " ".join(str(error.orig).split()) or type(error.orig).__name__
            raise LedgerError(f"ledger {self._shown}: {reason}") from error
        except SQLAlchemyError as error:
            raise LedgerError(f"ledger {self._shown}: {' '.join(str(error).split())}") from error


def _connect(where: str) -> tuple[Engine, str]:
    """An engine for the ledger, and how to name it in messages: without a password."""
    if journal.is_postgresql(where):
        return _connect_postgresql(where)
    path = journal.database_file(where)
    refuse_other_files(path)
    if not path.exists():
        if not journal.journals(where):
            raise LedgerError(f"ledger {path}: is not there yet; `cpproxy replay` or `cpproxy record` begins it")
        with contextlib.suppress(OSError):  # what is wrong with the place, SQLite says in a moment
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    # Whole, since SQLite takes names such as `:memory:` for something else than a file.
    url = URL.create("sqlite+pysqlite", database=str(path.absolute()))
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine, str(path)


def _connect_postgresql(where: str) -> tuple[Engine, str]:
    try:
        url = make_url(where) if _POSTGRESQL.fullmatch(where) else None
    except (ArgumentError, ValueError):
        url = None
    if url is None:
        raise LedgerError(
            "ledger postgresql://…: cannot be read as a URL: expected postgresql://[USER@]HOST[:PORT]/DATABASE, with "
            "signs escaped, as %40 for @"
        )
    url = url.set(drivername="postgresql+psycopg")
    shown = url.set(drivername="postgresql", username=None, password=None, query={}).render_as_string()
    journal.require_psycopg()
    arguments = {} if "connect_timeout" in url.query else {"connect_timeout": _CONNECT_SECONDS}
    return create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=arguments), shown


def _set_up_sqlite(connection: Any, _: object) -> None:  # noqa: ANN401 - a DBAPI connection has no type
    connection.isolation_level = None  # transactions begin where `_begin_sqlite` says
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_MILLISECONDS}")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that turns from reading to writing half-way fails at once if another wrote, whatever the timeout.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _is_ready(connection: Connection, shown: str) -> bool:
    """Whether the tables are there, and as they are now. LedgerError for something else, and for a newer ledger."""
    tables = set(inspect(connection).get_table_names())
    if schema.schema.name in tables:
        version = connection.scalar(select(schema.schema.c.version))
        if version is not None and version > VERSION:
            raise LedgerError(describe_version(shown, version))
        return version == VERSION
    strangers = tables if connection.dialect.name == "sqlite" else tables & set(schema.metadata.tables)
    if strangers:
        raise LedgerError(
            f"ledger {shown}: holds tables of something else ({min(strangers)}); choose another with --ledger",
        )
    return False


def _prepare(connection: Connection, shown: str) -> None:
    """Make the tables of a new ledger, or bring those of an older one up to date, unless another process was faster."""
    if connection.dialect.name == "postgresql":  # two that begin one ledger at once would collide in its catalogue
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_ADVISORY_LOCK,))
    if _is_ready(connection, shown):
        return
    if inspect(connection).has_table(schema.schema.name):
        known = connection.scalar(select(schema.schema.c.version)) or 1
        for version in range(known, VERSION):
            for statement in schema.MIGRATIONS[version]:
                connection.exec_driver_sql(statement)
        connection.execute(schema.schema.update().values(version=VERSION))
    else:
        schema.metadata.create_all(connection)
        connection.execute(schema.schema.insert(), [{"version": VERSION}])
    if connection.dialect.name == "sqlite":  # for those who look at nothing but the file's header
        connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
        connection.exec_driver_sql(f"PRAGMA user_version={VERSION}")


def _insert(connection: Connection, run: str, batch: journal.Batch) -> None:
    """Take over one batch, and with it, in the same transaction, how far the journal has been read."""
    if batch.calls:
        connection.execute(schema.calls.insert(), [_call_row(run, call) for _, call in batch.calls])
    events = [(position, one) for position, one in batch.events if not isinstance(one, Run)]
    if events:
        rows = [{"run": run, "position": position, "event": _ENCODE(one).decode()} for position, one in events]
        connection.execute(schema.events.insert(), rows)
    values: dict[str, Any] = {"taken": batch.end}
    for _, one in events:
        if isinstance(one, RunEnded):
            values |= {"ended": one.at, "end_reason": one.reason}
    connection.execute(schema.runs.update().where(schema.runs.c.id == run).values(**values))


def _run_row(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "mode": run.mode.value,
        "started": run.started,
        "ended": None,
        "end_reason": "",
        "killed": False,
        "header": _ENCODE(run).decode(),
        "taken": 0,
    }


def _known_run(row: RowMapping) -> KnownRun:
    return KnownRun(_DECODE_RUN(row["header"]), row["ended"], row["end_reason"], row["killed"])


def _call_row(run: str, call: Call) -> dict[str, Any]:
    row = msgspec.structs.asdict(call)
    for field in TEXTS:  # PostgreSQL holds no NUL in text, and a client may send one
        if "\0" in row[field]:
            row[field] = row[field].replace("\0", "\N{REPLACEMENT CHARACTER}")
    row["run"] = run
    row["outcome"], row["way"] = call.outcome.value, call.way.value
    row["seen"] = call.seen.value if call.seen else None
    for field in DOCUMENTS:
        row[field] = bytes(row[field]).decode() if isinstance(row[field], msgspec.Raw) else None
    return row


def _call(row: RowMapping) -> Call:
    values = {field: row[field] for field in _CALL_FIELDS}
    documents = {field: values.pop(field) for field in DOCUMENTS}
    held = {field: msgspec.Raw(text.encode()) for field, text in documents.items() if text is not None}
    call = msgspec.convert(values, Call)
    return msgspec.structs.replace(call, **held) if held else call


def _select_calls(run: str, wanted: Filter) -> Select[Any]:
    columns = schema.calls.c
    query = select(schema.calls).where(columns.run == run)
    if wanted.outcome:
        query = query.where(columns.outcome == _outcome(wanted.outcome))
    if wanted.client:
        query = query.where(columns.client.contains(wanted.client, autoescape=True))
    for column, value in (
        (columns.route, wanted.route),
        (columns.scenario, wanted.scenario),
        (columns.session, wanted.session),
    ):
        if value:
            query = query.where(column == value)
    if wanted.after:
        query = query.where(columns.seq > wanted.after)
    if wanted.last:
        newest = query.order_by(columns.seq.desc()).limit(wanted.last).subquery()
        return select(newest).order_by(newest.c.seq)
    return query.order_by(columns.seq)


def _outcome(name: str) -> str:
    try:
        return Outcome(name).value
    except ValueError:
        raise UsageError(f"outcome {name!r}: expected one of {', '.join(Outcome)}") from None
