import pytest

from cpproxy.core.redaction.names import (
    KEYWORDS,
    Verdict,
    is_credential_header,
    is_secret_within,
    judge_name,
    names_secret,
    role_of,
)


def words(text: str) -> list[str]:
    return text.split()


SECRET = words("""
Authorization proxy-authorization Cookie Set-Cookie X-Molecule-Admin-Token X-Api-Key x-amz-security-token X-Auth-Key
X-Session-Id X-Session-Key X-Hub-Signature-256 X-Functions-Secret X-Functions-Key X-CSRFToken X-Vault-Token X-Auth
X-Amz-Signature X-Amz-Credential x-goog-api-key Ocp-Apim-Subscription-Key DD-API-KEY Private-Token
apiKey api_key APIKey APIkey apikey clientSecret client_secret accesstoken authtoken access_token refresh_tokens
id_token oauth_token
psk GITHUB_PAT unseal_keys unlock_key keyMaterial
passwd pwd pass db_pass dbpass PGPASSWORD MYSQL_PWD password2 new_password passwordConfirmation passphrase
passcode otp totp jwt bearer sig sid csrf xsrf_token csrfmiddlewaretoken __RequestVerificationToken
db_password privateKey private_key secretAccessKey aws_secret_access_key SecretString secret_key_base SECRET_KEY
encryptionKey signing_key account_key AccountKey SharedAccessKey license_key hmac salt dsn SENTRY_DSN sas
credentials session sessionid JSESSIONID PHPSESSID connect.sid ASP.NET_SessionId user[password] user.password
webhook_secret webhookUrl connection_string ConnectionString connStr mnemonic seed_phrase recovery_codes code_verifier
SAMLResponse secret_id MOLECULE_CP_SHARED_SECRET consumer_key admin_token token_v2 пароль Contraseña Passwort
""")
ABOUT = words("""
token_type session_count expires_in max_tokens prompt_tokens total_tokens cached_tokens tokens_used token_endpoint
token_limit tokenExpiresAt token_uri auth_uri authorization_endpoint auth_provider_x509_cert_url authType pass_rate
password_policy secret_name secretName secret_arn key_id private_key_id AccessKeyId AWS_ACCESS_KEY_ID session_state
X-RateLimit-Remaining-Tokens Access-Control-Allow-Credentials credential_source cookie_domain cookies_enabled
has_session author_session speaker_sessions boarding_pass token_standard cookie_consent
has_password Signature-Input cookieConsentVersion
""")
OTHERS = words("""
author authority authenticated tokenizer secretary passenger compass bypass keyboard signed design inside pinned sidebar
primary_key foreign_key partition_key key X-Molecule-Org-Id Content-Type Content-Length Host Accept User-Agent
MOLECULE_CP_URL instance_id name X-XSS-Protection client_token Sid AccountSid … -
""")
HARMLESS = words("""
etag ETag eTag If-None-Match digest imageDigest Content-MD5 x-amz-content-sha256 ChecksumSHA256 checksum commit tree_sha
id ids request_id requestId X-Request-Id X-Amzn-Trace-Id traceId x-amz-id-2 X-Amz-Cf-Id CF-Ray traceparent instanceId
amz-sdk-invocation-id VersionId uploadId node_id public_key fingerprint Idempotency-Key Sec-WebSocket-Key
Sec-WebSocket-Accept next_page_token pageToken NextToken ContinuationToken NextContinuationToken continuation_token
sync_token cursor endCursor If-Match boundary
WWW-Authenticate
""")


@pytest.mark.parametrize("name", SECRET)
def test_knows_a_secret_by_its_name(name: str) -> None:
    assert names_secret(name)
    assert is_credential_header(name.encode("utf-8")) or not name.isascii()


@pytest.mark.parametrize("name", [*ABOUT, *OTHERS, *HARMLESS, ""])
def test_leaves_names_alone_that_are_none_or_only_about_one(name: str) -> None:
    assert not names_secret(name)


@pytest.mark.parametrize("name", HARMLESS)
def test_knows_what_is_harmless_even_where_it_is_random(name: str) -> None:
    assert judge_name(name) is Verdict.HARMLESS


@pytest.mark.parametrize("name", words("nonce version user username server language branch User-Agent timestamp"))
def test_a_name_that_is_none_of_an_id_nor_of_a_digest_says_nothing_of_what_is_random(name: str) -> None:
    assert judge_name(name) is Verdict.UNKNOWN


@pytest.mark.parametrize("name", SECRET)
def test_one_keyword_stands_in_every_name_of_a_secret(name: str) -> None:
    assert any(word in name.lower() for word in KEYWORDS)


def test_a_name_that_is_too_long_for_one_says_nothing() -> None:
    assert judge_name("token_" * 100) is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("X-Molecule-Admin-Token", "x-molecule-admin-token"),
        ("MOLECULE_CP_SHARED_SECRET", "molecule-cp-shared-secret"),
        ("clientSecret", "client-secret"),
        ("user[password]", "user-password"),
        ("--db.password", "db-password"),
        ("пароль", "secret"),
        ("{{:}}", "secret"),
        ("token" * 100, ("token" * 100)[:64]),
    ],
)
def test_a_role_is_made_of_letters_digits_and_hyphens_alone(name: str, role: str) -> None:
    assert role_of(name) == role


@pytest.mark.parametrize(
    ("container", "name", "secret"),
    [
        ("credentials", "pw", True),
        ("credentials", "", True),
        ("credentials", "user", False),
        ("credentials", "type", False),
        ("credentials", "expires_at", False),
        ("credentials", "id", False),
        ("session", "id", True),
        ("session", "created", False),
        ("tokens", "access", True),
        ("secrets", "DATABASE", True),
        ("secrets", "region", False),
    ],
)
def test_a_member_of_what_is_secret_is_secret_unless_its_own_name_says_no(
    container: str, name: str, secret: bool
) -> None:
    assert is_secret_within(container, name) is secret
