"""A rack on one interface: a pcapng file for each boot of each machine, bounded in size and number.

A boot begins with the machine's DHCP DISCOVER: a firmware's after an operating system's (the machine was
reset), or any after QUIET_SECONDS without a frame. Who sends no DISCOVER is not recorded.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pxe.capture.recorder import PcapFile, Stop
from pxe.capture.ring import Frame, Ring
from pxe.errors import WireError
from pxe.net.udp import raise_fd_limit
from pxe.wire.dhcp4 import DhcpPacket, MessageType, Op, Option, decode

QUIET_SECONDS: Final = 60.0
MAX_FILES: Final = 500  # in the folder; the oldest goes
MAX_OPEN: Final = 1000  # machines that boot at the same time
MAX_BYTES: Final = 16 << 20  # of one boot
_PORTS: Final = (b"\0\x43", b"\0\x44")  # 67, 68
_ETHERNET: Final = 14


@dataclass
class _Boot:
    file: PcapFile
    firmware: bool  # whether its newest DISCOVER came from a firmware
    last_ns: int
    pending: list[Frame] = field(default_factory=list)

    def write(self) -> None:
        self.file.write(self.pending)
        self.pending.clear()

    def close(self) -> None:
        self.write()
        self.file.close()


class Rack:
    """Sorts frames into files below `folder`. Time is that of the frames."""

    def __init__(self, folder: Path, interface: str, *, max_files: int = MAX_FILES) -> None:
        self._folder, self._interface, self._max_files = folder, interface, max_files
        self._boots: dict[bytes, _Boot] = {}  # by MAC
        raise_fd_limit(MAX_OPEN + 64)

    def run(self, ring: Ring, stop: Stop) -> None:
        """Record until `stop`."""
        while not stop.asked:
            ring.wait(0.5)
            for frames in ring.blocks():
                self.take(frames)
        self.close()

    def take(self, frames: Iterable[Frame]) -> None:
        """Write each frame into the file of the boot that it belongs to. Raises ServiceError for the disk."""
        newest = 0
        for frame in frames:
            newest, data = frame[0], frame[1]
            mac = data[6:12] if data[6:12] in self._boots else data[:6]
            if data[12:14] == b"\x08\0" and data[23:24] == b"\x11" and data[34:36] in _PORTS:
                packet = _dhcp(data)
                if packet is not None:
                    mac = bytes(packet.chaddr)
                    self._begin(mac, packet, frame[0])
            boot = self._boots.get(mac)
            if boot is not None:
                boot.last_ns = frame[0]
                boot.pending.append(frame)
        for boot in self._boots.values():
            if boot.pending:
                boot.write()
        self._end_quiet(newest)

    def close(self) -> None:
        """Close all files."""
        for boot in self._boots.values():
            boot.close()
        self._boots.clear()

    def _begin(self, mac: bytes, packet: DhcpPacket, t_ns: int) -> None:
        if packet.op != Op.REQUEST or packet.message_type is not MessageType.DISCOVER or len(mac) != 6:
            return
        firmware = Option.CLIENT_ARCH in packet.options
        boot = self._boots.get(mac)
        if boot is not None and (boot.firmware or not firmware):
            boot.firmware = firmware
            return
        if boot is not None:
            boot.close()
        elif len(self._boots) >= MAX_OPEN:
            return
        when = datetime.fromtimestamp(t_ns / 1e9, UTC)
        name = f"{when:%Y%m%dT%H%M%S.%f}Z-{mac.hex('-')}.pcapng"
        comment = f"boot of {mac.hex(':')} at {when.isoformat()}"
        self._make_room()
        file = PcapFile(self._folder / name, self._interface, comment, MAX_BYTES)
        self._boots[mac] = _Boot(file, firmware, t_ns)

    def _end_quiet(self, now_ns: int) -> None:
        for mac, boot in list(self._boots.items()):
            if now_ns - boot.last_ns > QUIET_SECONDS * 1e9:
                boot.close()
                del self._boots[mac]

    def _make_room(self) -> None:
        """Remove the oldest files: names sort by time. Those still open go on without a name."""
        names = (
            sorted(n for n in os.listdir(self._folder) if n.endswith(".pcapng"))
            if self._folder.is_dir()
            else []
        )
        for name in names[: max(0, len(names) + 1 - self._max_files)]:
            (self._folder / name).unlink(missing_ok=True)


def _dhcp(frame: bytes) -> DhcpPacket | None:
    try:
        return decode(frame[_ETHERNET + (frame[14] & 15) * 4 + 8 :])
    except (WireError, IndexError):
        return None
