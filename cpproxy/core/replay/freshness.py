"""What an answer holds that is new in each, and names nothing: it makes no step.

Rule 13 of replay. An identity that stands in no other interaction is new in each answer if its member's name says so,
if two answers differ in it though no write came between, or if the call itself had sent it. Any other may be what the
answer is all about.
"""

import bisect
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from cpproxy.core.cassette import Body, Interaction
from cpproxy.core.replay import tokens
from cpproxy.core.replay.echoes import list_echoes
from cpproxy.core.replay.identities import Catalogue
from cpproxy.core.replay.index import Line
from cpproxy.core.replay.worlds import Entry, World

type _Kind = tuple[str, ...]
"""The places of a document that are alike: elements, and members that identities name, as `[]`."""


def find_fresh(line: Line, decoded: Iterable[tuple[Entry, Interaction]], catalogue: Catalogue) -> frozenset[str]:
    """The values in these answers of a line that are new in each of them."""
    world = line.world
    answers = sorted(decoded, key=lambda one: one[0].start)
    fresh = set(list_echoes(line, (entry for entry, _ in answers)))
    seen: list[tuple[Entry, dict[_Kind, set[str]]]] = []
    for entry, interaction in answers:
        body = interaction.response.body
        found: dict[_Kind, set[str]] = {}
        if isinstance(body, Body) and isinstance(body.json, msgspec.Raw) and not entry.told.isdisjoint(world.lone):
            for kind, value in _walk(msgspec.json.decode(body.json), (), catalogue):
                if value in world.lone or value.lower() in world.lone:
                    found.setdefault(kind, set()).add(value)
        seen.append((entry, found))
    kinds = {kind for _, found in seen for kind in found}
    new = {kind for kind in kinds if tokens.names_new(_name(kind))}
    if len(new) < len(kinds) and len(seen) > 1:
        for one, other in _pair_quietly(seen, world):
            new.update(kind for kind in one.keys() & other.keys() if one[kind] != other[kind])
    for _, found in seen:
        fresh.update(*(values for kind, values in found.items() if kind in new))
    return frozenset(fresh)


def _walk(value: Any, kind: _Kind, catalogue: Catalogue) -> Iterator[tuple[_Kind, str]]:  # noqa: ANN401 (JSON)
    match value:
        case dict():
            for name, member in value.items():
                yield from _walk(member, (*kind, "[]" if catalogue.find(name) else name), catalogue)
        case list():
            for element in value:
                yield from _walk(element, (*kind, "[]"), catalogue)
        case str():
            yield kind, value
        case _:
            pass


def _name(kind: _Kind) -> str:
    """The name under which a value stands, be it in a list."""
    return next((step for step in reversed(kind) if step != "[]"), "")


def _pair_quietly[T](seen: Sequence[tuple[Entry, T]], world: World) -> Iterator[tuple[T, T]]:
    """Neighbours, by the moment they were asked, between which no write of the cassette was under way."""
    changes = sorted((entry.start, entry.end) for entry in world.entries if entry.changes)
    starts = [start for start, _ in changes]
    ends = list(itertools.accumulate((end for _, end in changes), max))
    for (one, first), (other, second) in itertools.pairwise(seen):
        begun = bisect.bisect_left(starts, max(one.end, other.end))
        if not begun or ends[begun - 1] <= one.start:
            yield first, second
