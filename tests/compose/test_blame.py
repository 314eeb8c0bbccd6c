"""The incident's wiring in real containers: who went past the front is named by its service."""

import json
import time
from pathlib import Path

import pytest

from tests.compose.engine import Engine
from tests.compose.harness import job

pytestmark = pytest.mark.compose


def test_a_misroute_is_blamed_on_the_service_that_sent_it(engine: Engine, built: Path) -> None:
    with job(engine, built, "compose.aliases.yml", "compose.incident.yml") as own:
        own.start("tenant-alpha")
        proxy = ["docker", "exec", own.container("cp"), "cpproxy"]
        deadline = time.monotonic() + 60
        rows: list[dict[str, str]] = []
        while not any(row["seen"] == "name" for row in rows) and time.monotonic() < deadline:
            listed = engine.attempt([*proxy, "calls", "--outcome", "misroute", "--format", "json"])
            rows = json.loads(listed.stdout or "[]")
            time.sleep(0.2)
        assert rows, own.log("tenant-alpha")
        assert {row["client"].partition(" ")[2] for row in rows} == {"tenant-alpha"}
        verdict = engine.attempt([*proxy, "verify"]).stdout
        assert (
            "tenant-alpha reached for https://api.moleculesai.app past the proxy (certificate not trusted, path unseen)"
        ) in verdict
        assert "It never called GET /cp/tenants/config (MOLECULE_CP_URL) or POST /cp/workspaces/provision" in verdict
        assert "misroutes: found" in verdict
