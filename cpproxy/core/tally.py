"""The sessions of a running proxy: which there are, from their first call to their end, and what each has counted.

It is the one place that says whether a session may have a call, and it answers scripts without a look at the ledger.
"""

from collections.abc import Iterable
from typing import Protocol

from msgspec import Struct, field

from cpproxy.core.calls import Call, Outcome, Way
from cpproxy.core.routes import Template
from cpproxy.core.runs import DEFAULT_SESSION
from cpproxy.errors import GoneError, TakenError, UnknownError, UsageError

MOST_SESSIONS = 4096
"""How many sessions one proxy keeps: whoever names a new one in each call would else fill its memory."""

FULL = f"{MOST_SESSIONS} are open, and no more are kept: close some, by DELETE of /__cpproxy/sessions/NAME"
"""Why there is no session more."""

_BAD = frozenset({Outcome.MISS, Outcome.MISROUTE})


class Visitor(Protocol):
    """A call under way."""

    logged: bool
    """Whether its row is there."""

    def dismiss(self) -> None:
        """Ends it where it is: its session closes."""


class Counts(Struct):
    """One session: what it counted since it began or was reset, and the calls under way.

    `arrivals` are calls at the front by route and `asked` by method and path, whatever became of them. `bad` is the
    first miss or misroute since the scenario began. One that was `opened` on purpose stays closed when it is closed.
    """

    outcomes: dict[Outcome, int] = field(default_factory=dict)
    arrivals: dict[str, int] = field(default_factory=dict)
    asked: dict[tuple[str, str], int] = field(default_factory=dict)
    scenario: str = ""
    bad: Call | None = None
    opened: bool = False
    closing: bool = False
    visitors: set[Visitor] = field(default_factory=set)


class Tally:
    """The counts of all sessions of one proxy.

    `counters` pairs the route that a call's row names with the counter that counts it; one may count several routes.
    """

    def __init__(self, counters: Iterable[tuple[str, str]] = ()) -> None:
        self._counters = tuple(counters)
        self._sessions: dict[str, Counts] = {}
        self._ended: dict[str, None] = {}

    def session(self, name: str) -> Counts:
        """The counts of a session, all at 0 for one that was never heard of."""
        return self._sessions.get(name) or Counts()

    def sessions(self) -> tuple[str, ...]:
        """The names of all sessions that were heard of and not closed."""
        return tuple(self._sessions)

    def admit(self, session: str) -> Counts:
        """The session, which begins now if nobody has named it yet.

        GoneError for one that is being closed, or was opened on purpose and closed; UsageError for one too many.
        """
        counts = self._sessions.get(session)
        if counts is None:
            if session in self._ended:
                raise GoneError(f"session {session} was closed; POST of /__cpproxy/sessions opens it again")
            return self._begin(session)
        if counts.closing:
            raise GoneError(f"session {session} is being closed")
        return counts

    def _begin(self, session: str, *, opened: bool = False) -> Counts:
        if session != DEFAULT_SESSION and len(self._sessions) >= MOST_SESSIONS:
            raise UsageError(f"session {session}: {FULL}")
        counts = self._sessions[session] = Counts(opened=opened)
        return counts

    def enter(self, session: str, visitor: Visitor) -> None:
        """A call begins, and its session is not forgotten before its row is there. Errors as `admit`."""
        self.admit(session).visitors.add(visitor)

    def leave(self, session: str, visitor: Visitor) -> None:
        """A call is over."""
        counts = self._sessions.get(session)
        if counts is not None:
            counts.visitors.discard(visitor)

    def open(self, session: str) -> None:
        """Opens a session on purpose. TakenError for a name that is in use, UsageError for one too many."""
        counts = self._sessions.get(session)
        if counts is not None and counts.closing:
            raise TakenError(f"session {session} is being closed; wait for its verdict, or choose another name")
        if counts is not None or session == DEFAULT_SESSION:
            raise TakenError(f"session {session} exists; choose another name, or close it first")
        self._begin(session, opened=True)
        self._ended.pop(session, None)

    def begin_closing(self, session: str) -> None:
        """From now on no call enters. UnknownError for a session that there is not, TakenError if that was said."""
        counts = self._sessions.get(session)
        if counts is None:
            raise UnknownError(f"no session {session!a} is open")
        if counts.closing:
            raise TakenError(f"session {session} is being closed already")
        counts.closing = True

    def under_way(self, session: str) -> tuple[Visitor, ...]:
        """The calls of a session whose rows are not there yet."""
        return tuple(one for one in self.session(session).visitors if not one.logged)

    def stop_closing(self, session: str) -> None:
        """The session stays, if it was not closed."""
        self.session(session).closing = False

    def close(self, session: str) -> None:
        """Forgets a session, but that it was closed if it had been opened on purpose."""
        if self._sessions.pop(session).opened:
            self._ended[session] = None
            if len(self._ended) > MOST_SESSIONS:
                del self._ended[next(iter(self._ended))]

    def add(self, call: Call) -> None:
        """Count one call."""
        counts = self._sessions.get(call.session) or self.admit(call.session)
        outcome = call.outcome
        counts.outcomes[outcome] = counts.outcomes.get(outcome, 0) + 1
        if call.way is Way.FRONT:
            counts.arrivals[call.route] = counts.arrivals.get(call.route, 0) + 1
            asked = (call.method, call.target.partition("?")[0])
            counts.asked[asked] = counts.asked.get(asked, 0) + 1
        if outcome in _BAD and counts.bad is None:
            counts.bad = call

    def scenario(self, session: str) -> str:
        """The scenario that a session is in, or nothing."""
        counts = self._sessions.get(session)
        return counts.scenario if counts else ""

    def counters(self, session: str) -> dict[str, int]:
        """All counters of the config by name, those at 0 among them."""
        arrivals = self.session(session).arrivals
        values = {counter: 0 for _, counter in self._counters}
        for route, counter in self._counters:
            values[counter] += arrivals.get(route, 0)
        return values

    def count(self, session: str, template: Template) -> int:
        """How many calls of a session arrived at the front that fit a template of method and path."""
        asked = self.session(session).asked
        return sum(count for (method, path), count in asked.items() if template.matches(method, path))

    def begin(self, session: str, scenario: str) -> None:
        """A scenario begins: what went wrong before it is no fault of it."""
        counts = self.admit(session)
        counts.scenario, counts.bad = scenario, None

    def end(self, session: str) -> str:
        """The scenario ends; its name comes back, or nothing when none had begun."""
        counts = self.admit(session)
        ended, counts.scenario, counts.bad = counts.scenario, "", None
        return ended

    def reset(self, session: str) -> None:
        """Everything of a session is zero again but the scenario it is in; one that there is not does not begin."""
        counts = self.session(session)
        counts.outcomes, counts.arrivals, counts.asked, counts.bad = {}, {}, {}, None
