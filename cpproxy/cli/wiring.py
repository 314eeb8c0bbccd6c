"""`--compose FILE`: what a compose file says of the clients, for verdicts that name services, lines and variables."""

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from cpproxy.cli.options import Settings

if TYPE_CHECKING:
    from cpproxy.core.wiring.project import Project
    from cpproxy.core.wiring.wired import Wiring


def compose_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--compose`, as `compose: tuple[str, ...]`, for `read_wiring`."""
    return click.option(
        "--compose",
        multiple=True,
        metavar="FILE",
        envvar="CPPROXY_COMPOSE",
        help="The clients' compose file, for names, lines and what is not set; repeat it for those laid over it.",
    )(function)


def read_files(files: Sequence[str], env_files: Sequence[str] = (), profiles: Sequence[str] = ()) -> "Project":
    """The project of compose files, `-` among them for standard input. UsageError for what compose would not run."""
    # `--help` does without a reader of YAML.
    from cpproxy.core.wiring.project import STDIN  # noqa: PLC0415
    from cpproxy.files.compose.project import Request, read_project  # noqa: PLC0415

    stdin = sys.stdin.buffer.read() if STDIN in files else b""
    return read_project(Request(tuple(files), os.environ, stdin, tuple(env_files), tuple(profiles)))


def read_wiring(settings: Settings, files: Sequence[str]) -> "Wiring":
    """What the files say of all services, whatever their profiles; nothing without a file. UsageError as above."""
    if not files:
        return {}
    from cpproxy.core.wiring.wired import wire  # noqa: PLC0415 (only for those who name a file)

    return wire(read_files(files, profiles=("*",)), settings.config, settings.redactor.text)
