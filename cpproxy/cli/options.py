"""Flags that all commands share, accepted before a subcommand and after it, and what they come to.

A flag beats its `CPPROXY_*` variable, which beats the config's key. A path in the config is relative to the config's
folder, a path in a flag or variable to the working directory.
"""

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate

import click
from click.core import ParameterSource

from cpproxy.cli.output import hear, open_gate
from cpproxy.core.repeating import repeatable, texts
from cpproxy.errors import UsageError

if TYPE_CHECKING:
    from cpproxy.core.addresses import Public
    from cpproxy.core.config import Config
    from cpproxy.core.redaction.redactor import Redactor

CASSETTES = "cassettes"
LEDGER = ".cpproxy/ledger.db"

type Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


@dataclass(frozen=True, slots=True)
class Settings:
    """What every command is told: `ledger` is a path or a database URL.

    `config_path` is None where no file was found; `verbosity` is below 0 for -q, above it for each -v. All that leaves
    the process goes through `redactor`.
    """

    cassettes: Path
    ledger: str
    config: "Config"
    config_path: Path | None
    verbosity: int
    redactor: "Redactor"


@dataclass(slots=True)
class Given:
    """The common flags as they were met while the command line was parsed, from left to right."""

    values: dict[str, str] = field(default_factory=dict)
    verbosity: int = 0

    def resolve(self) -> Settings:
        """The settings that these flags, the environment and the config come to. UsageError for a bad config."""
        import msgspec  # noqa: PLC0415 - as above

        from cpproxy.files import config as config_file  # noqa: PLC0415 - `--help` does without it

        config, path = config_file.read(Path(self.values["config"]) if "config" in self.values else None)
        hear(texts(msgspec.to_builtins(config)))
        folder = path.parent if path else Path()
        cassettes = (
            Path(self.values["cassettes"]) if "cassettes" in self.values else folder / (config.cassettes or CASSETTES)
        )
        ledger = self.values.get("ledger", "")
        if not ledger:
            ledger = config.ledger or LEDGER
            ledger = ledger if "://" in ledger else str(folder / ledger)
        return Settings(cassettes, ledger, config, path, self.verbosity, open_gate(config.redact, os.environ))


def _remember(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value is None or param.name is None:
        return
    values = ctx.ensure_object(Given).values
    if ctx.get_parameter_source(param.name) is ParameterSource.COMMANDLINE:
        values[param.name] = value
    else:  # the environment, which must not undo a flag that stood before the subcommand
        values.setdefault(param.name, value)


def _louder(ctx: click.Context, _: click.Parameter, times: int) -> None:
    ctx.ensure_object(Given).verbosity += times


def _quieter(ctx: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click calls it
    ctx.ensure_object(Given).verbosity -= int(value)


def _apply(function: Callable[..., Any], *decorators: Decorator) -> Callable[..., Any]:
    for decorator in reversed(decorators):
        function = decorator(function)
    return function


def accept_common_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Accept the common flags, for a group; its commands take their effect by `common_options`."""
    return _apply(
        function,
        click.option(
            "--cassettes",
            metavar="DIR",
            envvar="CPPROXY_CASSETTES",
            callback=_remember,
            expose_value=False,
            help=f"Folder of the cassettes. [default: {CASSETTES}]",
        ),
        click.option(
            "--ledger",
            metavar="URL_OR_PATH",
            envvar="CPPROXY_LEDGER",
            callback=_remember,
            expose_value=False,
            help=f"The database of calls. [default: {LEDGER}]",
        ),
        click.option(
            "--config",
            metavar="FILE",
            envvar="CPPROXY_CONFIG",
            callback=_remember,
            expose_value=False,
            help="The config. [default: cpproxy.toml, else [tool.cpproxy] in pyproject.toml]",
        ),
        click.option("-q", "--quiet", is_flag=True, callback=_quieter, expose_value=False, help="Say less."),
        click.option("-v", "--verbose", count=True, callback=_louder, expose_value=False, help="Say more; twice: all."),
    )


def common_options[**P, R](function: Callable[Concatenate[Settings, P], R]) -> Callable[P, R]:
    """Accept the common flags and hand what they come to, a `Settings`, to a command as its first argument."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        settings = click.get_current_context().ensure_object(Given).resolve()
        return function(settings, *args, **kwargs)

    return accept_common_options(call)


def url_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--url`: the running proxy to ask, as `url: str | None`; None means the ledger."""
    return click.option("--url", metavar="URL", envvar="CPPROXY_URL", help="Ask a running proxy, not the ledger.")(
        function
    )


def listen_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--listen`, as `listen: str | None`, for `cpproxy.cli.lifecycle.find_address`."""
    return click.option(
        "--listen",
        metavar="HOST:PORT",
        envvar="CPPROXY_LISTEN",
        help="Where to listen; port 0 picks a free one. [default: 127.0.0.1:9090, with a command a free port]",
    )(function)


def public_url_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--public-url`, as `public_url: str | None`, for `read_public`."""
    return click.option(
        "--public-url",
        metavar="URL",
        envvar="CPPROXY_PUBLIC_URL",
        help="Where clients reach the front, to stand in answers. [default: the Host that each client sends]",
    )(function)


def read_public(url: str | None) -> "Public | None":
    """The place that `--public-url` names, None without it; UsageError where it names none."""
    if not url:
        return None
    from cpproxy.core.addresses import Public  # noqa: PLC0415 (only for those who ask for it)

    public = Public.parse(url)
    if public is None or any(sign in url for sign in "@?#"):
        raise UsageError(
            f"--public-url {repeatable(url)}: expected where clients reach the front, such as http://cp:9090"
        )
    return public


def check_session(name: str) -> None:
    """UsageError for a name that no session has."""
    from cpproxy.core.runs import SESSION_NAME, is_session  # noqa: PLC0415 (only for those who name one)

    if not is_session(name):
        raise UsageError(f"session {name!a}: {SESSION_NAME}")


def _take_session(_: click.Context, __: click.Parameter, name: str | None) -> str:
    if name is not None:
        check_session(name)
    return name or ""


def session_option(says: str) -> Decorator:
    """`--session`, as `session: str`, empty where none is named; `says` is its help. UsageError for no name."""
    return click.option("--session", callback=_take_session, metavar="NAME", help=says)


def format_option(*formats: str) -> Decorator:
    """`--format` with the given choices, the first of them the default, as `format: str`.

    It has no variable, since one for all commands would name a format that some do not know.
    """
    return click.option(
        "--format",
        type=click.Choice([str(form) for form in formats]),  # an enum would be shown by its members' names
        default=str(formats[0]),
        show_default=True,
        help="How to print.",
    )


def strict_exit_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--strict-exit`, as `strict_exit: bool`, for `cpproxy.cli.lifecycle.serve`."""
    return click.option("--strict-exit", is_flag=True, help="On SIGTERM and SIGINT, exit with the verdict's code.")(
        function
    )
