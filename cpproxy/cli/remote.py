"""A running proxy, asked over its admin paths: what `--url` stands for, or the latest one of this ledger."""

import contextlib
import http.client
from collections.abc import Iterator, Mapping
from urllib.parse import quote, urlencode

import msgspec

from cpproxy.cli.access import read_token
from cpproxy.cli.options import Settings
from cpproxy.core.answers import Ask, Begin, Calls, End, NamedCall, Scenarios, State, Version, Wait, Waited
from cpproxy.core.config import ADMIN_PREFIX
from cpproxy.core.hosts import parse_base
from cpproxy.core.repeating import repeatable
from cpproxy.core.verdict import Verdict
from cpproxy.errors import UsageError

_SECONDS = 30.0
_SLACK = 10.0


class AbsentError(UsageError):
    """No proxy answers at the address, or none runs on the ledger."""


class _Refusal(msgspec.Struct):
    error: str


class Remote:
    """The admin paths of the proxy at `url`. AbsentError if nothing answers, UsageError if it refuses."""

    def __init__(self, url: str) -> None:
        parts = parse_base(url if "//" in url else f"http://{url}")
        if parts is None or "@" in parts.netloc:
            raise UsageError(f"--url {repeatable(url)}: expected the address of a proxy, such as http://127.0.0.1:9090")
        self.url = url
        self._class = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._address = parts.netloc
        self._base = parts.path.rstrip("/") + ADMIN_PREFIX

    def why_not_ready(self) -> str:
        """Why it does not answer calls yet, or nothing."""
        status, answer = self._exchange("GET", "/ready", b"", _SECONDS)
        return "" if status == 200 else self._refusal(status, answer)

    def version(self) -> Version:
        """Which build serves what."""
        return self._ask("GET", "/version", Version)

    def certificate(self) -> str:
        """That of the trap's authority, as PEM."""
        status, answer = self._exchange("GET", "/ca", b"", _SECONDS)
        if status == 200 and answer.startswith(b"-----BEGIN CERTIFICATE-----"):
            return answer.decode("ascii")
        return self._read(status, answer, str)

    def state(self, session: str) -> State:
        """What a session has seen."""
        return self._ask("GET", _path("/state", {"session": session}), State)

    def calls(self, wanted: Mapping[str, str]) -> Calls:
        """The first calls that fit the filters; those after the last of them are for another question."""
        return self._ask("GET", _path("/calls", wanted), Calls)

    def call(self, name: str) -> NamedCall:
        """One call by its id."""
        return self._ask("GET", f"/call/{quote(name)}", NamedCall)

    def verdict(self, ask: Ask) -> Verdict:
        """What the run comes to so far."""
        return self._ask("POST", "/verdict", Verdict, ask)

    def begin(self, session: str, begin: Begin) -> Scenarios:
        """A script says where it is."""
        return self._ask("POST", _path("/scenarios", {"session": session}), Scenarios, begin)

    def end(self, session: str, end: End) -> Scenarios:
        """A script is done."""
        return self._ask("POST", _path("/scenarios/end", {"session": session}), Scenarios, end)

    def wait(self, session: str, wait: Wait) -> Waited:
        """Until the calls are there, or cannot come to be any more, or the time is over."""
        return self._ask("POST", _path("/wait", {"session": session}), Waited, wait, seconds=wait.timeout + _SLACK)

    def _ask[T](
        self,
        method: str,
        path: str,
        kind: type[T],
        question: msgspec.Struct | None = None,
        *,
        seconds: float = _SECONDS,
    ) -> T:
        body = b"" if question is None else msgspec.json.encode(question)
        return self._read(*self._exchange(method, path, body, seconds), kind)

    def _read[T](self, status: int, answer: bytes, kind: type[T]) -> T:
        if status != 200:
            raise UsageError(self._refusal(status, answer))
        try:
            return msgspec.json.decode(answer, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise UsageError(self._stranger(status)) from error

    def _refusal(self, status: int, answer: bytes) -> str:
        """What an answer that is none to the question says."""
        try:
            return msgspec.json.decode(answer, type=_Refusal).error.removeprefix("cpproxy: ")
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return self._stranger(status)

    def _stranger(self, status: int) -> str:
        return f"what answers at {self.url} is no cpproxy of this version (status {status})"

    def _exchange(self, method: str, path: str, body: bytes, seconds: float) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json"}
        if token := read_token():
            headers["X-Cpproxy-Token"] = token  # a recorder that it is no question for strips it
        try:
            with contextlib.closing(self._class(self._address, timeout=seconds)) as connection:
                connection.request(method, self._base + path, body, headers)
                response = connection.getresponse()
                return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            # What is no answer of HTTP stands in the error's text, and may be anything.
            late = "nothing came in time" if isinstance(error, TimeoutError) else ""
            other = f"it broke off, or speaks no HTTP ({type(error).__name__})"
            reason = getattr(error, "strerror", None) or late or other
            raise AbsentError(f"no proxy answers at {self.url}: {reason}") from error


def find(settings: Settings, url: str | None) -> Remote:
    """The proxy at `url`, else the latest that runs on this ledger. AbsentError if there is none."""
    if url:
        return Remote(url)
    for running in running_here(settings):
        return running
    raise AbsentError(f"no proxy runs on the ledger {repeatable(settings.ledger)}: start one, or name one with --url")


def running_here(settings: Settings) -> Iterator[Remote]:
    """The proxies that run on this ledger and this machine, the latest first."""
    from cpproxy.ledger.journal import live_runs  # noqa: PLC0415 (not needed with --url)

    for run in reversed(live_runs(settings.ledger)):
        yield Remote(run.url)


def _path(path: str, words: Mapping[str, str]) -> str:
    given = {word: value for word, value in words.items() if value}
    return f"{path}?{urlencode(given)}" if given else path
