"""What the config adds to the built-in knowledge of secrets, and what it takes away: names, places and patterns.

The config's own patterns are those of RE2, which takes time in proportion to the text whatever the pattern.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from cpproxy.core import jsonpath
from cpproxy.core.config import Redact
from cpproxy.core.jsonpath import Step
from cpproxy.core.patterns import Pattern, compile_patterns, fits
from cpproxy.core.redaction.names import Verdict, Words, claims_digest, judge_name, words_of
from cpproxy.core.redaction.randomness import may_be_digest
from cpproxy.errors import UsageError

__all__ = ["Policy", "Verdict"]

KINDS = ("header", "query", "form", "cookie")
"""What a place can be, beside a JSON path: `header:X-Pin`."""

_PLACE = re.compile(rf"({'|'.join(KINDS)}):(.+)", re.DOTALL)
_HALF = re.compile("[\ud800-\udfff]")
_NAME = re.compile(r"[^\s:$\[\]{}\"']+")


class _Listed:
    """One of the config's lists of names and places."""

    def __init__(self, key: str, entries: Iterable[str]) -> None:
        self.names: set[Words] = set()
        self.places: set[str] = set()
        self.paths: list[tuple[Step, ...]] = []
        self.keywords: set[str] = set()
        for entry in entries:
            self._add(key, entry)

    def _add(self, key: str, entry: str) -> None:
        place = _PLACE.fullmatch(entry)
        if entry.startswith("$"):
            try:
                path = jsonpath.parse(entry)
            except ValueError as error:
                raise UsageError(f"[redact] {key}: {error}") from None
            self.paths.append(path.steps)
        elif place and place[2].strip():
            self.places.add(_fold(entry))
            self.keywords.add(place[2].strip().lower())
        elif _NAME.fullmatch(entry) and words_of(entry):
            self.names.add(words_of(entry))
            self.keywords.add(max(words_of(entry), key=len))
        else:
            raise UsageError(
                f"[redact] {key}: {entry!r} is neither a name, as pin, nor a place, as header:X-Pin, query:pin, "
                "form:pin, cookie:pin or $.user.pin"
            )

    def holds(self, name: str, place: str) -> bool:
        """Whether a value under this name, at this place, is meant."""
        if name and words_of(name) in self.names:
            return True
        return bool(place) and self.holds_place(place)

    def holds_place(self, place: str) -> bool:
        """Whether this place is meant: `header:X-Pin`, or the JSON path of one value."""
        if not place.startswith("$"):
            return bool(self.places) and _fold(place) in self.places
        if not self.paths:
            return False
        try:
            steps = jsonpath.parse(place).steps
        except ValueError:
            return False  # a member's name that no path can write
        return any(_fits(path, steps) for path in self.paths)


def _fold(place: str) -> str:
    """A place in one spelling: names of headers are the same in any case (RFC 9110 section 5.1)."""
    kind, _, name = place.partition(":")
    return f"{kind}:{name.strip().lower() if kind == 'header' else name.strip()}"


def _fits(path: tuple[Step, ...], steps: tuple[Step, ...]) -> bool:
    return len(path) == len(steps) and all(one is None or one == other for one, other in zip(path, steps, strict=True))


class Policy:
    """The built-in knowledge of names with the config's `[redact]` section added.

    Raises UsageError, which names key and value, for a pattern that RE2 refuses and for a place that is none.
    """

    def __init__(self, settings: Redact = Redact()) -> None:  # noqa: B008 (frozen)
        self._secrets = _Listed("secrets", settings.secrets)
        self._not_secrets = _Listed("not_secrets", settings.not_secrets)
        self._patterns = compile_patterns("[redact] patterns", settings.patterns)
        for text, pattern in zip(settings.patterns, self._patterns, strict=True):
            if pattern.search(""):
                raise UsageError(f"[redact] patterns: {text!r} fits where nothing stands, and so everywhere")
        self._not_patterns = compile_patterns("[redact] not_patterns", settings.not_patterns)
        self.keywords = frozenset(self._secrets.keywords)
        """Texts in lower case of which each name holds one that the config alone knows for a secret's."""
        self.knows_paths = bool(self._secrets.paths or self._not_secrets.paths)
        """Whether it counts where in a JSON document a value stands."""
        self.exempts = bool(settings.not_secrets or settings.not_patterns)
        """Whether anything is no secret whatever it looks like."""
        self.judge = lru_cache(maxsize=8192)(self._judge)

    def _judge(self, name: str, place: str = "") -> Verdict:
        """What the name and the place of a value say of it. What is no secret by the config is HARMLESS."""
        if self._not_secrets.holds(name, place):
            return Verdict.HARMLESS
        if self._secrets.holds(name, place):
            return Verdict.SECRET
        return judge_name(name)

    def spares(self, name: str, token: str = "") -> bool:
        """Whether a name says that a token that looks drawn by chance is no secret: an id, say, or a digest.

        Without a token: whether it says so of any.
        """
        if self.judge(name) is not Verdict.HARMLESS:
            return False
        return not claims_digest(name) or may_be_digest(token) or self._not_secrets.holds(name, "")

    def is_named(self, name: str, place: str = "") -> bool:
        """Whether the config itself says that what stands there is a secret."""
        return self._secrets.holds(name, place) and not self._not_secrets.holds(name, place)

    def is_exempt(self, value: str, place: str = "", name: str = "") -> bool:
        """Whether the config says that a value is no secret: by its place, its name or a pattern that fits it."""
        return self.exempts and (
            self._not_secrets.holds(name, place) or any(fits(pattern, value) for pattern in self._not_patterns)
        )

    def find_patterns(self, text: str) -> Iterator[tuple[int, int]]:
        """Where the config's patterns fit, each as the span of its only group, or else of all that fits."""
        return _find(self._patterns, text)


def _find(patterns: tuple[Pattern, ...], text: str) -> Iterator[tuple[int, int]]:
    if patterns and not text.isascii():
        text = _HALF.sub("\ufffd", text)  # has no UTF-8
    for pattern in patterns:
        for found in pattern.finditer(text):
            start, end = found.span(pattern.groups)
            if start < end:
                yield start, end
