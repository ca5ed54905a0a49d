"""What can be looked at, streams, and callers that misbehave."""

import asyncio
import struct

import pytest
from google.protobuf.empty_pb2 import Empty
from grpclib.client import UnaryUnaryMethod
from grpclib.const import Cardinality, Status
from grpclib.exceptions import GRPCError

from lab.clients.talos import NodeError
from lab.machineapi import lifecycle_grpc, machine_grpc, machine_pb2, resource_grpc, storage_grpc
from lab.refos.guest.api.access import Role, role_of
from lab.refos.guest.api.methods import METHODS
from lab.refos.guest.model import Packet


def test_every_call_of_the_proto_files_is_answered_with_its_types():
    class Anything:
        def __getattr__(self, name):
            return None

    offered = {}
    for base in (
        machine_grpc.MachineServiceBase,
        lifecycle_grpc.LifecycleServiceBase,
        lifecycle_grpc.ImageServiceBase,
        storage_grpc.StorageServiceBase,
        resource_grpc.StateBase,
    ):
        offered |= base.__mapping__(Anything())
    assert set(offered) == set(METHODS)
    for path, handler in offered.items():
        method = METHODS[path]
        assert (handler.request_type, handler.reply_type) == (method.request, method.reply), path
        assert handler.cardinality is method.cardinality, path


def test_everything_that_is_seen(rig, play):
    async def story():
        async with rig() as it, it.client() as client:
            await it.ready()
            assert (await client.statistics()).context_switches == 7
            assert [mount.mounted_on for mount in await client.mounts()] == ["/state"]
            services = {service.id: service for service in await client.services()}
            assert services["apid"].state == "Running"
            assert services["storage"].health.healthy
            assert b"".join([part async for part in client.read("/etc/hostname")]) == b"refos\n"
            with pytest.raises(NodeError, match="no such file"):
                [part async for part in client.read("/etc/shadow")]
            assert [entry.name async for entry in client.listing("/etc")] == ["/etc", "/etc/hostname"]
            log = b"".join([part async for part in client.dmesg()])
            assert log == b"<6>[     0.000000] Booting Linux\n<6>[     1.000000] a device\n"
            lines = b"".join([part async for part in client.logs("machined")])
            assert b"stage running" in lines
            with pytest.raises(NodeError, match="was not registered"):
                [part async for part in client.logs("kubelet")]
            status = await client.resources.machine_status()
            assert (status.stage, status.ready) == ("running", True)
            assert (await client.resources.resolvers()).servers == ()

    play(story())


def test_events_are_followed(rig, play, config):
    async def story():
        async with rig() as it, it.client() as client, it.client() as other:
            await it.ready()
            seen = []

            async def follow():
                async for event in client.events(tail=-1):
                    seen.append(event)
                    if "UPGRADING" in str(event) or "upgrading" in str(event):
                        return

            following = asyncio.ensure_future(follow())
            await it.until(lambda: len(seen) > 3)
            async for _ in other.resources.watch("runtime", "MachineStatuses.runtime.talos.dev", "machine"):
                break
            await other.reboot()
            await it.until(lambda: it.platform.left == ["reboot"])
            await it.until(lambda: len(seen) >= it.node.events.next_number)
            following.cancel()

    play(story())


def test_packets_are_a_pcap_file(rig, play):
    async def story():
        async with rig() as it, it.client("os:operator") as client:
            it.platform.observer.packets = [Packet(1.5, b"abcdef", 6), Packet(2.0, b"gh", 2)]
            data = b""
            async for part in client.capture("eth0", snap_len=4):
                data += part
                if len(data) >= 24 + 16 + 4 + 16 + 2:
                    break
            assert struct.unpack_from("<IHHiIII", data) == (0xA1B2C3D4, 2, 4, 0, 0, 4, 1)
            assert struct.unpack_from("<IIII", data, 24) == (1, 500000, 4, 6)
            assert data[40:44] == b"abcd"
            # A caller that goes away ends its stream
            await it.until(lambda: it.platform.observer.captures_open == 0)
            with pytest.raises(NodeError, match="no such interface"):
                [part async for part in client.capture("eth9")]

    play(story())


async def _version(it, metadata):
    async with it.client() as client:
        stub = machine_grpc.MachineServiceStub(client.connection.channel)
        return await stub.Version(Empty(), metadata=metadata)


def test_a_node_answers_for_itself_only(rig, play):
    async def story():
        async with rig() as it:
            await it.ready()
            found = await _version(it, [("nodes", "192.0.2.10")])
            assert found.messages[0].metadata.hostname == "192.0.2.10"
            assert (await _version(it, [("node", "refos")])).messages[0].metadata.hostname == ""
            for metadata in ([("node", "192.0.2.99")], [("nodes", "192.0.2.10"), ("nodes", "192.0.2.99")]):
                with pytest.raises(GRPCError, match="no request forwarding"):
                    await _version(it, metadata)

    play(story())


def test_a_request_that_is_too_large_ends_with_an_error_and_the_node_lives(rig, play):
    async def story():
        async with rig() as it:
            await it.ready()
            async with it.client() as client:
                stub = machine_grpc.MachineServiceStub(client.connection.channel)
                huge = machine_pb2.ApplyConfigurationRequest(data=bytes(40 << 20))
                with pytest.raises(GRPCError, match="received more than 33554432 bytes"):
                    await stub.ApplyConfiguration(huge)
                large = machine_pb2.ApplyConfigurationRequest(data=bytes(2 << 20))
                with pytest.raises(GRPCError, match="at most 1048576 are read"):
                    await stub.ApplyConfiguration(large)
            async with it.client() as client:
                assert await client.version()

    play(story())


def test_what_is_no_request_is_the_callers_fault(rig, play):
    async def story():
        async with rig() as it, it.client() as client:
            path = "/machine.MachineService/Reboot"
            method = UnaryUnaryMethod(client.connection.channel, path, _Raw, machine_pb2.RebootResponse)
            with pytest.raises(GRPCError, match="cannot be read"):
                await method(_Raw(b"\x0b\x0b\x0b"))  # groups that never end

    play(story())


@pytest.mark.parametrize(
    ("data", "status", "said"),
    [
        (b"\x01\x00\x00\x00\x00", Status.UNIMPLEMENTED, "compressed messages are not read"),
        (b"\x00\x00\x00", Status.INVALID_ARGUMENT, "cannot be read"),
        (b"\x00\x00\x00\x00\x07abc", Status.INVALID_ARGUMENT, "cannot be read"),
    ],
    ids=["compressed", "cut in its head", "cut"],
)
def test_messages_that_grpclib_would_not_send(rig, play, data, status, said):
    async def send(channel):
        path, many = "/machine.MachineService/Version", Cardinality.STREAM_UNARY
        async with channel.request(path, many, Empty, machine_pb2.VersionResponse) as call:
            await call.send_request()
            await call._stream.send_data(data)
            await call.end()

    async def story():
        async with rig() as it, it.client() as client:
            with pytest.raises(GRPCError, match=said) as refused:
                await send(client.connection.channel)
            assert refused.value.status is status

    play(story())


class _Raw:
    """Bytes that a codec takes for a message."""

    def __init__(self, data):
        self.data = data

    def SerializeToString(self):
        return self.data


@pytest.mark.parametrize(
    ("organizations", "role"),
    [
        ([], Role.NONE),
        (["os:nobody"], Role.NONE),
        (["os:reader"], Role.READER),
        (["os:reader", "os:admin"], Role.ADMIN),
    ],
)
def test_the_role_is_the_organization(organizations, role):
    subject = tuple((("organizationName", name),) for name in organizations)
    assert role_of({"subject": subject}) is role
    assert role_of(None) is Role.NONE
