"""Bodies come back from a cassette as they went in, whatever they are."""

import gzip
import json
import zlib
from pathlib import Path

import brotli  # type: ignore[import-untyped]
import msgspec
import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cpproxy.core import bodies
from cpproxy.core.cassette import Body, CassetteOf, Interaction, Recorded, RecordedRequest, RecordedResponse
from cpproxy.files import cassettes
from tests import vouch

LIMIT = 1024 * 1024
CODINGS = sorted(bodies.CODINGS)
TYPES = ["", "application/json", "application/problem+json; charset=utf-8", "text/plain", "text/html", "image/png"]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def json_documents(draw: st.DrawFn) -> bytes:
    """JSON as different writers lay it out."""
    indent = draw(st.none() | st.integers(0, 5) | st.just("\t"))
    separators = draw(st.sampled_from([None, (",", ":"), (", ", ": "), (" ,", " : ")]))
    text = json.dumps(
        draw(json_values),
        indent=indent,
        separators=separators,
        ensure_ascii=draw(st.booleans()),
    )
    space = st.text(alphabet=" \t\r\n\f", max_size=3)
    return (draw(space) + text + draw(space)).encode("utf-8", "surrogatepass")


any_bytes = (
    st.binary(min_size=1, max_size=200)
    | st.text(min_size=1).map(str.encode)
    | json_documents()
    | st.text(alphabet='{}[]",:0123456789eE+-. \n\\u"tfn', min_size=1, max_size=60).map(str.encode)
)


def store(raw: bytes, content_encoding: str = "", content_type: str = "", limit: int = LIMIT) -> Body:
    body = bodies.store(raw, content_encoding, content_type=content_type, limit=limit)
    assert isinstance(body, Body)
    return body


def through_a_file(folder: Path, body: Body) -> Body:
    """The body as it is read again from a cassette that holds it."""
    interaction = Interaction("a", 0.0, 1.0, RecordedRequest("POST", "/a", body=body), RecordedResponse(200, body=body))
    recorded = Recorded("2026-01-02T03:04:05Z", "http://upstream.test")
    cassettes.write(folder, "a", vouch.cassette(CassetteOf(1, recorded, (interaction,))))
    read = cassettes.read(folder, "a").interactions[0]
    assert isinstance(read.response.body, Body)
    assert read.request.body == read.response.body
    return read.response.body


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cassettes")


@given(raw=any_bytes, content_type=st.sampled_from(TYPES))
@example(raw=b'{"a": 1, "a": 2}\n', content_type="")
@example(raw=b'["\\ud800"]', content_type="application/json")
@example(raw=b"[1e999]", content_type="application/json")
@example(raw=b"\xef\xbb\xbf{}", content_type="application/json")
@example(raw=b"\x00", content_type="text/plain")
@example(raw="\u2028\u0085\ufeff".encode(), content_type="text/plain")
@example(raw=b"[" * 500 + b"]" * 500, content_type="application/json")
@settings(deadline=None)
def test_any_body_comes_back_from_a_file_byte_for_byte(folder: Path, raw: bytes, content_type: str) -> None:
    assert bodies.restore(through_a_file(folder, store(raw, "", content_type))) == raw


@given(raw=any_bytes | st.just(b""), coding=st.lists(st.sampled_from(CODINGS), min_size=1, max_size=2).map(tuple))
@settings(deadline=None)
def test_a_coded_body_comes_back_equal_after_decoding(folder: Path, raw: bytes, coding: tuple[str, ...]) -> None:
    coded = bodies.recode(raw, coding)
    body = through_a_file(folder, store(coded, ", ".join(coding).upper(), "application/json"))
    assert body.coding == coding
    assert bodies.restore(body) == raw
    assert bodies.uncode(bodies.recode(bodies.restore(body), coding), coding, LIMIT) == raw


@given(raw=any_bytes, content_encoding=st.sampled_from([*CODINGS, "gzip, br", "x-gzip", "aes128gcm", "identity", ","]))
@settings(max_examples=200, deadline=None)
def test_whatever_the_header_claims_no_byte_is_lost(folder: Path, raw: bytes, content_encoding: str) -> None:
    body = through_a_file(folder, store(raw, content_encoding))
    if body.coding:
        assert bodies.uncode(raw, body.coding, LIMIT) == bodies.restore(body)
    else:
        assert bodies.restore(body) == raw


JSON_LAYOUTS = {
    "compact": (b'{"a":[1,2],"b":{}}', -1),
    "one line": (b'{"a": [1, 2], "b": {}}', 0),
    "two spaces": (b'{\n  "a": [\n    1\n  ]\n}', 2),
    "four spaces and a last line feed": (b'{\n    "a": 1\n}\n', 4),
    "a scalar": (b'"x"', -1),
    "escapes, digits and repeated members": (b'{"k":"\\u00e9\\/","n":1.50e+3,"n":-0,"big":123456789012345678901}', -1),
}


@pytest.mark.parametrize(("raw", "indent"), JSON_LAYOUTS.values(), ids=JSON_LAYOUTS)
def test_json_stands_as_json_with_its_tokens_and_its_layout(raw: bytes, indent: int) -> None:
    body = store(raw, "", "application/json")
    assert isinstance(body.json, msgspec.Raw)
    assert body.layout.indent == indent
    assert msgspec.json.decode(body.json) == json.loads(raw)
    assert bodies.restore(body) == raw


NOT_JSON = {
    "tabs": b'{\n\t"a": 1\n}',
    "unusual spaces": b"[1 ,2]",
    "lone surrogate": b'["\\udc00"]',
    "out of range": b"[1e999]",
    "two documents": b'{"a":1}\n{"a":2}\n',
    "too deep": b"[" * (bodies.DEPTH + 1) + b"]" * (bodies.DEPTH + 1),
    "far too deep": b"[" * 100_000 + b"]" * 100_000,
    "not a number": b"[NaN]",
}


@pytest.mark.parametrize("raw", NOT_JSON.values(), ids=NOT_JSON)
def test_what_json_cannot_restore_stands_as_text(raw: bytes) -> None:
    assert store(raw, "", "application/json").text == raw.decode()


def test_brackets_in_strings_do_not_make_json_deep() -> None:
    raw = json.dumps(["\x1b[31m" * bodies.DEPTH * 2, '\\"[' * bodies.DEPTH, '\\\\"', "[" * bodies.DEPTH]).encode()
    assert isinstance(store(raw).json, msgspec.Raw)


def test_a_string_of_brackets_alone_is_json() -> None:
    raw = json.dumps("[" * (bodies.DEPTH + 1)).encode()
    assert isinstance(store(raw, "", "application/json").json, msgspec.Raw)


def test_a_bare_scalar_is_json_only_where_the_media_type_says_so() -> None:
    assert store(b"42", "", "text/plain").text == "42"
    assert isinstance(store(b"42", "", "application/json").json, msgspec.Raw)


def test_bytes_that_are_no_text_stand_as_base64() -> None:
    assert store(b"\x89PNG\r\n\x1a\n\xff").base64 == "iVBORw0KGgr/"
    assert store(b"a\x00b").base64 == "YQBi"


def test_no_bytes_are_no_body() -> None:
    assert bodies.store(b"", "gzip", limit=LIMIT) is msgspec.UNSET
    assert bodies.restore(msgspec.UNSET) == b""


def test_an_omitted_body_has_size_and_digest_and_nothing_to_restore() -> None:
    body = bodies.omitted(5_000_000, "ab" * 32)
    assert (body.omitted, body.sha256) == (5_000_000, "ab" * 32)
    with pytest.raises(ValueError, match="omitted"):
        bodies.restore(body)


GZIPPED = gzip.compress(b"hello")
RAW_DEFLATE = zlib.compress(b"hello")[2:-4]
BAD_CODED = {
    "gzip cut off": (GZIPPED[:-3], "gzip"),
    "gzip with more behind it": (GZIPPED + b"more", "gzip"),
    "gzip with a broken checksum": (GZIPPED[:-8] + bytes(8), "gzip"),
    "brotli cut off": (brotli.compress(b"hello" * 99)[:-2], "br"),
    "brotli with more behind it": (brotli.compress(b"hello") + b"more", "br"),
    "zstd cut off": (zstandard.compress(b"hello" * 99)[:-2], "zstd"),
    "zstd with more behind it": (zstandard.compress(b"hello") + b"more", "zstd"),
    "half of two codings": (GZIPPED, "br, gzip"),
    "unknown coding": (b"hello", "aes128gcm"),
}


@pytest.mark.parametrize(("raw", "coding"), BAD_CODED.values(), ids=BAD_CODED)
def test_a_coded_body_that_does_not_decode_stands_as_it_came(raw: bytes, coding: str) -> None:
    body = store(raw, coding)
    assert body.coding == ()
    assert bodies.restore(body) == raw


def test_deflate_without_its_wrapper_is_taken_off_and_gets_one() -> None:
    body = store(RAW_DEFLATE, "deflate")
    assert (body.text, body.coding) == ("hello", ("deflate",))
    assert zlib.decompress(bodies.recode(bodies.restore(body), body.coding)) == b"hello"


@pytest.mark.parametrize("coding", CODINGS)
def test_a_body_that_grows_beyond_the_limit_stands_as_it_came(coding: str) -> None:
    bomb = bodies.recode(bytes(3_000_000), (coding,))
    assert bodies.uncode(bomb, (coding,), 3_000_000) == bytes(3_000_000)
    assert bodies.uncode(bomb, (coding,), 2_999_999) is None
    assert store(bomb, coding, limit=100_000).coding == ()


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_bodies_of_several_members_decode_whole(coding: str) -> None:
    raw = bodies.recode(b"one", (coding,)) + bodies.recode(b"two", (coding,))
    assert store(raw, coding).text == "onetwo"


@pytest.mark.parametrize("coding", CODINGS)
def test_recoding_gives_the_same_bytes_each_time(coding: str) -> None:
    assert bodies.recode(b"same" * 500, (coding,)) == bodies.recode(b"same" * 500, (coding,))


def test_gzip_carries_no_time() -> None:
    assert bodies.recode(b"x", ("gzip",))[4:8] == bytes(4)
