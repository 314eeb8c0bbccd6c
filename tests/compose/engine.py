"""A Docker engine of the tests' own: its network, its processes and its mounts are gone with it, whatever happens.

It runs in namespaces of its own: network (so that no rule and no address of this machine is touched), processes (so
that containers end with it) and mounts. It has no way out; what it runs must be built or imported. Its socket is a file
in its folder. A program of this machine meets the ports that containers publish only from within, by `inside`.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.processes import clean_environment

NEEDED = (
    *("dockerd", "docker", "docker-compose", "docker-init", "dpkg-query", "nginx", "curl"),
    *("ip", "ldconfig", "mount", "nsenter", "setpriv", "unshare"),
)
START_SECONDS = 60.0
_CGROUPS = Path("/sys/fs/cgroup")
# In memory, images and containers cost no disk and no time to remove.
_START = 'ip link set lo up && mount -t tmpfs -o size=6g none "$0" && exec docker-init -s -- dockerd "$@"'


def find_lacking() -> str:
    """Why no engine can be started here; empty where one can."""
    if os.geteuid() != 0:
        return "only root can start a Docker engine"
    if missing := [name for name in NEEDED if shutil.which(name) is None]:
        return f"not installed: {', '.join(missing)}"
    if not any(Path(sys.base_prefix).glob("lib/python3*/site-packages/pip")):
        return f"the Python in {sys.base_prefix} has no pip of its own, and cannot stand in for an image's"
    return ""


@dataclass(frozen=True, slots=True)
class Engine:
    """A running engine; `folder` is the tests' own, removed with it."""

    folder: Path
    pid: int

    @property
    def environment(self) -> dict[str, str]:
        """What makes `docker` and `docker-compose` speak to this engine, and to it alone."""
        return clean_environment(
            {
                "DOCKER_HOST": f"unix://{self.folder}/docker.sock",
                "HOME": str(self.folder),  # nobody's settings and logins
                "DOCKER_BUILDKIT": "0",
                "COMPOSE_HTTP_TIMEOUT": "300",
            }
        )

    def docker(self, *arguments: str, stdin: bytes = b"", timeout: float = 300.0) -> str:
        """What `docker ARGUMENTS` prints. AssertionError with all that it said if it fails."""
        done = self.attempt(["docker", *arguments], stdin=stdin, timeout=timeout)
        assert done.returncode == 0, f"docker {' '.join(arguments)}\n{done.stdout}{done.stderr}"
        return done.stdout.strip()

    def attempt(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdin: bytes = b"",
        timeout: float = 300.0,
    ) -> subprocess.CompletedProcess[str]:
        """A program that speaks to this engine, run to its end."""
        done = subprocess.run(
            command,
            env=self.environment | dict(env or {}),
            cwd=cwd or self.folder,
            input=stdin,
            capture_output=True,
            check=False,
            timeout=timeout,
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        )

    def inside(self, command: Sequence[str]) -> list[str]:
        """The command as it is run on the engine's own network, where published ports are at 127.0.0.1."""
        return ["nsenter", f"--net=/proc/{self.pid}/ns/net", "--", *command]


@contextlib.contextmanager
def running_engine() -> Iterator[Engine]:
    """An engine that answers; gone, with its containers, its images and its folder, when the block is left."""
    folder = Path(tempfile.mkdtemp(prefix="cpproxy-engine-"))
    command = [
        *("setpriv", "--pdeathsig", "KILL"),
        *("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
        *("sh", "-c", _START, str(folder / "data")),
        *("--data-root", str(folder / "data"), "--exec-root", str(folder / "run")),
        *("--pidfile", str(folder / "pid"), "--host", f"unix://{folder}/docker.sock"),
        *("--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent", f"/{folder.name}"),
    ]
    try:
        (folder / "data").mkdir()
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                command, env=clean_environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        engine = Engine(folder, process.pid)
        try:
            _await_answer(engine, process)
            yield engine
        finally:
            process.kill()  # the namespace of processes goes with its first, and the mounts with their last user
            process.wait()
    finally:
        _remove(folder)


def _await_answer(engine: Engine, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while engine.attempt(["docker", "version"]).returncode != 0:
        log = (engine.folder / "log").read_text(errors="replace")
        assert process.poll() is None, f"dockerd ended\n{log}"
        assert time.monotonic() < deadline, f"dockerd does not answer\n{log}"
        time.sleep(0.1)


def _remove(folder: Path) -> None:
    """The folder and the control groups of its name are gone; the killed processes may hold them for a moment yet."""
    deadline = time.monotonic() + 10
    while True:
        try:
            if folder.exists():
                shutil.rmtree(folder)
            for top in (_CGROUPS / folder.name, *_CGROUPS.glob(f"*/{folder.name}")):  # of version 2, and of version 1
                for group, _, _ in os.walk(top, topdown=False):
                    Path(group).rmdir()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return
