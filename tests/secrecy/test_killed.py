"""A recorder that is killed at any moment leaves nothing of a secret that had a name or a shape where it stood."""

import contextlib
import http.client
import threading
import time
from pathlib import Path

import pytest

from tests.processes import running
from tests.secrecy.artefacts import Search, files
from tests.secrecy.driver import CONFIG, ENVIRONMENT, Plant, ask, cells, plant, seeded, tell, upstream

MOMENTS = 100


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["record", "replay"])
def test_no_planted_secret_survives_a_kill_at_any_moment(tmp_path: Path, mode: str) -> None:
    random = seeded()
    wanted = [cell for cell in cells() if not cell[0].shown and cell[0] is not ENVIRONMENT]
    moments = MOMENTS if mode == "record" else MOMENTS // 4
    for moment in range(moments):
        folder = tmp_path / str(moment)
        folder.mkdir()
        plants = plant(random.sample(wanted, 40), random)
        (folder / "cpproxy.toml").write_text(CONFIG)
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
        search = Search(pair for one in plants for pair in one.pairs)
        said = [("standard error", proxy.stderr.encode()), ("standard output", proxy.stdout.encode())]
        hits = search.look_everywhere([*files(folder), *said])
        assert not hits, f"moment {moment}: {tell(hits)}"


def _ask(url: str, plants: list[Plant]) -> None:
    for one in plants * 3:
        with contextlib.suppress(OSError, http.client.HTTPException):
            ask(url, one)
            continue
        return
