"""Where values stand in an interaction, named as the config and people name places.

One walk for all who look at values rather than at calls: the list of identities, `learn` and `lint`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec

from cpproxy.core import bodies, jsonpath
from cpproxy.core.cassette import Body, Interaction
from cpproxy.core.messages import as_wire, find_header
from cpproxy.core.redaction.names import names_secret
from cpproxy.core.replay.identities import Catalogue, Identity, names_id

_FORM = b"application/x-www-form-urlencoded"
_WORD = re.compile(r"[A-Za-z0-9_-]+")
_TELLING = frozenset({"location", "content-location", "link"})

type Scalar = str | int | float | bool | None


class Side(StrEnum):
    """Which half of an interaction."""

    REQUEST = "request"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class Spot:
    """A place: `path` is `path:N` (a segment of the target), `query:`, `form:`, `header:`, a JSON path, or `body`.

    `wide` is the same with all elements in the place of one, as the config would name it; `name` is the member's or
    parameter's own name, `nth` counts parameters of one name. With `key` the value is a member's name.
    """

    side: Side
    path: str
    wide: str
    name: str = ""
    nth: int = 0
    key: bool = False

    def __str__(self) -> str:
        return f"{self.side} {self.wide}{' (a name)' if self.key else ''}"


type Leaf = tuple[Spot, Scalar]


def walk(interaction: Interaction, catalogue: Catalogue, compared: frozenset[str] = frozenset()) -> Iterator[Leaf]:
    """Every value of an interaction that may count; of its headers those in `compared`, and those that name places.

    Members that identities name stand as `{0}`, `{1}` in paths, so that the paths of two recordings are equal.
    """
    yield from walk_request(interaction, catalogue, compared)
    yield from walk_answer(interaction, catalogue)


def walk_request(
    interaction: Interaction, catalogue: Catalogue, compared: frozenset[str] = frozenset()
) -> Iterator[Leaf]:
    """The values of the request; `compared` holds lower-case names of headers."""
    request = interaction.request
    path, _, query = request.target.partition("?")
    for at, segment in enumerate(path.split("/")):
        if segment:
            yield Spot(Side.REQUEST, f"path:{at}", f"path:{at}"), unquote(segment)
    yield from _pairs("query", query)
    for name, value in request.headers:
        if name.lower() in compared:
            yield Spot(Side.REQUEST, f"header:{name}", f"header:{name}", name), value
    media = find_header(as_wire(request.headers), b"content-type") or b""
    if isinstance(request.body, Body) and isinstance(request.body.text, str) and media.startswith(_FORM):
        yield from _pairs("form", request.body.text)
    else:
        yield from _walk_body(Side.REQUEST, request.body, catalogue)


def walk_answer(interaction: Interaction, catalogue: Catalogue) -> Iterator[Leaf]:
    """The values of the answer."""
    response = interaction.response
    for name, value in response.headers:
        if name.lower() in _TELLING:
            yield Spot(Side.ANSWER, f"header:{name}", f"header:{name}", name), value
    yield from _walk_body(Side.ANSWER, response.body, catalogue)


def _pairs(kind: str, text: str) -> Iterator[Leaf]:
    seen: dict[str, int] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        nth = seen[name] = seen.get(name, -1) + 1
        yield Spot(Side.REQUEST, f"{kind}:{name}", f"{kind}:{name}", name, nth), value


def _walk_body(side: Side, body: object, catalogue: Catalogue) -> Iterator[Leaf]:
    if not isinstance(body, Body) or isinstance(body.omitted, int):
        return
    if isinstance(body.json, msgspec.Raw):
        yield from _walk_json(msgspec.json.decode(body.json), Spot(side, "$", "$"), catalogue)
    else:
        yield Spot(side, "body", "body"), bodies.restore(body).decode("utf-8", "replace")


def _walk_json(value: Any, spot: Spot, catalogue: Catalogue) -> Iterator[Leaf]:  # noqa: ANN401 (JSON)
    match value:
        case dict():
            made = 0
            for name, member in value.items():
                if catalogue.find(name):
                    below = Spot(spot.side, f"{spot.path}.{{{made}}}", f"{spot.wide}.*")
                    made += 1
                    yield replace(below, key=True), name
                else:
                    path, wide = jsonpath.child(spot.path, name), jsonpath.child(spot.wide, name)
                    below = Spot(spot.side, path, wide, name)
                yield from _walk_json(member, below, catalogue)
        case list():
            for at, element in enumerate(value):
                below = Spot(spot.side, f"{spot.path}[{at}]", f"{spot.wide}[*]", spot.name)
                yield from _walk_json(element, below, catalogue)
        case _:
            yield spot, value


def says_secret(where: str) -> bool:
    """Whether a place says of itself that it holds a secret."""
    return any(map(names_secret, _WORD.findall(where)))


def find_identities(spot: Spot, value: Scalar, catalogue: Catalogue) -> list[tuple[Identity, str]]:
    """The identities that a leaf holds, each as it stands there."""
    if isinstance(value, bool) or value is None:
        return []
    text = str(value)
    if text.isdigit() and (spot.path.startswith("path:") or names_id(spot.name)) and (known := catalogue.number(text)):
        return [(known, text)]
    return [(one.identity, text[one.start : one.end]) for one in catalogue.find(text)] if isinstance(value, str) else []
