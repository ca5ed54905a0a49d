"""A run against the baseline of its kind, in the few lines that `bootlab boot` and `report` have for it.

Who has no baseline waits for no statistics: they are loaded only where there is one.
"""

from typing import TYPE_CHECKING

from lab.comparison.baselines import Baselines
from lab.comparison.sample import kind_of, sample_of
from lab.errors import UsageError
from lab.store import Run

if TYPE_CHECKING:
    from lab.comparison.compare import Comparison


def against_baseline(run: Run) -> "Comparison | None":
    """Compare a run with the baseline of its kind; None where there is none, or the run is part of it.

    Raises UsageError where the baseline is damaged or the two may not be compared.
    """
    baseline = Baselines(run.folder.absolute().parents[1]).find(kind_of(run.info))
    if baseline is None or run.info.run_id in baseline.runs or not run.boots:
        return None
    from lab.comparison.compare import compare_samples

    return compare_samples(baseline, sample_of(run))


def tell_baseline(run: Run) -> list[str]:
    """What there is to say of a run and its baseline: a sentence, and what to mind; nothing without one."""
    try:
        found = against_baseline(run)
    except UsageError as exc:
        return [f"baseline: {exc}"]
    if found is None:
        return []
    from lab.comparison.words import sentence

    return [f"against {found.baseline.name}: {sentence(found)}", *(f"  note: {note}" for note in found.notes)]
