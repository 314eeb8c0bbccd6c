"""Pairs in which the name of a secret is a value itself: `{"name": "DB_PASSWORD", "value": "x"}` and its kin.

Lists of environment variables, of headers and of parameters are written so, and the fields of HTML and multipart forms.
"""

import html
import re
from collections.abc import Iterator

from cpproxy.core.redaction.contexts import Container, Value, read_content, read_parameter
from cpproxy.core.redaction.documents import unescape

_LABEL = re.compile(
    r".*(?:name|key|field|header|property|param|parameter|variable|attribute|option|setting|title|label|path|\b(?:var|env|id|k|dt))",
    re.IGNORECASE,
)
_VALUES = r"(?:[\w.:-]{0,40}?(?:value|content|val|data|secret|input|answer|default|v))"
_STRING = r'"(?:[^"\\]++|\\.)*+"'
_SCALAR = rf"(?:{_STRING}|[\w.+-]++|\{{[^{{}}]{{0,400}}+\}}|\[[^\[\]]{{0,400}}+\])"

# What stands before the name is read backwards from it: `"name": "`, `name="`, `- name: `, `ParameterKey=`.
_BACK = re.compile(
    r"""(?P<open>["']?+)(?P<between>[ \t\r\n]{0,40}+)(?P<sign>[:=])[ \t\r\n]{0,40}+"""
    r"""(?P<quote>["']?+)(?P<label>[\w.:\[\]%-]{1,60}+)"""
)
_POINTER_BACK = re.compile(r"[\w/~.-]{1,200}(?=\")")
_TAG_BACK = re.compile(r"\s{0,40}+>(?:[^<>]{0,200}\s)?(?P<label>[\w.:-]{1,60}+)<")
_VALUE_MEMBER = re.compile(
    rf'"(?:\s*+,\s*+"(?!{_VALUES}"){_STRING[1:]}\s*+:\s*+{_SCALAR}){{0,8}}+'
    rf'\s*+,\s*+"{_VALUES}"\s*+:\s*+(?:\{{\s*+"\w{{1,40}}"\s*+:\s*+)?"(?P<value>(?:[^"\\]++|\\.)*+)"',
    re.IGNORECASE | re.DOTALL,
)
_VALUE_KEY = re.compile(rf'"{_VALUES}"\s*+:\s*+"(?P<value>(?:[^"\\]++|\\.)*+)"', re.IGNORECASE | re.DOTALL)
_MEMBERS_BETWEEN = re.compile(rf"(?:\s*+,\s*+{_STRING}\s*+:\s*+{_SCALAR}){{0,8}}+", re.DOTALL)
_SINGLE_QUOTED = re.compile(rf"'\s*+,\s*+'{_VALUES}'\s*+:\s*+'(?P<value>(?:[^'\\\n]++|\\.)*+)'", re.IGNORECASE)
_REACH = 1000
_VALUE_ENDINGS = ('input"', 'answer"', 'value"', 'content"', 'val"', 'data"', 'secret"', 'default"', 'v"')

_YAML_VALUE = re.compile(
    rf"""["']?[ \t]*+(?:\r?\n[ \t]*+|,[ \t]*+){_VALUES}:[ \t]++"""
    r"""(?:"(?P<double>[^"\n]*+)"|'(?P<single>[^'\n]*+)'|(?P<bare>[^\s"'][^\r\n,}]*+))""",
    re.IGNORECASE,
)

_YAML_BEFORE = re.compile(
    rf"""\r?\n(?P<indent>[ \t]*+)-[ \t]+{_VALUES}:[ \t]++"""
    r"""(?:"(?P<double>[^"\n]*+)"|'(?P<single>[^'\n]*+)'|(?P<bare>[^\s"'][^\r\n]*+))\r?\n(?P=indent)[ \t]{2,8}\Z""",
    re.IGNORECASE,
)
# `variable "db_password" { default = "x" }`, as Terraform declares it.
_DECLARED = re.compile(r'"[ \t]*+\{[^{}]{0,400}?\bdefault[ \t]*+=[ \t]*+"(?P<value>(?:[^"\\\n]++|\\.)*+)"')

_ATTRIBUTE = re.compile(
    rf"""\s{_VALUES}\s*=\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\s"'<>=]+))""", re.IGNORECASE
)
_VALUE_TAG = re.compile(rf"\s*<(?:string|{_VALUES})(?:\s[^<>]{{0,200}})?>", re.IGNORECASE)
_LONGEST_TAG = 4000
_PART = re.compile(
    r"""["']?(?:;[^\r\n]{0,500})?\r?\n(?:[A-Za-z-]{1,40}:[^\r\n]{0,500}\r?\n){0,8}\r?\n(?P<value>.*?)(?=\r?\n--|\Z)""",
    re.DOTALL,
)
_PARAMETER = re.compile(r"&[\w.%\[\]-]{0,60}?(?:value|content)=(?P<value>[^&\s\"'<>\\]+)", re.IGNORECASE)
_ELEMENT_AFTER = re.compile(
    rf"\s*</[\w:.-]+>\s*<(?:string|data|dd|{_VALUES})(?:\s[^<>]*)?>(?:\s*<(?:string|{_VALUES})(?:\s[^<>]*)?>)?",
    re.IGNORECASE,
)


def read_pair(text: str, begin: int, end: int) -> Iterator[Value]:
    """The value that goes with a name that stands as a value from `begin` to `end`, if one does."""
    back = text[max(0, begin - 300) : begin][::-1]
    if back[:1] == "/" and (pointer := _POINTER_BACK.match(back)):  # JSON Patch (RFC 6902): `"path": "/spec/password"`
        begin -= pointer.end()
        back = back[pointer.end() :]
    if found := _BACK.match(back):
        label = found["label"][::-1]
        if not (_LABEL.fullmatch(label) or (label.lower() == "type" and found["sign"] == "=")):
            return
        if found["sign"] == "=":
            yield from _read_attribute(text, begin, end)
            if not found["open"]:
                yield from _read_parameter(text, end)
        elif found["quote"] and found["open"] and text.startswith(found["open"], end):
            yield from _read_member(text, begin - found.end("quote") - len(label) - 1, begin, end)
        else:
            yield from _read_yaml(text, begin - found.end("label"), end)
    elif text.endswith('variable "', 0, begin) and (declared := _DECLARED.match(text, end)):
        yield Value(*declared.span("value"), unescape(declared["value"]))
    elif (
        (tag := _TAG_BACK.match(back))
        and _LABEL.fullmatch(tag["label"][::-1])
        and (after := _ELEMENT_AFTER.match(text, end))
    ):
        yield from _values(read_content(text, after.end()))


def _read_yaml(text: str, label: int, end: int) -> Iterator[Value]:
    """The scalar under `value` in the lines of YAML behind the name, or in the one before it."""
    found = _YAML_VALUE.match(text, end) or _YAML_BEFORE.search(text, max(0, label - _REACH), label)
    if found:
        group = next(name for name in ("double", "single", "bare") if found[name] is not None)
        yield Value(*found.span(group), found[group].rstrip())


def _values(found: Iterator[Value | Container]) -> Iterator[Value]:
    return (one for one in found if isinstance(one, Value))


def _read_member(text: str, key: int, begin: int, end: int) -> Iterator[Value]:
    """The string under `value` in the object in which the name stands, before it or behind it."""
    if text[begin - 1] == "'":
        if single := _SINGLE_QUOTED.match(text, end):
            yield Value(*single.span("value"), unescape(single["value"]))
        return
    if behind := _VALUE_MEMBER.match(text, end):
        yield Value(*behind.span("value"), unescape(behind["value"]))
        return
    floor = max(0, key - _REACH)
    before = max(text.rfind("{", floor, key), floor)
    if not any(label in text[before:key].lower() for label in _VALUE_ENDINGS):
        return
    for found in _VALUE_KEY.finditer(text, before, key):
        between = _MEMBERS_BETWEEN.match(text, found.end(), key)
        reached = between.end() if between else found.end()
        if text[reached:key].strip() == ",":
            yield Value(*found.span("value"), unescape(found["value"]))
            return


def _read_attribute(text: str, begin: int, end: int) -> Iterator[Value]:
    """The `value` of the tag in which the name stands, the text of its element, or the part of a multipart form."""
    if text.rfind("form-data", max(0, begin - 80), begin) >= 0:
        part = _PART.match(text, end)
        if part:
            yield Value(*part.span("value"), part["value"])
        return
    opening = text.rfind("<", max(0, begin - 1000), begin)
    closing = text.find(">", end, end + _LONGEST_TAG)
    if opening < 0 or closing < 0:
        return
    attribute = _ATTRIBUTE.search(text, opening, closing + 1)
    if attribute:
        group = next(name for name in ("double", "single", "bare") if attribute[name] is not None)
        yield Value(*attribute.span(group), html.unescape(attribute[group]))
    elif text[closing - 1] != "/" and not text.startswith("<input", opening):
        yield from _values(_read_inner(text, closing + 1))


def _read_inner(text: str, at: int) -> Iterator[Value | Container]:
    """What stands in an element, or in the only `value` in it."""
    inner = _VALUE_TAG.match(text, at)
    return read_content(text, inner.end() if inner else at)


def _read_parameter(text: str, end: int) -> Iterator[Value]:
    found = _PARAMETER.match(text, end)
    if found:
        yield Value(*found.span("value"), read_parameter(found["value"]))
