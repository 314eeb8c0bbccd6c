"""`cpproxy cassette`: lists, shows, checks and compares cassettes."""

import difflib
import functools
import io
import os
import sys
import time
from typing import TYPE_CHECKING

import click
import msgspec

from cpproxy.cli import output
from cpproxy.cli.options import Settings, accept_common_options, common_options, format_option
from cpproxy.core.redaction.exchanges import mask_all
from cpproxy.core.replay.ground import survey
from cpproxy.core.replay.inventory import list_identities
from cpproxy.core.replay.loading import Library, load
from cpproxy.core.review import lint as linting
from cpproxy.core.review.advice import find_advice
from cpproxy.core.review.ambiguity import find_ambiguities
from cpproxy.core.review.lint import Level, Remark
from cpproxy.core.routes import RouteTable
from cpproxy.errors import CassetteError, Exit, UsageError
from cpproxy.files import cassettes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from rich.text import Text

    from cpproxy.core.cassette import Cassette, Interaction
    from cpproxy.files.scanning import Hit

_LEAK = "holds what looks like a secret ({}): record it again, or say in [redact] of the config that it is none"


@click.group()
@accept_common_options
def cassette() -> None:
    """List, show, check and compare cassettes."""


@cassette.command("ls")
@format_option("text", "json")
@common_options
def ls(settings: Settings, format: str) -> int:  # noqa: A002 - the flag's name
    """List the cassettes of the folder.

    One that cannot be read is told on standard error, and the exit code is then 3.
    """
    from cpproxy.report import cassettes as report  # noqa: PLC0415 - `--help` does without rich

    summaries, errors = [], []
    for name in cassettes.names(settings.cassettes):
        try:
            loaded = cassettes.load(settings.cassettes, name)
        except CassetteError as error:
            errors.append(error)
            continue
        head = loaded.head
        summaries.append(
            report.Summary(
                name=name,
                interactions=len(head.interactions),
                recorded=head.recorded.at,
                upstream=settings.redactor.message(head.recorded.upstream),
                incomplete=settings.redactor.message(head.incomplete),
                size=loaded.size,
                sha256=loaded.sha256,
            ),
        )
    output.write(report.list_cassettes(summaries, format))
    for one in errors:
        output.print_error(str(one))
    return Exit.CASSETTE if errors else Exit.CLEAN


@cassette.command("show")
@click.argument("name")
@click.argument("interaction_id", metavar="[ID]", required=False)
@click.option("--identities", is_flag=True, help="Show what names things: where, who made it, and why.")
@format_option("text", "json")
@common_options
def show(
    settings: Settings,
    name: str,
    interaction_id: str | None,
    identities: bool,  # noqa: FBT001 - click hands flags over like this
    format: str,  # noqa: A002 - the flag's name
) -> int:
    """Show the cassette NAME: all of it, or the interaction ID, or what names things in it."""
    from cpproxy.report import cassettes as report  # noqa: PLC0415 - `--help` does without rich

    if identities:
        if interaction_id is not None:
            raise UsageError("--identities is about a whole cassette: leave the interaction out")
        head = cassettes.load(settings.cassettes, name).head
        listed = list_identities(_load(settings, name), name, head)
        output.write(report.list_identities(listed, format))
        return Exit.CLEAN
    read = mask_all(cassettes.read(settings.cassettes, name), settings.redactor)
    chosen = read.interactions if interaction_id is None else (_find(read, name, interaction_id),)
    if format == "json":
        output.write(report.show_json(read if interaction_id is None else chosen[0]))
        return Exit.CLEAN
    if interaction_id is None:
        _print(report.show_head(name, read))
    for interaction in chosen:
        _print(report.show_interaction(interaction))
    return Exit.CLEAN


@cassette.command("lint")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--strict", is_flag=True, help="Exit 1 for warnings too.")
@format_option("text", "json")
@common_options
def lint(
    settings: Settings,
    names: tuple[str, ...],
    strict: bool,  # noqa: FBT001 - click hands flags over like this
    format: str,  # noqa: A002 - the flag's name
) -> int:
    """Check the cassettes NAME, or all: whether they can be read, hold a secret, or cannot be trusted otherwise.

    What a recorder left beside them, and is no cassette yet, is looked through for secrets alone.

    A warning tells what a recording leaves open, or what could be mended; it may well stay. Exits 3 if one cannot be
    read, else 1 if there is a finding about one.
    """
    from cpproxy.files import drafts, scanning  # noqa: PLC0415 - no other command scans
    from cpproxy.files.scanning.exemptions import read_exemptions  # noqa: PLC0415
    from cpproxy.report import cassettes as report  # noqa: PLC0415 - `--help` does without rich

    chosen = cassettes.choose(settings.cassettes, names)
    redact = settings.config.redact
    known = [os.environ.get(variable, "") for variable in redact.environment]
    allowed = read_exemptions(redact)
    with scanning.Scanner() as scanner:
        look = functools.partial(scanner.scan, known=known, allowed=allowed)
        remarks = [(str(cassettes.locate(settings.cassettes, name)), _lint(settings, name, look)) for name in chosen]
        remarks += [(str(path), _find_leaks(look(data))) for path, data in drafts.find(settings.cassettes, names)]
        said = settings.redactor.message  # a remark may quote the file
        comments = [
            report.Comment(one.level, where, said(one.path), said(one.text))
            for where, found in remarks
            for one in found
        ]
    output.write(report.list_comments(comments, format))
    levels = {comment.level for comment in comments}
    if Level.ERROR in levels:
        return Exit.CASSETTE
    found = Level.FINDING in levels or (strict and Level.WARNING in levels)
    return Exit.FINDINGS if found else Exit.CLEAN


@cassette.command("learn")
@click.argument("one", metavar="A")
@click.argument("other", metavar="B")
@click.option("--write", is_flag=True, help="Name in both cassettes the identities that were not seen.")
@format_option("text", "json")
@common_options
def learn(
    settings: Settings,
    one: str,
    other: str,
    write: bool,  # noqa: FBT001 - click hands flags over like this
    format: str,  # noqa: A002 - the flag's name
) -> int:
    """Compare two recordings of one scenario, A and B: what varies, and which lines of config replay needs for it.

    Exits 1 if something varies that nothing explains.
    """
    from cpproxy.core.review import learning  # noqa: PLC0415 - no other command compares
    from cpproxy.report import cassettes as report  # noqa: PLC0415 - `--help` does without rich

    if one == other:
        raise UsageError(f"learn compares two recordings: {one} is named twice")
    config = settings.config

    def compare() -> tuple[learning.Lesson, list[cassettes.Loaded]]:
        loaded = [cassettes.load(settings.cassettes, name) for name in (one, other)]
        return learning.learn(loaded[0], loaded[1], config.routes, config.replay), loaded

    lesson, loaded = compare()
    if write and any(lesson.values):
        name_identities(settings.cassettes, zip(loaded, lesson.values, strict=True))
        lesson, _ = compare()
    output.write(report.show_lesson(lesson, one, other, format))
    return Exit.FINDINGS if lesson.unexplained else Exit.CLEAN


def name_identities(folder: "Path", wanted: "Iterable[tuple[cassettes.Loaded, tuple[str, ...]]]") -> None:
    """Write identities into cassettes that were compared; UsageError, and nothing is written, where one has changed."""
    pairs = list(wanted)
    for loaded, _ in pairs:
        if cassettes.file_digest(folder, loaded.name) != loaded.sha256:
            raise UsageError(
                f"cassette {loaded.name} has changed since it was compared, and none was written: try again"
            )
    for loaded, values in pairs:
        named = tuple(dict.fromkeys((*loaded.head.identities, *values)))
        cassettes.write(folder, loaded.name, msgspec.structs.replace(loaded.head, identities=named))


@cassette.command("digest")
@common_options
def digest(settings: Settings) -> int:
    """Print the digest of the folder, which a shell can compute.

    cd DIR && find . -name '*.json' | LC_ALL=C sort | xargs sha256sum | sha256sum
    """
    output.write(f"{cassettes.digest(settings.cassettes)}\n")
    return Exit.CLEAN


def _load(settings: Settings, name: str, *more: str) -> Library:
    """What replay makes of cassettes, under the config's routes and rules."""
    loaded = [cassettes.load(settings.cassettes, one) for one in (name, *more)]
    return load(loaded, RouteTable(settings.config.routes), settings.config.replay)


def _find(read: "Cassette", name: str, interaction_id: str) -> "Interaction":
    for interaction in read.interactions:
        if interaction.id == interaction_id:
            return interaction
    near = difflib.get_close_matches(interaction_id, [interaction.id for interaction in read.interactions], 1)
    hint = f"did you mean {near[0]}?" if near else f"`cpproxy cassette show {name}` shows all"
    raise UsageError(f"cassette {name} has no interaction {interaction_id!a}: {hint}")


def _lint(settings: Settings, name: str, look: "Callable[[bytes], tuple[Hit, ...]]") -> "Iterator[Remark]":
    try:
        read = cassettes.read(settings.cassettes, name)
        text = cassettes.read_text(settings.cassettes, name)
    except CassetteError as error:
        yield Remark(error.path, error.expected, Level.ERROR)
        return
    hits = look(text.encode())
    yield from _find_leaks(hits)
    own = linting.lint(read, RouteTable(settings.config.routes), settings.redactor.finder)
    ground = survey(_load(settings, name), name)
    advice = find_advice(ground, settings.config.cp.hosts, time.time())
    yield from linting.find_repeated(text)
    yield from (one for one in own if not (one.secret and any(hit.where.startswith(one.path) for hit in hits)))
    yield from find_ambiguities(ground)
    yield from advice


def _find_leaks(hits: "Iterable[Hit]") -> "Iterator[Remark]":
    """What the scan has seen, each place once."""
    leaks: dict[str, list[str]] = {}
    for hit in hits:
        leaks.setdefault(hit.where, []).append(hit.rule)
    for path, rules in leaks.items():
        yield Remark(path, _LEAK.format("; ".join(rules)), Level.FINDING)


def _print(text: "Text") -> None:
    """Write coloured text to a terminal that takes colours, else plain text."""
    from rich.console import Console  # noqa: PLC0415 - as above

    # Not to standard output itself, where rich would end the process with code 1 once nobody reads on.
    written = io.StringIO()
    console = Console(
        file=written,
        force_terminal=sys.stdout.isatty() or None,
        soft_wrap=True,
        highlight=False,
        color_system=None if os.environ.get("NO_COLOR") else "auto",  # rich alone would leave bold and dim
    )
    console.print(text, end="")
    output.write(written.getvalue())
