"""Captures as evidence: `read` takes any pcap or pcapng file, also of a server that is not ours."""

import mmap
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from pxe.errors import CaptureError
from pxe.explain.capture import link
from pxe.explain.capture.files import Buffer, Faults, frames
from pxe.explain.capture.machines import evidence
from pxe.explain.capture.sorter import Sorter
from pxe.explain.evidence import Evidence

__all__ = ["Capture", "read", "read_bytes"]


@dataclass(frozen=True, slots=True)
class Capture:
    """What a file holds: evidence by machine (its MAC, or its address where no frame tells the MAC), and what
    was wrong with the file. Times are nanoseconds since 1970."""

    machines: dict[str, Evidence]
    frames: int
    first_ns: int
    last_ns: int
    faults: tuple[str, ...] = ()


def read(path: Path) -> Capture:
    """Read a capture. Raises CaptureError, which says what to do, where it is none or cannot be read."""
    try:
        with path.open("rb") as file:
            if file.seek(0, 2) == 0:
                raise CaptureError(f"{path} is empty: nothing was recorded")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return read_bytes(data, str(path))
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else str(exc)
        raise CaptureError(f"{path} cannot be read: {reason}") from None


def read_bytes(data: Buffer, name: str) -> Capture:
    """The same for bytes in memory; `name` is for messages."""
    faults, sorter, others = Faults(), Sorter(), Counter[int]()
    count = first_ns = last_ns = 0
    for frame in frames(data, name, faults):
        count, t_ns, kind = frame[0], frame[1], frame[2]
        first_ns = first_ns or t_ns
        last_ns = max(last_ns, t_ns)
        if kind in link.READABLE:
            sorter.take(data, frame)
        else:
            others[kind] += 1
    if count and sum(others.values()) == count:
        kinds = ", ".join(link.name(kind) for kind in others)
        raise CaptureError(f"{name} is of link type {kinds}: record on the wire (Ethernet) instead")
    for kind, number in others.items():
        faults.add(f"{number} frames of link type {link.name(kind)} were passed over")
    sorter.end(last_ns)
    if sorter.tftp.dropped:
        faults.add(f"{sorter.tftp.dropped} TFTP transfers were passed over: too many for one look")
    machines = evidence(sorter, (last_ns - first_ns) / 1e9)
    return Capture(machines, count, first_ns, last_ns, tuple(faults.said))
