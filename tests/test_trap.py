"""The trap beside a real front: what goes past it becomes a row, and nothing more."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import ssl
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from cpproxy.core.calls import Call, Outcome, Seen, Way
from tests import raw
from tests.origin import http_origin
from tests.processes import CPPROXY, clean_environment, finish, running, until
from tests.snare import CONFIG, Snare, lay, ready, run, snare


@pytest.fixture(scope="module")
def caught(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snare]:
    with snare(tmp_path_factory.mktemp("trap")) as one:
        yield one


def what(call: Call) -> tuple[object, ...]:
    return call.way, call.seen, call.outcome, call.scheme, call.host, call.port, call.method, call.target


def curl(*arguments: str, data: bytes = b"") -> tuple[int, str]:
    """The exit code, and what it wrote: the body, and what `-w` asks for."""
    ended = run("curl", "-sS", "--max-time", "20", *arguments, env=clean_environment(), data=data)
    return ended.returncode, ended.stdout.decode()


def test_plain_http_through_the_forward_proxy_is_refused_as_a_miss_is(caught: Snare) -> None:
    url = "http://api.example.com/cp/provision?x=1"
    code, answer = curl("-x", caught.forward, url, "-d", '{"org": "a"}', "-w", "%{http_code}")
    assert code == 0
    assert answer.endswith("}\n421")
    assert '{"error":"cpproxy: POST http://api.example.com/cp/provision went past the proxy: ' in answer
    assert "CP_PROVISION_URL, then MOLECULE_CP_URL, route this call" in answer
    (row,) = caught.caught()
    assert what(row) == (
        *(Way.FORWARD, Seen.WHOLE, Outcome.MISROUTE, "http", "api.example.com", 80),
        *("POST", "/cp/provision?x=1"),
    )
    assert (row.client, row.status, row.route, bytes(row.body)) == ("127.0.0.1", 421, "provision", b'{"org":"a"}')  # type: ignore[arg-type]


def test_a_path_of_the_control_plane_is_a_misroute_on_any_host_and_the_rest_is_foreign(caught: Snare) -> None:
    for host in ("elsewhere.example", "telemetry.example.com"):
        curl("-x", caught.forward, f"http://{host}/cp/provision", "-d", "{}")
    curl("-x", caught.forward, "http://elsewhere.example/other")
    outcomes = [(row.host, row.target, row.outcome) for row in caught.caught(3)]
    assert outcomes == [
        ("elsewhere.example", "/cp/provision", Outcome.MISROUTE),
        ("telemetry.example.com", "/cp/provision", Outcome.FOREIGN),
        ("elsewhere.example", "/other", Outcome.FOREIGN),
    ]


def test_tls_is_seen_whole_by_a_client_that_trusts_it_and_else_by_its_name(caught: Snare) -> None:
    sink = "::{}:{}".format(*caught.sink)
    trust = str(caught.certificate())
    for arguments in (["-x", caught.forward], ["--connect-to", sink]):
        assert curl(*arguments, "https://api.example.com/cp/a")[0] == 60  # its word for no trust
        code, answer = curl(*arguments, "--cacert", trust, "https://api.example.com/cp/a", "-w", "%{http_version}")
        assert (code, answer[-1]) == (0, "2")
        code, answer = curl(*arguments, "--cacert", trust, "--http1.1", "https://api.example.com:8443/cp/a")
        assert code == 0
    named = (Seen.NAME, Outcome.MISROUTE, "https", "api.example.com")
    whole = (Seen.WHOLE, Outcome.MISROUTE, "https", "api.example.com")
    assert [what(row) for row in caught.caught(6)] == [
        (Way.FORWARD, *named, 443, "", ""),
        (Way.FORWARD, *whole, 443, "GET", "/cp/a"),
        (Way.FORWARD, *whole, 8443, "GET", "/cp/a"),
        (Way.SINK, *named, caught.sink[1], "", ""),
        (Way.SINK, *whole, 443, "GET", "/cp/a"),
        (Way.SINK, *whole, 8443, "GET", "/cp/a"),
    ]


def test_where_the_configs_urls_and_the_cassettes_lead_is_the_control_plane_though_no_list_names_it(
    tmp_path: Path,
) -> None:
    config = CONFIG.replace('hosts = ["api.example.com"]', 'upstream = "https://staging.example.com:8443"')
    config = config.replace('name = "provision"', 'name = "provision"\ndefault = "https://default.example.com"')
    with snare(tmp_path, config=config) as one:
        names = {"staging.example.com:8443", "default.example.com", "api.example.com", "else.example.com"}
        for name in names:  # none of them trusts it: the name is all that is seen
            assert curl("-x", one.forward, f"https://{name}/")[0] == 60
        outcomes = {(row.host, row.outcome) for row in one.caught(len(names))}
    assert outcomes == {
        ("staging.example.com", Outcome.MISROUTE),  # cp.upstream
        ("default.example.com", Outcome.MISROUTE),  # a route's default
        ("api.example.com", Outcome.MISROUTE),  # what the cassette was recorded from
        ("else.example.com", Outcome.FOREIGN),
    }


def test_plain_http_in_the_sink_is_told_by_its_host_in_either_version(caught: Snare) -> None:
    url = "http://{}:{}/cp/provision".format(*caught.sink)
    for more in ([], ["--http2-prior-knowledge"]):
        _, answer = curl(*more, "-H", "Host: api.example.com", "-d", "{}", url, "-w", "%{http_code} %{http_version}")
        assert answer.endswith(f"421 {'2' if more else '1.1'}")
    expected = (Way.SINK, Seen.WHOLE, Outcome.MISROUTE, "http", "api.example.com", 80, "POST", "/cp/provision")
    assert [what(row) for row in caught.caught(2)] == [expected, expected]


def test_nothing_follows_the_head_of_an_answer_to_head(caught: Snare) -> None:
    head, body = raw.get("http://{}:{}".format(*caught.sink), "/cp/head", method="HEAD")
    assert head.startswith(b"HTTP/1.1 421 ")
    assert body == b""
    assert caught.caught()[0].method == "HEAD"


def test_an_upgrade_to_a_websocket_is_refused(caught: Snare) -> None:
    handshake = ("Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: c2FtcGxlIG5vbmNlIDEyMw==")
    head, _ = raw.get("http://{}:{}".format(*caught.sink), "/cp/ws", *handshake)
    assert head.startswith(b"HTTP/1.1 421 ")
    (row,) = caught.caught()
    assert (row.target, row.reason) == ("/cp/ws", "it asks for an upgrade to websocket")


def test_what_is_not_http_and_who_says_nothing_is_a_row_when_it_ends(caught: Snare) -> None:
    host, port = caught.sink
    for opening in (b"", b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", b"\x00\x01\x02\x03", b"GET / HT"):
        with socket.create_connection((host, port)) as connection:
            connection.sendall(opening)
            if opening.endswith((b"\n", b"\x03")):
                assert raw.read_all(connection) == b""
    with raw.connected(caught.forward) as connection:
        connection.sendall(b"CONNECT api.example.com:22 HTTP/1.1\r\nHost: api.example.com:22\r\n\r\n")
        assert raw.read_until(connection, b"\r\n\r\n").startswith(b"HTTP/1.1 200")
    with raw.connected(caught.forward) as connection:
        connection.sendall(b"CONNECT api.example.com:22 HTTP/1.1\r\nHost: api.example.com:22\r\n\r\n")
        raw.read_until(connection, b"\r\n\r\n")
        connection.sendall(b"SSH-2.0-Go\r\n")
        assert raw.read_all(connection) == b""
    rows = caught.caught(6)
    assert sorted((str(row.seen), row.host, row.port, row.outcome.value, row.reason) for row in rows) == sorted(
        [
            ("connection", host, port, "foreign", ""),
            ("bytes", host, port, "foreign", "neither TLS nor HTTP: it begins with SSH-2.0-OpenSSH_9.2p1"),
            ("bytes", host, port, "foreign", "neither TLS nor HTTP"),
            ("head", host, port, "foreign", "its request line is malformed, or was not finished"),
            ("tunnel", "api.example.com", 22, "misroute", "its host is one of the control plane's"),
            (
                *("bytes", "api.example.com", 22, "misroute"),
                "its host is one of the control plane's; neither TLS nor HTTP: it begins with SSH-2.0-Go",
            ),
        ]
    )


HOST = b"Host: api.example.com\r\n"
LONG = b"Cookie: a=" + b"b" * 300_000


@pytest.mark.parametrize(
    ("way", "sent", "told"),
    [
        (
            Way.SINK,
            b"POST /cp/provision HTTP/1.1\r\n" + HOST + LONG,
            ("POST", "/cp/provision", "its head is larger than"),
        ),
        (Way.SINK, b"GET /cp/config?a=SHAM HTTP/1.1\r\n" + HOST, ("GET", "/cp/config?a=***", "not finished")),
        (Way.SINK, b"GET /cp/config HTTP/1.1\r\n" + HOST + b"no header\r\n\r\n", ("GET", "/cp/config", "malformed")),
        (Way.SINK, b"GET /cp/config two words HTTP/1.1\r\n" + HOST, ("GET", "/cp/config", "line is malformed")),
        (Way.FORWARD, b"CONNECT api.example.com HTTP/1.1\r\n\r\n", ("CONNECT", "api.example.com", "malformed")),
        (
            Way.SINK,
            b"CONNECT api.example.com:443 HTTP/1.0\r\n\r\n",
            ("CONNECT", "api.example.com:443", "it takes the sink for a forward proxy"),
        ),
        (
            Way.FORWARD,
            b"GET http://u:pw@api.example.com/cp/config HTTP/1.1\r\n\r\n",
            ("GET", "/cp/config", "malformed"),
        ),
        (Way.FORWARD, b"GET api.example.com/cp/config HTTP/1.1\r\n\r\n", ("GET", "/cp/config", "malformed")),
        (Way.FORWARD, b"GET /cp/config HTTP/1.1\r\n" + HOST + b"Host: b\r\nX", ("GET", "/cp/config", "finished")),
    ],
)
def test_a_request_that_cannot_be_parsed_is_told_by_what_stands_in_it(
    caught: Snare, way: Way, sent: bytes, told: tuple[str, str, str]
) -> None:
    secret = os.urandom(20).hex()
    with raw.connected(caught.forward if way is Way.FORWARD else "http://{}:{}".format(*caught.sink)) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(sent.replace(b"SHAM", secret.encode()))
            connection.shutdown(socket.SHUT_WR)
        raw.read_all(connection)
    (row,) = caught.caught()
    assert (row.way, row.outcome, row.host, row.method, row.target) == (
        *(way, Outcome.MISROUTE, "api.example.com"),
        *told[:2],
    )
    assert row.reason.startswith("its host is one of the control plane's; ")
    assert told[2] in row.reason
    assert "pw" not in f"{row}"


def test_the_answer_to_what_cannot_be_parsed_repeats_nothing_of_it(caught: Snare) -> None:
    secret = os.urandom(20).hex()
    for line in (
        f"GET http://u:{secret}@api.example.com/cp/config HTTP/1.1",
        f"GET api.example.com/cp/config?token={secret} HTTP/1.1",
        f"CONNECT u:{secret}@api.example.com:443 HTTP/1.1",
        f"GET http://api.example.com/ HTTP/1.1\r\n{secret}",
        f"POST http://api.example.com/ HTTP/1.1\r\nContent-Length: {secret}",
        f"POST http://api.example.com/ HTTP/1.1\r\nTransfer-Encoding: {secret}",
    ):
        with raw.connected(caught.forward) as connection:
            connection.sendall(f"{line}\r\n\r\n".encode())
            answer = raw.read_all(connection)
        assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert answer.endswith(b'{"error":"cpproxy: malformed request","cpproxy":{"outcome":"error"}}\n')
        assert secret.encode() not in answer
    caught.caught(6)


def test_a_call_that_names_no_host_is_told_by_where_it_arrived(caught: Snare) -> None:
    for sent in (b"GET /other HTTP/1.0\r\n\r\n", b"GET /other HTTP/1.0\r\nX"):
        with raw.connected("http://{}:{}".format(*caught.sink)) as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            raw.read_all(connection)
    told = [(row.seen, row.host, row.port) for row in caught.caught(2)]
    assert told == [(Seen.WHOLE, *caught.sink), (Seen.HEAD, *caught.sink)]


def test_a_route_of_the_control_plane_is_known_in_a_head_without_a_host_and_after_another_call(caught: Snare) -> None:
    with raw.connected("http://{}:{}".format(*caught.sink)) as connection:
        connection.sendall(b"GET /first HTTP/1.1\r\nHost: other.example\r\n\r\n")
        raw.read_until(connection, b"}\n")
        connection.sendall(b"POST /cp/provision HTTP/1.1\r\nX: y")
    first, second = caught.caught(2)
    assert (first.outcome, first.seen) == (Outcome.FOREIGN, Seen.WHOLE)
    assert (second.outcome, second.seen, second.route) == (Outcome.MISROUTE, Seen.HEAD, "provision")


@contextlib.contextmanager
def trusted(one: Snare, protocol: str) -> Iterator[ssl.SSLSocket]:
    """TLS to the sink by a client that trusts its certificate."""
    context = ssl.create_default_context(cafile=str(one.certificate()))
    context.set_alpn_protocols([protocol])
    with (
        socket.create_connection(one.sink, timeout=raw.TIMEOUT) as plain,
        context.wrap_socket(plain, server_hostname="api.example.com") as connection,
    ):
        yield connection


@pytest.mark.parametrize(
    ("protocol", "sent", "told"),
    [
        ("http/1.1", b"POST /cp/provision HTTP/1.1\r\n" + HOST, (Seen.HEAD, "POST", "its head was not finished")),
        ("http/1.1", b"SSH-2.0-Go\r\n", (Seen.BROKEN, "", "no HTTP within TLS: it begins with SSH-2.0-Go")),
        (
            "h2",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nno frames",
            (Seen.BROKEN, "", "no request of its HTTP/2 could be read"),
        ),
    ],
)
def test_what_fails_after_the_handshake_is_no_distrust(
    caught: Snare, protocol: str, sent: bytes, told: tuple[Seen, str, str]
) -> None:
    with trusted(caught, protocol) as connection, contextlib.suppress(ConnectionError, ssl.SSLError):
        connection.sendall(sent)
    (row,) = caught.caught()
    assert (row.outcome, row.host, row.scheme) == (Outcome.MISROUTE, "api.example.com", "https")
    assert (row.seen, row.method, row.reason.partition("; ")[2]) == told


def ask(name: str, kind: int, where: tuple[str, int], *, stream: bool = False) -> tuple[int, list[str]]:
    """The response code of a DNS query, and the addresses in its answer, by hand (RFC 1035 section 4)."""
    labels = b"".join(bytes([len(one)]) + one.encode() for one in name.split("."))
    query = struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", kind, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM if stream else socket.SOCK_DGRAM) as connection:
        connection.settimeout(raw.TIMEOUT)
        connection.connect(where)
        connection.sendall(struct.pack("!H", len(query)) + query if stream else query)
        answer = connection.recv(4096)[2 if stream else 0 :]
    number, flags, _, count, *_ = struct.unpack_from("!6H", answer)
    assert number == 7
    size = {1: 4, 28: 16}.get(kind, 0)
    family = socket.AF_INET if kind == 1 else socket.AF_INET6
    return flags & 15, [socket.inet_ntop(family, answer[-size:])] if count else []


def test_dns_leads_every_name_to_the_sink_but_those_of_one_word(caught: Snare) -> None:
    where = caught.dns
    assert ask("api.example.com", 1, where) == (0, ["127.0.0.1"])
    assert ask("api.example.com", 1, where, stream=True) == (0, ["127.0.0.1"])
    assert ask("api.example.com", 28, where) == (0, [])
    assert ask("cp", 1, where) == (3, [])
    assert ask("1.0.0.127.in-addr.arpa", 12, where) == (3, [])
    assert ask("Api.Example.com", 28, where) == (0, [])
    (row,) = caught.caught()  # who asks for both kinds of address, or asks again, asks for one name
    assert what(row) == (Way.DNS, Seen.QUERY, Outcome.MISROUTE, "", "api.example.com", 0, "", "")


def test_a_connection_without_a_name_is_that_of_the_name_that_its_client_asked_for(
    tmp_path: Path,
) -> None:
    with snare(tmp_path) as one:
        assert ask("api.example.com", 1, one.dns)[1]
        with socket.create_connection(one.sink) as connection:
            connection.sendall(b"SSH-2.0-Go\r\n")
            assert raw.read_all(connection) == b""
        _, row = one.caught(2)
        assert (row.seen, row.host, row.outcome) == (Seen.BYTES, "api.example.com", Outcome.MISROUTE)
        assert row.reason.endswith("; its client had asked for api.example.com")
        (finding,) = (one for one in one.verdict()["findings"] if one["kind"] == "misroute")
        assert "reached for api.example.com:" in finding["text"]
        assert "(what it sent is neither TLS nor HTTP)" in finding["text"]
        assert curl("https://{}:{}/".format(*one.sink))[0] == 60  # TLS without a name: the address was meant
        (row,) = one.caught()
        assert (row.seen, row.host, row.outcome) == (Seen.NAME, one.sink[0], Outcome.FOREIGN)
        told = []
        for name in ("other.example", "telemetry.example.com", "canary.cpproxy.invalid"):
            assert ask(name, 1, one.dns)[1]
            socket.create_connection(one.sink).close()
            told += [call.host for call in one.caught(2)]
        assert told[:2] == ["other.example", "other.example"]
        assert told[2:] == ["telemetry.example.com", one.sink[0], "canary.cpproxy.invalid", one.sink[0]]
        warned = [warning["text"] for warning in one.verdict()["warnings"] if warning["kind"] == "foreign"]
        assert any("reached for other.example:" in text and "it connected, and said nothing" in text for text in warned)
        assert row.reason.endswith("; its client had asked for api.example.com")


def test_a_call_to_the_front_through_the_trap_is_told_apart(caught: Snare) -> None:
    curl("--noproxy", "", "-x", caught.forward, f"{caught.url}/health")
    curl("-x", caught.forward, "http://cp:9090/health")
    reason = "it is meant for the front, and came through the trap: add {} to NO_PROXY in the client"
    assert [(row.outcome, row.reason) for row in caught.caught(2)] == [
        (Outcome.MISROUTE, reason.format("127.0.0.1")),
        (Outcome.MISROUTE, reason.format("cp")),
    ]


def test_who_waits_is_told_of_a_misroute_at_once(caught: Snare) -> None:
    assert finish(["scenario", "begin", "first", "--url", caught.url]).returncode == 0
    curl("-x", caught.forward, "http://api.example.com/cp/awaited")
    assert caught.caught()[0].outcome is Outcome.MISROUTE
    done = finish(["wait", "--url", caught.url, "--for", "GET /never", "--timeout", "600"])
    assert done.returncode == 1
    assert "misroute: GET http://api.example.com/cp/awaited from 127.0.0.1: " in done.stderr
    assert finish(["scenario", "end", "--url", caught.url]).returncode == 0
    assert finish(["scenario", "begin", "boot", "--url", caught.url]).returncode == 0
    late = finish(["wait", "--url", caught.url, "--for", "GET /never", "--timeout", "0.1"])
    assert late.returncode == 1  # what went wrong before the scenario does not end it, but may be what was waited for
    assert re.search(r"not there after 0.1 s; .* of this run went past the front \(`cpproxy calls", late.stderr)
    assert finish(["scenario", "end", "--url", caught.url]).returncode == 0
    head, body = raw.get(caught.url, "/__cpproxy/misroutes")
    assert head.startswith(b"HTTP/1.1 200")
    assert b"/cp/awaited" in body


def test_a_large_body_takes_no_memory_and_is_answered(caught: Snare) -> None:
    before = memory(caught.pid)
    url = "http://{}:{}/large".format(*caught.sink)
    _, answer = curl("-T", "-", url, "-w", "%{http_code}", data=bytes(64 << 20))
    assert answer.endswith("421")
    (row,) = caught.caught()
    assert row.request_size == 64 << 20
    assert memory(caught.pid) - before < 16 << 20


def test_more_at_once_than_the_channel_holds_is_told_all_the_same(caught: Snare) -> None:
    body = b"a" * 60000
    with contextlib.ExitStack() as stack:
        os.kill(caught.proxy.pid, signal.SIGSTOP)
        stack.callback(os.kill, caught.proxy.pid, signal.SIGCONT)
        for number in range(12):
            connection = stack.enter_context(raw.connected(caught.forward))
            head = f"POST http://api.example.com/cp/{number} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)
        until(lambda: Path(f"/proc/{caught.pid}/stat").read_text().split()[2] == "S")
    assert {row.target for row in caught.caught(12)} == {f"/cp/{number}" for number in range(12)}


def test_a_head_of_any_size_is_told_in_short(caught: Snare) -> None:
    secret = os.urandom(20).hex()
    large = "a" * 200_000
    for method in ("GET", "M" * 20_000):
        target = f"http://api.example.com/cp/large/{secret}?q={'b' * 20_000}"
        with raw.connected(caught.forward) as connection:
            head = f"{method} {target} HTTP/1.1\r\nHost: a\r\nX: {large}\r\nAuthorization: Bearer {secret}\r\n\r\n"
            connection.sendall(head.encode())
            answer = raw.read_until(connection, b"\r\n\r\n")
            assert b" 421 " in answer
        (row,) = caught.caught()
        assert row.method == method[:40]
        assert len(row.target) < 16_500
        assert secret not in row.target


def test_a_client_that_reads_no_answer_for_long_has_a_row_a_call(caught: Snare) -> None:
    call = b"GET http://api.example.com/cp/%d HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 2000 + b"\r\n\r\n"
    with raw.connected(caught.forward) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for number in range(50):
            connection.sendall(call % number)
        rows = caught.caught(50)
    assert [row.target for row in rows] == [f"/cp/{number}" for number in range(50)]


def memory(pid: int) -> int:
    """The most that a process has held, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))


def test_no_secret_of_a_misrouted_call_is_kept(caught: Snare) -> None:
    secret = os.urandom(20).hex()
    arguments = ["-H", f"Authorization: Bearer {secret}", "-d", f'{{"note": "{secret}"}}']
    curl("-x", caught.forward, *arguments, f"http://api.example.com/cp/provision?q={secret}")
    (row,) = caught.caught()
    assert row.target == "/cp/provision?q=***"
    for path in caught.folder.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes()


def test_the_process_of_the_trap_can_reach_nothing(caught: Snare) -> None:
    if os.geteuid():
        pytest.skip("only root may have the kernel take the network away")
    assert Path(f"/proc/{caught.pid}/ns/net").readlink() != Path("/proc/self/ns/net").readlink()


def test_a_trap_that_dies_takes_the_runs_readiness_and_its_verdict(tmp_path: Path) -> None:
    with snare(tmp_path) as one:
        assert ready(one.url)
        alive = finish(["status", "--url", one.url], cwd=tmp_path).stdout.splitlines()
        assert f"trap forward {one.forward}" in alive
        assert "trap sink {}:{}".format(*one.sink) in alive
        os.kill(one.pid, signal.SIGKILL)
        until(lambda: not ready(one.url))
        head, body = raw.get(one.url, "/__cpproxy/ready")
        assert head.startswith(b"HTTP/1.1 503")
        assert b"the trap died: signal 9 (SIGKILL) ended it" in body
        died = finish(["status", "--url", one.url], cwd=tmp_path).stdout.splitlines()
        assert [line for line in died if "trap" in line] == ["the trap died: signal 9 (SIGKILL) ended it"]
        waited = finish(["wait", "--timeout", "0", "--url", one.url], cwd=tmp_path)
        assert (waited.returncode, waited.stderr) == (
            1,
            "cpproxy: error: wait: no proxy is ready after 0 s: the trap died: signal 9 (SIGKILL) ended it\n",
        )
        assert raw.get(one.url, "/health")[0].startswith(b"HTTP/1.1 200")
        until(lambda: any(finding["kind"] == "trap_died" for finding in one.verdict()["findings"]))
        assert one.verdict()["exit"] == 1
        with pytest.raises(ConnectionRefusedError), socket.create_connection(one.sink):
            pass


def test_a_trap_that_hangs_is_dead_to_who_asks_for_readiness_or_the_verdict(tmp_path: Path) -> None:
    with snare(tmp_path) as one:
        raw.get(one.url, "/health")
        os.kill(one.pid, signal.SIGSTOP)
        verdict = one.verdict()
        assert [finding["kind"] for finding in verdict["findings"]] == ["trap_died"]
        assert "the trap died: it did not answer for 8 s." in verdict["findings"][0]["text"]
        head, body = raw.get(one.url, "/__cpproxy/ready")
        assert head.startswith(b"HTTP/1.1 503")
        assert b"it did not answer for 8 s" in body


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (signal.SIGKILL, "signal 9 (SIGKILL) ended it"),
        (signal.SIGSTOP, "it did not answer for 8 s when it was to tell what it still knew"),
    ],
)
def test_a_trap_that_is_gone_when_the_run_ends_fails_it(tmp_path: Path, number: signal.Signals, said: str) -> None:
    with snare(tmp_path, "--strict-exit") as one:
        raw.get(one.url, "/health")
        os.kill(one.pid, number)
        assert one.proxy.stop() == 1
        told = one.proxy.stderr
    assert f"trap_died: the trap died: {said}. " in told
    assert "misroutes: unproven" in told


def test_a_trap_ends_with_its_front_whatever_ends_that(tmp_path: Path) -> None:
    with snare(tmp_path) as one:
        trap = one.pid
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(trap, number)
        assert ready(one.url)
        os.kill(one.proxy.pid, signal.SIGKILL)
        until(lambda: not Path(f"/proc/{trap}").exists())


def test_what_is_open_when_the_run_ends_is_told(tmp_path: Path) -> None:
    with snare(tmp_path) as one, socket.create_connection(one.sink):
        assert curl("-x", one.forward, "http://other.example/")[0] == 0
        assert one.proxy.stop() == 0
        rows = one.rows()
    assert [(row.seen, row.reason) for row in rows] == [(Seen.WHOLE, ""), (Seen.CONNECTION, "the run ended")]


@pytest.mark.parametrize("way", [Way.SINK, Way.FORWARD])
def test_a_request_whose_body_is_not_there_when_the_run_ends_is_one_row(tmp_path: Path, way: Way) -> None:
    with snare(tmp_path) as one:
        with raw.connected(one.forward if way is Way.FORWARD else "http://{}:{}".format(*one.sink)) as connection:
            target = b"http://api.example.com/cp/provision" if way is Way.FORWARD else b"/cp/provision"
            connection.sendall(b"POST " + target + b" HTTP/1.1\r\n" + HOST + b"Content-Length: 10\r\n\r\nabc")
            assert curl("-x", one.forward, "http://other.example/")[0] == 0
            one.caught()
            assert one.proxy.stop() == 0
        (row,) = one.caught()
    assert what(row) == (*(way, Seen.WHOLE, Outcome.MISROUTE, "http", "api.example.com", 80, "POST", "/cp/provision"),)
    assert row.reason == "its host is one of the control plane's; the run ended"


COMMAND = """
import os, urllib.request, urllib.error
for url in ("http://api.example.com/cp/a", "https://api.example.com/cp/b", os.environ["CPPROXY_URL"] + "/health"):
    try:
        print(urllib.request.urlopen(url).status)
    except urllib.error.HTTPError as error:
        print(error.code)
"""


def test_a_command_finds_the_trap_and_trusts_it_and_its_run_fails(tmp_path: Path) -> None:
    lay(tmp_path, CONFIG.replace("[cp]", '[cp]\nupstream = "http://localhost:8080"'))
    exempt = "*,.example.com, api.example.com:443,intern.example.net,localhost"
    leaky = {"NO_PROXY": exempt, "XDG_RUNTIME_DIR": str(tmp_path)}
    command = f"import os\nprint(os.environ['NO_PROXY'])\n{COMMAND}"
    done = finish(["replay", "--trap", "--", sys.executable, "-c", command], cwd=tmp_path, env=leaky)
    assert done.stdout.split() == ["intern.example.net,localhost,127.0.0.1", "421", "421", "200"]
    assert done.returncode == 1
    assert done.stderr.count("\nmisroute: ") == 2
    assert "127.0.0.1 called GET https://api.example.com/cp/b past the proxy." in done.stderr
    assert "misroutes: found" in done.stderr
    assert not list(tmp_path.glob("cpproxy-trap-*"))


async def test_a_recording_that_something_went_past_is_incomplete(tmp_path: Path) -> None:
    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.json_response({"ok": True})

    (tmp_path / "cpproxy.toml").write_text(CONFIG)
    async with http_origin(answer) as url:
        arguments = ["record", "--trap", "--upstream", url, "--cassette", "boot"]
        process = await asyncio.create_subprocess_exec(
            *CPPROXY,
            *arguments,
            "--",
            sys.executable,
            "-c",
            COMMAND,
            cwd=tmp_path,
            env=clean_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        _, told = await process.communicate()
    assert process.returncode == 1, told
    assert b"the recording is incomplete" in told
    assert b"2 calls went past the proxy" in told
    assert not (tmp_path / "cassettes" / "boot.json").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--trap-sink", "nowhere"], "--trap-sink: expected HOST:PORT, as in 127.0.0.1:9090 or [::1]:0, not 'nowhere'"),
        (["--trap-dns", "{taken}"], "the trap cannot listen on {taken}: Address already in use; choose another with"),
    ],
    ids=["no address", "taken"],
)
def test_an_address_that_cannot_be_used_is_told_at_the_start(tmp_path: Path, arguments: list[str], said: str) -> None:
    lay(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as holder:
        taken = "{}:{}".format(*holder.getsockname())
        given = [argument.format(taken=taken) for argument in arguments]
        done = finish(["replay", "--listen", "127.0.0.1:0", *given], cwd=tmp_path)
    assert done.returncode == 2
    assert said.format(taken=taken) in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_name_server_on_all_addresses_leads_to_that_at_which_it_was_asked(tmp_path: Path) -> None:
    with snare(tmp_path, "--trap-sink", "0.0.0.0:0", "--trap-dns", "0.0.0.0:0") as one:
        for stream in (False, True):
            assert ask("api.example.com", 1, ("127.0.0.3", one.dns[1]), stream=stream) == (0, ["127.0.0.3"])
        datagram(one, b"\0" * 12)
        for size in (0, 1, 11, 12, 40, 600):
            datagram(one, os.urandom(size))
        assert ask("api.example.com", 1, ("127.0.0.1", one.dns[1])) == (0, ["127.0.0.1"])


def test_a_canary_proves_by_its_call_and_not_by_its_name(tmp_path: Path) -> None:
    with snare(tmp_path) as one:
        assert raw.get(one.url, "/health")[0].startswith(b"HTTP/1.1 200")
        assert ask("canary.cpproxy.invalid", 1, one.dns) == (0, ["127.0.0.1"])
        assert one.caught(2)[1].outcome is Outcome.CANARY
        assert one.verdict()["misroutes"] == "unproven"
        assert curl("-x", one.forward, "http://canary.cpproxy.invalid/")[0] == 0
        assert one.verdict()["misroutes"] == "proven"


def datagram(one: Snare, data: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.sendto(data, ("127.0.0.1", one.dns[1]))


def test_a_head_that_never_ends_and_more_connections_than_there_may_be_take_no_room(tmp_path: Path) -> None:
    with snare(tmp_path) as one, contextlib.ExitStack() as stack:
        before = memory(one.pid)
        with raw.connected("http://{}:{}".format(*one.sink)) as connection:
            with contextlib.suppress(ConnectionError):
                connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * (8 << 20))
            assert raw.read_all(connection) == b""
        for _ in range(512):
            stack.enter_context(socket.create_connection(one.sink))
        stack.enter_context(socket.create_connection(one.sink))
        until(lambda: any(row.seen is Seen.UNREAD for row in one.rows()))
        assert ask("api.example.com", 1, one.dns)[0] == 0
        stack.enter_context(socket.create_connection(one.sink))
        until(lambda: sum(row.seen is Seen.UNREAD for row in one.rows()) == 2)
        unnamed, named = (row for row in one.rows() if row.seen is Seen.UNREAD)
        assert (unnamed.outcome, unnamed.reason) == (Outcome.FOREIGN, "there are 512 connections already")
        assert (named.outcome, named.host) == (Outcome.MISROUTE, "api.example.com")
        assert "there are 512 connections already" in named.reason
        assert memory(one.pid) - before < 64 << 20


def test_a_trap_that_cannot_start_has_no_command_run(tmp_path: Path) -> None:
    lay(tmp_path)
    (tmp_path / "sitecustomize.py").write_text("import os, sys\nif 'cpproxy.trap' in sys.orig_argv:\n    os._exit(7)\n")
    env = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{Path.cwd()}"}
    done = finish(["replay", "--trap", "--", "touch", "run"], cwd=tmp_path, env=env)
    assert done.returncode == 2
    assert "cpproxy: error: the trap cannot start: the trap died: it ended with code 7\n" in done.stderr
    assert not (tmp_path / "run").exists()


def test_why_a_trap_died_is_told_by_kind_and_place_alone(tmp_path: Path) -> None:
    lay(tmp_path)
    secret = os.urandom(20).hex()
    (tmp_path / "sitecustomize.py").write_text(
        f"import os, sys\n\n\ndef fail(_):\n    raise LookupError('{secret}')\n\n\nos.unshare = fail\n"
    )
    env = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{Path.cwd()}"}
    done = finish(["replay", "--trap", "--", "true"], cwd=tmp_path, env=env)
    assert done.returncode == 2
    assert "the trap died: it ended with code 1: LookupError in sitecustomize, line 5" in done.stderr
    assert secret not in done.stderr


def test_an_upstream_that_leads_to_the_recorders_own_trap_is_refused(tmp_path: Path) -> None:
    lay(tmp_path)
    for sink in ("127.0.0.1:18443", "0.0.0.0:18443"):
        upstream = ["--upstream", "https://localhost:18443"]
        done = finish(["record", *upstream, "--trap-sink", sink, "--listen", "127.0.0.1:0"], cwd=tmp_path)
        assert done.returncode == 2
        assert "--upstream https://localhost:18443 leads to this recorder's own trap (127.0.0.1)" in done.stderr


def test_every_way_in_may_be_there_several_times(tmp_path: Path) -> None:
    two = '["127.0.0.1:0", "127.0.0.2:0"]'
    lists = f'{CONFIG}\nforward = {two}\nsinks = "127.0.0.1:0"\ndns = {two}\n'
    flags = [*("--trap-forward", "127.0.0.1:0", "--trap-forward", "127.0.0.2:0"), "--trap-dns", "127.0.0.1:0"]
    for config, arguments in ((lists, []), (CONFIG, [*flags, "--trap-dns", "127.0.0.2:0"])):
        with snare(tmp_path, *arguments, config=config) as one:
            assert one.proxy.stdout.count("cpproxy: trap ") == 5
            for host in ("127.0.0.1", "127.0.0.2"):
                forward = one.proxy.expect(rf"^cpproxy: trap forward (http://{host}:\d+)$").group(1)
                assert curl("-x", forward, f"http://api.example.com/{host}")[0] == 0
                port = int(one.proxy.expect(rf"^cpproxy: trap dns {host}:(\d+)$").group(1))
                assert ask(f"{port}.example.com", 1, (host, port)) == (0, ["127.0.0.1"])
            assert [row.way for row in one.caught(4)] == [Way.FORWARD, Way.DNS] * 2


def test_the_config_names_the_ways_in_and_a_flag_beats_it(tmp_path: Path) -> None:
    config = f'{CONFIG}\nenabled = true\nsinks = ["127.0.0.1:0", "[::1]:0"]\n'
    with snare(tmp_path, config=config) as one:
        assert len(one.proxy.stdout.splitlines()) == 5
        assert "cpproxy: trap sink [::1]:" in one.proxy.stdout
        assert ask("api.example.com", 28, one.dns) == (0, ["::1"])
    with running(["replay", "--no-trap", "--listen", "127.0.0.1:0"], cwd=tmp_path) as proxy:
        assert raw.get(proxy.url, "/__cpproxy/ca")[0].startswith(b"HTTP/1.1 404")
        assert proxy.stdout.count("\n") == 1
