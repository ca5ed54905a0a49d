"""Which pool address to give next, in constant time however full the pool is: a flood must not cost a scan.

Addresses are whole numbers here: an IPv4Address costs a microsecond each time that it is hashed.
"""

import heapq
from collections.abc import Callable, Iterable
from itertools import chain


class FreeAddresses:
    """Hands out addresses that nobody ever had, in order, then the one that is longest out of use.

    `taken_until` (address -> seconds) says until when an address was or is taken; 0.0: never. It is the
    truth; what this class remembers is only when to look again, one time for each address.
    """

    def __init__(self, ranges: Iterable[range], taken_until: Callable[[int, float], float]) -> None:
        self._fresh = chain.from_iterable(ranges)
        self._taken_until = taken_until
        self._queue: list[tuple[float, int]] = []
        self._when: dict[int, float] = {}  # the entry of the queue that counts for an address

    def next(self, now: float) -> int | None:
        """Return an address that is free at `now`; None where there is none. It stays in the queue."""
        for ip in self._fresh:
            until = self._taken_until(ip, now)
            self._look_again(ip, until or now)
            if until == 0.0:
                return ip
        while self._queue:
            due, ip = self._queue[0]
            if self._when[ip] != due:
                heapq.heappop(self._queue)
                continue
            if due > now:
                return None
            until = self._taken_until(ip, now)
            if until <= due:
                return ip
            heapq.heappop(self._queue)
            self._look_again(ip, until)
        return None

    def release(self, ip: int) -> None:
        """Note that the address became free before its time."""
        if self._when.get(ip, 0.0) > 0.0:
            self._look_again(ip, 0.0)

    def _look_again(self, ip: int, when: float) -> None:
        self._when[ip] = when
        heapq.heappush(self._queue, (when, ip))
        if len(self._queue) > 2 * len(self._when) + 64:  # entries that no longer count
            self._queue = [(due, known) for known, due in self._when.items()]
            heapq.heapify(self._queue)
