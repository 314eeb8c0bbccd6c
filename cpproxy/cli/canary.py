"""`cpproxy canary`: shows, from where a client runs, that a call of its that goes past the front ends in the trap.

It calls a reserved name by whatever way out there is here: the proxy that the environment names, or the name server and
the network. The trap knows the name, and its row proves this client.
"""

import http.client
import re
import ssl
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import click

from cpproxy.cli.listening import look_up
from cpproxy.cli.options import Settings, common_options
from cpproxy.cli.output import write
from cpproxy.core.config import CANARY
from cpproxy.core.repeating import repeatable
from cpproxy.core.sightings import CANARY_PATH
from cpproxy.errors import Exit, UsageError

_RESERVED = ".invalid"
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")  # no character of it means anything to a shell
_SHELL = """\
# Exits 0 if the calls that are made from here end in cpproxy's trap, whoever makes them.
for url in {urls}; do
    if command -v curl >/dev/null; then
        answer=$(curl -sSk -m {seconds} "$url" 2>&1)
    else
        answer=$(wget -q -O - -T {seconds} --no-check-certificate "$url" 2>&1)
    fi
    case $answer in
    *'"outcome":"canary"'*) echo "canary: $url was caught" ;;
    *) echo "canary: $url was not caught: $answer" >&2 && exit 1 ;;
    esac
done
"""


@click.command()
@click.argument("where", metavar="[NAME|URL]", default="")
@click.option("--shell", is_flag=True, help="Print the lines of sh that do the same with curl or wget.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="For each call.",
)
@common_options
def canary(settings: Settings, /, *, where: str, shell: bool, timeout: float) -> int:
    """Show that calls from here end in the trap: by http and https to a reserved NAME, or to the host of a URL.

    It exits with 0 if all of them did, else with 1 and what happened to them.
    """
    urls = _find_urls(where or settings.config.trap.canary)
    if shell:
        write(_SHELL.format(urls=" ".join(urls), seconds=round(timeout)))
        return Exit.CLEAN
    code = Exit.CLEAN
    for url in urls:
        what, caught = _call(url, timeout)
        write(f"canary: {url}: {what}\n")
        if not caught:
            code = Exit.FINDINGS
    return code


def _find_urls(where: str) -> list[str]:
    """What is to be called. UsageError for what is neither a name nor a URL."""
    try:
        parts = urlsplit(where if "//" in where else f"//{where}")
        named = _HOST.fullmatch(parts.hostname or "") and parts.scheme in {"", "http", "https"} and (parts.port or 1)
    except ValueError:
        named = None
    more = "@" in parts.netloc or parts.query or parts.fragment or (parts.path and not parts.scheme) if named else ""
    if not named or more:
        raise UsageError(
            f"canary {repeatable(where)}: expected a host name such as {CANARY}, or a URL of http or https, "
            "and no user or password"
        )
    return [
        f"{scheme}://{parts.netloc}{CANARY_PATH}" for scheme in ([parts.scheme] if parts.scheme else ["http", "https"])
    ]


def _call(url: str, timeout: float) -> tuple[str, bool]:
    """What became of a call, and whether the trap had it."""
    trusting = ssl._create_unverified_context()  # noqa: S323, SLF001 (nothing is sent, and the answer proves itself)
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=trusting))
    host = urlsplit(url).hostname or ""
    try:
        with opener.open(url, timeout=timeout) as answer:
            outcome = answer.headers.get("X-Cpproxy-Outcome", "")
            if outcome == "canary":
                return "caught", True
            return f"not caught: something else answered, with status {answer.status}", False
    except urllib.error.HTTPError as error:
        return f"not caught: something else answered, with status {error.code}", False
    except (OSError, http.client.HTTPException) as error:
        why = getattr(error, "reason", None) or error
        said = getattr(why, "strerror", None) or str(why) or type(why).__name__
    # A name that is reserved resolves nowhere else: the trap's DNS is there, and its sinks are not.
    if host.endswith(_RESERVED) and look_up(host):
        return f"not caught: its name leads to the trap, where no sink takes such calls ({said})", False
    return f"not caught: {said}", False
