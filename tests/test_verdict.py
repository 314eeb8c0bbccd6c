"""The verdict: what is a finding, what a warning, and what is said of each."""

import datetime
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from cpproxy.core.calls import Call, Outcome, Way
from cpproxy.core.config import Config
from cpproxy.core.judge import Facts, Planned, judge, parse_fail_on
from cpproxy.core.requirements import Requirement
from cpproxy.core.runs import (
    CassetteLost,
    CassetteSaved,
    Event,
    Mode,
    Run,
    RunEnded,
    ScenarioBegun,
    ScenarioEnded,
    Served,
    TrapDied,
)
from cpproxy.core.verdict import WARNINGS, Kind, Verdict
from cpproxy.errors import UsageError

SILENT = "Whether that is still right, this run does not tell."
TODAY = datetime.date(2026, 11, 23)
BOOT = Served("harness/boot", "ab", 2)
CANARY = Served("harness/canary", "cd", 1)
PLAN = {
    "harness/boot": [Planned("1", "GET", "/config", write=False), Planned("2", "POST", "/provision", write=True)],
    "harness/canary": [Planned("1", "GET", "/health", write=False)],
}
CONFIG = {
    "cp": {"front_url": "http://cp:9090"},
    "routes": [
        {"name": "provision", "match": "POST /provision", "env": ["CP_PROVISION_URL", "MOLECULE_CP_URL"]},
        {"name": "config", "match": "GET /config", "env": ["MOLECULE_CP_URL"]},
    ],
}


def call(seq: int = 1, method: str = "GET", target: str = "/config", **more: Any) -> Call:
    return Call(seq=seq, at=1.0, method=method, target=target, **({"outcome": Outcome.REPLAYED} | more))


def played(cassette: str, interaction: str, **more: Any) -> Call:
    return call(cassette=cassette, interaction=interaction, **more)


ALL = [
    played("harness/boot", "1"),
    played("harness/boot", "2", method="POST", target="/provision"),
    played("harness/canary", "1", target="/health"),
]


def judged(
    calls: Sequence[Call] = ALL,
    *events: Event,
    mode: Mode = Mode.REPLAY,
    cassettes: Sequence[Served] = (BOOT, CANARY),
    config: dict[str, Any] | None = None,
    trap: bool = False,
    **more: Any,
) -> Verdict:
    facts: dict[str, Any] = {"plan": PLAN, "today": TODAY} | more
    run = Run(id="run", mode=mode, started=1.0, cassettes=tuple(cassettes), trap=trap)
    settings = msgspec.convert(CONFIG | (config or {}), Config)
    return judge(Facts(run=run, calls=calls, events=events, config=settings, **facts))


def kinds(verdict: Verdict) -> list[str]:
    return [finding.kind.value for finding in verdict.findings]


def warned(verdict: Verdict) -> list[str]:
    return [finding.kind.value for finding in verdict.warnings]


def required(value: bool | list[str]) -> dict[str, Any]:
    return {"routes": [{"name": "provision", "match": "POST /provision", "env": ["CP_URL"], "required": value}]}


def test_a_run_in_which_all_was_played_is_clean() -> None:
    verdict = judged()
    assert (verdict.exit, verdict.findings, verdict.warnings) == (0, (), ())
    assert (verdict.calls, verdict.outcomes, verdict.played, verdict.recorded) == (3, {"replayed": 3}, 3, 3)
    assert verdict.misroutes == "unproven"


@pytest.mark.parametrize(
    ("row", "kind", "words"),
    [
        pytest.param(
            call(7, target="/config?x=1", outcome=Outcome.MISS, client="10.0.0.7", reason="nearest is 1: query"),
            Kind.MISS,
            ["GET /config from 10.0.0.7: nearest is 1: query.", "cpproxy record --append", "`cpproxy call run:7`"],
            id="miss",
        ),
        pytest.param(
            call(7, "POST", "/provision", outcome=Outcome.MISS, used_up=True, reason="used up"),
            Kind.USED_UP,
            ["POST /provision from an unknown client: used up.", 'repeat = "last"'],
            id="used up",
        ),
        pytest.param(
            call(7, outcome=Outcome.UNAUTHORIZED, reason="lacks authorization", scenario="boot"),
            Kind.UNAUTHORIZED,
            ["in scenario boot: lacks authorization.", "give it to the client"],
            id="unauthorized",
        ),
        pytest.param(
            played("harness/boot", "1", undetermined=True, reason="never recorded in this state"),
            Kind.UNDETERMINED,
            ["never recorded in this state", "record a run that comes this way"],
            id="undetermined",
        ),
        pytest.param(
            call(7, outcome=Outcome.ERROR, reason="the upstream reset the connection"),
            Kind.ERROR,
            ["the upstream reset the connection"],
            id="error",
        ),
        pytest.param(
            call(
                7, "POST", "/provision", outcome=Outcome.MISROUTE, way=Way.FORWARD, host="api.example", client="alpha"
            ),
            Kind.MISROUTE,
            ["alpha called POST api.example/provision past the proxy. CP_PROVISION_URL, then MOLECULE_CP_URL, route"],
            id="misroute",
        ),
    ],
)
def test_calls_that_are_findings(row: Call, kind: Kind, words: list[str]) -> None:
    verdict = judged([*ALL, row])
    assert (verdict.exit, kinds(verdict)) == (1, [kind])
    for word in words:
        assert word in verdict.findings[0].text
    assert verdict.findings[0].call == f"run:{row.seq}"


@pytest.mark.parametrize("outcome", [Outcome.REPLAYED, Outcome.RECORDED, Outcome.FAULTED])
def test_calls_that_are_none(outcome: Outcome) -> None:
    assert judged([*ALL, call(outcome=outcome)]).exit == 0


def test_what_happens_many_times_is_one_finding_with_a_count_and_the_first_call() -> None:
    misses = [call(seq, target=f"/x?try={seq}", outcome=Outcome.MISS, client="alpha") for seq in range(5, 10)]
    other = call(10, target="/x", outcome=Outcome.MISS, client="beta")
    verdict = judged([*ALL, *misses, other])
    assert [(one.count, one.call, one.client) for one in verdict.findings] == [
        (5, "run:5", "alpha"),
        (1, "run:10", "beta"),
    ]
    assert "GET /x from alpha, 5 times." in verdict.findings[0].text


def test_calls_of_one_route_are_one_finding_whatever_their_ids() -> None:
    misses = [call(seq, target=f"/w/{seq}", route="status", outcome=Outcome.MISS) for seq in (5, 6)]
    assert [one.count for one in judged([*ALL, *misses]).findings] == [2]


def test_a_run_with_one_cassette_is_that_scenario() -> None:
    verdict = judged([call(2, target="/x", outcome=Outcome.MISS)], cassettes=[BOOT])
    assert verdict.findings[0].scenario == "harness/boot"
    assert "cpproxy record --append --cassette harness/boot" in verdict.findings[0].text


@pytest.mark.parametrize(
    ("value", "clients", "absent"),
    [
        pytest.param(True, ["10.0.0.1"], [], id="anybody"),
        pytest.param(True, [], [""], id="nobody"),
        pytest.param(False, [], [], id="not required"),
        pytest.param(["alpha", "beta"], ["10.0.0.1 alpha", "beta"], [], id="each"),
        pytest.param(["alpha", "beta"], ["alpha"], ["beta"], id="one is missing"),
    ],
)
def test_a_required_route_that_was_not_called_is_an_absence(value: Any, clients: list[str], absent: list[str]) -> None:
    calls = [call(seq, "POST", "/provision", client=client) for seq, client in enumerate(clients)]
    verdict = judged([*ALL[::2], *calls], config=required(value))
    assert [(one.kind, one.client) for one in verdict.findings] == [(Kind.ABSENCE, client) for client in absent]
    for finding in verdict.findings:
        assert "provision (POST /provision), which the config requires. CP_URL routes this call" in finding.text


def test_a_required_call_counts_whatever_became_of_it_but_not_in_the_trap() -> None:
    miss = call(5, "POST", "/provision", outcome=Outcome.MISS)
    astray = call(6, "POST", "/provision", outcome=Outcome.MISROUTE, way=Way.FORWARD)
    assert kinds(judged([*ALL[::2], miss], config=required(value=True))) == ["miss"]
    assert kinds(judged([*ALL[::2], astray], config=required(value=True))) == ["misroute", "absence"]


def test_a_recording_of_one_scenario_need_not_call_what_the_suite_must() -> None:
    config = required(value=True) | {"suite": {"scenarios": ["harness/boot", "harness/canary"]}}
    recorded = call(outcome=Outcome.RECORDED, cassette="harness/boot", interaction="1")
    assert judged([recorded], mode=Mode.RECORD, config=config).exit == 0


def test_a_requirement_that_is_not_met_is_a_finding() -> None:
    requirements = (Requirement.parse("POST /provision >=2"), Requirement.parse("GET /config"))
    verdict = judged(requirements=requirements)
    assert kinds(verdict) == ["requirement"]
    assert "`POST /provision >=2` was required 2 times, and 1 such call arrived" in verdict.findings[0].text


def test_a_recording_is_held_to_requirements_too() -> None:
    recorded = call(outcome=Outcome.RECORDED)
    assert kinds(judged([recorded], mode=Mode.RECORD, requirements=(Requirement.parse("GET /x"),))) == ["requirement"]


@pytest.mark.parametrize(
    ("cassettes", "events", "suite", "checkout", "expected"),
    [
        pytest.param([BOOT, CANARY], [], [], None, [], id="served with all others"),
        pytest.param(
            [BOOT, Served("harness/canary", "cd", 1, chosen=True)],
            [],
            [],
            None,
            [("untouched_cassette", "harness/canary", "was chosen with --cassette")],
            id="chosen",
        ),
        pytest.param(
            [BOOT, CANARY],
            [ScenarioBegun(at=1.0, name="harness/canary")],
            [],
            None,
            [("untouched_cassette", "harness/canary", "is that of a scenario which has begun")],
            id="begun",
        ),
        pytest.param(
            [BOOT],
            [ScenarioBegun(at=1.0, name="harness/bot")],
            [],
            None,
            [("absent_cassette", "harness/bot", "no cassette of that name is served: is it harness/boot?")],
            id="begun without a cassette",
        ),
        pytest.param(
            [BOOT],
            [ScenarioBegun(at=1.0, name="else"), ScenarioBegun(at=2.0, name="else")],
            [],
            None,
            [("absent_cassette", "else", "Record it with `cpproxy record --cassette else`")],
            id="begun twice without a cassette",
        ),
        pytest.param(
            [BOOT],
            [],
            ["harness/boot", "harness/canary"],
            None,
            [("untouched_cassette", "harness/canary", "is listed in [suite]")],
            id="listed",
        ),
        pytest.param(
            [BOOT],
            [],
            ["harness/boot", "harness/gone"],
            {"harness/boot": "ab"},
            [("absent_cassette", "harness/gone", "there is no cassette of that name")],
            id="listed without a file",
        ),
    ],
)
def test_cassettes_that_nobody_touched(
    cassettes: list[Served],
    events: list[Event],
    suite: list[str],
    checkout: dict[str, str] | None,
    expected: list[tuple[str, str, str]],
) -> None:
    plan = {"harness/boot": PLAN["harness/boot"]}
    config = {"suite": {"scenarios": suite}}
    verdict = judged(ALL[:2], *events, cassettes=cassettes, config=config, checkout=checkout, plan=plan)
    assert [(one.kind.value, one.scenario) for one in verdict.findings] == [(kind, name) for kind, name, _ in expected]
    for finding, (_, _, words) in zip(verdict.findings, expected, strict=True):
        assert words in finding.text


@pytest.mark.parametrize(
    ("cassettes", "checkout", "expected"),
    [
        pytest.param([BOOT, CANARY], {"harness/boot": "ab", "harness/canary": "cd"}, [], id="equal"),
        pytest.param([BOOT], {"harness/boot": "x"}, ["served with the digest ab, and the checkout's is x"], id="other"),
        pytest.param([BOOT], {}, ["has none of that name"], id="gone"),
        pytest.param(
            [BOOT],
            {"harness/boot": "ab", "harness/new": "x"},
            ["harness/new is in the checkout and was not served"],
            id="new",
        ),
        pytest.param([Served("harness/boot", "ab", 2, chosen=True)], {"harness/boot": "ab", "x": "y"}, [], id="chosen"),
        pytest.param([BOOT], None, [], id="nothing to compare with"),
    ],
)
def test_cassettes_that_differ_from_the_checkout(
    cassettes: list[Served], checkout: dict[str, str] | None, expected: list[str]
) -> None:
    verdict = judged(cassettes=cassettes, checkout=checkout)
    assert kinds(verdict) == ["digest_mismatch"] * len(expected)
    for finding, words in zip(verdict.findings, expected, strict=True):
        assert words in finding.text


@pytest.mark.parametrize(
    ("events", "expected", "words"),
    [
        pytest.param([ScenarioBegun(1.0, BOOT.name), ScenarioEnded(2.0, BOOT.name, exit=0)], [], "", id="passed"),
        pytest.param([ScenarioBegun(1.0, BOOT.name)], [], "", id="still goes on"),
        pytest.param(
            [ScenarioBegun(1.0, BOOT.name), ScenarioEnded(2.0, BOOT.name, exit=3)],
            ["failed_scenario"],
            "exit code 3",
            id="failed",
        ),
        pytest.param(
            [ScenarioBegun(1.0, BOOT.name, xfail="#1"), ScenarioEnded(2.0, BOOT.name, exit=3)],
            ["xfail_scenario"],
            "marked as an expected failure (#1), and ended with exit code 3.",
            id="failed as expected",
        ),
        pytest.param(
            [ScenarioBegun(1.0, BOOT.name, xfail="#1"), ScenarioEnded(2.0, BOOT.name, exit=0)],
            ["xfail_scenario"],
            "It passes: take the mark off.",
            id="passed against expectation",
        ),
        pytest.param(
            [ScenarioBegun(1.0, BOOT.name, xfail="#1")], ["xfail_scenario"], "never ended", id="xfail without an end"
        ),
        pytest.param(
            [ScenarioBegun(1.0, BOOT.name), ScenarioEnded(2.0, BOOT.name, exit=3), ScenarioBegun(3.0, BOOT.name)],
            [],
            "",
            id="the last time counts",
        ),
        pytest.param([TrapDied(1.0, "signal 9")], ["trap_died"], "the trap died: signal 9.", id="trap died"),
        pytest.param(
            [CassetteSaved(1.0, "harness/boot", 2, incomplete="a bypass")],
            ["incomplete_cassette"],
            "a bypass",
            id="cut",
        ),
        pytest.param(
            [CassetteLost(1.0, "harness/boot", "a secret may stand in it; it is not kept")],
            ["lost_cassette"],
            "no cassette harness/boot came of this recording: a secret may stand in it; it is not kept.",
            id="lost",
        ),
        pytest.param(
            [CassetteSaved(1.0, "harness/boot", 2, incomplete="yet"), CassetteSaved(2.0, "harness/boot", 2)],
            [],
            "",
            id="whole in the end",
        ),
        pytest.param([RunEnded(1.0, "SIGTERM")], [], "", id="ended"),
    ],
)
def test_events_that_are_findings(events: list[Event], expected: list[str], words: str) -> None:
    verdict = judged(ALL, *events)
    assert kinds(verdict) == expected
    assert all(words in finding.text for finding in verdict.findings)


@pytest.mark.parametrize(
    ("until", "exempt"),
    [
        pytest.param(datetime.date(2026, 11, 24), True, id="tomorrow"),
        pytest.param(TODAY, True, id="the last day counts"),
        pytest.param(datetime.date(2026, 11, 22), False, id="over"),
    ],
)
def test_an_exemption_holds_until_its_day_is_over(until: datetime.date, exempt: bool) -> None:
    config = {"expect": [{"scenario": "s", "issue": "#2863", "until": until}]}
    miss = call(7, target="/x", outcome=Outcome.MISS, scenario="s")
    verdict = judged([*ALL, miss], ScenarioBegun(1.0, "s", xfail="#2863"), config=config)
    if exempt:
        assert (verdict.exit, kinds(verdict)) == (0, [])
        assert {one.exempt for one in verdict.exempted} == {f"#2863 until {until}"}
        assert [one.kind.value for one in verdict.exempted] == ["miss", "xfail_scenario"]
    else:
        assert (verdict.exit, verdict.exempted) == (1, ())
        assert all(one.text.endswith(f"Its exemption (#2863) ended on {until}.") for one in verdict.findings)


def test_a_recording_may_begin_what_has_no_cassette_yet() -> None:
    recorded = call(outcome=Outcome.RECORDED)
    assert judged([recorded], ScenarioBegun(1.0, "new"), mode=Mode.RECORD).exit == 0


def test_an_exemption_is_of_its_own_scenario_alone() -> None:
    config = {"expect": [{"scenario": "s", "issue": "#1", "until": "2030-01-01"}]}
    assert kinds(judged([*ALL, call(7, target="/x", outcome=Outcome.MISS)], config=config)) == ["miss"]


def test_a_run_at_which_nothing_arrived_ends_with_5_whatever_else() -> None:
    verdict = judged([], config=required(value=True))
    assert (verdict.exit, kinds(verdict)) == (5, ["absence", "empty_run"])
    assert "no call arrived, and nothing was served." in verdict.findings[1].text


@pytest.mark.parametrize("outcome", [Outcome.FOREIGN, Outcome.CANARY])
def test_what_only_the_trap_has_seen_is_an_empty_run(outcome: Outcome) -> None:
    foreign = call(1, host="telemetry.example", way=Way.FORWARD, outcome=outcome)
    assert judged([foreign]).exit == 5


def canary(seq: int, client: str, way: Way = Way.SINK) -> Call:
    return call(seq, host="canary.cpproxy.invalid", way=way, outcome=Outcome.CANARY, client=client)


def test_misroutes_are_proven_by_a_canary_of_each_client_under_a_trap() -> None:
    calls = [call(1, client="alpha"), call(2, client="beta"), call(3, client="alpha")]
    canaries = [canary(4, "alpha"), canary(5, "beta")]
    assert judged([*calls, *canaries], trap=True).misroutes == "proven"
    assert judged([*calls, *canaries]).misroutes == "unproven"
    warned = judged([*calls, *canaries[:1]], trap=True)
    assert (warned.misroutes, warned.exit) == ("unproven", 0)
    (warning,) = (one for one in warned.warnings if one.kind is Kind.UNPROVEN)
    assert "beta has not shown that a call past the front is caught. Run `cpproxy canary` where" in warning.text
    lacking = judged([*calls, *canaries[:1]], trap=True, fail_on=frozenset({Kind.UNPROVEN}))
    assert (lacking.misroutes, lacking.exit) == ("unproven", 1)
    assert [one.text for one in lacking.findings if one.kind is Kind.UNPROVEN] == [warning.text]
    assert not [one for one in judged(calls).warnings if one.kind is Kind.UNPROVEN]


def test_a_canary_whose_name_was_only_asked_for_proves_nothing() -> None:
    asked = [call(1, client="alpha"), canary(2, "alpha", Way.DNS)]
    assert judged(asked, trap=True).misroutes == "unproven"
    assert judged([*asked, canary(3, "alpha", Way.FORWARD)], trap=True).misroutes == "proven"
    assert judged([*asked, canary(3, "alpha"), canary(4, "beta", Way.DNS)], trap=True).misroutes == "unproven"


def test_misroutes_are_unproven_once_the_trap_has_died() -> None:
    died = judged([call(1, client="alpha"), canary(2, "alpha")], TrapDied(3.0, "signal 9"), trap=True)
    assert (died.misroutes, died.exit) == ("unproven", 1)
    (finding,) = (one for one in died.findings if one.kind is Kind.TRAP_DIED)
    assert "caught by nobody, and misroutes are unproven from then on" in finding.text


def test_misroutes_are_unproven_once_the_proxy_was_killed_and_its_trap_with_it() -> None:
    calls = [call(1, client="alpha"), canary(2, "alpha")]
    assert judged(calls, trap=True).misroutes == "proven"
    killed = judged(calls, trap=True, killed=True)
    assert (killed.misroutes, warned(killed)[0]) == ("unproven", "killed")


def test_a_client_that_the_trap_alone_has_seen_needs_a_canary_too() -> None:
    foreign = call(2, host="telemetry.example", way=Way.SINK, outcome=Outcome.FOREIGN, client="beta")
    assert judged([call(1, client="alpha"), foreign, canary(3, "alpha")], trap=True).misroutes == "unproven"


def test_unplayed_writes_and_reads_that_nobody_asked_for_are_warnings() -> None:
    verdict = judged(ALL[:1])
    assert verdict.exit == 0
    assert warned(verdict) == ["unplayed_write", "unasked_read"]
    assert (
        "harness/boot: 1 of its 1 recorded writes were played by nobody: POST /provision." in verdict.warnings[0].text
    )
    assert (
        verdict.warnings[1].text == f"cassette harness/canary: its only interaction (1 read) was not played. {SILENT}"
    )


def test_a_cassette_of_which_nothing_was_played_is_one_warning_of_the_graver_kind() -> None:
    health = [Planned(name, "GET", "/health", write=False) for name in "34"]
    plan = PLAN | {"harness/canary": [*PLAN["harness/boot"], *health]}
    verdict = judged(ALL[:2], plan=plan)
    assert [(one.kind, one.count, one.scenario) for one in verdict.warnings] == [
        (Kind.UNPLAYED_WRITE, 4, "harness/canary")
    ]
    assert verdict.warnings[0].text == (
        f"cassette harness/canary: none of its 4 interactions (1 write, 3 reads) was played. {SILENT}"
    )
    assert kinds(judged(ALL[:2], plan=plan, fail_on=frozenset({Kind.UNPLAYED_WRITE}))) == ["unplayed_write"]
    plan = PLAN | {"harness/canary": health}
    assert warned(judged(ALL[:2], plan=plan)) == ["unasked_read"]


def test_a_later_answer_of_a_read_that_was_asked_is_no_warning() -> None:
    plan = {"harness/boot": [Planned(name, "GET", "/config", write=False) for name in "123"]}
    assert judged(ALL[:1], plan=plan).warnings == ()


def test_foreign_calls_warn_unless_their_host_is_expected() -> None:
    foreign = [
        call(8, host="telemetry.example", way=Way.FORWARD, outcome=Outcome.FOREIGN),
        call(9, host="other.example", way=Way.FORWARD, outcome=Outcome.FOREIGN),
    ]
    verdict = judged([*ALL, *foreign], config={"trap": {"expected_hosts": ["telemetry.example"]}})
    assert [(one.kind.value, one.call) for one in verdict.warnings] == [("foreign", "run:9")]


def test_a_killed_proxy_is_a_warning() -> None:
    assert warned(judged(killed=True)) == ["killed"]


@pytest.mark.parametrize("kind", sorted(WARNINGS))
def test_every_warning_can_be_made_a_finding(kind: Kind) -> None:
    foreign = call(9, host="other.example", way=Way.FORWARD, outcome=Outcome.FOREIGN)
    verdict = judged([ALL[0], foreign], killed=True, fail_on=frozenset({kind}))
    assert (verdict.exit, set(kinds(verdict))) == (1, {kind.value})
    assert kind.value not in warned(verdict)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", frozenset()),
        ("all", WARNINGS),
        ("foreign", frozenset({Kind.FOREIGN})),
        ("foreign, unplayed-write", frozenset({Kind.FOREIGN, Kind.UNPLAYED_WRITE})),
        ("unasked_read", frozenset({Kind.UNASKED_READ})),
    ],
)
def test_reads_the_kinds_to_fail_on(text: str, expected: frozenset[Kind]) -> None:
    assert parse_fail_on(text) == expected


def test_refuses_a_kind_that_fails_anyway_or_does_not_exist() -> None:
    with pytest.raises(UsageError, match="--fail-on mist: expected all, or some of foreign, killed"):
        parse_fail_on("foreign,mist")


def test_one_session_is_judged_by_itself() -> None:
    miss = call(7, target="/x", outcome=Outcome.MISS, session="beta")
    calls = [*ALL, miss]
    xfail = ScenarioBegun(1.0, "s", session="beta", xfail="#1")
    assert judged(calls, xfail, session="default").exit == 0
    verdict = judged(calls, xfail, session="beta")
    assert (kinds(verdict), verdict.calls) == (["miss", "xfail_scenario"], 1)


def test_a_cassette_that_was_merely_served_is_no_scenario_of_the_run() -> None:
    chosen = Served("harness/canary", "cd", 1, chosen=True)
    assert judged(ALL[:1]).scenarios == ("harness/boot",)
    assert judged(ALL[:1], cassettes=[BOOT, chosen]).scenarios == ("harness/boot", "harness/canary")
    assert judged([], ScenarioBegun(1, "harness/canary", "default")).scenarios == ("harness/canary",)
    assert judged([], config={"suite": {"scenarios": ["harness/canary"]}}).scenarios == ("harness/canary",)
    assert judged(mode=Mode.RECORD, cassettes=[BOOT]).scenarios == ("harness/boot",)


def test_says_so_where_no_variable_routes_a_call() -> None:
    verdict = judged([], config={"routes": []})
    assert "No variable is known that routes it to the front: name one as `env`" in verdict.findings[0].text


def test_a_verdict_survives_its_way_as_json() -> None:
    verdict = judged([*ALL, call(7, target="/x", outcome=Outcome.MISS)], killed=True)
    assert msgspec.json.decode(msgspec.json.encode(verdict), type=Verdict) == verdict


def test_an_expected_failure_says_what_it_hides() -> None:
    events = ScenarioBegun(1.0, BOOT.name, xfail="#1"), ScenarioEnded(2.0, BOOT.name, exit=3)
    some = judged([ALL[0], ALL[2]], *events)
    assert (
        "(#1), and ended with exit code 3. Of the 2 calls that were recorded of it, nobody made 1: POST /provision."
        in (some.findings[0].text)
    )
    assert "A failure that is expected hides that. Mend it and take the mark off" in some.findings[0].text
    assert "All 2 calls that were recorded of it were made." in judged(ALL, *events).findings[0].text
    assert "may have been called by nobody" in judged(ALL, ScenarioBegun(1.0, "s", xfail="#1")).findings[0].text
