"""The incident as it was: the tenants' variables are left out, and the job is red, with the cause in its output."""

import re
from pathlib import Path

import pytest

from cpproxy.errors import Exit
from tests.compose.engine import Engine
from tests.compose.harness import job, said

pytestmark = pytest.mark.compose


def test_variables_that_are_left_out_make_the_job_red(engine: Engine, built: Path, tool: tuple[str, ...]) -> None:
    with job(engine, built, "compose.incident.yml", tool=tool) as own:
        ended = own.run()
    assert ended.returncode == Exit.FINDINGS, ended.stdout + ended.stderr
    lines = said("verify", ended.stdout)
    whole = "\n".join(lines)
    assert re.search(r"^\d+ passed, [1-9]\d* failed$", whole, re.MULTILINE), whole
    assert re.search(r"wait: misroute: \S*api\.moleculesai\.app from tenant-", whole)  # at once, instead of polling
    for tenant in ("tenant-alpha", "tenant-beta"):
        reached = "reached for https://api.moleculesai.app past the proxy (certificate not trusted, path unseen)"
        never = "It never called GET /cp/tenants/config (MOLECULE_CP_URL) or POST /cp/workspaces/provision "
        led = "(CP_PROVISION_URL, then MOLECULE_CP_URL) at the front. The front is http://cp:9090."
        unset = "MOLECULE_CP_URL is not set (compose.incident.yml:12)"
        wanted = (f"misroute: {tenant} {reached}", f"{never}{led}", unset)
        assert any(all(part in line for part in wanted) for line in lines), whole
    assert "absence: nobody called provision (POST /cp/workspaces/provision)" in whole
    assert lines[-1].endswith("misroutes: found")
