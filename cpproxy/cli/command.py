"""`-- COMMAND`: the program that is run beside the front, its environment, its signals and its exit code."""

import asyncio
import contextlib
import os
import shutil
import signal
import ssl
import subprocess
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import override
from urllib.parse import urlsplit

import click

from cpproxy.cli.access import TOKEN
from cpproxy.cli.dumps import limits_of
from cpproxy.core.config import Config
from cpproxy.core.hosts import no_proxy_covers
from cpproxy.errors import CpproxyError

NOT_EXECUTABLE = 126  # as shells say it
NOT_FOUND = 127
_NO_PROXY = ("NO_PROXY", "no_proxy")
_PROXY = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_ADDS = "NODE_EXTRA_CA_CERTS"
"""The one variable that adds to the authorities that are known, and does not stand in their place."""

_AUTHORITIES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE", "GIT_SSL_CAINFO", _ADDS)


class CommandError(CpproxyError):
    """The command cannot be run; `exit` is what a shell would say of it, 126 or 127."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.exit = code


class TakesCommand(click.Command):
    """A click command that hands what follows `--` to its function as `command: tuple[str, ...]`.

    Only what follows `--` is a command, so that a stray word is an error and not a program.
    """

    @override
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own, command = args, list[str]()
        if "--" in args:
            position = args.index("--")
            own, command = args[:position], args[position + 1 :]
            if not command:
                raise click.UsageError("no command follows `--`", ctx)
        ctx.params["command"] = tuple(command)
        return super().parse_args(ctx, own)

    @override
    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return [*super().collect_usage_pieces(ctx), "[-- COMMAND ...]"]


def check_command(command: Sequence[str]) -> None:
    """Raise CommandError when there is no such program, so that nothing is started in vain."""
    name = command[0]
    if shutil.which(name) is not None:
        return
    if not name:
        raise CommandError("the command is empty: what follows `--` begins with an empty word", NOT_FOUND)
    if Path(name).is_dir():
        raise CommandError(f"{name}: cannot be run: it is a folder", NOT_EXECUTABLE)
    if os.sep in name and Path(name).exists():
        raise CommandError(f"{name}: cannot be run: it is not executable (chmod +x {name})", NOT_EXECUTABLE)
    raise CommandError(f"{name}: no such command", NOT_FOUND)


def client_environment(config: Config, url: str, inherited: Mapping[str, str], token: str = "") -> dict[str, str]:
    """The environment of a command whose clients are to find the front at `url`.

    `CPPROXY_URL` and every variable that a route's `env` names hold the URL; `NO_PROXY` and `no_proxy` name its host;
    `CPPROXY_ADMIN_TOKEN` holds the admin `token`, if there is one.
    """
    url = _reach(url)
    host = urlsplit(url).hostname or ""
    variables = {"CPPROXY_URL", *(name for route in config.routes for name in route.env)}
    exempt = [part for name in _NO_PROXY for part in _list(inherited.get(name, ""))]
    own = dict.fromkeys(_NO_PROXY, ",".join(dict.fromkeys([*exempt, host]))) | ({TOKEN: token} if token else {})
    return dict(inherited) | dict.fromkeys(sorted(variables), url) | own


def trap_environment(
    inherited: Mapping[str, str], proxy: str, certificate: str, folder: Path, watched: Collection[str]
) -> dict[str, str]:
    """What sends a command's clients to the trap's `proxy`, and has them trust its `certificate`, which is PEM.

    The files that hold it beside the authorities that are known go into `folder`. `NO_PROXY` loses what would let calls
    to the `watched` hosts past the trap.
    """
    found = {spelled: proxy for name in _PROXY for spelled in (name, name.lower())}
    found["NODE_USE_ENV_PROXY"] = "1"  # without it Node's own clients look at none of these
    for name in _NO_PROXY:
        parts = _list(inherited.get(name, ""))
        found[name] = ",".join(part for part in parts if not any(no_proxy_covers(part, host) for host in watched))
    default = ssl.get_default_verify_paths().cafile or ""
    for name in _AUTHORITIES:
        known = inherited.get(name) or inherited.get("SSL_CERT_FILE", default)
        path = folder / f"{name.lower()}.pem"
        path.write_text(f"{'' if name == _ADDS and name not in inherited else _read(known)}{certificate}")
        found[name] = str(path)
    return found


def _list(no_proxy: str) -> list[str]:
    return [part.strip() for part in no_proxy.split(",") if part.strip()]


def _read(path: str) -> str:
    """The authorities in a file, ended by a line break; none where there is none."""
    try:
        text = Path(path).read_text("utf-8", "replace") if path else ""
    except OSError:
        return ""
    return f"{text.rstrip()}\n" if text.strip() else ""


def _reach(url: str) -> str:
    """The URL at which a process on this machine finds what listens on all addresses."""
    return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


class _Terminal:
    """The terminal on standard input, lent to the command's process group while it runs.

    So Ctrl-C reaches the command once, and what the command reads from the terminal is its own, as under a shell.
    Without a terminal, or in the background of one, nothing is lent.
    """

    def __init__(self) -> None:
        self._group = os.getpgrp()
        self.lent = False

    def lend(self, group: int) -> None:
        """Put a process group in the foreground, if cpproxy is there."""
        if os.isatty(0) and os.tcgetpgrp(0) == self._group:
            os.tcsetpgrp(0, group)
            self.lent = True

    def take_back(self) -> None:
        """Put cpproxy in the foreground again."""
        if not self.lent:
            return
        self.lent = False
        # A process in the background that takes the terminal is stopped by SIGTTOU unless it blocks that.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
        try:
            os.tcsetpgrp(0, self._group)
        except OSError:
            return  # the terminal is gone
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTTOU})


class RunningCommand:
    """A command that was started, in a process group of its own.

    `ended` is a future of its exit code, 128 + N if signal N ended it. Make it in the main thread, within the loop.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], limits: tuple[int, int] | None = None
    ) -> None:
        """Raise CommandError when it cannot be run. `limits` are those of its core dumps, where they are not ours."""
        self._loop = asyncio.get_running_loop()
        self._terminal = _Terminal()
        self.ended: asyncio.Future[int] = self._loop.create_future()
        self._loop.add_signal_handler(signal.SIGCHLD, self._look)
        try:
            with limits_of(limits):
                self._process = subprocess.Popen(command, env=environment, process_group=0)  # noqa: S603 - the user's own
        except OSError as error:
            self._loop.remove_signal_handler(signal.SIGCHLD)
            code = NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
            raise CommandError(f"{command[0]}: cannot be run: {error.strerror}", code) from error
        self._terminal.lend(self._process.pid)
        self._look()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the command and all that it started."""
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            os.killpg(self._process.pid, number)
            os.killpg(self._process.pid, signal.SIGCONT)  # one that is stopped would not hear of it

    def _look(self) -> None:
        while not self.ended.done():
            pid, status = os.waitpid(self._process.pid, os.WNOHANG | os.WUNTRACED)
            if pid == 0:
                return
            if os.WIFSTOPPED(status):
                self._suspend(signal.Signals(os.WSTOPSIG(status)))
                continue
            self._terminal.take_back()
            self._loop.remove_signal_handler(signal.SIGCHLD)
            code = os.waitstatus_to_exitcode(status)
            self._process.returncode = code  # it was waited for here, which Popen cannot know
            self.ended.set_result(code if code >= 0 else 128 - code)

    def _suspend(self, number: signal.Signals) -> None:
        """The command was stopped: if by Ctrl-Z, stop too, and go on together with it."""
        if not self._terminal.lent:
            return
        if number not in {signal.SIGTTIN, signal.SIGTTOU}:  # those mean that it used the terminal before it had it
            self._terminal.take_back()
            os.killpg(os.getpgrp(), signal.SIGTSTP)
        self._terminal.lend(self._process.pid)
        self.send(signal.SIGCONT)
