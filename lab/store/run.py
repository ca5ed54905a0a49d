"""A run on disk: what is in its folder, how it was measured, how to read it back.

    results/<date>/<run_id>/run.json            how it was measured (RunInfo)
                            boots.jsonl         a BootRecord a line, the truth
                            measurements.jsonl  derived from it
                            events-<nnn>.jsonl  the boot service's events during boot nnn
                            console/<nnn>.cast  the console of boot nnn (asciicast v2)
                            pcap/<nnn>.pcapng   its packets, headers of file data only
                            trace.json          derived: for ui.perfetto.dev
                            report.html         derived

`run_id` is UTC time plus a random suffix, so names sort by time and two labs can pour their results together.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from lab.errors import InfrastructureError, UsageError
from lab.model import SCHEMA, BootRecord, Measurement
from lab.store.codec import RecordError, decode
from lab.store.host import HostInfo

T = TypeVar("T")

RUN_FILE, BOOTS_FILE, MEASUREMENTS_FILE = "run.json", "boots.jsonl", "measurements.jsonl"
TRACE_FILE, REPORT_FILE, CONSOLE_FOLDER, PCAP_FOLDER = "trace.json", "report.html", "console", "pcap"
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """How a run was measured: all that a reader needs to judge it, nothing that names a person or a host.

    `site` holds the settings that matter for times (block size, window, CPU model of the emulator ...).
    `titles` are the milestones' names for people. `complete` becomes True when the last boot is written.

    `plan_hash` and `image_digest` are SHA-256: of the plan as the boot service has it (names, arguments,
    rules, but no path of its host), and of the files that it serves. `console_args` are the kernel's
    arguments that decide how much is printed. `night` is empty for a run by hand. `clock_step` is by how many
    seconds the host's wall clock was set while the run went on.
    """

    run_id: str
    started_at: str  # wall time, ISO 8601, UTC
    place: str
    board_type: str
    image: str
    method: str
    boots_planned: int
    emulated: bool
    command: str = ""
    host: HostInfo = field(default_factory=HostInfo)
    versions: dict[str, str] = field(default_factory=dict)
    site: dict[str, str] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    suite: str = "boot"
    night: str = ""
    plan_hash: str = ""
    image_digest: str = ""
    console_args: str = ""
    clock_step: float = 0.0
    finished_at: str = ""
    complete: bool = False
    schema: int = SCHEMA


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run read back. `warnings` are sentences about what was found damaged; `folder` is where it lies."""

    folder: Path
    info: RunInfo
    boots: tuple[BootRecord, ...]
    measurements: tuple[Measurement, ...] = ()
    warnings: tuple[str, ...] = ()


def load_run(path: Path) -> Run:
    """Read the run in the folder `path`.

    A run that was killed reads as far as it came (`info.complete` is False); half a last line is a warning.
    Raises UsageError where the folder is no run or a file is damaged elsewhere, naming file and line.
    """
    warnings: list[str] = []
    info = load_info(path)
    boots = tuple(_load_lines(path / BOOTS_FILE, BootRecord, warnings))
    values = tuple(_load_lines(path / MEASUREMENTS_FILE, Measurement, warnings))
    if not info.complete:
        warnings.append(
            f"The run did not come to its end: {len(boots)} of {info.boots_planned} boots are recorded."
        )
    if info.clock_step:
        warnings.append(
            f"The host's clock was set by {info.clock_step:+.0f} s during the run, or the host slept: its "
            "dates and hours are not to be trusted. The times of the boots are of another clock, and hold."
        )
    return Run(folder=path, info=info, boots=boots, measurements=values, warnings=tuple(warnings))


def load_events(path: Path) -> list[dict[str, Any]]:
    """Return the objects of an `events-*.jsonl`; half a last line is left out."""
    return [obj for _, obj in _objects(path, [])]


def list_runs(results_dir: Path) -> list[Path]:
    """Return the folders of all runs, oldest first."""
    found = [p.parent for p in results_dir.glob(f"*/*/{RUN_FILE}") if _DATE.fullmatch(p.parent.parent.name)]
    return sorted(found, key=lambda folder: (folder.name, folder))  # the same on every file system


def latest(results_dir: Path) -> Path | None:
    """Return the folder of the newest run; None where there is none."""
    runs = list_runs(results_dir)
    return runs[-1] if runs else None


def find_run(results_dir: Path, name: str) -> Path:
    """Return the folder of the run called `name`: `latest`, a run_id or the start of one, or a path.

    Raises UsageError where none or several fit.
    """
    if name != "latest":
        if (Path(name) / RUN_FILE).is_file():
            return Path(name)
        fits = [p for p in list_runs(results_dir) if p.name.startswith(name)]
    else:
        fits = list_runs(results_dir)[-1:]
    if not fits:
        what = "there is no run yet" if name == "latest" else f"no run is called {name!r}"
        raise UsageError(f"{what} in {results_dir}; `bootlab boot PLACE` makes one")
    if len(fits) > 1:
        raise UsageError(
            f"{name!r} fits {len(fits)} runs: {', '.join(p.name for p in fits[:5])}; write more of it"
        )
    return fits[0]


def load_info(path: Path) -> RunInfo:
    """Read how the run in the folder `path` was measured. Raises UsageError, InfrastructureError."""
    file = path / RUN_FILE
    try:
        return decode(RunInfo, json.loads(file.read_bytes()))
    except FileNotFoundError as exc:
        raise UsageError(f"{path} is not the folder of a run: it has no {RUN_FILE}") from exc
    except OSError as exc:
        raise InfrastructureError(f"cannot read {file}: {exc.strerror}") from exc
    except (
        ValueError,
        RecursionError,
    ) as exc:  # JSON, encoding and record errors alike; brackets without end
        raise UsageError(f"{file}: {exc}") from exc


def _load_lines(file: Path, cls: type[T], warnings: list[str]) -> Iterator[T]:
    for number, obj in _objects(file, warnings):
        try:
            yield decode(cls, obj)
        except RecordError as exc:
            raise UsageError(f"{file}:{number}: {exc}") from exc


def _objects(file: Path, warnings: list[str]) -> Iterator[tuple[int, Any]]:
    """Yield line number and value of each JSON line; a file that is not there has none."""
    try:
        lines = file.read_bytes().split(b"\n")
    except FileNotFoundError:
        return
    except OSError as exc:
        raise InfrastructureError(f"cannot read {file}: {exc.strerror}") from exc
    for number, line in enumerate(lines, 1):
        last = number == len(lines)  # a whole line ends with a newline, so what stands here is half of one
        if last and line:
            warnings.append(f"{file.name}: the last line was cut off while it was written; it is left out.")
        if last or not line.strip():
            continue
        try:
            yield number, json.loads(line)
        except (ValueError, RecursionError) as exc:
            raise UsageError(f"{file}:{number}: not a JSON line: {exc}") from exc
