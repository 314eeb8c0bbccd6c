"""The one gate: what leaves memory goes through here, and comes out as what the sinks accept.

A recording gets placeholders (`exchanges`); all else, rows, messages, errors and logs, gets `***` for each secret. What
the headers of a call show is learnt before anything is written of it.
"""

import contextlib
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import msgspec
from msgspec import UNSET, Raw, UnsetType, structs

from cpproxy.core import jsonpath
from cpproxy.core.calls import Call
from cpproxy.core.config import Redact
from cpproxy.core.leaves import map_texts
from cpproxy.core.messages import Headers, as_text
from cpproxy.core.redaction.edits import Edit, apply, fit_json
from cpproxy.core.redaction.finding import Find, Finder, Reason
from cpproxy.core.redaction.known import Known, Standing, choose
from cpproxy.core.redaction.markers import make_role
from cpproxy.core.redaction.policy import KINDS, Policy, Verdict
from cpproxy.core.redaction.redacted import RedactedCall, RedactedEvent, RedactedJson, RedactedRun, RedactedText
from cpproxy.core.runs import Event, Run

MASK = "***"
"""What stands for a secret where nobody needs to tell one from another."""

LARGEST_DOCUMENT = 64 * 1024
"""How large a request's JSON may be, in bytes, to stand on the ledger: as much as a requirement would look into."""

_WORD = re.compile(r"[A-Za-z0-9_-]+")
_REMEMBERED = 8 << 20  # characters; those of as many calls as large recordings have
_LARGEST_REMEMBERED = 2048
_LEAST_SIZE = 256  # what a text takes besides its characters
_EVENTS: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
_NOTHING = RedactedText("")


class Redactor:
    """Knows what is a secret by `settings`, and the secrets that were met; `values` are some, each with its role.

    One redactor serves a process: what one call shows is not told of another.
    """

    def __init__(self, settings: Redact = Redact(), values: Iterable[tuple[str, str]] = ()) -> None:  # noqa: B008 (frozen)
        self.policy = Policy(settings)
        self.finder = Finder(self.policy)
        self.known = Known()
        self._texts: _Memory[str, RedactedText] = _Memory(self.known, str)
        self._targets: _Memory[str, RedactedText] = _Memory(self.known, str)
        self._messages: _Memory[str, RedactedText] = _Memory(self.known, str)
        self._rows: _Memory[tuple[str, ...], bool] = _Memory(self.known, "\n".join)
        self._documents: _Memory[bytes, RedactedJson | UnsetType] = _Memory(self.known, _read)
        for value, role in values:
            if value:
                self.keep(value, role)

    # ------------------------------------------------------------------ what is learnt

    def learn(self, finds: Iterable[Find]) -> list[Standing]:
        """Keeps what was found in mind, and gives where it stands."""
        found = []
        for find in finds:
            count = len(self.known.secrets)
            secret = self.known.learn(find.value, find.role, find.reason)
            role = "" if find.reason is Reason.RANDOM else make_role(find.role)
            found.append(Standing(find.start, find.end, secret, role))
            for value, other in self.finder.also(find) if secret == count else ():
                self.known.learn(value, other, Reason.SHAPED)
        return found

    def keep(self, value: str, role: str) -> None:
        """Keeps a secret in mind that is known from elsewhere."""
        self.known.learn(value, role, Reason.NAMED)

    def learn_headers(self, headers: Headers) -> None:
        """Keeps in mind what the credential headers of a call show."""
        for name, value in as_text(headers):
            place = f"header:{name}"
            if self.policy.judge(name, place) is Verdict.SECRET:
                self.learn(self.finder.find_in_value(value, name, place))

    def learn_authority(self, authority: str) -> None:
        """Keeps in mind the password in an authority, `USER:PASSWORD@HOST:PORT` (RFC 3986 section 3.2)."""
        self.learn(_surer(self.finder.find_in_text(f"//{authority}")))

    # ------------------------------------------------------------------ what comes out

    def text(self, text: str) -> RedactedText:
        """A text that may quote a call."""
        return self._remember(self._texts, text, self._mask_text) if text else _NOTHING

    def message(self, text: str) -> RedactedText:
        """What cpproxy says itself, as an error does: digests and ids stay, though they look drawn by chance."""
        return RedactedText(self._mask(text, _surer(self.finder.find_in_text(text))))

    def shown(self, text: str) -> RedactedText:
        """What cpproxy shows of what was redacted before, under names of its own: without shapes and what is known."""
        return RedactedText(self._mask(text, _surer(self.finder.find_in_text(text), Reason.SHAPED)))

    def target(self, target: str) -> RedactedText:
        """A request's target."""
        return self._remember(self._targets, target, self._mask_target)

    def document(self, body: bytes) -> RedactedJson | UnsetType:
        """A request's JSON as the ledger holds it; UNSET for a body that is none, or is too large for a look.

        What secrets a body shows is kept in mind, whatever it is.
        """
        if not body:
            return UNSET
        found = self._documents.get(body)
        if found is None:
            version = self.known.version
            found = self._mask_document(body)
            clean = isinstance(found, UnsetType) or MASK.encode() not in bytes(found)
            self._documents.keep(body, found, version, clean=clean)
        return found

    def value(self, where: str, text: str) -> RedactedText:
        """What stands in a part of a request: `where` is `path`, `body`, `query:NAME`, `form:NAME`, `header:NAME`.

        It may be a JSON path, too, and then the text is JSON.
        """
        kind, _, name = where.partition(":")
        if kind in KINDS:
            return RedactedText(self._mask_named(text, name, where))
        if where == "path":
            return self.target(text)
        path = "$" if where == "body" else where
        names = [] if where == "body" else _names_in(where)
        if any(self.policy.judge(one) is Verdict.SECRET for one in names[:-1]):
            return RedactedText(MASK)
        try:
            shown = self._mask_tree(msgspec.json.decode(text), names[-1] if names else "", path)
        except (msgspec.DecodeError, RecursionError):
            return self.text(text)  # a body of another kind
        return RedactedText(msgspec.json.encode(shown).decode())

    def _mask_named(self, text: str, name: str, place: str) -> str:
        """A whole value, nothing of it under the name of a secret."""
        if self.policy.judge(name, place) is Verdict.SECRET:
            return MASK
        return self._mask(text, self.finder.find_in_value(text, name, place))

    def _mask_tree(self, value: Any, name: str, path: str) -> Any:  # noqa: ANN401 (JSON)
        match value:
            case None | bool():
                return value
            case dict() if self.policy.judge(name, path) is not Verdict.SECRET:
                members = ((self.text(key), key, member) for key, member in value.items())
                return {shown: self._mask_tree(one, key, jsonpath.child(path, key)) for shown, key, one in members}
            case list():
                return [self._mask_tree(one, name, jsonpath.child(path, at)) for at, one in enumerate(value)]
            case str():
                return self._mask_named(value, name, path)
            case _:
                return MASK if self.policy.judge(name, path) is Verdict.SECRET else value

    def json(self, raw: bytes) -> RedactedJson:
        """A JSON document of cpproxy's own that may quote a call: its names say nothing, its texts may."""
        return self._redact_leaves(raw, self.text)

    def own_json(self, raw: bytes) -> RedactedJson:
        """A JSON document of cpproxy's own: as `message`."""
        return self._redact_leaves(raw, self._said)

    def call(self, call: Call) -> RedactedCall:
        """A row. Its `body` and `details` are redacted already, as is all that cpproxy itself has named."""
        shown = (call.target, call.host, call.reason, call.method, call.session, call.scenario)
        if self._rows.get(shown):  # as nearly always
            return cast("RedactedCall", call)
        version = self.known.version
        target, host, reason = self.target(call.target), self.text(call.host), self.text(call.reason)
        method, session, scenario = map(self._said, (call.method, call.session, call.scenario))
        if (target, host, reason, method, session, scenario) != shown:
            call = structs.replace(
                call, target=target, host=host, reason=reason, method=method, session=session, scenario=scenario
            )
        else:
            self._rows.keep(shown, True, version, clean=True)  # noqa: FBT003 (the value)
        return cast("RedactedCall", call)

    def run(self, run: Run) -> RedactedRun:
        """A run's header."""
        return cast("RedactedRun", msgspec.json.decode(self.own_json(msgspec.json.encode(run)), type=Run))

    def event(self, event: Event) -> RedactedEvent:
        """An event of a run."""
        return cast("RedactedEvent", _EVENTS.decode(self.own_json(msgspec.json.encode(event))))

    def clean(self, text: str, *, since: int, json: bool = False) -> RedactedText:
        """What was written once, without what is looked for since a later version; itself if it holds none of it.

        With `json` the text is JSON, and stays that.
        """
        return RedactedText(_hide(text, self.known.find(text, since=since), json=json))

    # ------------------------------------------------------------------ how

    def _redact_leaves(self, raw: bytes, redact: Callable[[str], RedactedText]) -> RedactedJson:
        return RedactedJson(Raw(msgspec.json.encode(map_texts(msgspec.json.decode(raw), redact, names=True))))

    def _said(self, text: str) -> RedactedText:
        return self._remember(self._messages, text, self.message) if text else _NOTHING

    def _mask_text(self, text: str) -> str:
        return self._mask(text, self.finder.find_in_text(text))

    def _mask_target(self, target: str) -> str:
        return self._mask(target, self.finder.find_in_target(target))

    def _mask_document(self, body: bytes) -> RedactedJson | UnsetType:
        if len(body) <= LARGEST_DOCUMENT and body.lstrip()[:1] in {b"{", b"["}:
            with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                text = msgspec.json.format(body, indent=-1).decode()
                msgspec.json.decode(text)
                return _document(self._mask(text, self.finder.find_in_text(text, json=True), json=True))
        self.learn(_surer(self.finder.find_in_text(_read(body))))
        return UNSET

    def _mask(self, text: str, finds: Sequence[Find], *, json: bool = False) -> str:
        # What looks made looks so wherever it stands: it is masked, and not kept in mind.
        learnt = self.learn(_surer(finds))
        random = [Standing(find.start, find.end, 0) for find in finds if find.reason is Reason.RANDOM]
        known = self.known.find(text)
        return _hide(text, choose([*learnt, *random, *known]), json=json)

    def _remember(self, held: "_Memory[str, RedactedText]", text: str, mask: Callable[[str], str]) -> RedactedText:
        found = held.get(text)
        if found is None:
            version = self.known.version
            masked = mask(text)
            found = RedactedText(text if masked == text else masked)
            held.keep(text, found, version, clean=masked == text)
        return found


class _Memory[K, V]:
    """What was made of texts, as long as nothing that was learnt since stands in them; `spell` makes a key a text."""

    def __init__(self, known: Known, spell: Callable[[K], str]) -> None:
        self._known = known
        self._spell = spell
        self._made: dict[K, tuple[V, bool, int]] = {}
        self._size = 0

    def get(self, key: K) -> V | None:
        """What was made of it, or None where that may have to be made anew."""
        made = self._made.get(key)
        if made is None:
            return None
        value, clean, version = made
        now = self._known.version
        if version == now:
            return value
        if not clean or self._known.find(self._spell(key)):
            return None
        self._made[key] = value, clean, now
        return value

    def keep(self, key: K, value: V, version: int, *, clean: bool) -> None:
        """Keeps what was made with what was known at a version; `clean` is one in which nothing was found."""
        size = len(self._spell(key)) + _LEAST_SIZE
        if size > _LARGEST_REMEMBERED:
            return
        if self._size + size > _REMEMBERED:
            self._made.clear()
            self._size = 0
        self._made[key] = value, clean, version
        self._size += size


def _read(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body.decode("latin-1")


def _names_in(path: str) -> list[str]:
    """The members' names in a JSON path; the last is that of what stands there, empty for the whole."""
    try:
        return [step for step in jsonpath.parse(path).steps if isinstance(step, str)]
    except ValueError:  # a name with all kinds of quotes in it
        return _WORD.findall(path)


def _hide(text: str, found: Iterable[Standing], *, json: bool) -> str:
    edits = [Edit(one.start, one.end, MASK) for one in found]
    return apply(text, fit_json(text, edits) if json else edits) if edits else text


def _document(text: str) -> RedactedJson:
    return RedactedJson(Raw(text.encode()))


def _surer(finds: Iterable[Find], than: Reason = Reason.NAMED) -> list[Find]:
    """Those that a name or a shape gives away; `than` SHAPED: a shape alone."""
    return [find for find in finds if than <= find.reason < Reason.RANDOM]
