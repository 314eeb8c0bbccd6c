"""Servers under measurement: started on a CPU of their own, asked, stopped while others are measured, and ended.

While one server is measured all others are halted (SIGSTOP), so that no work that one has put off, such as a garbage
collection or the filling of a database, is charged to the next one.
"""

import contextlib
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.workload import HOST, JSON_TYPE, Exchange
from tests.processes import clean_environment

END_SECONDS = 300.0


class BenchError(Exception):
    """A measurement that must not be believed: a server that fails, or answers what was not recorded."""


@dataclass(frozen=True, slots=True)
class Cpus:
    """The CPU of the servers and the CPU of the load; None where there are not two, and nothing is pinned."""

    server: int | None
    load: int | None

    def describe(self) -> str:
        if self.server is None:
            return "nothing is pinned: this machine has one CPU, which servers and load share"
        return f"each server on CPU {self.server}, the load on CPU {self.load}"


def choose_cpus() -> Cpus:
    """The first two CPUs that this process may use."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2 or shutil.which("taskset") is None:
        return Cpus(None, None)
    return Cpus(usable[0], usable[1])


def pin(command: tuple[str, ...], cpu: int | None) -> tuple[str, ...]:
    """The command, run on one CPU."""
    return command if cpu is None else ("taskset", "-c", str(cpu), *command)


def find_free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start a server: its command, the port it will listen on, and the folder for its files and output."""

    name: str
    command: tuple[str, ...]
    port: int
    folder: Path
    start_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory in MiB, now and at its highest, summed over a server's processes."""

    resident: float
    peak: float


class Server:
    """A started server; `launched` makes it and ends it."""

    def __init__(self, launch: Launch, cpu: int | None) -> None:
        self.launch = launch
        self._log = launch.folder / "output.log"
        with self._log.open("wb") as log:
            self.started = time.perf_counter()
            self._process = subprocess.Popen(
                pin(launch.command, cpu),
                cwd=launch.folder,
                env=clean_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def await_answer(self, exchange: Exchange) -> float:
        """Seconds from the start of the process to its first whole answer of status 200. BenchError if none comes."""
        deadline = self.started + self.launch.start_seconds
        while time.perf_counter() < deadline:
            if self._process.poll() is not None:
                raise BenchError(f"{self.launch.name} ended with {self._process.returncode}: {self._read_log()}")
            with contextlib.suppress(OSError, http.client.HTTPException), self.connect() as connection:
                status, _ = ask(connection, exchange)
                if status == 200:
                    return time.perf_counter() - self.started
            time.sleep(0.001)
        raise BenchError(
            f"{self.launch.name} did not answer within {self.launch.start_seconds:g} s: {self._read_log()}"
        )

    @contextlib.contextmanager
    def connect(self) -> Iterator[http.client.HTTPConnection]:
        """One connection to it."""
        connection = http.client.HTTPConnection(HOST, self.launch.port, timeout=30)
        try:
            yield connection
        finally:
            connection.close()

    def check_answers(self, exchanges: tuple[Exchange, ...]) -> None:
        """Ask for up to 500 exchanges, spread over all. BenchError unless each answer is 200 and the recorded one."""
        step = max(1, len(exchanges) // 500) | 1  # odd, so that GETs and POSTs are met
        with self.connect() as connection:
            for exchange in exchanges[::step]:
                status, body = ask(connection, exchange)
                if status != 200 or body != exchange.answer:
                    call = f"{self.launch.name}: {exchange.method} {exchange.target}"
                    raise BenchError(f"{call} got {status} {body[:200]!r}, not its answer")

    def halt(self) -> None:
        """Stop it where it stands, until `resume`."""
        os.killpg(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        os.killpg(self._process.pid, signal.SIGCONT)

    def read_memory(self) -> Memory:
        """Its resident memory now and at its highest, children included, from /proc."""
        statuses = [_read_status(pid) for pid in _find_group(self._process.pid)]
        resident = sum(status["VmRSS"] for status in statuses)
        peak = sum(status["VmHWM"] for status in statuses)
        return Memory(resident / 1024, peak / 1024)

    def read_processor(self) -> float:
        """Seconds of processor time that it has taken so far, children included, from /proc."""
        ticks = sum(int(field) for pid in _find_group(self._process.pid) for field in _read_stat(pid)[11:13])
        return ticks / os.sysconf("SC_CLK_TCK")

    def end(self) -> int:
        """End it, by force if it does not go, and return its exit code; nothing of its group is left."""
        with contextlib.suppress(ProcessLookupError):
            self.resume()
            self._process.terminate()
        try:
            code = self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            code = -signal.SIGKILL
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        return code

    def _read_log(self) -> str:
        return self._log.read_text(errors="replace").strip()[-600:]


@contextlib.contextmanager
def launched(launch: Launch, cpu: int | None) -> Iterator[Server]:
    """The server as long as the block runs, on one CPU."""
    server = Server(launch, cpu)
    try:
        yield server
    finally:
        server.end()


def ask(connection: http.client.HTTPConnection, exchange: Exchange) -> tuple[int, bytes]:
    """One call: the answer's status and body."""
    headers = {} if exchange.body is None else {"Content-Type": JSON_TYPE}
    connection.request(exchange.method, exchange.target, exchange.body, headers)
    response = connection.getresponse()
    return response.status, response.read()


def _find_group(group: int) -> list[int]:
    """The processes of one process group."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # it may end while we look
                if int(_read_stat(int(entry.name))[2]) == group:
                    found.append(int(entry.name))
    return found


def _read_stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat, from the third on: the name in parentheses may hold spaces."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _read_status(pid: int) -> dict[str, int]:
    """The sizes of /proc/PID/status in KiB."""
    text = Path(f"/proc/{pid}/status").read_text()
    return {name: int(size) for name, size in re.findall(r"^(Vm\w+):\s+(\d+) kB$", text, re.MULTILINE)}
