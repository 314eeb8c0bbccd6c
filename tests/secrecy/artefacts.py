"""Everything that a run leaves, and a search in it for what was planted, in every form."""

import base64
import binascii
import html
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus

import ahocorasick

from tests.processes import finish

WITHIN = 300.0
"""Seconds within which a command ends that shows a large run."""

COMMANDS = (
    ["calls"],
    ["calls", "--format", "json"],
    ["call", "1"],
    ["call", "200"],
    ["verify"],
    *(["verify", "--format", form] for form in ("json", "github", "junit", "markdown")),
    ["cassette", "ls"],
    ["cassette", "show", "planted"],
    ["cassette", "show", "planted", "--format", "json"],
    ["cassette", "show", "planted", "--identities"],
    ["cassette", "lint"],
    ["status"],
)

SHORT = 8
"""Characters below which a secret is not looked for in encodings of something else: there it stands by chance."""

_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{24,}={0,2}")
_BREAK = rb"(?:\\r)?\\n|\r?\n"
_LINES = re.compile(rb"(?:[A-Za-z0-9+/]{60,76}(?:%s))+[A-Za-z0-9+/]+={0,2}" % _BREAK)
_UNCODED = 1 << 22


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
        ("URL twice", quote(quote(value, safe=""), safe="")),
        ("URL, all escaped", "".join(f"%{byte:02X}" for byte in data)),
    ):
        yield name, coded
        yield f"{name}, lower", re.sub(r"%[0-9A-F]{2}", lambda found: found.group().lower(), coded)
    yield "JSON, all escaped", "".join(f"\\u{ord(one):04x}" for one in value)
    yield "HTML", html.escape(value)
    yield "HTML, all in numbers", "".join(f"&#{ord(one)};" for one in value)
    if len(value) < SHORT:
        return
    yield "lower case", value.lower()
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
            for name, form in forms(value):
                # What is read is read as latin-1, byte for byte.
                self._machine.add_word(form.encode().decode("latin-1"), (label, name))
        self._machine.make_automaton()

    def look(self, where: str, data: bytes) -> Iterator[tuple[str, str]]:
        """What of the planted stands in the data, or in what the data holds under compression and base64.

        Each with its label, and with how it is written and where.
        """
        for name, view in _views(data):
            for at, (label, form) in self._machine.iter(view.decode("latin-1")):
                yield label, f"{form} in {where}{name} before byte {at + 1}"

    def look_everywhere(self, artefacts: Iterable[tuple[str, bytes]]) -> list[tuple[str, str]]:
        """What of the planted stands in any of the artefacts."""
        return [hit for name, data in artefacts for hit in self.look(name, data)]


def _views(data: bytes, *, deeper: bool = True) -> Iterator[tuple[str, bytes]]:
    yield "", data
    if b"\0" in data:
        yield " (without NULs)", data.replace(b"\0", b"")
    for at in (found.start() for found in re.finditer(rb"\x1f\x8b\x08", data)):
        try:
            yield f" (gzip at {at})", zlib.decompressobj(31).decompress(data[at:], _UNCODED)
        except zlib.error:
            continue
    for found in _LINES.finditer(data):
        yield f" (without breaks at {found.start()})", _plain(re.sub(_BREAK, b"", found.group()))
    for found in _BASE64.finditer(data) if deeper else ():
        for name, view in _views(_plain(found.group()), deeper=False):
            yield f" (base64 at {found.start()}){name}", view


def _plain(run: bytes) -> bytes:
    run = run.rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
    run = run[: len(run) - (len(run) % 4 == 1)]
    return binascii.a2b_base64(run + b"=" * (-len(run) % 4))


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below a folder, hidden ones too."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield str(path.relative_to(folder)), path.read_bytes()


def outputs(folder: Path, env: Mapping[str, str] | None = None) -> Iterator[tuple[str, bytes]]:
    """What commands show of a run whose cassette is `planted`."""
    for command in COMMANDS:
        told = finish(command, cwd=folder, env=env, timeout=WITHIN)
        yield " ".join(command), (told.stdout + told.stderr).encode()
