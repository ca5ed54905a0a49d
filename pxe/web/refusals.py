"""Refusals: their HTTP status, and their events, which a flood of guesses must not fill the log with."""

import threading
import time
from collections.abc import Callable

from pxe.budget import Budget
from pxe.errors import RefusalReason
from pxe.events import ConfigRefused, Event

STATUS = {
    RefusalReason.NOT_FOUND: 404,
    RefusalReason.FORBIDDEN: 403,
    RefusalReason.UNSUPPORTED: 400,
    RefusalReason.BUSY: 503,
}

BURST = 50  # a rack whose machines all ask too early
PER_SECOND = 1.0
NAME_CHARACTERS = 120


class Refusals:
    """Emits ConfigRefused: BURST of them, then one a second, which says how many were left out before it."""

    def __init__(self, emit: Callable[[Event], None], clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._emit, self._clock = emit, clock
        self._lock = threading.Lock()
        self._budget = Budget(BURST, PER_SECOND, clock() / 1e9)

    def note(self, *, mac: str | None, name: str, peer: str, reason: str) -> None:
        """A request for a config was refused."""
        with self._lock:
            now = self._clock()
            if not self._budget.spend(now / 1e9):
                return
            unsaid = self._budget.take_skipped()
        name = name[:NAME_CHARACTERS]
        self._emit(ConfigRefused(t_ns=now, mac=mac, name=name, peer=peer, reason=reason, unsaid=unsaid))
