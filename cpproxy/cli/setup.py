"""What `record` and `replay` are told alike: where to listen, who may ask, what stands beside the front."""

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cpproxy.cli.access import list_names, read_token, token_file_option
from cpproxy.cli.listening import Address, find_address
from cpproxy.cli.options import Settings, listen_option, public_url_option, read_public, strict_exit_option
from cpproxy.cli.trapping import Trap
from cpproxy.cli.ways import Flags, Ways, find_ways, trap_options
from cpproxy.cli.wiring import compose_option, read_wiring

if TYPE_CHECKING:
    from cpproxy.core.addresses import Public
    from cpproxy.core.wiring.wired import Wiring
    from cpproxy.front.peers import Peers


@dataclass(frozen=True, slots=True)
class Setup:
    """How a proxy is set up. `names` are those by which the front is known, `wiring` what a compose file says."""

    address: Address
    token: str
    public: "Public | None"
    names: frozenset[str]
    ways: Ways | None
    wiring: "Wiring"
    peers: "Peers"
    public_url: str | None
    strict_exit: bool

    def make_trap(self, settings: Settings, upstreams: Iterable[str]) -> Trap | None:
        """The trap beside the front, if there is to be one; `upstreams` are URLs of the control plane."""
        return Trap(settings, self.ways, self.peers, self.public_url, upstreams) if self.ways else None


def setup_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The flags of a proxy, as `read_setup: (settings, command) -> Setup`, which raises UsageError for wrong ones."""

    @functools.wraps(function)
    def call(
        *args: object,
        listen: str | None,
        public_url: str | None,
        trap: Flags,
        compose: tuple[str, ...],
        token_file: str | None,
        strict_exit: bool,
        **more: object,
    ) -> object:
        def read(settings: Settings, command: Sequence[str]) -> Setup:
            address = find_address(listen, settings, command)
            token, public = read_token(token_file), read_public(public_url)
            names = list_names(settings, address, public)
            ways, wiring = find_ways(trap, settings), read_wiring(settings, compose)
            from cpproxy.front.peers import Peers  # noqa: PLC0415 (a wrong flag is told without it)

            return Setup(address, token, public, names, ways, wiring, Peers(wiring), public_url, strict_exit)

        return function(*args, read_setup=read, **more)

    options = (strict_exit_option, token_file_option, compose_option, trap_options, public_url_option, listen_option)
    decorated: Callable[..., Any] = call
    for decorate in options:  # the last of them is the first in the help
        decorated = decorate(decorated)
    return decorated
