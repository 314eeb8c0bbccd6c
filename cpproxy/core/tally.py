"""What a running proxy counts while it serves: the counters that scripts ask for, without a look at the ledger."""

from collections.abc import Iterable

from msgspec import Struct

from cpproxy.core.calls import Call, Outcome, Way
from cpproxy.core.routes import Template

MOST_SESSIONS = 4096
"""How many sessions one proxy keeps: whoever names a new one in each call would else fill its memory."""

FULL = f"{MOST_SESSIONS} are open, and no more are kept: close some, by DELETE of /__cpproxy/sessions/NAME"
"""Why there is no session more."""

_BAD = frozenset({Outcome.MISS, Outcome.MISROUTE})


class Counts(Struct):
    """The counts of one session since it began or was reset.

    `arrivals` are calls at the front by route and `asked` by method and path, whatever became of them. `bad` is the
    first miss or misroute since the scenario began.
    """

    outcomes: dict[Outcome, int]
    arrivals: dict[str, int]
    asked: dict[tuple[str, str], int]
    scenario: str = ""
    bad: Call | None = None


class Tally:
    """The counts of all sessions of one proxy.

    `counters` pairs the route that a call's row names with the counter that counts it; one may count several routes.
    """

    def __init__(self, counters: Iterable[tuple[str, str]] = ()) -> None:
        self._counters = tuple(counters)
        self._sessions: dict[str, Counts] = {}

    def session(self, name: str) -> Counts:
        """The counts of a session, all at 0 for one that was never heard of."""
        return self._sessions.get(name) or Counts({}, {}, {})

    def _open(self, name: str) -> Counts:
        counts = self._sessions.get(name)
        if counts is None:
            counts = self._sessions[name] = Counts({}, {}, {})
        return counts

    def sessions(self) -> tuple[str, ...]:
        """The names of all sessions that were heard of."""
        return tuple(self._sessions)

    def admits(self, session: str) -> bool:
        """Whether a call may be of this session: it was heard of, or there is room for one more."""
        return session in self._sessions or len(self._sessions) < MOST_SESSIONS

    def add(self, call: Call) -> None:
        """Count one call."""
        counts = self._sessions.get(call.session) or self._open(call.session)
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
        counts = self._open(session)
        counts.scenario, counts.bad = scenario, None

    def end(self, session: str) -> str:
        """The scenario ends; its name comes back, or nothing when none had begun."""
        counts = self._open(session)
        ended, counts.scenario, counts.bad = counts.scenario, "", None
        return ended

    def reset(self, session: str) -> None:
        """Everything of a session is zero again but the scenario it is in."""
        self._sessions[session] = Counts({}, {}, {}, scenario=self.session(session).scenario)

    def close(self, session: str) -> None:
        """Forgets a session."""
        self._sessions.pop(session, None)
