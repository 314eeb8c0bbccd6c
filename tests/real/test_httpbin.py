"""httpbin through three clients: recorded, then replayed once the origin is gone, and compared byte for byte.

A write gets the very answer that was recorded for it. A read that was repeated steps through the answers that were
recorded for it: equal neighbours are one step, so it may be ahead of the recording, but it never goes back.
"""

import gzip
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import brotli  # type: ignore[import-untyped]
import pytest

from tests.processes import Running, finish, running
from tests.real.exchanges import Seen
from tests.real.httpbin_calls import CALLS, clients_of
from tests.real.origins import httpbin_origin

NAME = "real/httpbin"
WRITES = ("POST ", "PUT ", "PATCH ", "DELETE ")

SIGNED = {"get-basic-auth-user-passwd", "get-cookies"}
"""What was asked with two credentials that were never used before, and answered otherwise."""

_COOKIE = re.compile(r"=[^;]*")
_TELLS = re.compile(rb'"(?:cookies|token)": ')
_TOLD = re.compile(rb': "[^"]*"')

type Answers = dict[str, list[Seen]]


def test_httpbin_is_passed_on_as_it_answers_and_replayed_as_it_was_recorded(
    subtests: pytest.Subtests, tmp_path: Path
) -> None:
    with httpbin_origin() as origin:
        direct = _ask_all(origin.url, bare=True)  # as a proxy asks: httpbin tells each header that it was sent
        with running(["record", "--upstream", origin.url, *_where(tmp_path, "record")], cwd=tmp_path) as recorder:
            recorded = _ask_all(recorder.url)
            _stop_clean(recorder)
        origin.stop()
        with running(["replay", *_where(tmp_path, "replay")], cwd=tmp_path) as proxy:
            replayed = _ask_all(proxy.url)
            _stop_clean(proxy)

    steps = _Steps([_move(seen, recorder.url, proxy.url) for call in CALLS for seen in recorded[call.name]])
    for call in CALLS:
        with subtests.test("passed on", call=call.name):
            for said, passed in zip(direct[call.name], recorded[call.name], strict=True):
                assert passed.outcome == "recorded"
                own = _move(said, origin.url, recorder.url)
                assert _stable(passed, moving=call.moving) == _stable(own, moving=call.moving)
        with subtests.test("replayed", call=call.name):
            assert [now.asked for now in replayed[call.name]] == [was.asked for was in recorded[call.name]]
            for now in replayed[call.name]:
                was = steps.find(now)
                assert now.outcome == "replayed"
                assert (now.status, now.reason) == (was.status, was.reason)
                assert _without_secrets(now, was) == _without_secrets(was, now)

    asked = sum(len(answers) for answers in replayed.values())
    with subtests.test("ledger"):
        assert _outcomes(tmp_path, "record") == {"recorded": asked}
        assert _outcomes(tmp_path, "replay") == {"replayed": asked}
    with subtests.test("verdict"):
        verdict = finish(["verify", *_ledger(tmp_path, "replay"), "--cassettes", str(tmp_path / "cassettes")])
        assert verdict.returncode == 0, verdict.stdout + verdict.stderr
    with subtests.test("cassette"):
        lint = finish(["cassette", "lint", "--cassettes", str(tmp_path / "cassettes")])
        assert (lint.returncode, lint.stderr) == (0, ""), lint.stdout
        warned = [line for line in lint.stdout.splitlines() if "by credential alone" in line]
        assert {name for line in warned for name in re.findall(r"its answers \((\S+)-\d+,", line)} == SIGNED


def test_the_table_covers_what_it_says() -> None:
    assert len({call.name for call in CALLS}) == len(CALLS)
    assert len({call.endpoint for call in CALLS}) >= 60


class _Steps:
    """The answers that were recorded for each request, in order, and how far replay has come with each."""

    def __init__(self, recorded: Iterable[Seen]) -> None:
        self._recorded: dict[str, list[Seen]] = {}
        self._reached: dict[str, int] = {}
        for seen in recorded:
            self._recorded.setdefault(seen.asked, []).append(seen)

    def find(self, now: Seen) -> Seen:
        """The recorded answer that this must be: of a read, any from the last one on; at first, the first."""
        recorded = self._recorded[now.asked]
        reached = self._reached.get(now.asked)
        if reached is None:
            places = range(1)
        elif now.asked.startswith(WRITES):
            places = range(reached + 1, reached + 2)
        else:
            places = range(reached, len(recorded))
        place = next((place for place in places if _is_same(now, recorded[place])), places[0])
        self._reached[now.asked] = place
        return recorded[place]


def _is_same(now: Seen, was: Seen) -> bool:
    return (now.status, now.reason, _without_secrets(now, was)) == (was.status, was.reason, _without_secrets(was, now))


def _without_secrets(seen: Seen, other: Seen) -> tuple[object, ...]:
    """An answer, byte for byte, but for the cookies that it sets and the cookies and tokens that it tells."""
    headers = [
        (name, _COOKIE.sub("=*", value, count=1) if name == "Set-Cookie" else value) for name, value in seen.end_to_end
    ]
    if not _TELLS.search(other.decoded) and not _TELLS.search(seen.decoded):
        return headers, seen.decoded, _framing(seen, other)
    return [pair for pair in headers if pair[0] != "Content-Length"], _TOLD.sub(b": *", seen.decoded)


def _framing(seen: Seen, other: Seen) -> bytes | None:
    """The chunks too, where curl showed those of both, but for a body that is coded anew."""
    return None if seen.coding or other.framed is None else seen.framed


def _ask_all(url: str, *, bare: bool = False) -> Answers:
    with clients_of(url, bare=bare) as clients:
        return {call.name: call.ask(clients) for call in CALLS}


def _ledger(folder: Path, run: str) -> list[str]:
    return ["--ledger", str(folder / f"{run}.db")]


def _where(folder: Path, run: str) -> list[str]:
    cassette = ["--cassettes", str(folder / "cassettes"), "--cassette", NAME]
    return [*cassette, *_ledger(folder, run), "--listen", "127.0.0.1:0"]


def _stop_clean(proxy: Running) -> None:
    assert proxy.stop() == 0, proxy.describe()
    assert "Traceback" not in proxy.stderr, proxy.describe()


def _move(seen: Seen, other: str, front: str) -> Seen:
    """What was seen elsewhere as a front is to tell it: with its own address."""
    old, new = other.partition("//")[2], front.partition("//")[2]
    headers = tuple((name, value.replace(old, new)) for name, value in seen.headers)
    if seen.coding:
        return replace(seen, headers=headers, body=_recode(seen, old, new))
    framed = None if seen.framed is None else seen.framed.replace(old.encode(), new.encode())
    return replace(seen, headers=headers, body=seen.body.replace(old.encode(), new.encode()), framed=framed)


def _recode(seen: Seen, old: str, new: str) -> bytes:
    encode = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress}[seen.coding]
    return encode(seen.decoded.replace(old.encode(), new.encode())) if seen.body else b""


def _stable(seen: Seen, *, moving: bool) -> tuple[object, ...]:
    """What of two answers of the origin to one question is equal: not its clock, and of moving ones only their kind."""
    if moving:
        return seen.status, seen.reason, [name for name, _ in seen.end_to_end], bool(seen.body)
    headers = [pair for pair in seen.end_to_end if pair[0] != "Date"]
    return seen.status, seen.reason, headers, seen.decoded


def _outcomes(folder: Path, run: str) -> Counter[str]:
    calls = finish(["calls", *_ledger(folder, run), "--format", "json"])
    assert calls.returncode == 0, calls.stderr
    return Counter(call["outcome"] for call in json.loads(calls.stdout))
