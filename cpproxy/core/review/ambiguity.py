"""What a recording leaves open: where replay would answer by arrival or by a guess, or with what does not fit together.

Rows of `What cannot be made right`, each with its remark. It looks at what replay itself makes of the cassette, so that
what is said here is what would happen; `advice` has what is out of date and what the config could mend.
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence

from cpproxy.core.redaction.names import names_secret
from cpproxy.core.replay import tokens
from cpproxy.core.replay.fates import OWN_ANSWERS, Fates, find_unlike
from cpproxy.core.replay.ground import Ground, count_steps
from cpproxy.core.replay.index import Line
from cpproxy.core.replay.timelines import State, Timeline, find_state
from cpproxy.core.replay.views import View
from cpproxy.core.replay.worlds import Entry
from cpproxy.core.review.changes import find_changes
from cpproxy.core.review.lint import Remark
from cpproxy.core.review.lists import find_uncomposed

_STATES = 64  # of one timeline; what more actors could do together is not looked through
_SHARED = "callers that are alike in credentials and address share their progress; a session for each keeps them apart"

_ABOUT_CALLS = re.compile(
    r"accept(?:-charset|-encoding)?|baggage|cache-control|connection|content-.*|cookie|date|digest|dnt|expect|"
    r"forwarded|from|host|if-.*|keep-alive|origin|pragma|prefer|priority|proxy-.*|range|referer|sec-.*|sentry-trace|te|"
    r"tracestate|trailer|transfer-encoding|uber-trace-id|upgrade|user-agent|via|warning|"
    r"x-(?:real-ip|requested-with|(?:amzn?|b3|cloud-trace|datadog|forwarded)-.*)",
    re.IGNORECASE,
)
"""Headers that are about the call itself or the way that it took, and not about what is asked."""


def find_ambiguities(ground: Ground) -> Iterator[Remark]:
    """All that a cassette leaves open."""
    fates = Fates(ground)
    yield from _find_alike_writes(ground, fates)
    yield from _find_alike_reads(ground, fates)
    yield from _find_told_by_credential(ground)
    yield from _find_unrecorded_states(ground)
    yield from find_uncomposed(ground)
    yield from find_changes(ground)
    yield from _find_shared_tokens(ground)


def _find_alike_writes(ground: Ground, fates: Fates) -> Iterator[Remark]:
    told: set[Entry] = set()
    for entry in ground.world.entries:
        for other, where in fates.rivals(entry):
            answered = entry.line is other.line and where == OWN_ANSWERS  # `lint` says that of the file alone
            if other.number > entry.number and other not in told and not answered:
                told.add(other)
                yield Remark(
                    ground.where(other),
                    f"nothing tells it from {entry.id} but what is new in each run, and what they make differs later "
                    f"({where}): replay gives them out as the calls arrive; a session for each caller "
                    "that plays a cassette of its own settles it",
                )


def _find_alike_reads(ground: Ground, fates: Fates) -> Iterator[Remark]:
    for bucket in {line.bucket: None for line in ground.views}:
        lines = [line for line in bucket.lines if line.world is ground.world]
        for line, other, where in find_unlike(lines, fates) if len(lines) > 1 else ():
            yield Remark(
                ground.where(other.entries[0]),
                f"nothing tells it from {line.entries[0].id} but an id that nothing recorded before it showed, and "
                f"what is told of the two differs ({where}): where that id is another in the next run, replay gives "
                "out what is known of them as the calls arrive; not_identities for one that stays the same, a session "
                "for each caller, or a recording that shows where the id comes from settles it",
            )


def _find_told_by_credential(ground: Ground) -> Iterator[Remark]:
    for line, view in ground.views.items():
        entries = [seen.source for seen in view.rest.seen if seen.source.status < 400]
        header = find_telling_header(entries, ground) or _find_likely_header(entries, view, ground)
        remedy = (
            f'compare = ["{header}"] in the route of {line.entries[0].method} {line.entries[0].path} tells them apart'
            if header
            else "a compared header or a session for each caller tells them apart"
        )
        where, names = ground.where(line.entries[0]), ground.name(line.entries)
        if any(ground.world.may_take_turns(one, other) for one, other in view.unlike_callers()):
            yield Remark(
                where,
                f"its answers ({names}) differ by credential alone, so that the first call of an unknown token gets "
                f"the first of them: {remedy}",
            )
        elif header:
            text = f"its answers ({names}) go with the values of {header}, which does not count: {remedy}"
            yield Remark(where, text)


def find_telling_header(entries: Sequence[Entry], ground: Ground) -> str:
    """A header each of whose values had an answer of its own, more than once in turn; nothing where there is none."""
    for name, found in _find_parting_headers(entries, ground):
        if name.lower().startswith("x-") and (len(set(found.values())) < len(found) or name.lower().endswith("-id")):
            return name
    return ""


def _find_likely_header(entries: Sequence[Entry], view: View, ground: Ground) -> str:
    """The only header by which requests of one caller differ that were answered otherwise, be it once each.

    One that counts, or that holds what is new each time, is none; nor is it one where a write came between.
    """
    if len({entry.secrets for entry in entries}) > 1:
        return ""
    if len({find_state(view.rest.writes, entry.start) for entry in entries}) > 1:
        return ""
    parting = list(_find_parting_headers(entries, ground))
    if len(parting) != 1:
        return ""
    name, found = parting[0]
    values = [found[entry] for entry in sorted(entries, key=lambda entry: entry.start)]
    numbers = [int(value) for value in values if value.isdigit()]
    counts = len(numbers) == len(values) and numbers == sorted(numbers)
    made = any(tokens.find_made(value) or tokens.read_time(value) is not None for value in values)
    return "" if counts or made else name


def _find_parting_headers(entries: Sequence[Entry], ground: Ground) -> Iterator[tuple[str, dict[Entry, str]]]:
    """Headers, none of whose values had an answer that another had, each with its values."""
    if len(entries) < 2 or len({ground.blank(entry) + _named(entry) for entry in entries}) < 2:
        return
    values: dict[str, dict[Entry, str]] = {}
    for entry in entries:
        for name, value in ground.interaction(entry).request.headers:
            if not (names_secret(name) or "{{" in value or _ABOUT_CALLS.fullmatch(name) or tokens.names_new(name)):
                values.setdefault(name, {})[entry] = value
    for name, found in values.items():
        if len(found) != len(entries) or len(set(found.values())) < 2:
            continue
        answers: dict[str, set[bytes]] = {}
        for entry, value in found.items():
            answers.setdefault(value, set()).add(ground.blank(entry) + _named(entry))
        if all(not one & other for one, other in itertools.combinations(answers.values(), 2)):
            yield name, found


def _named(entry: Entry) -> bytes:
    return ",".join(sorted(entry.told)).encode()


def _find_unrecorded_states(ground: Ground) -> Iterator[Remark]:
    for line, view in ground.views.items():
        missing = _find_missing(view.rest, ground)
        if missing:
            yield _say_missing(line, "it", missing, ground)
        parts: dict[tuple[int, ...], list[str]] = {}
        for part in view.parts:
            numbers = tuple(entry.number for entry in _find_missing(part.timeline, ground, view))
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


def _find_missing(timeline: Timeline, ground: Ground, parts: View | None = None) -> list[Entry]:
    """The writes after which nothing was recorded, though something was before; `parts` where it is of one of them."""
    missing: dict[int, Entry] = {}
    for state, last in _states(timeline, ground):
        found = timeline.find(state)
        if found is None or not found.doubt:
            continue
        settled = timeline.constant if parts is None else parts.is_settled(state - found.steps.state)
        if not settled:
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
