"""What a node is told to do, as stages of a story, and what it may be afterwards."""

import threading
from dataclasses import dataclass, field

from lab.errors import LabError
from lab.upgrades.judge import Allowed
from lab.upgrades.plan import Operation
from lab.upgrades.rig import Rig
from lab.upgrades.story import Story
from lab.upgrades.system import REQUEST, WRITTEN, Observation

OTHER = {"A": "B", "B": "A"}


@dataclass
class Knowledge:
    """What a node is known to be: `seen` when it was last ready, `slots` what each is known to hold whole."""

    seen: Observation
    slots: dict[str, str] = field(default_factory=dict)
    configs: int = 0  # how many were pushed

    def learn(self, seen: Observation, after: Operation) -> None:
        """It is ready again. An upgrade that did not switch may have written the other slot in part."""
        if after is Operation.UPGRADE and seen.slot == self.seen.slot:
            self.slots.pop(OTHER[seen.slot], None)
        self.seen = seen
        self.slots[seen.slot] = seen.version


@dataclass(frozen=True, slots=True)
class Order:
    """One operation with all that it needs. `number`: of the configuration to push; `fault`: of the class
    whose broken update is to be installed."""

    operation: Operation
    version: str = ""
    number: int = 0
    fault: str = ""

    @property
    def reboots(self) -> bool:
        """Whether the node starts again where all goes well."""
        return self.operation is not Operation.CONFIG

    def allowed(self, rig: Rig, known: Knowledge, stage: str = REQUEST) -> Allowed:
        """What the node may be after its power went in this stage: the old or the new, and after the last
        one, when somebody was told that it is done, the new alone."""
        if self.operation is Operation.INSTALL:
            return Allowed({("A", self.version)}, {rig.system.config(self.number)})
        system, config = (known.seen.slot, known.seen.version), known.seen.config
        aim, new, other = system, config, OTHER[known.seen.slot]
        if self.operation is Operation.CONFIG:
            new = rig.system.config(self.number)
        elif self.operation is Operation.ROLLBACK:
            aim = (other, known.slots[other])
        else:
            aim = (other, self.version)
        if stage in (WRITTEN, rig.system.milestones[-1].name):
            return Allowed({aim}, {new})
        return Allowed({system, aim}, {config, new})

    def prepare(self, rig: Rig) -> None:
        """Have the boot service offer what will be fetched; making it takes a while."""
        if self.operation in (Operation.UPGRADE, Operation.INSTALL):
            rig.serve(rig.system.bundle(self.version, self.fault))

    def carry_out(self, rig: Rig, story: Story) -> None:
        """Ask the node, note the stages that the API shows. Raises LabError."""
        if self.operation is Operation.INSTALL:
            with rig.installer() as installer:
                story.note(REQUEST, self.operation)
                installer.install(rig.url(0), rig.system.config(self.number))
            return
        with rig.client() as node:
            story.note(REQUEST, self.operation)
            if self.operation is Operation.UPGRADE:
                for stage, said in node.upgrade(rig.url(0)):
                    story.note(stage, said)
            elif self.operation is Operation.ROLLBACK:
                node.rollback()
            else:
                node.push(rig.system.config(self.number))
                story.note(WRITTEN)


def next_order(rig: Rig, known: Knowledge, operation: Operation, *, fault: str = "") -> Order:
    """The order that this operation means for a node: upgrades go to the version that does not run. Where
    there is nothing whole to go back to, a rollback becomes an upgrade."""
    if operation is Operation.ROLLBACK and OTHER[known.seen.slot] not in known.slots:
        operation = Operation.UPGRADE
    if operation is Operation.INSTALL:
        return Order(operation, version=rig.system.versions[0], number=known.configs)
    if operation is Operation.UPGRADE:
        old, new = rig.system.versions
        version = old if known.seen.version == new and not fault else new
        return Order(operation, version=version, fault=fault)
    if operation is Operation.CONFIG:
        known.configs += 1
    return Order(operation, number=known.configs)


class InBackground(threading.Thread):
    """Carries an order out while somebody else waits for a moment in it. `error` is how it failed."""

    def __init__(self, order: Order, rig: Rig, story: Story) -> None:
        super().__init__(name=str(order.operation), daemon=True)
        self.error: LabError | None = None
        self._order, self._rig, self._story = order, rig, story

    def run(self) -> None:
        """Carry it out."""
        try:
            self._order.carry_out(self._rig, self._story)
        except LabError as error:
            self.error = error
