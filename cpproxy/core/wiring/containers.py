"""Whose an address is by the name that a network of containers has for it."""

import re
from collections.abc import Iterable

from cpproxy.core.hosts import parse_address

_NUMBERED = re.compile(r"(?P<service>.+)[_-]\d+")


def is_container_address(address: str) -> bool:
    """Whether an address may be that of a container: a private one that is not this machine's own."""
    parsed = parse_address(address)
    if parsed is None:
        return False
    return parsed.is_private and not (parsed.is_loopback or parsed.is_link_local or parsed.is_unspecified)


def find_service_name(reverse: str, services: Iterable[str] = ()) -> str:
    """The service of a container by the name that belongs to its address; empty where it is no container's.

    Compose says `PROJECT_SERVICE_1.PROJECT_NETWORK`, with hyphens since version 2, or the container's own name before
    the dot. A known service's name is preferred, since a project's name may hold either sign.
    """
    container, dot, network = reverse.rstrip(".").partition(".")
    if not dot or not container or "." in network or "_" not in network:
        return ""
    known = [one for one in services if re.search(rf"(^|[_-]){re.escape(one)}([_-]\d+)?$", container)]
    if known:
        return max(known, key=len)
    parts = network.split("_")
    for length in range(len(parts) - 1, 0, -1):  # of all that could be the project's name, the longest
        project = "_".join(parts[:length])
        if container.startswith((f"{project}_", f"{project}-")):
            rest = container[len(project) + 1 :]
            if numbered := _NUMBERED.fullmatch(rest):
                return numbered["service"]
    return container
