"""Where secrets stand in a text: by their names, by their shapes, and by being long and random.

A text is read level by level: as it stands, then with its escapes read, as often as there are any; a string of a JSON
text is read for itself, so that no quote within it ends it. What is found on a level has a place in the text as it was
given. One search for all names and beginnings of shapes tells whether a closer look is worth it.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import lru_cache
from urllib.parse import unquote

import ahocorasick

from cpproxy.core.redaction import shapes, standing
from cpproxy.core.redaction.chance import Chance, Chances
from cpproxy.core.redaction.coded import decode, read_base64
from cpproxy.core.redaction.containers import read_container
from cpproxy.core.redaction.contexts import Container, Value, find_name, read_parameter, read_value
from cpproxy.core.redaction.credentials import split_scheme
from cpproxy.core.redaction.documents import is_json, unescape, walk
from cpproxy.core.redaction.framed import read_framed
from cpproxy.core.redaction.markers import ANY, MARKER, UNNAMED
from cpproxy.core.redaction.names import KEYWORDS, completes_id, is_cookie, is_secret_within, is_weak, role_of, words_of
from cpproxy.core.redaction.pairs import read_pair
from cpproxy.core.redaction.policy import Policy, Verdict
from cpproxy.core.redaction.settling import Find, Reason, Span, settle
from cpproxy.core.redaction.shapes import Shape
from cpproxy.core.redaction.tables import Cell, read_html_table, read_json_tables, read_table
from cpproxy.core.redaction.words import is_plain, is_sought, is_void
from cpproxy.core.spellings import Plain, read_once

__all__ = ["Find", "Finder", "Reason"]

_STRING = re.compile(r'"((?:[^"\\]++|\\.)*+)(?:"|\Z)(\s*+:)?', re.DOTALL)
_CHALLENGE = re.compile(r'\b(?:nonce|opaque)="?\Z', re.IGNORECASE)
"""Before what a server asks of a client for a digest (RFC 7616), and anybody may see."""
_SCHEMED = re.compile(
    r"(?:bearer|basic|negotiate|ntlm|apikey|splunk|dpop|genie(?:key)?|ssws) +(?=\S)|(?:token|digest) +(?=\S+\Z)",
    re.IGNORECASE,
)
"""A scheme and what follows it: of those that are words as well, one word alone."""
_CRUMB = re.compile(r"(?:\A|;)[ \t]*+([^=;\s]+)[ \t]*+=[ \t]*+(\"?)([^;]*)")
_FOLDED = re.compile(r",[ \t]*+([^=;,\s]+)=\"?([^;,\s\"]+)")
"""A further cookie in one header, as proxies put several together though they must not (RFC 6265 section 3)."""
_PARAMETER = re.compile(r"[^&]+")
_USER = re.compile(r"[^\s\"'`{}\[\]()<>,;=&/]+")
_ESCAPES = "\\%&\x1b"
_SIGN = re.compile(f"[{re.escape(_ESCAPES)}]")
_HEAD_REACH = 64
_IN_TAGS = re.compile(r">[^<>]*\Z")
_LEVELS = 8
_CODES = 3
"""How many base64 texts within one another are read."""
_SIGNED = re.compile(r"/([A-Za-z0-9_=-]{4,}\.[A-Za-z0-9_=-]{4,}\.[A-Za-z0-9_=-]{8,})(?=/|\Z)")
"""A segment of a path that may be a token of three parts, which names nothing."""
_CACHED = 512
_REMEMBERED = 8 << 20  # characters
_LEAST_SIZE = 512  # what a text takes besides its characters
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SHORTEST = 5


class _Level:
    """A text on one level of escaping, and what was found in it so far."""

    def __init__(
        self, text: str, name: str, kind: str, depth: int, *, is_json: bool | None = None, is_packed: bool = False
    ) -> None:
        self.text = text
        self.name = name
        self.kind = kind
        self.depth = depth
        self.is_packed = is_packed
        self.finds: list[Find] = []
        self.neutral: list[Span] = []
        self.named_until = 0
        self.walked_until = 0
        self.valued_until = 0
        self.tabled_until = 0
        self.shaped_until = 0
        self.no_shape_until: dict[str, int] = {}
        self._is_json = is_json
        self._is_form: bool | None = None
        self._arrays: tuple[list[int], list[str]] | None = None

    @property
    def is_json(self) -> bool:
        if self._is_json is None:
            self._is_json = is_json(self.text)
        return self._is_json

    @property
    def is_form(self) -> bool:
        """Whether the text is a query or a form, in which `+` is a space and `%26` no end of a value."""
        if self._is_form is None:
            text = self.text.strip()
            self._is_form = self.kind in {"query", "form"} or (
                "=" in text
                and text[:1] not in {"{", "[", "<", '"'}
                and not any(one in text for one in " \n\t\"'<>\x1b")
            )
        return self._is_form

    @property
    def is_markup(self) -> bool:
        """Whether the text is XML or HTML."""
        return self.text[:100].lstrip()[:1] == "<"

    def add(self, start: int, end: int, value: str, role: str, reason: Reason) -> None:
        self.finds.append(Find(start, end, value, role, reason))

    def take(self, other: "_Level", start: int, plain: Plain) -> None:
        """Takes over what was found on the next level, in the part of this one that begins at `start`."""
        for find in other.finds:
            self.finds.append(find._replace(start=start + plain.origin(find.start), end=start + plain.origin(find.end)))
        self.neutral += [(start + plain.origin(first), start + plain.origin(last)) for first, last in other.neutral]

    def among(self, place: int) -> str:
        """Under which name the array stands that has a string at a place, in JSON."""
        if not self.is_json:
            return ""
        if self._arrays is None:
            leaves = [(leaf.start, leaf.among) for leaf in walk(self.text) if leaf.among]
            self._arrays = [start for start, _ in leaves], [among for _, among in leaves]
        starts, names = self._arrays
        at = bisect_right(starts, place) - 1
        return names[at] if at >= 0 and place - starts[at] < _CACHED else ""


def _within_segment(find: Find, path: str) -> Find:
    """What was found in a path, up to the slash that ends its segment: no token but that of a webhook goes on."""
    slash = -1 if find.role in shapes.SEGMENTED else path.find("/", find.start, find.end)
    return find if slash <= find.start else find._replace(end=slash, value=unquote(path[find.start : slash]))


class _Texts:
    """What was found in texts: those of a call are looked at for its row and for its interaction, and answers recur."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, bool], tuple[Find, ...]] = {}
        self._size = 0

    def get(self, key: tuple[str, str, bool]) -> tuple[Find, ...] | None:
        """What was found in a text under a name, be it JSON or not; None if that is not known any more."""
        return self._found.get(key)

    def keep(self, key: tuple[str, str, bool], found: tuple[Find, ...]) -> None:
        """Keeps what was found; the texts that are kept have a bounded size."""
        size = len(key[0]) + _LEAST_SIZE
        if self._size + size > _REMEMBERED:
            self._found, self._size = {}, 0
        self._found[key] = found
        self._size += size


class Finder:
    """Says where secrets stand in a text, by the built-in knowledge and that of a config."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._chances = Chances(policy.spares)
        self._words = ahocorasick.Automaton()
        entries: dict[str, list[object]] = {word: [None] for word in KEYWORDS | policy.keywords}
        for beginning, fitting in shapes.BEGINNINGS.items():
            entries.setdefault(beginning, []).extend(fitting)
        for beginning, reader in standing.READERS.items():
            entries.setdefault(beginning, []).append(reader)
        for word, acts in entries.items():
            self._words.add_word(word, (len(word), tuple(acts)))
        self._words.make_automaton()
        self._find_short = lru_cache(maxsize=4096)(self._find_in_value)
        self._deepen_again = lru_cache(maxsize=4096)(self._deepen)
        self._texts = _Texts()
        self._find_in_targets = lru_cache(maxsize=256)(self._find_in_target)

    def find_in_text(self, text: str, *, name: str = "", json: bool = False) -> list[Find]:
        """The secrets in a text of any kind, in order, none of which overlaps another.

        `name` is the header, member or parameter under which the whole text stands; `json` says that it is JSON.
        """
        key = text, name, json
        found = self._texts.get(key)
        if found is None:
            found = tuple(self._find(text, name, chances=not self._policy.spares(name), json=json))
            self._texts.keep(key, found)
        return list(found)

    def find_in_bytes(self, text: str) -> list[Find]:
        """The secrets in bytes that are no text, read as latin-1: a letter before a token may be no part of it."""
        level = self._scan(_Level(text, "", "", 0, is_packed=True), chances=True)
        return settle(text, level.finds, level.neutral)

    def find_in_value(self, value: str, name: str, place: str = "") -> list[Find]:
        """The secrets in a whole value: all of it if its name says so, else those that stand in it.

        `place` is how the config would write where it stands: `header:X-Pin`, `query:pin`, `$.user.pin`.
        """
        if len(value) <= _CACHED:
            return list(self._find_short(value, name, place))
        return list(self._find_in_value(value, name, place))

    def find_in_target(self, target: str) -> list[Find]:
        """The secrets in a request's target, or in any URL. What is random in a path is an identity."""
        return list(self._find_in_targets(target) if len(target) <= _CACHED else self._find_in_target(target))

    def _find_in_target(self, target: str) -> tuple[Find, ...]:
        path, question, query = target.partition("?")
        level = self._scan(_Level(path, "", "path", 0), chances=False)
        level.finds = [_within_segment(find, path) for find in level.finds]
        for segment in _SIGNED.finditer(path):
            found = self.find_in_text(segment[1])
            level.finds += (
                find._replace(start=find.start + segment.start(1), end=find.end + segment.start(1))
                for find in found
                if find.reason is Reason.SHAPED
            )
        if question:
            start = len(path) + 1
            within = self._scan(_Level(query, "", "query", 0), chances=True)
            level.take(within, start, Plain(query))
        return tuple(settle(target, level.finds, level.neutral))

    def also(self, find: Find) -> list[tuple[str, str]]:
        """What else is known with a secret, as pairs of value and role: the password in `Basic …`, parts of a DSN."""
        known: dict[str, str] = {}
        inner = decode("".join(find.value.split())) or _decode_short(find.value)
        for text in (find.value, inner):
            user, colon, password = text.partition(":")
            if text is inner and colon and not is_void(password, "password"):
                known[password] = "password"
                if not is_sought(password):
                    known[inner] = find.role  # with its user it says more
            elif colon and user and not is_void(password, "password") and not any(one in text for one in " {=;,/"):
                known[password] = "password"
            if schemed := _SCHEMED.match(text):
                known[text[schemed.end() :].strip()] = find.role
            if len(text) > _SHORTEST and not (text is find.value and self._is_bare(text)):
                for one in self.find_in_text(text):
                    if not (one.reason is Reason.RANDOM and _CHALLENGE.search(text, max(0, one.start - 16), one.start)):
                        known.setdefault(one.value, one.role)
        known.pop(find.value, None)
        return [(value, role) for value, role in known.items() if value]

    def _is_bare(self, text: str) -> bool:
        """Whether nothing can stand in a text but one token, which is all of it."""
        if not _BARE.fullmatch(text) or next(self._policy.find_patterns(text), None):
            return False
        return next(self._words.iter(text.lower()), None) is None

    def _find_in_value(self, value: str, name: str, place: str) -> tuple[Find, ...]:
        policy = self._policy
        if not value or policy.is_exempt(value, place, name):
            return ()
        verdict = policy.judge(name, place)
        if verdict is Verdict.SECRET:
            level = _Level(value, name, "", 0)
            self._leaf(level, Value(0, len(value), value), name, place)
            if level.finds:
                # What stands beside the secret, as a scheme does, may hold another.
                return tuple(settle(value, level.finds, [found.span() for found in ANY.finditer(value)]))
        if len(value) < _SHORTEST and not policy.keywords:
            return ()
        return tuple(self._find(value, name, chances=not policy.spares(name)))

    def _find(self, text: str, name: str, *, chances: bool, json: bool = False) -> list[Find]:
        level = _Level(text, name, "", 0, is_json=json or None)
        self._scan(level, chances=chances)
        return settle(text, level.finds, level.neutral) if level.finds else []

    # One level of a text.

    def _scan(self, level: _Level, *, chances: bool, inside: int = 0) -> _Level:
        text = level.text
        lowered = text.lower()
        if len(lowered) != len(text):  # a letter whose small form is two
            lowered = "".join(one.lower() if len(one.lower()) == 1 else one for one in text)
        if MARKER in text:
            level.neutral += [found.span() for found in ANY.finditer(text)]
            lowered = ANY.sub(lambda found: "{" * len(found[0]), lowered)  # its role is no name
        for last, (length, acts) in self._words.iter(lowered):
            self._look(level, last + 1 - length, last + 1, acts)
        policy = self._policy
        for view in (text, text.replace("+", " ")) if "+" in text else (text,):  # a space is a plus in a form
            for start, end in policy.find_patterns(view):
                level.add(start, end, view[start:end], "pattern", Reason.SHAPED)
        if policy.knows_paths or "\\u" in text:
            self._walk(level)
        skipped = self._descend(level, chances=chances, inside=inside)
        if skipped is not None:
            self._take_chances(level, skipped, harmless=not chances, inside=inside)
        if policy.exempts:
            level.finds = [find for find in level.finds if not policy.is_exempt(find.value)]
        return level

    def _look(self, level: _Level, start: int, end: int, acts: tuple[object, ...]) -> None:
        for act in acts:
            if act is None:
                if level.is_packed:
                    self._look_at_framed(level, start)
                if start >= level.named_until and start >= level.valued_until:
                    self._look_at_name(level, start, end)
            elif isinstance(act, Shape):
                self._look_at_shape(level, start, act)
            elif start >= level.shaped_until:
                self._stand(level, act, start)

    def _stand(self, level: _Level, reader: object, start: int) -> None:
        assert callable(reader)  # noqa: S101
        for one in reader(level.text, start):
            if one.role is None:
                level.neutral.append((one.start, one.end))
                level.shaped_until = max(level.shaped_until, one.end)
            else:
                level.add(one.start, one.end, one.value, one.role, Reason(one.reason))
                if one.reason == Reason.SHAPED:
                    level.shaped_until = max(level.shaped_until, one.end)

    def _look_at_shape(self, level: _Level, start: int, shape: Shape) -> None:
        if start < max(level.shaped_until, level.no_shape_until.get(shape.role, 0)):
            return
        shaped = shape.fit(level.text, start, packed=level.is_packed)
        if isinstance(shaped, int):
            level.no_shape_until[shape.role] = shaped
            return
        level.add(shaped.start, shaped.end, level.text[shaped.start : shaped.end], shaped.role, Reason.SHAPED)
        level.shaped_until = shaped.end
        if partner := shapes.find_partner(level.text, shaped):
            level.add(partner.start, partner.end, level.text[partner.start : partner.end], partner.role, Reason.SHAPED)

    def _look_at_name(self, level: _Level, start: int, end: int) -> None:
        text = level.text
        found = find_name(text, start, end)
        if found is None:
            return
        begin, finish = found
        level.named_until = finish
        if text[max(0, begin - 3) : begin] == "://":
            return  # a user or a host
        name = text[begin:finish]
        place = f"{level.kind or 'form'}:{name}" if level.kind != "path" and level.is_form else ""
        if self._policy.judge(name, place) is not Verdict.SECRET:
            return
        met = False
        form = {"in_json": level.is_json, "in_form": level.is_form, "in_markup": level.is_markup}
        for value in read_value(text, name, begin, finish, **form):
            met = True
            if isinstance(value, Container):
                self._open(level, value, begin, name)
            elif self._leaf(level, value, name, place):
                level.valued_until = value.end
        if not met:
            self._look_at_head(level, begin)
            for value in read_pair(text, begin, finish):
                # Between the two may stand something else, as another member.
                if self._leaf(level, value, name, "") and text.count(":", finish, value.start) <= 1:
                    level.valued_until = max(level.valued_until, value.end)

    def _look_at_framed(self, level: _Level, word: int) -> None:
        """Takes the value behind a name in bytes."""
        for framed in read_framed(level.text, word):
            value = level.text[framed.start : framed.end]
            if self._is_head(framed.name) and not self._is_void(value, framed.name, ""):
                level.add(framed.start, framed.end, value, role_of(framed.name), Reason.NAMED)

    def _look_at_head(self, level: _Level, begin: int) -> None:
        """Takes the cells of the columns whose heads name secrets, if a name is such a head."""
        if begin < level.tabled_until:
            return
        text = level.text
        cells: Iterable[Cell] = ()
        if level.is_json:
            if text[begin - 1] == '"':
                level.tabled_until = len(text)
                cells = read_json_tables(text, self._is_head)
        else:
            read = read_html_table if _IN_TAGS.search(text, max(0, begin - _HEAD_REACH), begin) else read_table
            level.tabled_until, cells = read(text, begin, self._is_head)
        for cell in cells:
            if not self._is_void(cell.text, cell.name, ""):
                level.add(cell.start, cell.end, cell.text, role_of(cell.name), Reason.NAMED)

    def _is_head(self, name: str) -> bool:
        return self._policy.judge(name) is Verdict.SECRET

    def _open(self, level: _Level, container: Container, begin: int, name: str) -> None:
        """Takes the strings of what stands under the name of a secret."""
        if container.start < level.walked_until:
            return
        level.walked_until, members = read_container(level.text, container, begin, name)
        weak = is_weak(name)
        for member in members:
            if not is_secret_within(name, member.name):
                continue
            own = self._policy.judge(member.name) if member.name else Verdict.UNKNOWN
            sure = own is Verdict.SECRET or completes_id(name, member.name)
            if not sure and (own is Verdict.HARMLESS or (weak and is_plain(member.text))):
                continue
            under = member.name if own is Verdict.SECRET else f"{name}-{member.name}" if member.name else name
            self._leaf(level, Value(member.start, member.end, member.text), under, "", container=name)

    def _leaf(self, level: _Level, value: Value, name: str, place: str, container: str = "") -> bool:
        """Adds a value whose name says that it is a secret, without what of it is none; false if all of it is none."""
        words = words_of(container or name)
        text = value.text
        found = _SCHEMED.match(text)
        if words[-1:] == ("authorization",):
            scheme = split_scheme("authorization", text)[0] or (found[0] if found else "")
        elif "=" in text and is_cookie(container or name):
            self._crumbs(level, value, only_first=words[0] == "set")
            return True
        else:
            scheme = found[0] if found and not place.startswith("header:") else ""
        if scheme and level.text.startswith(scheme, value.start):
            value = Value(value.start + len(scheme), value.end, text[len(scheme) :])
        if self._is_void(value.text, name, place):
            return False
        level.add(*value, role_of(name), Reason.NAMED)
        return True

    def _is_void(self, text: str, name: str, place: str) -> bool:
        if self._policy.is_named(name, place):  # the config knows better than any list of common words
            return not text.strip() or text in {"true", "false", "null"} or self._policy.is_exempt(text)
        return is_void(text, name) or self._policy.is_exempt(text, place, name)

    def _crumbs(self, level: _Level, value: Value, *, only_first: bool) -> None:
        raw = level.text[value.start : value.end]
        for found in _CRUMB.finditer(raw):
            start = value.start + found.start(3)
            text = found[3].rstrip()
            if found[2] and text.endswith('"'):
                text = text[:-1]
            place = f"cookie:{found[1]}"
            if self._policy.judge("", place) is not Verdict.HARMLESS and not self._is_void(text, found[1], place):
                level.add(start, start + len(text), text, role_of(found[1]), Reason.NAMED)
            if only_first:
                break
        for found in _FOLDED.finditer(raw) if only_first else ():
            if not self._is_void(found[2], found[1], ""):
                level.add(
                    value.start + found.start(2), value.start + found.end(2), found[2], role_of(found[1]), Reason.NAMED
                )

    def _walk(self, level: _Level) -> None:
        """Looks at each string of a JSON text by its path, and by its name when that is escaped."""
        if not level.is_json:
            return
        for leaf in walk(level.text, paths=self._policy.knows_paths):
            name = leaf.name or leaf.among
            verdict = self._policy.judge(name, leaf.path)
            if verdict is Verdict.SECRET:
                raw = level.text[leaf.start : leaf.end]
                self._leaf(level, Value(leaf.start, leaf.end, unescape(raw)), name, leaf.path)
            elif self._policy.is_exempt("", leaf.path):
                level.neutral.append((leaf.start, leaf.end))

    # Deeper levels, and what is random on the deepest.

    def _descend(self, level: _Level, *, chances: bool, inside: int) -> list[Span] | None:
        """Reads the next level. Comes back with what of this one was read there, None for all of it."""
        if level.depth >= _LEVELS or not any(one in level.text for one in _ESCAPES):
            return []
        if level.is_json:
            parts, order = _read_strings(level), ""
        elif level.is_form:
            parts, order = _read_parameters(level), "%&\\\x1b"
        else:
            plain = _peel(level.text, "&%\\\x1b")
            if plain is None:
                return []
            deeper = _Level(plain.text, level.name, "", level.depth + 1)
            level.take(self._scan(deeper, chances=chances, inside=inside), 0, plain)
            return None
        read: list[Span] = []
        for start, end, name in parts:
            if level.is_form and name not in level.text[max(0, start - len(name) - 1) : start]:
                self._look_at_parameter(level, start, end, name)
            # What a string holds without an escape of its own is a text like any, a form perhaps.
            part = level.text[start:end]
            if order and "%" in part:
                part = part.replace("+", " ")  # what is a plus is written as %2B
            allowed = chances and not self._policy.spares(name)
            deepen = self._deepen_again if len(part) <= _CACHED else self._deepen
            found = deepen(part, name, order, level.depth + 1, chances=allowed, inside=inside)
            if found is None:
                continue
            read.append((start, end))
            finds, neutral = found
            level.finds += [find._replace(start=start + find.start, end=start + find.end) for find in finds]
            level.neutral += [(start + first, start + last) for first, last in neutral]
        return read

    def _deepen(
        self, part: str, name: str, order: str, depth: int, *, chances: bool, inside: int
    ) -> tuple[tuple[Find, ...], tuple[Span, ...]] | None:
        """What stands in a string or a parameter once its escapes are read, and what is none; None if it has none."""
        plain = _peel(part, order or "\\") or (None if order else Plain(part))
        if plain is None:
            return None
        level = _Level(part, name, "", depth - 1)
        if len(plain.text) >= _SHORTEST:
            level.take(self._scan(_Level(plain.text, name, "", depth), chances=chances, inside=inside), 0, plain)
        return tuple(level.finds), tuple(level.neutral)

    def _look_at_parameter(self, level: _Level, start: int, end: int, name: str) -> None:
        """Looks at a parameter whose name is escaped."""
        place = f"{level.kind or 'form'}:{name}"
        if self._policy.judge(name, place) is Verdict.SECRET:
            self._leaf(level, Value(start, end, read_parameter(level.text[start:end])), name, place)

    def _take_chances(self, level: _Level, skipped: list[Span], *, harmless: bool, inside: int) -> None:
        text = level.text
        neutral = sorted(level.neutral)
        covered = sorted((find.start, find.end) for find in level.finds if find.reason is Reason.NAMED)
        for chance in self._chances.find(text, level.name, skipped, level.among, covered=covered, harmless=harmless):
            at = bisect_right(neutral, (chance.start, len(text)))
            if at and chance.start < neutral[at - 1][1]:
                continue
            if chance.inside:
                if inside < _CODES:
                    self._look_inside(level, chance, inside=inside + 1)
                continue
            role, reason = ("token", Reason.SHAPED) if chance.parts == 3 else (UNNAMED, Reason.RANDOM)
            level.add(chance.start, chance.end, text[chance.start : chance.end], role, reason)

    def _look_inside(self, level: _Level, chance: Chance, *, inside: int) -> None:
        """Adds the code of a text in which there is a secret: `user:password` is one."""
        deeper = _Level(chance.inside, "", "", max(level.depth, _LEVELS - 2))
        within = self._scan(deeper, chances=not chance.harmless, inside=inside)
        user, colon, password = chance.inside.partition(":")
        finds = sorted(within.finds, key=lambda find: find.reason)
        if finds:
            role, reason = finds[0].role, finds[0].reason
        elif colon and not chance.harmless and _is_login(user, password):
            role, reason = "basic", Reason.SHAPED
        else:
            return
        level.add(chance.start, chance.end, level.text[chance.start : chance.end], role, reason)


def _peel(text: str, order: str) -> Plain | None:
    """The text with one kind of escapes read, the first in this order that it has; None if it has none.

    One kind on each level: where two are within one another, reading both at once would take the inner for the outer.
    """
    for kind in order:
        if plain := read_once(text, kind):
            # A colour stands for nothing; it was read as its own sign.
            return Plain(plain.text.replace(kind, " "), plain.steps) if kind == "\x1b" else plain
    return None


def _read_strings(level: _Level) -> Iterator[tuple[int, int, str]]:
    """The strings of a JSON text in which there is an escape, each with the name of its member; keys are among them."""
    text = level.text
    names = _Names(text)
    at = 0
    while sign := _SIGN.search(text, at):
        # It is the first in its string, and so no quote before it in that is an escaped one.
        string = _STRING.match(text, max(0, text.rfind('"', at, sign.start())))
        if string is None:  # as in what is no JSON after all
            at = sign.end()
            continue
        at = string.end()
        start, end = string.span(1)
        if string[2]:
            names.last = start, end
        yield start, end, "" if string[2] else names.find(start - 1) or level.among(start)


class _Names:
    """The names of the members of a JSON text; `last` is where the last one stands that has an escape in it."""

    def __init__(self, text: str) -> None:
        self.last = -1, -1
        self._text = text
        self._all: tuple[list[int], list[str]] | None = None

    def find(self, quote: int) -> str:
        """The name of the member whose string begins with a quote; for an element, that of the last member before."""
        text = self._text
        colon = _before(text, quote)
        if colon >= 0 and text[colon] == ":":
            end = _before(text, colon)
            start, known = self.last
            return text[start if end == known else text.rfind('"', 0, end) + 1 : end]
        if self._all is None:
            found = [(string.start(), string[1]) for string in _STRING.finditer(text) if string[2]]
            self._all = [start for start, _ in found], [name for _, name in found]
        starts, names = self._all
        at = bisect_right(starts, quote)
        return names[at - 1] if at else ""


def _before(text: str, place: int) -> int:
    """Where the last character before a place stands that is no white space; -1 if there is none."""
    place -= 1
    while place >= 0 and text[place] in " \t\n\r":
        place -= 1
    return place


def _read_parameters(level: _Level) -> Iterator[tuple[int, int, str]]:
    """The names and values of a form in which there is an escape, each value with its name.

    What stands before the first equals sign of a URL is its path.
    """
    for parameter in _PARAMETER.finditer(level.text):
        if any(one in parameter[0] for one in _ESCAPES):
            name, equals, _ = parameter[0].partition("=")
            between = parameter.start() + len(name)
            if any(one in name for one in _ESCAPES):
                yield parameter.start(), between, level.name
            if equals:
                yield between + len(equals), parameter.end(), unquote(name)


def _is_login(user: str, password: str) -> bool:
    """Whether two texts with a colon between are a user and a password, and no time, place or name of a thing."""
    if not _USER.fullmatch(user) or not password or user.isdecimal() or any(one.isspace() for one in password):
        return False
    return password[0] != "/" and not is_plain(password)


def _decode_short(value: str) -> str:
    """What base64 of a user and a password says, however short."""
    if len(value) >= 20 or len(value) % 4:
        return ""
    text = read_base64(value, least=4)
    return text if ":" in text else ""
