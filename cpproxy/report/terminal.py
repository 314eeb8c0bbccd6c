"""What a terminal is given: colours where it shows them, and nothing in a name or a body that could steer it."""

import os
from typing import TextIO

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def escape(text: str) -> str:
    """The text with what does not print, control characters among it, as backslash escapes."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def shows_colour(stream: TextIO) -> bool:
    """Whether a stream is a terminal and the user has not said no (`NO_COLOR`, no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def columns(stream: TextIO) -> int:
    """How many columns a terminal has; 0 for what is none, or does not say."""
    if not stream.isatty():
        return 0
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except OSError:  # the terminal is gone
        return 0


class Paint:
    """Sets words off by style, or leaves them as they are."""

    def __init__(self, *, colour: bool) -> None:
        self._colour = colour

    def __call__(self, text: str, *styles: str) -> str:
        """The text in `styles`: bold, dim, red, green, yellow, cyan."""
        if not self._colour or not styles:
            return text
        return f"\x1b[{';'.join(_CODES[style] for style in styles)}m{text}\x1b[0m"
