"""Patterns that users write: expressions of RE2, which take time in proportion to the text whatever they are."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cpproxy.errors import UsageError

if TYPE_CHECKING:
    import re2  # type: ignore[import-untyped]

type Pattern = "re2._Regexp"  # noqa: SLF001 (its only name)


def compile_patterns(key: str, patterns: Iterable[str]) -> tuple[Pattern, ...]:
    """The patterns that stand under a key of the config, ready for use; UsageError names the first that is none.

    A pattern has one group at most.
    """
    texts = tuple(patterns)
    if not texts:
        return ()
    import re2  # noqa: PLC0415 (only who has patterns pays for it)

    options = re2.Options()
    options.log_errors = False
    compiled = []
    for text in texts:
        try:
            pattern = re2.compile(text, options=options)
        except re2.error as error:
            reason = error.args[0]
            told = reason.decode(errors="replace") if isinstance(reason, bytes) else reason
            raise UsageError(f"{key}: {text!r} is no expression of RE2: {told}") from None
        if pattern.groups > 1:
            raise UsageError(f"{key}: {text!r} has {pattern.groups} groups: one at most can be meant")
        compiled.append(pattern)
    return tuple(compiled)


def fits(pattern: Pattern, value: str) -> bool:
    """Whether all of a value is what the pattern fits, or what its group does."""
    value = value.encode(errors="replace").decode()  # half a character has no UTF-8
    if pattern.fullmatch(value):
        return True
    return any(found.span(pattern.groups) == (0, len(value)) for found in pattern.finditer(value))
