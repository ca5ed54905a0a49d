"""The lab's nouns as frozen values. Times are CLOCK_MONOTONIC nanoseconds unless a name says otherwise."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

SCHEMA = 1  # version of every record we write


class Source(StrEnum):
    """Where a milestone was seen."""

    POWER = "power"
    WIRE = "wire"
    CONSOLE = "console"
    API = "api"


@dataclass(frozen=True, slots=True)
class MilestoneRule:
    """How to recognise a milestone. `pattern` is a regular expression over one console line (bytes decoded
    as UTF-8 with replacement, escape sequences removed), or over `<event kind> <message or file name>` for
    Source.WIRE, e.g. `dhcp-sent ACK` or `transfer-ended preseed.cfg`.
    """

    name: str
    source: Source
    pattern: str
    title: str = ""  # for people; default: the name


@dataclass(frozen=True, slots=True)
class Milestone:
    """A named instant of a boot."""

    name: str
    t_ns: int
    source: Source
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferSpan:
    """One file on its way to the board, as the server saw it."""

    protocol: str
    name: str
    start_ns: int
    end_ns: int
    size: int
    sent: int
    repeated: int = 0
    outcome: str = "complete"
    options: dict[str, int] = field(default_factory=dict)


class Cause(StrEnum):
    """Why a boot failed, in the order in which a boot gets there."""

    LAB_FAULT = "lab-fault"  # the lab's own equipment
    NO_POWER = "no-power"
    BOARD_GONE = "board-gone"  # the board (or its emulator) vanished in the middle
    NO_CONSOLE = "no-console"  # powered, and not one byte
    NO_BOOTLOADER = "no-bootloader"
    LOADER_CRASHED = "loader-crashed"
    NO_PLAN = "no-plan"  # it asked, and nothing is planned for its MAC
    NO_DHCP = "no-dhcp-answer"
    TRANSFER_REFUSED = "transfer-refused"
    TRANSFER_STALLED = "transfer-stalled"
    COMMAND_FAILED = "command-failed"  # a command that we typed at the boot loader
    BAD_IMAGE = "bad-image"  # the boot loader or a check of ours rejects what was served
    KERNEL_SILENT = "kernel-silent"  # control passed to the kernel, and nothing more came
    KERNEL_PANIC = "kernel-panic"
    UNEXPECTED_RESET = "unexpected-reset"
    NO_INIT = "no-init"
    NOT_READY = "not-ready"  # init runs, and the last milestone never came

    @property
    def of_the_lab(self) -> bool:
        """Whether the lab's own equipment is to blame, and the board has proven nothing."""
        return self in (Cause.LAB_FAULT, Cause.NO_PLAN, Cause.NO_DHCP, Cause.TRANSFER_STALLED)


@dataclass(frozen=True, slots=True)
class Failure:
    """A cause, one sentence a person can act on, and what it was concluded from."""

    cause: Cause
    sentence: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """One boot, joined from power, wire, console and API; `t0_ns` is power-on, milestones in time order.

    `end_ns` is when the lab stopped looking: what a boot that failed waited for in vain took until then.
    """

    t0_ns: int
    milestones: tuple[Milestone, ...] = ()
    transfers: tuple[TransferSpan, ...] = ()
    end_ns: int | None = None

    def since_power_on(self, name: str) -> float | None:
        """Seconds from power-on to the first milestone of that name; None where it was not reached."""
        for m in self.milestones:
            if m.name == name:
                return (m.t_ns - self.t0_ns) / 1e9
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class BootRecord:
    """One boot of one place: what `results/` keeps. `ready` is True where the last milestone was reached."""

    run_id: str
    index: int  # 0-based number of the boot in its run
    place: str
    board_type: str
    image: str
    method: str  # firmware (its own way, no key pressed) or driven (commands typed)
    started_at: str  # wall time, ISO 8601, UTC
    timeline: Timeline
    ready: bool
    failure: Failure | None = None
    console: str = ""  # file name of the recording, relative to the run's folder
    pcap: str = ""  # of the packets, likewise; "" where none were recorded
    firmware: str = ""  # banners seen on the console, the first one first; "" where none was
    kernel: str = ""  # the version that the kernel printed; "" where it said none (`quiet`)
    load: float | None = None  # 1-minute load average of the lab's host at power-on
    attempt: int = 1  # 1-based: above 1, a retry of what failed
    schema: int = SCHEMA


@dataclass(frozen=True, slots=True)
class Measurement:
    """Values of one quantity over the boots of a run, in the order of the boots.

    `boots` are the numbers of the boots that have a value; a boot that never got there has none.
    """

    name: str
    unit: str
    values: tuple[float, ...]
    boots: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverConfig:
    """Which driver, with what options: `{qemu: {...}}` or `{serial: {url: /dev/ttyUSB0}}` in YAML."""

    kind: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class UbootTraits:
    """What the U-Boot shell must know of a board type."""

    prompt: str = "=> "
    stop_key: str = " "
    cbsize: int = 512  # CONFIG_SYS_CBSIZE of the build: the longest line it takes
    chunk: int = 16  # bytes typed before the echo is awaited: a common UART FIFO


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardType:
    """A model of hardware: `boards/<family>/board.yaml`."""

    name: str
    arch: str
    title: str
    uboot: UbootTraits = field(default_factory=UbootTraits)
    milestones: tuple[MilestoneRule, ...] = ()
    deadlines: dict[str, float] = field(default_factory=dict)  # milestone -> seconds after the one before it
    compatible: str = ""  # root `compatible` of its device tree, such as raspberrypi,4-model-b
    console_args: str = ""  # kernel arguments that bring its console up
    fdt_address: str = ""  # where a served device tree is loaded; empty: the firmware's ${fdt_addr_r}
    qemu: dict[str, Any] = field(default_factory=dict)  # options of the qemu driver, where it is emulated


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One wired instance of a board type."""

    name: str
    board_type: str
    mac: str
    power: DriverConfig
    console: DriverConfig
    power_off_seconds: float = 1.0
    hostile: bool = False  # real hardware that malformed packets may be sent to
