"""`cpproxy ca`: the certificate of the trap's authority, for clients that are to trust what it shows them."""

import click

from cpproxy.cli.options import Settings, common_options, url_option
from cpproxy.cli.output import write


@click.command()
@url_option
@common_options
def ca(settings: Settings, /, *, url: str | None) -> None:
    """Print the certificate by which clients trust a running proxy's trap, as PEM.

    It is made anew in each run, and lives for a week at most.
    """
    from cpproxy.cli.remote import find  # noqa: PLC0415 (`--help` does without it)

    write(find(settings, url).certificate())
