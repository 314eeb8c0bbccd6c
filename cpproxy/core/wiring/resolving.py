"""What a name comes to for one service: another service, itself, or something outside of the project."""

from collections.abc import Sequence
from dataclasses import dataclass

from cpproxy.core.hosts import canonical, is_loopback, parse_address
from cpproxy.core.wiring.project import Network, Project, Service

HOST = "host.docker.internal"
"""The name of the machine that runs the containers, as some engines have it."""

_HOST_GATEWAY = "host-gateway"


@dataclass(frozen=True, slots=True)
class Found:
    """What a name comes to: `services` in the networks that both are in; `how` it is found.

    `own` says that it is the service itself, `host` the machine that runs it.
    """

    services: tuple[Service, ...] = ()
    how: str = ""
    own: bool = False
    host: bool = False
    elsewhere: tuple[Service, ...] = ()
    """Services of that name that are in no network with it."""
    strangers: tuple[str, ...] = ()
    """The addresses of `extra_hosts` that no service here has, and that are neither its own nor the machine's."""


def networked(project: Project, service: Service) -> Service:
    """The service whose networks this one uses: itself, or the one that its `network_mode` names."""
    seen = {service.name}
    while service.network_mode.startswith("service:"):
        other = project.services.get(service.network_mode.partition(":")[2])
        if other is None or other.name in seen:
            break
        seen.add(other.name)
        service = other
    return service


def networks_of(project: Project, service: Service) -> list[Network]:
    """The networks that a service is in."""
    return [project.networks[name] for name in networked(project, service).networks]


def resolve(project: Project, service: Service, host: str) -> Found:
    """What `host` comes to for a service: by its own hosts file, then by the project's networks."""
    host = host.lower()
    base = networked(project, service)
    if is_loopback(host):
        return Found(services=(base,), own=True, host=base.network_mode == "host", how="loopback")
    addresses = base.hosts.get(host) or service.hosts.get(host)
    if addresses:
        outside = _HOST_GATEWAY in addresses
        strangers = tuple(
            one
            for one in addresses
            if one != _HOST_GATEWAY and not is_loopback(one) and not at_address(project, base, [one])
        )
        return Found(at_address(project, base, addresses), "extra_hosts", host=outside, strangers=strangers)
    if parse_address(host):
        return Found(at_address(project, base, [host]), "address")
    if host in base.links and (linked := project.services.get(base.links[host])):
        return Found((linked,), "links")
    here = [one for one in project.services.values() if any(name == host for _, name in one.names())]
    shared = tuple(one for one in here if any(net in base.networks and name == host for net, name in one.names()))
    if not shared and host == HOST:
        return Found(how="host", host=True)
    return Found(shared, "alias", elsewhere=() if shared else tuple(here))


def at_address(project: Project, base: Service, addresses: Sequence[str]) -> tuple[Service, ...]:
    """The services that have one of these addresses in a network of `base`, which has networks of its own."""
    wanted = {*map(canonical, addresses)}

    def has_one(service: Service) -> bool:
        shared = (there for network, there in service.networks.items() if network in base.networks)
        return any(wanted.intersection(map(canonical, there.addresses)) for there in shared)

    return tuple(filter(has_one, project.services.values()))
