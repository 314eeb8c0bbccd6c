"""Calls for people and for programs: the list of `cpproxy calls`, and one call in full."""

import datetime
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec import Raw

from cpproxy.core.answers import NamedCall
from cpproxy.core.calls import Call, Outcome, Seen
from cpproxy.core.hosts import spell_origin
from cpproxy.core.runs import DEFAULT_SESSION
from cpproxy.report.terminal import Paint, escape
from cpproxy.report.texts import escape_json, indented

_STYLES = {
    Outcome.RECORDED: "green",
    Outcome.REPLAYED: "green",
    Outcome.CANARY: "green",
    Outcome.FAULTED: "yellow",
    Outcome.FOREIGN: "yellow",
}
_DOCUMENTS = ("body", "details")
_SHOWN = {
    Seen.UNREAD: "unread",
    Seen.CONNECTION: "connection",
    Seen.BYTES: "not HTTP",
    Seen.QUERY: "DNS",
    Seen.TUNNEL: "CONNECT",
    Seen.NAME: "TLS",
    Seen.BROKEN: "broken",
}
_WIDTH = max(map(len, Outcome))


def as_text(calls: Iterable[NamedCall], paint: Paint) -> Iterator[str]:
    """A line a call, ended by a line break, with a second one for the reason where there is one."""
    for named in calls:
        call = named.call
        outcome = paint(f"{call.outcome:<{_WIDTH}}", _STYLES.get(call.outcome, "red"))
        where = [call.client, call.session if call.session != DEFAULT_SESSION else "", call.scenario]
        served = f"{call.cassette}#{call.interaction}" if call.cassette else ""
        rest = "  ".join(escape(text) for text in (*where, served) if text)
        line = f"{call.seq:>5}  {_time(call.at)}  {outcome}  {call.status or '-':>3}  {escape(_address(call))}"
        yield f"{line}  {paint(rest, 'dim')}\n" if rest else f"{line}\n"
        if call.reason:
            yield f"       {escape(call.reason)}\n"


def as_json(calls: Iterable[NamedCall]) -> Iterator[str]:
    """One array, a call a line."""
    yield "["
    separator = "\n"
    for named in calls:
        yield f"{separator}{_object(named)}"
        separator = ",\n"
    yield "\n]\n"


def as_json_lines(calls: Iterable[NamedCall]) -> Iterator[str]:
    """A call a line, for a list that has no end."""
    for named in calls:
        yield f"{_object(named)}\n"


def show(named: NamedCall, paint: Paint) -> str:
    """One call in full: a line for each thing that is known of it, and its body."""
    values = msgspec.structs.asdict(named.call)
    documents = {name: values.pop(name) for name in _DOCUMENTS}
    values["at"] = _moment(named.call.at).isoformat(timespec="milliseconds")
    lines = [f"{paint('id', 'bold')}: {escape(named.id)}"]
    lines += [
        f"{paint(name, 'bold')}: {escape(str(value))}"
        for name, value in values.items()
        if value not in ("", False, None)
    ]
    body, details = documents["body"], documents["details"]
    if isinstance(body, Raw):
        text = msgspec.json.format(bytes(body), indent=2).decode()
        lines += [paint("body", "bold") + ":", *(f"  {escape(line)}" for line in text.split("\n"))]
    if isinstance(details, Raw):
        lines += _explain(msgspec.json.decode(details), paint)
    return "\n".join(lines) + "\n"


def _explain(details: dict[str, Any], paint: Paint) -> Iterator[str]:
    """What a miss was told, for people: each part under its name."""
    used = [f"{one['interaction']} of cassette {one['cassette']}" for one in details.get("used_up", ())]
    if details.get("times", 0) > len(used):
        used.insert(0, f"recorded {details['times']} times, the last as")
    parts = {
        "nearest": [line for near in details.get("nearest", ()) for line in _show_near(near)],
        "bound": [f"{recorded}: {live}" for recorded, live in details.get("bindings", {}).items()],
        "left out of the match": [f"{place}: {why}" for place, why in details.get("left_out", {}).items()],
        "used up": used,
        "config that would make it match": details.get("advice", "").splitlines(),
    }
    for title, lines in parts.items():
        if lines:
            yield f"{paint(title, 'bold')}:"
            yield from (escape(f"  {line}") for line in lines)


def _show_near(near: dict[str, Any]) -> Iterator[str]:
    where = f"{near['interaction']} of cassette {near['cassette']} ({near['method']} {near['path']})"
    yield f"{where}, distance {near['distance']}"
    for one in near["differences"]:
        found, expected = (_spell(one[side]) for side in ("found", "expected"))
        yield f"  {one['where']}: found {found}, expected {expected} (weighs {one['weight']})"
    if "more_differences" in near:
        yield f"  and {near['more_differences']} more"
    if "because" in near:
        yield f"  {near['because']}"


def _spell(value: str | None) -> str:
    return "nothing" if value is None else value


def show_json(named: NamedCall) -> str:
    """One call as a JSON object."""
    return indented(_members(named))


def _object(named: NamedCall) -> str:
    return escape_json(msgspec.json.encode(_members(named)).decode())


def _members(named: NamedCall) -> dict[str, Any]:
    """The call with its id, all members there, so that a program can rely on them."""
    values = msgspec.structs.asdict(named.call)
    for name in _DOCUMENTS:
        if not isinstance(values[name], Raw):
            values[name] = None
    return {"id": named.id, **values}


def _address(call: Call) -> str:
    """What was called; of what arrived in the trap, as much as could be seen."""
    if call.seen is None:
        return f"{call.method} {call.target}".strip() or "(malformed)"
    where = spell_origin(call.scheme, call.host, call.port)
    if call.seen.shows_request:
        return f"{call.method} {where}{call.target}".strip()
    return f"({_SHOWN[call.seen]}) {where}"


def _moment(at: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(at, datetime.UTC)


def _time(at: float) -> str:
    return f"{_moment(at):%H:%M:%S}.{int(at % 1 * 1000):03}Z"
