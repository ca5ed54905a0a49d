"""What was heard, on disk: JSON lines, bounded, and nobody may fill it alone."""

import json
import logging
import os
import time
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.errors import InfrastructureError
from pxe.budget import Budget

_log = logging.getLogger(__name__)

FILE_BYTES = 16 << 20  # of a file; a full one is kept once more as .1
_ADDRESSES = 2048
_TELL_SECONDS = 1.0
_QUIET_SECONDS = 60.0  # between two words on a disk that fails


class Budgets:
    """How much each address may say: `size` at once, `rate` a second."""

    def __init__(self, size: int, rate: float) -> None:
        self._size, self._rate = size, rate
        self._of: OrderedDict[str, tuple[Budget, list[float]]] = OrderedDict()  # and when we last told

    def spend(self, node: str) -> int | None:
        """Return None where it has said too much; else how often that was so, told once a second at most."""
        now = time.monotonic()
        if node not in self._of:
            self._of[node] = Budget(self._size, self._rate, now), [now]
            if len(self._of) > _ADDRESSES:
                self._of.popitem(last=False)
        self._of.move_to_end(node)
        budget, told = self._of[node]
        if not budget.spend(now):
            return None
        if not budget.skipped or now - told[0] < _TELL_SECONDS:
            return 0
        told[0] = now
        return budget.take_skipped()


class Notebook:
    """Writes records to `folder`/KIND.jsonl. Raises InfrastructureError where there can be no folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._complained = -_QUIET_SECONDS
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        except OSError as exc:
            raise InfrastructureError(f"{folder}: {exc.strerror}") from exc

    def write(self, kind: str, record: Mapping[str, Any]) -> None:
        """Append one record; a disk that fails is said, and loses it."""
        path = self._folder / f"{kind}.jsonl"
        line = json.dumps({"at": round(time.time(), 3), **record}, ensure_ascii=False)
        try:
            with path.open("a", encoding="utf-8", errors="replace") as file:
                file.write(line + "\n")
                size = file.tell()
            if size > FILE_BYTES:
                os.replace(path, path.with_name(f"{path.name}.1"))
        except OSError as exc:
            now = time.monotonic()
            if now - self._complained >= _QUIET_SECONDS:
                self._complained = now
                _log.error("what nodes say cannot be written to %s: %s", path, exc.strerror)
