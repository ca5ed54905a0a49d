"""Whether values in a row resemble each other more than values by chance do."""

import math
from collections.abc import Sequence

import numpy as np
from scipy import special

_FEWEST = 8
_SURE = 0.005


def drifts(values: Sequence[float], alpha: float = _SURE) -> bool:
    """Whether successive values are alike, by Bartels' rank version of von Neumann's ratio, one-sided.

    A statistic that compares neighbours' ranks (Bartels, JASA 77 (1982), 40), by its normal approximation.
    False for fewer than eight values, and where all are the same.
    """
    from scipy import stats  # it takes a second to load: only who compares pays for it

    n = len(values)
    if n < _FEWEST:
        return False
    ranks = stats.rankdata(values)
    spread = float(((ranks - ranks.mean()) ** 2).sum())
    if not spread:
        return False
    ratio = float((np.diff(ranks) ** 2).sum()) / spread
    variance = 4 * (n - 2) * (5 * n * n - 2 * n - 9) / (5 * n * (n + 1) * (n - 1) ** 2)
    return float(special.ndtr((ratio - 2) / math.sqrt(variance))) < alpha
