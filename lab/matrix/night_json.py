"""A night as JSON: for `bootlab matrix status --json` and for the API of the boot service."""

import statistics
from dataclasses import asdict
from typing import Any

from lab.matrix.night import CellNight, Night


def which_night(night: Night) -> dict[str, Any]:
    """Which night it is, and how it ended."""
    return {
        "night": night.id,
        "matrix": night.matrix,
        "began": night.began,
        "ended": night.ended,
        "how": night.how,
    }


def night_json(night: Night) -> dict[str, Any]:
    """A night as JSON; the boots are in the runs."""
    return {
        **which_night(night),
        "cells": [cell_json(cell) for cell in night.cells.values()],
        "places": [asdict(place) for place in night.places.values()],
        "warnings": list(night.warnings),
        "told": night.told,
    }


def cell_json(cell: CellNight) -> dict[str, Any]:
    """One cell; `failed` and `judged` as in CellNight.counts."""
    failed, judged = cell.counts
    times = cell.ready_seconds
    return {
        **asdict(cell.cell),
        "board_type": cell.board_type,
        "emulated": cell.emulated,
        "kind": cell.kind.value,
        "standing": cell.standing.value,
        "planned": cell.planned,
        "recorded": len(cell.boots),
        "ready": len(times),
        "failed": failed,
        "judged": judged,
        "retries": sum(record.attempt > 1 for record in cell.boots),
        "median_seconds": round(statistics.median(times), 4) if times else None,
        "ended": cell.ended.value if cell.ended is not None else None,
        "tests": asdict(cell.tests) if cell.tests is not None else None,
        "runs": [folder.name for folder in cell.folders],
    }
