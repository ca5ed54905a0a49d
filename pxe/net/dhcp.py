"""The DHCP server: drives the pure decisions of `pxe.boot` with sockets, a clock and a disk.

Group commit: what waits in the sockets is decided together, all new leases go to disk in one transaction, and
only then do their ACKs leave. So a lease that a client knows of survives a power cut of the server, at the
price of one fsync for many clients. Meanwhile others are answered, and what the same client sends waits. A
disk that takes no leases costs the ACKs, not the server.
"""

import logging
import os
import select
import socket
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address

from pxe.boot.classify import classify
from pxe.boot.lease_records import Lease, Records
from pxe.boot.offer import Decision, MachineDirectory, answer, silence
from pxe.boot.proxy import answer_binl, answer_proxy
from pxe.boot.reply import BROADCAST
from pxe.boot.scope import Scope
from pxe.boot.shadow import answer_shadow
from pxe.errors import WireError
from pxe.events import Event
from pxe.net.dhcp_probe import ArpProber, PingProber
from pxe.net.dhcp_report import Reporter
from pxe.net.dhcp_socket import DhcpSockets, bind_dhcp, send_frame
from pxe.net.group_commit import GroupCommit
from pxe.net.inbox import Datagram, Inbox
from pxe.net.later import Later
from pxe.net.learned import Learned
from pxe.net.outbox import Outbox
from pxe.net.prober import Prober
from pxe.net.replies import read_replies
from pxe.settings import DhcpMode, DhcpSettings
from pxe.shadow import Shadow
from pxe.state import LeaseStore
from pxe.wire.dhcp4 import DhcpPacket, decode, encode

__all__ = ["DhcpServer", "bind_dhcp"]

_log = logging.getLogger(__name__)

_GRANTED_AT_ONCE = 64  # ACKs in one turn: see pxe.net.inbox
_PER_CLIENT = 16  # messages of one client that wait for its lease to be stored; the oldest makes room


@dataclass(frozen=True, slots=True)
class _Link:
    """One interface. `probers` ask for its own subnet and for those behind relays, where they can."""

    scope: Scope
    sockets: DhcpSockets
    probers: tuple[Prober, ...]


@dataclass(slots=True)  # not frozen: see DhcpPacket
class _Arrival:
    packet: DhcpPacket
    came: Datagram[_Link]


class DhcpServer:
    """Serves the interfaces of `settings` on the `sockets` of `bind_dhcp`, which stay the caller's to close.

    `emit` is called from the serving thread. Raises PlanError for a pool outside its subnet, ServiceError
    where the leases cannot be read.
    """

    def __init__(
        self,
        settings: Sequence[DhcpSettings],
        sockets: Sequence[DhcpSockets],
        directory: MachineDirectory,
        store: LeaseStore,
        emit: Callable[[Event], None],
        shadow: Shadow | None = None,
    ) -> None:
        self._directory = directory
        self._shadow = shadow
        self._report = Reporter(emit)
        self._inbox: Inbox[_Link] = Inbox(self._is_known, time.monotonic_ns)
        self._lock = threading.Lock()  # guards records and tables, never held over disk or network
        self._records = Records(store.load())
        self._learned = Learned()
        self._later = Later()
        # Wall time is read once: a clock that steps while we run moves no lease.
        self._epoch = time.time() - time.monotonic()
        self._links = [self._link(*pair) for pair in zip(settings, sockets, strict=True)]
        self._by_fd: dict[int, tuple[_Link, socket.socket]] = {}
        for link in self._links:
            for sock in (link.sockets.server, link.sockets.binl):
                if sock is not None:
                    self._by_fd[sock.fileno()] = (link, sock)
        self._replies = {s.replies.fileno(): s.replies for s in sockets if s.replies is not None}
        self._probers = {prober.fileno(): prober for link in self._links for prober in link.probers}
        self._emit = emit
        self._stopping = threading.Event()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK)
        self._commit: GroupCommit[tuple[Decision, _Arrival]] = GroupCommit(store.save, self._rouse)
        self._outbox: Outbox[tuple[Decision, int]] = Outbox(self._left)
        self._granted: deque[tuple[Decision, _Arrival]] = deque()  # leases are on disk, ACKs have not left
        self._behind: dict[bytes, deque[_Arrival]] = {}  # of clients whose lease is on its way to the disk
        weakref.finalize(self, os.close, self._wake)

    def _link(self, settings: DhcpSettings, sockets: DhcpSockets) -> _Link:
        # A shadow gives nothing, so what it would give is in nobody's way.
        records = Records() if settings.mode is DhcpMode.SHADOW else self._records
        scope = Scope.of(settings, self._directory.reserved_for, records)
        probers: list[Prober] = []
        if settings.probe and settings.mode is DhcpMode.SERVER:
            own = [table for subnet, table in scope.tables if subnet is settings.own]
            afar = [table for subnet, table in scope.tables if subnet is not settings.own]
            if own and sockets.frames is not None:
                probers.append(ArpProber(sockets.frames, sockets.mac, own[0]))
            if afar and sockets.ping is not None:
                probers.append(PingProber(sockets.ping, afar))
        return _Link(scope, sockets, tuple(probers))

    def serve(self) -> None:
        """Answer until `stop` is called. Raises OSError where a socket is closed meanwhile."""
        poll = select.poll()
        for fd in (*self._by_fd, *self._probers, *self._replies, self._wake):
            poll.register(fd, select.POLLIN)
        while not self._stopping.is_set():
            busy = bool(self._granted) or (self._inbox.waits() and not self._commit.full)
            for fd, _mask in poll.poll(0 if busy else self._patience()):
                self._ready(fd)
            self._stored()
            self._grant(_GRANTED_AT_ONCE)
            if not self._commit.full:
                for came in self._inbox.take():
                    self._take(came)
            self._commit.begin()
            self._due()
            self._outbox.flush()
        self._grant(len(self._granted))
        while self._commit.outstanding:
            self._commit.begin()
            self._stored(wait=True)
            self._grant(len(self._granted))
        self._outbox.flush()
        self._commit.close()

    def stop(self) -> None:
        """Make `serve` return after the batch it is at; from any thread, any number of times."""
        self._stopping.set()
        self._rouse()

    def _rouse(self) -> None:
        os.eventfd_write(self._wake, 1)

    def _ready(self, fd: int) -> None:
        """Take what waits at one of our file descriptors."""
        if fd in self._by_fd:
            self._inbox.drain(*self._by_fd[fd])
        elif fd in self._probers:
            self._hear(self._probers[fd])
        elif fd in self._replies:
            self._overhear(self._replies[fd])
        else:
            os.eventfd_read(self._wake)

    def mac_of(self, ip: IPv4Address) -> str | None:
        """The MAC of the machine that has (or was offered, or had last) the address; from any thread."""
        with self._lock:
            return self._records.owner(ip) or self._learned.mac_of(ip)

    def has_address(self, mac: str) -> bool:
        """Whether DHCP told of an address that the machine has now; from any thread."""
        with self._lock:
            lease = self._records.by_mac.get(mac)
            return (lease is not None and lease.active(self._now())) or self._learned.knows(mac)

    def leases(self) -> list[Lease]:
        """All lease records, also those that have run out; `expires` in seconds since 1970. Any thread."""
        with self._lock:
            return list(self._records.by_ip.values())

    def _is_known(self, mac: str) -> bool:
        try:
            return self._directory.machine(mac) is not None
        except Exception:  # a fault of ours: `_decide` meets it again, and tells
            return True

    def _now(self) -> float:
        return self._epoch + time.monotonic()

    def _patience(self) -> float | None:
        """Milliseconds until something is to be done though nobody asks; None: nothing is."""
        due = [
            self._later.due(),
            self._report.due(self._inbox.dropped),
            *(prober.due() for prober in self._probers.values()),
        ]
        times = [when for when in due if when is not None]
        return max(0.0, (min(times) - time.monotonic()) * 1000 + 1) if times else None

    def _due(self) -> None:
        now = time.monotonic()
        for act in self._later.take(now):
            act()
        for prober in self._probers.values():
            with self._lock:
                prober.probe(now, self._now())
        self._report.tell_skipped(self._inbox.take_dropped)

    def _hear(self, prober: Prober) -> None:
        """Take in who answers ARP; tell of those who should not."""
        with self._lock:
            found = prober.hear(self._now())
        for event in found:
            self._emit(event)

    def _overhear(self, sock: socket.socket) -> None:
        """Take in what another server answers."""
        for packet, via in read_replies(sock):
            if self._shadow is not None:
                self._shadow.theirs(packet, via)

    def _take(self, came: Datagram[_Link]) -> None:
        try:
            arrival = _Arrival(decode(came.data), came)
        except WireError as exc:
            host, port = came.sender
            self._report.malformed(f"{host}:{port}", str(exc), came.t_ns)
            return
        self._answer(arrival)

    def _answer(self, arrival: _Arrival) -> None:
        """Decide about a message, and send what it leads to or have its lease stored first."""
        behind = self._behind.get(arrival.packet.chaddr)
        if behind is not None:
            behind.append(arrival)
            return
        decision = self._decide(arrival)
        if decision.quiet:
            return
        self._report.received(decision, arrival.came.t_ns)
        if decision.lease is None:
            self._conclude(decision, arrival)
            return
        self._behind[arrival.packet.chaddr] = deque(maxlen=_PER_CLIENT)
        with self._lock:
            self._records.store(decision.lease)
        self._commit.add(decision.lease, (decision, arrival))

    def _stored(self, *, wait: bool = False) -> None:
        """Go on with what waited for leases that are on disk now; say loudly where the disk took none."""
        batch, fault = self._commit.outcome(wait=wait)
        with self._lock:
            for lease, _ in batch:
                self._records.stored(lease, ok=fault is None)
        if fault is not None:
            _log.error("%d DHCP leases not stored, so not granted: %s", len(batch), fault)
        if fault is None:
            self._granted += [item for _, item in batch]
            return
        reason = f"the lease could not be stored: {fault}"
        for _, (decision, arrival) in batch:
            self._report.ignored(decision, time.monotonic_ns(), reason, logging.ERROR)
            self._go_on(arrival)

    def _grant(self, count: int) -> None:
        """Send up to `count` of the ACKs that may leave."""
        for _ in range(min(count, len(self._granted))):
            decision, arrival = self._granted.popleft()
            self._conclude(decision, arrival)
            self._go_on(arrival)

    def _go_on(self, arrival: _Arrival) -> None:
        """Answer what the client sent while its lease was on its way."""
        for later in self._behind.pop(arrival.packet.chaddr):
            self._answer(later)

    def _decide(self, arrival: _Arrival) -> Decision:
        packet = arrival.packet
        try:
            with self._lock:
                decision = self._decision(arrival)
                if decision.learned is not None:
                    self._learned.note(decision.learned, decision.client.mac)
            return decision
        except Exception as exc:  # whatever one packet stumbles over, the rest of the rack wants to boot
            _log.exception("no answer to %s, a fault of ours: %r", packet.mac, packet)
            return silence(packet, classify(packet), f"a fault of ours, see the log: {exc}")

    def _decision(self, arrival: _Arrival) -> Decision:
        packet, scope, directory = arrival.packet, arrival.came.link.scope, self._directory
        settings, now = scope.settings, self._now()
        if settings.mode is DhcpMode.SHADOW and not self._is_taken(packet.mac):
            return self._shadowed(arrival, now)
        if arrival.came.sock is arrival.came.link.sockets.binl:
            sender = (IPv4Address(arrival.came.sender[0]), arrival.came.sender[1])
            return answer_binl(packet, sender, settings=settings, directory=directory, now=now)
        if settings.mode is not DhcpMode.SERVER:  # of a shadow's, a machine that was taken over
            return answer_proxy(packet, settings=settings, directory=directory, now=now)
        return answer(packet, scope=scope, directory=directory, now=now)

    def _is_taken(self, mac: str) -> bool:
        return self._shadow is not None and self._shadow.is_taken(mac)

    def _shadowed(self, arrival: _Arrival, now: float) -> Decision:
        """No answer leaves; what it would have been is noted."""
        packet, scope = arrival.packet, arrival.came.link.scope
        if arrival.came.sock is arrival.came.link.sockets.binl:
            return replace(silence(packet, classify(packet), "shadow: not taken over"), quiet=True)
        decision = answer_shadow(packet, scope=scope, directory=self._directory, now=now)
        if self._shadow is not None:
            self._shadow.ours(packet, decision, arrival.came.t_ns)
        return decision

    def _conclude(self, decision: Decision, arrival: _Arrival) -> None:
        """Send the reply, now or later, or say why there is none."""
        if decision.reply is None:
            if decision.reason:
                self._report.ignored(decision, time.monotonic_ns())
            return
        if decision.lease is None:
            for prober in arrival.came.link.probers:
                prober.ask(decision.reply.yiaddr)
        if decision.delay_seconds > 0.0:
            when = time.monotonic() + decision.delay_seconds
            if self._later.at(when, lambda: self._send(decision, arrival)):
                return
        self._send(decision, arrival)

    def _send(self, decision: Decision, arrival: _Arrival) -> None:
        reply, to = decision.reply, decision.destination
        assert reply is not None
        assert to is not None
        came, data = arrival.came, encode(reply)
        t_ns = time.monotonic_ns()  # before the packet is out: the client's next one must come later
        source = came.link.scope.settings.ip
        if to.mac and send_frame(came.link.sockets, came.sock, data, to, source):
            self._report.sent(decision, t_ns)
            return
        where = (BROADCAST if to.mac else to.ip, to.port)
        self._outbox.put(came.sock, source, data, where, (decision, t_ns))

    def _left(self, sent: tuple[Decision, int], fault: OSError | None) -> None:
        """Tell that a reply left, or why it did not."""
        decision, t_ns = sent
        if fault is None:
            self._report.sent(decision, t_ns)
            return
        to = decision.destination
        assert to is not None
        reason = f"the answer could not be sent to {to.ip}:{to.port}: {fault.strerror}"
        self._report.ignored(decision, t_ns, reason, logging.WARNING)
