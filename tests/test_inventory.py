"""The identities that `cassette show --identities` lists, and how a cassette or the config adds and forbids them."""

import json
from pathlib import Path
from typing import Any

import pytest

from cpproxy.cli.main import run
from cpproxy.core.cassette import CassetteOf, Interaction, Recorded
from cpproxy.core.config import ReplaySettings, RouteSettings
from cpproxy.core.replay.inventory import Identified, list_identities
from cpproxy.core.replay.loading import load
from cpproxy.core.routes import RouteTable
from cpproxy.errors import Exit
from cpproxy.files import cassettes
from tests import vouch
from tests.moving import Tape

WORKSPACE = "0b9f6a52-54c2-4d0e-8a55-6a1c2f7f1a10"
IMAGE = "2026-01-05-4f1c9d2e"


def record() -> Tape:
    tape = Tape()
    tape.add(
        "POST /workspaces",
        {"instance_id": "i-0123456789abcdef0", "owner": "team-one", "image": IMAGE},
        201,
        body={"id": WORKSPACE},
    )
    tape.add(f"GET /workspaces/{WORKSPACE.upper()}", {"by": {WORKSPACE: "up"}, "owner": "team-one"})
    return tape


def find(tape: Tape, *routes: RouteSettings, **settings: Any) -> dict[str, Identified]:
    library = load([tape], RouteTable(routes), ReplaySettings(**settings))
    return {one.value: one for one in list_identities(library, tape.name, tape.head)}


def test_each_identity_has_its_places_its_maker_and_the_reason() -> None:
    workspace, instance, image = list(find(record()).values())
    assert (workspace.value, workspace.why, workspace.made_by) == (WORKSPACE, "UUID", "client")
    assert (workspace.first, workspace.introduced) == ("1", "1")
    assert [(place.where, place.interactions, place.forms) for place in workspace.places] == [
        ("POST request $.id", ("1",), (WORKSPACE,)),
        ("GET request path:2", ("2",), (WORKSPACE.upper(),)),
        ("GET answer $.by.* (a name)", ("2",), (WORKSPACE,)),
    ]
    assert (instance.value, instance.made_by, instance.introduced) == ("i-0123456789abcdef0", "control plane", "1")
    assert image.value == IMAGE


def test_numbers_are_shown_without_their_sign() -> None:
    tape = Tape()
    tape.add("POST /jobs", {"id": 4711}, 201)
    tape.add("GET /jobs/4711", {"id": 4711, "size": 4711})
    found = find(tape)["4711"]
    assert [place.where for place in found.places] == ["POST answer $.id", "GET request path:2", "GET answer $.id"]


def test_the_config_names_and_forbids_identities_by_their_places() -> None:
    found = find(record(), identities=("$.owner",), not_identities=("$.image",))
    assert found["team-one"].why == "named by the config ($.owner)"
    image = found[IMAGE]
    assert (image.forbidden, image.why) == (
        True,
        "forbidden by the config ($.image): it looks like one (a name that ends in hex)",
    )
    assert [(place.where, place.interactions) for place in image.places] == [("POST answer $.image", ("1",))]
    assert not any(one.forbidden for value, one in found.items() if value != IMAGE)


def test_a_cassette_names_and_forbids_identities_by_their_values() -> None:
    tape = record()
    tape.identities, tape.not_identities = ("team-one", WORKSPACE), (IMAGE,)
    found = find(tape)
    assert (found["team-one"].why, found[WORKSPACE].why) == ("named by the cassette", "UUID, named by the cassette")
    assert found[IMAGE].why == "forbidden by the cassette: it looks like one (a name that ends in hex)"


def test_compared_headers_are_places_and_others_are_not() -> None:
    tape = Tape()
    tape.add("GET /config", {"org": WORKSPACE}, headers=(("X-Org-Id", WORKSPACE), ("X-Other", WORKSPACE)))
    route = RouteSettings(match="GET /config", name="config", compare=("X-Org-Id",))
    places = [place.where for place in find(tape, route)[WORKSPACE].places]
    assert places == ["config request header:X-Org-Id", "config answer $.org"]


def test_show_prints_identities_as_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record().write(tmp_path)
    assert run(["--cassettes", str(tmp_path), "cassette", "show", "tape", "--identities"]) == Exit.CLEAN
    first = capsys.readouterr().out.split("\n\n")[0]
    assert first.splitlines() == [
        f"{WORKSPACE}  UUID",
        "  made by the client, first in 1, introduced by 1",
        "  POST request $.id: 1",
        f"  GET request path:2 as {WORKSPACE.upper()}: 2",
        "  GET answer $.by.* (a name): 2",
    ]


def test_what_is_forbidden_is_shown_as_such_and_long_lists_are_cut(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tape = Tape(not_identities=(IMAGE,))
    tape.add("POST /workspaces", {"image": IMAGE}, 201, body={"id": WORKSPACE})
    for _ in range(200):
        tape.add(f"GET /workspaces/{WORKSPACE}", {"state": "up"})
    tape.write(tmp_path)
    assert run(["--cassettes", str(tmp_path), "cassette", "show", "tape", "--identities"]) == Exit.CLEAN
    assert capsys.readouterr().out.splitlines() == [
        f"{WORKSPACE}  UUID",
        "  made by the client, first in 1, introduced by 1",
        "  POST request $.id: 1",
        "  GET request path:2: 2, 3, 4, 5, 6 and 195 more",
        "",
        f"{IMAGE}  no identity, forbidden by the cassette: it looks like one (a name that ends in hex)",
        "  POST answer $.image: 1",
    ]


def test_what_stands_where_a_secret_would_is_masked_everywhere() -> None:
    secret, other = "b3957fc5-d795-4c41-adb6-9274c9c8adfa", "i-0123456789abcdef0"
    tape = Tape(not_identities=(other,))
    tape.add("POST /workspaces", {"shared_secret": secret, "tokens": [other]}, 201, body={"id": WORKSPACE})
    tape.add(f"GET /workspaces/{WORKSPACE}?of={secret.upper()}", {"state": "up"})
    library = load([tape], RouteTable(()), ReplaySettings())
    found = list_identities(library, tape.name, tape.head)
    assert [one.value for one in found] == [WORKSPACE, "***", "***"]
    assert [(place.where, place.forms) for place in found[1].places] == [
        ("POST answer $.shared_secret", ("***",)),
        ("GET request query:of", ("***",)),
    ]
    assert not any(text in str(found).lower() for text in (secret, other))


def test_show_prints_identities_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record().write(tmp_path)
    arguments = ["cassette", "show", "tape", "--identities", "--format", "json", "--cassettes", str(tmp_path)]
    assert run(arguments) == Exit.CLEAN
    found = json.loads(capsys.readouterr().out)
    assert [one["value"] for one in found] == [WORKSPACE, "i-0123456789abcdef0", IMAGE]
    assert found[0]["places"][0] == {"where": "POST request $.id", "interactions": ["1"], "forms": [WORKSPACE]}


def test_identities_are_of_a_whole_cassette(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--cassettes", str(tmp_path), "cassette", "show", "tape", "1", "--identities"]) == Exit.USAGE
    assert "leave the interaction out" in capsys.readouterr().err


def test_what_a_cassette_forbids_is_kept_when_it_is_written(tmp_path: Path) -> None:
    head = CassetteOf[Interaction](1, Recorded("2026-01-02T03:04:05Z", "http://a"), (), not_identities=(IMAGE,))
    cassettes.write(tmp_path, "a", vouch.cassette(head))
    assert cassettes.read(tmp_path, "a").not_identities == (IMAGE,)
