"""Known values wherever they stand in a text: as they are, or spelled as JSON, URLs and HTML, hex or base64 spell them.

Escapes that are mixed, or that nobody needs, come off before (`peeling`). The search takes time in proportion to the
text, however many values there are: every window of eight bytes is looked up in a table of the first eight of each
spelling.
"""

import base64
import html
import json
import sys
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

SHORTEST = 8
"""Characters of the shortest value that is looked for: a shorter one stands in texts by chance."""

_WINDOW = 8  # bytes; as many as a whole number of the machine has
_NESTED = 3  # texts of JSON, one in another
_WHOLE = 3  # bytes of which base64 makes four characters


class Known:
    """The values, ready to be looked for."""

    def __init__(self, values: Iterable[str]) -> None:
        self._spellings: dict[int, set[bytes]] = {}
        for value in set(values):
            if len(value) >= SHORTEST:
                for spelling in spell(value):
                    self._spellings.setdefault(_number(spelling), set()).add(spelling)
        self._numbers = frozenset(self._spellings)

    def find(self, text: bytes) -> Iterator[tuple[int, int]]:
        """From where to where the text holds a value, in no order; one may be found in more than one way."""
        for number in self._find_numbers(text):
            for spelling in self._spellings[number]:
                start = text.find(spelling)
                while start >= 0:
                    yield start, start + len(spelling)
                    start = text.find(spelling, start + len(spelling))

    def _find_numbers(self, text: bytes) -> set[int]:
        found = set[int]()
        if self._numbers:
            for offset in range(min(_WINDOW, len(text))):
                whole = (len(text) - offset) // _WINDOW * _WINDOW
                found |= self._numbers.intersection(memoryview(text)[offset : offset + whole].cast("Q"))
        return found


def spell(value: str) -> frozenset[bytes]:
    """How texts spell a value; each spelling stands for it alone and has eight bytes or more."""
    plain = value.encode(errors="surrogatepass")
    found = {
        plain,
        plain.hex().encode(),
        plain.hex().upper().encode(),
        *(text.encode(errors="surrogatepass") for text in _escape(value)),
        *_spell_base64(plain),
    }
    if not value.isascii():
        # Headers are read as latin-1 (RFC 9110 section 5.5): what was UTF-8 there stands one byte a character.
        found.add(plain.decode("latin-1").encode())
        # In UTF-16 they are bytes that tell nothing of it; letters of Latin-1 alone are read there as they are.
        found.update(value.encode(coding, "surrogatepass") for coding in ("utf-16-le", "utf-16-be"))
    return frozenset(one for one in found if len(one) >= _WINDOW)


def _escape(value: str) -> Iterator[str]:
    for ascii_only in (True, False):
        text = value
        for _ in range(_NESTED):
            text = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
            yield text
            yield text.replace("/", "\\/")
    try:
        for text in (quote(value, safe=""), quote(value), quote_plus(value)):
            yield text
            yield _lower(text)
            yield quote(text, safe="")
    except UnicodeEncodeError:
        pass  # half a character has no place in a URL
    yield html.escape(value)
    yield html.escape(value, quote=False)


def _lower(text: str) -> str:
    """A URL's text with its hex digits in lower case."""
    first, *rest = text.split("%")
    return "%".join([first, *(part[:2].lower() + part[2:] for part in rest)])


def _spell_base64(plain: bytes) -> Iterator[bytes]:
    """The characters of base64 that depend on the value alone, for each place in three bytes where it can begin."""
    for before in range(_WHOLE):
        bits = (before * 8, (before + len(plain)) * 8)
        first, last = -(-bits[0] // 6), bits[1] // 6
        whole = bytes(before) + plain + bytes(-(before + len(plain)) % _WHOLE)
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(whole)[first:last]


def _number(spelling: bytes) -> int:
    return int.from_bytes(spelling[:_WINDOW], sys.byteorder)
