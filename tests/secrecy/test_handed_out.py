"""What an upstream hands out in base64 is base64 in replay, and comes back as the client reads it."""

import base64
import http.client
import json
from collections.abc import Mapping
from pathlib import Path
from random import SystemRandom
from typing import Any
from urllib.parse import urlsplit

from tests.processes import running
from tests.secrecy import kinds
from tests.secrecy.calls import Call, answer, coded64, dump
from tests.secrecy.driver import upstream_of


def ask(url: str, path: str, headers: Mapping[str, str] = {}) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    connection.request("GET", path, headers=dict(headers))
    response = connection.getresponse()
    status, body = response.status, response.read()
    connection.close()
    return status, json.loads(body or b"null")


def test_a_secret_of_kubernetes_and_a_login_of_docker_are_read_and_used(tmp_path: Path) -> None:
    password = f"Sham-{kinds.some(SystemRandom(), kinds.WORD, 14)}"
    answers = {
        "/secret": answer(dump({"kind": "Secret", "data": {"password": coded64(password)}})),
        "/docker": answer(dump({"auths": {"r.example": {"auth": coded64(f"bot:{password}")}}})),
    }
    done = answer(dump({"ok": True}))

    def find(target: str) -> Call:
        return answers.get(target, done)

    def use(url: str) -> tuple[list[int], list[str]]:
        code = ask(url, "/secret")[1]["data"]["password"]
        login = ask(url, "/docker")[1]["auths"]["r.example"]["auth"]
        plain = base64.b64decode(code, validate=True).decode()
        user, _, same = base64.b64decode(login, validate=True).decode().partition(":")
        headers = ({"Authorization": f"Bearer {plain}"}, {"X-Api-Key": code}, {"Authorization": f"Basic {login}"})
        return [ask(url, f"/use/{number}", one)[0] for number, one in enumerate(headers)], [plain, user, same]

    with (
        upstream_of(find) as url,
        running(["record", "--upstream", url, "--cassette", "c", "--listen", "127.0.0.1:0"], cwd=tmp_path) as proxy,
    ):
        assert use(proxy.url) == ([200, 200, 200], [password, "bot", password])
        assert proxy.stop() == 0, proxy.stderr
    with running(["replay", "--cassette", "c", "--listen", "127.0.0.1:0"], cwd=tmp_path) as proxy:
        served = "cpproxy-password-1"
        assert use(proxy.url) == ([200, 200, 200], [served, "cpproxy-client", served])
        assert ask(proxy.url, "/use/0", {"Authorization": f"Bearer {password}"})[0] == 401
        assert proxy.stop() == 0, proxy.stderr
