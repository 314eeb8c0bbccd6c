"""From cassettes to what replay looks calls up in: identities inferred, requests made templates, worlds learnt.

Rules 1 to 4 and 10 of replay, all of them before the first call.
"""

import datetime
import itertools
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from cpproxy.core import bodies, jsonpath
from cpproxy.core.addresses import TOKEN, addresses, unify
from cpproxy.core.cassette import Body, CassetteOf, Credential, Interaction, Recorded
from cpproxy.core.config import ReplaySettings
from cpproxy.core.matching import Form, normalise
from cpproxy.core.messages import Omitted, Request, as_wire
from cpproxy.core.redaction.credentials import split_secrets
from cpproxy.core.redaction.markers import MARKER, PLACEHOLDER
from cpproxy.core.redaction.names import names_secret
from cpproxy.core.replay import tokens
from cpproxy.core.replay.echoes import find_echoes, name_echoes
from cpproxy.core.replay.handed import HandedOut, find_handed_out, name_drawn, put_out
from cpproxy.core.replay.identities import Catalogue, Tokens, collect, infer, read_tokens
from cpproxy.core.replay.index import Bucket, Index, Line, Outline, outline
from cpproxy.core.replay.templates import FIXED, Leaf, Place, Template, leaves, make_template
from cpproxy.core.replay.worlds import Entry, Once, World
from cpproxy.core.routes import Route, RouteTable, is_write, repeats

_MARKER = MARKER.encode()
_SIGNING = ("aws4-hmac-sha256 ", "aws ", "digest ", "signature ", "hawk ", "mac ", "oauth ", "sharedkey ")
"""Schemes of `Authorization` whose value is made anew for each call."""
_BY_HAND = "named by hand"
_SLACK = 3600.0  # seconds by which the clocks of a recorder and an upstream may differ


class Tape(Protocol):
    """What was recorded under a name: `interactions` yields each as it stands in the file, and decoded."""

    @property
    def name(self) -> str:
        """The cassette's name."""

    def interactions(self) -> Iterable[tuple[msgspec.Raw, Interaction]]:
        """The interactions in recorded order; raises CassetteError at the first that is not valid."""


class Source(Tape, Protocol):
    """A cassette as it was read."""

    @property
    def head(self) -> CassetteOf[msgspec.Raw]:
        """What it says of itself."""


@dataclass(slots=True)
class Library:
    """All that was recorded, ready to be asked."""

    routes: RouteTable
    settings: ReplaySettings
    catalogue: Catalogue
    index: Index
    worlds: dict[str, World] = field(default_factory=dict)
    volatile: tuple[jsonpath.JsonPath, ...] = ()
    left_out: dict[str, str] = field(default_factory=dict)
    """What is left out of the match, by place, each with the reason."""
    heads: dict[str, CassetteOf[msgspec.Raw]] = field(default_factory=dict)
    """What each cassette says of itself, without its interactions."""


@dataclass(slots=True)
class _Read:
    """What is kept of one interaction until all are read.

    `form` is its request where that has no body; to hold the others would take more memory than all the rest. `fixed`
    is outline and key of a request that cannot have a slot. `marked` says that it may hold a placeholder, `new` that
    it may hold what is new each time and names nothing.
    """

    entry: Entry
    tokens: Tokens
    compared: tuple[str, ...]
    kind: tuple[str | None, str]
    marked: bool
    new: bool
    form: Form | None = None
    fixed: tuple[Outline, object] | None = None


_NO_TOKENS = Tokens(frozenset(), frozenset())


def load(sources: Iterable[Source], routes: RouteTable, settings: ReplaySettings) -> Library:
    """Reads every interaction once, and keeps nothing of the sources; raises what they raise."""
    reader = _Reader(
        routes, tuple(map(jsonpath.parse, settings.identities)), tuple(map(jsonpath.parse, settings.not_identities))
    )
    # A source is let go as soon as it is read: its file is as large as all that is kept of it.
    worlds = {world.name: world for world in (reader.read(source) for source in sources)}
    found = reader.found
    values = tuple(reader.named)
    if values:
        for one in found:
            one.tokens = read_tokens(one.entry.interaction(), one.compared, values)
            one.fixed = None
    catalogue = infer([one.tokens for one in found], reader.named, frozenset(reader.excluded))
    library = Library(routes, settings, catalogue, Index(), worlds, tuple(map(jsonpath.parse, settings.volatile)))
    library.heads = reader.heads
    _fill(library, found, reader.named.keys())
    tokens.forget()
    return library


@dataclass(slots=True)
class _Reader:
    """Reads cassettes one after another, and keeps what inference needs of all of them."""

    routes: RouteTable
    paths: tuple[jsonpath.JsonPath, ...]
    excluded_paths: tuple[jsonpath.JsonPath, ...]
    found: list[_Read] = field(default_factory=list)
    named: dict[str, str] = field(default_factory=dict)
    """Identities that need not look like some, each with the reason."""
    excluded: set[str] = field(default_factory=set)
    heads: dict[str, CassetteOf[msgspec.Raw]] = field(default_factory=dict)

    def read(self, source: Source) -> World:
        """What is kept of a cassette."""
        head = source.head
        secrets, drawn = find_handed_out(head.interactions) if head.placeholders else HandedOut()
        named = name_drawn(drawn)
        self._name(head.identities, _BY_HAND)
        self._name(named, "handed out, and brought back")
        self.heads[source.name] = msgspec.structs.replace(head, interactions=(), identities=(*head.identities, *named))
        self.excluded.update(head.not_identities)
        world = World(source.name, head.recorded.upstream, secrets_handed_out=secrets)
        for stored, decoded in source.interactions():
            raw, interaction = put_out(stored, decoded, drawn) if drawn else (stored, decoded)
            one = _read(len(self.found), source.name, raw, interaction, self.routes, world.upstream)
            self.found.append(one)
            world.entries.append(one.entry)
            self._name(collect(interaction, self.paths), _BY_HAND)
            self.excluded.update(collect(interaction, self.excluded_paths))
        world.window = _window(head.recorded, max((entry.end for entry in world.entries), default=0.0))
        return world

    def _name(self, values: Iterable[str], why: str) -> None:
        for value in values:
            self.named.setdefault(value, why)


def _read(  # noqa: PLR0917 (all of it is at hand in one place)
    number: int, cassette: str, raw: msgspec.Raw, interaction: Interaction, routes: RouteTable, upstream: str
) -> _Read:
    request = as_request(interaction, upstream)
    route = routes.find(request.method, request.path, request)
    compared = () if route is None else tuple(name.decode("latin-1") for name in route.compare)
    write = is_write(request.method, route)
    form = normalise(request, route)
    headers = interaction.request.headers
    entry = Entry(
        number=number,
        cassette=cassette,
        id=interaction.id,
        # Without the file's white space, and without the file: half of its size.
        json=msgspec.json.format(raw, indent=-1),
        start=interaction.start,
        end=interaction.end,
        status=interaction.response.status,
        method=request.method,
        path=form.path,
        write=write,
        once=Once.USED_UP if write and not repeats(route) else Once.STAYS,
        route=name_of(route),
        credentials=shared(_credentials(interaction)),
        secrets=_secrets(headers),
        omitted=_omitted(interaction),
    )
    media = next((value for name, value in interaction.response.headers if name.lower() == "content-type"), "")
    accept = next((value for name, value in headers if name.lower() == "accept"), None)
    counted = (request.target.encode("latin-1", "replace"), request.body, *itertools.chain.from_iterable(form.headers))
    found = read_tokens(interaction, compared, ())
    marked = any(_MARKER in one for one in counted)
    new = found.new or any(map(tokens.names_new, compared))
    read = _Read(entry, found, compared, (accept, media), marked, new)
    if not (found.request or marked or new):
        read.fixed = (outline(form), form.key())
    elif form.body.kind == "none":
        read.form = form
    return read


def _credentials(interaction: Interaction) -> frozenset[Credential]:
    """Those that were recorded, but for headers that stand there without a value."""
    credentials = frozenset(interaction.credentials)
    empty = {name.lower() for name, value in interaction.request.headers if not value.strip()} if credentials else ()
    return frozenset(one for one in credentials if one.header not in empty) if empty else credentials


def _secrets(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """The placeholders that say who asked: a signature is another in each call, and says nothing of that."""
    return tuple(
        (part, secret)
        for name, value in headers
        if "{{" in value and names_secret(name) and not value.lower().startswith(_SIGNING)
        for part, secret in split_secrets(name.lower(), value)
        if PLACEHOLDER.fullmatch(secret)
    )


def _omitted(interaction: Interaction) -> int:
    body = interaction.response.body
    return body.omitted if isinstance(body, Body) and isinstance(body.omitted, int) else 0


def _window(recorded: Recorded, seconds: float) -> tuple[float, float]:
    try:
        began = datetime.datetime.fromisoformat(recorded.at).timestamp()
    except ValueError:
        return (0.0, 0.0)
    return (began - _SLACK, began + seconds + _SLACK)


def _fill(library: Library, found: list[_Read], named: AbstractSet[str]) -> None:
    """Makes templates and lines of what was read, then learns what concerns what; what is `named` is no nonce."""
    catalogue = library.catalogue
    counts: dict[str, int] = {}
    sets: dict[frozenset[str], frozenset[str]] = {}
    for one in found:
        asked, told = catalogue.resolve(one.tokens.request), catalogue.resolve(one.tokens.response)
        one.entry.asked, one.entry.told = sets.setdefault(asked, asked), sets.setdefault(told, told)
        one.tokens = _NO_TOKENS
        for identity in one.entry.asked | one.entry.told:
            counts[identity] = counts.get(identity, 0) + 1
    lone = frozenset(identity for identity, count in counts.items() if count == 1 and identity not in named)
    for one in found:
        line = _place(library, one, lone)
        one.form = one.fixed = None
        if line.bucket.shape.gaps:
            named = frozenset(slot.identity for slot in line.slots if not slot.secret)
            one.entry.asked = sets.setdefault(named, named)
    _merge_once_only(library, found, lone)
    _split_by_accept(found)
    for world in library.worlds.values():
        world.learn()


def _place(library: Library, one: _Read, lone: frozenset[str]) -> Line:
    """Puts an interaction in its line."""
    entry = one.entry
    world = library.worlds[entry.cassette]
    if one.fixed is not None:
        outlined, key = one.fixed
        return library.index.add(outlined, Template(FIXED, key, ()), entry, world)
    form = one.form or _form_of(library, entry)
    if not (entry.asked or one.marked or one.new):
        return library.index.add(outline(form), Template(FIXED, form.key(), ()), entry, world)
    return _add(library, one, form, lone)


def _form_of(library: Library, entry: Entry) -> Form:
    """What of a recorded request counts, made anew: to hold it for all would take more memory than all the rest."""
    request = as_request(entry.interaction(), library.worlds[entry.cassette].upstream)
    return normalise(request, library.routes.find(request.method, request.path, request))


def _add(library: Library, one: _Read, form: Form, lone: frozenset[str], more: Place | None = None) -> Line:
    """Puts a request in its line whose values are looked at; that at the place `more` is left out as well."""
    entry = one.entry
    world = library.worlds[entry.cassette]
    values = leaves(form, library.catalogue)
    left_out = _find_new(library, one, form, values, lone) if one.new else frozenset()
    left_out = left_out | {more} if more else left_out
    template = make_template(form, values, library.catalogue, left_out)
    line = library.index.add(outline(form), template, entry, world)
    if left_out and (echoes := find_echoes(entry, template.shape, values, left_out, library.catalogue)):
        line.echoes = {} if line.echoes is None else line.echoes
        line.echoes[entry] = echoes
        entry.told -= name_echoes(echoes, library.catalogue)
    return line


def _find_new(
    library: Library, one: _Read, form: Form, values: Iterable[Leaf], lone: frozenset[str]
) -> frozenset[Place]:
    """The places of a request that hold what is new each time and names nothing (rule 10)."""
    found: set[Place] = set()
    window = library.worlds[one.entry.cassette].window
    for place, value in values:
        name = _name_of(place, form, one.compared)
        if place[0] in {"path", "name", "parameter", "body"} or not name:
            continue
        if tokens.is_time(value, window):
            library.left_out[spell(place, form, one.compared)] = "a time"
        elif tokens.names_new(name) and _is_lone(value, library.catalogue, lone):
            library.left_out[spell(place, form, one.compared)] = "new in each call, and it names nothing"
        else:
            continue
        found.add(place)
    return frozenset(found)


def _is_lone(value: object, catalogue: Catalogue, lone: frozenset[str]) -> bool:
    """Whether a value stands nowhere else."""
    text = str(value)
    found = catalogue.find(text)
    return all(one.identity in lone for one in found) if found else len(text) >= 6 and tokens.has_digit(text)


def _name_of(place: Place, form: Form, compared: tuple[str, ...]) -> str:
    match place:
        case ("header", int(at), _):
            return compared[at] if at < len(compared) else ""
        case ("query", int(at)):
            return form.query[at][0]
        case ("form", int(at)):
            return str(form.body.value[at][0])
        case ("json", *steps):
            return next((str(step) for step in reversed(steps) if isinstance(step, str)), "")
        case _:
            return ""


def spell(place: Place, form: Form, compared: tuple[str, ...] = ()) -> str:
    """A place of a template as the config names it; `form` is the recorded request, `compared` its route's headers."""
    match place:
        case ("query" | "form" | "header" as kind, *_):
            return f"{kind}:{_name_of(place, form, compared)}"
        case _:
            path = "$"
            for step in place[1:]:
                path = jsonpath.child(path, step)
            return path


def _merge_once_only(library: Library, found: list[_Read], lone: frozenset[str]) -> None:
    """Reads that differ in nothing but values that stand nowhere else are one read, asked again with a new nonce."""
    again: dict[Bucket, list[Line]] = {}
    for bucket in library.index.buckets():
        if len(bucket.lines) < 2 or bucket.lines[0].entries[0].write:
            continue
        gaps = bucket.shape.gaps
        if len(gaps) == 1 and gaps[0][0][0] in {"query", "json", "form"}:
            lines = [line for line in bucket.lines if all(slot.identity in lone for slot in line.slots)]
            if len(lines) == len(bucket.lines):
                again[bucket] = lines
    for bucket in again:
        library.index.drop(bucket)
    for one in found:
        line = one.entry.line
        if line is not None and line.bucket in again:
            place = line.bucket.shape.gaps[0][0]
            form = _form_of(library, one.entry)
            library.left_out[spell(place, form)] = "new in each call, and it names nothing"
            _add(library, one, form, lone, place)
            one.entry.asked = frozenset()


def _split_by_accept(found: list[_Read]) -> None:
    """Where answers to one request differ in kind by `Accept`, each line is one of them (rule 10)."""
    lines: dict[Line, list[_Read]] = {}
    for one in found:
        if one.entry.line is not None and len(one.entry.line.entries) > 1:
            lines.setdefault(one.entry.line, []).append(one)
    for line, reads in lines.items():
        kinds = {one.kind for one in reads}
        accepts = {accept for accept, _ in kinds}
        if len(accepts) > 1 and len({media for _, media in kinds}) > 1 and len(kinds) == len(accepts):
            line.bucket.take(line)
            for accept in sorted(accepts, key=str):
                entries = [one.entry for one in reads if one.kind[0] == accept]
                own = Line(
                    line.world, line.bucket, line.slots, accept=accept or "", entries=entries, echoes=line.echoes
                )
                line.bucket.put(own)


def name_of(route: Route | None) -> str:
    """A route's name, or nothing."""
    return "" if route is None else route.name


_SHARED: dict[frozenset[Credential], frozenset[Credential]] = {}


def shared(credentials: frozenset[Credential]) -> frozenset[Credential]:
    """One object for equal sets: thousands of interactions hold a handful of different ones."""
    return _SHARED.setdefault(credentials, credentials)


def as_request(interaction: Interaction, upstream: str = "") -> Request:
    """The recorded request as it came, but for its credentials; the address of `upstream` is a token."""
    recorded = interaction.request
    known = addresses(upstream) if upstream else None
    target = unify(known.tokenise(recorded.target) if known else recorded.target)
    headers = as_wire(known.tokenise_headers(recorded.headers) if known else recorded.headers)
    body = recorded.body
    if not isinstance(body, Body):
        return Request(recorded.method, target, headers, b"")
    if isinstance(body.omitted, int):
        return Request(recorded.method, target, headers, b"", omitted=Omitted(body.omitted, body.sha256))
    if body.coding:  # what is stored has been decoded already
        headers = tuple(pair for pair in headers if pair[0].lower() != b"content-encoding")
    data = bodies.restore(body)
    if known and (known.needle.encode() in data.lower() or TOKEN.encode() in data):
        data = unify(known.tokenise(data.decode("latin-1"))).encode("latin-1")
    return Request(recorded.method, target, headers, data)
