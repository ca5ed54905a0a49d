"""Rows of the index as records: enough for a night's squares, and quicker than ten thousand files."""

from lab.index import BootRow, RunRow
from lab.model import BootRecord, Cause, Failure, Milestone, Source, Timeline
from lab.store.run import RunInfo


def info_of(row: RunRow) -> RunInfo:
    """How a run was measured, as far as the index knows."""
    same = (
        "run_id", "started_at", "finished_at", "complete", "place", "board_type", "image", "suite", "night",
        "method", "emulated", "plan_hash", "image_digest", "console_args",
    )  # fmt: skip
    return RunInfo(boots_planned=row.planned, **{name: getattr(row, name) for name in same})


def record_of(row: BootRow, info: RunInfo) -> BootRecord:
    """A boot as far as the index knows: of its milestones the last one alone, from a power-on at 0."""
    stones: tuple[Milestone, ...] = ()
    if row.seconds is not None:
        stones = (Milestone("ready", round(row.seconds * 1e9), Source.CONSOLE),)
    return BootRecord(
        run_id=row.run_id, index=row.number, place=info.place, board_type=info.board_type, image=info.image,
        method=info.method, started_at=row.started_at, timeline=Timeline(t0_ns=0, milestones=stones),
        ready=row.ready, failure=_failure(row), console=row.console, pcap=row.pcap, firmware=row.firmware,
        kernel=row.kernel, load=row.load, attempt=row.attempt,
    )  # fmt: skip


def _failure(row: BootRow) -> Failure | None:
    if row.cause is None:
        return None
    known = row.cause in set(Cause)
    return Failure(Cause(row.cause) if known else Cause.NOT_READY, row.sentence or "", row.evidence)
