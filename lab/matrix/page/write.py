"""Write the page of a night, and of its runs."""

from collections.abc import Sequence
from pathlib import Path

from lab.errors import LabError
from lab.index import fresh_index, index_url
from lab.matrix.changes import Changes
from lab.matrix.night import Night
from lab.matrix.page.links import PAGE
from lab.matrix.page.view import NightView, night_view
from lab.matrix.quarantine import Entry, Quarantine
from lab.report import write_report
from lab.report.page import rendered
from lab.store.run import BOOTS_FILE, REPORT_FILE
from lab.store.writer import write_text


def write_night(night: Night, earlier: Sequence[Night], changed: Changes) -> tuple[Path, tuple[str, ...]]:
    """Write `report.html` of a night beside its journal, and those of its runs that have none yet.

    `earlier` are nights of the same matrix, the newest first. Returns the page, and sentences about what
    could not be shown. Raises InfrastructureError where the disk does not take it.
    """
    results = night.folder.parent.parent
    problems = list(_write_runs(night))
    entries = _quarantine(results, problems)
    with fresh_index(index_url(results), results) as (index, warnings):
        view = night_view(night, earlier, changed, index, entries)
    path = night.folder / PAGE
    write_text(path, render(view))
    return path, (*problems, *warnings)


def render(view: NightView) -> str:
    """Return the page."""
    return rendered("night.html", view=view, night=view.night)


def _write_runs(night: Night) -> list[str]:
    problems = []
    for run in (run for cell in night.cells.values() for run in cell.runs):
        page = run.folder / REPORT_FILE
        try:
            if not page.is_file() or page.stat().st_mtime_ns < (run.folder / BOOTS_FILE).stat().st_mtime_ns:
                write_report(run.folder)
        except (LabError, OSError) as exc:
            problems.append(f"the report of run {run.info.run_id}: {exc}")
    return problems


def _quarantine(results: Path, problems: list[str]) -> dict[str, Entry]:
    try:
        return Quarantine(results).entries()
    except LabError as exc:
        problems.append(str(exc))
        return {}
