"""What changes the system of a node: install, upgrade, rollback, reboot, reset, shutdown. One at a time."""

from collections import deque
from collections.abc import Sequence as Listing
from functools import partial

from lab.refos.guest.broadcast import Broadcast
from lab.refos.guest.model import PlatformError, SlotHealth, Slots
from lab.refos.guest.node import SWITCH, Node, Tasks
from lab.refos.guest.state import sequences
from lab.refos.guest.state.configuration import Refused
from lab.refos.guest.state.trial import SwitchRecord

_MESSAGES = 200


class Operation:
    """Progress of a long operation, for whoever looks on; it goes on where nobody does."""

    def __init__(self) -> None:
        self.messages: deque[tuple[int, str]] = deque(maxlen=_MESSAGES)
        self.exit_code: int | None = None
        self.changed = Broadcast()
        self._next = 0

    def tell(self, line: str) -> None:
        """Note a step."""
        self.messages.append((self._next, line))
        self._next += 1
        self.changed.notify()

    def end(self, exit_code: int) -> None:
        """0 where it went well."""
        self.exit_code = exit_code
        self.changed.notify()


async def write_image(node: Node, operation: Operation, image: str, disk: str, *, wipe: bool) -> None:
    """Install to an empty disk."""
    try:
        wanted = node.config.install if node.config is not None else None
        args = wanted.extra_kernel_args if wanted is not None else ()
        async for line in node.platform.slots.install(image, disk, wipe=wipe, kernel_args=args):
            _tell(node, operation, "install", line)
        node.machine.slots = await node.platform.slots.slots()
    except PlatformError as error:
        _fail(operation, error)
        raise
    operation.end(0)


async def write_other_slot(node: Node, operation: Operation, image: str) -> None:
    """Write the slot that does not run, and have the boot loader try it first."""
    store, control = node.platform.store, node.platform.slots
    slots = node.machine.slots
    assert slots.booted is not None
    record = SwitchRecord(
        "upgrade", slots.booted, slots.booted.other, node.platform.release.version, switched=False
    )
    try:
        await store.save(SWITCH, record.dump())
        async for line in control.upgrade(image):
            _tell(node, operation, "upgrade", line)
        await store.save(SWITCH, record.done().dump())
        node.machine.slots = await control.slots()
    except PlatformError as error:
        _fail(operation, error)
        await store.delete(SWITCH)
        raise
    operation.end(0)


def _tell(node: Node, operation: Operation, what: str, line: str) -> None:
    node.say(f"{what}: {line}", "installer")
    operation.tell(line)


def _fail(operation: Operation, error: PlatformError) -> None:
    operation.tell(str(error))
    operation.end(1)


def upgrade(node: Node, image: str, actor: str, *, reboot: bool) -> Operation:
    """Start an upgrade. Raises Refused where nothing is installed, or where only the other slot is good."""
    node.machine.check_idle()
    slots = node.machine.slots
    if slots.booted is None:
        raise Refused("not installed: the system came over the network and has no slots; install it first")
    if node.machine.verdict.on_trial and not node.machine.proven:
        raise Refused(
            f"slot {slots.booted} is not marked good yet: an upgrade would overwrite the only good one"
        )
    operation = Operation()
    sequence = sequences.UPGRADE if reboot else sequences.STAGE_UPGRADE
    _start(node, sequence, actor, {"writeImage": partial(write_other_slot, node, operation, image)})
    return operation


def install(node: Node, image: str, disk: str, actor: str) -> Operation:
    """Start an installation by the API; the caller reboots. Raises Refused, InstalledAlready."""
    if node.machine.slots.installed:
        raise InstalledAlready("already installed: use Upgrade, or Reset first")
    operation = Operation()
    write = partial(write_image, node, operation, image, disk, wipe=False)
    _start(node, sequences.INSTALL, actor, {"writeImage": write})
    return operation


def rollback(node: Node, actor: str) -> None:
    """Boot the other slot. Raises Refused where it holds no system that is known to work."""
    node.machine.check_idle()
    slots = node.machine.slots
    if slots.booted is None:
        raise Refused("not installed: there is no slot to go back to")
    other = slots.slots.get(slots.booted.other)
    if other is None or other.health is SlotHealth.EMPTY:
        raise Refused(f"slot {slots.booted.other} is empty: there is nothing to go back to")
    if other.health is SlotHealth.BAD:
        raise Refused(f"slot {slots.booted.other} is marked bad: going back to it would not help")
    _start(node, sequences.ROLLBACK, actor, {"switchSlot": partial(_switch, node, slots)})


async def _switch(node: Node, slots: Slots) -> None:
    assert slots.booted is not None
    record = SwitchRecord(
        "rollback", slots.booted, slots.booted.other, node.platform.release.version, switched=True
    )
    await node.platform.store.save(SWITCH, record.dump())
    await node.platform.slots.activate(slots.booted.other)


def reboot(node: Node, actor: str) -> None:
    """Start again. Raises Refused."""
    _start(node, sequences.REBOOT, actor, {})


def shutdown(node: Node, actor: str) -> None:
    """Switch off. Raises Refused."""
    _start(node, sequences.SHUTDOWN, actor, {})


def reset(node: Node, labels: Listing[str], disks: Listing[str], actor: str, *, restart: bool) -> None:
    """Erase partitions (all of the system disk where none are named) and leave. Raises Refused."""
    sequence = sequences.RESET if restart else sequences.RESET_AND_HALT
    _start(node, sequence, actor, {"wipeDisks": partial(node.platform.slots.wipe, labels, disks)})


class InstalledAlready(Exception):
    """There is a system on the disk."""


def _start(node: Node, sequence: sequences.Sequence, actor: str, tasks: Tasks) -> None:
    """Begin at once, so that a second caller is refused; perform in the background."""
    node.machine.begin(sequence, node.now(), actor)
    node.step()
    node.spawn(node.perform(tasks))
