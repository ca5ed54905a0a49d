"""Stages of a machine, and the sequences of tasks that lead from one to the next."""

from dataclasses import dataclass
from enum import IntEnum


class Stage(IntEnum):
    """What a machine is doing; the numbers are those of MachineStatusEvent."""

    BOOTING = 1
    INSTALLING = 2
    MAINTENANCE = 3
    RUNNING = 4
    REBOOTING = 5
    SHUTTING_DOWN = 6
    RESETTING = 7
    UPGRADING = 8

    @property
    def word(self) -> str:
        """As the console and MachineStatuses have it: `shutting down`."""
        return self.name.lower().replace("_", " ")


@dataclass(frozen=True, slots=True)
class Phase:
    """Tasks that belong together, one after the other."""

    name: str
    tasks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sequence:
    """A named list of phases; `stage` while it runs, `after` where it ends well and the machine lives on."""

    name: str
    stage: Stage
    after: Stage
    phases: tuple[Phase, ...]


_LEAVE = Phase("cleanup", ("stopServices",))
_REBOOT = Phase("reboot", ("reboot",))
_HALT = Phase("shutdown", ("powerOff",))
_CONFIG = Phase("config", ("applyConfiguration",))
_API = Phase("services", ("startAPI",))
_WRITE = Phase("install", ("writeImage",))
_SWITCH = Phase("rollback", ("switchSlot",))
_WIPE = Phase("reset", ("wipeDisks",))


def _lasting(name: str, stage: Stage, after: Stage, *phases: Phase) -> Sequence:
    return Sequence(name, stage, after, phases)


def _leaving(name: str, stage: Stage, *phases: Phase) -> Sequence:
    """A sequence that the machine does not survive."""
    return Sequence(name, stage, stage, phases)


# The network for whoever brings the first configuration; what follows depends on what he brings
ACQUIRE = _lasting("acquire", Stage.BOOTING, Stage.BOOTING, _CONFIG)
INITIALIZE = _lasting("initialize", Stage.BOOTING, Stage.MAINTENANCE, _CONFIG, _API)
BOOT = _lasting("boot", Stage.BOOTING, Stage.RUNNING, _CONFIG, _API)
INSTALL = _lasting("install", Stage.INSTALLING, Stage.RUNNING, _WRITE)
STAGE_UPGRADE = _lasting("stageUpgrade", Stage.UPGRADING, Stage.RUNNING, _WRITE)

INSTALL_AND_REBOOT = _leaving("install", Stage.INSTALLING, _WRITE, _LEAVE, _REBOOT)
UPGRADE = _leaving("upgrade", Stage.UPGRADING, _WRITE, _LEAVE, _REBOOT)
ROLLBACK = _leaving("reboot", Stage.REBOOTING, _SWITCH, _LEAVE, _REBOOT)
REBOOT = _leaving("reboot", Stage.REBOOTING, _LEAVE, _REBOOT)
RESET = _leaving("reset", Stage.RESETTING, _LEAVE, _WIPE, _REBOOT)
RESET_AND_HALT = _leaving("reset", Stage.RESETTING, _LEAVE, _WIPE, _HALT)
SHUTDOWN = _leaving("shutdown", Stage.SHUTTING_DOWN, _LEAVE, _HALT)
