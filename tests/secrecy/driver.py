"""Plants secrets in calls, asks a proxy for them, and collects what the proxy itself says of them."""

import http.client
import os
import re
import socket
import socketserver
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from random import Random
from typing import override
from urllib.parse import urlsplit

from tests.secrecy import kinds, places
from tests.secrecy.calls import Call, Place
from tests.secrecy.kinds import Kind, Known

ADMIN = ("state", "calls?last=10000", "misses", "verdict", "version", "scenarios", "sessions")
CONFIG = r"""
[redact]
secrets = ["pin", "header:X-Badge", "query:k", "form:code", "$.user.answer"]
patterns = ["acme_[a-z0-9]{24}", "tan ([0-9]{10})"]
"""
ENVIRONMENT = Kind("of the environment", Known.NAME, lambda random: f"Sham-{kinds.some(random, kinds.WORD, 9)}-91")

_NUMBER = re.compile(r"/n/(\d+)")


@dataclass(frozen=True)
class Plant:
    """One secret in one place. `values` may be found nowhere; `late` says that another call is yet to show them."""

    number: int
    kind: str
    place: str
    value: str
    values: Sequence[str]
    call: Call
    late: str = ""

    @property
    def label(self) -> str:
        """What is planted and where; not what it is."""
        return f"<{self.kind}, {self.place}>"

    @property
    def pairs(self) -> Iterator[tuple[str, str]]:
        """What may be found nowhere, each with what is told of it."""
        return ((self.label, value) for value in self.values)

    @property
    def shows(self) -> bool:
        """Whether a client that makes this call, and the one that shows it, knows it for a secret: no answer tells."""
        return not self.late or places.NAMED[self.late](self.value).asks_alone

    @property
    def path(self) -> str:
        """The path that tells the upstream which call it is."""
        return f"/n/{self.number}"


def configure(plants: Sequence[Plant]) -> tuple[str, dict[str, str]]:
    """The config, and the environment whose variables it names."""
    variables = {f"SHAM_{one.number}": one.value for one in plants if one.kind == ENVIRONMENT.name}
    return f"{CONFIG}environment = {list(variables)}\n", variables


type Cell = tuple[Kind, str, Place]


def cells() -> list[Cell]:
    """All kinds in all places that suit them, each place with its name; those that are learnt late come first."""
    everywhere = {f"anywhere: {name}": place for name, place in places.ANYWHERE.items()}
    encoded = {f"encoded: {name}": place for name, place in places.ENCODED.items()}
    named = {f"named: {name}": place for name, place in places.NAMED.items()}
    wanted: list[Cell] = []
    for kind in [*kinds.LEARNT, ENVIRONMENT]:
        wanted += ((kind, *place) for place in (everywhere | encoded).items())
    for kind in kinds.NAMED:
        wanted += ((kind, *place) for place in named.items())
    for kind in kinds.SHAPED:
        wanted += ((kind, *place) for place in everywhere.items())
    fit = Random(0)
    return [(kind, name, place) for kind, name, place in wanted if place.fits(kind.draw(fit))]


def few(wanted: Sequence[Cell], random: Random, size: int) -> list[Cell]:
    """Some of the cells, at least `size`: each kind and each place are among them."""
    shuffled = random.sample(wanted, len(wanted))
    chosen: set[int] = set()
    for part in (0, 1):
        seen: dict[object, int] = {}
        for number, cell in enumerate(shuffled):
            seen.setdefault(cell[0].name if part == 0 else cell[1], number)
        chosen |= set(seen.values())
    rest = [number for number in range(len(shuffled)) if number not in chosen]
    chosen |= set(rest[: max(0, size - len(chosen))])
    picked = {(shuffled[number][0].name, shuffled[number][1]) for number in chosen}
    return [cell for cell in wanted if (cell[0].name, cell[1]) in picked]


def plant(wanted: Sequence[Cell], random: Random, *, start: int = 0) -> list[Plant]:
    """A secret of its own for each cell."""
    plants = []
    for number, (kind, name, place) in enumerate(wanted, start):
        value = kind.draw(random)
        while not place.fits(value):
            value = kind.draw(random)
        plants.append(Plant(number, kind.name, name, value, kind.list_values(value), place(value), kind.shown))
    return plants


def show_late(plants: Sequence[Plant], *, start: int = 100_000) -> list[Plant]:
    """The calls that show what was planted where nothing names it.

    In replay, what an answer hands out is to come back as it was served: no other value will do.
    """
    shown = []
    for one in plants:
        if one.late:
            call = places.NAMED[one.late](one.value)
            call.kept = one.call.asks_alone
            label = f"{one.place}, shown"
            shown.append(Plant(start + one.number, one.kind, label, one.value, one.values, call))
    return shown


class _Upstream(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    find: Callable[[str], Call]

    @override
    def handle(self) -> None:
        while head := self._read_head():
            self._read_body(head)
            call = type(self).find(head[0].split(b" ")[1].decode("latin-1"))
            wire = call.write_answer()
            if head[0].startswith(b"HEAD "):
                wire = wire.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
            for piece in _cut(wire, call.pieces):
                self.wfile.write(piece)

    def _read_head(self) -> list[bytes]:
        lines = []
        while (line := self.rfile.readline()) not in {b"\r\n", b""}:
            lines.append(line)
        return lines

    def _read_body(self, head: list[bytes]) -> None:
        headers = {name.strip().lower(): value.strip() for name, _, value in (one.partition(b":") for one in head[1:])}
        self.rfile.read(int(headers.get(b"content-length", 0)))
        if b"transfer-encoding" in headers:
            while size := int(self.rfile.readline(), 16):
                self.rfile.read(size + 2)
            self._read_head()


def _cut(wire: bytes, pieces: Sequence[bytes]) -> Iterator[bytes]:
    """What is sent at once: an answer in many small chunks goes chunk by chunk."""
    if len(pieces) < 2:
        yield wire
        return
    at = wire.index(b"\r\n\r\n") + 4
    yield wire[:at]
    for piece in pieces:
        size = len(b"%x\r\n%s\r\n" % (len(piece), piece))
        yield wire[at : at + size]
        at += size
    yield wire[at:]


@contextmanager
def upstream_of(find: Callable[[str], Call]) -> Iterator[str]:
    """An upstream that answers what was found for a target."""
    handler = type("Handler", (_Upstream,), {"find": staticmethod(find)})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        serving = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        serving.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        serving.join()


def upstream(plants: Sequence[Plant]) -> AbstractContextManager[str]:
    """An upstream that answers each plant's call as it says."""
    answers = {one.number: one.call for one in plants}

    def find(target: str) -> Call:
        found = _NUMBER.search(target)
        assert found, target
        return answers[int(found[1])]

    return upstream_of(find)


@dataclass(frozen=True)
class Answer:
    """What a call got: what cpproxy made of it, and all of it as it came, its chunks put together."""

    outcome: str
    whole: bytes


def ask(url: str, one: Plant) -> Answer:
    """Makes a plant's call, on a connection of its own."""
    where = urlsplit(url)
    with socket.create_connection((where.hostname or "", where.port or 0), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire = one.call.write_request(one.path)
        for piece in _cut(wire, one.call.parts):
            connection.sendall(piece)
        got = b""
        try:
            while piece := connection.recv(65536):
                got += piece
        except TimeoutError:
            raise AssertionError(f"no end of the answer to {one.label}: {got[:300]!r}") from None
    head, _, body = got.partition(b"\r\n\r\n")
    found = re.search(rb"(?im)^x-cpproxy-outcome: *(\S+)", head)
    if re.search(rb"(?im)^transfer-encoding: *chunked", head):
        body = _join(body)
    return Answer(found[1].decode() if found else "", head + b"\r\n\r\n" + body)


def _join(body: bytes) -> bytes:
    joined = b""
    while body:
        line, _, body = body.partition(b"\r\n")
        size = int(line, 16)
        if not size:
            return joined + b"\r\n" + body
        joined, body = joined + body[:size], body[size + 2 :]
    return joined


def ask_all(url: str, plants: Sequence[Plant], *, at_once: int = 4) -> list[Answer]:
    """Makes the calls of all plants, several at once."""
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(lambda one: ask(url, one), plants))


def ask_admin(url: str) -> Iterator[tuple[str, bytes]]:
    """What the admin paths tell."""
    for path in ADMIN:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=120)
        connection.request("GET", f"/__cpproxy/{path}")
        yield f"admin {path}", connection.getresponse().read()
        connection.close()


def seeded() -> Random:
    """A source of chance for one run: what `SECRECY_SEED` holds repeats it."""
    seed = os.environ.get("SECRECY_SEED") or os.urandom(8).hex()
    print(f"planted with SECRECY_SEED={seed}")  # noqa: T201 (shown when a test fails)
    return Random(seed)


def tell(hits: Sequence[tuple[str, str]]) -> str:
    """Hits by what was planted, each with where it was found, the first few."""
    by: dict[str, list[str]] = defaultdict(list)
    for label, where in hits:
        by[label].append(where)
    lines = [f"{label}: {len(found)}, as {found[0]}" for label, found in sorted(by.items())]
    return "\n".join([f"{len(lines)} of those planted:", *lines[:400]])
