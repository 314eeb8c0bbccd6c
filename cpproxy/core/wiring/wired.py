"""What a compose project says of its services, for a verdict: variables, names and addresses, each with its line."""

from collections.abc import Callable, Iterable

from msgspec import Struct

from cpproxy.core.config import Config
from cpproxy.core.hosts import bracket, canonical, parse_base
from cpproxy.core.steering import variables_of
from cpproxy.core.wiring.project import Project
from cpproxy.core.wording import be, join


class Stated(Struct, frozen=True):
    """A variable that a file names: its value without secrets; `where` is FILE:LINE.

    It is empty where it holds nothing, and None where the service does not get it at all, since the file gives it no
    value and whoever runs compose has none.
    """

    value: str | None
    where: str


class Wired(Struct, frozen=True):
    """A service: its names and addresses in the networks, and those of the routes' variables that it names."""

    where: str
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    variables: dict[str, Stated] = {}


type Wiring = dict[str, Wired]
"""Services by name."""


def wire(project: Project, config: Config, show: Callable[[str], str]) -> Wiring:
    """What the verdict is to know of a project; `show` takes secrets out of a value."""
    wanted = variables_of(config)
    wiring: Wiring = {}
    for service in project.services.values():
        variables = {
            name: Stated(None if setting.value is None else show_url(setting.value, show), str(setting.place))
            for name in wanted
            if (setting := service.environment.get(name))
        }
        names = dict.fromkeys(name for _, name in service.names())
        addresses = tuple(canonical(address) for one in service.networks.values() for address in one.addresses)
        wiring[service.name] = Wired(str(service.place), tuple(names), addresses, variables)
    return wiring


def show_url(value: str, show: Callable[[str], str]) -> str:
    """A base URL as it may be printed: without user and query, and without secrets; what is no URL is not printed."""
    url = parse_base(value)
    if url is None:
        return "no URL" if value else ""
    port = f":{url.port}" if url.port else ""
    return show(f"{url.scheme}://{bracket(url.hostname or '')}{port}{url.path}")


def find_service(wiring: Wiring, address: str) -> str:
    """The service that has an address by its file; empty where none has."""
    return next((name for name, one in wiring.items() if address in one.addresses), "")


def spell_variables(wired: Wired, variables: Iterable[str]) -> str:
    """What a service sets of some variables, in sentences that each name a line."""
    unset: list[str] = []
    said: list[str] = []
    for name in variables:
        stated = wired.variables.get(name)
        if stated is None:
            unset.append(name)
        elif stated.value is None:
            said.append(f"{name} is not set ({stated.where})")
        else:
            said.append(f"{name} is {stated.value or 'empty'} ({stated.where})")
    if unset:
        said.insert(0, f"{join(unset, 'and')} {be(unset)} not set ({wired.where})")
    return ", ".join(said)
