"""Placeholders in the place of secrets, wherever in an interaction they stand.

It is done in two steps. While a recording goes on, `mark` puts in provisional ones, so that no secret is held any
longer than its call. When it is saved, `settle` cleans what was marked before a secret was learnt, and `Numbering`
gives each placeholder its number.
"""

import functools
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import cast

import msgspec
from msgspec import Raw, UnsetType, structs

from cpproxy.core import bodies
from cpproxy.core.cassette import Body, Cassette, Interaction, Placeholder, RecordedRequest, RecordedResponse
from cpproxy.core.messages import resize
from cpproxy.core.redaction.edits import Edit, apply
from cpproxy.core.redaction.encodings import PIECE
from cpproxy.core.redaction.finding import Find, Finder, Reason
from cpproxy.core.redaction.known import Known, Standing, Words, choose
from cpproxy.core.redaction.markers import PLACEHOLDER, PROVISIONAL, find_shape, provisional, spell
from cpproxy.core.redaction.redacted import RedactedInteraction
from cpproxy.core.redaction.redactor import MASK, Redactor

_NUL = "\0"
_LETTERS_ALONE = dict.fromkeys(range(0x80, 0x100), " ")
"""Makes a space of each byte beyond ASCII: in what is no text it is no letter."""
_BETWEEN = "\n"  # no escape and no encoding goes on behind it


type Editor = Callable[["Part"], Sequence[Edit]]


@dataclass(frozen=True, slots=True)
class Part:
    """A text of an interaction: `kind` is `target`, `header`, `body` or `reason`, `name` that of a header.

    `path` is its JSON path in the interaction; `json` says that it is a JSON document.
    """

    kind: str
    path: str
    text: str
    name: str = ""
    json: bool = False


def mark(interaction: Interaction, redactor: Redactor) -> Interaction:
    """The interaction with provisional placeholders for all secrets that are known once it has been looked at.

    A body that is no text, and has a secret in it, is left out, and so is a header whose name has one: nothing could
    take the secret's place there.
    """
    parts = list_parts(interaction)
    learnt = [redactor.learn(_find(part, redactor.finder)) for part in parts]
    return _leave_out(_put(interaction, parts, learnt, redactor, since=0), redactor, since=0)


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
    for part in (Part("id", ".id", interaction.id), *list_parts(interaction)):
        for find in _find(part, finder):
            if find.reason is not Reason.RANDOM:
                yield part.path, find.role


def settle(interaction: Interaction, redactor: Redactor, *, since: int) -> Interaction:
    """A marked interaction without the secrets that were learnt since that version; the same object if it has none."""
    parts = list_parts(interaction)
    cleaned = _put(interaction, parts, [[] for _ in parts], redactor, since=since)
    return _leave_out(cleaned, redactor, since=since)


def _put(
    interaction: Interaction, parts: list[Part], learnt: list[list[Standing]], redactor: Redactor, *, since: int
) -> Interaction:
    """The interaction with provisional placeholders: for what was learnt in each part, and what is known."""
    texts = [part.text for part in parts]
    found = [[*ours, *known] for ours, known in zip(learnt, _look(texts, redactor.known, since), strict=True)]
    if not any(found):
        return interaction
    edits = iter([[Edit(o.start, o.end, _provisional(o, redactor)) for o in choose(standings)] for standings in found])
    return edit(interaction, lambda _: next(edits))


def _look(texts: list[str], known: Known, since: int) -> list[list[Standing]]:
    """Where known secrets stand in each text: all are searched at once, since most hold none."""
    found: list[list[Standing]] = [[] for _ in texts]
    standings = known.find(_BETWEEN.join(texts), since=since)
    if standings:
        starts = [0, *accumulate(len(text) + len(_BETWEEN) for text in texts)]
        for one in standings:
            at = bisect_right(starts, one.start) - 1
            found[at].append(one._replace(start=one.start - starts[at], end=one.end - starts[at]))
    return found


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
    """The interaction with each of its texts edited; the same object where nothing is.

    The texts are edited in the order in which they stand in a file.
    """
    asked, told = interaction.request, interaction.response
    request = RecordedRequest(
        method=asked.method,
        target=_edit_text(Part("target", ".request.target", asked.target), editor),
        headers=_edit_headers(asked.headers, ".request", editor),
        body=_edit_body(asked.body, (), ".request", editor)[0],
    )
    reason = _edit_text(Part("reason", ".response.reason", told.reason), editor)
    headers = _edit_headers(told.headers, ".response", editor)
    body, chunks = _edit_body(told.body, told.chunks, ".response", editor)
    response = RecordedResponse(status=told.status, reason=reason, headers=headers, body=body, chunks=chunks)
    if request == asked and response == told:
        return interaction
    return structs.replace(interaction, request=request, response=response)


def list_parts(interaction: Interaction) -> list[Part]:
    """The texts of an interaction, in the order in which `edit` asks for them."""
    seen: list[Part] = []

    def look(part: Part) -> Sequence[Edit]:
        seen.append(part)
        return ()

    edit(interaction, look)
    return seen


def _edit_text(part: Part, editor: Editor) -> str:
    if not part.text:
        return part.text
    edits = editor(part)
    return apply(part.text, edits) if edits else part.text


def _edit_headers(headers: tuple[tuple[str, str], ...], path: str, editor: Editor) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, _edit_text(Part("header", f"{path}.headers[{at}][1]", value, name), editor))
        for at, (name, value) in enumerate(headers)
    )


def _edit_body(
    body: Body | UnsetType, chunks: tuple[tuple[int, int], ...], path: str, editor: Editor
) -> tuple[Body | UnsetType, tuple[tuple[int, int], ...]]:
    if not isinstance(body, Body):
        return body, chunks
    if isinstance(body.json, Raw):
        # The chunks of a body that came in pieces are counted in its own layout.
        text = bodies.restore(body).decode() if chunks else bytes(body.json).decode()
        edits = editor(Part("body", f"{path}.body.json", text, json=True))
        if not edits:
            return body, chunks
        raw = msgspec.json.format(apply(text, edits).encode(), indent=-1)
        return structs.replace(body, json=Raw(raw)), _resize(text, chunks, edits)
    if isinstance(body.text, str):
        edits = editor(Part("body", f"{path}.body.text", body.text))
        if edits:
            return structs.replace(body, text=apply(body.text, edits)), _resize(body.text, chunks, edits)
    return body, chunks


def _resize(text: str, chunks: tuple[tuple[int, int], ...], edits: Sequence[Edit]) -> tuple[tuple[int, int], ...]:
    """The chunks with their sizes in bytes after the edits; a placeholder that two share falls to the later."""
    if not chunks:
        return chunks
    changed = [
        (len(text[: one.start].encode()), len(text[: one.end].encode()), len(one.text.encode())) for one in edits
    ]
    sizes = resize(tuple(size for _, size in chunks), changed)
    return tuple((at, size) for (at, _), size in zip(chunks, sizes, strict=True) if size)


def _leave_out(interaction: Interaction, redactor: Redactor, *, since: int) -> Interaction:
    """The interaction without those bodies that are no text and hold a secret, and headers whose names hold one."""
    asked, told = interaction.request, interaction.response
    if _holds_secret(asked.body, redactor, since):
        asked = structs.replace(asked, body=_unstored(asked.body))
    if _holds_secret(told.body, redactor, since):
        told = structs.replace(told, body=_unstored(told.body), chunks=())
    credentials = interaction.credentials
    if names := _names_with_secrets(asked.headers + told.headers, redactor, since):
        asked = structs.replace(asked, headers=tuple(pair for pair in asked.headers if pair[0].lower() not in names))
        told = structs.replace(told, headers=tuple(pair for pair in told.headers if pair[0].lower() not in names))
        credentials = tuple(one for one in credentials if one.header not in names)
    if asked is interaction.request and told is interaction.response:
        return interaction
    return structs.replace(interaction, request=asked, response=told, credentials=credentials)


def _names_with_secrets(headers: tuple[tuple[str, str], ...], redactor: Redactor, since: int) -> set[str]:
    """Those of the headers' names, in lower case, that hold a secret."""
    names = list(dict.fromkeys(name for name, _ in headers))
    found = {name.lower() for name, known in zip(names, _look(names, redactor.known, since), strict=True) if known}
    if not since:
        for name in names:
            finds = [find for find in redactor.finder.find_in_value(name, "") if find.reason is not Reason.NAMED]
            if finds:
                redactor.learn(find for find in finds if find.reason is Reason.SHAPED)
                found.add(name.lower())
    return found


def _holds_secret(body: Body | UnsetType, redactor: Redactor, since: int) -> bool:
    if not isinstance(body, Body) or not isinstance(body.base64, str):
        return False
    raw = bodies.restore(body)
    for data in bodies.unpack(raw):
        text = data.decode("latin-1")
        for view in (text, text.replace(_NUL, ""), text.translate(_LETTERS_ALONE)):
            if redactor.known.find(view, since=since):
                return True
            if not since and any(find.reason is not Reason.RANDOM for find in redactor.finder.find_in_text(view)):
                return True
    return False


def _unstored(body: Body | UnsetType) -> Body:
    """What stands for a body that is not kept: its size, and no digest, from which a short one could be guessed."""
    return bodies.omitted(len(bodies.restore(body)), "")


class Numbering:
    """Gives placeholders their numbers, for each role in the order in which they come.

    Those that are `taken` belong to secrets that nobody knows any more: their numbers are not given again.
    """

    def __init__(self, known: Known, taken: Iterable[Placeholder] = ()) -> None:
        self._known = known
        self._placeholders = list(taken)
        self._given: dict[int, str] = {}
        self._last: dict[str, int] = {}
        for placeholder in self._placeholders:
            if found := PLACEHOLDER.fullmatch(placeholder.marker):
                role, number, _ = found.groups()
                self._last[role] = max(self._last.get(role, 0), int(number))

    @property
    def placeholders(self) -> tuple[Placeholder, ...]:
        """All that were taken or given, in order."""
        return tuple(self._placeholders)

    def number(self, interactions: Iterable[Interaction]) -> Iterator[tuple[RedactedInteraction, tuple[str, ...]]]:
        """The interactions with numbered placeholders, and those that each has.

        A token that nothing but chance named, and that stands elsewhere as the name of a thing, is no secret.
        """
        marked = list(interactions)
        texts = [msgspec.json.encode(one).decode() for one in marked]
        indices = [[(int(index), role) for index, role in PROVISIONAL.findall(text)] for text in texts]
        roles = {index: role for found in reversed(indices) for index, role in reversed(found) if role}
        named = self._find_named({index for found in indices for index, _ in found}, texts)
        for interaction, found in zip(marked, indices, strict=True):
            if not found:
                yield cast("RedactedInteraction", interaction), ()
                continue
            given = {index: named.get(index) or self._give(index, roles) for index, _ in found}
            written = edit(interaction, functools.partial(_write, texts=given))
            yield cast("RedactedInteraction", written), tuple(given.values())

    def _find_named(self, indices: set[int], texts: Iterable[str]) -> dict[int, str]:
        """Tokens without a name that still stand somewhere: where a name or a path says that they name a thing."""
        secrets = self._known.secrets
        words = [index for index in indices if secrets[index].reason is Reason.RANDOM]
        if not words:
            return {}
        values = {index: secrets[index].value for index in words}
        finder = Words((value[:PIECE], index) for index, value in values.items())
        return {index: values[index] for text in texts for index in finder.find(text) if values[index] in text}

    def _give(self, index: int, roles: dict[int, str]) -> str:
        marker = self._given.get(index)
        if marker is None:
            secret = self._known.secrets[index]
            role = roles.get(index, secret.role)
            number = self._last[role] = self._last.get(role, 0) + 1
            marker = self._given[index] = spell(role, number, find_shape(secret.value))
            self._placeholders.append(Placeholder(marker, role))
        return marker


def _write(part: Part, texts: dict[int, str]) -> list[Edit]:
    return [Edit(one.start(), one.end(), texts[int(one[1])]) for one in PROVISIONAL.finditer(part.text)]
