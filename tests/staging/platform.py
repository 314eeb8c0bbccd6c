"""A tenant as a service: `python -m tests.staging.platform SLUG`, with the tenant's variables in its environment.

It boots as the tenant platform does (whatever the control plane answers, the boot goes on), then takes calls on a port:

    GET /health                       200, and whether the refresh at boot went through
    GET /session                      whether the user of this `Cookie` is a member; `null` if nobody was asked
    POST /workspaces                  201 and the workspace; 502 with the client's log line in `error`
    GET /workspaces/ID                `{"running": …}`, as the platform believes it
    GET /workspaces/ID/console        `{"output": …}`
    POST /workspaces/ID/a2a           `{"message": "pong"}` from a workspace that runs; 409 from one that does not
    DELETE /workspaces/ID             204

`/cp/auth/ /cp/orgs /cp/billing/ /cp/templates /cp/legal/` go to the control plane if `CP_UPSTREAM_URL` is set; every
other path is a 404. Nothing but the standard library is imported, so that any image with a Python can be a tenant.
"""

# ruff: noqa: T201 - a service's log is its output

import json
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, override

from tests.staging.exchange import TransportError, send
from tests.staging.tenant import CallFailedError, Provisioned, Tenant

PORT = 8080
MOUNTED = ("/cp/auth/", "/cp/orgs", "/cp/billing/", "/cp/templates", "/cp/legal/")

type Answer = tuple[int, dict[str, Any] | None]


class Platform:
    """The state of one tenant; its calls come one at a time."""

    def __init__(self, slug: str, environment: dict[str, str]) -> None:
        self.slug = slug
        self.tenant = Tenant(environment, log=_log)
        self.refreshed = False
        self.workspaces: dict[str, Provisioned] = {}
        self._turn = threading.Lock()

    def boot(self) -> None:
        self.refreshed = self.tenant.boot()

    def show_watched(self) -> None:
        """Call `CANARY_URL`, if it is set: it shows the trap that calls from here end there."""
        url = self.tenant.environment.get("CANARY_URL", "")
        try:
            reply = send(self.tenant.environment, "GET", url, timeout=10) if url else None
        except TransportError as error:
            _log(f"canary: {error}")
            return
        if reply:
            _log("canary: caught" if b'"canary"' in reply.body else f"canary: not caught ({reply.status})")

    def answer(self, method: str, path: str, cookie: str) -> Answer:
        """Status and JSON body of one call."""
        with self._turn:
            try:
                return self._answer(method, path, cookie)
            except (CallFailedError, TransportError) as error:
                _log(str(error))
                return 502, {"error": str(error)}

    def _answer(self, method: str, path: str, cookie: str) -> Answer:
        match method, path.strip("/").split("/"):
            case "GET", ["health"]:
                return 200, {"status": "ok", "refreshed": self.refreshed}
            case "GET", ["session"]:
                return 200, {"member": self.tenant.is_member(cookie, self.slug)}
            case "POST", ["workspaces"]:
                made = self.tenant.provision()
                self.workspaces[made.workspace_id] = made
                return 201, {"workspace_id": made.workspace_id, "instance_id": made.instance_id, "state": made.state}
            case _, ["workspaces", name, *rest] if name in self.workspaces:
                return self._answer_about(self.workspaces[name], method, rest)
            case _:
                return 404, {"error": "no such path"}

    def _answer_about(self, made: Provisioned, method: str, rest: list[str]) -> Answer:
        match method, rest:
            case "GET", []:
                return 200, {"running": self.tenant.is_running(made)}
            case "GET", ["console"]:
                return 200, {"output": self.tenant.read_console(made)}
            case "POST", ["a2a"]:
                if self.tenant.is_running(made):
                    return 200, {"message": "pong"}
                return 409, {"error": f"workspace {made.workspace_id} is not running"}
            case "DELETE", []:
                self.tenant.deprovision(made)
                return 204, None
            case _:
                return 404, {"error": "no such path"}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    platform: Platform

    def do_GET(self) -> None:
        self._take()

    def do_POST(self) -> None:
        self._take()

    def do_DELETE(self) -> None:
        self._take()

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Nothing: its log holds what it asked the control plane, not what it was asked."""

    def _take(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.startswith(MOUNTED) and self.platform.tenant.session_url:
            self._pass_on(self.platform.tenant.session_url, body)
            return
        status, document = self.platform.answer(
            self.command, self.path.partition("?")[0], self.headers.get("Cookie") or ""
        )
        self._send(status, "application/json", b"" if document is None else json.dumps(document).encode() + b"\n")

    def _pass_on(self, base: str, body: bytes) -> None:
        """What a browser asks of the control plane, with its cookie."""
        wanted = ("authorization", "content-type", "cookie")
        headers = [(name, value) for name, value in self.headers.items() if name.lower() in wanted]
        try:
            reply = send(
                self.platform.tenant.environment, self.command, f"{base}{self.path}", headers=headers, body=body
            )
        except TransportError as error:
            self._send(502, "text/plain", f"{error}\n".encode())
            return
        kinds = [value for name, value in reply.headers if name.lower() == "content-type"]
        self._send(reply.status, kinds[0] if kinds else "application/octet-stream", reply.body)

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def make_server(platform: Platform, host: str = "", port: int = PORT) -> ThreadingHTTPServer:
    """A server that answers for a platform once somebody calls its `serve_forever`; port 0 picks a free one."""
    handler = type("Handler", (_Handler,), {"platform": platform})
    return ThreadingHTTPServer((host, port), handler)


def _log(line: str) -> None:
    print(line, flush=True)


def main() -> None:
    # As the first process of a container it would not hear of SIGTERM otherwise.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    platform = Platform(sys.argv[1], dict(os.environ))
    platform.show_watched()
    platform.boot()
    with make_server(platform) as server:
        print(f"tenant-{platform.slug}: listening on :{PORT}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
