"""A staging control plane of our own and the clients that call it: what the harness cassettes are recorded from.

Every credential here is a sham, made to be public; nothing outside these tests accepts one.
"""

from dataclasses import dataclass

PRODUCTION_URL = "https://api.moleculesai.app"
STAGING_URL = "https://staging-api.moleculesai.app"
OPERATOR_TOKEN = "sham-operator-token"


@dataclass(frozen=True, slots=True)
class TenantAccount:
    """What the control plane and a tenant know of each other before the first call."""

    slug: str
    org_id: str
    admin_token: str

    @property
    def cookie(self) -> str:
        """The `Cookie` that the browser of this tenant's user sends."""
        return f"molecule_session=sham-session-{self.slug}"

    @property
    def user_id(self) -> str:
        return f"user-{self.slug}"


ALPHA = TenantAccount("alpha", "org-alpha", "sham-admin-token-alpha")
BETA = TenantAccount("beta", "org-beta", "sham-admin-token-beta")
TENANTS = (ALPHA, BETA)
