"""Recorded answers as documents in parts: a list is composed of elements that each have a time of their own.

Rule 14 of replay. An array's element that holds an identity which no sibling holds, or an object's member that is named
by one, is a part; parts may hold parts. What is left is the rest of the document.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from cpproxy.core import jsonpath
from cpproxy.core.cassette import Body, Interaction
from cpproxy.core.leaves import map_leaves
from cpproxy.core.matching import encode_json
from cpproxy.core.messages import as_wire, find_header
from cpproxy.core.replay import tokens
from cpproxy.core.replay.identities import Catalogue, Identity

type Steps = tuple[str | int, ...]
"""A place in a document; elements and members that are parts stand as `#` and their identity."""

type Value = tuple[object, tuple[str | int, ...]]
"""A part's value for comparing, and where it stands in its document."""

type Kind = tuple[str, ...]
"""The places of a document that are alike: indices as `[]`, parts as `#`."""

_NAMES = ("id", "uuid", "uid", "arn", "slug", "name", "key")
_BY_NAME = "\0name"
_WHOLE = "\0whole"
_SUCCESS = range(200, 300)
_HELD: Value = (None, ())
"""Holds the place of a part until what stands in it is known."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How documents of one request are taken apart: for each kind of container, the member that names its parts."""

    keys: dict[Kind, str] = field(default_factory=dict)


@dataclass(slots=True)
class Parts:
    """A document taken apart: each part, after the one that it is in, and the containers that were seen."""

    rest: object
    parts: dict[Steps, Value]
    containers: set[Steps]


@dataclass(frozen=True, slots=True)
class Stable:
    """What is left out of comparisons: times within `window`, values that are `fresh` each time, config's paths."""

    window: tuple[float, float]
    fresh: frozenset[str]
    volatile: tuple[jsonpath.JsonPath, ...] = ()

    def digest(self, value: Any) -> bytes:  # noqa: ANN401 (JSON)
        """Equal for values that are one step (rule 13)."""
        return hashlib.blake2b(encode_json(map_leaves(value, self._still)), digest_size=16).digest()

    def _still(self, leaf: Any) -> Any:  # noqa: ANN401 (JSON)
        match leaf:
            case bool() | None:
                return leaf
            case str() if leaf in self.fresh or leaf.lower() in self.fresh:
                return "\0new"
            case str() | int() | float() if tokens.is_time(leaf, self.window):
                return "\0time"
            case _:
                return leaf


def read_json(interaction: Interaction, volatile: tuple[jsonpath.JsonPath, ...] = ()) -> Any:  # noqa: ANN401 (JSON)
    """The JSON of a successful answer, or None."""
    body = interaction.response.body
    if interaction.response.status not in _SUCCESS or not isinstance(body, Body):
        return None
    if not isinstance(body.json, msgspec.Raw):
        return None
    value = msgspec.json.decode(body.json)
    for path in volatile:
        value = jsonpath.without(value, path)
    return value


def frame(interaction: Interaction, stable: Stable, content: object) -> object:
    """What makes an answer one step beside its document: status, type, place; and its body where it is no document."""
    response = interaction.response
    headers = as_wire(response.headers)
    body = response.body
    if content is None and isinstance(body, Body):
        if isinstance(body.json, msgspec.Raw):
            value = msgspec.json.decode(body.json)
            for path in stable.volatile:
                value = jsonpath.without(value, path)
            content = stable.digest(value)
        else:
            content = (body.text, body.base64, body.sha256)
    media = (find_header(headers, b"content-type") or b"").lower()
    return (response.status, media, find_header(headers, b"location"), content)


def find_layout(documents: Iterable[Any], catalogue: Catalogue, subject: frozenset[Identity]) -> Layout:
    """How these documents are taken apart; identities of the `subject` name no part."""
    groups: dict[Kind, list[list[Any]]] = {}
    members: set[Kind] = set()
    for document in documents:
        _gather(document, (), groups, members, catalogue)
    layout = Layout()
    for kind, lists in groups.items():
        name = _choose_name(kind, lists, catalogue, subject)
        if name:
            layout.keys[kind] = name
    for kind in members:
        layout.keys[kind] = _BY_NAME
    return layout


def _gather(
    value: Any,  # noqa: ANN401 (JSON)
    kind: Kind,
    groups: dict[Kind, list[list[Any]]],
    members: set[Kind],
    catalogue: Catalogue,
) -> None:
    if isinstance(value, list):
        groups.setdefault(kind, []).append(value)
        for element in value:
            _gather(element, (*kind, "[]"), groups, members, catalogue)
    elif isinstance(value, dict):
        for name, member in value.items():
            named = bool(catalogue.find(name))
            if named:
                members.add(kind)
            _gather(member, (*kind, "[]" if named else name), groups, members, catalogue)


def _choose_name(kind: Kind, lists: list[list[Any]], catalogue: Catalogue, subject: frozenset[Identity]) -> str:
    """The member whose identity tells the elements apart, or nothing."""
    values: dict[str, set[Identity]] = {}
    unfit: set[str] = set()
    order: list[str] = []
    for elements in lists:
        seen: dict[str, set[Identity]] = {}
        for element in elements:
            for name, leaf in element.items() if isinstance(element, dict) else ((_WHOLE, element),):
                identity = identify(_name_of(kind) if name == _WHOLE else name, leaf, catalogue)
                if identity is None:
                    continue
                if identity in seen.setdefault(name, set()):
                    unfit.add(name)
                seen[name].add(identity)
        for name, found in seen.items():
            if name not in values:
                order.append(name)
            values.setdefault(name, set()).update(found)
    fitting = [name for name in order if name not in unfit and values[name] - subject]
    if not fitting:
        return ""
    return max(fitting, key=lambda name: (len(values[name]), name in _NAMES, -order.index(name)))


def identify(name: str, leaf: Any, catalogue: Catalogue) -> Identity | None:  # noqa: ANN401 (JSON)
    """The identity that a member's value is, where it is one."""
    if isinstance(leaf, bool) or not isinstance(leaf, str | int):
        return None
    text = str(leaf)
    if text.isdigit() and name.lower().endswith(("id", "ids")):
        return catalogue.number(text)
    found = catalogue.find(text) if isinstance(leaf, str) else []
    return found[0].identity if found else None


def _name_of(kind: Kind) -> str:
    """The name under which a container stands."""
    return kind[-1] if kind else ""


def take_apart(document: Any, layout: Layout, catalogue: Catalogue, stable: Stable) -> Parts:  # noqa: ANN401 (JSON)
    """The parts of a document."""
    parts = Parts(None, {}, set())
    rest = _take(document, (), (), (), layout, catalogue, stable, parts)
    parts.rest = stable.digest(rest)
    return parts


def _take(  # noqa: PLR0917 (it walks four descriptions of one place at once)
    value: Any,  # noqa: ANN401 (JSON)
    kind: Kind,
    steps: Steps,
    place: tuple[str | int, ...],
    layout: Layout,
    catalogue: Catalogue,
    stable: Stable,
    parts: Parts,
) -> Any:  # noqa: ANN401 (JSON)
    key = layout.keys.get(kind)
    if key is not None:
        parts.containers.add(steps)
    if isinstance(value, list):
        left = []
        for index, element in enumerate(value):
            identity = _identity_of(element, key, kind, catalogue)
            inner = (*steps, f"#{identity}" if identity else index)
            new = identity is not None and inner not in parts.parts
            if new:
                parts.parts[inner] = _HELD  # before what it holds
            rest = _take(element, (*kind, "[]"), inner, (*place, index), layout, catalogue, stable, parts)
            if new:
                parts.parts[inner] = (stable.digest(rest), (*place, index))
            else:
                left.append(rest)
        return left
    if isinstance(value, dict):
        kept = {}
        for name, member in value.items():
            found = catalogue.find(name) if key == _BY_NAME else []
            inner = (*steps, f"#{found[0].identity}" if found else name)
            if found:
                parts.parts[inner] = _HELD
            rest = _take(
                member, (*kind, "[]" if found else name), inner, (*place, name), layout, catalogue, stable, parts
            )
            if found:
                parts.parts[inner] = (stable.digest(rest), (*place, name))
            else:
                kept[name] = rest
        return kept
    return value


def _identity_of(
    element: Any,  # noqa: ANN401 (JSON)
    key: str | None,
    kind: Kind,
    catalogue: Catalogue,
) -> Identity | None:
    if key is None or key == _BY_NAME:
        return None
    if isinstance(element, dict):
        return identify(key, element[key], catalogue) if key in element else None
    return identify(_name_of(kind), element, catalogue) if key == _WHOLE else None


@dataclass(frozen=True, slots=True)
class Choice:
    """What stands for a part: a value out of the document that showed it, with its place there."""

    document: Any
    place: tuple[str | int, ...]

    def value(self) -> Any:  # noqa: ANN401 (JSON)
        """The value."""
        value = self.document
        for step in self.place:
            value = value[step]
        return value


def compose(document: Any, layout: Layout, chosen: dict[Steps, Choice], catalogue: Catalogue) -> Any:  # noqa: ANN401 (JSON)
    """A document with the chosen parts in the place of its own; parts that are not chosen are absent."""
    return _Composer(layout, chosen, catalogue).compose(document, (), ())


class _Composer:
    """Writes chosen parts into a document. Parts that it does not hold come last, in the order of their choice."""

    def __init__(self, layout: Layout, chosen: dict[Steps, Choice], catalogue: Catalogue) -> None:
        self._layout = layout
        self._chosen = chosen
        self._catalogue = catalogue
        self._below: dict[Steps, list[Steps]] = {}
        for steps in chosen:
            self._below.setdefault(steps[:-1], []).append(steps)

    def compose(self, value: Any, kind: Kind, steps: Steps) -> Any:  # noqa: ANN401 (JSON)
        """The value that stands at a place, composed."""
        if isinstance(value, list):
            return self._list(value, kind, steps)
        if isinstance(value, dict):
            return self._object(value, kind, steps)
        return value

    def _part(self, steps: Steps, kind: Kind) -> Any:  # noqa: ANN401 (JSON)
        return self.compose(self._chosen[steps].value(), (*kind, "[]"), steps)

    def _list(self, value: list[Any], kind: Kind, steps: Steps) -> list[Any]:
        key = self._layout.keys.get(kind)
        made: dict[Steps, Any] = {}
        for index, element in enumerate(value):
            identity = _identity_of(element, key, kind, self._catalogue)
            inner = (*steps, f"#{identity}" if identity else index)
            if not identity:
                made[inner] = self.compose(element, (*kind, "[]"), inner)
            elif inner in self._chosen:
                made[inner] = self._part(inner, kind)
        for inner in self._below.get(steps, ()):
            if inner not in made:
                made[inner] = self._part(inner, kind)
        return list(made.values())

    def _object(self, value: dict[str, Any], kind: Kind, steps: Steps) -> dict[str, Any]:
        named = self._layout.keys.get(kind) == _BY_NAME
        kept: dict[str, Any] = {}
        for name, member in value.items():
            found = self._catalogue.find(name) if named else []
            inner = (*steps, f"#{found[0].identity}" if found else name)
            if not found:
                kept[name] = self.compose(member, (*kind, name), inner)
            elif inner in self._chosen:
                kept[name] = self._part(inner, kind)
        for inner in self._below.get(steps, ()) if named else ():
            name = str(self._chosen[inner].place[-1])
            if name not in kept:
                kept[name] = self._part(inner, kind)
        return kept
