"""Values that are new in each call: told back as this call sent them, and no step where they name nothing."""

import itertools
import uuid
from typing import Any
from urllib.parse import urlencode

import pytest

from cpproxy.core.config import Repeat, RouteSettings
from tests.moving import Player, Tape, Told, play


def new() -> str:
    """An id of which the first characters look made, too: letters alone look like a word."""
    return next(one for one in (str(uuid.uuid4()) for _ in itertools.count()) if not one[:8].isalpha())


NAMES = ["request_id", "correlation_id", "trace_id", "nonce", "client_token", "id", "message_id"]


@pytest.mark.parametrize("name", NAMES)
def test_a_write_tells_back_what_this_call_sent(name: str) -> None:
    tape = Tape()
    for method in ("ping", "list", "ping"):
        body = {name: (sent := new()), "method": method}
        tape.add("POST /rpc", {name: sent, "result": {"of": method, "for": f"call {sent}"}}, body=body)
    player = play(tape)
    for method in ("ping", "list", "ping"):
        told = player.ask("POST /rpc", body={name: (sent := new()), "method": method})
        assert told.json == {name: sent, "result": {"of": method, "for": f"call {sent}"}}


def ask(player: Player, kind: str, value: str) -> Told:
    match kind:
        case "query":
            return player.ask(f"GET /x?{urlencode({'nonce': value, 'what': 'a'})}")
        case "form":
            return player.ask("POST /x", body=urlencode({"nonce": value, "what": "a"}))
        case "header":
            return player.ask("GET /x", headers=(("X-Request-Id", value),))
        case _:
            return player.ask("POST /x", body={"deep": [{"nonce": value}], "what": "a"})


def record(tape: Tape, kind: str, value: str, answer: Any, told: str) -> None:
    headers = (("X-Echo", told),)
    match kind:
        case "query":
            tape.add(f"GET /x?{urlencode({'nonce': value, 'what': 'a'})}", answer, told=headers)
        case "form":
            body = urlencode({"nonce": value, "what": "a"})
            tape.add("POST /x", answer, body=body, told=headers)
        case "header":
            tape.add("GET /x", answer, headers=(("X-Request-Id", value),), told=headers)
        case _:
            tape.add("POST /x", answer, body={"deep": [{"nonce": value}], "what": "a"}, told=headers)


ROUTES = (
    RouteSettings(match="GET /x", compare=("X-Request-Id",)),
    RouteSettings(match="POST /x", repeat=Repeat.LAST),
)


@pytest.mark.parametrize("kind", ["query", "form", "header", "json"])
@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("values", [(new(), new(), new()), ("a1b2c3", "z9y8x7", "k4j5h6")], ids=["uuid", "short"])
def test_each_call_is_told_back_its_own_wherever_the_answer_holds_it(
    kind: str, text: bool, values: tuple[str, str, str]
) -> None:
    tape = Tape()
    for value in values[:2]:
        answer = f"for {value}." if text else {"for": value, "all": [f"({value})"], value: 1}
        record(tape, kind, value, answer, f"call={value}")
    player = play(tape, routes=ROUTES)
    for value in (values[0], values[2], values[2], *(new() for _ in range(3)), values[1]):
        told = ask(player, kind, value)
        if text:
            assert told.text == f"for {value}."
        else:
            assert told.json == {"for": value, "all": [f"({value})"], value: 1}
        assert dict(told.headers)["X-Echo"] == f"call={value}"


def test_a_header_that_is_compared_and_no_nonce_is_told_back_as_it_is_bound() -> None:
    tape = Tape()
    for org in ((one := new()), new()):
        tape.add("GET /x", {"org": org}, headers=(("X-Org", org),))
    player = play(tape, routes=(RouteSettings(match="GET /x", compare=("X-Org",)),))
    for org in (one, new()):
        assert player.ask("GET /x", headers=(("X-Org", org),)).json == {"org": org}


def test_a_time_that_was_sent_is_told_back_as_a_time_and_a_number_as_a_number() -> None:
    tape = Tape()
    tape.add("POST /x", {"at": 1795428000, "spelt": "2026-11-23T10:00:00Z"}, body={"ts": 1795428000, "n": "a"})
    sent = {"ts": "2026-11-23T10:00:00Z", "n": "b"}
    tape.add("POST /x", {"at": 1795428000, "spelt": "2026-11-23T10:00:00Z"}, body=sent)
    player = play(tape)
    assert player.ask("POST /x", body={"ts": 1800000000, "n": "a"}).json == {
        "at": 1800000000,
        "spelt": "2026-11-23T10:00:00Z",
    }
    told = player.ask("POST /x", body={"ts": "2027-01-01T00:00:00Z", "n": "b"})
    assert told.json == {"at": 1795428000, "spelt": "2027-01-01T00:00:00Z"}


@pytest.mark.parametrize("live", ["soon", "", None, True, {"a": 1}])
def test_what_is_no_number_does_not_stand_for_one(live: Any) -> None:
    tape = Tape()
    tape.add("POST /x", {"at": 1795428000}, body={"ts": 1795428000})
    assert play(tape).ask("POST /x", body={"ts": live}).json == {"at": 1795428000}


def test_what_is_told_back_is_written_as_its_place_asks_for() -> None:
    tape = Tape()
    sent = new()
    tape.add("POST /x", {"for": sent}, body={"nonce": sent}, told=(("X-Echo", sent),))
    player = play(tape)
    live = 'a "word"\r\nX-Other: 1'
    told = player.ask("POST /x", body={"nonce": live})
    assert told.json == {"for": live}
    assert dict(told.headers)["X-Echo"] == sent


def test_a_part_of_what_was_sent_is_told_back() -> None:
    tape = Tape()
    one, other = new(), new()
    tape.add("POST /x", {"one": one, "other": other.upper()}, body={"nonce": f"{one}:{other.upper()}"})
    one, other = new(), new()
    told = play(tape).ask("POST /x", body={"nonce": f"{one}:{other.upper()}"})
    assert told.json == {"one": one, "other": other.upper()}


def test_a_list_is_composed_and_tells_back_what_this_call_sent() -> None:
    tape = Tape()
    things = [new(), new()]
    for count in range(3):
        tape.add(
            f"GET /things?nonce={(sent := new())}", {"call": sent, "things": [{"id": one} for one in things[:count]]}
        )
        if count < 2:
            tape.add(f"PUT /things/{things[count]}", {"ok": 1}, body={})
    player = play(tape)
    live = [new(), new()]
    player.ask(f"PUT /things/{live[0]}", body={})
    for _ in range(3):
        told = player.ask(f"GET /things?nonce={(sent := new())}")
        assert told.json == {"call": sent, "things": [{"id": live[0]}]}


def test_what_is_told_back_is_no_step_and_binds_nothing() -> None:
    tape = Tape()
    for state in ("a", "a", "b"):
        tape.add(f"GET /x?fresh={(sent := new())}", {"fresh": sent, "state": state})
        if state == "a":
            tape.add("PUT /other", {"ok": 1}, body={"n": len(tape.documents)})
    player = play(tape)
    told = [player.ask(f"GET /x?fresh={(sent := new())}").json | {"sent": sent} for _ in range(4)]
    assert [one["state"] for one in told] == ["a", "b", "b", "b"]
    assert all(one["fresh"] == one["sent"] for one in told)
    assert not player.replay.session("default").bindings.live


def test_a_read_with_a_nonce_is_moved_by_writes_to_its_path() -> None:
    tape = Tape()
    tape.add(f"GET /mode?nonce={new()}", {"state": "one"})
    tape.add("PUT /mode", {"ok": 1}, body={"state": "two"})
    tape.add(f"GET /mode?nonce={new()}", {"state": "two"})
    player = play(tape)
    assert [player.state(f"GET /mode?nonce={new()}") for _ in range(3)] == ["one"] * 3
    player.ask("PUT /mode", body={"state": "two"})
    assert [player.state(f"GET /mode?nonce={new()}") for _ in range(2)] == ["two"] * 2


def elections(name: str, *, by_writes: bool) -> Tape:
    tape = Tape()
    for leader in (None, new(), new(), new()):
        if by_writes and leader:
            tape.add("POST /elect", {"ok": 1}, body={"x": 1})
        tape.add("GET /leader", {name: leader})
    return tape


def leaders(player: Player, *, by_writes: bool, polls: int, name: str = "active") -> list[Any]:
    told = []
    for turn in range(4):
        if by_writes and turn:
            player.ask("POST /elect", body={"x": 1})
        told += [player.ask("GET /leader").json[name] for _ in range(polls)]
    return told


def test_an_id_that_stands_nowhere_else_is_a_step_where_it_is_what_the_answer_says() -> None:
    told = leaders(play(elections("active", by_writes=True)), by_writes=True, polls=1)
    assert told[0] is None
    assert len(set(told)) == 4


@pytest.mark.parametrize(("name", "by_writes"), [("active", False), ("request_id", True), ("X-Trace-Id", True)])
def test_an_id_that_is_new_in_each_answer_is_no_step(name: str, by_writes: bool) -> None:
    told = leaders(play(elections(name, by_writes=by_writes)), by_writes=by_writes, polls=1, name=name)
    assert told[0] is None
    assert len(set(told)) == 2


def test_what_is_new_in_one_place_is_none_in_another() -> None:
    tape = Tape()
    leader = new()
    for turn in range(3):
        tape.add("GET /leader", {"leader": {"id": leader}, "call": [{"id": new()}]})
        tape.add("GET /leader", {"leader": {"id": leader}, "call": [{"id": new()}]})
        tape.add("POST /elect", {"ok": turn}, body={"x": turn})
        leader = new()
    tape.add("GET /leader", {"leader": {"id": leader}, "call": [{"id": new()}]})
    player = play(tape)
    told = [player.ask("GET /leader").json["leader"]["id"] for _ in range(6)]
    assert len(set(told)) == 4


def test_an_error_with_a_request_id_is_one_step() -> None:
    tape = Tape()
    for status in (503, 503, 200):
        tape.add("GET /x", {"request_id": new(), "state": status}, status)
    player = play(tape)
    assert [player.ask("GET /x").status for _ in range(3)] == [503, 200, 200]


@pytest.mark.parametrize("size", [8, 10, 12])
@pytest.mark.parametrize("around", ["ws-{}", "{}_pod", "http://ws-{}.x.internal:80/", "a-{}-b"])
def test_the_first_characters_of_an_id_are_renamed_inside_a_name(size: int, around: str) -> None:
    tape = Tape()
    workspace, other = new(), new()
    for one in (workspace, other):
        tape.add(f"PUT /w/{one}", {"ok": 1}, body={})
        tape.add(f"GET /w/{one}", {"pod": around.format(short(one, size))})
    player = play(tape)
    live = new()
    player.ask(f"PUT /w/{live}", body={})
    assert player.ask(f"GET /w/{live}").json == {"pod": around.format(short(live, size))}


def short(value: str, size: int) -> str:
    return value.replace("-", "")[:size]


def test_a_name_that_begins_as_two_ids_do_stays_as_it_is() -> None:
    tape = Tape()
    for last in "12":
        tape.add(f"PUT /w/{f'0b8f3d6e-0000-4000-8000-00000000000{last}'}", {"pod": "ws-0b8f3d6e"}, body={})
    assert play(tape).ask(f"PUT /w/{new()}", body={}).json == {"pod": "ws-0b8f3d6e"}


def test_a_name_that_holds_the_first_characters_of_an_id_is_asked_for_by_the_live_one() -> None:
    tape = Tape()
    workspaces = [new(), new()]
    for number, one in enumerate(workspaces):
        tape.add(f"PUT /w/{one}", {"ok": 1}, body={})
        tape.add(f"GET /pods/ws-{one[:8]}", {"state": number})
    player = play(tape)
    live = [new(), new()]
    for one in live:
        player.ask(f"PUT /w/{one}", body={})
    assert [player.state(f"GET /pods/ws-{one[:8]}") for one in (*reversed(live), *live)] == [1, 0, 0, 1]


def test_names_that_end_in_a_number_after_hex_are_renamed() -> None:
    tape = Tape()
    for number in range(2):
        name = f"run-1a2b3c4d-{number}"
        tape.add("POST /w", {"name": name, "dns": f"{name}.apps.example.com"}, 201, body={"name": name})
        tape.add(f"GET /w/{name}", {"state": number})
        tape.add(f"DELETE /w/{name}", {"state": number})
        tape.add(f"GET /w/{name}", {"gone": number}, 404)
    player = play(tape)
    names = ["run-99887766-0", "run-99887766-1"]
    for name in names:
        told = player.ask("POST /w", body={"name": name})
        assert told.json == {"name": name, "dns": f"{name}.apps.example.com"}
    player.ask(f"DELETE /w/{names[0]}")
    assert [player.state(f"GET /w/{name}") for name in names] == [404, 1]


@pytest.mark.parametrize("first", ["{0}-{1}", "{1}-{0}", "{0}-{0}"])
def test_two_ids_in_one_value_are_told_apart_by_what_they_stand_for(first: str) -> None:
    tape = Tape()
    ids = ["job-1a2b3c4d", "job-1a2b3c4d-5e6f7a8b"]
    for one in ids:
        tape.add(f"PUT /w/{one}", {"ok": 1}, body={})
    tape.add(f"GET /w?pair={first.format(*ids)}", {"state": 1, "pair": first.format(*ids)})
    for live in (["job-99887766", "job-99887766-aab1ccdd"], ["job-99887766-aab1ccdd", "job-99887766"], ["zz9", "zz91"]):
        player = play(tape)
        for one in live:
            player.ask(f"PUT /w/{one}", body={})
        told = player.ask(f"GET /w?pair={first.format(*live)}")
        assert told.json == {"state": 1, "pair": first.format(*live)}
        assert not told.doubt
        assert len(player.replay.session("default").bindings.live) == 2
