"""Placeholders in recordings: what stands for secrets, wherever in an interaction they stand."""

import base64
import gzip
import itertools
import json
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from msgspec import UNSET, UnsetType, structs

from cpproxy.core import bodies
from cpproxy.core.cassette import Body, Credential, Interaction, Placeholder, RecordedRequest, RecordedResponse
from cpproxy.core.redaction.exchanges import Numbering, mark, settle
from cpproxy.core.redaction.finding import Reason
from cpproxy.core.redaction.redacted import RedactedInteraction
from cpproxy.core.redaction.redactor import Redactor

TOKEN = "Zk3-secret-Qx81"
OTHER = "Yt7-other-Wv42"
CHANCE = "pX4tQ9vL2mZ7cR1nB8kD5sW3"
"""A token that nothing names."""

type Headers = Sequence[tuple[str, str]]


def body(content: Any) -> Body | UnsetType:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return bodies.store(raw, limit=1 << 20)


def interaction(
    target: str = "/x",
    headers: Headers = (),
    asked: Any = UNSET,
    told: Any = UNSET,
    *,
    answer: Headers = (),
    chunks: Sequence[tuple[int, int]] = (),
    name: str = "x-1",
) -> Interaction:
    return Interaction(
        id=name,
        start=0,
        end=1,
        request=RecordedRequest(
            "POST", target, tuple(headers), asked if isinstance(asked, Body) or asked is UNSET else body(asked)
        ),
        response=RecordedResponse(
            200, "OK", tuple(answer), told if isinstance(told, Body) or told is UNSET else body(told), tuple(chunks)
        ),
    )


def redact(*interactions: Interaction, redactor: Redactor | None = None) -> list[RedactedInteraction]:
    """As a recorder does it: each marked when it comes, all cleaned and numbered in the end."""
    gate = redactor or Redactor()
    marked = [mark(one, gate) for one in interactions]
    settled = [settle(one, gate, since=0) for one in marked]
    return list(Numbering(gate.known).number(settled))


def read(content: object) -> Any:
    assert isinstance(content, Body)
    return json.loads(bodies.restore(content))


def test_a_secret_has_one_placeholder_wherever_it_stands() -> None:
    (one,) = redact(
        interaction(
            f"/x?token={TOKEN}&q=1",
            [("Authorization", f"Bearer {TOKEN}"), ("X-Note", f"it is {TOKEN}")],
            {"text": f"a {TOKEN} b", "list": [TOKEN]},
            {"inner": json.dumps({"t": TOKEN})},
            answer=[("Location", f"/y/{TOKEN}")],
        )
    )
    marker = "{{cpproxy:token:1}}"
    assert one.request.target == f"/x?token={marker}&q=1"
    assert one.request.headers == (("Authorization", f"Bearer {marker}"), ("X-Note", f"it is {marker}"))
    assert read(one.request.body) == {"text": f"a {marker} b", "list": [marker]}
    assert json.loads(read(one.response.body)["inner"]) == {"t": marker}
    assert one.response.headers == (("Location", f"/y/{marker}"),)


def test_what_is_learnt_late_is_taken_out_of_what_came_before() -> None:
    first, second = redact(
        interaction(told={"note": f"ask with {TOKEN}"}), interaction(headers=[("X-Api-Key", TOKEN)], name="x-2")
    )
    assert read(first.response.body) == {"note": "ask with {{cpproxy:x-api-key:1}}"}
    assert second.request.headers == (("X-Api-Key", "{{cpproxy:x-api-key:1}}"),)


def test_a_password_that_basic_showed_is_the_same_secret_beside_a_user() -> None:
    shown = base64.b64encode(f"svc:{TOKEN}".encode()).decode()
    body = {"clone": f"https://svc:{TOKEN}@git.example/x", "password": TOKEN, "hint": f"curl -u svc:{TOKEN} x"}
    _, told = redact(interaction(headers=[("Authorization", f"Basic {shown}")]), interaction(told=body, name="x-2"))
    marker = "{{cpproxy:authorization:1}}"
    assert read(told.response.body) == {
        "clone": f"https://svc:{marker}@git.example/x",
        "password": marker,
        "hint": f"curl -u svc:{marker} x",
    }


DIGITS = "738201946572"


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ({"account": int(DIGITS)}, {"account": "{{cpproxy:password:1}}"}),
        ({"account": -int(DIGITS)}, {"account": -int(DIGITS)}),
        ({"at": int(f"1{DIGITS}"), "n": 1.5}, {"at": int(f"1{DIGITS}"), "n": 1.5}),
        ([int(DIGITS), f"x {DIGITS}"], ["{{cpproxy:password:1}}", "x {{cpproxy:password:1}}"]),
        ({"harbour": "sunflower"}, {"harbour": "sunflower"}),
    ],
)
@pytest.mark.parametrize("late", [False, True], ids=["known before", "learnt late"])
def test_json_stays_json_where_a_secret_is_a_number_or_stands_over_strings(told: Any, kept: Any, late: bool) -> None:
    both = {"password": DIGITS}, {"password": 'harbour":"sunflower'}
    shows = [interaction(asked=one, name=f"s-{number}") for number, one in enumerate(both)]
    tells = interaction(told=told)
    redacted = redact(tells, *shows)[0] if late else redact(*shows, tells)[-1]
    assert read(redacted.response.body) == kept


def test_numbers_and_roles_follow_the_order_of_interactions_and_not_that_of_learning() -> None:
    redactor = Redactor()
    later = mark(interaction(headers=[("X-Api-Key", TOKEN)], name="b"), redactor)
    earlier = mark(interaction(headers=[("X-Api-Key", OTHER), ("X-Token", TOKEN)], name="a"), redactor)
    numbering = Numbering(redactor.known)
    first, second = numbering.number([earlier, later])
    assert [value for _, value in first.request.headers] == ["{{cpproxy:x-api-key:1}}", "{{cpproxy:x-token:1}}"]
    assert second.request.headers == (("X-Api-Key", "{{cpproxy:x-token:1}}"),)
    assert numbering.placeholders == (
        Placeholder("{{cpproxy:x-api-key:1}}", "x-api-key"),
        Placeholder("{{cpproxy:x-token:1}}", "x-token"),
    )


def test_numbers_that_are_taken_are_not_given_again() -> None:
    taken = (Placeholder("{{cpproxy:x-api-key:7}}", "x-api-key"), Placeholder("{{cpproxy:a:1:hex}}", "a"))
    redactor = Redactor()
    marked = mark(interaction(headers=[("X-Api-Key", TOKEN)]), redactor)
    numbering = Numbering(redactor.known, taken)
    (one,) = numbering.number([marked])
    assert one.request.headers == (("X-Api-Key", "{{cpproxy:x-api-key:8}}"),)
    assert numbering.placeholders[:2] == taken


def test_the_shape_of_a_secret_is_kept() -> None:
    key = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822c"
    (one,) = redact(interaction(headers=[("X-Api-Key", key)]))
    assert one.request.headers == (("X-Api-Key", "{{cpproxy:x-api-key:1:hex}}"),)


def test_a_json_body_keeps_its_layout_and_its_escapes() -> None:
    raw = b'{\n  "b": "\\u00e4\\/",\n  "token": "' + TOKEN.encode() + b'",\n  "n": 1.50\n}\n'
    (one,) = redact(interaction(told=raw))
    assert bodies.restore(one.response.body) == raw.replace(TOKEN.encode(), b"{{cpproxy:token:1}}")


def test_the_chunks_of_a_stream_still_add_up() -> None:
    pieces = [b'data: {"token": "Zk3-sec', b'ret-Qx81"}\n\n', b"data: end\n\n"]
    text = b"".join(pieces)
    (one,) = redact(interaction(told=text, chunks=[(at, len(piece)) for at, piece in enumerate(pieces)]))
    made = bodies.restore(one.response.body)
    assert made == text.replace(TOKEN.encode(), b"{{cpproxy:token:1}}")
    assert sum(size for _, size in one.response.chunks) == len(made)
    assert one.response.chunks[-1] == (2, len(pieces[-1]))


def _events(*data: str) -> bytes:
    return "".join(f"event: delta\ndata: {one}\n\n" for one in data).encode()


@pytest.mark.parametrize("cuts", [(3,), (1, 2), (7, 14), (0, 8, 14)])
@pytest.mark.parametrize(
    ("spell", "joined"),
    [
        (lambda text: json.dumps({"id": "e", "choices": [{"delta": {"content": text}}]}), "content"),
        (lambda text: text, ""),
    ],
    ids=["JSON", "text"],
)
@pytest.mark.parametrize("late", [False, True])
def test_a_secret_in_pieces_has_one_placeholder_in_the_first(
    cuts: tuple[int, ...], spell: Callable[[str], str], joined: str, late: bool
) -> None:
    places = [0, *cuts, len(TOKEN)]
    pieces = [TOKEN[a:b] for a, b in itertools.pairwise(places)]
    pieces[0], pieces[-1] = f"it is {pieces[0]}", f"{pieces[-1]}, so"
    text = _events(*map(spell, ["well ", *pieces, " end"]))
    stream = interaction(told=text, chunks=[(at, len(one) + 2) for at, one in enumerate(text.split(b"\n\n")[:-1])])
    shows = interaction(headers=[("X-Api-Key", TOKEN)], name="x-2")
    made = redact(stream, shows) if late else redact(shows, stream)[::-1]
    told = bodies.restore(made[0].response.body).decode()
    assert sum(size for _, size in made[0].response.chunks) == len(told.encode())
    data = [line.removeprefix("data: ") for line in told.splitlines() if line.startswith("data: ")]
    said = "".join(json.loads(one)["choices"][0]["delta"]["content"] for one in data) if joined else "".join(data)
    assert said == "well it is {{cpproxy:x-api-key:1}}, so end"


def test_a_secret_in_pieces_a_line_each_goes() -> None:
    text = "".join(json.dumps({"n": at, "log": one}) + "\n" for at, one in enumerate(("a Zk3-sec", "ret-", "Qx81 b")))
    (_, one) = redact(interaction(headers=[("X-Api-Key", TOKEN)]), interaction(told=text.encode(), name="x-2"))
    lines = [json.loads(line)["log"] for line in bodies.restore(one.response.body).splitlines()]
    assert lines == ["a {{cpproxy:x-api-key:1}}", "", " b"]


def test_what_stands_in_base64_or_hex_is_a_placeholder_of_its_own() -> None:
    (one,) = redact(
        interaction(
            headers=[("X-Api-Key", TOKEN)],
            told={"a": TOKEN.encode().hex(), "b": "QSBsaW5lOiBaazMtc2VjcmV0LVF4ODEsIGVuZA=="},
        )
    )
    assert read(one.response.body) == {"a": "{{cpproxy:x-api-key:2:hex}}", "b": "{{cpproxy:x-api-key:3:base64}}"}


def test_a_secret_and_its_base64_have_one_number() -> None:
    code, other = (base64.b64encode(one.encode()).decode() for one in (TOKEN, f"bot:{TOKEN}"))
    first, second = redact(
        interaction(told={"data": {"password": code}, "auths": {"auth": other}}),
        interaction(
            headers=[("Authorization", f"Bearer {TOKEN}")],
            told={"password": base64.b64encode(b"x:" + TOKEN.encode()).decode()},
            name="x-2",
        ),
    )
    assert read(first.response.body) == {
        "data": {"password": "{{cpproxy:password:1:base64}}"},
        "auths": {"auth": "{{cpproxy:password:1:login}}"},
    }
    assert second.request.headers == (("Authorization", "Bearer {{cpproxy:password:1}}"),)
    assert read(second.response.body) == {"password": "{{cpproxy:password:2:login}}"}  # another user's


def test_base64_keeps_the_shape_of_what_it_says() -> None:
    key = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822c"
    (one,) = redact(interaction(headers=[("X-Api-Key", key)], told={"key": base64.b64encode(key.encode()).decode()}))
    assert read(one.response.body) == {"key": "{{cpproxy:x-api-key:1:hex-base64}}"}


@pytest.mark.parametrize("token", [TOKEN, "sham-92b0r3vgxp92"])
@pytest.mark.parametrize("times", [1, 2])
def test_what_looks_drawn_by_chance_in_base64_is_named_by_the_secret_in_it(token: str, times: int) -> None:
    code = f"x{token}yz"
    for _ in range(times):
        code = base64.b64encode(code.encode()).decode()
    one = redact(interaction(headers=[("X-Api-Key", token)]), interaction(told={"state": code}, name="x-2"))[1]
    assert read(one.response.body) == {"state": "{{cpproxy:x-api-key:2:base64}}"}


def test_a_body_that_is_no_text_and_holds_a_secret_is_left_out() -> None:
    known = [("X-Api-Key", TOKEN)]
    for raw in (b"\x00\xff" + TOKEN.encode(), gzip.compress(TOKEN.encode()), TOKEN.encode("utf-16")):
        (one,) = redact(interaction(headers=known, told=raw))
        assert isinstance(one.response.body, Body)
        assert (one.response.body.omitted, one.response.body.sha256) == (len(raw), "")


@pytest.mark.parametrize("value", ["Maple-42-x-Birch", "Pässwörd-é-42-x", "Пароль-42-тайна", "秘密のパスワード四二"])
@pytest.mark.parametrize("coding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("before", [b"", b"\x00\xff\x01"], ids=["text", "within"])
def test_a_secret_in_utf_16_is_known_be_it_beyond_ascii(value: str, coding: str, before: bytes) -> None:
    raw = before + f"see {value} there".encode(coding)
    shows = interaction(asked={"password": value})
    tells = interaction(told=raw, name="x-2")
    for one in (redact(shows, tells)[1], redact(tells, shows)[0]):
        assert isinstance(one.response.body, Body)
        assert one.response.body.omitted == len(raw)


@pytest.mark.parametrize("value", ["Maple-42-x-Birch", "Pässwörd-é-42-x", "Пароль-42-тайна", "秘密のパスワード四二"])
@pytest.mark.parametrize("coding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_known_in_base64_and_in_hex(value: str, coding: str) -> None:
    shows, plain = interaction(asked={"password": value}), value.encode(coding).removeprefix(b"\xff\xfe")
    raw = f"it is {value}".encode(coding)
    told = interaction(told={"a": base64.b64encode(raw).decode(), "b": f"x{raw.hex()}"}, name="x-2")
    found = read(redact(shows, told)[1].response.body)
    assert "{{cpproxy:" in found["a"]  # all of it may look drawn by chance
    assert plain.hex() not in found["b"]


def test_a_body_that_is_no_text_and_holds_none_stays() -> None:
    raw = b"\x89PNG\r\n\x1a\n\x00\x00\xff"
    (one,) = redact(interaction(headers=[("X-Api-Key", TOKEN)], told=raw))
    assert bodies.restore(one.response.body) == raw


def test_a_token_that_nothing_names_goes() -> None:
    (one,) = redact(interaction(told={"note": CHANCE}))
    assert read(one.response.body) == {"note": "{{cpproxy:random:1}}"}


def test_a_token_that_nothing_names_stays_where_it_names_a_thing_in_a_path() -> None:
    first, second = redact(
        interaction(told={"note": CHANCE}), interaction(f"/things/{CHANCE}", told={"note": CHANCE}, name="x-2")
    )
    assert read(first.response.body) == {"note": CHANCE}
    assert second.request.target == f"/things/{CHANCE}"


def test_nothing_of_a_secret_is_held_while_a_recording_goes_on() -> None:
    marked = mark(interaction(f"/x?token={TOKEN}", [("X-Api-Key", OTHER)], {"password": 'a"b\\c+1'}), Redactor())
    held = msgspec.json.encode(marked).decode()
    assert not any(secret in held for secret in (TOKEN, OTHER, 'a\\"b', "c+1"))


def test_a_header_whose_name_holds_a_secret_is_left_out() -> None:
    named = [("X-Api-Key", TOKEN), (f"X-{TOKEN}", "1"), (CHANCE, "2"), (f"ghp_{'a1B2' * 9}", "3"), ("Accept", "*/*")]
    (one,) = redact(interaction(headers=named, answer=[(TOKEN.upper(), "4"), (TOKEN, "5")]))
    assert one.request.headers == (("X-Api-Key", "{{cpproxy:x-api-key:1}}"), ("Accept", "*/*"))
    assert one.response.headers == ()


def test_a_header_whose_name_is_learnt_late_is_left_out() -> None:
    first, _ = redact(interaction(headers=[(TOKEN, "1")]), interaction(headers=[("X-Api-Key", TOKEN)], name="x-2"))
    assert first.request.headers == ()


def test_a_scheme_that_is_a_secret_is_none() -> None:
    credential = [Credential("authorization", "maple-birch")]
    marked = structs.replace(interaction(headers=[("X-Api-Key", "Maple-Birch")]), credentials=tuple(credential))
    (one,) = redact(marked)
    assert one.credentials == (Credential("authorization", ""),)
    first, _ = redact(
        structs.replace(marked, request=interaction().request),
        interaction(headers=[("X-Api-Key", "Maple-Birch")], name="x-2"),
    )
    assert first.credentials == (Credential("authorization", ""),)


def test_what_has_no_secret_is_the_very_same_object() -> None:
    redactor = Redactor()
    redactor.known.learn(TOKEN, "x", Reason.NAMED)
    clean = interaction("/x?page=2", [("Accept", "*/*")], {"a": 1}, {"b": ["c"]})
    assert mark(clean, redactor) is clean
    assert settle(clean, redactor, since=0) is clean
