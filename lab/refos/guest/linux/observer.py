"""What can be looked at on the real machine."""

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from lab.refos.guest.linux import files, kmsg, proc
from lab.refos.guest.model import (
    BpfInstruction,
    Disk,
    FileEntry,
    KernelMessage,
    Mount,
    Packet,
    Process,
    Statistics,
)


class LinuxObserver:
    """Everything as the kernel shows it."""

    def kernel_log(self, *, follow: bool, tail: bool) -> AsyncIterator[KernelMessage]:
        """Read /dev/kmsg."""
        return kmsg.messages(follow=follow, tail=tail)

    def mounts(self) -> Sequence[Mount]:
        """Read /proc/self/mounts."""
        return proc.mounts()

    def disks(self) -> Sequence[Disk]:
        """Read /sys/block."""
        return proc.disks()

    def statistics(self) -> Statistics:
        """Read /proc/stat."""
        return proc.statistics(Path("/proc/stat").read_text(), os.sysconf("SC_CLK_TCK"))

    def table(self, name: str) -> str:
        """Read it; "" where this kernel has none."""
        try:
            return Path("/proc", name).read_text(errors="replace")
        except OSError:
            return ""

    def processes(self) -> Sequence[Process]:
        """Read the folders of /proc."""
        from lab.refos.guest.linux import processes  # not at every boot

        return processes.processes()

    def socket_owners(self) -> Mapping[int, tuple[int, str]]:
        """Read the folders of /proc."""
        from lab.refos.guest.linux import processes  # not at every boot

        return processes.socket_owners()

    def read(self, path: str) -> AsyncIterator[bytes]:
        """Read a regular file."""
        return files.read(path)

    def listing(self, root: str, depth: int) -> AsyncIterator[FileEntry]:
        """Walk through folders."""
        return files.listing(root, depth)

    def capture(
        self, interface: str, *, promiscuous: bool, snap_len: int, program: Sequence[BpfInstruction]
    ) -> AsyncIterator[Packet]:
        """Open a packet socket."""
        from lab.refos.guest.linux.capture import frames  # ctypes: not at every boot

        return frames(interface, promiscuous=promiscuous, snap_len=snap_len, program=program)
