"""The calls that are made of httpbin: one table, through three clients, in the order in which it stands."""

import contextlib
import gzip
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from requests.auth import HTTPDigestAuth

from tests.real.exchanges import Httpx, Requests, Seen, ask_curl

BINARY = bytes(range(256)) * 40
UNICODE = "Zażółć gęślą jaźń, 控制平面, ☃, 🐙"
BIG_JSON = {"rows": [{"id": number, "name": f"row {number}", "on": number % 2 == 0} for number in range(2000)]}
SLOTH = "x" * 6000


@dataclass(frozen=True, slots=True)
class Clients:
    """The three clients of one run, pointed at one address."""

    base: str
    requests: Requests
    httpx: Httpx


@dataclass(frozen=True, slots=True)
class Call:
    """One row: how it is asked, and whether two answers of the origin itself would differ (``moving``)."""

    name: str
    method: str
    target: str
    ask: Callable[[Clients], list[Seen]]
    moving: bool

    @property
    def endpoint(self) -> tuple[str, str]:
        return self.method, urlsplit(self.target).path


@contextlib.contextmanager
def clients_of(base: str, *, bare: bool = False) -> Iterator[Clients]:
    clients = Clients(base, Requests(base, bare=bare), Httpx(base, bare=bare))
    try:
        yield clients
    finally:
        clients.requests.close()
        clients.httpx.close()


def curl(target: str, *options: str, name: str = "", body: bytes = b"", moving: bool = False) -> Call:
    method = _method_of(options)
    return Call(
        f"curl {name or f'{method} {target}'}",
        method,
        target,
        lambda clients: ask_curl(clients.base, method, target, *options, body=body),
        moving,
    )


def _method_of(options: tuple[str, ...]) -> str:
    if "--head" in options:
        return "HEAD"
    if "--request" in options:
        return options[options.index("--request") + 1]
    if any(option.startswith(("--data", "--form", "--json")) for option in options):
        return "POST"
    return "PUT" if "--upload-file" in options else "GET"


def requests(method: str, target: str, *, name: str = "", moving: bool = False, **options: Any) -> Call:
    return Call(
        f"requests {name or f'{method} {target}'}",
        method,
        target,
        lambda clients: clients.requests.ask(method, target, **_made(options)),
        moving,
    )


def httpx(method: str, target: str, *, name: str = "", moving: bool = False, **options: Any) -> Call:
    return Call(
        f"httpx {name or f'{method} {target}'}",
        method,
        target,
        lambda clients: clients.httpx.ask(method, target, **_made(options)),
        moving,
    )


def _made(options: dict[str, Any]) -> dict[str, Any]:
    """Options in which what is used up by one call (a stream, an authenticator) is made anew."""
    return {name: value() if callable(value) else value for name, value in options.items()}


def _pieces() -> Iterator[bytes]:
    yield b"one "
    yield b"two two "
    yield "trzy — ".encode()
    yield b"\n"


STATUSES = [
    *(requests("GET", f"/status/{code}") for code in (200, 201, 202, 203, 204, 205, 226, 299)),
    *(httpx("GET", f"/status/{code}") for code in (300, 301, 302, 303, 304, 305, 307, 308)),
    *(requests("GET", f"/status/{code}") for code in (400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412)),
    *(httpx("GET", f"/status/{code}") for code in (413, 414, 415, 416, 417, 418, 421, 422, 423, 425, 426, 428, 429)),
    *(requests("GET", f"/status/{code}") for code in (431, 451, 499, 500, 501, 502, 503, 504, 505, 507, 511, 599)),
    httpx("POST", "/status/201"),
    httpx("PUT", "/status/204"),
    httpx("PATCH", "/status/409"),
    httpx("DELETE", "/status/404"),
    curl("/status/418"),
    curl("/status/abc"),
    curl("/no/such/page"),
]

METHODS = [
    curl("/"),
    curl("/get"),
    curl("/get", "--head"),
    curl("/get", "--request", "OPTIONS", "--header", "Access-Control-Request-Headers: x-one, x-two"),
    curl("/anything", "--request", "OPTIONS", "--header", "Origin: https://molecule.example"),
    curl("/anything", "--request", "TRACE"),
    curl("/get", "--request", "PROPFIND"),
    curl("/post", "--data", ""),
    httpx("HEAD", "/image/png"),
    requests("HEAD", "/stream/3"),
    httpx("DELETE", "/delete"),
    requests("DELETE", "/delete", json={"why": "no longer needed"}),
    requests("PUT", "/put", data=BINARY, headers={"Content-Type": "application/octet-stream"}),
    httpx("PATCH", "/patch", json={"a": [1, 2.5, None, True], "ü": "ß"}),
    curl("/anything", "--request", "GET", "--data", "a body in a GET"),
    curl("/delay/0"),
    httpx("POST", "/delay/0", json={"late": False}),
]

TARGETS = [
    curl("/anything/a%2Fb/c%20d"),
    curl("/anything//doubled///slashes"),
    curl("/anything/%E2%98%83/%f0%9f%90%99"),
    curl("/anything/./here/../there"),
    curl("/anything/a+b;c=d,e:f@g!$'()*~"),
    curl("/anything/%zz/100%"),
    curl("/anything/trailing/"),
    curl("/get?"),
    curl("/get?a=&b&=c&&a=1&a=2"),
    curl("/get?a=1&a=2&a=&b=x%26y%3Dz&c=x+y%20z"),
    curl("/get?q[]=1&q[]=2&{curly}|pipe"),
    curl("/get?url=http://elsewhere.example/path?x=1%23y"),
    curl("/get?%C5%BC=%C3%B3%C5%82%C4%87&raw=%ff%00"),
    requests("GET", "/anything", name="query from pairs", params=[("b", "2"), ("a", UNICODE), ("b", "1")]),
    httpx("GET", "/anything", name="query from pairs", params=[("b", "2"), ("a", UNICODE), ("b", "1")]),
    curl(f"/get?long={SLOTH}", name="GET a long query"),
]

UPLOADS = [
    curl("/post", "--data", "a=1&b=&a=2&c=%C5%82", name="POST form"),
    curl("/post", "--json", json.dumps({"z": 1, "a": {"deep": [UNICODE]}}, ensure_ascii=False), name="POST json"),
    curl(
        "/post", "--data-binary", "@-", "--header", "Content-Type: text/plain", name="POST text", body=b"l1\r\nl2\n\n"
    ),
    curl("/post", "--data-binary", "@-", "--header", "Expect: 100-continue", name="POST expecting", body=BINARY),
    curl(
        "/post",
        "--form",
        "text=plain",
        "--form",
        "file=@-;filename=zażółć.bin",
        name="POST multipart",
        body=BINARY,
        moving=True,
    ),
    curl("/put", "--upload-file", "-", name="PUT chunked", body=BINARY),
    curl(
        *("/anything/chunked", "--request", "POST", "--header", "Transfer-Encoding: chunked", "--data-binary", "@-"),
        body=UNICODE.encode() * 500,
    ),
    requests("POST", "/post", name="POST chunked", data=_pieces),
    httpx("POST", "/post", name="POST chunked", content=_pieces),
    requests("POST", "/post", name="POST form", data=[("b", "2"), ("a", UNICODE), ("b", ""), ("b", "1")]),
    httpx("POST", "/post", name="POST form", data={"a": ["1", "2"], "b": UNICODE}),
    requests("POST", "/post", name="POST big json", json=BIG_JSON),
    httpx("POST", "/post", name="POST odd json", content=b'{ "a":1.0,"b" : 1e2, "b":100,\n"c":"\\u0142" }\n'),
    httpx("POST", "/post", name="POST broken json", content=b'{"a": ', headers={"Content-Type": "application/json"}),
    requests(
        "POST", "/post", name="POST utf-16", data=UNICODE.encode("utf-16"), headers={"Content-Type": "text/plain"}
    ),
    httpx("POST", "/post", name="POST 1 MiB", content=bytes(reversed(range(256))) * 4096),
    requests(
        *("POST", "/post"),
        name="POST multipart",
        files=lambda: [
            ("data", ("dane.bin", io.BytesIO(BINARY), "application/octet-stream")),
            ("note", ("note.txt", io.BytesIO(UNICODE.encode()), "text/plain; charset=utf-8")),
        ],
        data={"field": "value", "empty": ""},
        moving=True,
    ),
    httpx("POST", "/post", name="POST multipart", files=lambda: {"f": ("ż.txt", io.BytesIO(b"--x\r\n"))}, moving=True),
]

BODIES = [
    *(curl(path) for path in ("/json", "/xml", "/html", "/robots.txt", "/deny", "/forms/post", "/encoding/utf8")),
    requests("GET", "/encoding/utf8"),
    curl("/static/favicon.ico"),
    curl("/base64/Y3Bwcm94eSDimIM="),
    requests("GET", "/uuid", moving=True),
    requests("GET", "/uuid", name="GET /uuid again", moving=True),
    curl("/ip"),
    curl("/links/12/3"),
    httpx("GET", "/bytes/10000?seed=7"),
    httpx("GET", "/bytes/102400", moving=True),
    curl("/bytes/1?seed=1"),
    curl("/bytes/0"),
    requests("GET", "/image/png"),
    httpx("GET", "/image/jpeg"),
    requests("GET", "/image/webp"),
    httpx("GET", "/image/svg"),
    *(
        curl("/image", "--header", f"Accept: image/{kind}", name=f"GET /image as {kind}")
        for kind in ("png", "jpeg", "webp", "svg+xml")
    ),
    curl("/image", "--header", "Accept: text/plain", name="GET /image as text"),
]

CODINGS = [
    curl("/gzip", name="GET /gzip without saying what is accepted"),
    curl(
        *("/post", "--data-binary", "@-", "--header", "Content-Type: application/json"),
        *("--header", "Content-Encoding: gzip"),
        name="POST gzip",
        body=gzip.compress(json.dumps(BIG_JSON).encode(), mtime=0),
    ),
    curl("/gzip", "--compressed"),
    curl("/deflate", "--compressed"),
    curl("/brotli", "--compressed"),
    requests("GET", "/gzip"),
    requests("GET", "/deflate"),
    httpx("GET", "/brotli"),
    httpx("GET", "/gzip", headers={"Accept-Encoding": "gzip;q=0.5, br;q=0"}, name="GET /gzip by weights"),
    requests("HEAD", "/gzip"),
]

STREAMS = [
    curl("/stream/20"),
    requests("GET", "/stream/100"),
    curl("/stream/0"),
    curl("/stream-bytes/5000?seed=3&chunk_size=512"),
    httpx("GET", "/stream-bytes/50000?seed=9"),
    curl("/drip?numbytes=8&duration=0.08&code=203"),
    httpx("GET", "/drip?numbytes=3&duration=0.03&delay=0.02"),
    curl("/drip?numbytes=0"),
]

RANGES = [
    curl("/range/1000?chunk_size=100"),
    curl("/range/1000", "--range", "100-199", name="GET bytes 100-199"),
    curl("/range/1000", "--range", "-10", name="GET bytes -10"),
    curl("/range/1000", "--range", "990-", name="GET bytes 990-"),
    requests("GET", "/range/26", headers={"Range": "bytes=30-40"}, name="GET /range/26 beyond its end"),
    requests("GET", "/range/0"),
    curl("/etag/v1"),
    curl("/etag/v1", "--header", 'If-None-Match: "v1"', name="GET /etag/v1 that did not change"),
    curl("/etag/v1", "--header", 'If-None-Match: W/"v0", "v2"', name="GET /etag/v1 that changed"),
    curl("/etag/v2", "--header", 'If-Match: "v1"', name="GET /etag/v2 that should be another"),
    curl("/cache", moving=True),
    curl("/cache", "--header", "If-Modified-Since: Sat, 29 Oct 1994 19:43:31 GMT", name="GET /cache by date"),
    curl("/cache", "--header", "If-None-Match: *", name="GET /cache by tag"),
    curl("/cache/60"),
]

HEADERS = [
    curl("/response-headers?X-One=1&X-Two=2&X-One=3&Set-Cookie=a%3D1&Set-Cookie=b%3D2%3B%20Path%3D/"),
    httpx("GET", "/response-headers?Set-Cookie=one%3D1&X-Empty=&Set-Cookie=two%3D2"),
    curl("/response-headers?X-Latin=%C3%A9%C3%BC&X-Colon=a:b:%20c", name="GET latin-1 headers"),
    curl(f"/response-headers?X-Large={SLOTH}", name="GET a large header"),
    curl("/response-headers?Content-Type=text/plain%3B%20charset%3Diso-8859-1", name="GET another type"),
    curl("/response-headers?free=form", "--request", "POST"),
    curl("/headers", "--header", f"X-Large: {SLOTH}", name="GET with a large header"),
    curl("/headers", "--header", "X-Twice: 1", "--header", "X-Twice: 2", "--header", "X-Empty;", name="GET with twins"),
    curl("/headers?show_env=1", name="GET /headers with what proxies add"),
    curl("/user-agent", "--user-agent", "molecule-tenant/1.2 (+boot)"),
    requests("GET", "/user-agent"),
    httpx("GET", "/headers"),
]

REDIRECTS = [
    curl("/redirect/1"),
    curl("/relative-redirect/2"),
    curl("/absolute-redirect/2"),
    curl("/redirect/3?absolute=true"),
    curl("/links/5"),
    curl("/redirect-to?url=https%3A%2F%2Felsewhere.invalid%2Fx%3Fy%23z&status_code=307"),
    curl("/redirect-to?url=%2Fget&status_code=308", "--request", "POST", "--data", "kept=1"),
    httpx("PUT", "/redirect-to?url=/get&status_code=303"),
    curl("/redirect/3", "--location", name="GET /redirect/3 followed"),
    requests("GET", "/relative-redirect/3", allow_redirects=True, name="GET /relative-redirect/3 followed"),
]

COOKIES = [
    curl("/cookies", "--cookie", "a=1; b=two"),
    curl("/cookies/set?flavour=oat&size=large"),
    curl("/cookies/set/flavour/rye"),
    requests("GET", "/cookies/set?session=abc&theme=dark", allow_redirects=True, name="GET cookies that are kept"),
    requests("GET", "/cookies", name="GET /cookies with those that were kept"),
    requests("GET", "/cookies/delete?theme=", allow_redirects=True, name="GET one cookie deleted"),
    httpx("GET", "/cookies/set/n/v%20w"),
    httpx("GET", "/cookies", name="GET /cookies in a client of its own"),
]

CREDENTIALS = [
    curl("/basic-auth/user/passwd"),
    curl("/basic-auth/user/passwd", "--user", "user:passwd", name="GET with basic credentials"),
    requests("GET", "/basic-auth/user/passwd", auth=("user", "wrong"), name="GET with wrong basic credentials"),
    requests("GET", "/hidden-basic-auth/user/passwd"),
    requests("GET", "/hidden-basic-auth/user/passwd", auth=("user", "passwd"), name="GET hidden, with credentials"),
    curl("/bearer"),
    httpx("GET", "/bearer", headers={"Authorization": "Bearer molecule-sham-token"}, name="GET with a bearer token"),
    curl("/digest-auth/auth/user/passwd", moving=True),
    curl("/digest-auth/auth/user/passwd", "--digest", "--user", "user:passwd", name="GET by digest", moving=True),
    requests(
        *("GET", "/digest-auth/auth/user/passwd/SHA-256/never"),
        auth=lambda: HTTPDigestAuth("user", "passwd"),
        moving=True,
    ),
]

CALLS: list[Call] = [
    *(STATUSES + METHODS + TARGETS + UPLOADS + BODIES + CODINGS),
    *(STREAMS + RANGES + HEADERS + REDIRECTS + COOKIES + CREDENTIALS),
]
