"""Statistics of boots: intervals, comparisons, change points, flake rates. Values in, verdicts out."""

from lab.statistics.changepoints import Level, change_points, levels
from lab.statistics.compare import Difference, Rule, compare
from lab.statistics.flakes import FlakeRate, compare_rates, flake_rate
from lab.statistics.intervals import median_interval, rate_interval, shift, shift_interval
from lab.statistics.verdict import Verdict

__all__ = [
    "Difference",
    "FlakeRate",
    "Level",
    "Rule",
    "Verdict",
    "change_points",
    "compare",
    "compare_rates",
    "flake_rate",
    "levels",
    "median_interval",
    "rate_interval",
    "shift",
    "shift_interval",
]
