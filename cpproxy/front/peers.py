"""Who calls: the service behind an address, asked of the containers' network while its container is there.

The questions are asked in threads, since one that nobody answers can take ten seconds; the loop waits for the first
answer about an address for a moment at most, and goes on with the bare address.
"""

import asyncio
import contextlib
import math
import socket
import threading
import time

from cpproxy.core.wiring.containers import find_service_name, is_container_address
from cpproxy.core.wiring.wired import Wiring, find_service

PATIENCE = 0.3
"""How long a call of an unknown address is held up for its name, in seconds."""

_KEPT = 60.0  # seconds, since an address may go to another container
_MOST = 4096
_AT_ONCE = 8


class Peers:
    """The names of those who call, as they stand on rows: `ADDRESS NAME`, or the bare address.

    `wiring` is what a compose file says of the services: their names are looked up, and their addresses known.
    """

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._shown: dict[str, str] = {}
        self._until: dict[str, float] = {}
        self._asking = 0

    def show(self, address: str) -> str:
        """An address as it stands on a row, by what is known now."""
        return self._shown.get(address, address)

    def is_met(self, address: str) -> bool:
        """Whether there is nothing to ask about an address, for now."""
        return self._until.get(address, 0.0) > time.monotonic()

    async def meet(self, address: str) -> None:
        """Asks who has an address; the first time it returns after `PATIENCE` at the latest, later at once."""
        first = address not in self._until
        if len(self._until) >= _MOST:
            self._until.clear()
            self._shown.clear()
        if not is_container_address(address):
            self._until[address] = math.inf
        elif self._asking < _AT_ONCE:
            self._until[address] = time.monotonic() + _KEPT
            asking = self._ask(address)
            if first:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(PATIENCE):
                        await asyncio.shield(asking)

    def _ask(self, address: str) -> asyncio.Future[None]:
        """Begins to ask; the future ends with the answer."""
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[None] = loop.create_future()
        self._asking += 1

        def tell(name: str) -> None:
            self._asking -= 1
            if name:
                self._shown[address] = f"{address} {name}"
            if not answered.done():
                answered.set_result(None)

        def ask() -> None:
            name = _find(address, self._wiring)
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(tell, name)

        # No pool: at the end of the program it would wait for those that nobody answers.
        threading.Thread(target=ask, name=f"who is {address}", daemon=True).start()
        return answered


def _find(address: str, wiring: Wiring) -> str:
    """The service that has an address, by its file, by a look-up of each service's name, or by the address's own."""
    if fixed := find_service(wiring, address):
        return fixed
    for service in wiring:
        with contextlib.suppress(OSError, UnicodeError):
            found = socket.getaddrinfo(service, None, type=socket.SOCK_STREAM)
            if any(one[4][0] == address for one in found):
                return service
    with contextlib.suppress(OSError, UnicodeError):
        return find_service_name(socket.getnameinfo((address, 0), socket.NI_NAMEREQD)[0], wiring)
    return ""
