"""The DHCP server: drives the pure decision of `pxe.boot.offer` with a socket, a clock and a disk.

Group commit: what waits in the socket is decided together, all new leases go to disk in one transaction, and
only then do their ACKs leave. So a lease that a client knows of survives a power cut of the server, at the
price of one fsync for up to BATCH clients. A disk that takes no leases costs the ACKs, not the server.
"""

import logging
import os
import select
import socket
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from pxe.boot.leases import Lease, LeaseTable, Pool
from pxe.boot.offer import Decision, MachineDirectory, answer
from pxe.errors import ServiceError, WireError
from pxe.events import DhcpIgnored, Event, PacketMalformed
from pxe.net.dhcp_socket import DhcpSockets, bind_dhcp, receive, send
from pxe.settings import DhcpSettings
from pxe.state import LeaseStore
from pxe.wire.dhcp4 import DhcpPacket, decode, encode

__all__ = ["BATCH", "DhcpServer", "bind_dhcp"]

BATCH: Final = 64  # datagrams decided together at most
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Arrival:
    packet: DhcpPacket
    t_ns: int


class DhcpServer:
    """Serves one subnet on a socket of `bind_dhcp`, which stays the caller's to close.

    `emit` is called from the serving thread. Raises PlanError for a pool outside the subnet, ServiceError
    where the leases cannot be read.
    """

    def __init__(
        self,
        settings: Sequence[DhcpSettings],
        sockets: Sequence[DhcpSockets],
        directory: MachineDirectory,
        store: LeaseStore,
        emit: Callable[[Event], None],
    ) -> None:
        self._settings = settings[0]
        self._sock = sockets[0].server
        self._directory = directory
        self._store = store
        self._emit = emit
        self._lock = threading.Lock()  # guards the table, never held over disk or network
        self._table = LeaseTable(_pool(settings[0]), directory.reserved_for, store.load())
        # Wall time is read once: a clock that steps while we run moves no lease.
        self._epoch = time.time() - time.monotonic()
        self._stopping = threading.Event()
        self._wake = os.eventfd(0)
        weakref.finalize(self, os.close, self._wake)

    def serve(self) -> None:
        """Answer until `stop` is called. Raises OSError where the socket is closed meanwhile."""
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        while not self._stopping.is_set():
            poll.poll()
            for group in _one_per_client(self._drain()):
                self._answer(group)

    def stop(self) -> None:
        """Make `serve` return after the batch it is at; from any thread, any number of times."""
        self._stopping.set()
        os.eventfd_write(self._wake, 1)

    def mac_of(self, ip: IPv4Address) -> str | None:
        """The MAC of the machine that has (or was offered, or had last) the address; from any thread."""
        with self._lock:
            return self._table.owner(ip)

    def leases(self) -> list[Lease]:
        """All lease records, also those that have run out; `expires` in seconds since 1970. Any thread."""
        with self._lock:
            return self._table.leases()

    def _drain(self) -> list[_Arrival]:
        """Take what waits in the socket, up to BATCH datagrams, and decode it."""
        arrivals: list[_Arrival] = []
        for _ in range(BATCH):
            datagram = receive(self._sock)
            if datagram is None:
                break
            t_ns = time.monotonic_ns()
            data, peer = datagram
            try:
                arrivals.append(_Arrival(decode(data), t_ns))
            except WireError as exc:
                _log.warning("malformed DHCP message from %s: %s", peer, exc)
                self._emit(PacketMalformed(t_ns=t_ns, protocol="dhcp", peer=peer, reason=str(exc)))
        return arrivals

    def _answer(self, group: Iterable[_Arrival]) -> None:
        """Decide about messages of different clients; store the new leases; send."""
        waiting: list[Decision] = []
        for arrival in group:
            decision = self._decide(arrival)
            if decision is None:
                continue
            self._emit(decision.received(arrival.t_ns))
            if decision.lease is not None:
                waiting.append(decision)
            else:
                self._conclude(decision)
        if self._commit(waiting):
            for decision in waiting:
                self._conclude(decision)

    def _decide(self, arrival: _Arrival) -> Decision | None:
        packet = arrival.packet
        try:
            with self._lock:
                return answer(
                    packet,
                    settings=self._settings,
                    directory=self._directory,
                    leases=self._table,
                    now=self._epoch + time.monotonic(),
                )
        except Exception as exc:  # whatever one packet stumbles over, the rest of the rack wants to boot
            _log.exception("no answer to %s, a fault of ours: %r", packet.mac, packet)
            reason = f"a fault of ours, see the log: {exc}"
            kind = packet.message_type
            self._emit(
                DhcpIgnored(
                    t_ns=time.monotonic_ns(),
                    mac=packet.mac,
                    message=kind.name if kind else "BOOTP",
                    xid=packet.xid,
                    reason=reason,
                )
            )
            return None

    def _commit(self, decisions: list[Decision]) -> bool:
        """Bring the leases to disk, then into the table; say loudly where the disk takes none."""
        leases = [decision.lease for decision in decisions if decision.lease is not None]
        try:
            self._store.save(leases)
        except ServiceError as exc:
            _log.error("%d DHCP leases not stored, so not granted: %s", len(leases), exc)
            for decision in decisions:
                reason = f"the lease could not be stored: {exc}"
                self._emit(decision.ignored(time.monotonic_ns(), reason))
            return False
        with self._lock:
            for lease in leases:
                self._table.apply(lease)
        return True

    def _conclude(self, decision: Decision) -> None:
        """Send the reply, or say why there is none."""
        client, reply, to = decision.client, decision.reply, decision.destination
        if reply is None or to is None:
            if decision.reason:
                _log.info("%s from %s ignored: %s", decision.message, client.mac, decision.reason)
                self._emit(decision.ignored(time.monotonic_ns()))
            return
        t_ns = time.monotonic_ns()  # before the packet is out: the client's next one must come later
        try:
            send(self._sock, encode(reply), to, self._settings.address.ip)
        except OSError as exc:
            reason = f"the answer could not be sent to {to.ip}:{to.port}: {exc.strerror}"
            _log.warning("%s from %s: %s", decision.message, client.mac, reason)
            self._emit(decision.ignored(t_ns, reason))
            return
        sent = decision.sent(t_ns)
        _log.info(
            "%s %s to %s (%s), file %r", sent.message, sent.ip, client.mac, client.firmware, sent.bootfile
        )
        self._emit(sent)


def _pool(settings: DhcpSettings) -> Pool:
    own = settings.own
    assert own is not None
    fixed = {*own.dns} | ({own.router} if own.router else set())
    return Pool(
        subnet=settings.address,
        first=own.ranges[0].first,
        last=own.ranges[0].last,
        excluded=frozenset(fixed),
        lease_seconds=own.lease_seconds,
    )


def _one_per_client(arrivals: Iterable[_Arrival]) -> Iterator[list[_Arrival]]:
    """Cut the batch where a client comes a second time: its first message must be on disk by then."""
    group: dict[bytes, _Arrival] = {}
    for arrival in arrivals:
        if arrival.packet.chaddr in group:
            yield list(group.values())
            group = {}
        group[arrival.packet.chaddr] = arrival
    if group:
        yield list(group.values())
