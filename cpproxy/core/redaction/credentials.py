"""The credentials of a request: which headers carry them, and what of a value is the scheme and what the secret."""

import re

from cpproxy.core.cassette import Credential
from cpproxy.core.messages import Headers
from cpproxy.core.redaction.names import is_credential_header
from cpproxy.core.redaction.randomness import is_wordlike

# RFC 9110 section 11.4: a scheme, one space or more, then one token or a list of parameters. Longer "schemes" are
# tokens with a space. Those in use hold more letters than it allows (`1|abc`, `SignedHeaders=host;date`), so all that
# are visible count, but for the comma and the quote, which would make two of one.
_PARAMETER = r"""[!#-'*+.^-z|~0-9A-Z-]++\ *+=\ *+(?:"(?:[^"\\]|\\.)*+"|[!#-+\--~]*+)"""
_SCHEME = re.compile(
    rf"([A-Za-z][A-Za-z0-9-]{{0,23}})\ ++(?=(?:[!#-+\--~]++|{_PARAMETER}(?:\ *+,(?:\ *+{_PARAMETER})?)*+)\ *+\Z)"
)
_PART = re.compile(r"[A-Za-z]+[0-9]{0,4}|[0-9]{1,4}")
_SHORTEST_TOKEN = 8  # characters
SEVERAL = "several values"
"""Stands in place of a scheme, and can be none, where a call had a header more than once and only one can count."""


_SCHEMED = frozenset({"authorization", "proxy-authorization"})


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
    return (match.group(), value[match.end() :]) if match and _is_name(match[1]) else ("", value)


def _is_name(scheme: str) -> bool:
    """Whether a scheme could be the name of one, as `AWS4-HMAC-SHA256` is, and is no token itself."""
    return all(
        _PART.fullmatch(part) and (len(part) < _SHORTEST_TOKEN or is_wordlike(part)) for part in scheme.split("-")
    )


def split_secrets(header: str, value: str) -> list[tuple[str, str]]:
    """The secrets in a credential header's value, each with what tells it from the others; `header` in lower case.

    That is the header's name for what stands after the scheme, and `cookie:NAME` for each cookie (RFC 6265 section
    4.2.1), whatever order they stand in.
    """
    whole = [(header, split_scheme(header, value)[1])]
    if header != "cookie" or "=" not in value:
        return whole
    pairs = (crumb.partition("=") for crumb in value.split(";"))
    cookies = [(f"cookie:{name.strip()}", secret.strip().strip('"')) for name, _, secret in pairs]
    return [(name, secret) for name, secret in cookies if secret] + whole
