"""Real clients that go past the front, in a network where all that leaves is counted: each is a row, and none leaves.

The trap's name server is the only one there, and its sinks are on the ports that the clients call, as in a container.
"""

import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from cpproxy.core.calls import Call, Outcome, Seen, Way
from tests.netns import Namespace
from tests.processes import clean_environment
from tests.snare import CONFIG, Snare, run, snare

pytestmark = pytest.mark.slow
URL = "https://api.example.com/cp/provision"
NAMES = itertools.count()
HOSTS = [f"c{number}.example.com" for number in range(200)]
WAYS = (
    *("--trap-dns", "127.0.0.1:53", "--trap-forward", "127.0.0.1:3128"),
    *("--trap-sink", "127.0.0.1:80", "--trap-sink", "127.0.0.1:443", "--trap-sink", "[::1]:443"),
)


@pytest.fixture(scope="module")
def room() -> Iterator[Namespace]:
    with Namespace() as namespace:
        yield namespace


@pytest.fixture(scope="module")
def caught(room: Namespace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snare]:
    folder = tmp_path_factory.mktemp("clients")
    wide = CONFIG.replace('"api.example.com"', ", ".join(f'"{host}"' for host in ["api.example.com", *HOSTS]))
    with contextlib.ExitStack() as stack:
        with room.inside():
            one = stack.enter_context(snare(folder, *WAYS, config=wide, within=room.prefix))
            one.certificate()
        yield one


@pytest.fixture
def host() -> str:
    """A name of the control plane's that nobody has asked for yet: one that is asked for again is no other row."""
    return HOSTS[next(NAMES)]


@pytest.fixture(scope="module")
def go_client(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A client of Go's net/http, as the tenants are; skipped where there is no Go."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("NOT RUN: go is missing (golang-go)")
    folder = tmp_path_factory.mktemp("go")
    (folder / "client.go").write_text(
        'package main\nimport ("fmt"; "net/http"; "os")\nfunc main() {\n\tanswer, err := http.Get(os.Args[1])\n'
        "\tif err != nil { fmt.Println(err); os.Exit(1) }\n\tfmt.Println(answer.StatusCode, answer.Proto)\n}\n"
    )
    env = clean_environment({"GOCACHE": str(folder / "cache"), "CGO_ENABLED": "0", "GOFLAGS": "-mod=mod"})
    command = [go, "build", "-o", str(folder / "client"), str(folder / "client.go")]
    subprocess.run(command, check=True, env=env, cwd=folder, timeout=300)
    return str(folder / "client")


PYTHON = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=20)"
REQUESTS = "import sys, requests; print(requests.get(sys.argv[1], timeout=20).status_code)"
HTTPX = "import sys, httpx; print(httpx.get(sys.argv[1], timeout=20).status_code)"
FETCH = "fetch(process.argv[1]).then(a => console.log(a.status), e => { console.log(e.cause); process.exit(1) })"
GET = "require('https').get(process.argv[1], a => a.resume()).on('error', e => { console.log(e); process.exit(1) })"
CLIENTS = {
    "curl": ["curl", "-sS", "-w", "%{http_code}"],
    "curl with HTTP/1.1": ["curl", "-sS", "--http1.1"],
    "curl by IPv6": ["curl", "-6", "-sS"],
    "wget": ["wget", "-q", "-O", "-", "-t", "1"],
    "python": [sys.executable, "-c", PYTHON],
    "requests": [sys.executable, "-c", REQUESTS],
    "httpx": [sys.executable, "-c", HTTPX],
    "node fetch": ["node", "-e", FETCH],
    "node https": ["node", "-e", GET],
    "go": ["go"],
}


def call(
    room: Namespace, command: list[str], env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """A client in the namespace, with its name server."""
    return run(*room.prefix, *command, env=clean_environment({"NODE_EXTRA_CA_CERTS": "", **(env or {})}))


def trust(path: Path) -> dict[str, str]:
    names = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
    return dict.fromkeys(names, str(path))


def find_client(name: str, request: pytest.FixtureRequest) -> list[str]:
    command = CLIENTS[name]
    if command == ["go"]:
        return [request.getfixturevalue("go_client")]
    if shutil.which(command[0]) is None:
        pytest.skip(f"NOT RUN: {command[0]} is missing")
    return command


def brief(row: Call) -> tuple[Way, Seen | None, str, str]:
    assert (row.host in HOSTS, row.outcome) == (True, Outcome.MISROUTE)
    assert row.client in {"127.0.0.1", "::1"}
    return row.way, row.seen, row.scheme, row.target


@pytest.mark.parametrize("name", CLIENTS)
def test_a_client_that_does_not_trust_it_is_known_by_the_name_it_asked_for(
    caught: Snare, room: Namespace, request: pytest.FixtureRequest, host: str, name: str
) -> None:
    ended = call(room, [*find_client(name, request), f"https://{host}/cp/provision"])
    assert ended.returncode != 0, ended.stdout
    assert [brief(row) for row in caught.caught(2)] == [
        (Way.DNS, Seen.QUERY, "", ""),
        (Way.SINK, Seen.NAME, "https", ""),
    ]
    assert room.left() == []


@pytest.mark.parametrize("name", [one for one in CLIENTS if one != "wget"])
def test_a_client_that_trusts_it_is_seen_whole(
    caught: Snare, room: Namespace, request: pytest.FixtureRequest, host: str, name: str
) -> None:
    ended = call(room, [*find_client(name, request), f"https://{host}/cp/provision"], trust(caught.folder / "ca.pem"))
    assert b"Error" in ended.stderr or ended.returncode == 0, ended
    # Node's fetch answers a 421 as RFC 9110 section 15.5.20 has it: it asks again, on a connection of its own.
    rows = [brief(row) for row in caught.caught(4 if name == "node fetch" else 2)]
    assert rows[:2] == [(Way.DNS, Seen.QUERY, "", ""), (Way.SINK, Seen.WHOLE, "https", "/cp/provision")]
    assert room.left() == []


@pytest.mark.parametrize("trusts", [False, True], ids=["without trust", "with trust"])
@pytest.mark.parametrize("name", ["curl", "python", "requests", "httpx", "go"])
def test_a_client_that_heeds_the_proxy_variables_comes_by_the_forward_proxy(
    caught: Snare, room: Namespace, request: pytest.FixtureRequest, host: str, name: str, *, trusts: bool
) -> None:
    env = dict.fromkeys(("HTTPS_PROXY", "https_proxy"), "http://127.0.0.1:3128")
    call(
        room,
        [*find_client(name, request), f"https://{host}/cp/provision"],
        env | (trust(caught.folder / "ca.pem") if trusts else {}),
    )
    seen = (Seen.WHOLE, "https", "/cp/provision") if trusts else (Seen.NAME, "https", "")
    assert [brief(row) for row in caught.caught(1)] == [(Way.FORWARD, *seen)]
    assert room.left() == []


@pytest.mark.parametrize(
    ("command", "seen"),
    [
        (["getent", "hosts", "HOST"], []),
        (["curl", "-sS", "http://HOST/cp/provision"], [Seen.WHOLE]),
        (["wget", "-q", "-O", "-", "-t", "1", "http://HOST/cp/provision"], [Seen.WHOLE]),
        (["curl", "-sS", "--http2-prior-knowledge", "http://HOST/cp/provision"], [Seen.WHOLE]),
        (["curl", "-sS", "-H", "Connection: Upgrade", "-H", "Upgrade: websocket", "-H", "Sec-WebSocket-Version: 13",
          "-H", "Sec-WebSocket-Key: eA==", "http://HOST/cp/provision"], [Seen.WHOLE]),
    ],
    ids=["a query alone", "plain HTTP", "plain HTTP by wget", "plain HTTP/2", "a WebSocket"],
)  # fmt: skip
def test_what_is_asked_for_in_plain_text_is_seen(
    caught: Snare, room: Namespace, host: str, command: list[str], seen: list[Seen]
) -> None:
    call(room, [word.replace("HOST", host) for word in command])
    assert [brief(row)[1:3] for row in caught.caught(1 + len(seen))] == [
        (Seen.QUERY, ""),
        *((one, "http") for one in seen),
    ]
    assert room.left() == []


def test_ssh_is_known_by_what_it_says(caught: Snare, room: Namespace, host: str) -> None:
    if shutil.which("ssh") is None:
        pytest.skip("NOT RUN: ssh is missing")
    call(room, ["ssh", "-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes", "-4", "-p", "443", f"git@{host}"])
    _, row = caught.caught(2)
    assert (row.seen, row.host, row.port, row.outcome) == (Seen.BYTES, host, 443, Outcome.MISROUTE)
    assert "; neither TLS nor HTTP: it begins with SSH-2.0-" in row.reason
    assert row.reason.endswith(f"; its client had asked for {host}")
    assert room.left() == []


def test_an_address_without_a_name_is_seen_as_one(caught: Snare, room: Namespace) -> None:
    call(room, ["curl", "-sSk", "https://127.0.0.1/cp/provision", "-d", "{}"])
    (row,) = caught.caught(1)
    assert (row.seen, row.host, row.outcome) == (Seen.WHOLE, "127.0.0.1", Outcome.MISROUTE)
    call(room, ["curl", "-sS", "https://127.0.0.1/"])
    (row,) = caught.caught(1)
    assert (row.seen, row.host, row.outcome) == (Seen.NAME, "127.0.0.1", Outcome.FOREIGN)
    assert room.left() == []


def test_a_call_that_is_redirected_says_what_it_was_meant_for(caught: Snare, room: Namespace) -> None:
    if shutil.which("iptables") is None:
        pytest.skip("NOT RUN: iptables is missing")
    rule = ["OUTPUT", "-t", "nat", "-p", "tcp", "-d", "203.0.113.0/24", "-j", "REDIRECT", "--to-ports", "443"]
    added = call(room, ["iptables", "-w", "-A", *rule])
    if added.returncode:
        pytest.skip(f"NOT RUN: {added.stderr.decode().strip()}")
    call(room, ["curl", "-sSk", "https://203.0.113.7:8443/cp/provision"])
    call(room, ["sh", "-c", "exec 3<>/dev/tcp/203.0.113.7/22 || true"])
    call(room, [sys.executable, "-c", "import socket; socket.create_connection(('203.0.113.7', 22), 9).close()"])
    rows = [(row.seen, row.host, row.port) for row in caught.caught(2)]
    call(room, ["iptables", "-w", "-D", *rule])
    assert rows == [(Seen.WHOLE, "203.0.113.7", 8443), (Seen.CONNECTION, "203.0.113.7", 22)]
    assert room.left() == []


@pytest.mark.parametrize("how", ["cpproxy", "sh"])
def test_a_canary_is_caught_by_name_server_and_sink(caught: Snare, room: Namespace, how: str) -> None:
    script = f"{sys.executable} -m cpproxy canary" + (" --shell | sh" if how == "sh" else "")
    ended = call(room, ["sh", "-c", script])
    assert (ended.returncode, ended.stdout.count(b"caught")) == (0, 2), ended
    rows = caught.caught(3 if how == "cpproxy" else 2)
    assert {row.outcome for row in rows} == {Outcome.CANARY}
    assert room.left() == []


def test_packets_that_do_leave_are_counted(room: Namespace) -> None:
    with room.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.sendto(b"x", ("203.0.113.9", 9))
    assert len(room.left()) == 1


SABOTAGE = {
    "no network of its own": "import os\ndef no(*_):\n    raise OSError\nos.unshare = no\n",
    "a hook that fails": (
        "import sys\nif 'cpproxy.trap' in sys.orig_argv:\n    from cpproxy.trap import catching\n"
        "    async def fail(*_):\n        raise ValueError\n    catching.Handler._refuse = fail\n"
    ),
    "mitmproxy's own code that connects, and nothing that answers": (
        "import os, sys\ndef no(*_):\n    raise OSError\nos.unshare = no\n"
        "if 'cpproxy.trap' in sys.orig_argv:\n    from cpproxy.trap import catching\n"
        "    answer = catching.Handler._answer\n    async def idle(self, hook):\n"
        "        if type(hook).__name__ != 'HttpRequestHook':\n            await answer(self, hook)\n"
        "    catching.Handler._answer = idle\n"
        "    del catching.Handler.open_connection\n    del catching._Stream.make_server_connection\n"
    ),
}


@pytest.mark.parametrize("name", SABOTAGE)
def test_nothing_leaves_though_a_lock_is_broken(tmp_path: Path, name: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(SABOTAGE[name])
    env = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{Path.cwd()}"}
    with Namespace() as room, contextlib.ExitStack() as stack:
        with room.inside():
            one = stack.enter_context(snare(tmp_path, *WAYS, within=room.prefix, env=env))
            trusted = trust(one.certificate())
        networks = {Path(f"/proc/{pid}/ns/net").readlink() for pid in (one.pid, one.proxy.pid)}
        assert len(networks) == (1 if "unshare" in SABOTAGE[name] else 2)
        for url in ("http://203.0.113.5/cp/provision", "https://203.0.113.5/cp/provision", URL):
            answer = call(room, ["curl", "-sS", "-m", "5", "-x", "http://127.0.0.1:3128", url, "-i"], trusted)
            assert b" 200 OK" not in answer.stdout
            assert (b" 421 " if "code" not in name else b"the trap has no way out: socket.") in answer.stdout
        call(room, ["curl", "-sS", "-m", "5", URL], trusted)
        call(room, ["getent", "hosts", "api.example.com"])
        assert room.left() == []
        one.proxy.send(signal.SIGTERM)
        assert one.proxy.wait() == 0
        if name == "a hook that fails":
            assert sum("internal error (ValueError)" in row.reason for row in one.rows()) == 4
