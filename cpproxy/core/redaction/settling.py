"""What was found: secrets with their places, of which none is over another."""

from bisect import bisect_right
from enum import IntEnum
from typing import NamedTuple

from cpproxy.core.spellings import read

type Span = tuple[int, int]


class Reason(IntEnum):
    """How sure it is that a value is a secret; the smaller the surer."""

    NAMED = 1
    SHAPED = 2
    RANDOM = 3


class Find(NamedTuple):
    """A secret in a text: where it stands there, what it is without the escapes around it, its role and why it is one.

    `role` is the name under which it was found, in lower-case words with hyphens between, or its shape's, or `random`.
    """

    start: int
    end: int
    value: str
    role: str
    reason: Reason


def settle(text: str, finds: list[Find], neutral: list[Span]) -> list[Find]:
    """The finds in order, none over another: of two the surer stays whole, then the wider, then the one of less depth.

    What of the other is beside it stays as a find of its own, so that no part of a secret is left; but not a letter or
    two of a token that nothing names, since they say nothing.
    """
    if len(finds) == 1 and not neutral:
        return finds if finds[0].start < finds[0].end else []
    starts, ends = _join(neutral)
    settled: list[Find] = []
    for find in sorted(finds, key=lambda one: (one.reason, one.start - one.end, one.start)):
        for start, end in _free(find.start, find.end, starts, ends):
            if (start, end) == (find.start, find.end):
                settled.append(find)
            elif sum(one.isalnum() for one in read(text[start:end]).text) > (2 if find.reason is Reason.RANDOM else 0):
                settled.append(find._replace(start=start, end=end, value=text[start:end]))
            else:
                continue
            at = bisect_right(starts, start)
            starts.insert(at, start)
            ends.insert(at, end)
    return sorted(settled)


def _join(spans: list[Span]) -> tuple[list[int], list[int]]:
    """Where the spans begin and where they end, in order, those that overlap made one."""
    starts: list[int] = []
    ends: list[int] = []
    for start, end in sorted(spans):
        if ends and start <= ends[-1]:
            ends[-1] = max(ends[-1], end)
        elif start < end:
            starts.append(start)
            ends.append(end)
    return starts, ends


def _free(start: int, end: int, starts: list[int], ends: list[int]) -> list[Span]:
    """The parts between two places that none of the spans covers, which are in order and do not overlap."""
    at = max(bisect_right(starts, start) - 1, 0)
    free: list[Span] = []
    while start < end:
        while at < len(starts) and ends[at] <= start:
            at += 1
        if at >= len(starts) or starts[at] >= end:
            free.append((start, end))
            break
        if starts[at] > start:
            free.append((start, starts[at]))
        start = ends[at]
    return free
