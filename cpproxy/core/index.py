"""The recorded requests by what a live call can be looked up with: outline, shape and key, then the identities.

Lines hold what was recorded for one request in one cassette, in order. A bucket holds the lines that differ in nothing
but their identities.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from cpproxy.core.bindings import Bindings
from cpproxy.core.cassette import Credential
from cpproxy.core.identities import Catalogue, Identity
from cpproxy.core.matching import Form
from cpproxy.core.templates import Shape, Slot, Template
from cpproxy.core.worlds import Entry, World

if TYPE_CHECKING:
    from cpproxy.core.views import View

type Outline = tuple[Any, ...]


@dataclass(slots=True, eq=False)
class Line:
    """What was recorded for one request. `accept` is the recorded header where answers differ by it, else None."""

    world: World
    bucket: "Bucket"
    slots: tuple[Slot, ...]
    accept: str | None = None
    entries: list[Entry] = field(default_factory=list)
    eligible: dict[frozenset[Credential], tuple[Entry, ...]] = field(default_factory=dict)
    views: dict[tuple[Entry, ...], "View"] = field(default_factory=dict)

    def choose(self, credentials: frozenset[Credential]) -> tuple[Entry, ...]:
        """Those that a call with these credentials may get (rule 6).

        What was denied gives way to what more of the call's credentials were answered: the challenge to its answer.
        """
        found = self.eligible.get(credentials)
        if found is None:
            fitting = [entry for entry in self.entries if entry.credentials <= credentials]
            answered = {entry.credentials for entry in fitting if not entry.denied}
            found = self.eligible[credentials] = tuple(
                entry
                for entry in fitting
                if not entry.denied
                or ((entry.credentials or not credentials) and not any(entry.credentials < more for more in answered))
            )
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """Lines in recorded order; hashable, so that a session can keep its place in it."""

    lines: list[Line]


@dataclass(slots=True, eq=False)
class Bucket:
    """Lines of one shape and key, by the identities in their slots."""

    shape: Shape
    lines: dict[tuple[object, ...], Line] = field(default_factory=dict)
    by_identity: dict[tuple[int, Identity], Row] = field(default_factory=dict)
    row: Row = field(default_factory=lambda: Row([]))

    def put(self, line: Line) -> None:
        """Adds a line after the others."""
        self.row.lines.append(line)
        for number, slot in enumerate(line.slots):
            if not slot.secret:
                self.by_identity.setdefault((number, slot.identity), Row([])).lines.append(line)
        for entry in line.entries:
            entry.line = line

    def take(self, line: Line) -> None:
        """Takes a line out."""
        for row in (self.row, *self.by_identity.values()):
            if line in row.lines:
                row.lines.remove(line)

    def candidates(self, values: tuple[str, ...], bindings: Bindings, catalogue: Catalogue) -> Row:
        """The lines that these values may mean, in recorded order; few, unless no value is known."""
        if not self.by_identity:
            return self.row
        best: Row | None = None
        for number, value in enumerate(values):
            known = bindings.meaning(value, catalogue)
            if known is not None:
                if known in bindings.loose:
                    continue
                row = self.by_identity.get((number, known), _NONE)
                if best is None or len(row.lines) < len(best.lines):
                    best = row
        return self.row if best is None else best


_NONE = Row([])


class Hit(NamedTuple):
    """A bucket that a call fits, with the values in its gaps."""

    bucket: Bucket
    values: tuple[str, ...]


class Index:
    """All lines, by outline, shape and key."""

    def __init__(self) -> None:
        self._outlines: dict[Outline, dict[Shape, dict[object, Bucket]]] = {}

    def add(self, form: Form, template: Template, entry: Entry, world: World) -> Line:
        """Puts a recorded request in its line, which comes back."""
        shapes = self._outlines.setdefault(outline(form), {})
        buckets = shapes.setdefault(template.shape, {})
        bucket = buckets.get(template.key)
        if bucket is None:
            bucket = buckets[template.key] = Bucket(template.shape)
        key = (world.name, tuple(None if slot.secret else slot for slot in template.slots))
        line = bucket.lines.get(key)
        if line is None:
            line = bucket.lines[key] = Line(world, bucket, template.slots)
            bucket.put(line)
        line.entries.append(entry)
        entry.line = line
        return line

    def find(self, form: Form) -> list[Hit]:
        """The buckets that a call fits."""
        hits: list[Hit] = []
        for shape, buckets in self._outlines.get(outline(form), {}).items():
            cut = shape.cut(form)
            if cut is not None and (bucket := buckets.get(cut[0])) is not None:
                hits.append(Hit(bucket, cut[1]))
        return hits

    def buckets(self) -> Iterator[Bucket]:
        """Every bucket."""
        for shapes in self._outlines.values():
            for buckets in shapes.values():
                yield from buckets.values()

    def drop(self, bucket: Bucket) -> None:
        """Takes a bucket out; its entries are to be added anew."""
        for shapes in self._outlines.values():
            for buckets in shapes.values():
                for key, known in list(buckets.items()):
                    if known is bucket:
                        del buckets[key]


def outline(form: Form) -> Outline:
    """What of a request is the same for all of one shape."""
    return (form.method, form.path.count("/"), tuple(name for name, _ in form.query), form.body.kind)
