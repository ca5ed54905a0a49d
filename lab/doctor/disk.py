"""Room for leases, results and images: bytes, inodes, and whether anything can be written at all."""

import errno
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.cache import cache_dir
from lab.doctor.finding import Finding, fault, ok, warning
from lab.doctor.rounds import Patient
from lab.errors import InfrastructureError

_MIB = 1 << 20
_FULL, _TIGHT = 16 * _MIB, 512 * _MIB  # a lease is some hundred bytes, a boot's record some megabytes
_INODES = 1000


@dataclass(frozen=True, slots=True)
class Room:
    """A folder's file system. `inodes` is None where the file system has no such limit (btrfs)."""

    folder: Path  # the nearest one that exists
    free: int
    size: int
    inodes: int | None
    obstacle: str = ""  # why a file cannot be made there


def check_disk(patient: Patient) -> Iterator[Finding]:
    """Folders of the site file, and the cache."""
    wanted: dict[str, Path] = {}
    if patient.site is not None:
        wanted = {"state": patient.site.service.state_dir, "results": patient.site.results}
    try:
        wanted["cache"] = cache_dir()
    except InfrastructureError as exc:
        yield fault(str(exc), "export BOOTLAB_CACHE=/a/folder/of/yours")
    for what, folder in wanted.items():
        yield judge_room(what, folder, look(folder))


def look(folder: Path) -> Room:
    """Return what room there is for `folder`, by writing one byte into a file without a name for long."""
    existing = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())
    obstacle = ""
    try:
        with tempfile.TemporaryFile(dir=existing) as file:
            file.write(b"\0" * 4096)
            file.flush()
    except OSError as exc:
        obstacle = errno.errorcode.get(exc.errno or 0, "") or str(exc)
    stat = os.statvfs(existing)
    inodes = stat.f_favail if stat.f_files else None
    return Room(existing, stat.f_bavail * stat.f_frsize, stat.f_blocks * stat.f_frsize, inodes, obstacle)


def judge_room(what: str, folder: Path, room: Room) -> Finding:
    """Judge the folder of `what` (state, results, cache)."""
    where = f"{what} folder {folder}"
    match room.obstacle:
        case "EROFS":
            return fault(f"{where}: the file system is read-only", f"mount -o remount,rw {room.folder}")
        case "EACCES" | "EPERM":
            told = f"{where}: this user (uid {os.geteuid()}) may not write to {room.folder}"
            return warning(told, f"run the service as its owner, or chown $USER {room.folder}")
        case "ENOSPC" | "EDQUOT":
            return fault(f"{where}: the disk is full ({room.free // _MIB} MiB free)", f"df -h {room.folder}")
        case "":
            pass
        case other:
            return fault(f"{where}: a file cannot be made in {room.folder} ({other})")
    told = f"{where}: {room.free // _MIB} MiB of {room.size // _MIB} MiB free"
    if room.free < _FULL:
        return fault(f"{told}: leases will not be stored, so no address be granted", f"df -h {room.folder}")
    if room.inodes is not None and room.inodes < _INODES:
        return fault(f"{where}: only {room.inodes} more files can be made (inodes)", f"df -i {room.folder}")
    if room.free < _TIGHT:
        return warning(f"{told}: a day of recordings fills that", f"df -h {room.folder}")
    return ok(told)
