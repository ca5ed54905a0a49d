"""Findings while the service runs: follows the events, and says of machines that got stuck why they did.

A machine is looked at once something went wrong for it and it then did nothing for QUIET_SECONDS, or went on
in circles for PATIENCE_SECONDS: a U-Boot that asks for fourteen names boots with the last of them. One whose
log says that it is lost is looked at after DYING_SECONDS: its next boot may begin soon. All of this is in one
thread of its own; the packet loops never wait for it.
"""

import logging
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from pxe.budget import Budget
from pxe.eventlog import EventLog
from pxe.events import (
    AddressConflict,
    DhcpIgnored,
    DhcpReceived,
    DhcpSent,
    Event,
    FindingMade,
    LogTrouble,
    OtherServer,
    TransferEnded,
    TransferRefused,
)
from pxe.explain import Finding, explain
from pxe.explain.evidence import Arp, Network
from pxe.explain.told import evidence_of

_log = logging.getLogger(__name__)

OURS: Final = "this service"
QUIET_SECONDS: Final = 5.0
PATIENCE_SECONDS: Final = 30.0
DYING_SECONDS: Final = 1.0  # from an oops to the panic that follows it
AGAIN_SECONDS: Final = 600.0  # the same sentence of the same boot; of a later boot, in the log
A_SECOND: Final = 20  # findings: a rack that fails for one reason shall not drown the log
_EVENTS: Final = 200  # kept of a machine: some three boots
_MACHINES: Final = 2000
_SAID: Final = 15  # findings of a machine that are remembered
_LOSSY: Final = 20  # blocks that were sent again: worth a look, also of a boot that went well
_DISCOVERS: Final = 3  # a machine that asks so often within a boot is stuck


@dataclass
class _Watched:
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=_EVENTS))
    suspect_ns: int = 0  # since when; 0: all is well
    lost_ns: int = 0  # since when its log says so; 0: it does not
    last_ns: int = 0
    discovers: int = 0
    said: dict[str, tuple[int, str]] = field(default_factory=dict)  # sentence -> when, of which boot
    told: set[tuple[str, int]] = field(default_factory=set)  # rule and time of what was said


@dataclass(frozen=True, slots=True)
class Begun:
    """A boot: its id, and when it began."""

    ident: str = ""
    t_ns: int = 0


class Findings:
    """Follows one log, in one thread: `follow`."""

    def __init__(
        self,
        log: EventLog,
        about: Callable[[str], Network | None] = lambda mac: Network(ours=OURS),
        boot_of: Callable[[str], Begun] = lambda mac: Begun(),
        quiet: float = QUIET_SECONDS,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        """`about` says what the service knows of a machine, by MAC, and None where it is no business of ours;
        `boot_of` names its newest boot; `quiet` and `patience` are in seconds."""
        self._events, self._about, self._boot_of = log, about, boot_of
        self._quiet_ns, self._patience_ns = int(quiet * 1e9), int(patience * 1e9)
        self._machines: OrderedDict[str, _Watched] = OrderedDict()
        self._conflicts: deque[Arp] = deque(maxlen=50)
        self._budget = Budget(A_SECOND, A_SECOND, 0.0)

    def follow(self) -> None:
        """Take in events until the log is closed."""
        seq = 0
        while True:
            closed = self._events.closed
            page = self._events.since(seq, min(1.0, self._quiet_ns / 1e9))
            if page:
                seq = page[-1][0]
                self.take(page)
            elif closed:
                return
            self.look(time.monotonic_ns())
            self._events.wait_closed(0.05)  # in pages: a wake-up for each event costs its sender more

    def take(self, page: Sequence[tuple[int, Event]]) -> None:
        """Remember what happened to each machine."""
        for _, event in page:
            if isinstance(event, AddressConflict) and event.mac is not None:
                self._conflicts.append(Arp(t_ns=event.t_ns, mac=event.mac, ip=event.ip))
            elif event.mac is not None and not isinstance(event, FindingMade):
                self._remember(event.mac, event)

    def look(self, now_ns: int) -> None:
        """Explain the machines that are stuck at `now_ns`."""
        for mac, watched in self._machines.items():
            if not watched.suspect_ns:
                continue
            waited = now_ns - watched.suspect_ns
            dead = watched.lost_ns and now_ns - watched.lost_ns >= DYING_SECONDS * 1e9
            if dead or now_ns - watched.last_ns >= self._quiet_ns or waited >= self._patience_ns:
                watched.suspect_ns = watched.lost_ns = 0
                self._explain(mac, watched, now_ns)

    def _remember(self, mac: str, event: Event) -> None:
        watched = self._machines.get(mac)
        if watched is None:
            watched = self._machines[mac] = _Watched()
            if len(self._machines) > _MACHINES:
                self._machines.popitem(last=False)
        watched.events.append(event)
        watched.last_ns = event.t_ns
        if _gets_on(event):
            watched.discovers = 0
        elif isinstance(event, DhcpReceived) and event.message == "DISCOVER":
            watched.discovers += 1
        if isinstance(event, LogTrouble) and event.fatal:
            watched.lost_ns = watched.lost_ns or event.t_ns
        if not watched.suspect_ns and (_went_wrong(event) or watched.discovers >= _DISCOVERS):
            watched.suspect_ns = event.t_ns

    def _explain(self, mac: str, watched: _Watched, now_ns: int) -> None:
        network = self._about(mac)
        if network is None:
            return
        evidence = evidence_of(mac, watched.events, conflicts=self._conflicts, network=network)
        for finding in explain(evidence)[:2]:
            self._say(finding, watched, now_ns)

    def _say(self, finding: Finding, watched: _Watched, now_ns: int) -> None:
        boot, same = self._boot_of(finding.mac), (finding.rule, finding.t_ns)
        when, of = watched.said.get(finding.sentence, (0, ""))
        again = bool(when) and now_ns - when < AGAIN_SECONDS * 1e9
        if same in watched.told or (again and (of == boot.ident or finding.t_ns < boot.t_ns)):
            return
        if not self._budget.spend(now_ns / 1e9):
            watched.suspect_ns = now_ns  # later
            return
        if len(watched.told) >= _SAID:
            watched.said.clear()
            watched.told.clear()
        watched.said[finding.sentence] = now_ns, boot.ident
        watched.told.add(same)
        self._events.append(finding.event(now_ns, again=again))


def _gets_on(event: Event) -> bool:
    return isinstance(event, TransferEnded) and event.outcome in ("complete", "unacknowledged")


def _went_wrong(event: Event) -> bool:
    match event:
        case DhcpIgnored():
            return not event.elsewhere
        case TransferEnded():
            given_up = event.outcome == "aborted" and event.repeated and 0 < event.sent < event.size
            return event.outcome in ("stalled", "error") or given_up or event.repeated >= _LOSSY
        case DhcpSent():
            return event.message == "NAK"
        case DhcpReceived():
            return event.message == "DECLINE"
        case LogTrouble():
            return event.fatal
        case TransferRefused() | OtherServer():
            return True
    return False
