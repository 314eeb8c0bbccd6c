"""A cassette while it is being recorded: what is on disk before the recording has come to a good end.

A cassette takes its name when it is whole and was looked through, and not before: until then the draft lies beside it,
under a name that is no cassette's, for its owner alone. A draft that a recorder left behind, because it was killed or
came to a bad end, is never written over.
"""

import contextlib
import fcntl
import itertools
import os
from pathlib import Path
from typing import Self

from msgspec import structs

from cpproxy.core.cassette import CassetteOf
from cpproxy.core.redaction.redacted import RedactedInteraction
from cpproxy.errors import CassetteError, UsageError
from cpproxy.files import cassettes
from cpproxy.files.cassettes import Rendered

UNDER_WAY = "the recording has not come to its end"


class Draft:
    """One recorder's hold on one cassette. `previous` is what the cassette was before, or None.

    `left` is a draft that an earlier recorder had left beside it, moved out of the way, or None.
    """

    def __init__(self, folder: Path, name: str, lock: int) -> None:
        self._folder = folder
        self._name = name
        self._lock = lock
        self._path = cassettes.locate(folder, name)
        self._rendered: dict[str, tuple[RedactedInteraction, Rendered]] = {}
        self.previous = cassettes.read(folder, name) if os.path.lexists(self._path) else None
        self._file = _beside(self._path, "recording")
        self.left = _set_aside(self._file)

    @classmethod
    def open(cls, folder: Path, name: str) -> Self:
        """Takes the cassette for this process.

        UsageError when another one records into it, or for a name that leaves the folder; CassetteError when what is
        there is no cassette, or the folder cannot be written.
        """
        path = cassettes.locate(folder, name)
        lock = _take_lock(_beside(path, "lock"), name)
        try:
            return cls(folder, name, lock)
        except BaseException:
            _release(_beside(path, "lock"), lock)
            raise

    def save(self, cassette: CassetteOf[RedactedInteraction]) -> Path:
        """Writes what there is so far, whole or not at all, and gives the file. CassetteError when it cannot."""
        marked = structs.replace(cassette, incomplete=cassette.incomplete or UNDER_WAY)
        return cassettes.write(self._folder, self._name, self._render(marked), into=self._file)

    def publish(self, cassette: CassetteOf[RedactedInteraction]) -> Path:
        """Makes it the cassette of its name, and gives the file. CassetteError when that cannot be done."""
        path = cassettes.write(self._folder, self._name, self._render(cassette))
        self._file.unlink(missing_ok=True)
        return path

    def spell(self, cassette: CassetteOf[RedactedInteraction]) -> bytes:
        """The bytes that a file of this cassette would hold."""
        return cassettes.assemble(self._render(cassette))

    def discard(self) -> None:
        """Leaves nothing of what was recorded."""
        self._file.unlink(missing_ok=True)

    def close(self) -> None:
        """Lets others record into the cassette."""
        _release(_beside(self._path, "lock"), self._lock)

    def _render(self, cassette: CassetteOf[RedactedInteraction]) -> CassetteOf[Rendered]:
        pieces = []
        for interaction in cassette.interactions:
            known = self._rendered.get(interaction.id)
            if known is None or known[0] is not interaction:
                known = self._rendered[interaction.id] = (interaction, cassettes.render(interaction))
            pieces.append(known[1])
        return CassetteOf(
            cpproxy=cassette.cpproxy,
            recorded=cassette.recorded,
            interactions=tuple(pieces),
            incomplete=cassette.incomplete,
            identities=cassette.identities,
            placeholders=cassette.placeholders,
        )


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(f".{path.name}.{ending}")


def _set_aside(draft: Path) -> Path | None:
    if not draft.exists():
        return None
    for number in itertools.count(1):
        aside = draft.with_name(f"{draft.name}.{number}")
        with contextlib.suppress(FileExistsError):
            os.link(draft, aside)
            draft.unlink()
            return aside
    return None


def _take_lock(path: Path, name: str) -> int:
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise CassetteError(str(path.parent), "$", f"expected a folder to record into: {error.strerror}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise UsageError(
                f"cassette {name}: another recorder is at work on it; wait for its end, or choose another --cassette"
            ) from None
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(lock), path.stat()):
                return lock
        os.close(lock)  # its holder removed it between our opening and our locking it


def _release(path: Path, lock: int) -> None:
    path.unlink(missing_ok=True)
    os.close(lock)
