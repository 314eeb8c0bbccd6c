"""What the control plane would have told an actor: a plane of the actor's own, asked all that the actor asks.

Nobody else's things are in it, and its clock is the actor's: it stands still until an answer shows that time went on.
"""

import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.staging import OPERATOR_TOKEN, TenantAccount
from tests.staging.plane import Call, Plane

READY_AFTER = 3.0
_MADE = frozenset({"id", "instance_id", "admin_token", "MOLECULE_CP_SHARED_SECRET"})
_THINGS = frozenset({"id", "instance_id"})
_DRAWN = frozenset({"created_at", "private_ip"})

type Reply = tuple[int, Any]


@dataclass
class Oracle:
    """One actor's plane. `names` are the plane's own words for what the actor was told, and for what it shows."""

    account: TenantAccount
    seed: str
    url: str
    names: dict[str, str] = field(default_factory=dict)
    things: dict[str, str] = field(default_factory=dict)
    now: float = 1_795_428_000.0
    slugs: set[str] = field(default_factory=set)
    admin: str = ""
    plane: Plane = field(init=False)

    def __post_init__(self) -> None:
        self.plane = Plane(
            clock=lambda: self.now, random=Random(self.seed), url=self.url, ready_after=READY_AFTER, console_lines=1
        )
        self.slugs.add(self.account.slug)

    def show(self, *, admin: str, secret: str, operator: str) -> None:
        """The credentials that the actor shows in the place of real ones."""
        self.admin = admin
        self.names |= {admin: self.account.admin_token, secret: self.plane.shared_secret, operator: OPERATOR_TOKEN}

    def judge(self, call: Call, told: Reply | None) -> str:
        """What is wrong with an answer, in words; nothing where the plane could have given it. None is no answer."""
        asked = self._translate(call)
        if call.body and call.target == "/cp/admin/orgs":
            self.slugs.add(json.loads(call.body)["slug"])
        answer = self.plane.answer(asked)
        status = int(answer.status)
        if told is None:
            self._learn(call, answer.json if answer.body else None)
            return f"none, for {status}"
        document = answer.json if answer.body else None
        wrong = self._compare(told, (status, document))
        if wrong and call.method == "GET":
            self.now += READY_AFTER + 1
            answer = self.plane.answer(asked)
            document = answer.json if answer.body else None
            wrong = self._compare(told, (int(answer.status), document)) and wrong
        self._learn(call, document)
        return wrong

    def _learn(self, call: Call, document: Any) -> None:
        """The token of an own org is shown as the actor shows tokens."""
        if call.target.endswith("/admin-token") and document:
            self.names[self.admin] = document["admin_token"]

    def _translate(self, call: Call) -> Call:
        return Call(
            call.method,
            self._rename(call.target),
            tuple((name, self._rename(value)) for name, value in call.headers),
            self._rename(call.body.decode()).encode(),
        )

    def _rename(self, text: str) -> str:
        for told, real in sorted(self.names.items(), key=lambda pair: -len(pair[0])):
            text = text.replace(told, real)
        return text

    def _compare(self, told: Reply, expected: Reply) -> str:
        if told[0] != expected[0]:
            return f"status {told[0]} for {expected[0]}"
        mine, theirs = self._own(told[1]), self._own(expected[1])
        names, things = dict(self.names), dict(self.things)
        self._name(mine, theirs)
        plain, real = _blank(json.loads(self._rename(json.dumps(mine)))), _blank(theirs)
        if plain == real and len(set(self.things.values())) == len(self.things):
            return ""
        self.names, self.things = names, things
        return f"{plain} for {real}"

    def _own(self, document: Any) -> Any:
        """As far as a document speaks of the actor's own things."""
        if isinstance(document, dict) and "orgs" in document:
            return {"orgs": [org for org in document["orgs"] if org["slug"] in self.slugs]}
        return document

    def _name(self, told: Any, real: Any) -> None:
        """Learns which of the plane's words stand for what was told in their place."""
        match told, real:
            case dict(), dict():
                for name in told.keys() & real.keys():
                    if name in _MADE and isinstance(told[name], str) and told[name] not in self.names:
                        self.names[told[name]] = real[name]
                        if name in _THINGS:
                            self.things[told[name]] = real[name]
                    self._name(told[name], real[name])
            case list(), list():
                for one, other in zip(told, real, strict=False):
                    self._name(one, other)
            case _:
                pass


def _blank(document: Any) -> Any:
    """A document without what the plane draws by chance."""
    match document:
        case dict():
            return {name: "drawn" if name in _DRAWN else _blank(value) for name, value in document.items()}
        case list():
            return [_blank(one) for one in document]
        case _:
            return document
