"""Random strings that nothing names, and identities and words that are none: how many the finder takes for secrets."""

import base64
import json
import string
from collections.abc import Callable, Iterator, Mapping
from random import Random

from cpproxy.core.redaction.finding import Finder

ALPHABETS: Mapping[str, tuple[str, tuple[int, ...]]] = {
    "hex": ("0123456789abcdef", (32, 40, 64)),
    "HEX": ("0123456789ABCDEF", (32, 40, 64)),
    "base32": (string.ascii_uppercase + "234567", (16, 20, 26, 32, 52)),
    "base62": (string.ascii_letters + string.digits, (16, 20, 24, 32, 40, 64)),
    "base64url": (string.ascii_letters + string.digits + "-_", (16, 20, 24, 32, 43, 64, 86)),
    "lower and digits": (string.ascii_lowercase + string.digits, (20, 24, 32, 40)),
    "upper and digits": (string.ascii_uppercase + string.digits, (16, 20, 24, 32, 40)),
    "letters": (string.ascii_letters, (20, 24, 32, 40)),
    "lower": (string.ascii_lowercase, (20, 24, 32, 40)),
}
BASE64_BYTES = (18, 24, 32, 48, 64)

PLACES: Mapping[str, Callable[[str], str]] = {
    "a JSON member": lambda value: json.dumps({"note": "x", "data": value, "size": 3}),
    "an array": lambda value: json.dumps({"list": ["abc", value]}),
    "JSON in JSON": lambda value: json.dumps({"body": json.dumps({"blob_of": value})}),
    "a form": lambda value: f"a=b&x={value.replace('+', '%2B').replace('=', '%3D')}&c=d",
    "a line": lambda value: f"2026-01-05 10:11:12 INFO agent got {value} from upstream\n",
    "XML": lambda value: f"<Reply><Note>x</Note><Item>{value}</Item></Reply>",
}


def draw(source: Random, alphabet: str, length: int) -> str:
    return "".join(source.choice(alphabet) for _ in range(length))


def kinds(source: Random) -> Iterator[tuple[str, int, Callable[[], str]]]:
    """Each kind of random string: its alphabet, its length in characters, and what draws one."""
    for name, (alphabet, lengths) in ALPHABETS.items():
        for length in lengths:
            yield name, length, lambda alphabet=alphabet, length=length: draw(source, alphabet, length)  # type: ignore[misc]
    for size in BASE64_BYTES:
        length = len(base64.b64encode(bytes(size)))
        yield "base64", length, lambda size=size: base64.b64encode(source.randbytes(size)).decode()  # type: ignore[misc]


def measure_recall(finder: Finder, source: Random, times: int) -> dict[tuple[str, int], float]:
    """For each alphabet and length the share of strings that are found whole, over all the places in turn."""
    figures = {}
    for name, length, make in kinds(source):
        found = 0
        places = list(PLACES.values())
        for number in range(times):
            value = make()
            text = places[number % len(places)](value)
            found += any(find.value == value for find in finder.find_in_text(text))
        figures[name, length] = found / times
    return figures


def clean_values(source: Random) -> Iterator[tuple[str, str]]:
    """Identities, digests, names and times that are no secrets, each with the name under which it stands."""
    hexadecimal = "0123456789abcdef"
    crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    letters = string.ascii_letters + string.digits
    uuid = "-".join(draw(source, hexadecimal, size) for size in (8, 4, 4, 4, 12))
    words = [
        "tenant",
        "workspace",
        "alpha",
        "image",
        "registry",
        "status",
        "running",
        "node",
        "pool",
        "build",
        "config",
    ]
    two = "-".join(source.sample(words, 2))
    yield "owner", uuid
    yield "label", uuid.upper()
    yield "workspace", f"e2e-20260105-{draw(source, hexadecimal, 8)}"
    yield "instance", f"i-{draw(source, hexadecimal, 17)}"
    yield "volume", f"vol-{draw(source, hexadecimal, 17)}"
    yield "parent", draw(source, hexadecimal, 24)
    yield "item_id", f"01{draw(source, crockford, 24)}"
    yield "requestId", draw(source, hexadecimal, 32)
    yield "etag", f'"{draw(source, hexadecimal, 32)}"'
    yield "commit", draw(source, hexadecimal, 40)
    yield "image", f"registry.example.com/{two}@sha256:{draw(source, hexadecimal, 64)}"
    yield "ref", f"sha256:{draw(source, hexadecimal, 64)}"
    yield "note", f"registry.example.com/{two}:2026-01-05-{draw(source, hexadecimal, 8)}"
    yield "module", f"v0.0.0-20260105101112-{draw(source, hexadecimal, 12)}"
    yield "pod", f"{two}-{draw(source, hexadecimal, 10)}-{draw(source, 'bcdfghjklmnpqrstvwxz2456789', 5)}"
    yield "arn", f"arn:aws:ecs:eu-central-1:123456789012:service/app/{two}/{draw(source, hexadecimal, 16)}"
    yield "self", f"https://api.example.com/v1/{two}/{draw(source, letters, 24)}/status"
    yield "cursor", base64.b64encode(source.randbytes(30)).decode()
    yield "next_page_token", draw(source, letters, 40)
    yield "integrity", f"sha384-{base64.b64encode(source.randbytes(48)).decode()}"
    yield "created_at", f"2026-01-{source.randrange(1, 28):02}T10:11:12.{source.randrange(10**6):06}Z"
    yield "description", f"The {source.choice(words)} of {two} could not be reached within {source.randrange(100)} s"
    yield "file", f"/usr/lib/python3.13/site-packages/{two.replace('-', '_')}/__init__.py"
    yield "script", f"main.{draw(source, hexadecimal, 20)}.js"
    yield "host", f"{two}.eu-central-1.compute.internal"
    yield "icon", f"data:image/png;base64,{base64.b64encode(source.randbytes(60)).decode()}"
    yield "event_type", "com.example.tenantWorkspaceProvisioningStateChanged"
    yield "flag", "ENABLE_TENANT_WORKSPACE_PROVISIONING_V2"
    yield (
        "agent",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    )


def measure_alarms(finder: Finder, source: Random, times: int) -> dict[str, float]:
    """For each kind of clean value the share that is taken for a secret, in JSON."""
    taken: dict[str, int] = {}
    for _ in range(times):
        for name, value in clean_values(source):
            taken[name] = taken.get(name, 0) + bool(finder.find_in_text(json.dumps({"x": 1, name: value})))
    return {name: count / times for name, count in taken.items()}
