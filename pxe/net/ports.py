"""The port of a transfer: one of its own (RFC 1350), one of a range, or the listener's, shared by all."""

import contextlib
import errno
import socket
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

from pxe.net import udp
from pxe.net.gso import SegmentedSender
from pxe.wire.transfer import Buffer

Send = Callable[[Buffer], object]
READ_SIZE: Final = 256  # an ACK has 4 bytes; of an ERROR's text this much is enough. Small objects are cheap.


class Port(Protocol):
    """How datagrams of one transfer leave. `sock` and `guard` are its own sockets, None where it has none."""

    sock: socket.socket | None
    guard: socket.socket | None
    mtu: int
    send: Send

    def segmented(self, stride: int) -> Send:
        """Return a sender of runs of DATA packets, each `stride` bytes long."""

    def close(self) -> None:
        """Give the port back."""


class Ports(Protocol):
    """Hands out ports."""

    def open(self, request: udp.Datagram, number: int = 0) -> Port:
        """Return a port for the transfer that `request` asks for; `number`, where it goes on, is its old one.

        Raises OSError where none is to be had.
        """


class OwnPort:
    """A connected socket, and a guard on the same port that hears strangers."""

    def __init__(
        self, request: udp.Datagram, number: int = 0, release: Callable[[], None] | None = None
    ) -> None:
        """`number` 0: any free port; `release` is called once it is closed. Raises OSError."""
        self.sock: socket.socket | None = udp.connect(request.local, request.peer, number)
        self._sock = self.sock
        self.guard = udp.guard(self._sock)
        self.mtu = udp.path_mtu(self._sock)
        self.send: Send = self._sock.send
        self._release = release

    def segmented(self, stride: int) -> Send:
        """See Port."""
        return SegmentedSender(self._sock, stride).send

    def close(self) -> None:
        """See Port."""
        self._sock.close()
        if self.guard is not None:
            self.guard.close()
        if self._release is not None:
            self._release()
            self._release = None


class SharedPort:
    """The listener's port: what comes in is told apart by its sender's address."""

    def __init__(self, listener: socket.socket, request: udp.Datagram) -> None:
        self.sock: socket.socket | None = None
        self.guard: socket.socket | None = None
        self._listener, self._peer = listener, request.peer
        self._control = (udp.source(request.local),)
        self.mtu = _mtu_towards(request)
        peer, control = self._peer, self._control
        self.send: Send = lambda packet: listener.sendmsg((packet,), control, 0, peer)

    def segmented(self, stride: int) -> Send:
        """See Port."""
        peer, control = self._peer, self._control
        return SegmentedSender(self._listener, stride, peer=peer, control=control, send=self.send).send

    def close(self) -> None:
        """See Port."""


class AnyPort:
    """Each transfer on a free port of the kernel's choice."""

    def open(self, request: udp.Datagram, number: int = 0) -> OwnPort:
        """See Ports."""
        return OwnPort(request, number)


class PortRange:
    """Each transfer on one of a range of ports, for firewalls that let only those through.

    The one that was free longest comes first: late packets for its last transfer have died out by then.
    """

    def __init__(self, first: int, last: int) -> None:
        self._free = deque(range(first, last + 1))

    def open(self, request: udp.Datagram, number: int = 0) -> OwnPort:
        """See Ports. Raises OSError (EADDRNOTAVAIL) where all are in use."""
        if number in self._free:
            self._free.remove(number)
            self._free.appendleft(number)
        for _ in range(len(self._free)):
            number = self._free.popleft()
            try:
                return OwnPort(request, number, partial(self._free.append, number))
            except OSError as exc:
                self._free.append(number)
                if exc.errno != errno.EADDRINUSE:  # that: another program's, now and then
                    raise
        raise OSError(errno.EADDRNOTAVAIL, "all ports of the range are in use")


class ListenerPort:
    """All transfers on the port of the requests."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        with contextlib.suppress(OSError):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, udp.LISTENER_BUFFER)

    def open(self, request: udp.Datagram, number: int = 0) -> SharedPort:
        """See Ports."""
        return SharedPort(self._listener, request)


def _mtu_towards(request: udp.Datagram) -> int:
    with contextlib.suppress(OSError), contextlib.closing(udp.connect(request.local, request.peer)) as probe:
        return udp.path_mtu(probe)
    return udp.DEFAULT_MTU
