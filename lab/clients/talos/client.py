"""One node's API, asynchronous. Written against Talos 1.12 to 1.14; no call is forwarded to another node.

Every method raises NodeError (or a class of it) or NodeAccessDenied, in one sentence that names the node.
"""

from collections.abc import Sequence
from typing import Self, TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from lab.clients.talos.channel import Answers, Connection
from lab.clients.talos.cluster import ClusterCalls, only
from lab.clients.talos.errors import NodeError, printable
from lab.clients.talos.events import decode
from lab.clients.talos.model import Applied, ApplyMode, BpfInstruction, NodeEvent, NodeVersion
from lab.clients.talos.resources import Resources
from lab.clients.talos.tls import Credentials
from lab.clock import now_ns
from lab.machineapi import common_pb2, machine_pb2, netstat_pb2, storage_pb2
from lab.machineapi.machine_grpc import MachineServiceStub
from lab.machineapi.storage_grpc import StorageServiceStub

One = TypeVar("One", bound=Message)
PROTOCOLS = ("tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6")
_LONGEST_DIFFERENCE = 1 << 20  # characters: a first configuration is all new
_MODES = machine_pb2.ApplyConfigurationRequest.Mode


class NodeClient:
    """The calls of one node; a context manager. `timeout`: seconds, for each call that answers once."""

    def __init__(self, node: str, credentials: Credentials, *, timeout: float = 20.0) -> None:
        self.node = node
        self.connection = Connection(node, credentials, timeout=timeout)
        self.resources = Resources(self.connection)
        self._machine = MachineServiceStub(self.connection.channel)
        self.cluster = ClusterCalls(self.connection)
        self._storage = StorageServiceStub(self.connection.channel)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.connection.close()

    async def version(self) -> NodeVersion:
        """What runs on the node. Talos up to 1.12 does not say in maintenance."""
        found = self._one((await self.connection.ask(self._machine.Version, Empty())).messages)
        info = found.version
        return NodeVersion(
            tag=printable(info.tag),
            sha=printable(info.sha),
            built=printable(info.built),
            os=printable(info.os),
            arch=printable(info.arch),
            platform=printable(found.platform.name),
            mode=printable(found.platform.mode),
            rbac=found.features.rbac,
        )

    async def apply(
        self,
        config: str,
        mode: ApplyMode = ApplyMode.AUTO,
        *,
        dry_run: bool = False,
        try_seconds: int | None = None,
    ) -> Applied:
        """Give the node a configuration (YAML, the whole of it).

        `try_seconds`: after how many a TRY is undone; the node's default is 60.
        """
        request = machine_pb2.ApplyConfigurationRequest(
            data=config.encode(),
            mode=mode.name,
            dry_run=dry_run,
            try_mode_timeout=Duration(seconds=try_seconds) if try_seconds is not None else None,
        )
        reply = await self.connection.ask(self._machine.ApplyConfiguration, request)
        found = self._one(reply.messages)
        name = _MODES.Name(found.mode) if found.mode in _MODES.values() else "AUTO"
        details = printable(found.mode_details, _LONGEST_DIFFERENCE)
        return Applied(ApplyMode[name], details, tuple(map(printable, found.warnings)))

    async def rollback(self) -> None:
        """Make the other slot the first again, and reboot into it."""
        await self.connection.ask(self._machine.Rollback, machine_pb2.RollbackRequest())

    async def reboot(self, *, power_cycle: bool = False, force: bool = False) -> str:
        """Reboot; `power_cycle` without kexec, `force` without ending services. Returns the actor id."""
        mode = "FORCE" if force else "POWERCYCLE" if power_cycle else "DEFAULT"
        reply = await self.connection.ask(self._machine.Reboot, machine_pb2.RebootRequest(mode=mode))
        return printable(self._one(reply.messages).actor_id)

    async def shutdown(self, *, force: bool = False) -> str:
        """Switch the node off. Returns the actor id."""
        reply = await self.connection.ask(self._machine.Shutdown, machine_pb2.ShutdownRequest(force=force))
        return printable(self._one(reply.messages).actor_id)

    async def reset(self, *, graceful: bool = True, reboot: bool = False, labels: Sequence[str] = ()) -> str:
        """Wipe the system disk, or only the partitions of these labels. Returns the actor id."""
        request = machine_pb2.ResetRequest(
            graceful=graceful,
            reboot=reboot,
            mode="SYSTEM_DISK",
            system_partitions_to_wipe=[
                machine_pb2.ResetPartitionSpec(label=label, wipe=True) for label in labels
            ],
        )
        reply = await self.connection.ask(self._machine.Reset, request)
        return printable(self._one(reply.messages).actor_id)

    async def events(self, *, tail: int = 0, after: str = "", seconds: int = 0) -> Answers[NodeEvent]:
        """Yield events for ever: first the last `tail` (-1: all), those after an id or of some seconds."""
        request = machine_pb2.EventsRequest(tail_events=tail, tail_id=after, tail_seconds=seconds)
        async for event in self.connection.stream(self._machine.Events, request):
            yield decode(now_ns(), self.node, event.data, event.id, event.actor_id)

    async def dmesg(self, *, follow: bool = False, tail: bool = False) -> Answers[bytes]:
        """Yield the kernel's log, a line at a time; only what comes from now on where `tail`."""
        request = machine_pb2.DmesgRequest(follow=follow, tail=tail)
        async for data in self.connection.stream(self._machine.Dmesg, request):
            yield self._bytes(data)

    async def logs(self, service: str, *, follow: bool = False, lines: int = -1) -> Answers[bytes]:
        """Yield the log of a service in pieces, the last `lines` (-1: all)."""
        request = machine_pb2.LogsRequest(namespace="system", id=service, follow=follow, tail_lines=lines)
        async for data in self.connection.stream(self._machine.Logs, request):
            yield self._bytes(data)

    async def services(self) -> Sequence[machine_pb2.ServiceInfo]:
        """The node's services."""
        return self._one((await self.connection.ask(self._machine.ServiceList, Empty())).messages).services

    async def statistics(self) -> machine_pb2.SystemStat:
        """The kernel's counters since boot."""
        return self._one((await self.connection.ask(self._machine.SystemStat, Empty())).messages)

    async def hostname(self) -> str:
        """The node's name."""
        return printable(
            self._one((await self.connection.ask(self._machine.Hostname, Empty())).messages).hostname
        )

    async def load(self) -> machine_pb2.LoadAvg:
        """How many processes wanted to run in the last 1, 5 and 15 minutes."""
        return self._one((await self.connection.ask(self._machine.LoadAvg, Empty())).messages)

    async def memory(self) -> machine_pb2.MemInfo:
        """The rows of /proc/meminfo, in KiB."""
        return self._one((await self.connection.ask(self._machine.Memory, Empty())).messages).meminfo

    async def processors(self) -> Sequence[machine_pb2.CPUInfo]:
        """The blocks of /proc/cpuinfo."""
        return self._one((await self.connection.ask(self._machine.CPUInfo, Empty())).messages).cpu_info

    async def processes(self) -> Sequence[machine_pb2.ProcessInfo]:
        """What runs."""
        return self._one((await self.connection.ask(self._machine.Processes, Empty())).messages).processes

    async def network_counters(self) -> machine_pb2.NetworkDeviceStats:
        """The counters of each interface, and their total."""
        return self._one((await self.connection.ask(self._machine.NetworkDeviceStats, Empty())).messages)

    async def disk_counters(self) -> machine_pb2.DiskStats:
        """The counters of each disk and partition, and the total of the disks."""
        return self._one((await self.connection.ask(self._machine.DiskStats, Empty())).messages)

    async def sockets(
        self, *, only: str = "all", protocols: Sequence[str] = (), owners: bool = False
    ) -> Sequence[netstat_pb2.ConnectRecord]:
        """The sockets: `only` connected, listening or all; of `protocols` such as tcp6, of all where none."""
        request = netstat_pb2.NetstatRequest(
            filter=only.upper(),
            feature=netstat_pb2.NetstatRequest.Feature(pid=owners),
            l4proto=netstat_pb2.NetstatRequest.L4proto(**dict.fromkeys(protocols or PROTOCOLS, True)),
            netns=netstat_pb2.NetstatRequest.NetNS(hostnetwork=True),
        )
        return self._one((await self.connection.ask(self._machine.Netstat, request)).messages).connectrecord

    async def meta_write(self, key: int, value: bytes) -> None:
        """Save a value in META; docs/node.md has the keys."""
        request = machine_pb2.MetaWriteRequest(key=key, value=value)
        self._one((await self.connection.ask(self._machine.MetaWrite, request)).messages)

    async def meta_delete(self, key: int) -> None:
        """Forget a value of META."""
        request = machine_pb2.MetaDeleteRequest(key=key)
        self._one((await self.connection.ask(self._machine.MetaDelete, request)).messages)

    async def mounts(self) -> Sequence[machine_pb2.MountStat]:
        """What is mounted."""
        return self._one((await self.connection.ask(self._machine.Mounts, Empty())).messages).stats

    async def disks(self) -> Sequence[storage_pb2.Disk]:
        """The whole disks."""
        return self._one((await self.connection.ask(self._storage.Disks, Empty())).messages).disks

    async def listing(self, root: str, *, depth: int = 1) -> Answers[machine_pb2.FileInfo]:
        """Yield what is below `root`, `depth` levels deep; an entry that cannot be read has its `error`."""
        request = machine_pb2.ListRequest(root=root, recurse=depth > 1, recursion_depth=depth)
        async for entry in self.connection.stream(self._machine.List, request):
            self._check(entry.metadata)
            yield entry

    async def read(self, path: str) -> Answers[bytes]:
        """Yield a file in pieces."""
        async for data in self.connection.stream(self._machine.Read, machine_pb2.ReadRequest(path=path)):
            yield self._bytes(data)

    async def capture(
        self,
        interface: str,
        *,
        promiscuous: bool = False,
        snap_len: int = 65536,
        program: Sequence[BpfInstruction] = (),
    ) -> Answers[bytes]:
        """Yield a pcap file in pieces, until closed."""
        request = machine_pb2.PacketCaptureRequest(
            interface=interface,
            promiscuous=promiscuous,
            snap_len=snap_len,
            bpf_filter=[
                machine_pb2.BPFInstruction(op=item.op, jt=item.jt, jf=item.jf, k=item.k) for item in program
            ],
        )
        async for data in self.connection.stream(self._machine.PacketCapture, request):
            yield self._bytes(data)

    def _one(self, messages: Sequence[One]) -> One:
        return only(self.node, messages)

    def _bytes(self, data: common_pb2.Data) -> bytes:
        self._check(data.metadata)
        return data.data

    def _check(self, metadata: common_pb2.Metadata) -> None:
        if metadata.error:
            raise NodeError(self.node, printable(metadata.error))
