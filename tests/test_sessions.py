"""Sessions at the front: chosen by path, header or not at all, opened and closed, and isolated from each other."""

import asyncio
import gc
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

import aiohttp
import msgspec
import pytest
from multidict import CIMultiDict

from cpproxy.core.cassette import Body, Interaction, RecordedRequest, RecordedResponse
from cpproxy.core.replay.session import Session
from cpproxy.core.runs import SessionClosed, SessionOpened
from cpproxy.core.tally import MOST_SESSIONS
from cpproxy.ledger.database import Ledger
from tests.origin import until
from tests.processes import finish, running
from tests.standing import BOOT, Standing, interaction, standing, write_cassette

AT_ONCE = 100


@pytest.fixture
async def proxy(tmp_path: Path) -> AsyncIterator[Standing]:
    async with standing(tmp_path) as one:
        yield one


async def provision(proxy: Standing, prefix: str = "", **more: Any) -> int:
    status, _ = await proxy.call("POST", f"{prefix}/provision", json={"org_id": "org-alpha"}, **more)
    return status


@pytest.mark.parametrize(
    ("prefix", "headers"),
    [
        pytest.param("/s/alpha", {}, id="by path"),
        pytest.param("", {"X-Cpproxy-Session": "alpha"}, id="by header"),
        pytest.param("/s/alpha", {"X-Cpproxy-Session": "beta"}, id="the path wins"),
    ],
)
async def test_a_call_chooses_its_session(proxy: Standing, prefix: str, headers: dict[str, str]) -> None:
    assert await provision(proxy, prefix, headers=headers) == 201
    assert await provision(proxy, prefix, headers=headers) == 421  # a write answers once
    assert await provision(proxy) == 201  # in each session
    _, alpha = await proxy.admin("GET", "state?session=alpha")
    _, default = await proxy.admin("GET", "state")
    assert alpha["calls"] == {"replayed": 1, "miss": 1}
    assert default["calls"] == {"replayed": 1}


@pytest.mark.parametrize("name", ["a b", "a%20b", "ä", "a" * 65, "a:b", ".", "..", ""])
async def test_a_name_that_is_none_is_refused(proxy: Standing, name: str) -> None:
    reader, writer = await asyncio.open_connection(*proxy.url.removeprefix("http://").split(":"))
    target = f"/s/{name}/health".replace(" ", "\t").encode()
    writer.write(b"GET " + target + b" HTTP/1.1\r\nHost: cp\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 400 ")


async def test_a_session_too_many_is_refused_until_another_is_closed(proxy: Standing) -> None:
    for number in range(MOST_SESSIONS):
        proxy.desk.tally.admit(f"s{number}")
    status, answer = await proxy.call("GET", "/s/another/health")
    assert (status, "4096 are open" in answer["error"]) == (400, True)
    status, answer = await proxy.admin("POST", "sessions", json={"name": "another"})
    assert (status, "4096 are open" in answer["error"]) == (400, True)
    assert (await proxy.call("GET", "/s/s7/health"))[0] == 200
    assert (await proxy.call("GET", "/health"))[0] == 200
    await proxy.admin("DELETE", "sessions/s8")
    await proxy.admin("DELETE", "sessions/s9")  # one of them for the default session, which there is in any case
    assert (await proxy.call("GET", "/s/another/health"))[0] == 200


async def test_verify_judges_one_session_of_a_proxy_and_of_its_ledger(proxy: Standing) -> None:
    await proxy.call("GET", "/s/alpha/health")
    await proxy.call("GET", "/s/beta/nobody-recorded-this")
    for where in ([], ["--url", proxy.url]):
        codes = {}
        for name in ("alpha", "beta", "nobody", "a b"):
            done = await proxy.run("verify", "--session", name, *where)
            codes[name] = done.returncode
        assert codes == {"alpha": 0, "beta": 1, "nobody": 5, "a b": 2}


async def test_a_header_that_is_no_name_is_refused_and_says_what_one_is(proxy: Standing) -> None:
    status, answer = await proxy.call("GET", "/health", headers={"X-Cpproxy-Session": "a b"})
    assert status == 400
    assert "1 to 64 letters, digits, dots, dashes and underscores" in answer["error"]
    assert (await proxy.call("GET", "/health"))[0] == 200


async def test_a_session_is_opened_with_cassettes_of_its_own(proxy: Standing) -> None:
    status, opened = await proxy.admin("POST", "sessions", json={"name": "alpha", "cassettes": ["harness/canary"]})
    assert status == 201
    assert opened == {"name": "alpha", "url": f"{proxy.url}/s/alpha", "cassettes": ["harness/canary"]}
    assert (await proxy.call("GET", "/s/alpha/health"))[0] == 200
    status, miss = await proxy.call("GET", "/s/alpha/config")
    assert status == 421
    foreign = [near["because"] for near in miss["cpproxy"]["nearest"] if near["cassette"] == "harness/boot"]
    assert set(foreign) == {"this session does not play cassette harness/boot"}
    assert (await proxy.call("GET", "/config"))[0] == 200  # other sessions play all
    assert (await proxy.call("GET", "/s/beta/config"))[0] == 200


async def test_a_reset_leaves_a_session_its_cassettes(proxy: Standing) -> None:
    await proxy.admin("POST", "sessions", json={"name": "alpha", "cassettes": ["harness/boot"]})
    assert await provision(proxy, "/s/alpha") == 201
    assert (await proxy.call("POST", "/s/alpha/__cpproxy/reset"))[0] == 200
    assert await provision(proxy, "/s/alpha") == 201
    assert (await proxy.call("GET", "/s/alpha/health"))[0] == 421


async def test_a_session_without_a_name_gets_one(proxy: Standing) -> None:
    names = set()
    for _ in range(2):
        status, opened = await proxy.admin("POST", "sessions")
        assert status == 201
        assert opened["url"] == f"{proxy.url}/s/{opened['name']}"
        assert opened["cassettes"] == ["harness/boot", "harness/canary"]
        names.add(opened["name"])
    assert len(names) == 2


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        pytest.param({"name": "taken"}, 409, "session taken exists", id="opened before"),
        pytest.param({"name": "called"}, 409, "session called exists", id="named by a call before"),
        pytest.param({"name": "default"}, 409, "session default exists", id="the default"),
        pytest.param({"name": "a/b"}, 400, "1 to 64 letters", id="no name"),
        pytest.param({"cassettes": ["harness/nope"]}, 400, "there are: harness/boot, harness/canary", id="unknown"),
        pytest.param({"cassette": "harness/boot"}, 400, "cassette", id="a member that is none"),
    ],
)
async def test_what_cannot_be_opened_is_refused(proxy: Standing, body: Any, status: int, reason: str) -> None:
    await proxy.admin("POST", "sessions", json={"name": "taken"})
    await proxy.call("GET", "/s/called/health")
    code, answer = await proxy.admin("POST", "sessions", json=body)
    assert code == status
    assert reason in answer["error"]


async def test_sessions_are_listed(proxy: Standing) -> None:
    assert await proxy.admin("GET", "sessions") == (200, {"sessions": []})
    await proxy.admin("POST", "sessions", json={"name": "alpha", "cassettes": ["harness/canary"]})
    await proxy.call("GET", "/s/beta/health")
    await proxy.admin("GET", "state?session=gamma")  # to ask after one begins none
    both = ["harness/boot", "harness/canary"]
    assert await proxy.admin("GET", "sessions") == (
        200,
        {
            "sessions": [
                {"name": "alpha", "url": f"{proxy.url}/s/alpha", "cassettes": ["harness/canary"]},
                {"name": "beta", "url": f"{proxy.url}/s/beta", "cassettes": both},
            ]
        },
    )


async def test_a_session_ends_with_the_verdict_on_its_own_calls(proxy: Standing) -> None:
    await proxy.admin("POST", "sessions", json={"name": "alpha", "cassettes": ["harness/canary"]})
    await proxy.call("GET", "/s/alpha/health")
    await proxy.call("GET", "/nobody-recorded-this")
    status, verdict = await proxy.admin("DELETE", "sessions/alpha")
    assert (status, verdict["exit"]) == (200, 0)
    assert verdict["outcomes"] == {"replayed": 1}
    assert (verdict["played"], verdict["recorded"]) == (1, 1)
    assert verdict["scenarios"] == ["harness/canary"]
    assert (await proxy.admin("GET", "sessions"))[1]["sessions"][0]["name"] == "default"
    assert (await proxy.admin("DELETE", "sessions/alpha"))[0] == 404
    with Ledger.open(proxy.settings.ledger) as ledger:
        ledger.ingest()
        opened, closed = ledger.events(proxy.desk.run.id)
    assert isinstance(opened, SessionOpened)
    assert (opened.session, opened.cassettes) == ("alpha", ("harness/canary",))
    assert isinstance(closed, SessionClosed)


async def test_a_verdict_has_the_findings_of_its_session(proxy: Standing) -> None:
    await proxy.admin("POST", "sessions", json={"name": "alpha", "cassettes": ["harness/boot", "harness/canary"]})
    await proxy.call("GET", "/s/alpha/nobody-recorded-this")
    await proxy.call("GET", "/s/alpha/config")
    (proxy.settings.cassettes / "harness/canary.json").unlink()
    _, verdict = await proxy.admin("DELETE", "sessions/alpha")
    found = {(one["kind"], one.get("scenario", "")) for one in verdict["findings"]}
    assert verdict["exit"] == 1
    assert found == {("miss", ""), ("untouched_cassette", "harness/canary"), ("digest_mismatch", "harness/canary")}


async def test_a_name_may_be_used_again_and_starts_from_nothing(proxy: Standing) -> None:
    for _ in range(2):
        assert (await proxy.admin("POST", "sessions", json={"name": "alpha"}))[0] == 201
        assert await provision(proxy, "/s/alpha") == 201
        assert (await proxy.call("GET", "/s/alpha/__stub/state"))[1]["provision_calls"] == 1
        _, verdict = await proxy.admin("DELETE", "sessions/alpha")
        assert (verdict["calls"], verdict["outcomes"]) == (1, {"replayed": 1})


async def test_one_that_was_opened_on_purpose_and_closed_stays_closed_until_it_is_opened_again(proxy: Standing) -> None:
    await proxy.admin("POST", "sessions", json={"name": "alpha", "cassettes": ["harness/boot"]})
    await proxy.admin("DELETE", "sessions/alpha")
    for method, path, body in (("GET", "config", None), ("POST", "__cpproxy/scenarios", {"name": "harness/boot"})):
        status, refusal = await proxy.call(method, f"/s/alpha/{path}", json=body)
        assert (status, "session alpha was closed" in refusal["error"]) == (410, True)
    assert (await proxy.call("POST", "/s/alpha/__cpproxy/reset"))[0] == 200
    assert [one["name"] for one in (await proxy.admin("GET", "sessions"))[1]["sessions"]] == ["default"]
    assert (await proxy.admin("GET", "calls?session=alpha"))[1]["calls"] == []
    _, rows = await proxy.admin("GET", "calls?session=default")
    assert [(one["call"]["outcome"], one["call"]["status"]) for one in rows["calls"]] == [("error", 410)]
    assert (await proxy.admin("POST", "sessions", json={"name": "alpha"}))[0] == 201
    assert (await proxy.call("GET", "/s/alpha/config"))[0] == 200


async def test_one_that_began_with_a_call_begins_with_the_next_one_again(proxy: Standing) -> None:
    for _ in range(2):
        assert await provision(proxy, "/s/alpha") == 201
        assert (await proxy.admin("DELETE", "sessions/alpha"))[1]["calls"] == 1


class Slow:
    """A `POST /provision` of a session, whose body comes in two parts."""

    BODY = b'{"org_id":"org-alpha"}'

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def begin(cls, proxy: Standing, session: str) -> Self:
        reader, writer = await asyncio.open_connection(*proxy.url.removeprefix("http://").split(":"))
        head = f"POST /s/{session}/provision HTTP/1.1\r\nHost: cp\r\nContent-Length: {len(cls.BODY)}\r\n"
        head += "Content-Type: application/json\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + cls.BODY[:9])
        await until(lambda: bool(proxy.desk.tally.under_way(session)))
        return cls(reader, writer)

    async def end(self) -> bytes:
        self._writer.write(self.BODY[9:])
        return await self.answer()

    async def answer(self) -> bytes:
        """What came, as far as it has."""
        answer = await self._reader.read()
        self._writer.close()
        return answer


async def test_the_name_of_a_session_is_nobodys_until_its_verdict_is_out(proxy: Standing) -> None:
    await proxy.admin("POST", "sessions", json={"name": "alpha"})
    slow = await Slow.begin(proxy, "alpha")
    closing = asyncio.create_task(proxy.admin("DELETE", "sessions/alpha"))
    await until(lambda: proxy.desk.tally.session("alpha").closing)
    asked = {
        "open": await proxy.admin("POST", "sessions", json={"name": "alpha"}),
        "close": await proxy.admin("DELETE", "sessions/alpha"),
        "call": await proxy.call("GET", "/s/alpha/config"),
        "begin": await proxy.admin("POST", "scenarios?session=alpha", json={"name": "harness/boot"}),
        "reset": await proxy.admin("POST", "reset?session=alpha"),
    }
    assert {what: status for what, (status, _) in asked.items()} == {
        "open": 409,
        "close": 409,
        "call": 410,
        "begin": 410,
        "reset": 410,
    }
    assert all("session alpha is being closed" in refusal["error"] for _, refusal in asked.values())
    assert not closing.done()
    assert (await slow.end()).startswith(b"HTTP/1.1 201 ")
    status, verdict = await closing
    assert (status, verdict["outcomes"]) == (200, {"replayed": 1})
    assert (await proxy.admin("POST", "sessions", json={"name": "alpha"}))[0] == 201


async def test_whoever_asks_for_the_name_of_a_session_while_it_is_judged_waits_for_the_verdict(proxy: Standing) -> None:
    async def reopen() -> None:
        while (await proxy.admin("POST", "sessions", json={"name": "alpha", "cassettes": ["harness/boot"]}))[0] != 201:
            pass
        await proxy.call("GET", "/s/alpha/config")

    await proxy.admin("POST", "sessions", json={"name": "alpha", "cassettes": ["harness/canary"]})
    await proxy.call("GET", "/s/alpha/health")
    (_, first), _ = await asyncio.gather(proxy.admin("DELETE", "sessions/alpha"), reopen())
    _, second = await proxy.admin("DELETE", "sessions/alpha")
    assert [(one["scenarios"], one["calls"]) for one in (first, second)] == [
        (["harness/canary"], 1),
        (["harness/boot"], 1),
    ]
    with Ledger.open(proxy.settings.ledger) as ledger:
        ledger.ingest()
        kinds = [type(one) for one in ledger.events(proxy.desk.run.id)]
    assert kinds == [SessionOpened, SessionClosed, SessionOpened, SessionClosed]


async def test_a_call_that_outlasts_the_grace_is_refused_counted_and_brings_nothing_back(tmp_path: Path) -> None:
    async with standing(tmp_path, grace=0) as proxy:
        await proxy.admin("POST", "sessions", json={"name": "alpha", "cassettes": ["harness/boot"]})
        slow = await Slow.begin(proxy, "alpha")
        _, verdict = await proxy.admin("DELETE", "sessions/alpha")
        assert (verdict["outcomes"], verdict["exit"]) == ({"error": 1}, 1)
        answer = await slow.end()
        assert answer.startswith(b"HTTP/1.1 410 ")
        assert b"session alpha was closed before the call was answered" in answer
        assert (await proxy.admin("GET", "sessions"))[1] == {"sessions": []}
        assert (await proxy.admin("POST", "sessions", json={"name": "alpha"}))[0] == 201


async def test_an_answer_that_outlasts_the_grace_is_cut_off_and_counted(tmp_path: Path) -> None:
    headers = (("Content-Type", "text/event-stream"),)
    answered = RecordedResponse(200, "OK", headers, Body(text="onetwo"), ((0, 3), (3_600_000, 3)))
    stream = Interaction("0001", 0.0, 3600.0, RecordedRequest("GET", "/stream"), answered)
    async with standing(tmp_path, grace=0, more=(stream,)) as proxy:
        async with aiohttp.ClientSession() as client, client.get(f"{proxy.url}/s/alpha/stream") as response:
            assert await response.content.readexactly(3) == b"one"
            _, verdict = await proxy.admin("DELETE", "sessions/alpha")
            with pytest.raises(aiohttp.ClientError):
                await response.content.read()
        assert verdict["outcomes"] == {"error": 1}
        assert (await proxy.admin("GET", "sessions"))[1] == {"sessions": []}


async def test_a_session_that_cannot_be_judged_as_asked_stays_open(proxy: Standing) -> None:
    await proxy.admin("POST", "sessions", json={"name": "alpha"})
    await proxy.call("GET", "/s/beta/health")
    for body in (b"garbage", b'{"fail_on":"mist"}', b'{"require":["x"]}'):
        assert (await proxy.admin("DELETE", "sessions/alpha", data=body))[0] == 400
        assert await provision(proxy, "/s/alpha") in {201, 421}
    status, verdict = await proxy.admin("DELETE", "sessions/alpha", data=b'{"session":"beta"}')
    assert (status, verdict["calls"]) == (200, 3)


async def test_a_reset_of_a_session_that_nobody_opened_opens_none(proxy: Standing) -> None:
    assert (await proxy.call("POST", "/s/alpha/__cpproxy/reset"))[0] == 200
    assert (await proxy.admin("POST", "reset?session=beta"))[1]["calls"] == {}
    assert (await proxy.admin("GET", "sessions"))[1] == {"sessions": []}


async def test_headers_that_name_two_sessions_are_refused(proxy: Standing) -> None:
    def named(*names: str) -> CIMultiDict[str]:
        return CIMultiDict(("X-Cpproxy-Session", name) for name in names)

    status, refusal = await proxy.call("GET", "/health", headers=named("alpha", "beta"))
    assert (status, "more than one X-Cpproxy-Session" in refusal["error"]) == (400, True)
    assert (await proxy.call("GET", "/health", headers=named("alpha", "alpha")))[0] == 200
    assert (await proxy.call("GET", "/s/gamma/health", headers=named("alpha", "beta")))[0] == 200
    names = [one["name"] for one in (await proxy.admin("GET", "sessions"))[1]["sessions"]]
    assert names == ["default", "alpha", "gamma"]


@pytest.mark.parametrize("name", ["../x", "", "a b"])
async def test_every_command_refuses_a_session_that_is_no_name(proxy: Standing, name: str) -> None:
    await proxy.call("GET", "/health")
    for command in (["calls"], ["verify"], ["status"], ["wait"], ["scenario", "end"]):
        done = await asyncio.to_thread(finish, [*command, "--session", name, "--url", proxy.url])
        assert (done.returncode, "1 to 64 letters" in done.stderr) == (2, True), command
    for path in ("calls", "state", "misses"):
        status, refusal = await proxy.admin("GET", f"{path}?session=..%2Fx")
        assert (status, "1 to 64 letters" in refusal["error"]) == (400, True)
    assert (await proxy.admin("POST", "verdict", json={"session": "../x"}))[0] == 400


async def test_the_ledger_holds_of_each_call_its_own_body(tmp_path: Path) -> None:
    made = interaction("0001", "POST", "/workspaces", f'{{"id":"{uuid.uuid4()}"}}', status=201)
    async with standing(tmp_path, more=(made,)) as proxy:
        for name in ("alpha", "beta"):
            own = str(uuid.uuid4())
            assert (await proxy.call("POST", f"/s/{name}/workspaces", json={"id": own}))[0] == 201
            _, rows = await proxy.admin("GET", f"calls?session={name}")
            assert [one["call"]["body"] for one in rows["calls"]] == [{"id": own}]
            ask = {"session": name, "require": [f"POST /workspaces $.id={own}"]}
            assert (await proxy.admin("POST", "verdict", json=ask))[1]["exit"] == 0


async def test_the_ledger_holds_what_a_route_leaves_out_of_the_match(tmp_path: Path) -> None:
    route = {"name": "provision", "match": "POST /provision", "ignore": ["$.build"]}
    async with standing(tmp_path, config={"routes": [route]}) as proxy:
        assert (await proxy.call("POST", "/provision", json={"org_id": "org-alpha", "build": 1}))[0] == 201
        assert (await proxy.call("POST", "/provision", json={"org_id": "else", "build": 2}))[0] == 421
        for build in (1, 2):
            _, rows = await proxy.admin("GET", "calls")
            assert rows["calls"][build - 1]["call"]["body"]["build"] == build
        done = await proxy.run(
            "verify", "--require", "POST /provision $.build=1", "--require", "POST /provision $.build=3"
        )
        assert "$.build=3" in done.stdout
        assert "$.build=1" not in done.stdout


async def test_nothing_of_a_closed_session_stays(proxy: Standing) -> None:
    await proxy.call("GET", "/s/alpha/health")
    assert any(isinstance(one, Session) for one in gc.get_objects())
    await proxy.admin("DELETE", "sessions/alpha")
    gc.collect()
    assert not any(isinstance(one, Session) for one in gc.get_objects())
    assert proxy.desk.tally.sessions() == ()


async def test_the_admin_paths_below_a_session_speak_of_it(proxy: Standing) -> None:
    async def ask(method: str, path: str, **more: Any) -> Any:
        status, answer = await proxy.call(method, f"/s/alpha/__cpproxy/{path}", **more)
        assert status == 200
        return answer

    await proxy.call("GET", "/nobody-recorded-this")
    await proxy.call("GET", "/s/alpha/health")
    assert (await ask("POST", "scenarios", json={"name": "harness/boot"}))["sessions"] == {"alpha": "harness/boot"}
    assert await provision(proxy, "/s/alpha") == 201
    state = await ask("GET", "state")
    assert (state["session"], state["scenario"], state["calls"]) == ("alpha", "harness/boot", {"replayed": 2})
    assert await proxy.call("GET", "/s/alpha/__stub/state") == (200, {"provision_calls": 1, "config_calls": 0})
    assert await proxy.call("GET", "/__stub/state") == (200, {"provision_calls": 0, "config_calls": 0})
    assert [one["call"]["target"] for one in (await ask("GET", "calls"))["calls"]] == ["/health", "/provision"]
    assert (await ask("GET", "misses"))["calls"] == []
    assert (await ask("POST", "wait", json={"calls": ["POST /provision"], "timeout": 5}))["met"]
    assert (await ask("POST", "verdict", json={"require": ["POST /provision"]}))["exit"] == 0
    assert (await ask("POST", "scenarios/end"))["sessions"] == {}
    await ask("POST", "reset")
    assert (await ask("GET", "state"))["calls"] == {}
    assert (await proxy.admin("GET", "state"))[1]["calls"] == {"miss": 1}


async def test_commands_speak_of_the_session_that_their_url_names(proxy: Standing) -> None:
    url = f"{proxy.url}/s/alpha"
    env = {"CPPROXY_URL": url}
    await proxy.call("GET", "/nobody-recorded-this")
    assert (await asyncio.to_thread(finish, ["scenario", "begin", "harness/canary"], env=env)).returncode == 0
    await proxy.call("GET", "/s/alpha/health")
    assert (await asyncio.to_thread(finish, ["wait", "--for", "GET /health"], env=env)).returncode == 0
    status = await proxy.run("status", env=env)
    assert "session alpha\nscenario harness/canary\ncalls: 1 replayed\n" in status.stdout
    calls = await proxy.run("calls", "--format", "json", env=env)
    assert [one["target"] for one in msgspec.json.decode(calls.stdout)] == ["/health"]
    assert (await asyncio.to_thread(finish, ["scenario", "end", "--exit", "0"], env=env)).returncode == 0
    verify = await proxy.run("verify", env=env)
    assert verify.returncode == 0, verify.stdout
    assert (await proxy.run("verify", "--url", proxy.url)).returncode == 1


def test_a_hundred_sessions_at_once_get_what_each_would_get_alone(tmp_path: Path) -> None:
    cassettes = tmp_path / "cassettes"
    recorded = str(uuid.UUID(int=uuid.uuid4().int, version=4))
    made = interaction("0002", "POST", "/workspaces", f'{{"id":"{recorded}"}}', status=201)
    write_cassette(cassettes, "many", [*_about(recorded, "pending", before=made), *_about(recorded, "running", at=2.0)])
    write_cassette(cassettes, "boot", BOOT)

    async def live(client: aiohttp.ClientSession, base: str, number: int) -> dict[str, Any]:
        own = str(uuid.UUID(int=number + 1, version=4))
        asked: list[Any] = []
        async with client.post(f"{base}/workspaces", json={"id": own}) as answer:
            assert answer.status == 201
        for _ in range(3):
            await asyncio.sleep(0)
            async with client.get(f"{base}/workspaces/{own}") as answer:
                asked.append(await answer.json())
        async with client.post(f"{base}/workspaces", json={"id": own}) as answer:
            assert answer.status == 421
        assert asked == [
            {"id": own, "state": "pending"},
            {"id": own, "state": "running"},
            {"id": own, "state": "running"},
        ]
        async with client.get(f"{base}/__cpproxy/state") as answer:
            return dict(await answer.json())

    async def live_all(url: str) -> None:
        async with aiohttp.ClientSession() as client:
            bases = []
            for number in range(AT_ONCE):
                opened = {"name": f"tenant.{number}", "cassettes": ["many"]}
                async with client.post(f"{url}/__cpproxy/sessions", json=opened) as answer:
                    bases.append((await answer.json())["url"])
            states = await asyncio.gather(*(live(client, base, number) for number, base in enumerate(bases)))
            assert {state["session"] for state in states} == {f"tenant.{number}" for number in range(AT_ONCE)}
            assert all(state["calls"] == {"replayed": 4, "miss": 1} for state in states)
            async with client.delete(f"{url}/__cpproxy/sessions/tenant.7") as answer:
                verdict = await answer.json()
            assert (verdict["calls"], verdict["exit"]) == (5, 1)
            async with client.get(f"{url}/__cpproxy/sessions") as answer:
                assert len((await answer.json())["sessions"]) == AT_ONCE - 1

    with running(["replay", "--cassettes", str(cassettes), "--listen", "127.0.0.1:0"], cwd=tmp_path) as proxy:
        asyncio.run(live_all(proxy.url))


def _about(workspace: str, state: str, *, before: Any = None, at: float = 1.0) -> list[Any]:
    """A read of a workspace, after what was played before it."""
    read = interaction(f"read-{state}", "GET", f"/workspaces/{workspace}")
    body = msgspec.structs.replace(
        read.response.body,  # type: ignore[type-var]
        json=msgspec.Raw(msgspec.json.encode({"id": workspace, "state": state})),
    )
    headers = (("Content-Type", "application/json"),)
    response = msgspec.structs.replace(read.response, headers=headers, body=body)
    read = msgspec.structs.replace(read, start=at, end=at + 0.1, response=response)
    return [read] if before is None else [before, read]
