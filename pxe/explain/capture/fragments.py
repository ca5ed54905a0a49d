"""IPv4 fragments joined (RFC 791 section 3.2). The capture may be of less: lengths count, not bytes."""

from collections import OrderedDict
from typing import Final

_MAX: Final = 1024  # datagrams under way
_SECONDS: Final = 30  # as RFC 1122 has a host wait

Key = tuple[bytes, bytes, bytes, int]  # source, destination, identification, protocol


class _Pieces:
    def __init__(self, t_ns: int) -> None:
        self.t_ns = t_ns
        self.parts: dict[int, tuple[bytes, int]] = {}  # offset -> what was kept, length on the wire
        self.total: int | None = None

    def whole(self) -> bool:
        at = 0
        while at in self.parts and self.total is not None and at < self.total:
            length = self.parts[at][1]
            if length == 0:
                return False
            at += length
        return self.total is not None and at >= self.total

    def joined(self) -> bytes:
        """What was kept, up to the first gap."""
        out = b""
        for offset in sorted(self.parts):
            if offset != len(out):
                break
            out += self.parts[offset][0]
        return out


class Fragments:
    """Datagrams that came in pieces."""

    def __init__(self) -> None:
        self._open: OrderedDict[Key, _Pieces] = OrderedDict()
        self.lost: list[
            tuple[Key, bytes]
        ] = []  # datagrams that never became whole: what is there of the first

    def add(
        self, key: Key, t_ns: int, offset: int, more: bool, kept: bytes, length: int
    ) -> tuple[bytes, int] | None:
        """Take a piece; return the payload and its length on the wire once all pieces are there."""
        pieces = self._open.get(key)
        if pieces is None:
            pieces = self._open[key] = _Pieces(t_ns)
            self._drop_old(t_ns)
        pieces.parts[offset] = (kept, length)
        if not more:
            pieces.total = offset + length
        if not pieces.whole():
            return None
        del self._open[key]
        assert pieces.total is not None
        return pieces.joined(), pieces.total

    def end(self) -> None:
        """What is still open is lost."""
        for key, pieces in self._open.items():
            self._lose(key, pieces)
        self._open.clear()

    def _drop_old(self, t_ns: int) -> None:
        while self._open:
            key, pieces = next(iter(self._open.items()))
            if len(self._open) <= _MAX and t_ns - pieces.t_ns < _SECONDS * 1_000_000_000:
                return
            del self._open[key]
            self._lose(key, pieces)

    def _lose(self, key: Key, pieces: _Pieces) -> None:
        if len(self.lost) < _MAX:
            self.lost.append((key, pieces.parts.get(0, (b"", 0))[0][:8]))
