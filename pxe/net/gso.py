"""A whole TFTP window in one system call: UDP segmentation offload (UDP_SEGMENT, Linux 4.18).

The kernel takes one buffer of up to 64 datagrams of equal size (the last may be shorter) and cuts it at the
latest point it can, in the network card where that can do it. It refuses where a datagram is larger than
the MTU or the device has no checksum offload: then datagrams go one by one.
"""

import errno
import socket
import struct
from collections.abc import Callable, Sequence
from typing import Final

UDP_SEGMENT: Final = 103  # linux/udp.h
MAX_SEGMENTS: Final = 64  # UDP_MAX_SEGMENTS of all kernels (newer ones take 128)
MAX_BYTES: Final = 65507  # of one UDP send
DATA: Final = 3  # TFTP opcode
Buffer = bytes | memoryview
Control = Sequence[tuple[int, int, bytes]]
_REFUSALS: Final = frozenset({errno.EINVAL, errno.EIO, errno.EMSGSIZE, errno.EOPNOTSUPP, errno.ENOPROTOOPT})


class SegmentedSender:
    """Sends runs of DATA packets of `stride` bytes over one socket, and OACKs as they are.

    The socket is connected; or `peer` says where to, `control` goes with each run, and `send` sends the rest.
    """

    __slots__ = ("_control", "_limit", "_send", "_sendmsg", "_stride", "_to", "offloaded")

    def __init__(
        self,
        sock: socket.socket,
        stride: int,
        *,
        peer: tuple[str, int] | None = None,
        control: Control = (),
        send: Callable[[Buffer], object] | None = None,
    ) -> None:
        self._send = send or sock.send
        self._sendmsg = sock.sendmsg
        self._to = () if peer is None else (0, peer)
        self._stride = stride
        self._limit = max(1, min(MAX_SEGMENTS, MAX_BYTES // stride)) * stride
        # With each send, not set on the socket: there it would cut OACK and ERROR too where blocks are small.
        self._control = (*control, (socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("=H", stride)))
        try:
            sock.getsockopt(socket.IPPROTO_UDP, UDP_SEGMENT)
            self.offloaded = True
        except OSError:  # a kernel without it would send the run as one datagram
            self.offloaded = False

    def send(self, run: bytes | memoryview) -> None:
        """Send `run`. Raises OSError as socket.send does."""
        if len(run) <= self._stride or run[1] != DATA:
            self._send(run)
        elif not self.offloaded:
            self._send_singly(run)
        elif len(run) <= self._limit:
            self._send_segmented(run)
        else:
            for at in range(0, len(run), self._limit):
                self.send(run[at : at + self._limit])

    def _send_segmented(self, run: bytes | memoryview) -> None:
        try:
            self._sendmsg((run,), self._control, *self._to)
        except OSError as exc:
            if exc.errno not in _REFUSALS:
                raise
            self.offloaded = False
            self._send_singly(run)

    def _send_singly(self, run: bytes | memoryview) -> None:
        for at in range(0, len(run), self._stride):
            self._send(run[at : at + self._stride])
