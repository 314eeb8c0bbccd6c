"""No planted secret survives: not in a cassette, the ledger, a log, an error or anything that a command shows."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from tests.processes import finish, running
from tests.secrecy import kinds, places
from tests.secrecy.artefacts import WITHIN, Search, files, outputs
from tests.secrecy.calls import Call
from tests.secrecy.driver import (
    Answer,
    Cell,
    Plant,
    ask,
    ask_admin,
    ask_all,
    cells,
    configure,
    few,
    plant,
    seeded,
    show_late,
    tell,
    upstream,
)

FEW = 200
ASTRAY = 200_000


@dataclass
class Found:
    """What a run came to: what survived in it, and which calls were not replayed, each with where or how."""

    recorded: list[tuple[str, str]] = field(default_factory=list)
    replayed: list[tuple[str, str]] = field(default_factory=list)
    astray: list[tuple[str, str]] = field(default_factory=list)

    def all(self) -> list[tuple[str, str]]:
        return [*self.recorded, *self.replayed, *self.astray]


def stray(wanted: Sequence[Cell], random: Random, most: int) -> list[Plant]:
    """Calls that were never recorded: `most` secrets of each sort in each place that a request has."""
    chosen: dict[tuple[str, object], list[Cell]] = defaultdict(list)
    for cell in random.sample(wanted, len(wanted)):
        if cell[2](cell[0].draw(random)).asks_alone:
            chosen[cell[1], cell[0].known].append(cell)
    return plant([cell for sort in chosen.values() for cell in sort[:most]], random, start=ASTRAY)


def go(folder: Path, wanted: Sequence[Cell], random: Random) -> Found:
    """Records what is planted in these cells, and replays it with other secrets in the same places."""
    found = Found()
    plants = plant(wanted, random)
    shown = show_late(plants)
    random.shuffle(plants)
    config, env = configure(plants)
    (folder / "cpproxy.toml").write_text(config)
    (folder / "tmp").mkdir()
    env["TMPDIR"] = str(folder / "tmp")
    said: list[tuple[str, bytes]] = []
    with upstream([*plants, *shown]) as url:
        where = ["--upstream", url, "--cassette", "planted", "--listen", "127.0.0.1:0", "-v", "-v"]
        with running(["record", *where], cwd=folder, env=env) as proxy:
            ask_all(proxy.url, plants[: len(plants) // 2])
            finish(["calls"], cwd=folder)  # the database takes over what is to be cleansed later
            ask_all(proxy.url, plants[len(plants) // 2 :])
            ask_all(proxy.url, shown)
            said += ask_admin(proxy.url)
            said += [("arguments", Path(f"/proc/{proxy.pid}/cmdline").read_bytes())]
            assert proxy.stop(timeout=WITHIN) == 0, seen(proxy.stderr, folder, plants)
            said += [("recorder's output", proxy.stdout.encode()), ("recorder's errors", proxy.stderr.encode())]
    recorded = (folder / "cassettes" / "planted.json").read_text()
    found.recorded += [(one.label, "not recorded") for one in unrecorded(recorded, [*plants, *shown])]
    found.recorded += Search(pair for one in plants for pair in one.pairs).look_everywhere(
        [*said, *files(folder), *outputs(folder, env)]
    )

    again = plant(wanted, random)
    shown_again = show_late(again)
    astray = stray(wanted, random, 2)
    late = show_late([one for one in astray if one.late], start=300_000)
    config, env = configure([*again, *astray])
    (folder / "cpproxy.toml").write_text(config)
    env["TMPDIR"] = str(folder / "tmp")
    where = ["--cassette", "planted", "--listen", "127.0.0.1:0", "-v", "-v"]
    with running(["replay", *where], cwd=folder, env=env) as proxy:
        answers = list(zip(again, ask_all(proxy.url, again), strict=True))
        answers += zip(shown_again, ask_all(proxy.url, shown_again), strict=True)
        missed = ask_all(proxy.url, astray)
        ask_all(proxy.url, late)
        answers += zip(astray, missed, strict=True)
        # A miss repeats what nobody has named yet.
        said = [
            (f"answer to {one.label}", told.whole)
            for one, told in answers
            if told.outcome == "replayed" or not one.late
        ]
        said += ask_admin(proxy.url)
        assert proxy.stop(timeout=WITHIN) == 0, proxy.describe()[-4000:]
        said += [("replay's output", proxy.stdout.encode()), ("replay's errors", proxy.stderr.encode())]
    shows = [*plants, *(one for one in (*again, *astray) if one.shows)]
    known = Search(pair for one in shows for pair in one.pairs)
    found.replayed += known.look_everywhere([*said, *files(folder), *outputs(folder, env)])
    found.astray += unlike(answers)
    return found


def seen(message: str, folder: Path, plants: Sequence[Plant]) -> str:
    """What a recorder said that made no cassette, with what was planted where the scan has seen a secret."""
    draft = folder / "cassettes" / ".planted.json.recording"
    targets = (
        [one["request"]["target"] for one in json.loads(draft.read_text())["interactions"]] if draft.exists() else []
    )
    labels = {f"/n/{one.number}": one.label for one in plants}
    places = [targets[int(at)] for at in re.findall(r"\$\.interactions\[(\d+)\]", message) if int(at) < len(targets)]
    return "\n".join([message[-2000:], *(labels.get("/".join(one.split("/")[:3]), one) for one in places)])


def unrecorded(cassette: str, plants: Sequence[Plant]) -> Iterator[Plant]:
    """The calls that reach the upstream, and of which the cassette knows nothing."""
    known = {int(number) for number in re.findall(r'"target": "[^"]*?/n/(\d+)', cassette)}
    return (one for one in plants if one.call.reaches and one.number not in known)


def unlike(answers: Sequence[tuple[Plant, Answer]]) -> Iterator[tuple[str, str]]:
    """The calls that are not answered as they were recorded, though all of them was kept."""
    for one, told in answers:
        wanted = {"replayed"} if one.call.reaches and one.number < ASTRAY else {"error", "miss", "unauthorized"}
        if one.call.kept and told.outcome not in wanted:
            yield one.label, f"outcome {told.outcome or 'none'}: {told.whole[:600]!r}"


def test_what_is_planted_is_enough() -> None:
    assert len(cells()) >= 2500
    assert len(kinds.KINDS) >= 55
    assert len(places.NAMED | places.ANYWHERE | places.ENCODED) >= 100


def test_no_planted_secret_survives(tmp_path: Path) -> None:
    random = seeded()
    found = go(tmp_path, few(cells(), random, FEW), random)
    assert not found.all(), tell(found.all())


@pytest.mark.slow
def test_no_planted_secret_survives_anywhere(tmp_path: Path) -> None:
    random = seeded()
    found = go(tmp_path, cells(), random)
    assert not found.all(), tell(found.all())


def test_a_secret_that_is_learnt_late_leaves_the_ledger_before_its_own_answer_does(tmp_path: Path) -> None:
    value = "Maple-42-x"
    early = Plant(1, "it", "early", value, [value], Call(target=f"/?note={value}"))
    late = Plant(2, "it", "late", value, [value], places.NAMED["Bearer"](value))
    search = Search([("it", value)])
    with (
        upstream([early, late]) as url,
        running(["record", "--upstream", url, "--listen", "127.0.0.1:0"], cwd=tmp_path) as proxy,
    ):
        ask(proxy.url, early)
        # In the journal and the database, where nothing names it.
        assert value in finish(["calls"], cwd=tmp_path).stdout
        ask(proxy.url, late)
        assert search.look_everywhere(files(tmp_path / ".cpproxy")) == []
        proxy.kill()
    assert search.look_everywhere(files(tmp_path / ".cpproxy")) == []
