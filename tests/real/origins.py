"""Servers that nobody here wrote, each in processes of its own, to be recorded and then stopped."""

import contextlib
import socket
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

from tests.processes import Running, running_program


class Origin:
    """A server that was started: its address, and an end that is checked."""

    def __init__(self, program: Running, url: str) -> None:
        self._program = program
        self.url = url

    @property
    def authority(self) -> str:
        return urlsplit(self.url).netloc

    def stop(self) -> None:
        """End it; afterwards nothing listens at its address any more."""
        self._program.kill()
        host, _, port = self.authority.partition(":")
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection((host, int(port)), timeout=5).close()
            raise AssertionError(f"something still listens on {self.url}")


@contextlib.contextmanager
def httpbin_origin() -> Iterator[Origin]:
    """httpbin under gunicorn, since that is the one server in which it takes chunked uploads."""
    command = [
        sys.executable,
        *("-m", "gunicorn", "--bind", "127.0.0.1:0", "--worker-class", "gthread", "--threads", "4"),
        *("--keep-alive", "60", "--limit-request-line", "8190", "--no-control-socket", "httpbin:app"),
    ]
    with running_program(command) as program:
        url = program.expect(r"Listening at: (http://\S+)", stream="stderr").group(1)
        yield Origin(program, url)


@contextlib.contextmanager
def moto_origin() -> Iterator[Origin]:
    """moto's server, which stands in for S3 among others."""
    with running_program([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]) as program:
        url = program.expect(r"Running on (http://\S+)", stream="stderr").group(1)
        yield Origin(program, url)
