"""The clients of the control plane: a tenant, with the tenant platform's own rules, and the operator of the suite.

Their environment is a mapping of their own, so that two tenants live in one process; what goes wrong in a tenant goes
wrong here as silently.
"""

import json
import random
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from tests.staging import PRODUCTION_URL, STAGING_URL
from tests.staging.exchange import Reply, TransportError, send

CONSOLE_LIMIT = 256 * 1024
CONFIG_VALUE_LIMIT = 4 * 1024
MEMBER_SECONDS = 30.0
NO_MEMBER_SECONDS = 5.0

type Log = Callable[[str], None]


class CallFailedError(Exception):
    """A call was answered with something that its client does not accept; the text is the client's log line."""


class Ids:
    """Makes what a client names: new in each run, or the same in every run of one seed."""

    def __init__(self, seed: str | None = None) -> None:
        self._seeded = seed is not None
        self._random = random.SystemRandom() if seed is None else random.Random(seed)

    def make_workspace_id(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def make_slug(self) -> str:
        """An org's name as end-to-end runs make it, `e2e-<date>-<hex>`."""
        date = "20260105" if self._seeded else f"{datetime.now(UTC):%Y%m%d}"
        return f"e2e-{date}-{self._random.getrandbits(32):08x}"


@dataclass(frozen=True, slots=True)
class Provisioned:
    workspace_id: str
    instance_id: str
    private_ip: str
    state: str


@dataclass(slots=True)
class Tenant:
    """One tenant's platform process. `environment` holds its variables; `boot` adds what the control plane sends.

    It reads `ADMIN_TOKEN`, `MOLECULE_ORG_ID`, `MOLECULE_CP_SHARED_SECRET`, `CP_ADMIN_API_TOKEN` and the variables that
    say where the control plane is.
    """

    environment: dict[str, str]
    ids: Ids = field(default_factory=Ids)
    log: Log = print
    monotonic: Callable[[], float] = time.monotonic
    _members: dict[tuple[str, str], tuple[float, bool]] = field(init=False, default_factory=dict)

    @property
    def provisioner_url(self) -> str:
        return self._first_set("CP_PROVISION_URL", "MOLECULE_CP_URL") or PRODUCTION_URL

    @property
    def config_url(self) -> str:
        return self._first_set("MOLECULE_CP_URL") or PRODUCTION_URL

    @property
    def session_url(self) -> str | None:
        """Where sessions are checked; None switches the check off without a word."""
        return self._first_set("CP_UPSTREAM_URL") or None

    def boot(self) -> bool:
        """Refresh the environment from the control plane. A failure is logged, returned as False, and boot goes on."""
        headers = [
            ("Authorization", f"Bearer {self.environment.get('ADMIN_TOKEN', '')}"),
            ("X-Molecule-Org-Id", self.environment.get("MOLECULE_ORG_ID", "")),
        ]
        try:
            reply = send(self.environment, "GET", f"{self.config_url}/cp/tenants/config", headers=headers, timeout=10)
        except TransportError as error:
            self.log(f"CP env refresh: {error}")
            return False
        if reply.status != 200:
            self.log(f"CP env refresh: cp returned {reply.status}")
            return False
        config = _read_object(reply)
        if not config or not all(isinstance(value, str) for value in config.values()):
            self.log("CP env refresh: not an object of strings")
            return False
        self.environment.update(
            {name: value for name, value in config.items() if len(value.encode()) <= CONFIG_VALUE_LIMIT}
        )
        return True

    def provision(self, *, workspace_id: str = "", runtime: str = "claude-code", tier: int = 2) -> Provisioned:
        """Ask for a workspace. Raises CallFailedError for every answer but a 201, TransportError when none came."""
        workspace_id = workspace_id or self.ids.make_workspace_id()
        body = {
            "org_id": self.environment.get("MOLECULE_ORG_ID", ""),
            "workspace_id": workspace_id,
            "runtime": runtime,
            "tier": tier,
            "platform_url": self.environment.get("PLATFORM_URL", "http://platform:8080"),
            "env": {"LOG_LEVEL": "info"},
        }
        reply = send(
            self.environment,
            "POST",
            f"{self.provisioner_url}/cp/workspaces/provision",
            headers=[*self._provisioner_headers(), ("Content-Type", "application/json")],
            body=_encode(body),
            timeout=120,
        )
        answer = _read_object(reply)
        if reply.status != 201:
            error = answer.get("error") or f"<unstructured body, {len(reply.body)} bytes>"
            raise CallFailedError(f"provision failed ({reply.status}): {error}")
        if answer.get("error"):
            raise CallFailedError(f"provision failed: {answer['error']}")
        fields = {name: str(answer.get(name, "")) for name in ("instance_id", "private_ip", "state")}
        return Provisioned(workspace_id=workspace_id, **fields)

    def read_state(self, workspace: Provisioned) -> str | None:
        """The word that the control plane has for a workspace's state, or None when it gave no such answer."""
        try:
            reply = send(
                self.environment, "GET", self._instance_url(workspace, "/status"), headers=self._provisioner_headers()
            )
        except TransportError as error:
            self.log(f"status: {error}")
            return None
        if not 200 <= reply.status < 300:
            self.log(f"status: cp returned {reply.status}")
            return None
        return str(_read_object(reply).get("state", ""))

    def is_running(self, workspace: Provisioned) -> bool:
        """Whether a workspace runs. No answer, or a bad one, counts as still running: so a 401 turns nothing red."""
        return self.read_state(workspace) in ("running", None)

    def deprovision(self, workspace: Provisioned) -> None:
        """Give a workspace back; nobody looks at the answer."""
        try:
            send(self.environment, "DELETE", self._instance_url(workspace), headers=self._provisioner_headers())
        except TransportError as error:
            self.log(f"deprovision: {error}")

    def read_console(self, workspace: Provisioned) -> str:
        """The console's text. Raises CallFailedError for any answer but a 2xx, TransportError when none came."""
        token = self._first_set("CP_ADMIN_API_TOKEN", "MOLECULE_CP_SHARED_SECRET")
        reply = send(
            self.environment,
            "GET",
            f"{self.provisioner_url}/cp/admin/workspaces/{workspace.workspace_id}/console",
            headers=self._provisioner_headers(token),
            limit=CONSOLE_LIMIT,
        )
        if not 200 <= reply.status < 300:
            raise CallFailedError(f"console failed ({reply.status}): <unstructured body, {len(reply.body)} bytes>")
        return str(_read_object(reply).get("output", ""))

    def is_member(self, cookie: str, slug: str) -> bool | None:
        """Whether a browser's user belongs to an org, cached; None, and no call, when `CP_UPSTREAM_URL` is not set."""
        if self.session_url is None:
            return None
        expires, member = self._members.get((cookie, slug), (0.0, False))
        if self.monotonic() < expires:
            return member
        url = f"{self.session_url}/cp/auth/tenant-member?{urlencode({'slug': slug})}"
        headers = [("Cookie", cookie)] if cookie else []
        try:
            reply = send(self.environment, "GET", url, headers=headers, timeout=3)
            member = reply.status == 200 and _read_object(reply).get("member") is True
        except TransportError as error:
            self.log(f"session check: {error}")
            member = False
        self._members[cookie, slug] = (self.monotonic() + (MEMBER_SECONDS if member else NO_MEMBER_SECONDS), member)
        return member

    def _instance_url(self, workspace: Provisioned, suffix: str = "") -> str:
        query = urlencode({"instance_id": workspace.instance_id})
        return f"{self.provisioner_url}/cp/workspaces/{workspace.workspace_id}{suffix}?{query}"

    def _provisioner_headers(self, token: str | None = None) -> list[tuple[str, str]]:
        """The two credentials; like the real client, it sends none that it does not have."""
        bearer = self.environment.get("MOLECULE_CP_SHARED_SECRET", "") if token is None else token
        admin_token = self.environment.get("ADMIN_TOKEN", "")
        headers = [("Authorization", f"Bearer {bearer}")] if bearer else []
        return [*headers, ("X-Molecule-Admin-Token", admin_token)] if admin_token else headers

    def _first_set(self, *names: str) -> str:
        return next((value for name in names if (value := self.environment.get(name))), "")


@dataclass(frozen=True, slots=True)
class Operator:
    """The end-to-end suite's hands: it makes and deletes orgs.

    It finds the control plane by `MOLECULE_CP_URL`, else staging, and sends `CP_OPERATOR_TOKEN`.
    """

    environment: Mapping[str, str]

    @property
    def url(self) -> str:
        return self.environment.get("MOLECULE_CP_URL") or STAGING_URL

    def create_org(self, slug: str, *, owner_user_id: str = "user-e2e") -> str:
        """The id of the new org."""
        body = {"slug": slug, "name": f"E2E {slug}", "owner_user_id": owner_user_id}
        return str(self._call("POST", "/cp/admin/orgs", body)["id"])

    def list_orgs(self) -> dict[str, str]:
        """The instance status of each org, by slug."""
        return {org["slug"]: org["instance_status"] for org in self._call("GET", "/cp/admin/orgs")["orgs"]}

    def read_admin_token(self, slug: str) -> str:
        return str(self._call("GET", f"/cp/admin/orgs/{slug}/admin-token")["admin_token"])

    def delete_org(self, slug: str) -> None:
        self._call("DELETE", f"/cp/admin/tenants/{slug}", {"confirm": slug})

    def _call(self, method: str, path: str, body: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The answer's object. Raises CallFailedError for any answer but a 2xx, TransportError when none came."""
        token = self.environment.get("CP_OPERATOR_TOKEN", "")
        headers = [("Authorization", f"Bearer {token}")] if token else []
        if body is not None:
            headers.append(("Content-Type", "application/json"))
        encoded = b"" if body is None else _encode(body)
        reply = send(self.environment, method, f"{self.url}{path}", headers=headers, body=encoded)
        if not 200 <= reply.status < 300:
            raise CallFailedError(f"{method} {path} failed ({reply.status})")
        return _read_object(reply)


def _encode(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def _read_object(reply: Reply) -> dict[str, Any]:
    """The body's JSON object; anything else is an empty one, as it leaves the fields of a Go struct at zero."""
    try:
        document = json.loads(reply.body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
