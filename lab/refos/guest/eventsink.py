"""Publishing a node's events: gRPC without TLS, this boot's first one first, resumed after a loss."""

import asyncio
from typing import TYPE_CHECKING

from google.protobuf.any_pb2 import Any
from grpclib.client import Channel
from grpclib.exceptions import GRPCError, ProtocolError, StreamTerminatedError

from lab.machineapi.events_grpc import EventSinkServiceStub
from lab.machineapi.events_pb2 import EventRequest
from lab.machineconfig import Endpoint

if TYPE_CHECKING:
    from lab.refos.guest.node import Node

_TIMEOUT = 10.0
_LONGEST_PAUSE = 5.0
_TYPE = "type.googleapis.com/"


async def publish(node: "Node", sink: Endpoint) -> None:
    """Send events until cancelled; a sink that is not there is tried again."""
    pause = 0.2
    while True:
        channel = Channel(sink.host, sink.port)
        try:
            await _send_all(node, EventSinkServiceStub(channel))
        except (OSError, GRPCError, ProtocolError, StreamTerminatedError, TimeoutError):
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        finally:
            channel.close()


async def _send_all(node: "Node", stub: EventSinkServiceStub) -> None:
    while True:
        for event in node.events.since(node.events_sent):
            data = Any(type_url=_TYPE + event.name, value=event.payload)
            request = EventRequest(data=data, id=event.id, actor_id=event.actor)
            await stub.Publish(request, timeout=_TIMEOUT)
            node.events_sent = event.number + 1
        if node.events_sent == node.events.next_number:
            await node.changed.wait(_TIMEOUT)
