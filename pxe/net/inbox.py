"""Which of the waiting DHCP messages are answered first, and which not at all when too many come.

A server that answers in order of arrival finishes next to nothing under a flood: each REQUEST waits behind
DISCOVERs whose clients gave up long ago. So the sockets are emptied at once, and the DISCOVERs of machines
that we do not know come last, a few at a time, the oldest thrown away: their clients ask again.
"""

import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from pxe.net.dhcp_socket import receive

BATCH: Final = 512  # datagrams taken from one socket at a time
_AT_ONCE: Final = 128  # DISCOVERs of strangers beside them
_WAITING: Final = 2048  # of these at most
_MESSAGE_TYPE: Final = slice(240, 243)
_DISCOVER: Final = b"\x35\x01\x01"  # option 53, which everybody sends first
_CHADDR: Final = slice(28, 34)

_Link = TypeVar("_Link")


@dataclass(frozen=True, slots=True)
class Datagram(Generic[_Link]):
    """What came, from whom, when, and where."""

    data: bytes
    sender: tuple[str, int]
    t_ns: int
    link: _Link
    sock: socket.socket


class Inbox(Generic[_Link]):
    """`is_known` (MAC -> bool) says whose DISCOVER is as urgent as a REQUEST."""

    def __init__(self, is_known: Callable[[str], bool], clock: Callable[[], int]) -> None:
        self._is_known, self._clock = is_known, clock
        self._urgent: list[Datagram[_Link]] = []
        self._waiting: deque[Datagram[_Link]] = deque()
        self.dropped = 0  # since the last `take_dropped`

    def drain(self, link: _Link, sock: socket.socket) -> None:
        """Take what waits in the socket. Raises OSError where it was closed."""
        for _ in range(BATCH):
            datagram = receive(sock)
            if datagram is None:
                return
            data, sender = datagram
            came = Datagram(data, sender, self._clock(), link, sock)
            if data[_MESSAGE_TYPE] != _DISCOVER or self._is_known(data[_CHADDR].hex(":")):
                self._urgent.append(came)
                continue
            if len(self._waiting) >= _WAITING:
                self._waiting.popleft()
                self.dropped += 1
            self._waiting.append(came)

    def take(self) -> list[Datagram[_Link]]:
        """Return what is to be answered now."""
        batch, self._urgent = self._urgent, []
        for _ in range(min(_AT_ONCE, len(self._waiting))):
            batch.append(self._waiting.popleft())
        return batch

    def waits(self) -> bool:
        """Whether there is more to take."""
        return bool(self._waiting)

    def take_dropped(self) -> int:
        """How many were thrown away since the last call."""
        count, self.dropped = self.dropped, 0
        return count
