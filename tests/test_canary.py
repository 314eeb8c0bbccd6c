"""A canary shows that its client is watched: by cpproxy, by a few lines of sh, and by the verdict."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.processes import finish
from tests.snare import lay

CALL = f"{sys.executable} -m cpproxy"


@pytest.mark.parametrize(
    "canary",
    [f"{CALL} canary", f"{CALL} canary --shell | sh", f"{CALL} canary --shell | PATH=$PWD/bin sh"],
    ids=["cpproxy", "sh with curl", "sh with wget"],
)
def test_a_canary_proves_its_client(tmp_path: Path, canary: str) -> None:
    lay(tmp_path)
    (tmp_path / "bin").mkdir()
    for tool in ("sh", "wget"):
        found = shutil.which(tool)
        if found is None:
            pytest.skip(f"{tool} is missing")
        (tmp_path / "bin" / tool).symlink_to(found)
    script = f"{canary} && {sys.executable} -m cpproxy ca && curl -sf $CPPROXY_URL/health"
    done = finish(["replay", "--trap", "--", "sh", "-ec", script], cwd=tmp_path)
    assert (done.returncode, done.stderr.splitlines()[-1].rpartition("; ")[2]) == (0, "misroutes: proven"), done.stderr
    assert done.stdout.count("caught") == 2
    assert "\n-----END CERTIFICATE-----\n" in done.stdout
    assert "(1 replayed, 2 canary)" in done.stderr


def test_a_canary_that_nobody_catches_says_what_happened(tmp_path: Path) -> None:
    lay(tmp_path)
    done = finish(["replay", "--", "sh", "-c", f"{CALL} canary --timeout 5; echo $?"], cwd=tmp_path)
    assert done.stdout.splitlines()[0].startswith(
        "canary: http://canary.cpproxy.invalid/__cpproxy/canary: not caught: "
    )
    assert done.stdout.splitlines()[1].startswith(
        "canary: https://canary.cpproxy.invalid/__cpproxy/canary: not caught: "
    )
    assert done.stdout.splitlines()[2] == "1"
    done = finish(["replay", "--", "sh", "-c", f"{CALL} canary $CPPROXY_URL; echo $?"], cwd=tmp_path)
    assert done.stdout.endswith(": not caught: something else answered, with status 404\n1\n")


@pytest.mark.parametrize("name", ["a b", "ftp://x", "http://x:70000", "$(id)", "http://", "a/b", "http://x?y"])
def test_what_is_no_name_is_refused(name: str) -> None:
    done = finish(["canary", "--", name])
    assert done.returncode == 2
    assert f"canary {name}: expected a host name such as canary.cpproxy.invalid" in done.stderr


@pytest.mark.parametrize("more", [[], ["--shell"]])
def test_a_user_and_a_password_are_refused_and_not_repeated(more: list[str]) -> None:
    done = finish(["canary", *more, "https://user:sesame@api.example.com/"])
    assert (done.returncode, done.stdout) == (2, "")
    assert "canary https://***@api.example.com/: expected a host name such as" in done.stderr
    assert "sesame" not in done.stderr


def test_the_certificate_is_asked_of_a_proxy_that_has_a_trap(tmp_path: Path) -> None:
    lay(tmp_path)
    done = finish(["replay", "--", "sh", "-c", f"{CALL} ca; echo $?"], cwd=tmp_path)
    assert done.stdout == "2\n"
    assert "cpproxy: error: there is no trap, and so no authority; --trap starts one\n" in done.stderr
    done = finish(["ca"], cwd=tmp_path, env={"HOME": os.environ.get("HOME", "/")})
    assert done.returncode == 2
    assert "no proxy runs on the ledger" in done.stderr
