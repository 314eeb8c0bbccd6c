"""The harness cassettes, replayed with both tenants and the operator in threads: each run passes as the recorded one.

Each replay makes ids of its own and polls at a pace of its own, in a session of its own, all against one proxy.
"""

import random
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import override

import pytest

from tests.processes import finish, running
from tests.staging import ALPHA, BETA, OPERATOR_TOKEN, TenantAccount
from tests.staging.scenarios import SCENARIOS, Run

ROOT = Path(__file__).parents[1]
CONFIG = """
[[routes]]
match = "GET /cp/tenants/config"
compare = ["X-Molecule-Org-Id"]
"""
ACTORS: dict[str, tuple[tuple[str, ...], TenantAccount]] = {
    "alpha": (("boot", "workspace"), ALPHA),
    "beta": (("boot", "workspace"), BETA),
    "operator": (("operator",), ALPHA),
}
AT_ONCE = 4
_MADE = re.compile(r"i-[0-9a-f]{17}|e2e-\d{8}-[0-9a-f]{8}")

type Outcome = tuple[str, str, bool]
"""Who checked what, without ids, and whether it held."""


class Replayed(Run):
    """A run that keeps what it checked."""

    checked: list[Outcome]

    @override
    def check(self, what: str, *, holds: bool) -> None:
        self.checked.append((self.scenario, _MADE.sub("ID", what), holds))


def replay(url: str, number: int) -> list[Outcome]:
    """One replay of all actors at once; what each of them checked, in its order."""
    seeded = random.Random(number)
    base = f"{url}/s/run-{number}"
    found: dict[str, list[Outcome]] = {}

    def act(actor: str, seed: str, pause: float) -> None:
        scenarios, account = ACTORS[actor]
        own = replace(account, admin_token=f"{account.admin_token}-{number}")
        environment = {
            "CP_PROVISION_URL": base,
            "MOLECULE_CP_URL": base,
            "CP_UPSTREAM_URL": base,
            "CP_OPERATOR_TOKEN": f"{OPERATOR_TOKEN}-{number}",
        }
        found[actor] = []
        for scenario in scenarios:
            run = Replayed(environment, scenario, seed, pause, (own,))
            run.checked = found[actor]
            SCENARIOS[scenario](run)

    threads = [
        threading.Thread(target=act, args=(actor, f"{number}/{actor}", seeded.choice((0.001, 0.003, 0.01))))
        for actor in seeded.sample(list(ACTORS), len(ACTORS))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [outcome for actor in ACTORS for outcome in found[actor]]


@pytest.mark.parametrize("times", [20, pytest.param(1_000, marks=pytest.mark.slow)])
def test_every_replay_of_the_harness_comes_to_the_same(tmp_path: Path, times: int) -> None:
    (tmp_path / "cpproxy.toml").write_text(CONFIG)
    cassettes = ["--cassettes", str(ROOT / "cassettes")]
    chosen = ["--cassette", "harness/boot", "--cassette", "harness/workspace", "--cassette", "harness/operator"]
    with running(
        ["replay", *cassettes, *chosen, "--listen", "127.0.0.1:0", "--ledger", "ledger.db"], cwd=tmp_path
    ) as proxy:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            outcomes = list(pool.map(lambda number: replay(proxy.url, number), range(times)))
        assert proxy.stop() == 0, proxy.describe()
    assert len(outcomes[0]) > 10
    assert all(holds for _, _, holds in outcomes[0]), outcomes[0]
    assert [number for number, outcome in enumerate(outcomes) if outcome != outcomes[0]] == []
    verdict = finish(["verify", "--ledger", "ledger.db", *cassettes], cwd=tmp_path)
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr
