"""Files cut into ready TFTP DATA packets, shared by all clients.

A file is cut in chunks of about 256 KiB, each on first use: one `preadv` scatters the file straight into the
payloads of a chunk, headers in between. So a window of blocks is one slice of memory, and a send of it
copies nothing in Python. Chunks are kept per (file identity, block size) in an LRU bounded by bytes;
a 4 GiB image streams through it, and clients that load it at about the same time still share its chunks.
Beyond the bound, each transfer holds the one chunk it is sending from.

A file's identity is its device, inode, size and mtime. Each chunk is checked against it after the read: a
file that changes, shrinks or vanishes ends its transfers, and never goes out as a mixture of two versions.
"""

import errno
import os
import struct
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from pathlib import Path
from typing import Final, Protocol, TypeVar, cast

from pxe.errors import RefusalReason, RequestRefused, ServiceError
from pxe.plan import Resource
from pxe.wire.transfer import wire_number

CHUNK_BYTES: Final = 256 * 1024
CHUNK_BLOCKS: Final = 1024  # IOV_MAX: what one preadv takes
CACHE_BYTES: Final = 256 * 1024 * 1024
HEADER: Final = 4
OVERHEAD: Final = 96  # bytes that Python adds to a packet and its ACK as objects
NETASCII_LIMIT: Final = 16 * 1024 * 1024


class Reader(Protocol):
    """Bytes of a resource at any offset. `identity` is equal only for equal bytes."""

    name: str
    size: int
    identity: Hashable

    def read_into(self, views: list[memoryview], offset: int) -> None:
        """Fill `views`, one after the other, from `offset`. Raises ServiceError where the bytes are gone."""


class BytesReader:
    """A generated resource."""

    def __init__(self, name: str, data: bytes) -> None:
        self.name = name
        self.size = len(data)
        self.identity: Hashable = data
        self._data = data

    def read_into(self, views: list[memoryview], offset: int) -> None:
        """See Reader."""
        for view in views:
            view[:] = self._data[offset : offset + len(view)]
            offset += len(view)


class FileReader:
    """A file. It is opened anew for each chunk: a thousand idle transfers hold no thousand files open."""

    def __init__(self, name: str, path: Path) -> None:
        """Raises RequestRefused where the file is not there or not ours to read."""
        self.name = name
        self._path = path
        try:
            info = path.stat()
        except FileNotFoundError as exc:
            raise RequestRefused(RefusalReason.NOT_FOUND, "no such file") from exc
        except OSError as exc:
            raise RequestRefused(RefusalReason.FORBIDDEN, exc.strerror or str(exc)) from exc
        self.size = info.st_size
        self._version = _version(info)
        self.identity: Hashable = self._version

    def read_into(self, views: list[memoryview], offset: int) -> None:
        """See Reader."""
        wanted = sum(map(len, views))
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                got = os.preadv(fd, views, offset) if wanted else 0
                version = _version(os.fstat(fd))
            finally:
                os.close(fd)
        except FileNotFoundError as exc:
            raise ServiceError("the file vanished while it was being sent") from exc
        except OSError as exc:
            raise ServiceError(f"the file cannot be read: {exc.strerror or exc}") from exc
        if version != self._version or got != wanted:
            raise ServiceError("the file changed while it was being sent")


def _version(info: os.stat_result) -> tuple[int, int, int, int]:
    return (info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns)


def open_resource(resource: Resource) -> Reader:
    """Return a reader of `resource`. Raises RequestRefused where its file is not there."""
    if resource.data is not None:
        return BytesReader(resource.name, resource.data)
    if resource.path is None:
        raise RequestRefused(RefusalReason.NOT_FOUND, "a resource with neither file nor data")
    return FileReader(resource.name, resource.path)


def as_netascii(reader: Reader) -> BytesReader:
    """Return the resource in netascii (RFC 764): LF -> CR LF, CR -> CR NUL.

    tftp-hpa's client asks so unless told otherwise, and no boot ROM does: it is done in memory and only for
    what may be text. Raises RequestRefused for larger files.
    """
    if reader.size > NETASCII_LIMIT:
        limit = NETASCII_LIMIT // (1024 * 1024)
        raise RequestRefused(
            RefusalReason.UNSUPPORTED, f"netascii is for text up to {limit} MiB: use mode octet (binary)"
        )
    data = bytearray(reader.size)
    reader.read_into([memoryview(data)], 0)
    return BytesReader(reader.name, bytes(data).replace(b"\r", b"\r\0").replace(b"\n", b"\r\n"))


T = TypeVar("T")


class PacketCache:
    """Chunks of ready packets, the least recently used ones dropped beyond `limit` bytes."""

    def __init__(self, limit: int = CACHE_BYTES) -> None:
        self.limit = limit
        self.used = 0
        self._chunks: OrderedDict[Hashable, tuple[object, int]] = OrderedDict()

    def get(self, key: Hashable, build: Callable[[], tuple[T, int]]) -> T:
        """Return the chunk of that key; `build` makes it and its size where it is not there."""
        found = self._chunks.get(key)
        if found is not None:
            self._chunks.move_to_end(key)
            return cast(T, found[0])
        chunk, size = build()
        self._chunks[key] = (chunk, size)
        self.used += size
        while self.used > self.limit and len(self._chunks) > 1:
            self.used -= self._chunks.popitem(last=False)[1][1]
        return chunk


class Packets:
    """Ready DATA packets of one resource at one block size: a `PacketSource` for `Transfer`."""

    def __init__(self, cache: PacketCache, reader: Reader, blksize: int, rollover: int = 0) -> None:
        """`rollover` is the block number that follows 65535: 0 or 1."""
        self.size = reader.size
        self.blksize = blksize
        self.last_block = reader.size // blksize + 1
        self._cache = cache
        self._reader = reader
        self._rollover = rollover
        self._stride = blksize + HEADER
        self._per_chunk = max(1, min(CHUNK_BLOCKS, CHUNK_BYTES // self._stride))
        self._view = memoryview(b"")
        self._first = 1  # block at the start of _view
        self._end = 0  # bytes that _view would have were its last block full

    def runs(self, first: int, count: int) -> Sequence[memoryview]:
        """See PacketSource: one buffer, or two and more where the window crosses the end of a chunk."""
        start = (first - self._first) * self._stride
        end = start + count * self._stride
        if start >= 0 and end <= self._end:  # the hot path
            return (self._view[start:end],)
        runs = []
        while count > 0:
            self._load((first - 1) // self._per_chunk)
            here = min(count, self._first + self._per_chunk - first)
            start = (first - self._first) * self._stride
            runs.append(self._view[start : start + here * self._stride])
            first += here
            count -= here
        return runs

    def lockstep(self, first: int) -> Iterator[tuple[bytes, bytes]]:
        """See PacketSource: up to the end of a chunk, as objects of their own, quicker to get than slices."""
        index, at = divmod(first - 1, self._per_chunk)
        key = (self._reader.identity, self.blksize, self._rollover, index, "lockstep")
        acks, packets = self._cache.get(key, lambda: self._split(index))
        return zip(acks[at:], packets[at:], strict=True)

    def _split(self, index: int) -> tuple[tuple[list[bytes], list[bytes]], int]:
        chunk, size = self._cut(index)
        packets = [bytes(chunk[at : at + self._stride]) for at in range(0, size, self._stride)]
        acks = [b"\x00\x04" + packet[2:4] for packet in packets]
        return (acks, packets), size + OVERHEAD * len(packets)

    def _load(self, index: int) -> None:
        key = (self._reader.identity, self.blksize, self._rollover, index)
        self._view = self._cache.get(key, lambda: self._cut(index))
        self._first = index * self._per_chunk + 1
        self._end = self._per_chunk * self._stride

    def _cut(self, index: int) -> tuple[memoryview, int]:
        """Return chunk `index`: header, payload, header, payload ...; only the file's last block is short."""
        stride = self._stride
        first = index * self._per_chunk + 1
        count = min(self._per_chunk, self.last_block - first + 1)
        offset = (first - 1) * self.blksize
        payload = min(count * self.blksize, self.size - offset)
        chunk = bytearray(count * HEADER + payload)
        wire = (wire_number(block, self._rollover) for block in range(first, first + count))
        numbers = struct.pack(f"!{count}H", *wire)
        chunk[1::stride] = b"\x03" * count
        chunk[2::stride] = numbers[0::2]
        chunk[3::stride] = numbers[1::2]
        view = memoryview(chunk)
        self._reader.read_into(
            [view[at + HEADER : at + stride] for at in range(0, len(chunk), stride)], offset
        )
        return view.toreadonly(), len(chunk)


def is_exhausted(exc: OSError) -> bool:
    """Whether this process or host has no file descriptor or memory left for one more socket."""
    return exc.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.ENOSPC)
