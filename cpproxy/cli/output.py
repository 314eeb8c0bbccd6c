"""What a command writes: to standard output, to standard error and to its log, all of it through one gate.

A process has one redactor. Before the config is read it knows of none; a proxy's learns what its calls show.
"""

import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TextIO

from cpproxy.core.repeating import repeat

if TYPE_CHECKING:
    from cpproxy.core.config import Redact
    from cpproxy.core.redaction.redacted import RedactedText
    from cpproxy.core.redaction.redactor import Redactor

_GATES: "list[Redactor]" = []
_OUTSIDE: list[str] = []


def open_gate(settings: "Redact", environment: Mapping[str, str]) -> "Redactor":
    """The redactor of this process from now on: it knows the config, and the variables that the config names.

    UsageError for a pattern or a place that is none.
    """
    from cpproxy.core.redaction.redactor import Redactor  # noqa: PLC0415 (`--help` does without it)

    own = (name for name in environment if name.startswith("CPPROXY_") and name.endswith("_TOKEN"))
    named = [(environment[name], name) for name in (*settings.environment, *own) if environment.get(name)]
    redactor = Redactor(settings, named)
    _GATES[:] = [redactor]
    return redactor


def gate() -> "Redactor":
    """The redactor of this process."""
    if not _GATES:
        from cpproxy.core.config import Redact  # noqa: PLC0415 (as above)

        return open_gate(Redact(), {})
    return _GATES[0]


def hear(given: Iterable[str]) -> None:
    """Takes what was given from outside: flags, variables, the config. No password of an address in it is told."""
    _OUTSIDE.extend(text for text in given if "@" in text or ":" in text or "%" in text or not text.isascii())


def write(text: str) -> None:
    """Writes to standard output what was asked for, of what was redacted before."""
    _put(sys.stdout, gate().shown(text))


def write_verdict(text: str) -> None:
    """Writes a verdict to standard error, at once."""
    _put(sys.stderr, gate().shown(text))
    sys.stderr.flush()


def tell(text: str) -> None:
    """Writes what cpproxy has to say to standard error, at once."""
    _put(sys.stderr, gate().message(repeat(text, _OUTSIDE)))
    sys.stderr.flush()


def print_error(message: str) -> None:
    """Writes `cpproxy: error: message` to standard error, in one line whatever the message holds."""
    tell(f"cpproxy: error: {' '.join(message.split())}\n")


def _put(stream: TextIO, text: "RedactedText") -> None:
    # A terminal that cannot show a character is no reason to show nothing.
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
