"""Which variables a recorded answer hands out, as a config response does before a client reads anything else."""

from collections.abc import Iterable

import msgspec
from msgspec import UNSET

from cpproxy.core.cassette import Cassette


def find_supplied(cassettes: Iterable[tuple[str, Cassette]], variables: Iterable[str]) -> dict[str, str]:
    """The variables that are members of a recorded JSON answer, each with the call and the cassette of the first."""
    missing = {name: f'"{name}"'.encode() for name in variables}
    found: dict[str, str] = {}
    for cassette, recorded in cassettes:
        for one in recorded.interactions:
            body = one.response.body
            if not missing:
                return found
            if body is UNSET or body.json is UNSET or not 200 <= one.response.status < 300:
                continue
            raw = bytes(body.json)
            named = [name for name, sign in missing.items() if sign in raw]
            answer = msgspec.json.decode(raw) if named else None
            for name in named:
                if isinstance(answer, dict) and isinstance(value := answer.get(name), str) and value:
                    path = one.request.target.partition("?")[0]
                    found[name] = f"the recorded answer of {one.request.method} {path} (cassette {cassette})"
                    del missing[name]
    return found
