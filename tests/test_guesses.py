"""What replay binds by arrival: it says so where the recording holds another that fits as well and fares otherwise."""

import uuid

import pytest

from tests.moving import Tape, play

ONE = "0b9f6a52-54c2-4d0e-8a55-6a1c2f7f1a10"
TWO = "5d0c1f7e-9a63-4b0c-8d1f-2f6b7a8c9d01"


def new() -> str:
    return str(uuid.uuid4())


def two_workspaces(*, last: str = "failed", by: tuple[str, str] = ("alpha", "beta")) -> Tape:
    tape = Tape()
    for who, workspace, state in zip(by, (ONE, TWO), ("running", last), strict=True):
        tape.add("POST /ws", {"ok": True}, 201, body={"id": workspace}, by=who)
        tape.add(f"GET /ws/{workspace}", {"state": state}, by=who)
    return tape


def test_a_write_that_could_be_another_is_undetermined_and_what_is_bound_is_certain_from_then_on() -> None:
    player = play(two_workspaces())
    for expected in ("running", "failed"):
        workspace = new()
        told = player.ask("POST /ws", body={"id": workspace}, by=expected)
        assert "nothing tells whether" in told.doubt
        assert [player.state(f"GET /ws/{workspace}", by=expected) for _ in range(2)] == [expected] * 2


@pytest.mark.parametrize(
    "tape",
    [
        pytest.param(two_workspaces(last="running"), id="things that fare alike"),
        pytest.param(two_workspaces(by=("alpha", "alpha")), id="one caller, one after another"),
    ],
)
def test_writes_that_need_no_guess_are_determined(tape: Tape) -> None:
    player = play(tape)
    assert [player.ask("POST /ws", body={"id": new()}, by="x").doubt for _ in range(2)] == ["", ""]


def test_the_recorded_ids_are_no_guess() -> None:
    player = play(two_workspaces())
    assert [player.ask("POST /ws", body={"id": one}, by="x").doubt for one in (TWO, ONE)] == ["", ""]


def test_a_token_that_is_known_settles_whose_write_it_is() -> None:
    tape = Tape()
    for who in ("alpha", "beta"):
        tape.add("GET /me", {"name": who}, by=who, headers=(("X-Who", who),))
    tape.documents += two_workspaces().documents
    for at, document in enumerate(tape.documents):
        document |= {"id": str(at), "start": at * 2.0, "end": at * 2.0 + 1}
    player = play(tape)
    player.ask("GET /me", by="alpha")
    workspace = new()
    player.ask("POST /ws", body={"id": workspace}, by="alpha")
    assert player.state(f"GET /ws/{workspace}", by="alpha") == "running"


def test_equal_writes_of_unknown_callers_are_a_guess_where_what_they_make_differs_later() -> None:
    tape = Tape()
    for who, job, state in (("alpha", ONE, "done"), ("beta", TWO, "failed")):
        tape.add("POST /jobs", {"id": job}, 201, body={"kind": "build"}, by=who)
        tape.add(f"GET /jobs/{job}", {"state": state}, by=who)
    player = play(tape)
    assert "they differ later" in player.ask("POST /jobs", body={"kind": "build"}, by="x").doubt


def test_a_read_of_a_thing_that_nothing_showed_is_a_guess_when_it_binds_and_never_again() -> None:
    tape = Tape()
    for who, thing, state in (("alpha", ONE, "up"), ("beta", TWO, "failed")):
        tape.add(f"GET /things/{thing}", {"state": state}, by=who)
    player = play(tape)
    thing = new()
    assert [player.state(f"GET /things/{thing}", by="x") for _ in range(3)] == ["up?", "up", "up"]
    assert play(tape).state(f"GET /things/{TWO}", by="x") == "failed"


def test_reads_of_things_that_fare_alike_are_no_guess() -> None:
    tape = Tape()
    for thing in (ONE, TWO):
        tape.add(f"GET /things/{thing}", {"id": thing, "state": "up"})
    assert play(tape).state(f"GET /things/{new()}") == "up"


def test_a_miss_says_that_what_it_names_was_bound_by_arrival() -> None:
    tape = two_workspaces()
    tape.add(f"DELETE /ws/{TWO}", {"ok": True}, by="beta")
    player = play(tape)
    workspace = new()
    player.ask("POST /ws", body={"id": workspace}, by="x")
    told = player.ask(f"DELETE /ws/{workspace}", by="x")
    assert told.outcome == "miss"
    assert f"{workspace} was bound by arrival: nothing tells whether 1 or 3 is meant" in told.reason


def test_an_unknown_token_is_noted_where_answers_differ_by_credential_alone() -> None:
    tape = Tape()
    for who in ("alpha", "beta"):
        tape.add("GET /me", {"name": who}, by=who)
    player = play(tape)
    notes = [player.ask("GET /me", by="x").note for _ in range(3)]
    assert "this token is unknown" in notes[0]
    assert notes[1:] == ["", ""]


def test_a_token_that_was_told_from_others_by_arrival_proves_nothing() -> None:
    tape = Tape()
    for who in ("alpha", "beta"):
        tape.add("GET /list", {"items": []}, by=who)
    tape.documents += two_workspaces().documents
    for at, document in enumerate(tape.documents):
        document |= {"id": str(at), "start": at * 2.0, "end": at * 2.0 + 1}
    player = play(tape)
    player.ask("GET /list", by="x")
    assert "nothing tells whether 2 or 4 is meant" in player.ask("POST /ws", body={"id": new()}, by="x").doubt


def test_a_miss_says_that_what_it_names_is_in_what_was_bound_by_arrival() -> None:
    tape = Tape()
    orgs = ("5a1d2c3b-4e5f-4a6b-8c7d-9e0f1a2b3c4d", "c0ffee00-dead-4bee-8fed-0123456789ab")
    for who, org, workspace in zip(("alpha", "beta"), orgs, (ONE, TWO), strict=True):
        tape.add("POST /orgs", {"ok": True}, 201, body={"id": org}, by=who)
        tape.add("POST /ws", {"ok": True}, 201, body={"id": workspace, "org": org}, by=who)
    tape.add(f"GET /ws/{TWO}", {"state": "running"}, by="beta")
    player = play(tape)
    org, workspace = new(), new()
    assert player.ask("POST /orgs", body={"id": org}, by="x").doubt
    assert player.ask("POST /ws", body={"id": workspace, "org": org}, by="x").outcome == "replayed"
    assert f"{org} was bound by arrival" in player.ask(f"GET /ws/{workspace}", by="x").reason


def test_whoever_took_anothers_place_by_arrival_leaves_anothers_to_who_comes_after() -> None:
    tape = two_workspaces()
    tape.documents[0]["request"]["headers"].append(["X-Admin-Token", "{{cpproxy:x-admin-token:1}}"])
    tape.documents[0]["credentials"].append({"header": "x-admin-token"})
    player = play(tape)
    more = (("X-Admin-Token", "mine"),)
    first = player.ask("POST /ws", body={"id": new()}, by="x", headers=more)
    then = player.ask(
        "POST /ws", body={"id": new()}, by="y"
    )  # it could not have got the first one's: it lacks a header
    assert [(one.entry, "nothing tells whether 1 or 3 is meant" in one.doubt) for one in (first, then)] == [
        ("1", True),
        ("3", True),
    ]


def test_calls_that_are_signed_one_by_one_are_those_of_one_caller() -> None:
    tape = Tape()
    for number, status in ((1, 409), (2, 204)):
        signature = f"AWS4-HMAC-SHA256 {{{{cpproxy:authorization:{number}}}}}"
        tape.add("DELETE /bucket", status=status, headers=(("Authorization", signature),))
    player = play(tape)
    told = [player.ask("DELETE /bucket", headers=(("Authorization", f"AWS4-HMAC-SHA256 {n}"),)) for n in "ab"]
    assert [(one.status, one.doubt) for one in told] == [(409, ""), (204, "")]
