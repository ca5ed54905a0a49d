"""Disks of an emulated board: files of the host that outlive its power."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.errors import ConfigError, InfrastructureError

SECTOR = 512
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_SIZE = re.compile(r"(\d{1,15})\s*([KMGT]?)(?:I?B)?")
_LARGEST = 8 << 40  # bytes; a slip of the keyboard, beyond


@dataclass(frozen=True, slots=True)
class Disk:
    """`path`: the file, None for one of the place's own; `size` in bytes, 0 for that of an existing file."""

    path: Path | None = None
    size: int = 0


@dataclass(frozen=True, slots=True)
class Attached:
    """A disk as QEMU shall see it. `log`: where it notes every write and flush (see lab.powercut)."""

    file: Path
    log: Path | None = None


def disks_of(value: Any) -> tuple[Disk, ...]:
    """Return the disks of the option `disks`: a list of `{size: 2G}`, `{path: FILE}` or both.

    Raises ConfigError with every fault, naming the disk by its number.
    """
    if not isinstance(value, list | tuple):
        raise ConfigError([f"disks: {value!r} is no list of disks, such as [{{size: 2G}}]"])
    faults: list[str] = []
    disks = [_disk(item, f"disks[{number}]", faults) for number, item in enumerate(value)]
    if faults:
        raise ConfigError(faults)
    return tuple(disks)


def prepare(disk: Disk, own: Path) -> Path:
    """Return the file of `disk`, made sparse where it is missing; `own` is its file where it names none.

    Raises InfrastructureError where the file is missing and no size is given, cannot be made, is smaller
    than the size asked for, or is not made of whole sectors.
    """
    path = disk.path or own
    try:
        if not path.exists():
            if not disk.size:
                raise InfrastructureError(f"the disk {path} does not exist: give its size to have it made")
            with path.open("xb") as file:
                file.truncate(disk.size)
        there = path.stat().st_size
        if not os.access(path, os.R_OK | os.W_OK):
            raise InfrastructureError(f"the disk {path} cannot be written by this user")
    except OSError as exc:
        raise InfrastructureError(f"the disk {path} cannot be made: {exc.strerror}") from exc
    if there % SECTOR or there < max(disk.size, SECTOR):
        raise InfrastructureError(
            f"the disk {path} has {there} bytes: wanted are whole sectors, and {disk.size} bytes at least"
        )
    return path


def disk_words(number: int, disk: Attached, device: str) -> list[str]:
    """Return QEMU's arguments for disk `number` on a `device` such as virtio-blk-device.

    The host's own flushes are left out (cache.no-flush): what is tested is the loss of the board's power,
    not of ours, and they would make every write of the board wait for the host's disk.
    """
    name, file = f"disk{number}", _node(disk.file)
    if disk.log is None:
        words = ["-blockdev", f"node-name={name},{file}"]
    else:
        words = ["-blockdev", f"node-name={name}-data,{file}"]
        words += ["-blockdev", f"node-name={name}-log,{_node(disk.log)}"]
        words += [
            "-blockdev",
            f"driver=blklogwrites,node-name={name},file={name}-data,log={name}-log,"
            f"log-sector-size={SECTOR},log-super-update-interval=1",
        ]
    return [*words, "-device", f"{device},drive={name}"]


def _node(file: Path) -> str:
    name = str(file).replace(",", ",,")  # QEMU splits at commas
    return f"driver=raw,cache.no-flush=on,file.driver=file,file.filename={name}"


def _disk(item: Any, where: str, faults: list[str]) -> Disk:
    if not isinstance(item, dict) or not item:
        faults.append(f"{where}: {item!r} is no disk: give size, path or both, such as {{size: 2G}}")
        return Disk()
    for key in item.keys() - {"size", "path"}:
        faults.append(f"{where}: there is no option {key!r}; there are size and path")
    path, size = item.get("path"), item.get("size", 0)
    if path is not None and (not isinstance(path, str | Path) or not str(path)):
        faults.append(f"{where}.path: {path!r} is no path of a file")
        path = None
    return Disk(Path(path).absolute() if path else None, _bytes(size, f"{where}.size", faults))


def _bytes(value: Any, where: str, faults: list[str]) -> int:
    match = _SIZE.fullmatch(str(value).strip().upper()) if not isinstance(value, bool) else None
    size = int(match[1]) * _UNITS[match[2]] if match else -1
    if size < 0 or size % SECTOR or size > _LARGEST:
        faults.append(f"{where}: {value!r} is no size of a disk: whole sectors of 512 bytes, such as 2G")
        return 0
    return size
