"""What the doctor says, in each format: for people, for programs, as GitHub's annotations, and as a summary."""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import assert_never

from cpproxy.core.wiring.project import STDIN, Place
from cpproxy.core.wiring.remarks import Diagnosis, Level, Remark
from cpproxy.core.wording import count
from cpproxy.report.terminal import Paint, escape
from cpproxy.report.texts import github_data, github_property, indented, markdown

_STYLES = {Level.FINDING: ("bold", "red"), Level.NOTE: ("yellow",), Level.RIGHT: ("green",)}
_COMMANDS = {Level.FINDING: "error", Level.NOTE: "notice"}


class Form(StrEnum):
    """The formats in which a diagnosis is reported."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    MARKDOWN = "markdown"


def render(diagnosis: Diagnosis, form: Form, *, colour: bool = False, quiet: bool = False) -> str:
    """The diagnosis in a format, ended by a line break; as text, `quiet` leaves out all but findings."""
    match form:
        case Form.TEXT:
            return _as_text(diagnosis, Paint(colour=colour), quiet=quiet)
        case Form.JSON:
            return indented(diagnosis)
        case Form.GITHUB:
            return "".join(f"{line}\n" for line in _as_github(diagnosis))
        case Form.MARKDOWN:
            return "\n".join(_as_markdown(diagnosis)) + "\n"
        case _:
            assert_never(form)


def summarise(diagnosis: Diagnosis) -> str:
    """The diagnosis in one line."""
    found = len(diagnosis.findings)
    fronts = " and ".join(diagnosis.fronts) or "none here"
    return (
        f"{count(found, 'finding') if found else 'clean'}; front: {fronts}; "
        f"{count(len(diagnosis.clients), 'client')}{': ' if diagnosis.clients else ''}{', '.join(diagnosis.clients)}"
    )


def _where(one: Remark) -> str:
    return f"{Place(one.file, one.line)}: " if one.line else ""


def _by_service(diagnosis: Diagnosis, remarks: Sequence[Remark]) -> dict[str, list[Remark]]:
    found: dict[str, list[Remark]] = {name: [] for name in ("", *diagnosis.fronts, *diagnosis.clients)}
    for one in remarks:
        found[one.service].append(one)
    return {name: some for name, some in found.items() if some}


def _heading(diagnosis: Diagnosis, name: str) -> str:
    if not name:
        return "the project"
    kind = "front" if name in diagnosis.fronts else f"client: {diagnosis.clients[name]}"
    return f"{name} ({kind})"


def _as_text(diagnosis: Diagnosis, paint: Paint, *, quiet: bool) -> str:
    remarks = diagnosis.findings if quiet else diagnosis.remarks
    lines: list[str] = []
    for name, some in _by_service(diagnosis, remarks).items():
        lines.append(paint(escape(_heading(diagnosis, name)), "bold"))
        for one in some:
            mark = paint(f"{one.level}:", *_STYLES[one.level])
            lines.append(f"  {mark} {escape(_where(one))}{escape(one.text)}")
        lines.append("")
    if diagnosis.lines:
        lines += ["Lines to add, as a file that is laid over the others (-f FILE, or compose.override.yml):", ""]
        lines += [f"  {escape(line)}" for line in diagnosis.lines.splitlines()] + [""]
    found = paint(escape(summarise(diagnosis)), "bold", "red" if diagnosis.findings else "green")
    return "\n".join([*lines, f"cpproxy: {found}"]) + "\n"


def _as_github(diagnosis: Diagnosis) -> Iterator[str]:
    for one in diagnosis.remarks:
        if one.level is Level.RIGHT:
            continue
        file = f"file={github_property(one.file)},line={one.line}," if one.line and one.file != STDIN else ""
        where = _where(one) if one.file == STDIN else ""
        title = github_property(f"cpproxy {one.about}{f' of {one.service}' if one.service else ''}")
        service = f"{one.service}: " if one.service else ""
        yield f"::{_COMMANDS[one.level]} {file}title={title}::{github_data(f'{where}{service}{one.text}')}"
    yield f"cpproxy: {escape(summarise(diagnosis))}"


def _as_markdown(diagnosis: Diagnosis) -> Iterator[str]:
    yield from (f"### cpproxy doctor: {markdown(summarise(diagnosis))}", "")
    for name, some in _by_service(diagnosis, diagnosis.remarks).items():
        yield from (f"**{markdown(_heading(diagnosis, name))}**", "")
        yield from (f"- **{one.level}** {markdown(f'{_where(one)}{one.text}')}" for one in some)
        yield ""
    if diagnosis.lines:
        yield from ("Lines to add, as a file that is laid over the others:", "", "```yaml")
        yield from map(escape, diagnosis.lines.splitlines())
        yield from ("```", "")
