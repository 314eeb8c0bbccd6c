"""The admin token: whoever shows it may ask, and no call takes it further than to the front.

It is shown as `X-Cpproxy-Token: TOKEN`, which no application has a use for, or as `Authorization: Bearer TOKEN`.
"""

import hmac
import re
import unicodedata
from urllib.parse import unquote

from cpproxy.core.config import ADMIN_PREFIX
from cpproxy.core.messages import Headers
from cpproxy.core.redaction.finding import Reason
from cpproxy.core.redaction.known import Known

TOKEN_HEADER = b"x-cpproxy-token"

_NAME = ADMIN_PREFIX.strip("/")
_HINT = _NAME.strip("_")
_DEEPEST = 6  # escapes one within another
_UNSEEN = frozenset({"Cc", "Cf", "Mn", "Zs"})
_BEARER = re.compile(rb"bearer[ \t]+(.*)", re.IGNORECASE | re.DOTALL)


class Token:
    """The token of a proxy's admin paths; of no characters where it has none."""

    def __init__(self, value: str) -> None:
        self._value = value.encode()
        self._known = Known()
        if value:
            self._known.learn(value, "admin-token", Reason.NAMED)

    def __bool__(self) -> bool:
        return bool(self._value)

    def is_shown(self, headers: Headers) -> bool:
        """Whether one of these shows it."""
        return any(hmac.compare_digest(one, self._value) for one in _shown(headers))

    def is_carried(self, text: str) -> bool:
        """Whether a call has it in this, encoded or not, and would take it to the upstream."""
        return bool(self._value) and (self._value.decode() in text or bool(self._known.find(text)))


def _shown(headers: Headers) -> list[bytes]:
    """The tokens that a call shows."""
    found = []
    for name, value in headers:
        match name.lower():
            case b"x-cpproxy-token":
                found.append(value.strip())
            case b"authorization" if bearer := _BEARER.fullmatch(value.strip()):
                found.append(bearer[1].strip())
            case _:
                pass
    return found


def is_nearly_admin(target: str) -> bool:
    """Whether a target is one of the admin's, or looks as if it was meant for one.

    What another server, or a client's library, would take for the admin's path is not passed on to the upstream: the
    asker's token would go with it.
    """
    if _is_plain(target):
        return False
    path = target.partition("?")[0]
    if _is_plain(path):
        return False
    for _ in range(_DEEPEST):
        plain = unquote(path)
        if plain == path:
            break
        path = plain
    shown = unicodedata.normalize("NFKC", path).casefold()
    return _NAME in "".join(one for one in shown if unicodedata.category(one) not in _UNSEEN)


def _is_plain(text: str) -> bool:
    return text.isascii() and "%" not in text and _HINT not in text.lower()
