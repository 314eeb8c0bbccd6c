"""Tokens that are long and random and that nothing names, and what tells them from ids, digests, paths and pictures.

An id may be as random as a key. What it is then is told by what stands around it: a name that says id or digest, a URL
whose path it is a part of, a file's ending.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from cpproxy.core.redaction.names import Verdict
from cpproxy.core.redaction.randomness import SHORTEST, find_evidence, is_random, is_wordlike

type Span = tuple[int, int]


class Chance(NamedTuple):
    """A token that is random: `inside` is what it says when it is base64 of a text, and `parts` how many it has."""

    start: int
    end: int
    inside: str = ""
    parts: int = 1


_RUN = re.compile(r"[A-Za-z0-9+/_=-]{16,}")
_PIECE = re.compile(r"[^=]+(?:={1,2}\Z)?")
_SEGMENT = re.compile(r"[^/]+")
_WRITTEN = re.compile(r"[A-Z]?[a-z]{3,}|[a-z]+[_-][a-z_-]+|\.{1,2}|[A-Z]{4,}")

_DOTTED_BEFORE = re.compile(r"[\w-]{1,128}(?:\.[\w-]{1,128}){0,4}\.\Z")
_DOTTED_BEHIND = re.compile(r"(?:\.[\w-]{1,2048}){1,5}")
_ENDING = re.compile(r"[a-z][a-z0-9]{0,4}|[A-Z]{2,4}|[a-z]{2,18}")

_HEAD = re.compile(r"[^\s\"'<>`\\]*\Z")
_RELATIVE = re.compile(r"(?:\.{0,2}/|[\w.@~%+-]+/)[\w.@~%+/:-]*\Z")
_PARAMETER = re.compile(r"(?:[?&;]|\A)([\w.$\[\]-]{1,96})=\Z")
_LABEL = re.compile(r"""([\w.$-]{1,96})(?:\]|\))?["'`]?\s{0,4}(?:=>|[:=>~]|is|was)?\s{0,4}["'`(<\[]{0,2}\Z""")
_TAG = re.compile(r"<(?:[\w-]{1,40}:)?([\w.-]{1,96})(?:\s[^<>]{0,500})?>[\s\"']{0,8}\Z")
_DIGEST = re.compile(r"(?:sha(?:1|2|3|224|256|384|512)|md5|crc32c?|blake\w{0,3}|adler32|h1|urn|W/|uuid)\W{0,2}\Z", re.IGNORECASE)
_OWN_DIGEST = re.compile(r"(?:sha(?:1|224|256|384|512)|md5|blake\w{0,3})[-_]", re.IGNORECASE)
_DATA = re.compile(r"data:[\w/+.-]{0,64}(?:;[\w=-]{1,40}){0,4},\Z")
_BACK = 640

# How what is no text begins in base64: pictures, fonts, archives, PDF, public keys of SSH.
_MAGIC = (
    "iVBORw0KGgo /9j/ R0lGOD UklGR JVBERi0 UEsDB H4sI AAABAA d09G T1RUTw AAEAAAA SUkqA TU0AK Qk0 KLUv QlpoO "
    "AAAAB3NzaC1 AAAAC3NzaC1 AAAAE2VjZHNh AAAAH ZnR5c SUQz T2dnUw GkXfo"
).split()
_NO_TOKEN = ("--", *_MAGIC)
_LONGEST_KEY = 20_000
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}|[A-Za-z0-9_-]+={0,2}")


class Chances:
    """Finds random tokens; `judge` tells what a name says of its value."""

    def __init__(self, judge: Callable[[str], Verdict]) -> None:
        self._judge = judge

    def find(self, text: str, name: str, skipped: Iterable[Span], among: Callable[[int], str]) -> Iterator[Chance]:
        """The tokens in a text that stands under a name, but for those within `skipped`, which are in order.

        `among` tells under which name the array stands in which there is a string at a place.
        """
        waiting = iter(skipped)
        start, end = next(waiting, (len(text), len(text)))
        for run in _RUN.finditer(text):
            while end <= run.start():
                start, end = next(waiting, (len(text), len(text)))
            if start < run.end():
                continue
            for first, last in split_run(run[0]):
                yield from self._look(text, run.start() + first, run.start() + last, name, among)

    def _look(self, text: str, start: int, end: int, name: str, among: Callable[[int], str]) -> Iterator[Chance]:
        token = text[start:end]
        # A boundary of a multipart body begins with two hyphens.
        if token.startswith(_NO_TOKEN) or len(token) > _LONGEST_KEY or _OWN_DIGEST.match(token):
            return
        before = text[max(0, start - _BACK) : start]
        dotted = _read_dotted(text, before, start, end)
        if dotted is None or self._is_harmless(text, before, start, end, name, among):
            return
        inside = decode_text(token) if dotted.parts == 1 else ""
        yield dotted._replace(inside=inside)

    def _is_harmless(
        self, text: str, before: str, start: int, end: int, name: str, among: Callable[[int], str]
    ) -> bool:
        """Whether what stands before a token says that it is an id, a digest, a part of a path or a picture."""
        found = _HEAD.search(before)
        head = found[0] if found else ""
        if head:
            question = max(head.rfind("?"), head.rfind("#"))
            if question < 0 and ("://" in head or _RELATIVE.fullmatch(head)):
                return True
            if _DIGEST.search(head) or _DATA.search(head):
                return True
        label = _PARAMETER.search(head) or _TAG.search(before[-700:]) or _LABEL.search(before[-120:])
        if label:
            return self._judge(label[1]) is Verdict.HARMLESS
        if before.rstrip()[-1:] in {'"', "'"} and (array := among(start)):
            return self._judge(array) is Verdict.HARMLESS
        return not before.strip(" \"'") and bool(name) and self._judge(name) is Verdict.HARMLESS


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


def _is_base64(piece: str) -> bool:
    """Whether a piece with slashes is base64 and no path: no part of it is a word, and all of it is drawn by chance."""
    if "-" in piece or "_" in piece or piece.startswith("//") or (piece[0] == "/" and "/" in piece[1:]):
        return False
    parts = piece.rstrip("=").split("/")
    if any(_WRITTEN.fullmatch(part) and is_wordlike(part) for part in parts):
        return False
    joined = "".join(parts)
    return is_random(joined) and find_evidence(joined)[1] * 5 >= len(joined) * 3


def _read_dotted(text: str, before: str, start: int, end: int) -> Chance | None:
    """The token with the parts that dots join to it; None where these make it the name of a file or of a host."""
    ahead = _DOTTED_BEFORE.search(before[-700:]) if before.endswith(".") else None
    behind = _DOTTED_BEHIND.match(text, end)
    if not ahead and not behind:
        return Chance(start, end)
    first = start - len(ahead[0]) if ahead else start
    last = behind.end() if behind else end
    parts = text[first:last].split(".")
    if not behind:
        return Chance(first, last, "", len(parts))
    random = [part for part in parts if is_random(part)]
    if len(parts[-1]) < SHORTEST and (len(random) < 2 or is_wordlike(parts[-1])) and _ENDING.fullmatch(parts[-1]):
        return None
    return Chance(first, last, "", len(parts))


@lru_cache(maxsize=1024)
def decode_text(run: str, least: int = 20) -> str:
    """The text of which a run of letters is the base64, in either alphabet, or nothing."""
    if len(run) < least or not _BASE64.fullmatch(run):
        return ""
    bare = run.rstrip("=")
    if len(bare) % 4 == 1:
        return ""
    try:
        data = base64.b64decode(bare.replace("-", "+").replace("_", "/") + "=" * (-len(bare) % 4))
        text = data.decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return text if text.isprintable() or all(one.isprintable() or one in "\n\r\t" for one in text) else ""
