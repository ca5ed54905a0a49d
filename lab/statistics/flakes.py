"""How often something fails, and whether that changed: rates with intervals, never a bare percentage."""

from dataclasses import dataclass

from lab.statistics.intervals import rate_interval
from lab.statistics.verdict import Verdict


@dataclass(frozen=True, slots=True)
class FlakeRate:
    """`failed` of `n` tries, and the interval in which the true rate lies in 95 of 100 cases at least."""

    failed: int
    n: int
    low: float
    high: float

    @property
    def rate(self) -> float | None:
        """The share that failed; None where nothing was tried."""
        return self.failed / self.n if self.n else None

    @property
    def flaky(self) -> bool:
        """Whether it both failed and passed: what fails always is broken, not flaky."""
        return 0 < self.failed < self.n

    def __str__(self) -> str:
        return f"{self.failed} of {self.n} failed ({self.low:.1%} to {self.high:.1%})"


def flake_rate(failed: int, n: int, confidence: float = 0.95) -> FlakeRate:
    """Return the rate with Clopper and Pearson's interval. Raises ValueError unless 0 <= failed <= n."""
    return FlakeRate(failed, n, *rate_interval(failed, n, confidence))


def compare_rates(
    baseline: FlakeRate, candidate: FlakeRate, alpha: float = 0.01, margin: float = 0.10
) -> tuple[Verdict, float]:
    """Whether the candidate fails more often: the verdict, and Fisher's exact two-sided p.

    SLOWER stands for more failures, FASTER for fewer. SAME excludes that failures became more frequent by
    `margin` (10 in 100 boots), by the intervals of both rates.
    """
    from scipy import stats  # it takes a second to load: only who compares pays for it

    if not baseline.n or not candidate.n:
        return Verdict.NOT_ENOUGH_SAMPLES, 1.0
    table = [[side.failed, side.n - side.failed] for side in (baseline, candidate)]
    p = float(stats.fisher_exact(table).pvalue)
    if p <= alpha:
        more = candidate.failed * baseline.n > baseline.failed * candidate.n
        return (Verdict.SLOWER if more else Verdict.FASTER), p
    excluded = candidate.high - baseline.low < margin and baseline.high - candidate.low < margin
    return (Verdict.SAME if excluded else Verdict.NOT_ENOUGH_SAMPLES), p
