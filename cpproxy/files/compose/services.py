"""Services and networks, made of a compose project's tree."""

import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from cpproxy.core.wiring.project import (
    DEFAULT_NETWORK,
    Attachment,
    Dependency,
    HealthCheck,
    Network,
    Place,
    Project,
    Service,
    Setting,
)
from cpproxy.errors import UsageError
from cpproxy.files.compose.documents import Branch, Leaf, Node, Table, as_table, is_true, text, texts
from cpproxy.files.compose.variables import Lookup

_CONDITIONS = ("service_started", "service_healthy", "service_completed_successfully")

type ReadEntry = Callable[[Node, Lookup], Mapping[str, Setting]]
"""What one entry of `env_file` sets."""


def make_project(tree: Table, lookup: Lookup, profiles: frozenset[str], read_entry: ReadEntry) -> Project:
    """The project that a tree describes; `profiles` are those chosen, `*` all. UsageError where it describes none."""
    return _Maker(tree, lookup, profiles, read_entry).make()


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes services and networks of a tree."""

    tree: Table
    lookup: Lookup
    profiles: frozenset[str]
    read_entry: ReadEntry

    def make(self) -> Project:
        found = self.tree.get("services")
        if not isinstance(found, Table) or not found.members:
            raise UsageError(f"{self.tree.place}: expected `services`, and found none: is it a compose file?")
        services: dict[str, Service] = {}
        inactive: dict[str, tuple[str, ...]] = {}
        for name, node in found.members.items():
            table = as_table(node, f"what the service {name} is")
            profiles = tuple(texts(table.get("profiles")))
            if profiles and "*" not in self.profiles and not self.profiles & set(profiles):
                inactive[name] = profiles
            else:
                services[name] = self._service(name, table, found.line(name))
        networks = self._networks()
        for service in services.values():
            for name, attachment in service.networks.items():
                if name not in networks:
                    raise UsageError(
                        f"{attachment.place}: {service.name} is in the network {name}, which is not defined"
                    )
            for name, dependency in service.depends_on.items():
                if dependency.required and name not in found.members:
                    raise UsageError(f"{dependency.place}: {service.name} depends on {name}, which is no service here")
        return Project(services, networks, inactive)

    def _networks(self) -> dict[str, Network]:
        networks = {DEFAULT_NETWORK: Network(DEFAULT_NETWORK)}
        found = self.tree.get("networks")
        for name, node in found.members.items() if isinstance(found, Table) else ():
            table = node if isinstance(node, Table) else Table({}, node.place)
            external = table.get("external")
            networks[name] = Network(
                name,
                _line(found, name),
                internal=is_true(table.get("internal")),
                external=isinstance(external, Table) or is_true(external),
            )
        return networks

    def _service(self, name: str, table: Table, place: Place) -> Service:
        build = table.get("build")
        mode = text(table.get("network_mode"))
        ports, published = _ports(table)
        return Service(
            name=name,
            place=place,
            image=text(table.get("image")),
            build=" ".join(_build(build)) if isinstance(build, Table) else "",
            command=_words(table.get("command")),
            entrypoint=_words(table.get("entrypoint")),
            container=text(table.get("container_name")),
            environment=self._environment(table),
            networks={} if mode else _attachments(table.get("networks"), place),
            network_mode=mode,
            depends_on=_dependencies(table.get("depends_on")),
            health=_health(table),
            ports=ports,
            published=published,
            dns=tuple(texts(table.get("dns"))),
            hosts=_hosts(table.get("extra_hosts")),
            links=dict(_link(one) for one in texts(table.get("links"))),
        )

    def _environment(self, table: Table) -> dict[str, Setting]:
        found: dict[str, Setting] = {}
        entries = table.get("env_file")
        for entry in entries.elements if isinstance(entries, Branch) else ():
            found |= self.read_entry(entry, self.lookup)
        own = table.get("environment")
        for name, node in own.members.items() if isinstance(own, Table) else ():
            if not isinstance(node, Leaf):
                raise UsageError(f"{_line(own, name)}: {name}: expected text")
            place = _line(own, name)
            if node.text is None:
                found[name] = Setting(self.lookup(name), place, passed=True)
            else:
                found[name] = Setting(node.text, place, node.unset)
        return found


def _line(table: Node | None, name: str) -> Place:
    return table.line(name) if isinstance(table, Table) else Place("", 0)


def _words(node: Node | None) -> tuple[str, ...]:
    if isinstance(node, Branch):
        return tuple(texts(node))
    written = text(node)
    try:
        return tuple(shlex.split(written))
    except ValueError:  # quotes that are not closed: the shell will say so
        return tuple(written.split())


def _build(build: Table) -> Iterator[str]:
    """What makes two builds the same image: context, file and target."""
    for name in ("context", "dockerfile", "target"):
        yield from texts(build.get(name))


def _attachments(node: Node | None, place: Place) -> dict[str, Attachment]:
    if not isinstance(node, Table) or not node.members:
        return {DEFAULT_NETWORK: Attachment(place)}
    found: dict[str, Attachment] = {}
    for name, one in node.members.items():
        table = one if isinstance(one, Table) else Table({}, one.place)
        addresses = (*texts(table.get("ipv4_address")), *texts(table.get("ipv6_address")))
        found[name] = Attachment(node.line(name), tuple(texts(table.get("aliases"))), addresses)
    return found


def _dependencies(node: Node | None) -> dict[str, Dependency]:
    found: dict[str, Dependency] = {}
    for name, one in node.members.items() if isinstance(node, Table) else ():
        table = one if isinstance(one, Table) else Table({}, one.place)
        condition = text(table.get("condition")) or _CONDITIONS[0]
        if condition not in _CONDITIONS:
            raise UsageError(f"{_line(node, name)}: condition {condition}: expected one of {', '.join(_CONDITIONS)}")
        found[name] = Dependency(condition, _line(node, name), required=_is_required(table))
    return found


def _is_required(table: Table) -> bool:
    said = table.get("required")
    return said is None or is_true(said)


def _health(service: Table) -> HealthCheck | None:
    node = service.get("healthcheck")
    if not isinstance(node, Table):
        return None
    test = node.get("test")
    words = (test.text or "",) if isinstance(test, Leaf) else tuple(texts(test))
    disabled = is_true(node.get("disable")) or words[:1] == ("NONE",)
    return HealthCheck(service.line("healthcheck"), words, disabled)


def _ports(service: Table) -> tuple[frozenset[int], frozenset[int]]:
    """The ports in the container that a service names, and those of the host that lead to them."""
    inside: set[int] = set()
    outside: set[int] = set()
    for one in texts(service.get("expose")):
        inside |= _numbers(one)
    node = service.get("ports")
    for port in node.elements if isinstance(node, Branch) else ():
        if isinstance(port, Table):
            inside |= _numbers(text(port.get("target")))
            outside |= _numbers(text(port.get("published")))
        elif isinstance(port, Leaf) and port.text:
            host, _, own = (port.text.rpartition("/")[0] or port.text).rpartition(":")
            inside |= _numbers(own)
            outside |= _numbers(host.rpartition(":")[2])
    return frozenset(inside), frozenset(outside)


def _numbers(written: str) -> set[int]:
    first, _, last = written.partition("/")[0].partition("-")
    if not first.isdecimal() or (last and not last.isdecimal()):
        return set()
    return set(range(int(first), min(int(last or first), int(first) + 1000) + 1))


def _hosts(node: Node | None) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    if isinstance(node, Table):
        return {name.lower(): tuple(texts(one)) for name, one in node.members.items()}
    for one in texts(node):
        name, _, address = one.replace("=", ":", 1).partition(":")
        found[name.strip().lower()] = (*found.get(name.strip().lower(), ()), address.strip().strip("[]"))
    return found


def _link(written: str) -> tuple[str, str]:
    name, _, alias = written.partition(":")
    return (alias or name).lower(), name
