"""Recorded interactions as messages again: the request as it came, and the answer for a client that asks now."""

from cpproxy.core import bodies
from cpproxy.core.cassette import Body, Interaction
from cpproxy.core.messages import Answer, Chunk, Omitted, Request, as_wire, find_header

_BODILESS = frozenset({204, 304})


def as_request(interaction: Interaction) -> Request:
    """The recorded request as it came, but for its credentials."""
    recorded = interaction.request
    headers = as_wire(recorded.headers)
    body = recorded.body
    if not isinstance(body, Body):
        return Request(recorded.method, recorded.target, headers, b"")
    if isinstance(body.omitted, int):
        return Request(recorded.method, recorded.target, headers, b"", omitted=Omitted(body.omitted, body.sha256))
    if body.coding:  # what is stored has been decoded already
        headers = tuple(pair for pair in headers if pair[0].lower() != b"content-encoding")
    return Request(recorded.method, recorded.target, headers, bodies.restore(body))


def as_answer(interaction: Interaction, accept_encoding: bytes | None) -> Answer:
    """The recorded answer for a call that accepts these content codings (None where it did not say).

    A body that was coded is coded again for a client that asks as the recorded one did, or accepts the coding; for any
    other it goes out plain (RFC 9110 section 12.5.3). `Content-Length` is made anew where there was one.
    """
    recorded = interaction.response
    headers = as_wire(recorded.headers)
    if interaction.request.method == "HEAD" or recorded.status in _BODILESS or not isinstance(recorded.body, Body):
        return Answer(recorded.status, recorded.reason, headers, b"")
    body = bodies.restore(recorded.body)
    coding = recorded.body.coding
    if coding:
        asked = find_header(as_wire(interaction.request.headers), b"accept-encoding")
        if asked == accept_encoding or _accepts(accept_encoding, coding):
            body = bodies.recode(body, coding)
        else:
            headers = tuple(pair for pair in headers if pair[0].lower() != b"content-encoding")
    headers = tuple(
        (name, b"%d" % len(body)) if name.lower() == b"content-length" else (name, value) for name, value in headers
    )
    return Answer(
        recorded.status,
        recorded.reason,
        headers,
        body,
        tuple(Chunk(at / 1000, size) for at, size in recorded.chunks),
    )


def _accepts(accept_encoding: bytes | None, coding: tuple[str, ...]) -> bool:
    """Whether a client takes all of these codings (RFC 9110 section 12.5.3); one that did not say takes none."""
    accepted: dict[str, bool] = {}
    for item in (accept_encoding or b"").decode("latin-1").lower().split(","):
        name, _, weight = item.partition(";")
        quality = weight.replace(" ", "").removeprefix("q=")
        accepted[name.strip().removeprefix("x-")] = quality.strip("0.") != "" or not quality
    return all(accepted.get(name, accepted.get("*", False)) for name in coding)
