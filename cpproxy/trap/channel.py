"""The channel to the front's process: what was seen goes out, and what its client is to be told comes back."""

import asyncio
import itertools
import socket
from typing import assert_never

import msgspec

from cpproxy.core.sightings import Order, Ping, Pong, Ready, Report, Said, Sighting, Stop, Told

_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder(Order).decode
_LONGEST = 1 << 20  # bytes of a line


class Channel:
    """One end of the channel, with the answers that are waited for; there are as many as open connections at most."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Told]] = {}
        self._turn = asyncio.Lock()

    @classmethod
    async def open(cls, fd: int) -> "Channel":
        """The channel on an inherited socket."""
        return cls(*await asyncio.open_connection(sock=socket.socket(fileno=fd), limit=_LONGEST))

    def number(self) -> int:
        """The id of the next sighting."""
        return next(self._numbers)

    async def tell(self, sighting: Sighting) -> Told:
        """Tells what was seen, and returns once its row is written. It waits for ever where the front is gone."""
        told: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
        self._waiting[sighting.id] = told
        try:
            async with self._turn:  # while the front is slow, one of them waits in the buffer, not all
                self._send(sighting)
                await self._writer.drain()
            return await told
        finally:
            del self._waiting[sighting.id]

    def say(self, level: int, text: str) -> None:
        """Tells a line for the log."""
        self._send(Said(level, text))

    def ready(self, report: Ready) -> None:
        """Tells that calls are answered."""
        self._send(report)

    def _send(self, report: Report) -> None:
        self._writer.write(_ENCODE(report) + b"\n")

    async def listen(self) -> None:
        """Hands out answers until the front says that this is the end, or is gone."""
        while line := await self._reader.readline():
            match order := _DECODE(line):
                case Told():
                    waiting = self._waiting.get(order.id)
                    if waiting is not None and not waiting.done():
                        waiting.set_result(order)
                case Ping():
                    self._send(Pong())
                case Stop():
                    return
                case _:
                    assert_never(order)
