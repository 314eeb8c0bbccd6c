"""The harness of `compose.yml` as a job of its own: a project that is gone, with volumes and networks, when it ends."""

import contextlib
import itertools
import os
import re
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.compose.engine import Engine
from tests.compose.stand_ins import ROOT

JOB_SECONDS = 400.0
COMPOSE_1 = ("docker-compose", "--no-ansi")
"""Docker Compose 1.29, as Debian 12 has it."""
_NETS = itertools.count()


@dataclass(frozen=True, slots=True)
class Job:
    """One project of compose; `files` as for `-f`, by which the checkout's are found by name; `tool` is the program."""

    engine: Engine
    project: str
    files: Sequence[str | Path]
    environment: Mapping[str, str]
    tool: Sequence[str]

    def compose(self, *arguments: str, timeout: float = JOB_SECONDS) -> subprocess.CompletedProcess[str]:
        """`docker-compose ARGUMENTS`, run to its end in the checkout; its colours are left out."""
        named = [part for file in self.files for part in ("-f", str(ROOT / file))]
        command = [*self.tool, "-p", self.project, *named, *arguments]
        return self.engine.attempt(command, env=self.environment, cwd=ROOT, timeout=timeout)

    def run(self) -> subprocess.CompletedProcess[str]:
        """The whole job; the exit code is that of `verify`."""
        return self.compose("up", "--no-color", "--exit-code-from", "verify")

    def start(self, *services: str) -> None:
        """Services in the background, ready. AssertionError with all that compose said if they are not."""
        done = self.compose("up", "-d", *services)
        assert done.returncode == 0, done.stdout + done.stderr

    def log(self, service: str) -> str:
        return self.compose("logs", "--no-color", service).stdout

    def container(self, service: str) -> str:
        """The id of a service's container."""
        found = self.compose("ps", "-q", service).stdout.strip()
        assert found, f"no container of {service}"
        return found

    def published(self, service: str, port: int) -> str:
        """The address at which the host reaches a service's port, as HOST:PORT."""
        return self.compose("port", service, str(port)).stdout.strip()


def find_compose_2() -> tuple[str, ...]:
    """Docker Compose 2, which Debian 12 does not have: the program that `COMPOSE_2` names, else docker's plugin."""
    named = os.environ.get("COMPOSE_2")
    tool = (named,) if named else ("docker", "compose")
    found = subprocess.run([*tool, "version"], capture_output=True, check=False).returncode == 0
    return (*tool, "--ansi", "never") if found else ()


def said(service: str, output: str) -> list[str]:
    """What a service said, of all that compose printed, line by line."""
    return [line.partition("| ")[2] for line in output.splitlines() if re.match(rf"{service}[-_]1 +\| ", line)]


@contextlib.contextmanager
def job(engine: Engine, *files: str | Path, tool: Sequence[str] = COMPOSE_1, **environment: str) -> Iterator[Job]:
    """A job under a project name of its own, on `compose.yml` and the override files; nothing of it stays."""
    net = {"HARNESS_NET": f"10.200.{next(_NETS)}"}
    own = Job(engine, f"job{uuid.uuid4().hex[:8]}", ["compose.yml", *files], net | environment, tool)
    try:
        yield own
    except AssertionError as error:
        error.add_note(own.compose("logs", "--no-color").stdout[-10_000:])
        raise
    finally:
        down = own.compose("down", "-v", "--remove-orphans", "-t", "2")
    assert down.returncode == 0, down.stderr
    for kind in ("container", "network", "volume"):
        left = engine.docker(kind, "ls", "-q", "--filter", f"label=com.docker.compose.project={own.project}")
        assert not left, f"{kind}s are left: {left}"
