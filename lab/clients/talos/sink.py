"""The lab's ear for events: nodes call it over gRPC without TLS, and replay what they have since boot.

A node finds it by `talos.events.sink=HOST:PORT` on its command line, or the document EventSinkConfig.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from weakref import WeakSet

from grpclib.protocol import H2Protocol
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


class _Server(Server):
    """Ends its connections when it ends; grpclib's leaves them open, and nodes keep theirs for ever."""

    def __init__(self, sink: _Sink) -> None:
        super().__init__([sink])
        self._open: WeakSet[H2Protocol] = WeakSet()

    def _protocol_factory(self) -> H2Protocol:
        protocol = super()._protocol_factory()
        self._open.add(protocol)
        return protocol

    async def end(self) -> None:
        """Accept no more, and cut who is connected."""
        self.close()
        await self.wait_closed()
        for protocol in list(self._open):
            if (connection := getattr(protocol, "connection", None)) is not None:
                connection._transport.abort()
        await asyncio.sleep(0)  # an aborted transport closes its socket in the loop's next turn


@asynccontextmanager
async def event_sink(take: Callable[[NodeEvent], None], listener: socket.socket) -> AsyncIterator[None]:
    """Accept at a listening socket and give every event to `take`, stamped as it came.

    An event that cannot be read has a `fault`; nothing that a node sends ends the sink.
    """
    server = _Server(_Sink(take))
    await server.start(sock=listener)
    try:
        yield
    finally:
        await server.end()
