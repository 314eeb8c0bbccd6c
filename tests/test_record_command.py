import contextlib
import http.server
import json
import os
import random
import secrets
import signal
import stat
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from cpproxy.files import cassettes
from tests.processes import Running, finish, running

REDACTED = "Bearer {{cpproxy:authorization:1}}"


class Plane(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    version: ClassVar[int] = 1

    def do_GET(self) -> None:
        body = json.dumps({"path": self.path, "version": Plane.version}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def upstream() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Plane) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@contextlib.contextmanager
def recording(upstream: str, cwd: Path, *arguments: str) -> Iterator[Running]:
    with running(["record", "--upstream", upstream, "--listen", "127.0.0.1:0", *arguments], cwd=cwd) as proxy:
        yield proxy


def get(url: str, **headers: str) -> bytes:
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        body: bytes = answer.read()
        return body


def targets(cwd: Path, name: str) -> list[str]:
    return [one.request.target for one in cassettes.read(cwd / "cassettes", name).interactions]


def wait_for(path: Path, text: str) -> str:
    """The file's text once it holds `text`, which a save every few seconds will bring about."""
    done = threading.Event()
    for _ in range(300):
        with contextlib.suppress(FileNotFoundError):
            if text in (found := path.read_text()):
                return found
        done.wait(0.05)
    raise AssertionError(f"{path} does not hold {text!r}")


def test_records_until_a_signal_and_exits_0(upstream: str, tmp_path: Path) -> None:
    with recording(upstream, tmp_path, "--cassette", "harness/boot") as proxy:
        assert proxy.stdout == f"cpproxy: recording harness/boot from {upstream} on {proxy.url}\n"
        assert json.loads(get(f"{proxy.url}/a?b=1", Authorization="Bearer sesame")) == {"path": "/a?b=1", "version": 1}
        get(f"{proxy.url}/c")
        assert proxy.stop() == 0
        assert proxy.stdout.count("\n") == 1
    assert targets(tmp_path, "harness/boot") == ["/a?b=1", "/c"]
    text = (tmp_path / "cassettes/harness/boot.json").read_text()
    assert "sesame" not in text
    assert REDACTED in text
    assert [path.name for path in (tmp_path / "cassettes/harness").iterdir()] == ["boot.json"]


def test_the_ledger_knows_what_was_saved(upstream: str, tmp_path: Path) -> None:
    with recording(upstream, tmp_path) as proxy:
        get(f"{proxy.url}/a")
        proxy.stop()
    done = finish(["calls", "--format", "json"], cwd=tmp_path)
    (row,) = json.loads(done.stdout)
    assert (row["outcome"], row["cassette"], row["interaction"]) == ("recorded", "recording", "get-a-1")


def test_two_recordings_of_an_unchanged_upstream_differ_in_times_alone(upstream: str, tmp_path: Path) -> None:
    found = []
    for _ in range(2):
        with recording(upstream, tmp_path) as proxy:
            for path in ("/b", "/a", "/b"):
                get(f"{proxy.url}{path}", Authorization="Bearer sesame")
            proxy.stop()
        found.append(json.loads((tmp_path / "cassettes/recording.json").read_text()))
    for document in found:
        document["recorded"].pop("at")
        for interaction in document["interactions"]:
            interaction.pop("start")
            interaction.pop("end")
            interaction["response"]["headers"] = [
                pair for pair in interaction["response"]["headers"] if pair[0] != "Date"
            ]
            interaction["request"]["headers"] = [
                pair for pair in interaction["request"]["headers"] if pair[0] != "Host"
            ]
    assert found[0] == found[1]
    assert [one["id"] for one in found[0]["interactions"]] == ["get-b-1", "get-a-1", "get-b-2"]


def test_a_cassette_that_exists_is_replaced_at_a_good_end_and_not_before(upstream: str, tmp_path: Path) -> None:
    path = tmp_path / "cassettes/recording.json"
    with recording(upstream, tmp_path) as proxy:
        get(f"{proxy.url}/old")
        proxy.stop()
    old = path.read_bytes()
    with recording(upstream, tmp_path) as proxy:
        get(f"{proxy.url}/new")
        wait_for(path.with_name(".recording.json.recording"), "/new")
        assert path.read_bytes() == old
        proxy.stop()
    assert targets(tmp_path, "recording") == ["/new"]
    assert [one.name for one in path.parent.iterdir()] == ["recording.json"]


def test_append_adds_to_the_cassette(upstream: str, tmp_path: Path) -> None:
    for path in ("/a", "/b", "/a"):
        with recording(upstream, tmp_path, "--append") as proxy:
            get(f"{proxy.url}{path}", Authorization="Bearer sesame")
            proxy.stop()
    whole = cassettes.read(tmp_path / "cassettes", "recording")
    assert [one.id for one in whole.interactions] == ["get-a-1", "get-b-1", "get-a-2"]
    times = [time for one in whole.interactions for time in (one.start, one.end)]
    assert times == sorted(times)
    assert [one.marker for one in whole.placeholders] == [f"{{{{cpproxy:authorization:{n}}}}}" for n in (1, 2, 3)]


def test_a_killed_recorder_leaves_its_last_whole_file_and_the_old_cassette(upstream: str, tmp_path: Path) -> None:
    path = tmp_path / "cassettes/recording.json"
    draft = path.with_name(".recording.json.recording")
    with recording(upstream, tmp_path) as proxy:
        get(f"{proxy.url}/first")
        wait_for(draft, "/first")
        assert not path.exists()
        assert stat.S_IMODE(draft.stat().st_mode) == 0o600
        proxy.stop()
    assert not draft.exists()
    old = path.read_bytes()
    path.chmod(0o640)
    with recording(upstream, tmp_path) as proxy:
        get(f"{proxy.url}/second")
        wait_for(draft, "/second")
        proxy.kill()
    assert "has not come to its end" in draft.read_text()
    assert path.read_bytes() == old
    left = draft.read_bytes()
    assert json.loads(left)["interactions"][0]["request"]["target"] == "/second"
    with recording(upstream, tmp_path) as proxy:
        get(f"{proxy.url}/third")
        proxy.expect(r"an earlier recording of recording .* kept as .*\.recording\.json\.recording\.1", stream="stderr")
        proxy.stop()
    assert targets(tmp_path, "recording") == ["/third"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert path.with_name(".recording.json.recording.1").read_bytes() == left


def test_what_is_learnt_late_leaves_the_draft_before_the_answer_tells(upstream: str, tmp_path: Path) -> None:
    draft = tmp_path / "cassettes/.recording.json.recording"
    value = f"Kettle-{''.join(random.choices('bcdfglmprst', k=6))}-marble"
    with recording(upstream, tmp_path) as proxy:
        get(f"{proxy.url}/pots/{value}?of={value}")
        wait_for(draft, value)
        get(f"{proxy.url}/login", Authorization=f"Bearer {value}")
        assert not draft.exists() or value not in draft.read_text()
        assert value not in wait_for(draft, "/login")
        get(f"{proxy.url}/other", Authorization=f"Bearer {value}-2")
        proxy.kill()
    assert value not in draft.read_text()
    assert [path.name for path in draft.parent.iterdir() if value.encode() in path.read_bytes()] == []


def test_drafts_that_were_left_lose_what_is_known_by_now(upstream: str, tmp_path: Path) -> None:
    draft = tmp_path / "cassettes/.recording.json.recording"
    first, second = (f"Kettle-{''.join(random.choices('bcdfglmprst', k=6))}-marble" for _ in range(2))
    (tmp_path / "cpproxy.toml").write_text('[redact]\nenvironment = ["POT"]\n')
    with recording(upstream, tmp_path) as proxy:
        get(f"{proxy.url}/pots/{first}/{second}")
        wait_for(draft, second)
        proxy.kill()
    written = draft.with_name(f".{draft.name}.0123abcd.tmp")
    written.write_bytes(draft.read_bytes())
    left = draft.with_name(f"{draft.name}.1")
    arguments = ["record", "--upstream", upstream, "--listen", "127.0.0.1:0"]
    with running(arguments, cwd=tmp_path, env={"POT": first}) as proxy:
        get(f"{proxy.url}/x")
        assert json.loads(left.read_text())["interactions"][0]["request"]["target"] == f"/pots/***/{second}"
        assert stat.S_IMODE(left.stat().st_mode) == 0o600
        assert not written.exists()
        get(f"{proxy.url}/login", Authorization=f"Bearer {second}")
        proxy.stop()
    assert json.loads(left.read_text())["interactions"][0]["request"]["target"] == "/pots/***/***"


def test_two_recorders_do_not_share_a_cassette(upstream: str, tmp_path: Path) -> None:
    with recording(upstream, tmp_path):
        done = finish(["record", "--upstream", upstream, "--listen", "127.0.0.1:0"], cwd=tmp_path)
        assert done.returncode == 2
        assert done.stderr.startswith("cpproxy: error: cassette recording: another recorder is at work on it; ")


def test_a_file_that_is_no_cassette_is_not_recorded_over(upstream: str, tmp_path: Path) -> None:
    path = tmp_path / "cassettes/recording.json"
    path.parent.mkdir()
    path.write_text("{")
    done = finish(["record", "--upstream", upstream, "--", "true"], cwd=tmp_path)
    assert done.returncode == 3
    assert done.stderr.startswith("cpproxy: error: cassettes/recording.json: $: ")
    assert path.read_text() == "{"


@pytest.mark.parametrize("name", ["../outside", "/etc/x", "a/../../b", ""])
def test_a_cassettes_name_does_not_leave_its_folder(name: str, upstream: str, tmp_path: Path) -> None:
    done = finish(["record", "--upstream", upstream, "--cassette", name, "--", "true"], cwd=tmp_path)
    assert done.returncode == 2
    assert list(tmp_path.rglob("*.json")) == []


CURL = "curl -sS -o /dev/null $CPPROXY_URL/x"


def test_runs_a_command_and_records_what_it_calls(upstream: str, tmp_path: Path) -> None:
    done = finish(["record", "--upstream", upstream, "--", "sh", "-c", f"{CURL} && echo its own output"], cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "its own output\n")
    assert targets(tmp_path, "recording") == ["/x"]


def test_a_command_that_fails_leaves_the_old_cassette_and_the_draft_beside_it(upstream: str, tmp_path: Path) -> None:
    path = tmp_path / "cassettes/recording.json"
    assert finish(["record", "--upstream", upstream, "--", "sh", "-c", CURL], cwd=tmp_path).returncode == 0
    old = path.read_bytes()
    done = finish(["record", "--upstream", upstream, "--", "sh", "-c", f"{CURL}; exit 7"], cwd=tmp_path)
    assert done.returncode == 7
    assert "left in cassettes/.recording.json.recording; recording is as it was" in done.stderr
    assert path.read_bytes() == old
    draft = json.loads(path.with_name(".recording.json.recording").read_text())
    assert draft["incomplete"] == "the command ended with exit code 7"


def test_an_upstream_that_failed_is_exit_4_and_marks_the_recording(upstream: str, tmp_path: Path) -> None:
    with recording(upstream, tmp_path) as proxy:
        get(f"{proxy.url}/a")
        proxy.stop()
    path = tmp_path / "cassettes/recording.json"
    old = path.read_bytes()
    with recording("http://127.0.0.1:1", tmp_path) as proxy:
        with pytest.raises(urllib.error.HTTPError, match="502"):
            get(f"{proxy.url}/b")
        assert proxy.stop() == 4
        assert "cannot be reached (connection refused)" in proxy.stderr
    assert path.read_bytes() == old


def test_nothing_recorded_is_exit_5_and_touches_nothing(upstream: str, tmp_path: Path) -> None:
    done = finish(["record", "--upstream", upstream, "--", "true"], cwd=tmp_path)
    assert done.returncode == 5
    assert list((tmp_path / "cassettes").iterdir()) == []


def test_strict_exit_gives_the_verdicts_code_on_a_signal(upstream: str, tmp_path: Path) -> None:
    with recording(upstream, tmp_path, "--strict-exit") as proxy:
        assert proxy.stop(number=signal.SIGINT) == 5


def test_a_marker_in_the_traffic_ends_the_run_with_4(upstream: str, tmp_path: Path) -> None:
    with recording(upstream, tmp_path) as proxy:
        with pytest.raises((ConnectionError, urllib.error.URLError)):
            get(f"{proxy.url}/{{{{cpproxy:x:1}}}}")
        assert proxy.wait() == 4
        assert "which marks secrets in cassettes" in proxy.stderr


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "no upstream"),
        ("ftp://example.com", "expected http://HOST"),
        ("http://", "expected http://HOST"),
        ("http://example.com:port", "expected http://HOST"),
        ("example.com", "expected http://HOST"),
        ("http://example.com/?x=1", "no query"),
        ("http://user:sesame@example.com", "leave out what stands before the @"),
    ],
)
def test_an_upstream_that_is_none_is_a_usage_error(url: str, reason: str, tmp_path: Path) -> None:
    done = finish(["record", "--upstream", url, "--", "true"], cwd=tmp_path)
    assert done.returncode == 2
    assert reason in done.stderr
    assert "sesame" not in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("listen", ["127.0.0.1:19", "0.0.0.0:19"])
def test_an_upstream_that_is_the_recorder_itself_is_a_usage_error(listen: str, tmp_path: Path) -> None:
    command = ["record", "--upstream", "http://localhost:19", "--listen", listen]
    done = finish(command, cwd=tmp_path, env={"CPPROXY_ADMIN_TOKEN": secrets.token_hex(16)})
    assert done.returncode == 2
    assert "is where this recorder is to listen" in done.stderr


def test_the_upstream_may_stand_in_the_config(upstream: str, tmp_path: Path) -> None:
    (tmp_path / "cpproxy.toml").write_text(f'[cp]\nupstream = "{upstream}"\n')
    assert finish(["record", "--", "sh", "-c", CURL], cwd=tmp_path).returncode == 0
    assert targets(tmp_path, "recording") == ["/x"]


def test_what_was_recorded_replays_without_the_upstream(tmp_path: Path) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Plane) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        with recording(f"http://127.0.0.1:{server.server_port}", tmp_path) as proxy:
            recorded = get(f"{proxy.url}/x?y=1")
            proxy.stop()
        server.shutdown()
        thread.join()
    with running(["replay", "--listen", "127.0.0.1:0"], cwd=tmp_path) as proxy:
        assert get(f"{proxy.url}/x?y=1") == recorded
        proxy.stop()


def test_a_cassette_that_cannot_be_saved_ends_the_run(upstream: str, tmp_path: Path) -> None:
    with recording(upstream, tmp_path) as proxy:
        (tmp_path / "cassettes").rename(tmp_path / "moved")
        (tmp_path / "cassettes").touch()
        get(f"{proxy.url}/x")
        assert proxy.wait() == 3
        assert "cassettes/.recording.json.recording: $: expected a file that can be written" in proxy.stderr


# What stands where a recording is to be: seen at the start, or the recording is kept beside it.

IN_THE_WAY = {
    "a folder": ("recording.json", Path.mkdir, "recording.json: $: expected a file, found a folder"),
    "a pipe": ("recording.json", os.mkfifo, "recording.json: $: expected a file, found a named pipe"),
    "a folder for a draft": (
        ".recording.json.recording",
        Path.mkdir,
        ".recording.json.recording: $: expected a recorder's draft, found a folder",
    ),
    "a link for a draft": (
        ".recording.json.recording",
        lambda path: path.symlink_to("/etc/passwd"),
        ".recording.json.recording: $: expected a recorder's draft, found a link",
    ),
    "a folder for a lock": (
        ".recording.json.lock",
        Path.mkdir,
        ".recording.json.lock: $: expected a recorder's lock, found a folder",
    ),
    "a link for a lock": (
        ".recording.json.lock",
        lambda path: path.symlink_to(path.parent.parent / "made"),
        ".recording.json.lock: $: expected a recorder's lock, found a link",
    ),
}


@pytest.mark.parametrize(("name", "make", "expected"), IN_THE_WAY.values(), ids=IN_THE_WAY)
def test_what_stands_in_the_way_of_a_recording_is_seen_before_it_begins(
    name: str, make: Callable[[Path], None], expected: str, upstream: str, tmp_path: Path
) -> None:
    (tmp_path / "cassettes").mkdir()
    make(tmp_path / "cassettes" / name)
    done = finish(["record", "--upstream", upstream, "--", "touch", "begun"], cwd=tmp_path)
    assert (done.returncode, done.stderr) == (3, f"cpproxy: error: cassettes/{expected}\n")
    assert not (tmp_path / "begun").exists()
    assert not (tmp_path / "made").exists()
    assert [path.name for path in (tmp_path / "cassettes").iterdir()] == [name]


def test_a_recording_whose_name_was_taken_by_a_folder_is_kept_beside_it(upstream: str, tmp_path: Path) -> None:
    script = f"{CURL} && mkdir cassettes/recording.json cassettes/.recording.json.recording"
    done = finish(["record", "--upstream", upstream, "--", "sh", "-c", script], cwd=tmp_path)
    assert done.returncode == 3
    draft = "cassettes/.recording.json.recording.1"
    told = done.stderr.splitlines(keepends=True)[1]
    assert told.startswith("cpproxy: error: cassettes/recording.json: $: expected a file that can be written: ")
    assert told.endswith(f"; the recording is left in {draft}: move it to where it can stay\n")
    kept = json.loads((tmp_path / draft).read_text())
    assert [one["request"]["target"] for one in kept["interactions"]] == ["/x"]
    assert kept["incomplete"] == "it could not be saved as recording"
    assert stat.S_IMODE((tmp_path / draft).stat().st_mode) == 0o600


def test_a_recording_whose_folder_was_made_a_link_stays_within(upstream: str, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    script = f"{CURL} && mv cassettes/in cassettes/was && ln -s ../outside cassettes/in"
    done = finish(["record", "--upstream", upstream, "--cassette", "in/x", "--", "sh", "-c", script], cwd=tmp_path)
    assert done.returncode == 2
    assert "leads out of cassettes" in done.stderr
    assert list((tmp_path / "outside").iterdir()) == []
