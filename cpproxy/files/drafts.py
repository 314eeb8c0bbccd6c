"""A cassette while it is being recorded: what is on disk before the recording has come to a good end.

A cassette takes its name when it is whole and was looked through, and not before: until then the draft lies beside it,
under a name that is no cassette's, for its owner alone. A draft that a recorder left behind, because it was killed or
came to a bad end, is never written over, but for secrets that are known by now.
"""

import contextlib
import fcntl
import hashlib
import itertools
import os
import re
import stat
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Self

import msgspec
from msgspec import structs

from cpproxy.core.cassette import CassetteOf
from cpproxy.core.redaction.redacted import RedactedInteraction, RedactedText
from cpproxy.errors import CassetteError, UsageError
from cpproxy.files import cassettes
from cpproxy.files.cassettes import Rendered
from cpproxy.files.fence import Spot

UNDER_WAY = "the recording has not come to its end"
_NUMBER = re.compile(r"\.[0-9]+")
_DRAFT = re.compile(r"\.{1,2}(.+)\.json(?:(?:\.recording(?:\.[0-9]+)?)(?:\.[0-9a-f]{8}\.tmp)?|\.[0-9a-f]{8}\.tmp)")
"""What a recorder writes beside a cassette of a name, and what it was about to write when it was killed."""

_TEMPORARY = re.compile(r"\.[0-9a-f]{8}\.tmp")


class Draft:
    """One recorder's hold on one cassette. `previous` is what the cassette was before, or None.

    `left` is a draft that an earlier recorder had left beside it, moved out of the way, or None. `sha256` is the digest
    of what was written last, in hex.
    """

    def __init__(self, folder: Path, name: str, lock: int) -> None:
        self._folder = folder
        self._name = name
        self._lock = lock
        self._path = cassettes.locate(folder, name)
        self._rendered: dict[str, tuple[RedactedInteraction, Rendered]] = {}
        self.sha256 = ""
        with _explained(self._path), cassettes.reach(folder, name) as spot:
            _check_replaceable(self._path, spot)
            self.previous = cassettes.read(folder, name) if spot.status() else None
            self._file = self._usual = _ending(spot.name, "recording")
            left = _set_aside(spot.beside(self._file), self._path)
        self.left = self._path.with_name(left) if left else None

    @classmethod
    def open(cls, folder: Path, name: str) -> Self:
        """Takes the cassette for this process.

        UsageError when another one records into it, or for a name that leaves the folder; CassetteError when what is
        there is no cassette or cannot be replaced, or the folder cannot be written.
        """
        lock = _take_lock(folder, name)
        try:
            return cls(folder, name, lock)
        except BaseException:
            _release(folder, name, lock)
            raise

    def save(self, cassette: CassetteOf[RedactedInteraction]) -> Path:
        """Writes what there is so far, whole or not at all, and gives the file. CassetteError when it cannot."""
        marked = structs.replace(cassette, incomplete=cassette.incomplete or UNDER_WAY)
        data = self.spell(marked)
        with _explained(self._path.with_name(self._file)), cassettes.reach(self._folder, self._name, make=True) as spot:
            status = spot.beside(self._file).status()
            if status is not None and stat.S_ISDIR(status.st_mode):  # somebody made one there meanwhile
                self._file = next(_free(spot.beside(self._file)))
            cassettes.replace(spot.beside(self._file), data, private=True)
        self.sha256 = hashlib.sha256(data).hexdigest()
        return self._path.with_name(self._file)

    def publish(self, cassette: CassetteOf[RedactedInteraction]) -> Path:
        """Makes it the cassette of its name, and gives the file.

        CassetteError when that cannot be done; it says where the recording is kept then.
        """
        data = self.spell(cassette)
        try:
            with _explained(self._path), cassettes.reach(self._folder, self._name, make=True) as spot:
                cassettes.replace(spot, data, private=False)
        except (CassetteError, UsageError) as error:
            kept = self.save(structs.replace(cassette, incomplete=f"it could not be saved as {self._name}"))
            raise CassetteError(
                str(self._path), "$", f"{_reason(error)}; the recording is left in {kept}: move it to where it can stay"
            ) from error
        self.discard()
        self.sha256 = hashlib.sha256(data).hexdigest()
        return self._path

    def spell(self, cassette: CassetteOf[RedactedInteraction]) -> bytes:
        """The bytes that a file of this cassette would hold."""
        return cassettes.assemble(self._render(cassette), str(self._path))

    def discard(self) -> None:
        """Leaves nothing of what was recorded, if that can be done."""
        with contextlib.suppress(CassetteError, UsageError):
            self.withdraw()

    def withdraw(self) -> None:
        """Leaves nothing of what was recorded. CassetteError when that cannot be done."""
        with (
            _explained(self._path.with_name(self._file)),
            contextlib.suppress(FileNotFoundError, NotADirectoryError),
            cassettes.reach(self._folder, self._name) as spot,
        ):
            spot.beside(self._file).remove()

    def cleanse_left(self, clean: Callable[[str], RedactedText]) -> None:
        """Takes out of drafts that earlier recorders left what `clean` takes out. CassetteError when it cannot be.

        Of one that would be no JSON without it nothing is left, nor of what a killed recorder was about to write.
        """
        with (
            _explained(self._path),
            contextlib.suppress(FileNotFoundError, NotADirectoryError),
            cassettes.reach(self._folder, self._name) as spot,
        ):
            for name in spot.siblings():
                if _TEMPORARY.fullmatch(name.removeprefix(f".{self._usual}")):
                    spot.beside(name).remove()
                elif _NUMBER.fullmatch(name.removeprefix(self._usual)):
                    _cleanse(spot.beside(name), clean)

    def close(self) -> None:
        """Lets others record into the cassette."""
        _release(self._folder, self._name, self._lock)

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


def find(folder: Path, chosen: Collection[str] = ()) -> Iterator[tuple[Path, bytes]]:
    """What recorders have written in the folder and below, and was not made a cassette: each file, and its bytes.

    With `chosen` only that of cassettes of these names. What is no file, or went meanwhile, is passed over;
    CassetteError for what cannot be read.
    """
    for parent, _, files, descriptor in os.fwalk(folder):  # as cassettes.names: no link is followed
        for file in sorted(files):
            found = _DRAFT.fullmatch(file)
            path = Path(parent, file)
            if found and (not chosen or path.relative_to(folder).with_name(found[1]).as_posix() in chosen):
                data = _read(Spot(descriptor, file), path)
                if data is not None:
                    yield path, data


def _read(draft: Spot, path: Path) -> bytes | None:
    """The bytes of a draft; None for one that is no file, or none any more."""
    try:
        status = draft.status()
        if status is None or not stat.S_ISREG(status.st_mode):
            return None
        with os.fdopen(draft.open(os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CassetteError(str(path), "$", f"expected a draft that can be read: {error.strerror}") from None


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CassetteError(str(path), "$", f"expected a file that can be written: {error.strerror}") from error


def _reason(error: CassetteError | UsageError) -> str:
    return error.expected if isinstance(error, CassetteError) else str(error)


def _ending(name: str, ending: str) -> str:
    return f".{name}.{ending}"


def _check_replaceable(path: Path, spot: Spot) -> None:
    """CassetteError for what stands where the cassette is to be, and could not be replaced by it when all is done."""
    status = spot.status()
    if status is None or stat.S_ISLNK(status.st_mode):
        return
    if not stat.S_ISREG(status.st_mode):
        raise CassetteError(str(path), "$", f"expected a file, found {cassettes.describe(status)}")
    folder = os.fstat(spot.folder)
    if folder.st_mode & stat.S_ISVTX and os.geteuid() not in {0, status.st_uid, folder.st_uid}:
        raise CassetteError(str(path), "$", "expected a file that can be replaced: it is another user's (mode +t)")


def _free(draft: Spot) -> Iterator[str]:
    """Names beside a draft's that nothing has yet."""
    return (
        name for name in (f"{draft.name}.{number}" for number in itertools.count(1)) if not draft.beside(name).status()
    )


def _set_aside(draft: Spot, path: Path) -> str:
    """The new name of a draft that was left, if there is one. CassetteError for what stands in its way and is none."""
    status = draft.status()
    if status is None:
        return ""
    if not stat.S_ISREG(status.st_mode):
        raise CassetteError(
            str(path.with_name(draft.name)), "$", f"expected a recorder's draft, found {cassettes.describe(status)}"
        )
    for aside in _free(draft):
        with contextlib.suppress(FileExistsError):
            draft.link(aside)
            draft.remove()
            return aside
    return ""


def _cleanse(draft: Spot, clean: Callable[[str], RedactedText]) -> None:
    status = draft.status()
    if status is None or not stat.S_ISREG(status.st_mode):
        return
    with os.fdopen(draft.open(os.O_RDONLY), "rb") as file:
        text = file.read().decode(errors="replace")
    cleaned = clean(text)
    if cleaned == text:
        return
    try:
        msgspec.json.decode(cleaned, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        draft.remove()
    else:
        cassettes.replace(draft, cleaned.encode(), private=True)


def _take_lock(folder: Path, name: str) -> int:
    path = cassettes.locate(folder, name)
    while True:
        try:
            with cassettes.reach(folder, name, make=True) as spot:
                place = spot.beside(_ending(spot.name, "lock"))
                status = place.status()
                if status is not None and not stat.S_ISREG(status.st_mode):
                    found = cassettes.describe(status)
                    raise CassetteError(
                        str(path.with_name(place.name)), "$", f"expected a recorder's lock, found {found}"
                    )
                lock = place.open(os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise CassetteError(str(path.parent), "$", f"expected a folder to record into: {error.strerror}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise UsageError(
                f"cassette {name}: another recorder is at work on it; wait for its end, or choose another --cassette"
            ) from None
        if _is_there(folder, name, lock):
            return lock
        os.close(lock)  # its holder removed it between our opening and our locking it


def _is_there(folder: Path, name: str, lock: int) -> bool:
    """Whether the lock is still the one of that name."""
    with contextlib.suppress(OSError), cassettes.reach(folder, name) as spot:
        status = spot.beside(_ending(spot.name, "lock")).status()
        return status is not None and os.path.samestat(os.fstat(lock), status)
    return False


def _release(folder: Path, name: str, lock: int) -> None:
    if _is_there(folder, name, lock):
        with contextlib.suppress(OSError, UsageError), cassettes.reach(folder, name) as spot:
            spot.beside(_ending(spot.name, "lock")).remove()
    os.close(lock)
