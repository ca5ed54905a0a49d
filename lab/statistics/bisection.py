"""Which version is the first bad one, where a single boot may lie: a flake, or a slow moment of the host.

Versions are in order, the first is taken for good and the last for bad, and what became bad stays bad. A
boot of a good version fails with an unknown probability a, one of a bad version with b > a. Each boot changes
by Bayes' rule how probable each version is to be the first bad one, a and b being integrated over. The next
boot is of the version that tells most. This is Horstein's probabilistic bisection (IEEE Transactions on
Information Theory 9 (1963), 136), with error rates that are not known.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_GRID = np.array(
    [
        0.002,
        0.01,
        0.02,
        0.05,
        0.1,
        0.15,
        0.2,
        0.3,
        0.4,
        0.5,
        0.6,
        0.7,
        0.8,
        0.85,
        0.9,
        0.95,
        0.98,
        0.99,
        0.998,
    ]
)
_CELL = np.gradient(_GRID)  # how much of 0 to 1 each point of the grid stands for
_LEAST_GAP = 0.1  # b - a: what fails hardly more often than before is nothing that boots would find
_PRIOR_OF_NO_CHANGE = 0.05


@dataclass
class Bisection:
    """The state of a search over `versions` versions, numbered from 0 (good) to versions - 1 (bad).

    `skipped` are versions that cannot be tried.
    """

    versions: int
    skipped: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        if self.versions < 2:
            raise ValueError("it takes a good and a bad version to bisect")
        self.good = np.zeros(self.versions, dtype=int)
        self.bad = np.zeros(self.versions, dtype=int)

    def observe(self, version: int, *, bad: bool) -> None:
        """Take in what one boot of `version` came to."""
        (self.bad if bad else self.good)[version] += 1

    def posterior(self) -> Array:
        """Return the probability of each version to be the first bad one; of [0]: that nothing changed."""
        weights = self._weights()
        return np.asarray(weights.sum(axis=(1, 2)) / weights.sum())

    def next(self) -> int:
        """Return the version whose boot is expected to tell most; of equals the one tried least."""
        weights = self._weights()
        weights /= weights.sum()
        first = weights.sum(axis=(1, 2))
        as_good = weights * _GRID[:, None]  # of a boot of a version before the first bad one to fail
        as_bad = weights * _GRID[None, :]
        fails_if_good, fails_if_bad = as_good.sum(axis=(1, 2)), as_bad.sum(axis=(1, 2))
        best, best_gain = -1, -1.0
        tried = self.good + self.bad
        for version in sorted(set(range(self.versions)) - self.skipped, key=lambda v: (tried[v], v)):
            is_bad = _is_bad(self.versions, version)
            fails = np.where(is_bad, fails_if_bad, fails_if_good)
            gain = _entropy(first) - _expected_entropy(first, fails)
            if gain > best_gain + 1e-9:
                best, best_gain = version, gain
        return best

    def credible(self, confidence: float) -> tuple[int, ...]:
        """Return the fewest candidates that hold the first bad version with `confidence`, in their order.

        One, where the search is at its end; 0 among them stands for "nothing changed".
        """
        posterior = self.posterior()
        chosen: list[int] = []
        for version in np.argsort(-posterior, kind="stable"):
            chosen.append(int(version))
            if posterior[chosen].sum() >= confidence:
                break
        return tuple(sorted(chosen))

    def decided(self, confidence: float) -> bool:
        """Whether more boots would not help: one candidate is left, or ones that cannot be told apart."""
        left = self.credible(confidence)
        return len(left) == 1 or (0 not in left and self._alike(left))

    def _alike(self, candidates: Sequence[int]) -> bool:
        """Whether all versions that lie between the candidates are skipped."""
        between = range(candidates[0], candidates[-1])
        return all(version in self.skipped for version in between)

    def _weights(self) -> Array:
        """Return the joint weight of (first bad version, a, b), the largest scaled to 1."""
        good_before = np.concatenate([[0], np.cumsum(self.good)])
        bad_before = np.concatenate([[0], np.cumsum(self.bad)])
        logs, rest = np.log(_GRID), np.log1p(-_GRID)
        table = np.full((self.versions, len(_GRID), len(_GRID)), -np.inf)
        prior = np.log(np.outer(_CELL, _CELL))
        apart = _GRID[None, :] - _GRID[:, None] >= _LEAST_GAP - 1e-9
        prior_first = np.log((1 - _PRIOR_OF_NO_CHANGE) / (self.versions - 1))
        scale = np.log(np.exp(prior)[apart].sum())
        for first in range(1, self.versions):
            before = bad_before[first] * logs + good_before[first] * rest
            bad_after, good_after = bad_before[-1] - bad_before[first], good_before[-1] - good_before[first]
            after = bad_after * logs + good_after * rest
            joint = before[:, None] + after[None, :] + prior - scale + prior_first
            table[first][apart] = joint[apart]
        same = bad_before[-1] * logs + good_before[-1] * rest + np.log(_CELL / _CELL.sum())
        np.fill_diagonal(table[0], same + np.log(_PRIOR_OF_NO_CHANGE))
        return np.asarray(np.exp(table - table.max()))


def _is_bad(versions: int, version: int) -> NDArray[np.bool_]:
    """Whether `version` is bad, given each candidate for the first bad one; [0] (no change) has none."""
    first = np.arange(versions)
    return (first > 0) & (first <= version)


def _entropy(probabilities: Array) -> float:
    some = probabilities[probabilities > 0]
    return float(-(some * np.log2(some)).sum())


def _expected_entropy(first: Array, fails: Array) -> float:
    """Of the candidates after one more boot; `fails` is each candidate's weight of that boot failing."""
    passes = first - fails
    total = 0.0
    for weights in (fails, passes):
        mass = weights.sum()
        if mass > 0:
            total += mass * _entropy(weights / mass)
    return float(total)
