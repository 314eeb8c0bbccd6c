"""Placeholders: what stands in a file for a secret, and on the wire for a placeholder.

In a file it is a marker with role and number, and with the secret's shape where a client may ask for one:
`{{cpproxy:admin-token:1}}`, `{{cpproxy:key:2:hex}}`. What goes out in its place is made of these three alone.
"""

import base64
import re
from functools import lru_cache

MARKER = "{{cpproxy:"
"""How every placeholder in a file begins."""

UNNAMED = "random"
"""The role of what nothing names and looks drawn by chance."""

PLACEHOLDER = re.compile(r"\{\{cpproxy:([^:{}]+):(\d+)(?::(hex|jwt))?\}\}")
"""A placeholder in a text: its role, its number and its shape."""

PROVISIONAL = re.compile(r"\{\{cpproxy:=(\d+):([^:{}]*)\}\}")
"""What stands for a secret while its number is not known yet: its index, and the role in which it was found there."""

ANY = re.compile(r"\{\{cpproxy:[^{}]*\}\}")
"""Any text of our own making, tokens for addresses among them."""

_HEX = re.compile(r"(?:[0-9a-f]{2}){4,}|(?:[0-9A-F]{2}){4,}")
_JWT = re.compile(r"[A-Za-z0-9_-]{2,}\.[A-Za-z0-9_-]{2,}\.[A-Za-z0-9_-]*")
_UNFIT = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST_ROLE = 60  # characters


@lru_cache(maxsize=1024)
def make_role(name: str) -> str:
    """The role of a secret that was found under this name: fit for a marker, and for a URL."""
    return _UNFIT.sub("-", name).strip("-")[:_LONGEST_ROLE].lower() or "secret"


def find_shape(secret: str) -> str:
    """The class of a secret's shape that its placeholder keeps: `hex`, `jwt`, or nothing."""
    if _HEX.fullmatch(secret) and not secret.isdigit():
        return "hex"
    return "jwt" if _JWT.fullmatch(secret) else ""


def spell(role: str, number: int, shape: str) -> str:
    """A placeholder."""
    return f"{MARKER}{role}:{number}{':' if shape else ''}{shape}}}}}"


def provisional(index: int, role: str) -> str:
    """What stands for a secret until it gets its number; `role` is empty where nothing there names it."""
    return f"{MARKER}={index}:{role}}}}}"


@lru_cache(maxsize=4096)
def wire_form(marker: str) -> str:
    """What stands on the wire for a placeholder: made of role, number and shape, fit for URLs and headers.

    It says what it is: as a text, as the hex digits of that text, or in all three parts of a JSON Web Token (RFC 7519).
    """
    found = PLACEHOLDER.fullmatch(marker)
    if found is None:
        return marker
    role, number, shape = found.groups()
    text = f"cpproxy-{_UNFIT.sub('-', role)}-{number}"
    match shape:
        case "hex":
            return text.encode().hex()
        case "jwt":
            parts = ('{"alg":"none","typ":"JWT"}', f'{{"iss":"cpproxy","sub":"{text}"}}')
            return ".".join([*(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts), text])
        case _:
            return text


def reveal(text: str) -> str:
    """A text with each placeholder in its wire form."""
    return PLACEHOLDER.sub(lambda found: wire_form(found.group()), text) if MARKER in text else text
