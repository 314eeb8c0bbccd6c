"""The judge of a project's wiring: what each client finds where, before anything runs."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from cpproxy.core.config import Config
from cpproxy.core.steering import variables_of
from cpproxy.core.wiring import words
from cpproxy.core.wiring.clients import find_clients
from cpproxy.core.wiring.fronts import Front, find_fronts, is_nowhere
from cpproxy.core.wiring.order import check_health, check_order
from cpproxy.core.wiring.override import Override
from cpproxy.core.wiring.project import Project
from cpproxy.core.wiring.remarks import About, Diagnosis, Level, Remark, remark
from cpproxy.core.wiring.scene import Scene
from cpproxy.core.wiring.variables import check_variables
from cpproxy.core.wiring.ways import check_recorder, check_ways


def diagnose(
    project: Project,
    config: Config,
    *,
    files: Sequence[str],
    fronts: Sequence[str] = (),
    clients: Sequence[str] = (),
    supplied: Mapping[str, str],
    show: Callable[[str], str],
) -> Diagnosis:
    """All remarks on a project. `fronts` and `clients` name services where that cannot be told.

    `supplied` are variables that recorded answers hand out, each with the answer's name; `show` takes secrets out of a
    value that is to be printed. UsageError for a name that is no service's, and for a config that cannot be read.
    """
    found = find_fronts(project, config, fronts)
    callers = find_clients(project, config, found, clients)
    scene = Scene(project, config, found, show, supplied, Override())
    remarks = [*_judge_project(scene, callers)]
    for front in found:
        remarks += _judge_front(scene, front)
    for name in callers:
        client = project.services[name]
        remarks += [*check_variables(scene, client), *check_ways(scene, client), *check_order(scene, client)]
    lines = scene.override.render() if any(one.level is Level.FINDING for one in remarks) else ""
    return Diagnosis(tuple(files), tuple(one.service.name for one in found), callers, tuple(remarks), lines)


def _judge_project(scene: Scene, callers: Mapping[str, str]) -> Iterator[Remark]:
    fronts = {one.service.name for one in scene.fronts}
    rest = [name for name in scene.project.services if name not in callers and name not in fronts]
    if not scene.is_known:
        yield remark(Level.FINDING, About.FRONT, words.no_front(rest))
    elif not scene.fronts:
        yield remark(Level.NOTE, About.FRONT, words.foreign_front(scene.config.cp.front_url))
    elif is_nowhere(scene.project, scene.config):
        names = [one.service.name for one in scene.fronts if one.mode is None and not one.certain]
        yield remark(Level.NOTE, About.FRONT, words.absent_front(scene.config.cp.front_url, names, scene.url))
    elif scene.is_mistold:
        front = scene.fronts[0]
        text = words.mistold_front(scene.config.cp.front_url, front.service.name, front.port, scene.url)
        yield remark(Level.NOTE, About.FRONT, text, place=front.service.place)
    if not callers:
        yield remark(Level.FINDING, About.CLIENTS, words.no_clients(rest, variables_of(scene.config)))
    elif rest:
        yield remark(Level.NOTE, About.CLIENTS, words.unjudged(rest))
    if scene.project.inactive:
        yield remark(Level.NOTE, About.CLIENTS, words.inactive(tuple(scene.project.inactive)))


def _show_front(scene: Scene, front: Front) -> None:
    """The lines by which a front listens to others: the variable, or the flag that beats it."""
    service, address = front.service, f"0.0.0.0:{front.port}"
    own = list(service.command)
    at = next((index for index, word in enumerate(own) if word.partition("=")[0] == "--listen"), None)
    if service.value("CPPROXY_LISTEN") == front.listen:
        scene.override.set(service.name, "environment", "CPPROXY_LISTEN", value=address)
    elif at is not None:
        flag = [f"--listen={address}"]
        scene.override.set(service.name, "command", value=own[:at] + flag + own[at + (1 if "=" in own[at] else 2) :])


def _judge_front(scene: Scene, front: Front) -> Iterator[Remark]:
    if front.is_hidden:
        _show_front(scene, front)
        text = words.hidden_front(front.listen, front.port)
        yield remark(Level.FINDING, About.FRONT, text, front.service.name, front.service.place)
    yield from check_health(scene, front)
    yield from check_recorder(scene, front)
