"""`cpproxy doctor`: says, before anything runs, which variables, names and orders of a compose project lead astray."""

import os
import sys
from pathlib import Path

import click

from cpproxy.cli.options import Settings, common_options, format_option
from cpproxy.cli.output import write
from cpproxy.cli.wiring import read_files
from cpproxy.errors import Exit
from cpproxy.report import wiring as report
from cpproxy.report.terminal import shows_colour


@click.command("doctor")
@click.argument("files", metavar="[COMPOSE_FILE|-]...", nargs=-1)
@click.option("--front", "fronts", multiple=True, metavar="SERVICE", help="The service that runs cpproxy.")
@click.option("--client", "clients", multiple=True, metavar="SERVICE", help="One that calls the control plane; repeat.")
@click.option(
    "--profile", "profiles", multiple=True, metavar="NAME", help="Look at services of this profile; `*`: all."
)
@click.option("--env-file", "env_files", multiple=True, metavar="FILE", help="Instead of .env, as compose takes it.")
@format_option(*report.Form)
@common_options
def doctor(
    settings: Settings,
    /,
    *,
    files: tuple[str, ...],
    fronts: tuple[str, ...],
    clients: tuple[str, ...],
    profiles: tuple[str, ...],
    env_files: tuple[str, ...],
    format: str,  # noqa: A002 (the flag's name)
) -> int:
    """Say what in a compose project leads the control plane's clients astray; nothing is started.

    Reads compose files, laid over one another in order, or `-`: what `docker compose config` prints. Without any, the
    files that compose would take. Exits 1 for findings.
    """
    # Imported here: `--help` does without a reader of YAML.
    from cpproxy.core.wiring.diagnosis import diagnose  # noqa: PLC0415
    from cpproxy.files.compose.project import find_files  # noqa: PLC0415

    chosen = files or find_files(Path(), os.environ)
    diagnosis = diagnose(
        read_files(chosen, env_files, profiles),
        settings.config,
        files=chosen,
        fronts=fronts,
        clients=clients,
        supplied=_find_supplied(settings),
        show=settings.redactor.text,
    )
    form = report.Form(format)
    write(report.render(diagnosis, form, colour=shows_colour(sys.stdout), quiet=settings.verbosity < 0))
    return Exit.FINDINGS if diagnosis.findings else Exit.CLEAN


def _find_supplied(settings: Settings) -> dict[str, str]:
    """The variables of credentials that the cassettes' answers hand out. CassetteError for one that cannot be read."""
    from cpproxy.core.wiring.supplies import find_supplied  # noqa: PLC0415 (as above)
    from cpproxy.files import cassettes  # noqa: PLC0415 (as above)

    wanted = {name for route in settings.config.routes for name in route.credentials}
    if not wanted or not settings.cassettes.is_dir():
        return {}
    names = cassettes.names(settings.cassettes)
    return find_supplied(((name, cassettes.read(settings.cassettes, name)) for name in names), wanted)
