"""The one set of interactions that every server of a benchmark answers from, and the calls that ask for it.

Half are GETs with a query, half are POSTs whose JSON body alone tells them from up to 49 others on the same path.
Bodies and answers are about 300 bytes of JSON.
"""

import json
import random
import uuid
from dataclasses import dataclass, replace
from pathlib import Path

JSON_TYPE = "application/json"
HOST = "127.0.0.1"

_REPORT = (
    "done = function(summary, latency, requests)",
    "  local errors = summary.errors",
    "  io.write(string.format(",
    """    '\\n{"requests":%d,"microseconds":%d,"refused":%d,"broken":%d,"timeouts":%d,"p99":%d}\\n',""",
    "    summary.requests, summary.duration, errors.status, errors.connect + errors.read + errors.write,",
    "    errors.timeout, latency:percentile(99)))",
    "end",
)
"""What prints one line of JSON when a script of wrk ends."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call and its answer; `body` is None for a GET."""

    method: str
    target: str
    body: bytes | None
    answer: bytes


def build_exchanges(count: int) -> tuple[Exchange, ...]:
    """`count` different exchanges, the same in every run."""
    return tuple(_build_post(number) if number % 2 else _build_get(number) for number in range(count))


def name_items(exchanges: tuple[Exchange, ...], space: uuid.UUID) -> tuple[Exchange, ...]:
    """The exchanges with a UUID in the place of each item's name, other ones for each `space`."""
    named = []
    for number, exchange in enumerate(exchanges):
        old, new = f"item-{number:05}", str(uuid.uuid5(space, str(number)))
        body = None if exchange.body is None else exchange.body.replace(old.encode(), new.encode())
        answer = exchange.answer.replace(old.encode(), new.encode())
        named.append(replace(exchange, target=exchange.target.replace(old, new), body=body, answer=answer))
    return tuple(named)


def _build_get(number: int) -> Exchange:
    target = f"/bench/items/item-{number:05}?page={number % 7}&view=full"
    return Exchange("GET", target, None, _build_json(number, "running"))


def _build_post(number: int) -> Exchange:
    target = f"/bench/groups/group-{number // 100:03}/items"
    return Exchange("POST", target, _build_json(number, "wanted"), _build_json(number, "accepted"))


def _build_json(number: int, state: str) -> bytes:
    document = {
        "item": f"item-{number:05}",
        "state": state,
        "size": {"cpu": number % 8 + 1, "memory_mb": 512 * (number % 16 + 1)},
        "labels": ["bench", f"shard-{number % 13}", "region-eu-central"],
        "enabled": number % 3 == 0,
        "parent": None,
        "note": f"interaction {number} of a set that every server answers from, alike".ljust(100, "."),
    }
    return json.dumps(document, separators=(",", ":")).encode()


def write_wrk_script(path: Path, exchanges: tuple[Exchange, ...]) -> None:
    """A Lua script for wrk that asks for all exchanges in turn, in a shuffled order, and ends with one line of JSON.

    Shuffled, because a server that searches from the front would otherwise be asked for its first ones alone in a short
    round. The requests are formatted once, so that wrk itself is never the slowest part.
    """
    shuffled = list(exchanges)
    random.Random(len(shuffled)).shuffle(shuffled)
    lines = ["local requests = {}", "init = function(args)"]
    lines += [f"  requests[{place}] = {_as_lua(exchange)}" for place, exchange in enumerate(shuffled, 1)]
    lines += [
        "end",
        "local at = 0",
        "request = function()",
        f"  at = at % {len(shuffled)} + 1",
        "  return requests[at]",
        "end",
        *_REPORT,
    ]
    path.write_text("\n".join(lines) + "\n", "utf-8")


def _as_lua(exchange: Exchange) -> str:
    if exchange.body is None:
        return f"wrk.format('{exchange.method}', '{exchange.target}')"
    headers = f"{{['Content-Type'] = '{JSON_TYPE}'}}"
    return f"wrk.format('{exchange.method}', '{exchange.target}', {headers}, [==[{exchange.body.decode()}]==])"


def write_fresh_wrk_script(path: Path, target: str, tenant: str) -> None:
    """A Lua script for wrk as `write_wrk_script` makes it, but that no call comes twice: each has an id in its query.

    Each has a bearer token and a session cookie, too: of its own, or of a `tenant`, an expression in `at`, the number
    of the call from 1 on; the tenant is the end of its path then. Half are POSTs with a small body.
    """
    lines = [
        "local function chance(count)",
        "  local made = {}",
        "  for at = 1, count do made[at] = string.format('%08x', math.random(0, 4294967295)) end",
        "  return table.concat(made)",
        "end",
        "init = function(args) math.randomseed(tonumber(tostring({}):sub(8), 16) + os.time()) end",
        "local at, kept = 0, {}",
        "request = function()",
        "  at = at + 1",
        f"  local target, tenant = '{target}', {tenant or 'nil'}",
        "  local bearer, session = chance(5), chance(4)",
        "  if tenant then",
        "    target = target .. '/' .. tenant",
        "    kept[tenant] = kept[tenant] or {bearer, session}",
        "    bearer, session = kept[tenant][1], kept[tenant][2]",
        "  end",
        "  local headers = {Authorization = 'Bearer ' .. bearer, Cookie = 'session=' .. session}",
        "  target = target .. '?item=item-' .. at",
        "  if at % 2 == 0 then return wrk.format('GET', target, headers) end",
        f"  headers['Content-Type'] = '{JSON_TYPE}'",
        """  local body = '{"item":"item-' .. at .. '","state":"wanted","labels":["bench"],"enabled":true}'""",
        "  return wrk.format('POST', target, headers, body)",
        "end",
        *_REPORT,
    ]
    path.write_text("\n".join(lines) + "\n", "utf-8")
