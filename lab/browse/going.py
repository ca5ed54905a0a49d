"""What is under way: nights and runs that have not ended, and where each board is now.

Nothing asks the programs that run them: their records are on disk as they come, and a console is written
within a twentieth of a second.
"""

import contextlib
import json
import statistics
import time
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from lab.browse.library import Library
from lab.config.boards import load_board_type
from lab.errors import LabError
from lab.index import RunRow
from lab.matrix.journal import JOURNAL
from lab.matrix.night import Night
from lab.measure.milestones import CONSOLE, MilestoneTracker
from lab.model import MilestoneRule
from lab.report.recording import chunks, read_recording
from lab.store.run import BOOTS_FILE, CONSOLE_FOLDER, RUN_FILE

SILENT_SECONDS = 600.0  # without any sign for so long, it was cut off
_LINES = 6
_BOARDS = 100
_RECENT = 1000  # newest runs that are looked at
_READ_LIMIT = 4 << 20  # bytes of a recording


def under_way(night: Night) -> bool:
    """Whether a night goes on: it has no end yet, and its journal is held or something came lately."""
    if night.ended:
        return False
    return _is_held(night.folder / JOURNAL) or time.time() - last_sign(night) < SILENT_SECONDS


def last_sign(night: Night) -> float:
    """Seconds since 1970 of the last that a night wrote."""
    folders = [folder for cell in night.cells.values() for folder in cell.folders[-1:]]
    return _newest([night.folder / JOURNAL, *(file for folder in folders for file in _growing(folder))])


def going(library: Library) -> dict[str, Any]:
    """The boards that are at work, each with its run and the boot that goes on now, by place.

    The runs of a night's cells take turns on a place: the one that wrote last has it.
    """
    index = library.index()
    newest: dict[tuple[str, str], tuple[float, RunRow]] = {}
    for row in index.page_of_runs(limit=_RECENT):
        sign = 0.0 if row.complete else _newest(_growing(library.results / row.folder))
        key = (row.place, row.night)
        if time.time() - sign < SILENT_SECONDS and sign > newest.get(key, (0.0, row))[0]:
            newest[key] = sign, row
    found = []
    for sign, row in sorted(newest.values(), key=lambda each: (each[1].night, each[1].place))[:_BOARDS]:
        seconds = [boot.seconds for boot in index.boots(run_id=row.run_id) if boot.seconds is not None]
        usual = round(statistics.median(seconds), 3) if seconds else None
        now = _now(library.results / row.folder, row)
        found.append({**_run(row), "last_sign": sign, "usual_seconds": usual, **now})
    return {"boards": found, "now": time.time()}


def _run(row: RunRow) -> dict[str, Any]:
    names = ("place", "board_type", "image", "suite", "night", "emulated", "planned", "recorded", "ready")
    return {"run": row.run_id, **{name: getattr(row, name) for name in names}}


def _now(folder: Path, row: RunRow) -> dict[str, Any]:
    """The boot that goes on: its number from 1 (0: none), since when, how far it came, what it says."""
    casts = sorted((folder / CONSOLE_FOLDER).glob("*.cast"))
    number = int(casts[-1].stem) + 1 if casts and casts[-1].stem.isdigit() else 0
    if number <= row.recorded:
        return {"number": 0, "since": None, "reached": "", "lines": []}
    data = _head(casts[-1])
    lines = [line.text for line in read_recording(folder, f"{CONSOLE_FOLDER}/{casts[-1].name}", 0).lines]
    return {
        "number": number,
        "since": _started(data),
        "reached": _reached(data, row.board_type),
        "lines": lines[-_LINES:],
    }


def _started(data: bytes) -> float | None:
    try:
        return float(json.loads(data.split(b"\n", 1)[0])["timestamp"])
    except (ValueError, KeyError, TypeError):
        return None


def _reached(data: bytes, board_type: str) -> str:
    """The last milestone that the console shows, by the rules of its board; those on the wire come later."""
    rules = _rules(board_type)
    tracker = MilestoneTracker(rules)
    found = [stone for t_ns, part in chunks(data, 0) for stone in tracker.feed_console(t_ns, part)]
    titles = {rule.name: rule.title or rule.name for rule in rules} | {CONSOLE: "first byte on the console"}
    return titles.get(found[-1].name, found[-1].name) if found else ""


@cache
def _rules(board_type: str) -> tuple[MilestoneRule, ...]:
    try:
        return load_board_type(board_type).milestones
    except LabError:
        return ()  # another host's board


def _head(file: Path) -> bytes:
    try:
        with file.open("rb") as recording:
            return recording.read(_READ_LIMIT)
    except OSError:
        return b""


def _growing(folder: Path) -> list[Path]:
    """What of a run changes while it goes on."""
    consoles = sorted((folder / CONSOLE_FOLDER).glob("*.cast"))[-1:]
    return [folder / RUN_FILE, folder / BOOTS_FILE, *consoles]


def _newest(files: Iterable[Path]) -> float:
    found = 0.0
    for file in files:
        with contextlib.suppress(OSError):
            found = max(found, file.stat().st_mtime)
    return found


def _is_held(file: Path) -> bool:
    """Whether a program holds a file by flock(2): asked of the kernel, for a try would hold it ourselves."""
    try:
        number = file.stat().st_ino
        lines = Path("/proc/locks").read_text().splitlines()
    except OSError:
        return False
    return any(
        word[1] == "FLOCK" and word[5].endswith(f":{number}")
        for word in map(str.split, lines)
        if len(word) > 5
    )
