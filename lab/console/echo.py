"""Checking that what a line editor echoes is what was typed. Pure."""

from lab.console.expect import Match

ECHOED = "echoed"
MISMATCH = "mismatch"


class Echo:
    """One chunk of typed bytes; reports `echoed` when all of it has come back, `mismatch` at the first byte
    that is not the one expected (a byte lost, doubled, changed, or somebody else's text in between).
    """

    def __init__(self, typed: bytes) -> None:
        self._typed = typed
        self._at = 0

    def feed(self, t_ns: int, data: bytes) -> list[Match]:
        """One match when the answer is known, nothing before."""
        start = self._at
        wanted = self._typed[start : start + len(data)]
        if data[: len(wanted)] == wanted:
            self._at += len(wanted)
            if self._at < len(self._typed):
                return []
            return [Match(ECHOED, t_ns, 0, self._at, self._typed)]
        good = next(i for i, byte in enumerate(wanted) if data[i] != byte)
        self._at += good
        return [Match(MISMATCH, t_ns, 0, self._at, self._typed[: self._at])]
