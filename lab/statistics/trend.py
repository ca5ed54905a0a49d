"""Whether values in a row resemble each other more than values by chance do."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

_FEWEST = 8
_SURE = 0.005


def drifts(values: Sequence[float], alpha: float = _SURE) -> bool:
    """Whether successive values are alike, by Bartels' rank version of von Neumann's ratio, one-sided.

    A statistic that compares neighbours' ranks (Bartels, JASA 77 (1982), 40), by its normal approximation.
    False for fewer than eight values, and where all are the same.
    """
    n = len(values)
    if n < _FEWEST:
        return False
    ranks = mean_ranks(values)
    spread = float(((ranks - ranks.mean()) ** 2).sum())
    if not spread:
        return False
    ratio = float((np.diff(ranks) ** 2).sum()) / spread
    variance = 4 * (n - 2) * (5 * n * n - 2 * n - 9) / (5 * n * (n + 1) * (n - 1) ** 2)
    return float(special.ndtr((ratio - 2) / math.sqrt(variance))) < alpha


def mean_ranks(values: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ranks from 1; equal values share the mean of theirs."""
    _, inverse, counts = np.unique(np.asarray(values, dtype=float), return_inverse=True, return_counts=True)
    mean = np.cumsum(counts) - (counts - 1) / 2
    return np.asarray(mean[inverse], dtype=float)
