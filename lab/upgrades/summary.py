"""What a campaign of power cuts came to, in a few lines."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from statistics import median

from lab.upgrades.cuts import CutResult


def summary(results: Sequence[CutResult]) -> list[str]:
    """One line for all cuts, one for each operation: how many came back whole, what the disks lost."""
    return list(_lines(results)) if results else []


def _lines(results: Sequence[CutResult]) -> Iterator[str]:
    yield _line(f"power cuts of seed {results[0].seed}", results)
    ordered = sorted(results, key=lambda result: result.operation)
    for operation, group in groupby(ordered, key=lambda result: result.operation):
        yield _line(f"  in {operation}", list(group))


def _line(title: str, results: Sequence[CutResult]) -> str:
    whole = sum(not result.faults for result in results)
    met = sum(result.unflushed > 0 for result in results)
    lost, torn = (sum(getattr(result, name) for result in results) for name in ("lost", "torn"))
    seconds = [result.seconds for result in results if result.seconds is not None]
    back = (
        f"; ready after {median(seconds):.1f} s ({min(seconds):.1f} to {max(seconds):.1f})" if seconds else ""
    )
    return (
        f"{title}: {whole} of {len(results)} came back whole; {met} met writes that were not flushed, "
        f"{lost} of them lost, {torn} torn{back}"
    )
