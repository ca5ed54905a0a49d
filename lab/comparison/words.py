"""What came of a comparison, in words."""

from lab.comparison.compare import Comparison, Row
from lab.statistics.verdict import Verdict

_FAILING = {
    Verdict.SLOWER: "fails more often",
    Verdict.FASTER: "fails less often",
    Verdict.SAME: "fails as often",
    Verdict.NOT_ENOUGH_SAMPLES: "not enough samples to tell how often it fails",
}


def sentence(found: Comparison) -> str:
    """The verdict, and what it rests on, in a line."""
    words = []
    moved = [row for row in found.rows if row.difference.verdict in (Verdict.SLOWER, Verdict.FASTER)]
    if moved:
        words += [f"{row.difference.verdict}: {row_name(found, row)} {change(row)}" for row in moved]
    elif found.rows and found.verdict is Verdict.SAME:
        words.append(f"same: no change of {found.rule.margin:.0%} of the boot or more")
    elif found.rows:
        needed = max((row.difference.needed or 0 for row in found.rows[:1]), default=0)
        more = f"; about {needed} boots on either side would tell" if needed else ""
        words.append(f"{Verdict.NOT_ENOUGH_SAMPLES}: the whole boot {change(found.rows[0])}{more}")
    if found.failing in (Verdict.SLOWER, Verdict.FASTER) or not found.rows:
        words.append(_FAILING[found.failing])
    return "; ".join(words)


def change(row: Row) -> str:
    """`+0.52 s (+10.1 %, 95 % sure of +0.41 to +0.66 s)`."""
    d = row.difference
    if d.shift is None or d.low is None or d.high is None:
        return "has no value on one side"
    percent = f"{d.relative:+.1%}, " if d.relative is not None else ""
    return f"{d.shift:+.3f} s ({percent}interval {d.low:+.3f} to {d.high:+.3f} s)"


def row_name(found: Comparison, row: Row) -> str:
    """A quantity's name for people."""
    return "the whole boot" if row.whole else f"{found.title(row.start)} .. {found.title(row.end)}"
