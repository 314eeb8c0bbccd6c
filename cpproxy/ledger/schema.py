"""The ledger's tables: runs, their calls and their events."""

from sqlalchemy import (
    Boolean,
    Column,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypedColumns,
)
from sqlalchemy.types import BigInteger

metadata = MetaData()


class SchemaColumns(TypedColumns):
    """One row: the version of the tables beside it."""

    version = Column(Integer, primary_key=True)


class RunColumns(TypedColumns):
    """One row a run. `header` is the run's header in JSON; `taken` how many bytes of its journal are in here.

    `ended` stays empty while the run goes on; `killed` says that its proxy is gone without a word.
    """

    id = Column(String, primary_key=True)
    mode = Column(String, nullable=False)
    started = Column(Double, nullable=False, index=True)
    ended = Column(Double, nullable=True)
    end_reason = Column(Text, nullable=False)
    killed = Column(Boolean, nullable=False)
    header = Column(Text, nullable=False)
    taken = Column(BigInteger, nullable=False)


class CallColumns(TypedColumns):
    """One row a call; the names are those of `cpproxy.core.calls.Call`."""

    run = Column(String, primary_key=True)
    seq = Column(BigInteger, primary_key=True, autoincrement=False)
    at = Column(Double, nullable=False)
    outcome = Column(String, nullable=False)
    method = Column(Text, nullable=False)
    target = Column(Text, nullable=False)
    status = Column(Integer, nullable=False)
    way = Column(String, nullable=False)
    session = Column(Text, nullable=False)
    scenario = Column(Text, nullable=False)
    client = Column(Text, nullable=False)
    host = Column(Text, nullable=False)
    route = Column(Text, nullable=False)
    duration = Column(Double, nullable=False)
    request_size = Column(BigInteger, nullable=False)
    response_size = Column(BigInteger, nullable=False)
    cassette = Column(Text, nullable=False)
    interaction = Column(Text, nullable=False)
    reason = Column(Text, nullable=False)
    undetermined = Column(Boolean, nullable=False)
    used_up = Column(Boolean, nullable=False)
    body = Column(Text, nullable=True)
    details = Column(Text, nullable=True)
    scheme = Column(Text, nullable=False)
    port = Column(Integer, nullable=False)
    seen = Column(String, nullable=True)


class EventColumns(TypedColumns):
    """One row an event; `position` is its place in the journal in bytes, `event` its JSON."""

    run = Column(String, primary_key=True)
    position = Column(BigInteger, primary_key=True, autoincrement=False)
    event = Column(Text, nullable=False)


MIGRATIONS = {
    1: ("ALTER TABLE calls ADD COLUMN details TEXT",),
    2: (
        "ALTER TABLE calls ADD COLUMN scheme TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE calls ADD COLUMN port INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE calls ADD COLUMN seen VARCHAR",
    ),
}
"""By version: what makes the next one of its tables."""

schema = Table("cpproxy_schema", metadata, SchemaColumns)
runs = Table("runs", metadata, RunColumns)
calls = Table(
    "calls",
    metadata,
    CallColumns,
    ForeignKeyConstraint(["run"], ["runs.id"]),
    Index("calls_by_outcome", "run", "outcome"),
)
events = Table("events", metadata, EventColumns, ForeignKeyConstraint(["run"], ["runs.id"]))
