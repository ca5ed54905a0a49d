"""Numbers on the wire are those of Talos 1.12 to 1.14: written by hand here, read by the generated code."""

import pytest
from google.protobuf.message import Message

from lab.machineapi import (
    cluster_pb2,
    events_pb2,
    lifecycle_pb2,
    machine_pb2,
    netstat_pb2,
    resource_pb2,
    siderolink_pb2,
    storage_pb2,
)
from lab.machineapi.events_grpc import EventSinkServiceBase
from lab.machineapi.lifecycle_grpc import ImageServiceBase, LifecycleServiceBase
from lab.machineapi.machine_grpc import MachineServiceBase
from lab.machineapi.resource_grpc import StateBase
from lab.machineapi.siderolink_grpc import ProvisionServiceBase
from lab.machineapi.storage_grpc import StorageServiceBase

BYTES, VARINT = 2, 0


def number(field: int, value: int) -> bytes:
    return varint(field << 3 | VARINT) + varint(value)


def text(field: int, value: bytes) -> bytes:
    return varint(field << 3 | BYTES) + varint(len(value)) + value


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


CASES: list[tuple[Message, bytes]] = [
    (
        machine_pb2.ApplyConfigurationRequest(
            data=b"x", mode="TRY", dry_run=True, try_mode_timeout={"seconds": 60}
        ),
        text(1, b"x") + number(4, 4) + number(5, 1) + text(6, number(1, 60)),
    ),
    (
        machine_pb2.ApplyConfigurationResponse(
            messages=[{"warnings": ["w"], "mode": "STAGED", "mode_details": "d"}]
        ),
        text(1, text(2, b"w") + number(3, 3) + text(4, b"d")),
    ),
    (
        machine_pb2.VersionResponse(
            messages=[
                {
                    "version": {"tag": "v1", "sha": "s", "built": "b", "os": "linux", "arch": "arm64"},
                    "platform": {"name": "metal", "mode": "metal"},
                    "features": {"rbac": True},
                }
            ]
        ),
        text(
            1,
            text(2, text(1, b"v1") + text(2, b"s") + text(3, b"b") + text(5, b"linux") + text(6, b"arm64"))
            + text(3, text(1, b"metal") + text(2, b"metal"))
            + text(4, number(1, 1)),
        ),
    ),
    (
        machine_pb2.UpgradeRequest(
            image="i", preserve=True, stage=True, force=True, reboot_mode="POWERCYCLE"
        ),
        text(1, b"i") + number(2, 1) + number(3, 1) + number(4, 1) + number(5, 1),
    ),
    (
        machine_pb2.ResetRequest(
            graceful=True,
            reboot=True,
            system_partitions_to_wipe=[{"label": "STATE", "wipe": True}],
            user_disks_to_wipe=["/dev/vdb"],
            mode="USER_DISKS",
        ),
        number(1, 1)
        + number(2, 1)
        + text(3, text(1, b"STATE") + number(2, 1))
        + text(4, b"/dev/vdb")
        + number(5, 2),
    ),
    (
        machine_pb2.EventsRequest(tail_events=5, tail_id="id", tail_seconds=9, with_actor_id="a"),
        number(1, 5) + text(2, b"id") + number(3, 9) + text(4, b"a"),
    ),
    (
        machine_pb2.MachineStatusEvent(
            stage="RUNNING", status={"ready": True, "unmet_conditions": [{"name": "time", "reason": "r"}]}
        ),
        number(1, 4) + text(2, number(1, 1) + text(2, text(1, b"time") + text(2, b"r"))),
    ),
    (
        machine_pb2.SequenceEvent(sequence="boot", action="STOP", error={"code": "LOCKED", "message": "x"}),
        text(1, b"boot") + number(2, 2) + text(3, number(1, 1) + text(2, b"x")),
    ),
    (
        machine_pb2.LogsRequest(namespace="system", id="apid", follow=True, tail_lines=7),
        text(1, b"system") + text(2, b"apid") + number(4, 1) + number(5, 7),
    ),
    (
        machine_pb2.PacketCaptureRequest(
            interface="eth0", promiscuous=True, snap_len=96, bpf_filter=[{"op": 1, "jt": 2, "jf": 3, "k": 4}]
        ),
        text(1, b"eth0")
        + number(2, 1)
        + number(3, 96)
        + text(4, number(1, 1) + number(2, 2) + number(3, 3) + number(4, 4)),
    ),
    (
        lifecycle_pb2.LifecycleServiceUpgradeRequest(
            containerd={"namespace": "NS_SYSTEM"}, source={"image_name": "i"}
        ),
        text(1, number(2, 1)) + text(2, text(1, b"i")),
    ),
    (
        lifecycle_pb2.LifecycleServiceUpgradeResponse(progress={"exit_code": 1}),
        text(1, number(2, 1)),
    ),
    (lifecycle_pb2.ImageServicePullRequest(image_ref="i"), text(3, b"i")),
    (
        resource_pb2.WatchRequest(
            namespace="runtime", type="T", id="machine", options={"bootstrap_contents": True}, api_version=1
        ),
        text(1, b"runtime") + text(2, b"T") + text(3, b"machine") + text(4, number(1, 1)) + number(5, 1),
    ),
    (
        resource_pb2.WatchResponse(
            event=[
                {
                    "resource": {
                        "metadata": {"id": "machine", "version": "2"},
                        "spec": {"yaml_spec": "a: 1"},
                    },
                    "event_type": "UPDATED",
                }
            ]
        ),
        text(
            1,
            text(1, text(1, text(3, b"machine") + text(4, b"2")) + text(2, text(2, b"a: 1"))) + number(2, 1),
        ),
    ),
    (
        storage_pb2.DisksResponse(
            messages=[
                {"disks": [{"size": 300, "device_name": "/dev/vda", "type": "HDD", "system_disk": True}]}
            ]
        ),
        text(1, text(2, number(1, 300) + text(3, b"/dev/vda") + number(9, 2) + number(11, 1))),
    ),
    (events_pb2.EventRequest(id="i", actor_id="a"), text(2, b"i") + text(3, b"a")),
    (
        cluster_pb2.BootstrapRequest(recover_etcd=True, recover_skip_hash_check=True),
        number(1, 1) + number(2, 1),
    ),
    (
        cluster_pb2.EtcdMemberListResponse(
            messages=[
                {
                    "legacy_members": ["n"],
                    "members": [
                        {
                            "id": 9,
                            "hostname": "n",
                            "peer_urls": ["p"],
                            "client_urls": ["c"],
                            "is_learner": True,
                        }
                    ],
                }
            ]
        ),
        text(
            1,
            text(2, b"n")
            + text(3, number(2, 9) + text(3, b"n") + text(4, b"p") + text(5, b"c") + number(6, 1)),
        ),
    ),
    (
        cluster_pb2.EtcdMemberStatus(
            protocol_version="3.6.4",
            db_size=1,
            db_size_in_use=2,
            leader=3,
            raft_index=4,
            raft_term=5,
            raft_applied_index=6,
            errors=["e"],
            is_learner=True,
            member_id=7,
            storage_version="3.6.0",
        ),
        text(1, b"3.6.4")
        + b"".join(number(field, field - 1) for field in range(2, 8))
        + text(8, b"e")
        + number(9, 1)
        + number(10, 7)
        + text(11, b"3.6.0"),
    ),
    (
        cluster_pb2.GenerateClientConfigurationRequest(roles=["os:reader"], crt_ttl={"seconds": 60}),
        text(1, b"os:reader") + text(2, number(1, 60)),
    ),
    (
        cluster_pb2.GenerateClientConfiguration(ca=b"a", crt=b"b", key=b"c", talosconfig=b"d"),
        text(2, b"a") + text(3, b"b") + text(4, b"c") + text(5, b"d"),
    ),
    (machine_pb2.MetaWriteRequest(key=12, value=b"v"), number(1, 12) + text(2, b"v")),
    (machine_pb2.MetaDeleteRequest(key=12), number(1, 12)),
    (
        netstat_pb2.NetstatRequest(
            filter="LISTENING", feature={"pid": True}, l4proto={"tcp": True, "raw6": True}
        ),
        number(1, 2) + text(2, number(1, 1)) + text(3, number(1, 1) + number(8, 1)),
    ),
    (
        netstat_pb2.ConnectRecord(
            l4proto="tcp",
            localip="l",
            localport=1,
            remoteip="r",
            remoteport=2,
            state="LISTEN",
            tr="KEEPALIVE",
            uid=3,
            inode=4,
            process={"pid": 5, "name": "n"},
        ),
        text(1, b"tcp")
        + text(2, b"l")
        + number(3, 1)
        + text(4, b"r")
        + number(5, 2)
        + number(6, 10)
        + number(9, 2)
        + number(12, 3)
        + number(14, 4)
        + text(17, number(1, 5) + text(2, b"n")),
    ),
    (
        siderolink_pb2.ProvisionRequest(
            node_uuid="u", node_public_key="k", join_token="t", node_unique_token="x", talos_version="v"
        ),
        text(1, b"u") + text(2, b"k") + text(3, b"t") + text(4, b"x") + text(5, b"v"),
    ),
    (
        siderolink_pb2.ProvisionResponse(
            server_endpoint=["e"],
            server_public_key="k",
            node_address_prefix="p",
            server_address="a",
            grpc_peer_addr_port="g",
        ),
        text(1, b"e") + text(3, b"k") + text(4, b"p") + text(5, b"a") + text(6, b"g"),
    ),
]


@pytest.mark.parametrize(("message", "wire"), CASES, ids=[type(m).__name__ for m, _ in CASES])
def test_message_is_on_the_wire_as_talos_has_it(message: Message, wire: bytes) -> None:
    assert message.SerializeToString(deterministic=True) == wire
    assert type(message).FromString(wire) == message


def test_calls_have_the_paths_of_talos() -> None:
    paths = [
        path
        for base in (
            MachineServiceBase,
            LifecycleServiceBase,
            ImageServiceBase,
            StorageServiceBase,
            StateBase,
            EventSinkServiceBase,
            ProvisionServiceBase,
        )
        for path in concrete(base)().__mapping__()
    ]
    machine = (
        "Version ApplyConfiguration Upgrade Rollback Reboot Reset Shutdown Events Dmesg Logs ServiceList"
    )
    more = "SystemStat Mounts List Read PacketCapture"
    usage = "Hostname LoadAvg Memory CPUInfo Processes DiskStats NetworkDeviceStats"
    cluster = "Bootstrap Kubeconfig EtcdMemberList EtcdStatus EtcdSnapshot GenerateClientConfiguration"
    names = f"{machine} {more} {usage} {cluster} MetaWrite MetaDelete Netstat"
    assert sorted(paths) == sorted(
        [
            *(f"/machine.MachineService/{name}" for name in names.split()),
            "/machine.LifecycleService/Install",
            "/machine.LifecycleService/Upgrade",
            "/machine.ImageService/Pull",
            "/storage.StorageService/Disks",
            *(f"/cosi.resource.State/{name}" for name in ("Get", "List", "Watch")),
            "/events.EventSinkService/Publish",
            "/sidero.link.ProvisionService/Provision",
        ]
    )


def concrete(base: type) -> type:
    """A service whose calls do nothing: enough to see what it offers."""

    async def nothing(self: object, stream: object) -> None:
        return None

    return type("Nothing", (base,), dict.fromkeys(base.__abstractmethods__, nothing))
