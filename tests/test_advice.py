"""What `cassette lint` advises: times of expiry that have passed, long polls, and writes that are asked again."""

import base64
import json
from typing import Any

import pytest

from cpproxy.core.config import Kind, Repeat, ReplaySettings, RouteSettings
from cpproxy.core.replay.ground import survey
from cpproxy.core.replay.loading import load
from cpproxy.core.review.advice import find_advice
from cpproxy.core.review.lint import Level
from cpproxy.core.routes import RouteTable
from tests.moving import Tape

NOW = 1_795_428_000.0 + 30 * 86_400  # a month after the recording
PAST = 1_795_428_000 + 60
MADE = "0b9f6a52-54c2-4d0e-8a55-6a1c2f7f1a10"


def advise(tape: Tape, *routes: RouteSettings, **settings: Any) -> list[str]:
    library = load([tape], RouteTable(routes), ReplaySettings(**settings))
    return [remark.text for remark in find_advice(survey(library, tape.name), (), NOW)]


def find_leaks(tape: Tape, *hosts: str) -> list[tuple[str, Level]]:
    ground = survey(load([tape], RouteTable(()), ReplaySettings()), tape.name)
    return [(remark.path, remark.level) for remark in find_advice(ground, hosts, NOW)]


def token(claims: object) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJub25lIn0.{body}.c2ln"


@pytest.mark.parametrize(
    ("answer", "place"),
    [
        pytest.param({"exp": PAST}, "$.exp", id="a number of seconds"),
        pytest.param({"exp": PAST * 1000}, "$.exp", id="a number of milliseconds"),
        pytest.param({"expire_at": str(PAST)}, "$.expire_at", id="digits"),
        pytest.param({"session": {"expiresAt": "2026-11-23T10:01:00Z"}}, "$.session.expiresAt", id="a date"),
        pytest.param({"notAfter": "Mon, 23 Nov 2026 10:01:00 GMT"}, "$.notAfter", id="a date of HTTP"),
        pytest.param({"jwt": token({"exp": PAST})}, "$.jwt", id="a claim of a token"),
        pytest.param({"tokens": [f"Bearer {token({'exp': PAST})}"]}, "$.tokens[*]", id="a token within a text"),
    ],
)
def test_a_recorded_expiry_that_has_passed_is_told(answer: Any, place: str) -> None:
    tape = Tape()
    tape.add("GET /session", answer)
    assert advise(tape) == [
        f"{place} is a time of expiry that has passed: clients that look at it act as if it had",
    ]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"exp": int(NOW) + 60}, id="not yet"),
        pytest.param({"expires_in": 3600}, id="a span"),
        pytest.param({"expired": False, "expiry": None}, id="no time"),
        pytest.param({"expert": PAST}, id="another word"),
        pytest.param({"jwt": "{{cpproxy:jwt:1}}"}, id="a token behind a placeholder"),
        pytest.param({"jwt": token([PAST])}, id="a token without claims"),
        pytest.param({"jwt": "eyJh.eyJ_.x"}, id="no token"),
    ],
)
def test_what_has_not_passed_or_cannot_be_seen_is_not_told(answer: Any) -> None:
    tape = Tape()
    tape.add("GET /session", answer)
    assert advise(tape) == []


def test_a_poll_of_many_steps_is_told_with_what_moves_and_then_not_again() -> None:
    tape = Tape()
    for number in range(25):
        tape.add("GET /job", {"state": "busy", "load": number / 7})
    (told,) = advise(tape)
    assert "its answers are 25 steps" in told
    assert 'volatile = ["$.load"] in [replay]' in told
    assert advise(tape, volatile=("$.load",)) == []


def test_a_poll_beside_writes_to_its_path_is_told_with_its_condition_and_then_not_again() -> None:
    tape = Tape()
    tape.add("POST /", {"Id": MADE}, body="Action=RunInstances&Version=1")
    for state in ("pending", "running"):
        tape.add("POST /", {"state": state}, body=f"Action=DescribeInstances&Version=1&Id={MADE}")
    (told,) = advise(tape)
    assert 'kind = "read" in the route POST /, when = "form:Action=DescribeInstances"' in told
    assert advise(tape, RouteSettings(match="POST /", when="form:Action=DescribeInstances", kind=Kind.READ)) == []


def test_a_heartbeat_is_told_with_its_route_and_then_not_again() -> None:
    tape = Tape()
    for _ in range(3):
        tape.add(f"POST /nodes/{MADE}/beat", {"ok": True}, body={"up": True})
    (told,) = advise(tape)
    assert 'repeat = "last" in the route POST /nodes/{id}/beat' in told
    assert advise(tape, RouteSettings(match="POST /nodes/{id}/beat", repeat=Repeat.LAST)) == []


def test_equal_writes_that_make_something_each_are_no_heartbeat() -> None:
    tape = Tape()
    for _ in range(3):
        tape.add("POST /teams", {"ok": True}, 201, body={"name": "a"})
    assert advise(tape) == []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("https://cp.example/x", id="plain"),
        pytest.param(r"line\ncp.example", id="after an escape of JSON"),
        pytest.param(r"https:\u002f\u002fcp.example", id="slashes of JSON"),
        pytest.param("/login?next=https%3A%2F%2Fcp.example%2Fcb", id="in a URL"),
        pytest.param("https%253A%252F%252Fcp.example", id="in a URL in a URL"),
        pytest.param("cp&#46;example", id="HTML"),
    ],
)
def test_another_host_of_a_control_plane_is_told_in_any_spelling(text: str) -> None:
    tape = Tape()
    tape.add("GET /a", {"ok": True}, told=(("Location", text),))
    tape.documents[-1]["response"]["body"] = {"text": text}
    at = [path for path, _ in find_leaks(tape, "cp.example", "staging.example.com")]
    assert at[-1] == "$.interactions[0].response.body"
    assert len(at) == 2
    assert find_leaks(tape, "p.example", "cp.example.com") == []


@pytest.mark.parametrize("charset", ["latin-1", "utf-16"])
def test_another_host_is_told_where_the_body_stands_as_base64(charset: str) -> None:
    tape = Tape()
    tape.add("GET /a", {"ok": True})
    page = base64.b64encode("caf\u00e9 https://cp.example/x".encode(charset)).decode()
    tape.documents[-1]["response"]["body"] = {"base64": page}
    assert find_leaks(tape, "cp.example") == [("$.interactions[0].response.body", Level.WARNING)]


def _pack(text: bytes) -> bytes:
    return b"\0\xff" + text


@pytest.mark.parametrize(
    ("body", "told"),
    [
        pytest.param(_pack(b"https://staging.example.com/x"), [Level.FINDING], id="binary"),
        pytest.param(_pack(b"git@staging.example.com"), [Level.FINDING], id="binary with a user"),
        pytest.param("https://staging.example.com/x".encode("utf-16"), [Level.FINDING], id="UTF-16"),
        pytest.param(_pack(b"https://api.staging.example.com/x"), [], id="another's"),
        pytest.param(b"caf\xe9 https://staging.example.com/x", [], id="a text that is rewritten"),
        pytest.param(b"caf\xe9 git@staging.example.com:a.git", [Level.WARNING], id="a form that stays"),
    ],
)
def test_the_upstreams_own_host_is_told_where_replay_leaves_it(body: bytes, told: list[Level]) -> None:
    tape = Tape()
    tape.add("GET /a", {"ok": True})
    kind = "application/octet-stream" if b"\0" in body else "text/plain"
    tape.documents[-1]["response"] |= {
        "headers": [["Content-Type", kind]],
        "body": {"base64": base64.b64encode(body).decode()},
    }
    assert find_leaks(tape) == [("$.interactions[0].response.body", level) for level in told]
