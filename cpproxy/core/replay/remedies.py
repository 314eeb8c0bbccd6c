"""Lines of config as values: proposed, written out ready to paste, and laid over a config to try them.

One place for all who propose them: the report on a miss, `learn` and `lint`.
"""

import re
from collections.abc import Iterable

import msgspec
from msgspec import Struct

from cpproxy.core.config import Kind, Repeat, ReplaySettings, RouteSettings
from cpproxy.core.replay.identities import Catalogue
from cpproxy.core.replay.loading import Library, as_request
from cpproxy.core.replay.worlds import Entry

_REPLAY_KEYS = ("identities", "not_identities", "volatile")
_LISTS = ("ignore", "compare", *_REPLAY_KEYS)
_KEPT = ("ignore", "compare")
"""What a section with a condition takes over from the one that it goes before."""


class Remedy(Struct, frozen=True):
    """One key of the config with the values that it lacks: of [replay], or of the section of [[routes]] with `match`.

    `key` is `ignore`, `compare`, `kind`, `repeat`, `identities`, `not_identities` or `volatile`; `when` is the
    section's condition.
    """

    key: str
    values: tuple[str, ...]
    match: str = ""
    when: str = ""

    def line(self) -> str:
        """The line alone."""
        return f"{self.key} = {_as_list(self.values) if self.key in _LISTS else quote(self.values[0])}"

    def spell(self) -> str:
        """The line and its section, within a sentence."""
        if not self.match:
            return f"{self.line()} in [replay]"
        when = f", when = {quote(self.when)}" if self.when else ""
        return f"{self.line()} in the route {self.match}{when}"


def name_section(entry: Entry, library: Library) -> tuple[str, str]:
    """`match` and `when` of the section that speaks of an interaction, or of the one that could be written for it."""
    upstream = library.worlds[entry.cassette].upstream
    route = library.routes.find(entry.method, entry.path, as_request(entry.interaction(), upstream))
    if route is not None:
        return route.settings.match, route.settings.when
    return f"{entry.method} {shape(entry.path, library.catalogue)}", ""


def shape(path: str, catalogue: Catalogue) -> str:
    """A path with `{id}` where an identity, or anything with a digit, stands."""
    segments = path.split("/")
    made = [bool(catalogue.find(one) or catalogue.number(one) or re.search(r"\d", one)) for one in segments]
    return "/".join("{id}" if is_made else one for one, is_made in zip(segments, made, strict=True))


def apply(
    remedies: Iterable[Remedy], routes: tuple[RouteSettings, ...], settings: ReplaySettings
) -> tuple[tuple[RouteSettings, ...], ReplaySettings]:
    """Config's sections with the remedies in them; those of [replay] too."""
    sections = {(one.match, one.when): one for one in routes}
    for remedy in remedies:
        if remedy.match:
            key = (remedy.match, remedy.when)
            sections[key] = _mend(sections.get(key) or _begin(remedy, sections), remedy)
        else:
            known = (*getattr(settings, remedy.key), *remedy.values)
            settings = msgspec.structs.replace(settings, **{remedy.key: tuple(dict.fromkeys(known))})
    return tuple(sections.values()), settings


def _begin(remedy: Remedy, sections: dict[tuple[str, str], RouteSettings]) -> RouteSettings:
    """A section that was not there; one with a condition compares as the one without."""
    general = sections.get((remedy.match, "")) if remedy.when else None
    if general is None:
        return RouteSettings(match=remedy.match, when=remedy.when)
    return RouteSettings(match=remedy.match, when=remedy.when, ignore=general.ignore, compare=general.compare)


def _mend(section: RouteSettings, remedy: Remedy) -> RouteSettings:
    match remedy.key:
        case "kind":
            return msgspec.structs.replace(section, kind=Kind(remedy.values[0]))
        case "repeat":
            return msgspec.structs.replace(section, repeat=Repeat(remedy.values[0]))
        case key:
            known = dict.fromkeys((*getattr(section, key), *remedy.values))
            return msgspec.structs.replace(section, **{key: tuple(known)})


def write(remedies: Iterable[Remedy], routes: tuple[RouteSettings, ...], settings: ReplaySettings) -> str:
    """The sections to paste, in TOML: lists hold what they held before, and a comment names a section that is there."""
    remedies = tuple(remedies)
    mended, better = apply(remedies, routes, settings)
    known = {(one.match, one.when): one for one in routes}
    keys = {one.key for one in remedies if not one.match}
    lines = [f"{key} = {_as_list(getattr(better, key))}\n" for key in _REPLAY_KEYS if key in keys]
    paragraphs = [f"[replay]\n{''.join(lines)}"] if lines else []
    for section in mended:
        own = dict.fromkeys(one.key for one in remedies if (one.match, one.when) == (section.match, section.when))
        if own:
            there = (section.match, section.when) in known
            paragraphs.append(_write_section(section, [*own, *(() if there else _KEPT)], there=there))
    return "\n".join(paragraphs)


def _write_section(section: RouteSettings, keys: list[str], *, there: bool) -> str:
    text = "[[routes]]"
    if there:
        text += f"  # the section{f' of {section.name}' if section.name else ''} that is there"
    text += f"\nmatch = {quote(section.match)}\n"
    if section.when:
        text += f"when = {quote(section.when)}\n"
    for key in dict.fromkeys(keys):
        value = getattr(section, key)
        if value:
            text += f"{key} = {_as_list(value) if key in _LISTS else quote(value)}\n"
    return text


def quote(text: str) -> str:
    """A text as TOML has it."""
    return msgspec.json.encode(text).decode()


def _as_list(values: Iterable[str]) -> str:
    return f"[{', '.join(map(quote, values))}]"
