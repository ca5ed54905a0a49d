"""Mounts, disks and counters as /proc and /sys have them."""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from lab.refos.guest.model import CpuTimes, Disk, Mount, Statistics

_BLOCK = Path("/sys/block")
_LINKS = Path("/dev/refos")
_SECTOR = 512  # what /sys counts in, whatever the disk has
_NO_DISKS = ("loop", "ram", "dm-", "nbd", "zram", "md")


def mounts() -> list[Mount]:
    """Return what is mounted."""
    found = []
    for line in Path("/proc/self/mounts").read_text().splitlines():
        device, where = line.split(" ")[:2]
        path = where.replace("\\040", " ")
        with contextlib.suppress(OSError):
            space = os.statvfs(path)
            size, free = space.f_blocks * space.f_frsize, space.f_bavail * space.f_frsize
            found.append(Mount(device, size, free, path))
    return found


def statistics(text: str, ticks: int) -> Statistics:
    """Read a text like /proc/stat; `ticks` a second."""
    rows: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, _, rest = line.partition(" ")
        rows[name] = rest.split()

    def number(name: str) -> int:
        return int(rows.get(name, ["0"])[0])

    cpus = sorted(
        (int(name[3:]), row) for name, row in rows.items() if name[:3] == "cpu" and name[3:].isdecimal()
    )
    return Statistics(
        boot_time=number("btime"),
        total=_cpu(rows.get("cpu", []), ticks),
        cpus=tuple(_cpu(row, ticks) for _, row in cpus),
        interrupts=number("intr"),
        context_switches=number("ctxt"),
        processes=number("processes"),
        running=number("procs_running"),
        blocked=number("procs_blocked"),
        soft_interrupts=number("softirq"),
    )


def _cpu(row: list[str], ticks: int) -> CpuTimes:
    return CpuTimes(*(int(word) / ticks for word in row[:10]))


def available_memory(text: str) -> int:
    """Return the bytes that a text like /proc/meminfo says can still be had."""
    rows = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return int(rows.get("MemAvailable", "0 kB").split()[0]) << 10


def disks() -> list[Disk]:
    """Return the whole block devices that are hardware."""
    if not _BLOCK.is_dir():
        return []
    return [_disk(entry) for entry in sorted(_BLOCK.iterdir()) if not entry.name.startswith(_NO_DISKS)]


def _disk(entry: Path) -> Disk:
    device = entry.resolve()
    return Disk(
        name=f"/dev/{entry.name}",
        size=int(_text(entry / "size") or 0) * _SECTOR,
        model=_text(entry / "device/model"),
        serial=_text(entry / "serial") or _text(entry / "device/serial"),
        bus_path=str(device.parent.parent).removeprefix("/sys/devices"),
        subsystem=str(entry / "subsystem"),
        system=entry.name in _system_disks(),
        readonly=_text(entry / "ro") == "1",
        rotational=_text(entry / "queue/rotational") == "1",
    )


def _system_disks() -> set[str]:
    """Return the names of the disks with our partitions."""
    if not _LINKS.is_dir():
        return set()
    return {Path("/sys/class/block", link.resolve().name).resolve().parent.name for link in _LINKS.iterdir()}


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def set_sysctls(values: Mapping[str, str], top: Path = Path("/proc/sys")) -> dict[str, str]:
    """Write kernel parameters; return what was refused and why. Dots or slashes, as in sysctl(8)."""
    refused = {}
    for name, value in values.items():
        parts = name.split("/") if "/" in name else name.split(".")
        if any(part in ("", ".", "..") for part in parts):
            refused[name] = "is no name of a kernel parameter"
            continue
        try:
            top.joinpath(*parts).write_text(f"{value}\n")
        except FileNotFoundError:
            refused[name] = "there is no such kernel parameter"
        except OSError as error:
            refused[name] = error.strerror or "is refused"
    return refused
