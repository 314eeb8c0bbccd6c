"""Lists whose elements stand in another order in the second recording: laid beside those of the first.

Without that each value of each element would seem to vary.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from cpproxy.core.replay.places import Scalar, Side, Spot

_ELEMENT = re.compile(r"(.*?)\[(\d+)\](.*)")
_MOST = 200  # elements of a list, beyond which their order is taken as it is

type Leaves = Mapping[Spot, Scalar]
type _Element = dict[str, Scalar]


def lay_beside(mine: Leaves, theirs: Leaves, known: Mapping[Scalar, Scalar]) -> tuple[Leaves, tuple[str, ...]]:
    """The second answer with its lists in the order of the first, and the lists that were in another.

    `known` says which values of the second stand for which of the first.
    """
    moves: dict[str, dict[int, int]] = {}
    others = _take_apart(theirs)
    for path, elements in _take_apart(mine).items():
        order = _order(elements, others.get(path, {}), known)
        if order:
            moves[path] = order
    if not moves:
        return theirs, ()
    return {_move(spot, moves): value for spot, value in theirs.items()}, tuple(moves)


def _take_apart(leaves: Leaves) -> dict[str, dict[int, _Element]]:
    """The lists of an answer, each as its elements by their places."""
    lists: dict[str, dict[int, _Element]] = {}
    for spot, value in leaves.items():
        if spot.side is Side.ANSWER and not spot.key and (found := _ELEMENT.fullmatch(spot.path)):
            path, at, rest = found.groups()
            lists.setdefault(path, {}).setdefault(int(at), {})[rest] = value
    return lists


def _order(
    elements: dict[int, _Element], others: dict[int, _Element], known: Mapping[Scalar, Scalar]
) -> dict[int, int]:
    """Where each element of the second list belongs; empty where they stand in order, or cannot be told apart."""
    if elements.keys() != others.keys() or not 1 < len(elements) <= _MOST:
        return {}
    left = dict(others)
    order: dict[int, int] = {}
    for at, element in elements.items():
        likeness = {place: _liken(element, other, known) for place, other in left.items()}
        best = max(likeness, key=lambda place: (likeness[place], place == at))
        order[best] = at
        del left[best]
    return order if any(place != at for place, at in order.items()) else {}


def _liken(element: _Element, other: _Element, known: Mapping[Scalar, Scalar]) -> int:
    """How many values two elements have in common, those that stand for each other included."""
    return sum(rest in other and other[rest] in (value, known.get(value)) for rest, value in element.items())


def _move(spot: Spot, moves: dict[str, dict[int, int]]) -> Spot:
    found = _ELEMENT.fullmatch(spot.path)
    if spot.side is not Side.ANSWER or found is None or found[1] not in moves:
        return spot
    path, at, rest = found.groups()
    return replace(spot, path=f"{path}[{moves[path].get(int(at), int(at))}]{rest}")
