"""Texts in base64 and in hex: what they say, and the secrets in them."""

import base64
import json
import textwrap
from collections.abc import Callable
from random import SystemRandom

import pytest

from cpproxy.core.redaction.coded import decode, find_coded, find_wrapped
from cpproxy.core.redaction.finding import Finder, Reason
from cpproxy.core.redaction.policy import Policy

FINDER = Finder(Policy())
SOURCE = SystemRandom()


def encode(data: str | bytes) -> str:
    return base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()


CODES: dict[str, Callable[[str], str]] = {
    "base64": encode,
    "base64url": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base64 twice": lambda text: encode(encode(text)),
    "base64 in lines": lambda text: "\n".join(textwrap.wrap(encode(f"{'some text before '.center(90)}{text}"), 76)),
    "base64 of UTF-16": lambda text: encode(text.encode("utf-16-le")),
    "base64 of UTF-16 with its mark": lambda text: encode(text.encode("utf-16")),
    "hex": lambda text: text.encode().hex(),
    "HEX": lambda text: text.encode().hex().upper(),
}
TEXTS = {
    "JSON": '{"a":1,"token":"plumtree"}',
    "JSON with escapes": r'{"auth\u002dtoken":"a\u002db\/c1"}',
    "JSON with escapes in its value": r'{"token":"a\u002db\/plumtree"}',
    "a form": "a=b&password=plumtree",
    "variables": "A=b\nDB_PASSWORD=plumtree\n",
    "YAML": "users:\n- name: a\n  user:\n    token: plumtree\n",
    "a header": "Authorization: Bearer plumtree9",
    "a URL": "postgres://bob:plumtree@db/x",
    "beyond ASCII": '{"пользователь":"Вася","пароль":"сливовое"}',
}
PLACES: dict[str, Callable[[str], str]] = {
    "a member": lambda code: json.dumps({"data": code}),
    "an id": lambda code: json.dumps({"id": code}),
    "a digest": lambda code: json.dumps({"hash": code}),
    "a page": lambda code: json.dumps({"n": [1, 2], "cursor": code, "next": None}),
    "a line": lambda code: f"2026-01-05 INFO got {code} today\n",
    "a data URL": lambda code: f'{{"x":"data:application/json;base64,{code}"}}',
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("code", CODES)
def test_a_secret_in_a_code_is_one_wherever_that_stands(code: str, text: str, place: str) -> None:
    coded = CODES[code](TEXTS[text])
    (find,) = FINDER.find_in_text(PLACES[place](coded))
    assert (find.value, find.reason) == (coded, Reason.NAMED)
    assert FINDER.also(find) if code != "base64 twice" else True


def test_the_secret_itself_is_known_with_its_code() -> None:
    for code in (encode, CODES["hex"], CODES["base64 in lines"], CODES["base64 of UTF-16"]):
        (find,) = FINDER.find_in_text(json.dumps({"x": code(r'{"token":"plum\u002dtree"}')}))
        assert ("plum-tree", "token") in FINDER.also(find)


def test_a_code_in_a_path_is_looked_into() -> None:
    coded = CODES["base64url"]('{"session_id":"plumtree"}')
    assert [find.value for find in FINDER.find_in_target(f"/x/{coded}/y")] == [coded]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("code", CODES)
def test_a_code_without_a_secret_stays(code: str, place: str) -> None:
    for text in (
        '{"offset":20,"token_type":"bearer"}',
        "There is nothing secret in here",
        '{"last_id":"i-0a1b2c3d4e"}',
    ):
        assert FINDER.find_in_text(PLACES[place](CODES[code](text))) == []


def test_what_was_drawn_by_chance_says_nothing() -> None:
    for size in (20, 24, 32, 48, 64):
        for _ in range(300):
            data = SOURCE.randbytes(size)
            assert decode(encode(data)) == ""
            assert decode(data.hex()) == ""


def test_where_codes_stand_in_a_run() -> None:
    one, other = encode('{"a": "hello there"}'), encode("something else, and more")
    assert [coded.inside for coded in find_coded(f"data={one}")] == ['{"a": "hello there"}']
    assert [coded.inside for coded in find_coded(f"things/{other}/x")] == ["something else, and more"]
    assert find_coded("workspace/configuration/of/things") == ()


def test_lines_of_several_widths_are_no_code() -> None:
    code = encode("some text that goes on and on, " * 9)
    assert [found.inside[:9] for found in find_wrapped("\r\n".join(textwrap.wrap(code, 64)))] == ["some text"]
    assert list(find_wrapped(f"{code[:60]}\n{code[60:124]}\n{code[124:]}")) == []
