r"""Which value a name in a text stands for: `"name": "x"`, `name=x&`, `--name x`, `<name>x</name>` and their kin.

A text is read as it stands, on one level of escaping. Where a value ends depends on what it stands in: at the quote
that closes it, at the next parameter, at the next member of a connection string, at the end of a line. In doubt it is
read too far rather than too short.
"""

import html
import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote

from cpproxy.core.redaction.documents import unescape
from cpproxy.core.redaction.names import LONGEST, is_cookie, is_phrase
from cpproxy.core.redaction.randomness import is_wordlike
from cpproxy.core.redaction.words import is_code, is_prose


class Value(NamedTuple):
    """A value: where it stands in the text, and what it is without the escapes around it."""

    start: int
    end: int
    text: str


class Container(NamedTuple):
    """The place where an object, an array, a block of YAML or an element with others in it begins."""

    start: int
    kind: str


_NAME_BACK = re.compile(r"[\w.$-]*")
_NAME_ON = re.compile(r"[\w.$-]*")
# What stands between a name and its value. `::` and `==` are a program's, `:/` is a URL's; asterisks are Markdown's,
# and a bracket ends `config["name"]`.
_JOINT = re.compile(
    r"""(?P<brackets>(?:\]|%5[dD])*+)(?P<quote>\\?["'`])?(?:\*{1,3}(?=:)|(?P<index>\](?=[ \t]*=(?!=))))?"""
    r"""(?P<before>(?:(?<=["'])\s{0,200}+|[ \t]*+))"""
    r"""(?P<sign>:=|=>|=(?!=)|:(?!:|//))(?P<after>[ \t]*+(?:(?<=:)\*{1,3}[ \t]++|\*{2,3}(?=[^\s*]))?)"""
)
_ESCAPED_QUOTE = re.compile(r"""&(?:amp;){0,5}(?:quot|apos|\#3[49]|\#x2[27]);|%(?:25){0,5}2[27]|\\{1,32}["'u]""")
# Before a literal: `b'…'` in Python, `Some("…")` in Rust, `string(12) "…"` as PHP shows it.
_LITERAL_PREFIX = re.compile(
    r"""(?:[bBrRuUfF]{1,2}|(?:Some|Ok|Just|[Ss]tring|str|Secret\w{0,20})\((?:\d{1,9}\)[ \t]++)?)(?=["'])"""
)
_INLINE_TAGS = re.compile(
    r"(?:</?(?:b|br|code|em|i|kbd|samp|span|strong|tt)(?:\s[^<>]{0,200})?/?>\s{0,9}){1,4}", re.IGNORECASE
)
_TRIPLE = re.compile(r'''"""\s*+(?P<double>.*?)\s*"""|\'{3}\s*+(?P<single>.*?)\s*\'{3}''', re.DOTALL)
_OPENS = re.compile(r"(?!\{\{)[{\[]\s{0,200}[\"'{\[}\]]")
_DOUBLE = re.compile(r'"((?:[^"\\]++|\\.)*+)"', re.DOTALL)
_SINGLE = re.compile(r"'((?:[^'\\\n]++|\\.)*+)'")
_BACKTICK = re.compile(r"`([^`\n]*+)`")
_QUOTES = {'"': _DOUBLE, "'": _SINGLE, "`": _BACKTICK}

_LOGIN = re.compile(r"""\(\s{0,20}["'][^"'\\\n]{0,200}["'],\s{0,20}(?P<quote>["'])(?P<value>[^"'\\\n]++)(?P=quote)""")
# `-H 'Name: value'`, as programs that make calls take a header.
_HEADER_FLAG = re.compile(r"""(?:-H|--header)[ \t=]*["']\Z""")
_MEMBER_REST = re.compile(r"""[^;"'\r\n<>&=]{1,200}(?=;[ \t]*[\w ]{1,40}=)""")
_NEXT = r"""[\w.%\[\] -]{1,64}"""
_BARE = re.compile(
    rf"""(?:[^\s"'`&;,<>\\\x00-\x1f]++
    | \\(?!\\{{0,32}}(?:["'nrt]|u00(?:2[267]|3[cCeE])))
    | &(?!(?:amp;){{0,5}}(?:quot|apos|\#3[49]|\#x2[27]|lt|gt);|(?:amp;){{0,5}}[\w.%\[\]-]{{1,64}}=|[\s"'<]|\Z)
    | ;(?!\s{{0,4}}{_NEXT}=|[\s"'<]|\Z)
    | ,(?!\s{{0,4}}["']?[\w.-]{{1,64}}["']?\s{{0,2}}[=:]|[\s"'<]|\Z)
    | ["'`](?![\s,;:)\]}}>&<]|\Z)
    | <(?![/!A-Za-z]) | >)*+""",
    re.VERBOSE,
)
# In a string of a JSON text: what would end the string, or escape something in it, ends the value.
_BARE_JSON = re.compile(
    rf"""(?:[^\s"\\&;,<>\x00-\x1f]++
    | &(?!(?:amp;){{0,5}}(?:quot|apos|\#3[49]|\#x2[27]|lt|gt);|(?:amp;){{0,5}}[\w.%\[\]-]{{1,64}}=|[\s"'<\\]|\Z)
    | ;(?!\s{{0,4}}{_NEXT}=|[\s"'<\\]|\Z)
    | ,(?!\s{{0,4}}[\w.-]{{1,64}}\s{{0,2}}[=:]|[\s"'<\\]|\Z)
    | <(?![/!A-Za-z]) | >)*+""",
    re.VERBOSE,
)
_LINE = re.compile(
    r"""(?:[^\r\n\\&\x1b]++|\\(?!\\{0,32}["'nr])|&(?!(?:amp;){0,5}(?:quot|apos|\#3[49]|\#x2[27]|lt|gt|\#10|\#13);))*+"""
)
_LINE_JSON = re.compile(r'[^"\\\r\n]*+')
_NEXT_MEMBER = re.compile(r"""[ \t]*+[,;&|][ \t]*+["']?[\w.-]{1,64}["']?[ \t]?[=:]|[ \t]++\#[ \t]|[ \t]++--?[A-Za-z]""")
_LINE_START = re.compile(r"[ \t>*<|$#+-]*(?:export[ \t]+|set[ \t]+|ENV[ \t]+|ARG[ \t]+|-[eHd][ \t]*)?")
_LINE_BACK = re.compile(r"[^\r\n\"'`]*+")
_LONGEST_PHRASE = 400
_MOST_TRIMMED = 8
_LONGEST_TAG = 2000
_TRAILING = ".,;:!?"
_BRACKETS = {")": "(", "]": "[", "}": "{"}
_SCHEME = re.compile(
    r"(?:Bearer|Basic|Token|Negotiate|NTLM|Digest|ApiKey|Api-Key|GenieKey|SSWS|OAuth|Hawk|AWS|AWS4-[A-Z0-9-]+|Key|PVEAPIToken"
    r"|GoogleLogin|SharedKey(?:Lite)?|SharedAccessSignature|Splunk|Klaviyo-API-Key|DPoP|Access-Key|Client-ID|MAC)[ ]+",
    re.IGNORECASE,
)

_ELEMENT = re.compile(r"(?:\s[^<>]{0,2000})?(?<!/)>")
_CONTENT = re.compile(
    r"\s*+(?:<!\[CDATA\[(?P<data>(?:[^\]<]++|\](?!\]>)|<(?!!\[CDATA\[))*+)\]\]>|(?P<text>[^<]++))", re.DOTALL
)
_BLOCK_SCALAR = re.compile(r"[|>][+-]?\d?[ \t]*(?:#[^\n]*)?\r?\n")


def find_name(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Where the name begins and ends that holds a word, or None if that is too long for one."""
    floor = max(0, start - LONGEST)
    reversed_part = text[floor:start][::-1]
    found = _NAME_BACK.match(reversed_part)
    begin = start - (found.end() if found else 0)
    behind = _NAME_ON.match(text, end, end + LONGEST)
    finish = behind.end() if behind else end
    # A sentence ends in a dot that is no part of a name, and a number of hyphens is a flag's.
    while finish > end and text[finish - 1] in ".-$":
        finish -= 1
    return None if finish - begin > LONGEST else (begin, finish)


def read_value(
    text: str, name: str, begin: int, end: int, *, in_json: bool, in_form: bool, in_markup: bool
) -> Iterator[Value | Container]:
    """The value behind a name that stands from `begin` to `end`, if the text says there that it has one."""
    joint = _JOINT.match(text, end)
    if joint and (header := _read_header_flag(text, name, begin, joint)):
        yield header
    elif joint:
        for value in _read_joined(text, name, begin, joint, in_json=in_json, in_form=in_form):
            if in_markup and joint["sign"] == "=" and isinstance(value, Value):
                yield value._replace(text=html.unescape(text[value.start : value.end]))
            else:
                yield value
    elif begin and text[begin - 1] in "<:" and text[end : end + 1] in {">", " ", "\n", "\t", "\r"}:
        yield from _read_element(text, begin, end)
    elif text[begin] == "-" and (begin == 0 or text[begin - 1] in " \t\n\"'[,("):
        yield from _read_flag(text, end, in_json=in_json)
    else:
        yield from _read_spaced(text, name, begin, end)


def _read_joined(
    text: str, name: str, begin: int, joint: re.Match[str], *, in_json: bool, in_form: bool
) -> Iterator[Value | Container]:
    at = joint.end()
    if joint["quote"] and begin and text[begin - 1] == joint["quote"][-1]:
        at += len(text[at : at + 200]) - len(text[at : at + 200].lstrip())
    if literal := _read_literal(text, at, begin, in_json=in_json):
        yield literal
        return
    if joint["sign"] == ":" and (tags := _INLINE_TAGS.match(text, at)):
        yield from _read_tagged(text, tags.end())
        return
    if _OPENS.match(text, at):
        yield Container(at, "json")
        return
    one = text[at : at + 1]
    if joint["sign"] == ":" and (block := _BLOCK_SCALAR.match(text, at)):
        yield from _read_block(text, begin, block.end())
    elif joint["sign"] == ":" and one in {"\r", "\n"} and not in_json and not joint["quote"]:
        yield Container(at, "yaml")
    # In JSON that is a number, true, false or null, in a program an expression; and what escaped quotes enclose is read
    # on the next level.
    elif (
        not (joint["quote"] and in_json)
        and not (joint["index"] and joint["sign"] == "=")
        and not _ESCAPED_QUOTE.match(text, at)
    ):
        yield from _read_bare(text, name, begin, at + (one == "["), joint, in_json=in_json, in_form=in_form)


def _read_literal(text: str, at: int, begin: int, *, in_json: bool) -> Value | None:
    """A value in quotes, be they those of a string that was cut off."""
    if not in_json and (triple := _TRIPLE.match(text, at)):  # of Python and TOML
        group = triple.lastgroup or ""
        return Value(*triple.span(group), triple[group])
    if prefix := _LITERAL_PREFIX.match(text, at):
        at = prefix.end()
    one = text[at : at + 1]
    if one in _QUOTES and (found := _QUOTES[one].match(text, at)):
        return Value(*found.span(1), unescape(found[1]) if one != "`" else found[1])
    if one == "(" and (pair := _LOGIN.match(text, at)):  # `auth=("user", "password")`
        return Value(*pair.span("value"), unescape(pair["value"]))
    if one in _QUOTES:
        line = _LINE.match(text, at + 1)
        return _trimmed(text, at + 1, line.end() if line else at + 1, begin)
    return None


def _read_tagged(text: str, at: int) -> Iterator[Value]:
    """A value that HTML shows in a font of its own, `Key: <code>x</code>`, if it is no sentence."""
    for value in read_content(text, at):
        is_word = isinstance(value, Value) and value.text.isalpha() and is_wordlike(value.text)
        if isinstance(value, Value) and not is_word and not any(map(str.isspace, value.text)):
            yield value


def _read_header_flag(text: str, name: str, begin: int, joint: re.Match[str]) -> Value | None:
    """The value in `-H 'Name: value'`, without its scheme."""
    at = joint.end()
    if joint["quote"] or joint["sign"] != ":" or not _HEADER_FLAG.search(text, max(0, begin - 20), begin):
        return None
    header = _QUOTES[text[begin - 1]].match(text, begin - 1)
    if header is None or header.end() <= at:
        return None
    scheme = None if is_cookie(name) else _SCHEME.match(text, at, header.end() - 1)
    start = scheme.end() if scheme else at
    return Value(start, header.end() - 1, unescape(text[start : header.end() - 1]))


def _read_bare(
    text: str, name: str, begin: int, at: int, joint: re.Match[str], *, in_json: bool, in_form: bool
) -> Iterator[Value]:
    sign = joint["sign"]
    parameter = sign == "=" and not joint["before"] and not joint["after"]
    before = text[begin - 1] if begin else ""
    if is_cookie(name) and sign == ":" and not joint["quote"]:
        crumbs = (_LINE_JSON if in_json else _LINE).match(text, at)
        yield _trimmed(text, at, crumbs.end() if crumbs else at, begin)
        return
    scheme = _SCHEME.match(text, at)
    found = (_BARE_JSON if in_json else _BARE).match(text, at)
    value = _trimmed(text, at, _within_angles(text, begin, at, found.end() if found else at), begin)
    if not scheme and not parameter and (sign == "=" or joint["after"]) and _starts_line(text, begin):
        line = _read_line(text, name, at, value.end, begin, in_json=in_json)
        if line is not None:
            if not (sign == "=" and is_code(line.text)):
                yield line
            return
    if scheme:
        yield from _read_schemed(text, at, scheme, in_json=in_json)
        return
    if not value.text:
        return
    if not parameter:
        # In a sentence (`invalid token: expired`) and in a program (`token = get()`) words are no secrets.
        if is_code(value.text) or (value.text.isalpha() and is_wordlike(value.text) and before not in {"{", ",", "-"}):
            return
        yield value
        return
    yield _read_assigned(
        text, name, value, begin, decoded=in_form or before in {"?", "&", ";"} or bool(joint["brackets"])
    )


def _read_assigned(text: str, name: str, value: Value, begin: int, *, decoded: bool) -> Value:
    """The value behind an equals sign: in a connection string a password may have spaces, in a form it has escapes."""
    before = text[begin - 1 : begin]
    if before == ";" and is_phrase(name) and (rest := _MEMBER_REST.match(text, value.end)):
        return _trimmed(text, value.start, rest.end(), begin)
    if decoded and ("%" in value.text or "+" in value.text):
        return value._replace(text=read_parameter(value.text, plus=before != ";"))
    return value


def _within_angles(text: str, begin: int, at: int, end: int) -> int:
    """Where a bare value ends that stands in angle brackets: `<https://h/?sig=x>; rel=next`, `<a href=/?sig=x>`."""
    close = text.find(">", at, end)
    if close < 0:
        return end
    open_ = text.rfind("<", max(0, begin - _LONGEST_TAG), begin)
    return close if open_ >= 0 and text.find(">", open_, begin) < 0 else end


def _read_line(text: str, name: str, at: int, end: int, begin: int, *, in_json: bool) -> Value | None:
    """All that stands behind a name up to the end of its line, if that is one word or a phrase, and no sentence."""
    line = (_LINE_JSON if in_json else _LINE).match(text, end, end + _LONGEST_PHRASE)
    stop = _NEXT_MEMBER.search(text, end, line.end()) if line else None
    whole = _trimmed(text, at, stop.start() if stop else line.end() if line else end, begin)
    if " " not in whole.text:
        return whole if whole.text else None
    phrase = len(whole.text) < _LONGEST_PHRASE and is_phrase(name) and _PHRASE.fullmatch(whole.text)
    return whole if phrase and not is_prose(whole.text) else None


# An expression of a program has brackets and signs apart from its words.
_PHRASE = re.compile(r"(?![@(\[{])[^\s()=]+(?: [^\s()=\[\]{}]+)+")


def _starts_line(text: str, begin: int) -> bool:
    """Whether nothing but signs stands before a place in its line or in its string."""
    found = _LINE_BACK.match(text[max(0, begin - 64) : begin][::-1])
    before = found[0][::-1] if found else ""
    return len(before) < 64 and bool(_LINE_START.fullmatch(before))


def read_parameter(text: str, *, plus: bool = True) -> str:
    """A parameter's value from how it stands in a query or a form."""
    if plus and "+" in text and not _BASE64.fullmatch(text):
        text = text.replace("+", " ")
    return unquote(text, errors="surrogateescape") if "%" in text else text


_BASE64 = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}|[A-Za-z0-9+/]{16,}(?:%3[dD]){0,2}")


def _read_schemed(text: str, at: int, scheme: re.Match[str], *, in_json: bool) -> Iterator[Value]:
    """The credential behind a scheme: one token, or a list of parameters up to the end of the line or string."""
    found = _PARAMETERS.match(text, scheme.end())
    if found is None or found.end() == scheme.end():
        found = (_BARE_JSON if in_json else _BARE).match(text, scheme.end())
    if found:
        value = _trimmed(text, scheme.end(), found.end(), at)
        if value.text:
            yield value


_NAMED = r"""[A-Za-z][\w-]{0,40}=(?:"[^"\r\n]*+"|\\"[^"\\\r\n]*+\\"|[^\s,"'\\]++)"""
_PARAMETERS = re.compile(rf"{_NAMED}(?:,?\ ?{_NAMED})++")


def _trimmed(text: str, start: int, end: int, begin: int) -> Value:
    """A bare value without what belongs to the sentence or the bracket around it."""
    while start < end and text[start] in " \t":
        start += 1
    behind = text[end : end + 1]
    least = max(start, end - _MOST_TRIMMED)
    while end > least:
        last = text[end - 1]
        if (
            last in " \t"
            or (last in "\"'`" and begin and text[begin - 1] == last)
            or (last == "*" == text[start - 1 : start])
            or (last in _TRAILING and (not behind or behind in " \t\r\n\"'<\\"))
        ):
            end -= 1
        elif last in _BRACKETS and text.count(_BRACKETS[last], start, end) < text.count(last, start, end):
            end -= 1
            behind = last
            continue
        else:
            break
    return Value(start, end, text[start:end])


def _read_block(text: str, begin: int, at: int) -> Iterator[Value]:
    """A block scalar of YAML: the lines that are indented further than its name."""
    line = text.rfind("\n", max(0, begin - 400), begin) + 1
    indent = len(text[line:begin]) - len(text[line:begin].lstrip(" -"))
    found = re.compile(rf"(?:[ ]{{{indent + 1},}}[^\n]*+(?:\n|\Z)|[ \t]*+\n)*+").match(text, at)
    if found and found.end() > at:
        raw = found[0]
        start = at + len(raw) - len(raw.lstrip())
        end = at + len(raw.rstrip())
        if start < end:
            yield Value(start, end, "\n".join(row.strip() for row in text[start:end].split("\n")))


def _read_element(text: str, begin: int, end: int) -> Iterator[Value | Container]:
    opening = begin - 1
    if text[opening] == ":":  # a prefix: `<ns:name>`
        opening = text.rfind("<", max(0, begin - 40), begin)
        if opening < 0 or not text[opening + 1 : begin - 1].replace("-", "").replace("_", "").isalnum():
            return
    tag = _ELEMENT.match(text, end)
    if tag is None:
        return
    yield from read_content(text, tag.end())


def read_content(text: str, at: int) -> Iterator[Value | Container]:
    """What stands in an element whose opening tag ends at a place."""
    found = _CONTENT.match(text, at)
    if found is None:
        if text[at : at + 1] == "<" and text[at + 1 : at + 2].isalpha():
            yield Container(at, "xml")
        return
    group = "text" if found["data"] is None else "data"
    raw = found[group]
    start = found.start(group) + len(raw) - len(raw.lstrip())
    end = found.start(group) + len(raw.rstrip())
    if start < end:
        yield Value(start, end, html.unescape(text[start:end]) if group == "text" else text[start:end])
    elif text[found.end() : found.end() + 1] == "<" and text[found.end() + 1 : found.end() + 2].isalpha():
        yield Container(found.end(), "xml")


_FLAG = re.compile(r"""(?P<quote>["'])?(?P<between>[ \t]++|["']?,[ \t\r\n]*+)(?P<open>\\?["'])?""")


def _read_flag(text: str, end: int, *, in_json: bool) -> Iterator[Value]:
    """The argument behind `--name`, in a command line or in a list of arguments."""
    found = _FLAG.match(text, end)
    if found is None or ("," in found["between"]) != bool(found["quote"]):
        return
    at = found.end()
    if in_json and found["open"] == '"' and "," not in found["between"]:
        return  # it ends the string in which the flag stands
    if found["open"] in {'"', "'"}:
        literal = _QUOTES[found["open"]].match(text, at - 1)
        if literal:
            yield Value(*literal.span(1), unescape(literal[1]))
        return
    if not found["open"] and text[at : at + 1] not in {"-", "", "|", ">", "<", "&", ";"}:
        bare = (_BARE_JSON if in_json else _BARE).match(text, at)
        if bare and bare.end() > at:
            yield _trimmed(text, at, bare.end(), at)


# `The password is x`, `Password for bob: x`: where it stands in a sentence, only what is no word is taken for one.
_TOLD = re.compile(
    r"""(?:[ \t]+(?:is|was)(?:[ \t]+(?:now|set[ \t]+to))?:?|[ \t]+for[ \t]+[^\s:]{1,64}:)[ \t]+"""
    r"""(?:<\w{1,10}>\s?|\*\*|`)?(?P<value>[^\s"'`<>\\]{6,128})""",
    re.IGNORECASE,
)
_TOLD_OF = ("code", "key", "passwd", "password", "passphrase", "pwd", "secret", "token")
_STRETCH = re.compile(r"[A-Za-z]{4,}")
_OF_BOTH_CASES = re.compile(r"(?=.+[a-z])(?=.+[A-Z])[A-Za-z0-9]{8,}")
_SPACED = re.compile(r"""[ \t]+(?:TO[ \t]+|BY[ \t]+|IS[ \t]+)?(?P<quote>['"])""", re.IGNORECASE)
_NETRC = re.compile(r"(?:\b(?:login|user|account)[ \t]+[^\s|]+|\bdefault|\bmachine[ \t]+\S+)\s+\Z")
_NETRC_VALUE = re.compile(r"[ \t]+(\S+)")
_IN_ARRAY = re.compile(r"""["'][ \t\r\n]*+,[ \t\r\n]*+(?=["'])""")
_PAIRS_BACK = re.compile(r"""[\[,]\s*\[["']\Z""")
# `setenv NAME x`, `aws configure set name x`, and what Redis calls its password in its config.
_SETTING = re.compile(r"(?:\bsetenv|\bsetx|\bconfig(?:ure)?[ \t]+set)[ \t]+(?:-\S+[ \t]+)*\S{0,48}\Z", re.IGNORECASE)
_SETTINGS = frozenset({"requirepass", "masterauth"})
_FTP = re.compile(r"USER \S+\r?\n\Z")
_PASSWORDS = ("password", "passwd", "pwd", "passphrase")


def _is_made(text: str) -> bool:
    """Whether letters and digits are mixed in a text, and no words are among them."""
    if is_code(text) or not any(map(str.isdigit, text)) or not any(map(str.isalpha, text)):
        return False
    return bool(_OF_BOTH_CASES.fullmatch(text)) or not any(map(is_wordlike, _STRETCH.findall(text)))


def _read_spaced(text: str, name: str, begin: int, end: int) -> Iterator[Value]:
    """What stands behind a password without a sign: in SQL, in a .netrc; and a pair in an array."""
    lowered = name.lower()
    if lowered.endswith(_TOLD_OF) and (told := _TOLD.match(text, end)):
        value = _trimmed(text, *told.span("value"), begin)
        if _is_made(value.text):
            yield value
        return
    if lowered.endswith(_PASSWORDS):
        spaced = _SPACED.match(text, end)
        if spaced:
            literal = _QUOTES[spaced["quote"]].match(text, spaced.end() - 1)
            if literal:
                yield Value(*literal.span(1), unescape(literal[1]))
            return
        if _NETRC.search(text, max(0, begin - 200), begin) and (found := _NETRC_VALUE.match(text, end)):
            yield Value(*found.span(1), found[1])
            return
    before = text[max(0, begin - 64) : begin]
    if (
        (_SETTING.search(before) or lowered in _SETTINGS or (name == "PASS" and _FTP.search(before)))
        and (found := _NETRC_VALUE.match(text, end))
        and not is_code(found[1])
    ):
        yield Value(*found.span(1), found[1])
        return
    if before[-1:] in {'"', "'"} and before[:-1].rstrip()[-1:] in {"[", "("} and (pair := _IN_ARRAY.match(text, end)):
        literal = _QUOTES[text[pair.end()]].match(text, pair.end())
        # Two in an array of arrays are a name and its value, whatever that is; else words are names themselves.
        paired = literal and _PAIRS_BACK.search(before) and text[literal.end() : literal.end() + 1] == "]"
        if literal and (paired or not (literal[1].isidentifier() and is_wordlike(literal[1]))):
            yield Value(*literal.span(1), unescape(literal[1]))
