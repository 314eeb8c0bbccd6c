"""`compose.record.yml`: the recorder alone gets out, and what it recorded is replayed."""

import contextlib
import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from cpproxy.errors import Exit
from tests.compose.engine import Engine
from tests.compose.harness import Job, job
from tests.compose.stand_ins import ROOT
from tests.processes import finish
from tests.staging import ALPHA, BETA

pytestmark = pytest.mark.compose
NAME = "harness/workspace"
STAGING = f"""
version: "3.8"
services:
  staging:
    build: {{context: "{ROOT}", dockerfile: tests/compose/staging.Dockerfile}}
    command: [--listen, "0.0.0.0:80", --url, "http://staging-api.moleculesai.app"]
    networks:
      outside: {{aliases: [staging-api.moleculesai.app]}}
"""


@pytest.fixture
def staging(tmp_path: Path, image: str) -> Path:
    """An override file that puts a control plane outside, under the real one's name."""
    override = tmp_path / "staging.yml"
    override.write_text(STAGING)
    return override


@contextlib.contextmanager
def recording(engine: Engine, built: Path, *files: str | Path, **environment: str) -> Iterator[Job]:
    """A job that records against staging, which has started."""
    environment |= {
        "UPSTREAM": "http://staging-api.moleculesai.app",
        "CPPROXY_ADMIN_TOKEN": secrets.token_hex(16),
        "ALPHA_ADMIN_TOKEN": ALPHA.admin_token,
        "BETA_ADMIN_TOKEN": BETA.admin_token,
    }
    with job(engine, built, "compose.record.yml", *files, **environment) as own:
        own.start("staging")
        yield own


def read_cassette(own: Job) -> str:
    path = f"/var/lib/cpproxy/cassettes/{NAME}.json"
    return own.compose("run", "--rm", "--no-deps", "-T", "--entrypoint", "cat", "cp", path).stdout


def test_a_laptop_records_against_staging(engine: Engine, built: Path, staging: Path, tmp_path: Path) -> None:
    with recording(engine, built, staging) as own:
        ended = own.run()
        cassette = read_cassette(own)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert " passed, 0 failed" in ended.stdout
    targets = [one["request"]["target"].partition("?")[0] for one in json.loads(cassette)["interactions"]]
    assert targets.count("/cp/workspaces/provision") == 2
    assert ALPHA.admin_token not in cassette
    path = tmp_path / "cassettes" / f"{NAME}.json"
    path.parent.mkdir(parents=True)
    path.write_text(cassette)
    lint = finish(["cassette", "lint"], cwd=tmp_path)
    assert lint.returncode == 0, lint.stdout


def test_a_call_past_the_recorder_spoils_the_recording(engine: Engine, built: Path, staging: Path) -> None:
    """The tenants know no variable, and staging is out of their reach: the trap has their calls."""
    with recording(engine, built, "compose.incident.yml", staging, SCRIPT="boot") as own:
        ended = own.run()
        log = own.log("cp")
    assert ended.returncode == Exit.FINDINGS, ended.stdout + ended.stderr
    assert "| misroute: tenant-alpha reached for https://api.moleculesai.app past the proxy" in ended.stdout
    assert "the recording is incomplete" in log, log
