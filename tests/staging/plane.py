"""The staging control plane without its sockets: a call goes in as a value, an answer comes out as one.

Clock and randomness are arguments. What the plane makes for a thing (an instance id, an address, a token) is drawn from
a source of that thing's own, so that the order in which two tenants call changes nothing in what each is told.
"""

import gzip
import json
import re
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from http import HTTPStatus
from random import Random, SystemRandom
from typing import Any
from urllib.parse import parse_qs, unquote

from tests.staging import OPERATOR_TOKEN, TENANTS, TenantAccount

type Clock = Callable[[], float]

# What a CDN in front of the real one does: smaller bodies are not worth compressing.
GZIP_FROM_BYTES = 256
CONSOLE_LINES = 60
CONSOLE_SPEAKERS = ("systemd[1]", "cloud-init[612]", "kernel", "agentd[981]")
CONSOLE_EVENTS = ("Started", "Reached target", "Mounted", "Listening on")


@dataclass(frozen=True, slots=True)
class Call:
    """One request: `target` is path and query as they came."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def header(self, name: str) -> str:
        """The first value of that name, in any case, or nothing."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    @property
    def bearer(self) -> str:
        """The token of `Authorization: Bearer`, or nothing."""
        scheme, _, token = self.header("Authorization").partition(" ")
        return token if scheme == "Bearer" else ""

    @property
    def query(self) -> dict[str, str]:
        """The last value of each name in the query."""
        return {name: values[-1] for name, values in parse_qs(self.target.partition("?")[2]).items()}

    @property
    def segments(self) -> list[str]:
        return [unquote(segment) for segment in self.target.partition("?")[0].split("/")[1:]]


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    @property
    def json(self) -> Any:
        """The body as JSON, decompressed where it is compressed."""
        coded = ("Content-Encoding", "gzip") in self.headers
        return json.loads(gzip.decompress(self.body) if coded else self.body)


class RefusedError(Exception):
    """Ends a call with this status and, if there is one, this error text as JSON."""

    def __init__(self, status: HTTPStatus, error: str = "") -> None:
        super().__init__(error)
        self.status = status
        self.error = error


@dataclass(slots=True)
class Workspace:
    workspace_id: str
    org_id: str
    instance_id: str
    private_ip: str
    runtime: str
    tier: int
    ready_at: float
    terminated: bool = False

    def state(self, now: float) -> str:
        if self.terminated:
            return "terminated"
        return "running" if now >= self.ready_at else "pending"


@dataclass(slots=True)
class Org:
    org_id: str
    slug: str
    name: str
    owner_user_id: str
    admin_token: str
    created_at: float
    ready_at: float
    deleted: bool = False

    def describe(self, now: float) -> dict[str, str]:
        return {
            "id": self.org_id,
            "slug": self.slug,
            "name": self.name,
            "owner_user_id": self.owner_user_id,
            "status": "active",
            "instance_status": "running" if now >= self.ready_at else "provisioning",
            "created_at": _format_time(self.created_at),
        }


@dataclass(slots=True)
class Plane:
    """The whole state of one control plane; `answer` is its only way in.

    `ready_after` is the time in seconds from a creation to `running`; `url` is what it calls itself in the config that
    it hands to tenants; `checked_at` adds the time of asking to status and health answers. `more_operators` are tokens
    that are as good as the operator's.
    """

    clock: Clock = time.time
    random: Random = field(default_factory=SystemRandom)
    url: str = ""
    ready_after: float = 0.25
    checked_at: bool = False
    console_lines: int = CONSOLE_LINES
    operator_token: str = OPERATOR_TOKEN
    more_operators: Sequence[str] = ()
    shared_secret: str = ""
    tenants: Sequence[TenantAccount] = TENANTS
    _base: int = field(init=False)
    _orgs: dict[str, Org] = field(init=False)
    _cookies: dict[str, tuple[str, str]] = field(init=False)
    _workspaces: dict[str, Workspace] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._base = self.random.getrandbits(128)
        self.shared_secret = self.shared_secret or f"sham-shared-secret-{self._make_hex('secret', '', 128)}"
        now = self.clock()
        self._orgs = {
            account.slug: Org(
                org_id=account.org_id,
                slug=account.slug,
                name=f"Tenant {account.slug}",
                owner_user_id=account.user_id,
                admin_token=account.admin_token,
                created_at=now,
                ready_at=now,
            )
            for account in self.tenants
        }
        self._cookies = {account.cookie: (account.user_id, account.slug) for account in self.tenants}

    def answer(self, call: Call) -> Answer:
        """What this control plane says to a call, now."""
        try:
            status, document = self._dispatch(call)
        except RefusedError as refused:
            status, document = refused.status, {"error": refused.error} if refused.error else None
        return self._compose(call, status, document)

    def _compose(self, call: Call, status: HTTPStatus, document: Any) -> Answer:
        headers = [
            ("Date", formatdate(self.clock(), usegmt=True)),
            ("Server", "staging"),
            ("X-Request-Id", f"{self.random.getrandbits(128):032x}"),
        ]
        if document is None:
            return Answer(status, tuple(headers))
        # Compact, with a newline behind it: the layout of Go's encoder.
        body = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
        headers.append(("Content-Type", "application/json"))
        if len(body) >= GZIP_FROM_BYTES:
            headers.append(("Vary", "Accept-Encoding"))
            if re.search(r"\bgzip\b", call.header("Accept-Encoding")):
                headers.append(("Content-Encoding", "gzip"))
                body = gzip.compress(body, mtime=0)
        return Answer(status, tuple(headers), body)

    def _dispatch(self, call: Call) -> tuple[HTTPStatus, Any]:
        match call.segments:
            case ["health"] if call.method == "GET":
                return HTTPStatus.OK, self._stamp({"status": "ok"})
            case ["cp", "tenants", "config"] if call.method == "GET":
                return HTTPStatus.OK, self._read_config(call)
            case ["cp", "auth", "tenant-member"] if call.method == "GET":
                return HTTPStatus.OK, self._check_member(call)
            case ["cp", "workspaces", *rest]:
                return self._dispatch_workspace(call, rest)
            case ["cp", "admin", "workspaces", workspace_id, "console"] if call.method == "GET":
                return HTTPStatus.OK, self._read_console(call, workspace_id)
            case ["cp", "admin", ("orgs" | "tenants") as kind, *rest]:
                return self._dispatch_org(call, [kind, *rest])
        raise RefusedError(HTTPStatus.NOT_FOUND, "not found")

    def _dispatch_workspace(self, call: Call, rest: list[str]) -> tuple[HTTPStatus, Any]:
        org = self._authorize_tenant(call, self.shared_secret)
        match call.method, rest:
            case "POST", ["provision"]:
                return HTTPStatus.CREATED, self._provision(call, org)
            case "GET", [workspace_id, "status"]:
                workspace = self._find_instance(call, org, workspace_id)
                return HTTPStatus.OK, self._stamp({"state": workspace.state(self.clock())})
            case "DELETE", [workspace_id]:
                self._find_instance(call, org, workspace_id).terminated = True
                return HTTPStatus.NO_CONTENT, None
        raise RefusedError(HTTPStatus.NOT_FOUND, "not found")

    def _dispatch_org(self, call: Call, rest: list[str]) -> tuple[HTTPStatus, Any]:
        if call.bearer not in {self.operator_token, *self.more_operators}:
            raise RefusedError(HTTPStatus.UNAUTHORIZED)
        match call.method, rest:
            case "POST", ["orgs"]:
                return HTTPStatus.CREATED, self._create_org(call)
            case "GET", ["orgs"]:
                now = self.clock()
                return HTTPStatus.OK, {"orgs": [org.describe(now) for org in self._orgs.values() if not org.deleted]}
            case "GET", ["orgs", slug, "admin-token"]:
                return HTTPStatus.OK, {"admin_token": self._find_org(slug).admin_token}
            case "DELETE", ["tenants", slug]:
                return HTTPStatus.OK, self._delete_org(call, slug)
        raise RefusedError(HTTPStatus.NOT_FOUND, "not found")

    def _authorize_tenant(self, call: Call, *secrets: str) -> Org:
        """The org whose admin token a call carries beside one of these Bearer tokens; else 401 with an empty body."""
        token = call.header("X-Molecule-Admin-Token")
        if call.bearer in secrets:
            for org in self._orgs.values():
                if org.admin_token == token:
                    return org
        raise RefusedError(HTTPStatus.UNAUTHORIZED)

    def _read_config(self, call: Call) -> dict[str, str]:
        org_id = call.header("X-Molecule-Org-Id")
        for org in self._orgs.values():
            if org.org_id == org_id and org.admin_token == call.bearer and not org.deleted:
                return {
                    "MOLECULE_CP_SHARED_SECRET": self.shared_secret,
                    "MOLECULE_CP_URL": self.url,
                    "MOLECULE_LOG_LEVEL": "info",
                    "MOLECULE_ORG_ID": org.org_id,
                    "MOLECULE_ORG_SLUG": org.slug,
                    "MOLECULE_WORKSPACE_IMAGE": "registry.example.com/workspace:2026-01-05-4f1c9d2e",
                    "MOLECULE_WORKSPACE_LIMIT": "25",
                }
        raise RefusedError(HTTPStatus.UNAUTHORIZED)

    def _check_member(self, call: Call) -> dict[str, Any]:
        for cookie in call.header("Cookie").split("; "):
            if cookie in self._cookies:
                user_id, slug = self._cookies[cookie]
                return {"member": slug == call.query.get("slug"), "user_id": user_id}
        raise RefusedError(HTTPStatus.UNAUTHORIZED)

    def _provision(self, call: Call, org: Org) -> dict[str, str]:
        wanted = _read_object(call)
        workspace_id, runtime, org_id = _read_texts(wanted, "workspace_id", "runtime", "org_id")
        if type(tier := wanted.get("tier")) is not int:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "tier must be a whole number")
        if org_id != org.org_id or org.deleted:
            raise RefusedError(HTTPStatus.FORBIDDEN, "org_id is not the caller's")
        if workspace_id in self._workspaces:
            raise RefusedError(HTTPStatus.CONFLICT, f"workspace {workspace_id} exists")
        address = self._source("address", workspace_id)
        workspace = Workspace(
            workspace_id=workspace_id,
            org_id=org.org_id,
            instance_id=f"i-{self._make_hex('instance', workspace_id, 68)}",
            private_ip=f"10.0.{address.randrange(256)}.{address.randrange(4, 255)}",
            runtime=runtime,
            tier=tier,
            ready_at=self.clock() + self.ready_after,
        )
        self._workspaces[workspace_id] = workspace
        return {
            "instance_id": workspace.instance_id,
            "private_ip": workspace.private_ip,
            "state": workspace.state(self.clock()),
            "error": "",
        }

    def _read_console(self, call: Call, workspace_id: str) -> dict[str, str]:
        org = self._authorize_tenant(call, self.shared_secret, self.operator_token)
        workspace = self._find_workspace(org, workspace_id)
        noise = self._source("console", workspace_id)
        lines = [
            f"[{number * 0.137:12.6f}] {noise.choice(CONSOLE_SPEAKERS)}: "
            f"{noise.choice(CONSOLE_EVENTS)} unit-{noise.randrange(10000):04d}"
            for number in range(self.console_lines)
        ]
        lines[0] = f"[    0.000000] instance {workspace.instance_id} boots runtime {workspace.runtime} ✓"
        return {"output": "".join(f"{line}\r\n" for line in lines)}

    def _create_org(self, call: Call) -> dict[str, str]:
        slug, name, owner = _read_texts(_read_object(call), "slug", "name", "owner_user_id")
        if slug in self._orgs:
            raise RefusedError(HTTPStatus.CONFLICT, f"org {slug} exists")
        now = self.clock()
        org = Org(
            org_id=str(uuid.UUID(int=self._source("org", slug).getrandbits(128), version=4)),
            slug=slug,
            name=name,
            owner_user_id=owner,
            admin_token=f"sham-admin-token-{self._make_hex('admin-token', slug, 128)}",
            created_at=now,
            ready_at=now + self.ready_after,
        )
        self._orgs[slug] = org
        return org.describe(now)

    def _delete_org(self, call: Call, slug: str) -> dict[str, str]:
        org = self._find_org(slug)
        if _read_object(call).get("confirm") != slug:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "confirm must be the slug")
        # Its tenant's calls still know who they are, and learn that their workspaces are gone.
        org.deleted = True
        for workspace in self._workspaces.values():
            if workspace.org_id == org.org_id:
                workspace.terminated = True
        return {"slug": slug, "status": "deleted"}

    def _find_org(self, slug: str) -> Org:
        org = self._orgs.get(slug)
        if org is None or org.deleted:
            raise RefusedError(HTTPStatus.NOT_FOUND, f"no org {slug}")
        return org

    def _find_workspace(self, org: Org, workspace_id: str) -> Workspace:
        workspace = self._workspaces.get(workspace_id)
        if workspace is None or workspace.org_id != org.org_id:
            raise RefusedError(HTTPStatus.NOT_FOUND, f"no workspace {workspace_id}")
        return workspace

    def _find_instance(self, call: Call, org: Org, workspace_id: str) -> Workspace:
        workspace = self._find_workspace(org, workspace_id)
        if workspace.instance_id != call.query.get("instance_id"):
            raise RefusedError(HTTPStatus.NOT_FOUND, f"no such instance of workspace {workspace_id}")
        return workspace

    def _stamp(self, document: dict[str, str]) -> dict[str, str]:
        return document | ({"checked_at": _format_time(self.clock())} if self.checked_at else {})

    def _source(self, purpose: str, name: str) -> Random:
        return Random(f"{self._base}/{purpose}/{name}")

    def _make_hex(self, purpose: str, name: str, bits: int) -> str:
        return f"{self._source(purpose, name).getrandbits(bits):0{bits // 4}x}"


def _read_object(call: Call) -> dict[str, Any]:
    try:
        document = json.loads(call.body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise RefusedError(HTTPStatus.BAD_REQUEST, "the body must be a JSON object")
    return document


def _read_texts(document: dict[str, Any], *names: str) -> list[str]:
    values = [value for name in names if isinstance(value := document.get(name), str) and value]
    if len(values) < len(names):
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"{', '.join(names)} are required")
    return values


def _format_time(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
