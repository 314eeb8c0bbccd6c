import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from cpproxy.core.calls import Outcome
from cpproxy.errors import UpstreamError
from cpproxy.front.upstream import Upstream
from tests.origin import Peer, ask, connected, raw_origin, until
from tests.recorder import RunningRecorder, recorder

GET = b"GET /x HTTP/1.1\r\nHost: front\r\nConnection: close\r\n\r\n"
LENGTH_9 = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 9\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def after_head(action: Callable[[Peer], Awaitable[None]]) -> Callable[[Peer], Awaitable[None]]:
    async def script(peer: Peer) -> None:
        await peer.head()
        await action(peer)

    return script


def sends(data: bytes) -> Callable[[Peer], Awaitable[None]]:
    async def action(peer: Peer) -> None:
        await peer.send(data)

    return action


async def resets(peer: Peer) -> None:
    peer.reset()


async def stalls(peer: Peer) -> None:
    await peer.is_left()


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


def assert_failed(proxy: RunningRecorder, reason: str, status: int) -> None:
    row = proxy.rows()[0]
    assert row.outcome is Outcome.ERROR
    assert reason in row.reason
    assert row.status == status
    assert (row.cassette, row.interaction) == ("", "")
    assert proxy.interactions() == ()
    assert reason in (proxy.recorder.failure or "")


def assert_refused(answer: bytes, status: int, reason: str) -> None:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    document = msgspec.json.decode(body)
    assert document["error"].startswith("cpproxy: ")
    assert reason in document["error"]
    assert document["cpproxy"]["outcome"] == "error"


async def test_an_upstream_that_refuses_is_a_502_that_names_it(tmp_path: Path) -> None:
    port = free_port()
    async with recorder(f"http://127.0.0.1:{port}", tmp_path) as proxy:
        reason = f"the upstream 127.0.0.1:{port} cannot be reached (connection refused)"
        assert_refused(await ask(proxy.url, GET), 502, reason)
        assert_failed(proxy, reason, 502)


async def test_an_upstream_whose_name_does_not_resolve_is_a_502_that_names_it(tmp_path: Path) -> None:
    async with recorder("http://nowhere.invalid", tmp_path) as proxy:
        reason = "the upstream's name nowhere.invalid does not resolve"
        assert_refused(await ask(proxy.url, GET), 502, reason)
        assert_failed(proxy, reason, 502)


async def test_an_upstream_without_tls_is_a_502_that_says_so(tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with raw_origin(script) as origin, recorder(f"https://127.0.0.1:{origin.port}", tmp_path) as proxy:
        assert_refused(await ask(proxy.url, GET), 502, "TLS with the upstream failed")
        assert_failed(proxy, "TLS with the upstream failed", 502)


async def test_an_upstream_that_does_not_shake_hands_is_a_504(tmp_path: Path) -> None:
    def hasten(upstream: Upstream) -> None:
        upstream._connect = 0.1

    async with (
        raw_origin(stalls) as origin,
        recorder(f"https://127.0.0.1:{origin.port}", tmp_path, edit=hasten) as proxy,
    ):
        assert_refused(await ask(proxy.url, GET), 504, "no connection to the upstream within 0.1 s")
        assert_failed(proxy, "no connection to the upstream within 0.1 s", 504)


async def test_an_upstream_that_nobody_vouches_for_is_a_502(tmp_path: Path) -> None:
    certificate = tmp_path / "certificate.pem"
    process = await asyncio.create_subprocess_exec(
        *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1"),
        *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", certificate, "-out", tmp_path / "public.pem"),
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert await process.wait() == 0
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "public.pem", certificate)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        writer.close()

    def trust(upstream: Upstream) -> None:
        assert upstream._tls is not None
        upstream._tls.load_verify_locations(tmp_path / "public.pem")

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        async with recorder(url, tmp_path) as proxy:
            assert_refused(await ask(proxy.url, GET), 502, "the upstream's TLS certificate is not trusted")
            assert_failed(proxy, "the upstream's TLS certificate is not trusted", 502)
        async with recorder(url, tmp_path, edit=trust) as proxy:
            assert (await ask(proxy.url, GET)).endswith(b"\r\n\r\nok")
            assert len(proxy.interactions()) == 1


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        (sends(b""), "the upstream closed the connection before it answered"),
        (sends(b"HTTP/1.1 200 OK\r\nContent-"), "the upstream closed the connection before it answered"),
        (resets, "the upstream reset the connection before it answered"),
        (sends(b"SSH-2.0-OpenSSH\r\n\r\n"), "the upstream broke HTTP's framing before it answered"),
        (sends(b"HTTP/1.1 abc\r\n\r\n"), "the upstream broke HTTP's framing before it answered"),
        (
            sends(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"),
            "the upstream broke HTTP's framing before it answered",
        ),
        (sends(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 300_000 + b"\r\n\r\n"), "the upstream broke HTTP's framing"),
        (sends(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"), "the upstream switched protocols"),
        (
            sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
            "the upstream coded its answer for the transfer",
        ),
    ],
    ids=[
        *("closes", "closes in the head", "resets", "no HTTP", "no status", "no length", "endless header", "switches"),
        "codes",
    ],
)
async def test_a_failure_before_the_head_is_a_502(
    action: Callable[[Peer], Awaitable[None]], reason: str, tmp_path: Path
) -> None:
    async with raw_origin(after_head(action)) as origin, recorder(origin.url, tmp_path) as proxy:
        assert_refused(await ask(proxy.url, GET), 502, reason)
        assert_failed(proxy, reason, 502)
        assert origin.connections == 1


async def test_a_stall_before_the_head_is_a_504(tmp_path: Path) -> None:
    async with raw_origin(after_head(stalls)) as origin, recorder(origin.url, tmp_path, stall=0.2) as proxy:
        reason = "the upstream stalled for 0.2 s before it answered"
        assert_refused(await ask(proxy.url, GET), 504, reason)
        assert_failed(proxy, reason, 504)


async def test_an_interim_answer_does_not_end_the_waiting_for_the_final_one(tmp_path: Path) -> None:
    async def hints(peer: Peer) -> None:
        await peer.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        await peer.is_left()

    async with raw_origin(after_head(hints)) as origin, recorder(origin.url, tmp_path, stall=0.2) as proxy:
        answer = await ask(proxy.url, GET)
        assert_refused(answer.removeprefix(b"HTTP/1.1 103 Early Hints\r\n\r\n"), 504, "stalled")


async def closes(peer: Peer) -> None:
    await peer.close()


@pytest.mark.parametrize(
    ("start", "action", "reason"),
    [
        (CHUNKED + b"3\r\nabc\r\n", closes, "the upstream closed the connection before its last chunk"),
        (CHUNKED + b"5\r\nabc", closes, "the upstream closed the connection before its last chunk"),
        (LENGTH_9 + b"abc", closes, "before its Content-Length was reached"),
        (CHUNKED + b"3\r\nabc\r\n", sends(b"zz\r\n"), "the upstream broke HTTP's framing in the middle of its answer"),
        (CHUNKED + b"3\r\nabc\r\n", resets, "the upstream reset the connection in the middle of its answer"),
        (LENGTH_9 + b"abc", resets, "the upstream reset the connection in the middle of its answer"),
        (b"HTTP/1.1 200 OK\r\n\r\nabc", resets, "the upstream reset the connection in the middle of its answer"),
        (CHUNKED + b"3\r\nabc\r\n", stalls, "the upstream stalled for 0.5 s in the middle of its answer"),
        (LENGTH_9 + b"abc", stalls, "the upstream stalled for 0.5 s in the middle of its answer"),
    ],
)
async def test_a_failure_in_a_body_aborts_the_clients(
    start: bytes, action: Callable[[Peer], Awaitable[None]], reason: str, tmp_path: Path
) -> None:
    received = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(start)
        await asyncio.wait_for(received.wait(), 10)
        await action(peer)

    async with raw_origin(script) as origin, recorder(origin.url, tmp_path, stall=0.5) as proxy:
        async with connected(proxy.url) as client:
            await client.send(GET)
            await client.until(b"abc")
            received.set()
            with pytest.raises(ConnectionResetError):
                await client.rest()
        assert_failed(proxy, reason, 200)


async def test_a_failure_in_a_body_quotes_nothing_of_it(tmp_path: Path) -> None:
    async with (
        raw_origin(after_head(sends(CHUNKED + b"secret\r\n"))) as origin,
        recorder(origin.url, tmp_path) as proxy,
    ):
        async with connected(proxy.url) as client:
            await client.send(GET)
            with contextlib.suppress(ConnectionResetError):
                await client.rest()
        assert "secret" not in (await proxy.row()).reason


async def test_a_write_is_never_sent_twice(tmp_path: Path) -> None:
    async with raw_origin(after_head(resets)) as origin, recorder(origin.url, tmp_path) as proxy:
        post = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"
        assert (await ask(proxy.url, post)).startswith(b"HTTP/1.1 502 ")
        assert origin.connections == 1


async def test_a_client_that_leaves_in_its_request_leaves_no_interaction(tmp_path: Path) -> None:
    asked, left = asyncio.Event(), asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.exactly(3)
        asked.set()
        await peer.is_left()
        left.set()

    async with raw_origin(script) as origin, recorder(origin.url, tmp_path) as proxy:
        async with connected(proxy.url) as client:
            await client.send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
            await asyncio.wait_for(asked.wait(), 10)
        await asyncio.wait_for(left.wait(), 10)
        row = await proxy.row()
        assert (row.outcome, row.reason, row.client) == (Outcome.ERROR, "the client went away", "127.0.0.1")
        assert proxy.interactions() == ()
        assert proxy.recorder.failure is None


@pytest.mark.parametrize("start", [b"", CHUNKED + b"3\r\nabc\r\n"], ids=["before the head", "in the body"])
async def test_a_client_that_leaves_while_it_waits_cancels_the_transfer(start: bytes, tmp_path: Path) -> None:
    asked, left = asyncio.Event(), asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(start)
        asked.set()
        await peer.is_left()
        left.set()

    async with raw_origin(script) as origin, recorder(origin.url, tmp_path) as proxy:
        async with connected(proxy.url) as client:
            await client.send(GET)
            await asyncio.wait_for(asked.wait(), 10)
            if start:
                await client.until(b"abc\r\n")
        await asyncio.wait_for(left.wait(), 10)
        row = await proxy.row()
        assert (row.outcome, row.reason, row.client) == (Outcome.ERROR, "the client went away", "127.0.0.1")
        assert proxy.interactions() == ()
        assert proxy.recorder.failure is None


async def test_a_request_that_is_coded_for_the_transfer_is_a_501(tmp_path: Path) -> None:
    async with raw_origin(after_head(stalls)) as origin, recorder(origin.url, tmp_path) as proxy:
        coded = b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"
        assert_refused(await ask(proxy.url, coded), 501, "no Transfer-Encoding but chunked")
        assert (await proxy.row()).status == 501
        assert origin.connections == 0


async def test_a_client_that_breaks_its_framing_gets_a_400(tmp_path: Path) -> None:
    async with raw_origin(after_head(stalls)) as origin, recorder(origin.url, tmp_path) as proxy:
        async with connected(proxy.url) as client:
            await client.send(b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
            await until(lambda: origin.connections == 1)
            await client.send(b"zz\r\n")
            assert (await client.head()).startswith(b"HTTP/1.1 400 ")
        assert (await proxy.row()).outcome is Outcome.ERROR
        assert proxy.interactions() == ()
        assert proxy.recorder.failure is None


async def test_an_upstream_that_takes_no_more_of_a_body_is_a_504(tmp_path: Path) -> None:
    async with (
        raw_origin(after_head(lambda _: asyncio.sleep(60))) as origin,
        recorder(origin.url, tmp_path, stall=0.3) as proxy,
        connected(proxy.url) as client,
    ):
        await client.send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n")
        filling = asyncio.create_task(client.send(b"x" * 100_000_000))
        assert (await client.head()).startswith(b"HTTP/1.1 504 ")
        filling.cancel()
        row = await proxy.row()
        assert row.reason == "the upstream stalled for 0.3 s while the request was being sent"


async def test_an_upstream_that_is_the_front_itself_is_refused(tmp_path: Path) -> None:
    async with raw_origin(stalls) as origin, recorder(origin.url, tmp_path) as proxy:
        proxy.upstream.avoid = ("0.0.0.0", origin.port)
        assert_refused(await ask(proxy.url, GET), 502, "the upstream is this recorder itself")


@pytest.mark.parametrize("target", [b"ftp://h/x", b"ws://h/x", b"x", b"h:443"])
async def test_a_target_that_is_no_path_goes_to_nobody(target: bytes, tmp_path: Path) -> None:
    async with raw_origin(stalls) as origin, recorder(origin.url, tmp_path) as proxy:
        answer = await ask(proxy.url, GET.replace(b"/x", target))
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert proxy.interactions() == ()


async def test_a_marker_in_the_upstreams_data_stops_the_recorder(tmp_path: Path) -> None:
    body = b'{"template": "{{cpproxy:token:1}}"}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    async with raw_origin(after_head(sends(answer))) as origin, recorder(origin.url, tmp_path) as proxy:
        async with connected(proxy.url) as client:
            await client.send(GET)
            with contextlib.suppress(ConnectionError):
                await client.rest()
        with pytest.raises(UpstreamError, match=r"the body of the answer of GET /x \(get-x-1\) holds '\{\{cpproxy:'"):
            await asyncio.wait_for(proxy.front.failed, 10)
        assert proxy.interactions() == ()
