"""Where a client's variables lead: to the front, elsewhere, or nowhere since they are not set."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from cpproxy.core.hosts import parse_base, port_of
from cpproxy.core.routes import Route, RouteTable
from cpproxy.core.runs import is_session
from cpproxy.core.steering import Steered, group, plane_names
from cpproxy.core.wiring import words
from cpproxy.core.wiring.fronts import Front, front_address, is_nowhere
from cpproxy.core.wiring.project import Service
from cpproxy.core.wiring.remarks import About, Level, Remark, remark
from cpproxy.core.wiring.resolving import Found, resolve
from cpproxy.core.wiring.scene import Scene
from cpproxy.core.wiring.wired import show_url

if TYPE_CHECKING:
    from urllib.parse import SplitResult


def check_variables(scene: Scene, client: Service) -> Iterator[Remark]:
    """What the client's variables come to, each group of calls by the first variable that is set."""
    groups = group(RouteTable(scene.config.routes).routes)
    used: dict[str, list[Steered]] = {}
    unset: list[Steered] = []
    for one in groups:
        variable = next((name for name in one.variables if client.value(name)), "")
        if variable:
            used.setdefault(variable, []).append(one)
        else:
            unset.append(one)
    right: list[str] = []
    for variable, led in used.items():
        found = _judge(scene, client, variable, led)
        right += [variable] if found.level is Level.RIGHT else []
        yield found
    for one in sorted(unset, key=lambda one: len(one.variables)):  # so that one line may mend several
        yield _judge_unset(scene, client, one, {name: used[name] for name in right})
    yield from _check_credentials(scene, client)


def _judge_unset(scene: Scene, client: Service, one: Steered, right: Mapping[str, Sequence[Steered]]) -> Remark:
    named = [(name, client.environment[name]) for name in one.variables if name in client.environment]
    states = "; ".join(words.describe_state(name, setting) for name, setting in named)
    states = f" ({states})" if states else ""
    place = named[0][1].place if named else client.place
    if one.is_silent:
        required = any(_requires(route, client.name) for route in one.routes)
        if required:
            scene.lead(client, one.variables[0])
        text = words.silent_variable(one, states, scene.url, required=required)
        return remark(Level.FINDING if required else Level.NOTE, About.VARIABLE, text, client.name, place)
    if not any(scene.override.get(client.name, "environment", name) for name in one.variables):
        scene.lead(client, one.variables[0])
    other = "".join(words.other_variable(name, client.place_of(name), groups) for name, groups in right.items())
    text = words.unset_variable(one, states, other, scene.url)
    return remark(Level.FINDING, About.VARIABLE, text, client.name, place)


def _requires(route: Route, client: str) -> bool:
    required = route.settings.required
    return required is True or (isinstance(required, tuple) and client in required)


def _judge(scene: Scene, client: Service, variable: str, led: Sequence[Steered]) -> Remark:
    value = client.value(variable)
    url = parse_base(value)
    if url is None:
        wrong, text = True, words.no_url(variable, led, scene.url)
    else:
        shown = show_url(value, scene.show)
        wrong, why = _compare(scene, client, url)
        said = words.wrong_variable(variable, shown, led, why, scene.url)
        text = said if wrong else words.right_variable(variable, shown, led, why)
    if wrong:
        scene.lead(client, variable)
    level = Level.FINDING if wrong else Level.RIGHT if scene.is_known else Level.NOTE
    return remark(level, About.VARIABLE, text, client.name, client.place_of(variable))


def _compare(scene: Scene, client: Service, url: "SplitResult") -> tuple[bool, str]:
    """Whether a URL leads elsewhere than to the front, and what is to be said of it."""
    host = (url.hostname or "").lower()
    port = port_of(url)
    found = resolve(scene.project, client, host)
    # That both are in one network is looked at for the client as a whole, and not for each of its variables.
    found = replace(found, services=found.services or found.elsewhere)
    front = next((one for one in scene.fronts if _is_at(one, found, port)), None)
    if front is not None:
        return _compare_with(front, found, url, port)
    nowhere = host == front_address(scene.config)[0] and is_nowhere(scene.project, scene.config)
    if (host, port) == front_address(scene.config) and not (found.elsewhere or found.services or nowhere):
        wrong = _find_wrong_path(url)
        return bool(wrong), wrong or "where the config says that the front is"
    if nowhere:
        return True, f"no service here is called {host}"
    return (True, _name_elsewhere(scene, found, host)) if scene.is_known else (False, "and no front is known")


def _is_at(front: Front, found: Found, port: int) -> bool:
    if found.host:
        return port in front.service.published or front.service.network_mode == "host"
    return any(one.name == front.service.name for one in found.services)


def _compare_with(front: Front, found: Found, url: "SplitResult", port: int) -> tuple[bool, str]:
    name = front.service.name
    if url.scheme == "https":
        return True, f"{name} speaks http:// alone"
    if not found.host and port not in front.ports:
        ports = " or ".join(map(str, sorted(front.ports)))
        return True, f"{name} listens on port {ports}"
    wrong = _find_wrong_path(url)
    session = f", session {url.path.split('/')[2]}" if url.path.startswith("/s/") else ""
    return bool(wrong), wrong or f"the front{session}"


def _find_wrong_path(url: "SplitResult") -> str:
    """Why a client that joins base and path does not get where it should; empty where it does."""
    if url.query or url.fragment:
        return "a base has no query, since the path is put after it"
    if url.path.endswith("/"):
        return "a base has no slash at its end, since a path that begins with one is put after it"
    if not url.path:
        return ""
    parts = url.path.split("/")
    if len(parts) == 3 and parts[1] == "s" and is_session(parts[2]):
        return ""
    return "a base has no path but that of a session, /s/NAME"


def _name_elsewhere(scene: Scene, found: Found, host: str) -> str:
    if found.elsewhere:
        return f"{found.elsewhere[0].name} is in no network with it"
    if found.own:
        return "that is the container itself"
    if found.services:
        return f"that is {found.services[0].name}, which is not the front"
    if host in plane_names(scene.config):
        return "that is the control plane itself, past the front"
    return "that is not the front"


def _check_credentials(scene: Scene, client: Service) -> Iterator[Remark]:
    """What the client's calls will lack. One that has no credential at all may well make none of these calls."""
    wanted: dict[str, list[Route]] = {}
    for route in RouteTable(scene.config.routes).routes:
        for variable in route.settings.credentials:
            wanted.setdefault(variable, []).append(route)
    shows = any(client.value(variable) for variable in wanted)
    for variable, routes in wanted.items():
        if client.value(variable):
            continue
        place = client.place_of(variable)
        if source := scene.supplied.get(variable):
            yield remark(Level.RIGHT, About.CREDENTIAL, words.supplied(variable, source), client.name, place)
            continue
        named = any(isinstance(one.settings.required, tuple) and _requires(one, client.name) for one in routes)
        certain = shows or variable in client.environment or named
        if certain:
            scene.override.set(client.name, "environment", variable, value="dummy")
        text = words.missing_credential(variable, routes)
        yield remark(Level.FINDING if certain else Level.NOTE, About.CREDENTIAL, text, client.name, place)
