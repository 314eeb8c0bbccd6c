"""Which one line of config would make a call that missed match: found from how it differs from the nearest.

Nothing is proposed that would not be enough, nor anything that would take one thing for another.
"""

import re

import msgspec

from cpproxy.core.matching import CONDITIONAL, Difference
from cpproxy.core.replay.identities import NUMBER
from cpproxy.core.replay.index import Line
from cpproxy.core.replay.inventory import compared
from cpproxy.core.replay.loading import Library
from cpproxy.core.replay.places import walk, walk_answer
from cpproxy.core.replay.remedies import Remedy, name_section
from cpproxy.core.replay.repeats import judge
from cpproxy.core.replay.search import Asking
from cpproxy.core.replay.worlds import Entry, World

_MOST = 4  # places that are left out at once: beyond that it is another call
_MADE = re.compile(r"\w*\d[\w.:-]*")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]+")
_UNNAMED = {"method", "path", "body", "$", "header:accept", *(f"header:{name.decode()}" for name in CONDITIONAL)}


def treat_spent(lines: list[Line], library: Library) -> Remedy | None:
    """What lets a write that is used up answer again; None for what makes or ends things."""
    found = judge(lines[-1], library)
    return found.remedies[0] if found is not None and len(found.remedies) == 1 else None


def find_remedy(
    line: Line, differences: tuple[Difference, ...], asking: Asking, library: Library, rivals: list[Line]
) -> Remedy | None:
    """The line that leaves out what differs, or that names an identity; None where no line would do.

    `rivals` are the lines that would match too, were the differences left out.
    """
    entry = line.entries[0]
    match, when = name_section(entry, library)
    known = () if asking.route is None else (asking.route.settings.match, asking.route.settings.when)
    if asking.route is not None and known != (match, when):
        return None
    if len(differences) == 1 and (path := _find_unseen(entry, differences[0], line.world, library)):
        return Remedy("identities", (path,))
    places = tuple(dict.fromkeys(_widen(one.where) for one in differences))
    if not 0 < len(places) <= _MOST or any(one.where in _UNNAMED for one in differences):
        return None
    if any(one.expected and _names_thing(one.expected, library, asking) for one in differences):
        return None  # it would take one thing for another
    if len({_read_kind(one.entries[0], library) for one in rivals}) > 1:
        return None  # what differs is what tells one answer from another
    return Remedy("ignore", places, match, when)


def _read_kind(entry: Entry, library: Library) -> object:
    """Equal for answers of one kind: the same places and words, whatever things they speak of."""
    found: dict[str, None] = {}
    for spot, value in walk_answer(entry.interaction(), library.catalogue):
        text = _MADE.sub("", value) if isinstance(value, str) else ""
        found[f"{spot.wide}={text}"] = None
    return (entry.status, *found)


def _names_thing(text: str, library: Library, asking: Asking) -> bool:
    """Whether a text holds an identity, as it was recorded or as it is bound."""
    bound = asking.session.bindings.recorded
    return bool(library.catalogue.find(text)) or any(value in text for value in bound if not value.startswith(NUMBER))


def _widen(where: str) -> str:
    """A place with all elements in the place of one."""
    return re.sub(r"\[\d+\]", "[*]", where) if where.startswith("$") else where


def _find_unseen(entry: Entry, difference: Difference, world: World, library: Library) -> str:
    """The JSON path of a name that clients made up and nobody took for one; empty where that is not what differs."""
    names = _find_names(difference)
    if names is None:
        return ""
    name, live = names
    quoted, asked = msgspec.json.encode(name), re.compile(rf"/{re.escape(name)}(?![\w.-])")
    holding = [one for one in world.entries if name.encode() in one.json]
    if not any(one is not entry or difference.where == "path" for one in holding):
        return ""
    if any(msgspec.json.encode(live) in one.json or live in one.path for one in world.entries):
        return ""
    if not any(asked.search(one.path) for one in holding):
        return ""
    for one in holding:
        if quoted in one.json:
            for spot, value in walk(one.interaction(), library.catalogue, compared(one, library)):
                if value == name and spot.path.startswith("$") and not spot.key:
                    return spot.wide
    return ""


def _find_names(difference: Difference) -> tuple[str, str] | None:
    """The recorded and the live name, where two texts, or two segments of a path, are all that differs."""
    expected, found = difference.expected, difference.found
    if expected is None or found is None:
        return None
    if difference.where == "path":
        ours, theirs = expected.split("/"), found.split("/")
        pairs = [pair for pair in zip(ours, theirs, strict=False) if pair[0] != pair[1]]
        if len(ours) != len(theirs) or len(pairs) != 1:
            return None
        expected, found = pairs[0]
    elif difference.where.startswith("$"):
        if not (expected.startswith('"') and found.startswith('"')):
            return None
        expected, found = msgspec.json.decode(expected), msgspec.json.decode(found)
    elif not difference.where.startswith(("query:", "form:")):
        return None
    return (expected, found) if _NAME.fullmatch(expected) and _NAME.fullmatch(found) else None
