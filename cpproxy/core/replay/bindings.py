"""The live values that stand for recorded ones in one session: a bijection of identities, and the secrets in use."""

import hmac
from dataclasses import dataclass, field

from cpproxy.core.replay.identities import NUMBER, Catalogue, Identity, render
from cpproxy.core.replay.templates import Slot


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A value that cannot stand where it does: it is bound already, or another one is bound in its place."""

    identity: Identity
    value: str
    why: str


@dataclass(slots=True)
class Bindings:
    """What is bound in one session. `version` changes with every change."""

    live: dict[Identity, str] = field(default_factory=dict)
    recorded: dict[str, Identity] = field(default_factory=dict)
    loose: set[Identity] = field(default_factory=set)
    """Those that a read bound before the write that makes the thing: the write may bind them anew."""
    renamed: dict[Identity, str] = field(default_factory=dict)
    """Those of `live` whose value is not the recorded one."""
    version: int = 0

    def meaning(self, value: str, catalogue: Catalogue) -> Identity | None:
        """The identity that a live value stands for, by its binding or because it was recorded; else None."""
        plain = value.lower()
        for text in (value, plain) if plain != value else (value,):
            if (known := self.recorded.get(text) or self.recorded.get(NUMBER + text)) is not None:
                return known
        known = catalogue.meaning(value)
        return known if known is None or known not in self.live else None

    def unify(
        self, slots: tuple[Slot, ...], values: tuple[str, ...], catalogue: Catalogue, *, firm: bool
    ) -> dict[Identity, str] | Contradiction:
        """The bindings that these values would add (rule 5); `firm` may take the place of a loose one."""
        added: dict[Identity, str] = {}
        for slot, value in zip(slots, values, strict=True):
            if slot.secret:
                continue
            identity = slot.identity
            bound = added.get(identity) or self.live.get(identity)
            if bound is not None and not (firm and identity in self.loose and identity not in added):
                if not _equal(text := render(bound, slot.form), value):
                    why = f"is not {text}, which stands for the recorded {render(identity, slot.form)} in this session"
                    return Contradiction(identity, value, why)
                continue
            plain = _plain(value, slot)
            if plain is None:  # cut short: what it was cut from cannot be told
                known = catalogue.meaning(value)
                if known is not None and known != identity:
                    return Contradiction(identity, value, "was recorded as another thing")
                continue
            other = self.recorded.get(plain)
            if other is not None and other != identity and not (firm and other in self.loose):
                return Contradiction(
                    identity, value, f"stands for the recorded {other.removeprefix(NUMBER)} in this session"
                )
            if other is None and plain in catalogue and plain != identity and plain not in self.live:
                return Contradiction(identity, value, "was recorded as another thing")
            if plain in added.values():
                return Contradiction(identity, value, "stands for two things at once")
            added[identity] = plain
        return added

    def bind(self, added: dict[Identity, str], *, loose: frozenset[Identity] = frozenset()) -> bool:
        """Takes what `unify` gave, those of `loose` until a write binds them. Whether that has changed anything."""
        version = self.version
        for identity, value in added.items():
            if self.live.get(identity) == value:
                if identity in self.loose and identity not in loose:
                    self.loose.discard(identity)
                continue
            self._release(identity)
            if (other := self.recorded.get(value)) is not None:
                self._release(other)
            self.live[identity] = value
            self.recorded[value] = identity
            if value != identity:
                self.renamed[identity] = value
            if identity in loose:
                self.loose.add(identity)
            self.version += 1
        return self.version != version

    def serve(self, identity: Identity) -> None:
        """Takes a recorded value for itself that was handed out: from now on no other stands for it."""
        if identity not in self.live and identity not in self.recorded:
            self.live[identity] = identity
            self.recorded[identity] = identity
            self.version += 1

    def _release(self, identity: Identity) -> None:
        value = self.live.pop(identity, None)
        if value is not None:
            del self.recorded[value]
            self.renamed.pop(identity, None)
            self.loose.discard(identity)

    def text(self, identity: Identity, form: str) -> str:
        """What stands for an identity in an answer."""
        return render(self.live.get(identity, identity), form)


def _equal(expected: str, value: str) -> bool:
    return expected == value or (len(value) >= 8 and expected.lower() == value.lower())


def _plain(value: str, slot: Slot) -> str | None:
    """A live value in the form in which it is bound; None where that cannot be known."""
    match slot.form:
        case "as it is":
            return NUMBER + value if slot.identity.startswith(NUMBER) else value
        case "upper case":
            return value.lower()
        case "without dashes" | "without dashes, upper case":
            bare = value.lower()
            if len(bare) != 32:
                return None
            return "-".join((bare[:8], bare[8:12], bare[12:16], bare[16:20], bare[20:]))
        case _:
            return None


type Linked = frozenset[tuple[str, str]]
"""The credential values of a call, by header: calls that share one come from one caller."""


type Secret = tuple[str, str]
"""A cassette and a placeholder in it."""


@dataclass(slots=True)
class Secrets:
    """The secrets in use in one session, by cassette and placeholder (rule 6). They stay in memory."""

    used: dict[Secret, list[tuple[Linked, str]]] = field(default_factory=dict)
    served: dict[Secret, list[tuple[Linked, str]]] = field(default_factory=dict)
    """What callers were given for a placeholder, each with the credentials and the address it was given to."""
    handed_out: dict[str, list[Secret]] = field(default_factory=dict)
    """The placeholders by what was served for them."""

    def contradicts(self, secret: Secret, value: str) -> bool:
        """Whether another value, and not this one, has stood for a placeholder."""
        return bool(self.used.get(secret)) and not self.agrees(secret, value)

    def agrees(self, secret: Secret, value: str) -> bool:
        """Whether this value has stood for a placeholder, or was served for it."""
        return any(is_same(known, value) for _, known in self.used.get(secret, ())) or self.is_of(secret, value) is True

    def is_of(self, secret: Secret, value: str) -> bool | None:
        """Whether a value is what was served for this placeholder; None if it was served for none of the cassette."""
        known = [other for other in self.handed_out.get(value, ()) if other[0] == secret[0]]
        return secret in known if known else None

    def changed(self, secret: Secret, value: str, caller: Linked, header: str) -> bool:
        """Whether the caller has used another value for a placeholder before."""
        rest = _others(caller, header)
        known = [known for linked, known in self.used.get(secret, ()) if not rest.isdisjoint(linked)]
        return bool(known) and not any(is_same(one, value) for one in known)

    def expected(self, secret: Secret, caller: Linked, client: str) -> str | None:
        """What a caller was given for a placeholder and must bring back; None where it was given nothing."""
        for linked, value in self.served.get(secret, ()):
            if not _values(linked).isdisjoint(_values(caller)) or ("", client) in linked:
                return value
        return None

    def use(self, secret: Secret, value: str, caller: Linked, header: str) -> bool:
        """Remembers what stood for a placeholder; whether that is new."""
        return _remember(self.used, secret, (_others(caller, header), value))

    def serve(self, secret: Secret, value: str, caller: Linked) -> bool:
        """Remembers what a caller was given for a placeholder; whether that is new."""
        holders = self.handed_out.setdefault(value, [])
        if secret not in holders:
            holders.append(secret)
        return _remember(self.served, secret, (caller, value))


def is_same(one: str, other: str) -> bool:
    """Whether two secrets are equal, in a time that does not tell how far they are."""
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))


type _Known = dict[Secret, list[tuple[Linked, str]]]


def _remember(known: _Known, secret: Secret, one: tuple[Linked, str]) -> bool:
    entries = known.setdefault(secret, [])
    if one in entries:
        return False
    entries.append(one)
    return True


def _others(caller: Linked, header: str) -> Linked:
    return frozenset(pair for pair in caller if pair[0] != header)


def _values(caller: Linked) -> frozenset[str]:
    return frozenset(value for _, value in caller)
