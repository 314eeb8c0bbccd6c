"""The identities of a cassette for people: where each stands, who made it, and why it was taken for one.

Rules 2 and 3 of replay, shown: what `cassette show --identities` prints.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct, structs

from cpproxy.core import jsonpath
from cpproxy.core.cassette import CassetteOf
from cpproxy.core.redaction.redactor import MASK
from cpproxy.core.replay import tokens
from cpproxy.core.replay.identities import NUMBER, Identity, collect
from cpproxy.core.replay.loading import Library
from cpproxy.core.replay.places import Side, Spot, find_identities, says_secret, walk
from cpproxy.core.replay.worlds import Entry, World

_BY_HAND = "named by hand"


class Place(Struct, frozen=True):
    """One place of an identity: in which interactions, and in which forms it stands there."""

    where: str
    interactions: tuple[str, ...]
    forms: tuple[str, ...]


class Identified(Struct, frozen=True):
    """One identity: `made_by` is `client` or `control plane`; `introduced` is the write that showed it first, or empty.

    `first` is the interaction in which it stands first. One that is `forbidden` is none, though it looks like one:
    `why` says who has forbidden it. Where one stands somewhere that names a secret, it is masked everywhere.
    """

    value: str
    why: str
    made_by: str
    first: str
    introduced: str
    places: tuple[Place, ...]
    forbidden: bool = False


def list_identities(library: Library, cassette: str, head: CassetteOf[Any]) -> tuple[Identified, ...]:
    """All identities of one cassette, in the order in which they first appear; then what is forbidden to be one.

    `head` is what the cassette says of itself.
    """
    world = library.worlds[cassette]
    named = _find_sayings("named", world, head.identities, library.settings.identities)
    forbidden = _find_sayings("forbidden", world, head.not_identities, library.settings.not_identities)
    return (*_list_found(library, world, named), *_list_forbidden(library, world, forbidden))


def _find_sayings(verb: str, world: World, values: Iterable[str], paths: Iterable[str]) -> dict[str, str]:
    """What people have said of values: who, and how."""
    found = dict.fromkeys(values, f"{verb} by the cassette")
    for path in paths:
        parsed = (jsonpath.parse(path),)
        for entry in world.entries:
            for value in collect(entry.interaction(), parsed):
                found.setdefault(value, f"{verb} by the config ({path})")
    return found


def _list_forbidden(library: Library, world: World, forbidden: dict[str, str]) -> Iterator[Identified]:
    places: dict[str, dict[str, list[str]]] = {value: {} for value in forbidden}
    secret: set[str] = set()
    for entry in world.entries if forbidden else ():
        for spot, leaf in walk(entry.interaction(), library.catalogue, compared(entry, library)):
            for value in forbidden:
                if not isinstance(leaf, bool) and leaf is not None and value in str(leaf):
                    known = places[value].setdefault(_spell(entry, spot), [])
                    if says_secret(spot.wide):
                        secret.add(value)
                    if entry.id not in known:
                        known.append(entry.id)
    for value, why in forbidden.items():
        looks = ", ".join(reason for _, reason in tokens.find_made(value))
        one = Identified(
            value=value,
            why=f"{why}: it looks like one ({looks})" if looks else why,
            made_by="",
            first="",
            introduced="",
            places=tuple(Place(where, tuple(ids), (value,)) for where, ids in places[value].items()),
            forbidden=True,
        )
        yield _mask(one) if value in secret else one


def _list_found(library: Library, world: World, named: dict[str, str]) -> tuple[Identified, ...]:
    found: dict[Identity, dict[str, tuple[list[str], dict[str, None]]]] = {}
    first: dict[Identity, tuple[float, Entry, Side]] = {}
    secret: set[Identity] = set()
    for entry in world.entries:
        for spot, identity, text in _find(entry, library):
            places = found.setdefault(identity, {})
            interactions, forms = places.setdefault(_spell(entry, spot), ([], {}))
            if says_secret(spot.wide):
                secret.add(identity)
            if entry.id not in interactions:
                interactions.append(entry.id)
            forms[text] = None
            moment = entry.start if spot.side is Side.REQUEST else entry.end
            if identity not in first or moment < first[identity][0]:
                first[identity] = (moment, entry, spot.side)
    listed = {
        identity: Identified(
            value=identity.removeprefix(NUMBER),
            why=_say_why(library.catalogue.why[identity], named.get(identity.removeprefix(NUMBER), "")),
            made_by="client" if first[identity][2] is Side.REQUEST else "control plane",
            first=first[identity][1].id,
            introduced=world.creators[identity].id if identity in world.creators else "",
            places=tuple(
                Place(where, tuple(interactions), tuple(forms)) for where, (interactions, forms) in places.items()
            ),
        )
        for identity, places in found.items()
    }
    return tuple(_mask(one) if identity in secret else one for identity, one in listed.items())


def _mask(one: Identified) -> Identified:
    """The identity without its value, in whatever form."""
    places = (structs.replace(place, forms=(MASK,)) for place in one.places)
    return structs.replace(one, value=MASK, places=tuple(places))


def _spell(entry: Entry, spot: Spot) -> str:
    return f"{entry.route or entry.method} {spot}"


def _say_why(why: str, named: str) -> str:
    """Why a value was taken for an identity, with who has named it."""
    if not named:
        return why
    return named if why == _BY_HAND else f"{why}, {named}"


def _find(entry: Entry, library: Library) -> Iterator[tuple[Spot, Identity, str]]:
    """Each identity of an interaction, with its place and its text."""
    interaction = entry.interaction()
    for spot, value in walk(interaction, library.catalogue, compared(entry, library)):
        for identity, text in find_identities(spot, value, library.catalogue):
            yield spot, identity, text


def compared(entry: Entry, library: Library) -> frozenset[str]:
    """The names of the headers that count for an interaction, in lower case."""
    for route in library.routes.routes:
        if route.name == entry.route:
            return frozenset(name.decode("latin-1") for name in route.compare)
    return frozenset()
