"""The trap's process, from its sockets to its end: `python -m cpproxy.trap START`, which the front's process starts.

It ends when the channel does, and never by a signal that was meant for the front: it lives exactly as long as that.
"""

import asyncio
import datetime
import functools
import logging
import os
import resource
import signal
import socket
import sys
import traceback
from typing import override

import msgspec

from cpproxy.core.calls import Way
from cpproxy.core.sightings import Listener, Ready, Start
from cpproxy.trap.authority import Authority
from cpproxy.trap.catching import Trap
from cpproxy.trap.channel import Channel
from cpproxy.trap.guard import forbid_ways_out, leave_network
from cpproxy.trap.names import Names

_LAST = 2.0
"""How long the last rows are waited for, in seconds."""


class _Log(logging.Handler):
    """Tells the front's process what goes wrong: by the names of exceptions, since their texts may quote a call."""

    def __init__(self, channel: Channel) -> None:
        super().__init__(logging.WARNING)
        self._channel = channel

    @override
    def emit(self, record: logging.LogRecord) -> None:
        kind = record.exc_info[0] if record.exc_info else None
        if record.name == "cpproxy.trap":
            text = record.getMessage()
        elif record.levelno >= logging.ERROR:
            text = f"the trap: an error in {record.name}"
        else:  # of clients that do not trust it, and the like: the rows tell that better
            return
        self._channel.say(record.levelno, f"{text}: {kind.__name__}" if kind else text)


async def _live(start: Start) -> None:
    """From the first sighting to the last."""
    sockets = [(one, socket.socket(fileno=one.fd)) for one in start.listeners]
    datagrams = [one for _, one in sockets if one.type == socket.SOCK_DGRAM]
    channel = await Channel.open(start.channel)
    logging.basicConfig(handlers=[_Log(channel)], level=logging.WARNING, force=True)
    isolated = leave_network()
    forbid_ways_out(frozenset(datagrams))
    authority = Authority(datetime.datetime.now(datetime.UTC))
    trap = Trap(channel, authority)
    names = Names(channel, [one.getsockname()[0] for known, one in sockets if known.way is Way.SINK])
    servers = [await _serve(trap, names, known, one) for known, one in sockets if one.type == socket.SOCK_STREAM]
    for one in datagrams:
        names.listen(one)
    channel.ready(Ready(authority.certificate, isolated))
    await channel.listen()
    for server in servers:
        server.close()
    still = asyncio.create_task(channel.listen())
    await asyncio.wait({asyncio.create_task(trap.tell_rest()), still}, timeout=_LAST, return_when="FIRST_COMPLETED")


async def _serve(trap: Trap, names: Names, known: Listener, listening: socket.socket) -> asyncio.Server:
    serve = names.serve if known.way is Way.DNS else functools.partial(trap.take, known.way)
    return await asyncio.start_server(serve, sock=listening)


def main() -> None:
    """Lives until the front's process says so, or is gone."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash must not write to disk what was caught
    start = msgspec.json.decode(sys.argv[1], type=Start)
    code = 1
    try:
        asyncio.run(_live(start))
        code = 0
    except BaseException as error:  # noqa: BLE001 (whatever it is, it is the end)
        os.write(start.last, _place(error).encode())
    finally:
        os._exit(code)  # threads of what is written in Rust may not survive the interpreter's end


def _place(error: BaseException) -> str:
    """What went wrong, and where: by names alone, since the text of an exception may quote a call."""
    *_, (frame, line) = traceback.walk_tb(error.__traceback__)
    return f"{type(error).__name__} in {frame.f_globals.get('__name__', '?')}, line {line}"


if __name__ == "__main__":
    main()
