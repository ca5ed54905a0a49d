"""Installing and upgrading by RAUC, and the boot loader's choice of slot."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from lab.refos.guest.linux import bootenv, commandline, proc, release, web
from lab.refos.guest.linux.command import lines, run
from lab.refos.guest.linux.install import (
    check_disk,
    is_bootable,
    make_bootable,
    prepare_disk,
    unmount_state,
)
from lab.refos.guest.linux.store import FileStore
from lab.refos.guest.model import ImageRefused, PlatformError, SlotName, Slots

LINKS = Path("/dev/refos")
_OTHER = Path("/run/refos/other-slot")
_PERCENT = re.compile(r"^(\d{1,3})% (.*)$")
_CONFIG = Path("/etc/rauc/system.conf")
_COMPATIBLE = re.compile(r"^\s*compatible\s*[:=]\s*'?([\w.-]+)'?\s*$", re.IGNORECASE | re.MULTILINE)
_LAST_ERROR = re.compile(r"LastError: (.*)")
_BLOCK = 1 << 20
# RAUC writes the slot that is not booted: where none is, slot A shall be the first one
_NOT_BOOTED = SlotName.B
_RESERVE = 48 << 20  # bytes of memory: what RAUC, its D-Bus and the copying take


class RaucSlots:
    """The slots of the disk, if there is one. `booted` is None where the system came over the network."""

    def __init__(self, booted: SlotName | None, store: FileStore) -> None:
        self._booted = booted
        self._store = store
        self._versions: dict[SlotName, str | None] = {}
        self.fault = ""  # of the boot loader's environment

    async def slots(self) -> Slots:
        """Read the environment; of a slot that does not run, the release file on it."""
        if not _device(SlotName.A).exists() or (
            self._booted is None and not await asyncio.to_thread(is_bootable)
        ):
            return Slots(self._booted, None)
        for name in SlotName:
            if name not in self._versions:
                self._versions[name] = await self._version(name)
        try:
            environment = await bootenv.read()
            self.fault = ""
        except PlatformError as error:
            # An installation that never came to its end, or what the boot loader cannot read either
            environment = {}
            self.fault = str(error)
        return bootenv.slots_of(environment, self._booted, self._versions)

    async def _version(self, name: SlotName) -> str | None:
        if name is self._booted:
            return release.read().version
        device = _device(name)
        if not await asyncio.to_thread(bootenv.has_file_system, device):
            return None
        _OTHER.mkdir(parents=True, exist_ok=True)
        try:
            await run(["mount", "-t", "ext4", "-o", "ro,noload", str(device), str(_OTHER)])
        except PlatformError:
            return ""  # half written: there is something, and nobody can say what
        try:
            return release.read(_OTHER / "etc/refos-release").version
        except PlatformError:
            return ""
        finally:
            await run(["umount", str(_OTHER)])

    async def activate(self, slot: SlotName) -> None:
        """Try this slot first, with all attempts."""
        attempts = {f"BOOT_{slot}_LEFT": str(bootenv.ATTEMPTS)}
        await bootenv.write({"BOOT_ORDER": bootenv.order_with(slot), **attempts})

    async def mark(self, slot: SlotName, *, good: bool) -> None:
        """All attempts again, or none any more."""
        await bootenv.write({f"BOOT_{slot}_LEFT": str(bootenv.ATTEMPTS) if good else "0"})

    async def pull(self, image: str) -> AsyncIterator[str]:
        """Have RAUC read the manifest and verify its signature; see that it is for this machine."""
        _check_name(image)
        yield f"reading the manifest of {image}"
        await _check_memory(image)
        # The service that is started here is the one that will install
        await run(["refos-updater", *([] if self._booted is not None else [_NOT_BOOTED])], timeout=60)
        try:
            said = await run(["rauc", "info", image], timeout=120)
        except PlatformError as error:
            raise ImageRefused(f"{image}: {reason_of(str(error))}") from None
        check_compatible(image, said, await asyncio.to_thread(_CONFIG.read_text))
        for line in said.splitlines():
            if line.strip().startswith(("Compatible", "Version")):
                yield line.strip()

    async def install(
        self, image: str, disk: str, *, wipe: bool, kernel_args: Sequence[str] = ()
    ) -> AsyncIterator[str]:
        """Partition, then RAUC; what the store has goes to STATE, which is mounted from then on."""
        _check_name(image)
        check_disk(disk, wipe=wipe)
        async for line in self.pull(image):  # before anything is written
            yield line
        async for line in prepare_disk(disk, store=self._store):
            yield line
        args = [*kernel_args, *commandline.kept(Path("/proc/cmdline").read_text(errors="replace"))]
        if args:
            await bootenv.write({"BOOT_ARGS": " ".join(args)})
        self._versions.clear()
        async for line in _rauc_install(image, _NOT_BOOTED):
            yield line
        async for line in make_bootable():
            yield line
        self._versions.clear()
        await asyncio.to_thread(os.sync)

    async def upgrade(self, image: str) -> AsyncIterator[str]:
        """Have RAUC write the slot that does not run, and make that the first."""
        assert self._booted is not None
        _check_name(image)
        self._versions.pop(self._booted.other, None)
        async for line in _rauc_install(image):
            yield line

    async def wipe(self, labels: Sequence[str], disks: Sequence[str]) -> None:
        """Overwrite the beginning of what is named, where file systems and boot loaders look."""
        targets = [_named(label) for label in labels]
        if not targets and not disks:
            # The partition table last: without the partitions it would still look like a disk of ours
            targets = [*sorted(LINKS.iterdir(), reverse=True), *_system_disks()]
        await unmount_state()
        for target in [*targets, *(Path(disk) for disk in disks)]:
            await asyncio.to_thread(_erase, target)


def _device(name: SlotName) -> Path:
    return LINKS / f"slot-{name.lower()}"


def _named(label: str) -> Path:
    path = LINKS / label.lower()
    if "/" in label or not path.exists():
        known = ", ".join(sorted(entry.name.upper() for entry in LINKS.iterdir())) if LINKS.exists() else ""
        raise PlatformError(f"there is no partition {label!r}; there are {known or 'none'}")
    return path


def _system_disks() -> list[Path]:
    """Return the disk that has our partitions."""
    found = {
        Path("/sys/class/block", entry.resolve().name).resolve().parent.name for entry in LINKS.iterdir()
    }
    return [Path("/dev", name) for name in sorted(found)]


def _erase(target: Path) -> None:
    """Write zeros over the first MiB and the last."""
    try:
        with target.open("r+b", buffering=0) as file:
            end = file.seek(0, os.SEEK_END)
            for start in {0, max(end - _BLOCK, 0)}:
                file.seek(start)
                file.write(bytes(min(_BLOCK, end - start)))
            os.fsync(file.fileno())
    except OSError as error:
        raise PlatformError(f"{target} cannot be erased: {error.strerror}") from None


def _check_name(image: str) -> None:
    """Take URLs only: RAUC would take other words for options, or for files of the node."""
    if not image.startswith(("http://", "https://")) or not image.isprintable():
        raise ImageRefused(f"{image!r} is no http or https URL")


def reason_of(text: str) -> str:
    """Return what RAUC says is wrong, without what it and curl tell of their work."""
    told = [part for part in text.split("; ") if not part.startswith(("rauc", "* "))]
    return "; ".join(told) or text


def check_compatible(image: str, manifest: str, config: str) -> None:
    """Raise ImageRefused where `rauc info` says that an image is for other machines than system.conf does."""
    given, ours = _COMPATIBLE.search(manifest), _COMPATIBLE.search(config)
    if given is None or ours is None or given[1] != ours[1]:
        raise ImageRefused(
            f"{image}: is for {given[1] if given else 'no machine that it names'}, "
            f"and this machine takes {ours[1] if ours else 'nothing'}"
        )


async def _check_memory(image: str) -> None:
    """Debian builds RAUC without streaming: it fetches the whole bundle to /tmp, which is memory.

    Where the server does not say how large it is, /tmp is full before the memory is: half of it (init.sh).
    """
    size, room = await web.size_of(image), proc.available_memory(Path("/proc/meminfo").read_text()) - _RESERVE
    if size is not None and size > room:
        raise ImageRefused(
            f"{image}: has {size >> 20} MiB, and this node has {max(room, 0) >> 20} MiB of memory "
            "to spare for it; a bundle is fetched to memory before it is checked"
        )


async def _rauc_install(image: str, booted: SlotName | None = None) -> AsyncIterator[str]:
    """Yield RAUC's progress. Raises ImageRefused with the reason that it gives at the end."""
    yield f"request {image}"
    await _check_memory(image)
    await run(["refos-updater", *([booted] if booted is not None else [])], timeout=60)
    reason = ""
    try:
        async for line in lines(["rauc", "install", image]):
            if (found := _LAST_ERROR.search(line)) is not None:
                reason = found[1]
            elif (percent := _PERCENT.match(line)) is not None:
                yield f"{percent[1]}% {percent[2]}"
    except PlatformError as error:
        raise ImageRefused(f"{image}: {reason or error}") from None
