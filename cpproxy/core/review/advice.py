"""What of a recording is out of date or leads astray, and which line of the config would mend it."""

import base64
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from cpproxy.core.addresses import addresses
from cpproxy.core.cassette import RecordedResponse
from cpproxy.core.replay import tokens
from cpproxy.core.replay.ground import Ground, count_steps
from cpproxy.core.replay.index import Line
from cpproxy.core.replay.places import Side, walk
from cpproxy.core.replay.repeats import find_repeats
from cpproxy.core.replay.serving import read_content
from cpproxy.core.review.forms import find_forms
from cpproxy.core.review.lint import Level, Remark
from cpproxy.core.spellings import read

MANY_STEPS = 20
_EXPIRY = re.compile(r"exp|.*(?:expir(?:y|e|ation)|not_?after|valid_?(?:until|to)).*", re.IGNORECASE)
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]+\.(eyJ[A-Za-z0-9_-]+)\.[A-Za-z0-9_-]*")


def find_advice(ground: Ground, hosts: tuple[str, ...], now: float) -> Iterator[Remark]:
    """What is to be mended. `hosts` are those of control planes (config `cp.hosts`); `now` is Unix time in seconds."""
    yield from _find_expiries(ground, now)
    yield from _find_long_polls(ground)
    yield from _find_hosts(ground, hosts)
    yield from find_forms(ground)
    yield from _find_repeated_writes(ground)


def _find_expiries(ground: Ground, now: float) -> Iterator[Remark]:
    for entry in ground.world.entries:
        for spot, value in walk(ground.interaction(entry), ground.library.catalogue):
            if spot.key or spot.side is not Side.ANSWER:
                continue
            moment = _read_expiry(spot.name, value)
            if moment is not None and moment < now:
                yield Remark(
                    f"{ground.where(entry)}.response",
                    f"{spot.wide} is a time of expiry that has passed: clients that look at it act as if it had",
                )


def _read_expiry(name: str, value: Any) -> float | None:  # noqa: ANN401 (JSON)
    """When a value expires, as Unix time; None where it says nothing of that."""
    if isinstance(value, str) and (found := _JWT.search(value)):
        try:
            claims = msgspec.json.decode(base64.urlsafe_b64decode(found[1] + "=" * (-len(found[1]) % 4)))
        except (ValueError, msgspec.DecodeError):
            return None
        expiry = claims.get("exp") if isinstance(claims, dict) else None
        return float(expiry) if isinstance(expiry, int | float) else None
    if not _EXPIRY.fullmatch(name) or isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return tokens.read_time(str(value))


def _find_long_polls(ground: Ground) -> Iterator[Remark]:
    for line, view in ground.views.items():
        steps = count_steps(view)
        if steps > MANY_STEPS:
            paths = ", ".join(f'"{path}"' for path in _find_moving(line, ground))
            yield Remark(
                ground.where(line.entries[0]),
                f"its answers are {steps} steps, and a client polls through all of them: if what moves is of no "
                f"interest, volatile = [{paths}] in [replay] leaves it out",
            )


def _find_moving(line: Line, ground: Ground) -> list[str]:
    """The places whose value nearly every answer has for itself."""
    values: dict[str, set[object]] = {}
    for entry in line.entries:
        for spot, value in ground.leaves(entry):
            if not spot.key and spot.path.startswith("$"):
                values.setdefault(spot.wide, set()).add(value)
    return [path for path, found in values.items() if len(found) > MANY_STEPS / 2]


def _find_hosts(ground: Ground, hosts: tuple[str, ...]) -> Iterator[Remark]:
    own = addresses(ground.world.upstream)
    patterns = {
        host: re.compile(rf"(?<![\w.-]){re.escape(host)}(?![\w-]|\.\w)", re.IGNORECASE | re.ASCII)
        for host in hosts
        if own is None or host.lower() != own.domain
    }
    for entry in ground.world.entries:
        for where, text, rewritten in _answer_texts(ground.interaction(entry).response):
            place = f"{ground.where(entry)}.response{where}"
            letters = text.replace("\0", "")  # UTF-16 has them in between
            plain = read(letters).text if patterns else ""
            for host, pattern in patterns.items():
                if pattern.search(plain):
                    yield Remark(
                        place,
                        f"holds {host}, a host of cp.hosts that was not recorded here: clients would go there, past "
                        "the front",
                    )
            served = own.tokenise(text).replace("\0", "") if own and rewritten else letters
            if own is not None and own.remains(served):
                yield _remain(place, readable=rewritten and letters == text)


def _remain(place: str, *, readable: bool) -> Remark:
    if readable:
        return Remark(place, "names the upstream's host in a form that stays as it is, such as a mail address")
    return Remark(
        place,
        "holds the upstream's host, and is no text that can be rewritten: clients would go there, past the front",
        Level.FINDING,
    )


def _answer_texts(response: RecordedResponse) -> Iterator[tuple[str, str, bool]]:
    """What of an answer may hold a host: where it stands, its text, and whether replay rewrites it."""
    for at, (_, value) in enumerate(response.headers):
        yield f".headers[{at}][1]", value, True
    content = read_content(response)
    yield ".body", content.raw.decode(content.charset or "latin-1"), bool(content.charset)


def _find_repeated_writes(ground: Ground) -> Iterator[Remark]:
    for line in ground.lines:
        found = find_repeats(line, ground.library)
        if found is not None:
            yield Remark(
                ground.where(line.entries[0]),
                f"was asked {len(line.entries)} times with equal bodies, and replay answers just as often: "
                f"{found.spell()}",
            )
