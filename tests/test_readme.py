"""Holds the README to the truth: its commands run, and its tables and examples are what the code says."""

import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cpproxy.cli.main import COMMANDS
from cpproxy.core.config import DEFAULT
from cpproxy.errors import Exit
from cpproxy.files import config
from tests.processes import clean_environment
from tests.staging.plane import Plane
from tests.staging.server import hosting

PROJECT = Path(__file__).parent.parent
README = (PROJECT / "README.md").read_text()
UPSTREAM = "https://staging-api.moleculesai.app"


def find_blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


TRY, TEST = find_blocks("sh clone")


def run(command: str, folder: Path, path: Path) -> subprocess.CompletedProcess[str]:
    """A command of the README, with the programs of one folder found first."""
    environment = clean_environment({"PATH": f"{path}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(PROJECT)})
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    with hosting(Plane(random=random.Random(1))) as url:
        yield url


def test_the_way_to_ci_works_as_it_is_written(tmp_path: Path, upstream: str) -> None:
    (tmp_path / "cpproxy.toml").write_text(
        '[[routes]]\nmatch = "GET /cp/tenants/config"\ncompare = ["X-Molecule-Org-Id"]\n'
        'env = ["MOLECULE_CP_URL", "CP_UPSTREAM_URL"]\n',
    )
    script = tmp_path / "script.sh"
    script.write_text(f"#!/bin/sh\nexec {sys.executable} -m tests.staging run boot\n")
    script.chmod(0o755)
    outputs = []
    for block in find_blocks("sh"):
        ended = run(block.replace(UPSTREAM, upstream), tmp_path, Path(sys.executable).parent)
        assert ended.returncode == 0, f"{block}\n{ended.stdout}\n{ended.stderr}"
        outputs.append(ended.stdout)
    recorded, looked, _, replayed, *_ = outputs
    assert recorded == replayed
    assert "harness/boot" in looked


@pytest.mark.slow
def test_the_first_command_shows_a_201_and_its_row_from_a_fresh_clone(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    (programs / "python3").write_text(f'#!/bin/sh\nexec {base} "$@"\n')
    (programs / "python3").chmod(0o755)
    # A checkout may belong to another user than the one who runs the tests, as in a container.
    trust = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
    clone = ["git", "clone", "-q", str(PROJECT), str(tmp_path / "clone")]
    subprocess.run(clone, check=True, env=os.environ | trust)
    ended = run(TRY, tmp_path / "clone", programs)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    answer, _, rows = ended.stdout.partition("\n\n\n")
    assert "HTTP/1.1 201" in answer
    assert '"instance_id"' in answer
    assert re.search(r"POST.*/cp/workspaces/provision.*replayed|replayed.*POST.*/cp/workspaces/provision", rows)


def test_the_pipeline_runs_the_readmes_own_command() -> None:
    """`.ci/run` takes it from the README; here, that what it takes is the whole block."""
    pattern = re.search(r"tests=\$\(grep -m 1 -E '([^']+)' README\.md\)", (PROJECT / ".ci" / "run").read_text())
    assert pattern
    assert re.findall(pattern[1], README, re.MULTILINE) == [TEST.strip()]


def test_every_command_is_in_the_table_with_its_help() -> None:
    for name, entry in COMMANDS.items():
        rows = [row for row in README.splitlines() if re.match(rf"\| `{name}\b", row)]
        assert len(rows) == 1, name
        assert rows[0].endswith(f"| {entry.help} |")


def test_every_exit_code_is_in_the_table() -> None:
    assert re.findall(r"^\| (\d) \| ", README, re.MULTILINE) == [str(int(code)) for code in Exit]


def test_the_config_shown_is_right(tmp_path: Path) -> None:
    (block,) = find_blocks("toml")
    path = tmp_path / "cpproxy.toml"
    path.write_text(block)
    shown, _ = config.read(path)
    assert shown.routes[0].required is True
    assert shown.record == DEFAULT.record


def test_the_cassette_shown_is_right(tmp_path: Path) -> None:
    (block,) = find_blocks("json")
    (tmp_path / "shown.json").write_text(block)
    path = Path(sys.executable).parent
    ended = run("cpproxy --cassettes . cassette lint", tmp_path, path)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_hook_shown_is_one_that_stops_a_secret(tmp_path: Path) -> None:
    (block,) = find_blocks("yaml")
    entry, files = (re.findall(rf"^ +{key}: (.+)$", block, re.MULTILINE)[0] for key in ("entry", "files"))
    (shown,) = find_blocks("json")
    path = tmp_path / "cassettes" / "shown.json"
    assert re.search(files, str(path.relative_to(tmp_path)))
    path.parent.mkdir()
    for text, code in (
        (shown, Exit.CLEAN),
        (shown.replace('"ok": true', f'"token": "{"1a2b3c4d" * 4}"'), Exit.FINDINGS),
    ):
        path.write_text(text)
        ended = run(entry, tmp_path, Path(sys.executable).parent)
        assert ended.returncode == code, ended.stdout + ended.stderr


def test_every_file_and_variable_that_is_named_exists() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (PROJECT / target).exists(), target
    source = "".join(path.read_text() for path in (PROJECT / "cpproxy").rglob("*.py"))
    for variable in set(re.findall(r"CPPROXY_[A-Z]+", README)):
        assert variable in source, variable
