"""Values that hold no secret, as the type checker knows them: what leaves memory is one of these.

Only this package makes them, which a test looks after. Those of structs are names alone: a redactor casts to them,
since a copy of each row would be a copy too many, and nobody makes one by its constructor.
"""

from typing import NewType, Protocol

from msgspec import Raw, Struct

from cpproxy.core.calls import Call
from cpproxy.core.cassette import Interaction
from cpproxy.core.runs import Run

RedactedText = NewType("RedactedText", str)
"""A text."""

RedactedJson = NewType("RedactedJson", Raw)
"""A JSON document."""


class RedactedCall(Call, frozen=True):
    """A row of the ledger."""


class RedactedInteraction(Interaction, frozen=True):
    """An interaction with placeholders for its secrets."""


class RedactedRun(Run, frozen=True):
    """A run's header."""


class RedactedEvent(Struct, frozen=True):
    """An event of a run."""


class Clean(Protocol):
    """What takes out of written texts what must not stand in them any more."""

    def __call__(self, text: str, *, json: bool = False) -> RedactedText:
        """The text, or with `json` the JSON document, without it; itself if it holds none of it."""
