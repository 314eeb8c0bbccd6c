"""What the head of a call says to the front: whether it may be asked, for which session, and which admin path it means.

Clients send the same header lines again and again, so that what they say is kept in mind.
"""

import http
import re
from typing import NamedTuple
from urllib.parse import urlsplit

from aiohttp.http_parser import RawRequestMessage

from cpproxy.core.config import ADMIN_PREFIX
from cpproxy.core.messages import Headers, as_latin1
from cpproxy.core.redaction.redactor import Redactor
from cpproxy.core.runs import is_session
from cpproxy.front.exchange import SESSION_HEADER, Exchange
from cpproxy.front.token import TOKEN_HEADER, Token, is_nearly_admin

SESSION_PREFIX = "/s/"
STATE = "stub-state"
"""What the admin is asked for when a call came to the config's state path."""

_METHODS = frozenset(map(str, http.HTTPMethod)) - {"CONNECT"}
_METHOD = re.compile(r"(?=.{1,24}\Z)(?:[A-Z]+(?:-[A-Z]+)*|[A-Z]?[a-z]+(?:-[a-z]+)*)")
_AUTHORITY = re.compile(r"(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}")
_OURS = frozenset({SESSION_HEADER, TOKEN_HEADER})
_REMEMBERED = 1024
_LARGEST_REMEMBERED = 8 * 1024  # bytes
_NO_SESSION = "a session's name is 1 to 64 letters, digits, dots, dashes and underscores"
_SEVERAL = "more than one X-Cpproxy-Session: which of them counts is anybody's guess"
_CARRIED = "the call carries the proxy's admin token, which is for the admin paths alone"
_NEARLY = (
    f"the target is nearly one of cpproxy's own, which nobody else is to see; those begin with "
    f"{ADMIN_PREFIX}/ or {SESSION_PREFIX}NAME{ADMIN_PREFIX}/, spelled just so"
)


class Refused(NamedTuple):
    """A call that nobody is asked, and what is wrong with it."""

    problem: str


class Asked(NamedTuple):
    """A call to the admin, and the path that follows its prefix, or `STATE`."""

    path: str


class _Lines(NamedTuple):
    """What header lines say. `headers` are those for others than the front, `problem` is about the session alone."""

    headers: Headers
    host: str
    session: str
    problem: str
    carry_token: bool


class Heads:
    """Reads heads of calls; what they show to be secret is kept in mind by `redactor`.

    A call that is not the admin's and carries its `token` is refused. `state_path` is the config's for the counters.
    """

    def __init__(self, redactor: Redactor, token: str, state_path: str) -> None:
        self._redactor = redactor
        self._token = Token(token)
        self._state_path = state_path
        self._lines: dict[Headers, _Lines] = {}

    def read(self, exchange: Exchange) -> Asked | Refused | None:
        """Sets what the head says of a call: None of one to be answered by what the mode is.

        Its target becomes a path with its query, or HOST:PORT; what chose the session, and what was meant for the front
        alone, is taken out.
        """
        message = exchange.message
        lines = self._lines.get(message.raw_headers) or self._read_lines(message)
        exchange.headers, exchange.host, _, _, carry_token = lines
        target = exchange.target
        if target[:1] != "/" or exchange.method not in _METHODS:
            problem = self._check_method(exchange) or self._read_target(exchange)
            if problem:
                return Refused(problem)
            target = exchange.target
        if lines.session or target.startswith(SESSION_PREFIX):
            if problem := _choose_session(exchange, lines):
                return Refused(problem)
            target = exchange.target
        near = is_nearly_admin(target)
        if (near or self._state_path) and (path := self._find_admin(target)) is not None:
            return Asked(path)
        if near or carry_token or self._token.is_carried(target):
            return Refused(_NEARLY if near else _CARRIED)
        return None

    def _find_admin(self, target: str) -> str | None:
        """What the admin is asked for by a target; None where it is not the admin's."""
        path = target.partition("?")[0]
        if path == ADMIN_PREFIX or path.startswith(f"{ADMIN_PREFIX}/"):
            return path[len(ADMIN_PREFIX) :]
        return STATE if path == self._state_path else None

    def _read_lines(self, message: RawRequestMessage) -> _Lines:
        raw = message.raw_headers
        self._redactor.learn_headers(raw)
        authority = as_latin1(message.headers.get("Host", ""))
        if "@" in authority:
            self._redactor.learn_authority(authority)
        chosen = {as_latin1(one) for one in message.headers.getall("X-Cpproxy-Session", ())}
        headers = tuple(pair for pair in raw if pair[0].lower() not in _OURS)
        session = max(chosen, default="")
        lines = _Lines(
            headers if len(headers) < len(raw) else raw,
            authority.rpartition("@")[2],
            session,
            _SEVERAL if len(chosen) > 1 else "" if is_session(session) else _NO_SESSION,
            bool(self._token) and self._token.is_carried("\n".join(value.decode("latin-1") for _, value in headers)),
        )
        if sum(len(name) + len(value) for name, value in raw) <= _LARGEST_REMEMBERED:
            if len(self._lines) >= _REMEMBERED:
                self._lines.clear()
            self._lines[raw] = lines
        return lines

    def _check_method(self, exchange: Exchange) -> str:
        """Says what is wrong with a call's method, or nothing. One that is no word may be a token: it is not kept."""
        method = exchange.method
        if method in _METHODS or method == "CONNECT":
            return ""
        if _METHOD.fullmatch(method) and all(self._redactor.text(one) == one for one in (method, method.lower())):
            return ""
        exchange.method = exchange.target = exchange.host = ""
        return "the method is no word of one case, as PURGE is"

    def _read_target(self, exchange: Exchange) -> str:
        """Makes a path with its query of a call's target, or HOST:PORT; what is wrong with it comes back, or nothing.

        No name or password of a user stays in it, and of what it cannot be, nothing at all.
        """
        target = exchange.target
        authority = ""
        if exchange.method == "CONNECT":
            authority, target = target, target.rpartition("@")[2]
            problem = "" if _AUTHORITY.fullmatch(target) else "the target of CONNECT is no HOST:PORT"
        else:
            authority, target = _split_authority(target)
            problem = "" if target[:1] == "/" or target == "*" else "the target is no path, nor a URL of http or https"
        if "@" in authority:
            self._redactor.learn_authority(authority)
        exchange.target = "" if problem else target
        return problem


def _split_authority(target: str) -> tuple[str, str]:
    """The authority of a target in the absolute form, and its path with the query (RFC 9112 section 3.2.2)."""
    if target.startswith("/") or not target.lower().startswith(("http://", "https://")):
        return "", target
    authority = urlsplit(target).netloc
    rest = target[target.index("//") + 2 + len(authority) :]
    return authority, rest if rest.startswith("/") else f"/{rest}"


def _choose_session(exchange: Exchange, lines: _Lines) -> str:
    """Sets the session that a `/s/NAME/…` path or else a header chooses; what is wrong with it, or nothing."""
    if not exchange.target.startswith(SESSION_PREFIX):
        exchange.session = lines.session
        return lines.problem
    chosen, rest = _split(exchange.target[len(SESSION_PREFIX) :])
    exchange.session, exchange.prefix, exchange.target = chosen, SESSION_PREFIX + chosen, rest
    return "" if is_session(chosen) else _NO_SESSION


def _split(target: str) -> tuple[str, str]:
    """The first segment of a target, and what follows it as a target of its own."""
    name = target.partition("?")[0].partition("/")[0]
    rest = target[len(name) :]
    return name, rest if rest.startswith("/") else f"/{rest}"
