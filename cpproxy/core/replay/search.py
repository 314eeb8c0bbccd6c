"""What a live call fits: the lines of the recording, the best first, and why it does not fit the rest.

Rules 5 to 9 of replay.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from msgspec import structs

from cpproxy.core.addresses import Public
from cpproxy.core.matching import ANY_BODY, Form
from cpproxy.core.messages import Request
from cpproxy.core.replay.bindings import Bindings, Contradiction
from cpproxy.core.replay.credentials import Sent, judge
from cpproxy.core.replay.identities import AS_IS, NUMBER, Identity
from cpproxy.core.replay.index import Hit, Line
from cpproxy.core.replay.loading import Library
from cpproxy.core.replay.session import Session
from cpproxy.core.replay.templates import Slot
from cpproxy.core.replay.worlds import Entry, Once
from cpproxy.core.routes import Route

_FEW = 4
_MANY = 32  # candidates of an unknown token, beyond which none is looked at


@dataclass(frozen=True, slots=True)
class Asking:
    """A live call as it is judged: what of it counts, by whom, in which session, and where it reached the front.

    `request` is all of it, with a token for the front's address.
    """

    form: Form
    accept: str
    route: Route | None
    sent: Sent
    session: Session
    scenario: str
    public: Public | None
    request: Request


@dataclass(frozen=True, slots=True)
class Candidate:
    """A line that a call fits, what it would bind, those of its entries that it may get, and what is in its slots."""

    line: Line
    added: dict[Identity, str]
    entries: tuple[Entry, ...]
    values: tuple[str, ...]
    free: int
    contradicting: int
    agreeing: int
    late: int
    tied: bool

    @property
    def open(self) -> int:
        """The gaps in which any text fits."""
        return sum(slot.secret for slot in self.line.slots)


@dataclass(slots=True)
class Search:
    """What a call fits, and why it does not fit the rest: each reason with the lines that it keeps away."""

    candidates: list[Candidate] = field(default_factory=list)
    contradictions: list[tuple[Line, Contradiction]] = field(default_factory=list)
    conjured: list[tuple[Entry, Identity]] = field(default_factory=list)
    lacking: list[Line] = field(default_factory=list)
    spent: list[Line] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def search(asking: Asking, library: Library) -> Search:
    """The lines that a call fits, the best first."""
    found = Search()
    _look(asking.form, asking, library, found, hasty=True)
    if not found.candidates:
        found = Search()
        _look(asking.form, asking, library, found)
    if not found.candidates:
        # What was answered before its body had come was recorded without it, and matches any.
        _look(structs.replace(asking.form, body=ANY_BODY), asking, library, found)
    if len(found.candidates) > 1:
        found.candidates.sort(key=lambda one: rank(one, asking))
    return found


def _look(form: Form, asking: Asking, library: Library, found: Search, *, hasty: bool = False) -> None:
    """Tries each line that a form may mean; in haste, without noting why those that are bound otherwise are not it."""
    for hit in library.index.find(form):
        for line in _lines(hit, asking.session, library, hasty=hasty):
            if (line.accept is not None and line.accept != asking.accept) or not asking.session.plays(line.world.name):
                continue
            candidate = _try(line, hit, asking, library, found)
            if candidate is not None:
                found.candidates.append(candidate)
                if _is_best(candidate, hit, asking.scenario) or len(found.candidates) > _MANY:
                    break


def _lines(hit: Hit, session: Session, library: Library, *, hasty: bool) -> Iterator[Line]:
    """The lines that the values may mean; of many writes, without those at the front that are used up."""
    bindings = session.bindings
    row = hit.bucket.candidates(hit.values, bindings, library.catalogue)
    lines = row.lines
    if len(lines) <= _FEW:
        yield from lines
        return
    start = session.cursors.get(row, 0)
    while start < len(lines) - 1 and _is_spent(lines[start], session):
        start += 1
    session.cursors[row] = start
    for line in itertools.islice(lines, start, None):
        if not (hasty and _is_bound_otherwise(line.slots, hit.values, bindings)):
            yield line


def _is_bound_otherwise(slots: tuple[Slot, ...], values: tuple[str, ...], bindings: Bindings) -> bool:
    """Whether something else certainly stands for what a line names: quicker said than why."""
    for slot, value in zip(slots, values, strict=True):
        bound = bindings.live.get(slot.identity)
        if bound is None or slot.form != AS_IS or slot.identity in bindings.loose:
            continue
        if bound != value and bound.lower() != value.lower() and not bound.startswith(NUMBER):
            return True
    return False


def _is_spent(line: Line, session: Session) -> bool:
    return all(entry in session.taken and entry.once is Once.USED_UP for entry in line.entries)


def _is_best(candidate: Candidate, hit: Hit, scenario: str) -> bool:
    """Whether no later line of a bucket can be better; with few lines, each is looked at."""
    return (
        len(hit.bucket.lines) > _FEW
        and candidate.entries[0].write
        and not candidate.contradicting
        and (candidate.agreeing > 0 or not candidate.entries[0].secrets)
        and (not scenario or candidate.line.world.name == scenario)
    )


def _try(line: Line, hit: Hit, asking: Asking, library: Library, found: Search) -> Candidate | None:
    first = line.entries[0]
    session, sent = asking.session, asking.sent
    entries = line.choose(sent.present)
    if not entries:
        found.lacking.append(line)
        return None
    if first.once is Once.USED_UP:
        entries = tuple([entry for entry in entries if entry not in session.taken])
        if not entries:
            found.spent.append(line)
            return None
    added = session.bindings.unify(line.slots, hit.values, library.catalogue, firm=first.write)
    if isinstance(added, Contradiction):
        found.contradictions.append((line, added))
        return None
    conjured = find_conjured(line, entries, added, session)
    if conjured is not None:
        found.conjured.append(conjured)
        return None
    judged = judge(entries, sent, session.secrets, hit.values, strict=library.settings.strict_credentials)
    if isinstance(judged, str):
        found.refused.append(judged)
        return None
    free = sum(identity != value for identity, value in added.items())
    return Candidate(
        line,
        added,
        judged.entries,
        hit.values,
        free=free,
        contradicting=judged.contradicting,
        agreeing=judged.agreeing,
        late=judged.late,
        tied=judged.tied,
    )


def rank(candidate: Candidate, asking: Asking) -> tuple[Any, ...]:
    """How candidates are ordered (rule 9): never by chance, and never by a distance."""
    world = candidate.line.world
    within = (-candidate.agreeing, candidate.late, candidate.entries[0].number)
    return (*rank_worlds(candidate, asking), world.entries[0].number, *within)


def rank_worlds(candidate: Candidate, asking: Asking) -> tuple[Any, ...]:
    """What goes before the order of cassettes; nothing that another caller did moves this one to another cassette."""
    session, entry, world = asking.session, candidate.entries[0], candidate.line.world
    played = 0 if entry.write else -max((session.played.get(one.number, 0) for one in _about(candidate)), default=0)
    return (world.name != asking.scenario, candidate.free, candidate.contradicting, candidate.open, played)


def _about(candidate: Candidate) -> tuple[Entry, ...]:
    return candidate.line.world.concerning([slot.identity for slot in candidate.line.slots if not slot.secret])


def find_conjured(
    line: Line, entries: tuple[Entry, ...], added: dict[Identity, str], session: Session
) -> tuple[Entry, Identity] | None:
    """The write that makes what a call would bind, and that nobody has played (rule 7); None where all is well.

    What was recorded before that write began (a 404) may be asked before it, too.
    """
    for identity, value in added.items():
        creator = line.world.creators.get(identity)
        if creator is None or value == identity or creator in entries or session.is_played(creator):
            continue
        if min(entry.start for entry in entries) >= creator.start:
            return creator, identity
    return None


def find_loose(candidate: Candidate, *, missing: bool) -> frozenset[Identity]:
    """What a read binds of things that are not there, or not yet: a write may bind it anew."""
    creators = candidate.line.world.creators
    return frozenset(one for one in candidate.added if missing or one in creators)
