"""What an operating system must bring to have its upgrades tested here: a class with these methods.

docs/upgrades.md goes through it step by step; lab.upgrades.refos is the example.
"""

import importlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lab.errors import UsageError
from lab.model import MilestoneRule
from pxe.plan import BootPlan

# Milestones that the suite itself waits for or notes; those of the boot between them are the board's
REQUEST, DOWNLOADED, WRITTEN, READY = "request", "downloaded", "written", "ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a node says of itself. `slot` is A or B; `config` the whole configuration as the node has it."""

    version: str
    slot: str
    config: str
    ready: bool


class Client(Protocol):
    """One node, in the hands of its operator. Every method raises LabError in one sentence."""

    def wait_ready(self, seconds: float) -> None:
        """Return once the node says that it is ready."""

    def observe(self) -> Observation:
        """Return what the node says of itself."""

    def push(self, config: str) -> None:
        """Give it a configuration; returns once it is in effect."""

    def upgrade(self, url: str) -> Iterator[tuple[str, str]]:
        """Upgrade to the image at `url` and reboot into it; yields (one of `stages`, what the node said)."""

    def rollback(self) -> None:
        """Reboot into the other slot."""


class Installer(Protocol):
    """One node that came over the network and has an empty disk, or one that was not installed whole."""

    def wait_ready(self, seconds: float) -> None:
        """Return once the node waits for its installation."""

    def install(self, url: str, config: str) -> None:
        """Have it install the image at `url` with this configuration, and boot it; may return early."""


class System(Protocol):
    """An operating system with two slots, upgraded through its API."""

    name: str
    versions: tuple[str, str]  # the installed one, and the one to upgrade to
    milestones: tuple[MilestoneRule, ...]  # of a boot on its console; the last: this slot is good now
    stages: tuple[str, ...]  # of an upgrade, as the API tells them
    # of an installation, on its console: first that the node waits for one; empty: its API cannot install
    installation: tuple[MilestoneRule, ...]
    board: str  # the type of emulated board that it runs on, where no site file names places
    machine: Mapping[str, object]  # options that its emulated board needs, such as {memory: 768}
    port: int  # of its API
    file_systems: tuple[str, ...]  # labels of partitions that must be whole after a cut
    slots: Mapping[str, str]  # A and B -> the label of its partition
    faults: tuple[str, ...]  # classes of lab.upgrades.faults that it can be tried with

    def disk(self, *, both: bool = False) -> Path:
        """Return an image of a disk with versions[0] in slot A; it is copied, not changed. With `both`,
        versions[1] is in slot B: there is something to go back to."""

    def netboot(self) -> BootPlan:
        """Return what the board boots from the network where its disk is empty."""

    def bundle(self, version: str, fault: str = "") -> Path:
        """Return an update to `version`, or one that is broken in the way of the class `fault`."""

    def config(self, number: int, fault: str = "") -> str:
        """Return configuration `number` (they must differ), or one that is broken."""

    def same_config(self, one: str, other: str) -> bool:
        """Whether both say the same, however they are written."""

    def connect(self, address: str) -> AbstractContextManager[Client]:
        """Return a client of the node that is reached at `address` (host:port)."""

    def installer(self, address: str) -> AbstractContextManager[Installer]:
        """Return who installs the node that is reached there; only asked where there is an `installation`."""


def load_system(words: str) -> System:
    """Return the system of `module:Class`. Raises UsageError where there is none such."""
    module, _, name = words.partition(":")
    try:
        made: System = getattr(importlib.import_module(module), name)()
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(f"{words}: no operating system to test: {error}") from error
    return made
