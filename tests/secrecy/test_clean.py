"""What is no secret stays: names of things, digests that say so, times, versions and words, wherever they stand."""

import json
import string
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from urllib.parse import quote

from tests.processes import running
from tests.secrecy import places
from tests.secrecy.artefacts import Search
from tests.secrecy.calls import FORM, Call, answer, dump, post, text, urlcoded
from tests.secrecy.driver import CONFIG, Plant, ask_all, seeded, upstream
from tests.secrecy.kinds import LOWER, WORD, some

EACH = 12
"""Values of one kind in one place."""

_WORDS = [
    "workspace",
    "tenant",
    "provision",
    "config",
    "status",
    "runtime",
    "python",
    "code",
    "image",
    "cluster",
    "region",
    "policy",
    "network",
    "volume",
    "subnet",
    "gateway",
    "router",
    "harness",
    "canary",
    "smoke",
    "deploy",
    "release",
    "branch",
    "staging",
    "primary",
    "replica",
    "worker",
    "scheduler",
]


def _name(random: Random) -> str:
    return "-".join(random.sample(_WORDS, 3))


def _hex(random: Random, size: int) -> str:
    return random.randbytes(size).hex()


def _uuid(random: Random) -> str:
    return str(uuid.UUID(bytes=random.randbytes(16), version=4))


def _time(random: Random) -> str:
    day = f"20{random.randrange(20, 30)}-{random.randrange(1, 13):02}-{random.randrange(1, 29):02}"
    return f"{day}T{random.randrange(24):02}:{random.randrange(60):02}:{random.randrange(60):02}Z"


CLEAN: Mapping[str, Callable[[Random], str]] = {
    "UUID": _uuid,
    "UUID in upper case": lambda random: _uuid(random).upper(),
    "UUID without hyphens": lambda random: _uuid(random).replace("-", ""),
    "id of an instance": lambda random: f"i-0{_hex(random, 8)}",
    "id of a volume": lambda random: f"vol-0{_hex(random, 8)}",
    "slug": lambda random: f"{_name(random)}-{_hex(random, 4)}",
    "slug with a date": lambda random: f"e2e-{random.randrange(20200101, 20291231)}-{_hex(random, 4)}",
    "pod": lambda random: f"{_name(random)}-{some(random, '0123456789bcdf', 9)}-{some(random, LOWER + '24579', 5)}",
    "digest": lambda random: f"sha256:{_hex(random, 32)}",
    "image": lambda random: f"registry.example/{_name(random)}:v{random.randrange(9)}.{random.randrange(40)}",
    "image by its digest": lambda random: f"registry.example/{_name(random)}@sha256:{_hex(random, 32)}",
    "ARN": lambda random: f"arn:aws:ec2:us-east-1:{random.randrange(10**11, 10**12)}:instance/i-0{_hex(random, 8)}",
    "time": _time,
    "time in seconds": lambda random: str(random.randrange(1_600_000_000, 1_900_000_000)),
    "version": lambda random: (
        f"{random.randrange(20)}.{random.randrange(50)}.{random.randrange(100)}-rc.{random.randrange(9)}"
    ),
    "host": lambda random: f"{_name(random)}.example.com",
    "address": lambda random: f"10.{random.randrange(256)}.{random.randrange(256)}.{random.randrange(1, 255)}",
    "mail": lambda random: f"{random.choice(_WORDS)}.{random.choice(_WORDS)}{random.randrange(1000)}@example.com",
    "words": _name,
    "sentence": lambda random: f"the {' '.join(random.sample(_WORDS, 4))} {random.randrange(100)} is ready",
    "constant": lambda random: "_".join(random.sample(_WORDS, 4)).upper(),
    "camel case": lambda random: "".join(one.title() for one in random.sample(_WORDS, 4)),
    "number": lambda random: str(random.randrange(10**12, 10**13)),
    "file": lambda random: f"/var/lib/{random.choice(_WORDS)}/{_name(random)}.{random.choice(['json', 'tar', 'log'])}",
    "short hex": lambda random: _hex(random, 4),
    "trace": lambda random: f"00-{_hex(random, 16)}-{_hex(random, 8)}-01",
    "media type": lambda random: f"application/vnd.{_name(random)}+json",
}
SAID: Mapping[str, Callable[[Random], str]] = {
    "commit": lambda random: _hex(random, 20),
    "etag": lambda random: f'"{_hex(random, 16)}"',
    "sha256": lambda random: _hex(random, 32),
    "checksum": lambda random: _hex(random, 16),
    "request_id": lambda random: some(random, string.ascii_uppercase + string.digits, 20),
    "next_token": lambda random: some(random, WORD, 40),
    "token_type": lambda random: f"bearer v{random.randrange(10**6)}",
    "expires_in": lambda random: str(random.randrange(10**4, 10**8)),
    "session_count": lambda random: str(random.randrange(10**4, 10**8)),
    "idempotency_key": _uuid,
}
"""What a name says is none, however random it looks."""

PLACES: Mapping[str, Callable[[Sequence[str]], Call]] = {
    "path": lambda values: Call(target="/p/" + "/".join(urlcoded(value) for value in values)),
    "query": lambda values: Call(target="/?" + "&".join(f"n{at}={quote(value)}" for at, value in enumerate(values))),
    "headers": lambda values: Call(headers=[(f"X-Note-{at}", value) for at, value in enumerate(values)]),
    "headers of an answer": lambda values: Call(told=[(f"X-Info-{at}", value) for at, value in enumerate(values)]),
    "form": lambda values: post("&".join(f"n{at}={quote(value)}" for at, value in enumerate(values)).encode(), FORM),
    "members": lambda values: post(dump({f"n{at}": value for at, value in enumerate(values)})),
    "members of an answer": lambda values: answer(dump([{"id": at, "name": value} for at, value in enumerate(values)])),
    "elements": lambda values: answer(dump({"list": list(values)})),
    "JSON in JSON": lambda values: answer(dump({"event": json.dumps({"items": list(values)})})),
    "console": lambda values: text(
        "".join(f"2026-01-05 10:11:12 INFO got {value} from upstream\n" for value in values)
    ),
    "XML": lambda values: text(
        "<r>" + "".join(f"<item>{value}</item>" for value in values) + "</r>", "application/xml"
    ),
    "events": lambda values: Call(
        told=[("Content-Type", "text/event-stream")],
        pieces=[f"data: {dump({'v': one}).decode()}\n\n".encode() for one in values],
    ),
}


def make(random: Random) -> list[Plant]:
    """Calls that hold nothing for a secret, each with its values."""
    plants = []
    wanted = [(kind, draw, name, place) for kind, draw in CLEAN.items() for name, place in PLACES.items()]
    for kind, draw in SAID.items():

        def members(values: Sequence[str], kind: str = kind) -> Call:
            return answer(dump({"items": [{kind: value} for value in values]}))

        wanted.append((kind, draw, "members of its name", members))
    for number, (kind, draw, name, place) in enumerate(wanted):
        values = [draw(random) for _ in range(EACH)]
        plants.append(Plant(number, kind, name, values[0], values, place(values)))
    return plants


def test_no_more_than_one_clean_value_in_a_thousand_is_replaced(tmp_path: Path) -> None:
    random = seeded()
    plants = make(random)
    secrets = [
        Plant(10_000 + number, "a password", name, value, [value], place(value))
        for number, (name, place) in enumerate(places.NAMED.items())
        if place.fits(value := f"Sham-{some(random, WORD, 12)}") and place(value).reaches and not place(value).raw
    ]
    (tmp_path / "cpproxy.toml").write_text(CONFIG)
    with (
        upstream([*plants, *secrets]) as url,
        running(["record", "--upstream", url, "--listen", "127.0.0.1:0"], cwd=tmp_path) as proxy,
    ):
        ask_all(proxy.url, random.sample([*plants, *secrets], len(plants) + len(secrets)))
        assert proxy.stop() == 0, proxy.describe()
    single = [(f"{one.label} {value}", value) for one in plants for value in sorted(set(one.values))]
    stands = {label for label, _ in Search(single).look("", (tmp_path / "cassettes" / "recording.json").read_bytes())}
    gone = [label for label, _ in single if label not in stands]
    assert len(single) > 3000
    assert len(gone) * 1000 <= len(single), "\n".join([f"{len(gone)} of {len(single)}:", *gone[:100]])
