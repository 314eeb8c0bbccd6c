"""What a name says of its value: the names under which secrets stand, word by word.

Names are compared word by word, whether they are written in kebab-case, snake_case or camelCase:
`X-Molecule-Admin-Token`, `admin_token` and `adminToken` are the same three words.
"""

import itertools
import re
from functools import lru_cache

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


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
