"""The record of one boot of one machine, made of its events. Pure: times come with the events.

What a server sees of a boot is what the machine asks for. That it runs in the end is only told by what comes
later: the system's own DHCP, its config. So DONE means "has all that its plan boots with".
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from pxe.boot.role import Role, needed_names, plain_name, role_of
from pxe.events import (
    ConfigDelivered,
    DhcpIgnored,
    DhcpReceived,
    DhcpSent,
    Event,
    FindingMade,
    TransferEnded,
    TransferRefused,
    TransferStarted,
)
from pxe.plan import Action, BootPlan, Firmware

QUIET_NS: Final = 30_000_000_000  # without a word, and not through: stalled
RETRY_NS: Final = (
    90_000_000_000  # firmware that got nothing asks again within this: EDK2 waits 32 s, and more
)
TRANSFERS: Final = 48  # kept of a boot; a Raspberry Pi asks for some 40 names
FINDINGS: Final = 8
_NAMES: Final = 64
_XIDS: Final = 8
_FATAL: Final = "fatal"
_NOT_OURS: Final = "unknown-machine"  # the rule of pxe.explain: no boot of ours fails
_NO_FIRMWARE: Final = (Firmware.OS, Firmware.UNKNOWN)
PlanOf = Callable[[str, str | None], BootPlan | None]  # MAC, name of the plan where DHCP told it


class State(StrEnum):
    """How a boot is, at an instant."""

    BOOTING = "booting"
    DONE = "done"  # it has all that its plan boots with
    WAITING = "waiting"  # its plan holds it
    STALLED = "stalled"  # it says nothing more, and is not through
    FAILED = "failed"
    UNKNOWN = "unknown"  # nobody told us of the machine, so it got no answer


@dataclass(slots=True)
class Stage:
    """One step; of files, from the first byte of the first to the last of the last. `by`: the firmware that
    asked DHCP, else the protocol."""

    role: Role
    by: str
    start_ns: int
    end_ns: int | None = None  # None: goes on
    count: int = 1  # messages of DHCP, files


@dataclass(slots=True)
class Moved:
    """One transfer. `sent` is live while `outcome` is empty; see `pxe.events.TransferEnded`."""

    transfer: str
    name: str
    role: Role
    protocol: str
    size: int
    start_ns: int
    sent: int = 0
    end_ns: int | None = None
    outcome: str = ""
    detail: str = ""
    repeated: int = 0
    still_ns: int | None = None  # since when it was seen not to move; None: it moves, or nobody looked


@dataclass(slots=True)
class Told:
    """A finding of pxe.explain, and how far the boot was: what it got over since does not count any more."""

    finding: FindingMade
    progress: int


@dataclass(frozen=True, slots=True)
class Before:
    """How the machine's boot before this one ended: a machine that fails starts again and again."""

    ident: str
    state: State
    sentence: str
    times: int  # boots in a row that did not come to their end


@dataclass(slots=True, eq=False)
class Boot:
    """One boot. `first_seq` and `last_seq` are the numbers of its events; `version` is the follower's."""

    ident: str
    mac: str
    start_ns: int
    first_seq: int
    plan_of: PlanOf
    known: bool = True
    version: int = 0
    last_seq: int = 0
    last_ns: int = 0
    plan: str | None = None
    firmware: str = "unknown"  # the first that asked
    arch: str = "unknown"
    vendor_class: str = ""
    ip: str = ""
    bootfile: str = ""
    note: str = ""  # why DHCP did not answer
    held: bool = False
    done_ns: int | None = None
    running: bool = False  # the system was heard of
    trouble: str = ""
    stalled: bool = False
    dropped: int = 0  # transfers not kept
    stages: list[Stage] = field(default_factory=list)
    transfers: list[Moved] = field(default_factory=list)
    findings: list[Told] = field(default_factory=list)
    previous: "Before | None" = None
    _had: set[str] = field(default_factory=set)
    _xids: dict[int, Stage] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.last_ns = self.start_ns

    def state(self, now_ns: int) -> State:
        """How it is at `now_ns`."""
        fatal = self.fatal()
        if fatal is not None and fatal.rule == _NOT_OURS:
            return State.UNKNOWN
        if fatal is not None or (self.trouble and not self.stalled):
            return State.FAILED
        if self.done_ns is not None:
            return State.DONE
        if self.held:
            return State.WAITING
        moving = [moved for moved in self.transfers if not moved.outcome]
        if moving:
            still = all(m.still_ns is not None and now_ns - m.still_ns > QUIET_NS for m in moving)
            return State.STALLED if still else State.BOOTING
        return State.STALLED if self.stalled or now_ns - self.last_ns > QUIET_NS else State.BOOTING

    def fatal(self) -> FindingMade | None:
        """The finding that says why it does not go on; None where there is none, or it went on since."""
        here = len(self._had)
        found = (t.finding for t in self.findings if t.finding.severity == _FATAL and t.progress == here)
        return next(found, None)

    def sentence(self) -> str:
        """Why it does not go on, as far as that is known; "" where it does."""
        found = self.fatal()
        return found.sentence if found is not None else self.trouble or self.note

    def is_followed_by(self, event: DhcpReceived) -> bool:
        """Whether a client's message begins the machine's next boot.

        Firmware that got nothing yet tries again: the same boot. What it loaded may ask DHCP anew: iPXE does,
        and the operating system.
        """
        if event.firmware in _NO_FIRMWARE or event.message != "DISCOVER":
            return False
        if not self._had:
            return event.t_ns - self.last_ns > RETRY_NS
        chained = event.firmware == Firmware.IPXE and self.firmware != Firmware.IPXE
        return not chained or any(s.role not in (Role.DHCP, Role.LOADER) for s in self.stages)

    def take(self, seq: int, event: Event) -> None:
        """Take in an event of this machine."""
        self.last_seq = max(self.last_seq, seq)
        match event:
            case DhcpReceived():
                self._received(event)
            case DhcpSent():
                self._sent(event)
            case DhcpIgnored():
                self.note = "" if event.elsewhere else event.reason
            case TransferStarted():
                self._started(event)
            case TransferEnded():
                self._ended(event)
            case TransferRefused():
                self._refused(event)
            case ConfigDelivered():
                self._delivered(event)
            case FindingMade():
                self._found(event)
                return  # nothing that the machine did
            case _:
                return
        self.last_ns = max(self.last_ns, event.t_ns)
        plan = self._plan()
        self.held = plan is not None and plan.action is Action.HOLD

    def advance(self, transfer: str, sent: int, now_ns: int) -> bool:
        """A transfer under way has come to `sent` bytes; return whether that is news."""
        for moved in reversed(self.transfers):
            if moved.transfer != transfer or moved.outcome:
                continue
            if moved.sent < sent <= moved.size:
                moved.sent, self.last_ns, moved.still_ns = sent, max(self.last_ns, now_ns), None
                return True
            moved.still_ns = moved.still_ns or now_ns
        return False

    def _stage(self, role: Role, by: str, t_ns: int) -> Stage:
        for stage in self.stages:
            if (stage.role, stage.by) == (role, by):
                stage.count += 1
                return stage
        stage = Stage(role, by, t_ns)
        self.stages.append(stage)
        return stage

    def _received(self, event: DhcpReceived) -> None:
        if event.firmware in _NO_FIRMWARE:
            if not self._had:
                return
            self.running = True
            stage = self._stage(Role.SYSTEM, "dhcp", event.t_ns)
        else:
            if self.firmware == Firmware.UNKNOWN:
                self.firmware = event.firmware
            self.arch = self.arch if event.arch == "unknown" else event.arch
            self.vendor_class = self.vendor_class or event.vendor_class
            self.stalled = False
            stage = self._stage(Role.DHCP, event.firmware, event.t_ns)
        self._xids[event.xid] = stage
        while len(self._xids) > _XIDS:
            del self._xids[next(iter(self._xids))]

    def _sent(self, event: DhcpSent) -> None:
        self.note = ""
        self.ip = event.ip if event.ip != "0.0.0.0" else self.ip
        self.bootfile = event.bootfile or self.bootfile
        stage = self._xids.get(event.xid)
        if stage is not None and event.message != "OFFER":  # EDK2 collects offers for four seconds
            stage.end_ns = max(event.t_ns, stage.start_ns)
        if stage is None or stage.role is Role.DHCP:
            self.plan = event.plan or self.plan
        plan = self._plan()
        if event.message == "ACK" and plan is not None and plan.action is Action.LOCAL and not event.bootfile:
            self.done_ns = self.done_ns or event.t_ns

    def _started(self, event: TransferStarted) -> None:
        plan = self._plan()
        if self.plan is None and plan is not None:
            self.plan = plan.name
        role = role_of(event.name, plan, self.mac)
        self.trouble, self.stalled = "", False
        for stage in self.stages:
            if stage.role is Role.DHCP and stage.end_ns is None:  # another server's ACK, which we do not see
                stage.end_ns = max(self.last_ns, stage.start_ns)
        moved = Moved(event.transfer, event.name, role, event.protocol, event.size, event.t_ns)
        self.transfers.append(moved)
        if len(self.transfers) > TRANSFERS:
            oldest = next((m for m in self.transfers if m.outcome), self.transfers[0])
            self.transfers.remove(oldest)
            self.dropped += 1
        self._stage(role, event.protocol, event.t_ns).end_ns = None

    def _ended(self, event: TransferEnded) -> None:
        moved = next((m for m in reversed(self.transfers) if m.transfer == event.transfer), None)
        if moved is None:  # its start is among the events that were lost
            role = role_of(event.name, self._plan(), self.mac)
            start = event.t_ns - event.duration_ns
            moved = Moved(event.transfer, event.name, role, event.protocol, event.size, start)
            self._stage(role, event.protocol, start)
            self.transfers.append(moved)
            del self.transfers[:-TRANSFERS]
        moved.end_ns = max(event.t_ns, moved.start_ns)
        moved.sent, moved.outcome, moved.detail = event.sent, event.outcome, event.detail
        moved.repeated = event.repeated
        probe = event.outcome == "aborted" and event.sent == 0  # EDK2 and iPXE ask for the size first
        if probe:
            self.transfers.remove(moved)
        self._close_stage(moved, probe)
        if event.upload or probe:
            return
        if event.outcome in ("complete", "unacknowledged"):
            self._fetched(plain_name(event.name), event.t_ns)
        elif event.outcome in ("stalled", "error") and self._matters(event.name):
            self.trouble = f"{event.name}: {event.detail or event.outcome}"
            self.stalled = event.outcome == "stalled"

    def _close_stage(self, moved: Moved, probe: bool) -> None:
        stage = next((s for s in self.stages if (s.role, s.by) == (moved.role, moved.protocol)), None)
        same = [m for m in self.transfers if (m.role, m.protocol) == (moved.role, moved.protocol)]
        if stage is None:
            return
        if probe:
            stage.count -= 1
        if not same:
            self.stages.remove(stage)
        elif all(m.outcome for m in same):
            stage.end_ns = max(m.end_ns or m.start_ns for m in same)

    def _fetched(self, name: str, t_ns: int) -> None:
        if len(self._had) < _NAMES:
            self._had.add(name)
        self.trouble, self.stalled = "", False
        plan = self._plan()
        if plan is None or self.done_ns is not None:
            return
        local = plan.action is Action.LOCAL and role_of(name, plan, self.mac) is Role.SCRIPT
        needed = needed_names(plan)
        if local or (needed and needed <= self._had):
            self.done_ns = t_ns

    def _matters(self, name: str) -> bool:
        """Whether the boot cannot go on without it: scripts and a Pi's files are tried under many names."""
        plan, wanted = self._plan(), plain_name(name)
        return wanted == plain_name(self.bootfile) or (plan is not None and wanted in needed_names(plan))

    def _refused(self, event: TransferRefused) -> None:
        if self.done_ns is None and self._matters(event.name):
            self.trouble, self.stalled = f"{event.name}: {event.reason}", False

    def _delivered(self, event: ConfigDelivered) -> None:
        self.running = self.running or bool(self._had)
        stage = self._stage(Role.CONFIG, "http", event.t_ns)
        stage.end_ns = event.t_ns

    def _found(self, event: FindingMade) -> None:
        self.findings = [t for t in self.findings if t.finding.rule != event.rule][-(FINDINGS - 1) :]
        self.findings.append(Told(event, len(self._had)))

    def _plan(self) -> BootPlan | None:
        return self.plan_of(self.mac, self.plan)
