"""What a secret is, and what stands for it: the one place that says so for everything that leaves memory.

A secret is known by the name it was found under. Names are compared word by word, whether they are written in
kebab-case, snake_case or camelCase: `X-Molecule-Admin-Token`, `admin_token` and `adminToken` are the same three words.
"""

import itertools
import re
from collections.abc import Iterable
from functools import lru_cache

import msgspec

from cpproxy.core.cassette import Credential, Placeholder
from cpproxy.core.messages import Headers

MARKER = "{{cpproxy:"
"""How every placeholder in a file begins."""

LARGEST_DOCUMENT = 64 * 1024
"""How large a request's JSON may be, in bytes, to stand on the ledger: as much as a requirement would look into."""

MASK = "***"
"""What stands for a secret where nobody needs to tell one from another."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_PLACEHOLDER = re.compile(r"\{\{cpproxy:([^:{}]+):(\d+)\}\}")
# RFC 9110 section 11.4: a scheme, one space or more, then one token or a list of parameters. Longer "schemes" are
# tokens with a space. Those in use hold more letters than it allows (`1|abc`, `SignedHeaders=host;date`), so all that
# are visible count, but for the comma and the quote, which would make two of one.
_PARAMETER = r"""[!#-'*+.^-z|~0-9A-Z-]++\ *+=\ *+(?:"(?:[^"\\]|\\.)*+"|[!#-+\--~]*+)"""
_SCHEME = re.compile(
    rf"([A-Za-z][A-Za-z0-9-]{{0,23}})\ ++(?=(?:[!#-+\--~]++|{_PARAMETER}(?:\ *+,(?:\ *+{_PARAMETER})?)*+)\ *+\Z)"
)
SEVERAL = "several values"
"""Stands in place of a scheme, and can be none, where a call had a header more than once and only one can count."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SECRET_ENDINGS = ("token", "secret", "password", "passwd", "passphrase", "apikey", "signature", "credential")
_SECRET_WORDS = _words(
    "accesskey authorization cookie cookies credentials jwt passwords privatekey pwd secretkey secrets sessionid "
    "sessionkey tokens",
)
_KEYS = _words(
    "access admin api auth client encryption master private secret service session shared signing subscription"
)
_SECRET_PAIRS = frozenset({*((kind, "key") for kind in _KEYS), ("session", "id")})
# `token_type`, `X-RateLimit-Remaining-Tokens`, `Access-Control-Allow-Credentials` speak about a secret and hold none.
_ABOUT_LAST = _words(
    "age alg algorithm at count counts enabled endpoint expiration expires expiry format in input issuer len length "
    "method methods name names policy required scope scopes size status ttl type types uri url usage used valid "
    "version",
)
_ABOUT_ANYWHERE = _words("control limit limits max min ratelimit remaining total")
_SCHEMED = frozenset({"authorization", "proxy-authorization"})


@lru_cache(maxsize=4096)
def names_secret(name: str) -> bool:
    """Whether a header, member or parameter of this name holds a secret."""
    words = tuple(word.lower() for word in _WORD.findall(name))
    if not words or words[-1] in _ABOUT_LAST or not _ABOUT_ANYWHERE.isdisjoint(words):
        return False
    return any(word in _SECRET_WORDS or word.endswith(_SECRET_ENDINGS) for word in words) or any(
        pair in _SECRET_PAIRS for pair in itertools.pairwise(words)
    )


@lru_cache(maxsize=4096)
def is_credential_header(name: bytes) -> bool:
    """Whether a request header of this name carries a credential."""
    return names_secret(name.decode("latin-1"))


def credentials(headers: Headers) -> tuple[Credential, ...]:
    """The credentials among a request's headers, each header once, in order; names and schemes in lower case.

    A header without a value is no credential. One whose value is not `SCHEME TOKEN`, where it should be, has no scheme;
    one with values that contradict each other has `SEVERAL`.
    """
    sent: dict[str, list[str]] = {}
    for name, value in headers:
        if is_credential_header(name):
            sent.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return tuple(_describe(header, values) for header, values in sent.items() if any(map(str.strip, values)))


def _describe(header: str, values: list[str]) -> Credential:
    if header in _SCHEMED:
        scheme = SEVERAL if len(values) > 1 else split_scheme(header, values[0])[0].strip().lower()
        return Credential(header, scheme)
    # Cookies are a list, of which a gateway makes several lines (RFC 9113 section 8.2.3).
    several = header != "cookie" and len({value for value in values if value.strip()}) > 1
    return Credential(header, SEVERAL if several else "")


def split_scheme(header: str, value: str) -> tuple[str, str]:
    """A credential's scheme with the space after it and the secret; `header` in lower case.

    The scheme is empty where there is none, and where what follows it is malformed: then all of it is the secret.
    """
    match = _SCHEME.match(value) if header in _SCHEMED else None
    return (match.group(), value[match.end() :]) if match else ("", value)


class Redactor:
    """Gives secrets their placeholders, the same one to the same secret, numbered for each role as they come.

    Placeholders that are `taken` belong to secrets that nobody knows any more: their numbers are not given again.
    """

    def __init__(self, taken: Iterable[Placeholder] = ()) -> None:
        self._placeholders = list(taken)
        self._of_secret: dict[str, str] = {}
        self._last: dict[str, int] = {}
        for placeholder in self._placeholders:
            if match := _PLACEHOLDER.fullmatch(placeholder.marker):
                role, number = match.groups()
                self._last[role] = max(self._last.get(role, 0), int(number))

    @property
    def placeholders(self) -> tuple[Placeholder, ...]:
        """All that were taken or given, in order."""
        return tuple(self._placeholders)

    def placeholder(self, role: str, secret: str) -> str:
        """What stands for a secret that was found under the name `role`."""
        marker = self._of_secret.get(secret)
        if marker is None:
            number = self._last[role] = self._last.get(role, 0) + 1
            marker = self._of_secret[secret] = f"{MARKER}{role}:{number}}}}}"
            self._placeholders.append(Placeholder(marker, role))
        return marker

    def request_headers(self, headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        """The headers with a placeholder for each credential's value; a scheme before it stays."""
        return tuple(
            (name, self._credential(name.lower(), value)) if value and names_secret(name) else (name, value)
            for name, value in headers
        )

    def _credential(self, header: str, value: str) -> str:
        scheme, secret = split_scheme(header, value)
        return scheme + self.placeholder(header, secret)


def mask(value: object) -> object:
    """A decoded JSON value with `***` for each string under a member whose name says that it is secret.

    Lists and objects are changed in place. Numbers, booleans, null and empty strings are no secrets.
    """
    pending = [(value, False)]
    while pending:
        container, secret = pending.pop()
        match container:
            case dict():
                for name, member in container.items():
                    hidden = secret or names_secret(name)
                    if hidden and member and isinstance(member, str):
                        container[name] = MASK
                    else:
                        pending.append((member, hidden))
            case list():
                for index, element in enumerate(container):
                    if secret and element and isinstance(element, str):
                        container[index] = MASK
                    else:
                        pending.append((element, secret))
            case _:
                pass  # a leaf whose name says nothing
    return value


def read_document(body: bytes) -> msgspec.Raw | msgspec.UnsetType:
    """A request's JSON as the ledger holds it, masked; UNSET for a body that is none, or is too large for a look."""
    if len(body) > LARGEST_DOCUMENT or body.lstrip()[:1] not in {b"{", b"["}:
        return msgspec.UNSET
    try:
        return msgspec.Raw(msgspec.json.encode(mask(msgspec.json.decode(body))))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return msgspec.UNSET  # no JSON after all
