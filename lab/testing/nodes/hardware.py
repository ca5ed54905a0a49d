"""The machine below a simulated node, in memory: what survives a reboot, slots, resolvers.

Each class is one part of lab.refos.guest.platform.Platform.
"""

import asyncio
import socket
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace

import dnslib

from lab.machineconfig.model import Link
from lab.refos.guest.model import (
    CpuTimes,
    ImageRefused,
    PlatformError,
    Slot,
    SlotHealth,
    SlotName,
    Slots,
    Statistics,
)
from lab.testing.machine_platform import MemoryObserver, MemoryStore
from lab.testing.nodes.behaviour import Behaviour, Fault

_SLOW_SECONDS = 60.0
_QUERY_SECONDS = 2.0
_TRIES = 3


class LimitedStore(MemoryStore):
    """What survives a reboot; where `full`, nothing more does. `saved` counts."""

    full = False
    saved = 0

    async def save(self, name: str, text: str) -> None:
        """See Store."""
        if self.full:
            raise PlatformError(f"{name} cannot be saved: no space left on the STATE partition")
        self.saved += 1
        await super().save(name, text)


class BootObserver(MemoryObserver):
    """What differs from boot to boot."""

    def __init__(self) -> None:
        super().__init__({"/proc/sys/kernel/random/boot_id": f"{uuid.uuid4()}\n".encode()})
        self._statistics = Statistics(int(time.time()), CpuTimes())

    def statistics(self) -> Statistics:
        """See Observer."""
        return self._statistics


@dataclass(slots=True)
class BootSlots:
    """Two slots; an image is anything whose name ends with -VERSION, -VERSION.raucb or :VERSION.

    `erase` is called with the labels of partitions that are wiped, none for all of the disk.
    """

    name: str
    fault: Fault
    behaviour: Behaviour
    booted: SlotName = SlotName.A
    first: SlotName = SlotName.A
    table: dict[SlotName, Slot] = field(default_factory=dict)
    erase: Callable[[Sequence[str]], None] = lambda labels: None

    async def slots(self) -> Slots:
        """See SlotControl."""
        return Slots(self.booted, self.first, dict(self.table))

    async def activate(self, slot: SlotName) -> None:
        """See SlotControl."""
        self.first = slot

    async def mark(self, slot: SlotName, *, good: bool) -> None:
        """See SlotControl."""
        health = SlotHealth.GOOD if good else SlotHealth.BAD
        self.table[slot] = replace(self.table[slot], health=health)
        if not good:
            self.first = slot.other

    async def pull(self, image: str) -> AsyncIterator[str]:
        """See SlotControl."""
        _version_of(image)
        yield f"{image} is there"

    async def install(
        self, image: str, disk: str, *, wipe: bool, kernel_args: Sequence[str] = ()
    ) -> AsyncIterator[str]:
        """See SlotControl."""
        _version_of(image)
        yield f"{disk}: a simulated node is installed from the beginning"

    async def upgrade(self, image: str) -> AsyncIterator[str]:
        """See SlotControl."""
        version = _version_of(image)
        target = self.booted.other
        self.table[target] = Slot("", SlotHealth.EMPTY)
        yield f"writing slot {target}"
        await asyncio.sleep(self.behaviour.seconds(self.name, "write", self.behaviour.write_seconds))
        self.table[target] = Slot(version, SlotHealth.TRIAL)
        self.first = target
        yield f"slot {target} has version {version}"

    async def wipe(self, labels: Sequence[str], disks: Sequence[str]) -> None:
        """See SlotControl."""
        self.erase(labels)

    def boot(self) -> str:
        """Start again: the slot that the loader chooses, and the version that runs then."""
        chosen = self.table.get(self.first)
        broken = self.fault is Fault.BAD_IMAGE and chosen is not None and chosen.health is SlotHealth.TRIAL
        if chosen is None or broken or chosen.health in (SlotHealth.BAD, SlotHealth.EMPTY):
            if chosen is not None:
                self.table[self.first] = replace(chosen, health=SlotHealth.BAD)
            self.first = self.first.other
        self.booted = self.first
        return self.table[self.booted].version


def _version_of(image: str) -> str:
    name = image.rpartition("/")[2].removesuffix(".raucb")
    version = name.partition(":")[2] or name.rpartition("-")[2]
    if not version.removeprefix("v")[:1].isdecimal():
        raise ImageRefused(
            f"{image}: the name of an image for simulated nodes ends with -VERSION or :VERSION"
        )
    return version


@dataclass(slots=True)
class LoopbackNetwork:
    """One address of this host; DNS queries really are sent from it."""

    name: str
    address: str
    fault: Fault
    dns_port: int = 53
    servers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()

    async def set_hostname(self, name: str) -> None:
        """See Network."""
        self.name = name or self.name

    def hostname(self) -> str:
        """See Network."""
        return self.name

    async def set_links(self, plans: Sequence[Link]) -> None:
        """See Network."""

    def addresses(self) -> tuple[str, ...]:
        """See Network."""
        return (self.address,)

    async def set_resolvers(self, servers: Sequence[str], search: Sequence[str]) -> None:
        """See Network."""
        if self.fault is Fault.SLOW and self.servers:
            await asyncio.sleep(_SLOW_SECONDS)
        self.servers, self.search = tuple(servers), tuple(search)

    def resolvers(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """See Network."""
        return self.servers, self.search

    async def gateway_fault(self) -> str:
        """See Network."""
        return ""

    async def resolve(self, name: str) -> tuple[str, ...]:
        """See Network."""
        if self.fault is Fault.MUTE:
            return ()
        if self.fault is Fault.UNREADY:
            raise PlatformError(f"{name}: no answer of {', '.join(self.servers)}")
        for server in self.servers:
            raw = await self._ask(server, dnslib.DNSRecord.question(name).pack())
            if raw[6:8] == bytes(2):  # the number of answers: most names of a lab do not exist
                return ()
            if raw:
                return tuple(str(rr.rdata) for rr in dnslib.DNSRecord.parse(raw).rr)
        raise PlatformError(f"{name}: no answer of {', '.join(self.servers) or 'nobody: no server is set'}")

    async def set_time(self, servers: Sequence[str]) -> None:
        """See Network."""

    async def _ask(self, server: str, query: bytes) -> bytes:
        """Send a query from our own address; b"" where no answer comes."""
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
            sock.bind((self.address, 0))
            sock.connect((server, self.dns_port))
            for _ in range(_TRIES):
                try:
                    async with asyncio.timeout(_QUERY_SECONDS):
                        await loop.sock_sendall(sock, query)
                        while True:
                            raw = await loop.sock_recv(sock, 4096)
                            if raw[:2] == query[:2]:
                                return raw
                except (TimeoutError, OSError):
                    continue
        return b""
