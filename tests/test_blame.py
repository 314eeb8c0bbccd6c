"""Who went past the front, in words that are an answer: one finding for one sender and one target."""

import datetime
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import structs

from cpproxy.core.calls import Call, Outcome, Seen, Way
from cpproxy.core.config import Config
from cpproxy.core.judge import Facts, judge
from cpproxy.core.requirements import Requirement
from cpproxy.core.runs import Event, Mode, Run, SessionOpened
from cpproxy.core.verdict import Finding, Kind, Misroutes, Verdict
from cpproxy.core.wiring.wired import Stated, Wired, Wiring, wire
from cpproxy.files.compose.project import Request, read_project

CONFIG = tomllib.loads((Path(__file__).parents[1] / "cpproxy.toml").read_text())
CONFIG["cp"]["front_url"] = "http://cp:9090"
CONFIG["routes"] = [{**route, "required": False} for route in CONFIG["routes"]]
CONFIG["suite"] = {}
ALPHA, BETA = "172.18.0.5 tenant-alpha", "172.18.0.6 tenant-beta"


def row(seq: int = 7, **more: Any) -> Call:
    known: dict[str, Any] = {
        "at": float(seq),
        "outcome": Outcome.REPLAYED,
        "method": "GET",
        "target": "/health",
        "client": ALPHA,
    }
    return Call(seq=seq, **(known | more))


def caught(seq: int = 7, **more: Any) -> Call:
    """A row of the trap, seen whole."""
    known: dict[str, Any] = {
        "outcome": Outcome.MISROUTE,
        "way": Way.SINK,
        "method": "POST",
        "target": "/cp/workspaces/provision?x=1",
        "route": "provision",
        "host": "api.moleculesai.app",
        "scheme": "https",
        "port": 443,
        "seen": Seen.WHOLE,
    }
    return row(seq, **(known | more))


def named(seq: int = 7, **more: Any) -> Call:
    """A row of the trap, of which the name alone was seen."""
    known: dict[str, Any] = {"method": "", "target": "", "route": "", "seen": Seen.NAME, "scheme": ""}
    return caught(seq, **(known | more))


def judged(
    calls: Sequence[Call], *events: Event, config: dict[str, Any] | None = None, trap: bool = True, **more: Any
) -> Verdict:
    run = Run(id="run", mode=Mode.REPLAY, started=1.0, url="http://0.0.0.0:9090", trap=trap)
    settings = msgspec.convert(CONFIG | (config or {}), Config)
    today = datetime.date(2026, 11, 29)
    return judge(Facts(run=run, calls=calls, today=today, events=events, config=settings, **more))


def only(verdict: Verdict) -> Finding:
    (finding,) = verdict.findings
    return finding


def foreign(verdict: Verdict) -> Finding:
    """The only warning of a call to somebody else."""
    (warning,) = (one for one in verdict.warnings if one.kind is Kind.FOREIGN)
    return warning


def test_a_call_that_was_seen_whole_is_answered() -> None:
    finding = only(judged([row(1), caught()]))
    assert finding.text == (
        "tenant-alpha called POST https://api.moleculesai.app/cp/workspaces/provision past the proxy. "
        "CP_PROVISION_URL, then MOLECULE_CP_URL, route this call; set one of them to http://cp:9090. "
        "Caught by the trap's sink. See "
        "`cpproxy call run:7`."
    )
    assert (finding.kind, finding.client, finding.route) == (Kind.MISROUTE, "tenant-alpha", "provision")


def test_a_call_of_one_variable_is_answered() -> None:
    text = only(judged([row(1), caught(method="GET", target="/cp/tenants/config", route="config", scheme="http")])).text
    assert text.startswith(
        "tenant-alpha called GET http://api.moleculesai.app:443/cp/tenants/config past the proxy. MOLECULE_CP_URL "
        "routes this call; set it to http://cp:9090."
    )


def test_a_base_that_ends_with_a_slash_is_answered_as_its_route() -> None:
    verdict = judged([row(1), caught(2, target="//cp/workspaces/provision", route="provision"), caught(3)])
    assert only(verdict).count == 2
    text = only(judged([row(1), caught(target="//cp/workspaces/provision", route="")])).text
    assert text.startswith(
        "tenant-alpha called POST https://api.moleculesai.app//cp/workspaces/provision past the proxy. "
        "CP_PROVISION_URL, then MOLECULE_CP_URL, route this call; set one of them to http://cp:9090."
    )


def test_a_call_of_which_the_name_alone_was_seen_is_answered() -> None:
    text = only(judged([row(1), named()])).text
    assert text == (
        "tenant-alpha reached for https://api.moleculesai.app past the proxy (certificate not trusted, path unseen). "
        "It never called GET /cp/tenants/config (MOLECULE_CP_URL) or POST /cp/workspaces/provision (CP_PROVISION_URL, "
        "then MOLECULE_CP_URL) at the front. The front is http://cp:9090. Caught by the trap's sink. See `cpproxy call "
        "run:7`."
    )


def test_what_the_client_called_at_the_front_is_not_the_cause() -> None:
    status = row(2, target="/cp/workspaces/1/status", route="status")
    text = only(judged([status, named()])).text
    assert "It never called GET /cp/tenants/config (MOLECULE_CP_URL) at the front." in text
    both = only(judged([status, row(3, target="/cp/tenants/config"), named()])).text
    assert "it has called at the front as well" in both
    other = only(judged([row(2, target="/cp/tenants/config", client=BETA), named()])).text
    assert "never called GET /cp/tenants/config (MOLECULE_CP_URL) or POST" in other


def test_what_goes_to_another_host_by_default_is_not_the_cause() -> None:
    text = only(judged([row(1), named(host="staging-api.moleculesai.app")])).text
    assert "never called" not in text
    assert (
        "No call is known that goes there by default: find what names it to the client, such as MOLECULE_CP_URL, "
        "CP_PROVISION_URL or CP_UPSTREAM_URL, and let it name http://cp:9090."
    ) in text


@pytest.mark.parametrize(
    ("seen", "more", "words"),
    [
        (
            Seen.QUERY,
            {"way": Way.DNS, "port": 0},
            "reached for api.moleculesai.app past the proxy (it asked for the name",
        ),
        (Seen.TUNNEL, {"way": Way.FORWARD}, "reached for https://api.moleculesai.app past the proxy (nothing followed"),
        (Seen.BYTES, {"port": 22}, "reached for api.moleculesai.app:22 past the proxy (what it sent is neither"),
        (Seen.CONNECTION, {"host": "172.18.0.2"}, "reached for 172.18.0.2:443 past the proxy (it connected, and said"),
        (Seen.NAME, {"host": "fd00::1", "port": 8443}, "reached for [fd00::1]:8443 past the proxy"),
    ],
)
def test_it_is_said_how_much_was_seen(seen: Seen, more: dict[str, Any], words: str) -> None:
    assert words in only(judged([row(1), named(seen=seen, **more)])).text


def test_one_sender_and_one_target_are_one_finding_with_a_count() -> None:
    calls = [
        named(2, seen=Seen.QUERY, way=Way.DNS, scenario="boot"),
        *(named(seq, scenario="boot") for seq in range(3, 1003)),
        named(1003, seen=Seen.TUNNEL, way=Way.FORWARD, scenario="canary", session="s"),
        named(1004, client=BETA),
    ]
    first, second = judged([row(1), *calls]).findings
    assert (first.count, first.call, first.scenario, first.client) == (1001, "run:3", "", "tenant-alpha")
    assert "(certificate not trusted, path unseen), 1001 times." in first.text
    assert "Caught by the trap's forward proxy, sink and DNS." in first.text
    assert (second.count, second.client) == (1, "tenant-beta")


def test_a_name_that_was_asked_for_before_the_call_is_no_finding_of_its_own() -> None:
    finding = only(judged([row(1), named(2, seen=Seen.QUERY, way=Way.DNS), caught(3), caught(4)]))
    assert (finding.count, finding.call) == (2, "run:3")


def test_a_name_that_was_asked_for_and_then_called_is_counted_once() -> None:
    query: dict[str, Any] = {"seen": Seen.QUERY, "way": Way.DNS, "port": 0}
    asked = [named(seq, **query) for seq in (2, 3, 4, 5)]
    assert only(judged([row(1), *asked])).count == 4
    assert only(judged([row(1), *asked, named(6), named(7)])).count == 2
    bare = only(judged([row(1), *asked, named(6, client="172.18.0.5")]))
    assert (bare.count, "times" in bare.text, "sink and DNS" in bare.text) == (1, False, True)
    assert [one.count for one in judged([row(1), *asked, named(6, client=BETA)]).findings] == [4, 1]


def test_a_foreign_name_that_was_asked_for_and_then_called_is_one_call() -> None:
    there: dict[str, Any] = {"outcome": Outcome.FOREIGN, "host": "pypi.example"}
    asked = named(2, **there, seen=Seen.QUERY, way=Way.DNS, port=0)
    called = caught(3, **there, route="", method="GET", target="/", scheme="http", port=80)
    warning = foreign(judged([row(1), asked, called]))
    assert warning.text.startswith("tenant-alpha called GET http://pypi.example/, which is none")
    assert warning.count == 1
    provision = caught(3, host="pypi.example")
    verdict = judged([row(1), asked, provision])
    assert ([one.count for one in verdict.findings], verdict.warnings) == ([1], ())


def test_foreign_calls_that_differ_are_not_all_called_by_the_first() -> None:
    there: dict[str, Any] = {"outcome": Outcome.FOREIGN, "host": "pypi.example", "route": "", "method": "GET"}
    alike = [caught(seq, **there, target="/a") for seq in (2, 3)]
    other = [caught(4, **(there | {"method": "POST"}), target="/a"), named(4, **(there | {"method": ""}))]
    assert "called GET https://pypi.example/a, 2 times," in foreign(judged([row(1), *alike])).text
    for one in other:
        for some in ([*alike, one], [one, *alike], [*alike, structs.replace(one, client="172.18.0.5")]):
            warning = foreign(judged([row(1), *some]))
            assert warning.count == 3
            assert "tenant-alpha made 3 calls to pypi.example, " in warning.text
            assert "://pypi.example/a among them, which is none of" in warning.text


def test_routes_are_targets_and_ids_are_not() -> None:
    status = [caught(seq, method="GET", target=f"/cp/workspaces/{seq}/status", route="status") for seq in (2, 3, 4)]
    found = judged([row(1), *status, caught(9)]).findings
    assert [(one.route, one.count) for one in found] == [("status", 3), ("provision", 1)]


def test_calls_that_differ_are_not_all_called_by_the_first() -> None:
    status = [caught(seq, method="GET", target=f"/cp/workspaces/{seq}/status", route="status") for seq in (2, 3, 4)]
    text = only(judged([row(1), *status])).text
    one = "GET https://api.moleculesai.app/cp/workspaces/2/status"
    assert text.startswith(f"tenant-alpha made 3 calls such as {one} past the proxy. CP_PROVISION_URL")
    assert "status past the proxy, 2 times. " in only(judged([row(1), status[0], status[0]])).text


def test_of_the_paths_of_no_route_some_are_targets_and_the_rest_is_one() -> None:
    many = [caught(seq, target=f"/cp/x/{seq}", route="") for seq in range(2, 5002)]
    found = judged([row(1), *many, *many[:2]]).findings
    assert [one.count for one in found] == [2, 2, 1, 1, 1, 4995]
    assert "made 4995 calls such as POST https://api.moleculesai.app/cp/x/7 past the proxy." in found[-1].text


def test_addresses_of_one_name_are_one_sender() -> None:
    calls = [caught(2, client="172.18.0.5"), caught(3), caught(4, client="172.18.0.9 tenant-alpha")]
    finding = only(judged([row(1), *calls]))
    assert (finding.count, finding.call, finding.client) == (3, "run:2", "tenant-alpha")


def test_a_sender_of_whom_nothing_better_is_known_is_its_address() -> None:
    finding = only(judged([row(1), caught(client="172.18.0.7")]))
    assert finding.text.startswith("172.18.0.7 called POST https://")


WIRING: Wiring = {
    "tenant-alpha": Wired(
        "compose.yml:6",
        ("tenant-alpha", "alpha.internal"),
        ("172.18.0.5",),
        {"CP_UPSTREAM_URL": Stated("http://cp:9090", "compose.yml:10")},
    )
}


def test_the_compose_file_says_what_is_not_set_and_where() -> None:
    text = only(judged([row(1), caught(client="172.18.0.5")], wiring=WIRING)).text
    assert text.startswith("tenant-alpha called")
    assert (
        "CP_PROVISION_URL and MOLECULE_CP_URL are not set (compose.yml:6); CP_UPSTREAM_URL is http://cp:9090 "
        "(compose.yml:10), and leads GET /cp/auth/tenant-member alone."
    ) in text
    assert "not set" not in only(judged([row(1), caught()])).text


def test_the_compose_file_says_what_is_set_elsewhere() -> None:
    stated = {
        "MOLECULE_CP_URL": Stated("https://api.moleculesai.app", "c.yml:9"),
        "CP_PROVISION_URL": Stated("", "a.env:2"),
    }
    wiring: Wiring = {"tenant-alpha": Wired("c.yml:6", variables=stated)}
    text = only(judged([row(1), named()], wiring=wiring)).text
    assert "MOLECULE_CP_URL is https://api.moleculesai.app (c.yml:9), CP_PROVISION_URL is empty (a.env:2)." in text


def wiring_of(**values: str) -> Wiring:
    return {"tenant-alpha": Wired("c.yml:6", variables={name: Stated(one, "c.yml:9") for name, one in values.items()})}


def test_the_variable_that_the_client_reads_first_is_the_one_to_set() -> None:
    wiring = wiring_of(CP_PROVISION_URL="https://api.moleculesai.app", MOLECULE_CP_URL="http://cp:9090")
    text = only(judged([row(1), caught()], wiring=wiring)).text
    assert "MOLECULE_CP_URL, route this call; set CP_PROVISION_URL to http://cp:9090." in text
    wiring = wiring_of(CP_PROVISION_URL="", MOLECULE_CP_URL="https://api.moleculesai.app")
    text = only(judged([row(1), caught()], wiring=wiring)).text
    assert "MOLECULE_CP_URL, route this call; set MOLECULE_CP_URL to http://cp:9090." in text


@pytest.mark.parametrize("base", ["http://cp:9090", "http://CP:9090/s/one"])
def test_nobody_is_told_to_set_what_the_compose_file_sets(base: str) -> None:
    wiring = wiring_of(MOLECULE_CP_URL=base)
    text = only(judged([row(1), caught()], wiring=wiring)).text
    assert (
        "CP_PROVISION_URL, then MOLECULE_CP_URL, route this call, and MOLECULE_CP_URL leads it to http://cp:9090 "
        "already: see whether the client was started with that. CP_PROVISION_URL is not set (c.yml:6), MOLECULE_CP_URL "
        f"is {base} (c.yml:9)."
    ) in text
    alone = only(
        judged([row(1), caught(method="GET", target="/cp/tenants/config", route="config")], wiring=wiring)
    ).text
    assert "MOLECULE_CP_URL routes this call, and leads it to http://cp:9090 already: see whether" in alone


def test_a_name_that_the_compose_file_gives_to_the_client_is_traced_to_its_variable() -> None:
    wiring = wiring_of(MOLECULE_CP_URL="https://Staging-api.moleculesai.app", CP_UPSTREAM_URL="http://cp:9090")
    text = only(judged([row(1), named(host="staging-api.moleculesai.app")], wiring=wiring)).text
    assert "MOLECULE_CP_URL is https://Staging-api.moleculesai.app (c.yml:9); set it to http://cp:9090." in text
    assert "No call is known" not in text
    unknown = only(
        judged([row(1), caught(host="staging-api.moleculesai.app", target="/x", route="")], wiring=wiring)
    ).text
    assert "MOLECULE_CP_URL is https://Staging-api.moleculesai.app (c.yml:9); set it to http://cp:9090." in unknown
    mistyped = wiring_of(MOLECULE_CP_URL="https://api.moleculesai.ap")
    warning = foreign(judged([row(1), named(host="api.moleculesai.ap", outcome=Outcome.FOREIGN)], wiring=mistyped))
    assert "MOLECULE_CP_URL is https://api.moleculesai.ap (c.yml:9); set it to http://cp:9090." in warning.text
    assert "expected_hosts" not in warning.text


INCIDENT = """\
services:
  tenant-alpha:
    image: tenant
    environment:
      MOLECULE_CP_URL:
      CP_PROVISION_URL: ""
      CP_UPSTREAM_URL: http://cp:9090
"""


def wired(path: Path, text: str = INCIDENT, **environment: str) -> Wiring:
    """What a compose file says to the verdict, in a shell with this environment."""
    path.write_text(text)
    return wire(read_project(Request((str(path),), environment)), msgspec.convert(CONFIG, Config), str)


def test_a_variable_that_is_named_without_a_value_is_not_set(tmp_path: Path) -> None:
    file = tmp_path / "c.yml"
    text = only(judged([row(1), named()], wiring=wired(file))).text
    assert f"MOLECULE_CP_URL is not set ({file}:5), CP_PROVISION_URL is empty ({file}:6)" in text
    assert f"; CP_UPSTREAM_URL is http://cp:9090 ({file}:7), and leads GET /cp/auth/tenant-member alone." in text
    empty = only(judged([row(1), named()], wiring=wired(file, MOLECULE_CP_URL=""))).text
    assert f"MOLECULE_CP_URL is empty ({file}:5), CP_PROVISION_URL is empty" in empty
    given = only(judged([row(1), named()], wiring=wired(file, MOLECULE_CP_URL="http://cp:9090"))).text
    assert f"MOLECULE_CP_URL is http://cp:9090 ({file}:5)" in given
    assert "alone" not in given
    unnamed = INCIDENT.replace("      MOLECULE_CP_URL:\n", "")
    assert f"MOLECULE_CP_URL is not set ({file}:2)" in only(judged([row(1), named()], wiring=wired(file, unnamed))).text


def test_the_fronts_own_host_in_the_trap_is_a_finding_of_its_own() -> None:
    reason = "it is meant for the front, and came through the trap: add cp to NO_PROXY in the client"
    finding = only(judged([row(1), caught(way=Way.FORWARD, scheme="http", host="cp", port=9090, reason=reason)]))
    assert finding.text.startswith(
        f"tenant-alpha called POST http://cp:9090/cp/workspaces/provision through the trap: {reason}."
    )
    assert "route this call" not in finding.text


def test_a_call_to_the_fronts_host_at_another_port_is_told_the_right_url() -> None:
    finding = only(judged([row(1), caught(scheme="http", host="cp", port=80, reason="its host is the front's")]))
    assert finding.text.startswith(
        "tenant-alpha called POST http://cp/cp/workspaces/provision past the proxy. CP_PROVISION_URL, then "
        "MOLECULE_CP_URL, route this call; set one of them to http://cp:9090. "
    )
    unseen = only(judged([row(1), named(host="cp", reason="its host is the front's")])).text
    assert unseen.startswith(
        "tenant-alpha reached for https://cp past the proxy (certificate not trusted, path unseen)"
    )
    assert "find what names it to the client, such as MOLECULE_CP_URL" in unseen


def test_a_call_of_no_route_asks_for_one() -> None:
    text = only(judged([row(1), caught(target="/cp/unknown", route="")])).text
    assert "What routes calls to the front is MOLECULE_CP_URL, CP_PROVISION_URL or CP_UPSTREAM_URL" in text


def test_foreign_calls_are_warnings_and_expected_ones_are_silent() -> None:
    calls = [
        caught(2, outcome=Outcome.FOREIGN, host="Telemetry.example.com", route="", method="GET", target="/a"),
        caught(3, outcome=Outcome.FOREIGN, host="telemetry.example.com", route="", method="POST", target="/b"),
        named(4, outcome=Outcome.FOREIGN, host="quiet.example.com"),
    ]
    quiet = {"trap": {"expected_hosts": ["quiet.example.com:443"]}}
    verdict = judged([row(1), *calls], config=quiet)
    assert verdict.findings == ()
    warning = foreign(verdict)
    assert warning.text == (
        "tenant-alpha made 2 calls to Telemetry.example.com, GET https://Telemetry.example.com/a among them, which is "
        'none of the control plane\'s, and was refused. If it is to be expected, add "Telemetry.example.com" to '
        "expected_hosts in [trap]. See `cpproxy call run:2`."
    )
    assert only(judged([row(1), *calls], config=quiet, fail_on=frozenset({Kind.FOREIGN}))).count == 2


def test_a_verdict_with_misroutes_says_so() -> None:
    watched = [row(2, outcome=Outcome.CANARY, way=Way.SINK)]
    assert judged([row(1), *watched]).misroutes is Misroutes.PROVEN
    assert judged([row(1), *watched, caught()]).misroutes is Misroutes.FOUND
    exempt = {"expect": [{"scenario": "boot", "issue": "#1", "until": datetime.date(2026, 12, 1)}]}
    verdict = judged([row(1), *watched, caught(scenario="boot")], config=exempt)
    assert (verdict.findings, len(verdict.exempted), verdict.misroutes) == ((), 1, Misroutes.FOUND)
    assert judged([row(1)]).misroutes is Misroutes.UNPROVEN


def test_a_session_hears_of_its_own_senders_and_of_those_of_nobody() -> None:
    opened = SessionOpened(1.0, "s", ())
    here, there = row(2, session="s"), row(3, session="other", client=BETA)
    verdict = judged(
        [here, there, caught(4), caught(5, client=BETA), caught(6, client="172.18.0.9")], opened, session="s"
    )
    assert [one.client for one in verdict.findings] == ["tenant-alpha", "172.18.0.9"]


def test_nothing_that_a_client_sends_becomes_code() -> None:
    text = only(judged([row(1), caught(method="A`B", target="/`x`", route="", host="a`b", client="`c`")])).text
    assert text.count("`") == 2


def test_a_required_call_is_looked_for_by_every_name_of_its_client() -> None:
    required = {
        "routes": [{**one, "required": one["name"] == "config" and ["tenant-alpha"]} for one in CONFIG["routes"]]
    }
    called = row(2, target="/cp/tenants/config", client="172.18.0.5")
    nameless = only(judged([called], config=required))
    assert nameless.kind is Kind.ABSENCE
    assert (
        "172.18.0.5 did, of whom no name is known: if that is tenant-alpha, let --compose name a file" in nameless.text
    )
    assert judged([called], config=required, wiring=WIRING).findings == ()
    assert judged([called, row(3)], config=required).findings == ()
    absent = only(judged([row(1)], config=required, wiring=WIRING))
    assert "MOLECULE_CP_URL is not set (compose.yml:6)." in absent.text
    assert "goes to https://api.moleculesai.app, and nothing here fails: silence is no success." in absent.text


def test_what_was_required_by_a_flag_is_explained_as_a_required_route_is() -> None:
    missing = Requirement.parse("GET /cp/auth/tenant-member >=2")
    text = only(judged([row(1)], requirements=(missing,))).text
    assert text == (
        "`GET /cp/auth/tenant-member >=2` was required 2 times, and no such calls arrived at the front. "
        "CP_UPSTREAM_URL routes this call; set it to http://cp:9090. Without it no call is made at all, and nothing "
        "fails: silence is no success. See `cpproxy calls` for those that did."
    )
    wiring = wiring_of(MOLECULE_CP_URL="http://cp:9090") | {
        "cp": Wired("c.yml:1"),
        "tenant-beta": Wired("c.yml:20", variables={"CP_UPSTREAM_URL": Stated("http://cp:9090", "c.yml:22")}),
    }
    text = only(judged([row(1)], requirements=(missing,), wiring=wiring)).text
    assert "By the compose file, tenant-alpha: CP_UPSTREAM_URL is not set (c.yml:6). Without it" in text
    required = {"routes": [{**one, "required": one["name"] == "tenant-member"} for one in CONFIG["routes"]]}
    text = only(judged([row(1)], config=required, wiring=wiring)).text
    assert "By the compose file, tenant-alpha: CP_UPSTREAM_URL is not set (c.yml:6). Without it" in text
    nameless = only(judged([row(1)], requirements=(Requirement.parse("GET /nothing"),))).text
    assert nameless.endswith("no such calls arrived at the front. See `cpproxy calls` for those that did.")


@pytest.mark.parametrize("client", ["172.18.0.5", ALPHA])
def test_a_miss_is_its_services_as_a_misroute_is(client: str) -> None:
    finding = only(judged([row(1), row(2, outcome=Outcome.MISS, client=client)], wiring=WIRING))
    assert finding.client == "tenant-alpha"
    assert finding.text.startswith("GET /health from tenant-alpha. It reached the front")
    unknown = only(judged([row(1), row(2, outcome=Outcome.MISS, client="172.18.0.9")], wiring=WIRING))
    assert unknown.client == "172.18.0.9"


def test_a_call_that_is_not_made_at_all_says_why_silence_is_no_success() -> None:
    required = {"routes": [{**one, "required": one["name"] == "tenant-member"} for one in CONFIG["routes"]]}
    text = only(judged([row(1)], config=required)).text
    assert (
        "nobody called tenant-member (GET /cp/auth/tenant-member), which the config requires. CP_UPSTREAM_URL" in text
    )
    assert "Without it no call is made at all, and nothing fails: silence is no success." in text


def test_what_was_refused_unread_leaves_misroutes_unproven_whatever_is_expected() -> None:
    reason = "there are 512 connections already"
    one = {"outcome": Outcome.FOREIGN, "host": "172.18.0.2", "port": 443, "client": ALPHA}
    calls = [
        row(1),
        row(2, outcome=Outcome.CANARY, way=Way.SINK),
        named(3, **one, seen=Seen.UNREAD, reason=reason),
        named(4, **one, seen=Seen.BYTES),
    ]
    expected = {"trap": {"expected_hosts": ["172.18.0.2"]}}
    assert judged([*calls[:2], calls[3]], config=expected).misroutes is Misroutes.PROVEN
    verdict = judged(calls, config=expected)
    assert verdict.misroutes is Misroutes.UNPROVEN
    (unproven,) = (one for one in verdict.warnings if one.kind is Kind.UNPROVEN)
    assert "a connection was refused unread by the trap" in unproven.text
    assert foreign(verdict).text == (
        f"tenant-alpha connected to 172.18.0.2:443 and was refused unread: {reason}. What it was meant for is unknown: "
        "have fewer connections open at once, and run again. See `cpproxy call run:3`."
    )
    failing = judged(calls, fail_on=frozenset({Kind.UNPROVEN}))
    assert "a connection was refused unread by the trap" in only(failing).text


def test_a_head_that_was_not_finished_is_a_call_all_the_same() -> None:
    text = only(judged([row(1), caught(seen=Seen.HEAD, scheme="http", port=80)])).text
    assert text.startswith(
        "tenant-alpha called POST http://api.moleculesai.app/cp/workspaces/provision past the proxy."
    )
