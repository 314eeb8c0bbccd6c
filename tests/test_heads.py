"""What is read of a request's head that is malformed or not finished."""

import pytest

from cpproxy.trap.heads import read_head, split_authority


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("GET /a?b=c HTTP/1.1", ("GET", "/a?b=c", "", "h.example", 81)),
        ("GET /a HT", ("GET", "/a", "", "h.example", 81)),
        ("GET /a", ("GET", "/a", "", "h.example", 81)),
        ("OPTIONS * HTTP/1.1", ("OPTIONS", "*", "", "h.example", 81)),
        ("GET http://u:pw@Api.Example:8080/a#f HTTP/1.1", ("GET", "/a", "http", "api.example", 8080)),
        ("GET http://u:p/w@api.example/a HTTP/1.1", ("GET", "/a", "http", "api.example", 0)),
        ("GET http://u@v:pw@api.example HTTP/1.1", ("GET", "/", "http", "api.example", 0)),
        ("GET wss://api.example?a HTTP/1.1", ("GET", "/?a", "https", "api.example", 0)),
        ("GET https://api.example/a@b HTTP/1.1", ("GET", "/a@b", "https", "api.example", 0)),
        ("GET api.example:90/a HTTP/1.1", ("GET", "/a", "", "api.example", 90)),
        ("CONNECT u:pw@api.example HTTP/1.1", ("CONNECT", "", "", "api.example", 0)),
        ("CONNECT [::1]:70000 HTTP/1.1", ("CONNECT", "", "", "::1", 0)),
    ],
)
def test_a_line_is_read_leniently(line: str, told: tuple[str, str, str, str, int]) -> None:
    head = read_head(f"{line}\r\nX: y\r\nhost : u:pw@h.example:81\r\nCookie: a".encode())
    assert head is not None
    assert (head.method, head.target, head.scheme, head.host, head.port) == told
    assert head.headers[-1] == (b"Cookie", b"a")
    assert "pw" not in head.target


@pytest.mark.parametrize(
    "data",
    [b"", b"GET", b"GET ", b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", b"SETUP rtsp://a/b RTSP/1.0\r\n", b"\0\1 /"],
)
def test_what_does_not_look_like_a_request_is_none(data: bytes) -> None:
    assert read_head(data) is None


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("a:x", "a", 0), ("a:", "a", 0), ("[fd00::1]:443", "fd00::1", 443), ("fd00::1", "fd00::1", 0), ("", "", 0)],
)
def test_an_authority_is_split_leniently(text: str, host: str, port: int) -> None:
    assert split_authority(text) == (host, port)
