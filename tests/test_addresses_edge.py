"""The upstream's address on the wire: clients of both modes are told the front's, and the upstream its own."""

import asyncio
import gzip
import json
import random
import re
import zlib
from itertools import accumulate
from pathlib import Path
from typing import Any

import aiohttp
import brotli  # type: ignore[import-untyped]
import msgspec
import pytest
import zstandard
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from cpproxy.core import bodies, streams
from cpproxy.core.addresses import TOKEN, Public, Stream, addresses, render, render_headers, unify
from cpproxy.core.messages import Request
from cpproxy.core.repeating import repeatable
from cpproxy.core.replay.decisions import Replay, Serve
from cpproxy.core.routes import RouteTable
from cpproxy.core.streams import rewrite
from cpproxy.files import cassettes
from tests.origin import Peer, ask, connected, http_origin, raw_origin
from tests.processes import finish, running
from tests.recorder import recorder
from tests.staging import ALPHA
from tests.staging.plane import Plane
from tests.staging.server import hosting
from tests.staging.tenant import Tenant
from tests.test_record import CLOSE, Answering

UPSTREAM = "https://staging.example.com"
PUBLIC = Public("http", "127.0.0.1:9090", "/s/alpha")

FORMS = [
    pytest.param("https://staging.example.com/x", "http://127.0.0.1:9090/s/alpha/x", id="plain"),
    pytest.param("HTTPS://Staging.Example.com/x", "http://127.0.0.1:9090/s/alpha/x", id="in capitals"),
    pytest.param("https://staging.example.com:443/", "http://127.0.0.1:9090/s/alpha/", id="with the usual port"),
    pytest.param(r"https:\/\/staging.example.com\/x", r"http:\/\/127.0.0.1:9090\/s\/alpha\/x", id="escaped for JSON"),
    pytest.param(r"a\nhttps://staging.example.com", r"a\nhttp://127.0.0.1:9090/s/alpha", id="after an escape of JSON"),
    pytest.param(r"a\nstaging.example.com", r"a\n127.0.0.1:9090", id="a host after an escape of JSON"),
    pytest.param(r"\u003chttps://staging.example.com\u003e", r"\u003chttp://127.0.0.1:9090/s/alpha\u003e", id="Go"),
    pytest.param("https%3A%2F%2Fstaging.example.com%2Fx", "http%3A%2F%2F127.0.0.1%3A9090%2Fs%2Falpha%2Fx", id="URL"),
    pytest.param("%20staging.example.com", "%20127.0.0.1:9090", id="a host after an escape of a URL"),
    pytest.param("wss://staging.example.com/ws", "ws://127.0.0.1:9090/s/alpha/ws", id="wss"),
    pytest.param("//staging.example.com/x", "//127.0.0.1:9090/s/alpha/x", id="without a scheme"),
    pytest.param("staging.example.com:443", "127.0.0.1:9090", id="host and port"),
    pytest.param(
        "https:&#x2F;&#x2F;staging.example.com", "http:&#x2F;&#x2F;127.0.0.1:9090&#x2F;s&#x2F;alpha", id="HTML"
    ),
    pytest.param(
        "https://me:pass%21@staging.example.com:443/x", "http://me:pass%21@127.0.0.1:9090/s/alpha/x", id="with a user"
    ),
    pytest.param(
        r"wss:\/\/me@staging.example.com\/x", r"ws:\/\/me@127.0.0.1:9090\/s\/alpha\/x", id="with a user in JSON"
    ),
    pytest.param(
        "https%3A%2F%2Fme%3Apw%40staging.example.com%2F",
        "http%3A%2F%2Fme%3Apw%40127.0.0.1%3A9090%2Fs%2Falpha%2F",
        id="with a user in a URL",
    ),
    pytest.param(
        "https%253A%252F%252Fstaging.example.com%253A443%252Fx",
        "http%253A%252F%252F127.0.0.1%253A9090%252Fs%252Falpha%252Fx",
        id="a URL in a URL in a URL",
    ),
    pytest.param(
        r"https:\\/\\/staging.example.com\\/x",
        r"http:\\\/\\\/127.0.0.1:9090\\\/s\\\/alpha\\/x",
        id="PHP's JSON in JSON",
    ),
    pytest.param(
        r"https:\\\/\\\/staging.example.com\\\/x",
        r"http:\\\/\\\/127.0.0.1:9090\\\/s\\\/alpha\\\/x",
        id="PHP's JSON in PHP's JSON",
    ),
    pytest.param(
        "https%3A%5C%2F%5C%2Fstaging.example.com",
        "http%3A%5C%2F%5C%2F127.0.0.1%3A9090%5C%2Fs%5C%2Falpha",
        id="PHP's JSON in a URL",
    ),
    pytest.param(
        r"https:\u0026#47;\u0026#47;staging.example.com/",
        r"http:\u0026#47;\u0026#47;127.0.0.1:9090\u0026#47;s\u0026#47;alpha/",
        id="HTML in Go's JSON",
    ),
    pytest.param(r"https:\x2F\x2Fstaging.example.com", r"http:\x2f\x2f127.0.0.1:9090\x2fs\x2falpha", id="a script"),
    pytest.param(
        r"https\u003A\u002F\u002Fstaging.example.com",
        r"http\u003a\u002f\u002f127.0.0.1\u003a9090\u002fs\u002falpha",
        id="a colon escaped for JSON",
    ),
    pytest.param(
        "wss&colon;&sol;&sol;staging&period;example&#46;com",
        "ws&colon;&sol;&sol;127.0.0.1&colon;9090&sol;s&sol;alpha",
        id="HTML's names",
    ),
    pytest.param(
        "https:%2F%2Fstaging%2Eexample.com", "http:%2F%2F127.0.0.1:9090%2Fs%2Falpha", id="slashes and dots of a URL"
    ),
    pytest.param("\x1b[32mhttps://staging.example.com", "\x1b[32mhttp://127.0.0.1:9090/s/alpha", id="coloured"),
    pytest.param(
        r"\u001b[1;32mhttps://staging.example.com\u001b[0m",
        r"\u001b[1;32mhttp://127.0.0.1:9090/s/alpha\u001b[0m",
        id="coloured in JSON",
    ),
    pytest.param("staging.example.com/cp/x", "127.0.0.1:9090/s/alpha/cp/x", id="a path without a scheme"),
    pytest.param(
        "staging.example.com%2Fcp", "127.0.0.1%3A9090%2Fs%2Falpha%2Fcp", id="a path without a scheme in a URL"
    ),
    pytest.param(r"\/\/staging.example.com\/x", r"\/\/127.0.0.1:9090\/s\/alpha\/x", id="without a scheme in JSON"),
    pytest.param("https://staging.example.com./x", "http://127.0.0.1:9090/s/alpha/x", id="with the root's dot"),
    pytest.param("http://staging.example.com:80/", "http://127.0.0.1:9090/s/alpha/", id="the other scheme's port"),
    pytest.param("https://staging.example.com:00443/", "http://127.0.0.1:9090/s/alpha/", id="a port with zeros"),
    pytest.param("ws://u&#64;staging.example.com/cp/x", "ws://u&#64;127.0.0.1:9090/s/alpha/cp/x", id="a user in HTML"),
    pytest.param(
        f"https://x-access-token:{'a' * 1500}@staging.example.com/x",
        f"http://x-access-token:{'a' * 1500}@127.0.0.1:9090/s/alpha/x",
        id="a long password",
    ),
    pytest.param(
        "https://me%40corp:a%2Fb%20@staging.example.com/x",
        "http://me%40corp:a%2Fb%20@127.0.0.1:9090/s/alpha/x",
        id="a password with escapes",
    ),
    pytest.param(
        "https://staging.example.com@evil.example/", "https://staging.example.com@evil.example/", id="a user's name"
    ),
    pytest.param(
        "https://other.example/a@staging.example.com", "https://other.example/a@staging.example.com", id="path"
    ),
    pytest.param("mail me@staging.example.com", "mail me@staging.example.com", id="a mail address"),
    pytest.param("https://me:pw@other.example/x", "https://me:pw@other.example/x", id="another's with a user"),
    pytest.param("see https://staging.example.com.", "see http://127.0.0.1:9090/s/alpha.", id="at a sentence's end"),
    pytest.param("https://staging.example.com.evil/", "https://staging.example.com.evil/", id="another's beginning"),
    pytest.param("https://staging.example.com:8443/", "https://staging.example.com:8443/", id="another port"),
    pytest.param("https%3A%2F%2Fstaging.example.com%3A8443", "https%3A%2F%2Fstaging.example.com%3A8443", id="and so"),
    pytest.param("https://api.staging.example.com/", "https://api.staging.example.com/", id="another's end"),
]


@pytest.mark.parametrize(("text", "shown"), FORMS)
def test_each_form_of_the_address_is_found_whole_and_in_pieces(text: str, shown: str) -> None:
    known = addresses(UPSTREAM)
    assert known is not None
    assert render(known.tokenise(text), PUBLIC) == shown
    stream = Stream(known, PUBLIC)
    pieces = [stream.take(bytes([byte])) for byte in text.encode()]
    assert b"".join([*pieces, stream.take(b"", last=True)]).decode() == shown


@given(
    st.lists(st.sampled_from([one.values[0] for one in FORMS] + ["é", " ", "s", "https", ".", "%", "\\", "/"])),
    st.randoms(use_true_random=False),
)
def test_a_stream_says_what_the_whole_says(parts: list[str], source: random.Random) -> None:
    known = addresses(UPSTREAM)
    assert known is not None
    whole = "".join(parts).encode()
    cuts = sorted(source.randrange(len(whole) + 1) for _ in range(5))
    stream = Stream(known, PUBLIC)
    pieces = [stream.take(whole[start:end]) for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    tokenised = known.tokenise(whole.decode("latin-1"))
    assert b"".join([*pieces, stream.take(b"", last=True)]) == render(tokenised, PUBLIC).encode("latin-1")
    sizes = [end - start for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert sum(known.shift(whole, tuple(sizes))) == len(tokenised)


def test_a_stream_holds_back_nothing_but_a_beginning() -> None:
    known = addresses(UPSTREAM)
    assert known is not None
    stream = Stream(known, PUBLIC)
    assert stream.take(b"data: all is well\n\n") == b"data: all is well\n\n"
    assert stream.take(b"data: go to https://stag") == b"data: go to "
    assert stream.take(b"ing.example.com") == b""
    assert stream.take(b"\n\n") == b"http://127.0.0.1:9090/s/alpha\n\n"


@pytest.mark.parametrize("url", ["http://[foo", "http://a:b", "ftp://a", "a.example", "https://"])
def test_what_is_no_address_has_no_forms(url: str) -> None:
    assert addresses(url) is None


OTHERS = [
    ("http://cp", r'"{\"u\":\"http:\\/\\/cp\\/x\"}"', r'"{\"u\":\"http:\\\/\\\/127.0.0.1:9090\\\/s\\\/alpha\\/x\"}"'),
    ("http://cp", "the cp is cp:80/x", "the cp is 127.0.0.1:9090/s/alpha/x"),
    ("http://[::1]:8080", "http%3A%2F%2F%5B%3A%3A1%5D%3A8080", "http%3A%2F%2F127.0.0.1%3A9090%2Fs%2Falpha"),
    ("http://[::1]:8080", "http://[0:0:0:0:0:0:0:1]:8080/x", "http://127.0.0.1:9090/s/alpha/x"),
    ("http://cp.example:80", "https://cp.example:443/", "http://127.0.0.1:9090/s/alpha/"),
    ("https://api.x.dev/v1", "api.x.dev/v1/cp", "127.0.0.1:9090/s/alpha/cp"),
]


@pytest.mark.parametrize(("upstream", "text", "shown"), OTHERS)
def test_each_kind_of_host_is_found_whole_and_in_pieces(upstream: str, text: str, shown: str) -> None:
    known = addresses(upstream)
    assert known is not None
    assert render(known.tokenise(text), PUBLIC) == shown
    stream = Stream(known, PUBLIC)
    pieces = [stream.take(bytes([byte])) for byte in text.encode()]
    assert b"".join([*pieces, stream.take(b"", last=True)]).decode() == shown


def test_a_host_with_a_path_means_what_it_meant_to_older_recordings() -> None:
    known = addresses(UPSTREAM)
    assert known is not None
    assert unify(known.tokenise("staging.example.com/x")) == "{{cpproxy:upstream:host}}/x"


def test_an_origin_has_no_path() -> None:
    policy = b"connect-src {{cpproxy:upstream:http}} {{cpproxy:upstream:ws}}; img-src {{cpproxy:upstream:http}}/img/"
    headers = (
        (b"Access-Control-Allow-Origin", b"{{cpproxy:upstream:http}}"),
        (b"Content-Security-Policy", policy),
        (b"Location", b"{{cpproxy:upstream:http}}"),
    )
    assert [value for _, value in render_headers(headers, PUBLIC)] == [
        b"http://127.0.0.1:9090",
        b"connect-src http://127.0.0.1:9090 ws://127.0.0.1:9090; img-src http://127.0.0.1:9090/s/alpha/img/",
        b"http://127.0.0.1:9090/s/alpha",
    ]


def test_a_base_path_is_part_of_the_address() -> None:
    known = addresses("https://cp.example/base")
    assert known is not None
    texts = ["https://cp.example/base/x", "https://cp.example/basement", r"https:\/\/cp.example\/base\/x"]
    shown = [render(known.tokenise(text), Public("http", "front:1")) for text in texts]
    assert shown == ["http://front:1/x", "http://front:1/basement", r"http:\/\/front:1\/x"]
    headers = (("Location", "/base/x"), ("Location", "/base"), ("Set-Cookie", "a=1; Path=/base"), ("Link", "</base/2>"))
    stream = Stream(known, Public("http", "front:1"))
    pieces = [
        stream.take(bytes([byte])) for byte in b"https://me:pw@cp.example/base/x https://me:pw@cp.example/basement"
    ]
    whole = b"".join([*pieces, stream.take(b"", last=True)])
    assert whole == b"http://me:pw@front:1/x http://me:pw@front:1/basement"
    assert [value for _, value in known.tokenise_headers(headers)] == ["/x", "/", "a=1; Path=/", "</2>"]


async def _tell(request: web.BaseRequest) -> web.StreamResponse:
    """An upstream that says in every way where it is, and answers what it was asked."""
    own = f"http://{request.headers['Host']}"
    host = request.headers["Host"].partition(":")[0]
    headers = {
        "Location": f"{own}/next",
        "Link": f'<{own}/cp/orgs?page=2>; rel="next"',
        "Set-Cookie": f"a=1; Domain={host}; Path=/cp",
    }
    asked = {name: request.headers.get(name) for name in ("Origin", "Referer")}
    body = {
        "url": f"{own}/x",
        "ws": own.replace("http", "ws"),
        "host": own.removeprefix("http://"),
        "back": own.replace(":", "%3A").replace("/", "%2F"),
        "own": own,
        "asked": json.dumps({**asked, "target": request.path_qs, "body": (await request.read()).decode()}),
    }
    return web.Response(body=json.dumps(body).replace("/", r"\/"), content_type="application/json", headers=headers)


def _hosts(text: str) -> set[str]:
    return {found.replace("%3A", ":") for found in re.findall(r"127\.0\.0\.1(?::|%3A)\d+", text)}


@pytest.mark.parametrize("prefix", ["", "/s/alpha"])
async def test_a_recorded_client_stays_at_the_front_and_the_upstream_sees_itself(prefix: str, tmp_path: Path) -> None:
    async with http_origin(_tell) as origin, recorder(origin, tmp_path) as proxy, aiohttp.ClientSession() as client:
        front = proxy.url + prefix
        sent = {"redirect_uri": f"{front}/callback"}
        async with client.post(
            f"{front}/login?to={front.replace(':', '%3A').replace('/', '%2F')}",
            json=sent,
            headers={"Origin": front, "Referer": f"{front}/page"},
            allow_redirects=False,
        ) as answer:
            raw = await answer.text()
            headers = answer.headers
        shown = json.loads(raw)
        asked = json.loads(shown.pop("asked"))
        assert _hosts(raw + str(headers)) == {proxy.url.removeprefix("http://")}
        assert shown["url"] == f"{front}/x"
        assert shown["ws"] == front.replace("http", "ws")
        assert headers["Location"] == f"{front}/next"
        assert headers["Link"] == f'<{front}/cp/orgs?page=2>; rel="next"'
        assert headers["Set-Cookie"] == f"a=1; Domain=127.0.0.1; Path={prefix}/cp"
        assert int(headers["Content-Length"]) == len(raw)
        # What the upstream was asked came back in its answer, and so became the front's again on its way.
        assert asked["Origin"] == front
        assert asked["Referer"] == f"{front}/page"
        assert json.loads(asked["body"]) == sent
        recorded = msgspec.json.encode(proxy.interactions()).decode()
        assert not _hosts(recorded)
        assert f"{TOKEN}http-percent" in recorded
        assert f"{TOKEN}http-json" in recorded


async def test_the_upstream_is_asked_by_its_own_address(tmp_path: Path) -> None:
    script = Answering()
    body = b'{"redirect_uri":"http://cp:9090/cb"}'
    request = (
        b"POST /login?to=http%%3A%%2F%%2Fcp%%3A9090 HTTP/1.1\r\nHost: cp:9090\r\nOrigin: http://cp:9090\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body)
    )
    async with raw_origin(script) as origin, recorder(origin.url, tmp_path) as proxy:
        assert (await ask(proxy.url, request)).endswith(b"ok")
        own = origin.url.encode()
        head = script.heads[0]
        assert b"\r\nOrigin: " + own + b"\r\n" in head
        assert b"POST /login?to=" + own.replace(b":", b"%3A").replace(b"/", b"%2F") + b" " in head
        expected = body.replace(b"http://cp:9090", own)
        assert b"\r\nContent-Length: %d\r\n" % len(expected) in head
        request_ = proxy.interactions()[0].request
        assert request_.target == "/login?to={{cpproxy:upstream:http-percent}}"
        assert dict(request_.headers)["Origin"] == "{{cpproxy:upstream:http}}"
        assert b"{{cpproxy:upstream:http}}/cb" in msgspec.json.encode(request_.body)


async def test_a_request_that_comes_slowly_or_in_chunks_is_rewritten_too(tmp_path: Path) -> None:
    bodies: list[bytes] = []

    async def keep(request: web.BaseRequest) -> web.Response:
        bodies.append(await request.read())
        return web.Response(text="ok")

    async with http_origin(keep) as origin, recorder(origin, tmp_path) as proxy:
        for framing, pieces in (
            (b"Content-Length: 19", [b'{"u":"http', b'://cp:99"}']),
            (b"Transfer-Encoding: chunked", [b'7\r\n{"u":"h\r\n', b'd\r\nttp://cp:99"}\r\n', b"0\r\n\r\n"]),
        ):
            async with connected(proxy.url) as client:
                head = b"POST / HTTP/1.1\r\nHost: cp:99\r\nContent-Type: application/json\r\nConnection: close\r\n"
                await client.send(head + framing.replace(b"19", b"20") + b"\r\n\r\n")
                for piece in pieces:
                    await client.send(piece)
                    await asyncio.sleep(0.02)
                assert (await client.rest()).endswith(b"ok")
        assert bodies == [b'{"u":"%s"}' % origin.encode()] * 2


async def test_a_coded_answer_is_rewritten_within_its_coding(tmp_path: Path) -> None:
    async def tell(request: web.BaseRequest) -> web.Response:
        body = gzip.compress(f'{{"url":"http://{request.headers["Host"]}/x"}}'.encode())
        return web.Response(body=body, content_type="application/json", headers={"Content-Encoding": "gzip"})

    async def tell_in_chunks(request: web.BaseRequest) -> web.StreamResponse:
        whole = await tell(request)
        response = web.StreamResponse(headers=whole.headers.copy())
        response.headers.pop("Content-Length", None)
        response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(bytes(whole.body))  # type: ignore[arg-type]
        return response

    for handler in (tell, tell_in_chunks):
        async with http_origin(handler) as origin, recorder(origin, tmp_path) as proxy:
            answer = await ask(proxy.url, b"GET / HTTP/1.1\r\nHost: cp\r\nConnection: close\r\n\r\n")
            assert b"\r\nContent-Encoding: gzip\r\n" in answer
            head, _, body = answer.partition(b"\r\n\r\n")
            if b"chunked" in head:
                size, _, body = body.partition(b"\r\n")
                body = body[: int(size, 16)]
            assert gzip.decompress(body) == b'{"url":"http://cp/x"}'
            assert b"{{cpproxy:upstream:http}}/x" in msgspec.json.encode(proxy.interactions()[0].response.body)


async def test_events_go_on_as_they_happen_with_the_fronts_address(tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        head = await peer.head()
        own = re.findall(rb"Host: (\S+)", head)[0]
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        events = [b"data: one\n\n", b"data: http://" + own + b"/x\n\n", b"data: http://" + own[:5], own[5:] + b"/y\n\n"]
        for event in events:
            await peer.send(b"%x\r\n%s\r\n" % (len(event), event))
            await go_on.wait()
            go_on.clear()
        await peer.send(b"0\r\n\r\n")

    async with raw_origin(script) as origin, recorder(origin.url, tmp_path) as proxy, connected(proxy.url) as client:
        await client.send(b"GET /events HTTP/1.1\r\nHost: cp\r\n\r\n")
        for expected in (b"data: one\n\n", b"data: http://cp/x\n\n", b"data: "):
            await client.until(expected)
            go_on.set()
        await client.until(b"http://cp/y\n\n")
        go_on.set()
        await client.until(b"0\r\n\r\n")
        await origin.finish()
        response = proxy.interactions()[0].response
        stored = "data: one\n\ndata: {{cpproxy:upstream:http}}/x\n\ndata: {{cpproxy:upstream:http}}/y\n\n"
        assert response.body.text == stored  # type: ignore[union-attr]
        assert sum(size for _, size in response.chunks) == len(stored)
        assert len(response.chunks) == 4
        cassettes.write(tmp_path, "events", proxy.cassette())
        # Replay keeps the upstream's chunks, each with the address by which its own client came.
        replay = Replay([cassettes.load(tmp_path, "events")], RouteTable(()))
        asked = Request("GET", "/events", (), b"")
        served = replay.decide(asked, "default", "", Public("http", "front.example:1234", "/s/alpha"))
        assert isinstance(served, Serve)
        answer = served.answer(None)
        assert answer.body.decode() == stored.replace("{{cpproxy:upstream:http}}", "http://front.example:1234/s/alpha")
        ends = list(accumulate(chunk.size for chunk in answer.chunks))
        assert [answer.body[:end].decode().rpartition("data: ")[2] for end in ends] == [
            "one\n\n",
            "http://front.example:1234/s/alpha/x\n\n",
            "",
            "http://front.example:1234/s/alpha/y\n\n",
        ]


CODED = ["gzip", "deflate", "br", "zstd"]


def _uncode(data: bytes, coding: str) -> bytes:
    """As much as can be read of a body whose end may not have come yet."""
    match coding:
        case "gzip":
            return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(data)
        case "deflate":
            return zlib.decompressobj().decompress(data)
        case "br":
            read: bytes = brotli.Decompressor().process(data)
            return read
        case _:
            return zstandard.ZstdDecompressor().decompressobj().decompress(data)


@pytest.mark.parametrize("coding", CODED)
def test_a_coded_stream_can_be_read_piece_by_piece_and_ends_whole(coding: str) -> None:
    known = addresses(UPSTREAM)
    assert known is not None
    text = b"data: one\n\n" + b"data: https://staging.example.com/x\n\n" * 3
    coded = bodies.recode(text, (coding,))
    for size in (1, 7, len(coded)):
        stream = rewrite(Stream(known, PUBLIC), coding, text=True)
        pieces = [stream.take(coded[start : start + size]) for start in range(0, len(coded), size)]
        end = stream.take(b"", last=True)
        shown = text.replace(UPSTREAM.encode(), PUBLIC.url.encode())
        assert _uncode(b"".join(pieces), coding) == shown
        assert bodies.uncode(b"".join([*pieces, end]), (coding,), 10_000) == shown


@pytest.mark.parametrize("coding", CODED)
def test_a_coded_stream_that_is_cut_off_stays_cut_off(coding: str) -> None:
    known = addresses(UPSTREAM)
    assert known is not None
    coded = bodies.recode(bytes(random.Random(1).randbytes(500)).hex().encode(), (coding,))
    stream = rewrite(Stream(known, PUBLIC), coding, text=True)
    assert bodies.uncode(stream.take(coded[:-20]) + stream.take(b"", last=True), (coding,), 10_000) is None


def test_what_is_not_coded_as_it_says_goes_on_as_it_comes() -> None:
    known = addresses(UPSTREAM)
    assert known is not None
    for coding in CODED:
        stream = rewrite(Stream(known, PUBLIC), coding, text=True)
        assert stream.take(b"data: plain\n\n") + stream.take(b"more", last=True) == b"data: plain\n\nmore"


async def _chunk(peer: Peer) -> bytes:
    size = int(await peer.until(b"\r\n"), 16)
    return (await peer.exactly(size + 2))[:-2]


@pytest.mark.parametrize("coding", CODED)
async def test_coded_events_go_on_as_they_happen_with_the_fronts_address(coding: str, tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        own = re.findall(rb"Host: (\S+)", await peer.head())[0]
        await peer.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Encoding: " + coding.encode() + b"\r\n\r\n"
        )
        packer = streams._put_on(coding)
        for last, event in enumerate((b"data: http://" + own + b"/x\n\n", b"data: http://" + own + b"/y\n\n")):
            piece = packer[0](event) + packer[1](bool(last))
            await peer.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            if not last:
                await go_on.wait()
        await peer.send(b"0\r\n\r\n")

    async with raw_origin(script) as origin, recorder(origin.url, tmp_path) as proxy, connected(proxy.url) as client:
        await client.send(b"GET /events HTTP/1.1\r\nHost: cp\r\nConnection: close\r\n\r\n")
        assert b"Content-Encoding: " + coding.encode() in await client.head()
        first = await _chunk(client)
        assert _uncode(first, coding) == b"data: http://cp/x\n\n"
        go_on.set()
        rest = b""
        while piece := await _chunk(client):
            rest += piece
        assert bodies.uncode(first + rest, (coding,), 10_000) == b"data: http://cp/x\n\ndata: http://cp/y\n\n"
        await origin.finish()
    body = proxy.interactions()[0].response.body
    assert body.text == "data: {{cpproxy:upstream:http}}/x\n\ndata: {{cpproxy:upstream:http}}/y\n\n"  # type: ignore[union-attr]


@pytest.mark.parametrize("coding", ["", "gzip"])
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
async def test_a_text_above_the_limit_is_rewritten_as_it_passes(coding: str, chunked: bool, tmp_path: Path) -> None:
    noise = random.Random(1).randbytes(3000).hex()

    async def tell(request: web.BaseRequest) -> web.StreamResponse:
        data = f'"{noise} http://{request.headers["Host"]}/x {noise}"'.encode()
        data = bodies.recode(data, (coding,)) if coding else data
        headers = {"Content-Type": "application/json", **({"Content-Encoding": coding} if coding else {})}
        if not chunked:
            return web.Response(body=data, headers=headers)
        response = web.StreamResponse(headers=headers)
        response.enable_chunked_encoding()
        await response.prepare(request)
        for start in range(0, len(data), 1000):
            await response.write(data[start : start + 1000])
        return response

    async with (
        http_origin(tell) as origin,
        recorder(origin, tmp_path, limit=2000) as proxy,
        aiohttp.ClientSession() as client,
    ):
        for _ in range(2):
            async with client.get(f"{proxy.url}/large") as answer:
                assert await answer.text() == f'"{noise} {proxy.url}/x {noise}"'
        assert proxy.interactions()[0].response.body.omitted > 2000  # type: ignore[union-attr, operator]


async def test_what_is_no_text_passes_as_it_comes(tmp_path: Path) -> None:
    async with raw_origin(Answering()) as origin:
        binary = b"\x00\xff" + origin.url.encode()
        script = Answering(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n%s"
            % (len(binary), binary)
        )
        origin._script = script
        async with recorder(origin.url, tmp_path) as proxy:
            assert (await ask(proxy.url, b"GET / HTTP/1.1\r\n" + CLOSE)).endswith(binary)


async def test_a_text_that_is_cut_off_stays_cut_off(tmp_path: Path) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\nabc"

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(answer)

    async with raw_origin(script) as origin, recorder(origin.url, tmp_path) as proxy, connected(proxy.url) as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: cp\r\n\r\n")
        assert b"Content-Length: 9\r\n" in await client.head()
        with pytest.raises(ConnectionResetError):
            await client.rest()
        assert proxy.interactions() == ()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a cassette that was recorded from an upstream that says in every way where it is."""
    folder = tmp_path_factory.mktemp("told")

    async def record() -> None:
        async with http_origin(_tell) as origin, recorder(origin, folder) as proxy, aiohttp.ClientSession() as client:
            body = {"redirect_uri": f"{proxy.url}/callback"}
            to = proxy.url.replace(":", "%3A").replace("/", "%2F")
            async with client.post(f"{proxy.url}/login?to={to}", json=body, allow_redirects=False) as answer:
                await answer.read()
            cassettes.write(folder / "cassettes", "told", proxy.cassette())

    asyncio.run(record())
    return folder / "cassettes"


async def _replayed(url: str, front: str, **more: Any) -> tuple[str, Any]:
    async with aiohttp.ClientSession() as client:
        to = front.replace(":", "%3A").replace("/", "%2F")
        async with client.post(
            f"{url}/login?to={to}", json={"redirect_uri": f"{front}/callback"}, allow_redirects=False, **more
        ) as answer:
            text = await answer.text()
            assert answer.status == 200, text
            return text, answer.headers


def test_replay_answers_with_the_address_by_which_each_client_came(told: Path, tmp_path: Path) -> None:
    with running(["replay", "--cassettes", str(told), "--listen", "127.0.0.1:0"], cwd=tmp_path) as proxy:
        for host, prefix in (("", ""), ("cp", "/s/one"), ("front.example:81", "/s/two"), ("localhost:9090", "/s/four")):
            front = f"http://{host}{prefix}" if host else proxy.url + prefix
            headers = {"Host": host} if host else {}
            text, shown = asyncio.run(_replayed(proxy.url + prefix, front, headers=headers))
            assert json.loads(text)["url"] == f"{front}/x"
            assert json.loads(text)["ws"] == f"{front}".replace("http", "ws")
            assert shown["Location"] == f"{front}/next"
            assert shown["Set-Cookie"].endswith(f"Path={prefix}/cp")
            assert "{{" not in text + str(shown)
            assert int(shown["Content-Length"]) == len(text)


def test_a_coded_request_may_hold_the_fronts_address(told: Path, tmp_path: Path) -> None:
    async def talk(front: str) -> int:
        async with aiohttp.ClientSession() as client:
            to = front.replace(":", "%3A").replace("/", "%2F")
            body = gzip.compress(json.dumps({"redirect_uri": f"{front}/callback"}).encode())
            headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
            async with client.post(
                f"{front}/login?to={to}", data=body, headers=headers, allow_redirects=False
            ) as answer:
                return answer.status

    with running(["replay", "--cassettes", str(told), "--listen", "127.0.0.1:0"], cwd=tmp_path) as proxy:
        assert asyncio.run(talk(proxy.url)) == 200


def test_replay_without_a_host_answers_with_where_it_listens(told: Path, tmp_path: Path) -> None:
    async def talk(url: str) -> bytes:
        body = json.dumps({"redirect_uri": f"{url}/callback"}).encode()
        to = url.replace(":", "%3A").replace("/", "%2F").encode()
        head = b"POST /login?to=%s HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        return await ask(url, head % (to, len(body)) + body)

    with running(["replay", "--cassettes", str(told), "--listen", "127.0.0.1:0"], cwd=tmp_path) as proxy:
        answer = asyncio.run(talk(proxy.url)).decode()
        assert f"Location: {proxy.url}/next\r\n" in answer
        assert "{{" not in answer


@pytest.mark.parametrize("by", ["flag", "variable"])
def test_a_public_url_stands_in_answers(told: Path, tmp_path: Path, by: str) -> None:
    public = "https://front.example/cp"
    more = ["--public-url", public] if by == "flag" else []
    env = {} if by == "flag" else {"CPPROXY_PUBLIC_URL": public}
    arguments = ["replay", "--cassettes", str(told), "--listen", "127.0.0.1:0", *more]
    with running(arguments, env=env, cwd=tmp_path) as proxy:
        for prefix in ("", "/s/alpha"):
            text, shown = asyncio.run(_replayed(proxy.url + prefix, public + prefix))
            assert json.loads(text)["url"] == f"{public}{prefix}/x"
            assert json.loads(text)["ws"] == f"wss://front.example/cp{prefix}"
            assert shown["Location"] == f"{public}{prefix}/next"


def test_a_public_url_stands_in_answers_while_they_are_recorded(tmp_path: Path) -> None:
    folder = ["--cassettes", str(tmp_path / "cassettes"), "--listen", "127.0.0.1:0"]
    with hosting(Plane(ready_after=0)) as origin:
        command = ["record", "--upstream", origin, "--public-url", "https://front.example/cp", *folder]
        with running(command, cwd=tmp_path) as proxy:
            front = re.findall(r" on (http://\S+)", proxy.expect(r"\A[^\n]*\n").group())[0]
            own = {"ADMIN_TOKEN": ALPHA.admin_token, "MOLECULE_ORG_ID": ALPHA.org_id, "MOLECULE_CP_URL": front}
            tenant = Tenant({**own, "NO_PROXY": "*"})
            assert tenant.boot()
            assert tenant.environment["MOLECULE_CP_URL"] == "https://front.example/cp"
            assert proxy.stop() == 0


@pytest.mark.parametrize(
    "url",
    [
        "front",
        "ftp://front",
        "http://front/?a=b",
        "http://front:x",
        "http://front:0",
        "http://h:9/a/ b",
        "http://h:9/<",
    ],
)
def test_a_public_url_that_is_none_is_refused(told: Path, tmp_path: Path, url: str) -> None:
    for command in (["replay"], ["record", "--upstream", "http://127.0.0.1:1"]):
        ended = finish([*command, "--cassettes", str(told), "--public-url", url], cwd=tmp_path)
        assert ended.returncode == 2
        assert f"--public-url {repeatable(url)}: expected" in ended.stderr


def _boot(front: str, origin: str) -> Tenant:
    """A tenant that knows where the control plane is from its first call alone, and runs a workspace there."""
    own = {"ADMIN_TOKEN": ALPHA.admin_token, "MOLECULE_ORG_ID": ALPHA.org_id, "MOLECULE_CP_URL": front}
    tenant = Tenant({**own, "NO_PROXY": "*", "PLATFORM_URL": "http://tenant:8080"})
    assert tenant.boot()
    assert tenant.environment["MOLECULE_CP_URL"] == front
    assert tenant.provisioner_url == front
    made = tenant.provision()
    assert tenant.read_state(made) in {"pending", "running"}
    return tenant


@pytest.mark.parametrize("prefix", ["", "/s/alpha"])
def test_a_tenant_that_applies_the_served_url_stays_with_the_proxy(prefix: str, tmp_path: Path) -> None:
    folder = ["--cassettes", str(tmp_path / "cassettes"), "--listen", "127.0.0.1:0"]
    with hosting(Plane(ready_after=0)) as origin:
        command = ["record", "--upstream", origin, "--cassette", "tenant", *folder]
        with running(command, cwd=tmp_path) as proxy:
            front = re.findall(r" on (http://\S+)", proxy.expect(r"\A[^\n]*\n").group())[0] + prefix
            _boot(front, origin)
            assert proxy.stop() == 0
        document = (tmp_path / "cassettes" / "tenant.json").read_text()
        assert '"MOLECULE_CP_URL": "{{cpproxy:upstream:http}}"' in document
        assert document.count(origin) == 1  # where it says what was recorded
    with running(["replay", *folder], cwd=tmp_path) as proxy:
        _boot(proxy.url + prefix, "")
        assert proxy.stop() == 0
    assert finish(["verify", *folder[:2]], cwd=tmp_path).returncode == 0
