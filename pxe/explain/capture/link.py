"""From a frame to the network layer below it, for the link types that wired captures have.

Link types: www.tcpdump.org/linktypes.html. 802.1Q tags are stepped over, also several.
"""

from typing import Final

from pxe.explain.capture.files import Buffer

ETHERNET: Final = 1
_NULL, _LOOP = 0, 108
_RAW: Final = (12, 14, 101, 228)
_COOKED, _COOKED2 = 113, 276
READABLE: Final = (ETHERNET, _NULL, _LOOP, *_RAW, _COOKED, _COOKED2)
_NAMES: Final = {
    105: "802.11",
    127: "802.11 with radiotap",
    189: "USB",
    220: "USB",
    227: "CAN",
    163: "802.11",
}
IPV4, ARP = b"\x08\x00", b"\x08\x06"
_TAGS: Final = (b"\x81\x00", b"\x88\xa8", b"\x91\x00")
_BSD_INET: Final = (b"\x02\0\0\0", b"\0\0\0\x02")

Located = tuple[bytes, int, bytes, bytes]  # EtherType, offset of its payload, source MAC, destination MAC


def locate(link: int, data: Buffer, at: int, end: int) -> Located | None:
    """Where the network layer of the frame at `at` begins; None where there is none that we read."""
    if link == ETHERNET:
        kind, source, target = data[at + 12 : at + 14], data[at + 6 : at + 12], data[at : at + 6]
        at += 14
    elif link == _COOKED:
        kind, source, target = data[at + 14 : at + 16], data[at + 6 : at + 12], b""
        at += 16
    elif link == _COOKED2:
        kind, source, target = data[at : at + 2], data[at + 12 : at + 18], b""
        at += 20
    elif link in (_NULL, _LOOP):
        kind = IPV4 if data[at : at + 4] in _BSD_INET else b""
        return (kind, at + 4, b"", b"") if at + 4 <= end else None
    else:
        return (IPV4, at, b"", b"") if link in _RAW else None
    for _ in range(3):
        if kind not in _TAGS:
            break
        kind = data[at + 2 : at + 4]
        at += 4
    return (kind, at, source, target) if at <= end else None


def name(link: int) -> str:
    """A link type for people."""
    return f"{link} ({_NAMES[link]})" if link in _NAMES else str(link)
