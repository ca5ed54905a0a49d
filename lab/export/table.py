"""CSV: one row for each figure of each boot, the shape that spreadsheets and pandas pivot (RFC 4180)."""

import csv
import io
from collections.abc import Sequence

from lab.measure.statistics import measurements
from lab.store import Run

COLUMNS = (
    *("run_id", "night", "place", "board_type", "emulated", "image", "suite"),
    *("boot", "attempt", "ready", "cause", "load", "name", "unit", "value"),
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet computes cells that begin so, whoever wrote them


def csv_text(runs: Sequence[Run]) -> str:
    """Return the table. A boot that reached nothing has one row without name, unit and value.

    Texts that a spreadsheet would take for a formula get an apostrophe before them.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for run in runs:
        writer.writerows(_rows(run))
    return out.getvalue()


def _rows(run: Run) -> list[list[object]]:
    info, rows = run.info, []
    values: dict[int, list[tuple[str, str, float]]] = {}
    for found in measurements(run.boots):
        for index, value in zip(found.boots, found.values, strict=True):
            values.setdefault(index, []).append((found.name, found.unit, value))
    of_run = [info.run_id, info.night, info.place, info.board_type, info.emulated, info.image, info.suite]
    for boot in run.boots:
        cause = boot.failure.cause.value if boot.failure else ""
        load = "" if boot.load is None else boot.load
        of_boot = [boot.index + 1, boot.attempt, boot.ready, cause, load]
        for row in values.get(boot.index, [("", "", "")]):
            rows.append([_cell(cell) for cell in (*of_run, *of_boot, *row)])
    return rows


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return value
    text = value.encode(errors="replace").decode().replace("\0", "\ufffd")
    return f"'{text}" if text.startswith(_FORMULA) else text
