"""Why no interaction answers a call: the nearest ones, and every part in which they differ from it.

The distance orders this report. It never chooses an answer. What is bound is compared as it is bound, so that a new id
in the place of a recorded one is no difference.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from cpproxy.core.bindings import Bindings, Contradiction
from cpproxy.core.identities import Catalogue, render
from cpproxy.core.matching import Body, Difference, Form, compare
from cpproxy.core.messages import printable
from cpproxy.core.worlds import Entry

if TYPE_CHECKING:
    from cpproxy.core.index import Line
    from cpproxy.core.loading import Library

_EXAMINED = 64
_SHOWN = 3
_LONGEST = 120
_WEIGHTS = {"method": 8, "path": 6, "body": 3}
_OTHER_WEIGHT = 1
_SHOWN_BINDINGS = 20
_PLACEHOLDER = re.compile(r"\{\{cpproxy:[^:{}]+:\d+\}\}")


@dataclass(frozen=True, slots=True)
class Near:
    """A recorded interaction and the parts in which a call differs from it; `distance` is the sum of their weights.

    `contradiction` is what keeps them apart where no part differs.
    """

    cassette: str
    interaction: str
    method: str
    path: str
    differences: tuple[Difference, ...]
    distance: int
    contradiction: str = ""


@dataclass(frozen=True, slots=True)
class Miss:
    """A call that no interaction answers, and those that come nearest to it, nearest first.

    `bindings` are the recorded values of those and the live ones that stand for them; `left_out` the places that did
    not count, each with the reason; `advice` is the line of config that would make the nearest match, or nothing.
    """

    method: str
    path: str
    nearest: tuple[Near, ...]
    bindings: tuple[tuple[str, str], ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    advice: str = ""

    def sentence(self) -> str:
        """The miss in one sentence, for a client's own log line."""
        call = f"{self.method} {self.path}"
        if not self.nearest:
            return f"no recorded interaction answers {call}: nothing is recorded"
        near = self.nearest[0]
        parts = "; ".join([*map(_spell, near.differences), *filter(None, [near.contradiction])])
        nearest = f"{near.interaction} of cassette {near.cassette}"
        return f"no recorded interaction answers {call}; nearest is {nearest}: {parts}"

    def details(self) -> dict[str, Any]:
        """The miss as JSON: the nearest interactions with each difference as place, expected and found."""
        details: dict[str, Any] = {
            "nearest": [
                {
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
                        }
                        for difference in near.differences
                    ],
                    **({"contradiction": near.contradiction} if near.contradiction else {}),
                }
                for near in self.nearest
            ],
        }
        if self.bindings:
            details["bindings"] = dict(self.bindings)
        if self.left_out:
            details["left_out"] = dict(self.left_out)
        if self.advice:
            details["advice"] = self.advice
        return details


def explain(
    form: Form,
    compared: tuple[bytes, ...],
    neighbours: Iterable[tuple[Entry, Form]],
    bindings: Bindings,
    library: "Library",
    *,
    against: "Sequence[tuple[Line, Contradiction]]" = (),
) -> Miss:
    """The report on a call that missed; `neighbours` are entries with their forms, the likeliest first."""
    catalogue = library.catalogue
    known = {line.entries[0]: found for line, found in against}
    near = []
    named: dict[str, str] = {}
    for entry, recorded in islice(neighbours, _EXAMINED):
        found = known.get(entry)
        differences = compare(_expect(recorded, form, bindings, catalogue), form, compared)
        distance = sum(_WEIGHTS.get(difference.where, _OTHER_WEIGHT) for difference in differences)
        why = f"{found.value} {found.why}" if found else ""
        near.append(Near(entry.cassette, entry.id, recorded.method, recorded.path, differences, distance, why))
        named.update({one: bindings.live[one] for one in sorted(entry.asked) if one in bindings.live})
    near.sort(key=lambda one: (one.distance, not one.contradiction))
    nearest = tuple(near[:_SHOWN])
    return Miss(
        form.method,
        form.path,
        nearest,
        tuple(islice(named.items(), _SHOWN_BINDINGS)),
        tuple(library.left_out.items()),
        _advise(nearest[0]) if nearest else "",
    )


def _advise(near: Near) -> str:
    """The line of config that leaves out what differs, where that is all in places that may be left out."""
    places = [difference.where for difference in near.differences]
    if not places or near.method == "" or not all(place.startswith(("$.", "query:", "form:")) for place in places):
        return ""
    listed = ", ".join(f'"{place}"' for place in places)
    return f'[[routes]] match = "{near.method} {near.path}", ignore = [{listed}]'


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
