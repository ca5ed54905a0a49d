"""What the index knows of a cell's earlier nights."""

import contextlib
import statistics
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from lab.index import Index, NightValues
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
    found = index.history(cell.board_type, image, suite, place=cell.cell.place)
    known = [each for each in found if "" < each.night <= night.id and each.emulated == cell.emulated]
    known = known[-NIGHTS:]
    spoilt = _spoilt(index, cell, image, suite)
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


def _spoilt(index: Index, cell: CellNight, image: str, suite: str) -> Counter[str]:
    """By night: how many boots the lab's own equipment failed."""
    wanted = {"place": cell.cell.place, "board_type": cell.board_type, "image": image, "suite": suite}
    counted: Counter[str] = Counter()
    for row in index.failures(limit=10_000, **wanted):
        with contextlib.suppress(ValueError):  # a cause of a newer bootlab
            counted[row.night] += Cause(row.cause).of_the_lab
    return counted
