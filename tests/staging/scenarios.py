"""What the harness's scripts do: each scenario drives clients through one story and counts what passed."""

# ruff: noqa: T201 - it speaks to whoever started it

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.staging import ALPHA, BETA, OPERATOR_TOKEN, TENANTS, TenantAccount
from tests.staging.exchange import TransportError
from tests.staging.tenant import CallFailedError, Ids, Operator, Provisioned, Tenant

POLL_LIMIT_SECONDS = 30.0


@dataclass(slots=True)
class Run:
    """One run of one scenario: the variables it was given, the seed of its ids, and its tally."""

    environment: Mapping[str, str]
    scenario: str
    seed: str | None = "1"
    poll_seconds: float = 0.1
    accounts: Sequence[TenantAccount] = TENANTS
    passed: int = field(init=False, default=0)
    failed: int = field(init=False, default=0)

    def check(self, what: str, *, holds: bool) -> None:
        print(f"{'ok  ' if holds else 'FAIL'} {what}", flush=True)
        if holds:
            self.passed += 1
        else:
            self.failed += 1

    def make_ids(self, actor: str) -> Ids:
        """Ids that no other scenario and no other actor makes."""
        return Ids(None if self.seed is None else f"{self.seed}/{self.scenario}/{actor}")

    def make_tenant(self, account: TenantAccount) -> Tenant:
        own = {
            "ADMIN_TOKEN": account.admin_token,
            "MOLECULE_ORG_ID": account.org_id,
            "PLATFORM_URL": f"http://tenant-{account.slug}:8080",
        }
        return Tenant({**self.environment, **own}, ids=self.make_ids(account.slug), log=self._log_for(account.slug))

    def wait_until_running(self, tenant: Tenant, workspace: Provisioned) -> bool:
        return self.wait_until(lambda: tenant.is_running(workspace))

    def wait_until(self, reached: Callable[[], bool]) -> bool:
        """Ask every `poll_seconds` until it is so; False when it takes too long."""
        deadline = time.monotonic() + POLL_LIMIT_SECONDS
        while not reached():
            if time.monotonic() > deadline:
                return False
            time.sleep(self.poll_seconds)
        return True

    def _log_for(self, actor: str) -> Callable[[str], None]:
        return lambda line: print(f"     tenant-{actor}: {line}", flush=True)


def boot(run: Run) -> None:
    """The tenants refresh their environment and check who is a member of what."""
    for account in run.accounts:
        other = BETA if account.slug == ALPHA.slug else ALPHA
        tenant = run.make_tenant(account)
        run.check(f"{account.slug}: environment refreshed", holds=tenant.boot())
        has_secret = bool(tenant.environment.get("MOLECULE_CP_SHARED_SECRET"))
        run.check(f"{account.slug}: shared secret received", holds=has_secret)
        # Without CP_UPSTREAM_URL the answer is None, and nothing turns red: an absence.
        run.check(
            f"{account.slug}: member of own org", holds=tenant.is_member(account.cookie, account.slug) is not False
        )
        run.check(f"{account.slug}: not of the other", holds=not tenant.is_member(account.cookie, other.slug))
        run.check(f"{account.slug}: nobody without a cookie", holds=not tenant.is_member("", account.slug))


def workspace(run: Run) -> None:
    """The tenants, taking turns: a workspace is made, comes up, shows its console and is given back."""
    tenants = {account.slug: run.make_tenant(account) for account in run.accounts}
    for slug, tenant in tenants.items():
        run.check(f"{slug}: environment refreshed", holds=tenant.boot())
    workspaces = {slug: tenant.provision() for slug, tenant in tenants.items()}
    for slug, made in workspaces.items():
        run.check(f"{slug}: {made.instance_id} {made.state}", holds=made.instance_id.startswith("i-"))
    # A set, so that each is asked every time: the first that is not running must not silence the others.
    up = run.wait_until(lambda: {tenants[slug].is_running(made) for slug, made in workspaces.items()} == {True})
    run.check("all workspaces running", holds=up)
    for slug, tenant in tenants.items():
        console = tenant.read_console(workspaces[slug])
        run.check(f"{slug}: console names its instance", holds=workspaces[slug].instance_id in console)
    for slug, tenant in tenants.items():
        tenant.deprovision(workspaces[slug])
        run.check(f"{slug}: terminated", holds=tenant.read_state(workspaces[slug]) == "terminated")


def operator(run: Run) -> None:
    """An org is made, its tenant runs a workspace, and the org is deleted under it."""
    suite = Operator({"CP_OPERATOR_TOKEN": OPERATOR_TOKEN, **run.environment})
    slug = run.make_ids("operator").make_slug()
    run.check(f"{slug}: not listed yet", holds=slug not in suite.list_orgs())
    org_id = suite.create_org(slug)
    run.check(f"{slug}: created", holds=bool(org_id))
    run.check(f"{slug}: running", holds=run.wait_until(lambda: suite.list_orgs().get(slug) == "running"))
    tenant = run.make_tenant(TenantAccount(slug, org_id, suite.read_admin_token(slug)))
    run.check(f"{slug}: environment refreshed", holds=tenant.boot())
    made = tenant.provision()
    run.check(f"{slug}: listed with a workspace", holds=slug in suite.list_orgs())
    run.check(f"{slug}: {made.instance_id} running", holds=run.wait_until_running(tenant, made))
    suite.delete_org(slug)
    run.check(f"{slug}: not listed any more", holds=slug not in suite.list_orgs())
    run.check(f"{slug}: workspace terminated", holds=tenant.read_state(made) == "terminated")


def unauthorized(run: Run) -> None:
    """Calls of a tenant that was given no credentials: each is refused, and the status check does not notice."""
    variables = {name: value for name, value in run.environment.items() if name != "MOLECULE_CP_SHARED_SECRET"}
    tenant = Tenant({**variables, "MOLECULE_ORG_ID": ALPHA.org_id}, ids=run.make_ids(ALPHA.slug))
    run.check("config refused", holds=not tenant.boot())
    made = Provisioned(tenant.ids.make_workspace_id(), "i-0123456789abcdef0", "", "")
    refused = _failure(lambda: tenant.provision(workspace_id=made.workspace_id))
    run.check(refused, holds=refused == "provision failed (401): <unstructured body, 0 bytes>")
    run.check("status taken for running", holds=tenant.is_running(made))
    refused = _failure(lambda: tenant.read_console(made))
    run.check(refused, holds="(401)" in refused)
    refused = _failure(Operator({**variables, "CP_OPERATOR_TOKEN": ""}).list_orgs)
    run.check(refused, holds="(401)" in refused)


def canary(run: Run) -> None:
    """The smallest whole story: one tenant boots and has a workspace running."""
    tenant = run.make_tenant(ALPHA)
    run.check("alpha: environment refreshed", holds=tenant.boot())
    made = tenant.provision()
    run.check(f"alpha: {made.instance_id} {made.state}", holds=made.instance_id.startswith("i-"))
    run.check("alpha: running", holds=run.wait_until_running(tenant, made))


SCENARIOS: Mapping[str, Callable[[Run], None]] = {
    "boot": boot,
    "canary-smoke-a2a-pong": canary,
    "operator": operator,
    "unauthorized": unauthorized,
    "workspace": workspace,
}


def perform(run: Run) -> int:
    """Run one scenario to its end and print its tally; 0 when everything passed."""
    try:
        SCENARIOS[run.scenario](run)
    except (CallFailedError, TransportError) as error:
        run.check(str(error), holds=False)
    print(f"{run.scenario}: {run.passed} passed, {run.failed} failed", flush=True)
    return 1 if run.failed else 0


def _failure(call: Callable[[], object]) -> str:
    """The log line of a call that is to fail, or nothing when it did not."""
    try:
        call()
    except CallFailedError as error:
        return str(error)
    return ""
