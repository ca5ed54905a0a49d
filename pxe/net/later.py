"""Things to do later, in the loop that asks: replies that a policy delays. Bounded."""

import heapq
from collections.abc import Callable, Iterator

_CAPACITY = 10_000  # replies that wait; one more is sent at once

Act = Callable[[], object]


class Later:
    """A queue by time, in seconds of CLOCK_MONOTONIC. For one thread."""

    def __init__(self) -> None:
        self._queue: list[tuple[float, int, Act]] = []
        self._number = 0  # of two that are due at once the older one comes first

    def at(self, when: float, act: Act) -> bool:
        """Have `act` come out of `take` from `when` on; False where too many wait already."""
        if len(self._queue) >= _CAPACITY:
            return False
        self._number += 1
        heapq.heappush(self._queue, (when, self._number, act))
        return True

    def due(self) -> float | None:
        """When the next one is due; None where none waits."""
        return self._queue[0][0] if self._queue else None

    def take(self, now: float) -> Iterator[Act]:
        """Hand out all that are due."""
        while self._queue and self._queue[0][0] <= now:
            yield heapq.heappop(self._queue)[2]
