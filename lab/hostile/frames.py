"""Ethernet frames whose IP and UDP headers lie about a datagram that is fine itself. Pure."""

import random
from collections.abc import Callable

_IP, _UDP = 14, 34  # where the headers begin


def _udp_length(frame: bytes, rng: random.Random) -> bytes:
    true = int.from_bytes(frame[_UDP + 4 : _UDP + 6])
    lie = rng.choice((0, 1, 7, 8, 9, true - 1, true + 1, true + 400, 65535)) & 0xFFFF
    return frame[: _UDP + 4] + lie.to_bytes(2) + b"\0\0" + frame[_UDP + 8 :]  # checksum 0: none


def _ip_length(frame: bytes, rng: random.Random) -> bytes:
    true = int.from_bytes(frame[_IP + 2 : _IP + 4])
    return _with_ip(
        frame, 2, (rng.choice((0, 19, 20, 27, 28, true - 1, true + 500, 65535)) & 0xFFFF).to_bytes(2)
    )


def _ip_header_length(frame: bytes, rng: random.Random) -> bytes:
    return _with_ip(frame, 0, bytes((0x40 | rng.choice((0, 1, 4, 6, 15)),)))


def _fragment(frame: bytes, rng: random.Random) -> bytes:
    """A fragment that never gets its others, or one that claims to lie at the very end of 64 KiB."""
    return _with_ip(frame, 6, rng.choice((0x2000, 0x2001, 0x1FFF, 0x3FFF, 0x2B00)).to_bytes(2))


def _cut(frame: bytes, rng: random.Random) -> bytes:
    return frame[: rng.choice((14, 20, 33, 34, 41, 42, 43, 60, rng.randrange(14, len(frame))))]


def _with_ip(frame: bytes, at: int, value: bytes) -> bytes:
    """The frame with bytes of its IP header replaced, and that header's checksum made right again."""
    header = bytearray(frame[_IP:_UDP])
    header[at : at + len(value)] = value
    header[10:12] = b"\0\0"
    total = sum(int.from_bytes(header[i : i + 2]) for i in range(0, 20, 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    header[10:12] = (0xFFFF - total).to_bytes(2)
    return frame[:_IP] + bytes(header) + frame[_UDP:]


FRAMES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "frame-cut": _cut,
    "ip-fragment": _fragment,
    "ip-header-length": _ip_header_length,
    "ip-length": _ip_length,
    "udp-length": _udp_length,
}
