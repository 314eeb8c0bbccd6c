"""An SQLite ledger's file as its header tells it: what is none is refused at the start of a run, not at its end.

Only bytes are read (sqlite.org/fileformat.html, section 1.3), so that neither SQLAlchemy nor SQLite stands in the way
of the first answer.
"""

from pathlib import Path

from cpproxy.errors import LedgerError

VERSION = 3
"""The version of the tables, counted apart from releases; in the header it is SQLite's `user_version`."""

APPLICATION_ID = 0x6370_7078  # "cppx"

_MAGIC = b"SQLite format 3\x00"
_FRACTIONS = b"\x40\x20\x20"  # the same in every database
_HEADER = 100  # bytes
_OTHER = "choose another with --ledger"


def refuse_other_files(path: Path) -> None:
    """LedgerError when there is a file at the path that cannot be this cpproxy's ledger."""
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER)
    except FileNotFoundError:
        return
    except OSError as error:
        raise LedgerError(f"ledger {path}: cannot be read: {error.strerror}") from error
    if not header:
        return
    if not header.startswith(_MAGIC) or not _FRACTIONS.startswith(header[21:24]):
        raise LedgerError(f"ledger {path}: is not an SQLite database; {_OTHER}")
    if len(header) < _HEADER or _is_cut_off(path, header):
        raise LedgerError(f"ledger {path}: is cut off, and cannot be read; {_OTHER}")
    if _number(header, 68) != APPLICATION_ID:
        if _number(header, 28) > 1:  # a database of one page has no table yet
            raise LedgerError(f"ledger {path}: is a database of something else; {_OTHER}")
    elif _number(header, 60) > VERSION:
        raise LedgerError(describe_version(str(path), _number(header, 60)))


def describe_version(shown: str, version: int) -> str:
    """The words on a ledger whose tables have another version than ours."""
    return (
        f"ledger {shown}: has version {version}, and this cpproxy knows version {VERSION}; upgrade cpproxy, or {_OTHER}"
    )


def _is_cut_off(path: Path, header: bytes) -> bool:
    """Whether pages are missing: not those that still stand in the log beside the file, which is asked for first."""
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size:
        return False
    size = int.from_bytes(header[16:18])
    return path.stat().st_size < _number(header, 28) * (65536 if size == 1 else size)


def _number(header: bytes, offset: int) -> int:
    return int.from_bytes(header[offset : offset + 4])
