"""A whole TFTP window in one system call: UDP segmentation offload (UDP_SEGMENT, Linux 4.18).

The kernel takes one buffer of up to 64 datagrams of equal size (the last may be shorter) and cuts it at the
latest point it can, in the network card where that can do it. It refuses where a datagram is larger than
the MTU or the device has no checksum offload: then datagrams go one by one.
"""

import contextlib
import errno
import socket
from typing import Final

UDP_SEGMENT: Final = 103  # linux/udp.h
MAX_SEGMENTS: Final = 64  # UDP_MAX_SEGMENTS of all kernels (newer ones take 128)
MAX_BYTES: Final = 65507  # of one UDP send
_REFUSALS: Final = frozenset({errno.EINVAL, errno.EIO, errno.EMSGSIZE, errno.EOPNOTSUPP, errno.ENOPROTOOPT})


class SegmentedSender:
    """Sends runs of datagrams of `stride` bytes over one connected socket."""

    __slots__ = ("_limit", "_send", "_sock", "_stride", "offloaded")

    def __init__(self, sock: socket.socket, stride: int) -> None:
        self._sock = sock
        self._send = sock.send
        self._stride = stride
        self._limit = max(1, min(MAX_SEGMENTS, MAX_BYTES // stride)) * stride
        self.offloaded = True
        try:
            sock.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, stride)
        except OSError:
            self.offloaded = False

    def send(self, run: bytes | memoryview) -> None:
        """Send `run`. Raises OSError as socket.send does."""
        if not self.offloaded:
            self._send_singly(run)
        elif len(run) <= self._limit:
            self._send_segmented(run)
        else:
            for at in range(0, len(run), self._limit):
                self._send_segmented(run[at : at + self._limit])

    def _send_segmented(self, run: bytes | memoryview) -> None:
        try:
            self._send(run)
        except OSError as exc:
            if exc.errno not in _REFUSALS:
                raise
            self._switch_off()
            self._send_singly(run)

    def _send_singly(self, run: bytes | memoryview) -> None:
        for at in range(0, len(run), self._stride):
            self._send(run[at : at + self._stride])

    def _switch_off(self) -> None:
        self.offloaded = False
        with contextlib.suppress(OSError):
            self._sock.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 0)
