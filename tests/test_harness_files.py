"""The compose files at the top and in the README: what the doctor finds in them, and that nothing is fixed."""

import ast
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.processes import finish

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "tests" / "harness" / "scripts").glob("*"))
DIFFS = re.findall(r"^```diff\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("more", [[], ["compose.aliases.yml"]], ids=["dns", "aliases"])
def test_the_doctor_finds_nothing(more: list[str]) -> None:
    done = finish(["doctor", "compose.yml", *more], cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 clients: tenant-alpha, tenant-beta" in done.stdout


def test_the_doctor_finds_the_incident_before_anything_runs() -> None:
    done = finish(["doctor", "compose.yml", "compose.incident.yml"], cwd=ROOT)
    assert done.returncode == 1
    for variable in ("CP_PROVISION_URL", "MOLECULE_CP_URL"):
        assert re.search(rf"finding: .*{variable}", done.stdout), done.stdout


def test_no_name_port_or_folder_is_fixed() -> None:
    for path in ROOT.glob("compose*.yml"):
        document = yaml.safe_load(path.read_text())
        assert "name" not in document
        for service in document["services"].values():
            assert "container_name" not in service
            assert all(re.fullmatch(r"127\.0\.0\.1::\d+", port) for port in service.get("ports", ()))
            assert all(re.match(r"[a-z]+:/", volume) for volume in service.get("volumes", ()))
        for volume in document.get("volumes", {}).values():
            assert not volume


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_every_script_can_be_read(script: Path) -> None:
    if script.name == "ask":
        ast.parse(script.read_text())
    else:
        subprocess.run(["bash", "-n", str(script)], check=True)
    assert script.name == "lib.sh" or script.stat().st_mode & 0o111


def test_what_the_readme_adds_to_a_harness_is_short_and_right(tmp_path: Path) -> None:
    wiring, script = DIFFS
    assert len(re.findall(r"^\+", wiring, re.MULTILINE)) <= 25
    assert len(re.findall(r"^\+", script, re.MULTILINE)) == 2
    result = re.sub(r"^[ +]", "", re.sub(r"^-.*\n", "", wiring, flags=re.MULTILINE), flags=re.MULTILINE)
    (tmp_path / "compose.yml").write_text(result)
    (tmp_path / "cpproxy.toml").write_text((ROOT / "cpproxy.toml").read_text())
    done = finish(["doctor", "--cassettes", str(ROOT / "cassettes")], cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
