"""Runs of other hosts, poured into our results folder. Nothing that is here is ever written over.

A run is copied beside its place and moved there by one rename: it is there whole or not at all. Only plain
files are taken, no links, and nothing that is derived (page, trace, measurements): that is made anew here.
"""

import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from lab.errors import UsageError
from lab.store.check import contradictions
from lab.store.run import (
    MEASUREMENTS_FILE,
    REPORT_FILE,
    RUN_FILE,
    TRACE_FILE,
    Run,
    list_runs,
    load_run,
)
from lab.store.writer import disk_errors

_RUN_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-z]+")
_DERIVED = frozenset({REPORT_FILE, TRACE_FILE, MEASUREMENTS_FILE})


@dataclass
class Imported:
    """What came of an import: folders of ours that are new, or that a longer version of the run replaced; how
    many were here already; sentences about runs that were not taken."""

    new: list[Path] = field(default_factory=list)
    longer: list[Path] = field(default_factory=list)
    same: int = 0
    refused: list[str] = field(default_factory=list)


def import_runs(
    source: Path, results_dir: Path, progress: Callable[[int, int], None] = lambda done, of: None
) -> Imported:
    """Copy the runs of `source`, a results folder or one run, to `results_dir`.

    A run that is here with the same content is left; one that is here as an incomplete beginning of the other
    is replaced by it; one that is here with different content, or that is damaged, is refused by name.
    Raises UsageError where `source` has no run, InfrastructureError where the disk does not take them.
    """
    folders = [source] if (source / RUN_FILE).is_file() else list_runs(source)
    if not folders:
        raise UsageError(f"{source} has no runs: give a results folder, or the folder of a run")
    done = Imported()
    for number, folder in enumerate(folders, 1):
        _import(folder, results_dir, done)
        progress(number, len(folders))
    return done


def _import(folder: Path, results_dir: Path, done: Imported) -> None:
    try:
        run = load_run(folder)
    except UsageError as exc:
        done.refused.append(str(exc))
        return
    wrong = [fault for fault in contradictions(run) if not fault.endswith(" is missing")]
    if wrong:
        done.refused.append(f"{folder}: {wrong[0]}")
        return
    name = run.info.run_id
    if not _RUN_ID.fullmatch(name):
        done.refused.append(f"{folder}: {name!r} is no id of a run; they are like 20261122T043619Z-3f9a1c")
        return
    target = results_dir / f"{name[:4]}-{name[4:6]}-{name[6:8]}" / name
    if not target.exists():
        _copy(folder, target, results_dir)
        done.new.append(target)
        return
    ours = load_run(target)
    if (ours.info, ours.boots) == (run.info, run.boots):
        done.same += 1
    elif not ours.info.complete and ours.boots == run.boots[: len(ours.boots)]:
        _copy(folder, target, results_dir)
        done.longer.append(target)
    else:
        done.refused.append(_other(folder, run, target, ours))


def _other(folder: Path, run: Run, target: Path, ours: Run) -> str:
    return (
        f"{folder}: another run of this id is here already, {target}, with different content "
        f"({len(ours.boots)} boots here, {len(run.boots)} there); it stays. To have both, give one another "
        "id: the folder's name, and run_id in its run.json and boots.jsonl"
    )


def _copy(folder: Path, target: Path, results_dir: Path) -> None:
    """Copy to a folder beside, then rename; what stood there before goes last."""
    with disk_errors(results_dir):
        results_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=results_dir, prefix=".import-") as made:
            beside = Path(made) / "new"
            shutil.copytree(folder, beside, ignore=_ignored, symlinks=True)
            target.parent.mkdir(exist_ok=True)
            if target.exists():
                target.rename(Path(made) / "old")
            beside.rename(target)


def _ignored(folder: str, names: list[str]) -> list[str]:
    """What is not copied: links and special files, what is derived, and what was being written."""
    here = Path(folder)
    plain = {name for name in names if not (here / name).is_symlink() and _plain(here / name)}
    return [name for name in names if name not in plain or name in _DERIVED or name.startswith(".")]


def _plain(path: Path) -> bool:
    return path.is_file() or path.is_dir()
