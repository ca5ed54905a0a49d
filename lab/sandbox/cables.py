"""The far ends of packet links, in a network namespace of their own.

In the sandbox's own namespace the kernel would treat a far end as one more port of this host: it would answer
ARP for the server's address there, and hand every broadcast of another board to the server a second time.
"""

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from pyroute2 import IPRoute, netns

from lab.sandbox.namespaces import CLONE_NEWNET, unshare

_ETH_P_ALL = 0x0003
_RING = 4 << 20  # bytes that may wait in the socket while QEMU is busy
_NO_IPV6 = Path("/proc/sys/net/ipv6/conf/default/disable_ipv6")


class Cables:
    """A namespace with nothing in it but far ends. `namespace` is its descriptor."""

    def __init__(self) -> None:
        self._home = _open_own_namespace()
        error = unshare(CLONE_NEWNET)
        if error:
            raise OSError(f"a second network namespace: {error}")
        try:
            self.namespace = _open_own_namespace()
            if _NO_IPV6.exists():
                _NO_IPV6.write_text("1")
        finally:
            netns.setns(self._home)

    def open(self, interface: str) -> socket.socket:
        """Bring a far end up and return a raw socket on it."""
        with self._inside(), IPRoute() as ip:
            ip.link("set", index=socket.if_nametoindex(interface), state="up")
            packet = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            packet.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RING)
            packet.bind((interface, _ETH_P_ALL))
        return packet

    @contextlib.contextmanager
    def _inside(self) -> Iterator[None]:
        netns.setns(self.namespace)
        try:
            yield
        finally:
            netns.setns(self._home)


def _open_own_namespace() -> int:
    return os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
