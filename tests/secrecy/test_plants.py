"""No planted secret survives: not in a cassette, the ledger, a log, an error or anything that a command shows."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.processes import finish, running
from tests.secrecy import kinds, places
from tests.secrecy.artefacts import Search, files
from tests.secrecy.driver import Plant, ask, ask_admin, ask_all, plant, show_late, upstream
from tests.secrecy.places import Call

CONFIG = """
[redact]
secrets = ["pin", "header:X-Badge", "query:k", "$.user.answer"]
patterns = ["acme_[a-z0-9]{24}"]
environment = ["STAGING_TOKEN"]
"""
FROM_ENVIRONMENT = "sham-Of-The-Environment-91"
COMMANDS = (
    ["calls"],
    ["calls", "--format", "json"],
    ["call", "1"],
    ["verify"],
    *(["verify", "--format", form] for form in ("json", "github", "junit", "markdown")),
    ["cassette", "ls"],
    ["cassette", "show", "planted"],
    ["cassette", "show", "planted", "--format", "json"],
    ["cassette", "show", "planted", "--identities"],
    ["cassette", "lint"],
    ["status"],
)


def configured(random: Random, start: int) -> list[Plant]:
    """What the config alone makes a secret."""
    made: list[tuple[str, places.Place]] = [
        ("a name of the config", lambda v: places._post(json.dumps({"pin": v}).encode())),
        ("a header of the config", lambda v: Call(headers=[("X-Badge", v)])),
        ("a parameter of the config", lambda v: Call(target=f"/?k={v}")),
        ("a path of the config", lambda v: places._post(json.dumps({"user": {"answer": v}}).encode())),
        ("a pattern of the config", lambda v: places._answer(f"use acme_{v} now".encode(), "text/plain")),
    ]
    plants = []
    for number, (label, place) in enumerate(made, start):
        value = kinds.some(random, kinds.LOWER + kinds.DIGITS, 24)
        plants.append(Plant(number, f"<{label}>", value, place(value)))
    for name, place in places.ANYWHERE.items():
        plants.append(
            Plant(len(plants) + start, f"<of the environment: {name}>", FROM_ENVIRONMENT, place(FROM_ENVIRONMENT))
        )
    return plants


def outputs(folder: Path) -> Iterator[tuple[str, bytes]]:
    """What commands show of a run."""
    for command in COMMANDS:
        told = finish(command, cwd=folder, env={"STAGING_TOKEN": FROM_ENVIRONMENT})
        yield " ".join(command), (told.stdout + told.stderr).encode()


def survivors(search: Search, found: list[tuple[str, bytes]]) -> list[str]:
    return [hit for name, data in found for hit in search.look(name, data)]


@pytest.fixture
def random() -> Random:
    seed = os.urandom(8).hex()
    print(f"planted with seed {seed}")  # noqa: T201 (shown when a test fails)
    return Random(seed)


def test_what_is_planted_is_enough() -> None:
    plants = plant(Random(1))
    assert len(plants) >= 700
    assert len(kinds.KINDS) >= 30
    assert len(places.NAMED | places.ANYWHERE | places.ENCODED) >= 14


def test_no_planted_secret_survives_recording_and_replay(tmp_path: Path, random: Random) -> None:
    plants = plant(random)
    plants += configured(random, len(plants))
    shown = show_late(plants)
    (tmp_path / "cpproxy.toml").write_text(CONFIG)
    (tmp_path / "tmp").mkdir()
    env = {"TMPDIR": str(tmp_path / "tmp"), "STAGING_TOKEN": FROM_ENVIRONMENT}
    found: list[tuple[str, bytes]] = []
    with upstream([*plants, *shown]) as url:
        where = ["--upstream", url, "--cassette", "planted", "--listen", "127.0.0.1:0", "-v", "-v"]
        with running(["record", *where], cwd=tmp_path, env=env) as proxy:
            ask_all(proxy.url, plants[: len(plants) // 2])
            finish(["calls"], cwd=tmp_path)  # the database takes over what is to be cleansed later
            ask_all(proxy.url, plants[len(plants) // 2 :])
            ask_all(proxy.url, shown)
            found += ask_admin(proxy.url)
            found += [("arguments", Path(f"/proc/{proxy.pid}/cmdline").read_bytes())]
            assert proxy.stop() == 0, proxy.describe()
            found += [("recorder's output", proxy.stdout.encode()), ("recorder's errors", proxy.stderr.encode())]
    recorded = json.loads((tmp_path / "cassettes" / "planted.json").read_text())
    assert len(recorded["interactions"]) == len(plants) + len(shown)
    search = Search((one.label, one.value) for one in plants)
    hits = survivors(search, [*found, *files(tmp_path), *outputs(tmp_path)])
    assert not hits, f"{len(hits)} survive recording:\n" + "\n".join(hits[:60])

    again = plant(random)
    again += configured(random, len(again))
    astray = [
        Plant(90_000 + number, f"<missed: {name}>", value, place(value))
        for number, (name, place, value) in enumerate(_stray(random))
    ]
    where = ["--cassette", "planted", "--listen", "127.0.0.1:0", "-v", "-v"]
    found = []
    with running(["replay", *where], cwd=tmp_path, env=env) as proxy:
        answers = ask_all(proxy.url, [*again, *show_late(again)])
        missed = ask_all(proxy.url, astray)
        found += [(f"answer to {one.label}", told.whole) for one, told in zip(astray, missed, strict=True)]
        found += [(f"answer to {one.label}", told.whole) for one, told in zip(again, answers, strict=False)]
        found += ask_admin(proxy.url)
        assert proxy.stop() == 0, proxy.describe()
        found += [("replay's output", proxy.stdout.encode()), ("replay's errors", proxy.stderr.encode())]
    search = Search((one.label, one.value) for one in [*plants, *again, *astray])
    hits = survivors(search, [*found, *files(tmp_path), *outputs(tmp_path)])
    assert not hits, f"{len(hits)} survive replay:\n" + "\n".join(hits[:60])
    kept = [
        pair for pair in zip(again, answers, strict=False) if pair[0].call.told[-1:] != [("Content-Encoding", "zip")]
    ]
    unlike = [f"{one.label}: {told.outcome}" for one, told in kept if told.outcome != "replayed" and not one.binary]
    assert not unlike, f"{len(unlike)} are not replayed:\n" + "\n".join(unlike[:60])
    assert {told.outcome for told in missed} <= {"miss", "unauthorized"}


def _stray(random: Random) -> Iterator[tuple[str, places.Place, str]]:
    for name, place in places.NAMED.items():
        yield f"named: {name}", place, kinds.NAMED[0].draw(random)
    for name, place in places.ANYWHERE.items():
        yield f"shaped: {name}", place, kinds.SHAPED[0].draw(random)


def test_a_secret_that_is_learnt_late_leaves_the_ledger_before_its_own_answer_does(tmp_path: Path) -> None:
    value = "Maple-42-x"
    early = Plant(1, "early", value, Call(target=f"/?note={value}"))
    late = Plant(2, "late", value, Call(headers=[("Authorization", f"Bearer {value}")]))
    with (
        upstream([early, late]) as url,
        running(["record", "--upstream", url, "--listen", "127.0.0.1:0"], cwd=tmp_path) as proxy,
    ):
        ask(proxy.url, early)
        assert (
            value in finish(["calls"], cwd=tmp_path).stdout
        )  # in the journal and the database, where nothing names it
        ask(proxy.url, late)
        search = Search([("the late one", value)])
        assert survivors(search, list(files(tmp_path))) == []
        proxy.kill()
    assert survivors(search, list(files(tmp_path))) == []
