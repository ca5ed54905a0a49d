"""What the lab knows of an operating system: one interface for all of them. docs/systems.md has the table.

What a system cannot do is in `cannot`, with the reason: it is said to the user, not passed over.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol, runtime_checkable

from lab.errors import UsageError
from pxe.assets import AddRequest
from pxe.plan import BootPlan


class Ability(StrEnum):
    """What may be asked of a system."""

    PULL = "pull"  # fetch its images from the publisher, and check them
    PLAN = "plan"  # netboot
    CONFIGURE_AT_BOOT = "configure-at-boot"  # from the boot service
    CONFIGURE = "configure"  # while it runs
    UPGRADE = "upgrade"
    ROLLBACK = "rollback"  # when somebody asks for it
    AUTOMATIC_ROLLBACK = "automatic-rollback"  # after a bad upgrade, without anybody
    HEALTH = "health"


class CannotError(UsageError):
    """A system has no such ability; the sentence says why, and what to do instead."""

    def __init__(self, title: str, ability: Ability, reason: str) -> None:
        super().__init__(f"{title} cannot {ability.replace('-', ' ')}: {reason}")
        self.ability = ability


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An image as a user asks for it. `arch` is pxe.plan.Arch's word, `board` one of our board types or "";
    `upstream` the publisher's address, "" for its public one; `keyring` the keys that may have signed it.
    `extras` are options of one system alone, such as Talos' {"schematic": PATH}."""

    version: str = ""
    arch: str = ""
    board: str = ""
    channel: str = ""  # stable, beta, ...; a stream of Fedora CoreOS
    upstream: str = ""
    keyring: Path | None = None
    extras: Mapping[str, str] = field(default_factory=dict)


class Level(StrEnum):
    """How sure it is that a system boots on a type of board."""

    RUN_HERE = "run here"  # emulated, by our own tests
    EXPECTED = "expected"  # the publisher says so; we have not seen it
    UNOFFICIAL = "unofficial"  # others say so
    NOT_EXPECTED = "expected not to boot"


@dataclass(frozen=True, slots=True)
class Support:
    """Whether a system boots on a type of board, and why; `source` is where that was read."""

    level: Level
    reason: str
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a node says of itself. `slot` is what it booted (A, B, a deployment's checksum); "": unknown."""

    system: str
    version: str
    arch: str
    hostname: str = ""
    slot: str = ""
    kernel: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """`stage` in the system's own word; `reasons` why it is not ready, each a sentence."""

    ready: bool
    stage: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a long call; bytes where they are known."""

    stage: str
    message: str
    done: int | None = None
    total: int | None = None


@runtime_checkable
class OsClient(Protocol):
    """One running node. Every method raises LabError in one sentence that names the node, and CannotError
    where the system has no such ability."""

    async def facts(self) -> Facts:
        """Return what the node says of itself."""

    async def health(self) -> Health:
        """Return whether it is ready for work."""

    async def configure(self, config: str, *, dry_run: bool = False) -> str:
        """Give it a configuration; returns what was changed (or would be), "" for nothing."""

    def upgrade(self, source: str) -> AsyncIterator[Step]:
        """Upgrade to `source` (a URL, an image, a version: the system's own word) and reboot into it."""

    async def rollback(self) -> None:
        """Reboot into what ran before."""

    async def close(self) -> None:
        """Close the connection; may be called twice."""


@runtime_checkable
class OperatingSystem(Protocol):
    """One operating system. Every method raises LabError or PxeError in one sentence."""

    name: str  # as on the command line: talos, flatcar, fcos, debian, refos
    title: str  # as people write it
    cannot: Mapping[Ability, str]  # what it cannot do, and why; what is not here it can

    def releases(self, wanted: Wanted) -> Sequence[str]:
        """Return the versions that the publisher has, the newest first."""

    def pull(self, wanted: Wanted) -> AddRequest:
        """Return what to fetch and what vouches for it; may ask the publisher."""

    def plan(self, name: str, image: Mapping[str, Path], wanted: Wanted) -> BootPlan:
        """Return how it netboots from the parts of a pulled image (part -> file)."""

    def support(self, board_type: str) -> Support:
        """Return whether it boots on a type of board (a name in boards/)."""

    def client(self, address: str, access: Mapping[str, str]) -> OsClient:
        """Return the client of the node at `address`; `access` are options such as talosconfig or key."""
