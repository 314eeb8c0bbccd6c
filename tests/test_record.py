import asyncio
import contextlib
import gzip
import hashlib
from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from msgspec import UNSET

from cpproxy.core import bodies
from cpproxy.core.calls import Outcome
from cpproxy.core.config import RouteSettings
from tests.origin import Peer, Script, ask, connected, http_origin, raw_origin, until
from tests.recorder import recorder

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CLOSE = b"Host: front\r\nConnection: close\r\n\r\n"


class Answering:
    """A script that notes what it is asked and gives one answer to all of it."""

    def __init__(self, answer: bytes = OK) -> None:
        self.answer = answer
        self.heads: list[bytes] = []

    async def __call__(self, peer: Peer) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                self.heads.append(await peer.head())
                await peer.send(self.answer)


async def curl(*arguments: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        "curl", "-sS", "--max-time", "20", *arguments, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/?",
        "/a?b=1&a=2&a=1&empty=&none",
        "//a//b/",
        "/a/../b/./c",
        "/%2F%2f%41%7e~/x",
        "/a;p=1?q=%20+%2B",
        "/a?x=?&y=/",
        "/a#fragment",
        '/"<>{}|^`',
        "/?url=http://other.example/?x",
    ],
)
async def test_passes_the_target_on_as_it_came(target: str, tmp_path: Path) -> None:
    script = Answering()
    async with raw_origin(script) as origin, recorder(origin.url, tmp_path) as proxy:
        await ask(proxy.url, f"GET {target} HTTP/1.1\r\n".encode() + CLOSE)
        assert script.heads[0].split(b"\r\n")[0] == f"GET {target} HTTP/1.1".encode()
        assert proxy.interactions()[0].request.target == target


async def test_puts_the_base_path_before_the_target(tmp_path: Path) -> None:
    script = Answering()
    async with raw_origin(script) as origin, recorder(f"{origin.url}/base/v1/", tmp_path) as proxy:
        await ask(proxy.url, b"GET /cp?x HTTP/1.1\r\n" + CLOSE)
        assert script.heads[0].startswith(b"GET /base/v1/cp?x HTTP/1.1\r\n")
        assert proxy.interactions()[0].request.target == "/cp?x"


@pytest.mark.parametrize("method", ["GET", "DELETE", "PATCH", "PROPFIND", "M-SEARCH", "FOO", "get", "Bar"])
async def test_passes_any_method_on(method: str, tmp_path: Path) -> None:
    script = Answering()
    async with raw_origin(script) as origin, recorder(origin.url, tmp_path) as proxy:
        await ask(proxy.url, f"{method} /x HTTP/1.1\r\n".encode() + CLOSE)
        assert script.heads[0].startswith(f"{method} /x HTTP/1.1\r\n".encode())
        assert proxy.rows()[0].method == method


async def test_a_method_of_its_own_may_have_a_body_and_a_connection_that_stays(tmp_path: Path) -> None:
    got: list[bytes] = []

    async def script(peer: Peer) -> None:
        while True:
            got.append((await peer.head()).split(b" ")[0] + b" " + await peer.exactly(4))
            await peer.send(OK)

    async with raw_origin(script) as origin, recorder(origin.url, tmp_path) as proxy, connected(proxy.url) as client:
        for method, body in ((b"POST", b"0123"), (b"Foo", b"4567"), (b"POST", b"89ab"), (b"bar", b"cdef")):
            await client.send(method + b" /x HTTP/1.1\r\nHost: front\r\nContent-Length: 4\r\n\r\n" + body)
            await client.head()
            assert await client.exactly(2) == b"ok"
        assert got == [b"POST 0123", b"Foo 4567", b"POST 89ab", b"bar cdef"]
        assert [interaction.request.method for interaction in proxy.interactions()] == ["POST", "Foo", "POST", "bar"]


async def test_passes_raw_bytes_on_and_writes_them_as_text(tmp_path: Path) -> None:
    script = Answering()
    async with raw_origin(script) as origin, recorder(origin.url, tmp_path) as proxy:
        await ask(proxy.url, b"GET /\xc3\xa9/\xff?\xfe HTTP/1.1\r\nConnection: close\r\nHost: fr\xffnt\r\n\r\n")
        assert script.heads[0].startswith(b"GET /\xc3\xa9/\xff?\xfe HTTP/1.1\r\n")
        assert proxy.interactions()[0].request.target == "/é/%FF?%FE"
        assert (proxy.rows()[0].target, proxy.rows()[0].host) == ("/é/%FF?%FE", "frÿnt")


@pytest.mark.parametrize("line", [b"G(T / HTTP/1.1", b"GET / HTTP/2.7", b"GET /a b HTTP/1.1", b"hello"])
async def test_what_is_no_request_is_refused(line: bytes, tmp_path: Path) -> None:
    script = Answering()
    async with raw_origin(script) as origin, recorder(origin.url, tmp_path) as proxy:
        assert (await ask(proxy.url, line + b"\r\n" + CLOSE)).startswith(b"HTTP/1.1 400 ")
        assert script.heads == []


async def test_refuses_to_be_a_tunnel(tmp_path: Path) -> None:
    script = Answering()
    async with raw_origin(script) as origin, recorder(origin.url, tmp_path) as proxy:
        answer = await ask(proxy.url, b"CONNECT other.example:443 HTTP/1.1\r\n" + CLOSE)
        assert answer.startswith(b"HTTP/1.1 405 ")
        assert script.heads == []
        assert proxy.rows()[0].outcome is Outcome.ERROR


async def test_adds_no_header_to_the_request_but_the_upstreams_host(tmp_path: Path) -> None:
    script = Answering()
    request = (
        b"GET / HTTP/1.1\r\nhOST: front\r\nX-B: 2\r\nx-a: \xe9\xff\r\nX-B: 1\r\nEmpty:\r\n"
        b"Connection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\nUpgrade: h2c\r\n"
        b"Proxy-Connection: x\r\nX-Cpproxy-Session: s1\r\nProxy-Authorization: Basic eA==\r\n\r\n"
    )
    async with raw_origin(script) as origin, recorder(origin.url, tmp_path) as proxy:
        await ask(proxy.url, request)
        assert script.heads[0] == (
            b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nX-B: 2\r\nx-a: \xe9\xff\r\nX-B: 1\r\nEmpty: \r\n"
            b"Proxy-Authorization: Basic eA==\r\n\r\n" % origin.port
        )
        assert proxy.interactions()[0].request.headers == (
            ("X-B", "2"),
            ("x-a", "éÿ"),
            ("X-B", "1"),
            ("Empty", ""),
            ("Proxy-Authorization", "Basic {{cpproxy:proxy-authorization:1}}"),
        )


async def test_relays_an_answers_head_as_it_came(tmp_path: Path) -> None:
    head = (
        b"HTTP/1.1 299 Quite \xe9\xff so\r\nSet-Cookie: a=1\r\nDate: then\r\nserver: \xff\r\nset-cookie: b=2\r\n"
        b"Connection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nContent-Length: 2\r\n\r\nok"
    )
    async with raw_origin(Answering(head)) as origin, recorder(origin.url, tmp_path) as proxy:
        assert await ask(proxy.url, b"GET / HTTP/1.1\r\n" + CLOSE) == (
            b"HTTP/1.1 299 Quite \xe9\xff so\r\nSet-Cookie: a=1\r\nDate: then\r\nserver: \xff\r\nset-cookie: b=2\r\n"
            b"Content-Length: 2\r\nX-Cpproxy-Outcome: recorded\r\nConnection: close\r\n\r\nok"
        )
        response = proxy.interactions()[0].response
        assert (response.status, response.reason) == (299, "Quite éÿ so")
        assert response.headers[0] == ("Set-Cookie", "a=1")
        assert response.headers[3] == ("set-cookie", "b=2")


@pytest.mark.parametrize(
    ("request_", "framing"),
    [
        (b"POST / HTTP/1.1\r\nContent-Length: 0\r\n", b"Content-Length: 0\r\n\r\n"),
        (b"POST / HTTP/1.1\r\n", b"\r\n\r\n"),
        (b"GET / HTTP/1.1\r\n", b"\r\n\r\n"),
    ],
)
async def test_adds_no_framing_to_a_request_without_a_body(request_: bytes, framing: bytes, tmp_path: Path) -> None:
    script = Answering()
    async with raw_origin(script) as origin, recorder(origin.url, tmp_path) as proxy:
        await ask(proxy.url, request_ + CLOSE)
        assert script.heads[0].endswith(framing)
        assert script.heads[0].lower().count(b"content-length") == request_.lower().count(b"content-length")
        assert b"chunked" not in script.heads[0]
        assert proxy.interactions()[0].request.body is UNSET


@pytest.mark.parametrize("method", [b"POST", b"GET"])
async def test_keeps_a_body_of_known_length_as_it_is(method: bytes, tmp_path: Path) -> None:
    got: list[bytes] = []

    async def script(peer: Peer) -> None:
        got.append(await peer.head())
        got.append(await peer.exactly(10))
        await peer.send(OK)
        got.append(await peer.rest())

    async with raw_origin(script) as origin, recorder(origin.url, tmp_path) as proxy, connected(proxy.url) as client:
        await client.send(
            method + b" / HTTP/1.1\r\nHost: front\r\nContent-Length: 10\r\nConnection: close\r\n\r\n01234"
        )
        await until(lambda: bool(got))
        await client.send(b"56789")
        assert (await client.rest()).endswith(b"\r\n\r\nok")
        await proxy.upstream.close()
        await origin.finish()
    assert b"Content-Length: 10\r\n" in got[0]
    assert b"chunked" not in got[0]
    assert got[1:] == [b"0123456789", b""]


async def test_keeps_a_chunked_request_chunked_and_passes_it_on_as_it_comes(tmp_path: Path) -> None:
    seen = asyncio.Event()
    body = bytearray()

    async def script(peer: Peer) -> None:
        head = await peer.head()
        assert b"Transfer-Encoding: chunked\r\n" in head
        assert b"Content-Length" not in head
        while size := int(await peer.until(b"\r\n"), 16):
            body.extend(await peer.exactly(size))
            await peer.exactly(2)
            seen.set()
        await peer.exactly(2)
        await peer.send(OK)

    async with raw_origin(script) as origin, recorder(origin.url, tmp_path) as proxy, connected(proxy.url) as client:
        await client.send(
            b"PUT / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n"
        )
        await asyncio.wait_for(seen.wait(), 10)
        await client.send(b"4\r\n two\r\n0\r\nTrailer: x\r\n\r\n")
        assert (await client.rest()).endswith(b"ok")
        await origin.finish()
        request = proxy.interactions()[0].request
    assert body == b"one two"
    assert request.body == bodies.store(b"one two", limit=100)
    assert request.headers == ()


async def test_server_sent_events_reach_the_client_as_they_happen(tmp_path: Path) -> None:
    received = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(3):
            event = b"data: %d\n\n" % number
            await peer.send(b"%x\r\n%s\r\n" % (len(event), event))
            await asyncio.wait_for(received.wait(), 10)
            received.clear()
        await peer.send(b"0\r\n\r\n")

    async with raw_origin(script) as origin, recorder(origin.url, tmp_path) as proxy, connected(proxy.url) as client:
        await client.send(b"GET /events HTTP/1.1\r\n" + CLOSE)
        await client.head()
        for number in range(3):
            assert await client.until(b"\n\n\r\n") == b"9\r\ndata: %d\n\n\r\n" % number
            received.set()
        assert await client.rest() == b"0\r\n\r\n"
        await origin.finish()
        response = proxy.interactions()[0].response
    assert [size for _, size in response.chunks] == [9, 9, 9]
    assert bodies.restore(response.body) == b"data: 0\n\ndata: 1\n\ndata: 2\n\n"


async def test_chunks_are_the_upstreams_and_not_those_of_the_network(tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        wire = b"3\r\nabc\r\n6\r\ndefghi\r\n1\r\nj\r\n0\r\n\r\n"
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + wire[:13])
        for index in range(13, len(wire)):
            await asyncio.sleep(0)
            await peer.send(wire[index : index + 1])

    async with raw_origin(script) as origin, recorder(origin.url, tmp_path) as proxy:
        await ask(proxy.url, b"GET / HTTP/1.1\r\n" + CLOSE)
        assert [size for _, size in proxy.interactions()[0].response.chunks] == [3, 6, 1]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole",
        b"HTTP/1.0 200 OK\r\n\r\nwhole",
    ],
    ids=["chunked", "length", "until the end"],
)
async def test_a_body_of_one_piece_has_no_timeline(answer: bytes, tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(answer)

    async with raw_origin(script) as origin, recorder(origin.url, tmp_path) as proxy:
        assert b"whole" in await ask(proxy.url, b"GET / HTTP/1.1\r\n" + CLOSE)
        response = proxy.interactions()[0].response
        assert response.chunks == ()
        assert bodies.restore(response.body) == b"whole"


async def test_a_client_of_http_1_0_gets_a_stream_that_ends_with_the_connection(tmp_path: Path) -> None:
    script = Answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n0\r\n\r\n")
    async with raw_origin(script) as origin, recorder(origin.url, tmp_path) as proxy:
        answer = await ask(proxy.url, b"GET / HTTP/1.0\r\n\r\n")
        assert answer.endswith(b"\r\n\r\nwhole")
        assert b"chunked" not in answer


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n"),
        (b"HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (b"GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        (b"GET", b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 99\r\n\r\n'),
        (b"GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ],
)
async def test_relays_an_answer_without_a_body(request_: bytes, answer: bytes, tmp_path: Path) -> None:
    async with raw_origin(Answering(answer)) as origin, recorder(origin.url, tmp_path) as proxy:
        async with connected(proxy.url) as client:
            for _ in range(2):  # the second one shows that nothing of the first is left on the connection
                await client.send(request_ + b" / HTTP/1.1\r\nHost: front\r\n\r\n")
                head = await client.head()
                assert head.split(b"\r\n")[0] == answer.split(b"\r\n")[0]
                assert b"chunked" not in head
                assert (b"Content-Length" in head) == (b"Content-Length" in answer)
        assert [interaction.response.body for interaction in proxy.interactions()] == [UNSET, UNSET]
        assert origin.connections == 1


async def test_relays_interim_answers_before_the_final_one(tmp_path: Path) -> None:
    script = Answering(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + OK)
    async with raw_origin(script) as origin, recorder(origin.url, tmp_path) as proxy:
        answer = await ask(proxy.url, b"GET / HTTP/1.1\r\n" + CLOSE)
        assert answer.startswith(
            b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\n"
        )
        assert (await ask(proxy.url, b"GET / HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_the_client_gets_its_100_when_the_upstream_gives_it(tmp_path: Path) -> None:
    ask_for_body = asyncio.Event()

    async def script(peer: Peer) -> None:
        assert b"Expect: 100-continue\r\n" in await peer.head()
        await asyncio.wait_for(ask_for_body.wait(), 10)
        await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert await peer.exactly(4) == b"body"
        await peer.send(OK)

    async with raw_origin(script) as origin, recorder(origin.url, tmp_path) as proxy, connected(proxy.url) as client:
        await client.send(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n" + CLOSE)
        ask_for_body.set()
        assert await client.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        await client.send(b"body")
        assert (await client.rest()).startswith(b"HTTP/1.1 200 OK\r\n")
        await origin.finish()
        assert proxy.interactions()[0].request.body == bodies.store(b"body", limit=9)


async def test_the_client_is_told_to_go_on_when_the_upstream_ignores_expect(tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        assert await peer.exactly(4) == b"body"
        await peer.send(OK)

    async with raw_origin(script) as origin, recorder(origin.url, tmp_path) as proxy, connected(proxy.url) as client:
        await client.send(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n" + CLOSE)
        assert await client.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        await client.send(b"body")
        assert (await client.rest()).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("status", [b"417 Expectation Failed", b"401 Unauthorized"])
async def test_a_refusal_of_the_body_is_relayed_without_asking_for_it(status: bytes, tmp_path: Path) -> None:
    script = Answering(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\nno")
    async with raw_origin(script) as origin, recorder(origin.url, tmp_path) as proxy, connected(proxy.url) as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        head = await client.head()
        assert head.startswith(b"HTTP/1.1 " + status)
        assert b"Connection: close\r\n" in head
        assert await client.exactly(2) == b"no"
        assert proxy.interactions()[0].request.body == bodies.omitted(4, "")


async def test_an_answer_that_comes_before_the_body_has_ended_is_relayed(tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.exactly(10)
        await peer.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig")
        await peer.is_left()

    async with raw_origin(script) as origin, recorder(origin.url, tmp_path) as proxy, connected(proxy.url) as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n0123456789")
        assert (await client.head()).startswith(b"HTTP/1.1 413 Content Too Large\r\n")
        assert await client.exactly(3) == b"big"
        await origin.finish()
        row = proxy.rows()[0]
        assert (row.outcome, row.status) == (Outcome.RECORDED, 413)
        assert "before the whole request body" in row.reason
        assert proxy.interactions()[0].request.body == bodies.omitted(1000000, "")


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
async def test_a_coded_body_passes_untouched_and_is_stored_decoded(coding: str, tmp_path: Path) -> None:
    coded = bodies.recode(b'{"a": 1}' * 100, (coding,))
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (coding.encode(), len(coded))
    async with raw_origin(Answering(head + coded)) as origin, recorder(origin.url, tmp_path) as proxy:
        answer = await ask(proxy.url, b"GET / HTTP/1.1\r\n" + CLOSE)
        assert answer.endswith(b"\r\n\r\n" + coded)
        body = proxy.interactions()[0].response.body
        assert body is not UNSET
        assert body.coding == (coding,)
        assert bodies.restore(body) == b'{"a": 1}' * 100


async def test_a_coded_stream_has_no_timeline(tmp_path: Path) -> None:
    coded = gzip.compress(b"abc")
    wire = b"".join(b"1\r\n%c\r\n" % byte for byte in coded) + b"0\r\n\r\n"
    script = Answering(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n" + wire)
    async with raw_origin(script) as origin, recorder(origin.url, tmp_path) as proxy:
        await ask(proxy.url, b"GET / HTTP/1.1\r\n" + CLOSE)
        response = proxy.interactions()[0].response
        assert response.chunks == ()
        assert bodies.restore(response.body) == b"abc"


async def test_relays_a_redirect_and_does_not_follow_it(tmp_path: Path) -> None:
    script = Answering(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")
    async with raw_origin(script) as origin, recorder(origin.url, tmp_path) as proxy:
        assert b"\r\nLocation: /elsewhere\r\n" in await ask(proxy.url, b"GET / HTTP/1.1\r\n" + CLOSE)
        assert len(script.heads) == 1


async def test_keeps_no_cookies_between_calls(tmp_path: Path) -> None:
    script = Answering(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nContent-Length: 0\r\n\r\n")
    async with raw_origin(script) as origin, recorder(origin.url, tmp_path) as proxy:
        for _ in range(2):
            await ask(proxy.url, b"GET / HTTP/1.1\r\n" + CLOSE)
        assert b"ookie" not in b"".join(script.heads)


async def test_uses_no_proxy_of_the_environment_and_no_netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    script = Answering()
    async with raw_origin(script) as origin, recorder(origin.url, tmp_path) as proxy:
        assert (await ask(proxy.url, b"GET / HTTP/1.1\r\n" + CLOSE)).endswith(b"ok")
        assert b"uthorization" not in script.heads[0]


async def test_a_body_over_the_cap_passes_and_is_marked_as_not_recorded(tmp_path: Path) -> None:
    large = b"x" * 1001

    async def echo(request: web.BaseRequest) -> web.Response:
        return web.Response(body=await request.read())

    async with http_origin(echo) as origin, recorder(origin, tmp_path, limit=1000) as proxy:
        (tmp_path / "large").write_bytes(large)
        assert await curl("--data-binary", f"@{tmp_path / 'large'}", proxy.url) == large
        interaction = proxy.interactions()[0]
        expected = bodies.omitted(1001, hashlib.sha256(large).hexdigest())
        assert (interaction.request.body, interaction.response.body) == (expected, expected)


async def test_ten_calls_at_once_are_recorded_in_the_order_in_which_they_arrived(tmp_path: Path) -> None:
    arrived: list[str] = []
    gates = [asyncio.Event() for _ in range(10)]

    async def answer(request: web.BaseRequest) -> web.Response:
        arrived.append(request.path)
        await gates[int(request.path[1:])].wait()
        return web.Response(text=request.path)

    async with http_origin(answer) as origin, recorder(origin, tmp_path) as proxy, contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connected(proxy.url)) for _ in range(10)]
        for number, client in enumerate(clients):
            await client.send(b"GET /%d HTTP/1.1\r\n" % number + CLOSE)
            await until(lambda: len(arrived) > number)  # noqa: B023 - called at once
        for number in reversed(range(10)):
            gates[number].set()
            assert (await clients[number].rest()).endswith(b"/%d" % number)
        assert [row.target for row in proxy.rows()] == [f"/{number}" for number in reversed(range(10))]
        assert [interaction.request.target for interaction in proxy.interactions()] == [f"/{n}" for n in range(10)]
        starts = [interaction.start for interaction in proxy.interactions()]
        assert starts == sorted(starts)


async def test_a_row_says_what_was_recorded(tmp_path: Path) -> None:
    routes = (RouteSettings("POST /cp/workspaces/provision", name="provision"),)
    async with raw_origin(Answering()) as origin, recorder(origin.url, tmp_path, routes=routes) as proxy:
        body = b'{"org_id": "a", "env": {"TOKEN": "abc"}}'
        request = b"POST /cp/workspaces/provision HTTP/1.1\r\nContent-Length: %d\r\n" % len(body)
        await ask(proxy.url, request + CLOSE + body)
        row = proxy.rows()[0]
        assert (row.outcome, row.status, row.route, row.reason) == (Outcome.RECORDED, 200, "provision", "")
        assert (row.cassette, row.interaction) == ("tests/recorded", "provision-1")
        assert (row.request_size, row.response_size) == (len(body), 2)
        assert row.body is not UNSET
        assert msgspec.json.decode(bytes(row.body)) == {"org_id": "a", "env": {"TOKEN": "***"}}


async def test_reuses_a_connection_for_writes_only_while_it_is_fresh(tmp_path: Path) -> None:
    async with raw_origin(Answering()) as origin, recorder(origin.url, tmp_path) as proxy:
        for _ in range(3):
            await ask(proxy.url, b"GET / HTTP/1.1\r\n" + CLOSE)
            await ask(proxy.url, b"POST / HTTP/1.1\r\n" + CLOSE)
        assert origin.connections == 1
        for link in proxy.upstream._idle:
            link.idle_since -= 2
        await ask(proxy.url, b"POST / HTTP/1.1\r\n" + CLOSE)
        assert origin.connections == 2


def crossing(asked: list[bytes]) -> Script:
    """Answers once and meets the next request with a reset, as when an idle timeout and a request cross."""

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(OK)
        asked.append(await peer.head())
        peer.reset()

    return script


async def test_a_write_is_never_sent_twice_though_its_connection_was_closed(tmp_path: Path) -> None:
    asked: list[bytes] = []
    async with raw_origin(crossing(asked)) as origin, recorder(origin.url, tmp_path) as proxy:
        await ask(proxy.url, b"GET / HTTP/1.1\r\n" + CLOSE)
        assert (await ask(proxy.url, b"POST / HTTP/1.1\r\n" + CLOSE)).startswith(b"HTTP/1.1 502 ")
        assert len(asked) == 1
        assert origin.connections == 1


async def test_a_read_outlives_the_upstreams_closing_of_an_idle_connection(tmp_path: Path) -> None:
    asked: list[bytes] = []
    async with raw_origin(crossing(asked)) as origin, recorder(origin.url, tmp_path) as proxy:
        for _ in range(2):
            assert (await ask(proxy.url, b"GET / HTTP/1.1\r\n" + CLOSE)).endswith(b"ok")
        assert len(asked) == 1
        assert origin.connections == 2


async def test_works_with_curl(tmp_path: Path) -> None:
    async def answer(request: web.BaseRequest) -> web.Response:
        return web.json_response({"method": request.method, "got": (await request.read()).decode()})

    async with http_origin(answer) as origin, recorder(origin, tmp_path) as proxy:
        output = await curl("-X", "PUT", "-d", "hello", f"{proxy.url}/one", "--next", f"{proxy.url}/two?x=[1]", "-g")
        assert output == b'{"method": "PUT", "got": "hello"}{"method": "GET", "got": ""}'
        assert [interaction.id for interaction in proxy.interactions()] == ["put-one-1", "get-two-1"]
