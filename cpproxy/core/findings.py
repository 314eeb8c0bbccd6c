"""The words of findings, each a paragraph: what happened, who did it, what would have routed it, what to do next."""

from collections.abc import Iterable, Sequence

from cpproxy.core.calls import Call
from cpproxy.core.config import Config
from cpproxy.core.routes import Route
from cpproxy.core.runs import Mode, Served
from cpproxy.core.verdict import Kind

_LISTED = 5


def describe_call(kind: Kind, call: Call, *, name: str, count: int, route: Route | None, config: Config) -> str:
    """The paragraph on calls of one kind that are alike; `call` is the first of them, `name` its id."""
    times = f", {count} times" if count > 1 else ""
    within = f" in scenario {_plain(call.scenario)}" if call.scenario else ""
    what = f"{_plain(_spell(call, kind))} from {_plain(call.client) or 'an unknown client'}{within}{times}"
    reason = f": {_plain(call.reason)}" if call.reason else ""
    return f"{what}{reason}. {_advise(kind, call, route, config)} See `cpproxy call {name}`."


def _plain(text: str) -> str:
    """What somebody else wrote, without the sign by which a paragraph sets code off."""
    return text.replace("`", "'")


def _spell(call: Call, kind: Kind) -> str:
    path = call.target.partition("?")[0]
    astray = kind in (Kind.MISROUTE, Kind.FOREIGN)
    named = f"{call.method} {call.host if astray else ''}{path}".strip()
    return named or "a call of which nothing could be seen"


_ADVICE = {
    Kind.USED_UP: (
        "A write answers as often as it was recorded: find out why it is sent again, record it being sent again, or "
        'give its route `repeat = "last"`.'
    ),
    Kind.UNAUTHORIZED: (
        "The recorded control plane asks for that credential, and so will the real one: give it to the client."
    ),
    Kind.UNDETERMINED: "The recording does not determine this answer: record a run that comes this way.",
    Kind.ERROR: "Its answer cannot be trusted: remove the cause and run again.",
}


def _advise(kind: Kind, call: Call, route: Route | None, config: Config) -> str:
    match kind:
        case Kind.MISS:
            return (
                "It reached the front, and what it asks for was never recorded: record it with `cpproxy record "
                f"--append --cassette {_plain(call.scenario) or 'NAME'}`, or make the client ask for what was."
            )
        case Kind.MISROUTE:
            return f"It went past the front. {route_to_front(route, config)}"
        case Kind.FOREIGN:
            return f'It was refused. If it is to be expected, add "{call.host}" to expected_hosts in [trap].'
        case _:
            return _ADVICE[kind]


def route_to_front(route: Route | None, config: Config) -> str:
    """What routes a client to the front: the variables of this route, or of all where it is not known."""
    routes: Iterable[tuple[str, ...]] = [route.settings.env] if route else [one.env for one in config.routes]
    variables = dict.fromkeys(name for env in routes for name in env)
    if not variables:
        return "No variable is known that routes it to the front: name one as `env` of its route in the config."
    front = config.cp.front_url or "the front's URL"
    return f"What routes it is {' or '.join(variables)} in the client's environment: set it to {front}."


def describe_absence(route: Route, client: str, config: Config) -> str:
    """The paragraph on a route that had to be called and was not, by anybody or by one client."""
    who = client or "nobody"
    called = f"{who} never called" if client else "nobody called"
    named = f"{route.name} ({route.template})" if route.name != str(route.template) else route.name
    return (
        f"{called} {named}, which the config requires. {route_to_front(route, config)} Without it the call goes "
        f"elsewhere, or is not made at all. See `cpproxy calls --route '{route.name}'`."
    )


def describe_requirement(text: str, count: int, found: int) -> str:
    """The paragraph on a requirement that was not met."""
    return (
        f"`{_plain(text)}` was required {count} time{'s' if count > 1 else ''}, and {found or 'no'} such "
        f"call{'' if found == 1 else 's'} arrived at the front. See `cpproxy calls` for those that did."
    )


def describe_absent(name: str) -> str:
    """The paragraph on a scenario of the suite that has no cassette."""
    return (
        f"scenario {name} is listed in [suite], and there is no cassette of that name. Record it with "
        f"`cpproxy record --cassette {name}`, or take it off the list."
    )


def describe_begun(name: str, near: str) -> str:
    """The paragraph on a scenario that has begun and has no cassette; `near` is the nearest name that has, or empty."""
    hint = f": is it {near}?" if near else "."
    return (
        f"scenario {_plain(name)} has begun, and no cassette of that name is served{hint} Record it with "
        f"`cpproxy record --cassette {_plain(name)}`, or let `cpproxy replay` serve it."
    )


def describe_untouched(name: str, why: str) -> str:
    """The paragraph on a cassette that answered nobody; `why` says why it should have."""
    return (
        f"cassette {name} {why}, and no call was answered from it. Run its script, and look for calls that went "
        "elsewhere: `cpproxy calls` lists those that arrived."
    )


def describe_incomplete(name: str, reason: str) -> str:
    """The paragraph on a recording that must not be trusted whole."""
    return f"cassette {name} was recorded incomplete: {_plain(reason)}. Remove the cause and record it again."


def describe_xfail(name: str, reason: str, code: int | None, *, ended: bool) -> str:
    """The paragraph on a scenario that is marked as an expected failure."""
    how = "never ended" if not ended else "ended" if code is None else f"ended with exit code {code}"
    if ended and code == 0:
        advice = "It passes: take the mark off."
    else:
        advice = "Mend it and take the mark off, or exempt it in [[expect]] with an issue and a date."
    return (
        f"scenario {_plain(name)} is marked as an expected failure ({_plain(reason)}), and {how}. What it was to call "
        f"may have been called by nobody. {advice}"
    )


def describe_failed(name: str, code: int) -> str:
    """The paragraph on a scenario whose script failed."""
    name = _plain(name)
    return f"scenario {name} ended with exit code {code}. See its own output, and `cpproxy calls --scenario {name}`."


def describe_trap_died(reason: str) -> str:
    """The paragraph on a trap that ended before its run."""
    return f"the trap died: {_plain(reason)}. What went past the front after that was caught by nobody. Run again."


def describe_empty(mode: Mode, config: Config) -> str:
    """The paragraph on a run at which no call arrived."""
    verb = "recorded" if mode is Mode.RECORD else "served"
    return f"no call arrived, and nothing was {verb}. {route_to_front(None, config)}"


def describe_killed() -> str:
    """The paragraph on a run whose proxy is gone without a word."""
    return "the proxy was killed: no call that was answered is missing, but what came after it found nobody."


def describe_unproven(unwatched: Sequence[str], *, trap: bool) -> str:
    """The paragraph on a run in which these clients have not shown that their calls past the front are caught."""
    if not trap:
        return "misroutes are unproven: nothing was there to catch a call that goes past the front. Run with --trap."
    who = ", ".join(unwatched[:_LISTED]) + (", …" if len(unwatched) > _LISTED else "") or "no client"
    shown = "has not shown" if len(unwatched) == 1 else "have not shown" if unwatched else "has shown"
    return (
        f"misroutes are unproven: {who} {shown} that a call past the front is caught. Run `cpproxy canary` where the "
        "client runs, or what `cpproxy canary --shell` prints."
    )


def describe_mismatch(served: Served, sha256: str) -> str:
    """The paragraph on a cassette that was served in another state than the checkout has it in."""
    what = f"cassette {served.name} was served with the digest {served.sha256[:12]}, and the checkout"
    here = f"'s is {sha256[:12]}" if sha256 else " has none of that name"
    return (
        f"{what}{here}: the proxy serves another copy. Build its image anew, without a cache, or restart it; "
        "then run again."
    )


def describe_unserved(name: str) -> str:
    """The paragraph on a cassette that is in the checkout and was not served."""
    return (
        f"cassette {name} is in the checkout and was not served: the proxy serves an older copy. Build its image anew, "
        "without a cache, or restart it; then run again."
    )


def describe_unplayed(kind: Kind, name: str, calls: Sequence[str], count: int, total: int) -> str:
    """The warning on `count` interactions of one cassette that nobody asked for; `calls` are what they answer."""
    listed = ", ".join(calls[:_LISTED]) + (", …" if len(calls) > _LISTED else "")
    what = "writes were played by nobody" if kind is Kind.UNPLAYED_WRITE else "reads were asked for by nobody"
    return f"cassette {name}: {count} of its {total} recorded {what}: {listed}."


def describe_unasked(name: str, writes: int, reads: int) -> str:
    """The warning on a cassette of which nothing was played: it holds that many writes and reads."""
    kinds = ", ".join(
        f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in ((writes, "write"), (reads, "read")) if count
    )
    total = writes + reads
    if total == 1:
        return f"cassette {name}: its only interaction ({kinds}) was not played."
    return f"cassette {name}: none of its {total} interactions ({kinds}) was played."
