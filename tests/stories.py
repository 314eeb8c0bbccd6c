"""Random stories of several actors: recorded from the staging plane without sockets, then told again differently.

An actor is a generator of calls: it yields what it asks and is sent the answer, so that one story can be recorded and
replayed in any interleaving. What it is told is judged by `oracle`.
"""

import gzip
import json
import re
import uuid
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import msgspec

from cpproxy.core import bodies
from cpproxy.core.addresses import Public
from cpproxy.core.cassette import CassetteOf, Interaction, Recorded
from cpproxy.core.config import RouteSettings
from cpproxy.core.messages import Request
from cpproxy.core.recording import Answered, Asked, Recording
from cpproxy.core.redaction.redactor import Redactor
from cpproxy.core.replay.decisions import Refuse, Replay, Serve
from cpproxy.core.replay.ground import Ground, survey
from cpproxy.core.replay.worlds import Entry
from cpproxy.core.review.ambiguity import find_ambiguities
from cpproxy.core.review.lint import Remark
from cpproxy.core.routes import RouteTable
from tests.oracle import READY_AFTER, Oracle, Reply
from tests.staging import ALPHA, BETA, TENANTS, TenantAccount
from tests.staging.plane import Call, Plane

BEGAN = 1_795_428_000.0  # 2026-11-23T10:00:00Z
ROUTES = (RouteSettings(match="GET /cp/tenants/config", compare=("X-Molecule-Org-Id",)),)
LIMIT = 1 << 20
URL = "https://staging.example.com"
FRONT = Public("http", "front:9090")
_WORD = re.compile(r"[\w.-]+\w")
_MADE = re.compile(r"i-[0-9a-f]{17}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

type Story = Generator[Call, Reply]


@dataclass
class Credentials:
    """What an actor shows: of the recording the plane's own, in a replay anything."""

    admin: str
    secret: str
    operator: str

    def tenant(self) -> tuple[tuple[str, str], ...]:
        return (("Authorization", f"Bearer {self.secret}"), ("X-Molecule-Admin-Token", self.admin))


@dataclass(frozen=True)
class Round:
    """What an actor does in one round, whenever it does it: its polls alone are more or fewer each time."""

    console: bool


def poll(call: Call, random: Random, goal: str) -> Generator[Call, Reply, None]:
    """Asks until it is so, and some times more."""
    while True:
        status, document = yield call
        assert status == 200, (call, status, document)
        if document["state"] == goal:
            break
    for _ in range(random.randrange(3)):
        yield call


def run_workspace(credentials: Credentials, org: str, random: Random, plan: Round) -> Generator[Call, Reply, Call]:
    """A workspace from its making to running; the call that asks for its state comes back."""
    workspace = str(uuid.UUID(int=random.getrandbits(128), version=4))
    body = {"org_id": org, "workspace_id": workspace, "runtime": "r", "tier": 2, "env": {"LOG_LEVEL": "info"}}
    headers = (*credentials.tenant(), ("Content-Type", "application/json"))
    _, made = yield Call("POST", "/cp/workspaces/provision", headers, json.dumps(body).encode())
    query = f"?instance_id={made['instance_id']}"
    asked = Call("GET", f"/cp/workspaces/{workspace}/status{query}", credentials.tenant())
    yield from poll(asked, random, "running")
    if plan.console:
        yield Call("GET", f"/cp/admin/workspaces/{workspace}/console", credentials.tenant())
    return asked


def tenant(account: TenantAccount, credentials: Credentials, random: Random, plans: Sequence[Round]) -> Story:
    headers = (("Authorization", f"Bearer {credentials.admin}"), ("X-Molecule-Org-Id", account.org_id))
    for _ in range(1 + random.randrange(2)):
        _, config = yield Call("GET", "/cp/tenants/config", headers)
        credentials = replace(credentials, secret=config["MOLECULE_CP_SHARED_SECRET"])
    for plan in plans:
        asked = yield from run_workspace(credentials, account.org_id, random, plan)
        yield Call("DELETE", asked.target.replace("/status", ""), credentials.tenant())
        for _ in range(1 + random.randrange(2)):
            yield asked


def operator(account: TenantAccount, credentials: Credentials, random: Random, plans: Sequence[Round]) -> Story:
    del account
    headers = (("Authorization", f"Bearer {credentials.operator}"), ("Content-Type", "application/json"))
    listed = Call("GET", "/cp/admin/orgs", headers)
    for plan in plans:
        slug = f"e2e-20260105-{random.getrandbits(32):08x}"
        yield listed
        body = {"slug": slug, "name": f"E2E {slug}", "owner_user_id": "suite"}
        _, made = yield Call("POST", "/cp/admin/orgs", headers, json.dumps(body).encode())
        state = ""
        while state != "running":
            _, document = yield listed
            state = next((org["instance_status"] for org in document["orgs"] if org["slug"] == slug), "absent")
            assert state != "absent", slug
        _, token = yield Call("GET", f"/cp/admin/orgs/{slug}/admin-token", headers)
        own = replace(credentials, admin=token["admin_token"])
        asked = yield from run_workspace(own, made["id"], random, plan)
        yield Call("DELETE", f"/cp/admin/tenants/{slug}", headers, json.dumps({"confirm": slug}).encode())
        for _ in range(1 + random.randrange(2)):
            yield listed
        yield asked


KINDS = {"alpha": (tenant, ALPHA), "beta": (tenant, BETA), "op-1": (operator, ALPHA), "op-2": (operator, ALPHA)}
OPERATORS = ("op-1", "op-2")


@dataclass
class Tale:
    """What is told: who takes part, and what each does in its rounds."""

    plans: dict[str, tuple[Round, ...]]

    def start(self, who: str, credentials: Credentials, random: Random) -> Story:
        story, account = KINDS[who]
        return story(account, credentials, random, self.plans[who])


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
        clock=lambda: now[0],
        random=Random(random.random()),
        url=URL,
        ready_after=READY_AFTER,
        console_lines=1,
        more_operators=[f"sham-{who}" for who in OPERATORS],
    )
    recording = Recording(Recorded("2026-11-23T10:00:00Z", URL), RouteTable(ROUTES), Redactor())
    accounts = {account.slug: account for account in TENANTS}
    free: dict[str, float] = {}
    stories: dict[str, Story] = {}
    asked: dict[str, Call] = {}
    for who in tale.plans:
        account = accounts.get(who, ALPHA)
        credentials = Credentials(account.admin_token, plane.shared_secret, f"sham-{who}")
        stories[who] = tale.start(who, credentials, Random(f"{random.random()}/{who}"))
        asked[who] = next(stories[who])
        free[who] = BEGAN + random.random() if at_once else BEGAN
    taken: list[tuple[float, float, Call, Any]] = []
    order = list(tale.plans)
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


@dataclass(frozen=True)
class Setting:
    """In what a replay differs from others of one tale: what its actors show, whence, and whether they are alone."""

    equal_tokens: bool
    own_addresses: bool
    own_sessions: bool

    def credentials(self, who: str) -> Credentials:
        own = "dummy" if self.equal_tokens else f"of-{who}"
        return Credentials(f"admin-{own}", f"secret-{own}", f"operator-{own}")


@dataclass
class Retelling:
    """A tale told again to a replay, one call of any actor at a time, each answer judged by what the plane would say.

    `doubts` counts answers that were said to be undetermined; `excused` those that were wrong or missing, which a doubt
    or a remark of `lint` had announced. Any other that is wrong raises AssertionError. `forged` counts calls with an id
    that the plane had not made, or had made for another thing: none of them may be told anything, or move anything.
    """

    tale: Tale
    tape: Tape
    random: Random
    setting: Setting
    replay: Replay = field(init=False)
    stories: dict[str, Story] = field(default_factory=dict)
    oracles: dict[str, Oracle] = field(default_factory=dict)
    asked: dict[str, Call] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    calls: int = 0
    doubts: int = 0
    excused: int = 0
    forged: int = 0
    _turns: dict[tuple[str, Call], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.replay = Replay([self.tape], RouteTable(ROUTES))
        for who in self.tale.plans:
            credentials = self.setting.credentials(who)
            oracle = self.oracles[who] = Oracle(KINDS[who][1], who, FRONT.url)
            oracle.show(admin=credentials.admin, secret=credentials.secret, operator=credentials.operator)
            self.stories[who] = self.tale.start(who, credentials, Random(f"{self.random.random()}/{who}"))
            self.asked[who] = next(self.stories[who])

    def advance(self, who: str) -> None:
        """One call of an actor."""
        call = self.asked[who]
        self._forge(who, call)
        decision = self._ask(who, call)
        self.calls += 1
        reply: Reply | None = None
        match decision:
            case Serve():
                reply = _read(decision)
                self.doubts += bool(decision.doubt)
                said = f"{decision.entry.id} {decision.doubt}"
            case Refuse():
                said = decision.reason
        wrong = self.oracles[who].judge(call, reply)
        self.log.append(
            f"{who}: {call.method} {call.target} {call.body.decode()} -> {str(reply)[-200:]} {said} {wrong and '!'}"
        )
        if wrong:
            assert self._is_announced(decision), "\n".join([*self.log, wrong])
            self.excused += 1
        turns = self._turns[who, call] = self._turns.get((who, call), 0) + 1
        assert turns < 30, "\n".join([*self.log, "it never ends"])
        if reply is None or (wrong and call.method != "GET"):
            if reply is not None or "console" not in call.target:
                del self.stories[who]  # a script would end here, too
                return
            reply = (421, None)
        try:
            self.asked[who] = self.stories[who].send(reply)
        except StopIteration:
            del self.stories[who]

    def _ask(self, who: str, call: Call) -> Serve | Refuse:
        client = f"10.0.0.{1 + list(self.tale.plans).index(who)}" if self.setting.own_addresses else "10.0.0.1"
        request = Request(call.method, call.target, _wire(call.headers), call.body, client)
        return self.replay.decide(request, who if self.setting.own_sessions else "default", "", FRONT)

    def _forge(self, who: str, call: Call) -> None:
        """Now and then asks the same with an id that is made up, or stale, in the place of one that was handed out."""
        things = [one for one in self.oracles[who].things if _MADE.fullmatch(one)]
        named = [one for one in things if one in call.target or one in call.body.decode()]
        if not named or self.random.random() < 0.7:
            return
        right = self.random.choice(named)
        made_up = f"i-{self.random.getrandbits(68):017x}" if right.startswith("i-") else str(uuid.UUID(int=self.calls))
        wrong = self.random.choice(
            [made_up, "nonsense", *(one for one in things if one != right and len(one) == len(right))]
        )
        body = call.body.decode().replace(right, wrong).encode()
        decision = self._ask(who, Call(call.method, call.target.replace(right, wrong), call.headers, body))
        self.log.append(f"{who}: {call.method} {call.target} {call.body.decode()} with {wrong} for {right}")
        told = _read(decision) if isinstance(decision, Serve) else (421, None)
        assert told[0] in {404, 421}, "\n".join([*self.log, str(told)])
        self.forged += 1

    def _is_announced(self, decision: Serve | Refuse) -> bool:
        """Whether a doubt, the miss itself or lint has said that just this may be wrong."""
        match decision:
            case Refuse():
                return "was bound by arrival" in decision.reason
            case Serve() if decision.doubt:
                return True
            case Serve():
                return self._is_linted(decision)

    def _is_linted(self, serve: Serve) -> bool:
        """Whether a remark is about just this read, or names a write that made what it is about, or this write."""
        line = serve.entry.line
        first = line.entries[0] if line is not None else serve.entry
        ground = survey(self.replay.library, self.tape.name)
        made = {serve.entry.id, *(one.id for one in self._makers(serve))}
        return any(
            remark.path == ground.where(first) and not serve.entry.write
            if "nothing tells it from" not in remark.text
            else not made.isdisjoint({*_WORD.findall(remark.text), _id_of(remark, ground)})
            for remark in find_ambiguities(ground)
        )

    def _makers(self, serve: Serve) -> Iterator[Entry]:
        """The writes that made what an answer is asked about."""
        line = serve.entry.line
        if line is None:
            return
        for slot in line.slots:
            if (maker := line.world.creators.get(slot.identity)) is not None:
                yield maker

    def finish(self) -> None:
        """Every call that is left, in any order."""
        while self.stories:
            self.advance(self.random.choice(sorted(self.stories)))


def _id_of(remark: Remark, ground: Ground) -> str:
    return ground.world.entries[int(remark.path.partition("[")[2].partition("]")[0])].id


def _read(serve: Serve) -> Reply:
    answer = serve.answer(None)
    serve.settle(delivered=True)
    coded = (b"Content-Encoding", b"gzip") in answer.headers
    body = gzip.decompress(answer.body) if coded else answer.body
    return answer.status, json.loads(body) if body else None


def make_tale(random: Random) -> Tale:
    cast = random.sample(sorted(KINDS), random.randrange(1, len(KINDS) + 1))
    return Tale({who: tuple(_make_round(random) for _ in range(random.randrange(1, 3))) for who in cast})


def _make_round(random: Random) -> Round:
    return Round(console=random.random() < 0.7)


def make_setting(random: Random) -> Setting:
    return Setting(*(random.random() < 0.5 for _ in range(3)))


def retell(seed: int) -> Retelling:
    """A random tale, recorded and told again to its end."""
    random = Random(seed)
    tale = make_tale(random)
    tape = record(tale, random, at_once=random.random() < 0.5)
    retelling = Retelling(tale, tape, random, make_setting(random))
    retelling.finish()
    return retelling
