"""Which one line of config would make a call that missed match: found from how it differs from the nearest, and tried.

Nothing is proposed that would not be enough, nor anything that would take one thing for another.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

import msgspec

from cpproxy.core.matching import Difference
from cpproxy.core.replay.identities import NUMBER
from cpproxy.core.replay.index import Line
from cpproxy.core.replay.inventory import compared
from cpproxy.core.replay.loading import Library
from cpproxy.core.replay.places import Side, Spot, walk, walk_answer
from cpproxy.core.replay.remedies import Remedy, name_section
from cpproxy.core.replay.repeats import judge
from cpproxy.core.replay.search import Asking
from cpproxy.core.replay.trial import try_out
from cpproxy.core.replay.worlds import Entry, World

_MOST = 4  # places that are left out at once: beyond that it is another call
_TRIED = 3  # places that could be said to hold one name
_EXAMINED = 64  # interactions that hold a name
_MADE = re.compile(r"\w*\d[\w.:-]*")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]+")
_UNNAMED = {"method", "path", "body", "$", "query:", "form:"}


@dataclass(frozen=True, slots=True)
class Treatment:
    """A line of config that was tried; `after` are the writes that would have to be played before the call."""

    remedy: Remedy
    after: tuple[str, ...] = ()


def treat_spent(lines: list[Line], asking: Asking, library: Library) -> Treatment | None:
    """What lets a write that is used up answer again; None for what makes or ends things."""
    found = judge(lines[-1], library)
    if found is None or len(found.remedies) != 1:
        return None
    return _try([found.remedies[0]], lines[-1], asking, library)


def find_treatment(
    line: Line, differences: tuple[Difference, ...], asking: Asking, library: Library, rivals: list[Line]
) -> Treatment | None:
    """The line that names an identity, or that leaves out what differs; None where no line would do.

    `rivals` are the lines that would match too, were the differences left out.
    """
    names = [_study(name, line, library) for name in _find_names(differences, line.world, library)]
    things = [name for name in names if name.is_thing]
    if any(name.is_unlike and (name.is_thing or name.is_said_elsewhere) for name in names):
        return None  # it may be another thing of the recording, or none
    if things:
        return _try(_name_identities(things), line, asking, library, [name.recorded for name in things])
    if any(name.is_said_elsewhere for name in names) or not _may_be_ignored(differences, rivals, asking, library):
        return None
    places = tuple(dict.fromkeys(_widen(one.where) for one in differences))
    match, when = name_section(line.entries[0], library)
    return _try([Remedy("ignore", places, match, when)], line, asking, library)


def _may_be_ignored(differences: tuple[Difference, ...], rivals: list[Line], asking: Asking, library: Library) -> bool:
    """Whether what differs can be left out, and tells neither one thing nor one answer from another."""
    if not 0 < len({_widen(one.where) for one in differences}) <= _MOST:
        return False
    # A header that is compared was chosen to tell calls apart.
    if any(one.where in _UNNAMED or one.where.startswith("header:") for one in differences):
        return False
    texts = [text for one in differences for text in (one.expected, one.found) if text]
    if any(_names_thing(text, library, asking) for text in texts):
        return False
    return len({_read_kind(one.entries[0], library) for one in rivals}) <= 1


def _try(
    remedies: list[Remedy], line: Line, asking: Asking, library: Library, words: list[str] | None = None
) -> Treatment | None:
    """The first of them with which the call gets what is in the line."""
    for remedy in remedies:
        after = try_out(remedy, line, asking, library, words or ())
        if after is not None:
            return Treatment(remedy, after)
    return None


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


@dataclass(slots=True)
class _Name:
    """A name in which a call differs, and where else the recording has it.

    `members` are the names of the members and parameters that hold it. `paths` are the JSON paths at which it stands.
    `is_unlike` says that the call has no name in its place, or one that the recording has, too.
    """

    recorded: str
    members: set[str]
    paths: dict[str, None] = field(default_factory=dict)
    is_thing: bool = False
    is_said_elsewhere: bool = False
    is_unlike: bool = False


def _find_names(differences: tuple[Difference, ...], world: World, library: Library) -> list[_Name]:
    """The recorded names that differ."""
    found: dict[str, _Name] = {}
    for difference in differences:
        recorded, live = _read_names(difference)
        if not recorded or library.catalogue.find(recorded):
            continue
        quoted = msgspec.json.encode(live)
        known = not live or any(quoted in entry.json or live in entry.path.split("/") for entry in world.entries)
        name = found.setdefault(recorded, _Name(recorded, set()))
        name.is_unlike = name.is_unlike or known
        name.members.add(re.split(r"[.:\[\]]", difference.where)[-1] if difference.where != "path" else "")
    return list(found.values())


def _read_names(difference: Difference) -> tuple[str, str]:
    """The recorded name that a place, or the one segment that differs, holds, and the live text; empty where none."""
    expected, found = difference.expected or "", difference.found or ""
    if difference.where == "path":
        ours, theirs = expected.split("/"), found.split("/")
        pairs = [pair for pair in zip(ours, theirs, strict=False) if pair[0] != pair[1]]
        if len(ours) != len(theirs) or len(pairs) != 1:
            return "", ""
        expected, found = pairs[0]
    elif difference.where.startswith("$"):
        expected, found = _read_text(expected), _read_text(found)
    return (expected, found) if _NAME.fullmatch(expected) else ("", "")


def _read_text(value: str) -> str:
    """A JSON text; empty for all else."""
    return str(msgspec.json.decode(value)) if value.startswith('"') else ""


def _study(name: _Name, line: Line, library: Library) -> _Name:
    """Finds out where else the recording has a name, and whether it names a thing there.

    A name that a path holds does. So does one that another call's request holds under another name, or another's answer
    under the same: unless it stands elsewhere too, as words do that are said of many things.
    """
    asked, echoed, others = False, False, set[str]()
    for entry, spot in _find_spots(name.recorded, line.world, library):
        if spot.path.startswith("$") and not spot.key:
            name.paths[spot.wide] = None
        if spot.path.startswith("path:"):
            name.is_thing = True
        elif entry.line is not line:
            name.is_said_elsewhere = True
            if spot.side is Side.REQUEST:
                asked = asked or spot.name not in name.members
            elif spot.name in name.members:
                echoed = True
            else:
                others.add(spot.name)
    name.is_thing = name.is_thing or asked or (echoed and not others)
    return name


def _find_spots(value: str, world: World, library: Library) -> Iterator[tuple[Entry, Spot]]:
    """Where a recording says a name, and nothing else beside it."""
    holding = (entry for entry in world.entries if value.encode() in entry.json)
    for entry in islice(holding, _EXAMINED):
        for spot, found in walk(entry.interaction(), library.catalogue, compared(entry, library)):
            if found == value:
                yield entry, spot


def _name_identities(things: list[_Name]) -> list[Remedy]:
    """The lines that could say where the names stand: each of the places of one name; of several names, one of each."""
    if len(things) == 1:
        return [Remedy("identities", (path,)) for path in islice(things[0].paths, _TRIED)]
    if not all(name.paths for name in things):
        return []
    return [Remedy("identities", tuple(dict.fromkeys(next(iter(name.paths)) for name in things)))]
