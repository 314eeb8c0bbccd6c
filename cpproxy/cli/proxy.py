"""What `record` and `replay` share: a front with its desk, from the first line of output to the verdict."""

import sys
from typing import TYPE_CHECKING

from cpproxy.cli.output import write_verdict

if TYPE_CHECKING:
    import asyncio

    from cpproxy.cli.desk import Desk
    from cpproxy.front.server import Front


class Proxy:
    """A front and its desk, as `lifecycle.serve` starts and stops them: the run begins once its address is known."""

    def __init__(self, front: "Front", desk: "Desk") -> None:
        self._front = front
        self._desk = desk

    @property
    def failed(self) -> "asyncio.Future[None]":
        """Ends with the error after which nothing can be answered any more."""
        return self._front.failed

    async def start(self, host: str, port: int) -> str:
        """Takes the address, begins the run, accepts calls; returns the base URL."""
        url = await self._front.bind(host, port)
        try:
            await self._front.open(self._desk.begin(url))
        except BaseException:  # nobody stops what has not begun
            await self._front.stop(0)
            raise
        return url

    async def stop(self, grace: float) -> None:
        """Finishes the answers under way within `grace` seconds."""
        self._desk.stop_waiting()
        await self._front.stop(grace)


def conclude(desk: "Desk", *, judged: bool, quiet: bool) -> int:
    """Ends the run; where it is `judged`, prints the verdict on standard error and returns its code, else 0."""
    desk.end()
    if not judged:
        return 0
    from cpproxy.report import verdicts  # noqa: PLC0415 (a proxy that is not judged does without it)

    verdict = desk.judge()
    write_verdict(verdicts.render_for(sys.stderr, verdict, verdicts.Form.TEXT, quiet=quiet))
    return verdict.exit
