"""No way out of a folder, not even one that is made between a check and the use of what was checked."""

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from cpproxy.errors import CassetteError, CpproxyError, UsageError
from cpproxy.files import cassettes, fence
from cpproxy.files.drafts import Draft

SWAP = """
import os
while True:  # a folder, and a link that leads out, by turns under one name
    os.rename("x", "kept"); os.rename("link", "x"); os.rename("x", "link"); os.rename("kept", "x")
"""


def cassette(upstream: str) -> str:
    head = {"cpproxy": 1, "recorded": {"at": "2026-01-01T00:00:00Z", "upstream": upstream}}
    return json.dumps({**head, "interactions": []})


def test_a_link_that_comes_between_a_check_and_a_read_leads_nowhere(tmp_path: Path) -> None:
    folder, outside = tmp_path / "cassettes", tmp_path / "outside"
    for place, upstream in ((folder / "x", "http://inside"), (outside, "http://outside")):
        place.mkdir(parents=True)
        (place / "a.json").write_text(cassette(upstream))
    (folder / "link").symlink_to(outside)
    swapping = subprocess.Popen([sys.executable, "-c", SWAP], cwd=folder)
    try:
        seen = set()
        for _ in range(4000):
            with contextlib.suppress(CpproxyError):
                seen.add(cassettes.load(folder, "x/a").head.recorded.upstream)
            with contextlib.suppress(CpproxyError):
                Draft.open(folder, "x/b").close()
    finally:
        swapping.kill()
        swapping.wait()
    assert seen == {"http://inside"}
    assert [path.name for path in outside.iterdir()] == ["a.json"]


@pytest.mark.parametrize(
    ("target", "inside"),
    [
        ("real.json", True),
        ("./sub/../real.json", True),
        ("sub/up/real.json", True),
        ("chain.json", True),
        ("{folder}/real.json", True),
        ("{folder}/../cassettes/real.json", False),
        ("../cassettes/real.json", False),
        ("sub/../../cassettes/real.json", False),
        ("/etc/passwd", False),
        ("/proc/self/root/etc/passwd", False),
        ("/proc/self/cwd/x.json", False),
        ("{folder}x/real.json", False),
    ],
)
def test_links_within_the_folder_are_followed_and_no_others(tmp_path: Path, target: str, inside: bool) -> None:
    folder = tmp_path / "cassettes"
    (folder / "sub").mkdir(parents=True)
    (folder / "real.json").write_text(cassette("http://inside"))
    (folder / "sub/up").symlink_to("..")
    (folder / "chain.json").symlink_to("sub/up/real.json")
    (folder / "a.json").symlink_to(target.format(folder=folder))
    if inside:
        assert cassettes.read(folder, "a").recorded.upstream == "http://inside"
    else:
        with pytest.raises(UsageError, match="leads out of"):
            cassettes.read(folder, "a")


def test_links_without_end_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    with pytest.raises(CassetteError, match="Too many levels"):
        cassettes.read(tmp_path, "one/a")


def test_what_is_written_through_a_link_within_replaces_the_link(tmp_path: Path) -> None:
    (tmp_path / "real.json").write_text(cassette("http://real"))
    (tmp_path / "a.json").symlink_to("real.json")
    cassettes.write(tmp_path, "a", cassettes.load(tmp_path, "real").head)
    assert not (tmp_path / "a.json").is_symlink()
    assert cassettes.read(tmp_path, "real").recorded.upstream == "http://real"


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/out").symlink_to("../..")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path in ("a/b/c", "a/out/c", "a/b/../../c", "x/y", "a/b/../../../c"):
        with contextlib.suppress(OSError, fence.OutsideError), fence.reach(tmp_path, path, follow=True) as spot:
            assert spot.status() is None
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize(
    "name",
    [
        "a\u115fb",
        "a\u1160",
        "a\u2800b",
        "a\u3164b",
        "a\uffa0b",
        "a\u2066b",
        "a\u061cb",
        "a\u180eb",
        "a\ufe0fb",
        "a\U000e0041b",
    ],
    ids=ascii,
)
def test_a_name_with_something_in_it_that_nobody_sees_is_none(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no characters that look like others, or like nothing") as told:
        cassettes.locate(tmp_path, name)
    assert str(told.value).isascii()
    assert list(tmp_path.iterdir()) == []
