"""Requirements: what they accept, what fits them, and how they say what is wrong."""

import pytest
from msgspec import UNSET, Raw

from cpproxy.core.calls import Call, Outcome, Way
from cpproxy.core.requirements import Requirement
from cpproxy.errors import UsageError

PROVISION = "POST /cp/workspaces/provision"


def call(method: str, target: str, body: str | None = None, *, way: Way = Way.FRONT) -> Call:
    raw = UNSET if body is None else Raw(body.encode())
    return Call(seq=1, at=0.0, outcome=Outcome.MISS, method=method, target=target, way=way, body=raw)


@pytest.mark.parametrize(
    ("text", "count", "conditions"),
    [
        pytest.param("GET /a", 1, [], id="one call is the default"),
        pytest.param("GET /a >=3", 3, [], id="count"),
        pytest.param("GET /a >= 3 ", 3, [], id="count with a space"),
        pytest.param("GET /a $.x=1", 1, [("$.x", 1)], id="number"),
        pytest.param("GET /a $.x=true $.y=null", 1, [("$.x", True), ("$.y", None)], id="literals"),
        pytest.param("GET /a $.x=org-alpha >=2", 2, [("$.x", "org-alpha")], id="bare string"),
        pytest.param('GET /a $.x="two words" >=2', 2, [("$.x", "two words")], id="string with a space"),
        pytest.param("GET /a $.x=", 1, [("$.x", "")], id="empty string"),
        pytest.param("GET /a $.x=a=b", 1, [("$.x", "a=b")], id="value with an equals sign"),
        pytest.param("GET /a $['k=v'][0]=1", 1, [("$['k=v'][0]", 1)], id="name with an equals sign"),
        pytest.param('GET /a $.x={"a":[1]}', 1, [("$.x", {"a": [1]})], id="object"),
    ],
)
def test_reads_counts_and_conditions(text: str, count: int, conditions: list[tuple[str, object]]) -> None:
    parsed = Requirement.parse(text)
    assert parsed.count == count
    assert [(str(one.path), one.value) for one in parsed.conditions] == conditions


@pytest.mark.parametrize(
    ("text", "one", "expected"),
    [
        pytest.param(PROVISION, call("POST", "/cp/workspaces/provision?x=1"), True, id="query is left out"),
        pytest.param(PROVISION, call("GET", "/cp/workspaces/provision"), False, id="other method"),
        pytest.param("post /a", call("POST", "/a"), True, id="method in lower case"),
        pytest.param("* /a", call("DELETE", "/a"), True, id="any method"),
        pytest.param("GET /w/{id}/status", call("GET", "/w/9/status?i=1"), True, id="template"),
        pytest.param("GET /w/{id}/status", call("GET", "/w/9/8/status"), False, id="template is one segment"),
        pytest.param("POST /a $.x=1", call("POST", "/a", '{"x": 1.0}'), True, id="numbers are values"),
        pytest.param("POST /a $.x=1", call("POST", "/a", '{"x": true}'), False, id="true is not one"),
        pytest.param("POST /a $.x=1", call("POST", "/a", '{"x": "1"}'), False, id="text is not a number"),
        pytest.param('POST /a $.x="1"', call("POST", "/a", '{"x": "1"}'), True, id="quoted text"),
        pytest.param("POST /a $.x[0].y=b", call("POST", "/a", '{"x": [{"y": "b"}]}'), True, id="index"),
        pytest.param("POST /a $.x[*]=b", call("POST", "/a", '{"x": ["a", "b"]}'), True, id="any element"),
        pytest.param("POST /a $.x=[true]", call("POST", "/a", '{"x": [1]}'), False, id="true is not one within"),
        pytest.param('POST /a $.x={"b":1}', call("POST", "/a", '{"x": {"b": 1}}'), True, id="object as a value"),
        pytest.param("POST /a $.x=1", call("POST", "/a", "[]"), False, id="nothing at the path"),
        pytest.param("POST /a $.x=1", call("POST", "/a"), False, id="no body"),
        pytest.param("POST /a", call("POST", "/a", way=Way.FORWARD), False, id="not at the front"),
    ],
)
def test_fits_by_value(text: str, one: Call, expected: bool) -> None:
    assert Requirement.parse(text).fits(one) is expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("", "expected a method and a path", id="nothing"),
        pytest.param("/a", "expected a method and a path", id="no method"),
        pytest.param("GET a", "expected a method and a path", id="no slash"),
        pytest.param("GET /a?b=1", "expected a method and a path", id="query"),
        pytest.param("GET /a{", "braces", id="open brace"),
        pytest.param("GET /a >=0", "the count is at least 1", id="no calls at all"),
        pytest.param("GET /a x=1", "a JSON path starts with $", id="no JSON path"),
        pytest.param("GET /a $.x", "'$.x' is no JSONPATH=VALUE", id="no value"),
        pytest.param("GET /a >2", "'>2' is no JSONPATH=VALUE", id="other comparison"),
        pytest.param("GET /a $..x=1", "cannot be read", id="descent"),
    ],
)
def test_says_what_is_wrong_and_what_was_expected(text: str, complaint: str) -> None:
    with pytest.raises(UsageError) as caught:
        Requirement.parse(text)
    assert complaint in str(caught.value)
    assert "POST /cp/workspaces/provision $.org_id=org-alpha >=2" in str(caught.value)
    assert "\n" not in str(caught.value)
