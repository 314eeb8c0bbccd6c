"""When an answer was chosen by arrival alone: what was recorded holds others that fit as well, and fare otherwise.

Rows of `What cannot be made right` as they happen at run time. It is asked when a call binds something, never again:
what is bound is certain from then on, and whoever misses with it is told how it came to be bound.
"""

from dataclasses import dataclass, field

from cpproxy.core.matching import Form, encode_json
from cpproxy.core.replay.credentials import judge
from cpproxy.core.replay.fates import Fates, find_difference, may_come_first
from cpproxy.core.replay.ground import survey
from cpproxy.core.replay.identities import Identity
from cpproxy.core.replay.index import Line
from cpproxy.core.replay.loading import Library
from cpproxy.core.replay.search import Asking, Candidate, rank_worlds
from cpproxy.core.replay.session import Session
from cpproxy.core.replay.views import view_of
from cpproxy.core.replay.worlds import MISSING, Entry

_EXAMINED = 8


@dataclass(slots=True)
class Guesses:
    """Whether answers are guesses, for all cassettes of a replay."""

    library: Library
    _fates: dict[str, Fates] = field(default_factory=dict)
    _sole: dict[Line, bool] = field(default_factory=dict)

    def judge_write(self, entry: Entry, candidate: Candidate, asking: Asking) -> str:
        """Why nothing but arrival gave this call this write, or nothing; to be asked before it is bound."""
        guess = self._judge_write(entry, candidate, asking)
        self._weigh_tokens(entry, asking)
        return guess

    def judge_read(self, entry: Entry, candidate: Candidate, candidates: list[Candidate], asking: Asking) -> str:
        """Why nothing but arrival gave this call this line, or nothing; to be asked before it is bound."""
        # What is not there is bound loosely: the write that makes it settles which it is.
        is_open = candidate.free and len(candidates) > 1 and entry.status not in MISSING
        guess = self._judge_read(candidate, candidates, asking) if is_open else ""
        self._weigh_tokens(entry, asking)
        return guess

    def _weigh_tokens(self, entry: Entry, asking: Asking) -> None:
        """Notes whose tokens are new, and could be those of others who made such calls."""
        session = asking.session
        every = {(entry.cassette, marker): asking.sent.value(header) for header, marker in entry.secrets}
        new = [one for one, value in every.items() if value is not None and not session.secrets.agrees(one, value)]
        if not new and session.doubted.isdisjoint(every):
            return
        if entry.line is not None and self._is_sole(entry.line):
            session.doubted.difference_update(every)
        else:
            session.doubted.update(new)

    def _is_sole(self, line: Line) -> bool:
        """Whether but one caller made calls of this kind."""
        if line not in self._sole:
            lines = [one for one in line.bucket.lines if one.world is line.world]
            self._sole[line] = len({entry.secrets for one in lines for entry in one.entries}) == 1
        return self._sole[line]

    def _judge_write(self, entry: Entry, candidate: Candidate, asking: Asking) -> str:
        if not entry.changes or (len(entry.line.bucket.lines) == 1 == len(entry.line.entries) if entry.line else True):
            return ""
        fates = self._of(entry.cassette)
        rivals = fates.rivals(entry)
        fates.ground.forget()
        own = fates.own(entry) if rivals or asking.session.guessed else frozenset()
        if not own and not rivals:
            return ""
        if not candidate.free and any(slot.identity in own for slot in candidate.line.slots):
            return ""
        why = self._find_shift(entry, fates, asking.session)
        for rival, where in rivals if not why else ():
            if self._fits_as_well(rival, entry, candidate, asking):
                why = f"nothing tells whether {entry.id} or {rival.id} is meant, and they differ later ({where})"
                break
        if not why:
            return ""
        asking.session.guessed.update(dict.fromkeys(own, why))
        return f"bound by arrival: {why}; a session for each caller that plays a cassette of its own settles it"

    def _find_shift(self, entry: Entry, fates: Fates, session: Session) -> str:
        """The guess that went before: who took another's place there leaves another's to who comes after."""
        for identity, why in session.guessed.items():
            maker = fates.ground.world.creators.get(identity)
            if maker is not None and fates.is_like(maker, entry):
                return why
        return ""

    def _fits_as_well(self, rival: Entry, entry: Entry, candidate: Candidate, asking: Asking) -> bool:
        if not rival.credentials <= asking.sent.present:
            return False
        judged = judge((rival,), asking.sent, asking.session.secrets, strict=self.library.settings.strict_credentials)
        if isinstance(judged, str):
            return False
        tokens = {(one.cassette, marker) for one in (entry, rival) for _, marker in one.secrets}
        if not asking.session.doubted.isdisjoint(tokens):
            return True
        return (judged.contradicting, -judged.agreeing) <= (candidate.contradicting, -candidate.agreeing)

    def _judge_read(self, candidate: Candidate, candidates: list[Candidate], asking: Asking) -> str:
        own = _find_new(candidate)
        fates = self._of(candidate.line.world.name)
        for other in candidates[:_EXAMINED] if own else ():
            if not _is_alike(candidate, other) or not may_come_first(candidate.line, other.line):
                continue
            where = find_difference(fates.fate(own), fates.fate(_find_new(other)))
            fates.ground.forget()
            if where:
                ids = f"{candidate.entries[0].id} or {other.entries[0].id}"
                why = f"nothing tells whether {ids} is meant, and they differ ({where})"
                asking.session.guessed.update(dict.fromkeys(own, why))
                return f"bound by arrival: {why}; record the call that shows the id first, or use sessions"
        return ""

    @staticmethod
    def note_world(candidate: Candidate, candidates: list[Candidate], asking: Asking) -> str:
        """That several cassettes hold a write, and nothing says which of them is played."""
        best = rank_worlds(candidate, asking)
        for other in candidates if candidate.line.world.name != asking.scenario else ():
            if other.line.world is not candidate.line.world and rank_worlds(other, asking) == best:
                name, entry = other.line.world.name, other.entries[0]
                return (
                    f"cassette {name} holds such a call, too ({entry.id}), and nothing says which is meant: begin its "
                    "scenario, or choose cassettes"
                )
        return ""

    def note_credential(self, candidate: Candidate, asking: Asking) -> str:
        """That an unknown token is taken for the first caller who asked, where callers were told otherwise."""
        if not candidate.tied or not self._is_told_by_credential(candidate, asking):
            return ""
        return (
            "its answers differ by credential alone, and this token is unknown: it is taken for that of "
            f"{candidate.entries[0].id}; a compared header or a session for each caller settles it"
        )

    def _is_told_by_credential(self, candidate: Candidate, asking: Asking) -> bool:
        every = candidate.line.choose(asking.sent.present)
        view = view_of(candidate.line, every, self.library.catalogue, self.library.volatile)
        return any(view.world.may_take_turns(one, other) for one, other in view.unlike_callers())

    def _of(self, cassette: str) -> Fates:
        if cassette not in self._fates:
            self._fates[cassette] = Fates(survey(self.library, cassette))
        return self._fates[cassette]


def _find_new(candidate: Candidate) -> frozenset[Identity]:
    """What a read would bind that no write introduces."""
    creators = candidate.line.world.creators
    return frozenset(one for one, value in candidate.added.items() if one != value and one not in creators)


def _is_alike(one: Candidate, other: Candidate) -> bool:
    return (
        one.line is not other.line
        and one.line.world is other.line.world
        and (one.free, one.contradicting, one.open, one.agreeing)
        == (other.free, other.contradicting, other.open, other.agreeing)
    )


def spell_guesses(form: Form, session: Session, library: Library) -> str:
    """How what a call names came to be bound, where that was a guess, or was made within what was one; else nothing."""
    if not session.guessed:
        return ""
    text = f"{form.path} {form.query} {form.headers}"
    if form.body.kind in {"json", "form"}:
        text += encode_json(form.body.value).decode()
    named = {identity for identity, value in session.bindings.live.items() if value in text}
    named.update(one for one in session.guessed if one in text)
    for world in library.worlds.values():
        makers = [maker for one in named if (maker := world.creators.get(one)) is not None]
        things = {world.thing(one) for one in named.union(*(maker.asked for maker in makers))}
        things |= world.ancestors(things)
        for identity, why in session.guessed.items():
            if world.thing(identity) in things:
                return f"; {session.bindings.live.get(identity, identity)} was bound by arrival: {why}"
    return ""
