import pytest

from cpproxy.core.redaction.words import is_code, is_common, is_plain_url, is_prose, is_void


def values(text: str) -> list[str]:
    return text.split("|")


VOID = values(
    "|true|False|25|-1.5|1e9|10s|64kb|none|NULL|Bearer|Basic|required|include|same-origin|default|string|changeme|***"
    "|xxxxxx|<token>|<your token here>|${VAR}|$(cmd)|{{ template }}|{name}|%s|%(name)s|$TOKEN|[REDACTED]|arn:aws:kms:x"
    "|https://login.example.com/authorize|ssh-rsa AAAAB3Nza|-----BEGIN PUBLIC KEY-----|{{cpproxy:=17}}"
)
SECRETS = values(
    "sesame|hunter2|abc|a1b2|correct horse|$ecret1|p@ss|{x|%41abc|dGVzdA==|https://u:p@h/x|12345678x|485e849|12345d|0x|ab|s3cr3t-xxx"
    "|https://h/x?token=1|https://h/hooks/3fJk29QmZx81LpWv7TnB|12345678901234567890"
)


@pytest.mark.parametrize("value", VOID)
def test_what_is_no_secret_under_any_name(value: str) -> None:
    assert is_void(value, "token")


@pytest.mark.parametrize("value", SECRETS)
def test_what_is_one_however_short(value: str) -> None:
    assert not is_void(value, "token")


@pytest.mark.parametrize(
    ("name", "value", "void"),
    [
        ("pin", "1234", False),
        ("pin", "123", True),
        ("otp", "483920", False),
        ("password", "123456", False),
        ("password", "12345", True),
        ("token", "123456", True),
        ("pass", "boarding", True),
        ("db_pass", "boarding1", False),
        ("password", "boarding", False),
        ("session", "Keynote", True),
        ("PWD", "/root", True),
        ("password", "/root", False),
        ("SecretId", "MyDatabaseSecret", True),
        ("secret_id", "84896a0c-1347-aa90-a4f6-aca8b7558780", False),
    ],
)
def test_it_depends_on_the_name_whether_digits_and_some_words_are_a_secret(name: str, value: str, void: bool) -> None:
    assert is_void(value, name) is void


@pytest.mark.parametrize(
    "value",
    values(
        "localhost:8080|production|administrator|password|2026-01-05|2026-01-05T10:00:00Z|/usr/lib/python3|10.0.77.234"
        "|http://tenant-alpha:8080|application/json|host.example.com|example.com:443|alice@example.com"
    ),
)
def test_what_stands_everywhere_is_common(value: str) -> None:
    assert is_common(value)


@pytest.mark.parametrize(
    "value",
    values(
        "hunter2!x|tenant-alpha|sham-shared-secret-dc87660d|correct horse battery staple|qzxkvbnw|P@ssw0rd|k9Zq2Lm8"
        "|opensesame1234x|alicesPassphrase|correcthorse|swordfish99|48291037|3fJk29QmZx81LpWv7TnB|https://u:p@h/"
    ),
)
def test_a_secret_is_not_common(value: str) -> None:
    assert not is_common(value)


def test_a_url_that_holds_a_secret_is_not_plain() -> None:
    assert is_plain_url("https://api.example.com/v1/authorize")
    assert not is_plain_url("https://api.example.com/hooks/3fJk29QmZx81LpWv7TnB")
    assert not is_plain_url("https://u:p@example.com")


@pytest.mark.parametrize(("value", "code"), [("get_token()", True), ("self.token", True), ("a1.B2x9Qz7", False)])
def test_code_is_told_from_a_secret(value: str, code: bool) -> None:
    assert is_code(value) is code


def test_a_sentence_is_told_from_a_passphrase() -> None:
    assert is_prose("must be at least 8 characters")
    assert not is_prose("correct horse battery staple")
