"""moto's EC2 driven by boto3, with its waiters: every call is a POST to one path, reads too, and the body says which.

Recorded once, then replayed once the origin is gone, with another client token, fewer polls or more, and other
credentials. What tells reads from writes is a `when` in the config.
"""

import os
import re
import uuid
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.processes import finish, running
from tests.real.origins import moto_origin

CONFIG = """
[[routes]]
name = "describe"
match = "POST /"
when = "form:Action=Describe*"
kind = "read"
"""
IMAGE = "ami-12c6146b"


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """The account of whoever runs the tests plays no part."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


def open_client(base: str, key: str) -> Any:
    return boto3.client(  # type: ignore[no-untyped-call]
        "ec2",
        endpoint_url=base,
        region_name="us-east-1",
        aws_access_key_id=f"sham-access-{key}",
        aws_secret_access_key=f"sham-secret-{key}",
        config=Config(retries={"total_max_attempts": 1}, proxies={}, connect_timeout=20, read_timeout=20),  # type: ignore[no-untyped-call]
    )


def tell(base: str, key: str, polls: int) -> list[tuple[str, str]]:
    """The story, with the states that were told; `polls` are the reads beside those of the waiters."""
    ec2 = open_client(base, key)
    told: list[tuple[str, str]] = []

    def read(when: str) -> None:
        for _ in range(polls):
            found = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
            assert found["InstanceId"] == instance
            told.append((when, found["State"]["Name"]))

    def wait(waiter: str) -> None:
        waiting = ec2.get_waiter(waiter)
        waiting.wait(InstanceIds=[instance], WaiterConfig={"Delay": 1, "MaxAttempts": 5})

    made = ec2.run_instances(
        ImageId=IMAGE, MinCount=1, MaxCount=1, InstanceType="t3.micro", ClientToken=str(uuid.uuid4())
    )["Instances"][0]
    instance = made["InstanceId"]
    assert re.fullmatch(r"i-[0-9a-f]{17}", instance)
    told.append(("made", made["State"]["Name"]))
    wait("instance_running")
    read("running")
    ended = ec2.terminate_instances(InstanceIds=[instance])["TerminatingInstances"][0]
    assert ended["InstanceId"] == instance
    told.append(("ended", ended["CurrentState"]["Name"]))
    wait("instance_terminated")
    read("terminated")
    ec2.close()
    return told


def test_ec2_is_replayed_to_boto3_and_its_waiters(tmp_path: Path) -> None:
    (tmp_path / "cpproxy.toml").write_text(CONFIG)
    where = ["--cassettes", "cassettes", "--cassette", "real/ec2", "--listen", "127.0.0.1:0"]
    with moto_origin() as origin:
        with running(["record", "--upstream", origin.url, *where, "--ledger", "record.db"], cwd=tmp_path) as recorder:
            recorded = tell(recorder.url, "one", 2)
            assert recorder.stop() == 0, recorder.describe()
        origin.stop()
    assert [state for _, state in recorded] == ["pending", *["running"] * 2, "shutting-down", *["terminated"] * 2]
    for key, polls in (("two", 1), ("three", 5)):
        with running(["replay", *where, "--ledger", f"{key}.db"], cwd=tmp_path) as proxy:
            replayed = tell(proxy.url, key, polls)
            assert proxy.stop() == 0, proxy.describe()
        assert replayed == [recorded[0], *recorded[1:2] * polls, recorded[3], *recorded[4:5] * polls]
        verdict = finish(["verify", "--ledger", f"{key}.db", "--cassettes", "cassettes"], cwd=tmp_path)
        assert verdict.returncode == 0, verdict.stdout + verdict.stderr
