"""The incident's wiring in real containers: who went past the front is named by its service."""

import json
import time
from pathlib import Path

import pytest

from tests.compose.engine import Engine
from tests.compose.harness import job

pytestmark = pytest.mark.compose

# The variables are left out as far as one file laid over another can do that: empty, they route as little as none.
INCIDENT = """
version: "3.8"
services:
  cp:
    command: [replay, --cassette, harness/boot, --trap-sink, "0.0.0.0:443", --trap-sink, "0.0.0.0:80"]
    networks:
      inside: {aliases: [api.moleculesai.app, staging-api.moleculesai.app]}
  tenant-alpha:
    environment: {MOLECULE_CP_URL: "", CP_PROVISION_URL: ""}
"""


def test_a_misroute_is_blamed_on_the_service_that_sent_it(engine: Engine, tmp_path: Path) -> None:
    override = tmp_path / "incident.yml"
    override.write_text(INCIDENT)
    with job(engine, override) as own:
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
