"""Who asks, and whether with the credentials that were recorded (rule 6 of replay).

The match is judged without them: then those are dropped whose headers or schemes the call lacks, and values only break
ties. A secret that the control plane handed out comes back as it was served; a client's own binds at its first use.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from cpproxy.core.cassette import Credential
from cpproxy.core.matching import Form
from cpproxy.core.messages import Headers
from cpproxy.core.redaction.credentials import SEVERAL, split_secrets
from cpproxy.core.redaction.credentials import credentials as list_credentials
from cpproxy.core.redaction.markers import wire_form
from cpproxy.core.redaction.names import is_credential_header
from cpproxy.core.replay.bindings import Linked, Secrets, is_same
from cpproxy.core.replay.index import Line
from cpproxy.core.replay.loading import shared
from cpproxy.core.replay.session import Caller, Session
from cpproxy.core.replay.worlds import Entry


@dataclass(frozen=True, slots=True)
class Sent:
    """The credentials of a live call: header and scheme of each, and the values. They stay in memory."""

    present: frozenset[Credential]
    values: tuple[tuple[str, str], ...]
    linked: Linked
    client: str
    duplicate: Credential | None
    """One that it has more than once, so that nobody can say which counts."""
    caller: Caller

    def value(self, header: str) -> str | None:
        """What the call has in a header, without its scheme; `cookie:NAME` is one of its cookies."""
        return next((value for name, value in self.values if name == header), None)

    def use(self, entry: Entry, session: Session) -> str:
        """Binds the secrets of an interaction that answers the call; a note where a caller has changed one."""
        note = ""
        for header, marker in entry.secrets:
            value = self.value(header)
            if value is None:
                continue
            secret = (entry.cassette, marker)
            if session.secrets.changed(secret, value, self.linked, header):
                note = f"the caller has changed its {spell(Credential(header))} since its first call"
            if session.secrets.use(secret, value, self.linked, header):
                session.settled.clear()
        return note

    def use_slots(self, entry: Entry, values: tuple[str, ...], session: Session) -> None:
        """Binds the secrets that stand in the call itself, in the slots of the interaction's line."""
        for at, marker in entry.slotted:
            if session.secrets.use((entry.cassette, marker), values[at], self.linked, ""):
                session.settled.clear()

    def receive(self, entry: Entry, markers: tuple[str, ...], session: Session) -> None:
        """Remembers which secrets this caller is given; what a client has made itself is given to nobody."""
        if not markers or entry.line is None:
            return
        handed_out = entry.line.world.secrets_handed_out
        caller = self.linked or frozenset({("", self.client)})
        for marker in dict.fromkeys(one for told in markers for one in handed_out.get(told, ())):
            if session.secrets.serve((entry.cassette, marker), wire_form(marker), caller):
                session.settled.clear()


@dataclass(frozen=True, slots=True)
class Judged:
    """The entries that fit a call best by the values of its credentials; how many contradict, and how many agree.

    `late` counts the values that are unknown, though the recorded caller had used its own before. `tied` says that what
    others were told would have fitted as well.
    """

    entries: tuple[Entry, ...]
    contradicting: int
    agreeing: int = 0
    late: int = 0
    tied: bool = False


def judge(
    entries: tuple[Entry, ...], sent: Sent, secrets: Secrets, values: tuple[str, ...] = (), *, strict: bool
) -> Judged | str:
    """Those whose recorded caller is the likeliest to be this one; why not, where a served secret did not come back.

    The likeliest has the fewest contradicting values, then the most that agree, then the fewest that are unknown though
    the recorded caller had used its own before, then the most of the credentials that the call has, and was recorded
    first. A caller repeats its calls in their order: one whose token is new is one who made such a call first.
    `values` are those in the slots of the entries' line.
    """
    kinds: dict[object, Entry] = {}
    for entry in entries:
        kinds.setdefault(_kind(entry), entry)
    if len(kinds) == 1 and not entries[0].secrets and not entries[0].slotted:
        return Judged(entries, 0)
    ranked: list[tuple[int, int, int, int, int]] = []
    refused = ""
    for entry in kinds.values():
        weight = _weigh(entry, sent, secrets, values, strict=strict)
        if isinstance(weight, str):
            refused = f"{entry.method} {entry.path}: its {weight}"
        else:
            ranked.append((*weight, -len(entry.credentials), entry.number))
    if not ranked:
        return refused
    *rank, number = min(ranked)
    best = next(kind for kind, entry in kinds.items() if entry.number == number)
    tied = sum(one[:-1] == tuple(rank) for one in ranked) > 1
    chosen = tuple([entry for entry in entries if _kind(entry) == best])
    return Judged(chosen, rank[0], -rank[1], rank[2], tied)


def _kind(entry: Entry) -> object:
    """What is equal for those that credentials tell nothing apart of."""
    return entry.asker, entry.credentials


def _weigh(
    entry: Entry, sent: Sent, secrets: Secrets, values: tuple[str, ...], *, strict: bool
) -> tuple[int, int, int] | str:
    """How many values of a call contradict the recorded one, agree with it (negative), and are late.

    In words, why it cannot be the one that was recorded.
    """
    wrong = ""
    contradicting = agreeing = late = 0
    for header, marker in entry.secrets:
        value = sent.value(header)
        if value is None:
            contradicting += header.startswith("cookie:")  # other headers had to be there
            continue
        secret = (entry.cassette, marker)
        expected = secrets.expected(secret, sent.linked, sent.client)
        if expected is not None and not is_same(expected, value):
            wrong = f"{spell(Credential(header))} is not what was served to this caller"
        elif secrets.is_of(secret, value) is False:
            wrong = f"{spell(Credential(header))} was served for another one"
        elif strict and secrets.changed(secret, value, sent.linked, header):
            wrong = f"{spell(Credential(header))} has changed within one caller"
        contradicting += secrets.contradicts(secret, value)
        agrees = secrets.agrees(secret, value)
        agreeing += agrees
        late += not agrees and not _is_first(entry, marker)
    for at, marker in entry.slotted if values else ():
        secret = (entry.cassette, marker)
        if secrets.is_of(secret, values[at]) is False:
            wrong = "secret was served for another one"
        contradicting += secrets.contradicts(secret, values[at])
        agreeing += secrets.agrees(secret, values[at])
    return wrong or (contradicting, -agreeing, late)


def _is_first(entry: Entry, marker: str) -> bool:
    """Whether the recorded caller used a secret first in a call of this kind."""
    return entry.line is not None and entry.line.world.first_uses.get(marker) is entry.line.bucket


@lru_cache(maxsize=1024)
def read_credentials(headers: Headers, client: str) -> Sent:
    """The credentials of a live call; clients send the same headers again and again."""
    values = []
    for name, raw in headers:
        if is_credential_header(name) and raw.strip():
            values += split_secrets(name.decode("latin-1").lower(), raw.decode("latin-1"))
    linked = frozenset(values)
    present = list_credentials(headers)
    return Sent(
        present=shared(frozenset(present)),
        values=tuple(values),
        linked=linked,
        client=client,
        duplicate=next((one for one in present if one.scheme == SEVERAL), None),
        caller=(linked, client),
    )


def spell(credential: Credential) -> str:
    """A credential's header as it is written, with its scheme."""
    header, _, cookie = credential.header.partition(":")
    name = "-".join(word.capitalize() for word in header.split("-")) + (f" {cookie}" if cookie else "")
    return f"{name} ({credential.scheme})" if credential.scheme else name


def spell_missing(lines: Iterable[Line], sent: Sent, form: Form) -> str:
    """Which credentials a call lacks of those that were recorded with it."""
    entries = [entry for line in lines for entry in line.entries]
    lacking = [(entry, wanted) for entry in entries if (wanted := entry.credentials - sent.present)]
    if lacking:
        entry, wanted = min(lacking, key=lambda pair: len(pair[1]))
        missing = ", ".join(spell(credential) for credential in sorted(wanted, key=lambda one: one.header))
        malformed = [one for one in wanted if one.scheme and Credential(one.header) in sent.present]
        why = "".join(f"; its {spell(Credential(one.header))} is not `SCHEME TOKEN`" for one in malformed)
        return f"{form.method} {form.path} lacks {missing}, with which cassette {entry.cassette} recorded it{why}"
    entry = entries[0]
    return (
        f"{form.method} {form.path} was recorded as {entry.id} in cassette {entry.cassette} without credentials "
        "and denied; nothing was recorded for a call that has them"
    )
