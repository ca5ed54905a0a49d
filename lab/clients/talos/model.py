"""What a node says, as values. Times are seconds, sizes bytes, unless a name says otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class ApplyMode(StrEnum):
    """How a configuration takes effect."""

    AUTO = "auto"  # at once, with a reboot where the node needs one (Talos 1.14: never reboots)
    NO_REBOOT = "no-reboot"
    STAGED = "staged"  # at the next boot
    TRY = "try"  # undone unless it is applied again in time
    REBOOT = "reboot"  # Talos 1.14 refuses it outside maintenance


@dataclass(frozen=True, slots=True)
class NodeVersion:
    """What runs on the node; `mode` is the platform's (metal, cloud, container)."""

    tag: str
    sha: str
    built: str
    os: str
    arch: str
    platform: str
    mode: str
    rbac: bool


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a configuration: `mode` is what AUTO came to, `details` of a dry run the difference."""

    mode: ApplyMode
    details: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of a long call: `stage` is pull, write, request or reboot; bytes where they are known."""

    stage: str
    message: str
    done: int | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True)
class MachineStatus:
    """How far the node is; `unmet` are (condition, reason) of what keeps it from being ready."""

    stage: str
    ready: bool
    unmet: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Resolvers:
    """The DNS servers that the node asks, and its search domains."""

    servers: tuple[str, ...]
    search: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of the state API; `spec` is what `text` (YAML) says."""

    namespace: str
    type: str
    id: str
    version: str
    phase: str
    text: str
    spec: Any


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """One event of a watch; `kind`: created, updated, destroyed, bootstrapped, errored or noop."""

    kind: str
    resource: Resource | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class NodeEvent:
    """One event of a node. `t_ns` is when it reached us; `fields` are its message's, enums by name.

    `fault` says what was wrong with the bytes of one that cannot be read.
    """

    t_ns: int
    node: str
    kind: str  # SequenceEvent, MachineStatusEvent ...
    id: str
    actor_id: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    fault: str = ""


@dataclass(frozen=True, slots=True)
class BpfInstruction:
    """One instruction of a classic BPF program (linux/filter.h)."""

    op: int
    jt: int
    jf: int
    k: int
