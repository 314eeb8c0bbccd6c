"""The layering of the package, held by import-linter's contracts and by a reading of core's source.

import-linter forbids what is named; the reading allows what is named, so that nothing new gets into core unseen.
"""

import ast
import importlib.metadata
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
# What computes values from values. Of datetime, only the types: their clocks are forbidden below.
PURE = {
    "__future__",
    "ahocorasick",
    "bz2",
    "contextlib",
    "hmac",
    "lzma",
    "re2",
    "abc",
    "base64",
    "binascii",
    "bisect",
    "brotli",
    "collections",
    "copy",
    "dataclasses",
    "datetime",
    "difflib",
    "enum",
    "fnmatch",
    "functools",
    "hashlib",
    "heapq",
    "html",
    "ipaddress",
    "itertools",
    "json",
    "math",
    "msgspec",
    "operator",
    "re",
    "shlex",
    "string",
    "struct",
    "textwrap",
    "types",
    "typing",
    "unicodedata",
    "urllib.parse",
    "zlib",
    "zstandard",
    "cpproxy.core",
    "cpproxy.errors",
}
IMPURE_CALLS = {"open", "print", "input", "__import__", "eval", "exec", "compile", "breakpoint", "id", "hash"}
CLOCKS = {"now", "today", "utcnow"}


def find_impurities(folder: Path) -> Iterator[str]:
    """Each import, call and clock in the modules of a folder that has no place in core, as `file:line what`."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            for what in _find_impurities_of(node):
                yield f"{path.name}:{getattr(node, 'lineno', 0)} {what}"


def _find_impurities_of(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import():
            yield from (f"import {alias.name}" for alias in node.names if not _is_pure(alias.name))
        case ast.ImportFrom(module=module, level=0) if module is not None and not _is_pure(module):
            # `from cpproxy import core` names its part on the right.
            yield from (f"import {module}.{a.name}" for a in node.names if not _is_pure(f"{module}.{a.name}"))
        case ast.ImportFrom(level=level) if level > 1:
            yield f"import {'.' * level}"
        case ast.Call(func=ast.Name(id=name)) if name in IMPURE_CALLS:
            yield f"{name}()"
        case ast.Call(func=ast.Attribute(attr=name)) if name in CLOCKS:
            yield f".{name}"
        case ast.Attribute(attr=name, value=ast.Name(id="datetime" | "date") | ast.Attribute(attr="datetime" | "date")):
            if name in CLOCKS:
                yield f".{name}"
        case _:
            pass


def _is_pure(module: str) -> bool:
    return any(module == known or module.startswith(f"{known}.") for known in PURE)


def check_contracts(project: Path) -> subprocess.CompletedProcess[str]:
    """The contracts of `pyproject.toml`, run on the package that lies beside it."""
    linter = Path(sys.executable).with_name("lint-imports")
    return subprocess.run([linter, "--no-cache"], cwd=project, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(PROJECT / "cpproxy", tmp_path / "cpproxy", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_contracts_are_kept() -> None:
    checked = check_contracts(PROJECT)
    assert checked.returncode == 0, checked.stdout


def test_core_is_pure() -> None:
    assert list(find_impurities(PROJECT / "cpproxy" / "core")) == []


FORBIDDEN = [
    "import socket",
    "import asyncio",
    "import aiohttp",
    "import sqlalchemy",
    "import mitmproxy",
    "import click",
    "import os",
    "import io",
    "import pathlib",
    "from pathlib import Path",
    "import tempfile",
    "import sqlite3",
    "import time",
    "from time import monotonic",
    "import random",
    "import secrets",
    "import uuid",
    "import logging",
    "import threading",
    "import subprocess",
    "from cpproxy.front import server",
    "from cpproxy.ledger import journal",
    "from cpproxy.files import cassettes",
    "from cpproxy.cli import main",
    "def late() -> None:\n    import socket",
    "try:\n    import socket\nexcept ImportError:\n    pass",
]


def test_the_contracts_break_at_each_thing_that_core_must_not_import(copy: Path) -> None:
    for number, line in enumerate(FORBIDDEN):
        (copy / "cpproxy" / "core" / f"planted_{number}.py").write_text(line)
    checked = check_contracts(copy)
    assert checked.returncode == 1
    missed = [
        line for n, line in enumerate(FORBIDDEN) if not re.search(rf"cpproxy\.core\.planted_{n}\b", checked.stdout)
    ]
    assert missed == []


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("front", "from cpproxy.ledger import journal"),
        ("front", "from cpproxy.files import cassettes"),
        ("ledger", "from cpproxy.front import server"),
        ("files", "from cpproxy.report import __name__"),
        ("report", "from cpproxy.ledger import journal"),
        ("trap", "from cpproxy.front import server"),
        ("ledger", "from cpproxy.cli import main"),
    ],
)
def test_the_contracts_break_when_parts_know_each_other(copy: Path, module: str, line: str) -> None:
    (copy / "cpproxy" / module / "planted.py").write_text(line)
    checked = check_contracts(copy)
    assert checked.returncode == 1
    assert f"cpproxy.{module}.planted" in checked.stdout


@pytest.mark.parametrize(
    "line",
    [
        "from cpproxy.core.redaction import names",
        "def late() -> None:\n    from cpproxy.core.redaction.markers import MARKER",
        "from cpproxy.files import cassettes\nfrom cpproxy.core.review import lint",  # by a way around
        "import ahocorasick",
    ],
)
def test_the_contracts_break_when_the_scan_knows_the_redactor(copy: Path, line: str) -> None:
    (copy / "cpproxy" / "files" / "scanning" / "planted.py").write_text(line)
    checked = check_contracts(copy)
    assert checked.returncode == 1
    assert "the scan shares nothing with the redactor BROKEN" in checked.stdout


@pytest.mark.parametrize(
    ("line", "what"),
    [
        *((line, "import ") for line in FORBIDDEN),
        ("import urllib.request", "import urllib.request"),
        ("from urllib import request", "import urllib.request"),
        ("from cpproxy import files", "import cpproxy.files"),
        ("from .. import files", "import .."),
        ("from ..files import cassettes", "import .."),
        ("open('x')", "open()"),
        ("print('x')", "print()"),
        ("input()", "input()"),
        ("eval('1')", "eval()"),
        ("exec('1')", "exec()"),
        ("__import__('socket')", "__import__()"),
        ("import importlib\nimportlib.import_module('socket')", "import importlib"),
        ("import datetime\nx = datetime.datetime.now()", ".now"),
        ("from datetime import date\nx = date.today", ".today"),
        ("from datetime import datetime as d\nx = d.utcnow()", ".utcnow"),
        ("key = hash('x')", "hash()"),
    ],
)
def test_the_reading_finds_what_core_must_not_do(tmp_path: Path, line: str, what: str) -> None:
    (tmp_path / "planted.py").write_text(line)
    found = list(find_impurities(tmp_path))
    assert any(what in one for one in found), found


def test_the_reading_lets_values_be_computed(tmp_path: Path) -> None:
    (tmp_path / "planted.py").write_text(
        "import datetime\nfrom urllib.parse import urlsplit\nfrom cpproxy import core\nfrom cpproxy.core import calls\n"
        "from . import calls\nday = datetime.date(2026, 1, 1)\ndef judge(asked): return asked.today > day\n",
    )
    assert list(find_impurities(tmp_path)) == []


def test_only_the_command_line_is_imported_for_its_help() -> None:
    program = "import sys, cpproxy.cli.main\nprint(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    heavy = {"aiohttp", "sqlalchemy", "rich", "mitmproxy", "asyncio", "msgspec", "jinja2"}
    assert not heavy & set(ended.stdout.split())


def test_what_must_be_new_enough_is() -> None:
    assert importlib.metadata.metadata("cpproxy")["Requires-Python"] == ">=3.12"
    required = " ".join(importlib.metadata.requires("cpproxy") or [])
    for requirement in ("mitmproxy>=12", "aiohttp>=3.14.3", "sqlalchemy>=2.1"):
        assert requirement in required


def _find_old_python() -> str | None:
    """A Python older than the project allows, that can make an environment."""
    versions = sorted((Path.home() / ".pyenv" / "versions").glob("3.*/bin/python3"))
    candidates = [shutil.which("python3.11"), shutil.which("python3.10"), "/usr/bin/python3", *map(str, versions)]
    for candidate in candidates:
        if candidate is None or not Path(candidate).exists():
            continue
        probe = "import sys, ensurepip, venv; sys.exit(not (3, 8) <= sys.version_info < (3, 12))"
        if subprocess.run([candidate, "-c", probe], capture_output=True, check=False).returncode == 0:
            return candidate
    return None


def test_every_requirement_is_of_the_pythons_that_are_supported() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    for line in chain(project["dependencies"], *project["optional-dependencies"].values()):
        assert line.endswith("; python_version >= '3.12'"), line


@pytest.mark.slow
@pytest.mark.parametrize("extra", ["", "[test]"])
def test_an_older_python_is_refused_in_one_line(tmp_path: Path, extra: str) -> None:
    old = _find_old_python()
    if old is None:
        pytest.skip("no Python before 3.12 is at hand")
    subprocess.run([old, "-m", "venv", tmp_path / "venv"], check=True)
    install = [
        str(tmp_path / "venv" / "bin" / "pip"),
        "install",
        "--disable-pip-version-check",
        "--quiet",
        f"{PROJECT}{extra}",
    ]
    ended = subprocess.run(install, capture_output=True, text=True, check=False)
    assert ended.returncode != 0
    errors = [line for line in ended.stderr.splitlines() if line.startswith("ERROR")]
    assert len(errors) == 1
    assert "requires a different Python" in errors[0]
