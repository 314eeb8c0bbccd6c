"""The words of remarks: what stands there, what comes of it, what to write instead."""

from collections.abc import Iterable, Sequence

from cpproxy.core.routes import Route
from cpproxy.core.steering import Steered, spell
from cpproxy.core.wiring.project import Place, Setting
from cpproxy.core.wording import be


def name_routes(groups: Iterable[Steered]) -> str:
    """The calls that variables lead, by the route that stands for each group, and how many more."""
    groups = tuple(groups)
    leads = " and ".join(str(group.lead.template) for group in groups)
    more = sum(len(group.routes) for group in groups) - len(groups)
    return f"{leads} (and {more} more)" if more else leads


def right_variable(variable: str, shown: str, groups: Sequence[Steered], why: str) -> str:
    """A variable that leads to the front."""
    return f"{variable} is {shown}, {why}, for {name_routes(groups)}."


def wrong_variable(variable: str, shown: str, groups: Sequence[Steered], why: str, right: str) -> str:
    """A variable that leads elsewhere."""
    return f"{variable} is {shown}: {why}. It leads {name_routes(groups)}; set it to {right}."


def no_url(variable: str, groups: Sequence[Steered], right: str) -> str:
    """A variable whose value is no base URL; the value is not shown."""
    return f"{variable} is no http:// or https:// URL, and leads {name_routes(groups)}; set it to {right}."


def unset_variable(group: Steered, states: str, other: str, right: str) -> str:
    """A group of calls of whose variables none is set."""
    goes = " or ".join(sorted(group.defaults)) or "where the client goes by default"
    advice = "set it" if len(group.variables) == 1 else "set one of them"
    return (
        f"{spell(group.variables)} {be(group.variables)} not set{states}: {name_routes((group,))} will go to {goes}, "
        f"past the front; {advice} to {right}.{other}"
    )


def silent_variable(group: Steered, states: str, right: str, *, required: bool) -> str:
    """A group of calls that are not made at all where no variable is set."""
    why = ", which the config requires" if required else ""
    return (
        f"{spell(group.variables)} {be(group.variables)} not set{states}: {name_routes((group,))} will not be called "
        f"at all{why}; set {group.variables[0]} to {right} if it is to be."
    )


def describe_state(variable: str, setting: Setting) -> str:
    """Why a variable that is named holds nothing."""
    if setting.value is None:
        return f"{variable} has no value, and is not set where compose runs"
    if setting.unset:
        return f"{variable} is empty, since {' and '.join(setting.unset)} {be(setting.unset)} not set"
    return f"{variable} is empty{' where compose runs' if setting.passed else ''}"


def other_variable(variable: str, place: Place, groups: Sequence[Steered]) -> str:
    """What is set and leads to the front, but not these calls."""
    return f" {variable} ({place}) does lead to the front, but {name_routes(groups)} alone."


def supplied(variable: str, source: str) -> str:
    """A credential that a recorded answer hands out."""
    return f"{variable} is not set, and need not be: {source} hands it out."


def missing_credential(variable: str, routes: Sequence[Route]) -> str:
    """A credential that nothing supplies."""
    calls = " and ".join(str(route.template) for route in routes)
    return (
        f"{variable} is not set, and no recorded answer hands it out: {calls} will lack a credential, and be answered "
        "401 as the control plane would; set it to any value, since replay takes one dummy for all."
    )


def no_front(candidates: Sequence[str]) -> str:
    """A project in which nothing stands for the control plane."""
    return (
        "no service here runs `cpproxy replay` or `cpproxy record`, and cp.front_url of the config names none: say "
        f"which stands for the control plane with --front, such as --front {candidates[0] if candidates else 'cp'}."
    )


def absent_front(url: str, names: Sequence[str], told: str) -> str:
    """A config that names a front that is not there; `names` are services that are therefore taken for it, or none."""
    taken = ""
    if names:
        which = "it" if len(names) == 1 else names[0]
        led = " and ".join(names)
        taken = f" Variables lead to {led}, so {which} is taken for the front, unless --front says otherwise."
    return (
        f"cp.front_url of the config, {url}, names no service here, and what a verdict tells to set comes from there: "
        f"write {told}.{taken}"
    )


def mistold_front(url: str, front: str, port: int, told: str) -> str:
    """A config that names the front with a port at which it does not listen."""
    return (
        f"cp.front_url of the config, {url}, leads nowhere, since {front} listens on port {port}, and what a verdict "
        f"tells to set comes from there: write {told}."
    )


def foreign_front(url: str) -> str:
    """A front that is not of this project."""
    return f"the front, {url}, is no service here: whether it is reached, and waited for, is not told."


def no_clients(candidates: Sequence[str], variables: Sequence[str]) -> str:
    """A project in which nothing shows who calls the control plane."""
    named = " ".join(f"--client {name}" for name in candidates[:3]) or "--client NAME"
    known = f"names any of {', '.join(variables)}" if variables else "can be told by a variable: no route has `env`"
    return f"no service here {known}: say which call the control plane, as in {named}."


def unjudged(names: Sequence[str]) -> str:
    """Services of which nothing shows that they call the control plane."""
    return (
        f"not looked at, since nothing shows that they call the control plane: {', '.join(names)}. --client NAME says "
        "that one does."
    )


def inactive(names: Sequence[str]) -> str:
    """Services of profiles that are not chosen."""
    return f"not looked at, since their profiles are not chosen: {', '.join(names)}. --profile NAME chooses one."


def hidden_front(listen: str, port: int) -> str:
    """A front that listens on its own loopback."""
    return f"it listens on {listen}, which no other container reaches: give it --listen 0.0.0.0:{port}."


def closed(networks: Sequence[str]) -> str:
    """Networks that let nothing out."""
    return f"no way out: {_networks(networks)} internal."


def opened(networks: Sequence[str]) -> str:
    """A way out."""
    return f"{_networks(networks)} not internal: a call past the front gets out."


def open_but_caught(networks: Sequence[str]) -> str:
    """A way out beside a trap."""
    return (
        f"{_networks(networks)} not internal: what the trap does not catch, such as a call to an address, gets out. "
        "`internal: true` closes it (and needs a second network for published ports)."
    )


def unknown_network(networks: Sequence[str]) -> str:
    """Networks that are defined elsewhere."""
    return f"{_networks(networks)} external: whether a call gets out is not told here."


def host_network(mode: str) -> str:
    """A service that uses networks that compose does not make."""
    return f"network_mode {mode}: it gets out wherever that does."


def no_meeting(front: str, network: str) -> str:
    """A client that no network brings together with the front."""
    return f"{front} is in no network with it: what its variables lead there fails; put {front} into {network}, too."


def no_network() -> str:
    """A service that has no network."""
    return "network_mode none: it reaches nobody, the front neither."


def _networks(names: Sequence[str]) -> str:
    return f"the network{'' if len(names) == 1 else 's'} {', '.join(names)} {be(names)}"


def caught(hosts: Sequence[str], how: str, trap: str) -> str:
    """The control plane's hosts that lead to the trap."""
    return f"{_hosts(hosts)} to {trap}, by {how}."


def uncaught(hosts: Sequence[str], front: str, *, leaves: bool) -> str:
    """The control plane's hosts that lead out, or nowhere."""
    goes = "reaches the real control plane" if leaves else "hangs until it times out"
    return (
        f"nothing leads {', '.join(hosts)} to a trap: a call that goes past the front {goes}, and nobody sees it; "
        f"alias {'it' if len(hosts) == 1 else 'them'} to {front}, and let it run with --trap."
    )


def misled(hosts: Sequence[str], where: str, how: str) -> str:
    """The control plane's hosts that lead to somebody else."""
    return f"{_hosts(hosts)} to {where}, by {how}, which is no trap: what goes there is seen by nobody."


def leaking_servers(hosts: Sequence[str], servers: Sequence[str], where: str, *, has: bool) -> str:
    """The control plane's hosts that a name server from outside may answer for, in place of a trap or beside it."""
    rest = f"let dns name {where} alone" if has else f"{where} is no trap"
    return (
        f"{_hosts(hosts)} where the first name server that answers says, and dns names {' and '.join(servers)} beside "
        f"{where}: a call past the front may reach the real control plane, and nobody sees it; {rest}, or alias "
        f"{'it' if len(hosts) == 1 else 'them'} to the front."
    )


def leaking_hosts(hosts: Sequence[str], addresses: Sequence[str]) -> str:
    """The control plane's hosts that extra_hosts leads out."""
    return (
        f"{_hosts(hosts)} to {' and '.join(addresses)}, by extra_hosts, which no service here has: a call past the "
        "front gets out, and nobody sees it; take that out of extra_hosts (no file that is laid over can)."
    )


def leaking_proxy(hosts: Sequence[str], variable: str, where: str) -> str:
    """The control plane's hosts that are called by a forward proxy that is not the trap."""
    return (
        f"{_hosts(hosts)} to {where}, by {variable}, which is not the trap: a call past the front reaches the real "
        f"control plane, and nobody sees it; let {variable} name the trap, or NO_PROXY these hosts."
    )


def unknown_trap(hosts: Sequence[str], trap: str, how: str) -> str:
    """The control plane's hosts that lead to a front of which nothing shows what it runs."""
    return f"{_hosts(hosts)} to {trap}, by {how}; whether a trap listens there cannot be seen here."


def missing_trap(hosts: Sequence[str], trap: str, how: str, flags: Sequence[str], *, has: bool) -> str:
    """The control plane's hosts that lead to a trap that does not listen there."""
    runs = "whose trap does not listen there" if has else "which runs without a trap"
    return (
        f"{_hosts(hosts)} to {trap}, by {how}, {runs}: a call past the front finds a closed port, and nobody sees it; "
        f"give it {' '.join(flags)}."
    )


def proxied_front(variable: str, host: str) -> str:
    """A client that would ask the forward proxy for the front itself."""
    return f"{variable} is set, and NO_PROXY does not name {host}: calls to the front would go into the trap; add it."


def own_trap(hosts: Sequence[str]) -> str:
    """A recorder that takes the trap for its upstream."""
    return (
        f"{_hosts(hosts)} to the trap for the recorder itself, which would record the trap's refusals: take it off the "
        "network that has the aliases."
    )


def _hosts(hosts: Sequence[str]) -> str:
    return f"{', '.join(hosts)} {'leads' if len(hosts) == 1 else 'lead'}"


def no_health(front: str) -> str:
    """A front that says nothing of its health."""
    return f"{front} has no healthcheck here; if its image has none either, nobody can wait until it is ready."


def needs_health(front: str) -> str:
    """A front that others wait for, though nothing shows its health."""
    return f"{front} is waited for until it is healthy, and its healthcheck is switched off: it would never be."


def wrong_health(path: str) -> str:
    """A health check that asks for something else than readiness."""
    return (
        f"its healthcheck asks for {path}, which says nothing of whether the cassettes are loaded and the trap "
        "listens: ask for /__cpproxy/ready, or run `cpproxy wait`."
    )


def right_health() -> str:
    """A health check that asks for readiness."""
    return "its healthcheck asks whether it is ready."


def unread_health() -> str:
    """A health check that runs a program that is not known here."""
    return "whether its healthcheck asks for /__cpproxy/ready cannot be seen here."


def no_order(front: str, port: int) -> str:
    """A client that may start before the front."""
    return (
        f"it does not wait for {front}: what it calls at its start may find no port {port} open; let it depend on "
        f"{front} with condition: service_healthy."
    )


def weak_order(client: str, front: str, condition: str) -> str:
    """A client that starts once the front's process runs."""
    who = "it starts" if not client else f"it waits for {client}, which starts"
    return (
        f"{who} once {front} has begun to start ({condition}), not once its cassettes are loaded; write condition: "
        "service_healthy."
    )


def right_order(front: str, by: str) -> str:
    """A client that waits until the front is ready."""
    return f"it starts once {front} is healthy{f', by way of {by}' if by else ''}."
