"""Cells over the nights: medians, spread, failures, and where the level changed for good."""

import contextlib
import statistics
from dataclasses import asdict
from typing import Any

from lab.browse.library import Library, Missing
from lab.errors import LabError
from lab.index import CellRow, Index
from lab.index.rows import TOTAL
from lab.matrix.page.history import History, cell_history
from lab.matrix.page.plots import HEIGHT, WIDTH, NightPoint, trend
from lab.report.bars import Names
from lab.store.run import load_info

_STAGE = "stage/"
ALL = "all"


def trends(
    library: Library, *, stage: str = TOTAL, after: int = 0, limit: int = 24, **wanted: str
) -> dict[str, Any]:
    """Squares of the matrix from the `after`th on, each with its nights by one stage, or by `all`.

    `next` is the `after` of the next page, 0 where there is none.
    """
    index = library.index()
    cells = index.cells(**wanted)
    if wanted and not cells:
        words = ", ".join(f"{name} {value}" for name, value in wanted.items())
        raise Missing(f"no night ran a cell with {words}")
    shown = cells[after : after + limit]
    found = []
    for cell in shown:
        names = Names((), _titles(library, cell) if stage == ALL else {})
        found += [_trend(index, cell, name, names) for name in _stages(index, cell, stage)]
    return {"trends": found, "cells": len(cells), "next": after + limit if len(cells) > after + limit else 0}


def _stages(index: Index, cell: CellRow, stage: str) -> list[str]:
    if stage != ALL:
        return [stage if stage == TOTAL or "/" in stage else f"{_STAGE}{stage}"]
    names = index.stages(cell.board_type, cell.image, cell.suite)
    return [TOTAL, *in_order([name for name in names if name.startswith(_STAGE)])]


def in_order(names: list[str]) -> list[str]:
    """Stages `stage/a..b` as they follow each other in a boot; those that follow none come last."""
    ends = {name.removeprefix(_STAGE).partition("..")[2] for name in names}
    left = dict.fromkeys(names)
    found: list[str] = []
    begin = [
        name for name in names if ".." in name and name.removeprefix(_STAGE).partition("..")[0] not in ends
    ]
    queue = [*begin, *names]
    while queue:
        name = queue.pop(0)
        if name not in left:
            continue
        del left[name]
        found.append(name)
        end = name.partition("..")[2]
        queue = [other for other in left if other.startswith(f"{_STAGE}{end}..")] + queue
    return found


def _titles(library: Library, cell: CellRow) -> dict[str, str]:
    """The milestones' names for people, of the newest run."""
    wanted = {"place": cell.place, "board_type": cell.board_type, "image": cell.image, "suite": cell.suite}
    for row in library.index().page_of_runs(limit=1, **wanted):
        with contextlib.suppress(LabError):
            return load_info(library.results / row.folder).titles
    return {}


def _trend(index: Index, cell: CellRow, stage: str, names: Names) -> dict[str, Any]:
    history = cell_history(index, cell, stage)
    known = [point for point in history.points if point.seconds]
    picture = trend(history.points, [level.start for level in history.levels[1:]])
    square = {name: value for name, value in asdict(cell).items() if name != "nights"}
    return {
        **square,
        "stage": stage,
        "title": "power-on to ready" if stage == TOTAL else _title(stage, names),
        "nights": [_night(point) for point in history.points],
        "levels": _levels(history, known),
        "failed": history.rate.failed,
        "boots": history.rate.n,
        "picture": {"width": WIDTH, "height": HEIGHT, **asdict(picture)} if picture is not None else None,
    }


def _title(stage: str, names: Names) -> str:
    return " \u2192 ".join(map(names.title, stage.removeprefix(_STAGE).split("..", 1)))


def _night(point: NightPoint) -> dict[str, Any]:
    seconds = list(point.seconds)
    return {
        "night": point.name,
        "boots": len(seconds),
        "median": round(statistics.median(seconds), 6) if seconds else None,
        "low": min(seconds, default=None),
        "high": max(seconds, default=None),
        "failed": point.failed,
        "other_image": point.other_image,
    }


def _levels(history: History, known: list[NightPoint]) -> list[dict[str, Any]]:
    return [
        {"since": known[level.start].name, "nights": level.end - level.start, "median": level.median}
        for level in history.levels
    ]
