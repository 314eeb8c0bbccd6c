"""Puts a staging control plane on a port: in the running loop, in a thread, or as a program."""

# ruff: noqa: T201 - it speaks to whoever started it

import asyncio
import contextlib
import signal
import threading
from collections.abc import AsyncIterator, Iterator

from aiohttp import web
from multidict import CIMultiDict

from tests.staging.plane import Call, Plane


@contextlib.asynccontextmanager
async def serving(plane: Plane, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """The URL at which a plane answers until the block is left; the plane's own name for itself if it had none."""

    async def respond(request: web.BaseRequest) -> web.StreamResponse:
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers)
        answer = plane.answer(Call(request.method, request.raw_path, headers, await request.read()))
        return web.Response(status=answer.status, headers=CIMultiDict(answer.headers), body=answer.body or None)

    runner = web.ServerRunner(web.Server(respond, access_log=None))
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        url = f"http://{host}:{runner.addresses[0][1]}"
        plane.url = plane.url or url
        yield url
    finally:
        await runner.cleanup()


@contextlib.contextmanager
def hosting(plane: Plane, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """The same from a thread of its own, for callers that block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="staging")
    thread.start()
    server = serving(plane, host=host, port=port)
    try:
        url = asyncio.run_coroutine_threadsafe(_enter(server), loop).result()
        try:
            yield url
        finally:
            asyncio.run_coroutine_threadsafe(_leave(server), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _enter(server: contextlib.AbstractAsyncContextManager[str]) -> str:
    return await server.__aenter__()


async def _leave(server: contextlib.AbstractAsyncContextManager[str]) -> None:
    await server.__aexit__(None, None, None)


async def serve_until_stopped(plane: Plane, *, host: str, port: int) -> None:
    """Answer until SIGTERM or SIGINT; the address is the first line on standard output."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with serving(plane, host=host, port=port) as url:
        print(f"staging: listening on {url}", flush=True)
        await stopped.wait()
