"""Whatever the form of a request's head, no secret of it is written; what it cannot be is not written at all."""

import json
from collections.abc import Iterator
from pathlib import Path
from random import SystemRandom

import pytest

from tests import raw
from tests.processes import finish, running
from tests.secrecy import kinds
from tests.secrecy.artefacts import Search, files, outputs
from tests.secrecy.calls import Call
from tests.secrecy.driver import ask_admin, tell, upstream_of
from tests.tapes import interaction, write

FORMS = (
    "CONNECT user:{}@host:443",
    "CONNECT {}@host:443",
    "CONNECT host:443/{}",
    "CONNECT user:{}@host",
    "GET http://user:{}@host/x",
    "GET http://user:{}@host",
    "GET HTTPS://user:{}@host/x?y=1",
    "GET ftp://user:{}@host/x",
    "GET http:user:{}@host/x",
    "GET http:/user:{}@host/x",
    "GET //user:{}@host/x",
    "GET /http://user:{}@host/x",
    "GET user:{}@host/x",
    "GET {}",
    "OPTIONS *?token={}",
    "OPTIONS *{}",
    "GET ?token={}",
    "GET /a#access_token={}",
    "GET /a?x=1#token={}",
    "GET /a;jsessionid={}/b",
    "GET /x?{}",
    "GET /x??token={}",
    "GET /x?a=1;token={}",
    "{} /x",
    "sk_live_{} /x",
    "GET-{} /x",
)
HEADERS = (
    "Host: user:{}@host",
    "{}: 1",
    "X-{}: 1",
    "X-Api-Key-{}: 1",
    "sk_live_{}: 1",
    "Token-{}: 1",
    "Cookie: {}=1; b=2",
)


def _calls(secrets: list[str]) -> Iterator[bytes]:
    for form, secret in zip(FORMS, secrets, strict=False):
        yield f"{form.format(secret)} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()
    for form, secret in zip(HEADERS, secrets[len(FORMS) :], strict=True):
        host = "" if form.startswith("Host") else "Host: a\r\n"
        yield f"GET /x HTTP/1.1\r\n{host}{form.format(secret)}\r\nConnection: close\r\n\r\n".encode()


@pytest.mark.parametrize("mode", ["record", "replay"])
def test_no_secret_of_a_head_is_written(tmp_path: Path, mode: str) -> None:
    random = SystemRandom()
    secrets = [kinds.some(random, kinds.WORD, 32) for _ in range(len(FORMS) + len(HEADERS))]
    if mode == "replay":
        write(tmp_path / "cassettes", "planted", interaction("GET /x", b"x"))
    with upstream_of(lambda _: Call(pieces=[b"fine"])) as url:
        started = ["replay"] if mode == "replay" else ["record", "--upstream", url, "--cassette", "planted"]
        with running([*started, "--listen", "127.0.0.1:0", "-v", "-v"], cwd=tmp_path) as proxy:
            answers = [raw.exchange(proxy.url, call) for call in _calls(secrets)]
            found = list(ask_admin(proxy.url))
            assert proxy.stop() == 0
            found += [("output", proxy.stdout.encode()), ("errors", proxy.stderr.encode())]
    found += [(f"answer to {form}", answer) for form, answer in zip((*FORMS, *HEADERS), answers, strict=True)]
    assert all(answer.startswith(b"HTTP/1.1 ") for answer in answers)
    search = Search(zip((*FORMS, *HEADERS), secrets, strict=True))
    hits = search.look_everywhere([*found, *files(tmp_path), *outputs(tmp_path)])
    assert not hits, tell(hits)


def test_the_rest_of_a_target_is_written(tmp_path: Path) -> None:
    write(tmp_path / "cassettes", "one", interaction("GET /x", b"x"))
    with running(["replay", "--listen", "127.0.0.1:0"], cwd=tmp_path) as proxy:
        for target in ("CONNECT user:sham-pass@host:443", "CONNECT host:80 80", "GET http://a:b@c/x", "GET nowhere"):
            raw.exchange(proxy.url, f"{target} HTTP/1.1\r\nHost: d:e@f:1\r\nConnection: close\r\n\r\n".encode())
    rows = json.loads(finish(["calls", "--format", "json"], cwd=tmp_path).stdout)
    shown = [tuple((row.get("call") or row)[name] for name in ("method", "target", "host")) for row in rows]
    assert shown == [("CONNECT", "host:443", "f:1"), ("", "", ""), ("GET", "/x", "f:1"), ("", "", "")]


@pytest.mark.parametrize("method", ["PURGE", "purge", "Purge", "M-SEARCH", "VERSION-CONTROL", "UPDATEREDIRECTREF"])
def test_a_method_of_its_own_is_written(tmp_path: Path, method: str) -> None:
    write(tmp_path / "cassettes", "one", interaction(f"{method} /x", b"x"))
    with running(["replay", "--listen", "127.0.0.1:0"], cwd=tmp_path) as proxy:
        assert raw.get(proxy.url, "/x", method=method)[0].startswith(b"HTTP/1.1 200 ")
    (row,) = json.loads(finish(["calls", "--format", "json"], cwd=tmp_path).stdout)
    assert (row.get("call") or row)["method"] == method
