"""What is in cassettes, for people and for programs.

A cassette holds what others sent, so whatever could steer a terminal is escaped on its way out.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec
from msgspec import UNSET, UnsetType
from rich.highlighter import JSONHighlighter
from rich.text import Text

from cpproxy.core import bodies
from cpproxy.core.cassette import Body, Cassette, Interaction
from cpproxy.core.replay.inventory import Identified
from cpproxy.core.review.learning import Lesson
from cpproxy.core.review.lint import Level
from cpproxy.core.review.variations import Variation
from cpproxy.core.wording import count
from cpproxy.report.terminal import escape
from cpproxy.report.texts import indented

_DIGEST = 12  # hex digits of a digest that people compare by eye
_LISTED = 5  # interactions in which a value stands at one place
_BYTES = 16  # of a body that is no text
_highlight = JSONHighlighter()


class Summary(msgspec.Struct, frozen=True):
    """One row of `cassette ls`: `size` in bytes, `sha256` of the file in hex."""

    name: str
    interactions: int
    recorded: str
    upstream: str
    incomplete: str
    size: int
    sha256: str


class Comment(msgspec.Struct, frozen=True):
    """One line of `cassette lint`."""

    level: Level
    file: str
    path: str
    message: str


@dataclass(frozen=True, slots=True)
class _Side:
    """How one side of an interaction is set off: the sign before its lines, and their style."""

    sign: str
    style: str


_ASKED = _Side(">", "cyan")
_ANSWERED = _Side("<", "green")


def list_cassettes(summaries: Iterable[Summary], form: str) -> str:
    """The table of `cassette ls`, or its JSON."""
    if form == "json":
        return indented(list(summaries))
    rows = [("NAME", "INTERACTIONS", "RECORDED", "UPSTREAM", "BYTES", "SHA256", "")]
    rows += [
        (
            one.name,
            str(one.interactions),
            one.recorded,
            escape(one.upstream),
            str(one.size),
            one.sha256[:_DIGEST],
            "incomplete" if one.incomplete else "",
        )
        for one in summaries
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(
            cell.rjust(width) if index in {1, 4} else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
    return "".join(f"{line.rstrip()}\n" for line in lines)


def list_comments(comments: Iterable[Comment], form: str) -> str:
    """What `cassette lint` found: a line each, warnings marked as such, or JSON."""
    if form == "json":
        return indented(list(comments))
    marks = {Level.WARNING: "warning: "}
    return "".join(f"{one.file}: {one.path}: {marks.get(one.level, '')}{one.message}\n" for one in comments)


def list_identities(identities: Iterable[Identified], form: str) -> str:
    """What `cassette show --identities` prints: a paragraph for each identity, or JSON."""
    if form == "json":
        return indented(list(identities))
    return "\n".join("".join(f"{line}\n" for line in _show_identity(one)) for one in identities)


def _show_identity(one: Identified) -> Iterator[str]:
    if one.forbidden:
        yield f"{escape(one.value)}  no identity, {escape(one.why)}"
    else:
        yield f"{escape(one.value)}  {escape(one.why)}"
        yield _show_maker(one)
    for place in one.places:
        forms = [form for form in place.forms if form != one.value]
        spelled = f" as {', '.join(map(escape, forms))}" if forms else ""
        more = len(place.interactions) - _LISTED
        listed = ", ".join(map(escape, place.interactions[: _LISTED if more > 1 else None]))
        yield f"  {escape(place.where)}{spelled}: {listed}{f' and {more} more' if more > 1 else ''}"


def _show_maker(one: Identified) -> str:
    made = f"  made by the {one.made_by}, first in {escape(one.first)}"
    return f"{made}, introduced by {escape(one.introduced)}" if one.introduced else made


def show_lesson(lesson: Lesson, one: str, other: str, form: str) -> str:
    """What `cassette learn` found: a line for each place that varies, then the lines that the config lacks; or JSON."""
    if form == "json":
        return indented(lesson)
    text = f"{one} and {other}: {count(lesson.pairs, 'pair')} of interactions\n"
    text += "".join(f"{_show_variation(variation)}\n" for variation in lesson.variations)
    if lesson.toml:
        text += f"\nThe config lacks:\n\n{_escape_lines(lesson.toml)}"
    if any(lesson.values):
        named = ", ".join(escape(f"{mine} ({theirs})") for mine, theirs in zip(*lesson.values, strict=False))
        text += f"\nor, with --write, both cassettes name: {named}\n"
    if not lesson.toml and not any(lesson.values) and not lesson.unexplained:
        text += "\nThe config lacks nothing: replay bears all that varies.\n"
    return text


def _escape_lines(text: str) -> str:
    """The text escaped line by line."""
    return "".join(f"{escape(line)}\n" for line in text.splitlines())


def _show_variation(one: Variation) -> str:
    times = f", {one.count} times" if one.count > 1 else ""
    example = f" [{one.one} | {one.other}]" if one.one or one.other else ""
    state = "" if one.covered else " -- not explained" if one.remedy is None else f" -- needs {one.remedy[0]}"
    return escape(f"{one.kind}: {one.route}: {one.place}{times}: {one.why}{example}{state}")


def show_json(value: Cassette | Interaction) -> str:
    """A cassette or one of its interactions as it stands in the file."""
    return indented(value)


def show_head(name: str, cassette: Cassette) -> Text:
    """What is to be known about a cassette before its interactions."""
    text = Text.assemble(
        (name, "bold"),
        f": {count(len(cassette.interactions), 'interaction')}, recorded {cassette.recorded.at} "
        f"from {escape(cassette.recorded.upstream)}\n",
    )
    if cassette.incomplete:
        text.append(f"incomplete: {escape(cassette.incomplete)}\n", "bold red")
    if cassette.identities:
        text.append(f"identities: {', '.join(map(escape, cassette.identities))}\n")
    if cassette.not_identities:
        text.append(f"no identities: {', '.join(map(escape, cassette.not_identities))}\n")
    for placeholder in cassette.placeholders:
        text.append(f"placeholder: {escape(placeholder.marker)} stands for {escape(placeholder.role)}\n")
    return text


def show_interaction(interaction: Interaction) -> Text:
    """One interaction in full, with an empty line before it."""
    request, response = interaction.request, interaction.response
    text = Text.assemble(
        "\n",
        (interaction.id, "bold"),
        f"  at {interaction.start:.3f} s, took {interaction.end - interaction.start:.3f} s",
    )
    if interaction.credentials:
        kinds = (f"{one.header} ({one.scheme})" if one.scheme else one.header for one in interaction.credentials)
        text.append(f", credentials: {escape(', '.join(kinds))}")
    text.append("\n")
    _append(text, _ASKED, [Text.assemble((request.method, "bold"), f" {escape(request.target)}")])
    _append(text, _ASKED, (*_show_headers(request.headers), *_show_body(request.body)))
    status = Text.assemble((str(response.status), _style_of(response.status)), f" {escape(response.reason)}")
    _append(text, _ANSWERED, [status])
    _append(text, _ANSWERED, (*_show_headers(response.headers), *_show_body(response.body)))
    if response.chunks:
        seconds = response.chunks[-1][0] / 1000
        text.append(f"  streamed in {count(len(response.chunks), 'piece')} over {seconds:.3f} s\n", "dim")
    return text


def _append(text: Text, side: _Side, lines: Iterable[Text]) -> None:
    for line in lines:
        text.append(f"{side.sign} " if line else side.sign, side.style)
        text.append_text(line)
        text.append("\n")


def _style_of(status: int) -> str:
    return "bold green" if status < 400 else "bold red"


def _show_headers(headers: tuple[tuple[str, str], ...]) -> Iterator[Text]:
    for name, value in headers:
        yield Text.assemble((name, "blue"), f": {escape(value)}")


def _show_body(body: Body | UnsetType) -> Iterator[Text]:
    if body is UNSET:
        return
    yield Text()
    if body.coding:
        yield Text(f"[was coded with {', '.join(body.coding)}]", "dim")
    if body.omitted is not UNSET:
        digest = f", SHA-256 {body.sha256}" if body.sha256 else ""
        yield Text(f"[{body.omitted} bytes that were not recorded{digest}]", "dim")
    elif body.json is not UNSET:
        pretty = msgspec.json.format(bytes(body.json), indent=2).decode()
        yield from (_highlight(escape(line)) for line in pretty.split("\n"))
    elif body.text is not UNSET:
        yield from (Text(escape(line)) for line in body.text.split("\n"))
    else:
        data = bodies.restore(body)
        more = " ..." if len(data) > _BYTES else ""
        yield Text(f"[{len(data)} bytes that are no text: {data[:_BYTES].hex(' ')}{more}]", "dim")
