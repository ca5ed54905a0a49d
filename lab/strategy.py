"""When is a boot over? A pure state machine: milestones, proofs of life and time go in, a Verdict comes out.

Rules:
- Milestones are expected in an order; reaching a later one passes those before it (firmware skips stages).
- So does a proof that they are past: who fetches a file has its address, whoever gave it.
- The last expected milestone makes the board READY. Nothing that comes after a verdict changes it.
- Each milestone has a deadline in seconds after the last sign of progress. A transfer that starts or
  completes is progress, so that a slow link is not a failed board; one that the server gave up on is the end.
- An alarm (panic, unexpected reset) or a board that is gone ends the boot at once.

Time is an argument (nanoseconds of the one clock), so that every ending is a unit test without a board.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

DEFAULT_DEADLINE = 60.0  # seconds for a milestone whose board type states none


class Ending(StrEnum):
    """How a boot ended."""

    READY = "ready"
    DEADLINE = "deadline"  # the awaited milestone did not come in time
    ALARM = "alarm"  # a panic, oops or unexpected reset on the console
    COMMAND = "command"  # a command that a driven boot typed failed
    GONE = "gone"  # the board or its console vanished
    REFUSED = "refused"  # the boot service has nothing for this machine
    STALLED = "stalled"  # the server gave a transfer up
    SERVICE_LOST = "service-lost"  # the boot service itself no longer answers


@dataclass(frozen=True, slots=True)
class Verdict:
    """The end of a boot: how, when, what was being waited for, and the words of whoever saw it."""

    ending: Ending
    t_ns: int
    awaited: str
    detail: str = ""


class BootStrategy:
    """Follows one boot from power-on to the last of `expected` or to a failure."""

    def __init__(self, expected: tuple[str, ...], deadlines: Mapping[str, float], t0_ns: int) -> None:
        if not expected:
            raise ValueError("a boot needs at least one expected milestone")
        self._expected = expected
        self._deadlines = deadlines
        self._next = 0
        self._progress_ns = t0_ns
        self.verdict: Verdict | None = None

    @property
    def awaited(self) -> str:
        """The milestone that is waited for, or the last one once all have come."""
        return self._expected[min(self._next, len(self._expected) - 1)]

    def milestone(self, name: str, t_ns: int) -> None:
        """A milestone was reached; one that is not expected (or has passed) is no progress."""
        if self.verdict or name not in self._expected[self._next :]:
            return
        self._next = self._expected.index(name) + 1
        self._progress_ns = t_ns
        if self._next == len(self._expected):
            self.end(Ending.READY, t_ns)

    def passed(self, names: Collection[str]) -> None:
        """None of `names` is waited for any more, seen or not; the last milestone of all always is."""
        behind = [n for n, name in enumerate(self._expected[:-1], start=1) if name in names]
        if self.verdict is None:
            self._next = max([self._next, *behind])

    def progress(self, t_ns: int) -> None:
        """A sign of life: a transfer started or completed. The deadline starts anew."""
        self._progress_ns = max(self._progress_ns, t_ns)

    def end(self, ending: Ending, t_ns: int, detail: str = "") -> None:
        """The boot is over; the first verdict stands."""
        if self.verdict is None:
            self.verdict = Verdict(ending, t_ns, self.awaited, detail)

    def get_timer(self) -> int | None:
        """When `handle_timer` wants to be called (ns), or None once there is a verdict."""
        if self.verdict:
            return None
        seconds = self._deadlines.get(self.awaited, DEFAULT_DEADLINE)
        return self._progress_ns + int(seconds * 1e9)

    def handle_timer(self, now_ns: int) -> None:
        """End the boot where the awaited milestone is overdue."""
        due = self.get_timer()
        if due is not None and now_ns >= due:
            seconds = (now_ns - self._progress_ns) / 1e9
            self.end(
                Ending.DEADLINE, now_ns, f"no {self.awaited} for {seconds:.1f} s after the last progress"
            )
