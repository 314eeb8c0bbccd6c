"""A recorder in the test's own event loop: the real front, upstream, recording and journal, on real sockets."""

import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from aiohttp import web

from cpproxy.core.calls import Call
from cpproxy.core.cassette import CassetteOf, Recorded
from cpproxy.core.config import DEFAULT, RouteSettings
from cpproxy.core.recording import Recording
from cpproxy.core.redaction.redacted import RedactedInteraction
from cpproxy.core.redaction.redactor import Redactor
from cpproxy.core.routes import RouteTable
from cpproxy.core.runs import Mode, Run, RunEnded
from cpproxy.core.tally import Tally
from cpproxy.files import cassettes
from cpproxy.front.exchange import Exchange
from cpproxy.front.record import Recorder
from cpproxy.front.server import Front
from cpproxy.front.upstream import Origin, Upstream
from cpproxy.ledger.journal import Journal, read
from tests.origin import until

_NUMBERS = itertools.count(1)


class _NoAdmin:
    async def answer(self, exchange: Exchange, path: str) -> web.StreamResponse:
        raise web.HTTPNotFound(text=f"{exchange.method} {path}")


class _Sessions:
    """What the front asks of the tally."""

    def __init__(self) -> None:
        self._tally = Tally()

    def add(self, call: Call) -> None:
        self._tally.add(call)

    def enter(self, session: str, visitor: Exchange) -> None:
        self._tally.enter(session, visitor)

    def leave(self, session: str, visitor: Exchange) -> None:
        self._tally.leave(session, visitor)

    def scenario(self, session: str) -> str:
        return self._tally.session(session).scenario


class RunningRecorder:
    """`url` is the front's address; `rows` and `interactions` are what it wrote and recorded so far."""

    def __init__(self, mode: Recorder, recording: Recording, journal: Journal, front: Front, client: Upstream) -> None:
        self.url = ""
        self.recorder = mode
        self.recording = recording
        self.front = front
        self.upstream = client
        self._journal = journal

    def rows(self) -> list[Call]:
        return [call for batch in read(self._journal.path) for _, call in batch.calls]

    async def row(self, number: int = 1) -> Call:
        """The row of that number, waited for."""
        await until(lambda: len(self.rows()) >= number)
        return self.rows()[number - 1]

    def cassette(self) -> CassetteOf[RedactedInteraction]:
        """What was recorded so far, all of which can be written; CassetteError where it cannot."""
        cassette = self.recording.cassette()
        for interaction in cassette.interactions:
            cassettes.render(interaction)
        return cassette

    def interactions(self) -> tuple[RedactedInteraction, ...]:
        return self.cassette().interactions


@contextlib.asynccontextmanager
async def recorder(
    upstream: str,
    folder: Path,
    *,
    routes: tuple[RouteSettings, ...] = (),
    limit: int = DEFAULT.record.body_limit,
    stall: float = 20.0,
    edit: Callable[[Upstream], None] | None = None,
    token: str = "",
) -> AsyncIterator[RunningRecorder]:
    """A recorder of `upstream` on a free port; its ledger lies in `folder`."""
    run = Run(f"run-{next(_NUMBERS)}", Mode.RECORD, time.time())
    redactor = Redactor()
    journal = Journal.create(folder / "ledger.db", redactor.run(run))
    client = Upstream(Origin.parse(upstream), stall=stall)
    if edit is not None:
        edit(client)
    recording = Recording(Recorded("2026-01-01T00:00:00Z", upstream), RouteTable(routes), redactor)
    mode = Recorder(client, recording, limit=limit, cassette="tests/recorded")
    front = Front(mode, _Sessions(), _NoAdmin(), redactor, token=token)
    running = RunningRecorder(mode, recording, journal, front, client)
    running.url = await front.bind("127.0.0.1", 0)
    await front.open(journal)
    try:
        yield running
    finally:
        await front.stop(0)
        await client.close()
        journal.close(redactor.event(RunEnded(time.time(), "the test ended")))
