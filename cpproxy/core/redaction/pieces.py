"""Secrets that a stream of events brings in pieces, each in an event of its own, as a program does that writes slowly.

What stands at one place of the events that follow one another is read as one text: the strings of one JSON path, or
data that is no JSON, in `text/event-stream` or in a JSON document a line. What is known is looked for there, and
nothing else: what merely looks like a secret may be ids in a row.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from cpproxy.core.redaction.documents import walk
from cpproxy.core.redaction.known import Standing
from cpproxy.core.redaction.settling import Span

_LINE = re.compile(r"^(?P<field>data: ?)?(?P<data>[^\r\n]+)", re.MULTILINE)


class Joined(NamedTuple):
    """The pieces of one place as one text, and where each stands in the stream's own."""

    text: str
    spans: Sequence[Span]


def may_stream(text: str) -> bool:
    """Whether a text may be that of a stream of events."""
    return "\ndata:" in text or "\n{" in text


def join_pieces(text: str) -> list[Joined]:
    """The places of a stream of which several pieces follow one another."""
    places: dict[str, list[Span]] = {}
    for line in _LINE.finditer(text):
        start, end = line.span("data")
        if text[start] in "{[":
            for leaf in walk(line["data"], paths=True):
                places.setdefault(leaf.path, []).append((start + leaf.start, start + leaf.end))
        elif line["field"]:
            places.setdefault("", []).append((start, end))
    several = (spans for spans in places.values() if len(spans) > 1)
    return [Joined("".join(text[start:end] for start, end in spans), spans) for spans in several]


def find_pieces(text: str, find: Callable[[str], list[Standing]]) -> Iterator[tuple[Standing, list[Span]]]:
    """The secrets of which more than one piece stands in a stream's text, each with where those are, in order.

    `find` finds known secrets in a text.
    """
    for joined in join_pieces(text):
        for standing in find(joined.text):
            pieces = list(_locate(joined.spans, standing))
            if len(pieces) > 1:
                yield standing, pieces


def _locate(spans: Sequence[Span], standing: Standing) -> Iterator[Span]:
    """The parts of the stream's text that one stretch of the joined one covers."""
    at = 0
    for start, end in spans:
        first, last = max(standing.start - at, 0), min(standing.end - at, end - start)
        if first < last:
            yield start + first, start + last
        at += end - start
