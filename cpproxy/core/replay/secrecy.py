"""What may be told of a call that missed: its parts without what their names or its own credentials say is secret."""

import re
from functools import lru_cache

import msgspec

from cpproxy.core.matching import Difference
from cpproxy.core.redaction.names import names_secret as name_says_so
from cpproxy.core.redaction.redactor import MASK, mask
from cpproxy.core.replay.credentials import Sent

_SHORTEST = 4
_SHORTEST_PART = 8
_SEPARATOR = re.compile(r"[;,\s]+")
_WORD = re.compile(r"[A-Za-z0-9_-]+")

type Secrets = tuple[str, ...]
"""The values of a call's credentials."""


def find_secrets(sent: Sent) -> Secrets:
    """The values that are not to be told, and what is long of their parts (a cookie's value), the longest first.

    What is very short is no secret, and would hide half of the text.
    """
    values = [value for _, value in sent.values if len(value) >= _SHORTEST]
    for value in tuple(values):
        parts = _SEPARATOR.split(value)
        values += [text for part in parts for text in (part, part.partition("=")[2]) if len(text) >= _SHORTEST_PART]
    values += [value.encode("latin-1").decode("utf-8", "replace") for value in values if not value.isascii()]
    return tuple(sorted(dict.fromkeys(values), key=len, reverse=True))


def names_secret(where: str) -> bool:
    """Whether a place says of itself that it holds a secret."""
    return any(map(name_says_so, _WORD.findall(where)))


def hide(text: str, secrets: Secrets) -> str:
    """The text without the secrets, whatever escapes stand in them."""
    for secret in secrets:
        text = _compile(secret).sub(MASK, text)
    return text


@lru_cache(maxsize=256)
def _compile(secret: str) -> re.Pattern[str]:
    """Fits a secret each of whose characters may be escaped as in JSON, be it twice, or in a URL."""
    return re.compile("".join(map(_spell, secret)))


def _spell(char: str) -> str:
    forms = [re.escape(char), "".join(f"%25{byte}" for byte in _escape(char)), "".join(f"%{b}" for b in _escape(char))]
    forms.append(rf"\\+u(?i:{ord(char):04x})")
    if char in '"/':
        forms.insert(0, rf"\\+{char}")
    elif char == "\\":
        forms.insert(0, r"\\+")
    elif char == " ":
        forms.append(r"\+")
    return f"(?:{'|'.join(forms)})"


def _escape(char: str) -> list[str]:
    """A character's bytes as hex digits in either case."""
    return [f"(?i:{byte:02x})" for byte in char.encode("utf-8", "surrogatepass")]


def hide_difference(difference: Difference, secrets: Secrets) -> Difference:
    """The difference without what its place names as secret, and without the secrets."""
    where = hide(difference.where, secrets)
    expected, found = (_hide_part(where, text, secrets) for text in (difference.expected, difference.found))
    return Difference(where, expected, found)


def _hide_part(where: str, text: str | None, secrets: Secrets) -> str | None:
    if text is None:
        return None
    if names_secret(where):
        return MASK
    if where == "body" or text[:1] in {"{", "["}:
        text = _hide_body(text)
    return hide(text, secrets)


def _hide_body(text: str) -> str:
    """A body, or a part of one, without its secrets."""
    try:
        return msgspec.json.encode(mask(msgspec.json.decode(text))).decode()
    except (msgspec.DecodeError, RecursionError):
        return f"a text of {len(text)} characters" if names_secret(text) else text
