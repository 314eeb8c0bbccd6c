"""Text as a format takes it: nothing in it is read as a sign of that format."""

from cpproxy.report.terminal import escape

_SIGNS = frozenset("\\*_[]<>|#~!&")


def count(number: int, noun: str) -> str:
    """A number of things."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


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
