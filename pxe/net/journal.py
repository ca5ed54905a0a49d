"""Which TFTP downloads are under way, in memory that outlives the worker: the next one goes on with them.

Made before the service forks and shared by all its processes; only the worker that serves writes. A client
that is cut off in the middle may wait minutes (U-Boot), or give its boot up (most boot ROMs).
"""

import mmap
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pxe.net.udp import Address, Datagram
from pxe.wire.tftp import MAX_REQUEST

SLOTS: Final = 4096
_SLOT: Final = struct.Struct(f"=?4sH4sHQH{MAX_REQUEST}s")  # used, local, peer, acknowledged, request
_USED, _ACKED = struct.Struct("=?"), struct.Struct("=Q")
_ACKED_AT: Final = struct.calcsize("=?4sH4sH")


@dataclass(frozen=True, slots=True)
class Survivor:
    """A download that an earlier worker did not end. `acknowledged`: of this many blocks we know."""

    request: Datagram
    local_port: int
    acknowledged: int


class Journal:
    """Fixed slots in shared memory: nothing to allocate or lock, and half a write is not `used` yet."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, SLOTS * _SLOT.size)
        self._free = list(range(SLOTS))

    def begin(self, request: Datagram, local_port: int) -> int | None:
        """Note a download; return its slot, None where there is none left or the request is too long."""
        if not self._free or len(request.data) > MAX_REQUEST:
            return None
        slot = self._free.pop()
        local, peer = socket.inet_aton(request.local), socket.inet_aton(request.peer[0])
        fields = (local, local_port, peer, request.peer[1], 0, len(request.data), request.data)
        _SLOT.pack_into(self._memory, slot * _SLOT.size, False, *fields)
        _USED.pack_into(self._memory, slot * _SLOT.size, True)
        return slot

    def acknowledged(self, slot: int, block: int) -> None:
        """Note how far it is."""
        _ACKED.pack_into(self._memory, slot * _SLOT.size + _ACKED_AT, block)

    def end(self, slot: int) -> None:
        """It has ended, however."""
        _USED.pack_into(self._memory, slot * _SLOT.size, False)
        self._free.append(slot)

    def take(self) -> Iterator[Survivor]:
        """Yield what an earlier worker left, and forget it."""
        for slot in range(SLOTS):
            used, *fields = _SLOT.unpack_from(self._memory, slot * _SLOT.size)
            if used:
                _USED.pack_into(self._memory, slot * _SLOT.size, False)
                yield _survivor(*fields)


def _survivor(
    local: bytes, local_port: int, peer: bytes, peer_port: int, acked: int, length: int, data: bytes
) -> Survivor:
    address: Address = (socket.inet_ntoa(peer), peer_port)
    return Survivor(Datagram(data[:length], address, socket.inet_ntoa(local)), local_port, acked)
