"""A rollout as frozen values: which nodes in which steps, what changes, what must hold, when to stop."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

API_PORT = 50000


class Scope(StrEnum):
    """Which nodes are put back after a halt."""

    NONE = "none"
    FAILED = "failed"
    ALL = "all"


class Pause(StrEnum):
    """Where a rollout stops by itself and waits for `--resume`."""

    NEVER = "never"
    CANARY = "canary"
    STEP = "step"


@dataclass(frozen=True, slots=True)
class OverSsh:
    """How to log in at a node without an API."""

    user: str
    key: Path | None = None
    known_hosts: Path | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """One machine. `address` is what it is reached at and what it asks DNS from; without `ssh` it has a
    machine API."""

    name: str
    address: str
    port: int = API_PORT
    labels: frozenset[str] = frozenset()
    ssh: OverSsh | None = None

    @property
    def endpoint(self) -> str:
        """`10.99.0.11`, with the port where it is another than the API's."""
        return self.address if self.port == API_PORT else f"{self.address}:{self.port}"


@dataclass(frozen=True, slots=True)
class ConfigPatch:
    """Merge a strategic-merge patch into each node's machine configuration. `mode`: as in the API."""

    text: str
    mode: str = "no-reboot"


@dataclass(frozen=True, slots=True)
class HostChange:
    """Set host name, DNS servers and files of nodes over SSH: lab.systems.hostconfig."""

    text: str


@dataclass(frozen=True, slots=True)
class Upgrade:
    """Install an image into the other slot and boot it; `version` is what must run afterwards."""

    image: str
    version: str


@dataclass(frozen=True, slots=True)
class RollBack:
    """Boot the other slot; `version` is what must run afterwards."""

    version: str


@dataclass(frozen=True, slots=True)
class Command:
    """Programs of the user's own, as argument lists with {name}, {address} and {port} filled in.

    `check` ends with 0 where the change is in place; `revert` takes it back.
    """

    apply: tuple[str, ...]
    check: tuple[str, ...] = ()
    revert: tuple[str, ...] = ()


Change = ConfigPatch | HostChange | Upgrade | RollBack | Command


@dataclass(frozen=True, slots=True)
class Ready:
    """The node says that it runs and is ready."""

    seconds: float = 120.0


@dataclass(frozen=True, slots=True)
class Resolves:
    """The log of the lab's DNS server shows that the node asked it after the change, and was answered.

    `name` "" takes any name.
    """

    log: Path
    name: str = ""
    seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Check:
    """A program of the user's own ends with 0; asked again each second until `seconds` are over."""

    argv: tuple[str, ...]
    seconds: float = 60.0


Gate = Ready | Resolves | Check


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What the engine needs of a plan. `steps` are ranges of node numbers, one after the other.

    `limit`: the rollout halts as soon as so many nodes have failed. A canary that fails halts it, too.
    """

    steps: tuple[range, ...]
    canary: bool = False
    concurrency: int = 10
    soak_seconds: float = 0.0
    pause: Pause = Pause.NEVER
    limit: int = 1
    revert: Scope = Scope.NONE

    @property
    def count(self) -> int:
        """How many nodes there are."""
        return self.steps[-1].stop if self.steps else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All of it. `change_seconds` is the longest that the change of one node may take.

    `over_ssh`: what is done to nodes over SSH, where that is another change.
    """

    name: str
    file: Path
    nodes: tuple[Node, ...]
    pace: Pace
    change: Change
    gates: tuple[Gate, ...] = ()
    talosconfig: Path | None = None
    change_seconds: float = 120.0
    over_ssh: HostChange | None = None

    def change_at(self, node: Node) -> Change:
        """Return what is done to a node."""
        return self.over_ssh if node.ssh is not None and self.over_ssh is not None else self.change

    @property
    def digest(self) -> str:
        """SHA-256 over nodes and change: a journal goes on only with the same ones."""
        told = repr((tuple((n.name, n.address, n.port) for n in self.nodes), self.pace.steps, self.change))
        told += repr(self.over_ssh) if self.over_ssh is not None else ""
        return hashlib.sha256(told.encode()).hexdigest()
