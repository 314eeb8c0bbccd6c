"""What of a request counts for the match, and how two requests differ."""

import gzip

import pytest

from cpproxy.core.config import RouteSettings
from cpproxy.core.matching import Difference, compare, normalise
from cpproxy.core.messages import Omitted, Request
from cpproxy.core.routes import Route

JSON = (b"Content-Type", b"application/json")
FORM = (b"Content-Type", b"application/x-www-form-urlencoded")
TEXT = (b"Content-Type", b"text/plain")


def post(body: bytes, *headers: tuple[bytes, bytes], target: str = "/p") -> Request:
    return Request("POST", target, headers, body)


def part(boundary: bytes, value: bytes = b"1") -> Request:
    body = b'--%s\r\nContent-Disposition: form-data; name="a"\r\n\r\n%s\r\n--%s--\r\n' % (boundary, value, boundary)
    return post(body, (b"Content-Type", b"multipart/form-data; boundary=" + boundary))


def get(target: str, *headers: tuple[bytes, bytes]) -> Request:
    return Request("GET", target, headers, b"")


ALIKE = {
    "query order": (get("/p?a=1&b=2"), get("/p?b=2&a=1")),
    "an empty value and none": (get("/p?a="), get("/p?a")),
    "a lone question mark": (get("/p?"), get("/p")),
    "escapes of the query": (get("/p?a=%7Ex+y"), get("/p?a=~x%20y")),
    "raw bytes that are none of UTF-8": (get("/caf\udce9?a=\udcff"), get("/caf%E9?a=%FF")),
    "superfluous escapes of the path": (get("/%7euser/%2f"), get("/~user/%2F")),
    "json white space and order": (post(b'{"a": 1, "b": [1, 2]}', JSON), post(b'{"b":[1,2],"a":1}', JSON)),
    "json numbers": (post(b'{"a":1.0,"b":1e2}', JSON), post(b'{"a":1,"b":100}', JSON)),
    "json escapes": (post(b'{"a":"\\u00e9\\/"}', JSON), post('{"a":"é/"}'.encode(), JSON)),
    "json under a form's label": (post(b'{"a":1}', FORM), post(b'{ "a":1 }', JSON)),
    "form order": (post(b"a=1&b=2", FORM), post(b"b=2&a=1", FORM)),
    "multipart boundaries": (part(b"xxyyzz"), part(b"112233")),
    "a compressed body": (
        post(gzip.compress(b'{"a":1}'), JSON, (b"Content-Encoding", b"gzip")),
        post(b'{"a":1}', JSON),
    ),
    "headers that nobody compares": (get("/p", (b"X-Request-Id", b"1")), get("/p", (b"X-Request-Id", b"2"))),
    "credentials": (get("/p", (b"Authorization", b"Bearer a")), get("/p")),
    "an omitted body": (
        Request("PUT", "/p", (), b"", omitted=Omitted(5, "aa")),
        Request("PUT", "/p", (), b"", omitted=Omitted(5, "aa")),
    ),
}

UNLIKE = {
    "method": (get("/p"), post(b"")),
    "path": (get("/p"), get("/p/")),
    "an escaped slash": (get("/a%2Fb"), get("/a/b")),
    "doubled slashes": (get("/a//b"), get("/a/b")),
    "case of the path": (get("/P"), get("/p")),
    "query value": (get("/p?a=1"), get("/p?a=2")),
    "order within one name": (get("/p?a=1&a=2"), get("/p?a=2&a=1")),
    "query absent": (get("/p?a=1"), get("/p")),
    "json true and one": (post(b'{"a":true}', JSON), post(b'{"a":1}', JSON)),
    "json text and number": (post(b'{"a":"1"}', JSON), post(b'{"a":1}', JSON)),
    "json null and absent": (post(b'{"a":null}', JSON), post(b"{}", JSON)),
    "json order of a list": (post(b"[1,2]", JSON), post(b"[2,1]", JSON)),
    "form value": (post(b"a=1", FORM), post(b"a=2", FORM)),
    "text": (post(b"a b", TEXT), post(b"a  b", TEXT)),
    "multipart value": (part(b"xxyyzz"), part(b"xxyyzz", b"2")),
    "a body and none": (post(b"", JSON), post(b"{}", JSON)),
    "long bodies": (post(b"x" * 4000 + b"1", TEXT), post(b"x" * 4000 + b"2", TEXT)),
    "a range": (get("/p", (b"Range", b"bytes=0-1")), get("/p")),
    "a condition": (get("/p", (b"if-none-match", b'"x"')), get("/p")),
    "an omitted body's digest": (
        Request("PUT", "/p", (), b"", omitted=Omitted(5, "aa")),
        Request("PUT", "/p", (), b"", omitted=Omitted(5, "bb")),
    ),
}


@pytest.mark.parametrize(("left", "right"), ALIKE.values(), ids=ALIKE)
def test_requests_match_whatever_does_not_count(left: Request, right: Request) -> None:
    assert normalise(left, None).key() == normalise(right, None).key()
    assert compare(normalise(left, None), normalise(right, None), ()) == ()


@pytest.mark.parametrize(("left", "right"), UNLIKE.values(), ids=UNLIKE)
def test_requests_differ_in_what_counts_and_the_report_says_where(left: Request, right: Request) -> None:
    assert normalise(left, None).key() != normalise(right, None).key()
    assert compare(normalise(left, None), normalise(right, None), ())


@pytest.mark.parametrize(
    ("ignore", "left", "right"),
    [
        ("$.env.BUILD", post(b'{"env":{"BUILD":1,"x":2}}', JSON), post(b'{"env":{"BUILD":9,"x":2}}', JSON)),
        ("$.items[*].at", post(b'{"items":[{"at":1}]}', JSON), post(b'{"items":[{}]}', JSON)),
        ("query:ts", get("/p?ts=1&a=1"), get("/p?a=1&ts=2")),
        ("form:nonce", post(b"a=1&nonce=x", FORM), post(b"a=1", FORM)),
    ],
)
def test_what_a_route_ignores_does_not_count(ignore: str, left: Request, right: Request) -> None:
    route = Route.parse(RouteSettings(match=f"{left.method} /p", ignore=(ignore,)))
    assert normalise(left, route).key() == normalise(right, route).key()
    assert normalise(left, None).key() != normalise(right, None).key()


def test_a_header_counts_only_when_the_route_compares_it() -> None:
    route = Route.parse(RouteSettings(match="GET /p", compare=("X-Org",)))
    one, other = get("/p", (b"x-org", b"1")), get("/p", (b"X-Org", b"2"))
    assert normalise(one, route).key() != normalise(other, route).key()
    assert compare(normalise(one, route), normalise(other, route), route.compare) == (
        Difference("header:x-org", "1", "2"),
    )


def test_every_part_that_differs_is_named_as_a_place_with_both_values() -> None:
    recorded = post(b'{"tier":2,"env":{"A":"1"},"tags":["x"]}', JSON, target="/p?q=1")
    live = post(b'{"tier":3,"env":{},"tags":["x","y"]}', JSON, target="/p?q=2&r=3")
    assert compare(normalise(recorded, None), normalise(live, None), ()) == (
        Difference("query:q", "1", "2"),
        Difference("query:r", None, "3"),
        Difference("$.tier", "2", "3"),
        Difference("$.env.A", '"1"', None),
        Difference("$.tags[1]", None, '"y"'),
    )


def test_of_a_body_that_is_not_shown_the_size_is_told_and_no_digest() -> None:
    left, right = (normalise(post(b"pin=1\n" * 99 + end, TEXT), None) for end in (b"1", b"2"))
    assert compare(left, right, ()) == (Difference("body", "595 bytes", "595 bytes of other content"),)
    left, right = (normalise(Request("PUT", "/p", (), b"", omitted=Omitted(5, one)), None) for one in ("aa", "bb"))
    assert compare(left, right, ()) == (Difference("body", "5 bytes", "5 bytes of other content"),)
