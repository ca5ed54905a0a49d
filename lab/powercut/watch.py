"""How many writes has the disk of a running board taken? Asked of QEMU's log of them while it grows."""

from pathlib import Path
from typing import Self

from lab.powercut.log import follow


class WriteWatch:
    """Counts the writes in a log; a context manager."""

    def __init__(self, log: Path) -> None:
        self._path = log
        self._at = self._writes = 0

    def __enter__(self) -> Self:
        self._log = self._path.open("rb", buffering=0)  # what is read ahead would be out of date
        return self

    def __exit__(self, *_: object) -> None:
        self._log.close()

    def writes(self) -> int:
        """Return how many there are since the power-on. Raises LogError where the log is none."""
        found, self._at = follow(self._log, self._at)
        self._writes += sum(entry.is_write for entry in found)
        return self._writes
