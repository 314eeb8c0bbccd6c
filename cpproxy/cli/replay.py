"""`cpproxy replay`: serves cassettes where the control plane would be."""

from typing import TYPE_CHECKING

import click

from cpproxy.cli.command import TakesCommand
from cpproxy.cli.lifecycle import serve
from cpproxy.cli.options import Settings, common_options
from cpproxy.cli.setup import Setup, setup_options
from cpproxy.core.runs import Mode, Served
from cpproxy.core.wording import count
from cpproxy.errors import CassetteError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cpproxy.core.replay.decisions import Replay
    from cpproxy.files.cassettes import Loaded

_COLLECT_AFTER = 10_000


@click.command(cls=TakesCommand)
@click.option(
    "--cassette", "chosen", multiple=True, metavar="NAME", help="Serve this one; repeat it for more. Default: all."
)
@click.option(
    "--latency",
    type=click.Choice(["recorded", "none"]),
    default="none",
    show_default=True,
    help="Whether streams keep their recorded pauses.",
)
@setup_options
@common_options
def replay(
    settings: Settings,
    /,
    *,
    chosen: tuple[str, ...],
    latency: str,
    read_setup: "Callable[[Settings, Sequence[str]], Setup]",
    command: tuple[str, ...],
) -> int:
    """Serve cassettes; never contact an upstream.

    With a COMMAND: run it with CPPROXY_URL and the clients' variables set, stop when it ends, and print the verdict.
    """
    setup = read_setup(settings, command)
    cassettes, served, upstreams = _load(settings, chosen)

    # The heavy imports come last: a wrong flag or a broken cassette is told without them.
    from cpproxy.cli.desk import Desk  # noqa: PLC0415
    from cpproxy.cli.proxy import Proxy, conclude  # noqa: PLC0415
    from cpproxy.front.admin import Admin  # noqa: PLC0415
    from cpproxy.front.replay import Replayer  # noqa: PLC0415
    from cpproxy.front.server import Front  # noqa: PLC0415

    trap = setup.make_trap(settings, upstreams)
    desk = Desk(
        settings,
        mode=Mode.REPLAY,
        cassettes=cassettes,
        sources=served.tapes,
        replay=served,
        trap=trap,
        wiring=setup.wiring,
    )
    limit = settings.config.record.body_limit
    mode = Replayer(served, latency=latency == "recorded", limit=limit, public=setup.public)

    def make() -> Proxy:
        admin = Admin(desk, public=setup.public, token=setup.token, names=setup.names)
        state, peers = settings.config.state.path, setup.peers
        front = Front(mode, desk.tally, admin, settings.redactor, state_path=state, token=setup.token, peers=peers)
        return Proxy(front, desk, trap)

    def banner(url: str) -> str:
        what = f"{count(len(served), 'interaction')} from {count(len(cassettes), 'cassette')}"
        return f"cpproxy: replaying {what} on {url}"

    return serve(
        make,
        listen=setup.address,
        banner=banner,
        settings=settings,
        command=command,
        token=setup.token,
        finish=lambda: conclude(desk, judged=bool(command) or setup.strict_exit, quiet=settings.verbosity < 0),
        strict_exit=setup.strict_exit,
        trap=trap,
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
