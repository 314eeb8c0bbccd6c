"""Reports: each format says all that the verdict holds, and lets nothing through that it would read as its own."""

import io
import json
import pty
import re
import termios
from typing import Any
from xml.etree import ElementTree as ET

import msgspec
import pytest
from msgspec import Raw

from cpproxy.core.answers import NamedCall
from cpproxy.core.calls import Call, Outcome
from cpproxy.core.runs import Mode
from cpproxy.core.verdict import Finding, Kind, Verdict
from cpproxy.report import calls as call_report
from cpproxy.report.terminal import Paint, columns, escape, shows_colour
from cpproxy.report.verdicts import Form, render, render_for

NASTY = "100% of\r\nit, <b>&amp; ]]> \x1b[31mred\x00 `x` |*_[a](b)"
MISS = Finding(kind=Kind.MISS, text=f"GET /x: {NASTY}. See `cpproxy call r:1`.", call="r:1", scenario="harness/boot")
ABSENCE = Finding(kind=Kind.ABSENCE, text="nobody called provision")
FOREIGN = Finding(kind=Kind.FOREIGN, text="telemetry")
EXEMPT = Finding(kind=Kind.XFAIL_SCENARIO, text="xfail", scenario="harness/canary", exempt="#1 until 2026-12-31")


def verdict(*findings: Finding, **more: Any) -> Verdict:
    values: dict[str, Any] = {
        "run": "r",
        "mode": Mode.REPLAY,
        "exit": 1 if findings else 0,
        "calls": 3,
        "outcomes": {"replayed": 2, "miss": 1},
        "played": 2,
        "recorded": 4,
        "scenarios": ("harness/boot", "harness/canary", "harness/other"),
        "misroutes": "unproven",
        "findings": findings,
        "warnings": (),
        "exempted": (),
    }
    return Verdict(**values | more)


FULL = verdict(MISS, ABSENCE, warnings=(FOREIGN,), exempted=(EXEMPT,))


def test_a_clean_verdict_is_one_line_with_counts() -> None:
    assert render(verdict(), Form.TEXT) == (
        "cpproxy: clean; run r: 3 calls (2 replayed, 1 miss), 2 of 4 interactions played; misroutes: unproven\n"
    )


def test_text_is_a_line_a_finding_and_a_summary_last() -> None:
    lines = render(FULL, Form.TEXT).splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "exempted xfail_scenario",
        "warning foreign",
        "miss",
        "absence",
        "cpproxy",
    ]
    assert lines[0].endswith("(known as #1 until 2026-12-31)")
    assert lines[-1].startswith("cpproxy: 2 findings, 1 warning, 1 exempted; run r: 3 calls")


def test_text_holds_no_control_characters_of_others() -> None:
    assert "\x1b" not in render(FULL, Form.TEXT)
    assert r"\x1b[31mred\x00" in render(FULL, Form.TEXT)


def test_colours_are_there_when_asked_for() -> None:
    assert "\x1b[1;31mmiss:\x1b[0m" in render(FULL, Form.TEXT, colour=True)
    assert "\x1b[1;32mclean\x1b[0m" in render(verdict(), Form.TEXT, colour=True)


def test_text_is_broken_between_words_at_the_width_of_a_terminal() -> None:
    miss = Finding(kind=Kind.MISS, text="GET /x from 10.0.0.1: nothing\x1b[0m is recorded for it. " + "/long" * 20)
    narrow = verdict(miss, exempted=(EXEMPT,))
    lines = render(narrow, Form.TEXT, width=40).splitlines()
    assert lines[:4] == [
        "exempted xfail_scenario: xfail (known as",
        "  #1 until 2026-12-31)",
        r"miss: GET /x from 10.0.0.1:",
        r"  nothing\x1b[0m is recorded for it.",
    ]
    assert lines[4] == "  " + "/long" * 20
    assert lines[5] == "cpproxy: 1 finding, 1 exempted; run r: 3"
    assert [line.removeprefix("  ") for line in lines[5:]] == [line.strip() for line in lines[5:]]
    coloured = render(narrow, Form.TEXT, width=40, colour=True)
    assert re.sub(r"\x1b\[[\d;]+m", "", coloured).splitlines() == lines
    assert len(render(narrow, Form.TEXT).splitlines()) == 3


def test_the_width_is_that_of_the_stream() -> None:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 40))
    with open(ours, "rb"), open(theirs, "w") as terminal:  # noqa: PTH123 (descriptors)
        assert columns(terminal) == 40
        assert len(render_for(terminal, FULL, Form.TEXT).splitlines()) > len(render(FULL, Form.TEXT).splitlines())
        termios.tcsetwinsize(theirs, (0, 0))
        assert columns(terminal) == 0
    assert columns(io.StringIO()) == 0


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environment", "expected"),
    [
        pytest.param(Terminal(), {}, True, id="terminal"),
        pytest.param(io.StringIO(), {}, False, id="file"),
        pytest.param(Terminal(), {"NO_COLOR": "1"}, False, id="NO_COLOR"),
        pytest.param(Terminal(), {"NO_COLOR": ""}, True, id="empty NO_COLOR"),
        pytest.param(Terminal(), {"TERM": "dumb"}, False, id="dumb"),
    ],
)
def test_colours_are_for_terminals(
    stream: io.StringIO, environment: dict[str, str], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert shows_colour(stream) is expected


def test_json_gives_back_the_verdict() -> None:
    assert msgspec.json.decode(render(FULL, Form.JSON), type=Verdict) == FULL


def test_github_gets_an_annotation_each_with_its_signs_escaped() -> None:
    lines = render(FULL, Form.GITHUB).splitlines()
    assert [line.split("::")[1] for line in lines[:-1]] == [
        "error title=cpproxy miss",
        "error title=cpproxy absence",
        "warning title=cpproxy foreign",
        "notice title=cpproxy xfail_scenario",
    ]
    assert "100%25 of%0D%0Ait" in lines[0]
    assert lines[-1].startswith("cpproxy: 2 findings")


def test_junit_has_a_case_a_scenario_and_one_for_the_run() -> None:
    root = ET.fromstring(render(FULL, Form.JUNIT))
    suite = root[0]
    assert (root.tag, suite.tag) == ("testsuites", "testsuite")
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "4",
        "failures": "2",
        "errors": "0",
        "skipped": "1",
    }
    cases = {case.get("name"): [child.tag for child in case] for case in suite.iter("testcase")}
    assert cases == {
        "the whole run": ["failure"],
        "harness/boot": ["failure"],
        "harness/canary": ["skipped"],
        "harness/other": [],
    }
    failure = suite.find("testcase[@name='harness/boot']/failure")
    assert failure is not None
    assert failure.get("type") == "miss"
    assert failure.text is not None
    assert r"]]> \x1b[31mred\x00" in failure.text
    assert "foreign: telemetry" in (suite.findtext("system-out") or "")


def test_junit_of_a_clean_run_fails_nothing() -> None:
    root = ET.fromstring(render(verdict(), Form.JUNIT))
    assert root.get("failures") == "0"
    assert root.findall(".//failure") == []


def test_markdown_keeps_code_and_escapes_what_others_wrote() -> None:
    text = render(FULL, Form.MARKDOWN)
    assert "**Findings**" in text
    assert "`cpproxy call r:1`" in text
    assert r"\<b\>\&amp;" in text
    assert r"\|\*\_\[a\](b)" in text
    assert not re.search(r"(?<!\\)<b>", text)


@pytest.mark.parametrize("text", ["a ` b", "a `b` ` <i>", "`", "<"])
def test_markdown_survives_a_stray_backtick(text: str) -> None:
    shown = render(verdict(Finding(kind=Kind.MISS, text=text)), Form.MARKDOWN)
    assert shown.count("`") % 2 == 0
    assert not re.search(r"(?<!\\)<", shown)


@pytest.mark.parametrize("form", list(Form))
def test_every_format_names_every_finding_and_ends_its_line(form: Form) -> None:
    shown = render(FULL, form)
    assert shown.endswith("\n")
    for word in ("miss", "absence", "foreign", "2026-12-31"):
        assert word in shown


def named(seq: int, **more: Any) -> NamedCall:
    values: dict[str, Any] = {
        "at": 1795409179.1448,
        "outcome": Outcome.REPLAYED,
        "method": "GET",
        "target": "/a",
        "status": 200,
    } | more
    return NamedCall(f"r:{seq}", Call(seq=seq, **values))


CALLS = [
    named(1, client="10.0.0.1", cassette="harness/boot", interaction="0001"),
    named(2, outcome=Outcome.MISS, status=421, target="/\x1b[31m", reason="nothing is recorded", session="s"),
]


def test_calls_are_a_line_each_and_a_reason_below() -> None:
    assert "".join(call_report.as_text(CALLS, Paint(colour=False))).splitlines() == [
        "    1  04:46:19.144Z  replayed      200  GET /a  10.0.0.1  harness/boot#0001",
        r"    2  04:46:19.144Z  miss          421  GET /\x1b[31m  s",
        "       nothing is recorded",
    ]


def test_calls_as_json_are_an_array_and_followed_ones_are_lines() -> None:
    array = json.loads("".join(call_report.as_json(CALLS)))
    lines = [json.loads(line) for line in call_report.as_json_lines(CALLS)]
    assert array == lines
    assert [one["id"] for one in array] == ["r:1", "r:2"]
    assert set(array[0]) == {"id", *Call.__struct_fields__}
    assert json.loads("".join(call_report.as_json([]))) == []


def test_json_steers_no_terminal_and_says_the_same() -> None:
    sly = named(1, target="/\x9b31m\u202e", body=Raw(b'["\xc2\x9b"]'))
    listed, one = "".join(call_report.as_json([sly])), call_report.show_json(sly)
    assert json.loads(listed) == [json.loads(one)]
    assert (json.loads(one)["target"], json.loads(one)["body"]) == (sly.call.target, ["\x9b"])
    whole = render(verdict(Finding(kind=Kind.MISS, text="\x9b31m")), Form.JSON)
    assert all(line.isprintable() for shown in (listed, one, whole) for line in shown.split("\n"))
    assert json.loads(whole)["findings"][0]["text"] == "\x9b31m"


def test_one_call_is_shown_with_its_body_and_without_what_is_empty() -> None:
    shown = call_report.show(named(1, body=Raw(b'{"a":["\xc2\x9b"]}')), Paint(colour=False))
    assert "id: r:1\n" in shown
    assert "at: 2026-11-23T04:46:19.144+00:00\n" in shown
    assert 'body:\n  {\n    "a": [\n      "\\x9b"\n    ]\n  }\n' in shown
    assert "reason" not in shown
    assert json.loads(call_report.show_json(named(1, body=Raw(b"[1]"))))["body"] == [1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("é\U0001f600", "é\U0001f600"), ("\x1b\x9b\u202e", r"\x1b\x9b\u202e"), ("a\nb\t", r"a\nb\t"), ("\\n", "\\n")],
)
def test_escapes_what_does_not_print_and_nothing_else(text: str, expected: str) -> None:
    assert escape(text) == expected


def test_what_a_miss_was_told_is_shown_part_by_part() -> None:
    difference = {"where": "$.tier", "expected": "2", "found": None, "weight": 1}
    near = {"interaction": "a", "cassette": "c", "method": "POST", "path": "/x", "distance": 1}
    details = {
        "nearest": [near | {"differences": [difference], "more_differences": 3, "because": "it is used up"}],
        "used_up": [{"cassette": "c", "interaction": "b"}],
        "bindings": {"one": "two\x1b"},
        "left_out": {"query:ts": "a time"},
        "advice": '[[routes]]\nignore = ["$.tier"]\n',
    }
    shown = call_report.show(named(1, details=Raw(msgspec.json.encode(details))), Paint(colour=False))
    assert shown.partition("nearest:\n")[2].splitlines() == [
        "  a of cassette c (POST /x), distance 1",
        "    $.tier: found nothing, expected 2 (weighs 1)",
        "    and 3 more",
        "    it is used up",
        "bound:",
        r"  one: two\x1b",
        "left out of the match:",
        "  query:ts: a time",
        "used up:",
        "  b of cassette c",
        "config that would make it match:",
        "  [[routes]]",
        '  ignore = ["$.tier"]',
    ]
