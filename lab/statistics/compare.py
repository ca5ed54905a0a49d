"""A candidate's boots against a baseline's: which stages got slower or faster, with a stated chance to err.

The rule (docs/statistics.md has its error rates):

1. Each quantity (the whole boot, and each stage) is tested by Mann and Whitney, two-sided. Half of `alpha`
   goes to the whole boot; the other half is shared by its stages by Holm's procedure. So the chance that
   anything at all is called slower or faster where nothing changed is at most `alpha`.
2. What is found is called slower or faster only where it matters: the shift (Hodges and Lehmann) is at least
   `relevant` of the quantity and `relevant_of_boot` of the whole boot.
3. Where nothing is found, it is the same only if the interval of the shift excludes a change of `margin`
   (of the quantity; `margin_of_boot` of the boot for a stage so short that nobody would notice).
   Else there were not enough samples to tell.
4. A test counts boots as independent of each other. Where those in a row resemble each other (a host that
   was busy for a while) that is false, and there are not enough samples, however many there are.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lab.statistics.intervals import shift, shift_interval
from lab.statistics.trend import drifts
from lab.statistics.verdict import Verdict

_EXACT_PAIRS = 2500  # up to here the exact distribution costs no time (50 boots each)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How a comparison decides; shares, not percent."""

    alpha: float = 0.01
    relevant: float = 0.02
    relevant_of_boot: float = 0.005
    margin: float = 0.10
    margin_of_boot: float = 0.01
    confidence: float = 0.95  # of the interval of the shift

    def __post_init__(self) -> None:
        for name in ("alpha", "confidence"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} is a probability between 0 and 1, not {getattr(self, name)}")
        if not 0 <= self.relevant < self.margin:
            raise ValueError(
                f"the relevant change ({self.relevant}) must be below the margin ({self.margin})"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One quantity of two samples, in the unit of its values.

    `shift` is candidate minus baseline with its interval `low` to `high`; None without values. `p` is
    adjusted for all quantities of the boot, and compared with `alpha`. `needed` is how many boots on either
    side would tell, where there were not enough (a guess from the spread seen).
    """

    name: str
    n: tuple[int, int]  # of the baseline, of the candidate
    medians: tuple[float | None, float | None]
    shift: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    verdict: Verdict = Verdict.NOT_ENOUGH_SAMPLES
    needed: int | None = None
    drifts: bool = False  # values in a row resemble each other, on either side: so no other verdict

    @property
    def relative(self) -> float | None:
        """The shift as a share of the baseline's median; None where that is no positive number."""
        base = self.medians[0]
        return self.shift / base if self.shift is not None and base is not None and base > 0 else None


def compare(
    baseline: Mapping[str, Sequence[float]],
    candidate: Mapping[str, Sequence[float]],
    whole: str,
    rule: Rule | None = None,
) -> tuple[Difference, ...]:
    """Compare every quantity of the baseline, in its order; `whole` names the one that is the whole boot.

    Values are in the order in which they were measured.
    One that either side lacks has not enough samples. Raises KeyError where `baseline` has no `whole`, and
    ValueError where a value is no finite number.
    """
    rule = rule or Rule()
    _check(baseline, candidate)
    boot = float(np.median(baseline[whole])) if len(baseline[whole]) else math.nan
    stages = [name for name in baseline if name != whole]
    p_values = {name: _p_value(baseline[name], candidate.get(name, ())) for name in baseline}
    adjusted = holm({name: p_values[name] for name in stages})
    adjusted[whole] = p_values[whole]
    result = []
    for name in baseline:
        share = rule.alpha / 2 if name == whole else rule.alpha / 2 / max(len(stages), 1)
        p = min(2 * adjusted[name], 1.0)  # against alpha itself: each half of it is one family
        result.append(_decide(name, (baseline[name], candidate.get(name, ())), p, boot, share, rule))
    return tuple(result)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return p-values adjusted by Holm's procedure (Scandinavian Journal of Statistics 6 (1979), 65)."""
    adjusted: dict[str, float] = {}
    worst = 0.0
    for rank, (name, p) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        worst = max(worst, min(p * (len(p_values) - rank), 1.0))
        adjusted[name] = worst
    return adjusted


def fewest(alpha: float) -> int:
    """How many values on either side it takes before a test at `alpha` can find anything.

    Even where every value of one side lies above all of the other, p is 2 / (2n over n).
    """
    n = 1
    while 2 / math.comb(2 * n, n) > alpha:
        n += 1
    return n


def _p_value(baseline: Sequence[float], candidate: Sequence[float]) -> float:
    """Mann and Whitney's two-sided p; 1 where a side is empty or all values are one and the same."""
    from scipy import stats  # it takes a second to load: only who compares pays for it

    if not len(baseline) or not len(candidate):
        return 1.0
    values = np.concatenate([baseline, candidate])
    distinct = len(np.unique(values))
    if distinct == 1:
        return 1.0
    small = len(baseline) * len(candidate) <= _EXACT_PAIRS
    method = "exact" if small and distinct == len(values) else "asymptotic"
    return float(stats.mannwhitneyu(candidate, baseline, alternative="two-sided", method=method).pvalue)


def _decide(
    name: str,
    values: tuple[Sequence[float], Sequence[float]],
    p: float,
    boot: float,
    share: float,
    rule: Rule,
) -> Difference:
    base, cand = values
    n = (len(base), len(cand))
    seen = Difference(name=name, n=n, medians=(_median(base), _median(cand)), needed=fewest(share))
    if not min(n):
        return seen
    moved, (low, high) = shift(base, cand), shift_interval(base, cand, rule.confidence)
    seen = replace(seen, shift=moved, low=low, high=high, p=p)
    if 2 / math.comb(sum(n), n[0]) > share:
        return seen
    if drifts(base) or drifts(cand):
        return replace(seen, drifts=True, needed=None)
    centre = abs(float(np.median(base)))
    if p <= rule.alpha:
        matters = abs(moved) >= max(rule.relevant * centre, rule.relevant_of_boot * boot)
        verdict = (Verdict.SLOWER if moved > 0 else Verdict.FASTER) if matters else Verdict.SAME
        return replace(seen, verdict=verdict, needed=None)
    margin = max(rule.margin * centre, rule.margin_of_boot * boot)
    if -margin < low and high < margin:
        return replace(seen, verdict=Verdict.SAME, needed=None)
    return replace(seen, needed=_needed(n, (high - low) / 2, margin))


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if len(values) else None


def _needed(n: tuple[int, int], half: float, margin: float) -> int | None:
    """Boots on either side after which the interval would be half the margin; None for a margin of 0."""
    if margin <= 0:
        return None
    pooled = 2 / (1 / n[0] + 1 / n[1])
    return max(math.ceil(pooled * (2 * half / margin) ** 2), max(n) + 1)


def _check(*samples: Mapping[str, Sequence[float]]) -> None:
    for sample in samples:
        for name, values in sample.items():
            if not np.isfinite(np.asarray(values, dtype=float)).all():
                raise ValueError(f"{name} has a value that is no finite number")
