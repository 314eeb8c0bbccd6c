"""Who calls: the service behind an address, without holding up the loop for an answer that does not come."""

import re
import socket
import threading
from pathlib import Path

import pytest

from cpproxy.core.wiring.containers import find_service_name, is_container_address
from cpproxy.core.wiring.wired import Wired, Wiring
from cpproxy.front.peers import Peers
from tests import raw
from tests.origin import until
from tests.processes import finish, running

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("reverse", "services", "name"),
    [
        ("proj_tenant-alpha_1.proj_inside", (), "tenant-alpha"),
        ("proj-tenant-alpha-1.proj_inside", (), "tenant-alpha"),
        ("my_proj_tenant_a_12.my_proj_default", (), "tenant_a"),
        ("my-proj-tenant-a-1.my-proj_default", (), "tenant-a"),
        ("my_proj-tenant-1.my_proj_a_b", (), "tenant"),
        ("proj_tenant-alpha_1.other_network", ("tenant-alpha", "alpha"), "tenant-alpha"),
        ("alpha.proj_inside", (), "alpha"),
        ("proj_run_tenant_run_1a2b.proj_inside.", (), "proj_run_tenant_run_1a2b"),
        ("ip-10-0-0-1.ec2.internal", (), ""),
        ("host.localdomain", (), ""),
        ("host", (), ""),
        ("", (), ""),
    ],
)
def test_a_containers_name_names_its_service(reverse: str, services: tuple[str, ...], name: str) -> None:
    assert find_service_name(reverse, services) == name


@pytest.mark.parametrize(
    ("address", "container"),
    [
        ("172.18.0.5", True),
        ("fd00::5", True),
        ("127.0.0.1", False),
        ("::1", False),
        ("8.8.8.8", False),
        ("fe80::1%eth0", False),
        ("0.0.0.0", False),
        ("", False),
        ("host", False),
    ],
)
def test_only_addresses_that_a_container_may_have_are_asked_about(address: str, container: bool) -> None:
    assert is_container_address(address) is container


WIRING: Wiring = {"tenant-alpha": Wired("compose.yml:6", ("tenant-alpha",), ("172.18.0.5",))}


async def test_an_address_of_the_compose_file_is_its_services() -> None:
    peers = Peers(WIRING)
    assert peers.show("172.18.0.5") == "172.18.0.5"
    await peers.meet("172.18.0.5")
    assert peers.show("172.18.0.5") == "172.18.0.5 tenant-alpha"
    assert peers.is_met("172.18.0.5")
    await peers.meet("127.0.0.1")
    assert peers.show("127.0.0.1") == "127.0.0.1"
    assert peers.is_met("127.0.0.1")


async def test_a_service_is_found_by_its_name_and_then_by_the_addresses_own(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"tenant-alpha": "172.18.0.6"}

    def look_up(name: str, *_: object, **__: object) -> list[tuple[object, object, object, str, tuple[str, int]]]:
        if name not in known:
            raise socket.gaierror
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (known[name], 0))]

    def look_back(where: tuple[str, int], _: int) -> tuple[str, str]:
        if where[0] != "172.18.0.7":
            raise socket.gaierror
        return "proj-tenant-beta-1.proj_inside", "0"

    peers = Peers({"other": Wired("c.yml:2"), **WIRING})
    with monkeypatch.context() as patched:
        patched.setattr(socket, "getaddrinfo", look_up)
        patched.setattr(socket, "getnameinfo", look_back)
        for address in ("172.18.0.6", "172.18.0.7", "172.18.0.8"):
            await peers.meet(address)
    assert peers.show("172.18.0.6") == "172.18.0.6 tenant-alpha"
    assert peers.show("172.18.0.7") == "172.18.0.7 tenant-beta"
    assert peers.show("172.18.0.8") == "172.18.0.8"


async def test_an_answer_that_does_not_come_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    late = threading.Event()

    def look_back(*_: object) -> tuple[str, str]:
        assert late.wait(60)
        return "proj-tenant-beta-1.proj_inside", "0"

    monkeypatch.setattr(socket, "getnameinfo", look_back)
    peers = Peers({})
    for number in range(20):
        await peers.meet(f"172.18.0.{number}")
    assert not late.is_set()
    assert peers.show("172.18.0.1") == "172.18.0.1"
    late.set()
    await until(lambda: peers.show("172.18.0.1") == "172.18.0.1 tenant-beta")


def find_own_address() -> str:
    """An address of this machine that a container could have, by which it can call itself; or nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(("10.255.255.255", 9))  # sends nothing
        except OSError:
            return ""
        address = str(asking.getsockname()[0])
    return address if is_container_address(address) else ""


@pytest.mark.skipif(not find_own_address(), reason="this machine has no address but loopback's")
def test_the_ledger_and_the_verdict_name_the_service_of_the_compose_file(tmp_path: Path) -> None:
    own = find_own_address()
    config = (ROOT / "cpproxy.toml").read_text()
    (tmp_path / "cpproxy.toml").write_text(re.sub("front_url = .*", 'front_url = "http://cp-stub:9090"', config))
    (tmp_path / "compose.yml").write_text(
        "services:\n  tenant-alpha:\n    environment:\n      CP_UPSTREAM_URL: http://cp-stub:9090\n"
        f"    networks: {{n: {{ipv4_address: {own}}}}}\nnetworks: {{n: {{}}}}\n"
    )
    arguments = ["--ledger", "ledger.db", "--cassettes", str(ROOT / "cassettes")]
    trap = ["--trap", "--trap-sink", f"{own}:0"]
    command = ["replay", "--listen", f"{own}:0", "--compose", "compose.yml", *trap, *arguments]
    with running(command, cwd=tmp_path) as proxy:
        sink = proxy.expect(rf"^cpproxy: trap sink ({own}:\d+)$").group(1)
        host, port = sink.split(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(b"POST /cp/workspaces/provision HTTP/1.1\r\nHost: api.moleculesai.app\r\n\r\n")
            assert raw.read_until(connection, b"\r\n\r\n").startswith(b"HTTP/1.1 421")
        assert raw.get(proxy.url, "/health")[0]
        told = finish(["verify", "--url", proxy.url, "--config", "cpproxy.toml"], cwd=tmp_path)
        assert proxy.stop() == 0, proxy.describe()
    listed = finish(["calls", *arguments], cwd=tmp_path)
    assert listed.stdout.count(f"{own} tenant-alpha") == 2
    later = finish(["verify", "--compose", "compose.yml", *arguments], cwd=tmp_path)
    for verdict in (told, later):
        assert (
            "tenant-alpha called POST http://api.moleculesai.app/cp/workspaces/provision past the proxy. "
            "CP_PROVISION_URL, then MOLECULE_CP_URL, route this call; set one of them to http://cp-stub:9090. "
            "CP_PROVISION_URL and MOLECULE_CP_URL are not set (compose.yml:2); CP_UPSTREAM_URL is http://cp-stub:9090 "
            "(compose.yml:4), and leads GET /cp/auth/tenant-member alone."
        ) in verdict.stdout, verdict.stderr
    without = finish(["verify", *arguments], cwd=tmp_path)
    assert "tenant-alpha called POST" in without.stdout
    assert "not set" not in without.stdout
    wrong = finish(["replay", "--compose", "none.yml", *arguments], cwd=tmp_path)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr == "cpproxy: error: none.yml: cannot be read: No such file or directory\n"
