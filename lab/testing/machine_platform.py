"""A machine below the API of refos that a test holds in its hands: real TLS, everything else in memory."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lab.machineconfig.model import Authority, Link
from lab.refos.guest.linux.identity import issue
from lab.refos.guest.model import (
    BpfInstruction,
    CpuTimes,
    Disk,
    FileEntry,
    Identity,
    ImageRefused,
    KernelMessage,
    Mount,
    Packet,
    PlatformError,
    Process,
    Release,
    Saved,
    Slot,
    SlotHealth,
    SlotName,
    Slots,
    Statistics,
)

INSTALLED = Slots(
    SlotName.A,
    SlotName.A,
    {SlotName.A: Slot("v1.0.0", SlotHealth.GOOD), SlotName.B: Slot("", SlotHealth.EMPTY)},
)
FROM_NETWORK = Slots(None, None)
RELEASE = Release("v1.0.0", "0" * 64, "2026-01-01T00:00:00Z", "arm64")


@dataclass
class MemoryStore:
    """A store of texts; `faults` are what a damaged one says, `before` the copies before."""

    texts: dict[str, str] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    before: dict[str, str] = field(default_factory=dict)

    async def load(self, name: str) -> Saved | None:
        """As Store has it."""
        text = self.texts.get(name)
        if text is None and name in self.faults:
            raise PlatformError(self.faults[name])
        return Saved(text, self.faults.get(name), self.before.get(name)) if text is not None else None

    async def save(self, name: str, text: str) -> None:
        """As Store has it."""
        self.texts[name] = text

    async def delete(self, name: str) -> None:
        """As Store has it."""
        self.texts.pop(name, None)


@dataclass
class MemorySlots:
    """Slots of a disk. An image is `IMAGE:VERSION`; `gate` holds a write until it is set."""

    state: Slots = INSTALLED
    done: list[str] = field(default_factory=list)
    gate: asyncio.Event | None = None

    async def slots(self) -> Slots:
        """As SlotControl has it."""
        return self.state

    async def activate(self, slot: SlotName) -> None:
        """Note it."""
        self.done.append(f"activate {slot}")
        self.state = replace(self.state, first=slot)

    async def mark(self, slot: SlotName, *, good: bool) -> None:
        """Note it."""
        self.done.append(f"mark {slot} {'good' if good else 'bad'}")
        health = SlotHealth.GOOD if good else SlotHealth.BAD
        self._set(slot, replace(self.state.slots[slot], health=health))

    async def pull(self, image: str) -> AsyncIterator[str]:
        """Look at the name only."""
        yield f"looking at {image}"
        self._check(image)

    async def install(
        self, image: str, disk: str, *, wipe: bool, kernel_args: Sequence[str] = ()
    ) -> AsyncIterator[str]:
        """Note it; nothing is booted from the disk yet."""
        yield f"writing to {disk}"
        self._check(image)
        self.done.append(" ".join(["install", image, disk, *kernel_args]))
        self.state = replace(INSTALLED, booted=None)

    async def upgrade(self, image: str) -> AsyncIterator[str]:
        """Yield two lines; between them `gate` can hold it."""
        yield "0%"
        self._check(image)
        if self.gate is not None:
            await self.gate.wait()
        yield "100%"
        assert self.state.booted is not None
        target = self.state.booted.other
        self._set(target, Slot(image.partition(":")[2], SlotHealth.GOOD))
        await self.activate(target)

    async def wipe(self, labels: Sequence[str], disks: Sequence[str]) -> None:
        """Note it."""
        self.done.append(f"wipe {','.join(labels)}")

    def _set(self, name: SlotName, slot: Slot) -> None:
        self.state = replace(self.state, slots={**self.state.slots, name: slot})

    @staticmethod
    def _check(image: str) -> None:
        if image.startswith("bad"):
            raise ImageRefused(f"{image}: signature verification failed")


@dataclass
class MemoryNetwork:
    """`answering`: whether the resolvers answer; `faults`: what cannot be done, by what it is."""

    name: str = "refos"
    have: tuple[str, ...] = ("192.0.2.10",)
    servers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    answering: bool = True
    faults: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    links: tuple[Link, ...] = ()

    async def set_hostname(self, name: str) -> None:
        """Keep it."""
        self.name = name or "refos"

    def hostname(self) -> str:
        """Return it."""
        return self.name

    async def set_links(self, links: Sequence[Link]) -> None:
        """Keep them."""
        self._fail("links")
        self.links = tuple(links)

    def addresses(self) -> tuple[str, ...]:
        """Return `have`."""
        return self.have

    async def set_resolvers(self, servers: Sequence[str], search: Sequence[str]) -> None:
        """Keep them."""
        self.servers, self.search = tuple(servers), tuple(search)

    def resolvers(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return them."""
        return self.servers, self.search

    async def resolve(self, name: str) -> tuple[str, ...]:
        """Note who was asked for."""
        self.asked.append(name)
        if not self.answering:
            raise PlatformError("no resolver answers")
        return ("192.0.2.10",)

    async def gateway_fault(self) -> str:
        """Return what `faults` has for `gateway`."""
        return self.faults.get("gateway", "")

    async def set_time(self, servers: Sequence[str]) -> None:
        """Do nothing, or fail."""
        self._fail("time")

    def _fail(self, what: str) -> None:
        if what in self.faults:
            raise PlatformError(self.faults[what])


@dataclass
class MemoryObserver:
    """A machine with one file, one disk and a kernel that said little."""

    files: dict[str, bytes] = field(default_factory=lambda: {"/etc/hostname": b"refos\n"})
    packets: list[Packet] = field(default_factory=list)
    captures_open: int = 0
    tables: dict[str, str] = field(default_factory=lambda: {"loadavg": "0.25 0.50 0.75 1/42 99\n"})

    async def kernel_log(self, *, follow: bool, tail: bool) -> AsyncIterator[KernelMessage]:
        """Yield two messages."""
        for number, text in enumerate(["Booting Linux", "a device"]):
            yield KernelMessage(number, 6, 0, 1_000_000 * number, text)
        if follow:
            await asyncio.Event().wait()

    def mounts(self) -> Sequence[Mount]:
        """Return one."""
        return [Mount("/dev/vda4", 1 << 20, 1 << 19, "/state")]

    def disks(self) -> Sequence[Disk]:
        """Return one."""
        return [Disk("/dev/vda", 1 << 30, system=True)]

    def statistics(self) -> Statistics:
        """Return made-up numbers."""
        return Statistics(1_700_000_000, CpuTimes(user=1.5), (CpuTimes(user=1.5),), context_switches=7)

    def table(self, name: str) -> str:
        """Return what `tables` has."""
        return self.tables.get(name, "")

    def processes(self) -> Sequence[Process]:
        """Return one."""
        return [Process(1, 0, "S", 1, 0.5, 1 << 20, 1 << 19, "init", "/usr/sbin/init", "/sbin/init")]

    def socket_owners(self) -> Mapping[int, tuple[int, str]]:
        """Return one."""
        return {4711: (1, "init")}

    async def read(self, path: str) -> AsyncIterator[bytes]:
        """Yield one of `files`."""
        if path not in self.files:
            raise PlatformError(f"{path}: no such file")
        yield self.files[path]

    async def listing(self, root: str, depth: int) -> AsyncIterator[FileEntry]:
        """Yield the root and all `files`."""
        yield FileEntry(root, ".", mode=0o40755)
        for path, data in self.files.items():
            yield FileEntry(path, path.removeprefix(root).lstrip("/"), size=len(data), mode=0o100644)

    async def capture(
        self, interface: str, *, promiscuous: bool, snap_len: int, program: Sequence[BpfInstruction]
    ) -> AsyncIterator[Packet]:
        """Yield `packets`, then wait."""
        if interface != "eth0":
            raise PlatformError(f"{interface}: no such interface")
        self.captures_open += 1
        try:
            for packet in self.packets:
                yield replace(packet, data=packet.data[:snap_len])
            await asyncio.Event().wait()
        finally:
            self.captures_open -= 1


@dataclass
class MemoryPlatform:
    """All of it. `lines` is the console, `left` how it was left: reboot, power off."""

    slots: MemorySlots = field(default_factory=MemorySlots)
    store: MemoryStore = field(default_factory=MemoryStore)
    network: MemoryNetwork = field(default_factory=MemoryNetwork)
    observer: MemoryObserver = field(default_factory=MemoryObserver)
    release: Release = RELEASE
    lines: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)
    sysctls: dict[str, str] = field(default_factory=dict)
    folder: tempfile.TemporaryDirectory[str] = field(default_factory=tempfile.TemporaryDirectory)

    async def identity(
        self, authority: Authority | None, accepted: Sequence[bytes], names: Sequence[str]
    ) -> Identity:
        """Issue a real one."""
        return await issue(Path(self.folder.name), authority, accepted, names)

    async def set_sysctls(self, values: Mapping[str, str]) -> None:
        """Keep them."""
        if "no.such" in values:
            raise PlatformError("no.such: no such kernel parameter")
        self.sysctls = dict(values)

    async def services(self) -> Mapping[str, str]:
        """Return `broken` and one that is not."""
        return {"storage": "", **self.broken}

    def say(self, line: str) -> None:
        """Keep it in `lines`."""
        self.lines.append(line)

    async def reboot(self) -> None:
        """Note it."""
        self.left.append("reboot")

    async def power_off(self) -> None:
        """Note it."""
        self.left.append("power off")
