"""Nights made up for tests: written as the runner writes them, read back as everybody reads them."""

import random
from pathlib import Path

from lab.matrix.journal import NIGHTS, Journal
from lab.matrix.night import Night, load_night
from lab.model import BootRecord, Cause, Failure, Milestone, Source, Timeline
from lab.store import HostInfo, RunInfo, RunWriter

HOST = HostInfo(cpu="a CPU", cores=2, memory_bytes=8 << 30)


def record(
    run_id: str, index: int, seconds: float | None, attempt: int = 1, load: float | None = None, **names: str
) -> BootRecord:
    """A boot of `seconds`, of which a quarter is the loader's; None: the kernel panicked."""
    t0 = 1_000_000_000_000 * (index + 1)
    if seconds is None:
        failure = Failure(Cause.KERNEL_PANIC, "the kernel panicked")
        return BootRecord(
            run_id=run_id, index=index, attempt=attempt, ready=False, failure=failure, started_at="",
            method="firmware", timeline=Timeline(t0_ns=t0, end_ns=t0 + 5_000_000_000), **names,
        )  # fmt: skip
    end = t0 + int(seconds * 1e9)
    stones = (
        Milestone("kernel", t0 + int(seconds * 0.25e9), Source.CONSOLE),
        Milestone("ready", end, Source.CONSOLE),
    )
    return BootRecord(
        run_id=run_id, index=index, attempt=attempt, ready=True, started_at="", method="firmware",
        timeline=Timeline(t0_ns=t0, milestones=stones, end_ns=end), load=load, **names,
    )  # fmt: skip


def write_night(
    results: Path,
    number: int,
    cells: dict[tuple[str, str, str], list[float | None]],
    *,
    sick: dict[str, str] | None = None,
    ended: dict[tuple[str, str, str], str] | None = None,
    attempts: dict[tuple[str, str, str], list[int]] | None = None,
    boots: int = 10,
    load: float | None = None,
    matrix: str = "nightly",
) -> Night:
    """Write a night: seconds of each boot of each cell; return it as it reads back."""
    night = f"202611{number:02}T220000Z-00000{number % 10}"
    rows = [
        {
            "place": p,
            "image": i,
            "suite": s,
            "kind": "boot",
            "board_type": "b",
            "emulated": True,
            "boots": boots,
        }
        for p, i, s in cells
    ]
    with Journal(results / NIGHTS / night, fresh=True) as journal:
        journal.write(
            "begin", schema=1, at="2026-11-22T22:00:00+00:00", matrix=matrix, digest="d", cells=rows
        )
        for place, cause in (sick or {}).items():
            journal.write("quarantine", place=place, cause=cause)
        for count, (cell, times) in enumerate(cells.items()):
            if times:
                run = _run(
                    results, f"{night[:16]}-{count:06x}", night, cell, times, (attempts or {}).get(cell), load
                )
                journal.write("run", cell=list(cell), run=str(run.relative_to(results)))
            journal.write("cell", cell=list(cell), ended=(ended or {}).get(cell, "done"))
        journal.write("end", at="2026-11-23T06:00:00+00:00", how="done")
    return load_night(results / NIGHTS / night)


def _run(
    results: Path,
    run_id: str,
    night: str,
    cell: tuple[str, str, str],
    times: list[float | None],
    attempts: list[int] | None,
    load: float | None,
) -> Path:
    place, image, suite = cell
    names = {"place": place, "image": image, "board_type": "b"}
    info = RunInfo(
        run_id=run_id, started_at="", method="firmware", boots_planned=len(times), emulated=True, host=HOST,
        suite=suite, night=night, **names,
    )  # fmt: skip
    with RunWriter(results, info, min_free=0) as writer:
        for index, seconds in enumerate(times):
            attempt = attempts[index] if attempts else 1
            writer.write_boot(record(run_id, index, seconds, attempt, load, **names))
    return writer.folder


def around(seconds: float, count: int = 10, seed: int = 0, spread: float = 0.02) -> list[float | None]:
    """Boots of about `seconds`."""
    noise = random.Random(f"{seconds} {seed}")
    return [seconds * (1 + noise.gauss(0, spread)) for _ in range(count)]
