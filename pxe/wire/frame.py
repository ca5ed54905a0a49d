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


@dataclass(frozen=True, slots=True)
class Datagram:
    """A UDP datagram as it went by on the wire; `mac` is the frame's sender."""

    mac: str
    source: tuple[IPv4Address, int]
    to: tuple[IPv4Address, int]
    data: bytes


def decode_udp(frame: bytes) -> Datagram:
    """Return the datagram in an Ethernet frame. Raises WireError, and nothing else, for all that is none:
    another protocol, a fragment, a frame that was cut. Checksums are not looked at: a card that computes them
    leaves them wrong in what its own host sends."""
    if len(frame) < _ETHERNET.size + _IPV4.size or frame[12:14] != b"\x08\x00":
        raise WireError(f"{len(frame)} bytes that are no IPv4 frame")
    version, _tos, total, _id, fragment, _ttl, protocol, _sum, source, to = _IPV4.unpack_from(
        frame, _ETHERNET.size
    )
    header = 4 * (version & 0xF)
    start = _ETHERNET.size + header
    packet_end = _ETHERNET.size + total
    if version >> 4 != 4 or header < _IPV4.size or protocol != _UDP_PROTOCOL or fragment & 0x3FFF:
        raise WireError("an IPv4 packet that is no whole UDP datagram")
    if packet_end > len(frame) or start + _UDP.size > packet_end:
        raise WireError("a UDP datagram that is cut")
    from_port, to_port, size, _sum = _UDP.unpack_from(frame, start)
    if size < _UDP.size or start + size > packet_end:
        raise WireError("a UDP datagram with a wrong length")
    return Datagram(
        frame[6:12].hex(":"),
        (IPv4Address(source), from_port),
        (IPv4Address(to), to_port),
        bytes(frame[start + _UDP.size : start + size]),
    )


def udp_frame(
    data: bytes, *, source: tuple[bytes, IPv4Address, int], to: tuple[bytes, IPv4Address, int]
) -> bytes:
    """Return `data` as a UDP datagram in an IPv4 packet in a frame; both ends as (MAC, address, port)."""
    from_ip, to_ip = source[1].packed, to[1].packed
    size = _UDP.size + len(data)
    pseudo = _PSEUDO.pack(from_ip, to_ip, 0, _UDP_PROTOCOL, size)
    udp = _UDP.pack(source[2], to[2], size, 0)
    udp = _UDP.pack(source[2], to[2], size, checksum(pseudo + udp + data) or 0xFFFF)
    ip = _IPV4.pack(0x45, 0, _IPV4.size + size, 0, 0, _TTL, _UDP_PROTOCOL, 0, from_ip, to_ip)
    ip = ip[:10] + checksum(ip).to_bytes(2) + ip[12:]
    return (_ETHERNET.pack(to[0], source[0], 0x0800) + ip + udp + data).ljust(_SHORTEST, b"\0")


def checksum(data: bytes) -> int:
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
