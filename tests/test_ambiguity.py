"""Each row of what cannot be made right has its warning, and an ordinary recording has none."""

from collections.abc import Callable

import pytest

from cpproxy.core.ambiguity import find_doubts
from tests.moving import Tape, play

W1 = "0b9d1c52-6c1e-4a54-9d8a-3f2f6a1b7c01"
W2 = "7f3e8a90-11c2-4d3e-8b4a-90ab12cd34ef"


def alike(tape: Tape) -> None:
    for workspace in (W1, W2):
        tape.add("POST /ws", {"ok": 1}, 201, body={"id": workspace})
        tape.add(f"GET /ws/{workspace}", {"state": workspace == W1})


def polled(tape: Tape) -> None:
    for state in ("pending", "running"):
        tape.add("POST /describe", {"state": state}, body={"what": "all"})


def moving(tape: Tape) -> None:
    for number in range(25):
        tape.add("GET /load", {"load": number})


def personal(tape: Tape) -> None:
    for who in ("ann", "bob"):
        tape.add("GET /me", {"name": who}, by=who)


def counted(tape: Tape) -> None:
    tape.add("GET /ws", {"items": [{"id": W1}], "total": 1})


def ordinary(tape: Tape) -> None:
    tape.add("POST /ws", {"ok": 1}, 201, body={"id": W1})
    for state in ("pending", "running"):
        tape.add(f"GET /ws/{W1}", {"state": state})


@pytest.mark.parametrize(
    ("fill", "said"),
    [
        (alike, "nothing tells these POST /ws apart"),
        (polled, 'kind = "read"'),
        (moving, "25 steps in one state"),
        (personal, "differs by credential alone"),
        (counted, "$.total beside a list"),
        (ordinary, ""),
    ],
)
def test_what_a_recording_does_not_determine_is_said(fill: Callable[[Tape], None], said: str) -> None:
    tape = Tape()
    fill(tape)
    doubts = list(find_doubts(play(tape).replay.library))
    assert bool(doubts) == bool(said)
    assert all(said in doubt.text for doubt in doubts)
