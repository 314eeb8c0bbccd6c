"""What is compressed, in whatever way and wherever it begins, and the secrets in it."""

import base64
import bz2
import gzip
import io
import lzma
import os
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from secrets import token_hex

import pytest
import zstandard
from msgspec import UNSET

from cpproxy.core.cassette import Body
from cpproxy.core.config import Redact
from cpproxy.core.packed import unpack
from cpproxy.core.redaction.finding import Finder, Reason
from cpproxy.core.redaction.policy import Policy
from cpproxy.core.redaction.redactor import Redactor
from tests.test_exchanges import interaction, redact

LIMIT = 1 << 20
FINDER = Finder(Policy())


def archive(data: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as opened:
        opened.writestr("first.txt", b"nothing " * 9)
        opened.writestr("second.env", data)
    return file.getvalue()


def tape(data: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as opened:
        member = tarfile.TarInfo("a.env")
        member.size = len(data)
        opened.addfile(member, io.BytesIO(data))
    return file.getvalue()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "gzip within gzip": lambda data: gzip.compress(gzip.compress(data)),
    "zlib": zlib.compress,
    "zstd": zstandard.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "ZIP": archive,
    "ZIP with bzip2": lambda data: archive(data, zipfile.ZIP_BZIP2),
    "a tape in gzip": tape,
}


def is_left_out(raw: bytes) -> bool:
    """Whether an answer's body is not stored."""
    (one,) = redact(interaction(told=raw))
    assert isinstance(one.response.body, Body)
    return one.response.body.omitted is not UNSET


PLACES: dict[str, Callable[[bytes], bytes]] = {
    "alone": bytes,
    "behind others": lambda packed: b"\x00\x01 some bytes" + packed + b" and more",
    "cut off": lambda packed: packed[:-7],
    "with something after it": lambda packed: packed + b"\x00rest",
}


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize("place", PLACES)
def test_what_is_compressed_is_read(packer: str, place: str) -> None:
    if packer == "zlib" and place == "behind others":
        pytest.skip("its two bytes are looked for at the beginning alone")
    if packer in {"bzip2", "zstd"} and place == "cut off":
        pytest.skip("a block is read whole or not at all")
    text = b"password=" + token_hex(12).encode() + b" " * 40 + token_hex(400).encode()
    found = unpack(PLACES[place](PACKERS[packer](text)), LIMIT)
    assert found.whole
    assert any(text[:33] in one for one in found.texts)


CLOSED = {
    "gzip that swells": gzip.compress(bytes(LIMIT + 1)),
    "zstd that swells": zstandard.compress(bytes(LIMIT + 1)),
    "xz that swells": lzma.compress(bytes(LIMIT + 1)),
    "five within one another": gzip.compress(gzip.compress(gzip.compress(gzip.compress(gzip.compress(bytes(99)))))),
    "gzip that breaks": gzip.compress(b"a")[:10] + b"\x07" * 99,
    "ZIP with LZMA": archive(b"a", zipfile.ZIP_LZMA),
    "7z": b"7z\xbc\xaf\x27\x1c" + bytes(99),
    "RAR": b"Rar!\x1a\x07\x00" + bytes(99),
    "many signs of gzip": b"\x1f\x8b\x08\x1f" * 1_000_000,
    "many signs of ZIP": b"PK\x03\x04" * 1_000_000,
}


@pytest.mark.parametrize("closed", CLOSED)
def test_what_cannot_be_looked_into_whole_is_told(closed: str) -> None:
    assert not unpack(CLOSED[closed], LIMIT).whole


def test_what_is_not_compressed_holds_nothing() -> None:
    assert unpack(b"\x89PNG" + bytes(99), LIMIT) == ([], True)


@pytest.mark.parametrize("packer", PACKERS)
def test_a_secret_that_is_compressed_in_base64_is_one(packer: str) -> None:
    coded = base64.b64encode(PACKERS[packer](b"#!/bin/sh\nexport ADMIN_TOKEN=plumtree7\n")).decode()
    (find,) = FINDER.find_in_text(f'{{"UserData": "{coded}", "id": "i-0a1b2c3d"}}')
    assert (find.value, find.reason) == (coded, Reason.NAMED)


@pytest.mark.parametrize("packer", PACKERS)
def test_a_known_secret_is_found_where_it_is_compressed_in_base64(packer: str) -> None:
    secret = f"plumtree-{token_hex(8)}"
    redactor = Redactor(Redact(), [(secret, "token")])
    coded = base64.b64encode(PACKERS[packer](f"hello {secret} there".encode())).decode()
    assert redactor.text(f"got {coded} today") == "got *** today"
    wrapped = base64.encodebytes(PACKERS[packer](f"hello {secret} {os.urandom(99).hex()}".encode())).decode()
    assert not any(len(line) == 76 for line in redactor.text(wrapped).splitlines())


@pytest.mark.parametrize("packer", PACKERS)
def test_a_body_that_holds_one_is_not_stored(packer: str) -> None:
    assert is_left_out(PACKERS[packer](b"password=plumtree-7712 " * 3))


def test_a_body_that_nobody_can_look_into_is_not_stored() -> None:
    assert is_left_out(b"7z\xbc\xaf\x27\x1c" + bytes(99))
    assert is_left_out(gzip.compress(b"a")[:10] + b"\x07" * 99)
    assert not is_left_out(b"\x89PNG" + bytes(99))
    assert not is_left_out(gzip.compress(b"some text " * 99))
