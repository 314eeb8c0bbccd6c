"""Cassettes on disk: their names, what is written, what is read again, and the digest that a shell can compute."""

import hashlib
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest
from msgspec import UNSET

from cpproxy.core import bodies
from cpproxy.core.cassette import (
    Cassette,
    CassetteOf,
    Credential,
    Interaction,
    Placeholder,
    Recorded,
    RecordedRequest,
    RecordedResponse,
)
from cpproxy.errors import CassetteError, UsageError
from cpproxy.files import cassettes
from tests import vouch

RECORDED = Recorded("2026-01-02T03:04:05Z", "https://upstream.test")
DIGEST_IN_A_SHELL = "find . -name '*.json' | LC_ALL=C sort | xargs sha256sum | sha256sum"


def make_interaction(name: str = "a", **changes: object) -> Interaction:
    interaction = Interaction(
        id=name,
        start=0.25,
        end=1.5,
        request=RecordedRequest(
            "POST",
            "/cp//workspaces?b=&a=%2F",
            (("Content-Type", "application/json"), ("X-Two", "1"), ("X-Two", "\xff2")),
            bodies.store(b'{"b": [1, 2.50], "a": {}}\n', limit=100),
        ),
        response=RecordedResponse(
            201,
            "Created",
            (("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")),
            bodies.store(b"data: 1\n\ndata: 2\n\n", limit=100),
            ((0, 9), (120, 9)),
        ),
        credentials=(Credential("authorization", "bearer"),),
    )
    return msgspec.structs.replace(interaction, **changes)


def make_cassette(*interactions: Interaction, incomplete: str = "") -> Cassette:
    return CassetteOf(
        1,
        RECORDED,
        interactions or (make_interaction(),),
        incomplete,
        ("org-alpha",),
        (Placeholder("{{cpproxy:authorization:1}}", "authorization"),),
    )


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    cassette = make_cassette(make_interaction("a"), make_interaction("b", request=RecordedRequest("GET", "/")))
    cassettes.write(tmp_path, "harness/boot", vouch.cassette(cassette))
    read = cassettes.read(tmp_path, "harness/boot")
    cassettes.write(tmp_path, "again", vouch.cassette(read))
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "harness/boot.json").read_bytes()
    assert [i.id for i in read.interactions] == ["a", "b"]
    assert msgspec.structs.replace(read, interactions=()) == msgspec.structs.replace(cassette, interactions=())
    first = read.interactions[0]
    assert first.request.headers == cassette.interactions[0].request.headers
    assert bodies.restore(first.request.body) == b'{"b": [1, 2.50], "a": {}}\n'
    assert read.interactions[1].request.body is UNSET


def test_a_file_is_easy_to_read(tmp_path: Path) -> None:
    cassettes.write(tmp_path, "a", vouch.cassette(make_cassette()))
    assert (
        (tmp_path / "a.json").read_text()
        == """\
{
  "cpproxy": 1,
  "recorded": {
    "at": "2026-01-02T03:04:05Z",
    "upstream": "https://upstream.test"
  },
  "identities": ["org-alpha"],
  "placeholders": [
    {
      "marker": "{{cpproxy:authorization:1}}",
      "role": "authorization"
    }
  ],
  "interactions": [
    {
      "id": "a",
      "start": 0.25,
      "end": 1.5,
      "request": {
        "method": "POST",
        "target": "/cp//workspaces?b=&a=%2F",
        "headers": [
          ["Content-Type", "application/json"],
          ["X-Two", "1"],
          ["X-Two", "ÿ2"]
        ],
        "body": {
          "json": {
            "b": [1, 2.50],
            "a": {}
          },
          "layout": {
            "indent": 0,
            "after": "\\n"
          }
        }
      },
      "response": {
        "status": 201,
        "reason": "Created",
        "headers": [
          ["Set-Cookie", "a=1"],
          ["Set-Cookie", "b=2"]
        ],
        "body": {
          "text": "data: 1\\n\\ndata: 2\\n\\n"
        },
        "chunks": [
          [0, 9],
          [120, 9]
        ]
      },
      "credentials": [
        {
          "header": "authorization",
          "scheme": "bearer"
        }
      ]
    }
  ]
}
"""
    )


@pytest.mark.parametrize("interactions", [(), (make_interaction("a"), make_interaction("b"))], ids=["none", "two"])
def test_interactions_rendered_before_or_loaded_make_the_same_file(
    tmp_path: Path, interactions: tuple[Interaction, ...]
) -> None:
    whole: Cassette = CassetteOf(1, RECORDED, interactions)
    cassettes.write(tmp_path, "whole", vouch.cassette(whole))
    cassettes.write(
        tmp_path,
        "rendered",
        CassetteOf(1, RECORDED, tuple(cassettes.render(vouch.interaction(one)) for one in interactions)),
    )
    cassettes.write(tmp_path, "loaded", cassettes.load(tmp_path, "whole").head)
    assert len({cassettes.file_digest(tmp_path, name) for name in ("whole", "rendered", "loaded")}) == 1


def test_lists_in_strings_are_no_lists(tmp_path: Path) -> None:
    raw = b'["[\\n  1,\\n  2\\n]", "x\\\\", "[", ["\\"", "]"], [[1], {"a": ["b", "c", "' + b"d" * 100 + b'"]}]]'
    body = bodies.store(raw, limit=1000)
    cassettes.write(
        tmp_path, "a", vouch.cassette(make_cassette(make_interaction(request=RecordedRequest("POST", "/", body=body))))
    )
    assert bodies.restore(cassettes.read(tmp_path, "a").interactions[0].request.body) == raw


def test_loading_yields_each_interaction_as_it_stands_and_decoded(tmp_path: Path) -> None:
    cassettes.write(tmp_path, "a", vouch.cassette(make_cassette(make_interaction("x"), make_interaction("y"))))
    loaded = cassettes.load(tmp_path, "a")
    pairs = list(loaded.interactions())
    assert [interaction.id for _, interaction in pairs] == ["x", "y"]
    assert [msgspec.json.decode(raw)["id"] for raw, _ in pairs] == ["x", "y"]
    assert loaded.sha256 == hashlib.sha256((tmp_path / "a.json").read_bytes()).hexdigest()
    assert loaded.head.recorded == RECORDED


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


UNWRITABLE = {
    "status": make_interaction(response=RecordedResponse(1000)),
    "times": make_interaction(end=0.0),
    "endless": make_interaction(end=float("inf")),
    "header": make_interaction(request=RecordedRequest("GET", "/", (("X-A", "1\r\nX-B: 2"),))),
    "target": make_interaction(request=RecordedRequest("GET", "/\udcff")),
}


@pytest.mark.parametrize("interaction", UNWRITABLE.values(), ids=UNWRITABLE)
def test_what_could_not_be_read_again_is_not_written(tmp_path: Path, interaction: Interaction) -> None:
    cassettes.write(tmp_path, "a", vouch.cassette(make_cassette()))
    before = (tmp_path / "a.json").read_bytes()
    with pytest.raises(CassetteError, match="interaction 'a': "):
        cassettes.write(tmp_path, "a", vouch.cassette(make_cassette(interaction)))
    assert (tmp_path / "a.json").read_bytes() == before
    assert listing(tmp_path) == ["a.json"]


def test_text_that_utf_8_cannot_hold_is_not_written() -> None:
    with pytest.raises(CassetteError, match="UTF-8"):
        cassettes.render(vouch.interaction(make_interaction(credentials=(Credential("authorization", "\ud800"),))))


def test_a_file_is_readable_by_others_as_far_as_the_umask_lets(tmp_path: Path) -> None:
    program = """
import os, sys, pathlib
from cpproxy.core.cassette import CassetteOf, Recorded
from cpproxy.files import cassettes
os.umask(0o027)
path = cassettes.write(pathlib.Path(sys.argv[1]), "a", CassetteOf(1, Recorded("2026-01-02T03:04:05Z", "http://a"), ()))
print(oct(path.stat().st_mode & 0o777))
"""
    done = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout == "0o640\n"


def test_a_write_that_finds_no_room_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    cassettes.write(tmp_path, "a", vouch.cassette(make_cassette()))
    before = (tmp_path / "a.json").read_bytes()
    # The limit on a file's size fails a write as a full disk does, in the middle.
    program = """
import resource, signal, sys, pathlib
from cpproxy.errors import CassetteError
from cpproxy.files import cassettes
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder = pathlib.Path(sys.argv[1])
cassette = cassettes.read(folder, "a")
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
try:
    cassettes.write(folder, "a", cassette)
except CassetteError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout == f"{tmp_path}/a.json: $: expected a file that can be written: File too large\n"
    assert (tmp_path / "a.json").read_bytes() == before
    assert listing(tmp_path) == ["a.json"]


def test_a_write_that_is_killed_leaves_a_whole_file(tmp_path: Path) -> None:
    cassettes.write(tmp_path, "a", vouch.cassette(make_cassette()))
    program = """
import sys, pathlib
from cpproxy.core.cassette import CassetteOf
from cpproxy.files import cassettes
folder = pathlib.Path(sys.argv[1])
head = cassettes.load(folder, "a").head
print("writing", flush=True)
while True:
    cassettes.write(folder, "a", head)
"""
    with subprocess.Popen([sys.executable, "-c", program, tmp_path], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        for _ in range(50):
            cassettes.read(tmp_path, "a")
        process.send_signal(signal.SIGKILL)
    assert cassettes.read(tmp_path, "a").recorded == RECORDED


def test_a_reader_never_sees_a_half_file(tmp_path: Path) -> None:
    sizes = {}
    for name, count in (("short", 1), ("long", 200)):
        path = cassettes.write(
            tmp_path, name, vouch.cassette(make_cassette(*(make_interaction(str(i)) for i in range(count))))
        )
        sizes[name] = cassettes.load(tmp_path, name).head
        path.unlink()
    cassettes.write(tmp_path, "a", sizes["short"])
    done = threading.Event()

    def write() -> None:
        for turn in range(40):
            cassettes.write(tmp_path, "a", sizes["long" if turn % 2 else "short"])
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        assert len(cassettes.read(tmp_path, "a").interactions) in {1, 200}
    writer.join()


def test_a_folder_in_the_way_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.json").mkdir()
    with pytest.raises(CassetteError, match="expected a file that can be written: Is a directory"):
        cassettes.write(tmp_path, "a", vouch.cassette(make_cassette()))
    (tmp_path / "file").touch()
    with pytest.raises(CassetteError, match="expected a file that can be written"):
        cassettes.write(tmp_path, "file/a", vouch.cassette(make_cassette()))
    assert listing(tmp_path) == ["a.json", "file"]


def touch(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)


def compute_in_a_shell(folder: Path) -> str:
    done = subprocess.run(DIGEST_IN_A_SHELL, shell=True, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.split()[0]


def test_names_are_ordered_as_the_c_locale_orders_files(tmp_path: Path) -> None:
    touch(tmp_path, "b.json", "B.json", "a/z.json", "a-b.json", "a.json", "é.json", "a/b/c.json", "notes.md", ".h.json")
    assert cassettes.names(tmp_path) == (".h", "B", "a-b", "a", "a/b/c", "a/z", "b", "é")
    assert cassettes.choose(tmp_path) == cassettes.names(tmp_path)
    assert cassettes.choose(tmp_path, ("b", "a", "b")) == ("b", "a")


@pytest.mark.parametrize("count", [0, 1, 7])
def test_the_digest_is_what_a_shell_computes(tmp_path: Path, count: int) -> None:
    touch(
        tmp_path,
        "readme.txt",
        *("a-b.json", "a/b.json", "a.json", "é/A.json", ".x.json", "~$#.json", "-n.json")[:count],
    )
    assert cassettes.digest(tmp_path) == compute_in_a_shell(tmp_path)


def test_the_digest_changes_with_a_name_and_with_a_byte(tmp_path: Path) -> None:
    touch(tmp_path, "a.json")
    digests = [cassettes.digest(tmp_path)]
    (tmp_path / "a.json").rename(tmp_path / "b.json")
    digests.append(cassettes.digest(tmp_path))
    (tmp_path / "b.json").write_text("b.json")
    digests.append(cassettes.digest(tmp_path))
    assert len(set(digests)) == 3


@pytest.mark.parametrize(
    "name", ["with space.json", "quo'te.json", 'quo"te.json', "back\\slash.json", "line\nfeed.json"]
)
def test_a_file_whose_name_no_shell_would_pass_on_is_an_error(tmp_path: Path, name: str) -> None:
    touch(tmp_path, name)
    for function in (cassettes.names, cassettes.choose, cassettes.digest):
        with pytest.raises(CassetteError, match="expected a name that holds no white space"):
            function(tmp_path)


def test_a_file_name_that_is_not_utf_8_is_an_error(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff.json")).touch()
    with pytest.raises(CassetteError, match=r"\\udcff\.json: \$: expected a name"):
        cassettes.names(tmp_path)


def test_a_file_without_a_name_is_an_error(tmp_path: Path) -> None:
    touch(tmp_path, "a/.json")
    with pytest.raises(CassetteError, match="expected a name"):
        cassettes.names(tmp_path)


BAD_NAMES = [
    "",
    "/etc/passwd",
    "../a",
    "a/../../b",
    "./a",
    "a//b",
    "a/",
    "a\0b",
    "a\\b",
    "a b",
    "a\nb",
    "a\x1b[31m",
    "\udcff",
    "x" * 201,
    "é" * 101,
]


@pytest.mark.parametrize("name", BAD_NAMES, ids=ascii)
def test_a_name_does_not_leave_its_folder(tmp_path: Path, name: str) -> None:
    for call in (cassettes.locate, cassettes.load, cassettes.read, cassettes.file_digest):
        with pytest.raises(UsageError, match="expected a name that") as caught:
            call(tmp_path, name)
        assert str(caught.value).isprintable()
    with pytest.raises(UsageError):
        cassettes.write(tmp_path, name, vouch.cassette(make_cassette()))
    assert listing(tmp_path) == []


def test_a_link_does_not_leave_its_folder(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "cassettes"
    cassettes.write(outside, "a", vouch.cassette(make_cassette()))
    cassettes.write(folder, "real", vouch.cassette(make_cassette()))
    (folder / "out.json").symlink_to(outside / "a.json")
    (folder / "linked").symlink_to(outside)
    (folder / "in.json").symlink_to("real.json")
    for name in ("out", "linked/a"):
        with pytest.raises(UsageError, match="leads out of"):
            cassettes.read(folder, name)
        with pytest.raises(UsageError, match="leads out of"):
            cassettes.write(folder, name, vouch.cassette(make_cassette()))
    assert cassettes.read(folder, "in").recorded == RECORDED
    (tmp_path / "folder").symlink_to(folder)
    assert cassettes.read(tmp_path / "folder", "real").recorded == RECORDED
    assert stat.S_ISREG((outside / "a.json").lstat().st_mode)
