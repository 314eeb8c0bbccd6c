"""Answers of every kind that name the upstream: recorded and replayed, no client is told where it is."""

import asyncio
import gzip
import json
import random
import re
import zlib
from pathlib import Path

import brotli  # type: ignore[import-untyped]
import pytest

from cpproxy.core import bodies
from cpproxy.core.addresses import Public
from cpproxy.core.messages import Answer, Request, find_header
from cpproxy.core.replay.decisions import Replay, Serve
from cpproxy.core.routes import RouteTable
from cpproxy.files import cassettes
from tests.origin import Peer, ask, raw_origin
from tests.processes import running
from tests.recorder import RunningRecorder, recorder
from tests.test_record import CLOSE, Answering

LIMIT = 3000
ASKING = b"Accept-Encoding: gzip, br, deflate\r\n"
FRONT = Public("http", "front.example:81", "/s/one")
LARGE = b'{"log":"' + b"x" * 4000 + b'","next":"http://UPSTREAM/x"}'


def _pack_raw(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def _answer(body: bytes, content_type: str = "text/plain", coding: str = "", *more: str) -> tuple[list[str], bytes]:
    fields = [f"Content-Type: {content_type}"] if content_type else []
    return [*fields, *([f"Content-Encoding: {coding}"] if coding else []), *more], body


LINK = b"see http://UPSTREAM/x"
ANSWERS = {
    "latin-1": _answer(b'<p>caf\xe9 <a href="http://UPSTREAM/x">', "text/html; charset=iso-8859-1"),
    "a control character": _answer(b"busy \x08\x08 done http://UPSTREAM/x\n"),
    "no type": _answer(LINK, ""),
    "bytes that are JSON": _answer(b'{"u":"http://UPSTREAM/x"}', "application/octet-stream"),
    "parts": _answer(b"--b\r\n\r\nhttp://UPSTREAM/x\r\n--b--\r\n", "multipart/mixed; boundary=b"),
    "a shell script": _answer(b'a="http://UPSTREAM/x"', "application/x-sh"),
    "a coding that is none": _answer(LINK, "text/plain", "aws-chunked"),
    "not coded as it says": _answer(LINK, "text/plain", "gzip"),
    "deflate without its wrapper": _answer(_pack_raw(LINK), "text/plain", "deflate"),
    "two codings": _answer(brotli.compress(gzip.compress(LINK)), "text/plain", "gzip, br"),
    "larger than the limit without gzip": _answer(gzip.compress(LARGE), "application/json", "gzip"),
    "larger than the limit without brotli": _answer(brotli.compress(LARGE), "application/json", "br"),
    "larger than the limit without deflate": _answer(_pack_raw(LARGE), "application/json", "deflate"),
    "header": _answer(
        b"", "text/plain", "", "X-Next: http%253A%252F%252FUPSTREAM%252Fx", "Location: http://UPSTREAM/x"
    ),
}


def _plain(body: bytes, coding: bytes | None) -> bytes:
    plain = bodies.uncode(body, bodies.codings((coding or b"").decode()), 10_000_000)
    return body if plain is None else plain


def _put(data: bytes, upstream: bytes) -> bytes:
    """A made-up answer with an upstream's address in it, whatever coding it is in."""
    return data.replace(b"UPSTREAM", upstream)


def _serve(proxy: RunningRecorder, folder: Path, accept: bytes | None = None) -> Answer:
    """What replay answers to a client that came by another address."""
    cassettes.write(folder, "recorded", proxy.cassette())
    replay = Replay([cassettes.load(folder, "recorded")], RouteTable(()))
    headers = () if accept is None else ((b"Accept-Encoding", accept),)
    served = replay.decide(Request("GET", "/x", headers, b""), "default", "", FRONT)
    assert isinstance(served, Serve)
    return served.answer(accept)


@pytest.mark.parametrize("slow", [False, True], ids=["at once", "slowly"])
@pytest.mark.parametrize("name", ANSWERS)
async def test_no_answer_tells_where_the_upstream_is(name: str, slow: bool, tmp_path: Path) -> None:
    fields, made = ANSWERS[name]

    async def script(peer: Peer) -> None:
        host = re.findall(rb"Host: (\S+)", await peer.head())[0]
        coding = next((field.partition(": ")[2] for field in fields if field.startswith("Content-Encoding")), "")
        if _plain(made, coding.encode()) == made:
            body = _put(made, host)
        elif coding == "deflate":
            body = _pack_raw(_put(zlib.decompress(made, -zlib.MAX_WBITS), host))
        else:
            body = bodies.recode(_put(_plain(made, coding.encode()), host), bodies.codings(coding))
        lines = [*(_put(field.encode(), host) for field in fields), b"Content-Length: %d" % len(body)]
        await peer.send(b"HTTP/1.1 200 OK\r\n" + b"\r\n".join(lines) + b"\r\n\r\n")
        if slow:
            await asyncio.sleep(0.05)
        await peer.send(body)

    async with raw_origin(script) as origin, recorder(origin.url, tmp_path, limit=LIMIT) as proxy:
        answer = await ask(proxy.url, b"GET /s/one/x HTTP/1.1\r\n" + ASKING + CLOSE)
        port = str(origin.port).encode()
        head, _, body = answer.partition(b"\r\n\r\n")
        found = re.search(rb"Content-Encoding: ([^\r]+)", head)
        shown = _plain(body, found[1] if found else None)
        assert port not in head + shown
        assert b"http://front/s/one/x" in shown + head
        for accept in () if name.startswith("larger") else (None, b"gzip, br, deflate"):  # those are not kept
            served = _serve(proxy, tmp_path / "cassettes", accept)
            coding = find_header(served.headers, b"content-encoding")
            plain = _plain(served.body, coding)
            assert port not in plain + b"".join(value for _, value in served.headers)
            assert b"http://front.example:81/s/one/x" in plain + b"".join(value for _, value in served.headers)
            assert find_header(served.headers, b"content-length") == b"%d" % len(served.body)
            if accept is None and _plain(body, found[1] if found else None) != body:
                assert coding is None


async def test_a_coded_body_above_the_limit_without_an_address_stays_as_it_came(tmp_path: Path) -> None:
    packed = _pack_raw(b"y" * 4000)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"
    async with (
        raw_origin(Answering(head % len(packed) + packed)) as origin,
        recorder(origin.url, tmp_path, limit=LIMIT) as proxy,
    ):
        assert (await ask(proxy.url, b"GET /x HTTP/1.1\r\n" + ASKING + CLOSE)).endswith(packed)
        (kept,) = proxy.interactions()
        assert kept.response.body == bodies.omitted(len(packed), "")  # nobody has looked into it


@pytest.mark.parametrize("coding", ["", "gzip"])
async def test_bytes_in_pieces_are_rewritten_until_they_are_no_text(coding: str, tmp_path: Path) -> None:
    noise = random.Random(1).randbytes(500)

    async def script(peer: Peer) -> None:
        host = re.findall(rb"Host: (\S+)", await peer.head())[0]
        own = b"http://" + host
        kind = b"Content-Encoding: gzip\r\n" if coding else b""
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + kind + b"\r\n")
        for piece in (own + b"/x ", own[:9], own[9:] + b"/y ", noise + own + b"/z"):
            sent = gzip.compress(piece) if coding else piece
            await peer.send(b"%x\r\n%s\r\n" % (len(sent), sent))
            await asyncio.sleep(0.01)
        await peer.send(b"0\r\n\r\n")

    async with raw_origin(script) as origin, recorder(origin.url, tmp_path, limit=50) as proxy:
        answer = await ask(proxy.url, b"GET /x HTTP/1.1\r\n" + CLOSE)
        head, _, rest = answer.partition(b"\r\n\r\n")
        assert b"chunked" in head
        body = b""
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            body, rest = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
        shown = _plain(body, coding.encode())
        assert shown == b"http://front/x http://front/y " + noise + origin.url.encode() + b"/z"


HOSTS = ["h:99999", "h:65536", "h:0", "[:::::]", "[.]", "[1:2:3:4:5:6:7:8:9]:80", "..", "h,h2"]


@pytest.mark.parametrize("host", HOSTS)
async def test_a_host_that_none_could_be_is_told_what_it_is_connected_to(host: str, tmp_path: Path) -> None:
    script = Answering()
    async with raw_origin(script) as origin, recorder(origin.url, tmp_path) as proxy:
        script.answer = f"HTTP/1.1 302 Found\r\nLocation: {origin.url}/l\r\nContent-Length: 0\r\n\r\n".encode()
        answer = await ask(proxy.url, f"GET /x HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        assert f"Location: {proxy.url}/l\r\n" in answer.decode()


async def test_replay_tells_such_a_host_the_same(tmp_path: Path) -> None:
    script = Answering()
    async with raw_origin(script) as origin, recorder(origin.url, tmp_path) as proxy:
        script.answer = f"HTTP/1.1 302 Found\r\nLocation: {origin.url}/l\r\nContent-Length: 0\r\n\r\n".encode()
        await ask(proxy.url, b"GET /x HTTP/1.1\r\n" + CLOSE)
        cassettes.write(tmp_path / "cassettes", "recorded", proxy.cassette())
    with running(["replay", "--listen", "127.0.0.1:0"], cwd=tmp_path) as replay:
        for host in HOSTS:
            request = f"GET /x HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
            assert f"Location: {replay.url}/l\r\n" in (await ask(replay.url, request)).decode()


async def test_an_origin_that_the_upstream_names_is_the_fronts_without_a_session(tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        head = await peer.head()
        origin = re.findall(rb"Origin: (\S+)", head)[0]
        assert origin == b"http://" + re.findall(rb"Host: (\S+)", head)[0]
        named = b"Access-Control-Allow-Origin: %s\r\nContent-Security-Policy: connect-src %s" % (origin, origin)
        await peer.send(b"HTTP/1.1 200 OK\r\n" + named + b"\r\nContent-Length: 0\r\n\r\n")

    async with raw_origin(script) as origin, recorder(origin.url, tmp_path) as proxy:
        answer = await ask(proxy.url, b"GET /s/one/x HTTP/1.1\r\nOrigin: http://front\r\n" + CLOSE)
        assert b"\r\nAccess-Control-Allow-Origin: http://front\r\n" in answer
        assert b"\r\nContent-Security-Policy: connect-src http://front\r\n" in answer
        served = _serve(proxy, tmp_path / "cassettes")
        assert find_header(served.headers, b"access-control-allow-origin") == b"http://front.example:81"


def test_the_table_above_is_of_answers_that_name_the_upstream() -> None:
    for fields, body in ANSWERS.values():
        coding = next((field.partition(": ")[2] for field in fields if field.startswith("Content-Encoding")), "")
        assert b"UPSTREAM" in _plain(body, coding.encode()) + json.dumps(fields).encode()
