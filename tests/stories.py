"""Random stories of several actors: recorded from the staging plane without sockets, then told again differently.

An actor is a generator of calls: it yields what it asks and is sent the answer, so that one story can be recorded and
replayed in any interleaving. It checks what it is told of its own things and raises AssertionError where that is wrong.
"""

import gzip
import json
import uuid
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

import msgspec

from cpproxy.core import bodies
from cpproxy.core.cassette import CassetteOf, Interaction, Recorded
from cpproxy.core.config import RouteSettings
from cpproxy.core.messages import Request
from cpproxy.core.recording import Answered, Asked, Recording
from cpproxy.core.replay import Refuse, Replay, Serve
from cpproxy.core.routes import RouteTable
from tests.staging import ALPHA, BETA, OPERATOR_TOKEN, TENANTS, TenantAccount
from tests.staging.plane import Call, Plane

BEGAN = 1_795_428_000.0  # 2026-11-23T10:00:00Z
ROUTES = (RouteSettings(match="GET /cp/tenants/config", compare=("X-Molecule-Org-Id",)),)
LIMIT = 1 << 20

type Reply = tuple[int, Any]
type Story = Generator[Call, Reply]


@dataclass
class Credentials:
    """What an actor shows: of the recording the plane's own, in a replay anything."""

    admin: str
    secret: str
    operator: str = OPERATOR_TOKEN

    def tenant(self) -> tuple[tuple[str, str], ...]:
        return (("Authorization", f"Bearer {self.secret}"), ("X-Molecule-Admin-Token", self.admin))


def poll(call: Call, random: Random, *, live: bool, past: str, goal: str) -> Generator[Call, Reply, None]:
    """Asks until it is so; while it is told again, more or less often than when it was recorded."""
    for turn in range(1000):
        status, document = yield call
        assert status == 200, (call, status, document)
        state = document["state"]
        assert state in (past, goal), (call, state)
        if state == goal:
            break
        assert not live or turn < 1, f"{call.target} stays {state}"
    for _ in range(random.randrange(3)):
        status, document = yield call
        assert (status, document["state"]) == (200, goal), (call, document)


def run_workspace(credentials: Credentials, org: str, random: Random, *, live: bool) -> Generator[Call, Reply, Call]:
    """A workspace from its making to running; the call that asks for its state comes back."""
    workspace = str(uuid.UUID(int=random.getrandbits(128), version=4))
    body = {"org_id": org, "workspace_id": workspace, "runtime": "r", "tier": 2, "env": {"LOG_LEVEL": "info"}}
    headers = (*credentials.tenant(), ("Content-Type", "application/json"))
    status, made = yield Call("POST", "/cp/workspaces/provision", headers, json.dumps(body).encode())
    assert status == 201, made
    query = f"?instance_id={made['instance_id']}"
    asked = Call("GET", f"/cp/workspaces/{workspace}/status{query}", credentials.tenant())
    yield from poll(asked, random, live=live, past="pending", goal="running")
    if random.random() < 0.5 or live:
        status, console = yield Call("GET", f"/cp/admin/workspaces/{workspace}/console", credentials.tenant())
        # What was not recorded of one actor is a miss, and a script does not ask for it.
        assert status == 200 or live, console
        assert status != 200 or made["instance_id"] in console["output"]
    return asked


def tenant(account: TenantAccount, credentials: Credentials, random: Random, rounds: int, *, live: bool) -> Story:
    headers = (("Authorization", f"Bearer {credentials.admin}"), ("X-Molecule-Org-Id", account.org_id))
    for _ in range(1 + random.randrange(2)):
        status, config = yield Call("GET", "/cp/tenants/config", headers)
        assert status == 200, config
        assert config["MOLECULE_ORG_ID"] == account.org_id
    for _ in range(rounds):
        asked = yield from run_workspace(credentials, account.org_id, random, live=live)
        status, _ = yield Call("DELETE", asked.target.replace("/status", ""), credentials.tenant())
        assert status == 204
        for _ in range(1 + random.randrange(2)):
            assert (yield asked) == (200, {"state": "terminated"})


def operator(account: TenantAccount, credentials: Credentials, random: Random, rounds: int, *, live: bool) -> Story:
    del account
    headers = (("Authorization", f"Bearer {credentials.operator}"), ("Content-Type", "application/json"))
    listed = Call("GET", "/cp/admin/orgs", headers)

    def find(reply: Reply, slug: str) -> dict[str, Any] | None:
        assert reply[0] == 200, reply
        found = [org for org in reply[1]["orgs"] if org["slug"] == slug]
        assert len(found) < 2
        return found[0] if found else None

    for _ in range(rounds):
        slug = f"e2e-20260105-{random.getrandbits(32):08x}"
        assert find((yield listed), slug) is None
        body = {"slug": slug, "name": f"E2E {slug}", "owner_user_id": "suite"}
        status, made = yield Call("POST", "/cp/admin/orgs", headers, json.dumps(body).encode())
        assert status == 201, made
        assert (made["slug"], made["name"]) == (slug, f"E2E {slug}")
        for turn in range(1000):
            org = find((yield listed), slug)
            assert org is not None
            assert (org["id"], org["name"]) == (made["id"], f"E2E {slug}")
            if org["instance_status"] == "running":
                break
            assert not live or turn < 1, f"{slug} stays {org['instance_status']}"
        status, token = yield Call("GET", f"/cp/admin/orgs/{slug}/admin-token", headers)
        assert status == 200, token
        own = Credentials(credentials.admin if live else token["admin_token"], credentials.secret)
        asked = yield from run_workspace(own, made["id"], random, live=live)
        body = {"confirm": slug}
        status, gone = yield Call("DELETE", f"/cp/admin/tenants/{slug}", headers, json.dumps(body).encode())
        assert (status, gone["slug"]) == (200, slug)
        for _ in range(1 + random.randrange(2)):
            assert find((yield listed), slug) is None
        assert (yield asked) == (200, {"state": "terminated"})


KINDS = {"alpha": (tenant, ALPHA), "beta": (tenant, BETA), "op-1": (operator, ALPHA), "op-2": (operator, ALPHA)}


@dataclass
class Tale:
    """What is told: who takes part and how many rounds each makes."""

    rounds: dict[str, int]

    def start(self, who: str, credentials: Credentials, random: Random, *, live: bool) -> Story:
        story, account = KINDS[who]
        return story(account, credentials, random, self.rounds[who], live=live)


@dataclass
class Tape:
    """A recording of a tale, as replay reads it."""

    head: CassetteOf[msgspec.Raw]
    raws: list[msgspec.Raw]
    name: str = "tale"

    def interactions(self) -> Iterator[tuple[msgspec.Raw, Interaction]]:
        for raw in self.raws:
            yield raw, msgspec.json.decode(raw, type=Interaction)


def record(tale: Tale, random: Random, *, at_once: bool) -> Tape:
    """Plays a tale against the plane on a clock of its own; `at_once`, calls of several actors overlap."""
    now = [BEGAN]
    plane = Plane(
        clock=lambda: now[0], random=Random(random.random()), url="https://staging.example.com", ready_after=3.0
    )
    recording = Recording(Recorded("2026-11-23T10:00:00Z", "https://staging.example.com"), RouteTable(ROUTES))
    accounts = {account.slug: account for account in TENANTS}
    free: dict[str, float] = {}
    stories: dict[str, Story] = {}
    asked: dict[str, Call] = {}
    for who in tale.rounds:
        account = accounts.get(who, ALPHA)
        credentials = Credentials(account.admin_token, plane.shared_secret)
        stories[who] = tale.start(who, credentials, Random(f"{random.random()}/{who}"), live=False)
        asked[who] = next(stories[who])
        free[who] = BEGAN + random.random() if at_once else BEGAN
    taken: list[tuple[float, float, Call, Any]] = []
    order = list(tale.rounds)
    random.shuffle(order)
    while stories:
        who = min(stories, key=lambda one: free[one]) if at_once else next(one for one in order if one in stories)
        start = free[who] if at_once else now[0]
        now[0] = max(now[0], start) + random.uniform(0.01, 0.4)
        answer = plane.answer(asked[who])
        end = now[0] + random.uniform(0.01, 0.4)
        taken.append((start - BEGAN, end - BEGAN, asked[who], answer))
        free[who] = end + random.uniform(0.01, 1.2)
        if not at_once:
            now[0] = free[who]
        try:
            asked[who] = stories[who].send((int(answer.status), answer.json if answer.body else None))
        except StopIteration:
            del stories[who]
    for start, end, call, answer in sorted(taken, key=lambda one: one[0]):
        arrival = recording.arrive(call.method, call.target, start)
        recording.add(
            arrival,
            Asked(_wire(call.headers), bodies.store(call.body, content_type="application/json", limit=LIMIT)),
            Answered(
                int(answer.status),
                "",
                _wire(answer.headers),
                bodies.store(answer.body, "", content_type="application/json", limit=LIMIT),
                (),
                end,
            ),
        )
    cassette = recording.cassette()
    raws = [msgspec.Raw(msgspec.json.encode(one)) for one in cassette.interactions]
    return Tape(CassetteOf(1, cassette.recorded, ()), raws)


def _wire(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((name.encode(), value.encode()) for name, value in headers)


@dataclass
class Retelling:
    """A tale told again to a replay, one call of any actor at a time. `doubts` counts answers that were warned of."""

    tale: Tale
    tape: Tape
    random: Random
    equal_tokens: bool
    replay: Replay = field(init=False)
    stories: dict[str, Story] = field(default_factory=dict)
    asked: dict[str, Call] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    calls: int = 0
    doubts: int = 0

    def __post_init__(self) -> None:
        self.replay = Replay([self.tape], RouteTable(ROUTES))
        for who in self.tale.rounds:
            own = "dummy" if self.equal_tokens else f"of-{who}"
            credentials = Credentials(f"admin-{own}", f"secret-{own}", f"operator-{own}")
            self.stories[who] = self.tale.start(who, credentials, Random(f"{self.random.random()}/{who}"), live=True)
            self.asked[who] = next(self.stories[who])

    def advance(self, who: str) -> None:
        """One call of an actor."""
        call = self.asked[who]
        request = Request(call.method, call.target, _wire(call.headers), call.body, "10.0.0.1")
        decision = self.replay.decide(request, "default", "")
        self.calls += 1
        match decision:
            case Serve():
                answer = decision.answer(None)
                decision.settle(delivered=True)
                body = answer.body
                if dict(answer.headers).get(b"Content-Encoding") == b"gzip":
                    body = gzip.decompress(body)
                reply = (answer.status, json.loads(body) if body else None)
                self.doubts += bool(decision.doubt)
                self.log.append(f"{who}: {call.method} {call.target} -> {reply} {decision.entry.id} {decision.doubt}")
            case Refuse():
                self.log.append(f"{who}: {call.method} {call.target} -> {decision.reason}")
                assert "console" in call.target, "\n".join(self.log)
                reply = (decision.status, None)
        try:
            self.asked[who] = self.stories[who].send(reply)
        except StopIteration:
            del self.stories[who]
        except AssertionError as error:
            raise AssertionError("\n".join([*self.log, f"{who}: {error}"])) from error

    def finish(self) -> None:
        """Every call that is left, in any order."""
        while self.stories:
            self.advance(self.random.choice(sorted(self.stories)))


def make_tale(random: Random) -> Tale:
    cast = random.sample(sorted(KINDS), random.randrange(1, len(KINDS) + 1))
    return Tale({who: random.randrange(1, 3) for who in cast})


def retell(seed: int) -> Retelling:
    """A random tale, recorded and told again to its end."""
    random = Random(seed)
    tale = make_tale(random)
    tape = record(tale, random, at_once=random.random() < 0.5)
    retelling = Retelling(tale, tape, random, equal_tokens=random.random() < 0.5)
    retelling.finish()
    return retelling
