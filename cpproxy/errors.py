"""The tree of errors, each with the exit code that a command ends with.

- CpproxyError
  - UsageError             2  a flag, an argument or the config is wrong
    - TakenError              a name that is to be new is in use
    - UnknownError            a name is that of nothing
    - GoneError               a session has ended
  - CassetteError          3  a cassette is missing, unreadable or of an unknown version
  - UpstreamError          4  the upstream failed while recording
  - SecretError            4  what was recorded looks as if a secret were in it
  - LedgerError            2  the ledger cannot be opened, read or written
  - TrapError              2  the trap cannot start
  - ScanError              2  the scan for secrets cannot be made, or not to its end

Findings (1) and an empty run (5) are verdicts, not errors. A message says in one line what, where and what to do next;
foreign exceptions are mapped to these at the boundary of the layer that met them.
"""

from enum import IntEnum


class Exit(IntEnum):
    """The exit codes of every command."""

    CLEAN = 0
    FINDINGS = 1
    USAGE = 2
    CASSETTE = 3
    UPSTREAM = 4
    NOTHING_SERVED = 5


class CpproxyError(Exception):
    """Ends a command with one line on standard error: the message."""

    exit: int = Exit.USAGE


class UsageError(CpproxyError):
    """A flag, an argument or the config is wrong."""


class TakenError(UsageError):
    """A name that is to be new is in use."""


class UnknownError(UsageError):
    """A name is that of nothing."""


class GoneError(UsageError):
    """A session has ended, or is about to."""


class LedgerError(CpproxyError):
    """The ledger cannot be opened, read or written."""


class TrapError(CpproxyError):
    """The trap cannot start."""


class ScanError(CpproxyError):
    """The scan for secrets cannot be made, or not to its end: nothing may be taken for clean."""


class CassetteError(CpproxyError):
    """A cassette is missing, unreadable or of an unknown version.

    `where` is the file, `path` the JSON path in it (`$` for the whole), `expected` what should have stood there.
    """

    exit = Exit.CASSETTE

    def __init__(self, where: str, path: str, expected: str) -> None:
        super().__init__(f"{where}: {path}: {expected}")
        self.where = where
        self.path = path
        self.expected = expected


class SecretError(CpproxyError):
    """What was recorded looks as if a secret were in it: no file is made of it."""

    exit = Exit.UPSTREAM


class UpstreamError(CpproxyError):
    """The upstream failed while recording."""

    exit = Exit.UPSTREAM
