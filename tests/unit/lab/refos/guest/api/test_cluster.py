"""What refos answers of clusters, META and sockets."""

import os
import socket

import pytest

from lab.clients.talos import NodeError, NodeRefused, NotOffered
from lab.refos.guest.api.netstat import _records
from lab.refos.guest.linux.processes import socket_owners
from lab.refos.guest.model import PlatformError
from lab.testing.machine_platform import MemoryPlatform, MemoryStore

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:C350 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 ffff8880 100
   1: 0100007F:C350 0200007F:0016 01 00000001:00000002 02:000000F0 00000003  1000        4 4712 2 ffff8881 20
   2: not a row
   3: 0100007F:C350 0200007F:0016 7F 00000001:00000002 7F:000000F0 00000003  1000        4 4713 2 ffff8881 20
"""
UDP6 = """\
  sl  local_address                         remote_address                        st tx_queue rx_queue
   9: 00000000000000000000000001000000:0035 00000000000000000000000000000000:0000 07 0:0 00:0 0 0 0 5 2 0 0
"""


def test_there_is_no_kubernetes(rig, play):
    async def story():
        async with rig() as it, it.client() as client:
            await it.ready()
            for ask in (client.cluster.bootstrap, client.cluster.members, client.cluster.kubeconfig):
                with pytest.raises(NotOffered, match="this system has no Kubernetes and no etcd"):
                    await ask()
            with pytest.raises(NotOffered):
                [piece async for piece in client.cluster.snapshot()]

    play(story())


def test_meta_is_kept_over_a_reboot(rig, play):
    async def story():
        async with rig() as it, it.client() as client:
            await it.ready()
            await client.meta_write(0x0A, b"{}")
            await client.meta_write(12, b"\xff")
            keys = await client.resources.all("runtime", "MetaKeys.runtime.talos.dev")
            assert {key.id: key.spec["value"] for key in keys} == {"0x0a": "{}", "0x0c": "\ufffd"}
            await client.meta_delete(12)
            with pytest.raises(NodeRefused, match="META has no key 0x0c"):
                await client.meta_delete(12)
            with pytest.raises(NodeRefused, match="keys from 0 to 255"):
                await client.meta_write(256, b"x")
            with pytest.raises(NodeRefused, match="at most 65536"):
                await client.meta_write(1, bytes(65537))
            assert "meta" in it.platform.store.texts
            store = it.platform.store
        async with rig(platform=MemoryPlatform(store=store)) as it, it.client() as client:
            keys = await client.resources.all("runtime", "MetaKeys.runtime.talos.dev")
            assert [key.id for key in keys] == ["0x0a"]

    play(story())


@pytest.mark.parametrize("text", ["", "[]", "{", '{"1": 2}', '{"x": "aa"}', '{"1": "*"}'])
def test_damaged_meta_is_no_reason_not_to_boot(rig, play, text):
    async def story():
        store = MemoryStore({"meta": text})
        async with rig(platform=MemoryPlatform(store=store)) as it, it.client() as client:
            await it.ready()
            assert await client.resources.all("runtime", "MetaKeys.runtime.talos.dev") == []

    play(story())


def test_sockets_by_state_and_protocol(rig, play):
    async def story():
        async with rig() as it, it.client() as client:
            it.platform.observer.tables |= {"net/tcp": TCP, "net/udp6": UDP6}
            both = await client.sockets(protocols=["tcp", "udp6"], owners=True)
            assert [(r.l4proto, r.localip, r.localport, r.state) for r in both] == [
                ("tcp", "127.0.0.1", 50000, 10),
                ("tcp", "127.0.0.1", 50000, 1),
                ("tcp", "127.0.0.1", 50000, 0),
                ("udp6", "::1", 53, 7),
            ]
            assert both[0].process.name == "init"
            assert (both[1].remoteip, both[1].remoteport, both[1].uid) == ("127.0.0.2", 22, 1000)
            assert (both[1].txqueue, both[1].rxqueue, both[1].tr) == (1, 2, 2)
            listening = await client.sockets(only="listening")
            assert [record.inode for record in listening] == [4711, 5]
            connected = await client.sockets(only="connected", protocols=["tcp"])
            assert [record.inode for record in connected] == [4712, 4713]

    play(story())


def test_this_host_s_own_tables_can_be_read():
    with socket.create_server(("127.0.0.1", 0)) as server, open("/proc/net/tcp") as table:
        port, inode = server.getsockname()[1], os.fstat(server.fileno()).st_ino
        found = [r for r in _records("tcp", table.read()) if r.inode == inode]
        assert [(r.localip, r.localport, r.state) for r in found] == [("127.0.0.1", port, 10)]
        assert socket_owners()[inode][0] == os.getpid()


def test_a_node_that_cannot_save_says_so(rig, play):
    async def story():
        async with rig() as it, it.client() as client:
            await it.ready()

            async def full(name, text):
                raise PlatformError("no space left")

            it.platform.store.save = full
            with pytest.raises(NodeError, match="no space left"):
                await client.meta_write(1, b"x")
            assert await client.resources.all("runtime", "MetaKeys.runtime.talos.dev") == []

    play(story())
