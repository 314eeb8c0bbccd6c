"""The secrets in a column whose head names them: CSV, tables of a console and of Markdown, HTML, and rows in JSON.

A table is read once, from its head on: it ends with the first line that has another number of cells.
"""

import html
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from cpproxy.core.redaction.documents import unescape
from cpproxy.core.redaction.words import is_prose

type IsSecret = Callable[[str], bool]


class Cell(NamedTuple):
    """A cell of a table: where it stands, what it is without what encloses it, and the head of its column."""

    start: int
    end: int
    text: str
    name: str


_LONGEST_LINE = 4000
_HEAD = re.compile(r"[^\W\d][\w .$/#()-]{0,63}")
_MOST_WORDS = 4
_RULE = re.compile(r"[ \t]*[-+=|:][-+=|: \t]*")
_COLUMN = re.compile(r"\S+(?: \S+)*")
_BAR = re.compile(r"[^|\r\n]*")
_SEPARATED = {
    sign: re.compile(rf'[ ]*(?:"(?P<quoted>(?:[^"\r\n]|"")*)"|(?P<bare>[^{sign}"\r\n]*))[ ]*(?=[{sign}\r\n]|\Z)')
    for sign in ",;\t"
}


def read_table(text: str, begin: int, is_secret: IsSecret) -> tuple[int, list[Cell]]:
    """Where the table ends in whose head a name stands that begins at a place, and the cells below heads of secrets.

    That is the end of the line, where this is no head of a table.
    """
    first = text.rfind("\n", max(0, begin - _LONGEST_LINE), begin) + 1
    last = _end_of_line(text, begin)
    split = _choose(text, first, last) if last - first <= _LONGEST_LINE else None
    if split is None:
        return last, []
    heads = split(text, first, last, None)
    if len(heads) < 2 or not all(_is_head(head.text) for head in heads):
        return last, []
    secret = {at for at, head in enumerate(heads) if is_secret(head.text)}
    found: list[Cell] = []
    while secret and text.find("\n", last, last + 2) >= 0:
        start = text.find("\n", last) + 1
        stop = _end_of_line(text, start)
        if not text[start:stop].strip():
            break
        if not _RULE.fullmatch(text, start, stop):
            cells = split(text, start, stop, heads)
            if len(cells) != len(heads):
                break
            found += (cells[at]._replace(name=heads[at].text) for at in secret if cells[at].text)
        last = stop
    return last, found


def _is_head(text: str) -> bool:
    return bool(_HEAD.fullmatch(text)) and text.count(" ") < _MOST_WORDS and not is_prose(text)


def _end_of_line(text: str, start: int) -> int:
    end = text.find("\n", start)
    end = len(text) if end < 0 else end
    return end - 1 if end > start and text[end - 1] == "\r" else end


type _Split = Callable[[str, int, int, list[Cell] | None], list[Cell]]


def _choose(text: str, first: int, last: int) -> _Split | None:
    """How the cells of a line are told apart, by what stands between those of the head."""
    line = text[first:last]
    if "|" in line:
        return _split_bars
    if "\t" in line:
        return _split_by("\t")
    for sign in ",;":
        if sign in line and _begins(text, first):
            return _split_by(sign)
    return _split_columns if "  " in line.strip() else None


def _begins(text: str, first: int) -> bool:
    """Whether a line is the first of a text or of a part of it: elsewhere, commas are those of a sentence."""
    before = text[text.rfind("\n", max(0, first - _LONGEST_LINE), max(0, first - 1)) + 1 : first].strip()
    return not text[first].isspace() and (not before or before[0] == "#")


def _split_bars(text: str, start: int, end: int, _: list[Cell] | None) -> list[Cell]:
    cells: list[Cell] = []
    at = start
    while at <= end:
        found = _BAR.match(text, at, end)
        stop = found.end() if found else end
        cells.append(_strip(text, at, stop))
        at = stop + 1
    # Bars stand around the line as well, or only between.
    return cells[bool(not cells[0].text) : len(cells) - bool(len(cells) > 1 and not cells[-1].text)]


def _split_by(sign: str) -> _Split:
    pattern = _SEPARATED[sign]

    def split(text: str, start: int, end: int, _: list[Cell] | None) -> list[Cell]:
        cells: list[Cell] = []
        while start <= end and (found := pattern.match(text, start, end)):
            group = "bare" if found["quoted"] is None else "quoted"
            cell = _strip(text, *found.span(group))
            cells.append(cell._replace(text=cell.text.replace('""', '"')) if group == "quoted" else cell)
            start = found.end() + 1
        return cells if start == end + 1 else []

    return split


def _split_columns(text: str, start: int, end: int, heads: list[Cell] | None) -> list[Cell]:
    found = [Cell(*one.span(), one[0], "") for one in _COLUMN.finditer(text, start, end)]
    return found if heads is None or len(found) == len(heads) else []


def _strip(text: str, start: int, end: int) -> Cell:
    raw = text[start:end]
    first = start + len(raw) - len(raw.lstrip())
    value = raw.strip()
    return Cell(first, first + len(value), value, "")


_ROW = re.compile(r"<tr\b[^<>]{0,500}>", re.IGNORECASE)
_CELL = re.compile(r"<(?P<tag>t[hd])\b[^<>]{0,500}>(?:\s*<[a-z][^<>]{0,200}>)*\s*(?P<text>[^<]*)", re.IGNORECASE)
_TABLE_END = re.compile(r"</table", re.IGNORECASE)
_LONGEST_ROW = 8000


def read_html_table(text: str, begin: int, is_secret: IsSecret) -> tuple[int, list[Cell]]:
    """The same for HTML: what stands below a head in its column, and behind it in its row."""
    lowered = text[max(0, begin - _LONGEST_ROW) : begin].lower()
    row = lowered.rfind("<tr")
    if row < 0 or row < lowered.rfind("</tr"):
        return begin, []
    start = max(0, begin - _LONGEST_ROW) + row
    closing = _TABLE_END.search(text, begin)
    end = closing.start() if closing else len(text)
    heads: list[Cell] = []
    found: list[Cell] = []
    opened = [one.start() for one in _ROW.finditer(text, start, end)]
    for first, last in zip(opened, [*opened[1:], end], strict=True):
        cells = [(one["tag"].lower(), _strip(text, *one.span("text"))) for one in _CELL.finditer(text, first, last)]
        if not heads and all(tag == "th" for tag, _ in cells):
            heads = [cell for _, cell in cells]
            continue
        found += (
            cell._replace(name=head.text, text=html.unescape(cell.text))
            for head, (_, cell) in zip(heads, cells, strict=False)
            if cell.text and is_secret(head.text)
        )
        if len(cells) > 1 and not heads and _is_head(cells[0][1].text) and is_secret(cells[0][1].text):
            name = cells[0][1].text
            found += (cell._replace(name=name, text=html.unescape(cell.text)) for _, cell in cells[1:] if cell.text)
    return end, found


_TOKEN = re.compile(r'"((?:[^"\\]++|\\.)*+)"(\s*+:)?|[{}\[\],]', re.DOTALL)
_HEADS = re.compile(r"(?i:.*(?:col(?:umn)?s?|fields?|head(?:er)?s?|names?|schema|keys|attributes))")
_NAMES = frozenset(["name", "field", "key", "label", "title", "column", "columnname", "id"])


class _Node:
    """An object or an array of JSON: `heads` are the names of its columns, if it is an array of them."""

    __slots__ = ("arrays", "cells", "heads", "index", "is_array", "key", "name", "rows")

    def __init__(self, key: str, *, is_array: bool) -> None:
        self.key = key
        self.is_array = is_array
        self.index = 0
        self.name = ""
        self.cells: dict[int, Cell] = {}
        self.heads: list[str] = []
        self.rows: list[dict[int, Cell]] = []
        self.arrays: list[_Node] = []


def read_json_tables(text: str, is_secret: IsSecret) -> Iterator[Cell]:
    """The cells below the heads of secrets in a JSON text: rows as arrays, their heads in the first or beside them."""
    opened: list[_Node] = []
    for token in _TOKEN.finditer(text):
        sign = text[token.start()]
        top = opened[-1] if opened else None
        if sign in "{[":
            opened.append(_Node(top.name if top else "", is_array=sign == "["))
        elif sign == '"' and top:
            if token[2] and not top.is_array:
                top.name = token[1]
            elif top.is_array:
                top.cells[top.index] = Cell(*token.span(1), unescape(token[1]), "")
            elif top.name.lower() in _NAMES:
                top.heads.append(unescape(token[1]))
        elif sign == "," and top:
            top.index += 1
        elif sign in "}]" and opened:
            opened.pop()
            yield from _close(top, opened[-1] if opened else None, is_secret) if top else ()


def _close(node: _Node, above: _Node | None, is_secret: IsSecret) -> Iterator[Cell]:
    """Takes an object or array whose end was met for a row, for the heads, or for what holds both."""
    if not node.is_array:
        heads = next((one.heads for one in node.arrays if not one.rows and _HEADS.fullmatch(one.key)), [])
        for table in node.arrays:
            yield from _pick(dict(enumerate(heads)), table.rows, is_secret)
        if above and above.is_array and node.heads:
            above.heads.append(node.heads[0])
        return
    if node.rows and len(node.rows[0]) > 1:
        yield from _pick({at: cell.text for at, cell in node.rows[0].items()}, node.rows[1:], is_secret)
    elif not node.rows and not node.heads and len(node.cells) == node.index + 1:
        node.heads = [cell.text for cell in node.cells.values()]
    if above and above.is_array:
        above.rows.append(node.cells)
    elif above:
        above.arrays.append(node)


def _pick(heads: dict[int, str], rows: list[dict[int, Cell]], is_secret: IsSecret) -> Iterator[Cell]:
    for at, head in heads.items():
        if _is_head(head) and is_secret(head):
            yield from (row[at]._replace(name=head) for row in rows if at in row)
