"""Which services run cpproxy, as far as command, image and config tell, and what of them can be reached where."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from cpproxy.core.config import Config, addresses
from cpproxy.core.hosts import is_loopback, parse_base, port_of
from cpproxy.core.runs import Mode
from cpproxy.core.steering import variables_of
from cpproxy.core.wiring.project import Project, Service
from cpproxy.core.wiring.resolving import Found, resolve
from cpproxy.errors import UsageError

DEFAULT_PORT = 9090
_LOOPBACK = ("127.", "localhost", "[::1]")
_PROGRAM = "cpproxy"
_SCRIPT = re.compile(r"-[a-z]*c")
_SHELLS = frozenset({"sh", "bash", "ash", "dash"})
_TRUE = frozenset({"1", "true", "t", "yes", "y", "on"})
_OPTIONS = frozenset({"--cassettes", "--ledger", "--config"})
"""The options that take a value and may stand before the command."""
_COMMANDS = frozenset({*Mode, "verify", "scenario", "wait", "status", "calls", "call", "cassette", "canary", "ca"})


@dataclass(frozen=True, slots=True)
class Trap:
    """The ports at which other containers can reach a trap, by the way in."""

    sinks: frozenset[int]
    forward: frozenset[int]
    dns: frozenset[int]


@dataclass(frozen=True, slots=True)
class Front:
    """A service that stands for the control plane.

    `mode` is what its command says, None where nothing shows that it is cpproxy at all; `certain` says that it is, or
    was named. `ports` are those at which it may listen; `trap` is where its trap can be reached, None without one.
    `flagged` are the ways into a trap that flags name, `addresses` all that are named, by the way in; `bars_trap` says
    that it must not have one, whatever is named.
    """

    service: Service
    mode: Mode | None
    certain: bool
    ports: frozenset[int]
    listen: str = ""
    trap: Trap | None = None
    flagged: frozenset[str] = frozenset()
    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    bars_trap: bool = False

    @property
    def port(self) -> int:
        """The port that clients are to be told."""
        return DEFAULT_PORT if DEFAULT_PORT in self.ports else min(self.ports)

    @property
    def is_hidden(self) -> bool:
        """Whether it listens where no other container can reach it."""
        return self.listen.startswith(_LOOPBACK) and not self.service.network_mode


def find_fronts(project: Project, config: Config, named: Sequence[str]) -> tuple[Front, ...]:
    """The services that were named, else those whose command runs the proxy, and the one that the config names.

    Where there is none, and what the config names is nowhere, those to which variables lead stand for the front. The
    one that clients are to be told comes first. UsageError for a name that is no service's.
    """
    check_names(project, named, "--front")
    found = [_make(one, config, named=name in named) for name, one in project.services.items()]
    if named:
        return tuple(front for front in found if front.service.name in named)
    fronts = [one for one in found if one.mode or is_named(one.service, config)]
    if not fronts and is_nowhere(project, config):
        return tuple(_find_stand_ins(project, config))
    return tuple(sorted(fronts, key=lambda one: not is_named(one.service, config)))


def is_nowhere(project: Project, config: Config) -> bool:
    """Whether the config's `front_url` has a name as services have them, and nothing here shows who that is."""
    host, _ = front_address(config)
    if not host or "." in host or ":" in host or is_loopback(host):
        return False
    if any(one.external for one in project.networks.values()):
        return False
    services = project.services.values()
    return not any(is_named(one, config) or host in one.hosts or host in one.links for one in services)


def _find_stand_ins(project: Project, config: Config) -> Iterator[Front]:
    """The services that clients take for the control plane: those to which its variables lead, with the ports."""
    found: dict[Service, set[int]] = {}
    for client in project.services.values():
        for name in variables_of(config):
            url = parse_base(client.value(name))
            met = resolve(project, client, url.hostname or "") if url else Found()
            for service in () if met.own else met.services:
                found.setdefault(service, set()).update({port_of(url)} if url else ())
    for service, ports in found.items():
        if not _command(_words(service)):  # else it is cpproxy, and no front
            yield Front(service, None, certain=False, ports=frozenset(ports))


def check_names(project: Project, named: Sequence[str], flag: str) -> None:
    """UsageError for a name that is no service's."""
    for name in named:
        if name not in project.services:
            why = f"expected one of {', '.join(project.services)}"
            if name in project.inactive:
                why = f"it is of the profile {', '.join(project.inactive[name])}: choose that with --profile"
            raise UsageError(f"{flag} {name}: {why}")


def is_named(service: Service, config: Config) -> bool:
    """Whether the config's `front_url` names a service."""
    host, _ = front_address(config)
    return any(name == host for _, name in service.names())


def front_address(config: Config) -> tuple[str, int]:
    """Host and port of the config's `front_url`; empty and 0 without one."""
    url = parse_base(config.cp.front_url)
    return (url.hostname or "", port_of(url)) if url else ("", 0)


def _make(service: Service, config: Config, *, named: bool) -> Front:
    words = _words(service)
    command = _command(words)
    mode = Mode(command) if command in set(Mode) else None
    flag = next(iter(_values(words, "--listen")), "") if mode else ""
    listen = flag or service.value("CPPROXY_LISTEN")
    own = listen.rpartition(":")[2]
    if own.isdecimal() and int(own):
        ports = frozenset({int(own)})
    else:
        meant = front_address(config)[1] if is_named(service, config) else DEFAULT_PORT
        ports = frozenset({meant, *service.ports})
    front = Front(service, mode, certain=named or mode is not None, ports=ports, listen=listen)
    return _add_ways_in(front, words, config) if mode else front


def _add_ways_in(front: Front, words: Sequence[str], config: Config) -> Front:
    """The front with the trap that its command starts: by its flags, else by its variables, else by the config."""
    settings = config.trap
    configured = {"sink": settings.sinks, "forward": settings.forward, "dns": settings.dns}
    flags = {kind: tuple(_values(words, f"--trap-{kind}")) for kind in configured}
    named = {
        kind: flags[kind] or tuple(front.service.value(f"CPPROXY_TRAP_{kind.upper()}").split()) or (*addresses(one),)
        for kind, one in configured.items()
    }
    variable = front.service.value("CPPROXY_TRAP").lower()
    wanted = "--trap" in words or (variable in _TRUE if variable else settings.enabled or any(named.values()))
    bars = "--no-trap" in words or bool(variable and not wanted)
    reached = {kind: _reachable(one) for kind, one in named.items()}
    return replace(
        front,
        trap=Trap(reached["sink"], reached["forward"], reached["dns"]) if wanted and not bars else None,
        flagged=frozenset(kind for kind, one in flags.items() if one),
        addresses=named,
        bars_trap=bars,
    )


def _reachable(addresses: Sequence[str]) -> frozenset[int]:
    """The ports of addresses that are not loopback's, nor free ones that nobody knows."""
    ports = (one.rpartition(":")[2] for one in addresses if not one.startswith(_LOOPBACK))
    return frozenset(int(one) for one in ports if one.isdecimal() and int(one))


def _words(service: Service) -> tuple[str, ...]:
    """The words that start a service: those of a shell's script, if it is one, and none that another program gets."""
    words = (*service.entrypoint, *service.command)
    if words and words[0].rpartition("/")[2] in _SHELLS:
        script = next((index for index, word in enumerate(words) if _SCRIPT.fullmatch(word)), len(words))
        words = words[script + 1 : script + 2]  # what comes after it is the script's, and not the program's
    split = tuple(_flatten(words))
    return split[: split.index("--")] if "--" in split else split


def _flatten(words: Sequence[str]) -> Iterator[str]:
    """The words of a command, those that a shell is given among them."""
    for word in words:
        if " " not in word:
            yield word
            continue
        try:
            yield from shlex.split(word)
        except ValueError:  # quotes that are not closed
            yield from word.split()


def _command(words: Sequence[str]) -> str:
    """The command of cpproxy that words run: `cpproxy replay …`, or `replay …` where the image starts the program."""
    at = next((index for index, word in enumerate(words) if word.rpartition("/")[2] == _PROGRAM), None)
    if at is not None:
        return next((word for word in words[at:] if word in _COMMANDS), "")
    left = iter(words)
    for word in left:
        if not word.startswith("-"):
            return word if word in _COMMANDS else ""
        if word in _OPTIONS:
            next(left, None)
    return ""


def _values(words: Sequence[str], flag: str) -> Iterator[str]:
    for index, word in enumerate(words):
        if word == flag and index + 1 < len(words):
            yield words[index + 1]
        elif word.startswith(f"{flag}="):
            yield word.partition("=")[2]
