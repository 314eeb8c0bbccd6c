"""What is written in place of secrets."""

from collections.abc import Iterable

import msgspec

from cpproxy.core.cassette import Placeholder
from cpproxy.core.redaction.credentials import split_scheme
from cpproxy.core.redaction.markers import MARKER, PLACEHOLDER
from cpproxy.core.redaction.names import names_secret

LARGEST_DOCUMENT = 64 * 1024
"""How large a request's JSON may be, in bytes, to stand on the ledger: as much as a requirement would look into."""

MASK = "***"
"""What stands for a secret where nobody needs to tell one from another."""


class Redactor:
    """Gives secrets their placeholders, the same one to the same secret, numbered for each role as they come.

    Placeholders that are `taken` belong to secrets that nobody knows any more: their numbers are not given again.
    """

    def __init__(self, taken: Iterable[Placeholder] = ()) -> None:
        self._placeholders = list(taken)
        self._of_secret: dict[str, str] = {}
        self._last: dict[str, int] = {}
        for placeholder in self._placeholders:
            if match := PLACEHOLDER.fullmatch(placeholder.marker):
                role, number = match.groups()
                self._last[role] = max(self._last.get(role, 0), int(number))

    @property
    def placeholders(self) -> tuple[Placeholder, ...]:
        """All that were taken or given, in order."""
        return tuple(self._placeholders)

    def placeholder(self, role: str, secret: str) -> str:
        """What stands for a secret that was found under the name `role`."""
        marker = self._of_secret.get(secret)
        if marker is None:
            number = self._last[role] = self._last.get(role, 0) + 1
            marker = self._of_secret[secret] = f"{MARKER}{role}:{number}}}}}"
            self._placeholders.append(Placeholder(marker, role))
        return marker

    def request_headers(self, headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        """The headers with a placeholder for each credential's value; a scheme before it stays."""
        return tuple(
            (name, self._credential(name.lower(), value)) if value and names_secret(name) else (name, value)
            for name, value in headers
        )

    def _credential(self, header: str, value: str) -> str:
        scheme, secret = split_scheme(header, value)
        return scheme + self.placeholder(header, secret)


def mask(value: object) -> object:
    """A decoded JSON value with `***` for each string under a member whose name says that it is secret.

    Lists and objects are changed in place. Numbers, booleans, null and empty strings are no secrets.
    """
    pending = [(value, False)]
    while pending:
        container, secret = pending.pop()
        match container:
            case dict():
                for name, member in container.items():
                    hidden = secret or names_secret(name)
                    if hidden and member and isinstance(member, str):
                        container[name] = MASK
                    else:
                        pending.append((member, hidden))
            case list():
                for index, element in enumerate(container):
                    if secret and element and isinstance(element, str):
                        container[index] = MASK
                    else:
                        pending.append((element, secret))
            case _:
                pass  # a leaf whose name says nothing
    return value


def read_document(body: bytes) -> msgspec.Raw | msgspec.UnsetType:
    """A request's JSON as the ledger holds it, masked; UNSET for a body that is none, or is too large for a look."""
    if len(body) > LARGEST_DOCUMENT or body.lstrip()[:1] not in {b"{", b"["}:
        return msgspec.UNSET
    try:
        return msgspec.Raw(msgspec.json.encode(mask(msgspec.json.decode(body))))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return msgspec.UNSET  # no JSON after all
