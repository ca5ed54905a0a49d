"""Runs that are made up: boots of three stages with some noise, for tests of what is made of runs."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

from lab.model import BootRecord, Cause, Failure, Milestone, Source, Timeline
from lab.store import HostInfo, Run, RunInfo, RunWriter

STAGES = (("u-boot", 0.5), ("kernel", 4.0), ("ready", 2.0))
HOST = HostInfo(cpu="Some CPU", cores=2, memory_bytes=8 << 30, kernel="Linux 6.1")


def record(index: int, seconds: dict[str, float], **changes: Any) -> BootRecord:
    """A boot that reached these milestones."""
    t0 = 10**12 * (index + 1)
    milestones = tuple(Milestone(name, t0 + int(t * 1e9), Source.CONSOLE) for name, t in seconds.items())
    made = BootRecord(
        run_id="", index=index, place="p1", board_type="board", image="image", method="firmware",
        started_at="2026-11-22T10:00:00+00:00", ready=True,
        timeline=Timeline(t0_ns=t0, milestones=milestones),
    )  # fmt: skip
    return replace(made, **changes)


def failed(index: int, cause: Cause = Cause.KERNEL_PANIC) -> BootRecord:
    """A boot that came as far as U-Boot."""
    return record(index, {"u-boot": 0.5}, ready=False, failure=Failure(cause, "It said so."))


def boots(n: int = 20, seed: int = 1, **factors: float) -> tuple[BootRecord, ...]:
    """`n` boots of the same stages; a stage is as many times as long as `factors` says."""
    rng = random.Random(seed)
    made = []
    for index in range(n):
        seconds, at = {}, 0.0
        for name, mean in STAGES:
            at += mean * factors.get(name.replace("-", "_"), 1.0) * rng.lognormvariate(0, 0.02)
            seconds[name] = at
        made.append(record(index, seconds))
    return tuple(made)


def info(run_id: str, **changes: Any) -> RunInfo:
    """How a run was measured."""
    made = RunInfo(
        run_id=run_id, started_at="2026-11-22T10:00:00+00:00", place="p1", board_type="board", image="image",
        method="firmware", boots_planned=20, emulated=True, host=HOST, complete=True,
    )  # fmt: skip
    return replace(made, **changes)


def run(run_id: str, records: tuple[BootRecord, ...], **changes: Any) -> Run:
    """A run of these boots, as if read back."""
    given = {"boots_planned": len(records), **changes}
    return Run(folder=Path(run_id), info=info(run_id, **given), boots=records)


def written(results: Path, run_id: str, records: tuple[BootRecord, ...], **changes: Any) -> Path:
    """The run on disk; `complete=False` is one that was cut off."""
    given = {"boots_planned": len(records), **changes}
    complete = given.pop("complete", True)
    writer = RunWriter(results, info(run_id, complete=False, **given))
    for each in records:
        writer.write_boot(replace(each, run_id=run_id))
    if complete:
        writer.finish()
    return writer.folder
