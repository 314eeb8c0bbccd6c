"""The life of a proxy: start, say where it listens, wait for a signal or a command's end, finish what is under way.

The first SIGINT, SIGTERM or SIGHUP lets the answers under way end, or is passed on to the command; the second one
ends both at once. What was recorded is saved either way.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from cpproxy.cli.command import RunningCommand, check_command, client_environment
from cpproxy.cli.dumps import forbid_core_dumps
from cpproxy.cli.listening import Address
from cpproxy.cli.log import set_up_logging
from cpproxy.cli.options import Settings
from cpproxy.cli.output import print_error, tell, write
from cpproxy.errors import CpproxyError

if TYPE_CHECKING:
    from cpproxy.cli.trapping import Trap

GRACE = 10.0
"""Seconds that answers under way get to end, and a command that is told to stop because the front has failed."""


class Front(Protocol):
    """What is started and stopped."""

    @property
    def failed(self) -> asyncio.Future[None]:
        """Ends with the error after which nothing can be answered any more."""

    async def start(self, host: str, port: int) -> str:
        """Begins to accept calls; returns the base URL. Raises UsageError when the address cannot be listened on."""

    async def stop(self, grace: float) -> None:
        """Finishes the answers under way within `grace` seconds; with 0, at once. May be called again."""


def serve(
    make_front: Callable[[], Front],
    *,
    listen: Address,
    banner: Callable[[str], str],
    settings: Settings,
    command: Sequence[str] = (),
    token: str = "",
    finish: Callable[[], int],
    strict_exit: bool = False,
    trap: "Trap | None" = None,
) -> int:
    """Serve until a signal, or until the command has ended, and return the exit code.

    `make_front` is called within the event loop. `banner` is asked with the base URL for the first line of standard
    output (beside a command, whose output stays its own, of standard error, and with -q not at all). `finish` is called
    once the front has stopped, outside the loop: it saves, prints the verdict on standard error and returns the
    verdict's code. The command's own code wins if it is not 0; without a command the verdict's counts only with
    `strict_exit`. `token` is the proxy's admin token, which the command is told. A `trap` is what `make_front` starts
    beside the front: its addresses follow the banner, and a command is run once it catches.

    Raises CommandError when the command cannot be run, and what `Front.failed` ended with; `finish` is not called then.
    """
    set_up_logging(settings.verbosity)
    limits = forbid_core_dumps(for_good=not command)
    if token:
        settings.redactor.keep(token, "admin-token")
    if command:
        check_command(command)

    def start(url: str) -> RunningCommand:
        inherited = dict(os.environ) | (trap.variables(os.environ) if trap else {})
        return RunningCommand(command, client_environment(settings.config, url, inherited, token), limits)

    code = asyncio.run(_live(make_front, listen, banner, settings, start if command else None, trap=trap))
    try:
        verdict = finish()
    except CpproxyError as error:
        if not code:
            raise
        print_error(str(error))
        return code
    if command:
        return code or verdict
    return verdict if strict_exit else 0


async def _live(
    make_front: Callable[[], Front],
    listen: Address,
    banner: Callable[[str], str],
    settings: Settings,
    command: Callable[[str], RunningCommand] | None,
    *,
    trap: "Trap | None",
) -> int:
    """The front's life within the loop; the exit code of the command that is started for its URL, or 0."""
    signals: asyncio.Queue[signal.Signals] = asyncio.Queue()
    with _caught_signals(signals):
        front = make_front()
        url = await front.start(listen.host, listen.port)
        grace = 0.0
        try:
            if not command or settings.verbosity >= 0:
                say = tell if command else write
                traps = [f"cpproxy: trap {one}" for one in trap.addresses()] if trap else []
                say("".join(f"{line}\n" for line in (banner(url), *traps)))
                sys.stdout.flush()
            if command:
                if trap:
                    await trap.ready()
                code = await _accompany(command(url), front, signals)
            else:
                code = 0
                await _await_signal(front, signals)
            grace = GRACE
        finally:
            await _stop(front, grace, signals)
        if front.failed.done():
            front.failed.result()
        return code


@contextlib.contextmanager
def _caught_signals(signals: asyncio.Queue[signal.Signals]) -> Iterator[None]:
    """Queue the signals that ask for an end; SIGHUP too, unless `nohup` is to keep it away."""
    loop = asyncio.get_running_loop()
    caught = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        caught.append(signal.SIGHUP)
    for number in caught:
        loop.add_signal_handler(number, signals.put_nowait, number)
    try:
        yield
    finally:
        for number in caught:
            loop.remove_signal_handler(number)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it ends already: what is left is saved and told, then


async def _first_of(*futures: asyncio.Future[Any]) -> None:
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)


async def _await_signal(front: Front, signals: asyncio.Queue[signal.Signals]) -> None:
    waiting = asyncio.ensure_future(signals.get())
    await _first_of(waiting, front.failed)
    waiting.cancel()
    if front.failed.done():
        front.failed.result()


async def _accompany(running: RunningCommand, front: Front, signals: asyncio.Queue[signal.Signals]) -> int:
    """Pass signals on until the command has ended, and return its exit code; end it when the front has failed."""
    told = False
    while True:
        waiting = asyncio.ensure_future(signals.get())
        await _first_of(running.ended, waiting, front.failed)
        if waiting.done():
            running.send(signal.SIGKILL if told else waiting.result())
            told = True
        else:
            waiting.cancel()
        if running.ended.done():
            return running.ended.result()
        if front.failed.done():
            running.send(signal.SIGTERM)
            await asyncio.wait({running.ended}, timeout=GRACE)
            if not running.ended.done():
                running.send(signal.SIGKILL)
                await running.ended
            front.failed.result()


async def _stop(front: Front, grace: float, signals: asyncio.Queue[signal.Signals]) -> None:
    """Stop the front; a signal that arrives meanwhile, or is there already, takes the grace away."""
    stopping = asyncio.ensure_future(front.stop(grace))
    waiting = asyncio.ensure_future(signals.get())
    await _first_of(stopping, waiting)
    waiting.cancel()
    if stopping.done():
        stopping.result()
        return
    stopping.cancel()
    await asyncio.wait({stopping})
    await front.stop(0)
