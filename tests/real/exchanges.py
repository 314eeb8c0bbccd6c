"""Three HTTP clients that nobody here wrote, and what each of them saw, in one shape that can be compared."""

import gzip
import subprocess
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import brotli  # type: ignore[import-untyped]
import httpx
import requests

from tests.processes import clean_environment

# RFC 9110 section 7.6.1: these end at each hop, so a proxy makes them anew.
HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade"})
ADDED = "x-cpproxy-"


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer as it reached a client: the body as it came, still coded; ``framed`` with its chunks, where known.

    ``asked`` is the method and target that it answers, of a redirect that was followed those of each of its calls.
    """

    asked: str
    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    framed: bytes | None = None

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name]

    @property
    def coding(self) -> str:
        return "".join(self.values("content-encoding"))

    @property
    def decoded(self) -> bytes:
        decode = _DECODERS[self.coding]
        return decode(self.body)

    @property
    def end_to_end(self) -> list[tuple[str, str]]:
        """The headers that a proxy hands on, in order, without its own; of a coded body, without the length."""
        left_out = HOP_BY_HOP | ({"content-length"} if self.coding and self.body else set())
        return [
            pair for pair in self.headers if pair[0].lower() not in left_out and not pair[0].lower().startswith(ADDED)
        ]

    @property
    def outcome(self) -> str:
        return ", ".join(self.values("x-cpproxy-outcome"))


_DECODERS: Mapping[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "gzip": lambda body: gzip.decompress(body) if body else b"",
    "deflate": lambda body: zlib.decompress(body) if body else b"",
    "br": lambda body: brotli.decompress(body) if body else b"",
}


def ask_curl(base: str, method: str, target: str, *options: str, body: bytes = b"") -> list[Seen]:
    """What curl saw: every answer of the call, those that it followed included and interim ones left out.

    ``target`` goes out exactly as it stands. ``body`` is standard input, for ``--data-binary @-`` and the like.
    """
    command = ["curl", "--silent", "--show-error", "--globoff", "--path-as-is", "--max-time", "20"]
    finished = subprocess.run(
        [*command, "--include", "--raw", *options, base + target],
        input=body,
        capture_output=True,
        env=clean_environment(),
        check=False,
    )
    assert finished.returncode == 0, f"curl {options} {target}: {finished.returncode} {finished.stderr!r}"
    following = "--location" in options
    answers = _split_answers(method, target, finished.stdout, headless="--head" in options, following=following)
    return [seen for seen in answers if seen.status >= 200]


def _split_answers(method: str, target: str, stream: bytes, *, headless: bool, following: bool) -> Iterator[Seen]:
    while stream:
        head, separator, stream = stream.partition(b"\r\n\r\n")
        assert separator, f"no end of the headers in {head!r}"
        first, *lines = head.decode("latin-1").split("\r\n")
        _, status, reason = first.split(" ", 2)
        headers = tuple((name, value.strip(" ")) for name, _, value in (line.partition(":") for line in lines))
        fields = {name.lower(): value for name, value in headers}
        empty = headless or int(status) < 200 or status in {"204", "304"}
        if empty or (following and status.startswith("3")):  # curl prints no body of an answer that it follows
            body = framed = b""
        elif fields.get("transfer-encoding") == "chunked":
            body, framed, stream = _read_chunks(stream)
        else:
            length = int(fields.get("content-length", len(stream)))
            body = framed = stream[:length]
            stream = stream[length:]
        yield Seen(_spell(method, target), int(status), reason, headers, body, framed)
        if following and "location" in fields:
            method, target = "GET", _target_of(fields["location"])


def _spell(method: str, target: str) -> str:
    """A request in one spelling: a query that is empty is none."""
    return f"{method} {target.removesuffix('?')}"


def _target_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _read_chunks(stream: bytes) -> tuple[bytes, bytes, bytes]:
    """The body, the body with its chunk sizes (RFC 9112 section 7.1), and what comes after."""
    body, rest = b"", stream
    while True:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        assert rest[length : length + 2] == b"\r\n", f"a chunk of {length} bytes does not end in {rest[length:][:20]!r}"
        body += rest[:length]
        rest = rest[length + 2 :]
        if length == 0:
            return body, stream[: len(stream) - len(rest)].lower(), rest


class Requests:
    """One ``requests`` session; its cookies last from call to call. ``bare``: it leaves its ``Connection`` away."""

    def __init__(self, base: str, *, bare: bool) -> None:
        self._base = base
        self._session = requests.Session()
        self._session.trust_env = False
        if bare:
            del self._session.headers["Connection"]

    def ask(self, method: str, target: str, **options: Any) -> list[Seen]:
        """What requests saw, the answers that it followed or whose challenge it met included."""
        options.setdefault("allow_redirects", False)
        with self._session.request(method, self._base + target, stream=True, timeout=20, **options) as last:
            body = last.raw.read(decode_content=False)
            answers = [(answer, answer.content) for answer in last.history] + [(last, body)]
        return [
            Seen(
                _spell(str(answer.request.method), answer.request.path_url),
                answer.status_code,
                answer.reason,
                tuple(answer.raw.headers.items()),
                body,
            )
            for answer, body in answers
        ]

    def close(self) -> None:
        self._session.close()


class Httpx:
    """One ``httpx`` client; its cookies last from call to call. ``bare``: it leaves its ``Connection`` away."""

    def __init__(self, base: str, *, bare: bool) -> None:
        self._client = httpx.Client(base_url=base, trust_env=False, timeout=20)
        if bare:
            del self._client.headers["Connection"]

    def ask(self, method: str, target: str, **options: Any) -> list[Seen]:
        """What httpx saw; it follows nothing unless told to."""
        with self._client.stream(method, target, **options) as response:
            body = b"".join(response.iter_raw())
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw)
        asked = _spell(method, response.request.url.raw_path.decode("ascii"))
        return [Seen(asked, response.status_code, response.reason_phrase, headers, body)]

    def close(self) -> None:
        self._client.close()
