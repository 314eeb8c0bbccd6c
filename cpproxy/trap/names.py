"""The trap's DNS: every name leads to the sink, but for those of one word, which are not there.

mitmproxy reads and writes the messages; what carries them is here, over UDP and TCP (RFC 1035 section 4.2), so that no
resolver and no upstream is anywhere near.
"""

import asyncio
import ipaddress
import logging
import socket
import struct
import time
from collections.abc import Sequence

from mitmproxy.dns import DNSMessage, ResourceRecord
from mitmproxy.net.dns import response_codes, types

from cpproxy.core.calls import Seen, Way
from cpproxy.core.sightings import Sighting
from cpproxy.trap.channel import Channel

TTL = 1
"""For how many seconds an answer may be kept: the next call is to be seen as well."""

_LONGEST = 65535
_WAITING = 256  # queries under way; those beyond are dropped, and their clients ask again
_SILENCE = 10  # seconds
_PKTINFO = 8  # linux/in.h: IP_PKTINFO
_RECVPKTINFO = 49  # linux/in6.h: IPV6_RECVPKTINFO
_PKTINFO6 = 50
_LOG = logging.getLogger("cpproxy.trap")


class Names:
    """Answers queries. `sinks` are the addresses that the sinks listen on; all of them are told, by their kind."""

    def __init__(self, channel: Channel, sinks: Sequence[str]) -> None:
        self._channel = channel
        self._sinks = [ipaddress.ip_address(one.partition("%")[0]) for one in sinks]
        self._tasks: set[asyncio.Task[None]] = set()

    def listen(self, datagrams: socket.socket) -> None:
        """Begins to answer datagrams."""
        if datagrams.family == socket.AF_INET:
            datagrams.setsockopt(socket.IPPROTO_IP, _PKTINFO, 1)
        else:
            datagrams.setsockopt(socket.IPPROTO_IPV6, _RECVPKTINFO, 1)
        datagrams.setblocking(False)  # noqa: FBT003 (the socket's own)
        asyncio.get_running_loop().add_reader(datagrams, self._receive, datagrams)

    def _receive(self, datagrams: socket.socket) -> None:
        try:
            data, extra, _, peer = datagrams.recvmsg(_LONGEST, 256)
        except OSError:
            return
        if len(self._tasks) >= _WAITING:
            return
        task = asyncio.create_task(self._reply(datagrams, data, extra, peer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reply(
        self, datagrams: socket.socket, data: bytes, extra: list[tuple[int, int, bytes]], peer: tuple[object, ...]
    ) -> None:
        answer = await self._answer(data, str(peer[0]), _find_local(datagrams, extra))
        if answer:
            try:  # from the address that was asked: of a socket on all of them, the kernel might choose another
                datagrams.sendmsg([answer], [_send_from(one) for one in extra], 0, peer)
            except OSError as error:
                _LOG.info("a DNS answer could not be sent: %s", type(error).__name__)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers the queries of one TCP connection, one after the other."""
        local, peer = writer.get_extra_info("sockname")[0], writer.get_extra_info("peername")[0]
        try:
            while True:
                async with asyncio.timeout(_SILENCE):
                    (size,) = struct.unpack("!H", await reader.readexactly(2))
                    data = await reader.readexactly(size)
                answer = await self._answer(data, peer, local)
                writer.write(struct.pack("!H", len(answer)) + answer)
                await writer.drain()
        except (OSError, EOFError, TimeoutError):
            pass
        finally:
            writer.close()

    async def _answer(self, data: bytes, client: str, local: str) -> bytes:
        """The answer to a query, which is told of first; nothing for what is none."""
        try:
            query = DNSMessage.unpack(data, time.time())
        except (struct.error, ValueError, IndexError):
            return b""
        question = query.question
        if not query.query or question is None:
            return b""
        name = question.name.rstrip(".")
        if question.type == types.PTR:  # who asks for an address's name wants to call nobody
            return query.fail(response_codes.NXDOMAIN).packed
        sighting = Sighting(self._channel.number(), time.time(), Way.DNS, Seen.QUERY, client, name, 0)
        told = await self._channel.tell(sighting)
        if not told.exists:
            return query.fail(response_codes.NXDOMAIN).packed
        return query.succeed(self._records(question.name, question.type, local)).packed

    def _records(self, name: str, kind: int, local: str) -> list[ResourceRecord]:
        """The addresses of the sinks of one kind; of one that listens on all, that at which the client asked."""
        asked = ipaddress.ip_address(local.partition("%")[0])
        found = [asked if one.is_unspecified and one.version == asked.version else one for one in self._sinks]
        records = []
        for one in dict.fromkeys(found):
            if kind == types.A and isinstance(one, ipaddress.IPv4Address) and not one.is_unspecified:
                records.append(ResourceRecord.A(name, one, ttl=TTL))
            if kind == types.AAAA and isinstance(one, ipaddress.IPv6Address) and not one.is_unspecified:
                records.append(ResourceRecord.AAAA(name, one, ttl=TTL))
        return records


def _send_from(received: tuple[int, int, bytes]) -> tuple[int, int, bytes]:
    """What has a datagram leave from the address at which another one arrived (ip(7), ipv6(7))."""
    level, kind, data = received
    return (level, kind, bytes(4) + data[4:] if level == socket.IPPROTO_IP else data)


def _find_local(datagrams: socket.socket, extra: list[tuple[int, int, bytes]]) -> str:
    """The address that a datagram was sent to."""
    for level, kind, data in extra:
        if (level, kind) == (socket.IPPROTO_IP, _PKTINFO):
            return socket.inet_ntop(socket.AF_INET, data[8:12])
        if (level, kind) == (socket.IPPROTO_IPV6, _PKTINFO6):
            return socket.inet_ntop(socket.AF_INET6, data[:16])
    return str(datagrams.getsockname()[0])
