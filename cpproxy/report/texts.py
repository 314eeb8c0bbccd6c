"""Text as a format takes it: nothing in it is read as a sign of that format."""

import json

import msgspec

from cpproxy.report.terminal import escape

_SIGNS = frozenset("\\*_[]<>|#~!&")


def github_data(text: str) -> str:
    """The message of a workflow command."""
    return escape(text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))


def github_property(text: str) -> str:
    """A property of a workflow command."""
    return github_data(text).replace(":", "%3A").replace(",", "%2C")


def markdown(text: str) -> str:
    """Text outside of code with what Markdown and HTML would read as a sign escaped; code stays as it is."""
    pieces = escape(text).split("`")
    if len(pieces) % 2 == 0:  # a backtick that closes nothing is none
        pieces[-2:] = [f"{pieces[-2]}'{pieces[-1]}"]
    return "".join(
        f"`{piece}`" if index % 2 else "".join(f"\\{char}" if char in _SIGNS else char for char in piece)
        for index, piece in enumerate(pieces)
    )


def indented(value: object) -> str:
    """A value as indented JSON, ended by a line break."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    return "\n".join(escape_json(line) for line in text.split("\n")) + "\n"


def escape_json(line: str) -> str:
    """A line of JSON with what does not print escaped: between strings there is nothing of that."""
    if line.isprintable():
        return line
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in line)
