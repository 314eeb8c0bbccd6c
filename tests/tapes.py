"""Cassettes that tests make from values, written as the product writes them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from cpproxy.core import bodies
from cpproxy.core.cassette import (
    CassetteOf,
    Credential,
    Interaction,
    Recorded,
    RecordedRequest,
    RecordedResponse,
)
from cpproxy.files import cassettes
from tests import vouch

JSON = ("Content-Type", "application/json")
LIMIT = 1 << 24

type Headers = Sequence[tuple[str, str]]


def interaction(
    call: str,
    answer: bytes | dict[str, Any] = b"",
    *,
    name: str = "",
    status: int = 200,
    reason: str = "OK",
    body: bytes | dict[str, Any] = b"",
    asked: Headers = (),
    headers: Headers | None = None,
    coding: str = "",
    chunks: Sequence[tuple[int, int]] = (),
    credentials: Sequence[Credential] = (),
) -> Interaction:
    """One interaction: ``call`` is method and target, a dict stands for its JSON; an answer's length is its own."""
    method, target = call.split(" ")
    sent, got = _encode(body), _encode(answer)
    if headers is None:
        headers = (*((JSON,) if isinstance(answer, dict) else ()), ("Content-Length", str(len(got))))
    return Interaction(
        id=name or call.replace(" ", "-").replace("/", "_"),
        start=0,
        end=1,
        credentials=tuple(credentials),
        request=RecordedRequest(
            method=method,
            target=target,
            headers=tuple(asked) or ((JSON,) if isinstance(body, dict) else ()),
            body=bodies.store(sent, "", content_type="application/json" if isinstance(body, dict) else "", limit=LIMIT),
        ),
        response=RecordedResponse(
            status=status,
            reason=reason,
            headers=tuple(headers),
            body=bodies.store(got, coding, limit=LIMIT),
            chunks=tuple(chunks),
        ),
    )


def write(folder: Path, name: str, *interactions: Interaction) -> Path:
    """Writes a cassette of these interactions and returns its file."""
    return cassettes.write(
        folder,
        name,
        CassetteOf(
            cpproxy=1,
            recorded=Recorded("2026-11-23T00:00:00Z", "http://cp.invalid"),
            interactions=tuple(map(vouch.interaction, interactions)),
        ),
    )


def _encode(value: bytes | dict[str, Any]) -> bytes:
    return msgspec.json.encode(value) if isinstance(value, dict) else value
