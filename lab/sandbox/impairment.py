"""A bad cable as a pure machine: frames in, frames out, time is an argument. What tc's netem does, for
kernels that lack it.

Only the standard library, and nothing of ours: the forwarder imports it as a file, outside of any
environment.
"""

import heapq
import random
from dataclasses import asdict, dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Impairment:
    """What a cable does to each frame, in each direction by itself.

    `loss`, `duplicate`, `reorder` and `corrupt` are probabilities from 0 to 1. A reordered frame arrives
    `reorder_ms` later than the others, so that what was sent after it overtakes it; `delay_ms` is for all.
    A corrupted one has one bit inverted behind its Ethernet header. The same `seed` and the same frames
    give the same faults. Raises ValueError for what is out of range.
    """

    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    corrupt: float = 0.0
    delay_ms: float = 0.0
    reorder_ms: float = 5.0
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("loss", "duplicate", "reorder", "corrupt"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} is a probability from 0 to 1, not {getattr(self, name)}")
        if self.delay_ms < 0 or self.reorder_ms < 0:
            raise ValueError("delay_ms and reorder_ms are milliseconds from 0 on")

    def to_words(self) -> list[str]:
        """As arguments of the forwarder: `loss=0.2 ... seed=1`."""
        return [f"{name}={value}" for name, value in asdict(self).items()]

    @classmethod
    def of_words(cls, words: list[str]) -> "Impairment":
        """Return what `to_words` wrote. Raises ValueError."""
        given = dict(word.split("=", 1) for word in words)
        kinds = {f.name: int if f.name == "seed" else float for f in fields(cls)}
        return cls(**{name: kinds[name](text) for name, text in given.items()})  # type: ignore[arg-type]


_ETHERNET = 14  # bytes of header: a frame for somebody else would not show what a bad payload does


class Wire:
    """One direction of a cable. `now` is in seconds of any clock that does not go back."""

    def __init__(self, impairment: Impairment, direction: str) -> None:
        self._impairment = impairment
        self._random = random.Random(f"{impairment.seed} {direction}")
        self._waiting: list[tuple[float, int, bytes]] = []
        self._count = 0

    def put(self, frame: bytes, now: float) -> None:
        """A frame enters."""
        faults = self._impairment
        # Always the same number of draws a frame: which ones are lost does not depend on the other faults.
        lost, doubled, late, bad, where = (self._random.random() for _ in range(5))
        if lost < faults.loss:
            return
        if bad < faults.corrupt and len(frame) > _ETHERNET:
            frame = _corrupted(frame, where)
        at = now + faults.delay_ms / 1000
        if late < faults.reorder:
            at += faults.reorder_ms / 1000
        for _ in range(2 if doubled < faults.duplicate else 1):
            self._count += 1
            heapq.heappush(self._waiting, (at, self._count, frame))

    def take(self, now: float) -> list[bytes]:
        """The frames that leave by `now`, in their order."""
        due = []
        while self._waiting and self._waiting[0][0] <= now:
            due.append(heapq.heappop(self._waiting)[2])
        return due

    def next_at(self) -> float | None:
        """When the next frame leaves; None while none waits."""
        return self._waiting[0][0] if self._waiting else None


def _corrupted(frame: bytes, where: float) -> bytes:
    bits = (len(frame) - _ETHERNET) * 8
    bit = _ETHERNET * 8 + min(int(where * bits), bits - 1)
    data = bytearray(frame)
    data[bit // 8] ^= 1 << bit % 8
    return bytes(data)
