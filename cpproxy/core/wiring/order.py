"""Whether clients start once the front is ready, and whether anything shows that it is."""

import re
from collections.abc import Iterator

from cpproxy.core.config import ADMIN_PREFIX
from cpproxy.core.wiring import words
from cpproxy.core.wiring.fronts import Front
from cpproxy.core.wiring.project import Dependency, Project, Service
from cpproxy.core.wiring.remarks import About, Level, Remark, remark
from cpproxy.core.wiring.resolving import networked
from cpproxy.core.wiring.scene import Scene

_HEALTHY = "service_healthy"
_READY = f"{ADMIN_PREFIX}/ready"
type _Way = tuple[tuple[str, ...], Dependency]
"""The services that are waited for, one by way of the other, and how the last of them is."""

_URL_PATH = re.compile(r"https?://[^/\s'\"]+(/[^\s'\"?)]*)?")
_BARE_PATH = re.compile(r"\b(?:curl|wget)\b.*?\s['\"]?[\w.-]+:\d+(/[^\s'\"?)]*)?")
"""What these programs take for a URL without its scheme."""


def check_health(scene: Scene, front: Front) -> Iterator[Remark]:
    """Whether the front's health check asks if it is ready."""
    name, health = front.service.name, front.service.health
    waited = any(
        (one := service.depends_on.get(name)) and one.condition == _HEALTHY
        for service in scene.project.services.values()
    )
    level = Level.FINDING if front.certain else Level.NOTE
    if health is None:  # its image may well have one
        yield remark(Level.NOTE, About.HEALTH, words.no_health(name), name, front.service.place)
    elif health.disabled:
        _add_health(scene, front)
        text = words.needs_health(name) if waited else words.no_health(name)
        yield remark(level if waited else Level.NOTE, About.HEALTH, text, name, health.place)
    else:
        test = " ".join(health.test)
        if _READY in test or re.search(r"\bcpproxy\b.*\bwait\b", test):
            yield remark(Level.RIGHT, About.HEALTH, words.right_health(), name, health.place)
        elif found := _URL_PATH.search(test) or _BARE_PATH.search(test):
            _add_health(scene, front)
            text = words.wrong_health(scene.show(found[1] or "/"))
            yield remark(level, About.HEALTH, text, name, health.place)
        elif test:
            yield remark(Level.NOTE, About.HEALTH, words.unread_health(), name, health.place)


def _add_health(scene: Scene, front: Front) -> None:
    if front.certain:
        test = ["CMD", "cpproxy", "wait", "--url", f"http://127.0.0.1:{front.port}", "--timeout", "2"]
        check: dict[str, object] = {"test": test, "interval": "2s", "timeout": "5s"}
        health = front.service.health
        if health and health.disabled and health.test[:1] != ("NONE",):  # a test takes the place of that by itself
            check["disable"] = False
        scene.override.set(front.service.name, "healthcheck", value=check)


def check_order(scene: Scene, client: Service) -> Iterator[Remark]:
    """Whether the client starts once the front is healthy."""
    if not scene.fronts:
        return
    ways = [way for front in scene.fronts if (way := _find_way(scene.project, client, front.service.name))]
    front = scene.fronts[0]
    level = Level.FINDING if front.certain else Level.NOTE
    if not ways:
        _add_order(scene, client, front)
        text = words.no_order(front.service.name, front.port)
        yield remark(level, About.ORDER, text, client.name, client.place)
        return
    path, last = min(ways, key=_rank)
    by, reached = (path[-2] if len(path) > 1 else ""), path[-1]
    if last.condition == _HEALTHY:
        yield remark(Level.RIGHT, About.ORDER, words.right_order(reached, by), client.name, last.place)
    else:
        _add_order(scene, client, next(one for one in scene.fronts if one.service.name == reached))
        text = words.weak_order(by, reached, last.condition)
        yield remark(level, About.ORDER, text, client.name, last.place)


def _add_order(scene: Scene, client: Service, front: Front) -> None:
    if front.certain and networked(scene.project, client) == client:
        scene.override.set(client.name, "depends_on", front.service.name, "condition", value=_HEALTHY)
        if front.service.health is None:
            _add_health(scene, front)


def _find_way(project: Project, service: Service, wanted: str) -> _Way | None:
    """The way by which a service waits for another, and its last step; one that waits for health if there is."""
    found: list[_Way] = []
    reached = {service.name}
    waiting: list[tuple[Service, tuple[str, ...]]] = [(service, ())]
    while waiting:
        one, path = waiting.pop(0)
        for name, dependency in one.depends_on.items():
            if name == wanted:
                found.append(((*path, name), dependency))
            elif name not in reached and name in project.services:
                reached.add(name)
                waiting.append((project.services[name], (*path, name)))
    return min(found, key=_rank, default=None)


def _rank(way: _Way) -> tuple[bool, int]:
    """What waits for health comes first, then what is short."""
    path, last = way
    return last.condition != _HEALTHY, len(path)
