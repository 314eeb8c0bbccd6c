"""What replay is asked for the first time is no less secret: it shows in no part of a miss, and in no later call."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from random import SystemRandom

import pytest

from cpproxy.core.config import Redact
from cpproxy.core.redaction.redactor import Redactor
from tests import raw
from tests.processes import finish, running
from tests.secrecy import kinds
from tests.secrecy.artefacts import files
from tests.secrecy.driver import ask_admin
from tests.tapes import interaction, write

CONFIG = """
[redact]
secrets = ["pin", "query:k", "form:code", "$.user.answer", "$.list[*].a", "header:X-Badge"]

[[routes]]
match = "GET /h"
compare = ["X-Badge", "X-Open"]
"""
FORM = "application/x-www-form-urlencoded"
BOTH = "multipart/form-data; boundary=b1"

type Asked = tuple[str, str, bytes]
"""A call: method with target, headers, and body."""


def _post(body: bytes | object, kind: str = "application/json") -> Asked:
    return "POST /x", f"Content-Type: {kind}\r\n", body if isinstance(body, bytes) else json.dumps(body).encode()


def _part(value: str, more: bytes = b"") -> bytes:
    return b'--b1\r\nContent-Disposition: form-data; name="password"\r\n\r\n%s\r\n%s--b1--\r\n' % (value.encode(), more)


PLACES: dict[str, Callable[[str], Asked]] = {
    "a field of the config": lambda v: _post(f"code={v}&open=2".encode(), FORM),
    "a name of the config in a form": lambda v: _post(f"pin={v}&open=2".encode(), FORM),
    "a parameter of the config": lambda v: (f"GET /x?k={v}", "", b""),
    "a name of the config in a query": lambda v: (f"GET /x?pin={v}", "", b""),
    "a header of the config": lambda v: ("GET /h", f"X-Badge: {v}\r\nX-Open: 2\r\n", b""),
    "a member of the config": lambda v: _post({"pin": v, "open": 2}),
    "a path of the config": lambda v: _post({"user": {"answer": v, "open": 2}}),
    "a path of the config in a part": lambda v: _post({"other": 1, "user": {"answer": v}}),
    "an element of the config": lambda v: _post({"list": [{"a": v}], "open": 2}),
    "a path of the config in another kind of body": lambda v: ("POST /form", "", _post({"user": {"answer": v}})[2]),
    "a field of the config in another kind of body": lambda v: ("POST /x", "", f"code={v}&open=2".encode()),
}
"""Where the config says that a secret stands, be it as short as can be."""

SHOWN: dict[str, Callable[[str], Asked]] = {
    "a form": lambda v: _post(f"a=1&client_secret={v}".encode(), FORM),
    "a multipart form": lambda v: _post(_part(v), BOTH),
    "a multipart form with a file": lambda v: _post(_part(v, b"--b1\r\n\r\n\xff\x00\xfe\r\n"), BOTH),
    "a large document": lambda v: _post({"pad": ["x" * 50] * 2000, "password": v}),
    "XML": lambda v: _post(f"<r><password>{v}</password></r>".encode(), "application/xml"),
}
"""Where a secret is learnt."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "cpproxy.toml").write_text(CONFIG)
    write(
        tmp_path / "cassettes",
        "planted",
        interaction("GET /x?k=1&pin=2", b"x"),
        interaction("GET /h", b"h", asked=[("X-Badge", "1"), ("X-Open", "1")]),
        interaction("POST /x", b"x", name="json", body={"user": {"answer": "1"}, "list": [], "pin": "2"}),
        interaction("POST /form", b"f", name="form", body=b"code=1&pin=2&open=1", asked=[("Content-Type", FORM)]),
    )
    return tmp_path


def _send(url: str, asked: Asked) -> bytes:
    line, headers, body = asked
    head = f"{line} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    return raw.exchange(url, head.encode() + body)


def _outputs(folder: Path) -> Iterator[tuple[str, bytes]]:
    for command in (
        ["calls"],
        ["calls", "--format", "json"],
        ["call", "1"],
        ["verify"],
        ["verify", "--format", "junit"],
    ):
        told = finish(command, cwd=folder)
        yield " ".join(command), (told.stdout + told.stderr).encode()


def test_what_the_config_names_shows_in_no_miss(folder: Path) -> None:
    random = SystemRandom()
    secrets = {name: kinds.some(random, kinds.LETTERS + kinds.DIGITS, 6) for name in PLACES}
    with running(["replay", "--listen", "127.0.0.1:0", "-v", "-v"], cwd=folder) as proxy:
        found = [(f"answer to {name}", _send(proxy.url, PLACES[name](value))) for name, value in secrets.items()]
        assert all(answer.startswith(b"HTTP/1.1 421 ") for _, answer in found)
        found += ask_admin(proxy.url)
        proxy.stop()
        found += [("output", (proxy.stdout + proxy.stderr).encode())]
    found += [*files(folder), *_outputs(folder)]
    hits = [f"{name} in {where}" for name, value in secrets.items() for where, data in found if value.encode() in data]
    assert not hits, "\n".join(hits)


@pytest.mark.parametrize("place", SHOWN)
def test_what_a_body_shows_is_known_in_later_calls(folder: Path, place: str) -> None:
    value = f"Maple-{SystemRandom().randrange(10**5, 10**6)}-x"
    later: tuple[Asked, ...] = (
        (f"GET /x?note={value}", "", b""),
        (f"GET /x/{value}", "", b""),
        ("GET /h", f"X-Open: {value}\r\n", b""),
        ("GET /h", f"X-Open: {'y' * 112}{value}\r\n", b""),
        _post({"note": value}),
        _post({"note": "y" * 112 + value}),
    )
    with running(["replay", "--listen", "127.0.0.1:0", "-v", "-v"], cwd=folder) as proxy:
        found = [("answer", _send(proxy.url, one)) for one in (SHOWN[place](value), *later)]
        found += ask_admin(proxy.url)
        proxy.stop()
    found += files(folder)
    assert [where for where, data in found if value[:9].encode() in data] == []


def test_a_value_is_shown_as_its_place_says() -> None:
    redactor = Redactor(Redact(secrets=("pin", "$.user.answer", "form:code"), not_secrets=("query:session",)))
    cases = {
        ("query:session", "abc"): "abc",
        ("query:token", "abc"): "***",
        ("form:code", "12"): "***",
        ("query:code", "12"): "12",
        ("path", "/a/b?token=abc"): "/a/b?token=***",
        ("body", '{"a":1,"pin":12,"user":{"answer":"x"}}'): '{"a":1,"pin":"***","user":{"answer":"***"}}',
        ("$.user", '{"answer":"x","b":true,"c":null}'): '{"answer":"***","b":true,"c":null}',
        ("$.user.answer", '"x"'): '"***"',
        ("$.credentials.kind.of", '"x"'): "***",
        ("$.users[0]", '{"answer":"x"}'): '{"answer":"x"}',
        ("$['it\\'s \"x\"']", '"x"'): '"x"',
        ("$.list", '[{"password":["x"]}]'): '[{"password":["***"]}]',
        ("body", "code=12&x=1"): "code=***&x=1",
    }
    assert {case: str(redactor.value(*case)) for case in cases} == cases


def test_a_requirement_that_is_not_met_tells_no_secret(folder: Path) -> None:
    value = kinds.some(SystemRandom(), kinds.WORD, 12)
    with running(["replay", "--listen", "127.0.0.1:0"], cwd=folder) as proxy:
        raw.get(proxy.url, "/x?k=1&pin=2")
    told = finish(["verify", "--require", f"POST /x $.open=1 $.password={value} >=1"], cwd=folder)
    assert "POST /x $.open=1 $.password=*** >=1" in told.stdout
    assert value not in told.stdout + told.stderr
