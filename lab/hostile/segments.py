"""TCP segments of connections that do not exist: what a firmware must pass over. Pure.

U-Boot 2025.01 resets when one comes while it waits for something else: nothing has set the handlers that its
stack then calls.
"""

import random
import struct
from ipaddress import IPv4Address

from pxe.wire.frame import checksum

_TCP = struct.Struct("!HHIIBBHHH")
_IPV4 = struct.Struct("!BBHHHBBH4s4s")
_FLAGS = (0x02, 0x04, 0x10, 0x11, 0x12, 0x18, 0x29, 0x00, 0xFF)


def stray(
    rng: random.Random, source: tuple[bytes, IPv4Address], to: tuple[bytes, IPv4Address], *, port: int = 80
) -> bytes:
    """Return a frame with a well-formed segment from `port`, its flags and numbers at random."""
    payload = rng.randbytes(rng.choice((0, 1, 100, 1400)))
    numbers = (rng.randrange(1024, 65536), rng.getrandbits(32), rng.getrandbits(32))
    head = _TCP.pack(port, *numbers, 5 << 4, rng.choice(_FLAGS), rng.choice((0, 64, 65535)), 0, 0)
    addresses = source[1].packed + to[1].packed
    pseudo = addresses + struct.pack("!BBH", 0, 6, len(head) + len(payload))
    head = head[:16] + checksum(pseudo + head + payload).to_bytes(2) + head[18:]
    ip = _IPV4.pack(0x45, 0, 20 + len(head) + len(payload), 0, 0, 64, 6, 0, source[1].packed, to[1].packed)
    ip = ip[:10] + checksum(ip).to_bytes(2) + ip[12:]
    return to[0] + source[0] + b"\x08\x00" + ip + head + payload
