"""Which variables steer which calls: the routes that a client finds by the same ones, in the order in which it asks."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from cpproxy.core.config import NO_CALL, Config
from cpproxy.core.hosts import split_port
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


def plane_hosts(config: Config) -> tuple[str, ...]:
    """The control plane's host names: those of the config, without port, and that of the upstream."""
    return tuple(dict.fromkeys(_hosts(config)))


def _hosts(config: Config) -> Iterator[str]:
    yield from (split_port(host)[0] for host in config.cp.hosts)
    urls = (config.cp.upstream, *(route.default for route in config.routes if route.default != NO_CALL))
    yield from (host for url in urls if url and (host := urlsplit(url).hostname))


def spell(variables: Iterable[str]) -> str:
    """The variables in the order in which a client reads them: `A, then B`."""
    return ", then ".join(variables)
