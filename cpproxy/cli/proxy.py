"""What `record` and `replay` share: a front whose journal begins once its address is known."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from cpproxy.front.server import Front
    from cpproxy.ledger.journal import Journal


class Proxy:
    """A front and its journal, as `lifecycle.serve` starts and stops them.

    `begin` is given the base URL and returns the run's journal, whose header names it.
    """

    def __init__(self, front: "Front", begin: "Callable[[str], Journal]") -> None:
        self._front = front
        self._begin = begin

    @property
    def failed(self) -> "asyncio.Future[None]":
        """Ends with the error after which nothing can be answered any more."""
        return self._front.failed

    async def start(self, host: str, port: int) -> str:
        """Takes the address, begins the journal, accepts calls; returns the base URL."""
        url = await self._front.bind(host, port)
        await self._front.open(self._begin(url))
        return url

    async def stop(self, grace: float) -> None:
        """Finishes the answers under way within `grace` seconds."""
        await self._front.stop(grace)
