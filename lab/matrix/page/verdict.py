"""What a cell shows: how it stands, and against the night before."""

from collections.abc import Iterable
from dataclasses import dataclass

from lab.comparison.compare import compare_samples
from lab.errors import UsageError
from lab.matrix.changes import Changes, Kind
from lab.matrix.model import Cell
from lab.matrix.night import CellNight, Night, Standing
from lab.matrix.times import rule_of, sample_of_cell
from lab.statistics import Difference, Verdict

WORDS = {
    Standing.PASSED: ("✓", "passed"),
    Standing.FLAKY: ("≈", "flaky"),
    Standing.FAILING: ("✕", "failing"),
    Standing.NOT_RUN: ("–", "not run"),
}
_TIMES = (Kind.SLOWER, Kind.FASTER)


@dataclass(frozen=True, slots=True)
class Against:
    """The whole boot against the cell's night before. `word` is the verdict, `change` such as `+12.3 %`."""

    word: str = ""
    change: str = ""
    interval: str = ""
    why_not: str = ""


def kinds_of(changed: Changes, cells: Iterable[Cell]) -> dict[Cell, list[Kind]]:
    """Which changes are about which cell."""
    found: dict[Cell, list[Kind]] = {cell: [] for cell in cells}
    for change in changed.found:
        for suite in change.suites:
            found.setdefault(Cell(change.place, change.image, suite), []).append(change.kind)
    return found


def against(night: Night, cell: CellNight, base: CellNight | None, kinds: Iterable[Kind]) -> Against:
    """Compare a cell with `base`.

    It is slower or faster where the night's changes say so: what they leave out is too small to be news, or
    the host's own doing.
    """
    news = next((kind.value for kind in kinds if kind in _TIMES), "")
    now = sample_of_cell(cell)
    before = sample_of_cell(base) if base is not None else None
    if now is None or before is None:
        return Against(news)
    try:
        found = compare_samples(before, now, rule_of(night, night.noticed)).rows[0].difference
    except UsageError as exc:
        return Against(news, why_not=str(exc))
    return Against(news or _word(found), _change(found), _interval(found))


def _change(found: Difference) -> str:
    if found.relative is None:
        return ""
    percent = f"{100 * found.relative:+.1f} %".replace("-", "−")
    return "±0.0 %" if percent[1:] == "0.0 %" else percent


def _word(found: Difference) -> str:
    if found.verdict is Verdict.NOT_ENOUGH_SAMPLES:
        if found.drifts:
            return "boots drift"
        return "too few boots" if found.needed else "host busier"
    return "same" if found.verdict is Verdict.SAME else "no news"


def _interval(found: Difference) -> str:
    if found.shift is None or found.low is None or found.high is None:
        return ""
    return f"{found.shift:+.2f} s, interval {found.low:+.2f} to {found.high:+.2f} s".replace("-", "−")
