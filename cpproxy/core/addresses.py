"""The upstream's address in traffic: a token in the cassette, and the front's own address on the wire.

A client that is told where the control plane is goes there, past the proxy. So each form of the address (with a scheme,
`ws` and `wss` among them, without one, a cookie's domain), however `spellings` can read it, becomes a token when it is
recorded, and the address by which this very client reached the front when it is served, spelled as it was. A host name
without a dot or a port is an address after a scheme alone: elsewhere it may be any word.
"""

import ipaddress
import re
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import NamedTuple
from urllib.parse import urlsplit

from cpproxy.core import spellings
from cpproxy.core.hosts import PORTS
from cpproxy.core.messages import Headers, resize
from cpproxy.core.spellings import Plain

TOKEN = "{{cpproxy:upstream:"  # noqa: S105 (what stands for an address)

# The suffix of a token says how the colon and how the slashes are spelled. The usual pairs have a name.
_NAMES = {
    ("", ""): "",
    ("", "j"): "-json",
    ("p", "p"): "-percent",
    ("", "h"): "-html",
    ("", "d"): "-html-10",
    ("", "u"): "-unicode",
}
_PAIRS = {name: pair for pair, name in _NAMES.items()}
_PLAIN = "0"  # how a suffix without a name says that a separator is spelled as it is
_TOKEN = re.compile(
    r"\{\{cpproxy:upstream:(?P<form>http|ws|scheme|socket|place|relative|host|name)(?P<suffix>(?:-[a-z0-9]+)*)\}\}"
)
_CONTEXT = 48  # characters that decide how an address begins, at most
_END = r"(?![A-Za-z0-9_@-]|\.[A-Za-z0-9]|\.?:[0-9])"
_BASE_END = r"(?![A-Za-z0-9_~-]|\.[A-Za-z0-9])"
_SCHEME = re.compile(r"(?<![A-Za-z0-9])(?:https?|wss?)\Z", re.IGNORECASE)
_LONGEST_SCHEME = 5
_LONGEST_USER = 2048  # characters
_USER = re.compile(rf"[A-Za-z0-9._~!$*+,;=:%@-]{{1,{_LONGEST_USER}}}")
_ZEROS = 4  # how many a port may begin with
_URL = re.compile(r"https?://[A-Za-z0-9._~:/%@!$&'()*+,;=\[\]-]+", re.IGNORECASE)
_TAILS = ("", ".", ":", ".:")  # what `_END` and `_BASE_END` look ahead at, but for its last character
_ORIGINS = frozenset(
    {
        "access-control-allow-origin",
        "content-security-policy",
        "content-security-policy-report-only",
        "origin",
        "timing-allow-origin",
    }
)
_STARTS = {
    "content-location": "^",
    "link": "<",
    "location": "^",
    "refresh": r"\burl\s*=\s*[\"']?",
    "set-cookie": r";\s*path=",
}
_PATHS = {name: re.compile(f"({start})(?=/(?!/))", re.IGNORECASE) for name, start in _STARTS.items()}
PLACES = _PATHS.keys()
"""Headers of answers in which a path may stand that begins with what all paths begin with; in lower case."""


class Public(NamedTuple):
    """Where a client reached the front: scheme, host with port, and the path before every path (`/s/NAME` or none)."""

    scheme: str
    authority: str
    prefix: str = ""

    @classmethod
    def parse(cls, url: str) -> "Public | None":
        """The place that a base URL names; None for what is none."""
        if addresses(url) is None or not _URL.fullmatch(url):
            return None
        parts = urlsplit(url)
        return cls(parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"))

    @property
    def name(self) -> str:
        """The host without its port."""
        return urlsplit(f"//{self.authority}").hostname or self.authority

    @property
    def url(self) -> str:
        """The base of all paths."""
        return f"{self.scheme}://{self.authority}{self.prefix}"

    def below(self, prefix: str) -> "Public":
        """The same place with a further prefix."""
        return Public(self.scheme, self.authority, self.prefix + prefix) if prefix else self


@lru_cache(maxsize=4096)
def _spell(public: Public, form: str, suffix: str) -> str:
    """The address in a form."""
    colon, slash = _pair(suffix)
    authority = spellings.spell(public.authority, colon)
    place = authority + spellings.spell(public.prefix, slash)
    separator = spellings.spell(":", colon) + spellings.spell("//", slash)
    socket = "wss" if public.scheme == "https" else "ws"
    return {
        "http": f"{public.scheme}{separator}{place}",
        "ws": f"{socket}{separator}{place}",
        "scheme": f"{public.scheme}{separator}",
        "socket": f"{socket}{separator}",
        "place": place,
        "relative": f"{spellings.spell('//', slash)}{place}",
        "host": authority,
        "name": public.name,
    }[form]


def _pair(suffix: str) -> tuple[str, str]:
    """How a token's suffix says that colons and slashes are spelled: as they are, where nobody knows such a suffix."""
    if suffix in _PAIRS:
        return _PAIRS[suffix]
    colon, _, slash = suffix[1:].partition("-")
    known = set(spellings.KINDS) | {_PLAIN}
    return (colon.strip(_PLAIN), slash.strip(_PLAIN)) if known.issuperset(colon + slash) else ("", "")


def _token(form: str, colon: str, slash: str) -> str:
    """The token of a form whose colon and slashes are spelled in these ways."""
    suffix = _NAMES.get((colon, slash), f"-{colon or _PLAIN}-{slash or _PLAIN}")
    return f"{TOKEN}{form}{suffix}}}}}"


@dataclass(frozen=True, slots=True)
class _Found:
    """An address in a text, from one place to another, and what is to stand there."""

    start: int
    end: int
    token: str


@dataclass(frozen=True, slots=True)
class Addresses:
    """The forms of one address; `pattern` finds its host in a text that was read, with port and base path.

    `url` is scheme, host and what path all paths begin with, and `base` is that path, or nothing. `needle` is in every
    text that holds the address, in lower case. `bare` says whether the host is an address without a scheme and a port.
    """

    url: str
    pattern: re.Pattern[str]
    needle: str
    domain: str
    base: str
    bare: bool
    beginnings: "_Beginnings"

    def tokenise(self, text: str) -> str:
        """The text with tokens for the address."""
        if self.needle not in text.lower():
            return text
        made: list[str] = []
        at = 0
        for found in self.find(text, spellings.read(text)):
            made += (text[at : found.start], found.token)
            at = found.end
        return "".join([*made, text[at:]]) if made else text

    def remains(self, text: str) -> bool:
        """Whether the host stands in a text in any way, be it as no address: in a mail address, behind a scheme."""
        if self.needle not in text.lower():
            return False
        plain = spellings.read(text).text
        return any(
            (self.bare or found["port"] or plain[found.start() - 1 : found.start()] in {"@", "/"})
            and not re.match(r"[A-Za-z0-9._-]", plain[max(0, found.start() - 1) : found.start()])
            for found in self.pattern.finditer(plain)
        )

    def find(self, text: str, plain: Plain) -> list[_Found]:
        """Where the address stands in a text that was read, each apart from the others."""
        every: list[_Found] = []
        for host in self.pattern.finditer(plain.text):
            found = self._look_back(text, plain, host)
            if found is not None:
                if every and found.start < every[-1].end:  # that one is the user of this one
                    every.pop()
                every.append(found)
        return every

    def _look_back(self, text: str, plain: Plain, host: re.Match[str]) -> _Found | None:
        """The address whose host was found, where it is one."""
        whole, start, end = plain.text, host.start(), host.end()
        if whole.startswith("://", max(0, start - 3)) and (scheme := _find_scheme(whole, start - 3)):
            colon, slash = _kinds(text, plain, start - 3), _kinds(text, plain, start - 2)
            return self._found(plain, scheme.start(), end, _token(_form(scheme, "http", "ws"), colon, slash))
        before = whole[max(0, start - 1) : start]
        if before == "@":
            return self._look_behind_user(text, plain, start, end)
        if whole.startswith("//", max(0, start - 2)) and not re.match(r"[:\w]", whole[max(0, start - 3) : start - 2]):
            slash = _kinds(text, plain, start - 1)
            return self._found(plain, start - 2, end, _token("relative", _colon(text, plain, host, slash), slash))
        if re.match(r"[A-Za-z0-9._-]", before) or not (self.bare or host["port"]):
            return None
        path = host.start("base") if host["base"] else end if whole.startswith("/", end) else None
        slash = "" if path is None else _kinds(text, plain, path)
        form = "host" if path is None else "place"
        return self._found(plain, start, end, _token(form, _colon(text, plain, host, slash), slash))

    def _look_behind_user(self, text: str, plain: Plain, start: int, end: int) -> _Found | None:
        """The address whose host stands behind a user's name."""
        whole = plain.text
        separator = whole.rfind("://", max(0, start - _LONGEST_USER - 4), start)
        scheme = _find_scheme(whole, separator) if separator >= 0 else None
        if scheme is None or not _may_be_user(text, plain, separator, start - 1):
            return None
        colon, slash = _kinds(text, plain, separator), _kinds(text, plain, separator + 1)
        user = text[plain.origin(separator + 3) : plain.origin(start)]
        first, second = _token(_form(scheme, "scheme", "socket"), colon, slash), _token("place", colon, slash)
        return self._found(plain, scheme.start(), end, first + user + second)

    def _found(self, plain: Plain, start: int, end: int, token: str) -> _Found:
        return _Found(plain.origin(start), plain.origin(end), token)

    def tokenise_cookie(self, value: str) -> str:
        """A `Set-Cookie` with a token for its domain, where that is the address's or holds it."""

        def token(found: re.Match[str]) -> str:
            domain = found[2].lower().lstrip(".")
            fits = self.domain == domain or self.domain.endswith(f".{domain}")
            return f"{found[1]}{TOKEN}name}}}}" if fits else found[0]

        return re.sub(r"(?i)(;\s*domain=)([^;\s]+)", token, value)

    def tokenise_headers(self, headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        """The headers with tokens for the address; a place that is a path loses what all paths begin with."""
        return tuple((name, self._tokenise_header(name.lower(), value)) for name, value in headers)

    def _tokenise_header(self, name: str, value: str) -> str:
        if name == "set-cookie":
            value = self.tokenise_cookie(value)
        if self.base and name in _STARTS:
            within = re.compile(f"({_STARTS[name]}){re.escape(self.base)}{_BASE_END}/?", re.IGNORECASE)
            value = within.sub(r"\1/", value)
        return self.tokenise(value)

    def shift(self, data: bytes, sizes: tuple[int, ...]) -> tuple[int, ...]:
        """The sizes that pieces of `data` have once it is tokenised; an address that two share falls to the later."""
        text = data.decode("latin-1")
        if self.needle not in text.lower():
            return sizes
        found = self.find(text, spellings.read(text))
        return resize(sizes, [(one.start, one.end, len(one.token)) for one in found])

    def begin_open(self, text: str, plain: Plain) -> int:
        """Where at a text's end something begins that may be an address once the text goes on, or its length."""
        whole = plain.text
        end = spellings.find_open(whole)
        separator = whole.rfind("://", max(0, end - _LONGEST_USER - self.beginnings.longest), end)
        if separator >= 0 and (scheme := _find_scheme(whole, separator)):
            user, at, rest = whole[separator + 3 : end].rpartition("@")
            whole_user = end - separator <= _LONGEST_USER + 4 and _may_be_user(text, plain, separator, end)
            named = at and _may_be_user(text, plain, separator, separator + 3 + len(user))
            if end == separator + 3 or whole_user or (named and self.beginnings.begin_with(f"http://{rest}".lower())):
                return plain.origin(scheme.start())
        for start in range(max(0, end - self.beginnings.longest), end):
            if self.beginnings.begin_with(whole[start:end].lower()):
                return plain.origin(start)
        return plain.origin(end)


def _find_scheme(whole: str, end: int) -> re.Match[str] | None:
    """The scheme that ends at a place."""
    return _SCHEME.search(whole, max(0, end - _LONGEST_SCHEME), end)


def _form(scheme: re.Match[str], web: str, socket: str) -> str:
    return socket if scheme[0][0] in "wW" else web


def _may_be_user(text: str, plain: Plain, separator: int, end: int) -> bool:
    """Whether a user's name and password may stand between a scheme's separator and a place."""
    if _USER.fullmatch(plain.text, separator + 3, end):
        return True
    start = plain.origin(separator + 3)  # behind a plain separator a password may hold any character, escaped
    return text.endswith("://", 0, start) and _USER.fullmatch(text, start, plain.origin(end)) is not None


def _kinds(text: str, plain: Plain, place: int) -> str:
    """How the character of a place is spelled."""
    return spellings.kinds(text[plain.origin(place) : plain.origin(place + 1)])


def _colon(text: str, plain: Plain, host: re.Match[str], slash: str) -> str:
    """How a colon is spelled there: as the port's, or else as only a URL's escapes would, since no others touch it."""
    return _kinds(text, plain, host.start("port")) if host["port"] else "".join(one for one in slash if one == "p")


class Stream:
    """Puts one address in place of another in a body that comes in pieces, as bytes.

    It holds back only what may become an address when the next piece comes.
    """

    def __init__(self, known: Addresses, public: Public) -> None:
        self.changed = False
        """Whether it has found an address yet."""
        self._known = known
        self._public = public
        self._context = ""
        self._held = ""

    def take(self, data: bytes, *, last: bool = False) -> bytes:
        """What can go on now that this piece has come, all of it with the last one."""
        known = self._known
        text = self._context + self._held + data.decode("latin-1")
        at = len(self._context)
        plain = spellings.read(text)
        cut = len(text) if last else max(at, known.begin_open(text, plain))
        made: list[str] = []
        for found in known.find(text, plain) if known.needle in text.lower() else ():
            if found.start < at:
                continue
            if found.end > cut:
                cut = min(cut, found.start)
                break
            made += (text[at : found.start], render(found.token, self._public))
            at, self.changed = found.end, True
        made.append(text[at:cut])
        self._context, self._held = text[max(0, cut - _CONTEXT) : cut], text[cut:]
        return "".join(made).encode("latin-1")


@lru_cache(maxsize=1024)
def addresses(url: str) -> Addresses | None:
    """The forms of a base URL; None for what is no URL."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or parts.scheme not in PORTS or port == 0 or not url.isascii():
        return None
    usual = port in (None, PORTS[parts.scheme])
    # Who names the usual port of the other scheme means the same host all the same.
    ports = tuple(map(str, sorted(PORTS.values()))) if usual else (str(port),)
    hosts = _shown(host)
    path = parts.path.rstrip("/")
    pattern = re.compile(
        rf"(?:{'|'.join(map(re.escape, hosts))})(?:\.(?=[/:]))?"
        rf"(?P<port>:0{{0,{_ZEROS}}}(?:{'|'.join(ports)})(?![0-9])){'?' if usual else ''}{_END}"
        rf"(?P<base>{re.escape(path)}{_BASE_END}){'?' if path else '{0}'}",
        re.IGNORECASE | re.ASCII,
    )
    needles = [*re.findall("[a-z0-9]+", host if len(hosts) == 1 else ""), *(() if usual else ports)]
    bare = "." in host or ":" in host
    beginnings = _Beginnings.of(hosts, ports, path, usual=usual)
    return Addresses(url, pattern, max(needles, key=len, default=""), host.lower(), path, bare, beginnings)


def _shown(host: str) -> tuple[str, ...]:
    """A host as URLs show it: an IPv6 address in each of its ways to be written."""
    if ":" not in host:
        return (host,)
    address = ipaddress.IPv6Address(host.partition("%")[0])
    groups = address.exploded.split(":")
    short = ":".join(group.lstrip("0") or "0" for group in groups)
    return tuple(f"[{one}]" for one in dict.fromkeys((host, address.compressed, short, address.exploded)))


@dataclass(frozen=True, slots=True)
class _Beginnings:
    """All that is found of an address, with what is looked at behind it: in lower case, sorted."""

    all: tuple[str, ...]
    longest: int

    @classmethod
    def of(cls, hosts: tuple[str, ...], ports: tuple[str, ...], base: str, *, usual: bool) -> "_Beginnings":
        """Those of an address."""
        schemes = ("http://", "https://", "ws://", "wss://", "//", "")
        ends = [f":{'0' * zeros}{port}" for port in ports for zeros in range(_ZEROS + 1)] + ([""] if usual else [])
        every = {"".join(one).lower() for one in product(schemes, hosts, ("", "."), ends, {"", base}, _TAILS)}
        return cls(tuple(sorted(every)), max(map(len, every)))

    def begin_with(self, text: str) -> bool:
        """Whether one of them does."""
        place = bisect_left(self.all, text)
        return place < len(self.all) and self.all[place].startswith(text)


def unify(text: str) -> str:
    """The text with one token for all spellings of an address, since they mean the same once they are decoded."""
    return _TOKEN.sub(_unify, text) if TOKEN in text else text


def _unify(found: re.Match[str]) -> str:
    # A host with a path was no more than a host to those who recorded before.
    return f"{TOKEN}{'host' if found['form'] == 'place' else found['form']}}}}}"


def render(text: str, public: Public) -> str:
    """The text with an address in place of the tokens."""
    return _TOKEN.sub(lambda found: _spell(public, found["form"], found["suffix"]), text) if TOKEN in text else text


def render_sizes(data: bytes, sizes: tuple[int, ...], public: Public) -> tuple[int, ...]:
    """The sizes that pieces of `data` have once it is rendered; a token that two share falls to the later."""
    found = _TOKEN.finditer(data.decode("latin-1"))
    return resize(sizes, [(one.start(), one.end(), len(_spell(public, one["form"], one["suffix"]))) for one in found])


def _render_origins(text: str, public: Public) -> str:
    """The same for a list of origins: what all paths begin with is no part of an origin, only of a longer path."""
    origin = Public(public.scheme, public.authority)

    def spell(found: re.Match[str]) -> str:
        return _spell(public if text.startswith("/", found.end()) else origin, found["form"], found["suffix"])

    return _TOKEN.sub(spell, text)


def render_headers(headers: Headers, public: Public) -> Headers:
    """The headers with an address in place of the tokens; a place that is a path begins with the public prefix."""
    rendered = []
    for name, raw in headers:
        value = raw
        place = name.decode("latin-1").lower()
        if b"{{" in raw:
            write = _render_origins if place in _ORIGINS else render
            value = write(raw.decode("latin-1"), public).encode("latin-1", "replace")
        # A cookie of that name is for the whole host (RFC 6265bis section 4.1.3.2).
        if public.prefix and place in PLACES and value[:7].lower() != b"__host-":
            text = _PATHS[place].sub(lambda found: found[1] + public.prefix, value.decode("latin-1"))
            value = text.encode("latin-1")
        rendered.append((name, value))
    return tuple(rendered)
