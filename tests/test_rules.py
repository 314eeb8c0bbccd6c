"""The rules by which a call is matched (1 to 10 of replay), each sentence that no case shows alone."""

import base64
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from cpproxy.core.config import Repeat, RouteSettings
from cpproxy.core.messages import Request
from cpproxy.core.replay.decisions import Refuse, Serve
from tests.moving import Tape, play

W1 = "0b9d1c52-6c1e-4a54-9d8a-3f2f6a1b7c01"
W2 = "7f3e8a90-11c2-4d3e-8b4a-90ab12cd34ef"
ORG = "c0ffee00-dead-4bee-8fed-0123456789ab"
SLUG = "e2e-20260105-1a2b3c4d"
I1 = "i-0a1b2c3d4e5f60718"
I2 = "i-1111aaaa2222bbbb3"


def new() -> str:
    return str(uuid.uuid4())


@pytest.mark.parametrize("seen", ["old", "new"])
def test_01_an_answer_within_a_write_belongs_to_neither_side(seen: str) -> None:
    tape = Tape()
    tape.add(f"GET /ws/{W1}", {"state": "old"})
    tape.add(f"PUT /ws/{W1}", {"ok": 1}, body={"size": 2}, at=(10, 14))
    tape.add(f"GET /ws/{W1}", {"state": seen}, at=(11, 12))
    tape.add(f"GET /ws/{W1}", {"state": "new"}, at=(20, 21))
    player = play(tape)
    assert [player.state(f"GET /ws/{W1}") for _ in range(3)] == ["old"] * 3
    player.ask(f"PUT /ws/{W1}", body={"size": 2})
    assert [player.state(f"GET /ws/{W1}") for _ in range(3)] == ["new"] * 3


def test_02_what_the_cassette_names_is_an_identity_and_what_the_config_excludes_is_none() -> None:
    tape = Tape(identities=("blue",))
    tape.add(
        "POST /paint", {"colour": "blue", "image": "img-0a1b2c3d4e"}, body={"colour": "blue", "image": "img-0a1b2c3d4e"}
    )
    image = {"image": "img-0a1b2c3d4e"}
    assert play(tape).ask("POST /paint", body={"colour": "red", **image}).json == {"colour": "red", **image}
    assert play(tape).ask("POST /paint", body={"colour": "red", "image": "img-999999"}).status == 200
    player = play(tape, not_identities=("$.image",))
    assert player.ask("POST /paint", body={"colour": "red", "image": "img-999999"}).outcome == "miss"


@pytest.mark.parametrize(
    "made",
    [
        pytest.param("10000000-0000-4000-8000-000000000007", id="a UUID"),
        pytest.param(W1.upper(), id="a UUID in upper case"),
        pytest.param("01ZZZZZZZZZZZZZZZZZZZZZZZZ", id="a ULID"),
        pytest.param("00000000000000ab", id="hex"),
        pytest.param("team-blue-000000ab", id="a slug that ends in hex"),
        pytest.param("dQw4w9WgXcQ7zRt2", id="a random token"),
    ],
)
def test_02_what_looks_made_is_an_identity(made: str) -> None:
    live = made[:1] + made[:0:-1]
    tape = Tape()
    tape.add("POST /things", {"ok": 1}, 201, body={"name": made})
    tape.add(f"GET /things/{made}", {"name": made})
    player = play(tape)
    assert player.ask("POST /things", body={"name": live}).status == 201
    assert player.ask(f"GET /things/{live}").json == {"name": live}


ORG_ROUTE = RouteSettings(match="GET /compared", compare=("X-Org",))
PLACES: dict[str, Callable[[str], dict[str, Any]]] = {
    "path": lambda one: {"call": f"GET /things/{one}/state"},
    "query": lambda one: {"call": f"GET /things?id={one}"},
    "header": lambda one: {"call": "GET /compared", "headers": (("X-Org", one),)},
    "json": lambda one: {"call": "PUT /a", "body": {"owner": [{"ref": one}]}},
    "name": lambda one: {"call": "PUT /b", "body": {"tags": {one: 1}}},
    "form": lambda one: {"call": "PUT /c", "body": f"Owner={one}&Kind=a"},
    "body": lambda one: {"call": "PUT /d", "body": f"the owner is {one}."},
}


@pytest.mark.parametrize("place", PLACES)
def test_02_identities_are_found_wherever_they_stand(place: str) -> None:
    tape = Tape()
    tape.add(f"PUT /things/{W1}", {"ok": 1}, 201)
    recorded = PLACES[place](W1)
    tape.add(recorded.pop("call"), {"state": "a", "of": W1}, **recorded)
    player = play(tape, routes=(ORG_ROUTE,))
    live = new()
    assert player.ask(f"PUT /things/{live}").status == 201
    asked = PLACES[place](live)
    assert player.ask(asked.pop("call"), **asked).json == {"state": "a", "of": live}


def test_02_the_first_characters_of_one_uuid_stand_for_it_and_those_of_two_for_neither() -> None:
    alike = W1[:8] + W2[8:]
    for others, renamed in (((), True), ((alike,), False)):
        tape = Tape()
        for thing in (W1, *others):
            tape.add(f"PUT /things/{thing}", {"ok": 1}, 201)
        tape.add(f"GET /things/{W1}", {"pod": f"pod/{W1[:8]}"})
        player = play(tape)
        live, *_ = lives = [new() for _ in (W1, *others)]
        for one in lives:
            player.ask(f"PUT /things/{one}")
        assert player.ask(f"GET /things/{live}").json == {"pod": f"pod/{live[:8] if renamed else W1[:8]}"}


def test_02_a_number_in_a_path_and_under_an_ids_name_is_an_identity_there_and_nowhere_else() -> None:
    tape = Tape()
    tape.add("POST /jobs", {"job_id": 4711, "port": 4711}, 201, body={"job_id": 4711})
    tape.add("GET /jobs/4711", {"id": 4711, "text": "4711 of 4711", "port": 4711, "parentId": "4711"})
    tape.add("GET /jobs", {"jobs": [{"id": 4711, "size": 4711}]})
    player = play(tape)
    assert player.ask("POST /jobs", body={"job_id": 99}).json == {"job_id": 99, "port": 4711}
    told = player.ask("GET /jobs/99")
    assert told.json == {"id": 99, "text": "4711 of 4711", "port": 4711, "parentId": "99"}
    assert player.ask("GET /jobs").json == {"jobs": [{"id": 99, "size": 4711}]}
    assert player.ask("GET /jobs/4711").outcome == "miss"


def test_03_a_list_that_is_handed_to_several_things_is_a_parent_of_each() -> None:
    org = "5a1d2c3b-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
    tape = Tape()
    for workspace in (W1, W2):
        tape.add("POST /ws", {"ok": 1}, 201, body={"id": workspace, "org": org})
        tape.add(f"GET /ws/{workspace}", {"state": "running"})
    tape.add(f"DELETE /orgs/{org}", {"ok": 1})
    for workspace in (W1, W2):
        tape.add(f"GET /ws/{workspace}", {"state": "gone"})
    player = play(tape)
    live = new()
    one, two = new(), new()
    for workspace in (one, two):
        player.ask("POST /ws", body={"id": workspace, "org": live})
    assert [player.state(f"GET /ws/{workspace}") for workspace in (two, one, two, one)] == ["running"] * 4
    player.ask(f"DELETE /orgs/{live}")
    assert [player.state(f"GET /ws/{workspace}") for workspace in (two, one)] == ["gone", "gone"]


def test_03_what_an_answer_shows_first_was_made_by_that_write() -> None:
    tape = Tape()
    tape.add("POST /orgs", {"id": W1}, 201, body={"name": "one"})
    tape.add(f"GET /orgs/{W1}", {"state": "a"})
    tape.add(f"PUT /orgs/{W1}", {"ok": 1}, body={"size": 2})
    told = play(tape).ask(f"GET /orgs/{new()}")
    assert told.outcome == "miss"
    assert "nobody has played that write" in told.reason


def test_03_a_write_that_makes_something_changes_nothing_that_was_there_before_it() -> None:
    tape = Tape()
    tape.add("POST /orgs", {"ok": 1}, 201, body={"id": ORG})
    tape.add("POST /ws", {"ok": 1}, 201, body={"id": W1, "org": ORG})
    tape.add(f"GET /ws/{W1}", {"state": "running"})
    tape.add("POST /volumes", {"ok": 1}, 201, body={"id": W2, "org": ORG})
    tape.add(f"GET /volumes/{W2}", {"state": "ready"})
    player = play(tape)
    org, workspace, volume = new(), new(), new()
    player.ask("POST /orgs", body={"id": org})
    player.ask("POST /ws", body={"id": workspace, "org": org})
    player.ask("POST /volumes", body={"id": volume, "org": org})
    assert player.state(f"GET /ws/{workspace}") == "running"


def test_03_a_deletion_ends_what_was_in_it_though_it_makes_a_job() -> None:
    tape = Tape()
    tape.add("POST /orgs", {"ok": 1}, 201, body={"id": ORG})
    tape.add("POST /ws", {"ok": 1}, 201, body={"id": W1, "org": ORG})
    tape.add(f"GET /ws/{W1}", {"state": "running"})
    tape.add(f"DELETE /orgs/{ORG}", {"job": W2}, 202)
    tape.add(f"GET /jobs/{W2}", {"state": "done"})
    tape.add(f"GET /ws/{W1}", {"state": "gone"})
    player = play(tape)
    org, workspace = new(), new()
    player.ask("POST /orgs", body={"id": org})
    player.ask("POST /ws", body={"id": workspace, "org": org})
    assert [player.state(f"GET /ws/{workspace}") for _ in range(3)] == ["running"] * 3
    player.ask(f"DELETE /orgs/{org}")
    assert player.state(f"GET /ws/{workspace}") == "gone"


@pytest.mark.parametrize("status", [401, 403])
def test_04_a_write_that_was_denied_changes_nothing(status: int) -> None:
    tape = Tape()
    tape.add("POST /ws", {"ok": 1}, 201, body={"id": W1}, by="ann")
    tape.add(f"GET /ws/{W1}", {"state": "running"}, by="ann")
    tape.add(f"DELETE /ws/{W1}", {"error": "no"}, status, by="eve")
    player = play(tape)
    live = new()
    player.ask("POST /ws", body={"id": live}, by="ann")
    assert player.ask(f"DELETE /ws/{live}", by="eve").status == status
    assert player.state(f"GET /ws/{live}", by="ann") == "running"


def test_04_a_read_that_names_nothing_is_about_what_it_tells_of() -> None:
    tape = Tape()
    tape.add("POST /ws", {"ok": 1}, 201, body={"id": W1})
    tape.add("GET /current", {"id": W1, "state": "small"})
    tape.add(f"PUT /ws/{W1}/size", {"ok": 1}, body={"size": 2})
    tape.add("GET /current", {"id": W1, "state": "big"})
    player = play(tape)
    live = new()
    player.ask("POST /ws", body={"id": live})
    assert [player.state("GET /current") for _ in range(3)] == ["small"] * 3
    player.ask(f"PUT /ws/{live}/size", body={"size": 2})
    assert player.state("GET /current") == "big"


def test_04_a_read_that_names_something_is_about_nothing_else_that_it_tells_of() -> None:
    tape = Tape()
    tape.add("POST /clusters", {"ok": 1}, 201, body={"id": W2})
    tape.add("POST /ws", {"ok": 1}, 201, body={"id": W1})
    tape.add(f"GET /ws/{W1}", {"state": "pending", "cluster": W2})
    tape.add(f"PUT /clusters/{W2}", {"ok": 1}, body={"size": 2})
    tape.add(f"GET /ws/{W1}", {"state": "running", "cluster": W2})
    player = play(tape)
    live = new()
    player.ask("POST /clusters", body={"id": new()})
    player.ask("POST /ws", body={"id": live})
    assert [player.state(f"GET /ws/{live}") for _ in range(3)] == ["pending", "running", "running"]


@pytest.mark.parametrize("write", ["PUT /flags", "PUT /flags/dark", "DELETE /"])
def test_04_a_read_about_nothing_changes_with_writes_to_its_path_below_it_and_above_it(write: str) -> None:
    tape = Tape()
    tape.add("GET /flags", {"state": "off"})
    tape.add(write, {"ok": 1})
    tape.add("GET /flags", {"state": "on"})
    player = play(tape)
    assert [player.state("GET /flags") for _ in range(3)] == ["off"] * 3
    player.ask(write)
    assert [player.state("GET /flags") for _ in range(2)] == ["on"] * 2


@pytest.mark.parametrize("shape", ["", ":hex"])
def test_04_what_nothing_names_links_if_it_was_handed_out_and_brought_back(shape: str) -> None:
    one, other = (f"{{{{cpproxy:random:{number}{shape}}}}}" for number in (1, 2))
    tape = Tape()
    for order in (one, other):
        tape.add("POST /orders", {"order": order}, 201)
        tape.add(f"GET /orders?ref={order}", {"state": "pending"})
        tape.add("POST /pay", {"ok": True}, body={"ref": order})
        tape.add(f"GET /orders?ref={order}", {"state": "paid"})
    player = play(tape)
    mine, yours = (player.ask("POST /orders").json["order"] for _ in range(2))
    assert mine != yours
    assert [player.state(f"GET /orders?ref={order}") for order in (mine, yours)] == ["pending", "pending"]
    assert player.ask("POST /pay", body={"ref": yours}).outcome == "replayed"
    assert [player.state(f"GET /orders?ref={order}") for order in (mine, yours)] == ["pending", "paid"]
    assert player.ask("GET /orders?ref=another").outcome == "miss"


def test_04_what_nothing_names_and_a_client_made_may_be_one_dummy_for_all() -> None:
    tape = Tape()
    for number in (1, 2):
        tape.add("POST /notes", {"id": number}, 201, body={"note": f"{{{{cpproxy:random:{number}}}}}"})
    player = play(tape)
    assert [player.ask("POST /notes", body={"note": "dummy"}).json for _ in range(2)] == [{"id": 1}, {"id": 2}]


def test_04_a_secret_links_nothing() -> None:
    secret = "{{cpproxy:token:1}}"
    tape = Tape()
    for state in ("a", "b"):
        tape.add(f"GET /whoami?token={secret}", {"state": state})
        tape.add("PUT /settings", {"ok": 1}, body={"token": secret, "colour": state})
    player = play(tape)
    assert [player.state("GET /whoami?token=live") for _ in range(2)] == ["a", "b"]
    assert player.ask("PUT /settings", body={"token": "live", "colour": "a"}).status == 200
    assert player.state("GET /whoami?token=live") == "b"


@pytest.mark.parametrize("brought", ["as it was served", "decoded"])
def test_04_what_nothing_names_links_if_it_was_handed_out_in_base64(brought: str) -> None:
    tape = Tape()
    for number in (1, 2):
        code, plain = f"{{{{cpproxy:random:{number}:base64}}}}", f"{{{{cpproxy:random:{number}}}}}"
        tape.add("POST /orders", {"order": code}, 201)
        tape.add(f"GET /orders?ref={code if brought == 'as it was served' else plain}", {"number": number})
    player = play(tape)
    codes = [player.ask("POST /orders").json["order"] for _ in range(2)]
    refs = codes if brought == "as it was served" else [base64.b64decode(code).decode() for code in codes]
    assert [player.ask(f"GET /orders?ref={ref}").json["number"] for ref in reversed(refs)] == [2, 1]
    assert player.ask("GET /orders?ref=another").outcome == "miss"


def test_06_a_secret_that_was_served_in_base64_comes_back_decoded_or_as_it_was() -> None:
    tape = Tape()
    token = "{{cpproxy:password:1}}"
    tape.add("GET /secret", {"data": {"password": "{{cpproxy:password:1:base64}}"}})
    tape.add("GET /use", {"ok": 1}, headers=(("X-Api-Key", token),))
    tape.add("GET /code", {"ok": 2}, headers=(("X-Api-Key", "{{cpproxy:password:1:base64}}"),))
    player = play(tape)
    code = player.ask("GET /secret").json["data"]["password"]
    plain = base64.b64decode(code, validate=True).decode()
    assert player.ask("GET /use", headers=(("X-Api-Key", plain),)).json == {"ok": 1}
    assert player.ask("GET /code", headers=(("X-Api-Key", code),)).json == {"ok": 2}
    assert player.ask("GET /use", headers=(("X-Api-Key", "another"),)).outcome == "unauthorized"
    assert player.ask("GET /code", headers=(("X-Api-Key", plain),)).outcome == "unauthorized"


def test_05_a_contradiction_is_named_in_the_miss() -> None:
    tape = Tape()
    tape.add("POST /ws", {"ok": 1}, 201, body={"id": W1})
    tape.add(f"GET /ws/{W1}", {"state": "running"})
    player = play(tape)
    live = new()
    player.ask("POST /ws", body={"id": live})
    told = player.ask(f"GET /ws/{new()}")
    assert told.outcome == "miss"
    assert live in told.reason


def test_05_what_was_recorded_stands_for_itself() -> None:
    tape = Tape()
    for number, workspace in enumerate((W1, W2)):
        tape.add("POST /ws", {"number": number}, 201, body={"id": workspace})
    tape.add(f"GET /nodes/{ORG}", {"state": "a"})
    player = play(tape)
    assert player.ask("POST /ws", body={"id": W2}).json == {"number": 1}
    assert player.ask(f"GET /nodes/{W1}").outcome == "miss"
    assert player.state(f"GET /nodes/{new()}") == "a"


def test_05_one_live_value_stands_for_one_thing() -> None:
    tape = Tape()
    for workspace in (W1, W2):
        tape.add("POST /ws", {"ok": 1}, 201, body={"id": workspace})
    player = play(tape)
    live = new()
    assert player.ask("POST /ws", body={"id": live}).status == 201
    assert player.ask("POST /ws", body={"id": live}).outcome == "used up"
    assert player.ask("POST /ws", body={"id": new()}).status == 201


def test_05_any_text_fits_where_a_secret_was_and_several_secrets_may_be_one() -> None:
    tape = Tape()
    body = {"token": "{{cpproxy:token:1}}", "again": "id={{cpproxy:token:2}};", "kind": "a"}
    tape.add("POST /login", {"ok": 1}, 201, body=body)
    player = play(tape)
    assert player.ask("POST /login", body=body | {"token": "any", "again": "any"}).outcome == "miss"
    assert player.ask("POST /login", body=body | {"token": "any", "again": "id=any;"}).status == 201


def test_05_any_text_fits_where_a_secret_is_the_name_of_a_parameter_and_others_keep_theirs() -> None:
    tape = Tape()
    tape.add("GET /hooks?{{cpproxy:token:1}}&kind=a&zone=b", {"of": "a token"})
    tape.add("GET /hooks?kind=a&page&zone=b", {"of": "a page"})
    player = play(tape)
    assert player.ask("GET /hooks?kind=a&page&zone=b").json == {"of": "a page"}
    for token in ("AAAA", "mmmm", "zzzz"):  # wherever it comes in the order of the names
        assert player.ask(f"GET /hooks?kind=a&{token}&zone=b").json == {"of": "a token"}
    for other in (
        "kind=a&zone=b",
        "kind=a&kind=b&zone=b",
        "kind=a&x=1&zone=c",
        "kind=a&x=1&zone=b",
        "kind=a&x&zone=b&y",
    ):
        assert player.ask(f"GET /hooks?{other}").outcome == "miss"


def test_05_any_text_fits_where_a_secret_is_the_name_of_a_field_or_a_member() -> None:
    tape = Tape()
    tape.add("POST /form", {"of": "a form"}, body="{{cpproxy:token:1}}&kind=a")
    tape.add("POST /json", {"of": "json"}, body={"{{cpproxy:token:1}}": {"n": 1}, "kind": "a"})
    player = play(tape)
    assert player.ask("POST /form", body="kind=b&any").outcome == "miss"
    assert player.ask("POST /form", body="kind=a&any").json == {"of": "a form"}
    assert player.ask("POST /json", body={"kind": "a", "any": {"n": 2}}).outcome == "miss"
    assert player.ask("POST /json", body={"kind": "a", "any": {"n": 1}}).json == {"of": "json"}


def handed_out(*, before: bool = False) -> Tape:
    """Two workspaces, each with an instance that the control plane names."""
    tape = Tape()
    if before:
        tape.add("GET /instances/i-0ddba11c0ffee0001", {"error": "no such instance"}, 404)
    for workspace, instance in ((W1, I1), (W2, I2)):
        tape.add("POST /ws", {"instance_id": instance}, 201, body={"id": workspace})
        for state in ("pending", "running"):
            tape.add(f"GET /ws/{workspace}/status?instance_id={instance}", {"state": state})
            tape.add(f"GET /instances/{instance}", {"state": state})
        tape.add("GET /instances", {"items": [{"id": I1}, {"id": I2}][: 1 + (workspace == W2)]})
    return tape


MADE_UP = "i-00000000deadbeef0"


@pytest.mark.parametrize("call", ["GET /instances/{id}", "GET /ws/{ws}/status?instance_id={id}"])
@pytest.mark.parametrize("wrong", [MADE_UP, "nonsense", I2])
def test_05_no_made_up_id_stands_for_one_that_was_handed_out(call: str, wrong: str) -> None:
    player = play(handed_out())
    live = new()
    made = player.ask("POST /ws", body={"id": live}).json["instance_id"]
    for _ in range(2):
        assert player.ask(call.format(ws=live, id=wrong)).outcome == "miss"
    assert [player.state(call.format(ws=live, id=made)) for _ in range(2)] == ["pending", "running"]
    assert player.ask(call.format(ws=live, id=wrong)).outcome == "miss"


def test_05_a_made_up_id_before_the_real_one_was_handed_out_keeps_nothing_from_it() -> None:
    player = play(handed_out())
    live = new()
    assert player.ask(f"GET /instances/{MADE_UP}").outcome == "miss"
    made = player.ask("POST /ws", body={"id": live}).json["instance_id"]
    assert [player.state(f"GET /instances/{made}") for _ in range(2)] == ["pending", "running"]


def test_05_a_made_up_id_gets_the_recorded_404_and_the_real_one_its_answer() -> None:
    player = play(handed_out(before=True))
    assert player.state(f"GET /instances/{MADE_UP}") == 404
    made = player.ask("POST /ws", body={"id": new()}).json["instance_id"]
    assert [player.state(f"GET /instances/{MADE_UP}") for _ in range(2)] == [404, 404]
    assert [player.state(f"GET /instances/{made}") for _ in range(2)] == ["pending", "running"]
    assert player.state(f"GET /instances/{MADE_UP}") == 404


def test_05_the_id_of_another_thing_that_was_handed_out_is_not_this_ones() -> None:
    player = play(handed_out())
    workspaces = [new(), new()]
    instances = [player.ask("POST /ws", body={"id": one}).json["instance_id"] for one in workspaces]
    for workspace, stale in zip(workspaces, reversed(instances), strict=True):
        assert player.ask(f"GET /ws/{workspace}/status?instance_id={stale}").outcome == "miss"
    for workspace, own in zip(workspaces, instances, strict=True):
        assert player.state(f"GET /ws/{workspace}/status?instance_id={own}") == "pending"


def test_05_the_id_of_what_was_made_before_is_stale_once_it_is_made_again() -> None:
    tape = Tape()
    for instance in (I1, I2):
        tape.add("POST /ws", {"instance_id": instance}, 201, body={"name": SLUG})
        tape.add(f"GET /ws/{SLUG}/status?instance_id={instance}", {"state": instance})
        tape.add(f"DELETE /ws/{SLUG}", {"ok": 1})
    player = play(tape)
    stale = player.ask("POST /ws", body={"name": "mine"}).json["instance_id"]
    assert player.state(f"GET /ws/mine/status?instance_id={stale}") == I1
    player.ask("DELETE /ws/mine")
    made = player.ask("POST /ws", body={"name": "mine"}).json["instance_id"]
    assert player.state(f"GET /ws/mine/status?instance_id={MADE_UP}") == "miss"
    assert player.state(f"GET /ws/mine/status?instance_id={stale}") != I2
    assert player.state(f"GET /ws/mine/status?instance_id={made}") == I2


def test_05_what_a_list_or_a_header_handed_out_is_itself() -> None:
    tape = Tape()
    tape.add("GET /instances", {"items": [{"id": I1}]})
    tape.add("POST /jobs", None, 202, told=(("Location", f"/jobs/{W1}"),))
    for call in (f"GET /instances/{I1}", f"GET /jobs/{W1}"):
        tape.add(call, {"state": "a"})
    player = play(tape)
    instance = player.ask("GET /instances").json["items"][0]["id"]
    job = dict(player.ask("POST /jobs").headers)["Location"].rpartition("/")[2]
    for wrong in (f"GET /instances/{MADE_UP}", f"GET /jobs/{new()}"):
        assert player.ask(wrong).outcome == "miss"
    assert [player.state(call) for call in (f"GET /instances/{instance}", f"GET /jobs/{job}")] == ["a", "a"]


def test_06_a_duplicate_authorization_is_refused() -> None:
    tape = Tape()
    tape.add("GET /x", {"state": "a"}, by="ann")
    told = play(tape).ask("GET /x", by="ann", headers=(("Authorization", "Bearer other"),))
    assert told.outcome == "unauthorized"
    assert "more than one Authorization" in told.reason


def test_06_a_change_of_secret_is_noted_and_refused_only_where_that_is_wanted() -> None:
    tape = Tape()
    tape.add("GET /x", {"state": "a"}, by="ann", headers=(("X-Admin-Token", "{{cpproxy:x-admin-token:1}}"),))
    headers = (("X-Admin-Token", "of one caller"),)
    for strict, outcome in ((False, "replayed"), (True, "unauthorized")):
        player = play(tape, strict_credentials=strict)
        assert player.ask("GET /x", by="ann", headers=headers).note == ""
        told = player.ask("GET /x", by="changed", headers=headers)
        assert told.outcome == outcome
        assert "changed" in told.note + told.reason


def test_06_a_challenge_gives_way_to_the_answer_that_followed_it_however_often_that_is_asked() -> None:
    tape = Tape()
    cookie = (("Cookie", "{{cpproxy:cookie:1}}"),)
    tape.add("GET /x", None, 401, headers=cookie)
    tape.documents[-1]["credentials"] = [{"header": "cookie"}]
    tape.add("GET /x", {"state": "a"}, by="ann", headers=cookie)
    tape.documents[-1]["credentials"].append({"header": "cookie"})
    player = play(tape)
    live = (("Cookie", "session=1"),)
    told = [player.state("GET /x", by=by, headers=live) for by in ("", "first-nonce", "", "second-nonce")]
    assert told == [401, "a", 401, "a"]


def test_06_a_caller_gets_what_was_told_to_one_with_as_many_credentials() -> None:
    tape = Tape()
    for by in ("", "", "ann"):
        tape.add("GET /x", {"state": f"{by or 'nobody'} {len(tape.documents)}"}, by=by)
    player = play(tape)
    assert player.state("GET /x", by="ann") == "ann 2"
    assert [player.state("GET /x") for _ in range(2)] == ["nobody 0", "nobody 1"]


def test_06_another_scheme_is_another_credential() -> None:
    tape = Tape()
    tape.add("GET /x", {"state": "a"}, by="ann")
    player = play(tape)
    told = player.ask("GET /x", headers=(("Authorization", "Basic YTpi"),))
    assert (told.outcome, "lacks Authorization (bearer)" in told.reason) == ("unauthorized", True)
    assert player.state("GET /x", by="ann") == "a"


def test_06_credentials_beyond_those_that_were_recorded_do_no_harm() -> None:
    tape = Tape()
    tape.add("GET /x", {"state": "a"})
    tape.add("GET /y", {"state": "b"}, by="ann")
    player = play(tape)
    assert player.state("GET /x", by="ann") == "a"
    assert player.state("GET /y", by="ann", headers=(("X-Admin-Token", "more"),)) == "b"


def test_06_a_denial_that_was_recorded_without_credentials_answers_no_call_with_them() -> None:
    tape = Tape()
    tape.add("GET /x", None, 401)
    player = play(tape)
    told = player.ask("GET /x")
    assert (told.outcome, told.status) == ("replayed", 401)
    assert player.ask("GET /x", by="ann").outcome == "unauthorized"


def test_07_a_delete_conjures_nothing_either() -> None:
    tape = Tape()
    tape.add("POST /ws", {"ok": 1}, 201, body={"id": W1})
    tape.add(f"DELETE /ws/{W1}", {"ok": 1})
    player = play(tape)
    assert player.ask(f"DELETE /ws/{new()}").outcome == "miss"
    live = new()
    assert player.ask("POST /ws", body={"id": live}).status == 201
    assert player.ask(f"DELETE /ws/{live}").status == 200


def test_07_what_a_404_asked_for_was_made_by_the_write_after_it() -> None:
    tape = Tape()
    tape.add(f"GET /orgs/{SLUG}", {"error": "no such org"}, 404)
    tape.add("POST /orgs", {"ok": 1}, 201, body={"slug": SLUG})
    tape.add("GET /orgs", {"orgs": [{"slug": SLUG}]})
    tape.add(f"DELETE /orgs/{SLUG}", {"ok": 1})
    player = play(tape)
    assert player.state("GET /orgs/mine") == 404
    assert player.ask(f"DELETE /orgs/{new()}").outcome == "miss"
    told = player.ask("GET /orgs")
    assert (told.json, told.doubt) == ({"orgs": []}, "")
    player.ask("POST /orgs", body={"slug": "mine"})
    assert player.ask("GET /orgs").json == {"orgs": [{"slug": "mine"}]}
    assert player.ask("DELETE /orgs/mine").status == 200


def test_08_a_write_is_reserved_from_the_match_on() -> None:
    tape = Tape()
    tape.add("POST /x", {"number": 1}, 201, body={"a": 1})
    tape.add("POST /x", {"number": 2}, 201, body={"a": 1})
    player = play(tape)
    request = Request("POST", "/x", ((b"Content-Type", b"application/json"),), b'{"a":1}')
    under_way = [player.replay.decide(request, "default", "") for _ in range(3)]
    assert [isinstance(one, Serve) and one.entry.id for one in under_way] == ["1", "2", False]
    for one in under_way:
        if isinstance(one, Serve):
            one.settle(delivered=one.entry.id == "2")
    assert [player.ask("POST /x", body={"a": 1}).entry for _ in range(2)] == ["1", ""]


def test_08_a_write_that_may_repeat_gives_its_last_answer_again() -> None:
    tape = Tape()
    for number in (1, 2):
        tape.add("POST /beat", {"state": number}, body={"a": 1})
    player = play(tape, routes=(RouteSettings(match="POST /beat", repeat=Repeat.LAST),))
    assert [player.state("POST /beat", body={"a": 1}) for _ in range(4)] == [1, 2, 2, 2]


def test_09_a_tie_goes_to_the_fewest_free_values() -> None:
    tape = Tape()
    tape.add(f"GET /x/{W1}", {"state": "made"})
    tape.add("GET /x/alpha", {"state": "named"})
    player = play(tape)
    assert [player.state(call) for call in ("GET /x/alpha", f"GET /x/{new()}")] == ["named", "made"]


def test_09_a_new_token_is_that_of_a_caller_who_made_such_a_call_first() -> None:
    tape = Tape()
    for who, other in (("alpha", "beta"), ("beta", "alpha")):
        tape.add(f"GET /member?org={who}", {"state": f"{who} is one"}, by=who)
        tape.add(f"GET /member?org={other}", {"state": f"{who} is none"}, by=who)
    player = play(tape)
    assert player.state("GET /member?org=beta", by="B") == "beta is one"
    assert player.state("GET /member?org=alpha", by="A") == "alpha is one"
    assert player.state("GET /member?org=beta", by="A") == "alpha is none"
    assert player.state("GET /member?org=alpha", by="B") == "beta is none"


def test_09_a_tie_goes_to_the_fewest_contradicting_credentials_then_to_what_was_recorded_first() -> None:
    tape = Tape()
    for who, workspace in (("ann", W1), ("ann", W2), ("bob", ORG)):
        tape.add("POST /ws", {"ok": 1}, 201, body={"id": workspace}, by=who)
    player = play(tape)
    assert [player.ask("POST /ws", body={"id": new()}, by=who).entry for who in "xyx"] == ["1", "3", "2"]


def test_10_times_and_nonces_are_left_out_and_the_miss_says_so() -> None:
    tape = Tape()
    for second in range(3):
        body = {"at": f"2026-11-23T10:00:0{second}Z", "nonce": new(), "what": "report"}
        tape.add("POST /beat", {"state": second}, body=body)
        tape.add(f"GET /x?fresh={new()}", {"state": "a"})
    player = play(tape)
    sent = {"at": "2027-01-01T00:00:00Z", "nonce": new(), "what": "report"}
    assert [player.state("POST /beat", body=sent | {"nonce": new()}) for _ in range(3)] == [0, 1, 2]
    assert {player.state(f"GET /x?fresh={new()}") for _ in range(5)} == {"a"}
    left_out = player.replay.library.left_out
    assert left_out.keys() == {"$.at", "$.nonce", "query:fresh"}


def test_10_accept_counts_where_answers_differ_by_it() -> None:
    tape = Tape()
    tape.add("GET /x", {"state": "json"}, headers=(("Accept", "application/json"),))
    tape.add("GET /x", "plain", headers=(("Accept", "text/plain"),))
    player = play(tape)
    told = [
        player.ask("GET /x", headers=(("Accept", f"{kind}"),)).text for kind in ("text/plain", "application/json") * 2
    ]
    assert told == ["plain", '{"state":"json"}'] * 2


def test_10_that_a_read_is_conditional_counts_and_not_on_what() -> None:
    tape = Tape()
    tape.add("GET /x", {"state": "a"})
    for header, value, status in (("If-None-Match", '"1"', 304), ("Range", "bytes=0-1", 206)):
        tape.add("GET /x", None if status == 304 else "ab", status, headers=((header, value),))
    player = play(tape)
    for header, value, status in (("If-None-Match", '"other"', 304), ("Range", "bytes=5-", 206)):
        assert player.ask("GET /x", headers=((header, value),)).status == status
    assert player.state("GET /x") == "a"


def test_10_a_header_counts_where_the_config_compares_it_and_nowhere_else() -> None:
    tape = Tape()
    for org in ("alpha", "beta"):
        for path in ("/compared", "/plain"):
            tape.add(f"GET {path}", {"state": org}, headers=(("X-Org", org),))
    player = play(tape, routes=(ORG_ROUTE,))
    asked = [player.state("GET /compared", headers=(("X-Org", org),)) for org in ("beta", "alpha", "beta")]
    assert asked == ["beta", "alpha", "beta"]
    assert player.ask("GET /compared").outcome == "miss"
    assert [player.state("GET /plain", headers=(("X-Org", "beta"),)) for _ in range(2)] == ["alpha", "beta"]


def test_a_cassette_is_a_world_of_its_own() -> None:
    one, two = Tape("one"), Tape("two")
    for tape, last in ((one, "running"), (two, "failed")):
        tape.add("POST /ws", {"ok": tape.name}, 201, body={"id": W1})
        tape.add(f"GET /ws/{W1}", {"state": last})
    player = play(one, two)
    first, second = new(), new()
    player.ask("POST /ws", body={"id": first})
    assert player.state(f"GET /ws/{first}") == "running"
    assert player.ask("POST /ws", body={"id": second}).outcome == "used up"
    player.scenario = "two"
    assert player.ask("POST /ws", body={"id": first}).json == {"ok": "two"}
    assert player.state(f"GET /ws/{first}") == "failed"


@pytest.mark.parametrize(("first", "then"), [("alpha", "beta"), ("beta", "alpha")])
def test_what_one_caller_does_moves_no_other_to_another_cassette(first: str, then: str) -> None:
    one, two = Tape("one"), Tape("two")
    one.add("POST /ws", {"ok": "one"}, 201, body={"org": "alpha", "id": new()}, by="all")
    for org in ("alpha", "beta"):
        two.add("POST /ws", {"ok": "two"}, 201, body={"org": org, "id": new()}, by="all")
    player = play(one, two)
    told = {org: player.ask("POST /ws", body={"org": org, "id": new()}, by="all") for org in (first, then)}
    assert {org: one.json for org, one in told.items()} == {"alpha": {"ok": "one"}, "beta": {"ok": "two"}}
    assert "cassette two holds such a call, too" in told["alpha"].note
    assert not told["beta"].note


@pytest.mark.parametrize("made_by", ["one", "two"])
def test_09_a_thing_that_two_cassettes_hold_is_read_from_the_one_that_made_it(made_by: str) -> None:
    tapes = [Tape("one"), Tape("two")]
    for tape in tapes:
        tape.add(f"GET /ws/{W1}", {"error": "none"}, 404)
        tape.add(f"PUT /ws/{W1}", {"ok": 1}, body={})
        tape.add(f"GET /ws/{W1}", {"state": tape.name})
    player = play(*tapes)
    live = new()
    player.scenario = made_by
    player.ask(f"PUT /ws/{live}", body={})
    player.scenario = ""
    assert player.state(f"GET /ws/{live}") == made_by


def test_a_missed_call_is_told_what_to_write_into_the_config() -> None:
    tape = Tape()
    tape.add("POST /ws", {"ok": 1}, 201, body={"id": W1, "env": {"BUILD": 41}})
    player = play(tape)
    decision = player.replay.decide(
        Request("POST", "/ws", (), b'{"id":"%b","env":{"BUILD":42}}' % new().encode()), "default", ""
    )
    assert isinstance(decision, Refuse)
    assert decision.miss is not None
    details = decision.miss.details()
    assert details["nearest"][0]["differences"] == [
        {"where": "$.env.BUILD", "expected": "41", "found": "42", "weight": 1}
    ]
    assert details["advice"] == '[[routes]]\nmatch = "POST /ws"\nignore = ["$.env.BUILD"]\n'


def test_16_the_token_of_one_login_is_not_that_of_another() -> None:
    tape = Tape()
    for number, user in ((1, "ann"), (2, "bob")):
        token = f"{{{{cpproxy:token:{number}}}}}"
        tape.add("POST /login", {"token": token}, body={"user": user})
        tape.add("GET /me", {"me": user}, headers=(("Authorization", f"Bearer {token}"),))
    player = play(tape)
    bob, ann = (player.ask("POST /login", body={"user": user}).json["token"] for user in ("bob", "ann"))
    for _ in range(2):
        for token, user in ((bob, "bob"), (ann, "ann")):
            # From where nobody has logged in: what was served there would have to come back.
            answer = player.ask("GET /me", headers=(("Authorization", f"Bearer {token}"),), client="10.0.0.2")
            assert answer.json == {"me": user}


@pytest.mark.parametrize(
    "call",
    [
        "GET /hooks/{}",
        "GET /hooks?key={}",
        "GET /hooks?of=a&key=x-{}-y",
        "GET /hooks?{}",
        "GET /hooks?a=1&{}=1&z=2",
        "GET /hooks?x-{}-y",
    ],
)
def test_06_a_secret_in_a_path_or_a_query_tells_callers_apart(call: str) -> None:
    tape = Tape()
    for number in (1, 2):
        tape.add(call.format(f"{{{{cpproxy:hook:{number}}}}}"), {"n": number})
    player = play(tape)
    asked = [player.ask(call.format(own)).json["n"] for own in ("mine", "yours", "mine", "yours")]
    assert asked == [1, 2, 1, 2]


def test_06_a_cookie_is_known_by_its_name_whatever_stands_beside_it() -> None:
    tape = Tape()
    for number in (1, 2):
        tape.add("GET /me", {"n": number}, headers=(("Cookie", f"sid={{{{cpproxy:sid:{number}}}}}; theme=dark"),))
    player = play(tape)
    cookies = ["theme=a; sid=mine", "sid=yours; theme=b", 'lang=c; sid="mine"', "sid=yours"]
    assert [player.ask("GET /me", headers=(("Cookie", cookie),)).json["n"] for cookie in cookies] == [1, 2, 1, 2]
