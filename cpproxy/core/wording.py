"""Small pieces of the paragraphs that findings are made of."""

from collections.abc import Sequence, Sized


def plain(text: str) -> str:
    """What somebody else wrote, without the sign by which a paragraph sets code off."""
    return text.replace("`", "'")


def join(items: Sequence[str], word: str) -> str:
    """Several things in a row: `a, b WORD c`."""
    return f"{', '.join(items[:-1])} {word} {items[-1]}" if len(items) > 1 else "".join(items)


def be(things: Sized) -> str:
    """`is` of one thing, `are` of several."""
    return "is" if len(things) == 1 else "are"


def count(number: int, noun: str) -> str:
    """A number of things."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def often(count: int) -> str:
    """How often, where that is more than once."""
    return f", {count} times" if count > 1 else ""
