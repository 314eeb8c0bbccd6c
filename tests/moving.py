"""Recordings made of values for the tests of replay, and a player that asks them as clients would."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from cpproxy.core.addresses import Public
from cpproxy.core.calls import Outcome
from cpproxy.core.cassette import CassetteOf, Interaction, Placeholder, Recorded
from cpproxy.core.config import ReplaySettings, RouteSettings
from cpproxy.core.messages import Answer, Request, find_header
from cpproxy.core.redaction.markers import PLACEHOLDER
from cpproxy.core.replay.decisions import Refuse, Replay, Serve
from cpproxy.core.routes import RouteTable
from cpproxy.files import cassettes

type Pairs = tuple[tuple[str, str], ...]

BEGAN = "2026-11-23T10:00:00Z"
UPSTREAM = "https://staging.example.com"
FORM = "application/x-www-form-urlencoded"


@dataclass
class Tape:
    """One cassette; each call takes half a second and a second passes before the next, unless `at` says otherwise."""

    name: str = "tape"
    identities: tuple[str, ...] = ()
    not_identities: tuple[str, ...] = ()
    upstream: str = UPSTREAM
    documents: list[dict[str, Any]] = field(default_factory=list)
    _clock: float = 0.0
    _tokens: dict[str, int] = field(default_factory=dict)

    @property
    def head(self) -> CassetteOf[msgspec.Raw]:
        raws = tuple(msgspec.Raw(msgspec.json.encode(document)) for document in self.documents)
        markers = dict.fromkeys(found[0] for raw in raws for found in PLACEHOLDER.finditer(bytes(raw).decode()))
        return CassetteOf(
            1,
            Recorded(BEGAN, self.upstream),
            raws,
            identities=self.identities,
            not_identities=self.not_identities,
            placeholders=tuple(Placeholder(marker, marker.split(":")[1]) for marker in markers),
        )

    def interactions(self) -> Iterator[tuple[msgspec.Raw, Interaction]]:
        for document in self.documents:
            raw = msgspec.Raw(msgspec.json.encode(document))
            yield raw, msgspec.json.decode(raw, type=Interaction)

    def add(
        self,
        call: str,
        answer: Any = None,
        status: int = 200,
        *,
        body: Any = None,
        by: str = "",
        headers: Pairs = (),
        told: Pairs = (),
        at: tuple[float, float] | None = None,
        coding: str = "",
        name: str = "",
    ) -> str:
        """One interaction, whose id comes back. `by` is who asks, with a token of its own."""
        method, target = call.split(" ", 1)
        start, end = at or (self._clock, self._clock + 0.5)
        self._clock = max(self._clock, end + 0.5)
        request: dict[str, Any] = {"method": method, "target": target, "headers": [list(pair) for pair in headers]}
        credentials = []
        if by:
            number = self._tokens.setdefault(by, len(self._tokens) + 1)
            request["headers"].append(["Authorization", f"Bearer {{{{cpproxy:authorization:{number}}}}}"])
            credentials.append({"header": "authorization", "scheme": "bearer"})
        if body is not None:
            request["body"] = _body(body)
            media = FORM if isinstance(body, str) and "=" in body else "application/json"
            request["headers"].append(["Content-Type", media])
        response: dict[str, Any] = {"status": status, "reason": "", "headers": [list(pair) for pair in told]}
        if answer is not None:
            response["body"] = _body(answer)
            response["headers"].append(
                ["Content-Type", "text/plain" if isinstance(answer, str) else "application/json"]
            )
            if coding:
                response["body"]["coding"] = [coding]
                response["headers"].append(["Content-Encoding", coding])
        document = {
            "id": name or f"{len(self.documents) + 1}",
            "start": start,
            "end": end,
            "credentials": credentials,
            "request": request,
            "response": response,
        }
        self.documents.append(document)
        return str(document["id"])

    def write(self, folder: Path) -> None:
        """Writes it to a folder of cassettes."""
        every = tuple(interaction for _, interaction in self.interactions())
        cassettes.write(folder, self.name, msgspec.structs.replace(self.head, interactions=every))


def _body(value: Any) -> dict[str, Any]:
    return {"text": value} if isinstance(value, str) else {"json": value}


@dataclass(frozen=True)
class Told:
    """What a call got: `json` and `text` of the answer, or why there is none."""

    outcome: str
    status: int
    entry: str = ""
    json: Any = None
    text: str = ""
    reason: str = ""
    doubt: str = ""
    note: str = ""
    headers: Pairs = ()


@dataclass
class Player:
    """Asks a replay in one session. `by` and `client` are who asks."""

    replay: Replay
    session: str = "default"
    scenario: str = ""
    by: str = ""
    client: str = "10.0.0.1"
    public: Public | None = None

    def ask(
        self,
        call: str,
        *,
        body: Any = None,
        by: str | None = None,
        headers: Pairs = (),
        whole: bool = True,
        client: str = "",
    ) -> Told:
        """What the call gets."""
        method, target = call.split(" ", 1)
        who = self.by if by is None else by
        sent = [(name.encode(), value.encode()) for name, value in headers]
        if who:
            sent.append((b"Authorization", f"Bearer live-{who}".encode()))
        data = b""
        if body is not None:
            data = body.encode() if isinstance(body, str) else msgspec.json.encode(body)
            media = FORM if isinstance(body, str) and "=" in body else "application/json"
            sent.append((b"Content-Type", media.encode()))
        request = Request(method, target, tuple(sent), data, client or self.client)
        decision = self.replay.decide(request, self.session, self.scenario, self.public)
        match decision:
            case Serve():
                accept = find_header(request.headers, b"accept-encoding")
                answer = decision.answer(accept)
                decision.settle(whole)
                return _told(decision, answer)
            case Refuse():
                outcome = "used up" if decision.used_up else str(decision.outcome)
                return Told(outcome, decision.status, reason=decision.reason)

    def state(self, call: str, **more: Any) -> Any:
        """The `state` of what a read tells, or the outcome of a refusal; a question mark says that it is doubtful."""
        told = self.ask(call, **more)
        if told.outcome != Outcome.REPLAYED:
            return told.outcome
        if told.status >= 400:
            return told.status
        state = told.json["state"]
        return f"{state}?" if told.doubt else state


def _told(serve: Serve, answer: Answer) -> Told:
    text = answer.body.decode("latin-1")
    try:
        value = msgspec.json.decode(answer.body)
    except msgspec.DecodeError:
        value = None
    headers = tuple((name.decode(), raw.decode("latin-1")) for name, raw in answer.headers)
    return Told("replayed", answer.status, serve.entry.id, value, text, "", serve.doubt, serve.note, headers)


def play(*tapes: Tape, routes: tuple[RouteSettings, ...] = (), **settings: Any) -> Player:
    """A player of these cassettes in a session of its own."""
    return Player(Replay(tapes, RouteTable(routes), ReplaySettings(**settings)))
