"""Real traffic, and what the finder takes for secrets in it: httpbin, moto's S3 and EC2, the staging control plane."""

import contextlib
import io
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cpproxy.core.redaction.finding import Find, Finder, Reason
from tests.measures.tap import Passed, tapping
from tests.real.httpbin_calls import CALLS, clients_of
from tests.real.origins import httpbin_origin, moto_origin
from tests.real.test_ec2 import open_client, tell
from tests.real.test_moto import _converse
from tests.staging.plane import Plane
from tests.staging.scenarios import SCENARIOS, Run, perform
from tests.staging.server import hosting

CASSETTES = Path(__file__).parents[2] / "cassettes" / "harness"
# A text of XML between its tags, and a line or a parameter of any other text.
_XML_TEXT = re.compile(r">([^<>]*[^<>\s][^<>]*)<")
# What is a secret in all of this: credentials, signatures, cookies, and what the control plane hands out.
_SECRETS = re.compile(
    r"(?:proxy-)?authorization|x-amz-(?:signature|credential|security-token)|x-molecule-admin-token|admin-token"
    r"|molecule-cp-shared-secret|session|token|userinfo"
)
_COOKIES = (": Cookie", ": Set-Cookie")


def record_httpbin() -> list[Passed]:
    """What three clients and httpbin tell each other."""
    with httpbin_origin() as origin, tapping("httpbin", origin.url) as tap:
        with clients_of(tap.url) as clients:
            for call in CALLS:
                call.ask(clients)
        origin.stop()
        return tap.passed


def record_moto() -> list[Passed]:
    """What boto3 and moto tell each other of S3 and EC2."""
    with moto_origin() as origin, tapping("moto", origin.url) as tap, _no_account():
        _converse(tap.url)
        tell(tap.url, "one", 2)
        ec2 = open_client(tap.url, "one")
        ec2.run_instances(ImageId="ami-12c6146b", MinCount=3, MaxCount=3, InstanceType="t3.micro")
        ec2.create_tags(
            Resources=[ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]],
            Tags=[{"Key": "tenant", "Value": "alpha"}],
        )
        for ask in (
            *(ec2.describe_instances, ec2.describe_images, ec2.describe_regions, ec2.describe_availability_zones),
            *(ec2.describe_vpcs, ec2.describe_subnets, ec2.describe_security_groups, ec2.describe_route_tables),
            *(ec2.describe_network_acls, ec2.describe_volumes, ec2.describe_snapshots, ec2.describe_tags),
            *(ec2.describe_network_interfaces, ec2.describe_internet_gateways, ec2.describe_dhcp_options),
        ):
            ask()
        ec2.close()
        origin.stop()
        return tap.passed


@contextlib.contextmanager
def _no_account() -> Iterator[None]:
    """The account of whoever measures plays no part."""
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("AWS_")}
    os.environ |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    try:
        yield
    finally:
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            del os.environ[name]
        os.environ |= kept


def record_staging() -> list[Passed]:
    """What the harness's clients and the staging control plane tell each other, twice, with other ids."""
    passed: list[Passed] = []
    for seed in ("1", "2"):
        with hosting(Plane(ready_after=0.05)) as origin, tapping("staging", origin) as tap:
            urls = dict.fromkeys(("MOLECULE_CP_URL", "CP_PROVISION_URL", "CP_UPSTREAM_URL"), tap.url)
            for scenario in SCENARIOS:
                with contextlib.redirect_stdout(io.StringIO()):
                    perform(Run(urls, scenario, seed, poll_seconds=0.02))
            passed += tap.passed
    return passed


def read_cassettes() -> list[Passed]:
    """What the cassettes of this repository hold."""
    passed = []
    for path in sorted(CASSETTES.glob("*.json")):
        for one in json.loads(path.read_text())["interactions"]:
            request, response = one["request"], one["response"]
            passed.append(
                Passed(
                    "cassettes",
                    request["target"],
                    tuple(map(tuple, request["headers"])),
                    _spell(request.get("body")),
                    tuple(map(tuple, response["headers"])),
                    _spell(response.get("body")),
                )
            )
    return passed


def _spell(body: dict[str, Any] | None) -> str | None:
    return None if body is None else json.dumps(body["json"]) if "json" in body else body.get("text")


@dataclass(slots=True)
class Tally:
    """How many values there were, and what was found among them: the find, and where."""

    values: int = 0
    finds: list[tuple[Find, str]] = field(default_factory=list)

    @property
    def alarms(self) -> list[tuple[Find, str]]:
        """What was found and is no secret."""
        return [
            (find, where)
            for find, where in self.finds
            if not where.endswith(_COOKIES) and not (find.reason is Reason.NAMED and _SECRETS.fullmatch(find.role))
        ]


def count(finder: Finder, passed: list[Passed]) -> Tally:
    """Asks the finder about all that passed, as a recorder asks it."""
    tally = Tally()
    for one in passed:
        parts = urlsplit(one.target)
        tally.values += len([part for part in parts.path.split("/") if part])
        tally.values += len(parse_qsl(parts.query, keep_blank_values=True))
        where = f"{one.source} {one.target}"
        tally.finds += [(find, f"{where}: target") for find in finder.find_in_target(one.target)]
        for name, value in (*one.asked, *one.told):
            tally.values += 1
            found = finder.find_in_value(value, name, f"header:{name}")
            tally.finds += [(find, f"{where}: {name}") for find in found]
        for body in (one.question, one.answer):
            if body:
                tally.values += count_values(body)
                tally.finds += [(find, f"{where}: body") for find in finder.find_in_text(body)]
    return tally


def count_values(body: str) -> int:
    """Leaves of JSON, texts of XML, parameters of a form, or lines."""
    with contextlib.suppress(ValueError, RecursionError):
        return _count_leaves(json.loads(body))
    if body.lstrip().startswith("<"):
        return len(_XML_TEXT.findall(body))
    if "=" in body and not any(one.isspace() for one in body.strip()):
        return len(parse_qsl(body, keep_blank_values=True))
    return len(body.split("\n"))


def _count_leaves(value: object) -> int:
    match value:
        case dict():
            return sum(map(_count_leaves, value.values()))
        case list():
            return sum(map(_count_leaves, value))
        case _:
            return 1


SOURCES: Mapping[str, Callable[[], list[Passed]]] = {
    "httpbin": record_httpbin,
    "moto": record_moto,
    "staging": record_staging,
    "cassettes": read_cassettes,
}
