"""A tenant as a service does what the tenant platform does, with a control plane and without."""

import contextlib
import random
import threading
from collections.abc import Iterator

import httpx
import pytest

from tests.staging import ALPHA
from tests.staging.plane import Plane
from tests.staging.platform import Platform, make_server
from tests.staging.server import hosting


@contextlib.contextmanager
def serving_tenant(**variables: str) -> Iterator[httpx.Client]:
    own = {"ADMIN_TOKEN": ALPHA.admin_token, "MOLECULE_ORG_ID": ALPHA.org_id}
    platform = Platform(ALPHA.slug, own | variables)
    platform.boot()
    with make_server(platform, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{server.server_port}", trust_env=False) as client:
                yield client
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def tenant() -> Iterator[httpx.Client]:
    with (
        hosting(Plane(random=random.Random(1), ready_after=0)) as url,
        serving_tenant(CP_PROVISION_URL=url, MOLECULE_CP_URL=url, CP_UPSTREAM_URL=url) as client,
    ):
        yield client


def test_a_workspace_is_made_answers_and_is_given_back(tenant: httpx.Client) -> None:
    assert tenant.get("/health").json() == {"status": "ok", "refreshed": True}
    made = tenant.post("/workspaces")
    assert made.status_code == 201
    path = f"/workspaces/{made.json()['workspace_id']}"
    while not tenant.get(path).json()["running"]:
        pass
    assert made.json()["instance_id"] in tenant.get(f"{path}/console").json()["output"]
    assert tenant.post(f"{path}/a2a").json() == {"message": "pong"}
    assert tenant.delete(path).status_code == 204
    assert tenant.post(f"{path}/a2a").status_code == 409
    assert tenant.post(f"{path}/other").status_code == tenant.get("/workspaces/none").status_code == 404


def test_a_browsers_calls_are_passed_on_with_their_cookie(tenant: httpx.Client) -> None:
    headers = {"Cookie": ALPHA.cookie}
    assert tenant.get("/session", headers=headers).json() == {"member": True}
    assert tenant.get("/session").json() == {"member": False}
    answer = tenant.get("/cp/auth/tenant-member?slug=alpha", headers=headers)
    assert answer.json() == {"member": True, "user_id": ALPHA.user_id}
    assert tenant.get("/cp/workspaces/x/status").status_code == 404


def test_without_a_control_plane_the_boot_goes_on_and_the_cause_is_in_the_answer() -> None:
    with serving_tenant(CP_PROVISION_URL="http://127.0.0.1:1", MOLECULE_CP_URL="http://127.0.0.1:1") as client:
        assert client.get("/health").json() == {"status": "ok", "refreshed": False}
        assert client.get("/session", headers={"Cookie": ALPHA.cookie}).json() == {"member": None}
        failed = client.post("/workspaces")
        assert failed.status_code == 502
        assert "/cp/workspaces/provision" in failed.json()["error"]
        assert client.get("/cp/auth/tenant-member?slug=alpha").status_code == 404
