"""The desk of a running proxy: begins and ends its run, and knows what the admin paths are asked.

It answers from the tally where that is enough, and else from the ledger in a thread of its own, so that neither
SQLAlchemy nor a database stands in the way of a call.
"""

import asyncio
import datetime
import functools
import os
import secrets
import time
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from msgspec import structs

from cpproxy import __version__
from cpproxy.cli.options import Settings, check_session
from cpproxy.core.answers import (
    Ask,
    Begin,
    Calls,
    End,
    NamedCall,
    Open,
    Opened,
    Scenarios,
    Sessions,
    State,
    Trapping,
    Version,
    Wait,
    Waited,
)
from cpproxy.core.calls import Call, Outcome, Way
from cpproxy.core.requirements import Requirement, parse_waits
from cpproxy.core.routes import RouteTable
from cpproxy.core.runs import (
    DEFAULT_SESSION,
    Event,
    Mode,
    Reset,
    Run,
    RunEnded,
    ScenarioBegun,
    ScenarioEnded,
    Served,
    SessionClosed,
    SessionOpened,
)
from cpproxy.core.tally import Tally
from cpproxy.errors import UnknownError, UsageError
from cpproxy.files.cassettes import combine_digests
from cpproxy.ledger.journal import Journal, holds_runs

if TYPE_CHECKING:
    from cpproxy.cli.trapping import Trap
    from cpproxy.core.replay.loading import Tape
    from cpproxy.core.verdict import Verdict
    from cpproxy.core.wiring.wired import Wiring

CALLS_AT_ONCE = 1000
"""How many calls one answer holds at most; a follower asks for those after the last."""

_POLL = 0.02
_GRACE = 1.0


class Player(Protocol):
    """What plays cassettes in sessions."""

    def open(self, name: str, cassettes: Sequence[str]) -> None:
        """Begins a session that plays these, or all where none is named."""

    def reset(self, name: str) -> None:
        """Forgets what a session has played."""

    def close(self, name: str) -> None:
        """Forgets a session."""


class Desk:
    """The run of one proxy, from `begin` to `end`.

    `cassettes` are those that are served or recorded, `sources` what replay holds of the served ones. `replay` is what
    plays them in sessions, in the mode that does. `grace` is for how many seconds a session that is being closed waits
    for its calls under way; `trap` is what is beside the front, and `wiring` what a compose file says of the clients.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        mode: Mode,
        cassettes: Sequence[Served] = (),
        upstream: str = "",
        sources: "Sequence[Tape]" = (),
        replay: Player | None = None,
        grace: float = _GRACE,
        trap: "Trap | None" = None,
        wiring: "Wiring | None" = None,
    ) -> None:
        self._settings = settings
        self._wiring: Wiring = wiring or {}
        self._routes = RouteTable(settings.config.routes)
        self._sources = sources
        self._replay = replay
        self._grace = grace
        self._trap = trap
        self._opened: dict[str, tuple[str, ...]] = {}
        self._journal: Journal | None = None
        self._stopping = False
        self.tally = Tally(
            (route.name, route.settings.counter) for route in self._routes.routes if route.settings.counter
        )
        self.run = Run(
            id=f"{datetime.datetime.now(datetime.UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(2)}",
            mode=mode,
            started=time.time(),
            version=__version__,
            pid=os.getpid(),
            upstream=upstream,
            digest=combine_digests((one.name, one.sha256) for one in cassettes) if mode is Mode.REPLAY else "",
            cassettes=tuple(cassettes),
            trap=trap is not None,
        )

    def begin(self, url: str) -> Journal:
        """The run begins at this address; its journal comes back. LedgerError if the ledger cannot be written."""
        self.run = structs.replace(self.run, url=url)
        self._journal = Journal.create(self._settings.ledger, self._settings.redactor.run(self.run))
        return self._journal

    def note(self, event: Event) -> None:
        """Put an event on the ledger. LedgerError as `Journal.flush`."""
        if self._journal is None:
            raise RuntimeError("the run has not begun")
        self._journal.note(self._settings.redactor.event(event))
        self._flush()

    def _flush(self) -> None:
        if self._journal is not None:
            self._journal.flush()

    def stop_waiting(self) -> None:
        """Let those who wait go: the proxy is about to stop."""
        self._stopping = True

    def end(self, reason: str = "") -> None:
        """The run ends, if it had begun. LedgerError if the ledger cannot be written.

        A recorder has met real secrets: none of them may stand in what runs before it have left.
        """
        if self._journal is not None:
            self._journal.close(self._settings.redactor.event(RunEnded(at=time.time(), reason=reason)))
            self._journal = None
            if self.run.mode is Mode.RECORD and holds_runs(self._settings.ledger):
                from cpproxy.cli.books import open_ledger  # noqa: PLC0415 (SQLAlchemy waits until it is needed)

                with open_ledger(self._settings.ledger) as ledger:
                    ledger.cleanse(functools.partial(self._settings.redactor.clean, since=0))

    def judge(self) -> "Verdict":
        """The verdict on the run, by the cassettes as they lie here. LedgerError if the ledger cannot be read."""
        from cpproxy.cli.checkout import read_digests  # noqa: PLC0415 (nobody is judged at the start)

        return self._judge(Ask(checkout=read_digests(self._settings.cassettes)))

    async def why_not_ready(self) -> str:
        """Why calls cannot be answered yet, or nothing."""
        await self._check_trap()
        if self._journal is None or self._stopping:
            return "the proxy is about to stop"
        return self._trap.why_not_ready() if self._trap else ""

    async def _check_trap(self) -> None:
        """What the trap has told is on the ledger, or that it is dead."""
        if self._trap:
            await self._trap.check()

    def certificate(self) -> str:
        """That of the trap's authority, as PEM. UnknownError where there is no trap, or none yet."""
        if self._trap is None:
            raise UnknownError("there is no trap, and so no authority; --trap starts one")
        if not self._trap.certificate:
            raise UnknownError(f"there is no authority: {self._trap.why_not_ready()}")
        return self._trap.certificate

    def scenario(self, session: str) -> str:
        """The scenario that a session is in, or nothing."""
        return self.tally.scenario(session)

    def version(self) -> Version:
        """Which build serves what."""
        run = self.run
        return Version(run.version, run.id, run.mode, run.digest, run.cassettes)

    def state(self, session: str) -> State:
        """What a session has seen since it began or was reset."""
        outcomes = {outcome.value: count for outcome, count in self.tally.session(session).outcomes.items()}
        return State(
            run=self.run.id,
            mode=self.run.mode,
            url=self.run.url,
            session=session,
            scenario=self.tally.scenario(session),
            counters=self.tally.counters(session),
            calls=outcomes,
            trap=Trapping(self._trap.addresses(), self._trap.why_not_ready()) if self._trap else None,
        )

    def counters(self, session: str) -> dict[str, int]:
        """The config's counters."""
        return self.tally.counters(session)

    def scenarios(self) -> Scenarios:
        """The scenario that each session is in, of those that are in one."""
        names = {session: self.tally.scenario(session) for session in self.tally.sessions()}
        return Scenarios({session: name for session, name in names.items() if name})

    def begin_scenario(self, session: str, begin: Begin) -> None:
        """A script says where it is. UsageError for a name that is none."""
        if not begin.name or not begin.name.isprintable():
            raise UsageError(f"scenario {begin.name!a}: expected a name such as harness/boot")
        self.tally.admit(session)
        self.note(ScenarioBegun(time.time(), begin.name, session, begin.xfail))
        self.tally.begin(session, begin.name)

    def end_scenario(self, session: str, end: End) -> None:
        """A script is done. UsageError if none had begun."""
        name = self.tally.scenario(session)
        if not name:
            raise UsageError(f"no scenario has begun in session {session}; `cpproxy scenario begin NAME` begins one")
        self.tally.admit(session)
        self.note(ScenarioEnded(time.time(), name, session, end.exit))
        self.tally.end(session)

    def reset(self, session: str) -> None:
        """A session begins anew, if it has begun: its progress and counters, not its rows."""
        if session not in self.tally.sessions():
            return
        self.tally.admit(session)
        self.note(Reset(time.time(), session))
        self.tally.reset(session)
        if self._replay:
            self._replay.reset(session)

    def sessions(self, base: str) -> Sessions:
        """Those that were opened and not closed, or that somebody has named; `base` is the front's address."""
        return Sessions(tuple(self._describe(name, base) for name in self.tally.sessions()))

    def open_session(self, wanted: Open, base: str) -> Opened:
        """Opens a session with its cassettes. TakenError if it exists, UsageError for a bad name or cassette."""
        name = wanted.name or f"session-{secrets.token_hex(4)}"
        check_session(name)
        served = {one.name for one in self.run.cassettes} if self._replay else set()
        for cassette in wanted.cassettes:
            if cassette not in served:
                known = ", ".join(sorted(served)) or "none"
                raise UsageError(f"no cassette {cassette!a} is served; there are: {known}")
        self.tally.open(name)
        self.note(SessionOpened(time.time(), name, wanted.cassettes))
        self._opened[name] = wanted.cassettes
        if self._replay:
            self._replay.open(name, wanted.cassettes)
        return self._describe(name, base)

    async def close_session(self, name: str, ask: Ask) -> "Verdict":
        """Ends and forgets a session; its verdict comes back, which speaks of all calls that it has taken.

        Until then nobody else gets its name or makes a call in it. Calls under way that take longer than the grace are
        ended, and stand in the verdict as that. Should there be no verdict, the session stays open.
        UnknownError for one that nobody opened or named, TakenError for one that is being closed already.
        """
        _check(ask)
        self.tally.begin_closing(name)
        try:
            await self._empty(name)
            await self._check_trap()
            verdict = await asyncio.to_thread(self._judge_session, ask)
            self.note(SessionClosed(time.time(), name))
        except BaseException:
            self.tally.stop_closing(name)
            raise
        self._opened.pop(name, None)
        self.tally.close(name)
        if self._replay:
            self._replay.close(name)
        return verdict

    async def _empty(self, session: str) -> None:
        """Returns once the rows of all calls of a session are in the journal."""
        deadline = time.monotonic() + self._grace
        while calls := self.tally.under_way(session):
            if time.monotonic() >= deadline:
                for call in calls:
                    call.dismiss()
            await asyncio.sleep(_POLL)
        self._flush()

    def _judge_session(self, ask: Ask) -> "Verdict":
        from cpproxy.cli.checkout import read_digests  # noqa: PLC0415 (as above)

        checkout = read_digests(self._settings.cassettes) if ask.checkout is None else ask.checkout
        return self._judge(structs.replace(ask, checkout=checkout))

    def _describe(self, name: str, base: str) -> Opened:
        cassettes = self._opened.get(name) or tuple(one.name for one in self.run.cassettes)
        return Opened(name, f"{base}/s/{name}", cassettes)

    async def calls(self, wanted: Mapping[str, str]) -> Calls:
        """The first calls that fit the filters, `CALLS_AT_ONCE` at most. UsageError for a filter that is none."""
        if "session" in wanted:
            check_session(wanted["session"])
        return await asyncio.to_thread(self._find_calls, dict(wanted))

    def _find_calls(self, wanted: dict[str, str]) -> Calls:
        from cpproxy.cli.books import open_ledger, parse_filter  # noqa: PLC0415 (SQLAlchemy waits until it is needed)

        run = wanted.pop("run", "latest")
        with open_ledger(self._settings.ledger) as ledger:
            name = self.run.id if run == "latest" else ledger.run(run).run.id
            rows = islice(ledger.calls(name, parse_filter(wanted)), CALLS_AT_ONCE)
            return Calls(name, tuple(NamedCall(f"{name}:{row.seq}", row) for row in rows))

    async def call(self, name: str) -> NamedCall:
        """One call, by `RUN:SEQ` or, of this run, `SEQ`. UsageError if there is none."""
        return await asyncio.to_thread(self._find_call, name if ":" in name else f"{self.run.id}:{name}")

    def _find_call(self, name: str) -> NamedCall:
        from cpproxy.cli.books import open_ledger  # noqa: PLC0415 (as above)

        with open_ledger(self._settings.ledger) as ledger:
            run, row = ledger.call(name)
            return NamedCall(f"{run}:{row.seq}", row)

    async def verdict(self, ask: Ask) -> "Verdict":
        """What the run comes to so far. UsageError for a question that is none."""
        _check(ask)
        await self._check_trap()
        return await asyncio.to_thread(self._judge, ask)

    def _judge(self, ask: Ask) -> "Verdict":
        from cpproxy.cli.books import judge_run, open_ledger  # noqa: PLC0415 (as above)
        from cpproxy.cli.checkout import make_plan  # noqa: PLC0415 (as above)

        ask = ask if ask.wiring else structs.replace(ask, wiring=self._wiring)
        with open_ledger(self._settings.ledger) as ledger:
            plan = make_plan(self._sources, self._routes)
            return judge_run(ledger, ledger.run(self.run.id), self._settings.config, plan, ask)

    async def wait(self, session: str, wait: Wait) -> Waited:
        """Returns once the calls are there, or one went wrong, or the time is over. UsageError for what is no call."""
        requirements = parse_waits(wait.calls)
        deadline = time.monotonic() + wait.timeout
        while True:
            counts = {one.text: self.tally.count(session, one.template) for one in requirements}
            if all(counts[one.text] >= one.count for one in requirements):
                return Waited(met=True, counts=counts)
            bad = self.tally.session(session).bad
            if bad is not None:
                return Waited(
                    met=False, counts=counts, reason=f"{_spell(bad)} (`cpproxy call {self.run.id}:{bad.seq}`)"
                )
            if self._stopping:
                return Waited(met=False, counts=counts, reason="the proxy stops")
            if time.monotonic() >= deadline:
                reason = f"not there after {wait.timeout:.3g} s"
                astray = self.tally.session(DEFAULT_SESSION).outcomes.get(Outcome.MISROUTE, 0)
                return Waited(met=False, counts=counts, reason=reason, late=True, astray=astray)
            await asyncio.sleep(_POLL)


def _spell(bad: Call) -> str:
    """The call for which a script waits no longer: what it was, who sent it, and what is wrong with it."""
    from cpproxy.core.blame import spell_target  # noqa: PLC0415 (nothing goes astray at the start)

    target = bad.target if bad.way is Way.FRONT else spell_target(bad)
    called = f"{bad.method} {target}".strip()
    return f"{bad.outcome}: {called} from {bad.client.rpartition(' ')[2] or 'an unknown client'}: {bad.reason}"


def _check(ask: Ask) -> None:
    """UsageError for a question that no verdict could answer."""
    from cpproxy.core.judge import parse_fail_on  # noqa: PLC0415 (nobody is judged at the start)

    parse_fail_on(ask.fail_on)
    for text in ask.require:
        Requirement.parse(text)
    if ask.session:
        check_session(ask.session)
