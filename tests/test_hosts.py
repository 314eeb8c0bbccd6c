"""How hosts and ports are read and spelled."""

import pytest

from cpproxy.core.hosts import is_among, is_loopback, is_public, no_proxy_covers, spell_origin, split_port


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a.example", ("a.example", 0)),
        ("a.example:8443", ("a.example", 8443)),
        ("[::1]:8443", ("[::1]", 8443)),
        ("[::1]", ("[::1]", 0)),
        ("::1", ("::1", 0)),
        ("10.1.2.3", ("10.1.2.3", 0)),
        ("123", ("123", 0)),
    ],
)
def test_a_port_is_told_from_an_address(text: str, parts: tuple[str, int]) -> None:
    assert split_port(text) == parts


@pytest.mark.parametrize(
    ("host", "port", "is_one"),
    [("::1", 8443, True), ("::1", 0, True), ("::1", 443, False), ("A.example.", 1, True), ("b.example", 0, False)],
)
def test_a_host_is_among_others_by_its_name_and_their_port(host: str, port: int, is_one: bool) -> None:
    assert is_among(host, port, ("a.example", "[::1]:8443")) is is_one


@pytest.mark.parametrize(
    ("parts", "shown"),
    [
        (("https", "a.example", 443), "https://a.example"),
        (("http", "a.example", 443), "http://a.example:443"),
        (("http", "::1", 0), "http://[::1]"),
        (("", "a.example", 80), "a.example:80"),
        (("", "a.example", 0), "a.example"),
    ],
)
def test_an_origin_is_spelled_without_what_goes_without_saying(parts: tuple[str, str, int], shown: str) -> None:
    assert spell_origin(*parts) == shown


def test_loopback_has_many_names() -> None:
    assert all(map(is_loopback, ("localhost", "LOCALHOST.", "db.localhost", "127.0.0.2", "::1", "[::1]")))
    assert not any(map(is_loopback, ("", "localhost.example", "10.0.0.1", "0.0.0.0")))


@pytest.mark.parametrize(
    ("listed", "host"),
    [
        ("*", "api.example"),
        ("b, API.example", "api.example"),
        (".example", "api.example"),
        ("*.example", "Api.Example."),
        ("example", "api.example"),
        ("api.example:443", "api.example"),
        ("10.0.0.0/8", "10.1.2.3"),
        ("[::1]", "::1"),
        ("::1", "[::1]"),
    ],
)
def test_no_proxy_names_hosts_domains_addresses_and_networks(listed: str, host: str) -> None:
    assert no_proxy_covers(listed, host)


@pytest.mark.parametrize("listed", ["", " , ", "pi.example", "api.example.net", "10.0.0.0/8", "api/8"])
def test_no_proxy_does_not_name_others(listed: str) -> None:
    assert not no_proxy_covers(listed, "api.example")


def test_a_public_name_is_one_that_somebody_may_own() -> None:
    assert all(map(is_public, ("evil.example.com", "a.b", "nas.local", "127.0.0.1.nip.io")))
    own = (
        "",
        "cp",
        "localhost",
        "a.localhost",
        "host.docker.internal",
        "cp.ns.svc.cluster.local",
        "cp.project_default",
    )
    assert not any(map(is_public, (*own, "10.0.0.1", "::1", "fe80::1", "127.1", "0x7f.0.0.1", "0x7f000001")))
