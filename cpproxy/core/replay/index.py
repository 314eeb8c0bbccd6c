"""The recorded requests by what a live call can be looked up with: outline, shape and key, then the identities.

Lines hold what was recorded for one request in one cassette, in order. A bucket holds the lines that differ in nothing
but their identities.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from cpproxy.core.cassette import Credential
from cpproxy.core.matching import Form
from cpproxy.core.replay.bindings import Bindings
from cpproxy.core.replay.identities import Catalogue, Identity
from cpproxy.core.replay.templates import Shape, Slot, Template
from cpproxy.core.replay.worlds import Entry, World

if TYPE_CHECKING:
    from cpproxy.core.replay.views import View

type Outline = tuple[Any, ...]

_FEW = 4
_NO_SHAPES: dict[Shape, dict[object, "Bucket"]] = {}


class Echo(NamedTuple):
    """A value of a recorded request that its own answer holds: the gap of the shape that it stands in, and its text."""

    gap: int
    text: str


@dataclass(slots=True, eq=False)
class Line:
    """What was recorded for one request. `accept` is the recorded header where answers differ by it, else None."""

    world: World
    bucket: "Bucket"
    slots: tuple[Slot, ...]
    accept: str | None = None
    entries: list[Entry] = field(default_factory=list)
    echoes: dict[Entry, tuple[Echo, ...]] | None = None
    """What the answers hold of values that are left out of the match; few lines have any."""
    _eligible: dict[frozenset[Credential], tuple[Entry, ...]] | None = None
    _views: dict[tuple[Entry, ...], "View"] | None = None

    @property
    def views(self) -> dict[tuple[Entry, ...], "View"]:
        """What was made of its entries, or of some of them; thousands of lines are never asked for."""
        if self._views is None:
            self._views = {}
        return self._views

    def choose(self, credentials: frozenset[Credential]) -> tuple[Entry, ...]:
        """Those that a call with these credentials may get (rule 6).

        What was denied gives way to what more of the call's credentials were answered: the challenge to its answer.
        """
        if self._eligible is None:
            self._eligible = {}
        found = self._eligible.get(credentials)
        if found is None:
            fitting = [entry for entry in self.entries if entry.credentials <= credentials]
            answered = {entry.credentials for entry in fitting if not entry.denied}
            found = self._eligible[credentials] = tuple(
                entry
                for entry in fitting
                if not entry.denied
                or ((entry.credentials or not credentials) and not any(entry.credentials < more for more in answered))
            )
        return found

    def means(self, number: int, identity: Identity) -> bool:
        """Whether an identity stands in its slot of that number."""
        slot = self.slots[number]
        return slot.identity == identity and not slot.secret


@dataclass(slots=True, eq=False)
class Row:
    """Lines in recorded order; hashable, so that a session can keep its place in it."""

    lines: list[Line]


_NONE = Row([])


@dataclass(slots=True, eq=False)
class Bucket(Row):
    """All lines of one shape and key."""

    shape: Shape
    _by_identity: dict[tuple[int, Identity], Line | Row] | None = None
    """The lines by what stands in each slot, once there are more than a few."""

    def find(self, world: World, slots: tuple[Slot, ...]) -> Line | None:
        """The line of these slots, whatever secrets stand in them."""
        rows = (
            [self._row(number, slot.identity).lines for number, slot in enumerate(slots) if not slot.secret]
            if self._by_identity is not None
            else ()
        )
        for line in min(rows, key=len, default=self.lines):
            if line.world is world and all(
                (one.secret and other.secret) or one == other for one, other in zip(line.slots, slots, strict=True)
            ):
                return line
        return None

    def put(self, line: Line) -> None:
        """Adds a line after the others."""
        self.lines.append(line)
        if self._by_identity is not None:
            self._enter(line)
        elif len(self.lines) > _FEW and self.shape.gaps:
            self._by_identity = {}
            for one in self.lines:
                self._enter(one)
        for entry in line.entries:
            entry.line = line

    def _enter(self, line: Line) -> None:
        known = self._by_identity
        for number, slot in enumerate(line.slots):
            if known is None or slot.secret:
                continue
            match known.setdefault((number, slot.identity), line):
                case Row() as row:
                    row.lines.append(line)
                case other if other is not line:
                    known[number, slot.identity] = Row([other, line])
                case _:
                    pass

    def take(self, line: Line) -> None:
        """Takes a line out."""
        self.lines.remove(line)
        if self._by_identity is not None:
            self._by_identity = {}
            for one in self.lines:
                self._enter(one)

    def candidates(self, values: tuple[str, ...], bindings: Bindings, catalogue: Catalogue) -> Row:
        """The lines that these values may mean, in recorded order; few, unless no value is known."""
        best: Row = self
        for number, value in enumerate(values):
            known = bindings.meaning(value, catalogue)
            if known is not None and known not in bindings.loose:
                row = self._row(number, known)
                if best is self or len(row.lines) < len(best.lines):
                    best = row
        return best

    def _row(self, number: int, identity: Identity) -> Row:
        if self._by_identity is None:
            return Row([line for line in self.lines if line.means(number, identity)])
        match self._by_identity.get((number, identity), _NONE):
            case Line() as line:
                return Row([line])
            case row:
                return row


class Hit(NamedTuple):
    """A bucket that a call fits, with the values in its gaps."""

    bucket: Bucket
    values: tuple[str, ...]


class Index:
    """All lines, by outline, shape and key."""

    def __init__(self) -> None:
        self._outlines: dict[Outline, dict[Shape, dict[object, Bucket]]] = {}
        self._wide: dict[Outline, dict[Shape, dict[object, Bucket]]] = {}
        """Those in whose query a name is a gap, by the number of the names."""

    def add(self, outlined: Outline, template: Template, entry: Entry, world: World) -> Line:
        """Puts a recorded request of that outline in its line, which comes back."""
        outlines = self._outlines
        if template.shape.gaps and template.shape.names_query:
            outlines, outlined = self._wide, _widen(outlined)
        buckets = outlines.setdefault(outlined, {}).setdefault(template.shape, {})
        bucket = buckets.get(template.key)
        if bucket is None:
            bucket = buckets[template.key] = Bucket([], template.shape)
        line = bucket.find(world, template.slots)
        if line is None:
            line = Line(world, bucket, template.slots)
            bucket.put(line)
        line.entries.append(entry)
        entry.line = line
        entry.slotted = tuple((at, slot.identity) for at, slot in enumerate(template.slots) if slot.secret)
        return line

    def find(self, form: Form) -> list[Hit]:
        """The buckets that a call fits."""
        hits: list[Hit] = []
        outlined = outline(form)
        found = self._outlines.get(outlined, _NO_SHAPES)
        for shapes in (found, self._wide.get(_widen(outlined), _NO_SHAPES)) if self._wide else (found,):
            for shape, buckets in shapes.items():
                cut = shape.cut(form)
                if cut is not None and (bucket := buckets.get(cut[0])) is not None:
                    hits += (Hit(bucket, values) for values in cut[1])
        return hits

    def buckets(self) -> Iterator[Bucket]:
        """Every bucket."""
        for shapes in (*self._outlines.values(), *self._wide.values()):
            for buckets in shapes.values():
                yield from buckets.values()

    def drop(self, bucket: Bucket) -> None:
        """Takes a bucket out; its entries are to be added anew."""
        for shapes in (*self._outlines.values(), *self._wide.values()):
            for buckets in shapes.values():
                for key, known in list(buckets.items()):
                    if known is bucket:
                        del buckets[key]


def outline(form: Form) -> Outline:
    """What of a request is the same for all of one shape."""
    return (form.method, form.path.count("/"), tuple(name for name, _ in form.query), form.body.kind)


def _widen(outlined: Outline) -> Outline:
    """An outline that is the same whatever the names in the query are."""
    method, segments, names, kind = outlined
    return (method, segments, len(names), kind)
