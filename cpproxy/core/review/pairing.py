"""Two recordings of one scenario, side by side: which interaction of one is which of the other.

Writes are paired one by one. Reads are paired request by request, and there step by step, so that it does not matter
how often each was polled. What is like the most goes together, in recorded order where nothing tells.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from cpproxy.core.addresses import addresses
from cpproxy.core.cassette import Interaction
from cpproxy.core.replay.inventory import compared
from cpproxy.core.replay.loading import Library
from cpproxy.core.replay.places import Scalar, Spot, walk, walk_answer
from cpproxy.core.replay.remedies import shape
from cpproxy.core.replay.worlds import Entry, Once, World

_WORD = re.compile(r"[A-Za-z][A-Za-z _-]{0,40}")
_PLACEHOLDER = re.compile(r"\{\{cpproxy:[^{}]*\}\}")


@dataclass(frozen=True, slots=True)
class Side:
    """One of the recordings, as replay has it."""

    library: Library
    cassette: str
    _interactions: dict[int, Interaction] = field(default_factory=dict)
    _leaves: dict[int, dict[Spot, Scalar]] = field(default_factory=dict)

    @property
    def world(self) -> World:
        """The cassette as a world."""
        return self.library.worlds[self.cassette]

    @property
    def entries(self) -> list[Entry]:
        """Its interactions, in recorded order."""
        return self.world.entries

    def interaction(self, entry: Entry) -> Interaction:
        """An interaction, decoded once."""
        return self._interactions.setdefault(entry.number, entry.interaction())

    def leaves(self, entry: Entry) -> dict[Spot, Scalar]:
        """The values of an interaction by place, with tokens for the upstream's address."""
        known = self._leaves.get(entry.number)
        if known is None:
            found = walk(self.interaction(entry), self.library.catalogue, compared(entry, self.library))
            own = addresses(self.world.upstream)
            known = self._leaves[entry.number] = {
                spot: own.tokenise(value) if own and isinstance(value, str) else value for spot, value in found
            }
        return known

    def skeleton(self, entry: Entry) -> bytes:
        """Equal for answers that are in the same state: status and words, without numbers, names and what is made."""
        words = [
            (spot.wide, value)
            for spot, value in walk_answer(self.interaction(entry), self.library.catalogue)
            if isinstance(value, bool) or value is None or (isinstance(value, str) and _WORD.fullmatch(value))
        ]
        return msgspec.json.encode([entry.status, words])

    def label(self, entry: Entry) -> str:
        """The route's name, else method and path without what is made."""
        return entry.route or f"{entry.method} {shape(entry.path, self.library.catalogue)}"


@dataclass(frozen=True, slots=True)
class Pair:
    """An interaction of each recording; the same call."""

    one: Entry
    other: Entry


@dataclass(slots=True)
class Pairing:
    """What goes together, and what only one of them has; `polled` holds answers that only one of them saw."""

    pairs: list[Pair] = field(default_factory=list)
    only_one: list[Entry] = field(default_factory=list)
    only_other: list[Entry] = field(default_factory=list)
    polled: list[tuple[Entry, bool]] = field(default_factory=list)
    """With whether it is of the first recording."""
    known: dict[Scalar, Scalar] = field(default_factory=dict)
    """Values of the first recording and those of the other that stand for them."""


def pair(one: Side, other: Side) -> Pairing:
    """Pairs all interactions: writes first, since they tell which thing is which."""
    pairing = Pairing()
    known = pairing.known
    for writes in (True, False):
        ours, theirs = _group(one, writes=writes), _group(other, writes=writes)
        left, other_left = [], []
        for key in dict.fromkeys((*ours, *theirs)):
            mine, others = ours.get(key, []), theirs.get(key, [])
            left += _match(mine, others, one, other, pairing, known)
            other_left += others
        for strand in left:
            path = strand[0].path
            likely = [candidate for candidate in other_left if _is_same_path(path, candidate[0].path, known)]
            taken = list(likely)
            pairing.only_one += [
                entry for lone in _match([strand], taken, one, other, pairing, known) for entry in lone
            ]
            other_left = [candidate for candidate in other_left if candidate not in likely or candidate in taken]
        pairing.only_other += [entry for strand in other_left for entry in strand]
    pairing.pairs.sort(key=lambda pair: pair.one.number)
    return pairing


def _match(  # noqa: PLR0917 (both recordings, and what is known of them)
    strands: Iterable[list[Entry]],
    others: list[list[Entry]],
    one: Side,
    other: Side,
    pairing: Pairing,
    known: dict[Scalar, Scalar],
) -> list[list[Entry]]:
    """Pairs strands with those of the other recording, which are taken out; those that found none come back."""
    left = []
    for strand in strands:
        best = _choose(strand[0], others, one, other, known)
        if best is None:
            left.append(strand)
            continue
        others.remove(best)
        once = strand[0].once is Once.USED_UP
        for found in _zip(strand, best) if once else _align(strand, best, one, other, pairing):
            pairing.pairs.append(found)
            _learn(found, one, other, known)
    return left


def _is_same_path(path: str, other: str, known: dict[Scalar, Scalar]) -> bool:
    """Whether two paths differ in nothing but what is known to stand for each other."""
    ours, theirs = path.split("/"), other.split("/")
    return len(ours) == len(theirs) and all(
        mine == their or known.get(mine) == their for mine, their in zip(ours, theirs, strict=True)
    )


def _group(side: Side, *, writes: bool) -> dict[object, list[list[Entry]]]:
    """Strands by label: of writes one each, of reads those that ask the same."""
    groups: dict[object, dict[object, list[Entry]]] = {}
    for entry in side.entries:
        if entry.write is writes:
            query = tuple(sorted(spot.path for spot in side.leaves(entry) if spot.path.startswith("query:")))
            strand = entry.number if entry.once is Once.USED_UP else (entry.line, entry.secrets)
            groups.setdefault((entry.method, side.label(entry), query), {}).setdefault(strand, []).append(entry)
    return {key: list(strands.values()) for key, strands in groups.items()}


def _choose(
    entry: Entry, strands: Sequence[list[Entry]], one: Side, other: Side, known: dict[Scalar, Scalar]
) -> list[Entry] | None:
    """The strand that is most like an interaction; the first where several are."""
    mine = one.leaves(entry)
    best, most = None, -1
    for strand in strands:
        theirs = other.leaves(strand[0])
        like = sum(spot in theirs and theirs[spot] in (value, known.get(value)) for spot, value in mine.items())
        if like > most:
            best, most = strand, like
    return best


def _zip(strand: Sequence[Entry], other: Sequence[Entry]) -> Iterator[Pair]:
    for mine, theirs in zip(strand, other, strict=False):
        yield Pair(mine, theirs)


def _align(
    strand: Sequence[Entry], other_strand: Sequence[Entry], one: Side, other: Side, pairing: Pairing
) -> Iterator[Pair]:
    """Pairs the answers of two polls, state by state."""
    ours, theirs = _collapse(strand, one), _collapse(other_strand, other)
    matcher = difflib.SequenceMatcher(
        None, [state for state, _ in ours], [state for state, _ in theirs], autojunk=False
    )
    for tag, low, high, other_low, other_high in matcher.get_opcodes():
        mine, others = ours[low:high], theirs[other_low:other_high]
        if tag in {"equal", "replace"}:
            for (_, answers), (_, other_answers) in zip(mine, others, strict=False):
                yield from _zip(answers, other_answers)
        paired = min(len(mine), len(others))
        pairing.polled += [(answers[0], True) for _, answers in mine[paired:]]
        pairing.polled += [(answers[0], False) for _, answers in others[paired:]]


def _collapse(entries: Iterable[Entry], side: Side) -> list[tuple[bytes, list[Entry]]]:
    states: list[tuple[bytes, list[Entry]]] = []
    for entry in entries:
        state = side.skeleton(entry)
        if states and states[-1][0] == state:
            states[-1][1].append(entry)
        else:
            states.append((state, [entry]))
    return states


def _learn(found: Pair, one: Side, other: Side, known: dict[Scalar, Scalar]) -> None:
    """Remembers what stands for what."""
    theirs = other.leaves(found.other)
    for spot, value in one.leaves(found.one).items():
        if isinstance(value, str) and spot in theirs and theirs[spot] != value:
            known.setdefault(value, theirs[spot])


def without_secrets(text: str) -> str:
    """A text with its placeholders all alike."""
    return _PLACEHOLDER.sub("{{}}", text)
