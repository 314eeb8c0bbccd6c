import base64
import binascii
import gzip
import itertools
import json
import zlib
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cpproxy.core.redaction.encodings import may_hold, read_inside
from cpproxy.core.redaction.finding import Reason
from cpproxy.core.redaction.known import Known, Standing, choose

SECRET = 'p\u00e4ss/w"rd +&=%41\\x'
BEYOND = "kettl\u00e9\U0001f600marble"
TOKEN = "Zk3-secret-Qx81"


def knowing(*values: str, reason: Reason = Reason.NAMED) -> Known:
    known = Known()
    for value in values:
        known.learn(value, "token", reason)
    return known


def left(known: Known, text: str) -> str:
    """What of a text is left without known secrets."""
    for one in reversed(known.find(text)):
        text = text[: one.start] + text[one.end :]
    return text


def in_base64(value: str, before: bytes = b"", after: bytes = b"") -> str:
    return base64.b64encode(before + value.encode() + after).decode()


ENCODINGS = {
    "as it is": lambda value: value,
    "in JSON": lambda value: json.dumps(value)[1:-1],
    "in JSON without escapes": lambda value: json.dumps(value, ensure_ascii=False)[1:-1],
    "in JSON in JSON": lambda value: json.dumps(json.dumps(value))[1:-1],
    "in JSON in JSON in JSON": lambda value: json.dumps(json.dumps(json.dumps(value)))[1:-1],
    "with its slashes escaped": lambda value: json.dumps(value)[1:-1].replace("/", "\\/"),
    "in a URL": lambda value: quote(value, safe=""),
    "in a URL in lower case": lambda value: quote(value, safe="").replace("%C3%A4", "%c3%a4"),
    "in a form": quote_plus,
    "in a URL in a URL": lambda value: quote(quote(value, safe=""), safe=""),
    "in a URL in JSON": lambda value: json.dumps({"u": f"http://x/?t={quote(value, safe='')}"}),
    "in hex": lambda value: value.encode().hex(),
    "in upper hex": lambda value: value.encode().hex().upper(),
    "in base64": in_base64,
    "in base64 one byte in": lambda value: in_base64(value, b"x", b"yz"),
    "in base64 two bytes in": lambda value: in_base64(value, b"xy", b"z"),
    "in base64url": lambda value: base64.urlsafe_b64encode(b"?" + value.encode()).decode(),
    "in base64 in base64": lambda value: in_base64(in_base64(value, b"x"), b"k="),
    "in gzip in base64": lambda value: base64.b64encode(gzip.compress(f"k={value}".encode())).decode(),
    "in zlib in base64": lambda value: base64.b64encode(zlib.compress(f"k={value}".encode())).decode(),
    "in gzip in hex": lambda value: gzip.compress(f"k={value}".encode()).hex(),
    "in base64 in JSON": lambda value: json.dumps({"data": in_base64(value, b'{"a":')}),
    "in JSON in base64": lambda value: in_base64(json.dumps({"a": "\u017c", "data": f"\u0142 {value}"})),
    "in base64 in lines": lambda value: base64.encodebytes(b"x" * 49 + value.encode() + b"y" * 70).decode().strip(),
}


@pytest.mark.parametrize("value", [SECRET, TOKEN, "sham token with spaces", "a" * 7 + "1" * 80, BEYOND], ids=range(5))
@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS)
def test_a_known_secret_is_found_in_every_encoding(encode: object, value: str) -> None:
    assert callable(encode)
    coded = encode(value)
    text = f"before {coded} after"
    rest = left(knowing(value), text)
    assert coded not in rest
    assert rest.startswith("before")
    assert rest.endswith(" after")


@pytest.mark.parametrize("value", ["9f86d081884c7d65", "9F86D081884C7D65", "9F86d081-884c-7d65"])
def test_digits_of_hex_are_the_same_in_either_case(value: str) -> None:
    known = knowing(value)
    assert [left(known, f"a {form} b") for form in (value.lower(), value.upper())] == ["a  b", "a  b"]
    assert left(knowing("Zk3-secret"), "zK3-SECRET") == "zK3-SECRET"


@pytest.mark.parametrize("more", range(3))
def test_base64_in_lines_ends_with_its_last_line(more: int) -> None:
    lines = base64.encodebytes(b"x" * 49 + TOKEN.encode() + b"y" * (58 + more - len(TOKEN) % 3)).decode()
    assert left(knowing(TOKEN), f"a\n{lines}of them\n") == "a\n\nof them\n"


@pytest.mark.parametrize("full", [1, 2])
@pytest.mark.parametrize("more", [1, 2])
def test_the_last_line_of_base64_may_be_shorter_than_four_letters(full: int, more: int) -> None:
    lines = base64.encodebytes(TOKEN.encode() + b"y" * (57 * full - len(TOKEN) + more)).decode()
    assert left(knowing(TOKEN), f"a\n{lines}of them\n") == "a\n\nof them\n"


def test_what_is_escaped_within_base64_is_read() -> None:
    value = 'Zk\u017c"3\\x/1'
    assert left(knowing(value), f"a {in_base64(json.dumps({'b': value}))} c") == "a  c"


def test_all_of_a_base64_run_goes_since_nobody_could_read_the_rest() -> None:
    run = in_base64(TOKEN, b"user:", b":more")
    (one,) = knowing(TOKEN).find(f"Basic {run}, x")
    assert one.run == run
    assert f"Basic {run}, x"[one.start : one.end] == run


@pytest.mark.parametrize("before", ["/verify/", "/api/v1/nodes/", "see https://api.example/a/b/"])
def test_a_slash_of_a_path_is_none_of_the_base64_behind_it(before: str) -> None:
    text = f"{before}{in_base64(TOKEN)}/again"
    assert left(knowing(TOKEN), text) == f"{before}/again"


def test_a_known_secret_is_found_in_the_id_of_an_interaction() -> None:
    assert left(knowing(TOKEN), "get-early-zk3-secret-qx81-x-1") == "get-early--x-1"


@pytest.mark.parametrize("value", ["short1", "production", "true"], ids=["short", "a common word", "shorter"])
def test_what_is_short_or_common_is_not_looked_for(value: str) -> None:
    known = knowing(value)
    assert known.find(f"x {value} y") == []
    assert known.version == 0
    assert list(known.values()) == []


def test_a_token_that_nothing_names_is_looked_for_once_it_has_a_name() -> None:
    known = knowing(TOKEN, reason=Reason.RANDOM)
    assert known.find(TOKEN) == []
    assert known.learn(TOKEN, "admin-token", Reason.NAMED) == 0
    assert [one.secret for one in known.find(TOKEN)] == [0]
    assert known.secrets[0].role == "admin-token"


def test_one_secret_has_one_index_whatever_it_was_found_under() -> None:
    known = knowing(TOKEN)
    assert known.learn(TOKEN, "cookie", Reason.SHAPED) == 0
    assert known.learn("other-secret-1", "cookie", Reason.NAMED) == 1
    assert known.secrets[0].role == "token"


def test_the_longest_goes_where_one_secret_holds_another() -> None:
    known = knowing("sesame-12", "open-sesame-12-now")
    assert [(one.secret, one.start) for one in known.find("x open-sesame-12-now, sesame-12")] == [(1, 2), (0, 22)]


def test_where_two_secrets_share_characters_nothing_of_either_stays() -> None:
    known = knowing("abcdefgh-1", "gh-1-zyxwv")
    assert left(known, "<abcdefgh-1-zyxwv>") == "<>"


def test_only_what_was_learnt_since_is_found_again() -> None:
    known = knowing("first-secret-1")
    version = known.version
    known.learn("second-secret-2", "b", Reason.NAMED)
    text = "first-secret-1 second-secret-2"
    assert [one.secret for one in known.find(text)] == [0, 1]
    assert [one.secret for one in known.find(text, since=version)] == [1]


@pytest.mark.parametrize(
    "value", ["line of a key 7\n" * 4000, "".join(map(str, range(12_000)))], ids=["again", "never"]
)
def test_a_long_secret_is_found_whole_and_in_no_time(value: str) -> None:
    (one,) = knowing(value).find(f"before {value} after")
    assert (one.start, one.end) == (7, 7 + len(value))


def test_a_secret_of_megabytes_ends_nothing() -> None:
    assert left(knowing("abcdefg7" * 300_000), "x" + "abcdefg7" * 3000) == "x"


def test_thousands_are_known_at_once() -> None:
    known = knowing(*(f"secret-number-{number:05}" for number in range(3000)))
    text = "secret-number-00000, secret-number-02999 and secret-number-03000"
    assert left(known, text) == ",  and secret-number-03000"


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9)), max_size=12))
def test_what_is_chosen_covers_all_and_overlaps_nowhere(spans: list[tuple[int, int]]) -> None:
    found = [Standing(start, start + size, number) for number, (start, size) in enumerate(spans)]
    chosen = choose(found)
    assert all(one.end <= other.start for one, other in itertools.pairwise(chosen))
    covered = {at for one in chosen for at in range(one.start, one.end)}
    assert covered == {at for one in found for at in range(one.start, one.end)}


PIECES = st.text(alphabet="ab1-_+/.%&;=: \"'\\\u00e4{},@~", min_size=0, max_size=14)
VALUES = st.lists(st.text(alphabet='abc123-_+/.%: "\\\u00e4', min_size=8, max_size=24), min_size=1, max_size=5)
DRESSED = st.sampled_from(list(ENCODINGS.values()))


@settings(deadline=None)  # many texts, each many times
@given(VALUES, st.lists(st.tuples(PIECES, st.integers(0, 4), DRESSED, PIECES), min_size=1, max_size=4))
def test_what_was_looked_through_before_hides_no_value_that_is_learnt_later(
    values: list[str], told: list[tuple[str, int, Callable[[str], str], str]]
) -> None:
    texts = [f"{before}{dress(values[at % len(values)])}{after}" for before, at, dress, after in told]
    known, versions = Known(), [0]
    for value in values:
        for text in texts * 3:  # what is met again is remembered
            known.find(text)
        known.learn(value, "token", Reason.NAMED)
        versions.append(known.version)
        fresh = knowing(*values[: len(versions) - 1])
        for text in texts:
            assert known.find(text) == fresh.find(text)
            for since in versions:
                late = fresh.find(text, since=since)
                assert known.find(text, since=since) == late


@given(st.text(st.characters(codec="ascii"), min_size=14, max_size=40), st.binary(max_size=4), st.binary(max_size=4))
def test_base64_and_hex_of_a_text_are_read_wherever_it_begins(value: str, before: bytes, after: bytes) -> None:
    for code in (base64.b64encode, base64.urlsafe_b64encode, binascii.hexlify):
        text = code(before + value.encode() + after).decode()
        assert may_hold(text.encode())
        assert any(value in inside.text for inside in read_inside(f"x: {text}"))


@pytest.mark.parametrize(
    "value",
    ["p a:s s=w;d", "a,b c,d e,f", "((x)) [[y]]", "\u00e4 \u00f6 \u00fc \u00df \u00e4", "a|b|c|d|e|f"],
    ids=range(5),
)
def test_a_value_of_which_no_eight_bytes_stand_together_is_found(value: str) -> None:
    known = knowing(value)
    for text in (value, f"x{value}y", json.dumps({"a": f"b{value}"}), in_base64(value, b"1")):
        assert value not in left(known, text)
        assert known.find(text)


def test_thousands_of_one_kind_are_told_apart() -> None:
    values = [f"postgresql://tenant:{number:08}@db.internal.example:5432/tenant" for number in range(2000)]
    known = knowing(*values)
    for number in (0, 999, 1999):
        assert [known.secrets[one.secret].value for one in known.find(f"<{values[number]}>")] == [values[number]]
