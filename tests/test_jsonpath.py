"""JSON paths: what they find and what they leave out."""

from typing import Any

import pytest

from cpproxy.core import jsonpath

DOCUMENT = {"env": {"BUILD": "7", "a.b": 1}, "items": [{"id": 1, "x": 2}, {"id": 3}], "none": None}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$", [DOCUMENT]),
        ("$.env.BUILD", ["7"]),
        ("$['env']['a.b']", [1]),
        ('$.env["a.b"]', [1]),
        ("$.items[0].id", [1]),
        ("$.items[*].id", [1, 3]),
        ("$.items.*.x", [2]),
        ("$.none", [None]),
        ("$.items[9]", []),
        ("$.env[0]", []),
        ("$.missing.deeper", []),
    ],
)
def test_a_path_finds_every_value_that_stands_there(path: str, found: list[Any]) -> None:
    assert list(jsonpath.find(DOCUMENT, jsonpath.parse(path))) == found


@pytest.mark.parametrize(
    ("path", "left"),
    [
        ("$.env", {"items": DOCUMENT["items"], "none": None}),
        ("$.items[*].id", {**DOCUMENT, "items": [{"x": 2}, {}]}),
        ("$.items[1]", {**DOCUMENT, "items": [{"id": 1, "x": 2}]}),
        ("$.missing", DOCUMENT),
    ],
)
def test_without_leaves_out_what_stands_there_and_keeps_the_original(path: str, left: Any) -> None:
    before = repr(DOCUMENT)
    assert jsonpath.without(DOCUMENT, jsonpath.parse(path)) == left
    assert repr(DOCUMENT) == before


@pytest.mark.parametrize("path", ["", "a.b", "$.", "$[", "$[x]", "$a", "$.a b", "$['a"])
def test_a_path_that_cannot_be_read_is_refused_with_where(path: str) -> None:
    with pytest.raises(ValueError, match="JSON path"):
        jsonpath.parse(path)


@pytest.mark.parametrize(
    ("key", "shown"), [("a", "$.a"), (3, "$[3]"), ("a.b", "$['a.b']"), ("a b", "$['a b']"), ("", "$['']")]
)
def test_a_childs_path_can_be_read_back(key: str | int, shown: str) -> None:
    assert jsonpath.child("$", key) == shown
    assert jsonpath.parse(shown).steps == (key,)
