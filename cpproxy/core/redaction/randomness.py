"""How little a text looks like what people write: the evidence that a part of it was drawn by chance.

People's names, words and numbers are made of pairs of characters that are common; what was drawn by chance is not. The
evidence is in bits: how much likelier the least likely stretch of a text is to have been drawn by chance than to have
been written, by the pairs of neighbouring characters in it. Names in camelCase are read as words with a hyphen between.
"""

import itertools
import re
from functools import lru_cache

# For each character (a to z, 0 for any digit, - for what separates and for both ends) how common each of these is
# behind it in identifiers and prose, compared with chance: k for just as common, each letter is half a bit. Counted by
# the authors in the identifiers and comments of Python's standard library.
_TABLE = (
    "clnmdglbkbiomnalbonpjjghicak pijhnffenlcpggnjbllhobdbmfen odigogeokanmgfqfcliolecagabn "
    "mgfkqhfbodbkdfmebjkildddgadr lfmmijhcfadlknfjhonneihlhbaq neijmngdqaamffpfbnkkmaeahado "
    "jeffqcjlmaalhljeammikecabear qdegqdbdnafhhfodakhmjbbafaaq kimlkjlaeaemlrnkbknobjaiajaj "
    "nakfqeadkcjfdcojafmgpadafadq kfhhrhienackdjhhehnghdkbebas nggkqgdcpaenefoiaeklkecalcap "
    "qkfhrdccnaeikfooaekikbaagaao ndmonkoelaiheimhcempjicaeaap ijmndjjbhaimmqkmapllmilhcdam "
    "pdhhpgdhlaendenlcojmkfeakaap ffgfedcedcajdgfhikketddbaacp nejjqgjcnahhkjngalmmihebjaaq "
    "jckepfgknahifeklefmpldeciaar neihpgbmoaeigemianlkjdfckdar klkhnjialabompinaonoebadabgj "
    "qefctfecoaeegfjeagfebbebbbdn peginfclpabiimnfaomgdchfaaaq jgnhmicgmabihcgnafhpeedikdjq "
    "fhigjfdcjaajjlhoahnnefibfeas mcgfsgbhoaahjfmhafgffaeahfdo jiikiiabbbacccecaadcbaalaamr "
    "lknlllkkmehllkkmflnmkijgeeeo "
)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_EDGE = 27
_CLASS = {
    **{letter: index for index, letter in enumerate(_LETTERS)},
    **{letter: index for index, letter in enumerate(_LETTERS.upper())},
    **dict.fromkeys("0123456789", 26),
}
_PAIRS = [[(ord(one) - ord("k")) / 2 for one in row] for row in _TABLE.split()]
_CASE_CHANGE = 2.0

_LOWER_HEX = frozenset("0123456789abcdef")
_UPPER_HEX = frozenset("0123456789ABCDEF")

SHORTEST = 16
"""Characters of the shortest token that is looked at."""

_ENOUGH = 256
_SHORTEST_HEX = 32
_EVIDENCE = 14.5
_EVIDENCE_HEX = 8.0
_DISTINCT = 8
_WRITTEN = 7.0
# Hex of this length and up is what ids and digests are made of: short commits, instance ids, spans, ObjectIds.
_ID = re.compile(r"(?:[0-9a-f]{4,31}|[0-9A-F]{4,31})")
_PART = re.compile(r"[A-Za-z0-9]+")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-?)[0-9A-Fa-f]{4}\1[0-9A-Fa-f]{4}\1[0-9A-Fa-f]{4}\1[0-9A-Fa-f]{12}")
# RFC 9562: the version is a digit of its own, and the variant leaves four. Without hyphens only these two tell a UUID
# of version 4 or 7 from any other 32 digits: one key in 32 is taken for one.
_BARE_UUID = re.compile(r"[0-9a-f]{12}[47][0-9a-f]{3}[89ab][0-9a-f]{15}|[0-9A-F]{12}[47][0-9A-F]{3}[89AB][0-9A-F]{15}")


# What a trace is called by who passes it on (W3C Trace Context section 3.2): version, trace, parent and flags.
_TRACE = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-9a-f]")


def find_evidence(text: str) -> tuple[float, int]:
    """The evidence in bits that a stretch of the text was drawn by chance, and how long that stretch is."""
    best = current = 0.0
    longest = length = 0
    last = _EDGE
    before = ""
    capital = False
    for one in text:
        here = _CLASS.get(one, _EDGE)
        lower = one.islower()
        upper = one.isupper()
        if upper and before.islower():
            current += _PAIRS[_EDGE][here] - _CASE_CHANGE
        elif lower and capital:
            current += _PAIRS[last][here] - _CASE_CHANGE
        else:
            current += _PAIRS[last][here]
        capital = upper and before.isupper()
        before = one
        last = here
        length += 1
        if current >= 0:
            current = 0.0
            length = 0
        elif current < best:
            best = current
            longest = length
    return -best, longest


def is_uuid(text: str) -> bool:
    """Whether a text is a UUID, with or without its hyphens."""
    found = _UUID.fullmatch(text)
    return found is not None and (bool(found[1]) or bool(_BARE_UUID.fullmatch(text)))


# MD5, and SHA of 160 to 512 bits, in hex, before which a count may stand, or in base64, padded or not.
_DIGEST = re.compile(
    r"(?:[0-9]{1,6}-)?(?:(?:[0-9a-f]{2}){16,64}|(?:[0-9A-F]{2}){16,64})"
    r"|[A-Za-z0-9+/_-]{22}(?:==)?|[A-Za-z0-9+/_-]{27}=?|[A-Za-z0-9+/_-]{38}(?:==)?|[A-Za-z0-9+/_-]{43}=?"
    r"|[A-Za-z0-9+/_-]{64}|[A-Za-z0-9+/_-]{86}(?:==)?"
)


def may_be_digest(text: str) -> bool:
    """Whether a text has the length and the letters of a digest."""
    return bool(_DIGEST.fullmatch(text))


def is_random(token: str) -> bool:
    """Whether a token (letters, digits, and the few others that base64 knows) is long and drawn by chance."""
    return _is_random(token) if len(token) <= _ENOUGH else _is_random.__wrapped__(token[:_ENOUGH])


@lru_cache(maxsize=8192)
def _is_random(token: str) -> bool:
    characters = set(token)
    if len(token) < SHORTEST or len(characters) < _DISTINCT:
        return False
    if characters <= _LOWER_HEX or characters <= _UPPER_HEX:
        return _is_random_hex(token)
    if is_uuid(token) or _TRACE.fullmatch(token):
        return False
    if "-" in characters or "_" in characters or "." in characters:
        # `vol-0123456789abcdef0`, `2026-01-05-4f1c9d2e`: hex in a name is what tells one thing from the next.
        token = _PART.sub(_leave_out_id, token)
    if any(len(part) >= _SHORTEST_HEX and _is_random_hex(part) for part in _PART.findall(token)):
        return True
    evidence, length = find_evidence(token)
    return evidence >= _EVIDENCE and length >= SHORTEST - 4 and not _is_sequence(token)


def _leave_out_id(part: re.Match[str]) -> str:
    return "" if _ID.fullmatch(part[0]) else part[0]


def _is_random_hex(token: str) -> bool:
    characters = set(token)
    if not (characters <= _LOWER_HEX or characters <= _UPPER_HEX) or len(characters) < _DISTINCT:
        return False
    if len(token) < _SHORTEST_HEX or token.isdecimal() or _BARE_UUID.fullmatch(token):
        return False
    return find_evidence(token)[0] >= _EVIDENCE_HEX and not _is_sequence(token)


def _is_sequence(token: str) -> bool:
    """Whether more than a third of a token counts up or down, as alphabets do."""
    codes = [ord(one) for one in token]
    steps = sum(abs(one - other) == 1 for one, other in itertools.pairwise(codes))
    return steps * 3 > len(token)


def is_wordlike(text: str) -> bool:
    """Whether a text could be words and numbers that somebody wrote: no stretch of it seems to be drawn by chance."""
    return _is_wordlike(text[:_ENOUGH])


@lru_cache(maxsize=8192)
def _is_wordlike(text: str) -> bool:
    return find_evidence(text)[0] < _WRITTEN
