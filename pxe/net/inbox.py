"""Which of the waiting DHCP messages are answered first, and which not at all when too many come.

A server that answers in order of arrival finishes next to nothing under a flood: each message waits behind
DISCOVERs whose clients gave up long ago, in the socket's buffer as here. So the sockets are emptied at once.
What finishes an exchange (REQUEST and the like) and what machines that we know send comes first, in order.
DISCOVERs of strangers come last, a few at a time, the newest first, and those that waited too long are thrown
away: an answer would be of no use, for their clients have asked again.
"""

import socket
from collections import deque
from collections.abc import Callable
from typing import Final, Generic, NamedTuple, TypeVar

from pxe.net.mmsg import AT_ONCE, Receiver

DRAIN: Final = 8192  # datagrams taken from one socket at a time: more than its buffer holds
_URGENT_AT_ONCE: Final = 64  # the answers go to one relay, perhaps: its socket's buffer holds some 270
_OTHERS_AT_ONCE: Final = 64  # DISCOVERs of strangers beside them
_URGENT: Final = 8192  # messages that wait, at most; the oldest makes room
_WAITING: Final = 2048
_TOO_OLD_NS: Final = 700_000_000  # iPXE, the least patient, asks again after a second
_MESSAGE_TYPE: Final = slice(240, 243)
_DISCOVER: Final = b"\x35\x01\x01"  # option 53, which everybody sends first
_CHADDR: Final = slice(28, 34)

_Link = TypeVar("_Link")
Receive = Callable[[socket.socket], list[tuple[bytes, tuple[str, int]]]]


class Datagram(NamedTuple, Generic[_Link]):
    """What came, from whom, when, and where."""

    data: bytes
    sender: tuple[str, int]
    t_ns: int
    link: _Link
    sock: socket.socket


class Inbox(Generic[_Link]):
    """`is_known` (MAC -> bool) says whose DISCOVER is as urgent as a REQUEST; `clock` is in nanoseconds;
    `receive` as in `pxe.net.mmsg.Receiver`.
    """

    def __init__(
        self, is_known: Callable[[str], bool], clock: Callable[[], int], receive: Receive | None = None
    ) -> None:
        self._is_known, self._clock = is_known, clock
        self._urgent: deque[Datagram[_Link]] = deque()
        self._waiting: deque[Datagram[_Link]] = deque()
        self._receive = receive or Receiver().receive
        self.dropped = 0  # since the last `take_dropped`

    def drain(self, link: _Link, sock: socket.socket) -> None:
        """Take what waits in the socket. Raises OSError where it was closed."""
        for _ in range(DRAIN // AT_ONCE):
            datagrams = self._receive(sock)
            now = self._clock()
            for data, sender in datagrams:
                came = Datagram(data, sender, now, link, sock)
                if data[_MESSAGE_TYPE] != _DISCOVER or self._is_known(data[_CHADDR].hex(":")):
                    self._put(self._urgent, came, _URGENT)
                else:
                    self._put(self._waiting, came, _WAITING)
            if len(datagrams) < AT_ONCE:
                return

    def _put(self, queue: deque[Datagram[_Link]], came: Datagram[_Link], room: int) -> None:
        if len(queue) >= room:
            queue.popleft()
            self.dropped += 1
        queue.append(came)

    def take(self) -> list[Datagram[_Link]]:
        """Return what is to be answered now."""
        urgent, waiting = self._urgent, self._waiting
        batch = [urgent.popleft() for _ in range(min(_URGENT_AT_ONCE, len(urgent)))]
        oldest = self._clock() - _TOO_OLD_NS
        for _ in range(min(_OTHERS_AT_ONCE, len(waiting))):
            newest = waiting.pop()
            if newest.t_ns < oldest:  # and so are all that came before it
                self.dropped += len(waiting) + 1
                waiting.clear()
                break
            batch.append(newest)
        return batch

    def waits(self) -> bool:
        """Whether there is more to take."""
        return bool(self._urgent or self._waiting)

    def take_dropped(self) -> int:
        """How many were thrown away since the last call."""
        count, self.dropped = self.dropped, 0
        return count
