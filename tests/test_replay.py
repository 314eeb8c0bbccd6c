"""The meaning of replay, in values: which recorded answer a call gets."""

import gzip
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from cpproxy.core.calls import Outcome
from cpproxy.core.cassette import CassetteOf, Interaction, Recorded
from cpproxy.core.config import Kind, Repeat, RouteSettings
from cpproxy.core.messages import Answer, Request, as_wire, find_header
from cpproxy.core.redaction.credentials import credentials
from cpproxy.core.replay.decisions import Refuse, Replay, Serve
from cpproxy.core.routes import RouteTable

type Pairs = tuple[tuple[bytes, bytes], ...]

BEARER: Pairs = ((b"Authorization", b"Bearer live"),)
BEARER_TEXT = (("Authorization", "Bearer live"),)


@dataclass(frozen=True)
class Tape:
    """A cassette of given interactions, as a source of replay."""

    name: str
    documents: tuple[dict[str, Any], ...]

    @property
    def head(self) -> CassetteOf[msgspec.Raw]:
        return CassetteOf(1, Recorded("2026-11-23T00:00:00Z", "http://cp.invalid"), ())

    def interactions(self) -> Iterator[tuple[msgspec.Raw, Interaction]]:
        for second, document in enumerate(self.documents):
            raw = msgspec.Raw(msgspec.json.encode(document | {"start": second, "end": second + 0.5}))
            yield raw, msgspec.json.decode(raw, type=Interaction)


def recorded(
    name: str, call: str, status: int = 200, *, body: Any = None, answer: Any = None, credentials: Iterable[str] = ()
) -> dict[str, Any]:
    method, target = call.split(" ")
    request: dict[str, Any] = {"method": method, "target": target}
    if body is not None:
        request |= {"headers": [["Content-Type", "application/json"]], "body": {"json": body}}
    given = [credential.partition(" ") for credential in credentials]
    return {
        "id": name,
        "start": 0,
        "end": 1,
        "credentials": [{"header": header, "scheme": scheme} for header, _, scheme in given],
        "request": request,
        "response": {"status": status, "body": {"json": answer if answer is not None else name}},
    }


def replay_of(*documents: dict[str, Any], routes: tuple[RouteSettings, ...] = ()) -> Replay:
    return Replay([Tape("tape", documents)], RouteTable(routes))


def call(call: str, *headers: tuple[bytes, bytes], body: Any = None) -> Request:
    method, target = call.split(" ")
    encoded = b"" if body is None else msgspec.json.encode(body)
    return Request(method, target, headers, encoded)


def ask(replay: Replay, request: Request, *, session: str = "default", scenario: str = "", whole: bool = True) -> str:
    """What the call gets: an interaction's id, or the outcome of a refusal."""
    match replay.decide(request, session, scenario):
        case Serve() as serve:
            serve.settle(whole)
            return serve.entry.id
        case Refuse() as refuse:
            return "used up" if refuse.used_up else str(refuse.outcome)


def refusal(replay: Replay, request: Request) -> Refuse:
    decision = replay.decide(request, "default", "")
    assert isinstance(decision, Refuse)
    return decision


def test_repeated_reads_step_through_the_recorded_answers_and_the_last_one_stays() -> None:
    replay = replay_of(recorded("a", "GET /x"), recorded("b", "GET /x"), recorded("other", "GET /y"))
    assert [ask(replay, call("GET /x")) for _ in range(4)] == ["a", "b", "b", "b"]
    assert ask(replay, call("GET /y")) == "other"


def test_a_write_answers_once_each_and_is_then_used_up() -> None:
    replay = replay_of(recorded("a", "POST /x", body={"n": 1}), recorded("b", "POST /x", body={"n": 1}))
    asked = call("POST /x", body={"n": 1})
    assert [ask(replay, asked) for _ in range(3)] == ["a", "b", "used up"]
    refuse = refusal(replay, asked)
    assert refuse.outcome is Outcome.MISS
    assert "used up" in refuse.reason
    assert "b of cassette tape" in refuse.reason


def test_a_write_whose_answer_was_cut_off_answers_the_next_try() -> None:
    replay = replay_of(recorded("a", "POST /x"), recorded("b", "POST /x"))
    assert ask(replay, call("POST /x"), whole=False) == "a"
    assert [ask(replay, call("POST /x")) for _ in range(3)] == ["a", "b", "used up"]


def test_a_write_under_way_is_reserved() -> None:
    replay = replay_of(recorded("a", "POST /x"), recorded("b", "POST /x"))
    first = replay.decide(call("POST /x"), "default", "")
    second = replay.decide(call("POST /x"), "default", "")
    assert isinstance(first, Serve)
    assert isinstance(second, Serve)
    assert (first.entry.id, second.entry.id) == ("a", "b")
    first.settle(delivered=False)
    second.settle(delivered=True)
    assert ask(replay, call("POST /x")) == "a"
    assert ask(replay, call("POST /x")) == "used up"


def test_a_route_may_repeat_the_last_answer_of_a_write() -> None:
    settings = RouteSettings(match="POST /beat", repeat=Repeat.LAST)
    replay = replay_of(recorded("a", "POST /beat"), recorded("b", "POST /beat"), routes=(settings,))
    assert [ask(replay, call("POST /beat")) for _ in range(3)] == ["a", "b", "b"]


def test_sessions_are_isolated_and_reset_begins_anew() -> None:
    replay = replay_of(recorded("a", "POST /x"))
    assert ask(replay, call("POST /x"), session="one") == "a"
    assert ask(replay, call("POST /x"), session="two") == "a"
    assert ask(replay, call("POST /x"), session="one") == "used up"
    replay.reset("one")
    assert ask(replay, call("POST /x"), session="one") == "a"


def test_the_scenarios_cassette_goes_first_and_the_others_stay_behind_it() -> None:
    one = Tape("one", (recorded("r1", "GET /x"), recorded("w1", "POST /x")))
    two = Tape("two", (recorded("r2", "GET /x"), recorded("w2", "POST /x"), recorded("only", "GET /y")))
    replay = Replay([one, two], RouteTable(()))
    assert [ask(replay, call("GET /x"), scenario="two") for _ in range(2)] == ["r2", "r2"]
    assert [ask(replay, call("POST /x"), scenario="two") for _ in range(3)] == ["w2", "w1", "used up"]
    assert ask(replay, call("GET /y"), scenario="one") == "only"
    assert [ask(replay, call("GET /x"), session="s") for _ in range(3)] == ["r1", "r1", "r1"]


@pytest.mark.parametrize(
    ("headers", "outcome"),
    [
        ((), "denied"),
        (BEARER, "answer"),
        (((b"authorization", b"bearer other"),), "answer"),
        ((*BEARER, (b"X-Admin-Token", b"more")), "answer"),
        (((b"Authorization", b"Basic dTpw"),), "unauthorized"),
        (((b"Authorization", b"Bearer"),), "unauthorized"),
        (((b"X-Admin-Token", b"other"),), "unauthorized"),
    ],
)
def test_credentials_choose_among_interactions_by_header_and_scheme(headers: Pairs, outcome: str) -> None:
    replay = replay_of(
        recorded("denied", "GET /x", 401), recorded("answer", "GET /x", credentials=["authorization bearer"])
    )
    assert ask(replay, call("GET /x", *headers)) == outcome


def test_a_call_that_lacks_a_credential_is_told_which_one() -> None:
    replay = replay_of(recorded("a", "GET /x", credentials=["authorization bearer", "x-molecule-admin-token"]))
    refuse = refusal(replay, call("GET /x", *BEARER))
    assert (refuse.outcome, refuse.status) == (Outcome.UNAUTHORIZED, 401)
    assert "X-Molecule-Admin-Token" in refuse.reason
    assert "Authorization" not in refuse.reason


@pytest.mark.parametrize(
    ("headers", "named"),
    [
        pytest.param((("X-Admin-Token", "a"),), "lacks Authorization (bearer)", id="missing"),
        pytest.param((*BEARER_TEXT, ("X-Admin-Token", "")), "lacks X-Admin-Token", id="empty"),
        pytest.param((*BEARER_TEXT, ("X-Admin-Token", " ")), "lacks X-Admin-Token", id="blank"),
        pytest.param(
            (("Authorization", "Bearer a b"), ("X-Admin-Token", "a")),
            "its Authorization is not `SCHEME TOKEN`",
            id="trailing garbage",
        ),
        pytest.param(
            (("Authorization", "Bearer a, Bearer b"), ("X-Admin-Token", "a")),
            "its Authorization is not `SCHEME TOKEN`",
            id="two joined",
        ),
        pytest.param(
            (*BEARER_TEXT, ("X-Admin-Token", "a"), ("x-admin-token", "b")),
            "more than one X-Admin-Token",
            id="differing",
        ),
        pytest.param((*BEARER_TEXT, *BEARER_TEXT, ("X-Admin-Token", "a")), "more than one Authorization", id="twice"),
    ],
)
def test_a_call_whose_credentials_will_not_do_is_denied_and_told_the_header(
    headers: tuple[tuple[str, str], ...], named: str
) -> None:
    known = recorded("a", "POST /x", 201, credentials=["authorization bearer", "x-admin-token"])
    for tapes, denied in ((known,), False), ((recorded("denied", "POST /x", 401), known), True):
        replay = replay_of(*tapes)
        refuse = refusal(replay, call("POST /x", *as_wire(headers)))
        assert (refuse.outcome, refuse.status) == (Outcome.UNAUTHORIZED, 401)
        assert (refuse.denial is not None) is denied
        assert named in refuse.reason
        assert ask(replay, call("POST /x", *as_wire((*BEARER_TEXT, ("X-Admin-Token", "a"))))) == "a"


def test_empty_credentials_are_none() -> None:
    replay = replay_of(recorded("denied", "GET /x", 401), recorded("a", "GET /x", credentials=["cookie"]))
    assert ask(replay, call("GET /x", (b"Cookie", b""))) == "denied"
    assert ask(replay, call("GET /x", (b"Cookie", b"a=1"))) == "a"


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([["Cookie", ""]], id="empty"),
        pytest.param([["Authorization", "Bearer a b"]], id="trailing garbage"),
        pytest.param([["Authorization", "Bearer a"], ["Authorization", "Basic b"]], id="twice"),
        pytest.param([["X-Admin-Token", "a"], ["X-Admin-Token", "b"]], id="differing"),
    ],
)
def test_what_was_recorded_with_malformed_credentials_answers_such_a_call(headers: list[list[str]]) -> None:
    wire = as_wire(tuple((name, value) for name, value in headers))
    document = recorded("malformed", "GET /x", 400)
    document["request"]["headers"] = [[name, "{{cpproxy:a:1}}" if value else ""] for name, value in headers]
    document["credentials"] = msgspec.to_builtins(credentials(wire))
    proper = recorded("a", "GET /x", credentials=["authorization bearer", "x-admin-token", "cookie"])
    replay = replay_of(document, proper)
    assert [ask(replay, call("GET /x", *wire)) for _ in range(2)] == ["malformed", "malformed"]


def test_a_cassette_that_counts_an_empty_header_as_a_credential_still_answers() -> None:
    document = recorded("a", "GET /x", credentials=["cookie"])
    document["request"]["headers"] = [["Cookie", ""]]
    assert ask(replay_of(document), call("GET /x", (b"Cookie", b""))) == "a"


def test_additional_credentials_do_no_harm_where_none_were_recorded() -> None:
    replay = replay_of(recorded("a", "GET /health"))
    assert ask(replay, call("GET /health", *BEARER)) == "a"


def test_a_miss_names_the_nearest_interactions_and_every_part_that_differs() -> None:
    replay = replay_of(
        recorded("far", "GET /else"),
        recorded("near", "POST /x?a=1", body={"tier": 2, "org": "o"}),
        recorded("nearer", "POST /x?a=1", body={"tier": 3, "org": "p"}),
    )
    refuse = refusal(replay, call("POST /x?a=1", body={"tier": 3, "org": "o"}))
    assert refuse.outcome is Outcome.MISS
    assert refuse.status == 421
    assert refuse.miss
    assert [near.interaction for near in refuse.miss.nearest] == ["near", "nearer", "far"]
    assert refuse.reason == (
        "no recorded interaction answers POST /x; nearest is near of cassette tape: $.tier is 3, recorded as 2; "
        'if that is of no account, ignore = ["$.tier"] in the route POST /x makes it match'
    )
    assert refuse.miss.details()["nearest"][0]["differences"] == [
        {"where": "$.tier", "expected": "2", "found": "3", "weight": 1}
    ]


def test_a_miss_can_be_told_whatever_bytes_it_is_about() -> None:
    replay = replay_of(recorded("a", "GET /x?a=1"))
    refuse = refusal(replay, call("GET /\udce9?a=%FF&%FE=1"))
    assert refuse.reason.endswith(
        "answers GET /%E9; nearest is a of cassette tape: path is /%E9, recorded as /x; query:a is %FF, recorded as 1; "
        "query:%FE is 1, recorded without it"
    )
    assert refuse.miss
    assert msgspec.json.encode([refuse.reason, refuse.miss.details()])


def test_a_miss_of_an_empty_replay_says_so() -> None:
    assert "nothing is recorded" in refusal(replay_of(), call("GET /x")).reason


def test_a_request_that_was_answered_before_its_body_had_come_matches_whatever_its_body_is() -> None:
    document = recorded("early", "POST /large", 413)
    document["request"]["body"] = {"omitted": 10}
    replay = replay_of(document, recorded("small", "POST /large", body={"n": 1}))
    assert ask(replay, call("POST /large", body={"n": 1})) == "small"
    assert ask(replay, call("POST /large", body={"n": 2})) == "early"
    assert ask(replay, call("POST /large", body={"n": 2})) == "used up"


def test_what_is_remembered_of_a_call_never_answers_one_that_differs() -> None:
    by_header = RouteSettings(match="POST /x", name="listing", when="header:X-Op=list", kind=Kind.READ)
    replay = replay_of(recorded("a", "POST /x", body={"n": 1}), routes=(by_header,))
    asked = call("POST /x", body={"n": 1})
    read = call("POST /x", (b"X-Op", b"list"), body={"n": 1})
    assert [ask(replay, one) for one in (asked, asked)] == ["a", "used up"]
    assert refusal(replay, read).route == "listing"
    form = (b"Content-Type", b"application/x-www-form-urlencoded")
    text = replay_of(recorded("form", "POST /f"), recorded("b", "GET /f"))
    assert ask(text, Request("POST", "/f", (form,), b"a=1&b=2")) == "miss"
    assert ask(text, call("POST /f")) == "form"
    assert ask(text, call("POST /f")) == "used up"
    assert ask(text, call("GET /f")) == "b"


def test_an_answer_that_was_too_large_to_be_recorded_is_refused_with_its_size() -> None:
    document = recorded("large", "POST /large")
    document["response"]["body"] = {"omitted": 5_000_000, "sha256": "ab"}
    replay = replay_of(document)
    assert not refusal(replay, call("POST /large")).used_up
    refuse = refusal(replay, call("POST /large"))
    assert refuse.outcome is Outcome.MISS
    assert "5000000 bytes" in refuse.reason
    assert "body_limit" in refuse.reason


@pytest.mark.parametrize("coding", ["", "identity", "zip"])
def test_an_answer_that_could_not_be_recorded_is_refused_with_the_reason(coding: str) -> None:
    document = recorded("secret", "POST /secret")
    document["response"]["body"] = {"omitted": 40}
    document["response"]["headers"] = [["Content-Encoding", coding]] if coding else []
    refuse = refusal(replay_of(document), call("POST /secret"))
    assert refuse.outcome is Outcome.MISS
    assert "without its body of 40 bytes: it held a secret and is no text" in refuse.reason
    assert ("nobody could look into it" in refuse.reason) == (coding == "zip")
    assert "over the limit" not in refuse.reason


def test_a_compared_header_keeps_two_tenants_apart() -> None:
    def config(name: str) -> dict[str, Any]:
        document = recorded(name, "GET /cp/tenants/config")
        document["request"]["headers"] = [["X-Molecule-Org-Id", name]]
        return document

    settings = RouteSettings(match="GET /cp/tenants/config", compare=("X-Molecule-Org-Id",))
    replay = replay_of(config("alpha"), config("beta"), routes=(settings,))
    assert ask(replay, call("GET /cp/tenants/config", (b"X-Molecule-Org-Id", b"beta"))) == "beta"
    assert ask(replay, call("GET /cp/tenants/config", (b"x-molecule-org-id", b"alpha"))) == "alpha"
    assert ask(replay, call("GET /cp/tenants/config")) == "miss"


def answered(document: dict[str, Any], asked_with: bytes | None) -> Answer:
    """What is served of the only interaction that was recorded."""
    decision = replay_of(document).decide(call(f"{document['request']['method']} /x"), "default", "")
    assert isinstance(decision, Serve)
    return decision.answer(asked_with)


def coded(accept: str | None) -> dict[str, Any]:
    document = recorded("a", "GET /x", answer={"k": "v"})
    if accept is not None:
        document["request"]["headers"] = [["Accept-Encoding", accept]]
    document["response"]["headers"] = [["Content-Encoding", "gzip"], ["Content-Length", "999"]]
    document["response"]["body"]["coding"] = ["gzip"]
    return document


@pytest.mark.parametrize(
    ("recorded_with", "asked_with", "compressed"),
    [
        ("gzip", b"gzip", True),
        ("gzip", b"br, gzip;q=0.5", True),
        ("gzip", b"*", True),
        ("gzip", b"x-gzip", True),
        ("gzip", b"gzip;q=0, *", False),
        ("gzip", b"br", False),
        ("gzip", b"identity", False),
        ("gzip", None, False),
        (None, None, True),
    ],
)
def test_a_compressed_answer_follows_what_this_call_accepts(
    recorded_with: str | None, asked_with: bytes | None, compressed: bool
) -> None:
    answer = answered(coded(recorded_with), asked_with)
    assert (gzip.decompress(answer.body) if compressed else answer.body) == b'{"k":"v"}'
    assert (find_header(answer.headers, b"content-encoding") == b"gzip") is compressed
    assert find_header(answer.headers, b"content-length") == b"%d" % len(answer.body)


def test_an_answer_to_head_keeps_the_length_that_was_recorded() -> None:
    document = recorded("a", "HEAD /x")
    document["response"] = {"status": 200, "headers": [["Content-Length", "999"]]}
    answer = answered(document, None)
    assert answer.headers == ((b"Content-Length", b"999"),)
    assert answer.body == b""
