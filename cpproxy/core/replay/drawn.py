"""Values that nothing names, which recordings hold as placeholders since they may be secrets, and which may be ids.

Nobody can tell the two apart. What the control plane hands out and a client brings back in a later request is therefore
both: a placeholder in the file, and in replay an identity, in the form in which it goes out. Without that a call about
one thing would answer for another.
"""

import re
from collections.abc import Iterable

import msgspec
from msgspec import Raw, Struct

from cpproxy.core.cassette import Interaction
from cpproxy.core.redaction.markers import MARKER, UNNAMED, wire_form

_PLACEHOLDER = re.compile(rf"{re.escape(MARKER)}{UNNAMED}:\d+(?::[a-z]+)?\}}\}}".encode())


class _Sides(Struct):
    """An interaction of which nothing but its two sides is read."""

    request: Raw
    response: Raw


_SIDES = msgspec.json.Decoder(_Sides)
_INTERACTION = msgspec.json.Decoder(Interaction)


def find_drawn(interactions: Iterable[Raw]) -> frozenset[bytes]:
    """The placeholders of unnamed values that were handed out before a request held them, as they stand in files."""
    asked: set[bytes] = set()
    told: set[bytes] = set()
    drawn: set[bytes] = set()
    for raw in interactions:
        try:
            sides = _SIDES.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue  # who reads all of it says what is wrong
        request = set(_PLACEHOLDER.findall(sides.request))
        drawn |= request & told
        asked |= request - told
        told |= set(_PLACEHOLDER.findall(sides.response)) - asked
    return frozenset(drawn)


def put_out(raw: Raw, interaction: Interaction, drawn: frozenset[bytes]) -> tuple[Raw, Interaction]:
    """An interaction, as it stands in a file and decoded, with these placeholders in the form in which they go out."""
    written = _PLACEHOLDER.sub(lambda found: _spell(found[0]) if found[0] in drawn else found[0], bytes(raw))
    return (raw, interaction) if written == bytes(raw) else (Raw(written), _INTERACTION.decode(written))


def name_drawn(drawn: frozenset[bytes]) -> list[str]:
    """The identities that they are, in order."""
    return sorted(_spell(marker).decode() for marker in drawn)


def _spell(marker: bytes) -> bytes:
    return wire_form(marker.decode()).encode()
