"""A recorded request as it would stand in this session: what is bound as it is bound, what is free as the call has it.

So a new id in the place of a recorded one is no difference.
"""

import re
from typing import Any

import msgspec

from cpproxy.core.matching import Body, Form
from cpproxy.core.redaction.markers import PLACEHOLDER
from cpproxy.core.replay.bindings import Bindings
from cpproxy.core.replay.identities import Catalogue, render


def expect(recorded: Form, live: Form, bindings: Bindings, catalogue: Catalogue) -> Form:
    """The recorded request as it would stand in this session, what is still free as the call has it."""

    def adapt(text: str, found: object) -> str:
        return _adapt(text, found if isinstance(found, str) else None, bindings, catalogue)

    ours, theirs = recorded.path.split("/"), live.path.split("/")
    path = recorded.path
    if len(ours) == len(theirs):
        path = "/".join(adapt(one, other) for one, other in zip(ours, theirs, strict=True))
    body = recorded.body
    match body.kind:
        case "form":
            body = Body("form", _adapt_pairs(body.value, live.body.value if live.body.kind == "form" else (), adapt))
        case "json":
            body = Body("json", _adapt_json(body.value, live.body.value if live.body.kind == "json" else None, adapt))
        case _:
            pass
    headers = tuple(
        tuple(
            adapt(one.decode("latin-1"), values[at].decode("latin-1") if at < len(values) else None).encode("latin-1")
            for at, one in enumerate(wanted)
        )
        for wanted, values in zip(recorded.headers, live.headers or ((),) * len(recorded.headers), strict=False)
    )
    return msgspec.structs.replace(
        recorded, path=path, query=_adapt_pairs(recorded.query, live.query, adapt), body=body, headers=headers
    )


def _adapt_pairs(pairs: Any, live: Any, adapt: Any) -> tuple[tuple[str, str], ...]:  # noqa: ANN401 (pairs, a function)
    known = dict(live)
    free = [name for name in known if name not in dict(pairs)]
    adapted = []
    for recorded, value in pairs:
        name = next((one for one in free if adapt(recorded, one) == one), recorded)
        free = [one for one in free if one != name]
        adapted.append((name, adapt(value, known.get(name))))
    return tuple(adapted)


def _adapt_json(value: Any, live: Any, adapt: Any) -> Any:  # noqa: ANN401 (JSON, a function)
    match value:
        case str():
            return adapt(value, live)
        case dict():
            known = live if isinstance(live, dict) else {}
            return {name: _adapt_json(member, known.get(name), adapt) for name, member in value.items()}
        case list():
            elements = live if isinstance(live, list) else []
            return [
                _adapt_json(one, elements[at] if at < len(elements) else None, adapt) for at, one in enumerate(value)
            ]
        case _:
            return value


def _adapt(text: str, live: str | None, bindings: Bindings, catalogue: Catalogue) -> str:
    found = [(one.start, one.end, bindings.live.get(one.identity), one.form) for one in catalogue.find(text)]
    found += [(one.start(), one.end(), None, "") for one in PLACEHOLDER.finditer(text)]
    if not found:
        return text
    found.sort(key=lambda one: one[0])
    shown, pattern, end = "", "", 0
    for start, stop, value, form in found:
        between = text[end:start]
        spelt = text[start:stop] if value is None else render(value, form)
        shown += between + spelt
        pattern += re.escape(between) + ("(.+?)" if value is None else re.escape(spelt))
        end = stop
    shown += text[end:]
    if live is not None and re.fullmatch(pattern + re.escape(text[end:]), live, re.DOTALL):
        return live
    return shown
