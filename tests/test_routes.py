"""Routes: templates, conditions, and which section of the config speaks of a call."""

import msgspec
import pytest

from cpproxy.core.config import RouteSettings
from cpproxy.core.messages import Request
from cpproxy.core.routes import Place, RouteTable, Template, When, is_write, repeats
from cpproxy.errors import UsageError


@pytest.mark.parametrize(
    ("text", "method", "path", "fits"),
    [
        ("GET /a", "GET", "/a", True),
        ("GET /a", "get", "/a", True),
        ("GET /a", "POST", "/a", False),
        ("* /a", "PROPFIND", "/a", True),
        ("GET /a", "GET", "/a/", False),
        ("GET /a", "GET", "/a/b", False),
        ("GET /w/{id}/status", "GET", "/w/1/status", True),
        ("GET /w/{id}/status", "GET", "/w//status", False),
        ("GET /w/{id}/status", "GET", "/w/1/2/status", False),
        ("GET /w/{id}.json", "GET", "/w/7.json", True),
        ("GET /w/{id}.json", "GET", "/w/7xjson", False),
        ("GET /w/{a}-{b}", "GET", "/w/x-y", True),
    ],
)
def test_a_template_fits_whole_paths_and_leaves_one_segment_open_per_brace(
    text: str, method: str, path: str, fits: bool
) -> None:
    assert Template.parse(text).matches(method, path) is fits


@pytest.mark.parametrize(
    "text", ["", "GET", "/a", "GET a", "GET /a b", "GET /a?x=1", "GET /{a", "GET /a}", "G(T /a", "GET /{a/b}"]
)
def test_a_template_that_cannot_be_read_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected a method and a path|braces"):
        Template.parse(text)


def test_the_most_literal_template_wins_whatever_the_order() -> None:
    table = RouteTable((RouteSettings(match="GET /w/{id}"), RouteSettings(match="GET /w/all", name="all")))
    assert (route := table.find("GET", "/w/all"))
    assert route.name == "all"
    assert (other := table.find("GET", "/w/1"))
    assert other.name == "GET /w/{id}"
    assert table.find("GET", "/x") is None


@pytest.mark.parametrize(
    ("when", "body", "target", "holds"),
    [
        ("form:Action=Describe*", b"Action=DescribeInstances&Version=1", "/", True),
        ("form:Action=Describe*", b"Action=RunInstances", "/", False),
        ("json:$.action=list", b'{"action":"list"}', "/", True),
        ("$.n=1", b'{"n":1}', "/", True),
        ("$.n=1", b"not json", "/", False),
        ("query:op=get", b"", "/?op=get", True),
        ("header:X-Op=g?t", b"", "/", True),
        ("header:X-No=*", b"", "/", False),
    ],
)
def test_a_condition_looks_at_the_place_it_names(when: str, body: bytes, target: str, holds: bool) -> None:
    request = Request("POST", target, ((b"X-Op", b"get"),), body)
    assert When.parse(when).holds(request) is holds


def test_a_route_with_a_condition_is_found_only_for_a_call_that_fits_it() -> None:
    table = RouteTable(
        (RouteSettings(match="POST /", name="read", when="form:Action=Describe*"), RouteSettings(match="POST /")),
    )
    describe = Request("POST", "/", (), b"Action=DescribeInstances")
    run = Request("POST", "/", (), b"Action=RunInstances")
    assert (found := table.find("POST", "/", describe))
    assert found.name == "read"
    assert (other := table.find("POST", "/", run))
    assert other.name == "POST /"


@pytest.mark.parametrize("text", ["X", "cookie:a", "header:", "$.a[", "query"])
def test_a_place_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|cannot be read"):
        Place.parse(text)


def test_a_bad_section_is_named_by_its_index() -> None:
    with pytest.raises(UsageError, match=r"routes\[1\]"):
        RouteTable((RouteSettings(match="GET /a"), RouteSettings(match="nonsense")))


def test_kind_and_repeat_come_from_the_route_and_else_from_the_method() -> None:
    settings = msgspec.convert(
        [
            {"match": "POST /search", "kind": "read"},
            {"match": "GET /trigger", "kind": "write"},
            {"match": "POST /beat", "repeat": "last"},
        ],
        tuple[RouteSettings, ...],
    )
    table = RouteTable(settings)
    assert not is_write("POST", table.find("POST", "/search"))
    assert is_write("GET", table.find("GET", "/trigger"))
    assert is_write("DELETE", None)
    assert not is_write("HEAD", None)
    assert repeats(table.find("POST", "/beat"))
    assert not repeats(None)
