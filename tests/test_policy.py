import pytest

from cpproxy.core.config import Redact
from cpproxy.core.redaction.finding import Finder, Reason
from cpproxy.core.redaction.policy import Policy, Verdict
from cpproxy.errors import UsageError

SETTINGS = Redact(
    secrets=(
        "tan",
        "X-Door-Code",
        "header:X-Pin",
        "query:pin",
        "form:code",
        "cookie:lang",
        "$.user.pin",
        "$.list[*].v",
    ),
    not_secrets=("api_token", "header:X-Session-Id", "$.a.token", "cookie:theme"),
)


@pytest.mark.parametrize(
    ("name", "place", "verdict"),
    [
        ("tan", "", Verdict.SECRET),
        ("TAN", "", Verdict.SECRET),
        ("tan_count", "", Verdict.UNKNOWN),
        ("doorCode", "", Verdict.UNKNOWN),
        ("x_door_code", "", Verdict.SECRET),
        ("anything", "header:x-pin", Verdict.SECRET),
        ("pin2", "query:pin", Verdict.SECRET),
        ("number", "query:number", Verdict.UNKNOWN),
        ("code", "form:code", Verdict.SECRET),
        ("code", "query:code", Verdict.UNKNOWN),
        ("number", "$.user.pin", Verdict.SECRET),
        ("number", "$.user.number", Verdict.UNKNOWN),
        ("v", "$.list[12].v", Verdict.SECRET),
        ("v", "$.list[12].v.w", Verdict.UNKNOWN),
        ("apiToken", "", Verdict.HARMLESS),
        ("X-Session-Id", "header:X-Session-Id", Verdict.HARMLESS),
        ("token", "$.a.token", Verdict.HARMLESS),
        ("token", "$.b.token", Verdict.SECRET),
        ("token", "$['a b']['c\"d']", Verdict.SECRET),
        ("password", "", Verdict.SECRET),
        ("etag", "", Verdict.HARMLESS),
        ("note", "", Verdict.UNKNOWN),
    ],
)
def test_the_config_adds_and_exempts_by_name_and_place(name: str, place: str, verdict: Verdict) -> None:
    assert Policy(SETTINGS).judge(name, place) is verdict


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("patterns", "(a", "missing )"),
        ("patterns", r"(?=a)", "invalid perl operator"),
        ("not_patterns", r"(a)\1", "invalid escape"),
        ("patterns", "(a)(b)", "2 groups"),
        ("patterns", "x*", "fits where nothing stands"),
        ("secrets", "$.a[", "JSON path"),
        ("secrets", "body:pin", "neither a name"),
        ("secrets", "header:", "neither a name"),
        ("not_secrets", "", "neither a name"),
        ("not_secrets", "a b", "neither a name"),
    ],
)
def test_an_entry_that_is_none_is_named_with_its_key(key: str, value: str, reason: str) -> None:
    with pytest.raises(UsageError) as raised:
        Policy(Redact(**{key: (value,)}))
    assert f"[redact] {key}: " in str(raised.value)
    assert reason in str(raised.value)


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (r"mol-[a-z]{6}", "żółć mol-abcdef!", ["mol-abcdef"]),
        (r"badge ([0-9]+)", "badge 12, badge 345", ["12", "345"]),
        (r"\bq\d", "\ud800 q1", ["q1"]),
    ],
)
def test_a_pattern_fits_a_secret_or_its_only_group(pattern: str, text: str, found: list[str]) -> None:
    policy = Policy(Redact(patterns=(pattern,)))
    assert [text[start:end] for start, end in policy.find_patterns(text)] == found
    finds = Finder(policy).find_in_text(text)
    assert [(find.value, find.reason) for find in finds] == [(value, Reason.SHAPED) for value in found]


@pytest.mark.parametrize(
    ("settings", "text", "found"),
    [
        (Redact(secrets=("door_code",)), '{"doorCode":"1234","note":"x"}', ["1234"]),
        (Redact(secrets=("door_code",)), '{"doorCode":1234}', []),
        (Redact(secrets=("tan",)), "a=b&tan=4711&c=d", ["4711"]),
        (Redact(secrets=("form:tan",)), "a=b&tan=4711", ["4711"]),
        (Redact(secrets=("$.user.nick",)), '{"nick":"no","user":{"nick":"y\\"es"}}', ['y"es']),
        (Redact(secrets=("$.list[*].v",)), '{"list":[{"v":"a1"},{"w":"b2"},{"v":"c3"}]}', ["a1", "c3"]),
        (Redact(not_secrets=("token",)), '{"token":"abc","password":"def"}', ["def"]),
        (Redact(not_secrets=("$.a.token",)), '{"a":{"token":"abc"},"b":{"token":"def"}}', ["def"]),
        (Redact(not_patterns=("sham-.*",)), '{"token":"sham-1","secret":"real-1"}', ["real-1"]),
        (Redact(not_patterns=("ghp_[a-z]+",)), f"{'ghp_' + 'a' * 36} {'ghp_' + 'B1' * 18}", ["ghp_" + "B1" * 18]),
    ],
)
def test_the_finder_knows_what_the_config_says(settings: Redact, text: str, found: list[str]) -> None:
    assert [find.value for find in Finder(Policy(settings)).find_in_text(text)] == found


@pytest.mark.parametrize(
    ("settings", "value", "name", "place", "found"),
    [
        (Redact(secrets=("header:X-Pin",)), "1234", "X-Pin", "header:x-pin", ["1234"]),
        (Redact(secrets=("header:X-Pin",)), "", "X-Pin", "header:x-pin", []),
        (Redact(not_secrets=("header:X-Session-Id",)), "abcdef1", "X-Session-Id", "header:X-Session-Id", []),
        (Redact(not_secrets=("X-Trace",)), "ghp_" + "B1" * 18, "X-Trace", "", []),
        (Redact(not_secrets=("cookie:theme",)), "theme=d4rk; sid=a1b2", "Cookie", "header:cookie", ["a1b2"]),
        (Redact(not_patterns=("no-.*",)), "no-secret", "X-Api-Key", "", []),
    ],
)
def test_a_whole_value_is_judged_by_the_config(
    settings: Redact, value: str, name: str, place: str, found: list[str]
) -> None:
    assert [find.value for find in Finder(Policy(settings)).find_in_value(value, name, place)] == found
