"""pcapng blocks as bytes (draft-ietf-opsawg-pcapng): section, Ethernet interface, packets, statistics.

Why our own: scapy's writer knows no nanoseconds and no comments, takes 20 us a packet and would make scapy a
dependency of the service; the format needs these 60 lines. tshark reads them back in the tests.
"""

import struct
from typing import Final

_SECTION, _INTERFACE, _PACKET, _STATISTICS = 0x0A0D0D0A, 1, 6, 5
_BYTE_ORDER: Final = 0x1A2B3C4D
_LINKTYPE_ETHERNET: Final = 1
_COMMENT, _IF_NAME, _IF_TSRESOL = 1, 2, 9
_SHB_USERAPPL: Final = 4
_ISB_IFRECV, _ISB_IFDROP = 4, 5
_NANOSECONDS: Final = b"\x09"  # 10 to the power of -9

_block_head = struct.Struct("<II").pack
_packet_head = struct.Struct("<IIIIIII").pack
_length = struct.Struct("<I").pack
_PAD: Final = (b"", b"\0\0\0", b"\0\0", b"\0")  # by length modulo 4


def header(interface: str, comment: str, snaplen: int = 0) -> bytes:
    """Return the head of a file: a section with `comment`, and one Ethernet interface with nanoseconds."""
    about = _option(_COMMENT, comment.encode()) + _option(_SHB_USERAPPL, b"bootlab") + _option(0, b"")
    section = struct.pack("<IHHq", _BYTE_ORDER, 1, 0, -1) + about
    options = _option(_IF_NAME, interface.encode()) + _option(_IF_TSRESOL, _NANOSECONDS) + _option(0, b"")
    described = struct.pack("<HHI", _LINKTYPE_ETHERNET, 0, snaplen) + options
    return _block(_SECTION, section) + _block(_INTERFACE, described)


def packet(t_ns: int, data: bytes, length: int) -> bytes:
    """Return the block of a packet of `length` bytes, of which `data` was kept, seen at `t_ns` (nanoseconds
    since 1970, UTC)."""
    kept = len(data)
    total = 32 + kept + -kept % 4
    head = _packet_head(_PACKET, total, 0, t_ns >> 32, t_ns & 0xFFFFFFFF, kept, length)
    return b"".join((head, data, _PAD[kept & 3], _length(total)))


def statistics(t_ns: int, received: int, dropped: int) -> bytes:
    """Return the block that says how many packets passed the filter, and how many of them came too fast."""
    when = struct.pack("<III", 0, t_ns >> 32, t_ns & 0xFFFFFFFF)
    counts = _option(_ISB_IFRECV, struct.pack("<Q", received))
    counts += _option(_ISB_IFDROP, struct.pack("<Q", dropped)) + _option(0, b"")
    return _block(_STATISTICS, when + counts)


def _block(kind: int, body: bytes) -> bytes:
    total = 12 + len(body)  # bodies here are multiples of 4 bytes long
    return _block_head(kind, total) + body + _length(total)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + value + _PAD[len(value) & 3]
