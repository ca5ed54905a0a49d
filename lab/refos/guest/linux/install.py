"""An empty disk becomes ours: partitions, environment, STATE, a slot, and last what the firmware starts."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from stat import S_ISBLK
from typing import BinaryIO

from lab.refos.guest.linux.command import run
from lab.refos.guest.linux.store import FileStore
from lab.refos.guest.model import PlatformError

STATE = Path("/state")
_FILES = Path("/usr/lib/refos")
_LINKS = Path("/dev/refos")
_TABLE_AT = 512  # bytes: the header of a GPT
_GPT = b"EFI PART"
_MBR_AT = 510
_MBR = b"\x55\xaa"
_HEAD = 512
_COPY = 1 << 20


def check_disk(disk: str, *, wipe: bool) -> None:
    """Raise PlatformError for what is no disk, and for a used one unless `wipe`.

    An installation of ours that did not come to its end may be overwritten: nobody could use it yet.
    """
    device = Path(disk)
    if not (device.is_absolute() and device.exists() and S_ISBLK(device.stat().st_mode)):
        raise PlatformError(f"{disk} is no block device of this machine")
    if not wipe and _has_partitions(device) and not _half_installed(device):
        raise PlatformError(f"{disk} has partitions already: erase it first, or install with wipe")


def _half_installed(device: Path) -> bool:
    boot = (_LINKS / "boot").resolve()
    return boot.name.startswith(device.name) and boot.exists() and not is_bootable()


async def prepare_disk(disk: str, *, store: FileStore) -> AsyncIterator[str]:
    """Partition `disk`, fill ENV and STATE; no firmware boots it yet. Raises PlatformError."""
    await unmount_state()
    if (_LINKS / "boot").exists():
        await asyncio.to_thread(_clear_head, _LINKS / "boot")  # first: it must not boot half a system
    yield f"partitioning {disk}"
    table = (_FILES / "partitions.sfdisk").read_bytes()
    await run(["sfdisk", "--quiet", "--wipe", "always", "--wipe-partitions", "always", disk], stdin=table)
    await run(["refos-links"])
    await asyncio.to_thread(_clear_head, _LINKS / "boot")
    yield "writing ENV"
    await asyncio.to_thread(_copy, _FILES / "env.img", _LINKS / "env")
    yield "making the file system of STATE"
    await run(["mke2fs", "-q", "-F", "-t", "ext4", "-L", "STATE", str(_LINKS / "state")], timeout=120)
    await run(["mount", "-t", "ext4", "-o", "noatime,nosuid,nodev", str(_LINKS / "state"), str(STATE)])
    await move_store(store, STATE)


async def make_bootable() -> AsyncIterator[str]:
    """Write BOOT when all else is on the disk: power that fails before this leaves a disk that counts as not
    installed, and the machine comes over the network again. Raises PlatformError."""
    yield "writing BOOT"
    await asyncio.to_thread(_copy, _FILES / "boot.img", _LINKS / "boot")


def is_bootable() -> bool:
    """Whether an installation came to its end: BOOT begins with a boot sector."""
    try:
        with (_LINKS / "boot").open("rb") as file:
            return file.read(_HEAD)[_MBR_AT : _MBR_AT + 2] == _MBR
    except OSError:
        return False


async def move_store(store: FileStore, folder: Path) -> None:
    """Go on in another folder with all that was saved so far."""
    target = FileStore(folder)
    for path in sorted(store.folder.iterdir()):
        if path.suffix in (".old", ".new", ".link") or not path.is_file():
            continue
        saved = await store.load(path.name)
        if saved is not None:
            await target.save(path.name, saved.text)
    store.folder, store.fault = folder, ""


async def unmount_state() -> None:
    """Let go of STATE, where it is mounted."""
    if STATE.is_mount():
        await run(["sync"])
        with contextlib.suppress(PlatformError):
            await run(["umount", "-l", str(STATE)])


def _has_partitions(device: Path) -> bool:
    try:
        with device.open("rb") as file:
            start = file.read(_TABLE_AT + len(_GPT))
    except OSError as error:
        raise PlatformError(f"{device} cannot be read: {error.strerror}") from None
    return start[_TABLE_AT:] == _GPT or start[_MBR_AT : _MBR_AT + 2] == _MBR


def _clear_head(target: Path) -> None:
    try:
        with target.open("r+b") as file:
            file.write(bytes(_HEAD))
            _flush(file)
    except OSError as error:
        raise PlatformError(f"{target} cannot be written: {error.strerror}") from None


def _flush(file: BinaryIO) -> None:
    """To the disk, not into its cache: sync(2) does not do that for what is written to a block device."""
    file.flush()
    os.fsync(file.fileno())


def _copy(source: Path, target: Path) -> None:
    """The first sector last, by which firmware and we know what is there."""
    try:
        with source.open("rb") as read, target.open("r+b") as write:
            head = read.read(_HEAD)
            write.seek(_HEAD)
            while piece := read.read(_COPY):
                write.write(piece)
            _flush(write)
            write.seek(0)
            write.write(head)
            _flush(write)
    except OSError as error:
        raise PlatformError(f"{source} cannot be written to {target}: {error.strerror}") from None
