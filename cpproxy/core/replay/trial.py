"""What a call that missed would get with one more line of config: tried on a copy, before anything is advised."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import msgspec

from cpproxy.core.cassette import CassetteOf, Interaction
from cpproxy.core.matching import normalise
from cpproxy.core.replay.bindings import Bindings
from cpproxy.core.replay.index import Line
from cpproxy.core.replay.loading import Library, load
from cpproxy.core.replay.reading import read
from cpproxy.core.replay.remedies import Remedy, apply
from cpproxy.core.replay.search import Asking, Candidate, Search, search
from cpproxy.core.replay.session import Session
from cpproxy.core.replay.worlds import Entry
from cpproxy.core.routes import RouteTable
from cpproxy.errors import UsageError

_MOST = 64  # interactions that are read anew


@dataclass(frozen=True, slots=True)
class _Part:
    """Some interactions of a cassette, as if they were all of it: a source."""

    name: str
    head: CassetteOf[msgspec.Raw]
    entries: tuple[Entry, ...]

    def interactions(self) -> Iterator[tuple[msgspec.Raw, Interaction]]:
        return ((msgspec.Raw(entry.json), entry.interaction()) for entry in self.entries)


def try_out(
    remedy: Remedy, line: Line, asking: Asking, library: Library, words: Iterable[str] = ()
) -> tuple[str, ...] | None:
    """Whether a call would get what is in a line; None where not, else the writes that would have to be played first.

    Those are what makes the things that the remedy lets the recording name. `words` are what the remedy is about.
    """
    routes, settings = apply([remedy], tuple(one.settings for one in library.routes.routes), library.settings)
    try:
        table = RouteTable(routes)
    except UsageError:  # no config can say it: what was recorded holds a brace or the like
        return None
    trial = load([_choose(line, library, words)], table, settings)
    session = _carry(asking.session, library, trial)
    request = asking.request
    route = table.find(request.method, request.path, request)
    asking = replace(asking, form=normalise(request, route), route=route, session=session)
    found = search(asking, trial)
    after: list[str] = []
    while not found.candidates and (maker := _find_maker(found, library)) is not None:
        session.play(maker)
        after.append(maker.id)
        found = search(asking, trial)
    if not found.candidates or not _tells(found.candidates[0], line, asking, trial):
        return None
    return tuple(after)


def _choose(line: Line, library: Library, words: Iterable[str]) -> _Part:
    """The interactions that are like the nearest or name what it names: to read all anew would take too long."""
    first = line.entries[0]
    texts = [word.encode() for word in words]
    ranked: list[tuple[int, Entry]] = []
    for entry in line.world.entries:
        alike = entry.method == first.method and entry.path.count("/") == first.path.count("/")
        named = not first.asked.isdisjoint(entry.asked | entry.told) or any(text in entry.json for text in texts)
        if alike or named:
            ranked.append((0 if entry is first else 1 if named and alike else 2 if named else 3, entry))
    chosen = sorted(ranked, key=lambda one: one[0])[:_MOST]
    entries = sorted((entry for _, entry in chosen), key=lambda entry: entry.number)
    return _Part(line.world.name, library.heads[line.world.name], tuple(entries))


def _carry(session: Session, old: Library, new: Library) -> Session:
    """The session as it would be, had its calls been answered by the other library."""
    known = session.bindings
    bindings = Bindings(dict(known.live), dict(known.recorded), set(known.loose), dict(known.renamed))
    copy = Session(session.worlds, bindings, session.secrets, order=session.order)
    entries = {(entry.cassette, entry.id): entry for world in new.worlds.values() for entry in world.entries}
    for entry in session.taken:
        other = entries.get((entry.cassette, entry.id))
        if other is None or other.line is None:
            continue
        copy.taken.add(other)
        if entry.number in session.played:
            copy.played[other.number] = session.played[entry.number]
        # What had no name was asked for, and told, as it was recorded.
        handed_out = other.told & new.worlds[other.cassette].handed_out
        for identity in {slot.identity for slot in other.line.slots if not slot.secret} | handed_out:
            if identity not in old.catalogue:
                bindings.serve(identity)
    return copy


def _find_maker(found: Search, library: Library) -> Entry | None:
    """The write that makes what the call names, where only the remedy lets the recording name it."""
    return next((entry for entry, identity in found.conjured if identity not in library.catalogue), None)


def _tells(candidate: Candidate, line: Line, asking: Asking, trial: Library) -> bool:
    """Whether the candidate is what the line holds, and something of it answers now."""
    wanted = {(entry.cassette, entry.id) for entry in line.entries}
    if not any((entry.cassette, entry.id) in wanted for entry in candidate.entries):
        return False
    if candidate.entries[0].write:
        return True
    return read(candidate.line, candidate.entries, asking.session, asking.sent, trial) is not None
