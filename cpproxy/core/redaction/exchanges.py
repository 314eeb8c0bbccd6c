"""Placeholders in the place of secrets, wherever in an interaction they stand.

It is done in two steps. While a recording goes on, `mark` puts in provisional ones, so that no secret is held any
longer than its call. When it is saved, `settle` cleans what was marked before a secret was learnt, and `Numbering`
gives each placeholder its number.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple, cast

import msgspec
from msgspec import Raw, UnsetType, structs

from cpproxy.core import bodies
from cpproxy.core.cassette import Body, Cassette, Interaction, Placeholder, RecordedRequest, RecordedResponse
from cpproxy.core.messages import resize
from cpproxy.core.packed import unpack
from cpproxy.core.redaction.edits import Edit, apply, fit_json
from cpproxy.core.redaction.encodings import PIECE
from cpproxy.core.redaction.finding import Find, Finder, Reason
from cpproxy.core.redaction.known import BETWEEN, Known, Late, Standing, Words, choose
from cpproxy.core.redaction.markers import (
    BASE64,
    LOGIN,
    MARKER,
    PLACEHOLDER,
    PROVISIONAL,
    provisional,
    spell,
)
from cpproxy.core.redaction.pieces import find_pieces, join_pieces, may_stream
from cpproxy.core.redaction.redacted import RedactedInteraction
from cpproxy.core.redaction.redactor import MASK, Redactor

_DECODE = msgspec.json.Decoder(Interaction).decode
_PLAIN = re.compile(r"[A-Za-z0-9_.:{}+/=-]*")  # as it stands in JSON, too
_NUL = "\0"
_UNPACKED = 16 << 20  # bytes
_LETTERS_ALONE = dict.fromkeys(range(0x80, 0x100), " ")
"""Makes a space of each byte beyond ASCII: in what is no text it is no letter."""
_LARGEST_REMEMBERED = 64 * 1024  # characters
AT_ONCE = 64
"""Interactions that are looked through in one go."""


type Editor = Callable[["Part"], Sequence[Edit]]


class Part(NamedTuple):
    """A text of an interaction: `kind` is `target`, `header`, `body` or `reason`, `name` that of a header.

    `side` is `request` or `response`, `at` the header's number there; `json` says that it is a JSON document.
    """

    kind: str
    side: str
    text: str
    name: str = ""
    at: int = 0
    json: bool = False

    @property
    def path(self) -> str:
        """Its JSON path in the interaction."""
        match self.kind:
            case "header":
                return f".{self.side}.headers[{self.at}][1]"
            case "body":
                return f".{self.side}.body.{'json' if self.json else 'text'}"
            case _:
                return f".{self.side}.{self.kind}"


def mark(interaction: Interaction, redactor: Redactor) -> Interaction:
    """The interaction with provisional placeholders for all secrets that are known once it has been looked at.

    A body that is no text, and has a secret in it, is left out, and so is a header whose name has one: nothing could
    take the secret's place there.
    """
    parts = list_parts(interaction)
    learnt = [redactor.learn(_find_new(part, redactor)) for part in parts]
    known = redactor.known.find_each([part.text for part in parts])
    found = [[*ours, *theirs] for ours, theirs in zip(learnt, known, strict=True)]
    return _leave_out(_put_pieces(_put(interaction, found, redactor), redactor), redactor)


def _find_new(part: Part, redactor: Redactor) -> list[Find]:
    """The secrets in a text, without what only looks drawn by chance and is the code of a known one.

    Not each code looks so, and placeholders are the same in each recording.
    """
    finds = _find(part, redactor.finder)
    if any(find.reason is Reason.RANDOM for find in finds):
        (known,) = redactor.known.find_each([part.text])
        if coded := {(one.start, one.end) for one in known if one.run}:
            return [one for one in finds if one.reason is not Reason.RANDOM or (one.start, one.end) not in coded]
    return finds


def mask(interaction: Interaction, redactor: Redactor) -> Interaction:
    """The interaction with `***` for secrets that stand in it as they are, as in a file that was edited by hand."""

    def hide(part: Part) -> list[Edit]:
        finds = [find for find in _find(part, redactor.finder) if find.reason is not Reason.RANDOM]
        found = choose([*redactor.learn(finds), *redactor.known.find(part.text)])
        return [Edit(one.start, one.end, MASK) for one in found]

    return edit(interaction, hide)


def mask_all(cassette: Cassette, redactor: Redactor) -> Cassette:
    """The cassette with `***` for secrets that stand in it as they are, in its interactions and around them."""
    shown = msgspec.json.decode(
        redactor.own_json(msgspec.json.encode(structs.replace(cassette, interactions=()))), type=Cassette
    )
    interactions = tuple(
        structs.replace(mask(one, redactor), id=redactor.message(one.id)) for one in cassette.interactions
    )
    return structs.replace(shown, interactions=interactions)


def find_secrets(interaction: Interaction, finder: Finder) -> Iterator[tuple[str, str]]:
    """The secrets that stand in an interaction as they are: each with the JSON path of its text, and its role."""
    texts = [(".id", Part("id", "", interaction.id)), *((part.path, part) for part in list_parts(interaction))]
    for path, part in texts:
        for find in _find(part, finder):
            if find.reason is not Reason.RANDOM:
                yield path, find.role


def settle(interaction: Interaction, redactor: Redactor, *, since: int, late: Late | None = None) -> Interaction:
    """A marked interaction without the secrets that were learnt since that version; the same object if it has none.

    `late` is what was made ready to find those in many interactions.
    """
    found = redactor.known.find_each([part.text for part in list_parts(interaction)], since=since, late=late)
    return _leave_out(_put_pieces(_put(interaction, found, redactor), redactor, since, late), redactor, since, late)


def is_settled(interactions: Sequence[Interaction], redactor: Redactor, *, since: int, late: Late) -> bool:
    """Whether `settle` would change none of many interactions, as nearly always: one look at all of them."""
    texts: list[str] = []
    for one in interactions:
        own = list_texts(one)
        if own is None:
            return False
        texts += own
    return not redactor.known.find(BETWEEN.join(texts), since=since, late=late)


def holds_late(interactions: Sequence[Interaction], redactor: Redactor, late: Late) -> bool:
    """Whether `settle` would change any of many interactions, for what was learnt late."""
    for at in range(0, len(interactions), AT_ONCE):
        some = interactions[at : at + AT_ONCE]
        if not is_settled(some, redactor, since=late.since, late=late) and any(
            settle(one, redactor, since=late.since, late=late) is not one for one in some
        ):
            return True
    return False


def list_texts(interaction: Interaction) -> list[str] | None:
    """All that `settle` looks at in an interaction; None where it looks at what is no text."""
    asked, told = interaction.request, interaction.response
    for body in (asked.body, told.body):
        if isinstance(body, Body) and isinstance(body.base64, str):
            return None
    texts = [part.text for part in list_parts(interaction)]
    texts += (joined.text for stream in _list_streams(interaction) for joined in join_pieces(stream))
    texts += (name for name, _ in asked.headers + told.headers)
    texts += (credential.scheme for credential in interaction.credentials)
    return texts


def _put(interaction: Interaction, found: list[list[Standing]], redactor: Redactor) -> Interaction:
    """The interaction with provisional placeholders for what was found in each of its texts."""
    if not any(found):
        return interaction
    return _rewrite(
        interaction,
        [[Edit(o.start, o.end, _provisional(o, redactor)) for o in choose(standings)] for standings in found],
    )


def _put_pieces(interaction: Interaction, redactor: Redactor, since: int = 0, late: Late | None = None) -> Interaction:
    """The interaction with a provisional placeholder for each secret that stands in pieces: for the first of them."""

    def replace(part: Part) -> list[Edit]:
        found = find_pieces(part.text, lambda text: redactor.known.find(text, since=since, late=late))
        return sorted(
            Edit(start, end, "" if at else _provisional(standing, redactor))
            for standing, pieces in (found if part.kind == "body" else ())
            for at, (start, end) in enumerate(pieces)
        )

    return edit(interaction, replace) if any(_list_streams(interaction)) else interaction


def _list_streams(interaction: Interaction) -> Iterator[str]:
    """Those texts of an interaction that may be streams of events."""
    for body in (interaction.request.body, interaction.response.body):
        if isinstance(body, Body) and isinstance(body.text, str) and may_stream(body.text):
            yield body.text


def _find(part: Part, finder: Finder) -> list[Find]:
    match part.kind:
        case "target":
            return finder.find_in_target(part.text)
        case "header":
            return finder.find_in_value(part.text, part.name, f"header:{part.name}")
        case _:
            return finder.find_in_text(part.text, json=part.json)


def _provisional(standing: Standing, redactor: Redactor) -> str:
    """What stands there until it is numbered: within an encoding, what stands there is a secret of its own."""
    index = standing.secret
    if standing.run:
        index = redactor.known.learn(standing.run, redactor.known.secrets[index].role, Reason.SHAPED)
    return provisional(index, standing.role)


def edit(interaction: Interaction, editor: Editor) -> Interaction:
    """The interaction with each of its texts edited; the same object where nothing is."""
    return _rewrite(interaction, [editor(part) for part in list_parts(interaction)])


def list_parts(interaction: Interaction) -> list[Part]:
    """The texts of an interaction, in the order in which they stand in a file."""
    asked, told = interaction.request, interaction.response
    parts = [
        Part("target", "request", asked.target),
        *_list_headers(asked.headers, "request"),
        *_list_body(asked.body, (), "request"),
        Part("reason", "response", told.reason),
        *_list_headers(told.headers, "response"),
        *_list_body(told.body, told.chunks, "response"),
    ]
    return [part for part in parts if part.text]


def _list_headers(headers: tuple[tuple[str, str], ...], side: str) -> list[Part]:
    return [Part("header", side, value, name, at) for at, (name, value) in enumerate(headers)]


def _list_body(body: Body | UnsetType, chunks: tuple[tuple[int, int], ...], side: str) -> list[Part]:
    if isinstance(body, Body) and isinstance(body.json, Raw):
        return [Part("body", side, _read_json(body, chunks), json=True)]
    if isinstance(body, Body) and isinstance(body.text, str):
        return [Part("body", side, body.text)]
    return []


def _read_json(body: Body, chunks: tuple[tuple[int, int], ...]) -> str:
    """A body's JSON, in its own layout if it came in chunks, which are counted in that."""
    return (bytes(body.json) if isinstance(body.json, Raw) and not chunks else bodies.restore(body)).decode()


def _rewrite(interaction: Interaction, edits: Sequence[Sequence[Edit]]) -> Interaction:
    """The interaction with these edits, for each of its parts; the same object where there are none."""
    if not any(edits):
        return interaction
    waiting = iter(edits)
    asked, told = interaction.request, interaction.response
    request = RecordedRequest(
        method=asked.method,
        target=_rewrite_text(asked.target, waiting),
        headers=_rewrite_headers(asked.headers, waiting),
        body=_rewrite_body(asked.body, (), waiting)[0],
    )
    reason = _rewrite_text(told.reason, waiting)
    headers = _rewrite_headers(told.headers, waiting)
    body, chunks = _rewrite_body(told.body, told.chunks, waiting)
    response = RecordedResponse(status=told.status, reason=reason, headers=headers, body=body, chunks=chunks)
    return structs.replace(interaction, request=request, response=response)


def _rewrite_text(text: str, waiting: Iterator[Sequence[Edit]]) -> str:
    edits = next(waiting) if text else ()
    return apply(text, edits) if edits else text


def _rewrite_headers(
    headers: tuple[tuple[str, str], ...], waiting: Iterator[Sequence[Edit]]
) -> tuple[tuple[str, str], ...]:
    return tuple((name, _rewrite_text(value, waiting)) for name, value in headers)


def _rewrite_body(
    body: Body | UnsetType, chunks: tuple[tuple[int, int], ...], waiting: Iterator[Sequence[Edit]]
) -> tuple[Body | UnsetType, tuple[tuple[int, int], ...]]:
    if not isinstance(body, Body):
        return body, chunks
    if isinstance(body.json, Raw):
        text, edits = _read_json(body, chunks), tuple(next(waiting))
        if edits:
            rewrite = _rewrite_again if len(text) <= _LARGEST_REMEMBERED else _rewrite_json
            if rewritten := rewrite(text, edits):
                raw, fitting = rewritten
                return structs.replace(body, json=raw), _resize(text, chunks, fitting)
    elif isinstance(body.text, str) and body.text and (changes := next(waiting)):
        return structs.replace(body, text=apply(body.text, changes)), _resize(body.text, chunks, changes)
    return body, chunks


def _rewrite_json(text: str, edits: tuple[Edit, ...]) -> tuple[Raw, list[Edit]] | None:
    """JSON after those of the edits after which it is still some, and these; None where there are none such."""
    fitting = fit_json(text, edits)
    if not fitting:
        return None
    return Raw(msgspec.json.format(apply(text, fitting).encode(), indent=-1)), fitting


_rewrite_again = lru_cache(maxsize=64)(_rewrite_json)  # answers come again and again


def _resize(text: str, chunks: tuple[tuple[int, int], ...], edits: Sequence[Edit]) -> tuple[tuple[int, int], ...]:
    """The chunks with their sizes in bytes after the edits; a placeholder that two share falls to the later."""
    if not chunks:
        return chunks
    changed = [
        (len(text[: one.start].encode()), len(text[: one.end].encode()), len(one.text.encode())) for one in edits
    ]
    sizes = resize(tuple(size for _, size in chunks), changed)
    return tuple((at, size) for (at, _), size in zip(chunks, sizes, strict=True) if size)


def _leave_out(interaction: Interaction, redactor: Redactor, since: int = 0, late: Late | None = None) -> Interaction:
    """The interaction without those bodies that are no text and hold a secret, and headers whose names hold one."""
    asked, told = interaction.request, interaction.response
    if _holds_secret(asked.body, redactor, since, late):
        asked = structs.replace(asked, body=_unstored(asked.body))
    if _holds_secret(told.body, redactor, since, late):
        told = structs.replace(told, body=_unstored(told.body), chunks=())
    credentials = interaction.credentials
    every = [name for name, _ in asked.headers + told.headers] + [one.scheme for one in credentials]
    if names := _find_with_secrets(every, redactor, since, late):
        asked = structs.replace(asked, headers=tuple(pair for pair in asked.headers if pair[0].lower() not in names))
        told = structs.replace(told, headers=tuple(pair for pair in told.headers if pair[0].lower() not in names))
        credentials = tuple(
            structs.replace(one, scheme="") if one.scheme in names else one
            for one in credentials
            if one.header not in names
        )
    if asked is interaction.request and told is interaction.response and credentials is interaction.credentials:
        return interaction
    return structs.replace(interaction, request=asked, response=told, credentials=credentials)


def _find_with_secrets(names: Iterable[str], redactor: Redactor, since: int, late: Late | None) -> set[str]:
    """Those of the names of headers or schemes, in lower case, that hold a secret."""
    names = list(dict.fromkeys(filter(None, names)))
    known = redactor.known.find_each(names, since=since, late=late)
    found = {name.lower() for name, standings in zip(names, known, strict=True) if standings}
    if not since:
        for name in names:
            finds = [find for find in redactor.finder.find_in_value(name, "") if find.reason is not Reason.NAMED]
            if finds:
                redactor.learn(find for find in finds if find.reason is Reason.SHAPED)
                found.add(name.lower())
    return found


def _holds_secret(body: Body | UnsetType, redactor: Redactor, since: int, late: Late | None) -> bool:
    if not isinstance(body, Body) or not isinstance(body.base64, str):
        return False
    raw = bodies.restore(body)
    packed = unpack(raw, _UNPACKED)
    if not (since or packed.whole):  # nobody could look into it
        return True
    for data in (raw, *packed.texts):
        text = data.decode("latin-1")
        for view in (text, text.replace(_NUL, ""), text.translate(_LETTERS_ALONE)):
            if redactor.known.find(view, since=since, late=late):
                return True
            if not since and any(find.reason is not Reason.RANDOM for find in redactor.finder.find_in_bytes(view)):
                return True
    return False


def _unstored(body: Body | UnsetType) -> Body:
    """What stands for a body that is not kept: its size, and no digest, from which a short one could be guessed."""
    return bodies.omitted(len(bodies.restore(body)), "")


@dataclass(slots=True)
class Written:
    """A marked interaction, the provisional placeholders `found` in it, what was `given` for each, and what that made.

    Each of those found is the index of a secret and the role in which it stands there.
    """

    marked: Interaction
    found: list[tuple[int, str]]
    given: dict[int, str]
    numbered: Interaction


class Numbering:
    """Gives placeholders their numbers, for each role in the order in which they come.

    A secret and its base64, where both stand somewhere, have one. Those that are `taken` belong to secrets that nobody
    knows any more: their numbers are not given again. `written` is what was written the last time, by the ids of
    interactions.
    """

    def __init__(
        self, known: Known, taken: Iterable[Placeholder] = (), written: dict[str, Written] | None = None
    ) -> None:
        self._known = known
        self._written = {} if written is None else written
        self._placeholders = list(taken)
        self._given: dict[int, str] = {}
        self._numbers: dict[int, tuple[str, int]] = {}
        self._last: dict[str, int] = {}
        for placeholder in self._placeholders:
            if found := PLACEHOLDER.fullmatch(placeholder.marker):
                role, number, _ = found.groups()
                self._last[role] = max(self._last.get(role, 0), int(number))

    @property
    def placeholders(self) -> tuple[Placeholder, ...]:
        """All that were taken or given, in order."""
        return tuple(self._placeholders)

    def number(self, interactions: Sequence[Interaction]) -> Iterator[RedactedInteraction]:
        """The interactions with numbered placeholders; the same objects as the last time where they are the same.

        A token that nothing but chance named, and that stands elsewhere as the name of a thing, is no secret.
        """
        written = [self._recall(one) for one in interactions]
        roles = {index: role for one in reversed(written) for index, role in reversed(one.found) if role}
        secrets = self._known.secrets
        found = dict.fromkeys(index for one in written for index, _ in one.found)
        named = self._find_named(set(found), interactions)
        codes = self._find_codes({index: secrets[index].code for index in found if index not in named})
        for one in written:
            given = {index: named.get(index) or self._give(index, roles, codes) for index, _ in one.found}
            if given != one.given:
                one.numbered = _write(one.marked, given)
                one.given = given
            yield cast("RedactedInteraction", one.numbered)

    def _recall(self, marked: Interaction) -> Written:
        """What is known of an interaction since the last time."""
        written = self._written.get(marked.id)
        if written is None or written.marked is not marked:
            text = msgspec.json.encode(marked).decode()
            found = [(int(index), role) for index, role in PROVISIONAL.findall(text)] if MARKER in text else []
            written = self._written[marked.id] = Written(marked, found, {}, marked)
        return written

    def _find_named(self, indices: set[int], interactions: Iterable[Interaction]) -> dict[int, str]:
        """Tokens without a name that still stand somewhere: where a name or a path says that they name a thing."""
        secrets = self._known.secrets
        words = [index for index in indices if secrets[index].reason is Reason.RANDOM]
        if not words:
            return {}
        values = {index: secrets[index].value for index in words}
        texts = (msgspec.json.encode(one).decode() for one in interactions)
        finder = Words((value[:PIECE], index) for index, value in values.items())
        return {index: values[index] for text in texts for index in finder.find(text) if values[index] in text}

    def _find_codes(self, read: dict[int, tuple[str, str]]) -> dict[int, tuple[int, str]]:
        """Those that are the base64 of another one: of which, and of what shape. Of one secret no two are."""
        codes: dict[tuple[int, str], int] = {}
        for index, (coding, text) in read.items():
            inner = self._known.index_of(text) if text else None
            if (
                inner is not None
                and inner in read
                and (shape := self._known.secrets[inner].shape) not in {BASE64, LOGIN}
            ):
                codes.setdefault((inner, f"{shape}-{coding}".removeprefix("-")), index)
        return {index: code for code, index in codes.items()}

    def _give(self, index: int, roles: dict[int, str], codes: dict[int, tuple[int, str]]) -> str:
        marker = self._given.get(index)
        if marker is None:
            secret = self._known.secrets[index]
            thing, shape = codes.get(index) or (index, secret.shape)
            if thing not in self._numbers:
                role = roles.get(index, secret.role)
                self._last[role] = self._last.get(role, 0) + 1
                self._numbers[thing] = role, self._last[role]
            role, number = self._numbers[thing]
            marker = self._given[index] = spell(role, number, shape)
            self._placeholders.append(Placeholder(marker, role))
        return marker


def _write(marked: Interaction, texts: dict[int, str]) -> Interaction:
    """A marked interaction with these texts for its provisional placeholders."""
    if marked.response.chunks or not all(map(_PLAIN.fullmatch, texts.values())):
        return edit(marked, partial(_write_part, texts=texts))
    # Nothing in it changes but letters within texts of JSON, and no sizes: so it is done in one go.
    text = msgspec.json.encode(marked).decode()
    return _DECODE(PROVISIONAL.sub(lambda found: texts[int(found[1])], text))


def _write_part(part: Part, texts: dict[int, str]) -> list[Edit]:
    if MARKER not in part.text:
        return []
    return [Edit(one.start(), one.end(), texts[int(one[1])]) for one in PROVISIONAL.finditer(part.text)]
