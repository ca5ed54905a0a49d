"""A rig in use: single operations to their end, recorded and judged. What tests and the long suite call."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.errors import InfrastructureError, LabError
from lab.model import BootRecord, Timeline
from lab.report import write_report
from lab.upgrades.cuts import Campaign
from lab.upgrades.evidence import READY_SECONDS
from lab.upgrades.faults import CLASSES, Ending
from lab.upgrades.operate import Knowledge, Order, next_order
from lab.upgrades.plan import Operation
from lab.upgrades.record import SUITE, Recorder
from lab.upgrades.rig import Rig
from lab.upgrades.story import Story
from lab.upgrades.system import DOWNLOADED, READY, REQUEST, WRITTEN, Observation
from lab.upgrades.tables import tables
from pxe.events import TransferEnded

QUIET_SECONDS = 120.0  # out of reach for so long, a node is taken for lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """An operation that came to its end. `served`: the bytes of the update that the server sent. `seen` is
    None where the node did not get ready again; `refused` what the API said where it refused or failed."""

    order: Order
    timeline: Timeline
    console: str
    served: int
    seen: Observation | None
    refused: str = ""

    def seconds(self, start: str, end: str) -> float:
        """From one milestone to another. Raises KeyError where one did not come."""
        times = {m.name: m.t_ns for m in self.timeline.milestones}
        return (times[end] - times[start]) / 1e9


class Bench:
    """Operations on one node, one after the other; it runs between them. Made by the fixture `upgrades`."""

    def __init__(self, rig: Rig, results: Path, seed: int, *, suite: str = SUITE, night: str = "") -> None:
        """`suite` and `night` are their names in the records."""
        self.rig, self.results, self.seed = rig, results, seed
        self._suite, self._night = suite, night
        self.known: Knowledge | None = None
        self.runs: list[Path] = []
        self.timelines: dict[str, list[Timeline]] = {}  # of what was run here, by operation
        self.failures: dict[str, list[Timeline]] = {}  # by failure class, one of which is `config`, too

    def ready(self) -> Knowledge:
        """The node, running and ready; from a fresh disk where it is not. Raises InfrastructureError."""
        if self.known is None or not self.rig.board.power.is_on():
            self.rig.fresh()
            return self._start()
        return self.known

    def _start(self) -> Knowledge:
        with self.rig.on() as story:
            seen = self.rig.ready(story, READY_SECONDS)
        if seen is None:
            said = self.rig.board.console.transcript.text_since(story.t0_ns)[-1500:]
            raise InfrastructureError(f"{self.rig.system.name} is not ready on a fresh disk: {said}")
        self.known = Knowledge(seen, {seen.slot: seen.version})
        return self.known

    def run(
        self,
        recorder: Recorder,
        operation: Operation,
        *,
        fault: str = "",
        seconds: float = READY_SECONDS,
    ) -> Done:
        """Do one operation and wait for the node to be ready again, at most `seconds`."""
        known = self.ready()
        order = next_order(self.rig, known, operation, fault=fault)
        order.prepare(self.rig)
        self.rig.board.console.begin_boot(recorder.transcript())
        refused, seen = "", None
        with self.rig.story() as story:
            try:
                order.carry_out(self.rig, story)
            except LabError as error:
                refused = str(error)
            back = order.reboots and not refused
            seen = self._back(story, fault, seconds) if back else self.rig.observe()
            if seen is not None:
                story.note(READY)
        recorder.add(story, str(operation), ("the node did not get ready again",) if seen is None else ())
        if seen is None:
            self.known = None
        else:
            known.learn(seen, order.operation)
        timeline = story.timeline()
        kept = self.failures if fault else self.timelines
        kept.setdefault(fault or str(operation), []).append(timeline)
        return Done(
            order=order,
            timeline=timeline,
            console=self.rig.board.console.transcript.text_since(story.t0_ns),
            served=sum(e.sent for e in story.events if isinstance(e, TransferEnded)),
            seen=seen,
            refused=refused,
        )

    def _back(self, story: Story, fault: str, seconds: float) -> Observation | None:
        if fault and CLASSES[fault].ending is Ending.NOT_NOTICED:
            story.wait(self.rig.system.milestones[-1].name, seconds)
            seconds = QUIET_SECONDS  # it says that it is well: now it must be out of reach
        return self.rig.ready(story, seconds)

    @contextmanager
    def recording(self, what: str, planned: int = 1) -> Iterator[Recorder]:
        """A run of its own under results/, with its report."""
        recorder = Recorder(self.rig, self.results, what, planned, suite=self._suite, night=self._night)
        with recorder:
            yield recorder
        self.report(recorder)

    def report(self, recorder: Recorder) -> None:
        """Write the report of a run that is complete."""
        if recorder.records:
            write_report(recorder.folder)
            self.runs.append(recorder.folder)

    def tables(self) -> list[str]:
        """How long all of it took."""
        system = self.rig.system
        titles = {name: name for name in (REQUEST, DOWNLOADED, *system.stages, WRITTEN)}
        board = (rule for rule in self.rig.board.board_type.milestones if "dhcp" not in rule.name)
        rules = {rule.name: rule.title or rule.name for rule in (*board, *system.milestones)}
        return tables(self.timelines, self.failures, titles | rules | {READY: "ready, asked over the API"})

    def campaign(self, recorder: Recorder) -> Campaign:
        """Power cuts of this bench's seed, from the node as it is. It is theirs from now on."""
        known, self.known = self.known, None
        return Campaign(self.rig, recorder, self.seed, known)


__all__ = ["Bench", "BootRecord", "Done"]
