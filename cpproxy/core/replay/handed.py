"""Which placeholders of a recording the control plane handed out, before any client showed what they stand for.

A secret of those is to come back as it was served; one that a client made itself is bound at its first use (rule 6).
And a value that nothing names, which stands as a placeholder since it may be a secret, may be an id as well: nobody can
tell the two apart. One of those that was handed out and brought back is an identity too, in the form in which it goes
out. Without that a call about one thing would answer for another.
"""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec
from msgspec import Raw, Struct

from cpproxy.core.cassette import Interaction
from cpproxy.core.redaction.markers import MARKER, PLACEHOLDER, UNNAMED, reveal, wire_form

_MARKER = MARKER.encode()
_UNNAMED = f"{MARKER}{UNNAMED}:"


class HandedOut(NamedTuple):
    """The placeholders that answers held before any request did; of these, the unnamed that came back in a request."""

    secrets: frozenset[str] = frozenset()
    drawn: frozenset[str] = frozenset()


class _Sides(Struct):
    """An interaction of which nothing but its two sides is read."""

    request: Raw
    response: Raw


_SIDES = msgspec.json.Decoder(_Sides)
_INTERACTION = msgspec.json.Decoder(Interaction)


def find_handed_out(interactions: Iterable[Raw]) -> HandedOut:
    """What was handed out, by interactions as they stand in a file."""
    asked: set[str] = set()
    told: set[str] = set()
    drawn: set[str] = set()
    for raw in interactions:
        if _MARKER not in bytes(raw):
            continue  # it is not read for nothing at the start
        try:
            sides = _SIDES.decode(raw)
            request, response = (_find(bytes(side).decode()) for side in (sides.request, sides.response))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue  # who reads all of it says what is wrong
        drawn |= {one for one in request & told if one.startswith(_UNNAMED)}
        asked |= request - told
        told |= response - asked
    return HandedOut(frozenset(told), frozenset(drawn))


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


def _find(text: str) -> set[str]:
    return {found[0] for found in PLACEHOLDER.finditer(text)} if MARKER in text else set()
