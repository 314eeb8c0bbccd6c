"""What an answer says back of the very call that it answers: values that are new in each, and name nothing.

Rules 10 and 17 of replay. They are left out of the match, and so are bound to nothing; where the recorded answer holds
what its request held, that of the live call goes out, to this call alone.
"""

import re
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from typing import Any

import msgspec

from cpproxy.core.matching import Form
from cpproxy.core.replay.identities import AS_IS, UPPER, Catalogue, Identity
from cpproxy.core.replay.index import Echo, Line
from cpproxy.core.replay.templates import Leaf, Pattern, Place, Shape
from cpproxy.core.replay.worlds import Entry

_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")


def find_echoes(
    entry: Entry, shape: Shape, values: Iterable[Leaf], left_out: AbstractSet[Place], catalogue: Catalogue
) -> tuple[Echo, ...]:
    """Those of the values at places that are left out of the match that a request's own answer holds."""
    texts = {place: spell(value) for place, value in values if place in left_out}
    held = {place: text for place, text in texts.items() if text and _holds(entry, text, catalogue)}
    if not held:
        return ()
    return tuple(Echo(gap, held[place]) for gap, (place, _) in enumerate(shape.gaps) if place in held)


def name_echoes(echoes: Iterable[Echo], catalogue: Catalogue) -> frozenset[Identity]:
    """What looks like an identity in them: it names nothing."""
    return frozenset(one.identity for echo in echoes for one in catalogue.find(echo.text))


def _holds(entry: Entry, text: str, catalogue: Catalogue) -> bool:
    """Whether an answer holds a value of its request, or what the value is made of."""
    if any(one.identity in entry.told for one in catalogue.find(text)):
        return True
    data = text.encode()
    # Most are said once in an interaction: that is seen without decoding it.
    return entry.json.count(data) > 1 and data in msgspec.json.encode(entry.interaction().response)


def spell(value: Any) -> str:  # noqa: ANN401 (JSON)
    """A value as it stands in a text; nothing for one that is no text and no number."""
    match value:
        case bool():
            return ""
        case str():
            return value
        case int() | float():
            return msgspec.json.encode(value).decode()
        case _:
            return ""


def read_echoes(entry: Entry, form: Form, catalogue: Catalogue, *, composed: bool) -> dict[str, str]:
    """What a call sent in the place of what the recorded request of its answer held, by the recorded value.

    A `composed` answer may hold what any answer to that request held. The recorded value itself stands for what cannot
    be written in its place.
    """
    line = entry.line
    if line is None or line.echoes is None:
        return {}
    sent = line.bucket.shape.find(form)
    if sent is None:
        return {}
    made: dict[str, str] = {}
    for one in line.entries if composed else (entry,):
        for gap, text in line.echoes.get(one, ()):
            live = spell(sent[gap])
            if not live or (_NUMBER.fullmatch(text) is None) != (_NUMBER.fullmatch(live) is None):
                live = text
            made.update(_read_parts(text, live, catalogue))
            made[text] = live
    return made


def _read_parts(text: str, live: str, catalogue: Catalogue) -> Iterator[tuple[Identity, str]]:
    """What stands in a live value for each identity of the recorded one."""
    found = catalogue.find(text)
    read = Pattern.around(text, [(one.start, one.end) for one in found]).read(live) if found else ()
    for one, value in zip(found, read[0], strict=True) if read else ():
        if one.form == AS_IS:
            yield one.identity, value
        elif one.form == UPPER:
            yield one.identity, value.lower()


def list_echoes(line: Line, entries: Iterable[Entry]) -> Iterator[str]:
    """The values that the answers of these entries hold of their requests."""
    for entry in entries if line.echoes is not None else ():
        yield from (echo.text for echo in (line.echoes or {}).get(entry, ()))
