"""Worlds that move in ways the cases do not show: things made again, moved between lists, and renamed."""

from typing import Any

from tests.moving import Player, Tape, play

ONE = "0b9f6a52-54c2-4d0e-8a55-6a1c2f7f1a10"
TWO = "5d0c1f7e-9a63-4b0c-8d1f-2f6b7a8c9d01"
LIVE = "00000000-0000-4000-8000-000000000007"


def items(player: Player, call: str) -> list[str]:
    told = player.ask(call, by="x")
    assert told.doubt == ""
    return [item["id"] for item in told.json["items"]]


def test_a_thing_that_is_deleted_and_made_again_under_its_name_is_the_second_one() -> None:
    slug, live = "e2e-20260105-0a1b2c3d", "e2e-20270101-deadbee1"
    tape = Tape()
    for made in (ONE, TWO):
        tape.add("POST /orgs", {"id": made}, 201, body={"slug": slug}, by="op")
        tape.add("GET /orgs", {"items": [{"id": made, "slug": slug}]}, by="op")
        tape.add(f"DELETE /orgs/{slug}", {"ok": 1}, by="op")
        tape.add("GET /orgs", {"items": []}, by="op")
        tape.add(f"GET /orgs/{slug}", {"error": "gone"}, 404, by="op")
    player = play(tape)
    for made in (ONE, TWO):
        assert player.ask("POST /orgs", body={"slug": live}, by="x").json == {"id": made}
        assert items(player, "GET /orgs") == [made]
        player.ask(f"DELETE /orgs/{live}", by="x")
        assert items(player, "GET /orgs") == []
        assert player.state(f"GET /orgs/{live}", by="x") == 404


def test_an_element_moves_from_one_list_to_another() -> None:
    tape = Tape()
    lists: list[dict[str, Any]] = [{"items": [{"id": ONE}]}, {"items": []}]
    tape.add("POST /tasks", {"ok": 1}, 201, body={"id": ONE}, by="op")
    for name, answer in zip(("open", "done"), lists, strict=True):
        tape.add(f"GET /{name}", answer, by="op")
    tape.add(f"PATCH /tasks/{ONE}", {"ok": 1}, body={"done": True}, by="op")
    for name, answer in zip(("open", "done"), reversed(lists), strict=True):
        tape.add(f"GET /{name}", answer, by="op")
    player = play(tape)
    player.ask("POST /tasks", body={"id": LIVE}, by="x")
    assert [items(player, call) for call in ("GET /open", "GET /done")] == [[LIVE], []]
    player.ask(f"PATCH /tasks/{LIVE}", body={"done": True}, by="x")
    assert [items(player, call) for call in ("GET /open", "GET /done")] == [[], [LIVE]]


def test_a_thing_that_is_renamed_is_found_under_its_new_name_alone() -> None:
    tape = Tape()
    tape.add("POST /boxes", {"ok": 1}, 201, body={"name": "box-0a1b2c3d"}, by="op")
    tape.add("PATCH /boxes/box-0a1b2c3d", {"ok": 1}, body={"name": "box-99aa88bb"}, by="op")
    tape.add("GET /boxes/box-99aa88bb", {"state": "box-99aa88bb"}, by="op")
    tape.add("GET /boxes/box-0a1b2c3d", {"error": "gone"}, 404, by="op")
    player = play(tape)
    player.ask("POST /boxes", body={"name": "box-11112222"}, by="x")
    player.ask("PATCH /boxes/box-11112222", body={"name": "box-33334444"}, by="x")
    told = [player.state(f"GET /boxes/{name}", by="x") for name in ("box-33334444", "box-11112222")]
    assert told == ["box-33334444", 404]
