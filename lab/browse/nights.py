"""Nights of a matrix: how each cell stands, what failed and why, what changed since the night before."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lab.browse.files import link, report
from lab.browse.going import last_sign, under_way
from lab.browse.library import Library, Missing
from lab.browse.recent import Recent
from lab.browse.rows import info_of, record_of
from lab.errors import LabError
from lab.index import BootRow
from lab.matrix.changes import summary
from lab.matrix.journal import JOURNAL
from lab.matrix.model import Cell, SuiteKind
from lab.matrix.night import CellNight, Night, attempts, load_night, night_folders
from lab.matrix.night_json import cell_json, which_night
from lab.matrix.page.failures import Example, Group, failed_boots
from lab.matrix.page.links import Links
from lab.model import BootRecord
from lab.store.run import REPORT_FILE, Run, load_run

_KEPT = 3  # nights with all their boots
_SUMMARIES = 500


class Nights:
    """What is asked about nights. `changes_of` compares a night with earlier ones, maybe later (None)."""

    def __init__(self, library: Library, changes_of: Callable[[Night], dict[str, Any] | None]) -> None:
        self._library, self._changes_of = library, changes_of
        self._kept: Recent[Night] = Recent(_KEPT)
        self._summaries: Recent[dict[str, Any]] = Recent(_SUMMARIES)

    def nights(self, *, before: str = "", limit: int = 20) -> dict[str, Any]:
        """Nights, the newest first; `next` is the `before` of the next page."""
        every = reversed(night_folders(self._library.results))
        folders = [path for path in every if not before or path.name < before]
        shown, problems = [], list(self._library.problems)
        for folder in folders[:limit]:
            try:
                shown.append(self._short(folder))
            except LabError as exc:
                problems.append(self._library.tell(str(exc)))
        more = folders[limit - 1].name if len(folders) > limit else ""
        return {"nights": shown, "next": more, "problems": problems}

    def night(self, *, night: str) -> dict[str, Any]:
        """One night, cell by cell. `latest` is the newest."""
        found = self.read(self._folder(night))
        links = Links(found)
        whole = {
            **self._summary(found),
            "cells": [self._cell(found, cell) for cell in found.cells.values()],
            "places": [asdict(place) for place in found.places.values()],
            "left_out": list(found.left_out),
            "warnings": [self._library.tell(sentence) for sentence in found.warnings],
            "failures": [_group(group) for group in failed_boots(found, links, _whole)],
        }
        return {**whole, "changes": None if whole["under_way"] else self._changes_of(found)}

    def _short(self, folder: Path) -> dict[str, Any]:
        """A night in a few words, which do not change once it has ended."""
        key = (self._key(folder), (folder / REPORT_FILE).exists())
        known = self._summaries.get(key)
        if known is None:
            night = self.read(folder)
            known = self._summary(night)
            if night.ended:
                self._summaries.put(key, known)
        return known

    def _key(self, folder: Path) -> object:
        """Another one once something was added to a night, or the index has learnt more of it."""
        journal = (folder / JOURNAL).stat()
        rows = self._library.index().runs(night=folder.name)
        return folder.name, journal.st_size, journal.st_mtime_ns, tuple((r.run_id, r.recorded) for r in rows)

    def read(self, folder: Path) -> Night:
        """A night with its boots as far as the index knows them. Raises UsageError for a damaged journal."""
        index, name, key = self._library.index(), folder.name, self._key(folder)
        if (kept := self._kept.get(key)) is not None:
            return kept
        rows = index.runs(night=name)
        by_run: dict[str, list[BootRow]] = {}
        for boot in index.boots(night=name):
            by_run.setdefault(boot.run_id, []).append(boot)
        known = {row.run_id: row for row in rows}

        def read(run: Path) -> Run:
            if run.name not in known:
                return load_run(run)
            info = info_of(known[run.name])
            boots = tuple(record_of(row, info) for row in by_run.get(run.name, ()))
            return Run(folder=run, info=info, boots=boots)

        found = load_night(folder, read)
        self._kept.put(key, found)
        return found

    def _folder(self, name: str) -> Path:
        folders = night_folders(self._library.results)
        fits = folders[-1:] if name == "latest" else [path for path in folders if path.name == name]
        if not fits:
            raise Missing(f"night {name} is not known; GET /nights lists those that are")
        return fits[0]

    def _summary(self, night: Night) -> dict[str, Any]:
        boots = [record for cell in night.cells.values() for record in cell.boots]
        going = under_way(night)
        return {
            **which_night(night),
            "under_way": going,
            "last_sign": None if night.ended else last_sign(night),
            "deadline_seconds": night.deadline,
            "standings": {standing.value: count for standing, count in summary(night).items()},
            "boots": len(boots),
            "ready": sum(record.ready for record in boots),
            "steps": sum(_steps(cell) for cell in night.cells.values()),
            "settled": sum(_settled(night, cell) for cell in night.cells),
            "sick": [place.name for place in night.places.values() if place.sick],
            "report": report(self._library, night.folder),
        }

    def _cell(self, night: Night, cell: CellNight) -> dict[str, Any]:
        tests = cell.tests
        junit = link(self._library, "JUnit", night.folder / tests.junit) if tests and tests.junit else []
        told = {name: value for name, value in cell_json(cell).items() if name != "tests"}
        failed = [{"name": name, "why": why} for name, why in tests.failed.items()] if tests else []
        return {
            **told,
            "steps": _steps(cell),
            "settled": _settled(night, cell.cell),
            "tests_passed": tests.passed if tests is not None else None,
            "tests_failed": failed,
            "files": junit,
        }


def _steps(cell: CellNight) -> int:
    """How many steps a cell has: its boots, or the one run of its suite."""
    return cell.planned if cell.kind is SuiteKind.BOOT else 1


def _settled(night: Night, cell: Cell) -> int:
    """How many boots (or runs of a suite) have had their last word; all, where the cell has ended."""
    seen = night.cells[cell]
    if seen.ended is not None or seen.tests is not None:
        return _steps(seen)
    return min(len(attempts(seen.boots)), _steps(seen))


def _whole(folder: Path, record: BootRecord) -> BootRecord:
    """The boot as its own file has it: the index does not know when it began."""
    try:
        return next((boot for boot in load_run(folder).boots if boot.index == record.index), record)
    except LabError:
        return record


def _group(group: Group) -> dict[str, Any]:
    return {
        "title": group.title,
        "boots": group.boots,
        "lab": group.lab,
        "where": [{"cell": where.cell, "boots": where.count} for where in group.where],
        "examples": [_example(example) for example in group.examples],
    }


def _example(example: Example) -> dict[str, Any]:
    names = ("cell", "run", "number", "sentence", "packets")
    told = {name: getattr(example, name) for name in names}
    return {**told, "evidence": list(example.evidence), "console": example.console.tail}
