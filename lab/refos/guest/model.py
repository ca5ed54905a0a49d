"""The values that pass between the API of a node and the machine below it.

Most are NamedTuples: a dataclass with slots takes nine times as long to be made, at each boot.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class PlatformError(Exception):
    """The machine could not do it; the sentence says why and is shown to whoever asked."""


class ImageRefused(PlatformError):
    """The image is not one for this machine: bad signature, other architecture, truncated, unreachable."""


class SlotName(StrEnum):
    """A system partition."""

    A = "A"
    B = "B"

    @property
    def other(self) -> "SlotName":
        """The one that is not this."""
        return SlotName.B if self is SlotName.A else SlotName.A


class SlotHealth(StrEnum):
    """What the boot loader thinks of a slot."""

    GOOD = "good"
    TRIAL = "trial"  # attempts are counted; not yet marked good
    BAD = "bad"  # no attempt left, or marked bad
    EMPTY = "empty"  # nothing was ever written there


class Release(NamedTuple):
    """What runs: `built` is ISO 8601, `arch` is arm64 or amd64, `sha` a digest of the root image."""

    version: str
    sha: str
    built: str
    arch: str
    platform: str = "metal"


@dataclass(frozen=True, slots=True)
class Slot:
    """One slot as the boot loader's environment has it; `version` is "" where none can be read."""

    version: str
    health: SlotHealth


@dataclass(frozen=True, slots=True)
class Slots:
    """`booted` is None where it came over the network; `first` is what the loader tries at the next boot."""

    booted: SlotName | None
    first: SlotName | None
    slots: Mapping[SlotName, Slot] = field(default_factory=dict)

    @property
    def installed(self) -> bool:
        """A disk with our slots is there, whatever we were started from."""
        return any(slot.health is not SlotHealth.EMPTY for slot in self.slots.values())


class Saved(NamedTuple):
    """What the store had; `fault` says what was wrong with the newest copy where an older one is returned.

    `older` is the one before `text`, where it is whole.
    """

    text: str
    fault: str | None = None
    older: str | None = None


class Identity(NamedTuple):
    """A server's certificate, ready to listen with. `fingerprint`: base64(SHA-256(SubjectPublicKeyInfo))."""

    context: ssl.SSLContext
    fingerprint: str


class KernelMessage(NamedTuple):
    """One record of /dev/kmsg; `clock` is in microseconds since the kernel started."""

    sequence: int
    priority: int
    facility: int
    clock: int
    text: str


class Mount(NamedTuple):
    """A mounted file system, sizes in bytes."""

    filesystem: str
    size: int
    available: int
    mounted_on: str


class Disk(NamedTuple):
    """A whole block device, size in bytes. `name` is a path such as /dev/vda."""

    name: str
    size: int
    model: str = ""
    serial: str = ""
    bus_path: str = ""
    subsystem: str = ""
    system: bool = False
    readonly: bool = False
    rotational: bool = False


class CpuTimes(NamedTuple):
    """Seconds a processor spent, as the line `cpu` of /proc/stat has them."""

    user: float = 0.0
    nice: float = 0.0
    system: float = 0.0
    idle: float = 0.0
    iowait: float = 0.0
    irq: float = 0.0
    soft_irq: float = 0.0
    steal: float = 0.0
    guest: float = 0.0
    guest_nice: float = 0.0


class Statistics(NamedTuple):
    """/proc/stat; `boot_time` is Unix time."""

    boot_time: int
    total: CpuTimes
    cpus: tuple[CpuTimes, ...] = ()
    interrupts: int = 0
    context_switches: int = 0
    processes: int = 0
    running: int = 0
    blocked: int = 0
    soft_interrupts: int = 0


class Process(NamedTuple):
    """A process: `cpu_time` in seconds, memory in bytes, `state` the letter of proc(5)."""

    pid: int
    parent: int
    state: str
    threads: int
    cpu_time: float
    virtual_memory: int
    resident_memory: int
    command: str
    executable: str = ""
    arguments: str = ""


class FileEntry(NamedTuple):
    """A file found; `mode` as in stat(2), `error` says why no more is known of it."""

    name: str
    relative_name: str
    size: int = 0
    mode: int = 0
    modified: int = 0
    link: str = ""
    uid: int = 0
    gid: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Packet:
    """A captured frame: at most the snap length of it, its length on the wire, and Unix time."""

    time: float
    data: bytes
    length: int


class BpfInstruction(NamedTuple):
    """One instruction of a classic BPF program, as struct sock_filter has it."""

    op: int
    jt: int
    jf: int
    k: int
