"""Nights compared with those before, in a thread of its own: ten thousand boots take seconds.

What is known at once is told at once; the rest is told when it is there, and `changed` is called.
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from lab.browse.library import Library
from lab.browse.recent import Recent
from lab.errors import LabError
from lab.matrix.changes import Change, changes
from lab.matrix.journal import JOURNAL
from lab.matrix.night import Night, earlier_nights, load_night
from lab.matrix.page.transfers import slowest
from lab.matrix.page.verdict import against, kinds_of
from lab.matrix.times import base_of

_log = logging.getLogger(__name__)
_KEPT = 16
_PATIENCE_SECONDS = 1.0  # most nights are compared in less


class Comparing:
    """Compares nights, each once."""

    def __init__(self, library: Library, changed: Callable[[], None]) -> None:
        self._library, self._changed = library, changed
        self._pool = ThreadPoolExecutor(1, "bootlab-compare")
        self._known: Recent[Future[dict[str, Any]]] = Recent(_KEPT)

    def of(self, night: Night) -> dict[str, Any] | None:
        """What changed in a night; None where it is not known yet."""
        journal = (night.folder / JOURNAL).stat()
        key = (night.id, journal.st_size, journal.st_mtime_ns)
        future = self._known.get(key)
        if future is None:
            future = self._known.put(key, self._pool.submit(self._compare, night))
        try:
            return future.result(_PATIENCE_SECONDS)
        except TimeoutError:
            if not future.cancelled():
                future.add_done_callback(lambda _: self._changed())
            return None

    def close(self) -> None:
        """Begin nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _compare(self, night: Night) -> dict[str, Any]:
        try:
            whole = load_night(night.folder)  # with all stages, which the index does not have boot by boot
            earlier = list(earlier_nights(self._library.results, whole))
            return _told(whole, earlier)
        except LabError as exc:
            return {**_NOTHING, "notes": [self._library.tell(str(exc))]}
        except Exception:  # the night itself is there all the same
            _log.exception("night %s cannot be compared; this is a bug of bootlab", night.id)
            return {**_NOTHING, "notes": ["it could not be compared, by a bug: see the service's log"]}


_NOTHING: dict[str, Any] = {"since": "", "found": [], "notes": [], "cells": [], "slowest": []}


def _told(night: Night, earlier: Sequence[Night]) -> dict[str, Any]:
    found = changes(night, earlier, night.noticed)
    kinds = kinds_of(found, night.cells)
    cells = []
    for cell, seen in night.cells.items():
        verdict = against(night, seen, base_of(cell, earlier), kinds[cell])
        news = [kind.value for kind in dict.fromkeys(kinds[cell])]
        cells.append({**asdict(cell), **asdict(verdict), "kinds": news})
    names = ("cell", "protocol", "name", "size", "seconds", "longest", "rate", "repeated", "share")
    return {
        "since": found.since,
        "found": [_change(change) for change in found.found],
        "notes": list(found.notes),
        "cells": cells,
        "slowest": [{name: getattr(row, name) for name in names} for row in slowest(night)],
    }


def _change(change: Change) -> dict[str, Any]:
    told = asdict(change)
    lists = {name: list(told[name]) for name in ("suites", "details", "runs")}
    return {**told, "kind": change.kind.value, **lists}
