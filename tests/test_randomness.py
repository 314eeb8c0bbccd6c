import string
from random import Random

import pytest

from cpproxy.core.redaction.randomness import find_evidence, is_random, is_uuid, is_wordlike

HEX = "0123456789abcdef"
ALPHABETS = [
    pytest.param(HEX, 40, id="hex"),
    pytest.param(HEX.upper(), 40, id="HEX"),
    pytest.param(string.ascii_uppercase + "234567", 26, id="base32"),
    pytest.param(string.ascii_letters + string.digits, 20, id="base62"),
    pytest.param(string.ascii_letters + string.digits + "-_", 24, id="base64url"),
    pytest.param(string.ascii_lowercase + string.digits, 24, id="lower and digits"),
    pytest.param(string.ascii_uppercase + string.digits, 24, id="upper and digits"),
]


@pytest.mark.parametrize(("alphabet", "length"), ALPHABETS)
def test_what_is_drawn_by_chance_is_random(alphabet: str, length: int) -> None:
    source = Random(7)
    drawn = ["".join(source.choice(alphabet) for _ in range(length)) for _ in range(500)]
    assert sum(map(is_random, drawn)) >= 490


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a" * 100,
        "abcdefghijklmnopqrstuvwxyz0123456789",
        "2cb66397-abda-4b62-9b81-dc34bc7d1037",
        "2CB66397-ABDA-4B62-9B81-DC34BC7D1037",
        "2cb66397abda4b629b81dc34bc7d1037",
        "e2e-20260105-1a2b3c4d",
        "i-0123456789abcdef0",
        "vol-0a1b2c3d4e5f67890",
        "507f1f77bcf86cd799439011",
        "2026-01-05-4f1c9d2e",
        "v0-0-0-20260105101112-abcdef123456",
        "20260105T101112Z",
        "nginx-7d4b9c6f5-x2x8z",
        "getObjectTaggingListV2Response",
        "ENABLE_TENANT_WORKSPACE_PROVISIONING_V2",
        "application-x-www-form-urlencoded",
        "tenant_workspace_provisioning_state_changed",
        "AmazonEC2ContainerRegistryReadOnly",
        "1234567890123456789012345678901234567890",
        "4f1c9d2e",
    ],
)
def test_what_people_and_machines_write_is_not_random(token: str) -> None:
    assert not is_random(token)


@pytest.mark.parametrize(
    "token",
    [
        "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
        "3fJk29QmZx81LpWv7TnB",
        "abc_live_8sKd02mXq94Lz7Vw",
        "JBSWY3DPEHPK3PXP",
        "wJalrXUtnFEMIK7MDENGbPxRfiCYzKEY",
        "sham-shared-secret-dc87660d1e6127e94f15c00066e52c62",
        "3fJk29QmZx81LpWv7TnB" * 1000,
    ],
)
def test_a_key_is_random_whatever_stands_before_it(token: str) -> None:
    assert is_random(token)


def test_the_evidence_is_that_of_the_least_likely_stretch() -> None:
    assert find_evidence("workspace") == (0.0, 0) or find_evidence("workspace")[0] < 4
    plain, _ = find_evidence("the-workspace-of-tenant-alpha")
    mixed, length = find_evidence("the-workspace-q7Xk2ZpV9wRt-of-tenant-alpha")
    assert plain < 7 < mixed
    assert 8 <= length <= 16


@pytest.mark.parametrize(
    ("text", "uuid"),
    [
        ("2cb66397-abda-4b62-9b81-dc34bc7d1037", True),
        ("00000000-0000-0000-0000-000000000000", True),
        ("2cb66397abda4b629b81dc34bc7d1037", True),
        ("2cb66397abda0b629b81dc34bc7d1037", False),
        ("2cb66397-abda4b62-9b81-dc34bc7d1037", False),
    ],
)
def test_a_uuid_without_hyphens_is_told_by_version_and_variant(text: str, uuid: bool) -> None:
    assert is_uuid(text) is uuid


@pytest.mark.parametrize("text", ["administrator", "tenant-alpha", "localhost", "getToken", "claude-code", "us-east-1"])
def test_words_are_wordlike(text: str) -> None:
    assert is_wordlike(text)


@pytest.mark.parametrize("text", ["qzxkvbnw", "x9Kq2Zp7", "a1b2c3d4e5f6"])
def test_what_nobody_writes_is_not_wordlike(text: str) -> None:
    assert not is_wordlike(text)
