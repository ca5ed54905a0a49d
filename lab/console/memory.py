"""The clean stream of a console, addressed by offset from its beginning, bounded. Pure."""

from collections import deque


class CleanMemory:
    """Chunks with their stamps; the oldest are forgotten beyond `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self.end = 0  # offset behind the last byte
        self._limit = limit
        self._chunks: deque[tuple[int, int, bytes]] = deque()  # (offset, t_ns, data)
        self._size = 0

    @property
    def begin(self) -> int:
        """Offset of the oldest byte still known."""
        return self._chunks[0][0] if self._chunks else self.end

    def append(self, t_ns: int, data: bytes) -> None:
        """`data` came at `t_ns`."""
        self._chunks.append((self.end, t_ns, data))
        self.end += len(data)
        self._size += len(data)
        while self._size > self._limit and len(self._chunks) > 1:
            self._size -= len(self._chunks.popleft()[2])

    def since(self, offset: int) -> list[tuple[int, bytes]]:
        """(t_ns, data) of everything from `offset` on."""
        found: list[tuple[int, bytes]] = []
        for start, t_ns, data in reversed(self._chunks):
            if start + len(data) <= offset:
                break
            found.append((t_ns, data[max(offset - start, 0) :]))
        found.reverse()
        return found

    def slice(self, start: int, end: int) -> bytes:
        """The bytes between two offsets, as far as they are still known."""
        if end <= start:
            return b""
        first = max(start, self.begin)
        return b"".join(data for _, data in self.since(first))[: max(end - first, 0)]
