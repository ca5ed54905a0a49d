"""Every call of the API by its path: what answers it, and the role it takes."""

from collections.abc import Mapping

from google.protobuf.empty_pb2 import Empty
from grpclib.const import Handler

from lab.machineapi import (
    cluster_pb2,
    common_pb2,
    lifecycle_pb2,
    machine_pb2,
    netstat_pb2,
    resource_pb2,
    storage_pb2,
)
from lab.refos.guest.api import (
    capture,
    kubernetes,
    lifecycle,
    looking,
    machine,
    netstat,
    state,
    usage,
    watching,
)
from lab.refos.guest.api.access import Role
from lab.refos.guest.api.call import Method, handler
from lab.refos.guest.node import Node

_READER, _OPERATOR, _ADMIN = Role.READER, Role.OPERATOR, Role.ADMIN
_m, _l, _s, _d = machine_pb2, lifecycle_pb2, resource_pb2, common_pb2.Data
_c, _n = cluster_pb2, netstat_pb2

METHODS: Mapping[str, Method] = {
    "/machine.MachineService/ApplyConfiguration": Method(
        machine.apply_configuration, _ADMIN, _m.ApplyConfigurationRequest, _m.ApplyConfigurationResponse
    ),
    "/machine.MachineService/Bootstrap": Method(
        kubernetes.bootstrap, _ADMIN, _c.BootstrapRequest, _c.BootstrapResponse
    ),
    "/machine.MachineService/CPUInfo": Method(usage.cpu_info, _READER, Empty, _m.CPUInfoResponse),
    "/machine.MachineService/DiskStats": Method(usage.disk_stats, _READER, Empty, _m.DiskStatsResponse),
    "/machine.MachineService/Dmesg": Method(watching.dmesg, _READER, _m.DmesgRequest, _d),
    "/machine.MachineService/EtcdMemberList": Method(
        kubernetes.member_list, _READER, _c.EtcdMemberListRequest, _c.EtcdMemberListResponse
    ),
    "/machine.MachineService/EtcdSnapshot": Method(kubernetes.snapshot, _ADMIN, _c.EtcdSnapshotRequest, _d),
    "/machine.MachineService/EtcdStatus": Method(kubernetes.status, _READER, Empty, _c.EtcdStatusResponse),
    "/machine.MachineService/Events": Method(watching.events, _READER, _m.EventsRequest, _m.Event),
    "/machine.MachineService/GenerateClientConfiguration": Method(
        kubernetes.client_configuration,
        _ADMIN,
        _c.GenerateClientConfigurationRequest,
        _c.GenerateClientConfigurationResponse,
    ),
    "/machine.MachineService/Hostname": Method(usage.hostname, _READER, Empty, _m.HostnameResponse),
    "/machine.MachineService/Kubeconfig": Method(kubernetes.kubeconfig, _ADMIN, Empty, _d),
    "/machine.MachineService/List": Method(looking.listing, _READER, _m.ListRequest, _m.FileInfo),
    "/machine.MachineService/LoadAvg": Method(usage.load_average, _READER, Empty, _m.LoadAvgResponse),
    "/machine.MachineService/Logs": Method(watching.logs, _READER, _m.LogsRequest, _d),
    "/machine.MachineService/Memory": Method(usage.memory, _READER, Empty, _m.MemoryResponse),
    "/machine.MachineService/MetaDelete": Method(
        machine.meta_delete, _ADMIN, _m.MetaDeleteRequest, _m.MetaDeleteResponse
    ),
    "/machine.MachineService/MetaWrite": Method(
        machine.meta_write, _ADMIN, _m.MetaWriteRequest, _m.MetaWriteResponse
    ),
    "/machine.MachineService/Mounts": Method(looking.mounts, _READER, Empty, _m.MountsResponse),
    "/machine.MachineService/NetworkDeviceStats": Method(
        usage.network_device_stats, _READER, Empty, _m.NetworkDeviceStatsResponse
    ),
    "/machine.MachineService/Netstat": Method(
        netstat.netstat, _READER, _n.NetstatRequest, _n.NetstatResponse
    ),
    "/machine.MachineService/PacketCapture": Method(
        capture.packet_capture, _OPERATOR, _m.PacketCaptureRequest, _d
    ),
    "/machine.MachineService/Processes": Method(usage.processes, _READER, Empty, _m.ProcessesResponse),
    "/machine.MachineService/Read": Method(looking.read, _ADMIN, _m.ReadRequest, _d),
    "/machine.MachineService/Reboot": Method(machine.reboot, _OPERATOR, _m.RebootRequest, _m.RebootResponse),
    "/machine.MachineService/Reset": Method(machine.reset, _ADMIN, _m.ResetRequest, _m.ResetResponse),
    "/machine.MachineService/Rollback": Method(
        machine.rollback, _ADMIN, _m.RollbackRequest, _m.RollbackResponse
    ),
    "/machine.MachineService/ServiceList": Method(
        looking.service_list, _READER, Empty, _m.ServiceListResponse
    ),
    "/machine.MachineService/Shutdown": Method(
        machine.shutdown, _OPERATOR, _m.ShutdownRequest, _m.ShutdownResponse
    ),
    "/machine.MachineService/SystemStat": Method(looking.system_stat, _READER, Empty, _m.SystemStatResponse),
    "/machine.MachineService/Upgrade": Method(machine.upgrade, _ADMIN, _m.UpgradeRequest, _m.UpgradeResponse),
    "/machine.MachineService/Version": Method(machine.version, _READER, Empty, _m.VersionResponse),
    "/machine.LifecycleService/Install": Method(
        lifecycle.install, _ADMIN, _l.LifecycleServiceInstallRequest, _l.LifecycleServiceInstallResponse
    ),
    "/machine.LifecycleService/Upgrade": Method(
        lifecycle.upgrade, _ADMIN, _l.LifecycleServiceUpgradeRequest, _l.LifecycleServiceUpgradeResponse
    ),
    "/machine.ImageService/Pull": Method(
        lifecycle.pull, _OPERATOR, _l.ImageServicePullRequest, _l.ImageServicePullResponse
    ),
    "/storage.StorageService/Disks": Method(looking.disks, _READER, Empty, storage_pb2.DisksResponse),
    "/cosi.resource.State/Get": Method(state.get, _READER, _s.GetRequest, _s.GetResponse),
    "/cosi.resource.State/List": Method(state.listing, _READER, _s.ListRequest, _s.ListResponse),
    "/cosi.resource.State/Watch": Method(state.watch, _READER, _s.WatchRequest, _s.WatchResponse),
}


class Methods(dict[str, Handler]):
    """The table as grpclib asks it, for one node; nothing is made before it is called.

    A fleet has ten thousand nodes in one process: a ready table for each would cost a hundred megabytes.
    """

    def __init__(self, node: Node) -> None:
        super().__init__()
        self._node = node

    def get(self, path: str, default: object = None) -> Handler | None:  # type: ignore[override]
        """Return what answers a call to this path, None where nothing does."""
        method = METHODS.get(path)
        return handler(self._node, path, method) if method is not None else None
