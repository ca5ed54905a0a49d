"""The events of the service, in memory: any thread appends, any thread waits for what comes next.

A ring: memory is bounded, and a reader that fell behind gets an EventsLost in place of what is gone, never
silence. Sequence numbers begin at the microseconds of CLOCK_MONOTONIC at the log's birth, so that they
rise across restarts of the service on one host and a reader's old number is still told what it missed.
"""

import contextlib
import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from pxe.boot.tokens import redacted
from pxe.errors import ServiceError
from pxe.events import Event, EventsLost, TransferEnded, TransferRefused, TransferStarted, to_json

_log = logging.getLogger(__name__)

_FOLLOW_SECONDS = 0.05
CAPACITY = 20_000  # about 10 MB; a boot makes some 50 events


class EventLog:
    """A ring of events with sequence numbers."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._ring: deque[tuple[int, Event]] = deque(maxlen=capacity)
        self._changed = threading.Condition()
        self._first = time.monotonic_ns() // 1000 + 1
        self._next = self._first
        self._closed = False
        self._ended = threading.Event()
        self._under_way: dict[str, TransferStarted] = {}

    def append(self, event: Event) -> None:
        """Record `event`. Never blocks on a reader."""
        if isinstance(event, TransferRefused):  # the URL of a config, asked for by a detour
            event = replace(event, name=redacted(event.name))
        with self._changed:
            self._ring.append((self._next, event))
            self._next += 1
            if isinstance(event, TransferStarted):
                self._under_way[event.transfer] = event
            elif isinstance(event, TransferEnded):
                self._under_way.pop(event.transfer, None)
            self._changed.notify_all()

    def since(self, seq: int, wait_seconds: float = 0.0) -> list[tuple[int, Event]]:
        """Return events numbered above `seq`, oldest first; waits up to `wait_seconds` for the first one.

        `seq` 0 means "from the oldest you have". Where events in between are gone, the list begins with an
        EventsLost that names them, under the number of the last lost one. A number from the future (the
        host rebooted since) is told that, too.
        """
        deadline = time.monotonic() + wait_seconds
        with self._changed:
            while True:
                page = self._read(seq)
                remaining = deadline - time.monotonic()
                if page or self._closed or remaining <= 0:
                    return page
                self._changed.wait(remaining)

    def _read(self, seq: int) -> list[tuple[int, Event]]:
        newest = self._next - 1
        oldest = self._ring[0][0] if self._ring else self._next
        if seq == 0:
            seq = self._first - 1
        elif seq > newest:
            seq = -1
        lost: list[tuple[int, Event]] = []
        if seq + 1 < oldest:
            gap = EventsLost(t_ns=time.monotonic_ns(), first=seq + 1, last=oldest - 1)
            lost = [(oldest - 1, gap)]
        fresh = list(islice(reversed(self._ring), newest - max(seq, oldest - 1)))
        return lost + fresh[::-1]

    def newest(self) -> int:
        """The number of the last event: pass it to `since` to hear only of what comes."""
        with self._changed:
            return self._next - 1

    def under_way(self) -> list[TransferStarted]:
        """Transfers that began and did not end."""
        with self._changed:
            return list(self._under_way.values())

    def close(self) -> None:
        """Let all who wait go at once, now and from now on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._ended.set()

    def wait_closed(self, seconds: float) -> bool:
        """Wait at most `seconds` until the service is about to end; return whether it is."""
        return self._ended.wait(seconds)

    @property
    def closed(self) -> bool:
        """Whether the service is about to end."""
        return self._closed


Sink = Callable[[Sequence[tuple[int, Event]]], None]


def follow(log: EventLog, sink: Sink) -> None:
    """Hand all events to `sink` as they come, until the log is closed. Runs in a thread of its own, so that
    a slow disk or terminal never holds up the packet loops."""
    seq = 0
    while True:
        closed = log.closed
        page = log.since(seq, 1.0)
        if page:
            seq = page[-1][0]
            sink(page)
            log.wait_closed(_FOLLOW_SECONDS)  # in pages: a wake-up for each event costs its sender more
        elif closed:
            return


class JsonlFile:
    """A file that gets one JSON object a line: the event, its `kind` and `seq`."""

    def __init__(self, path: Path) -> None:
        """Raises ServiceError where the file cannot be opened for appending."""
        self._path = path
        try:
            self._file = path.open("a", encoding="utf-8")
        except OSError as exc:
            reason = f"events file {path}: {exc.strerror}; name one in a folder you may write"
            raise ServiceError(reason) from None

    def write(self, page: Sequence[tuple[int, Event]]) -> None:
        """Append `page`. A full disk is logged, and the service goes on."""
        try:
            self._file.write("".join(json.dumps({"seq": seq, **to_json(e)}) + "\n" for seq, e in page))
            self._file.flush()
        except OSError as exc:
            _log.error("events file %s: %s; %d events may be missing in it", self._path, exc, len(page))

    def close(self) -> None:
        """Close it; what a full disk did not take is lost."""
        with contextlib.suppress(OSError):
            self._file.close()
