"""QEMU's log of the writes to a disk: bytes in, entries out. Pure.

The format is that of Linux' dm-log-writes (Documentation/admin-guide/device-mapper/log-writes.rst), as QEMU
7.2's block/blklogwrites.c writes it: a superblock in sector 0, then entries of one header sector and data.
Header: four little-endian 64-bit words, first sector on the disk, number of sectors, flags, length of a mark.
An entry is written once the disk itself has answered; a flush stands behind all writes that it flushed.
"""

import enum
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_SUPER = struct.Struct("<QQQI")
_HEADER = struct.Struct("<4Q")
_MAGIC = 0x6A736677736872
_CHUNK = 1 << 20


class LogError(ValueError):
    """These bytes are no log of writes, or it is damaged; the message names the byte."""


class Flag(enum.IntFlag):
    """What an entry is; none: a write into the disk's cache."""

    FLUSH = 1  # all that came before is on the medium
    FUA = 2  # this write is on the medium, whatever comes of others ("force unit access")
    DISCARD = 4  # sectors whose content nobody wants any more; no data
    MARK = 8
    METADATA = 16


_KNOWN = int(~Flag(0))


@dataclass(frozen=True, slots=True)
class Entry:
    """`offset` and `length` on the disk and `data_at` in the log, in bytes; without data, `length` is 0."""

    flags: Flag
    offset: int = 0
    length: int = 0
    data_at: int = 0

    @property
    def is_write(self) -> bool:
        """Whether it put data on the disk, or into its cache."""
        return bool(self.length) and not self.flags & (Flag.DISCARD | Flag.MARK)


def read_log(log: BinaryIO) -> tuple[Entry, ...]:
    """Return all entries, in their order.

    The number in the superblock is not relied on: QEMU may die between an entry and the superblock. A write
    that was under way then can leave a hole (all zero) before entries that did get written; nobody was told
    that it succeeded, so it is left out. Data that the log's end cuts off shorten their write.
    Raises LogError.
    """
    log.seek(0, 2)
    size = log.tell()
    if not size:
        return ()  # QEMU writes the superblock with the first entry
    step = _sector_size(log, size)
    return tuple(_entries(log, step, size))


def follow(log: BinaryIO, at: int) -> tuple[tuple[Entry, ...], int]:
    """Return the entries from byte `at` on (0: from the first) of a log that QEMU writes, and where they end.

    Call it again with that byte. What is not there whole yet is left for the next time. Raises LogError.
    """
    log.seek(0, 2)
    size, found = log.tell(), []
    if size < _SUPER.size:
        return (), 0  # QEMU has not begun
    step = _sector_size(log, size)
    at = max(at, step)
    while at + step <= size:
        log.seek(at)
        head = log.read(step)
        if not head.strip(b"\0"):
            break  # a later entry was faster
        entry = _entry(head, at, step)
        end = at + step + (0 if entry.flags & Flag.DISCARD else entry.length)
        if end > size:
            break
        found.append(entry)
        at = end
    return tuple(found), at


def _sector_size(log: BinaryIO, size: int) -> int:
    log.seek(0)
    head = log.read(_SUPER.size)
    if len(head) < _SUPER.size:
        raise LogError(f"a log of writes has a superblock, and this ends at byte {size}")
    magic, version, _entries, step = _SUPER.unpack(head)
    if magic != _MAGIC or version != 1:
        raise LogError(f"no log of writes: it begins with {magic:#x} version {version}")
    if step not in (512, 1024, 2048, 4096):
        raise LogError(f"a log with sectors of {step} bytes")
    return int(step)


def _entries(log: BinaryIO, step: int, size: int) -> Iterator[Entry]:
    at = step
    while at + step <= size:
        log.seek(at)
        head = log.read(step)
        if not head.strip(b"\0"):
            at = _behind_hole(log, at, step, size)
            continue
        entry = _entry(head, at, step)
        at += step
        if entry.length and not entry.flags & Flag.DISCARD:
            at += entry.length
            there = (min(at, size) - entry.data_at) // step * step
            entry = Entry(entry.flags, entry.offset, max(there, 0), entry.data_at)
        yield entry


def _entry(head: bytes, at: int, step: int) -> Entry:
    first, count, flags, _mark = _HEADER.unpack_from(head)
    if flags & ~_KNOWN or head[_HEADER.size :].strip(b"\0"):
        raise LogError(f"byte {at}: no entry of a log of writes")
    if flags & (Flag.FLUSH | Flag.MARK) and not count:
        return Entry(Flag(flags))
    if (first + count) * step > 1 << 62:
        raise LogError(f"byte {at}: a write of {count} sectors at sector {first}")
    return Entry(Flag(flags), first * step, count * step, at + step)


def _behind_hole(log: BinaryIO, at: int, step: int, size: int) -> int:
    """The first sector from `at` on that is not all zero: headers never are."""
    while at < size:
        log.seek(at)
        chunk = log.read(_CHUNK)
        rest = chunk.lstrip(b"\0")
        if rest:
            return at + (len(chunk) - len(rest)) // step * step
        at += len(chunk)
    return size
