"""`kill -9` at any moment: every answer that a client received whole has its row, and every file is whole."""

import json
import random
import socket
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


def moments(count: int) -> Iterator[float]:
    chosen = random.Random()
    return (chosen.uniform(0.0, 0.4) for _ in range(count))


@pytest.mark.parametrize("times", [3, pytest.param(100, marks=pytest.mark.slow)])
def test_every_answer_that_came_whole_has_its_row_after_kill_9_in_replay(tmp_path: Path, times: int) -> None:
    folder = tmp_path / "cassettes"
    write(folder, "load", interaction("GET /read", ANSWER), interaction("POST /write", ANSWER))
    before = cassettes.digest(folder)
    (tmp_path / "cpproxy.toml").write_text(CONFIG)
    for number, moment in enumerate(moments(times)):
        ledger = tmp_path / f"{number}.db"
        arguments = ["replay", "--cassettes", str(folder), "--ledger", str(ledger), "--listen", "127.0.0.1:0"]
        with running(arguments, cwd=tmp_path) as proxy:
            answered = kill_under_load(proxy, moment)
        found = rows(ledger)
        assert len(found) == len(set(found))
        assert not answered - set(found), f"lost after {moment:.3f} s"
        assert cassettes.digest(folder) == before
