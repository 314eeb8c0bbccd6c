"""Whether a web page could be the asker: one of a name that was made to lead here, or one that writes across origins.

A browser tells which name it went by. Whoever owns a public name can let it lead to this machine, and his page then
reads what stands here (DNS rebinding). Nobody can do that with an address, or with a name that no public server knows.
"""

from collections.abc import Iterable

from cpproxy.core.hosts import fold, is_public, split_port
from cpproxy.core.messages import find_header
from cpproxy.front.exchange import Exchange

_READS = frozenset({"GET", "HEAD"})


def find_stranger(exchange: Exchange, names: Iterable[str]) -> str:
    """Why nothing is told to this asker, or nothing; `names` are those by which the front is known."""
    host = fold(split_port(exchange.host)[0])
    if is_public(host) and host not in names:
        return (
            f"the admin paths are not for {host!a}, a name that any web page could have: ask by address, by localhost "
            "or by a name without a dot; or name this one with --public-url, or set CPPROXY_ADMIN_TOKEN"
        )
    if exchange.method not in _READS and _is_of_another(exchange):
        return "the admin paths do nothing for a web page of another origin; ask without `Origin`, or from a shell"
    return ""


def _is_of_another(exchange: Exchange) -> bool:
    """Whether a browser says that a page of another origin asks (Fetch Metadata, and RFC 6454 section 7)."""
    headers = exchange.message.raw_headers
    site = find_header(headers, b"sec-fetch-site")
    if site is not None:
        return site not in {b"same-origin", b"none"}
    origin = find_header(headers, b"origin")
    return origin is not None and origin.decode("latin-1").partition("://")[2] != exchange.host
