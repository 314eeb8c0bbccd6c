"""What a recording leaves open: where replay would answer by arrival or by a guess, or with what does not fit together.

Rows of `What cannot be made right`, each with its remark. It looks at what replay itself makes of the cassette, so that
what is said here is what would happen; `advice` has what is out of date and what the config could mend.
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from cpproxy.core import documents
from cpproxy.core.ground import Ground, count_steps, may_swap
from cpproxy.core.identities import Identity
from cpproxy.core.index import Bucket, Line
from cpproxy.core.lint import Remark
from cpproxy.core.places import Spot
from cpproxy.core.redaction import names_secret
from cpproxy.core.timelines import State, Timeline, find_state
from cpproxy.core.views import View
from cpproxy.core.worlds import Entry, World

_STATES = 64  # of one timeline; what more actors could do together is not looked through
_MANY = 200  # writes of one kind, beyond which only neighbours are compared
_SHARED = "callers that are alike in credentials and address share their progress; a session for each keeps them apart"
_TOTAL = re.compile(
    r"(?:.*_)?(?:total|count|size|length|next|prev|previous|cursor|page|pages|offset|limit|has_?more|next_?token|etag)"
    r"(?:_.*)?|totalCount|nextToken|nextCursor|nextPageToken|hasMore|pageInfo|totalItems",
    re.IGNORECASE,
)


def find_ambiguities(ground: Ground) -> Iterator[Remark]:
    """All that a cassette leaves open."""
    yield from _find_alike_writes(ground)
    yield from _find_told_by_credential(ground)
    yield from _find_unrecorded_states(ground)
    yield from _find_uncomposed(ground)
    yield from _find_shared_tokens(ground)


def _find_alike_writes(ground: Ground) -> Iterator[Remark]:
    for bucket in {line.bucket: None for line in ground.lines}:
        writes = [(line, entry) for line in bucket.row.lines for entry in line.entries if entry.changes]
        free = [entry for line, entry in writes if _is_free(line, entry)]
        told: set[Entry] = set()
        for entry, other in itertools.combinations(free, 2) if len(free) < _MANY else itertools.pairwise(free):
            if other in told or entry.line is other.line or not may_swap(entry, other):
                continue
            where = _find_difference(entry, other, ground)
            if where:
                told.add(other)
                yield Remark(
                    ground.where(other),
                    f"nothing tells it from {entry.id} but what is new in each run, and what they make differs later "
                    f"({where}): replay gives them out as the calls arrive; a session for each caller settles it",
                )


def _is_free(line: Line, entry: Entry) -> bool:
    """Whether all that a write names is what it introduces, so that any live value fits."""
    creators = line.world.creators
    named = [slot.identity for slot in line.slots if not slot.secret]
    return any(creators.get(one) is entry for one in named)


def _find_difference(one: Entry, other: Entry, ground: Ground) -> str:
    """Where the things of two writes differ later, in words; nothing where they never do."""
    if one.line is None or other.line is None:
        return ""
    fixed = _fixed(one), _fixed(other)
    if fixed[0] != fixed[1]:
        return ""  # what they name besides tells them apart
    if ground.blank(one) != ground.blank(other):
        return "their own answers"
    own = _own(one, ground.world), _own(other, ground.world)
    told: list[dict[Bucket, list[bytes]]] = [{}, {}]
    for line, view in ground.views.items():
        named = {slot.identity for slot in line.slots if not slot.secret}
        for mine, answers in zip(own, told, strict=True):
            if named & mine:
                answers.setdefault(line.bucket, []).extend(_collapse(ground.blank(entry) for entry in line.entries))
        parts = [_show_parts(view, mine, ground) for mine in own]
        if all(parts) and parts[0] != parts[1]:
            return f"the answers to {line.entries[0].id}"
    for bucket in told[0].keys() & told[1].keys():
        if told[0][bucket] != told[1][bucket]:
            return f"the answers to {bucket.row.lines[0].entries[0].id} and its like"
    return ""


def _fixed(entry: Entry) -> list[tuple[int, str]]:
    """What a write names that it did not introduce."""
    if entry.line is None:
        return []
    creators = entry.line.world.creators
    slots = enumerate(entry.line.slots)
    return [(at, slot.identity) for at, slot in slots if not slot.secret and creators.get(slot.identity) is not entry]


def _own(entry: Entry, world: World) -> frozenset[Identity]:
    return frozenset(identity for identity, creator in world.creators.items() if creator is entry)


def _collapse(values: Iterable[bytes]) -> list[bytes]:
    return [value for value, _ in itertools.groupby(values)]


def _show_parts(view: View, own: frozenset[Identity], ground: Ground) -> list[bytes]:
    """What a list told of some things, one after another."""
    shown: list[bytes] = []
    for part in view.parts:
        if str(part.steps[-1])[1:] not in own:
            continue
        for seen in part.timeline.seen:
            if seen.source is None:
                continue
            entry, place = seen.source
            value = documents.Choice(documents.read_json(ground.interaction(entry)), place).value()
            shown.append(msgspec.json.encode(ground.rub_out_all(value)))
    return _collapse(shown)


def _find_told_by_credential(ground: Ground) -> Iterator[Remark]:
    for line, view in ground.views.items():
        entries = [seen.source for seen in view.rest.seen if seen.source.status < 400]
        header = _find_telling_header(entries, ground)
        remedy = (
            f'compare = ["{header}"] in the route of {line.entries[0].method} {line.entries[0].path} tells them apart'
            if header
            else "a compared header or a session for each caller tells them apart"
        )
        where, names = ground.where(line.entries[0]), ground.name(line.entries)
        if _differ_by_caller(view):
            yield Remark(
                where,
                f"its answers ({names}) differ by credential alone, so that the first call of an unknown token gets "
                f"the first of them: {remedy}",
            )
        elif header:
            text = f"its answers ({names}) go with the values of {header}, which does not count: {remedy}"
            yield Remark(where, text)


def _differ_by_caller(view: View) -> bool:
    """Whether two callers were told nothing alike in one state."""
    told: dict[State, dict[object, set[object]]] = {}
    for seen in view.rest.seen:
        parts = frozenset(view.keys.get(seen.source, {}).items())
        callers = told.setdefault(find_state(view.rest.writes, seen.start), {})
        callers.setdefault(seen.source.secrets, set()).add((seen.value, parts))
    return any(
        one.isdisjoint(other) for callers in told.values() for one, other in itertools.combinations(callers.values(), 2)
    )


def _find_telling_header(entries: Sequence[Entry], ground: Ground) -> str:
    """A header each of whose values had an answer of its own, more than once in turn; nothing where there is none."""
    if len(entries) < 2 or len({ground.blank(entry) + _named(entry) for entry in entries}) < 2:
        return ""
    values: dict[str, dict[Entry, str]] = {}
    for entry in entries:
        for name, value in ground.interaction(entry).request.headers:
            if not names_secret(name) and "{{" not in value:
                values.setdefault(name, {})[entry] = value
    for name, found in values.items():
        if len(found) != len(entries) or len(set(found.values())) < 2:
            continue
        answers: dict[str, set[bytes]] = {}
        for entry, value in found.items():
            answers.setdefault(value, set()).add(ground.blank(entry) + _named(entry))
        if all(not one & other for one, other in itertools.combinations(answers.values(), 2)) and _names(name, found):
            return name
    return ""


def _named(entry: Entry) -> bytes:
    return ",".join(sorted(entry.told)).encode()


def _names(name: str, found: dict[Entry, str]) -> bool:
    """Whether a header says about whom it asks, rather than being new in each call."""
    return name.lower().startswith("x-") and (len(set(found.values())) < len(found) or name.lower().endswith("-id"))


def _find_unrecorded_states(ground: Ground) -> Iterator[Remark]:
    for line, view in ground.views.items():
        missing = _find_missing(view.rest, ground)
        if missing:
            yield _say_missing(line, "it", missing, ground)
        parts: dict[tuple[int, ...], list[str]] = {}
        for part in view.parts:
            numbers = tuple(entry.number for entry in _find_missing(part.timeline, ground))
            if numbers:
                parts.setdefault(numbers, []).append(str(part.steps[-1])[1:])
        for numbers, names in parts.items():
            entries = [ground.entry(number) for number in numbers]
            count = "an element" if len(names) == 1 else f"{len(names)} elements"
            yield _say_missing(line, f"{count} of its list", entries, ground)
        if view.unseen:
            yield Remark(
                ground.where(line.entries[0]),
                f"no answer to it ({ground.name(line.entries)}) shows what {ground.name(view.unseen)} made: replay "
                "never invents an element; ask for the list after it, and record again",
            )


def _say_missing(line: Line, what: str, missing: Iterable[Entry], ground: Ground) -> Remark:
    return Remark(
        ground.where(line.entries[0]),
        f"{what} was never asked for ({ground.name(line.entries)}) after {ground.name(missing)}: replay leaves it as "
        "it was before and calls that undetermined; ask then, and record again",
    )


def _find_missing(timeline: Timeline, ground: Ground) -> list[Entry]:
    """The writes after which nothing was recorded, though something was before."""
    missing: dict[int, Entry] = {}
    for state, last in _states(timeline, ground):
        found = timeline.find(state)
        if found is not None and found.doubt and not timeline.constant:
            missing[last.number] = last
    return [missing[number] for number in sorted(missing)]


def _states(timeline: Timeline, ground: Ground) -> Iterator[tuple[State, Entry]]:
    """The states that callers, each doing what it did in its order, can come to, with the write that led there."""
    actors: dict[object, list[Entry]] = {}
    for write in timeline.writes:
        entry = ground.entry(write.number)
        actors.setdefault(entry.secrets, []).append(entry)
    counts = [range(len(writes) + 1) for writes in actors.values()]
    for turn in itertools.islice(itertools.product(*counts), _STATES):
        played = [writes[:count] for writes, count in zip(actors.values(), turn, strict=True)]
        every = [entry for writes in played for entry in writes]
        if every:
            yield frozenset(entry.number for entry in every), max(every, key=lambda entry: entry.start)


def _find_uncomposed(ground: Ground) -> Iterator[Remark]:
    for line, view in ground.views.items():
        made = [part for part in view.parts if part.timeline.writes]
        if not made:
            continue
        spots = {str(spot.wide): None for entry in line.entries for spot, _ in ground.leaves(entry) if _counts(spot)}
        headers = {
            name: None
            for entry in line.entries
            for name, _ in ground.interaction(entry).response.headers
            if name.lower() in {"etag", "link", "x-total-count"}
        }
        if spots or headers:
            yield Remark(
                ground.where(line.entries[0]),
                f"its list ({ground.name(line.entries)}) is composed of elements, but {', '.join((*spots, *headers))} "
                "is given as it was recorded: totals, pages and validators do not follow what was played",
            )
        if _is_sorted(view):
            yield Remark(
                ground.where(line.entries[0]),
                f"its list ({ground.name(line.entries)}) is not in the order in which its elements were made: where "
                "replay composes it, those that no recorded answer holds together come last",
            )


def _counts(spot: Spot) -> bool:
    return not spot.key and "*" not in spot.wide and _TOTAL.fullmatch(spot.name) is not None


def _is_sorted(view: View) -> bool:
    """Whether an element that was made later stood before one that was there."""
    first: dict[documents.Steps, float] = {}
    for entry, keys in view.keys.items():
        order = list(keys)
        for steps in order:
            first.setdefault(steps, entry.start)
        lists = [steps for steps in order if len(steps) == len(order[0])] if order else []
        moments = [first[steps] for steps in lists]
        if moments != sorted(moments):
            return True
    return False


def _find_shared_tokens(ground: Ground) -> Iterator[Remark]:
    """Callers that show the same credentials at the same time, where what they are told goes on step by step."""
    told: set[object] = set()
    for line in [line for line, view in ground.views.items() if count_steps(view) > 1]:
        latest: dict[object, Entry] = {}
        for entry in sorted(line.entries, key=lambda entry: entry.start):
            before = latest.get(entry.secrets)
            if before is not None and entry.start < before.end and entry.secrets not in told:
                told.add(entry.secrets)
                yield Remark(
                    ground.where(entry), f"was asked while {before.id} was, with the same credentials: {_SHARED}"
                )
            if before is None or before.end < entry.end:
                latest[entry.secrets] = entry
    headers: dict[object, dict[str, Entry]] = {}
    for entry in ground.world.entries:
        if not entry.secrets or entry.line is None:
            continue
        for counted in _compared_values(entry, ground):
            headers.setdefault(entry.secrets, {}).setdefault(counted, entry)
    for secrets, found in headers.items():
        if len(found) > 1 and secrets not in told:
            entries = list(found.values())
            yield Remark(
                ground.where(entries[1]),
                f"has the same credentials as {entries[0].id}, but asks for somebody else: {_SHARED}",
            )


def _compared_values(entry: Entry, ground: Ground) -> Iterator[str]:
    for name, value in ground.interaction(entry).request.headers:
        if name.lower().endswith("-id") and name.lower() in _compared(ground):
            yield value


def _compared(ground: Ground) -> set[str]:
    return {name.decode("latin-1") for route in ground.library.routes.routes for name in route.compare}
