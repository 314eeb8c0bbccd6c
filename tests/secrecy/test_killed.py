"""A recorder that is killed at any moment leaves nothing of a secret that had a name or a shape where it stood."""

import contextlib
import http.client
import threading
import time
from pathlib import Path
from random import Random

import pytest

from tests.processes import running
from tests.secrecy.artefacts import Search, files
from tests.secrecy.driver import Plant, ask, plant, upstream

MOMENTS = 100


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["record", "replay"])
def test_no_planted_secret_survives_a_kill_at_any_moment(tmp_path: Path, mode: str) -> None:
    random = Random(mode)
    moments = MOMENTS if mode == "record" else MOMENTS // 4
    for moment in range(moments):
        folder = tmp_path / str(moment)
        folder.mkdir()
        plants = [one for one in plant(random) if not one.late]
        random.shuffle(plants)
        plants = plants[:40]
        with upstream(plants) as url:
            if mode == "record":
                arguments = ["record", "--upstream", url]
            else:
                arguments = ["replay", "--cassettes", str(Path(__file__).parents[2] / "cassettes")]
            with running([*arguments, "--listen", "127.0.0.1:0", "-v", "-v"], cwd=folder) as proxy:
                asking = threading.Thread(target=_ask, args=(proxy.url, plants))
                asking.start()
                time.sleep(random.uniform(0, 0.5 if moment % 4 else 2.5))
                proxy.kill()
                asking.join()
        search = Search((one.label, one.value) for one in plants)
        said = [("standard error", proxy.stderr.encode()), ("standard output", proxy.stdout.encode())]
        hits = [hit for name, data in (*files(folder), *said) for hit in search.look(name, data)]
        assert hits == [], f"moment {moment}"


def _ask(url: str, plants: list[Plant]) -> None:
    for one in plants * 3:
        with contextlib.suppress(OSError, http.client.HTTPException):
            ask(url, one)
            continue
        return
