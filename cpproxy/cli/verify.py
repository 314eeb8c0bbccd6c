"""`cpproxy verify`: judges a run, after a command if one is given."""

import asyncio
import os
import signal
import sys

import click

from cpproxy.cli.command import RunningCommand, TakesCommand, check_command
from cpproxy.cli.options import Settings, common_options, format_option, session_option, url_option
from cpproxy.cli.output import print_error, write
from cpproxy.cli.wiring import compose_option, read_wiring
from cpproxy.core.answers import Ask
from cpproxy.core.judge import parse_fail_on
from cpproxy.core.requirements import Requirement
from cpproxy.core.runs import Mode
from cpproxy.core.verdict import Verdict
from cpproxy.errors import CpproxyError, UsageError
from cpproxy.report import verdicts

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@click.command(cls=TakesCommand)
@click.option("--run", "run", metavar="ID", default="latest", show_default=True, help="The run to judge.")
@click.option(
    "--require",
    multiple=True,
    metavar="'METHOD PATH [JSONPATH=VALUE …] [>=N]'",
    help="Calls that must have arrived at the front; repeat it for more.",
)
@click.option("--fail-on", default="", metavar="KINDS", help="Warnings that count as findings, by commas, or `all`.")
@compose_option
@session_option("Judge the calls and cassettes of this session alone.")
@url_option
@format_option(*verdicts.Form)
@common_options
def verify(
    settings: Settings,
    /,
    *,
    run: str,
    require: tuple[str, ...],
    fail_on: str,
    compose: tuple[str, ...],
    session: str,
    url: str | None,
    format: str,  # noqa: A002 (the flag's name)
    command: tuple[str, ...],
) -> int:
    """Judge a run: from its ledger, or with --url the one of a running proxy.

    With a COMMAND: run it first, and judge whatever it did. The exit code is the command's own if it is not 0, else 0
    for a clean run, 1 for findings, 5 for a run at which nothing arrived.
    """
    for text in require:
        Requirement.parse(text)
    parse_fail_on(fail_on)
    if url and run != "latest":
        raise UsageError("--run is for the ledger; a running proxy judges its own run")
    wiring = read_wiring(settings, compose)
    code = asyncio.run(_run(command, url)) if command else 0
    from cpproxy.cli.checkout import read_digests  # noqa: PLC0415 (the command line is checked first)

    try:
        ask = Ask(require, fail_on, read_digests(settings.cassettes), session, wiring)
        verdict = _judge(settings, run, url, ask)
    except CpproxyError as error:
        if not code:
            raise
        print_error(str(error))
        return code
    quiet = settings.verbosity < 0
    write(verdicts.render_for(sys.stdout, verdict, verdicts.Form(format), quiet=quiet))
    return code or verdict.exit


async def _run(command: tuple[str, ...], url: str | None) -> int:
    """Run the command to its end, passing signals on; its exit code."""
    check_command(command)
    environment = dict(os.environ) | ({"CPPROXY_URL": url} if url else {})
    running = RunningCommand(command, environment)
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, running.send, number)
    return await running.ended


def _judge(settings: Settings, run: str, url: str | None, ask: Ask) -> Verdict:
    if url:
        from cpproxy.cli.remote import Remote  # noqa: PLC0415 (not needed for the ledger)

        return Remote(url).verdict(ask)

    from cpproxy.cli.books import judge_run, open_ledger  # noqa: PLC0415 (not needed with --url)
    from cpproxy.cli.checkout import make_plan  # noqa: PLC0415 (as above)
    from cpproxy.core.routes import RouteTable  # noqa: PLC0415 (as above)
    from cpproxy.files import cassettes  # noqa: PLC0415 (as above)

    here = ask.checkout or {}
    with open_ledger(settings.ledger) as ledger:
        known = ledger.run(run)
        # What differs from what was served says nothing about it; that it differs is a finding of its own.
        same = [one.name for one in known.run.cassettes if here.get(one.name) == one.sha256]
        loaded = [cassettes.load(settings.cassettes, name) for name in same] if known.run.mode is Mode.REPLAY else []
        plan = make_plan(loaded, RouteTable(settings.config.routes))
        return judge_run(ledger, known, settings.config, plan, ask)
