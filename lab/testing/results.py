"""Runs as they lie on disk, made up: for tests and the bench of what reads them."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lab.model import BootRecord, Cause, Failure, Milestone, Source, Timeline, TransferSpan
from lab.store import RunInfo, to_json
from lab.store.run import BOOTS_FILE, RUN_FILE
from lab.store.writer import json_lines

BEGAN = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
_S = 1_000_000_000


def run_info(number: int, **changes: Any) -> RunInfo:
    """How run `number` was measured; they follow each other by a minute."""
    began = BEGAN + timedelta(minutes=number)
    info = RunInfo(
        run_id=f"{began:%Y%m%dT%H%M%SZ}-{number:06x}",
        started_at=began.isoformat(timespec="seconds"),
        place="qemu1",
        board_type="qemu-virt-arm64",
        image="small-linux",
        method="firmware",
        boots_planned=1,
        emulated=True,
        complete=True,
        finished_at=(began + timedelta(seconds=50)).isoformat(timespec="seconds"),
    )
    return replace(info, **changes)


def boot_record(info: RunInfo, index: int, *, milestones: int = 20, failed: bool = False) -> BootRecord:
    """One boot: stages of about a second, three transfers; the same numbers give the same boot."""
    chance = random.Random(f"{info.run_id}/{index}")
    t0, at, stones = index * 100 * _S, index * 100 * _S, []
    for number in range(milestones // 2 if failed else milestones):
        at += int(chance.gauss(1, 0.05) * _S)
        stones.append(Milestone(f"stage-{number:02}", at, Source.CONSOLE, "what the console said of it"))
    files = (("tftp", "boot.scr.uimg", 1900), ("tftp", "linux", 32_000_000), ("tftp", "initrd.gz", 1_300_000))
    spans = tuple(
        TransferSpan(protocol=by, name=name, start_ns=t0 + _S, end_ns=t0 + 2 * _S, size=size, sent=size)
        for by, name, size in files
    )
    why = Failure(Cause.NO_INIT, "The kernel runs, and init never began.", ("VFS: Cannot open root",))
    return BootRecord(
        run_id=info.run_id,
        index=index,
        place=info.place,
        board_type=info.board_type,
        image=info.image,
        method=info.method,
        started_at=info.started_at,
        timeline=Timeline(t0_ns=t0, milestones=tuple(stones), transfers=spans, end_ns=at + _S),
        ready=not failed,
        failure=why if failed else None,
        console="",
        firmware="U-Boot 2023.01",
        kernel="6.1.0-50-arm64",
        load=1.5,
    )


def write_run(results: Path, info: RunInfo, boots: list[BootRecord]) -> Path:
    """Write a run as RunWriter does, without waiting for the disk; return its folder."""
    day = f"{info.run_id[:4]}-{info.run_id[4:6]}-{info.run_id[6:8]}"
    folder = results / day / info.run_id
    folder.mkdir(parents=True)
    (folder / RUN_FILE).write_text(json_lines([to_json(replace(info, boots_planned=len(boots)))]))
    (folder / BOOTS_FILE).write_text(json_lines(to_json(boot) for boot in boots))
    return folder


def write_runs(results: Path, runs: int, boots: int, **changes: Any) -> list[Path]:
    """Write `runs` runs of `boots` boots each."""
    infos = [run_info(number, **changes) for number in range(runs)]
    return [write_run(results, info, [boot_record(info, i) for i in range(boots)]) for info in infos]
