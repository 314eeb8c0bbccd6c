"""Cassettes on disk: which there are, read whole and checked, written whole or not at all.

What is read and what is written is one typed definition, `cpproxy.core.cassette`, checked by `cpproxy.core.validity` in
both directions: what cannot be read again is not written.
"""

import codecs
import contextlib
import difflib
import hashlib
import os
import re
import secrets
import stat
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import NewType, NoReturn

import msgspec
from msgspec import Raw

from cpproxy.core import validity
from cpproxy.core.cassette import Cassette, CassetteOf, Interaction
from cpproxy.core.redaction.redacted import RedactedInteraction
from cpproxy.errors import CassetteError, UsageError
from cpproxy.files import fence
from cpproxy.files.fence import Spot

SUFFIX = ".json"
SIZE_LIMIT = 512 * 1024 * 1024
"""The size in bytes of the largest cassette that is read."""

_PART_LIMIT = 200  # bytes of a name between slashes; file systems take 255, and a temporary file's is longer
_UNFIT = re.compile(r"[\s\"'\\\x00-\x1f\x7f\ud800-\udfff]")  # `find | xargs sha256sum` would trip over them
_INVISIBLE = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Mn", "Me", "Zl", "Zp", "Zs"})
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0\ufffc")  # letters and symbols that show nothing
_LIKE_SLASHES = frozenset(
    "\u2044\u2215\u2216\u29f5\u29f8\u29f9\u2571\u2572\u1735\u3033\u30ce\u4e36\u4e3f\u05f3\u2027\u00b7"
)
_LINE = 100  # how long a line may be for a list of more than two
_LIST = re.compile(
    rb"""\[\n\s*+((?:"(?:[^"\\]|\\.)*+"|[^"\[\]{}\s,]++)(?:,\n\s*+(?:"(?:[^"\\]|\\.)*+"|[^"\[\]{}\s,]++))*+)\n\s*+\]"""
)
_TRUNCATED = "Input data was truncated"
_LINE_OF = re.compile(r"\(byte (\d+)\)")
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFLNK: "a link",
}
_EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  -\n"  # of a folder without cassettes

Rendered = NewType("Rendered", bytes)
"""One interaction as it stands in a file, from `render`."""

_decode_head = msgspec.json.Decoder(CassetteOf[Raw]).decode
_decode_interaction = msgspec.json.Decoder(Interaction).decode


class _Version(msgspec.Struct):
    cpproxy: object = None


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """A cassette whose head is checked; its interactions are, one by one, as they are asked for.

    `where` is the file, `size` its bytes, `sha256` its digest in hex.
    """

    name: str
    where: str
    size: int
    sha256: str
    head: CassetteOf[Raw]

    def interactions(self) -> Iterator[tuple[Raw, Interaction]]:
        """Each interaction as it stands in the file, and decoded; CassetteError at the first that is not valid."""
        seen: dict[str, int] = {}
        for index, raw in enumerate(self.head.interactions):
            path = f"$.interactions[{index}]"
            try:
                interaction = _decode_interaction(raw)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                raise _translate(error, self.where, path, bytes(raw)) from None
            if problem := validity.check(interaction):
                raise CassetteError(self.where, path + problem.path, problem.expected)
            first = seen.setdefault(interaction.id, index)
            if first != index:
                raise CassetteError(
                    self.where,
                    f"{path}.id",
                    f"expected an id of its own, got {interaction.id}, which $.interactions[{first}] has",
                )
            yield raw, interaction


def names(folder: Path) -> tuple[str, ...]:
    """The names of all cassettes in the folder and below, ordered as the C locale orders their files.

    CassetteError for a folder that is missing or cannot be read, and for a file whose name cannot be a cassette's.
    """
    found: list[bytes] = []
    try:
        # By its descriptor: a folder that becomes a link meanwhile is not entered.
        for parent, folders, files, _ in os.fwalk(os.path.join(os.fsencode(folder), b"."), onerror=_raise):  # noqa: PTH118 - as below
            below = os.path.relpath(parent, os.fsencode(folder))
            found.extend(
                os.path.normpath(os.path.join(below, entry))  # noqa: PTH118 - paths are bytes here
                for entry in (*folders, *files)
                if entry.endswith(SUFFIX.encode())
            )
    except OSError as error:
        raise CassetteError(_show(folder), "$", f"expected a folder of cassettes: {error.strerror}") from None
    chosen = tuple(os.fsdecode(path).removesuffix(SUFFIX) for path in sorted(found))
    for name in chosen:
        if fault := _find_fault(name):
            raise CassetteError(_show(folder / f"{name}{SUFFIX}"), "$", f"expected a name that {fault}")
    return chosen


def choose(folder: Path, chosen: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The names that were chosen, each once, or all in the folder. CassetteError if that is none.

    Whether a chosen cassette exists is seen when it is read.
    """
    if chosen:
        return tuple(dict.fromkeys(chosen))
    if every := names(folder):
        return every
    raise CassetteError(_show(folder), "$", f"expected a cassette at least, a file that ends in {SUFFIX}, found none")


def locate(folder: Path, name: str) -> Path:
    """Where the cassette of that name would be, to be told and not to be opened. UsageError for what is no name."""
    if fault := _find_fault(name):
        raise UsageError(f"cassette {name!a}: expected a name that {fault}, such as harness/boot")
    return folder / f"{name}{SUFFIX}"


@contextlib.contextmanager
def reach(folder: Path, name: str, *, make: bool = False) -> Iterator[Spot]:
    """The place of a cassette's file, to write it or what lies beside it; with `make` its folders are made.

    UsageError for what is no name, and where a link leads out of the folder; OSError where there is no way to it.
    """
    locate(folder, name)
    path = f"{name}{SUFFIX}"
    with _kept_within(folder, name):
        with fence.reach(folder, path, follow=True, make=make):
            pass  # what is replaced is the link itself, but one that leads out is somebody's mistake
        with fence.reach(folder, path, make=make) as spot:
            yield spot


@contextlib.contextmanager
def _kept_within(folder: Path, name: str) -> Iterator[None]:
    try:
        yield
    except fence.OutsideError:
        where = _show(folder / f"{name}{SUFFIX}")
        raise UsageError(f"cassette {name}: {where} leads out of {_show(folder)}: put the file itself there") from None


def load(folder: Path, name: str) -> Loaded:
    """The cassette with its interactions undecoded, for replay.

    CassetteError says file, path and what was expected; UsageError is for a name that leaves the folder.
    """
    where = _show(locate(folder, name))
    data = _read(folder, name)
    head = _decode(data, where)
    if problem := validity.check_head(head):
        raise CassetteError(where, f"${problem.path}", problem.expected)
    return Loaded(name, where, len(data), hashlib.sha256(data).hexdigest(), head)


def read(folder: Path, name: str) -> Cassette:
    """The cassette, decoded and checked whole. Raises as `load` does."""
    loaded = load(folder, name)
    head = loaded.head
    interactions = tuple(interaction for _, interaction in loaded.interactions())
    return CassetteOf(
        cpproxy=head.cpproxy,
        recorded=head.recorded,
        interactions=interactions,
        incomplete=head.incomplete,
        identities=head.identities,
        not_identities=head.not_identities,
        placeholders=head.placeholders,
    )


def read_text(folder: Path, name: str) -> str:
    """The file as it stands. Raises as `load` does, but does not look whether it is a cassette."""
    where = _show(locate(folder, name))
    data = _read(folder, name)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise _translate(error, where, "$", data) from None


def render(interaction: RedactedInteraction) -> Rendered:
    """One interaction as it stands in a file. CassetteError if it could not be read again from there."""
    if problem := validity.check(interaction):
        raise CassetteError(f"interaction {interaction.id!a}", f"${problem.path}", problem.expected)
    try:
        raw = msgspec.json.encode(interaction)
    except UnicodeEncodeError as error:
        raise CassetteError(
            f"interaction {interaction.id}", "$", f"expected text that UTF-8 can hold: {error}"
        ) from None
    return _lay_out(raw)


def write(
    folder: Path, name: str, cassette: CassetteOf[RedactedInteraction] | CassetteOf[Rendered] | CassetteOf[Raw]
) -> Path:
    """Replace the cassette of that name by this one, whole or not at all, and give its file.

    Interactions may have been rendered before, so that a recorder renders each once, or be as `load` gave them. It may
    be read by whom its folder lets read it.
    CassetteError if the file cannot be written, or could not be read again.
    """
    path = locate(folder, name)
    data = assemble(cassette, _show(path))
    try:
        with reach(folder, name, make=True) as spot:
            replace(spot, data, private=False)
    except OSError as error:
        raise CassetteError(_show(path), "$", f"expected a file that can be written: {error.strerror}") from error
    return path


def file_digest(folder: Path, name: str) -> str:
    """The SHA-256 of a cassette's file, in hex. Raises as `load` does, but does not look into the file."""
    with _open(folder, name) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(folder: Path) -> str:
    """What a shell computes in the folder: `find . -name '*.json' | LC_ALL=C sort | xargs sha256sum | sha256sum`."""
    return combine_digests((name, file_digest(folder, name)) for name in names(folder))


def combine_digests(digests: Iterable[tuple[str, str]]) -> str:
    """What `digest` gives for a folder that holds just these cassettes, of which name and digest are given."""
    files = sorted(((f"./{name}{SUFFIX}", one) for name, one in digests), key=lambda file: os.fsencode(file[0]))
    lines = "".join(f"{one}  {path}\n" for path, one in files)
    return hashlib.sha256((lines or _EMPTY).encode()).hexdigest()


def assemble(cassette: CassetteOf[RedactedInteraction] | CassetteOf[Rendered] | CassetteOf[Raw], where: str) -> bytes:
    """The bytes of a cassette's file, `where`. CassetteError if it could not be read again."""
    if problem := validity.check_head(cassette):
        raise CassetteError(where, f"${problem.path}", problem.expected)
    members: dict[str, object] = {"cpproxy": cassette.cpproxy, "recorded": cassette.recorded}
    for member in ("incomplete", "identities", "not_identities", "placeholders"):
        if value := getattr(cassette, member):
            members[member] = value
    head = _lay_out(msgspec.json.encode(members)).removesuffix(b"\n}")
    pieces = b",\n".join(_piece(item) for item in cassette.interactions).replace(b"\n", b"\n    ")
    interactions = b"[\n    %b\n  ]" % pieces if pieces else b"[]"
    return b'%b,\n  "interactions": %b\n}\n' % (head, interactions)


def _piece(item: RedactedInteraction | Raw | Rendered) -> bytes:
    match item:
        case Interaction():
            return render(item)
        case Raw():
            return _lay_out(bytes(item))
        case _:
            return item


def _lay_out(raw: bytes) -> Rendered:
    """JSON indented by two spaces, but a pair, or a short list of scalars, on one line: so headers can be read."""
    return Rendered(_LIST.sub(_join, msgspec.json.format(raw, indent=2)))


def _join(found: re.Match[bytes]) -> bytes:
    # A line feed in JSON stands between tokens, never in a string: what matched is a list, whatever its strings hold.
    elements = [line.strip() for line in found[1].split(b"\n")]
    line = b"[%b]" % b" ".join(elements)
    return line if len(elements) == 2 or len(line) <= _LINE else found[0]


def replace(spot: Spot, data: bytes, *, private: bool) -> None:
    """Puts these bytes in the place of the file there, whole or not at all; OSError when that cannot be done.

    A file that is `private` is for its owner alone; another has the mode of the one that it replaces.
    """
    temporary = spot.beside(f".{spot.name}.{secrets.token_hex(4)}.tmp")
    try:
        descriptor = temporary.open(os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o666)
        with os.fdopen(descriptor, "wb") as file:
            before = None if private else spot.status()
            if before is not None and stat.S_ISREG(before.st_mode):
                os.fchmod(file.fileno(), stat.S_IMODE(before.st_mode))
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.move(spot.name)
    except BaseException:
        temporary.remove()
        raise
    spot.keep()


def _open(folder: Path, name: str) -> BufferedReader:
    """A cassette's file, opened for reading: a regular one, of a size that can be read."""
    path = locate(folder, name)
    where = _show(path)
    try:
        with _kept_within(folder, name), fence.reach(folder, f"{name}{SUFFIX}", follow=True) as spot:
            # Without O_NONBLOCK a named pipe would make us wait for its writer.
            descriptor = spot.open(os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        raise CassetteError(where, "$", _describe_missing(path, folder)) from None
    except OSError as error:
        raise CassetteError(where, "$", f"expected a file that can be read: {error.strerror}") from None
    try:
        _check(os.fstat(descriptor), where)
    except CassetteError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def _check(status: os.stat_result, where: str) -> None:
    """CassetteError for what is no file, or a file that is too large to be read."""
    if not stat.S_ISREG(status.st_mode):
        raise CassetteError(where, "$", f"expected a file, found {describe(status)}")
    if status.st_size > SIZE_LIMIT:
        raise CassetteError(where, "$", f"expected a file of at most {SIZE_LIMIT} bytes, found {status.st_size}")


def describe(status: os.stat_result) -> str:
    """What stands where a file was expected."""
    return _KINDS.get(stat.S_IFMT(status.st_mode), "something else")


def _read(folder: Path, name: str) -> bytes:
    with _open(folder, name) as file:
        try:
            return file.read()
        except OSError as error:
            where = _show(locate(folder, name))
            raise CassetteError(where, "$", f"expected a file that can be read: {error.strerror}") from None


def _describe_missing(path: Path, folder: Path) -> str:
    if path.is_symlink():
        return "expected a file, found a link to nothing"
    every = names(folder)
    asked = os.fspath(path.relative_to(folder)).removesuffix(SUFFIX)
    near = difflib.get_close_matches(asked.removesuffix(SUFFIX), every, 1)
    return f"expected a cassette, found none; {f'is it {near[0]}?' if near else f'{len(every)} others are there'}"


def _decode(data: bytes, where: str) -> CassetteOf[Raw]:
    if not data.strip():
        raise CassetteError(where, "$", "expected a cassette, got an empty file")
    if data.startswith(codecs.BOM_UTF8):
        raise CassetteError(where, "$", "expected JSON without a byte order mark")
    try:
        if not data.isascii():
            data.decode()  # what stays undecoded below is not looked at as text
        return _decode_head(data)
    except msgspec.ValidationError as error:
        # The version tells more than a member that another version has or lacks.
        if problem := _check_version(data):
            raise CassetteError(where, f"${problem.path}", problem.expected) from None
        raise _translate(error, where, "$", data) from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _translate(error, where, "$", data) from None


def _check_version(data: bytes) -> validity.Problem | None:
    try:
        return validity.check_version(msgspec.json.decode(data, type=_Version).cpproxy)
    except (msgspec.MsgspecError, RecursionError):
        return None  # the error at hand says more


def _translate(error: Exception, where: str, path: str, data: bytes) -> CassetteError:
    """An error of msgspec as ours; `data` is what was decoded and `path` where it stands."""
    match error:
        case msgspec.ValidationError():
            text, _, below = str(error).partition(" - at `$")
            return CassetteError(where, path + below.rstrip("`"), _phrase(text))
        case msgspec.DecodeError() if str(error) == _TRUNCATED:
            expected = "expected a whole JSON document: it is cut off, or an escape such as \\ud800 stands alone"
        case msgspec.DecodeError():
            text = str(error).removeprefix("JSON is malformed: ")
            expected = f"expected JSON: {_LINE_OF.sub(lambda found: _place(data, int(found[1])), text)}"
        case UnicodeDecodeError():
            expected = f"expected UTF-8, found byte 0x{data[error.start]:02x} {_place(data, error.start)}"
        case _:
            expected = "expected JSON that nests less deep"
    return CassetteError(where, path, expected)


def _place(data: bytes, offset: int) -> str:
    return f"(line {data.count(b'\n', 0, offset) + 1}, byte {offset})"


def _phrase(text: str) -> str:
    text = re.sub(r"^Object missing required field (.*)$", r"expected a member \1, found none", text)
    text = re.sub(r"^Object contains unknown field (.*)$", r"expected no member \1", text)
    return _show(f"{text[:1].lower()}{text[1:]}"[:200])


def _find_fault(name: str) -> str | None:
    """What a name would have to do that it does not, or None for a good one."""
    parts = name.split("/")
    if _UNFIT.search(name):
        return "holds no white space, quotes, backslashes or control characters, and is UTF-8"
    if any(part in {"", ".", ".."} for part in parts):
        return "is a path below the cassettes folder"
    if not name.isascii() and _is_deceptive(name):
        return "holds no characters that look like others, or like nothing (write them in their plain form)"
    if name.endswith(SUFFIX):
        return f"leaves the ending {SUFFIX} out"
    if any(len(part.encode()) > _PART_LIMIT for part in parts):
        return f"has at most {_PART_LIMIT} bytes between slashes"
    return None


def _is_deceptive(name: str) -> bool:
    """Whether a name holds what is shown as something else: wide dots, fraction slashes, marks of direction."""
    return unicodedata.normalize("NFKC", name) != name or any(
        unicodedata.category(one) in _INVISIBLE or one in _LIKE_SLASHES or one in _BLANK for one in name
    )


def _show(text: Path | str) -> str:
    """A path or message in one line of printable text."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in str(text))


def _raise(error: OSError) -> NoReturn:
    raise error
