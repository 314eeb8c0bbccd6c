"""Which variables steer which calls: the routes that a client finds by the same ones, in the order in which it asks."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from cpproxy.core.config import NO_CALL, Config
from cpproxy.core.hosts import is_loopback, parse_base, port_of, spell_origin, split_port
from cpproxy.core.routes import Route


@dataclass(frozen=True, slots=True)
class Steered:
    """Routes that the same variables lead a client to; where one of them is called, all are led right."""

    variables: tuple[str, ...]
    routes: tuple[Route, ...]

    @property
    def lead(self) -> Route:
        """The route that stands for all: one that is required, else one that is counted, else the first."""
        return min(self.routes, key=lambda route: (not route.settings.required, not route.settings.counter))

    @property
    def defaults(self) -> frozenset[str]:
        """Where calls go if none of the variables is set: base URLs; empty where nothing says so."""
        return frozenset(one for route in self.routes if (one := route.settings.default) not in {"", NO_CALL})

    @property
    def is_silent(self) -> bool:
        """Whether none of them is called at all where no variable is set."""
        return all(route.settings.default == NO_CALL for route in self.routes)

    def leads_from(self, host: str) -> bool:
        """Whether a call to `host` may be one of these that no variable has led right."""
        if self.is_silent:
            return False
        return not self.defaults or any((urlsplit(one).hostname or "") == host for one in self.defaults)


def group(routes: Iterable[Route]) -> tuple[Steered, ...]:
    """The routes that have variables, by these, in the order of the first of each."""
    found: dict[tuple[str, ...], list[Route]] = {}
    for route in routes:
        if route.settings.env:
            found.setdefault(route.settings.env, []).append(route)
    return tuple(Steered(variables, tuple(some)) for variables, some in found.items())


def variables_of(config: Config) -> tuple[str, ...]:
    """Every variable that leads a client to the front, each once."""
    return tuple(dict.fromkeys(name for route in config.routes for name in route.env))


def plane_hosts(config: Config, upstreams: Iterable[str] = ()) -> tuple[str, ...]:
    """The control plane's hosts, each with a port or for any: those that the config lists, and where its URLs lead.

    These are its upstream, the routes' defaults, and the further `upstreams`.
    """
    return tuple(dict.fromkeys([*config.cp.hosts, *_places(config, upstreams)]))


def plane_names(config: Config) -> tuple[str, ...]:
    """The names of `plane_hosts`, without ports."""
    return tuple(dict.fromkeys(split_port(one)[0].strip("[]") for one in plane_hosts(config)))


def _places(config: Config, upstreams: Iterable[str]) -> Iterator[str]:
    defaults = (route.default for route in config.routes if route.default != NO_CALL)
    for url in map(parse_base, (config.cp.upstream, *defaults, *upstreams)):
        if url:
            host = url.hostname or ""
            # At another port of this machine there is something else; a host of its own is the control plane's whole.
            yield spell_origin("", host, port_of(url) if is_loopback(host) else url.port or 0)


def spell(variables: Iterable[str]) -> str:
    """The variables in the order in which a client reads them: `A, then B`."""
    return ", then ".join(variables)
