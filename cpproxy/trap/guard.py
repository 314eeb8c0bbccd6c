"""Locks on every way out of the trap's process, each of which would do alone.

mitmproxy's handler has no code left that connects (`catching`); no code of this process may connect, resolve or start a
program; and where the kernel allows it, the process has no network but the sockets that it was given.
"""

import contextlib
import os
import socket
import sys

_FORBIDDEN = frozenset(
    {
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.system",
        "socket.bind",
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyaddr",
        "socket.gethostbyname",
        "socket.getnameinfo",
        "subprocess.Popen",
    }
)
_SENDING = frozenset({"socket.sendto", "socket.sendmsg"})


def forbid_ways_out(answering: frozenset[socket.socket]) -> None:
    """From now on PermissionError for whatever would reach out; datagrams leave by the `answering` sockets alone.

    A stream takes more without an address, which goes where `send` would: to who called, and along the channel.
    """
    sockets = {id(one) for one in answering}

    def refuse(event: str, arguments: tuple[object, ...]) -> None:
        if event in _FORBIDDEN or (event in _SENDING and id(arguments[0]) not in sockets and not is_stream(arguments)):
            raise PermissionError(f"the trap has no way out: {event}")

    def is_stream(arguments: tuple[object, ...]) -> bool:
        sender, address = arguments
        return address is None and isinstance(sender, socket.socket) and sender.type == socket.SOCK_STREAM

    sys.addaudithook(refuse)


def leave_network() -> bool:
    """Moves the process into a network of its own, which is empty; whether the kernel allowed it.

    The sockets that it has stay in theirs. Call it before there is a second thread, which a user namespace forbids.
    """
    for flags in (os.CLONE_NEWNET, os.CLONE_NEWUSER | os.CLONE_NEWNET):
        with contextlib.suppress(OSError):
            os.unshare(flags)
            return True
    return False
