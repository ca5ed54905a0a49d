"""What happens to a node from a request on: milestones from console, wire and API, as they come."""

import os
import threading
import time
from collections.abc import Collection

from lab.board import Board
from lab.clock import now_ns
from lab.errors import InfrastructureError
from lab.measure.milestones import MilestoneTracker
from lab.measure.timeline import build_timeline
from lab.model import Milestone, MilestoneRule, Source, Timeline
from lab.netboot import BootService
from pxe.events import Event

_POLL_SECONDS = 0.25


class Story:
    """One operation, from its beginning (t0) to its end; a context manager. Safe for all threads."""

    def __init__(self, board: Board, service: BootService, rules: tuple[MilestoneRule, ...]) -> None:
        self.t0_ns, self.load = now_ns(), round(os.getloadavg()[0], 2)
        self.events: list[Event] = []
        self._board, self._address = board, service.address
        self._seq = service.newest_event()
        self._tracker = MilestoneTracker(rules, board.place.mac)
        self._milestones: list[Milestone] = []
        self._lock = threading.RLock()
        self._came = threading.Condition(self._lock)
        self._stop = threading.Event()

    def __enter__(self) -> "Story":
        self._unsubscribe = self._board.console.subscribe(self._console)
        self._poller = threading.Thread(target=self._poll, name="events", daemon=True)
        self._poller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Look no longer; the timeline is complete. May be called twice."""
        self._stop.set()
        self._unsubscribe()
        self._poller.join(timeout=10)

    def note(self, name: str, detail: str = "", source: Source = Source.API) -> None:
        """Add a milestone that the caller saw, where it is not there yet."""
        self._add([Milestone(name, now_ns(), source, detail)])

    def reached(self, name: str) -> Milestone | None:
        """The milestone of that name, where it came."""
        return self.first({name})

    def first(self, names: Collection[str]) -> Milestone | None:
        """The earliest of the milestones of these names that came."""
        with self._lock:
            return min((m for m in self._milestones if m.name in names), key=lambda m: m.t_ns, default=None)

    def wait(self, name: str, seconds: float, *others: str) -> Milestone | None:
        """Return the first milestone of these names once it came, None after `seconds` without one."""
        deadline = time.monotonic() + seconds
        with self._came:
            while (found := self.first({name, *others})) is None and (
                rest := deadline - time.monotonic()
            ) > 0:
                self._came.wait(rest)
            return found

    def pause(self, seconds: float) -> None:
        """Let time pass; the story goes on."""
        self._stop.wait(seconds)

    def timeline(self) -> Timeline:
        """All of it as one record."""
        with self._lock:
            return build_timeline(
                self.t0_ns, self._milestones, self.events, mac=self._board.place.mac, end_ns=now_ns()
            )

    def _console(self, t_ns: int, data: bytes) -> None:
        with self._lock:
            found = self._tracker.feed_console(t_ns, data)
        self._add([m for m in found if m.t_ns >= self.t0_ns])

    def _poll(self) -> None:
        last = False
        with BootService(self._address) as service:
            while not last:
                last = self._stop.is_set()
                try:
                    page = service.events(self._seq, wait=0.0 if last else _POLL_SECONDS)
                except InfrastructureError:
                    self._stop.wait(_POLL_SECONDS)
                    continue
                for number, event in page:
                    self._seq = max(self._seq, number)
                    if event.mac == self._board.place.mac:
                        self._event(event)

    def _event(self, event: Event) -> None:
        with self._lock:
            self.events.append(event)
            found = self._tracker.feed_event(event)
        self._add(found)

    def _add(self, found: list[Milestone]) -> None:
        with self._came:
            self._milestones += [m for m in found if self.reached(m.name) is None]
            self._came.notify_all()
