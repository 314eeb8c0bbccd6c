"""A script that is known to fail is silent in its suite, and red in the verdict until it is exempted by a date."""

import datetime
from pathlib import Path

import pytest

from cpproxy.errors import Exit
from tests.compose.engine import Engine
from tests.compose.harness import job
from tests.compose.stand_ins import ROOT

pytestmark = pytest.mark.compose
SCENARIO = "harness/canary-smoke-a2a-pong"
KNOWN = f"{SCENARIO}:#2863:no pong"
EXPECT = """
[[expect]]
scenario = "{scenario}"
issue = "#2863"
until = {until}
"""


@pytest.fixture
def exempting(tmp_path: Path, image: str) -> Path:
    """An override file by which the proxy's config exempts the scenario."""
    until = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=2)
    config = (ROOT / "cpproxy.toml").read_text() + EXPECT.format(scenario=SCENARIO, until=until)
    (tmp_path / "cpproxy.toml").write_text(config)
    (tmp_path / "Dockerfile").write_text(f"FROM {image}\nCOPY cpproxy.toml ./\n")
    override = tmp_path / "exempting.yml"
    override.write_text(f'version: "3.8"\nservices: {{cp: {{image: exempting, build: {{context: "{tmp_path}"}}}}}}\n')
    return override


def test_it_is_red_until_it_is_exempted(engine: Engine, built: Path, exempting: Path) -> None:
    with job(engine, built, HARNESS_XFAIL=KNOWN) as own:
        red = own.run()
    assert "| __XFAIL__:#2863:no pong" in red.stdout
    assert " passed, 0 failed" in red.stdout
    assert red.returncode == Exit.FINDINGS, red.stdout + red.stderr
    assert f"| xfail_scenario: scenario {SCENARIO}" in red.stdout
    with job(engine, built, exempting, HARNESS_XFAIL=KNOWN) as own:
        exempted = own.run()
    assert exempted.returncode == Exit.CLEAN, exempted.stdout + exempted.stderr
    assert "#2863 until" in exempted.stdout
