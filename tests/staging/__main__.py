"""`python -m tests.staging`: the plane as a server, a tenant or a scenario as a script, and the recording of all."""

import argparse
import asyncio
import os
import random
import sys
from pathlib import Path

from tests.staging import OPERATOR_TOKEN, TENANTS, TenantAccount
from tests.staging.harness import PORT, ROOT, record
from tests.staging.plane import Plane
from tests.staging.scenarios import SCENARIOS, Run, perform
from tests.staging.server import serve_until_stopped


def main() -> int:
    arguments = _build_parser().parse_args()
    match arguments.command:
        case "plane":
            return _serve(arguments)
        case "tenant":
            return _live(arguments)
        case "run":
            codes = [perform(Run(os.environ, name, arguments.ids_seed, arguments.poll)) for name in arguments.scenario]
            return max(codes)
        case _:
            rest = ["--ledger", arguments.ledger] if arguments.ledger else []
            return record(arguments.scenario, cassettes=arguments.cassettes, arguments=rest, port=arguments.port)


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.staging")
    commands = parser.add_subparsers(dest="command", required=True)
    plane = commands.add_parser("plane", help="serve the staging control plane")
    plane.add_argument("--listen", default="127.0.0.1:0", metavar="HOST:PORT")
    plane.add_argument("--seed", help="fixes secrets and ids; otherwise both are new at every start")
    plane.add_argument(
        "--url", default="", help="what it calls itself in the config it hands out (default: its address)"
    )
    plane.add_argument("--ready-after", type=float, default=0.25, metavar="SECONDS")
    plane.add_argument("--checked-at", action="store_true", help="status and health answers tell the time")
    plane.add_argument("--operator-token", default=OPERATOR_TOKEN)
    plane.add_argument("--shared-secret", default="")
    plane.add_argument("--tenant", action="append", type=_read_account, metavar="SLUG:ADMIN_TOKEN")
    tenant = commands.add_parser("tenant", help="be one tenant: boot, and run one workspace")
    tenant.add_argument("slug")
    tenant.add_argument("--ids-seed", help="fixes the ids that the tenant makes; otherwise they are new in every run")
    run = commands.add_parser("run", help="run scenarios")
    run.add_argument("scenario", nargs="+", choices=SCENARIOS)
    run.add_argument("--ids-seed", default="1")
    run.add_argument("--poll", type=float, default=0.1, metavar="SECONDS")
    again = commands.add_parser("record", help="record the harness cassettes again")
    again.add_argument("scenario", nargs="*", help=f"of {', '.join(SCENARIOS)}; all without one")
    again.add_argument("--cassettes", type=Path, default=ROOT / "cassettes", metavar="DIR")
    again.add_argument("--ledger", default="", metavar="URL_OR_PATH")
    again.add_argument("--port", type=int, default=PORT, help="the control plane's")
    return parser


def _serve(arguments: argparse.Namespace) -> int:
    source = random.SystemRandom() if arguments.seed is None else random.Random(arguments.seed)
    plane = Plane(
        random=source,
        url=arguments.url,
        ready_after=arguments.ready_after,
        checked_at=arguments.checked_at,
        operator_token=arguments.operator_token,
        shared_secret=arguments.shared_secret,
        tenants=arguments.tenant or TENANTS,
    )
    host, _, port = arguments.listen.rpartition(":")
    asyncio.run(serve_until_stopped(plane, host=host, port=int(port)))
    return 0


def _live(arguments: argparse.Namespace) -> int:
    """The variables of this process win over what is known of a tenant by its name."""
    known = {account.slug: account for account in TENANTS}.get(arguments.slug)
    account = TenantAccount(
        arguments.slug,
        os.environ.get("MOLECULE_ORG_ID") or (known.org_id if known else f"org-{arguments.slug}"),
        os.environ.get("ADMIN_TOKEN") or (known.admin_token if known else ""),
    )
    # The ids of the scenario of that name are taken.
    seed = None if arguments.ids_seed is None else f"tenant-{arguments.ids_seed}"
    return perform(Run(os.environ, "workspace", seed, accounts=[account]))


def _read_account(text: str) -> TenantAccount:
    slug, colon, admin_token = text.partition(":")
    if not (slug and colon and admin_token):
        raise argparse.ArgumentTypeError("expected SLUG:ADMIN_TOKEN")
    return TenantAccount(slug, f"org-{slug}", admin_token)


if __name__ == "__main__":
    sys.exit(main())
