"""`cpproxy record`: passes calls on to an upstream and makes a cassette of them."""

import asyncio
import contextlib
import datetime
import functools
import re
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from cpproxy.cli.access import refuse_ci, require_token
from cpproxy.cli.command import TakesCommand
from cpproxy.cli.lifecycle import serve
from cpproxy.cli.listening import look_up, takes
from cpproxy.cli.options import Settings, common_options
from cpproxy.cli.output import print_error, tell
from cpproxy.cli.setup import Setup, setup_options
from cpproxy.core.calls import Outcome
from cpproxy.core.runs import DEFAULT_SESSION
from cpproxy.core.wording import count
from cpproxy.errors import CpproxyError, Exit, SecretError, UpstreamError, UsageError

if TYPE_CHECKING:
    from cpproxy.cli.proxy import Proxy
    from cpproxy.core.cassette import CassetteOf
    from cpproxy.core.redaction.redacted import RedactedInteraction
    from cpproxy.files.drafts import Draft
    from cpproxy.files.scanning import Hit, Spot
    from cpproxy.front.record import Recorder
    from cpproxy.front.upstream import Origin, Upstream

CASSETTE = "recording"
STALL_SECONDS = 120.0
"""The tenants' provisioner waits as long for its answer."""

SAVE_SECONDS = 2.0
_TOLD = 5  # hits of the scan that are named
_PLACE = re.compile(r"(\$\.interactions\[([0-9]+)\])\.(.+)")
_UNSEEN = "unnamed"  # the role of what the scan alone has seen


@click.command(cls=TakesCommand)
@click.option(
    "--upstream",
    metavar="URL",
    envvar="CPPROXY_UPSTREAM",
    help="The control plane. [default: the config's cp.upstream]",
)
@click.option(
    "--cassette",
    "name",
    metavar="NAME",
    default=CASSETTE,
    show_default=True,
    envvar="CPPROXY_CASSETTE",
    help="Record into this one; it is replaced only when the run ends well.",
)
@click.option("--append", is_flag=True, help="Add to the cassette instead.")
@click.option("--allow-ci", is_flag=True, help="Record though CI is set.")
@click.option(
    "--upstream-timeout",
    "stall",
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True),
    default=STALL_SECONDS,
    show_default=True,
    help="How long the upstream may be silent.",
)
@setup_options
@common_options
def record(
    settings: Settings,
    /,
    *,
    upstream: str | None,
    name: str,
    append: bool,
    allow_ci: bool,
    stall: float,
    read_setup: Callable[[Settings, Sequence[str]], Setup],
    command: tuple[str, ...],
) -> int:
    """Record an upstream's answers into a cassette.

    With a COMMAND: run it with CPPROXY_URL and the clients' variables set, stop when it ends, and print the verdict.
    """
    refuse_ci(allowed=allow_ci)
    url = upstream or settings.config.cp.upstream
    if not url:
        raise UsageError(
            "no upstream: name the control plane with --upstream URL, or as `upstream` in [cp] of the config"
        )
    from cpproxy.files.drafts import Draft  # noqa: PLC0415 (the command line is checked first)
    from cpproxy.front.upstream import Origin  # noqa: PLC0415 (aiohttp is heavy)

    origin = Origin.parse(url)
    setup = read_setup(settings, command)
    require_token(setup.address, setup.token)
    _refuse_own(origin, setup)
    draft = Draft.open(settings.cassettes, name)
    try:
        session = _Session(settings, setup, origin, name, draft, append=append, stall=stall)
        try:
            code = serve(
                session.make,
                listen=setup.address,
                banner=lambda at: f"cpproxy: recording {name} from {url} on {at}",
                settings=settings,
                command=command,
                token=setup.token,
                finish=lambda: 0,  # what follows needs to know the command's own code
                trap=session.trap,
            )
        except CpproxyError as error:
            if session.begun:
                session.end(str(error), judged=False)
            raise
        return _conclude(session, code, judged=bool(command) or setup.strict_exit)
    finally:
        draft.close()


def _conclude(session: "_Session", code: int, *, judged: bool) -> int:
    """Saves, judges if asked to and finds the exit code: the command's own if it is not 0, else 4 or the verdict's.

    What went past the proxy reached something real: the recording lacks it, and is not to be trusted.
    """
    failure = session.recorder.failure
    astray = session.find_astray()
    problem = failure or astray or (f"the command ended with exit code {code}" if code else "")
    try:
        verdict = session.end(problem, judged=judged)
        if failure:
            raise UpstreamError(f"the upstream failed while recording: {failure}")
    except CpproxyError as error:
        if not code:
            raise
        print_error(str(error))
    else:
        code = code or verdict or (Exit.FINDINGS if astray else Exit.CLEAN)
    return code


def _refuse_own(origin: "Origin", setup: Setup) -> None:
    """UsageError when the upstream leads to this recorder, which is later seen at each connection, or to its trap."""
    for address in sorted(look_up(origin.name)):
        if takes(setup.address, address, origin.port):
            raise UsageError(
                f"--upstream {origin.url} is where this recorder is to listen; choose another --listen HOST:PORT"
            )
        if any(takes(sink, address, origin.port) for sink in (setup.ways.sinks if setup.ways else ())):
            raise UsageError(
                f"--upstream {origin.url} leads to this recorder's own trap ({address}): let the recorder resolve that "
                "name elsewhere, by a network without the alias or by `extra_hosts`"
            )


class _Front:
    """The proxy as `serve` starts and stops it, with what goes on beside it: saving every few seconds."""

    def __init__(self, session: "_Session", proxy: "Proxy", upstream: "Upstream") -> None:
        self.failed = proxy.failed
        self._session = session
        self._proxy = proxy
        self._upstream = upstream
        self._stopping = False
        self._due = asyncio.Event()
        self._saving: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int) -> str:
        url = await self._proxy.start(host, port)
        self._session.begun = True
        own, _, number = url.partition("//")[2].rpartition(":")
        self._upstream.avoid = (own.strip("[]"), int(number))
        self._session.withdrawn = self._due.set
        self._saving = asyncio.create_task(self._save())
        return url

    async def stop(self, grace: float) -> None:
        await self._proxy.stop(grace)
        await self._upstream.close()
        self._stopping = True
        self._due.set()
        if self._saving is not None:  # a file that is being written would replace the one that is to stay
            await self._saving

    async def _save(self) -> None:
        saved = 0
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SAVE_SECONDS):
                    await self._due.wait()
            urgent = self._due.is_set()
            self._due.clear()
            if self._stopping:
                return
            if len(self._session.recording) == saved and not urgent:
                continue
            saved = len(self._session.recording)
            try:
                await asyncio.to_thread(self._session.save)
            except CpproxyError as error:
                if not self.failed.done():
                    self.failed.set_exception(error)
                return


class _Session:
    """One run of the recorder, from its first call to its cassette."""

    recorder: "Recorder"
    begun = False
    withdrawn: Callable[[], None]
    """To be called when there is no draft any more, and there should be one soon."""

    def __init__(
        self,
        settings: Settings,
        setup: Setup,
        origin: "Origin",
        name: str,
        draft: "Draft",
        *,
        append: bool,
        stall: float,
    ) -> None:
        from cpproxy.cli.desk import Desk  # noqa: PLC0415 (heavy imports wait until they are needed)
        from cpproxy.core.cassette import Recorded  # noqa: PLC0415
        from cpproxy.core.recording import Recording  # noqa: PLC0415
        from cpproxy.core.routes import RouteTable  # noqa: PLC0415
        from cpproxy.core.runs import Mode, Served  # noqa: PLC0415

        now = datetime.datetime.now(datetime.UTC)
        self._settings = settings
        self._origin = origin
        self._name = name
        self._draft = draft
        self._writing = threading.Lock()
        self._saved: Sequence[RedactedInteraction] = ()  # what the draft holds
        self._cleanse_left()
        self._stall = stall
        self._setup = setup
        self.trap = setup.make_trap(settings, [origin.url])
        self.recording = Recording(
            Recorded(f"{now:%Y-%m-%dT%H:%M:%SZ}", origin.url),
            RouteTable(settings.config.routes),
            settings.redactor,
            draft.previous if append else None,
        )
        cassettes = (Served(name),)
        self._desk = Desk(
            settings, mode=Mode.RECORD, cassettes=cassettes, upstream=origin.url, trap=self.trap, wiring=setup.wiring
        )

    def make(self) -> _Front:
        """The front, within the event loop."""
        from cpproxy.cli.proxy import Proxy  # noqa: PLC0415 (as above)
        from cpproxy.files.scanning import Scanner  # noqa: PLC0415 (as above)
        from cpproxy.front.admin import Admin  # noqa: PLC0415
        from cpproxy.front.record import Recorder  # noqa: PLC0415
        from cpproxy.front.server import Front  # noqa: PLC0415
        from cpproxy.front.upstream import Upstream  # noqa: PLC0415

        self._scanner = Scanner()  # its rules are made ready while the recording goes on
        if self._draft.left is not None:
            _say(f"an earlier recording of {self._name} had not come to its end: it is kept as {self._draft.left}")
        config = self._settings.config
        upstream = Upstream(self._origin, stall=self._stall)
        limit, setup = config.record.body_limit, self._setup
        self.recorder = Recorder(upstream, self.recording, limit=limit, cassette=self._name, public=setup.public)
        admin = Admin(self._desk, public=setup.public, token=setup.token, names=setup.names)
        front = Front(
            self.recorder,
            self._desk.tally,
            admin,
            self._settings.redactor,
            state_path=config.state.path,
            token=setup.token,
            peers=setup.peers,
            cleanse_files=self._cleanse,
        )
        return _Front(self, Proxy(front, self._desk, self.trap), upstream)

    def find_astray(self) -> str:
        """Why the trap says that the recording lacks something, or nothing."""
        counts = self._desk.tally.session(DEFAULT_SESSION)
        if misroutes := counts.outcomes.get(Outcome.MISROUTE, 0):
            return f"{count(misroutes, 'call')} went past the proxy (`cpproxy calls --outcome misroute`)"
        return self.trap.death if self.trap else ""

    def save(self) -> Path:
        """Saves what was recorded so far. CassetteError when it cannot be."""
        redactor = self._settings.redactor
        while True:
            version = redactor.known.version
            cassette = self.recording.cassette(self.recorder.failure or "")
            with self._writing:
                if not self.recording.holds_late(cassette.interactions, since=version):
                    self._saved = cassette.interactions
                    return self._draft.save(cassette)

    def _cleanse(self, since: int) -> None:
        """Takes the draft away if it holds a secret that was learnt since a version. CassetteError when it cannot be.

        Before an answer tells that it was learnt: whoever is killed then leaves no draft, and else the next one is
        written at once.
        """
        with self._writing:
            if self.recording.holds_late(self._saved, since=since):
                self._draft.withdraw()
                self._saved = ()
                self.withdrawn()

    def _cleanse_left(self) -> None:
        """Takes out of drafts that were left what is known by now. CassetteError when it cannot be."""
        self._draft.cleanse_left(functools.partial(self._settings.redactor.clean, since=0))

    def end(self, problem: str, *, judged: bool) -> int:
        """Makes the cassette, or leaves it aside because of a `problem`; where it is `judged`, the verdict's code."""
        from cpproxy.cli.proxy import conclude  # noqa: PLC0415 (as above)

        try:
            try:
                with self._scanner:
                    if len(self.recording):
                        self._save_for_good(problem)
            finally:
                self._cleanse_left()
        except Exception as error:
            reason = str(error) if isinstance(error, CpproxyError) else f"a defect of cpproxy ({type(error).__name__})"
            self._lose(reason)
            raise
        return conclude(self._desk, judged=judged, quiet=self._settings.verbosity < 0)

    def _lose(self, reason: str) -> None:
        """Ends the run of which no cassette came. LedgerError when the ledger cannot be written."""
        from cpproxy.core.runs import CassetteLost  # noqa: PLC0415 (as above)

        self._desk.note(CassetteLost(time.time(), self._name, reason))
        self._desk.end(reason)  # what the scan has seen leaves the ledger, too

    def _save_for_good(self, problem: str) -> None:
        cassette = self.recording.cassette(problem)
        if hits := self._look_through(cassette):
            self._refuse(hits, cassette)
        path = self._draft.save(cassette) if problem else self._draft.publish(cassette)
        self._note(len(cassette.interactions), cassette.incomplete)
        if problem:
            kept = f"; {self._name} is as it was" if self._draft.previous else ""
            _say(f"the recording is incomplete, and is left in {path}{kept}")

    def _look_through(self, cassette: "CassetteOf[RedactedInteraction]") -> "tuple[Hit, ...]":
        """A second pair of eyes. What it takes for a secret is known as one from now on."""
        from cpproxy.files.scanning.exemptions import read_exemptions  # noqa: PLC0415 (as above)

        redactor = self._settings.redactor
        exempt = read_exemptions(self._settings.config.redact)

        def allowed(spot: "Spot") -> bool:
            if exempt(spot):
                return True
            redactor.keep(spot.value, _UNSEEN)
            return False

        try:
            return self._scanner.scan(self._draft.spell(cassette), redactor.known.values(), allowed)
        except CpproxyError:
            self._draft.discard()
            raise

    def _refuse(self, hits: "tuple[Hit, ...]", cassette: "CassetteOf[RedactedInteraction]") -> NoReturn:
        """SecretError. What was recorded is left aside without what was seen, or nowhere where that does not help."""
        unfit = {hit.where for hit in hits}
        first = ", ".join(f"{_locate(hit, cassette, unfit)} ({hit.rule})" for hit in hits[:_TOLD])
        more = f", and {len(hits) - _TOLD} more" if len(hits) > _TOLD else ""
        seen = f"a secret may stand in it at {first}{more}"
        without = self.recording.cassette(seen)
        if self._look_through(without):
            self._draft.discard()
            kept = "it is not kept"
        else:
            kept = f"it is left, without what was seen, in {self._draft.save(without)}"
        raise SecretError(
            f"what was recorded is no cassette: {seen}; {kept}; name such places in `secrets` of [redact] in the "
            "config, or in `not_secrets` if they are none, and record again"
        )

    def _note(self, interactions: int, incomplete: str) -> None:
        from cpproxy.core.runs import CassetteSaved  # noqa: PLC0415 (as above)

        self._desk.note(CassetteSaved(time.time(), self._name, interactions, self._draft.sha256, incomplete))


def _locate(hit: "Hit", cassette: "CassetteOf[RedactedInteraction]", unfit: set[str]) -> str:
    """The call in which a hit stands, and the place in it: there may be no file to which its path could lead.

    Of a call whose target or id is itself one of the places that are `unfit` to be shown, the method is told alone.
    """
    found = _PLACE.fullmatch(hit.where)
    if found is None:
        return hit.where
    root, number, place = found.groups()
    one = cassette.interactions[int(number)]
    if unfit.isdisjoint((f"{root}.id", f"{root}.request.target")):
        return f"{place} of {one.request.method} {one.request.target.partition('?')[0]} ({one.id})"
    return f"{place} of a {one.request.method}, the call {int(number) + 1} of the recording"


def _say(message: str) -> None:
    tell(f"cpproxy: {message}\n")
