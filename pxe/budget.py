"""How much of something may be said: a flood must not drown what matters."""


class Budget:
    """A token bucket: `size` at once, `rate` a second, by one clock of seconds. For one thread at a time."""

    def __init__(self, size: int, rate: float, now: float) -> None:
        self._size, self._rate = size, rate
        self._left, self._then = float(size), now
        self.skipped = 0  # since `take_skipped`

    def spend(self, now: float) -> bool:
        """Take one; False, and counted, where none is left."""
        left = self._left + (now - self._then) * self._rate
        self._then = now
        if left < 1.0:
            self._left = left
            self.skipped += 1
            return False
        self._left = (left if left < self._size else self._size) - 1.0
        return True

    def take_skipped(self) -> int:
        """Return how many were refused since the last call."""
        skipped, self.skipped = self.skipped, 0
        return skipped
