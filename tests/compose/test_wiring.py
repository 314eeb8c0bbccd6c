"""The harness as `compose.yml` wires it: it passes, two at once, and scripts run from the host as from inside."""

import json
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cpproxy.errors import Exit
from tests.compose.engine import Engine
from tests.compose.harness import job, said
from tests.compose.stand_ins import ROOT

pytestmark = pytest.mark.compose


def test_two_jobs_side_by_side_pass(engine: Engine, image: str, tool: tuple[str, ...]) -> None:
    """As the README says it, with images of their own."""
    with job(engine, tool=tool) as one, job(engine, tool=tool) as other, ThreadPoolExecutor(2) as pool:
        arguments = ("up", "--build", "--no-color", "--exit-code-from", "verify")
        done = list(pool.map(lambda own: own.compose(*arguments), (one, other)))
        for ended in done:
            assert ended.returncode == 0, ended.stdout + ended.stderr
            whole = "\n".join(said("verify", ended.stdout))
            assert re.search(r"^\d\d passed, 0 failed$", whole, re.MULTILINE), ended.stdout
            assert re.search(r"^cpproxy: clean, .*; misroutes: proven$", whole, re.MULTILINE), ended.stdout
            assert ended.stdout.count("| canary: caught") == 2


def test_the_scripts_run_from_the_host(engine: Engine, built: Path) -> None:
    with job(engine, built) as own:
        own.start("front")
        front = f"http://{own.published('front', 80)}"
        assert front.startswith("http://127.0.0.1:")
        done = engine.attempt(
            engine.inside(
                [sys.executable, "-m", "cpproxy", "verify", "--url", front, "--", "tests/harness/scripts/run-all"]
            ),
            env={
                "ALPHA_URL": f"{front}/alpha",
                "BETA_URL": f"{front}/beta",
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            },
            cwd=ROOT,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert re.search(r"^\d\d passed, 0 failed$", done.stdout, re.MULTILINE)
        assert "cpproxy: clean" in done.stdout


def test_the_ledger_outlives_the_proxy(engine: Engine, built: Path) -> None:
    with job(engine, built) as own:
        own.start("cp")
        first = json.loads(engine.docker("exec", own.container("cp"), "cpproxy", "status", "--format", "json"))
        own.compose("rm", "-s", "-f", "cp")
        own.start("cp")
        done = engine.attempt(
            ["docker", "exec", own.container("cp"), "cpproxy", "verify", "--run", first["version"]["run"]]
        )
        assert done.returncode == Exit.NOTHING_SERVED, done.stdout + done.stderr
        assert first["version"]["run"] in done.stdout
