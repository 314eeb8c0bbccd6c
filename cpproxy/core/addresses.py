"""The upstream's address in traffic: a token in the cassette, and the front's own address on the wire.

A client that is told where the control plane is goes there, past the proxy. So each form of the address (plain,
escaped for JSON or a URL or HTML, `ws` and `wss`, without a scheme, a cookie's domain) becomes a token when it is
recorded, and the address by which this very client reached the front when it is served. A host name without a dot or a
port is an address after a scheme alone: elsewhere it may be any word.
"""

import re
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, product
from urllib.parse import urlsplit

from cpproxy.core.messages import Headers

TOKEN = "{{cpproxy:upstream:"  # noqa: S105 (what stands for an address)

_SEPARATORS = {
    "": "://",
    "-json": r":\/\/",
    "-percent": "%3A%2F%2F",
    "-html": ":&#x2F;&#x2F;",
    "-html-10": ":&#47;&#47;",
    "-unicode": r":\u002f\u002f",
}
_SLASHES = {"": "/", "-json": r"\/", "-percent": "%2F", "-html": "&#x2F;", "-html-10": "&#47;", "-unicode": r"\u002f"}
_SUFFIX_OF = {separator.lower(): suffix for suffix, separator in _SEPARATORS.items()}
_TOKEN = re.compile(
    r"\{\{cpproxy:upstream:(?P<form>http|ws|scheme|socket|place|relative|host|name)(?P<suffix>(?:-[a-z0-9]+)*)\}\}"
)
_DEFAULT_PORTS = {"http": 80, "https": 443}
# A word may begin after an escape of JSON or of a URL, whose last character is a letter or a digit itself.
_ESCAPES = r"(?<=\\[nrtbf])|(?<=\\u[0-9A-Fa-f]{4})|(?<=%[0-9A-Fa-f]{2})"
_START = rf"(?:(?<![A-Za-z0-9])|{_ESCAPES})"
_BARE_START = rf"(?:(?<![A-Za-z0-9.@_-])|{_ESCAPES})"
_CONTEXT = 6  # characters that the above look back at most
_END = r"(?![A-Za-z0-9_-]|\.[A-Za-z0-9]|(?::|%3A)[0-9])"
_BASE_END = r"(?![A-Za-z0-9_~-]|\.[A-Za-z0-9])"
_SCHEMES = "https?|wss?"
_ANY_SEPARATOR = "|".join(re.escape(separator) for separator in _SEPARATORS.values())
_USER = r"[A-Za-z0-9._~!$*+,;=:%-]{1,128}"
_AT = "(?:@|%40|&#64;)"
_BEFORE_USER = re.compile(f"(?:{_SCHEMES})(?:{_ANY_SEPARATOR})", re.IGNORECASE)
_USER_LAST = re.compile(rf"(?:{_USER})?(?:{_AT}(?P<rest>[^@\s\"'<>]*))?\Z", re.IGNORECASE)
_LONGEST_USER = 160  # characters, with what stands around it
_TAILS = ("", ".", ":", "%3a")  # what the above look ahead at, but for its last character
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


@dataclass(frozen=True, slots=True)
class Public:
    """Where a client reached the front: scheme, host with port, and the path before every path (`/s/NAME` or none)."""

    scheme: str
    authority: str
    prefix: str = ""

    @classmethod
    def parse(cls, url: str) -> "Public | None":
        """The place that a base URL names; None for what is none."""
        known = addresses(url)
        if known is None:
            return None
        parts = urlsplit(url)
        return cls(parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"))

    @property
    def name(self) -> str:
        """The host without its port."""
        return _hostname(self.authority)

    @property
    def url(self) -> str:
        """The base of all paths."""
        return f"{self.scheme}://{self.authority}{self.prefix}"

    def below(self, prefix: str) -> "Public":
        """The same place with a further prefix."""
        return Public(self.scheme, self.authority, self.prefix + prefix) if prefix else self

    def spell(self, form: str, suffix: str) -> str:
        """The address in a form."""
        authority = self.authority.replace(":", "%3A") if suffix == "-percent" else self.authority
        prefix = self.prefix.replace("/", _SLASHES[suffix])
        scheme = self.scheme + _SEPARATORS[suffix]
        socket = ("wss" if self.scheme == "https" else "ws") + _SEPARATORS[suffix]
        return {
            "http": f"{scheme}{authority}{prefix}",
            "ws": f"{socket}{authority}{prefix}",
            "scheme": scheme,
            "socket": socket,
            "place": f"{authority}{prefix}",
            "relative": f"//{self.authority}{self.prefix}",
            "host": authority,
            "name": self.name,
        }[form]


@lru_cache(maxsize=1024)
def _hostname(authority: str) -> str:
    return urlsplit(f"//{authority}").hostname or authority


@dataclass(frozen=True, slots=True)
class Addresses:
    """The forms of one address; `pattern` finds them. `url` is scheme, host and what path all paths begin with.

    `base` is that path, or nothing; `host` is as a URL shows it, and the port `usual` where the scheme implies it.
    """

    url: str
    pattern: re.Pattern[str]
    domain: str
    base: str
    host: str
    port: int
    usual: bool

    def tokenise(self, text: str) -> str:
        """The text with tokens for the address."""
        return self.pattern.sub(_to_token, text) if self.domain in text.lower() else text

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
        grown = [(one.start(), one.end(), len(_to_token(one))) for one in self.pattern.finditer(data.decode("latin-1"))]
        return _resize(sizes, grown)

    def unfinished(self, text: str) -> int:
        """How many characters at a text's end may be part of an address that goes on behind it."""
        spellings = _spell(self)
        lowered = text[-spellings.longest - _LONGEST_USER :].lower()
        for before in _BEFORE_USER.finditer(lowered):
            user = _USER_LAST.match(lowered, before.end())
            if user and (user["rest"] is None or spellings.begin_with(before[0] + user["rest"])):
                return len(lowered) - before.start()
        lowered = lowered[-spellings.longest :]
        starts = range(len(lowered))
        return next((len(lowered) - start for start in starts if spellings.begin_with(lowered[start:])), 0)


def _resize(sizes: tuple[int, ...], changed: list[tuple[int, int, int]]) -> tuple[int, ...]:
    """The sizes of pieces once what stands from one place to another has a length of its own."""
    ends = []
    for end in accumulate(sizes):
        whole = sum(length - (stop - start) for start, stop, length in changed if stop <= end)
        ends.append(next((start for start, stop, _ in changed if start < end < stop), end) + whole)
    return tuple(end - start for start, end in zip((0, *ends), ends, strict=False))


def _to_token(found: re.Match[str]) -> str:
    scheme = found["scheme"]
    if scheme:
        suffix = _SUFFIX_OF[found["separator"].lower()]
        socket = scheme.lower().startswith("ws")
        if user := found["user"]:
            return f"{TOKEN}{'socket' if socket else 'scheme'}{suffix}}}}}{user}{TOKEN}place{suffix}}}}}"
        return f"{TOKEN}{'ws' if socket else 'http'}{suffix}}}}}"
    return f"{TOKEN}{'relative' if found['relative'] else 'host'}}}}}"


class Stream:
    """Puts one address in place of another in a body that comes in pieces, as bytes.

    It holds back only what may become an address when the next piece comes.
    """

    def __init__(self, known: Addresses, public: Public) -> None:
        self._known = known
        self._public = public
        self._context = ""
        self._held = ""

    def take(self, data: bytes, *, last: bool = False) -> bytes:
        """What can go on now that this piece has come, all of it with the last one."""
        known = self._known
        text = self._context + self._held + data.decode("latin-1")
        at = len(self._context)
        cut = len(text) if last else len(text) - known.unfinished(text[at:])
        made: list[str] = []
        for found in known.pattern.finditer(text, at):
            if found.end() > cut:
                cut = min(cut, found.start())
                break
            made += (text[at : found.start()], render(_to_token(found), self._public))
            at = found.end()
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
    if not host or parts.scheme not in _DEFAULT_PORTS or not url.isascii():
        return None
    usual = port in (None, _DEFAULT_PORTS[parts.scheme])
    port = port or _DEFAULT_PORTS[parts.scheme]
    shown = f"[{host}]" if ":" in host else host
    path = parts.path.rstrip("/")
    colon = "(?::|%3A|&#58;)"
    with_port = rf"{re.escape(shown)}{colon}{port}"
    authority = rf"{re.escape(shown)}(?:{colon}{port})?" if usual else with_port
    slash = "|".join(map(re.escape, _SLASHES.values()))
    base = f"(?:{f'(?:{slash})'.join(map(re.escape, path.split('/')))}{_BASE_END})?" if path else ""
    named = authority if "." in host or ":" in host or not usual else with_port
    forms = (
        rf"{_START}(?P<scheme>{_SCHEMES})(?P<separator>{_ANY_SEPARATOR})(?P<user>{_USER}{_AT})?{authority}{_END}{base}",
        rf"(?P<relative>(?<![:\w])//){authority}{_END}{base}",
        rf"{_BARE_START}{named}{_END}",
    )
    pattern = re.compile("|".join(forms), re.IGNORECASE | re.ASCII)
    return Addresses(url, pattern, host.lower(), path, shown, port, usual)


@dataclass(frozen=True, slots=True)
class _Spellings:
    """All that the pattern of an address finds, with what it looks at behind it: in lower case, sorted."""

    all: tuple[str, ...]
    longest: int

    def begin_with(self, text: str) -> bool:
        """Whether one of them does."""
        place = bisect_left(self.all, text)
        return place < len(self.all) and self.all[place].startswith(text)


@lru_cache(maxsize=32)
def _spell(known: Addresses) -> _Spellings:
    host, port, base = known.host, known.port, known.base
    authorities = [f"{host}{colon}{port}" for colon in (":", "%3A", "&#58;")] + ([host] if known.usual else [])
    schemes = [f"{scheme}{one}" for scheme in ("http", "https", "ws", "wss") for one in _SEPARATORS.values()]
    paths = {"", *(base.replace("/", slash) for slash in _SLASHES.values())}
    every = {"".join(one).lower() for one in product([*schemes, "//", ""], authorities, paths, _TAILS)}
    return _Spellings(tuple(sorted(every)), max(map(len, every)))


def unify(text: str) -> str:
    """The text with one token for all spellings of an address, since they mean the same once they are decoded."""
    return _TOKEN.sub(rf"{TOKEN}\g<form>}}}}", text) if TOKEN in text else text


def render(text: str, public: Public) -> str:
    """The text with an address in place of the tokens."""
    return _TOKEN.sub(lambda found: public.spell(found["form"], found["suffix"]), text) if TOKEN in text else text


def render_sizes(data: bytes, sizes: tuple[int, ...], public: Public) -> tuple[int, ...]:
    """The sizes that pieces of `data` have once it is rendered; a token that two share falls to the later."""
    found = _TOKEN.finditer(data.decode("latin-1"))
    return _resize(sizes, [(one.start(), one.end(), len(public.spell(one["form"], one["suffix"]))) for one in found])


def render_headers(headers: Headers, public: Public) -> Headers:
    """The headers with an address in place of the tokens; a place that is a path begins with the public prefix."""
    rendered = []
    for name, raw in headers:
        value = raw
        if b"{{" in raw:
            value = render(raw.decode("latin-1"), public).encode("latin-1", "replace")
        place = name.decode("latin-1").lower()
        # A cookie of that name is for the whole host (RFC 6265bis section 4.1.3.2).
        if public.prefix and place in PLACES and value[:7].lower() != b"__host-":
            text = _PATHS[place].sub(lambda found: found[1] + public.prefix, value.decode("latin-1"))
            value = text.encode("latin-1")
        rendered.append((name, value))
    return tuple(rendered)
