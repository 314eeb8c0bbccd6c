"""Kinds of secret, each drawn anew for every run."""

import base64
import string
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from random import Random

LOWER, DIGITS, LETTERS = string.ascii_lowercase, string.digits, string.ascii_letters
WORD = LETTERS + DIGITS
URLSAFE = WORD + "-_"
UPPER = string.ascii_uppercase + DIGITS


class Known(Enum):
    """By what a secret is one."""

    NAME = "its name"
    SHAPE = "its shape"
    CALL = "another call that shows it"


@dataclass(frozen=True)
class Kind:
    """How a secret is drawn; `lines` says that it has several."""

    name: str
    known: Known
    draw: Callable[[Random], str]
    lines: bool = False


def some(random: Random, alphabet: str, size: int) -> str:
    """A text of that size, in which letters and digits stand."""
    while True:
        text = "".join(random.choices(alphabet, k=size))
        if any(one.isdigit() for one in text) and any(one.isalpha() for one in text):
            return text


def _of(alphabet: str, size: int, before: str = "", after: str = "") -> Callable[[Random], str]:
    return lambda random: f"{before}{some(random, alphabet, size)}{after}"


def _part(random: Random, size: int) -> str:
    return base64.urlsafe_b64encode(random.randbytes(size)).decode().rstrip("=")


def _jwt(random: Random) -> str:
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
    body = base64.urlsafe_b64encode(f'{{"sub":"{random.randrange(10**9)}","iat":1}}'.encode()).decode().rstrip("=")
    return f"{head}.{body}.{_part(random, 32)}"


def _pem(random: Random) -> str:
    lines = "\n".join(base64.b64encode(random.randbytes(48)).decode() for _ in range(6))
    return f"-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----"


def _phrase(random: Random) -> str:
    return f"{some(random, LOWER + DIGITS, 6)}-{some(random, LETTERS + DIGITS, 5)}!{random.randrange(10, 99)}"


def _odd(random: Random) -> str:
    return f'{some(random, WORD, 5)}"{some(random, WORD, 3)}\\{some(random, WORD, 3)}/+{some(random, WORD, 3)}%&'


NAMED = [
    Kind("password", Known.NAME, _phrase),
    Kind("password with signs", Known.NAME, _odd),
    Kind(
        "password in letters beyond ASCII",
        Known.NAME,
        lambda random: f"gr\u00fc\u00df-{some(random, WORD, 7)}-\u0142\u00f3d\u017a",
    ),
    Kind("short password", Known.NAME, _of(LOWER + DIGITS, 7)),
    Kind("base62 key", Known.NAME, _of(WORD, 24)),
    Kind("hex key", Known.NAME, lambda random: random.randbytes(16).hex()),
    Kind("hex key in upper case", Known.NAME, lambda random: random.randbytes(20).hex().upper()),
    Kind("base64 key", Known.NAME, lambda random: base64.b64encode(random.randbytes(25)).decode()),
    Kind("base64url key", Known.NAME, lambda random: _part(random, 27)),
    Kind("uuid", Known.NAME, lambda random: "-".join(random.randbytes(size).hex() for size in (4, 2, 2, 2, 6))),
    Kind("base32 seed", Known.NAME, lambda random: base64.b32encode(random.randbytes(20)).decode()),
]
SHAPED = [
    Kind("JSON Web Token", Known.SHAPE, _jwt),
    Kind(
        "token of three parts",
        Known.SHAPE,
        lambda random: f"{_part(random, 18)}.{_part(random, 6)}.{_part(random, 27)}",
    ),
    Kind("AWS key id", Known.SHAPE, _of(UPPER, 16, "AKIA")),
    Kind("GitHub token", Known.SHAPE, _of(WORD, 36, "ghp_")),
    Kind("GitHub fine-grained token", Known.SHAPE, _of(WORD, 59, "github_pat_11ABCDEFG0")),
    Kind("GitLab token", Known.SHAPE, _of(URLSAFE, 20, "glpat-")),
    Kind(
        "Slack token", Known.SHAPE, lambda random: f"xoxb-{random.randrange(10**11, 10**12)}-{some(random, WORD, 24)}"
    ),
    Kind("Stripe key", Known.SHAPE, _of(WORD, 24, "sk_live_")),
    Kind("webhook secret", Known.SHAPE, _of(WORD, 32, "whsec_")),
    Kind("Google key", Known.SHAPE, _of(URLSAFE, 35, "AIza")),
    Kind("npm token", Known.SHAPE, _of(WORD, 36, "npm_")),
    Kind("PyPI token", Known.SHAPE, _of(URLSAFE, 70, "pypi-AgEIcHlwaS5vcmc")),
    Kind("SendGrid key", Known.SHAPE, lambda random: f"SG.{some(random, URLSAFE, 22)}.{some(random, URLSAFE, 43)}"),
    Kind("Vault token", Known.SHAPE, _of(URLSAFE, 90, "hvs.")),
    Kind("DigitalOcean token", Known.SHAPE, lambda random: f"dop_v1_{random.randbytes(32).hex()}"),
    Kind("OpenAI key", Known.SHAPE, _of(WORD, 48, "sk-proj-")),
    Kind("HuggingFace token", Known.SHAPE, _of(LETTERS + DIGITS, 34, "hf_")),
    Kind(
        "Telegram token", Known.SHAPE, lambda random: f"{random.randrange(10**8, 10**9)}:AA{some(random, URLSAFE, 33)}"
    ),
    Kind("private key", Known.SHAPE, _pem, lines=True),
    Kind("key=value in a console", Known.SHAPE, lambda random: f"DB_PASSWORD={some(random, WORD, 14)}"),
    Kind("userinfo in a URL", Known.SHAPE, lambda random: f"postgres://app:{some(random, WORD, 15)}@db.example/x"),
]
LEARNT = [
    Kind("shown as Authorization", Known.CALL, _phrase),
    Kind("shown as Authorization, with signs", Known.CALL, _odd),
    Kind("shown in a config", Known.CALL, lambda random: f"sham-{some(random, LOWER + DIGITS, 12)}"),
]
KINDS = [*NAMED, *SHAPED, *LEARNT]
