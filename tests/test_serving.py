"""What is written into an answer (rule 17 of replay): the address of the front, lengths, the wire form of secrets."""

import pytest

from cpproxy.core.addresses import Public
from cpproxy.core.config import RouteSettings
from tests.moving import Tape, play

FORMS = [
    ("https://staging.example.com/cp", "http://front:9090/s/a/cp"),
    ("https:\\/\\/staging.example.com\\/cp", "http:\\/\\/front:9090\\/s\\/a\\/cp"),
    ("https%3A%2F%2Fstaging.example.com%2Fcp", "http%3A%2F%2Ffront%3A9090%2Fs%2Fa%2Fcp"),
    ("wss://staging.example.com:443/live", "ws://front:9090/s/a/live"),
    ("//staging.example.com/x", "//front:9090/s/a/x"),
    ("host staging.example.com.", "host front:9090."),
    ('<a href="https:&#x2F;&#x2F;STAGING.example.com">', '<a href="http:&#x2F;&#x2F;front:9090&#x2F;s&#x2F;a">'),
    ("https://staging.example.com:8443/x", "https://staging.example.com:8443/x"),
    ("my-staging.example.com", "my-staging.example.com"),
    ("staging.example.com.evil.org", "staging.example.com.evil.org"),
]


@pytest.mark.parametrize(("recorded", "served"), FORMS)
def test_17_the_upstreams_address_becomes_the_fronts_in_every_form(recorded: str, served: str) -> None:
    tape = Tape()
    told = (("Location", "/elsewhere"), ("Link", f"<{recorded}>"), ("Set-Cookie", "a=b; Domain=staging.example.com"))
    tape.add("GET /x", recorded, told=told)
    player = play(tape)
    player.public = Public("http", "front:9090", "/s/a")
    got = player.ask("GET /x")
    assert got.text == served
    assert got.headers[:3] == (
        ("Location", "/s/a/elsewhere"),
        ("Link", f"<{served}>"),
        ("Set-Cookie", "a=b; Domain=front"),
    )


def test_17_the_fronts_address_in_a_request_stands_for_the_upstreams() -> None:
    tape = Tape()
    tape.add("GET /auth?redirect_uri=https%3A%2F%2Fstaging.example.com%2Fback", {"state": "a"})
    tape.add("POST /auth", {"state": "b"}, body={"back": "https://staging.example.com/back"})
    player = play(tape)
    player.public = Public("http", "front:9090", "/s/a")
    assert player.state("GET /auth?redirect_uri=http%3A%2F%2Ffront%3A9090%2Fs%2Fa%2Fback") == "a"
    assert player.state("POST /auth", body={"back": "http://front:9090/s/a/back"}) == "b"


def test_17_a_host_without_a_dot_is_an_address_after_a_scheme_alone() -> None:
    tape = Tape(upstream="http://cp")
    tape.add("GET /x", "cp is at http://cp/a, or cp:x")
    player = play(tape)
    player.public = Public("http", "front:9090")
    assert player.ask("GET /x").text == "cp is at http://front:9090/a, or cp:x"


def test_17_the_fronts_address_in_a_compared_header_stands_for_the_upstreams() -> None:
    tape = Tape()
    tape.add("GET /x", {"state": "a"}, headers=(("Origin", "https://staging.example.com"),))
    player = play(tape, routes=(RouteSettings(match="GET /x", compare=("Origin",)),))
    player.public = Public("http", "front:9090")
    assert player.ask("GET /x", headers=(("Origin", "http://elsewhere:1"),)).outcome == "miss"
    assert player.state("GET /x", headers=(("Origin", "http://front:9090"),)) == "a"


def test_17_lengths_are_made_anew_and_what_names_nothing_stays_byte_for_byte() -> None:
    recorded = '{ "name" : "e2e-20260105-0a1b2c3d",\n "n": 1.0 }'
    tape = Tape()
    tape.add("POST /things", {"ok": 1}, 201, body={"name": "e2e-20260105-0a1b2c3d"})
    tape.add("GET /things", recorded, told=(("Content-Length", str(len(recorded))),))
    player = play(tape)
    player.ask("POST /things", body={"name": "mine"})
    told = player.ask("GET /things")
    assert told.text == recorded.replace("e2e-20260105-0a1b2c3d", "mine")
    assert dict(told.headers)["Content-Length"] == str(len(told.text))


def test_17_a_secret_is_served_in_a_form_that_fits_headers_and_urls() -> None:
    tape = Tape()
    tape.add("GET /x", {"secret": "{{cpproxy:shared_secret:1}}"}, told=(("X-Token", "{{cpproxy:x-token:2}}"),))
    told = play(tape).ask("GET /x")
    assert told.json == {"secret": "cpproxy-shared_secret-01"}
    assert dict(told.headers)["X-Token"] == "cpproxy-x-token-02"
