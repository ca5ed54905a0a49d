"""What a place does next. Pure: a cell's boots and their outcomes go in, the next boot comes out.

The cells of a place take turns, boot by boot: a deadline then cuts all of them alike, and whatever drifts
during the night drifts in all of them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from lab.matrix.model import Cell, SuiteKind, Task

GUESSED_SECONDS = {SuiteKind.BOOT: 30.0, SuiteKind.PYTEST: 30.0, SuiteKind.UPGRADES: 1800.0}


class Ended(StrEnum):
    """How a cell's night ended."""

    DONE = "done"
    GIVEN_UP = "given-up"  # too many failed boots in a row
    DEADLINE = "deadline"  # what was left did not fit
    SICK = "sick"  # its place is in quarantine
    STOPPED = "stopped"  # by a person, or by the lab: a full disk, an error


@dataclass(slots=True)
class Progress:
    """How far a cell is: `settled` boots have had their last word, `attempts` were made of the next one."""

    settled: int = 0
    failed: int = 0
    attempts: int = 0
    streak: int = 0
    seconds: list[float] = field(default_factory=list)
    ended: Ended | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """The next boot of a cell (or the run of its suite); `attempt` is above 1 where it is a retry."""

    task: Task
    attempt: int


def guess(task: Task) -> float:
    """Seconds that one step of a cell takes, where no earlier night tells."""
    seconds = GUESSED_SECONDS[task.suite.kind]
    return seconds * task.settings.boots if task.suite.kind is SuiteKind.PYTEST else seconds


def steps_of(task: Task) -> int:
    """How many steps a cell has: its boots, or the one run of its suite."""
    return task.settings.boots if task.suite.kind is SuiteKind.BOOT else 1


class Agenda:
    """The cells of one place. `estimates` are seconds a step, from earlier nights."""

    def __init__(self, tasks: Iterable[Task], estimates: Mapping[Cell, float]) -> None:
        self.tasks = {task.cell: task for task in tasks}
        self.progress = {cell: Progress() for cell in self.tasks}
        self._estimates = {cell: estimates.get(cell, guess(task)) for cell, task in self.tasks.items()}

    def next(self, left: float | None = None) -> Step | None:
        """The step that is to be done now: of the open cells the one that is least far; None: none is left.

        With `left` seconds to the deadline, only what is expected to fit.
        """
        fits = [task for task in self.open() if left is None or self.estimate(task.cell) <= left]
        if not fits:
            return None
        task = min(fits, key=lambda task: self.progress[task.cell].settled)
        return Step(task, self.progress[task.cell].attempts + 1)

    def settle(self, cell: Cell, seconds: float, *, ready: bool) -> None:
        """A step is over; a boot that failed comes again until its retries are used up."""
        done, task = self.progress[cell], self.tasks[cell]
        done.seconds.append(seconds)
        done.attempts += 1
        if not ready and done.attempts <= task.settings.retries and task.suite.kind is SuiteKind.BOOT:
            return
        done.attempts = 0
        done.settled += 1
        done.failed += not ready
        done.streak = 0 if ready else done.streak + 1
        if done.settled >= steps_of(task):
            done.ended = Ended.DONE
        elif done.streak >= task.settings.give_up_after:
            done.ended = Ended.GIVEN_UP

    def end(self, why: Ended) -> list[Task]:
        """Nothing more is done here; return the cells that were not through."""
        cut = self.open()
        for task in cut:
            self.progress[task.cell].ended = why
        return cut

    def open(self) -> list[Task]:
        """The cells that have something to do."""
        return [task for cell, task in self.tasks.items() if self.progress[cell].ended is None]

    def estimate(self, cell: Cell) -> float:
        """Seconds that a step takes: the mean of those of this night, else of earlier ones, else a guess."""
        seen = self.progress[cell].seconds
        return sum(seen) / len(seen) if seen else self._estimates[cell]
