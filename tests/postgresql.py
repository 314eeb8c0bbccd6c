"""A PostgreSQL server of a test's own: Debian's binaries, a folder that goes away, a free port, an ordinary user."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))


def find_binaries() -> Path | None:
    """The folder of the newest server's programs, or None where none is installed."""
    if _BINARIES:
        return _BINARIES[-1]
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def _as_ordinary_user(command: list[str]) -> list[str]:
    """The command as it must be run: the server refuses to be root's."""
    if os.geteuid() != 0:
        return command
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--", *command]


@contextlib.contextmanager
def running_postgresql(binaries: Path) -> Iterator[str]:
    """The URL of a server's empty database; the server listens on a socket in its own folder alone."""
    with tempfile.TemporaryDirectory(prefix="cpproxy-pg-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        if os.geteuid() == 0:
            shutil.chown(folder, "nobody", "nogroup")

        def run(program: str, *arguments: str) -> None:
            command = _as_ordinary_user([str(binaries / program), *arguments])
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
            assert done.returncode == 0, done.stdout + done.stderr

        data = str(folder / "data")
        run("initdb", "-D", data, "-U", "tester", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")
        options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
        run("pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield f"postgresql://tester:sham-secret@/postgres?host={folder}"
        finally:
            run("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
