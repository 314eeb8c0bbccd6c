"""Who may ask a proxy for what it has seen: whoever shows its admin token, where it has one.

The token comes from a variable or a file, and never from a flag: what is in a process's arguments everybody can read.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cpproxy.cli.listening import Address, look_up
from cpproxy.core.hosts import fold, is_loopback, parse_base
from cpproxy.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from cpproxy.cli.options import Settings
    from cpproxy.core.addresses import Public

TOKEN = "CPPROXY_ADMIN_TOKEN"  # noqa: S105 (a variable's name)
TOKEN_FILE = "CPPROXY_ADMIN_TOKEN_FILE"  # noqa: S105 (as above)
SHORTEST = 8
"""Characters of the shortest token that is accepted."""

_LONGEST = 4096


def token_file_option(function: "Callable[..., Any]") -> "Callable[..., Any]":
    """`--admin-token-file`, as `token_file: str | None`, for `read_token`."""
    return click.option(
        "--admin-token-file",
        "token_file",
        metavar="FILE",
        help=f"Ask for the token in it on the admin paths. [default: {TOKEN_FILE}, or the token in {TOKEN}]",
    )(function)


def read_token(token_file: str | None = None) -> str:
    """The admin token, or nothing where none is set. UsageError for a file that cannot be read, or holds none."""
    file = token_file or os.environ.get(TOKEN_FILE, "")
    if not file:
        token, source = os.environ.get(TOKEN, "").strip(), TOKEN
        if not token:
            return ""
    else:
        source = f"the admin token's file {file}"
        try:
            with Path(file).open("rb") as opened:  # which may be a pipe, or a device without an end
                token = opened.read(_LONGEST + 1).decode().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise UsageError(f"{source} cannot be read: {reason}") from error
    if not SHORTEST <= len(token) <= _LONGEST or not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError(f"{source}: expected a token of {SHORTEST} visible ASCII characters or more, up to {_LONGEST}")
    from cpproxy.core.redaction.words import is_common  # noqa: PLC0415 (only for those who have a token)

    if is_common(token):
        raise UsageError(f"{source}: expected a token that was made at random, not a common word or name")
    return token


def list_names(settings: "Settings", address: Address, public: "Public | None") -> frozenset[str]:
    """The names by which the front is known: that which it listens on, the public one, and the config's."""
    configured = parse_base(settings.config.cp.front_url)
    names = (address.host, public and public.name, configured and configured.hostname)
    return frozenset(fold(name) for name in names if name)


def require_token(address: Address, token: str) -> None:
    """UsageError where a recorder is to listen for others than this machine and has no admin token."""
    found = look_up(address.host)  # what does not resolve is told where it is listened on
    if not token and not (found and all(map(is_loopback, found))):
        raise UsageError(
            f"record on {address.host} lets others ask for what it has seen: set {TOKEN}, or name a file with "
            "--admin-token-file; or listen on 127.0.0.1"
        )


def refuse_ci(*, allowed: bool) -> None:
    """UsageError where a recorder is started by a pipeline, which is to replay."""
    if not allowed and os.environ.get("CI", "").lower() not in {"", "0", "false", "no"}:
        raise UsageError(
            "CI is set, and a pipeline replays: `cpproxy replay`; to record there all the same: --allow-ci"
        )
