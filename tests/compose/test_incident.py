"""The incident as it was: the tenants' variables are left out, and the job is red, with the cause in its output."""

import re
from pathlib import Path

import pytest

from cpproxy.errors import Exit
from tests.compose.engine import Engine
from tests.compose.harness import job

pytestmark = pytest.mark.compose


def test_variables_that_are_left_out_make_the_job_red(engine: Engine, built: Path) -> None:
    with job(engine, built, "compose.incident.yml") as own:
        ended = own.run()
    assert ended.returncode == Exit.FINDINGS, ended.stdout + ended.stderr
    lines = [line.partition("| ")[2] for line in ended.stdout.splitlines() if line.startswith("verify_1")]
    said = "\n".join(lines)
    assert re.search(r"^\d+ passed, [1-9]\d* failed$", said, re.MULTILINE), said
    assert "wait: misroute: api.moleculesai.app: " in said  # at once, instead of polling
    for tenant in ("tenant-alpha", "tenant-beta"):
        reached = "reached for https://api.moleculesai.app past the proxy (certificate not trusted, path unseen)"
        never = "It never called GET /cp/tenants/config (MOLECULE_CP_URL) or POST /cp/workspaces/provision "
        led = "(CP_PROVISION_URL, then MOLECULE_CP_URL) at the front. The front is http://cp:9090."
        unset = "MOLECULE_CP_URL is not set (compose.incident.yml:12)"
        wanted = (f"misroute: {tenant} {reached}", f"{never}{led}", unset)
        assert any(all(part in line for part in wanted) for line in lines), said
    assert "absence: nobody called provision (POST /cp/workspaces/provision)" in said
    assert lines[-1].endswith("misroutes: found")
