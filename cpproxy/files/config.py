"""The config on disk: finds the file, reads it, and says in one line which of its keys is wrong and why."""

import difflib
import re
import tomllib
import typing
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from cpproxy.core import jsonpath
from cpproxy.core.config import ADMIN_PREFIX, CANARY, DEFAULT, NO_CALL, Config, ReplaySettings, RouteSettings
from cpproxy.core.hosts import is_among, parse_base
from cpproxy.core.repeating import repeat, texts
from cpproxy.core.routes import Place, Template, When
from cpproxy.errors import UsageError

FILE = "cpproxy.toml"
PROJECT = "pyproject.toml"

_HOST = re.compile(r"([A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WHERE = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<key>[^`]*)`)?", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<key>.*)`")
_MISSING = re.compile(r"Object missing required field `(?P<key>.*)`")
_WORDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "date": "a date as in 2026-12-31",
    "datetime": "a date with a time",
}


def read(path: Path | None) -> tuple[Config, Path | None]:
    """The config and the file it came from.

    Without a path: `cpproxy.toml` of the working directory, else `[tool.cpproxy]` of its `pyproject.toml`, else the
    default and None. Raises UsageError when a file that was named is missing, or when one is wrong.
    """
    if path is not None:
        table = _load(path)
        if path.name == PROJECT:
            table = _find_table(table)
            if table is None:
                raise UsageError(f"{path}: tool.cpproxy: expected a table of that name")
        return _convert(table, path), path
    if Path(FILE).exists():
        return _convert(_load(Path(FILE)), Path(FILE)), Path(FILE)
    if Path(PROJECT).exists() and (table := _find_table(_load(Path(PROJECT)))) is not None:
        return _convert(table, Path(PROJECT)), Path(PROJECT)
    return DEFAULT, None


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot read the config: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: expected UTF-8, but byte {error.start} is not") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: expected TOML: {error}") from error
    except RecursionError as error:
        raise UsageError(f"{path}: nested too deep") from error


def _find_table(project: dict[str, Any]) -> Any:  # noqa: ANN401 - whatever stands there; the conversion judges it
    tool = project.get("tool")
    return tool.get("cpproxy") if isinstance(tool, dict) else None


def _convert(table: Any, path: Path) -> Config:  # noqa: ANN401 - TOML
    prefix = "tool.cpproxy." if path.name == PROJECT else ""
    try:
        config = msgspec.convert(table, Config)
        problems = iter(_find_problems(config))
    except msgspec.ValidationError as error:
        problems = iter([_explain(str(error))])
    for key, problem in problems:
        told = f"{path}: {prefix}{key}: {problem}".replace(".:", ":").replace(": :", ":")
        raise UsageError(repeat(told, texts(table)))
    return config


def _explain(message: str) -> tuple[str, str]:
    """The key that a conversion failed at, and what was expected there, from msgspec's message."""
    found = _WHERE.fullmatch(message)
    what, parent = (found["what"], found["key"] or "") if found else (message, "")
    dot = "." if parent else ""
    if unknown := _UNKNOWN.fullmatch(what):
        known = _known_keys(parent)
        near = difflib.get_close_matches(unknown["key"], known, 1)
        hint = f"did you mean `{near[0]}`?" if near else f"expected one of {', '.join(known)}"
        return f"{parent}{dot}{unknown['key']}", f"no such key: {hint}"
    if missing := _MISSING.fullmatch(what):
        return f"{parent}{dot}{missing['key']}", "missing"
    if what.startswith("Invalid enum value"):
        kind = _find_type(parent)
        parts = (kind, *typing.get_args(kind))
        choices = next(part for part in parts if isinstance(part, type) and issubclass(part, StrEnum))
        return parent, f"expected {' or '.join(str(choice) for choice in choices)}, not {what.split()[-1]}"
    if what.startswith("Invalid RFC3339"):
        return parent, f"expected {_WORDS['date']}"
    words = re.sub(r"`([^`]*)`", lambda quoted: " or ".join(_WORDS.get(t, t) for t in quoted[1].split(" | ")), what)
    return parent, words[:1].lower() + words[1:]


def _find_type(path: str) -> Any:  # noqa: ANN401 - a type or an alias of one
    """The type of what stands at a path such as `routes[0].kind`."""
    kind: Any = Config
    for name in re.findall(r"[A-Za-z_]+", path):
        kind = next(field.type for field in msgspec.structs.fields(kind) if field.name == name)
        if typing.get_origin(kind) is tuple:
            kind = typing.get_args(kind)[0]
    return kind


def _known_keys(path: str) -> list[str]:
    return [field.encode_name for field in msgspec.structs.fields(_find_type(path))]


type Problems = Iterator[tuple[str, str]]


def _find_problems(config: Config) -> Problems:
    """What the types cannot say: each key that is wrong, with what was expected."""
    for key, url in (("cp.upstream", config.cp.upstream), ("cp.front_url", config.cp.front_url)):
        if url and not _is_base_url(url):
            yield (
                key,
                f"expected http:// or https:// and a host, as in http://cp:9090, and no user or password, not {url!r}",
            )
    yield from _find_host_problems(config)
    for index, route in enumerate(config.routes):
        yield from ((f"routes[{index}].{key}", problem) for key, problem in _find_route_problems(route))
    yield from _find_repetitions(config.routes)
    yield from _find_replay_problems(config.replay)
    if config.state.path and not config.state.path.startswith("/"):
        yield "state.path", f"expected a path that begins with /, not {config.state.path!r}"
    elif (config.state.path + "/").startswith(f"{ADMIN_PREFIX}/"):
        yield "state.path", f"expected a path of its own: the proxy answers all below {ADMIN_PREFIX}/ itself"
    if config.record.body_limit < 0:
        yield "record.body_limit", f"expected a size in bytes, 0 or more, not {config.record.body_limit}"


def _find_host_problems(config: Config) -> Problems:
    for section, hosts in (("cp.hosts", config.cp.hosts), ("trap.expected_hosts", config.trap.expected_hosts)):
        for index, host in enumerate(hosts):
            if not _HOST.fullmatch(host):
                yield f"{section}[{index}]", f"expected a host name without scheme and path, not {host!r}"
    if not _HOST.fullmatch(config.trap.canary) or ":" in config.trap.canary:
        yield "trap.canary", f"expected a host name without port, not {config.trap.canary!r}"
    taken = [(f"cp.hosts[{index}]", host) for index, host in enumerate(config.cp.hosts)]
    urls = [("cp.front_url", config.cp.front_url), ("cp.upstream", config.cp.upstream)]
    urls += [(f"routes[{index}].default", route.default) for index, route in enumerate(config.routes)]
    taken += [(key, url.hostname or "") for key, text in urls if (url := parse_base(text))]
    for key, host in taken:  # a call to it that went astray would pass for a canary
        if is_among(config.trap.canary, 0, (host,)):
            yield (
                "trap.canary",
                f"expected a name that nothing else has, as {CANARY}, not {config.trap.canary!r}: {key} has it",
            )


def _find_replay_problems(replay: ReplaySettings) -> Problems:
    for key in ("volatile", "identities", "not_identities"):
        for index, text in enumerate(getattr(replay, key)):
            yield from _try(f"replay.{key}[{index}]", jsonpath.parse, text)


def _find_route_problems(route: RouteSettings) -> Problems:
    yield from _try("match", Template.parse, route.match)
    if route.required == ():
        yield "required", "expected true, false or the names of clients, not an empty list, which requires nothing"
    for index, text in enumerate(route.ignore):
        yield from _try(f"ignore[{index}]", Place.parse, text)
    for index, name in enumerate(route.compare):
        if not _HEADER.fullmatch(name):
            yield f"compare[{index}]", f"expected the name of a header, not {name!r}"
    for key, names in (("env", route.env), ("credentials", route.credentials)):
        for index, name in enumerate(names):
            if not _VARIABLE.fullmatch(name):
                yield f"{key}[{index}]", f"expected the name of an environment variable, not {name!r}"
    if route.default not in {"", NO_CALL} and not _is_base_url(route.default):
        yield "default", f"expected where the call goes without a variable, as in https://cp.example, or {NO_CALL!r}"
    if route.when:
        yield from _try("when", When.parse, route.when)


def _try(key: str, parse: Callable[[str], object], text: str) -> Problems:
    try:
        parse(text)
    except ValueError as error:
        yield key, str(error)


def _find_repetitions(routes: tuple[RouteSettings, ...]) -> Problems:
    names: dict[str, int] = {}
    matches: dict[tuple[str, str], int] = {}
    for index, route in enumerate(routes):
        if route.name and (first := names.setdefault(route.name, index)) != index:
            yield f"routes[{index}].name", f"expected a name of its own: routes[{first}] is {route.name!r} too"
        match = str(Template.parse(route.match)), route.when
        if (first := matches.setdefault(match, index)) != index:
            yield f"routes[{index}].match", f"routes[{first}] matches the same: this section would never apply"


def _is_base_url(url: str) -> bool:
    base = parse_base(url)
    return base is not None and "@" not in base.netloc
