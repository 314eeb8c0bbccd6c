"""Single rules of replay that no case shows alone, and the proof that each rule is held by tests."""

# ruff: noqa: ARG005 - what stands in for a rule takes what the rule takes

import inspect
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cpproxy.core import matching
from cpproxy.core.addresses import Public
from cpproxy.core.messages import Request
from cpproxy.core.replay import (
    bindings,
    credentials,
    documents,
    fates,
    guesses,
    identities,
    index,
    loading,
    reading,
    search,
    serving,
    session,
    timelines,
    views,
    worlds,
)
from cpproxy.core.replay import decisions as replay
from cpproxy.core.replay.decisions import Refuse
from tests import test_cases, test_guesses
from tests.moving import Tape, play

W1 = "0b9d1c52-6c1e-4a54-9d8a-3f2f6a1b7c01"
W2 = "7f3e8a90-11c2-4d3e-8b4a-90ab12cd34ef"


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
    assert [player.state(f"GET /ws/{workspace}") for workspace in (two, one)] == ["running", "running"]
    player.ask(f"DELETE /orgs/{live}")
    assert [player.state(f"GET /ws/{workspace}") for workspace in (two, one)] == ["gone", "gone"]


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


def test_07_a_delete_conjures_nothing_either() -> None:
    tape = Tape()
    tape.add("POST /ws", {"ok": 1}, 201, body={"id": W1})
    tape.add(f"DELETE /ws/{W1}", {"ok": 1})
    player = play(tape)
    assert player.ask(f"DELETE /ws/{new()}").outcome == "miss"
    live = new()
    assert player.ask("POST /ws", body={"id": live}).status == 201
    assert player.ask(f"DELETE /ws/{live}").status == 200


def test_09_a_tie_goes_to_the_fewest_free_values() -> None:
    tape = Tape()
    tape.add(f"GET /x/{W1}", {"state": "made"})
    tape.add("GET /x/alpha", {"state": "named"})
    player = play(tape)
    assert [player.state(call) for call in ("GET /x/alpha", f"GET /x/{new()}")] == ["named", "made"]


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


FORMS = [
    ("https://staging.example.com/cp", "http://front:9090/s/a/cp"),
    ("https:\\/\\/staging.example.com\\/cp", "http:\\/\\/front:9090\\/s\\/a\\/cp"),
    ("https%3A%2F%2Fstaging.example.com%2Fcp", "http%3A%2F%2Ffront%3A9090%2Fs%2Fa%2Fcp"),
    ("wss://staging.example.com:443/live", "ws://front:9090/s/a/live"),
    ("//staging.example.com/x", "//front:9090/s/a/x"),
    ("host staging.example.com.", "host front:9090."),
    ('<a href="https:&#x2F;&#x2F;STAGING.example.com">', '<a href="http:&#x2F;&#x2F;front:9090&#x2F;s&#x2F;a">'),
    ("https://staging.example.com:8443/x", "https://staging.example.com:8443/x"),
    ("my-staging.example.com", "my-staging.example.com"),
    ("staging.example.com.evil.org", "staging.example.com.evil.org"),
]


@pytest.mark.parametrize(("recorded", "served"), FORMS)
def test_17_the_upstreams_address_becomes_the_fronts_in_every_form(recorded: str, served: str) -> None:
    tape = Tape()
    told = (("Location", "/elsewhere"), ("Link", f"<{recorded}>"), ("Set-Cookie", "a=b; Domain=staging.example.com"))
    tape.add("GET /x", recorded, told=told)
    player = play(tape)
    player.public = Public("http", "front:9090", "/s/a")
    got = player.ask("GET /x")
    assert got.text == served
    assert got.headers[:3] == (
        ("Location", "/s/a/elsewhere"),
        ("Link", f"<{served}>"),
        ("Set-Cookie", "a=b; Domain=front"),
    )


def test_17_the_fronts_address_in_a_request_stands_for_the_upstreams() -> None:
    tape = Tape()
    tape.add("GET /auth?redirect_uri=https%3A%2F%2Fstaging.example.com%2Fback", {"state": "a"})
    tape.add("POST /auth", {"state": "b"}, body={"back": "https://staging.example.com/back"})
    player = play(tape)
    player.public = Public("http", "front:9090", "/s/a")
    assert player.state("GET /auth?redirect_uri=http%3A%2F%2Ffront%3A9090%2Fs%2Fa%2Fback") == "a"
    assert player.state("POST /auth", body={"back": "http://front:9090/s/a/back"}) == "b"


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


def nothing(*_arguments: Any, **_more: Any) -> None:
    return None


def whole_texts_alone(find: Any) -> Any:
    return lambda self, text: [one for one in find(self, text) if (one.start, one.end) == (0, len(text))]


def every_step(seen: Any) -> Any:
    return tuple(timelines.Step(one, one.start, one.end) for one in seen)


RULES: dict[str, list[tuple[Any, str, Any]]] = {
    "1 start and end": [
        (timelines, "find_reach", lambda writes, moment: frozenset(one.number for one in writes if one.end <= moment)),
    ],
    "2 inside strings": [(identities.Catalogue, "find", whole_texts_alone(identities.Catalogue.find))],
    "3 parents": [(worlds.World, "ancestors", lambda self, things: set())],
    "3 what is handed on": [(worlds.World, "_drop_shared", nothing)],
    "4 what concerns": [
        (worlds.World, "concerning", lambda self, subject: tuple(one for one in self.entries if one.changes))
    ],
    "4 a denied write changes nothing": [(worlds.Entry, "denied", False)],
    "4 a write to a path": [(worlds.World, "concerning_path", lambda self, path: ())],
    "5 what was recorded is itself": [(identities.Catalogue, "meaning", nothing)],
    "5 bijection": [(bindings, "_equal", lambda expected, value: True)],
    "6 credentials": [
        (search, "judge", lambda entries, sent, secrets, *, strict: credentials.Judged(entries, 0)),
    ],
    "6 what a call lacks": [(index.Line, "choose", lambda self, credentials: tuple(self.entries))],
    "6 what was served comes back": [(bindings.Secrets, "expected", nothing)],
    "6 a change within one caller": [(bindings.Secrets, "changed", nothing)],
    "7 what was not there before": [(worlds, "MISSING", frozenset())],
    "7 nothing is conjured": [(search, "find_conjured", nothing)],
    "8 a write answers once": [(loading, "repeats", lambda route: True)],
    "8 released when it was cut off": [(session.Session, "release", nothing)],
    "9 ties": [(search, "rank", lambda candidate, session, scenario: candidate.entries[0].number)],
    "9 a new token made such a call first": [(credentials, "_is_first", lambda entry, marker: True)],
    "10 headers that count": [(matching, "conditions", lambda headers: ())],
    "10 what is left out": [(loading, "_find_new", lambda *_: frozenset())],
    "10 answers that differ by Accept": [(loading, "_split_by_accept", nothing)],
    "10 new each time": [(loading, "_merge_once_only", nothing)],
    "11 a state that nobody recorded": [(reading, "_spell", lambda *_: "")],
    "11 states": [(session.Session, "state", lambda self, timeline: timeline.numbers)],
    "12 before a read": [
        (timelines, "find_state", lambda writes, moment: frozenset(one.number for one in writes if one.start < moment)),
    ],
    "13 equal neighbours": [(timelines, "collapse", every_step)],
    "13 times": [(documents.Stable, "_still", lambda self, value: value)],
    "14 composed lists": [(documents, "find_layout", lambda *_: documents.Layout())],
    "14 absent until it is made": [(views, "_find_creator", nothing)],
    "14 what no list showed": [(views, "_find_unseen", lambda *_: ())],
    "14 writes that change nothing": [(views.View, "is_settled", lambda self, missing: False)],
    "15 others went on": [(timelines.Timeline, "go_on", lambda self, found, wide: found)],
    "15 progress by caller": [(reading, "Reading", None)],
    "16 one time": [(session, "_is_past", lambda step, moment: False)],
    "17 serving": [
        (
            serving.Text,
            "write",
            lambda self, bound: (
                self.pieces[0]
                + "".join(identity + piece for (identity, _), piece in zip(self.gaps, self.pieces[1:], strict=True))
            ),
        )
    ],
    "17 in requests": [(replay, "_with_token", lambda request, public: request)],
    "arrival: writes": [(fates.Fates, "rivals", lambda self, entry: ())],
    "arrival: reads": [(guesses, "find_difference", lambda one, other: "")],
    "arrival: tokens": [(guesses.Guesses, "_weigh_tokens", nothing)],
    "arrival: what is left over": [(guesses.Guesses, "_find_shift", lambda *_: "")],
    "arrival: credentials": [(views.View, "unlike_callers", lambda self: ())],
    "17 addresses": [(serving, "render", lambda text, public: text)],
}


def every_test() -> Iterator[tuple[str, Callable[[], None]]]:
    """The tests of the cases and of single rules, each with each of its parameters."""
    here = inspect.getmodule(every_test)
    for module in (test_cases, test_guesses, here):
        for name, test in inspect.getmembers(module, inspect.isfunction):
            if name.startswith("test_") and "rule" not in name:
                yield from ((name, lambda test=test, more=more: test(**more)) for more in parameters(test))


def parameters(test: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [{}]
    for mark in getattr(test, "pytestmark", []):
        names = mark.args[0] if isinstance(mark.args[0], tuple) else (mark.args[0],)
        rows = [row if isinstance(row, tuple) and len(names) > 1 else (row,) for row in mark.args[1]]
        found = [one | dict(zip(names, row, strict=True)) for one in found for row in rows]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES)
def test_each_rule_is_held_by_a_test(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if rule.startswith("15"):
        plain = session.Session.tell
        monkeypatch.setattr(session.Session, "tell", lambda self, caller, *more: plain(self, (), *more))
        monkeypatch.setattr(
            session.Session, "remember", lambda self, told, caller, *more: remember(self, told, (), *more)
        )
    else:
        for owner, name, instead in RULES[rule]:
            monkeypatch.setattr(owner, name, instead)
    fallen = []
    for name, test in every_test():
        try:
            test()
        except Exception:  # noqa: BLE001 (whatever breaks)
            fallen.append(name)
    print(f"{rule}: {', '.join(dict.fromkeys(fallen))}")  # noqa: T201 (the table)
    assert fallen


remember = session.Session.remember
