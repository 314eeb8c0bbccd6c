"""The second pair of eyes: every known value in every spelling, every kind of secret that it must see, and no other."""

import base64
import functools
import gzip
import html
import json
import os
import random
import re
import secrets
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import brotli  # type: ignore[import-untyped]
import pytest
import zstandard

from cpproxy.core.config import Redact
from cpproxy.errors import Exit, ScanError, UsageError
from cpproxy.files import cassettes
from cpproxy.files.scanning import Eye, Hit, Scanner, exemptions, rulebook, scan
from tests.leaks import SEEN, UNSEEN, Leak, Source, cassette, in_header, in_json, in_text, interaction
from tests.processes import until

PROJECT = Path(__file__).parents[1]
HARNESS = PROJECT / "cassettes"
PIECE = 6  # characters of a value, of which no output may hold any
UPSTREAM = "{{cpproxy:upstream:http}}"


@pytest.fixture(scope="module")
def scanner() -> Iterator[Scanner]:
    with Scanner() as opened:
        yield opened


def assert_silent(told: str, value: str) -> None:
    """No piece of a value is told, whichever way it is spelled."""
    for spelled in (value, json.dumps(value)[1:-1], quote(value, safe=""), value.encode().hex()):
        for start in range(len(spelled) - PIECE + 1):
            assert spelled[start : start + PIECE] not in told


def places(hits: tuple[Hit, ...]) -> set[str]:
    return {hit.where for hit in hits}


# Known values: nothing about them looks like a secret.

VALUE = "Tr0ub4dor & 3/päss\"word'%41"
PLAIN = "winter-meadow-lantern"


def b64(data: bytes, before: int = 0) -> str:
    return base64.b64encode(b"~" * before + data + b"~").decode()


def raw_deflate(data: bytes) -> bytes:
    compress = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compress.compress(data) + compress.flush()


def wrap(text: str, width: int) -> str:
    return "\r\n".join(text[at : at + width] for at in range(0, len(text), width))


SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "escaped for JSON": lambda value: json.dumps(value)[1:-1],
    "escaped for JSON, but not for ASCII": lambda value: json.dumps(value, ensure_ascii=False)[1:-1],
    "every character escaped": lambda value: "".join(f"\\u{ord(char):04x}" for char in value),
    "every character escaped in capitals": lambda value: "".join(f"\\u{ord(char):04X}" for char in value),
    "slashes escaped": lambda value: json.dumps(value)[1:-1].replace("/", "\\/"),
    "JSON in JSON": lambda value: json.dumps(json.dumps({"a": value})),
    "JSON in JSON in JSON": lambda value: json.dumps(json.dumps(json.dumps([value]))),
    "a URL's": lambda value: quote(value, safe=""),
    "a URL's path": quote,
    "a URL's, in small letters": lambda value: re.sub("%..", lambda found: found[0].lower(), quote(value, safe="")),
    "a form's": quote_plus,
    "a URL's twice": lambda value: quote(quote(value, safe=""), safe=""),
    "a URL's for every character": lambda value: "".join(f"%{byte:02X}" for byte in value.encode()),
    "a URL's in JSON": lambda value: json.dumps({"next": f"/x?t={quote(value)}"}),
    "HTML's": html.escape,
    "HTML's numbers": lambda value: "".join(f"&#{ord(char)};" for char in value),
    "HTML's hex numbers": lambda value: "".join(f"&#x{ord(char):x};" for char in value),
    "hex": lambda value: value.encode().hex(),
    "hex in capitals": lambda value: value.encode().hex().upper(),
    **{f"base64 at {at}": functools.partial(lambda value, at: b64(value.encode(), at), at=at) for at in range(3)},
    **{
        f"base64 for URLs at {at}": functools.partial(
            lambda value, at: b64(value.encode(), at).replace("+", "-").replace("/", "_").rstrip("="), at=at
        )
        for at in range(3)
    },
    "base64 in lines": lambda value: wrap(b64(b"x" * 70 + value.encode() + b"x" * 70), 76),
    "base64 of JSON": lambda value: b64(json.dumps({"a": value}).encode()),
    "base64 twice": lambda value: b64(b64(value.encode()).encode()),
    "base64 of every character escaped": lambda value: b64("".join(f"\\u{ord(one):04x}" for one in value).encode()),
    "base64 of UTF-16": lambda value: b64(value.encode("utf-16-le")),
    "base64 of gzip": lambda value: b64(gzip.compress(value.encode())),
    "base64 of zlib": lambda value: b64(zlib.compress(value.encode())),
    "base64 of zstd": lambda value: b64(zstandard.compress(value.encode())),
    "hex of gzip": lambda value: gzip.compress(value.encode()).hex(),
    "base64 of gzip of base64 of gzip": lambda value: b64(gzip.compress(b64(gzip.compress(value.encode())).encode())),
    "UTF-8 that was read as latin-1": lambda value: value.encode().decode("latin-1"),
}
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "gzip of gzip": lambda data: gzip.compress(gzip.compress(data)),
    "two members of gzip": lambda data: gzip.compress(b"x") + gzip.compress(data),
    "gzip that was cut off": lambda data: gzip.compress(data + os.urandom(4000))[:-1000],
    "zlib": zlib.compress,
    "deflate": raw_deflate,
    "zstd": zstandard.compress,
    "brotli": brotli.compress,
    "no text": lambda data: bytes(range(256)) + data + bytes(range(256)),
    "latin-1": lambda data: b"\xe4\xf6" + data,
    "UTF-16": lambda data: data.decode().encode("utf-16"),
    "UTF-16 within": lambda data: b"\xff" + data.decode().encode("utf-16-be"),
}


@pytest.mark.parametrize("value", [VALUE, PLAIN], ids=["any characters", "letters"])
@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
def test_a_known_value_is_found_however_it_is_spelled(
    scanner: Scanner, spell: Callable[[str], str], value: str
) -> None:
    text = f"see {spell(value)} there"
    bodies = [
        {"text": text},
        {"json": {"a": [0, {"note": text}]}},
        {"base64": base64.b64encode(text.encode()).decode()},
    ]
    hits = scanner.scan(cassette(*(interaction(body=body) for body in bodies)), ["something else", value])
    assert {hit.where for hit in hits if hit.eye is Eye.KNOWN} == {
        "$.interactions[0].response.body.text",
        "$.interactions[1].response.body.json.a[1].note",
        "$.interactions[2].response.body.base64",
    }
    assert_silent(str(hits), value)


@pytest.mark.parametrize("pack", PACKED.values(), ids=PACKED)
def test_a_known_value_is_found_in_a_body_of_bytes(scanner: Scanner, pack: Callable[[bytes], bytes]) -> None:
    text = f'some text before it, {{"note": "{PLAIN}"}}, and some behind it'
    body = {"base64": base64.b64encode(pack(text.encode())).decode()}
    hits = scanner.scan(cassette(interaction(body=body)), [PLAIN])
    assert hits == (Hit("$.interactions[0].response.body.base64", "a value that is known to be secret", Eye.KNOWN),)


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("value", ["Pässwörd-é-42-x", "Пароль-42-тайна", "秘密のパスワード四二"])
def test_a_known_value_beyond_ascii_is_found_in_utf_16(scanner: Scanner, value: str, coding: str) -> None:
    raw = f"see {value} there".encode(coding)
    hits = scanner.scan(cassette(interaction(body={"base64": base64.b64encode(raw).decode()})), [value])
    assert {hit.eye for hit in hits} == {Eye.KNOWN}


KNOWN_PLACES: dict[str, tuple[dict[str, Any], str]] = {
    "a target": ({"target": f"/a/{PLAIN}"}, "$.interactions[0].request.target"),
    "a header": ({"asked": [["X-Note", f"a {PLAIN}"]]}, "$.interactions[0].request.headers[2][1]"),
    "a header of the answer": ({"answered": [["Via", PLAIN]]}, "$.interactions[0].response.headers[2][1]"),
    "a member's name": ({"body": {"json": {f"{PLAIN}": 1}}}, "$.interactions[0].response.body.json[*]"),
    "below a member's name": (
        {"body": {"json": {f"a {PLAIN}": {"b": PLAIN}}}},
        "$.interactions[0].response.body.json[*].b",
    ),
    "an element": ({"body": {"json": ["x", PLAIN]}}, "$.interactions[0].response.body.json[1]"),
    "a body that is a string": ({"body": {"json": PLAIN}}, "$.interactions[0].response.body.json"),
}


@pytest.mark.parametrize(("changes", "where"), KNOWN_PLACES.values(), ids=KNOWN_PLACES)
def test_a_known_value_is_found_wherever_it_stands(scanner: Scanner, changes: dict[str, Any], where: str) -> None:
    hits = scanner.scan(cassette(interaction(**changes)), [PLAIN])
    assert where in places(hits)
    assert_silent(str(hits), PLAIN)


def test_a_known_number_is_found_as_one(scanner: Scanner) -> None:
    hits = scanner.scan(cassette(interaction(body={"json": {"pin": 4815162342}})), ["4815162342"])
    assert hits == (Hit("$.interactions[0].response.body.json.pin", "a value that is known to be secret", Eye.KNOWN),)


def test_a_known_number_in_a_part_of_another_stands_there_by_chance(scanner: Scanner) -> None:
    found = cassette(interaction(body={"json": {"at": 148151623420, "n": 48151623420}}))
    assert scanner.scan(found, ["4815162342"]) == ()


def test_a_known_value_is_found_in_what_cpproxy_made_of_it(scanner: Scanner) -> None:
    named = interaction() | {"id": "get-x"}
    data = cassette(named).replace(b"things-1", PLAIN.encode())
    assert places(scanner.scan(data, [PLAIN])) == {"$.interactions[0].id"}


def test_values_too_short_to_be_told_from_chance_are_not_looked_for(scanner: Scanner) -> None:
    assert not scanner.scan(cassette(*(interaction(body={"text": "a hunter2 b"}),)), ["hunter2", ""])
    assert scanner.scan(cassette(*(interaction(body={"text": "a hunter22 b"}),)), ["hunter22"])


def test_names_and_roles_are_no_values(scanner: Scanner) -> None:
    data = json.loads(cassette(interaction(asked=[["Session-Token", "Bearer {{cpproxy:session-token:1}}"]])))
    data["placeholders"] = [{"marker": "{{cpproxy:session-token:1}}", "role": "session-token"}]
    data["interactions"][0]["credentials"] = [{"header": "session-token", "scheme": "bearer"}]
    assert not scanner.scan(json.dumps(data).encode(), ["session-token", "Session-Token"])


def test_a_secret_cannot_hide_as_a_role(scanner: Scanner) -> None:
    value = Source(1).text(24)
    body = {"text": f"x {{{{cpproxy:{value}:1}}}}"}
    assert scanner.scan(cassette(interaction(body=body)), [value])


def test_many_known_values_are_found_in_one_pass(scanner: Scanner) -> None:
    source = Source(2)
    values = [source.text(20) for _ in range(2000)]
    texts = [f"x{value}" for value in values[::100]]
    hits = scanner.scan(cassette(*(interaction(body={"json": {"a": text}}) for text in texts)), values)
    assert len([hit for hit in hits if hit.eye is Eye.KNOWN]) == len(texts)


# Values that nobody knows.


@pytest.mark.parametrize("make", SEEN.values(), ids=SEEN)
def test_a_secret_is_seen_that_nobody_knows(scanner: Scanner, make: Callable[[Source], Leak]) -> None:
    leaks = [make(Source(seed)) for seed in range(5)]
    hits = scanner.scan(cassette(*(leak.interaction for leak in leaks)))
    assert {f"$.interactions[{at}]{leak.where}" for at, leak in enumerate(leaks)} <= places(hits)
    for leak in leaks:
        assert_silent(str(hits), leak.value.removeprefix("github_pat_"))


@pytest.mark.parametrize("pack", PACKED.values(), ids=PACKED)
def test_a_secret_is_seen_in_a_body_of_bytes(scanner: Scanner, pack: Callable[[bytes], bytes]) -> None:
    text = f"[boot] cloning with ghp_{Source(3).text(36)}\n[boot] done\n"
    body = {"base64": base64.b64encode(pack(text.encode())).decode()}
    assert places(scanner.scan(cassette(interaction(body=body)))) == {"$.interactions[0].response.body.base64"}


@pytest.mark.parametrize(
    "spell",
    [
        lambda text: json.dumps(json.dumps({"output": text})),
        lambda text: quote(text, safe=""),
        lambda text: b64(text.encode()),
        lambda text: b64(gzip.compress(text.encode())),
        lambda text: "".join(f"\\u{ord(char):04x}" for char in text),
    ],
    ids=["JSON in JSON", "a URL's", "base64", "gzip in base64", "escaped"],
)
def test_a_secret_is_seen_under_what_hides_it(scanner: Scanner, spell: Callable[[str], str]) -> None:
    source = Source(4)
    for text in (source.pem("RSA PRIVATE KEY"), f"password: {source.text(20)}", f"ghp_{source.text(36)}"):
        hits = scanner.scan(cassette(interaction(body={"json": {"a": spell(f"{text}\n")}})))
        assert places(hits) == {"$.interactions[0].response.body.json.a"}


def test_a_secret_is_seen_at_any_place_of_a_long_text(scanner: Scanner) -> None:
    source = Source(5)
    for at in (0, 48 * 1024 - 10, 64 * 1024 - 10, 2 * 1024 * 1024 - 10, 3_000_000):
        text = "a line of no account\n" * (at // 21) + f"x ghp_{source.text(36)} password={source.text(20)} y"
        hits = scanner.scan(cassette(interaction(body={"text": text})))
        assert {hit.eye for hit in hits} == {Eye.RULES, Eye.NAMES}, at


EYES = {Eye.RULES: "rules of Kingfisher", Eye.NAMES: "names", None: "both"}


def measure_recall(scanner: Scanner, seed: int, rounds: int) -> tuple[dict[Eye | None, Counter[str]], int]:
    """How many of each kind each eye saw, and all together (None)."""
    source, kinds = Source(seed), {**SEEN, **UNSEEN}
    seen: dict[Eye | None, Counter[str]] = {eye: Counter() for eye in (None, *Eye)}
    for _ in range(rounds):
        leaks = [make(source) for make in kinds.values()]
        hits = scanner.scan(cassette(*(leak.interaction for leak in leaks)))
        for at, (kind, leak) in enumerate(zip(kinds, leaks, strict=True)):
            eyes = {hit.eye for hit in hits if hit.where == f"$.interactions[{at}]{leak.where}"}
            for eye in (*eyes, *([None] if eyes else [])):
                seen[eye][kind] += 1
    return seen, rounds * len(kinds)


@pytest.mark.slow
def test_recall_over_new_values(scanner: Scanner, record_property: Callable[[str, object], None]) -> None:
    seed = secrets.randbits(32)
    seen, planted = measure_recall(scanner, seed, 20)
    figures = {name: seen[eye].total() / planted for eye, name in EYES.items()}
    told = ", ".join(f"{name} {figure:.0%}" for name, figure in figures.items())
    record_property(
        "measured",
        f"secrets that nobody knows, seen in cassettes: {told} ({len(SEEN) + len(UNSEEN)} kinds, seed {seed})",
    )
    assert figures["rules of Kingfisher"] > 0.45
    assert figures["both"] > 0.93
    assert not [kind for kind in SEEN if seen[None][kind] < 18]


# What is no secret.


CLEAN: dict[str, dict[str, Any]] = {
    "placeholders": {
        "target": "/x?access_token={{cpproxy:access-token:12}}&sig={{cpproxy:sig:1:hex}}",
        "asked": [
            ["Authorization", "Bearer {{cpproxy:authorization:1}}"],
            ["Proxy-Authorization", "AWS4-HMAC-SHA256 {{cpproxy:proxy-authorization:1}}"],
            ["X-Admin-Token", "{{cpproxy:x-admin-token:1:hex}}"],
            ["X-Other-Token", "{{cpproxy:x-other-token:1:hex-base64}}"],
            ["Authorization", "Basic {{cpproxy:authorization:1:login}}"],
            ["Cookie", "session={{cpproxy:session:1}}; jwt={{cpproxy:jwt:2:jwt}}; theme=dark"],
        ],
        "answered": [["Set-Cookie", "sid={{cpproxy:sid:3}}; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Path=/abc1"]],
        "body": {
            "json": {
                "password": "{{cpproxy:password:1}}",
                "url": "postgres://svc:{{cpproxy:password:1}}@db/app",
                "base": UPSTREAM,
                "inner": '{"api_key": "{{cpproxy:api-key:4}}", "next": "{{cpproxy:upstream:http-json}}/a1b2c3d4"}',
            }
        },
    },
    "names that are about a secret": {
        "body": {
            "json": {
                "token_type": "bearer1234", "password_policy": "strong-2024", "secretName": "db-main-01",
                "next_page_token": "CAUQAB12345678", "nextToken": "eyJhIjoxMjM0NTY3ODl9", "max_tokens": "4096tokens",
                "client_request_token": "a8ca07e4-61ec-4399-99f4-19853801bcd5", "key": "tenants/alpha/1234567",
                "public_key": "ssh-ed25519-abc123def", "partitionKey": "a1b2c3d4e5", "session": "e2e-20260105-0c1d2e3f",
                "has_password": "yes12345", "token_uri": "https://auth.test/token1", "secretArn": "arn:aws:sm:1:x/y1",
            }
        }
    },
    "values that are none": {
        "body": {
            "json": {
                "password": "********", "token": "", "secret": "required", "api_key": "<your-key-1>",
                "access_token": "${ACCESS_TOKEN_1}", "client_secret": "[REDACTED 1]",
                "private_key": "/etc/ssl/key1.pem", "credentials": "https://vault.test/v1/secret", "pwd": "/home/u1",
                "signature": "sha256:0123456789abcdef",
                "passphrase": "correct horse 1 battery", "jwt": None, "admin_token": 12345678901,
            }
        }
    },
    "numbers in a form": {"body": {"text": "password=12345.678901&pwd=-1234567.89&secret=1.234.567,89"}},
    "text about secrets": {
        "body": {
            "text": "error: invalid token: expired\nThe password must contain 8 characters\nsecret: see the manual\n"
            "Authorization: Bearer\nauthorization: required\nuser:password@host\nkey = config.get_secret_key(1)\n"
            "private_key=Ed25519PrivateKey25519.generate()\n"
        }
    },
    "ids": {
        "target": "/cp/workspaces/2cb66397-abda-4b62-9b81-dc34bc7d1037/status?instance_id=i-0123456789abcdef0",
        "asked": [["X-Request-Id", "ee2e0598785fecbd2843c40b6ef9b88b"], ["If-None-Match", f'W/"{"0a1b2c3d" * 5}"']],
        "answered": [["ETag", '"33a64df551425fcc55e4d42a148795d9f25f89d4"']],
        "body": {"json": {"image": f"registry.test/w@sha256:{'0a1b2c3d' * 8}", "commit": "0a1b2c3d4e" * 4}},
    },
}  # fmt: skip


@pytest.mark.parametrize("changes", CLEAN.values(), ids=CLEAN)
def test_what_is_no_secret_is_not_taken_for_one(scanner: Scanner, changes: dict[str, Any]) -> None:
    assert scanner.scan(cassette(interaction(**changes))) == ()


def redact(data: bytes) -> bytes:
    """A shipped cassette as it stands once its sham secrets are placeholders."""
    for number, value in enumerate(sorted(set(re.findall(rb"sham-[a-z-]+-[0-9a-f]{32}", data))), 1):
        data = data.replace(value, b"{{cpproxy:sham:%d}}" % number)
    return data


def test_the_cassettes_of_the_harness_are_clean_once_they_are_redacted(scanner: Scanner) -> None:
    names = cassettes.names(HARNESS)
    assert names
    for name in names:
        assert scanner.scan(redact((HARNESS / f"{name}.json").read_bytes())) == (), name


def make_clean(size: int, seed: int) -> bytes:
    """A cassette of about so many bytes, with what a control plane answers and no secret."""
    chance = random.Random(seed)

    def hexed(digits: int) -> str:
        return f"{chance.getrandbits(4 * digits):0{digits}x}"

    made = []
    while size > 0:
        workspace = f"{hexed(8)}-{hexed(4)}-4{hexed(3)}-a{hexed(3)}-{hexed(12)}"
        lines = [f"2026-01-05T10:00:00Z [init] step {n} container {hexed(12)} pulled {hexed(64)}" for n in range(9)]
        document = {
            "id": workspace, "instance_id": f"i-{hexed(17)}", "private_ip": f"10.0.{chance.randrange(256)}.7",
            "slug": f"e2e-20260105-{hexed(8)}", "digest": f"sha256:{hexed(64)}", "commit": hexed(40),
            "output": "\n".join(lines), "token_type": "bearer", "expires_in": 3600, "user_id": f"user-{hexed(6)}",
            "cursor": base64.b64encode(chance.randbytes(30)).decode(),
            "blob": base64.b64encode(chance.randbytes(90)).decode(),
        }  # fmt: skip
        one = interaction(
            target=f"/cp/workspaces/{workspace}/status?instance_id=i-{hexed(17)}",
            asked=[
                ["Authorization", "Bearer {{cpproxy:authorization:1}}"],
                ["Traceparent", f"00-{hexed(32)}-{hexed(16)}-01"],
            ],
            answered=[["ETag", f'"{hexed(40)}"'], ["X-Request-Id", hexed(32)]],
            body={"json": document},
        )
        made.append(one)
        size -= len(json.dumps(one, indent=2))
    return cassette(*made)


def test_a_large_cassette_without_secrets_is_clean(scanner: Scanner) -> None:
    assert (
        scanner.scan(make_clean(1_000_000, seed=secrets.randbits(32)), [secrets.token_hex(16) for _ in range(50)]) == ()
    )


# What the config says is none.


EXEMPT: dict[str, tuple[dict[str, tuple[str, ...]], Leak]] = {
    "a name": ({"not_secrets": ("admin-token",)}, in_json("adminToken", Source(6).text(32))),
    "a name within a text": ({"not_secrets": ("api_key",)}, in_text(json.dumps({"api_key": Source(6).text(32)}), "")),
    "a header": ({"not_secrets": ("header:x-api-key",)}, in_header("X-Api-Key", Source(6).text(32), "")),
    "a cookie": ({"not_secrets": ("cookie:session",)}, in_header("Cookie", f"a=1; session={Source(6).text(32)}", "")),
    "a parameter": (
        {"not_secrets": ("query:token",)},
        Leak("", interaction(target=f"/x?a=b&token={Source(6).text(32)}&c=d"), ""),
    ),
    "a field": ({"not_secrets": ("form:token",)}, in_text(f"a=b&token={Source(6).text(32)}", "")),
    "a path": ({"not_secrets": ("$.gh",)}, in_json("gh", f"ghp_{Source(6).text(36)}")),
    "a path with any member": ({"not_secrets": ("$.*",)}, in_json("gh", f"ghp_{Source(6).text(36)}")),
    "a pattern": ({"not_patterns": ("ghp_[A-Za-z0-9]{36}",)}, in_json("gh", f"ghp_{Source(6).text(36)}")),
    "a pattern's group": ({"not_patterns": ("(?:^|x)(ghp_.*)",)}, in_json("gh", f"ghp_{Source(6).text(36)}")),
}


@pytest.mark.parametrize(("settings", "leak"), EXEMPT.values(), ids=EXEMPT)
def test_what_the_config_exempts_is_no_secret(
    scanner: Scanner, settings: dict[str, tuple[str, ...]], leak: Leak
) -> None:
    data = cassette(leak.interaction)
    assert scanner.scan(data)
    assert not scanner.scan(data, allowed=exemptions.read_exemptions(Redact(**settings)))


@pytest.mark.parametrize(
    "settings",
    [
        {"not_secrets": ("token", "header:X-Admin-Token", "query:admin_token", "$.token", "$.admin_token.x")},
        {"not_patterns": ("[a-z]{32}", "[A-Za-z0-9]{8}")},
        {},
    ],
    ids=["other places", "other patterns", "none"],
)
def test_what_the_config_does_not_exempt_stays_one(scanner: Scanner, settings: dict[str, tuple[str, ...]]) -> None:
    data = cassette(in_json("admin_token", Source(6).text(32)).interaction)
    assert scanner.scan(data, allowed=exemptions.read_exemptions(Redact(**settings)))


def test_a_known_value_is_never_exempt(scanner: Scanner) -> None:
    value = Source(7).text(32)
    allowed = exemptions.read_exemptions(Redact(not_secrets=("$.admin_token",), not_patterns=(".*",)))
    data = cassette(in_json("admin_token", value).interaction)
    assert [hit.eye for hit in scanner.scan(data, [value], allowed)] == [Eye.KNOWN]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"not_patterns": ("a", "(b")}, "[redact] not_patterns: '(b' is no expression of RE2: missing ): (b"),
        ({"not_patterns": ("(a)(b)",)}, "[redact] not_patterns: '(a)(b)' has 2 groups: one at most can be meant"),
        ({"not_secrets": ("$a",)}, "[redact] not_secrets: the JSON path '$a' cannot be read from 'a' on"),
    ],
)
def test_an_exemption_that_cannot_be_read_is_an_error(settings: dict[str, tuple[str, ...]], told: str) -> None:
    with pytest.raises(UsageError, match=re.escape(told)):
        exemptions.read_exemptions(Redact(**settings))


# A scan that cannot be made, or could take for ever.


def put_scanner(folder: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Puts a module in place of the scanner's."""
    (folder / "kingfisher_sdk.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(folder))


WORKING = "class Rules:\n    def __init__(self, **_): pass\nclass Scanner:\n    def __init__(self, _): pass\n"

BROKEN = {
    "it is missing": ("raise ImportError", r"install kingfisher-secret-scanner into this Python \(\S+\)$"),
    "it fails": ("raise RuntimeError('ghp_')", r"ended with code 1, and cleared nothing"),
    "it crashes at once": ("import os\nos.abort()", r"ended by signal 6, and cleared nothing"),
    "it crashes at work": (f"{WORKING}    def scan(self, _):\n        import os; os.abort()", r"ended by signal 6"),
    "it stops half-way": (f"{WORKING}    def scan(self, _):\n        import os; os._exit(0)", r"ended with code 0"),
    "it hangs": (f"{WORKING}    def scan(self, _):\n        while True: pass", r"has not ended within 1 s"),
    "it hangs at once": ("import time\ntime.sleep(60)", r"has not ended within 1 s"),
}


@pytest.mark.parametrize(("code", "told"), BROKEN.values(), ids=BROKEN)
def test_a_scan_that_cannot_be_made_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, told: str
) -> None:
    put_scanner(tmp_path, monkeypatch, code)
    if "hangs" in told or "has not ended" in told:
        monkeypatch.setattr(rulebook, "START_SECONDS", 1.0)
        monkeypatch.setattr(rulebook, "LEAST_SECONDS", 1.0)
    with pytest.raises(ScanError, match=told) as raised:
        scan(cassette(interaction()))
    assert "\n" not in str(raised.value)
    assert raised.value.exit is Exit.USAGE


def test_what_a_scanner_prints_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    printing = "print('[]', flush=True); import os; os.write(1, b'[]')"
    put_scanner(
        tmp_path, monkeypatch, f"{printing}\n{WORKING}    def scan(self, _):\n        {printing}\n        return []"
    )
    assert scan(cassette(in_json("admin_token", Source(8).text(20)).interaction))


def test_the_scanner_is_told_nothing_of_this_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "seen"
    code = f"import os, sys\nopen({str(out)!r}, 'w').write(repr((dict(os.environ), sys.argv, os.getsid(0))))"
    put_scanner(tmp_path, monkeypatch, f"{code}\n{WORKING}    def scan(self, _): return []")
    monkeypatch.setenv("ADMIN_TOKEN", PLAIN)
    assert not scan(cassette(interaction()))
    assert PLAIN not in out.read_text()
    assert f", {os.getsid(0)})" not in out.read_text()  # an interrupt at our terminal is not for it


def is_running(pid: int) -> bool:
    """Whether a process is there, and not only what is left of one until somebody asks how it ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_nothing_outlives_who_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "pid"
    write_pid = f"import os; open({str(out)!r}, 'w').write(f'{{os.getpid()}}\\n')"
    put_scanner(
        tmp_path, monkeypatch, f"{WORKING}    def scan(self, _):\n        {write_pid}\n        while True: pass"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{PROJECT}")
    program = "from cpproxy.files.scanning import scan\nscan(b'{}')"
    with subprocess.Popen([sys.executable, "-c", program]) as asking:
        until(lambda: out.exists() and out.read_text().endswith("\n"))
        asking.kill()
    until(lambda: not is_running(int(out.read_text())))


def test_a_module_of_the_working_folder_is_not_the_scanner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kingfisher_sdk.py").write_text("raise ImportError")
    monkeypatch.chdir(tmp_path)
    assert scan(cassette(in_json("gh", f"ghp_{Source(9).text(36)}").interaction))


def test_what_swells_beyond_all_bounds_is_not_taken_for_clean(scanner: Scanner) -> None:
    bomb = gzip.compress(gzip.compress(bytes(100_000_000)))
    body = {"base64": base64.b64encode(bomb).decode()}
    hits = scanner.scan(cassette(interaction(body=body), interaction()))
    assert [(hit.where, hit.rule) for hit in hits] == [
        ("$.interactions[0].response.body.base64", "more compressed data than can be looked into")
    ]


HOSTILE = {
    "keys that never end": "-----BEGIN PRIVATE KEY-----\n",
    "tokens without values": 'token="',
    "names without values": "secret: ",
    "quotes": '"',
    "escapes": "\\\\u005c",
    "a long run": "A",
    "bearers": "bearer ",
    "addresses": "://a:b@",
    "commands": 'curl -H "x" ',
}


@pytest.mark.slow
@pytest.mark.parametrize("part", HOSTILE.values(), ids=HOSTILE)
def test_time_grows_with_the_size_alone(scanner: Scanner, part: str) -> None:
    """2 MiB of the worst take a second for each 100 KiB at most; what grew with the square would take hours."""
    rulebook_limit = 20.0
    data = cassette(interaction(body={"text": part * (2_000_000 // len(part))}))
    began = os.times().elapsed
    scanner.scan(data, ["knownvalue1"])
    assert os.times().elapsed - began < rulebook_limit


PEAK = """
import base64, json, os, resource, sys
sys.path.insert(0, {project!r})
from cpproxy.files.scanning import scan
from tests.leaks import cassette, interaction
data = cassette(interaction(body={body}))
assert not scan(data, ["knownvalue1"])
# The kernel's own mark: what rusage tells of a process counts what its parent had when it was forked.
own = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM:"))
other = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(len(data), own * 1024, other * 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        '{"base64": base64.b64encode(os.urandom(24 << 20)).decode()}',
        '{"text": "hello %41 &amp; world \\\\u0041 " * (1 << 20)}',
    ],
    ids=["bytes", "text"],
)
def test_memory_is_a_few_times_the_size(body: str) -> None:
    program = PEAK.format(project=str(PROJECT), body=body)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    size, own, other = map(int, done.stdout.split())
    assert own < 6 * size + 100_000_000
    assert other < 6 * size + 200_000_000


@pytest.mark.slow
def test_nothing_is_written_but_the_compiled_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("home", "work", "temporary"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("KF_RULE_CACHE_DIR", raising=False)
    monkeypatch.chdir(tmp_path / "work")
    value = f"ghp_{Source(10).text(36)}"
    assert scan(cassette(in_json("gh", value).interaction))
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.relative_to(tmp_path).parts[:3] for path in written} == {("home", ".cache", "kingfisher")}
    assert not [path for path in written if value.encode() in path.read_bytes()]


def test_who_does_not_scan_does_not_import_the_scan() -> None:
    program = (
        "import sys, cpproxy.files.cassettes, cpproxy.files.drafts, cpproxy.cli.replay, cpproxy.cli.record, "
        "cpproxy.cli.cassette\nprint(*sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not [name for name in ended.stdout.split() if "scanning" in name or "kingfisher" in name]
