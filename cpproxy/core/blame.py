"""Who went past the front, where to, and what would have led there right: what the trap saw, gathered and worded.

A container that cannot get out tries again and again, asks for a name and then connects to it: all that one sender does
towards one target is one finding, over the whole run.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from cpproxy.core.calls import Call, Outcome, Seen, Way
from cpproxy.core.config import Config
from cpproxy.core.hosts import fold, parse_base, port_of, spell_origin
from cpproxy.core.routes import Route, RouteTable, fold_slashes
from cpproxy.core.steering import Steered, group, spell, variables_of
from cpproxy.core.wiring.wired import Wired, Wiring, find_service, spell_variables
from cpproxy.core.wording import join, often, plain

_MOST = 5
_DEPTH = {seen: depth for depth, seen in enumerate(Seen)}
_UNSEEN = {
    Seen.NAME: "certificate not trusted, path unseen",
    Seen.TUNNEL: "nothing followed its CONNECT, path unseen",
    Seen.QUERY: "it asked for the name, and no connection was seen",
    Seen.BYTES: "what it sent is neither TLS nor HTTP",
    Seen.BROKEN: "no request of it could be read, path unseen",
    Seen.UNREAD: "too many connections were open at once, and it was refused unread",
    Seen.CONNECTION: "it connected, and said nothing",
}
_WAYS = {Way.FORWARD: "forward proxy", Way.SINK: "sink", Way.DNS: "DNS", Way.FRONT: "front"}


@dataclass(slots=True)
class Stray:
    """What one sender did towards one target. `call` is what shows most, the first of its kind; `scenarios` are all.

    `alike` says that all of its calls are to be spelled as `call` is.
    """

    call: Call
    calls: int = 0
    queries: int = 0
    ways: dict[Way, None] = field(default_factory=dict)
    scenarios: dict[str, None] = field(default_factory=dict)
    alike: bool = True

    def add(self, call: Call) -> None:
        """One more row of the trap."""
        asked = call.seen is Seen.QUERY
        self.merge(Stray(call, int(not asked), int(asked), {call.way: None}, {call.scenario: None}))

    def merge(self, other: "Stray") -> None:
        """What is the same sender's."""
        both = self.calls and other.calls
        self.alike = self.alike and other.alike and (not both or _spelling(self.call) == _spelling(other.call))
        self.calls += other.calls
        self.queries += other.queries
        self.ways |= other.ways
        self.scenarios |= other.scenarios
        if (_depth(other.call), -other.call.seq) > (_depth(self.call), -self.call.seq):
            self.call = other.call

    @property
    def count(self) -> int:
        """How many calls: a name is asked for on the way to a call, and counts where no call followed."""
        return self.calls or self.queries

    @property
    def whole(self) -> bool:
        """Whether method and path were seen."""
        return _is_shown(self.call) and bool(self.call.method)

    @property
    def scenario(self) -> str:
        """The scenario in which all of it was, or nothing."""
        return next(iter(self.scenarios)) if len(self.scenarios) == 1 else ""


def _is_shown(call: Call) -> bool:
    return call.seen is None or call.seen.shows_request


def _depth(call: Call) -> int:
    if call.seen is Seen.QUERY:  # any connection shows more than that a name was asked for
        return -1
    return _DEPTH[call.seen] if call.seen else len(_DEPTH)


def _spelling(call: Call) -> tuple[str | int, ...]:
    """All that the words on a call are made of."""
    return (_depth(call), call.method, call.scheme, fold(call.host), call.port, call.target.partition("?")[0])


@dataclass(slots=True)
class Strays:
    """All that went past the front, as it comes, and the names of those who sent it.

    Of a misroute each route of a host is a target, or each path where it is no route's, up to `_MOST` of these, and all
    others together, since ids may stand in them; what was not seen whole is one, and of a foreign call the host is.
    """

    names: dict[str, str] = field(default_factory=dict)
    """The names that calls told, by address."""
    _found: dict[tuple[str, ...], Stray] = field(default_factory=dict)
    _paths: dict[tuple[str, str], set[tuple[str, str]]] = field(default_factory=dict)
    """Method and path of calls that are no route's, by sender and host."""

    def learn(self, call: Call) -> None:
        """Keeps in mind whom a call says that its address is."""
        address, _, name = call.client.partition(" ")
        if name:
            self.names[address] = name

    def add(self, call: Call) -> None:
        """One call that the trap took."""
        address = call.client.partition(" ")[0]
        whole = _is_shown(call) and bool(call.method)
        what = ("", "")
        if call.seen is Seen.UNREAD:  # it may have been anything: nothing else that this client did explains it
            what = ("", Seen.UNREAD.value)
        elif whole and call.outcome is Outcome.MISROUTE:
            what = (call.method, call.route) if call.route else self._path(address, call)
        key = (call.outcome.value, address, fold(call.host), *what)
        stray = self._found.get(key)
        if stray is None:
            stray = self._found[key] = Stray(call)
        stray.add(call)

    def _path(self, address: str, call: Call) -> tuple[str, str]:
        """The target that a call of no route is."""
        paths = self._paths.setdefault((address, fold(call.host)), set())
        path = (call.method, call.target.partition("?")[0])
        if len(paths) < _MOST:
            paths.add(path)
        return path if path in paths else ("", "/")

    def gather(self, names: "Names") -> Iterator[tuple[str, Stray]]:
        """Each stray with its sender's name: of one name together, and a name that was asked for with what followed."""
        found: dict[tuple[str, ...], Stray] = {}
        for (outcome, address, *what), stray in self._found.items():
            key = (outcome, names.of(address), *what)
            if there := found.get(key):
                there.merge(stray)
            else:
                found[key] = stray
        called = {(name, host) for (_, name, host, *_), stray in found.items() if stray.calls}
        for (_, name, host, *_), stray in found.items():
            if stray.calls or (name, host) not in called:
                yield name, stray


@dataclass(frozen=True, slots=True)
class Names:
    """Who has an address: what calls told, else what a compose file says, else the address."""

    told: Mapping[str, str]
    wiring: Wiring

    def of(self, address: str) -> str:
        """The service, or the bare address."""
        return self.told.get(address) or find_service(self.wiring, address) or address

    def all_of(self, address: str) -> tuple[str, ...]:
        """The service's name, and the further ones that the compose file has for it."""
        name = self.of(address)
        wired = self.wiring.get(name)
        return (name, *wired.names) if wired else (name,)

    def wired(self, name: str) -> Wired | None:
        """What the compose file says of a service."""
        return self.wiring.get(name) or next((one for one in self.wiring.values() if name in one.names), None)


def spell_target(call: Call) -> str:
    """What a call was meant for: a URL, without its path where that was not seen, or host and port."""
    scheme = call.scheme or ("https" if call.seen in {Seen.NAME, Seen.TUNNEL} and call.port in {443, 0} else "")
    path = call.target.partition("?")[0] if _is_shown(call) else ""
    return plain(f"{spell_origin(scheme, call.host, call.port)}{path}")


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent a stray: the name, the routes that it called at the front, and what a compose file says of it."""

    name: str
    called: frozenset[str] = frozenset()
    wired: Wired | None = None

    def __str__(self) -> str:
        return plain(self.name) or "an unknown client"


def describe_misroute(sender: Sender, stray: Stray, config: Config, front: str, *, name: str) -> str:
    """The paragraph on a sender's calls for the control plane that went past the front.

    `front` is the front's own URL, `name` the id of a call.
    """
    call = stray.call
    routes = RouteTable(config.routes)
    steered: list[Steered] = []
    if _is_front(call, config, front):
        what = f"{call.method} {spell_target(call)}" if stray.whole else spell_target(call)
        reason = f": {plain(call.reason)}" if call.reason else ""
        said = [f"{sender} called {what} through the trap{often(stray.count)}{reason}."]
    elif stray.whole:
        one = f"{plain(call.method)} {spell_target(call)}"
        called = f"called {one} past the proxy{often(stray.count)}"
        said = [f"{sender} {called if stray.alike else f'made {stray.count} calls such as {one} past the proxy'}."]
        route = next((one for one in routes.routes if one.name == call.route), None)
        route = route or routes.find(call.method, fold_slashes(call.target.partition("?")[0]))
        steered = [one for one in group(routes.routes) if route in one.routes]
        told = "" if route else _describe_holders(sender, call, config)
        said.append(told or route_to_front(route, config, sender.wired))
    else:
        unseen = _UNSEEN[call.seen or Seen.CONNECTION]
        said = [f"{sender} reached for {spell_target(call)} past the proxy ({unseen}){often(stray.count)}."]
        led = [one for one in group(routes.routes) if one.leads_from(fold(call.host))]
        steered = [one for one in led if not any(route.name in sender.called for route in one.routes)]
        told = "" if steered else _describe_holders(sender, call, config)
        said.append(told or (_describe_uncalled(steered, config) if led else _describe_named(config)))
    if sender.wired and steered:
        said.append(f"{_describe_wiring(sender.wired, steered, routes)}.")
    said.append(f"{_describe_catch(stray)} See `cpproxy call {name}`.")
    return " ".join(said)


def _is_front(call: Call, config: Config, front: str) -> bool:
    """Whether a call was meant for the front, at a port of its own: else its URL is wrong, and not its way."""
    own = {(fold(url.hostname or ""), port_of(url)) for url in map(parse_base, (config.cp.front_url, front)) if url}
    return (fold(call.host), call.port) in own


def _describe_uncalled(steered: list[Steered], config: Config) -> str:
    if not steered:
        return (
            "What goes there by default, it has called at the front as well: look for a client that reads no variable."
        )
    calls = [f"{one.lead.template} ({spell(one.variables)})" for one in steered]
    where = f" The front is {config.cp.front_url}." if config.cp.front_url else ""
    return f"It never called {join(calls, 'or')} at the front.{where}"


def _describe_named(config: Config) -> str:
    """What leads to a host to which no call goes by default: something names it."""
    front = config.cp.front_url or "the front's URL"
    variables = join(list(variables_of(config)), "or")
    where = f", such as {variables}" if variables else ""
    return (
        f"No call is known that goes there by default: find what names it to the client{where}, and let it name "
        f"{front}."
    )


def _describe_holders(sender: Sender, call: Call, config: Config) -> str:
    """The variables that name a target to its sender by the compose file; empty where none does."""
    held = sender.wired.variables if sender.wired else {}
    holders = [name for name, one in held.items() if one.value and fold(_host(one.value)) == fold(call.host)]
    if not sender.wired or not holders:
        return ""
    front = config.cp.front_url or "the front's URL"
    return f"{spell_variables(sender.wired, holders)}; set {'it' if len(holders) == 1 else 'each'} to {front}."


def _host(base: str) -> str:
    url = parse_base(base)
    return (url and url.hostname) or ""


def _describe_wiring(wired: Wired, steered: Iterable[Steered], routes: RouteTable) -> str:
    """What the compose file sets of the variables in question, and what it sets instead."""
    asked = dict.fromkeys(name for one in steered for name in one.variables)
    held = [name for name, stated in wired.variables.items() if stated.value]
    others = [name for name in held if name not in asked]
    instead = ""
    if others and not any(name in asked for name in held):
        led = [one for one in group(routes.routes) if others[0] in one.variables]
        calls = join([str(one.lead.template) for one in led], "and")
        instead = f"; {spell_variables(wired, others[:1])}, and leads {calls} alone"
    return f"{spell_variables(wired, asked)}{instead}"


def _describe_catch(stray: Stray) -> str:
    return f"Caught by the trap's {join([_WAYS[way] for way in Way if way in stray.ways], 'and')}."


def describe_foreign(sender: Sender, stray: Stray, config: Config, *, name: str) -> str:
    """The paragraph on a sender's calls to somebody else, which were refused."""
    call = stray.call
    if call.seen is Seen.UNREAD:
        return (
            f"{sender} connected to {spell_target(call)}{often(stray.count)} and was refused unread: "
            f"{plain(call.reason)}. What it was meant for is unknown: have fewer connections open at once, and run "
            f"again. See `cpproxy call {name}`."
        )
    if not stray.whole:
        what = f"reached for {spell_target(call)} ({_UNSEEN[call.seen or Seen.CONNECTION]}){often(stray.count)}"
    elif stray.alike:
        what = f"called {plain(call.method)} {spell_target(call)}{often(stray.count)}"
    else:
        one = f"{plain(call.method)} {spell_target(call)}"
        what = f"made {stray.count} calls to {plain(call.host)}, {one} among them"
    refused = f"{sender} {what}, which is none of the control plane's, and was refused."
    if told := _describe_holders(sender, call, config):
        return f"{refused} {told} See `cpproxy call {name}`."
    return (
        f"{refused} If it is to be "
        f'expected, add "{plain(call.host)}" to expected_hosts in [trap]. See `cpproxy call {name}`.'
    )


def route_to_front(route: Route | None, config: Config, wired: Wired | None = None) -> str:
    """What leads a client to the front: the variables of this route, or of all where it is not known.

    `wired` is what a compose file says of that client.
    """
    front = config.cp.front_url or "the front's URL"
    if route is not None and route.settings.env:
        variables = route.settings.env
        one = len(variables) == 1
        routes = f"{spell(variables)}{' routes' if one else ', route'} this call"
        first = _first_set(wired, variables) if wired else ""
        if wired and leads(wired, variables, config):
            led = f"{routes}, and {'' if one else f'{first} '}leads it to {front} already"
            return f"{led}: see whether the client was started with that."
        return f"{routes}; set {'it' if one else first or 'one of them'} to {front}."
    if route is not None:
        return f"No variable is known that routes this call: name one as `env` of the route {route.name} in the config."
    variables = variables_of(config)
    if not variables:
        return "No variable is known that routes it to the front: name one as `env` of its route in the config."
    listed = join(list(variables), "or")
    return f"What routes calls to the front is {listed} in the client's environment: set it to {front}."


def leads(wired: Wired, variables: Iterable[str], config: Config) -> bool:
    """Whether the first of these that a service sets leads it to the front, be it to a session."""
    first = _first_set(wired, variables)
    there = parse_base((first and wired.variables[first].value) or "")
    wanted = parse_base(config.cp.front_url)
    if there is None or wanted is None:
        return False
    return (there.scheme, fold(there.hostname or ""), port_of(there)) == (
        wanted.scheme,
        fold(wanted.hostname or ""),
        port_of(wanted),
    )


def _first_set(wired: Wired, variables: Iterable[str]) -> str:
    """The variable that counts: the first that holds something; empty where none does."""
    return next((name for name in variables if (held := wired.variables.get(name)) and held.value), "")
