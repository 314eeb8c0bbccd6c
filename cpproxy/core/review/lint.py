"""What makes a valid cassette unfit or unsafe to replay, as far as the file and the routes can tell.

What is not valid never gets here: reading refuses it.
"""

import json
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import urlsplit

from msgspec import UNSET, UnsetType

from cpproxy.core import bodies
from cpproxy.core.cassette import Body, Cassette, Interaction
from cpproxy.core.matching import normalise
from cpproxy.core.redaction.exchanges import find_secrets
from cpproxy.core.redaction.finding import Finder
from cpproxy.core.redaction.names import names_secret
from cpproxy.core.replay.loading import as_request
from cpproxy.core.routes import RouteTable, is_write, repeats

_OLD = "holds the upstream's address, as no recording does any more: replay puts the front's in its place"


class Level(StrEnum):
    """How grave a remark is: the cassette cannot be read, is not to be trusted, or leaves something open."""

    ERROR = "error"
    FINDING = "finding"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Remark:
    """Where in the file (a JSON path), and what is to be known about it. It never holds a value from the file.

    `secret` says that it is about a secret in plain text.
    """

    path: str
    text: str
    level: Level = Level.WARNING
    secret: bool = False


def lint(cassette: Cassette, routes: RouteTable, finder: Finder) -> tuple[Remark, ...]:
    """All that is to be known about a cassette before it is trusted, in the order of its file.

    `finder` knows what is a secret.
    """
    address = _address(cassette.recorded.upstream)
    return (
        *_lint_head(cassette),
        *(
            replace(remark, path=f"$.interactions[{index}]{remark.path}")
            for index, interaction in enumerate(cassette.interactions)
            for remark in _lint_interaction(interaction, address, finder)
        ),
        *_lint_writes(cassette.interactions, routes),
    )


def find_repeated(text: str) -> Iterator[Remark]:
    """The members of a cassette's text that stand more than once, of which readers take the last; not those of bodies.

    The text must be that of a valid cassette.
    """
    pending: list[tuple[str, object]] = [("$", json.loads(text, object_pairs_hook=_Members, parse_int=str))]
    while pending:
        path, value = pending.pop()
        if isinstance(value, _Members):
            names = [name for name, _ in value.pairs]
            yield from (
                Remark(
                    f"{path}.{name}", "stands more than once; readers take the last: remove the others", Level.FINDING
                )
                for name in dict.fromkeys(names)
                if names.count(name) > 1
            )
            pending.extend((f"{path}.{name}", member) for name, member in reversed(value.pairs) if name != "json")
        elif isinstance(value, list):
            pending.extend((f"{path}[{index}]", element) for index, element in reversed([*enumerate(value)]))


@dataclass(frozen=True, slots=True)
class _Members:
    """A JSON object as it stands in the text."""

    pairs: list[tuple[str, object]]


def _lint_head(cassette: Cassette) -> Iterator[Remark]:
    if "@" in urlsplit(cassette.recorded.upstream).netloc:
        yield Remark("$.recorded.upstream", "holds a user name or password: remove it", Level.FINDING)
    if cassette.incomplete:
        yield Remark("$.incomplete", "the recording is not whole: record it again", Level.FINDING)
    if not cassette.interactions:
        yield Remark("$.interactions", "nothing was recorded", Level.FINDING)


def _lint_interaction(interaction: Interaction, address: str, finder: Finder) -> Iterator[Remark]:
    request, response = interaction.request, interaction.response
    for path, role in dict.fromkeys(find_secrets(interaction, finder)):
        text = f"holds what looks like a secret ({role}) in plain text: record it again, or see [redact] of the config"
        yield Remark(path, text, Level.FINDING, secret=True)
    if isinstance(request.body, Body) and request.body.omitted is not UNSET:
        known, unread = (
            "was over the cap: only the very same bytes match it",
            "was answered unread, or could not be kept for a secret in it: any body matches it",
        )
        yield Remark(".request.body", known if request.body.sha256 else unread)
    for index, (_, value) in enumerate(response.headers):
        if address in value:
            yield Remark(f".response.headers[{index}][1]", _OLD)
    if isinstance(response.body, Body) and response.body.omitted is not UNSET:
        text = f"this answer cannot be replayed, its body {bodies.why_omitted(response)}"
        yield Remark(".response.body", text, Level.FINDING)
    elif _holds(response.body, address):
        yield Remark(".response.body", _OLD)


def _lint_writes(interactions: tuple[Interaction, ...], routes: RouteTable) -> Iterator[Remark]:
    """Writes that replay cannot tell apart but by their order, where it was chance or another caller that made it."""
    alike: dict[Hashable, tuple[int, Interaction]] = {}
    for index, interaction in enumerate(interactions):
        request = as_request(interaction)
        route = routes.find(request.method, request.path, request)
        if not is_write(request.method, route) or repeats(route):
            continue
        first, other = alike.setdefault(normalise(request, route).key(), (index, interaction))
        if _differ(interaction, other) and (interaction.start < other.end or _secrets(interaction) != _secrets(other)):
            yield Remark(
                f"$.interactions[{index}]",
                f"was asked as $.interactions[{first}] was, at the same time or by another caller, but answered "
                "otherwise: replay gives the two answers in the order in which the calls arrive",
            )


def _differ(one: Interaction, other: Interaction) -> bool:
    return (one.response.status, one.response.body) != (other.response.status, other.response.body)


def _secrets(interaction: Interaction) -> tuple[str, ...]:
    return tuple(value for name, value in interaction.request.headers if names_secret(name))


def _holds(body: Body | UnsetType, address: str) -> bool:
    if body is UNSET:
        return False
    if body.json is not UNSET:
        return address.encode() in bytes(body.json).replace(b"\\/", b"/")
    return body.text is not UNSET and address in body.text


def _address(upstream: str) -> str:
    """Host and port after two slashes, as they would stand in a URL."""
    return f"//{urlsplit(upstream).netloc.rpartition('@')[2]}"
