"""Intervals that say how sure a number is.

All are distribution-free: times of boots are skewed and have outliers, and a mean with its standard error
would say something else than what was seen.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]

MIN_FOR_INTERVAL = 6  # below, not even lowest to highest covers the median in 95 of 100 cases (1 - 2 / 2**n)
_THIN = 500  # of more values than this, as many quantiles stand for them where all pairs are formed


def median_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float] | None:
    """Return the bootstrap percentile interval of the median; None below MIN_FOR_INTERVAL values.

    Not by drawing samples but in closed form: the j-th smallest of a resample is at most the k-th value x(k)
    with the probability that a binomial(n, k/n) reaches j (Efron, Annals of Statistics 7 (1979), section 3).
    So it is the same each time, and quick for 10,000 values. Of an even number of values the median lies
    between two; the interval goes from the lower one's bound to the upper one's.
    """
    n = len(values)
    if n < MIN_FOR_INTERVAL:
        return None
    ordered = np.sort(np.asarray(values, dtype=float))
    tail = (1 - confidence) / 2
    share = np.arange(1, n + 1) / n
    lower, upper = (n + 1) // 2, n // 2 + 1
    low = int(np.argmax(special.bdtrc(lower - 1, n, share) >= tail))
    high = int(np.argmax(special.bdtrc(upper - 1, n, share) >= 1 - tail))
    return float(ordered[low]), float(ordered[high])


def shift(baseline: Sequence[float], candidate: Sequence[float]) -> float:
    """By how much the candidate's values lie above the baseline's: the median of all differences of pairs.

    Hodges and Lehmann's estimator, in the unit of the values.
    """
    return float(np.median(_differences(baseline, candidate)))


def shift_interval(
    baseline: Sequence[float], candidate: Sequence[float], confidence: float = 0.95
) -> tuple[float, float]:
    """Return the interval of the shift: all shifts that a Mann-Whitney test would not refuse.

    Hollander, Wolfe and Chicken, Nonparametric Statistical Methods, section 4.3, with its approximation for
    large samples. From lowest to highest difference where the samples are too small to leave one out.
    """
    ordered = np.sort(_differences(baseline, candidate))
    n, m = min(len(baseline), _THIN), min(len(candidate), _THIN)
    z = float(special.ndtri(1 - (1 - confidence) / 2))
    # thinned samples stand for all of theirs, so the spread of the statistic is that of the whole ones
    whole_n, whole_m = len(baseline), len(candidate)
    spread = math.sqrt((whole_n + whole_m + 1) / (12 * whole_n * whole_m))  # of the share of pairs
    left_out = max(math.floor(n * m * (0.5 - z * spread)), 0)
    return float(ordered[left_out]), float(ordered[len(ordered) - 1 - left_out])


def rate_interval(hits: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return Clopper and Pearson's interval of a rate of which `hits` of `n` were seen; 0 to 1 for n = 0.

    It covers the rate in at least `confidence` of all cases whatever the rate is, also near 0, where flakes
    are. Raises ValueError unless 0 <= hits <= n.
    """
    if not 0 <= hits <= n:
        raise ValueError(f"{hits} of {n} is no rate")
    tail = (1 - confidence) / 2
    low = 0.0 if hits == 0 else float(special.betaincinv(hits, n - hits + 1, tail))
    high = 1.0 if hits == n else float(special.betaincinv(hits + 1, n - hits, 1 - tail))
    return low, high


def _differences(baseline: Sequence[float], candidate: Sequence[float]) -> Array:
    return np.subtract.outer(_thin(candidate), _thin(baseline)).ravel()


def _thin(values: Sequence[float]) -> Array:
    array = np.asarray(values, dtype=float)
    return array if len(array) <= _THIN else np.quantile(array, (np.arange(_THIN) + 0.5) / _THIN)
