"""The upstream's address in traffic: a token in the cassette, and the front's own address on the wire.

A client that is told where the control plane is goes there, past the proxy. So each form of the address (plain,
escaped for JSON or a URL or HTML, `ws` and `wss`, without a scheme, a cookie's domain) becomes a token when it is
recorded, and the address by which this very client reached the front when it is served. A host name without a dot or a
port is an address after a scheme alone: elsewhere it may be any word.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
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
_TOKEN = re.compile(r"\{\{cpproxy:upstream:(?P<form>http|ws|relative|host|name)(?P<suffix>[a-z0-9-]*)\}\}")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_END = r"(?![A-Za-z0-9_-]|\.[A-Za-z0-9]|:[0-9])"
_PLACES = frozenset({b"location", b"content-location"})


@dataclass(frozen=True, slots=True)
class Public:
    """Where a client reached the front: scheme, host with port, and the path before every path (`/s/NAME` or none)."""

    scheme: str
    authority: str
    prefix: str = ""

    @property
    def name(self) -> str:
        """The host without its port."""
        return urlsplit(f"//{self.authority}").hostname or self.authority

    def spell(self, form: str, suffix: str) -> str:
        """The address in a form."""
        authority = self.authority.replace(":", "%3A") if suffix == "-percent" else self.authority
        prefix = self.prefix.replace("/", _SLASHES[suffix])
        secure = self.scheme == "https"
        match form:
            case "http":
                return f"{self.scheme}{_SEPARATORS[suffix]}{authority}{prefix}"
            case "ws":
                return f"{'wss' if secure else 'ws'}{_SEPARATORS[suffix]}{authority}{prefix}"
            case "relative":
                return f"//{self.authority}{self.prefix}"
            case "name":
                return self.name
            case _:
                return authority


@dataclass(frozen=True, slots=True)
class Addresses:
    """The forms of one address; `pattern` finds them. `url` is scheme, host and what path all paths begin with."""

    url: str
    pattern: re.Pattern[str]
    domain: str

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
        """The headers with tokens for the address."""
        return tuple(
            (name, self.tokenise(self.tokenise_cookie(value) if name.lower() == "set-cookie" else value))
            for name, value in headers
        )


def _to_token(found: re.Match[str]) -> str:
    scheme = found["scheme"]
    if scheme:
        form = "ws" if scheme.lower().startswith("ws") else "http"
        return f"{TOKEN}{form}{_SUFFIX_OF[found['separator'].lower()]}}}}}"
    return f"{TOKEN}{'relative' if found['relative'] else 'host'}}}}}"


@lru_cache(maxsize=1024)
def addresses(url: str) -> Addresses | None:
    """The forms of a base URL; None for what is no URL."""
    parts = urlsplit(url)
    host = parts.hostname
    if not host or parts.scheme not in _DEFAULT_PORTS:
        return None
    port = parts.port or _DEFAULT_PORTS[parts.scheme]
    usual = port == _DEFAULT_PORTS[parts.scheme]
    shown = re.escape(f"[{host}]" if ":" in host else host)
    colon = "(?::|%3A|&#58;)"
    authority = rf"{shown}(?:{colon}{port})?" if usual else rf"{shown}{colon}{port}"
    separators = "|".join(re.escape(separator) for separator in _SEPARATORS.values())
    path = parts.path.rstrip("/")
    slash = "|".join(map(re.escape, _SLASHES.values()))
    base = f"(?:{f'(?:{slash})'.join(map(re.escape, path.split('/')))})?" if path else ""
    forms = [rf"\b(?P<scheme>https?|wss?)(?P<separator>{separators}){authority}{_END}{base}"]
    bare = "." in host or ":" in host or not usual
    named = authority if bare else rf"{shown}{colon}{port}"
    forms.append(rf"(?P<relative>(?<![:\w])//){authority}{_END}{base}")
    forms.append(rf"(?<![A-Za-z0-9.@_-]){named}{_END}")
    return Addresses(url, re.compile("|".join(forms), re.IGNORECASE), host.lower())


def render(text: str, public: Public) -> str:
    """The text with an address in place of the tokens."""
    return _TOKEN.sub(lambda found: public.spell(found["form"], found["suffix"]), text) if TOKEN in text else text


def render_headers(headers: Headers, public: Public) -> Headers:
    """The headers with an address in place of the tokens; a place that is a path begins with the public prefix."""
    rendered = []
    for name, raw in headers:
        value = raw
        if b"{{" in raw:
            value = render(raw.decode("latin-1"), public).encode("latin-1", "replace")
        if public.prefix and name.lower() in _PLACES and value[:1] == b"/" and value[1:2] != b"/":
            value = public.prefix.encode() + value
        rendered.append((name, value))
    return tuple(rendered)
