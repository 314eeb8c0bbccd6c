"""`kill -9` at any moment: every answer that a client received whole has its row, and every file is whole."""

import json
import random
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cpproxy.files import cassettes
from tests.processes import Running, finish, running
from tests.tapes import interaction, write

CONFIG = """
[[routes]]
match = "GET /read"
ignore = ["query:n"]

[[routes]]
match = "POST /write"
ignore = ["query:n"]
repeat = "last"
"""
CLIENTS = 4
ANSWER = b"a" * 700


class Load:
    """Clients that call without pause, each on one connection, and remember which answers came whole."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname, parts.port)
        self.whole: list[str] = []
        self._threads = [threading.Thread(target=self._call, args=(number,)) for number in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def _call(self, number: int) -> None:
        calls = 0
        with suppress(OSError), socket.create_connection(self._address, timeout=30) as connection:
            while True:
                calls += 1
                name = f"{number}-{calls}"
                method, path = ("POST", "/write") if calls % 3 == 0 else ("GET", "/read")
                connection.sendall(
                    f"{method} {path}?n={name} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode()
                )
                data = b""
                while not data.endswith(ANSWER):
                    piece = connection.recv(65536)
                    if not piece:
                        return
                    data += piece
                self.whole.append(name)

    def join(self) -> None:
        """Returns once all clients have lost their connection."""
        for thread in self._threads:
            thread.join(60)


def kill_under_load(proxy: Running, moment: float) -> set[str]:
    """The names of the calls that were answered whole before the proxy was killed."""
    load = Load(proxy.url)
    time.sleep(moment)
    proxy.kill()
    load.join()
    return set(load.whole)


def rows(ledger: Path) -> list[str]:
    """The names of the calls on the ledger, in its order."""
    done = finish(["calls", "--ledger", str(ledger), "--format", "json"], timeout=60)
    assert done.returncode == 0, done.stderr
    return [call["target"].partition("?n=")[2] for call in json.loads(done.stdout)]


def moments(count: int, latest: float) -> Iterator[float]:
    chosen = random.Random()
    return (chosen.uniform(0.0, latest) for _ in range(count))


class Origin(socketserver.ThreadingTCPServer):
    """A server that gives every request the same answer, so that nothing but the proxy sets the pace."""

    daemon_threads = True
    allow_reuse_address = True

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                while self.rfile.readline():
                    while self.rfile.readline() != b"\r\n":
                        pass
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(ANSWER), ANSWER))

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), self.Handler)


@pytest.fixture
def upstream() -> Iterator[str]:
    with Origin() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("times", [3, pytest.param(100, marks=pytest.mark.slow)])
def test_every_answer_that_came_whole_has_its_row_after_kill_9_in_replay(tmp_path: Path, times: int) -> None:
    folder = tmp_path / "cassettes"
    write(folder, "load", interaction("GET /read", ANSWER), interaction("POST /write", ANSWER))
    before = cassettes.digest(folder)
    (tmp_path / "cpproxy.toml").write_text(CONFIG)
    for number, moment in enumerate(moments(times, 0.4)):
        ledger = tmp_path / f"{number}.db"
        arguments = ["replay", "--cassettes", str(folder), "--ledger", str(ledger), "--listen", "127.0.0.1:0"]
        with running(arguments, cwd=tmp_path) as proxy:
            answered = kill_under_load(proxy, moment)
        found = rows(ledger)
        assert len(found) == len(set(found))
        assert not answered - set(found), f"lost after {moment:.3f} s"
        assert cassettes.digest(folder) == before


@pytest.mark.parametrize("times", [2, pytest.param(40, marks=pytest.mark.slow)])
def test_every_answer_that_came_whole_has_its_row_after_kill_9_in_record_and_every_cassette_is_whole(
    tmp_path: Path, upstream: str, times: int
) -> None:
    folder = tmp_path / "cassettes"
    kept = write(folder, "kept", interaction("GET /before", b"as it was"))
    before = kept.read_bytes()
    # The recorder saves every two seconds: some moments come before that, some after, some in the middle of it.
    for number, moment in enumerate(moments(times, 2.6)):
        ledger = tmp_path / f"{number}.db"
        name = "kept" if number % 2 else f"new{number}"
        arguments = ["record", "--upstream", upstream, "--cassettes", str(folder), "--ledger", str(ledger)]
        with running([*arguments, "--listen", "127.0.0.1:0", "--cassette", name], cwd=tmp_path) as proxy:
            answered = kill_under_load(proxy, moment)
        found = rows(ledger)
        assert len(found) == len(set(found))
        assert not answered - set(found), f"lost after {moment:.3f} s"
        assert kept.read_bytes() == before
        for whole in cassettes.names(folder):
            cassettes.read(folder, whole)
