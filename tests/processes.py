"""Programs that tests start for real: cpproxy and origins, each with an end that is certain.

``with running(["replay", "--cassettes", str(folder), "--listen", "127.0.0.1:0"]) as proxy`` starts a proxy and waits
for its address; ``finish(["verify"])`` runs a command that ends by itself.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

CPPROXY = (sys.executable, "-m", "cpproxy")
START_SECONDS = 30.0
STOP_SECONDS = 30.0

_ADDRESS = re.compile(r"https?://(?:\[[0-9a-f:]+\]|[\w.-]+):\d+")
# What a pipeline or a developer's shell sets and a test must not feel.
_UNWANTED = re.compile(
    r"(CPPROXY|CI|GITHUB|GITEA|GITLAB|RUNNER|AWS|PYTEST)(_.*)?|(NO|FORCE|CLICOLOR)_?(COLOR|FORCE)|(HTTPS?|ALL|NO)_PROXY",
    re.IGNORECASE,
)


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of this run without what would change a program's behaviour, and with ``extra``."""
    kept = {name: value for name, value in os.environ.items() if not _UNWANTED.fullmatch(name)}
    return kept | dict(extra or {})


def until(is_so: Callable[[], bool]) -> None:
    """Returns once something is so; AssertionError if it is not in time."""
    deadline = time.monotonic() + START_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Running:
    """A program that was started; ``running`` and ``running_program`` make it and end it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._changed = threading.Condition()
        self._output = {"stdout": b"", "stderr": b""}
        self._readers = [
            threading.Thread(target=self._read, args=(name, pipe), daemon=True)
            for name, pipe in (("stdout", process.stdout), ("stderr", process.stderr))
        ]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def stdout(self) -> str:
        """What it wrote to standard output so far; all of it after ``stop`` or ``wait``."""
        return self._text("stdout")

    @property
    def stderr(self) -> str:
        """What it wrote to standard error so far; all of it after ``stop`` or ``wait``."""
        return self._text("stderr")

    @property
    def url(self) -> str:
        """The last address on the first line of standard output, without a slash at its end."""
        first = self.expect(r"\A[^\n]*\n").group()
        addresses: list[str] = _ADDRESS.findall(first)
        assert addresses, f"no address on the first line {first!r}"
        return addresses[-1]

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def expect(self, pattern: str, *, stream: str = "stdout") -> re.Match[str]:
        """The first match of a pattern in what it writes, waited for. AssertionError if it ends or is late first."""
        deadline = time.monotonic() + START_SECONDS
        with self._changed:
            while not (match := re.search(pattern, self._text(stream), re.MULTILINE)):
                ended = not any(reader.is_alive() for reader in self._readers)
                if ended or time.monotonic() > deadline:
                    state = f"ended with {self._process.poll()}" if ended else f"nothing after {START_SECONDS:g} s"
                    raise AssertionError(f"waited for {pattern!r} on {stream}: {state}\n{self.describe()}")
                self._changed.wait(0.05)
        return match

    def send(self, number: signal.Signals) -> None:
        """Send it one signal, to itself and not to what it started."""
        self._process.send_signal(number)

    def wait(self, *, timeout: float = STOP_SECONDS) -> int:
        """Its exit code once it has ended (-N if signal N did it). AssertionError when it does not end in time."""
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout:g} s\n{self.describe()}") from None
        for reader in self._readers:
            reader.join(5)  # a grandchild may hold the pipe: then what came so far must do
        return code

    def stop(self, *, number: signal.Signals = signal.SIGTERM, timeout: float = STOP_SECONDS) -> int:
        """Ask it to end, by SIGTERM unless told otherwise, and return its exit code."""
        self.send(number)
        return self.wait(timeout=timeout)

    def kill(self) -> int:
        """``kill -9`` it and everything it started, and return its exit code."""
        with contextlib.suppress(ProcessLookupError):  # the whole group is gone already
            os.killpg(self.pid, signal.SIGKILL)
        return self.wait()

    def describe(self) -> str:
        """What a failed assertion should show: command, exit code and both outputs."""
        return (
            f"{self._process.args!r}, exit code {self._process.poll()}\n"
            f"--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"
        )

    def _text(self, stream: str) -> str:
        return self._output[stream].decode(errors="replace")

    def _read(self, stream: str, pipe: IO[bytes]) -> None:
        with pipe:
            while chunk := os.read(pipe.fileno(), 65536):
                with self._changed:
                    self._output[stream] += chunk
                    self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()


@contextlib.contextmanager
def running_program(
    command: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Iterator[Running]:
    """Any program, in a process group of its own that is gone when the block is left."""
    with contextlib.ExitStack() as stack:
        folder = cwd or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=clean_environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        program = Running(process)
        try:
            yield program
        finally:
            if process.poll() is None:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(STOP_SECONDS)
            program.kill()


@contextlib.contextmanager
def running(
    arguments: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Iterator[Running]:
    """``cpproxy ARGUMENTS``, ready to be called at ``.url``; ended when the block is left, if the test did not.

    It runs in ``cwd``, or else in an empty folder that is removed, so that no config or ledger of the checkout is met.
    """
    with running_program([*CPPROXY, *arguments], env=env, cwd=cwd) as proxy:
        assert proxy.url
        yield proxy


def finish(
    arguments: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = STOP_SECONDS,
) -> subprocess.CompletedProcess[str]:
    """``cpproxy ARGUMENTS`` run to its end: exit code in ``.returncode``, text in ``.stdout`` and ``.stderr``."""
    with running_program([*CPPROXY, *arguments], env=env, cwd=cwd) as program:
        code = program.wait(timeout=timeout)
    return subprocess.CompletedProcess(list(arguments), code, program.stdout, program.stderr)
