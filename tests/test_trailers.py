"""Trailers (RFC 9110 section 6.5): what stands behind a body in chunks is dropped, and is a header of no message."""

import http.server
import json
import os
import re
import secrets
import threading
import time
from collections.abc import Iterator
from typing import override

import pytest

from cpproxy.core.cassette import Credential
from tests import raw
from tests.processes import Running, running
from tests.tapes import interaction, write

PARSERS = {"fast": {}, "plain": {"AIOHTTP_NO_EXTENSIONS": "1"}}
TRAILERS = (
    b"Authorization: Bearer sham-trailer\r\n",
    b"X-Checksum: 1\r\nAuthorization: Bearer sham-trailer\r\n",
    b"X-Cpproxy-Session: sham-trailer\r\n",
    b"Connection: X-Kept\r\n",
    b"Content-Encoding: gzip\r\n",
    b"X-Empty:\r\n",
)
FORBIDDEN = (b"Content-Length: 7\r\n", b"Transfer-Encoding: chunked\r\n", b"Host: elsewhere\r\n")
"""What says how a message is framed or for whom it is can be no trailer; it is dropped, or its call refused."""

UPLOAD = b"POST /make HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: a\r\nX-Kept: yes\r\n\r\n"
LAST = b"GET /next HTTP/1.1\r\nHost: a\r\nX-Kept: yes\r\nConnection: close\r\n\r\n"


class _Mirror(http.server.BaseHTTPRequestHandler):
    """Answers with the request that it got: `SEEN`, its target and its headers; its own answers have trailers."""

    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))[:100]
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size + 2)[:-2]
            while self.rfile.readline() != b"\r\n":
                pass
        seen = json.dumps({"target": self.path, "body": body.decode(), "headers": self.headers.items()}).encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        late = b"0\r\nX-Late: sham-late\r\nSet-Cookie: a=sham-late\r\n\r\n"
        self.wfile.write(b"%s%x\r\n%s\r\n%s" % (head, len(seen), seen, late))

    do_GET = do_POST = do_FOOBAR = _answer  # noqa: N815 (the names that the server asks for)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Mirror) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module", params=PARSERS)
def recorder(
    request: pytest.FixtureRequest, upstream: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    arguments = ["record", "--upstream", upstream, "--listen", "127.0.0.1:0", "--allow-ci", "--cassette", "one"]
    folder = tmp_path_factory.mktemp(request.param)
    with running(arguments, env=PARSERS[request.param], cwd=folder) as proxy:
        yield proxy
        assert proxy.stop() == 0
        assert b"sham" not in (folder / "cassettes" / "one.json").read_bytes()


@pytest.fixture(scope="module", params=PARSERS)
def replayer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp(request.param)
    write(
        folder / "cassettes",
        "one",
        interaction("POST /make", b"made", body=b"body", headers=[("Content-Length", "4")]),
        interaction("GET /next", b"next", credentials=[Credential("authorization", "bearer")]),
    )
    with running(["replay", "--listen", "127.0.0.1:0"], env=PARSERS[request.param], cwd=folder) as proxy:
        yield proxy


def _seen(answer: bytes) -> list[dict[str, object]]:
    """What the mirror saw of each call, by its answers."""
    return [json.loads(found) for found in re.findall(rb"\r\n(\{.*?\})\r\n0\r\n\r\n", answer)]


@pytest.mark.parametrize("trailers", TRAILERS, ids=os.fsdecode)
def test_a_recorder_passes_no_trailer_on(recorder: Running, trailers: bytes) -> None:
    with raw.connected(recorder.url) as connection:
        connection.sendall(UPLOAD + trailers + b"\r\n")
        first = raw.read_until(connection, b"0\r\n\r\n")
        connection.sendall(NEXT)
        second = raw.read_until(connection, b"0\r\n\r\n")
        connection.sendall(LAST)
        third = raw.read_all(connection)
    made, follows, last = _seen(first + second + third)
    assert made["body"] == "body"
    assert "sham" not in repr(made)
    host = dict(made["headers"])["Host"]  # type: ignore[call-overload]
    assert follows["headers"] == last["headers"] == [["Host", host], ["X-Kept", "yes"]]
    assert b"sham" not in first + second + third


@pytest.mark.parametrize("trailers", TRAILERS, ids=os.fsdecode)
@pytest.mark.parametrize("cut", [0, 1, 30, len(NEXT) - 2])
def test_a_call_in_the_same_breath_gets_no_trailer(recorder: Running, trailers: bytes, cut: int) -> None:
    with raw.connected(recorder.url) as connection:
        connection.sendall(NEXT + UPLOAD + trailers + b"\r\n" + NEXT[: len(NEXT) - cut])
        answer = raw.read_until(connection, b"0\r\n\r\n") + raw.read_until(connection, b"0\r\n\r\n")
        answer += raw.read_all(connection)
    first, made = _seen(answer)  # what came after it is not answered, and its sender told so
    assert made["body"] == "body"
    assert "sham" not in repr(first) + repr(made)
    assert answer.count(b"\r\nConnection: close\r\n") == 1


@pytest.mark.parametrize("trailers", FORBIDDEN, ids=os.fsdecode)
def test_a_trailer_moves_no_border_between_calls(recorder: Running, trailers: bytes) -> None:
    with raw.connected(recorder.url) as connection:
        connection.sendall(UPLOAD + trailers + b"\r\n" + NEXT)
        answer = raw.read_all(connection)
    (head,) = re.findall(rb"HTTP/1\.1 (\d+)", answer)
    assert head in {b"200", b"400"}
    assert all(one["body"] == "body" for one in _seen(answer))


def test_a_call_in_the_same_breath_as_the_end_of_an_upload_gets_no_trailer(recorder: Running) -> None:
    with raw.connected(recorder.url) as connection:
        connection.sendall(UPLOAD[:-6])
        time.sleep(0.1)  # so that it reaches the proxy for itself
        connection.sendall(UPLOAD[-6:] + TRAILERS[0] + b"\r\n" + NEXT)
        answer = raw.read_all(connection)
    (made,) = _seen(answer)
    assert made["body"] == "body"


def test_a_call_without_trailers_stays_as_it_is(recorder: Running) -> None:
    with raw.connected(recorder.url) as connection:
        for _ in range(3):
            connection.sendall(UPLOAD + b"\r\n")
            answer = raw.read_until(connection, b"0\r\n\r\n")
            connection.sendall(NEXT)
            answer += raw.read_until(connection, b"0\r\n\r\n")
            assert [one["target"] for one in _seen(answer)] == ["/make", "/next"]


def test_an_admin_call_with_a_body_in_chunks_takes_no_other_behind_it(recorder: Running) -> None:
    chunked = b"GET /__cpproxy/health HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
    with raw.connected(recorder.url) as connection:
        connection.sendall(chunked + TRAILERS[0] + b"\r\n" + NEXT)
        assert raw.read_all(connection).count(b"HTTP/1.1 ") == 1
    with raw.connected(recorder.url) as connection:
        connection.sendall(chunked)
        raw.read_until(connection, b"}\n")
        connection.sendall(TRAILERS[0] + b"\r\n" + NEXT)
        assert raw.read_all(connection) == b""


@pytest.mark.parametrize("trailers", TRAILERS[:2], ids=os.fsdecode)
def test_a_replayed_call_is_not_matched_by_a_trailer(replayer: Running, trailers: bytes) -> None:
    session = secrets.token_hex(4).encode()
    with raw.connected(replayer.url) as connection:
        connection.sendall(UPLOAD.replace(b" /make", b" /s/%s/make" % session) + trailers + b"\r\n")
        assert b"X-Cpproxy-Outcome: replayed" in raw.read_until(connection, b"\r\n\r\nmade")
        connection.sendall(LAST.replace(b" /next", b" /s/%s/next" % session))
        assert raw.read_all(connection).startswith(b"HTTP/1.1 401 ")
    told = raw.get(replayer.url, f"/__cpproxy/calls?session={session.decode()}")[1]
    assert [call["call"]["outcome"] for call in json.loads(told)["calls"]] == ["replayed", "unauthorized"]


def test_a_replayed_call_in_the_same_breath_is_not_matched_by_a_trailer(replayer: Running) -> None:
    with raw.connected(replayer.url) as connection:
        connection.sendall(UPLOAD.replace(b" /make", b" /s/breath/make") + TRAILERS[0] + b"\r\n" + NEXT)
        answer = raw.read_all(connection)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"\r\nConnection: close\r\n" in answer


@pytest.mark.parametrize("before", [31, 32, 40])
def test_a_queue_that_is_full_lets_no_trailer_through(recorder: Running, before: int) -> None:
    with raw.connected(recorder.url) as connection:
        connection.sendall(NEXT * before + UPLOAD + TRAILERS[0] + b"\r\n" + NEXT)
        answer = raw.read_all(connection)
    assert [one["target"] for one in _seen(answer)] == ["/next"] * before + ["/make"]
    assert b"sham" not in answer


@pytest.mark.parametrize("method", [b"FOOBAR", b"GET"])
def test_what_a_body_holds_is_no_request(recorder: Running, method: bytes) -> None:
    body = b"a" * 10 + NEXT
    with raw.connected(recorder.url) as connection:
        connection.sendall(b"POST /make HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body[:10]))
        time.sleep(0.1)  # so that it reaches the proxy for itself
        connection.sendall(body[10:] + LAST.replace(b"GET", method))
        answer = raw.read_all(connection)
    assert answer.count(b"HTTP/1.1 ") == 2
    assert _seen(answer)[0]["target"] == "/make"


def test_a_method_of_its_own_may_follow_a_body(recorder: Running) -> None:
    body = b"x" * 300_000
    with raw.connected(recorder.url) as connection:
        for _ in range(2):
            connection.sendall(b"POST /make HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            raw.read_until(connection, b"0\r\n\r\n")
        connection.sendall(LAST.replace(b"GET", b"FOOBAR"))
        assert [one["target"] for one in _seen(raw.read_all(connection))] == ["/next"]
