"""`cpproxy calls` and `cpproxy call`: what arrived, and what became of it."""

import contextlib
import itertools
import sys
import time
from collections.abc import Callable, Iterable, Iterator

import click

from cpproxy.cli.options import Settings, common_options, format_option, session_option, url_option
from cpproxy.cli.output import write
from cpproxy.core.answers import NamedCall
from cpproxy.core.calls import Outcome
from cpproxy.report import calls as report
from cpproxy.report.terminal import Paint, shows_colour

_POLL = 0.5

type _Page = Callable[[int], tuple[list[NamedCall], bool]]


@click.command()
@click.option("--outcome", type=click.Choice([outcome.value for outcome in Outcome]), help="Those of this outcome.")
@click.option("--client", default="", help="Those of this client; a part of its name will do.")
@click.option("--route", default="", help="Those of this route of the config, by its name.")
@click.option("--scenario", default="", help="Those of this scenario.")
@session_option("Those of this session.")
@click.option("--run", default="latest", metavar="ID", show_default=True, help="Those of this run.")
@click.option("--follow", is_flag=True, help="Go on with those that arrive, until the run is over.")
@url_option
@format_option("text", "json")
@common_options
def calls(
    settings: Settings,
    /,
    *,
    run: str,
    url: str | None,
    format: str,  # noqa: A002 (the flag's name)
    follow: bool,
    **filters: str | None,
) -> None:
    """List calls and what became of each.

    As JSON they are one array, with --follow a line each.
    """
    wanted = {word: str(value) for word, value in filters.items() if value}
    with contextlib.ExitStack() as stack:
        page = _ask_proxy(url, run, wanted) if url else stack.enter_context(_ask_ledger(settings, run, wanted))
        found = _all_of(page, follow=follow)
        match format, follow:
            case "json", True:
                pieces: Iterable[str] = report.as_json_lines(found)
            case "json", False:
                pieces = report.as_json(found)
            case _:
                pieces = report.as_text(found, Paint(colour=shows_colour(sys.stdout)))
        for piece in pieces:
            write(piece)
            if follow:
                sys.stdout.flush()


@click.command()
@click.argument("name", metavar="ID")
@url_option
@format_option("text", "json")
@common_options
def call(settings: Settings, name: str, url: str | None, format: str) -> None:  # noqa: A002 (the flag's name)
    """Show one call in full, by RUN:SEQ, or by SEQ for one of the latest run."""
    if url:
        from cpproxy.cli.remote import Remote  # noqa: PLC0415 (not needed for the ledger)

        found = Remote(url).call(name)
    else:
        from cpproxy.cli.books import open_ledger  # noqa: PLC0415 (not needed with --url)

        with open_ledger(settings.ledger) as ledger:
            run, row = ledger.call(name)
            found = NamedCall(f"{run}:{row.seq}", row)
    shown = report.show_json(found) if format == "json" else report.show(found, Paint(colour=shows_colour(sys.stdout)))
    write(shown)


def _all_of(page: _Page, *, follow: bool) -> Iterator[NamedCall]:
    """The calls of page after page, until one is empty; when following, until the run is over as well."""
    last = 0
    while True:
        found, goes_on = page(last)
        yield from found
        if found:
            last = found[-1].call.seq
        elif not follow or not goes_on:
            return
        else:
            time.sleep(_POLL)


def _ask_proxy(url: str, run: str, wanted: dict[str, str]) -> _Page:
    from cpproxy.cli.remote import AbsentError, Remote  # noqa: PLC0415 (not needed for the ledger)

    remote = Remote(url)
    remote.version()  # so that one that is not there is told from one that has stopped

    def page(after: int) -> tuple[list[NamedCall], bool]:
        try:
            return list(remote.calls({**wanted, "run": run, "after": str(after)}).calls), True
        except AbsentError:  # it has stopped: that is the end of its run
            return [], False

    return page


@contextlib.contextmanager
def _ask_ledger(settings: Settings, run: str, wanted: dict[str, str]) -> Iterator[_Page]:
    from cpproxy.cli.books import open_ledger, parse_filter  # noqa: PLC0415 (not needed with --url)

    with open_ledger(settings.ledger) as ledger:
        name = ledger.run(run).run.id

        def page(after: int) -> tuple[list[NamedCall], bool]:
            ledger.ingest()
            known = ledger.run(name)  # before the calls: a run that is over gets no more of them
            rows = ledger.calls(name, parse_filter({**wanted, "after": str(after)}))
            found = [NamedCall(f"{name}:{row.seq}", row) for row in itertools.islice(rows, 1000)]
            return found, known.ended is None and not known.killed

        yield page
