"""A bad cable on purpose: wraps any ByteStream and loses, doubles, corrupts, delays, chops or injects bytes.

Faults are scripted (at this byte of that direction, do this) or drawn from a seeded generator, so that every
failure can be had again. `rx` is what comes from the board, `tx` what goes to it; offsets count the bytes of
a direction from the moment the stream was armed.
"""

import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from lab.interfaces import ByteStream


class FaultKind(StrEnum):
    """What can happen to a byte on its way."""

    LOSE = "lose"
    DOUBLE = "double"
    CORRUPT = "corrupt"  # exclusive-or with `mask`
    DELAY = "delay"  # this byte and all after it come `seconds` later
    CHOP = "chop"  # the read (or write) ends before this byte
    INJECT = "inject"  # `text` comes before this byte, such as a kernel's printk


class Direction(StrEnum):
    """Seen from us: rx comes from the board, tx goes to it."""

    RX = "rx"
    TX = "tx"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault at byte `offset` (0-based) of `direction`."""

    direction: Direction
    offset: int
    kind: FaultKind
    mask: int = 0x01
    seconds: float = 0.05
    text: bytes = b"\r\n[    3.141592] printk: spontaneous message\r\n"


class FaultyStream:
    """A ByteStream that passes on what `stream` carries, with faults.

    `faults` are scripted. `rates` gives the probability per byte of each kind (both directions, or only those
    in `directions`), drawn from `seed`. `counts` says what was done. Nothing happens while `armed` is False.
    """

    def __init__(
        self,
        stream: ByteStream,
        faults: Iterable[Fault] = (),
        *,
        rates: Mapping[FaultKind, float] | None = None,
        directions: Iterable[Direction] = tuple(Direction),
        seed: int = 0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = f"faulty:{stream.name}"
        self.counts: Counter[FaultKind] = Counter()
        self._stream = stream
        self._pending: deque[tuple[float, bytes]] = deque()  # (seconds to wait before it, bytes)
        self._sleep = sleep
        self._write_lock = threading.Lock()
        self.arm(faults, rates=rates, directions=directions, seed=seed)

    def arm(
        self,
        faults: Iterable[Fault] = (),
        *,
        rates: Mapping[FaultKind, float] | None = None,
        directions: Iterable[Direction] = tuple(Direction),
        seed: int = 0,
    ) -> None:
        """Begin anew with other faults: offsets count from here."""
        self._script = {(f.direction, f.offset): f for f in faults}
        self._rates = dict(rates or {})
        self._directions = frozenset(directions)
        self._random = {d: random.Random(f"{seed}/{d}") for d in Direction}
        self._offset = dict.fromkeys(Direction, 0)
        self.counts.clear()
        self.armed = True

    def open(self) -> None:
        """Open the stream underneath."""
        self._stream.open()

    def close(self) -> None:
        """Close the stream underneath."""
        self._stream.close()

    def read(self, timeout: float) -> bytes:
        """What came, as this cable delivers it."""
        if not self._pending:
            data = self._stream.read(timeout)
            self._pending.extend(self._distort(Direction.RX, data))
        return self._deliver()

    def _deliver(self) -> bytes:
        while self._pending:
            wait, piece = self._pending.popleft()
            if wait:
                self._sleep(wait)
            if piece:
                return piece
        return b""

    def write(self, data: bytes) -> None:
        """Send `data` as this cable delivers it."""
        with self._write_lock:
            for wait, piece in self._distort(Direction.TX, data):
                if wait:
                    self._sleep(wait)
                if piece:
                    self._stream.write(piece)

    def _distort(self, direction: Direction, data: bytes) -> list[tuple[float, bytes]]:
        """Cut `data` into pieces with the pause before each. Bytes without a fault stay together."""
        if not self.armed or not data:
            return [(0.0, data)]
        pieces: list[tuple[float, bytes]] = []
        piece, wait = bytearray(), 0.0
        for byte in data:
            fault = self._draw(direction)
            if fault is None:
                piece.append(byte)
                continue
            self.counts[fault.kind] += 1
            if fault.kind in (FaultKind.CHOP, FaultKind.DELAY):
                pieces.append((wait, bytes(piece)))
                piece, wait = bytearray(), fault.seconds if fault.kind is FaultKind.DELAY else 0.0
            piece += _replacement(fault, byte)
        pieces.append((wait, bytes(piece)))
        return pieces

    def _draw(self, direction: Direction) -> Fault | None:
        offset = self._offset[direction]
        self._offset[direction] = offset + 1
        scripted = self._script.get((direction, offset))
        if scripted is not None or not self._rates or direction not in self._directions:
            return scripted
        generator = self._random[direction]
        point = generator.random()
        for kind, rate in self._rates.items():
            if point < rate:
                mask = 1 << generator.randrange(8)
                return Fault(direction=direction, offset=offset, kind=kind, mask=mask)
            point -= rate
        return None


def _replacement(fault: Fault, byte: int) -> bytes:
    """What arrives in place of `byte`."""
    match fault.kind:
        case FaultKind.LOSE:
            return b""
        case FaultKind.DOUBLE:
            return bytes((byte, byte))
        case FaultKind.CORRUPT:
            return bytes((byte ^ fault.mask,))
        case FaultKind.INJECT:
            return fault.text + bytes((byte,))
        case FaultKind.DELAY | FaultKind.CHOP:
            return bytes((byte,))
