"""Why no interaction answers a call: the nearest ones, every part in which they differ from it, and what would mend it.

The distance orders this report. It never chooses an answer. What is bound is compared as it is bound, so that a new id
in the place of a recorded one is no difference. What is told goes through the redactor before it leaves.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import msgspec

from cpproxy.core import jsonpath
from cpproxy.core.matching import ANY_BODY, Body, Difference, Form, compare, normalise
from cpproxy.core.messages import printable
from cpproxy.core.redaction.redactor import Redactor
from cpproxy.core.replay.bindings import Bindings, Contradiction
from cpproxy.core.replay.credentials import spell as spell_credential
from cpproxy.core.replay.expectation import expect
from cpproxy.core.replay.identities import NUMBER, Catalogue
from cpproxy.core.replay.index import Bucket, Line
from cpproxy.core.replay.loading import Library, as_request, spell
from cpproxy.core.replay.remedies import Remedy, write
from cpproxy.core.replay.search import Asking, Search, find_conjured
from cpproxy.core.replay.templates import VOLATILE
from cpproxy.core.replay.tokens import has_digit
from cpproxy.core.replay.treatment import Treatment, find_treatment, treat_spent
from cpproxy.core.replay.worlds import Entry, Once
from cpproxy.core.wording import be

_EXAMINED = 64
_SHOWN = 3
_LONGEST = 120
_WEIGHTS = {"method": 8, "body": 3}
_SEGMENT = 6  # of a path
_THING = 2  # a segment that names one
_OTHER_WEIGHT = 1
_SHOWN_BINDINGS = 20
_LISTED = 20  # differences from one interaction
_SPELT = 6  # of them in a sentence
_IF = {
    "ignore": "if that is of no account",
    "identities": "if that names a thing",
    "kind": "if it changes nothing",
    "repeat": "if it changes nothing that is asked for later",
}
"""What is to be true before a line is written into the config."""


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
    weights: tuple[int, ...]
    because: str = ""

    @property
    def distance(self) -> int:
        """How unlike it is."""
        return sum(self.weights)


@dataclass(frozen=True, slots=True)
class Miss:
    """A call that no interaction answers, and those that come nearest to it, nearest first.

    `bindings` are the recorded values in force and the live ones that stand for them, those of the nearest first;
    `left_out` the places of the call that did not count, each with the reason; `used_up` the interactions that would
    have answered once more; `treatment` is the line of config that makes the nearest match, `toml` the same to paste.
    """

    method: str
    path: str
    nearest: tuple[Near, ...]
    bindings: tuple[tuple[str, str], ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    used_up: tuple[tuple[str, str], ...] = ()
    treatment: Treatment | None = None
    toml: str = ""

    @property
    def remedy(self) -> Remedy | None:
        """The line of config, where there is one."""
        return self.treatment.remedy if self.treatment else None

    def sentence(self) -> str:
        """The miss in one sentence, for a client's own log line."""
        call = f"{self.method} {self.path}"
        if not self.nearest:
            return f"no recorded interaction answers {call}: nothing is recorded"
        near = self.nearest[0]
        more = len(near.differences) - _SPELT
        rest = [f"and {more} more" if more > 0 else "", near.because]
        parts = "; ".join([*map(_spell, near.differences[:_SPELT]), *filter(None, rest)])
        nearest = f"{near.interaction} of cassette {near.cassette}{': ' if parts else ''}{parts}"
        return f"no recorded interaction answers {call}; nearest is {nearest}{self.advise()}"

    def advise(self) -> str:
        """What of the config would make it match, as the end of a sentence; empty where nothing would."""
        if self.treatment is None:
            return ""
        remedy, after = self.treatment.remedy, self.treatment.after
        once = f" once {' and '.join(after)} {be(after)} played" if after else ""
        return f"; {_IF[remedy.key]}, {remedy.spell()} makes it match{once}"

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
                "weight": weight,
            }
            for difference, weight in islice(zip(near.differences, near.weights, strict=True), _LISTED)
        ],
    }
    if len(near.differences) > _LISTED:
        detail["more_differences"] = len(near.differences) - _LISTED
    return detail | {"because": near.because} if near.because else detail


@dataclass(frozen=True, slots=True)
class _Neighbour:
    """A line, how a call differs from it, with all that is secret, and what keeps the call from it.

    `fits` says that nothing but what is bound, spent or lacking does; `left_out` are the places that do not count.
    """

    line: Line
    recorded: Form
    differences: tuple[Difference, ...]
    weights: tuple[int, ...]
    because: str
    fits: bool
    left_out: frozenset[str]

    def rank(self) -> tuple[int, int]:
        """What is nearer goes first; of equals what the call fits, and last what it could never get."""
        return sum(self.weights), 0 if self.fits else 2 if self.because else 1

    def tell(self, redactor: Redactor) -> Near:
        """What is told of it, redacted before it is cut short: of a part of a secret nobody could tell what it is."""
        entry, recorded = self.line.entries[0], self.recorded
        differences = tuple(_hide(one, redactor) for one in self.differences)
        world = self.line.world.name
        return Near(world, entry.id, recorded.method, recorded.path, differences, self.weights, self.because)


def explain(asking: Asking, found: Search, library: Library, redactor: Redactor, why: str = "") -> Miss:
    """The report on a call that missed; `why` is what kept it from what differs in nothing, where that is known."""
    form, bindings = asking.form, asking.session.bindings
    hits = {hit.bucket: hit.values for body in (ANY_BODY, form.body) for hit in library.index.find(_with(form, body))}
    lines = islice(_neighbours(asking, found, library), _EXAMINED)
    near = sorted((_compare(line, hits, asking, library, why) for line in lines), key=_Neighbour.rank)
    treatment = treat_spent(found.spent, asking, library) if found.spent else None
    if treatment is None and near and not near[0].because:
        treatment = find_treatment(near[0].line, near[0].differences, asking, library, _find_rivals(near))
    nearest = near[:_SHOWN]
    return Miss(
        form.method,
        form.path,
        tuple(one.tell(redactor) for one in nearest),
        tuple(_list_bindings(nearest, bindings)),
        tuple(_list_left_out(asking, nearest, library)),
        tuple((entry.cassette, entry.id) for line in found.spent for entry in line.entries),
        treatment,
        _write(treatment.remedy, library) if treatment else "",
    )


def _hide(difference: Difference, redactor: Redactor) -> Difference:
    where = difference.where
    expected, found = (
        None if one is None else redactor.value(where, one) for one in (difference.expected, difference.found)
    )
    return Difference(where, expected, found)


def _with(form: Form, body: Body) -> Form:
    return msgspec.structs.replace(form, body=body)


def _write(remedy: Remedy, library: Library) -> str:
    return write([remedy], tuple(one.settings for one in library.routes.routes), library.settings)


def _compare(line: Line, hits: dict[Bucket, tuple[str, ...]], asking: Asking, library: Library, why: str) -> _Neighbour:
    """How a call differs from a line."""
    entry = line.entries[0]
    request = as_request(entry.interaction(), line.world.upstream)
    route = library.routes.find(request.method, request.path, request)
    recorded = normalise(request, route)
    expected = expect(recorded, asking.form, asking.session.bindings, library.catalogue)
    left_out = frozenset(spell(place, recorded) for place, text in line.bucket.shape.gaps if text is VOLATILE)
    differences = [
        one
        for one in compare(expected, asking.form, () if route is None else route.compare)
        if one.where not in left_out or one.expected is None or one.found is None
    ]
    if line.accept is not None and line.accept != asking.accept:
        differences.append(Difference("header:accept", line.accept or None, asking.accept or None))
    weights = tuple(_weigh(one, recorded, library.catalogue) for one in differences)
    because = _keep_away(line, hits.get(line.bucket), asking, library)
    fits = bool(because) and line.bucket in hits and asking.session.plays(line.world.name)
    because = because or ("" if differences else why)
    return _Neighbour(line, recorded, tuple(differences), weights, because, fits, left_out)


def _weigh(difference: Difference, recorded: Form, catalogue: Catalogue) -> int:
    """How much a difference counts; of a path each segment, one that names a thing less than another."""
    if difference.where != "path" or difference.expected is None or difference.found is None:
        return _WEIGHTS.get(difference.where, _OTHER_WEIGHT)
    ours, theirs = difference.expected.split("/"), difference.found.split("/")
    pairs = zip(recorded.path.split("/"), ours, theirs, strict=False)
    kinds = [bool(catalogue.find(text) or catalogue.number(text)) for text, one, other in pairs if one != other]
    return sum(_THING if named else _SEGMENT for named in kinds) + 2 * _SEGMENT * abs(len(ours) - len(theirs))


def _find_rivals(near: list[_Neighbour]) -> list[Line]:
    """The lines that would match as the nearest would, were its differences left out."""
    left_out = {one.where for one in near[0].differences}
    return [one.line for one in near if {difference.where for difference in one.differences} <= left_out]


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
    """How unlike two paths are, roughly: what has a digit is likely to name a thing."""
    ours, theirs = recorded.split("/"), live.split("/")
    pairs = zip(ours, theirs, strict=False)
    differing = sum((_THING if has_digit(a) else _SEGMENT) for a, b in pairs if a != b)
    return differing + 2 * _SEGMENT * abs(len(ours) - len(theirs))


def _keep_away(line: Line, values: tuple[str, ...] | None, asking: Asking, library: Library) -> str:
    """What keeps a call from a line, whatever it asks; nothing where it may get it.

    `values` are those of the call in the line's slots, None where it does not fit them.
    """
    session = asking.session
    if not session.plays(line.world.name):
        return f"this session does not play cassette {line.world.name}"
    entries = line.choose(asking.sent.present)
    if not entries:
        return _spell_lacking(line, asking)
    if line.entries[0].once is Once.USED_UP and all(entry in session.taken for entry in line.entries):
        return _spell_spent(line)
    if values is None:
        return ""
    added = session.bindings.unify(line.slots, values, library.catalogue, firm=line.entries[0].write)
    if isinstance(added, Contradiction):
        return f"{added.value} {added.why}"
    conjured = find_conjured(line, entries, added, session)
    return "" if conjured is None else f"it names what {conjured[0].id} makes, and nobody has played that write"


def _spell_lacking(line: Line, asking: Asking) -> str:
    lacking = min((entry.credentials - asking.sent.present for entry in line.entries), key=len)
    if not lacking:
        return "it was denied, and the call has credentials"
    return f"the call lacks {', '.join(sorted(map(spell_credential, lacking)))}"


def _spell_spent(line: Line) -> str:
    count = len(line.entries)
    return f"it is used up (recorded {'once' if count == 1 else f'{count} times'})"


def _list_bindings(near: list[_Neighbour], bindings: Bindings) -> Iterator[tuple[str, str]]:
    """What is bound, that of the nearest first."""
    asked = [one for near_ in near for one in sorted(near_.line.entries[0].asked) if one in bindings.live]
    named = {one.removeprefix(NUMBER): bindings.live[one].removeprefix(NUMBER) for one in (*asked, *bindings.live)}
    return islice(named.items(), _SHOWN_BINDINGS)


def _list_left_out(asking: Asking, near: list[_Neighbour], library: Library) -> Iterator[tuple[str, str]]:
    """The places of a call that did not count."""
    places = frozenset[str]().union(*(one.left_out for one in near))
    for place in _places(asking.form):
        if place in places:
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
