"""A program for tests of the lifecycle alone: a front of a few lines beside the real flags, signals and commands.

`/slow` answers after 1 s, `/never` not at all, `/fail` breaks the front, `/defect` logs an error; the others are
answered at once.
"""

import asyncio
import logging
import sys

import click

from cpproxy.cli.command import TakesCommand
from cpproxy.cli.lifecycle import serve
from cpproxy.cli.listening import find_address
from cpproxy.cli.options import Given, Settings, common_options, listen_option
from cpproxy.cli.output import print_error
from cpproxy.errors import CassetteError, CpproxyError, LedgerError


class PlainFront:
    def __init__(self) -> None:
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._answers: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int) -> str:
        self._server = await asyncio.start_server(self._answer, host, port)
        address = self._server.sockets[0].getsockname()
        return f"http://{f'[{address[0]}]' if ':' in address[0] else address[0]}:{address[1]}"

    async def stop(self, grace: float) -> None:
        self._server.close()
        if self._answers:
            await asyncio.wait(self._answers, timeout=grace)
        for answer in self._answers:
            answer.cancel()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._answers.add(task)
        try:
            path = (await reader.readuntil(b"\r\n\r\n")).split()[1]
            if path == b"/defect":
                logging.getLogger("x").error("a defect", exc_info=ValueError("a secret"))
            if path == b"/fail":
                self.failed.set_exception(LedgerError("the ledger is gone"))
            sys.stderr.write(f"asked {path.decode()}\n")
            sys.stderr.flush()
            await asyncio.sleep({b"/slow": 1, b"/never": 3600}.get(path, 0))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndone")
            await writer.drain()
        finally:
            self._answers.discard(task)
            writer.close()


@click.command(cls=TakesCommand)
@common_options
@listen_option
@click.option("--verdict", type=int, default=0)
@click.option("--broken", is_flag=True)
@click.option("--strict-exit", is_flag=True)
def plain(
    settings: Settings, listen: str | None, verdict: int, command: tuple[str, ...], *, broken: bool, strict_exit: bool
) -> int:
    def finish() -> int:
        if broken:
            raise CassetteError("x.json", "$", "cannot be saved")
        sys.stderr.write("saved\n")
        return verdict

    return serve(
        PlainFront,
        listen=find_address(listen, settings, command),
        banner=lambda url: f"plain: listening on {url}",
        settings=settings,
        command=command,
        finish=finish,
        strict_exit=strict_exit,
    )


if __name__ == "__main__":
    try:
        sys.exit(plain.main(standalone_mode=False, obj=Given()))
    except CpproxyError as error:
        print_error(str(error))
        sys.exit(error.exit)
    except click.UsageError as error:
        print_error(error.format_message())
        sys.exit(2)
