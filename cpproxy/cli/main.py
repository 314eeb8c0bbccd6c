"""The `cpproxy` command: finds a subcommand, runs it, and turns every failure into one line and an exit code.

A subcommand is imported when it is run, so that `--help` stays fast; the help line of each stands here for that reason.
A subcommand returns its exit code, or nothing for 0.
"""

import difflib
import errno
import importlib
import os
import sys
import threading
import traceback
from pathlib import Path
from typing import NamedTuple, NoReturn, override

import click

from cpproxy import __version__
from cpproxy.cli.options import Given, accept_common_options
from cpproxy.cli.output import hear, print_error, tell
from cpproxy.errors import CpproxyError, Exit

INTERRUPTED = 130  # 128 + SIGINT, as shells say it
BROKEN_PIPE = 141  # 128 + SIGPIPE


class Entry(NamedTuple):
    """Where a subcommand is, and the line that stands for it in `--help`."""

    module: str
    attribute: str
    help: str


COMMANDS = {
    "record": Entry("cpproxy.cli.record", "record", "Record an upstream's answers into a cassette."),
    "replay": Entry("cpproxy.cli.replay", "replay", "Serve cassettes; never contact an upstream."),
    "verify": Entry("cpproxy.cli.verify", "verify", "Judge a run from its ledger."),
    "scenario": Entry("cpproxy.cli.scenario", "scenario", "Tell a running proxy which scenario begins or ends."),
    "wait": Entry("cpproxy.cli.wait", "wait", "Wait until a running proxy is ready, or calls have arrived."),
    "status": Entry("cpproxy.cli.status", "status", "Show what a running proxy serves and has seen."),
    "calls": Entry("cpproxy.cli.calls", "calls", "List calls and what became of each."),
    "call": Entry("cpproxy.cli.calls", "call", "Show one call in full."),
    "doctor": Entry("cpproxy.cli.doctor", "doctor", "Say what in a compose project leads clients astray."),
    "canary": Entry("cpproxy.cli.canary", "canary", "Show that calls from here that go astray are caught."),
    "ca": Entry("cpproxy.cli.ca", "ca", "Print the certificate by which clients trust the trap."),
    "cassette": Entry("cpproxy.cli.cassette", "cassette", "List, show, check and compare cassettes."),
}


class LazyGroup(click.Group):
    """A group that imports a subcommand when it is run, and lists all without importing any."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command: click.Command = getattr(importlib.import_module(entry.module), entry.attribute)
        return command

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])

    @override
    def resolve_command(
        self,
        ctx: click.Context,
        args: list[str],
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS:
            near = difflib.get_close_matches(name, COMMANDS, 1)
            hint = f"did you mean `{near[0]}`?" if near else "`cpproxy --help` lists all"
            raise click.UsageError(f"no command `{name}`: {hint}", ctx)
        return super().resolve_command(ctx, args)


@click.command(
    "cpproxy",
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "-V", "--version", message="cpproxy %(version)s")
@accept_common_options
def group() -> None:
    """Record a control plane's HTTP traffic, replay it, and account for every call."""


def _describe_usage(error: click.ClickException) -> str:
    message = error.format_message().rstrip(".")
    message = message[:1].lower() + message[1:]
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    return f"{message} (see `{ctx.command_path} --help`)" if ctx and ctx.command is not group else message


def _print_unexpected(error: Exception, *, debug: bool) -> None:
    if debug:
        tell("".join(traceback.format_exception(error)))
    hint = "" if debug else "; this is a defect of cpproxy: -v -v or CPPROXY_DEBUG=1 shows where it arose"
    # Not its text, which may quote anything; but what the system says of a file tells more than a defect would.
    what = ""
    if isinstance(error, OSError) and error.strerror:
        what = f": {error.strerror}" + (f": {error.filename}" if error.filename else "")
    print_error(f"{type(error).__name__}{what}{hint}")


def _explain(error: BaseException, given: Given) -> int:
    """Tell on standard error what ended a command, and return the exit code for it."""
    match error:
        case click.exceptions.Exit():
            return error.exit_code
        case CpproxyError():
            print_error(str(error))
            return error.exit
        case click.exceptions.NoArgsIsHelpError():
            error.show()
        case click.ClickException():
            print_error(_describe_usage(error))
        case KeyboardInterrupt() | click.Abort():
            return INTERRUPTED
        case BrokenPipeError():
            # Nobody reads on. What is still buffered would fail again at exit, so it goes nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return BROKEN_PIPE
        case OSError(errno=errno.ENOSPC):  # of a ledger and of cassettes it is told where it is met
            print_error(f"the output cannot be written: {error.strerror}")
        case Exception():
            _print_unexpected(error, debug=given.verbosity > 1 or os.environ.get("CPPROXY_DEBUG", "") not in {"", "0"})
        case _:
            raise error
    return Exit.USAGE


def run(args: list[str]) -> int:
    """Run one command line and return its exit code; every failure has been told on standard error."""
    given = Given()
    hear([*args, *(value for name, value in os.environ.items() if name.startswith("CPPROXY_"))])
    try:
        # Not by click's own `main`, which would end an interrupt and a broken pipe in ways of its own.
        with group.make_context("cpproxy", args, obj=given) as context:
            code = group.invoke(context)
        sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001 - the last boundary
        return _explain(error, given)
    return int(code or 0)


def _replace_closed_streams() -> None:
    """Let what is written to an output that was closed at the start (`>&-`) go nowhere, instead of failing."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - until the end


def _hush() -> None:
    """Lets what ends a thread, or is raised where nobody can catch it, be told by its name; Python shows all of it."""

    def tell_of(what: str, kind: type[BaseException]) -> None:
        print_error(f"{what}: {kind.__name__}; this is a defect of cpproxy")

    threading.excepthook = lambda left: tell_of("a thread ended", left.exc_type)
    sys.unraisablehook = lambda left: tell_of("something could not be cleared away", left.exc_type)


def main() -> NoReturn:
    """The console script."""
    _replace_closed_streams()
    _hush()
    sys.exit(run(sys.argv[1:]))
