"""What the index knows of a cell's earlier nights."""

import contextlib
import statistics
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from lab.index import CellRow, Index, NightValues
from lab.index.rows import TOTAL
from lab.matrix.night import CellNight, Night
from lab.matrix.page.plots import NightPoint
from lab.model import Cause
from lab.statistics import FlakeRate, flake_rate, levels
from lab.statistics.changepoints import Level

NIGHTS = 60  # shown at most
_RELEVANT = 0.05  # a level that changed by less is no news over months


@dataclass(frozen=True, slots=True)
class History:
    """A cell over the nights, oldest first and this one last. `rate` counts all attempts, retries too, but
    for those that the lab's own equipment spoilt. `levels` are of the nights that have a value."""

    points: tuple[NightPoint, ...]
    levels: tuple[Level, ...]
    rate: FlakeRate


def history_of(index: Index, night: Night, cell: CellNight) -> History:
    """Return the nights of a cell up to this one. Raises IndexTrouble."""
    info = next((run.info for run in cell.runs), None)
    image, suite = (info.image, info.suite) if info is not None else (cell.cell.image, cell.cell.suite)
    row = CellRow(
        place=cell.cell.place, board_type=cell.board_type, image=image, suite=suite, emulated=cell.emulated,
        nights=0,
    )  # fmt: skip
    return cell_history(index, row, until=night.id)


def cell_history(index: Index, cell: CellRow, stage: str = TOTAL, until: str = "") -> History:
    """Return the nights of a cell (`until`: up to that one) by one of its stages. Raises IndexTrouble."""
    found = index.history(cell.board_type, cell.image, cell.suite, stage, place=cell.place)
    known = [each for each in found if each.night and each.emulated == cell.emulated]
    known = [each for each in known if not until or each.night <= until][-NIGHTS:]
    spoilt = _spoilt(index, cell)
    failed = {each.night: max(each.recorded - each.ready - spoilt[each.night], 0) for each in known}
    points = tuple(_points(known, failed))
    tried = sum(each.ready + failed[each.night] for each in known)
    medians = [statistics.median(point.seconds) for point in points if point.seconds]
    return History(points, levels(medians, _RELEVANT), flake_rate(sum(failed.values()), tried))


def _points(known: list[NightValues], failed: dict[str, int]) -> Iterator[NightPoint]:
    before: tuple[str, ...] = ()
    for each in known:
        files = tuple(digest for digest in each.image_digests if digest)
        yield NightPoint(each.night, each.values, failed[each.night], bool(before and files != before))
        before = files or before


def _spoilt(index: Index, cell: CellRow) -> Counter[str]:
    """By night: how many boots the lab's own equipment failed."""
    wanted = {"place": cell.place, "board_type": cell.board_type, "image": cell.image, "suite": cell.suite}
    counted: Counter[str] = Counter()
    for row in index.failures(limit=10_000, **wanted):
        with contextlib.suppress(ValueError):  # a cause of a newer bootlab
            counted[row.night] += Cause(row.cause).of_the_lab
    return counted
