"""One HTTP call as the tenants' client library makes it: Go's `net/http`, in what can be seen on the wire."""

import gzip
import http.client
import ssl
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

USER_AGENT = "Go-http-client/1.1"
LOOPBACK = ("localhost", "127.0.0.1", "::1")

type Environment = Mapping[str, str]


class TransportError(Exception):
    """No whole response came: refused, reset, too late, or not HTTP."""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def send(
    environment: Environment,
    method: str,
    url: str,
    *,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    timeout: float = 30.0,
    limit: int = 64 * 1024,
) -> Reply:
    """The response, its body decompressed and cut at `limit` bytes. Raises TransportError when none came whole."""
    target = urlsplit(url)
    try:
        connection, path = _connect(environment, url, timeout)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", target.netloc)
            connection.putheader("User-Agent", USER_AGENT)
            if body or method in ("POST", "PUT", "PATCH"):
                connection.putheader("Content-Length", str(len(body)))
            for name, value in sorted(headers):
                connection.putheader(name, value)
            connection.putheader("Accept-Encoding", "gzip")
            connection.endheaders(body or None)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        if response.getheader("Content-Encoding", "") == "gzip":
            content = gzip.decompress(content)
    except (OSError, EOFError, http.client.HTTPException) as error:
        raise TransportError(f"{method} {url}: {str(error) or type(error).__name__}") from error
    return Reply(response.status, tuple(response.getheaders()), content[:limit])


def _connect(environment: Environment, url: str, timeout: float) -> tuple[http.client.HTTPConnection, str]:
    """A connection and what stands on its request line: the whole URL when a proxy for plain HTTP is on the way."""
    target = urlsplit(url)
    host = target.hostname or ""
    path = url.removeprefix(f"{target.scheme}://{target.netloc}") or "/"
    proxy = _find_proxy(environment, target.scheme, target.netloc)
    hop = urlsplit(proxy or url)
    address = hop.hostname or "", hop.port or (443 if hop.scheme == "https" else 80)
    if target.scheme == "https":
        context = ssl.create_default_context(cafile=environment.get("SSL_CERT_FILE"))
        secure = http.client.HTTPSConnection(*address, timeout=timeout, context=context)
        if proxy:
            secure.set_tunnel(host, target.port or 443)
        return secure, path
    return http.client.HTTPConnection(*address, timeout=timeout), url if proxy else path


def _find_proxy(environment: Environment, scheme: str, netloc: str) -> str:
    """The proxy for a URL by Go's rules: `HTTP_PROXY` or `HTTPS_PROXY` in either case, never for this machine."""
    rules = {"no": environment.get("NO_PROXY") or environment.get("no_proxy", "")}
    bypass = urllib.request.proxy_bypass_environment(netloc, rules)  # type: ignore[attr-defined]  # not in typeshed
    if bypass or urlsplit(f"//{netloc}").hostname in LOOPBACK:
        return ""
    name = f"{scheme}_proxy"
    return environment.get(name.upper()) or environment.get(name, "")
