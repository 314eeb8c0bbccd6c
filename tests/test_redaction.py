from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpproxy.core.cassette import Credential, Placeholder
from cpproxy.core.redaction.credentials import SEVERAL, credentials
from cpproxy.core.redaction.names import is_credential_header, names_secret
from cpproxy.core.redaction.redactor import LARGEST_DOCUMENT, MASK, Redactor, mask, read_document


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
        (b"x-api-key", b"Bearer abc"),
        (b"Proxy-Authorization", b"Basic eA=="),
        (b"Cookie", b"a=1; b=2"),
        (b"Cookie", b"c=3"),
    )
    assert credentials(headers) == (
        Credential("authorization", "bearer"),
        Credential("x-api-key"),
        Credential("proxy-authorization", "basic"),
        Credential("cookie"),
    )


def test_a_header_without_a_value_is_no_credential() -> None:
    assert credentials(((b"Authorization", b""), (b"Cookie", b" "), (b"X-API-KEY", b""))) == ()


@pytest.mark.parametrize(
    "headers",
    [
        [("Authorization", "Bearer a"), ("authorization", "Bearer b")],
        [("Authorization", "Bearer a"), ("Authorization", "Bearer a")],
        [("Authorization", ""), ("Authorization", "Bearer a")],
        [("X-API-Key", "a"), ("X-API-Key", "b")],
        [("X-API-Key", "a"), ("X-API-Key", ""), ("X-API-Key", "b")],
    ],
)
def test_a_header_whose_values_contradict_each_other_has_several(headers: list[tuple[str, str]]) -> None:
    (found,) = credentials(tuple((name.encode(), value.encode()) for name, value in headers))
    assert found.scheme == SEVERAL


@pytest.mark.parametrize(
    ("value", "scheme"),
    [
        ("Bearer abc", "bearer"),
        ("Bearer   abc", "bearer"),
        ("Bearer eyJhbGciOiJFUzI1NiJ9.e30.MEUCIQ-_==", "bearer"),
        ("Bearer 1|abc:d/e+f~", "bearer"),
        ("Basic dTpw", "basic"),
        ("Bearer {{cpproxy:authorization:1}}", "bearer"),
        ('Digest username="a, b", realm = "r\\"s", nc=1', "digest"),
        ("AWS4-HMAC-SHA256 Credential=a/b/s3/aws4_request, SignedHeaders=host;date, Signature=c", "aws4-hmac-sha256"),
        ("AWS4-HMAC-SHA256 Credential=a/b,SignedHeaders=host;date,Signature=c", "aws4-hmac-sha256"),
        ("AWS a:b=", "aws"),
        ("Bearer", ""),
        ("Bearer ", ""),
        ("abc", ""),
        ("Bearer: abc", ""),
        ("Bearer a b", ""),
        ("Bearer a, Bearer b", ""),
        ("Bearer a,b", ""),
        ("Bearer a=b, Bearer c=d", ""),
        ('Digest a="b', ""),
        ('Digest a="b"c', ""),
        ('Bearer "a"', ""),
        ("Bearer a\xff", ""),
        ("Bearer a\tb", ""),
    ],
)
def test_a_scheme_is_one_where_a_token_or_parameters_follow_it(value: str, scheme: str) -> None:
    assert credentials(((b"Authorization", value.encode("latin-1")),)) == (Credential("authorization", scheme),)
    redacted = Redactor().request_headers((("Authorization", value),))[0][1]
    assert redacted.endswith("{{cpproxy:authorization:1}}")
    assert redacted.partition("{{")[0].strip().lower() == scheme


def test_a_long_malformed_credential_is_read_at_once() -> None:
    for value in ("Digest " + "a=b , " * 20_000 + '"', "Digest " + "a = " * 20_000, "Digest " + 'a="\\"' * 20_000):
        assert credentials(((b"Authorization", value.encode()),)) == (Credential("authorization", ""),)


@pytest.mark.parametrize(
    ("body", "held"),
    [
        (b' {"org_id":"a","token":"sesame"}', b'{"org_id":"a","token":"***"}'),
        (b"[1,2]", b"[1,2]"),
        (b"", None),
        (b'"sesame"', None),
        (b"{", None),
        (b'{"a":"\xff"}', None),
        (b"[" * 50_000, None),
        (b"[" + b" " * LARGEST_DOCUMENT + b"]", None),
    ],
)
def test_the_ledger_holds_objects_and_lists_masked(body: bytes, held: bytes | None) -> None:
    found = read_document(body)
    assert (bytes(found) if isinstance(found, msgspec.Raw) else None) == held


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
