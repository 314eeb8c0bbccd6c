"""The trap as the front's process has it: another process, and the rows of what that sees.

The trap tells what it sees and knows nothing else. Here that becomes a row, which is in the journal before its answer
goes back.
"""

import asyncio
import contextlib
import dataclasses
import logging
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, assert_never, override

import msgspec
from msgspec import UNSET

from cpproxy.cli.command import trap_environment
from cpproxy.cli.options import Settings
from cpproxy.cli.output import print_error
from cpproxy.cli.ways import Bound, Ways, bind
from cpproxy.core.calls import Outcome, Seen, Way
from cpproxy.core.hosts import fold, is_among, is_loopback, split_port
from cpproxy.core.routes import RouteTable
from cpproxy.core.runs import DEFAULT_SESSION, TrapDied
from cpproxy.core.sightings import (
    Front,
    Listener,
    Order,
    Ping,
    Pong,
    Ready,
    Report,
    Said,
    Sighting,
    Start,
    Stop,
    Told,
    explain,
    find_caught,
    make_call,
)
from cpproxy.core.steering import plane_hosts
from cpproxy.errors import CpproxyError, TrapError

if TYPE_CHECKING:
    from cpproxy.cli.desk import Desk
    from cpproxy.front.peers import Peers
    from cpproxy.front.server import Front as Server

_START_SECONDS = 15.0
_ANSWER_SECONDS = 8.0  # less than the ten that an engine gives a container to stop
_REFUSED = 421
_SAME_QUESTION = 5.0  # seconds within which a name that is asked for again is asked for once
_MOST_ASKED = 4096
_NAMELESS = frozenset({Seen.UNREAD, Seen.CONNECTION, Seen.BYTES})
"""What cannot say which host it was meant for; TLS without a name rather comes of a URL that names an address."""
_CONNECTS_WITHIN = 60.0  # seconds; a connection that says nothing is told of at its end
_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder(Report).decode
_LOG = logging.getLogger("cpproxy.trap")
_ENVIRONMENT = re.compile(  # what it needs to be found and to write; no secret of this process is among it
    r"PATH|HOME|USER|LOGNAME|LANG|LC_.*|TZ|TMPDIR|PYTHON(?:PATH|HOME|DONTWRITEBYTECODE|PYCACHEPREFIX)|LD_LIBRARY_PATH",
)


class Trap(asyncio.Protocol):
    """The trap beside one front. First `bind` finds the addresses, then `start` begins to catch.

    `peers` knows who calls. Beside where it listens, clients know the front by the config's URL and `public_url`, and
    the control plane by its `upstreams` and what the config says of it.
    """

    def __init__(
        self, settings: Settings, ways: Ways, peers: "Peers", public_url: str | None, upstreams: Iterable[str]
    ) -> None:
        self.certificate = ""
        self._settings = settings
        self._ways = ways
        self._peers = peers
        self._meetings: set[asyncio.Future[None]] = set()
        self._names = tuple(one for one in (settings.config.cp.front_url, public_url) if one)
        self._routes = RouteTable(settings.config.routes)
        self._hosts = plane_hosts(settings.config, upstreams)
        self._bound: list[Bound] = []
        self._front = Front("")
        self._process: subprocess.Popen[bytes] | None = None
        self._transport: asyncio.WriteTransport | None = None
        self._buffer = bytearray()
        self._problem = "the trap does not listen yet"
        self.death = ""
        """Why it is no more, or nothing."""
        self._stopping: asyncio.Future[None] | None = None
        self._dying: asyncio.Future[None] | None = None
        self._pings: deque[asyncio.Future[None]] = deque()
        self._silence = ""
        self._asked: dict[tuple[str, str], float] = {}
        self._folder: Path | None = None

    # ------------------------------------------------------------------ where it is

    def bind(self) -> None:
        """Takes the addresses. UsageError for one that cannot be listened on."""
        self._bound = bind(self._ways)

    def addresses(self) -> tuple[str, ...]:
        """Where it listens, each as `forward http://127.0.0.1:41235`."""
        return tuple(one.shown for one in self._bound if one.shown)

    # ------------------------------------------------------------------ its process

    async def start(self, server: "Server", desk: "Desk", url: str) -> None:
        """Begins to catch what goes past the front, `server`, which is at `url` and writes the rows."""
        self._server, self._desk = server, desk
        self._front = Front(url, self._names)
        loop = asyncio.get_running_loop()
        self._settled: asyncio.Future[None] = loop.create_future()
        self._ended: asyncio.Future[None] = loop.create_future()
        ours, theirs = socket.socketpair()
        reading, writing = os.pipe()
        self._last_words = os.fdopen(reading, encoding="ascii", errors="replace")  # `_reap` reads and closes it
        with theirs, os.fdopen(writing, "wb") as last:
            listeners = tuple(Listener(one.socket.fileno(), one.way) for one in self._bound)
            order = Start(theirs.fileno(), last.fileno(), listeners)
            inherited = [theirs.fileno(), last.fileno(), *(one.fd for one in listeners)]
            # A group of its own, so that Ctrl-C at a terminal is the front's alone to understand.
            self._process = subprocess.Popen(  # noqa: ASYNC220, S603 (our own module; it takes a millisecond)
                # -P: a module in the working folder is none of ours, whatever it is called.
                [sys.executable, "-P", "-m", "cpproxy.trap", _ENCODE(order).decode()],
                pass_fds=inherited,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,  # it may quote what was caught; what is to be told comes by the channel
                env=_environment(),
                process_group=0,
            )
        self._let_go()  # if the other process dies, nobody is to wait in them
        ours.setblocking(False)  # noqa: FBT003 (the socket's own)
        await loop.create_unix_connection(lambda: self, sock=ours)

    def _let_go(self) -> None:
        for one in self._bound:
            one.socket.close()

    def why_not_ready(self) -> str:
        """Why calls that go past the front are not caught, or nothing."""
        return self._problem

    async def ready(self) -> None:
        """Returns once it catches. TrapError if it cannot."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_START_SECONDS):
                await asyncio.shield(self._settled)
        if self._problem:
            raise TrapError(f"the trap cannot start: {self._problem}")

    async def check(self) -> None:
        """Returns once all that it has told so far is on the ledger; one that does not answer is dead from then on."""
        if self._problem or self._stopping is not None:
            return
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pings.append(answered)
        self._send(Ping())
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await answered
        except TimeoutError:
            if self._process is not None and self._stopping is None:
                self._silence = f"it did not answer for {_ANSWER_SECONDS:g} s"
                self._process.kill()
                await asyncio.shield(self._ended)
        if self._dying is not None:
            await asyncio.shield(self._dying)
        await asyncio.gather(*self._meetings)

    async def stop(self) -> None:
        """Has it tell what it still knows, and ends it. May be called again."""
        if self._process is None:
            self._let_go()
            return
        if self._stopping is None:
            self._stopping = asyncio.ensure_future(self._stop())
        await asyncio.shield(self._stopping)

    async def _stop(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._send(Stop())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ANSWER_SECONDS):
                await asyncio.shield(self._ended)
        late = not self._ended.done()
        await asyncio.gather(*self._meetings)
        if self._transport is not None:
            self._transport.close()
        if self._dying is not None:
            await self._dying
        else:
            reason = await asyncio.to_thread(self._reap)
            if late:
                reason = f"it did not answer for {_ANSWER_SECONDS:g} s when it was to tell what it still knew"
            if reason:
                self._note_death(reason)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _reap(self) -> str:
        """Sees it end, or ends it: why it died, with its last words, or nothing where it ended well."""
        if self._process is None:
            return ""
        try:
            code = self._process.wait(1)
        except subprocess.TimeoutExpired:  # it has closed the channel, and so told all that it knew
            self._process.kill()
            self._process.wait()
            code = 0
        with self._last_words as pipe:
            words = pipe.read()
        if not code:
            return ""
        reason = f"signal {-code} ({signal.Signals(-code).name}) ended it" if code < 0 else f"it ended with code {code}"
        return f"{reason}: {self._settings.redactor.text(words)}" if words else reason

    # ------------------------------------------------------------------ what it tells

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101 (a socket's is)
        self._transport = transport

    @override
    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if b"\n" not in data:
            return
        *lines, rest = self._buffer.split(b"\n")
        self._buffer = rest
        self._deliver([answer for line in lines if (answer := self._take(_DECODE(line)))])

    def _deliver(self, answers: Sequence[Told]) -> None:
        """Writes the rows, then tells their answers."""
        try:
            self._server.flush()
        except CpproxyError as error:
            self._server.fail(error)  # nobody is told what is not written
            return
        for answer in answers:
            self._send(answer)

    def _take(self, report: Report) -> Told | None:
        match report:
            case Sighting() if not self._peers.is_met(report.client):
                meeting = asyncio.ensure_future(self._meet(report))
                self._meetings.add(meeting)
                meeting.add_done_callback(self._meetings.discard)
            case Sighting():
                return self._record(report)
            case Ready():
                self.certificate, self._problem = report.certificate, ""
                if not report.isolated:
                    _LOG.info("the kernel gives the trap no network of its own: its other locks must do")
                if not self._settled.done():
                    self._settled.set_result(None)
            case Pong():
                answered = self._pings.popleft()
                if not answered.done():
                    answered.set_result(None)
            case Said():
                _LOG.log(report.level, "%s", report.text)
            case _:
                assert_never(report)
        return None

    async def _meet(self, sighting: Sighting) -> None:
        """Finds out who sent it first: it may be all that this client ever does."""
        await self._peers.meet(sighting.client)
        self._deliver([self._record(sighting)])

    def _record(self, sighting: Sighting) -> Told:
        config = self._settings.config
        redactor = self._settings.redactor
        redactor.learn_headers(sighting.headers)
        asked = self._find_asked(sighting)
        harmless = (*config.trap.expected_hosts, config.trap.canary)
        if asked and sighting.seen in _NAMELESS and not is_among(asked, 0, harmless):
            # It is the best that is known; but a guess must neither pass over a call nor prove anything.
            sighting = msgspec.structs.replace(sighting, host=asked)
        caught = find_caught(sighting, self._front, config, self._routes, self._hosts)
        if caught is None:
            return Told(sighting.id, 0, "", exists=False)
        if sighting.seen is Seen.QUERY and self._is_repeated(sighting):
            return Told(sighting.id, 0, caught.outcome)
        if asked:
            reason = "; ".join(filter(None, (caught.reason, f"its client had asked for {asked}")))
            caught = dataclasses.replace(caught, reason=reason)
        whole = sighting.seen is Seen.WHOLE
        status = (200 if caught.outcome is Outcome.CANARY else _REFUSED) if whole else 0
        call = make_call(
            sighting,
            caught,
            seq=self._server.number(),
            client=self._peers.show(sighting.client),
            scenario=self._desk.scenario(DEFAULT_SESSION),
            status=status,
            body=redactor.document(sighting.body) if whole else UNSET,
        )
        answer = bytes(redactor.json(_ENCODE(explain(sighting, caught, config)))) + b"\n" if whole else b""
        self._server.log(call)
        return Told(sighting.id, status, caught.outcome, answer)

    def _is_repeated(self, query: Sighting) -> bool:
        """Whether a client's question has a row already: who looks a name up asks for addresses of both kinds."""
        key = (query.client, fold(query.host))
        last = self._asked.pop(key, 0.0)
        self._asked[key] = last if query.at - last < _SAME_QUESTION else query.at
        if len(self._asked) > _MOST_ASKED:
            del self._asked[next(iter(self._asked))]
        return self._asked[key] == last

    def _find_asked(self, sighting: Sighting) -> str:
        """The name that a client asked for last, shortly before it connected to a sink without a name; or nothing."""
        if sighting.way is not Way.SINK or sighting.seen.shows_request or sighting.host != sighting.local:
            return ""
        for (client, name), at in reversed(self._asked.items()):
            if client == sighting.client:
                return name if sighting.at - at < _CONNECTS_WITHIN else ""
        return ""

    def _send(self, order: Order) -> None:
        if self._transport is not None:
            self._transport.write(_ENCODE(order) + b"\n")

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if not self._ended.done():
            self._ended.set_result(None)
        for ping in self._pings:
            if not ping.done():
                ping.set_result(None)
        if self._stopping is None:
            self._dying = asyncio.ensure_future(self._die())

    async def _die(self) -> None:
        reason = await asyncio.to_thread(self._reap)
        self._note_death(self._silence or reason or "it closed its channel")

    def _note_death(self, reason: str) -> None:
        self._problem = self.death = f"the trap died: {reason}"
        if not self._settled.done():
            self._settled.set_result(None)
        print_error(f"{self._problem}; what goes past the front is caught by nobody: run again")
        try:
            self._desk.note(TrapDied(time.time(), reason))
        except CpproxyError as error:
            self._server.fail(error)

    # ------------------------------------------------------------------ for a command

    def variables(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """What sends a command's clients to the trap, and has them trust it: see `trap_environment`."""
        proxy = next(one.shown.partition(" ")[2] for one in self._bound if one.way is Way.FORWARD)
        self._folder = Path(tempfile.mkdtemp(prefix="cpproxy-trap-", dir=_find_runtime_folder(inherited)))
        names = (split_port(host)[0] for host in self._hosts)
        # A control plane on this machine shares its name with all else here, which must stay within reach.
        watched = [self._settings.config.trap.canary, *(name for name in names if not is_loopback(name))]
        return trap_environment(inherited, proxy, self.certificate, self._folder, watched)


def _find_runtime_folder(environment: Mapping[str, str]) -> str | None:
    """The user's own folder for what ends with the session; None where there is none, for that of what is temporary."""
    folder = environment.get("XDG_RUNTIME_DIR", "")
    return folder if folder and os.access(folder, os.W_OK | os.X_OK) else None


def _environment() -> dict[str, str]:
    """The environment of the trap's process, which finds the same cpproxy there."""
    passed = {name: value for name, value in os.environ.items() if _ENVIRONMENT.fullmatch(name)}
    own = str(Path(__file__).parents[2])
    return passed | {"PYTHONPATH": os.pathsep.join(filter(None, [own, passed.get("PYTHONPATH", "")]))}
