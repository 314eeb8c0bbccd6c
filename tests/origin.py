"""An upstream that does what it is told on a raw socket, faults among it, and a client of the same kind."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web


async def until(is_so: Callable[[], bool]) -> None:
    """Returns once something is so that no event tells of; TimeoutError when that takes 10 s."""
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


type Script = Callable[["Peer"], Awaitable[None]]


class Peer:
    """One end of a connection: raw bytes in and out."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self) -> bytes:
        """A message's head as it came, the empty line included."""
        return await self.reader.readuntil(b"\r\n\r\n")

    async def exactly(self, size: int) -> bytes:
        return await self.reader.readexactly(size)

    async def until(self, end: bytes) -> bytes:
        return await self.reader.readuntil(end)

    async def rest(self) -> bytes:
        """Everything up to the end of the connection; ConnectionResetError if that is no clean one."""
        return await self.reader.read()

    async def is_left(self) -> None:
        """Returns once the other side has gone."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65536):
                pass

    def reset(self) -> None:
        """Ends the connection by RST."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


class RawOrigin:
    """A server whose every connection is one run of a script. Failures of the script fail the test, at the end."""

    def __init__(self, script: Script) -> None:
        self.connections = 0
        self._script = script
        self._tasks: dict[asyncio.Task[None], Peer] = {}
        self.url = ""
        self.port = 0

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        peer = Peer(reader, writer)
        self._tasks[asyncio.create_task(self._run(peer))] = peer

    async def _run(self, peer: Peer) -> None:
        try:
            await self._script(peer)
        finally:
            peer.writer.close()

    async def finish(self) -> None:
        """Waits for the scripts that are under way; raises what one of them failed with."""
        for task in self._tasks:
            async with asyncio.timeout(10):
                await task

    async def end(self) -> None:
        """Cancels the scripts that are under way and closes each connection, that of a script not yet begun too."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for peer in self._tasks.values():
            peer.writer.transport.abort()
            await peer.close()


@contextlib.asynccontextmanager
async def raw_origin(script: Script, host: str = "127.0.0.1") -> AsyncIterator[RawOrigin]:
    """A raw origin on a free port of `host`. Scripts that still run at the end are cancelled."""
    origin = RawOrigin(script)
    server = await asyncio.start_server(origin._accept, host, 0)
    origin.port = server.sockets[0].getsockname()[1]
    origin.url = f"http://{host}:{origin.port}"
    try:
        yield origin
    finally:
        server.close()
        await origin.end()


@contextlib.asynccontextmanager
async def http_origin(handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """An aiohttp server on a free port; yields its URL."""
    server = web.Server(handler)
    listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        listening.close()
        await server.shutdown(0)


@contextlib.asynccontextmanager
async def connected(url: str) -> AsyncIterator[Peer]:
    """A raw client's connection to `url`."""
    host, _, port = url.partition("//")[2].rpartition(":")
    peer = Peer(*await asyncio.open_connection(host, int(port)))
    try:
        yield peer
    finally:
        await peer.close()


async def ask(url: str, request: bytes) -> bytes:
    """The raw answer to a raw request, on a connection that the server is to close."""
    async with connected(url) as peer:
        await peer.send(request)
        return await peer.rest()
