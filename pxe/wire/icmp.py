"""ICMP echo (RFC 792): bytes <-> question and answer. No sockets."""

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address

from pxe.errors import WireError
from pxe.wire.frame import checksum

_ECHO_REPLY, _ECHO_REQUEST = 0, 8
_HEADER = struct.Struct("!BBHHH")
_IPV4_HEADER = 20


@dataclass(frozen=True, slots=True)
class EchoReply:
    """Who answered, and what was to be sent back."""

    source: IPv4Address
    ident: int
    data: bytes


def echo_request(ident: int, data: bytes) -> bytes:
    """Return the message; `ident` and `data` come back in the answer."""
    message = _HEADER.pack(_ECHO_REQUEST, 0, 0, ident, 0) + data
    return message[:2] + checksum(message).to_bytes(2) + message[4:]


def decode_echo_reply(packet: bytes) -> EchoReply:
    """Return the answer in an IPv4 packet, as a raw socket gives it. Raises WireError, and nothing else."""
    if len(packet) < _IPV4_HEADER or packet[0] >> 4 != 4:
        raise WireError(f"{len(packet)} bytes that are no IPv4 packet")
    start = 4 * (packet[0] & 0xF)
    message = packet[start:]
    if start < _IPV4_HEADER or len(message) < _HEADER.size or message[0] != _ECHO_REPLY:
        raise WireError("no ICMP echo reply")
    _type, _code, _sum, ident, _number = _HEADER.unpack_from(message)
    return EchoReply(IPv4Address(packet[12:16]), ident, bytes(message[_HEADER.size :]))
