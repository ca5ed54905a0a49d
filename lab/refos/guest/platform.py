"""What the API of a node needs of the machine below it: `linux` is the real one, a fleet has simulated ones.

Nothing here knows of gRPC. Every method that may wait is a coroutine or an asynchronous iterator; times are
seconds, sizes bytes. A method that cannot do what it is asked raises PlatformError: one sentence that names
the cause.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from lab.machineconfig.model import Authority, Link
from lab.refos.guest.model import (
    BpfInstruction,
    Disk,
    FileEntry,
    Identity,
    KernelMessage,
    Mount,
    Packet,
    Process,
    Release,
    Saved,
    SlotName,
    Slots,
    Statistics,
)


class Store(Protocol):
    """What survives a reboot. Without an installed disk it lasts as long as the machine runs.

    Names in use: `config` (the machine configuration, YAML), `upgrade` (JSON: what was switched from and to).
    """

    async def load(self, name: str) -> Saved | None:
        """Return what was saved last, or None where nothing is there.

        Raises PlatformError where something is there and no copy of it can be read.
        """
        ...

    async def save(self, name: str, text: str) -> None:
        """Replace it so that a power cut leaves the old or the new text whole; on disk when this returns."""
        ...

    async def delete(self, name: str) -> None:
        """Forget it; nothing happens where it is not there."""
        ...


class SlotControl(Protocol):
    """The boot loader's environment and what is written to the slots."""

    async def slots(self) -> Slots:
        """Read the environment."""
        ...

    async def activate(self, slot: SlotName) -> None:
        """Make the loader try this slot first, with a full count of attempts."""
        ...

    async def mark(self, slot: SlotName, *, good: bool) -> None:
        """Say that a slot is good, or that it shall not be tried again."""
        ...

    def pull(self, image: str) -> AsyncIterator[str]:
        """Look at an image (a URL) without writing it: reachable, signed, for this machine. Yields progress.

        Raises ImageRefused.
        """
        ...

    def install(
        self, image: str, disk: str, *, wipe: bool, kernel_args: Sequence[str] = ()
    ) -> AsyncIterator[str]:
        """Partition a disk and write slot A. Yields progress; raises PlatformError, ImageRefused.

        `kernel_args` are added to the kernel's command line of both slots.

        What the store holds is on the disk's STATE partition afterwards. A disk that already holds a system
        is refused unless `wipe`.
        """
        ...

    def upgrade(self, image: str) -> AsyncIterator[str]:
        """Write the image to the slot that is not booted and make that the first. Yields progress.

        Raises PlatformError, ImageRefused; the booted slot is untouched then and still the first.
        """
        ...

    async def wipe(self, labels: Sequence[str], disks: Sequence[str]) -> None:
        """Erase partitions by label (STATE, SLOT-A, ...), all of the system disk where none; and `disks`."""
        ...


class Network(Protocol):
    """Name, addresses, resolvers, time."""

    async def set_hostname(self, name: str) -> None:
        """Set the host's name; "" leaves what the network gave."""
        ...

    def hostname(self) -> str:
        """Return the host's name."""
        ...

    async def set_links(self, links: Sequence[Link]) -> None:
        """Configure the links; none named: DHCP on the first. Returns once an address is there.

        Raises PlatformError where none came.
        """
        ...

    def addresses(self) -> tuple[str, ...]:
        """Return the addresses of this machine without loopback, no prefix length."""
        ...

    async def set_resolvers(self, servers: Sequence[str], search: Sequence[str]) -> None:
        """Ask these servers from now on; none named: those that DHCP gave."""
        ...

    def resolvers(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return (servers, search domains) in use."""
        ...

    async def resolve(self, name: str) -> tuple[str, ...]:
        """Ask the resolvers in use for the addresses of a name, really: no cache. () where it does not exist.

        Raises PlatformError where no resolver answered.
        """
        ...

    async def gateway_fault(self) -> str:
        """Return why the default gateway is not there, "" where it is, or where there is none to ask."""
        ...

    async def set_time(self, servers: Sequence[str]) -> None:
        """Set the clock from the first server that answers; none named: from the real-time clock.

        Raises PlatformError.
        """
        ...


class Observer(Protocol):
    """What can be looked at."""

    def kernel_log(self, *, follow: bool, tail: bool) -> AsyncIterator[KernelMessage]:
        """Yield the kernel's messages from boot, or only new ones where `tail`; end there unless `follow`."""
        ...

    def mounts(self) -> Sequence[Mount]:
        """Return what is mounted."""
        ...

    def disks(self) -> Sequence[Disk]:
        """Return the whole block devices."""
        ...

    def statistics(self) -> Statistics:
        """Return the counters of the kernel."""
        ...

    def table(self, name: str) -> str:
        """Return a table as /proc has it: loadavg, meminfo, cpuinfo, net/dev, net/tcp, diskstats; or ""."""
        ...

    def processes(self) -> Sequence[Process]:
        """Return what runs."""
        ...

    def socket_owners(self) -> Mapping[int, tuple[int, str]]:
        """Return the process (number, name) that holds each socket, by the socket's inode."""
        ...

    def read(self, path: str) -> AsyncIterator[bytes]:
        """Yield a regular file (or one of /proc and /sys) in chunks of at most 64 KiB.

        Raises PlatformError for what is none: a folder, a device, a pipe.
        """
        ...

    def listing(self, root: str, depth: int) -> AsyncIterator[FileEntry]:
        """Yield `root` and what is below it, `depth` levels deep (0: itself); links are not followed."""
        ...

    def capture(
        self, interface: str, *, promiscuous: bool, snap_len: int, program: Sequence[BpfInstruction]
    ) -> AsyncIterator[Packet]:
        """Yield frames of an interface until closed. Raises PlatformError where there is none such."""
        ...


class Platform(Protocol):
    """A machine. One object per node."""

    @property
    def release(self) -> Release:
        """What runs here."""
        ...

    @property
    def store(self) -> Store:
        """What survives a reboot."""
        ...

    @property
    def slots(self) -> SlotControl:
        """Installing, upgrading, and the boot loader's choice."""
        ...

    @property
    def network(self) -> Network:
        """Name, addresses, resolvers, time."""
        ...

    @property
    def observer(self) -> Observer:
        """What can be looked at."""
        ...

    async def identity(
        self, authority: Authority | None, accepted: Sequence[bytes], names: Sequence[str]
    ) -> Identity:
        """Issue the server's certificate: self-signed and asking for no client where `authority` is None.

        Otherwise signed by it, and the context demands a client's certificate of the same authority or one of
        those `accepted` (PEM). `names` are further host names and addresses for subjectAltName.
        """
        ...

    async def set_sysctls(self, values: Mapping[str, str]) -> None:
        """Write kernel parameters. Raises PlatformError that names the one that was refused."""
        ...

    async def services(self) -> Mapping[str, str]:
        """Return the services below the API by name with what is wrong with each, "" where nothing is."""
        ...

    def say(self, line: str) -> None:
        """Print a line on the console; it is prefixed `refos: ` there."""
        ...

    async def reboot(self) -> None:
        """Flush, unmount, and start again; on a real machine this does not return."""
        ...

    async def power_off(self) -> None:
        """Flush, unmount, and switch off."""
        ...
