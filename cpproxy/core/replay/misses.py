"""Why no interaction answers a call: the nearest ones, every part in which they differ from it, and what would mend it.

The distance orders this report. It never chooses an answer. What is bound is compared as it is bound, so that a new id
in the place of a recorded one is no difference. What is told leaves memory: no secret is in it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import msgspec

from cpproxy.core import jsonpath, redaction
from cpproxy.core.matching import Body, Difference, Form, compare, normalise
from cpproxy.core.messages import printable
from cpproxy.core.replay.bindings import Bindings
from cpproxy.core.replay.credentials import spell
from cpproxy.core.replay.identities import NUMBER, Catalogue, render
from cpproxy.core.replay.index import Line
from cpproxy.core.replay.loading import Library, as_request
from cpproxy.core.replay.remedies import Remedy, write
from cpproxy.core.replay.search import Asking, Search
from cpproxy.core.replay.treatment import find_remedy, treat_spent
from cpproxy.core.replay.worlds import Entry, Once

_EXAMINED = 64
_SHOWN = 3
_LONGEST = 120
_WEIGHTS = {"method": 8, "path": 6, "body": 3}
_OTHER_WEIGHT = 1
_SHOWN_BINDINGS = 20
_LISTED = 20  # differences from one interaction
_SPELT = 6  # of them in a sentence
_SHORTEST_SECRET = 4
_IF = {
    "ignore": "if that is of no account",
    "identities": "if that names a thing",
    "kind": "if it changes nothing",
    "repeat": "if it changes nothing that is asked for later",
}
"""What is to be true before a line is written into the config."""
_PLACEHOLDER = re.compile(r"\{\{cpproxy:[^:{}]+:\d+\}\}")
_WORD = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Near:
    """A recorded interaction and the parts in which a call differs from it; `distance` is the sum of their weights.

    `because` is what keeps the call from it even where no part differs, or nothing.
    """

    cassette: str
    interaction: str
    method: str
    path: str
    differences: tuple[Difference, ...]
    because: str = ""

    @property
    def distance(self) -> int:
        """How unlike it is."""
        return sum(_weigh(difference) for difference in self.differences)


@dataclass(frozen=True, slots=True)
class Miss:
    """A call that no interaction answers, and those that come nearest to it, nearest first.

    `bindings` are the recorded values in force and the live ones that stand for them, those of the nearest first;
    `left_out` the places of the call that did not count, each with the reason; `used_up` the interactions that would
    have answered once more; `remedy` is the line of config that would make the nearest match, `toml` the same to paste.
    """

    method: str
    path: str
    nearest: tuple[Near, ...]
    bindings: tuple[tuple[str, str], ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    used_up: tuple[tuple[str, str], ...] = ()
    remedy: Remedy | None = None
    toml: str = ""

    def sentence(self) -> str:
        """The miss in one sentence, for a client's own log line."""
        call = f"{self.method} {self.path}"
        if not self.nearest:
            return f"no recorded interaction answers {call}: nothing is recorded"
        near = self.nearest[0]
        more = len(near.differences) - _SPELT
        rest = [f"and {more} more" if more > 0 else "", near.because]
        parts = "; ".join([*map(_spell, near.differences[:_SPELT]), *filter(None, rest)])
        nearest = f"{near.interaction} of cassette {near.cassette}"
        return f"no recorded interaction answers {call}; nearest is {nearest}: {parts}{self.advise()}"

    def advise(self) -> str:
        """What of the config would make it match, as the end of a sentence; empty where nothing would."""
        return f"; {_IF[self.remedy.key]}, {self.remedy.spell()} makes it match" if self.remedy else ""

    def details(self) -> dict[str, Any]:
        """The miss as JSON: the nearest interactions with each difference as place, expected and found."""
        details: dict[str, Any] = {"nearest": [_detail(near) for near in self.nearest]}
        if self.used_up:
            last = self.used_up[-_LISTED:]
            details["used_up"] = [{"cassette": cassette, "interaction": one} for cassette, one in last]
            details["times"] = len(self.used_up)
        if self.bindings:
            details["bindings"] = dict(self.bindings)
        if self.left_out:
            details["left_out"] = dict(self.left_out)
        if self.toml:
            details["advice"] = self.toml
        return details


def _detail(near: Near) -> dict[str, Any]:
    detail: dict[str, Any] = {
        "cassette": near.cassette,
        "interaction": near.interaction,
        "method": near.method,
        "path": near.path,
        "distance": near.distance,
        "differences": [
            {
                "where": printable(difference.where),
                "expected": _shorten(difference.expected),
                "found": _shorten(difference.found),
                "weight": _weigh(difference),
            }
            for difference in near.differences[:_LISTED]
        ],
    }
    if len(near.differences) > _LISTED:
        detail["more_differences"] = len(near.differences) - _LISTED
    return detail | {"because": near.because} if near.because else detail


def _weigh(difference: Difference) -> int:
    return _WEIGHTS.get(difference.where, _OTHER_WEIGHT)


def explain(asking: Asking, found: Search, library: Library, why: str = "") -> Miss:
    """The report on a call that missed; `why` is what kept it from what differs in nothing, where that is known."""
    form, bindings = asking.form, asking.session.bindings
    secrets = tuple(value for _, value in asking.sent.values if len(value) >= _SHORTEST_SECRET)
    kept = _find_reasons(asking, found)
    near: list[tuple[Near, Line]] = []
    for line in islice(_neighbours(asking, found, library), _EXAMINED):
        entry = line.entries[0]
        request = as_request(entry.interaction(), line.world.upstream)
        route = library.routes.find(request.method, request.path, request)
        recorded = normalise(request, route)
        compared = () if route is None else route.compare
        expected = _expect(recorded, form, bindings, library.catalogue)
        differences = [_hide(one, secrets) for one in compare(expected, form, compared)]
        if line.accept is not None and line.accept != asking.accept:
            differences.append(Difference("header:accept", line.accept or None, asking.accept or None))
        because = kept.get(line) or _keep_away(line, asking) or ("" if differences else why)
        because = _hide_values(because, secrets)
        near.append(
            (Near(line.world.name, entry.id, recorded.method, recorded.path, tuple(differences), because), line)
        )
    near.sort(key=lambda one: (one[0].distance, bool(one[0].because)))
    remedy = treat_spent(found.spent, library) if found.spent else None
    if remedy is None and near and not near[0][0].because:
        remedy = find_remedy(near[0][1], near[0][0].differences, asking, library, _find_rivals(near))
    nearest = near[:_SHOWN]
    return Miss(
        form.method,
        form.path,
        tuple(one for one, _ in nearest),
        _list_bindings([line for _, line in nearest], bindings),
        tuple(_list_left_out(asking, library)),
        tuple((entry.cassette, entry.id) for line in found.spent for entry in line.entries),
        remedy,
        write([remedy], tuple(one.settings for one in library.routes.routes), library.settings) if remedy else "",
    )


def _find_rivals(near: list[tuple[Near, Line]]) -> list[Line]:
    """The lines that would match as the nearest would, were its differences left out."""
    left_out = {one.where for one in near[0][0].differences}
    return [line for one, line in near if {difference.where for difference in one.differences} <= left_out]


def _neighbours(asking: Asking, found: Search, library: Library) -> Iterator[Line]:
    """Recorded requests worth comparing with: those that fit and were kept away, then the likeliest by their paths."""
    fitting = dict.fromkeys([*found.spent, *(line for line, _ in found.contradictions), *found.lacking])
    yield from fitting
    form = asking.form
    every = dict.fromkeys(entry.line for world in library.worlds.values() for entry in world.entries)
    lines = [line for line in every if line is not None and line not in fitting]
    lines.sort(key=lambda line: (*_unlike_head(line.entries[0], form), line.world.name != asking.scenario))
    yield from lines


def _unlike_head(entry: Entry, form: Form) -> tuple[int, bool]:
    return _unlike(entry.path, form.path), entry.method != form.method


def _unlike(recorded: str, live: str) -> int:
    """How many segments of two paths differ."""
    ours, theirs = recorded.split("/"), live.split("/")
    return 2 * abs(len(ours) - len(theirs)) + sum(a != b for a, b in zip(ours, theirs, strict=False))


def _find_reasons(asking: Asking, found: Search) -> dict[Line, str]:
    """What the search said of the lines that fit."""
    kept: dict[Line, str] = {}
    for line, contradiction in found.contradictions:
        kept[line] = f"{contradiction.value} {contradiction.why}"
    for line in found.lacking:
        kept[line] = _spell_lacking(line, asking)
    for line in found.spent:
        kept[line] = _spell_spent(line)
    return kept


def _keep_away(line: Line, asking: Asking) -> str:
    """What keeps a call from a line, whatever it asks; nothing where it may get it."""
    if not asking.session.plays(line.world.name):
        return f"this session does not play cassette {line.world.name}"
    if not line.choose(asking.sent.present):
        return _spell_lacking(line, asking)
    if line.entries[0].once is Once.USED_UP and all(entry in asking.session.taken for entry in line.entries):
        return _spell_spent(line)
    return ""


def _spell_lacking(line: Line, asking: Asking) -> str:
    lacking = min((entry.credentials - asking.sent.present for entry in line.entries), key=len)
    if not lacking:
        return "it was denied, and the call has credentials"
    return f"the call lacks {', '.join(sorted(map(spell, lacking)))}"


def _spell_spent(line: Line) -> str:
    count = len(line.entries)
    return f"it is used up (recorded {'once' if count == 1 else f'{count} times'})"


def _list_bindings(lines: list[Line], bindings: Bindings) -> tuple[tuple[str, str], ...]:
    """What is bound, that of the nearest first."""
    asked = [identity for line in lines for identity in sorted(line.entries[0].asked) if identity in bindings.live]
    named = {one.removeprefix(NUMBER): bindings.live[one].removeprefix(NUMBER) for one in (*asked, *bindings.live)}
    return tuple(islice(named.items(), _SHOWN_BINDINGS))


def _list_left_out(asking: Asking, library: Library) -> Iterator[tuple[str, str]]:
    """The places of a call that did not count."""
    for place in _places(asking.form):
        if place in library.left_out:
            yield place, library.left_out[place]
    for place in () if asking.route is None else asking.route.settings.ignore:
        yield place, "ignored by the config"


def _places(form: Form) -> Iterator[str]:
    yield from (f"query:{name}" for name, _ in form.query)
    if form.body.kind == "form":
        yield from (f"form:{name}" for name, _ in form.body.value)
    elif form.body.kind == "json":
        yield from _json_places("$", form.body.value)


def _json_places(path: str, value: Any) -> Iterator[str]:  # noqa: ANN401 (JSON)
    match value:
        case dict():
            for name, member in value.items():
                yield from _json_places(jsonpath.child(path, name), member)
        case list():
            for at, element in enumerate(value):
                yield from _json_places(jsonpath.child(path, at), element)
        case _:
            yield path


def _hide(difference: Difference, secrets: tuple[str, ...]) -> Difference:
    """The difference without what its place names as secret, and without the values of the call's credentials."""
    where = difference.where
    expected, found = (_hide_text(where, text, secrets) for text in (difference.expected, difference.found))
    return Difference(where, expected, found)


def _hide_text(where: str, text: str | None, secrets: tuple[str, ...]) -> str | None:
    if text is None:
        return None
    if any(map(redaction.names_secret, _WORD.findall(where))):
        return redaction.MASK
    if where == "body" or text[:1] in {"{", "["}:
        text = _hide_body(text)
    return _hide_values(text, secrets)


def _hide_body(text: str) -> str:
    """A body, or a part of one, without its secrets."""
    try:
        return bytes(redaction.mask_document(msgspec.json.decode(text))).decode()
    except (msgspec.DecodeError, RecursionError):
        names = any(map(redaction.names_secret, _WORD.findall(text)))
        return f"a text of {len(text)} characters" if names else text


def _hide_values(text: str, secrets: tuple[str, ...]) -> str:
    for secret in secrets:
        text = text.replace(secret, redaction.MASK)
    return text


def _expect(recorded: Form, live: Form, bindings: Bindings, catalogue: Catalogue) -> Form:
    """The recorded request as it would stand in this session, what is still free as the call has it."""

    def adapt(text: str, found: object) -> str:
        return _adapt(text, found if isinstance(found, str) else None, bindings, catalogue)

    ours, theirs = recorded.path.split("/"), live.path.split("/")
    path = recorded.path
    if len(ours) == len(theirs):
        path = "/".join(adapt(one, other) for one, other in zip(ours, theirs, strict=True))
    body = recorded.body
    match body.kind:
        case "form":
            body = Body("form", _adapt_pairs(body.value, live.body.value if live.body.kind == "form" else (), adapt))
        case "json":
            body = Body("json", _adapt_json(body.value, live.body.value if live.body.kind == "json" else None, adapt))
        case _:
            pass
    headers = tuple(
        tuple(
            adapt(one.decode("latin-1"), values[at].decode("latin-1") if at < len(values) else None).encode("latin-1")
            for at, one in enumerate(wanted)
        )
        for wanted, values in zip(recorded.headers, live.headers or ((),) * len(recorded.headers), strict=False)
    )
    return msgspec.structs.replace(
        recorded, path=path, query=_adapt_pairs(recorded.query, live.query, adapt), body=body, headers=headers
    )


def _adapt_pairs(pairs: Any, live: Any, adapt: Any) -> tuple[tuple[str, str], ...]:  # noqa: ANN401 (pairs, a function)
    known = dict(live)
    return tuple((name, adapt(value, known.get(name))) for name, value in pairs)


def _adapt_json(value: Any, live: Any, adapt: Any) -> Any:  # noqa: ANN401 (JSON, a function)
    match value:
        case str():
            return adapt(value, live)
        case dict():
            known = live if isinstance(live, dict) else {}
            return {name: _adapt_json(member, known.get(name), adapt) for name, member in value.items()}
        case list():
            elements = live if isinstance(live, list) else []
            return [
                _adapt_json(one, elements[at] if at < len(elements) else None, adapt) for at, one in enumerate(value)
            ]
        case _:
            return value


def _adapt(text: str, live: str | None, bindings: Bindings, catalogue: Catalogue) -> str:
    found = [(one.start, one.end, bindings.live.get(one.identity), one.form) for one in catalogue.find(text)]
    found += [(one.start(), one.end(), None, "") for one in _PLACEHOLDER.finditer(text)]
    if not found:
        return text
    found.sort(key=lambda one: one[0])
    shown, pattern, end = "", "", 0
    for start, stop, value, form in found:
        between = text[end:start]
        spelt = text[start:stop] if value is None else render(value, form)
        shown += between + spelt
        pattern += re.escape(between) + ("(.+?)" if value is None else re.escape(spelt))
        end = stop
    shown += text[end:]
    if live is not None and re.fullmatch(pattern + re.escape(text[end:]), live, re.DOTALL):
        return live
    return shown


def _spell(difference: Difference) -> str:
    where, expected, found = printable(difference.where), _shorten(difference.expected), _shorten(difference.found)
    match expected, found:
        case None, _:
            return f"{where} is {found}, recorded without it"
        case _, None:
            return f"{where} is missing, recorded as {expected}"
        case _:
            return f"{where} is {found}, recorded as {expected}"


def _shorten(text: str | None) -> str | None:
    """The text short enough for a line, its undecodable bytes percent-encoded."""
    if text is None:
        return None
    return printable(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…")
