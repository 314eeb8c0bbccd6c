"""Each shape as its vendor makes it, with new random letters in each run, in the places where shapes stand."""

import base64
import json
import string
from collections.abc import Callable
from random import SystemRandom
from urllib.parse import quote

import pytest

from cpproxy.core.redaction.finding import Finder, Reason
from cpproxy.core.redaction.policy import Policy
from cpproxy.core.redaction.shapes import SHAPES

SOURCE = SystemRandom()
FINDER = Finder(Policy())
HEX = "0123456789abcdef"
UPPER = string.ascii_uppercase + string.digits
LOWER = string.ascii_lowercase + string.digits
WORD = string.ascii_letters + string.digits
URLSAFE = WORD + "-_"


def draw(length: int, alphabet: str = WORD) -> str:
    return (
        "".join(SOURCE.choice(alphabet) for _ in range(length - 2))
        + SOURCE.choice("abcdef")
        + SOURCE.choice("0123456789")
    )


def encode(document: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


TOKENS: dict[str, Callable[[], str]] = {
    "jwt": lambda: f"{encode({'alg': 'HS256'})}.{encode({'sub': draw(8)})}.{draw(43, URLSAFE)}",
    "jwt (unsigned)": lambda: f"{encode({'alg': 'none'})}.{encode({'sub': draw(8)})}.",
    "jwt (JWE)": lambda: f"{encode({'alg': 'dir', 'enc': 'A256GCM'})}..{draw(16)}.{draw(40)}.{draw(22)}",
    "jwt (spaced)": lambda: (
        f"{base64.urlsafe_b64encode(b'{ "alg": "HS256"}').decode().rstrip('=')}.{draw(20)}.{draw(43)}"
    ),
    "paseto": lambda: f"v4.local.{draw(60, URLSAFE)}",
    "age-key": lambda: f"AGE-SECRET-KEY-1{draw(58, UPPER)}",
    "crypt (bcrypt)": lambda: f"$2b$12${draw(53)}",
    "crypt (sha512)": lambda: f"$6$rounds=5000${draw(16)}${draw(86)}",
    "crypt (argon2)": lambda: f"$argon2id$v=19$m=65536,t=3,p=4${draw(22)}${draw(43)}",
    "crypt (pbkdf2)": lambda: f"pbkdf2_sha256$600000${draw(22)}${draw(43)}=",
    "aws-key-id": lambda: f"AKIA{draw(16, UPPER)}",
    "aws-key-id (any letters)": lambda: f"AKIA{draw(16)}",
    "aws-key-id (session)": lambda: f"ASIA{draw(16, UPPER)}",
    "google-api-key": lambda: f"AIza{draw(35, URLSAFE)}",
    "google-token": lambda: f"ya29.{draw(120, URLSAFE)}",
    "google-token (refresh)": lambda: f"1//0{draw(60, URLSAFE)}",
    "google-secret": lambda: f"GOCSPX-{draw(28, URLSAFE)}",
    "azure-key": lambda: f"{draw(3)}8Q~{draw(34)}",
    "alibaba-key": lambda: f"LTAI{draw(20)}",
    "digitalocean-token": lambda: f"dop_v1_{draw(64, HEX)}",
    "github-token": lambda: f"ghp_{draw(36)}",
    "github-token (app)": lambda: f"ghs_{draw(36)}",
    "github-token (fine)": lambda: f"github_pat_{draw(22)}_{draw(59)}",
    "gitlab-token": lambda: f"glpat-{draw(20, URLSAFE)}",
    "npm-token": lambda: f"npm_{draw(36)}",
    "pypi-token": lambda: f"pypi-AgEIcHlwaS5vcmc{draw(80, URLSAFE)}",
    "rubygems-key": lambda: f"rubygems_{draw(48, HEX)}",
    "docker-token": lambda: f"dckr_pat_{draw(27, URLSAFE)}",
    "stripe-key": lambda: f"sk_live_{draw(24)}",
    "stripe-key (restricted)": lambda: f"rk_test_{draw(24)}",
    "stripe-secret": lambda: f"whsec_{draw(32)}",
    "square-token": lambda: f"sq0atp-{draw(22, URLSAFE)}",
    "shopify-token": lambda: f"shpat_{draw(32, HEX)}",
    "slack-token": lambda: f"xoxb-{draw(12, string.digits)}-{draw(12, string.digits)}-{draw(24)}",
    "slack-token (app)": lambda: f"xapp-1-{draw(11, UPPER)}-{draw(13, string.digits)}-{draw(64, HEX)}",
    "sendgrid-key": lambda: f"SG.{draw(22, URLSAFE)}.{draw(43, URLSAFE)}",
    "mailgun-key": lambda: f"key-{draw(32, HEX)}",
    "mailchimp-key": lambda: f"{draw(32, HEX)}-us12",
    "twilio-key": lambda: f"SK{draw(32, HEX)}",
    "openai-key": lambda: f"sk-proj-{draw(74, URLSAFE)}",
    "openai-key (old)": lambda: f"sk-{draw(48)}",
    "anthropic-key": lambda: f"sk-ant-api03-{draw(93, URLSAFE)}AA",
    "huggingface-token": lambda: f"hf_{draw(34)}",
    "groq-key": lambda: f"gsk_{draw(52)}",
    "vault-token": lambda: f"hvs.{draw(90, URLSAFE)}",
    "terraform-token": lambda: f"{draw(14)}.atlasv1.{draw(67, URLSAFE)}",
    "databricks-token": lambda: f"dapi{draw(32, HEX)}",
    "grafana-token": lambda: f"glsa_{draw(32)}_{draw(8, HEX)}",
    "doppler-token": lambda: f"dp.pt.{draw(43)}",
    "planetscale-token": lambda: f"pscale_tkn_{draw(43, URLSAFE)}",
    "supabase-key": lambda: f"sbp_{draw(40, HEX)}",
    "sentry-token": lambda: f"sntrys_{draw(150)}_{draw(43)}",
    "newrelic-key": lambda: f"NRAK-{draw(27, UPPER)}",
    "linear-key": lambda: f"lin_api_{draw(40)}",
    "notion-token": lambda: f"ntn_{draw(46)}",
    "posthog-key": lambda: f"phx_{draw(43)}",
    "heroku-key": lambda: f"HRKU-AA{draw(58, URLSAFE)}",
    "telegram-token": lambda: (
        f"{draw(9, string.digits).replace('a', '1').translate(str.maketrans('abcdef', '123456'))}:AA{draw(33, URLSAFE)}"
    ),
    "facebook-token": lambda: f"EAAC{draw(120)}",
}

WITH_SLASHES = {"crypt", "stripe-secret", "sentry-token", "grafana-token", "google-token"}

PLACES: dict[str, Callable[[str], str]] = {
    "alone": lambda token: token,
    "a line": lambda token: f"2026-01-05 INFO got {token}, going on\n",
    "a JSON member": lambda token: json.dumps({"note": token, "n": 1}),
    "a JSON key": lambda token: json.dumps({token: True}),
    "JSON in JSON": lambda token: json.dumps({"body": json.dumps({"text": f"it is {token}\n"})}),
    "a form": lambda token: f"a=b&x={quote(token, safe='')}&c=d",
    "a path": lambda token: f"/v1/{quote(token, safe='$=')}/send",
    "XML": lambda token: f"<a><b>{token}</b></a>",
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", TOKENS)
def test_a_shape_is_known_wherever_it_stands(kind: str, place: str) -> None:
    token = TOKENS[kind]()
    text = PLACES[place](token)
    if place == "a path":
        if kind.partition(" ")[0] in WITH_SLASHES:
            pytest.skip("may hold slashes, so that it does not end at one")
        finds = FINDER.find_in_target(text)
    else:
        finds = FINDER.find_in_text(text)
    assert [(find.value, find.role) for find in finds] == [(token, kind.partition(" ")[0])]
    assert finds[0].reason is Reason.SHAPED


@pytest.mark.parametrize("kind", TOKENS)
def test_the_byte_that_tells_a_tokens_length_hides_none(kind: str) -> None:
    token = TOKENS[kind]()
    length = chr(len(token)) if len(token) < 128 else chr(128 + len(token) % 128) + chr(len(token) // 128)
    found = FINDER.find_in_text(f"\n{length}{token}*\x03abc"), FINDER.find_in_bytes(f"\n{length}{token}B\x03abc")
    for finds in found:
        assert any(token in find.value and find.reason is Reason.SHAPED for find in finds)


@pytest.mark.parametrize("kind", TOKENS)
def test_in_what_is_no_text_a_letter_before_a_token_is_a_byte_like_any(kind: str) -> None:
    token = TOKENS[kind]()
    finds = FINDER.find_in_bytes(f"\x08\x01Bz{token} and more\x12\x02ab")
    assert any(token in find.value and find.reason is Reason.SHAPED for find in finds)
    assert FINDER.find_in_bytes("\0disk-partition-table-2024-06\0risk-assessment-report-v12-final\0") == []


@pytest.mark.parametrize("before", ["8", "k", "A"])
def test_what_begins_as_no_word_does_is_known_behind_a_letter(before: str) -> None:
    for token in (f"sk-proj-{draw(120, URLSAFE)}", f"sk-{draw(20)}T3BlbkFJ{draw(20)}", f"gsk_{draw(52)}"):
        (find,) = FINDER.find_in_text(f"x {before}{token}")
        assert (find.value, find.reason) == (token, Reason.SHAPED)


@pytest.mark.parametrize(
    "token",
    ["T0ABCDEF1/B0ABCDEF2/3fJk29QmZx81LpWv7TnB0q1a", "123456789012345678/" + "aB3_" * 17],
    ids=["slack", "discord"],
)
def test_a_webhooks_token_is_several_segments_of_a_path(token: str) -> None:
    above = "/services/" if token[0] == "T" else "/api/webhooks/"
    assert [find.value for find in FINDER.find_in_target(f"{above}{token}?wait=true")] == [token]


def test_a_webhooks_token_ends_before_the_next_segment() -> None:
    token = "T0ABCDEF1/B0ABCDEF2/3fJk29QmZx81LpWv7TnB0q1a"
    assert [find.value for find in FINDER.find_in_text(f"https://hooks.slack.com/services/{token}/x")] == [token]


def test_there_are_as_many_shapes_as_it_says() -> None:
    assert len({shape.role for shape in SHAPES}) >= 60


@pytest.mark.parametrize(
    ("text", "values", "roles"),
    [
        (
            "https://hooks.slack.com/services/T0ABCDEF1/B0ABCDEF2/3fJk29QmZx81LpWv7TnB0q1a",
            ["T0ABCDEF1/B0ABCDEF2/3fJk29QmZx81LpWv7TnB0q1a"],
            ["slack-webhook"],
        ),
        (
            "https://discord.com/api/webhooks/123456789012345678/" + "aB3" * 22,
            ["123456789012345678/" + "aB3" * 22],
            ["discord-webhook"],
        ),
        (
            "AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            ["AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"],
            ["aws-key-id", "aws-secret-key"],
        ),
        (
            "AKIAIOSFODNN7EXAMPLE\twJalrXUtnFEMI-K7MDENG_bPxRfiCY.EXAMPLE~KEY",
            ["AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI-K7MDENG_bPxRfiCY.EXAMPLE~KEY"],
            ["aws-key-id", "aws-secret-key"],
        ),
        (
            "MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs",
            ["MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs"],
            ["token"],
        ),
    ],
)
def test_shapes_of_several_parts(text: str, values: list[str], roles: list[str]) -> None:
    finds = FINDER.find_in_text(text)
    assert [find.value for find in finds] == values
    assert [find.role for find in finds] == roles


KEY = (
    f"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n{'MIIabc+/' * 8}\nxyz==\n-----END RSA PRIVATE KEY-----"
)
CERTIFICATE = f"-----BEGIN CERTIFICATE-----\n{base64.b64encode(bytes(range(200))).decode()}\n-----END CERTIFICATE-----"


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        f"first\n{KEY}\nlast",
        KEY.replace("\n", "\r\n"),
        json.dumps({"note": f"{KEY}\n"}),
        json.dumps({"body": json.dumps({"note": KEY})}),
        f"a={quote(KEY)}&b=c",
        f"{CERTIFICATE}\n{KEY}",
    ],
    ids=["alone", "in a text", "CRLF", "JSON", "JSON in JSON", "form", "behind a certificate"],
)
def test_a_private_key_is_one_secret_however_it_is_escaped(text: str) -> None:
    (find,) = FINDER.find_in_text(text)
    assert (find.value, find.role, find.reason) == (KEY, "private-key", Reason.SHAPED)


@pytest.mark.parametrize(
    "kind", ["OPENSSH PRIVATE KEY", "EC PRIVATE KEY", "PGP PRIVATE KEY BLOCK", "ENCRYPTED PRIVATE KEY"]
)
def test_all_kinds_of_private_keys(kind: str) -> None:
    block = f"-----BEGIN {kind}-----\nVersion: 1\n\nabc=\n=de12\n-----END {kind}-----"
    assert [find.value for find in FINDER.find_in_text(f"{block}\n")] == [block]


def test_what_was_cut_off_of_a_private_key_is_one_all_the_same() -> None:
    (find,) = FINDER.find_in_text("x\n-----BEGIN PRIVATE KEY-----\nMIIabc\nde")
    assert find.value == "-----BEGIN PRIVATE KEY-----\nMIIabc\nde"


def test_a_block_that_was_cut_off_ends_where_the_next_begins() -> None:
    cut = "-----BEGIN CERTIFICATE-----\nMIIabc\n"
    assert [find.value for find in FINDER.find_in_text(f"{cut}{KEY}\n{KEY}")] == [KEY, KEY]


def test_a_key_of_putty() -> None:
    lines = f"Encryption: none\nPrivate-Lines: 1\n{'Ab1' * 14}\nPrivate-MAC: {'0a' * 32}"
    key = f"PuTTY-User-Key-File-3: ssh-ed25519\n{lines}"
    assert [find.value for find in FINDER.find_in_text(f"{key}\n")] == [key]


@pytest.mark.parametrize(
    "text",
    [
        CERTIFICATE,
        CERTIFICATE.replace("CERTIFICATE", "PUBLIC KEY"),
        json.dumps({"ca": CERTIFICATE}),
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl bob@example.com",
        "task-proj-2cb66397-abda-4b62-9b81-dc34bc7d1037 and disk-admin-of-the-machine-that-holds-all-of-them",
        "the-task-sk-1 of disk-and-mask-abcdefghijk",
        "sk-learn-is-a-library-of-many-things",
        "SKIP ASIA-PACIFIC-SOUTHEAST ASIAPACIFICREGION",
        "en-us1, x.webhook, https://hooks.slack.com/docs",
        "npm_config_registry pypi-index glpat- xoxb- ghp_short AKIA eyJ.eyJ",
        "$2.50 $6 for $1",
        "key-value-pairs-and-key-management",
        "my_hf_model and gsk_",
        "12345678:AA",
    ],
)
def test_what_only_looks_like_a_shape_is_none(text: str) -> None:
    assert FINDER.find_in_text(text) == []
