"""Where a client's calls past the front would end: in the trap, nowhere, or outside."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from cpproxy.core.runs import Mode
from cpproxy.core.steering import plane_hosts
from cpproxy.core.wiring import words
from cpproxy.core.wiring.fronts import Front, Trap, front_address
from cpproxy.core.wiring.project import Place, Service
from cpproxy.core.wiring.remarks import About, Level, Remark, remark
from cpproxy.core.wiring.resolving import at_address, networked, networks_of, no_proxy_covers, resolve
from cpproxy.core.wiring.variables import Scene
from cpproxy.core.wiring.wired import parse_base

_PROXIES = ("HTTPS_PROXY", "https_proxy")
_EXEMPT = ("NO_PROXY", "no_proxy")
_SINKS = (443, 80)
"""Where clients call a host whose name is all that they are told."""


@dataclass(frozen=True, slots=True)
class _Way:
    """Where one host leads: to a front that may be a trap, or to `where`; `how` is empty where it leads out."""

    how: str = ""
    front: Front | None = None
    where: str = ""
    port: int = 0
    """That of the forward proxy by which it goes."""


def check_ways(scene: Scene, client: Service) -> Iterator[Remark]:
    """Whether the network lets the client out, and whether the control plane's hosts lead to the trap."""
    base = networked(scene.project, client)
    if base.network_mode == "none":
        yield remark(Level.FINDING, About.NETWORK, words.no_network(), client.name, client.place)
        return
    hosts = plane_hosts(scene.config)
    ways: dict[_Way, list[str]] = {}
    for host in hosts:
        ways.setdefault(_find_way(scene, client, host), []).append(host)
    leaves = _leaves(scene, client)
    remarks = [_judge_way(scene, client, way, led, leaves=leaves) for way, led in ways.items()]
    caught = bool(remarks) and all(one.level is not Level.FINDING for one in remarks)
    yield _judge_network(scene, client, base, caught=caught)
    yield from remarks
    yield from _check_proxied_front(scene, client)


def _leaves(scene: Scene, client: Service) -> bool:
    networks = networks_of(scene.project, client)
    return not networks or not all(one.internal for one in networks)


def _judge_network(scene: Scene, client: Service, base: Service, *, caught: bool) -> Remark:
    networks = networks_of(scene.project, client)
    place = next((one.place for one in base.networks.values()), client.place)
    if not networks:
        return remark(Level.NOTE, About.NETWORK, words.host_network(base.network_mode), client.name, client.place)
    if external := [one.name for one in networks if one.external]:
        return remark(Level.NOTE, About.NETWORK, words.unknown_network(external), client.name, place)
    opened = [one.name for one in networks if not one.internal]
    if not opened:
        names = [one.name for one in networks]
        return remark(Level.RIGHT, About.NETWORK, words.closed(names), client.name, place)
    text = words.open_but_caught(opened) if caught else words.opened(opened)
    return remark(Level.NOTE, About.NETWORK, text, client.name, place)


def _find_way(scene: Scene, client: Service, host: str) -> _Way:
    exempt = ",".join(client.environment[name].value or "" for name in _EXEMPT if name in client.environment)
    variable = next((name for name in _PROXIES if client.is_set(name)), "")
    if variable and not no_proxy_covers(exempt, host):
        return _follow(scene, client, variable)
    found = resolve(scene.project, client, host)
    if found.services or found.how == "extra_hosts":
        front = next((one for one in scene.fronts if one.service in found.services), None)
        return _Way(found.how, front, found.services[0].name if found.services else "another address")
    base = networked(scene.project, client)
    for service in at_address(scene.project, client, base.dns):
        front = next((one for one in scene.fronts if one.service == service), None)
        return _Way("dns", front, service.name)
    return _Way()


def _follow(scene: Scene, client: Service, variable: str) -> _Way:
    """The way by a forward proxy, which may be named without a scheme."""
    value = client.environment[variable].value or ""
    url = parse_base(value if "://" in value else f"http://{value}")
    found = resolve(scene.project, client, (url and url.hostname) or "")
    front = next((one for one in scene.fronts if one.service in found.services), None)
    where = found.services[0].name if found.services else "another proxy"
    return _Way(variable, front, where, (url and url.port) or 80)


def _judge_way(scene: Scene, client: Service, way: _Way, hosts: list[str], *, leaves: bool) -> Remark:
    place = _place_of(client, way)
    if not way.how:
        _alias(scene, client, hosts)
        front = scene.fronts[0].service.name if scene.fronts else "the service that runs cpproxy"
        text = words.uncaught(hosts, front, leaves=leaves)
        return remark(Level.FINDING, About.NAMES, text, client.name, place)
    if way.front is None:
        text = words.misled(hosts, way.where, way.how)
        # Another service may well be a trap of its own; that it is none is not certain.
        return remark(Level.NOTE, About.NAMES, text, client.name, place)
    trap = way.front.service.name
    if way.front.trap is None and way.front.mode is None:
        text = words.unknown_trap(hosts, trap, way.how)
        return remark(Level.NOTE, About.NAMES, text, client.name, place)
    missing = _find_missing(way, way.front.trap)
    if missing:
        _add_trap(scene, way.front, missing)
        has = way.front.trap is not None
        text = words.missing_trap(hosts, trap, way.how, [" ".join(one) for one in missing], has=has)
        return remark(Level.FINDING, About.NAMES, text, client.name, place)
    return remark(Level.RIGHT, About.NAMES, words.caught(hosts, way.how, trap), client.name, place)


def _find_missing(way: _Way, trap: Trap | None) -> list[tuple[str, str]]:
    """The flags that let the trap listen where the client goes."""
    wanted: list[tuple[str, int]] = []
    if way.port:
        wanted += [("forward", way.port)]
    else:
        wanted += [("dns", 53)] if way.how == "dns" else []
        wanted += [("sink", port) for port in _SINKS]
    there = {"forward": trap.forward, "dns": trap.dns, "sink": trap.sinks} if trap else {}
    return [(f"--trap-{kind}", f"0.0.0.0:{port}") for kind, port in wanted if port not in there.get(kind, ())]


def _place_of(client: Service, way: _Way) -> Place:
    setting = client.environment.get(way.how)
    return setting.place if setting else client.place


def _alias(scene: Scene, client: Service, hosts: list[str]) -> None:
    """The lines that let hosts lead to the front, and its trap, in a network that both are in."""
    base = networked(scene.project, client)
    front = next((one for one in scene.fronts if one.mode is Mode.REPLAY), None)
    shared = [name for name in front.service.networks if name in base.networks] if front else []
    if front is None or not shared:
        return
    scene.override.set(front.service.name, "networks", shared[0], "aliases", value=hosts)
    if missing := _find_missing(_Way("alias", front), front.trap):
        _add_trap(scene, front, missing)


def _add_trap(scene: Scene, front: Front, flags: Sequence[tuple[str, str]]) -> None:
    """The front's command with more of a trap, where it is there to be written anew."""
    if front.service.command and front.mode is Mode.REPLAY:
        more = [word for pair in flags for word in pair]
        scene.override.set(front.service.name, "command", value=[*front.service.command, *more])


def _check_proxied_front(scene: Scene, client: Service) -> Iterator[Remark]:
    """A client with a forward proxy has to call the front past it."""
    exempt = ",".join(client.environment[name].value or "" for name in _EXEMPT if name in client.environment)
    host = front_address(scene.config)[0] or (scene.fronts[0].service.name if scene.fronts else "")
    for variable in ("HTTP_PROXY", "http_proxy"):
        if host and client.is_set(variable) and not no_proxy_covers(exempt, host):
            both = f"{exempt},{host}".strip(",")
            for name in _EXEMPT:
                scene.override.set(client.name, "environment", name, value=both)
            place = client.environment[variable].place
            yield remark(Level.FINDING, About.NAMES, words.proxied_front(variable, host), client.name, place)
            return


def check_recorder(scene: Scene, front: Front) -> Iterator[Remark]:
    """A recorder must not take the trap for its upstream."""
    if front.mode is not Mode.RECORD:
        return
    upstream = urlsplit(scene.config.cp.upstream).hostname or ""
    found = resolve(scene.project, front.service, upstream) if upstream else None
    if found is not None and found.services:
        yield remark(Level.FINDING, About.NAMES, words.own_trap([upstream]), front.service.name, front.service.place)
