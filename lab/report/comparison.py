"""A comparison as one HTML file: what moved, by how much, and every boot as a dot."""

import math
from dataclasses import dataclass
from pathlib import Path

from lab.comparison.compare import Comparison, Row
from lab.comparison.words import row_name, sentence
from lab.measure.timeline import POWER_ON
from lab.report.page import rendered
from lab.statistics.compare import Difference
from lab.store.writer import write_text

WIDTH, LANE, MARGIN = 320.0, 18.0, 6.0  # of a picture, in its own units
_DOTS = 400  # of a side: of more boots, every k-th by value is drawn


@dataclass(frozen=True, slots=True)
class Dots:
    """One quantity's picture: x of each boot and of both medians, and what the ends stand for."""

    baseline: list[float]
    candidate: list[float]
    medians: tuple[float | None, float | None]
    low: str
    high: str


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table."""

    name: str
    whole: bool
    difference: Difference
    percent: str
    dots: Dots


@dataclass(frozen=True, slots=True)
class ComparisonView:
    """All that the page shows."""

    found: Comparison
    sentence: str
    lines: list[Line]
    width: float = WIDTH
    lane: float = LANE


def write_comparison(found: Comparison, path: Path) -> Path:
    """Write the page to `path`. Raises InfrastructureError where the disk does not take it."""
    write_text(path, rendered("comparison.html", view=comparison_view(found)))
    return path


def comparison_view(found: Comparison) -> ComparisonView:
    """Return what the page shows."""
    return ComparisonView(found, sentence(found), [_line(found, row) for row in found.rows])


def _line(found: Comparison, row: Row) -> Line:
    d = row.difference
    percent = "" if d.relative is None else f"{d.relative:+.1%}"
    return Line(row_name(found, row), row.whole, d, percent, _dots(found, row))


def _dots(found: Comparison, row: Row) -> Dots:
    start = None if row.start == POWER_ON else row.start
    sides = [sorted(each.values(start, row.end)) for each in (found.baseline, found.candidate)]
    every = [value for side in sides for value in side]
    low, high = min(every, default=0.0), max(every, default=0.0)
    scale = (WIDTH - 2 * MARGIN) / (high - low) if high > low else 0.0

    def place(value: float) -> float:
        return round(MARGIN + (value - low) * scale if scale else WIDTH / 2, 1)

    step = [max(1, math.ceil(len(side) / _DOTS)) for side in sides]
    base, cand = ([place(value) for value in side[::k]] for side, k in zip(sides, step, strict=True))
    first, second = row.difference.medians
    return Dots(
        base,
        cand,
        (None if first is None else place(first), None if second is None else place(second)),
        f"{low:.3f} s",
        f"{high:.3f} s",
    )
