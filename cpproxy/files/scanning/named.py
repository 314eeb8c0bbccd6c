"""Secrets by what stands before them: a member, header or parameter whose name says so, a scheme, the user of a URL.

A scanner of source code looks for the shapes of tokens, and misses most of what has none; in HTTP a name stands before
nearly every secret. These rules are few and narrow on purpose: a cassette that they stop was clean to the redactor, so
what they take for a secret has to be one.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple


class Found(NamedTuple):
    """From where to where in a text a secret stands, what it was taken for, and the name before it."""

    start: int
    end: int
    rule: str
    name: bytes = b""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORD = re.compile(rb"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_CREDENTIALS = "credentials"
_BLANK = frozenset((b" ", b"\t"))
# The last word of a name says what it holds: `admin_token`, not `token_type`.
_NOUNS = {
    **dict.fromkeys(("token", "tokens", "jwt"), "a token"),
    **dict.fromkeys(("password", "passwords", "passwd", "passphrase", "pwd", "passcode"), "a password"),
    **dict.fromkeys(("secret", "secrets"), "a secret"),
    **dict.fromkeys(("apikey", "apikeys", "secretkey", "privatekey", "accesskey"), "a key"),
    **dict.fromkeys(("credential", "credentials", "authorization"), _CREDENTIALS),
    **dict.fromkeys(("signature", "sig"), "a signature"),
    **dict.fromkeys(("sessionid", "sessid", "sessiontoken"), "a session"),
}
_ENDINGS = ("token", "password", "passwd", "secret", "apikey")  # run together: `authtoken`, `dbpassword`
_KEYS = _words("access admin api auth encryption master private secret service shared signing")
# A token by which a client goes on where it stopped, and what tells a request from its repetition, are no secrets.
_CONTINUING = _words("continuation cursor delta forward list next page pagination prev previous resume sync")
_ABOUT = _words("limit limits max maximum min per ratelimit remaining total usage used")
_COOKIE_ATTRIBUTES = frozenset((b"expires", b"max-age", b"domain", b"path", b"samesite", b"version", b"comment"))

_NAME_BACK = re.compile(rb"[\w.-]{0,64}\Z", re.ASCII)
_NAME_ON = re.compile(rb"[\w.-]{0,64}", re.ASCII)
_JOINT = re.compile(rb"""\\{0,3}["']?\]?[ \t]{0,4}(?::=|=>|[:=])[ \t]{0,4}""")
_SCHEME = re.compile(rb"[A-Za-z][A-Za-z0-9-]{1,23}[ \t]+(?=[^\s=]{8})")
_QUOTED = re.compile(rb"""\\{0,3}["'](?P<value>[!#-&(-\[\]-~]{8,512}+)""")
_BARE = re.compile(rb"""(?P<value>[!#-%*+./0-9:=?@A-Z^_`a-z|~-]{8,512}+)""")
_PAIR = re.compile(rb"\s*([^\s=;]{1,100})=([^;]*)")
_BEARER = re.compile(rb"(?i:\bbearer)[ \t]+(?P<value>[A-Za-z0-9._~+/-]{16,2048}+=*)")
_USER = re.compile(rb"""://[^\s/"'<>:@\\]{0,64}:(?P<value>[^\s/"'<>@\\]{6,256})@[\w\[]""")
_AWS = re.compile(rb"(?<![A-Za-z0-9/+])(?P<value>(?:AKIA|ASIA)[A-Z0-9]{16})(?![A-Za-z0-9/+=])")
_RISE = re.compile(rb"[a-z][A-Z]")
_UNLIKE = re.compile(  # what stands where a secret would, and is none
    rb"""(?i:\$\{?\w+\}?|%\w+%?|<[^<>]*>|\[[^\[\]]*\]|.*(?:redacted|example|placeholder|change.?me).*
    |(?:[a-z][a-z0-9+.-]*://|arn:|~/).*|[0-9]{4}-[0-9]{2}-[0-9]{2}.*|sha(?:256|384|512)[:-].*)
    |[+-]?[0-9]+(?:[.,][0-9]+)+  # a number, as one of digits alone
    |\.{0,2}(?:/[a-z][a-z0-9._-]*)+""",
    re.VERBOSE | re.DOTALL,
)


def find_named(text: bytes) -> Iterator[Found]:
    """Every secret that a text gives away by what stands before it, in no order."""
    lower = text.lower()
    for keyword, look in _KEYWORDS.items():
        at = lower.find(keyword)
        while at >= 0:
            end = at + len(keyword)
            if found := look(text, at, end):
                yield from found
                end = max(end, found[-1].end)
            at = lower.find(keyword, end)


def describe_name(name: bytes) -> str:
    """What stands under a name: `a token`; empty where the name does not say that it is a secret."""
    words = [word.decode().lower() for word in _WORD.findall(name)]
    if not words or not _ABOUT.isdisjoint(words) or not _CONTINUING.isdisjoint(words[-2:-1]):
        return ""
    if words[:1] in (["is"], ["has"]) or words[-2:] == ["client", "token"] or words[-2:] == ["request", "token"]:
        return ""  # yes or no, and what tells a request from its repetition
    last = words[-1]
    if last in {"key", "keys"}:
        return "a key" if not _KEYS.isdisjoint(words[-2:-1]) else ""
    if words[-2:] == ["session", "id"]:
        return "a session"
    return _NOUNS.get(last) or next((_NOUNS[one] for one in _ENDINGS if last.endswith(one)), "")


def is_likely(value: bytes) -> bool:
    """Whether a value under such a name looks made rather than written: letters with digits, or cases that mix."""
    if len(value) < 8 or len(set(value)) < 5 or _UNLIKE.fullmatch(value):
        return False
    digits = sum(byte in b"0123456789" for byte in value)
    return 0 < digits < len(value) or len(_RISE.findall(value)) >= 4


def _look_at_name(text: bytes, at: int, end: int) -> list[Found]:
    back, on = _NAME_BACK.search(text, max(0, at - 64), at), _NAME_ON.match(text, end)
    start, end = back.start() if back else at, on.end() if on else end
    joint = _JOINT.match(text, end)
    what = describe_name(text[start:end]) if joint else ""
    if not joint or not what:
        return []
    begin = joint.end()
    if what in {_CREDENTIALS, "a token"} and (scheme := _SCHEME.match(text, begin)):
        begin = scheme.end()
    value = _QUOTED.match(text, begin) or _BARE.match(text, begin)
    if not value or not is_likely(value["value"]):
        return []
    after = text[value.end() : value.end() + 1]
    if after == b"(" or (after in _BLANK and (value.re is _QUOTED or what == _CREDENTIALS)):
        return []  # a program's call, several words, or a scheme with what follows it
    return [Found(*value.span("value"), f"{what}, by its name", text[start:end])]


def _look_at_cookies(text: bytes, at: int, end: int) -> list[Found]:
    if text[end : end + 2] != b": " or text[at - 1 : at] not in {b"", b"\n", b"-"}:
        return []
    stop = text.find(b"\n", end)
    line = text[end + 2 : stop if stop >= 0 else len(text)]
    return [
        Found(end + 2 + pair.start(2), end + 2 + pair.end(2), "a cookie", pair[1])
        for pair in _PAIR.finditer(line)
        if pair[1].lower() not in _COOKIE_ATTRIBUTES and len(pair[2].strip()) >= 16 and is_likely(pair[2].strip())
    ]


def _look_for(pattern: re.Pattern[bytes], back: int, rule: str) -> "Callable[[bytes, int, int], list[Found]]":
    def look(text: bytes, at: int, _: int) -> list[Found]:
        found = pattern.match(text, at - back)
        if not found or not is_likely(found["value"]):
            return []
        return [Found(*found.span("value"), rule)]

    return look


_KEYWORDS: dict[bytes, Callable[[bytes, int, int], list[Found]]] = {
    **dict.fromkeys((b"token", b"secret", b"passw", b"passphrase", b"passcode", b"pwd"), _look_at_name),
    **dict.fromkeys((b"key", b"jwt", b"credential", b"authorization", b"sig", b"sess"), _look_at_name),
    b"cookie": _look_at_cookies,
    b"bearer": _look_for(_BEARER, 0, "credentials after `Bearer`"),
    b"://": _look_for(_USER, 0, "a password in a URL"),
    b"akia": _look_for(_AWS, 0, "an AWS access key"),
    b"asia": _look_for(_AWS, 0, "an AWS access key"),
}
