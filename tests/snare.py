"""A proxy with its trap, started for real, and what its ledger says: for tests of what goes past the front."""

import contextlib
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from cpproxy.core.calls import Call
from cpproxy.core.cassette import VERSION, CassetteOf, Recorded
from cpproxy.files import cassettes
from cpproxy.ledger.database import Ledger
from tests import raw, vouch
from tests.processes import CPPROXY, Running, running_program, until
from tests.standing import interaction

CONFIG = """
[cp]
front_url = "http://cp:9090"
hosts = ["api.example.com"]

[[routes]]
name = "provision"
match = "POST /cp/provision"
env = ["CP_PROVISION_URL", "MOLECULE_CP_URL"]

[trap]
expected_hosts = ["telemetry.example.com"]
"""


class Snare:
    """A running proxy and its trap: `forward`, `sink` and `dns` are where it listens, as host and port."""

    def __init__(self, proxy: Running, folder: Path) -> None:
        self.proxy = proxy
        self.folder = folder
        self._known = 0

    @property
    def url(self) -> str:
        return self.proxy.url

    @property
    def forward(self) -> str:
        """Its URL."""
        return self.proxy.expect(r"^cpproxy: trap forward (http://\S+)$").group(1)

    @property
    def sink(self) -> tuple[str, int]:
        return self._find("sink")

    @property
    def dns(self) -> tuple[str, int]:
        return self._find("dns")

    def _find(self, what: str) -> tuple[str, int]:
        host, _, port = self.proxy.expect(rf"^cpproxy: trap {what} (\S+)$").group(1).rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def pid(self) -> int:
        """The trap's own process."""
        children = Path(f"/proc/{self.proxy.pid}/task/{self.proxy.pid}/children").read_text()
        (child,) = (
            int(one) for one in children.split() if b"cpproxy.trap" in Path(f"/proc/{one}/cmdline").read_bytes()
        )
        return child

    def certificate(self) -> Path:
        """A file that holds that of its authority."""
        path = self.folder / "ca.pem"
        path.write_bytes(raw.get(self.url, "/__cpproxy/ca")[1])
        return path

    def rows(self) -> list[Call]:
        """All calls of the run so far."""
        with Ledger.open(self.folder / "ledger.db") as ledger:
            ledger.ingest()
            return list(ledger.calls(ledger.run().run.id))

    def caught(self, count: int = 1) -> list[Call]:
        """The rows since they were last asked for, waited for until there are as many."""
        until(lambda: len(self.rows()) >= self._known + count)
        found = self.rows()[self._known :]
        self._known += len(found)
        assert len(found) == count, found
        return found

    def verdict(self) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.json.decode(raw.get(self.url, "/__cpproxy/verdict")[1])
        return found


def ready(url: str) -> bool:
    return raw.get(url, "/__cpproxy/ready")[0].startswith(b"HTTP/1.1 200")


def lay(folder: Path, config: str = CONFIG) -> None:
    """A config and a cassette, as a proxy finds them in its working directory."""
    recorded = Recorded("2026-11-23T04:20:54Z", "https://api.example.com")
    cassette = CassetteOf(VERSION, recorded, (interaction("0001", "GET", "/health"),))
    cassettes.write(folder / "cassettes", "boot", vouch.cassette(cassette))
    (folder / "cpproxy.toml").write_text(config)


@contextlib.contextmanager
def snare(
    folder: Path,
    *arguments: str,
    config: str = CONFIG,
    within: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
) -> Iterator[Snare]:
    """`cpproxy replay --trap` that catches already; `within` is a command that runs it."""
    lay(folder, config)
    own = ["--trap", "--listen", "127.0.0.1:0", "--ledger", str(folder / "ledger.db")]
    command = [*within, *CPPROXY, "replay", *own, *arguments]
    with running_program(command, cwd=folder, env=env) as proxy:
        until(lambda: ready(proxy.url))
        yield Snare(proxy, folder)


def run(*command: str, env: dict[str, str] | None = None, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """A client's program, to its end."""
    return subprocess.run(command, input=data, capture_output=True, timeout=60, check=False, env=env)
