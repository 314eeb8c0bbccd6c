"""What was given from outside, as a message may repeat it: without the password that an address in it may hold.

An address that is written as it should be is taken apart and told without user and password. One that is not is told,
too, in the message that says so; and there is no telling what its writer took for the password. So all of it goes that
may be one: what stands before the last `@`, however that is written, and what stands where a port should be.
"""

import re
import unicodedata
from collections import deque
from collections.abc import Iterable, Iterator
from functools import lru_cache
from urllib.parse import unquote

MASK = "***"

_AT = re.compile(r"@|%(?:25)*40|\\x40|\\u0040|&#(?:0*64|x0*40);|&commat;|[\uff20\ufe6b]", re.IGNORECASE)
_COLON = re.compile(r":|%(?:25)*3a|[\uff1a\ufe55]|^\s*[\"'(<]?[/\\]{2}", re.IGNORECASE)
_START = re.compile(r"\s*[\"'(<]?(?:[A-Za-z][A-Za-z0-9+.-]*:?)?[/\\]+")
_SLASHES = re.compile(r"(?<=.)/+(?:\./+)*|^/{3,}")
_PORT = re.compile(r"(?P<before>[A-Za-z][A-Za-z0-9+.-]*:[/\\]+(?:\[[^\]/?#]*\]|[^\s/?#:@\[]*)):(?P<port>[^\s/?#]*)")


@lru_cache(maxsize=1024)
def repeatable(text: str) -> str:
    """The text without what may be the password of an address, in `***`; itself where there is none."""
    last = next(iter(deque(_AT.finditer(text), maxlen=1)), None)
    if last is not None and _COLON.search(text, 0, last.start()):
        start = _START.match(text, 0, last.start())
        return f"{text[: start.end() if start else 0]}{MASK}{text[last.start() :]}"
    return _PORT.sub(_mask_port, text)


def _mask_port(found: re.Match[str]) -> str:
    port = found["port"]
    return found[0] if not port or (port.isdigit() and len(port) <= 5) else f"{found['before']}:{MASK}"


def repeat(message: str, outside: Iterable[str]) -> str:
    """A message that may repeat any of these, which were given from outside, as far as they may be repeated."""
    for text in sorted({one for given in outside for one in _parts(given)}, key=len, reverse=True):
        if (shown := repeatable(text)) != text:
            for form in _forms(text):
                message = message.replace(form, shown)
    return message


def texts(value: object) -> Iterator[str]:
    """All texts in a value of lists and tables."""
    match value:
        case str():
            yield value
        case dict():
            yield from (text for pair in value.items() for one in pair for text in texts(one))
        case list() | tuple():
            yield from (text for one in value for text in texts(one))
        case _:
            pass


def _parts(given: str) -> set[str]:
    """What is given, and what parsers make of it: the value of a flag, the words of an expression."""
    return {given, given.partition("=")[2], *given.split(), *given.split(",")} - {""}


def _forms(text: str) -> set[str]:
    """A text as messages repeat it: as it is, in one line, escaped, lowered as a host name is."""
    plain = {text, text.strip(), unquote(text), unicodedata.normalize("NFKC", text)}
    plain |= {_SLASHES.sub("/", one).rstrip("/") for one in plain}  # as a path has them
    plain |= {" ".join(one.split()) for one in plain}
    shown = plain | {repr(one)[1:-1] for one in plain} | {ascii(one)[1:-1] for one in plain}
    shown |= {"".join(char if char.isprintable() else ascii(char)[1:-1] for char in one) for one in plain}
    return {form for one in shown for form in (one, one.lower(), one[:1].lower() + one[1:]) if form}
