"""`cpproxy wait`: returns once a proxy is ready or calls have arrived, and fails at once when one went wrong."""

import time

import click

from cpproxy.cli.options import Settings, common_options, session_option, url_option
from cpproxy.cli.output import print_error
from cpproxy.cli.remote import AbsentError, Remote, find
from cpproxy.core.answers import Wait
from cpproxy.core.requirements import parse_waits
from cpproxy.core.wording import count
from cpproxy.errors import Exit, UsageError

_POLL = 0.05
_LONGEST = 1e6  # seconds: more than any run, less than what a socket takes for its timeout


@click.command()
@click.option(
    "--for", "calls", multiple=True, metavar="'METHOD PATH [>=N]'", help="Calls to wait for; repeat for more."
)
@click.option("--timeout", type=float, default=30.0, show_default=True, metavar="S", help="In seconds.")
@session_option("The session that the calls are made in.")
@url_option
@common_options
def wait(settings: Settings, /, *, calls: tuple[str, ...], timeout: float, session: str, url: str | None) -> int:
    """Wait until a proxy is ready, and with --for until these calls have arrived at its front.

    Exit code 1 when they have not in time, or at once when a call missed or went past the front.
    """
    parse_waits(calls)
    if not 0 <= timeout <= _LONGEST:  # neither is `nan`
        raise UsageError(f"--timeout {timeout:g}: expected seconds from 0 to {_LONGEST:.0f}")
    deadline = time.monotonic() + timeout
    try:
        remote = _await_ready(settings, url, deadline)
    except _NotReadyError as error:
        print_error(f"wait: no proxy is ready after {timeout:g} s: {error}")
        return Exit.FINDINGS
    if not calls:
        return Exit.CLEAN
    waited = remote.wait(session, Wait(calls, max(0.0, deadline - time.monotonic())))
    if waited.met:
        return Exit.CLEAN
    counts = ", ".join(f"{number} of `{text}`" for text, number in waited.counts.items())
    # The proxy was told what was left of the time, which is less than what the user had said.
    reason = f"not there after {timeout:g} s" if waited.late else waited.reason
    if waited.astray:
        astray = count(waited.astray, "call")
        counts += f"; {astray} of this run went past the front (`cpproxy calls --outcome misroute`)"
    print_error(f"wait: {reason}; arrived: {counts}")
    return Exit.FINDINGS


class _NotReadyError(Exception):
    """What was last seen of a proxy that is not ready in time."""


def _await_ready(settings: Settings, url: str | None, deadline: float) -> Remote:
    """The proxy, once it is ready. _NotReadyError when it is not in time."""
    while True:
        try:
            remote = find(settings, url)
            if not (reason := remote.why_not_ready()):
                return remote
        except AbsentError as error:
            reason = str(error)
        if time.monotonic() >= deadline:
            raise _NotReadyError(reason)
        time.sleep(_POLL)
