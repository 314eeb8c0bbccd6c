"""verify, calls, call, scenario, wait and status, run as a user runs them: on a ledger, and on a running proxy."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from msgspec import Raw

from cpproxy.core.calls import Call, Outcome
from cpproxy.core.runs import Mode, Run, RunEnded, ScenarioBegun, ScenarioEnded, Served
from cpproxy.files import cassettes
from cpproxy.ledger.journal import Journal
from tests import vouch
from tests.processes import CPPROXY, finish, running_program
from tests.standing import BOOT, Standing, standing, write_cassette

END = RunEnded(at=9.0, reason="SIGTERM")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a config and a cassette, in which the commands are run."""
    write_cassette(tmp_path / "cassettes", "harness/boot", BOOT)
    (tmp_path / "cpproxy.toml").write_text(
        '[cp]\nfront_url = "http://cp:9090"\n[[routes]]\nname = "provision"\nmatch = "POST /provision"\n'
        'env = ["CP_PROVISION_URL"]\nrequired = true\n'
    )
    return tmp_path


def played(seq: int, interaction: str, method: str, target: str, body: str = "{}") -> Call:
    return Call(
        seq=seq,
        at=1.0,
        outcome=Outcome.REPLAYED,
        method=method,
        target=target,
        status=200,
        cassette="harness/boot",
        interaction=interaction,
        client="127.0.0.1",
        body=Raw(body.encode()),
    )


ALL = (
    played(1, "0001", "GET", "/config"),
    played(2, "0002", "POST", "/provision", '{"org_id":"org-alpha"}'),
)


def write_run(folder: Path, *rows: Call, name: str = "run-1", started: float = 1.0, **more: Any) -> Journal:
    """A run that has served `harness/boot` and goes on; `close` ends it."""
    sha256 = cassettes.file_digest(folder / "cassettes", "harness/boot")
    run = Run(name, Mode.REPLAY, started, cassettes=(Served("harness/boot", sha256, 2),), **more)
    journal = Journal.create(folder / ".cpproxy" / "ledger.db", vouch.run(run))
    for row in rows:
        journal.add(vouch.row(row))
    journal.flush()
    return journal


@pytest.mark.parametrize(
    ("rows", "arguments", "code", "words"),
    [
        pytest.param(ALL, [], 0, "cpproxy: clean; run run-1: 2 calls (2 replayed), 2 of 2 interactions", id="clean"),
        pytest.param(ALL[:1], [], 1, "absence: nobody called provision (POST /provision)", id="absence"),
        pytest.param((), [], 5, "empty_run: no call arrived", id="empty"),
        pytest.param(
            ALL,
            ["--require", "POST /provision $.org_id=org-alpha >=2"],
            1,
            "requirement: `POST /provision",
            id="require",
        ),
        pytest.param(ALL, ["--require", "POST /provision $.org_id=org-alpha"], 0, "clean", id="required and there"),
        pytest.param(ALL[1:], [], 0, "warning unasked_read: cassette harness/boot", id="warning"),
        pytest.param(ALL[1:], ["--fail-on", "unasked-read"], 1, "unasked_read: cassette harness/boot", id="fail on"),
        pytest.param(ALL, ["--require", "x"], 2, "requirement 'x': expected a method and a path", id="no requirement"),
        pytest.param(ALL, ["--fail-on", "mist"], 2, "--fail-on mist: expected all", id="no kind"),
        pytest.param(ALL, ["--run", "run-7"], 2, "no run run-7; the latest is run-1", id="no run"),
        pytest.param(ALL, ["--run", "run-1"], 0, "clean", id="by id"),
    ],
)
def test_verify_judges_the_ledger(
    folder: Path, rows: tuple[Call, ...], arguments: list[str], *, code: int, words: str
) -> None:
    write_run(folder, *rows).close(vouch.event(END))
    done = finish(["verify", *arguments], cwd=folder)
    assert done.returncode == code, done.stdout + done.stderr
    assert words in (done.stderr if code == 2 else done.stdout)


def test_verify_without_a_ledger_says_how_to_begin_one(folder: Path) -> None:
    done = finish(["verify"], cwd=folder)
    assert done.returncode == 2
    assert done.stderr == (
        "cpproxy: error: ledger .cpproxy/ledger.db: is not there yet; `cpproxy replay` or `cpproxy record` begins it\n"
    )


def test_verify_sees_that_the_checkout_has_other_cassettes(folder: Path) -> None:
    write_run(folder, *ALL).close(vouch.event(END))
    write_cassette(folder / "cassettes", "harness/boot", BOOT[:1])
    write_cassette(folder / "cassettes", "harness/new", BOOT[:1])
    done = finish(["verify"], cwd=folder)
    assert done.returncode == 1
    assert "cassette harness/boot was served with the digest" in done.stdout
    assert "cassette harness/new is in the checkout and was not served" in done.stdout


def test_verify_where_there_is_no_checkout_compares_nothing(folder: Path) -> None:
    write_run(folder, *ALL).close(vouch.event(END))
    assert finish(["verify", "--cassettes", "elsewhere"], cwd=folder).returncode == 0


def test_verify_stops_at_a_cassette_that_cannot_be_read(folder: Path) -> None:
    path = folder / "cassettes" / "harness" / "boot.json"
    path.write_text("{")
    write_run(folder, *ALL).close(vouch.event(END))
    done = finish(["verify"], cwd=folder)
    assert done.returncode == 3
    assert done.stderr.startswith("cpproxy: error: cassettes/harness/boot.json: $")


def test_verify_judges_a_run_that_was_killed(folder: Path) -> None:
    os.close(write_run(folder, *ALL)._fd)
    done = finish(["verify"], cwd=folder)
    assert done.returncode == 0
    assert "warning killed: the proxy was killed" in done.stdout


def test_the_formats_are_what_they_say(folder: Path) -> None:
    write_run(folder, *ALL[:1]).close(vouch.event(END))
    shown = {form: finish(["verify", "--format", form], cwd=folder) for form in ("json", "junit", "github", "markdown")}
    assert {done.returncode for done in shown.values()} == {1}
    assert [one["kind"] for one in json.loads(shown["json"].stdout)["findings"]] == ["absence"]
    assert ET.fromstring(shown["junit"].stdout).get("failures") == "1"
    assert shown["github"].stdout.startswith("::error title=cpproxy absence::nobody called provision")
    assert shown["markdown"].stdout.startswith("### cpproxy: 1 finding")


@pytest.mark.parametrize(
    ("rows", "script", "code"),
    [
        pytest.param(ALL, "exit 0", 0, id="both well"),
        pytest.param(ALL, "exit 7", 7, id="the command fails"),
        pytest.param(ALL[:1], "exit 0", 1, id="findings"),
        pytest.param(ALL[:1], "exit 7", 7, id="the command's own code wins"),
        pytest.param(ALL, "kill -9 $$", 137, id="the command is killed"),
    ],
)
def test_verify_runs_a_command_first_and_judges_whatever_it_did(
    folder: Path, rows: tuple[Call, ...], script: str, code: int
) -> None:
    write_run(folder, *rows).close(vouch.event(END))
    done = finish(["verify", "--", "sh", "-c", f"echo ran; {script}"], cwd=folder)
    assert done.returncode == code
    assert done.stdout.startswith("ran\n")
    assert "cpproxy: " in done.stdout


def test_verify_tells_both_when_the_command_fails_and_nothing_can_be_judged(folder: Path) -> None:
    done = finish(["verify", "--", "sh", "-c", "exit 7"], cwd=folder)
    assert done.returncode == 7
    assert "is not there yet" in done.stderr


def test_calls_are_listed_filtered_and_shown(folder: Path) -> None:
    miss = Call(seq=3, at=1.0, outcome=Outcome.MISS, method="GET", target="/x", status=421, reason="not recorded")
    write_run(folder, *ALL, miss).close(vouch.event(END))
    assert len(finish(["calls"], cwd=folder).stdout.splitlines()) == 4
    filtered = finish(["calls", "--outcome", "miss", "--format", "json"], cwd=folder)
    assert [one["id"] for one in json.loads(filtered.stdout)] == ["run-1:3"]
    assert "reason: not recorded" in finish(["call", "3"], cwd=folder).stdout
    one = json.loads(finish(["call", "run-1:2", "--format", "json"], cwd=folder).stdout)
    assert one["body"] == {"org_id": "org-alpha"}
    assert finish(["call", "9"], cwd=folder).returncode == 2


def test_no_variable_sets_a_format_that_some_commands_do_not_know(folder: Path) -> None:
    write_run(folder, *ALL)
    done = finish(["calls"], cwd=folder, env={"CPPROXY_FORMAT": "junit"})
    assert (done.returncode, done.stderr) == (0, "")


def test_all_calls_are_listed_however_many(folder: Path) -> None:
    write_run(folder, *(played(seq, "0001", "GET", "/config") for seq in range(1, 2502))).close(vouch.event(END))
    assert len(json.loads(finish(["calls", "--format", "json"], cwd=folder).stdout)) == 2501


def test_calls_are_followed_until_the_run_is_over(folder: Path) -> None:
    journal = write_run(folder)
    with running_program(
        [*CPPROXY, "calls", "--follow", "--format", "json"],
        cwd=folder,
    ) as follower:
        for row in ALL:
            journal.add(vouch.row(row))
            journal.flush()
            follower.expect(rf'"id":"run-1:{row.seq}"')
        journal.close(vouch.event(END))
        assert follower.wait() == 0
    assert [json.loads(line)["seq"] for line in follower.stdout.splitlines()] == [1, 2]


def test_status_without_a_proxy_tells_how_the_last_run_ended(folder: Path) -> None:
    write_run(folder, *ALL).close(vouch.event(END))
    assert finish(["status"], cwd=folder).stdout == (
        "no proxy runs here; run run-1 (replay) ended (SIGTERM), calls: 2 (`cpproxy verify`)\n"
    )
    status = json.loads(finish(["status", "--format", "json"], cwd=folder).stdout)
    assert (status["running"], status["calls"], status["reason"]) == (False, 2, "SIGTERM")


def test_scenarios_of_the_ledger_are_judged(folder: Path) -> None:
    journal = write_run(folder, *ALL)
    journal.note(vouch.event(ScenarioBegun(1.0, "harness/boot", xfail="#2863")))
    journal.note(vouch.event(ScenarioEnded(2.0, "harness/boot", exit=1)))
    journal.close(vouch.event(END))
    with (folder / "cpproxy.toml").open("a") as file:
        file.write('[[expect]]\nscenario = "harness/boot"\nissue = "#2863"\nuntil = 2999-12-31\n')
    assert "exempted xfail_scenario" in finish(["verify"], cwd=folder).stdout
    config = (folder / "cpproxy.toml").read_text()
    (folder / "cpproxy.toml").write_text(config.replace("2999", "2020"))
    done = finish(["verify"], cwd=folder)
    assert done.returncode == 1
    assert "Its exemption (#2863) ended on 2020-12-31." in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["scenario", "begin", "x"],
            "no proxy runs on the ledger .cpproxy/ledger.db: start one, or name one with --url",
        ),
        (
            ["scenario", "end", "--url", "http://127.0.0.1:1"],
            "no proxy answers at http://127.0.0.1:1: Connection refused",
        ),
        (["status", "--url", "http://127.0.0.1:1"], "no proxy answers at http://127.0.0.1:1"),
        (["calls", "--url", "127.0.0.1:1"], "no proxy answers at 127.0.0.1:1"),
        (["verify", "--url", "ftp://x"], "--url ftp://x: expected the address of a proxy"),
        (["verify", "--url", "http://127.0.0.1:1", "--run", "x"], "--run is for the ledger"),
        (["wait", "--for", "GET /a $.b=1"], "looks at method and path alone"),
        (["wait", "--timeout", "nan"], "--timeout nan: expected seconds from 0 to 1000000"),
        (["wait", "--timeout", "inf"], "--timeout inf: expected seconds from 0 to 1000000"),
        (["wait", "--timeout", "-1"], "--timeout -1: expected seconds from 0 to 1000000"),
        (["status", "--url", "http://[::1"], "--url http://[::1: expected the address of a proxy"),
        (["status", "--url", "127.0.0.1:abc"], "--url 127.0.0.1:abc: expected the address of a proxy"),
    ],
)
def test_what_cannot_be_asked_is_one_line_and_exit_2(folder: Path, arguments: list[str], words: str) -> None:
    done = finish(arguments, cwd=folder)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert words in done.stderr


def test_wait_gives_up_when_no_proxy_comes(folder: Path) -> None:
    done = finish(["wait", "--timeout", "0"], cwd=folder)
    assert done.returncode == 1
    assert done.stderr.startswith("cpproxy: error: wait: no proxy is ready after 0 s: no proxy runs on the ledger ")
    assert done.stderr.count("\n") == 1
    named = finish(["wait", "--timeout", "0", "--url", "http://127.0.0.1:1"], cwd=folder)
    assert named.returncode == 1
    assert "ready after 0 s: no proxy answers at http://127.0.0.1:1: " in named.stderr


@pytest.fixture
async def proxy(tmp_path: Path) -> AsyncIterator[Standing]:
    async with standing(tmp_path) as one:
        yield one


@pytest.mark.parametrize("by", ["url", "variable", "ledger"])
async def test_a_running_proxy_is_found(proxy: Standing, by: str) -> None:
    arguments = ["--url", proxy.url] if by == "url" else []
    env = {"CPPROXY_URL": proxy.url} if by == "variable" else {}
    assert (await proxy.run("wait", *arguments, env=env)).returncode == 0
    for nothing in ("", " "):
        refused = await proxy.run("scenario", "begin", "harness/boot", "--xfail", nothing, *arguments, env=env)
        assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    begun = await proxy.run("scenario", "begin", "harness/boot", "--xfail", "#1", *arguments, env=env)
    assert begun.returncode == 0, begun.stderr
    await proxy.provision()
    status = await proxy.run("status", *arguments, env=env)
    assert f"replaying on {proxy.url} (run {proxy.desk.run.id}" in status.stdout
    assert "scenario harness/boot\ncalls: 1 replayed\nprovision_calls: 1\nconfig_calls: 0\n" in status.stdout
    assert (await proxy.run("scenario", "end", "--exit", "3", *arguments, env=env)).returncode == 0
    verdict = await proxy.run("verify", *arguments, env=env)
    assert verdict.returncode == 1
    assert "xfail_scenario: scenario harness/boot is marked as an expected failure (#1)" in verdict.stdout


async def test_verify_judges_a_running_proxy_by_the_checkout_and_what_is_required(proxy: Standing) -> None:
    await proxy.provision()
    clean = await proxy.run("verify", "--url", proxy.url, "--require", "POST /provision $.org_id=org-alpha")
    assert clean.returncode == 0, clean.stdout
    twice = await proxy.run("verify", "--url", proxy.url, "--require", "POST /provision >=2")
    assert (twice.returncode, "requirement: " in twice.stdout) == (1, True)
    write_cassette(proxy.settings.cassettes, "harness/boot", BOOT[:1])
    stale = await proxy.run("verify", "--url", proxy.url)
    assert stale.returncode == 1
    assert "digest_mismatch: cassette harness/boot was served with the digest" in stale.stdout


async def test_verify_hands_the_proxy_to_its_command(proxy: Standing) -> None:
    script = 'test "$CPPROXY_URL" = "$1" || exit 9'
    done = await proxy.run("verify", "--url", proxy.url, "--", "sh", "-c", script, "sh", proxy.url)
    assert done.returncode == 5
    assert "empty_run" in done.stdout


async def test_calls_of_a_running_proxy(proxy: Standing) -> None:
    await proxy.call("GET", "/nothing")
    listed = await proxy.run("calls", "--url", proxy.url, "--outcome", "miss")
    assert "miss          421  GET /nothing  127.0.0.1" in listed.stdout
    shown = await proxy.run("call", "1", "--url", proxy.url, "--format", "json")
    assert json.loads(shown.stdout)["id"] == f"{proxy.desk.run.id}:1"


async def test_wait_for_calls_of_a_running_proxy(proxy: Standing) -> None:
    waiting = asyncio.create_task(proxy.run("wait", "--url", proxy.url, "--for", "GET /config >=2"))
    await proxy.call("GET", "/config")
    await proxy.call("GET", "/config")
    assert (await waiting).returncode == 0


async def test_wait_fails_at_once_when_a_call_misses(proxy: Standing) -> None:
    await proxy.call("GET", "/nothing")
    began = time.monotonic()
    done = await proxy.run("wait", "--url", proxy.url, "--for", "GET /config", "--timeout", "600")
    assert time.monotonic() - began < 60
    assert done.returncode == 1
    assert done.stderr.startswith("cpproxy: error: wait: miss: GET /nothing from 127.0.0.1: ")
    assert done.stderr.endswith("arrived: 0 of `GET /config`\n")


async def test_wait_in_vain_tells_the_time_that_it_was_given(proxy: Standing) -> None:
    done = await proxy.run("wait", "--url", proxy.url, "--for", "GET /config", "--timeout", "0.5")
    assert done.returncode == 1
    assert done.stderr == "cpproxy: error: wait: not there after 0.5 s; arrived: 0 of `GET /config`\n"


async def test_what_is_no_proxy_is_told(tmp_path: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        done = await asyncio.to_thread(finish, ["status", "--url", url], cwd=tmp_path)
    assert done.returncode == 2
    assert f"what answers at {url} is no cpproxy of this version (status 200)" in done.stderr
