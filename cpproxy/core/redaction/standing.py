"""Secrets that stand behind a sign of their own, which is no name: userinfo in a URL, `Bearer x`, `curl -u`, a key."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple
from urllib.parse import unquote

from cpproxy.core.redaction import shapes
from cpproxy.core.redaction.coded import read_base64
from cpproxy.core.redaction.documents import unescape
from cpproxy.core.redaction.randomness import is_random, is_wordlike
from cpproxy.core.redaction.words import is_void


class Standing(NamedTuple):
    """What stands at a place: `reason` is 1 for what a sign names and 2 for a shape; no role for what is no secret."""

    start: int
    end: int
    value: str
    role: str | None
    reason: int


_AUTHORITY = re.compile(r"//([^/?#\s\"'<>\\,;)]{1,2048})")
_LOOSE = re.compile(
    r"//([^\s\"'<>\\@:/?#]{0,128}):(?!\d+/)([^\s\"'<>\\@]{1,128})@(?=[\w.-]+(?::\d+)?(?:[/?#\s\"'<>\\]|\Z))"
)


def _read_userinfo(text: str, at: int) -> Iterator[Standing]:
    """The password in a URL, and the user where that is a token (RFC 3986 section 3.2.1)."""
    found = _AUTHORITY.match(text, at)
    if found is None:
        return
    last = found[1].rfind("@")
    start = found.start(1)
    if last < 0:
        if loose := _LOOSE.match(text, at):
            yield Standing(*loose.span(2), unquote(loose[2]), "userinfo", 1)
        return
    user, colon, password = found[1][:last].partition(":")
    if colon and not is_void(password, "password"):
        yield Standing(start + len(user) + 1, start + last, unquote(password), "userinfo", 1)
        lone = False
    else:
        lone = not colon or password.lower() in _NO_PASSWORDS
    if is_random(user) or (lone and _is_token(user, text[max(0, at - 6) : at].lower(), given=bool(password))):
        yield Standing(start, start + len(user), unquote(user), "userinfo", 1)


# What stands behind a token where a password would: GitHub's, that of several trackers, and nothing.
_NO_PASSWORDS = frozenset(["", "x-oauth-basic", "api_token", "apitoken", "api-token", "x", "unused"])
_SEPARATED = re.compile(r"[A-Za-z]+(?:[-_.][A-Za-z]+)+")
_SHORTEST_USER = 8
_LONGEST_USER = 12


def _is_token(user: str, scheme: str, *, given: bool) -> bool:
    """Whether a user without a password is a token: a word where what stands for the password says so, or a long one.

    `scheme` is the end of the URL's; in those of the web a user alone is rarely one, in others a login as any.
    """
    if is_void(user, "password"):
        return False
    if given:
        return True
    if len(user) >= _LONGEST_USER and not is_wordlike(user):
        return True
    if not scheme.endswith(("http:", "https:")) or _SEPARATED.fullmatch(user):
        return False
    mixed = any(one.isdigit() for one in user) and any(one.isalpha() for one in user)
    return len(user) >= (_SHORTEST_USER if mixed or not is_wordlike(user) else _LONGEST_USER)


_BEARER = re.compile(r"bearer[ \t]+(?P<token>[A-Za-z0-9._~+/:|-]{6,}={0,2})(?![A-Za-z0-9=\"])", re.IGNORECASE)
_BASIC = re.compile(r"basic[ \t]+(?P<token>[A-Za-z0-9+/]{6,}={0,2})(?![A-Za-z0-9=\"])", re.IGNORECASE)


def _read_bearer(text: str, at: int) -> Iterator[Standing]:
    found = _BEARER.match(text, at)
    if found:
        token = found["token"].rstrip(".:")
        if not is_void(token) and (any(one.isdigit() for one in token) or not is_wordlike(token)):
            start = found.start("token")
            yield Standing(start, start + len(token), token, "bearer", 1)


def _read_basic(text: str, at: int) -> Iterator[Standing]:
    found = _BASIC.match(text, at)
    if found and ":" in read_base64(found["token"], least=6):
        yield Standing(*found.span("token"), found["token"], "basic", 1)


# The password of a program's own short flag, on one line with the program: `-p x`, `-px`, `"-p", "x"`.
_ALONG = r"[^\n|;&]{0,300}?[\s\"']"
_BEHIND = r"(?:[ \t=]+|[\"'],[ \t]*[\"'])(?P<quote>[\"']?)(?!-|[\d.:,]+(?:/\w+)?(?:[\s\"']|\Z))"
_WORD = r"(?P<value>[^\s\"']+)"
_FLAGS = {
    "login": rf"login\b{_ALONG}(?:-p|--pass){_BEHIND}{_WORD}",
    "mysql": rf"mysql[\w-]*\b{_ALONG}-p(?P<quote>[\"']?)(?![\d.:,]+(?:[\s\"']|\Z)){_WORD}",
    "mariadb": rf"mariadb[\w-]*\b{_ALONG}-p(?P<quote>[\"']?)(?![\d.:,]+(?:[\s\"']|\Z)){_WORD}",
    "mongo": rf"mongo[\w-]*\b{_ALONG}-p{_BEHIND}{_WORD}",
    "redis-cli": rf"redis-cli\b{_ALONG}-a{_BEHIND}{_WORD}",
    "ldap": rf"ldap\w*[ \t]{_ALONG}-[ws]{_BEHIND}{_WORD}",
    "zip": rf"zip\b{_ALONG}-P{_BEHIND}{_WORD}",
    "sqlcmd": rf"sqlcmd\b{_ALONG}-P{_BEHIND}{_WORD}",
    "openssl": rf"openssl\b{_ALONG}(?:-k{_BEHIND}|(?P<pass>-?pass(?:in|out)?[ \t]+[\"']?pass:)){_WORD}",
    "sqlplus": r"sqlplus[ \t](?:[^\n|;&]{0,100}[ \t])?[\w$#]+/(?P<value>[^\s\"'@]+)",
    "jdbc:oracle:thin:": r"jdbc:oracle:thin:[\w$#\"]+/(?P<value>[^\s\"'@]+)(?=@)",
    "--from-literal": r"--from-literal[= \t][\"']?[\w.-]+=(?P<value>[^\s\"']+)",
    "auth plain": r"auth plain[ \t]+(?P<value>[A-Za-z0-9+/]{8,}={0,2})(?=\s|\Z)",
    ":5432:": r":5432:[^:\s]{1,64}:[^:\s]{1,64}:(?P<value>[^\s:]+)(?=\s|\Z)",
    ":*:": r":\*:[^:\s]{1,64}:[^:\s]{1,64}:(?P<value>[^\s:]+)(?=\s|\Z)",
}
_MYSQL_BACK = re.compile(r"(?:mysql|mariadb)[^\n]*\Z")
_USED = re.compile(
    rf"(?:-u|--user(?:name)?)[= \t]\S+(?:[ \t]+--?[\w-]+(?:[= \t][^\s-]\S*)?){{0,6}}?[ \t]+-p{_BEHIND}{_WORD}"
)
_USER = re.compile(
    r"""(?:--(?:proxy-)?user|[ \t\"'](?:-u|-U))(?:[ \t=]|["'],\ ?["'])?
    (?:"(?P<double>[^"\\\n]+)"|'(?P<single>[^'\\\n]+)'|(?P<bare>[^\s"'\\]+))""",
    re.VERBOSE,
)


def _read_user(text: str, at: int) -> Iterator[Standing]:
    """The password of `curl -u user:password`, and of `-u user -p password`."""
    # What follows `mysql -u root -p` is a database.
    if not _MYSQL_BACK.search(text, max(0, at - 200), at) and (used := _USED.match(text, at + (text[at] != "-"))):
        yield from _take(used)
        return
    found = _USER.match(text, at)
    if found is None:
        return
    group = next(name for name in ("double", "single", "bare") if found[name] is not None)
    user, colon, password = found[group].partition(":")
    if colon and user and "/" not in user and not is_void(password, "password"):
        start = found.start(group) + len(user) + 1
        yield Standing(start, start + len(password), password, "password", 1)


# What a shell writes into a program that reads a password: `echo x | docker login --password-stdin`.
_PIPED_BACK = re.compile(
    r"""(?:echo|printf)[ \t]+(?:-\w+[ \t]+)*(?P<quote>["']?)(?P<value>[^\s"'|$`]+)(?P=quote)[ \t]*\|[^|;&\n]*\Z"""
)
_LISTED = re.compile(r"chpasswd:[ \t]*\n(?:[ \t]+expire:[^\n]*\n)?[ \t]+list:[ \t]*\|?[ \t]*\n")
_LOGIN_LINE = re.compile(r"[ \t]+(?:-[ \t]+)?[\w.-]{1,64}:(?P<value>[^\s:][^\n]*?)[ \t]*(?:\n|\Z)")


def _read_piped(text: str, at: int) -> Iterator[Standing]:
    """The password that is written into the program whose name or flag stands at a place, with a user or without."""
    found = _PIPED_BACK.search(text, max(0, at - 400), at)
    if found:
        value = found["value"].rpartition(":")[2] if text.startswith("chpasswd", at) else found["value"]
        if not is_void(value, "password"):
            yield Standing(found.end("value") - len(value), found.end("value"), value, "password", 1)


def _read_listed(text: str, at: int) -> Iterator[Standing]:
    """The passwords of the users that cloud-init is told of: a line each, `user:password`."""
    head = _LISTED.match(text, at)
    end = head.end() if head else len(text)
    while line := _LOGIN_LINE.match(text, end):
        end = line.end()
        if not is_void(line["value"], "password") and line["value"] not in {"R", "RANDOM"}:
            yield Standing(*line.span("value"), line["value"], "password", 1)


_IDENTIFIED = re.compile(
    r"identified[ \t]+by[ \t]+(?:password[ \t]+)?(?P<quote>['\"])(?P<value>[^'\"\n]+)(?P=quote)", re.IGNORECASE
)
_SSHPASS = re.compile(r"sshpass[ \t]+-p[ \t]*(?P<quote>['\"]?)(?P<value>[^\s'\"]+)")


def _read_quoted(pattern: re.Pattern[str]) -> Callable[[str, int], Iterator[Standing]]:
    def read(text: str, at: int) -> Iterator[Standing]:
        if found := pattern.match(text, at):
            yield from _take(found)

    return read


def _take(found: re.Match[str]) -> Iterator[Standing]:
    if not is_void(found["value"], "password"):
        yield Standing(*found.span("value"), found["value"], "password", 1)


# What a client changes for its tokens (RFC 6749 section 4.1): other names go with it than with codes of another kind.
_CODE = re.compile(r"""code(?:=|["'][ \t]{0,4}:[ \t]{0,4}["'])(?P<value>[^&\s"'<>#\\]{8,2048})""")
_GRANT = re.compile(
    r"""(?:[?&"'#]|\A|%26|%3F)(?:state|grant_type|code_verifier|session_state|redirect_uri|client_secret)"""
    r"""["']?[ \t]*[=:]"""
)
_GRANT_REACH = 1000


def _read_code(text: str, at: int) -> Iterator[Standing]:
    """The code that an authorization server hands out, in a URL, a form or JSON."""
    found = _CODE.match(text, at)
    if found is None or text[at - 1 : at] not in {"", "?", "&", "#", '"', "'"}:
        return
    around = text[max(0, at - _GRANT_REACH) : found.end() + _GRANT_REACH]
    if _GRANT.search(around) and not is_void(found["value"]) and not is_wordlike(found["value"]):
        yield Standing(*found.span("value"), unquote(found["value"]), "code", 1)


_UNQUOTED = re.compile(r"identified[ \t]+by[ \t]+(?P<value>[\w!#$%*+.-]{4,})", re.IGNORECASE)


def _read_unquoted(text: str, at: int) -> Iterator[Standing]:
    """The password in SQL that stands there without quotes, if it is no word."""
    found = _UNQUOTED.match(text, at)
    if found and any(one.isdigit() for one in found["value"]):
        yield Standing(*found.span("value"), found["value"], "password", 1)


_BEFORE_HOST = re.compile(r"([^\s\"']{1,128}?):([^\s:@/(=\"'`,]{1,64})(?=[\s/(=\"'`,]|\Z)")


def _read_driver(text: str, at: int) -> Iterator[Standing]:
    """The password in `user:password@tcp(host)/base`, as drivers of Go write it."""
    found = _BEFORE_HOST.match(text[max(0, at - 200) : at][::-1])
    if found and not is_void(found[1][::-1], "password"):
        yield Standing(at - found.end(1), at, found[1][::-1], "userinfo", 1)


def _read_block(text: str, at: int) -> Iterator[Standing]:
    found = shapes.find_block(text, at)
    if found:
        block, secret = found
        value = unescape(text[block.start : block.end]).replace("\r\n", "\n")
        yield Standing(block.start, block.end, value, block.role if secret else None, 2)


def _read_putty(text: str, at: int) -> Iterator[Standing]:
    if found := shapes.find_putty(text, at):
        yield Standing(found.start, found.end, unescape(text[found.start : found.end]), found.role, 2)


READERS: Mapping[str, Callable[[str, int], Iterator[Standing]]] = {
    "//": _read_userinfo,
    "bearer ": _read_bearer,
    "basic ": _read_basic,
    "--user": _read_user,
    "--proxy-user": _read_user,
    " -u": _read_user,
    '"-u': _read_user,
    "identified by": _read_quoted(_IDENTIFIED),
    "sshpass": _read_quoted(_SSHPASS),
    "identified by ": _read_unquoted,
    "chpasswd": _read_piped,
    "chpasswd:": _read_listed,
    "--password-stdin": _read_piped,
    "sudo -s": _read_piped,
    "code=": _read_code,
    'code"': _read_code,
    "@tcp(": _read_driver,
    "@unix(": _read_driver,
    **{sign: _read_quoted(re.compile(flag, re.IGNORECASE if sign[0] == "a" else 0)) for sign, flag in _FLAGS.items()},
    shapes.BLOCK: _read_block,
    shapes.PUTTY: _read_putty,
}
"""What reads the secrets behind each sign, which is in lower case."""
