"""Every kind of broken cassette is refused in one line that says file, JSON path and what was expected."""

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cpproxy.cli.main import run
from cpproxy.errors import CassetteError, Exit, UsageError
from cpproxy.files import cassettes

type Document = dict[str, Any]


def make_document() -> Document:
    """A small cassette that is valid, as JSON."""
    return {
        "cpproxy": 1,
        "recorded": {"at": "2026-01-02T03:04:05Z", "upstream": "https://upstream.test"},
        "identities": ["org-alpha"],
        "placeholders": [{"marker": "{{cpproxy:authorization:1}}", "role": "authorization"}],
        "interactions": [make_interaction("a"), make_interaction("b")],
    }


def make_interaction(name: str) -> Document:
    return {
        "id": name,
        "start": 0.5,
        "end": 1,
        "request": {
            "method": "GET",
            "target": "/cp/workspaces?a=b",
            "headers": [["Accept", "*/*"], ["X-Trace", "1"]],
        },
        "response": {
            "status": 200,
            "reason": "OK",
            "headers": [["Content-Type", "text/plain"]],
            "body": {"text": "hello"},
            "chunks": [[0, 2], [10, 3]],
        },
        "credentials": [{"header": "authorization", "scheme": "bearer"}],
    }


def put(*steps: str | int | None, value: Any) -> Callable[[Document], None]:
    """A change that sets what stands at the steps; None stands for the second interaction."""
    path = [step for part in steps for step in (("interactions", 1) if part is None else (part,))]

    def change(document: Document) -> None:
        place: Any = document
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    return change


def drop(*steps: str | int) -> Callable[[Document], None]:
    def change(document: Document) -> None:
        place: Any = document
        for step in steps[:-1]:
            place = place[step]
        del place[steps[-1]]

    return change


def body(**members: Any) -> Callable[[Document], None]:
    """A change that gives the second answer this body, in one piece."""

    def change(document: Document) -> None:
        response = document["interactions"][1]["response"]
        response["body"] = members
        del response["chunks"]

    return change


ANSWER = "$.interactions[1].response"
ASKED = "$.interactions[1].request"
SHA256 = "0" * 64

# What was done to a valid document, the JSON path that is named, and part of what is expected there.
WRONG_VALUES: dict[str, tuple[Callable[[Document], None], str, str]] = {
    "no version": (drop("cpproxy"), "$.cpproxy", "expected the format's version, 1, got None"),
    "version as text": (put("cpproxy", value="1"), "$.cpproxy", "expected the format's version, 1, got '1'"),
    "version as boolean": (put("cpproxy", value=True), "$.cpproxy", "expected the format's version"),
    "newer version": (put("cpproxy", value=2), "$.cpproxy", "got 2: a newer cpproxy wrote it"),
    "version zero": (put("cpproxy", value=0), "$.cpproxy", "expected format version 1, got 0"),
    "unknown member": (put("notes", value="x"), "$", "expected no member `notes`"),
    "newer version with members of its own": (lambda d: d.update(cpproxy=9, new=[]), "$.cpproxy", "a newer cpproxy"),
    "no recorded": (drop("recorded"), "$", "expected a member `recorded`, found none"),
    "recorded is text": (put("recorded", value="now"), "$.recorded", "expected `object`, got `str`"),
    "time without a zone": (put("recorded", "at", value="2026-01-02T03:04:05"), "$.recorded.at", "RFC 3339"),
    "upstream is no URL": (put("recorded", "upstream", value="host"), "$.recorded.upstream", "http://"),
    "incomplete is no text": (put("incomplete", value=True), "$.incomplete", "expected `str`, got `bool`"),
    "empty identity": (put("identities", 0, value=""), "$.identities[0]", "not empty"),
    "identity is a number": (put("identities", 0, value=7), "$.identities[0]", "expected `str`, got `int`"),
    "placeholder without a marker": (drop("placeholders", 0, "marker"), "$.placeholders[0]", "a member `marker`"),
    "placeholder with an empty marker": (put("placeholders", 0, "marker", value=""), "$.placeholders[0].marker", "''"),
    "placeholder twice": (
        lambda d: d["placeholders"].append(d["placeholders"][0]),
        "$.placeholders[1].marker",
        "stands once",
    ),
    "no interactions": (drop("interactions"), "$", "expected a member `interactions`"),
    "interactions is an object": (put("interactions", value={}), "$.interactions", "expected `array`, got `object`"),
    "interaction is null": (put(None, value=None), "$.interactions[1]", "expected `object`, got `null`"),
    "interaction without a request": (drop("interactions", 1, "request"), "$.interactions[1]", "a member `request`"),
    "interaction with an unknown member": (put(None, "note", value=1), "$.interactions[1]", "no member `note`"),
    "duplicate ids": (put(None, "id", value="a"), "$.interactions[1].id", "which $.interactions[0] has"),
    "empty id": (put(None, "id", value=""), "$.interactions[1].id", "visible ASCII"),
    "id with a line feed": (put(None, "id", value="a\nb"), "$.interactions[1].id", "visible ASCII"),
    "start is text": (put(None, "start", value="0"), "$.interactions[1].start", "expected `float`, got `str`"),
    "negative start": (put(None, "start", value=-1), "$.interactions[1].start", "0 or more, got -1"),
    "start after end": (put(None, "start", value=2), "$.interactions[1].end", "no less than start (2.0), got 1"),
    "method with a space": (put(None, "request", "method", value="GET /"), f"{ASKED}.method", "such as GET"),
    "empty method": (put(None, "request", "method", value=""), f"{ASKED}.method", "such as GET"),
    "target without a slash": (put(None, "request", "target", value="cp/x"), f"{ASKED}.target", "begins with /"),
    "target with a space": (put(None, "request", "target", value="/a b"), f"{ASKED}.target", "no white space"),
    "target with a line feed": (put(None, "request", "target", value="/a\n"), f"{ASKED}.target", "'/a\\n'"),
    "absolute target": (put(None, "request", "target", value="http://a/"), f"{ASKED}.target", "begins with /"),
    "headers is an object": (put(None, "request", "headers", value={}), f"{ASKED}.headers", "expected `array`"),
    "header of three": (
        put(None, "request", "headers", 1, value=["a", "b", "c"]),
        f"{ASKED}.headers[1]",
        "expected `array` of length 2",
    ),
    "header of one": (put(None, "request", "headers", 1, value=["a"]), f"{ASKED}.headers[1]", "length 2"),
    "header is a number": (put(None, "request", "headers", 1, 1, value=5), f"{ASKED}.headers[1][1]", "got `int`"),
    "header without a name": (put(None, "request", "headers", 0, 0, value=""), f"{ASKED}.headers[0][0]", "name"),
    "header name with a colon": (put(None, "request", "headers", 0, 0, value="A:"), f"{ASKED}.headers[0][0]", "'A:'"),
    "header with CR LF": (put(None, "request", "headers", 0, 1, value="a\r\nb: c"), f"{ASKED}.headers[0][1]", "line"),
    "header with NUL": (put(None, "request", "headers", 0, 1, value="\0"), f"{ASKED}.headers[0][1]", "Latin-1"),
    "header beyond Latin-1": (put(None, "request", "headers", 0, 1, value="€"), f"{ASKED}.headers[0][1]", "Latin-1"),
    "answer header with LF": (put(None, "response", "headers", 0, 1, value="\n"), f"{ANSWER}.headers[0][1]", "line"),
    "negative status": (put(None, "response", "status", value=-200), f"{ANSWER}.status", "100 to 999, got -200"),
    "status zero": (put(None, "response", "status", value=0), f"{ANSWER}.status", "100 to 999, got 0"),
    "status 1000": (put(None, "response", "status", value=1000), f"{ANSWER}.status", "100 to 999, got 1000"),
    "status text": (put(None, "response", "status", value="200"), f"{ANSWER}.status", "expected `int`, got `str`"),
    "status a fraction": (put(None, "response", "status", value=200.5), f"{ANSWER}.status", "expected `int`"),
    "huge status": (put(None, "response", "status", value=10**80), f"{ANSWER}.status", "100 to 999, got 1000"),
    "reason with a line feed": (put(None, "response", "reason", value="O\nK"), f"{ANSWER}.reason", "one line"),
    "chunks that do not add up": (
        put(None, "response", "chunks", value=[[0, 2]]),
        f"{ANSWER}.chunks",
        "add up to the body's 5, got 2",
    ),
    "chunks without a body": (drop("interactions", 1, "response", "body"), f"{ANSWER}.chunks", "body's 0, got 5"),
    "chunks of a coded body": (
        put(None, "response", "body", "coding", value=["gzip"]),
        f"{ANSWER}.chunks",
        "no chunks",
    ),
    "negative chunk": (put(None, "response", "chunks", value=[[0, 6], [0, -1]]), f"{ANSWER}.chunks[1][1]", "1 or more"),
    "chunk before its time": (
        put(None, "response", "chunks", value=[[9, 2], [8, 3]]),
        f"{ANSWER}.chunks[1][0]",
        "no less than 9",
    ),
    "body is text": (put(None, "response", "body", value="hello"), f"{ANSWER}.body", "expected `object`, got `str`"),
    "body of none": (body(), f"{ANSWER}.body", "exactly one of json, text, base64 and omitted"),
    "body of two": (body(text="a", base64="YQ=="), f"{ANSWER}.body", "exactly one of"),
    "body with an unknown member": (body(yaml="a"), f"{ANSWER}.body", "expected no member `yaml`"),
    "bad base64": (body(base64="YQ"), f"{ANSWER}.body.base64", "expected base64"),
    "base64 with white space": (body(base64="YQ=\n="), f"{ANSWER}.body.base64", "expected base64"),
    "base64 with other letters": (body(base64="Y-_="), f"{ANSWER}.body.base64", "expected base64"),
    "unknown coding": (body(text="a", coding=["lzma"]), f"{ANSWER}.body.coding[0]", "br, deflate, gzip, zstd"),
    "coding is text": (body(text="a", coding="gzip"), f"{ANSWER}.body.coding", "expected `array`, got `str`"),
    "layout beside text": (body(text="a", layout={"indent": 2}), f"{ANSWER}.body.layout", "no layout"),
    "layout with more than white space": (
        body(json=1, layout={"after": "\nx"}),
        f"{ANSWER}.body.layout.after",
        "white space",
    ),
    "layout that indents by a million": (
        body(json=1, layout={"indent": 10**6}),
        f"{ANSWER}.body.layout.indent",
        "-1 to 16",
    ),
    "negative size of an omitted body": (body(omitted=-1, sha256=SHA256), f"{ANSWER}.body.omitted", "0 or more"),
    "omitted with a digest of another kind": (body(omitted=1, sha256="ab"), f"{ANSWER}.body.sha256", "SHA-256"),
    "omitted with a coding": (body(omitted=1, sha256=SHA256, coding=["gzip"]), f"{ANSWER}.body.coding", "no coding"),
    "digest of a body that is held": (body(text="a", sha256=SHA256), f"{ANSWER}.body.sha256", "no digest"),
    "credential in upper case": (
        put(None, "credentials", 0, "header", value="Cookie"),
        "$.interactions[1].credentials[0].header",
        "lower case",
    ),
}


def encode(change: Callable[[Document], None]) -> bytes:
    document = make_document()
    change(document)
    return json.dumps(document, indent=2).encode()


VALID = json.dumps(make_document(), indent=2).encode()
DEEP = b"[" * 100_000 + b"]" * 100_000

# The file's bytes, the JSON path that is named, and part of what is expected there.
WRONG_BYTES: dict[str, tuple[bytes, str, str]] = {
    "empty": (b"", "$", "expected a cassette, got an empty file"),
    "white space": (b" \n", "$", "expected a cassette, got an empty file"),
    "cut off": (VALID[:-40], "$", "it is cut off"),
    "cut off in a string": (VALID[: VALID.index(b"hello") + 2], "$", "it is cut off"),
    "no JSON": (b"interactions:\n- id: a\n", "$", "(line 1, byte 0)"),
    "zeros": (bytes(1_000_000), "$", "invalid character (line 1, byte 0)"),
    "an array": (b"[]", "$", "expected `object`, got `array`"),
    "a string": (b'"cassette"', "$", "expected `object`, got `str`"),
    "null": (b"null", "$", "expected `object`, got `null`"),
    "an empty object": (b"{}", "$.cpproxy", "expected the format's version"),
    "two documents": (VALID + VALID, "$", "trailing characters"),
    "more behind it": (VALID + b"x", "$", "trailing characters"),
    "trailing comma": (VALID.replace(b"200,", b"200,,", 1), "$", "(line 36, byte"),
    "comment": (b"// recorded\n" + VALID, "$", "invalid character"),
    "not a number": (VALID.replace(b"200", b"NaN", 1), "$", "invalid character"),
    "infinity": (VALID.replace(b"0.5", b"1e999", 1), "$.interactions[0].start", "out of range"),
    "endless number": (VALID.replace(b"200", b"9" * 9999, 1), "$.interactions[0].response.status", "out of range"),
    "not UTF-8": (VALID.replace(b"hello", b"h\xffllo", 1), "$", "expected UTF-8, found byte 0xff (line 45, byte"),
    "Latin-1 in JSON of a body": (
        VALID.replace(b'"text": "hello"', b'"json": ["\xe9"]', 1),
        "$",
        "expected UTF-8, found byte 0xe9",
    ),
    "byte order mark": (b"\xef\xbb\xbf" + VALID, "$", "without a byte order mark"),
    "UTF-16": (VALID.decode().encode("utf-16"), "$", "expected UTF-8, found byte 0xff"),
    "UTF-16 without a mark": (VALID.decode().encode("utf-16-le"), "$", "expected JSON"),
    "half of a surrogate pair": (VALID.replace(b"hello", b"\\ud800", 1), "$", "unexpected end of hex escape (line"),
    "two halves that are no pair": (
        VALID.replace(b"hello", b"\\ud800\\ud800", 1),
        "$",
        "invalid utf-16 surrogate pair (line 45",
    ),
    "half of a surrogate pair at the end": (b'["\\ud800"]', "$", "expected `object`, got `array`"),
    "control character in a string": (VALID.replace(b"hello", b"he\x01lo", 1), "$", "invalid character"),
    "nested 100,000 deep": (b'{"cpproxy": ' + DEEP + b"}", "$.cpproxy", "expected `int`, got `array`"),
    "an array nested 100,000 deep": (DEEP, "$", "expected `object`, got `array`"),
    "a body nested 100,000 deep": (VALID.replace(b'"text": "hello"', b'"json": ' + DEEP, 1), "$", "nests less deep"),
    "a body nested 300 deep": (
        VALID.replace(b'"text": "hello"', b'"json": ' + b"[" * 300 + b"]" * 300, 1),
        "$.interactions[0].response.body.json",
        "at most 200 deep",
    ),
    "a number in a body that nobody can hold": (
        VALID.replace(b'"text": "hello"', b'"json": [1e999]', 1),
        "$.interactions[0].response.body.json",
        "let it stand as text",
    ),
    "unknown member with a terminal's escape": (
        VALID.replace(b'"reason"', b'"\xc2\x9b31m"', 1),
        "$.interactions[0].response",
        "expected no member `\\x9b31m`",
    ),
    **{name: (encode(change), path, expected) for name, (change, path, expected) in WRONG_VALUES.items()},
}


def test_the_document_that_is_broken_below_is_valid(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(VALID)
    assert len(cassettes.read(tmp_path, "a").interactions) == 2


def read_lazily(folder: Path, name: str) -> None:
    for _ in cassettes.load(folder, name).interactions():
        pass


@pytest.mark.parametrize(("data", "path", "expected"), WRONG_BYTES.values(), ids=WRONG_BYTES)
def test_a_broken_file_is_refused_with_path_and_expectation(
    tmp_path: Path,
    data: bytes,
    path: str,
    expected: str,
) -> None:
    (tmp_path / "a.json").write_bytes(data)
    for function in (cassettes.read, read_lazily):
        with pytest.raises(CassetteError) as caught:
            function(tmp_path, "a")
        assert (caught.value.where, caught.value.path) == (f"{tmp_path}/a.json", path)
        assert expected in caught.value.expected
        assert str(caught.value).isprintable()
        assert len(caught.value.expected) < 300
    assert (tmp_path / "a.json").read_bytes() == data


@pytest.mark.parametrize("data", [data for data, _, _ in WRONG_BYTES.values()], ids=WRONG_BYTES)
def test_a_broken_file_ends_a_command_with_3_and_one_line(
    tmp_path: Path, data: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.json").write_bytes(data)
    assert run(["--cassettes", str(tmp_path), "cassette", "show", "a"]) == Exit.CASSETTE
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"cpproxy: error: {tmp_path}/a.json: $")
    assert err.count("\n") == 1


def make_folder(path: Path) -> None:
    path.mkdir()


def make_sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, 2 * 1024**3)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.open(path.parent, os.O_RDONLY)
        try:  # the path of a socket is short, that of a test's folder may not be
            listener.bind(f"/proc/self/fd/{here}/{path.name}")
        finally:
            os.close(here)


def make_forbidden(path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("nothing is forbidden to root")
    path.touch(0o000)


NO_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda _: None, "expected a cassette, found none"),
    "a folder": (make_folder, "expected a file, found a folder"),
    "a named pipe": (os.mkfifo, "expected a file, found a named pipe"),
    "a socket": (make_socket, "expected a file that can be read: No such device or address"),
    "a link to nothing": (lambda path: path.symlink_to("nothing.json"), "expected a file, found a link to nothing"),
    "a link to itself": (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
    "2 GiB of zeros": (make_sparse, "expected a file of at most 536870912 bytes, found 2147483648"),
    "forbidden": (make_forbidden, "expected a file that can be read: Permission denied"),
}


@pytest.mark.parametrize(("make", "expected"), NO_FILES.values(), ids=NO_FILES)
def test_what_is_no_file_is_refused(
    tmp_path: Path, make: Callable[[Path], object], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path / "a.json")
    for function in (cassettes.read, cassettes.load, cassettes.file_digest):
        with pytest.raises(CassetteError) as caught:
            function(tmp_path, "a")
        assert caught.value.path == "$"
        assert expected in caught.value.expected
    assert run(["--cassettes", str(tmp_path), "cassette", "show", "a"]) == Exit.CASSETTE
    assert expected in capsys.readouterr().err


def test_a_device_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").symlink_to("/dev/zero")
    with pytest.raises(UsageError, match="leads out of"):
        cassettes.read(tmp_path, "a")
    with pytest.raises(CassetteError, match="expected a file, found a device"):
        cassettes._check(Path("/dev/zero").stat(), "zero")


def test_a_missing_cassette_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "harness").mkdir()
    (tmp_path / "harness/boot.json").write_bytes(VALID)
    with pytest.raises(CassetteError, match=r"found none; is it harness/boot\?"):
        cassettes.read(tmp_path, "harness/boots")
    with pytest.raises(UsageError, match=r"leaves the ending \.json out, such as harness/boot$"):
        cassettes.read(tmp_path, "harness/boot.json")


def test_a_folder_that_is_missing_or_empty_holds_no_cassettes(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CassetteError, match=r"empty: \$: expected a cassette at least"):
        cassettes.choose(tmp_path / "empty")
    for function in (cassettes.names, cassettes.choose, cassettes.digest):
        with pytest.raises(CassetteError, match=r"missing: \$: expected a folder of cassettes: No such file"):
            function(tmp_path / "missing")
        (tmp_path / "file").touch()
        with pytest.raises(CassetteError, match="expected a folder of cassettes: Not a directory"):
            function(tmp_path / "file")
