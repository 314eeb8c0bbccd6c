import base64
import json

import pytest

from cpproxy.core.redaction.markers import PLACEHOLDER, find_shape, make_role, reveal, spell, wire_form


@pytest.mark.parametrize(
    ("secret", "shape"),
    [
        ("9f86d081884c7d659a2feaa0c55ad015", "hex"),
        ("9F86D081884C7D659A2FEAA0C55AD015", "hex"),
        ("9f86d081884c7d659a2feaa0c55ad01", ""),
        ("9F86d081884c7d659a2feaa0c55ad015", ""),
        ("1234567890123456", ""),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "jwt"),
        ("no.real.jwt", "jwt"),
        ("two.parts", ""),
        ("sham-token", ""),
        (base64.b64encode(b"Maple-42-x-Birch").decode(), "base64"),
        (base64.urlsafe_b64encode(b"Maple-42-x-Birch?>").decode().rstrip("="), "base64"),
        (base64.b64encode(bytes(range(200, 216))).decode(), "base64"),
        (base64.b64encode(b"bot:Maple-42-x").decode(), "login"),
        (base64.b64encode(b"https://e.example/").decode(), "base64"),
        (base64.b64encode(b"Maple").decode(), ""),
        ("Maple42BirchOak7", ""),
        ("", ""),
    ],
)
def test_a_shape_is_what_a_client_may_ask_for(secret: str, shape: str) -> None:
    assert find_shape(secret) == shape


def test_on_the_wire_a_placeholder_says_what_it_is() -> None:
    assert wire_form(spell("admin-token", 3, "")) == "cpproxy-admin-token-3"


def test_what_was_hex_is_hex_on_the_wire() -> None:
    text = wire_form(spell("key", 2, "hex"))
    assert bytes.fromhex(text).decode() == "cpproxy-key-002"


def test_what_had_three_parts_has_three_on_the_wire() -> None:
    head, body, signature = wire_form(spell("jwt", 1, "jwt")).split(".")
    assert json.loads(base64.urlsafe_b64decode(head + "==")) == {"alg": "none", "typ": "JWT"}
    assert json.loads(base64.urlsafe_b64decode(body + "=="))["sub"] == "cpproxy-jwt-001"
    assert signature.startswith("cpproxy-jwt-")
    assert int(signature.rpartition("-")[2]) == 1


@pytest.mark.parametrize("kind", ["", "hex", "jwt"])
@pytest.mark.parametrize("role", ["a", "ab", "abc"])
@pytest.mark.parametrize("number", [1, 10, 999, 1000])
def test_what_was_base64_is_the_base64_of_the_rest_and_needs_no_padding(kind: str, role: str, number: int) -> None:
    plain = wire_form(spell(role, number, kind))
    code, login = (wire_form(spell(role, number, f"{kind}-{one}".strip("-"))) for one in ("base64", "login"))
    assert code.isalnum()
    assert login.isalnum()
    assert base64.b64decode(code, validate=True).decode() == plain
    assert base64.b64decode(login, validate=True).decode() == f"cpproxy-client:{plain}"


@pytest.mark.parametrize("shape", ["", "hex", "jwt", "base64", "login", "hex-base64", "jwt-login"])
@pytest.mark.parametrize("name", ["X-Admin-Token", "a:b{c}", "päss", "", "x" * 500])
def test_a_role_is_fit_for_files_headers_and_urls(name: str, shape: str) -> None:
    marker = spell(make_role(name), 1, shape)
    assert PLACEHOLDER.fullmatch(marker)
    assert set(wire_form(marker)) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.")
    assert len(marker) < 100


def test_a_text_is_revealed_wherever_placeholders_stand_and_nowhere_else() -> None:
    text = 'a={{cpproxy:token:1}}&b={{cpproxy:key:1:hex}} "{{cpproxy:upstream:http}}" {{cpproxy:=3:x}}'
    assert reveal(text) == (
        f'a=cpproxy-token-1&b={b"cpproxy-key-001".hex()} "{{{{cpproxy:upstream:http}}}}" {{{{cpproxy:=3:x}}}}'
    )
    assert wire_form("no placeholder") == "no placeholder"
