"""What all checks of a project's wiring look at, and where they put the lines to add."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cpproxy.core.config import Config
from cpproxy.core.wiring.fronts import Front, front_address, is_named, is_nowhere
from cpproxy.core.wiring.override import Override
from cpproxy.core.wiring.project import Project, Service


@dataclass(frozen=True, slots=True)
class Scene:
    """What all checks look at. `show` takes secrets out of a value; `supplied` are variables that answers hand out."""

    project: Project
    config: Config
    fronts: tuple[Front, ...]
    show: Callable[[str], str]
    supplied: Mapping[str, str]
    override: Override

    @property
    def url(self) -> str:
        """Where clients should find the front; a shape of it where that is not known."""
        if self.fronts and not is_named(self.fronts[0].service, self.config):
            return f"http://{self.fronts[0].service.name}:{self.fronts[0].port}"
        if self.is_mistold:
            return f"http://{front_address(self.config)[0]}:{self.fronts[0].port}"
        return self.config.cp.front_url if self.is_known else "the front's URL"

    @property
    def is_mistold(self) -> bool:
        """Whether the config names the front, and a port at which it does not listen."""
        front = next(iter(self.fronts), None)
        port = front_address(self.config)[1]
        return front is not None and is_named(front.service, self.config) and port not in front.ports

    @property
    def is_known(self) -> bool:
        """Whether there is a front that variables can be compared with."""
        return bool(self.fronts) or bool(self.config.cp.front_url and not is_nowhere(self.project, self.config))

    def lead(self, client: Service, variable: str) -> None:
        """The line that leads a client's variable to the front, where that is known."""
        if self.is_known:
            self.override.set(client.name, "environment", variable, value=self.url)
