"""What `cassette lint` says about a recording that leaves something open: a remark a row, none where all is well."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cpproxy.cli.main import run
from cpproxy.core.config import Kind, Repeat, ReplaySettings, RouteSettings
from cpproxy.core.replay.ground import survey
from cpproxy.core.replay.loading import load
from cpproxy.core.review.advice import find_advice
from cpproxy.core.review.ambiguity import find_ambiguities
from cpproxy.core.review.lint import Remark
from cpproxy.core.routes import RouteTable
from cpproxy.errors import Exit
from tests.moving import Tape

ONE = "0b9f6a52-54c2-4d0e-8a55-6a1c2f7f1a10"
TWO = "5d0c1f7e-9a63-4b0c-8d1f-2f6b7a8c9d01"
NOW = 1_795_428_000.0  # 2026-11-23T10:00:00Z, when tapes were recorded
HOSTS = ("api.example.com", "staging.example.com")


def lint(tape: Tape, *routes: RouteSettings, **settings: Any) -> list[Remark]:
    ground = survey(load([tape], RouteTable(routes), ReplaySettings(**settings)), tape.name)
    return [*find_ambiguities(ground), *find_advice(ground, HOSTS, NOW)]


def provision(workspace: str, tape: Tape, at: float, *, by: str, state: str) -> None:
    tape.add("POST /workspaces", {"state": "pending"}, 201, body={"id": workspace}, at=(at, at + 0.5), by=by)
    tape.add(f"GET /workspaces/{workspace}", {"state": state}, at=(at + 9, at + 9.1), by=by)


def alike_writes() -> Tape:
    tape = Tape()
    provision(ONE, tape, 0, by="alpha", state="running")
    provision(TWO, tape, 0.2, by="beta", state="failed")
    return tape


def alike_jobs() -> Tape:
    tape = Tape()
    for by, job, state in (("alpha", ONE, "done"), ("beta", TWO, "failed")):
        tape.add("POST /jobs", {"id": job}, 201, body={"kind": "build"}, by=by)
        tape.add(f"GET /jobs/{job}", {"state": state}, by=by)
    return tape


def one_that_more_is_asked_of() -> Tape:
    tape = Tape()
    for by, workspace in (("alpha", ONE), ("beta", TWO)):
        tape.add("POST /workspaces", {"ip": f"10.0.0.{len(by)}"}, 201, body={"id": workspace}, by=by)
        tape.add(f"GET /workspaces/{workspace}", {"state": "up"}, by=by)
    tape.add(f"GET /workspaces/{ONE}/console", {"output": "boots"}, by="alpha")
    return tape


def orgs_whose_workspaces_fare_otherwise() -> Tape:
    tape = Tape()
    for number, (by, org, state) in enumerate((("alpha", ONE, "up"), ("beta", TWO, "failed"))):
        workspace = f"{number}b9f6a52-54c2-4d0e-8a55-6a1c2f7f1a99"
        tape.add("POST /orgs", {"id": org}, 201, body={"slug": f"e2e-20260105-0000{number}aaf"}, by=by)
        tape.add("POST /workspaces", {"ok": True}, 201, body={"id": workspace, "org": org}, by=by)
        tape.add(f"GET /workspaces/{workspace}", {"state": state}, by=by)
    return tape


def reads_of_unknown_things() -> Tape:
    tape = Tape()
    for by, thing, state in (("alpha", ONE, "up"), ("beta", TWO, "failed")):
        tape.add(f"GET /things/{thing}", {"id": thing, "state": state}, by=by)
    return tape


def told_by_credential() -> Tape:
    tape = Tape()
    tape.add("GET /me", {"name": "alpha"}, by="alpha")
    tape.add("GET /me", {"name": "beta"}, by="beta")
    return tape


def told_by_header() -> Tape:
    tape = Tape()
    for org, by in (("org-one", "alpha"), ("org-two", "beta"), ("org-one", "alpha")):
        tape.add("GET /config", {"MODE": org}, by=by, headers=(("X-Org-Id", org),))
    return tape


def told_by_header_alone() -> Tape:
    tape = Tape()
    for org in ("org-one", "org-two", "org-one"):
        tape.add("GET /config", {"MODE": org}, by="alpha", headers=(("X-Org-Id", org), ("Accept", "*/*")))
    return tape


def never_asked_after() -> Tape:
    tape = Tape()
    tape.add("POST /workspaces", {}, 201, body={"id": ONE})
    tape.add(f"GET /workspaces/{ONE}", {"state": "pending"})
    tape.add(f"GET /workspaces/{ONE}", {"state": "running"})
    tape.add(f"DELETE /workspaces/{ONE}", status=204)
    return tape


def element_never_seen_after() -> Tape:
    tape = Tape()
    tape.add("GET /workspaces", {"items": []})
    tape.add("POST /workspaces", {"id": ONE}, 201, body={"name": "a"})
    tape.add("GET /workspaces", {"items": [{"id": ONE, "state": "up"}]})
    tape.add(f"DELETE /workspaces/{ONE}", status=204)
    return tape


def element_never_seen() -> Tape:
    tape = element_seen()
    tape.add("POST /workspaces", {"id": TWO}, 201, body={"name": "b"})
    tape.add(f"GET /workspaces/{TWO}", {"state": "up"})
    return tape


def element_seen() -> Tape:
    tape = Tape()
    tape.add("GET /workspaces", {"items": []})
    tape.add("POST /workspaces", {"id": ONE}, 201, body={"name": "a"})
    tape.add("GET /workspaces", {"items": [{"id": ONE, "state": "up"}]})
    return tape


def totals() -> Tape:
    tape = Tape()
    tape.add("GET /workspaces", {"items": [], "total": 0})
    tape.add("POST /workspaces", {"id": ONE}, 201, body={"name": "a"})
    tape.add("GET /workspaces", {"items": [{"id": ONE}], "total": 1}, told=(("ETag", '"2"'),))
    return tape


def newest_first() -> Tape:
    tape = element_seen()
    tape.add("POST /workspaces", {"id": TWO}, 201, body={"name": "b"})
    tape.add("GET /workspaces", {"items": [{"id": TWO, "state": "up"}, {"id": ONE, "state": "up"}]})
    return tape


def expired() -> Tape:
    tape = Tape()
    tape.add("POST /login", {"expires_at": "2026-11-23T09:59:00Z"}, body={"user": "a"})
    return tape


def expired_token() -> Tape:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": 1_700_000_000}).encode()).decode().rstrip("=")
    tape = Tape()
    tape.add("GET /session", {"cookie": f"eyJhbGciOiJub25lIn0.{claims}."})
    return tape


def one_token_at_once() -> Tape:
    tape = Tape()
    for at, state in ((0, "pending"), (0.1, "pending"), (1, "running"), (1.1, "running")):
        tape.add("GET /job", {"state": state}, by="both", at=(at, at + 0.3))
    return tape


def one_token_for_two_orgs() -> Tape:
    tape = Tape()
    for org in ("org-one", "org-two"):
        tape.add("GET /config", {"MODE": org}, by="both", headers=(("X-Org-Id", org),))
    return tape


def many_steps() -> Tape:
    tape = Tape()
    for number in range(21):
        tape.add("GET /job", {"state": "busy", "load": number / 7})
    return tape


def another_host() -> Tape:
    tape = Tape()
    tape.add("GET /config", {"CP_URL": "https:\\/\\/API.example.com/cp"})
    return tape


def another_host_in_a_header() -> Tape:
    tape = Tape()
    tape.add("GET /old", status=302, told=(("Location", "https://api.example.com/new"),))
    return tape


def short_form_of_two() -> Tape:
    tape = Tape()
    tape.add("POST /workspaces", {}, 201, body={"id": ONE})
    tape.add("POST /workspaces", {}, 201, body={"id": f"{ONE[:8]}{TWO[8:]}"})
    tape.add("GET /nodes", {"name": f"node {ONE[:8]}"})
    return tape


def polls_that_are_posts() -> Tape:
    tape = Tape()
    for state in ("pending", "running"):
        tape.add("POST /query", {"state": state}, body={"action": "describe"}, by="alpha")
    return tape


def heartbeats() -> Tape:
    tape = Tape()
    for _ in range(3):
        tape.add("POST /heartbeat", {"ok": True}, body={"up": True}, by="alpha")
    return tape


def settings_of_all() -> Tape:
    tape = Tape()
    for mode in range(3):
        tape.add("GET /settings", {"mode": mode})
        tape.add("PUT /mode", {"ok": True}, body={"mode": mode + 1})
    return tape


def paused_from_without() -> Tape:
    tape = Tape()
    tape.add(f"PUT /workspaces/{ONE}", {"ok": True}, 201, body={"tier": 1}, by="alpha")
    tape.add(f"GET /workspaces/{ONE}", {"state": "running"}, by="alpha")
    tape.add("POST /cluster/pause", {"ok": True}, body={}, by="alpha")
    tape.add(f"GET /workspaces/{ONE}", {"state": "paused"}, by="alpha")
    return tape


def settings_that_another_changes() -> Tape:
    tape = Tape()
    for mode in range(3):
        for _ in range(2):
            tape.add("GET /settings", {"mode": mode}, by="alpha")
        tape.add("PUT /mode", {"ok": True}, body={"mode": mode + 1}, by="operator")
    return tape


def list_of_two_callers() -> Tape:
    tape = Tape()
    for by, workspace in (("alpha", ONE), ("beta", TWO)):
        tape.add(f"PUT /workspaces/{workspace}", {"ok": True}, 201, body={"owner": by}, by=by)
        tape.add("GET /workspaces", {"items": [{"id": one} for one in (ONE, TWO)[: 1 + (by == "beta")]]}, by=by)
    return tape


def list_by_pages(*parameters: str) -> Tape:
    tape = Tape()
    for workspace in (ONE, TWO):
        tape.add(f"PUT /workspaces/{workspace}", {"ok": True}, 201, body={"tier": 1})
    for parameter, workspace in zip(parameters, (ONE, TWO), strict=True):
        tape.add(f"GET /workspaces?{parameter}", [{"id": workspace}])
    return tape


def writes_that_list() -> Tape:
    tape = Tape()
    for count, (by, member) in enumerate((("alpha", ONE), ("beta", TWO)), 1):
        members = [{"id": one} for one in (ONE, TWO)[:count]]
        tape.add(f"PUT /members/{member}", {"members": members}, body={"role": by}, by=by)
    return tape


def pieces(answer: dict[str, str]) -> Tape:
    tape = Tape()
    tape.add(f"PUT /workspaces/{ONE}", {"ok": True}, 201, body={"tier": 1})
    tape.add(f"GET /workspaces/{ONE}", answer)
    return tape


PIECES = {
    "the first 8, glued": f"ws{ONE[:8]}",
    "the first 6": f"{ONE[:6]}.svc",
    "the end": f"node-{ONE[-12:]}",
    "underscores": ONE.replace("-", "_"),
    "glued": f"ws{ONE.replace('-', '')}x",
    "glued and cut": f"i{ONE.replace('-', '')[:17]}",
    "in base64": base64.b64encode(ONE.encode()).decode(),
    "amid base64": base64.urlsafe_b64encode(f"of {ONE}!?".encode()).decode().rstrip("="),
}


def pieces_of_a_slug() -> Tape:
    tape = Tape()
    tape.add("POST /orgs", {"ok": True}, 201, body={"slug": "e2e-20260105-0c1d2e3"})
    tape.add("GET /orgs/e2e-20260105-0c1d2e3", {"database": "db_0c1d2e3", "slug": "e2e-20260105-0c1d2e3"})
    return tape


def numbers_by_another_name() -> Tape:
    tape = Tape()
    for number in (11, 22):
        tape.add(f"PUT /racks/{number}", {"id": number}, body={"ref": number, "height": 42})
    return tape


def told_by_a_header_once_each() -> Tape:
    tape = Tape()
    for tenant in ("a", "b"):
        headers = (("Tenant", tenant), ("User-Agent", f"t/{tenant}"), ("X-Request-Id", f"8f14e45f{tenant}"))
        tape.add("GET /config", {"MODE": tenant}, by="both", headers=headers)
    return tape


def refused_until() -> Tape:
    tape = Tape()
    tape.add(f"PUT /workspaces/{ONE}", {"ok": True}, 201, body={"org": TWO})
    tape.add(f"DELETE /orgs/{TWO}", {"error": "not empty"}, 409)
    tape.add(f"DELETE /workspaces/{ONE}", status=204)
    tape.add(f"DELETE /orgs/{TWO}", status=204)
    return tape


def refused_from_then_on() -> Tape:
    tape = Tape()
    tape.add("PUT /mode", {"ok": True}, body={"mode": 1})
    tape.add("POST /freeze", {"ok": True}, body={})
    tape.add("PUT /mode", {"error": "frozen"}, 423, body={"mode": 1})
    return tape


COMPARED = RouteSettings(match="GET /config", compare=("X-Org-Id",))
ROWS: dict[str, tuple[Callable[[], Tape], tuple[RouteSettings, ...], str, str]] = {
    "writes that nothing tells apart": (alike_writes, (), "$.interactions[2]", "nothing tells it from 1"),
    "writes of one body": (alike_jobs, (), "$.interactions[2]", "nothing tells it from 1"),
    "a read of one thing alone": (one_that_more_is_asked_of, (), "$.interactions[2]", "asked for one of them alone"),
    "what is in it fares otherwise": (
        orgs_whose_workspaces_fare_otherwise,
        (),
        "$.interactions[3]",
        "the answers to 3 and its like",
    ),
    "reads of things that nothing showed": (
        reads_of_unknown_things,
        (),
        "$.interactions[1]",
        "nothing tells it from 1 but an id that nothing recorded before it showed",
    ),
    "reads that differ by credential": (told_by_credential, (), "$.interactions[0]", "first call of an unknown token"),
    "a header that tells them apart": (told_by_header, (), "$.interactions[0]", 'compare = ["X-Org-Id"]'),
    "a header that answers go with": (told_by_header_alone, (), "$.interactions[0]", "go with the values of X-Org-Id"),
    "a state that nobody recorded": (
        never_asked_after,
        (),
        "$.interactions[1]",
        "it was never asked for (2, 3) after 4",
    ),
    "an element's state": (element_never_seen_after, (), "$.interactions[0]", "an element of its list was never asked"),
    "an element that no list showed": (element_never_seen, (), "$.interactions[0]", "shows what 4 made"),
    "totals and validators": (totals, (), "$.interactions[0]", "$.total, ETag is given as it was recorded"),
    "the order of a list": (newest_first, (), "$.interactions[0]", "not in the order in which"),
    "a time of expiry": (expired, (), "$.interactions[0].response", "$.expires_at is a time of expiry"),
    "the expiry of a token": (expired_token, (), "$.interactions[0].response", "$.cookie is a time of expiry"),
    "one token at the same time": (one_token_at_once, (), "$.interactions[1]", "share their progress"),
    "one token for two orgs": (one_token_for_two_orgs, (COMPARED,), "$.interactions[1]", "share their progress"),
    "more than 20 steps": (many_steps, (), "$.interactions[0]", 'volatile = ["$.load"] in [replay]'),
    "a host in a body": (another_host, (), "$.interactions[0].response.body", "holds api.example.com"),
    "a host in a header": (another_host_in_a_header, (), "$.interactions[0].response.headers[0][1]", "holds api.exam"),
    "a short form of two": (short_form_of_two, (), "$.interactions[2].response", "a short form of 2 identities"),
    "polls that are posts": (polls_that_are_posts, (), "$.interactions[0]", 'kind = "read"'),
    "heartbeats": (heartbeats, (), "$.interactions[0]", 'repeat = "last"'),
    "a change by a write that concerns nothing": (
        settings_of_all,
        (),
        "$.interactions[0].response",
        "its answers (1, 3, 5) change where 2, 4 came between",
    ),
    "one change after an own write": (paused_from_without, (), "$.interactions[1].response", "change where 3 came"),
    "changes after each write of another": (
        settings_that_another_changes,
        (),
        "$.interactions[0].response",
        "change where 3, 6 came between",
    ),
    "a list made by two": (
        list_of_two_callers,
        (),
        "$.interactions[1].response",
        "holds what 1, 3 made, in that order",
    ),
    "pages by offset": (
        lambda: list_by_pages("offset=0", "offset=1"),
        (),
        "$.interactions[2].response",
        "is one of 2 pages of a list (offset)",
    ),
    "pages by cursor": (
        lambda: list_by_pages("kind=a", "kind=a&pageToken=x"),
        (),
        "$.interactions[2].response",
        "is one of 2 pages of a list (pageToken)",
    ),
    "a write that lists": (writes_that_list, (), "$.interactions[1].response", "lists what 1 made"),
    "pieces at several places": (
        lambda: pieces(dict(zip("abcdefgh", PIECES.values(), strict=True))),
        (),
        "$.interactions[1].response",
        "$.a, $.b, $.c, $.d, $.e, $.f, $.g, $.h: a piece",
    ),
    "the end of a slug": (pieces_of_a_slug, (), "$.interactions[1].response", "$.database: a piece of"),
    "a number that is no id": (numbers_by_another_name, (), "$.interactions[0].request", "$.ref holds the number of"),
    "a header, each value once": (told_by_a_header_once_each, (), "$.interactions[0]", 'compare = ["Tenant"]'),
    "a write refused until another": (refused_until, (), "$.interactions[1]", "was answered 409, and 204 (4) after 3"),
    "a write refused after another": (refused_from_then_on, (), "$.interactions[0]", "200, and 423 (3) after 2"),
}


@pytest.mark.parametrize("row", ROWS)
def test_what_is_left_open_is_said_and_nothing_else(row: str) -> None:
    make, routes, path, text = ROWS[row]
    remarks = lint(make(), *routes)
    assert [remark.path for remark in remarks] == [path], remarks
    assert text in remarks[0].text


@pytest.mark.parametrize("piece", PIECES)
def test_an_answer_that_holds_a_piece_of_what_a_client_names_is_told(piece: str) -> None:
    (remark,) = lint(pieces({"at": PIECES[piece]}))
    assert remark.path == "$.interactions[1].response"
    assert remark.text.startswith("$.at: a piece of what a client names")


def test_callers_who_began_with_unlike_calls_are_no_remark() -> None:
    tape = Tape()
    for who in ("alpha", "beta"):
        tape.add(f"GET /member?org={who}", {"org": who}, by=who)
        tape.add("GET /me", {"name": who}, by=who)
    assert not lint(tape)


def test_writes_whose_things_fare_alike_are_no_remark() -> None:
    tape = Tape()
    provision(ONE, tape, 0, by="alpha", state="running")
    provision(TWO, tape, 0.2, by="beta", state="running")
    assert not lint(tape)


def test_writes_of_one_caller_after_each_other_are_no_remark() -> None:
    tape = Tape()
    provision(ONE, tape, 0, by="alpha", state="running")
    provision(TWO, tape, 10, by="alpha", state="failed")
    assert not lint(tape)


def test_a_thing_that_was_asked_for_more_often_or_has_another_address_is_no_remark() -> None:
    tape = Tape()
    for by, workspace, told in (("alpha", ONE, ("pending", "up")), ("beta", TWO, ("up", "up"))):
        tape.add("POST /workspaces", {"ip": f"10.0.0.{len(by)}"}, 201, body={"id": workspace}, by=by)
        for state in told:
            tape.add(f"GET /workspaces/{workspace}", {"state": state}, by=by)
    assert not lint(tape)


@pytest.mark.parametrize("shown", ["by an answer", "by a write", "to one caller in turn", "as a constant"])
def test_reads_of_things_that_were_shown_or_that_one_caller_asks_in_turn_are_no_remark(shown: str) -> None:
    tape = Tape(not_identities=(ONE, TWO) if shown == "as a constant" else ())
    if shown == "by an answer":
        tape.add("GET /things", {"ids": [{"id": ONE}, {"id": TWO}]}, by="alpha")
    for by, thing, state in (("alpha", ONE, "up"), ("beta", TWO, "failed")):
        if shown == "by a write":
            tape.add(f"PUT /things/{thing}", {"state": state}, body={"want": state}, by=by)
        caller = "alpha" if shown == "to one caller in turn" else by
        tape.add(f"GET /things/{thing}", {"id": thing, "state": state}, by=caller)
    assert not lint(tape)


def test_writes_that_a_value_tells_apart_are_no_remark() -> None:
    tape = Tape()
    for at, (workspace, tier, state) in enumerate(((ONE, 1, "running"), (TWO, 2, "failed"))):
        tape.add("POST /workspaces", {}, 201, body={"id": workspace, "tier": tier}, at=(at / 9, at + 0.5), by=str(at))
        tape.add(f"GET /workspaces/{workspace}", {"state": state}, by=str(at))
    assert not lint(tape)


def polls_beside_another() -> Tape:
    tape = Tape()
    for at, state in enumerate(("pending", "pending", "running", "running")):
        tape.add("GET /job", {"state": state}, by="alpha")
        tape.add(f"PUT /mode/{at}", {"ok": True}, body={"mode": at}, by="beta")
    return tape


def polls_that_move_by_time() -> Tape:
    tape = Tape()
    for state in ("pending", "booting"):
        tape.add("GET /job", {"state": state})
    tape.add("PUT /mode", {"ok": True}, body={"mode": 1})
    tape.add("GET /job", {"state": "running"})
    return tape


def others_made_before_it_ran() -> Tape:
    tape = Tape()
    for workspace in (ONE, TWO):
        tape.add("POST /workspaces", {"ok": True}, 201, body={"id": workspace}, by="alpha")
        tape.add(f"GET /workspaces/{workspace}", {"state": "pending"}, by="alpha")
    for workspace in (ONE, TWO):
        tape.add(f"GET /workspaces/{workspace}", {"state": "running"}, by="alpha")
    return tape


def list_of_one_caller() -> Tape:
    tape = Tape()
    for workspace in (ONE, TWO):
        tape.add(f"PUT /workspaces/{workspace}", {"ok": True}, 201, body={"tier": 1}, by="alpha")
    tape.add("GET /workspaces?limit=50", [{"id": ONE}, {"id": TWO}], by="alpha")
    return tape


def write_that_shows_its_own() -> Tape:
    tape = Tape()
    tape.add("POST /workspaces", {"id": ONE, "tags": ["run-1a2b3c4d"]}, 201, body={"tags": ["run-1a2b3c4d"]})
    tape.add("GET /tags/run-1a2b3c4d", {"id": "run-1a2b3c4d"})
    tape.add(f"PATCH /workspaces/{ONE}", {"id": ONE, "tags": ["run-1a2b3c4d"]}, body={"tier": 2})
    return tape


def pieces_of_what_the_plane_made() -> Tape:
    tape = Tape()
    tape.add("POST /workspaces", {"id": ONE}, 201, body={"tier": 1})
    tape.add(f"GET /workspaces/{ONE}", {"pod": f"ws{ONE[:8]}", "image": f"{TWO[:8]}.x", "at": "8c1d2e3f4a5b"})
    return tape


def known_forms() -> Tape:
    return pieces({"upper": ONE.upper(), "bare": ONE.replace("-", ""), "short": ONE[:8], "name": f"ws-{ONE}.svc"})


def numbers_that_count() -> Tape:
    tape = Tape()
    for number, height in ((11, 11), (22, 40)):
        tape.add(f"PUT /racks/{number}", {"id": number}, body={"height": height, "rack_id": number, "slots": 2})
    return tape


def headers_that_say_nothing() -> Tape:
    tape = Tape()
    for at, state in enumerate(("pending", "running")):
        told = (("User-Agent", f"t/{at}"), ("Date", f"{at}"), ("X-Request-Id", f"r{at}"), ("X-Attempt", f"{at}"))
        trace = (("traceparent", f"00-{at}-01"), ("X-Forwarded-For", f"10.0.0.{at}"), ("Call", f"{at}{ONE[1:]}"))
        tape.add("GET /job", {"state": state}, by="alpha", headers=(*told, *trace))
    return tape


def header_beside_a_write() -> Tape:
    tape = Tape()
    tape.add("GET /mode", {"mode": 1}, headers=(("Phase", "setup"),), by="alpha")
    tape.add("PUT /mode", {"ok": True}, body={"mode": 2}, by="alpha")
    tape.add("GET /mode", {"mode": 2}, headers=(("Phase", "test"),), by="alpha")
    return tape


def refused_by_itself() -> Tape:
    tape = Tape()
    for status in (201, 409):
        tape.add("POST /orgs", {"status": status}, status, body={"name": "a"})
        tape.add("PUT /mode", {"ok": True}, body={"mode": status})
    for status in (204, 404):
        tape.add("DELETE /rooms/blue", status=status)
        tape.add("PUT /mode", {"ok": True}, body={"mode": status})
    for status in (429, 200):
        tape.add("PUT /name", {"status": status}, status, body={"name": "a"})
        tape.add("PUT /mode", {"ok": True}, body={"mode": status})
    return tape


def refused_beside_another() -> Tape:
    tape = Tape()
    tape.add("PUT /name", {"error": "busy"}, 409, body={"name": "a"}, by="alpha")
    tape.add("PUT /mode", {"ok": True}, body={"mode": 1}, by="beta")
    tape.add("PUT /name", {"ok": True}, body={"name": "a"}, by="alpha")
    return tape


@pytest.mark.parametrize(
    "make",
    [
        polls_beside_another,
        polls_that_move_by_time,
        others_made_before_it_ran,
        list_of_one_caller,
        write_that_shows_its_own,
        pieces_of_what_the_plane_made,
        known_forms,
        numbers_that_count,
        headers_that_say_nothing,
        header_beside_a_write,
        refused_by_itself,
        refused_beside_another,
    ],
)
def test_what_may_as_well_be_chance_is_no_remark(make: Callable[[], Tape]) -> None:
    assert not lint(make())


def test_two_tenants_side_by_side_are_no_remark() -> None:
    """Each makes an org and a workspace in it, polls until it runs, lists its own, and takes it away."""
    tape = Tape()
    stories = [_live(by, org, workspace) for by, org, workspace in (("alpha", "a1", ONE), ("beta", "b2", TWO))]
    for at, calls in enumerate(zip(*stories, strict=True)):
        for beside, (call, answer, status, body, by) in enumerate(calls):
            start = at * 2 + beside * 0.3
            tape.add(call, answer, status, body=body, by=by, at=(start, start + 0.5))
    assert not lint(tape)


type Call = tuple[str, Any, int, Any, str]


def _live(by: str, org: str, workspace: str) -> list[Call]:
    slug = f"e2e-20260105-0c1d2{org}"
    polls = [("pending", None), ("pending", None), ("running", "10.0.0.1"), ("running", "10.0.0.1")]
    return [
        ("POST /orgs", {"slug": slug, "ok": True}, 201, {"slug": slug}, by),
        (f"GET /orgs/{slug}/workspaces", {"items": []}, 200, None, by),
        (f"PUT /orgs/{slug}/workspaces/{workspace}", {"id": workspace}, 201, {"tier": 1}, by),
        *((f"GET /workspaces/{workspace}", {"state": state, "ip": ip}, 200, None, by) for state, ip in polls),
        (f"GET /orgs/{slug}/workspaces", {"items": [{"id": workspace, "state": "running"}]}, 200, None, by),
        (f"DELETE /workspaces/{workspace}", None, 204, None, by),
        (f"GET /workspaces/{workspace}", {"error": "gone"}, 404, None, by),
        (f"GET /orgs/{slug}/workspaces", {"items": []}, 200, None, by),
    ]


def test_the_cassettes_of_the_harness_leave_one_thing_open(capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(__file__).parents[1] / "cassettes" / "harness"
    assert run(["--cassettes", str(folder), "cassette", "lint"]) == Exit.CLEAN
    (told,) = capsys.readouterr().out.splitlines()
    assert "an element of its list was never asked for" in told
    assert "after delete-org-1" in told


@pytest.mark.parametrize(
    ("make", "routes", "settings"),
    [
        pytest.param(told_by_header, (COMPARED,), {}, id="a compared header"),
        pytest.param(many_steps, (), {"volatile": ("$.load",)}, id="a volatile place"),
        pytest.param(polls_that_are_posts, (RouteSettings(match="POST /query", kind=Kind.READ),), {}, id="a read"),
        pytest.param(heartbeats, (RouteSettings(match="POST /heartbeat", repeat=Repeat.LAST),), {}, id="a repetition"),
        pytest.param(element_seen, (), {}, id="a list that was asked for"),
        pytest.param(
            told_by_a_header_once_each, (RouteSettings(match="GET /config", compare=("Tenant",)),), {}, id="a header"
        ),
        pytest.param(
            numbers_by_another_name,
            (RouteSettings(match="PUT /racks/{id}", ignore=("$.ref",)),),
            {},
            id="a number left out",
        ),
    ],
)
def test_the_remedy_silences_the_remark(
    make: Callable[[], Tape], routes: tuple[RouteSettings, ...], settings: dict[str, tuple[str, ...]]
) -> None:
    assert not lint(make(), *routes, **settings)


def test_the_command_has_them_among_its_warnings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    never_asked_after().write(tmp_path)
    assert run(["--cassettes", str(tmp_path), "cassette", "lint"]) == Exit.CLEAN
    assert "tape.json: $.interactions[1]: warning: it was never asked for" in capsys.readouterr().out
