"""A network namespace of its own, with a way out that leads nowhere and counts what takes it."""

import contextlib
import os
import socket
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

_ALL = 3  # linux/if_ether.h: ETH_P_ALL
_IPV6, _ICMPV6, _HOP_BY_HOP = 0x86DD, 58, 0


class Namespace:
    """Two networks: loopback, and `out0` with the default routes, by which each packet leaves and none comes back."""

    def __init__(self) -> None:
        self.name = f"cpproxy-{uuid.uuid4().hex[:10]}"
        self.prefix = ("ip", "netns", "exec", self.name)
        self._resolver = Path("/etc/netns") / self.name

    def __enter__(self) -> Self:
        if os.geteuid():
            pytest.skip("NOT RUN: only root can make a network namespace")
        made = subprocess.run(["ip", "netns", "add", self.name], capture_output=True, text=True, check=False)
        if made.returncode:
            pytest.skip(f"NOT RUN: no network namespace can be made here: {made.stderr.strip()}")
        self._resolver.mkdir(parents=True)
        (self._resolver / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:5 attempts:1\n")
        for command in (  # the other end is in the same place, and nobody listens there
            "ip link set lo up",
            "ip link add out0 type veth peer name out1",
            "ip address add 10.99.0.1/24 dev out0",
            "ip -6 address add fd00:99::1/64 dev out0 nodad",
            "ip link set out0 up",
            "ip link set out1 up",
            "ip neighbour add 10.99.0.2 lladdr 02:00:00:00:00:02 dev out0 nud permanent",
            "ip neighbour add fd00:99::2 lladdr 02:00:00:00:00:02 dev out0 nud permanent",
            "ip route add default via 10.99.0.2 dev out0",
            "ip -6 route add default via fd00:99::2 dev out0",
        ):
            done = subprocess.run([*self.prefix, *command.split()], capture_output=True, text=True, check=False)
            if done.returncode:
                self.__exit__()
                pytest.skip(f"NOT RUN: {command}: {done.stderr.strip()}")
        with self.inside():
            self._counter = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
            self._counter.bind(("out0", 0))
            self._counter.settimeout(0)
        return self

    def __exit__(self, *_: object) -> None:
        if counter := getattr(self, "_counter", None):
            counter.close()
        subprocess.run(["ip", "netns", "delete", self.name], check=True)
        (self._resolver / "resolv.conf").unlink()
        self._resolver.rmdir()

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """This thread, and what it starts, is in the namespace until the block is left; files are as they were."""
        here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        try:
            os.setns(there, os.CLONE_NEWNET)
            yield
        finally:
            os.setns(here, os.CLONE_NEWNET)
            os.close(there)
            os.close(here)

    def left(self) -> list[str]:
        """The packets that have left since it was last asked, but for what IPv6 says of itself on every link."""
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                frame, (*_, direction, _, _) = self._counter.recvfrom(65536)
                if direction != socket.PACKET_OUTGOING:
                    continue
                kind = int.from_bytes(frame[12:14])
                if kind != _IPV6 or frame[20] not in {_ICMPV6, _HOP_BY_HOP}:
                    found.append(frame.hex())
        return found
