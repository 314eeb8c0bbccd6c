"""The admin token goes no further than the front: not on a path that is nearly the admin's, not in any spelling."""

import base64
import gzip
import json
import secrets
from pathlib import Path
from urllib.parse import quote

import pytest

from cpproxy.core.calls import Outcome
from cpproxy.files.cassettes import names
from cpproxy.front.token import Token, is_nearly_admin
from tests.origin import Peer, ask, raw_origin
from tests.processes import finish, running
from tests.raw import get
from tests.recorder import recorder

NEAR = (
    "//__cpproxy/state",
    "///__cpproxy/state",
    "/./__cpproxy/state",
    "/x/../__cpproxy/state",
    "/x/__cpproxy/state",
    "/%5f_cpproxy/state",
    "/_%5Fcpproxy/state",
    "/%5f%5fcpproxy/state",
    "/__cpprox%79/state",
    "/%2f__cpproxy/state",
    "/%2F%5F%5Fcpproxy%2Fstate",
    "/%255f_cpproxy/state",
    "/%25255f_cpproxy/state",
    "/__CPPROXY/state",
    "/__Cpproxy/state",
    "/__cpproxy%2fstate",
    "/__cpproxy;x=1/state",
    "/__cpproxy.",
    "/__cpproxy%00/state",
    "/__cpproxy%3fx",
    "/__cpproxy#x",
    "/__cpproxyx",
    "/\\__cpproxy/state",
    "/..\\__cpproxy/state",
    "/%20__cpproxy/state",
    "/__cpp%e2%80%8broxy/state",
    "/%ef%bc%bf%ef%bc%bfcpproxy/state",
    "/__%ef%bd%83pproxy/state",
    "/__cpp\u200broxy/state",
    "/S/one/__cpproxy/state",
    "//s/one/__cpproxy/state",
    "/s/one//__cpproxy/state",
    "/s/one/./__cpproxy/state",
    "/s/one/%5f_cpproxy/state",
    "/s//one/__cpproxy/state",
    "/s/one/s/two/__cpproxy/state",
    "http://front//__cpproxy/state",
    "http://front/%5f_cpproxy/state",
    "HTTP://front/x/../__cpproxy/state",
)
OTHERS = ("/", "/x", "/cpproxy", "/_cpproxy/x", "/cp/workspaces/%41", "/x?to=/__cpproxy/state", "/%e2%82%ac", "*", "/%")


@pytest.mark.parametrize("target", NEAR, ids=ascii)
async def test_what_is_nearly_an_admin_path_goes_to_nobody(target: str, tmp_path: Path) -> None:
    """A malformed one is refused by the parser, all others by us: the upstream is never asked."""
    token = secrets.token_urlsafe(18)

    async def answers(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with raw_origin(answers) as origin, recorder(origin.url, tmp_path, token=token) as proxy:
        head = f"GET {target} HTTP/1.1\r\nHost: x\r\nX-Cpproxy-Token: {token}\r\nConnection: close\r\n\r\n"
        answer = await ask(proxy.url, head.encode())
        assert answer.startswith(b"HTTP/1.1 400 "), answer
        assert token.encode() not in answer
        assert origin.connections == 0
        row = await proxy.row()
        assert (row.outcome, row.status, proxy.interactions()) == (Outcome.ERROR, 400, ())


@pytest.mark.parametrize("target", OTHERS)
def test_other_paths_are_not_nearly_an_admin_path(target: str) -> None:
    assert not is_nearly_admin(target)


def ways(token: str) -> dict[str, tuple[str, str]]:
    """Targets and headers that carry a token."""
    coded = base64.b64encode(f"operator:{token}".encode()).decode()
    return {
        "bearer": ("/x", f"Authorization: Bearer {token}"),
        "bearer of another case": ("/x", f"AUTHORIZATION:bEARER\t{token}"),
        "basic": ("/x", f"Authorization: Basic {coded}"),
        "proxy": ("/x", f"Proxy-Authorization: Bearer {token}"),
        "cookie": ("/x", f"Cookie: a=b; t={token}"),
        "any": ("/x", f"X-Anything: {token}"),
        "hex": ("/x", f"X-Anything: {token.encode().hex()}"),
        "gzip": ("/x", f"X-Anything: {base64.b64encode(gzip.compress(token.encode())).decode()}"),
        "query": (f"/x?token={token}", "X: y"),
        "escaped query": (f"/x?token={''.join(f'%{byte:02x}' for byte in token.encode())}", "X: y"),
        "path": (f"/{token}/x", "X: y"),
        "session": (f"/s/one/x?t={quote(quote(token))}", "X: y"),
        "beside": ("/x", f"X-Cpproxy-Token: {token}\r\nAuthorization: Bearer {token}"),
    }


@pytest.mark.parametrize("way", ways("a"))
async def test_a_call_that_carries_the_token_goes_to_nobody(way: str, tmp_path: Path) -> None:
    token = secrets.token_urlsafe(18)
    target, header = ways(token)[way]

    async def answers(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with raw_origin(answers) as origin, recorder(origin.url, tmp_path, token=token) as proxy:
        head = f"GET {target} HTTP/1.1\r\nHost: x\r\n{header}\r\nConnection: close\r\n\r\n"
        answer = await ask(proxy.url, head.encode())
        assert answer.startswith(b"HTTP/1.1 400 "), answer
        assert b"carries the proxy's admin token" in answer
        assert token.encode() not in answer
        assert origin.connections == 0


async def test_the_header_of_the_token_is_taken_off_a_call(tmp_path: Path) -> None:
    token = secrets.token_urlsafe(18)
    heads: list[bytes] = []

    async def answers(peer: Peer) -> None:
        heads.append(await peer.head())
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with raw_origin(answers) as origin, recorder(origin.url, tmp_path, token=token) as proxy:
        head = f"GET /x HTTP/1.1\r\nHost: x\r\nX-Cpproxy-Token: {token}\r\nAuthorization: Bearer app\r\n"
        answer = await ask(proxy.url, f"{head}Connection: close\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"Authorization: Bearer app" in heads[0]
        assert b"oken" not in heads[0]
        assert token.encode() not in heads[0]
        assert "oken" not in str(proxy.interactions()[0].request.headers)


def test_a_common_word_is_found_as_a_token_too() -> None:
    assert Token("localhost").is_carried("Bearer localhost")
    assert not Token("").is_carried("Bearer ")


def test_a_replaying_proxy_takes_the_token_in_either_header(tmp_path: Path) -> None:
    """An application's own `Authorization` does not stand in the way, and the token is no part of the match."""
    root = Path(__file__).parent.parent
    token = secrets.token_urlsafe(18)
    arguments = ["replay", "--listen", "127.0.0.1:0", "--cassettes", str(root / "cassettes")]
    assert names(root / "cassettes")
    with running(arguments, env={"CPPROXY_ADMIN_TOKEN": token}, cwd=tmp_path) as proxy:
        shown = f"X-Cpproxy-Token: {token}"
        for headers, status in (
            ((shown,), b"200"),
            ((shown, "Authorization: Bearer the-application's"), b"200"),
            ((f"Authorization: Bearer {token}",), b"200"),
            ((f"Authorization: bearer  {token}", "X-Cpproxy-Token: wrong-token"), b"200"),
            ((f"X-Cpproxy-Token: {token[:-1]}",), b"401"),
            (("X-Cpproxy-Token:",), b"401"),
            (("Authorization: Bearer",), b"401"),
            ((f"Authorization: {token}",), b"401"),
            ((), b"401"),
        ):
            head, _ = get(proxy.url, "/__cpproxy/state", *headers)
            assert head.split(b" ")[1] == status, (headers, head)
        head, body = get(proxy.url, "//__cpproxy/state", shown)
        assert head.startswith(b"HTTP/1.1 400 ")
        assert "nearly one of cpproxy's own" in json.loads(body)["error"]
        told = finish(["status", "--url", proxy.url, "--format", "json"], env={"CPPROXY_ADMIN_TOKEN": token})
        assert told.returncode == 0, told.stderr
        assert token not in Path(f"/proc/{proxy.pid}/cmdline").read_text()
