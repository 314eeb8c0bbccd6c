"""`cpproxy replay`: serves cassettes where the control plane would be."""

from typing import TYPE_CHECKING

import click

from cpproxy.cli.access import list_names, read_token, token_file_option
from cpproxy.cli.command import TakesCommand
from cpproxy.cli.lifecycle import serve
from cpproxy.cli.listening import find_address
from cpproxy.cli.options import (
    Settings,
    common_options,
    listen_option,
    public_url_option,
    read_public,
    strict_exit_option,
)
from cpproxy.cli.trapping import Trap
from cpproxy.cli.ways import Flags, find_ways, trap_options
from cpproxy.cli.wiring import compose_option, read_wiring
from cpproxy.core.runs import Mode, Served
from cpproxy.errors import CassetteError
from cpproxy.report.texts import count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cpproxy.core.replay.decisions import Replay
    from cpproxy.files.cassettes import Loaded

_COLLECT_AFTER = 10_000


@click.command(cls=TakesCommand)
@click.option(
    "--cassette", "chosen", multiple=True, metavar="NAME", help="Serve this one; repeat it for more. Default: all."
)
@listen_option
@click.option(
    "--latency",
    type=click.Choice(["recorded", "none"]),
    default="none",
    show_default=True,
    help="Whether streams keep their recorded pauses.",
)
@public_url_option
@trap_options
@compose_option
@token_file_option
@strict_exit_option
@common_options
def replay(
    settings: Settings,
    /,
    *,
    chosen: tuple[str, ...],
    listen: str | None,
    latency: str,
    public_url: str | None,
    trap: Flags,
    compose: tuple[str, ...],
    token_file: str | None,
    strict_exit: bool,
    command: tuple[str, ...],
) -> int:
    """Serve cassettes; never contact an upstream.

    With a COMMAND: run it with CPPROXY_URL and the clients' variables set, stop when it ends, and print the verdict.
    """
    address = find_address(listen, settings, command)
    public = read_public(public_url)
    token = read_token(token_file)
    names = list_names(settings, address, public)
    ways = find_ways(trap, settings)
    wiring = read_wiring(settings, compose)
    cassettes, served, upstreams = _load(settings, chosen)

    # The heavy imports come last: a wrong flag or a broken cassette is told without them.
    from cpproxy.cli.desk import Desk  # noqa: PLC0415
    from cpproxy.cli.proxy import Proxy, conclude  # noqa: PLC0415
    from cpproxy.front.admin import Admin  # noqa: PLC0415
    from cpproxy.front.peers import Peers  # noqa: PLC0415
    from cpproxy.front.replay import Replayer  # noqa: PLC0415
    from cpproxy.front.server import Front  # noqa: PLC0415

    peers = Peers(wiring)
    catcher = Trap(settings, ways, peers, public_url, upstreams) if ways else None
    desk = Desk(
        settings,
        mode=Mode.REPLAY,
        cassettes=cassettes,
        sources=served.tapes,
        replay=served,
        trap=catcher,
        wiring=wiring,
    )
    limit = settings.config.record.body_limit
    mode = Replayer(served, latency=latency == "recorded", limit=limit, public=public)

    def make() -> Proxy:
        admin = Admin(desk, public=public, token=token, names=names)
        state = settings.config.state.path
        front = Front(mode, desk.tally, admin, settings.redactor, state_path=state, token=token, peers=peers)
        return Proxy(front, desk, catcher)

    def banner(url: str) -> str:
        what = f"{count(len(served), 'interaction')} from {count(len(cassettes), 'cassette')}"
        return f"cpproxy: replaying {what} on {url}"

    return serve(
        make,
        listen=address,
        banner=banner,
        settings=settings,
        command=command,
        token=token,
        finish=lambda: conclude(desk, judged=bool(command) or strict_exit, quiet=settings.verbosity < 0),
        strict_exit=strict_exit,
        trap=catcher,
    )


def _load(settings: Settings, chosen: tuple[str, ...]) -> "tuple[list[Served], Replay, set[str]]":
    """The cassettes, what replay makes of them, and their upstreams; CassetteError for one that cannot be served."""
    import gc  # noqa: PLC0415 (as below)

    from cpproxy.core.replay.decisions import Replay  # noqa: PLC0415 (`--help` does without it)
    from cpproxy.core.routes import RouteTable  # noqa: PLC0415 (as above)
    from cpproxy.files import cassettes  # noqa: PLC0415 (as above)

    def load() -> "Iterator[Loaded]":
        for name in cassettes.choose(settings.cassettes, chosen):
            one = cassettes.load(settings.cassettes, name)
            if not one.head.interactions:
                raise CassetteError(one.where, "$.interactions", "expected an interaction at least, got none")
            served.append(Served(one.name, one.sha256, len(one.head.interactions), one.name in chosen))
            upstreams.add(one.head.recorded.upstream)
            yield one

    served: list[Served] = []
    upstreams: set[str] = set()
    # All that is loaded stays: looking for garbage in it would take a third of the time, and again and again later.
    # What a call leaves behind is freed without the collector, so that it may come seldom.
    gc.disable()
    replayed = Replay(load(), RouteTable(settings.config.routes), settings.config.replay, settings.redactor)
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)
    gc.enable()
    return served, replayed, upstreams
