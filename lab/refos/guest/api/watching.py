"""MachineService: events and logs, as they are and as they come; a reader too slow for them is told so."""

from collections.abc import AsyncIterator

from google.protobuf.any_pb2 import Any
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from lab.machineapi import common_pb2
from lab.machineapi import machine_pb2 as pb
from lab.refos.guest.api.call import Call
from lab.refos.guest.state.eventlog import Recorded

_TYPE = "talos/runtime/"


async def events(call: Call, request: pb.EventsRequest) -> AsyncIterator[pb.Event]:
    """Yield past events as asked for, then new ones for ever."""
    log, node = call.node.events, call.node
    number = log.start_of(
        tail=request.tail_events, after_id=request.tail_id, seconds=request.tail_seconds, now=node.now()
    )
    while True:
        if number < log.first_number:
            raise GRPCError(Status.RESOURCE_EXHAUSTED, "the reader is too slow: events were lost")
        for event in log.since(number):
            number = event.number + 1
            if not request.with_actor_id or event.actor == request.with_actor_id:
                yield _event(event)
        if number == log.next_number:
            await node.changed.wait()


def _event(event: Recorded) -> pb.Event:
    data = Any(type_url=_TYPE + event.name, value=event.payload)
    return pb.Event(data=data, id=event.id, actor_id=event.actor)


async def dmesg(call: Call, request: pb.DmesgRequest) -> AsyncIterator[common_pb2.Data]:
    """Yield the kernel's log, a message each."""
    log = call.node.platform.observer.kernel_log(follow=request.follow, tail=request.tail)
    async for message in log:
        stamp = f"{message.clock / 1e6:.6f}"
        line = f"<{message.facility * 8 + message.priority}>[{stamp:>13}] {message.text}\n"
        yield common_pb2.Data(data=line.encode())


async def logs(call: Call, request: pb.LogsRequest) -> AsyncIterator[common_pb2.Data]:
    """Yield the lines of a service."""
    book = call.node.logs
    if request.namespace not in ("", "system"):
        raise GRPCError(Status.NOT_FOUND, f"namespace {request.namespace!r}: there is only system")
    known = {*book.services, *call.node.services.services}
    if request.id not in known:
        raise GRPCError(
            Status.NOT_FOUND, f"log {request.id!r} was not registered; there are {', '.join(sorted(known))}"
        )
    number = book.start_of(request.id, request.tail_lines or -1)
    while True:
        for at, line in book.since(request.id, number):
            number = at + 1
            yield common_pb2.Data(data=f"{line}\n".encode())
        if not request.follow:
            return
        if not book.since(request.id, number):
            await book.changed.wait()
