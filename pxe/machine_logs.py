"""What machines said over syslog and netconsole: the newest lines of each in memory, more of them on disk.

Bounded everywhere: lines and bytes of a machine, machines, bytes of a file. A machine's lines are numbered
from 1; the numbers go on where the service is started again. The disk is no reason to lose what is in memory.
"""

import contextlib
import json
import logging
import os
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from pxe.errors import ServiceError
from pxe.wire.logline import LogLine

_log = logging.getLogger(__name__)

KEEP_LINES: Final = 2000  # of one machine, in memory
KEEP_CHARACTERS: Final = 256 * 1024
MAX_MACHINES: Final = 1024  # beyond, the one that was silent the longest is forgotten, its files included
FILE_BYTES: Final = 1024 * 1024  # of a machine's file; a full one is kept once more as .1
_TAIL: Final = KEEP_CHARACTERS * 2
_QUIET_SECONDS: Final = 60.0  # between two words on a disk that fails

Row = dict[str, Any]


@dataclass
class _Record:
    rows: deque[Row] = field(default_factory=deque)
    characters: int = 0
    newest: int = 0

    def add(self, row: Row) -> None:
        self.rows.append(row)
        self.newest = row["seq"]
        self.characters += len(row["text"])
        while len(self.rows) > KEEP_LINES or self.characters > KEEP_CHARACTERS:
            self.characters -= len(self.rows.popleft()["text"])


class MachineLogs:
    """The lines of all machines, by MAC. Any thread reads, any thread appends."""

    def __init__(self, folder: Path) -> None:
        """`folder` is made. Raises ServiceError where it cannot be."""
        self._folder = folder
        self._records: OrderedDict[str, _Record] = OrderedDict()
        self._changed = threading.Condition()
        self._closed = False
        self._complained = -_QUIET_SECONDS
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        except OSError as exc:
            raise ServiceError(f"folder of machines' logs {folder}: {exc.strerror}") from None

    def append(self, mac: str, lines: Sequence[LogLine], t_ns: int) -> None:
        """Record lines that came at `t_ns` (CLOCK_MONOTONIC). Only one thread may append."""
        at = round(time.time(), 3)
        with self._changed:
            record = self._record(mac)
            rows: list[Row] = []
            for number, line in enumerate(lines, record.newest + 1):
                row = {"seq": number, "t_ns": t_ns, "at": at, **asdict(line)}
                record.add(row)
                rows.append(row)
            gone = [self._records.popitem(last=False)[0] for _ in range(len(self._records) - MAX_MACHINES)]
            self._changed.notify_all()
        self._store(mac, rows, gone)

    def read(self, mac: str, since: int, limit: int, wait_seconds: float = 0.0) -> list[Row]:
        """Return at most `limit` lines numbered above `since`, oldest first; where there are more and
        `since` is 0, the newest of them. Waits at most `wait_seconds` for the first one."""
        deadline = time.monotonic() + wait_seconds
        with self._changed:
            while True:
                record = self._records.get(mac) or self._load(mac)
                found = [row for row in record.rows if row["seq"] > since]
                remaining = deadline - time.monotonic()
                if found or self._closed or remaining <= 0:
                    return found[:limit] if since else found[-limit:]
                self._changed.wait(remaining)

    def close(self) -> None:
        """Let all who wait go."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _record(self, mac: str) -> _Record:
        if mac not in self._records:
            self._records[mac] = self._load(mac)
        self._records.move_to_end(mac)
        return self._records[mac]

    def _load(self, mac: str) -> _Record:
        """What an earlier service wrote; lines that were cut or are not ours are left out."""
        record = _Record()
        for path in reversed(self._files(mac)):
            with contextlib.suppress(OSError), path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - _TAIL))
                for line in file.read(_TAIL).splitlines():
                    row = _row(line)
                    if row is not None and row["seq"] > record.newest:
                        record.add(row)
        return record

    def _files(self, mac: str) -> tuple[Path, Path]:
        """Of a machine: the newer file, and the older one."""
        name = mac.replace(":", "-")
        return self._folder / f"{name}.jsonl", self._folder / f"{name}.jsonl.1"

    def _store(self, mac: str, rows: Sequence[Row], gone: Sequence[str]) -> None:
        path, older = self._files(mac)
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write("".join(json.dumps(row) + "\n" for row in rows))
                size = file.tell()
            if size > FILE_BYTES:
                os.replace(path, older)
            for other in gone:
                for unwanted in self._files(other):
                    unwanted.unlink(missing_ok=True)
        except OSError as exc:
            now = time.monotonic()
            if now - self._complained >= _QUIET_SECONDS:
                self._complained = now
                _log.error("machines' logs cannot be written to %s: %s", self._folder, exc.strerror)


def _row(line: bytes) -> Row | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    fine = isinstance(row, dict) and isinstance(row.get("seq"), int) and isinstance(row.get("text"), str)
    return row if fine else None
