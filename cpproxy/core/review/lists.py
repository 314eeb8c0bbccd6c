"""What of lists replay does not compose: totals, validators, the order of elements, and pages."""

import itertools
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from cpproxy.core.replay.ground import Ground, may_turn
from cpproxy.core.replay.index import Line
from cpproxy.core.replay.places import Spot
from cpproxy.core.replay.views import ABSENT, Part, View
from cpproxy.core.replay.worlds import Entry
from cpproxy.core.review.lint import Remark

if TYPE_CHECKING:
    from cpproxy.core.replay.documents import Steps

_TOTAL = re.compile(
    r"(?:.*_)?(?:total|count|size|length|next|prev|previous|cursor|page|pages|offset|limit|has_?more|next_?token|etag)"
    r"(?:_.*)?|totalCount|nextToken|nextCursor|nextPageToken|hasMore|pageInfo|totalItems",
    re.IGNORECASE,
)
_PAGE = re.compile(
    r"(?:.*[-_.])?(?:offset|page|cursor|limit|skip|start|marker|after|before)|(?:per|page|max|next|start|starting|ending)"
    r"[-_.]?(?:page|size|num|number|no|token|index|after|before|key|keys|results|items)",
    re.IGNORECASE,
)
_ORDERED = 64  # makers of one list that are looked at


def find_uncomposed(ground: Ground) -> Iterator[Remark]:
    """What of a cassette's lists stays as it was recorded, whatever was played."""
    pages = find_pages(ground)
    paged = {line for _, lines in pages for line in lines}
    told: set[Line] = set()
    orders: set[object] = set()
    for line, view in ground.views.items():
        if not _is_composed(line, ground):
            continue
        names = ground.name(line.entries)
        spots = _find_totals(line, ground)
        if spots:
            told.add(line)
            yield Remark(
                ground.where(line.entries[0]),
                f"its list ({names}) is composed of elements, but {', '.join(spots)} "
                "is given as it was recorded: totals, pages and validators do not follow what was played",
            )
        if _is_sorted(view):
            yield Remark(
                ground.where(line.entries[0]),
                f"its list ({names}) is not in the order in which its elements were made: where "
                "replay composes it, those that no recorded answer holds together come last",
            )
        elif line not in paged and (turned := _find_turned(view)) and (line.entries[0].path, turned) not in orders:
            orders.add((line.entries[0].path, turned))
            yield Remark(
                f"{ground.where(line.entries[0])}.response",
                f"its list ({names}) holds what {ground.name(turned)} made, in that order: where these are made the "
                "other way round replay keeps the recorded order, which may not be the control plane's",
            )
    for parameters, lines in pages:
        composed = [line for line in lines if _is_composed(line, ground)]
        if told.isdisjoint(lines):
            yield Remark(
                f"{ground.where(composed[0].entries[0])}.response",
                f"is one of {len(lines)} pages of a list ({', '.join(parameters)}), each of which is composed by "
                "itself: what moves from one page to another after a write does not move in replay",
            )


def find_pages(ground: Ground) -> list[tuple[tuple[str, ...], list[Line]]]:
    """Lists that hold what writes made and were asked for page by page: the parameters that say so, and the pages."""
    lists: dict[object, dict[Line, tuple[tuple[str, str], ...]]] = {}
    for line in ground.views:
        entry = line.entries[0]
        pairs = parse_qsl(ground.interaction(entry).request.target.partition("?")[2], keep_blank_values=True)
        pages = tuple(pair for pair in pairs if _PAGE.fullmatch(pair[0]))
        rest = tuple(pair for pair in pairs if pair not in pages)
        lists.setdefault((entry.method, entry.path, rest), {})[line] = pages
    return [
        (tuple(dict.fromkeys(name for pages in lines.values() for name, _ in pages)), list(lines))
        for lines in lists.values()
        if len(set(lines.values())) > 1 and any(_is_composed(line, ground) for line in lines)
    ]


def _is_composed(line: Line, ground: Ground) -> bool:
    """Whether there are elements with writes that concern them."""
    return any(part.timeline.writes for part in ground.view(line).parts)


def _find_totals(line: Line, ground: Ground) -> tuple[str, ...]:
    """The places that count or continue a list, and the headers that do."""
    spots = {str(spot.wide): None for entry in line.entries for spot, _ in ground.leaves(entry) if _counts(spot)}
    headers = {
        name: None
        for entry in line.entries
        for name, _ in ground.interaction(entry).response.headers
        if name.lower() in {"etag", "link", "x-total-count"}
    }
    return (*spots, *headers)


def _counts(spot: Spot) -> bool:
    return not spot.key and "*" not in spot.wide and _TOTAL.fullmatch(spot.name) is not None


def _is_sorted(view: View) -> bool:
    """Whether an element that was made later stood before one that was there."""
    first: dict[Steps, float] = {}
    for entry, keys in view.keys.items():
        order = list(keys)
        for steps in order:
            first.setdefault(steps, entry.start)
        lists = [steps for steps in order if len(steps) == len(order[0])] if order else []
        moments = [first[steps] for steps in lists]
        if moments != sorted(moments):
            return True
    return False


def _find_turned(view: View) -> tuple[Entry, Entry] | None:
    """Two writes that made elements of one array, and that another run may make the other way round."""
    lists: dict[Steps, list[Part]] = {}
    for part in view.parts:
        if part.creator is not None and _is_in_array(part):
            lists.setdefault(part.steps[:-1], []).append(part)
    for parts in lists.values():
        for one, other in itertools.combinations(parts[:_ORDERED], 2):
            first, second = one.creator, other.creator
            if first is None or second is None or first is second or not may_turn(first, second):
                continue
            if any(one.steps in keys and other.steps in keys for keys in view.keys.values()):
                return (first, second) if first.start <= second.start else (second, first)
    return None


def _is_in_array(part: Part) -> bool:
    return any(seen.source is not ABSENT and isinstance(seen.source[1][-1], int) for seen in part.timeline.seen)
