"""What a read is told: the state of its subject, the caller's next step, and lists composed of their parts.

Rules 11 to 16 of replay, put together. A reading changes nothing until it is committed.
"""

from dataclasses import dataclass, field
from typing import Any

from cpproxy.core.replay import documents
from cpproxy.core.replay.credentials import Sent
from cpproxy.core.replay.documents import Choice, Steps
from cpproxy.core.replay.index import Line
from cpproxy.core.replay.loading import Library
from cpproxy.core.replay.session import Caller, Session, Told
from cpproxy.core.replay.timelines import Found, Seen, Timeline
from cpproxy.core.replay.views import ABSENT, Part, View, view_of
from cpproxy.core.replay.worlds import Entry, Thing, World


@dataclass(slots=True)
class Reading:
    """The answer of a read: the interaction it goes out as, the composed document where it is none, and any doubt."""

    entry: Entry
    caller: Caller
    world: World
    document: Any = None
    doubt: str = ""
    told: list[tuple[Told, frozenset[Thing]]] = field(default_factory=list)
    _before: list[tuple[Any, int | None]] = field(default_factory=list)

    @property
    def final(self) -> bool:
        """Whether the same is told again until something changes."""
        return all(told.last for told, _ in self.told)

    def commit(self, session: Session) -> None:
        """Notes what was told."""
        for told, things in self.told:
            self._before.append((told.progress, session.progress.get(told.progress)))
            session.remember(told, self.caller, self.world, things)

    def undo(self, session: Session) -> None:
        """Takes the steps back: the answer did not reach the client."""
        for key, before in reversed(self._before):
            if before is None:
                session.progress.pop(key, None)
            else:
                session.progress[key] = before


def read(line: Line, entries: tuple[Entry, ...], session: Session, sent: Sent, library: Library) -> Reading | None:
    """What these entries of a line tell a caller now; None where nothing was recorded so early."""
    view = view_of(line, entries, library.catalogue, library.volatile)
    every = line.choose(sent.present)
    wide = view if len(every) == len(entries) else view_of(line, every, library.catalogue, library.volatile)
    found = _find(view.rest, wide.rest, session, alike=not wide.unlike_callers())
    if found is None and view.by_path:
        found = _earliest(view.rest)
    if found is None:
        return None
    doubt = "" if view.by_path and view.rest.constant else _spell(found, view.rest, session, view.world)
    told = session.tell(sent.caller, view.rest, found, view.world, view.things)
    reading = Reading(told.seen.source, sent.caller, view.world, doubt=doubt, told=[(told, view.things)])
    if view.layout.keys and reading.entry in view.keys | wide.keys:
        _compose(reading, view, wide, session, library)
    for write in view.unseen:
        if session.is_played(write):
            reading.doubt = reading.doubt or f"what {write.id} made was never seen in it"
    return reading


def find_unmade(entry: Entry, world: World, session: Session) -> str:
    """Why a write's answer may not be as it would be: it shows what another write makes that nobody has played."""
    for identity in sorted(entry.told - entry.asked):
        maker = world.creators.get(identity, entry)
        if maker.start < entry.start and not session.is_played(maker) and identity not in session.bindings.live:
            return f"it shows {identity}, and nobody has played {maker.id}, which made it"
    return ""


def _find(own: Timeline, wide: Timeline, session: Session, *, alike: bool) -> Found | None:
    """What answers in the state, by what this caller was told when it was recorded, else by what anybody was.

    Where callers are told `alike`, what others were told later goes on where this one had stopped to ask.
    """
    found = own.find(session.state(own))
    if own is wide:
        return found
    if found is not None and not found.doubt:
        return own.go_on(found, wide) if alike and not found.at_end else found
    other = wide.find(session.state(wide))
    if other is not None and (found is None or not other.doubt):
        return other
    return found


def _earliest(timeline: Timeline) -> Found | None:
    """What was recorded first; that a path is alike is too weak a sign to refuse."""
    state = min((seen for seen in timeline.states()), key=len, default=None)
    found = None if state is None else timeline.find(state)
    return None if found is None else Found(found.steps, "it was never asked before a write to its path")


def _compose(reading: Reading, view: View, wide: View, session: Session, library: Library) -> None:
    """Chooses each part, and composes the document where no recorded answer is just that (rule 14)."""
    others = {part.steps: part for part in wide.parts} if wide is not view else {}
    known = {part.steps for part in view.parts}
    chosen: dict[Steps, Seen] = {}
    for part in (*view.parts, *(part for steps, part in others.items() if steps not in known)):
        parents = [part.steps[:size] for size in range(1, len(part.steps)) if _is_part(part.steps[size - 1])]
        if not all(parent in chosen for parent in parents):
            continue
        seen = _choose(part, others.get(part.steps, part), reading, session, wide)
        if seen is not None and seen.source is not ABSENT:
            chosen[part.steps] = seen
    keys = (view.keys | wide.keys)[reading.entry]
    if {steps: seen.value for steps, seen in chosen.items()} == keys:
        return
    cache: dict[Entry, Any] = {}

    def document(entry: Entry) -> Any:  # noqa: ANN401 (JSON)
        if entry not in cache:
            cache[entry] = documents.read_json(entry.interaction())
        return cache[entry]

    choices = {steps: Choice(document(seen.source[0]), seen.source[1]) for steps, seen in chosen.items()}
    reading.document = documents.compose(document(reading.entry), view.layout, choices, library.catalogue)


def _is_part(step: str | int) -> bool:
    return isinstance(step, str) and step.startswith("#")


def _choose(part: Part, other: Part, reading: Reading, session: Session, wide: View) -> Seen | None:
    """What a part is now; None for one that is not there."""
    if part.creator is not None and not session.is_played(part.creator):
        return None
    found = _find(part.timeline, other.timeline, session, alike=part.creator is not None or not wide.unlike_callers())
    if found is None:
        reading.doubt = reading.doubt or f"{_name(part, session)} was never seen in this state"
        return None
    if found.doubt and not wide.is_settled(session.state(part.timeline) - found.steps.state):
        spelt = _spell(found, part.timeline, session, reading.world)
        reading.doubt = reading.doubt or f"{_name(part, session)}: {spelt}"
    told = session.tell(reading.caller, part.timeline, found, reading.world, part.things)
    reading.told.append((told, part.things))
    if part.telling is not None and told.seen.source is not ABSENT and not _was_told(part.telling, session):
        reading.doubt = (
            reading.doubt or f"nobody has asked yet what became of {_name(part, session)} ({part.telling.id})"
        )
    return told.seen


def _was_told(telling: Entry, session: Session) -> bool:
    """Whether a read was played, or one that was asked again after it."""
    entries = [telling] if telling.line is None else telling.line.entries
    return any(entry in session.taken for entry in entries if entry.start >= telling.start)


def _spell(found: Found, timeline: Timeline, session: Session, world: World) -> str:
    """The doubt about an answer, with the writes that have been played since what it shows; nothing where none is."""
    if not found.doubt:
        return ""
    since = sorted(session.state(timeline) - found.steps.state)
    writes = ", ".join(world.entries[number - world.entries[0].number].id for number in since)
    return f"{found.doubt} ({writes})" if writes else found.doubt


def _name(part: Part, session: Session) -> str:
    identity = str(part.steps[-1])[1:]
    return session.bindings.live.get(identity, identity)
