"""Where a client reached the front: what answers name in place of the upstream."""

import re
from functools import lru_cache

from cpproxy.core.addresses import Public, addresses
from cpproxy.core.hosts import bracket
from cpproxy.front.exchange import Exchange

_HOST = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


def find_public(exchange: Exchange, fixed: Public | None) -> Public | None:
    """The `fixed` place, or else what the client's `Host` says, and its session's prefix if it came by that.

    A client that names no host that could be one is told the address that it is connected to; None if it has gone.
    """
    if fixed is not None:
        return fixed.below(exchange.prefix)
    if exchange.host and (public := _place(exchange.host, exchange.prefix)):
        return public
    transport = exchange.protocol.transport
    if transport is None:
        return None
    host, port, *_ = transport.get_extra_info("sockname")
    return _place(f"{bracket(host)}:{port}", exchange.prefix)


@lru_cache(maxsize=4096)
def _place(host: str, prefix: str) -> Public | None:
    could_be = _HOST.fullmatch(host) is not None and addresses(f"http://{host}") is not None
    return Public("http", host, prefix) if could_be else None
