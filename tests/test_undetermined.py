"""What cannot be made right, as it happens: its row on the ledger and its finding, through the real front."""

import http.client
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cpproxy.errors import Exit
from tests.moving import Tape
from tests.processes import finish, running

ONE = "0b9f6a52-54c2-4d0e-8a55-6a1c2f7f1a10"
TWO = "5d0c1f7e-9a63-4b0c-8d1f-2f6b7a8c9d01"
LIVE = str(uuid.UUID(int=7, version=4))

type Calls = list[tuple[str, Any]]


def alike_writes() -> tuple[Tape, Calls]:
    tape = Tape()
    for who, workspace, state in (("alpha", ONE, "running"), ("beta", TWO, "failed")):
        tape.add("POST /workspaces", {"ok": True}, 201, body={"id": workspace}, by=who)
        tape.add(f"GET /workspaces/{workspace}", {"state": state}, by=who)
    return tape, [("POST /workspaces", {"id": LIVE})]


def reads_of_unknown_things() -> tuple[Tape, Calls]:
    tape = Tape()
    for who, thing, state in (("alpha", ONE, "running"), ("beta", TWO, "failed")):
        tape.add(f"GET /things/{thing}", {"state": state}, by=who)
    return tape, [(f"GET /things/{LIVE}", None)]


def a_state_that_nobody_recorded() -> tuple[Tape, Calls]:
    tape = Tape()
    tape.add("POST /workspaces", {"ok": True}, 201, body={"id": ONE}, by="alpha")
    tape.add(f"GET /workspaces/{ONE}", {"state": "running"}, by="alpha")
    tape.add(f"PUT /workspaces/{ONE}/size", {"ok": True}, body={"size": 3}, by="alpha", name="resize")
    live = f"GET /workspaces/{LIVE}"
    return tape, [("POST /workspaces", {"id": LIVE}), (f"PUT /workspaces/{LIVE}/size", {"size": 3}), (live, None)]


def an_element_in_a_state_that_no_list_read_saw() -> tuple[Tape, Calls]:
    tape = Tape()
    tape.add("POST /workspaces", {"ok": True}, 201, body={"id": ONE}, by="alpha")
    tape.add("GET /workspaces", {"items": [{"id": ONE, "state": "running"}]}, by="alpha")
    tape.add(f"PUT /workspaces/{ONE}/size", {"ok": True}, body={"size": 3}, by="alpha", name="resize")
    resize = f"PUT /workspaces/{LIVE}/size"
    return tape, [("POST /workspaces", {"id": LIVE}), (resize, {"size": 3}), ("GET /workspaces", None)]


def an_element_that_no_list_read_saw() -> tuple[Tape, Calls]:
    tape = Tape()
    for workspace in (ONE, TWO):
        tape.add("POST /workspaces", {"ok": True}, 201, body={"id": workspace}, by="alpha")
        if workspace == ONE:
            tape.add("GET /workspaces", {"items": [{"id": ONE}]}, by="alpha")
    bodies = [{"id": str(uuid.UUID(int=number, version=4))} for number in (1, 2)]
    return tape, [*(("POST /workspaces", body) for body in bodies), ("GET /workspaces", None)]


ROWS: dict[str, tuple[Callable[[], tuple[Tape, Calls]], str]] = {
    "writes that nothing tells apart": (alike_writes, "nothing tells whether 1 or 3 is meant"),
    "reads that nothing tells apart": (reads_of_unknown_things, "nothing tells whether 1 or 2 is meant"),
    "a state that nobody recorded": (a_state_that_nobody_recorded, "it was never asked after these writes (resize)"),
    "an element's state": (
        an_element_in_a_state_that_no_list_read_saw,
        f"{LIVE}: it was never asked after these writes (resize)",
    ),
    "an element": (an_element_that_no_list_read_saw, "what 3 made was never seen in it"),
}


def ask(port: int, call: str, body: Any) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    method, target = call.split()
    headers = {"Authorization": "Bearer x", "Content-Type": "application/json"}
    connection.request(method, target, None if body is None else json.dumps(body), headers)
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.parametrize("row", ROWS)
def test_what_is_not_determined_is_on_the_ledger_and_in_the_verdict(tmp_path: Path, row: str) -> None:
    make, reason = ROWS[row]
    tape, calls = make()
    tape.write(tmp_path / "cassettes")
    with running(["replay", "--listen", "127.0.0.1:0", "--ledger", "ledger.db"], cwd=tmp_path) as proxy:
        port = proxy.port
        assert all(ask(port, call, body) in {200, 201} for call, body in calls)
        assert proxy.stop() == Exit.CLEAN, proxy.describe()
    rows = json.loads(finish(["calls", "--ledger", "ledger.db", "--format", "json"], cwd=tmp_path).stdout)
    undetermined = [one for one in rows if one["undetermined"]]
    assert [reason in one["reason"] for one in undetermined] == [True], rows
    assert undetermined[0] == rows[-1]
    verdict = finish(["verify", "--ledger", "ledger.db", "--format", "json"], cwd=tmp_path)
    assert verdict.returncode == Exit.FINDINGS, verdict.stdout + verdict.stderr
    findings = [one for one in json.loads(verdict.stdout)["findings"] if one["kind"] == "undetermined"]
    assert [reason in one["text"] for one in findings] == [True], verdict.stdout
    assert "record" in findings[0]["text"]
