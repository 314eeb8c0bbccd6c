"""What of a request counts for the match: one normaliser for recorded and live requests, and how two of them differ.

Counted are the method, the path, the query free of the order of its names, the body by its media type as values, the
headers that the route compares, and whether the request is conditional or partial. Credentials are judged elsewhere.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct

from cpproxy.core import bodies, jsonpath
from cpproxy.core.leaves import map_leaves
from cpproxy.core.messages import Headers, Request, find_header
from cpproxy.core.routes import Place, Route

CONDITIONAL = (b"range", b"if-none-match", b"if-modified-since")
"""Headers whose presence counts, since they change what is answered (RFC 9110 sections 13.1 and 14.2)."""

_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_FRACTION = re.compile(rb"\d[.eE]")
_BOUNDARY = re.compile(r'boundary=(?:"([^"]+)"|([^\s;]+))', re.IGNORECASE)
_DIGESTED = 64
_SHOWN = 256
_MAX_BODY = 256 * 1024 * 1024

type Key = tuple[Any, ...]
"""Equal for two requests that match each other; hashable, and of bounded size."""


class Body(Struct, frozen=True):
    """A body as a value: `kind` is `none`, `json`, `form`, `multipart`, `bytes`, `omitted` or `any`.

    `any` is that of a recorded request that was answered before its body had come. `value` is JSON for `json`, pairs
    for `form`, bytes for `multipart` and `bytes`, and size and digest for `omitted`.
    """

    kind: str
    value: Any = None

    def key(self) -> object:
        """What stands for this body in a `Key`."""
        match self.kind:
            case "none" | "any":
                return None
            case "json":
                data = encode_json(self.value)
            case "form":
                return tuple(self.value)
            case "omitted":
                return self.value
            case _:
                data = self.value
        return digest(data)


ANY_BODY = Body("any")


class Form(Struct, frozen=True):
    """The parts of a request that count, as values."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    body: Body
    headers: tuple[tuple[bytes, ...], ...]
    conditional: tuple[bytes, ...]

    def key(self) -> Key:
        """What two matching requests have in common."""
        return (self.method, self.path, self.query, self.body.kind, self.body.key(), self.headers, self.conditional)


def digest(data: bytes) -> bytes:
    """Short data as it is, and what stands for it in little memory where it is long."""
    return data if len(data) <= _DIGESTED else hashlib.blake2b(data, digest_size=16).digest()


def encode_json(value: Any) -> bytes:  # noqa: ANN401 (JSON)
    """A JSON value as bytes that are equal for equal values: members sorted, 1.0 and 1 alike."""
    data = msgspec.json.encode(value, order="deterministic")
    if _FRACTION.search(data):
        return msgspec.json.encode(map_leaves(value, _whole), order="deterministic")
    return data


def _whole(leaf: Any) -> Any:  # noqa: ANN401 (JSON)
    return int(leaf) if isinstance(leaf, float) and leaf.is_integer() else leaf


def normalise(request: Request, route: Route | None, present: tuple[bytes, ...] | None = None) -> Form:
    """What of a request counts, less what its route leaves out; `present` are its `conditions` where they are known."""
    ignore = () if route is None else route.ignore
    compare = () if route is None else route.compare
    return Form(
        method=request.method,
        path=_normalise_path(request.path),
        query=_sort_pairs(request.query, [place.name for place in ignore if place.kind == "query"]),
        body=_normalise_body(request, ignore),
        headers=tuple(_values(request.headers, name) for name in compare),
        conditional=conditions(request.headers) if present is None else present,
    )


def conditions(headers: Headers) -> tuple[bytes, ...]:
    """The conditional headers that are present, in lower case, each once."""
    # The first letters sort nearly every header out before it is put into lower case.
    found = [lower for name, _ in headers if name[:1] in b"rRiI" and (lower := name.lower()) in CONDITIONAL]
    return tuple(sorted(set(found))) if found else ()


def _values(headers: Headers, name: bytes) -> tuple[bytes, ...]:
    return tuple(value for key, value in headers if key.lower() == name)


def _normalise_path(path: str) -> str:
    """Equal for paths that differ in nothing but superfluous escapes (RFC 3986 section 6.2.2)."""
    if "%" not in path:
        return path

    def unescape(found: re.Match[str]) -> str:
        byte = int(found[1], 16)
        return chr(byte) if byte in _UNRESERVED else f"%{byte:02X}"

    return _ESCAPE.sub(unescape, path)


def _sort_pairs(text: str, leave_out: list[str]) -> tuple[tuple[str, str], ...]:
    """The pairs of a query or form by name; those of one name keep their order."""
    if not text:
        return ()
    pairs = parse_qsl(text, keep_blank_values=True, errors="surrogateescape")
    return tuple(sorted((pair for pair in pairs if pair[0] not in leave_out), key=lambda pair: pair[0]))


def _normalise_body(request: Request, ignore: tuple[Place, ...]) -> Body:
    if request.omitted is not None:
        known = request.omitted.sha256
        return Body("omitted", (request.omitted.size, known)) if known else ANY_BODY
    data = request.body
    if not data:
        return Body("none")
    coding = find_header(request.headers, b"content-encoding")
    if coding is not None:
        plain = bodies.uncode(data, bodies.codings(coding.decode("latin-1")), _MAX_BODY)
        data = data if plain is None else plain
    media_type = (find_header(request.headers, b"content-type") or b"").decode("latin-1")
    essence = media_type.partition(";")[0].strip().lower()
    # Clients label JSON as a form (curl's -d does), or not at all: what reads as JSON is compared as JSON.
    if essence.endswith(("/json", "+json")) or data.lstrip()[:1] in (b"{", b"["):
        document = _normalise_json(data, ignore)
        if document is not None:
            return document
    if essence == "application/x-www-form-urlencoded":
        leave_out = [place.name for place in ignore if place.kind == "form"]
        return Body("form", _sort_pairs(data.decode("utf-8", "surrogateescape"), leave_out))
    if essence.startswith("multipart/") and (found := _BOUNDARY.search(media_type)):
        return Body("multipart", data.replace((found[1] or found[2]).encode("latin-1"), b"boundary"))
    return Body("bytes", data)


def _normalise_json(data: bytes, ignore: tuple[Place, ...]) -> Body | None:
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    for place in ignore:
        if place.path is not None:
            value = jsonpath.without(value, place.path)
    return Body("json", value)


@dataclass(frozen=True, slots=True)
class Difference:
    """A part in which a live request differs from a recorded one; None where one of them lacks it.

    `where` is `method`, `path`, `query:NAME`, `header:NAME`, `form:NAME`, `body`, or a JSON path.
    """

    where: str
    expected: str | None
    found: str | None


def compare(expected: Form, found: Form, compared: tuple[bytes, ...]) -> tuple[Difference, ...]:
    """Every part in which two requests differ; `compared` names the headers that count."""
    differences: list[Difference] = []
    if expected.method != found.method:
        differences.append(Difference("method", expected.method, found.method))
    if expected.path != found.path:
        differences.append(Difference("path", expected.path, found.path))
    differences += _compare_pairs("query", expected.query, found.query)
    for name, wanted, got in zip(compared, expected.headers, found.headers, strict=False):
        if wanted != got:
            differences.append(Difference(f"header:{name.decode('latin-1')}", _join(wanted), _join(got)))
    for name in CONDITIONAL:
        if (name in expected.conditional) != (name in found.conditional):
            shown = ["present" if name in form.conditional else None for form in (expected, found)]
            differences.append(Difference(f"header:{name.decode()}", shown[0], shown[1]))
    differences += _compare_bodies(expected.body, found.body)
    return tuple(differences)


def _join(values: tuple[bytes, ...]) -> str | None:
    return ", ".join(value.decode("latin-1") for value in values) if values else None


def _compare_pairs(
    kind: str, expected: tuple[tuple[str, str], ...], found: tuple[tuple[str, str], ...]
) -> list[Difference]:
    differences = []
    for name in dict.fromkeys(name for name, _ in (*expected, *found)):
        wanted = [value for key, value in expected if key == name]
        got = [value for key, value in found if key == name]
        if wanted != got:
            differences.append(
                Difference(f"{kind}:{name}", ", ".join(wanted) if wanted else None, ", ".join(got) if got else None),
            )
    return differences


def _compare_bodies(expected: Body, found: Body) -> list[Difference]:
    if expected.kind == "any":
        return []
    if expected.kind != found.kind:
        return [Difference("body", _describe(expected), _describe(found))]
    match expected.kind:
        case "json":
            return _compare_json("$", expected.value, found.value)
        case "form":
            return _compare_pairs("form", expected.value, found.value)
        case _ if expected.value != found.value:
            wanted, got = _describe(expected), _describe(found)
            return [Difference("body", wanted, f"{got} of other content" if wanted == got else got)]
        case _:
            return []


def _describe(body: Body) -> str | None:
    """A body in short; without a digest, from which a short secret in it could be guessed."""
    match body.kind:
        case "none" | "any":
            return None
        case "json":
            return encode_json(body.value).decode()
        case "omitted":
            return f"{body.value[0]} bytes"
        case "form":
            return "a form"
        case _ if len(body.value) <= _SHOWN and _is_text(body.value):
            return str(body.value, "utf-8")
        case _:
            return f"{len(body.value)} bytes"


def _is_text(data: bytes) -> bool:
    try:
        return data.decode().isprintable()
    except UnicodeDecodeError:
        return False


_ABSENT = object()


def _compare_json(path: str, expected: Any, found: Any) -> list[Difference]:  # noqa: ANN401 (JSON)
    match expected, found:
        case dict(), dict():
            keys: list[Any] = list(dict.fromkeys((*expected, *found)))
            pairs = [(key, expected.get(key, _ABSENT), found.get(key, _ABSENT)) for key in keys]
        case list(), list():
            pairs = [
                (
                    index,
                    expected[index] if index < len(expected) else _ABSENT,
                    found[index] if index < len(found) else _ABSENT,
                )
                for index in range(max(len(expected), len(found)))
            ]
        case _ if type(expected) is bool or type(found) is bool or expected is _ABSENT or found is _ABSENT:
            return [] if expected is found else [Difference(path, _spell(expected), _spell(found))]
        case _:
            return [] if expected == found else [Difference(path, _spell(expected), _spell(found))]
    return [
        difference for key, left, right in pairs for difference in _compare_json(jsonpath.child(path, key), left, right)
    ]


def _spell(value: Any) -> str | None:  # noqa: ANN401 (JSON)
    return None if value is _ABSENT else msgspec.json.encode(value).decode()
