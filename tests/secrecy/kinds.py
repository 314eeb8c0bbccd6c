"""Kinds of secret, each drawn anew for every run."""

import base64
import re
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from random import Random

LOWER, DIGITS, LETTERS = string.ascii_lowercase, string.digits, string.ascii_letters
WORD = LETTERS + DIGITS
URLSAFE = WORD + "-_"
UPPER = string.ascii_uppercase + DIGITS
_NOUNS = [
    "anchor",
    "badger",
    "candle",
    "dagger",
    "ember",
    "falcon",
    "gravel",
    "hammock",
    "island",
    "jackal",
    "kettle",
    "lantern",
    "meadow",
    "nickel",
    "orchard",
    "pepper",
    "quarry",
    "ribbon",
    "saddle",
    "thicket",
    "umbrella",
    "velvet",
    "walnut",
    "yonder",
    "zipper",
    "basil",
    "cobalt",
    "dune",
    "elm",
    "fjord",
    "gable",
    "heron",
]


class Known(Enum):
    """By what a secret is one."""

    NAME = "its name"
    SHAPE = "its shape"
    CALL = "another call that shows it"


def _all(value: str) -> Sequence[str]:
    return (value,)


@dataclass(frozen=True)
class Kind:
    """How what is planted is drawn, and which parts of it are to be found nowhere afterwards.

    `shown` is the named place that shows what is known by another call. `halves` says that half of it is one, too.
    """

    name: str
    known: Known
    draw: Callable[[Random], str]
    core: Callable[[str], Sequence[str]] = _all
    shown: str = ""
    halves: bool = True

    def list_values(self, value: str) -> Sequence[str]:
        """What may be found nowhere of what was planted: its core, and each half of that, if it is as good as all."""
        values = self.core(value)
        half = [part for one in values if len(one) >= 14 for part in (one[: len(one) // 2], one[len(one) // 2 :])]
        return [*values, *half] if self.halves else values


def some(random: Random, alphabet: str, size: int) -> str:
    """A text of that size, in which letters and digits stand."""
    while True:
        text = "".join(random.choices(alphabet, k=size))
        if any(one.isdigit() for one in text) and any(one.isalpha() for one in text):
            return text


def _of(alphabet: str, size: int, before: str = "", after: str = "") -> Callable[[Random], str]:
    return lambda random: f"{before}{some(random, alphabet, size)}{after}"


def _hex(size: int, before: str = "", after: str = "") -> Callable[[Random], str]:
    return lambda random: f"{before}{random.randbytes(size).hex()}{after}"


def _base64(random: Random, size: int) -> str:
    return base64.b64encode(random.randbytes(size)).decode()


def _part(random: Random, size: int) -> str:
    """Base64 of that many random bytes, as a token's part has it; it ends in a letter or digit, as a word does."""
    while True:
        part = base64.urlsafe_b64encode(random.randbytes(size)).decode().rstrip("=")
        if part[0].isalnum() and part[-1].isalnum():
            return part


def _claims(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _jwt(random: Random) -> str:
    head = _claims('{"alg":"HS256","typ":"JWT"}')
    return f"{head}.{_claims(f'{{"sub":"{random.randrange(10**9)}","iat":1}}')}.{_part(random, 32)}"


def _jwe(random: Random) -> str:
    parts = ".".join(_part(random, size) for size in (32, 12, 48, 16))
    return f"{_claims('{"alg":"RSA-OAEP","enc":"A256GCM"}')}.{parts}"


def _pem(kind: str) -> Callable[[Random], str]:
    def draw(random: Random) -> str:
        lines = "\n".join(_base64(random, 48) for _ in range(6))
        return f"-----BEGIN {kind}-----\n{lines}\n-----END {kind}-----"

    return draw


def _lines(value: str) -> Sequence[str]:
    """The lines of a block: none of them may be found."""
    return [line for line in value.splitlines() if not line.startswith("-----")]


def _last(sign: str) -> Callable[[str], Sequence[str]]:
    return lambda value: (value.rpartition(sign)[2],)


def _fitting(pattern: str) -> Callable[[str], Sequence[str]]:
    return lambda value: re.findall(pattern, value)


def _phrase(random: Random) -> str:
    return f"{some(random, LOWER + DIGITS, 6)}-{some(random, LETTERS + DIGITS, 5)}!{random.randrange(10, 99)}"


def _odd(random: Random) -> str:
    return f'{some(random, WORD, 5)}"{some(random, WORD, 3)}\\{some(random, WORD, 3)}/+{some(random, WORD, 3)}%&'


def _words(count: int, sign: str) -> Callable[[Random], str]:
    return lambda random: sign.join(random.sample(_NOUNS, count))


def _hook(random: Random) -> str:
    team, channel = some(random, UPPER, 9), some(random, UPPER, 9)
    return f"https://hooks.slack.com/services/T{team}/B{channel}/{some(random, WORD, 24)}"


NAMED = [
    Kind("password", Known.NAME, _phrase),
    Kind("password with signs", Known.NAME, _odd),
    Kind("password beyond ASCII", Known.NAME, lambda random: f"gr\u00fc\u00df-{some(random, WORD, 7)}-\u0142\u00f3d"),
    Kind(
        "password with an emoji", Known.NAME, lambda random: f"{some(random, WORD, 6)}\U0001f511{some(random, WORD, 5)}"
    ),
    Kind(
        "password of a word and digits",
        Known.NAME,
        lambda random: f"{random.choice(_NOUNS).title()}{random.randrange(10**4, 10**5)}",
    ),
    Kind("password of words", Known.NAME, _words(5, "-"), halves=False),
    Kind("key of digits", Known.NAME, lambda random: str(random.randrange(10**23, 10**24))),
    Kind("short password", Known.NAME, _of(LOWER + DIGITS, 7)),
    Kind("short password with a sign", Known.NAME, lambda random: f"{some(random, WORD, 3)}!{some(random, WORD, 3)}"),
    Kind("base62 key", Known.NAME, _of(WORD, 24)),
    Kind("hex key", Known.NAME, _hex(16)),
    Kind("hex key in upper case", Known.NAME, lambda random: random.randbytes(20).hex().upper()),
    Kind("base64 key", Known.NAME, lambda random: _base64(random, 25)),
    Kind("base64url key", Known.NAME, lambda random: _part(random, 27)),
    Kind("uuid", Known.NAME, lambda random: "-".join(random.randbytes(size).hex() for size in (4, 2, 2, 2, 6))),
    Kind("base32 seed", Known.NAME, lambda random: base64.b32encode(random.randbytes(20)).decode()),
    Kind("key with a bar", Known.NAME, lambda random: f"{random.randrange(10, 99)}|{some(random, WORD, 40)}"),
    Kind("long ticket", Known.NAME, lambda random: _part(random, 600)),
]
SHAPED = [
    # Tokens of standards.
    Kind("JSON Web Token", Known.SHAPE, _jwt, _last(".")),
    Kind("encrypted JSON Web Token", Known.SHAPE, _jwe, _last(".")),
    Kind(
        "token of three parts",
        Known.SHAPE,
        lambda random: f"{_part(random, 18)}.{_part(random, 6)}.{_part(random, 27)}",
        _last("."),
    ),
    Kind("PASETO", Known.SHAPE, lambda random: f"v4.local.{_part(random, 60)}"),
    Kind("private key", Known.SHAPE, _pem("PRIVATE KEY"), _lines),
    Kind("OpenSSH key", Known.SHAPE, _pem("OPENSSH PRIVATE KEY"), _lines),
    Kind("age key", Known.SHAPE, _of("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58, "AGE-SECRET-KEY-1")),
    Kind("bcrypt hash", Known.SHAPE, _of(WORD + "./", 53, "$2b$12$")),
    # Clouds.
    Kind("AWS key id", Known.SHAPE, _of(UPPER, 16, "AKIA")),
    Kind("AWS session key id", Known.SHAPE, _of(UPPER, 16, "ASIA")),
    Kind("Google key", Known.SHAPE, _of(WORD, 35, "AIza")),
    Kind("Google access token", Known.SHAPE, _of(WORD, 60, "ya29.")),
    Kind("Google client secret", Known.SHAPE, _of(WORD, 28, "GOCSPX-")),
    Kind("Azure client secret", Known.SHAPE, lambda random: f"{some(random, WORD, 3)}8Q~{some(random, WORD, 34)}"),
    Kind("DigitalOcean token", Known.SHAPE, _hex(32, "dop_v1_")),
    Kind("Alibaba key", Known.SHAPE, _of(WORD, 20, "LTAI")),
    # Hosts of code and packages.
    Kind("GitHub token", Known.SHAPE, _of(WORD, 36, "ghp_")),
    Kind("GitHub app token", Known.SHAPE, _of(WORD, 36, "ghs_")),
    Kind("GitHub fine-grained token", Known.SHAPE, _of(WORD, 59, "github_pat_11ABCDEFG0")),
    Kind("GitLab token", Known.SHAPE, _of(WORD, 20, "glpat-")),
    Kind("npm token", Known.SHAPE, _of(WORD, 36, "npm_")),
    Kind("PyPI token", Known.SHAPE, _of(WORD, 70, "pypi-AgEIcHlwaS5vcmc")),
    Kind("Docker token", Known.SHAPE, _of(WORD, 27, "dckr_pat_")),
    Kind("Atlassian token", Known.SHAPE, _of(WORD, 60, "ATATT3xFf")),
    # Money, chat, mail.
    Kind("Stripe key", Known.SHAPE, _of(WORD, 24, "sk_live_")),
    Kind("webhook secret", Known.SHAPE, _of(WORD, 32, "whsec_")),
    Kind("Shopify token", Known.SHAPE, _hex(16, "shpat_")),
    Kind(
        "Slack token", Known.SHAPE, lambda random: f"xoxb-{random.randrange(10**11, 10**12)}-{some(random, WORD, 24)}"
    ),
    Kind(
        "Slack webhook",
        Known.SHAPE,
        _hook,
        _last("/"),
    ),
    Kind(
        "SendGrid key", Known.SHAPE, lambda random: f"SG.{some(random, WORD, 22)}.{some(random, WORD, 43)}", _last(".")
    ),
    Kind(
        "Telegram token",
        Known.SHAPE,
        lambda random: f"{random.randrange(10**8, 10**9)}:AA{some(random, WORD, 33)}",
        _last(":"),
    ),
    Kind("Twilio key", Known.SHAPE, _hex(16, "SK")),
    Kind("Mailgun key", Known.SHAPE, _hex(16, "key-")),
    # Models and infrastructure.
    Kind("OpenAI key", Known.SHAPE, _of(WORD, 48, "sk-proj-")),
    Kind("Anthropic key", Known.SHAPE, _of(WORD, 90, "sk-ant-api03-")),
    Kind("HuggingFace token", Known.SHAPE, _of(WORD, 34, "hf_")),
    Kind("Vault token", Known.SHAPE, _of(WORD, 90, "hvs.")),
    Kind("Grafana token", Known.SHAPE, lambda random: f"glsa_{some(random, WORD, 32)}_{random.randbytes(4).hex()}"),
    Kind("Databricks token", Known.SHAPE, _hex(16, "dapi")),
    Kind("New Relic key", Known.SHAPE, _of(UPPER, 27, "NRAK-")),
    Kind("Doppler token", Known.SHAPE, _of(WORD, 43, "dp.pt.")),
    # A name that comes with it.
    Kind("key=value in a console", Known.SHAPE, lambda random: f"DB_PASSWORD={some(random, WORD, 14)}", _last("=")),
    Kind(
        "userinfo in a URL",
        Known.SHAPE,
        lambda random: f"postgres://app:{some(random, WORD, 15)}@db.example/x",
        _fitting(r"app:(\w+)@"),
    ),
    Kind(
        "connection string",
        Known.SHAPE,
        lambda random: f"Endpoint=sb://x.example/;SharedAccessKey={_base64(random, 32)}",
        _fitting(r"Key=(.+)"),
    ),
    # What the config adds.
    Kind("pattern of the config", Known.SHAPE, _of(LOWER + DIGITS, 24, "acme_")),
    Kind(
        "group of a pattern of the config",
        Known.SHAPE,
        lambda random: f"tan {random.randrange(10**9, 10**10)}",
        _last(" "),
    ),
]
LEARNT = [
    Kind("shown as Authorization", Known.CALL, _phrase, shown="Bearer"),
    Kind("shown as Authorization, with signs", Known.CALL, _odd, shown="Bearer"),
    Kind("shown in Basic", Known.CALL, _of(LOWER + DIGITS, 12, "sham-"), shown="Basic"),
    Kind("shown in a member", Known.CALL, _words(3, " "), shown="member", halves=False),
    Kind(
        "shown in a form", Known.CALL, lambda random: f"{some(random, WORD, 6)} {some(random, WORD, 6)}", shown="form"
    ),
    Kind("shown in gzip", Known.CALL, lambda random: f"\u017c\u00f3\u0142w-{some(random, WORD, 8)}", shown="gzip"),
]
KINDS = [*NAMED, *SHAPED, *LEARNT]
