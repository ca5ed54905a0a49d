"""One place in a night: its check, then its cells in turn, boot by boot. A thread of its own."""

import threading
import time
import traceback

from lab.errors import BoardError, DiskError, InfrastructureError
from lab.matrix.agenda import Step
from lab.matrix.checkup import is_fit
from lab.matrix.context import Running
from lab.matrix.model import Cell, SuiteKind
from lab.matrix.placelab import PlaceLab
from lab.matrix.suites import run_suite
from lab.model import BootRecord
from pxe.errors import PxeError

_SUSPICIOUS = 2  # boots in a row that fail at last, of whichever cell, before the place is checked again


class PlaceWorker(threading.Thread):
    """Runs the cells of `place`. Never raises: what goes wrong is in the journal, and in `running.bugs`.

    Seconds: `busy` in boots and suites, `idle` in checks and in waiting for other emulated boards, `wall` in
    all. What remains is the scheduler's own.
    """

    def __init__(self, running: Running, place: str) -> None:
        super().__init__(name=f"place {place}", daemon=True)
        self.place = place
        self.busy = self.idle = self.wall = 0.0
        self._running = running
        self._agenda = running.agendas[place]
        self._tasks = list(self._agenda.tasks.values())
        self._lab = PlaceLab(running)
        self._streak = 0
        self._suspicion = _SUSPICIOUS

    def run(self) -> None:
        """The place's night."""
        began = time.monotonic()
        try:
            self._work()
        except DiskError as exc:
            self._running.cut("disk", str(exc))
        except Exception as exc:  # a bug of ours in one place must not cost the others their night
            self._running.bugs.append(traceback.format_exc())
            self._running.warn(f"{self.place}: a bug of bootlab ended its night: {type(exc).__name__}: {exc}")
        finally:
            self._lab.close()
            self.wall = time.monotonic() - began

    def _work(self) -> None:
        if self._agenda.open() and self._fit():
            while self._turn():
                pass
        self._running.end_place(self.place)

    def _turn(self) -> bool:
        """One step of the agenda; whether there may be another."""
        if self._next() is None:
            return False
        waiting = time.monotonic()
        with self._running.emulator(self._tasks[0].emulated) as free:
            self.idle += time.monotonic() - waiting
            step = self._next() if free else None  # the deadline may have come while we waited
            if step is None:
                return False
            cell = step.task.cell
            self._running.tell_place(self.place, f"{cell.image}, {cell.suite}")
            if step.task.suite.kind is SuiteKind.BOOT:
                self._boot(step)
            else:
                self._suite(step)
        if self._running.end_cell(self.place, cell):
            self._lab.finish(cell)
        return self._trusted()

    def _next(self) -> Step | None:
        return None if self._running.stop.is_set() else self._agenda.next(self._running.left())

    def _boot(self, step: Step) -> None:
        cell, began = step.task.cell, time.monotonic()
        try:
            record = self._lab.run_of(step.task).boot(step.attempt)
        except DiskError:
            raise
        except (InfrastructureError, BoardError, PxeError) as exc:
            self._running.warn(f"{cell}: the lab's equipment failed: {exc}")
            self._settle(cell, began, ready=False, words=f"lab: {exc}")
            self._streak = self._suspicion  # look at the place now
            self._lab.let_go()
            return
        again = f", attempt {step.attempt}" if step.attempt > 1 else ""
        self._settle(cell, began, ready=record.ready, words=_words(record) + again)

    def _suite(self, step: Step) -> None:
        began = time.monotonic()
        self._lab.let_go()  # the suite's own process takes the place
        outcome = run_suite(self._running, step.task)
        if outcome is not None:
            self._settle(step.task.cell, began, ready=outcome.passed, words=outcome.words)

    def _settle(self, cell: Cell, began: float, *, ready: bool, words: str) -> None:
        seconds = time.monotonic() - began
        self.busy += seconds
        before = self._agenda.progress[cell].settled
        self._agenda.settle(cell, seconds, ready=ready)
        if self._agenda.progress[cell].settled > before:
            self._streak = 0 if ready else self._streak + 1
        self._running.tell_step(self.place, cell, words)

    def _trusted(self) -> bool:
        """Look at the place where too many boots in a row have failed; whether to go on with it."""
        if self._streak < self._suspicion or not self._agenda.open():
            return True
        self._streak = 0
        self._suspicion *= 2  # where the place is well, the images are bad, and a check each time costs much
        return self._fit()

    def _fit(self) -> bool:
        began = time.monotonic()
        fit = is_fit(self._running, self._lab, self._tasks)
        self.idle += time.monotonic() - began
        return fit


def _words(record: BootRecord) -> str:
    if record.failure is not None:
        return f"{record.failure.cause}: {record.failure.sentence}"
    seconds = (record.timeline.milestones[-1].t_ns - record.timeline.t0_ns) / 1e9
    return f"ready {seconds:.2f} s"
