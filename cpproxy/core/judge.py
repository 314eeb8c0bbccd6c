"""The one judge: a run's header, calls and events, and what was to happen, come to a verdict. Nothing else decides it.

The calls are looked at once, in order, and none is kept, so that a run of a million takes no more memory than one.
"""

import datetime
import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from msgspec import structs

from cpproxy.core import blame, findings
from cpproxy.core.blame import Names, Sender, Strays
from cpproxy.core.calls import Call, Outcome, Seen, Way
from cpproxy.core.config import DEFAULT, Config
from cpproxy.core.hosts import is_among
from cpproxy.core.requirements import Requirement
from cpproxy.core.routes import Route, RouteTable
from cpproxy.core.runs import (
    CassetteLost,
    CassetteSaved,
    Event,
    Mode,
    Run,
    ScenarioBegun,
    ScenarioEnded,
    SessionClosed,
    SessionOpened,
    TrapDied,
)
from cpproxy.core.verdict import WARNINGS, Finding, Kind, Misroutes, Verdict
from cpproxy.core.wiring.wired import Wiring
from cpproxy.errors import Exit, UsageError

_KINDS = {
    Outcome.MISS: Kind.MISS,
    Outcome.MISROUTE: Kind.MISROUTE,
    Outcome.UNAUTHORIZED: Kind.UNAUTHORIZED,
    Outcome.FOREIGN: Kind.FOREIGN,
    Outcome.ERROR: Kind.ERROR,
}
_NOTHING_SERVED = frozenset({Outcome.FOREIGN, Outcome.CANARY})
_RANK = {kind: rank for rank, kind in enumerate(Kind)}


@dataclass(frozen=True, slots=True)
class Planned:
    """A recorded interaction of which the verdict asks whether anybody played it."""

    id: str
    method: str
    target: str
    write: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a verdict rests on.

    `plan` holds the interactions of the cassettes that were served, by cassette. `checkout` is the SHA-256 of each
    cassette that lies here, by name, or None where there is no folder to compare with. `fail_on` are warnings that
    count as findings, and `session` narrows all of it to one session. `wiring` is what a compose file says of services.
    """

    run: Run
    calls: Iterable[Call]
    today: datetime.date
    events: Sequence[Event] = ()
    config: Config = DEFAULT
    plan: Mapping[str, Sequence[Planned]] = field(default_factory=dict)
    checkout: Mapping[str, str] | None = None
    requirements: tuple[Requirement, ...] = ()
    fail_on: frozenset[Kind] = frozenset()
    killed: bool = False
    wiring: Wiring = field(default_factory=dict)
    session: str = ""
    since: float = 0.0
    """When the session began, as Unix time; found by `judge` itself."""
    cassettes: frozenset[str] | None = None
    """Those that were chosen for the session; found by `judge` itself."""


def parse_fail_on(text: str) -> frozenset[Kind]:
    """The warnings that a comma-separated list names, or all of them for `all`. UsageError for anything else."""
    names = [name.strip().replace("-", "_") for name in text.split(",") if name.strip()]
    if "all" in names:
        return WARNINGS
    known = {kind.value: kind for kind in WARNINGS}
    for name in names:
        if name not in known:
            raise UsageError(f"--fail-on {name}: expected all, or some of {', '.join(sorted(known))}")
    return frozenset(known[name] for name in names)


@dataclass(slots=True)
class _Group:
    """Calls that are alike: the first of them, and how many."""

    call: Call
    count: int = 0


@dataclass(slots=True)
class _Seen:
    """What one look at the calls has shown. `callers` are addresses by the route that they called at the front.

    `here` and `elsewhere` are addresses that called the front in the session in question, and in others.
    """

    outcomes: dict[Outcome, int] = field(default_factory=dict)
    groups: dict[tuple[str, ...], _Group] = field(default_factory=dict)
    strays: Strays = field(default_factory=Strays)
    played: set[tuple[str, str]] = field(default_factory=set)
    callers: dict[str, set[str]] = field(default_factory=dict)
    here: set[str] = field(default_factory=set)
    elsewhere: set[str] = field(default_factory=set)
    clients: set[str] = field(default_factory=set)
    watched: set[str] = field(default_factory=set)
    met: list[int] = field(default_factory=list)
    unread: int = 0


def judge(facts: Facts) -> Verdict:
    """The verdict. UsageError for a config whose routes cannot be read."""
    routes = RouteTable(facts.config.routes)
    facts = _narrow(facts) if facts.session else facts
    seen = _look(facts, routes)
    names = Names(seen.strays.names, facts.wiring)
    found = [
        *_judge_strays(facts, seen, names),
        *_judge_calls(facts, seen, routes, names),
        *_judge_cassettes(facts, seen),
        *_judge_routes(facts, seen, routes, names),
        *_judge_scenarios(facts, seen),
        *_judge_recording(facts),
        *_judge_run(facts, seen, names),
    ]
    found.sort(key=lambda finding: _RANK[finding.kind])
    failing = [one for one in found if _fails(one, facts)]
    misroutes = _judge_misroutes(found)
    # Whoever runs without a trap knows that nothing is proven; with one, it is to be told who has yet to prove it.
    told = WARNINGS if facts.run.trap and misroutes is Misroutes.UNPROVEN else WARNINGS - {Kind.UNPROVEN}
    exempted = tuple(exempt for one in failing if (exempt := _exempt(one, facts)))
    standing = tuple(_remind(one, facts) for one in failing if not _exempt(one, facts))
    return Verdict(
        run=facts.run.id,
        mode=facts.run.mode,
        exit=_exit(seen, standing),
        calls=sum(seen.outcomes.values()),
        outcomes={outcome.value: seen.outcomes[outcome] for outcome in Outcome if outcome in seen.outcomes},
        played=sum((name, one.id) in seen.played for name, planned in facts.plan.items() for one in planned),
        recorded=sum(map(len, facts.plan.values())),
        scenarios=_scenarios(facts, seen),
        misroutes=misroutes,
        findings=standing,
        warnings=tuple(one for one in found if one.kind in told and not _fails(one, facts)),
        exempted=exempted,
    )


def _judge_misroutes(found: Sequence[Finding]) -> Misroutes:
    """What is known of calls that went past the front; an exemption does not make them undone.

    A trap that died has caught nothing since, whatever its clients had shown before, be it with its proxy.
    """
    kinds = {one.kind for one in found}
    if Kind.MISROUTE in kinds:
        return Misroutes.FOUND
    return Misroutes.UNPROVEN if kinds & {Kind.UNPROVEN, Kind.TRAP_DIED, Kind.KILLED} else Misroutes.PROVEN


def _narrow(facts: Facts) -> Facts:
    """The facts of one session alone, since it was last opened; a closed one's name may have been taken again."""
    since, cassettes = 0.0, frozenset[str]()
    events: list[Event] = []
    for event in facts.events:
        if getattr(event, "session", facts.session) != facts.session:
            continue
        if isinstance(event, SessionOpened | SessionClosed):
            since = event.at
            cassettes = frozenset(event.cassettes if isinstance(event, SessionOpened) else ())
            events = [one for one in events if not hasattr(one, "session")]
        events.append(event)
    plan = {name: one for name, one in facts.plan.items() if not cassettes or name in cassettes}
    return replace(facts, events=events, since=since, cassettes=cassettes, plan=plan)


def _look(facts: Facts, routes: RouteTable) -> _Seen:
    seen = _Seen(met=[0] * len(facts.requirements))
    scenario = _only_scenario(facts)
    for row in facts.calls:
        seen.strays.learn(row)
        astray = row.way is not Way.FRONT
        if facts.session and (row.at < facts.since or (row.session != facts.session and not astray)):
            if not astray:
                seen.elsewhere.add(row.client.partition(" ")[0])
            continue
        call = row if row.scenario or not scenario else structs.replace(row, scenario=scenario)
        seen.outcomes[call.outcome] = seen.outcomes.get(call.outcome, 0) + 1
        # A name that was only asked for may lead anywhere: that a call to it arrived is the proof.
        proves = call.outcome is Outcome.CANARY and call.way is not Way.DNS
        (seen.watched if proves else seen.clients).add(call.client.partition(" ")[0])
        seen.unread += call.seen is Seen.UNREAD
        if call.cassette:
            seen.played.add((call.cassette, call.interaction))
        if not astray:
            route = call.route or _route_name(call, routes)
            address = call.client.partition(" ")[0]
            seen.callers.setdefault(route, set()).add(address)
            seen.here.add(address)
        for index, requirement in enumerate(facts.requirements):
            seen.met[index] += requirement.fits(call)
        kind = _kind(call)
        if kind in {Kind.MISROUTE, Kind.FOREIGN}:
            seen.strays.add(call)
        elif kind:
            place = call.route or call.target.partition("?")[0]
            key = (kind, call.scenario, call.client, call.method, place)
            group = seen.groups.setdefault(key, _Group(call))
            group.count += 1
    return seen


def _only_scenario(facts: Facts) -> str:
    """Where there is one cassette, all is that scenario, said or not."""
    names = facts.cassettes or [one.name for one in facts.run.cassettes]
    return next(iter(names)) if len(names) == 1 else ""


def _route_name(call: Call, routes: RouteTable) -> str:
    route = routes.find(call.method, call.target.partition("?")[0])
    return route.name if route else ""


def _kind(call: Call) -> Kind | None:
    if call.undetermined:
        return Kind.UNDETERMINED
    if call.used_up:
        return Kind.USED_UP
    return _KINDS.get(call.outcome)


def _judge_strays(facts: Facts, seen: _Seen, names: Names) -> Iterator[Finding]:
    """What went past the front; in a session, what is not plainly another's."""
    expected = facts.config.trap.expected_hosts
    for who, stray in seen.strays.gather(names):
        call = stray.call
        address = call.client.partition(" ")[0]
        if facts.session and address in seen.elsewhere and address not in seen.here:
            continue
        identity = f"{facts.run.id}:{call.seq}"
        if call.outcome is Outcome.MISROUTE:
            called = (route for route, some in seen.callers.items() if any(names.of(one) == who for one in some))
            sender = Sender(who, frozenset(called), names.wired(who))
            text = blame.describe_misroute(sender, stray, facts.config, facts.run.url, name=identity)
        elif call.seen is not Seen.UNREAD and is_among(call.host, call.port, expected):
            continue
        else:
            text = blame.describe_foreign(Sender(who, wired=names.wired(who)), stray, facts.config, name=identity)
        yield Finding(
            kind=_KINDS[call.outcome],
            text=text,
            count=stray.count,
            call=identity,
            scenario=stray.scenario,
            client=who,
            route=call.route,
        )


def _judge_calls(facts: Facts, seen: _Seen, routes: RouteTable, names: Names) -> Iterator[Finding]:
    for (kind, *_), group in seen.groups.items():
        call = group.call
        route = routes.find(call.method, call.target.partition("?")[0])
        identity = f"{facts.run.id}:{call.seq}"
        who = names.of(call.client.partition(" ")[0])
        yield Finding(
            kind=Kind(kind),
            text=findings.describe_call(Kind(kind), call, who, name=identity, count=group.count),
            count=group.count,
            call=identity,
            scenario=call.scenario,
            client=who,
            route=call.route or (route.name if route else ""),
        )


def _judge_cassettes(facts: Facts, seen: _Seen) -> Iterator[Finding]:
    if facts.run.mode is Mode.RECORD:
        return
    yield from _judge_suite(facts, {name for name, _ in seen.played})
    yield from _judge_begun(facts)
    yield from _compare_digests(facts)
    for name, planned in facts.plan.items():
        yield from _judge_unplayed(name, planned, {one for cassette, one in seen.played if cassette == name})


def _judge_unplayed(name: str, planned: Sequence[Planned], played: set[str]) -> Iterator[Finding]:
    """What of one cassette nobody played: of one that nobody touched, all in one, named after the graver kind."""
    writes = [one for one in planned if one.write and one.id not in played]
    asked = {(one.method, one.target) for one in planned if one.id in played}
    reads = [one for one in planned if not one.write and one.id not in played and (one.method, one.target) not in asked]
    if planned and not any(one.id in played for one in planned):
        kind = Kind.UNPLAYED_WRITE if writes else Kind.UNASKED_READ
        text = findings.describe_unasked(name, len(writes), len(reads))
        yield Finding(kind=kind, text=text, count=len(planned), scenario=name)
        return
    for kind, some in ((Kind.UNPLAYED_WRITE, writes), (Kind.UNASKED_READ, reads)):
        if some:
            total = sum(one.write is (kind is Kind.UNPLAYED_WRITE) for one in planned)
            texts = list(dict.fromkeys(f"{one.method} {one.target.partition('?')[0]}" for one in some))
            text = findings.describe_unplayed(kind, name, texts, len(some), total)
            yield Finding(kind=kind, text=text, count=len(some), scenario=name)


def _judge_suite(facts: Facts, touched: set[str]) -> Iterator[Finding]:
    """Scenarios of the suite without a cassette, and cassettes that should have answered somebody."""
    wanted: dict[str, str] = {}
    begun = {one.name for one in facts.events if isinstance(one, ScenarioBegun)}
    for served in facts.run.cassettes:
        if facts.cassettes and served.name in facts.cassettes:
            wanted[served.name] = f"was chosen for session {facts.session}"
        elif served.chosen and not facts.session:
            wanted[served.name] = "was chosen with --cassette"
        elif served.name in begun:
            wanted[served.name] = "is that of a scenario which has begun"
    for name in () if facts.session else facts.config.suite.scenarios:
        if facts.checkout is not None and name not in facts.checkout:
            text = findings.describe_absent(name)
            yield Finding(kind=Kind.ABSENT_CASSETTE, text=text, scenario=name)
        else:
            wanted[name] = "is listed in [suite]"
    for name, why in wanted.items():
        if name not in touched:
            text = findings.describe_untouched(name, why)
            yield Finding(kind=Kind.UNTOUCHED_CASSETTE, text=text, scenario=name)


def _judge_begun(facts: Facts) -> Iterator[Finding]:
    """Scenarios that began and have no cassette: a mistyped name would pass as any other. An xfail fails by itself."""
    served = [one.name for one in facts.run.cassettes]
    known = {*served, *facts.config.suite.scenarios}
    begun = [one for one in facts.events if isinstance(one, ScenarioBegun) and one.name not in known and not one.xfail]
    for name in dict.fromkeys(one.name for one in begun if facts.session in {"", one.session}):
        near = difflib.get_close_matches(name, served, 1)
        text = findings.describe_begun(name, near[0] if near else "")
        yield Finding(kind=Kind.ABSENT_CASSETTE, text=text, scenario=name)


def _compare_digests(facts: Facts) -> Iterator[Finding]:
    if facts.checkout is None:
        return
    for served in facts.run.cassettes:
        digest = facts.checkout.get(served.name, "")
        if digest != served.sha256:
            text = findings.describe_mismatch(served, digest)
            yield Finding(kind=Kind.DIGEST_MISMATCH, text=text, scenario=served.name)
    if facts.run.cassettes and not any(served.chosen for served in facts.run.cassettes):
        for name in sorted(facts.checkout.keys() - {served.name for served in facts.run.cassettes}):
            yield Finding(kind=Kind.DIGEST_MISMATCH, text=findings.describe_unserved(name), scenario=name)


def _judge_routes(facts: Facts, seen: _Seen, routes: RouteTable, names: Names) -> Iterator[Finding]:
    for route in routes.routes if facts.run.mode is Mode.REPLAY else ():
        yield from _judge_route(route, seen.callers.get(route.name, set()), facts.config, names)
    for requirement, met in zip(facts.requirements, seen.met, strict=True):
        if met < requirement.count:
            missing = routes.find(requirement.template.method, requirement.template.path)
            text = findings.describe_requirement(requirement, met, missing, facts.config, facts.wiring)
            yield Finding(kind=Kind.REQUIREMENT, text=text, count=requirement.count - met)


def _judge_route(route: Route, addresses: set[str], config: Config, names: Names) -> Iterator[Finding]:
    callers = {name for one in addresses for name in (one, *names.all_of(one))}
    match route.settings.required:
        case tuple() as clients:
            nameless = sorted(one for one in addresses if names.of(one) == one and one not in clients)
            for client in clients:
                if client not in callers:
                    text = findings.describe_absence(route, client, config, names.wired(client), nameless=nameless)
                    yield Finding(kind=Kind.ABSENCE, text=text, client=client, route=route.name)
        case True if not callers:
            text = findings.describe_absence(route, "", config, wiring=names.wiring)
            yield Finding(kind=Kind.ABSENCE, text=text, route=route.name)
        case _:
            pass


def _judge_scenarios(facts: Facts, seen: _Seen) -> Iterator[Finding]:
    """Scenarios that failed, or were said to fail; of one that ran several times, the last time counts."""
    last: dict[tuple[str, str], tuple[ScenarioBegun, ScenarioEnded | None]] = {}
    for event in facts.events:
        match event:
            case ScenarioBegun():
                last[event.session, event.name] = (event, None)
            case ScenarioEnded() if known := last.get((event.session, event.name)):
                last[event.session, event.name] = (known[0], event)
            case _:
                pass
    for begun, ended in last.values():
        if facts.session and begun.session != facts.session:
            continue
        code = ended.exit if ended else None
        if begun.xfail:
            planned = facts.plan.get(begun.name, ())
            unplayed = [
                f"{o.method} {o.target.partition('?')[0]}" for o in planned if (begun.name, o.id) not in seen.played
            ]
            text = findings.describe_xfail(
                begun.name, begun.xfail, code, ended=ended is not None, unplayed=unplayed, total=len(planned)
            )
            yield Finding(kind=Kind.XFAIL_SCENARIO, text=text, scenario=begun.name)
        elif code:
            text = findings.describe_failed(begun.name, code)
            yield Finding(kind=Kind.FAILED_SCENARIO, text=text, scenario=begun.name)


def _judge_recording(facts: Facts) -> Iterator[Finding]:
    for event in facts.events:
        if isinstance(event, CassetteLost):
            text = findings.describe_lost(event.name, event.reason)
            yield Finding(kind=Kind.LOST_CASSETTE, text=text, scenario=event.name)
    saved = {event.name: event for event in facts.events if isinstance(event, CassetteSaved)}
    for name, last in saved.items():
        if last.incomplete:
            text = findings.describe_incomplete(name, last.incomplete)
            yield Finding(kind=Kind.INCOMPLETE_CASSETTE, text=text, scenario=name)


def _judge_run(facts: Facts, seen: _Seen, names: Names) -> Iterator[Finding]:
    if _is_empty(seen):
        yield Finding(kind=Kind.EMPTY_RUN, text=findings.describe_empty(facts.run.mode, facts.config))
    if facts.killed:
        yield Finding(kind=Kind.KILLED, text=findings.describe_killed())
    for event in facts.events:
        if isinstance(event, TrapDied):
            yield Finding(kind=Kind.TRAP_DIED, text=findings.describe_trap_died(event.reason))
    unwatched = sorted({names.of(one) for one in seen.clients - seen.watched})
    if not facts.run.trap or unwatched or not seen.clients:
        text = findings.describe_unproven(unwatched, trap=facts.run.trap)
        yield Finding(kind=Kind.UNPROVEN, text=text, count=max(1, len(unwatched)))
    if seen.unread:
        yield Finding(kind=Kind.UNPROVEN, text=findings.describe_unread(seen.unread), count=seen.unread)


def _is_empty(seen: _Seen) -> bool:
    return not any(count for outcome, count in seen.outcomes.items() if outcome not in _NOTHING_SERVED)


def _fails(finding: Finding, facts: Facts) -> bool:
    return finding.kind not in WARNINGS or finding.kind in facts.fail_on


def _exempt(finding: Finding, facts: Facts) -> Finding | None:
    """The finding with the issue that exempts it, if one does today. An empty run is never exempt."""
    for one in facts.config.expect:
        if finding.scenario and one.scenario == finding.scenario and facts.today <= one.until:
            return structs.replace(finding, exempt=f"{one.issue} until {one.until}")
    return None


def _remind(finding: Finding, facts: Facts) -> Finding:
    """The finding, which says so where an exemption of it is over."""
    for one in facts.config.expect:
        if finding.scenario and one.scenario == finding.scenario:
            return structs.replace(finding, text=f"{finding.text} Its exemption ({one.issue}) ended on {one.until}.")
    return finding


def _scenarios(facts: Facts, seen: _Seen) -> tuple[str, ...]:
    """What the run was about; a cassette that was served beside it, and that nobody asked, has passed nothing."""
    names = [one.name for one in facts.events if isinstance(one, ScenarioBegun)]
    names += facts.config.suite.scenarios if facts.run.mode is Mode.REPLAY and not facts.session else ()
    meant = {name for name, _ in seen.played} | (facts.cassettes or frozenset())
    meant |= {one.name for one in facts.run.cassettes if one.chosen and not facts.session}
    names += [one.name for one in facts.run.cassettes if facts.run.mode is Mode.RECORD or one.name in meant]
    return tuple(dict.fromkeys(names))


def _exit(seen: _Seen, standing: Sequence[Finding]) -> int:
    if _is_empty(seen):
        return Exit.NOTHING_SERVED
    return Exit.FINDINGS if standing else Exit.CLEAN
