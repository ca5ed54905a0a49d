"""The progress of a night: a bar for each place on a terminal, a line for each boot elsewhere."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from lab.matrix.agenda import steps_of
from lab.matrix.model import Cell, Matrix


class NightProgress:
    """Tells of a running night (lab.matrix.context.Teller); a context manager."""

    def __init__(self, matrix: Matrix, console: Console) -> None:
        self._console = console
        self._totals = dict.fromkeys(matrix.places, 0)
        for task in matrix.tasks:
            self._totals[task.cell.place] += steps_of(task)
        self._bars: Progress | None = None
        self._rows: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            columns = (
                TextColumn("{task.fields[place]}", markup=False),
                BarColumn(bar_width=20),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.description}", markup=False),
            )
            self._bars = Progress(*columns, console=self._console)
            self._bars.start()
            for place, total in self._totals.items():
                self._rows[place] = self._bars.add_task("", total=total, place=place)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def place(self, place: str, doing: str) -> None:
        """A place does something else now."""
        if self._bars is not None:
            self._bars.update(self._rows[place], description=doing)
        elif "quarantine" in doing or doing == "is checked":
            self._say(f"{place} {doing}")

    def step(self, place: str, cell: Cell, words: str, steps: int) -> None:
        """A boot or a suite is over."""
        if self._bars is not None:
            self._bars.update(self._rows[place], completed=steps)
        else:
            self._say(f"{cell}: {words} ({steps} of {self._totals[place]})")

    def warning(self, text: str) -> None:
        """Something that a person should know."""
        self._say(f"warning: {text}")

    def _say(self, text: str) -> None:
        safe = "".join(char if char.isprintable() else "?" for char in text)
        self._console.print(safe, markup=False, highlight=False, soft_wrap=True)
