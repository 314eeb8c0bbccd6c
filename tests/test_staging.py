"""The staging control plane and its clients hold to the surface that the real ones were seen to have."""

import contextlib
import random
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cpproxy.core.config import Config
from tests.processes import running_program
from tests.staging import ALPHA, BETA, OPERATOR_TOKEN, PRODUCTION_URL, STAGING_URL
from tests.staging.exchange import TransportError, send
from tests.staging.plane import Answer, Call, Plane
from tests.staging.scenarios import SCENARIOS, Run, perform
from tests.staging.server import hosting, serving
from tests.staging.tenant import CallFailedError, Ids, Operator, Provisioned, Tenant

ROOT = Path(__file__).parents[1]
VARIABLES = ("CP_PROVISION_URL", "MOLECULE_CP_URL", "CP_UPSTREAM_URL")
WORKSPACE = "0b9f6a52-54c2-4d0e-8a55-6a1c2f7f1a10"


class Clock:
    def __init__(self) -> None:
        self.now = 1_767_600_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def plane(clock: Clock) -> Plane:
    return Plane(clock=clock, random=random.Random(1), url="http://staging.test", ready_after=60)


@contextlib.contextmanager
def client(plane: Plane, **variables: str) -> Iterator[Tenant]:
    lines: list[str] = []
    with hosting(plane) as url:
        own = {"ADMIN_TOKEN": ALPHA.admin_token, "MOLECULE_ORG_ID": ALPHA.org_id, "CP_PROVISION_URL": url}
        yield Tenant({**own, "MOLECULE_CP_URL": url, "CP_UPSTREAM_URL": url, **variables}, log=lines.append)


def keys(plane: Plane, admin_token: str = ALPHA.admin_token) -> tuple[tuple[str, str], ...]:
    return (("Authorization", f"Bearer {plane.shared_secret}"), ("X-Molecule-Admin-Token", admin_token))


def provision(plane: Plane, *, org_id: str = ALPHA.org_id, workspace_id: str = WORKSPACE, **changed: Any) -> Answer:
    body = {"org_id": org_id, "workspace_id": workspace_id, "runtime": "x", "tier": 2, "platform_url": "", "env": {}}
    admin_token = BETA.admin_token if org_id == BETA.org_id else ALPHA.admin_token
    headers = keys(plane, admin_token)
    return plane.answer(Call("POST", "/cp/workspaces/provision", headers, msgspec.json.encode(body | changed)))


def read_status(plane: Plane, instance_id: str) -> Answer:
    return plane.answer(Call("GET", f"/cp/workspaces/{WORKSPACE}/status?instance_id={instance_id}", keys(plane)))


def operate(plane: Plane, method: str, path: str, body: bytes = b"") -> Answer:
    return plane.answer(Call(method, path, (("Authorization", f"Bearer {OPERATOR_TOKEN}"),), body))


def test_provision_answers_201_with_the_four_fields_alone(plane: Plane) -> None:
    answer = provision(plane)
    assert answer.status == 201
    assert list(answer.json) == ["instance_id", "private_ip", "state", "error"]
    assert re.fullmatch(r"i-[0-9a-f]{17}", answer.json["instance_id"])
    assert (answer.json["state"], answer.json["error"]) == ("pending", "")


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param((), id="none"),
        pytest.param((("X-Molecule-Admin-Token", ALPHA.admin_token),), id="no bearer"),
        pytest.param((("Authorization", "Bearer SECRET"),), id="no admin token"),
        pytest.param((("Authorization", "Bearer x"), ("X-Molecule-Admin-Token", ALPHA.admin_token)), id="wrong bearer"),
        pytest.param((("Authorization", "Bearer SECRET"), ("X-Molecule-Admin-Token", "x")), id="wrong admin token"),
        pytest.param((("Authorization", "Basic SECRET"), ("X-Molecule-Admin-Token", ALPHA.admin_token)), id="scheme"),
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/cp/workspaces/provision"),
        ("GET", f"/cp/workspaces/{WORKSPACE}/status?instance_id=i-0"),
        ("DELETE", f"/cp/workspaces/{WORKSPACE}?instance_id=i-0"),
        ("GET", f"/cp/admin/workspaces/{WORKSPACE}/console"),
    ],
)
def test_a_missing_or_wrong_credential_is_401_with_an_empty_body(
    plane: Plane, method: str, path: str, headers: tuple[tuple[str, str], ...]
) -> None:
    given = tuple((name, value.replace("SECRET", plane.shared_secret)) for name, value in headers)
    answer = plane.answer(Call(method, path, given))
    assert (answer.status, answer.body) == (401, b"")


def test_a_workspace_is_running_after_its_time_and_terminated_after_its_deletion(plane: Plane, clock: Clock) -> None:
    instance_id = provision(plane).json["instance_id"]
    clock.now += 59
    assert read_status(plane, instance_id).json == {"state": "pending"}
    clock.now += 1
    assert read_status(plane, instance_id).json == {"state": "running"}
    gone = plane.answer(Call("DELETE", f"/cp/workspaces/{WORKSPACE}?instance_id={instance_id}", keys(plane)))
    assert (gone.status, gone.body) == (204, b"")
    assert read_status(plane, instance_id).json == {"state": "terminated"}


def test_an_unknown_workspace_or_instance_is_404(plane: Plane) -> None:
    assert read_status(plane, "i-0").status == 404
    provision(plane)
    assert read_status(plane, "i-0").status == 404


def test_a_tenant_sees_nothing_of_another_ones_workspace(plane: Plane) -> None:
    instance_id = provision(plane).json["instance_id"]
    path = f"/cp/workspaces/{WORKSPACE}/status?instance_id={instance_id}"
    assert plane.answer(Call("GET", path, keys(plane, BETA.admin_token))).status == 404


def test_a_body_that_is_not_as_it_should_be_is_400(plane: Plane) -> None:
    assert provision(plane, tier="2").status == 400
    assert provision(plane, runtime=None).status == 400
    assert plane.answer(Call("POST", "/cp/workspaces/provision", keys(plane), b"[]")).status == 400
    assert operate(plane, "POST", "/cp/admin/orgs", b"{").status == 400


def test_the_config_is_a_flat_object_that_names_the_plane_and_its_secret(plane: Plane) -> None:
    headers = (("Authorization", f"Bearer {ALPHA.admin_token}"), ("X-Molecule-Org-Id", ALPHA.org_id))
    plain = plane.answer(Call("GET", "/cp/tenants/config", headers))
    coded = plane.answer(Call("GET", "/cp/tenants/config", (*headers, ("Accept-Encoding", "gzip"))))
    assert plain.json["MOLECULE_CP_URL"] == "http://staging.test"
    assert plain.json["MOLECULE_CP_SHARED_SECRET"] == plane.shared_secret
    assert all(isinstance(value, str) for value in plain.json.values())
    assert ("Content-Encoding", "gzip") in coded.headers
    assert coded.json == plain.json


def test_each_tenant_gets_its_own_config_and_none_of_the_others(plane: Plane) -> None:
    headers = (("Authorization", f"Bearer {BETA.admin_token}"), ("X-Molecule-Org-Id", BETA.org_id))
    assert plane.answer(Call("GET", "/cp/tenants/config", headers)).json["MOLECULE_ORG_ID"] == BETA.org_id
    headers = (("Authorization", f"Bearer {BETA.admin_token}"), ("X-Molecule-Org-Id", ALPHA.org_id))
    assert plane.answer(Call("GET", "/cp/tenants/config", headers)).status == 401


def test_the_console_takes_the_operator_token_too_and_is_some_kib_long(plane: Plane) -> None:
    provision(plane)
    path = f"/cp/admin/workspaces/{WORKSPACE}/console"
    by_operator = (("Authorization", f"Bearer {OPERATOR_TOKEN}"), ("X-Molecule-Admin-Token", ALPHA.admin_token))
    answer = plane.answer(Call("GET", path, by_operator))
    assert answer.json == plane.answer(Call("GET", path, keys(plane))).json
    assert 2048 < len(answer.json["output"]) < 256 * 1024


def test_an_org_lives_from_creation_to_deletion_and_takes_its_workspaces_along(plane: Plane, clock: Clock) -> None:
    wanted = b'{"slug":"e2e-1","name":"E2E","owner_user_id":"u"}'
    created = operate(plane, "POST", "/cp/admin/orgs", wanted)
    assert created.status == 201
    token = operate(plane, "GET", "/cp/admin/orgs/e2e-1/admin-token").json["admin_token"]
    body = {"org_id": created.json["id"], "workspace_id": WORKSPACE, "runtime": "x", "tier": 1}
    made = plane.answer(Call("POST", "/cp/workspaces/provision", keys(plane, token), msgspec.json.encode(body)))
    listed = operate(plane, "GET", "/cp/admin/orgs").json["orgs"]
    assert {org["slug"]: org["instance_status"] for org in listed}["e2e-1"] == "provisioning"
    clock.now += 60
    listed = operate(plane, "GET", "/cp/admin/orgs").json["orgs"]
    assert {org["slug"]: org["instance_status"] for org in listed}["e2e-1"] == "running"
    assert operate(plane, "DELETE", "/cp/admin/tenants/e2e-1", b'{"confirm":"other"}').status == 400
    assert operate(plane, "DELETE", "/cp/admin/tenants/e2e-1", b'{"confirm":"e2e-1"}').status == 200
    assert [org["slug"] for org in operate(plane, "GET", "/cp/admin/orgs").json["orgs"]] == ["alpha", "beta"]
    assert operate(plane, "GET", "/cp/admin/orgs/e2e-1/admin-token").status == 404
    path = f"/cp/workspaces/{WORKSPACE}/status?instance_id={made.json['instance_id']}"
    assert plane.answer(Call("GET", path, keys(plane, token))).json == {"state": "terminated"}


def test_orgs_are_for_the_operator_alone(plane: Plane) -> None:
    headers = (("Authorization", f"Bearer {plane.shared_secret}"),)
    assert plane.answer(Call("GET", "/cp/admin/orgs", headers)).status == 401


def test_membership_follows_the_cookie(plane: Plane) -> None:
    def ask(slug: str, cookie: str) -> Answer:
        return plane.answer(Call("GET", f"/cp/auth/tenant-member?slug={slug}", (("Cookie", cookie),)))

    assert ask("alpha", ALPHA.cookie).json == {"member": True, "user_id": ALPHA.user_id}
    assert ask("alpha", f"theme=dark; {BETA.cookie}").json == {"member": False, "user_id": BETA.user_id}
    assert ask("alpha", "").status == 401


def test_health_needs_nothing_and_tells_the_time_when_asked_to(plane: Plane) -> None:
    assert plane.answer(Call("GET", "/health")).json == {"status": "ok"}
    plane.checked_at = True
    assert plane.answer(Call("GET", "/health")).json == {"status": "ok", "checked_at": "2026-01-05T08:00:00.000Z"}


def test_secrets_and_ids_are_new_at_every_start_but_for_one_seed(clock: Clock) -> None:
    started = [Plane(clock=clock), Plane(clock=clock)]
    seeded = [Plane(clock=clock, random=random.Random("s")) for _ in range(2)]
    assert started[0].shared_secret != started[1].shared_secret
    assert provision(started[0]).json != provision(started[1]).json
    assert seeded[0].shared_secret == seeded[1].shared_secret
    assert provision(seeded[0]) == provision(seeded[1])


def test_what_a_tenant_is_told_does_not_hang_on_who_came_before(clock: Clock) -> None:
    alone, second = (Plane(clock=clock, random=random.Random("s")) for _ in range(2))
    provision(second, org_id=BETA.org_id, workspace_id="first")
    assert provision(second).json == provision(alone).json


@pytest.mark.parametrize(
    ("variables", "provisioner", "config", "session"),
    [
        ({}, PRODUCTION_URL, PRODUCTION_URL, None),
        ({"CP_UPSTREAM_URL": "http://u"}, PRODUCTION_URL, PRODUCTION_URL, "http://u"),
        ({"MOLECULE_CP_URL": "http://m"}, "http://m", "http://m", None),
        ({"CP_PROVISION_URL": "http://p"}, "http://p", PRODUCTION_URL, None),
        ({"CP_PROVISION_URL": "http://p", "MOLECULE_CP_URL": "http://m"}, "http://p", "http://m", None),
        ({"CP_PROVISION_URL": "", "MOLECULE_CP_URL": "http://m"}, "http://m", "http://m", None),
    ],
)
def test_a_tenant_finds_the_control_plane_by_the_first_variable_that_is_set(
    variables: dict[str, str], provisioner: str, config: str, session: str | None
) -> None:
    tenant = Tenant(dict(variables))
    assert (tenant.provisioner_url, tenant.config_url, tenant.session_url) == (provisioner, config, session)
    assert Operator({}).url == STAGING_URL


def test_the_config_moves_the_provisioner_to_the_upstream_unless_its_own_variable_is_set(plane: Plane) -> None:
    with client(plane, CP_PROVISION_URL="") as tenant:
        front = tenant.provisioner_url
        assert tenant.boot()
        assert front != tenant.provisioner_url == "http://staging.test"
    with client(plane) as tenant:
        assert tenant.boot()
        assert tenant.provisioner_url == tenant.environment["CP_UPSTREAM_URL"]
        assert tenant.environment["MOLECULE_CP_SHARED_SECRET"] == plane.shared_secret


def test_a_refused_config_refresh_is_logged_and_boot_goes_on(plane: Plane) -> None:
    lines: list[str] = []
    with client(plane, ADMIN_TOKEN="wrong") as tenant:
        tenant.log = lines.append
        assert not tenant.boot()
    assert lines == ["CP env refresh: cp returned 401"]


def test_provision_accepts_201_alone_and_quotes_the_incident(plane: Plane) -> None:
    with (
        client(plane) as tenant,
        pytest.raises(CallFailedError, match=r"^provision failed \(401\): <unstructured body, 0"),
    ):
        tenant.provision()
    with client(plane) as tenant:
        tenant.boot()
        tenant.provision(workspace_id=WORKSPACE)
        with pytest.raises(CallFailedError, match=r"^provision failed \(409\): workspace .* exists$"):
            tenant.provision(workspace_id=WORKSPACE)
        tenant.environment["CP_PROVISION_URL"] += "/health?"
        with pytest.raises(CallFailedError, match=r"^provision failed \(404\): not found$"):
            tenant.provision()


def test_the_status_check_takes_a_refusal_and_silence_for_running(plane: Plane) -> None:
    workspace = Provisioned(WORKSPACE, "i-0", "", "")
    with client(plane) as tenant:
        assert tenant.is_running(workspace)
    with pytest.raises(TransportError):
        send({}, "GET", tenant.provisioner_url)
    assert tenant.is_running(workspace)


def test_the_session_check_calls_nobody_without_its_variable(plane: Plane) -> None:
    with client(plane, CP_UPSTREAM_URL="") as tenant:
        assert tenant.is_member(ALPHA.cookie, "alpha") is None


def test_the_session_check_remembers_its_answer_for_a_while(plane: Plane, clock: Clock) -> None:
    with client(plane) as tenant:
        tenant.monotonic = clock
        assert tenant.is_member(ALPHA.cookie, "alpha")
        assert tenant.is_member(BETA.cookie, "alpha") is False
        tenant.environment["CP_UPSTREAM_URL"] = "http://127.0.0.1:1"
        clock.now += 6
        assert tenant.is_member(ALPHA.cookie, "alpha")
        clock.now += 30
        assert tenant.is_member(ALPHA.cookie, "alpha") is False


def test_clients_name_things_anew_unless_seeded() -> None:
    assert Ids().make_workspace_id() != Ids().make_workspace_id()
    assert Ids("a").make_workspace_id() == Ids("a").make_workspace_id() != Ids("b").make_workspace_id()
    assert re.fullmatch(r"e2e-\d{8}-[0-9a-f]{8}", Ids().make_slug())


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_passes_against_the_plane_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with hosting(Plane(ready_after=0.02)) as url:
        variables = dict.fromkeys(VARIABLES, url)
        assert perform(Run(variables, name, seed=None, poll_seconds=0.01)) == 0
    assert " passed, 0 failed\n" in capsys.readouterr().out


def test_a_scenario_that_goes_astray_fails(capsys: pytest.CaptureFixture[str]) -> None:
    variables = dict.fromkeys(VARIABLES, "http://127.0.0.1:1")
    assert perform(Run(variables, "workspace")) == 1
    assert "FAIL POST http://127.0.0.1:1/cp/workspaces/provision: " in capsys.readouterr().out


async def test_the_plane_names_itself_by_the_port_it_got_in_a_running_loop() -> None:
    plane = Plane()
    async with serving(plane) as url:
        assert plane.url == url


def test_the_plane_and_a_tenant_run_as_programs() -> None:
    command = [sys.executable, "-m", "tests.staging"]
    with running_program([*command, "plane", "--tenant", "gamma:sham", "--ready-after", "0"], cwd=ROOT) as server:
        url = server.expect(r"\Astaging: listening on (http://127\.0\.0\.1:\d+)\n").group(1)
        variables = {"CP_PROVISION_URL": url, "MOLECULE_CP_URL": url, "ADMIN_TOKEN": "sham"}
        with running_program([*command, "tenant", "gamma"], env=variables, cwd=ROOT) as tenant:
            assert tenant.wait() == 0, tenant.describe()
            assert " passed, 0 failed" in tenant.stdout
        assert server.stop() == 0


def test_the_config_that_ships_is_valid_and_knows_every_call_of_the_surface() -> None:
    config = msgspec.convert(tomllib.loads((ROOT / "cpproxy.toml").read_text()), Config)
    assert len({route.name for route in config.routes}) == len({route.match for route in config.routes}) == 12
    assert {route.counter for route in config.routes} == {"", "provision_calls", "tenants_config_calls"}
