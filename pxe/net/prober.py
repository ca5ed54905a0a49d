"""When to ask who uses an address of our pools without having it from us; how, the two kinds of prober know.

No OFFER waits for an answer. Two kinds of questions are asked: one for each address just before it is offered
(its REQUEST comes a millisecond to seconds later, and gets a NAK if somebody answered by then), and a round
through the pool, ahead of need and slow: U-Boot 2023.01 on QEMU's virtio card takes in nothing any more once
32 frames have waited for its first DISCOVER.
So a client can be granted an address that somebody uses only if the round has not come to it yet, and
whoever uses it answers later than the client: then the client's own probe and DECLINE must do.
"""

import contextlib
import socket
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from ipaddress import IPv4Address
from itertools import cycle
from typing import Final

from pxe.boot.leases import LeaseTable
from pxe.events import AddressConflict

_SECONDS: Final = 0.25  # between two questions of the first round: 2 kbit/s of broadcast
_LATER_SECONDS: Final = 2.0  # of all later ones: who has an address by then mostly has it from us
_AT_ONCE: Final = 16  # questions about offers in each of those steps
_WAITING: Final = 256  # offers not asked about yet; the oldest are dropped
_LONGEST: Final = 128  # bytes of an answer


class Prober(ABC):
    """Asks about the addresses of `tables`, which share their records. For one thread; what touches the
    tables runs under their lock."""

    def __init__(self, sock: socket.socket, tables: Sequence[LeaseTable]) -> None:
        self._sock, self._tables, self._records = sock, tuple(tables), tables[0].records
        self._offered: deque[IPv4Address] = deque(maxlen=_WAITING)
        ranges = [part for table in self._tables for part in table.pool.numbers()]
        self._round = cycle(ranges) if ranges else None
        self._range = iter(range(0))
        self._first_round = sum(map(len, ranges))  # questions of it to come
        self._next_ahead = time.monotonic()
        self._next, self._quota = time.monotonic(), _AT_ONCE

    @abstractmethod
    def _ask(self, ip: IPv4Address) -> None:
        """Send the question. Raises OSError."""

    @abstractmethod
    def _conflict(self, answer: bytes, now: float) -> AddressConflict | None:
        """What an answer tells; None where all is well, or known."""

    def fileno(self) -> int:
        """The socket's number, for poll."""
        return self._sock.fileno()

    def ask(self, ip: IPv4Address) -> None:
        """Ask about an address that is about to be offered; later, where there are many at once."""
        if not self._may_give(ip):
            return
        if self._quota:
            self._quota -= 1
            self._send(ip)
        else:
            self._offered.append(ip)

    def due(self) -> float:
        """When `probe` has something to do, in seconds of CLOCK_MONOTONIC."""
        return self._next

    def probe(self, monotonic: float, now: float) -> None:
        """Ask, if it is time."""
        while self._offered and self._quota:
            self._quota -= 1
            self._send(self._offered.popleft())
        if monotonic < self._next:
            return
        self._next, self._quota = monotonic + _SECONDS, _AT_ONCE
        if monotonic < self._next_ahead:
            return
        self._first_round = max(0, self._first_round - 1)
        self._next_ahead = monotonic + (_SECONDS if self._first_round else _LATER_SECONDS)
        ahead = self._ahead(now)
        if ahead is not None:
            self._send(ahead)

    def hear(self, now: float) -> list[AddressConflict]:
        """Take what waits in the socket; return the conflicts that are news."""
        found = []
        for _ in range(_WAITING):
            try:
                answer, _address = self._sock.recvfrom(_LONGEST)
            except OSError:  # nothing waits, or the interface went down
                break
            conflict = self._conflict(answer, now)
            if conflict is not None:
                found.append(conflict)
        return found

    def _may_give(self, ip: IPv4Address) -> bool:
        return any([table.may_give(ip) for table in self._tables])

    def _ahead(self, now: float) -> IPv4Address | None:
        """The next address of the round; None where its turn goes to nobody, being in use as it should."""
        number = next(self._range, None)
        if number is None:
            if self._round is None:
                return None
            self._range = iter(next(self._round))
            number = next(self._range)
        lease = self._records.by_ip.get(number)
        return None if lease is not None and lease.active(now) else IPv4Address(number)

    def _send(self, ip: IPv4Address) -> None:
        with contextlib.suppress(OSError):  # the link is down or its queue full: the round comes by again
            self._ask(ip)
