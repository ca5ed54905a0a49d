"""Where the time of a cell went: the stages of its median boot, above them those of the night before."""

from collections.abc import Iterator
from dataclasses import dataclass

from lab.matrix.night import CellNight
from lab.measure.statistics import median_boot, milestone_order
from lab.model import BootRecord
from lab.report import words
from lab.report.bars import Axis, Names, StageBar, span_seconds, stage_bars


@dataclass(frozen=True, slots=True)
class Lane:
    """One boot: whose it is, its stages on the axis, and how long it took."""

    name: str
    bars: list[StageBar]
    total: str


@dataclass(frozen=True, slots=True)
class StageRow:
    """A stage in both nights; "–" where a night does not have it."""

    title: str
    colour: int
    before: str
    now: str


@dataclass(frozen=True, slots=True)
class Waterfall:
    """The lanes, the night before first; `rows` say the same in words."""

    lanes: list[Lane]
    rows: list[StageRow]
    step: float  # distance of two ticks of the axis, in percent
    step_seconds: str


def waterfall(cell: CellNight, base: CellNight | None) -> Waterfall | None:
    """Return the picture of a cell; None where no boot of it got ready."""
    now, before = median_boot(cell.boots), median_boot(base.boots) if base is not None else None
    if now is None:
        return None
    known = [record for record in (before, now) if record is not None]
    titles = {name: title for run in cell.runs for name, title in run.info.titles.items()}
    names = Names(milestone_order(known), titles)
    axis = Axis(max(span_seconds(record) for record in known))
    lanes = [_lane(word, r, axis, names) for word, r in (("before", before), ("now", now)) if r is not None]
    ticks = words.ticks(axis.seconds)
    return Waterfall(
        lanes=lanes,
        rows=list(_rows(lanes, both=before is not None)),
        step=axis.step,
        step_seconds=f"{ticks[1]:g} s" if len(ticks) > 1 else "",
    )


def _lane(word: str, record: BootRecord, axis: Axis, names: Names) -> Lane:
    bars = stage_bars(record, axis, names)
    return Lane(word, bars, f"{bars[-1].at} s" if bars else "")


def _rows(lanes: list[Lane], *, both: bool) -> Iterator[StageRow]:
    """The stages by the milestone that ends each, in the order of this night."""
    nights = [{bar.title: bar for bar in lane.bars} for lane in lanes]
    before, now = nights[0] if both else {}, nights[-1]
    for title in dict.fromkeys((*now, *before)):
        ends = before.get(title), now.get(title)
        colour = next(bar.colour for bar in ends if bar is not None)
        then, tonight = (bar.seconds if bar is not None else words.NOTHING for bar in ends)
        yield StageRow(title, colour, then, tonight)
