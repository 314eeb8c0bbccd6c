"""Which services call the control plane, as far as the config and their variables tell."""

from collections.abc import Sequence

from cpproxy.core.config import Config
from cpproxy.core.steering import variables_of
from cpproxy.core.wiring.fronts import Front, check_names
from cpproxy.core.wiring.project import Project, Service


def find_clients(project: Project, config: Config, fronts: Sequence[Front], named: Sequence[str]) -> dict[str, str]:
    """The services that call the control plane, each with what shows it.

    Those that were named, else those that a route requires, that name a variable of a route, or that are made of the
    same image as one of these. UsageError for a name that is no service's.
    """
    check_names(project, named, "--client")
    if named:
        return dict.fromkeys(named, "named")
    others = [one for one in project.services.values() if all(one.name != front.service.name for front in fronts)]
    found: dict[str, str] = {}
    for service in others:
        if why := _why(service, config):
            found[service.name] = why
    images = {image: name for name in found if (image := _image(project.services[name]))}
    for service in others:
        if service.name not in found and (like := images.get(_image(service))):
            found[service.name] = f"made of the same image as {like}"
    return {name: found[name] for name in project.services if name in found}


def _why(service: Service, config: Config) -> str:
    for route in config.routes:
        if isinstance(route.required, tuple) and service.name in route.required:
            return f"required to call {route.name or route.match}"
    variable = next((name for name in variables_of(config) if name in service.environment), "")
    return f"it names {variable}" if variable else ""


def _image(service: Service) -> str:
    return service.build or service.image
