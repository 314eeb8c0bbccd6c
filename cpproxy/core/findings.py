"""The words of findings, each a paragraph: what happened, who did it, what would have routed it, what to do next."""

from collections.abc import Sequence

from cpproxy.core.blame import leads, route_to_front
from cpproxy.core.calls import Call
from cpproxy.core.config import NO_CALL, Config
from cpproxy.core.requirements import Requirement
from cpproxy.core.routes import Route
from cpproxy.core.runs import Mode, Served
from cpproxy.core.verdict import Kind
from cpproxy.core.wiring.wired import Wired, Wiring, spell_variables
from cpproxy.core.wording import count, often, plain

_LISTED = 5


def describe_call(kind: Kind, call: Call, who: str, *, name: str, count: int) -> str:
    """The paragraph on calls of one kind that are alike: `call` is the first, `who` sent it, `name` is its id."""
    within = f" in scenario {plain(call.scenario)}" if call.scenario else ""
    what = f"{plain(_spell(call))} from {plain(who) or 'an unknown client'}{within}{often(count)}"
    reason = f": {plain(call.reason)}" if call.reason else ""
    return f"{what}{reason}. {_advise(kind, call)} See `cpproxy call {name}`."


def _spell(call: Call) -> str:
    return f"{call.method} {call.target.partition('?')[0]}".strip() or "a call of which nothing could be seen"


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


def _advise(kind: Kind, call: Call) -> str:
    match kind:
        case Kind.MISS:
            return (
                "It reached the front, and what it asks for was never recorded: record it with `cpproxy record "
                f"--append --cassette {plain(call.scenario) or 'NAME'}`, or make the client ask for what was."
            )
        case _:
            return _ADVICE[kind]


def describe_absence(
    route: Route,
    client: str,
    config: Config,
    wired: Wired | None = None,
    *,
    nameless: Sequence[str] = (),
    wiring: Wiring | None = None,
) -> str:
    """The paragraph on a route that had to be called and was not, by anybody or by one client.

    `wired` is what a compose file says of that client, and `wiring` what it says of all; `nameless` are addresses that
    called, and whose they are nobody told.
    """
    called = f"{client} never called" if client else "nobody called"
    named = f"{route.name} ({route.template})" if route.name != str(route.template) else route.name
    variables = route.settings.env
    file = f" {spell_variables(wired, variables)}." if wired and variables else ""
    file = file if client or not variables else _describe_unled(route, config, wiring or {})
    others = (
        f" {_list(nameless)} did, of whom no name is known: if that is {client}, let --compose name a file with its "
        "address, or require the address."
        if nameless
        else ""
    )
    return (
        f"{called} {named}, which the config requires.{others} {route_to_front(route, config, wired)}{file} "
        f"{_explain_silence(route)} See `cpproxy calls --route '{route.name}'`."
    )


def _explain_silence(route: Route) -> str:
    """Why nothing else would have told of a call that was not made."""
    match route.settings.default:
        case "":
            return "Without it the call goes elsewhere, or is not made at all."
        case default if default == NO_CALL:
            return "Without it no call is made at all, and nothing fails: silence is no success."
        case default:
            return f"Without it the call goes to {default}, and nothing here fails: silence is no success."


def describe_requirement(
    requirement: Requirement, found: int, route: Route | None, config: Config, wiring: Wiring
) -> str:
    """The paragraph on a requirement that was not met; `route` is that of the calls which are missing, or None."""
    count = requirement.count
    why = ""
    if route is not None and route.settings.env:
        why = f" {route_to_front(route, config)}{_describe_unled(route, config, wiring)} {_explain_silence(route)}"
    return (
        f"`{plain(requirement.text)}` was required {count} time{'s' if count > 1 else ''}, and {found or 'no'} such "
        f"call{'' if found == 1 else 's'} arrived at the front.{why} See `cpproxy calls` for those that did."
    )


def _describe_unled(route: Route, config: Config, wiring: Wiring) -> str:
    """The services that the compose file gives variables of routes, but none that leads these calls to the front."""
    variables = route.settings.env
    unled = [(name, one) for name, one in wiring.items() if one.variables and not leads(one, variables, config)]
    said = [f"{name}: {spell_variables(one, variables)}" for name, one in unled[:_LISTED]]
    return f" By the compose file, {'; '.join(said)}." if said else ""


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
        f"scenario {plain(name)} has begun, and no cassette of that name is served{hint} Record it with "
        f"`cpproxy record --cassette {plain(name)}`, or let `cpproxy replay` serve it."
    )


def describe_untouched(name: str, why: str) -> str:
    """The paragraph on a cassette that answered nobody; `why` says why it should have."""
    return (
        f"cassette {name} {why}, and no call was answered from it: whatever its script said, it tested nothing of it. "
        "Run it, and look for calls that went elsewhere: `cpproxy calls` lists those that arrived."
    )


def describe_lost(name: str, reason: str) -> str:
    """The paragraph on a recording of which no cassette came."""
    return f"no cassette {plain(name)} came of this recording: {plain(reason)}."


def describe_incomplete(name: str, reason: str) -> str:
    """The paragraph on a recording that must not be trusted whole."""
    return f"cassette {name} was recorded incomplete: {plain(reason)}. Remove the cause and record it again."


def describe_xfail(
    name: str, reason: str, code: int | None, *, ended: bool, unplayed: Sequence[str] = (), total: int = 0
) -> str:
    """The paragraph on a scenario that is marked as an expected failure; `unplayed` are calls that nobody made."""
    how = "never ended" if not ended else "ended" if code is None else f"ended with exit code {code}"
    if ended and code == 0:
        advice = "It passes: take the mark off."
    else:
        advice = "Mend it and take the mark off, or exempt it in [[expect]] with an issue and a date."
    if unplayed:
        calls = _list(list(dict.fromkeys(unplayed)))
        silence = (
            f"Of the {total} calls that were recorded of it, nobody made {len(unplayed)}: {calls}. A failure that is "
            "expected hides that."
        )
    elif total:
        silence = f"All {total} calls that were recorded of it were made."
    else:
        silence = "What it was to call may have been called by nobody."
    return f"scenario {plain(name)} is marked as an expected failure ({plain(reason)}), and {how}. {silence} {advice}"


def describe_failed(name: str, code: int) -> str:
    """The paragraph on a scenario whose script failed."""
    name = plain(name)
    return f"scenario {name} ended with exit code {code}. See its own output, and `cpproxy calls --scenario {name}`."


def describe_trap_died(reason: str) -> str:
    """The paragraph on a trap that ended before its run."""
    return (
        f"the trap died: {plain(reason)}. What went past the front after that was caught by nobody, and misroutes are "
        "unproven from then on. Run again."
    )


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


def describe_unread(count: int) -> str:
    """The paragraph on connections that the trap refused before it read anything of them."""
    what = "a connection was" if count == 1 else f"{count} connections were"
    return (
        f"misroutes are unproven: {what} refused unread by the trap, as too many were open at once. See "
        "`cpproxy calls --outcome foreign`."
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
    what = "writes were played by nobody" if kind is Kind.UNPLAYED_WRITE else "reads were asked for by nobody"
    return f"cassette {name}: {count} of its {total} recorded {what}: {_list(calls)}. {_HIDDEN}"


_HIDDEN = "Whether that is still right, this run does not tell."


def _list(calls: Sequence[str]) -> str:
    return ", ".join(calls[:_LISTED]) + (", …" if len(calls) > _LISTED else "")


def describe_unasked(name: str, writes: int, reads: int) -> str:
    """The warning on a cassette of which nothing was played: it holds that many writes and reads."""
    kinds = ", ".join(count(number, noun) for number, noun in ((writes, "write"), (reads, "read")) if number)
    total = writes + reads
    if total == 1:
        return f"cassette {name}: its only interaction ({kinds}) was not played. {_HIDDEN}"
    return f"cassette {name}: none of its {total} interactions ({kinds}) was played. {_HIDDEN}"
