"""Run a night: take its places, let each work, and write down how it ended."""

import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from lab.config import load_site
from lab.errors import DiskError, UsageError
from lab.index import index_url, refresh
from lab.matrix.agenda import Agenda, Ended, steps_of
from lab.matrix.context import Running, Teller
from lab.matrix.journal import NIGHTS, SCHEMA, Journal, seconds_since
from lab.matrix.model import Cell, Matrix, SuiteKind, Task
from lab.matrix.night import CellNight, Night, attempts, load_night, night_folders
from lab.matrix.planner import Forecast, forecast
from lab.matrix.quarantine import Quarantine
from lab.matrix.taken import take
from lab.matrix.worker import PlaceWorker
from lab.store import new_run_id, utc_now

_LOOK_SECONDS = 0.5


@dataclass(kw_only=True)
class Outcome:
    """A night that was run. `overhead`: for each place the scheduler's own time, as a share of its boots'."""

    night: Night
    overhead: dict[str, float] = field(default_factory=dict)
    bugs: list[str] = field(default_factory=list)


def run_night(
    matrix: Matrix, teller: Teller, *, results: Path | None = None, resume: Night | None = None
) -> Outcome:
    """Run the matrix, or go on with a night that was cut off; returns when all places are through.

    A KeyboardInterrupt lets the boots under way finish, a second one ends at once. Raises UsageError where a
    place is taken or nothing fits into the deadline, DiskError where nothing can be written at all.
    """
    site = load_site(matrix.lab)
    folder = (results or site.results).absolute()
    night = resume.id if resume is not None else new_run_id()
    left = _deadline_left(matrix, resume)
    if resume is None:
        check_deadline(matrix, plan(matrix, folder, deadline=left))
    places = [place for place in site.places if place.name in matrix.places]
    with take(places, folder, night), Journal(folder / NIGHTS / night, fresh=resume is None) as journal:
        if resume is None:
            journal.write("begin", **header(matrix, night))
        else:
            journal.write("resume", at=utc_now(), pid=os.getpid())
        running = Running(
            id=night,
            matrix=matrix,
            site=site,
            results=folder,
            journal=journal,
            quarantine=Quarantine(folder),
            teller=teller,
            agendas=_agendas(matrix, resume, estimates(folder, matrix.name)),
            runs=_runs(resume),
            ends_at=None if left is None else time.monotonic() + left,
        )
        workers = [PlaceWorker(running, place) for place in matrix.places]
        _work(running, workers)
        for problem in refresh(index_url(folder), folder):  # the records count, not their index
            running.warn(f"index: {problem}")
        shares = {w.place: max(0.0, w.wall - w.busy - w.idle) / w.busy for w in workers if w.busy}
        how = _end(running, shares)
    found = replace(load_night(folder / NIGHTS / night), how=how)  # on a full disk, it is not in the journal
    return Outcome(night=found, overhead=shares, bugs=running.bugs)


def plan(matrix: Matrix, results: Path, *, deadline: float | None) -> Forecast:
    """How long the night will take, from earlier nights where there were any."""
    return forecast(matrix.tasks, estimates(results, matrix.name), matrix.emulators, deadline)


def check_deadline(matrix: Matrix, expected: Forecast) -> None:
    """Raise UsageError where not one boot fits into the deadline."""
    if matrix.deadline is None or any(expected.steps.values()):
        return
    cell = min(expected.estimates, key=lambda cell: expected.estimates[cell])
    source = "last time" if cell in expected.measured else "a guess: no earlier night tells"
    raise UsageError(
        f"{matrix.file}: nothing fits into the deadline of {matrix.deadline:g} s: the shortest boot, "
        f"{cell}, takes {expected.estimates[cell]:.0f} s ({source})"
    )


def unfinished(results: Path, matrix: Matrix) -> Night | None:
    """The newest night of this matrix that was cut off; None where it came to its end, or there is none."""
    for folder in reversed(night_folders(results)):
        try:
            night = load_night(folder)
        except UsageError:
            continue
        if night.matrix == matrix.name:
            return night if night.how in ("", "stopped", "disk") else None
    return None


def objection_to_resume(matrix: Matrix, night: Night) -> str:
    """Why a night cannot be gone on with; "" where it can."""
    if night.digest != matrix.digest:
        return f"{matrix.file} has been changed since night {night.id} began"
    if set(night.cells) != {task.cell for task in matrix.tasks}:
        return f"{matrix.lab} has been changed since night {night.id} began"
    left = _deadline_left(matrix, night)
    if left is not None and left <= 0:
        return f"the deadline of night {night.id} is over"
    return ""


def estimates(results: Path, matrix: str) -> dict[Cell, float]:
    """Seconds a step of each cell, from the newest night of the matrix that has it."""
    found: dict[Cell, float] = {}
    nights = 0
    for folder in reversed(night_folders(results)):
        try:
            night = load_night(folder)
        except UsageError:
            continue
        if night.matrix != matrix:
            continue
        for cell, seen in night.cells.items():
            if cell not in found and (seconds := _seconds(seen)) is not None:
                found[cell] = seconds
        nights += 1
        if nights == 3:
            break
    return found


def _seconds(cell: CellNight) -> float | None:
    if cell.tests is not None:
        return cell.tests.seconds
    ends = [(b.timeline.end_ns, b.timeline.t0_ns) for b in cell.boots]
    seconds = [(end - begin) / 1e9 for end, begin in ends if end is not None]
    return sum(seconds) / len(seconds) if seconds else None


def header(matrix: Matrix, night: str) -> dict[str, Any]:
    """The journal's first line: all that a reader needs to know of the matrix."""
    cells = [
        {
            "place": task.cell.place,
            "image": task.cell.image,
            "suite": task.cell.suite,
            "kind": task.suite.kind.value,
            "board_type": task.board_type,
            "emulated": task.emulated,
            "boots": task.settings.boots,
            "timeout": task.settings.timeout,
            "retries": task.settings.retries,
        }
        for task in matrix.tasks
    ]
    return {
        "schema": SCHEMA,
        "night": night,
        "at": utc_now(),
        "pid": os.getpid(),
        "matrix": matrix.name,
        "digest": matrix.digest,
        "deadline": matrix.deadline,
        "noticed": asdict(matrix.noticed),
        "cells": cells,
        "left_out": list(matrix.left_out),
    }


def _work(running: Running, workers: list[PlaceWorker]) -> None:
    for worker in workers:
        worker.start()
    try:
        while any(worker.is_alive() for worker in workers):
            for worker in workers:
                worker.join(_LOOK_SECONDS)
    except KeyboardInterrupt:
        running.cut("stopped")
        running.teller.warning("stopped: boots under way are finished; Ctrl-C again ends them")
        for worker in workers:
            worker.join()


def _end(running: Running, overhead: Mapping[str, float]) -> str:
    """Write down how the night ended, and return it."""
    cells = [p for agenda in running.agendas.values() for p in agenda.progress.values()]
    cut = any(progress.ended is Ended.DEADLINE for progress in cells)
    how = running.how or ("deadline" if cut else "done")
    try:
        shares = {place: round(share, 5) for place, share in overhead.items()}
        running.journal.write("end", at=utc_now(), how=how, overhead=shares)
    except DiskError as exc:  # the night's boots are on disk; --resume goes on
        running.teller.warning(str(exc))
    return how


def _deadline_left(matrix: Matrix, resume: Night | None) -> float | None:
    if matrix.deadline is None or resume is None:
        return matrix.deadline
    return matrix.deadline - seconds_since(resume.began)


def _runs(resume: Night | None) -> dict[Cell, Path]:
    if resume is None:
        return {}
    boots = [cell for cell in resume.cells.values() if cell.kind is SuiteKind.BOOT and cell.ended is None]
    return {cell.cell: cell.folders[-1] for cell in boots if cell.folders}


def _agendas(matrix: Matrix, resume: Night | None, known: Mapping[Cell, float]) -> dict[str, Agenda]:
    by_place: dict[str, list[Task]] = {place: [] for place in matrix.places}
    for task in matrix.tasks:
        by_place[task.cell.place].append(task)
    agendas = {place: Agenda(tasks, known) for place, tasks in by_place.items()}
    for task in matrix.tasks if resume is not None else ():
        assert resume is not None
        _catch_up(agendas[task.cell.place], task, resume.cells[task.cell])
    return agendas


def _catch_up(agenda: Agenda, task: Task, seen: CellNight) -> None:
    """Let an agenda know what a night that was cut off has done already."""
    progress = agenda.progress[task.cell]
    if seen.tests is not None:
        progress.settled, progress.failed = steps_of(task), int(bool(seen.tests.failed))
    for group in attempts(seen.boots):
        for record in group:
            if progress.ended is None:
                end_ns = record.timeline.end_ns or record.timeline.t0_ns
                agenda.settle(task.cell, (end_ns - record.timeline.t0_ns) / 1e9, ready=record.ready)
    if seen.tests is not None:
        progress.ended = Ended.DONE
    if seen.ended is not None and seen.ended is not Ended.STOPPED:
        progress.ended = seen.ended
