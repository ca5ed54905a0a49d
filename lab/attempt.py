"""One boot of one board, from power-on to a verdict, joined from console, wire and power.

Three threads feed one queue with what is to be done: the console's reader, a poller of the boot service's
events, and (for a driven boot) the one that types. The loop that empties the queue owns the tracker and the
strategy; nobody else touches them.
"""

import itertools
import os
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from lab.board import Board
from lab.clock import now_ns
from lab.console.alarms import Alarm
from lab.console.transcript import Transcript
from lab.errors import BoardError, InfrastructureError, LabError
from lab.images import Image
from lab.measure.banners import banners
from lab.measure.diagnose import Evidence, diagnose
from lab.measure.imagecheck import dtb_compatible, kernel_fault
from lab.measure.milestones import MilestoneTracker
from lab.measure.timeline import build_timeline
from lab.model import BoardType, Failure, Milestone, Source, Timeline
from lab.netboot import BootService
from lab.strategy import BootStrategy, Ending, Verdict
from pxe.events import DhcpIgnored, Event, TransferEnded, TransferStarted

RESTART_SECONDS = 10.0  # a boot service that was killed is back by then, and the boot goes on
POLL_SECONDS = 0.25  # how often power is looked at; events and console bytes wake the loop at once


class Observer(Protocol):
    """Who watches a boot as it happens; called from the attempt's own thread."""

    def powered_on(self, t_ns: int) -> None:
        """The power came: times count from here."""

    def milestone(self, milestone: Milestone) -> None:
        """A milestone was reached."""

    def event(self, event: Event) -> None:
        """The boot service reported something about this machine."""

    def console(self, t_ns: int, data: bytes) -> None:
        """Bytes came from the console."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt: the timeline, and a failure where the board did not get ready.

    `firmware`, `kernel` and `load` as in BootRecord.
    """

    timeline: Timeline
    failure: Failure | None
    events: tuple[Event, ...]
    verdict: Verdict
    firmware: str
    kernel: str
    load: float


@dataclass
class Attempt:
    """One boot. `drive`, where given, is run in a thread of its own once the power is on (a driven boot).

    `limit`: the longest that it may take in all, in seconds, whatever progress there is; None: any time.
    """

    board: Board
    service: BootService
    image: Image
    drive: Callable[[Board], None] | None = None
    observers: tuple[Observer, ...] = ()
    transcript: Transcript | None = None
    limit: float | None = None
    _queue: "queue.SimpleQueue[Callable[[], None]]" = field(default_factory=queue.SimpleQueue)
    _milestones: list[Milestone] = field(default_factory=list)
    _events: list[Event] = field(default_factory=list)
    _newest_transfer: str = ""
    _transfers: set[str] = field(default_factory=set)
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> Outcome:
        """Cycle the power and follow the boot to its end. The board is left running.

        Raises InfrastructureError where the lab's equipment fails before the power is on.
        """
        rules = (*self.board.board_type.milestones, *self.image.milestones)
        self._tracker = MilestoneTracker(rules, self.board.place.mac)
        seq = self.service.newest_event()
        unsubscribe = self.board.console.subscribe(
            lambda t, data: self._queue.put(partial(self._console, t, data))
        )
        try:
            t0_ns = self.board.cycle(self.transcript)
            self._load = round(os.getloadavg()[0], 2)
            for observer in self.observers:
                observer.powered_on(t0_ns)
            names = tuple(dict.fromkeys(rule.name for rule in rules))
            deadlines = {**self.board.board_type.deadlines, **self.image.deadlines}
            self._strategy = BootStrategy(names, deadlines, t0_ns)
            self._follow(t0_ns, seq)
        finally:
            self._stop.set()
            unsubscribe()
        return self._outcome(t0_ns)

    def _follow(self, t0_ns: int, seq: int) -> None:
        poller = threading.Thread(target=self._poll_events, args=(seq,), name="events", daemon=True)
        poller.start()
        if self.drive is not None:
            threading.Thread(target=self._drive, name="drive", daemon=True).start()
        self._loop(t0_ns)
        self._stop.set()
        poller.join(timeout=5)
        self._drain()

    def _loop(self, t0_ns: int) -> None:
        while self._strategy.verdict is None:
            try:
                self._queue.get(timeout=POLL_SECONDS)()
            except queue.Empty:
                if (how := self.board.gone()) is not None:
                    self._strategy.end(Ending.GONE, now_ns(), how)
            for alarm in self.board.console.alarms():
                self._alarm(alarm, t0_ns)
            self._strategy.handle_timer(now_ns())
            if self.limit is not None and now_ns() - t0_ns >= self.limit * 1e9:
                self._strategy.end(Ending.DEADLINE, now_ns(), f"not ready within {self.limit:g} s in all")

    def _drain(self) -> None:
        """What was seen until the verdict still belongs to the record."""
        while True:
            try:
                self._queue.get_nowait()()
            except queue.Empty:
                return

    def _console(self, t_ns: int, data: bytes) -> None:
        self._reached(self._tracker.feed_console(t_ns, data))
        for observer in self.observers:
            observer.console(t_ns, data)

    def _event(self, event: Event) -> None:
        if event.mac != self.board.place.mac or self._of_an_earlier_boot(event):
            return
        self._events.append(event)
        self._reached(self._tracker.feed_event(event))
        for observer in self.observers:
            observer.event(event)
        outcome = event.outcome if isinstance(event, TransferEnded) else ""
        if isinstance(event, TransferStarted) or outcome == "complete":
            self._strategy.passed(
                dhcp_milestones(self.board.board_type)
            )  # beside another server none is seen
            self._strategy.progress(event.t_ns)
        elif isinstance(event, TransferEnded) and outcome in ("stalled", "error"):
            if event.transfer == self._newest_transfer:  # else the board asked again, and went on
                self._strategy.end(Ending.STALLED, event.t_ns, f"{event.name}: {event.detail or outcome}")
        elif isinstance(event, DhcpIgnored) and not event.elsewhere:
            self._strategy.end(Ending.REFUSED, event.t_ns, event.reason)

    def _of_an_earlier_boot(self, event: Event) -> bool:
        """Whether it is the end of a transfer that the power cut: the server waits half a minute for it."""
        if isinstance(event, TransferStarted):
            self._newest_transfer = event.transfer
            self._transfers.add(event.transfer)
        return isinstance(event, TransferEnded) and event.transfer not in self._transfers

    def _reached(self, milestones: list[Milestone]) -> None:
        for milestone in milestones:
            self._milestones.append(milestone)
            self._strategy.milestone(milestone.name, milestone.t_ns)
            for observer in self.observers:
                observer.milestone(milestone)

    def _alarm(self, alarm: Alarm, t0_ns: int) -> None:
        if alarm.fatal and not alarm.expected and alarm.t_ns >= t0_ns:
            self._strategy.end(Ending.ALARM, alarm.t_ns, f"{alarm.name}: {alarm.line.strip()}")

    def _poll_events(self, seq: int) -> None:
        """Bring the service's events in, until the boot is over and all that it caused has been fetched."""
        last_round = False
        with BootService(
            self.service.address
        ) as service:  # a client of our own: they are not shared by threads
            heard_ns = now_ns()
            while not last_round:
                last_round = self._stop.is_set()
                try:
                    page = service.events(seq, wait=0.0 if last_round else POLL_SECONDS)
                    heard_ns = now_ns()
                except InfrastructureError as error:
                    if now_ns() - heard_ns < RESTART_SECONDS * 1e9:
                        self._stop.wait(POLL_SECONDS)
                        continue
                    self._queue.put(partial(self._strategy.end, Ending.SERVICE_LOST, now_ns(), str(error)))
                    return
                for number, event in page:
                    seq = max(seq, number)
                    self._queue.put(partial(self._event, event))

    def _drive(self) -> None:
        assert self.drive is not None
        try:
            self.drive(self.board)
        except (BoardError, LabError) as error:
            self._queue.put(partial(self._strategy.end, Ending.COMMAND, now_ns(), str(error)))

    def _outcome(self, t0_ns: int) -> Outcome:
        verdict = self._strategy.verdict
        assert verdict is not None
        timeline = build_timeline(
            t0_ns, self._milestones, self._events, mac=self.board.place.mac, end_ns=verdict.t_ns
        )
        failure = None
        if verdict.ending is not Ending.READY:
            failure = diagnose(self._evidence(verdict, timeline))
        firmware, kernel = banners(self.board.console.transcript.bytes_since(t0_ns))
        return Outcome(timeline, failure, tuple(self._events), verdict, firmware, kernel, self._load)

    def _evidence(self, verdict: Verdict, timeline: Timeline) -> Evidence:
        plan = self.image.plan
        return Evidence(
            verdict=verdict,
            timeline=timeline,
            console=self.board.console.transcript.text_since(timeline.t0_ns),
            events=tuple(self._events),
            plan_files=frozenset((*(a.name for a in plan.assets()), *plan.texts, "boot.scr.uimg")),
            file_faults=file_faults(self.image, self.board.board_type.compatible),
            mac=self.board.place.mac,
            firmware=firmware_milestones(self.board.board_type),
        )


def firmware_milestones(board_type: BoardType) -> frozenset[str]:
    """What the board's firmware says of itself: the console's milestones before the first on the wire."""
    before = itertools.takewhile(lambda rule: rule.source is Source.CONSOLE, board_type.milestones)
    return frozenset(rule.name for rule in before)


def dhcp_milestones(board_type: BoardType) -> frozenset[str]:
    """What the wire says of the firmware's way to its address."""
    of_wire = (rule for rule in board_type.milestones if rule.source is Source.WIRE)
    return frozenset(rule.name for rule in of_wire if rule.pattern.startswith("^dhcp-"))


def file_faults(image: Image, compatible: str) -> tuple[str, ...]:
    """What is wrong with a plan's files, as far as they tell themselves; `compatible` names the board."""
    plan, faults = image.plan, []
    try:
        if plan.kernel is not None and (fault := kernel_fault(plan.kernel.path)):
            faults.append(fault)
        if plan.dtb is not None:
            names = dtb_compatible(plan.dtb.path)
            if not names:
                faults.append(f"{plan.dtb.name} is no device tree, or has no compatible")
            elif compatible and compatible not in names:
                faults.append(
                    f"{plan.dtb.name} is a device tree for {names[0]}, and the board is {compatible}"
                )
    except OSError as error:
        faults.append(f"{error.filename}: {error.strerror}")
    return tuple(faults)
