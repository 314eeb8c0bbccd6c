"""A second recording, one call after another and with other secrets, has the same placeholders in the same places."""

import json
from pathlib import Path
from random import Random

from tests.processes import running
from tests.secrecy.driver import CONFIG, ENVIRONMENT, ask_all, cells, few, plant, show_late, upstream

CELLS = [cell for cell in cells() if cell[0] is not ENVIRONMENT and cell[1] != "encoded: hex within hex"]
"""Not whether hex as a whole looks drawn by chance: that depends on what was drawn."""


def record(folder: Path, seed: str) -> tuple[list[dict[str, str]], list[str]]:
    """The placeholders of a recording, and its interactions without what moves."""
    plants = plant(few(CELLS, Random(1), 400), Random(seed))
    plants = [*show_late(plants), *plants]
    folder.mkdir()
    (folder / "cpproxy.toml").write_text(CONFIG)
    where = ["--listen", "127.0.0.1:0"]
    with upstream(plants) as url, running(["record", "--upstream", url, *where], cwd=folder) as proxy:
        ask_all(proxy.url, plants, at_once=1)
        assert proxy.stop() == 0, proxy.describe()
    cassette = json.loads((folder / "cassettes" / "recording.json").read_text())
    interactions = []
    for one in cassette["interactions"]:
        del one["start"], one["end"]
        one["response"].pop("chunks", None)
        for side in ("request", "response"):
            headers = one[side].get("headers", [])
            one[side]["headers"] = [pair for pair in headers if pair[0] not in {"Date", "Content-Length"}]
            if "omitted" in one[side].get("body", {}):
                one[side]["body"] = "omitted"
        interactions.append(json.dumps(one))
    return cassette["placeholders"], interactions


def test_a_second_recording_with_other_secrets_has_the_same_placeholders_in_the_same_places(tmp_path: Path) -> None:
    placeholders, interactions = record(tmp_path / "one", "one")
    again, others = record(tmp_path / "two", "two")
    assert len(placeholders) > 100
    assert again == placeholders
    assert [pair for pair in zip(interactions, others, strict=True) if pair[0] != pair[1]] == []
