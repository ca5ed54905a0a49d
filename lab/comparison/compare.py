"""Compare two samples: refuse what may not be compared, name what differs beside the times, decide."""

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lab.comparison.sample import Sample, SampledBoot
from lab.errors import UsageError
from lab.measure.timeline import POWER_ON
from lab.statistics.compare import Difference, Rule, compare
from lab.statistics.flakes import FlakeRate, compare_rates, flake_rate
from lab.statistics.verdict import Verdict

_LOADED = 1.5  # median loads that differ by more are worth a word


@dataclass(frozen=True, slots=True)
class Row:
    """One quantity: the whole boot (`start` is POWER_ON, `end` the last milestone), or a stage of it."""

    start: str
    end: str
    difference: Difference
    whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What came of it. `rows` begins with the whole boot; empty where either side never became ready.

    `failing` is about failed boots: SLOWER stands for more of them. `notes` are sentences about what else
    differs, and about what could not be compared.
    """

    baseline: Sample
    candidate: Sample
    rule: Rule
    rows: tuple[Row, ...]
    flakes: tuple[FlakeRate, FlakeRate]
    failing: Verdict
    failing_p: float
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Of the times: what any row says, the bad news first; SAME only where the whole boot is."""
        said = {row.difference.verdict for row in self.rows}
        for verdict in (Verdict.SLOWER, Verdict.FASTER):
            if verdict in said:
                return verdict
        return self.rows[0].difference.verdict if self.rows else Verdict.NOT_ENOUGH_SAMPLES

    @property
    def worse(self) -> bool:
        """Whether something got slower, or fails more often."""
        return Verdict.SLOWER in (self.verdict, self.failing)

    def title(self, milestone: str) -> str:
        """A milestone's name for people."""
        if milestone == POWER_ON:
            return "power-on"
        return self.candidate.titles.get(milestone) or self.baseline.titles.get(milestone) or milestone


def compare_samples(baseline: Sample, candidate: Sample, rule: Rule | None = None) -> Comparison:
    """Compare the candidate's boots with the baseline's.

    Raises UsageError where they may not be compared: boards of two types, emulation against hardware,
    emulation on two kinds of host, no boot on a side, no milestone in common. All reasons at once.
    """
    rule = rule or Rule()
    _refuse(baseline, candidate)
    notes = [*_unfinished(baseline), *_unfinished(candidate), *_conditions(baseline, candidate)]
    rates = _rate(baseline), _rate(candidate)
    failing, p = compare_rates(*rates, alpha=rule.alpha, margin=rule.margin)
    rows: tuple[Row, ...] = ()
    if baseline.ready and candidate.ready:
        rows = _rows(baseline, candidate, rule, notes)
    return Comparison(
        baseline=baseline, candidate=candidate, rule=rule, rows=rows, flakes=rates,
        failing=failing, failing_p=p, notes=tuple(notes),
    )  # fmt: skip


def refusals(baseline: Sample, candidate: Sample) -> list[str]:
    """Why the two may not be compared; empty where they may."""
    a, b = baseline.kind, candidate.kind
    found = []
    if a.emulated != b.emulated:
        word = {True: "of an emulated board", False: "of real hardware"}
        found.append(
            f"{baseline.name} is {word[a.emulated]}, {candidate.name} {word[b.emulated]}: "
            "an emulator's seconds are its host's"
        )
    if a.board_type != b.board_type:
        found.append(f"{baseline.name} is of board type {a.board_type}, {candidate.name} of {b.board_type}")
    if a.emulated and b.emulated and a.host != b.host:
        found.append(f"the emulated boards ran on different hosts: {a.host} and {b.host}")
    for each in (baseline, candidate):
        if not each.boots:
            why = f": the clock went back in all {len(each.jumped)}" if each.jumped else ""
            found.append(f"{each.name} has no boot that counts{why}")
    return found


def _refuse(baseline: Sample, candidate: Sample) -> None:
    found = refusals(baseline, candidate)
    ready = baseline.ready and candidate.ready
    if not found and ready and not set(baseline.milestones) & set(candidate.milestones):
        found.append(f"{baseline.name} and {candidate.name} have no milestone in common")
    if found:
        raise UsageError(f"these may not be compared: {'; '.join(found)}")


def _rows(baseline: Sample, candidate: Sample, rule: Rule, notes: list[str]) -> tuple[Row, ...]:
    shared = [name for name in baseline.milestones if name in candidate.milestones]
    last = shared[-1]
    alone = {
        each.name: [name for name in each.milestones if name not in shared] for each in (baseline, candidate)
    }
    notes += [f"only {name} has {', '.join(extra)}" for name, extra in alone.items() if extra]
    if last != baseline.milestones[-1] or last != candidate.milestones[-1]:
        notes.append(f"the two end differently: the whole boot is compared up to {last}")
    stages = [pair for pair in itertools.pairwise((POWER_ON, *shared)) if _orderly(pair, baseline, candidate)]
    for start, end in itertools.pairwise((POWER_ON, *shared)):
        if (start, end) not in stages:
            notes.append(f"{start} and {end} come in another order on either side: not compared")
    tables = [_values(each, stages, last) for each in (baseline, candidate)]
    found = compare(tables[0], tables[1], "", rule)
    ends = [(POWER_ON, last), *stages]
    if any(difference.drifts for difference in found):
        drifting = ", ".join("the whole boot" if not d.name else d.name for d in found if d.drifts)
        notes.append(
            f"boots in a row resemble each other, as where the host was busy for a while: {drifting}. So "
            "they count for fewer, and nothing is concluded of these; measure again on a quiet host"
        )
    if busier := _busier(baseline, candidate):
        notes.append(busier)
        found = tuple(_withheld(difference) for difference in found)
    return tuple(
        Row(start, end, difference, whole=not index)
        for index, ((start, end), difference) in enumerate(zip(ends, found, strict=True))
    )


def _values(each: Sample, stages: Sequence[tuple[str, str]], last: str) -> dict[str, tuple[float, ...]]:
    """Seconds by quantity; the whole boot is named ""."""
    named = {f"{start}..{end}": each.values(_from(start), end) for start, end in stages}
    return {"": each.values(None, last), **named}


def _orderly(stage: tuple[str, str], *samples: Sample) -> bool:
    """Whether the stage's milestones usually come in this order on both sides."""
    values = [each.values(_from(stage[0]), stage[1]) for each in samples]
    return all(not side or statistics.median(side) >= 0 for side in values)


def _from(start: str) -> str | None:
    return None if start == POWER_ON else start


def _rate(each: Sample) -> FlakeRate:
    """How often the board failed; what the lab failed proves nothing about it."""
    counted = [boot for boot in each.boots if not boot.of_the_lab]
    return flake_rate(sum(not boot.ready for boot in counted), len(counted))


def _unfinished(each: Sample) -> list[str]:
    notes = []
    if not each.complete:
        notes.append(f"{each.name} did not come to its end: {len(each.boots)} of {each.planned} boots")
    if each.jumped:
        numbers = ", ".join(str(index + 1) for index in each.jumped[:5])
        notes.append(f"{each.name}: the clock went back in boot {numbers}; what has such times is left out")
    if not each.ready:
        notes.append(f"{each.name}: no boot became ready ({_causes(each.boots)}): there are no times")
    lab = sum(boot.of_the_lab for boot in each.boots)
    if lab:
        notes.append(f"{each.name}: {lab} boots failed by the lab's own equipment; they do not count")
    return notes


def _causes(boots: Sequence[SampledBoot]) -> str:
    counted: dict[str, int] = {}
    for boot in boots:
        counted[boot.cause or "no cause"] = counted.get(boot.cause or "no cause", 0) + 1
    return ", ".join(f"{n} {cause}" for cause, n in sorted(counted.items(), key=lambda item: -item[1]))


def _conditions(baseline: Sample, candidate: Sample) -> list[str]:
    """What else differs, so that nobody takes it for the change that was meant."""
    pairs = [
        ("image", baseline.kind.image, candidate.kind.image),
        ("suite", baseline.kind.suite, candidate.kind.suite),
        ("method", baseline.kind.method, candidate.kind.method),
        ("place", baseline.place, candidate.place),
        *(
            (name, baseline.conditions[name], candidate.conditions[name])
            for name in baseline.conditions
            if name in candidate.conditions
        ),
    ]
    return [f"not the same {what}: {a} and {b}" for what, a, b in pairs if a != b and a and b]


def _busier(baseline: Sample, candidate: Sample) -> str:
    """A sentence where an emulated board's host was busier on one side; "" where not, or nobody knows."""
    loads = [load for each in (baseline, candidate) if (load := _load(each)) is not None]
    if not baseline.kind.emulated or len(loads) < 2 or abs(loads[0] - loads[1]) <= _LOADED:
        return ""
    return (
        f"the host was not equally busy (load {loads[0]:.1f} and {loads[1]:.1f}), and an emulated board is "
        "as slow as its host is busy: nothing is called slower or faster"
    )


def _withheld(difference: Difference) -> Difference:
    """The difference without a verdict that something changed."""
    if difference.verdict not in (Verdict.SLOWER, Verdict.FASTER):
        return difference
    return replace(difference, verdict=Verdict.NOT_ENOUGH_SAMPLES)


def _load(each: Sample) -> float | None:
    known = [boot.load for boot in each.boots if boot.load is not None]
    return statistics.median(known) if known else None
