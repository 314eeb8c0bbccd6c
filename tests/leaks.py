"""Cassettes with secrets in them: kinds of secret, each where HTTP has it, with new random values."""

import base64
import json
import random
import string
from collections.abc import Callable
from typing import Any, NamedTuple

type Interaction = dict[str, Any]

LETTERS = string.ascii_letters + string.digits
CAPITALS = string.ascii_uppercase + "234567"
HEX = "0123456789abcdef"


class Leak(NamedTuple):
    """A value, the interaction that it stands in, and where in that (a JSON path that begins with a dot)."""

    value: str
    interaction: Interaction
    where: str


class Source:
    """Random values from one seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def text(self, length: int, letters: str = LETTERS) -> str:
        """Random text with a digit and a letter of each case in it, as far as the letters have them."""
        while True:
            text = "".join(self._random.choices(letters, k=length))
            kinds = (str.isdigit, str.islower, str.isupper)
            if all(any(map(kind, text)) for kind in kinds if any(map(kind, letters))):
                return text

    def base64(self, size: int) -> str:
        return base64.b64encode(self._random.randbytes(size)).decode()

    def url_safe(self, size: int) -> str:
        return base64.urlsafe_b64encode(self._random.randbytes(size)).decode().rstrip("=")

    def number(self, digits: int) -> int:
        return self._random.randrange(10 ** (digits - 1), 10**digits)

    def jwt(self) -> str:
        parts = ({"alg": "HS256", "typ": "JWT"}, {"sub": self.text(12), "exp": 1_900_000_000})
        head, claims = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
        return f"{head}.{claims}.{self.url_safe(32)}"

    def pem(self, kind: str) -> str:
        lines = self.base64(600)
        wrapped = "\n".join(lines[at : at + 64] for at in range(0, len(lines), 64))
        return f"-----BEGIN {kind}-----\n{wrapped}\n-----END {kind}-----\n"


def interaction(**changes: Any) -> Interaction:
    """A sound interaction; `target`, `asked` and `answered` (headers) and `body` (of the answer) as given."""
    headers = [["User-Agent", "Go-http-client/1.1"], ["Accept-Encoding", "gzip"]]
    answered = [["Date", "Mon, 23 Nov 2026 08:09:31 GMT"], ["Content-Type", "application/json"]]
    response: dict[str, Any] = {"status": 200, "headers": answered + changes.get("answered", [])}
    if "body" in changes:
        response["body"] = changes["body"]
    return {
        "id": "things-1",
        "start": 0.1,
        "end": 0.2,
        "request": {
            "method": "POST",
            "target": changes.get("target", "/cp/things"),
            "headers": headers + changes.get("asked", []),
        },
        "response": response,
    }


def cassette(*interactions: Interaction) -> bytes:
    """The file of a cassette with these."""
    recorded = {"at": "2026-01-05T10:00:00Z", "upstream": "https://staging.test"}
    renamed = [one | {"id": f"things-{number}"} for number, one in enumerate(interactions, 1)]
    return json.dumps({"cpproxy": 1, "recorded": recorded, "interactions": renamed}, indent=2).encode()


def in_json(name: str, value: str, **beside: Any) -> Leak:
    body = {"json": {"id": "ws-1", "state": "running", **beside, name: value}}
    return Leak(value, interaction(body=body), f".response.body.json.{name}")


def within(name: str, text: str, value: str) -> Leak:
    """A value within a string of a JSON body."""
    return in_json(name, text)._replace(value=value)


def in_text(text: str, value: str) -> Leak:
    return Leak(value, interaction(body={"text": text}), ".response.body.text")


def in_bytes(data: bytes, value: str) -> Leak:
    body = {"base64": base64.b64encode(data).decode()}
    return Leak(value, interaction(body=body), ".response.body.base64")


def in_header(name: str, text: str, value: str) -> Leak:
    return Leak(value, interaction(asked=[[name, text]]), ".request.headers[2][1]")


def in_answer_header(name: str, text: str, value: str) -> Leak:
    return Leak(value, interaction(answered=[[name, text]]), ".response.headers[2][1]")


def in_target(target: str, value: str) -> Leak:
    return Leak(value, interaction(target=target), ".request.target")


def _bearer(source: Source) -> Leak:
    value = source.text(40)
    return in_header("Authorization", f"Bearer {value}", value)


def _bearer_jwt(source: Source) -> Leak:
    value = source.jwt()
    return in_header("Authorization", f"Bearer {value}", value)


def _basic(source: Source) -> Leak:
    value = base64.b64encode(f"svc:{source.text(16)}".encode()).decode()
    return in_header("Authorization", f"Basic {value}", value)


def _cookie(source: Source) -> Leak:
    value = source.text(32)
    return in_header("Cookie", f"theme=dark; session={value}", value)


def _set_cookie(source: Source) -> Leak:
    value = source.url_safe(32)
    return in_answer_header("Set-Cookie", f"sid={value}; HttpOnly; Path=/", value)


def _x_api_key(source: Source) -> Leak:
    value = source.text(32)
    return in_header("X-Api-Key", value, value)


def _admin_header(source: Source) -> Leak:
    value = source.text(32, HEX)
    return in_header("X-Molecule-Admin-Token", value, value)


def _aws_pair(source: Source) -> Leak:
    return in_json("SecretAccessKey", source.base64(30), AccessKeyId=f"AKIA{source.text(16, CAPITALS)}")


def _aws_environment(source: Source) -> Leak:
    value = source.base64(30)
    key = f"AKIA{source.text(16, CAPITALS)}"
    return in_text(f"export AWS_ACCESS_KEY_ID={key}\nexport AWS_SECRET_ACCESS_KEY={value}\n", value)


def _github(source: Source) -> Leak:
    value = f"ghp_{source.text(36)}"
    return within("note", f"cloned with {value}", value)


def _slack(source: Source) -> Leak:
    value = f"xoxb-{source.number(12)}-{source.number(12)}-{source.text(24)}"
    return in_text(f"posting with {value}\n", value)


def _slack_hook(source: Source) -> Leak:
    parts = (source.text(8, CAPITALS), source.text(10, CAPITALS), source.text(24))
    return in_json("hook", "https://hooks.slack.com/services/T{}/B{}/{}".format(*parts))


def _npm(source: Source) -> Leak:
    value = f"npm_{source.text(36)}"
    return in_text(f"//npm.test/:_authToken={value}\n", value)


def _pem_text(source: Source) -> Leak:
    value = source.pem("PRIVATE KEY")
    return in_text(value, value)


def _pem_bytes(source: Source) -> Leak:
    value = source.pem("EC PRIVATE KEY")
    return in_bytes(b"\x00\x01" + value.encode(), value)


def _database_url(source: Source) -> Leak:
    value = source.text(18)
    return within("dsn", f"postgres://svc:{value}@db.internal:5432/app", value)


def _git_url(source: Source) -> Leak:
    value = source.text(18)
    return within("remote", f"https://bot:{value}@git.internal/a.git", value)


def _console_password(source: Source) -> Leak:
    value = source.text(24)
    return within("output", f"[boot] starting\n[boot] password={value}\n[boot] done\n", value)


def _console_variable(source: Source) -> Leak:
    value = source.text(32)
    return within("output", f"+ export ADMIN_TOKEN={value}\n+ exec server\n", value)


def _console_curl(source: Source) -> Leak:
    value = source.text(40)
    return within("output", f"+ curl -H 'Authorization: Bearer {value}' http://cp\n", value)


def _query_token(source: Source) -> Leak:
    value = source.text(32)
    return in_target(f"/cp/x?a=1&access_token={value}", value)


def _query_signature(source: Source) -> Leak:
    value = source.text(64, HEX)
    return in_target(f"/b/o.png?X-Amz-Expires=60&X-Amz-Signature={value}", value)


def _form(source: Source) -> Leak:
    value = source.text(16)
    return in_text(f"grant_type=password&username=svc&password={value}", value)


def _json_in_json(source: Source) -> Leak:
    value = source.text(40)
    return within("payload", json.dumps({"api_key": value, "n": 1}), value)


def _token_in_bytes(source: Source) -> Leak:
    value = f"ghp_{source.text(36)}"
    return in_bytes(b"\x00\x01blob " + value.encode() + b" end\xff", value)


SEEN: dict[str, Callable[[Source], Leak]] = {
    "a JSON Web Token under a name": lambda source: in_json("access_token", source.jwt()),
    "a JSON Web Token in a sentence": lambda source: within("note", f"use {(value := source.jwt())} now", value),
    "a bearer token": _bearer,
    "a JSON Web Token as bearer": _bearer_jwt,
    "basic credentials": _basic,
    "a cookie": _cookie,
    "a cookie that is set": _set_cookie,
    "an API key in a header": _x_api_key,
    "an admin token in a header": _admin_header,
    "an AWS key": lambda source: in_json("AccessKeyId", f"AKIA{source.text(16, CAPITALS)}"),
    "a pair of AWS keys": _aws_pair,
    "AWS keys in a script": _aws_environment,
    "a token of GitHub": _github,
    "a fine-grained token of GitHub": lambda s: in_json("gh", f"github_pat_{s.text(22)}_{s.text(59)}"),
    "a token of GitLab": lambda source: in_json("gl", f"glpat-{source.text(20)}"),
    "a key of Stripe": lambda source: in_json("pay", f"sk_live_{source.text(24)}"),
    "a token of Slack": _slack,
    "a hook of Slack": _slack_hook,
    "a key of Google": lambda source: in_json("maps", f"AIza{source.text(35)}"),
    "a key of OpenAI": lambda s: in_json("llm", f"sk-proj-{s.text(74)}T3BlbkFJ{s.text(74)}"),
    "a key of Anthropic": lambda s: in_json("llm", f"sk-ant-api03-{s.text(93, LETTERS + '-_')}AA"),
    "a token of npm": _npm,
    "a token of PyPI": lambda s: in_json("up", f"pypi-AgEIcHlwaS5vcmc{s.text(100, LETTERS + '-_')}"),
    "a key of SendGrid": lambda s: in_json("mail", f"SG.{s.text(22)}.{s.text(43)}"),
    "a private key in JSON": lambda source: in_json("pem", source.pem("RSA PRIVATE KEY")),
    "a private key as text": _pem_text,
    "a private key among bytes": _pem_bytes,
    "a password in a database's URL": _database_url,
    "a password in a URL": _git_url,
    "a password": lambda source: in_json("password", f"{source.text(14)}!7"),
    "a client's secret": lambda source: in_json("client_secret", source.text(40)),
    "a shared secret": lambda source: in_json("MOLECULE_CP_SHARED_SECRET", source.text(48, HEX)),
    "an admin token": lambda source: in_json("admin_token", source.url_safe(32)),
    "a session's id": lambda source: in_json("sessionId", source.text(32)),
    "a password on a console": _console_password,
    "a variable on a console": _console_variable,
    "a bearer token on a console": _console_curl,
    "a token in a query": _query_token,
    "a signature in a query": _query_signature,
    "a password in a form": _form,
    "a key in JSON in JSON": _json_in_json,
    "a token among bytes": _token_in_bytes,
}
"""Kinds that must be seen."""

UNSEEN: dict[str, Callable[[Source], Leak]] = {
    "random base64 without a name": lambda source: in_json("blob", source.base64(36)),
    "random hex without a name": lambda source: in_json("x", source.text(64, HEX)),
}
"""Kinds that nothing but chance tells from ids and digests: nobody who must not stop a clean file can see them."""
