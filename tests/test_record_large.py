import hashlib
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.processes import Running, running

MIB = 1 << 20
SIZE = 200 * MIB
PIECE = bytes(range(256)) * 4096
DIGEST = hashlib.sha256(PIECE * (SIZE // len(PIECE))).hexdigest()


@contextmanager
def origin(*, chunked: bool) -> Iterator[str]:
    """Answers GET with 200 MiB, and anything else with the digest of what it was sent."""

    def answer(connection: socket.socket) -> None:
        with connection, connection.makefile("rwb") as stream:
            method = stream.readline().split()[0]
            while stream.readline().strip():
                pass
            if method == b"GET":
                length = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % SIZE
                stream.write(b"HTTP/1.1 200 OK\r\n%s\r\n\r\n" % length)
                for _ in range(SIZE // len(PIECE)):
                    stream.write(b"%x\r\n%s\r\n" % (len(PIECE), PIECE) if chunked else PIECE)
                stream.write(b"0\r\n\r\n" if chunked else b"")
            else:
                digest = hashlib.sha256()
                for _ in range(SIZE // MIB):
                    digest.update(stream.read(MIB))
                stream.write(b"HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n" + digest.hexdigest().encode())

    def accept() -> None:
        connection, _ = listening.accept()
        answer(connection)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=accept)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread.join(60)


def peak_memory(proxy: Running) -> int:
    """The most memory in bytes that the proxy has held so far."""
    status = Path(f"/proc/{proxy.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_200_mib_come_down_in_little_memory(tmp_path: Path, *, chunked: bool) -> None:
    with (
        origin(chunked=chunked) as upstream,
        running(["record", "--upstream", upstream, "--listen", "127.0.0.1:0"], cwd=tmp_path) as proxy,
        socket.create_connection(("127.0.0.1", proxy.port), timeout=60) as client,
        client.makefile("rb") as stream,
    ):
        client.sendall(b"GET /large HTTP/1.1\r\nHost: front\r\nConnection: close\r\n\r\n")
        while stream.readline().strip():
            pass
        digest = hashlib.sha256()
        if chunked:
            while size := int(stream.readline(), 16):
                digest.update(stream.read(size))
                stream.readline()
        else:
            while piece := stream.read(MIB):
                digest.update(piece)
        assert digest.hexdigest() == DIGEST
        assert peak_memory(proxy) < 150 * MIB
        assert proxy.stop() == 0, proxy.describe()
    (one,) = json.loads((tmp_path / "cassettes/recording.json").read_text())["interactions"]
    assert one["response"]["body"] == {"omitted": SIZE, "sha256": DIGEST}


def test_200_mib_go_up_in_little_memory(tmp_path: Path) -> None:
    with (
        origin(chunked=False) as upstream,
        running(["record", "--upstream", upstream, "--listen", "127.0.0.1:0"], cwd=tmp_path) as proxy,
        socket.create_connection(("127.0.0.1", proxy.port), timeout=60) as client,
    ):
        client.sendall(b"PUT /large HTTP/1.1\r\nHost: front\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % SIZE)
        for _ in range(SIZE // len(PIECE)):
            client.sendall(PIECE)
        with client.makefile("rb") as stream:
            assert stream.read().endswith(DIGEST.encode())
        assert peak_memory(proxy) < 150 * MIB
        assert proxy.stop() == 0, proxy.describe()
    (one,) = json.loads((tmp_path / "cassettes/recording.json").read_text())["interactions"]
    assert one["request"]["body"] == {"omitted": SIZE, "sha256": DIGEST}
