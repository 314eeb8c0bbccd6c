"""Files below a folder, reached so that no name and no link leads out of it, whatever others do to it meanwhile.

A path that is looked at first and opened afterwards may have become another path in between. Here each part is opened
from the folder that was opened before it, and what is a link is never followed by the system: its target is walked in
the same way, and one that leaves the folder is refused. So what was checked is what is used.
"""

import contextlib
import errno
import os
import stat
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
_MAX_LINKS = 40  # as Linux has it
_LINKS = frozenset({errno.ELOOP, errno.ENOTDIR, errno.EMLINK})  # what systems say of a link that is not to be followed


class OutsideError(Exception):
    """A link leads out of the folder."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A name in a folder that is held open. What it does not find it tells by the system's own errors.

    `folder` is a descriptor, valid within `reach`; a link of that name is never followed.
    """

    folder: int
    name: str

    def beside(self, name: str) -> "Spot":
        """Another name in the same folder."""
        return replace(self, name=name)

    def open(self, flags: int, mode: int = 0o600) -> int:
        """A descriptor of what stands there; OSError for a link."""
        return os.open(self.name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=self.folder)

    def status(self) -> os.stat_result | None:
        """What stands there, be it a link; None for nothing."""
        try:
            return os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def remove(self) -> None:
        """Takes the file away, if there is one."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.name, dir_fd=self.folder)

    def move(self, name: str) -> None:
        """Gives the file another name, in the place of the file that has it."""
        os.rename(self.name, name, src_dir_fd=self.folder, dst_dir_fd=self.folder)

    def link(self, name: str) -> None:
        """Gives the file another name, too; FileExistsError where one has it."""
        os.link(self.name, name, src_dir_fd=self.folder, dst_dir_fd=self.folder, follow_symlinks=False)

    def siblings(self) -> list[str]:
        """All names in the folder, in order."""
        with self._listed() as descriptor:
            return sorted(os.listdir(descriptor))  # noqa: PTH208 (a folder without a path)

    def keep(self) -> None:
        """Has the folder's names written to the disk."""
        with self._listed() as descriptor:
            os.fsync(descriptor)

    @contextlib.contextmanager
    def _listed(self) -> Iterator[int]:
        descriptor = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.folder)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def reach(root: Path, path: str, *, follow: bool = False, make: bool = False) -> Iterator[Spot]:
    """The place of `path`, which is relative to `root`; `follow` where a link of its last name is to be followed.

    With `make` the folders on the way are made. OutsideError where a link leads out, OSError where there is no way.
    """
    if make:
        root.mkdir(parents=True, exist_ok=True)
    walk = _Walk(root, make=make)
    try:
        yield walk.go(path, follow=follow)
    finally:
        walk.close()


class _Walk:
    """From folder to folder. All that were entered stay open, so that `..` is where we came from and nowhere else."""

    def __init__(self, root: Path, *, make: bool) -> None:
        self._root = root
        self._make = make
        self._links = 0
        self._entered = [os.open(root, _FOLDER)]

    def close(self) -> None:
        while self._entered:
            os.close(self._entered.pop())

    def go(self, path: str, *, follow: bool) -> Spot:
        parts = deque(path.split("/"))
        while parts:
            part = parts.popleft()
            if part == "..":
                self._leave()
            elif part in {"", "."}:
                continue
            elif not any(one not in {"", "."} for one in parts):
                target = self._target(part) if follow else None
                if target is None:
                    return Spot(self._entered[-1], part)
                parts = deque(target)
            else:
                parts.extendleft(reversed(self._enter(part)))
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))

    def _leave(self) -> None:
        if len(self._entered) == 1:
            raise OutsideError
        os.close(self._entered.pop())

    def _enter(self, part: str) -> list[str]:
        """Enters a folder; of a link, the parts that it stands for come back instead."""
        here = self._entered[-1]
        if self._make:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, dir_fd=here)
        try:
            self._entered.append(os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=here))
        except OSError as error:
            target = self._target(part) if error.errno in _LINKS else None
            if target is None:
                raise
            return target
        return []

    def _target(self, part: str) -> list[str] | None:
        """The parts that a link stands for; None for what is none."""
        here = self._entered[-1]
        try:
            if not stat.S_ISLNK(os.stat(part, dir_fd=here, follow_symlinks=False).st_mode):
                return None
            target = os.readlink(part, dir_fd=here)
        except OSError:
            return None  # whoever opens it is told
        self._links += 1
        if self._links > _MAX_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if not target.startswith("/"):
            return target.split("/")
        for root in (os.path.realpath(self._root), os.path.abspath(self._root)):  # noqa: PTH100 (no link is to be read)
            if Path(target).is_relative_to(root):
                while len(self._entered) > 1:
                    self._leave()
                return target.removeprefix(root).split("/")
        raise OutsideError
