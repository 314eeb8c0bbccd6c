"""What concerns what, and what is there when: the things of a world beyond those that a write names itself."""

from typing import Any

import pytest

from tests.moving import Player, Tape, Told, play
from tests.test_cases import W1, W2, new

ORG = "5a1d2c3b-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
OTHER_ORG = "6b2e3d4c-5f6a-4b7c-9d8e-0f1a2b3c4d5e"
OPERATION = "7c3f4e5d-6a7b-4c8d-8e9f-1a2b3c4d5e6f"
NAME = "acme-1a2b3c4d"


def statuses(player: Player, *calls: str) -> list[int]:
    return [player.ask(call).status for call in calls]


def certain(told: Told) -> Any:
    """What an answer holds, and that there is no doubt about it."""
    assert not told.doubt
    return told.json


# A list in an element of a list


def peers(one: str, two: str) -> dict[str, dict[str, Any]]:
    """What a thing may hold that names itself, or one made before it."""
    return {
        "strings": {"peers": [one]},
        "itself": {"aliases": [two]},
        "objects": {"peers": [{"ref": one, "port": 80}, {"ref": two, "port": 81}]},
        "names": {"roles": {one: "owner", two: "guest"}},
        "deeper": {"env": [{"ref": two, "of": [{"ref": one}]}]},
    }


@pytest.mark.parametrize("kind", peers(W1, W2))
def test_what_stands_in_an_element_is_served_with_it(kind: str) -> None:
    held = peers(W1, W2)[kind]
    tape = Tape()
    tape.add(f"PUT /ws/{W1}", {"ok": 1}, body={})
    tape.add(f"PUT /ws/{W2}", {"ok": 1}, body=held)
    tape.add("GET /ws", {"items": [{"id": W1}, {"id": W2, **held}]})
    one, two = new(), new()
    live = peers(one, two)[kind]
    player = play(tape)
    player.ask(f"PUT /ws/{one}", body={})
    player.ask(f"PUT /ws/{two}", body=live)
    assert certain(player.ask("GET /ws")) == {"items": [{"id": one}, {"id": two, **live}]}


def test_what_an_element_holds_is_absent_until_it_is_made() -> None:
    tape = Tape()
    tape.add(f"PUT /orgs/{ORG}", {"ok": 1}, body={})
    tape.add("GET /orgs", [{"id": ORG, "members": []}])
    tape.add(f"POST /orgs/{ORG}/members", {"id": W1}, 201, body={})
    tape.add("GET /orgs", [{"id": ORG, "members": [{"id": W1}]}])
    player = play(tape)
    player.ask(f"PUT /orgs/{ORG}", body={})
    for _ in range(3):
        assert certain(player.ask("GET /orgs")) == [{"id": ORG, "members": []}]
    player.ask(f"POST /orgs/{ORG}/members", body={})
    assert certain(player.ask("GET /orgs")) == [{"id": ORG, "members": [{"id": W1}]}]


def test_what_a_write_names_is_never_left_out_of_what_it_made_without_a_word() -> None:
    tape = Tape()
    tape.add(f"PUT /ws/{W1}", {"ok": 1}, body={})
    tape.add(f"PUT /ws/{W2}", {"ok": 1}, body={"peers": [W1]})
    tape.add("GET /ws", [{"id": W1}, {"id": W2, "peers": [W1]}])
    player = play(tape)
    player.ask(f"PUT /ws/{W2}", body={"peers": [W1]})
    told = player.ask("GET /ws")
    assert told.doubt or told.json == [{"id": W2, "peers": [W1]}]


# What no write shows


def test_an_element_that_no_write_shows_is_absent_until_the_write_before_it() -> None:
    tape = Tape()
    shown: list[dict[str, str]] = []
    tape.add("GET /ws", {"items": []})
    for thing, name in ((W1, "one"), (W2, "two")):
        tape.add("POST /ws", None, 204, body={"name": name})
        shown.append({"id": thing, "name": name})
        tape.add("GET /ws", {"items": list(shown)})
    player = play(tape)
    for made in range(3):
        for _ in range(3):
            assert certain(player.ask("GET /ws")) == {"items": shown[:made]}
        if made < 2:
            player.ask("POST /ws", body={"name": ("one", "two")[made]})
    player = play(tape)
    for name in ("one", "two"):
        player.ask("POST /ws", body={"name": name})
    assert certain(player.ask("GET /ws")) == {"items": shown}


def test_one_of_two_writes_that_no_list_read_was_between_is_doubtful() -> None:
    tape = Tape()
    tape.add("GET /ws", [])
    for name in ("one", "two"):
        tape.add("POST /ws", None, 204, body={"name": name})
    tape.add("GET /ws", [{"id": W1}, {"id": W2}])
    player = play(tape)
    assert certain(player.ask("GET /ws")) == []
    player.ask("POST /ws", body={"name": "two"})
    assert "never asked after these writes" in player.ask("GET /ws").doubt
    player.ask("POST /ws", body={"name": "one"})
    assert certain(player.ask("GET /ws")) == [{"id": W1}, {"id": W2}]


def test_an_element_that_came_some_time_after_the_write_comes_after_it() -> None:
    tape = Tape()
    for elements in ([], None, [], [], [{"id": W1}]):
        if elements is None:
            tape.add("POST /ws", None, 202, body={"name": "one"})
        else:
            tape.add("GET /ws", elements)
    player = play(tape)
    for _ in range(4):
        assert certain(player.ask("GET /ws")) == []
    player.ask("POST /ws", body={"name": "one"})
    assert [certain(player.ask("GET /ws")) for _ in range(3)] == [[], [{"id": W1}], [{"id": W1}]]


def test_the_writes_of_other_callers_to_a_shared_path_are_none_of_an_elements() -> None:
    tape = Tape()
    tape.add("GET /ws", [], by="ann")
    tape.add("POST /ws", None, 204, body={"name": "one"}, by="ann")
    tape.add("POST /ws", None, 204, body={"name": "two"}, by="bob")
    tape.add("GET /ws", [{"id": W1}], by="ann")
    player = play(tape)
    assert certain(player.ask("GET /ws", by="ann")) == []
    player.ask("POST /ws", body={"name": "one"}, by="ann")
    assert certain(player.ask("GET /ws", by="ann")) == [{"id": W1}]


def test_what_an_operation_tells_of_comes_of_the_write_that_began_it() -> None:
    tape = Tape()
    tape.add("GET /ws", [])
    tape.add("POST /ws", None, 202, body={"name": "one"}, told=(("Location", f"/ops/{OPERATION}"),))
    tape.add(f"GET /ops/{OPERATION}", {"state": "running"})
    tape.add("GET /ws", [])
    tape.add("POST /ws", {"id": W2}, 201, body={"name": "two"})
    tape.add(f"GET /ops/{OPERATION}", {"state": "done", "id": W1})
    tape.add("GET /ws", [{"id": W1}, {"id": W2}])
    player = play(tape)
    assert [certain(player.ask("GET /ws")) for _ in range(3)] == [[]] * 3
    player.ask("POST /ws", body={"name": "two"})
    assert certain(player.ask("GET /ws")) == [{"id": W2}]
    player.ask("POST /ws", body={"name": "one"})
    player.ask(f"GET /ops/{OPERATION}")
    player.ask(f"GET /ops/{OPERATION}")
    assert {one["id"] for one in player.ask("GET /ws").json} == {W1, W2}


def test_what_an_operation_has_not_told_of_yet_is_doubtful() -> None:
    operations = (OPERATION, OTHER_ORG)
    tape = Tape()
    for name, operation in zip("ab", operations, strict=True):
        tape.add("POST /ws", None, 202, body={"name": name}, told=(("Location", f"/ops/{operation}"),))
    shown = []
    for thing, operation in zip((W1, W2), operations, strict=True):
        tape.add(f"GET /ops/{operation}", {"state": "done", "id": thing})
        shown.append({"id": thing})
        tape.add("GET /ws", list(shown))
    player = play(tape)
    for name in "ab":
        player.ask("POST /ws", body={"name": name})
    player.ask(f"GET /ops/{OPERATION}")
    assert certain(player.ask("GET /ws")) == [{"id": W1}]
    player.ask(f"GET /ops/{OTHER_ORG}")
    assert certain(player.ask("GET /ws")) == [{"id": W1}, {"id": W2}]
    player = play(tape)
    for name in "ba":
        player.ask("POST /ws", body={"name": name})
    player.ask(f"GET /ops/{OTHER_ORG}")
    assert "nobody has asked yet what became of" in player.ask("GET /ws").doubt
    player.ask(f"GET /ops/{OPERATION}")
    assert certain(player.ask("GET /ws")) == [{"id": W1}, {"id": W2}]


@pytest.mark.parametrize("target", [f"/ws/{W1}", "/ws/alpha"])
def test_a_document_that_no_write_names_is_missing_until_the_write_before_it(target: str) -> None:
    tape = Tape()
    tape.add(f"GET {target}", {"error": "none"}, 404)
    tape.add("POST /ws", None, 204, body={"kind": "small"})
    tape.add(f"GET {target}", {"state": "running"})
    player = play(tape)
    assert statuses(player, *[f"GET {target}"] * 3) == [404] * 3
    player.ask("POST /ws", body={"kind": "small"})
    assert player.state(f"GET {target}") == "running"


def test_an_element_that_was_never_missing_needs_no_write() -> None:
    tape = Tape()
    tape.add("GET /ws", [{"id": W1}])
    tape.add("POST /ws", None, 204, body={"name": "one"})
    tape.add("GET /ws", [{"id": W1}])
    assert certain(play(tape).ask("GET /ws")) == [{"id": W1}]


# Ids in headers


def test_a_header_of_the_answer_names_what_a_write_made() -> None:
    tape = Tape()
    tape.add("GET /ws", [])
    tape.add("POST /ws", None, 204, body={"name": NAME}, told=(("X-Id", W1), ("X-Request-Id", new()), ("ETag", new())))
    tape.add("GET /ws", [{"id": W1, "name": NAME}])
    tape.add(f"GET /ws/{W1}", {"id": W1})
    player = play(tape)
    assert player.ask(f"GET /ws/{new()}").outcome == "miss"
    assert [certain(player.ask("GET /ws")) for _ in range(3)] == [[]] * 3
    told = player.ask("POST /ws", body={"name": "acme-99aa88bb"})
    assert ("X-Id", W1) in told.headers
    assert certain(player.ask("GET /ws")) == [{"id": W1, "name": "acme-99aa88bb"}]
    assert player.replay.library.worlds["tape"].creators[W1].id == "2"
    assert len(player.replay.library.catalogue.why) == 2


# Names that are given again


def test_what_is_done_to_a_thing_that_has_an_earlier_ones_name_concerns_the_name() -> None:
    tape = Tape()
    for thing in (W1, W2):
        tape.add("POST /ws", {"id": thing}, 201, body={"name": NAME})
        tape.add(f"GET /names/{NAME}", {"id": thing})
        tape.add(f"DELETE /ws/{thing}", None, 204)
        tape.add(f"GET /names/{NAME}", {"error": "none"}, 404)
    player = play(tape)
    asked = "GET /names/acme-99aa88bb"
    for _ in range(2):
        made = player.ask("POST /ws", body={"name": "acme-99aa88bb"}).json["id"]
        assert [certain(player.ask(asked)) for _ in range(3)] == [{"id": made}] * 3
        player.ask(f"DELETE /ws/{made}")
        assert statuses(player, asked, asked) == [404, 404]


def test_equal_writes_that_name_what_another_made_make_children_of_it() -> None:
    tape = Tape()
    tape.add(f"PUT /orgs/{ORG}", {"ok": 1}, body={})
    for thing in (W1, W2):
        tape.add(f"POST /orgs/{ORG}/ws", {"id": thing}, 201, body={})
    tape.add(f"GET /orgs/{ORG}", {"state": "fine"})
    for thing in (W1, W2):
        tape.add(f"DELETE /ws/{thing}", None, 204)
    player = play(tape)
    assert [one.id for one in player.replay.library.worlds["tape"].concerning([ORG])] == ["1", "2", "3"]


# What is put to what


def related(*, first: str, body: dict[str, str], last: str, read: str) -> Tape:
    """Two things, a write that relates them, and one that ends one of them."""
    tape = Tape()
    for path in (f"/folders/{ORG}", f"/items/{W1}"):
        tape.add(f"PUT {path}", {"ok": 1}, body={})
    tape.add(first, {"ok": 1}, body=body)
    tape.add(read, {"state": "here"})
    tape.add(last, None, 204)
    tape.add(read, {"state": "gone"})
    return tape


RELATED = {
    "moved into a folder that is deleted": related(
        first=f"PATCH /items/{W1}", body={"folder": ORG}, last=f"DELETE /folders/{ORG}", read=f"GET /items/{W1}"
    ),
    "taken by a folder that is deleted": related(
        first=f"POST /folders/{ORG}/take", body={"item": W1}, last=f"DELETE /folders/{ORG}", read=f"GET /items/{W1}"
    ),
    "moved into a folder that is closed": related(
        first=f"PATCH /items/{W1}", body={"folder": ORG}, last=f"POST /folders/{ORG}/close", read=f"GET /items/{W1}"
    ),
}


@pytest.mark.parametrize("kind", RELATED)
def test_what_is_done_to_a_thing_concerns_what_was_put_to_it(kind: str) -> None:
    player = play(RELATED[kind])
    last, read = (RELATED[kind].documents[number]["request"] for number in (4, 5))
    for one in RELATED[kind].documents[:3]:
        player.ask(f"PUT {one['request']['target']}", body={}) if one["request"]["method"] == "PUT" else player.ask(
            f"{one['request']['method']} {one['request']['target']}", body=one["request"]["body"]["json"]
        )
    assert [player.state(f"GET {read['target']}") for _ in range(3)] == ["here"] * 3
    player.ask(f"{last['method']} {last['target']}")
    assert player.state(f"GET {read['target']}") == "gone"


def concerned(tape: Tape, identity: str) -> list[str]:
    return [one.id for one in play(tape).replay.library.worlds["tape"].concerning([identity])]


def test_what_is_done_before_two_things_are_related_concerns_one_alone() -> None:
    tape = Tape()
    tape.add(f"PUT /folders/{ORG}", {"ok": 1}, body={})
    tape.add(f"PUT /items/{W1}", {"ok": 1}, body={})
    tape.add(f"POST /folders/{ORG}/close", {"ok": 1}, name="early")
    tape.add(f"PATCH /items/{W1}", {"ok": 1}, body={"folder": ORG}, name="put")
    tape.add(f"POST /folders/{ORG}/open", {"ok": 1}, name="late")
    assert concerned(tape, W1) == ["2", "put", "late"]


def test_what_every_body_names_links_nothing() -> None:
    tape = Tape()
    for who, thing in (("ann", W1), ("bob", W2)):
        tape.add(f"PUT /ws/{thing}", {"ok": 1}, body={}, by=who)
    for who, thing in (("ann", W1), ("bob", W2)):
        tape.add(f"PATCH /ws/{thing}", {"ok": 1}, body={"cluster": ORG}, by=who, name=f"{who} joins")
        tape.add(f"POST /clusters/{ORG}/drain", {"ok": 1}, by=who, name=f"{who} drains")
    for who, thing in (("ann", W1), ("bob", W2)):
        tape.add(f"DELETE /ws/{thing}", None, 204, by=who, name=f"{who} ends")
    assert concerned(tape, W1) == ["1", "ann joins", "ann ends"]
    assert concerned(tape, W2) == ["2", "bob joins", "bob ends"]
    assert concerned(tape, ORG) == ["ann joins", "ann drains", "bob joins", "bob drains"]
    tape.add(f"DELETE /clusters/{ORG}", None, 204, name="end")
    assert concerned(tape, W1)[-1] == concerned(tape, W2)[-1] == "end"


# What no list read saw


def test_what_was_made_elsewhere_leaves_no_doubt_about_a_list() -> None:
    tape = Tape()
    for org, thing in ((ORG, W1), (OTHER_ORG, W2)):
        tape.add(f"PUT /orgs/{org}", {"ok": 1}, body={})
        tape.add("POST /ws", {"id": thing}, 201, body={"org": org})
        tape.add(f"GET /ws?org={org}", [{"id": thing}])
        tape.add(f"DELETE /ws/{thing}", None, 204)
        tape.add(f"GET /ws?org={org}", [])
    player = play(tape)
    for _ in range(2):
        live = new()
        player.ask(f"PUT /orgs/{live}", body={})
        made = player.ask("POST /ws", body={"org": live}).json["id"]
        assert certain(player.ask(f"GET /ws?org={live}")) == [{"id": made}]
        player.ask(f"DELETE /ws/{made}")
        assert certain(player.ask(f"GET /ws?org={live}")) == []


def test_what_was_made_in_it_and_never_seen_is_doubtful() -> None:
    tape = Tape()
    tape.add(f"PUT /orgs/{ORG}", {"ok": 1}, body={})
    for name, thing in (("one", W1), ("two", W2)):
        tape.add("POST /ws", {"id": thing}, 201, body={"org": ORG, "name": name})
    tape.add(f"DELETE /ws/{W2}", None, 204)
    tape.add(f"GET /ws?org={ORG}", [{"id": W1}])
    player = play(tape)
    player.ask(f"PUT /orgs/{ORG}", body={})
    for name in ("one", "two"):
        player.ask("POST /ws", body={"org": ORG, "name": name})
    assert "what 3 made was never seen in it" in player.ask(f"GET /ws?org={ORG}").doubt


def test_another_thing_of_its_kind_leaves_no_doubt_about_a_document_that_holds_its_own_name() -> None:
    tape = Tape()
    for thing in (W1, W2):
        tape.add(f"PUT /ws/{thing}", {"ok": 1}, body={"env": {thing: "1"}})
        tape.add(f"GET /ws/{thing}", {"id": thing, "env": {thing: "1"}})
        tape.add(f"DELETE /ws/{thing}", None, 204)
    player = play(tape)
    for thing in (new(), new()):
        player.ask(f"PUT /ws/{thing}", body={"env": {thing: "1"}})
        assert certain(player.ask(f"GET /ws/{thing}")) == {"id": thing, "env": {thing: "1"}}
        player.ask(f"DELETE /ws/{thing}")


# What a write's answer shows


def members() -> Tape:
    tape = Tape()
    shown = []
    for thing in (W1, W2):
        shown.append({"id": thing})
        tape.add(f"PUT /members/{thing}", {"members": list(shown)}, body={})
    return tape


def test_a_writes_answer_that_shows_what_nobody_made_is_doubtful() -> None:
    player = play(members())
    told = player.ask(f"PUT /members/{W2}", body={})
    assert f"it shows {W1}, and nobody has played 1, which made it" in told.doubt
    assert player.ask(f"PUT /members/{W1}", body={}).doubt == ""


def test_a_writes_answer_that_shows_what_was_made_is_not() -> None:
    player = play(members())
    one, two = new(), new()
    assert certain(player.ask(f"PUT /members/{one}", body={})) == {"members": [{"id": one}]}
    assert certain(player.ask(f"PUT /members/{two}", body={})) == {"members": [{"id": one}, {"id": two}]}
