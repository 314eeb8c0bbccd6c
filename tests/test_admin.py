"""The admin paths of a running proxy: what they answer, what they refuse, and that they are no calls."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cpproxy import __version__
from cpproxy.core.runs import Reset, ScenarioBegun, ScenarioEnded
from cpproxy.files import cassettes
from cpproxy.ledger.database import Ledger
from tests.standing import Standing, standing


@pytest.fixture
async def proxy(tmp_path: Path) -> AsyncIterator[Standing]:
    async with standing(tmp_path) as one:
        yield one


def events(proxy: Standing) -> list[Any]:
    with Ledger.open(proxy.settings.ledger) as ledger:
        ledger.ingest()
        return ledger.events(proxy.desk.run.id)


async def test_health_and_ready_say_so(proxy: Standing) -> None:
    assert await proxy.admin("GET", "health") == (200, {"status": "ok"})
    assert await proxy.admin("GET", "ready") == (200, {"status": "ready"})
    assert await proxy.admin("HEAD", "ready") == (200, None)


async def test_a_proxy_that_stops_is_not_ready(proxy: Standing) -> None:
    proxy.desk.stop_waiting()
    assert await proxy.admin("GET", "ready") == (503, {"error": "cpproxy: the proxy is about to stop"})


async def test_version_names_build_and_cassettes_by_digest(proxy: Standing) -> None:
    status, version = await proxy.admin("GET", "version")
    folder = proxy.settings.cassettes
    assert status == 200
    assert version["version"] == __version__
    assert version["digest"] == cassettes.digest(folder)
    assert version["run"] == proxy.desk.run.id
    assert version["cassettes"] == [
        {"name": name, "sha256": cassettes.file_digest(folder, name), "interactions": count}
        for name, count in (("harness/boot", 2), ("harness/canary", 1))
    ]


async def test_the_state_path_answers_all_counters_flat(proxy: Standing) -> None:
    assert await proxy.call("GET", "/__stub/state") == (200, {"provision_calls": 0, "config_calls": 0})
    await proxy.provision()
    await proxy.provision("nobody")
    assert await proxy.call("GET", "/__stub/state") == (200, {"provision_calls": 2, "config_calls": 0})


async def test_state_tells_calls_by_outcome(proxy: Standing) -> None:
    await proxy.call("GET", "/config")
    await proxy.call("GET", "/nothing")
    _, state = await proxy.admin("GET", "state")
    assert state["calls"] == {"replayed": 1, "miss": 1}
    assert state["counters"] == {"provision_calls": 0, "config_calls": 1}
    assert (state["url"], state["session"], state["scenario"]) == (proxy.url, "default", "")


async def test_admin_paths_are_no_calls(proxy: Standing) -> None:
    for path in ("health", "version", "state", "calls", "no/such/path"):
        await proxy.admin("GET", path)
    await proxy.call("GET", "/__stub/state")
    assert (await proxy.admin("GET", "calls"))[1]["calls"] == []


async def test_calls_are_there_as_soon_as_they_are_answered(proxy: Standing) -> None:
    for number in range(5):
        await proxy.call("GET", f"/nothing/{number}")
        _, found = await proxy.admin("GET", "calls")
        assert [one["call"]["target"] for one in found["calls"]] == [f"/nothing/{n}" for n in range(number + 1)]
    assert found["calls"][0]["id"] == f"{proxy.desk.run.id}:1"


async def test_calls_can_be_filtered_and_followed(proxy: Standing) -> None:
    await proxy.call("GET", "/config")
    await proxy.call("GET", "/nothing")

    async def numbers(path: str) -> list[int]:
        return [one["call"]["seq"] for one in (await proxy.admin("GET", path))[1]["calls"]]

    assert await numbers("calls?outcome=miss") == [2]
    assert await numbers("misses") == [2]
    assert await numbers("misroutes") == []
    assert await numbers("calls?after=1") == [2]
    assert await numbers("calls?last=1") == [2]
    assert await numbers("calls?route=config&run=latest") == [1]


async def test_one_call_is_found_by_number_and_by_id(proxy: Standing) -> None:
    await proxy.provision()
    by_number = await proxy.admin("GET", "call/1")
    assert by_number == await proxy.admin("GET", f"call/{proxy.desk.run.id}:1")
    assert by_number[1]["call"]["body"] == {"org_id": "org-alpha"}


async def test_the_verdict_is_asked_for_at_any_time(proxy: Standing) -> None:
    assert (await proxy.admin("GET", "verdict"))[1]["exit"] == 5
    await proxy.provision()
    _, verdict = await proxy.admin("GET", "verdict")
    assert (verdict["exit"], verdict["played"], verdict["recorded"]) == (0, 1, 3)
    ask = {"require": ["POST /provision $.org_id=org-alpha >=2"], "fail_on": "unasked_read", "checkout": {}}
    _, verdict = await proxy.admin("POST", "verdict", json=ask)
    assert [one["kind"] for one in verdict["findings"]] == [
        "digest_mismatch",
        "digest_mismatch",
        "requirement",
        "unasked_read",
        "unasked_read",
    ]


async def test_a_scenario_marks_the_calls_of_its_session_until_its_end(proxy: Standing) -> None:
    begin = {"name": "harness/canary", "xfail": "#1"}
    assert await proxy.admin("POST", "scenarios", json=begin) == (200, {"sessions": {"default": "harness/canary"}})
    await proxy.call("GET", "/health")
    await proxy.call("GET", "/config", headers={"X-Cpproxy-Session": "other"})
    assert await proxy.admin("GET", "scenarios") == (200, {"sessions": {"default": "harness/canary"}})
    assert await proxy.admin("POST", "scenarios/end", json={"exit": 3}) == (200, {"sessions": {}})
    await proxy.call("GET", "/config")
    _, found = await proxy.admin("GET", "calls")
    scenarios = [one["call"].get("scenario", "") for one in found["calls"]]
    assert scenarios == ["harness/canary", "", ""]
    began, ended = events(proxy)
    assert began == ScenarioBegun(began.at, "harness/canary", "default", "#1")
    assert ended == ScenarioEnded(ended.at, "harness/canary", "default", 3)


async def test_sessions_are_in_scenarios_of_their_own(proxy: Standing) -> None:
    for session, name in (("one", "harness/boot"), ("two", "harness/canary")):
        await proxy.admin("POST", f"scenarios?session={session}", json={"name": name})
    assert (await proxy.admin("DELETE", "scenarios", headers={"X-Cpproxy-Session": "one"}))[1] == {
        "sessions": {"two": "harness/canary"}
    }


async def test_reset_begins_anew_and_forgives_nothing(proxy: Standing) -> None:
    await proxy.provision()
    assert await proxy.provision() == 421
    status, state = await proxy.admin("POST", "reset")
    assert (status, state["calls"], state["counters"]["provision_calls"]) == (200, {}, 0)
    assert await proxy.provision() == 201
    assert [type(one) for one in events(proxy)] == [Reset]
    _, verdict = await proxy.admin("GET", "verdict")
    assert [one["kind"] for one in verdict["findings"]] == ["used_up"]


async def test_wait_returns_as_soon_as_the_calls_are_there(proxy: Standing) -> None:
    waiting = asyncio.create_task(
        proxy.admin("POST", "wait", json={"calls": ["POST /provision", "GET /config >=2"], "timeout": 30})
    )
    for path in ("/config", "/config"):
        await proxy.call("GET", path)
    assert not waiting.done()
    await proxy.provision()
    status, waited = await asyncio.wait_for(waiting, 20)
    assert (status, waited["met"]) == (200, True)
    assert waited["counts"] == {"POST /provision": 1, "GET /config >=2": 2}


async def test_wait_ends_at_once_when_a_call_misses(proxy: Standing) -> None:
    waiting = asyncio.create_task(proxy.admin("POST", "wait", json={"calls": ["POST /provision"], "timeout": 30}))
    await proxy.call("GET", "/nothing")
    _, waited = await asyncio.wait_for(waiting, 20)
    assert waited["met"] is False
    assert waited["reason"].startswith(
        "miss: GET /nothing from 127.0.0.1: no recorded interaction answers GET /nothing"
    )
    assert waited["reason"].endswith(f"(`cpproxy call {proxy.desk.run.id}:1`)")


async def test_wait_gives_up_in_time_and_when_the_proxy_stops(proxy: Standing) -> None:
    _, waited = await proxy.admin("POST", "wait", json={"calls": ["GET /config"], "timeout": 0.05})
    assert waited == {
        "met": False,
        "counts": {"GET /config": 0},
        "reason": "not there after 0.05 s",
        "late": True,
        "astray": 0,
    }
    waiting = asyncio.create_task(proxy.admin("POST", "wait", json={"calls": ["GET /config"], "timeout": 30}))
    await asyncio.sleep(0)
    proxy.desk.stop_waiting()
    assert (await asyncio.wait_for(waiting, 20))[1]["reason"] == "the proxy stops"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        pytest.param("GET", "nothing", None, 404, "no admin path '/nothing'; there are health, ready", id="path"),
        pytest.param("GET", "", None, 404, "no admin path '/'", id="no path"),
        pytest.param("POST", "health", None, 405, "'POST' is not for this path, GET is", id="method"),
        pytest.param("GET", "reset", None, 405, "'GET' is not for this path, POST is", id="reset by GET"),
        pytest.param(
            "POST", "scenarios", b"{", 400, "POST /__cpproxy/scenarios: Input data was truncated", id="cut off"
        ),
        pytest.param("POST", "scenarios", b"\xff", 400, "the body of POST", id="not UTF-8"),
        pytest.param("POST", "scenarios", b"{}", 400, "missing required field `name`", id="no name"),
        pytest.param("POST", "scenarios", b'{"name":""}', 400, "expected a name", id="empty name"),
        pytest.param("POST", "scenarios", b'{"name":"a","xfial":"b"}', 400, "unknown field `xfial`", id="slip"),
        pytest.param("POST", "scenarios/end", b"", 400, "no scenario has begun in session default", id="no scenario"),
        pytest.param("POST", "wait", b'{"calls":["x"]}', 400, "expected a method and a path", id="no call"),
        pytest.param("POST", "wait", b'{"calls":["GET /a $.b=1"]}', 400, "at method and path alone", id="body"),
        pytest.param("POST", "verdict", b'{"fail_on":"mist"}', 400, "--fail-on mist: expected all", id="kind"),
        pytest.param("POST", "verdict", b'{"require":["x"]}', 400, "requirement 'x'", id="requirement"),
        pytest.param("POST", "wait", b"[" * 100_000, 400, "the body of POST", id="deep"),
        pytest.param("POST", "wait", b" " * (2 << 20), 413, "", id="large"),
        pytest.param("GET", "calls?outcome=mist", None, 400, "outcome 'mist': expected one of recorded", id="outcome"),
        pytest.param("GET", "calls?outcom=miss", None, 400, "filter 'outcom': expected one of after", id="filter"),
        pytest.param("GET", "calls?last=-1", None, 400, "numbers from 0 to", id="negative"),
        pytest.param("GET", f"calls?after={1 << 63}", None, 400, "from 0 to 9223372036854775807", id="large after"),
        pytest.param("GET", f"calls?last={1 << 63}", None, 400, "from 0 to 9223372036854775807", id="large last"),
        pytest.param("GET", "calls?after=x", None, 400, "filter: Expected `int`", id="no number"),
        pytest.param("GET", "calls?run=x", None, 400, "no run x; the latest is", id="run"),
        pytest.param("GET", "call/7", None, 404, ":7; `cpproxy calls` lists those there are", id="call"),
        pytest.param("GET", "call/x", None, 404, "expected RUN:SEQ", id="no call id"),
    ],
)
async def test_what_cannot_be_answered_is_refused_in_words(
    proxy: Standing, method: str, path: str, *, body: bytes | None, status: int, words: str
) -> None:
    answered, refusal = await proxy.admin(method, path, data=None if body is None else io.BytesIO(body))
    assert answered == status
    assert list(refusal) == ["error"]
    assert refusal["error"].startswith("cpproxy: ")
    assert words in refusal["error"]


async def test_a_question_whose_body_breaks_is_refused_and_is_no_call(proxy: Standing) -> None:
    reader, writer = await asyncio.open_connection(*proxy.url.removeprefix("http://").split(":"))
    writer.write(b"POST /__cpproxy/wait HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n")
    await writer.drain()
    await proxy.admin("GET", "health")  # by now it waits for the rest
    writer.write(b"zz\r\n")
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"malformed body: it is not framed as its headers say" in answer
    assert (await proxy.admin("GET", "calls"))[1]["calls"] == []


async def test_405_says_what_is_allowed(proxy: Standing) -> None:
    async with proxy._client.post(f"{proxy.url}/__cpproxy/version") as response:
        assert (response.status, response.headers["Allow"]) == (405, "GET")
        assert response.content_type == "application/json"
