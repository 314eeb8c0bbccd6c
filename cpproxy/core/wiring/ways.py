"""Where a client's calls past the front would end: in the trap, nowhere, or outside."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from cpproxy.core.hosts import no_proxy_covers, parse_base
from cpproxy.core.runs import Mode
from cpproxy.core.steering import plane_names
from cpproxy.core.wiring import words
from cpproxy.core.wiring.fronts import Front, Trap
from cpproxy.core.wiring.project import Service
from cpproxy.core.wiring.remarks import About, Level, Remark, remark
from cpproxy.core.wiring.resolving import at_address, networked, networks_of, resolve
from cpproxy.core.wiring.scene import Scene

_SECURE = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
_PROXIES = (*_SECURE, "HTTP_PROXY", "http_proxy")
"""The variables that name a forward proxy, first those by which calls to https:// go."""
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
    strangers: tuple[str, ...] = ()
    """The addresses that lead elsewhere: those of name servers, of hosts, or of a proxy."""
    leaves: bool = False
    """Whether what is called by this way may get out of the project."""


def check_ways(scene: Scene, client: Service) -> Iterator[Remark]:
    """Whether the network lets the client out, and whether the control plane's hosts lead to the trap."""
    base = networked(scene.project, client)
    if base.network_mode == "none":
        yield remark(Level.FINDING, About.NETWORK, words.no_network(), client.name, client.place)
        return
    yield from _check_meeting(scene, client, base)
    hosts = plane_names(scene.config)
    ways: dict[_Way, list[str]] = {}
    for host in hosts:
        for way in _find_ways(scene, client, host):
            ways.setdefault(way, []).append(host)
    remarks = [_judge_way(scene, client, way, led) for way, led in ways.items()]
    caught = bool(remarks) and all(one.level is not Level.FINDING for one in remarks)
    yield _judge_network(scene, client, base, caught=caught)
    yield from remarks
    yield from _check_proxied_front(scene, client)


def _check_meeting(scene: Scene, client: Service, base: Service) -> Iterator[Remark]:
    """Whether the client and a front are in one network; the lines that put the front there are added."""
    placed = [one.service for one in scene.fronts if one.service.networks]
    if not placed or len(placed) < len(scene.fronts) or not base.networks:
        return  # where one of them uses the network of something else, this does not tell
    if any(name in base.networks for one in placed for name in one.networks):
        return
    front = placed[0]
    network = _choose_network(scene, base)
    for name in (*front.networks, network):  # one that is named takes away the one that compose gives by itself
        scene.override.set(front.name, "networks", name, value={})
    text = words.no_meeting(front.name, network)
    place = next(one.place for one in base.networks.values())
    yield remark(Level.FINDING, About.NETWORK, text, client.name, place)


def _choose_network(scene: Scene, base: Service) -> str:
    """The client's network that a front is to be in: one that lets nothing out, if there is one."""
    return min(base.networks, key=lambda name: not scene.project.networks[name].internal)


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


def _find_ways(scene: Scene, client: Service, host: str) -> Iterator[_Way]:
    """Each way that the client's calls to a host may take: by its forward proxies, else by the name."""
    proxies = [name for name in _PROXIES if client.value(name)]
    if proxies and no_proxy_covers(_exempt(scene, client), host):
        proxies = []
    followed: dict[_Way, _Way] = {}
    for name in proxies:
        way = _follow(scene, client, name)
        followed.setdefault(replace(way, how=""), way)
    yield from followed.values()
    if not any(name in _SECURE for name in proxies):
        yield _look_up(scene, client, host)


def _look_up(scene: Scene, client: Service, host: str) -> _Way:
    """The way by a host's name."""
    leaves = _leaves(scene, client)
    found = resolve(scene.project, client, host)
    if found.services or found.how == "extra_hosts":
        front = _front_of(scene, found.services)
        where = found.services[0].name if found.services else "the machine that runs it" if found.host else ""
        return _Way(found.how, front, where or " and ".join(found.strangers), 0, found.strangers, leaves)
    base = networked(scene.project, client)
    servers = [(address, at_address(scene.project, base, [address])) for address in base.dns]
    services = [service for _, there in servers for service in there]
    if not services:
        return _Way(leaves=leaves)
    front = _front_of(scene, services)
    chosen = front.service if front else services[0]
    strangers = tuple(address for address, there in servers if chosen not in there)
    return _Way("dns", front, chosen.name, 0, strangers, leaves)


def _front_of(scene: Scene, services: Sequence[Service]) -> Front | None:
    return next((one for one in scene.fronts if one.service in services), None)


def _follow(scene: Scene, client: Service, variable: str) -> _Way:
    """The way by a forward proxy, which may be named without a scheme."""
    value = client.value(variable)
    url = parse_base(value if "://" in value else f"http://{value}")
    host = (url and url.hostname) or ""
    found = resolve(scene.project, client, host)
    front = _front_of(scene, found.services)
    where = found.services[0].name if found.services else scene.show(host) or "another proxy"
    leaves = any(_leaves(scene, one) for one in (client, *found.services))
    return _Way(variable, front, where, (url and url.port) or 80, () if front else (where,), leaves)


def _judge_way(scene: Scene, client: Service, way: _Way, hosts: list[str]) -> Remark:
    level, text = _weigh(scene, client, way, hosts)
    return remark(level, About.NAMES, text, client.name, client.place_of(way.how))


def _weigh(scene: Scene, client: Service, way: _Way, hosts: list[str]) -> tuple[Level, str]:
    """What is to be said of a way; the lines that mend it are added."""
    if not way.how:
        _alias(scene, client, hosts)
        front = scene.fronts[0].service.name if scene.fronts else "the service that runs cpproxy"
        return Level.FINDING, words.uncaught(hosts, front, leaves=way.leaves)
    if way.leaves and way.strangers:
        return Level.FINDING, _judge_leak(scene, client, way, hosts)
    if way.front is None:  # another service may well be a trap of its own; that it is none is not certain
        return Level.NOTE, words.misled(hosts, way.where, way.how)
    name, trap = way.front.service.name, way.front.trap
    if trap is None and way.front.mode is None:
        return Level.NOTE, words.unknown_trap(hosts, name, way.how)
    if missing := _find_missing(way, trap):
        _add_trap(scene, way.front, missing)
        flags = [" ".join(one) for one in missing]
        return Level.FINDING, words.missing_trap(hosts, name, way.how, flags, has=trap is not None)
    return Level.RIGHT, words.caught(hosts, way.how, name)


def _judge_leak(scene: Scene, client: Service, way: _Way, hosts: list[str]) -> str:
    """The same of a way that may lead to the real control plane."""
    if way.port:
        _spare(scene, client, hosts)
        unled = [host for host in hosts if not _look_up(scene, client, host).how]
        if unled:
            _alias(scene, client, unled)
        return words.leaking_proxy(hosts, way.how, way.where)
    if way.how == "dns":
        _alias(scene, client, hosts)  # the engine answers an alias before it asks a server
        return words.leaking_servers(hosts, way.strangers, way.where, has=way.front is not None)
    return words.leaking_hosts(hosts, way.strangers)


def _exempt(scene: Scene, client: Service) -> str:
    """What the client's NO_PROXY lists, by both names, with what the lines to add say of it."""
    added = scene.override.get(client.name, "environment", _EXEMPT[0])
    if added:
        return str(added)
    listed = map(client.value, _EXEMPT)
    return ",".join(dict.fromkeys(part for one in listed for part in one.split(",") if part))


def _spare(scene: Scene, client: Service, hosts: Sequence[str]) -> None:
    """The lines that let hosts be called past the client's forward proxies."""
    both = ",".join(dict.fromkeys([*filter(None, _exempt(scene, client).split(",")), *hosts]))
    for name in _EXEMPT:
        scene.override.set(client.name, "environment", name, value=both)


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


def _alias(scene: Scene, client: Service, hosts: list[str]) -> None:
    """The lines that let hosts lead to the front, and its trap, in a network that both are in."""
    base = networked(scene.project, client)
    front = next((one for one in scene.fronts if one.mode is Mode.REPLAY), None)
    if front is None or not base.networks:
        return
    own = (*front.service.networks, *(scene.override.get(front.service.name, "networks") or ()))
    shared = [name for name in own if name in base.networks]
    if not shared:
        return
    scene.override.set(front.service.name, "networks", shared[0], "aliases", value=hosts)
    if missing := _find_missing(_Way("alias", front), front.trap):
        _add_trap(scene, front, missing)


def _add_trap(scene: Scene, front: Front, flags: Sequence[tuple[str, str]]) -> None:
    """The lines by which the front gets more of a trap: variables, which no form of a command hides from it."""
    if front.mode is not Mode.REPLAY or front.bars_trap:
        return
    for flag, address in flags:
        kind = flag.removeprefix("--trap-")
        if kind in front.flagged:
            _add_flag(scene, front, flag, address)
        else:
            variable = f"CPPROXY_TRAP_{kind.upper()}"
            added = scene.override.get(front.service.name, "environment", variable)
            there = str(added).split() if added else front.addresses.get(kind, ())
            value = " ".join(dict.fromkeys((*there, address)))
            scene.override.set(front.service.name, "environment", variable, value=value)


def _add_flag(scene: Scene, front: Front, flag: str, address: str) -> None:
    """One more flag beside others, which a variable would not add to, where the command is a list of words."""
    words = [*(scene.override.get(front.service.name, "command") or front.service.command)]
    if front.mode in words:
        at = words.index(front.mode) + 1
        if [flag, address] not in ([*pair] for pair in itertools.pairwise(words)):
            scene.override.replace(front.service.name, "command", value=[*words[:at], flag, address, *words[at:]])


def _check_proxied_front(scene: Scene, client: Service) -> Iterator[Remark]:
    """A client with a forward proxy has to call the front past it."""
    host = urlsplit(scene.url).hostname if scene.is_known else None
    for variable in ("HTTP_PROXY", "http_proxy"):
        if host and client.value(variable) and not no_proxy_covers(_exempt(scene, client), host):
            _spare(scene, client, [host])
            text = words.proxied_front(variable, host)
            yield remark(Level.FINDING, About.NAMES, text, client.name, client.place_of(variable))
            return


def check_recorder(scene: Scene, front: Front) -> Iterator[Remark]:
    """A recorder must not take the trap for its upstream."""
    if front.mode is not Mode.RECORD:
        return
    upstream = urlsplit(scene.config.cp.upstream).hostname or ""
    found = resolve(scene.project, front.service, upstream) if upstream else None
    if found is not None and found.services:
        yield remark(Level.FINDING, About.NAMES, words.own_trap([upstream]), front.service.name, front.service.place)
