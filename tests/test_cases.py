"""The cases of the rules of replay, each a recording and a run that differs from it."""

import uuid
from typing import Any

import pytest

from cpproxy.core.config import Kind, RouteSettings
from tests.moving import Pairs, Player, Tape, play

CONFIG = RouteSettings(match="GET /config", compare=("X-Org",))
W1 = "0b9d1c52-6c1e-4a54-9d8a-3f2f6a1b7c01"
W2 = "7f3e8a90-11c2-4d3e-8b4a-90ab12cd34ef"
ORG1 = "5a1d2c3b-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
ORG2 = "c0ffee00-dead-4bee-8fed-0123456789ab"
SLUG1 = "e2e-20261123-1a2b3c4d"
SLUG2 = "e2e-20261123-99aa88bb"


def new() -> str:
    return str(uuid.uuid4())


def provision(workspace: str, org: str = "") -> dict[str, Any]:
    return {"workspace_id": workspace, "runtime": "claude-code", **({"org_id": org} if org else {})}


def record_workspace(tape: Tape, workspace: str, instance: str, by: str = "", org: str = "") -> None:
    tape.add("POST /ws", {"instance_id": instance, "state": "pending"}, 201, body=provision(workspace, org), by=by)
    for state in ("pending", "pending", "running"):
        tape.add(f"GET /ws/{workspace}/status?instance_id={instance}", {"state": state}, by=by)


def states(player: Player, call: str, times: int, **more: Any) -> list[Any]:
    return [player.state(call, **more) for _ in range(times)]


def test_01_a_workspace_runs_until_its_org_is_deleted_however_often_it_is_asked() -> None:
    tape = Tape()
    tape.add("POST /orgs", {"id": ORG1, "slug": SLUG1}, 201, body={"slug": SLUG1}, by="op")
    record_workspace(tape, W1, "i-0a1b2c3d4e5f60718", org=ORG1)
    tape.add(f"DELETE /tenants/{SLUG1}", {"status": "deleted"}, body={"confirm": SLUG1}, by="op")
    tape.add(f"GET /ws/{W1}/status?instance_id=i-0a1b2c3d4e5f60718", {"state": "terminated"})
    player = play(tape)
    slug, workspace = "e2e-20270101-deadbeef", new()
    org = player.ask("POST /orgs", body={"slug": slug}, by="op").json
    assert org == {"id": ORG1, "slug": slug}
    made = player.ask("POST /ws", body=provision(workspace, org["id"])).json
    status = f"GET /ws/{workspace}/status?instance_id={made['instance_id']}"
    assert states(player, status, 6) == ["pending", *["running"] * 5]
    assert player.ask(f"DELETE /tenants/{slug}", body={"confirm": slug}, by="op").status == 200
    assert states(player, status, 2) == ["terminated", "terminated"]


def test_02_a_status_read_conjures_no_workspace() -> None:
    tape = Tape()
    record_workspace(tape, W1, "i-0a1b2c3d4e5f60718")
    player = play(tape)
    told = player.ask(f"GET /ws/{new()}/status?instance_id=i-0a1b2c3d4e5f60718")
    assert told.outcome == "miss"
    assert "nobody has played that write" in told.reason
    workspace = new()
    assert player.ask("POST /ws", body=provision(workspace)).status == 201
    assert player.state(f"GET /ws/{workspace}/status?instance_id=i-0a1b2c3d4e5f60718") == "pending"


@pytest.mark.parametrize("stranger_first", [False, True])
def test_03_what_was_not_there_before_it_was_made_is_there_after(stranger_first: bool) -> None:
    tape = Tape()
    tape.add(f"GET /ws/{W1}", {"error": "no such workspace"}, 404)
    tape.add("POST /ws", {"ok": True}, 201, body=provision(W1))
    tape.add(f"GET /ws/{W1}", {"state": "running"})
    tape.add(f"GET /ws/{W2}", {"error": "no such workspace"}, 404)
    player = play(tape)
    ours, stranger = new(), new()
    if stranger_first:
        assert player.state(f"GET /ws/{stranger}") == 404
    assert player.state(f"GET /ws/{ours}") == 404
    assert player.ask("POST /ws", body=provision(ours)).status == 201
    assert states(player, f"GET /ws/{ours}", 2) == ["running", "running"]
    assert states(player, f"GET /ws/{stranger}", 2) == [404, 404]


def slugs(player: Player, **more: Any) -> list[str]:
    return [org["slug"] for org in player.ask("GET /orgs", **more).json["orgs"]]


@pytest.mark.parametrize("shown", [False, True])
def test_04_a_list_read_within_a_create_is_used_where_nothing_clearer_is(shown: bool) -> None:
    old = {"id": ORG2, "slug": "base"}
    one = {"id": ORG1, "slug": SLUG1}
    tape = Tape()
    tape.add("GET /orgs", {"orgs": [old]})
    tape.add("POST /orgs", one, 201, body={"slug": SLUG1}, at=(10, 14))
    tape.add("GET /orgs", {"orgs": [old, one] if shown else [old]}, at=(11, 12))
    tape.add("GET /orgs", {"orgs": [old, one]}, at=(20, 21))
    player = play(tape)
    assert slugs(player) == ["base"]
    assert player.ask("POST /orgs", body={"slug": "e2e-20270101-0badcafe"}).status == 201
    told = player.ask("GET /orgs")
    assert [org["slug"] for org in told.json["orgs"]] == ["base", "e2e-20270101-0badcafe"]
    assert told.doubt == ""


@pytest.mark.parametrize(("routes", "expected"), [((CONFIG,), [ORG2, ORG1]), ((), [ORG1, ORG1])])
def test_05_a_compared_header_keeps_the_configs_of_two_orgs_apart(
    routes: tuple[RouteSettings, ...], expected: list[str]
) -> None:
    tape = Tape()
    for org in (ORG1, ORG2):
        tape.add("GET /config", {"org": org}, headers=(("X-Org", org),))
    player = play(tape, routes=routes)
    assert [player.ask("GET /config", headers=(("X-Org", org),)).json["org"] for org in (ORG2, ORG1)] == (
        expected if routes else [player.ask("GET /config").json["org"]] * 2
    )


@pytest.mark.parametrize("order", [("ann", "bob"), ("bob", "ann")])
def test_06_each_token_is_told_who_it_is_every_time(order: tuple[str, str]) -> None:
    tape = Tape()
    for who in ("ann", "bob", "ann"):
        tape.add("GET /me", {"user": who}, by=who)
    player = play(tape)
    first = [player.ask("GET /me", by=who).json["user"] for who in order]
    assert set(first) == {"ann", "bob"}
    assert [player.ask("GET /me", by=who).json["user"] for who in order] == first


def test_07_polls_that_are_posts_are_reads_where_a_route_says_so() -> None:
    tape = Tape()
    tape.add("POST /", {"id": "i-0a1b2c3d4e5f60718"}, body="Action=Run")
    for state in ("pending", "running", "running"):
        tape.add("POST /", {"state": state}, body="Action=Describe&Id=i-0a1b2c3d4e5f60718")
    tape.add("POST /", {"ok": True}, body="Action=Stop&Id=i-0a1b2c3d4e5f60718")
    tape.add("POST /", {"state": "stopped"}, body="Action=Describe&Id=i-0a1b2c3d4e5f60718")
    player = play(tape, routes=(RouteSettings(match="POST /", when="form:Action=Describe*", kind=Kind.READ),))
    made = player.ask("POST /", body="Action=Run").json["id"]
    describe = {"body": f"Action=Describe&Id={made}"}
    assert states(player, "POST /", 4, **describe) == ["pending", "running", "running", "running"]
    player.ask("POST /", body=f"Action=Stop&Id={made}")
    assert states(player, "POST /", 2, **describe) == ["stopped", "stopped"]


def test_08_status_and_detail_of_one_thing_tell_one_time() -> None:
    tape = Tape()
    tape.add("POST /ws", {"ok": True}, 201, body=provision(W1))
    for state in ("pending", "pending", "running", "running"):
        tape.add(f"GET /ws/{W1}/status", {"state": state})
        tape.add(f"GET /ws/{W1}/detail", {"state": state, "size": 2})
    player = play(tape)
    workspace = new()
    player.ask("POST /ws", body=provision(workspace))
    assert states(player, f"GET /ws/{workspace}/status", 2) == ["pending", "running"]
    assert player.state(f"GET /ws/{workspace}/detail") == "running"


@pytest.mark.parametrize("live", [("x", "y"), ("x", "x")], ids=["unlike", "equal"])
@pytest.mark.parametrize("recorded", [("x", "y"), ("x", "x")], ids=["unlike", "equal"])
@pytest.mark.parametrize("reversed_", [False, True])
def test_09_two_operators_each_see_their_own_org_in_one_list(
    live: tuple[str, str], recorded: tuple[str, str], reversed_: bool
) -> None:
    tape = Tape()
    orgs: list[dict[str, Any]] = [{"slug": "base", "status": "running"}]
    for slug, org_id, who in ((SLUG1, ORG1, recorded[0]), (SLUG2, ORG2, recorded[1])):
        org = {"slug": slug, "id": org_id, "status": "provisioning"}
        tape.add("POST /orgs", org, 201, body={"slug": slug}, by=who)
        for status in ("provisioning", "provisioning", "running", "running"):
            tape.add("GET /orgs", {"orgs": [*orgs, {**org, "status": status}]}, by=who)
        orgs.append({**org, "status": "running"})
    player = play(tape)

    def look(slug: str, who: str, client: str) -> str:
        told = player.ask("GET /orgs", by=who, client=client)
        assert told.status == 200, told.reason
        assert told.json["orgs"][:1] == [{"slug": "base", "status": "running"}]
        found: list[str] = [org["status"] for org in told.json["orgs"] if org["slug"] == slug]
        return found[0] if found else "absent"

    mine, theirs = "e2e-20270101-aaaa1111", "e2e-20270101-bbbb2222"
    actors = [(mine, live[0], "10.0.0.1"), (theirs, live[1], "10.0.0.2")]
    if reversed_:
        actors.reverse()
    (one, by_one, from_one), (two, by_two, from_two) = actors
    assert look(one, by_one, from_one) == "absent"
    player.ask("POST /orgs", body={"slug": one}, by=by_one, client=from_one)
    assert [look(one, by_one, from_one) for _ in range(4)] == ["provisioning", "running", "running", "running"]
    assert look(two, by_two, from_two) == "absent"
    player.ask("POST /orgs", body={"slug": two}, by=by_two, client=from_two)
    for _ in range(3):
        look(one, by_one, from_one)
    assert [look(two, by_two, from_two) for _ in range(3)] == ["provisioning", "running", "running"]
    assert look(one, by_one, from_one) == "running"


def test_10_a_cluster_in_every_answer_links_nothing() -> None:
    cluster = "c-0123456789abcdef0"
    tape = Tape()
    for workspace in (W1, W2):
        tape.add("POST /ws", {"cluster": cluster}, 201, body=provision(workspace))
        for state in ("pending", "running"):
            tape.add(f"GET /ws/{workspace}", {"state": state, "cluster": cluster})
        tape.add(f"DELETE /ws/{workspace}", {"cluster": cluster})
        tape.add(f"GET /ws/{workspace}", {"state": "gone", "cluster": cluster})
    player = play(tape)
    one, two = new(), new()
    for workspace in (one, two):
        player.ask("POST /ws", body=provision(workspace))
    assert [player.state(f"GET /ws/{workspace}") for workspace in (two, one, one, two)] == [
        *["pending"] * 2,
        *["running"] * 2,
    ]
    player.ask(f"DELETE /ws/{two}")
    assert [player.state(f"GET /ws/{workspace}") for workspace in (two, one)] == ["gone", "running"]


def test_11_two_provisions_that_are_alike_but_for_the_id() -> None:
    tape = Tape()
    record_workspace(tape, W1, "i-0a1b2c3d4e5f60718")
    record_workspace(tape, W2, "i-1111aaaa2222bbbb3")
    player = play(tape)
    made = {}
    for workspace in (new(), new()):
        made[workspace] = player.ask("POST /ws", body=provision(workspace)).json["instance_id"]
    assert len(set(made.values())) == 2
    for workspace, instance in made.items():
        call = f"GET /ws/{workspace}/status?instance_id={instance}"
        assert states(player, call, 3) == ["pending", "running", "running"]
    assert player.ask("POST /ws", body=provision(new())).outcome == "used up"


def test_12_ids_within_ids_in_other_cases_as_numbers_and_as_names() -> None:
    short, long = "ws-1a2b3c4d", "ws-1a2b3c4d-5e6f7a8b"
    tape = Tape()
    for name in (short, long):
        tape.add("POST /named", {"name": name, "uid": f"u-{name}"}, 201, body={"name": name})
        tape.add(f"GET /named/{name}", {"name": name})
    tape.add("POST /jobs", {"id": 4711}, 201, body={"kind": "job"})
    tape.add("GET /jobs/4711", {"id": 4711, "state": "queued"})
    tape.add("POST /jobs/4711/start", {"id": 4711}, body={"job_id": 4711})
    tape.add("GET /jobs/4711", {"id": 4711, "state": "started", "port": 4711})
    tape.add("POST /tags", {"tags": {W1: {"upper": W1.upper(), "bare": W1.replace("-", "")}}}, body={W1: {"a": 1}})
    player = play(tape)
    for live, other in (("ws-77778888", "ws-77778888-9999aaaa"),):
        assert player.ask("POST /named", body={"name": live}).json == {"name": live, "uid": f"u-{live}"}
        assert player.ask("POST /named", body={"name": other}).json == {"name": other, "uid": f"u-{other}"}
        assert [player.ask(f"GET /named/{name}").json["name"] for name in (live, other)] == [live, other]
    job = player.ask("POST /jobs", body={"kind": "job"}).json["id"]
    assert states(player, f"GET /jobs/{job}", 2) == ["queued", "queued"]
    player.ask(f"POST /jobs/{job}/start", body={"job_id": job})
    assert player.state(f"GET /jobs/{job}") == "started"
    live = new()
    told = player.ask("POST /tags", body={live: {"a": 1}}).json
    assert told == {"tags": {live: {"upper": live.upper(), "bare": live.replace("-", "")}}}


def test_12_one_value_in_two_roles_is_one_identity() -> None:
    tape = Tape()
    tape.add("POST /a", {"ok": 1}, body={"id": W1, "owner": W1})
    player = play(tape)
    assert player.ask("POST /a", body={"id": W2, "owner": ORG1}).outcome == "miss"
    assert player.ask("POST /a", body={"id": W2, "owner": W2}).status == 200


def test_13_a_slug_is_renamed_inside_a_name_an_owner_a_list_and_a_path() -> None:
    tape = Tape()
    body = {"slug": SLUG1, "name": f"E2E {SLUG1}", "owner_ref": f"e2e:{SLUG1}"}
    tape.add("POST /orgs", {"id": ORG1, "name": f"E2E {SLUG1}", "ns": f"tenant-{SLUG1}"}, 201, body=body)
    tape.add("GET /orgs", {"orgs": [{"slug": SLUG1, "owner": f"e2e:{SLUG1}"}]})
    tape.add(f"GET /orgs/{SLUG1}/token", {"for": SLUG1})
    player = play(tape)
    slug = "anything-at-all"
    body = {"slug": slug, "name": f"E2E {slug}", "owner_ref": f"e2e:{slug}"}
    assert player.ask("POST /orgs", body=body | {"name": "E2E other"}).outcome == "miss"
    assert player.ask("POST /orgs", body=body).json == {"id": ORG1, "name": f"E2E {slug}", "ns": f"tenant-{slug}"}
    assert player.ask("GET /orgs").json == {"orgs": [{"slug": slug, "owner": f"e2e:{slug}"}]}
    assert player.ask(f"GET /orgs/{slug}/token").json == {"for": slug}


@pytest.mark.parametrize("bare_first", [False, True])
def test_14_a_call_without_credentials_is_denied_beside_the_same_with_them(bare_first: bool) -> None:
    tape = Tape()
    for by in ("", "op") if bare_first else ("op", ""):
        tape.add("GET /orgs", {"orgs": []} if by else None, 200 if by else 401, by=by)
    player = play(tape)
    assert [player.ask("GET /orgs", by=by).status for by in ("op", "", "op", "")] == [200, 401, 200, 401]
    assert player.ask("GET /orgs").outcome == "replayed"


def test_15_one_dummy_token_stands_for_both_tenants() -> None:
    tape = Tape()
    record_workspace(tape, W1, "i-0a1b2c3d4e5f60718", by="alpha")
    record_workspace(tape, W2, "i-1111aaaa2222bbbb3", by="beta")
    player = play(tape)
    for _ in range(2):
        workspace = new()
        told = player.ask("POST /ws", body=provision(workspace), by="dummy")
        assert told.status == 201, told.reason
        call = f"GET /ws/{workspace}/status?instance_id={told.json['instance_id']}"
        assert states(player, call, 2, by="dummy") == ["pending", "running"]


def test_16_the_secret_that_was_served_comes_back_and_another_does_not() -> None:
    secret = "{{cpproxy:shared_secret:1}}"
    tape = Tape()
    tape.add("GET /config", {"secret": secret}, by="admin")
    tape.documents.append(
        tape.documents[0]
        | {
            "id": "use",
            "start": 5,
            "end": 6,
            "request": {
                "method": "GET",
                "target": "/thing",
                "headers": [["Authorization", f"Bearer {secret}"], ["X-Admin-Token", "{{cpproxy:authorization:1}}"]],
            },
            "credentials": [{"header": "authorization", "scheme": "bearer"}, {"header": "x-admin-token"}],
            "response": {"status": 200, "body": {"json": {"ok": True}}},
        }
    )
    player = play(tape)
    served = player.ask("GET /config", headers=(("Authorization", "Bearer mine"),)).json["secret"]
    assert "{" not in served

    def use(token: str, admin: str = "mine") -> str:
        headers: Pairs = (("Authorization", f"Bearer {token}"), ("X-Admin-Token", admin))
        return player.ask("GET /thing", headers=headers).outcome

    assert use("another") == "unauthorized"
    assert use(served) == "replayed"
    assert use("a-dummy", admin="of one that was served nothing") == "replayed"


def test_16_what_a_login_without_credentials_was_given_comes_back_from_its_address() -> None:
    secret = "{{cpproxy:token:1}}"
    tape = Tape()
    tape.add("POST /login", {"token": secret})
    tape.documents.append(
        tape.documents[0]
        | {
            "id": "use",
            "start": 5,
            "end": 6,
            "request": {"method": "GET", "target": "/thing", "headers": [["Authorization", f"Bearer {secret}"]]},
            "credentials": [{"header": "authorization", "scheme": "bearer"}],
            "response": {"status": 200, "body": {"json": {"ok": True}}},
        }
    )
    player = play(tape)

    def use(token: str, client: str) -> str:
        return player.ask("GET /thing", headers=(("Authorization", f"Bearer {token}"),), client=client).outcome

    served = player.ask("POST /login", client="10.0.0.1").json["token"]
    assert use("another", "10.0.0.1") == "unauthorized"
    assert use(served, "10.0.0.1") == "replayed"
    assert use("a-dummy", "10.0.0.2") == "replayed"


def test_16_a_secret_that_a_client_made_is_its_own_though_it_was_told_of_it() -> None:
    tape = Tape()
    tape.add("GET /me", {"token": "{{cpproxy:authorization:1}}"}, by="me")
    tape.add("GET /thing", {"ok": True}, by="me")
    player = play(tape)
    mine = (("Authorization", "Bearer mine"),)
    assert [player.ask(call, headers=mine).outcome for call in ("GET /me", "GET /thing")] == ["replayed"] * 2


def test_17_a_config_that_was_recorded_with_gzip_is_read_plain() -> None:
    tape = Tape()
    tape.add("GET /config", {"a": "b"}, headers=(("Accept-Encoding", "gzip"),), coding="gzip")
    player = play(tape)
    assert player.ask("GET /config").json == {"a": "b"}
    assert player.ask("GET /config", headers=(("Accept-Encoding", "gzip"),)).json is None


def test_18_a_change_in_time_between_two_writes_of_another_actor() -> None:
    tape = Tape()
    tape.add("POST /ws", {"ok": 1}, 201, body=provision(W1))
    tape.add(f"GET /ws/{W1}", {"state": "pending"})
    tape.add("POST /ws", {"ok": 1}, 201, body=provision(W2))
    tape.add(f"GET /ws/{W1}", {"state": "running"})
    tape.add(f"DELETE /ws/{W2}", {"ok": 1})
    tape.add(f"GET /ws/{W1}", {"state": "running"})
    player = play(tape)
    workspace = new()
    player.ask("POST /ws", body=provision(workspace))
    assert states(player, f"GET /ws/{workspace}", 3) == ["pending", "running", "running"]


def test_19_a_time_in_every_poll_makes_no_step() -> None:
    tape = Tape()
    for second, state in enumerate(["pending"] * 5 + ["running"] * 5):
        tape.add("GET /x", {"state": state, "checked_at": f"2026-11-23T10:00:{second:02}Z", "trace": new()})
    assert states(play(tape), "GET /x", 4) == ["pending", "running", "running", "running"]


def test_20_progress_is_ten_steps() -> None:
    tape = Tape()
    for progress in range(10, 101, 10):
        tape.add("GET /x", {"state": progress})
    assert states(play(tape), "GET /x", 11) == [*range(10, 101, 10), 100]


def test_21_a_write_whose_answer_was_cut_off_answers_when_it_is_sent_again() -> None:
    tape = Tape()
    tape.add("POST /ws", {"instance_id": "i-0a1b2c3d4e5f60718"}, 201, body=provision(W1))
    tape.add(f"GET /ws/{W1}", {"state": "running"})
    player = play(tape)
    workspace = new()
    assert player.ask("POST /ws", body=provision(workspace), whole=False).status == 201
    assert player.ask("POST /ws", body=provision(workspace)).status == 201
    assert player.ask("POST /ws", body=provision(workspace)).outcome == "used up"
    assert player.state(f"GET /ws/{workspace}") == "running"


def test_22_a_rate_limit_and_then_success() -> None:
    tape = Tape()
    tape.add("POST /ws", {"error": "slow down"}, 429, body=provision(W1))
    tape.add("POST /ws", {"ok": 1}, 201, body=provision(W1))
    tape.add(f"GET /ws/{W1}", {"error": "slow down"}, 429)
    tape.add(f"GET /ws/{W1}", {"state": "running"})
    player = play(tape)
    workspace = new()
    assert [player.ask("POST /ws", body=provision(workspace)).status for _ in range(2)] == [429, 201]
    assert states(player, f"GET /ws/{workspace}", 3) == [429, "running", "running"]


def test_23_a_conditional_read_is_another_read() -> None:
    tape = Tape()
    tape.add("GET /x", {"state": "a"}, told=(("ETag", '"1"'),))
    tape.add("GET /x", None, 304, headers=(("If-None-Match", '"1"'),))
    player = play(tape)
    told = [player.ask("GET /x", headers=headers).status for headers in ((), (("If-None-Match", '"1"'),), ())]
    assert told == [200, 304, 200]


def test_24_each_page_of_a_list_is_its_own() -> None:
    tape = Tape()
    tape.add("GET /orgs?page=1", {"orgs": [{"id": ORG1}], "next": "abc"})
    tape.add("GET /orgs?page=2", {"orgs": [{"id": ORG2}], "next": None})
    player = play(tape)
    assert [player.ask(f"GET /orgs?page={page}").json["orgs"][0]["id"] for page in (2, 1, 2)] == [ORG2, ORG1, ORG2]
