"""A campaign of power cuts: the node works, its power goes at a drawn moment, and it must come back whole."""

import json
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from lab.errors import InfrastructureError
from lab.powercut.check import check_disk
from lab.powercut.cut import copy_sparse
from lab.upgrades.judge import Allowed, faults_of
from lab.upgrades.operate import OTHER, InBackground, Knowledge, Order, next_order
from lab.upgrades.plan import CutPlan, Operation, plan_cut
from lab.upgrades.record import Recorder
from lab.upgrades.rig import Rig
from lab.upgrades.story import Story
from lab.upgrades.system import READY, REQUEST, WRITTEN

READY_SECONDS = 420.0  # three attempts at a slot, then the other one, on a busy host
OPERATION_SECONDS = 300.0
_LOOK_SECONDS = 1.0
_SECONDS = {Operation.UPGRADE: 45.0, Operation.ROLLBACK: 25.0, Operation.CONFIG: 4.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class CutResult:
    """What came of a cut. `at`: the last stage before it, and how long after the request (s). `seconds`: from
    power back on to ready. `faults`: what was wrong; `kept`: where the evidence is."""

    number: int
    seed: int
    plan: str
    at: str
    after: float
    disk: str
    system: str
    seconds: float | None
    faults: tuple[str, ...]
    kept: str = ""

    def __str__(self) -> str:
        end = f"{self.system} ready in {self.seconds:.1f} s" if self.seconds is not None else "not ready"
        faults = f": {'; '.join(self.faults)}; kept in {self.kept}" if self.faults else ""
        return f"{self.plan} (last seen: {self.at}); {self.disk}; {end}{faults}"


class Campaign:
    """Cuts of one seed on one rig, recorded. What is found wrong is kept below the recorder's folder."""

    def __init__(self, rig: Rig, recorder: Recorder, seed: int, known: Knowledge | None = None) -> None:
        self._rig, self._recorder, self.seed = rig, recorder, seed
        self.known = known if rig.board.power.is_on() else None  # None: the next cut takes a fresh disk
        names = tuple(rule.name for rule in rig.system.milestones)
        boot = tuple(rule.name for rule in rig.board.board_type.milestones if "dhcp" not in rule.name)
        whole = tuple(dict.fromkeys((*boot, *names)))
        self._stages = {
            Operation.UPGRADE: (REQUEST, *rig.system.stages, *whole),
            Operation.ROLLBACK: (REQUEST, *whole),
            Operation.CONFIG: (REQUEST, WRITTEN),
        }

    def cut(self, number: int) -> CutResult:
        """Do cut `number`; the node runs afterwards where all went well."""
        plan = plan_cut(self.seed, number, self._stages, _SECONDS)
        known = self.known or self._begin()
        order = next_order(self._rig, known, plan.operation)
        allowed = order.allowed(self._rig, known)
        order.prepare(self._rig)
        at, after, refused = self._until_cut(plan, order)
        done = self._rig.cut(plan.disk_seed)
        checked = check_disk(self._rig.disk, self._must_be_whole(order, known))
        disk = self._keep_disk()
        with self._rig.on(transcript=self._recorder.transcript()) as story:
            seen = self._rig.ready(story, READY_SECONDS)
            if seen is not None:
                story.note(READY)
        faults = faults_of(seen, allowed, self._rig.system.same_config, checked)
        if seen is not None and story.reached(self._rig.system.milestones[-1].name) is None:
            faults = (*faults, "its slot was not marked good")
        if refused:
            faults = (*faults, f"{order.operation} ended before its power was cut: {refused}")
        self._recorder.add(story, f"after a cut in {order.operation}", faults)
        result = CutResult(
            number=number,
            seed=self.seed,
            plan=str(plan),
            at=at,
            after=after,
            disk=str(done),
            system=f"{seen.slot} {seen.version}" if seen else "",
            seconds=story.timeline().since_power_on(READY),
            faults=faults,
            kept=str(self._keep(number, allowed, disk)) if faults else "",
        )
        if seen is None or faults:
            self.known = None
        else:
            known.learn(seen, order.operation)
        self._note(result)
        return result

    def _begin(self) -> Knowledge:
        self._rig.fresh()
        with self._rig.on() as story:
            seen = self._rig.ready(story, READY_SECONDS)
        if seen is None:
            raise InfrastructureError(f"{self._rig.system.name} does not get ready on a fresh disk")
        self.known = Knowledge(seen, {seen.slot: seen.version})
        return self.known

    def _until_cut(self, plan: CutPlan, order: Order) -> tuple[str, float, str]:
        """Carry the order out until the moment of the cut; return the last stage, the time, and why the
        stage could not come: the node refused, "" where it did not."""
        with self._rig.story() as story:
            worker = InBackground(order, self._rig, story)
            worker.start()
            deadline = time.monotonic() + OPERATION_SECONDS
            while (came := story.wait(plan.stage, _LOOK_SECONDS)) is None and time.monotonic() < deadline:
                if worker.error is not None:
                    break
            if came is not None:
                story.pause(plan.delay)
            timeline = story.timeline()
            refused = str(worker.error) if came is None and worker.error is not None else ""
        last = timeline.milestones[-1].name if timeline.milestones else "nothing"
        return last, ((timeline.end_ns or 0) - timeline.t0_ns) / 1e9, refused

    def _must_be_whole(self, order: Order, known: Knowledge) -> tuple[str, ...]:
        """All but the slot that an upgrade writes."""
        slots = self._rig.system.slots
        whole = {known.seen.slot, *known.slots}
        if order.operation is Operation.UPGRADE:
            whole.discard(OTHER[known.seen.slot])
        return (*self._rig.system.file_systems, *(slots[slot] for slot in sorted(whole)))

    def _keep_disk(self) -> Path:
        """The disk as the cut left it: the boot that follows changes it."""
        copy = self._rig.disk.with_name("after-cut.img")
        copy_sparse(self._rig.disk, copy)
        return copy

    def _keep(self, number: int, allowed: Allowed, disk: Path) -> Path:
        folder = self._recorder.folder / f"cut-{number:03}"
        folder.mkdir()
        copy_sparse(disk, folder / "disk.img")
        shutil.copyfile(self._rig.cache.last_log, folder / "writes.log")
        text = self._rig.board.console.transcript.text_since(0)
        (folder / "console.txt").write_text(text, encoding="utf-8")
        document = {"systems": sorted(allowed.systems), "configs": sorted(allowed.configs)}
        (folder / "allowed.json").write_text(json.dumps(document), encoding="utf-8")
        return folder

    def _note(self, result: CutResult) -> None:
        with (self._recorder.folder / "cuts.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(result)) + "\n")


def replay(rig: Rig, recorder: Recorder, folder: Path) -> tuple[str, ...]:
    """Boot the disk that a cut left, as `_keep` kept it; return what is wrong."""
    document = json.loads((folder / "allowed.json").read_text(encoding="utf-8"))
    allowed = Allowed([(slot, version) for slot, version in document["systems"]], document["configs"])
    rig.off()
    copy_sparse(folder / "disk.img", rig.disk)
    with rig.on(transcript=recorder.transcript()) as story:
        seen = rig.ready(story, READY_SECONDS)
    faults = faults_of(seen, allowed, rig.system.same_config)
    recorder.add(story, "replay", faults)
    return faults


__all__ = ["Campaign", "CutResult", "Story", "replay"]
