"""The admin paths below `/__cpproxy/`: what scripts and the command line ask a running proxy. They are never calls."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol
from urllib.parse import unquote

import msgspec
from aiohttp import web
from aiohttp.web_protocol import RequestPayloadError
from msgspec import structs

from cpproxy.core.addresses import Public
from cpproxy.core.answers import (
    Ask,
    Begin,
    Calls,
    End,
    NamedCall,
    Open,
    Opened,
    Scenarios,
    Sessions,
    State,
    Version,
    Wait,
    Waited,
)
from cpproxy.core.redaction.redactor import Redactor
from cpproxy.core.runs import DEFAULT_SESSION, SESSION_NAME, is_session
from cpproxy.core.verdict import Verdict
from cpproxy.errors import CpproxyError, GoneError, TakenError, UnknownError, UsageError
from cpproxy.front.exchange import Exchange, write_document
from cpproxy.front.heads import STATE
from cpproxy.front.reach import find_public
from cpproxy.front.strangers import find_stranger
from cpproxy.front.token import Token

_LOG = logging.getLogger("cpproxy.front")
_OPEN = frozenset({STATE, "/health", "/ready", "/ca"})
_STATUSES: dict[type[UsageError], int] = {TakenError: 409, UnknownError: 404, GoneError: 410}


class Desk(Protocol):
    """What knows the answers. UsageError is the asker's fault, any other CpproxyError the proxy's."""

    async def why_not_ready(self) -> str:
        """Why calls cannot be answered yet, or nothing."""

    def version(self) -> Version:
        """Which build serves what."""

    def certificate(self) -> str:
        """That of the trap's authority, as PEM. UnknownError where there is none."""

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

    def sessions(self, base: str) -> Sessions:
        """The sessions; `base` is the front's address."""

    def open_session(self, wanted: Open, base: str) -> Opened:
        """A session is opened."""

    async def close_session(self, name: str, ask: Ask) -> Verdict:
        """A session is closed; its verdict comes back."""

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


type _Handler = Callable[[Exchange], Awaitable[object]]


class Admin:
    """Answers the admin paths with what `desk` knows, as JSON; errors as `{"error": "cpproxy: …"}`.

    `public` is where all clients reach the front, where their `Host` does not say so. With a `token` only those are
    answered who show it, and without one no web page that came by another name than one of `names`; but for what probes
    and scripts ask that know of none: health, readiness, the counters and the certificate of the trap, which is no
    secret.
    """

    def __init__(
        self, desk: Desk, *, public: Public | None = None, token: str = "", names: frozenset[str] = frozenset()
    ) -> None:
        self._desk = desk
        self._public = public
        self._token = Token(token)
        self._names = names
        self._paths: dict[str, dict[str, _Handler]] = {
            STATE: {"GET": self._counters},
            "/health": {"GET": self._health},
            "/ready": {"GET": self._ready},
            "/ca": {"GET": self._ca},
            "/version": {"GET": self._version},
            "/state": {"GET": self._state},
            "/calls": {"GET": self._calls},
            "/misses": {"GET": self._misses},
            "/misroutes": {"GET": self._misroutes},
            "/verdict": {"GET": self._verdict, "POST": self._verdict},
            "/scenarios": {"GET": self._scenarios, "POST": self._begin, "DELETE": self._end},
            "/scenarios/end": {"POST": self._end},
            "/sessions": {"GET": self._sessions, "POST": self._open},
            "/reset": {"POST": self._reset},
            "/wait": {"POST": self._wait},
        }
        self._named: dict[str, dict[str, _Handler]] = {
            "/call/": {"GET": self._call},
            "/sessions/": {"DELETE": self._close},
        }

    async def answer(self, exchange: Exchange, path: str) -> web.StreamResponse:
        """The answer for `path`, which follows the admin prefix or is `STATE`."""
        if self._token and path not in _OPEN and not self._token.is_shown(exchange.message.raw_headers):
            reason = "the admin paths ask for a token: X-Cpproxy-Token: TOKEN, that of CPPROXY_ADMIN_TOKEN"
            response = _refuse(exchange.redactor, 401, reason)
            response.headers["WWW-Authenticate"] = "Bearer"
            return response
        if not self._token and path not in _OPEN and (problem := find_stranger(exchange, self._names)):
            return _refuse(exchange.redactor, 403, problem)
        kind = next((one for one in self._named if path.startswith(one)), "")
        methods = self._named[kind] if kind else self._paths.get(path)
        if methods is None:
            known = ", ".join(name.removeprefix("/") for name in self._paths if name.startswith("/"))
            return _refuse(
                exchange.redactor, 404, f"no admin path {path!a}; there are {known}, call/ID and sessions/NAME"
            )
        handler = methods.get("GET" if exchange.method == "HEAD" else exchange.method)
        if handler is None:
            allowed = ", ".join(methods)
            response = _refuse(exchange.redactor, 405, f"{exchange.method!a} is not for this path, {allowed} is")
            response.headers["Allow"] = allowed
            return response
        try:
            answer = await handler(exchange)
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001 (what goes wrong here is no call: it gets an answer and no row)
            return _explain(exchange.redactor, error, wrong=404 if kind == "/call/" else 400)
        return answer if isinstance(answer, web.StreamResponse) else _respond(exchange.redactor, 200, answer)

    async def _health(self, _: Exchange) -> object:
        return {"status": "ok"}

    async def _ready(self, exchange: Exchange) -> object:
        reason = await self._desk.why_not_ready()
        return _refuse(exchange.redactor, 503, reason) if reason else {"status": "ready"}

    async def _ca(self, _: Exchange) -> object:
        return web.Response(text=self._desk.certificate(), content_type="application/x-pem-file")

    async def _version(self, _: Exchange) -> object:
        return self._desk.version()

    async def _state(self, exchange: Exchange) -> object:
        return self._desk.state(_session(exchange))

    async def _counters(self, exchange: Exchange) -> object:
        return self._desk.counters(_session(exchange))

    async def _calls(self, exchange: Exchange) -> object:
        return await self._desk.calls(_filters(exchange))

    async def _misses(self, exchange: Exchange) -> object:
        return await self._desk.calls(_filters(exchange) | {"outcome": "miss"})

    async def _misroutes(self, exchange: Exchange) -> object:
        return await self._desk.calls(_filters(exchange) | {"outcome": "misroute"})

    async def _call(self, exchange: Exchange) -> object:
        return await self._desk.call(exchange.http.path.rpartition("/call/")[2])

    async def _verdict(self, exchange: Exchange) -> object:
        return await self._desk.verdict(await _read_ask(exchange, exchange.session))

    async def _scenarios(self, _: Exchange) -> object:
        return self._desk.scenarios()

    async def _begin(self, exchange: Exchange) -> object:
        self._desk.begin_scenario(_session(exchange), await _read(exchange, Begin))
        return self._desk.scenarios()

    async def _end(self, exchange: Exchange) -> object:
        self._desk.end_scenario(_session(exchange), await _read(exchange, End))
        return self._desk.scenarios()

    async def _sessions(self, exchange: Exchange) -> object:
        return self._desk.sessions(self._base(exchange))

    async def _open(self, exchange: Exchange) -> object:
        opened = self._desk.open_session(await _read(exchange, Open), self._base(exchange))
        return _respond(exchange.redactor, 201, opened)

    async def _close(self, exchange: Exchange) -> object:
        name = unquote(exchange.http.path.rpartition("/sessions/")[2])
        return await self._desk.close_session(name, structs.replace(await _read(exchange, Ask), session=name))

    def _base(self, exchange: Exchange) -> str:
        """The front's address as the asker knows it."""
        public = find_public(exchange, self._public)
        return public.url.removesuffix(exchange.prefix) if public else ""

    async def _reset(self, exchange: Exchange) -> object:
        self._desk.reset(_session(exchange))
        return self._desk.state(_session(exchange))

    async def _wait(self, exchange: Exchange) -> object:
        return await self._desk.wait(_session(exchange), await _read(exchange, Wait))


def _filters(exchange: Exchange) -> dict[str, str]:
    """The filters that a query names; whoever asks from within a session means its calls."""
    wanted = dict(exchange.http.query)
    return wanted if "session" in wanted or not exchange.session else wanted | {"session": exchange.session}


def _session(exchange: Exchange) -> str:
    """The session that is spoken of. UsageError for what is no name of one."""
    name = exchange.http.query.get("session") or exchange.session or DEFAULT_SESSION
    if not is_session(name):
        raise UsageError(f"session {name!a}: {SESSION_NAME}")
    return name


async def _read_ask(exchange: Exchange, session: str) -> Ask:
    ask = await _read(exchange, Ask)
    return ask if ask.session or not session else structs.replace(ask, session=session)


async def _read[T](exchange: Exchange, kind: type[T]) -> T:
    """The request's JSON body, `{}` where there is none. UsageError for what is none of that kind."""
    try:
        return msgspec.json.decode(await exchange.http.read() or b"{}", type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"the body of {exchange.method} {exchange.http.path}: {error}") from error


def _explain(redactor: Redactor, error: Exception, *, wrong: int) -> web.Response:
    """The answer to a question that failed; `wrong` is the status for what the asker got wrong."""
    match error:
        case UsageError():
            return _refuse(redactor, _STATUSES.get(type(error), wrong), str(error))
        case CpproxyError():
            return _refuse(redactor, 500, str(error))
        case web.HTTPException():  # a body that is too large
            return _refuse(redactor, error.status, error.reason)
        case RequestPayloadError():
            response = _refuse(redactor, 400, "malformed body: it is not framed as its headers say")
            response.force_close()
            return response
        case _:
            _LOG.error("internal error", exc_info=error)
            return _refuse(
                redactor, 500, f"internal error ({type(error).__name__}); run with -vv to see it whole, and report it"
            )


def _respond(redactor: Redactor, status: int, answer: object) -> web.Response:
    body = write_document(redactor.own_json(msgspec.json.encode(answer)))
    return web.Response(status=status, body=body, content_type="application/json")


def _refuse(redactor: Redactor, status: int, reason: str) -> web.Response:
    return _respond(redactor, status, {"error": f"cpproxy: {reason}"})
