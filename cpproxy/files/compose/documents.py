"""YAML as a tree of texts with the line of each, built from the parser's plain events.

No tag makes an object, and what a document can grow to by its aliases is bounded. Nothing else here reads YAML.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from cpproxy.core.wiring.project import Place, show_file
from cpproxy.errors import UsageError

LARGEST = 4 * 1024 * 1024
"""Bytes of a file that is read at most."""

_LARGEST_TREE = 100_000  # values, each alias counted with all that it stands for
_DEEPEST = 64
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "yes", "on", "y", "1"})
RESET, OVERRIDE = "!reset", "!override"
"""Compose's own tags: what is below is taken out, or put in place of what was there."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A scalar as it is written; None for null."""

    text: str | None
    place: Place
    tag: str = ""
    unset: tuple[str, ...] = ()
    """Variables that were to be put in and are not set."""


@dataclass(frozen=True, slots=True)
class Branch:
    """A sequence."""

    elements: "tuple[Node, ...]"
    place: Place
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping: each member under its name, with the line of the name."""

    members: "dict[str, Node]"
    place: Place
    tag: str = ""
    lines: dict[str, Place] = field(default_factory=dict)

    def get(self, name: str) -> "Node | None":
        """A member, or None."""
        return self.members.get(name)

    def line(self, name: str) -> Place:
        """Where a member is named."""
        return self.lines.get(name, self.place)


type Node = Leaf | Branch | Table


def is_true(node: Node | None) -> bool:
    """Whether a scalar says yes, in any of YAML's words."""
    return isinstance(node, Leaf) and (node.text or "").lower() in _TRUE


def text(node: Node | None) -> str:
    """The text of a scalar, or of the first of a list; empty where there is none."""
    return next(iter(texts(node)), "")


def texts(node: Node | None) -> list[str]:
    """The texts of a scalar or of a list of them."""
    nodes = node.elements if isinstance(node, Branch) else (node,)
    return [one.text for one in nodes if isinstance(one, Leaf) and one.text is not None]


def as_table(node: Node, what: str) -> Table:
    """The node, which has to be a mapping: UsageError that says `what` was expected."""
    if not isinstance(node, Table):
        raise UsageError(f"{node.place}: expected {what}")
    return node


def parse(data: bytes, file: str) -> list[Node]:
    """The documents of a YAML or JSON text; `file` is what it is called. UsageError where it is none, or too large."""
    name = show_file(file)
    if len(data) > LARGEST:
        raise UsageError(f"{name}: larger than {LARGEST} bytes: is it a compose file?")
    try:
        written = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{name}: expected UTF-8, but byte {error.start} is not") from error
    try:
        return list(_Builder(written, file).documents())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1 if mark else 1)
        raise UsageError(f"{place}: expected YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:  # a character that YAML has not
        raise UsageError(f"{name}: expected YAML: {' '.join(str(error).split())}") from error


class _Builder:
    """Builds trees from the events of one text."""

    def __init__(self, written: str, file: str) -> None:
        self._events: Iterator[yaml.Event] = yaml.parse(written, Loader=_LOADER)
        self._file = file
        self._anchors: dict[str, tuple[Node, int] | None] = {}

    def documents(self) -> Iterator[Node]:
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors = {}
                yield self._build(next(self._events), 0)[0]

    def _place(self, event: yaml.Event) -> Place:
        return Place(self._file, event.start_mark.line + 1)

    def _build(self, event: yaml.Event, depth: int) -> tuple[Node, int]:
        """The node that begins with an event, and how many values it comes to."""
        place = self._place(event)
        if depth > _DEEPEST:
            raise UsageError(f"{place}: nested deeper than {_DEEPEST} levels: is it a compose file?")
        if isinstance(event, yaml.AliasEvent):
            found = self._anchors.get(event.anchor)
            if found is None:
                what = "stands within what it names" if event.anchor in self._anchors else "names no anchor before it"
                raise UsageError(f"{place}: the alias *{event.anchor} {what}")
            return found
        if event.anchor:
            self._anchors[event.anchor] = None
        node, size = self._build_node(event, place, depth)
        if size > _LARGEST_TREE:
            raise UsageError(f"{place}: comes to more than {_LARGEST_TREE} values by its aliases")
        if event.anchor:
            self._anchors[event.anchor] = node, size
        return node, size

    def _build_node(self, event: yaml.Event, place: Place, depth: int) -> tuple[Node, int]:
        tag = event.tag or ""
        if isinstance(event, yaml.ScalarEvent):
            null = event.implicit[0] and event.value in _NULL
            return Leaf(None if null else event.value, place, tag), 1
        if isinstance(event, yaml.SequenceStartEvent):
            return self._build_branch(place, tag, depth)
        return self._build_table(place, tag, depth)

    def _build_branch(self, place: Place, tag: str, depth: int) -> tuple[Node, int]:
        elements: list[Node] = []
        total = 1
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            node, size = self._build(event, depth + 1)
            elements.append(node)
            total += size
        return Branch(tuple(elements), place, tag), total

    def _build_table(self, place: Place, tag: str, depth: int) -> tuple[Node, int]:
        own: dict[str, Node] = {}
        lines: dict[str, Place] = {}
        merged: list[Table] = []
        total = 1
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key, _ = self._build(event, depth + 1)
            node, size = self._build(next(self._events), depth + 1)
            total += size + 1
            if not isinstance(key, Leaf):
                raise UsageError(f"{key.place}: expected a name before the colon")
            name = key.text or ""
            if name == "<<" and isinstance(event, yaml.ScalarEvent) and event.implicit[0]:
                merged += _merged(node)
            elif name in own:
                raise UsageError(f"{key.place}: {name!r} stands twice here, first on line {lines[name].line}")
            else:
                own[name], lines[name] = node, key.place
        for table in merged:  # the first of several wins, and what stands here wins over all
            for name, node in table.members.items():
                if name not in own:
                    own[name], lines[name] = node, table.line(name)
        return Table(own, place, tag, lines), total


def _merged(node: Node) -> list[Table]:
    """The mappings that a merge key names."""
    found = list(node.elements) if isinstance(node, Branch) else [node]
    tables = [one for one in found if isinstance(one, Table)]
    if len(tables) != len(found):
        raise UsageError(f"{node.place}: expected a mapping, or several, after the merge key <<")
    return tables
