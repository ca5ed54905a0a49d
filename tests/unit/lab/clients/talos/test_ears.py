import asyncio
import json
import socket
import struct
from typing import Any

import pytest
from google.protobuf.any_pb2 import Any as Packed
from grpclib.client import Channel
from grpclib.const import Status
from grpclib.exceptions import GRPCError
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.clients.talos.ears import Ears, listening
from lab.clients.talos.events import decode, milestones, summary
from lab.clients.talos.kernellog import parse
from lab.clients.talos.model import NodeEvent
from lab.errors import InfrastructureError
from lab.machineapi import machine_pb2
from lab.machineapi.events_grpc import EventSinkServiceStub
from lab.machineapi.events_pb2 import EventRequest

PREFIX = "type.googleapis.com/machine."


def publish(port: int, *events: EventRequest) -> None:
    async def run() -> None:
        async with Channel("127.0.0.1", port) as channel:
            for event in events:
                await EventSinkServiceStub(channel).Publish(event)

    asyncio.run(run())


def event(kind: str, message: object, id: str = "1") -> EventRequest:
    return EventRequest(
        data=Packed(type_url=PREFIX + kind, value=message.SerializeToString()), id=id, actor_id="a"
    )


def test_events_of_a_node_become_milestones() -> None:
    ready = machine_pb2.MachineStatusEvent(stage="RUNNING", status={"ready": True})
    boot = machine_pb2.SequenceEvent(sequence="boot", action="START")
    failed = machine_pb2.SequenceEvent(sequence="upgrade", action="NOOP", error={"message": "no space"})
    with listening("127.0.0.1") as ears:
        publish(
            ears.events_port,
            event("SequenceEvent", boot),
            event("SequenceEvent", failed),
            event("MachineStatusEvent", ready, "4"),
        )
        found = ears.milestones()
        names = [milestone.name for milestone in found]
    assert names == ["sequence-boot", "sequence-upgrade-failed", "node-running", "node-ready"]
    assert sorted(m.t_ns for m in found) == [m.t_ns for m in found]
    assert "no space" in found[1].detail


def test_event_can_be_waited_for() -> None:
    with listening("127.0.0.1") as ears:
        publish(ears.events_port, event("TaskEvent", machine_pb2.TaskEvent(task="x"), "7"))
        found = ears.wait(lambda e: getattr(e, "kind", "") == "TaskEvent", 30)
        assert isinstance(found, NodeEvent)
        assert (found.node, found.id, found.actor_id, found.fields["task"]) == ("127.0.0.1", "7", "a", "x")
        with pytest.raises(TimeoutError, match=r"nothing of the kind .* within 0\.01 s"):
            ears.wait(lambda record: True, 0.01)


def test_nodes_that_stay_connected_are_let_go_at_the_end() -> None:
    with listening("127.0.0.1") as ears:
        node = socket.create_connection(("127.0.0.1", ears.events_port), timeout=60)
        assert node.recv(1)  # it was accepted: the settings of HTTP/2
    with node:
        while node.recv(4096):
            pass


def test_event_without_end_is_refused_before_it_is_read() -> None:
    with listening("127.0.0.1") as ears:
        big = EventRequest(data=Packed(type_url="x", value=bytes(2 << 20)))
        with pytest.raises(GRPCError) as refused:
            publish(ears.events_port, big)
        assert refused.value.status is Status.RESOURCE_EXHAUSTED
        publish(ears.events_port, event("TaskEvent", machine_pb2.TaskEvent(task="after")))
        assert heard(ears).fields["task"] == "after"


def test_port_that_is_taken_is_the_labs_fault() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        ears = listening("127.0.0.1", kernel_port=port)
        with pytest.raises(InfrastructureError, match=r"cannot listen for nodes at 127\.0\.0\.1"):
            ears.__enter__()


def heard(ears: Ears) -> Any:
    return ears.wait(lambda record: True, 30)


def send(ears: Ears, *pieces: bytes) -> None:
    with socket.create_connection(("127.0.0.1", ears.kernel_port), timeout=30) as peer:
        for piece in pieces:
            peer.sendall(piece)


def test_kernel_messages_carry_the_kernels_own_clock() -> None:
    line = {
        "msg": "Linux version 6.1\n",
        "talos-time": "2026-11-22T14:00:00.1Z",
        "talos-level": "info",
        "facility": "kern",
        "seq": 7,
        "clock": 1234567,
        "priority": 6,
    }
    with listening("127.0.0.1") as ears:
        text = json.dumps(line).encode()
        send(ears, text[:20], text[20:] + b"\n" + b'{"msg": "torn')
        found = heard(ears)
        with pytest.raises(TimeoutError):  # the torn last line is none
            ears.wait(lambda record: True, 0.01)
    assert (found.message, found.clock_us, found.sequence, found.priority) == (
        "Linux version 6.1",
        1234567,
        7,
        6,
    )
    assert (found.node, found.facility, found.level, found.fault) == ("127.0.0.1", "kern", "info", "")


def test_line_without_end_is_cut_off() -> None:
    with listening("127.0.0.1") as ears:
        with socket.create_connection(("127.0.0.1", ears.kernel_port), timeout=30) as peer:
            try:
                for _ in range(64):
                    peer.sendall(bytes(8192))
            except OSError:
                pass  # we were cut off
            assert heard(ears).fault == "a line of more than 65536 bytes"
        send(ears, b'{"msg": "others are heard"}\n')
        assert heard(ears).message == "others are heard"


@settings(max_examples=60)
@given(
    st.binary()
    | st.text().map(str.encode)
    | st.recursive(
        st.none() | st.integers() | st.text() | st.floats(),
        lambda i: st.lists(i) | st.dictionaries(st.sampled_from(["msg", "seq", "clock", "facility", "x"]), i),
    ).map(lambda v: json.dumps(v).encode())
)
def test_any_line_is_a_record(line: bytes) -> None:
    found = parse(1, "n", line)
    assert found.message.isprintable() or "\n" in found.message or "\t" in found.message
    assert found.fault or isinstance(json.loads(line)["msg"], str)


@pytest.mark.parametrize("line", [b"[" * 100_000, b"9" * 5000, b"\xff\xfe", b'{"msg": 5}', b"null"])
def test_line_that_is_no_message(line: bytes) -> None:
    assert parse(1, "n", line).fault


@given(
    st.sampled_from([PREFIX, "talos/runtime/machine.", ""]),
    st.sampled_from(["SequenceEvent", "MachineStatusEvent", "AddressEvent", "NoSuch"]) | st.text(),
    st.binary(),
    st.text(),
)
def test_any_event_is_a_record(prefix: str, kind: str, value: bytes, id: str) -> None:
    found = decode(1, "n", Packed(type_url=prefix + kind, value=value), id, "")
    assert "\n" not in summary(found)
    for milestone in milestones(found):
        assert milestone.t_ns == 1


def test_unknown_enum_is_a_number() -> None:
    wire = struct.pack("BB", 1 << 3, 99)
    found = decode(1, "n", Packed(type_url=PREFIX + "MachineStatusEvent", value=wire), "", "")
    assert found.fields["stage"] == 99
    assert [m.name for m in milestones(found)] == ["node-99"]
