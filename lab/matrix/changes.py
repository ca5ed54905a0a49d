"""What changed since last night: two nights go in, sentences come out. No files, no clocks.

A cell is compared with the newest earlier night in which it was run. Its times are tested with the chance of
a false alarm shared by all cells of the night, so that a night in which nothing changed says nothing in 99 of
100 cases; a change also has to be as large as the matrix file says.

An emulated board is as slow as its host is busy. Where most emulated cells drifted alike (the median of
their ratios), that is the host: it is taken out, stages are not looked at, and what is called slower must
stand out by half of the drift besides.
"""

import math
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from lab.comparison.compare import Comparison, Row, compare_samples
from lab.comparison.sample import Sample, pooled, sample_of
from lab.comparison.words import change as change_words
from lab.comparison.words import row_name
from lab.errors import UsageError
from lab.matrix.agenda import Ended
from lab.matrix.model import Cell, Noticed
from lab.matrix.night import CellNight, Night, Standing
from lab.statistics import Rule, Verdict, compare_rates, flake_rate
from lab.statistics.compare import fewest

ALPHA = 0.01  # of a false alarm about times in a whole night
_DRIFTING = 4  # emulated cells that it takes to tell the host's drift from a change of one image


class Kind(StrEnum):
    """What became of a cell or a place, the bad news first."""

    SICK = "sick"
    FAILING = "failing"
    FLAKY = "flaky"
    SLOWER = "slower"
    NOT_RUN = "not-run"
    BACK = "back"
    FIXED = "fixed"
    FASTER = "faster"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change. A place as a whole has neither image nor suites. `runs` are those to look at."""

    kind: Kind
    place: str
    sentence: str
    board_type: str = ""
    image: str = ""
    suites: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """All changes, the bad news first. `since`: the night before ("": there is none); `notes`: sentences on
    how the two were compared."""

    since: str
    found: tuple[Change, ...]
    notes: tuple[str, ...] = ()


def changes(tonight: Night, earlier: Sequence[Night], noticed: Noticed) -> Changes:
    """Return what changed. `earlier` are nights of the same matrix, the newest first."""
    last = earlier[0] if earlier else None
    found = list(_places(tonight, last))
    drift, notes = _drift(tonight, earlier, noticed)
    rule = rule_of(tonight, noticed)
    notes += _too_few(tonight, earlier, rule)
    for cell in tonight.cells.values():
        base = base_of(cell.cell, earlier)
        told = _standing(cell, base, earlier)
        if told is None and base is not None:
            told = _times(cell, base, rule, noticed, drift if cell.emulated else 1.0, notes)
        if told is not None:
            found.append(told)
    merged = _merged(found)
    order = list(Kind)
    merged.sort(key=lambda each: (order.index(each.kind), each.place, each.image))
    return Changes(
        since=last.id if last is not None else "", found=tuple(merged), notes=tuple(dict.fromkeys(notes))
    )


def rule_of(tonight: Night, noticed: Noticed) -> Rule:
    """How the times of this night's cells are compared."""
    return Rule(
        alpha=ALPHA / max(len(tonight.cells), 1),
        relevant=noticed.percent / 100,
        margin=max(0.10, 2 * noticed.percent / 100),
    )


def _too_few(tonight: Night, earlier: Sequence[Night], rule: Rule) -> list[str]:
    """Whether there are cells with so few boots that nothing could be called slower or faster."""
    needed, few = fewest(rule.alpha / 2), 0
    for cell in tonight.cells.values():
        base = base_of(cell.cell, earlier)
        sides = [sample_of_cell(each) for each in (base, cell) if each is not None]
        boots = [len(side.ready) for side in sides if side is not None]
        few += len(boots) == 2 and min(boots) < needed
    if not few:
        return []
    cells = f"{few} cells have" if few > 1 else "one cell has"
    return [f"{cells} too few boots to call anything slower or faster: it takes {needed} in both nights"]


def _places(tonight: Night, last: Night | None) -> Iterator[Change]:
    for place in tonight.places.values():
        before = last.places.get(place.name) if last is not None else None
        was = before.sick if before is not None else ""
        if place.sick and not was:
            yield Change(kind=Kind.SICK, place=place.name, sentence=f"{place.name} is sick: {place.sick}")
        elif was and not place.sick:
            yield Change(
                kind=Kind.BACK, place=place.name, sentence=f"{place.name} is back: it passed its check"
            )


def base_of(cell: Cell, earlier: Iterable[Night]) -> CellNight | None:
    """What a cell is compared with: the cell in the newest earlier night in which it was run."""
    seen = (night.cells[cell] for night in earlier if cell in night.cells)
    return next((each for each in seen if each.standing is not Standing.NOT_RUN), None)


def _standing(cell: CellNight, base: CellNight | None, earlier: Sequence[Night]) -> Change | None:
    """Failing, fixed, flaky, or no longer run; None where the cell stands as it stood."""
    now, was = cell.standing, base.standing if base is not None else None
    if now is Standing.FAILING:
        return None if was is Standing.FAILING else _change(Kind.FAILING, cell, *_why(cell))
    if now is Standing.NOT_RUN:
        if cell.ended is Ended.DEADLINE and was is not None:
            return _change(Kind.NOT_RUN, cell, "did not fit into the deadline")
        return None  # its place is sick, or the night was cut off: said elsewhere
    if was is Standing.FAILING:
        how = "passes again" if now is Standing.PASSED else f"comes up again, {_count(cell)}"
        return _change(Kind.FIXED, cell, how)
    return _flakes(cell, earlier)


def _flakes(cell: CellNight, earlier: Sequence[Night]) -> Change | None:
    """How often the cell fails against all the nights that are known, for a flake has its lucky nights."""
    known = [night.cells[cell.cell].counts for night in earlier if cell.cell in night.cells]
    before = flake_rate(sum(failed for failed, _ in known), sum(judged for _, judged in known))
    now = flake_rate(*cell.counts)
    if not before.n or not now.n:
        return None
    if now.failed and not before.failed:
        return _change(
            Kind.FLAKY, cell, f"is flaky: {_count(cell)}; none of {before.n} before", *_why(cell)[1:]
        )
    verdict, _ = compare_rates(before, now)
    if verdict is Verdict.SLOWER:
        told = f"fails more often: {_count(cell)}; {before.failed} of {before.n} before"
        return _change(Kind.FLAKY, cell, told, *_why(cell)[1:])
    if verdict is Verdict.FASTER:
        told = f"fails less often: {_count(cell)}; {before.failed} of {before.n} before"
        return _change(Kind.FIXED, cell, told)
    return None


def _times(
    cell: CellNight, base: CellNight, rule: Rule, noticed: Noticed, drift: float | None, notes: list[str]
) -> Change | None:
    """Slower or faster; None where neither is shown, or the two cannot be compared.

    Where the host's drift is known, its load says nothing more; where it is not, a comparison is withheld if
    the host was busier on one side (lab.comparison), and noted.
    """
    before, now = sample_of_cell(base), sample_of_cell(cell)
    if before is None or now is None:
        return None
    if drift is not None:
        before, now = _without_load(before), _without_load(now)
    drifted = drift is not None and drift != 1.0
    if drift is not None and drifted:
        relevant = rule.relevant + abs(drift - 1) / 2
        rule = replace(rule, relevant=relevant, margin=max(rule.margin, 2 * relevant))
        before = _scaled(before, drift)
    try:
        found = compare_samples(before, now, rule)
    except UsageError:  # no milestone in common: another image by the same name
        return None
    notes += [note for note in found.notes if note.startswith("the host was not equally busy")]
    rows = found.rows[:1] if drifted else found.rows
    moved = [row for row in rows if _is_news(row, noticed)]
    if not moved:
        return None
    first = moved[0]
    kind = Kind.SLOWER if first.difference.verdict is Verdict.SLOWER else Kind.FASTER
    told = f"is {kind.value}: {_moved(found, first)}"
    largest = sorted(moved[1:], key=lambda row: -abs(row.difference.shift or 0.0))
    return _change(kind, cell, told, *(_moved(found, row) for row in largest[:2]))


def _is_news(row: Row, noticed: Noticed) -> bool:
    found = row.difference
    told = found.verdict in (Verdict.SLOWER, Verdict.FASTER)
    return told and found.shift is not None and abs(found.shift) >= noticed.seconds


def _moved(found: Comparison, row: Row) -> str:
    before, now = row.difference.medians
    medians = f", median {before:.2f} to {now:.2f} s" if before is not None and now is not None else ""
    return f"{row_name(found, row)} {change_words(row)}{medians}"


def _drift(tonight: Night, earlier: Sequence[Night], noticed: Noticed) -> tuple[float | None, list[str]]:
    """How much slower the host was for emulated boards (1: as quick; None: too few cells to
    tell), and a sentence where that matters."""
    ratios = []
    for cell in tonight.cells.values():
        base = base_of(cell.cell, earlier) if cell.emulated else None
        now, before = sample_of_cell(cell), sample_of_cell(base) if base is not None else None
        if now is not None and before is not None and now.kind.host == before.kind.host:
            medians = _median(before), _median(now)
            if medians[0] and medians[1]:
                ratios.append(medians[1] / medians[0])
    if len(ratios) < _DRIFTING:
        return None, []
    drift = math.exp(statistics.median(math.log(ratio) for ratio in ratios))
    if abs(drift - 1) < noticed.percent / 100:
        return 1.0, []
    word = "slower" if drift > 1 else "faster"
    return drift, [
        f"the host was {abs(drift - 1):.0%} {word} for emulated boards ({len(ratios)} cells): that is taken "
        "out of the comparisons, and stages are not compared"
    ]


def sample_of_cell(cell: CellNight) -> Sample | None:
    """The boots of a cell as one sample; None where none got ready."""
    samples = [sample_of(run) for run in cell.runs if run.boots]
    whole = pooled(samples) if samples else None
    return whole if whole is not None and whole.ready else None


def _median(sample: Sample) -> float:
    values = sample.values(None, sample.milestones[-1])
    return statistics.median(values) if values else 0.0


def _without_load(sample: Sample) -> Sample:
    return replace(sample, boots=tuple(replace(boot, load=None) for boot in sample.boots))


def _scaled(sample: Sample, factor: float) -> Sample:
    boots = tuple(
        replace(boot, seconds={name: value * factor for name, value in boot.seconds.items()})
        for boot in sample.boots
    )
    return replace(sample, boots=boots)


def _change(kind: Kind, cell: CellNight, told: str, *details: str) -> Change:
    return Change(
        kind=kind,
        place=cell.cell.place,
        board_type=cell.board_type,
        image=cell.cell.image,
        suites=(cell.cell.suite,),
        sentence=told,
        details=details,
        runs=tuple(folder.name for folder in cell.folders),
    )


def _why(cell: CellNight) -> list[str]:
    """The sentence of the change, and up to three causes with how often each was seen."""
    if cell.tests is not None:
        count = len(cell.tests.failed)
        told = f"fails: {count} test{'s' if count != 1 else ''}"
        return [told, *(f"{name}: {why}" for name, why in list(cell.tests.failed.items())[:3])]
    failures = [record.failure for record in cell.boots if record.failure is not None]
    causes: dict[str, list[str]] = {}
    for failure in failures:
        causes.setdefault(failure.cause.value, []).append(failure.sentence)
    told = f"fails: {_count(cell)}"
    return [told, *(f"{cause} ({len(said)}): {said[0]}" for cause, said in list(causes.items())[:3])]


def _count(cell: CellNight) -> str:
    failed, judged = cell.counts
    return f"{failed} of {judged} boots failed"


def _merged(found: Sequence[Change]) -> list[Change]:
    """Suites of one place and image that changed alike are one change."""
    groups: dict[tuple[Kind, str, str], list[Change]] = {}
    for each in found:
        groups.setdefault((each.kind, each.place, each.image), []).append(each)
    return [_one(group) for group in groups.values()]


def _one(group: Sequence[Change]) -> Change:
    first = group[0]
    if not first.image:
        return first
    suites = tuple(each.suites[0] for each in group)
    sentence = f"{first.image} on {first.place} ({', '.join(suites)}) {first.sentence}"
    others = [f"{each.suites[0]}: {each.sentence}" for each in group[1:]]
    details = tuple(dict.fromkeys((*first.details, *others)))
    runs = tuple(name for each in group for name in each.runs)
    return replace(first, suites=suites, sentence=sentence, details=details, runs=runs)


def summary(tonight: Night) -> Mapping[Standing, int]:
    """How many cells stand how."""
    standings = [cell.standing for cell in tonight.cells.values()]
    return {standing: standings.count(standing) for standing in Standing}
