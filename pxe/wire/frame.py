"""Ethernet frames that no UDP socket makes: a datagram to a client that has no address yet, and ARP.

The client's address is in the reply itself, so nobody could answer ARP for it: RFC 2131 section 4.1 has the
server send the frame straight to `chaddr`.
"""

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address

from pxe.errors import WireError

BROADCAST_MAC = b"\xff" * 6
ETHERTYPE_ARP = 0x0806

_ETHERNET = struct.Struct("!6s6sH")
_IPV4 = struct.Struct("!BBHHHBBH4s4s")
_PSEUDO = struct.Struct("!4s4sBBH")
_UDP = struct.Struct("!HHHH")
_ARP = struct.Struct("!HHBBH6s4s6s4s")
_ARP_REQUEST = 1
_UDP_PROTOCOL = 17
_TTL = 64
_SHORTEST = 60  # bytes of a frame without its checksum; some drivers send what they are given, padded or not


@dataclass(frozen=True, slots=True)
class Arp:
    """Who says that it has which address."""

    mac: str
    ip: IPv4Address


def udp_frame(
    data: bytes, *, source: tuple[bytes, IPv4Address, int], to: tuple[bytes, IPv4Address, int]
) -> bytes:
    """Return `data` as a UDP datagram in an IPv4 packet in a frame; both ends as (MAC, address, port)."""
    from_ip, to_ip = source[1].packed, to[1].packed
    size = _UDP.size + len(data)
    pseudo = _PSEUDO.pack(from_ip, to_ip, 0, _UDP_PROTOCOL, size)
    udp = _UDP.pack(source[2], to[2], size, 0)
    udp = _UDP.pack(source[2], to[2], size, _checksum(pseudo + udp + data) or 0xFFFF)
    ip = _IPV4.pack(0x45, 0, _IPV4.size + size, 0, 0, _TTL, _UDP_PROTOCOL, 0, from_ip, to_ip)
    ip = ip[:10] + _checksum(ip).to_bytes(2) + ip[12:]
    return (_ETHERNET.pack(to[0], source[0], 0x0800) + ip + udp + data).ljust(_SHORTEST, b"\0")


def _checksum(data: bytes) -> int:
    """RFC 1071's: the ones' complement of the sum of 16-bit words, which is the number modulo 65535."""
    if len(data) % 2:
        data += b"\0"
    total = int.from_bytes(data)
    return 0xFFFF - (total % 0xFFFF or (0xFFFF if total else 0))


def arp_probe(mac: bytes, ip: IPv4Address) -> bytes:
    """Return the frame that asks who has `ip`, naming no address of ours: it enters nobody's ARP table
    (RFC 5227 section 2.1.1)."""
    arp = _ARP.pack(1, 0x0800, 6, 4, _ARP_REQUEST, mac, b"\0" * 4, b"\0" * 6, ip.packed)
    return (_ETHERNET.pack(BROADCAST_MAC, mac, ETHERTYPE_ARP) + arp).ljust(_SHORTEST, b"\0")


def decode_arp(frame: bytes) -> Arp:
    """Return what the sender of an ARP frame says of itself. Raises WireError, and nothing else."""
    if len(frame) < _ETHERNET.size + _ARP.size or frame[12:14] != ETHERTYPE_ARP.to_bytes(2):
        raise WireError(f"{len(frame)} bytes that are no ARP frame")
    hardware, protocol, hlen, plen, _op, mac, ip, _mac, _ip = _ARP.unpack_from(frame, _ETHERNET.size)
    if (hardware, protocol, hlen, plen) != (1, 0x0800, 6, 4):
        raise WireError("ARP of another network than Ethernet and IPv4")
    return Arp(mac.hex(":"), IPv4Address(ip))
