"""Who uses an address of ours without having it from us: asked by ARP on our own links, by ping elsewhere."""

import logging
import secrets
import socket
import struct
import time
from collections.abc import Sequence
from ipaddress import IPv4Address
from typing import Final

from pxe.boot.leases import LeaseState, LeaseTable
from pxe.errors import WireError
from pxe.events import AddressConflict
from pxe.net.prober import Prober
from pxe.wire.frame import arp_probe, decode_arp
from pxe.wire.icmp import decode_echo_reply, echo_request

_log = logging.getLogger(__name__)

_SOL_RAW: Final = 255
_ICMP_FILTER: Final = 1  # linux/icmp.h
_ALL_BUT_ECHO_REPLY: Final = struct.pack("=I", 0xFFFFFFFE)  # a set bit blocks that type


class ArpProber(Prober):
    """Asks for one interface's own subnet. Other hosts' ARP that is heard counts as well."""

    def __init__(self, sock: socket.socket, mac: bytes, table: LeaseTable) -> None:
        super().__init__(sock, [table])
        self._mac = mac

    def _ask(self, ip: IPv4Address) -> None:
        self._sock.send(arp_probe(self._mac, ip))

    def _conflict(self, answer: bytes, now: float) -> AddressConflict | None:
        try:
            arp = decode_arp(answer)
        except WireError:
            return None
        own = arp.mac == self._mac.hex(":") or any(t.is_reserved_for(arp.ip, arp.mac) for t in self._tables)
        if own or not self._may_give(arp.ip):
            return None
        if not self._records.note_conflict(arp.ip, arp.mac, now):
            return None
        return AddressConflict(t_ns=time.monotonic_ns(), mac=arp.mac, ip=str(arp.ip))


class PingProber(Prober):
    """Asks for the subnets behind relays, by ICMP echo (RFC 2131 section 3.1), where ARP does not reach.

    An answer does not say which machine it is from. So nothing is asked of an address that is reserved, or
    that the machine which had it last may still be using; and no answer counts once the address is leased.
    """

    def __init__(self, sock: socket.socket, tables: Sequence[LeaseTable]) -> None:
        super().__init__(sock, tables)
        self._ident = secrets.randbelow(1 << 16)
        self._secret = secrets.token_bytes(8)  # who was not asked cannot answer

    def _ask(self, ip: IPv4Address) -> None:
        lease, held = self._records.by_ip.get(int(ip)), self._records.held.get(int(ip))
        may_use_it = lease is not None and lease.state is LeaseState.BOUND and held in (None, lease.mac)
        if not may_use_it and any([table.is_anybodys(ip) for table in self._tables]):
            self._sock.sendto(echo_request(self._ident, self._secret + ip.packed), (str(ip), 0))

    def _conflict(self, answer: bytes, now: float) -> AddressConflict | None:
        try:
            reply = decode_echo_reply(answer)
        except WireError:
            return None
        ip, records = reply.source, self._records
        if (reply.ident, reply.data) != (self._ident, self._secret + ip.packed) or not self._may_give(ip):
            return None
        lease = records.by_ip.get(int(ip))
        if int(ip) in records.storing or (lease is not None and lease.active(now)):
            return None
        if not records.note_conflict(ip, "", now):
            return None
        return AddressConflict(t_ns=time.monotonic_ns(), ip=str(ip))


def open_ping(ours: IPv4Address) -> socket.socket | None:
    """Return a socket for PingProber; None, with a line in the log, where the kernel gives us none."""
    try:
        sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    except OSError as exc:
        _log.info("no raw socket (%s): pools behind relays are not probed by ping", exc.strerror)
        return None
    try:
        sock.setblocking(False)
        sock.setsockopt(_SOL_RAW, _ICMP_FILTER, _ALL_BUT_ECHO_REPLY)
        sock.bind((str(ours), 0))
    except OSError as exc:
        sock.close()
        _log.info("%s: pools behind relays are not probed by ping (%s)", ours, exc.strerror)
        return None
    return sock
