"""The servers beside cpproxy, each given the same exchanges in its own format and the settings that suit it best.

That is: no access log, no journal of calls, keep-alive, a Content-Length in place of chunks. cpproxy has its ledger on.
talkback, mountebank and WireMock come from npm, into a cache folder of the user; nginx and Java from the system.
"""

import json
import sys
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.servers import Launch, find_free_port
from tests.bench.tools import Tools
from tests.bench.workload import HOST, JSON_TYPE, Exchange, build_exchanges

PLAIN = "plain aiohttp application"
CONSTANT = build_exchanges(1)[0].answer.decode()

TALKBACK = """\
const talkback = require(process.argv[2]);
const options = {
  host: "http://127.0.0.1:1", port: Number(process.argv[3]), path: process.argv[4] + "/",
  record: talkback.Options.RecordMode.DISABLED, allowHeaders: ["content-type"], silent: true, summary: false,
};
talkback(options).start();
"""

NGINX = """\
daemon off;
worker_processes 1;
pid nginx.pid;
error_log error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path client;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  default_type {media_type};
  server {{
    listen {host}:{port};
    location / {{ return 200 '{body}'; }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Peer:
    """A server beside cpproxy. `prepare` writes its files into a folder and says how to start it.

    `missing` is the one line for a reader where it cannot run here; `constant` servers answer any call alike.
    """

    name: str
    prepare: Callable[[tuple[Exchange, ...], Path], Launch]
    missing: str = ""
    constant: bool = False
    needs_warming: bool = False


def list_peers(tools: Tools) -> tuple[Peer, ...]:
    """All servers beside cpproxy, the ones that cannot run here too."""
    no_node = "" if tools.modules is not None else "left out: install Node.js and npm (Debian: nodejs, npm)"
    no_java = no_node or ("" if tools.java is not None else "left out: install a JRE (Debian: default-jre-headless)")
    no_nginx = "" if tools.nginx is not None else "left out: install nginx"

    def wiremock(exchanges: tuple[Exchange, ...], folder: Path) -> Launch:
        return prepare_wiremock(tools, exchanges, folder)

    return (
        Peer(PLAIN, lambda _, folder: prepare_plain(folder), constant=True),
        Peer("nginx, constant", lambda _, folder: prepare_nginx(tools, folder), no_nginx, constant=True),
        Peer("talkback", lambda exchanges, folder: _prepare_talkback(tools, exchanges, folder), no_node),
        Peer("mountebank", lambda exchanges, folder: _prepare_mountebank(tools, exchanges, folder), no_node),
        Peer("WireMock", wiremock, no_java, needs_warming=True),
    )


def prepare_plain(folder: Path) -> Launch:
    """The plain application, answering a constant."""
    port = find_free_port()
    program = Path(__file__).with_name("plain.py")
    return Launch(PLAIN, (sys.executable, str(program), str(port), CONSTANT), port, folder)


def prepare_nginx(tools: Tools, folder: Path) -> Launch:
    """nginx with one worker, answering a constant."""
    port = find_free_port()
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(host=HOST, port=port, media_type=JSON_TYPE, body=CONSTANT), "utf-8")
    command = (str(tools.nginx), "-e", "error.log", "-p", str(folder), "-c", str(config))
    return Launch("nginx, constant", command, port, folder)


def _prepare_talkback(tools: Tools, exchanges: tuple[Exchange, ...], folder: Path) -> Launch:
    tapes = folder / "tapes"
    tapes.mkdir()
    for number, exchange in enumerate(exchanges):
        (tapes / f"{number:05}.json5").write_text(json.dumps(_build_tape(exchange)), "utf-8")
    program = folder / "server.cjs"
    program.write_text(TALKBACK, "utf-8")
    port = find_free_port()
    command = (str(tools.node), str(program), str(tools.find_package("talkback")), str(port), str(tapes))
    return Launch("talkback", command, port, folder)


def _build_tape(exchange: Exchange) -> dict[str, Any]:
    body = exchange.body or b""
    headers = {"content-type": JSON_TYPE} if body else {}
    return {
        "meta": {"createdAt": "2026-01-01T00:00:00.000Z", "host": "http://127.0.0.1:1"},
        "req": {
            "url": exchange.target,
            "method": exchange.method,
            "headers": headers,
            "body": b64encode(body).decode(),
        },
        "res": {
            "status": 200,
            "headers": {name: [value] for name, value in _answer_headers(exchange).items()},
            "body": b64encode(exchange.answer).decode(),
        },
    }


def _prepare_mountebank(tools: Tools, exchanges: tuple[Exchange, ...], folder: Path) -> Launch:
    port = find_free_port()
    stubs = [_build_stub(exchange) for exchange in exchanges]
    imposter = {"port": port, "protocol": "http", "defaultResponse": {"statusCode": 404}, "stubs": stubs}
    config = folder / "imposters.json"
    config.write_text(json.dumps({"imposters": [imposter]}), "utf-8")
    command = (
        *(str(tools.node), str(tools.find_package("mountebank") / "bin" / "mb"), "start"),
        *("--port", str(find_free_port()), "--host", HOST, "--configfile", str(config), "--noParse"),
        *("--nologfile", "--loglevel", "error", "--pidfile", str(folder / "mb.pid")),
    )
    return Launch("mountebank", command, port, folder)


def _build_stub(exchange: Exchange) -> dict[str, Any]:
    path, _, query = exchange.target.partition("?")
    wanted: dict[str, Any] = {"method": exchange.method, "path": path}
    if query:
        wanted["query"] = dict(pair.split("=") for pair in query.split("&"))
    if exchange.body is not None:
        wanted["body"] = exchange.body.decode()
    headers = _answer_headers(exchange) | {"Connection": "keep-alive"}  # its own default is to close
    answer = {"statusCode": 200, "headers": headers, "body": exchange.answer.decode()}
    return {"predicates": [{"equals": wanted, "caseSensitive": True}], "responses": [{"is": answer}]}


def prepare_wiremock(
    tools: Tools,
    exchanges: tuple[Exchange, ...],
    folder: Path,
    *,
    options: tuple[str, ...] = ("--no-request-journal",),
) -> Launch:
    """WireMock with one mapping an exchange; its journal is its memory of calls, which its recorder needs."""
    mappings = folder / "mappings"
    mappings.mkdir()
    if exchanges:
        document = {"mappings": [_build_mapping(exchange) for exchange in exchanges]}
        (mappings / "all.json").write_text(json.dumps(document), "utf-8")
    port = find_free_port()
    command = (
        *(str(tools.java), "-jar", str(tools.find_wiremock_jar()), "--port", str(port), "--bind-address", HOST),
        *("--root-dir", str(folder), "--disable-banner", "--disable-request-logging"),
        *("--disable-gzip", "--disable-response-templating"),
        *options,
    )
    return Launch("WireMock", command, port, folder)


def _build_mapping(exchange: Exchange) -> dict[str, Any]:
    request: dict[str, Any] = {"method": exchange.method, "url": exchange.target}
    if exchange.body is not None:
        request["bodyPatterns"] = [{"equalToJson": exchange.body.decode()}]
    answer = {"status": 200, "headers": _answer_headers(exchange), "body": exchange.answer.decode()}
    return {"request": request, "response": answer}


def _answer_headers(exchange: Exchange) -> dict[str, str]:
    return {"Content-Type": JSON_TYPE, "Content-Length": str(len(exchange.answer))}
