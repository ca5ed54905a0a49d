"""DHCP as the Pi's firmware speaks it, in raw Ethernet frames: it has no address yet.

An OFFER counts only where it says "Raspberry Pi Boot" in option 43 (Pi 4 and 5: or names a TFTP server in
option 66). Address and boot server may come from two servers: the second is then a proxyDHCP.
"""

import select
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from lab.testing.raspberry_pi.models import VENDOR_CLASS, Model

_COOKIE: Final = b"\x63\x82\x53\x63"
_ETH_P_IP: Final = 0x0800
_DISCOVER, _OFFER, _REQUEST, _ACK, _NAK = 1, 2, 3, 5, 6
_WANTED: Final = bytes((1, 3, 43, 60, 66, 67, 128, 129, 130, 131, 132, 133, 134, 135))
PROMPT: Final = b"Raspberry Pi Boot"


class BootFailed(Exception):
    """The Pi would stop here, or start over; the message says at what."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A server's message; `sender` is the address that its IP header names."""

    kind: int
    sender: IPv4Address
    address: IPv4Address
    next_server: IPv4Address
    options: dict[int, bytes]

    @property
    def is_for_a_pi(self) -> bool:
        """Whether option 43 holds the menu entry that the boot ROM looks for."""
        menu = dict(_items(self.options.get(43, b""))).get(9, b"")
        return PROMPT in menu

    @property
    def named_server(self) -> IPv4Address | None:
        """Option 66, where it is an address."""
        try:
            return IPv4Address(self.options.get(66, b"").rstrip(b"\0").decode("ascii"))
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Bound:
    """What DHCP ended with."""

    address: IPv4Address
    prefix: int
    server: IPv4Address  # of TFTP
    offers: tuple[Reply, ...]


class DhcpClient:
    """One attempt. `scale` multiplies all times."""

    def __init__(
        self, model: Model, interface: str, serial: int, xid: int, scale: float, clock: float | None = None
    ) -> None:
        self._model, self._serial, self._scale = model, serial, scale
        self._xid = model.fixed_xid if model.fixed_xid is not None else xid
        self._sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_IP))
        self._sock.bind((interface, _ETH_P_IP))
        self._mac: bytes = self._sock.getsockname()[4]
        self._start = time.monotonic() if clock is None else clock

    def run(self) -> Bound:
        """Return address and server. Raises BootFailed where no usable answer comes in time."""
        with self._sock:
            offers = self._discover()
            lease, boot = pick(offers, self._model)
            assert lease is not None
            assert boot is not None
            if self._model.requests:
                lease = self._request(lease)
            mask = int.from_bytes(lease.options.get(1, b"\xff\xff\xff\0"))
            return Bound(lease.address, mask.bit_count(), server_of(boot, self._model), tuple(offers))

    def _discover(self) -> list[Reply]:
        deadline = self._start + self._model.discover_timeout * self._scale
        offers: list[Reply] = []
        while time.monotonic() < deadline:
            self._send(_DISCOVER, {})
            until = time.monotonic() + self._model.discover_interval * self._scale
            for reply in self._replies(until):
                if reply.kind == _OFFER:
                    offers.append(reply)
                    if None not in pick(offers, self._model):
                        return offers
        raise BootFailed(f"DHCP: of {len(offers)} offers none is for a Raspberry Pi")

    def _request(self, offer: Reply) -> Reply:
        extra = {50: offer.address.packed, 54: offer.options.get(54, offer.sender.packed)}
        for _ in range(4):
            self._send(_REQUEST, extra)
            for reply in self._replies(time.monotonic() + self._model.discover_interval * self._scale):
                if reply.kind == _ACK and reply.address == offer.address:
                    return reply
                if reply.kind == _NAK:
                    raise BootFailed("DHCP: NAK")
        raise BootFailed("DHCP: no ACK")

    def _send(self, kind: int, extra: dict[int, bytes]) -> None:
        options = {53: bytes((kind,)), **said(self._model, self._mac, self._serial, kind), **extra}
        body = b"".join(bytes((code, len(value))) + value for code, value in options.items())
        head = struct.pack("!BBBBIHH16x16s192x", 1, 1, 6, 0, self._xid, 0, 0, self._mac)
        self._sock.send(_frame(self._mac, (head + _COOKIE + body + b"\xff").ljust(300, b"\0")))

    def _replies(self, until: float) -> Iterator[Reply]:
        while (left := until - time.monotonic()) > 0:
            if select.select([self._sock], [], [], left)[0]:
                reply = _parse(self._sock.recv(2048), self._xid, self._mac)
                if reply is not None:
                    yield reply


def said(model: Model, mac: bytes, serial: int, kind: int) -> dict[int, bytes]:
    """What a Pi says of itself in a message of that kind, in its order."""
    options = {55: _WANTED, 93: b"\0\0", 94: b"\x01\x02\x01", 97: model.client_uuid(mac, serial)}
    if kind == _DISCOVER or model.request_has_vendor_class:
        options[60] = VENDOR_CLASS
    return options


def pick(offers: list[Reply], model: Model) -> tuple[Reply | None, Reply | None]:
    """The offer that gives the address and the one that says where to boot from, None for what is missing."""
    lease = next((o for o in offers if int(o.address)), None)
    boot = next((o for o in offers if o.is_for_a_pi), None)
    if boot is None and model.requests:  # the EEPROM is content with option 66
        boot = next((o for o in offers if o.named_server is not None), None)
    return lease, boot


def server_of(boot: Reply, model: Model) -> IPv4Address:
    """The TFTP server that an offer stands for."""
    if not model.requests:
        return boot.sender  # the Pi 3 ignores siaddr and option 66
    if not int(boot.address):
        return boot.sender  # a proxyDHCP serves itself
    return boot.named_server or (boot.next_server if int(boot.next_server) else boot.sender)


def _items(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 1 < len(data) and data[at] != 0xFF:
        if data[at] == 0:
            at += 1
            continue
        yield data[at], data[at + 2 : at + 2 + data[at + 1]]
        at += 2 + data[at + 1]


def _parse(frame: bytes, xid: int, mac: bytes) -> Reply | None:
    """Return the DHCP reply to us in an Ethernet frame, None where it holds none."""
    if len(frame) < 14 + 20 + 8 + 240 or frame[14] >> 4 != 4 or frame[23] != socket.IPPROTO_UDP:
        return None
    at = 14 + (frame[14] & 15) * 4
    source, target = struct.unpack_from("!HH", frame, at)
    bootp = frame[at + 8 :]
    if (source, target) not in ((67, 68), (4011, 68)) or bootp[0] != 2:
        return None
    if struct.unpack_from("!I", bootp, 4)[0] != xid or bootp[28:34] != mac or bootp[236:240] != _COOKIE:
        return None
    options = dict(_items(bootp[240:]))
    kind = options.get(53, b"\0")[0]
    sender, address, next_server = (IPv4Address(b) for b in (frame[26:30], bootp[16:20], bootp[20:24]))
    return Reply(kind, sender, address, next_server, options)


def _frame(mac: bytes, payload: bytes) -> bytes:
    """Return an Ethernet frame with a UDP broadcast from 0.0.0.0:68 to port 67."""
    udp = struct.pack("!HHHH", 68, 67, 8 + len(payload), 0) + payload  # checksum 0: none
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, b"\0" * 4, b"\xff" * 4)
    words = struct.unpack("!10H", ip)
    total = sum(words)
    total = (total & 0xFFFF) + (total >> 16)
    ip = ip[:10] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + ip[12:]
    return b"\xff" * 6 + mac + struct.pack("!H", _ETH_P_IP) + ip + udp
