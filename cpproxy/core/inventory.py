"""The identities of a cassette for people: where each stands, who made it, and why it was taken for one.

Rules 2 and 3 of replay, shown: what `cassette show --identities` prints.
"""

from collections.abc import Iterator

from msgspec import Struct

from cpproxy.core.identities import NUMBER, Identity
from cpproxy.core.loading import Library
from cpproxy.core.places import Side, find_identities, walk
from cpproxy.core.worlds import Entry


class Place(Struct, frozen=True):
    """One place of an identity: in which interactions, and in which forms it stands there."""

    where: str
    interactions: tuple[str, ...]
    forms: tuple[str, ...]


class Identified(Struct, frozen=True):
    """One identity: `made_by` is `client` or `control plane`; `introduced` is the write that showed it first, or empty.

    `first` is the interaction in which it stands first.
    """

    value: str
    why: str
    made_by: str
    first: str
    introduced: str
    places: tuple[Place, ...]


def list_identities(library: Library, cassette: str) -> tuple[Identified, ...]:
    """All identities of one cassette, in the order in which they first appear."""
    world = library.worlds[cassette]
    found: dict[Identity, dict[str, tuple[list[str], dict[str, None]]]] = {}
    first: dict[Identity, tuple[float, Entry, Side]] = {}
    for entry in world.entries:
        for side, where, identity, text in _find(entry, library):
            places = found.setdefault(identity, {})
            interactions, forms = places.setdefault(f"{entry.route or entry.method} {where}", ([], {}))
            if entry.id not in interactions:
                interactions.append(entry.id)
            forms[text] = None
            moment = entry.start if side is Side.REQUEST else entry.end
            if identity not in first or moment < first[identity][0]:
                first[identity] = (moment, entry, side)
    return tuple(
        Identified(
            value=identity.removeprefix(NUMBER),
            why=library.catalogue.why[identity],
            made_by="client" if first[identity][2] is Side.REQUEST else "control plane",
            first=first[identity][1].id,
            introduced=world.creators[identity].id if identity in world.creators else "",
            places=tuple(
                Place(where, tuple(interactions), tuple(forms)) for where, (interactions, forms) in places.items()
            ),
        )
        for identity, places in found.items()
    )


def _find(entry: Entry, library: Library) -> Iterator[tuple[Side, str, Identity, str]]:
    """Each identity of an interaction, with its side, its place in words and its text."""
    interaction = entry.interaction()
    for spot, value in walk(interaction, library.catalogue, compared(entry, library)):
        for identity, text in find_identities(spot, value, library.catalogue):
            yield spot.side, str(spot), identity, text


def compared(entry: Entry, library: Library) -> frozenset[str]:
    """The names of the headers that count for an interaction, in lower case."""
    for route in library.routes.routes:
        if route.name == entry.route:
            return frozenset(name.decode("latin-1") for name in route.compare)
    return frozenset()
