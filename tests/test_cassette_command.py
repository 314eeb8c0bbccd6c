"""`cpproxy cassette` as people and pipelines use it."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from cpproxy.cli.main import run
from cpproxy.core import bodies
from cpproxy.core.cassette import CassetteOf, Credential, Interaction, Recorded, RecordedRequest, RecordedResponse
from cpproxy.errors import Exit
from cpproxy.files import cassettes
from tests import vouch

RECORDED = Recorded("2026-01-02T03:04:05Z", "https://staging.test")
PROVISION = Interaction(
    id="provision",
    start=0.5,
    end=0.75,
    request=RecordedRequest(
        "POST",
        "/cp/workspaces/provision",
        (("Authorization", "Bearer {{cpproxy:authorization:1}}"), ("Content-Type", "application/json")),
        bodies.store(b'{"org_id":"org-alpha"}', limit=1000),
    ),
    response=RecordedResponse(
        201,
        "Created",
        (("Content-Type", "application/json"), ("Content-Encoding", "gzip")),
        bodies.store(bodies.recode(b'{"id":"ws-1"}', ("gzip",)), "gzip", limit=1000),
    ),
    credentials=(Credential("authorization", "bearer"),),
)
STREAM = Interaction(
    id="stream",
    start=1.0,
    end=3.0,
    request=RecordedRequest("GET", "/events"),
    response=RecordedResponse(
        200, "OK", (("Content-Type", "text/event-stream"),), bodies.store(b"data: \x1b[31m\n", limit=99), ((1500, 12),)
    ),
)
IMAGE = Interaction(
    id="image",
    start=1.0,
    end=1.0,
    request=RecordedRequest("GET", "/image"),
    response=RecordedResponse(
        404, "Not\x1b[2JFound", (("X-A", "\x9b31m"),), bodies.store(bytes(range(256)), limit=999)
    ),
)


@pytest.fixture(autouse=True)
def without_a_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(folder: Path, *interactions: Interaction, name: str = "harness/boot", incomplete: str = "") -> Path:
    return cassettes.write(folder, name, vouch.cassette(CassetteOf(1, RECORDED, interactions, incomplete)))


def replace_response(interaction: Interaction, **changes: object) -> Interaction:
    return msgspec.structs.replace(interaction, response=msgspec.structs.replace(interaction.response, **changes))


def replace_request(interaction: Interaction, **changes: object) -> Interaction:
    return msgspec.structs.replace(interaction, request=msgspec.structs.replace(interaction.request, **changes))


def test_ls_has_a_row_for_each_cassette(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, PROVISION, STREAM)
    write(tmp_path, name="a", incomplete="the upstream went away")
    assert run(["--cassettes", str(tmp_path), "cassette", "ls"]) == Exit.CLEAN
    size = (tmp_path / "harness/boot.json").stat().st_size
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.split() == ["NAME", "INTERACTIONS", "RECORDED", "UPSTREAM", "BYTES", "SHA256"]
    digests = [cassettes.file_digest(tmp_path, name)[:12] for name in ("a", "harness/boot")]
    assert first.split()[:4] == ["a", "0", RECORDED.at, RECORDED.upstream]
    assert first.split()[5:] == [digests[0], "incomplete"]
    assert second.split() == ["harness/boot", "2", RECORDED.at, RECORDED.upstream, str(size), digests[1]]


def test_ls_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, PROVISION)
    assert run(["cassette", "ls", "--cassettes", str(tmp_path), "--format", "json"]) == Exit.CLEAN
    assert json.loads(capsys.readouterr().out) == [
        {
            "name": "harness/boot",
            "interactions": 1,
            "recorded": RECORDED.at,
            "upstream": RECORDED.upstream,
            "incomplete": "",
            "size": (tmp_path / "harness/boot.json").stat().st_size,
            "sha256": cassettes.file_digest(tmp_path, "harness/boot"),
        },
    ]


def test_ls_lists_what_it_can_read_and_ends_with_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, PROVISION)
    (tmp_path / "a.json").write_text("{")
    assert run(["--cassettes", str(tmp_path), "cassette", "ls"]) == Exit.CASSETTE
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 2
    assert err.startswith(f"cpproxy: error: {tmp_path}/a.json: $: expected a whole JSON document")


def test_show_prints_a_cassette_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, PROVISION, STREAM, IMAGE)
    assert run(["--cassettes", str(tmp_path), "cassette", "show", "harness/boot"]) == Exit.CLEAN
    assert (
        capsys.readouterr().out
        == r"""harness/boot: 3 interactions, recorded 2026-01-02T03:04:05Z from https://staging.test

provision  at 0.500 s, took 0.250 s, credentials: authorization (bearer)
> POST /cp/workspaces/provision
> Authorization: Bearer {{cpproxy:authorization:1}}
> Content-Type: application/json
>
> {
>   "org_id": "org-alpha"
> }
< 201 Created
< Content-Type: application/json
< Content-Encoding: gzip
<
< [was coded with gzip]
< {
<   "id": "ws-1"
< }

stream  at 1.000 s, took 2.000 s
> GET /events
< 200 OK
< Content-Type: text/event-stream
<
< data: \x1b[31m
<
  streamed in 1 piece over 1.500 s

image  at 1.000 s, took 0.000 s
> GET /image
< 404 Not\x1b[2JFound
< X-A: \x9b31m
<
< [256 bytes that are no text: 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f ...]
"""
    )


def test_show_prints_one_interaction(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, PROVISION, STREAM)
    assert run(["--cassettes", str(tmp_path), "cassette", "show", "harness/boot", "stream"]) == Exit.CLEAN
    out = capsys.readouterr().out
    assert "GET /events" in out
    assert "provision" not in out


def test_show_as_json_is_the_file_but_for_its_layout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, PROVISION, IMAGE)
    assert run(["--cassettes", str(tmp_path), "cassette", "show", "harness/boot", "--format", "json"]) == Exit.CLEAN
    whole = capsys.readouterr().out
    shown, stored = json.loads(whole), json.loads(path.read_text())
    assert all(line.isprintable() for line in whole.splitlines())
    assert {name: value for name, value in shown.items() if value} == stored
    assert run(["--cassettes", str(tmp_path), "cassette", "show", "harness/boot", "image", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == stored["interactions"][1]


def test_show_names_the_nearest_interaction(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, PROVISION, STREAM)
    assert run(["--cassettes", str(tmp_path), "cassette", "show", "harness/boot", "steam"]) == Exit.USAGE
    assert "has no interaction 'steam': did you mean stream?" in capsys.readouterr().err


def run_on_a_terminal(folder: Path, **environment: str) -> str:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "cpproxy", "--cassettes", folder, "cassette", "show", "harness/boot"],
        stdout=theirs,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        env={**{name: os.environ[name] for name in ("PATH",)}, "TERM": "xterm-256color", **environment},
    ) as process:
        os.close(theirs)
        out = bytearray()
        try:
            while piece := os.read(ours, 65536):
                out += piece
        except OSError:  # how Linux says that the other end is closed
            pass
        os.close(ours)
    assert process.returncode == 0
    return out.decode()


def test_show_is_coloured_on_a_terminal_and_lets_no_other_escape_through(tmp_path: Path) -> None:
    write(tmp_path, IMAGE)
    shown = run_on_a_terminal(tmp_path)
    assert "\x1b[1mimage\x1b[0m" in shown
    assert "\x1b[2J" not in shown
    assert "\x9b" not in shown
    assert "Not\\x1b[2JFound" in shown


def test_show_has_no_colours_where_they_are_not_wanted(tmp_path: Path) -> None:
    write(tmp_path, IMAGE)
    assert "\x1b" not in run_on_a_terminal(tmp_path, NO_COLOR="1")


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    write(tmp_path, *(msgspec.structs.replace(PROVISION, id=str(index)) for index in range(2000)))
    with subprocess.Popen(
        [sys.executable, "-m", "cpproxy", "--cassettes", tmp_path, "cassette", "show", "harness/boot"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_a_terminal_that_lacks_a_character_gets_its_escape(tmp_path: Path) -> None:
    write(tmp_path, replace_request(STREAM, target="/ünïcode/€"))
    done = subprocess.run(
        [sys.executable, "-m", "cpproxy", "--cassettes", tmp_path, "cassette", "show", "harness/boot"],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
    )
    assert "GET /ünïcode/\\u20ac".encode("latin-1") in done.stdout


def test_digest_prints_what_a_shell_computes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, PROVISION)
    assert run(["--cassettes", str(tmp_path), "cassette", "digest"]) == Exit.CLEAN
    assert capsys.readouterr().out == f"{cassettes.digest(tmp_path)}\n"


def test_lint_says_nothing_of_a_sound_cassette(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, PROVISION, STREAM, IMAGE)
    for arguments in ([], ["harness/boot"]):
        assert run(["--cassettes", str(tmp_path), "cassette", "lint", *arguments]) == Exit.CLEAN
        assert capsys.readouterr() == ("", "")


def test_lint_reads_every_file_and_ends_with_3_if_one_is_broken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, name="b")
    for name in ("a", "c"):
        (tmp_path / f"{name}.json").write_text('{"cpproxy": 7}')
    assert run(["--cassettes", str(tmp_path), "cassette", "lint"]) == Exit.CASSETTE
    lines = capsys.readouterr().out.splitlines()
    newer = "$.cpproxy: expected format version 1, got 7: a newer cpproxy wrote it, so upgrade this one"
    assert lines == [
        f"{tmp_path}/a.json: {newer}",
        f"{tmp_path}/b.json: $.interactions: nothing was recorded",
        f"{tmp_path}/c.json: {newer}",
    ]


def test_lint_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path)
    assert run(["--cassettes", str(tmp_path), "cassette", "lint", "--format", "json"]) == Exit.FINDINGS
    assert json.loads(capsys.readouterr().out) == [
        {
            "level": "finding",
            "file": f"{tmp_path}/harness/boot.json",
            "path": "$.interactions",
            "message": "nothing was recorded",
        },
    ]


def test_lint_as_json_tells_a_warning_from_a_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, replace_request(STREAM, body=OMITTED), replace_response(IMAGE, body=OMITTED))
    assert run(["--cassettes", str(tmp_path), "cassette", "lint", "--format", "json"]) == Exit.FINDINGS
    assert [comment["level"] for comment in json.loads(capsys.readouterr().out)] == ["warning", "finding"]


def test_lint_of_an_empty_folder_ends_with_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--cassettes", str(tmp_path), "cassette", "lint"]) == Exit.CASSETTE
    assert "expected a cassette at least" in capsys.readouterr().err


OLD = "holds the upstream's address, as no recording does any more: replay puts the front's in its place"
OMITTED = bodies.omitted(5_000_000, "0" * 64)
OTHER = bodies.store(b'{"id":"ws-2"}', limit=1000)
AT_ONCE = replace_response(msgspec.structs.replace(PROVISION, id="second"), body=OTHER)
AFTERWARDS = msgspec.structs.replace(AT_ONCE, start=0.75, end=0.8)
BY_ANOTHER = replace_request(AFTERWARDS, headers=(("Authorization", "Bearer {{cpproxy:authorization:2}}"),))

REMARKS: dict[str, tuple[tuple[Interaction, ...], list[str]]] = {
    "a credential in plain text": (
        (replace_request(STREAM, headers=(("Accept", "*/*"), ("X-Admin-Token", "sesame"))),),
        [
            (
                "$.interactions[0].request.headers[1][1]: holds what looks like a secret (x-admin-token) in plain "
                "text: record it again, or see [redact] of the config"
            )
        ],
    ),
    "an omitted body": (
        (replace_request(STREAM, body=OMITTED), replace_response(IMAGE, body=OMITTED)),
        [
            "$.interactions[0].request.body: warning: was over the cap: only the very same bytes match it",
            (
                "$.interactions[1].response.body: this answer cannot be replayed, its body was over the limit; raise "
                "body_limit of [record] and record it again"
            ),
        ],
    ),
    "the upstream in a header and in bodies": (
        (
            replace_response(IMAGE, headers=(("Location", "https://staging.test/next"),)),
            replace_response(PROVISION, body=bodies.store(b'{"u":"https:\\/\\/staging.test\\/x"}', limit=99)),
            replace_response(STREAM, chunks=(), body=bodies.store(b"see http://staging.test/", limit=99)),
        ),
        [
            f"$.interactions[0].response.headers[0][1]: warning: {OLD}",
            f"$.interactions[1].response.body: warning: {OLD}",
            f"$.interactions[2].response.body: warning: {OLD}",
        ],
    ),
    "equal writes at once": (
        (PROVISION, AT_ONCE),
        [
            (
                "$.interactions[1]: warning: was asked as $.interactions[0] was, at the same time or by another "
                "caller, but answered otherwise: replay gives the two answers in the order in which the calls arrive"
            ),
        ],
    ),
    "equal writes one after another": ((PROVISION, AFTERWARDS), []),
    "equal writes with equal answers": ((PROVISION, msgspec.structs.replace(PROVISION, id="second")), []),
}


@pytest.mark.parametrize(("interactions", "expected"), REMARKS.values(), ids=REMARKS)
def test_lint_remarks_on(
    tmp_path: Path,
    interactions: tuple[Interaction, ...],
    expected: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = write(tmp_path, *interactions)
    command = ["--cassettes", str(tmp_path), "cassette", "lint"]
    finding = any(": warning: " not in line for line in expected)
    assert run([*command]) == (Exit.FINDINGS if finding else Exit.CLEAN)
    assert capsys.readouterr().out.splitlines() == [f"{path}: {line}" for line in expected]
    assert run([*command, "--strict"]) == (Exit.FINDINGS if expected else Exit.CLEAN)


def test_lint_remarks_on_equal_writes_of_two_callers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    caller = replace_request(PROVISION, headers=(("Authorization", "Bearer {{cpproxy:authorization:1}}"),))
    write(tmp_path, caller, BY_ANOTHER)
    assert run(["--cassettes", str(tmp_path), "cassette", "lint"]) == Exit.CLEAN
    assert "$.interactions[1]: warning: was asked as $.interactions[0] was" in capsys.readouterr().out


def test_lint_remarks_on_a_recording_that_is_not_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, STREAM, incomplete="the upstream went away")
    assert run(["--cassettes", str(tmp_path), "cassette", "lint"]) == Exit.FINDINGS
    assert "$.incomplete: the recording is not whole" in capsys.readouterr().out


def test_lint_remarks_on_members_that_stand_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, PROVISION)
    text = path.read_text().replace('"status": 201', '"status": 500, "status": 201')
    path.write_text(text.replace('"org_id"', '"org_id": 1, "org_id"', 1))
    assert run(["--cassettes", str(tmp_path), "cassette", "lint"]) == Exit.FINDINGS
    assert capsys.readouterr().out == (
        f"{path}: $.interactions[0].response.status: stands more than once; readers take the last: remove the others\n"
    )


LEAK = "holds what looks like a secret ({}): record it again, or say in [redact] of the config that it is none"
TOKEN = "adm-7f3c9b1e5d2a4860"
LEAKY = replace_response(
    PROVISION, headers=(), body=bodies.store(b'{"id":"ws-1","admin_token":"%b"}' % TOKEN.encode(), limit=999)
)
ADMIN_TOKEN = "$.interactions[1].response.body.json.admin_token"


def write_config(folder: Path, text: str) -> None:
    (folder / "cpproxy.toml").write_text(text)


def test_lint_finds_a_secret_and_names_the_place_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, STREAM, LEAKY)
    assert run(["--cassettes", str(tmp_path), "cassette", "lint"]) == Exit.FINDINGS
    told = capsys.readouterr().out
    assert told == f"{path}: {ADMIN_TOKEN}: {LEAK.format('a token, by its name')}\n"
    assert not [at for at in range(len(TOKEN) - 5) if TOKEN[at : at + 6] in told]


GITHUB = "ghp_" + "Zk3Qx81" * 5 + "a"


def test_lint_finds_a_secret_in_an_id(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, msgspec.structs.replace(STREAM, id=GITHUB))
    assert run(["--cassettes", str(tmp_path), "cassette", "lint"]) == Exit.FINDINGS
    told = capsys.readouterr().out
    assert "$.interactions[0].id: holds what looks like a secret" in told
    assert GITHUB not in told


@pytest.mark.parametrize(
    "arguments",
    [
        ["lint"],
        ["ls"],
        ["ls", "--format", "json"],
        ["show", "harness/boot"],
        ["show", "harness/boot", "--format", "json"],
    ],
)
def test_what_a_hand_put_into_a_file_is_not_shown(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, STREAM)
    sound = path.read_text()
    for old, new in (
        ("https://staging.test", f"https://bob:{TOKEN}@staging.test"),
        (f'"{STREAM.request.target}"', f'"x?token={TOKEN}"'),
        ('"id"', f'"{GITHUB}"'),
    ):
        assert old in sound
        path.write_text(sound.replace(old, new, 1))
        run(["--cassettes", str(tmp_path), "cassette", *arguments])
        captured = capsys.readouterr()
        assert TOKEN not in captured.out + captured.err
        assert GITHUB not in captured.out + captured.err


def test_lint_as_json_tells_of_a_secret(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, STREAM, LEAKY)
    assert run(["--cassettes", str(tmp_path), "cassette", "lint", "--format", "json"]) == Exit.FINDINGS
    assert json.loads(capsys.readouterr().out) == [
        {
            "level": "finding",
            "file": str(path),
            "path": ADMIN_TOKEN,
            "message": LEAK.format("a token, by its name"),
        },
    ]


def test_lint_looks_only_into_what_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, STREAM, LEAKY, name="leaky")
    write(tmp_path, STREAM, name="clean")
    assert run(["--cassettes", str(tmp_path), "cassette", "lint", "clean"]) == Exit.CLEAN
    assert run(["--cassettes", str(tmp_path), "cassette", "lint", "clean", "leaky"]) == Exit.FINDINGS
    assert run(["--cassettes", str(tmp_path), "cassette", "lint"]) == Exit.FINDINGS
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("ending", [".recording", ".recording.2", ".recording.0a1b2c3d.tmp", ".0a1b2c3d.tmp"])
def test_lint_looks_for_secrets_in_what_recorders_left(
    ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, STREAM, name="clean")
    leaky = write(tmp_path, STREAM, LEAKY, name="other/leaky")
    draft = leaky.with_name(f"{'.' * (1 + ending.startswith('.recording.0'))}leaky.json{ending}")
    whole = leaky.read_bytes()
    leaky.unlink()
    for data in (whole, whole[:-20]):  # as one that was killed while it wrote
        draft.write_bytes(data)
        assert run(["--cassettes", str(tmp_path), "cassette", "lint"]) == Exit.FINDINGS
        assert capsys.readouterr().out == f"{draft}: {ADMIN_TOKEN}: {LEAK.format('a token, by its name')}\n"
    assert run(["--cassettes", str(tmp_path), "cassette", "lint", "clean"]) == Exit.CLEAN
    write(tmp_path, STREAM, name="other/leaky")
    assert run(["--cassettes", str(tmp_path), "cassette", "lint", "other/leaky"]) == Exit.FINDINGS
    draft.unlink()
    draft.symlink_to(tmp_path / "nowhere")
    assert run(["--cassettes", str(tmp_path), "cassette", "lint"]) == Exit.CLEAN


def test_lint_tells_once_of_a_place_that_holds_a_secret_in_more_than_one_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, STREAM, LEAKY)
    write_config(tmp_path, '[redact]\nenvironment = ["STAGING_TOKEN"]\n')
    monkeypatch.setenv("STAGING_TOKEN", TOKEN)
    assert run(["--cassettes", str(tmp_path), "cassette", "lint"]) == Exit.FINDINGS
    rules = "a value that is known to be secret; a token, by its name"
    assert capsys.readouterr().out == f"{path}: {ADMIN_TOKEN}: {LEAK.format(rules)}\n"


@pytest.mark.parametrize(("value", "code"), [("ws-one-two", Exit.FINDINGS), ("ws-one", Exit.CLEAN), ("", Exit.CLEAN)])
def test_lint_knows_the_variables_that_the_config_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, code: Exit
) -> None:
    body = bodies.store(b'{"note":"it is ws\\u002done-two"}', limit=99)
    write(tmp_path, replace_response(PROVISION, body=body))
    write_config(tmp_path, '[redact]\nenvironment = ["NOT_SET", "STAGING_NOTE"]\n')
    monkeypatch.setenv("STAGING_NOTE", value)
    assert run(["--cassettes", str(tmp_path), "cassette", "lint"]) == code


@pytest.mark.parametrize(
    "line",
    ['not_secrets = ["admin_token"]', 'not_secrets = ["$.admin_token"]', 'not_patterns = ["adm-[0-9a-f]{16}"]'],
    ids=["by name", "by path", "by pattern"],
)
def test_lint_is_silent_on_what_the_config_exempts(tmp_path: Path, line: str) -> None:
    write(tmp_path, LEAKY)
    write_config(tmp_path, f"[redact]\n{line}\n")
    assert run(["--cassettes", str(tmp_path), "cassette", "lint"]) == Exit.CLEAN


def test_lint_refuses_an_exemption_that_it_cannot_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, LEAKY)
    write_config(tmp_path, '[redact]\nnot_patterns = ["("]\n')
    assert run(["--cassettes", str(tmp_path), "cassette", "lint"]) == Exit.USAGE
    assert "[redact] not_patterns: '(' is no expression of RE2" in capsys.readouterr().err


def test_lint_that_cannot_scan_takes_nothing_for_clean(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, STREAM)
    (tmp_path / "kingfisher_sdk.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert run(["--cassettes", str(tmp_path), "cassette", "lint"]) == Exit.USAGE
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("cpproxy: error: the scan for secrets cannot be made: install kingfisher-secret-scanner")
    assert len(err.splitlines()) == 1
