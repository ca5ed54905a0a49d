"""What a node tells unasked, heard by the lab's own receivers."""

import asyncio
import socket

from lab.clients.talos.kernellog import kernel_log
from lab.clients.talos.sink import event_sink
from lab.machineconfig import Endpoint, KernelLog
from lab.refos.guest.kernellog import line_of
from lab.refos.guest.model import KernelMessage
from lab.refos.guest.settings import NodeSettings


def listener(kind=socket.SOCK_STREAM):
    found = socket.socket(socket.AF_INET, kind)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind(("127.0.0.1", 0))
    if kind == socket.SOCK_STREAM:
        found.listen()
    return found, found.getsockname()[1]


def sink_document(port):
    return f"---\napiVersion: v1alpha1\nkind: EventSinkConfig\nendpoint: 127.0.0.1:{port}\n"


def log_document(url):
    return f"---\napiVersion: v1alpha1\nkind: KmsgLogConfig\nname: lab\nurl: {url}\n"


def test_events_come_from_the_boot_on_in_order_and_once(rig, play, config):
    async def story():
        heard = []
        server, port = listener()
        async with event_sink(heard.append, server), rig(config=config(documents=sink_document(port))) as it:
            await it.ready()
            await it.until(lambda: len(heard) >= it.node.events.next_number)
            ids = [event.id for event in it.node.events.since(0)]
            assert [event.id for event in heard] == ids
            assert not [event.fault for event in heard if event.fault]

    play(story())


def test_a_sink_that_was_away_gets_what_it_missed(rig, play, config):
    async def story():
        first, second = [], []
        server, port = listener()
        async with rig(config=config(documents=sink_document(port))) as it:
            async with event_sink(first.append, server):
                await it.ready()
                await it.until(lambda: len(first) >= it.node.events.next_number)
            it.node.service("updater", "Failed", "it broke")
            again = socket.create_server(("127.0.0.1", port))
            async with event_sink(second.append, again):
                await it.until(lambda: len(first) + len(second) >= it.node.events.next_number)
            ids = [event.id for event in it.node.events.since(0)]
            assert [event.id for event in [*first, *second]] == ids

    play(story())


def test_a_reboot_is_told_before_it_happens(rig, play, config):
    async def story():
        heard = []
        server, port = listener()
        async with event_sink(heard.append, server), rig(config=config(documents=sink_document(port))) as it:
            await it.ready()
            async with it.client() as client:
                await client.reboot()
            await it.until(lambda: it.platform.left == ["reboot"])
            told = [event.fields for event in heard if event.kind == "SequenceEvent"]
            assert told[-1]["sequence"] == "reboot"

    play(story())


def test_the_kernels_log_over_tcp(rig, play, config):
    async def story():
        lines = []
        server, port = listener()
        url = f"tcp://127.0.0.1:{port}"
        async with kernel_log(lines.append, server), rig(config=config(documents=log_document(url))) as it:
            await it.until(lambda: len(lines) == 2)
            assert [(line.message, line.clock_us, line.sequence) for line in lines] == [
                ("Booting Linux", 0, 0),
                ("a device", 1_000_000, 1),
            ]
            assert not any(line.fault for line in lines)

    play(story())


def test_the_kernels_log_over_udp_until_the_configuration_says_otherwise(rig, play, config):
    async def story():
        receiver, port = listener(socket.SOCK_DGRAM)
        receiver.setblocking(False)
        with receiver:
            url = f"udp://127.0.0.1:{port}"
            async with rig(config=config(documents=log_document(url))) as it:
                loop = asyncio.get_running_loop()
                assert b"Booting Linux" in await loop.sock_recv(receiver, 4096)
                async with it.client() as client:
                    await client.apply(config())
                await it.ready()
                assert it.node._reporting._tasks == {}

    play(story())


def told_by_the_command_line(events_port, kernel_port=1):
    log = KernelLog("talos.logging.kernel", "tcp", Endpoint("127.0.0.1", kernel_port))
    return NodeSettings(retry=0.05, event_sink=Endpoint("127.0.0.1", events_port), kernel_logs=(log,))


def test_a_node_without_a_configuration_tells_whom_the_command_line_names(rig, play):
    async def story():
        heard, lines = [], []
        events, events_port = listener()
        kernel, kernel_port = listener()
        settings = told_by_the_command_line(events_port, kernel_port)
        async with (
            event_sink(heard.append, events),
            kernel_log(lines.append, kernel),
            rig(config=None, settings=settings) as it,
        ):
            await it.until(lambda: len(lines) == 2 and len(heard) >= it.node.events.next_number)
            assert it.node.maintenance
            assert [event.id for event in heard] == [event.id for event in it.node.events.since(0)]

    play(story())


def test_a_configuration_names_another_sink_and_one_more_receiver_of_the_log(rig, play, config):
    async def story():
        first, second = [], []
        old, old_port = listener()
        new, new_port = listener()
        documents = sink_document(new_port) + log_document("tcp://127.0.0.1:1")
        documents += log_document("udp://127.0.0.1:1").replace("name: lab", "name: more")
        settings = told_by_the_command_line(old_port)
        async with (
            event_sink(first.append, old),
            event_sink(second.append, new),
            rig(config=config(documents=documents), settings=settings) as it,
        ):
            await it.until(lambda: len(second) >= it.node.events.next_number)
            assert first == []
            served = [r.transport for r in it.node._reporting._tasks if isinstance(r, KernelLog)]
            assert sorted(served) == ["tcp", "udp"]  # the one that both name is served once

    play(story())


def test_a_line_has_the_keys_of_talos():
    message = KernelMessage(7, 4, 3, 1_500_000, "text")
    assert line_of(message, 1_700_000_000.0) == (
        b'{"msg": "text", "talos-time": "2023-11-14T22:13:21.500000Z", "talos-level": "warning", '
        b'"facility": "daemon", "seq": 7, "clock": 1500000, "priority": 4}\n'
    )
