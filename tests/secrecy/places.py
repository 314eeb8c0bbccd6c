"""Places where a secret may stand in a call: what is asked, and what the upstream answers."""

import base64
import gzip
import html
import json
import zlib
from urllib.parse import quote, quote_plus

import brotli  # type: ignore[import-untyped]
import zstandard

from tests.secrecy.calls import (
    FORM,
    Call,
    Place,
    answer,
    coded,
    coded64,
    cut_everywhere,
    dump,
    events,
    is_bare,
    is_line,
    is_name,
    is_quotable,
    latin,
    multipart,
    post,
    text,
    urlcoded,
)

_JSON = "application/json"


def _deflate(body: bytes) -> bytes:
    return zlib.compress(body, wbits=-15)


def _escape_all(value: str) -> str:
    """A value as JSON in which each character is escaped."""
    units = value.encode("utf-16-be")
    return "".join(f"\\u{int.from_bytes(units[at : at + 2]):04x}" for at in range(0, len(units), 2))


def _percent_all(value: str) -> str:
    return "".join(f"%{byte:02X}" for byte in value.encode())


def _block(value: str) -> bytes:
    """A value as a field of protobuf: a tag, its length, its bytes."""
    data = value.encode()
    size = bytes([len(data)]) if len(data) < 128 else bytes([len(data) % 128 + 128, len(data) // 128])
    return b"\x0a" + size + data


def _claims(claims: object) -> str:
    parts = (b'{"alg":"none"}', dump(claims), b"0123456789")
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def _link(url: str) -> str:
    return f'<{url}>; rel="next"'


def _quoted(value: str) -> str:
    return latin(value).replace("\\", "\\\\").replace('"', '\\"')


NAMED: dict[str, Place] = {
    # Headers of the request.
    "X-Api-Key": Place(lambda v: Call(headers=[("X-Api-Key", latin(v))]), is_line),
    "header of a vendor": Place(lambda v: Call(headers=[("X-Molecule-Admin-Token", latin(v))]), is_line),
    "PRIVATE-TOKEN": Place(lambda v: Call(headers=[("PRIVATE-TOKEN", latin(v))]), is_line),
    "Bearer": Place(lambda v: Call(headers=[("Authorization", f"Bearer {latin(v)}")]), is_line),
    "bearer in lower case": Place(lambda v: Call(headers=[("authorization", f"bearer  {latin(v)}")]), is_line),
    "Basic": Place(lambda v: Call(headers=[("Authorization", "Basic " + coded64(f"user:{v}"))])),
    "Basic to a proxy": Place(lambda v: Call(headers=[("Proxy-Authorization", "Basic " + coded64(f"u:{v}"))])),
    "Digest": Place(
        lambda v: Call(headers=[("Authorization", f'Digest username="a", realm="r", response="{_quoted(v)}"')]), is_line
    ),
    "no scheme": Place(lambda v: Call(headers=[("Authorization", latin(v))]), is_line),
    "cookie": Place(lambda v: Call(headers=[("Cookie", f"theme=dark; sid={quote(v)}; a=1")])),
    "cookie with quotes": Place(lambda v: Call(headers=[("Cookie", f'a=1; session="{latin(v)}"')]), is_quotable),
    "Referer": Place(lambda v: Call(headers=[("Referer", f"http://e.example/cb?access_token={urlcoded(v)}&a=1")])),
    "comment of the User-Agent": Place(
        lambda v: Call(headers=[("User-Agent", f"agent/1.0 (linux; token={latin(v)}; x64)")]), is_bare
    ),
    "header again": Place(lambda v: Call(headers=[("X-Auth-Token", "undefined"), ("X-Auth-Token", latin(v))]), is_line),
    "trailer": Place(
        lambda v: Call(
            "POST", headers=[("Trailer", "X-Api-Key")], parts=[b"a", b"b"], trailers=[("X-Api-Key", latin(v))]
        ),
        is_line,
    ),
    "upgrade": Place(
        lambda v: Call(
            headers=[("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Authorization", f"Bearer {latin(v)}")]
        ),
        is_line,
    ),
    # Headers of the answer.
    "X-Auth-Token of the answer": Place(lambda v: Call(told=[("X-Auth-Token", latin(v))]), is_line),
    "Set-Cookie": Place(lambda v: Call(told=[("Set-Cookie", f"sid={quote(v)}; Path=/; HttpOnly")])),
    "Set-Cookie twice": Place(
        lambda v: Call(told=[("Set-Cookie", "a=b"), ("Set-Cookie", f'auth="{latin(v)}"; Secure')]), is_quotable
    ),
    "Location": Place(
        lambda v: Call(status=302, told=[("Location", f"http://e.example/cb?access_token={urlcoded(v)}")])
    ),
    "fragment of the Location": Place(
        lambda v: Call(status=302, told=[("Location", f"/cb#state=1&access_token={urlcoded(v)}&token_type=bearer")])
    ),
    "userinfo of the Location": Place(
        lambda v: Call(status=307, told=[("Location", f"http://user:{urlcoded(v)}@e.example/")])
    ),
    "Link": Place(lambda v: Call(told=[("Link", _link(f"http://e.example/l?api_key={urlcoded(v)}&p=2"))])),
    "Refresh": Place(lambda v: Call(told=[("Refresh", f"0; url=/next?session_token={urlcoded(v)}")])),
    "WWW-Authenticate": Place(
        lambda v: Call(status=401, told=[("WWW-Authenticate", f'Custom realm="a", token="{_quoted(v)}"')]), is_line
    ),
    "Authentication-Info": Place(lambda v: Call(told=[("X-Info", f"user=a; password={latin(v)}; b=1")]), is_bare),
    "trailer of the answer": Place(
        lambda v: Call(told=[("Trailer", "X-Token")], pieces=[b"a", b"b"], told_last=[("X-Token", latin(v))]), is_line
    ),
    # The target.
    "query": Place(lambda v: Call(target=f"/?page=2&api_key={quote_plus(v)}&x=1")),
    "query in lower case": Place(
        lambda v: Call(target=f"/?Token={''.join(f'%{byte:02x}' for byte in v.encode())}&x=1")
    ),
    "query with brackets": Place(lambda v: Call(target=f"/?user[password]={urlcoded(v)}&user[name]=a")),
    "query with an escaped name": Place(lambda v: Call(target=f"/?a=1&api%5Fkey={urlcoded(v)}")),
    "query with semicolons": Place(lambda v: Call(target=f"/?a=1;password={urlcoded(v)};b=2")),
    "query within a query": Place(
        lambda v: Call(target=f"/?next={urlcoded('http://e.example/?access_token=' + urlcoded(v))}&b=2")
    ),
    "fragment": Place(lambda v: Call(target=f"/#access_token={urlcoded(v)}")),
    "parameter of the path": Place(lambda v: Call(target=f"/x;jsessionid={urlcoded(v)}?a=1")),
    "userinfo of the target": Place(lambda v: Call(before=f"http://user:{urlcoded(v)}@front")),
    "CONNECT": Place(
        lambda v: Call(
            raw=f"CONNECT user:{urlcoded(v)}@e.example:443 HTTP/1.1\r\nHost: e.example\r\nConnection: close\r\n\r\n",
            reaches=False,
        )
    ),
    "Proxy-Authorization of CONNECT": Place(
        lambda v: Call(
            raw="CONNECT e.example:443 HTTP/1.1\r\nHost: e.example\r\nConnection: close\r\n"
            f"Proxy-Authorization: Basic {coded64(f'a:{v}')}\r\n\r\n",
            reaches=False,
        )
    ),
    # Forms.
    "form": Place(lambda v: post(f"grant=a&client_secret={quote_plus(v)}&x=1".encode(), FORM)),
    "form with brackets": Place(lambda v: post(f"a[b][password]={urlcoded(v)}".encode(), FORM)),
    "JSON in a form": Place(lambda v: post(f"payload={quote_plus(json.dumps({'token': v}))}&x=1".encode(), FORM)),
    "form of an answer": Place(lambda v: answer(f"oauth_token_secret={urlcoded(v)}&a=b".encode(), FORM)),
    "multipart": Place(lambda v: multipart(('name="a"', "", "b"), ('name="password"', "", v))),
    "file of a multipart": Place(
        lambda v: multipart(
            ('name="f"; filename="a.json"', "Content-Type: application/json\r\n", json.dumps({"secret": v}))
        )
    ),
    "environment in a multipart": Place(
        lambda v: multipart(('name="f"; filename=".env"', "", f"A=b\nAPI_TOKEN={v}\nC=d")), is_bare
    ),
    # JSON.
    "member": Place(lambda v: post(dump({"user": "a", "password": v}))),
    "member of an answer": Place(lambda v: answer(dump({"ok": True, "adminToken": v}))),
    "member in UTF-8": Place(lambda v: answer(json.dumps({"secret": v}, ensure_ascii=False).encode())),
    "member with all escaped": Place(lambda v: text(f'{{"a": 1, "api_key": "{_escape_all(v)}"}}', _JSON)),
    "member whose name is escaped": Place(lambda v: text(f'{{"a": 1, "pa\\u0073sword": {json.dumps(v)}}}', _JSON)),
    "member with slashes escaped": Place(lambda v: text(json.dumps({"client_secret": v}).replace("/", "\\/"), _JSON)),
    "deep member": Place(lambda v: answer(dump({"a": [{"b": {"client_secret": v}}]}))),
    "very deep member": Place(lambda v: answer(b'{"a":[' * 40 + dump({"token": v}) + b"]}" * 40)),
    "elements": Place(lambda v: answer(dump({"passwords": ["a1", v], "n": 1}))),
    "container": Place(lambda v: answer(dump({"credentials": {"user": "x", "value": v}, "secrets": [v]}))),
    "JSON in JSON": Place(lambda v: answer(dump({"event": json.dumps({"detail": {"privateKey": v}})}))),
    "JSON in JSON in JSON": Place(lambda v: post(dump({"e": json.dumps({"f": json.dumps({"secret": v})})}))),
    "name and value": Place(
        lambda v: answer(dump({"env": [{"name": "DB_PASSWORD", "value": v}, {"name": "A", "value": "b"}]}))
    ),
    "value and name": Place(lambda v: post(dump({"vars": [{"value": v, "type": "env", "key": "API_TOKEN"}]}))),
    "indented": Place(lambda v: answer(json.dumps({"a": {"access_token": v}}, indent=4).encode())),
    "lines of JSON": Place(
        lambda v: answer(dump({"a": 1}) + b"\n" + dump({"token": v}) + b"\n", "application/x-ndjson")
    ),
    "guarded JSON": Place(lambda v: answer(b")]}',\n" + dump({"secret": v}))),
    "JSON with a mark": Place(lambda v: answer(b"\xef\xbb\xbf" + dump({"secret": v}))),
    "JSON without a type": Place(lambda v: Call(pieces=[dump({"password": v})])),
    "large answer": Place(lambda v: answer(dump({"pad": ["x" * 50] * 4000, "password": v}))),
    "Kubernetes secret": Place(
        lambda v: answer(dump({"kind": "Secret", "data": {"password": coded64(v)}, "type": "Opaque"}))
    ),
    "Docker login": Place(lambda v: post(dump({"auths": {"r.example": {"auth": coded64(f"u:{v}")}}}))),
    # Texts.
    "console": Place(lambda v: text(f"starting\npassword={v}\ndone\n"), is_bare),
    "export": Place(lambda v: text(f'set -e\nexport API_KEY="{v}"\nrun\n'), is_quotable),
    "flag": Place(lambda v: text(f"+ deploy --user a --password {v} --verbose\n"), is_bare),
    "header in a log": Place(
        lambda v: text(f"> GET / HTTP/1.1\n> Authorization: Bearer {v}\n> Accept: */*\n"), is_quotable
    ),
    "login of curl": Place(lambda v: text(f"+ curl -sS -u admin:{v} https://e.example/\n"), is_bare),
    "password of a URL in a text": Place(lambda v: text(f"cloning https://bot:{urlcoded(v)}@git.example/a.git\n")),
    "YAML": Place(lambda v: text(f"db:\n  user: a\n  password: {v}\n  port: 1\n", "application/yaml"), is_bare),
    "YAML with quotes": Place(lambda v: text(f'- token: "{v}"\n  a: b\n', "application/yaml"), is_quotable),
    "ini": Place(lambda v: text(f"[db]\nuser = a\npassword = {v}\n"), is_bare),
    "TOML": Place(lambda v: text(f'[db]\npassword = "{v}"\n', "application/toml"), is_quotable),
    "properties": Place(lambda v: text(f"db.user=a\ndb.password={v}\n"), is_bare),
    "JavaScript": Place(lambda v: text(f"var a = 1, apiKey = '{v}';\n", "text/javascript"), is_quotable),
    "member of JavaScript": Place(lambda v: text(f'init({{user: "a", password: "{v}"}});\n'), is_quotable),
    "netrc": Place(lambda v: text(f"machine e.example login a password {v}\n"), is_bare),
    "column of CSV": Place(lambda v: text(f"user,password,age\r\na,{v},3\r\n", "text/csv"), is_bare),
    "XML": Place(lambda v: text(f"<r><SecretAccessKey>{html.escape(v)}</SecretAccessKey></r>", "application/xml")),
    "attribute of XML": Place(lambda v: text(f'<r a="b" password="{html.escape(v)}"/>', "application/xml")),
    "CDATA": Place(lambda v: text(f"<r><Password><![CDATA[{v}]]></Password></r>", "application/xml")),
    "upload of XML": Place(lambda v: post(f"<a><token>{html.escape(v)}</token></a>".encode(), "application/xml")),
    "HTML": Place(
        lambda v: text(f'<form><input type=hidden name="csrf_token" value="{html.escape(v)}"></form>', "text/html")
    ),
    "meta of HTML": Place(
        lambda v: text(f'<head><meta name="csrf-token" content="{html.escape(v)}"></head>', "text/html")
    ),
    "script of HTML": Place(
        lambda v: text(f'<script>window.x = {{"apiToken": {json.dumps(v)}}};</script>', "text/html")
    ),
    "UTF-16": Place(lambda v: Call(pieces=[json.dumps({"password": v}).encode("utf-16")], kept=False)),
    "UTF-16 beyond ASCII": Place(
        lambda v: Call(
            told=[("Content-Type", "text/plain; charset=utf-16")],
            pieces=[f"password={v}\n".encode("utf-16-le")],
            kept=False,
        ),
        lambda v: not v.isascii() and is_line(v),
    ),
    "latin-1": Place(
        lambda v: Call(
            told=[("Content-Type", "text/plain; charset=latin-1")],
            pieces=[f'f\xfcr password="{v}" \xe4\n'.encode("latin-1")],
            kept=False,
        ),
        lambda v: is_quotable(v) and v.isascii(),
    ),
    # Compressed, in chunks, in events, and where something went wrong.
    "error": Place(lambda v: answer(dump({"error": "denied", "session_token": v}), status=403)),
    "error in HTML": Place(
        lambda v: answer(
            f"<pre>KeyError at password=&quot;{html.escape(v)}&quot;</pre>".encode(), "text/html", status=500
        ),
        is_quotable,
    ),
    "gzip": Place(lambda v: coded(gzip.compress(dump({"api_key": v})), "gzip")),
    "brotli": Place(lambda v: coded(brotli.compress(dump({"token": v})), "br")),
    "zstd": Place(lambda v: coded(zstandard.compress(dump({"token": v})), "zstd")),
    "deflate": Place(lambda v: coded(zlib.compress(dump({"token": v})), "deflate")),
    "raw deflate": Place(lambda v: coded(_deflate(dump({"token": v})), "deflate")),
    "gzip in brotli": Place(lambda v: coded(brotli.compress(gzip.compress(dump({"token": v}))), "gzip, br")),
    "upload in gzip": Place(lambda v: post(gzip.compress(dump({"password": v})), _JSON, ("Content-Encoding", "gzip"))),
    "upload in brotli": Place(
        lambda v: post(brotli.compress(f"client_secret={urlcoded(v)}".encode()), FORM, ("Content-Encoding", "br"))
    ),
    "chunks of a byte": Place(
        lambda v: Call(told=[("Content-Type", _JSON)], pieces=cut_everywhere(dump({"password": v}))),
        lambda v: len(v) < 100,
    ),
    "upload in chunks of a byte": Place(
        lambda v: Call("POST", headers=[("Content-Type", _JSON)], parts=cut_everywhere(dump({"password": v}))),
        lambda v: len(v) < 100,
    ),
    "events": Place(lambda v: events(json.dumps({"a": 1}), json.dumps({"token": v}))),
    "lines of one event": Place(
        lambda v: Call(
            told=[("Content-Type", "text/event-stream")],
            pieces=[b'event: x\ndata: {"a": 1,\ndata: "token": ', dump(v), b"}\n\n"],
        )
    ),
    # What the config names.
    "name of the config": Place(lambda v: post(dump({"pin": v}))),
    "name of the config in an answer": Place(lambda v: answer(dump({"a": {"pin": v}}))),
    "header of the config": Place(lambda v: Call(headers=[("X-Badge", latin(v))]), is_line),
    "parameter of the config": Place(lambda v: Call(target=f"/?a=1&k={urlcoded(v)}")),
    "field of the config": Place(lambda v: post(f"a=1&code={quote_plus(v)}".encode(), FORM)),
    "path of the config": Place(lambda v: post(dump({"user": {"answer": v}}))),
}
"""Where the name of the place says what stands there."""

ANYWHERE: dict[str, Place] = {
    # The request's head.
    "header": Place(lambda v: Call(headers=[("X-Note", f"see {latin(v)} there")]), is_line),
    "User-Agent": Place(lambda v: Call(headers=[("User-Agent", f"agent/1.0 (via {latin(v)}; x64)")]), is_line),
    "Referer": Place(lambda v: Call(headers=[("Referer", f"http://e.example/a?q={urlcoded(v)}")])),
    "Forwarded": Place(lambda v: Call(headers=[("Forwarded", f'for="{_quoted(v)}";proto=http')]), is_line),
    "WebSocket protocol": Place(
        lambda v: Call(
            headers=[
                ("Connection", "Upgrade"),
                ("Upgrade", "websocket"),
                ("Sec-WebSocket-Protocol", f"base64url.bearer.example, {latin(v)}"),
            ]
        ),
        is_bare,
    ),
    "trailer": Place(lambda v: Call("POST", parts=[b"a", b"b"], trailers=[("X-Note", f"see {latin(v)}")]), is_line),
    "name of a header": Place(lambda v: Call(headers=[(v, "1")]), is_name),
    "method": Place(lambda v: Call(method=v, reaches=False), lambda v: is_name(v) and v[:1].isalpha()),
    "session": Place(lambda v: Call(headers=[("X-Cpproxy-Session", v)]), lambda v: is_name(v) and len(v) <= 64),
    "query": Place(lambda v: Call(target=f"/?note={urlcoded(v)}&n=1")),
    "query without a name": Place(lambda v: Call(target=f"/?{urlcoded(v)}")),
    "name of a parameter": Place(lambda v: Call(target=f"/?a=1&{urlcoded(v)}=1")),
    "query escaped twice": Place(lambda v: Call(target=f"/?u={urlcoded(urlcoded(v))}")),
    "query all escaped": Place(lambda v: Call(target=f"/?u={_percent_all(v)}")),
    "path": Place(lambda v: Call(target=f"/p/{urlcoded(v)}/x")),
    "path with an ending": Place(lambda v: Call(target=f"/files/{urlcoded(v)}.json")),
    "path within a segment": Place(lambda v: Call(target=f"/files/of:{urlcoded(v)}:1")),
    "fragment": Place(lambda v: Call(target=f"/#{urlcoded(v)}")),
    "userinfo of the target": Place(lambda v: Call(before=f"http://{urlcoded(v)}@front")),
    "CONNECT": Place(
        lambda v: Call(
            raw=f"CONNECT {urlcoded(v)}.e.example:443 HTTP/1.1\r\nHost: e.example\r\nConnection: close\r\n\r\n",
            reaches=False,
        )
    ),
    "target that is none": Place(
        lambda v: Call(
            raw=f"GET ftp://e.example{{path}}/{urlcoded(v)} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            reaches=False,
        )
    ),
    "header without a colon": Place(
        lambda v: Call(
            raw=f"GET {{path}}/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{latin(v)}\r\n\r\n", reaches=False
        ),
        lambda v: is_line(v) and ":" not in v,
    ),
    "version that is none": Place(
        lambda v: Call(
            raw=f"GET {{path}}/{urlcoded(v)} HTTP/7.{latin(v)}\r\nHost: a\r\nConnection: close\r\n\r\n", reaches=False
        ),
        is_line,
    ),
    "length that is none": Place(
        lambda v: Call(
            raw=f"POST {{path}}/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {latin(v)}\r\n\r\n",
            reaches=False,
        ),
        is_line,
    ),
    "coding of the transfer": Place(
        lambda v: Call(
            raw="POST {path}/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
            f"Transfer-Encoding: {latin(v)}, chunked\r\n\r\n0\r\n\r\n",
            reaches=False,
        ),
        is_line,
    ),
    "Host": Place(
        lambda v: Call(raw=f"GET {{path}}/ HTTP/1.1\r\nHost: {v}.e.example\r\nConnection: close\r\n\r\n"), is_name
    ),
    # The answer's head.
    "header of an answer": Place(lambda v: Call(told=[("X-Info", f"see {latin(v)}")]), is_line),
    "Location": Place(lambda v: Call(status=302, told=[("Location", f"/a/{urlcoded(v)}?b=1")])),
    "Link": Place(lambda v: Call(told=[("Link", _link(f"http://e.example/l?q={urlcoded(v)}"))])),
    "WWW-Authenticate": Place(
        lambda v: Call(status=401, told=[("WWW-Authenticate", f'Bearer error_description="bad {_quoted(v)}"')]), is_line
    ),
    "Warning": Place(lambda v: Call(told=[("Warning", f'199 - "no {_quoted(v)}"')]), is_line),
    "name of a header of an answer": Place(lambda v: Call(told=[(v, "1")]), is_name),
    "Content-Disposition": Place(
        lambda v: Call(told=[("Content-Disposition", f'attachment; filename="{latin(v)}.zip"')]), is_quotable
    ),
    "reason": Place(lambda v: Call(status=403, reason=f"No {latin(v)}"), is_line),
    "trailer of an answer": Place(
        lambda v: Call(pieces=[b"a", b"b"], told_last=[("X-Note", f"see {latin(v)}")]), is_line
    ),
    # Bodies.
    "member": Place(lambda v: post(dump({"a": [{"note": f"before {v} after"}]}))),
    "member of an answer": Place(lambda v: answer(dump({"text": f"it is {v}, so"}))),
    "element": Place(lambda v: answer(dump({"list": ["a", v, 3]}))),
    "name of a member": Place(lambda v: answer(dump({"by": {v: {"n": 1}}}))),
    "all of the body": Place(lambda v: answer(dump([v])[1:-1])),
    "member with all escaped": Place(lambda v: text(f'{{"text": "{_escape_all(v)}"}}', _JSON)),
    "JSON in JSON": Place(lambda v: answer(dump({"log": json.dumps({"line": f"got {v}"})}))),
    "JSON in JSON in JSON": Place(lambda v: post(dump({"e": json.dumps({"f": json.dumps({"g": v})})}))),
    "URL in JSON": Place(lambda v: answer(dump({"next": f"http://x.example/?q={urlcoded(v)}"}))),
    "lines of JSON": Place(lambda v: answer(dump({"a": 1}) + b"\n" + dump({"x": v}) + b"\n", "application/x-ndjson")),
    "form": Place(lambda v: post(f"note={quote_plus(v)}&x=1".encode(), FORM)),
    "multipart": Place(lambda v: multipart(('name="note"', "", v))),
    "name of a file": Place(lambda v: multipart((f'name="f"; filename="{urlcoded(v)}.txt"', "", "a"))),
    "file of a multipart": Place(
        lambda v: multipart(('name="f"; filename="a.txt"', "Content-Type: text/plain\r\n", f"one\n{v}\nthree"))
    ),
    "text": Place(lambda v: post(f"see {v} there".encode(), "text/plain")),
    "console": Place(lambda v: text(f"starting\nusing {v}\ndone\n")),
    "colours": Place(lambda v: text(f"using \x1b[31m{v}\x1b[0m now\n"), is_line),
    "YAML": Place(lambda v: text(f"a:\n  - b: {v}\n", "application/yaml"), is_line),
    "CSV": Place(lambda v: text(f"a,b,c\r\n1,{v},3\r\n", "text/csv"), is_bare),
    "XML": Place(lambda v: text(f"<r><note>{html.escape(v)}</note></r>", "application/xml")),
    "XML with numbers for letters": Place(
        lambda v: text("<r><note>" + "".join(f"&#{ord(one)};" for one in v) + "</note></r>", "application/xml")
    ),
    "comment of XML": Place(lambda v: text(f"<r><!-- {v} --></r>", "application/xml"), lambda v: "--" not in v),
    "HTML": Place(lambda v: text(f"<p>{html.escape(v)}</p>", "text/html")),
    "link of HTML": Place(lambda v: text(f'<a href="/x?y={html.escape(urlcoded(v))}&amp;z=1">a</a>', "text/html")),
    "gzip": Place(lambda v: coded(gzip.compress(dump({"note": v})), "gzip")),
    "brotli": Place(lambda v: coded(brotli.compress(f"line {v} line".encode()), "br", "text/plain")),
    "events": Place(lambda v: events("a", json.dumps({"x": v}))),
    "chunks of a byte": Place(
        lambda v: Call(told=[("Content-Type", "text/plain")], pieces=cut_everywhere(f"a {v} b".encode())),
        lambda v: len(v) < 100,
    ),
    "error": Place(lambda v: answer(dump({"message": f"no {v}"}), status=404)),
    "error of a gateway": Place(lambda v: answer(f"upstream said: {v}\n".encode(), "text/plain", status=502)),
    # What is no text is not kept with a secret in it.
    "binary": Place(
        lambda v: Call(pieces=[b"\x00\xff\xfe" + v.encode() + b"\x00"], told=[("Content-Type", "image/x")], kept=False)
    ),
    "protobuf": Place(
        lambda v: Call(
            told=[("Content-Type", "application/x-protobuf")], pieces=[b"\x08\x96\x01" + _block(v)], kept=False
        )
    ),
    "protobuf behind a letter": Place(
        lambda v: Call(
            told=[("Content-Type", "application/x-protobuf")], pieces=[b"\x08\x96\x01" + _block(f"{v:97}")], kept=False
        ),
        lambda v: len(v.encode()) < 97,
    ),
    "UTF-16": Place(lambda v: Call(pieces=[f"see {v} there".encode("utf-16")], kept=False)),
    "latin-1": Place(
        lambda v: Call(
            told=[("Content-Type", "text/plain; charset=latin-1")],
            pieces=[f"f\xfcr {v} \xe4".encode("latin-1")],
            kept=False,
        ),
        str.isascii,
    ),
    "file in gzip": Place(
        lambda v: Call(
            told=[("Content-Type", "application/gzip")], pieces=[gzip.compress(b"\x00\x01" + v.encode())], kept=False
        )
    ),
    "text in gzip": Place(
        lambda v: Call(
            told=[("Content-Type", "application/gzip")], pieces=[gzip.compress(f"a {v} b".encode())], kept=False
        )
    ),
    "coding that is none": Place(
        lambda v: Call(
            told=[("Content-Type", "text/plain"), ("Content-Encoding", "zip")],
            pieces=[b"\x00" + v.encode()],
            kept=False,
        )
    ),
    "coding that it has not": Place(
        lambda v: Call(
            told=[("Content-Type", "text/plain"), ("Content-Encoding", "gzip")], pieces=[v.encode()], kept=False
        )
    ),
    "upload of binary": Place(lambda v: post(b"\x00\x01" + v.encode() + b"\x02", "application/octet-stream")),
}
"""Where nothing but the secret itself, or another call, says what it is."""

ENCODED: dict[str, Place] = {
    "hex": Place(lambda v: text(f"dump {v.encode().hex()} end")),
    "hex in upper case": Place(lambda v: text(f"dump {v.encode().hex().upper()} end")),
    "hex within hex": Place(lambda v: answer(dump({"raw": f"00ff{v.encode().hex()}0a0b"}))),
    "hex in a query": Place(lambda v: Call(target=f"/?x={v.encode().hex().upper()}")),
    "base64": Place(lambda v: answer(dump({"data": coded64(v)}))),
    "base64 one byte in": Place(lambda v: answer(dump({"data": coded64(f"x{v}yz")}))),
    "base64 two bytes in": Place(lambda v: post(dump({"data": coded64(f"xy{v}")}))),
    "base64url": Place(lambda v: answer(dump({"data": base64.urlsafe_b64encode(b"??" + v.encode()).decode()}))),
    "base64 in a query": Place(lambda v: Call(target=f"/?state={urlcoded(coded64(f'a{v}b'))}")),
    "base64 in a path": Place(
        lambda v: Call(target=f"/p/{base64.urlsafe_b64encode(v.encode()).decode().rstrip('=')}/x")
    ),
    "base64 in a header": Place(lambda v: Call(headers=[("X-State", coded64(f"abc{v}"))])),
    "base64 of JSON": Place(lambda v: answer(dump({"state": coded64(json.dumps({"a": 1, "note": v}))}))),
    "base64 in base64": Place(lambda v: answer(dump({"state": coded64(coded64(f"ab{v}c"))}))),
    "base64 of gzip": Place(
        lambda v: answer(dump({"blob": base64.b64encode(gzip.compress(f"a {v} b".encode())).decode()}))
    ),
    "base64 in lines": Place(lambda v: text(base64.encodebytes(f"{'pad ' * 12}{v}{' pad' * 12}".encode()).decode())),
    "URL of data": Place(lambda v: answer(dump({"img": f"data:text/plain;base64,{coded64(v)}"}))),
    "claims": Place(lambda v: answer(dump({"assertion": _claims({"sub": "a", "note": v})}))),
    "gzip in a form": Place(
        lambda v: post(f"x={urlcoded(base64.b64encode(gzip.compress(v.encode())).decode())}".encode(), FORM)
    ),
}
"""Where a known secret stands in another form."""
