"""Identities in forms in which replay does not know them again: a piece of one, one in base64, a number elsewhere."""

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cpproxy.core.replay.ground import Ground
from cpproxy.core.replay.identities import NUMBER, Catalogue, Identity, names_id
from cpproxy.core.replay.places import Scalar, Side, Spot, find_identities, walk, walk_request
from cpproxy.core.replay.remedies import Remedy, name_section, shape
from cpproxy.core.replay.worlds import Entry, World
from cpproxy.core.review.lint import Remark

if TYPE_CHECKING:
    from cpproxy.core.replay.index import Bucket

_SHORT_HEX = re.compile(r"(?<![0-9A-Za-z-])[0-9a-fA-F]{8,12}(?![0-9A-Za-z-])")
_LONG_HEX = re.compile(r"[0-9a-f]{32,}")
_HEX = re.compile(r"[0-9a-f]{8,}")
_MADE = re.compile(r"(?=[a-z]*[0-9])[0-9a-z]{6,}")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{20,}")
_SHORTEST = 6  # characters of a piece
_LONGEST = 12  # of one that stands alone
_UNLIKE = 2  # a piece of no more different characters is no sign of anything
_SURE = 8  # characters of an identity that no other text holds by chance
_TELLING = 1000  # a number that is no count
_COUNT = 10  # a number below it may be one, whatever else bears it


def find_forms(ground: Ground) -> Iterator[Remark]:
    """Each place of a cassette that holds an identity as replay does not know it, once."""
    yield from _find_pieces(ground)
    yield from _find_numbers(ground)


def _find_pieces(ground: Ground) -> Iterator[Remark]:
    pieces = _Pieces.of(ground)
    starts = _find_starts(ground.library.catalogue)
    short: set[tuple[Bucket, Spot]] = set()
    left: dict[Bucket, tuple[Entry, dict[str, None]]] = {}
    for entry in ground.world.entries if starts or pieces.whole else ():
        if entry.line is None:
            continue
        bucket = entry.line.bucket
        for spot, value in walk(ground.interaction(entry), ground.library.catalogue):
            if not isinstance(value, str):
                continue
            count = _count_short(value, starts, ground.library.catalogue)
            if count < 2 and _holds_piece(entry, spot, value, pieces, ground.library.catalogue):
                left.setdefault(bucket, (entry, {}))[1][spot.wide] = None
            elif count and (bucket, spot) not in short:
                short.add((bucket, spot))
                yield Remark(
                    f"{ground.where(entry)}.{'request' if spot.side is Side.REQUEST else 'response'}",
                    f"{spot.wide} may be a short form of {count} identities: replay leaves it as it stands; "
                    "name it in identities of the cassette if it is to be renamed",
                )
    for entry, places in left.values():
        yield Remark(
            f"{ground.where(entry)}.response",
            f"{', '.join(places)}: a piece of what a client names anew in each run, or that in base64 or another "
            "spelling; replay leaves it as it was recorded",
        )


def _find_starts(catalogue: Catalogue) -> dict[str, list[str]]:
    """UUIDs and long hex without their dashes, by their first 8 characters."""
    starts: dict[str, list[str]] = {}
    for identity, why in catalogue.why.items():
        if why == "UUID" or _LONG_HEX.fullmatch(identity):
            starts.setdefault(identity[:8], []).append(identity.replace("-", ""))
    return starts


def _count_short(value: str, starts: dict[str, list[str]], catalogue: Catalogue) -> int:
    """Of how many identities short hex in a text could be the beginning, where replay does not know of which."""
    for text in _SHORT_HEX.findall(value):
        count = sum(one.startswith(text.lower()) for one in starts.get(text[:_SURE].lower(), ()))
        if count and catalogue.meaning(text) is None:
            return count
    return 0


@dataclass(slots=True)
class _Pieces:
    """What clients name anew in each run (`whole`), and the pieces by which it can be told.

    `words` has the beginnings and ends of what was made in it, as they would stand alone; `sure` those of hex that no
    other text holds by chance, wherever they stand. All are in lower case and without dashes.
    """

    whole: frozenset[Identity]
    words: dict[str, set[Identity]] = field(default_factory=dict)
    sure: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, ground: Ground) -> "_Pieces":
        """Those of a cassette."""
        pieces = cls(_client_made(ground.world))
        for identity in pieces.whole:
            is_hex = ground.library.catalogue.why[identity] in {"UUID", "hex"}
            text = (identity.replace("-", "") if is_hex else re.split("[-_]", identity)[-1]).lower()
            if _MADE.fullmatch(text) is None:
                continue
            for size in range(_SHORTEST, min(len(text), _LONGEST) + 1):
                for piece in (text[:size], text[-size:]):
                    if len(set(piece)) > _UNLIKE:
                        pieces.words.setdefault(piece, set()).add(identity)
                        if is_hex and size == _SURE:
                            pieces.sure.add(piece)
        return pieces

    def stand_in(self, text: str, near: frozenset[Identity]) -> bool:
        """Whether a text, in lower case, holds one; `near` are the identities of the same interaction."""
        return any(not near.isdisjoint(self.words.get(word, ())) for word in _MADE.findall(text)) or any(
            run[at : at + _SURE] in self.sure for run in _HEX.findall(text) for at in range(len(run) - _SURE + 1)
        )


def _client_made(world: World) -> frozenset[Identity]:
    """What writes named before any answer did: another run names it otherwise."""
    named = frozenset().union(*(entry.asked for entry in world.entries if entry.changes))
    return frozenset(one for one in named - world.handed_out if not one.startswith(NUMBER))


def _holds_piece(entry: Entry, spot: Spot, value: str, pieces: _Pieces, catalogue: Catalogue) -> bool:
    """Whether a value of an answer holds an identity otherwise than as itself; UUIDs are made of no other."""
    if spot.side is not Side.ANSWER or len(value) < _SHORTEST:
        return False
    left = value
    for one in reversed(catalogue.find(value)):
        if one.identity in pieces.whole or catalogue.why[one.identity] == "UUID":
            left = f"{left[: one.start]} {left[one.end :]}"
    if any(one.identity in pieces.whole for text in _decode(left) for one in catalogue.find(text)):
        return True
    return pieces.stand_in(left.lower(), entry.asked | entry.told)


def _decode(text: str) -> Iterator[str]:
    """What a text holds in base64 (RFC 4648, both alphabets), where that is text."""
    for run in _BASE64.findall(text):
        coded = run.replace("-", "+").replace("_", "/")
        try:
            yield base64.b64decode(coded + "=" * (-len(coded) % 4)).decode()
        except (binascii.Error, UnicodeDecodeError):
            continue


def _find_numbers(ground: Ground) -> Iterator[Remark]:
    """Numbers of requests that name things, under a name that does not say so, and so are no identities there."""
    catalogue, known = ground.library.catalogue, set[Identity]()
    places: dict[tuple[str, str, str], list[tuple[Entry, Scalar, bool]]] = {}
    for entry in ground.world.entries:
        known |= {one for one in entry.asked | entry.told if one.startswith(NUMBER)}
        if not known:
            continue
        for spot, value in walk_request(ground.interaction(entry), catalogue):
            if _may_name(spot, value) and not _is_ignored(entry, spot, ground):
                key = (entry.method, shape(entry.path, catalogue), spot.wide)
                named = NUMBER + str(value) in known and not find_identities(spot, value, catalogue)
                places.setdefault(key, []).append((entry, value, named))
    for (_, _, wide), found in places.items():
        numbers = {int(str(value)) for _, value, _ in found}
        if all(named for _, _, named in found) and min(numbers) >= (_COUNT if len(numbers) > 1 else _TELLING):
            remedy = Remedy("ignore", (wide,), *name_section(found[0][0], ground.library))
            yield Remark(
                f"{ground.where(found[0][0])}.request",
                f"{wide} holds the number of a thing under a name that does not say so, and replay compares it as it "
                f"stands: another run's number misses; {remedy.spell()} leaves it out of the match",
            )


def _may_name(spot: Spot, value: Scalar) -> bool:
    if spot.key or spot.path.startswith(("path:", "header:")) or names_id(spot.name) or isinstance(value, bool):
        return False
    return isinstance(value, int) or (isinstance(value, str) and value.isdigit() and value.isascii())


def _is_ignored(entry: Entry, spot: Spot, ground: Ground) -> bool:
    return any(one.name == entry.route and spot.wide in one.settings.ignore for one in ground.library.routes.routes)
