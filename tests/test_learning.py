"""What `cassette learn` concludes from two recordings of one scenario: what each value that varies is."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cpproxy.cli.cassette import name_identities
from cpproxy.cli.main import run
from cpproxy.core.config import ReplaySettings, RouteSettings
from cpproxy.core.review.learning import Lesson, learn
from cpproxy.core.review.variations import Kind, Variation
from cpproxy.errors import Exit, UsageError
from cpproxy.files import cassettes
from tests import vouch
from tests.moving import Tape

IDS = ("0b9f6a52-54c2-4d0e-8a55-6a1c2f7f1a10", "5d0c1f7e-9a63-4b0c-8d1f-2f6b7a8c9d01")
OTHERS = ("c2812436-3b44-4ba9-8d79-e852ba380995", "b3957fc5-d795-4c41-adb6-9274c9c8adfa")

type Story = Callable[[Tape, int], None]
"""Records a scenario the first time (0) or again (1)."""


def compare(story: Story, *routes: RouteSettings, **settings: Any) -> Lesson:
    tapes = Tape("one"), Tape("other")
    for turn, tape in enumerate(tapes):
        story(tape, turn)
    return learn(*tapes, routes, ReplaySettings(**settings))


def find(lesson: Lesson, place: str) -> Variation:
    return next(one for one in lesson.variations if one.place == place)


def tell_of_a_workspace(tape: Tape, turn: int) -> None:
    workspace, made = (IDS, OTHERS)[turn]
    tape.add("POST /workspaces", {"instance": made}, 201, body={"id": workspace, "at": f"2026-11-23T10:00:0{turn}Z"})
    for _ in range(1 + 2 * turn):
        tape.add(f"GET /workspaces/{workspace}", {"state": "pending", "at": f"2026-11-23T10:00:1{turn}Z"})
    tape.add(f"GET /workspaces/{workspace}", {"state": "running", "by": {workspace: 1}})


def test_ids_and_times_are_covered_and_polls_may_be_longer() -> None:
    lesson = compare(tell_of_a_workspace)
    assert (lesson.toml, lesson.unexplained, lesson.values) == ("", (), ((), ()))
    assert all(one.covered for one in lesson.variations)
    assert {one.place: one.kind for one in lesson.variations} == {
        "request $.id": Kind.IDENTITY,
        "request $.at": Kind.TIME,
        "answer $.instance": Kind.IDENTITY,
        "request path:2": Kind.IDENTITY,
        "answer $.at": Kind.TIME,
        "answer $.by.* (a name)": Kind.IDENTITY,
    }
    assert find(lesson, "request path:2").count == 2
    assert lesson.pairs == 3


def test_two_things_are_paired_whatever_their_order() -> None:
    def story(tape: Tape, turn: int) -> None:
        ids = (IDS, OTHERS)[turn]
        tiers = ((0, "small"), (1, "large"))
        for at, tier in tiers[:: -1 if turn else 1]:
            tape.add("POST /workspaces", {}, 201, body={"id": ids[at], "tier": tier})
        for at, tier in tiers:
            tape.add(f"GET /workspaces/{ids[at]}", {"tier": tier, "id": ids[at]})

    lesson = compare(story)
    assert [one.kind for one in lesson.variations] == [Kind.IDENTITY] * 3
    assert not lesson.toml


def test_a_state_that_one_poll_missed_is_told_and_covered() -> None:
    def story(tape: Tape, turn: int) -> None:
        tape.add("POST /workspaces", {}, 201, body={"id": IDS[turn]})
        for state in (("pending", "booting", "running"), ("pending", "running"))[turn]:
            tape.add(f"GET /workspaces/{IDS[turn]}", {"state": state})

    lesson = compare(story)
    (poll,) = (one for one in lesson.variations if one.kind is Kind.POLL)
    assert "answers that only one saw (3)" in poll.why
    assert not lesson.unexplained


def test_secrets_may_be_numbered_otherwise() -> None:
    def story(tape: Tape, turn: int) -> None:
        tape.add("POST /login", {"ok": 1}, body={"password": f"{{{{cpproxy:password:{turn + 1}}}}}"})

    lesson = compare(story)
    assert [(one.kind, one.covered) for one in lesson.variations] == [(Kind.SECRET, True)]


def test_a_secret_is_not_shown_where_it_varies() -> None:
    def story(tape: Tape, turn: int) -> None:
        tape.add("GET /config", {"SHARED_SECRET": f"hunter-{turn}", "plan": "a"})

    (found,) = compare(story).variations
    assert (found.place, found.one, found.other) == ("answer $.SHARED_SECRET", "***", "***")


def test_an_identity_that_looks_like_none_is_to_be_named() -> None:
    def story(tape: Tape, turn: int) -> None:
        owner = ("blue", "green")[turn]
        tape.add("POST /teams", {"owner_ref": owner}, 201, body={"name": "team"})
        tape.add(f"GET /teams/{owner}", {"owner_ref": owner, "size": 1})

    lesson = compare(story)
    assert find(lesson, "answer $.owner_ref").remedy == ("identities", "$.owner_ref")
    assert tomllib.loads(lesson.toml) == {"replay": {"identities": ["$.owner_ref"]}}
    assert lesson.values == (("blue",), ("green",))
    assert not lesson.unexplained
    assert not compare(story, identities=("$.owner_ref",)).toml


def test_what_the_control_plane_made_is_asked_for_as_it_is_told_now() -> None:
    def story(tape: Tape, turn: int) -> None:
        number, name = (17, 42)[turn], IDS[turn]
        location = (("Location", f"/jobs/{number}"),)
        tape.add("POST /jobs", {"id": number, "workspace": name}, 201, body={"size": 9}, told=location)
        tape.add(f"GET /jobs/{number}", {"id": number})
        tape.add(f"PUT /workspaces/{name}?of={name}", {"ok": 1}, body={"of": name})

    assert not compare(story).unexplained


def test_an_unknown_nonce_is_to_be_ignored_in_its_route() -> None:
    def story(tape: Tape, turn: int) -> None:
        tape.add("POST /teams?salt=7", {"ok": 1}, 201, body={"name": "team", "mark": f"m{4 + turn}x"})

    lesson = compare(story)
    assert find(lesson, "request $.mark").kind is Kind.NEW
    route = {"match": "POST /teams", "ignore": ["$.mark"]}
    assert tomllib.loads(lesson.toml) == {"routes": [route]}
    assert not lesson.unexplained
    again = compare(story, RouteSettings(match="POST /teams", ignore=("$.mark",)))
    assert (again.toml, again.unexplained) == ("", ())


def test_a_measure_that_moves_while_it_is_polled_is_volatile() -> None:
    def story(tape: Tape, turn: int) -> None:
        for load in ((0.31, 0.52), (0.44, 0.61))[turn]:
            tape.add("GET /health", {"ok": True, "load": load})

    lesson = compare(story)
    assert find(lesson, "answer $.load").kind is Kind.MEASURE
    assert tomllib.loads(lesson.toml) == {"replay": {"volatile": ["$.load"]}}


def test_what_is_told_once_in_each_recording_needs_nothing() -> None:
    def story(tape: Tape, turn: int) -> None:
        tape.add("POST /workspaces", {"ip": f"10.0.0.{turn}"}, 201, body={"name": "a"})
        tape.add("GET /version", {"build": f"r{turn}"})

    lesson = compare(story)
    assert [one.covered for one in lesson.variations] == [True, True]
    assert not lesson.toml


def ask_for_state(tape: Tape, turn: int) -> None:
    for state in (("pending", "running"), ("pending", "booting", "running"))[turn]:
        tape.add("POST /query", {"state": state}, body={"job": "a"})


def ask_for_state_where_others_write(tape: Tape, turn: int) -> None:
    made = (IDS, OTHERS)[turn][0]
    tape.add("POST /", {"Id": made}, body="Action=RunInstances&Version=1")
    for state in ("pending", "running"):
        tape.add("POST /", {"state": state}, body=f"Action=DescribeInstances&Version=1&Id={made}")


def beat(tape: Tape, turn: int) -> None:
    for _ in range(4 + turn):
        tape.add("POST /nodes/blue/beat", {"ok": True}, body={"up": True}, by="node")


def beat_once_or_twice(tape: Tape, turn: int) -> None:
    for _ in range(1 + turn):
        tape.add("POST /nodes/blue/beat", {"ok": True}, body={"up": True}, by="node")


def ask_by_header(tape: Tape, turn: int) -> None:
    del turn
    for org in ("org-one", "org-two", "org-one"):
        tape.add("GET /config", {"MODE": org}, by="alpha", headers=(("X-Org-Id", org),))


@pytest.mark.parametrize(
    ("story", "kind", "sections"),
    [
        pytest.param(ask_for_state, Kind.POLL, [{"match": "POST /query", "kind": "read"}], id="a poll that is a POST"),
        pytest.param(
            ask_for_state_where_others_write,
            Kind.POLL,
            [{"match": "POST /", "when": "form:Action=DescribeInstances", "kind": "read"}],
            id="a poll beside writes",
        ),
        pytest.param(beat, Kind.BEAT, [{"match": "POST /nodes/blue/beat", "repeat": "last"}], id="heartbeats"),
        pytest.param(
            beat_once_or_twice, Kind.BEAT, [{"match": "POST /nodes/blue/beat", "repeat": "last"}], id="one and two"
        ),
        pytest.param(
            ask_by_header, Kind.SELECTOR, [{"match": "GET /config", "compare": ["X-Org-Id"]}], id="a header that tells"
        ),
    ],
)
def test_what_a_route_is_for_is_proposed_and_then_needs_nothing(
    story: Story, kind: Kind, sections: list[dict[str, Any]]
) -> None:
    lesson = compare(story)
    assert tomllib.loads(lesson.toml) == {"routes": sections}
    assert [one.covered for one in lesson.variations if one.kind is kind and one.remedy] == [False]
    assert not lesson.unexplained
    routes = msgspec.convert(sections, tuple[RouteSettings, ...])
    again = compare(story, *routes)
    assert (again.toml, again.unexplained) == ("", ())


def test_a_section_that_is_there_gets_the_line_and_keeps_what_it_has() -> None:
    section = RouteSettings(match="POST /", name="calls", ignore=("form:Signature",))
    lesson = compare(ask_for_state_where_others_write, section)
    assert tomllib.loads(lesson.toml) == {
        "routes": [
            {
                "match": "POST /",
                "when": "form:Action=DescribeInstances",
                "kind": "read",
                "ignore": ["form:Signature"],
            }
        ]
    }


def test_a_poll_that_nothing_tells_from_a_write_is_not_explained() -> None:
    def story(tape: Tape, turn: int) -> None:
        del turn
        for state in ("pending", "running"):
            tape.add("POST /", {"state": state}, body={"job": 1})
        tape.add("POST /", {"state": "none"}, body={"job": 2})

    (found,) = (one for one in compare(story).unexplained if "when" in one.why)
    assert "a condition (when) that other writes do not meet" in found.why


def test_elements_in_another_order_are_told_apart_from_values_that_vary() -> None:
    def story(tape: Tape, turn: int) -> None:
        ids = (IDS, OTHERS)[turn]
        for at, name in enumerate(("first", "second")):
            tape.add("POST /teams", {"id": ids[at]}, 201, body={"name": name})
        teams = [{"id": ids[at], "name": name} for at, name in enumerate(("first", "second"))]
        tape.add("GET /teams", {"teams": teams[:: -1 if turn else 1]})

    lesson = compare(story)
    assert not lesson.unexplained
    assert find(lesson, "answer $.teams").kind is Kind.ORDER


def name_by_hand(tape: Tape, turn: int) -> None:
    tape.add("POST /teams", {}, 201, body={"name": ("blue", "green")[turn]})


def ask_more(tape: Tape, turn: int) -> None:
    tape.add("GET /health", {"ok": True})
    if turn:
        tape.add("GET /version", {"build": 1})


def write_more(tape: Tape, turn: int) -> None:
    for _ in range(1 + turn):
        tape.add("POST /teams", {"ok": True}, 201, body={"name": "blue"})


@pytest.mark.parametrize(
    ("story", "text"),
    [
        pytest.param(name_by_hand, "nothing else does as it does", id="a name that is asked for once"),
        pytest.param(ask_more, "one has no such call", id="a call of one alone"),
        pytest.param(write_more, "one has no such call", id="a write more"),
    ],
)
def test_what_nothing_explains_is_said(story: Story, text: str) -> None:
    unexplained = compare(story).unexplained
    assert any(text in one.why for one in unexplained)
    assert any("would be a miss" in one.why for one in unexplained)


def write(folder: Path, story: Story) -> None:
    for turn, name in enumerate(("one", "other")):
        tape = Tape(name)
        story(tape, turn)
        tape.write(folder)


def tell_of_teams(tape: Tape, turn: int) -> None:
    owner = ("blue", "green")[turn]
    tape.add("POST /teams", {"owner_ref": owner}, 201, body={"name": "team"})
    tape.add(f"GET /teams/{owner}", {"owner_ref": owner})


def test_the_command_prints_what_the_config_lacks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, tell_of_teams)
    assert run(["--cassettes", str(tmp_path), "cassette", "learn", "one", "other"]) == Exit.CLEAN
    out = capsys.readouterr().out
    assert out.startswith("one and other: 2 pairs of interactions\nidentity: POST /teams: answer $.owner_ref")
    assert '[replay]\nidentities = ["$.owner_ref"]\n' in out
    assert "both cassettes name: blue (green)" in out


def test_the_command_says_where_nothing_is_lacking(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, tell_of_a_workspace)
    assert run(["--cassettes", str(tmp_path), "cassette", "learn", "one", "other"]) == Exit.CLEAN
    assert capsys.readouterr().out.endswith("The config lacks nothing: replay bears all that varies.\n")


def test_recordings_of_two_scenarios_are_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def story(tape: Tape, turn: int) -> None:
        tape.add(("GET /health", "DELETE /teams/blue")[turn], {"ok": True})

    write(tmp_path, story)
    assert run(["--cassettes", str(tmp_path), "cassette", "learn", "one", "other"]) == Exit.USAGE
    assert capsys.readouterr().err.strip().splitlines() == [
        "cpproxy: error: one and other have no call in common: learn compares two recordings of one scenario"
    ]


def test_with_write_both_cassettes_name_their_identities(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, tell_of_teams)
    arguments = ["--cassettes", str(tmp_path), "cassette", "learn", "one", "other", "--write", "--format", "json"]
    assert run(arguments) == Exit.CLEAN
    assert [cassettes.read(tmp_path, name).identities for name in ("one", "other")] == [("blue",), ("green",)]
    lesson = msgspec.json.decode(capsys.readouterr().out, type=Lesson)
    assert (lesson.toml, lesson.values) == ("", ((), ()))
    assert {one.why for one in lesson.variations} == {"named by hand"}


def test_a_cassette_that_changes_meanwhile_is_left_alone_and_so_is_the_other(tmp_path: Path) -> None:
    write(tmp_path, tell_of_teams)
    loaded = [cassettes.load(tmp_path, name) for name in ("one", "other")]
    changed = msgspec.structs.replace(cassettes.read(tmp_path, "other"), incomplete="somebody was here")
    cassettes.write(tmp_path, "other", vouch.cassette(changed))
    with pytest.raises(UsageError, match="cassette other has changed since it was compared, and none was written"):
        name_identities(tmp_path, zip(loaded, (("blue",), ("green",)), strict=True))
    assert [cassettes.read(tmp_path, name).identities for name in ("one", "other")] == [(), ()]
    assert cassettes.read(tmp_path, "other").incomplete == "somebody was here"


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        pytest.param("none", None, "expected a cassette, found none", id="missing"),
        pytest.param("other", '{"cpproxy": 1,', "other.json: $: expected", id="broken"),
        pytest.param("other", '{"cpproxy": 99}', "other.json: $.cpproxy: expected", id="a new version"),
    ],
)
def test_what_cannot_be_compared_is_told_in_one_line_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, text: str | None, line: str
) -> None:
    write(tmp_path, tell_of_teams)
    if text is not None:
        (tmp_path / f"{name}.json").write_text(text)
    before = cassettes.file_digest(tmp_path, "one")
    assert run(["--cassettes", str(tmp_path), "cassette", "learn", "one", name, "--write"]) == Exit.CASSETTE
    (told,) = capsys.readouterr().err.strip().splitlines()
    assert line in told
    assert cassettes.file_digest(tmp_path, "one") == before


def test_the_command_ends_with_1_where_something_is_unexplained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, name_by_hand)
    arguments = ["--cassettes", str(tmp_path), "cassette", "learn", "one", "other"]
    assert run([*arguments, "--format", "json"]) == Exit.FINDINGS
    assert json.loads(capsys.readouterr().out)["variations"][0]["kind"] == "unexplained"
    assert run(arguments) == Exit.FINDINGS
    assert "-- not explained" in capsys.readouterr().out


def test_a_cassette_is_not_compared_with_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--cassettes", str(tmp_path), "cassette", "learn", "one", "one"]) == Exit.USAGE
    assert "named twice" in capsys.readouterr().err
