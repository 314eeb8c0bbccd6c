"""No message repeats the password of an address, however oddly the address is written and wherever it was given."""

import gc
import json
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from cpproxy.cli.main import run
from cpproxy.core.repeating import repeat, repeatable

ADDRESSES = (
    "http://u:PW@h:notaport",
    "http://u:PW@h:99999999",
    "user:PW@ss@h",
    "http:/u:PW@h",
    "//u:PW@h",
    "u:PW@h",
    "http:u:PW@h",
    "http:///u:PW@h",
    "http:\\\\u:PW@h",
    "http://u:PW%40h",
    "http://u:PW%2540h",
    "http%3A%2F%2Fu:PW@h",
    "http%3A%2F%2Fu%3APW%40h",
    "http://u:PW x@h",
    "http://u:x PW@h",
    "http://u:PW/x@h",
    "http://u:PW?x@h",
    "http://u:PW#x@h",
    "http://u:PW\\@h",
    "http://:PW@h",
    "http://PW@h",
    "http://u:PW@",
    "http://u:PW",
    "http://u:PW@[::1",
    "http://u:PW@[zz]",
    "HTTP://u:PW@h?x=1",
    "htp://u:PW@h:1",
    "ftp://u:PW@h",
    "http://u:PW@h h",
    "http://u:PW@\u2100h",
    "http://u:PW\uff20h",
    "http\uff1a//u\uff1aPW@h",
    "http://u:PW@@h",
    "http://u:x@PW@h",
    "http://u@PW:x@h",
    "postgresql://u:PW@h:notaport/db",
    "postgresql://u:x@PW@127.0.0.1:1/db",
    "postgresql://u:PW/y@127.0.0.1:1/db",
    "postgresql://u:PW@127.0.0.1:1/db",
    "postgresql://u@127.0.0.1:1/db?password=PW",
    "postgres//u:PW@h/db",
    "postgresql:/u:PW@h/db",
    "postgresql+psycopg2://u:PW@h/db",
    "mysql://u:PW@h/db",
    "u:PW@h:5432/db",
    "host=h user=u password=PW",
    "http://h/?token=PW",
    "http://u:PW@h/\n",
    "\thttp://u:PW@h",
    "'http://u:PW@h'",
    "<http://u:PW@h>",
    "http://u:PW@h,http://v:w@i",
)
CASSETTES = Path(__file__).parent.parent / "cassettes"
REPLAY = ["replay", "--cassettes", str(CASSETTES)]
PLACES: dict[str, Callable[[str], list[str]]] = {
    "canary": lambda one: ["canary", "--timeout", "0.1", one],
    "canary --shell": lambda one: ["canary", "--shell", one],
    "--upstream": lambda one: ["record", "--allow-ci", "--upstream", one, "--", "true"],
    "--url": lambda one: ["status", "--url", one],
    "--ledger": lambda one: ["calls", "--ledger", one],
    "--ledger of a status": lambda one: ["status", "--ledger", one],
    "--public-url": lambda one: [*REPLAY, "--public-url", one, "--", "true"],
    "--listen": lambda one: [*REPLAY, "--listen", one, "--", "true"],
    "--config": lambda one: ["status", "--config", one],
    "--cassettes": lambda one: ["cassette", "ls", "--cassettes", one],
    "--require": lambda one: ["verify", "--require", f"GET {one} >=x"],
    "a stray word": lambda one: ["status", one],
    "no command": lambda one: [one],
    "no option": lambda one: ["status", f"--{one}"],
    "no number": lambda one: ["record", f"--upstream-timeout={one}"],
    "no format": lambda one: ["calls", "--format", one],
    "the command to run": lambda one: [*REPLAY, "--", one],
    "a call": lambda one: ["call", one],
    "a cassette": lambda one: ["cassette", "show", one],
}
CONFIGS = ("cp.upstream", "cp.front_url", "cp.hosts", "ledger", "listen", "trap.expected_hosts", "record.body_limit")


@pytest.mark.parametrize("place", PLACES)
def test_no_flag_has_its_password_repeated(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for address in ADDRESSES:
        password = secrets.token_hex(5) + "Z"
        code = run(PLACES[place](address.replace("PW", password)))
        told = "".join(capfd.readouterr())
        assert password.lower() not in told.lower(), address
        assert "defect" not in told, address
        assert code != 0, address


@pytest.mark.parametrize("key", CONFIGS)
def test_no_config_has_its_password_repeated(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for address in ADDRESSES:
        password = secrets.token_hex(5) + "Z"
        value: object = address.replace("PW", password)
        Path("cpproxy.toml").write_text(f"{key} = {json.dumps([value] if key.endswith('hosts') else value)}\n")
        run([*REPLAY, "--", "true"] if key == "listen" else ["calls"])
        told = "".join(capfd.readouterr())
        assert password.lower() not in told.lower(), address
        assert "defect" not in told, address


@pytest.mark.parametrize(
    "text",
    [
        "http://h:80/x:y",
        "http://[::1]:9090/",
        "[::1]:9090",
        "http://[::1",
        "/workspace/job@2/cassettes",
        "a@b",
        "GET /x >=1",
        "postgresql:///db?host=/tmp/x",
        "C:\\x",
        "",
    ],
)
def test_what_holds_no_password_is_repeated_as_it_is(text: str) -> None:
    assert repeatable(text) == text
    assert repeat(f"it is {text}", [text]) == f"it is {text}"


def test_what_is_left_of_an_address_says_which_it_was() -> None:
    assert repeatable("http://user:sesame@cp.example.com:x/y") == "http://***@cp.example.com:x/y"
    assert repeatable("http://cp.example.com:sesame/y") == "http://cp.example.com:***/y"


@pytest.mark.parametrize("option", ["--url", "--public-url"])
def test_an_address_with_a_user_is_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["status"] if option == "--url" else [*REPLAY, "--listen", "127.0.0.1:0"]
    assert (
        run([*command, option, "http://user:sesame@127.0.0.1:1", *(["--", "true"] if command != ["status"] else [])])
        == 2
    )
    assert f"{option} http://***@127.0.0.1:1: expected" in capsys.readouterr().err


def test_a_ledger_that_is_nearly_an_address_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name, password and all, would be that of a file."""
    monkeypatch.chdir(tmp_path)
    for ledger in ("http:/u:sesame@h", "u:sesame@h", "postgres//u:sesame@h/db", "postgresql:/u:sesame@h/db"):
        assert run([*REPLAY, "--ledger", ledger, "--listen", "127.0.0.1:0", "--", "true"]) == 2
    assert list(tmp_path.iterdir()) == []
    gc.collect()  # an address that was taken and not given back is told as a warning here
