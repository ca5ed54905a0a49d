"""Runs and their boots, for people who look and programs that ask."""

import statistics
from dataclasses import asdict
from typing import Any

from lab.browse.boot import recorded_boot
from lab.browse.files import report, run_files
from lab.browse.library import Library, Missing, find_folder
from lab.browse.rows import record_of
from lab.errors import LabError
from lab.index import BootRow, RunRow
from lab.measure.statistics import milestone_order
from lab.model import BootRecord
from lab.report import words
from lab.report.bars import Names
from lab.report.console import console_view
from lab.report.facts import facts
from lab.store.run import Run, load_info, load_run

_PER_PAGE = 100


def runs(library: Library, *, before: str = "", limit: int = _PER_PAGE, **wanted: str) -> dict[str, Any]:
    """Runs, the newest first; `next` is the `before` of the next page."""
    found = library.index().page_of_runs(before=before, limit=limit + 1, **wanted)
    shown = [_summary(row) for row in found[:limit]]
    more = shown[-1]["run"] if len(found) > limit else ""
    return {"runs": shown, "next": more, "problems": list(library.problems)}


def run(library: Library, *, run: str) -> dict[str, Any]:
    """One run: how it was measured, and what it left."""
    rows = library.index().runs(run_id=run)
    if not rows:
        find_folder(library, run)
    row, folder = rows[0], library.results / rows[0].folder
    boots = library.index().boots(run_id=run)
    try:
        info = load_info(folder)
    except LabError as exc:
        raise Missing(library.tell(str(exc))) from None
    seconds = [boot.seconds for boot in boots if boot.seconds is not None]
    read = Run(folder=folder, info=info, boots=tuple(record_of(boot, info) for boot in boots))
    return {
        **_summary(row),
        "median_seconds": round(statistics.median(seconds), 4) if seconds else None,
        "report": report(library, folder),
        "facts": [{"term": term, "text": text} for term, text in facts(read, None)],
        "files": run_files(library, folder),
    }


def boots(
    library: Library, *, run: str, after: int = 0, limit: int = 500, ready: bool | None = None
) -> dict[str, Any]:
    """The boots of a run numbered above `after` (from 1); `next` is the `after` of the next page, 0: none."""
    find_folder(library, run)
    found = library.index().boots(after=after - 1, limit=limit + 1, ready=ready, run_id=run)
    shown = [_boot(row) for row in found[:limit]]
    return {"boots": shown, "next": shown[-1]["number"] if len(found) > limit else 0}


def boot(library: Library, *, run: str, number: int) -> dict[str, Any]:
    """One boot: each step of it, each transfer, why it failed."""
    read, record = _record(library, run, number)
    return recorded_boot(library, read, record)


def console(library: Library, *, run: str, number: int) -> dict[str, Any]:
    """What the console of one boot said, with milestones and transfers where they happened."""
    read, record = _record(library, run, number)
    names = Names(milestone_order(read.boots), read.info.titles)
    view = console_view(read.folder, record, names)
    lines = [{**asdict(row), "at": row.at.replace("<", "")} for row in view.rows]
    return {"lines": lines, "note": view.note, "total": view.lines}


def _record(library: Library, run: str, number: int) -> tuple[Run, BootRecord]:
    folder = find_folder(library, run)
    try:
        read = load_run(folder)
    except LabError as exc:
        raise Missing(library.tell(str(exc))) from None
    for record in read.boots:
        if record.index + 1 == number:
            return read, record
    raise Missing(f"run {run} has no boot {number}; it has {words.count(len(read.boots), 'boot')}")


def _summary(row: RunRow) -> dict[str, Any]:
    left_out = ("run_id", "plan_hash", "image_digest", "console_args")
    return {"run": row.run_id, **{name: value for name, value in asdict(row).items() if name not in left_out}}


def _boot(row: BootRow) -> dict[str, Any]:
    return {
        "number": row.number + 1,
        "started_at": row.started_at,
        "ready": row.ready,
        "attempt": row.attempt,
        "seconds": row.seconds,
        "load": row.load,
        "cause": row.cause or "",
        "sentence": row.sentence or "",
    }
