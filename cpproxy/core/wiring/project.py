"""A compose project as far as its wiring goes: services, networks, and the line on which each thing was said."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

DEFAULT_NETWORK = "default"
"""The network of services that name none."""


STDIN = "-"
"""The name of standard input where a file is named."""


def show_file(file: str) -> str:
    """A file as people are told of it."""
    return "standard input" if file == STDIN else file


class Place(NamedTuple):
    """A line of a file, counted from 1. `file` is as it was named, `-` for standard input."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{show_file(self.file)}:{self.line}"


@dataclass(frozen=True, slots=True)
class Setting:
    """A variable of a service: its value, or None where it is named and has none.

    `unset` are the variables that stand in its place and are not set; `passed` says that it is taken from the
    environment of whoever runs compose.
    """

    value: str | None
    place: Place
    unset: tuple[str, ...] = ()
    passed: bool = False


@dataclass(frozen=True, slots=True)
class Attachment:
    """How a service stands in a network: the further names and the addresses that it has there."""

    place: Place
    aliases: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dependency:
    """What a service waits for before it starts: `service_started`, `service_healthy` or another of compose's words.

    One that is not `required` may be of no service.
    """

    condition: str
    place: Place
    required: bool = True


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """A service's own check: the words of its test, none where it says nothing of it."""

    place: Place
    test: tuple[str, ...] = ()
    disabled: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Service:
    """A service, equal to itself alone. `command` and `entrypoint` are words.

    `ports` are those in the container that it names, `published` those of the machine that lead to it; `hosts` are the
    names that it resolves by itself (`extra_hosts`), `links` other services by the names that it has for them.
    """

    name: str
    place: Place
    image: str = ""
    build: str = ""
    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    container: str = ""
    environment: Mapping[str, Setting] = field(default_factory=dict)
    networks: Mapping[str, Attachment] = field(default_factory=dict)
    network_mode: str = ""
    depends_on: Mapping[str, Dependency] = field(default_factory=dict)
    health: HealthCheck | None = None
    ports: frozenset[int] = frozenset()
    published: frozenset[int] = frozenset()
    dns: tuple[str, ...] = ()
    hosts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)

    def value(self, variable: str) -> str:
        """What a variable holds; empty where it holds nothing: an empty one routes a client as little as none."""
        setting = self.environment.get(variable)
        return (setting and setting.value) or ""

    def place_of(self, variable: str) -> Place:
        """Where a variable is named; else the service."""
        setting = self.environment.get(variable)
        return setting.place if setting else self.place

    def names(self) -> Iterator[tuple[str, str]]:
        """Each network with each name that this service has there."""
        for network, attachment in self.networks.items():
            own = (self.name, self.container, *attachment.aliases)
            yield from ((network, name.lower()) for name in own if name)


@dataclass(frozen=True, slots=True)
class Network:
    """A network. One that is `internal` lets nothing out; of an `external` one, nothing is known here."""

    name: str
    place: Place | None = None
    internal: bool = False
    external: bool = False


@dataclass(frozen=True, slots=True)
class Project:
    """What compose would run: the services of the chosen profiles, by name, and those of other profiles."""

    services: Mapping[str, Service]
    networks: Mapping[str, Network]
    inactive: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Services that are not run, each with its profiles."""
