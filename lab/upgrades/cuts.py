"""A campaign of power cuts: the node works, its power goes at a drawn moment, and it must come back whole."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from lab.errors import InfrastructureError
from lab.powercut.check import check_disk
from lab.powercut.cut import Cut, copy_sparse
from lab.upgrades.evidence import READY_SECONDS, judged, keep, recover
from lab.upgrades.moment import Moment, wait_for_moment
from lab.upgrades.operate import OTHER, InBackground, Knowledge, Order, next_order
from lab.upgrades.plan import CutPlan, Operation, plan_cut
from lab.upgrades.record import Recorder
from lab.upgrades.rig import Rig
from lab.upgrades.story import Story
from lab.upgrades.system import DOWNLOADED, READY, REQUEST, WRITTEN, Observation

_SECONDS = {
    Operation.UPGRADE: 45.0,
    Operation.ROLLBACK: 25.0,
    Operation.CONFIG: 4.0,
    Operation.INSTALL: 45.0,
}
_BLANK = Observation(version="", slot="", config="", ready=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CutResult:
    """What came of a cut. `at`: the last stage before it, and how long after the request (s); `write`: in the
    middle of which write since that request's stage, `unflushed`: how many writes the disk did not have for
    sure, `lost` and `torn` of them. `seconds`: from power back on to ready. `faults`: what was wrong; `kept`:
    where the evidence is."""

    number: int
    seed: int
    operation: str
    stage: str
    plan: str
    at: str
    after: float
    write: int
    unflushed: int
    lost: int
    torn: int
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
        self.results: list[CutResult] = []
        self.known = known if rig.board.power.is_on() else None  # None: the next cut takes a fresh disk
        self._stages = _stages(rig)
        rig.system.disk(both=True)  # made now: a build in the middle of a cut takes minutes
        for version in rig.system.versions:
            rig.system.bundle(version)

    def cut(self, number: int) -> CutResult:
        """Do cut `number`; the node runs afterwards where all went well."""
        plan = plan_cut(self.seed, number, self._stages, _SECONDS)
        known, self.known = self.known, None  # until it is known to be well again
        known = self._begin(plan.operation, known)
        order = next_order(self._rig, known, plan.operation)
        allowed = order.allowed(self._rig, known, plan.stage)
        order.prepare(self._rig)
        moment = self._until_cut(plan, order)
        done = self._rig.cut(plan.disk_seed, moment.during)
        labels = self._must_be_whole(order, known)
        checked = check_disk(self._rig.disk, labels)
        disk = self._copy_of_disk()
        seen, story = recover(self._rig, order, self._recorder)
        faults = judged(self._rig, allowed, checked, seen, story)
        if moment.missed:
            faults = (*faults, f"{order.operation} ended before its power was cut: {moment.missed}")
        self._recorder.add(story, f"after a cut in {order.operation}", faults)
        kept = ""
        if faults:
            folder = self._recorder.folder / f"cut-{number:03}"
            kept = str(keep(folder, self._rig, disk, order, allowed, labels))
        elif seen is not None:
            known.learn(seen, order.operation)
            self.known = known
        seconds = story.timeline().since_power_on(READY)
        return self._note(_result(plan, moment, done, seen, seconds, faults, kept))

    def _begin(self, operation: Operation, known: Knowledge | None) -> Knowledge:
        """The node running, as this operation wants it: from a fresh disk where it is not."""
        rig = self._rig
        if operation is Operation.INSTALL:
            rig.blank()
            with rig.on() as story:
                if rig.installable(story, READY_SECONDS):
                    return Knowledge(_BLANK, {})
            raise self._not_up("from the network", story)
        back = operation is Operation.ROLLBACK
        if known is not None and (not back or OTHER[known.seen.slot] in known.slots):
            return known
        rig.fresh(both=back)
        with rig.on() as story:
            seen = rig.ready(story, READY_SECONDS)
        if seen is None:
            raise self._not_up("on a fresh disk", story)
        slots = {seen.slot: seen.version} | ({OTHER[seen.slot]: rig.system.versions[1]} if back else {})
        return Knowledge(seen, slots)

    def _not_up(self, where: str, story: Story) -> InfrastructureError:
        said = self._rig.board.console.transcript.text_since(story.t0_ns)[-3000:]
        return InfrastructureError(f"{self._rig.system.name} does not get ready {where}; its console: {said}")

    def _until_cut(self, plan: CutPlan, order: Order) -> Moment:
        """Carry the order out until the moment of the cut."""
        names = self._stages[plan.operation]
        with self._rig.cache.watch() as watch, self._rig.story() as story:
            worker = InBackground(order, self._rig, story)
            worker.start()
            return wait_for_moment(plan, story, watch, worker, names[names.index(plan.stage) + 1 :])

    def _must_be_whole(self, order: Order, known: Knowledge) -> tuple[str, ...]:
        """All but the slot that an upgrade writes; after a cut in an installation it is begun anew."""
        if order.operation is Operation.INSTALL:
            return ()
        slots = self._rig.system.slots
        whole = {known.seen.slot, *known.slots}
        if order.operation is Operation.UPGRADE:
            whole.discard(OTHER[known.seen.slot])
        return (*self._rig.system.file_systems, *(slots[slot] for slot in sorted(whole)))

    def _copy_of_disk(self) -> Path:
        """The disk as the cut left it: the boot that follows changes it."""
        copy = self._rig.disk.with_name("after-cut.img")
        copy_sparse(self._rig.disk, copy)
        return copy

    def _note(self, result: CutResult) -> CutResult:
        self.results.append(result)
        with (self._recorder.folder / "cuts.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(result)) + "\n")
        return result


def _stages(rig: Rig) -> dict[Operation, tuple[str, ...]]:
    """The stages of each operation, in their order."""
    system = rig.system
    own = tuple(rule.name for rule in system.milestones)
    board = tuple(rule.name for rule in rig.board.board_type.milestones if "dhcp" not in rule.name)
    boot = tuple(dict.fromkeys((*board, *own)))
    installation = tuple(rule.name for rule in system.installation[1:])
    return {
        Operation.UPGRADE: (REQUEST, DOWNLOADED, *system.stages, *boot),
        Operation.ROLLBACK: (REQUEST, *boot),
        Operation.CONFIG: (REQUEST, WRITTEN),
        Operation.INSTALL: (REQUEST, *installation, *boot) if installation else (),
    }


def _result(
    plan: CutPlan,
    moment: Moment,
    done: Cut,
    seen: Observation | None,
    seconds: float | None,
    faults: tuple[str, ...],
    kept: str,
) -> CutResult:
    return CutResult(
        number=plan.number,
        seed=plan.seed,
        operation=plan.operation,
        stage=plan.stage,
        plan=str(plan),
        at=moment.at,
        after=moment.after,
        write=plan.write,
        unflushed=done.survivors.unflushed,
        lost=done.survivors.lost,
        torn=done.survivors.torn,
        disk=str(done),
        system=f"{seen.slot} {seen.version}" if seen else "",
        seconds=seconds,
        faults=faults,
        kept=kept,
    )
