"""Everything that a run leaves, and a search in it for what was planted, in every form."""

import base64
import binascii
import gzip
import html
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import ahocorasick

SHORTEST = 8
"""Characters of the shortest secret that is looked for everywhere."""

_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{32,}={0,2}")


def forms(value: str) -> Iterator[tuple[str, str]]:
    """The ways in which a text may hold a value, each with its name."""
    data = value.encode()
    escaped = json.dumps(value)[1:-1]
    yield "as it is", value
    yield "JSON", escaped
    yield "JSON, as UTF-8", json.dumps(value, ensure_ascii=False)[1:-1]
    yield "JSON in JSON", json.dumps(escaped)[1:-1]
    yield "JSON with slashes escaped", escaped.replace("/", "\\/")
    for name, coded in (
        ("URL", quote(value, safe="")),
        ("URL, with slashes", quote(value)),
        ("form", quote_plus(value)),
    ):
        yield name, coded
        yield f"{name}, lower", re.sub(r"%[0-9A-F]{2}", lambda found: found.group().lower(), coded)
    yield "HTML", html.escape(value)
    yield "hex", data.hex()
    yield "HEX", data.hex().upper()
    for offset in range(3):
        coded = base64.b64encode(b"\0" * offset + data).decode().rstrip("=")
        inner = coded[(0, 2, 3)[offset] : len(coded) - bool((offset + len(data)) % 3)]
        yield f"base64 at {offset}", inner
        yield f"base64url at {offset}", inner.replace("+", "-").replace("/", "_")


class Search:
    """Looks for all planted values at once; each has a label, which alone is told."""

    def __init__(self, planted: Iterable[tuple[str, str]]) -> None:
        self._machine = ahocorasick.Automaton()
        for label, value in planted:
            if len(value) < SHORTEST:
                continue
            for name, form in forms(value):
                # What is read is read as latin-1, byte for byte.
                self._machine.add_word(form.encode().decode("latin-1"), (label, name))
        self._machine.make_automaton()

    def look(self, where: str, data: bytes) -> Iterator[str]:
        """What of the planted stands in the data, or in what the data holds under compression and base64."""
        for name, view in _views(data):
            for at, (label, form) in self._machine.iter(view.decode("latin-1")):
                yield f"{label} {form} in {where}{name} before byte {at}"


def _views(data: bytes) -> Iterator[tuple[str, bytes]]:
    yield "", data
    if b"\0" in data:
        yield " (without NULs)", data.replace(b"\0", b"")
    for at in (found.start() for found in re.finditer(rb"\x1f\x8b\x08", data)):
        try:
            yield f" (gzip at {at})", zlib.decompressobj(31).decompress(data[at:], 1 << 22)
        except zlib.error:
            continue
    for found in _BASE64.finditer(data):
        run = found.group().replace(b"-", b"+").replace(b"_", b"/")
        try:
            plain = binascii.a2b_base64(run + b"=" * (-len(run) % 4))
        except binascii.Error:
            continue
        yield f" (base64 at {found.start()})", plain
        if plain.startswith(b"\x1f\x8b"):
            try:
                yield f" (gzip in base64 at {found.start()})", gzip.decompress(plain)
            except (OSError, EOFError, zlib.error):
                continue


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below a folder, hidden ones too."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield str(path.relative_to(folder)), path.read_bytes()
