"""The tally: counters, what `wait` asks, and sessions that know nothing of each other."""

from typing import Any

import pytest

from cpproxy.core.calls import Call, Outcome, Way
from cpproxy.core.routes import Template
from cpproxy.core.tally import MOST_SESSIONS, Tally
from cpproxy.errors import GoneError, UsageError

COUNTERS = [("provision", "provision_calls"), ("start", "provision_calls"), ("config", "tenants_config_calls")]


def test_there_is_an_end_to_sessions_but_not_to_calls_of_known_ones() -> None:
    tally = Tally()
    for number in range(MOST_SESSIONS):
        tally.admit(f"s{number}")
    tally.admit("s0")
    with pytest.raises(UsageError, match="4096 are open"):
        tally.admit("another")
    with pytest.raises(UsageError, match="4096 are open"):
        tally.open("another")
    tally.admit("default")
    tally.close("s1")
    tally.close("s2")
    tally.close("s3")  # one of them for the default session, which there is in any case
    tally.admit("another")
    tally.open("s1")


def test_as_many_of_the_closed_are_remembered_as_may_be_open() -> None:
    tally = Tally()
    for number in range(MOST_SESSIONS + 1):
        tally.open(f"s{number}")
        tally.close(f"s{number}")
    tally.admit("s0")
    with pytest.raises(GoneError, match="session s1 was closed"):
        tally.admit("s1")


def test_a_reset_begins_no_session() -> None:
    tally = Tally()
    tally.reset("one")
    assert tally.sessions() == ()


def call(route: str = "", *, target: str = "/a", outcome: Outcome = Outcome.REPLAYED, **more: Any) -> Call:
    return Call(seq=1, at=0.0, outcome=outcome, method="GET", target=target, route=route, **more)


def test_counts_arrivals_whatever_became_of_them() -> None:
    tally = Tally(COUNTERS)
    for outcome in (Outcome.REPLAYED, Outcome.MISS, Outcome.UNAUTHORIZED, Outcome.ERROR):
        tally.add(call("provision", outcome=outcome))
    assert tally.counters("default") == {"provision_calls": 4, "tenants_config_calls": 0}


def test_a_counter_may_count_several_routes() -> None:
    tally = Tally(COUNTERS)
    tally.add(call("provision"))
    tally.add(call("start"))
    assert tally.counters("default")["provision_calls"] == 2


def test_misroutes_are_no_arrivals() -> None:
    tally = Tally(COUNTERS)
    tally.add(call("provision", outcome=Outcome.MISROUTE, way=Way.FORWARD))
    assert tally.counters("default")["provision_calls"] == 0
    assert tally.session("default").outcomes == {Outcome.MISROUTE: 1}


def test_counts_by_template_over_all_paths_and_queries() -> None:
    tally = Tally()
    for target in ("/w/1/status?i=1", "/w/1/status?i=2", "/w/2/status", "/w/2"):
        tally.add(call(target=target))
    assert tally.count("default", Template.parse("GET /w/{id}/status")) == 3
    assert tally.count("default", Template.parse("POST /w/{id}/status")) == 0


def test_sessions_are_counted_apart_and_reset_apart() -> None:
    tally = Tally(COUNTERS)
    tally.add(call("config", session="one"))
    tally.add(call("config", session="two"))
    tally.reset("one")
    assert tally.counters("one")["tenants_config_calls"] == 0
    assert tally.counters("two")["tenants_config_calls"] == 1


def test_remembers_the_first_miss_until_a_scenario_begins_or_ends() -> None:
    tally = Tally()
    tally.add(call(target="/first", outcome=Outcome.MISS))
    tally.add(call(target="/second", outcome=Outcome.MISROUTE))
    assert (bad := tally.session("default").bad)
    assert bad.target == "/first"
    tally.begin("default", "harness/boot")
    assert tally.scenario("default") == "harness/boot"
    assert tally.session("default").bad is None
    tally.add(call(outcome=Outcome.MISS))
    assert tally.end("default") == "harness/boot"
    assert tally.session("default").bad is None
    assert tally.scenario("default") == ""


def test_a_scenario_survives_a_reset() -> None:
    tally = Tally()
    tally.begin("default", "boot")
    tally.reset("default")
    assert tally.scenario("default") == "boot"


def test_an_unknown_session_is_in_no_scenario() -> None:
    tally = Tally()
    assert tally.scenario("nobody") == ""
    assert tally.sessions() == ()
