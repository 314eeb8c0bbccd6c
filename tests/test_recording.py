import base64
import gzip
import json
from urllib.parse import quote

import pytest
from msgspec import UNSET

from cpproxy.core import bodies
from cpproxy.core.cassette import Body, Cassette, Credential, Recorded
from cpproxy.core.config import RouteSettings
from cpproxy.core.messages import Chunk
from cpproxy.core.recording import Answered, Asked, Recording
from cpproxy.core.redaction.redactor import Redactor
from cpproxy.core.routes import RouteTable
from cpproxy.errors import UpstreamError

RECORDED = Recorded("2026-01-01T00:00:00Z", "http://cp.example")
ASKED = Asked((), UNSET)


def answered(end: float = 1.0, body: Body | None = None, chunks: tuple[Chunk, ...] = ()) -> Answered:
    return Answered(200, "OK", (), body or UNSET, chunks, end)


def recording(*routes: RouteSettings, previous: Cassette | None = None) -> Recording:
    return Recording(RECORDED, RouteTable(routes), Redactor(), previous)


def text(content: str) -> Body:
    body = bodies.store(content.encode(), limit=1000)
    assert body is not UNSET
    return body


@pytest.mark.parametrize(
    ("method", "target", "name"),
    [
        ("GET", "/", "get-1"),
        ("GET", "/cp/workspaces?x=1", "get-cp-workspaces-1"),
        ("get", "//a//b/", "get-a-b-1"),
        ("GET", "/cp/workspaces/8c1b1c5e-3b8f-4b0e-9a51-0f2d3c4b5a69/status", "get-cp-workspaces-_-status-1"),
        ("GET", "/cp/workspaces/8C1B1C5E-3B8F-4B0E-9A51-0F2D3C4B5A69/status", "get-cp-workspaces-_-status-1"),
        ("GET", "/blobs/0123456789abcdef", "get-blobs-_-1"),
        ("GET", "/instances/i-0123abcd4567", "get-instances-_-1"),
        ("DELETE", "/cp/admin/tenants/e2e-20260101-3f9a2b", "delete-cp-admin-tenants-_-1"),
        ("GET", "/u/01ARZ3NDEKTSV4RRFFQ69G5FAV", "get-u-_-1"),
        ("GET", "/orders/1234567890", "get-orders-_-1"),
        ("GET", "/status/404", "get-status-404-1"),
        ("GET", "/v1/admin-token", "get-v1-admin-token-1"),
        ("GET", "/a%20b/c.d", "get-a-b-c-d-1"),
        ("GET", "/a%2521b/%C5%82x", "get-a-b-x-1"),
        ("GET", "/" + "long/" * 40, "get-" + ("long-" * 15) + "1"),
    ],
)
def test_ids_say_what_was_called_less_what_is_new_each_run(method: str, target: str, name: str) -> None:
    assert recording().arrive(method, target, 0).id == name


def test_ids_name_the_route_where_it_has_a_name() -> None:
    routes = (
        RouteSettings("POST /cp/workspaces/provision", name="provision"),
        RouteSettings("GET /cp/orgs/{org}"),
    )
    take = recording(*routes)
    assert take.arrive("POST", "/cp/workspaces/provision", 0).id == "provision-1"
    assert take.arrive("POST", "/cp/workspaces/provision?x", 0).id == "provision-2"
    assert take.arrive("GET", "/cp/orgs/a", 0).id == "get-cp-orgs-a-1"


def test_interactions_stand_in_the_order_of_arrival_whatever_the_order_of_answers() -> None:
    take = recording()
    first, second, third = (take.arrive("GET", f"/{name}", start) for start, name in enumerate("abc"))
    take.add(third, ASKED, answered(3))
    take.add(first, ASKED, answered(9))
    assert [one.id for one in take.cassette().interactions] == ["get-a-1", "get-c-1"]
    take.add(second, ASKED, answered(4))
    assert [one.id for one in take.cassette().interactions] == ["get-a-1", "get-b-1", "get-c-1"]
    assert len(take) == 3


def test_times_are_seconds_to_the_millisecond() -> None:
    take = recording()
    take.add(take.arrive("GET", "/", 0.12345), ASKED, answered(1.98765))
    (one,) = take.cassette().interactions
    assert (one.start, one.end) == (0.123, 1.988)


def test_credentials_stand_as_placeholders_numbered_in_the_order_of_arrival() -> None:
    take = recording()
    first, second = take.arrive("GET", "/a", 0), take.arrive("GET", "/b", 0)
    take.add(second, Asked(((b"Authorization", b"Bearer two"), (b"X-Admin-Token", b"one")), UNSET), answered())
    assert take.cassette().interactions[0].request.headers[0] == ("Authorization", "Bearer {{cpproxy:authorization:1}}")
    take.add(first, Asked(((b"authorization", b"Bearer one"), (b"Accept", b"*/*")), UNSET), answered())
    whole = take.cassette()
    assert [one.request.headers for one in whole.interactions] == [
        (("authorization", "Bearer {{cpproxy:authorization:1}}"), ("Accept", "*/*")),
        (("Authorization", "Bearer {{cpproxy:authorization:2}}"), ("X-Admin-Token", "{{cpproxy:authorization:1}}")),
    ]
    assert [one.marker for one in whole.placeholders] == [f"{{{{cpproxy:authorization:{n}}}}}" for n in (1, 2)]
    assert whole.interactions[1].credentials == (
        Credential("authorization", "bearer"),
        Credential("x-admin-token"),
    )


def test_an_interaction_that_did_not_change_is_the_same_object_in_the_next_cassette() -> None:
    take = recording()
    take.add(take.arrive("GET", "/a", 0), Asked(((b"Cookie", b"x"),), UNSET), answered())
    (first,) = take.cassette().interactions
    take.add(take.arrive("GET", "/b", 0), ASKED, answered())
    assert take.cassette().interactions[0] is first


def test_a_stream_keeps_the_upstreams_chunks() -> None:
    take = recording()
    chunks = (Chunk(0.0004, 3), Chunk(1.5, 2))
    take.add(take.arrive("GET", "/", 0), ASKED, answered(body=text("abcde"), chunks=chunks))
    assert take.cassette().interactions[0].response.chunks == ((0, 3), (1500, 2))


@pytest.mark.parametrize(
    ("body", "chunks"),
    [
        (text("abc"), (Chunk(0, 3),)),
        (Body(text="abc", coding=("gzip",)), (Chunk(0, 9), Chunk(1, 9))),
        (bodies.omitted(18, "00"), (Chunk(0, 9), Chunk(1, 9))),
    ],
    ids=["one chunk", "coded", "omitted"],
)
def test_no_timeline_where_it_would_not_fit_the_stored_body(body: Body, chunks: tuple[Chunk, ...]) -> None:
    take = recording()
    take.add(take.arrive("GET", "/", 0), ASKED, answered(body=body, chunks=chunks))
    assert take.cassette().interactions[0].response.chunks == ()


def test_appending_goes_on_in_time_in_ids_and_in_placeholders() -> None:
    take = recording()
    secret = Asked(((b"Authorization", b"Bearer one"),), UNSET)
    take.add(take.arrive("GET", "/a", 0), secret, answered(5))
    take.add(take.arrive("GET", "/a", 1), secret, answered(2))
    earlier = take.cassette()
    more = recording(previous=earlier)
    assert len(more) == 0
    more.add(more.arrive("GET", "/a", 0.5), secret, answered(0.75))
    whole = more.cassette()
    assert whole.interactions[:2] == earlier.interactions
    new = whole.interactions[2]
    assert (new.id, new.start, new.end) == ("get-a-3", 5.5, 5.75)
    assert new.request.headers == (("Authorization", "Bearer {{cpproxy:authorization:2}}"),)
    assert len(whole.placeholders) == 2


def test_a_cassette_that_was_incomplete_stays_so_when_more_is_added() -> None:
    take = recording()
    take.add(take.arrive("GET", "/", 0), ASKED, answered())
    broken = take.cassette("the upstream failed")
    assert broken.incomplete == "the upstream failed"
    assert recording(previous=broken).cassette().incomplete == "the upstream failed"


@pytest.mark.parametrize(
    ("target", "asked", "answer", "place"),
    [
        ("/{{cpproxy:a:1}}", ASKED, answered(), "the target"),
        ("/", Asked(((b"X", b"{{cpproxy:a:1}}"),), UNSET), answered(), "a request header"),
        ("/", Asked((), text("{{cpproxy:a:1}}")), answered(), "the request's body"),
        ("/", ASKED, Answered(200, "{{cpproxy:a:1}}", (), UNSET, (), 0), "the reason of the answer"),
        ("/", ASKED, Answered(200, "", ((b"X", b"-{{cpproxy:"),), UNSET, (), 0), "a header of the answer"),
        ("/", ASKED, answered(body=text('{"a": ["{{cpproxy:a:1}}"]}')), "the body of the answer"),
    ],
)
def test_data_that_holds_a_marker_cannot_be_recorded(target: str, asked: Asked, answer: Answered, place: str) -> None:
    take = recording()
    with pytest.raises(UpstreamError, match=rf"^{place} of GET .* marks secrets"):
        take.add(take.arrive("GET", target, 0), asked, answer)
    assert len(take) == 0


def test_bytes_that_are_no_text_stand_percent_encoded_in_a_target() -> None:
    take = recording()
    take.add(take.arrive("GET", b"/\xc3\xa9/\xff?x".decode("utf-8", "surrogateescape"), 0), ASKED, answered())
    assert take.cassette().interactions[0].request.target == "/é/%FF?x"


@pytest.mark.parametrize(
    "value", ["Maple-42-x", "Maple 42, oak 17; \u00e4", "Maple-42-oak-17-elm"], ids=["short", "words", "long"]
)
def test_what_is_learnt_after_many_saves_is_taken_out_of_each_interaction_however_it_stands(value: str) -> None:
    take = recording()
    coded = [
        value,
        json.dumps({"note": json.dumps(f"see {value}")}),
        f"a={quote(value)}&b=1",
        base64.b64encode(b"k: " + value.encode()).decode(),
        value.encode().hex(),
        base64.b64encode(gzip.compress(value.encode())).decode(),
    ]
    for number, content in enumerate([*coded, "nothing of it"]):
        take.add(take.arrive("GET", f"/notes/{number}", number), ASKED, answered(body=text(content)))
        take.cassette()  # each save remembers what it looked through
    for number in range(3):
        headers = ((b"X-Api-Key", b"another-Value-%d" % number),)
        take.add(take.arrive("GET", f"/keys/{number}", 10), Asked(headers, UNSET), answered())
        take.cassette()
    kept = take.cassette().interactions
    take.add(take.arrive("GET", "/late", 20), Asked(((b"X-Api-Key", value.encode()),), UNSET), answered())
    saved = take.cassette().interactions
    assert saved[len(coded)] is kept[len(coded)]
    for content, one in zip(coded, saved, strict=False):
        assert content not in bodies.restore(one.response.body).decode()
        assert b"{{cpproxy:" in bodies.restore(one.response.body)
