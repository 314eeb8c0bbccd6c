"""What `record` and `replay` share: a front with its desk, from the first line of output to the verdict."""

import sys
from typing import TYPE_CHECKING

from cpproxy.cli.output import write_verdict

if TYPE_CHECKING:
    import asyncio

    from cpproxy.cli.desk import Desk
    from cpproxy.cli.trapping import Trap
    from cpproxy.front.server import Front


class Proxy:
    """A front and its desk, as `lifecycle.serve` starts and stops them: the run begins once its address is known.

    A trap beside it begins when the front does, and ends after it, so that nothing goes by unseen.
    """

    def __init__(self, front: "Front", desk: "Desk", trap: "Trap | None" = None) -> None:
        self._front = front
        self._desk = desk
        self._trap = trap

    @property
    def failed(self) -> "asyncio.Future[None]":
        """Ends with the error after which nothing can be answered any more."""
        return self._front.failed

    async def start(self, host: str, port: int) -> str:
        """Takes the address, begins the run, accepts calls; returns the base URL."""
        url = await self._front.bind(host, port)
        try:
            if self._trap:
                self._trap.bind()
            await self._front.open(self._desk.begin(url))
            if self._trap:
                await self._trap.start(self._front, self._desk, url)
        except BaseException:  # nobody stops what has not begun
            await self._front.stop(0)
            if self._trap:
                await self._trap.stop()
            raise
        return url

    async def stop(self, grace: float) -> None:
        """Finishes the answers under way within `grace` seconds."""
        self._desk.stop_waiting()
        await self._front.stop(grace)
        if self._trap:
            await self._trap.stop()


def conclude(desk: "Desk", *, judged: bool, quiet: bool) -> int:
    """Ends the run; where it is `judged`, prints the verdict on standard error and returns its code, else 0."""
    desk.end()
    if not judged:
        return 0
    from cpproxy.report import verdicts  # noqa: PLC0415 (a proxy that is not judged does without it)

    verdict = desk.judge()
    write_verdict(verdicts.render_for(sys.stderr, verdict, verdicts.Form.TEXT, quiet=quiet))
    return verdict.exit
