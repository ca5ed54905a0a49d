"""What all places of a running night share: the journal, the clock, the emulators, and the sign to stop."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from lab.config import Site
from lab.errors import DiskError
from lab.matrix.agenda import Agenda, Ended
from lab.matrix.journal import Journal
from lab.matrix.model import Cell, Matrix
from lab.matrix.quarantine import Quarantine

_LOOK_SECONDS = 0.5


class Teller(Protocol):
    """Who is told of the night's progress; called from the places' threads, one call at a time."""

    def place(self, place: str, doing: str) -> None:
        """A place does something else now: a check, a boot, waiting."""

    def step(self, place: str, cell: Cell, words: str, steps: int) -> None:
        """A boot or a suite is over; `steps` are done in this place."""

    def warning(self, text: str) -> None:
        """Something that a person should know."""


@dataclass(kw_only=True)
class Running:
    """A night under way. `ends_at` (monotonic seconds) is its deadline, `runs` those to be gone on with."""

    id: str
    matrix: Matrix
    site: Site
    results: Path
    journal: Journal
    quarantine: Quarantine
    teller: Teller
    agendas: dict[str, Agenda]
    runs: dict[Cell, Path]
    ends_at: float | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    how: str = ""  # why it was stopped before its time
    bugs: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._emulators = threading.BoundedSemaphore(self.matrix.emulators)
        self._lock = threading.Lock()

    def left(self) -> float | None:
        """Seconds to the deadline; None without one."""
        return None if self.ends_at is None else self.ends_at - time.monotonic()

    @contextmanager
    def emulator(self, emulated: bool) -> Iterator[bool]:
        """Wait until one more emulated board may be on; yields False where the night was stopped first."""
        if not emulated:
            yield not self.stop.is_set()
            return
        while not self.stop.is_set():
            if self._emulators.acquire(timeout=_LOOK_SECONDS):
                try:
                    yield not self.stop.is_set()
                finally:
                    self._emulators.release()
                return
        yield False

    def cut(self, how: str, why: str = "") -> None:
        """End the night: boots under way are finished, none is begun."""
        with self._lock:
            self.how = self.how or how
        if why:
            self.warn(why)
        self.stop.set()

    def warn(self, text: str) -> None:
        """Tell a person; in the journal, too, where the disk takes it."""
        with self._lock:
            self.teller.warning(text)
        try:
            self.journal.write("warning", text=text)
        except DiskError:
            self.how = self.how or "disk"
            self.stop.set()

    def tell_step(self, place: str, cell: Cell, words: str) -> None:
        """A boot or a suite is over."""
        done = sum(progress.settled for progress in self.agendas[place].progress.values())
        with self._lock:
            self.teller.step(place, cell, words, done)

    def tell_place(self, place: str, doing: str) -> None:
        """A place does something else now."""
        with self._lock:
            self.teller.place(place, doing)

    def end_place(self, place: str) -> None:
        """The place's worker is through: what is left did not fit, unless the night was stopped."""
        if not self.stop.is_set():  # else what is left may be gone on with
            self.end_cells(place, Ended.DEADLINE)
            self.tell_place(place, "is through")

    def end_cells(self, place: str, why: Ended) -> None:
        """Write down that what is left of a place's cells is not done tonight."""
        for task in self.agendas[place].end(why):
            self.journal.write("cell", cell=names(task.cell), ended=why.value)

    def end_cell(self, place: str, cell: Cell) -> bool:
        """Write down that a cell has ended, where it has; whether it has."""
        ended = self.agendas[place].progress[cell].ended
        if ended is not None:
            self.journal.write("cell", cell=names(cell), ended=ended.value)
        return ended is not None


def names(cell: Cell) -> list[str]:
    """A cell as the journal has it."""
    return [cell.place, cell.image, cell.suite]
