"""The journal of a night: `results/nights/<night>/night.jsonl`, one JSON object a line, only ever added to.

A line is on disk before what follows from it is begun. The boots themselves are in their runs' folders; the
journal says which run is of which cell, how each cell ended, and what became of places. A kill may tear the
last line: it is cut off when the night goes on.

    {"what": "begin", "schema", "night", "at", "matrix", "digest", "deadline", "noticed": {...},
     "cells": [...], "left_out": [...]}
    {"what": "resume", "at"}
    {"what": "health", "place", "passed", "steps": {step: sentence}, "run"}     "" is: this step is well
    {"what": "quarantine", "place", "cause"} | {"what": "return", "place"}
    {"what": "run", "cell": [place, image, suite], "run"}                  run: the folder, below results/
    {"what": "tests", "cell", "seconds", "status", "passed", "failed": {test: message}, "junit"}
    {"what": "cell", "cell", "ended"}
    {"what": "warning", "text"}
    {"what": "end", "at", "how", "overhead": {place: share}}     how: done, deadline, stopped, disk
    {"what": "told", "to", "error"}                         a notification; error "": it went
"""

import fcntl
import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from lab.errors import UsageError
from lab.store.run import load_events
from lab.store.writer import disk_errors, json_lines

SCHEMA = 1
NIGHTS, JOURNAL = "nights", "night.jsonl"


class Journal:
    """An open journal; nobody else may have it open for writing. Thread-safe."""

    def __init__(self, folder: Path, *, fresh: bool) -> None:
        """Raises DiskError, and UsageError where another process is at this night."""
        self.folder = folder
        self.path = folder / JOURNAL
        self._lock = threading.Lock()
        with disk_errors(folder):
            if fresh:
                folder.mkdir(parents=True)
            flags = os.O_RDWR | os.O_CLOEXEC | os.O_APPEND | (os.O_CREAT | os.O_EXCL if fresh else 0)
            self._file = os.open(self.path, flags, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            os.close(self._file)
            raise UsageError(f"night {folder.name} is still being run by another process") from exc
        if not fresh:
            self._cut_half_line()

    def write(self, what: str, **fields: Any) -> None:
        """Add a line; it is on disk when this returns. Raises DiskError."""
        raw = json_lines([{"what": what, **fields}]).encode()
        with self._lock, disk_errors(self.folder):
            before = os.fstat(self._file).st_size
            try:
                rest = memoryview(raw)
                while rest:
                    rest = rest[os.write(self._file, rest) :]
                os.fdatasync(self._file)
            except OSError:
                os.ftruncate(self._file, before)
                raise

    def close(self) -> None:
        """Let go of it."""
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _cut_half_line(self) -> None:
        with disk_errors(self.folder):
            whole = self.path.read_bytes().rfind(b"\n") + 1
            os.ftruncate(self._file, whole)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a journal. Raises UsageError that names file and line where it is damaged."""
    lines = load_events(path)
    first = lines[0] if lines else {}
    if first.get("what") != "begin":
        raise UsageError(f"{path}:1: is not the journal of a night")
    if first.get("schema") != SCHEMA:
        raise UsageError(
            f"{path}:1: schema {first.get('schema')!r} is not known: this bootlab reads schema {SCHEMA}; "
            "use a newer one"
        )
    return lines


def seconds_since(moment: str) -> float:
    """Wall-clock seconds since an ISO 8601 time, never below 0: a clock may have been set back."""
    return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds())
