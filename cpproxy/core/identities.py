"""Which values of a recording name things: inferred from the recording alone, and where they stand in a text.

Rule 2 of replay. A value is an identity if it looks made (`tokens`), if it is a number that stands both in a path and
under a member called id, or if the config or a cassette names it. One that stands in several forms (a UUID without its
dashes, in upper case, cut to its first characters) is one identity where that is certain.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import msgspec

from cpproxy.core import jsonpath, tokens
from cpproxy.core.cassette import Body, Interaction
from cpproxy.core.redaction import MARKER

type Identity = str
"""The recorded value in its plain form; a number has `#` before it."""

AS_IS = "as it is"
UPPER = "upper case"
BARE = "without dashes"
BARE_UPPER = "without dashes, upper case"
FIRST = "first "
"""Before the number of characters that were kept."""

NUMBER = "#"

_TELLING_HEADERS = frozenset({"location", "content-location", "link"})
_ID_LEAF = re.compile(r'"(?:id|[A-Za-z0-9_-]*(?:_id|-id|Id|ID))"\s*:\s*"?([0-9]{1,18})(?=["\s,}\]])')
_ID_NAME = re.compile(r"id|.*(?:_id|-id|Id|ID)")
_SEGMENT = re.compile(r"(?<=/)[0-9]{1,18}(?=/|$)")
_SHORT_HEX = re.compile(r"[0-9a-fA-F]{8,12}")
_MADE_RUN = re.compile(r"(?=[A-Za-z]*[0-9])[A-Za-z0-9]{4,}")
_PLACEHOLDER = re.compile(r"\{\{cpproxy:[^{}]*\}\}")


@dataclass(frozen=True, slots=True)
class Naming:
    """What people say about identities: values by hand, and JSON paths whose values are some, or are none."""

    values: tuple[str, ...] = ()
    paths: tuple[jsonpath.JsonPath, ...] = ()
    excluded: tuple[jsonpath.JsonPath, ...] = ()


@dataclass(frozen=True, slots=True)
class Occurrence:
    """An identity in a text, from `start` up to `end`, in one of its forms."""

    start: int
    end: int
    identity: Identity
    form: str


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens that stand where identities are looked for in one interaction."""

    request: frozenset[str]
    response: frozenset[str]


@dataclass(slots=True)
class Catalogue:
    """All identities of the chosen cassettes, each with why it was taken for one."""

    why: dict[Identity, str] = field(default_factory=dict)
    _forms: dict[str, tuple[Identity, str]] = field(default_factory=dict)
    _starts: dict[str, tuple[int, ...]] = field(default_factory=dict)
    _resolved: dict[str, tuple[Identity, ...]] = field(default_factory=dict)
    _undigited: bool = False

    def __contains__(self, identity: object) -> bool:
        return identity in self.why

    def find(self, text: str) -> list[Occurrence]:
        """Every identity in a text, the longest at each place; numbers, which a text alone cannot show, are not."""
        if not (self._undigited or tokens.has_digit(text)):
            return []
        found: list[Occurrence] = []
        end = 0
        starts, forms, size = self._starts, self._forms, len(text)
        for run in tokens.RUN.finditer(text):
            lengths = starts.get(run.group())
            if lengths is None or (start := run.start()) < end:
                continue
            for length in lengths:
                if (stop := start + length) > size:
                    continue
                known = forms.get(text[start:stop])
                if known is not None and (stop == size or not text[stop].isalnum()):
                    found.append(Occurrence(start, stop, *known))
                    end = stop
                    break
        return found

    def resolve(self, found: frozenset[str]) -> frozenset[Identity]:
        """The identities that these tokens hold."""
        resolved = self._resolved
        identities: list[Identity] = []
        for token in found:
            known = resolved.get(token)
            if known is None:
                if token.startswith(NUMBER):
                    known = (token,) if token in self.why else ()
                else:
                    known = tuple(one.identity for one in self.find(token))
                resolved[token] = known
            identities += known
        return frozenset(identities)

    def number(self, text: str) -> Identity | None:
        """The identity that a number is, where it stands as a whole segment of a path or under an id's name."""
        identity = NUMBER + text
        return identity if identity in self.why else None

    def meaning(self, text: str) -> Identity | None:
        """The recorded identity that a live value equals, in any form."""
        known = self._forms.get(text)
        return known[0] if known else self.number(text) if text.isdigit() else None

    def add(self, text: str, identity: Identity, form: str) -> None:
        """Makes `text` known as a form of an identity."""
        self._forms.setdefault(text, (identity, form))

    def index(self) -> None:
        """Prepares `find`; to be called after the last `add`."""
        lengths: dict[str, set[int]] = {}
        for text in self._forms:
            run = tokens.RUN.match(text)
            if run is not None:
                lengths.setdefault(run.group(), set()).add(len(text))
        self._starts = {run: tuple(sorted(found, reverse=True)) for run, found in lengths.items()}
        self._resolved.clear()
        self._undigited = not all(map(tokens.has_digit, self._forms))

    def forget(self, identity: Identity) -> None:
        """Takes an identity out again."""
        del self.why[identity]
        for text in [text for text in {identity, identity.upper()} if self._forms.get(text, ("",))[0] == identity]:
            del self._forms[text]


def render(identity: str, form: str) -> str:
    """A live value in the form in which the recording holds it."""
    match form:
        case "as it is":
            return identity.removeprefix(NUMBER)
        case "upper case":
            return identity.upper()
        case "without dashes":
            return identity.replace("-", "")
        case "without dashes, upper case":
            return identity.replace("-", "").upper()
        case _:
            return identity.replace("-", "")[: int(form.removeprefix(FIRST))]


def names_id(name: str) -> bool:
    """Whether a member or parameter of this name holds an id, be it a mere number."""
    return _ID_NAME.fullmatch(name) is not None


def read_tokens(interaction: Interaction, compared: Iterable[str], named: Iterable[str]) -> Tokens:
    """The tokens of an interaction, from its path, query, compared headers, bodies and `Location`."""
    asked, answered = interaction.request, interaction.response
    lower = frozenset(compared)
    texts = [unquote(asked.target), *(value for name, value in asked.headers if lower and name.lower() in lower)]
    texts += _texts(asked.body)
    found = _tokens(texts, named)
    path = asked.target.partition("?")[0]
    found.update(NUMBER + number for number in _SEGMENT.findall(path))
    told = [value for name, value in answered.headers if name.lower() in _TELLING_HEADERS]
    return Tokens(frozenset(found), frozenset(_tokens(told + _texts(answered.body), named)))


def _tokens(texts: list[str], named: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for text in texts:
        clean = _PLACEHOLDER.sub(" ", text) if MARKER in text else text
        found |= tokens.find_tokens(clean)
        found.update(NUMBER + number for number in _ID_LEAF.findall(clean))
        found.update(name for name in named if name in clean)
    return found


def _texts(body: object) -> list[str]:
    if not isinstance(body, Body):
        return []
    if isinstance(body.json, msgspec.Raw):
        return [bytes(body.json).decode("utf-8", "replace")]
    return [unquote(body.text)] if isinstance(body.text, str) else []


def infer(found: list[Tokens], naming: Naming, excluded: frozenset[str]) -> Catalogue:
    """The identities of all interactions; `excluded` are values that are none, whatever they look like."""
    catalogue = Catalogue()
    every: set[str] = set()
    paths: set[str] = set()
    for one in found:
        every |= one.request
        every |= one.response
        paths.update(token for token in one.request if token.startswith(NUMBER))
    made = {
        value.lower() if tokens.is_caseless(value) else value: why
        for token in sorted(every)
        if not token.startswith(NUMBER)
        for value, why in tokens.find_made(token)
        if value not in excluded
    }
    for value, why in made.items():
        if why == "hex" and len(value) == 32 and _dashed(value) in made:
            continue  # a UUID without its dashes
        catalogue.why[value] = why
        catalogue.add(value, value, AS_IS)
        if tokens.is_caseless(value):
            catalogue.add(value.upper(), value, UPPER)
        if why == "UUID":
            bare = value.replace("-", "")
            for text, form in ((bare, BARE), (bare.upper(), BARE_UPPER)):
                if text in every:
                    catalogue.add(text, value, form)
    for value in naming.values:
        if value not in excluded:
            catalogue.why.setdefault(value, "named by hand")
            catalogue.add(value, value, AS_IS)
    _add_shortened(catalogue, every)
    catalogue.index()
    _merge_names_around(catalogue)
    _add_numbers(catalogue, found, paths, excluded)
    return catalogue


def _dashed(bare: str) -> str:
    return "-".join((bare[:8], bare[8:12], bare[12:16], bare[16:20], bare[20:]))


def _add_shortened(catalogue: Catalogue, every: set[str]) -> None:
    """The first 8 to 12 characters of one UUID or long hex, and of no other."""
    short = [token for token in every if _SHORT_HEX.fullmatch(token)]
    if not short:
        return
    starts: dict[str, list[Identity]] = {}
    for identity, why in catalogue.why.items():
        if why == "UUID" or (why == "hex" and len(identity) >= 32):
            starts.setdefault(identity[:8], []).append(identity)
    for token in short:
        whole = [one for one in starts.get(token[:8].lower(), ()) if one.replace("-", "").startswith(token.lower())]
        if len(whole) == 1 and token == token.lower():
            catalogue.add(token, whole[0], f"{FIRST}{len(token)}")


def _merge_names_around(catalogue: Catalogue) -> None:
    """A value that is nothing but another with words around it (`tenant-` and a slug) is that other one in a name."""
    names = [value for value, why in catalogue.why.items() if why == "a name that ends in hex"]
    for value in sorted(names, key=lambda name: (len(name), name)):
        why = catalogue.why[value]
        catalogue.forget(value)
        inner = catalogue.find(value)
        rest = value
        for one in reversed(inner):
            rest = rest[: one.start] + rest[one.end :]
        if not inner or _MADE_RUN.search(rest):
            catalogue.why[value] = why
            catalogue.add(value, value, AS_IS)
    catalogue.index()


def _add_numbers(catalogue: Catalogue, found: list[Tokens], paths: set[str], excluded: frozenset[str]) -> None:
    """Numbers that an answer or a body holds under an id's name, and that a path names."""
    if not paths:
        return
    told: set[str] = set()
    for one in found:
        told.update(token for token in one.response if token.startswith(NUMBER))
    for number in (paths & told) - {NUMBER + value for value in excluded}:
        catalogue.why[number] = "a number in a path and under an id's name"
    catalogue.index()


def collect(interactions: Iterable[Interaction], paths: tuple[jsonpath.JsonPath, ...]) -> Iterator[str]:
    """The text of what stands at JSON paths in requests and answers."""
    for interaction in interactions:
        for body in (interaction.request.body, interaction.response.body):
            if isinstance(body, Body) and isinstance(body.json, msgspec.Raw):
                value = msgspec.json.decode(body.json)
                for path in paths:
                    yield from (_spell(one) for one in jsonpath.find(value, path) if isinstance(one, str | int))


def _spell(value: Any) -> str:  # noqa: ANN401 (JSON)
    return value if isinstance(value, str) else str(value)
