"""The admin paths below `/__cpproxy/`: what scripts and the command line ask a running proxy. They are never calls."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import msgspec
from aiohttp import web
from aiohttp.web_protocol import RequestPayloadError

from cpproxy.core.answers import Ask, Begin, Calls, End, NamedCall, Scenarios, State, Version, Wait, Waited
from cpproxy.core.verdict import Verdict
from cpproxy.errors import CpproxyError, UsageError
from cpproxy.front.server import DEFAULT_SESSION, STATE

_LOG = logging.getLogger("cpproxy.front")
_SESSION = "X-Cpproxy-Session"


class Desk(Protocol):
    """What knows the answers. UsageError is the asker's fault, any other CpproxyError the proxy's."""

    def why_not_ready(self) -> str:
        """Why calls cannot be answered yet, or nothing."""

    def version(self) -> Version:
        """Which build serves what."""

    def state(self, session: str) -> State:
        """What a session has seen."""

    def counters(self, session: str) -> dict[str, int]:
        """The config's counters."""

    def scenarios(self) -> Scenarios:
        """The scenario that each session is in."""

    def begin_scenario(self, session: str, begin: Begin) -> None:
        """A script says where it is."""

    def end_scenario(self, session: str, end: End) -> None:
        """A script is done."""

    def reset(self, session: str) -> None:
        """A session begins anew."""

    async def calls(self, wanted: Mapping[str, str]) -> Calls:
        """The calls that fit the filters."""

    async def call(self, name: str) -> NamedCall:
        """One call by its id."""

    async def verdict(self, ask: Ask) -> Verdict:
        """What the run comes to so far."""

    async def wait(self, session: str, wait: Wait) -> Waited:
        """Returns once the calls are there, or cannot come to be any more, or the time is over."""


type _Handler = Callable[[web.BaseRequest], Awaitable[object]]


class Admin:
    """Answers the admin paths with what `desk` knows, as JSON; errors as `{"error": "cpproxy: …"}`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._paths: dict[str, dict[str, _Handler]] = {
            STATE: {"GET": self._counters},
            "/health": {"GET": self._health},
            "/ready": {"GET": self._ready},
            "/version": {"GET": self._version},
            "/state": {"GET": self._state},
            "/calls": {"GET": self._calls},
            "/misses": {"GET": self._misses},
            "/misroutes": {"GET": self._misroutes},
            "/verdict": {"GET": self._verdict, "POST": self._verdict},
            "/scenarios": {"GET": self._scenarios, "POST": self._begin, "DELETE": self._end},
            "/scenarios/end": {"POST": self._end},
            "/reset": {"POST": self._reset},
            "/wait": {"POST": self._wait},
        }

    async def answer(self, http: web.BaseRequest, path: str) -> web.StreamResponse:
        """The answer for `path`, which follows the admin prefix or is `STATE`."""
        methods = {"GET": self._call} if path.startswith("/call/") else self._paths.get(path)
        if methods is None:
            known = ", ".join(name.removeprefix("/") for name in self._paths if name.startswith("/"))
            return _refuse(404, f"no admin path {path!a}; there are {known} and call/ID")
        handler = methods.get("GET" if http.method == "HEAD" else http.method)
        if handler is None:
            allowed = ", ".join(methods)
            response = _refuse(405, f"{http.method!a} is not for this path, {allowed} is")
            response.headers["Allow"] = allowed
            return response
        try:
            answer = await handler(http)
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001 (what goes wrong here is no call: it gets an answer and no row)
            return _explain(error, missing=404 if path.startswith("/call/") else 400)
        return answer if isinstance(answer, web.StreamResponse) else _respond(200, answer)

    async def _health(self, _: web.BaseRequest) -> object:
        return {"status": "ok"}

    async def _ready(self, _: web.BaseRequest) -> object:
        reason = self._desk.why_not_ready()
        return _refuse(503, reason) if reason else {"status": "ready"}

    async def _version(self, _: web.BaseRequest) -> object:
        return self._desk.version()

    async def _state(self, http: web.BaseRequest) -> object:
        return self._desk.state(_session(http))

    async def _counters(self, http: web.BaseRequest) -> object:
        return self._desk.counters(_session(http))

    async def _calls(self, http: web.BaseRequest) -> object:
        return await self._desk.calls(http.query)

    async def _misses(self, http: web.BaseRequest) -> object:
        return await self._desk.calls({**http.query, "outcome": "miss"})

    async def _misroutes(self, http: web.BaseRequest) -> object:
        return await self._desk.calls({**http.query, "outcome": "misroute"})

    async def _call(self, http: web.BaseRequest) -> object:
        return await self._desk.call(http.path.rpartition("/call/")[2])

    async def _verdict(self, http: web.BaseRequest) -> object:
        return await self._desk.verdict(await _read(http, Ask))

    async def _scenarios(self, _: web.BaseRequest) -> object:
        return self._desk.scenarios()

    async def _begin(self, http: web.BaseRequest) -> object:
        self._desk.begin_scenario(_session(http), await _read(http, Begin))
        return self._desk.scenarios()

    async def _end(self, http: web.BaseRequest) -> object:
        self._desk.end_scenario(_session(http), await _read(http, End))
        return self._desk.scenarios()

    async def _reset(self, http: web.BaseRequest) -> object:
        self._desk.reset(_session(http))
        return self._desk.state(_session(http))

    async def _wait(self, http: web.BaseRequest) -> object:
        return await self._desk.wait(_session(http), await _read(http, Wait))


def _session(http: web.BaseRequest) -> str:
    return http.query.get("session") or http.headers.get(_SESSION) or DEFAULT_SESSION


async def _read[T](http: web.BaseRequest, kind: type[T]) -> T:
    """The request's JSON body, `{}` where there is none. UsageError for what is none of that kind."""
    try:
        return msgspec.json.decode(await http.read() or b"{}", type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"the body of {http.method} {http.path}: {error}") from error


def _explain(error: Exception, *, missing: int) -> web.Response:
    """The answer to a question that failed; `missing` is the status for what the asker got wrong."""
    match error:
        case UsageError():
            return _refuse(missing, str(error))
        case CpproxyError():
            return _refuse(500, str(error))
        case web.HTTPException():  # a body that is too large
            return _refuse(error.status, error.reason)
        case RequestPayloadError():
            response = _refuse(400, "malformed body: it is not framed as its headers say")
            response.force_close()
            return response
        case _:
            _LOG.error("internal error", exc_info=error)
            return _refuse(500, f"internal error ({type(error).__name__}); run with -vv to see it whole, and report it")


def _respond(status: int, answer: object) -> web.Response:
    body = msgspec.json.encode(answer) + b"\n"
    return web.Response(status=status, body=body, content_type="application/json")


def _refuse(status: int, reason: str) -> web.Response:
    return _respond(status, {"error": f"cpproxy: {reason}"})
