"""MachineService and StorageService: what can be looked at: services, files, mounts, disks."""

from collections.abc import AsyncIterator
from stat import S_ISDIR, S_ISLNK, S_ISREG

from lab.machineapi import common_pb2, storage_pb2
from lab.machineapi import machine_pb2 as pb
from lab.refos.guest.api.call import Call
from lab.refos.guest.api.stamp import stamp
from lab.refos.guest.model import CpuTimes
from lab.refos.guest.services import Service

_DEEPEST = 64
_TYPES = {pb.ListRequest.REGULAR: S_ISREG, pb.ListRequest.DIRECTORY: S_ISDIR, pb.ListRequest.SYMLINK: S_ISLNK}


async def read(call: Call, request: pb.ReadRequest) -> AsyncIterator[common_pb2.Data]:
    """Yield a file in pieces."""
    async for piece in call.node.platform.observer.read(request.path):
        yield common_pb2.Data(data=piece)


async def listing(call: Call, request: pb.ListRequest) -> AsyncIterator[pb.FileInfo]:
    """Yield a folder and what is below it."""
    depth = min(request.recursion_depth or _DEEPEST, _DEEPEST) if request.recurse else 1
    wanted = [_TYPES[kind] for kind in request.types if kind in _TYPES]
    async for entry in call.node.platform.observer.listing(request.root or "/", depth):
        if wanted and not any(check(entry.mode) for check in wanted):
            continue
        yield pb.FileInfo(
            name=entry.name,
            relative_name=entry.relative_name,
            size=entry.size,
            mode=entry.mode,
            modified=entry.modified,
            is_dir=S_ISDIR(entry.mode),
            error=entry.error,
            link=entry.link,
            uid=entry.uid,
            gid=entry.gid,
        )


async def mounts(call: Call, request: object) -> pb.MountsResponse:
    """Return what is mounted."""
    stats = [
        pb.MountStat(
            filesystem=mount.filesystem,
            size=mount.size,
            available=mount.available,
            mounted_on=mount.mounted_on,
        )
        for mount in call.node.platform.observer.mounts()
    ]
    return pb.MountsResponse(messages=[pb.Mounts(stats=stats)])


async def service_list(call: Call, request: object) -> pb.ServiceListResponse:
    """Return the services and what became of them."""
    services = [_service(name, service) for name, service in sorted(call.node.services.services.items())]
    return pb.ServiceListResponse(messages=[pb.ServiceList(services=services)])


def _service(name: str, service: Service) -> pb.ServiceInfo:
    events = [
        pb.ServiceEvent(msg=message, state=state, ts=stamp(at)) for at, state, message in service.history
    ]
    health = pb.ServiceHealth(
        healthy=not service.fault, last_message=service.fault, last_change=stamp(service.since)
    )
    return pb.ServiceInfo(id=name, state=service.state, events=pb.ServiceEvents(events=events), health=health)


async def system_stat(call: Call, request: object) -> pb.SystemStatResponse:
    """Return the counters of the kernel."""
    found = call.node.platform.observer.statistics()
    stat = pb.SystemStat(
        boot_time=found.boot_time,
        cpu_total=_cpu(found.total),
        cpu=[_cpu(one) for one in found.cpus],
        irq_total=found.interrupts,
        context_switches=found.context_switches,
        process_created=found.processes,
        process_running=found.running,
        process_blocked=found.blocked,
        soft_irq_total=found.soft_interrupts,
    )
    return pb.SystemStatResponse(messages=[stat])


def _cpu(times: CpuTimes) -> pb.CPUStat:
    return pb.CPUStat(**times._asdict())


async def disks(call: Call, request: object) -> storage_pb2.DisksResponse:
    """Return the whole block devices."""
    found = [
        storage_pb2.Disk(
            size=disk.size,
            model=disk.model,
            device_name=disk.name,
            name=disk.name.rpartition("/")[2],
            serial=disk.serial,
            type=storage_pb2.Disk.HDD if disk.rotational else storage_pb2.Disk.SSD,
            bus_path=disk.bus_path,
            system_disk=disk.system,
            subsystem=disk.subsystem,
            readonly=disk.readonly,
        )
        for disk in call.node.platform.observer.disks()
    ]
    return storage_pb2.DisksResponse(messages=[storage_pb2.Disks(disks=found)])
