"""Plants secrets in calls, asks a proxy for them, and collects what the proxy itself says of them."""

import http.client
import http.server
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from random import Random
from typing import override
from urllib.parse import urlsplit

from tests.secrecy import kinds, places
from tests.secrecy.kinds import Kind, Known
from tests.secrecy.places import Call, Place

ADMIN = ("state", "calls?last=1000", "misses", "verdict", "version", "scenarios", "sessions")
_WITHIN_A_LINE = ("header", "header of an answer")


@dataclass(frozen=True)
class Plant:
    """One secret in one place; `label` says which, and not what it is. `late`: another call is yet to show it."""

    number: int
    label: str
    value: str
    call: Call
    late: bool = False

    @property
    def binary(self) -> bool:
        """Whether its answer is no text, and so is not kept with a secret in it."""
        return any(b"\0" in piece for piece in self.call.pieces)

    @property
    def target(self) -> str:
        return f"/n/{self.number}{self.call.target}"


def plant(random: Random) -> list[Plant]:
    """All kinds in all places that suit them, each a secret of its own; those that are learnt late come first."""
    wanted: list[tuple[str, Kind, str, Place]] = []
    for kind in kinds.LEARNT:
        wanted += (("anywhere", kind, *place) for place in (places.ANYWHERE | places.ENCODED).items())
    for kind in kinds.NAMED:
        wanted += (("named", kind, *place) for place in places.NAMED.items())
    for kind in kinds.SHAPED:
        wanted += (("anywhere", kind, *place) for place in places.ANYWHERE.items())
    plants: list[Plant] = []
    for where, kind, name, place in wanted:
        if kind.lines and (name in _WITHIN_A_LINE or name.startswith("query")):
            continue
        value = kind.draw(random)
        label = f"<{kind.name}, {where}: {name}>"
        plants.append(Plant(len(plants), label, value, place(value), kind.known is Known.CALL))
    return plants


def show_late(plants: Sequence[Plant]) -> list[Plant]:
    """The calls that show what was planted where nothing names it."""
    return [
        Plant(10_000 + one.number, f"{one.label}, shown", one.value, places.NAMED["Bearer"](one.value))
        for one in plants
        if one.late
    ]


class _Upstream(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    find: Callable[[str], Call]

    def _answer(self) -> None:
        size = int(self.headers.get("Content-Length", 0))
        self.rfile.read(size)
        call = type(self).find(self.path)
        self.send_response(call.status)
        for name, value in call.told:
            self.send_header(name, value)
        if len(call.pieces) > 1:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for piece in call.pieces:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
            return
        body = b"".join(call.pieces)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_OPTIONS = _answer  # noqa: N815 (the names that the server asks for)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@contextmanager
def upstream_of(find: Callable[[str], Call]) -> Iterator[str]:
    """An upstream that answers what was found for a target."""
    handler = type("Handler", (_Upstream,), {"find": staticmethod(find)})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def upstream(plants: Sequence[Plant]) -> AbstractContextManager[str]:
    """An upstream that answers each plant's call as it says."""
    answers = {str(one.number): one.call for one in plants}
    return upstream_of(lambda target: answers[target.split("/")[2]])


@dataclass(frozen=True)
class Answer:
    """What a call got: status, what cpproxy made of it, and all of it as it came."""

    status: int
    outcome: str
    whole: bytes


def ask(url: str, one: Plant) -> Answer:
    """Makes a plant's call."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        connection.putrequest(one.call.method, one.target, skip_accept_encoding=True)
        for name, value in one.call.headers:
            connection.putheader(name, value.encode("latin-1"))
        if one.call.body:
            connection.putheader("Content-Length", str(len(one.call.body)))
        connection.endheaders(one.call.body or None)
        response = connection.getresponse()
        body = response.read()
        head = "\r\n".join(f"{name}: {value}" for name, value in response.getheaders()).encode("latin-1", "replace")
        return Answer(response.status, response.getheader("X-Cpproxy-Outcome") or "", head + b"\r\n\r\n" + body)
    finally:
        connection.close()


def ask_all(url: str, plants: Sequence[Plant], *, at_once: int = 4) -> list[Answer]:
    """Makes the calls of all plants, several at once."""
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(lambda one: ask(url, one), plants))


def ask_admin(url: str) -> Iterator[tuple[str, bytes]]:
    """What the admin paths tell."""
    for path in ADMIN:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        connection.request("GET", f"/__cpproxy/{path}")
        yield f"admin {path}", connection.getresponse().read()
        connection.close()
