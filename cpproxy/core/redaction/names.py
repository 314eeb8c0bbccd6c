"""What a name says of its value, word by word: that it is a secret, that it is none whatever it looks like, or nothing.

Names are compared word by word, whether they are written in kebab-case, snake_case or camelCase:
`X-Molecule-Admin-Token`, `admin_token` and `adminToken` are the same three words. A name is that of a secret if a word
of it says so (`token`), or two that stand together (`api key`), and no word says that it is only about one
(`token_type`, `max_tokens`).
"""

import itertools
import re
from enum import Enum, auto
from functools import lru_cache

LONGEST = 96
"""Characters of the longest name that is read as one."""

Words = tuple[str, ...]


class Verdict(Enum):
    """What a name says of its value: HARMLESS values are no secrets even where they are long and random."""

    SECRET = auto()
    HARMLESS = auto()
    UNKNOWN = auto()


_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_FOREIGN_WORD = re.compile(r"[^\W_]+")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words that make a name that of a secret wherever they stand in it.
_SECRET_WORDS = _words(
    "token tokens secret secrets password passwords passwd passphrase passcode pwd pswd passwort kennwort senha "
    "contrasena contraseña motdepasse haslo hasło пароль 密码 credential credentials cookie cookies jwt authorization "
    "csrf xsrf mnemonic signature signatures bearer hmac otpauth apikey apikeys"
)
# Words that do so only at the end: `pass`, not `pass_rate`; `auth`, not `auth_provider`.
_SECRET_LAST = _words("auth oauth session sessions pass pin psk sig sas salt otp totp creds cred dsn pw psw")
_KEYS = _words(
    "access account admin api app application auth authentication authorization client consumer decryption deploy "
    "developer encryption functions hmac ingest integration jwt license licence management master mgmt personal "
    "private root secret server service session shared sign signing ssh storage subscription symmetric token "
    "unlock unseal webhook wrapping write"
)
# A session's id is what makes a caller the one who logged in; a secret's id is one half of a login in Vault.
_IDS = frozenset({("session", "id"), ("secret", "id"), ("sess", "id")})
_PAIRS = frozenset(
    {
        *((kind, key) for kind in _KEYS for key in ("key", "keys")),
        *(
            (kind, code)
            for kind in ("recovery", "backup", "verification", "device", "authorization", "auth", "login", "otp")
            for code in ("code", "codes")
        ),
        *((kind, code) for kind in ("security", "access", "mfa", "pin", "sms", "totp") for code in ("code", "codes")),
        *((kind, "phrase") for kind in ("seed", "recovery", "secret", "pass")),
        *((kind, "word") for kind in ("pass",)),
        *((kind, "string") for kind in ("connection", "conn")),
        *((kind, url) for kind in ("webhook", "hook") for url in ("url", "uri")),
        *((kind, "pat") for kind in ("ado", "azure", "devops", "gh", "github", "gitlab", "git")),
        ("key", "material"),
        ("conn", "str"),
        ("code", "verifier"),
        ("saml", "response"),
        ("saml", "assertion"),
        ("client", "assertion"),
        ("security", "answer"),
        ("sas", "url"),
        ("sas", "uri"),
    }
)
# What people go to, and hold at a gate: `author_session`, `boarding_pass`.
_GATHERINGS = _words(
    "author breakout keynote lightning panel plenary poster speaker study talk training tutorial workshop"
)
_ADMISSIONS = _words("boarding bus day lounge season ski train")
_EVENTS = frozenset(
    {
        *((kind, event) for kind in _GATHERINGS for event in ("session", "sessions")),
        *((kind, "pass") for kind in _ADMISSIONS),
    }
)
# The same run together: `authtoken`, `PHPSESSID`, `mysqlpass`.
_ENDINGS = (
    "token",
    "tokens",
    "secret",
    "secrets",
    "password",
    "passwords",
    "passwd",
    "passphrase",
    "passcode",
    "signature",
    "credential",
    "credentials",
    "cookie",
    "cookies",
    "sessionid",
    "sessid",
    "pwd",
)
_RUN_TOGETHER = re.compile(
    rf"(?:{'|'.join(sorted(_KEYS))})keys?|(?:connection|conn)str(?:ing)?|secretid|codeverifier|saml(?:response|assertion)"
    r"|(?:asp|aspnet|auth|login|net|php|user|web)session|(?:connect|session)sid"
    r"|masterauth|(?:admin|db|database|ftp|http|imap|keystore|ldap|mail|my|mysql|pg|proxy|redis|require|root|smtp|ssh|store|sys|user)(?:pass|pw)"
)
# `token_type`, `X-RateLimit-Remaining-Tokens`, `Access-Control-Allow-Credentials` speak about a secret and hold none.
_ABOUT_LAST = _words(
    "about action address age alg algo algorithm algorithms arn at attempts audience available balance banner bucket "
    "budget by caption category changed class comment complexity config configured consent cost count counts created "
    "date decimals default deleted description digits dir directory disabled display domain duration email enabled "
    "endpoint endpoints engine error errors exists expiration expire expired expires expiry family field fields file "
    "filename filter flow format formats grant granted group groups handler help hint holder holders host icon id ids "
    "index info input issued issuer kind label labels language last len length level lifetime limit link list "
    "location manager mechanism mechanisms message messages meta metadata method methods minimum mode model modified "
    "module name names namespace notice number offset operation options order owner param parameter parameters params "
    "parser path paths period placeholder plan plugin policies policy port position prefix price prompt provider "
    "providers quota rate ratio reason ref reference regex region remaining requested required requirement "
    "requirements reset resource result retries role roles rotated rotation rule rules schema scope scopes service "
    "settings size source spec specs stage stages standard start state stats status store strategy strength style "
    "suffix supply support supported symbol system tag tags target template text time timeout times timestamp title "
    "total ttl type types updated uri uris url urls usage usd used user username validation validity vendor verified "
    "version versions visible warning window zone"
)
_ABOUT_ANYWHERE = _words(
    "average avg cached completion consumed control generated invalid limit limits max maximum min num per prompt "
    "ratelimit reasoning remaining required supported total used"
)
# What a client gives back to go on where it stopped, and what tells a request from its repetition.
_CONTINUING = _words("continuation cursor delta forward list next page pagination prev previous resume skip sync")
_HARMLESS_KEYS = _words("idempotency idempotent partition public publishable socket websocket")
_CONTINUING_TOGETHER = re.compile(r"(?:continuation|delta|next|nextpage|page|prev|resume|skip|sync)tokens?")

# Names whose values are no secrets even where they are long and random.
# Of these only what is made as a digest: hex, or base64 of as many bytes as a digest has.
_DIGESTS = _words(
    "checksum checksums commit crc crc32 crc32c crc64nvme digest digests fingerprint fingerprints hash hashes "
    "integrity md5 rev revision sha sha1 sha224 sha256 sha384 sha512 thumbprint tree x5t"
)
_HARMLESS_LAST = _DIGESTS | _words(
    "arn baggage boundary ca cert certificate certificates container cursor etag etags filename guid host hostname id "
    "identifier ids image images jti jwks kid layer layers manifest marker name names next object offset package "
    "parent parents path prev previous project pubkey ray rid serial slug span subject trace traceparent tracestate "
    "uid ulid urn uuid uuids via"
)
_HARMLESS_TOGETHER = re.compile(
    r"e-?tags?|ifnonematch|ifmatch|ifrange|lasteventid|(?:www|proxy)authenticate|authenticationinfo|contenttype|contentdisposition|secwebsocket(?:accept|extensions|key|version)|b3"
    r"|contentsecuritypolicy\w*|contentmd|xamzcfpop|xamzcfid|xamzidx?|xamztraceid|xcloudtracecontext|cfray"
    r"|(?:[a-z]*?(?:access|account|batch|client|cluster|correlation|device|event|group|instance|invocation|job|key"
    r"|message|node|object|order|org|owner|parent|process|project|request|resource|run|span|task|tenant|thread|trace"
    r"|transaction|upload|user|volume|workspace|x))id2?s?|(?:content|checksum|amz|xamzcontent|hash|digest)*(?:sha|md|crc)"
)
# Within `credentials: {…}` a member is a secret unless its own name is one of these, or about something.
_PLAIN_WITHIN = _words("user username login email name domain host hostname region url uri type kind id key account")


@lru_cache(maxsize=8192)
def words_of(name: str) -> Words:
    """The words of a name, in lower case."""
    if name.isascii():
        return tuple(word.lower() for word in _WORD.findall(name))
    return tuple(_FOREIGN_WORD.findall(name.casefold()))


@lru_cache(maxsize=8192)
def judge_name(name: str) -> Verdict:
    """What a name says of its value, as far as it is known without a config."""
    words = words_of(name)
    if not words or len(name) > LONGEST:
        return Verdict.UNKNOWN
    plain = _without_numbers(words)
    if not plain or name == "Sid":  # in a policy of AWS the name of a statement
        return Verdict.UNKNOWN
    if _continues(plain):
        return Verdict.HARMLESS
    if plain[-2:] == ("client", "token") or plain[-3:] == ("client", "request", "token"):
        return Verdict.UNKNOWN  # in AWS what makes a call idempotent, mostly a UUID; elsewhere a token like any
    if plain[-2:] in _IDS or (_speaks_of_secret(plain) and not _is_about(plain)):
        return Verdict.SECRET
    return Verdict.HARMLESS if _is_harmless(words, plain) else Verdict.UNKNOWN


def names_secret(name: str) -> bool:
    """Whether a header, member or parameter of this name holds a secret."""
    return judge_name(name) is Verdict.SECRET


@lru_cache(maxsize=4096)
def is_credential_header(name: bytes) -> bool:
    """Whether a request header of this name carries a credential."""
    return names_secret(name.decode("latin-1"))


@lru_cache(maxsize=4096)
def claims_digest(name: str) -> bool:
    """Whether a name says that its value is a digest: what is random and could be none is a secret there, too."""
    words = words_of(name)
    plain = _without_numbers(words)
    return bool(plain) and (plain[-1] in _DIGESTS or "".join(words[-2:]) in _DIGESTS)


@lru_cache(maxsize=4096)
def is_secret_within(container: str, name: str) -> bool:
    """Whether a member of this name, or an element without one, holds a secret in what a secret's name stands for."""
    words = _without_numbers(words_of(name))
    if not words:
        return True
    if judge_name(name) is Verdict.SECRET or completes_id(container, name):
        return True
    return not (words[-1] in _PLAIN_WITHIN or _is_about(words) or judge_name(name) is Verdict.HARMLESS)


@lru_cache(maxsize=4096)
def completes_id(container: str, name: str) -> bool:
    """Whether a member's name makes with that of its container what is a secret as one: the id of a session."""
    return (_without_numbers(words_of(container))[-1:] + words_of(name)) in _IDS


@lru_cache(maxsize=4096)
def is_cookie(name: str) -> bool:
    """Whether a header of this name holds cookies."""
    return words_of(name) in {("cookie",), ("set", "cookie"), ("cookie", "2"), ("set", "cookie", "2")}


@lru_cache(maxsize=4096)
def is_weak(name: str) -> bool:
    """Whether the name of a secret is also that of a thing with parts that are none: `auth`, `session`, `cookies`."""
    words = _without_numbers(words_of(name))
    return not any(word in _SECRET_WORDS or word.endswith(_ENDINGS) for word in words) or words[-1] in {
        *("cookie", "cookies", "token", "tokens", "signature", "signatures"),
    }


@lru_cache(maxsize=4096)
def is_phrase(name: str) -> bool:
    """Whether a secret of this name may well have spaces in it, as passwords have and tokens have not."""
    return any(
        word.startswith(("pass", "pwd", "secret", "mnemonic", "kennwort")) or word in _PHRASES
        for word in words_of(name)
    )


_PHRASES = _words("phrase string passphrase пароль senha")


@lru_cache(maxsize=4096)
def role_of(name: str) -> str:
    """The name in lower-case words with hyphens between: letters, digits and hyphens alone; `secret` for none such."""
    return "-".join(word for word in words_of(name) if word.isascii())[:64].strip("-") or "secret"


def _without_numbers(words: Words) -> Words:
    return tuple(word for word in words if not word.isdecimal())


def _speaks_of_secret(words: Words) -> bool:
    if words[-1] == "sid":  # of a session; those of Twilio name things
        return len(words) == 1 or words[-2] in {"connect", "session", "auth", "php", "login"}
    if words[-1] in _SECRET_LAST or any(word in _SECRET_WORDS or word.endswith(_ENDINGS) for word in words):
        return True
    if any(pair in _PAIRS for pair in itertools.pairwise(words)):
        return True
    return any(_RUN_TOGETHER.fullmatch(word) for word in words) or bool(_RUN_TOGETHER.fullmatch("".join(words)))


def _is_about(words: Words) -> bool:
    last = words[-1]
    if (
        words[-2:] in _EVENTS
        or not _ABOUT_ANYWHERE.isdisjoint(words)
        or (len(words) == 2 and words[0] in {"is", "has"})
    ):
        return True
    return last in _ABOUT_LAST and words[-2:] not in _PAIRS and last not in _SECRET_LAST


def _continues(words: Words) -> bool:
    if words[-1] in {"token", "tokens"} and len(words) > 1 and words[-2] in _CONTINUING:
        return True
    if words[-1] in {"key", "keys"} and len(words) > 1 and words[-2] in _HARMLESS_KEYS:
        return True
    return any(_CONTINUING_TOGETHER.fullmatch(word) for word in words[-2:])


def _is_harmless(words: Words, plain: Words) -> bool:
    if plain[-1] in _HARMLESS_LAST or "".join(words[-2:]) in _HARMLESS_LAST:
        return True
    together = "".join(plain)
    return any(_HARMLESS_TOGETHER.fullmatch(one) for one in (together, plain[-1], "".join(plain[-2:])))


def _write_keywords() -> frozenset[str]:
    joined = {first + between + second for first, second in _PAIRS | _IDS for between in ("", "_", "-", ".", " ")}
    # A word that another one holds need not be looked for: `token` finds `tokens`.
    words = {*_SECRET_WORDS, *_SECRET_LAST, *_ENDINGS, *joined, "sess", "sid", "connstr"}
    return frozenset(word for word in words if not any(other != word and other in word for other in words))


KEYWORDS = _write_keywords()
"""Texts in lower case of which every name of a secret holds one."""
