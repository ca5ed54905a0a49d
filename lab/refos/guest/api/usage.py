"""MachineService: what a dashboard asks: name, load, memory, processors, processes, counters of devices."""

import re
from collections.abc import Iterator
from typing import Any

from lab.machineapi import machine_pb2 as pb
from lab.refos.guest.api.call import Call

_SYMBOLS = re.compile(r"[()_ ]")
_NO_DEVICES = ("loop", "ram")
_COUNTER = (1 << 64) - 1  # the kernel's wrap there


async def hostname(call: Call, request: object) -> pb.HostnameResponse:
    """Return the host's name."""
    return pb.HostnameResponse(messages=[pb.Hostname(hostname=call.node.platform.network.hostname())])


async def load_average(call: Call, request: object) -> pb.LoadAvgResponse:
    """Return how many processes wanted to run in the last 1, 5 and 15 minutes."""
    words = (call.node.platform.observer.table("loadavg").split() + ["0"] * 3)[:3]
    one, five, fifteen = map(_real, words)
    return pb.LoadAvgResponse(messages=[pb.LoadAvg(load1=one, load5=five, load15=fifteen)])


async def memory(call: Call, request: object) -> pb.MemoryResponse:
    """Return /proc/meminfo, its rows in KiB as they are there."""
    known = pb.MemInfo.DESCRIPTOR.fields_by_name
    found = {}
    for line in call.node.platform.observer.table("meminfo").splitlines():
        name, _, value = line.partition(":")
        field = _SYMBOLS.sub("", name).lower()
        if field in known:
            found[field] = _whole(value.split()[0] if value.split() else "")
    return pb.MemoryResponse(messages=[pb.Memory(meminfo=pb.MemInfo(**found))])


async def cpu_info(call: Call, request: object) -> pb.CPUInfoResponse:
    """Return a processor for each block of /proc/cpuinfo."""
    blocks = call.node.platform.observer.table("cpuinfo").split("\n\n")
    found = [_cpu(block) for block in blocks if block.startswith("processor")]
    return pb.CPUInfoResponse(messages=[pb.CPUsInfo(cpu_info=found)])


# Rows of /proc/cpuinfo (of an arm64 kernel, too) that are called otherwise than the field, without spaces
_CPU_NAMES = {
    "cpuidlevel": "cpu_id_level",
    "clflushsize": "cl_flush_size",
    "Features": "flags",
    "BogoMIPS": "bogo_mips",
    "bogomips": "bogo_mips",
    "CPUimplementer": "vendor_id",
    "CPUarchitecture": "cpu_family",
    "CPUpart": "model",
    "CPUrevision": "stepping",
}


def _cpu(block: str) -> pb.CPUInfo:
    message = pb.CPUInfo()
    fields = {name.replace("_", ""): field for name, field in pb.CPUInfo.DESCRIPTOR.fields_by_name.items()}
    for line in block.splitlines():
        name, _, value = line.partition(":")
        name, value = _SYMBOLS.sub("", name.strip()), value.strip()
        field = fields.get(_CPU_NAMES.get(name, name.lower()).replace("_", ""))
        if field is None:
            continue
        if field.name in ("flags", "bugs"):
            getattr(message, field.name).extend(value.split())
        elif field.cpp_type == field.CPPTYPE_UINT32:
            setattr(message, field.name, min(_whole(value), (1 << 32) - 1))
        elif field.cpp_type == field.CPPTYPE_DOUBLE:
            setattr(message, field.name, _real(value))
        else:
            setattr(message, field.name, value)
    return message


async def network_device_stats(call: Call, request: object) -> pb.NetworkDeviceStatsResponse:
    """Return /proc/net/dev; the total is that of all interfaces."""
    rows = call.node.platform.observer.table("net/dev").splitlines()[2:]
    devices = [_counters(pb.NetDev, name.strip(), rest) for name, _, rest in (r.partition(":") for r in rows)]
    stats = pb.NetworkDeviceStats(total=_total(pb.NetDev, devices), devices=devices)
    return pb.NetworkDeviceStatsResponse(messages=[stats])


async def disk_stats(call: Call, request: object) -> pb.DiskStatsResponse:
    """Return /proc/diskstats; the total is that of whole disks, whose partitions would count twice."""
    whole = {disk.name.rpartition("/")[2] for disk in call.node.platform.observer.disks()}
    rows = (line.split(None, 3) for line in call.node.platform.observer.table("diskstats").splitlines())
    devices = [
        _counters(pb.DiskStat, row[2], row[3])
        for row in rows
        if len(row) == 4 and not row[2].startswith(_NO_DEVICES)
    ]
    total = _total(pb.DiskStat, [device for device in devices if device.name in whole])
    return pb.DiskStatsResponse(messages=[pb.DiskStats(total=total, devices=devices)])


async def processes(call: Call, request: object) -> pb.ProcessesResponse:
    """Return what runs."""
    found = [
        pb.ProcessInfo(
            pid=process.pid,
            ppid=process.parent,
            state=process.state,
            threads=process.threads,
            cpu_time=process.cpu_time,
            virtual_memory=process.virtual_memory,
            resident_memory=process.resident_memory,
            command=process.command,
            executable=process.executable,
            args=process.arguments,
        )
        for process in call.node.platform.observer.processes()
    ]
    return pb.ProcessesResponse(messages=[pb.Process(processes=found)])


def _counters(kind: Any, name: str, text: str) -> Any:
    """Return a message whose counters stand in `text` in the order of their numbers."""
    return kind(name=name, **dict(zip(_names(kind), map(_whole, text.split()), strict=False)))


def _total(kind: Any, devices: list[Any]) -> Any:
    sums = {name: sum(getattr(device, name) for device in devices) for name in _names(kind)}
    return kind(name="total", **{name: value & _COUNTER for name, value in sums.items()})


def _names(kind: Any) -> Iterator[str]:
    return (field.name for field in kind.DESCRIPTOR.fields if field.name != "name")


def _whole(text: str) -> int:
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= 20 else 0
    return min(number, _COUNTER)


def _real(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
