"""A server that misbehaves, as seen from the board's cable: slow, stalled, corrupt, vanishing. Pure.

The server itself is well, and whichever it is: its frames to the board are held back, dropped or changed.
Only the standard library besides transfers.py: see impairment.py.
"""

import sys
from collections import deque
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING or __package__:
    from lab.sandbox.transfers import Flow, Piece, Transfers, inverted
else:
    sys.path.insert(0, str(Path(__file__).parent))
    from transfers import Flow, Piece, Transfers, inverted

FAULTS = ("slow", "stalled", "corrupt", "vanishing")
PROTOCOLS = ("tftp", "http")
_QUEUE_SECONDS = 2.0  # of waiting frames; a slow link drops what would wait longer


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFault:
    """What goes wrong with downloads over `protocol` (tftp, or http from TCP port `port`).

    - slow: no more than `rate` bytes a second, all downloads together
    - stalled: a download stops after `after` bytes; its connection stays, and other traffic goes on
    - corrupt: the lowest bit of byte `after` (from 0) is inverted, with right checksums, each time it is sent
    - vanishing: after `after` bytes, all downloads together, the board hears nothing more at all, for
      `seconds` (0: for ever)

    `times`: so many downloads are struck (vanishing: so often), the first ones that get so far; 0: all.
    Bytes are those of the file over TFTP, those of the connection (with HTTP's header) over HTTP. Raises
    ValueError.
    """

    fault: str
    protocol: str = "tftp"
    after: int = 0
    rate: int = 0
    seconds: float = 0.0
    times: int = 0
    port: int = 80

    def __post_init__(self) -> None:
        if self.fault not in FAULTS or self.protocol not in PROTOCOLS:
            raise ValueError(f"fault is one of {', '.join(FAULTS)}, protocol one of {', '.join(PROTOCOLS)}")
        if min(self.after, self.seconds, self.times, self.rate) < 0 or not 0 < self.port < 1 << 16:
            raise ValueError("after, rate, seconds and times are not negative, port is one of TCP")
        if (self.fault == "slow") != (self.rate > 0):
            raise ValueError("rate, in bytes a second, is for the fault slow, and it needs one")

    def to_words(self) -> list[str]:
        """As arguments of the forwarder: `fault=slow protocol=tftp ...`."""
        return [f"{name}={value}" for name, value in asdict(self).items()]

    @classmethod
    def of_words(cls, words: list[str]) -> "ServerFault":
        """Return what `to_words` wrote. Raises ValueError."""
        given = dict(word.split("=", 1) for word in words)
        kinds = {"fault": str, "protocol": str, "seconds": float}
        known = {field.name: kinds.get(field.name, int) for field in fields(cls)}
        return cls(**{name: known[name](text) for name, text in given.items()})


class FaultyWire:
    """The direction to the board. As impairment.Wire: `now` is in seconds of a clock that never goes back."""

    def __init__(self, fault: ServerFault) -> None:
        self._fault = fault
        self._transfers = Transfers(fault.protocol, fault.port)
        self._struck: set[Flow] = set()
        self._times = 0
        self._passed = 0  # bytes of all downloads since it last vanished
        self._silent_until = 0.0
        self._free_at = 0.0  # when the slow line has sent what waits
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._deal = {
            "slow": self._slow,
            "stalled": self._stalled,
            "corrupt": self._corrupt,
            "vanishing": self._vanishing,
        }[fault.fault]

    def put(self, frame: bytes, now: float) -> None:
        """A frame enters."""
        piece = self._transfers.piece(frame)
        arrived = self._deal(frame, piece, now)
        if arrived is not None:
            self._waiting.append((max(now, self._free_at), arrived))

    def take(self, now: float) -> list[bytes]:
        """The frames that leave by `now`, in their order."""
        due = []
        while self._waiting and self._waiting[0][0] <= now:
            due.append(self._waiting.popleft()[1])
        return due

    def next_at(self) -> float | None:
        """When the next frame leaves; None while none waits."""
        return self._waiting[0][0] if self._waiting else None

    def _slow(self, frame: bytes, piece: Piece | None, now: float) -> bytes | None:
        """All frames stay in their order, downloads alone use the line up."""
        if piece is None:
            return frame
        at = max(now, self._free_at) + piece.size / self._fault.rate
        if self._free_at - now > _QUEUE_SECONDS:
            return None
        self._free_at = at
        return frame

    def _stalled(self, frame: bytes, piece: Piece | None, _now: float) -> bytes | None:
        beyond = piece is not None and piece.offset + piece.size > self._fault.after
        return None if piece is not None and beyond and self._strikes(piece.flow) else frame

    def _corrupt(self, frame: bytes, piece: Piece | None, _now: float) -> bytes | None:
        place = self._fault.after
        if piece is None or not piece.offset <= place < piece.offset + piece.size:
            return frame
        return inverted(frame, piece, place) if self._strikes(piece.flow) else frame

    def _vanishing(self, frame: bytes, piece: Piece | None, now: float) -> bytes | None:
        if now >= self._silent_until and piece is not None:
            self._passed += piece.size
            if self._passed > self._fault.after and self._times_left():
                self._times += 1
                self._passed = 0
                self._silent_until = now + (self._fault.seconds or float("inf"))
        return None if now < self._silent_until else frame

    def _strikes(self, flow: Flow) -> bool:
        """Whether a download that got so far is struck."""
        if flow not in self._struck and self._times_left():
            self._times += 1
            self._struck.add(flow)
        return flow in self._struck

    def _times_left(self) -> bool:
        return not self._fault.times or self._times < self._fault.times
