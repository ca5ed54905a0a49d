"""What a place's worker has in hand: the lab brought up for this place alone, and the runs it records.

Each emulated place gets a network and a boot service of its own: what breaks in one does not reach another.
"""

from pathlib import Path

from lab.config import load_board_type
from lab.errors import LabError
from lab.matrix.context import Running, names
from lab.matrix.images import image_for
from lab.matrix.model import Cell, Task
from lab.series import Method, OpenRun, Series
from lab.session import LabSession


class PlaceLab:
    """The lab of one place, brought up when it is first needed; used by one thread."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._session: LabSession | None = None
        self._runs: dict[Cell, OpenRun] = {}

    def session(self) -> LabSession:
        """The session; a new one after `let_go`."""
        if self._session is None:
            self._session = LabSession(self._running.site)
        return self._session

    def let_go(self) -> None:
        """Power off and free the place for another process, or for a fresh start."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def run_of(self, task: Task) -> OpenRun:
        """The run of a cell: open already, gone on with, or begun now."""
        cell = task.cell
        if cell in self._runs:
            self._runs[cell].series.session = self.session()
            return self._runs[cell]
        known = self._running.runs.get(cell)
        opened = self._series(task).open(known)
        if known is None:
            self._running.journal.write("run", cell=names(cell), run=self.below(opened.folder))
        self._runs[cell] = opened
        return opened

    def finish(self, cell: Cell) -> None:
        """The cell has ended: its run is complete."""
        if cell in self._runs:
            self._runs.pop(cell).__exit__(None, None, None)

    def close(self) -> None:
        """Let go of everything; runs that are open stay incomplete, and can be gone on with."""
        for run in self._runs.values():
            run.keep_open = True
            try:
                run.__exit__(None, None, None)
            except LabError as exc:
                self._running.warn(str(exc))
        try:
            self.let_go()
        except LabError as exc:
            self._running.warn(str(exc))

    def below(self, folder: Path) -> str:
        """A folder's name below the results, as the journal has it."""
        return str(folder.relative_to(self._running.results))

    def _series(self, task: Task) -> Series:
        return Series(
            session=self.session(),
            place=task.cell.place,
            image=image_for(task.image, self._running.site, load_board_type(task.board_type)),
            method=Method(task.suite.method),
            boots=task.settings.boots,
            results=self._running.results,
            pcap=self._running.matrix.pcap,
            suite=task.suite.name,
            night=self._running.id,
            limit=task.settings.timeout,
        )
