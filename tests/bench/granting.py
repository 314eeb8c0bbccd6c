"""An upstream that hands out secrets: each answer has other ones. Run as a program: `python granting.py PORT`.

The path says what is answered: `/grant` what was made and its token, about 400 bytes, `/config/SIZE` settings of about
that many bytes, some of them secrets, `/config/SIZE/TENANT` those of a tenant, which stay. A bare protocol, so that it
is never the slowest part.
"""

import asyncio
import json
import random
import sys
import uuid
from collections.abc import Iterator
from typing import Any

SECRETS = {
    "DATABASE_URL": "postgresql://tenant:{}@db.internal.example:5432/tenant",
    "MOLECULE_CP_SHARED_SECRET": "{}",
    "STRIPE_SECRET_KEY": "sk_live_{}",
    "ADMIN_TOKEN": "{}",
    "WEBHOOK_SIGNING_KEY": "whsec_{}",
}
"""What of the settings is secret, and how it is written."""

_HOLE = "\x01"


class Grants:
    """Makes the answers."""

    def __init__(self) -> None:
        self._chance = random.Random()
        self._templates: dict[int, list[bytes]] = {}
        self._tenants: dict[tuple[int, str], bytes] = {}

    def answer(self, path: str) -> bytes:
        """The body for a path."""
        _, kind, *rest = path.partition("?")[0].split("/")
        if kind != "config":
            return self._grant()
        size = int(rest[0])
        if len(rest) == 1:
            return self._make_settings(size)
        tenant = size, rest[1]
        if tenant not in self._tenants:
            self._tenants[tenant] = self._make_settings(size)
        return self._tenants[tenant]

    def _make_settings(self, size: int) -> bytes:
        template = self._templates.get(size)
        if template is None:
            template = self._templates[size] = make_settings(size).split(_HOLE.encode())
        made = [template[0]]
        for piece in template[1:]:
            made += (self._token().encode(), piece)
        return b"".join(made)

    def _grant(self) -> bytes:
        instance = f"i-{self._chance.getrandbits(68):017x}"
        workspace = uuid.UUID(int=self._chance.getrandbits(128), version=4)
        return (
            f'{{"workspace_id":"{workspace}","instance_id":"{instance}","state":"running","admin_token":"{self._token()}",'
            f'"private_ip":"10.0.{self._chance.randrange(256)}.{self._chance.randrange(256)}",'
            '"region":"eu-central-1","labels":["bench","region-eu-central"],"error":null,"enabled":true,'
            f'"note":"{"an answer like those of the control plane".ljust(100, ".")}"}}'
        ).encode()

    def _token(self) -> str:
        return f"{self._chance.getrandbits(160):040x}"


def make_settings(size: int) -> bytes:
    """JSON of about that many bytes, with a hole in the place of each secret."""
    document: dict[str, Any] = {
        "env": {name: form.format(_HOLE) for name, form in SECRETS.items()},
        "services": [],
    }
    chance = random.Random(size)
    services = _make_services(chance)
    while len(json.dumps(document)) < size:
        document["services"].append(next(services))
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).replace("\\u0001", _HOLE).encode()


def _make_services(chance: random.Random) -> Iterator[dict[str, Any]]:
    number = 0
    while True:
        number += 1
        yield {
            "id": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
            "name": f"service-{number:03}",
            "image": f"registry.example/team/service-{number:03}@sha256:{chance.getrandbits(256):064x}",
            "url": f"https://service-{number:03}.internal.example/api/v{number % 3}/items?page={number}&view=full",
            "env": {
                "LOG_LEVEL": "info",
                "MAX_TOKENS": str(number * 100),
                "GREETING": 'says "hello"\nand goes on',
                "CACHE_DIR": f"/var/cache/service-{number:03}/data",
            },
            "replicas": number % 5,
            "limits": {"cpu": number % 8 + 1, "memory_mb": 512 * (number % 16 + 1)},
            "enabled": number % 3 == 0,
            "parent": None,
            "updated_at": f"2026-01-{number % 28 + 1:02}T12:34:56.{number:06}Z",
        }


class _Connection(asyncio.Protocol):
    def __init__(self, grants: Grants) -> None:
        self._grants = grants
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        while True:
            head, end, rest = self._data.partition(b"\r\n\r\n")
            if not end:
                return
            _, _, length = head.lower().partition(b"\r\ncontent-length:")
            size = int(length.partition(b"\r\n")[0] or 0)
            if len(rest) < size:
                return
            self._data = rest[size:]
            body = self._grants.answer(head.split(b" ", 2)[1].decode())
            self._transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
            )


async def main(port: int) -> None:
    """Serves until it is ended."""
    grants = Grants()
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(grants), "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
