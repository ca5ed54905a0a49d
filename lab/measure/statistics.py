"""Statistics over the boots of a run: never a single number, and "not enough samples" is a verdict.

The sample is the boots that became ready: a boot that failed tells why, not how long. Where none became
ready, all of them are the sample, so that what was reached can still be read. A milestone that some boots
of the sample did not reach keeps its row, with how many are missing.
"""

import itertools
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lab.measure.timeline import POWER_ON, first_round
from lab.model import BootRecord, Measurement, TransferSpan

MIN_FOR_MAD = 3  # of two values, the median absolute deviation is half their distance, which says nothing
MIN_FOR_INTERVAL = 6  # as in lab.statistics.intervals
MIN_FOR_P95 = 20  # below, the nearest-rank 95th percentile is the maximum under another name

RATED = frozenset({"complete", "unacknowledged"})  # outcomes in which a rate means something


@dataclass(frozen=True, slots=True)
class Summary:
    """What N values say; None stands for "not enough samples" (or, for all of them, none at all)."""

    n: int
    missing: int = 0  # boots of the sample without a value
    median: float | None = None
    mad: float | None = None  # median absolute deviation, unscaled; from MIN_FOR_MAD values on
    p5: float | None = None  # nearest rank, an observed value; from MIN_FOR_P95 values on
    p95: float | None = None
    min: float | None = None
    max: float | None = None
    interval: tuple[float, float] | None = None  # bootstrap, 95 %, of the median; from MIN_FOR_INTERVAL on

    @property
    def spread(self) -> tuple[float, float] | None:
        """p5 to p95 where there are enough samples, otherwise min to max; None below two values."""
        if self.p5 is not None and self.p95 is not None:
            return self.p5, self.p95
        if self.n < 2 or self.min is None or self.max is None:
            return None
        return self.min, self.max


@dataclass(frozen=True, slots=True)
class StageSummary:
    """One stage over the boots of a run; `share` is its part of the sum of all stages' medians (so of 1)."""

    start: str
    end: str
    seconds: Summary
    since_power_on: Summary  # of the milestone that ends the stage
    share: float | None = None


def summarise(values: Sequence[float], missing: int = 0) -> Summary:
    """Return the summary of the values, in any order."""
    ordered, n = sorted(values), len(values)
    if not n:
        return Summary(0, missing)
    median = statistics.median(ordered)
    mad = statistics.median(abs(v - median) for v in ordered) if n >= MIN_FOR_MAD else None
    p5 = p95 = None
    if n >= MIN_FOR_P95:
        p5, p95 = ordered[-(-5 * n // 100) - 1], ordered[-(-95 * n // 100) - 1]
    return Summary(n, missing, median, mad, p5, p95, ordered[0], ordered[-1], _interval(ordered))


def sample(records: Iterable[BootRecord]) -> tuple[BootRecord, ...]:
    """Return the boots that statistics are made of: the ready ones; where there are none, all."""
    every = tuple(records)
    return tuple(r for r in every if r.ready) or every


def milestone_order(records: Iterable[BootRecord]) -> tuple[str, ...]:
    """Return every milestone that any boot reached, ordered by its median time since power-on."""
    times: dict[str, list[int]] = {}
    for record in records:
        for m in first_round(record.timeline.milestones):
            times.setdefault(m.name, []).append(m.t_ns - record.timeline.t0_ns)
    return tuple(sorted(times, key=lambda name: statistics.median(times[name])))


def milestone_summaries(records: Iterable[BootRecord]) -> dict[str, Summary]:
    """Return seconds since power-on per milestone, in the order of the boot."""
    boots = sample(records)
    result = {}
    for name in milestone_order(boots):
        values = [t for r in boots if (t := r.timeline.since_power_on(name)) is not None]
        result[name] = summarise(values, len(boots) - len(values))
    return result


def stage_summaries(records: Iterable[BootRecord]) -> tuple[StageSummary, ...]:
    """Return the stages between milestones that follow each other in the usual order of the run.

    A stage has a value in each boot that reached both its ends. Where a boot took its milestones in another
    order than most, the stage is negative there; that is what happened.
    """
    boots = sample(records)
    reached = milestone_summaries(boots)
    names = (POWER_ON, *reached)
    table = {}
    for start, end in itertools.pairwise(names):
        values = [v for r in boots if (v := _between(r, start, end)) is not None]
        table[start, end] = summarise(values, len(boots) - len(values))
    total = sum(s.median for s in table.values() if s.median is not None)
    return tuple(
        StageSummary(
            start, end, s, reached[end], s.median / total if total > 0 and s.median is not None else None
        )
        for (start, end), s in table.items()
    )


def median_boot(records: Iterable[BootRecord]) -> BootRecord | None:
    """Return the boot whose time to its last milestone is the median (the lower of two) of the ready ones."""
    boots = [r for r in records if r.ready and r.timeline.milestones]
    boots.sort(key=lambda r: r.timeline.milestones[-1].t_ns - r.timeline.t0_ns)
    return boots[(len(boots) - 1) // 2] if boots else None


def measurements(records: Iterable[BootRecord]) -> tuple[Measurement, ...]:
    """Return the run as named quantities with units, for JSONL and JUnit.

    `time-to/<milestone>` and `stage/<start>..<end>` in s, `transfer/<protocol>/<name>/{bytes,rate,repeated}`
    in B, B/s and blocks (a file fetched again in the same boot is `<name>#2`). Only ready boots count (see
    `sample`); `Measurement.boots` says which boot each value is of.
    """
    boots = sample(records)
    table: dict[tuple[str, str], list[tuple[int, float]]] = {}
    order = milestone_order(boots)
    for record in boots:
        for name, unit, value in (*_times(record, order), *_transfer_values(record)):
            table.setdefault((name, unit), []).append((record.index, value))
    return tuple(
        Measurement(name, unit, tuple(v for _, v in rows), tuple(i for i, _ in rows))
        for (name, unit), rows in table.items()
    )


def numbered(transfers: Iterable[TransferSpan]) -> list[tuple[str, TransferSpan]]:
    """Return each transfer with a name of its own: `tftp/linux`, and `tftp/linux#2` for the second time."""
    seen: dict[str, int] = {}
    result = []
    for span in transfers:
        name = f"{span.protocol}/{span.name}"
        seen[name] = seen.get(name, 0) + 1
        result.append((name if seen[name] == 1 else f"{name}#{seen[name]}", span))
    return result


def rate(span: TransferSpan) -> float | None:
    """Bytes a second of a transfer that came through; None for others and for one too short to tell."""
    seconds = (span.end_ns - span.start_ns) / 1e9
    return span.sent / seconds if span.outcome in RATED and seconds > 0 else None


def _interval(values: Sequence[float]) -> tuple[float, float] | None:
    if len(values) < MIN_FOR_INTERVAL:
        return None
    from lab.statistics.intervals import median_interval  # numpy and scipy: only who has boots pays for them

    return median_interval(values)


def _between(record: BootRecord, start: str, end: str) -> float | None:
    first = 0.0 if start == POWER_ON else record.timeline.since_power_on(start)
    last = record.timeline.since_power_on(end)
    return None if first is None or last is None else last - first


def _times(record: BootRecord, order: tuple[str, ...]) -> Iterable[tuple[str, str, float]]:
    for name in order:
        if (value := record.timeline.since_power_on(name)) is not None:
            yield f"time-to/{name}", "s", value
    for start, end in itertools.pairwise((POWER_ON, *order)):
        if (value := _between(record, start, end)) is not None:
            yield f"stage/{start}..{end}", "s", value


def _transfer_values(record: BootRecord) -> Iterable[tuple[str, str, float]]:
    for name, span in numbered(record.timeline.transfers):
        yield f"transfer/{name}/bytes", "B", float(span.sent)
        if (value := rate(span)) is not None:
            yield f"transfer/{name}/rate", "B/s", value
        yield f"transfer/{name}/repeated", "blocks", float(span.repeated)
