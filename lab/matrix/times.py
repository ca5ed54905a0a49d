"""The times of a night's cells against those of the nights before.

Times are tested with the chance of a false alarm shared by all cells of the night, so that a night in which
nothing changed says nothing in 99 of 100 cases; a change also has to be as large as the matrix file says.

An emulated board is as slow as its host is busy. Where most emulated cells drifted alike (the median of
their ratios), that is the host: it is taken out, stages are not looked at, and what is called slower must
stand out by half of the drift besides.
"""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from lab.comparison.compare import Comparison, Row, compare_samples
from lab.comparison.sample import Sample, pooled, sample_of
from lab.comparison.words import change as change_words
from lab.comparison.words import row_name
from lab.errors import UsageError
from lab.matrix.model import Cell, Noticed
from lab.matrix.night import CellNight, Night, Standing
from lab.statistics import Rule, Verdict
from lab.statistics.compare import fewest

ALPHA = 0.01  # of a false alarm about times in a whole night
_DRIFTING = 4  # emulated cells that it takes to tell the host's drift from a change of one image


@dataclass(frozen=True, slots=True)
class Moved:
    """A cell that is slower or faster: the row that says so first, and up to two more that moved most."""

    verdict: Verdict
    sentence: str
    details: tuple[str, ...]


def rule_of(tonight: Night, noticed: Noticed) -> Rule:
    """How the times of this night's cells are compared."""
    return Rule(
        alpha=ALPHA / max(len(tonight.cells), 1),
        relevant=noticed.percent / 100,
        margin=max(0.10, 2 * noticed.percent / 100),
    )


def too_few(tonight: Night, earlier: Sequence[Night], rule: Rule) -> list[str]:
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


def base_of(cell: Cell, earlier: Iterable[Night]) -> CellNight | None:
    """What a cell is compared with: the cell in the newest earlier night in which it was run."""
    seen = (night.cells[cell] for night in earlier if cell in night.cells)
    return next((each for each in seen if each.standing is not Standing.NOT_RUN), None)


def moved(
    cell: CellNight, base: CellNight, rule: Rule, noticed: Noticed, drift: float | None, notes: list[str]
) -> Moved | None:
    """Return whether a cell is slower or faster; None where neither is shown, or the two cannot be compared.

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
    news = [row for row in rows if _is_news(row, noticed)]
    if not news:
        return None
    first = news[0]
    largest = sorted(news[1:], key=lambda row: -abs(row.difference.shift or 0.0))
    details = tuple(_told(found, row) for row in largest[:2])
    return Moved(first.difference.verdict, _told(found, first), details)


def _is_news(row: Row, noticed: Noticed) -> bool:
    found = row.difference
    told = found.verdict in (Verdict.SLOWER, Verdict.FASTER)
    return told and found.shift is not None and abs(found.shift) >= noticed.seconds


def _told(found: Comparison, row: Row) -> str:
    before, now = row.difference.medians
    medians = f", median {before:.2f} to {now:.2f} s" if before is not None and now is not None else ""
    return f"{row_name(found, row)} {change_words(row)}{medians}"


def host_drift(tonight: Night, earlier: Sequence[Night], noticed: Noticed) -> tuple[float | None, list[str]]:
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
