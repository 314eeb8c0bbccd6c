"""The cassettes of the checkout, as far as the verdict asks for them."""

from collections.abc import Iterable
from pathlib import Path

from cpproxy.core.judge import Planned
from cpproxy.core.replay.loading import Tape
from cpproxy.core.routes import RouteTable, is_write
from cpproxy.files import cassettes


def read_digests(folder: Path) -> dict[str, str] | None:
    """The SHA-256 of each cassette in the folder by name; None where there is no such folder."""
    if not folder.is_dir():
        return None
    return {name: cassettes.file_digest(folder, name) for name in cassettes.names(folder)}


def make_plan(sources: Iterable[Tape], routes: RouteTable) -> dict[str, list[Planned]]:
    """The interactions of cassettes, as the verdict asks after them, by the cassette's name."""
    plan: dict[str, list[Planned]] = {}
    for source in sources:
        planned = plan[source.name] = []
        for _, one in source.interactions():
            request = one.request
            route = routes.find(request.method, request.target.partition("?")[0])
            planned.append(Planned(one.id, request.method, request.target, write=is_write(request.method, route)))
    return plan
