"""The GUID partition table of a disk or an image of one: both copies, read and written.

UEFI specification 2.10, section 5.3. Sizes in bytes, places in logical blocks of 512 or 4096 bytes. A change
is written to the second copy first and to the first when that is on the disk: whenever the power goes, one of
them is whole, and the first counts where both are.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final
from uuid import UUID

from lab.errors import InfrastructureError, UsageError

_HEADER = struct.Struct("<8sIIIIQQQQ16sQIII")
_ENTRY = struct.Struct("<16s16sQQQ72s")
_SIGNATURE: Final = b"EFI PART"
_REVISION: Final = 0x00010000
_BLOCKS: Final = (512, 4096)
_MOST_ENTRIES: Final = 1024
_MOST_ENTRY: Final = 4096
_CRC_AT: Final = 16
_UNUSED = UUID(int=0)


class GptError(UsageError):
    """A file that has no partition table, or none that can be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """One partition; `first` and `last` are blocks. `raw` is its entry as it lies on the disk."""

    number: int
    type: UUID
    guid: UUID
    first: int
    last: int
    attributes: int
    name: str
    raw: bytes

    def entry(self) -> bytes:
        """Its entry, with `attributes` as they are now."""
        return self.raw[:48] + struct.pack("<Q", self.attributes) + self.raw[56:]


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One of the two copies: where its header and its entries lie, and what is in them."""

    header: bytes
    at: int
    other: int
    entries_at: int
    entries: bytes
    entry_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A partition table. `copies`: first and second, None where one is damaged; `block` is a block's size."""

    block: int
    copies: tuple[Copy | None, Copy | None]
    partitions: tuple[Partition, ...]

    @property
    def whole(self) -> bool:
        """Whether both copies are there and say the same."""
        first, second = self.copies
        return first is not None and second is not None and first.entries == second.entries

    def partition(self, which: str) -> Partition:
        """Return a partition by its number or its name. Raises UsageError."""
        found = [p for p in self.partitions if which in (str(p.number), p.name)]
        if len(found) != 1:
            there = ", ".join(f"{p.number} {p.name}" for p in self.partitions)
            raise UsageError(f"{len(found)} partitions are called {which!r}; there are {there}")
        return found[0]

    def with_attributes(self, changes: dict[int, int]) -> "Table":
        """Return the table with other attributes, by number of partition."""
        changed = tuple(
            replace(p, attributes=changes[p.number]) if p.number in changes else p for p in self.partitions
        )
        return replace(self, partitions=changed)


@contextmanager
def opened(path: Path, *, write: bool = False) -> Iterator[BinaryIO]:
    """Open a disk or an image. Raises GptError where it is not ours to open, else InfrastructureError."""
    try:
        with path.open("r+b" if write else "rb", buffering=0) as file:
            yield file
    except (FileNotFoundError, IsADirectoryError, PermissionError) as exc:
        raise GptError(f"{path}: {exc.strerror}") from None
    except OSError as exc:
        raise InfrastructureError(f"{path}: {exc.strerror}") from None


def read(file: BinaryIO) -> Table:
    """Return the table; from the second copy where the first is damaged. Raises GptError."""
    size = file.seek(0, os.SEEK_END)
    for block in _BLOCKS:
        first = _copy(file, 1, block, size)
        at = first.other if first is not None else size // block - 1
        second = _copy(file, at, block, size)
        source = first or second
        if source is not None:
            return Table(block=block, copies=(first, second), partitions=tuple(_partitions(source)))
    raise GptError("there is no GUID partition table, or both of its copies are damaged")


def write(file: BinaryIO, table: Table) -> None:
    """Write both copies: the second, and when it is on the disk, the first. A damaged one is made anew.

    Raises GptError where the second would lie behind the end of the disk.
    """
    first, second = table.copies
    source = first or second
    assert source is not None
    entries = bytearray(source.entries)
    for partition in table.partitions:
        begin = (partition.number - 1) * source.entry_size
        entries[begin : begin + source.entry_size] = partition.entry()
    blocks = -(-len(entries) // table.block)
    last = second.at if second is not None else first.other if first is not None else 0
    if (last + 1) * table.block > file.seek(0, os.SEEK_END):
        raise GptError(f"the disk ends before block {last}, where the second copy of its table belongs")
    behind = second.entries_at if second is not None else last - blocks
    before = first.entries_at if first is not None else 2
    for at, other, entries_at in ((last, 1, behind), (1, last, before)):
        _write_copy(file, source.header, bytes(entries), at, other, entries_at, table.block)


def _write_copy(
    file: BinaryIO, header: bytes, entries: bytes, at: int, other: int, entries_at: int, block: int
) -> None:
    fields = list(_HEADER.unpack_from(header))
    fields[3], fields[5], fields[6], fields[10], fields[13] = 0, at, other, entries_at, zlib.crc32(entries)
    made = bytearray(_HEADER.pack(*fields) + header[_HEADER.size :])
    struct.pack_into("<I", made, _CRC_AT, zlib.crc32(made))
    _put(file, entries_at * block, entries)
    _put(file, at * block, bytes(made))
    os.fsync(file.fileno())


def _put(file: BinaryIO, at: int, data: bytes) -> None:
    """A raw file may take less than it was given."""
    file.seek(at)
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _copy(file: BinaryIO, at: int, block: int, size: int) -> Copy | None:
    """The copy whose header is at a block; None where that is none, or its sums do not fit."""
    raw = _take(file, at * block, block, size)
    if len(raw) < _HEADER.size:
        return None
    magic, revision, length, crc, _, own, other, _, _, _, entries_at, count, each, entries_crc = (
        _HEADER.unpack_from(raw)
    )
    if magic != _SIGNATURE or revision != _REVISION or own != at or not _HEADER.size <= length <= block:
        return None
    header = bytearray(raw[:length])
    header[_CRC_AT : _CRC_AT + 4] = bytes(4)
    fits = 1 <= count <= _MOST_ENTRIES and _ENTRY.size <= each <= _MOST_ENTRY and each % 8 == 0
    if zlib.crc32(header) != crc or not fits:
        return None
    entries = _take(file, entries_at * block, count * each, size)
    if len(entries) != count * each or zlib.crc32(entries) != entries_crc:
        return None
    return Copy(
        header=raw[:length], at=at, other=other, entries_at=entries_at, entries=entries, entry_size=each
    )


def _take(file: BinaryIO, at: int, length: int, size: int) -> bytes:
    if not 0 <= at < size:
        return b""
    file.seek(at)
    got = bytearray()
    while len(got) < length and (piece := file.read(length - len(got))):
        got += piece
    return bytes(got)


def _partitions(copy: Copy) -> Iterator[Partition]:
    for number in range(len(copy.entries) // copy.entry_size):
        raw = copy.entries[number * copy.entry_size : (number + 1) * copy.entry_size]
        kind, guid, first, last, attributes, name = _ENTRY.unpack_from(raw)
        if UUID(bytes_le=kind) != _UNUSED:
            yield Partition(
                number=number + 1,
                type=UUID(bytes_le=kind),
                guid=UUID(bytes_le=guid),
                first=first,
                last=last,
                attributes=attributes,
                name=name.decode("utf-16-le", "replace").partition("\0")[0],
                raw=raw,
            )
