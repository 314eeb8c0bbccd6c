"""Tokens that are long and random and that nothing names, and what tells them from ids, digests, paths and pictures.

An id may be as random as a key. What it is then is told by what stands around it: a name that says id or digest, a URL
whose path it is a part of, a file's ending.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from cpproxy.core.redaction.coded import find_coded, find_wrapped
from cpproxy.core.redaction.randomness import SHORTEST, find_evidence, is_random, is_wordlike

type Span = tuple[int, int]


class Chance(NamedTuple):
    """A token that is random, or the code of a text: `inside` is what that says, and `parts` how many a token has.

    `harmless` says that what stands around it tells it from a secret: what is inside may be one all the same.
    """

    start: int
    end: int
    inside: str = ""
    parts: int = 1
    harmless: bool = False


_RUN = re.compile(r"[A-Za-z0-9+/_=-]{16,}")
_UUID = re.compile(r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}")
_PIECE = re.compile(r"[^=]+(?:={1,2}\Z)?")
_SEGMENT = re.compile(r"[^/]+")
_NAMED = re.compile(r"[A-Z]?[a-z]{4,}[0-9]{0,3}")
_WRITTEN = re.compile(r"[A-Z]?[a-z]{3,}|[a-z]+[_-][a-z_-]+|\.{1,2}|[A-Z]{4,}")

_DOTTED_BEHIND = re.compile(r"(?:\.[\w-]{1,2048}){1,5}", re.ASCII)
_ENDING = re.compile(r"[a-z][a-z0-9]{0,4}|[A-Z]{2,4}|[a-z]{2,18}")

# What stands before a token is read backwards from it, so that each of these is tried at one place alone.
_DOTTED_BACK = re.compile(r"(?:\.[\w-]{1,128}+){1,5}+", re.ASCII)
_HEAD_BACK = re.compile(r"[^\s\"'<>`\\]*+")
_PARAMETER_BACK = re.compile(r"=([\w.$\[\]-]{1,96}+)(?=[?&;]|\Z)")
_LABEL_BACK = re.compile(r"""["'`(<\[]{0,2}+\s{0,4}+(?:>=|[:=>~]|si|saw)?+\s{0,4}+["'`]?+[\])]?+([\w.$-]{1,96}+)""")
_TAG_BACK = re.compile(r"[\s\"']{0,8}+>([^<>]{1,600}+)<")
_TAG_NAME = re.compile(r"(?:[\w-]{1,40}:)?([\w.-]{1,96})")
_DIGEST_BACK = re.compile(
    r"\W{0,2}+(?:(?:1|2|3|422|652|483|215)ahs|5dm|c?23crc|\w{0,3}ekalb|23relda|1h|nru|/w|diuu)", re.IGNORECASE
)
_RELATIVE = re.compile(r"(?:\.{0,2}/|[\w.@~%+-]++/)[\w.@~%+/:-]*+")
_OWN_DIGEST = re.compile(r"(?:sha(?:1|224|256|384|512)|md5|blake\w{0,3}|nonce)[-_]", re.IGNORECASE)
_DATA = re.compile(r"data:[\w/+.-]{0,64}(?:;[\w=-]{1,40}){0,4},\Z")
_BACK = 640

# How what is no text begins in base64: pictures, fonts, archives, PDF, public keys of SSH.
_MAGIC = [
    "iVBORw0KGgo",
    "/9j/",
    "R0lGOD",
    "UklGR",
    "JVBERi0",
    "UEsDB",
    "H4sI",
    "AAABAA",
    "d09G",
    "T1RUTw",
    "AAEAAAA",
    "SUkqA",
    "TU0AK",
    "Qk0",
    "KLUv",
    "QlpoO",
    "AAAAB3NzaC1",
    "AAAAC3NzaC1",
    "AAAAE2VjZHNh",
    "AAAAH",
    "ZnR5c",
    "SUQz",
    "T2dnUw",
    "GkXfo",
]
_NO_TOKEN = ("--", *_MAGIC)
_CACHED = 256
_LONGEST_KEY = 20_000


class Chances:
    """Finds random tokens; `spares` tells whether a name says that a token is no secret."""

    def __init__(self, spares: Callable[[str, str], bool]) -> None:
        self._spares = spares

    def find(
        self,
        text: str,
        name: str,
        skipped: Iterable[Span],
        among: Callable[[int], str],
        *,
        covered: list[Span],
        harmless: bool,
    ) -> Iterator[Chance]:
        """The tokens in a text that stands under a name, but for those within `skipped` and those that are `covered`.

        Both are in order, `skipped` do not overlap; what is covered is known for a secret by its name. `among` tells
        under which name the array stands in which there is a string at a place; `harmless` says that no token in the
        text is a secret by its looks alone. Those of three parts are all the same.
        """
        waiting = iter(skipped)
        start, end = next(waiting, (len(text), len(text)))
        for run in _RUN.finditer(text):
            at = run.start()
            while end <= at:
                start, end = next(waiting, (len(text), len(text)))
            if start < run.end() or _is_covered(text, at, run.end(), covered):
                continue
            if len(run[0]) <= _CACHED and is_dull(run[0]):
                continue
            coded = find_coded(run[0])
            for first, last, inside in coded:
                known = harmless or self._is_named_harmless(text, at + first, at + last, name, among)
                yield Chance(at + first, at + last, inside, harmless=known)
            for first, last in split_run(run[0]) if len(run[0]) <= _CACHED else split_run.__wrapped__(run[0]):
                if not any(one.start <= first and last <= one.end for one in coded):
                    yield from self._look(text, at + first, at + last, name, among, harmless=harmless)
        if not skipped and "\n" in text:
            for wrapped in find_wrapped(text):
                yield Chance(*wrapped, harmless=harmless)

    def _look(
        self, text: str, start: int, end: int, name: str, among: Callable[[int], str], *, harmless: bool
    ) -> Iterator[Chance]:
        token = text[start:end]
        # A boundary of a multipart body begins with two hyphens.
        if token.startswith(_NO_TOKEN) or len(token) > _LONGEST_KEY or _OWN_DIGEST.match(token):
            return
        if token.startswith("//") and text[start - 1 : start] == ":":
            return  # a URL
        if text[start - 1 : start] == '"' == text[end : end + 1]:
            dotted: Chance | None = Chance(start, end)
        else:
            dotted = _read_dotted(text, text[max(0, start - _BACK) : start][::-1], start, end)
        if dotted is None:
            return
        signed = dotted.parts == _SIGNED and _is_signed(text[dotted.start : dotted.end])
        if signed or not (harmless or self._is_named_harmless(text, start, end, name, among)):
            yield dotted

    def _is_named_harmless(self, text: str, start: int, end: int, name: str, among: Callable[[int], str]) -> bool:
        """Whether what stands around a token says that it is no secret by its looks."""
        token = text[start:end]
        if text[start - 1 : start] == '"' == text[end : end + 1] and (direct := _read_member(text, start)) is not None:
            return self._spares(direct, token)
        back = text[max(0, start - _BACK) : start][::-1]
        harmless = self._find_label(back, start, name, among)
        return harmless if isinstance(harmless, bool) else self._spares(harmless, token)

    def _find_label(self, back: str, start: int, name: str, among: Callable[[int], str]) -> str | bool:
        """The name that stands before a token, or whether what stands there says that it is no secret.

        So it does of a digest, of a part of a path, and of a picture.
        """
        found = _HEAD_BACK.match(back)
        if found and found[0]:
            head = found[0][::-1]
            if "?" not in head and "#" not in head and ("://" in head or _RELATIVE.fullmatch(head)):
                return True
            if _DIGEST_BACK.match(back) or ("data:" in head and _DATA.search(head)):
                return True
            if parameter := _PARAMETER_BACK.match(found[0]):
                return parameter[1][::-1]
        if (label := _read_label(back)) is not None:
            return label
        if back.lstrip()[:1] in _QUOTES and (array := among(start)):
            return array
        return name if not back.strip(" \"'") and name else False


def _is_covered(text: str, start: int, end: int, covered: list[Span]) -> bool:
    """Whether a run lies within one of these, and no dot joins it to what stands around that."""
    at = bisect_right(covered, (start, len(text)))
    if not at or covered[at - 1][1] < end:
        return False
    return text[start - 1 : start] != "." and text[end : end + 1] != "."


_QUOTES = ('"', "'")
_SIGNED = 3
"""Parts of a token that holds what it says and a signature over that."""


def _is_signed(token: str) -> bool:
    """Whether a token of three parts is one whatever stands around it: no version, no name of a file or of a host."""
    first, second, last = token.split(".")
    return min(len(first), len(second)) >= 4 and is_random(last) and not is_wordlike(first + second)


def _find_signed(parts: list[str], first: int, start: int) -> Chance | None:
    """The token of three parts in the name of a file or of a host, around what starts at a place; None if it is none.

    `first` is where the parts begin. What comes before a signature is longer than a name's words.
    """
    for at in range(len(parts) - _SIGNED + 1):
        token = ".".join(parts[at : at + _SIGNED])
        if first <= start < first + len(token) and len(parts[at]) >= SHORTEST and _is_signed(token):
            return Chance(first, first + len(token), "", _SIGNED)
        first += len(parts[at]) + 1
    return None


def _read_member(text: str, start: int) -> str | None:
    """The name of the JSON member whose string begins at a place, or None if that is no member's."""
    last = text.rfind('"', max(0, start - 20), start - 1)
    if last <= 0 or text[last + 1 : start - 1].strip() != ":":
        return None
    first = text.rfind('"', max(0, last - 97), last)
    return text[first + 1 : last] if first >= 0 else None


def _read_label(back: str) -> str | None:
    """The name before a value, as of an element, a member or a line, or the word before it; read from the end."""
    if tag := _TAG_BACK.match(back):
        named = _TAG_NAME.match(tag[1][::-1])
        return named[1] if named else None
    found = _LABEL_BACK.match(back)
    return found[1][::-1] if found else None


@lru_cache(maxsize=8192)
def split_run(run: str) -> tuple[Span, ...]:
    """Where in a run of letters, digits and what base64 knows the random tokens stand, in order."""
    if not is_random(run) and "=" not in run and "/" not in run:
        return ()
    found: list[Span] = []
    for piece in _PIECE.finditer(run):
        start, end = piece.span()
        if "/" not in piece[0] or _is_base64(piece[0]):
            if is_random(piece[0]):
                found.append((start, end))
        elif not _WRITTEN.search(piece[0]):
            found += [
                (start + one.start(), start + one.end()) for one in _SEGMENT.finditer(piece[0]) if is_random(one[0])
            ]
    return tuple(found)


@lru_cache(maxsize=8192)
def is_dull(run: str) -> bool:
    """Whether no token of a run is random, and none is the code of a text."""
    return _UUID.fullmatch(run) is not None or not (find_coded(run) or split_run(run))


def _is_base64(piece: str) -> bool:
    """Whether a piece with slashes is base64 and no path: no part of it is a word, and all of it is drawn by chance."""
    if "-" in piece or "_" in piece:
        return False
    parts = piece.rstrip("=").split("/")
    joined = "".join(parts)
    if not is_random(joined):
        return False
    if len(piece) % 4 == 0 and (piece[-1] == "=" or "+" in piece):
        return not any(_NAMED.fullmatch(part) and is_wordlike(part) for part in parts)
    if piece[0] == "/" or any(_WRITTEN.fullmatch(part) and is_wordlike(part) for part in parts):
        return False
    return find_evidence(joined[:_CACHED])[1] * 5 >= len(joined[:_CACHED]) * 3


def _read_dotted(text: str, back: str, start: int, end: int) -> Chance | None:
    """The token with the parts that dots join to it; None where these make it the name of a file or of a host."""
    ahead = _DOTTED_BACK.match(back)
    behind = _DOTTED_BEHIND.match(text, end)
    if not ahead and not behind:
        return Chance(start, end)
    first = start - len(ahead[0]) if ahead else start
    last = behind.end() if behind else end
    parts = text[first:last].split(".")
    if not behind:
        return Chance(first, last, "", len(parts))
    if len(parts) > _SIGNED and (signed := _find_signed(parts, first, start)):
        return signed
    random = [part for part in parts if is_random(part)]
    if len(parts[-1]) < SHORTEST and (len(random) < 2 or is_wordlike(parts[-1])) and _ENDING.fullmatch(parts[-1]):
        return None
    return Chance(first, last, "", len(parts))
