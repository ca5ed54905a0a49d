"""Time that passes only when somebody waits."""


class VirtualClock:
    """Seconds since the start of a test."""

    def __init__(self) -> None:
        self.now = 0.0

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += max(seconds, 0.0)

    @property
    def now_ns(self) -> int:
        """The same in nanoseconds."""
        return round(self.now * 1e9)
