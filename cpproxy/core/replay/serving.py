"""Recorded answers made ready for this client: bound identities, secrets and the front's address written in.

Rule 17 of replay. Each answer is read once into text and gaps; what is written into the gaps depends on the session.
"""

import re
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from cpproxy.core import bodies
from cpproxy.core.addresses import PLACES, TOKEN, Public, addresses, render, render_headers, render_sizes
from cpproxy.core.cassette import Body, Interaction, RecordedResponse
from cpproxy.core.messages import Answer, Chunk, Headers, as_wire, find_header
from cpproxy.core.passing import is_text
from cpproxy.core.redaction.markers import PLACEHOLDER, reveal
from cpproxy.core.replay.bindings import Bindings
from cpproxy.core.replay.echoes import list_echoes
from cpproxy.core.replay.identities import AS_IS, NUMBER, Catalogue, Identity
from cpproxy.core.replay.identities import render as render_identity
from cpproxy.core.replay.worlds import Entry

_BODILESS = frozenset({204, 304})
_HELD = 8 * 1024 * 1024
_LARGEST = 256 * 1024 * 1024  # bytes of a body whose coding was left on it
_ID_LEAF = re.compile(r'"(?:id|[A-Za-z0-9_-]*(?:_id|-id|Id|ID))"\s*:\s*"?([0-9]{1,18})(?=["\s,}\]])')
_IN_HEADERS = re.compile(r"[\x20-\x7e]*")
_NO_ECHOES: Mapping[str, str] = {}

type Gap = tuple[Identity, str]
"""An identity and the form in which it stands."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text in pieces, with gaps between them for identities."""

    pieces: tuple[str, ...]
    gaps: tuple[Gap, ...]
    json: bool = False

    def write(self, bindings: Bindings, echoes: Mapping[str, str] = _NO_ECHOES) -> str:
        """The text with what stands for each identity in this session, and in this call for what it is told back."""
        if not self.gaps:
            return self.pieces[0]
        made = [self.pieces[0]]
        for (identity, form), piece in zip(self.gaps, self.pieces[1:], strict=True):
            live = echoes.get(identity)
            made += (bindings.text(identity, form) if live is None else self._spell(live, form), piece)
        return "".join(made)

    def _spell(self, live: str, form: str) -> str:
        text = live if form == AS_IS else render_identity(live, form)
        return msgspec.json.encode(text).decode()[1:-1] if self.json else text


@dataclass(frozen=True, slots=True)
class Marks:
    """What an answer holds that is not the same for everybody: thousands of answers have the same, or none."""

    identities: tuple[Identity, ...] = ()
    secrets: tuple[str, ...] = ()
    addressed: bool = False

    def variant(self, bindings: Bindings) -> tuple[tuple[Identity, str], ...]:
        """What tells the answer of one session from that of another."""
        renamed = bindings.renamed
        return tuple((one, renamed[one]) for one in self.identities if one in renamed)


@dataclass(frozen=True, slots=True, eq=False)
class Script:
    """One recorded answer as it can be written out: `body` is None where nothing is to be put into it as it is, `raw`.

    `packed` is the same within its `coding`, where the cassette has it so, and `charset` that of `body`.
    """

    status: int
    reason: str
    headers: tuple[tuple[bytes, Text], ...]
    body: Text | None
    raw: bytes
    packed: bytes
    charset: str
    coding: tuple[str, ...]
    asked: bytes | None
    chunks: tuple[Chunk, ...]
    marks: Marks


@dataclass(frozen=True, slots=True)
class Content:
    """A recorded body without its `coding`; `packed` is the same with it, where it stands so in the cassette.

    `charset` is that of a text, whatever form it stands in, and empty for what is none.
    """

    raw: bytes
    packed: bytes = b""
    coding: tuple[str, ...] = ()
    charset: str = ""


def read_content(response: RecordedResponse) -> Content:
    """The body of an answer; one that is not in the cassette is empty.

    A body that was too large to be decoded while it was recorded is decoded here.
    """
    body = response.body
    if not isinstance(body, Body) or isinstance(body.omitted, int):
        return Content(b"")
    raw, packed, coding = bodies.restore(body), b"", body.coding
    if not isinstance(body.base64, str):
        return Content(raw, packed, coding, "utf-8")
    headers = as_wire(response.headers)
    if not coding:
        named = bodies.codings((find_header(headers, b"content-encoding") or b"").decode("latin-1"))
        plain = bodies.uncode(raw, named, _LARGEST) if named else None
        if plain is not None:
            raw, packed, coding = plain, raw, named
    try:
        raw.decode()
        charset = "utf-8"
    except UnicodeDecodeError:
        charset = "latin-1"
    text = is_text((find_header(headers, b"content-type") or b"").decode("latin-1")) or not bodies.is_binary(raw)
    return Content(raw, packed, coding, charset if text else "")


class Scripts:
    """Makes scripts and keeps those that were used last, within a bound on their size."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._held: OrderedDict[Entry, Script] = OrderedDict()
        self._size = 0
        self._marks: dict[Entry, Marks] = {}
        self._alike: dict[Marks, Marks] = {}

    def marks(self, entry: Entry, upstream: str) -> Marks:
        """The marks of an entry's script: they are known when the script is let go."""
        marks = self._marks.get(entry)
        if marks is None:
            marks = self.of(entry, upstream).marks
            marks = self._marks[entry] = self._alike.setdefault(marks, marks)
        return marks

    def of(self, entry: Entry, upstream: str) -> Script:
        """The script of an entry, whose cassette was recorded from `upstream`."""
        script = self._held.get(entry)
        if script is not None:
            self._held.move_to_end(entry)
            return script
        echoes = () if entry.line is None else tuple(list_echoes(entry.line, [entry]))
        script = self._held[entry] = self._read(entry.interaction(), upstream, echoes)
        self._size += _weigh(script)
        while self._size > _HELD and len(self._held) > 1:
            _, dropped = self._held.popitem(last=False)
            self._size -= _weigh(dropped)
        return script

    def text(self, text: str, *, json: bool = False, echoes: Collection[str] = ()) -> Text:
        """A text in pieces; in `json`, numbers under an id's name count. `echoes` are gaps wherever they stand."""
        catalogue = self._catalogue
        found = [(one.start, one.end, (one.identity, one.form)) for one in catalogue.find(text)]
        if json:
            found += [
                (one.start(1), one.end(1), (NUMBER + one[1], "as it is"))
                for one in _ID_LEAF.finditer(text)
                if catalogue.number(one[1])
            ]
            found.sort()
        if echoes:
            longest = "|".join(map(re.escape, sorted(echoes, key=len, reverse=True)))
            said = re.finditer(rf"(?<![A-Za-z0-9])(?:{longest})(?![A-Za-z0-9])", text)
            new = [(one.start(), one.end(), (one.group(), AS_IS)) for one in said]
            found = [one for one in found if not any(one[0] < end and start < one[1] for start, end, _ in new)] + new
            found.sort()
        starts = [*(start for start, _, _ in found), len(text)]
        ends = [0, *(end for _, end, _ in found)]
        pieces = tuple(text[end:start] for end, start in zip(ends, starts, strict=True))
        return Text(pieces, tuple(gap for _, _, gap in found), json)

    def _read(self, interaction: Interaction, upstream: str, echoes: Collection[str]) -> Script:
        recorded = interaction.response
        known = addresses(upstream)
        headers = known.tokenise_headers(recorded.headers) if known else recorded.headers
        texts = tuple((name.encode("latin-1"), self.text(reveal(value), echoes=echoes)) for name, value in headers)
        content, body = Content(b""), None
        secrets = [marker.group() for _, value in headers for marker in PLACEHOLDER.finditer(value)]
        addressed = any(TOKEN in value or name.lower() in PLACES for name, value in headers)
        bodied = interaction.request.method != "HEAD" and recorded.status not in _BODILESS
        if bodied and isinstance(recorded.body, Body):
            content = read_content(recorded)
            if content.charset:
                text = content.raw.decode(content.charset)
                text = known.tokenise(text) if known else text
                secrets += [marker.group() for marker in PLACEHOLDER.finditer(text)]
                addressed = addressed or TOKEN in text
                body = self.text(reveal(text), json=isinstance(recorded.body.json, msgspec.Raw), echoes=echoes)
                if not body.gaps and TOKEN not in text and body.pieces[0].encode(content.charset) == content.raw:
                    body = None
        gaps = [gap for _, text in texts for gap in text.gaps] + list(body.gaps if body else ())
        return Script(
            status=recorded.status,
            reason=recorded.reason,
            headers=texts,
            body=body,
            raw=content.raw,
            packed=content.packed,
            charset=content.charset,
            coding=content.coding,
            asked=find_header(as_wire(interaction.request.headers), b"accept-encoding"),
            chunks=() if content.packed else tuple(Chunk(at / 1000, size) for at, size in recorded.chunks),
            marks=Marks(
                tuple(dict.fromkeys(identity for identity, _ in gaps)), tuple(dict.fromkeys(secrets)), addressed
            ),
        )

    def document(
        self,
        value: Any,  # noqa: ANN401 (JSON)
        interaction: Interaction,
        upstream: str,
        echoes: Collection[str] = (),
    ) -> tuple[Text, tuple[str, ...], bool]:
        """A composed document in the layout of the answer it goes out as, with its secrets, and if it has a token."""
        body = interaction.response.body
        if not isinstance(body, Body):
            raise TypeError("only a document is composed")
        raw = msgspec.json.encode(value)
        made = bodies.restore(msgspec.structs.replace(body, json=msgspec.Raw(raw))).decode()
        known = addresses(upstream)
        made = known.tokenise(made) if known else made
        secrets = tuple(dict.fromkeys(marker.group() for marker in PLACEHOLDER.finditer(made)))
        return self.text(reveal(made), json=True, echoes=echoes), secrets, TOKEN in made


def _weigh(script: Script) -> int:
    return 2 * len(script.raw) + len(script.packed) + 1000


def write(  # noqa: PLR0917 (what one answer depends on)
    script: Script,
    bindings: Bindings,
    public: Public | None,
    accept_encoding: bytes | None,
    body: Text | None = None,
    echoes: Mapping[str, str] = _NO_ECHOES,
) -> Answer:
    """The answer for a call that accepts these content codings (None where it did not say); `body` is a composed one.

    `echoes` are what this call sent, by what the recorded one had in its place; in headers, where it may stand there.

    A body that was coded is coded again for a client that asks as the recorded one did, or accepts the coding; for any
    other it goes out plain (RFC 9110 section 12.5.3). `Content-Length` is made anew where there was one.
    """
    fit = {text: live for text, live in echoes.items() if _IN_HEADERS.fullmatch(live)}
    headers: Headers = tuple(
        (name, text.write(bindings, fit).encode("latin-1", "replace")) for name, text in script.headers
    )
    chosen = body or script.body
    changed = chosen is not None
    data, chunks = script.raw, script.chunks
    if chosen is not None:
        data = chosen.write(bindings, echoes).encode(script.charset, "replace")
        chunks = chunks if len(data) == len(script.raw) else ()
        if public is not None and TOKEN.encode() in data:
            sizes = render_sizes(data, tuple(chunk.size for chunk in chunks), public)
            chunks = tuple(Chunk(chunk.at, size) for chunk, size in zip(chunks, sizes, strict=True) if size)
            data = render(data.decode(script.charset), public).encode(script.charset)
    if public is not None:
        headers = render_headers(headers, public)
    if script.coding:
        if script.asked == accept_encoding or accepts(accept_encoding, script.coding):
            data = bodies.recode(data, script.coding) if changed or not script.packed else script.packed
        else:
            headers = tuple(pair for pair in headers if pair[0].lower() != b"content-encoding")
    if data or changed:
        headers = tuple(
            (name, b"%d" % len(data)) if name.lower() == b"content-length" else (name, value) for name, value in headers
        )
    return Answer(script.status, script.reason, headers, data, chunks)


def accepts(accept_encoding: bytes | None, coding: tuple[str, ...]) -> bool:
    """Whether a client takes all of these codings (RFC 9110 section 12.5.3); one that did not say takes none."""
    accepted: dict[str, bool] = {}
    for item in (accept_encoding or b"").decode("latin-1").lower().split(","):
        name, _, weight = item.partition(";")
        quality = weight.replace(" ", "").removeprefix("q=")
        accepted[name.strip().removeprefix("x-")] = quality.strip("0.") != "" or not quality
    return all(accepted.get(name, accepted.get("*", False)) for name in coding)
