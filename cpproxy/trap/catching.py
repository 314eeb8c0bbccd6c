"""One connection to the trap, as far as it shows what it is: TLS, HTTP, or anything else; and its refusal.

The layers of mitmproxy read the protocols. Its addons are not used, nor is its code that connects: the handler of this
module answers each of the layers' hooks itself, and the one method that would open a connection is another one here.
"""

import asyncio
import ipaddress
import logging
import re
import socket
import struct
import time
from collections.abc import Iterable
from typing import Any, override

from mitmproxy import http
from mitmproxy.connection import ConnectionState
from mitmproxy.net.tls import starts_like_tls_record
from mitmproxy.options import Options
from mitmproxy.proxy import commands, events, server_hooks
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator, Layer, NextLayer, NextLayerHook
from mitmproxy.proxy.layers import ClientTLSLayer, HttpLayer
from mitmproxy.proxy.layers.http import HTTPMode, HttpStream
from mitmproxy.proxy.layers.http._events import RequestData
from mitmproxy.proxy.layers.http._hooks import (
    HttpConnectHook,
    HttpErrorHook,
    HttpRequestHeadersHook,
    HttpRequestHook,
)
from mitmproxy.proxy.layers.http._http1 import Http1Server
from mitmproxy.proxy.layers.modes import HttpProxy
from mitmproxy.proxy.layers.tls import TlsFailedClientHook, TlsStartClientHook
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.proxy.server import LiveConnectionHandler

from cpproxy.core.calls import Seen, Way
from cpproxy.core.hosts import PORTS, parse_address
from cpproxy.core.messages import Headers
from cpproxy.core.sightings import Sighting, Told
from cpproxy.trap.authority import Authority
from cpproxy.trap.channel import Channel
from cpproxy.trap.heads import read_head, split_authority

BODY = 64 * 1024
"""How much of a body is kept, in bytes."""

SILENCE = 30
"""How long a connection may do nothing before it ends, in seconds."""

MOST = 512
"""How many connections there are at once; one more is refused, and told of."""

_UNDECIDED = 64 * 1024  # bytes that are looked at before they are taken for nothing that is known
_HEAD = 256 * 1024  # bytes of a request's head
_TARGET = 16 * 1024  # characters of a target that are told, and bytes of a header's value
_HEADERS = 64 * 1024  # bytes of headers that are told
_NAME = 255  # characters of a host's name: no name has more (RFC 1035 section 2.3.4)
_REQUEST_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ \S+ HTTP/\d(\.\d)?\r?\n")
_BEGINNING = re.compile(rb"\x16\x03?|[!#$%&'*+.^_`|~0-9A-Za-z-]+( \S*( [^\n]*)?)?")  # of TLS, or of a request line
_PREFACE = b"PRI * HTTP/2.0\r\n"
_OPENING = re.compile(rb"[\x21-\x7e]{1,40}")
_WORD = 40  # characters of a client's own word that are repeated
_SOCKADDR = 28  # bytes of the longer one
_ORIGINAL = {socket.AF_INET: (socket.SOL_IP, 80), socket.AF_INET6: (socket.IPPROTO_IPV6, 80)}  # linux/netfilter_ipv4.h
_MALFORMED_BODY = b'{"error":"cpproxy: malformed request","cpproxy":{"outcome":"error"}}\n'
_MALFORMED = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
    % (len(_MALFORMED_BODY), _MALFORMED_BODY)
)
_LOG = logging.getLogger("cpproxy.trap")


def _make_options() -> Options:
    """The options of mitmproxy as its layers ask for them."""
    options = Options()
    for name, value in (
        ("connection_strategy", "lazy"),
        ("keep_host_header", True),
        ("store_streamed_bodies", False),
        ("body_size_limit", None),
        ("stream_large_bodies", None),
        ("validate_inbound_headers", True),
        ("normalize_outbound_headers", True),
        ("proxy_debug", False),
    ):
        options.add_option(name, type(value) if value is not None else str | None, value, "")
    options.update(rawtcp=False, websocket=False)  # type: ignore[no-untyped-call]
    return options


class _Refusal(Layer):
    """What is left to do for a connection that says nothing that is understood: to close it."""

    @override
    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        if isinstance(event, events.Start):
            yield commands.CloseConnection(self.context.client)


class _Stream(HttpStream):
    """One request, of whose body no more is kept than `BODY`."""

    dropped = 0

    @override
    def state_consume_request_body(self, event: events.Event) -> CommandGenerator[None]:
        if isinstance(event, RequestData):
            room = max(0, BODY - len(self.request_body_buf))
            self.dropped += max(0, len(event.data) - room)
            event = RequestData(event.stream_id, event.data[:room])
        self.flow.metadata["dropped"] = self.dropped
        yield from super().state_consume_request_body(event)

    @override
    def make_server_connection(self) -> CommandGenerator[bool]:
        self.client_state = self.state_errored
        yield commands.CloseConnection(self.context.client)
        return False


class _Requests(Http1Server):
    """HTTP/1, which keeps the beginning of a head for as long as that has not become a request."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.begun = bytearray()

    @override
    def read_headers(self, event: events.ConnectionEvent) -> CommandGenerator[None]:
        if isinstance(event, events.DataReceived):
            self.begun += (event.data if self.begun else bytes(self.buf))[: _HEAD - len(self.begun)]
        for command in super().read_headers(event):
            # What is sent from here says why a head is none, and repeats it.
            yield commands.SendData(self.conn, _MALFORMED) if isinstance(command, commands.SendData) else command

    @property
    def is_full(self) -> bool:
        """Whether enough has come of what follows a request that has no answer yet."""
        return self.state == self.wait and len(self.buf) > _UNDECIDED

    @property
    def is_too_large(self) -> bool:
        """Whether a head has come that is larger than one may be, and no end of it."""
        return self.state == self.read_headers and len(self.buf) > _HEAD

    @property
    def fault(self) -> str:
        """Why what has begun is no request."""
        if self.request is not None:
            return "it names no host"
        if self.is_too_large:
            return f"its head is larger than {_HEAD >> 10} KiB"
        return "its head is malformed" if self.state == self.done else "its head was not finished"


class _Http(HttpLayer):
    """HTTP/1, whose connection is `requests`, or HTTP/2, where that is None."""

    def __init__(self, context: Context, mode: HTTPMode) -> None:
        super().__init__(context, mode)
        self.requests = None if context.client.alpn == b"h2" else _Requests(context.fork())
        if self.requests is not None:
            self.connections[context.client] = self.requests

    @override
    def make_stream(self, stream_id: int) -> CommandGenerator[None]:
        context = self.context.fork()
        stream = self.streams[stream_id] = _Stream(context, stream_id)
        yield from self.event_to_child(stream, events.Start())


class Trap:
    """What all connections share."""

    def __init__(self, channel: Channel, authority: Authority) -> None:
        self.channel = channel
        self.authority = authority
        self.options = _make_options()
        self.handlers: set[Handler] = set()

    async def take(self, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Sees a new connection to its end."""
        handler = Handler(self, way, reader, writer)
        if len(self.handlers) >= MOST:
            await handler.tell_unread(f"there are {MOST} connections already")
            writer.transport.abort()
            return
        self.handlers.add(handler)
        try:
            await handler.handle_client()
        finally:
            self.handlers.discard(handler)
            writer.close()

    async def tell_rest(self) -> None:
        """Tells of all connections of which nothing was told yet: the end has come."""
        await asyncio.gather(*(handler.tell_rest("the run ended") for handler in self.handlers))


class Handler(LiveConnectionHandler):
    """One connection, by the way in that it came."""

    def __init__(self, trap: Trap, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(reader, writer, trap.options, ProxyMode.parse("regular"))
        self._trap = trap
        self._way = way
        self._host, self._port = _find_destination(writer)
        self._local = str(writer.get_extra_info("sockname")[0])
        self._tunnel = False  # whether a CONNECT came, which has named host and port
        self._opening = b""  # what has come, until it becomes a request
        self._requests: _Requests | None = None  # its side of HTTP/1
        self._told = False  # whether there is a row, of it or of one of its requests
        self._flows: list[http.HTTPFlow] = []  # requests whose head has come, and not all of their body
        self._head = 0  # bytes since the last request, where `_requests` does not count them
        self._moved = asyncio.Event()  # something else than bytes came: there may be room again
        self.timeout_watchdog.timeout = SILENCE
        self.layer = HttpProxy(self.layer.context)

    # ------------------------------------------------------------------ what mitmproxy asks

    @override
    async def open_connection(self, command: commands.OpenConnection) -> None:
        """Opens none, whoever asks."""
        await self.server_event(events.OpenConnectionCompleted(command, "the trap has no way out"))

    @override
    async def server_event(self, event: events.Event) -> None:
        if not isinstance(event, events.DataReceived):
            await super().server_event(event)
            self._moved.set()
            return
        while self._requests is not None and self._requests.is_full:  # what is sent ahead of an answer waits for it
            self._moved.clear()
            await self._moved.wait()
        if self._requests is None and not self._flows:
            self._head += len(event.data)
        if self._head <= _HEAD:
            await super().server_event(event)
        if self._head > _HEAD or (self._requests is not None and self._requests.is_too_large):
            self.close_connection(self.client)  # the parser would take in more for ever

    @override
    async def handle_hook(self, hook: commands.StartHook) -> None:
        with self.timeout_watchdog.disarm():
            try:
                await self._answer(hook)
            except Exception as error:  # noqa: BLE001 (what went wrong must be told of all the same)
                _LOG.error("%s", hook.name, exc_info=error)
                self._told = False
                await self.tell_rest(f"internal error ({type(error).__name__})")

    async def _answer(self, hook: commands.StartHook) -> None:
        match hook:
            case NextLayerHook(data=question):
                await self._choose(question)
            case TlsStartClientHook(data=start):
                start.ssl_conn = self._trap.authority.connection(self.client.sni or self._host)
            case TlsFailedClientHook():
                await self.tell_rest("")
            case HttpConnectHook(flow=flow):
                self._head = 0
                self._forget()
                self._requests = None
                self._tunnel = True
                self._host, self._port = flow.request.host, flow.request.port
            case HttpRequestHeadersHook(flow=flow):
                self._flows.append(flow)
                self._forget()
            case HttpRequestHook(flow=flow):
                flow.response = http.Response.make(421)
                self._begin_next(flow)
                await self._refuse(flow)
            case HttpErrorHook(flow=flow):
                self._begin_next(flow)
                if not flow.metadata.get("told"):
                    await self._tell_flow(flow, "it broke off, or is malformed")
            case server_hooks.ClientDisconnectedHook():
                await self.tell_rest("")
            case _:
                pass

    def _forget(self) -> None:
        """Lets go of the bytes of which a request has come."""
        self._opening = b""
        if self._requests is not None:
            self._requests.begun.clear()

    def _begin_next(self, flow: http.HTTPFlow) -> None:
        self._head = 0
        if flow in self._flows:
            self._flows.remove(flow)

    async def _choose(self, question: NextLayer) -> None:
        """Finds what a connection speaks by its first bytes, or waits for more of them."""
        data: bytes = question.data_client()  # type: ignore[no-untyped-call]
        context = question.context
        if starts_like_tls_record(data):
            question.layer = ClientTLSLayer(context)
            return
        mode = HTTPMode.regular if self._way is Way.FORWARD and not self._tunnel else HTTPMode.transparent
        context.server.address = (self._host, self._port)
        self._opening = data
        if data.startswith(_PREFACE):
            self.client.alpn = b"h2"
        if self.client.alpn == b"h2" or _REQUEST_LINE.match(data):
            question.layer = layer = _Http(context, mode)
            self._requests = layer.requests
        elif len(data) > _UNDECIDED or not _BEGINNING.fullmatch(data):
            await self.tell_rest("")
            question.layer = _Refusal(context)

    # ------------------------------------------------------------------ what is told

    async def _refuse(self, flow: http.HTTPFlow) -> None:
        if flow.metadata.get("told"):  # its end came after that of the run
            return
        told = await self._tell_flow(flow, "")
        headers = {"Content-Type": "application/json", "X-Cpproxy-Outcome": told.outcome}
        body = b"" if flow.request.method == "HEAD" else told.body  # nothing follows its head (RFC 9110 section 9.3.2)
        flow.response = http.Response.make(told.status, body, headers)

    async def _tell_flow(self, flow: http.HTTPFlow, note: str) -> Told:
        flow.metadata["told"] = True
        request = flow.request
        if request.method == "CONNECT":  # whom it names may stand nowhere else
            host, port = split_authority(request.authority or request.host_header or "")
            note = "it takes the sink for a forward proxy"
            return await self._tell(
                Seen.TUNNEL, host or self._host, port, note, method="CONNECT", target=request.authority
            )
        body = request.raw_content or b""
        if upgrade := request.headers.get("upgrade", ""):
            note = note or f"it asks for an upgrade to {upgrade[:_WORD]}"
        if self._way is Way.FORWARD and not self._tunnel:
            scheme, host, port = request.scheme, request.host, request.port
        else:
            scheme = "https" if self.client.tls else "http"
            host, port = self._find_host(*split_authority(request.host_header or ""), scheme)
        return await self._tell(
            Seen.WHOLE,
            host,
            port,
            note,
            scheme=scheme,
            method=request.method,
            target=request.path[:_TARGET],
            headers=_shorten(request.headers.fields),
            body=body,
            size=len(body) + int(flow.metadata.get("dropped", 0)),
        )

    def _find_host(self, host: str, port: int, scheme: str) -> tuple[str, int]:
        """What a request was meant for that names a host or none, and a port or 0: the most telling that was given."""
        if self._tunnel and not parse_address(self._host):
            return self._host, self._port
        if not host:
            return self.client.sni or self._host, self._port
        return host, port or (self._port if self._tunnel else PORTS[scheme])

    async def tell_unread(self, note: str) -> None:
        """Tells of the connection that it is refused, whatever it would have been."""
        await self._tell(Seen.UNREAD, self._host, self._port, note)

    async def tell_rest(self, note: str) -> None:
        """Tells of requests that have begun and are none yet; else of the connection, if nothing was told of it."""
        for flow in [*self._flows]:
            if not flow.metadata.get("told"):
                await self._tell_flow(flow, note or "its body was not finished")
        if await self._tell_begun(note) or self._told:
            return
        host, scheme, method, target = self._host, "", "", ""
        if self.client.tls:
            scheme = "https"
            host = self.client.sni or self._host
            # Who does not trust the certificate goes at once: some right after the handshake, as Node does.
            stays = self.client.tls_established and self.client.state & ConnectionState.CAN_READ
            seen = Seen.BROKEN if self._opening or stays else Seen.NAME
            if self._opening:
                note = note or _describe(self._opening, "no HTTP within TLS")
            elif self.client.tls_version is None:
                note = note or "its client did not go on with TLS: it may not trust the certificate"
        elif self._opening:
            seen = Seen.BROKEN if self._opening.startswith(_PREFACE) else Seen.BYTES
            note = note or _describe(self._opening, "neither TLS nor HTTP")
        elif self._tunnel:
            seen, method, target = Seen.TUNNEL, "CONNECT", f"{self._host[:_NAME]}:{self._port}"
        else:
            seen = Seen.CONNECTION
        await self._tell(seen, host, self._port, note, scheme=scheme, method=method, target=target)

    async def _tell_begun(self, note: str) -> bool:
        """Tells of what stands in plain sight of a request that cannot be parsed; whether there is one."""
        begun, fault = self._opening, "its request line is malformed, or was not finished"
        if self._requests is not None:
            begun, fault = bytes(self._requests.begun), self._requests.fault
        head = None if begun.startswith(_PREFACE) else read_head(begun)
        if head is None:
            return False
        self._forget()
        if head.method == "CONNECT":
            target = head.host if not head.port else f"{head.host}:{head.port}"
            await self._tell(Seen.TUNNEL, head.host, head.port, note or fault, method="CONNECT", target=target)
            return True
        scheme = head.scheme or ("https" if self.client.tls else "http")
        await self._tell(
            Seen.HEAD,
            *self._find_host(head.host, head.port, scheme),
            note or fault,
            scheme=scheme,
            method=head.method,
            target=head.target[:_TARGET],
            headers=_shorten(head.headers),
        )
        return True

    async def _tell(
        self,
        seen: Seen,
        host: str,
        port: int,
        note: str,
        *,
        method: str = "",
        **more: Any,  # noqa: ANN401 (as Sighting has them)
    ) -> Told:
        self._told = True
        channel = self._trap.channel
        return await channel.tell(
            Sighting(
                channel.number(),
                time.time(),
                self._way,
                seen,
                self.client.peername[0],
                host[:_NAME],
                port,
                method=method[:_WORD],
                note=note,
                local=self._local,
                **more,
            )
        )


def _shorten(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Headers as they are told: each cut off, and those beyond the room for all of them left out."""
    told, room = [], _HEADERS
    for name, value in headers:
        one = bytes(name[:_NAME]), bytes(value[:_TARGET])
        room -= len(one[0]) + len(one[1])
        if room < 0:
            break
        told.append(one)
    return tuple(told)


def _describe(opening: bytes, what: str) -> str:
    """What was said of which no request could be read: its first word, where it is one."""
    if opening.startswith(_PREFACE):
        return "no request of its HTTP/2 could be read"
    word = _OPENING.match(opening)
    return f"{what}: it begins with {word.group().decode()}" if word else what


def _find_destination(writer: asyncio.StreamWriter) -> tuple[str, int]:
    """Where a connection was meant to go: what it was redirected from (REDIRECT of iptables), else where it arrived."""
    own = writer.get_extra_info("sockname")
    connection = writer.get_extra_info("socket")
    try:
        raw = connection.getsockopt(*_ORIGINAL[connection.family], _SOCKADDR)
    except (OSError, KeyError):
        return str(own[0]), int(own[1])
    (port,) = struct.unpack_from("!H", raw, 2)
    packed = raw[4:8] if connection.family == socket.AF_INET else raw[8:24]
    return str(ipaddress.ip_address(packed)), port
