"""What a cassette must hold beyond its types: checked when it is read and when it is written, in one place.

Each check answers with the first problem that it finds, or None. Thousands of interactions pass here at every start,
so the checks are ordered by their cost and nothing is built for what is right.
"""

import binascii
import math
import re
from dataclasses import dataclass
from functools import lru_cache

import msgspec
from msgspec import UNSET, UnsetType

from cpproxy.core import bodies
from cpproxy.core.cassette import COMPACT, VERSION, Body, CassetteOf, Credential, Interaction

_AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_UPSTREAM = re.compile(r"https?://[^\s/]+\S*")
_ID = re.compile(r"[!-~]{1,200}")  # it goes out in a header
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 section 5.6.2
_TARGET = re.compile(r"/[^\x00-\x20\x7f\ud800-\udfff]*|\*")  # RFC 9112 section 3.2, as far as it is an origin's
_VALUE = re.compile(r"[^\r\n\x00\u0100-\U0010ffff]*")  # RFC 9110 section 5.5
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong: `path` is the JSON path, begun below the value that was checked, `expected` a phrase."""

    path: str
    expected: str


def check_version(version: object) -> Problem | None:
    """Whether `cpproxy`, as it was decoded, is the version of the format that this release reads."""
    if type(version) is not int:
        return Problem(".cpproxy", f"expected the format's version, {VERSION}, got {_show(version)}")
    if version > VERSION:
        return Problem(
            ".cpproxy",
            f"expected format version {VERSION}, got {version}: a newer cpproxy wrote it, so upgrade this one",
        )
    if version != VERSION:
        return Problem(".cpproxy", f"expected format version {VERSION}, got {version}")
    return None


def check_head[T](cassette: CassetteOf[T]) -> Problem | None:
    """Whether all but the interactions is valid."""
    if problem := check_version(cassette.cpproxy):
        return problem
    if not _AT.fullmatch(cassette.recorded.at):
        return Problem(".recorded.at", f"expected a time as RFC 3339 has it, got {_show(cassette.recorded.at)}")
    if not _UPSTREAM.fullmatch(cassette.recorded.upstream):
        return Problem(
            ".recorded.upstream",
            f"expected a URL that begins with http:// or https://, got {_show(cassette.recorded.upstream)}",
        )
    for member, values in (("identities", cassette.identities), ("not_identities", cassette.not_identities)):
        for index, value in enumerate(values):
            if not value:
                return Problem(f".{member}[{index}]", "expected a value that is not empty")
    markers = set()
    for index, placeholder in enumerate(cassette.placeholders):
        if not placeholder.marker or placeholder.marker in markers:
            return Problem(
                f".placeholders[{index}].marker",
                f"expected a marker that is not empty and stands once, got {_show(placeholder.marker)}",
            )
        markers.add(placeholder.marker)
    return None


def check(interaction: Interaction) -> Problem | None:
    """Whether one interaction is valid by itself."""
    if not _ID.fullmatch(interaction.id):
        return Problem(".id", f"expected 1 to 200 visible ASCII characters, got {_show(interaction.id)}")
    if not 0 <= interaction.start < math.inf:
        return Problem(".start", f"expected seconds, 0 or more, got {interaction.start}")
    if not interaction.start <= interaction.end < math.inf:
        return Problem(".end", f"expected seconds, no less than start ({interaction.start}), got {interaction.end}")
    return _check_request(interaction) or _check_response(interaction) or _check_credentials(interaction.credentials)


def _check_request(interaction: Interaction) -> Problem | None:
    request = interaction.request
    if not _is_token(request.method):
        return Problem(".request.method", f"expected a method such as GET, got {_show(request.method)}")
    if not _TARGET.fullmatch(request.target):
        return Problem(
            ".request.target",
            f"expected a path that begins with / and holds no white space, got {_show(request.target)}",
        )
    return _check_headers(request.headers, ".request.headers") or _check_body(request.body, ".request.body")


def _check_response(interaction: Interaction) -> Problem | None:
    response = interaction.response
    if not 100 <= response.status <= 999:
        return Problem(".response.status", f"expected a status from 100 to 999, got {_show(response.status)}")
    if not _is_value(response.reason):
        return Problem(".response.reason", f"expected one line of Latin-1 text, got {_show(response.reason)}")
    return (
        _check_headers(response.headers, ".response.headers")
        or _check_body(response.body, ".response.body")
        or (_check_chunks(response.chunks, response.body) if response.chunks else None)
    )


def _check_credentials(credentials: tuple[Credential, ...]) -> Problem | None:
    for index, credential in enumerate(credentials):
        if not _is_token(credential.header) or credential.header != credential.header.lower():
            return Problem(
                f".credentials[{index}].header",
                f"expected a header's name in lower case, got {_show(credential.header)}",
            )
    return None


def _check_headers(headers: tuple[tuple[str, str], ...], path: str) -> Problem | None:
    for index, (name, value) in enumerate(headers):
        if not _is_token(name):
            return Problem(f"{path}[{index}][0]", f"expected a header's name, got {_show(name)}")
        if not _is_value(value):
            return Problem(f"{path}[{index}][1]", f"expected one line of Latin-1 text, got {_show(value)}")
    return None


@lru_cache(maxsize=4096)
def _is_token(name: str) -> bool:
    return _TOKEN.fullmatch(name) is not None


def _is_value(value: str) -> bool:
    return (value.isascii() and value.isprintable()) or _VALUE.fullmatch(value) is not None


def _check_body(body: Body | UnsetType, path: str) -> Problem | None:
    if body is UNSET:
        return None
    held = (body.json is not UNSET) + (body.text is not UNSET) + (body.base64 is not UNSET)
    if held + (body.omitted is not UNSET) != 1:
        return Problem(path, "expected exactly one of json, text, base64 and omitted")
    if body.sha256 and held:
        return Problem(f"{path}.sha256", "expected no digest beside a body that is held")
    return (
        (_check_coding(body.coding, path) if body.coding else None)
        or (_check_layout(body, path) if body.layout is not COMPACT else None)
        or _check_content(body, path)
    )


def _check_coding(coding: tuple[str, ...], path: str) -> Problem | None:
    for index, name in enumerate(coding):
        if name not in bodies.CODINGS:
            known = ", ".join(sorted(bodies.CODINGS))
            return Problem(f"{path}.coding[{index}]", f"expected one of {known}, got {_show(name)}")
    return None


def _check_content(body: Body, path: str) -> Problem | None:
    if body.json is not UNSET:
        return _check_json(bytes(body.json), path)
    if body.base64 is not UNSET:
        return _check_base64(body.base64, path)
    if body.omitted is not UNSET:
        return _check_omitted(body.omitted, body, path)
    return None


def _check_layout(body: Body, path: str) -> Problem | None:
    layout = body.layout
    if body.json is UNSET:
        return Problem(f"{path}.layout", "expected no layout beside a body that is not json")
    if not -1 <= layout.indent <= bodies.INDENT:
        return Problem(f"{path}.layout.indent", f"expected -1 to {bodies.INDENT} spaces, got {_show(layout.indent)}")
    for name, space in (("before", layout.before), ("after", layout.after)):
        if space.strip(bodies.WHITE):
            return Problem(f"{path}.layout.{name}", f"expected nothing but white space, got {_show(space)}")
    return None


def _check_json(raw: bytes, path: str) -> Problem | None:
    if bodies.is_too_deep(raw):
        return Problem(f"{path}.json", f"expected JSON that nests at most {bodies.DEPTH} deep; let it stand as text")
    try:
        msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return Problem(f"{path}.json", f"expected JSON whose values can be read; let it stand as text: {error}")
    return None


def _check_base64(text: str, path: str) -> Problem | None:
    try:
        binascii.a2b_base64(text, strict_mode=True)
    except ValueError as error:
        return Problem(f"{path}.base64", f"expected base64 (RFC 4648 section 4): {error}")
    return None


def _check_omitted(size: int, body: Body, path: str) -> Problem | None:
    if size < 0:
        return Problem(f"{path}.omitted", f"expected a size in bytes, 0 or more, got {_show(size)}")
    # Of a body that could not be looked into there is none, nor of a request that was answered before it was whole.
    if body.sha256 and not _SHA256.fullmatch(body.sha256):
        return Problem(f"{path}.sha256", f"expected a SHA-256 in lower-case hex, got {_show(body.sha256)}")
    if body.coding:
        return Problem(f"{path}.coding", "expected no coding: an omitted body was counted as it came")
    return None


def _check_chunks(chunks: tuple[tuple[int, int], ...], body: Body | UnsetType) -> Problem | None:
    path = ".response.chunks"
    last = 0
    for index, (at, size) in enumerate(chunks):
        if at < last:
            return Problem(f"{path}[{index}][0]", f"expected milliseconds, no less than {last}, got {_show(at)}")
        if size < 1:
            return Problem(f"{path}[{index}][1]", f"expected a size in bytes, 1 or more, got {_show(size)}")
        last = at
    if body is not UNSET and (body.coding or body.omitted is not UNSET):
        return Problem(path, "expected no chunks beside a body that does not stand as it came")
    held = len(bodies.restore(body))
    total = sum(size for _, size in chunks)
    return None if total == held else Problem(path, f"expected sizes that add up to the body's {held}, got {total}")


def _show(value: object) -> str:
    """A value for a message: quoted, escaped, and no longer than a line."""
    text = ascii(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
