"""Which values of a recording name things: inferred from the recording alone, and where they stand in a text.

Rule 2 of replay. A value is an identity if it looks made (`tokens`), if it is a number that stands both in a path and
under a member called id, or if the config or a cassette names it. One that stands in several forms (a UUID without its
dashes, in upper case, cut to its first characters) is one identity where that is certain.
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import unquote

import msgspec

from cpproxy.core import jsonpath
from cpproxy.core.cassette import Body, Interaction
from cpproxy.core.redaction.markers import MARKER
from cpproxy.core.replay import tokens

type Identity = str
"""The recorded value in its plain form; a number has `#` before it."""

AS_IS = "as it is"
UPPER = "upper case"
BARE = "without dashes"
BARE_UPPER = "without dashes, upper case"
FIRST = "first "
"""Before the number of characters that were kept."""

NUMBER = "#"

_SILENT_HEADER = re.compile(
    r"accept-ranges|access-control-.*|age|allow|alt-svc|cache-control|cf-.*|connection|content-(?!location).*|date|digest"
    r"|etag|expires|keep-alive|last-modified|nel|permissions-policy|pragma|proxy-authenticate|referrer-policy|report-to"
    r"|reporting-endpoints|retry-after|server|server-timing|set-cookie|strict-transport-security|trailer"
    r"|transfer-encoding|upgrade|vary|via|www-authenticate|x-amz-cf-.*|x-amz-id-2|x-cache|x-content-type-options"
    r"|x-frame-options|x-powered-by|x-runtime|x-served-by|x-timer|x-xss-protection",
    re.IGNORECASE,
)
"""Headers of an answer that by custom name nothing that was made; nor do those that are new each time."""
_ID_LEAF = re.compile(rb'(?:"id|_id|-id|Id|ID)"\s*:\s*"?([0-9]{1,18})(?=["\s,}\]])')
_ID_NAME = re.compile(r"id|.*(?:_id|-id|Id|ID)")
_SEGMENT = re.compile(r"(?<=/)[0-9]{1,18}(?=/|$)")
_MADE_RUN = re.compile(r"(?=[A-Za-z]*[0-9])[A-Za-z0-9]{4,}")
_PLACEHOLDER = re.compile(rb"\{\{cpproxy:[^{}]*\}\}")
_MARKER = MARKER.encode()
_NONE: frozenset[str] = frozenset()
_NEW = frozenset({tokens.NEW})


class Occurrence(NamedTuple):
    """An identity in a text, from `start` up to `end`, in one of its forms."""

    start: int
    end: int
    identity: Identity
    form: str


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens that stand where identities are looked for in one interaction.

    `new` says that the request may hold what is new each time and names nothing.
    """

    request: frozenset[str]
    response: frozenset[str]
    new: bool = False


@dataclass(slots=True)
class Catalogue:
    """All identities of the chosen cassettes, each with why it was taken for one.

    `_forms` holds the texts that are not the identity itself.
    """

    why: dict[Identity, str] = field(default_factory=dict)
    _forms: dict[str, tuple[Identity, str]] = field(default_factory=dict)
    _starts: dict[str, tuple[int, ...]] = field(default_factory=dict)
    _resolved: dict[str, tuple[Identity, ...]] = field(default_factory=dict)
    _undigited: bool = False

    def __contains__(self, identity: object) -> bool:
        return identity in self.why

    def may_stand_in(self, text: str) -> bool:
        """Whether a text may hold an identity: nearly all have a digit."""
        return self._undigited or tokens.has_digit(text)

    def find(self, text: str) -> list[Occurrence]:
        """Every identity in a text, the longest at each place; numbers, which a text alone cannot show, are not."""
        if text in self.why and not text.startswith(NUMBER):  # most that is asked is a whole value
            return [Occurrence(0, len(text), text, AS_IS)]
        starts, forms, size = self._starts, self._forms, len(text)
        if not self.may_stand_in(text) or starts.keys().isdisjoint(tokens.RUN.findall(text)):
            return []
        found: list[Occurrence] = []
        end = 0
        for run in tokens.RUN.finditer(text):
            lengths = starts.get(run.group())
            if lengths is None or (start := run.start()) < end:
                continue
            for length in lengths:
                if (stop := start + length) > size:
                    continue
                value = text[start:stop]
                known = (value, AS_IS) if value in self.why else forms.get(value)
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
        if text in self.why:
            return text
        known = self._forms.get(text)
        return known[0] if known else self.number(text) if text.isdigit() else None

    def add(self, text: str, identity: Identity, form: str) -> None:
        """Makes `text` known as a form of an identity, in which it stands somewhere."""
        self._forms.setdefault(text, (identity, form))

    def index(self) -> None:
        """Prepares `find`; to be called after the last `add`."""
        starts: dict[str, tuple[int, ...]] = {}
        longer: dict[tuple[tuple[int, ...], int], tuple[int, ...]] = {}  # thousands of values have a few lengths
        for text in itertools.chain(self.why, self._forms):
            run = tokens.RUN.match(text)
            if run is None:
                continue
            known, length = starts.get(run.group(), ()), len(text)
            if length not in known:
                lengths = longer.get((known, length))
                if lengths is None:
                    lengths = longer[known, length] = tuple(sorted((*known, length), reverse=True))
                starts[run.group()] = lengths
        self._starts = starts
        self._resolved.clear()
        self._undigited = not all(map(tokens.has_digit, self.why))

    def forget(self, identity: Identity) -> None:
        """Takes an identity out again."""
        del self.why[identity]


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
    """The tokens of an interaction, from its path, query, compared headers, bodies and the answer's own headers."""
    asked, answered = interaction.request, interaction.response
    lower = frozenset(compared)
    texts = [_unquote(asked.target), *(_encode(value) for name, value in asked.headers if name.lower() in lower)]
    texts += _texts(asked.body)
    found = _tokens(texts, named)
    path = asked.target.partition("?")[0]
    if tokens.has_digit(path):
        found.update(NUMBER + number for number in _SEGMENT.findall(path))
    told = [_encode(value) for name, value in answered.headers if _may_tell(name)]
    answer = _tokens(told + _texts(answered.body), named)
    new = tokens.NEW in found
    return Tokens(frozenset(found - _NEW) or _NONE, frozenset(answer - _NEW) or _NONE, new)


@lru_cache(maxsize=1024)
def _may_tell(header: str) -> bool:
    return not (_SILENT_HEADER.fullmatch(header) or tokens.names_new(header))


def _tokens(texts: list[bytes], named: Iterable[str]) -> set[str]:
    text = b"\n".join(texts)
    if _MARKER in text:
        text = _PLACEHOLDER.sub(b" ", text)
    found = tokens.find_tokens(text)
    if b'd"' in text or b'D"' in text:
        found.update(NUMBER + number.decode() for number in _ID_LEAF.findall(text))
    found.update(name for name in named if _encode(name) in text)
    return found


def _texts(body: object) -> list[bytes]:
    if not isinstance(body, Body):
        return []
    if isinstance(body.json, msgspec.Raw):
        return [bytes(body.json)]
    return [_unquote(body.text)] if isinstance(body.text, str) else []


def _unquote(text: str) -> bytes:
    return _encode(unquote(text) if "%" in text else text)


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def infer(found: list[Tokens], named: Mapping[str, str], excluded: frozenset[str]) -> Catalogue:
    """The identities of all interactions: `named` are some, each with its reason, `excluded` are none."""
    catalogue = Catalogue()
    every: set[str] = set()
    paths: set[str] = set()
    for one in found:
        every |= one.request
        every |= one.response
        paths.update(token for token in one.request if token.startswith(NUMBER))
    _add_made(catalogue, every, excluded)
    for value, why in named.items():
        if value not in excluded:
            catalogue.why.setdefault(value, why)
    _add_shortened(catalogue, every)
    catalogue.index()
    _merge_names_around(catalogue)
    _add_numbers(catalogue, found, paths, excluded)
    return catalogue


def _add_made(catalogue: Catalogue, every: set[str], excluded: frozenset[str]) -> None:
    """What looks made, in the forms in which it stands somewhere."""
    made: dict[Identity, str] = {}
    for token in sorted(every):
        for value, why in () if token.startswith(NUMBER) else tokens.find_made(token):
            if value in excluded:
                continue
            plain = value.lower() if tokens.is_caseless(value) else value
            made[plain] = why
            if plain != value:
                catalogue.add(value, plain, UPPER)
    for value, why in made.items():
        if why == "hex" and len(value) == 32 and _dashed(value) in made:
            continue  # a UUID without its dashes
        catalogue.why[value] = why
        if why == "UUID":
            bare = value.replace("-", "")
            for text, form in ((bare, BARE), (bare.upper(), BARE_UPPER)):
                if text in every:
                    catalogue.add(text, value, form)


def _dashed(bare: str) -> str:
    return "-".join((bare[:8], bare[8:12], bare[12:16], bare[16:20], bare[20:]))


def _add_shortened(catalogue: Catalogue, every: set[str]) -> None:
    """The first 8 to 12 characters of one UUID or long hex, and of no other, alone or as a run of a token."""
    short = tokens.find_short(every)
    if not short:
        return
    starts: dict[str, list[Identity]] = {}
    for identity, why in catalogue.why.items():
        if why == "UUID" or (why == "hex" and len(identity) >= 32):
            starts.setdefault(identity[:8], []).append(identity)
    for token in short:
        whole = [one for one in starts.get(token[:8], ()) if one.replace("-", "").startswith(token)]
        if len(whole) == 1:
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


def collect(interaction: Interaction, paths: tuple[jsonpath.JsonPath, ...]) -> Iterator[str]:
    """The text of what stands at JSON paths in request and answer."""
    for body in (interaction.request.body, interaction.response.body) if paths else ():
        if isinstance(body, Body) and isinstance(body.json, msgspec.Raw):
            value = msgspec.json.decode(body.json)
            for path in paths:
                yield from (_spell(one) for one in jsonpath.find(value, path) if isinstance(one, str | int))


def _spell(value: Any) -> str:  # noqa: ANN401 (JSON)
    return value if isinstance(value, str) else str(value)
