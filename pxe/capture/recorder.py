"""One file of packets, bounded: what the ring gives goes in, until it is full or closed."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from pxe.capture import pcapng
from pxe.capture.ring import Frame, Ring
from pxe.errors import ServiceError

MAX_BYTES: Final = 64 << 20  # a boot of 75 MB by TFTP makes some 9 MB
DRAIN_SECONDS: Final = 0.15  # three times what the kernel takes to hand over a block that is not full


class PcapFile:
    """A pcapng file that is being written. Raises ServiceError where the disk does not take it."""

    def __init__(self, path: Path, interface: str, comment: str, max_bytes: int = MAX_BYTES) -> None:
        self.path = path
        self.full = False
        self._max_bytes = max_bytes
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("wb", buffering=0)
            self._size = self._file.write(pcapng.header(interface, comment))
        except OSError as exc:
            raise ServiceError(f"cannot record to {path}: {exc.strerror}") from exc

    def write(self, frames: Iterable[Frame]) -> None:
        """Append packets. Once the file has its limit, or the disk is full, nothing more is written."""
        if self.full:
            return
        data = b"".join([pcapng.packet(*frame) for frame in frames])
        try:
            if self._size + len(data) <= self._max_bytes:
                self._size += self._file.write(data)
                return
        except OSError:
            self._file.truncate(self._size)  # never half a block
        self.full = True

    def close(self, received: int = 0, dropped: int = 0) -> None:
        """Write the counts of packets that passed and that came too fast, and close."""
        if not self.full:
            try:
                self._file.write(pcapng.statistics(time.time_ns(), received, dropped))
            except OSError:
                self._file.truncate(self._size)
        self._file.close()


def record(ring: Ring, file: PcapFile, stop: "Stop") -> None:
    """Write what the ring gives until `stop` is set and what came before it is written, too."""
    while not stop.asked:
        ring.wait(0.5)
        for frames in ring.blocks():
            file.write(frames)
    while ring.wait(DRAIN_SECONDS):
        for frames in ring.blocks():
            file.write(frames)
        if time.monotonic() - stop.asked_at > 1.0:  # who is asked to stop while more comes without end
            break
    file.close(*ring.counts())


class Stop:
    """A signal handler that remembers."""

    def __init__(self) -> None:
        self.asked = False
        self.asked_at = 0.0

    def __call__(self, *_: object) -> None:
        """The signal came; whatever comes again changes nothing."""
        if not self.asked:
            self.asked, self.asked_at = True, time.monotonic()
