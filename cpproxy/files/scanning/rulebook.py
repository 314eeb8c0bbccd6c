"""An independent set of rules for the shapes of secrets: Kingfisher's, of MongoDB, in a process of its own.

It is asked with texts and answers with places. That it cannot be asked, or gives no answer in time, is an error and
never an answer.
"""

import contextlib
import os
import re
import subprocess
import sys
import threading
from typing import IO, Self

import msgspec

from cpproxy.errors import ScanError
from cpproxy.files.scanning import kingfisher

START_SECONDS = 120.0
"""How long the rules may take to be there: seconds where they have to be compiled, on a machine that is busy."""

LEAST_SECONDS, SECONDS_PER_MIB = 30.0, 10.0
"""How long a text may take."""

_PACKAGE = "kingfisher-secret-scanner"
_ENVIRONMENT = re.compile(  # what it needs to be found and to find its cache; no secret of this process is among it
    r"PATH|HOME|USER|LOGNAME|LANG|LC_.*|TMPDIR|XDG_CACHE_HOME|KF_RULE_CACHE_DIR|PYTHONPATH|PYTHONHOME|LD_LIBRARY_PATH"
    r"|SYSTEMROOT|LOCALAPPDATA|USERPROFILE",
)
# No text holds these, but some rules take a file with them for no text at all.
_BLANKED = bytes(byte if byte >= 0x20 or byte in b"\t\n\r" else 0x20 for byte in range(256))


class Rulebook:
    """The rules, in a process that is started here; `close` ends it."""

    def __init__(self) -> None:
        environment = {name: value for name, value in os.environ.items() if _ENVIRONMENT.fullmatch(name)}
        try:
            self._process = subprocess.Popen(  # noqa: S603 (our own file, by this Python)
                # -P: a module of that name in the working folder is not the scanner.
                [sys.executable, "-P", kingfisher.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # it may quote what was read
                env=environment,
                start_new_session=True,  # an interrupt at the terminal is for us, and the last scan comes after it
            )
        except OSError as error:
            raise ScanError(f"the scan for secrets cannot start {sys.executable}: {error.strerror}") from None
        self._ready = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def find(self, text: bytes) -> list[tuple[int, int, str]]:
        """What the rules find in a text: from where to where, and for what it is taken. ScanError if they cannot."""
        if not self._ready:
            self._ask(b"", START_SECONDS)
            self._ready = True
        frame = len(text).to_bytes(8) + text.translate(_BLANKED)
        findings = self._ask(frame, LEAST_SECONDS + SECONDS_PER_MIB * len(text) / 2**20)
        return [(start, end, _name(rule)) for start, end, rule in findings]

    def close(self) -> None:
        """Ends the process, whatever it is at."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._process.wait()

    def _ask(self, frame: bytes, seconds: float) -> list[tuple[int, int, str]]:
        late = threading.Event()

        def end() -> None:
            late.set()
            self._process.kill()

        timer = threading.Timer(seconds, end)
        timer.start()
        try:
            line = _exchange(self._process, frame)
        finally:
            timer.cancel()
        try:
            return msgspec.json.decode(line, type=list[tuple[int, int, str]])
        except msgspec.MsgspecError:
            raise ScanError(self._explain(late=late.is_set(), seconds=seconds)) from None

    def _explain(self, *, late: bool, seconds: float) -> str:
        if late:
            return f"the scan for secrets has not ended within {seconds:.0f} s, and was stopped: nothing was cleared"
        code = self._process.wait()
        if code == kingfisher.MISSING:
            return f"the scan for secrets cannot be made: install {_PACKAGE} into this Python ({sys.executable})"
        ended = f"by signal {-code}" if code < 0 else f"with code {code}"
        return f"the scan for secrets ended {ended}, and cleared nothing: is {_PACKAGE} whole?"


def _exchange(process: subprocess.Popen[bytes], frame: bytes) -> bytes:
    """The line that answers a frame; no whole line where the process has ended."""
    ways: tuple[IO[bytes] | None, IO[bytes] | None] = (process.stdin, process.stdout)
    match ways:
        case (None, _) | (_, None):
            return b""
        case (way_in, way_out):
            with contextlib.suppress(OSError):  # it has ended; why is asked later
                way_in.write(frame)
                way_in.flush()
            return way_out.readline()


def _name(rule: str) -> str:
    """A rule's name without the set that it came from and its number: `betterleaks.github-pat.1` is `github pat`."""
    return re.sub(r"\.[0-9]+$", "", rule).rpartition(".")[2].rpartition("/")[2].replace("-", " ")
