"""The verdict in each format: for people, programs, GitHub's annotations, JUnit's readers and summaries."""

import textwrap
from collections.abc import Sequence
from enum import StrEnum
from itertools import groupby
from typing import TextIO, assert_never
from xml.etree import ElementTree as ET

from cpproxy.core.runs import Mode
from cpproxy.core.verdict import Finding, Verdict
from cpproxy.core.wording import count
from cpproxy.report.terminal import Paint, columns, escape, shows_colour
from cpproxy.report.texts import github_data, github_property, indented, markdown


class Form(StrEnum):
    """The formats in which a verdict is reported."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    JUNIT = "junit"
    MARKDOWN = "markdown"


def render(verdict: Verdict, form: Form, *, colour: bool = False, quiet: bool = False, width: int = 0) -> str:
    """The verdict in a format, ended by a line break.

    As text, `quiet` leaves out what does not fail the run, and `width` is that of a terminal, 0 for none.
    """
    match form:
        case Form.TEXT:
            return _as_text(verdict, Paint(colour=colour), quiet=quiet, width=width)
        case Form.JSON:
            return indented(verdict)
        case Form.GITHUB:
            return _as_github(verdict)
        case Form.JUNIT:
            return _as_junit(verdict)
        case Form.MARKDOWN:
            return _as_markdown(verdict)
        case _:
            assert_never(form)


def render_for(stream: TextIO, verdict: Verdict, form: Form, *, quiet: bool = False) -> str:
    """The verdict as `render` has it, with the colours and in the width that the stream shows."""
    return render(verdict, form, colour=shows_colour(stream), quiet=quiet, width=columns(stream))


def summarise(verdict: Verdict) -> str:
    """The verdict in one line: how it ended, how many calls, what became of them, what was played."""
    outcomes = ", ".join(f"{number} {name}" for name, number in verdict.outcomes.items())
    what = f"run {verdict.run}: {count(verdict.calls, 'call')}{f' ({outcomes})' if outcomes else ''}"
    if verdict.mode is Mode.REPLAY:
        what += f", {verdict.played} of {count(verdict.recorded, 'interaction')} played"
    tolerated = f", {len(verdict.exempted)} exempted" if verdict.exempted else ""
    warned = f", {count(len(verdict.warnings), 'warning')}" if verdict.warnings else ""
    end = "clean" if not verdict.exit else count(len(verdict.findings), "finding")
    return f"{end}{warned}{tolerated}; {what}; misroutes: {verdict.misroutes}"


def _as_text(verdict: Verdict, paint: Paint, *, quiet: bool = False, width: int = 0) -> str:
    """A paragraph a finding, then one with the counts; of a `quiet` one, only findings that fail the run.

    A paragraph is one line, or with a `width` as many as it takes, broken between words.
    """
    paragraphs = [
        _lay_out(f"{word}{one.kind}:", paint(f"{word}{one.kind}:", *styles), escape(_known(one)), width)
        for findings, word, styles in (
            (() if quiet else verdict.exempted, "exempted ", ("dim",)),
            (() if quiet else verdict.warnings, "warning ", ("yellow",)),
            (verdict.findings, "", ("bold", "red")),
        )
        for one in findings
    ]
    style = "green" if not verdict.exit else "red"
    first, rest = summarise(verdict).split("; ", 1)
    painted = f"cpproxy: {paint(first, 'bold', style)};"
    paragraphs.append(_lay_out(f"cpproxy: {first};", painted, escape(rest), width))
    return "\n".join(paragraphs) + "\n"


def _lay_out(lead: str, painted: str, text: str, width: int) -> str:
    """A paragraph that begins with `painted`, which takes the room of `lead` and is not broken."""
    if not width:
        return f"{painted} {text}"
    whole = lead.replace(" ", "\0")
    lines = textwrap.wrap(
        f"{whole} {text}", width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(lines).replace(whole, painted, 1)


def _known(one: Finding) -> str:
    return f"{one.text} (known as {one.exempt})" if one.exempt else one.text


def _as_github(verdict: Verdict) -> str:
    """Workflow commands that GitHub shows as annotations, and one plain line."""
    lines = [
        f"::{command} title={github_property(f'cpproxy {one.kind}')}::{github_data(_known(one))}"
        for command, findings in (
            ("error", verdict.findings),
            ("warning", verdict.warnings),
            ("notice", verdict.exempted),
        )
        for one in findings
    ]
    return "\n".join([*lines, f"cpproxy: {escape(summarise(verdict))}"]) + "\n"


_WHOLE_RUN = "the whole run"


def _as_junit(verdict: Verdict) -> str:
    """One test case a scenario, and one for what concerns the run as a whole."""
    names = dict.fromkeys([*verdict.scenarios, *(one.scenario for one in (*verdict.findings, *verdict.exempted))])
    cases = [_WHOLE_RUN, *(name for name in names if name)]
    by_case = _by_case(verdict.findings)
    exempted = _by_case(verdict.exempted)
    failures = sum(case in by_case for case in cases)
    skipped = sum(case in exempted and case not in by_case for case in cases)
    counts = {"tests": str(len(cases)), "failures": str(failures), "errors": "0", "skipped": str(skipped)}
    root = ET.Element("testsuites", {"name": "cpproxy", **counts})
    suite = ET.SubElement(root, "testsuite", {"name": f"cpproxy {verdict.mode}", **counts})
    for case in cases:
        element = ET.SubElement(suite, "testcase", {"classname": f"cpproxy.{verdict.mode}", "name": escape(case)})
        if case in by_case:
            kinds = ", ".join(dict.fromkeys(one.kind.value for one in by_case[case]))
            failure = ET.SubElement(element, "failure", {"type": kinds, "message": _message(by_case[case])})
            failure.text = _paragraphs(by_case[case])
        elif case in exempted:
            ET.SubElement(element, "skipped", {"message": _message(exempted[case])})
    output = [escape(summarise(verdict)), *(f"warning {one.kind}: {escape(one.text)}" for one in verdict.warnings)]
    ET.SubElement(suite, "system-out").text = "\n".join(output)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _by_case(findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    def case(one: Finding) -> str:
        return one.scenario or _WHOLE_RUN

    return {name: list(some) for name, some in groupby(sorted(findings, key=case), key=case)}


def _message(findings: Sequence[Finding]) -> str:
    first = findings[0]
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    return f"{first.kind}: {escape(_known(first))}{more}"


def _paragraphs(findings: Sequence[Finding]) -> str:
    return "\n\n".join(f"{one.kind}: {escape(one.text)}" for one in findings)


def _as_markdown(verdict: Verdict) -> str:
    """A heading, a list of findings each, for a job's summary or a comment."""
    parts = [f"### cpproxy: {markdown(summarise(verdict))}", ""]
    for title, findings in (
        ("Findings", verdict.findings),
        ("Warnings", verdict.warnings),
        ("Exempted", verdict.exempted),
    ):
        if findings:
            items = (f"- **{markdown(one.kind.value)}** {markdown(_known(one))}" for one in findings)
            parts += [f"**{title}**", "", *items, ""]
    return "\n".join(parts)
