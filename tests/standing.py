"""A replaying proxy in the test's own event loop: the real front, cassettes, journal, desk and admin paths."""

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from msgspec import Raw

from cpproxy.cli.desk import Desk
from cpproxy.cli.options import Settings
from cpproxy.cli.proxy import Proxy
from cpproxy.core.cassette import VERSION, Body, CassetteOf, Interaction, Recorded, RecordedRequest, RecordedResponse
from cpproxy.core.config import Config
from cpproxy.core.redaction.redactor import Redactor
from cpproxy.core.replay.decisions import Replay
from cpproxy.core.routes import RouteTable
from cpproxy.core.runs import Mode, Served
from cpproxy.files import cassettes
from cpproxy.front.admin import Admin
from cpproxy.front.replay import Replayer
from cpproxy.front.server import Front
from tests import vouch
from tests.processes import finish

CONFIG: dict[str, Any] = {
    "cp": {"front_url": "http://cp:9090"},
    "routes": [
        {"name": "provision", "match": "POST /provision", "counter": "provision_calls", "env": ["CP_PROVISION_URL"]},
        {"name": "config", "match": "GET /config", "counter": "config_calls"},
    ],
    "state": {"path": "/__stub/state"},
}


def interaction(name: str, method: str, target: str, body: str | None = None, *, status: int = 200) -> Interaction:
    """A recorded call that was answered with `{"ok":true}`."""
    asked = RecordedRequest(method, target)
    if body is not None:
        asked = RecordedRequest(method, target, (("Content-Type", "application/json"),), Body(json=Raw(body.encode())))
    headers = (("Content-Type", "application/json"), ("Content-Length", "11"))
    answered = RecordedResponse(status, "OK", headers, Body(json=Raw(b'{"ok":true}')))
    return Interaction(name, 0.0, 0.1, asked, answered)


BOOT = (
    interaction("0001", "GET", "/config"),
    interaction("0002", "POST", "/provision", '{"org_id":"org-alpha"}', status=201),
)
CANARY = (interaction("0001", "GET", "/health"),)


def write_cassette(folder: Path, name: str, interactions: Sequence[Interaction]) -> None:
    recorded = Recorded("2026-11-23T04:20:54Z", "https://cp.example")
    cassettes.write(folder, name, vouch.cassette(CassetteOf(VERSION, recorded, tuple(interactions))))


class Standing:
    """The proxy: `url` is its address, `desk` what it knows."""

    def __init__(self, settings: Settings, desk: Desk, url: str, client: aiohttp.ClientSession) -> None:
        self.settings = settings
        self.desk = desk
        self.url = url
        self._client = client

    async def call(self, method: str, path: str, **more: Any) -> tuple[int, Any]:
        """Status and JSON of an answer, None for one without a body."""
        async with self._client.request(method, self.url + path, **more) as response:
            body = await response.read()
            return response.status, msgspec.json.decode(body) if body else None

    async def admin(self, method: str, path: str, **more: Any) -> tuple[int, Any]:
        return await self.call(method, f"/__cpproxy/{path}", **more)

    async def provision(self, org: str = "org-alpha") -> int:
        status, _ = await self.call("POST", "/provision", json={"org_id": org})
        return status

    async def run(self, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
        """`cpproxy ARGUMENTS` with this proxy's cassettes and ledger."""
        where = ["--cassettes", str(self.settings.cassettes), "--ledger", self.settings.ledger]
        own, *rest = arguments
        return await asyncio.to_thread(finish, [own, *where, *rest], **more)


@contextlib.asynccontextmanager
async def standing(
    folder: Path,
    *,
    config: dict[str, Any] | None = None,
    chosen: Sequence[str] = (),
    more: Sequence[Interaction] = (),
    grace: float = 60.0,
) -> AsyncIterator[Standing]:
    """A proxy that replays `harness/boot`, `harness/canary` and `more`, pauses too, until the block is left.

    `grace` is how long a session that is being closed waits for its calls.
    """
    settings = Settings(
        cassettes=folder / "cassettes",
        ledger=str(folder / "ledger.db"),
        config=msgspec.convert(CONFIG | (config or {}), Config),
        config_path=None,
        verbosity=0,
        redactor=Redactor(),
    )
    write_cassette(settings.cassettes, "harness/boot", BOOT)
    write_cassette(settings.cassettes, "harness/canary", CANARY)
    if more:
        write_cassette(settings.cassettes, "more", more)
    loaded = [cassettes.load(settings.cassettes, name) for name in cassettes.choose(settings.cassettes, tuple(chosen))]
    replay = Replay(loaded, RouteTable(settings.config.routes))
    desk = Desk(
        settings,
        mode=Mode.REPLAY,
        cassettes=[
            Served(one.name, one.sha256, len(one.head.interactions), chosen=one.name in chosen) for one in loaded
        ],
        sources=replay.tapes,
        replay=replay,
        grace=grace,
    )
    mode = Replayer(replay, latency=True, limit=settings.config.record.body_limit)
    proxy = Proxy(Front(mode, desk.tally, Admin(desk), settings.redactor, state_path=settings.config.state.path), desk)
    url = await proxy.start("127.0.0.1", 0)
    try:
        async with aiohttp.ClientSession() as client:
            yield Standing(settings, desk, url, client)
    finally:
        await proxy.stop(10)
        desk.end()
