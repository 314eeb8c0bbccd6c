import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cpproxy import __version__
from cpproxy.cli.main import COMMANDS, group, run
from cpproxy.cli.options import Given, Settings, accept_common_options, common_options
from cpproxy.errors import CassetteError, Exit, UpstreamError
from tests.processes import clean_environment, finish

HEAVY = ("aiohttp", "sqlalchemy", "rich", "mitmproxy", "msgspec", "asyncio")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith("CPPROXY_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """What `cpproxy call ID` and `cpproxy cassette ls` were told, where both are stand-ins for the test."""
    told: list[Settings] = []

    @click.command()
    @common_options
    def leaf(settings: Settings) -> int:
        told.append(settings)
        return 0

    @click.group()
    @accept_common_options
    def branch() -> None:
        """A group below the group."""

    branch.add_command(leaf, "ls")
    commands = {"call": leaf, "cassette": branch}
    monkeypatch.setattr(type(group), "get_command", lambda _group, _ctx, name: commands[name])
    return told


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    @click.command()
    @common_options
    def command(settings: Settings) -> None:
        raise error

    monkeypatch.setattr(type(group), "get_command", lambda *_: command)


# Help and version


def test_help_lists_every_command_with_its_line() -> None:
    ended = finish(["--help"])
    assert ended.returncode == 0
    for name, entry in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(entry.help)}$", ended.stdout, re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_can_be_imported_and_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    entry = COMMANDS[name]
    assert isinstance(getattr(importlib.import_module(entry.module), entry.attribute), click.Command)
    assert run([name, "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage: cpproxy {name}")
    assert "--cassettes DIR" in shown


def test_help_imports_no_command_and_nothing_heavy() -> None:
    program = "import sys\nfrom cpproxy.cli.main import run\nrun(['--help'])\nprint(*sys.modules, file=sys.stderr)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(ended.stderr.split())
    assert not loaded & {*HEAVY, *(entry.module for entry in COMMANDS.values())}


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"cpproxy {__version__}\n"


def test_without_a_command_the_help_is_shown_as_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == Exit.USAGE
    assert "Commands:" in capsys.readouterr().err


# Errors


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["recrod"], "no command `recrod`: did you mean `record`?"),
        (["zzz"], "no command `zzz`: `cpproxy --help` lists all"),
        (["--ledgr", "x"], "no such option '--ledgr'. Did you mean '--ledger'?"),
        (["--ledger"], "option '--ledger' requires an argument"),
        (["call", "--nothing"], "no such option '--nothing' (see `cpproxy call --help`)"),
        (["call", "a"], "got unexpected extra argument (a) (see `cpproxy call --help`)"),
    ],
)
def test_a_wrong_command_line_is_told_in_one_line(
    arguments: list[str], line: str, seen: list[Settings], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == Exit.USAGE
    assert capsys.readouterr().err == f"cpproxy: error: {line}\n"


DEFECT = "; this is a defect of cpproxy: -v -v or CPPROXY_DEBUG=1 shows where it arose"


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (CassetteError("a.json", "$.x", "expected text"), 3, "a.json: $.x: expected text"),
        (UpstreamError("two\nlines"), 4, "two lines"),
        (
            PermissionError(13, "Permission denied", "x.json"),
            2,
            f"PermissionError: Permission denied: x.json{DEFECT}",
        ),
        (KeyError("k"), 2, f"KeyError{DEFECT}"),
    ],
)
def test_an_error_is_one_line_and_its_exit_code(
    error: Exception, code: int, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raising(monkeypatch, error)
    assert run(["call"]) == code
    assert capsys.readouterr().err == f"cpproxy: error: {line}\n"


def test_the_traceback_of_a_defect_is_shown_on_request(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raising(monkeypatch, KeyError("k"))
    for arguments in (["call", "-vv"], ["-v", "call", "-v"]):
        assert run(arguments) == Exit.USAGE
        assert "Traceback" in capsys.readouterr().err
    monkeypatch.setenv("CPPROXY_DEBUG", "1")
    assert run(["call"]) == Exit.USAGE
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert shown.endswith("cpproxy: error: KeyError\n")


def test_an_interrupt_is_quiet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    raising(monkeypatch, KeyboardInterrupt())
    assert run(["call"]) == 130
    assert capsys.readouterr().err == ""


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = f"{sys.executable} -m cpproxy --help | true; echo ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True, env=clean_environment())
    assert ended.stderr == ""
    assert ended.stdout in {"0\n", "141\n"}  # 0 where all was written before the reader went


@pytest.mark.parametrize(
    ("redirected", "printed", "code"),
    [(">&-", "", 0), ("2>&-", "--help", 0), (">/dev/full", "the output cannot be written: No space left on device", 2)],
)
def test_an_output_that_takes_nothing_is_no_defect(redirected: str, printed: str, code: int) -> None:
    command = ["bash", "-c", f"{sys.executable} -m cpproxy --help {redirected}"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=clean_environment())
    assert ended.returncode == code
    assert printed in ended.stdout + ended.stderr
    assert "defect" not in ended.stderr


# The common flags


def test_without_flags_the_defaults_hold(seen: list[Settings]) -> None:
    assert run(["call"]) == 0
    told = seen[0]
    assert (told.cassettes, told.ledger, told.config_path, told.verbosity) == (
        Path("cassettes"),
        ".cpproxy/ledger.db",
        None,
        0,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["--cassettes", "a", "--ledger", "b", "-q", "call"],
        ["call", "--cassettes", "a", "--ledger", "b", "-q"],
        ["--cassettes", "x", "--ledger", "b", "call", "--cassettes", "a", "-q"],
        ["--cassettes", "x", "cassette", "--ledger", "b", "ls", "--cassettes", "a", "-q"],
        ["cassette", "--cassettes", "a", "-q", "ls", "--ledger", "b"],
    ],
)
def test_flags_stand_before_a_command_or_after_it_and_the_last_wins(arguments: list[str], seen: list[Settings]) -> None:
    assert run(arguments) == 0
    assert (seen[0].cassettes, seen[0].ledger, seen[0].verbosity) == (Path("a"), "b", -1)


def test_a_flag_beats_a_variable_which_beats_the_config(
    folder: Path, seen: list[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "cpproxy.toml").write_text('cassettes = "file"\nledger = "sqlite:///file.db"')
    run(["call"])
    monkeypatch.setenv("CPPROXY_CASSETTES", "variable")
    monkeypatch.setenv("CPPROXY_LEDGER", "variable.db")
    run(["call"])
    run(["--cassettes", "flag", "call", "--ledger", "flag.db"])
    run(["--ledger", "flag.db", "cassette", "ls", "--cassettes", "flag"])
    found = [(str(told.cassettes), told.ledger) for told in seen]
    assert found == [("file", "sqlite:///file.db"), ("variable", "variable.db"), *[("flag", "flag.db")] * 2]


def test_paths_in_the_config_are_relative_to_its_folder(folder: Path, seen: list[Settings]) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "my.toml").write_text('cassettes = "c"\nledger = "l.db"')
    run(["call", "--config", "sub/my.toml"])
    assert (seen[0].cassettes, seen[0].ledger) == (Path("sub/c"), str(Path("sub/l.db")))
    assert seen[0].config_path == Path("sub/my.toml")


def test_the_variable_names_the_config_too(
    folder: Path, seen: list[Settings], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CPPROXY_CONFIG", "missing.toml")
    assert run(["call"]) == Exit.USAGE
    expected = "cpproxy: error: missing.toml: cannot read the config: No such file or directory\n"
    assert capsys.readouterr().err == expected


def test_a_command_works_by_itself_under_clicks_own_runner() -> None:
    @click.command()
    @common_options
    def command(settings: Settings) -> None:
        click.echo(settings.ledger)

    assert CliRunner().invoke(command, ["--ledger", "x"]).output == "x\n"
    assert Given().resolve().ledger == ".cpproxy/ledger.db"
