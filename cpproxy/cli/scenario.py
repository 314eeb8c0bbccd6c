"""`cpproxy scenario`: a script says where it is."""

import click

from cpproxy.cli.options import Settings, accept_common_options, common_options, session_option, url_option
from cpproxy.cli.remote import find
from cpproxy.core.answers import Begin, End
from cpproxy.errors import UsageError

_session = session_option("The session that the script plays in.")


@click.group()
@accept_common_options
def scenario() -> None:
    """Tell a running proxy which scenario begins or ends."""


@scenario.command()
@click.argument("name")
@click.option("--xfail", metavar="REASON", help="It is known to fail, and this is why.")
@_session
@url_option
@common_options
def begin(settings: Settings, /, *, name: str, xfail: str | None, session: str, url: str | None) -> None:
    """Put the cassette NAME first until the scenario ends, and count calls as this scenario's."""
    if xfail is not None and not xfail.strip():  # a variable that is not set would else take the mark off, unseen
        raise UsageError("--xfail: expected why it is known to fail, as in '#2863: no pong'")
    find(settings, url).begin(session, Begin(name, xfail or ""))


@scenario.command()
@click.option("--exit", "code", type=int, metavar="N", help="The exit code with which the script ended.")
@_session
@url_option
@common_options
def end(settings: Settings, /, *, code: int | None, session: str, url: str | None) -> None:
    """End the scenario that has begun."""
    find(settings, url).end(session, End(code))
