"""Since when it is slow: the nights at which the level of a history changed.

The values (a night's median each) are replaced by their normal scores, so an outlier counts for no more than
its rank and the chance to err depends on nothing but the number of nights. PELT (Killick, Fearnhead and
Eckley, JASA 107 (2012), 1590), by the library ruptures, then finds the segmentation of least squared error
plus a penalty for each change. The penalty is such that of 100 histories without a change at most one gets
one (bench.statistics shows it).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from lab.statistics.trend import mean_ranks

Array = NDArray[np.float64]

FEWEST_NIGHTS = 12  # a change needs this many values: among fewer, every order is too likely by chance
_PENALTY = 10.5


@dataclass(frozen=True, slots=True)
class Level:
    """The values from `start` to before `end` belong together; `median` in their unit."""

    start: int
    end: int
    median: float


def levels(values: Sequence[float], relevant: float = 0.02) -> tuple[Level, ...]:
    """Return the history as levels, oldest first; one where nothing changed, none of no values.

    A change smaller than `relevant` (a share of the level before) is none. Values are in the order of time,
    as independent of each other as nights are: what drifts slowly is cut into steps. Raises ValueError
    where a value is no finite number.
    """
    array = np.asarray(values, dtype=float)
    if not np.isfinite(array).all():
        raise ValueError("a history has a value that is no finite number")
    if not len(array):
        return ()
    found: list[Level] = []
    for start, end in _segments(array):
        median = float(np.median(array[start:end]))
        if found and abs(median - found[-1].median) < relevant * abs(found[-1].median):
            start = found.pop().start
            median = float(np.median(array[start:end]))
        found.append(Level(start, end, median))
    return tuple(found)


def change_points(values: Sequence[float], relevant: float = 0.02) -> tuple[int, ...]:
    """Return the indices of the first value of each new level; see `levels`."""
    return tuple(level.start for level in levels(values, relevant)[1:])


def _segments(array: Array) -> list[tuple[int, int]]:
    n = len(array)
    if n < FEWEST_NIGHTS or len(np.unique(array)) == 1:
        return [(0, n)]
    from ruptures import KernelCPD  # it takes a second to load: only histories pay for it

    scores = special.ndtri((mean_ranks(array) - 0.375) / (n + 0.25))  # Blom's
    scores /= scores.std() or 1.0
    fitted = KernelCPD(kernel="linear", min_size=2).fit(scores.reshape(-1, 1))
    ends = fitted.predict(pen=_PENALTY + 2 * math.log(math.log(n)))
    return list(zip([0, *ends[:-1]], ends, strict=True))
