"""Places where a secret may stand in a call: what is asked, and what the upstream answers."""

import base64
import gzip
import html
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

import brotli  # type: ignore[import-untyped]

FORM = "application/x-www-form-urlencoded"


@dataclass
class Call:
    """One call with its answer; `pieces` is the answer's body in the pieces in which it comes."""

    method: str = "GET"
    target: str = "/"
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    status: int = 200
    told: list[tuple[str, str]] = field(default_factory=list)
    pieces: list[bytes] = field(default_factory=list)


type Place = Callable[[str], Call]


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _post(body: bytes, kind: str = "application/json", **more: object) -> Call:
    return Call("POST", headers=[("Content-Type", kind)], body=body, **more)  # type: ignore[arg-type]


def _answer(body: bytes, kind: str = "application/json", *told: tuple[str, str], status: int = 200) -> Call:
    return Call(told=[("Content-Type", kind), *told], pieces=[body], status=status)


def _header(value: str) -> str:
    return value.encode().decode("latin-1")


def _multipart(name: str, value: str) -> Call:
    body = f'--b1\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n--b1--\r\n'
    return _post(body.encode(), "multipart/form-data; boundary=b1")


def _cut(text: bytes, value: str) -> list[bytes]:
    at = text.find(value.encode()[:4]) + 3
    return [text[:at], text[at:]]


NAMED: dict[str, Place] = {
    "header": lambda v: Call(headers=[("X-Api-Key", _header(v))]),
    "header of an answer": lambda v: Call(told=[("X-Auth-Token", _header(v))]),
    "Bearer": lambda v: Call(headers=[("Authorization", f"Bearer {_header(v)}")]),
    "Basic": lambda v: Call(headers=[("Authorization", "Basic " + base64.b64encode(f"user:{v}".encode()).decode())]),
    "cookie": lambda v: Call(headers=[("Cookie", f"theme=dark; sid={quote(v)}; a=1")]),
    "Set-Cookie": lambda v: Call(told=[("Set-Cookie", f"sid={quote(v)}; Path=/; HttpOnly")]),
    "query": lambda v: Call(target=f"/?page=2&api_key={quote_plus(v)}&x=1"),
    "query in a Location": lambda v: Call(
        told=[("Location", f"http://elsewhere.example/cb?access_token={quote(v, safe='')}")]
    ),
    "form": lambda v: _post(f"grant=a&client_secret={quote_plus(v)}&x=1".encode(), FORM),
    "multipart": lambda v: _multipart("password", v),
    "member": lambda v: _post(_json({"user": "a", "password": v})),
    "member of an answer": lambda v: _answer(_json({"ok": True, "adminToken": v})),
    "deep member": lambda v: _answer(_json({"a": [{"b": {"client_secret": v}}]})),
    "container": lambda v: _answer(_json({"credentials": {"user": "x", "value": v}, "secrets": [v]})),
    "JSON in JSON": lambda v: _answer(_json({"event": json.dumps({"detail": {"privateKey": v}})})),
    "JSON in JSON in JSON": lambda v: _post(_json({"e": json.dumps({"f": json.dumps({"secret": v})})})),
    "name and value": lambda v: _answer(
        _json({"env": [{"name": "DB_PASSWORD", "value": v}, {"name": "A", "value": "b"}]})
    ),
    "XML": lambda v: _answer(f"<r><SecretAccessKey>{html.escape(v)}</SecretAccessKey></r>".encode(), "application/xml"),
    "HTML": lambda v: _answer(
        f'<form><input type=hidden name="csrf_token" value="{html.escape(v)}"></form>'.encode(), "text/html"
    ),
    "error": lambda v: _answer(_json({"error": "denied", "session_token": v}), status=403),
    "gzip": lambda v: _answer(gzip.compress(_json({"api_key": v})), "application/json", ("Content-Encoding", "gzip")),
    "brotli": lambda v: _answer(brotli.compress(_json({"token": v})), "application/json", ("Content-Encoding", "br")),
    "deflate": lambda v: _answer(
        zlib.compress(_json({"token": v})), "application/json", ("Content-Encoding", "deflate")
    ),
    "upload in gzip": lambda v: Call(
        "POST",
        headers=[("Content-Type", "application/json"), ("Content-Encoding", "gzip")],
        body=gzip.compress(_json({"password": v})),
    ),
    "events": lambda v: Call(
        told=[("Content-Type", "text/event-stream")],
        pieces=_cut(f"data: {json.dumps({'token': v})}\n\n".encode(), json.dumps(v)[1:5]),
    ),
    "large answer": lambda v: _answer(_json({"pad": ["x" * 50] * 4000, "password": v})),
}
"""Where the name of the place says what stands there."""

ANYWHERE: dict[str, Place] = {
    "header": lambda v: Call(headers=[("X-Note", f"see {_header(v)} there")]),
    "header of an answer": lambda v: Call(told=[("X-Info", f"see {_header(v)}")]),
    "query": lambda v: Call(target=f"/?note={quote(v, safe='')}&n=1"),
    "path": lambda v: Call(target=f"/p/{quote(v, safe='')}/x"),
    "member": lambda v: _post(_json({"a": [{"note": f"before {v} after"}]})),
    "member of an answer": lambda v: _answer(_json({"text": f"it is {v}, so"})),
    "JSON in JSON": lambda v: _answer(_json({"log": json.dumps({"line": f"got {v}"})})),
    "form": lambda v: _post(f"note={quote_plus(v)}&x=1".encode(), FORM),
    "multipart": lambda v: _multipart("note", v),
    "console": lambda v: _answer(f"starting\nusing {v}\ndone\n".encode(), "text/plain"),
    "XML": lambda v: _answer(f"<r><note>{html.escape(v)}</note></r>".encode(), "application/xml"),
    "HTML": lambda v: _answer(f"<p>{html.escape(v)}</p>".encode(), "text/html"),
    "gzip": lambda v: _answer(gzip.compress(_json({"note": v})), "application/json", ("Content-Encoding", "gzip")),
    "events": lambda v: Call(
        told=[("Content-Type", "text/event-stream")],
        pieces=_cut(f"data: {json.dumps(v)}\n\n".encode(), json.dumps(v)[1:5]),
    ),
    "URL in JSON": lambda v: _answer(_json({"next": f"http://x.example/?q={quote(v, safe='')}"})),
    "error": lambda v: _answer(_json({"message": f"no {v}"}), status=404),
    "binary": lambda v: _answer(b"\x00\xff\xfe" + v.encode() + b"\x00", "application/octet-stream"),
    "binary in gzip": lambda v: _answer(gzip.compress(b"\x00\x01" + v.encode()), "application/gzip"),
    "coding that is none": lambda v: _answer(b"\x00" + v.encode(), "text/plain", ("Content-Encoding", "zip")),
}
"""Where nothing but the secret itself, or another call, says what it is."""

ENCODED: dict[str, Place] = {
    "hex": lambda v: _answer(f"dump {v.encode().hex()} end".encode(), "text/plain"),
    "base64": lambda v: _answer(_json({"data": base64.b64encode(v.encode()).decode()})),
    "base64 one byte in": lambda v: _answer(_json({"data": base64.b64encode(b"x" + v.encode() + b"yz").decode()})),
    "base64 two bytes in": lambda v: _post(_json({"data": base64.b64encode(b"xy" + v.encode()).decode()})),
    "base64url": lambda v: _answer(_json({"data": base64.urlsafe_b64encode(b"??" + v.encode()).decode()})),
}
"""Where a known secret stands in another form."""
