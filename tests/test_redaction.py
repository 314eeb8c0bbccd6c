from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpproxy.core.cassette import Credential, Placeholder
from cpproxy.core.redaction import MASK, Redactor, credentials, is_credential_header, mask, names_secret


@pytest.mark.parametrize(
    "name",
    [
        *(
            "Authorization",
            "proxy-authorization",
            "Cookie",
            "X-Molecule-Admin-Token",
            "X-Api-Key",
            "x-amz-security-token",
        ),
        *("X-Auth-Key", "X-Session-Id", "X-Session-Key", "X-Hub-Signature-256", "X-Functions-Secret", "X-CSRFToken"),
        *("apiKey", "api_key", "APIKey", "clientSecret", "MOLECULE_CP_SHARED_SECRET", "accesstoken", "passwd", "jwt"),
        *("db_password", "privateKey", "private_key", "refresh_tokens", "aws_secret_access_key", "credentials"),
    ],
)
def test_knows_a_secret_by_its_name(name: str) -> None:
    assert names_secret(name)
    assert is_credential_header(name.encode())


@pytest.mark.parametrize(
    "name",
    [
        *(
            "X-Molecule-Org-Id",
            "Content-Type",
            "Content-Length",
            "Host",
            "Accept",
            "User-Agent",
            "Idempotency-Key",
            "ETag",
        ),
        *("Sec-WebSocket-Key", "X-RateLimit-Remaining-Tokens", "Access-Control-Allow-Credentials", "Signature-Input"),
        *(
            "x-amz-content-sha256",
            "token_type",
            "session_count",
            "expires_in",
            "max_tokens",
            "tokenExpiresAt",
            "secretary",
        ),
        *("password_policy", "MOLECULE_CP_URL", "instance_id", "key", "", "…"),
    ],
)
def test_leaves_harmless_names_alone(name: str) -> None:
    assert not names_secret(name)


def test_credentials_are_named_in_lower_case_each_once_with_its_scheme() -> None:
    headers = (
        (b"Authorization", b"Bearer  abc"),
        (b"Accept", b"*/*"),
        (b"X-API-KEY", b"Bearer abc"),
        (b"authorization", b"bearer other"),
        (b"Proxy-Authorization", b"Basic eA=="),
        (b"Cookie", b"a=1; b=2"),
    )
    assert credentials(headers) == (
        Credential("authorization", "bearer"),
        Credential("x-api-key"),
        Credential("proxy-authorization", "basic"),
        Credential("cookie"),
    )


@pytest.mark.parametrize(
    ("value", "redacted"),
    [
        ("Bearer sesame", "Bearer {{cpproxy:authorization:1}}"),
        ("Basic c2VzYW1lOg==", "Basic {{cpproxy:authorization:1}}"),
        ("AWS4-HMAC-SHA256 Credential=sesame, Signature=1", "AWS4-HMAC-SHA256 {{cpproxy:authorization:1}}"),
        ("sesame", "{{cpproxy:authorization:1}}"),
        ("sesame-sesame-sesame-sesame open", "{{cpproxy:authorization:1}}"),
        ("Bearer ", "{{cpproxy:authorization:1}}"),
        ("", ""),
    ],
)
def test_a_scheme_stays_and_the_secret_goes(value: str, redacted: str) -> None:
    assert Redactor().request_headers((("Authorization", value),)) == (("Authorization", redacted),)


def test_one_secret_has_one_placeholder_and_roles_count_for_themselves() -> None:
    redactor = Redactor()
    assert redactor.placeholder("authorization", "a") == "{{cpproxy:authorization:1}}"
    assert redactor.placeholder("cookie", "b") == "{{cpproxy:cookie:1}}"
    assert redactor.placeholder("cookie", "a") == "{{cpproxy:authorization:1}}"
    assert redactor.placeholder("cookie", "c") == "{{cpproxy:cookie:2}}"
    assert [one.marker for one in redactor.placeholders] == [
        "{{cpproxy:authorization:1}}",
        "{{cpproxy:cookie:1}}",
        "{{cpproxy:cookie:2}}",
    ]


def test_numbers_that_are_taken_are_not_given_again() -> None:
    taken = (Placeholder("{{cpproxy:cookie:7}}", "cookie"), Placeholder("{{cpproxy:x-api-key:1}}", "x-api-key"))
    redactor = Redactor(taken)
    assert redactor.placeholder("cookie", "a") == "{{cpproxy:cookie:8}}"
    assert redactor.placeholders == (*taken, Placeholder("{{cpproxy:cookie:8}}", "cookie"))


def test_masks_strings_below_a_name_that_says_secret() -> None:
    value: Any = {
        "org_id": "a",
        "token": "sesame",
        "env": {"API_KEY": "sesame", "PLAIN": "b", "n": [1, {"password": "sesame", "empty_secret": ""}]},
        "secrets": ["sesame", 1, None, True, {"x": "sesame"}],
        "token_type": "bearer",
    }
    assert mask(value) == {
        "org_id": "a",
        "token": MASK,
        "env": {"API_KEY": MASK, "PLAIN": "b", "n": [1, {"password": MASK, "empty_secret": ""}]},
        "secrets": [MASK, 1, None, True, {"x": MASK}],
        "token_type": "bearer",
    }


def test_masks_at_any_depth() -> None:
    value: Any = {"token": "sesame"}
    for _ in range(100_000):
        value = [value]
    masked: Any = mask(value)
    for _ in range(100_000):
        masked = masked[0]
    assert masked == {"token": MASK}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_what_is_masked_once_stays(value: Any) -> None:
    once = mask(value)
    assert mask(once) == once
