"""A compose project read from its files, or from what `docker compose config` printed."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cpproxy.core.wiring.project import STDIN, Place, Project, Setting
from cpproxy.errors import UsageError
from cpproxy.files.compose import documents
from cpproxy.files.compose.documents import Branch, Leaf, Node, Table, as_table, is_true, text, texts
from cpproxy.files.compose.merging import merge, merge_service, normalise
from cpproxy.files.compose.services import make_project
from cpproxy.files.compose.variables import Lookup, chain, read_env_file, substitute

NAMES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
"""The files that compose looks for, in this order."""

_OVERRIDES = ("override.yaml", "override.yml")
_MOST_FILES = 100


def find_files(folder: Path, environment: Mapping[str, str]) -> tuple[str, ...]:
    """The files that compose would read where none is named. UsageError where there are none."""
    if listed := environment.get("COMPOSE_FILE"):
        return tuple(listed.split(environment.get("COMPOSE_PATH_SEPARATOR") or os.pathsep))
    for name in NAMES:
        if (folder / name).is_file():
            stem = name.rpartition(".")[0]
            more = (f"{stem}.{ending}" for ending in _OVERRIDES)
            return (name, *(one for one in more if (folder / one).is_file()))
    raise UsageError(f"no compose file in {folder.resolve()}: name one, or - for what `docker compose config` prints")


@dataclass(frozen=True, slots=True)
class Request:
    """What to read: `files` as compose would lay them over one another, `-` among them for `stdin`.

    `environment` is that of whoever runs compose; `env_files` stand in for `.env`. Without `profiles`,
    `COMPOSE_PROFILES` names them; `*` are all.
    """

    files: tuple[str, ...]
    environment: Mapping[str, str]
    stdin: bytes = b""
    env_files: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()


def read_project(request: Request) -> Project:
    """The project. UsageError, in one line, for what compose would not run either."""
    reader = _Reader(request)
    model = reader.read(request.files, reader.folder_of(request.files), request.env_files)
    return make_project(model.tree, model.lookup, _profiles(request, model.lookup), reader.settings)


def _profiles(request: Request, lookup: Lookup) -> frozenset[str]:
    listed = request.profiles or (lookup("COMPOSE_PROFILES") or "").split(",")
    return frozenset(name.strip() for name in listed if name.strip())


@dataclass(frozen=True, slots=True)
class _Model:
    """Files laid over one another, and what their variables were looked up in."""

    tree: Table
    lookup: Lookup


@dataclass(frozen=True, slots=True)
class _Within:
    """The services among which a service is extended; `seen` are those that led here, each with its file."""

    services: Table
    file: str
    folder: Path
    lookup: Lookup
    seen: tuple[tuple[str, str], ...] = ()


class _Reader:
    """Reads the files of one project, and those that they name."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._texts: dict[str, bytes] = {}

    def folder_of(self, files: Sequence[str]) -> Path:
        """The project's folder, which paths are relative to."""
        return Path() if files[0] == STDIN else Path(files[0]).parent

    def load(self, file: str, *, needed: str = "") -> bytes:
        """A file's bytes; `needed` is where it is named. UsageError where it cannot be read."""
        where = f"{needed}: " if needed else ""
        if file == STDIN:
            return self._request.stdin
        if file not in self._texts:
            if len(self._texts) >= _MOST_FILES:
                raise UsageError(f"{where}{file}: more than {_MOST_FILES} files belong to this project: is that right?")
            try:
                with Path(file).open("rb") as opened:
                    self._texts[file] = opened.read(documents.LARGEST + 1)
            except OSError as error:
                raise UsageError(f"{where}{file}: cannot be read: {error.strerror}") from error
            except ValueError as error:  # a NUL in the name
                raise UsageError(f"{where}{file!a}: is no name of a file") from error
        return self._texts[file]

    def read(self, files: Iterable[str], folder: Path, env_files: Sequence[str], depth: int = 0) -> _Model:
        """Several files laid over one another, with what they include."""
        lookup = self._lookup(folder, env_files)
        tree: Node = Table({}, Place(next(iter(files)), 1))
        for file in files:
            for document in documents.parse(self.load(file), file):
                if isinstance(document, Leaf) and document.text is None:
                    continue
                table = _put_in(as_table(document, "a compose file: a mapping with `services`"), lookup)
                for included in self._include(table, folder, depth):
                    tree = merge(tree, included)
                tree = merge(tree, self._prepare(table, file, folder, lookup))
        return _Model(as_table(tree, "a mapping"), lookup)

    def _lookup(self, folder: Path, env_files: Sequence[str]) -> Lookup:
        outside = self._request.environment
        named = list(env_files)
        if not named and (folder / ".env").is_file():
            named = [str(folder / ".env")]
        found: dict[str, str] = {}
        for file in named:
            settings = read_env_file(self.load(file), file, chain(outside.get, found.get))
            found |= {name: one.value for name, one in settings.items() if one.value is not None}
        return chain(outside.get, found.get)

    def _include(self, table: Table, folder: Path, depth: int) -> Iterator[Node]:
        """The models that a file includes, each read as a project of its own."""
        node = table.members.pop("include", None)
        for one in node.elements if isinstance(node, Branch) else ():
            if depth > 8:
                raise UsageError(f"{one.place}: files include one another without end")
            members = one.members if isinstance(one, Table) else {"path": one}
            files = [str(folder / name) for name in texts(members.get("path"))]
            if not files:
                raise UsageError(f"{one.place}: expected the path of a file to include")
            own = text(members.get("project_directory"))
            env_files = [str(folder / name) for name in texts(members.get("env_file"))]
            for file in files:
                self.load(file, needed=str(one.place))
            home = folder / own if own else Path(files[0]).parent
            yield self.read(files, home, env_files, depth + 1).tree

    def _prepare(self, table: Table, file: str, folder: Path, lookup: Lookup) -> Table:
        """A file's tree, its services normalised and extended."""
        services = table.members.get("services")
        if services is None or (isinstance(services, Leaf) and services.text is None):
            return table
        wanted = as_table(services, "the services, each under its name")
        within = _Within(wanted, file, folder, lookup)
        made: dict[str, Node] = {name: self._extend(name, within) for name in wanted.members}
        return replace(table, members=table.members | {"services": replace(wanted, members=made)})

    def _extend(self, name: str, within: _Within) -> Node:
        """A service with what it extends below it."""
        services, file, folder = within.services, within.file, within.folder
        node = services.members[name]
        if node.tag or (isinstance(node, Leaf) and node.text is None):
            return node
        if (file, name) in within.seen:
            way = " and ".join(one for _, one in within.seen)
            raise UsageError(f"{services.line(name)}: {name} extends itself, by way of {way}")
        service = _at_home(normalise(as_table(node, f"what the service {name} is")), folder)
        extends = service.members.pop("extends", None)
        if extends is None:
            return service
        members = extends.members if isinstance(extends, Table) else {"service": extends}
        base, other = text(members.get("service")), text(members.get("file"))
        there: Node | None = services
        if other:
            other = str(folder / other)
            found = next(iter(documents.parse(self.load(other, needed=str(extends.place)), other)), None)
            there = _put_in(as_table(found, "a compose file"), within.lookup).get("services") if found else None
            file, folder = other, Path(other).parent
        if not isinstance(there, Table) or base not in there.members:
            raise UsageError(f"{extends.place}: {name} extends {base or 'nothing'}, and {file} has no such service")
        seen = (*within.seen, (within.file, name))
        below = self._extend(base, _Within(there, file, folder, within.lookup, seen))
        return merge_service(below, service) if isinstance(below, Table) else service

    def settings(self, entry: Node, lookup: Lookup) -> dict[str, Setting]:
        """What one entry of `env_file` sets. UsageError where the file is needed and not there."""
        members = entry.members if isinstance(entry, Table) else {"path": entry}
        path = text(members.get("path"))
        if not path:
            raise UsageError(f"{entry.place}: expected the path of an env file")
        required = members.get("required")
        if required is not None and not is_true(required) and not Path(path).exists():
            return {}
        raw = text(members.get("format")) == "raw"
        return read_env_file(self.load(path, needed=str(entry.place)), path, lookup, raw=raw)


def _put_in(node: Table, lookup: Lookup) -> Table:
    """A file's tree with its variables put in."""
    return as_table(_interpolate(node, lookup), "a mapping")


def _interpolate(node: Node, lookup: Lookup) -> Node:
    match node:
        case Leaf(text=str(written)) if "$" in written:
            try:
                put, unset = substitute(written, lookup)
            except ValueError as error:
                raise UsageError(f"{node.place}: {error}") from error
            return replace(node, text=put, unset=unset)
        case Leaf():
            return node
        case Branch():
            return replace(node, elements=tuple(_interpolate(one, lookup) for one in node.elements))
        case Table():
            members = {
                name: one if name.startswith("x-") else _interpolate(one, lookup) for name, one in node.members.items()
            }
            return replace(node, members=members)


def _at_home(service: Table, folder: Path) -> Table:
    """A service whose paths are relative to where this program runs, not to its own file."""
    members = dict(service.members)
    if isinstance(entries := members.get("env_file"), Branch):
        members["env_file"] = replace(entries, elements=tuple(_moved(one, folder) for one in entries.elements))
    build = members.get("build")
    if isinstance(build, Leaf) and build.text is not None:
        build = Table({"context": build}, build.place)
    if isinstance(build, Table) and isinstance(context := build.get("context"), Leaf) and context.text is not None:
        remote = "://" in context.text
        own = context if remote else replace(context, text=os.path.normpath(folder / context.text))
        members["build"] = replace(build, members=build.members | {"context": own})
    return replace(service, members=members)


def _moved(entry: Node, folder: Path) -> Node:
    if isinstance(entry, Leaf) and entry.text is not None:
        return replace(entry, text=str(folder / entry.text))
    if isinstance(entry, Table) and (path := entry.get("path")) is not None:
        return replace(entry, members=entry.members | {"path": _moved(path, folder)})
    return entry
