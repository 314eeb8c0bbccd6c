"""The rules by which a read is answered (11 to 16 of replay), each sentence that no case shows alone."""

import uuid
from typing import Any

import pytest

from tests.moving import Tape, play

W1 = "0b9d1c52-6c1e-4a54-9d8a-3f2f6a1b7c01"
W2 = "7f3e8a90-11c2-4d3e-8b4a-90ab12cd34ef"


def new() -> str:
    return str(uuid.uuid4())


def test_11_a_state_that_nobody_recorded_is_doubtful() -> None:
    tape = Tape()
    tape.add("POST /ws", {"ok": 1}, 201, body={"id": W1})
    tape.add(f"GET /ws/{W1}", {"state": "running"})
    tape.add(f"PUT /ws/{W1}/size", {"ok": 1}, body={"size": 3})
    player = play(tape)
    live = new()
    player.ask("POST /ws", body={"id": live})
    assert player.state(f"GET /ws/{live}") == "running"
    player.ask(f"PUT /ws/{live}/size", body={"size": 3})
    assert player.state(f"GET /ws/{live}") == "running?"


def test_11_the_last_answer_of_a_state_stays() -> None:
    tape = Tape()
    for state in ("pending", "running"):
        tape.add("GET /x", {"state": state})
    player = play(tape)
    assert [player.state("GET /x") for _ in range(5)] == ["pending", *["running"] * 4]


def test_11_of_the_states_that_were_recorded_the_largest_within_it_answers() -> None:
    tape = Tape()
    tape.add("POST /ws", {"ok": 1}, 201, body={"id": W1})
    for size in (1, 2, 3):
        tape.add(f"GET /ws/{W1}", {"state": size})
        tape.add(f"PUT /ws/{W1}/size", {"ok": 1}, body={"size": size + 1})
    player = play(tape)
    live = new()
    player.ask("POST /ws", body={"id": live})
    for size in (2, 3, 4):
        player.ask(f"PUT /ws/{live}/size", body={"size": size})
    assert player.state(f"GET /ws/{live}") == "3?"


def test_11_what_was_asked_after_a_write_alone_is_a_miss_before_it() -> None:
    tape = Tape()
    tape.add("POST /ws", {"ok": 1}, 201, body={"id": W1})
    tape.add(f"PUT /ws/{W1}/size", {"ok": 1}, body={"size": 2})
    tape.add(f"GET /ws/{W1}", {"state": "big"})
    player = play(tape)
    live = new()
    player.ask("POST /ws", body={"id": live})
    told = player.ask(f"GET /ws/{live}")
    assert (told.outcome, "was not recorded before the write" in told.reason) == ("miss", True)
    player.ask(f"PUT /ws/{live}/size", body={"size": 2})
    assert player.state(f"GET /ws/{live}") == "big"


def test_11_a_state_between_two_that_were_told_alike_is_determined() -> None:
    tape = Tape()
    tape.add(f"GET /ws/{W1}", {"state": "a"})
    for size in (1, 2):
        tape.add(f"PUT /ws/{W1}/size", {"ok": 1}, body={"size": size})
    tape.add(f"GET /ws/{W1}", {"state": "a"})
    player = play(tape)
    player.ask(f"PUT /ws/{W1}/size", body={"size": 1})
    assert player.state(f"GET /ws/{W1}") == "a"


def test_12_an_answer_within_a_write_is_used_and_said_to_be_doubtful_where_there_is_no_other() -> None:
    tape = Tape()
    tape.add(f"GET /ws/{W1}", {"state": "old"}, at=(1, 2))
    tape.add(f"PUT /ws/{W1}", {"ok": 1}, body={"size": 2}, at=(10, 14))
    tape.add(f"GET /ws/{W1}", {"state": "new"}, at=(11, 12))
    player = play(tape)
    assert [player.state(f"GET /ws/{W1}") for _ in range(2)] == ["old", "old"]
    player.ask(f"PUT /ws/{W1}", body={"size": 2})
    assert player.state(f"GET /ws/{W1}") == "new?"


def test_13_a_fresh_id_in_every_answer_makes_no_step_and_one_that_is_used_does() -> None:
    tape = Tape()
    for state in ("pending", "pending", "running", "running"):
        tape.add("GET /x", {"state": state, "trace": new()})
    for job in (W1, W2):
        tape.add("GET /y", {"state": "a", "job": job})
    for job in (W1, W2):
        tape.add("PUT /jobs", {"ok": 1}, body={"job": job})
    player = play(tape)
    assert [player.state("GET /x") for _ in range(2)] == ["pending", "running"]
    assert [player.ask("GET /y").json["job"] for _ in range(2)] == [W1, W2]


def test_13_an_id_that_is_new_in_one_place_is_a_step_in_another() -> None:
    tape = Tape()
    leaders = [None, None, new(), new(), new()]
    for turn, leader in enumerate(leaders):
        if turn > 1:
            tape.add("POST /elect", {"ok": 1}, body={"x": 1})
        tape.add("GET /leader", {"leader": leader, "call": {"id": new()}})
    player = play(tape)
    told = [player.ask("GET /leader").json["leader"]]
    for _ in leaders[2:]:
        player.ask("POST /elect", body={"x": 1})
        told.append(player.ask("GET /leader").json["leader"])
    assert told == leaders[1:]


def test_13_a_time_within_the_recording_makes_no_step_and_another_does() -> None:
    tape = Tape()
    for second, year in enumerate(("2030", "2030", "2031", "2031")):
        tape.add("GET /x", {"state": year, "at": f"2026-11-23T10:00:0{second}Z", "until": f"{year}-01-01T00:00:00Z"})
    tape.add("GET /y", {"state": "a", "until": "2030-01-01T00:00:00Z"})
    tape.add("GET /y", {"state": "a", "until": "2031-01-01T00:00:00Z"})
    player = play(tape)
    assert [player.state("GET /x") for _ in range(3)] == ["2030", "2031", "2031"]
    assert [player.ask("GET /y").json["until"][:4] for _ in range(2)] == ["2030", "2031"]


def test_13_what_the_config_calls_volatile_makes_no_step() -> None:
    tape = Tape()
    for load, state in enumerate(("pending", "pending", "running")):
        tape.add("GET /x", {"state": state, "load": load})
    assert [play(tape, volatile=("$.load",)).state("GET /x") for _ in range(1)] == ["pending"]
    player = play(tape, volatile=("$.load",))
    assert [player.state("GET /x") for _ in range(2)] == ["pending", "running"]
    player = play(tape)
    assert [player.state("GET /x") for _ in range(2)] == ["pending", "pending"]


@pytest.mark.parametrize("part", ["status", "type", "place", "number", "text"])
def test_13_answers_that_differ_in_anything_that_counts_are_steps(part: str) -> None:
    one: dict[str, Any] = {"answer": {"state": 1}, "status": 200, "told": (("Location", "/a"),)}
    others: dict[str, dict[str, Any]] = {
        "status": {"status": 202},
        "type": {"told": (("Content-Type", "application/problem+json"), ("Location", "/a"))},
        "place": {"told": (("Location", "/b"),)},
        "number": {"answer": {"state": 2}},
        "text": {"answer": "plain"},
    }
    tape = Tape()
    for more in ({}, {}, others[part]):
        tape.add("GET /x", **(one | more))
    player = play(tape)
    assert [player.ask("GET /x").entry for _ in range(3)] == ["1", "3", "3"]


def test_14_what_no_list_read_saw_is_doubtful_and_never_invented() -> None:
    tape = Tape()
    for workspace in (W1, W2):
        tape.add("POST /ws", {"ok": 1}, 201, body={"id": workspace})
        if workspace == W1:
            tape.add("GET /ws", {"items": [{"id": W1}]})
    player = play(tape)
    one, two = new(), new()
    player.ask("POST /ws", body={"id": one})
    told = player.ask("GET /ws")
    assert (told.json, told.doubt) == ({"items": [{"id": one}]}, "")
    player.ask("POST /ws", body={"id": two})
    told = player.ask("GET /ws")
    assert told.json == {"items": [{"id": one}]}
    assert "was never seen in it" in told.doubt


def resized(*, grows: bool) -> Tape:
    """Two things in a list, both resized; the list is asked for before and after, but not after the second."""
    tape = Tape()
    for workspace in (W1, W2):
        tape.add("POST /ws", {"ok": 1}, 201, body={"id": workspace})
        items = [{"id": one, "size": 1} for one in (W1, W2)]
        tape.add("GET /ws", {"items": items if workspace == W2 else items[:1]})
    for workspace in (W1, W2):
        tape.add(f"PUT /ws/{workspace}/size", {"ok": 1}, body={"size": 2})
        if workspace == W1:
            tape.add("GET /ws", {"items": [{"id": W1, "size": 2 if grows else 1}, {"id": W2, "size": 1}]})
    return tape


@pytest.mark.parametrize("grows", [False, True])
def test_14_a_kind_of_write_that_was_seen_to_change_nothing_leaves_no_doubt(grows: bool) -> None:
    player = play(resized(grows=grows))
    for workspace in (W1, W2):
        player.ask("POST /ws", body={"id": workspace})
    for workspace in (W1, W2):
        player.ask(f"PUT /ws/{workspace}/size", body={"size": 2})
    assert bool(player.ask("GET /ws").doubt) == grows


def test_14_an_element_that_was_seen_but_once_is_doubtful_after_it_was_deleted() -> None:
    tape = Tape()
    tape.add("POST /ws", {"ok": 1}, 201, body={"id": W1})
    tape.add("GET /ws", {"items": [{"id": W1}]})
    tape.add(f"DELETE /ws/{W1}", {"ok": 1})
    player = play(tape)
    player.ask("POST /ws", body={"id": W1})
    player.ask(f"DELETE /ws/{W1}")
    assert "never asked" in player.ask("GET /ws").doubt


def test_14_a_list_that_was_asked_while_a_thing_was_there_is_certain_without_it() -> None:
    tape = Tape()
    for workspace in (W1, W2):
        tape.add("POST /ws", {"ok": 1}, 201, body={"id": workspace})
    tape.add("GET /ws", {"items": [{"id": W1}]})
    player = play(tape)
    one = new()
    for workspace in (one, new()):
        player.ask("POST /ws", body={"id": workspace})
    told = player.ask("GET /ws")
    assert (told.json, told.doubt) == ({"items": [{"id": one}]}, "")


def test_14_a_list_that_was_asked_after_a_thing_was_deleted_says_nothing_of_it_before() -> None:
    tape = Tape()
    for workspace in (W1, W2):
        tape.add("POST /ws", {"ok": 1}, 201, body={"id": workspace})
    tape.add(f"DELETE /ws/{W2}", {"ok": 1})
    tape.add("GET /ws", {"items": [{"id": W1}]})
    player = play(tape)
    for workspace in (W1, W2):
        player.ask("POST /ws", body={"id": workspace})
    told = player.ask("GET /ws")
    assert told.json == {"items": [{"id": W1}]}
    assert "was never seen in it" in told.doubt


def record_numbers(tape: Tape, *reads: tuple[str, Any]) -> None:
    """Reads, and after them writes and paths by which small numbers name things."""
    for call, answer in reads:
        tape.add(call, answer)
    for rows in ([{"id": 1}, {"id": 2}], [{"id": 3}]):
        tape.add("POST /rows", {"rows": rows}, body={"rows": rows})
    for number in (1, 2, 3):
        tape.add(f"GET /pages/{number}", {"state": number})


def test_14_numbers_in_a_list_of_no_ids_are_no_parts_of_it() -> None:
    echo = {"args": {"a": ["1", "2", ""]}, "matrix": [[1, 2], [3]]}
    tape = Tape()
    record_numbers(tape)
    tape.add("GET /echo?a=1&a=2&a=", echo)
    told = play(tape).ask("GET /echo?a=1&a=2&a=")
    assert (told.json, told.doubt) == (echo, "")


def test_14_numbers_in_a_list_of_ids_are_parts_of_it() -> None:
    tape = Tape()
    record_numbers(tape)
    tape.add("GET /all", {"row_ids": [1, 2, 3]})
    player = play(tape)
    assert player.ask("GET /all").json == {"row_ids": []}
    player.ask("POST /rows", body={"rows": [{"id": 1}, {"id": 2}]})
    assert player.ask("GET /all").json == {"row_ids": [1, 2]}


def test_14_what_an_answer_held_before_a_write_was_not_made_by_it() -> None:
    tape = Tape()
    record_numbers(tape, ("GET /all", {"row_ids": [1, 2]}))
    player = play(tape)
    told = player.ask("GET /all")
    assert (told.text, told.doubt) == ('{"row_ids":[1,2]}', "")


def test_14_the_members_of_an_object_that_ids_name_are_parts_of_it() -> None:
    tape = Tape()
    tape.add("GET /nodes", {"nodes": {}})
    for count, workspace in enumerate((W1, W2), 1):
        tape.add("POST /nodes", {"ok": 1}, 201, body={"id": workspace})
        tape.add("GET /nodes", {"nodes": {one: {"up": one == W1} for one in (W1, W2)[:count]}})
    player = play(tape)
    player.ask("POST /nodes", body={"id": W2})
    assert player.ask("GET /nodes").json == {"nodes": {W2: {"up": False}}}
    player.ask("POST /nodes", body={"id": W1})
    assert player.ask("GET /nodes").json["nodes"] == {W1: {"up": True}, W2: {"up": False}}


def test_14_what_siblings_share_names_none_of_them() -> None:
    org = "5a1d2c3b-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
    tape = Tape()
    tape.add("POST /orgs", {"ok": 1}, 201, body={"id": org})
    tape.add("GET /ws", {"items": []})
    for count, workspace in enumerate((W1, W2), 1):
        tape.add("POST /ws", {"ok": 1}, 201, body={"workspace": workspace})
        tape.add("GET /ws", {"items": [{"org_id": org, "workspace": one} for one in (W1, W2)[:count]]})
    player = play(tape)
    player.ask("POST /orgs", body={"id": org})
    player.ask("POST /ws", body={"workspace": W2})
    assert [one["workspace"] for one in player.ask("GET /ws").json["items"]] == [W2]


def test_14_an_element_is_absent_again_once_it_was_deleted() -> None:
    tape = Tape()
    for workspace in (W1, W2):
        tape.add("POST /ws", {"ok": 1}, 201, body={"id": workspace})
    tape.add("GET /ws", {"items": [{"id": W1}, {"id": W2}]})
    for count, workspace in enumerate((W1, W2), 1):
        tape.add(f"DELETE /ws/{workspace}", {"ok": 1})
        tape.add("GET /ws", {"items": [{"id": one} for one in (W1, W2)[count:]]})
    player = play(tape)
    for workspace in (W1, W2):
        player.ask("POST /ws", body={"id": workspace})
    player.ask(f"DELETE /ws/{W2}")
    told = player.ask("GET /ws")
    assert (told.json, told.doubt) == ({"items": [{"id": W1}]}, "")


def test_14_an_element_is_absent_until_it_is_made_and_that_is_certain() -> None:
    tape = Tape()
    for count, workspace in enumerate((W1, W2), 1):
        tape.add("POST /ws", {"ok": 1}, 201, body={"id": workspace})
        tape.add("GET /ws", {"items": [{"id": one} for one in (W1, W2)[:count]]})
    player = play(tape)
    told = player.ask("GET /ws")
    assert (told.json, told.doubt) == ({"items": []}, "")
    player.ask("POST /ws", body={"id": W1})
    told = player.ask("GET /ws")
    assert (told.json, told.doubt) == ({"items": [{"id": W1}]}, "")


def test_14_an_element_that_a_read_within_its_making_showed_is_absent_until_it_is_made() -> None:
    tape = Tape()
    tape.add("POST /ws", {"ok": 1}, 201, body={"id": W1}, at=(10, 14))
    tape.add("GET /ws", {"items": [{"id": W1}]}, at=(11, 12))
    player = play(tape)
    assert player.ask("GET /ws").json == {"items": []}
    player.ask("POST /ws", body={"id": W1})
    assert player.ask("GET /ws").json == {"items": [{"id": W1}]}


def test_14_the_rest_of_a_list_has_a_time_of_its_own() -> None:
    tape = Tape()
    tape.add("GET /ws", {"items": [], "state": "quiet"})
    tape.add("POST /ws", {"ok": 1}, 201, body={"id": W1})
    for up, state in ((False, "quiet"), (False, "busy"), (True, "busy")):
        tape.add("GET /ws", {"items": [{"id": W1, "up": up}], "state": state})
    player = play(tape)
    player.ask("POST /ws", body={"id": W1})
    told = [player.ask("GET /ws").json for _ in range(3)]
    assert [(one["items"][0]["up"], one["state"]) for one in told] == [(False, "quiet"), (True, "busy"), (True, "busy")]


def test_15_the_polls_of_one_caller_never_move_another() -> None:
    tape = Tape()
    for state in "abc":
        tape.add("GET /x", {"state": state})
    player = play(tape)
    told = [player.state("GET /x", by=by) for by in ("ann", "ann", "ann", "bob", "bob")]
    assert told == ["a", "b", "c", "a", "b"]
    assert [player.state("GET /x", client=f"10.0.0.{n}") for n in (8, 9, 8)] == ["a", "a", "b"]


def test_15_what_one_caller_did_not_wait_for_goes_on_as_another_saw_it() -> None:
    tape = Tape()
    tape.add("POST /orgs", {"ok": 1}, 201, body={"id": W1}, by="ann")
    for by, state in (("ann", "pending"), ("bob", "pending"), ("bob", "running")):
        tape.add("GET /orgs", {"orgs": [{"id": W1, "state": state}]}, by=by)
    player = play(tape)
    player.ask("POST /orgs", body={"id": W1}, by="ann")
    told = [player.ask("GET /orgs", by="ann").json["orgs"][0]["state"] for _ in range(3)]
    assert told == ["pending", "running", "running"]


def test_15_the_polls_of_one_thing_never_move_another() -> None:
    tape = Tape()
    for path in ("x", "y"):
        for state in "abc":
            tape.add(f"GET /{path}", {"state": state})
    player = play(tape)
    assert [player.state(f"GET /{path}", by="ann") for path in "xxyxy"] == ["a", "b", "a", "c", "b"]


def test_15_callers_alike_in_token_and_address_share_their_progress() -> None:
    tape = Tape()
    for state in "abc":
        tape.add("GET /x", {"state": state})
    player = play(tape)
    assert [player.state("GET /x", by="ann") for _ in range(2)] == ["a", "b"]
    assert player.state("GET /x", by="ann", client="10.0.0.9") == "a"
    assert player.state("GET /x", by="bob") == "a"
    assert player.state("GET /x", by="ann") == "c"


def status_and_detail(*workspaces: str) -> Tape:
    """Two reads of each workspace that tell one time."""
    tape = Tape()
    for workspace in workspaces:
        tape.add("POST /ws", {"ok": 1}, 201, body={"id": workspace})
    for state in ("pending", "running"):
        for workspace in workspaces:
            tape.add(f"GET /ws/{workspace}/status", {"state": state})
            tape.add(f"GET /ws/{workspace}/detail", {"state": state})
    return tape


def test_16_what_one_caller_was_told_is_no_later_time_for_another() -> None:
    player = play(status_and_detail(W1))
    player.ask("POST /ws", body={"id": W1})
    assert [player.state(f"GET /ws/{W1}/status", by="ann") for _ in range(2)] == ["pending", "running"]
    assert player.state(f"GET /ws/{W1}/detail", by="bob") == "pending"
    assert player.state(f"GET /ws/{W1}/detail", by="ann") == "running"


def test_16_what_was_told_of_one_thing_is_no_later_time_for_another() -> None:
    player = play(status_and_detail(W1, W2))
    for workspace in (W1, W2):
        player.ask("POST /ws", body={"id": workspace})
    assert [player.state(f"GET /ws/{W1}/status") for _ in range(2)] == ["pending", "running"]
    assert [player.state(f"GET /ws/{one}/detail") for one in (W2, W1)] == ["pending", "running"]
