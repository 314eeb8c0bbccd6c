"""How compose lays one file over another: mappings member by member, lists one after the other, and the exceptions."""

from dataclasses import replace

from cpproxy.errors import UsageError
from cpproxy.files.compose.documents import OVERRIDE, RESET, Branch, Leaf, Node, Table

type Path = tuple[str, ...]

_KEYED = ("environment", "labels", "annotations", "sysctls")
_NAMED = ("networks", "depends_on")
_LISTED = ("env_file", "dns", "profiles")
_REPLACED = (("command",), ("entrypoint",), ("healthcheck", "test"))


def merge(below: Node, above: Node) -> Node:
    """One file's tree laid over another's. UsageError where they do not fit."""
    return _merge(below, above, ())


def merge_service(below: Node, above: Node) -> Node:
    """One service laid over another, as `extends` does it."""
    return _merge(below, above, ("services", "*"))


def _merge(below: Node, above: Node, path: Path) -> Node:
    if above.tag == OVERRIDE or _is_replaced(path):
        return replace(above, tag="")
    match below, above:
        case Table(), Table():
            return _merge_tables(below, above, path)
        case Branch(), Branch():
            return Branch((*below.elements, *above.elements), above.place)
        case (Table() | Branch(), Leaf(text=None)):  # a section that was left empty changes nothing
            return below
        case (Table() | Branch(), _):
            raise UsageError(
                f"{above.place}: cannot be laid over {below.place}: one is a list, one a mapping, or a value"
            )
        case _:
            return above


def _merge_tables(below: Table, above: Table, path: Path) -> Table:
    members, lines = dict(below.members), dict(below.lines)
    for name, node in above.members.items():
        if node.tag == RESET:
            members.pop(name, None)
            continue
        own = (*path, name)
        there = members.get(name)
        members[name] = replace(node, tag="") if there is None else _merge(there, node, own)
        if not (isinstance(there, Table) and isinstance(node, Table)):  # what is laid together began below
            lines[name] = above.line(name)
    return Table(members, above.place, "", lines)


def _is_replaced(path: Path) -> bool:
    return path[:1] == ("services",) and path[2:] in _REPLACED


def normalise(service: Table) -> Table:
    """A service whose sections that may be lists or mappings are mappings, so that one can be laid over another."""
    members = dict(service.members)
    for name, node in service.members.items():
        if name in _KEYED:
            members[name] = _as_table(node, "=")
        elif name in _NAMED:
            members[name] = _as_table(node, "")
        elif name in _LISTED and not isinstance(node, Branch):
            members[name] = Branch((node,), node.place, node.tag)
    return Table(members, service.place, service.tag, dict(service.lines))


def _as_table(node: Node, sign: str) -> Node:
    if not isinstance(node, Branch):
        return node
    members: dict[str, Node] = {}
    lines = {}
    for one in node.elements:
        if not isinstance(one, Leaf):
            raise UsageError(f"{one.place}: expected text{', as in NAME=VALUE' if sign else ''}")
        name, there, value = (one.text or "").partition(sign) if sign else (one.text or "", "", "")
        members[name.strip()] = Leaf(value if there else None, one.place, unset=one.unset)
        lines[name.strip()] = one.place
    return Table(members, node.place, node.tag, lines)
