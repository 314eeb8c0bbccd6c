"""Recorded requests as templates: where identities, secrets and volatile values stand there are slots.

A live call finds its templates by key, never by a scan: for each shape of slots that requests of its outline have, the
values at those places are cut out, and what is left is looked up. Values are found by position in the template, never
by what they look like (rule 5).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from cpproxy.core.matching import Body, Form, encode_json
from cpproxy.core.redaction.markers import MARKER, PLACEHOLDER
from cpproxy.core.replay.identities import AS_IS, Catalogue, Identity, names_id

_GAP = re.compile(r"[^\s/\"'<>]+")
_FEW, _SHORT, _READINGS = 5, 512, 16  # pieces and characters of a value that is read in several ways, and how many
_BLANK = "\0"
_NAMES = object()
"""Leads in a shape's tree to the names that are no gaps, and to the gaps that are names."""

type Place = tuple[Any, ...]
"""`("path", n)`, `("query", n)`, `("form", n)`, `("header", n, m)`, `("body",)`, `("json", *steps)`;
`("name", *steps, literal)` is a member's name, `("parameter", kind, n, literal)` that of the pair at `("query", n)` or
`("form", n)`; `literal` holds the names beside it that are none. A pair's names come before the values."""

type Pairs = Sequence[tuple[str, str]]
"""The names and values of a query or a form."""


type Leaf = tuple[Place, Any]
"""A text or a number of a request, with its place."""


class Slot(NamedTuple):
    """What stands in a gap of a template: an identity in one of its forms, or a secret's placeholder."""

    identity: Identity
    form: str
    secret: bool


class Pattern(NamedTuple):
    """The text around the gaps of a value: one piece more than gaps. `number` is a JSON number.

    `secrets` are the gaps, by their place, in which any text may stand; in the others there are no spaces and signs.
    """

    pieces: tuple[str, ...]
    number: bool = False
    secrets: tuple[int, ...] = ()

    @classmethod
    def around(cls, text: str, gaps: Sequence[tuple[int, int]], secrets: tuple[int, ...] = ()) -> "Pattern":
        """What of a text stands around these gaps."""
        ends = [0, *(end for _, end in gaps)]
        starts = [*(start for start, _ in gaps), len(text)]
        pieces = tuple(text[end:start] for end, start in zip(ends, starts, strict=True))
        return cls(pieces, secrets=secrets)

    def read(self, value: Any) -> tuple[tuple[str, ...], ...]:  # noqa: ANN401 (JSON)
        """What may stand in the gaps of a value; nothing where the text around one of them is not there."""
        pieces = self.pieces
        if self.number:
            return ((str(value),),) if isinstance(value, int) and not isinstance(value, bool) else ()
        if not isinstance(value, str) or not value:
            return ()
        if pieces == ("", ""):
            return ((value,),)
        match = _compile(pieces, self.secrets).fullmatch(value)
        if match is None:
            return ()
        if (
            not self.secrets
            and 2 < len(pieces) <= _FEW
            and len(value) <= _SHORT
            and any(value.count(one) > 1 for one in pieces[1:-1])
        ):
            return tuple(islice(_split(value[len(pieces[0]) : len(value) - len(pieces[-1])], pieces[1:-1]), _READINGS))
        return (match.groups(),)


_WHOLE = Pattern(("", ""))
VOLATILE = Pattern(())
"""Stands where any value fits, and none is of interest."""


@dataclass(frozen=True, slots=True)
class Template:
    """One recorded request: what is fixed, as shape and key, and its slots in the order of the shape's gaps."""

    shape: "Shape"
    key: object
    slots: tuple[Slot, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """The places of a request that are gaps, each with the text around them."""

    gaps: tuple[tuple[Place, Pattern], ...]
    tree: dict[Any, Any] = field(compare=False, hash=False, repr=False)

    @property
    def names_query(self) -> bool:
        """Whether a name in the query is a gap."""
        return any(place[:2] == ("parameter", "query") for place, _ in self.gaps)

    def cut(self, form: Form) -> tuple[object, list[tuple[str, ...]]] | None:
        """What of a request is left without the gaps, as a key, and the values in the gaps; None where it has none.

        Where two gaps of one value can be told apart in more than one way, the values are each of them.
        """
        if not self.gaps:
            return form.key(), [()]
        found: list[Any] = [None] * len(self.gaps)
        key = self._cut(form, found)
        values = [] if key is None else _read(self.gaps, found)
        return (key, values) if values else None

    def find(self, form: Form) -> list[Any] | None:
        """What a request holds in each gap, with the text around it; None where it has not all of them."""
        found: list[Any] = [None] * len(self.gaps)
        return None if self._cut(form, found) is None else found

    def _cut(self, form: Form, found: list[Any]) -> object | None:
        """What is left of a request without the gaps, whose values come into `found`."""
        try:
            path, query, headers = _cut_head(form, self.gaps, found)
            left = _cut_body(form.body, self.gaps, self.tree, found)
        except (IndexError, _UnlikeError):
            return None
        return (form.method, path, query, form.body.kind, left, headers, form.conditional)


def _cut_head(
    form: Form, gaps: tuple[tuple[Place, Pattern], ...], found: list[Any]
) -> tuple[str, tuple[tuple[str, str], ...], tuple[tuple[bytes, ...], ...]]:
    """Path, query and headers without the gaps, whose values come into `found`."""
    path, query, headers = None, None, None
    for number, (place, _) in enumerate(gaps):
        match place:
            case ("path", int(at)):
                path = form.path.split("/") if path is None else path
                found[number], path[at] = path[at], _BLANK
            case ("parameter", "query", *_) if query is None:
                query = _cut_names("query", form.query, gaps, found)
            case ("query", int(at)):
                query = list(form.query) if query is None else query
                found[number], query[at] = query[at][1], (query[at][0], _BLANK)
            case ("header", int(at), int(nth)):
                headers = [list(values) for values in form.headers] if headers is None else headers
                found[number], headers[at][nth] = headers[at][nth].decode("latin-1"), b"\0"
            case _:
                pass
    return (
        form.path if path is None else "/".join(path),
        form.query if query is None else tuple(query),
        form.headers if headers is None else tuple(map(tuple, headers)),
    )


def _cut_names(
    kind: str, pairs: Pairs, gaps: Iterable[tuple[Place, Pattern]], found: list[Any]
) -> list[tuple[str, str]]:
    """The pairs in their recorded order, without the names that are gaps, which come into `found`."""
    places = {
        place[2]: (number, place[3]) for number, (place, _) in enumerate(gaps) if place[:2] == ("parameter", kind)
    }
    _, literal = next(iter(places.values()))
    named = iter([pair for pair in pairs if pair[0] in literal])
    others = iter([pair for pair in pairs if pair[0] not in literal])
    cut: list[tuple[str, str]] = []
    for at in range(len(pairs)):
        name, value = next(others if at in places else named, (None, ""))
        if name is None:
            raise _UnlikeError
        if at in places:
            found[places[at][0]], name = name, _BLANK
        cut.append((name, value))
    return cut


def _cut_body(body: Body, gaps: tuple[tuple[Place, Pattern], ...], tree: dict[Any, Any], found: list[Any]) -> object:
    """The body without the gaps, as a key."""
    if tree:
        if body.kind != "json":
            raise _UnlikeError
        return encode_json(_cut_json(body.value, tree, found))
    fields = None
    for number, (place, _) in enumerate(gaps):
        if place[:2] == ("parameter", "form") and fields is None:
            if body.kind != "form":
                raise _UnlikeError
            fields = _cut_names("form", body.value, gaps, found)
        elif place[0] == "form":
            if body.kind != "form":
                raise _UnlikeError
            fields = list(body.value) if fields is None else fields
            at = place[1]
            found[number], fields[at] = fields[at][1], (fields[at][0], _BLANK)
        elif place[0] == "body":
            if body.kind not in {"bytes", "multipart"}:
                raise _UnlikeError
            found[number] = body.value.decode("utf-8", "replace")
            return None
    return body.key() if fields is None else tuple(fields)


@lru_cache(maxsize=4096)
def _shape(gaps: tuple[tuple[Place, Pattern], ...]) -> Shape:
    """The one shape of these gaps."""
    tree: dict[Any, Any] = {}
    for number, (place, _) in enumerate(gaps):
        if place[0] == "json":
            _plant(tree, place[1:], number)
        elif place[0] == "name":
            _plant_name(tree, place[1:], number)
    return Shape(gaps, tree)


class _UnlikeError(Exception):
    """A body that has nothing where a gap is to be."""


def _plant(tree: dict[Any, Any], steps: tuple[Any, ...], leaf: int) -> None:
    for step in steps[:-1]:
        tree = tree.setdefault(step, {})
    tree[steps[-1]] = leaf


def _plant_name(tree: dict[Any, Any], steps: tuple[Any, ...], leaf: int) -> None:
    *way, literal = steps
    for step in way:
        tree = tree.setdefault(step, {})
    tree.setdefault(_NAMES, (literal, []))[1].append(leaf)


def _cut_json(value: Any, tree: dict[Any, Any], found: list[Any]) -> Any:  # noqa: ANN401 (JSON)
    copy: Any
    if isinstance(value, dict):
        copy = dict(value)
        if _NAMES in tree:
            literal, gaps = tree[_NAMES]
            copy = _rename(copy, literal, gaps, found)
    elif isinstance(value, list):
        copy = list(value)
    else:
        raise _UnlikeError
    for step, branch in tree.items():
        if step is _NAMES:
            continue
        try:
            member = copy[step]
        except (KeyError, IndexError, TypeError):
            raise _UnlikeError from None
        if isinstance(branch, int):
            found[branch] = member
            copy[step] = _BLANK
        else:
            copy[step] = _cut_json(member, branch, found)
    return copy


def _rename(value: dict[str, Any], literal: frozenset[str], leaves: list[int], found: list[Any]) -> dict[str, Any]:
    """An object in which the members that the template names by identities have numbers for names."""
    unknown = [name for name in value if name not in literal]
    if len(unknown) != len(leaves):
        raise _UnlikeError
    names = {}
    for number, (name, leaf) in enumerate(zip(unknown, leaves, strict=True)):
        names[name] = f"{_BLANK}{number}"
        found[leaf] = name
    return {names.get(name, name): member for name, member in value.items()}


def _read(gaps: tuple[tuple[Place, Pattern], ...], found: list[Any]) -> list[tuple[str, ...]]:
    """The values of all gaps, in order, in each way; none where the text around one of them is not there."""
    values: list[tuple[str, ...]] = [()]
    for (_, pattern), value in zip(gaps, found, strict=True):
        if not pattern.pieces:
            continue
        read = pattern.read(value)
        if not read:
            return []
        values = [(*before, *one) for before in values for one in read][:_READINGS]
    return values


def _split(text: str, between: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """What stands between these pieces, in every way; that with the shortest values first."""
    if not between:
        if _GAP.fullmatch(text):
            yield (text,)
        return
    at = text.find(between[0], 1)
    while at > 0 and _GAP.fullmatch(text, 0, at):
        for rest in _split(text[at + len(between[0]) :], between[1:]):
            yield (text[:at], *rest)
        at = text.find(between[0], at + 1)


_COMPILED: dict[tuple[tuple[str, ...], tuple[int, ...]], re.Pattern[str]] = {}


def _compile(pieces: tuple[str, ...], secrets: tuple[int, ...]) -> re.Pattern[str]:
    pattern = _COMPILED.get((pieces, secrets))
    if pattern is None:
        text = re.escape(pieces[0])
        for gap, piece in enumerate(pieces[1:]):
            text += f"({'.+' if gap in secrets else _GAP.pattern}?){re.escape(piece)}"
        pattern = _COMPILED[pieces, secrets] = re.compile(text, re.DOTALL)
    return pattern


FIXED = _shape(())
"""The shape of a request that has no gaps."""


def make_template(form: Form, values: Iterable[Leaf], catalogue: Catalogue, volatile: AbstractSet[Place]) -> Template:
    """The template of a recorded request with these `leaves`; those at places in `volatile` are left out (rule 10)."""
    gaps: list[tuple[Place, Pattern]] = []
    slots: list[Slot] = []
    for place, value in values:
        if volatile and place in volatile:
            gaps.append((place, VOLATILE))
            continue
        pattern = _read_slots(place, value, form, catalogue, slots)
        if pattern is not None:
            gaps.append((place, pattern))
    shape = _shape(tuple(gaps))
    cut = shape.cut(form)
    if cut is None:
        raise AssertionError(f"a template does not fit its own request: {form.method} {form.path}")
    return Template(shape, cut[0], tuple(slots))


def _read_slots(place: Place, value: Any, form: Form, catalogue: Catalogue, slots: list[Slot]) -> Pattern | None:  # noqa: ANN401 (JSON)
    if isinstance(value, int):
        number = catalogue.number(str(value)) if _is_id_place(place, form) else None
        if number is None:
            return None
        slots.append(Slot(number, AS_IS, secret=False))
        return Pattern(("", ""), number=True)
    if value.isdigit() and _is_id_place(place, form) and (number := catalogue.number(value)):
        slots.append(Slot(number, AS_IS, secret=False))
        return Pattern(("", ""))
    found = [(one.start, one.end, Slot(one.identity, one.form, secret=False)) for one in catalogue.find(value)]
    if MARKER in value:
        secrets = [(m.start(), m.end(), Slot(m.group(), AS_IS, secret=True)) for m in PLACEHOLDER.finditer(value)]
        found = [one for one in found if not any(start <= one[0] < end for start, end, _ in secrets)] + secrets
        found.sort(key=lambda one: one[0])
    if not found:
        return None
    slots += [slot for _, _, slot in found]
    if found[0][1] - found[0][0] == len(value):  # as nearly all are
        return _WHOLE
    open_gaps = tuple(at for at, (_, _, slot) in enumerate(found) if slot.secret)
    return Pattern.around(value, [(start, end) for start, end, _ in found], open_gaps)


def _is_id_place(place: Place, form: Form) -> bool:
    match place:
        case ("path", _):
            return True
        case ("query", int(at)):
            return names_id(form.query[at][0])
        case ("form", int(at)):
            return names_id(form.body.value[at][0])
        case ("json", *_, str(name)):
            return names_id(name)
        case ("json", *_, str(name), int()):
            return names_id(name.removesuffix("s"))
        case _:
            return False


def leaves(form: Form, catalogue: Catalogue) -> list[Leaf]:
    """Each text or number of a request that may hold an identity, with its place; members' names where they do."""
    found: list[Leaf] = []
    for at, segment in enumerate(form.path.split("/")):
        if catalogue.may_stand_in(segment):
            found.append((("path", at), segment))
    found += _collect_names("query", form.query)
    for at, (_, value) in enumerate(form.query):
        if catalogue.may_stand_in(value):
            found.append((("query", at), value))
    for at, values in enumerate(form.headers):
        for nth, raw in enumerate(values):
            found.append((("header", at, nth), raw.decode("latin-1")))
    _collect_body_leaves(form.body, catalogue, found)
    return found


def _collect_names(kind: str, pairs: Pairs) -> list[Leaf]:
    """The names of a query or a form in which placeholders stand: what has a value of its own, or is all there is."""
    if not any(MARKER in name for name, _ in pairs):
        return []
    literal = frozenset(name for name, _ in pairs if MARKER not in name)
    return [(("parameter", kind, at, literal), name) for at, (name, _) in enumerate(pairs) if name not in literal]


def _collect_body_leaves(body: Body, catalogue: Catalogue, found: list[Leaf]) -> None:
    match body.kind:
        case "form":
            found += _collect_names("form", body.value)
            found += [(("form", at), value) for at, (_, value) in enumerate(body.value)]
        case "json":
            _collect_leaves(body.value, ("json",), catalogue, found)
        case "bytes" | "multipart":
            text = _decode(body.value)
            if text is not None:
                found.append((("body",), text))
        case _:
            pass


def _decode(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _collect_leaves(value: Any, place: Place, catalogue: Catalogue, found: list[Leaf]) -> None:  # noqa: ANN401 (JSON)
    members: Iterable[tuple[Any, Any]]
    match value:
        case dict():
            made = [name for name in value if len(name) > 5 and (MARKER in name or catalogue.find(name))]
            if made:
                literal = frozenset(value).difference(made)
                numbers = {name: f"{_BLANK}{number}" for number, name in enumerate(made)}  # as `Shape.cut` calls them
                found += ((("name", *place[1:], literal), name) for name in made)
                members = [(numbers.get(name, name), member) for name, member in value.items()]
            else:
                members = value.items()
        case list():
            members = enumerate(value)
        case _:
            return
    for step, member in members:
        match member:
            case str():
                if catalogue.may_stand_in(member):
                    found.append(((*place, step), member))
            case bool():
                pass
            case int():
                found.append(((*place, step), member))
            case dict() | list():
                _collect_leaves(member, (*place, step), catalogue, found)
            case _:
                pass
