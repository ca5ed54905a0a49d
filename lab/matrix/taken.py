"""Exclusive use of places: a lock of each while a night runs, with a note of who holds it."""

import fcntl
import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

from lab.cache import state_dir
from lab.errors import UsageError
from lab.model import Place
from lab.store import utc_now
from lab.store.writer import disk_errors


def lock_file(place: Place, results: Path) -> Path:
    """The lock of a place: of a real board one for this user, whatever site file names it; an emulated board
    exists once for each results folder."""
    if place.power.kind == "qemu":
        return results / "places" / f"{place.name}.lock"
    return state_dir() / "places" / f"{place.mac.replace(':', '-')}.lock"


def take(places: list[Place], results: Path, night: str) -> ExitStack:
    """Take all the places, or none; they are let go when the stack is closed, or the process ends.

    Raises UsageError that names the night, the process and the time of who has one.
    """
    with ExitStack() as stack:
        for place in places:
            file = _open(lock_file(place, results))
            stack.callback(file.close)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UsageError(f"place {place.name} is taken by {_holder(file)}") from None
            file.seek(0)
            file.truncate()
            file.write(json.dumps({"night": night, "pid": os.getpid(), "since": utc_now()}))
            file.flush()
        return stack.pop_all()


def _open(path: Path) -> TextIO:
    with disk_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644), "r+")


def _holder(file: TextIO) -> str:
    try:
        note = json.loads(file.read())
        return f"night {note['night']} (process {note['pid']}, since {note['since']})"
    except (ValueError, KeyError, TypeError):
        return "another night"
