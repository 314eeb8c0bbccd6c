"""`cpproxy replay`, as its clients see it: the recorded bytes, and refusals that say why."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from cpproxy.core.cassette import Credential
from tests import raw
from tests.processes import Running, finish, running
from tests.tapes import interaction, write

SECRET = "Bearer-8f2c1d77aa01"
STREAM = b"data: one\n\ndata: two\n\ndata: three\n\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cassettes = tmp_path_factory.mktemp("replay") / "cassettes"
    write(
        cassettes,
        "harness/one",
        interaction("GET /plain", b"hello", headers=[("X-A", "1"), ("x-a", "2"), ("Content-Length", "5")]),
        interaction("GET /json", {"n": 1}, reason="Quite Fine"),
        interaction("POST /make", {"id": "i-1"}, status=201, reason="Created", body={"tier": 2, "org": "o"}),
        interaction("GET /secret", {"ok": True}, credentials=[Credential("authorization", "bearer")]),
        interaction(
            "GET /stream",
            STREAM,
            headers=[("Content-Type", "text/event-stream")],
            chunks=[(0, 11), (150, 11), (300, 13)],
        ),
        interaction("GET /open", b"no length", headers=[("X-B", "1")]),
        interaction("GET /none", status=204, reason="No Content", headers=[("X-C", "1")]),
        interaction("GET /same", status=304, reason="Not Modified", headers=[("ETag", '"x"')]),
        interaction("HEAD /plain", headers=[("Content-Length", "5")]),
        interaction("GET /odd//path/%2F?a=&b=%20", b"odd"),
        interaction("PROPFIND /dav", b"<x/>", status=207, reason="Multi-Status"),
        interaction(
            "GET /zip", b"z" * 500, coding="", asked=[("Accept-Encoding", "gzip")], headers=[("Content-Length", "500")]
        ),
        interaction("GET /large", b"L" * 1_000_000),
    )
    write(
        cassettes, "harness/two", interaction("GET /poll", b"1", name="p1"), interaction("GET /poll", b"2", name="p2")
    )
    return cassettes


@pytest.fixture(scope="module")
def proxy(folder: Path) -> Iterator[Running]:
    ledger = folder.parent / "ledger.db"
    with running(["replay", "--cassettes", str(folder), "--ledger", str(ledger), "--listen", "127.0.0.1:0"]) as started:
        yield started


def test_the_first_line_says_what_is_served_and_where(proxy: Running) -> None:
    proxy.expect(r"\Acpproxy: replaying 15 interactions from 2 cassettes on http://127\.0\.0\.1:\d+\n")


def test_an_answer_goes_out_as_it_was_recorded(proxy: Running) -> None:
    head, body = raw.get(proxy.url, "/plain")
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 200 OK",
        b"X-A: 1",
        b"x-a: 2",
        b"Content-Length: 5",
        b"X-Cpproxy-Outcome: replayed",
        b"X-Cpproxy-Interaction: harness/one#GET-_plain",
        b"Connection: close",
    ]
    assert body == b"hello"


@pytest.mark.parametrize(
    ("target", "method", "status", "body"),
    [
        ("/json", "GET", b"HTTP/1.1 200 Quite Fine", b'{"n":1}'),
        ("/none", "GET", b"HTTP/1.1 204 No Content", b""),
        ("/same", "GET", b"HTTP/1.1 304 Not Modified", b""),
        ("/plain", "HEAD", b"HTTP/1.1 200 OK", b""),
        ("/odd//path/%2F?b=%20&a", "GET", b"HTTP/1.1 200 OK", b"odd"),
        ("/dav", "PROPFIND", b"HTTP/1.1 207 Multi-Status", b"<x/>"),
        ("http://elsewhere:1/json", "GET", b"HTTP/1.1 200 Quite Fine", b'{"n":1}'),
        ("/s/mine/json", "GET", b"HTTP/1.1 200 Quite Fine", b'{"n":1}'),
        ("/large", "GET", b"HTTP/1.1 200 OK", b"L" * 1_000_000),
    ],
)
def test_methods_statuses_and_targets_are_kept(
    proxy: Running, target: str, method: str, status: bytes, body: bytes
) -> None:
    head, got = raw.get(proxy.url, target, method=method)
    assert head.partition(b"\r\n")[0] == status
    assert got == body


def test_a_stream_goes_out_in_the_recorded_chunks(proxy: Running) -> None:
    head, body = raw.get(proxy.url, "/stream")
    assert b"\r\nTransfer-Encoding: chunked" in head
    assert body == b"b\r\ndata: one\n\n\r\nb\r\ndata: two\n\n\r\nd\r\ndata: three\n\n\r\n0\r\n\r\n"


def test_a_body_without_a_length_is_chunked_for_http_1_1_and_ends_with_the_connection_for_http_1_0(
    proxy: Running,
) -> None:
    head, body = raw.get(proxy.url, "/open")
    assert b"Content-Length" not in head
    assert body == b"9\r\nno length\r\n0\r\n\r\n"
    for target, expected in (("/open", b"no length"), ("/stream", STREAM), ("/plain", b"hello")):
        answer = raw.exchange(proxy.url, b"GET %s HTTP/1.0\r\n\r\n" % target.encode())
        head, _, body = answer.partition(b"\r\n\r\n")
        assert b"chunked" not in head
        assert body == expected


def test_pipelined_calls_are_answered_in_order_on_one_connection(proxy: Running) -> None:
    calls = b"".join(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % target for target in (b"/plain", b"/json", b"/gone"))
    answer = raw.exchange(proxy.url, calls + b"GET /plain HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert re.findall(rb"HTTP/1\.1 (\d+)", answer) == [b"200", b"200", b"421", b"200"]
    assert answer.index(b"hello") < answer.index(b'{"n":1}') < answer.index(b"/gone") < answer.rindex(b"hello")


def test_a_call_that_asks_for_another_protocol_is_answered_and_its_connection_closed(proxy: Running) -> None:
    upgrade = b"GET /plain HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    head, _, body = raw.exchange(proxy.url, upgrade).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert head.endswith(b"\r\nConnection: close")
    assert body == b"hello"


def test_a_client_that_waits_for_100_continue_gets_it(proxy: Running) -> None:
    body = b'{"org":"o","tier":2}'
    with raw.connected(proxy.url) as connection:
        connection.sendall(
            b"POST /s/continue/make HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
            b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        assert raw.read_until(connection, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        answer = raw.read_all(connection)
    assert answer.startswith(b"HTTP/1.1 201 Created\r\n")
    assert answer.endswith(b'{"id":"i-1"}')


def test_a_miss_is_a_421_that_names_the_nearest_interaction_and_what_differs(proxy: Running) -> None:
    body = '{"org":"o","tier":3}'
    answer = raw.exchange(
        proxy.url,
        f"POST /make HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode(),
    )
    head, _, got = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 421 ")
    assert b"\r\nX-Cpproxy-Outcome: miss" in head
    document = json.loads(got)
    assert document["error"] == (
        "cpproxy: no recorded interaction answers POST /make; "
        "nearest is POST-_make of cassette harness/one: $.tier is 3, recorded as 2; "
        'if that is of no account, ignore = ["$.tier"] in the route POST /make makes it match'
    )
    assert document["cpproxy"]["nearest"][0]["differences"] == [
        {"where": "$.tier", "expected": "2", "found": "3", "weight": 1}
    ]
    assert document["cpproxy"]["advice"] == '[[routes]]\nmatch = "POST /make"\nignore = ["$.tier"]\n'
    misses = json.loads(raw.get(proxy.url, "/__cpproxy/misses")[1])["calls"]
    (row,) = [one["call"] for one in misses if one["call"].get("body") == {"org": "o", "tier": 3}]
    assert document["cpproxy"] == {"outcome": "miss", **row["details"]}


def test_a_missing_credential_is_an_empty_401_and_the_ledger_names_it(proxy: Running, folder: Path) -> None:
    head, body = raw.get(proxy.url, "/secret")
    assert head.startswith(b"HTTP/1.1 401 Unauthorized\r\n")
    assert b"\r\nX-Cpproxy-Outcome: unauthorized" in head
    assert body == b""
    head, body = raw.get(proxy.url, "/secret", f"Authorization: Bearer {SECRET}")
    assert body == b'{"ok":true}'
    calls = finish(
        ["calls", "--outcome", "unauthorized", "--format", "json", "--ledger", str(folder.parent / "ledger.db")]
    )
    assert "Authorization" in calls.stdout
    assert SECRET not in calls.stdout


@pytest.mark.parametrize(
    ("target", "header"),
    [
        ("/plain", "Accept-Encoding: \xff"),
        ("/plain?", "Host: \xff"),
    ],
)
def test_bytes_that_are_no_text_are_no_reason_to_fail(proxy: Running, target: str, header: str) -> None:
    lines = [f"GET {target} HTTP/1.1", "Connection: close", *(("Host: a",) if "Host" not in header else ()), header]
    answer = raw.exchange(proxy.url, "\r\n".join([*lines, "", ""]).encode("latin-1"))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"\r\n\r\nhello")


@pytest.mark.parametrize(("target", "header"), [("/s/\xff/plain", "X-D: 1"), ("/plain", "X-Cpproxy-Session: \xff")])
def test_bytes_that_are_no_text_are_no_session(proxy: Running, target: str, header: str) -> None:
    request = f"GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{header}\r\n\r\n"
    assert raw.exchange(proxy.url, request.encode("latin-1")).startswith(b"HTTP/1.1 400 ")
    assert raw.get(proxy.url, "/plain")[1] == b"hello"


def test_sessions_keep_their_own_progress(proxy: Running) -> None:
    assert [raw.get(proxy.url, "/s/one/poll")[1] for _ in range(3)] == [b"1", b"2", b"2"]
    assert raw.get(proxy.url, "/s/two/poll")[1] == b"1"
    assert raw.get(proxy.url, "/poll", "X-Cpproxy-Session: two")[1] == b"2"


GARBAGE = {
    "not http": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "tls": bytes.fromhex("160301020001000001fc0303"),
    "a header without a colon": b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization Bearer s3cr3t-s3cr3t\r\n\r\n",
    "a control character in a header": b"GET / HTTP/1.1\r\nHost: x\r\nX-Token: s3cr3t-s3cr3t\x00\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "length and chunks": b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a negative length": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "a broken chunk": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\ns3cr3t-s3cr3t\r\n",
    "an endless header": b"GET / HTTP/1.1\r\nX: " + b"s3cr3t-s3cr3t" * 40_000,
    "nothing": b"",
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
def test_garbage_gets_one_clear_error_or_a_closed_connection_and_repeats_nothing(
    proxy: Running, garbage: bytes
) -> None:
    with raw.connected(proxy.url) as connection:
        with suppress(OSError):  # what is refused early is not read to its end
            connection.sendall(garbage)
            connection.shutdown(1)
        answer = raw.read_all(connection)
    assert b"s3cr3t" not in answer
    assert b"Traceback" not in answer
    if answer:
        assert answer.startswith(b"HTTP/1.1 4")
        assert b"\r\nConnection: close\r\n" in answer
        assert b"cpproxy: " in answer
    assert raw.get(proxy.url, "/plain")[1] == b"hello"
    assert "s3cr3t" not in proxy.stderr
    assert "Traceback" not in proxy.stderr


@pytest.mark.parametrize(
    ("request_line", "header", "words"),
    [
        (b"GET / HTTP/1.1", b"X: " + b"a" * 300_000, "the request line or a header is longer than 262144 bytes"),
        (b"\x16\x03\x01 /", b"Host: x", "it does not begin with a method, as HTTP without TLS does"),
        (b"GET /a b HTTP/1.1", b"Host: x", "its first line is not that of an HTTP/1.1 request"),
        (b"GET a HTTP/1.1", b"Host: x", "its target is neither a path nor a URL"),
        (b"GET / HTTP/1.1", b"X: a", "its headers cannot be read, lack Host, contradict each other, or are too many"),
        (b"GET / HTTP/1.1", b"Host: a\r\nHost: b", "its headers cannot be read, lack Host, contradict each other, or"),
    ],
)
def test_a_malformed_request_is_told_in_words(proxy: Running, request_line: bytes, header: bytes, words: str) -> None:
    answer = raw.exchange(proxy.url, request_line + b"\r\n" + header + b"\r\n\r\n")
    assert f'"error":"cpproxy: malformed request: {words}' in answer.decode()


def test_recorded_latency_is_kept_on_request(folder: Path, tmp_path: Path) -> None:
    arguments = ["replay", "--cassettes", str(folder), "--ledger", str(tmp_path / "l.db"), "--listen", "127.0.0.1:0"]
    with running([*arguments, "--latency", "recorded"]) as started, raw.connected(started.url) as connection:
        connection.sendall(b"GET /stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        connection.settimeout(raw.TIMEOUT)
        assert raw.read_until(connection, b"data: one\n\n\r\n")
        connection.setblocking(False)  # noqa: FBT003 - the socket's own
        with pytest.raises(BlockingIOError):
            connection.recv(1)
        connection.settimeout(raw.TIMEOUT)
        assert raw.read_all(connection) == b"b\r\ndata: two\n\n\r\nd\r\ndata: three\n\n\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "bad.json").write_text("{"), "bad.json"),
        (lambda folder: [path.unlink() for path in folder.rglob("*.json")], "found none"),
    ],
    ids=["corrupt", "empty"],
)
def test_a_replay_that_could_not_serve_what_it_should_does_not_start(tmp_path: Path, spoil: object, said: str) -> None:
    folder = tmp_path / "cassettes"
    write(folder, "good", interaction("GET /x"))
    assert callable(spoil)
    spoil(folder)
    done = finish(["replay", "--cassettes", str(folder), "--ledger", str(tmp_path / "l.db"), "--listen", "127.0.0.1:0"])
    assert done.returncode == 3
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_a_chosen_cassette_that_is_missing_is_named(tmp_path: Path) -> None:
    write(tmp_path, "good", interaction("GET /x"))
    done = finish(["replay", "--cassettes", str(tmp_path), "--cassette", "god", "--ledger", str(tmp_path / "l.db")])
    assert done.returncode == 3
    assert "god.json" in done.stderr


OFFLINE = """
import gc, sys

def forbid(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"):
        raise PermissionError(f"{event} {arguments}")

sys.addaudithook(forbid)
from cpproxy.cli.main import run
code = run(sys.argv[1:])
import aiohttp
ways_out = (aiohttp.ClientSession, aiohttp.BaseConnector)
built = [type(thing).__name__ for thing in gc.get_objects() if isinstance(thing, ways_out)]
print("modules", "cpproxy.front.upstream" in sys.modules, "built", built, file=sys.stderr)
sys.exit(code)
"""


def test_replay_serves_with_every_outgoing_socket_forbidden_and_builds_nothing_that_could_open_one(
    folder: Path, tmp_path: Path
) -> None:
    script = (
        "import os, sys; sys.path.insert(0, os.getcwd()); from tests import raw; url = os.environ['CPPROXY_URL'];"
        "print(raw.get(url, '/plain')[1], raw.get(url, '/gone')[0][:12], raw.get(url, '/__cpproxy/ready')[0][:12])"
    )
    arguments = ["replay", "--cassettes", str(folder), "--ledger", str(tmp_path / "ledger.db")]
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE, *arguments, "--", sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "b'hello' b'HTTP/1.1 421' b'HTTP/1.1 200'" in done.stdout
    assert "modules False built []" in done.stderr, done.stderr
