"""Statistics of boots: intervals, comparisons, change points, flake rates. Values in, verdicts out; no files."""

from lab.statistics.verdict import Verdict

__all__ = ["Verdict"]
