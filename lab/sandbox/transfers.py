"""Which bytes of which download are in an Ethernet frame: TFTP's DATA and what a TCP port sends. Pure.

Only the standard library, and nothing of ours: the forwarder imports it as a file (see impairment.py).
IPv6 and fragments of IPv4 are nobody's download.
"""

import struct
from dataclasses import dataclass

_IPV4, _TCP, _UDP = 0x0800, 6, 17
_ETHERNET, _TCP_HEADER, _UDP_HEADER, _TFTP_HEADER = 14, 20, 8, 4
_TFTP_DATA = 3
_BLOCKS, _SEQUENCE = 1 << 16, 1 << 32
_NOT_TFTP = (53, 67, 68, 123)  # ports whose datagrams may begin like TFTP's DATA

Flow = tuple[bytes, bytes]  # addresses and ports, both ways


@dataclass(frozen=True, slots=True)
class Piece:
    """`frame[start:end]` are the bytes from `offset` of the download `flow`; `checksum`: where their sum is.

    An HTTP connection counts as one download, from the first byte of the first header.
    """

    flow: Flow
    offset: int
    start: int
    end: int
    checksum: int

    @property
    def size(self) -> int:
        """How many bytes of the download these are."""
        return self.end - self.start


@dataclass(slots=True)
class _Tftp:
    block_size: int
    last: int = 1  # number of the last block, which does not start over


class Transfers:
    """Follows downloads by what comes from the server. `protocol` is tftp or http; `port` is that of HTTP."""

    def __init__(self, protocol: str, port: int = 80) -> None:
        self._tftp, self._port = protocol == "tftp", port
        self._blocks: dict[Flow, _Tftp] = {}
        self._first: dict[Flow, int] = {}  # of TCP: the sequence number of the first byte

    def piece(self, frame: bytes) -> Piece | None:
        """Return what of a download is in the frame; None: nothing."""
        if len(frame) < _ETHERNET + 20 or struct.unpack_from(">H", frame, 12)[0] != _IPV4:
            return None
        header = (frame[_ETHERNET] & 0x0F) * 4
        size, fragment, protocol = struct.unpack_from(">2xH2xHxB", frame, _ETHERNET)
        end, begin = min(len(frame), _ETHERNET + size), _ETHERNET + header
        if fragment & 0x3FFF or header < 20:
            return None
        if self._tftp and protocol == _UDP and end >= begin + _UDP_HEADER + _TFTP_HEADER:
            return self._tftp_piece(frame, begin, end)
        if not self._tftp and protocol == _TCP and end >= begin + _TCP_HEADER:
            return self._tcp_piece(frame, begin, end)
        return None

    def _tftp_piece(self, frame: bytes, begin: int, end: int) -> Piece | None:
        start = begin + _UDP_HEADER + _TFTP_HEADER
        source, target = struct.unpack_from(">HH", frame, begin)
        opcode, block = struct.unpack_from(">HH", frame, begin + _UDP_HEADER)
        if opcode != _TFTP_DATA or {source, target}.intersection(_NOT_TFTP):
            return None
        flow = _flow(frame, begin)
        known = self._blocks.setdefault(flow, _Tftp(block_size=end - start))
        known.last += (block - known.last + _BLOCKS // 2) % _BLOCKS - _BLOCKS // 2
        return Piece(flow, (known.last - 1) * known.block_size, start, end, begin + 6)

    def _tcp_piece(self, frame: bytes, begin: int, end: int) -> Piece | None:
        source, _target, sequence, _ack, offset, flags = struct.unpack_from(">HHIIBB", frame, begin)
        if source != self._port:
            return None
        flow, start = _flow(frame, begin), begin + (offset >> 4) * 4
        if flags & 0x02:  # SYN: a new connection, perhaps of the same ports as one before
            self._first[flow] = (sequence + 1) % _SEQUENCE
            return None
        first = self._first.setdefault(flow, sequence)
        place = (sequence - first) % _SEQUENCE
        if end <= start or place >= _SEQUENCE // 2:  # no bytes, or a keep-alive before the first
            return None
        return Piece(flow, place, start, end, begin + 16)


def _flow(frame: bytes, begin: int) -> Flow:
    return frame[_ETHERNET + 12 : _ETHERNET + 20], frame[begin : begin + 4]


def inverted(frame: bytes, piece: Piece, offset: int) -> bytes:
    """Return the frame with the lowest bit of the download's byte `offset` inverted, its checksum right.

    So nobody on the way notices: RFC 1624, equation 3. `offset` must be in the piece.
    """
    at = piece.start + offset - piece.offset
    data = bytearray(frame)
    word = at - (at - piece.checksum) % 2  # sums are of words at even distances from their own place
    before = _word(data, word, piece.end)
    data[at] ^= 1
    after = _word(data, word, piece.end)
    (old,) = struct.unpack_from(">H", data, piece.checksum)
    total = (~old & 0xFFFF) + (~before & 0xFFFF) + after
    total = (total & 0xFFFF) + (total >> 16)
    new = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    if old:  # 0 is UDP without a checksum
        struct.pack_into(">H", data, piece.checksum, new or 0xFFFF)
    return bytes(data)


def _word(data: bytearray, at: int, end: int) -> int:
    return data[at] << 8 | (data[at + 1] if at + 1 < end else 0)
