import http.client
import os
import pty
import select
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from cpproxy.cli.command import client_environment
from cpproxy.core.config import DEFAULT, Config, RouteSettings
from tests.processes import Running, clean_environment, running_program

PLAIN = [sys.executable, str(Path(__file__).with_name("plain_front.py"))]
CONFIG = """
[[routes]]
match = "POST /cp/workspaces/provision"
env = ["CP_PROVISION_URL", "MOLECULE_CP_URL"]
[[routes]]
match = "GET /cp/auth/tenant-member"
env = ["CP_UPSTREAM_URL"]
"""


def plain(
    *arguments: str, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> AbstractContextManager[Running]:
    return running_program([*PLAIN, *arguments], env=env, cwd=cwd)


def finish(
    arguments: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None, stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*PLAIN, *arguments],
        env=clean_environment(env),
        cwd=cwd,
        input=stdin,
        capture_output=True,
        timeout=30,
        check=False,
    )


def script(folder: Path, text: str) -> str:
    path = folder / "script.sh"
    path.write_text(f"#!/bin/sh\n{textwrap.dedent(text)}")
    path.chmod(0o755)
    return str(path)


def ask(proxy: Running, path: str) -> threading.Thread:
    """Send a request, wait until the front has it, and leave its answer to a thread."""

    def read() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=30)
        try:
            connection.request("GET", path)
            body = connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            body = b"broken"
        finally:
            connection.close()
        answers.append(body)

    answers: list[bytes] = []
    thread = threading.Thread(target=read)
    thread.answers = answers  # type: ignore[attr-defined]
    thread.start()
    proxy.expect(f"asked {path}", stream="stderr")
    return thread


def answer(thread: threading.Thread) -> bytes:
    thread.join(30)
    return bytes(thread.answers[0])  # type: ignore[attr-defined]


# Alone


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_saves_and_exits_0(number: signal.Signals) -> None:
    with plain("--listen", "127.0.0.1:0", "--verdict", "1") as proxy:
        proxy.expect(r"\Aplain: listening on http://127\.0\.0\.1:\d+\n")
        assert proxy.stop(number=number) == 0
        assert proxy.stderr == "saved\n"


def test_strict_exit_gives_the_verdicts_code() -> None:
    with plain("--listen", "127.0.0.1:0", "--verdict", "5", "--strict-exit") as proxy:
        assert proxy.url
        assert proxy.stop() == 5


@pytest.mark.parametrize(
    ("flags", "shown"),
    [
        ([], "cpproxy: error: a defect: ValueError (-v -v shows where it arose)\n"),
        (["-v"], "cpproxy: error: a defect: ValueError (-v -v shows where it arose)\n"),
        (["-vv"], "cpproxy: error: a defect\nValueError: a secret\n"),
    ],
)
def test_a_defect_is_one_line_and_its_traceback_is_for_who_asks(flags: list[str], shown: str) -> None:
    with plain("--listen", "127.0.0.1:0", *flags) as proxy:
        ask(proxy, "/defect").join()
        assert shown in proxy.stderr
        assert ("a secret" in proxy.stderr) == (flags == ["-vv"])


def test_the_first_signal_lets_an_answer_under_way_end() -> None:
    with plain("--listen", "127.0.0.1:0") as proxy:
        asked = ask(proxy, "/slow")
        assert proxy.stop() == 0
        assert answer(asked) == b"done"


def test_the_second_signal_does_not_wait_for_answers_and_still_saves() -> None:
    with plain("--listen", "127.0.0.1:0") as proxy:
        asked = ask(proxy, "/never")
        proxy.send(signal.SIGTERM)
        began = time.monotonic()
        time.sleep(0.1)  # two signals at once are one to the kernel
        assert proxy.stop() == 0
        assert time.monotonic() - began < 9  # the grace is 10 s
        assert answer(asked) == b"broken"
        assert proxy.stderr.endswith("saved\n")


def test_listens_where_ipv6_says() -> None:
    with plain("--listen", "[::1]:0") as proxy:
        assert proxy.url.startswith("http://[::1]:")
        assert proxy.stop() == 0


def test_a_front_that_fails_ends_the_run_with_its_error() -> None:
    with plain("--listen", "127.0.0.1:0") as proxy:
        ask(proxy, "/fail").join()
        assert proxy.wait() == 2
        assert proxy.stderr.endswith("cpproxy: error: the ledger is gone\n")
        assert "saved" not in proxy.stderr


@pytest.mark.parametrize(
    "listen", ["9090", ":9090", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:65536", "::1:80", "http://a:1", "a:-1"]
)
def test_what_is_no_address_is_told_in_one_line(listen: str) -> None:
    ended = finish(["--listen", listen])
    assert ended.returncode == 2
    assert ended.stderr.decode() == (
        f"cpproxy: error: --listen: expected HOST:PORT, as in 127.0.0.1:9090 or [::1]:0, not {listen!r}\n"
    )


def test_an_address_of_the_config_that_is_none_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "cpproxy.toml").write_text('listen = "everywhere"')
    ended = finish([], cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.startswith(b"cpproxy: error: cpproxy.toml: listen: expected HOST:PORT")


def test_the_flag_beats_the_variable_and_that_the_config(tmp_path: Path) -> None:
    (tmp_path / "cpproxy.toml").write_text('listen = "everywhere"')
    with plain(env={"CPPROXY_LISTEN": "127.0.0.1:0"}, cwd=tmp_path) as proxy:
        assert proxy.url
    with plain("--listen", "127.0.0.1:0", env={"CPPROXY_LISTEN": "nowhere"}, cwd=tmp_path) as proxy:
        assert proxy.url


# Beside a command


def test_the_command_finds_the_front_in_its_environment(tmp_path: Path) -> None:
    (tmp_path / "cpproxy.toml").write_text(CONFIG)
    names = ["CPPROXY_URL", "CP_PROVISION_URL", "MOLECULE_CP_URL", "CP_UPSTREAM_URL", "NO_PROXY", "no_proxy"]
    shown = "; ".join(f'echo "${name}"' for name in names)
    ended = finish(
        ["--", "sh", "-c", shown], cwd=tmp_path, env={"NO_PROXY": "a.example", "MOLECULE_CP_URL": "http://production"}
    )
    assert ended.returncode == 0, ended.stderr
    *urls, upper, lower = ended.stdout.decode().splitlines()
    assert len(set(urls)) == 1
    assert urls[0].startswith("http://127.0.0.1:")
    assert upper == lower == "a.example,127.0.0.1"
    assert ended.stderr.decode() == f"plain: listening on {urls[0]}\nsaved\n"


def test_the_command_can_call_the_front() -> None:
    program = "import os, urllib.request as u; print(end=u.urlopen(os.environ['CPPROXY_URL']).read().decode())"
    ended = finish(["--", sys.executable, "-c", program])
    assert ended.stdout == b"done"


def test_input_and_output_of_the_command_are_untouched() -> None:
    data = bytes(range(256)) * 1000
    ended = finish(["--", "cat"], stdin=data)
    assert (ended.returncode, ended.stdout) == (0, data)


def test_quiet_beside_a_command_leaves_the_first_line_out() -> None:
    assert finish(["-q", "--", "true"]).stderr == b"saved\n"


def test_flags_of_the_command_are_its_own() -> None:
    ended = finish(["--verdict", "0", "--", "printf", "%s|", "--verdict", "--", "-v"])
    assert ended.stdout == b"--verdict|--|-v|"


@pytest.mark.parametrize(
    ("verdict", "command", "code"),
    [
        ("0", "exit 0", 0),
        ("1", "exit 0", 1),
        ("5", "exit 0", 5),
        ("1", "exit 7", 7),
        ("0", "exit 255", 255),
        ("1", "kill -TERM $$", 143),
        ("0", "kill -KILL $$", 137),
    ],
)
def test_the_commands_code_wins_if_it_is_not_0(verdict: str, command: str, code: int) -> None:
    assert finish(["--verdict", verdict, "--", "sh", "-c", command]).returncode == code


@pytest.mark.parametrize(("command", "code"), [("exit 0", 3), ("exit 7", 7)])
def test_an_error_at_the_end_is_told_and_does_not_hide_the_commands_code(command: str, code: int) -> None:
    ended = finish(["--broken", "--", "sh", "-c", command])
    assert ended.returncode == code
    assert ended.stderr.endswith(b"cpproxy: error: x.json: $: cannot be saved\n")


def test_a_command_that_cannot_be_run_is_told_in_one_line_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "plain.txt").write_text("no program")
    (tmp_path / "folder").mkdir()
    for name, code, problem in [
        ("no-such-program", 127, "no such command"),
        ("./missing", 127, "no such command"),
        ("./plain.txt", 126, "cannot be run: it is not executable (chmod +x ./plain.txt)"),
        ("./folder", 126, "cannot be run: it is a folder"),
    ]:
        ended = finish(["--", name], cwd=tmp_path)
        assert (ended.returncode, ended.stdout) == (code, b"")
        assert ended.stderr.decode() == f"cpproxy: error: {name}: {problem}\n"
    ended = finish(["--", ""], cwd=tmp_path)
    assert (ended.returncode, ended.stderr.count(b"\n"), b"the command is empty" in ended.stderr) == (127, 1, True)


def test_a_command_whose_interpreter_is_missing_is_told_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "script"
    path.write_text("#!/no/such/interpreter\n")
    path.chmod(0o755)
    ended = finish(["--", str(path)])
    assert ended.returncode == 127
    assert ended.stderr.decode().splitlines()[1:] == [
        f"cpproxy: error: {path}: cannot be run: No such file or directory"
    ]


@pytest.mark.parametrize(
    ("arguments", "problem"), [(["--"], "no command follows `--`"), (["./x.sh"], "unexpected extra argument")]
)
def test_only_what_follows_the_dashes_is_a_command(arguments: list[str], problem: str) -> None:
    ended = finish(arguments)
    assert ended.returncode == 2
    assert problem in ended.stderr.decode()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_reaches_the_command_and_what_it_started(tmp_path: Path, number: signal.Signals) -> None:
    name = number.name.removeprefix("SIG")
    child = script(tmp_path, f"trap 'echo child heard; exit 0' {name}; echo ready; while :; do sleep 0.05; done")
    command = f"trap 'echo command heard; exit 9' {name}; {child}; sleep 1"
    with plain("--verdict", "1", "--", "bash", "-c", command) as proxy:
        proxy.expect("ready")
        assert proxy.stop(number=number) == 9
        assert sorted(proxy.stdout.splitlines()) == ["child heard", "command heard", "ready"]
        assert proxy.stderr.endswith("saved\n")


def test_a_command_that_ends_by_the_signal_gives_its_code() -> None:
    with plain("--", "sh", "-c", "echo ready; sleep 60") as proxy:
        proxy.expect("ready")
        assert proxy.stop() == 128 + signal.SIGTERM


def test_the_second_signal_ends_a_command_that_does_not_listen() -> None:
    with plain("--", "sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done") as proxy:
        proxy.expect("ready")
        proxy.send(signal.SIGTERM)
        time.sleep(0.1)  # two signals at once are one to the kernel
        assert proxy.stop() == 128 + signal.SIGKILL
        assert proxy.stderr.endswith("saved\n")


def test_a_front_that_fails_ends_the_command_too() -> None:
    program = "import os, time, urllib.request as u; u.urlopen(os.environ['CPPROXY_URL'] + '/fail'); time.sleep(60)"
    with plain("--", sys.executable, "-c", program) as proxy:
        assert proxy.wait() == 2
        assert proxy.stderr.endswith("cpproxy: error: the ledger is gone\n")


# Makes the terminal the controlling one, and becomes an interactive shell.
DESK = """
import fcntl, os, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv("/bin/bash", ["bash", "--norc", "--noprofile", "-i"])
"""


def read_terminal(master: int, until: bytes) -> bytes:
    seen = b""
    deadline = time.monotonic() + 20
    while until not in seen:
        assert select.select([master], [], [], max(0, deadline - time.monotonic()))[0], seen
        seen += os.read(master, 1024)
    return seen


@pytest.mark.parametrize("key", [b"\x03", b"\x1a"], ids=["ctrl-c", "ctrl-z"])
def test_the_command_has_the_terminal_and_ctrl_c_reaches_it_once(key: bytes) -> None:
    """Under a shell with job control: what is typed is the command's, Ctrl-Z stops it and `fg` lets it go on."""
    command = "trap 'echo in''terrupted; d=1' INT; read l; echo got $l; until [ $d ]; do sleep 0.05; done; exit 4"
    master, terminal = pty.openpty()
    shell = subprocess.Popen(
        [sys.executable, "-c", DESK],
        env={"PS1": "prompt$ ", "PATH": os.environ["PATH"]},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    try:
        read_terminal(master, b"prompt$ ")
        words = " ".join([*PLAIN, "--", "bash", "-c"])
        os.write(master, f'{words} "{command.replace("$", chr(92) + "$")}"; echo code is $?\n'.encode())
        read_terminal(master, b"listening on")
        os.write(master, b"hello\n")
        read_terminal(master, b"got hello")
        if key == b"\x1a":
            os.write(master, key)
            read_terminal(master, b"Stopped")
            os.write(master, b"fg; echo code is $?\n")
            read_terminal(master, b"plain_front")
            time.sleep(0.3)
        os.write(master, b"\x03")
        seen = read_terminal(master, b"code is 4")
        assert seen.count(b"interrupted") == 1
        assert b"saved" in seen
    finally:
        os.write(master, b"\x03\nkill -9 %1\nexit\nexit\n")
        os.close(master)
        shell.wait(10)


# The environment, as values


def test_without_routes_the_url_alone_is_set() -> None:
    assert client_environment(DEFAULT, "http://127.0.0.1:5", {"A": "b"}) == {
        "A": "b",
        "CPPROXY_URL": "http://127.0.0.1:5",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }


@pytest.mark.parametrize(
    ("listening", "url", "host"),
    [("http://0.0.0.0:5", "http://127.0.0.1:5", "127.0.0.1"), ("http://[::]:5", "http://[::1]:5", "::1")],
)
def test_a_front_on_all_addresses_is_called_on_loopback(listening: str, url: str, host: str) -> None:
    config = Config(routes=(RouteSettings(match="GET /", env=("X_URL",)),))
    found = client_environment(config, listening, {})
    assert (found["X_URL"], found["NO_PROXY"]) == (url, host)


def test_both_spellings_of_no_proxy_are_joined() -> None:
    found = client_environment(DEFAULT, "http://127.0.0.1:5", {"NO_PROXY": "a, b", "no_proxy": "b,c,127.0.0.1"})
    assert found["NO_PROXY"] == found["no_proxy"] == "a,b,c,127.0.0.1"
