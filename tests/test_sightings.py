"""What a sighting comes to, by the config and by where the front is."""

import msgspec
import pytest

from cpproxy.core.calls import Outcome, Seen, Way
from cpproxy.core.config import Config
from cpproxy.core.routes import RouteTable
from cpproxy.core.sightings import Front, Sighting, explain, find_caught
from cpproxy.core.steering import plane_hosts

CONFIG = msgspec.convert(
    {
        "cp": {"hosts": ["api.example.com", "10.1.2.3", "alt.example.com:8443", "cp-stub"]},
        "routes": [
            {"name": "provision", "match": "POST /cp/provision", "env": ["CP_URL"]},
            {"name": "describe", "match": "POST /", "when": "form:Action=Describe*"},
        ],
        "trap": {"expected_hosts": ["telemetry.example.com"]},
    },
    Config,
)
FRONT = Front("http://127.0.0.1:9090", ("http://cp:9090", "https://cp.example.net"))


def sighting(
    url: str, seen: Seen = Seen.WHOLE, way: Way = Way.FORWARD, method: str = "GET", body: bytes = b""
) -> Sighting:
    host, _, port = url.partition("/")[0].rpartition(":")
    fields = {"method": method, "target": f"/{url.partition('/')[2]}", "scheme": "http"} if seen is Seen.WHOLE else {}
    return msgspec.structs.replace(Sighting(1, 1.0, way, seen, "10.0.0.7", host, int(port), body=body), **fields)


@pytest.mark.parametrize(
    ("one", "outcome"),
    [
        (sighting("api.example.com:443/any"), Outcome.MISROUTE),
        (sighting("API.Example.com.:443/any"), Outcome.MISROUTE),
        (sighting("api.example.com:443", Seen.NAME), Outcome.MISROUTE),
        (sighting("api.example.com:0", Seen.QUERY, Way.DNS), Outcome.MISROUTE),
        (sighting("10.1.2.3:22", Seen.CONNECTION), Outcome.MISROUTE),
        (sighting("alt.example.com:8443/"), Outcome.MISROUTE),
        (sighting("alt.example.com:0", Seen.QUERY, Way.DNS), Outcome.MISROUTE),
        (sighting("alt.example.com:443/"), Outcome.FOREIGN),
        (sighting("other.example:80/cp/provision", method="POST"), Outcome.MISROUTE),
        (sighting("other.example:80/cp/provision?a=b", method="POST"), Outcome.MISROUTE),
        (sighting("other.example:80//cp/provision?a=b", method="POST"), Outcome.MISROUTE),
        (sighting("other.example:80/cp//provision", method="POST"), Outcome.FOREIGN),
        (sighting("other.example:80///", method="POST", body=b"Action=DescribeX"), Outcome.MISROUTE),
        (sighting("other.example:80/cp/provision"), Outcome.FOREIGN),
        (sighting("telemetry.example.com:80/cp/provision", method="POST"), Outcome.FOREIGN),
        (sighting("other.example:80/", method="POST", body=b"Action=DescribeX"), Outcome.MISROUTE),
        (sighting("other.example:80/", method="POST", body=b"Action=Put"), Outcome.FOREIGN),
        (sighting("other.example:443", Seen.NAME), Outcome.FOREIGN),
        (sighting("canary.cpproxy.invalid:80/"), Outcome.CANARY),
        (sighting("canary.cpproxy.invalid:0", Seen.QUERY, Way.DNS), Outcome.CANARY),
        (sighting("api.example.com:443/__cpproxy/canary"), Outcome.CANARY),
        (sighting("cp-stub:0", Seen.QUERY, Way.DNS), Outcome.MISROUTE),
        (sighting("redis:0", Seen.QUERY, Way.DNS), None),
        (sighting("cp:0", Seen.QUERY, Way.DNS), None),
        (sighting("cp.example.net:0", Seen.QUERY, Way.DNS), None),
        (sighting("redis:6379", Seen.BYTES), Outcome.FOREIGN),
    ],
)
def test_a_sighting_is_what_its_host_and_route_say(one: Sighting, outcome: Outcome | None) -> None:
    caught = find_caught(one, FRONT, CONFIG, RouteTable(CONFIG.routes), plane_hosts(CONFIG))
    assert (caught.outcome if caught else None) is outcome


@pytest.mark.parametrize(
    ("one", "outcome"),
    [
        (sighting("cp:443", Seen.NAME, Way.SINK), Outcome.MISROUTE),
        (sighting("CP:80/other", way=Way.SINK), Outcome.MISROUTE),
        (sighting("cp.example.net:80/", way=Way.SINK), Outcome.MISROUTE),
        (sighting("cp:80/other"), Outcome.FOREIGN),  # by the forward proxy it may be another service there
        (sighting("127.0.0.1:80/other", way=Way.SINK), Outcome.FOREIGN),
    ],
)
def test_the_fronts_host_at_a_port_that_is_not_its_own_is_a_misroute(one: Sighting, outcome: Outcome) -> None:
    caught = find_caught(one, FRONT, CONFIG, RouteTable(CONFIG.routes), plane_hosts(CONFIG))
    assert caught
    assert caught.outcome is outcome
    assert ("the front's, which does not listen at port" in caught.reason) is (outcome is Outcome.MISROUTE)


def test_a_control_plane_on_this_machine_is_at_its_port_alone() -> None:
    config = msgspec.convert({"cp": {"upstream": "http://localhost"}}, Config)
    for url, outcome in (("localhost:80/", Outcome.MISROUTE), ("localhost:3000/", Outcome.FOREIGN)):
        caught = find_caught(sighting(url), FRONT, config, RouteTable(()), plane_hosts(config))
        assert caught
        assert caught.outcome is outcome


def test_an_address_of_version_6_may_have_a_port() -> None:
    config = msgspec.convert({"cp": {"upstream": "http://[fd00::7]:8080"}}, Config)
    for port, outcome in ((8080, Outcome.MISROUTE), (0, Outcome.MISROUTE), (80, Outcome.FOREIGN)):
        one = sighting(f"fd00::7:{port}", Seen.NAME)
        caught = find_caught(one, FRONT, config, RouteTable(()), plane_hosts(config))
        assert caught
        assert caught.outcome is outcome


def test_a_base_that_ends_with_a_slash_leads_to_its_route() -> None:
    one = sighting("api.example.com:80//cp/provision", method="POST")
    caught = find_caught(one, FRONT, CONFIG, RouteTable(CONFIG.routes), plane_hosts(CONFIG))
    assert caught
    assert caught.route
    assert caught.route.name == "provision"
    message = explain(one, caught, CONFIG)["error"]
    assert "http://api.example.com//cp/provision went past the proxy" in message
    assert "CP_URL routes this call" in message


@pytest.mark.parametrize(
    ("url", "is_front"),
    [
        ("127.0.0.1:9090", True),
        ("localhost:9090", True),
        ("::1:9090", True),
        ("127.0.0.1:9091", False),
        ("cp:9090", True),
        ("CP.:9090", True),
        ("cp:80", False),
        ("cp.example.net:443", True),
        ("cp.example.net:80", False),
    ],
)
def test_the_front_is_known_by_all_of_its_names(url: str, is_front: bool) -> None:
    host, _, port = url.rpartition(":")
    assert FRONT.has(host, int(port)) is is_front


def test_a_front_that_listens_on_all_addresses_is_at_that_where_the_call_arrived() -> None:
    everywhere = Front("http://0.0.0.0:9090")
    assert everywhere.has("172.20.0.5", 9090, "172.20.0.5")
    assert not everywhere.has("172.20.0.5", 80, "172.20.0.5")
    assert not everywhere.has("172.20.0.6", 9090, "172.20.0.5")
    assert not FRONT.has("172.20.0.5", 9090, "172.20.0.5")


@pytest.mark.parametrize(
    ("way", "said"),
    [(Way.FORWARD, "add cp to NO_PROXY in the client"), (Way.SINK, "let it resolve to the front")],
)
def test_what_was_meant_for_the_front_says_how_it_gets_there(way: Way, said: str) -> None:
    caught = find_caught(sighting("cp:9090/x", way=way), FRONT, CONFIG, RouteTable(CONFIG.routes), plane_hosts(CONFIG))
    assert caught is not None
    assert caught.outcome is Outcome.MISROUTE
    assert said in caught.reason


def test_the_client_is_told_what_routes_its_call_and_no_query() -> None:
    one = sighting("api.example.com:80/cp/provision?secret=1", method="POST")
    caught = find_caught(one, FRONT, CONFIG, RouteTable(CONFIG.routes), plane_hosts(CONFIG))
    assert caught is not None
    assert caught.route is not None
    assert explain(one, caught, CONFIG) == {
        "error": "cpproxy: POST http://api.example.com/cp/provision went past the proxy: its host is one of the "
        "control plane's. CP_URL routes this call; set it to the front's URL.",
        "cpproxy": {"outcome": "misroute", "client": "10.0.0.7"},
    }
