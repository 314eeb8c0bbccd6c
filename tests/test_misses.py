"""The report on a miss: what it says of the nearest interactions; the line that it proposes makes the call match."""

import json
import tomllib
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from cpproxy.core.calls import Outcome
from cpproxy.core.config import ReplaySettings, RouteSettings
from cpproxy.core.messages import Request
from cpproxy.core.redaction.redactor import Redactor
from cpproxy.core.replay.decisions import Refuse, Serve
from cpproxy.core.replay.misses import Miss
from cpproxy.core.replay.remedies import Remedy
from tests.moving import FORM, Player, Tape, play

WORKSPACE = "0b9f6a52-54c2-4d0e-8a55-6a1c2f7f1a10"
LIVE = "c2812436-3b44-4ba9-8d79-e852ba380995"
OTHER = "b3957fc5-d795-4c41-adb6-9274c9c8adfa"

type Pairs = tuple[tuple[str, str], ...]


def call(line: str, body: Any = None, headers: Pairs = ()) -> Request:
    method, target = line.split(" ", 1)
    media = FORM if isinstance(body, str) and "=" in body else "application/json"
    sent = [(name.encode(), value.encode()) for name, value in headers]
    if body is None:
        return Request(method, target, tuple(sent), b"", "10.0.0.1")
    data = body.encode() if isinstance(body, str) else msgspec.json.encode(body)
    return Request(method, target, (*sent, (b"Content-Type", media.encode())), data, "10.0.0.1")


def miss(player: Player, request: Request) -> Miss:
    decision = player.replay.decide(request, player.session, player.scenario)
    assert isinstance(decision, Refuse)
    assert decision.outcome is Outcome.MISS
    assert decision.miss is not None
    return decision.miss


def leave(request: Request, reason: str, details: dict[str, Any]) -> str:
    """What leaves memory of a miss, by the gate that the front sends it through."""
    gate = Redactor()
    gate.learn_headers(request.headers)
    return f"{gate.text(reason)} {bytes(gate.json(msgspec.json.encode(details))).decode()}"


def answer(player: Player, request: Request) -> str:
    """The interaction that a call gets, or why it gets none."""
    decision = player.replay.decide(request, player.session, player.scenario)
    match decision:
        case Serve():
            decision.settle(delivered=True)
            return decision.entry.id
        case Refuse():
            return decision.reason


def paste(text: str, routes: tuple[RouteSettings, ...]) -> tuple[tuple[RouteSettings, ...], dict[str, Any]]:
    """A config's sections after a person has pasted the advice: sections that are there get its lines."""
    pasted = tomllib.loads(text)
    sections = {(one.match, one.when): msgspec.to_builtins(one) for one in routes}
    for one in pasted.get("routes", ()):
        sections.setdefault((one["match"], one.get("when", "")), {}).update(one)
    settings = msgspec.to_builtins(msgspec.convert(pasted.get("replay", {}), ReplaySettings))
    return msgspec.convert(tuple(sections.values()), tuple[RouteSettings, ...]), settings


def told(tape: Tape, name: str, **more: Any) -> None:
    tape.add(f"POST /teams{name}", {"ok": 1}, 201, **more)


def a_member() -> Tape:
    tape = Tape()
    told(tape, "", body={"name": "a", "env": {"BUILD": 41}, "tags": [{"at": "x"}, {"at": "y"}]})
    return tape


def a_parameter() -> Tape:
    tape = Tape()
    tape.add("GET /teams?page=1&colour=red", {"ok": 1})
    return tape


def a_field() -> Tape:
    tape = Tape()
    told(tape, "", body="Action=Run&Colour=red")
    return tape


def heartbeats() -> Tape:
    tape = Tape()
    tape.add("POST /teams/blue/beat", {"ok": 1}, body={"up": True})
    return tape


def polls() -> Tape:
    tape = Tape()
    for state in ("pending", "running"):
        tape.add("POST /query", {"state": state}, body={"job": 7})
    return tape


def polls_beside_writes() -> Tape:
    tape = Tape()
    tape.add("POST /", {"Id": "i-0123456789abcdef0"}, body="Action=RunInstances&Version=1")
    for state in ("pending", "running"):
        tape.add("POST /", {"state": state}, body="Action=DescribeInstances&Version=1&Id=i-0123456789abcdef0")
    return tape


def a_name() -> Tape:
    tape = Tape()
    told(tape, "", body={"owner_ref": "blue"})
    tape.add("GET /teams/blue", {"owner_ref": "blue", "size": 1})
    return tape


BUILD = RouteSettings(match="POST /teams", name="teams", ignore=("$.build",))
MEMBER = {"name": "a", "env": {"BUILD": 42}, "tags": [{"at": "x"}, {"at": "z"}]}
POLL = "Action=DescribeInstances&Version=1&Id=i-0123456789abcdef0"
PROPOSALS = [
    pytest.param(
        a_member,
        (),
        [call("POST /teams", MEMBER)],
        '[[routes]]\nmatch = "POST /teams"\nignore = ["$.env.BUILD", "$.tags[*].at"]\n',
        id="members",
    ),
    pytest.param(
        a_member,
        (BUILD,),
        [call("POST /teams", MEMBER | {"tags": [{"at": "x"}, {"at": "y"}]})],
        '[[routes]]  # the section of teams that is there\nmatch = "POST /teams"\n'
        'ignore = ["$.build", "$.env.BUILD"]\n',
        id="a member, of a route that leaves out another",
    ),
    pytest.param(
        a_parameter,
        (),
        [call("GET /teams?page=1&colour=blue")],
        '[[routes]]\nmatch = "GET /teams"\nignore = ["query:colour"]\n',
        id="a parameter",
    ),
    pytest.param(
        a_parameter,
        (),
        [call("GET /teams?page=1&colour=red&ts=7")],
        '[[routes]]\nmatch = "GET /teams"\nignore = ["query:ts"]\n',
        id="a parameter that was not recorded",
    ),
    pytest.param(
        a_field,
        (),
        [call("POST /teams", "Action=Run&Colour=blue")],
        '[[routes]]\nmatch = "POST /teams"\nignore = ["form:Colour"]\n',
        id="a form's field",
    ),
    pytest.param(
        heartbeats,
        (),
        [call("POST /teams/blue/beat", {"up": True})] * 2,
        '[[routes]]\nmatch = "POST /teams/blue/beat"\nrepeat = "last"\n',
        id="a heartbeat that is used up",
    ),
    pytest.param(
        polls,
        (),
        [call("POST /query", {"job": 7})] * 3,
        '[[routes]]\nmatch = "POST /query"\nkind = "read"\n',
        id="a poll that is used up",
    ),
    pytest.param(
        polls_beside_writes,
        (),
        [call("POST /", "Action=RunInstances&Version=1"), *[call("POST /", POLL)] * 3],
        '[[routes]]\nmatch = "POST /"\nwhen = "form:Action=DescribeInstances"\nkind = "read"\n',
        id="a poll beside writes to its path",
    ),
    pytest.param(
        a_name,
        (),
        [call("POST /teams", {"owner_ref": "green"})],
        '[replay]\nidentities = ["$.owner_ref"]\n',
        id="a name in a member",
    ),
    pytest.param(
        a_name,
        (),
        [call("GET /teams/green")],
        '[replay]\nidentities = ["$.owner_ref"]\n',
        id="a name in a path",
    ),
]


@pytest.mark.parametrize(("story", "routes", "calls", "advice"), PROPOSALS)
def test_the_line_that_is_proposed_makes_the_call_match(
    story: Any, routes: tuple[RouteSettings, ...], calls: list[Request], advice: str
) -> None:
    player = play(story(), routes=routes)
    for request in calls[:-1]:
        answer(player, request)
    found = miss(player, calls[-1])
    assert found.details()["advice"] == advice
    assert found.advise() in answer(player, calls[-1])
    better, settings = paste(advice, routes)
    if "/teams/green" in calls[-1].target:  # what a write makes is there once it is played
        calls = [call("POST /teams", {"owner_ref": "green"}), *calls]
    player = play(story(), routes=better, **settings)
    assert "no recorded interaction" not in [answer(player, request) for request in calls][-1]
    assert len(answer(player, calls[-1]).split()) == 1 or not found.used_up


def projects() -> Tape:
    tape = Tape()
    tape.add(
        "POST /projects", {"id": WORKSPACE, "name": "acme"}, 201, body={"name": "acme", "title": "The acme", "n": 1}
    )
    tape.add("GET /projects/acme", {"name": "acme", "size": 1})
    tape.add("POST /projects/acme/users", {"ok": 1}, body={"project": "acme", "n": 1})
    tape.add("DELETE /projects/acme", {"ok": 1}, body={"confirm": "acme"})
    return tape


ACME = call("POST /projects", {"name": "acme", "title": "The acme", "n": 1})
ZETA = call("POST /projects", {"name": "zeta", "title": "The zeta", "n": 1})
OF_ZETA = [
    pytest.param(ZETA, id="in two members"),
    pytest.param(call("GET /projects/zeta"), id="in the path"),
    pytest.param(call("POST /projects/zeta/users", {"project": "zeta", "n": 1}), id="in path and body"),
    pytest.param(call("DELETE /projects/zeta", {"confirm": "zeta"}), id="in path and body of what ends it"),
]
NAMED = 'identities = ["$.name"] in [replay] makes it match'


@pytest.mark.parametrize("request_", OF_ZETA)
def test_a_name_in_several_places_is_to_be_named_and_never_left_out(request_: Request) -> None:
    found = miss(play(projects()), request_)
    after = "" if request_ is ZETA else " once 1 is played"
    assert found.advise() == f"; if that names a thing, {NAMED}{after}"
    player = play(projects(), identities=("$.name",))
    assert {answer(player, one) for one in (ZETA, request_)} <= set("1234") or request_ is ZETA


@pytest.mark.parametrize("request_", OF_ZETA[1:])
def test_no_name_is_proposed_for_what_another_stands_for_already(request_: Request) -> None:
    player = play(projects())
    assert answer(player, ACME) == "1"
    assert miss(player, request_).treatment is None
    player = play(projects(), identities=("$.name",))
    assert answer(player, ACME) == "1"
    assert "no recorded interaction" in answer(player, request_)


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(call("POST /projects", {"name": "zeta", "title": "The acme", "n": 2}), id="a name and a number"),
        pytest.param(call("POST /projects", {"title": "The acme", "n": 1}), id="no name"),
        pytest.param(call("DELETE /projects/acme", {"confirm": "zeta"}), id="two names for one thing"),
        pytest.param(call("POST /projects/acme/users", {"project": 7, "n": 1}), id="a number for a name"),
    ],
)
def test_a_name_is_not_to_be_left_out_where_naming_it_is_not_enough(request_: Request) -> None:
    found = miss(play(projects()), request_)
    assert (found.remedy, found.toml) == (None, "")


def test_a_name_that_the_recording_gives_another_thing_is_not_to_be_left_out() -> None:
    tape = projects()
    tape.add("GET /projects/beta", {"size": 2})
    assert miss(play(tape), call("POST /projects", {"name": "beta", "title": "The beta", "n": 1})).remedy is None


def test_a_name_that_other_calls_or_answers_say_is_to_be_named() -> None:
    tape = Tape()
    told(tape, "", body={"label": "blue", "n": 1})
    tape.add("GET /teams", [{"label": "blue"}])
    found = miss(play(tape), call("POST /teams", {"label": "green", "n": 1}))
    assert found.remedy == Remedy("identities", ("$.label",))
    tape.documents[-1]["response"]["body"] = {"json": [{"label": "blue"}, {"colour": "blue"}]}
    assert miss(play(tape), call("POST /teams", {"label": "green", "n": 1})).remedy is None
    tape.add("POST /links", {"ok": 1}, body={"team": "blue"})
    found = miss(play(tape), call("POST /teams", {"label": "green", "n": 1}))
    assert found.remedy == Remedy("identities", ("$.label",))


def test_nothing_is_proposed_for_what_was_not_recorded_in_this_state() -> None:
    tape = Tape()
    tape.add("POST /workspaces", {"ok": 1}, 201, body={"id": WORKSPACE})
    tape.add(f"PUT /workspaces/{WORKSPACE}/start", {"ok": 1})
    tape.add(f"GET /workspaces/{WORKSPACE}/log?n=1", {"lines": 1})
    player = play(tape)
    answer(player, call("POST /workspaces", {"id": LIVE}))
    assert miss(player, call(f"GET /workspaces/{LIVE}/log?n=2")).remedy is None
    answer(player, call(f"PUT /workspaces/{LIVE}/start"))
    assert miss(player, call(f"GET /workspaces/{LIVE}/log?n=2")).remedy is not None


def test_a_name_is_proposed_of_a_long_recording_too() -> None:
    tape = projects()
    for number in range(500):
        tape.add(f"GET /projects/acme/pages?n={number}", {"ok": number})
    found = miss(play(tape), ZETA)
    assert found.advise() == f"; if that names a thing, {NAMED}"


def test_nothing_is_proposed_for_a_section_whose_condition_the_call_does_not_meet() -> None:
    tape = Tape()
    tape.add("PUT /config", {"ok": 1}, body={"mode": "slow"})
    route = RouteSettings(match="PUT /config", when="$.mode=slow")
    found = miss(play(tape, routes=(route,)), call("PUT /config", {"mode": "fast"}))
    assert [one.where for one in found.nearest[0].differences] == ["$.mode"]
    assert found.remedy is None
    assert miss(play(tape), call("PUT /config", {"mode": "fast"})).remedy is not None


def test_nothing_is_proposed_that_no_config_can_say() -> None:
    tape = Tape()
    tape.add("PUT /config}", {"ok": 1}, body={"n": 1})
    assert miss(play(tape), call("PUT /config}", {"n": 2})).remedy is None


def test_a_header_that_is_compared_is_not_to_be_left_out_again() -> None:
    tape = Tape()
    tape.add("GET /config", {"ok": 1}, headers=(("X-Build", "41"),))
    route = RouteSettings(match="GET /config", compare=("X-Build",))
    found = miss(play(tape, routes=(route,)), call("GET /config", headers=(("X-Build", "42"),)))
    assert [one.where for one in found.nearest[0].differences] == ["header:x-build"]
    assert found.remedy is None


def provisions() -> Tape:
    tape = Tape()
    tape.add("POST /workspaces", {"ok": 1}, 201, body={"id": WORKSPACE})
    tape.add(f"GET /workspaces/{WORKSPACE}", {"state": "running"})
    tape.add(f"DELETE /workspaces/{WORKSPACE}", None, 204)
    return tape


def test_what_makes_or_ends_things_is_never_to_be_repeated() -> None:
    player = play(provisions())
    answer(player, call("POST /workspaces", {"id": LIVE}))
    again = miss(player, call("POST /workspaces", {"id": LIVE}))
    assert again.used_up == (("tape", "1"),)
    assert (again.remedy, again.nearest[0].because) == (None, "it is used up (recorded once)")
    answer(player, call(f"DELETE /workspaces/{LIVE}"))
    gone = miss(player, call(f"DELETE /workspaces/{LIVE}"))
    assert gone.details()["used_up"] == [{"cassette": "tape", "interaction": "3"}]
    assert "advice" not in gone.details()


def test_nothing_is_proposed_that_takes_one_thing_for_another() -> None:
    tape = provisions()
    tape.add("POST /grants", {"ok": 1}, body={"workspace": WORKSPACE, "role": "a"})
    player = play(tape)
    answer(player, call("POST /workspaces", {"id": LIVE}))
    found = miss(player, call("POST /grants", {"workspace": OTHER, "role": "b"}))
    assert [one.where for one in found.nearest[0].differences] == ["$.workspace", "$.role"]
    assert found.remedy is None


def test_what_tells_one_answer_from_another_is_not_to_be_left_out() -> None:
    tape = Tape()
    tape.add("POST /", {"instance": "a"}, body="Action=Run&Version=1")
    tape.add("POST /", {"volume": "b"}, body="Action=Attach&Version=1")
    found = miss(play(tape), call("POST /", "Action=Detach&Version=1"))
    assert [one.where for one in found.nearest[0].differences] == ["form:Action"]
    assert found.remedy is None


def test_a_write_that_was_repeated_many_times_is_told_shortly() -> None:
    tape = Tape()
    for _ in range(200):
        tape.add("POST /beat", {"ok": 1}, body={"up": True})
    player = play(tape)
    for _ in range(200):
        answer(player, call("POST /beat", {"up": True}))
    details = miss(player, call("POST /beat", {"up": True})).details()
    assert (len(details["used_up"]), details["used_up"][-1]["interaction"], details["times"]) == (20, "200", 200)


def test_the_distance_is_the_sum_of_the_weights_that_are_shown() -> None:
    tape = Tape()
    tape.add("POST /teams?a=1", {"ok": 1}, body={"size": 1})
    found = miss(play(tape), call("PUT /teams?a=2", {"size": 2}))
    (near,) = found.details()["nearest"]
    assert {one["where"]: one["weight"] for one in near["differences"]} == {"method": 8, "query:a": 1, "$.size": 1}
    assert near["distance"] == 10


def test_each_segment_of_a_path_weighs_and_one_that_names_a_thing_less() -> None:
    tape = provisions()
    player = play(tape)
    answer(player, call("POST /workspaces", {"id": LIVE}))
    found = miss(player, call(f"GET /workspaces/{OTHER}"))
    assert [(near.method, near.distance) for near in found.nearest] == [("GET", 2), ("DELETE", 10), ("POST", 23)]
    assert [near.distance for near in miss(player, call("GET /a/b")).nearest] == [8, 16, 29]


def test_the_nearest_goes_first_whatever_else_is_like_the_call() -> None:
    tape = Tape()
    tape.add("POST /teams/blue/list", {"ok": 1})
    tape.add("GET /teams/red/list", {"ok": 1})
    found = miss(play(tape), call("GET /teams/blue/list"))
    assert [(near.interaction, near.distance) for near in found.nearest] == [("2", 6), ("1", 8)]


def test_what_is_bound_otherwise_goes_first_with_what_it_contradicts() -> None:
    tape = Tape()
    tape.add("GET /teams", {"ok": 1})
    tape.add("GET /teams/blue/token", {"ok": 1})
    tape.add("GET /teams/config", {"ok": 1})
    tape.add("POST /teams", {"ok": 1}, body={"id": WORKSPACE})
    tape.add(f"GET /teams/{WORKSPACE}/token", {"ok": 1})
    player = play(tape)
    answer(player, call("POST /teams", {"id": LIVE}))
    found = miss(player, call(f"GET /teams/{OTHER}/token"))
    why = f"{OTHER} is not {LIVE}, which stands for the recorded {WORKSPACE} in this session"
    assert (found.nearest[0].interaction, found.nearest[0].because) == ("5", why)
    assert found.sentence().endswith(why)


def test_of_equally_near_ones_that_which_the_call_fits_goes_first() -> None:
    tape = Tape()
    tape.add("POST /teams", {"ok": 1}, body={"id": WORKSPACE})
    for kind, team in (("a", LIVE), ("b", WORKSPACE), ("c", LIVE)):
        tape.add("POST /links", {"ok": 1}, body={"of": team, "kind": kind})
    player = play(tape)
    answer(player, call("POST /teams", {"id": "2c9e3a60-6b6b-4c0e-9a44-0d7f4f1f3b11"}))
    found = miss(player, call("POST /links", {"of": OTHER, "kind": "b"}))
    assert [(near.interaction, near.distance, bool(near.because)) for near in found.nearest] == [
        ("3", 1, True),
        ("2", 1, False),
        ("4", 1, False),
    ]


def test_what_was_recorded_of_another_thing_is_named_as_such() -> None:
    tape = Tape()
    for one in (WORKSPACE, OTHER):
        tape.add("POST /workspaces", {"ok": 1}, body={"id": one})
    tape.add(f"GET /workspaces/{WORKSPACE}/log", {"ok": 1})
    player = play(tape)
    near = miss(player, call(f"GET /workspaces/{OTHER}/log")).nearest[0]
    assert (near.interaction, near.differences) == ("3", ())
    assert near.because == f"{OTHER} was recorded as another thing"


def test_bindings_in_force_are_told_those_of_the_nearest_first() -> None:
    tape = provisions()
    tape.add("POST /jobs", {"id": 4711}, 201)
    tape.add("GET /jobs/4711", {"id": 4711})
    player = play(tape)
    answer(player, call("POST /jobs"))
    answer(player, call("GET /jobs/4711"))
    answer(player, call("POST /workspaces", {"id": LIVE}))
    found = miss(player, call(f"GET /workspaces/{LIVE}?full=1"))
    assert list(found.details()["bindings"].items()) == [(WORKSPACE, LIVE), ("4711", "4711")]


def test_what_was_left_out_is_told_of_this_call_alone() -> None:
    tape = Tape()
    tape.add("GET /a?nonce=abc123&q=1", {"ok": 1})
    tape.add("GET /b?timestamp=2026-11-23T10:00:01Z", {"ok": 1})
    player = play(tape, routes=(RouteSettings(match="GET /a", ignore=("query:build",)),))
    found = miss(player, call("GET /a?nonce=xyz789&q=2"))
    assert found.details()["left_out"] == {
        "query:nonce": "new in each call, and it names nothing",
        "query:build": "ignored by the config",
    }


def test_what_was_left_out_is_no_difference_and_not_proposed() -> None:
    tape = Tape()
    told(tape, "?ts=1795428001", body={"at": "2026-11-23T10:00:01Z", "build": "one"})
    player = play(tape)
    found = miss(player, call("POST /teams?ts=1795428009", {"at": "2026-11-23T10:09:09Z", "build": "two"}))
    assert found.details()["left_out"].keys() == {"query:ts", "$.at"}
    assert [one.where for one in found.nearest[0].differences] == ["$.build"]
    assert found.nearest[0].distance == 1
    assert 'ignore = ["$.build"]' in found.toml
    without = miss(player, call("POST /teams?ts=1795428009", {"build": "one"}))
    assert [(one.where, one.found) for one in without.nearest[0].differences] == [("$.at", None)]


def test_a_cassette_that_the_session_does_not_play_is_named_as_such() -> None:
    one, two = Tape("one"), Tape("two")
    one.add("GET /a", {"ok": 1})
    two.add("GET /b", {"ok": 1})
    player = play(one, two)
    player.replay.open("mine", ("one",))
    player.session = "mine"
    near = miss(player, call("GET /b")).nearest[0]
    assert (near.cassette, near.because) == ("two", "this session does not play cassette two")
    assert "this session does not play cassette two" in answer(player, call("GET /b"))


def test_of_equally_near_ones_that_of_the_scenario_goes_first() -> None:
    one, two = Tape("one"), Tape("two")
    for tape in (one, two):
        tape.add("POST /teams", {"ok": 1}, body={"name": "a"})
    player = play(one, two)
    player.scenario = "two"
    assert [near.cassette for near in miss(player, call("POST /teams", {"name": "b"})).nearest] == ["two", "one"]


def test_an_interaction_whose_credentials_the_call_lacks_is_named_as_such() -> None:
    tape = Tape()
    tape.add("GET /a?x=1", {"ok": 1}, by="ann")
    found = miss(play(tape), call("GET /a?x=2"))
    assert (found.nearest[0].because, found.remedy) == ("the call lacks Authorization (bearer)", None)


def test_what_a_write_that_nobody_has_played_makes_is_named() -> None:
    found = miss(play(provisions()), call(f"GET /workspaces/{LIVE}"))
    assert found.nearest[0].because == "it names what 1 makes, and nobody has played that write"


def test_an_accept_that_was_recorded_otherwise_is_a_difference() -> None:
    tape = Tape()
    tape.add("GET /a", {"ok": 1}, headers=(("Accept", "application/json"),))
    tape.add("GET /a", "ok", headers=(("Accept", "text/plain"),))
    found = miss(play(tape), call("GET /a", headers=(("Accept", "text/html"),)))
    (difference,) = found.nearest[0].differences
    assert (difference.where, difference.found) == ("header:accept", "text/html")
    assert found.remedy is None


SECRET = "hunter2-of-the-live-caller"


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(call("POST /login", {"password": SECRET}), id="a member"),
        pytest.param(
            call("POST /login", {"user": "a", "env": {"API_KEY": SECRET, "secrets": [SECRET]}}), id="a subtree"
        ),
        pytest.param(call("POST /login", {"user": "a", "tokens": [SECRET]}), id="a list"),
        pytest.param(call(f"POST /login?access_token={SECRET}", {"user": "a"}), id="a parameter"),
        pytest.param(call("POST /login", f"user=a&client_secret={SECRET}"), id="a form"),
        pytest.param(call("PUT /login", None, (("X-Api-Key", SECRET),)), id="a compared header"),
        pytest.param(
            call("POST /login", {"user": f"of {SECRET}"}, (("Authorization", f"Bearer {SECRET}"),)), id="a value"
        ),
    ],
)
def test_no_secret_of_the_call_is_told(request_: Request) -> None:
    tape = Tape()
    tape.add("POST /login", {"ok": 1}, body={"user": "a", "env": {"A": "b"}})
    tape.add("PUT /login", {"ok": 1}, headers=(("X-Api-Key", "{{cpproxy:x-api-key:1}}x"),))
    tape.add("POST /login", {"ok": 1}, body="user=a")
    player = play(tape, routes=(RouteSettings(match="PUT /login", compare=("X-Api-Key",)),))
    decision = player.replay.decide(request_, "default", "")
    assert isinstance(decision, Refuse)
    details = decision.miss.details() if decision.miss else {}
    assert SECRET not in leave(request_, decision.reason, details)
    assert details.get("nearest") or decision.outcome is Outcome.UNAUTHORIZED


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param("hunter2-of-the-live-caller", id="plain"),
        pytest.param('hun"ter2', id="a quote"),
        pytest.param("hun\\ter2\\", id="backslashes"),
        pytest.param("hun/ter+2==", id="Base64"),
        pytest.param("hünter2ß", id="letters beyond ASCII"),
    ],
)
def test_no_credential_of_the_call_is_told_however_it_is_spelt(secret: str) -> None:
    quoted = quote(secret, safe="")
    partly = f"%{ord(secret[0]):02x}{quoted[1:]}"
    tape = Tape()
    tape.add("POST /teams/blue", {"ok": 1}, by="ann", body={"a": "b"})
    tape.add("POST /teams/blue", {"ok": 1}, by="ann", body="a=b")
    authorization = (b"Authorization", f"Bearer {secret}".encode())
    hidden = ""
    for path in (quoted, partly):
        spellings = {"a": secret, "b": json.dumps([secret]), "c": quoted, "d": quote(quoted), secret: 1}
        for body in (spellings, f"a={quoted}&b={quoted}"):
            request = call(f"POST /teams/{path}?q={quoted}", body)
            request = msgspec.structs.replace(request, headers=(*request.headers, authorization))
            found = miss(play(tape), request)
            hidden += leave(request, found.sentence(), found.details())
    assert "/teams/***" in hidden
    for spelt in (secret, quoted, partly, json.dumps(secret)[1:-1], json.dumps(json.dumps(secret))[3:-3]):
        assert spelt not in hidden


def test_no_part_of_a_cookie_is_told() -> None:
    tape = Tape()
    tape.add("GET /teams/blue", {"ok": 1})
    request = call(f"GET /teams/{SECRET}", headers=(("Cookie", f"theme=dark; sid={SECRET}"),))
    found = miss(play(tape), request)
    assert SECRET not in leave(request, found.sentence(), found.details())


def test_no_credential_that_is_bound_is_told() -> None:
    player = play(provisions())
    answer(player, call("POST /workspaces", {"id": LIVE}))
    request = call("GET /a", headers=(("Authorization", f"Bearer {LIVE}"),))
    found = miss(player, request)
    assert found.bindings == ((WORKSPACE, LIVE),)
    assert LIVE not in leave(request, found.sentence(), found.details())
