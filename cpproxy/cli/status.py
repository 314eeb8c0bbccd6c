"""`cpproxy status`: what a running proxy serves and has seen, or how the last run ended."""

import click

from cpproxy.cli.options import Settings, common_options, format_option, session_option, url_option
from cpproxy.cli.output import write
from cpproxy.cli.remote import AbsentError, find
from cpproxy.core.answers import State, Version
from cpproxy.core.runs import DEFAULT_SESSION, Mode
from cpproxy.report.terminal import escape
from cpproxy.report.texts import indented


@click.command()
@session_option("The session whose calls are counted.")
@url_option
@format_option("text", "json")
@common_options
def status(settings: Settings, /, *, session: str, url: str | None, format: str) -> None:  # noqa: A002 (the flag's name)
    """Show what a running proxy serves and has seen; where none runs, how the last run ended."""
    try:
        remote = find(settings, url)
        version, state = remote.version(), remote.state(session)
    except AbsentError:
        if url:
            raise
        write(_describe_last(settings, format))
        return
    if format == "json":
        write(indented({"running": True, "version": version, "state": state}))
    else:
        write(_describe(version, state))


def _describe(version: Version, state: State) -> str:
    """A running proxy in a few lines."""
    verb = "replaying" if version.mode is Mode.REPLAY else "recording"
    calls = ", ".join(f"{count} {outcome}" for outcome, count in state.calls.items()) or "none"
    lines = [f"{verb} on {state.url} (run {version.run}, cpproxy {version.version})"]
    lines += [
        f"cassette {one.name}: {one.interactions} interactions, sha256 {one.sha256[:12]}" for one in version.cassettes
    ]
    lines += [f"digest {version.digest}"] if version.digest else []
    if trap := state.trap:
        lines += [escape(trap.problem)] if trap.problem else [f"trap {escape(one)}" for one in trap.addresses]
    lines += [f"session {escape(state.session)}"] if state.session != DEFAULT_SESSION else []
    lines += [f"scenario {escape(state.scenario)}"] if state.scenario else []
    lines += [f"calls: {calls}"]
    lines += [f"{name}: {count}" for name, count in state.counters.items()]
    return "".join(f"{line}\n" for line in lines)


def _describe_last(settings: Settings, form: str) -> str:
    from cpproxy.cli.books import open_ledger  # noqa: PLC0415 (not needed for a running proxy)

    with open_ledger(settings.ledger) as ledger:
        known = ledger.run()
        count = ledger.count(known.run.id)
    if form == "json":
        ended = {"ended": known.ended, "reason": known.end_reason, "killed": known.killed}
        return indented({"running": False, "run": known.run, "calls": count, **ended})
    if known.killed:
        end = "was killed"
    elif known.ended is None:
        end = "goes on elsewhere"
    else:
        end = f"ended ({known.end_reason or 'in order'})"
    return f"no proxy runs here; run {known.run.id} ({known.run.mode}) {end}, calls: {count} (`cpproxy verify`)\n"
