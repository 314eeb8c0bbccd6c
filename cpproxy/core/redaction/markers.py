"""Placeholders: what stands in a file for a secret, and on the wire for a placeholder.

In a file it is a marker with role and number, and with the secret's shape where a client may ask for one:
`{{cpproxy:admin-token:1}}`, `{{cpproxy:key:2:hex}}`. What goes out in its place is made of these three alone.

A secret and its base64 have one role and number: `{{cpproxy:admin-token:1:base64}}` goes out as the base64 of what
`{{cpproxy:admin-token:1}}` goes out as.
"""

import base64
import re
from functools import lru_cache

from cpproxy.core.redaction.encodings import decode_base64, is_shown

MARKER = "{{cpproxy:"
"""How every placeholder in a file begins."""

UNNAMED = "random"
"""The role of what nothing names and looks drawn by chance."""

BASE64 = "base64"
"""The shape of what is the base64 of a text, and after a hyphen that of what is the base64 of hex or three parts."""

LOGIN = "login"
"""The same for the base64 of a user, a colon and a password, as `Basic` and Docker have it."""

PLACEHOLDER = re.compile(r"\{\{cpproxy:([^:{}]+):(\d+)(?::(hex|jwt|(?:(?:hex|jwt)-)?(?:base64|login)))?\}\}")
"""A placeholder in a text: its role, its number and its shape."""

PROVISIONAL = re.compile(r"\{\{cpproxy:=(\d+):([^:{}]*)\}\}")
"""What stands for a secret while its number is not known yet: its index, and the role in which it was found there."""

ANY = re.compile(r"\{\{cpproxy:[^{}]*\}\}")
"""Any text of our own making, tokens for addresses among them."""

_HEX = re.compile(r"(?:[0-9a-f]{2}){4,}|(?:[0-9A-F]{2}){4,}")
_JWT = re.compile(r"[A-Za-z0-9_-]{2,}\.[A-Za-z0-9_-]{2,}\.[A-Za-z0-9_-]*")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}|[A-Za-z0-9_-]+={0,2}")
_PADDED = re.compile(r"(?=(?:.{4})+\Z)[A-Za-z0-9+/_-]+={1,2}")
_LOGIN = re.compile(r"[\w.@+-]+:[^\s/]\S*")
_LEAST_CODED = 16  # characters of base64 that is known by its looks: of what is drawn by chance less is a text, too
_USER = "cpproxy-client:"
_UNFIT = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST_ROLE = 60  # characters


@lru_cache(maxsize=1024)
def make_role(name: str) -> str:
    """The role of a secret that was found under this name: fit for a marker, and for a URL."""
    return _UNFIT.sub("-", name).strip("-")[:_LONGEST_ROLE].lower() or "secret"


def find_shape(secret: str) -> str:
    """The class of a secret's shape that its placeholder keeps: `hex`, `jwt`, `base64`, `login`, or nothing."""
    if _HEX.fullmatch(secret) and not secret.isdigit():
        return "hex"
    if _JWT.fullmatch(secret):
        return "jwt"
    if len(secret) < _LEAST_CODED:
        return ""
    text = read_code(secret)
    return LOGIN if _LOGIN.fullmatch(text) else BASE64 if text or _PADDED.fullmatch(secret) else ""


def read_code(secret: str) -> str:
    """The text of which a secret is the base64, or nothing."""
    if len(secret.rstrip("=")) % 4 == 1 or not _BASE64.fullmatch(secret):
        return ""
    try:
        text = decode_base64(secret).decode()
    except UnicodeDecodeError:
        return ""
    return text if is_shown(text) else ""


def split_code(secret: str) -> tuple[str, str]:
    """What else a secret may be known by, which is the base64 of it: a text, or the password after a user; with how."""
    text = read_code(secret)
    return (LOGIN, text.partition(":")[2]) if _LOGIN.fullmatch(text) else (BASE64, text)


def spell(role: str, number: int, shape: str) -> str:
    """A placeholder."""
    return f"{MARKER}{role}:{number}{':' if shape else ''}{shape}}}}}"


@lru_cache(maxsize=4096)
def thing_of(marker: str) -> tuple[str, str]:
    """What is the same for the placeholders of a secret and of its base64: role and number."""
    found = PLACEHOLDER.fullmatch(marker)
    return (found[1], found[2]) if found else (marker, "")


def provisional(index: int, role: str) -> str:
    """What stands for a secret until it gets its number; `role` is empty where nothing there names it."""
    return f"{MARKER}={index}:{role}}}}}"


@lru_cache(maxsize=4096)
def wire_form(marker: str) -> str:
    """What stands on the wire for a placeholder: made of role, number and shape, fit for URLs and headers.

    It says what it is: as a text, as the hex digits of that text, or in all three parts of a JSON Web Token (RFC 7519);
    or as the base64 of that. A number has as many digits as let this need no padding.
    """
    found = PLACEHOLDER.fullmatch(marker)
    if found is None:
        return marker
    role, number, shape = found.groups()
    kind, _, coding = (shape or "").rpartition("-")
    if coding not in {BASE64, LOGIN}:
        kind, coding = coding, ""
    prefix = f"cpproxy-{_UNFIT.sub('-', role)}-"
    text = _fill(prefix, number)
    match kind:
        case "hex":
            text = text.encode().hex()
        case "jwt":
            parts = ('{"alg":"none","typ":"JWT"}', f'{{"iss":"cpproxy","sub":"{text}"}}')
            head = ".".join(_encode(part).rstrip("=") for part in parts)
            text = _fill(f"{head}.{prefix}", number)
        case _:
            pass
    return _encode({BASE64: text, LOGIN: _USER + text}[coding]) if coding else text


def _fill(before: str, number: str) -> str:
    """A text with a number behind it, with so many zeros between that its length is a multiple of three."""
    return before + number.zfill(len(number) + -(len(before) + len(number)) % 3)


def _encode(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


def reveal(text: str) -> str:
    """A text with each placeholder in its wire form."""
    return PLACEHOLDER.sub(lambda found: wire_form(found.group()), text) if MARKER in text else text
