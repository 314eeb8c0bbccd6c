import pytest

from cpproxy.core.cassette import Credential
from cpproxy.core.redaction.credentials import SEVERAL, credentials, split_scheme


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
        ("SCRAM-SHA-256 abc", "scram-sha-256"),
        ("AWS4-ECDSA-P256-SHA256 a=b", "aws4-ecdsa-p256-sha256"),
        ("KakaoAK abc", "kakaoak"),
        ("PrivateToken abc", "privatetoken"),
        ("x7Rhl2WF9tk1Wx8UaGC5yb2n abc", ""),
        ("xRhlWFtkWxUaGCybn abc", ""),
        ("maple12345 abc", ""),
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
    assert split_scheme("authorization", value)[0].strip().lower() == scheme


def test_a_long_malformed_credential_is_read_at_once() -> None:
    for value in ("Digest " + "a=b , " * 20_000 + '"', "Digest " + "a = " * 20_000, "Digest " + 'a="\\"' * 20_000):
        assert credentials(((b"Authorization", value.encode()),)) == (Credential("authorization", ""),)
