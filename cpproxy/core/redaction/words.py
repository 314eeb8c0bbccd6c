"""Values that are no secrets even under a secret's name, and those that are too common to be looked for everywhere."""

import re
from functools import lru_cache

from cpproxy.core.redaction.names import words_of
from cpproxy.core.redaction.randomness import is_random, is_uuid, is_wordlike

SHORTEST_KNOWN = 8
"""Characters from which on a secret is replaced wherever it stands, if it is not common."""

_COMMON = frozenset(
    [
        "none",
        "null",
        "nil",
        "undefined",
        "void",
        "nan",
        "n/a",
        "na",
        "empty",
        "missing",
        "unset",
        "unknown",
        "anonymous",
        "default",
        "true",
        "false",
        "yes",
        "no",
        "on",
        "off",
        "y",
        "n",
        "ok",
        "enabled",
        "disabled",
        "enable",
        "disable",
        "active",
        "inactive",
        "valid",
        "invalid",
        "expired",
        "revoked",
        "incorrect",
        "malformed",
        "mismatch",
        "rejected",
        "accepted",
        "wrong",
        "pending",
        "deleted",
        "success",
        "succeeded",
        "failed",
        "failure",
        "error",
        "ready",
        "running",
        "stopped",
        "required",
        "optional",
        "include",
        "omit",
        "same-origin",
        "same-site",
        "cross-site",
        "strict",
        "lax",
        "allow",
        "deny",
        "denied",
        "forbidden",
        "unauthorized",
        "authorized",
        "authenticated",
        "redacted",
        "masked",
        "hidden",
        "removed",
        "filtered",
        "sanitized",
        "omitted",
        "placeholder",
        "example",
        "sample",
        "dummy",
        "changeme",
        "change-me",
        "change_me",
        "todo",
        "tbd",
        "xxx",
        "string",
        "integer",
        "number",
        "object",
        "array",
        "boolean",
        "bool",
        "bytes",
        "int",
        "float",
        "text",
        "password",
        "passwd",
        "secret",
        "token",
        "key",
        "apikey",
        "api-key",
        "api_key",
        "api_token",
        "access_token",
        "refresh_token",
        "id_token",
        "client_secret",
        "username",
        "credentials",
        "credential",
        "session",
        "sessionid",
        "session_id",
        "signature",
        "authorization",
        "bearer",
        "basic",
        "digest",
        "negotiate",
        "ntlm",
        "oauth",
        "oauth1",
        "oauth2",
        "jwt",
        "hawk",
        "mutual",
        "scram",
        "hmac",
        "opaque",
        "saml",
        "saml2",
        "oidc",
        "openid",
        "openidconnect",
        "ldap",
        "mtls",
        "iam",
        "sso",
        "sas",
        "otp",
        "totp",
        "mfa",
        "cookie",
        "cookies",
        "header",
        "headers",
        "query",
        "body",
        "form",
        "env",
        "environment",
        "file",
        "vault",
        "keyring",
        "keychain",
        "aws",
        "azure",
        "gcp",
        "github",
        "gitlab",
        "google",
        "public",
        "private",
        "internal",
        "external",
        "local",
        "remote",
        "production",
        "staging",
        "development",
        "testing",
        "test",
        "prod",
        "dev",
        "user",
        "admin",
        "administrator",
        "guest",
        "root",
        "nobody",
        "system",
        "service",
        "client",
        "server",
        "owner",
        "member",
        "x-oauth-basic",
        "x-access-token",
        "oauth2accesstoken",
        "anyone",
        "everyone",
        "get",
        "post",
        "localhost",
    ]
)
_NUMBER = re.compile(
    r"[+-]?(?:\d+(?:[.,]\d+)*|0x[0-9A-Fa-f]{1,8}|\d(?:\.\d+)?[eE][+-]?\d{1,2}|\d{1,4}(?:\.\d+)?(?:[smhdk%]|[mµn]s|[kmgt]i?b))"
)
_MASK = re.compile(r"(.)\1*|[xX*•.·#_-]+|\[[\w .-]*\]|<[^<>]*>")
# What a program puts the value into: `${VAR}`, `$(cmd)`, `{{ template }}`, `{name}`, `%s`, `%(name)s`, `$VAR`.
_TEMPLATE = re.compile(
    r"\$?\{+[^{}\"':,]{0,80}\}+|\$\([^()]*\)|%\([\w.]+\)[sdr]|%[sdvqr]|\$[A-Z_][A-Z0-9_]*|\$[0-9]|:[a-z_]+|<%.*%>|@\w+@|`[^`]*`"
)
_CALL = re.compile(
    r"[A-Za-z_$][\w.$]*\((?:[^()]{0,80})\)?[;,]?|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+|(?:os|process)\.\w+\[.*"
)
_PUBLIC_KEY = re.compile(r"(?:ssh-\w+|ecdsa-[\w-]+) AAAA|-----BEGIN (?:CERTIFICATE|[A-Z ]*PUBLIC KEY)")
_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]{0,15}:/{1,2}[^\s]*")
_PATH = re.compile(r"(?:~|\.{1,2}|[A-Za-z]:)?[/\\][\w.@$%+~-]*(?:[/\\][\w.@$%+~:-]*)*|[\w.-]+(?:/[\w.-]+)+/?")
_TIME = re.compile(
    r"\d{4}-?\d\d-?\d\d(?:[T ]?\d\d:?\d\d(?::?\d\d)?(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?"
    r"|\d{1,2}:\d\d(?::\d\d)?|[A-Z][a-z]{2}, \d{1,2}[ -][A-Z][a-z]{2}[ -]\d{2,4} \d\d:\d\d:\d\d(?: \w+)?"
)
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[\w-]{0,62})\.)+[A-Za-z]{2,18}\.?(?::\d{1,5})?|[A-Za-z][\w-]{0,62}:\d{1,5}")
_ADDRESS = re.compile(
    r"\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5}|/\d{1,2})?|\[?[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}\]?(?::\d+)?"
)
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+")
_VERSION = re.compile(r"v?\d+(?:\.\d+)+(?:[-+.](?:alpha|beta|rc|dev|post)?[\w.]{0,12})?", re.IGNORECASE)
_MEDIA = re.compile(r"[a-z]+/[a-z0-9.+-]+(?:;.*)?")
_WORDS = re.compile(
    r"[A-Za-z]{2,16}(?:[ _./:-][A-Za-z]{1,16}){0,9}(?:[ _.-]\d{1,4}[a-z]?|\d{1,2})?"
    r"|[A-Za-z]+[.!?]?(?: [A-Za-z']+[,.!?]?)+"
)
_FUNCTION_WORD = re.compile(
    r"\b(?:a|an|and|are|at|be|been|but|by|can|cannot|could|did|do|does|for|from|had|has|have|if|in|is|it|may|must|not|of|on"
    r"|or|should|than|that|the|this|to|was|were|when|will|with|would|you|your)\b",
    re.IGNORECASE,
)
# A secret that people type may be digits alone: so many of them make one.
_TYPED = {
    "pin": 4,
    "otp": 4,
    "totp": 4,
    "passcode": 4,
    "code": 4,
    "codes": 4,
    "password": 6,
    "passwd": 6,
    "pass": 6,
    "pwd": 6,
}
_LONG_NUMBER = 20
_LONGEST_VOID = 2000
# What is said of a pass at a gate and of a session people sit in, neither of which lets anybody log in.
_ORDINARY: dict[str, frozenset[str]] = {
    "pass": frozenset(
        {"annual", "backstage", "boarding", "business", "bus", "day", "economy", "lounge", "season", "ski"}
    ),
    "session": frozenset({"afternoon", "evening", "keynote", "morning", "panel", "plenary", "poster", "workshop"}),
}


def is_void(value: str, name: str = "") -> bool:
    """Whether a value is no secret even under the name of one: nothing, a number, a common word, a template, a mask."""
    text = value.strip().strip("\"'")
    if len(text) > _LONGEST_VOID:  # what is read anew at each name in it has to be short
        return bool(_MASK.fullmatch(text))
    if len(text) < 2 or text.lower() in _COMMON or text.lower() in _ORDINARY.get(_last_word(name), ()):
        return True
    if _NUMBER.fullmatch(text):
        return not (text.isdecimal() and len(text) >= _TYPED.get(_last_word(name), _LONG_NUMBER))
    return (
        bool(_MASK.fullmatch(text) or _TEMPLATE.fullmatch(text) or _PUBLIC_KEY.match(text))
        or text.startswith(("arn:", "{{cpproxy:="))
        or ("://" in text and is_plain_url(text))
        or _names_a_place(text, words_of(name))
    )


def _names_a_place(text: str, words: tuple[str, ...]) -> bool:
    """Whether a value says where something is: a shell's folder, and where AWS keeps a secret."""
    if words in {("pwd",), ("oldpwd",)}:
        return text[0] in "/~"
    return words[-2:] == ("secret", "id") and is_plain(text)


@lru_cache(maxsize=512)
def _last_word(name: str) -> str:
    """The last word of a name that is no number, or nothing."""
    return next((word for word in reversed(words_of(name)) if not word.isdecimal()), "")


def is_plain_url(text: str) -> bool:
    """Whether a text is a URL that holds nothing for a secret: no userinfo, no query, no part that is random."""
    if not _URL.fullmatch(text) or "@" in text or "?" in text or "#" in text:
        return False
    parts = text.split("/")
    return not any(
        is_random(part) or is_uuid(part) or (len(part) >= 20 and not is_wordlike(part)) for part in parts[3:]
    )


def is_code(value: str) -> bool:
    """Whether a bare value behind an equals sign is an expression of a program: a call, or a name of a name."""
    return bool(_CALL.fullmatch(value)) and is_wordlike(value)


def is_prose(value: str) -> bool:
    """Whether a value of several words is a sentence and no passphrase."""
    return " " in value.strip() and bool(_FUNCTION_WORD.search(value))


def is_plain(value: str) -> bool:
    """Whether a value is what stands everywhere: words, a number, a time, a place, a path, an address, a version."""
    text = value.strip()
    if text.lower() in _COMMON or _NUMBER.fullmatch(text) or _MASK.fullmatch(text):
        return True
    if len(text) > 256:
        return False
    if any(form.fullmatch(text) for form in (_TIME, _ADDRESS, _VERSION, _EMAIL)):
        return True
    if _URL.fullmatch(text):
        return is_plain_url(text)
    if any(form.fullmatch(text) for form in (_HOST, _PATH, _MEDIA)):
        return not is_random(text) and all(is_wordlike(part) for part in re.split(r"[/\\.:]", text))
    return bool(_WORDS.fullmatch(text)) and is_wordlike(text)


_SEVERAL = re.compile(r"[A-Za-z]+[.!?]?(?:[ _-][A-Za-z0-9',.!?]+)+")
# Words of eight letters and more that services say all the time, whatever stands for a secret in a test of theirs.
_WORDS_OF_SERVICES = """
    acceptance accepted accounts activated activity addresses administrator advanced alphabet analytics
    anything application applications approved archived assigned attached attempts attributes audience
    authenticate authenticated authentication authorization authorize authorized automatic available balanced
    baseline branches building business calendar callback canceled cancelled capacity category channels
    character children collection commands comments community complete completed component computer condition
    configuration configured confirmed connected connection consumer container contents continue contract
    controller counters creating creation credential credentials critical currency customer customers database
    datacenter declined delegated deleting delivered delivery deployed deployment deployments description
    destination detached developer development dimension directory disconnected discovery dispatch document
    documents download duplicate duration elements employee encrypted endpoint endpoints engineer enterprise
    environment evaluation everyone everything examples exception exclusive executed execution existing
    expected external features feedback filename finished firewall firstname followers forbidden forwarded
    frequency function gateways generated guardian hardware headless hostname identifier identity immediate
    implicit imported inactive included incoming incomplete increment information inherited initialized
    installed instance instances integration interactive interface internal interval invoices isolated
    keyboard language lastname latitude launched libraries lifetime listener location locations longitude
    machines maintenance management mandatory measured membership messages metadata migration modified
    monitoring multiple namespace national negative networks notification notifications operation operations
    optional organisation organization original outgoing overview packages parameter parameters participant
    partners passphrase password passwords patterns payments percentage performance permanent permission
    permissions personal pipeline platform policies position positive postgres postgresql preferred previous
    priority processed processing producer production products profiles programs progress projects properties
    property protected protocol provider provisioned provisioning published quantity question received
    recipient recorded recovery redirect reference references refreshed registered registration registry
    rejected relation released remaining reminder repository requested requests requirement reserved resource
    resources response restarted restored restricted retention returned revision rotation scenario schedule
    scheduled searching secondary sections security selected sensitive sequence services sessions settings
    severity shipping software something specific standard statement statistics statuses storages strategy
    structure submitted subscribed subscriber subscription summaries supervisor supported suspended
    synchronous template templates temporary terminal terminated threshold timestamp together tomorrow
    topology tracking transaction transactions transfer transparent triggered undefined universal unlimited
    unspecified upgraded username validated validation variable variables verification verified versions
    warnings webhooks whatever wildcard workflow workflows workspace workspaces yesterday
    """
_FREQUENT = frozenset(_WORDS_OF_SERVICES.split())


@lru_cache(maxsize=4096)
def is_common(value: str) -> bool:
    """Whether a value of `SHORTEST_KNOWN` characters or more is too common to be replaced wherever it stands.

    A word that services say all the time is, and so is a place, a path, a time, an address; another word, which may
    well be a password, is not, nor are two: they stand together by no chance.
    """
    text = value.strip()
    if text.isalnum() and not _MASK.fullmatch(text):
        return text.lower() in _COMMON or text.lower() in _FREQUENT
    return is_plain(text) and not _SEVERAL.fullmatch(text)


def is_sought(value: str) -> bool:
    """Whether a secret is looked for wherever it may stand, and not only where it was found."""
    return len(value) >= SHORTEST_KNOWN and not is_common(value)
