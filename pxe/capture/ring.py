"""Frames off an interface through a ring that the kernel fills (packet(7), TPACKET_V3): no call a frame.

Linux only. The kernel stamps each frame with the wall clock, in nanoseconds, where it passes the interface.
"""

import errno
import mmap
import select
import socket
import struct
from collections.abc import Iterator
from typing import Final

from pxe.capture.bpf import as_sock_fprog
from pxe.errors import ServiceError

_ETH_P_ALL: Final = 3
_SOL_PACKET: Final = 263
_PACKET_RX_RING, _PACKET_STATISTICS, _PACKET_VERSION = 5, 6, 10
_TPACKET_V3: Final = 2
_SO_ATTACH_FILTER: Final = 26
_SIOCGIFINDEX_FAULTS = (errno.ENODEV, errno.ENXIO)
BLOCK: Final = 1 << 18
BLOCKS: Final = 32  # 8 MiB: half a second of a full gigabit of DATA that is cut to 96 bytes
RETIRE_MS: Final = 50  # a block that is not full is handed over after this
_FRAME: Final = 1 << 11  # the kernel wants one; version 3 packs frames as they come
_TO_USER: Final = 1
_block_status = struct.Struct("=8xIII").unpack_from  # status, packets, offset of the first
_frame_head = struct.Struct("=IIIIIIH").unpack_from  # next, s, ns, kept, length, status, offset of the MAC

Frame = tuple[int, bytes, int]  # nanoseconds since 1970, what was kept, length on the wire


class Ring:
    """A packet socket on `interface` that takes what `program` (see `bpf`) lets through.

    Raises ServiceError that says what to do: no such interface, no right.
    """

    def __init__(self, interface: str, program: bytes) -> None:
        try:
            self._sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)  # 0: nothing until it is bound
        except PermissionError as exc:
            raise ServiceError(
                f"cannot record {interface}: that needs root or CAP_NET_RAW; run with sudo, or without a pcap"
            ) from exc
        try:
            fprog, _alive = as_sock_fprog(program)
            self._sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, fprog)
            self._sock.setsockopt(_SOL_PACKET, _PACKET_VERSION, _TPACKET_V3)
            shape = struct.pack("=7I", BLOCK, BLOCKS, _FRAME, BLOCK // _FRAME * BLOCKS, RETIRE_MS, 0, 0)
            self._sock.setsockopt(_SOL_PACKET, _PACKET_RX_RING, shape)
            self._map = mmap.mmap(self._sock.fileno(), BLOCK * BLOCKS)
            self._sock.bind((interface, _ETH_P_ALL))
        except OSError as exc:
            self._sock.close()
            missing = exc.errno in _SIOCGIFINDEX_FAULTS
            why = "there is no such interface; `ip link` lists them" if missing else exc.strerror
            raise ServiceError(f"cannot record {interface}: {why}") from exc
        self._at = 0
        self._received = self._dropped = 0

    def fileno(self) -> int:
        """For poll: readable means that a block is ready."""
        return self._sock.fileno()

    def wait(self, seconds: float) -> bool:
        """Wait for a block; False where none came."""
        poller = select.poll()
        poller.register(self._sock, select.POLLIN)
        return bool(poller.poll(seconds * 1000))

    def blocks(self) -> Iterator[list[Frame]]:
        """Yield the frames of each block that is ready, and hand it back."""
        while True:
            start = self._at * BLOCK
            status, count, first = _block_status(self._map, start)
            if not status & _TO_USER:
                return
            yield self._frames(start + first, count)
            self._map[start + 8 : start + 12] = b"\0\0\0\0"
            self._at = (self._at + 1) % BLOCKS

    def counts(self) -> tuple[int, int]:
        """How many frames passed the filter so far, and how many of them found the ring full."""
        seen, dropped, _ = struct.unpack("=3I", self._sock.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 12))
        self._received += seen
        self._dropped += dropped
        return self._received, self._dropped

    def close(self) -> None:
        """Close the socket and the ring."""
        self._map.close()
        self._sock.close()

    def _frames(self, at: int, count: int) -> list[Frame]:
        ring, found = self._map, []
        for _ in range(count):
            following, seconds, nanos, kept, length, _, mac = _frame_head(ring, at)
            found.append((seconds * 1_000_000_000 + nanos, ring[at + mac : at + mac + kept], length))
            at += following
        return found
