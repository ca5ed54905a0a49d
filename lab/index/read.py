"""A run's records as rows of the index."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.index.rows import TOTAL
from lab.index.tables import NAME_LIMIT
from lab.measure.statistics import measurements
from lab.model import BootRecord, Measurement
from lab.store.run import BOOTS_FILE, RUN_FILE, Run, load_run

Row = dict[str, Any]


@dataclass
class Rows:
    """Rows by table; of several runs."""

    runs: list[Row] = field(default_factory=list)
    boots: list[Row] = field(default_factory=list)
    series: list[Row] = field(default_factory=list)

    def add(self, other: "Rows") -> None:
        """Take the other's in."""
        self.runs += other.runs
        self.boots += other.boots
        self.series += other.series


def stamp(folder: Path) -> str:
    """Sizes and times of a run's files: while they stay, nothing needs to be read again. Raises OSError."""
    parts = []
    for name in (RUN_FILE, BOOTS_FILE):
        try:
            found = (folder / name).stat()
            parts.append(f"{found.st_size}:{found.st_mtime_ns}")
        except FileNotFoundError:
            parts.append("-")
    return " ".join(parts)


def digest(folder: Path) -> str:
    """SHA-256 over how it was measured and its boots. Raises OSError."""
    found = hashlib.sha256()
    for name in (RUN_FILE, BOOTS_FILE):
        file = folder / name
        content = file.read_bytes() if file.exists() else b""
        found.update(f"{name} {len(content)}\n".encode() + content)
    return found.hexdigest()


def read_rows(folder: Path, results_dir: Path) -> Rows:
    """Read a run. Raises UsageError where it is damaged, OSError where its files cannot be read."""
    before = stamp(folder)  # what is written while we read is read again next time
    content = digest(folder)
    run = load_run(folder)
    rows = Rows(
        [{**_run(run), "folder": str(folder.relative_to(results_dir)), "stamp": before, "digest": content}]
    )
    known: dict[int, Row] = {}
    for boot in run.boots:
        known.setdefault(boot.index, _boot(run.info.run_id, boot))
    rows.boots = list(known.values())
    named: dict[str, Row] = {}
    for value in (_total(run), *measurements(run.boots)):
        row = _series(run.info.run_id, value)
        named.setdefault(row["name"], row)
    rows.series = list(named.values())
    return rows


def _run(run: Run) -> Row:
    info = run.info
    same = (
        "run_id", "started_at", "finished_at", "complete", "place", "board_type", "image", "suite", "night",
        "method", "emulated", "plan_hash", "image_digest", "console_args",
    )  # fmt: skip
    counts = {"recorded": len(run.boots), "ready": sum(boot.ready for boot in run.boots)}
    return {**{name: getattr(info, name) for name in same}, "planned": info.boots_planned, **counts}


def _boot(run_id: str, boot: BootRecord) -> Row:
    failure = boot.failure
    return {
        "run_id": run_id,
        "number": boot.index,
        "started_at": boot.started_at,
        "ready": boot.ready,
        "attempt": boot.attempt,
        "firmware": boot.firmware,
        "kernel": boot.kernel,
        "load": boot.load,
        "seconds": _seconds(boot),
        "cause": failure.cause.value if failure else None,
        "sentence": failure.sentence if failure else None,
        "evidence": json.dumps(failure.evidence) if failure else None,
        "console": boot.console,
        "pcap": boot.pcap,
    }


def _seconds(boot: BootRecord) -> float | None:
    stones = boot.timeline.milestones
    return (stones[-1].t_ns - boot.timeline.t0_ns) / 1e9 if boot.ready and stones else None


def _total(run: Run) -> Measurement:
    reached = [(boot.index, seconds) for boot in run.boots if (seconds := _seconds(boot)) is not None]
    return Measurement(TOTAL, "s", tuple(v for _, v in reached), tuple(i for i, _ in reached))


def _series(run_id: str, value: Measurement) -> Row:
    return {
        "run_id": run_id,
        "name": value.name[:NAME_LIMIT],
        "unit": value.unit,
        "boots": json.dumps(value.boots),
        "values": json.dumps([round(v, 9) for v in value.values]),
    }
