"""What a value looks like, seen alone: a token that was made by a machine, or a time.

A token is a run of letters and digits; `-`, `_` and `.` join runs to a longer one. Both ends of every value that is
looked for stand at the edge of a run, so that `ws-1` is never found inside `ws-12`.
"""

import datetime
import itertools
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

RUN = re.compile(r"\\(?:u[0-9A-Fa-f]{4}|.)|%[0-9A-Fa-f]{2}|[A-Za-z0-9]+")
"""The runs of a text; escapes of JSON and URLs are eaten first, so that `\\ni-0a` holds `i-0a` and not `ni-0a`."""

_ESCAPE = re.compile(rb"\\(?:u[0-9A-Fa-f]{4}|.)|%[0-9A-Fa-f]{2}")
_TOKEN = re.compile(r"[A-Za-z0-9]+(?:[-_][A-Za-z0-9]+)*")
_JOINED = bytes(byte if chr(byte).isalnum() or byte in b"-_" else 32 for byte in range(128)) + bytes([32]) * 128
"""Leaves letters, digits, `-` and `_`, and makes a space of every other byte."""
_UUID = re.compile(r"(?<![A-Za-z0-9])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![A-Za-z0-9])")
_SHORT = re.compile(r"(?<![A-Za-z0-9])[0-9a-f]{8,12}(?![A-Za-z0-9])")
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}|[0-7][0-9a-hjkmnp-tv-z]{25}")
_HEX = re.compile(r"(?=[0-9a-fA-F]*[0-9])(?=[0-9]*[a-fA-F])(?:[0-9a-f]{16,}|[0-9A-F]{16,})")
_SLUG = re.compile(
    r"(?:[A-Za-z0-9]+[-_])+(?:(?=[a-f]*[0-9])[0-9a-f]{6,}|[a-f]{8,}|(?=[a-f]*[0-9])[0-9a-f]{8,10}-[0-9a-z]{5})"
    r"(?:[-_][0-9]{1,3})?"
)
_CLASSES = re.compile(r"[a-z]+|[A-Z]+|[0-9]+")
_DIGIT = re.compile(r"[0-9]")
_MADE_RUN = re.compile(r"[a-f]{8}|(?=[A-Za-z]*[0-9])[A-Za-z0-9]{6}")
"""What stands in every value that a machine made to name something, but for long ones that mix letters and digits."""
NEW = " "
"""No token: says that a text may hold what is new each time."""
_NEW_EACH_TIME = re.compile(
    r"(?:.*[-_.])?(?:nonce|trace[-_]?(?:id|parent)?|span[-_]?id|sig|signature|timestamp|ts|request[-_]?id|"
    r"correlation[-_]?id|idempotency[-_]?key|client[-_]?(?:request[-_]?)?token|cache[-_]?buster)",
    re.IGNORECASE,
)
_TIME_RUN = re.compile(r"[0-9]{10}|[0-9]{8}T|[0-9]{4}-[0-9]{2}-[0-9]{2}|GMT")
"""What stands in every time."""
_ISO = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:[Zz]|[+-]\d\d:?\d\d)?")
_HTTP_DATE = re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT")
_EPOCH = re.compile(r"[0-9]{10}(?:\.[0-9]+)?|[0-9]{13}|[0-9]{16}|[0-9]{19}")
_MIXED = 16
_SHORT_MIXED = 12


def find_tokens(data: bytes) -> set[str]:
    """The longest tokens of a text in UTF-8 that may be, or hold, what a machine made to name something.

    `NEW` is among them where the text may hold something that is new each time and names nothing.
    """
    if b"\\" in data or b"%" in data:
        data = _ESCAPE.sub(b" ", data)
    # Translating and splitting takes a quarter of the time of a pattern, and of most words all is known already.
    return set(itertools.chain.from_iterable(map(_read_run, set(data.translate(_JOINED).split()))))


@lru_cache(maxsize=4096)
def _read_run(run: bytes) -> tuple[str, ...]:
    """What a run of letters, digits, `-` and `_` says."""
    text = run.decode()
    found = [
        token
        for token in _TOKEN.findall(text)
        if _DIGIT.search(token) and (_MADE_RUN.search(token) or (len(token) >= _SHORT_MIXED and find_made(token)))
    ]
    return (*found, NEW) if names_new(text) or _TIME_RUN.search(text) else tuple(found)


def names_new(name: str) -> bool:
    """Whether what stands under a name is new in each call by custom: a nonce, a trace id, a signature."""
    return _NEW_EACH_TIME.fullmatch(name) is not None


def forget() -> None:
    """Lets go of what was found out about single tokens: once all are read, few come again."""
    _read_run.cache_clear()
    find_made.cache_clear()


def find_short(every: Iterable[str]) -> set[str]:
    """The runs of tokens that may be the beginning of an id: 8 to 12 characters of hex that are in no UUID."""
    # One search in all of them takes a tenth of the time of one in each.
    return set(_SHORT.findall(_UUID.sub(" ", " ".join(every))))


def has_digit(text: str) -> bool:
    """Whether a text holds an ASCII digit."""
    return _DIGIT.search(text) is not None


@lru_cache(maxsize=32768)
def find_made(token: str) -> tuple[tuple[str, str], ...]:
    """The values within a token that a machine made to name something, each with why it is taken for that."""
    if len(token) < 6:
        return ()
    if found := _UUID.findall(token):
        return tuple((value, "UUID") for value in found)
    why = _classify(token)
    return ((token, why),) if why else ()


def _classify(token: str) -> str:
    if _ULID.fullmatch(token):
        return "ULID"
    if _HEX.fullmatch(token):
        return "hex"
    if _SLUG.fullmatch(token):
        return "a name that ends in hex"
    if _is_mixed(token):
        return "a random token"
    return ""


def _is_mixed(token: str) -> bool:
    """Whether letters and digits alternate as they do in what is drawn by chance, in the token or in its last run."""
    for text in (token, re.split("[-_]", token)[-1]):
        classes = _CLASSES.findall(text)
        size = sum(map(len, classes))
        kinds = {("0" if run[0].isdigit() else "a" if run[0].islower() else "A") for run in classes}
        if size >= _MIXED and "0" in kinds and len(kinds) > 1 and len(classes) >= 6:
            return True
        if size >= _SHORT_MIXED and len(kinds) == 3 and len(classes) >= 5:
            return True
    return False


def is_caseless(value: str) -> bool:
    """Whether a value means the same in either case: hex with or without dashes, or a ULID."""
    return _UUID.fullmatch(value) is not None or _HEX.fullmatch(value) is not None or _ULID.fullmatch(value) is not None


@lru_cache(maxsize=16384)
def read_time(text: str) -> float | None:
    """The Unix time in seconds that a text stands for, or None where it is no time (RFC 3339, RFC 9110, a number)."""
    try:
        if _ISO.fullmatch(text):
            moment = datetime.datetime.fromisoformat(text.upper())
            return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp()
        if _HTTP_DATE.fullmatch(text):
            return datetime.datetime.strptime(f"{text[5:-4]} +0000", "%d %b %Y %H:%M:%S %z").timestamp()
    except (ValueError, OverflowError):
        return None
    if _EPOCH.fullmatch(text):
        whole = text.partition(".")[0]
        return float(text) / float(10 ** (len(whole) - 10))
    return None


_COMPACT_TIME = re.compile(r"(\d{8})T(\d{6})Z")


def is_time(value: Any, window: tuple[float, float]) -> bool:  # noqa: ANN401 (JSON)
    """Whether a leaf is a time between two moments (Unix time, seconds)."""
    match value:
        case bool() | None:
            return False
        case int() | float():
            moment = read_time(repr(value))
        case str() if 10 <= len(value) <= 40 and value[0].isascii():
            if compact := _COMPACT_TIME.fullmatch(value):
                day, clock = compact.groups()
                value = f"{day[:4]}-{day[4:6]}-{day[6:]}T{clock[:2]}:{clock[2:4]}:{clock[4:]}Z"
            moment = read_time(value)
        case _:
            return False
    return moment is not None and window[0] <= moment <= window[1]
