"""The routes of the control plane: which of the config's sections speaks of a call.

`match` is a method (or `*`) and a path template, as in `GET /cp/workspaces/{workspace_id}/status`: a segment in braces
stands for any one segment, and everything else for itself. The most literal template wins, then the first in order.
"""

import fnmatch
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self
from urllib.parse import parse_qsl

import msgspec

from cpproxy.core import jsonpath
from cpproxy.core.config import Kind, Repeat, RouteSettings
from cpproxy.core.messages import Request, find_header
from cpproxy.errors import UsageError

READ_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "SEARCH", "QUERY"})
"""Methods that change nothing (RFC 9110 section 9.2.1 and the registry's other safe ones)."""

_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VARIABLE = re.compile(r"\{[^{}/]*\}")
_CACHED_PATHS = 4096


@dataclass(frozen=True, slots=True)
class Template:
    """A method and a path in which segments may be left open. `str()` gives it back as it was written."""

    method: str
    path: str
    pattern: re.Pattern[str] | None
    literal: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """The template that `text` writes, as in `GET /a/{id}`; raises ValueError saying what is wrong with it."""
        method, space, path = text.strip().partition(" ")
        path = path.strip()
        if not space or not _METHOD.fullmatch(method) or not path.startswith("/") or " " in path or "?" in path:
            raise ValueError(f"expected a method and a path, as in 'GET /cp/workspaces/{{id}}/status', not {text!r}")
        pieces = _VARIABLE.split(path)
        if "{" in "".join(pieces) or "}" in "".join(pieces):
            raise ValueError(f"the braces of {path!r} do not each hold a name within one segment")
        pattern = re.compile("[^/]+".join(re.escape(piece) for piece in pieces)) if len(pieces) > 1 else None
        return cls(method.upper() if method.isascii() else method, path, pattern, sum(map(len, pieces)))

    def matches(self, method: str, path: str) -> bool:
        """Whether a call of `method` to `path` (still percent-encoded, without its query) fits."""
        if self.method not in ("*", method.upper()):
            return False
        return path == self.path if self.pattern is None else self.pattern.fullmatch(path) is not None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Place:
    """A part of a request that the config names: `$.a.b`, `header:X`, `query:x` or `form:x`."""

    kind: str
    name: str
    path: jsonpath.JsonPath | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """The place that `text` names; raises ValueError saying what is wrong with it."""
        if text.startswith("$"):
            return cls("json", text, jsonpath.parse(text))
        kind, colon, name = text.partition(":")
        if kind == "json" and colon:
            return cls("json", name, jsonpath.parse(name))
        if not colon or kind not in ("header", "query", "form") or not name:
            raise ValueError(f"expected $.path, header:NAME, query:NAME or form:NAME, not {text!r}")
        return cls(kind, name)

    def values(self, request: Request) -> list[str]:
        """The text of what stands at this place in a request; empty where nothing does."""
        match self.kind:
            case "header":
                value = find_header(request.headers, self.name.lower().encode("latin-1"))
                return [] if value is None else [value.decode("latin-1")]
            case "query":
                return [value for name, value in parse_qsl(request.query, keep_blank_values=True) if name == self.name]
            case "form":
                text = request.body.decode("utf-8", "replace")
                return [value for name, value in parse_qsl(text, keep_blank_values=True) if name == self.name]
            case _:
                return [_spell(value) for value in jsonpath.find(_json(request.body), self.path or jsonpath.parse("$"))]


def _json(body: bytes) -> Any:  # noqa: ANN401 (JSON)
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _spell(value: Any) -> str:  # noqa: ANN401 (JSON)
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


@dataclass(frozen=True, slots=True)
class When:
    """A condition on a call: some value at `place` fits the shell pattern `pattern`."""

    place: Place
    pattern: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """The condition that `text` writes, as in `form:Action=Describe*`; raises ValueError."""
        place, equals, pattern = text.partition("=")
        if not equals:
            raise ValueError(f"expected a condition as in form:Action=Describe*, not {text!r}")
        return cls(Place.parse(place), pattern)

    def holds(self, request: Request) -> bool:
        """Whether the call fits."""
        return any(fnmatch.fnmatchcase(value, self.pattern) for value in self.place.values(request))


@dataclass(frozen=True, slots=True)
class Route:
    """One section of the config, parsed. `compare` holds lower-case header names."""

    name: str
    template: Template
    settings: RouteSettings
    ignore: tuple[Place, ...]
    compare: tuple[bytes, ...]
    when: When | None

    @classmethod
    def parse(cls, settings: RouteSettings) -> Self:
        """The route that the config's section describes; raises ValueError saying what is wrong with it."""
        ignore = tuple(Place.parse(text) for text in settings.ignore)
        ignored = {place.name.lower() for place in ignore if place.kind == "header"}
        compare = tuple(name.lower() for name in settings.compare if name.lower() not in ignored)
        return cls(
            name=settings.name or settings.match,
            template=Template.parse(settings.match),
            settings=settings,
            ignore=tuple(place for place in ignore if place.kind != "header"),
            compare=tuple(name.encode("latin-1") for name in compare),
            when=When.parse(settings.when) if settings.when else None,
        )


class RouteTable:
    """The config's routes, asked for the one that speaks of a call."""

    def __init__(self, settings: tuple[RouteSettings, ...]) -> None:
        """Raises UsageError naming the section that is wrong."""
        routes: list[Route] = []
        for index, section in enumerate(settings):
            try:
                routes.append(Route.parse(section))
            except ValueError as error:
                raise UsageError(f"config: routes[{index}]: {error}") from error
        self.routes = tuple(routes)
        asked = (route.when.place for route in routes if route.when is not None)
        self.headers = frozenset(
            place.name.lower().encode("latin-1") for place in asked if place.kind == "header"
        ).union(*(route.compare for route in routes))
        """The headers that a condition looks at or that are compared, in lower case."""
        self._ranked = sorted(routes, key=lambda route: -route.template.literal)
        self._candidates = lru_cache(maxsize=_CACHED_PATHS)(self._search)

    def _search(self, method: str, path: str) -> tuple[Route, ...]:
        return tuple(route for route in self._ranked if route.template.matches(method, path))

    def find(self, method: str, path: str, request: Request | None = None) -> Route | None:
        """The route of a call, or None. A route with a condition is only found for a `request` that fits it."""
        fallback = None
        for route in self._candidates(method, path):
            if route.when is None:
                fallback = fallback or route
            elif request is not None and route.when.holds(request):
                return route
        return fallback


def fold_slashes(path: str) -> str:
    """The path with one slash at its start: a base URL that ends with a slash makes two of it in many a client."""
    return f"/{path.lstrip('/')}" if path.startswith("//") else path


def is_write(method: str, route: Route | None) -> bool:
    """Whether a call may change the control plane; the route's `kind` says so where it is given."""
    if route is not None and route.settings.kind is not None:
        return route.settings.kind is Kind.WRITE
    return method.upper() not in READ_METHODS


def repeats(route: Route | None) -> bool:
    """Whether a write's last answer is given again and again."""
    return route is not None and route.settings.repeat is Repeat.LAST
