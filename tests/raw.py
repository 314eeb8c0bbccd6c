"""HTTP by hand: what goes over a socket byte for byte, where a client library would tidy it up."""

import contextlib
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

TIMEOUT = 20.0


@contextlib.contextmanager
def connected(url: str) -> Iterator[socket.socket]:
    """A connection to the server at the URL."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=TIMEOUT) as connection:
        yield connection


def read_all(connection: socket.socket) -> bytes:
    """What comes until the other side closes; what came so far where it resets."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            data += piece
    return data


def read_until(connection: socket.socket, end: bytes) -> bytes:
    """What comes until ``end`` has come, which is at its end; AssertionError when the other side closes before."""
    data = b""
    while not data.endswith(end):
        piece = connection.recv(1)
        assert piece, f"closed before {end!r}: {data!r}"
        data += piece
    return data


def exchange(url: str, request: bytes) -> bytes:
    """The whole answer to a request that asks for the connection to be closed."""
    with connected(url) as connection:
        connection.sendall(request)
        return read_all(connection)


def get(url: str, target: str, *headers: str, method: str = "GET") -> tuple[bytes, bytes]:
    """Head and body of an answer, as they came."""
    lines = [f"{method} {target} HTTP/1.1", "Host: front", "Connection: close", *headers, "", ""]
    head, _, body = exchange(url, "\r\n".join(lines).encode("latin-1")).partition(b"\r\n\r\n")
    return head, body
