"""Shows how often the rule of a comparison errs, with the noise of boots that were really measured.

    python -m bench.statistics [--run RUN]... [--results results] [--trials 2000] [--boots 20] [--part PART]

The noise is that of the baselines in results/baselines, and of each RUN named. Boots are drawn from what was
measured, whole (so that a slow moment of the host stays in all of its stages), and each stage is blurred a
little, so that the same boot drawn twice does not tie with itself. Then:

- false alarms: two such samples, nothing changed; how often any stage, or the whole boot, is called changed
- found: the second sample is 10 % slower, once in all stages, once by one stage alone (each in turns)
- by spread: made-up boots with the run's stages, whose total has the coefficient of variation that is named
- as measured: two halves of the run itself, by turns (boot by boot) and one after the other, without drawing

- drift: made-up boots of which each resembles the one before; nothing changed

The tables of change points, of the bisection and of intervals need no boots.
"""

import argparse
import itertools
import math
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lab.comparison.baselines import Baselines
from lab.comparison.sample import Sample, sample_of
from lab.measure.timeline import POWER_ON
from lab.statistics.bisection import Bisection
from lab.statistics.changepoints import change_points
from lab.statistics.compare import Difference, compare
from lab.statistics.intervals import median_interval, rate_interval
from lab.statistics.verdict import Verdict
from lab.store import find_run, load_run

WHOLE = ""
BLUR = 0.25  # of a stage's own spread
PARTS = ("boots", "drift", "intervals", "histories", "bisections")
MOVED = (Verdict.SLOWER, Verdict.FASTER)
SLOWER = 1.10


def main() -> None:
    options = _options()
    parts = {
        "drift": lambda: _of_drift(options.trials, options.boots),
        "intervals": lambda: _of_intervals(options.trials),
        "histories": lambda: _of_histories(options.trials),
        "bisections": lambda: _of_bisections(max(options.trials // 20, 20)),
    }
    if options.part == "boots" or not options.part:
        _of_samples(options)
    for name, show in parts.items():
        if options.part in (name, ""):
            show()


def _of_samples(options: argparse.Namespace) -> None:
    samples = [Baselines(options.results).load(file) for file in Baselines(options.results).files()]
    samples += [sample_of(load_run(find_run(options.results, name))) for name in options.run]
    if not samples:
        print(f"no boots to take noise of: no baseline in {options.results}, no --run", file=sys.stderr)
    for sample in samples:
        _of_boots(sample, options.trials, options.boots)


def _of_boots(sample: Sample, trials: int, boots: int) -> None:
    rng = np.random.default_rng(1)
    names, table = _stages(sample)
    total = table.sum(axis=1)
    print(
        f"## {sample.kind.image} on {sample.kind.board_type}, {sample.kind.host}: {', '.join(sample.runs)}\n"
    )
    load = [boot.load for boot in sample.ready if boot.load is not None]
    print(
        f"{len(total)} boots, median {np.median(total):.2f} s, coefficient of variation "
        f"{total.std() / total.mean():.1%}, {len(names)} stages; load of the host "
        + (f"{np.median(load):.1f}\n" if load else "not recorded\n")
    )
    print(
        "| samples of | false alarms | whole boot 10 % slower | found by the whole boot | by it or a stage |"
    )
    print("|---|---|---|---|---|")
    for n in sorted({10, boots, 2 * boots}):
        alarms = _share(
            (any(_moved(d) for d in _compared(_drawn(table, n, rng), _drawn(table, n, rng), names)))
            for _ in range(trials)
        )
        for what, factors in (("all stages", None), ("one stage", rng)):
            found = [
                _compared(_drawn(table, n, rng), _slowed(_drawn(table, n, rng), total, factors), names)
                for _ in range(trials // 4)
            ]
            whole = _share(f[0].verdict is Verdict.SLOWER for f in found)
            either = _share(any(d.verdict is Verdict.SLOWER for d in f) for f in found)
            print(f"| {n} | {alarms} | {what} | {whole} | {either} |", flush=True)
    print()
    _of_spreads(np.median(table, axis=0), names, trials, boots)
    _as_measured(table, names)


def _of_spreads(medians: np.ndarray, names: list[str], trials: int, boots: int) -> None:
    """Half of the noise is the host's, and the same in all stages; the other half is each stage's own."""
    rng = np.random.default_rng(6)
    own = math.sqrt((medians / medians.sum()) @ (medians / medians.sum()))
    print(f"| coefficient of variation | false alarms of {boots} and {boots} boots | 10 % slower: found |")
    print("|---|---|---|")
    for spread in (0.02, 0.04, 0.06, 0.08, 0.12):

        def drawn(spread: float = spread) -> np.ndarray:
            host = rng.normal(0, spread * math.sqrt(0.5), (boots, 1))
            stages = rng.normal(0, spread * math.sqrt(0.5) / own, (boots, len(medians)))
            return medians * np.exp(host + stages)

        alarms = _share(any(map(_moved, _compared(drawn(), drawn(), names))) for _ in range(trials))
        found = _share(_whole(drawn(), drawn() * SLOWER).verdict is Verdict.SLOWER for _ in range(trials))
        print(f"| {spread:.0%} | {alarms} | {found} |", flush=True)
    print()


def _as_measured(table: np.ndarray, names: list[str]) -> None:
    half = len(table) // 2
    for word, first, second in (
        ("by turns", table[0 : 2 * half : 2], table[1 : 2 * half : 2]),
        ("one after the other", table[:half], table[half : 2 * half]),
    ):
        found = _compared(first, second, names)
        moved = [f"{d.name or 'whole boot'} {d.relative or 0:+.0%}" for d in found if _moved(d)]
        print(f"The run's own halves, {word}: {found[0].verdict}; {', '.join(moved) or 'nothing moved'}.")
    print()


def _stages(sample: Sample) -> tuple[list[str], np.ndarray]:
    """Names of the stages, and seconds: a row for each boot that has them all."""
    pairs = list(itertools.pairwise((POWER_ON, *sample.milestones)))
    rows = [
        [boot.seconds[end] - (0.0 if start == POWER_ON else boot.seconds[start]) for start, end in pairs]
        for boot in sample.ready
        if all(name in boot.seconds for name in sample.milestones)
    ]
    return [f"{start}..{end}" for start, end in pairs], np.array(rows)


def _drawn(table: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    rows = table[rng.integers(0, len(table), n)]
    spread = 1.4826 * np.median(np.abs(table - np.median(table, axis=0)), axis=0)
    return np.abs(rows + rng.normal(0, 1, rows.shape) * BLUR * spread)


def _slowed(rows: np.ndarray, total: np.ndarray, one: np.random.Generator | None) -> np.ndarray:
    """The boots 10 % slower: in all stages, or by one stage alone that takes all of it."""
    if one is None:
        return rows * SLOWER
    slowed = rows.copy()
    slowed[:, one.integers(rows.shape[1])] += (SLOWER - 1) * np.median(total)
    return slowed


def _compared(first: np.ndarray, second: np.ndarray, names: list[str]) -> tuple[Difference, ...]:
    sides = [
        {WHOLE: side.sum(axis=1), **{name: side[:, n] for n, name in enumerate(names)}}
        for side in (first, second)
    ]
    return compare(sides[0], sides[1], WHOLE)


def _whole(first: np.ndarray, second: np.ndarray) -> Difference:
    """The whole boot alone, which the rule judges by itself."""
    return compare({WHOLE: first.sum(axis=1)}, {WHOLE: second.sum(axis=1)}, WHOLE)[0]


def _moved(difference: Difference) -> bool:
    return difference.verdict in MOVED


def _share(hits: Iterator[bool]) -> str:
    every = list(hits)
    low, high = rate_interval(sum(every), len(every))
    return f"{sum(every) / len(every):.1%} ({low:.1%} to {high:.1%})"


def _of_drift(trials: int, boots: int) -> None:
    rng = np.random.default_rng(5)
    print(f"## Boots in a row that resemble each other: {boots} and {boots} in one wave, nothing changed\n")
    print("| correlation of neighbours | called changed | called changed if one did not look for drift |")
    print("|---|---|---|")
    for rho in (0.0, 0.3, 0.6, 0.9):
        found = [_wave(rng, 2 * boots, rho) for _ in range(trials)]
        compared = [compare({WHOLE: w[:boots]}, {WHOLE: w[boots:]}, WHOLE)[0] for w in found]
        print(
            f"| {rho} | {_share(_moved(d) for d in compared)} "
            f"| {_share((d.p or 1) <= 0.01 for d in compared)} |"
        )
    print()


def _wave(rng: np.random.Generator, n: int, rho: float) -> np.ndarray:
    values = [rng.normal()]
    for _ in range(n - 1):
        values.append(rho * values[-1] + math.sqrt(1 - rho * rho) * rng.normal())
    return 10 * np.exp(0.1 * np.array(values))


def _of_intervals(trials: int) -> None:
    rng = np.random.default_rng(2)
    print("## The 95 % interval of the median covers it\n\n| boots | covered |\n|---|---|")
    for n in (6, 10, 20, 50):
        drawn = rng.lognormal(0, 0.3, (trials, n))
        print(f"| {n} | {_share(bool(i and i[0] <= 1 <= i[1]) for i in map(median_interval, drawn))} |")
    print()


def _of_histories(trials: int) -> None:
    rng = np.random.default_rng(3)
    print("## Change points: 3 % noise from night to night\n\n| nights | false alarms |\n|---|---|")
    for n in (20, 60, 120, 365):
        print(f"| {n} | {_share(bool(change_points(rng.normal(100, 3, n), 0)) for _ in range(trials))} |")
    print("\n| nights after a change of 10 % (30 before) | found |\n|---|---|")
    for after in (3, 4, 5, 7, 10):
        histories = (np.r_[rng.normal(100, 3, 30), rng.normal(110, 3, after)] for _ in range(trials // 4))
        print(f"| {after} | {_share(bool(change_points(history)) for history in histories)} |")
    print()


def _of_bisections(trials: int) -> None:
    print("## Bisection: 99 % sure\n\n| versions | good fail | bad fail | wrong | boots, median (most) |")
    print("|---|---|---|---|---|")
    for versions, good, bad in (
        (16, 0.0, 1.0),
        (128, 0.0, 1.0),
        (16, 0.05, 0.9),
        (16, 0.16, 0.84),
        (16, 0.0, 0.5),
    ):
        rng = np.random.default_rng(4)
        wrong, boots = [], []
        for _ in range(trials):
            first = int(rng.integers(1, versions))
            state, count = Bisection(versions), 0
            while not state.decided(0.99) and count < 300:
                version = state.next()
                state.observe(version, bad=bool(rng.random() < (bad if version >= first else good)))
                count += 1
            wrong.append(state.credible(0.99) != (first,))
            boots.append(count)
        print(
            f"| {versions} | {good:.0%} | {bad:.0%} | {_share(iter(wrong))} "
            f"| {np.median(boots):.0f} ({max(boots)}) |"
        )
    print(
        f"\n(`git bisect` tries {math.ceil(math.log2(16))} of 16 versions once each, and believes each boot.)"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.statistics", description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--run", action="append", default=[])
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--boots", type=int, default=20)
    parser.add_argument("--part", choices=["", *PARTS], default="", help="this table alone")
    return parser.parse_args()


if __name__ == "__main__":
    main()
