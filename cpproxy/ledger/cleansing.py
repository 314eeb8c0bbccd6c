"""Rows that were written before it was known that they hold a secret, without it.

What came from outside is cleaned, and nothing else: a row stays one, whatever the secret is.
"""

from typing import Any

import msgspec
from msgspec import Raw

from cpproxy.core.calls import Call
from cpproxy.core.leaves import map_texts
from cpproxy.core.redaction.redacted import Clean

DOCUMENTS = ("body", "details")
"""The fields of a call that hold JSON."""

TEXTS = tuple(name for name, kind in Call.__annotations__.items() if kind is str)
"""The fields of a call that hold a text."""

EVENT = b'{"event"'
"""How the line of an event, or of a run's header, begins."""

_OURS = frozenset({"event", "mode"})  # what an event is, in words of our own
_ENCODE = msgspec.json.Encoder().encode
_DECODE_CALL = msgspec.json.Decoder(Call).decode


def clean_call(call: Call, clean: Clean) -> Call:
    """A row; the same object where nothing is taken out of it."""
    values: dict[str, Any] = {field: clean(getattr(call, field)) for field in TEXTS}
    for field in DOCUMENTS:
        if isinstance(one := getattr(call, field), Raw):
            values[field] = Raw(clean(bytes(one).decode(), json=True).encode())
    changed = any(value != getattr(call, field) for field, value in values.items())
    return msgspec.structs.replace(call, **values) if changed else call


def clean_line(line: bytes, clean: Clean) -> bytes:
    """A line of a journal; it is no longer than it was."""
    text = line.decode()
    if not line or clean(text) == text:
        return line
    if line.startswith(EVENT):
        event = msgspec.json.decode(line)
        outside = {name: map_texts(value, clean, names=False) for name, value in event.items() if name not in _OURS}
        return _ENCODE(event | outside)
    call = _DECODE_CALL(line)
    cleaned = clean_call(call, clean)
    return line if cleaned is call else _ENCODE(cleaned)
