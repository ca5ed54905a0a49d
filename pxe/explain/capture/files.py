"""The packets of a pcap or pcapng file, as they lie there: no library, for a capture of 100 MB has a million.

pcap: draft-ietf-opsawg-pcap (both byte orders, microseconds and nanoseconds). pcapng:
draft-ietf-opsawg-pcapng (sections, interfaces, enhanced, simple and the old packet blocks). A file that ends
in the middle of a packet is read up to there; one that makes no sense in the middle, too: `Faults` says so.
"""

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from pxe.errors import CaptureError

Buffer = bytes | mmap.mmap
Frame = tuple[int, int, int, int, int]  # number from 1, ns since 1970, link type, offset, bytes kept

_PCAP: Final = {
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
    b"\xa1\xb2\x3c\x4d": (">", 1),
}
_PCAPNG: Final = b"\x0a\x0d\x0d\x0a"
_OTHERS: Final = (
    (b"\x1f\x8b", "compressed with gzip: unpack it first (gunzip)"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd: unpack it first (unzstd)"),
    (b"\xfd7zXZ", "compressed with xz: unpack it first (unxz)"),
    (b"snoop\0", "a snoop file: convert it with `editcap -F pcapng`"),
    (b"\xd4\xc3\xb2\x34", "a modified pcap: convert it with `editcap -F pcapng`"),
    (b"GMBU", "a Network Monitor file: convert it with `editcap -F pcapng`"),
)
_MAX_FRAME: Final = 1 << 18  # no snap length is above that; a bigger number is a damaged file
_INTERFACE, _OLD_PACKET, _SIMPLE, _ENHANCED = 1, 2, 3, 6
_TSRESOL, _TSOFFSET = 9, 14


@dataclass
class Faults:
    """What was wrong with the file, in sentences; empty for a good one."""

    said: list[str] = field(default_factory=list)

    def add(self, sentence: str) -> None:
        """Add it, once."""
        if sentence not in self.said:
            self.said.append(sentence)


def frames(data: Buffer, name: str, faults: Faults) -> Iterator[Frame]:
    """Yield the packets of the file `name`, whose bytes are `data`. Raises CaptureError where it is none."""
    magic = bytes(data[:4])
    if magic in _PCAP:
        return _pcap(data, *_PCAP[magic], name, faults)
    if magic == _PCAPNG:
        return _pcapng(data, name, faults)
    if not magic:
        raise CaptureError(f"{name} is empty: nothing was recorded")
    why = next((text for start, text in _OTHERS if data[: len(start)] == start), "")
    raise CaptureError(f"{name} is {why or 'no capture of packets: it begins neither as pcap nor as pcapng'}")


def _pcap(data: Buffer, order: str, unit: int, name: str, faults: Faults) -> Iterator[Frame]:
    if len(data) < 24:
        raise CaptureError(f"{name} has {len(data)} bytes: less than the head of a pcap file")
    link = struct.unpack_from(order + "I", data, 20)[0] & 0xFFFF  # the upper bits tell of an FCS
    head = struct.Struct(order + "IIII").unpack_from
    at, number, end = 24, 0, len(data)
    while at + 16 <= end:
        seconds, fraction, kept, _ = head(data, at)
        number += 1
        at += 16
        if kept > _MAX_FRAME:
            faults.add(
                f"frame {number} says it has {kept} bytes: the file is damaged there, and read up to it"
            )
            return
        if at + kept > end:
            break
        yield number, seconds * 1_000_000_000 + fraction * unit, link, at, kept
        at += kept
    if at != end:
        faults.add("the file was cut: it ends in the middle of a packet, and is read up to there")


class _Section:
    """A section of a pcapng file: byte order and interfaces (link type, units of a second, offset)."""

    def __init__(self, order: str) -> None:
        self.order = order
        self.interfaces: list[tuple[int, int, int]] = []
        self.two = struct.Struct(order + "II").unpack_from
        self.five = struct.Struct(order + "IIIII").unpack_from

    def add_interface(self, data: Buffer, at: int, end: int) -> None:
        link = struct.unpack_from(self.order + "H", data, at)[0]
        units, offset, at = 1_000_000, 0, at + 8
        while at + 4 <= end:
            code, length = struct.unpack_from(self.order + "HH", data, at)
            value = bytes(data[at + 4 : at + 4 + length])
            if code == _TSRESOL and length == 1:
                units = 2 ** (value[0] & 0x7F) if value[0] & 0x80 else 10 ** min(value[0], 18)
            elif code == _TSOFFSET and length == 8:
                offset = struct.unpack(self.order + "q", value)[0]
            at += 4 + length + -length % 4
            if code == 0:
                break
        self.interfaces.append((link, units, offset * 1_000_000_000))


def _pcapng(data: Buffer, name: str, faults: Faults) -> Iterator[Frame]:
    section = _section(data, 0)
    if section is None:
        raise CaptureError(f"{name} begins like pcapng, but its byte-order mark is wrong: it is damaged")
    at, number, end = 0, 0, len(data)
    while at + 12 <= end:
        kind, total = section.two(data, at)
        if data[at : at + 4] == _PCAPNG:
            section = _section(data, at) or section
            kind, total = section.two(data, at)
        if total < 12 or total % 4 or at + total > end:
            break
        if kind == _INTERFACE and total >= 20:
            section.add_interface(data, at + 8, at + total - 4)
        elif kind in (_ENHANCED, _OLD_PACKET, _SIMPLE):
            number += 1
            frame = _packet(section, data, kind, at, total)
            if frame is None:
                faults.add(f"frame {number} is damaged, and was left out")
            else:
                yield (number, *frame)
        at += total
    if at != end:
        faults.add(f"the file was cut or is damaged after frame {number}, and is read up to there")


def _section(data: Buffer, at: int) -> _Section | None:
    mark = bytes(data[at + 8 : at + 12])
    orders = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
    return _Section(orders[mark]) if mark in orders else None


def _packet(
    section: _Section, data: Buffer, kind: int, at: int, total: int
) -> tuple[int, int, int, int] | None:
    """Time, link type, offset and length of a packet block; None where it contradicts itself."""
    if kind == _SIMPLE:  # no time stamp: all of them at the beginning of time
        if not section.interfaces or total < 16:
            return None
        kept = min(section.two(data, at + 8)[0], total - 16)
        return 0, section.interfaces[0][0], at + 12, kept
    if total < 32:
        return None
    number, high, low, kept, _ = section.five(data, at + 8)
    if kind == _OLD_PACKET:
        number &= 0xFFFF if section.order == "<" else 0xFFFFFFFF
        number = number if section.order == "<" else number >> 16
    if number >= len(section.interfaces) or kept > total - 32:
        return None
    link, units, offset = section.interfaces[number]
    ticks = high << 32 | low
    t_ns = ticks if units == 1_000_000_000 else ticks * 1_000_000_000 // units
    return t_ns + offset, link, at + 28, kept
