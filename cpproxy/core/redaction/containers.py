"""The secrets in what the name of a secret stands for: `credentials: {…}`, `tokens: […]`, a block of YAML, an element.

Each string in there is one, but for those whose own name says that they are none: a type, a user, a time.
"""

import html
import re
from collections.abc import Iterator
from typing import NamedTuple

from cpproxy.core.redaction.contexts import Container
from cpproxy.core.redaction.documents import end_of, unescape, walk


class Member(NamedTuple):
    """A string in a container: where it stands, what it is without its escapes, and its own name or nothing."""

    start: int
    end: int
    text: str
    name: str


_ROW = re.compile(
    r"""(?:\r?\n|\A)(?P<indent>[ \t]*)(?P<dash>(?:-[ \t]+)*)"""
    r"""(?:(?P<quote>["']?)(?P<name>[\w.$-]{1,96})(?P=quote)[ \t]*:(?=[ \t\r\n]|\Z)[ \t]*)?"""
    r"""(?:"(?P<double>(?:[^"\\\n]|\\.)*+)"|'(?P<single>[^'\n]*)'|(?P<bare>[^\r\n]*))"""
)
_BLOCK = re.compile(r"[|>][+-]?\d?[ \t]*(?:#.*)?")
_ALONE = re.compile(r"(?=\S*[0-9])(?=\S*[A-Za-z])\S{6,}")
_ELEMENT = re.compile(
    r"<(?P<close>/)?(?:[\w-]{1,40}:)?(?P<name>[\w.-]{1,96})[^<>]{0,1000}>"
    r"(?:(?:\s*<!\[CDATA\[(?P<data>(?:[^\]<]++|\](?!\]>)|<(?!!\[CDATA\[))*+)\]\]>)|(?P<text>[^<]*+))",
    re.DOTALL,
)
_EMPTY = re.compile(r"(?:<!--|<\?)")


def read_container(text: str, container: Container, begin: int, name: str) -> tuple[int, Iterator[Member]]:
    """Where a container ends and what strings it holds; its name begins at `begin`."""
    if container.kind == "json":
        end = end_of(text, container.start)
        return end, _read_json(text, container.start, end)
    if container.kind == "yaml":
        return _read_yaml(text, container.start, begin)
    return _read_elements(text, container.start, name)


def _read_json(text: str, start: int, end: int) -> Iterator[Member]:
    for leaf in walk(text, start):
        if leaf.start > end:
            return
        yield Member(leaf.start, leaf.end, unescape(text[leaf.start : leaf.end]), leaf.name)


def _read_yaml(text: str, start: int, begin: int) -> tuple[int, Iterator[Member]]:
    """The scalars of a block that is indented further than its name; a list may stand as far to the left as that."""
    line = text.rfind("\n", max(0, begin - 400), begin) + 1
    least = len(text[line:begin]) - len(text[line:begin].lstrip(" \t-"))
    found: list[Member] = []
    at = start
    while row := _ROW.match(text, at):
        indent = len(row["indent"])
        if row.end() == at or ((indent <= least and not (row["dash"] and indent == least)) and row[0].strip()):
            break
        at = row.end()
        if row["name"] and _BLOCK.fullmatch(row["bare"] or ""):
            at, member = _read_block(text, row)
        else:
            member = _read_scalar(row, is_first=not found)
        if member:
            found.append(member)
    return at, iter(found)


def _read_block(text: str, row: re.Match[str]) -> tuple[int, Member | None]:
    """Where a block scalar ends, and what it holds: the lines that are indented further than its name."""
    least = len(row["indent"]) + len(row["dash"]) + 1
    lines = re.compile(rf"(?:\r?\n(?:[ ]{{{least},}}[^\r\n]*+|[ \t]*+(?=\r?\n)))*+").match(text, row.end())
    if lines is None or not (value := lines[0].strip()):
        return row.end(), None
    start = text.index(value, row.end())
    written = "\n".join(line.strip() for line in value.splitlines())
    return lines.end(), Member(start, start + len(value), written, row["name"])


def _read_scalar(row: re.Match[str], *, is_first: bool) -> Member | None:
    """The scalar in a row: in one without a name or a dash, which is the first, only what is no word."""
    group = next((one for one in ("double", "single", "bare") if row[one] is not None), "bare")
    value = (row[group] or "").rstrip()
    if not (row["dash"] or row["name"] or (is_first and _ALONE.fullmatch(value))):
        return None
    if not value or value[0] in "#{[|>&*!" or (group == "bare" and value.endswith(":")):
        return None
    return Member(row.start(group), row.start(group) + len(value), value, row["name"] or "")


def _read_elements(text: str, start: int, name: str) -> tuple[int, Iterator[Member]]:
    """The elements without others in them, up to the end of the element of this name."""
    found: list[Member] = []
    end = start
    for element in _ELEMENT.finditer(text, start):
        if element["close"]:
            if element["name"] == name:
                return element.start(), iter(found)
            continue
        end = element.end()
        group = "text" if element["data"] is None else "data"
        raw = element[group] or ""
        value = raw.strip()
        if value:
            first = element.start(group) + raw.index(value)
            found.append(Member(first, first + len(value), html.unescape(value), element["name"]))
    return end, iter(found)
