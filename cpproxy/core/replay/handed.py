"""Which placeholders of a recording the control plane handed out, before any client showed what they stand for.

A secret of those is to come back as it was served; one that a client made itself is bound at its first use (rule 6).
And a value that nothing names, which stands as a placeholder since it may be a secret, may be an id as well: nobody can
tell the two apart. One of those that was handed out and brought back is an identity too, in the form in which it goes
out. Without that a call about one thing would answer for another.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import msgspec
from msgspec import Raw, Struct

from cpproxy.core.cassette import Interaction
from cpproxy.core.redaction.markers import MARKER, PLACEHOLDER, UNNAMED, reveal, thing_of, wire_form

_MARKER = MARKER.encode()
_UNNAMED = f"{MARKER}{UNNAMED}:"


type Thing = tuple[str, str]
"""Role and number of placeholders."""


class HandedOut(NamedTuple):
    """The placeholders that answers held before any request did; of these, the unnamed that came back in a request.

    Who is given one is given what has its role and number, too, since the base64 of a secret tells the secret: each of
    `secrets` has all of them behind it.
    """

    secrets: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    drawn: frozenset[str] = frozenset()


class _Sides(Struct):
    """An interaction of which nothing but its two sides is read."""

    request: Raw
    response: Raw


_SIDES = msgspec.json.Decoder(_Sides)
_INTERACTION = msgspec.json.Decoder(Interaction)


def find_handed_out(interactions: Iterable[Raw]) -> HandedOut:
    """What was handed out, by interactions as they stand in a file."""
    asked: set[Thing] = set()
    told: set[Thing] = set()
    drawn: set[Thing] = set()
    markers: dict[Thing, dict[str, None]] = {}
    for raw in interactions:
        if _MARKER not in bytes(raw):
            continue  # it is not read for nothing at the start
        try:
            sides = _SIDES.decode(raw)
            request, response = (_find(bytes(side).decode(), markers) for side in (sides.request, sides.response))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue  # who reads all of it says what is wrong
        drawn |= {one for one in request & told if one[0] == UNNAMED}
        asked |= request - told
        told |= response - asked
    secrets = {marker: tuple(markers[thing]) for thing in told for marker in markers[thing]}
    return HandedOut(secrets, frozenset(marker for thing in drawn for marker in markers[thing]))


def put_out(raw: Raw, interaction: Interaction, drawn: frozenset[str]) -> tuple[Raw, Interaction]:
    """An interaction, as it stands in a file and decoded, with these placeholders in the form in which they go out."""
    if _UNNAMED.encode() not in bytes(raw):
        return raw, interaction
    text = bytes(raw).decode()
    written = PLACEHOLDER.sub(lambda found: wire_form(found[0]) if found[0] in drawn else found[0], text).encode()
    return Raw(written), _INTERACTION.decode(written)


def name_drawn(drawn: frozenset[str]) -> list[str]:
    """The identities that they are, in order."""
    return sorted(map(reveal, drawn))


def _find(text: str, markers: dict[Thing, dict[str, None]]) -> set[Thing]:
    """What stands in a text; the placeholders for it come to the others in `markers`."""
    found = {one[0] for one in PLACEHOLDER.finditer(text)} if MARKER in text else ()
    for marker in found:
        markers.setdefault(thing_of(marker), {})[marker] = None
    return set(map(thing_of, found))
