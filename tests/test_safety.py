"""Safe by default: who may listen and ask, who may read which file, and that no name and no request leads astray."""

import ast
import asyncio
import contextlib
import http.server
import json
import os
import re
import resource
import shlex
import socket
import stat
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import override

import pytest

import cpproxy
from cpproxy.errors import CpproxyError
from cpproxy.files import cassettes
from cpproxy.files.drafts import Draft
from tests.origin import Peer, connected, raw_origin
from tests.processes import CPPROXY, clean_environment, finish, running, running_program
from tests.recorder import recorder

TOKEN = "sham-admin-token-7f3a"
PACKAGE = Path(cpproxy.__file__).parent
ROOT = PACKAGE.parent


class _Ok(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def upstream() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Ok) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def ask(url: str, path: str, headers: dict[str, str] | None = None, data: bytes | None = None) -> tuple[int, bytes]:
    request = urllib.request.Request(f"{url}{path}", data, headers or {})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def record(upstream: str, *more: str) -> list[str]:
    return ["record", "--upstream", upstream, "--listen", "127.0.0.1:0", *more]


# ---------------------------------------------------------------------- where a recorder runs, and who may ask it


@pytest.mark.parametrize("value", ["true", "1", "woodpecker"])
def test_a_pipeline_does_not_record_unless_it_is_told_to(upstream: str, value: str) -> None:
    ended = finish([*record(upstream), "--", "true"], env={"CI": value})
    assert ended.returncode == 2
    assert ended.stderr.startswith("cpproxy: error: CI is set, and a pipeline replays")
    assert "--allow-ci" in ended.stderr
    assert finish([*record(upstream, "--allow-ci"), "--", "true"], env={"CI": value}).returncode in {0, 5}


@pytest.mark.parametrize("value", ["", "0", "false"])
def test_a_variable_that_says_no_is_no_pipeline(upstream: str, value: str) -> None:
    assert "CI is set" not in finish([*record(upstream), "--", "true"], env={"CI": value}).stderr


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0"])
def test_a_recorder_that_others_can_reach_asks_for_a_token_to_be_set(upstream: str, address: str) -> None:
    ended = finish(["record", "--upstream", upstream, "--listen", address, "--", "true"])
    assert ended.returncode == 2
    assert "set CPPROXY_ADMIN_TOKEN, or name a file with --admin-token-file" in ended.stderr


@pytest.mark.parametrize("by_file", [False, True], ids=["variable", "file"])
def test_the_admin_paths_of_a_recorder_ask_for_the_token(upstream: str, tmp_path: Path, by_file: bool) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    given, env = (["--admin-token-file", str(file)], {}) if by_file else ([], {"CPPROXY_ADMIN_TOKEN": TOKEN})
    arguments = ["record", "--upstream", upstream, "--listen", "0.0.0.0:0", *given]
    with running(arguments, env=env, cwd=tmp_path) as proxy:
        url = f"http://127.0.0.1:{proxy.port}"
        for path in ("/__cpproxy/state", "/__cpproxy/calls", "/s/one/__cpproxy/state", "/__cpproxy/nothing"):
            for headers in ({}, {"Authorization": "Bearer wrong-token"}, {"Authorization": f"Basic {TOKEN}"}):
                status, body = ask(url, path, headers)
                assert (status, json.loads(body)["error"].startswith("cpproxy: the admin paths ask for a token")) == (
                    401,
                    True,
                )
        assert ask(url, "/__cpproxy/state", {"Authorization": f"Bearer {TOKEN}"})[0] == 200
        assert [ask(url, f"/__cpproxy/{path}")[0] for path in ("health", "ready")] == [200, 200]
        assert ask(url, "/anything")[0] == 200
        told = finish(["status", "--url", url, "--format", "json"], env={"CPPROXY_ADMIN_TOKEN_FILE": str(file)})
        assert told.returncode == 0, told.stderr
        refused = finish(["status", "--url", url])
        assert refused.returncode == 2
        assert "the admin paths ask for a token" in refused.stderr
        assert proxy.stop() == 0
        assert TOKEN not in proxy.stdout + proxy.stderr
    calls = finish(["calls", "--format", "json"], cwd=tmp_path)
    assert [call["target"] for call in json.loads(calls.stdout)] == ["/anything"]


def test_the_admin_paths_are_for_no_name_that_a_web_page_could_have(upstream: str, tmp_path: Path) -> None:
    (tmp_path / "cpproxy.toml").write_text('[cp]\nfront_url = "http://cp.front.example:9090"\n')
    where = ["--public-url", "http://public.example"]
    with running(record(upstream, *where), cwd=tmp_path) as proxy:
        own = ("localhost", "cp:9090", "127.0.0.1:1", "[::1]:9090", "host.docker.internal", "PUBLIC.example:80")
        for host in (*own, "cp.front.example."):
            assert ask(proxy.url, "/__cpproxy/calls", {"Host": host})[0] == 200, host
        for path in ("/__cpproxy/calls", "/s/one/__cpproxy/state", "/__cpproxy/nothing"):
            status, body = ask(proxy.url, path, {"Host": "rebound.example:9090"})
            assert status == 403
            assert "the admin paths are not for 'rebound.example'" in json.loads(body)["error"]
            assert "CPPROXY_ADMIN_TOKEN" in json.loads(body)["error"]
        assert [ask(proxy.url, f"/__cpproxy/{one}", {"Host": "a.example"})[0] for one in ("health", "ready")] == [
            200
        ] * 2
        assert ask(proxy.url, "/anything", {"Host": "rebound.example"})[0] == 200
        assert proxy.stop() == 0
    with running(record(upstream), cwd=tmp_path, env={"CPPROXY_ADMIN_TOKEN": TOKEN}) as proxy:
        headers = {"Host": "rebound.example", "X-Cpproxy-Token": TOKEN}
        assert ask(proxy.url, "/__cpproxy/calls", headers)[0] == 200  # whoever shows it is no page
        assert proxy.stop() == 0


def test_a_web_page_of_another_origin_changes_nothing(tmp_path: Path) -> None:
    where = ["--cassettes", str(ROOT / "cassettes"), "--listen", "127.0.0.1:0"]
    with running(["replay", *where], cwd=tmp_path) as proxy:
        other = ({"Origin": "http://rebound.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "same-site"})
        for headers in other:
            status, body = ask(proxy.url, "/__cpproxy/reset", headers, b"{}")
            assert status == 403, headers
            assert "a web page of another origin" in json.loads(body)["error"]
        for headers in ({}, {"Origin": proxy.url}, {"Sec-Fetch-Site": "same-origin", "Origin": "http://front:8080"}):
            assert ask(proxy.url, "/__cpproxy/reset", headers, b"{}")[0] == 200, headers
        assert proxy.stop() == 0


def test_a_command_is_told_the_token_of_its_proxy(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    script = f"{' '.join(CPPROXY)} status --format json && printenv CPPROXY_ADMIN_TOKEN"
    where = ["--cassettes", str(ROOT / "cassettes"), "--admin-token-file", str(file)]
    ended = finish(["replay", *where, "--", "sh", "-c", script], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)})
    assert ended.stdout.endswith(f"{TOKEN}\n"), ended.stderr


@pytest.mark.parametrize(
    ("content", "said"), [("short", "8 visible ASCII characters"), ("with a space in it", "8 visible")]
)
def test_a_token_that_is_none_is_refused(upstream: str, tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "token").write_text(content)
    ended = finish([*record(upstream, "--admin-token-file", str(tmp_path / "token")), "--", "true"])
    assert (ended.returncode, said in ended.stderr, content in ended.stderr) == (2, True, False)
    missing = finish([*record(upstream, "--admin-token-file", str(tmp_path / "none")), "--", "true"])
    assert (missing.returncode, "cannot be read: No such file" in missing.stderr) == (2, True)


# ---------------------------------------------------------------------- files, and what a crash leaves


def test_what_is_written_on_the_way_is_for_its_owner_and_a_cassette_is_ordinary(upstream: str, tmp_path: Path) -> None:
    program = f"umask 022; exec {' '.join(CPPROXY)} {' '.join(record(upstream))}"
    with running_program(["sh", "-c", program], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}) as proxy:
        ask(proxy.url, "/x")
        draft = tmp_path / "cassettes" / ".recording.json.recording"
        for _ in range(100):
            if draft.exists():
                break
            subprocess.run(["sleep", "0.1"], check=True)
        modes = {
            str(path.relative_to(tmp_path)): stat.S_IMODE(path.stat().st_mode)
            for path in tmp_path.rglob("*")
            if path.is_file() and "cache" not in str(path)
        }
        assert len(modes) >= 3
        assert set(modes.values()) == {0o600}, modes
        assert proxy.stop() == 0
    finish(["verify"], cwd=tmp_path)
    assert stat.S_IMODE((tmp_path / "cassettes" / "recording.json").stat().st_mode) == 0o644
    assert stat.S_IMODE((tmp_path / ".cpproxy").stat().st_mode) == 0o700
    ledger = [path for path in (tmp_path / ".cpproxy").rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in ledger} == {0o600}


def test_a_proxy_leaves_no_core_and_its_command_may(tmp_path: Path) -> None:
    """The command has the limits that it would have had; the proxy has none, and is not to be dumped."""
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    script = "ulimit -Sc; ulimit -Hc; sleep 0.5; grep -i '^max core' /proc/$PPID/limits; kill -SEGV $PPID; sleep 5"
    replay = f"{' '.join(CPPROXY)} replay --cassettes {ROOT / 'cassettes'}"
    command = f"ulimit -S -c unlimited; cd {tmp_path}; exec {replay} -- sh -c {shlex.quote(script)}"
    ended = subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=clean_environment({"PYTHONPATH": str(ROOT)}),
    )
    assert ended.returncode == -11, ended.stderr
    own_soft, own_hard, proxys = ended.stdout.splitlines()
    assert re.search(r"size +0 +0 ", proxys), proxys
    assert own_soft == own_hard == ("unlimited" if hard == resource.RLIM_INFINITY else str(hard))
    assert not list(tmp_path.glob("core*"))


def test_a_proxy_without_a_command_may_have_no_core_at_all(tmp_path: Path) -> None:
    arguments = ["replay", "--listen", "127.0.0.1:0", "--cassettes", str(ROOT / "cassettes")]
    with running(arguments, cwd=tmp_path) as proxy:
        limits = Path(f"/proc/{proxy.pid}/limits").read_text()
    assert re.search(r"Max core file size +0 +0 ", limits), limits


def test_the_process_of_the_trap_is_told_no_secret_and_runs_nothing_of_the_working_folder(tmp_path: Path) -> None:
    token, other = "sham-" + os.urandom(8).hex(), "sham-" + os.urandom(8).hex()
    (tmp_path / "mitmproxy.py").write_text("open('run', 'w').close()")
    arguments = ["replay", "--trap", "-vv", "--listen", "127.0.0.1:0", "--cassettes", str(ROOT / "cassettes")]
    env = {"CPPROXY_ADMIN_TOKEN": token, "STAGING_OPERATOR_TOKEN": other}
    with running(arguments, env=env, cwd=tmp_path) as proxy:
        for _ in range(200):
            if ask(proxy.url, "/__cpproxy/ready")[0] == 200:
                break
            threading.Event().wait(0.05)
        children = Path(f"/proc/{proxy.pid}/task/{proxy.pid}/children").read_text().split()
        traps = [
            Path("/proc", one) for one in children if b"cpproxy.trap" in Path("/proc", one, "cmdline").read_bytes()
        ]
        assert len(traps) == 1
        given = (traps[0] / "environ").read_bytes() + (traps[0] / "cmdline").read_bytes()
        assert re.search(r"Max core file size +0 +0 ", (traps[0] / "limits").read_text())
        assert str((traps[0] / "fd/2").readlink()) == "/dev/null"
    assert b"PATH=" in given
    assert b"sham-" not in given
    assert not (tmp_path / "run").exists()


def test_folders_that_are_made_for_a_ledger_are_for_their_owner_alone(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir(mode=0o755)
    ledger = tmp_path / "there" / "a" / "b" / "c" / "ledger.db"
    where = ["--ledger", str(ledger), "--cassettes", str(ROOT / "cassettes")]
    finish(["replay", *where, "--", "true"], cwd=tmp_path)
    made = [ledger.parent, ledger.parent.parent, ledger.parent.parent.parent, ledger.with_name("ledger.db.runs")]
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o700}
    assert stat.S_IMODE((tmp_path / "there").stat().st_mode) == 0o755


UNHEARD = """
import asyncio, logging, sys, threading
from cpproxy.cli import main
from cpproxy.cli.log import set_up_logging

main._hush()
set_up_logging(int(sys.argv[2]))
raw = sys.argv[1]

class Left:
    def __del__(self):
        raise ValueError(raw)

async def fails(_):
    raise ValueError(raw)

def breaks(_):
    raise ValueError(raw)

async def live():
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(fails(raw))
    await asyncio.wait({task})
    del task
    loop.call_soon(breaks, raw)
    future = loop.create_future()
    future.set_exception(ValueError(raw))
    del future
    loop.call_exception_handler({"message": "Fatal error: protocol.data_received() call failed.", "protocol": raw})
    await asyncio.sleep(0)
    await asyncio.sleep(0)

asyncio.run(live())
thread = threading.Thread(target=breaks, args=(raw,))
thread.start()
thread.join()
Left()
logging.getLogger("x").error("%d", raw)
"""


@pytest.mark.parametrize("verbosity", [0, 1])
def test_what_nobody_catches_is_told_without_what_it_held(verbosity: int) -> None:
    """What asyncio, a thread, a finaliser and the log itself would show: each is a line, and none holds the data."""
    raw = "plain words " + os.urandom(6).hex()
    ended = subprocess.run(
        [sys.executable, "-c", UNHEARD, raw, str(verbosity)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=clean_environment(),
    )
    told = ended.stderr.splitlines()
    assert raw not in ended.stdout + ended.stderr, told
    assert all(line.startswith("cpproxy: error: ") for line in told), told
    for what in (
        "Task exception was never retrieved: ValueError",
        "Exception in callback breaks: ValueError",
        "Future exception was never retrieved: ValueError",
        "Fatal error: protocol.data_received",
        "a thread ended: ValueError",
        "something could not be cleared away: ValueError",
    ):
        assert any(what in line for line in told), (what, told)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"SSH-2.0-SECRET\r\n", "BadStatusLine"),
        (b"HTTP/SECRET 200 OK\r\n\r\n", "BadStatusLine"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nSECRET", "IncompleteRead"),
        (b"", "RemoteDisconnected"),
        (b"HTTP/1.1 200 OK\r\n\r\nSECRET", "is no cpproxy of this version (status 200)"),
    ],
)
def test_what_answers_in_a_proxys_place_is_not_repeated(answer: bytes, why: str) -> None:
    secret = "plain words " + os.urandom(6).hex()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            peer, _ = listening.accept()
            with peer:
                peer.recv(65536)
                peer.sendall(answer.replace(b"SECRET", secret.encode()))

        serving = threading.Thread(target=serve)
        serving.start()
        ended = finish(["status", "--url", f"http://127.0.0.1:{listening.getsockname()[1]}"])
        serving.join()
    assert (ended.returncode, why in ended.stderr) == (2, True), ended.stderr
    assert secret not in ended.stdout + ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_tokens_file_without_an_end_is_none(upstream: str) -> None:
    ended = finish([*record(upstream, "--admin-token-file", "/dev/zero"), "--", "true"])
    assert (ended.returncode, "expected a token of 8 visible ASCII characters" in ended.stderr) == (2, True)


def test_a_common_word_is_no_token(upstream: str, tmp_path: Path) -> None:
    for word in ("localhost", "anonymous"):
        ended = finish([*record(upstream), "--", "true"], cwd=tmp_path, env={"CPPROXY_ADMIN_TOKEN": word})
        assert (ended.returncode, "made at random" in ended.stderr) == (2, True), ended.stderr


def test_nothing_is_read_as_code() -> None:
    """No pickles, no evaluated text, no modules by name but the project's own commands; YAML's plain events at most."""
    forbidden = {"pickle", "marshal", "shelve", "dill", "jsonpickle", "runpy", "code", "codeop"}
    found = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Import():
                    found += [(path.name, one.name) for one in node.names if one.name.split(".")[0] in forbidden]
                case ast.ImportFrom(module=str(module)) if module.split(".")[0] in forbidden:
                    found.append((path.name, module))
                case ast.Call(func=ast.Name(id="eval" | "exec" | "compile" | "__import__" as name)):
                    found.append((path.name, name))
                case ast.Attribute(
                    value=ast.Name(id="yaml"), attr="load" | "load_all" | "unsafe_load" | "full_load" as name
                ):
                    found.append((path.name, f"yaml.{name}"))
                case _:
                    pass
    assert found == []


# ---------------------------------------------------------------------- cassettes' names

DOTS = (
    "..",
    ".",
    "\u2024\u2024",
    "\uff0e\uff0e",
    "\u2025",
    "\u2026",
    "..\u200b",
    "\u200b..",
    ".\u200d.",
    "..\u202e",
    "%2e%2e",
    "..;",
)
SLASHES = ("/", "//", "/./", "\\", "\u2044", "\u2215", "\uff0f", "\u29f8", "\x00/", "\u2216")
NAMES = tuple(
    dict.fromkeys(
        [
            *(f"{dots}{slash}outside" for dots in DOTS for slash in SLASHES),
            *(f"a{slash}{dots}{slash}{dots}{slash}outside" for dots in DOTS[:3] for slash in SLASHES[:4]),
            *(
                "/outside",
                "//outside",
                "/etc/passwd",
                "~/outside",
                "file:///outside",
                "C:\\outside",
                "\\\\host\\outside",
            ),
            *("a\x00b", "\x00", "a\nb", "a\rb", "a\tb", "a b", " a", "a ", "", "/", "a/", "/a", "a//b", "a'b", 'a"b'),
            *(
                "a\u202eb",
                "a\u200bb",
                "\ufeffa",
                "a\u00adb",
                "a\u2028b",
                "\ud800",
                "a\x7f",
                "a\x1b[31m",
                "a\u0301",
                "\uff41",
            ),
            *(
                "a" * 300,
                "a/" * 149 + "a" * 300,
                "\u00e9" * 150,
                "x.json",
                "a/x.json",
                "link/outside",
                "dangling",
                "file-link",
            ),
        ]
    )
)


@pytest.fixture
def fenced(tmp_path: Path) -> Path:
    """A folder of cassettes with links that lead out of it, beside what is not to be touched."""
    folder = tmp_path / "cassettes"
    (folder / "a").mkdir(parents=True)
    outside = json.dumps(
        {"cpproxy": 1, "recorded": {"at": "2026-01-01T00:00:00Z", "upstream": "http://x"}, "interactions": []}
    )
    (tmp_path / "outside.json").write_text(outside)
    (folder / "link").symlink_to(tmp_path)
    (folder / "dangling.json").symlink_to(tmp_path / "made.json")
    (folder / "file-link.json").symlink_to(tmp_path / "outside.json")
    return folder


def test_there_are_many_names() -> None:
    assert len(NAMES) >= 150


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_no_name_leaves_the_folder_of_cassettes(fenced: Path, name: str) -> None:
    before = {path: path.stat().st_mtime_ns for path in fenced.parent.iterdir()}
    for act in (cassettes.load, cassettes.read, cassettes.read_text, cassettes.file_digest, Draft.open):
        with contextlib.suppress(CpproxyError):
            made = act(fenced, name)
            if isinstance(made, Draft):
                made.close()
            assert act == Draft.open, ascii(name)
            assert name in {"%2e%2e/outside", "..;/outside", "~/outside"} or name.isascii(), ascii(name)
    assert {path: path.stat().st_mtime_ns for path in fenced.parent.iterdir() if path != fenced} == {
        path: at for path, at in before.items() if path != fenced
    }
    assert not (fenced.parent / "made.json").exists()


@pytest.mark.parametrize("name", ["../outside", "a/../../outside", "/outside", "link/outside", "a\u202eb", "x" * 300])
def test_a_command_says_in_one_line_what_is_wrong_with_a_name(fenced: Path, upstream: str, name: str) -> None:
    for arguments in (
        ["cassette", "show", name],
        ["replay", "--cassette", name, "--", "true"],
        [*record(upstream), "--cassette", name, "--", "true"],
    ):
        ended = finish([*arguments[:1], *arguments[1:]], cwd=fenced.parent)
        assert ended.returncode in {2, 3}, (arguments, ended.stderr)
        assert len(ended.stderr.splitlines()) == 1
        assert ended.stderr.isascii() or name.isascii()


# ---------------------------------------------------------------------- requests that would lead a recorder astray

EVIL = "127.0.0.2:{port}"
FORMS = (
    *(
        f"GET {target} HTTP/1.1\r\nHost: front\r\n\r\n"
        for target in (
            "http://EVIL/x",
            "HTTP://EVIL/x",
            "hTTp://EVIL",
            "https://EVIL/x",
            "http://EVIL@EVIL/x",
            "http://u:p@EVIL/x",
            "http://EVIL:80@EVIL/x",
            "http://EVIL#@front/x",
            "http://EVIL?@front/x",
            "http://EVIL\\@front/x",
            "http:/EVIL/x",
            "http:EVIL/x",
            "http:///EVIL/x",
            "http:\\\\EVIL\\x",
            "//EVIL/x",
            "///EVIL/x",
            "/\\EVIL/x",
            "\\\\EVIL\\x",
            "/@EVIL/x",
            "@EVIL/x",
            "/..//EVIL/x",
            "/%2f%2fEVIL/x",
            "/x?http://EVIL/",
            "/x#http://EVIL/",
            "/.EVIL/x",
            "/:80@EVIL/x",
            "/s/one/http://EVIL/x",
            "/s/one//EVIL/x",
            "/s/one@EVIL/x",
            "/s/http://EVIL/x",
            "/%0d%0aHost:%20EVIL",
            "/;@EVIL/x",
            "ftp://EVIL/x",
            "ws://EVIL/x",
            "EVIL",
            "EVIL/x",
            "*",
            "/x HTTP/1.1 http://EVIL/",
        )
    ),
    *(
        f"GET /x HTTP/1.1\r\n{headers}\r\n\r\n"
        for headers in (
            "Host: EVIL",
            "Host: EVIL\r\nHost: front",
            "Host: front\r\nHost: EVIL",
            "Host: front@EVIL",
            "Host: front, EVIL",
            "Host: EVIL#front",
            "Host: EVIL/front",
            "Host:EVIL",
            "Host: EVIL ",
            "Host:\tEVIL",
            "host: EVIL",
            "HOST: http://EVIL/",
            "Host: front\r\nX-Forwarded-Host: EVIL",
            "Host: front\r\nForwarded: host=EVIL",
            "Host: front\r\nX-Host: EVIL",
            "Host: front\r\nX-Original-URL: http://EVIL/",
            "Host: front\r\nX-Forwarded-Proto: https\r\nX-Real-Host: EVIL",
            "Host: front\r\nConnection: Host",
            "Host: front\r\nProxy-Connection: keep-alive\r\nX-Cpproxy-Upstream: http://EVIL",
            "Host: front\r\nUpgrade: h2c\r\nConnection: Upgrade",
            "Host: front\r\nReferer: http://EVIL/",
            "Host: front\r\nVia: 1.1 EVIL",
        )
    ),
    "CONNECT EVIL HTTP/1.1\r\nHost: EVIL\r\n\r\n",
    "CONNECT http://EVIL HTTP/1.1\r\nHost: EVIL\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: EVIL\r\n\r\n",
    "GET /x HTTP/1.0\r\nHost: EVIL\r\n\r\n",
    "GET http://EVIL/x HTTP/1.0\r\n\r\n",
    "TRACE http://EVIL/x HTTP/1.1\r\nHost: EVIL\r\n\r\n",
)


def test_there_are_sixty_forms() -> None:
    assert len(set(FORMS)) >= 60


class Noting:
    """A script that notes each head, and answers everything."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []

    async def __call__(self, peer: Peer) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                self.heads.append(await peer.head())
                await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


async def test_no_form_of_request_leads_a_recorder_to_another_upstream(tmp_path: Path) -> None:
    noting, lured = Noting(), Noting()
    async with (
        raw_origin(noting) as real,
        raw_origin(lured, "127.0.0.2") as evil,
        recorder(real.url, tmp_path) as proxy,
    ):
        for form in FORMS:
            async with connected(proxy.url) as peer:
                await peer.send(form.replace("EVIL", EVIL.format(port=evil.port)).encode())
                with contextlib.suppress(TimeoutError, ConnectionError):
                    async with asyncio.timeout(0.5):
                        await peer.reader.read(64)
        assert evil.connections == 0, lured.heads
        assert real.connections > 0
        hosts = {line for head in noting.heads for line in head.split(b"\r\n") if line.lower().startswith(b"host:")}
        assert hosts == {f"Host: 127.0.0.1:{real.port}".encode()}


# ---------------------------------------------------------------------- what could not be read is not repeated

GARBAGE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nX-Key SECRET: SECRET\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nSECRET\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization : Bearer SECRET\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer SECRET\x00\r\n\r\n",
    b"GET /?token=SECRET HTTP/9.9\r\nHost: x\r\n\r\n",
    b"SECRET\r\n\r\n",
    b"\x16\x03\x01SECRET\r\n\r\n",
    b"GET /SECRET\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: SECRET\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nSECRET\r\nxx\r\n",
    b"POST /__cpproxy/wait HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nSECRET\r\nxx\r\n",
    b"POST /__cpproxy/wait HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n{SECRET}",
    b"GET /__cpproxy/ HTTP/1.1\r\nHost: x\r\nX SECRET: y\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"SECRET" * 50_000 + b"\r\n\r\n",
)


@pytest.mark.parametrize("mode", ["replay", "record"])
def test_what_cannot_be_read_is_repeated_nowhere(upstream: str, tmp_path: Path, mode: str) -> None:
    secret = "sham" + os.urandom(12).hex()
    arguments = (
        record(upstream)
        if mode == "record"
        else ["replay", "--listen", "127.0.0.1:0", "--cassettes", str(ROOT / "cassettes")]
    )
    answers = b""
    with running([*arguments, "-v", "-v"], cwd=tmp_path) as proxy:
        for garbage in GARBAGE:
            answers += send(proxy.port, garbage.replace(b"SECRET", secret.encode()))
        proxy.stop()
        said = proxy.stdout + proxy.stderr
    assert b"400" in answers
    assert secret.encode() not in answers
    assert secret not in said
    finish(["calls"], cwd=tmp_path)
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    assert kept == []


def send(port: int, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as peer, contextlib.suppress(OSError):
        peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := peer.recv(65536):
            answer += piece
        return answer
    return b""
