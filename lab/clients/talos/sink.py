"""The lab's ear for events: nodes call it over gRPC without TLS, and replay what they have since boot.

A node finds it by `talos.events.sink=HOST:PORT` on its command line, or the document EventSinkConfig.
"""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from grpclib.server import Server, Stream

from lab.clients.talos.events import decode
from lab.clients.talos.model import NodeEvent
from lab.clock import now_ns
from lab.machineapi.events_grpc import EventSinkServiceBase
from lab.machineapi.events_pb2 import EventRequest, EventResponse
from lab.machineapi.limits import limit_messages

_MAX_EVENT = 1 << 20  # bytes; events of real nodes are some hundred


class _Sink(EventSinkServiceBase):
    def __init__(self, take: Callable[[NodeEvent], None]) -> None:
        self._take = take

    async def Publish(self, stream: "Stream[EventRequest, EventResponse]") -> None:
        limit_messages(stream, _MAX_EVENT)
        request = await stream.recv_message()
        t_ns = now_ns()
        if request is None:
            return
        peer = stream.peer.addr() if stream.peer is not None else None
        node = peer[0] if peer else ""
        self._take(decode(t_ns, node, request.data, request.id, request.actor_id))
        await stream.send_message(EventResponse())


@asynccontextmanager
async def event_sink(take: Callable[[NodeEvent], None], listener: socket.socket) -> AsyncIterator[None]:
    """Accept at a listening socket and give every event to `take`, stamped as it came.

    An event that cannot be read has a `fault`; nothing that a node sends ends the sink.
    """
    server = Server([_Sink(take)])
    await server.start(sock=listener)
    try:
        yield
    finally:
        server.close()
        await server.wait_closed()
