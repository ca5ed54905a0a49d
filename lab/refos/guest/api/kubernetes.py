"""MachineService: bootstrap, etcd, kubeconfig, certificates of clients: what a node does for its cluster."""

from collections.abc import AsyncIterator

from grpclib.const import Status
from grpclib.exceptions import GRPCError

from lab.machineapi import cluster_pb2 as pb
from lab.machineapi import common_pb2
from lab.refos.guest.api.call import Call
from lab.refos.guest.cluster import Cluster
from lab.refos.guest.state.configuration import Unsupported

_PIECE = 64 << 10
_DAY, _LONGEST = 86400.0, 36500 * 86400.0


def _cluster(call: Call, what: str) -> Cluster:
    if call.node.cluster is None:
        raise Unsupported(f"{what}: this system has no Kubernetes and no etcd")
    return call.node.cluster


async def bootstrap(call: Call, request: pb.BootstrapRequest) -> pb.BootstrapResponse:
    """Begin a cluster at this node."""
    await _cluster(call, "bootstrap").bootstrap(recover=request.recover_etcd)
    return pb.BootstrapResponse(messages=[pb.Bootstrap()])


async def member_list(call: Call, request: pb.EtcdMemberListRequest) -> pb.EtcdMemberListResponse:
    """Return the members of etcd."""
    found = await _cluster(call, "member list").members()
    members = [
        pb.EtcdMember(
            id=member.id,
            hostname=member.hostname,
            peer_urls=member.peer_urls,
            client_urls=member.client_urls,
            is_learner=member.learner,
        )
        for member in found
    ]
    names = [member.hostname for member in found]
    return pb.EtcdMemberListResponse(messages=[pb.EtcdMembers(legacy_members=names, members=members)])


async def status(call: Call, request: object) -> pb.EtcdStatusResponse:
    """Return the status of this member of etcd."""
    found = await _cluster(call, "etcd status").status()
    told = pb.EtcdMemberStatus(
        member_id=found.member,
        protocol_version=found.version,
        storage_version=found.storage_version,
        db_size=found.size,
        db_size_in_use=found.in_use,
        leader=found.leader,
        raft_index=found.raft_index,
        raft_term=found.raft_term,
        raft_applied_index=found.raft_index,
        errors=found.errors,
        is_learner=found.learner,
    )
    return pb.EtcdStatusResponse(messages=[pb.EtcdStatus(member_status=told)])


async def snapshot(call: Call, request: pb.EtcdSnapshotRequest) -> AsyncIterator[common_pb2.Data]:
    """Yield etcd's database."""
    async for piece in _cluster(call, "etcd snapshot").snapshot():
        yield common_pb2.Data(data=piece)


async def kubeconfig(call: Call, request: object) -> AsyncIterator[common_pb2.Data]:
    """Yield a tar.gz with one file."""
    data = _packed(await _cluster(call, "kubeconfig").kubeconfig())
    for begin in range(0, len(data), _PIECE):
        yield common_pb2.Data(data=data[begin : begin + _PIECE])


async def client_configuration(
    call: Call, request: pb.GenerateClientConfigurationRequest
) -> pb.GenerateClientConfigurationResponse:
    """Issue a client's certificate."""
    seconds = request.crt_ttl.ToTimedelta().total_seconds() if request.HasField("crt_ttl") else _DAY
    if not 0 < seconds <= _LONGEST:
        raise GRPCError(Status.INVALID_ARGUMENT, f"crt_ttl: {seconds:g} s; more than none, at most 100 years")
    if not request.roles:
        raise GRPCError(Status.INVALID_ARGUMENT, "roles: is missing")
    made = await _cluster(call, "client configuration").client_access(list(request.roles), seconds)
    answer = pb.GenerateClientConfiguration(
        ca=made.ca, crt=made.certificate, key=made.key, talosconfig=made.talosconfig
    )
    return pb.GenerateClientConfigurationResponse(messages=[answer])


def _packed(text: bytes) -> bytes:
    import io  # not at every boot
    import tarfile

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        entry = tarfile.TarInfo("kubeconfig")
        entry.size, entry.mode = len(text), 0o600
        archive.addfile(entry, io.BytesIO(text))
    return packed.getvalue()
