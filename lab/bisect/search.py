"""The search: which version to boot next, when to stop, and what was found."""

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lab.bisect.journal import Journal, Observation
from lab.errors import UsageError
from lab.statistics.bisection import Bisection

Probe = Callable[[str], Observation]
LOOKS = (6, 9, 13, 20)  # boots of either end after which it is looked whether they differ


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What is looked for: the first version that fails, or with `timed` the first that is slow.

    `limit` is how many seconds are slow; None: half way between the first and the last version, once boots
    of both have shown that they differ. At most `most` boots in all.
    """

    confidence: float = 0.99
    timed: bool = False
    limit: float | None = None
    most: int = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Boots of one version: how many were good and bad, and how probable it is the first bad one."""

    version: str
    good: int
    bad: int
    probability: float
    median: float | None = None
    skipped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search came to. `candidates` hold the first bad version with probability `sure`; with
    `unchanged` nothing became bad.

    One candidate where it is decided; several where versions between them cannot be tried, or where the
    boots allowed were used up. None (and `same`) where the ends do not differ.
    """

    candidates: tuple[str, ...]
    sure: float
    unchanged: float
    same: bool
    decided: bool
    boots: int
    limit: float | None
    tallies: tuple[Tally, ...]


class Search:
    """A search over `versions`, the first of them good, the last bad; it goes on with what `journal` has."""

    def __init__(self, versions: Sequence[str], goal: Goal, probe: Probe, journal: Journal) -> None:
        if len(versions) < 2:
            raise UsageError("it takes two versions at least to bisect: a good one first, a bad one last")
        twice = sorted({version for version in versions if versions.count(version) > 1})
        if twice:
            raise UsageError(f"these versions are given twice: {', '.join(twice)}")
        self.versions = tuple(versions)
        self.goal = goal
        self._probe = probe
        self._journal = journal

    def run(self, tell: Callable[[Observation, Found], None] = lambda *_: None) -> Found:
        """Boot until it is decided; `tell` is called after each boot.

        Raises UsageError where the last version is not slower than the first, or an end cannot be tried.
        """
        while True:
            found, version = self._state()
            if version is None:
                return found
            observation = self._probe(version)
            self._journal.add(observation)
            tell(observation, self._state()[0])

    def _state(self) -> tuple[Found, str | None]:
        """What is known, and which version to boot next; None at the end."""
        limit = self._limit()
        if self.goal.timed and limit is None:
            return self._ends()
        bisection = self._bisection(limit)
        over = self._boots() >= self.goal.most
        decided = bisection.decided(self.goal.confidence)
        found = self._found(bisection, limit, decided)
        return found, None if decided or over else self.versions[bisection.next()]

    def _ends(self) -> tuple[Found, str | None]:
        """While boots of both ends are still to show that they differ: they take turns."""
        first, last = (self._seconds(self.versions[end]) for end in (0, -1))
        nothing = Found(
            candidates=(),
            sure=0.0,
            unchanged=0.0,
            same=False,
            decided=False,
            boots=self._boots(),
            limit=None,
            tallies=self._tallies(None, None),
        )
        if len(first) >= LOOKS[-1] and len(last) >= LOOKS[-1]:
            raise UsageError(
                f"{len(last)} boots of {self.versions[-1]} are not slower than those of {self.versions[0]} "
                f"(median {_text(last)} against {_text(first)}): there is nothing to find"
            )
        if nothing.boots >= self.goal.most:
            return nothing, None
        return nothing, self.versions[0] if len(first) <= len(last) else self.versions[-1]

    def _limit(self) -> float | None:
        """Seconds that are slow. Looked at only at LOOKS boots: who looks after each boot errs more often."""
        if not self.goal.timed or self.goal.limit is not None:
            return self.goal.limit
        first, last = (self._seconds(self.versions[end]) for end in (0, -1))
        for n in LOOKS:
            if min(len(first), len(last)) < n:
                return None
            middle = _apart(first[:n], last[:n], (1 - self.goal.confidence) / len(LOOKS))
            if middle is not None:
                return middle
        return None

    def _seconds(self, version: str) -> list[float]:
        """Of each boot, in order; a boot that failed took forever."""
        seen = [each for each in self._journal.observations if each.version == version]
        if any(each.skip for each in seen):
            raise UsageError(f"{version} cannot be tried, and it is an end: begin or end with another one")
        return [math.inf if each.failed or each.seconds is None else each.seconds for each in seen]

    def _bad(self, each: Observation, limit: float | None) -> bool:
        if each.failed or limit is None:
            return each.failed
        return each.seconds is None or each.seconds > limit

    def _bisection(self, limit: float | None) -> Bisection:
        bisection = Bisection(len(self.versions))
        for each in self._journal.observations:
            number = self.versions.index(each.version)
            if each.skip and number in (0, len(self.versions) - 1):
                raise UsageError(f"{each.version} cannot be tried, and it is an end: begin or end elsewhere")
            if each.skip:
                bisection.skipped.add(number)
            else:
                bisection.observe(number, bad=self._bad(each, limit))
        return bisection

    def _found(self, bisection: Bisection, limit: float | None, decided: bool) -> Found:
        left = bisection.credible(self.goal.confidence)
        posterior = bisection.posterior()
        return Found(
            candidates=tuple(self.versions[number] for number in left if number),
            sure=float(posterior[[number for number in left if number]].sum()),
            unchanged=float(posterior[0]),
            same=decided and left == (0,),
            decided=decided,
            boots=self._boots(),
            limit=limit,
            tallies=self._tallies(bisection, limit),
        )

    def _tallies(self, bisection: Bisection | None, limit: float | None) -> tuple[Tally, ...]:
        posterior = None if bisection is None else bisection.posterior()
        tallies = []
        for number, version in enumerate(self.versions):
            seen = [each for each in self._journal.observations if each.version == version]
            booted = [each for each in seen if not each.skip]
            bad = sum(self._bad(each, limit) for each in booted)
            times = [each.seconds for each in booted if each.seconds is not None]
            tallies.append(
                Tally(
                    version=version,
                    good=len(booted) - bad,
                    bad=bad,
                    probability=float(posterior[number]) if posterior is not None and number else 0.0,
                    median=statistics.median(times) if times else None,
                    skipped=len(seen) > len(booted),
                )
            )
        return tuple(tallies)

    def _boots(self) -> int:
        return sum(not each.skip for each in self._journal.observations)


def _apart(first: list[float], last: list[float], alpha: float) -> float | None:
    """Half way between the medians where the last version's boots are slower; None if not shown."""
    from scipy import stats  # it takes a second to load: only a timed search pays for it

    low, high = statistics.median(first), statistics.median(last)
    if math.isinf(low) or not high > low:
        return None
    if float(stats.mannwhitneyu(last, first, alternative="greater").pvalue) > alpha:
        return None
    # where the last version mostly fails, what is slow is what lies above all of the first's boots
    return max(each for each in first if not math.isinf(each)) if math.isinf(high) else (low + high) / 2


def _text(values: list[float]) -> str:
    median = statistics.median(values)
    return "a failure" if math.isinf(median) else f"{median:.3f} s"
