"""A relay that notes what passes between a client and a server, decoded, as the finder is asked about it."""

import asyncio
import contextlib
import gzip
import io
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import brotli  # type: ignore[import-untyped]
from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, web
from multidict import CIMultiDict
from yarl import URL

from tests.real.exchanges import HOP_BY_HOP

type Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Passed:
    """One exchange; the bodies are decoded, and None where they are no text."""

    source: str
    target: str
    asked: Headers
    question: str | None
    told: Headers
    answer: str | None


@dataclass(slots=True)
class Tap:
    """A relay on a port of its own, and what it has seen so far."""

    source: str
    origin: str
    url: str = ""
    passed: list[Passed] = field(default_factory=list)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Hands a request on and comes back with its answer."""
        body = await request.content.read()  # without a limit
        asked = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers)
        sent = CIMultiDict(pair for pair in asked if pair[0].lower() not in {*HOP_BY_HOP, "content-length", "expect"})
        async with (
            ClientSession(
                auto_decompress=False,
                cookie_jar=DummyCookieJar(),
                timeout=ClientTimeout(30),
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            ) as session,
            session.request(
                request.method,
                URL(self.origin + request.raw_path, encoded=True),
                headers=sent,
                data=io.BytesIO(body) if body else None,
                allow_redirects=False,
            ) as answer,
        ):
            told = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.raw_headers)
            content = await answer.read()
        target = request.raw_path
        self.passed.append(Passed(self.source, target, asked, _read(body, asked), told, _read(content, told)))
        kept = CIMultiDict(pair for pair in told if pair[0].lower() not in HOP_BY_HOP | {"content-length"})
        return web.Response(status=answer.status, reason=answer.reason, headers=kept, body=content)


def _read(body: bytes, headers: Headers) -> str | None:
    coding = next((value for name, value in headers if name.lower() == "content-encoding"), "")
    with contextlib.suppress(OSError, zlib.error, brotli.error, UnicodeDecodeError):
        match coding:
            case "gzip":
                body = gzip.decompress(body)
            case "deflate":
                body = zlib.decompress(body)
            case "br":
                body = brotli.decompress(body)
        return body.decode()
    return None


@contextlib.contextmanager
def tapping(source: str, origin: str) -> Iterator[Tap]:
    """A tap before an origin, in a thread of its own."""
    tap = Tap(source, origin)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="tap")
    thread.start()

    async def start() -> web.ServerRunner:
        runner = web.ServerRunner(web.Server(tap.answer, access_log=None))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        tap.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    runner = asyncio.run_coroutine_threadsafe(start(), loop).result()
    try:
        yield tap
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
